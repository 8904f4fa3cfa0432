"""Learning what is alike: one network sees two or three inputs, a loss compares what it says.

A network's output is then an embedding: a point, close to those of its kind. None of these losses
needs the name of a class: that two things are alike is enough, or that they were one image once.
"""

import numpy as np

from twice.scratch.backpropagation import Layer, Sequential
from twice.scratch.normalization import standardize, standardize_back


class Siamese(Sequential):
    """One network for all inputs of a group: x (N, k, ...) -> embeddings (N, k, ...).

    The k N inputs go through it as one batch, so the weights are shared and their
    gradients add up; a batch norm sees them together. The layers are those of `model`, a
    `Sequential`, which embeds single inputs. Raises ValueError for another model, and
    for x without groups. Bromley et al. (1993).
    """

    def __init__(self, model):
        if not isinstance(model, Sequential):
            raise ValueError(f"expected a Sequential, got {model!r}")
        super().__init__(model.layers)

    def one_batch(self, x):
        x = np.asarray(x)
        if x.ndim < 3 or x.shape[1] < 2:
            raise ValueError(f"expected x (N, k, ...) with k >= 2, got {x.shape}")
        self.group = x.shape[:2]
        return x.reshape(-1, *x.shape[2:])

    def forward(self, x, training=False):
        z = super().forward(self.one_batch(x), training=training)
        return z.reshape(*self.group, *z.shape[1:])

    def backward(self, grad, input_gradient=True):
        back = super().backward(grad.reshape(-1, *grad.shape[2:]), input_gradient)
        return back.reshape(*self.group, *back.shape[1:]) if input_gradient else None

    def trace(self, x):
        yield from super().trace(self.one_batch(x))

    def __repr__(self):
        return f"Siamese({len(self.layers)} layers)"


class UnitNormalization(Layer):
    """z = x / |x| along the last axis: embeddings on a sphere, only their directions count.

        dL/dx = (g - z (z . g)) / |x|
    Where |x| < 1e-12, it is taken for that. x (N, ..., n), any dtype. Keras's name.
    """

    def forward(self, x, training=False):
        x = np.asarray(x)
        length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
        self.known, self.length = length > 1e-12, np.maximum(length, 1e-12).astype(x.dtype)
        self.z = x / self.length
        return self.z

    def backward(self, grad):
        along = (self.z * grad).sum(axis=-1, keepdims=True) * self.known
        return (grad - self.z * along) / self.length


def embeddings(z, k):
    """The k embeddings (N, d) of each group, from z (N, k, d); ValueError for other shapes."""
    z = np.asarray(z)
    if z.ndim != 3 or z.shape[1] != k or 0 in z.shape:
        raise ValueError(f"expected embeddings (N, {k}, d), got {z.shape}")
    return z.transpose(1, 0, 2)


def check_margin(margin):
    if not 0 < margin < np.inf:
        raise ValueError(f"expected margin > 0, got {margin}")
    return margin


class ContrastiveLoss:
    """Pull pairs that are alike together, push others apart until they are `margin` away.

        L = mean of y D^2 / 2 + (1 - y) max(0, margin - D)^2 / 2,   D = |z_1 - z_2|
    y (N,): 1 alike, 0 not (the paper has them the other way round); z (N, 2, d). Two
    different things at one point (D = 0) have no direction to part in: gradient 0.
    Raises ValueError for another shape, other y and margin <= 0.
    Hadsell, Chopra and LeCun (2006).
    """

    def __init__(self, margin=1.0):
        self.margin = check_margin(margin)

    def forward(self, y_true, z):
        a, b = embeddings(z, 2)
        y = np.asarray(y_true, a.dtype)
        if y.shape != (len(a),) or not np.isin(y, (0, 1)).all():
            raise ValueError(f"expected y ({len(a)},) of 0 and 1, got {y.shape}: {np.unique(y)}")
        apart = a - b
        distance = np.sqrt((apart * apart).sum(axis=1))
        short = np.maximum(0, self.margin - distance)
        pull = y - (1 - y) * short / np.where(distance > 0, distance, 1)
        self.slope = (pull / len(y))[:, None] * apart
        return float((y * distance**2 + (1 - y) * short**2).mean() / 2)

    def backward(self):
        """dL/dz (N, 2, d)."""
        return np.stack([self.slope, -self.slope], axis=1)


class TripletLoss:
    """An anchor shall be closer to its like than to another, by a margin.

        L = mean of max(0, |a - p|^2 - |a - n|^2 + margin)
    z (N, 3, d): anchor, positive, negative, often of length 1 (`UnitNormalization`).
    y_true is not looked at. Raises ValueError for another shape and margin <= 0.
    Schroff, Kalenichenko and Philbin (2015).
    """

    def __init__(self, margin=0.2):
        self.margin = check_margin(margin)

    def forward(self, y_true, z):
        a, p, n = embeddings(z, 3)
        over = ((a - p) ** 2 - (a - n) ** 2).sum(axis=1) + self.margin
        self.counts = over > 0  # the others are far enough apart
        share = 2 / len(a) * self.counts[:, None].astype(a.dtype)
        self.gradient = np.stack([share * (n - p), share * (p - a), share * (a - n)], axis=1)
        return float(np.maximum(over, 0).mean())

    def backward(self):
        """dL/dz (N, 3, d)."""
        return self.gradient


class BarlowTwins:
    """Two views of one image shall agree in each number, and no two numbers say the same.

        C = A^T B / N,   L = sum_i (1 - C_ii)^2 + lambd sum_(i != j) C_ij^2
    A, B: the embeddings of both views, each column with mean 0 and variance 1 over the
    batch; C (d, d), kept as `correlations`, is how number i of the one goes with j of
    the other. All inputs at one point would make C = 0: there is no need of pairs that
    differ. z (N, 2, d), y_true is not looked at. Raises ValueError for another shape,
    N < 2 and lambd < 0. Zbontar et al. (2021).
    """

    def __init__(self, lambd=0.005, *, epsilon=1e-5):
        if not (0 <= lambd < np.inf and epsilon > 0):
            raise ValueError(f"expected lambd >= 0 and epsilon > 0, got {lambd} and {epsilon}")
        self.lambd, self.epsilon = lambd, epsilon

    def forward(self, y_true, z):
        views = embeddings(z, 2)
        if len(views[0]) < 2:
            raise ValueError(f"expected at least 2 pairs of views, got {len(views[0])}")
        self.views = [standardize(view, 0, self.epsilon) for view in views]
        (a, *_), (b, *_) = self.views
        self.correlations = c = a.T @ b / len(a)
        same = np.eye(len(c), dtype=bool)
        self.slope = np.where(same, 2 * (c - 1), 2 * self.lambd * c) / len(a)
        return float(((1 - c[same]) ** 2).sum() + self.lambd * (c[~same] ** 2).sum())

    def backward(self):
        """dL/dz (N, 2, d)."""
        (a, _, _, r_a), (b, _, _, r_b) = self.views
        to_a = standardize_back(b @ self.slope.T, a, r_a, 0)
        to_b = standardize_back(a @ self.slope, b, r_b, 0)
        return np.stack([to_a, to_b], axis=1).astype(a.dtype, copy=False)


def views(*augmentations):
    """An `augment` for `fit`: x (N, ...) -> (N, k, ...), one view by each of k augmentations.

    Give one twice for two views drawn alike: views(shift, shift). y stays as it is.
    Raises ValueError for fewer than two.
    """
    if len(augmentations) < 2:
        raise ValueError(f"expected at least two augmentations, got {len(augmentations)}")
    return lambda x, y: (np.stack([augment(x, y)[0] for augment in augmentations], axis=1), y)
