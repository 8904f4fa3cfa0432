"""The perceptron demo: the rule, one look at a time, on points that the reader moves."""

import math
import string

import numpy as np
import traitlets

from twice.scratch.perceptron import max_margin

from .base import Demo, Numbers, Seeded

LOW, HIGH = -2.0, 2.0  # both axes
MOST_POINTS = 20
ALPHABET = string.ascii_uppercase
PRESETS = ("and", "or", "xor", "separable", "inseparable", "random")
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "xor": [0, 1, 1, 0]}
ZERO = {"kernel": [0.0, 0.0], "bias": 0.0, "updates": 0, "looks": 0, "edited": False}


class PerceptronDemo(Demo):
    """Step the perceptron rule on points in the plane, and count its updates against the bound.

    `PerceptronDemo(preset="and", seed=0)`; set `preset` or `seed` and the points, labels and order
    follow. For points of your own: `demo.set_points(points, labels)`. Every trait can be read.
    """

    script = "perceptron.js"
    figure_size = (5.2, 4.8)
    built = False  # from then on a new preset brings its own points

    goal = traitlets.Unicode(
        "Find an order of the points that needs more than 10 updates.", read_only=True
    ).tag(sync=True)
    preset = traitlets.Enum(PRESETS, "and", help="The set of points.").tag(sync=True)
    seed = traitlets.Int(0, min=0, help="For the generated presets and Shuffle.").tag(sync=True)
    points = Numbers((None, 2), help="(x1, x2) of each point, within -2 and 2.").tag(sync=True)
    labels = Numbers((None,), integer=True, help="0 or 1 for each point.").tag(sync=True)
    letters = traitlets.Unicode(help="The name of each point.").tag(sync=True)
    order = Numbers((None,), integer=True, help="Indices, as they are visited.").tag(sync=True)
    learning_rate = traitlets.Float(1.0, help="eta, above 0 and up to 2.").tag(sync=True)
    kernel = Numbers((2,), default_value=[0.0, 0.0], help="The weights w.").tag(sync=True)
    bias = traitlets.Float(0.0, help="The bias b.").tag(sync=True)
    updates = traitlets.Int(0, min=0, help="Mistakes corrected so far.").tag(sync=True)
    looks = traitlets.Int(0, min=0, help="Points looked at so far.").tag(sync=True)
    edited = traitlets.Bool(
        False, help="Whether points, labels or the rate changed since the weights were zero."
    ).tag(sync=True)
    speed = traitlets.Float(3.0, min=1, max=20, help="Looks per second of Run.").tag(sync=True)

    def __init__(self, preset="and", *, seed=0, **traits):
        start = preset_points(preset, seed) if preset in PRESETS else ([], [])
        traits.setdefault("points", start[0])
        traits.setdefault("labels", start[1])
        traits.setdefault("letters", ALPHABET[: len(traits["points"])])
        traits.setdefault("order", range(len(traits["points"])))
        super().__init__(preset=preset, seed=seed, **traits)
        self.built = True

    def set_points(self, points, labels, order=None):
        """Put other points in, with their labels and their order; the weights go to zero."""
        with self.hold_trait_notifications():
            self.points, self.labels = points, labels
            self.letters = ALPHABET[: len(self.points)]
            self.order = range(len(self.points)) if order is None else order
            for name, value in ZERO.items():
                setattr(self, name, value)

    @traitlets.observe("preset", "seed")
    def _load(self, change):
        if self.built and not self.from_page:
            self.set_points(*preset_points(self.preset, self.seed))
            self.goal_met = False

    @traitlets.validate("points", "labels", "order")
    def _fit_together(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        sizes = len(self.points), len(value)
        if name == "points" and not 2 <= len(value) <= MOST_POINTS:
            raise traitlets.TraitError(f"points must hold 2 to {MOST_POINTS} pairs, not {sizes[1]}")
        if name == "points" and not all(LOW <= v <= HIGH for pair in value for v in pair):
            raise traitlets.TraitError(f"points must lie between {LOW:g} and {HIGH:g}: {value}")
        if name == "points" and len(self.labels) not in (0, sizes[1]):
            raise traitlets.TraitError(
                f"there are {len(self.labels)} labels and now {sizes[1]} points: "
                "use set_points(points, labels) to change both"
            )
        if name == "labels" and (sizes[0] != sizes[1] or not set(value) <= {0, 1}):
            raise traitlets.TraitError(f"labels must be {sizes[0]} numbers 0 or 1, not {value}")
        if name == "order" and sorted(value) != list(range(sizes[0])):
            raise traitlets.TraitError(
                f"order must hold each of 0 to {sizes[0] - 1} once, but it is {value}"
            )
        return value

    @traitlets.validate("letters")
    def _one_each(self, proposal):
        value, wanted = proposal["value"], len(self.points)
        if len(value) != wanted or len(set(value)) != wanted or not set(value) <= set(ALPHABET):
            raise traitlets.TraitError(
                f"letters must be {wanted} different letters from A to Z, not {value!r}"
            )
        return value

    @traitlets.validate("learning_rate")
    def _positive(self, proposal):
        if not 0 < proposal["value"] <= 2:
            raise traitlets.TraitError(
                f"learning_rate must be above 0 and at most 2, not {proposal['value']}"
            )
        return proposal["value"]

    def summary(self):
        w1, w2 = self.kernel
        return (
            f"PerceptronDemo({self.preset!r}, seed={self.seed}): {len(self.points)} points, "
            f"{self.updates} update{'' if self.updates == 1 else 's'}, "
            f"w = ({w1:.2f}, {w2:.2f}), b = {self.bias:.2f}"
        )

    def draw(self, figure):
        from twice import plots

        x, y = np.array(self.points), np.array(self.labels)
        ax = figure.subplots()
        plots.classes(ax, x, y, size=120)
        limits = (-1, HIGH) if self.preset in GATES and (x >= -1).all() else (LOW, HIGH)
        plots.boundary(ax, self.kernel, self.bias, limits=(limits, limits), normal=True)
        ax.set(xlim=limits, ylim=limits, aspect="equal", axisbelow=True)
        ax.grid(color="#e3e5e8")
        bound = max_margin(x, y).bound
        allowed = (
            f"of at most {math.floor(bound)}" if math.isfinite(bound) else "(no line, no bound)"
        )
        ax.set_title(f"Perceptron rule: {self.updates} updates {allowed}")
        ax.legend(loc="upper left")


def preset_points(preset, seed):
    """The points and labels of a preset, the same numbers as `presetPoints` in perceptron.js."""
    if preset in GATES:
        return [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], GATES[preset]
    random = Seeded(seed)
    while True:
        angle, offset = 2 * math.pi * random.next(), 0.8 * random.next() - 0.4
        points, labels = [], []
        while len(points) < (7 if preset == "random" else 10):
            p = [_round(3.4 * random.next() - 1.7), _round(3.4 * random.next() - 1.7)]
            side = p[0] * math.cos(angle) + p[1] * math.sin(angle) + offset
            label = math.floor(2 * random.next()) if preset == "random" else len(points) % 2
            near_line = preset != "random" and (2 * label - 1) * side < 0.22
            if _far(p, points, 0.5) and not near_line:
                points.append(p)
                labels.append(label)
        if preset == "random" and len(set(labels)) < 2:
            continue
        if preset != "inseparable":
            return points, labels
        zeros = [p for p, label in zip(points, labels, strict=True) if label == 0]
        middle = [_round(sum(p[k] for p in zeros) / len(zeros)) for k in (0, 1)]
        if _far(middle, points, 0.4):  # class 1 amid class 0: no line can part them
            return [*points, middle], [*labels, 1]


def _round(value):
    return math.floor(value * 100 + 0.5) / 100


def _far(p, others, gap):
    return all(math.hypot(p[0] - q[0], p[1] - q[1]) >= gap for q in others)
