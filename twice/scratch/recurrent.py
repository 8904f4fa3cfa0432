"""Recurrent layers: one cell, the same weights at every step, and a state that is carried along.

`Recurrent` is the walk through time that all cells share, forward and back; `SimpleRNN` is the
plain cell. LSTM and GRU are in `twice.scratch.gated`, what stands around a recurrent layer is in
`twice.scratch.sequences`, clipping is in `twice.scratch.clipping`.
"""

import numpy as np

from twice.scratch.backpropagation import FUNCTIONS
from twice.scratch.steps import Steps


class Recurrent(Steps):
    """The walk through time: h_t = step(x_t, h_{t-1}) for t = 1 ... T, from h_0 = 0.

    x (N, T, n_in); the output is h_T (N, units), or with return_sequences all h_t
    (N, T, units). A subclass says what one step does (`step`) and how the gradient
    goes back through it (`step_back`).
    mask (N, T): where it is False, a step is skipped and the state stays as it was.
    initial_state: the `states` arrays (N, units) to start from. `state` holds the last ones,
    and after `backward`, `state_gradient` holds the loss's gradient with respect to the first.
    stateful: a batch begins where the last one ended, until `reset_state`.
    """

    def forward(self, x, training=False, mask=None, initial_state=None):
        self.x, self.mask = self.by_time(x, mask)
        self.drop(training)
        self.z = self.x @ self.params["kernel"]  # all steps at once
        self.z += self.input_bias()
        start = self.start(initial_state)
        self.s = np.empty((self.states, len(self.x) + 1, *start[0].shape), self.z.dtype)
        self.s[:, 0] = start
        self.begin()
        for t in range(len(self.x)):
            self.step(t)  # from z[t] and s[:, t] to s[:, t + 1]
            if self.mask is not None:
                self.s[:, t + 1] = np.where(self.mask[t], self.s[:, t + 1], self.s[:, t])
        self.state = self.s[:, -1].copy()
        if not self.return_sequences:
            return self.seen(self.s[0, -1], -1)
        return self.seen(self.s[0, 1:], slice(None)).transpose(1, 0, 2)

    def backward(self, grad, input_gradient=True, state_gradient=None):
        later = np.zeros_like(self.s[:, 0])  # dL/d(state) that comes from the steps after t
        if state_gradient is not None:
            later += state_gradient
        if self.return_sequences:
            grad = self.seen(grad.transpose(1, 0, 2), slice(None))
        else:
            later[0] += self.seen(grad, -1)
        self.begin_back()
        for t in reversed(range(len(self.x))):
            if self.return_sequences:
                later[0] += grad[t]
            if self.mask is None:
                later = self.step_back(t, later)
            else:
                skipped = np.where(self.mask[t], 0, later)
                later = self.step_back(t, later - skipped) + skipped
        self.state_gradient = later
        return self.finish(input_gradient)

    def finish(self, input_gradient):
        """The weights' gradients, each one product over all steps, and the input's."""
        flat = self.dz.reshape(-1, self.dz.shape[-1])
        self.grads["kernel"] = self.x.reshape(len(flat), -1).T @ flat
        self.grads["bias"] = np.ones(len(flat), flat.dtype) @ flat
        self.grads["recurrent_kernel"] = self.recurrent_gradient(flat)
        if input_gradient:
            dx = (flat @ self.params["kernel"].T).reshape(self.x.shape)
            dx = dx if self.input_mask is None else dx * self.input_mask
            return dx[:: self.direction].transpose(1, 0, 2)

    def recurrent_gradient(self, flat):
        """dL/dU from the gradients of all z, (T N, columns)."""
        return self.heard().T @ flat

    def begin(self):
        """Before the first step."""

    def begin_back(self):
        """Before the last step is gone back through: make `dz`, the gradient of z."""


class SimpleRNN(Recurrent):
    """h_t = f(x_t W + h_{t-1} U + b): one layer that hears itself (Elman, 1990).

    `params`: kernel W (n_in, units), recurrent_kernel U (units, units),
    bias b (units,). With z_t the sum in the brackets and g_t = dL/dh_t,
        dL/dz_t = f'(z_t) g_t,   what step t - 1 gets: dL/dz_t U^T,
        dL/dU = sum over t of h_{t-1}^T dL/dz_t, since all steps share U.
    activation f: "tanh", "relu", "sigmoid" or "linear". residual: f(...) is added to
    h_{t-1}, so that a step back multiplies by I + U diag(f') (He et al., 2016).
    settings: those of `Steps`.
    """

    def __init__(self, n_in, units, *, activation="tanh", residual=False, **settings):
        if activation not in FUNCTIONS:
            raise ValueError(f"expected one of {list(FUNCTIONS)}, got {activation!r}")
        super().__init__(n_in, units, **settings)
        self.f, self.slope = FUNCTIONS[activation]
        self.residual = residual

    def step(self, t):
        self.z[t] += self.dropped(self.s[0, t]) @ self.params["recurrent_kernel"]
        self.s[0, t + 1] = self.f(self.z[t])
        if self.residual:
            self.s[0, t + 1] += self.s[0, t]

    def begin_back(self):
        f_of_z = self.f(self.z) if self.residual else self.s[0, 1:]
        self.dz = np.asarray(self.slope(self.z, f_of_z), self.z.dtype)

    def step_back(self, t, later):
        self.dz[t] *= later[0]
        back = self.dropped(self.dz[t] @ self.params["recurrent_kernel"].T)[None]
        return back + later if self.residual else back
