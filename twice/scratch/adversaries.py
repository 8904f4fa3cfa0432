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


def mlp(sizes, rng, dtype=np.float32):
    """Dense layers of these sizes with LeakyReLU between them: mlp([2, 64, 64, 1], rng)."""
    settings = {"rng": rng, "initializer": he_normal, "dtype": dtype}
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [Dense(n_in, n_out, **settings), Activation(leaky_relu())]
    return Sequential(layers[:-1])


def ring_gan(rng, *, loss=None, units=64, latent_dim=2, penalty=None, rates=(2e-3, 3e-3)):
    """A GAN for `twice.data.ring`, and the settings for `fit` that find all eight modes."""
    gan = GAN(
        mlp([latent_dim, units, units, 2], rng),
        mlp([2, units, units, 1], rng),
        NonSaturating() if loss is None else loss,
        latent_dim=latent_dim,
        penalty=penalty,
    )
    settings = {
        "steps": 3000,
        "batch_size": 256,
        "generator_optimizer": Adam(rates[0], beta_1=0.5, beta_2=0.9),
        "discriminator_optimizer": Adam(rates[1], beta_1=0.5, beta_2=0.9),
    }
    return gan, settings
