"""Automatic differentiation of arrays, in reverse: `Tensor`.

    x, w = Tensor(rows, "x"), Tensor(kernel, "w")
    loss = ((x @ w).relu() ** 2).mean()
    loss.backward()
    w.grad                     an array of w's shape and dtype

As `twice.scratch.autodiff.Value`, but each node holds an array, and in place of slopes it remembers
`pull`: a function that turns dL/d(this node) into dL/d(operand), one for each operand.
"""

import numpy as np

from twice.scratch.autodiff import BINARY, UNARY, Operators, graph


def unbroadcast(grad, shape):
    """Add a gradient up over the axes along which an array of `shape` was repeated.

    Broadcasting uses one number in many places, and the paths from all of them add.
    """
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))  # axes put in front
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return grad.sum(axis=stretched, keepdims=True)


class Tensor(Operators):
    """A node of a computation graph that holds an array, and the way back from it.

    It has + - * / ** @, exp, log, tanh, sigmoid, relu, sum, mean, max, indices, reshape and
    transpose; shapes broadcast as in NumPy, and a plain number takes the array's dtype.
    `data`: float32 and float64 are kept, whole numbers become float64; ValueError for others.
    After `loss.backward()` every node of the graph of `loss` has `grad`, of its own shape and
    dtype. Each call sets these gradients anew.
    """

    def __init__(self, data, name="", *, op="", operands=(), pull=None):
        self.data = np.asarray(data)
        if self.data.dtype.kind not in "fiub":
            raise ValueError(f"expected real numbers, got {self.data.dtype}")
        if self.data.dtype.kind != "f":
            self.data = self.data.astype(np.float64)
        self.name, self.op, self.operands, self.pull = name, op, operands, pull
        self.shape, self.grad = self.data.shape, None

    def backward(self, grad=None):
        """Fill the gradients; an output of many numbers needs dL/d(output), of its shape."""
        if grad is None and self.data.size != 1:
            raise ValueError(f"expected one number, or a gradient of {self.shape} to start from")
        start = np.asarray(1.0 if grad is None else grad)
        if grad is not None and start.shape != self.shape:
            raise ValueError(f"expected a gradient of shape {self.shape}, got {start.shape}")
        nodes = graph(self)
        for node in nodes:
            node.grad = np.zeros_like(node.data)
        self.grad += start
        for node in reversed(nodes):
            if node.operands:
                for operand, g in zip(node.operands, node.pull(node.grad), strict=True):
                    operand.grad += unbroadcast(g, operand.shape)  # the paths add

    def lift(self, other):
        if isinstance(other, Tensor):
            return other
        other = np.asarray(other)
        plain = other.dtype.kind in "iub" or other.ndim == 0
        return Tensor(other.astype(self.data.dtype) if plain else other)

    def result(self, op, data, pull, *operands):
        return Tensor(data, op=op, operands=operands or (self,), pull=pull)

    def binary(self, op, a, b):
        y, to_a, to_b = BINARY[op](a.data, b.data)
        return self.result(op, y, lambda g: (g * to_a, g * to_b), a, b)

    def unary(self, name):
        f, slope = UNARY[name]
        y = f(self.data)
        return self.result(name, y, lambda g: (g * slope(self.data, y),))

    def power(self, n):
        x, n = self.data, float(n)
        slope = n * x ** (n - 1) if n else 0.0
        return self.result(f"power {n:g}", x**n, lambda g: (g * slope,))

    def __matmul__(self, other):
        """(..., n, k) @ (..., k, m), or vectors (k,) on either side, as np.matmul."""
        b = self.lift(other)
        y = self.data @ b.data
        rows = self.data if self.data.ndim > 1 else self.data[None, :]
        columns = b.data if b.data.ndim > 1 else b.data[:, None]
        stack = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])

        def pull(g):
            g = np.reshape(g, (*stack, rows.shape[-2], columns.shape[-1]))
            to_a = unbroadcast(g @ columns.swapaxes(-1, -2), rows.shape)
            to_b = unbroadcast(rows.swapaxes(-1, -2) @ g, columns.shape)
            return to_a.reshape(self.shape), to_b.reshape(b.shape)

        return self.result("@", y, pull, self, b)

    def __rmatmul__(self, other):
        return self.lift(other) @ self

    def sum(self, axis=None, keepdims=False):
        def pull(g):
            g = g if keepdims or axis is None else np.expand_dims(g, axis)
            return (np.broadcast_to(g, self.shape),)

        return self.result("sum", self.data.sum(axis=axis, keepdims=keepdims), pull)

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)

    def max(self, axis=None, keepdims=False):
        """The largest entry; where several tie, they share the gradient equally."""
        y = self.data.max(axis=axis, keepdims=True)
        won = self.data == y
        share = won / won.sum(axis=axis, keepdims=True)

        def pull(g):
            g = g if keepdims or axis is None else np.expand_dims(g, axis)
            return (share * g,)

        shape = self.data.max(axis=axis, keepdims=keepdims).shape
        return self.result("max", y.reshape(shape), pull)

    def __getitem__(self, key):
        def pull(g):
            grad = np.zeros(self.shape, g.dtype)
            np.add.at(grad, key, g)  # an index that comes twice is heard twice
            return (grad,)

        return self.result("[ ]", self.data[key], pull)

    def reshape(self, *shape):
        return self.result("reshape", self.data.reshape(*shape), lambda g: (g.reshape(self.shape),))

    def transpose(self, *axes):
        """The axes in another order, or reversed; `T` for short."""
        axes = axes or tuple(reversed(range(self.data.ndim)))
        back = np.argsort([axis % self.data.ndim for axis in axes])
        return self.result("transpose", self.data.transpose(axes), lambda g: (g.transpose(back),))

    T = property(transpose)

    def __len__(self):
        return len(self.data)

    def __repr__(self):
        return f"Tensor({np.array2string(self.data, precision=4)}, dtype={self.data.dtype})"
