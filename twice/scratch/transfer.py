"""Transfer: take what a network has learned for one task into another one.

Freeze layers, cut a network off, put a new head on it, copy its weights. Numbers and names, such
as "3.kernel", stay. How to train what stands then is in `twice.scratch.fine_tuning`.
"""

import copy

import numpy as np

from twice.scratch.backpropagation import Layer, Sequential
from twice.scratch.weights import kept, thawed


class Frozen(Layer):
    """A layer, or block, that no longer learns: `params` and `grads` are empty.

    It runs as after training, always: a batch norm inside keeps its running statistics
    and uses them, and dropout inside a block is off. The gradient passes through to the
    layer below. `layer` is the layer itself, `non_trainable` holds its parameters; any
    other attribute is the layer's. Keras: `trainable = False`, which leaves dropout on.
    """

    def __init__(self, layer):
        self.layer = layer.layer if isinstance(layer, Frozen) else layer
        self.params, self.grads = {}, {}

    @property
    def layers(self):
        inner = getattr(self.layer, "layers", None)
        return [self.layer] if inner is None else [Frozen(part) for part in inner]

    @property
    def non_trainable(self):
        return {} if hasattr(self.layer, "layers") else self.layer.params

    def forward(self, x, training=False, **told):
        return self.layer.forward(x, **told)

    def backward(self, grad, input_gradient=True):
        return self.layer.backward(grad) if input_gradient else None

    def penalty(self):
        return 0.0

    def thaw(self):
        return self.layer

    def __getattr__(self, name):
        if name == "layer" or name.startswith("__"):  # a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self.layer, name)

    def __repr__(self):
        return f"Frozen({self.layer!r})"


def place(model, n=None):
    """n in 0 ... number of layers, n < 0 from the end, None for all; or a ValueError."""
    layers = getattr(model, "layers", [])
    n = len(layers) if n is None else n
    whole = isinstance(n, (int, np.integer)) and not isinstance(n, bool)
    if not (isinstance(model, Sequential) and whole and -len(layers) <= n <= len(layers)):
        wanted = f"0 <= n <= {len(layers)}, or n < 0 from its end"
        raise ValueError(f"expected a Sequential and {wanted}, got {model!r} and {n!r}")
    return int(n) + len(layers) if n < 0 else int(n)


def put(model, layers):
    """Give a `Sequential` these layers, and tell it anew which one learns first."""
    model.layers = layers
    model.first = next((k for k, layer in enumerate(layers) if layer.params), None)
    return model


def freeze(model, n=None):
    """Freeze the first n layers of a `Sequential`, in place; None: all. Returns the model.

    Layers without arrays, such as dropout, stay as they are, and so do those from n on.
    n < 0 counts from the end: freeze(model, -1) leaves the last one. ValueError for others.
    """
    n = place(model, n)
    return put(model, [Frozen(a) if k < n and kept(a) else a
                       for k, a in enumerate(model.layers)])  # fmt: skip


def unfreeze(model, n=0):
    """Let the layers from number n on learn again, in place, and all that is in them."""
    n = place(model, n)
    return put(model, [melt(a) if k >= n else a for k, a in enumerate(model.layers)])


def melt(layer):
    """The layer, with nothing frozen in it any more, in place."""
    layer = layer.thaw() if isinstance(layer, Frozen) else layer
    if isinstance(layer, Sequential):
        return unfreeze(layer)
    if hasattr(layer, "layers"):
        layer.layers = [melt(part) for part in layer.layers]
    return layer


def cut(model, n, *, copies=False):
    """The first n layers as a model of their own; n < 0 cuts that many off.

    They are the same layers: who trains the one trains the other. copies=True: copies.
    """
    n = place(model, n)
    layers = model.layers[:n]
    return Sequential(copy.deepcopy(layers) if copies else layers)


def with_head(base, layers):
    """base, then these layers (a list or a `Sequential`), in one row; base keeps its own."""
    if not isinstance(base, Sequential):
        raise ValueError(f"expected a Sequential to put a head on, got {base!r}")
    return Sequential([*base.layers, *getattr(layers, "layers", layers)])


def copy_layers(source, target, n):
    """Copy the arrays of the first n layers of source into those of target; returns target.

    ValueError, before anything is changed, where a layer's shapes differ.
    """
    pairs = list(zip(source.layers[: place(source, n)], target.layers[: place(target, n)],
                     strict=True))  # fmt: skip
    for k, (a, b) in enumerate(pairs):
        came, wanted = ([w.shape for w in kept(thawed(layer))] for layer in (a, b))
        if came != wanted:
            raise ValueError(f"layer {k}, {b!r}: expected the shapes {wanted}, got {came}")
    for a, b in pairs:
        for ours, theirs in zip(kept(thawed(b)), kept(thawed(a)), strict=True):
            ours[...] = theirs
    return target


def split(model):
    """Two models that share its layers: what gives the same every epoch, and the rest.

    The first ends before the first layer that learns or draws random numbers. ValueError
    if that is at once, or never.
    """
    layers = model.layers[: place(model)]
    changes = (k for k, a in enumerate(layers) if not isinstance(a, Frozen)
               and (a.params or getattr(a, "rng", None) is not None))  # fmt: skip
    n = next(changes, None)
    if not n:
        state = "no layer learns" if n is None else f"layer 0, {layers[0]!r}, changes"
        raise ValueError(f"expected frozen layers, then some that learn, but {state}")
    return Sequential(layers[:n]), Sequential(layers[n:])


def features(model, x, *, batch_size=1024):
    """What the frozen beginning of a model makes of x, once and for all epochs.

    Train the second model of `split` on them: the same numbers as training the whole one.
    """
    return split(model)[0].predict(x, batch_size=batch_size)
