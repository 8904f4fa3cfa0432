"""The variational autoencoder of `twice.scratch.vae` in Keras, with a given noise."""

import numpy as np

from twice import parity
from twice.parity import keras
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense
from twice.scratch.conv_layers import Conv2DTranspose
from twice.scratch.convolution import Conv2D
from twice.scratch.latent import GaussianLatent
from twice.scratch.training import train_step
from twice.scratch.vae import VAE, BernoulliReconstruction

ops = keras.ops


class Sampling(keras.layers.Layer):
    """(N, 2n) -> a draw (N, n), or the mean outside training; the KL joins the model's losses."""

    def __init__(self, noise, beta):
        super().__init__()
        self.noise, self.beta = ops.convert_to_tensor(noise), beta

    def call(self, h, training=False):
        mean, log_var = ops.split(h, 2, axis=-1)
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(self.beta * ops.mean(kl))
        return mean + ops.exp(0.5 * log_var) * self.noise if training else mean

    def compute_output_shape(self, shape):
        return (*shape[:-1], shape[-1] // 2)


def layer_of(ours):
    """The Keras layer for one of ours."""
    if isinstance(ours, Dense):
        return keras.layers.Dense(ours.params["kernel"].shape[1])
    if isinstance(ours, Activation):
        return keras.layers.Activation(ours.name)
    if isinstance(ours, (Conv2D, Conv2DTranspose)):
        made = getattr(keras.layers, type(ours).__name__)
        return made(len(ours.params["bias"]), ours.kernel_size, ours.strides, ours.padding)
    if isinstance(ours, GaussianLatent):
        return Sampling(ours.noise, ours.beta)
    target = getattr(ours, "target", None)
    return keras.layers.Reshape(target) if target else keras.layers.Flatten()


def sum_of_pixels(vae):
    """The reconstruction as a Keras loss: one number a sample."""
    if isinstance(vae.reconstruction, BernoulliReconstruction):

        def each(x, a):
            return ops.maximum(a, 0) - x * a + ops.log1p(ops.exp(-ops.abs(a)))
    else:
        variance = vae.reconstruction.sigma**2

        def each(x, a):
            return ops.square(x - a) / (2 * variance) + 0.5 * np.log(2 * np.pi * variance)

    def loss(x, a):
        return ops.sum(ops.reshape(each(x, a), (ops.shape(x)[0], -1)), axis=-1)

    return loss


def twin_of(vae, shape, made=keras.Model):
    """A Keras model with the layers of a VAE of ours, and its reconstruction loss."""
    inputs = z = keras.Input(shape)
    for ours in [*vae.encoder.layers, vae.latent, *vae.decoder.layers]:
        z = layer_of(ours)(z)
    return made(inputs, z), sum_of_pixels(vae)


class TapeVAE(keras.Model):
    """The same with a `train_step` of its own, in TensorFlow's words."""

    def train_step(self, data):
        import tensorflow as tf

        x, _ = data
        with tf.GradientTape() as tape:
            value = ops.mean(self.reconstruction(x, self(x, training=True))) + sum(self.losses)
        gradients = tape.gradient(value, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return {"loss": value}


def train_together(how, steps=4):
    """Both train with Adam on the same noise; AssertionError where losses or weights differ."""
    rng = np.random.default_rng(0)
    made = {"rng": rng, "dtype": np.float64}
    latent = GaussianLatent(2, rng=rng, beta=0.5)
    vae = VAE([Dense(6, 5, **made), Activation("tanh"), Dense(5, 4, **made)],
              [Dense(2, 5, **made), Activation("tanh"), Dense(5, 6, **made)], latent)  # fmt: skip
    x, latent.noise = rng.uniform(size=(7, 6)), rng.normal(size=(7, 2))
    with parity.float64():
        twin, loss = twin_of(vae, (6,), TapeVAE if how == "train_step" else keras.Model)
        twin.reconstruction = loss
        parity.copy_weights(vae, twin)
        optimizer = keras.optimizers.Adam(0.01, epsilon=1e-7)
        twin.compile(optimizer=optimizer, loss=None if how == "train_step" else loss)
        ours = Adam(0.01, epsilon=1e-7)
        for _ in range(steps):
            value, _ = train_step(vae, vae.reconstruction, ours, x, x)
            if how == "train_step":
                twin.fit(x, x, batch_size=7, shuffle=False, verbose=0)
            else:
                twin.reset_metrics()
                theirs = twin.train_on_batch(x, x)
                assert abs(float(np.asarray(theirs)) - value) < 1e-8, (theirs, value)
        for a, b in zip(vae.get_weights(), twin.get_weights(), strict=True):
            assert np.abs(a - b).max() < 1e-8, np.abs(a - b).max()
