"""Gradient descent: follow the slope downhill, on one weight, on a surface, on batches of data.

    w <- w - learning_rate * gradient(w)

The losses to practice on are in `twice.scratch.surfaces`; the linear neuron and its squared error
are `Adaline` and `MeanSquaredError` of `twice.scratch.perceptron`.
"""

from typing import NamedTuple

import numpy as np


def numerical_derivative(f, x, epsilon=1e-5):
    """The slope of f at the number x, by central differences: (f(x + e) - f(x - e)) / 2e.

    f: float -> float.  epsilon: e > 0; the error shrinks like e^2 until rounding takes over.
    """
    if not epsilon > 0:
        raise ValueError(f"expected epsilon > 0, got {epsilon}")
    return float((f(x + epsilon) - f(x - epsilon)) / (2 * epsilon))


def numerical_gradient(f, x, epsilon=1e-5):
    """The gradient of f at x by central differences, one coordinate after the other.

    f: array of x's shape -> float.  x: any shape; the work is done in float64.
    g_i = (f(x + e 1_i) - f(x - e 1_i)) / 2e, an array of x's shape. Two calls of f for
    each coordinate: for checks, not for training.
    """
    if not epsilon > 0:
        raise ValueError(f"expected epsilon > 0, got {epsilon}")
    x = np.array(x, dtype=np.float64)
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[i] = epsilon
        gradient[i] = (f(x + shift) - f(x - shift)) / (2 * epsilon)
    return gradient


def descend(gradient, start, *, learning_rate, steps, momentum=0.0, noise=None):
    """Walk downhill, keep every point: v <- momentum v - learning_rate g, w <- w + v.

    gradient: array -> array of the same shape.  start: a number or an array; float64.
    learning_rate > 0, steps >= 0, 0 <= momentum < 1 (the rule is that of Keras's SGD).
    noise: None, or an array (steps, *start.shape), added to the gradient of each step.
    Returns the path (steps + 1, *start.shape), the start first. It never warns: where
    the run blows up, the path holds inf and then nan.  Cauchy (1847), Polyak (1964).
    """
    w = np.array(start, dtype=np.float64)
    if not (learning_rate > 0 and steps >= 0 and 0 <= momentum < 1):
        raise ValueError(
            "expected learning_rate > 0, steps >= 0 and 0 <= momentum < 1, "
            f"got {learning_rate}, {steps} and {momentum}"
        )
    if noise is not None and np.shape(noise) != (steps, *w.shape):
        raise ValueError(f"expected noise {(steps, *w.shape)}, got {np.shape(noise)}")
    velocity = np.zeros_like(w)
    path = [w]
    with np.errstate(all="ignore"):
        for k in range(steps):
            g = gradient(w) if noise is None else gradient(w) + noise[k]
            velocity = momentum * velocity - learning_rate * g
            w = w + velocity
            path.append(w)
    return np.stack(path)


def largest_stable_learning_rate(hessian, momentum=0.0):
    """The rate above which descent on a quadratic diverges: 2 (1 + momentum) / lambda_max.

    hessian: (n, n), symmetric without negative eigenvalues, or one number for a single weight;
    lambda_max is its largest eigenvalue, the curvature of the steepest direction.
    Raises ValueError if no direction curves upward or one curves downward: then no rate is stable.
    """
    hessian = np.atleast_2d(np.asarray(hessian, dtype=np.float64))
    square = hessian.ndim == 2 and len(hessian) == len(hessian.T)
    if not square or not np.allclose(hessian, hessian.T):
        raise ValueError(f"expected a symmetric (n, n) Hessian, got shape {hessian.shape}")
    if not 0 <= momentum < 1:
        raise ValueError(f"expected 0 <= momentum < 1, got {momentum}")
    eigenvalues = np.linalg.eigvalsh(hessian)
    if eigenvalues[-1] <= 0 or eigenvalues[0] < -1e-9 * eigenvalues[-1]:
        raise ValueError(f"expected a bowl (eigenvalues >= 0, one > 0), got {eigenvalues}")
    return float(2 * (1 + momentum) / eigenvalues[-1])


class Verdict(NamedTuple):
    """What became of a run: one word, and the sentence that says why."""

    word: str
    reason: str


def verdict(values, *, lowest=0.0):
    """Judge a run by its losses: "converging", "oscillating", "diverging" or "stuck".

    values: (steps + 1,) the loss at every point of the path, at least 4.  lowest: the smallest
    value the loss can take. The peaks of the last three quarters of the run decide: they grow past
    the start, they shrink (by half, if the losses still go up and down at the end), or they stay.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 4 or not np.isfinite(values[0]):
        raise ValueError(f"expected 4 or more losses, the first finite, got {values[:4]}")
    if not np.isfinite(values).all():
        last = int(np.argmin(np.isfinite(values))) - 1
        return Verdict("diverging", f"after step {last} the loss is too large for a float64")
    excess = values - lowest
    quarter = len(values) // 4
    early, middle, late = (part.max() for part in np.split(excess[-3 * quarter :], 3))
    left = f"{values[-1]:.3g} after {len(values) - 1} steps, from {values[0]:.3g}"
    if early < middle < late and late > max(excess[0], 1.5 * early):
        return Verdict("diverging", f"the loss grows: {left}")
    bumpy = np.diff(excess[-quarter - 1 :]).max() > 1e-3 * late
    peaks_fall = late < middle < early and late < 0.5 * early
    falls = peaks_fall if bumpy else excess[-1] < 0.98 * middle
    if falls or late <= 1e-6 * excess[0]:
        return Verdict("converging", f"the loss falls: {left}")
    if bumpy:
        return Verdict("oscillating", f"the loss goes up and down without settling: {left}")
    return Verdict("stuck", f"the loss hardly changes any more: {left}")


def batches(n, batch_size, *, rng=None):
    """Cut n samples into batches: index arrays of batch_size; the last may be smaller.

    Every index comes exactly once, in order, or shuffled by rng (a NumPy Generator).
    One pass is an epoch, one batch an iteration: ceil(n / batch_size) of them.
    """
    if n < 1 or batch_size < 1:
        raise ValueError(f"expected n, batch_size >= 1, got {n} and {batch_size}")
    order = np.arange(n) if rng is None else rng.permutation(n)
    return (order[i : i + batch_size] for i in range(0, n, batch_size))


class SGD:
    """Stochastic gradient descent: w <- w - learning_rate * g, for every parameter.

    "Stochastic" is the batch the gradient came from; the step itself is plain descent.
    Source: Robbins and Monro (1951).
    """

    def __init__(self, learning_rate=0.01):
        if not learning_rate > 0:
            raise ValueError(f"expected learning_rate > 0, got {learning_rate}")
        self.learning_rate = learning_rate

    def step(self, params, grads):
        """Update the arrays of `params` in place; keys and shapes must agree."""
        if params.keys() != grads.keys():
            raise ValueError(f"grads for {sorted(grads)}, params for {sorted(params)}")
        for name, w in params.items():
            g = np.asarray(grads[name])
            if g.shape != w.shape:
                raise ValueError(
                    f"expected a gradient of shape {w.shape} for {name!r}, got {g.shape}"
                )
            w -= self.learning_rate * g


def least_squares(x, y):
    """The linear neuron with the smallest squared error, in one stroke (the normal equations).

    With centered data:  kernel = (X^T X)^-1 X^T Y,  bias = mean(y) - mean(x) kernel.
    x: (N, n_in), y: (N, 1).  Returns kernel (n_in, 1) and bias (1,), computed in float64.
    Raises ValueError if the inputs' columns depend on each other.  Source: Legendre (1805).
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or y.shape != (len(x), 1):
        raise ValueError(f"expected x (N, n_in) and y (N, 1), got {x.shape} and {y.shape}")
    centered_x, centered_y = x - x.mean(axis=0), y - y.mean(axis=0)
    if np.linalg.matrix_rank(centered_x) < x.shape[1]:
        raise ValueError("expected independent columns in x, got one that the others determine")
    kernel = np.linalg.solve(centered_x.T @ centered_x, centered_x.T @ centered_y)
    return kernel, y.mean(axis=0) - x.mean(axis=0) @ kernel


def fit(model, loss, optimizer, x, y, *, batch_size, epochs, rng=None):
    """Train: for every batch of every epoch, go forward, go backward, take a step.

    model has `forward`, `backward`, `params`, `grads`; loss has `forward`, `backward`.
    x: (N, ...), y: (N, ...).  rng shuffles every epoch anew; None keeps the order.
    Returns {"loss": the mean over each epoch, measured before its steps, "iterations"}.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"expected as many x as y, not none: {len(x)} and {len(y)}")
    history = {"loss": [], "iterations": 0}
    for _ in range(epochs):
        total = 0.0
        for i in batches(len(x), batch_size, rng=rng):
            total += len(i) * loss.forward(y[i], model.forward(x[i], training=True))
            model.backward(loss.backward())
            optimizer.step(model.params, model.grads)
            history["iterations"] += 1
        history["loss"].append(float(total / len(x)))
    return history
