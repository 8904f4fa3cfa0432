"""All arrays of a model in one order, whether some of its layers are frozen or not."""

import copy


def beside(layer):
    """The non-trainable arrays of a layer and of the layers within it, depth first."""
    inner = [a for part in getattr(layer, "layers", []) for a in beside(part)]
    return [*getattr(layer, "non_trainable", {}).values(), *inner]


def thawed(layer):
    """The layer as if nothing in it were frozen: the same arrays in other lists.

    A frozen layer (`twice.scratch.transfer`) has a method `thaw`, which returns what learned.
    """
    layer = layer.thaw() if hasattr(layer, "thaw") else layer
    if hasattr(layer, "layers"):
        layer = copy.copy(layer)
        layer.layers = [thawed(part) for part in layer.layers]
    return layer


def kept(model):
    """All arrays that make a model what it is: the parameters, then the non-trainable ones.

    Their order does not depend on what is frozen at the moment.
    """
    model = thawed(model)
    return [*model.params.values(), *beside(model)]
