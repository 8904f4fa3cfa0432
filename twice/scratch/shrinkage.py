"""Linear models with a penalty, solved exactly: a polynomial whose wiggles one can price.

    minimize over w, b   mean of (y - X w - b)^2 + l1 sum |w| + l2 sum w^2

The intercept b is never penalized. X (N, n), y (N,), w (n,); computed in float64.
"""

import numpy as np

from twice.scratch.regularization import L1L2, soft_threshold


def powers(x, degree):
    """The columns x, x^2, ..., x^degree: (N,) -> (N, degree); ValueError for other shapes."""
    x = np.asarray(x, np.float64)
    if x.ndim != 1 or degree < 0 or degree != int(degree):
        raise ValueError(f"expected x (N,) and a whole degree >= 0, got {x.shape} and {degree}")
    return x[:, None] ** np.arange(1, int(degree) + 1)


def center(X, y):
    """X and y less their means, and the means: the intercept then drops out of the problem."""
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    if X.ndim != 2 or y.shape != X.shape[:1] or not len(y):
        raise ValueError(f"expected X (N, n) and y (N,), got {X.shape} and {y.shape}")
    return X - X.mean(axis=0), y - y.mean(), X.mean(axis=0), y.mean()


def ridge(X, y, l2=0.0):
    """(w, b) of least squares with l2 sum w^2, through the singular values of X.

    X = U S V^T (columns centered):  w = V [s / (s^2 + N l2)] U^T y. Directions in
    which the data hardly vary (small s) shrink most. Without a penalty, the shortest w
    that fits best. Raises ValueError for a negative l2 and other shapes.
    Hoerl and Kennard (1970).
    """
    L1L2(l2=l2)  # checks
    centered, y, x_mean, y_mean = center(X, y)
    u, s, vt = np.linalg.svd(centered, full_matrices=False)
    seen = s > len(y) * np.finfo(float).eps * s.max(initial=0)
    factor = np.where(seen, s, 0) / np.where(seen, s * s + len(y) * l2, 1)
    w = vt.T @ (factor * (u.T @ y))
    return w, float(y_mean - x_mean @ w)


def elastic_net(X, y, l1=0.0, l2=0.0, *, tolerance=1e-10, sweeps=100_000, start=None):
    """(w, b) with both penalties, by coordinate descent: one coefficient after the other.

    With all others fixed the best w_j is known, c_j and a_j being column j's product with what
    is left unexplained, and its squared length, both divided by N:
        w_j <- soft_threshold(c_j, l1 / 2) / (a_j + l2)
    Sweeps until no prediction moves by more than `tolerance` of y's spread. start: (n,), 0 if None.
    Raises ValueError for negative strengths and other shapes, RuntimeError if `sweeps`
    did not suffice. Friedman, Hastie and Tibshirani (2010).
    """
    L1L2(l1, l2)  # checks
    centered, y, x_mean, y_mean = center(X, y)
    n = len(y)
    gram, c = centered.T @ centered / n, centered.T @ y / n
    w = np.zeros(len(c)) if start is None else np.array(start, np.float64)
    if w.shape != c.shape:
        raise ValueError(f"expected start {c.shape}, got {w.shape}")
    enough = tolerance * max(float(y.std()), np.finfo(float).tiny)
    for _ in range(sweeps):
        moved = 0.0
        for j in range(len(w)):
            a = gram[j, j]
            if a + l2 == 0:
                continue
            new = soft_threshold(c[j] - gram[j] @ w + a * w[j], l1 / 2) / (a + l2)
            moved = max(moved, abs(new - w[j]) * np.sqrt(a))
            w[j] = new
        if moved <= enough:
            return w, float(y_mean - x_mean @ w)
    raise RuntimeError(f"no convergence after {sweeps} sweeps: the last moved by {moved:.1e}")


def predict(x, w, b):
    """The polynomial w_1 x + ... + w_n x^n + b at the points x (N,)."""
    return powers(x, len(w)) @ w + b
