"""The convolution's relatives: depthwise, separable, transposed, and plain enlargement."""

import numpy as np

from twice.scratch.backpropagation import Layer, Sequential
from twice.scratch.convolution import Conv2D, Kernel, images, sum_positions
from twice.scratch.windows import check_images, pair, taps

SHARED = ("rng", "initializer", "dtype")  # what both parts of a separable convolution take


class DepthwiseConv2D(Kernel):
    """Each channel has kernels of its own and sees no other channel.

    z[n,r,c,k m + q] = b[k m + q] + sum over i, j of x[n, s r + d i, s c + d j, k] w[i,j,k,q]
    x (N, H, W, n_in); kernel w (rows, columns, n_in, depth_multiplier m), bias b (n_in m,).
    Raises ValueError for other shapes, and a window that does not fit. Sifre (2014).
    """

    def __init__(self, n_in, kernel_size, *, depth_multiplier=1, **settings):
        shape = (*pair(kernel_size), n_in, depth_multiplier)
        super().__init__(n_in, n_in * depth_multiplier, shape, **settings)

    def forward(self, x, training=False):
        kernel, self.x = self.params["kernel"], self.pad(images(self, x))
        z = 0.0
        for i, j, part in taps(self, self.x):
            z = z + part[..., None] * kernel[i, j]
        return self.add_bias(z.reshape(*z.shape[:3], -1))

    def backward(self, grad, input_gradient=True):
        kernel = self.params["kernel"]
        g = grad.reshape(*grad.shape[:3], *kernel.shape[2:])
        back, found = np.zeros_like(self.x), np.zeros_like(kernel)
        for (i, j, part), (_, _, to) in zip(taps(self, self.x), taps(self, back), strict=True):
            found[i, j] = np.einsum("nrck,nrckq->kq", part, g, optimize=True)
            to += (g * kernel[i, j]).sum(axis=-1)
        self.grads["kernel"] = found
        if "bias" in self.params:
            self.grads["bias"] = sum_positions(grad)
        return back[:, *self.image] if input_gradient else None


class SeparableConv2D(Sequential):
    """A depthwise convolution without bias, then a 1 x 1 convolution that mixes the channels.

    x (N, H, W, n_in), z (N, rows, columns, filters). Its multiplications are about
    1 / filters + 1 / (rows columns of the kernel) of those of a `Conv2D` of the same size.
    Raises ValueError as its two parts do. Sifre (2014), Chollet (2017).
    """

    def __init__(self, n_in, filters, kernel_size, *, depth_multiplier=1, use_bias=True,
                 **settings):  # fmt: skip
        shared = {name: settings[name] for name in SHARED if name in settings}
        each = DepthwiseConv2D(n_in, kernel_size, depth_multiplier=depth_multiplier,
                               use_bias=False, **settings)  # fmt: skip
        mix = Conv2D(n_in * depth_multiplier, filters, 1, use_bias=use_bias, **shared)
        super().__init__([each, mix])

    def __repr__(self):
        each, mix = self.layers
        return f"Separable({each!r}, {mix!r})"


class Conv2DTranspose(Kernel):
    """The way back of a convolution: each input pixel stamps its kernel onto a larger image.

    z[n, s r + d i, s c + d j, f] collects x[n,r,c,k] w[i,j,f,k] from all r, c, i, j, k that
    lead there, plus b[f]: the input's gradient of the `Conv2D` with the same kernel.
    x (N, H, W, n_in); kernel w (rows, columns, filters, n_in), bias b (filters,). The height
    becomes s H with "same", s H + max(reach - s, 0) with "valid"; reach = d (rows - 1) + 1.
    Raises ValueError for other shapes. Zeiler et al. (2010).
    """

    def __init__(self, n_in, filters, kernel_size, **settings):
        super().__init__(n_in, filters, (*pair(kernel_size), filters, n_in), **settings)

    def enlarged(self, size, k, s, d):
        return size * s + (max(d * (k - 1) + 1 - s, 0) if self.padding == "valid" else 0)

    def forward(self, x, training=False):
        self.x, kernel = images(self, x), self.params["kernel"]
        steps = zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sides = (self.enlarged(n, *step) for n, step in zip(x.shape[1:3], steps, strict=True))
        self.place((len(x), *sides, kernel.shape[2]))
        z = np.zeros((len(x), *self.padded, kernel.shape[2]), kernel.dtype)
        for i, j, part in taps(self, z):
            part += self.x @ kernel[i, j].T
        return self.add_bias(z[:, *self.image])

    def backward(self, grad, input_gradient=True):
        kernel, back = self.params["kernel"], 0.0
        flat, found = self.x.reshape(-1, self.n_in), np.zeros_like(kernel)
        for i, j, part in taps(self, self.pad(grad)):
            rows = part.reshape(len(flat), -1)
            found[i, j] = rows.T @ flat
            if input_gradient:
                back = back + rows @ kernel[i, j]
        self.grads["kernel"] = found
        if "bias" in self.params:
            self.grads["bias"] = sum_positions(grad)
        return back.reshape(self.x.shape) if input_gradient else None


class UpSampling2D(Layer):
    """Each pixel becomes a block of size (rows, columns) equal pixels.

    x (N, H, W, C) -> (N, rows H, columns W, C); backward sums each block of the gradient.
    """

    def __init__(self, size=2):
        super().__init__()
        self.size = pair(size)

    def forward(self, x, training=False):
        check_images(self, np.shape(x))
        return x.repeat(self.size[0], axis=1).repeat(self.size[1], axis=2)

    def backward(self, grad):
        n, height, width, channels = grad.shape
        (rows, columns) = self.size
        blocks = (n, height // rows, rows, width // columns, columns, channels)
        return grad.reshape(blocks).sum(axis=(2, 4))

    def __repr__(self):
        return f"UpSampling2D({self.size[0]}x{self.size[1]})"
