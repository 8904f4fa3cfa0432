"""The loss demo: move a prediction, see each loss and its gradient."""

import numpy as np
import traitlets

from twice.scratch.hinge import Hinge, MulticlassHinge, SquaredHinge
from twice.scratch.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Huber,
    MeanAbsoluteError,
    one_hot,
    softmax,
)
from twice.scratch.perceptron import MeanSquaredError, sigmoid

from .base import Demo, Numbers

CLASSES = ("cat", "dog", "owl", "bee", "fox")
LOW, HIGH = 0.0, 12.0  # of targets and predictions
LOGIT_LIMIT, SCORE_LIMIT = 6.0, 5.0  # of the score for two classes, of a class's score
REGRESSION = {"mse": MeanSquaredError, "mae": MeanAbsoluteError, "huber": Huber}
TWO_CLASSES = {
    "zero_one": None,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "cross_entropy": lambda: BinaryCrossentropy(from_logits=True),
    "squared_error": MeanSquaredError,
}
NAMES = {"mse": "MSE", "mae": "MAE", "huber": "Huber", "zero_one": "0-1"}
NAMES |= {name: name.replace("_", " ") for name in TWO_CLASSES if name != "zero_one"}
NAMES["cross_entropy"] = "cross-entropy"
STYLES = ("-", "--", ":", "-", "-.")
ORANGE, GREEN, PINK = "#9c6200", "#007a58", "#a8487f"


class LossDemo(Demo):
    """Move a prediction and see what each loss makes of it, and the gradient of each.

    `LossDemo("regression")`, `LossDemo("two_classes")` or `LossDemo("softmax")` opens that tab.
    Every trait can be set and read; `losses` has the numbers of the open tab, computed with
    `twice.scratch`. Conventions are Keras's: MSE without the 1/2, Huber with it, natural
    logarithms, labels 0 and 1.
    """

    script = "loss.js"
    figure_size = (7.2, 4.2)

    goal = traitlets.Unicode(
        "In Softmax, at temperature 1 and smoothing 0: make the hinge loss exactly 0 "
        "while the cross-entropy stays above 0.8.",
        read_only=True,
    ).tag(sync=True)
    kind = traitlets.Enum(
        ["regression", "two_classes", "softmax"], "regression", help="The open tab."
    ).tag(sync=True)
    targets = Numbers(
        (None,), default_value=[1.0, 1.5, 2.0, 3.0, 9.5], help="1 to 9 targets, each 0 to 12."
    ).tag(sync=True)
    prediction = traitlets.Float(6.0, min=LOW, max=HIGH, help="0 to 12.").tag(sync=True)
    delta = traitlets.Float(1.0, min=0.1, max=5, help="Huber's delta, 0.1 to 5.").tag(sync=True)
    score = traitlets.Float(
        -1.5, min=-LOGIT_LIMIT, max=LOGIT_LIMIT, help="The logit for two classes, -6 to 6."
    ).tag(sync=True)
    label = traitlets.Int(1, min=0, max=1, help="The true class of two, 0 or 1.").tag(sync=True)
    scores = Numbers(
        (None,), default_value=[-1.0, 2.5, 1.0, 0.0], help="3 to 5 logits, each -5 to 5."
    ).tag(sync=True)
    true_class = traitlets.Int(0, min=0, help="Index of the true class in `scores`.").tag(sync=True)
    temperature = traitlets.Float(1.0, min=0.1, max=10, help="0.1 to 10.").tag(sync=True)
    label_smoothing = traitlets.Float(0.0, min=0, max=0.5, help="0 to 0.5.").tag(sync=True)
    loss = traitlets.Enum(
        ["cross_entropy", "hinge"], "cross_entropy", help="The loss that Step goes down."
    ).tag(sync=True)
    learning_rate = traitlets.Float(1.0, min=0.1, max=2, help="Of Step, 0.1 to 2.").tag(sync=True)

    def __init__(self, kind="regression", **traits):
        super().__init__(kind=kind, **traits)

    @traitlets.validate("targets")
    def _on_the_line(self, proposal):
        value = proposal["value"]
        if not 1 <= len(value) <= 9 or not all(LOW <= v <= HIGH for v in value):
            raise traitlets.TraitError(
                f"targets must be 1 to 9 numbers between {LOW:g} and {HIGH:g}, not {value}"
            )
        return value

    @traitlets.validate("scores", "true_class")
    def _fit_together(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "scores" and (
            not 3 <= len(value) <= len(CLASSES) or not all(abs(v) <= SCORE_LIMIT for v in value)
        ):
            raise traitlets.TraitError(
                f"scores must be 3 to 5 numbers within {SCORE_LIMIT:g} of 0, not {value}"
            )
        scores, true_class = (value, self.true_class) if name == "scores" else (self.scores, value)
        if true_class >= len(scores):
            raise traitlets.TraitError(
                f"true_class must be below the number of scores, {len(scores)}, not {true_class}"
            )
        return value

    @property
    def losses(self):
        """The open tab's losses: name -> (loss, slope), the slopes by the score (or the scores)."""
        if self.kind == "regression":
            return {name: self._over(name, self.prediction) for name in REGRESSION}
        if self.kind == "two_classes":
            return {name: _at_score(name, self.score, self.label) for name in TWO_CLASSES}
        true = one_hot([self.true_class], len(self.scores), float)
        scores = np.array([self.scores])
        entropy = CategoricalCrossentropy(from_logits=True, label_smoothing=self.label_smoothing)
        loss = entropy.forward(true, scores / self.temperature)
        hinge = MulticlassHinge()
        return {
            "cross_entropy": (loss, entropy.backward()[0] / self.temperature),
            "hinge": (hinge.forward(true, scores), hinge.backward()[0]),
        }

    def _over(self, name, prediction):
        loss = Huber(self.delta) if name == "huber" else REGRESSION[name]()
        targets = np.array(self.targets)
        value = loss.forward(targets, np.full_like(targets, prediction))
        return value, float(loss.backward().sum())

    def summary(self):
        numbers = ", ".join(f"{NAMES[name]} {loss:.3f}" for name, (loss, _) in self.losses.items())
        if self.kind == "regression":
            where = f"{len(self.targets)} targets, prediction {self.prediction:.2f}"
        elif self.kind == "two_classes":
            where = f"score {self.score:.2f}, class {self.label}"
        else:
            where = f"{len(self.scores)} scores, true class {CLASSES[self.true_class]}"
        return f"LossDemo({self.kind!r}): {where}: {numbers}"

    def draw(self, figure):
        from twice import plots

        colors = dict(zip(REGRESSION, (plots.NUMPY, ORANGE, GREEN), strict=True))
        colors |= dict(
            zip(TWO_CLASSES, (plots.GREY, ORANGE, PINK, plots.NUMPY, GREEN), strict=True)
        )
        if self.kind == "softmax":
            return self._draw_scores(figure, plots)
        ax = figure.subplots()
        if self.kind == "regression":
            place, x = self.prediction, np.linspace(LOW, HIGH, 241)
            values = {name: [self._over(name, v)[0] for v in x] for name in REGRESSION}
            ax.plot(self.targets, np.zeros(len(self.targets)), "o", color=plots.INK, clip_on=False)
            ax.set(xlabel="prediction (dots: targets)", ylabel="mean loss")
            ax.set_ylim(0, 2.2 * max(min(values["mse"]), 4))
        else:
            place = (1 if self.label else -1) * self.score
            x = np.linspace(-LOGIT_LIMIT, LOGIT_LIMIT, 481)
            values = {name: [_at_score(name, m, 1)[0] for m in x] for name in TWO_CLASSES}
            ax.set(xlabel="margin y s", ylabel="loss", ylim=(0, LOGIT_LIMIT))
        for (name, (loss, slope)), style in zip(self.losses.items(), STYLES, strict=False):
            label = f"{NAMES[name]}: {loss:.2f}, slope {slope:+.2f}".replace("-0.00", "0.00")
            ax.plot(x, values[name], style, color=colors[name], label=label)
            ax.plot(place, loss, "o", color=colors[name], markersize=7)
        ax.axvline(place, color=plots.INK, linewidth=1, linestyle="--")
        ax.legend(loc="upper right")

    def _draw_scores(self, figure, plots):
        names = CLASSES[: len(self.scores)]
        colors = [GREEN if i == self.true_class else plots.GREY for i in range(len(names))]
        top, low = figure.subplots(2, 1, sharex=True, height_ratios=(1.4, 1))
        top.bar(names, self.scores, 0.5, color=colors)
        top.axhline(0, color=plots.INK, linewidth=1)
        for i, slope in enumerate(self.losses[self.loss][1]):
            start = (i + 0.33, self.scores[i])
            end = (i + 0.33, self.scores[i] - self.learning_rate * slope)
            top.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": plots.INK})
        top.set(ylabel="score", ylim=(-SCORE_LIMIT - 0.5, SCORE_LIMIT + 0.5))
        shares = softmax(np.array(self.scores), self.temperature)
        low.bar(names, shares, 0.5, color=colors)
        for i, p in enumerate(shares):
            low.text(i, p + 0.02, f"{p:.3f}", ha="center")
        low.set(ylabel="probability", ylim=(0, 1.2))
        text = ", ".join(f"{NAMES[name]} {loss:.3f}" for name, (loss, _) in self.losses.items())
        top.set_title(f"{text} (true class: {names[self.true_class]})")


def _at_score(name, score, label):
    """The loss at one score and its derivative; a score of exactly 0 counts as class 0."""
    y = np.array([1.0 if label else -1.0])
    s = np.array([float(score)])
    if name == "zero_one":
        return float((score > 0) != (label > 0)), 0.0
    if name == "squared_error":  # of the probability, and back through the sigmoid
        loss, p = MeanSquaredError(), sigmoid(s)
        value = loss.forward((y + 1) / 2, p)
        return value, float((loss.backward() * p * (1 - p))[0])
    loss = TWO_CLASSES[name]()
    value = loss.forward((y + 1) / 2 if name == "cross_entropy" else y, s)
    return value, float(loss.backward()[0])
