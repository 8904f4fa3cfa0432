"""Normalization: give numbers that belong together mean 0 and variance 1, then learn a scale.

The methods differ in which entries share a mean; the formula, and its way back, are the same.
Normalized weights instead of signals: `twice.scratch.normalized_weights`.
"""

import numpy as np

from twice.scratch.backpropagation import Layer


def standardize(x, axes, epsilon):
    """x_hat = (x - mean) / sqrt(variance + epsilon), mean and variance over `axes`.

    Returns x_hat, mean, variance and r = 1 / sqrt(variance + epsilon); the last three
    keep the axes with length 1. The variance is that of the entries at hand (divided
    by their number). Equal entries give x_hat = 0: epsilon keeps r finite.
    """
    mean = x.mean(axis=axes, keepdims=True)
    centered = x - mean
    variance = (centered * centered).mean(axis=axes, keepdims=True)
    r = 1 / np.sqrt(variance + epsilon)
    return centered * r, mean, variance, r


def standardize_back(grad, x_hat, r, axes):
    """dL/dx from g = dL/dx_hat: r (g - mean(g) - x_hat mean(g x_hat)), means over `axes`.

    Every entry moves the mean and the variance that all of them share: the two
    subtracted terms.
    """
    mean_g = grad.mean(axis=axes, keepdims=True)
    mean_gx = (grad * x_hat).mean(axis=axes, keepdims=True)
    return r * (grad - mean_g - x_hat * mean_gx)


class Normalization(Layer):
    """z = gamma x_hat + beta: what all of them share; a subclass makes x_hat.

    shape: of gamma and beta, which multiply the last axes of x (one number: the channels). They
    start at 1 and 0; `scale` and `center` say whether they exist. x is cast to `dtype`; means and
    variances of float16 are computed in float32. Raises ValueError for an epsilon that is not
    positive, sizes below 1, other shapes.
    """

    def __init__(self, shape, *, epsilon=1e-3, center=True, scale=True, dtype=np.float32):
        super().__init__()
        self.shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
        if not epsilon > 0 or not self.shape or min(self.shape) < 1:
            raise ValueError(f"expected epsilon > 0 and sizes >= 1, got {epsilon} and {shape}")
        self.epsilon, self.dtype = epsilon, np.dtype(dtype)
        if scale:
            self.params["gamma"] = np.ones(self.shape, dtype)
        if center:
            self.params["beta"] = np.zeros(self.shape, dtype)
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}

    def read(self, x):
        """x in the dtype of the computation; ValueError unless its last axes are `shape`."""
        kept = next(iter({**self.params, **self.non_trainable}.values()), None)
        self.dtype = self.dtype if kept is None else kept.dtype  # as `parity` may have changed it
        x = np.asarray(x, self.dtype)
        if x.ndim <= len(self.shape) or x.shape[-len(self.shape) :] != self.shape or not x.size:
            wanted = ", ".join(map(str, self.shape))
            raise ValueError(f"{self!r}: expected x (N, ..., {wanted}), got {x.shape}")
        return x.astype(np.result_type(self.dtype, np.float32), copy=False)

    def affine(self, x_hat):
        """gamma x_hat + beta, in the layer's dtype; keeps x_hat for the way back."""
        self.x_hat = x_hat
        z = x_hat * self.params["gamma"] if "gamma" in self.params else x_hat
        return (z + self.params.get("beta", 0)).astype(self.dtype, copy=False)

    def affine_back(self, grad):
        """Fill dL/dgamma and dL/dbeta, return dL/dx_hat."""
        grad = np.asarray(grad, self.x_hat.dtype)
        rest = tuple(range(grad.ndim - len(self.shape)))
        if "beta" in self.params:
            self.grads["beta"] = grad.sum(axis=rest).astype(self.dtype, copy=False)
        if "gamma" not in self.params:
            return grad
        self.grads["gamma"] = (grad * self.x_hat).sum(axis=rest).astype(self.dtype, copy=False)
        return grad * self.params["gamma"]

    def __repr__(self):
        inside = ", ".join(map(str, self.shape))
        return f"{type(self).__name__}({inside if len(self.shape) == 1 else f'({inside})'})"


class BatchNormalization(Normalization):
    """One mean and variance a channel, over the batch and all positions.

    x (N, ..., n). Training: x_hat from the batch's own mean and variance, and
        running <- momentum running + (1 - momentum) batch
    for `moving_mean` (starts at 0) and `moving_variance` (at 1), which take their place
    otherwise. A batch with one entry a channel has x_hat = 0: z = beta whatever x is.
    Raises ValueError unless 0 <= momentum < 1. Ioffe and Szegedy (2015).
    """

    def __init__(self, n, *, momentum=0.99, **settings):
        super().__init__(n, **settings)
        if len(self.shape) != 1 or not 0 <= momentum < 1:
            raise ValueError(f"expected one n, 0 <= momentum < 1, got {n} and {momentum}")
        self.momentum = momentum
        kept = np.result_type(self.dtype, np.float32)
        self.non_trainable["moving_mean"] = np.zeros(n, kept)
        self.non_trainable["moving_variance"] = np.ones(n, kept)

    def forward(self, x, training=False):
        x, self.training = self.read(x), training
        mean, variance = self.non_trainable.values()
        self.axes = tuple(range(x.ndim - 1))
        if not training:
            self.r = 1 / np.sqrt(variance + self.epsilon)
            return self.affine((x - mean) * self.r)
        x_hat, *batch, self.r = standardize(x, self.axes, self.epsilon)
        for running, now in zip((mean, variance), batch, strict=True):
            running += (1 - self.momentum) * (now.reshape(-1) - running)
        return self.affine(x_hat)

    def backward(self, grad, input_gradient=True):
        grad = self.affine_back(grad)
        if not self.training:  # the running statistics are constants
            return (grad * self.r).astype(self.dtype, copy=False)
        grad = standardize_back(grad, self.x_hat, self.r, self.axes)
        return grad.astype(self.dtype, copy=False)


class LayerNormalization(Normalization):
    """One mean and variance a sample, over its last axes: the same in training and after.

    LayerNormalization(n): over the channels, at every position or step on its own,
    as Keras's default `axis=-1`. LayerNormalization((H, W, C)): over the whole image.
    Ba, Kiros and Hinton (2016).
    """

    def forward(self, x, training=False):
        x = self.read(x)
        self.axes = tuple(range(-len(self.shape), 0))
        x_hat, _, _, self.r = standardize(x, self.axes, self.epsilon)
        return self.affine(x_hat)

    def backward(self, grad, input_gradient=True):
        grad = standardize_back(self.affine_back(grad), self.x_hat, self.r, self.axes)
        return grad.astype(self.dtype, copy=False)


class GroupNormalization(Normalization):
    """One mean and variance a sample and group of channels, over the group and all positions.

    x (N, ..., n), groups: a divisor of n; gamma and beta a channel. ValueError for others.
    groups=1: over the whole sample. groups=-1, or n: a channel a group, instance
    normalization (Ulyanov et al., 2016). Wu and He (2018).
    """

    def __init__(self, n, *, groups=32, **settings):
        super().__init__(n, **settings)
        self.groups = n if groups == -1 else groups
        if len(self.shape) != 1 or self.groups < 1 or n % self.groups:
            raise ValueError(f"expected groups that divide the {n} channels, got {groups}")

    def by_group(self, a):
        """(N, ..., n) -> (N, positions, groups, n / groups)."""
        return a.reshape(len(a), -1, self.groups, a.shape[-1] // self.groups)

    def forward(self, x, training=False):
        x = self.read(x)
        x_hat, _, _, self.r = standardize(self.by_group(x), (1, 3), self.epsilon)
        return self.affine(x_hat.reshape(x.shape))

    def backward(self, grad, input_gradient=True):
        grad, x_hat = self.affine_back(grad), self.by_group(self.x_hat)
        grad = standardize_back(self.by_group(grad), x_hat, self.r, (1, 3))
        return grad.reshape(self.x_hat.shape).astype(self.dtype, copy=False)


class RMSNormalization(Normalization):
    """x_hat = x / sqrt(mean of x^2 + epsilon) over the channels: no mean is taken away.

    z = gamma x_hat, without beta; dL/dx = r (g - x_hat mean(g x_hat)). x (N, ..., n).
    Zhang and Sennrich (2019).
    """

    def __init__(self, n, *, epsilon=1e-6, scale=True, dtype=np.float32):
        super().__init__(n, epsilon=epsilon, center=False, scale=scale, dtype=dtype)

    def forward(self, x, training=False):
        x = self.read(x)
        self.r = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.epsilon)
        return self.affine(x * self.r)

    def backward(self, grad, input_gradient=True):
        g = self.affine_back(grad)
        mean_gx = (g * self.x_hat).mean(axis=-1, keepdims=True)
        return (self.r * (g - self.x_hat * mean_gx)).astype(self.dtype, copy=False)
