"""What a network costs before it is trained: parameters, operations, memory; how far it sees."""

import copy
from dataclasses import dataclass

import numpy as np

from twice.scratch.conv_layers import Conv2DTranspose, UpSampling2D
from twice.scratch.convolution import Kernel
from twice.scratch.pooling import GlobalAveragePooling2D, GlobalMaxPooling2D
from twice.scratch.weights import beside
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

    Convolution: 2 for each weight at each position. Dense: 2 for each weight; recurrent layers
    too, at each step. Pooling: 1 for each pixel under each window. Biases, activation functions,
    gates and normalization are left out.
    """
    if isinstance(layer, Kernel):
        return 2 * layer.params["kernel"].size * int(np.prod(layer.positions))
    if isinstance(layer, Window):
        return int(np.prod(layer.kernel_size)) * int(np.prod(z_shape))
    if isinstance(layer, GlobalAveragePooling2D | GlobalMaxPooling2D):
        return int(np.prod(x_shape))
    weights = [p for name, p in layer.params.items() if name in ("kernel", "recurrent_kernel")]
    return 2 * sum(p.size for p in weights) * int(np.prod(x_shape[:-1]))


def leaves(model):
    """All layers that hold no layers, in the order of `model.layers`, blocks opened."""
    for layer in getattr(model, "layers", [model]):
        if hasattr(layer, "layers"):
            yield from leaves(layer)
        else:
            yield layer


def costs(model, input_shape):
    """A `Cost` for each layer, blocks opened, on samples of `input_shape`: (28, 28, 1).

    The model runs once on one empty sample; a layer that stands at each of T steps is counted
    T times, and its output begins with T. Raises what its layers raise for a shape that
    does not fit.
    """
    found = []

    def listen(layer):
        def forward(x, **told):
            z = type(layer).forward(layer, x, **told)
            size = sum(p.size for p in layer.params.values())
            work = flops(layer, x.shape[1:], z.shape[1:]) * len(x)
            shape = z.shape[1:] if len(z) == 1 else z.shape
            found.append(Cost(repr(layer), shape, size, work))
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


@dataclass(frozen=True)
class Size:
    """One step of training: bytes of everything that must be kept, and FLOPs."""

    parameters: int
    gradients: int
    optimizer: int
    activations: int
    flops: int

    @property
    def total(self):
        """All bytes together."""
        return self.parameters + self.gradients + self.optimizer + self.activations

    def __str__(self):
        names = ("parameters", "gradients", "optimizer", "activations", "total")
        lines = [f"{name:<11} {getattr(self, name) / 2**20:>9,.2f} MiB" for name in names]
        return "\n".join([*lines, f"{'a step':<11} {self.flops / 1e9:>9,.3f} GFLOP"])


def model_size(model, input_shape, *, batch_size=1, optimizer=None):
    """What a step of training keeps in memory and computes, before it runs: a `Size`.

    parameters: with what layers keep beside them.  gradients: as large as the parameters.
    optimizer: what it remembers: nothing for SGD, as much again for momentum, twice for Adam.
    activations: batch_size times the input and each layer's output, for the way back; what else
    an implementation keeps, such as a convolution's patches, comes on top.
    flops: batch_size times 3 times those of `costs`: forward, and as much again for the
    gradients of the weights and of the inputs.  Raises ValueError for batch_size < 1.
    """
    if batch_size < 1:
        raise ValueError(f"expected batch_size >= 1, got {batch_size}")
    layers, arrays = costs(model, input_shape), model.params
    weights, remembered = sum(p.nbytes for p in arrays.values()), 0
    if optimizer is not None:
        tried = copy.deepcopy(optimizer)
        empty = {name: np.zeros_like(p) for name, p in arrays.items()}
        tried.step(empty, {name: np.zeros_like(p) for name, p in arrays.items()})
        while hasattr(tried, "optimizer"):  # one that wraps another
            tried = tried.optimizer
        remembered = sum(np.asarray(a).nbytes for a in tried.memories.values())
    width = max((p.itemsize for p in arrays.values()), default=4)
    numbers = int(np.prod(input_shape)) + sum(layer.activations for layer in layers)
    return Size(
        weights + sum(a.nbytes for a in beside(model)),
        weights,
        remembered,
        batch_size * numbers * width,
        batch_size * 3 * sum(layer.flops for layer in layers),
    )


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
