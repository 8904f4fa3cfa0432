"""GANs to play with: small nets, a setting for the ring that finds every mode, told what to make.

The game itself is in `twice.scratch.gans`.
"""

from itertools import pairwise

import numpy as np

from twice.scratch.activations import leaky_relu
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.gans import GAN, NonSaturating
from twice.scratch.initializers import he_normal
from twice.scratch.losses import one_hot
from twice.scratch.training import Callback


def mlp(sizes, rng, *, negative_slope=0.2, dtype=np.float32):
    """Dense layers of these sizes with LeakyReLU between them: mlp([2, 64, 64, 1], rng)."""
    settings = {"rng": rng, "initializer": he_normal, "dtype": dtype}
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [Dense(n_in, n_out, **settings), Activation(leaky_relu(negative_slope))]
    return Sequential(layers[:-1])


class LinearDecay:
    """A schedule: rate_t = rate max(floor, 1 - t / steps), from the full rate to nearly none.

    Two players that never rest circle each other; smaller steps let them settle.
    Raises ValueError unless rate > 0, steps >= 1 and 0 < floor <= 1.
    """

    def __init__(self, rate, steps, *, floor=0.02):
        if not (rate > 0 and steps >= 1 and 0 < floor <= 1):
            got = f"{rate}, {steps} and {floor}"
            raise ValueError(f"expected rate > 0, steps >= 1 and 0 < floor <= 1, got {got}")
        self.rate, self.steps, self.floor = rate, steps, floor

    def __call__(self, iteration):
        return self.rate * max(self.floor, 1 - iteration / self.steps)


def ring_gan(rng, *, loss=None, units=64, latent_dim=2, steps=5000, rates=(1e-3, 2e-3),
             decay=True, **settings):  # fmt: skip
    """A GAN for `twice.data.ring`, and what `fit` needs to find all eight modes.

        gan, game = ring_gan(rng)
        gan.fit(x, **game, rng=rng)
    Two nets of two hidden layers; the non-saturating loss; Adam without a
    mean of the gradients (beta_1 0) and with a short one of their squares (beta_2 0.9), as
    Gulrajani et al. (2017); of the rates (generator, discriminator) the discriminator's is
    the larger (Heusel et al., 2017), and both fall linearly if `decay`.
    Ten seeds of ten ended with all eight modes, and some 70% of the samples within three
    standard deviations of a center; one seed gave a mode a tenth of its fair share.
    settings: for `GAN` (penalty, mixed). Returns the GAN and a dict for `fit`.
    """
    nets = mlp([latent_dim, units, units, 2], rng), mlp([2, units, units, 1], rng)
    gan = GAN(*nets, loss or NonSaturating(), latent_dim=latent_dim, **settings)
    optimizers = (
        Adam(LinearDecay(rate, steps) if decay else rate, beta_1=0.0, beta_2=0.9) for rate in rates
    )
    names = "generator_optimizer", "discriminator_optimizer"
    return gan, dict(zip(names, optimizers, strict=True), steps=steps, batch_size=256)


class Look(Callback):
    """Call f(model) after every `every` steps: `steps` and `found` keep when, and what it gave.

    f must use an rng of its own, so that looking does not change the game.
    Raises ValueError for every < 1.
    """

    def __init__(self, f, every=500):
        if every < 1:
            raise ValueError(f"expected every >= 1, got {every}")
        self.f, self.every, self.steps, self.found = f, every, [], []

    def on_batch_end(self, model, iteration, logs):
        if iteration % self.every == 0:
            self.steps.append(iteration)
            self.found.append(self.f(model))


class ConditionalGAN(GAN):
    """Both nets are told the class: one-hot beside the noise, and beside each sample's last axis.

    generator (N, latent_dim + classes) -> samples (N, ..., C); discriminator
    (N, ..., C + classes) -> logits: images carry `classes` more channels, each all 0 or
    all 1. `fit(x, y, ...)` takes whole-number labels y (N,). Raises ValueError for labels
    out of range. Mirza and Osindero (2014).
    """

    def __init__(self, generator, discriminator, loss, *, classes, **settings):
        if classes < 1:
            raise ValueError(f"expected classes >= 1, got {classes}")
        super().__init__(generator, discriminator, loss, **settings)
        self.classes = classes

    def told(self, a, labels):
        """a (N, ..., C) with the labels' one-hot rows as C + classes in the last axis."""
        a = np.asarray(a)
        if labels is None or len(labels) != len(a):
            came = "none" if labels is None else len(labels)
            raise ValueError(f"expected {len(a)} labels, got {came}")
        rows = one_hot(np.asarray(labels), self.classes, a.dtype)
        rows = rows.reshape(len(a), *[1] * (a.ndim - 2), self.classes)
        return np.concatenate([a, np.broadcast_to(rows, (*a.shape[:-1], self.classes))], axis=-1)

    def sample(self, n, rng, labels=None):
        """n samples of these classes: one number for all, or (n,); None takes them in turn."""
        if labels is None:
            labels = np.arange(n) % self.classes
        labels = np.full(n, labels) if np.ndim(labels) == 0 else np.asarray(labels)
        return self.predict(self.told(self.noise(n, rng), labels))
