"""Mixture density outputs: when one input has several right answers (Bishop, 1994)."""

import math

import numpy as np

from twice.scratch.losses import Loss, log_softmax, logsumexp, softmax

HALF_LN_2PI = 0.5 * math.log(2 * math.pi)


def split_outputs(outputs):
    """(logits, means, log sigmas), each (N, K), from outputs (N, 3K); ValueError if it is not."""
    outputs = np.asarray(outputs)
    if outputs.ndim != 2 or outputs.shape[1] % 3 or outputs.size == 0:
        raise ValueError(f"expected outputs of shape (N, 3K), got {outputs.shape}")
    return np.split(outputs, 3, axis=1)


def mixture_parameters(outputs):
    """The weights pi (rows of sum 1), means mu and widths sigma > 0, each (N, K)."""
    logits, means, log_sigmas = split_outputs(outputs)
    return softmax(logits), means, np.exp(log_sigmas)


def log_parts(y, outputs):
    """ln(pi_k N(y; mu_k, sigma_k)) and (y - mu_k) / sigma_k for y (N, 1), both (N, K)."""
    logits, means, log_sigmas = split_outputs(outputs)
    away = (y - means) * np.exp(-log_sigmas)
    return log_softmax(logits) - away**2 / 2 - log_sigmas - HALF_LN_2PI, away


class MixtureDensity(Loss):
    """L = -mean of ln sum_k pi_k N(y; mu_k, sigma_k): outputs as K Gaussians.

    y_pred: (N, 3K) = logits (pi = softmax), means mu, log sigmas s (sigma = e^s), in
    this order; y_true: (N,) or (N, 1). With a = (y - mu) / sigma and the shares of the
    parts, r_k = pi_k N_k / sum_j pi_j N_j, the slopes of a sample are
        dL/dlogit = pi - r,   dL/dmu = -r a / sigma,   dL/ds = r (1 - a^2).
    Source: Bishop (1994).
    """

    def forward(self, y_true, y_pred):
        y_pred = np.asarray(y_pred)
        y = np.asarray(y_true, y_pred.dtype)
        if y.size != len(y_pred) or y.shape not in ((y.size,), (y.size, 1)):
            wanted = f"(N,) or (N, 1) for N = {len(y_pred)}"
            raise ValueError(f"expected y_true {wanted}, got {y.shape}")
        logits, _, log_sigmas = split_outputs(y_pred)
        parts, away = log_parts(y.reshape(-1, 1), y_pred)
        total = logsumexp(parts)
        r = np.exp(parts - total)
        slopes = softmax(logits) - r, -r * away * np.exp(-log_sigmas), r * (1 - away**2)
        self.gradient = np.concatenate(slopes, axis=1) / len(y)
        return float(-total.mean())


def mixture_density(y, outputs):
    """The density p(y | x) at each y (G,), for each row of outputs (N, 3K): an array (N, G)."""
    pi, mu, sigma = (a[:, None] for a in mixture_parameters(outputs))
    away = (np.asarray(y, pi.dtype).reshape(-1, 1) - mu) / sigma
    return (pi * np.exp(-(away**2) / 2 - HALF_LN_2PI) / sigma).sum(axis=-1)


def mixture_mean(outputs):
    """The expected value sum_k pi_k mu_k, (N, 1): what the squared error would have learned."""
    pi, mu, _ = mixture_parameters(outputs)
    return (pi * mu).sum(axis=1, keepdims=True)


def mixture_sample(outputs, rng):
    """One draw for each row of outputs (N, 3K), (N, 1): pick a part by pi, then its Gaussian."""
    pi, mu, sigma = mixture_parameters(outputs)
    rows, u = np.arange(len(pi)), rng.random((len(pi), 1))
    k = np.minimum((pi.cumsum(axis=1) < u).sum(axis=1), pi.shape[1] - 1)
    draws = rng.normal(mu[rows, k], sigma[rows, k]).astype(pi.dtype)
    return draws[:, None]
