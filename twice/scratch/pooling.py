"""Pooling: a window without weights that keeps the largest value or the mean of each channel."""

import numpy as np

from twice.scratch.backpropagation import Layer
from twice.scratch.windows import Window, check_images, taps


class MaxPooling2D(Window):
    """z[n,r,c,k] = the largest x[n, s r + i, s c + j, k] under the window.

    x (N, H, W, C), z (N, rows, columns, C). strides: pool_size unless given. The zeros of
    "same" never win. Backward hands the gradient to the winner alone: of several equal
    ones to the first, as TensorFlow does. Raises ValueError for a window that does not fit.
    """

    def __init__(self, pool_size=2, strides=None, padding="valid"):
        super().__init__(pool_size, pool_size if strides is None else strides, padding)

    def forward(self, x, training=False):
        x = np.asarray(x)
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        views = (view for _, _, view in taps(self, self.pad(x, lowest)))
        z, self.better = next(views).copy(), []
        for view in views:
            self.better.append(view > z)  # a tie: the earlier one stays
            np.maximum(z, view, out=z)
        self.channels = x.shape[-1]
        return z

    def backward(self, grad):
        back = np.zeros((len(grad), *self.padded, self.channels), grad.dtype)
        places = [view for _, _, view in taps(self, back)]
        left = grad.copy()  # whoever was better last has won: take the gradient from the pot
        for place, better in zip(places[:0:-1], self.better[::-1], strict=True):
            won = left * better
            place += won
            left -= won
        places[0][...] += left
        return back[:, *self.image]


class AveragePooling2D(Window):
    """z[n,r,c,k] = the mean of x[n, s r + i, s c + j, k] under the window.

    x (N, H, W, C), z (N, rows, columns, C). strides: pool_size unless given. With "same"
    the mean is over the pixels within the image, as in Keras: the zeros around do not
    count. Raises ValueError for a window that does not fit.
    """

    def __init__(self, pool_size=2, strides=None, padding="valid"):
        super().__init__(pool_size, pool_size if strides is None else strides, padding)

    def forward(self, x, training=False):
        x = np.asarray(x)
        padded = self.pad(x)
        inside = np.zeros((1, *self.padded, 1), x.dtype)
        inside[:, *self.image] = 1
        self.count = sum(view for _, _, view in taps(self, inside))
        self.channels = x.shape[-1]
        return sum(view for _, _, view in taps(self, padded)) / self.count

    def backward(self, grad):
        back = np.zeros((len(grad), *self.padded, self.channels), grad.dtype)
        share = grad / self.count
        for _, _, place in taps(self, back):
            place += share
        return back[:, *self.image]


class GlobalAveragePooling2D(Layer):
    """The mean of each channel over the whole image: (N, H, W, C) -> (N, C). Lin et al. (2014)."""

    def forward(self, x, training=False):
        check_images(self, np.shape(x))
        self.shape = x.shape
        return x.mean(axis=(1, 2))

    def backward(self, grad):
        share = grad[:, None, None] / (self.shape[1] * self.shape[2])
        return np.broadcast_to(share, self.shape).astype(grad.dtype)


class GlobalMaxPooling2D(Layer):
    """The largest value of each channel: (N, H, W, C) -> (N, C). The first of equals wins."""

    def forward(self, x, training=False):
        check_images(self, np.shape(x))
        self.shape = x.shape
        flat = x.reshape(len(x), -1, x.shape[-1])
        self.winner = flat.argmax(axis=1)[:, None]
        return np.take_along_axis(flat, self.winner, axis=1)[:, 0]

    def backward(self, grad):
        n, height, width, channels = self.shape
        back = np.zeros((n, height * width, channels), grad.dtype)
        np.put_along_axis(back, self.winner, grad[:, None], axis=1)
        return back.reshape(self.shape)


class Flatten(Layer):
    """(N, ...) -> (N, all the rest in one row), channels fastest; backward shapes it back."""

    def forward(self, x, training=False):
        self.shape = np.shape(x)
        return np.reshape(x, (len(x), -1))

    def backward(self, grad):
        return grad.reshape(self.shape)


class Reshape(Layer):
    """(N, ...) -> (N, *shape), channels fastest: the way back from `Flatten`.

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
