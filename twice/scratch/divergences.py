"""How far are two distributions apart? What each game measures, on a grid where all is exact.

p and q are probabilities of the same outcomes (or densities times the grid's step): no entry
below 0, sum 1. Distances are in nats; a distance in meters needs positions, see `wasserstein_1d`.
"""

import numpy as np


def check_distributions(p, q):
    """Both as float64 arrays (K,); ValueError unless each is one distribution over the same K."""
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    if p.ndim != 1 or p.shape != q.shape or p.size == 0:
        raise ValueError(f"expected p and q of one shape (K,), got {p.shape} and {q.shape}")
    for name, a in (("p", p), ("q", q)):
        if not (a >= 0).all() or not np.isclose(a.sum(), 1, atol=1e-6):
            got = f"the sum {a.sum():g} and the minimum {a.min():g}"
            raise ValueError(f"expected {name} >= 0 with sum 1, got {got}")
    return p, q


def on_grid(density, grid):
    """Probabilities (K,) from a density's values at evenly spaced points: scaled to sum 1."""
    p = density(np.asarray(grid, np.float64))
    return p / p.sum()


def kl(p, q):
    """KL(p || q) = sum of p ln(p / q), in nats: infinite where q says never and p says sometimes.

    0 ln 0 = 0. Not symmetric, never negative. Kullback and Leibler (1951).
    """
    p, q = check_distributions(p, q)
    seen = p > 0
    with np.errstate(divide="ignore"):
        return float(max((p[seen] * np.log(p[seen] / q[seen])).sum(), 0.0))


def jensen_shannon(p, q):
    """JS(p, q) = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2: from 0 to ln 2.

    Symmetric and finite. ln 2 as soon as the two share no outcome, however near they are:
    a step of q toward p changes nothing, so there is no slope to follow. Lin (1991).
    """
    p, q = check_distributions(p, q)
    m = (p + q) / 2
    return (kl(p, m) + kl(q, m)) / 2


def optimal_discriminator(p, q):
    """D*(x) = p / (p + q), of the real p and the generator's q; 1/2 where neither ever is.

    At each x the game's p ln D + q ln(1 - D) has the slope p / D - q / (1 - D), which is 0
    there. Goodfellow et al. (2014), proposition 1.
    """
    p, q = check_distributions(p, q)
    both = p + q
    return np.where(both > 0, p / np.where(both > 0, both, 1), 0.5)


def minimax_value(p, q, d):
    """V = sum of p ln D + q ln(1 - D) over the outcomes; d (K,) in [0, 1], 0 ln 0 = 0.

    At D* it is 2 JS(p, q) - 2 ln 2: -2 ln 2 for equal distributions, 0 for disjoint ones.
    """
    p, q = check_distributions(p, q)
    d = np.asarray(d, np.float64)
    if d.shape != p.shape or not ((d >= 0) & (d <= 1)).all():
        raise ValueError(f"expected d {p.shape} between 0 and 1, got the shape {d.shape}")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(d), 0) + np.where(q > 0, q * np.log1p(-d), 0)
    return float(terms.sum())


def wasserstein_grid(p, q, grid):
    """W(p, q) = integral of |P - Q|, P and Q the sums of p and q so far: a work of moving earth.

    To even out what lies left of a gap between two grid points, |P - Q| must cross it.
    grid (K,) increasing. Raises ValueError for another shape or order. Vallender (1974).
    """
    p, q = check_distributions(p, q)
    grid = np.asarray(grid, np.float64)
    if grid.shape != p.shape or not (np.diff(grid) > 0).all():
        raise ValueError(f"expected an increasing grid {p.shape}, got the shape {grid.shape}")
    return float((np.abs(np.cumsum(p - q))[:-1] * np.diff(grid)).sum())


def wasserstein_1d(a, b):
    """The mean distance that samples a (N,) must move to become b (M,), on a line.

    Sorted, each moves to its equal: for N = M the mean of |a_(i) - b_(i)|. For other
    numbers, the integral of |A - B| over the shares A, B of samples up to here.
    Raises ValueError for samples that are not numbers on a line.
    """
    a, b = (np.sort(np.asarray(x, np.float64)) for x in (a, b))
    if a.ndim != 1 or b.ndim != 1 or min(a.size, b.size) == 0:
        raise ValueError(f"expected samples (N,) and (M,), got {a.shape} and {b.shape}")
    if a.size == b.size:
        return float(np.abs(a - b).mean())
    every = np.sort(np.concatenate([a, b]))
    share_a, share_b = (np.searchsorted(x, every[:-1], side="right") / x.size for x in (a, b))
    return float((np.abs(share_a - share_b) * np.diff(every)).sum())


def best_critic(p, q, grid):
    """The critic f (K,) with slopes -1, 0, 1 whose E_p f - E_q f is W(p, q): nobody is steeper.

    f climbs where Q is ahead of P (real mass lies to the right), and falls where P is.
    The dual of `wasserstein_grid`: Kantorovich and Rubinstein (1958).
    """
    wasserstein_grid(p, q, grid)  # its checks
    climb = np.sign(np.cumsum(np.asarray(q, float) - np.asarray(p, float))[:-1])
    return np.concatenate([[0.0], np.cumsum(climb * np.diff(grid))])
