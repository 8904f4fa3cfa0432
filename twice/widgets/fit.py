"""The fit demo: a polynomial through noisy points, with a penalty on its weights."""

import math

import numpy as np
import traitlets

from twice.scratch.shrinkage import center, powers, ridge

from .base import Demo, Numbers, Seeded, finite

MOST = 15  # the highest degree
LOW, HIGH = -2.0, 2.0  # of y; x is -1 to 1
VALIDATION = 20  # validation points
NAMES = {"none": "no penalty", "l2": "L2", "l1": "L1", "elastic": "elastic net"}
GREEN, WINE, ORANGE = "#007a58", "#882255", "#9c6200"


def truth(x):
    """The curve behind the points."""
    return np.sin(np.pi * x)


def draw_data(seed, count, noise):
    """The training and the validation points, arrays (count, 2) and (20, 2), as the page draws."""

    def draw(n, stream):
        points = []
        for i in range(n):
            x = -1 + 2 * (i + stream.next()) / n
            y = min(HIGH, max(LOW, math.sin(math.pi * x) + noise * stream.normal()))
            points.append([math.floor(1e4 * v + 0.5) / 1e4 for v in (x, y)])
        return np.array(points)

    return draw(count, Seeded(2 * seed)), draw(VALIDATION, Seeded(2 * seed + 1))


def fit(x, y, degree, l1=0.0, l2=0.0):
    """[bias, w1, ..., w_degree] where mean squared error + l1 sum |w| + l2 sum w^2 is lowest.

    The w belong to x, x^2, ..., x^degree; the bias is not penalized. Without l1 this is
    `ridge`; with it an active set that grows and shrinks until no weight can lower the loss, quick
    where coordinate descent takes thousands of sweeps. What L1 leaves out is exactly 0.
    """
    X = powers(x, degree)
    if degree and not l1:
        w, bias = ridge(X, y, l2)
        return np.array([bias, *w])
    centered, rest, means, mean = center(X, y)
    w = np.zeros(degree)
    if degree:
        chosen, signs = [], np.zeros(degree)
        for _ in range(400):
            share = 1.0
            if chosen:
                goal = _settle(centered[:, chosen], rest, l1 * signs[chosen], l2 + 1e-16)
                now = w[chosen]
                wrong = goal * signs[chosen] <= 0
                shares = np.where(wrong, now / np.where(wrong, now - goal, 1), 1)
                share = shares.min()
                w[chosen] = np.where(wrong & (shares <= share), 0, now + share * (goal - now))
                chosen = [
                    j for j, out in zip(chosen, wrong & (shares <= share), strict=True) if not out
                ]
            if share < 1:
                continue
            pull = centered.T @ (rest - centered @ w) / len(x)
            outside = np.where(w == 0, np.abs(pull), 0)
            best = int(outside.argmax())
            if outside[best] <= 0.5 * l1 * (1 + 1e-7) + 1e-14:
                break
            chosen.append(best)
            signs[best] = np.sign(pull[best])
    return np.array([mean - means @ w, *w])


def _settle(columns, rest, pull, l2):
    """The weights of the chosen columns where the loss is lowest if they keep their signs."""
    n, k = columns.shape
    q, r = np.linalg.qr(np.vstack([columns, math.sqrt(n * l2) * np.eye(k)]))
    side = q.T @ np.concatenate([rest, np.zeros(k)])
    return np.linalg.solve(r, side - np.linalg.solve(r.T, 0.5 * n * pull))


class _Pairs(Numbers):
    """Pairs of numbers, or none at all."""

    def validate(self, demo, value):
        if isinstance(value, list | tuple | np.ndarray) and len(value) == 0:
            return []
        return super().validate(demo, value)


class Fit(Demo):
    """Drag noisy points and watch a polynomial follow them, with or without a penalty.

    `Fit()` opens at degree 15 without a penalty. `points` are your own training points, (x, y)
    pairs; empty means those drawn from `seed`, `count` and `noise`. A new `seed`, `count` or
    `noise` draws them anew. `coefficients`, `training_error` and `validation_error` are what the
    page shows. The loss is that of Keras's regularizers: mean squared error + l1 sum |w| + l2 sum
    w^2 with l1 and l2 from `penalties`; the bias is left alone.
    """

    script = "fit.js"
    figure_size = (7.6, 3.8)

    goal = traitlets.Unicode(
        "Keep degree 15. Choose among the penalties, then the strength: bring the validation "
        "error within 5% of the lowest that any of them reaches.",
        read_only=True,
    ).tag(sync=True)
    points = _Pairs(
        (None, 2),
        default_value=[],
        help="Training points, 3 to 40 (x, y) pairs; [] for drawn ones.",
    ).tag(sync=True)
    seed = traitlets.Int(1, min=0, help="Of the points that are drawn.").tag(sync=True)
    count = traitlets.Int(20, min=5, max=40, help="Training points to draw, 5 to 40.").tag(
        sync=True
    )
    noise = traitlets.Float(0.25, min=0, max=0.6, help="Standard deviation, 0 to 0.6.").tag(
        sync=True
    )
    degree = traitlets.Int(15, min=0, max=MOST, help="Of the polynomial, 0 to 15.").tag(sync=True)
    penalty = traitlets.Enum(list(NAMES), "none", help="none, l2, l1 or elastic.").tag(sync=True)
    strength = traitlets.Float(0.001, min=1e-6, max=10, help="Of the penalty, 0.000001 to 10.").tag(
        sync=True
    )
    share = traitlets.Float(
        0.5, min=0.1, max=0.9, help="L1's share of the elastic net's strength, 0.1 to 0.9."
    ).tag(sync=True)
    view = traitlets.Enum(
        ["strength", "degree"], "degree", help="Over what the errors are drawn."
    ).tag(sync=True)
    show_truth = traitlets.Bool(True, help="Whether the true curve is drawn.").tag(sync=True)

    _finite = traitlets.validate("noise", "strength", "share")(finite)

    @traitlets.validate("points")
    def _in_the_picture(self, proposal):
        value = proposal["value"]
        inside = all(abs(x) <= 1 and LOW <= y <= HIGH for x, y in value)
        if value and not (3 <= len(value) <= 40 and inside):
            raise traitlets.TraitError(
                "points must be 3 to 40 pairs with x from -1 to 1 and y from -2 to 2, or [], "
                f"not {value}"
            )
        return value

    @traitlets.observe("seed", "count", "noise")
    def _draw_anew(self, change):
        if not self.from_page and change["old"] is not traitlets.Undefined and self._ready:
            self.points = []

    def __init__(self, **traits):
        self._ready = False  # points given at the start stay, whatever comes with them
        super().__init__(**traits)
        self._ready = True

    @property
    def training(self):
        """The training points, an array (n, 2)."""
        drawn = draw_data(self.seed, self.count, self.noise)[0]
        return np.array(self.points) if self.points else drawn

    @property
    def validation(self):
        """The validation points, an array (20, 2)."""
        return draw_data(self.seed, self.count, self.noise)[1]

    @property
    def penalties(self):
        """(l1, l2) in the loss."""
        s = self.strength
        elastic = (s * self.share, s * (1 - self.share))
        return {"none": (0.0, 0.0), "l2": (0.0, s), "l1": (s, 0.0), "elastic": elastic}[
            self.penalty
        ]

    @property
    def coefficients(self):
        """[bias, w1, ..., w_degree] of the fitted polynomial."""
        return fit(*self.training.T, self.degree, *self.penalties)

    def _error(self, points):
        fitted = np.polynomial.polynomial.polyval(points[:, 0], self.coefficients)
        error = float(np.mean((fitted - points[:, 1]) ** 2))
        return error if error >= 1e-12 else 0.0  # what is left of a curve through all is rounding

    @property
    def training_error(self):
        """Mean squared error on the training points."""
        return self._error(self.training)

    @property
    def validation_error(self):
        """Mean squared error on the validation points."""
        return self._error(self.validation)

    def summary(self):
        how = NAMES[self.penalty]
        if self.penalty != "none":
            how += f" of strength {self.strength:.3g}"
        zeros = int((self.coefficients[1:] == 0).sum())
        return (
            f"Fit: degree {self.degree}, {how}, {len(self.training)} points: training error "
            f"{self.training_error:.3g}, validation error {self.validation_error:.3g}, "
            f"{zeros} of {self.degree} weights exactly 0"
        )

    def draw(self, figure):
        from twice import plots

        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
        x, w = np.linspace(-1, 1, 401), self.coefficients
        if self.show_truth:
            left.plot(x, truth(x), "--", color=GREEN, label="true curve")
        left.plot(x, np.polynomial.polynomial.polyval(x, w), color=WINE, label="fit")
        left.plot(*self.training.T, "o", color=plots.NUMPY, label="training")
        hollow = {"markerfacecolor": "white", "color": ORANGE}
        left.plot(*self.validation.T, "o", **hollow, label="validation")
        left.set(xlabel="x", ylabel="y", ylim=(LOW - 0.15, HIGH + 0.15))
        left.legend(fontsize=8, ncols=2)
        errors = f"{self.training_error:.3g}, validation {self.validation_error:.3g}"
        left.set_title(f"errors: training {errors}", fontsize=10)
        right.bar(range(len(w)), w, color=[plots.GREY] + [WINE] * self.degree)
        right.plot(np.flatnonzero(w == 0), w[w == 0], "s", color=WINE, markerfacecolor="white")
        right.axhline(0, color=plots.INK, linewidth=1)
        right.margins(y=0.15)
        right.set_yscale("symlog", linthresh=1)
        right.set(xlabel="power of x (0: the bias)", ylabel="weight", xlim=(-0.7, MOST + 0.7))
        right.set_title(f"{NAMES[self.penalty]}, degree {self.degree}", fontsize=10)
