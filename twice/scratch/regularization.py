"""Penalties and constraints: what keeps weights small, and what makes some of them zero.

Noise and dropout are in `twice.scratch.noise`, early stopping in `twice.scratch.early_stopping`,
exact solutions for a linear model in `twice.scratch.shrinkage`.
"""

import numpy as np

from twice.scratch.backpropagation import Sequential
from twice.scratch.optimizers import current_rate


class L1L2:
    """R(w) = l1 sum |w| + l2 sum w^2, the elastic net (Zou and Hastie, 2005).

    dR/dw = l1 sign(w) + 2 l2 w, of w's shape and dtype; the sign of 0 is 0. As in
    Keras, there is no 1/2 before l2. Raises ValueError for negative strengths.
    """

    def __init__(self, l1=0.0, l2=0.0):
        if not (l1 >= 0 and l2 >= 0 and np.isfinite([l1, l2]).all()):
            raise ValueError(f"expected l1 >= 0 and l2 >= 0, got {l1} and {l2}")
        self.l1, self.l2 = float(l1), float(l2)

    def forward(self, w):
        """R(w), a float."""
        return float(self.l1 * np.abs(w).sum() + self.l2 * np.vdot(w, w))

    def backward(self, w):
        """dR/dw."""
        return self.l1 * np.sign(w) + 2 * self.l2 * w

    def __repr__(self):
        return f"{type(self).__name__}(l1={self.l1:g}, l2={self.l2:g})"


def L1(l1=0.01):
    """R(w) = l1 sum |w|: the lasso (Tibshirani, 1996)."""
    return L1L2(l1=l1)


def L2(l2=0.01):
    """R(w) = l2 sum w^2: ridge regression (Hoerl and Kennard, 1970)."""
    return L1L2(l2=l2)


def kernels(arrays):
    """Those of a dict of arrays that multiply a signal: the names that end in "kernel"."""
    return {name: a for name, a in arrays.items() if name.rpartition(".")[2].endswith("kernel")}


class Regularized(Sequential):
    """Layers in a row whose loss also counts the size of their kernels.

    loss = the data's loss + sum of R(kernel) over all kernels
    Biases are left alone. kernel_regularizer: `L1L2`, or what has its `forward`
    and `backward`. The training loop and the gradient check ask for `penalty()`.
    """

    def __init__(self, layers, *, kernel_regularizer):
        super().__init__(layers)
        self.kernel_regularizer = kernel_regularizer

    def penalty(self):
        """The sum of R over all kernels, a float."""
        pay = self.kernel_regularizer.forward
        return sum((pay(w) for w in kernels(self.params).values()), super().penalty())

    def backward(self, grad, input_gradient=True):
        back = super().backward(grad, input_gradient)
        found = self.grads
        for name, w in kernels(self.params).items():
            found[name] += self.kernel_regularizer.backward(w)
        return back

    def __repr__(self):
        return f"Regularized({len(self.layers)} layers, {self.kernel_regularizer!r})"


def soft_threshold(w, threshold):
    """sign(w) max(|w| - threshold, 0): every entry one step toward 0, small ones to 0.

    It is the exact minimum over u of (u - w)^2 / 2 + threshold |u|. w: any shape.
    Raises ValueError for a negative threshold. Donoho (1995).
    """
    if not np.min(threshold) >= 0:
        raise ValueError(f"expected threshold >= 0, got {threshold}")
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0)


class Proximal:
    """An optimizer for an L1 penalty that reaches zero: a step, then `soft_threshold`.

    The kernels are pulled toward 0 by learning_rate l1 after every step of `optimizer`,
    which sees the gradient of the data's loss only. The sign in L1's gradient steps over
    0 and back; this stops there. For plain descent it is ISTA, Daubechies et al. (2004).
    Raises ValueError for a negative l1.
    """

    def __init__(self, optimizer, l1):
        if not l1 >= 0:
            raise ValueError(f"expected l1 >= 0, got {l1}")
        self.optimizer, self.l1 = optimizer, l1

    def step(self, params, grads):
        """One step of the optimizer, then every kernel toward 0, in place."""
        rate = current_rate(self.optimizer)
        self.optimizer.step(params, grads)
        for w in kernels(params).values():
            w[...] = soft_threshold(w, rate * self.l1)


class MaxNorm:
    """No unit's incoming weights are longer than `max_value`: longer ones are scaled back.

    w <- w min(1, max_value / |w|), |w| over all axes but the last: one length a unit, or
    a filter, so that it fits `Conv2D` as well as `Dense`. Raises ValueError unless
    max_value > 0. Srebro and Shraibman (2005), Srivastava et al. (2014).
    """

    def __init__(self, max_value=2.0):
        if not max_value > 0:
            raise ValueError(f"expected max_value > 0, got {max_value}")
        self.max_value = max_value

    def __call__(self, w):
        """The constrained w, a new array."""
        length = np.sqrt((w * w).sum(axis=tuple(range(w.ndim - 1)), keepdims=True))
        return w * np.minimum(1, self.max_value / np.maximum(length, 1e-12)).astype(w.dtype)


class Constrained:
    """An optimizer that puts the kernels back after each step: Constrained(SGD(0.1), MaxNorm(3)).

    kernel_constraint: a function of a kernel that returns the allowed one.
    """

    def __init__(self, optimizer, kernel_constraint):
        self.optimizer, self.kernel_constraint = optimizer, kernel_constraint

    def step(self, params, grads):
        """One step of the optimizer, then the constraint on every kernel, in place."""
        self.optimizer.step(params, grads)
        for w in kernels(params).values():
            w[...] = self.kernel_constraint(w)
