"""Augmentation: new training images out of old ones, by changes after which the label still holds.

Every augmentation is called with a batch, `augment(x, y)`: images x (N, H, W, C) of floats, labels
y (N, ...). It gives a new x of the same shape and dtype, and y; what came in stays as it is. Each
image gets a change of its own, drawn from `rng`. Train on such batches, and never test on them.
A range is a pair (low, high), or a number f for (-f, f). Raises ValueError for what does not fit.
"""

import numpy as np


def check_batch(augment, x, y):
    """x, y as arrays; ValueError unless x is floats (N, H, W, C), and y N labels."""
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 4 or 0 in x.shape or x.dtype.kind != "f":
        wanted = "expected images (N, H, W, C) of floats, not empty"
        raise ValueError(f"{augment!r}: {wanted}, got {x.shape} of {x.dtype}")
    if y.ndim == 0 or len(y) != len(x):
        wanted = f"expected {len(x)} labels for x {x.shape}"
        raise ValueError(f"{augment!r}: {wanted}, got {y.shape}")
    return x, y


def number(name, value, low=-np.inf, high=np.inf):
    """The value as a float; ValueError unless it is a finite number in [low, high]."""
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise ValueError(f"expected {name} to be a finite number, got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"expected {name} within [{low:g}, {high:g}], got {value!r}")
    return float(value)


def limits(name, value, low=-np.inf, high=np.inf):
    """0.2 -> (-0.2, 0.2); (-0.1, 0.3) stays. ValueError if it falls, or is too wide."""
    pair = tuple(value) if np.ndim(value) else (-number(name, value), value)
    pair = tuple(number(name, v, low, high) for v in pair)
    if len(pair) != 2 or pair[0] > pair[1]:
        raise ValueError(f"expected {name} >= 0, or a pair (low, high), got {value!r}")
    return pair


class Augmentation:
    """What all have in common: they check the batch, then `change` it."""

    def __init__(self, rng):
        if not isinstance(rng, np.random.Generator):
            raise ValueError(f"expected rng to be a np.random.Generator, got {rng!r}")
        self.rng = rng

    def __call__(self, x, y):
        return self.change(*check_batch(self, x, y))

    def draw(self, limits, n):
        """n numbers, evenly from between the limits."""
        return self.rng.uniform(*limits, n)

    def __repr__(self):
        return f"{type(self).__name__}()"


class Pipeline:
    """z = f_k(... f_2(f_1(x, y))): the augmentations of a list, one after the other."""

    def __init__(self, augmentations):
        self.augmentations = list(augmentations)
        if not self.augmentations or not all(callable(a) for a in self.augmentations):
            raise ValueError(f"expected functions of (x, y), got {augmentations!r}")

    def __call__(self, x, y):
        for augment in self.augmentations:
            x, y = augment(x, y)
        return x, y


class RandomNoise(Augmentation):
    """z = x + stddev e, with e drawn from N(0, 1) for every pixel and channel anew.

    stddev >= 0. value_range: (low, high) to clip z to, such as (0, 1), or None. Keras's
    layer is GaussianNoise, which does not clip. Bishop (1995).
    """

    def __init__(self, stddev, value_range=None, *, rng):
        super().__init__(rng)
        self.stddev = number("stddev", stddev, 0)
        self.value_range = value_range
        if value_range is not None:
            self.value_range = limits("value_range", value_range)

    def change(self, x, y):
        z = x + (self.stddev * self.rng.standard_normal(x.shape)).astype(x.dtype)
        return z if self.value_range is None else np.clip(z, *self.value_range), y


class RandomColorJitter(Augmentation):
    """Another brightness, contrast and saturation for each image.

    z = x + b (high - low), then z = m + k (z - m), m the mean of a channel, then, for
    three channels, z = g + s (z - g), g the gray 0.299 red + 0.587 green + 0.114 blue.
    b is drawn from the range brightness_factor, k - 1 and s - 1 from the other two, that
    do not reach below -1. At the end z is clipped to value_range (low, high). Raises
    ValueError for a saturation without color. Keras saturates in HSV. Howard (2013).
    """

    def __init__(
        self,
        brightness_factor=0,
        contrast_factor=0,
        saturation_factor=0,
        value_range=(0, 1),
        *,
        rng,
    ):
        super().__init__(rng)
        self.brightness = limits("brightness_factor", brightness_factor, -1, 1)
        self.contrast = limits("contrast_factor", contrast_factor, -1)
        self.saturation = limits("saturation_factor", saturation_factor, -1)
        self.value_range = limits("value_range", value_range)

    def change(self, x, y):
        if any(self.saturation) and x.shape[-1] != 3:
            raise ValueError(f"{self!r}: saturation needs 3 channels, got {x.shape}")
        b, k, s = (
            self.draw(factor, len(x)).astype(x.dtype)[:, None, None, None]
            for factor in (self.brightness, self.contrast, self.saturation)
        )
        low, high = self.value_range
        z = x + b * x.dtype.type(high - low)
        mean = z.mean(axis=(1, 2), keepdims=True)
        z = mean + (1 + k) * (z - mean)
        if any(self.saturation):
            gray = z @ np.array([[0.299], [0.587], [0.114]], x.dtype)
            z = gray + (1 + s) * (z - gray)
        return np.clip(z, low, high), y


class RandomErasing(Augmentation):
    """z = fill_value within one rectangle, x elsewhere; known as cutout, too.

    factor: the probability that an image loses one; Keras draws it from (0, factor).
    scale: (low, high), within [0, 1]. Each side is sqrt(u) of the image's, but at least
    a pixel; u is drawn from scale, for either side anew. The rectangle lies anywhere
    within the image. DeVries and Taylor (2017), Zhong et al. (2020).
    """

    def __init__(self, factor=1.0, scale=(0.02, 0.33), fill_value=0.0, *, rng):
        super().__init__(rng)
        self.factor = number("factor", factor, 0, 1)
        self.scale = limits("scale", scale, 0, 1)
        self.fill_value = number("fill_value", fill_value)

    def span(self, n, size):
        """(n, size), True from a random start on, for a random length."""
        share = np.sqrt(self.draw(self.scale, n))[:, None]
        length = np.rint(size * share).clip(1, size)
        start = np.floor(self.rng.random((n, 1)) * (size - length + 1))
        return (np.arange(size) >= start) & (np.arange(size) < start + length)

    def change(self, x, y):
        n, height, width, _ = x.shape
        erased = self.span(n, height)[:, :, None] & self.span(n, width)[:, None, :]
        erased &= self.rng.random((n, 1, 1)) < self.factor
        return np.where(erased[..., None], x.dtype.type(self.fill_value), x), y
