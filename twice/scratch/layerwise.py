"""Optimizers that look at a layer's kernel as a whole: Lamb, Adafactor and Muon.

All others treat a matrix as a list of numbers. Made for large models and large batches; the
parts they are made of are in `twice.scratch.optimizers`.
"""

import numpy as np

from twice.scratch.adaptive import Adam
from twice.scratch.optimizers import Optimizer, average, bias


class Lamb(Adam):
    """Adam's direction d, as long as the layer's weights: w <- w - rate (|w| / |d|) d.

    So each layer moves by the same share of itself, whatever its gradient: the update-to-weight
    ratio is the rate. A length of 0 counts as a ratio of 1. You et al. (2020).
    """

    def change(self, w, g, rate):
        m = average(self.memory("mean", w), g, self.beta_1) / bias(self.beta_1, self.t)
        v = average(self.memory("squares", w), g * g, self.beta_2) / bias(self.beta_2, self.t)
        d = m / (np.sqrt(v) + self.epsilon)
        lengths = float(np.linalg.norm(w)), float(np.linalg.norm(d))
        ratio = lengths[0] / lengths[1] if min(lengths) > 0 else 1.0
        return -rate * ratio * d


def rms(a):
    """The root of the mean square of all entries, a number."""
    return float(np.sqrt(np.mean(np.square(a))))


class Adafactor(Optimizer):
    """Adam's division by the gradient's size, with a row and a column to remember per matrix.

    r, c <- means of g^2 over rows and over columns;  v = r c / mean(r);  u = g / sqrt(v),
    no longer than `clip_threshold` in rms;  w <- w - rho_t max(epsilon_2, rms(w)) u
    with rho_t = min(rate, 1 / sqrt(t)) and the share of the means 1 - t^beta_2_decay. A kernel
    (n, m) costs n + m numbers instead of Adam's 2 n m. Biases keep their whole v.
    Shazeer and Stern (2018).
    """

    def __init__(
        self,
        learning_rate=0.001,
        *,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        weight_decay=0.0,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay)
        if not (beta_2_decay < 0 < clip_threshold and epsilon_1 >= 0 and epsilon_2 > 0):
            got = f"{beta_2_decay}, {clip_threshold}, {epsilon_1} and {epsilon_2}"
            wanted = "beta_2_decay < 0, clip_threshold > 0, epsilon_1 >= 0 and epsilon_2 > 0"
            raise ValueError(f"expected {wanted}, got {got}")
        self.beta_2_decay, self.clip_threshold = beta_2_decay, clip_threshold
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2

    def size(self, w, squares):
        """v, an estimate of the mean of g^2: of rank one for a kernel, whole for a bias."""
        share = 1 - self.t**self.beta_2_decay
        if w.ndim < 2:
            return average(self.memory("squares", w), squares, share)
        r = average(self.memory("rows", squares[..., 0]), squares.mean(axis=-1), share)
        c = average(self.memory("columns", squares[..., 0, :]), squares.mean(axis=-2), share)
        return (r / r.mean(axis=-1, keepdims=True))[..., None] * c[..., None, :]

    def change(self, w, g, rate):
        u = g / np.sqrt(self.size(w, g * g + self.epsilon_1))
        u = u / max(1.0, rms(u) / self.clip_threshold)
        return -min(rate, self.t**-0.5) * max(self.epsilon_2, rms(w)) * u


def orthogonalize(a, steps=5, coefficients=(3.4445, -4.7750, 2.0315)):
    """The matrix a with its singular values moved close to 1: U S V^T becomes about U V^T.

    x <- k_0 x + (k_1 (x x^T) + k_2 (x x^T)^2) x, `steps` times, on a / |a|: a polynomial of
    each singular value, no decomposition. Jordan et al. (2024), after Newton and Schulz.
    """
    if np.ndim(a) != 2:
        raise ValueError(f"expected a matrix, got shape {np.shape(a)}")
    x = a.T if a.shape[0] > a.shape[1] else a
    x = x / (np.linalg.norm(x) + 1e-7).astype(x.dtype)
    k_0, k_1, k_2 = coefficients
    for _ in range(steps):
        s = x @ x.T
        x = k_0 * x + (k_1 * s + k_2 * s @ s) @ x
    return x.T if a.shape[0] > a.shape[1] else x


class Muon(Adam):
    """Momentum whose direction is made orthogonal: all of a kernel's directions move alike.

    v <- momentum v + g,  w <- w - rate rms_rate sqrt(max(n, m)) orthogonalize(momentum v + g)
    for kernels (n, m); biases, embeddings and filters are left to AdamW. Jordan et al. (2024),
    with the scale of Liu et al. (2025), which makes Adam's rates fit.
    """

    def __init__(
        self,
        learning_rate=0.001,
        *,
        momentum=0.95,
        nesterov=True,
        ns_steps=5,
        rms_rate=0.2,
        weight_decay=0.004,
        **adam,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, **adam)
        if not (0 <= momentum < 1 and ns_steps >= 1 and rms_rate > 0):
            got = f"{momentum}, {ns_steps} and {rms_rate}"
            raise ValueError(f"expected 0 <= momentum < 1, ns_steps >= 1, rms_rate > 0, got {got}")
        self.momentum, self.nesterov = momentum, nesterov
        self.ns_steps, self.rms_rate = ns_steps, rms_rate

    def change(self, w, g, rate):
        if w.ndim != 2 or "embedding" in self.name:
            return super().change(w, g, rate)
        v = self.memory("velocity", w)
        v *= self.momentum
        v += g
        d = orthogonalize(g + self.momentum * v if self.nesterov else v, self.ns_steps)
        return -rate * self.rms_rate * max(w.shape) ** 0.5 * d
