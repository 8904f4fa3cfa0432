"""The memory demo: how much of the gradient at the last step reaches each earlier step."""

import math

import numpy as np
import traitlets

from twice.scratch.gated import GRU, LSTM
from twice.scratch.recurrent import SimpleRNN

from .base import Demo, SeededGenerator, finite

UNITS, INPUTS, LONGEST = 16, 8, 100
CELLS = {"rnn": "plain RNN", "lstm": "LSTM", "gru": "GRU"}
ACTIVATIONS = ("tanh", "relu", "linear")
MATRICES = ("random", "triangular", "orthogonal", "identity")
GOAL_FACTOR = 10


def recurrent_matrix(normals, kind):
    """Turn square normal numbers into a matrix of spectral radius 1 of this kind.

    random: the numbers themselves; triangular: nothing below the diagonal, so that the
    eigenvalues stand on it and the matrix is far from normal; orthogonal: Q of their QR
    decomposition, R's diagonal positive (Saxe et al., 2014); identity (Le et al., 2015).
    """
    n = len(normals)
    if kind == "random":
        return normals / np.abs(np.linalg.eigvals(normals)).max()
    if kind == "triangular":
        diagonal = np.diag(normals)
        return np.triu(normals, 1) * 1.5 / math.sqrt(n) + np.diag(diagonal / abs(diagonal).max())
    if kind == "orthogonal":
        q, r = np.linalg.qr(normals)
        return q * np.where(np.diag(r) < 0, -1.0, 1.0)
    if kind == "identity":
        return np.eye(n)
    raise ValueError(f"expected one of {', '.join(MATRICES)} as kind, got {kind!r}")


def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


class Memory(Demo):
    """A recurrent cell unrolled over 2 to 100 steps, and the gradient that reaches each of them.

    `Memory("lstm", forget_bias=5)`. Every trait can be set and read. The loss is v . h_T, v of
    length 1, so that the gradient at the last step has norm 1. The cells are Keras's
    h_t = f(x_t W + h_{t-1} U), LSTM and GRU (reset_after=True), of 16 units; U is of kind `matrix`
    and scaled to spectral radius `radius` (of a gated cell, every gate has its own). All starts at
    zero; biases are 0 but for the forget gate's and the update gate's. `run` holds the numbers,
    computed with the layers of `twice.scratch` from the same seeded stream as in the page.
    """

    script = "memory.js"
    figure_size = (10.0, 3.6)

    goal = traitlets.Unicode(
        "Keep the gradient within a factor of 10 over 100 steps: its largest norm at most 10 times "
        "its smallest. There is more than one way: begin with the activation and U.",
        read_only=True,
    ).tag(sync=True)
    cell = traitlets.Enum(list(CELLS), "rnn", help="rnn (the plain cell), lstm, gru.").tag(
        sync=True
    )
    activation = traitlets.Enum(list(ACTIVATIONS), "tanh", help="Of the plain cell.").tag(sync=True)
    matrix = traitlets.Enum(list(MATRICES), "random", help="The kind of U.").tag(sync=True)
    radius = traitlets.Float(0.9, min=0.5, max=1.5, help="Spectral radius of U.").tag(sync=True)
    forget_bias = traitlets.Float(1.0, min=-2, max=8, help="LSTM's, -2 to 8.").tag(sync=True)
    update_bias = traitlets.Float(0.0, min=-2, max=8, help="GRU's, -2 to 8.").tag(sync=True)
    strength = traitlets.Float(0.5, min=0.01, max=2.5, help="Multiplies inputs.").tag(sync=True)
    steps = traitlets.Int(100, min=2, max=LONGEST, help="T, 2 to 100.").tag(sync=True)
    step = traitlets.Int(50, min=0, max=LONGEST, help="The step looked at.").tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of inputs and matrices.").tag(sync=True)
    ways = traitlets.List(traitlets.Unicode(), help="The ways found to meet the goal.").tag(
        sync=True
    )

    def __init__(self, cell="rnn", **traits):
        super().__init__(cell=cell, **traits)

    _finite = traitlets.validate("radius", "forget_bias", "update_bias", "strength")(finite)

    @property
    def weights(self):
        """What the cell is made of, drawn from `seed`.

        inputs (T, 8), a normal number plus 0.5, times `strength`; readout v (16,); kernel W (8, 16)
        and recurrent_kernel U (16, 16), blocks beside each other in Keras's order: i, f, c, o for
        the LSTM, z, r, h for the GRU; bias: (16,), (64,), and (2, 48) for the GRU.
        """
        rng = SeededGenerator(self.seed)
        x = self.strength * (0.5 + rng.normal(size=(LONGEST, INPUTS)))[: self.steps]
        v = rng.normal(size=(UNITS,))
        kernels = [rng.normal(size=(INPUTS, UNITS)) / math.sqrt(INPUTS) for _ in range(4)]
        squares = [rng.normal(size=(UNITS, UNITS)) for _ in range(4)]
        # Number 0 is the candidate's, so that a plain cell and the candidate of a gate are one.
        order = {"rnn": [0], "lstm": [1, 2, 0, 3], "gru": [1, 2, 0]}[self.cell]
        bias = np.zeros((2, 3 * UNITS) if self.cell == "gru" else len(order) * UNITS)
        if self.cell == "lstm":
            bias[UNITS : 2 * UNITS] = self.forget_bias
        elif self.cell == "gru":
            bias[0, :UNITS] = self.update_bias
        return {
            "inputs": x,
            "readout": v / np.linalg.norm(v),
            "kernel": np.concatenate([kernels[k] for k in order], axis=1),
            "recurrent_kernel": self.radius
            * np.concatenate([recurrent_matrix(squares[k], self.matrix) for k in order], axis=1),
            "bias": bias,
        }

    @property
    def eigenvalues(self):
        """The 16 eigenvalues of U (of a gated cell: of its candidate's), complex."""
        w = self.weights["recurrent_kernel"]
        block = {"rnn": 0, "lstm": 2, "gru": 2}[self.cell] * UNITS
        return np.linalg.eigvals(w[:, block : block + UNITS])

    @property
    def layer(self):
        """The layer of `twice.scratch` with these weights, in float64: SimpleRNN, LSTM or GRU."""
        settings = {"rng": np.random.default_rng(0), "dtype": np.float64}
        if self.cell == "rnn":
            layer = SimpleRNN(INPUTS, UNITS, activation=self.activation, **settings)
        else:
            layer = {"lstm": LSTM, "gru": GRU}[self.cell](INPUTS, UNITS, **settings)
        layer.params.update({name: self.weights[name] for name in layer.params})
        return layer

    @property
    def run(self):
        """By step, 0 to T: `gradient`, `hidden_gradient`, `state`; by step, 1 to T: `open`.

        gradient: the norm of dL/dh_t, of dL/dc_t for the LSTM; hidden_gradient: that of dL/dh_t;
        state: the norm of h_t, or of c_t; open: the mean over units of what multiplies the memory
        on its way: the slope f', the forget gate or the update gate.
        """
        weights, layer = self.weights, self.layer
        layer.forward(weights["inputs"][None])
        later = np.zeros((layer.states, 1, UNITS))  # dL/dh_t, and dL/dc_t but for the way by h_t
        later[0] = weights["readout"]
        layer.begin_back()
        if self.cell == "rnn":
            gates = layer.slope(layer.z, layer.f(layer.z))
        else:
            gates = layer.forget if self.cell == "lstm" else layer.z[:, :, :UNITS].copy()
        hidden, memory = [], []
        for t in range(self.steps, -1, -1):
            hidden.append(later[0].copy())
            memory.append(later[-1].copy())
            if t and self.cell == "lstm":
                memory[-1] += later[0] * layer.h_to_c[t - 1]
            if t:
                later = layer.step_back(t - 1, later)
        return {
            "gradient": np.linalg.norm(memory[::-1], axis=(1, 2)),
            "hidden_gradient": np.linalg.norm(hidden[::-1], axis=(1, 2)),
            "state": np.linalg.norm(layer.s[-1], axis=(1, 2)),
            "open": np.mean(gates, axis=(1, 2)),
        }

    @property
    def factor(self):
        """The largest norm of the gradient over the steps 0 to T, divided by the smallest."""
        gradient = self.run["gradient"]
        low, high = gradient.min(), gradient.max()
        return float(high / low) if low > 0 and np.isfinite(high) else math.inf

    @property
    def rate(self):
        """The rule of thumb's factor per step: the radius, or the gate's sigmoid(bias)."""
        bias = {"lstm": self.forget_bias, "gru": self.update_bias}
        return self.radius if self.cell == "rnn" else float(sigmoid(bias[self.cell]))

    def summary(self):
        gradient = self.run["gradient"]
        told = {
            "rnn": f"activation={self.activation!r}, ",
            "lstm": f"forget_bias={self.forget_bias:.4g}, ",
            "gru": f"update_bias={self.update_bias:.4g}, ",
        }[self.cell]
        share = gradient[1] / gradient[-1] if gradient[-1] > 0 else math.nan
        return (
            f"Memory({self.cell!r}, {told}matrix={self.matrix!r}, radius={self.radius:.4g}, "
            f"steps={self.steps}): of the gradient at step {self.steps}, {share:.2g} "
            f"reaches step 1; largest / smallest = {self.factor:.2g}"
        )

    def draw(self, figure):
        from twice import plots

        run, t = self.run, np.arange(self.steps + 1)
        curve, plane = figure.subplots(1, 2, width_ratios=(2, 1))
        tiny = 1e-300
        relative = run["gradient"] / max(run["gradient"][-1], tiny)
        state = "c" if self.cell == "lstm" else "h"
        label = f"gradient of {state}, divided by that of step {self.steps}"
        curve.semilogy(t, np.maximum(relative, tiny), color=plots.NUMPY, label=label)
        base = "radius" if self.cell == "rnn" else "gate"
        curve.semilogy(t, self.rate ** (self.steps - t), "--", color=plots.GREY, label=f"{base}^k")
        low = max(relative.min() / 10, 1e-40)
        curve.set(xlabel="step t", ylabel="size (log scale)", ylim=(low, None))
        curve.set_title(f"{CELLS[self.cell]}, {self.steps} steps")
        curve.grid(color="#e3e5e8")
        curve.legend(loc="best", fontsize=9)
        angle = np.linspace(0, 2 * np.pi, 200)
        plane.plot(np.cos(angle), np.sin(angle), color=plots.GREY, linewidth=1)
        values = self.eigenvalues
        plane.plot(values.real, values.imag, "o", color=plots.NUMPY, markersize=5)
        plane.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), xlabel="real part", ylabel="imaginary part")
        plane.set_aspect("equal")
        plane.set_title("eigenvalues of U")
