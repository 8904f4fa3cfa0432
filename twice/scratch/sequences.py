"""What stands around a recurrent layer: embedding, time-distributed layers, both directions, loss.

`SequenceModel` is `Sequential` for padded sequences: it finds the padding and tells every layer.
"""

import numpy as np

from twice.scratch.backpropagation import Layer, Sequential
from twice.scratch.losses import SparseCategoricalCrossentropy


def uniform_005(shape, rng):
    """Uniform on +-0.05: where Keras's Embedding begins."""
    return rng.uniform(-0.05, 0.05, shape)


class Embedding(Layer):
    """Row x[n, t] of a table for every step: (N, T) whole numbers -> (N, T, units).

    `params`: embeddings (n_tokens, units), drawn by `initializer(shape, rng)`. The same
    as a one-hot vector times a kernel, without the product; backward adds the gradient of
    every place to the row that was read there. Numbers have no gradient: returns None.
    Raises ValueError for numbers outside 0 ... n_tokens - 1. Bengio et al. (2003).
    """

    def __init__(self, n_tokens, units, *, rng, initializer=uniform_005, dtype=np.float32):
        super().__init__()
        if n_tokens < 1 or units < 1:
            raise ValueError(f"expected n_tokens, units >= 1, got {n_tokens} and {units}")
        self.params["embeddings"] = initializer((n_tokens, units), rng).astype(dtype)
        self.grads["embeddings"] = np.zeros((n_tokens, units), dtype)

    def forward(self, x, training=False):
        table, x = self.params["embeddings"], np.asarray(x)
        self.tokens = x.astype(np.int64)
        if x.size == 0 or x.dtype.kind not in "iuf" or not (self.tokens == x).all():
            raise ValueError(f"{self!r}: expected whole numbers, got {x.dtype} {x.shape}")
        if self.tokens.min() < 0 or self.tokens.max() >= len(table):
            found = f"{self.tokens.min()} to {self.tokens.max()}"
            raise ValueError(f"{self!r}: expected numbers 0 to {len(table) - 1}, got {found}")
        return table[self.tokens]

    def backward(self, grad, input_gradient=True):
        self.grads["embeddings"] = np.zeros_like(self.params["embeddings"])
        np.add.at(self.grads["embeddings"], self.tokens, grad)

    def __repr__(self):
        return "Embedding({}, {})".format(*self.params["embeddings"].shape)


class TimeDistributed(Layer):
    """The same layer at every step: (N, T, ...) is read as N T samples and put back.

    The gradients of its parameters sum over the steps, as for any batch.
    Keras's Dense does this by itself.
    """

    def __init__(self, layer):
        self.layers = [layer]

    layer = property(lambda self: self.layers[0])
    params = property(lambda self: self.layer.params)
    grads = property(lambda self: self.layer.grads)

    def forward(self, x, training=False):
        x = np.asarray(x)
        if x.ndim < 3:
            raise ValueError(f"{self!r}: expected x (N, T, ...), got {x.shape}")
        z = self.layer.forward(x.reshape(-1, *x.shape[2:]), training=training)
        self.shapes = x.shape, z.shape
        return z.reshape(*x.shape[:2], *z.shape[1:])

    def backward(self, grad, input_gradient=True):
        x_shape, z_shape = self.shapes
        grad = np.ascontiguousarray(grad).reshape(z_shape)
        if self.params:
            dx = self.layer.backward(grad, input_gradient=input_gradient)
        else:
            dx = self.layer.backward(grad)
        return dx.reshape(x_shape) if input_gradient else None

    def __repr__(self):
        return f"TimeDistributed({self.layer!r})"


MERGES = ("concat", "sum", "ave", "mul")


class Bidirectional(Layer):
    """Two recurrent layers, one from left to right, one from right to left, and their merge.

    merge_mode: "concat" (N, ..., units + units), "sum", "ave" or "mul". `params` by name:
    "forward.kernel", "backward.kernel", ... With return_sequences, place t holds what both
    know at step t, and 0 where mask (N, T) is False; without, each layer's last state: the
    backward one's is at step 1.
    Raises ValueError unless the second layer, and it alone, has go_backwards. Schuster and
    Paliwal (1997).
    """

    takes_mask = True

    def __init__(self, forward_layer, backward_layer, *, merge_mode="concat"):
        self.layers, self.merge_mode = [forward_layer, backward_layer], merge_mode
        if merge_mode not in MERGES:
            raise ValueError(f"expected one of {MERGES}, got {merge_mode!r}")
        if [layer.go_backwards for layer in self.layers] != [False, True]:
            raise ValueError("expected the second layer, and it alone, to have go_backwards")
        if forward_layer.return_sequences != backward_layer.return_sequences:
            raise ValueError("expected return_sequences in both layers or in none")

    def collect(self, which):
        found = zip(("forward", "backward"), self.layers, strict=True)
        return {f"{d}.{name}": a for d, own in found for name, a in getattr(own, which).items()}

    params = property(lambda self: self.collect("params"))
    grads = property(lambda self: self.collect("grads"))

    def turned(self, a):
        """What the backward layer gives or takes, in the order of time."""
        return a[:, ::-1] if self.layers[1].return_sequences else a

    def forward(self, x, training=False, mask=None):
        a, b = (layer.forward(x, training=training, mask=mask) for layer in self.layers)
        padded = mask is not None and self.layers[0].return_sequences
        self.counts = np.asarray(mask)[:, :, None] if padded else True
        self.parts = a * self.counts, self.turned(b) * self.counts
        if self.merge_mode == "concat":
            return np.concatenate(self.parts, axis=-1)
        a, b = self.parts
        return a * b if self.merge_mode == "mul" else (a + b) / (1 + (self.merge_mode == "ave"))

    def backward(self, grad, input_gradient=True):
        a, b = self.parts
        if self.merge_mode == "concat":
            to_a, to_b = np.split(grad, [a.shape[-1]], axis=-1)
        elif self.merge_mode == "mul":
            to_a, to_b = grad * b, grad * a
        else:
            to_a = to_b = grad / (1 + (self.merge_mode == "ave"))
        to_a, to_b = to_a * self.counts, self.turned(to_b * self.counts)
        dx = self.layers[0].backward(to_a, input_gradient=input_gradient)
        other = self.layers[1].backward(to_b, input_gradient=input_gradient)
        return dx + other if input_gradient else None

    def __repr__(self):
        return f"Bidirectional({self.layers[0]!r})"


class SequenceModel(Sequential):
    """`Sequential` for sequences padded with `mask_value`: recurrent layers skip the padding.

    x (N, T) or (N, T, n_in); a step is padding where all its numbers are `mask_value`. `mask`
    (N, T), if given, says it instead: True where a step counts.
    """

    def __init__(self, layers, *, mask_value=0):
        super().__init__(layers)
        self.mask_value = mask_value

    def trace(self, x, training=False, mask=None):
        x = np.asarray(x)
        if x.ndim not in (2, 3):
            raise ValueError(f"expected x (N, T) or (N, T, n_in), got {x.shape}")
        if mask is None:
            mask = (x != self.mask_value).reshape(*x.shape[:2], -1).any(axis=2)
        for layer in self.layers:
            told = {"mask": mask} if getattr(layer, "takes_mask", False) else {}
            x = layer.forward(x, training=training, **told)
            yield x

    def forward(self, x, training=False, mask=None):
        *_, last = self.trace(x, training, mask)
        return last


class SequenceCrossentropy(SparseCategoricalCrossentropy):
    """Cross-entropy of every step: the mean over all labels y (N, T) that are not `ignore_class`.

    y_pred (N, T, K): scores with from_logits, else probabilities. Raises ValueError for other
    shapes, labels outside 0 ... K - 1, and if every label is to be ignored.
    """

    def __init__(self, from_logits=False, ignore_class=None):
        super().__init__(from_logits)
        self.ignore_class = ignore_class

    def forward(self, y_true, y_pred):
        y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
        if y_pred.ndim != 3 or y_true.shape != y_pred.shape[:2]:
            shapes = f"{y_true.shape} and {y_pred.shape}"
            raise ValueError(f"expected y_true (N, T) and y_pred (N, T, K), got {shapes}")
        counts = np.ones(y_true.shape, bool)
        if self.ignore_class is not None:
            counts = y_true != self.ignore_class
        if not counts.any():
            raise ValueError(f"expected a label that is not {self.ignore_class}, got none")
        value = super().forward(y_true[counts], y_pred[counts])
        found, self.gradient = self.gradient, np.zeros_like(y_pred)
        self.gradient[counts] = found
        return value
