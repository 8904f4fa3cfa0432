"""Points in the plane: small enough to draw, hard enough to need a network."""

from itertools import pairwise

import numpy as np

from . import _checks


def _finish(x, y, rng):
    order = rng.permutation(len(y))
    return x[order].astype(np.float32), y[order].astype(np.int64)


def _classes(n: int, classes: int):
    """Labels 0, 1, ..., classes - 1 in turn: the classes differ in size by one at most."""
    return np.arange(n) % classes


def xor(n: int, *, noise: float = 0.1, rng):
    """Sample the exclusive or: the corners of the unit square, blurred.

    Each corner (a, b) gets n/4 points with Gaussian noise of standard deviation `noise`;
    the label is 1 where exactly one of a, b is 1. Returns x (n, 2) float32, y (n,) in {0, 1}.
    Raises ValueError for n < 1, noise < 0 or an rng that is no Generator.
    Source: Minsky and Papert, Perceptrons (1969).
    """
    n = _checks.count(n, "n")
    noise = _checks.number(noise, "noise")
    rng = _checks.generator(rng)
    corner = _classes(n, 4)
    bits = np.stack([corner // 2, corner % 2], axis=1)
    x = bits + noise * rng.standard_normal((n, 2))
    return _finish(x, bits[:, 0] ^ bits[:, 1], rng)


def moons(n: int, *, noise: float = 0.1, rng):
    """Sample two half moons that reach into each other.

    Class 0: (cos t, sin t); class 1: (1 - cos t, 1/2 - sin t), t uniform in [0, pi]; Gaussian
    noise of standard deviation `noise` on both coordinates. Returns x (n, 2) float32, y (n,) in
    {0, 1}.
    Raises ValueError for n < 1, noise < 0 or an rng that is no Generator.
    """
    n = _checks.count(n, "n")
    noise = _checks.number(noise, "noise")
    rng = _checks.generator(rng)
    y = _classes(n, 2)
    t = rng.uniform(0, np.pi, n)
    upper = np.stack([np.cos(t), np.sin(t)], axis=1)
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    x = np.where(y[:, None] == 0, upper, lower) + noise * rng.standard_normal((n, 2))
    return _finish(x, y, rng)


def spirals(n: int, *, turns: float = 1.5, noise: float = 0.05, rng, classes: int = 2):
    """Sample spiral arms, one per class, wound around each other.

    Arm k: radius r in [0.1, 1], angle 2 pi (turns r + k / classes); Gaussian noise of standard
    deviation `noise` on both coordinates. Returns x (n, 2) float32, y (n,) in 0 to classes - 1.
    Raises ValueError for n < 1, classes < 2, negative turns or noise, or an rng that is no
    Generator. Source: after Lang and Witbrock, Learning to tell two spirals apart (1988).
    """
    n = _checks.count(n, "n")
    classes = _checks.count(classes, "classes", minimum=2)
    turns = _checks.number(turns, "turns")
    noise = _checks.number(noise, "noise")
    rng = _checks.generator(rng)
    y = _classes(n, classes)
    radius = rng.uniform(0.1, 1.0, n)
    angle = 2 * np.pi * (turns * radius + y / classes)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _finish(x + noise * rng.standard_normal((n, 2)), y, rng)


def blobs(n: int, *, centers=2, spread: float = 0.5, rng):
    """Sample round clouds of points, one per class.

    `centers` is the number of clouds, which then stand evenly on the circle of radius 2, the first
    at (2, 0), or an array (k, 2) of their centers. Each has a standard deviation of `spread`.
    Returns x (n, 2) float32, y (n,) in 0 to k - 1.
    Raises ValueError for n < 1, spread < 0, fewer than one center or centers of another shape.
    """
    n = _checks.count(n, "n")
    spread = _checks.number(spread, "spread")
    rng = _checks.generator(rng)
    if np.ndim(centers) == 0:
        centers = ring_centers(modes=_checks.count(centers, "centers"))
    centers = np.asarray(centers, dtype=float)
    if centers.ndim != 2 or centers.shape[1] != 2 or len(centers) == 0:
        raise ValueError(
            f"centers must be a number or an array of shape (k, 2), got shape {centers.shape}."
        )
    y = _classes(n, len(centers))
    return _finish(centers[y] + spread * rng.standard_normal((n, 2)), y, rng)


def ring_centers(*, modes: int = 8, radius: float = 2.0):
    """The centers (modes, 2) of `ring`, evenly on its circle, the first at (radius, 0); float64.

    Raises ValueError for modes < 1 or a negative radius.
    """
    modes = _checks.count(modes, "modes")
    radius = _checks.number(radius, "radius")
    angle = 2 * np.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ring(n: int, *, modes: int = 8, radius: float = 2.0, spread: float = 0.05, rng):
    """Sample small Gaussian clouds that stand evenly on a circle: can a generator find them all?

    Cloud k has its center at radius (cos t, sin t), t = 2 pi k / modes, and the standard deviation
    `spread`; all are equally likely. Returns x (n, 2) float32, y (n,) in 0 to modes - 1, the cloud.
    Raises ValueError for n < 1, modes < 1, a negative radius or spread, or an rng that is no
    Generator. Source: Metz et al., Unrolled generative adversarial networks (2017); theirs is
    smaller, spread=0.02.
    """
    n = _checks.count(n, "n")
    spread = _checks.number(spread, "spread")
    rng = _checks.generator(rng)
    y = _classes(n, _checks.count(modes, "modes"))
    x = ring_centers(modes=modes, radius=radius)[y]
    return _finish(x + spread * rng.standard_normal((n, 2)), y, rng)


def split(x, y, *, fractions=(0.6, 0.2, 0.2), rng):
    """Shuffle a data set and cut it into parts that share no row.

    Returns a list of (x, y), one per fraction, together every row exactly once; the sizes are the
    fractions of N, rounded. x keeps its shape but for the first axis, x and y their dtypes.
    Raises ValueError if x and y differ in length, a fraction is not positive, the fractions do not
    add up to 1, or a part would be empty.
    """
    x, y = np.asarray(x), np.asarray(y)
    rng = _checks.generator(rng)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"x and y must have the same first dimension, got shapes {x.shape} and {y.shape}."
        )
    fractions = [_checks.number(f, "each fraction", 0.0, 1.0) for f in fractions]
    if not fractions or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(
            f"fractions must add up to 1, got {fractions} with sum {sum(fractions):g}."
        )
    cuts = np.round(np.cumsum([0.0, *fractions]) * len(x)).astype(int)
    if np.any(np.diff(cuts) == 0):
        raise ValueError(
            f"every part needs at least one row, got {len(x)} rows for the fractions {fractions}."
        )
    order = rng.permutation(len(x))
    return [(x[order[a:b]], y[order[a:b]]) for a, b in pairwise(cuts)]
