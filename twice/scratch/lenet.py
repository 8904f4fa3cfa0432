"""LeNet-5, the network that read the checks: convolution, pooling, twice; then dense layers."""

import numpy as np

from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.initializers import he_normal
from twice.scratch.pooling import Flatten, MaxPooling2D
from twice.scratch.windows import output_size


def lenet(input_shape=(28, 28, 1), classes=10, *, kernel_size=5, activation="relu",
          pooling=MaxPooling2D, rng, initializer=he_normal, dtype=np.float32):  # fmt: skip
    """6 maps, pool, 16 maps, pool, 120 and 84 units, scores (N, classes): 61,706 parameters.

    x (N, H, W, C) of `input_shape` (H, W, C). The first convolution is padded ("same"),
    the second is not, so 28 x 28 images become 28, 14, 10, 5 pixels wide. LeNet-5 (LeCun
    et al., 1998) had tanh and average pooling; both are arguments. Raises ValueError where
    the image is too small for a kernel.
    """
    height, width, channels = input_shape
    start = {"rng": rng, "initializer": initializer, "dtype": dtype}
    sides = [height, width]
    for kernel, padding in ((kernel_size, "same"), (kernel_size, "valid")):
        sides = [output_size(n, kernel, 1, padding)[0] // 2 for n in sides]
    units = [16 * sides[0] * sides[1], 120, 84]
    layers = [
        Conv2D(channels, 6, kernel_size, padding="same", **start), Activation(activation),
        pooling(2),
        Conv2D(6, 16, kernel_size, **start), Activation(activation), pooling(2), Flatten(),
        Dense(units[0], units[1], **start), Activation(activation),
        Dense(units[1], units[2], **start), Activation(activation),
        Dense(units[2], classes, **start),
    ]  # fmt: skip
    return Sequential(layers)
