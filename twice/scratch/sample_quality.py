"""How good are samples that nobody can grade one by one? Modes, distances, neighbors, scores.

Every number here compares a set of generated samples with a set of real ones, or asks a classifier.
None of them is the truth: each has a failure that it does not see, named in its docstring.
"""

import numpy as np


def rows(a, name="samples"):
    """Samples (N, ...) as float64 rows (N, D); ValueError for none at all or for NaN."""
    a = np.asarray(a, np.float64)
    if a.ndim == 0 or a.size == 0:
        raise ValueError(f"expected {name} (N, ...), at least one, got the shape {a.shape}")
    if not np.isfinite(a).all():
        raise ValueError(f"expected finite {name}, got NaN or infinity")
    return a.reshape(len(a), -1)


def alike(a, b, names=("samples", "train")):
    """Both as rows; ValueError unless these are of one length."""
    a, b = rows(a, names[0]), rows(b, names[1])
    if a.shape[1] != b.shape[1]:
        sizes = f"{a.shape[1]} and {b.shape[1]}"
        raise ValueError(
            f"expected {names[0]} and {names[1]} with equally many numbers, got {sizes}"
        )
    return a, b


def squared_distances(a, b):
    """|a_i - b_j|^2 = |a_i|^2 - 2 a_i . b_j + |b_j|^2 for rows (N, D), (M, D): (N, M), >= 0."""
    found = (a * a).sum(axis=1)[:, None] - 2 * a @ b.T + (b * b).sum(axis=1)
    return np.maximum(found, 0, out=found)


# ---- a mixture whose modes are known -----------------------------------------------------------


def mode_counts(samples, centers, radius):
    """How many samples fall within `radius` of each center (and have none nearer): (k,) whole.

    samples (N, D), centers (k, D). Raises ValueError unless radius > 0.
    """
    if not radius > 0:
        raise ValueError(f"expected radius > 0, got {radius}")
    nearest, distance = nearest_neighbors(samples, centers)
    return np.bincount(nearest[distance <= radius], minlength=len(centers))


def modes_covered(samples, centers, radius, *, least=1):
    """How many centers have at least `least` samples within `radius`: a whole number, 0 to k.

    It says nothing about the samples that fall between the modes: see `good_share`. With
    least=1 a single lucky sample covers a mode; ask for a share of N / k to be strict.
    Raises ValueError unless radius > 0 and least >= 1. Metz et al. (2017).
    """
    if not least >= 1:
        raise ValueError(f"expected least >= 1, got {least}")
    return int((mode_counts(samples, centers, radius) >= least).sum())


def good_share(samples, centers, radius):
    """The share of samples within `radius` of a center; 1 if all sit on one mode, so see above."""
    return float(mode_counts(samples, centers, radius).sum() / len(samples))


# ---- two clouds of features --------------------------------------------------------------------


def matrix_root(s):
    """The symmetric positive S^(1/2) of a symmetric S (D, D) without negative eigenvalues.

    S = V diag(l) V^T gives S^(1/2) = V diag(sqrt(l)) V^T; l < 0 from rounding counts as 0.
    """
    values, vectors = np.linalg.eigh(s)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def frechet_distance(a, b):
    """|m_a - m_b|^2 + tr(A + B - 2 (A B)^(1/2)): how far two normal clouds are apart.

    a (N, D), b (M, D): features, one row a sample; m, A and B: means and covariances
    (divided by N - 1). tr (A B)^(1/2) is the sum of the roots of the eigenvalues of
    A^(1/2) B A^(1/2), which is symmetric. Two samples of one distribution have a distance
    above 0 that shrinks with N: compare only numbers made with equal N. It sees means and
    covariances alone. ValueError for fewer than two samples.
    Frechet (1957), Heusel et al. (2017).
    """
    a, b = alike(a, b, ("a", "b"))
    if min(len(a), len(b)) < 2:
        raise ValueError(f"expected at least two samples each, got {len(a)} and {len(b)}")
    (mean_a, cov_a), (mean_b, cov_b) = (
        (x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False))) for x in (a, b)
    )
    root = matrix_root(cov_a)
    shared = np.linalg.eigvalsh(root @ cov_b @ root)
    gap = mean_a - mean_b
    spread = np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(np.maximum(shared, 0)).sum()
    return float(gap @ gap + max(spread, 0.0))


# ---- neighbors ---------------------------------------------------------------------------------


def nearest_neighbors(samples, train, *, chunk=512):
    """The nearest training sample of each sample: its number (N,), its distance (N,).

    samples (N, ...), train (M, ...), compared as rows by |s - t|. A distance of 0 is a copy; a
    generator that only ever copies scores well everywhere else. Raises ValueError for rows of
    different lengths.
    """
    samples, train = alike(samples, train)
    parts = [samples[k : k + chunk] for k in range(0, len(samples), chunk)]
    nearest = np.concatenate([squared_distances(part, train).argmin(axis=1) for part in parts])
    return nearest, np.sqrt(((samples - train[nearest]) ** 2).sum(axis=1))  # exact for copies


def precision_recall(real, fake, *, k=3):
    """(precision, recall): which share of the fakes looks real, which share of the real is made.

    The real samples' region: balls around each, that reach to its k-th neighbor among them.
    Precision: the share of the fakes within it; recall: the same with the roles exchanged.
    Collapse lowers recall, blur lowers precision. Raises ValueError unless both have
    more than k samples. Kynkaanniemi et al. (2019).
    """
    real, fake = alike(real, fake, ("real", "fake"))
    if not 1 <= k < min(len(real), len(fake)):
        raise ValueError(f"expected 1 <= k < samples, got {k}, {len(real)} and {len(fake)}")
    across = squared_distances(real, fake)
    reach = [np.sort(squared_distances(x, x), axis=1)[:, k] for x in (real, fake)]  # 0: itself
    precision = (across <= reach[0][:, None]).any(axis=0).mean()
    return float(precision), float((across <= reach[1]).any(axis=1).mean())


# ---- a classifier's opinion --------------------------------------------------------------------


def classifier_score(probabilities):
    """exp(mean over samples of KL(p(y|x) || p(y))), from 1 to K: sure of each, and of all classes.

    probabilities (N, K), rows of sum 1, from a classifier that knows the real classes; p(y) is
    their mean. K: every sample clear, all classes equally often. It does not see that one sample
    was repeated within each class. Raises ValueError for rows that are no probabilities.
    The Inception score of Salimans et al. (2016), with any classifier.
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or p.size == 0 or not np.allclose(p.sum(axis=1), 1, atol=1e-4) or p.min() < 0:
        raise ValueError(f"expected rows of probabilities (N, K), got the shape {p.shape}")
    together = np.broadcast_to(p.mean(axis=0), p.shape)
    terms = np.zeros_like(p)  # 0 ln 0 = 0
    seen = p > 0
    terms[seen] = p[seen] * np.log(p[seen] / together[seen])
    return float(np.exp(terms.sum(axis=1).mean()))
