"""What a network costs before it is trained: parameters, operations, memory; how far it sees."""

from dataclasses import dataclass

import numpy as np

from twice.scratch.backpropagation import Dense
from twice.scratch.conv_layers import Conv2DTranspose, UpSampling2D
from twice.scratch.convolution import Kernel
from twice.scratch.pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from twice.scratch.windows import Window


@dataclass(frozen=True)
class Cost:
    """One layer on one sample: its output (no batch axis), parameters, and FLOPs forward."""

    name: str
    output_shape: tuple
    parameters: int
    flops: int

    @property
    def activations(self):
        """How many numbers the output holds: training keeps them for the way back."""
        return int(np.prod(self.output_shape))


def flops(layer, x_shape, z_shape):
    """Operations of a layer's forward pass on one sample; a multiplication and an addition are 2.

    Convolution: 2 for each weight at each position. Dense: 2 for each weight. Pooling: 1 for
    each pixel under each window. Biases and activation functions are left out.
    """
    if isinstance(layer, Dense):
        return 2 * layer.params["kernel"].size
    if isinstance(layer, Kernel):
        return 2 * layer.params["kernel"].size * int(np.prod(layer.positions))
    if isinstance(layer, Window):
        return int(np.prod(layer.kernel_size)) * int(np.prod(z_shape))
    if isinstance(layer, GlobalAveragePooling2D | GlobalMaxPooling2D):
        return int(np.prod(x_shape))
    return 0


def leaves(model):
    """All layers that hold no layers, in the order of `model.layers`, blocks opened."""
    for layer in getattr(model, "layers", [model]):
        if hasattr(layer, "layers"):
            yield from leaves(layer)
        else:
            yield layer


def costs(model, input_shape):
    """A `Cost` for each layer, blocks opened, on samples of `input_shape`: (28, 28, 1).

    The model runs once on one empty sample. Raises what its layers raise for a shape that
    does not fit.
    """
    found = []

    def listen(layer):
        def forward(x, training=False):
            z = type(layer).forward(layer, x, training=training)
            size = sum(p.size for p in layer.params.values())
            work = flops(layer, x.shape[1:], z.shape[1:])
            found.append(Cost(repr(layer), z.shape[1:], size, work))
            return z

        return forward

    listened = list(leaves(model))
    try:
        for layer in listened:
            layer.forward = listen(layer)
        model.forward(np.zeros((1, *input_shape), np.float32))
    finally:
        for layer in listened:
            vars(layer).pop("forward", None)
    return found


def receptive_field(layers):
    """(r, j) after each layer: an output sees r x r pixels, its neighbor's start j pixels on.

    r = r_before + (kernel_size - 1) dilation_rate j_before,   j = j_before strides,
    from r = j = 1; for convolutions and pooling in a row, along the height. Layers without a
    window change neither. ValueError for layers that enlarge the image. Araujo et al. (2019).
    """
    reach, jump, found = 1, 1, []
    for layer in layers:
        if isinstance(layer, Conv2DTranspose | UpSampling2D):
            raise ValueError(f"expected layers that keep or shrink the image, got {layer!r}")
        if isinstance(layer, Window):
            reach += (layer.kernel_size[0] - 1) * layer.dilation_rate[0] * jump
            jump *= layer.strides[0]
        found.append((reach, jump))
    return found
