"""Convolution: a small window slides over an image and asks the same question everywhere.

Where the window stands is the business of `twice.scratch.windows`. The convolution's relatives are
in `twice.scratch.conv_layers`, pooling is in `twice.scratch.pooling`.
"""

import numpy as np

from twice.scratch.initializers import glorot_uniform
from twice.scratch.windows import Window, describe, pair, taps, windows


class Kernel(Window):
    """A window with weights: `params` kernel, and bias if `use_bias`.

    shape: the kernel's; filters: how many biases. The kernel is drawn by
    `initializer(shape, rng)`, the bias starts at 0. x is cast to the kernel's dtype.
    """

    def __init__(
        self,
        n_in,
        filters,
        shape,
        *,
        strides=1,
        padding="valid",
        dilation_rate=1,
        use_bias=True,
        rng,
        initializer=glorot_uniform,
        dtype=np.float32,
    ):
        if min(n_in, filters) < 1:
            raise ValueError(f"expected n_in, filters >= 1, got {n_in} and {filters}")
        super().__init__(shape[:2], strides, padding, dilation_rate)
        self.n_in, self.filters = n_in, filters
        self.params["kernel"] = initializer(shape, rng).astype(dtype)
        if use_bias:
            self.params["bias"] = np.zeros(filters, dtype)
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}

    def __repr__(self):
        return f"{type(self).__name__}({self.n_in}, {self.filters}, {describe(self)})"

    def add_bias(self, z):
        if "bias" in self.params:
            z += self.params["bias"]
        return z


def images(layer, x):
    """x in the dtype of the layer's kernel; ValueError unless it is (N, H, W, n_in)."""
    kernel = layer.params["kernel"]
    x = np.asarray(x, kernel.dtype)
    if x.ndim != 4 or x.shape[-1] != layer.n_in:
        wanted = f"expected images (N, H, W, {layer.n_in}) for the kernel {kernel.shape}"
        raise ValueError(f"{layer!r}: {wanted}, got {x.shape}")
    return x


def sum_positions(grad):
    """(N, rows, columns, F) -> (F,); a product with ones adds faster than `grad.sum`."""
    rows = grad.reshape(-1, grad.shape[-1])
    return np.ones(len(rows), grad.dtype) @ rows


def patch_matrix(view, groups):
    """The windows copied into a matrix for each group of channels: (groups, N positions, taps).

    One row a position. With few channels it is copied the other way round, as one long row a
    tap, and read transposed: long rows copy faster.
    """
    view = view.reshape(*view.shape[:5], groups, -1)
    positions, many = int(np.prod(view.shape[:3])), view.shape[-1] > 7
    if many:
        return view.transpose(5, 0, 1, 2, 3, 4, 6).reshape(groups, positions, -1)
    rows = view.transpose(5, 3, 4, 6, 0, 1, 2).reshape(groups, -1, positions)
    return rows.transpose(0, 2, 1)


class Conv2D(Kernel):
    """z[n,r,c,f] = b[f] + sum over i, j, k of x[n, s r + d i, s c + d j, k] w[i,j,k,f].

    x (N, H, W, n_in); kernel w (rows, columns, n_in / groups, filters), b (filters,).
    s: strides, d: dilation_rate. Cross-correlation, as in Keras: w is not flipped.
    groups: the channels and the filters in so many parts, each part on its own.
    settings: strides, padding, dilation_rate, use_bias, rng, initializer, dtype.
    Raises ValueError for other shapes, a window that does not fit. LeCun (1989).
    """

    def __init__(self, n_in, filters, kernel_size, *, groups=1, **settings):
        if groups < 1 or n_in % groups or filters % groups:
            raise ValueError(f"groups {groups} must divide n_in {n_in} and filters {filters}")
        shape = (*pair(kernel_size), n_in // groups, filters)
        super().__init__(n_in, filters, shape, **settings)
        self.groups = groups

    def by_group(self, a):
        """(many, filters) -> (groups, many, filters / groups)."""
        return a.reshape(-1, self.groups, a.shape[-1] // self.groups).transpose(1, 0, 2)

    def forward(self, x, training=False):
        padded, kernel = self.pad(images(self, x)), self.params["kernel"]
        self.patches = patch_matrix(windows(self, padded), self.groups)
        z = np.matmul(self.patches, self.by_group(kernel)).transpose(1, 0, 2)
        return self.add_bias(z.reshape(len(x), *self.positions, -1))

    def backward(self, grad, input_gradient=True):
        kernel, g = self.params["kernel"], self.by_group(grad)
        found = np.matmul(self.patches.transpose(0, 2, 1), g)
        self.grads["kernel"] = found.transpose(1, 0, 2).reshape(kernel.shape)
        if "bias" in self.params:
            self.grads["bias"] = sum_positions(grad)
        if input_gradient:
            back = np.zeros((len(grad), *self.padded, self.n_in), kernel.dtype)
            for i, j, part in taps(self, back):
                to_channels = self.by_group(kernel[i, j]).transpose(0, 2, 1)
                part += np.matmul(g, to_channels).transpose(1, 0, 2).reshape(part.shape)
            return back[:, *self.image]
