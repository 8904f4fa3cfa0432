"""The source model of transfer learning: a small convolutional net that reads letters.

Its stored weights: `twice.data.source_weights`; its images: `twice.data.like_source`.
"""

from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.initializers import he_normal
from twice.scratch.normalization import BatchNormalization
from twice.scratch.pooling import Flatten

FILTERS, STRIDES, UNITS = (16, 32, 32, 64), (2, 2, 1, 2), 64


def source_net(rng, *, classes=24, batch_norm=False):
    """Four convolutions, two dense layers: (N, 16, 16, 1) -> scores (N, classes).

    5 x 5 for the first kernels, 3 x 3 for the others, "same" padding; a ReLU after each
    layer but the last. The image goes 16, 8, 4, 4, 2 pixels wide. batch_norm: one after
    each convolution, which then has no bias, before its ReLU.
    """
    layers, n_in = [], 1
    for k, (filters, strides) in enumerate(zip(FILTERS, STRIDES, strict=True)):
        kernel_size = 3 if k else 5
        layers.append(
            Conv2D(n_in, filters, kernel_size, strides=strides, padding="same", rng=rng,
                   use_bias=not batch_norm, initializer=he_normal)
        )  # fmt: skip
        layers += [BatchNormalization(filters, momentum=0.9)] if batch_norm else []
        layers.append(Activation("relu"))
        n_in = filters
    dense = Dense(4 * n_in, UNITS, rng=rng, initializer=he_normal)
    return Sequential(
        [*layers, Flatten(), dense, Activation("relu"), Dense(UNITS, classes, rng=rng)]
    )


def stages(model):
    """After how many of the layers each kernel's work is done: its ReLU is past.

    For `source_net`: [2, 4, 6, 8, 11, 12]; `cut(model, stages(model)[1])` keeps two
    convolutions with their ReLUs.
    """
    starts = [k for k, layer in enumerate(model.layers) if "kernel" in layer.params]
    ends = []
    for start, stop in zip(starts, [*starts[1:], len(model.layers)], strict=True):
        inside = range(start, stop)
        relus = [k for k in inside if isinstance(model.layers[k], Activation)]
        ends.append((relus[0] if relus else start) + 1)
    return ends
