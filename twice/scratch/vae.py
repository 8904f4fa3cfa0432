"""The variational autoencoder: an autoencoder one can draw from (Kingma and Welling, 2014).

ELBO(x) = E_q [ln p(x | z)] - KL(q(z | x) || p(z)) <= ln p(x),   p(z) = N(0, I)

The encoder gives q(z | x) = N(mean, exp(log_var)), the decoder p(x | z). Training lowers -ELBO: the
reconstruction is the loss, the KL is the penalty of a `twice.scratch.latent.GaussianLatent`.
"""

import numpy as np

from twice.scratch.autoencoders import Autoencoder, chain
from twice.scratch.backpropagation import Sequential
from twice.scratch.latent import kl_standard_normal, reparameterize
from twice.scratch.losses import Loss, logsumexp
from twice.scratch.perceptron import sigmoid
from twice.scratch.training import Callback


class BernoulliReconstruction(Loss):
    """-ln p(x | z) for pixels from 0 to 1: the sum over pixels, the mean over samples.

        sum of ln(1 + exp(a)) - x a,   p = sigmoid(a),   slope p - x
    y_true: x (N, ...), y_pred: logits a of its shape. For x strictly between 0 and 1
    it is a usable loss, not a likelihood (Loaiza-Ganem and Cunningham, 2019).
    Raises ValueError for shapes that differ and for pixels outside 0 ... 1.
    """

    def losses(self, y_true, y_pred):
        if not (y_true.min() >= -1e-6 and y_true.max() <= 1 + 1e-6):
            found = f"{y_true.min():g} to {y_true.max():g}"
            raise ValueError(f"expected pixels 0 to 1, got {found}: divide by 255?")
        softplus = np.maximum(y_pred, 0) + np.log1p(np.exp(-np.abs(y_pred)))
        each = softplus - y_true * y_pred
        return each.reshape(len(each), -1).sum(axis=1), sigmoid(y_pred) - y_true

    def mean(self, output):
        """The expected pixels: sigmoid(logits)."""
        return sigmoid(output)


class GaussianReconstruction(Loss):
    """-ln p(x | z) for x = a + sigma noise: the sum over entries, the mean over samples.

        sum of (x - a)^2 / (2 sigma^2) + ln(2 pi sigma^2) / 2,   slope (a - x) / sigma^2
    y_true: x (N, ...), y_pred: a of its shape. A small sigma weighs against the KL as a
    small beta does. Raises ValueError for shapes that differ, and unless sigma > 0.
    """

    def __init__(self, sigma=1.0):
        if not sigma > 0:
            raise ValueError(f"expected sigma > 0, got {sigma}")
        self.sigma = float(sigma)

    def losses(self, y_true, y_pred):
        away = (y_pred - y_true) / self.sigma
        each = away**2 / 2 + 0.5 * np.log(2 * np.pi * self.sigma**2)
        return each.reshape(len(each), -1).sum(axis=1), away / self.sigma

    def mean(self, output):
        """The expected entries: the output itself."""
        return output


class VAE(Autoencoder):
    """encoder: x -> (N, 2n), `GaussianLatent(n)`, decoder: z (N, n) -> x's shape.

    Loss in training: reconstruction + beta KL, for beta = 1 it is -ELBO, with one draw
    of z a sample. reconstruction: None is `BernoulliReconstruction` (the decoder ends in
    logits), or `GaussianReconstruction`. `params` are named "0. ..." and "2. ...".
    Kingma and Welling (2014), Rezende, Mohamed and Wierstra (2014).
    """

    def __init__(self, encoder, decoder, latent, *, reconstruction=None):
        Sequential.__init__(self, [chain(encoder), latent, chain(decoder)])
        self.reconstruction = reconstruction or BernoulliReconstruction()

    latent = property(lambda self: self.layers[1])

    def fit(self, x, y=None, *, loss=None, **settings):
        """Train; the target is x, the loss the reconstruction, unless others are given."""
        return super().fit(x, y, loss=loss or self.reconstruction, **settings)

    def posterior(self, x, *, batch_size=1024):
        """Mean and log variance of q(z | x), each (N, n)."""
        return self.latent.split(self.encoder.predict(x, batch_size=batch_size))

    def encode(self, x, *, batch_size=1024):
        """The code of each x, the mean of q(z | x), (N, n)."""
        return self.posterior(x, batch_size=batch_size)[0]

    def decode(self, code, *, batch_size=1024):
        """The expected x for codes (N, n): for Bernoulli pixels their probabilities."""
        output = self.decoder.predict(code, batch_size=batch_size)
        return self.reconstruction.mean(output)

    def sample(self, n, *, rng):
        """n new samples: z from N(0, I), then the expected x."""
        return self.decode(rng.normal(size=(n, self.latent.n)))

    def elbo(self, x, *, rng, draws=1):
        """The bound on ln p(x) of each sample, (N,), E_q as a mean of `draws` draws.

        Without beta: what is measured does not depend on how it was trained.
        """
        mean, log_var = self.posterior(x)
        drawn = [self.log_joint(x, mean, log_var, rng) for _ in range(check_draws(draws))]
        parts = [log_p for log_p, _ in drawn]
        return np.mean(parts, axis=0) - kl_standard_normal(mean, log_var)

    def importance_bound(self, x, *, rng, draws=50):
        """ln of the mean of p(x, z) / q(z | x) over `draws` draws of z, (N,).

        One draw estimates the ELBO; in expectation more come closer to ln p(x) from below.
        Burda, Grosse and Salakhutdinov (2016).
        """
        mean, log_var = self.posterior(x)
        drawn = [self.log_joint(x, mean, log_var, rng) for _ in range(check_draws(draws))]
        parts = [log_p + log_ratio for log_p, log_ratio in drawn]
        return logsumexp(np.array(parts), axis=0)[0] - np.log(draws)

    def log_joint(self, x, mean, log_var, rng):
        """ln p(x | z) and ln p(z) - ln q(z | x), each (N,), at one draw of z."""
        noise = rng.normal(size=mean.shape)
        z = reparameterize(mean, log_var, noise)
        log_ratio = ((noise**2 - z**2 + log_var) / 2).sum(axis=1)
        output = self.decoder.predict(z)
        x = np.asarray(x, output.dtype)
        return -self.reconstruction.losses(x, output)[0], log_ratio


def check_draws(draws):
    """draws; ValueError unless it is at least 1."""
    if draws < 1:
        raise ValueError(f"expected draws >= 1, got {draws}")
    return draws


def active_units(vae, x, *, threshold=0.01):
    """Which latent dimensions say something about x: a mask (n,).

    Active: the variance over x of the unit's mean exceeds the threshold. A collapsed one
    gives every x the prior. Burda, Grosse and Salakhutdinov (2016).
    """
    return vae.encode(x).var(axis=0) > threshold


class BetaWarmUp(Callback):
    """beta rises from `start` to `beta` in a straight line over `steps` batches.

    The decoder learns to use z before z has its full price. val_loss counts the beta of
    its moment. done: how many batches a resumed training has behind it.
    Raises ValueError for steps < 1 and negative numbers. Bowman et al. (2016).
    """

    def __init__(self, steps, *, beta=1.0, start=0.0, done=0):
        if steps < 1 or not min(beta, start, done) >= 0:
            got = f"{steps}, {beta}, {start} and {done}"
            wanted = "steps >= 1 and beta, start, done >= 0"
            raise ValueError(f"expected {wanted}, got {got}")
        self.steps, self.beta, self.start, self.done = steps, beta, start, done

    def on_train_begin(self, model):
        self.on_batch_end(model, self.done, {})

    def on_batch_end(self, model, iteration, logs):
        share = min(1.0, iteration / self.steps)
        model.latent.beta = self.start + share * (self.beta - self.start)
