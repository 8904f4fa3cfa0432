"""The activations demo: a function and its slope, and a signal sent through fifty layers of it."""

import math

import numpy as np
import traitlets

from twice.scratch import activations, initializers

from .base import Demo, SeededGenerator, finite

WIDTH, BATCH, DEEPEST = 100, 8, 50
SLOPE = "#9C3F74"  # slopes and gradients, as in the page
INITIALIZERS = (
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "orthogonal",
    "random_normal",
)


ACTIVATIONS = (
    "linear",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "hard_tanh",
    "hard_silu",
    "relu6",
)


class ActivationsDemo(Demo):
    """An activation function with its slope, and the spread of a signal through 1 to 50 layers.

    `ActivationsDemo(activation="relu", initializer="he_normal")`. Every trait can be set and read.
    The network has 8 inputs of 100 standard normal numbers and square layers z = a W, a = f(z),
    no bias; W is the initializer's times `scale`. `run` holds the numbers of every layer, computed
    with NumPy from the same seeded stream as in the page.
    """

    script = "activations.js"
    figure_size = (10.0, 3.4)

    goal = traitlets.Unicode(
        "Scale Glorot’s weights so that 50 tanh layers keep their variance: the standard deviation "
        "of layer 50 within 10 % of layer 10’s, and less than 5 % of layer 50 saturated "
        "(slope below 0.05).",
        read_only=True,
    ).tag(sync=True)
    activation = traitlets.Enum(list(ACTIVATIONS), "tanh", help="Keras's name.").tag(sync=True)
    compare = traitlets.Enum(["none", *ACTIVATIONS], "none", help="A second one.").tag(sync=True)
    negative_slope = traitlets.Float(
        0.2, min=0, max=1, help="Slope below 0 of leaky_relu and prelu, 0 to 1."
    ).tag(sync=True)
    alpha = traitlets.Float(1.0, min=0.1, max=2, help="elu's alpha, 0.1 to 2.").tag(sync=True)
    z = traitlets.Float(0.8, min=-6, max=6, help="The point on the curve.").tag(sync=True)
    initializer = traitlets.Enum(
        list(INITIALIZERS), "glorot_normal", help="How the weights are drawn."
    ).tag(sync=True)
    scale = traitlets.Float(1.0, min=0.1, max=4, help="Multiplies the weights.").tag(sync=True)
    depth = traitlets.Int(50, min=1, max=DEEPEST, help="Layers, 1 to 50.").tag(sync=True)
    layer = traitlets.Int(50, min=1, max=DEEPEST, help="The layer looked at.").tag(sync=True)
    show_gradient = traitlets.Bool(True, help="Show the gradient's size.").tag(sync=True)
    show_theory = traitlets.Bool(False, help="Show infinitely wide layers.").tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of the inputs and the weights.").tag(sync=True)

    def __init__(self, activation="tanh", **traits):
        super().__init__(activation=activation, **traits)

    _finite = traitlets.validate("negative_slope", "alpha", "z", "scale")(finite)

    @property
    def function(self):
        """The chosen function, from `twice.scratch.activations`."""
        if self.activation in ("leaky_relu", "prelu"):
            return activations.leaky_relu(self.negative_slope)
        if self.activation == "elu":
            return activations.elu(self.alpha)
        return activations.ACTIVATIONS[self.activation]

    @property
    def run(self):
        """By layer, from 1: `activations` (depth, 8, 100), `std`, `saturated`, `gradient`.

        std: of all activations of a layer; saturated: the share with |f'(z)| < 0.05; gradient: the
        root mean square of dL/da, where standard normal numbers arrive at the last layer.
        """
        rng = SeededGenerator(self.seed)
        a, gradient = (rng.normal(size=(BATCH, WIDTH)) for _ in range(2))
        draw = getattr(initializers, self.initializer)
        weights = [self.scale * draw((WIDTH, WIDTH), rng) for _ in range(self.depth)]
        outputs, slopes, sizes = [], [], []
        for w in weights:
            z = a @ w
            a = self.function(z)
            outputs.append(a)
            slopes.append(self.function.derivative(z, a))
        for w, slope in zip(reversed(weights), reversed(slopes), strict=True):
            sizes.append(math.sqrt(np.mean(gradient**2)))
            gradient = gradient * slope @ w.T
        outputs = np.array(outputs)
        flat = np.abs(slopes) < 0.05
        return {
            "activations": outputs,
            "std": outputs.std(axis=(1, 2)),
            "saturated": flat.mean(axis=(1, 2)),
            "gradient": np.array(sizes[::-1]),
        }

    def summary(self):
        run = self.run
        return (
            f"ActivationsDemo({self.activation!r}, initializer={self.initializer!r}, "
            f"scale={self.scale:.4g}, depth={self.depth}): standard deviation "
            f"{run['std'][0]:.3g} in layer 1, {run['std'][-1]:.3g} in layer {self.depth}, "
            f"{run['saturated'][-1]:.0%} of it flat"
        )

    def draw(self, figure):
        from matplotlib.colors import LinearSegmentedColormap

        from twice import plots

        run, layers = self.run, np.arange(1, self.depth + 1)
        curve, heat, sizes = figure.subplots(1, 3)
        z = np.linspace(-6, 6, 481)
        slope = self.function.slope(z)
        curve.plot(z, self.function(z), color=plots.NUMPY, label=self.activation)
        curve.plot(z, slope, "--", color=SLOPE, label="its slope")
        low, high = curve.get_ylim()
        curve.fill_between(
            z, low, high, where=np.abs(slope) < 0.05, color=plots.GREY, alpha=0.18, linewidth=0
        )
        curve.set(xlabel="z", ylabel="f(z) and its slope", xlim=(-6, 6), ylim=(low, high))
        curve.set_title(self.activation)
        curve.legend(loc="best", fontsize=9)
        low, high = np.quantile(run["activations"][0], (0.001, 0.999))
        rows = [np.histogram(a.clip(low, high), 57, (low, high))[0] for a in run["activations"]]
        colors = LinearSegmentedColormap.from_list("density", ("white", plots.NUMPY))
        heat.imshow(
            np.sqrt(np.transpose(rows)),
            cmap=colors,
            aspect="auto",
            origin="lower",
            interpolation="nearest",
            extent=(0.5, self.depth + 0.5, low, high),
            vmax=math.sqrt(BATCH * WIDTH / 8),
        )
        heat.set(xlabel="layer", ylabel="activations")
        heat.set_title(f"{self.initializer} times {self.scale:.4g}")
        sizes.semilogy(layers, run["std"], color=plots.NUMPY, label="standard deviation")
        if self.show_gradient:
            sizes.semilogy(layers, run["gradient"], "--", color=SLOPE, label="gradient")
        low, high = sizes.get_ylim()
        sizes.set(xlabel="layer", ylabel="size (log scale)", ylim=(min(low, 0.01), max(high, 10)))
        sizes.grid(color="#e3e5e8")
        sizes.legend(loc="best", fontsize=9)
