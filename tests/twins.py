"""The Keras twin of a scratch model, layer by layer, with the functional API."""

from twice.parity import keras
from twice.scratch import (
    backpropagation,
    conv_layers,
    convolution,
    deep_cnns,
    gates,
    pooling,
)

ops, L = keras.ops, keras.layers


def twin(model, input_shape):
    """(Keras model, its layers that learn, in our order)."""
    learned = []
    x = keras.Input(input_shape)
    return keras.Model(x, connect(model, x, learned)), learned


def connect(layer, x, learned):
    """What Keras's twin of `layer` makes of the symbolic tensor x."""
    if isinstance(layer, deep_cnns.Branches):
        parts = [connect(branch, x, learned) for branch in layer.layers]
        return merge(layer, x, parts)
    if hasattr(layer, "layers"):
        for inner in layer.layers:
            x = connect(inner, x, learned)
        return x
    if isinstance(layer, deep_cnns.Identity):
        return x
    made = single(layer)
    if layer.params:
        learned.append(made)
    return made(x)


def merge(layer, x, parts):
    if isinstance(layer, deep_cnns.Add):
        return L.Add()(parts)
    if isinstance(layer, deep_cnns.Concatenate):
        return L.Concatenate()(parts)
    if isinstance(layer, gates.Highway):
        h, t = parts
        return L.Add()([L.Multiply()([t, h]), L.Multiply()([1 - t, x])])
    a, b = parts
    return L.Multiply()([a, L.Reshape((1, 1, -1))(b) if len(b.shape) == 2 else b])


def single(layer):
    if isinstance(layer, backpropagation.Activation):
        return L.Activation(layer.name)
    if isinstance(layer, backpropagation.Dense):
        return L.Dense(layer.params["kernel"].shape[1])
    if isinstance(layer, pooling.GlobalAveragePooling2D):
        return L.GlobalAveragePooling2D()
    if isinstance(layer, pooling.Flatten):
        return L.Flatten()
    if isinstance(layer, conv_layers.UpSampling2D):
        return L.UpSampling2D(layer.size)
    window = {"strides": layer.strides, "padding": layer.padding}
    if isinstance(layer, pooling.MaxPooling2D):
        return L.MaxPooling2D(layer.kernel_size, **window)
    if isinstance(layer, pooling.AveragePooling2D):
        return L.AveragePooling2D(layer.kernel_size, **window)
    if isinstance(layer, conv_layers.DepthwiseConv2D):
        return L.DepthwiseConv2D(layer.kernel_size, use_bias="bias" in layer.params, **window)
    if isinstance(layer, convolution.Conv2D):
        return L.Conv2D(layer.filters, layer.kernel_size, groups=layer.groups, **window)
    raise TypeError(f"no twin is known for {layer!r}")
