"""Blocks that multiply: a gate decides how much of a signal passes. And blocks around shortcuts.

`Highway` mixes a layer with its input, `Multiply` scales channels (squeeze and excitation).
`inverted_residual` and `u_net` put `Add` and `Concatenate` of `deep_cnns` to further use.
"""

import numpy as np

from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.conv_layers import DepthwiseConv2D, UpSampling2D
from twice.scratch.convolution import Conv2D
from twice.scratch.deep_cnns import Add, Branches, Concatenate, Identity, back, conv, he_depthwise
from twice.scratch.initializers import he_normal, zeros
from twice.scratch.pooling import GlobalAveragePooling2D, MaxPooling2D


class Highway(Branches):
    """z = t(x) h(x) + (1 - t(x)) x, entry by entry: a learned gate t between layer and shortcut.

    transform h and gate t: layers or lists of layers that keep the shape; t ends in a sigmoid.
        dL/dh = g t,   dL/dt = g (h - x),   and straight to x: g (1 - t),   with g = dL/dz
    Raises ValueError where h or t has another shape than x. Srivastava et al. (2015).
    """

    def __init__(self, transform, gate):
        super().__init__([transform, gate])

    def forward(self, x, training=False):
        self.h, self.t = (branch.forward(x, training=training) for branch in self.layers)
        self.x = np.asarray(x, self.h.dtype)
        if not self.x.shape == self.h.shape == self.t.shape:
            shapes = f"{self.x.shape}, {self.h.shape} and {self.t.shape}"
            raise ValueError(f"expected x, transform, gate of one shape, got {shapes}")
        return self.x + self.t * (self.h - self.x)

    def backward(self, grad, input_gradient=True):
        shares = grad * self.t, grad * (self.h - self.x)
        pairs = zip(self.layers, shares, strict=True)
        parts = [back(branch, g, input_gradient) for branch, g in pairs]
        return sum(parts) + grad * (1 - self.t) if input_gradient else None


def highway_block(n, *, gate_bias=-2.0, rng):
    """A `Highway` of 3 x 3 convolutions; the negative bias makes it begin almost as x.

    The gate starts near sigmoid(gate_bias): 0.12 for -2.
    """
    gate = Conv2D(n, n, 3, padding="same", rng=rng)
    gate.params["bias"][:] = gate_bias
    return Highway(conv(n, n, 3, rng=rng), [gate, Activation("sigmoid")])


class Multiply(Branches):
    """z = a(x) b(x), entry by entry; a b(x) of shape (N, C) scales the channels of a(x).

    dL/da = g b and dL/db = g a, summed over the places where b was used, with g = dL/dz.
    Raises ValueError for other shapes and for more than two branches.
    """

    def __init__(self, branches):
        super().__init__(branches)
        if len(self.layers) != 2:
            raise ValueError(f"expected two branches, got {len(self.layers)}")

    def forward(self, x, training=False):
        self.a, self.b = (branch.forward(x, training=training) for branch in self.layers)
        a, b = self.a.shape, self.b.shape
        if a != b and (len(a) != 4 or b != (a[0], a[3])):
            raise ValueError(f"expected outputs of one shape, or (N, H, W, C) and (N, C), got {a}"
                             f" and {b}")  # fmt: skip
        self.spread = a != b
        return self.a * (self.b[:, None, None] if self.spread else self.b)

    def backward(self, grad, input_gradient=True):
        to_a = grad * (self.b[:, None, None] if self.spread else self.b)
        to_b = grad * self.a
        shares = to_a, to_b.sum(axis=(1, 2)) if self.spread else to_b
        pairs = zip(self.layers, shares, strict=True)
        parts = [back(branch, g, input_gradient) for branch, g in pairs]
        return sum(parts) if input_gradient else None


def squeeze_excite(n, ratio=4, *, rng):
    """Each channel times a number in (0, 1) that all channels' means decide. Hu et al. (2018).

    The means pass through n // ratio ReLU units and n sigmoids.
    """
    if not 1 <= ratio <= n:
        raise ValueError(f"expected a ratio from 1 to {n} channels, got {ratio}")
    few = n // ratio
    return Multiply([Identity(), [
        GlobalAveragePooling2D(),
        Dense(n, few, rng=rng, initializer=he_normal), Activation("relu"),
        Dense(few, n, rng=rng), Activation("sigmoid"),
    ]])  # fmt: skip


def inverted_residual(n_in, filters, expansion=4, *, strides=1, rng):
    """Widen by a 1 x 1 convolution, filter each channel 3 x 3, narrow again without a ReLU.

    The wide part is cheap because it is depthwise; the shortcut joins the narrow ends, where
    the shape allows one (the last convolution then starts at zero). Sandler et al. (2018).
    """
    wide, shortcut = n_in * expansion, strides == 1 and n_in == filters
    each = DepthwiseConv2D(wide, 3, strides=strides, padding="same", rng=rng,
                           initializer=he_depthwise)  # fmt: skip
    branch = [*conv(n_in, wide, 1, rng=rng), each, Activation("relu")]
    branch += conv(wide, filters, 1, None, rng=rng, initializer=zeros if shortcut else he_normal)
    return Add([branch, Identity()]) if shortcut else Sequential(branch)


def u_net(n_in, filters, *, rng):
    """A U: down to small images and up again, with a shortcut across at every level.

    filters: (8, 16, 32) for three levels. Two convolutions; then the images at full size are
    put beside what a smaller U-Net made of the pooled ones, enlarged again; one convolution.
    Returns filters[0] channels at the size of the input, which 2 ** (levels - 1) must divide.
    After Ronneberger et al. (2015), who have two convolutions there.
    """
    width, *deeper = filters
    layers = conv(n_in, width, 3, rng=rng) + conv(width, width, 3, rng=rng)
    if deeper:
        below = [MaxPooling2D(2), u_net(width, deeper, rng=rng), UpSampling2D(2)]
        layers += [Concatenate([Identity(), below]), *conv(width + deeper[0], width, 3, rng=rng)]
    return Sequential(layers)
