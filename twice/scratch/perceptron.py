"""The perceptron, its mistake bound, and the first neuron that has a gradient (ADALINE)."""

from dataclasses import dataclass

import numpy as np


def check_samples(x, y, n_in=None, labels=None):
    """Return `x` (N, F) and `y` (N,) as arrays, or raise a ValueError that says what came."""
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2 or (n_in is not None and x.shape[1] != n_in):
        wanted = "(samples, features)" if n_in is None else f"(samples, {n_in})"
        raise ValueError(f"x must have the shape {wanted}, but it has the shape {x.shape}")
    if len(x) == 0 or y.shape != (len(x),):
        raise ValueError(f"y must hold one label a sample, shape ({len(x)},), but it has {y.shape}")
    if not np.isfinite(x).all():
        raise ValueError("x must be finite, but it holds NaN or infinity")
    if labels is not None and not np.isin(y, labels).all():
        raise ValueError(f"y must hold the labels {labels}, but it holds {np.unique(y)}")
    return x, y


def step(z):
    """The step function, any shape: 1 where z > 0, else 0."""
    return (np.asarray(z) > 0).astype(int)


def sigmoid(z):
    """1 / (1 + exp(-z)), any shape, without overflow for large |z|."""
    small = np.exp(-np.abs(z))  # at most 1, so nothing overflows
    return np.where(np.asarray(z) >= 0, 1.0, small) / (1.0 + small)


class Perceptron:
    """A neuron that learns from its mistakes (after Rosenblatt, 1958 and 1962).

    With z = w . x + b and y_hat = 1 if z > 0 else 0, a mistake adds eta (y - y_hat) x to
    w (`kernel`, (n_in,)) and eta (y - y_hat) to b (`bias`). With labels (-1, 1), a
    mistake is y z <= 0 and adds eta y x. `fit` raises ValueError for wrong shapes, labels.
    """

    def __init__(self, n_in, *, learning_rate=1.0, labels=(0, 1)):
        if not learning_rate > 0 or tuple(labels) not in ((0, 1), (-1, 1)):
            given = f"{learning_rate} and {labels}"
            raise ValueError(f"expected a rate > 0, labels (0, 1) or (-1, 1), got {given}")
        self.kernel, self.bias = np.zeros(n_in), 0.0
        self.learning_rate, self.labels = learning_rate, tuple(labels)

    def decision_function(self, x):  # (N, n_in) -> (N,)
        return np.asarray(x) @ self.kernel + self.bias

    def predict(self, x):
        return np.where(self.decision_function(x) > 0, self.labels[1], self.labels[0])

    def update(self, x_i, y_i):
        """Look at one sample; on a mistake move the weights. True if they moved."""
        error = y_i - self.predict(x_i)
        if self.labels == (-1, 1):
            error = y_i * (y_i * self.decision_function(x_i) <= 0)
        self.kernel = self.kernel + self.learning_rate * error * np.asarray(x_i)
        self.bias = self.bias + self.learning_rate * error
        return bool(error)

    def fit(self, x, y, *, epochs=100, rng=None):
        """Pass over the samples until no mistake is left; return mistakes an epoch."""
        x, y = check_samples(x, y, len(self.kernel), self.labels)
        mistakes = []
        while len(mistakes) < epochs and (not mistakes or mistakes[-1] > 0):
            order = np.arange(len(x)) if rng is None else rng.permutation(len(x))
            mistakes.append(sum(self.update(x[i], y[i]) for i in order))
        return mistakes


@dataclass(frozen=True)
class MistakeBound:
    """The convergence theorem in numbers: `bound` = (`radius` / `margin`)^2 mistakes at most."""

    radius: float
    margin: float
    bound: float


def nearest_to_zero(u):
    """The shortest vector in the convex hull of the rows of u (N, D) (Wolfe, 1976).

    It keeps a few rows ("the corral") and the shortest vector of the flat through them; it adds
    the row that lies furthest behind that vector, and drops rows with a share below zero.
    """
    corral = [int(np.argmin((u**2).sum(axis=1)))]
    share, shortest = np.ones(1), u[corral[0]]
    tiny = 1e-20 * (u**2).sum(axis=1).max()
    while shortest @ shortest > tiny:  # else zero itself lies in the hull
        height = u @ shortest
        new = int(np.argmin(height))
        if new in corral or height[new] >= shortest @ shortest * (1 - 1e-12):
            break
        corral, share = [*corral, new], np.append(share, 0.0)
        while True:  # the shortest vector of the flat: all its rows have the same height
            ones = np.ones((len(corral), 1))
            system = np.block([[np.zeros((1, 1)), ones.T], [ones, u[corral] @ u[corral].T]])
            wanted = np.linalg.lstsq(system, np.eye(len(corral) + 1)[0], rcond=None)[0][1:]
            if wanted.min() > 1e-12:
                break
            falls = wanted <= 1e-12
            step = np.min(share[falls] / np.maximum(share[falls] - wanted[falls], 1e-300))
            share = share + step * (wanted - share)
            kept = share > 1e-12
            corral = [i for i, keep in zip(corral, kept, strict=True) if keep]
            share = share[kept] / share[kept].sum()
        share, before = wanted, shortest @ shortest
        shortest = share @ u[corral]
        if shortest @ shortest >= before:  # rounding: no further progress is possible
            break
    return shortest


def max_margin(x, y):
    """The mistake bound (R / gamma)^2 of the perceptron convergence theorem (Novikoff, 1962).

    Each sample becomes u_i = s_i (x_i, 1), with s_i = +1 for the upper label and -1 for the lower.
    R is the longest |u_i|; gamma is the largest margin min_i u_i . v over all unit vectors v. It
    equals the length of the shortest vector in the convex hull of the u_i.
    x (N, F), y (N,) with labels 0/1 or -1/+1. Returns a MistakeBound; where gamma is below 1e-9 R,
    the set counts as inseparable: margin 0, bound inf. Raises ValueError for wrong shapes, labels.
    """
    x, y = check_samples(x, y)
    if not (np.isin(y, (0, 1)).all() or np.isin(y, (-1, 1)).all()):
        raise ValueError(f"y must hold labels 0/1 or -1/+1, but it holds {np.unique(y)}")
    u = np.where(y > 0, 1.0, -1.0)[:, None] * np.column_stack([x, np.ones(len(x))])
    radius = float(np.sqrt((u**2).sum(axis=1).max()))
    v = nearest_to_zero(u / radius)
    length = float(np.linalg.norm(v))
    margin = radius * float((u / radius @ v).min() / length) if length > 1e-9 else 0.0
    if margin <= 1e-9 * radius:
        return MistakeBound(radius, 0.0, float("inf"))
    return MistakeBound(radius, margin, (radius / margin) ** 2)


class MeanSquaredError:
    """L = mean of (y_hat - y)^2 over all entries, without the 1/2 of some books."""

    def forward(self, y_true, y_pred):
        """The loss, a float; ValueError for shapes that differ."""
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if y_true.shape != y_pred.shape:
            raise ValueError(f"shapes differ: {y_true.shape} and {y_pred.shape}")
        self.error = y_pred - y_true
        return float(np.mean(self.error**2))

    def backward(self):
        """dL/dy_hat = 2 (y_hat - y) / n, the shape of y_pred."""
        return 2.0 * self.error / self.error.size


class Adaline:
    """The adaptive linear neuron y_hat = x w + b (Widrow and Hoff, 1960), as a layer.

    `params` and `grads` hold "kernel" (n_in, 1) and "bias" (1,), as Keras's Dense(1).
    Starts at zero, or at normal numbers of size 1/sqrt(n_in) drawn from `rng`.
    """

    def __init__(self, n_in, *, rng=None, dtype=np.float32):
        if n_in < 1:
            raise ValueError(f"n_in must be at least 1, but it is {n_in}")
        kernel = np.zeros((n_in, 1))
        if rng is not None:
            kernel = rng.normal(0, n_in**-0.5, (n_in, 1))
        self.params = {"kernel": kernel.astype(dtype), "bias": np.zeros(1, dtype)}
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}

    def forward(self, x, training=False):
        """(N, n_in) -> (N, 1). Raises ValueError for another shape."""
        x, n_in = np.asarray(x), len(self.params["kernel"])
        if x.ndim != 2 or x.shape[1] != n_in:
            raise ValueError(f"x must be (samples, {n_in}), but it is {x.shape}")
        self.x = x
        return x @ self.params["kernel"] + self.params["bias"]

    def backward(self, grad):
        """Fill `grads` from dL/dy_hat (N, 1); return dL/dx (N, n_in)."""
        self.grads["kernel"] = self.x.T @ grad
        self.grads["bias"] = grad.sum(axis=0)
        return grad @ self.params["kernel"].T
