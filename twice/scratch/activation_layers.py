"""Activations that are more than one function of one number: PReLU, Maxout and Softmax layers."""

import numpy as np

from twice.scratch.backpropagation import Layer
from twice.scratch.initializers import glorot_uniform
from twice.scratch.losses import softmax


class PReLU(Layer):
    """a = z where z > 0, else alpha z; the slope alpha learns (He et al., 2015).

    shape: a sample's, 64 or (28, 28, 16); `params["alpha"]` has it too, with 1
    on the axes in shared_axes (counted from 1, as in Keras: axis 0 is the batch).
        dL/dalpha = sum of dL/da min(z, 0) over the batch and the shared axes
    alpha starts at Keras's 0; the paper starts at 0.25. At z = 0, slope 0.
    """

    def __init__(self, shape, *, alpha=0.0, shared_axes=(), dtype=np.float32):
        super().__init__()
        shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
        if min(shape, default=0) < 1 or not {*shared_axes} <= {*range(1, len(shape) + 1)}:
            raise ValueError(
                f"expected sizes >= 1 and shared_axes from 1 to {len(shape)}, "
                f"got {shape} and {tuple(shared_axes)}"
            )
        self.shape, self.sum_axes = shape, (0, *shared_axes)
        one = [1 if k in shared_axes else size for k, size in enumerate(shape, start=1)]
        self.params["alpha"] = np.full(one, alpha, dtype)
        self.grads["alpha"] = np.zeros(one, dtype)

    def forward(self, z, training=False):
        self.z = np.asarray(z, self.params["alpha"].dtype)
        if self.z.shape[1:] != self.shape:
            raise ValueError(f"expected z {('N', *self.shape)}, got {self.z.shape}")
        return np.maximum(self.z, 0) + self.params["alpha"] * np.minimum(self.z, 0)

    def backward(self, grad, input_gradient=True):
        alpha = self.params["alpha"]
        each = grad * np.minimum(self.z, 0)
        self.grads["alpha"] = each.sum(axis=self.sum_axes, keepdims=True)[0]
        if input_gradient:
            return grad * ((self.z > 0) + alpha * (self.z < 0))


class Maxout(Layer):
    """a_j = the largest of z_j1 ... z_jk: an output picks the top of k lines.

    X (N, n_in), Z = X W + b (N, n_out, pieces), A (N, n_out); W (n_in, n_out *
    pieces), b (n_out * pieces,), an output's pieces side by side, each drawn like
    a Dense kernel. Only the winner of each output gets a gradient, the first in
    a tie (Goodfellow et al., 2013). Raises ValueError for bad sizes and shapes.
    """

    def __init__(self, n_in, n_out, pieces=2, *, rng, initializer=glorot_uniform, dtype=np.float32):
        super().__init__()
        if min(n_in, n_out, pieces) < 1:
            sizes = f"{n_in}, {n_out} and {pieces}"
            raise ValueError(f"expected n_in, n_out, pieces >= 1, got {sizes}")
        drawn = [initializer((n_in, n_out), rng) for _ in range(pieces)]
        kernel = np.stack(drawn, axis=-1).reshape(n_in, n_out * pieces)
        self.params["kernel"] = kernel.astype(dtype)
        self.params["bias"] = np.zeros(n_out * pieces, dtype)
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}
        self.pieces = pieces

    def forward(self, x, training=False):
        kernel, bias = self.params["kernel"], self.params["bias"]
        self.x = np.asarray(x, kernel.dtype)
        if self.x.ndim != 2 or self.x.shape[1] != len(kernel):
            raise ValueError(f"expected x (N, {len(kernel)}), got {self.x.shape}")
        z = (self.x @ kernel + bias).reshape(len(self.x), -1, self.pieces)
        self.winner = z.argmax(axis=-1, keepdims=True)
        return np.take_along_axis(z, self.winner, axis=-1)[..., 0]

    def backward(self, grad, input_gradient=True):
        to_z = np.zeros((*grad.shape, self.pieces), grad.dtype)
        np.put_along_axis(to_z, self.winner, grad[..., None], axis=-1)
        to_z = to_z.reshape(len(grad), -1)
        self.grads["kernel"] = self.x.T @ to_z
        self.grads["bias"] = to_z.sum(axis=0)
        if input_gradient:
            return to_z @ self.params["kernel"].T


class Softmax(Layer):
    """p = softmax(z) on the last axis: every output hears every z of its row.

    The Jacobian dp_i / dz_j = p_i (1[i = j] - p_j) is never written down: with
    g = dL/dp, dL/dz = p * (g - sum_j g_j p_j).
    """

    def forward(self, z, training=False):
        self.p = softmax(z)
        return self.p

    def backward(self, grad):
        return self.p * (grad - (grad * self.p).sum(axis=-1, keepdims=True))
