"""Weights whose length does not count: weight normalization, and the cosine instead of the product.

`twice.scratch.normalization` normalizes signals; these two layers normalize weights.
"""

import numpy as np

from twice.scratch.backpropagation import Dense, Layer


def length(v):
    """The Euclidean length of every column (n_in, n_out) -> (1, n_out)."""
    return np.sqrt((v * v).sum(axis=0, keepdims=True))


class WeightNormDense(Layer):
    """Z = X W + b with W = g v / |v|, column by column: direction and length learn apart.

    params: direction v (n_in, n_out), gain g (n_out,), bias b (n_out,). X (N, n_in).
        dL/dg = sum_i dL/dW_i v_i / |v|
        dL/dv = g / |v| (dL/dW - dL/dg v / |v|)        at right angles to v
    g starts at |v|, so that W starts as v. Settings as for `Dense`; a column of zeros
    has no direction: ValueError. Salimans and Kingma (2016).
    """

    def __init__(self, n_in, n_out, **settings):
        super().__init__()
        self.dense = Dense(n_in, n_out, **settings)
        v = self.dense.params["kernel"]
        self.params = {"direction": v.copy(), "gain": length(v)[0], **self.dense.params}
        del self.params["kernel"]
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}

    def forward(self, x, training=False):
        v, gain, bias = self.params.values()
        self.length = length(v)
        if not self.length.all():
            raise ValueError(f"{self!r}: a column of the direction is 0, it points nowhere")
        self.dense.params = {"kernel": gain * v / self.length, "bias": bias}
        return self.dense.forward(x)

    def backward(self, grad, input_gradient=True):
        back = self.dense.backward(grad, input_gradient)
        to_kernel, unit = self.dense.grads["kernel"], self.params["direction"] / self.length
        gain = (to_kernel * unit).sum(axis=0)
        direction = self.params["gain"] / self.length * (to_kernel - gain * unit)
        self.grads = {"direction": direction, "gain": gain, "bias": self.dense.grads["bias"]}
        return back

    def __repr__(self):
        return "WeightNormDense({}, {})".format(*self.params["direction"].shape)


class CosineDense(Layer):
    """z_j = x . w_j / (|x| |w_j|): the cosine of the angle, between -1 and 1; no bias.

    X (N, n_in), kernel W (n_in, n_out). With u = x / |x| and unit columns w_j / |w_j|:
        dL/du = dL/dZ (W / |W|)^T,    dL/dx = (dL/du - u (u . dL/du)) / |x|,    same for w
    `epsilon` is added under each root. Settings as for `Dense`. Luo et al. (2018).
    """

    def __init__(self, n_in, n_out, *, epsilon=1e-12, **settings):
        super().__init__()
        if not epsilon > 0:
            raise ValueError(f"expected epsilon > 0, got {epsilon}")
        self.epsilon, self.dense = epsilon, Dense(n_in, n_out, **settings)
        self.params = {"kernel": self.dense.params["kernel"]}
        self.grads = {"kernel": np.zeros_like(self.params["kernel"])}

    def unit(self, a, axis):
        """a / |a| along an axis, and 1 / |a|."""
        r = 1 / np.sqrt((a * a).sum(axis=axis, keepdims=True) + self.epsilon)
        return a * r, r

    def forward(self, x, training=False):
        self.w, self.w_r = self.unit(self.params["kernel"], 0)
        x = np.asarray(x, self.w.dtype)
        if x.ndim != 2 or x.shape[1] != len(self.w):
            raise ValueError(f"{self!r}: expected x (N, {len(self.w)}), got {x.shape}")
        self.u, self.x_r = self.unit(x, 1)
        return self.u @ self.w

    def backward(self, grad, input_gradient=True):
        to_w = self.u.T @ grad
        along = (self.w * to_w).sum(axis=0, keepdims=True)
        self.grads["kernel"] = (to_w - self.w * along) * self.w_r
        if input_gradient:
            to_u = grad @ self.w.T
            return (to_u - self.u * (self.u * to_u).sum(axis=1, keepdims=True)) * self.x_r

    def __repr__(self):
        return "CosineDense({}, {})".format(*self.params["kernel"].shape)
