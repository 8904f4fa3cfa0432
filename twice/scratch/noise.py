"""Noise that helps: dropout, noise on inputs, weights and labels, mixed samples.

Layers here are random in training and do nothing otherwise. Whatever is drawn comes from an
explicit `rng`. Changed images are in `twice.scratch.augmentation`.
"""

import numpy as np

from twice.scratch.backpropagation import Layer


def share(rate, name="rate"):
    """rate as a float; ValueError unless 0 <= rate < 1."""
    if not 0 <= rate < 1:
        raise ValueError(f"expected 0 <= {name} < 1, got {rate}")
    return float(rate)


class Dropout(Layer):
    """In training each entry is 0 with probability `rate`; the others grow by 1 / (1 - rate).

        z = x m / (1 - rate),  m_i = 1 with probability 1 - rate, else 0;   dL/dx likewise
    The mean of z over all masks is x, so nothing is left to do after training
    ("inverted" dropout). x: any shape. noise_shape: the mask's shape, 1 where entries share
    one, None for x's own size: (None, 1, 1, None) drops whole channels. ValueError
    unless 0 <= rate < 1, and for a noise_shape that does not fit.
    Srivastava et al. (2014).
    """

    def __init__(self, rate, *, rng, noise_shape=None):
        super().__init__()
        self.rate, self.rng, self.noise_shape = share(rate), rng, noise_shape
        self.mask = None

    def forward(self, x, training=False):
        x = np.asarray(x)
        self.mask = None
        if training and self.rate:
            sizes = self.noise_shape or x.shape
            if len(sizes) != x.ndim or any(
                size not in (None, 1, n) for size, n in zip(sizes, x.shape, strict=True)
            ):
                raise ValueError(f"noise_shape {sizes} does not fit x, got {x.shape}")
            shape = [n if size is None else size for n, size in zip(x.shape, sizes, strict=True)]
            keep = 1 - self.rate
            self.mask = ((self.rng.random(shape) < keep) / keep).astype(x.dtype)
        return x if self.mask is None else x * self.mask

    def backward(self, grad):
        return grad if self.mask is None else grad * self.mask

    def __repr__(self):
        return f"Dropout({self.rate:g})"


class GaussianNoise(Layer):
    """z = x + stddev e, e standard normal, in training; the gradient passes unchanged.

    On inputs of a linear model with squared error, its mean is an L2 penalty
    stddev^2 sum w^2. ValueError for a negative stddev. Bishop (1995).
    """

    def __init__(self, stddev, *, rng):
        super().__init__()
        if not stddev >= 0:
            raise ValueError(f"expected stddev >= 0, got {stddev}")
        self.stddev, self.rng = float(stddev), rng

    def forward(self, x, training=False):
        x = np.asarray(x)
        if training and self.stddev:
            x = x + (self.stddev * self.rng.normal(size=x.shape)).astype(x.dtype)
        return x

    def backward(self, grad):
        return grad

    def __repr__(self):
        return f"GaussianNoise({self.stddev:g})"


class WeightNoise(Layer):
    """A layer whose kernels are w + stddev e in training, and w otherwise.

    One draw a batch. The gradient is taken at the noisy weights and used at w, which
    prefers flat valleys. ValueError for a negative stddev. Murray and Edwards (1994).
    """

    def __init__(self, layer, stddev, *, rng):
        if not stddev >= 0:
            raise ValueError(f"expected stddev >= 0, got {stddev}")
        self.layers, self.stddev, self.rng = [layer], float(stddev), rng

    params = property(lambda self: self.layers[0].params)
    grads = property(lambda self: self.layers[0].grads)

    def noisy(self, training):
        """The layer's parameters by name, the kernels with noise: one draw a forward pass."""
        if not training or not self.stddev:
            return dict(self.params)
        return {
            name: w + (self.stddev * self.rng.normal(size=w.shape)).astype(w.dtype)
            if name.endswith("kernel")
            else w
            for name, w in self.params.items()
        }

    def forward(self, x, training=False):
        self.used = self.noisy(training)
        return self.with_noise(lambda layer: layer.forward(x, training=training))

    def backward(self, grad, input_gradient=True):
        return self.with_noise(lambda layer: layer.backward(grad, input_gradient))

    def with_noise(self, work):
        layer, clean = self.layers[0], self.params
        layer.params = self.used
        try:
            return work(layer)
        finally:
            layer.params = clean

    def __repr__(self):
        return f"WeightNoise({self.layers[0]!r}, {self.stddev:g})"


def smooth_labels(y, label_smoothing=0.1):
    """y (1 - a) + a / C: the right class gets 1 - a + a / C, every other one a / C.

    y (N, C), rows that sum to 1 (one-hot). ValueError for other shapes, and unless
    0 <= label_smoothing < 1, Keras's name for a. Szegedy et al. (2016).
    """
    y = np.asarray(y)
    if y.ndim != 2 or y.shape[1] < 2:
        raise ValueError(f"expected one-hot labels (N, C >= 2), got {y.shape}")
    a = share(label_smoothing, "label_smoothing")
    return (y * (1 - a) + a / y.shape[1]).astype(y.dtype if y.dtype.kind == "f" else np.float32)


def flip_labels(y, rate, n_classes, *, rng):
    """Labels (N,), each with probability `rate` replaced by another class, drawn evenly.

    Returns a new array and where it was changed, a mask (N,). ValueError unless 0 <= rate < 1
    and for fewer than two classes.
    """
    y = np.asarray(y)
    if n_classes < 2 or y.ndim != 1:
        raise ValueError(f"expected labels (N,) of at least 2 classes, got {y.shape}, {n_classes}")
    changed = rng.random(len(y)) < share(rate)
    other = (y + rng.integers(1, n_classes, len(y))) % n_classes
    return np.where(changed, other, y), changed


def mixup(x, y, *, alpha=0.2, rng):
    """Every sample mixed with another one of the batch, and the labels in the same shares.

        x' = t x_i + (1 - t) x_j,   y' = t y_i + (1 - t) y_j,   t ~ Beta(alpha, alpha)
    x (N, ...), y (N, C), one-hot; one t a sample. Returns new arrays. ValueError for other
    shapes, and unless alpha > 0. Zhang et al. (2018).
    """
    x, y = np.asarray(x), np.asarray(y)
    if y.ndim != 2 or len(x) != len(y) or not alpha > 0:
        shapes = f"{x.shape}, {y.shape}, {alpha}"
        raise ValueError(f"expected x (N, ...), y (N, C), alpha > 0, got {shapes}")
    other, t = rng.permutation(len(x)), rng.beta(alpha, alpha, len(x))
    mixed = []
    for a in (x, y):
        a = a if a.dtype.kind == "f" else a.astype(np.float32)
        share = t.astype(a.dtype).reshape(-1, *[1] * (a.ndim - 1))
        mixed.append(share * a + (1 - share) * a[other])
    return tuple(mixed)
