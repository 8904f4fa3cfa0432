"""Weights used in more than one place, and layers that serve more than one task.

A weight used twice has two gradients, and their sum is its gradient: the chain rule.
"""

import numpy as np

from twice.scratch.backpropagation import Layer, Sequential


class TiedDense(Layer):
    """Z = X W^T + b, W being the kernel of another `Dense`: no kernel of its own.

    X (N, n_out of the other), Z (N, n_in of the other); own `params`: the bias. Its
    share of dL/dW is (X^T dL/dZ)^T; a `Tied` model adds it to the other's.
    Raises ValueError for inputs of another shape.
    """

    def __init__(self, source):
        super().__init__()
        self.source = source
        self.params["bias"] = np.zeros(len(self.kernel), self.kernel.dtype)
        self.grads["bias"] = np.zeros_like(self.params["bias"])

    kernel = property(lambda self: self.source.params["kernel"])

    def forward(self, x, training=False):
        self.x = np.asarray(x, self.kernel.dtype)
        if self.x.ndim != 2 or self.x.shape[1] != self.kernel.shape[1]:
            raise ValueError(f"expected x (N, {self.kernel.shape[1]}), got {self.x.shape}")
        return self.x @ self.kernel.T + self.params["bias"]

    def backward(self, grad, input_gradient=True):
        self.share = grad.T @ self.x
        self.grads["bias"] = grad.sum(axis=0)
        return grad @ self.kernel

    def __repr__(self):
        return f"TiedDense({self.source!r})"


class Tied(Sequential):
    """Layers in a row, some of them `TiedDense`: the gradients of a shared kernel add up."""

    def backward(self, grad, input_gradient=True):
        back = super().backward(grad, input_gradient)
        for layer in self.layers:
            if isinstance(layer, TiedDense):
                layer.source.grads["kernel"] += layer.share
        return back


class JointLoss:
    """L = sum of weight_k L_k, each on its own columns of the output: several tasks at once.

    parts: (loss, number of columns, weight), in the order of the columns; y_true and y_pred
    (N, all columns). With `Concatenate` as the last layer every task has a head of its own
    and the layers below are shared. Raises ValueError for other shapes, no parts, and
    weights or columns that are not positive. Caruana (1997).
    """

    def __init__(self, parts):
        self.parts = list(parts)
        if not self.parts or not all(size >= 1 and weight > 0 for _, size, weight in self.parts):
            raise ValueError("expected parts (loss, columns >= 1, weight > 0)")
        self.ends = np.cumsum([size for _, size, _ in self.parts])

    def cut(self, a):
        """The columns of each part."""
        if np.ndim(a) != 2 or np.shape(a)[1] != self.ends[-1]:
            raise ValueError(f"expected columns (N, {self.ends[-1]}), got {np.shape(a)}")
        return np.split(a, self.ends[:-1], axis=1)

    def forward(self, y_true, y_pred):
        """The weighted sum, a float; `values` holds the unweighted losses."""
        pairs = list(zip(self.parts, self.cut(y_true), self.cut(y_pred), strict=True))
        self.values = [loss.forward(y, p) for (loss, _, _), y, p in pairs]
        return sum(w * v for (_, _, w), v in zip(self.parts, self.values, strict=True))

    def backward(self):
        """dL/dy_pred (N, all columns)."""
        return np.concatenate([w * loss.backward() for loss, _, w in self.parts], axis=1)
