"""A small window slides over an image: where it stands, and what it sees.

Images are (N, H, W, C): batch, height, width, channels. Convolution and pooling are windows.
"""

import numpy as np

from twice.scratch.backpropagation import Layer


def output_size(size, kernel_size, strides=1, padding="valid", dilation_rate=1):
    """How often a window fits along an axis: (positions, zeros before, zeros after).

    A dilated window reaches over m = dilation_rate (kernel_size - 1) + 1 pixels, and
        positions = floor((size + zeros - m) / strides) + 1.
    "valid" adds no zeros. "same" adds as few as give ceil(size / strides) positions,
    the odd one after, as Keras does: with strides, their number depends on the size.
    Raises ValueError for numbers below 1, another padding, a window that does not fit.
    """
    numbers = size, kernel_size, strides, dilation_rate
    if min(numbers) < 1 or padding not in ("valid", "same"):
        raise ValueError(
            "expected size, kernel_size, strides, dilation_rate >= 1 and padding 'valid' "
            f"or 'same', got {numbers} and {padding!r}"
        )
    reach, zeros = dilation_rate * (kernel_size - 1) + 1, 0
    if padding == "same":
        zeros = max((-(-size // strides) - 1) * strides + reach - size, 0)
    if size + zeros < reach:
        raise ValueError(f"a window over {reach} pixels does not fit into {size}")
    return (size + zeros - reach) // strides + 1, zeros // 2, zeros - zeros // 2


def pair(value):
    """3 -> (3, 3); (3, 5) stays. ValueError for what is not one or two whole numbers."""
    both = tuple(value) if np.ndim(value) else (value, value)
    if len(both) != 2 or not all(isinstance(n, int | np.integer) and n >= 1 for n in both):
        raise ValueError(f"expected a whole number >= 1, or a pair of them, got {value!r}")
    return both


def check_images(layer, shape):
    """ValueError unless it is the shape of images (N, H, W, C)."""
    if len(shape) != 4:
        raise ValueError(f"{layer!r}: expected images (N, H, W, C), got {shape}")


class Window(Layer):
    """Where a window of (rows, columns) pixels stands on images (N, H, W, C).

    strides: the steps from one position to the next. dilation_rate: the steps from tap
    to tap within the window. Each is a number, or a pair (down, right).
    """

    def __init__(self, kernel_size, strides=1, padding="valid", dilation_rate=1):
        super().__init__()
        output_size(99, 1, padding=padding)  # an unknown word is better heard now
        self.kernel_size, self.strides = pair(kernel_size), pair(strides)
        self.padding, self.dilation_rate = padding, pair(dilation_rate)

    def place(self, shape):
        """Find `positions` (rows, columns) on images of this shape, and the zeros around them."""
        check_images(self, shape)
        steps = zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        try:
            down, right = (
                output_size(n, k, s, self.padding, d)
                for n, (k, s, d) in zip(shape[1:3], steps, strict=True)
            )
        except ValueError as error:
            raise ValueError(f"{self!r} on images {shape}: {error}") from None
        self.positions, self.zeros = (down[0], right[0]), (down[1:], right[1:])
        self.image = slice(down[1], down[1] + shape[1]), slice(right[1], right[1] + shape[2])
        self.padded = tuple(n + sum(z) for n, z in zip(shape[1:3], self.zeros, strict=True))

    def pad(self, x, value=0.0):
        """The images (N, H, W, C) with the zeros, or another value, around them."""
        self.place(x.shape)
        if self.padded == x.shape[1:3]:
            return x
        return np.pad(x, [(0, 0), *self.zeros, (0, 0)], constant_values=value)

    def __repr__(self):
        return f"{type(self).__name__}({describe(self)})"


def describe(window):
    """ "5x5/2, same": what a window's repr says of it; "/2" are the strides."""
    text = "x".join(map(str, window.kernel_size))
    for name, sign in (("strides", "/"), ("dilation_rate", ", dilation ")):
        down, right = getattr(window, name)
        if (down, right) != (1, 1):
            text += f"{sign}{down}" if down == right else f"{sign}{down}x{right}"
    return text if window.padding == "valid" else f"{text}, {window.padding}"


def taps(window, x):
    """(i, j, view) for each tap: what it sees of padded x, (N, *positions, C).

    The views share x's memory: adding to one adds to x; so gradients go back.
    """
    (rows, columns), (down, right) = window.positions, window.strides
    for i in range(window.kernel_size[0]):
        top = i * window.dilation_rate[0]
        across = x[:, top : top + rows * down : down]
        for j in range(window.kernel_size[1]):
            left = j * window.dilation_rate[1]
            yield i, j, across[:, :, left : left + columns * right : right]


def windows(window, x):
    """What the window sees of padded x at each position: (N, *positions, rows, columns, C).

    A view: each pixel stands in many windows, and none is copied. Do not write to it.
    """
    batch, *side, channel = x.strides
    steps = (n * s for n, s in zip(side, window.strides, strict=True))
    within = (n * d for n, d in zip(side, window.dilation_rate, strict=True))
    shape = (len(x), *window.positions, *window.kernel_size, x.shape[-1])
    strides = (batch, *steps, *within, channel)
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)
