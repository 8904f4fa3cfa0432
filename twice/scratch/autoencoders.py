"""Autoencoders: nets that return what they were given, by way of a code."""

import numpy as np

from twice.scratch.backpropagation import Dense, Layer, Sequential
from twice.scratch.losses import EPSILON
from twice.scratch.perceptron import sigmoid


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


class Denoising:
    """An `augment` for `fit`: spoil the input, keep the target (Vincent et al., 2008).

    net.fit(x, loss=..., augment=Denoising(masking=0.3, rng=rng), ...)
    masking: the share of entries set to 0.  salt: the share set to 0 or 1, evenly.
    stddev: of the normal noise added to the others. ValueError for other settings.
    """

    def __init__(self, *, masking=0.0, salt=0.0, stddev=0.0, rng):
        if not (min(masking, salt, stddev) >= 0 and masking + salt <= 1 and stddev < np.inf):
            got = f"{masking}, {salt} and {stddev}"
            raise ValueError(f"expected shares that sum to <= 1 and stddev >= 0, got {got}")
        self.masking, self.salt, self.stddev, self.rng = masking, salt, stddev, rng

    def __call__(self, x, y):
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(np.float32)
        u = self.rng.random(x.shape)
        noisy = x + (self.stddev * self.rng.normal(size=x.shape)).astype(x.dtype)
        noisy[u < self.masking + self.salt] = 0
        noisy[u < self.salt / 2] = 1
        return noisy, y


class ActivityRegularizer(Layer):
    """z = x, and a penalty on x: few units shall be active at a time.

        rho None:    strength sum |x| / N, as Keras's ActivityRegularization(l1=strength)
        0 < rho < 1: strength sum_j rho ln(rho / m_j) + (1 - rho) ln((1 - rho) / (1 - m_j))
    with m_j the mean of unit j, the last axis, over the batch: the mean activity of
    each shall be rho. Needs x from 0 to 1. Raises ValueError for a negative strength,
    another rho, and for such x outside 0 ... 1. Lee, Ekanadham and Ng (2008), Ng (2011).
    """

    def __init__(self, strength, *, rho=None):
        super().__init__()
        if not strength >= 0 or not (rho is None or 0 < rho < 1):
            got = f"{strength} and {rho}"
            raise ValueError(f"expected strength >= 0 and rho None or in (0, 1), got {got}")
        self.strength, self.rho, self.price = float(strength), rho, 0.0

    def forward(self, x, training=False):
        x, rho = np.asarray(x), self.rho
        if rho is None:
            self.price = float(np.abs(x).sum() / len(x))
            self.slope = np.sign(x) / len(x)
            return x
        if not (x.min() >= 0 and x.max() <= 1):
            raise ValueError(f"expected activities 0 to 1, got {x.min():g} to {x.max():g}")
        m = np.clip(x.mean(axis=tuple(range(x.ndim - 1))), EPSILON, 1 - EPSILON)
        self.price = float((rho * np.log(rho / m) + (1 - rho) * np.log((1 - rho) / (1 - m))).sum())
        each = ((1 - rho) / (1 - m) - rho / m) * (m.size / x.size)
        self.slope = np.broadcast_to(each, x.shape)
        return x

    def backward(self, grad):
        return grad + self.strength * self.slope

    def penalty(self):
        return self.strength * self.price

    def __repr__(self):
        return f"ActivityRegularizer({self.strength:g}, rho={self.rho})"


class ContractiveDense(Dense):
    """h = sigmoid(X W + b), and a penalty on how much h moves when X does.

        penalty = strength / N sum_n |dh_n / dx_n|^2,
        |dh / dx|^2 = sum_j s_j^2 sum_i W_ij^2,   s = h (1 - h)
    the squared Frobenius norm of the Jacobian. Sizes, shapes and errors as `Dense`;
    ValueError for a negative strength. Rifai et al. (2011).
    """

    def __init__(self, n_in, n_out, strength, **settings):
        super().__init__(n_in, n_out, **settings)
        if not strength >= 0:
            raise ValueError(f"expected strength >= 0, got {strength}")
        self.strength, self.price = float(strength), 0.0

    def forward(self, x, training=False):
        self.h = sigmoid(super().forward(x, training))
        self.s = self.h * (1 - self.h)
        self.lengths = (self.params["kernel"] ** 2).sum(axis=0)
        self.price = float((self.s**2 @ self.lengths).mean())
        return self.h

    def backward(self, grad, input_gradient=True):
        pull = 2 * self.strength / len(grad)
        to_z = grad * self.s + pull * self.lengths * self.s**2 * (1 - 2 * self.h)
        back = super().backward(to_z, input_gradient)
        self.grads["kernel"] += pull * self.params["kernel"] * (self.s**2).sum(axis=0)
        return back

    def penalty(self):
        return self.strength * self.price


def anomaly_score(model, x):
    """The mean squared error of each reconstruction, (N,): large for strange samples.

    model: has `reconstruct`, or is a function x -> its reconstruction.
    Raises ValueError for a reconstruction of another shape.
    """
    x = np.asarray(x)
    back = np.asarray(getattr(model, "reconstruct", model)(x))
    if back.shape != x.shape:
        raise ValueError(f"expected a reconstruction {x.shape}, got {back.shape}")
    return ((back - x) ** 2).reshape(len(x), -1).mean(axis=1)


def subspace_angle(a, b):
    """The largest principal angle between what the rows of a and of b span, in radians.

    a, b (k, F), such as a linear decoder's kernel and `PCA.components`: 0 where they span
    the same, pi / 2 where a direction of one is orthogonal to all of the other.
    Exact for small angles too. Raises ValueError for other shapes and for rows that are
    linearly dependent. Bjorck and Golub (1973).
    """
    a, b = (np.asarray(m, np.float64) for m in (a, b))
    if a.ndim != 2 or a.shape != b.shape or not 0 < len(a) <= a.shape[1]:
        raise ValueError(f"expected two matrices (k, F), k <= F, got {a.shape} and {b.shape}")
    rank = min(np.linalg.matrix_rank(m) for m in (a, b))
    if rank < len(a):
        raise ValueError(f"expected {len(a)} independent rows, got {rank}")
    p, q = np.linalg.qr(a.T)[0], np.linalg.qr(b.T)[0]
    cosines = p.T @ q
    cosine = np.linalg.svd(cosines, compute_uv=False).min()
    sine = np.linalg.svd(q - p @ cosines, compute_uv=False).max()
    return float(np.arctan2(sine, cosine))


def alternate(x, k, *, rng, tolerance=1e-9, steps=5000):
    """A linear autoencoder x -> x E D by least squares: each half in turn.

        D <- the best decoder of the codes x E,   E <- pinv(D), the best for D
    x (N, F), centered; returns E (F, k), D (k, F) once a round turns D's rows by less than
    `tolerance` radians. RuntimeError after `steps` rounds. Baldi and Hornik (1989).
    """
    encoder, decoder = rng.normal(size=(np.shape(x)[1], k)), None
    for _ in range(steps):
        last, decoder = decoder, np.linalg.lstsq(x @ encoder, x)[0]
        encoder = np.linalg.pinv(decoder)
        if last is not None and subspace_angle(last, decoder) < tolerance:
            return encoder, decoder
    raise RuntimeError(f"the decoder turns more than {tolerance} after {steps} rounds")
