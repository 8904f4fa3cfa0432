"""Gated recurrent layers: LSTM and GRU, cells that decide what to keep.

A gate is a number in (0, 1) for every unit and step, computed by its own small layer; what it
multiplies passes, is dimmed, or is stopped. The walk through time is `Recurrent`'s.
"""

import numpy as np

from twice.scratch.recurrent import Recurrent


class LSTM(Recurrent):
    """Three gates (input, forget, output) and a candidate, in Keras's order i, f, c, o.

    [i, f, c~, o]_t = x_t W + h_{t-1} U + b, through sigmoid, sigmoid, tanh, sigmoid;
        c_t = f_t c_{t-1} + i_t c~_t,   h_t = o_t tanh(c_t)
    kernel W (n_in, 4 units), recurrent_kernel U (units, 4 units), bias b (4 units,).
    unit_forget_bias: b starts at 1 for the forget gate, else at 0 (Jozefowicz et al., 2015).
    A state is [h, c]. Hochreiter and Schmidhuber (1997); forget gate: Gers et al. (2000).
    """

    blocks, states = 4, 2

    def __init__(self, n_in, units, *, unit_forget_bias=True, **settings):
        self.unit_forget_bias = unit_forget_bias
        super().__init__(n_in, units, **settings)

    def first_bias(self):
        return np.repeat([0.0, float(self.unit_forget_bias), 0.0, 0.0], self.units)

    def begin(self):
        # one tanh serves all four: sigmoid(z) = (1 + tanh(z / 2)) / 2
        self.half = np.repeat([0.5, 0.5, 1.0, 0.5], self.units).astype(self.z.dtype)
        self.rest = np.repeat([0.5, 0.5, 0.0, 0.5], self.units).astype(self.z.dtype)
        self.gates = np.split(self.z, 4, axis=2)  # views, cut once for all steps
        self.tanh_c = np.empty_like(self.s[1, 1:])

    def step(self, t):
        z, (h, c) = self.z[t], self.s[:, t]
        z += self.dropped(h) @ self.params["recurrent_kernel"]
        z *= self.half
        np.tanh(z, out=z)
        z *= self.half
        z += self.rest
        i, f, candidate, o = (gate[t] for gate in self.gates)
        self.s[1, t + 1] = f * c + i * candidate
        np.tanh(self.s[1, t + 1], out=self.tanh_c[t])
        self.s[0, t + 1] = o * self.tanh_c[t]

    def begin_back(self):
        """The slopes of all steps at once: the way back then only multiplies."""
        i, self.forget, candidate, o = self.gates
        self.dz = self.z * (1 - self.z)  # a sigmoid's slope; the candidate gets tanh's
        di, df, dcandidate, do = np.split(self.dz, 4, axis=2)
        di *= candidate
        df *= self.s[1, :-1]
        dcandidate[:] = i * (1 - candidate * candidate)
        do *= self.tanh_c
        self.h_to_c = o * (1 - self.tanh_c * self.tanh_c)

    def step_back(self, t, later):
        dh, dc = later
        dc = dc + dh * self.h_to_c[t]
        gates = self.dz[t].reshape(len(dc), 4, self.units)
        gates[:, :3] *= dc[:, None]
        gates[:, 3] *= dh
        later[0] = self.dropped(self.dz[t] @ self.params["recurrent_kernel"].T)
        later[1] = dc * self.forget[t]
        return later


class GRU(Recurrent):
    """Two gates (update, reset) and a candidate, in Keras's order z, r, h.

    z_t = sigmoid(x_t W_z + h_{t-1} U_z + b_z),   r_t likewise,
    reset_after:  h~_t = tanh(x_t W_h + b_h + r_t (h_{t-1} U_h + b'_h))
    or not:       h~_t = tanh(x_t W_h + b_h + (r_t h_{t-1}) U_h)
        h_t = z_t h_{t-1} + (1 - z_t) h~_t
    kernel (n_in, 3 units), recurrent_kernel (units, 3 units), bias (2, 3 units), the
    second row b' for the recurrent products; without reset_after one row (3 units,).
    Cho et al. (2014), where z and 1 - z are exchanged in some papers; reset_after: cuDNN.
    """

    blocks = 3

    def __init__(self, n_in, units, *, reset_after=True, **settings):
        self.reset_after = reset_after
        super().__init__(n_in, units, **settings)

    def first_bias(self):
        columns = 3 * self.units
        return np.zeros((2, columns) if self.reset_after else columns)

    def input_bias(self):
        return self.params["bias"][0] if self.reset_after else self.params["bias"]

    def begin(self):
        self.parts = np.split(self.z, 3, axis=2)  # views, cut once for all steps
        self.inner = np.empty_like(self.parts[0])  # what the reset gate multiplies

    def step(self, t):
        z, kernel = self.z[t], self.params["recurrent_kernel"]
        h = self.dropped(self.s[0, t])
        gates = z[:, : 2 * self.units]
        update, reset, candidate = (part[t] for part in self.parts)
        if self.reset_after:
            product = h @ kernel
            product += self.params["bias"][1]
            gates += product[:, : 2 * self.units]
            self.inner[t] = product[:, 2 * self.units :]
        else:
            gates += h @ kernel[:, : 2 * self.units]
            self.inner[t] = h
        gates /= 2
        np.tanh(gates, out=gates)
        gates += 1
        gates /= 2  # (1 + tanh(z / 2)) / 2 is the sigmoid
        inner = reset * self.inner[t]
        candidate += inner if self.reset_after else inner @ kernel[:, 2 * self.units :]
        np.tanh(candidate, out=candidate)
        self.s[0, t + 1] = candidate + update * (self.s[0, t] - candidate)

    def begin_back(self):
        update, _, candidate = self.parts
        self.dz = self.z * (1 - self.z)
        self.slopes = to_update, to_reset, to_candidate = np.split(self.dz, 3, axis=2)
        to_update *= self.s[0, :-1] - candidate
        to_reset *= self.inner
        to_candidate[:] = (1 - update) * (1 - candidate * candidate)
        self.d_product = np.empty_like(self.dz)  # the gradient of h_{t-1} U + b'

    def step_back(self, t, later):
        units, kernel = self.units, self.params["recurrent_kernel"]
        update, reset, _ = (part[t] for part in self.parts)
        to_update, to_reset, to_candidate = (slope[t] for slope in self.slopes)
        dh = later[0]
        to_update *= dh
        to_candidate *= dh
        if self.reset_after:
            to_reset *= to_candidate
            self.d_product[t] = self.dz[t]
            self.d_product[t, :, 2 * units :] *= reset
            back = self.d_product[t] @ kernel.T
        else:
            to_inner = to_candidate @ kernel[:, 2 * units :].T
            to_reset *= to_inner
            back = self.dz[t, :, : 2 * units] @ kernel[:, : 2 * units].T + to_inner * reset
        later[0] = dh * update + self.dropped(back)
        return later

    def recurrent_gradient(self, flat):
        heard, gates = self.heard(), 2 * self.units
        if self.reset_after:
            return heard.T @ self.d_product.reshape(flat.shape)
        reset_heard = self.parts[1].reshape(heard.shape) * heard
        products = [heard.T @ flat[:, :gates], reset_heard.T @ flat[:, gates:]]
        return np.concatenate(products, axis=1)

    def finish(self, input_gradient):
        dx = super().finish(input_gradient)
        if self.reset_after:
            inner_bias = self.d_product.sum(axis=(0, 1))
            self.grads["bias"] = np.stack([self.grads["bias"], inner_bias])
        return dx
