"""Autoencoders: nets that return what they were given, by way of a code."""

import numpy as np

from twice.scratch.backpropagation import Layer, Sequential


class Reshape(Layer):
    """(N, ...) -> (N, *shape), channels fastest; backward shapes it back. The way out of `Flatten`.

    Raises ValueError for samples of another size.
    """

    def __init__(self, shape):
        super().__init__()
        self.target = tuple(shape)

    def forward(self, x, training=False):
        self.shape = np.shape(x)
        if np.prod(self.shape[1:]) != np.prod(self.target):
            raise ValueError(f"expected samples that fit {self.target}, got {self.shape[1:]}")
        return np.reshape(x, (len(x), *self.target))

    def backward(self, grad):
        return grad.reshape(self.shape)

    def __repr__(self):
        return f"Reshape{self.target}"


def chain(part):
    """A list of layers as a `Sequential`; a model stays what it is."""
    return Sequential(part) if isinstance(part, (list, tuple)) else part


class Autoencoder(Sequential):
    """x -> code = encoder(x) -> decoder(code), trained to give x back.

    encoder, decoder: models or lists of layers; the decoder's output has x's shape.
    `fit` takes x as its own target. `params` are named "0. ..." and "1. ...".
    Rumelhart, Hinton and Williams (1986); Hinton and Salakhutdinov (2006).
    """

    def __init__(self, encoder, decoder):
        super().__init__([chain(encoder), chain(decoder)])

    encoder = property(lambda self: self.layers[0])
    decoder = property(lambda self: self.layers[-1])

    def fit(self, x, y=None, *, loss, validation_data=None, **settings):
        """Train x -> y; y is x itself if None. validation_data: x, or a pair (x, y).

        All else as `twice.scratch.training.fit`. Returns its History.
        """
        if validation_data is not None and not isinstance(validation_data, tuple):
            validation_data = validation_data, validation_data
        y = x if y is None else y
        return super().fit(x, y, loss=loss, validation_data=validation_data, **settings)

    def encode(self, x, *, batch_size=1024):
        """The codes of x."""
        return self.encoder.predict(x, batch_size=batch_size)

    def decode(self, code, *, batch_size=1024):
        """What the decoder makes of codes, its own or any others."""
        return self.decoder.predict(code, batch_size=batch_size)

    def reconstruct(self, x, *, batch_size=1024):
        """decode(encode(x)), of x's shape."""
        return self.decode(self.encode(x, batch_size=batch_size), batch_size=batch_size)

    def __repr__(self):
        return f"{type(self).__name__}({self.encoder!r}, {self.decoder!r})"
