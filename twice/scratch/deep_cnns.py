"""Blocks of deep convolutional networks: layers side by side, and what becomes of their outputs.

`Add` and `Concatenate` are layers whose inner layers all hear the same input. With `Sequential`
they build every block here. A block keeps height and width unless it has strides.
"""

from itertools import pairwise

import numpy as np

from twice.scratch.backpropagation import Activation, Layer, Model, Sequential
from twice.scratch.conv_layers import DepthwiseConv2D
from twice.scratch.convolution import Conv2D
from twice.scratch.initializers import he_normal, zeros
from twice.scratch.pooling import MaxPooling2D


class Identity(Layer):
    """z = x: the shortcut."""

    def forward(self, x, training=False):
        return x

    def backward(self, grad, input_gradient=True):
        return grad


class Branches(Model):
    """Layers side by side, all with the same input; a subclass merges their outputs.

    A branch is a layer or a list of layers. `params` and `grads` are all branches' arrays
    by name: "0.0.kernel" is the kernel of layer 0 in branch 0.
    """

    collect, params, grads = Sequential.collect, Sequential.params, Sequential.grads

    def __init__(self, branches):
        self.layers = [Sequential(b) if isinstance(b, list) else b for b in branches]
        if len(self.layers) < 2:
            raise ValueError(f"expected at least two branches, got {len(self.layers)}")

    def __repr__(self):
        return f"{type(self).__name__}({len(self.layers)} branches)"


class Add(Branches):
    """z = f_0(x) + f_1(x) + ...: with an `Identity` among them, a residual connection.

    The gradient goes unchanged into every branch; dL/dx is the sum of what comes back.
    Raises ValueError for branches whose outputs differ in shape. He et al. (2016).
    """

    def forward(self, x, training=False):
        parts = [branch.forward(x, training=training) for branch in self.layers]
        if len({part.shape for part in parts}) > 1:
            shapes = [part.shape for part in parts]
            raise ValueError(f"{self!r}: expected outputs of one shape, got {shapes}")
        return sum(parts[1:], parts[0])

    def backward(self, grad, input_gradient=True):
        parts = [back(branch, grad, input_gradient) for branch in self.layers]
        return sum(parts) if input_gradient else None


class Concatenate(Branches):
    """z = the channels of f_0(x), then those of f_1(x), ...: each branch adds its own.

    Backward cuts the gradient at the same places. Raises ValueError for branches whose
    outputs differ in more than the channels. Szegedy et al. (2015), Huang et al. (2017).
    """

    def forward(self, x, training=False):
        parts = [branch.forward(x, training=training) for branch in self.layers]
        if len({part.shape[:-1] for part in parts}) > 1:
            shapes = [part.shape for part in parts]
            raise ValueError(f"{self!r}: expected equal sizes but for channels, got {shapes}")
        self.ends = np.cumsum([part.shape[-1] for part in parts])[:-1]
        return np.concatenate(parts, axis=-1)

    def backward(self, grad, input_gradient=True):
        shares = np.split(grad, self.ends, axis=-1)
        pairs = zip(self.layers, shares, strict=True)
        parts = [back(branch, np.ascontiguousarray(g), input_gradient) for branch, g in pairs]
        return sum(parts) if input_gradient else None


def back(branch, grad, input_gradient):
    """A branch's backward pass; what does not learn has no need to know `input_gradient`."""
    if input_gradient:
        return branch.backward(grad)
    return branch.backward(grad, input_gradient=False) if branch.params else None


def conv(n_in, filters, kernel_size, activation="relu", *, rng, initializer=he_normal, **window):
    """[Conv2D with "same" padding, Activation]; without the activation if it is None."""
    layer = Conv2D(n_in, filters, kernel_size, padding="same", rng=rng,
                   initializer=initializer, **window)  # fmt: skip
    return [layer] if activation is None else [layer, Activation(activation)]


def vgg_block(n_in, filters, depth=2, *, rng):
    """`depth` 3 x 3 convolutions, then a 2 x 2 max pooling. Simonyan and Zisserman (2015)."""
    sizes = [n_in, *depth * [filters]]
    layers = [layer for a, b in pairwise(sizes) for layer in conv(a, b, 3, rng=rng)]
    return Sequential([*layers, MaxPooling2D(2)])


def inception_block(n_in, filters, *, rng):
    """1 x 1, 3 x 3, 5 x 5 convolutions and a pooling side by side. Szegedy et al. (2015).

    filters: (f_1, (r_3, f_3), (r_5, f_5), f_pool); the r are 1 x 1 convolutions that make
    the image thin before the large kernels. Outputs f_1 + f_3 + f_5 + f_pool channels.
    """
    one, (thin_3, three), (thin_5, five), pooled = filters
    return Concatenate([
        conv(n_in, one, 1, rng=rng),
        conv(n_in, thin_3, 1, rng=rng) + conv(thin_3, three, 3, rng=rng),
        conv(n_in, thin_5, 1, rng=rng) + conv(thin_5, five, 5, rng=rng),
        [MaxPooling2D(3, 1, "same"), *conv(n_in, pooled, 1, rng=rng)],
    ])  # fmt: skip


def residual_block(n_in, filters, *, strides=1, rng):
    """relu(x + two 3 x 3 convolutions of x). He et al. (2016).

    Where the shape changes, a 1 x 1 convolution takes the shortcut's place. The second
    convolution starts at zero, so that the block starts as its shortcut: without
    normalization a deep stack would explode otherwise. Zhang et al. (2019).
    """
    branch = conv(n_in, filters, 3, strides=strides, rng=rng)
    branch += conv(filters, filters, 3, None, initializer=zeros, rng=rng)
    shortcut = Identity()
    if strides > 1 or n_in != filters:
        shortcut = conv(n_in, filters, 1, None, strides=strides, rng=rng)
    return Sequential([Add([branch, shortcut]), Activation("relu")])


def dense_block(n_in, growth_rate, depth, *, rng):
    """`depth` times: a 3 x 3 convolution of everything so far is put beside it.

    Outputs n_in + depth growth_rate channels. Huang et al. (2017).
    """
    return Sequential([
        Concatenate([Identity(), conv(n_in + k * growth_rate, growth_rate, 3, rng=rng)])
        for k in range(depth)
    ])  # fmt: skip


def separable_block(n_in, filters, *, strides=1, rng):
    """A depthwise 3 x 3 and a 1 x 1 convolution, each with a ReLU. Howard et al. (2017)."""
    each = DepthwiseConv2D(n_in, 3, strides=strides, padding="same", rng=rng,
                           initializer=he_depthwise)  # fmt: skip
    return Sequential([each, Activation("relu"), *conv(n_in, filters, 1, rng=rng)])


def he_depthwise(shape, rng):
    """He's normal for (rows, columns, channels, multiplier): a tap sum hears rows x columns."""
    return rng.normal(0, np.sqrt(2 / (shape[0] * shape[1])), shape)
