"""The search demo: a grid against random draws, on a surface where one parameter matters more."""

import math

import numpy as np
import traitlets

from .base import Demo, Seeded, SeededGenerator, finite

RACES = 1000  # searches of each kind, each on a surface of its own
MOST = 8  # values of each parameter in the largest grid
FAIR = (0.48, 0.52)  # the goal: between these shares random wins
BLUE, ORANGE, GREEN = "#0072b2", "#9c6200", "#007a58"


def grid(side):
    """side^2 trials in the middles of as many equal squares, (side^2, 2)."""
    line = (np.arange(side) + 0.5) / side
    return np.stack([np.tile(line, side), np.repeat(line, side)], axis=1)


def along(points, angle):
    """The coordinate that matters most: x cos + y sin, angle in degrees."""
    return points[..., 0] * math.cos(math.radians(angle)) + points[..., 1] * math.sin(
        math.radians(angle)
    )


def loss(points, best, importance, angle):
    """How far above the lowest: the length of (a, importance b), a along what matters, b across."""
    away = points - best
    return np.hypot(along(away, angle), importance * along(away, angle + 90))


def races(side, importance, angle, count=RACES):
    """The best loss of grid and of random draws on `count` surfaces, two arrays (count,)."""
    stream = SeededGenerator(7).random(RACES * (2 + 2 * MOST**2)).reshape(RACES, -1, 2)[:count]
    best, drawn = stream[:, :1], stream[:, 1 : 1 + side**2]
    return tuple(loss(tried, best, importance, angle).min(axis=1) for tried in (grid(side), drawn))


class Search(Demo):
    """Two searches with the same number of trials: a grid, and points drawn at random.

    `Search()` opens where only the first parameter matters. `side` values of each parameter make
    a grid of side^2 trials; `importance` is how much the other parameter matters (0 to 1), `angle`
    turns the surface. `seed` draws one search; `share` is how often random draws win over 1,000.
    """

    script = "search.js"
    figure_size = (7.6, 3.8)

    goal = traitlets.Unicode(
        "Make it a fair race: find trials, importance and angle at which random draws win "
        "48% to 52% of 1,000 searches.",
        read_only=True,
    ).tag(sync=True)
    side = traitlets.Int(3, min=2, max=MOST, help="The grid's values a parameter, 2 to 8.").tag(
        sync=True
    )
    importance = traitlets.Float(
        0.0, min=0, max=1, help="Of the other parameter, 0 (none) to 1 (as much)."
    ).tag(sync=True)
    angle = traitlets.Float(
        0.0, min=0, max=45, help="By which the surface is turned, 0 to 45 degrees."
    ).tag(sync=True)
    seed = traitlets.Int(49, min=0, help="Of the search that is shown.").tag(sync=True)
    show_surface = traitlets.Bool(False, help="Whether the surface is drawn.").tag(sync=True)

    _finite = traitlets.validate("importance", "angle")(finite)

    @property
    def best(self):
        """Where the loss of the search that is shown is lowest, (2,)."""
        return self._drawn[0]

    @property
    def trials(self):
        """{"grid": (n, 2), "random": (n, 2)}: the points tried, each in [0, 1]^2."""
        return {"grid": grid(self.side), "random": self._drawn[1 : 1 + self.side**2]}

    @property
    def _drawn(self):
        stream = Seeded(self.seed)
        return np.array([[stream.next(), stream.next()] for _ in range(1 + MOST**2)])

    @property
    def losses(self):
        """{"grid": (n,), "random": (n,)}: what the trials found, 0 at the lowest."""
        how = self.best, self.importance, self.angle
        return {name: loss(points, *how) for name, points in self.trials.items()}

    @property
    def values(self):
        """{"grid": how many, "random": how many} different values of what matters were tried."""
        found = {name: along(points, self.angle) for name, points in self.trials.items()}
        return {name: len(np.unique(np.round(v, 6))) for name, v in found.items()}

    @property
    def races(self):
        """The best loss found in each of 1,000 searches, by grid and by random draws."""
        return races(self.side, self.importance, self.angle)

    @property
    def share(self):
        """In how many of the 1,000 random draws won, 0 to 1."""
        by_grid, by_random = self.races
        return float(np.mean(by_random < by_grid))

    def summary(self):
        losses, values = self.losses, self.values
        return (
            f"Search: {self.side**2} trials, importance {self.importance:.2f}, angle "
            f"{self.angle:.0f}°: the grid tried {values['grid']} values of what matters and found "
            f"{losses['grid'].min():.3f}, random draws {values['random']} and "
            f"{losses['random'].min():.3f}; random wins {self.share:.1%} of 1,000 searches"
        )

    def draw(self, figure):
        left, right = figure.subplots(1, 2)
        if self.show_surface:
            x = np.stack(np.meshgrid(*[np.linspace(0, 1, 101)] * 2), axis=-1)
            levels = np.arange(0, 1.5, 0.1)
            height = loss(x, self.best, self.importance, self.angle)
            left.contourf(x[..., 0], x[..., 1], height, levels, cmap="Greys_r", alpha=0.6)
            left.plot(*self.best, "*", color=GREEN, markersize=14)
        for (name, points), color, mark in zip(
            self.trials.items(), (ORANGE, BLUE), "so", strict=True
        ):
            left.plot(*points.T, mark, color=color, label=name)
        left.set(xlabel="first parameter", ylabel="other parameter", xlim=(0, 1), ylim=(0, 1))
        left.set_aspect("equal")
        left.legend(fontsize=8, loc="upper right")
        by_grid, by_random = self.races
        bins = np.linspace(0, 1 / self.side, 26)
        for found, name, color in [(by_grid, "grid", ORANGE), (by_random, "random", BLUE)]:
            right.hist(np.minimum(found, bins[-1]), bins, histtype="step", color=color, label=name)
        right.set(xlabel="best loss found", ylabel="searches of 1,000")
        right.set_title(f"random wins {self.share:.1%}", fontsize=10)
