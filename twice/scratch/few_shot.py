"""Few examples of each class: pairs and episodes to learn from, prototypes, and linear probes.

Indices and labels here; the losses on embeddings are in `twice.scratch.contrastive`.
"""

from typing import NamedTuple

import numpy as np

from twice.scratch.backpropagation import Dense
from twice.scratch.initializers import zeros
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.normalization import BatchNormalization
from twice.scratch.quasi_newton import lbfgs
from twice.scratch.regularization import L2, Regularized
from twice.scratch.second_order import flatten, objective


def whole_numbers(y, n=None):
    """y as an array (N,) of whole numbers, N = n if given; or a ValueError."""
    y = np.asarray(y)
    if y.ndim != 1 or y.dtype.kind not in "iu" or not y.size or n not in (None, len(y)):
        wanted = "N" if n is None else n
        raise ValueError(f"expected labels ({wanted},), got {y.dtype} of shape {y.shape}")
    return y


class Kinds:
    """The samples sorted by class, to draw others of the same class, or of another.

    y (N,). Raises ValueError unless there are two classes, one of them with two samples.
    """

    def __init__(self, y, rng):
        y = whole_numbers(y)
        classes, self.kind, self.counts = np.unique(y, return_inverse=True, return_counts=True)
        if len(classes) < 2 or self.counts.max() < 2:
            got = f"{len(classes)} with {self.counts.max()}"
            raise ValueError(f"expected two classes and two samples in one, got {got}")
        self.rng, self.order = rng, np.argsort(self.kind, kind="stable")
        self.starts = np.cumsum(self.counts) - self.counts
        self.place = np.argsort(self.order) - self.starts[self.kind]  # within the own class

    def anchors(self, n):
        """n samples that are not alone in their class."""
        return self.rng.choice(np.flatnonzero(self.counts[self.kind] > 1), n)

    def like(self, i):
        """For each of the samples i another one of its class, all equally likely."""
        k = self.kind[i]
        step = self.rng.integers(1, self.counts[k])
        return self.order[self.starts[k] + (self.place[i] + step) % self.counts[k]]

    def unlike(self, i):
        """For each of the samples i one of another class, all equally likely."""
        k = self.kind[i]
        at = self.rng.integers(0, len(self.kind) - self.counts[k])
        return self.order[at + self.counts[k] * (at >= self.starts[k])]


def pairs(y, n, *, rng):
    """n pairs to compare, (n, 2) numbers of samples, and whether they are alike, (n,) 1 or 0.

    They alternate; x[i] is (n, 2, ...), what a `Siamese` takes. y (N,) labels. Raises
    ValueError for n < 1, and unless there are two classes, one of them with two samples.
    """
    kinds = Kinds(y, rng)
    if n < 1:
        raise ValueError(f"expected n >= 1, got {n}")
    same = np.arange(n) % 2 == 0
    first = np.where(same, kinds.anchors(n), rng.integers(0, len(kinds.kind), n))
    second = np.empty_like(first)
    second[same], second[~same] = kinds.like(first[same]), kinds.unlike(first[~same])
    return np.stack([first, second], axis=1), same.astype(np.float32)


def triplets(y, n, *, rng):
    """(n, 3) numbers of samples: an anchor, another of its class, one of another class.

    y (N,) labels. Raises what `pairs` does.
    """
    kinds = Kinds(y, rng)
    if n < 1:
        raise ValueError(f"expected n >= 1, got {n}")
    anchor = kinds.anchors(n)
    return np.stack([anchor, kinds.like(anchor), kinds.unlike(anchor)], axis=1)


class Episode(NamedTuple):
    """A small task: a few labeled samples, and others to be named. Labels count from 0.

    `classes` (ways,): which class of the whole set each label is.
    """

    x_support: np.ndarray
    y_support: np.ndarray
    x_query: np.ndarray
    y_query: np.ndarray
    classes: np.ndarray


def episode(x, y, *, ways, shots, queries, rng):
    """Draw `ways` classes, `shots` samples of each to learn from, `queries` others to name.

    x (N, ...), y (N,). Samples come class by class. Raises ValueError for numbers below 1,
    and where too few classes have shots + queries samples. Vinyals et al. (2016).
    """
    x, y = np.asarray(x), whole_numbers(y, len(x))
    if min(ways, shots, queries) < 1:
        got = f"{ways}, {shots} and {queries}"
        raise ValueError(f"expected ways, shots and queries >= 1, got {got}")
    found, counts = np.unique(y, return_counts=True)
    enough = found[counts >= shots + queries]
    if len(enough) < ways:
        wanted = f"{ways} classes with {shots + queries} samples"
        raise ValueError(f"expected at least {wanted}, got {len(enough)}")
    classes = rng.choice(enough, ways, replace=False)
    drawn = np.stack([
        rng.choice(np.flatnonzero(y == c), shots + queries, replace=False) for c in classes
    ])  # fmt: skip
    support, query = drawn[:, :shots].ravel(), drawn[:, shots:].ravel()
    labels = np.arange(ways)
    return Episode(x[support], labels.repeat(shots), x[query], labels.repeat(queries), classes)


def prototypes(z, y):
    """(labels (K,), means (K, d)): the middle of each class's embeddings z (N, d), y (N,).

    Raises ValueError for other shapes. Snell, Swersky and Zemel (2017).
    """
    z = np.asarray(z)
    y = whole_numbers(y, len(z) if z.ndim == 2 else -1)
    labels, kind = np.unique(y, return_inverse=True)
    return labels, np.stack([z[kind == k].mean(axis=0) for k in range(len(labels))])


def prototype_scores(z, means):
    """-|z - mean_k|^2, (N, K): their softmax is the probability of each class.

    z (N, d), means (K, d); ValueError for other shapes.
    """
    z, means = np.asarray(z), np.asarray(means)
    if z.ndim != 2 or means.ndim != 2 or z.shape[1] != means.shape[1]:
        raise ValueError(f"expected z (N, d) and means (K, d), got {z.shape} and {means.shape}")
    return -((z[:, None] - means) ** 2).sum(axis=2)


def nearest_prototype(z, labels, means):
    """The label (N,) of the closest mean, for each embedding z (N, d); as `prototypes` gives."""
    return np.asarray(labels)[prototype_scores(z, means).argmax(axis=1)]


def linear_probe(z, y, *, l2=1e-3, classes=None, tolerance=1e-6, steps=500):
    """What a linear classifier can read from features: a trained model, z (N, d) -> (N, K).

    minimize the mean cross-entropy + l2 sum w^2 over all kernels, by L-BFGS from zeros.
    It is convex: the answer depends on no rate and no seed. Each feature is first brought
    to mean 0 and variance 1, by a batch norm that holds the statistics of z. y (N,) from
    0; classes: K, else the largest label + 1. Raises ValueError for other shapes and
    l2 <= 0, RuntimeError where `steps` do not suffice. Alain and Bengio (2017).
    """
    z = np.asarray(z, np.float64)
    y = whole_numbers(y, len(z) if z.ndim == 2 else -1)
    if not l2 > 0:
        raise ValueError(f"expected l2 > 0, got {l2}")
    norm = BatchNormalization(z.shape[1], momentum=0, center=False, scale=False, dtype=np.float64)
    norm.forward(z, training=True)  # keeps the mean and variance of z
    classes = int(y.max()) + 1 if classes is None else classes
    dense = Dense(z.shape[1], classes, rng=None, initializer=zeros, dtype=np.float64)
    model = Regularized([norm, dense], kernel_regularizer=L2(l2))
    loss = SparseCategoricalCrossentropy(from_logits=True)
    f, gradient = objective(model, loss, z, y)
    result = lbfgs(f, gradient, flatten(model.params), tolerance=tolerance, steps=steps)
    f(result.x)
    if not result.converged:
        raise RuntimeError(f"the linear probe did not converge: {result.reason}")
    return model
