"""Losses and their gradients, softmax, and the first classifier of many classes.

Every loss is the mean of one number a sample (or an entry), as in Keras. `forward(y_true, y_pred)`
gives the loss, `backward()` its gradient with respect to y_pred, of y_pred's shape and dtype.
The squared error is in `twice.scratch.perceptron`, the hinges are in `twice.scratch.hinge`.
"""

import numpy as np

from twice.scratch.perceptron import Adaline, sigmoid

EPSILON = 1e-7  # Keras keeps probabilities this far from 0 and 1 before it takes a logarithm


def logsumexp(z, axis=-1):
    """ln sum_j exp(z_j) along an axis, which is kept; the largest z_j goes first."""
    top = np.max(z, axis=axis, keepdims=True)
    return top + np.log(np.exp(z - top).sum(axis=axis, keepdims=True))


def log_softmax(z, axis=-1):
    """ln softmax(z) = z - logsumexp(z), any shape: exact where softmax itself rounds to 0."""
    return z - logsumexp(z, axis)


def softmax(z, temperature=1.0):
    """p_k = exp(z_k / T) / sum_j exp(z_j / T) along the last axis (Bridle, 1990).

    T > 1 evens the probabilities out, T < 1 sharpens them; ValueError unless T > 0.
    """
    if not temperature > 0:
        raise ValueError(f"expected temperature > 0, got {temperature}")
    z = np.asarray(z) if temperature == 1 else np.asarray(z) / temperature
    e = np.exp(z - z.max(axis=-1, keepdims=True))  # at most 1, so nothing overflows
    return e / e.sum(axis=-1, keepdims=True)


def one_hot(labels, n_classes, dtype=np.float32):
    """Labels (N,), whole numbers from 0, as rows (N, n_classes) with a single 1."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or n_classes < 1:
        kind = f"{labels.dtype} of shape {labels.shape} for {n_classes} classes"
        raise ValueError(f"expected whole numbers of shape (N,), got {kind}")
    if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(f"expected labels 0 to {n_classes - 1}, got {np.unique(labels)}")
    return np.eye(n_classes, dtype=dtype)[labels]


class Loss:
    """The mean of `losses(y_true, y_pred)[0]`; a subclass says what those are, and their slopes."""

    def forward(self, y_true, y_pred):
        """The loss, a float. Raises ValueError for shapes that differ or are empty."""
        y_pred = np.asarray(y_pred)
        y_true = np.asarray(y_true, dtype=y_pred.dtype)
        if y_true.shape != y_pred.shape or y_pred.ndim == 0 or y_pred.size == 0:
            raise ValueError(
                f"expected y_true and y_pred of one shape, got {y_true.shape} and {y_pred.shape}"
            )
        losses, slopes = self.losses(y_true, y_pred)
        self.gradient = slopes / losses.size
        return float(losses.sum() / losses.size)

    def backward(self):
        """dL/dy_pred, of the shape of y_pred."""
        return self.gradient


class MeanAbsoluteError(Loss):
    """L = mean of |e| with e = y_pred - y; its slope is sign(e), and 0 at e = 0."""

    def losses(self, y_true, y_pred):
        return np.abs(y_pred - y_true), np.sign(y_pred - y_true)


class Huber(Loss):
    """L = mean of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2 (Huber, 1964)."""

    def __init__(self, delta=1.0):
        if not delta > 0:
            raise ValueError(f"expected delta > 0, got {delta}")
        self.delta = delta

    def losses(self, y_true, y_pred):
        error, d = y_pred - y_true, self.delta
        inside = np.abs(error) <= d
        loss = np.where(inside, error**2 / 2, d * np.abs(error) - d**2 / 2)
        return loss, np.clip(error, -d, d)


class BinaryCrossentropy(Loss):
    """L = -mean of y ln p + (1 - y) ln(1 - p), with p in (0, 1), or p = sigmoid(z) from logits.

    y: any number from 0 to 1 (0.9 is a soft label). From logits the slope is p - y, never 0/0.
    """

    def __init__(self, from_logits=False):
        self.from_logits = from_logits

    def losses(self, y_true, y_pred):
        if self.from_logits:  # max(z, 0) - z y + ln(1 + exp(-|z|)), exact for any z
            z = y_pred
            loss = np.maximum(z, 0) - z * y_true + np.log1p(np.exp(-np.abs(z)))
            return loss, sigmoid(z) - y_true
        p = np.clip(y_pred, EPSILON, 1 - EPSILON)
        loss = -(y_true * np.log(p) + (1 - y_true) * np.log1p(-p))
        return loss, (p == y_pred) * (p - y_true) / (p * (1 - p))


class CategoricalCrossentropy(Loss):
    """L = -mean over samples of sum_k t_k ln p_k; from logits, p = softmax(z).

    t: (N, K), one-hot or soft, rows of sum 1; y_pred: (N, K). Label smoothing s
    replaces t by (1 - s) t + s / K (Szegedy et al., 2016).
    From logits the slope of a sample is p - t.
    """

    def __init__(self, from_logits=False, label_smoothing=0.0):
        if not 0 <= label_smoothing <= 1:
            given = label_smoothing
            raise ValueError(f"expected 0 <= label_smoothing <= 1, got {given}")
        self.from_logits, self.label_smoothing = from_logits, label_smoothing

    def losses(self, y_true, y_pred):
        s = self.label_smoothing
        t = (1 - s) * y_true + s / y_true.shape[-1] if s else y_true
        if self.from_logits:
            log_p = log_softmax(y_pred)
            return -(t * log_p).sum(axis=-1), np.exp(log_p) - t
        total = y_pred.sum(axis=-1, keepdims=True)  # as Keras: rows of sum 1 first
        p = np.clip(y_pred / total, EPSILON, 1 - EPSILON)
        slope = -t / p * (p == y_pred / total)
        slope -= (slope * p).sum(axis=-1, keepdims=True)
        return -(t * np.log(p)).sum(axis=-1), slope / total


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """`CategoricalCrossentropy` with whole-number labels (N,) in place of one-hot rows (N, K)."""

    def __init__(self, from_logits=False):
        super().__init__(from_logits)

    def forward(self, y_true, y_pred):
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if y_pred.ndim != 2 or y_true.shape != (len(y_pred),) or y_pred.size == 0:
            raise ValueError(
                f"expected y_true (N,) and y_pred (N, K), got {y_true.shape} and {y_pred.shape}"
            )
        labels, n_classes = y_true, y_pred.shape[1]
        if y_true.dtype.kind not in "iu":  # whole numbers as floats are welcome
            labels = np.where(y_true == np.floor(y_true), y_true, -1).astype(int)
        if labels.min() < 0 or labels.max() >= n_classes:
            raise ValueError(f"expected labels 0 to {n_classes - 1}, got {np.unique(y_true)}")
        if not self.from_logits:
            return super().forward(one_hot(labels, n_classes, y_pred.dtype), y_pred)
        rows, log_p = np.arange(len(labels)), log_softmax(y_pred)
        self.gradient = np.exp(log_p)
        self.gradient[rows, labels] -= 1
        self.gradient /= len(labels)
        return float(-log_p[rows, labels].sum() / len(labels))


class KLDivergence(Loss):
    """L = mean over samples of sum_k t_k ln(t_k / p_k), in nats (Kullback and Leibler, 1951)."""

    def losses(self, y_true, y_pred):
        t, p = np.clip(y_true, EPSILON, 1), np.clip(y_pred, EPSILON, 1)
        return (t * np.log(t / p)).sum(axis=-1), -t / p * (p == y_pred)


class SoftmaxRegression(Adaline):
    """Scores z = x W + b for K classes, W (n_in, K) and b (K,) all zero at first.

    Softmax turns the scores into probabilities; the loss from logits does it by itself.
    """

    def __init__(self, n_in, n_classes, *, dtype=np.float32):
        super().__init__(n_in, dtype=dtype)
        self.params = {
            "kernel": np.zeros((n_in, n_classes), dtype),
            "bias": np.zeros(n_classes, dtype),
        }
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}

    def predict_proba(self, x):
        """Probabilities (N, n_classes)."""
        return softmax(self.forward(x))
