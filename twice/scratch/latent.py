"""The random layer in the middle of a variational autoencoder, and what it costs.

A code is no longer a point but a Gaussian: the encoder gives its mean and log variance, the layer
draws from it. The models around it are in `twice.scratch.vae`.
"""

import numpy as np

from twice.scratch.backpropagation import Layer


def kl_by_dimension(mean, log_var):
    """KL(N(mean, exp(log_var)) || N(0, 1)), one number an entry, in nats.

        (mean^2 + exp(log_var) - 1 - log_var) / 2
    mean, log_var and the result have one shape. It is 0 at mean 0 and log_var 0 alone.
    Raises ValueError for shapes that differ.
    """
    mean, log_var = np.asarray(mean), np.asarray(log_var)
    if mean.shape != log_var.shape:
        shapes = f"mean {mean.shape}, log_var {log_var.shape}"
        raise ValueError(f"expected one shape, got {shapes}")
    return 0.5 * (mean**2 + np.expm1(log_var) - log_var)


def kl_standard_normal(mean, log_var):
    """KL(N(mean, diag(exp(log_var))) || N(0, I)), in nats: (N, n) -> (N,).

    The sum of `kl_by_dimension` over n. Kingma and Welling (2014), appendix B.
    """
    return kl_by_dimension(mean, log_var).sum(axis=-1)


def reparameterize(mean, log_var, noise):
    """z = mean + exp(log_var / 2) noise: a draw from N(mean, exp(log_var)).

    The randomness comes from outside, so z has a slope in mean and log_var:
        dz/dmean = 1,   dz/dlog_var = exp(log_var / 2) noise / 2
    All of one shape; ValueError if not. Kingma and Welling (2014).
    """
    mean, log_var, noise = np.asarray(mean), np.asarray(log_var), np.asarray(noise)
    if not mean.shape == log_var.shape == noise.shape:
        shapes = f"mean {mean.shape}, log_var {log_var.shape}, noise {noise.shape}"
        raise ValueError(f"expected one shape, got {shapes}")
    return mean + np.exp(log_var / 2) * noise.astype(mean.dtype)


class GaussianLatent(Layer):
    """h (N, 2n), mean beside log variance -> z (N, n), a draw; its KL is a penalty.

        z = mean + exp(log_var / 2) noise in training, z = mean otherwise
        penalty() = beta KL(N(mean, exp(log_var)) || N(0, I)), averaged over the batch
    With g = dL/dz of the losses above, backward returns the gradient of both:
        dL/dmean = g + beta mean / N
        dL/dlog_var = g exp(log_var / 2) noise / 2 + beta (exp(log_var) - 1) / (2 N)
    noise: None draws anew from rng each time, an array (N, n) is used as it is. `kl`:
    the last batch's KL without beta. ValueError for other shapes and a negative beta.
    Kingma and Welling (2014); beta: Higgins et al. (2017).
    """

    def __init__(self, n, *, rng, beta=1.0):
        super().__init__()
        if n < 1 or not beta >= 0:
            raise ValueError(f"expected n >= 1 and beta >= 0, got {n} and {beta}")
        self.n, self.rng, self.beta = n, rng, float(beta)
        self.noise, self.kl = None, 0.0

    def split(self, h):
        """(mean, log_var), each (N, n), from h (N, 2n); ValueError if it is not."""
        h = np.asarray(h)
        if h.ndim != 2 or h.shape[1] != 2 * self.n or len(h) == 0:
            raise ValueError(f"expected h (N, {2 * self.n}), got {h.shape}")
        return h[:, : self.n], h[:, self.n :]

    def forward(self, h, training=False):
        self.mean, self.log_var = self.split(h)
        self.used = np.zeros_like(self.mean)
        if training:
            given, shape = self.noise, self.mean.shape
            drawn = self.rng.normal(size=shape) if given is None else given
            self.used = np.asarray(drawn, self.mean.dtype)
        self.kl = float(kl_standard_normal(self.mean, self.log_var).mean())
        return reparameterize(self.mean, self.log_var, self.used)

    def backward(self, grad):
        share = self.beta / len(grad)
        to_mean = grad + share * self.mean
        to_log_var = grad * np.exp(self.log_var / 2) * self.used / 2
        to_log_var += share * np.expm1(self.log_var) / 2
        return np.concatenate([to_mean, to_log_var], axis=1)

    def penalty(self):
        """beta times the mean KL of the last batch, a float."""
        return self.beta * self.kl

    def __repr__(self):
        return f"GaussianLatent({self.n}, beta={self.beta:g})"
