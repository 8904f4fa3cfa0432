"""The schedule demo: a learning rate composed of pieces, and a small net trained with it."""

from functools import cache

import numpy as np
import traitlets

from twice.scratch import schedules
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.initializers import he_normal
from twice.scratch.losses import BinaryCrossentropy
from twice.scratch.optimizers import SGD
from twice.scratch.training import NotFinite, train_step

from .base import Demo, SeededGenerator

STEPS, SHORTEST, MOST, HIGHEST, SMALLEST = 1000, 10, 8, 10.0, 0.001
UNITS, POINTS, BATCH, SEEDS, EVERY = 16, 200, 4, 9, 10
KINDS = ("warm_up", "constant", "linear", "cosine", "exponential", "step", "inverse", "restarts")
PRESETS = ("constant", "step", "cosine", "warm_cosine", "sgdr", "one_cycle", "cyclical")
OPTIMIZERS = {
    "sgd": SGD,
    "momentum": lambda rate: SGD(rate, momentum=0.9),
    "adam": Adam,
}
BEST = {"sgd": (0.27, 0.17121), "momentum": (0.022, 0.178404), "adam": (0.01, 0.147173)}
RATE = "#9C3F74"  # the schedule, as in the page


def preset(name, peak=1.2):
    """The pieces of a whole schedule with this peak: "constant", "step", "cosine", ...

    Raises ValueError for a name that is none of `PRESETS` and a peak outside (0, 10].
    """
    if name not in PRESETS:
        raise ValueError(f"expected one of {', '.join(PRESETS)}, got {name!r}")
    if not 0 < peak <= HIGHEST:
        raise ValueError(f"expected a peak above 0, at most 10, got {peak}")
    low = peak / 10
    up, down = ("warm_up", 250, None, peak), ("linear", 250, None, low)
    rows = {
        "constant": [("constant", 1000, peak, peak)],
        "step": [("step", 1000, peak, peak / 27)],
        "cosine": [("cosine", 1000, peak, 0)],
        "warm_cosine": [("warm_up", 100, 0, peak), ("cosine", 900, None, 0)],
        "sgdr": [("restarts", 1000, peak, 0)],
        "one_cycle": [("warm_up", 300, peak / 25, peak), ("cosine", 700, None, peak / 1e4)],
        "cyclical": [("warm_up", 250, low, peak), down, up, down],
    }
    fields = ("kind", "steps", "start", "end")
    return [dict(zip(fields, row, strict=True), count=3) for row in rows[name]]


def resolve(pieces):
    """The pieces with every start known, and a plateau's end; the page's `resolve`."""
    rate, found = 0.0, []
    for piece in pieces:
        start = rate if piece["start"] is None else piece["start"]
        rate = start if piece["kind"] == "constant" else piece["end"]
        found.append({**piece, "start": start, "end": rate})
    return found


def falling(start, end, make):
    """A cosine of `schedules` from start to end; from 0 it rises, as the mirror image."""
    if start > 0:
        return make(start, end / start)
    down = make(end, 0.0)
    return lambda t: end - down(t)


def schedule_of(kind, steps, start, end, count):
    """One resolved piece as a function of the step, out of `twice.scratch.schedules`."""
    ratio = max(end / start, SMALLEST) if start > 0 else 1.0
    if kind == "constant" or start == end == 0:
        return lambda t: start
    if kind in ("warm_up", "linear"):
        if start == 0:
            return schedules.warm_up(end, steps)
        return schedules.linear_decay(start, steps, end)
    if kind == "cosine":
        return falling(start, end, lambda r, alpha: schedules.cosine_decay(r, steps, alpha))
    if kind == "restarts":
        first = steps / (2**count - 1)
        return falling(
            start, end, lambda r, alpha: schedules.cosine_restarts(r, first, alpha=alpha)
        )
    if start == 0 or (kind == "inverse" and ratio >= 1):  # what decays by a factor
        return lambda t: start / (1 + (1 / ratio - 1) * t / steps)
    if kind == "exponential":
        return schedules.exponential_decay(start, steps, ratio)
    if kind == "step":
        return schedules.step_decay(start, steps / (count + 1), ratio ** (1 / count))
    return schedules.inverse_time_decay(start, steps, 1 / ratio - 1)


def spiral():
    """Two noisy spiral arms, labels 0 and 1 in turn: x (200, 2), y (200, 1)."""
    u = SeededGenerator(8).random(5 * POINTS).reshape(POINTS, 5)
    noise = [np.sqrt(-2 * np.log(1 - u[:, k])) * np.cos(2 * np.pi * u[:, k + 1]) for k in (1, 3)]
    y, s = np.arange(POINTS) % 2, np.sqrt(u[:, 0])
    angle = np.pi * (2 * s + y)
    x = 2.6 * s * np.stack([np.cos(angle), np.sin(angle)]) + 0.35 * np.stack(noise)
    return x.T, y[:, None].astype(float)


def network(seed):
    """The untrained net of a seed: 2 inputs, twice 16 relu units, 1 output."""
    rng, layers = SeededGenerator(10 * seed + 3), []
    for n_in, n_out in ((2, UNITS), (UNITS, UNITS), (UNITS, 1)):
        layers.append(Dense(n_in, n_out, rng=rng, initializer=he_normal, dtype=np.float64))
        layers += [Activation("relu")] if n_out > 1 else []
    return Sequential(layers)


def train(seed, rate, optimizer, steps=STEPS):
    """Train the net of a seed with a schedule, four random points a step; losses and net.

    The losses (steps / 10 + 1,) are over all points, every ten steps; infinity once it diverged.
    """
    net, (x, y), loss = network(seed), spiral(), BinaryCrossentropy(from_logits=True)
    stream = SeededGenerator(10 * seed + 4).random(steps * BATCH).reshape(steps, BATCH)
    chosen, teacher = (stream * POINTS).astype(int), OPTIMIZERS[optimizer](rate)
    losses = [float(loss.forward(y, net.forward(x)))]
    with np.errstate(over="ignore", invalid="ignore"):
        for t, i in enumerate(chosen, 1):
            try:
                train_step(net, loss, teacher, x[i], y[i])
            except NotFinite:
                break
            if t % EVERY == 0:
                losses.append(float(loss.forward(y, net.forward(x))))
    losses += [np.inf] * (steps // EVERY + 1 - len(losses))
    return np.nan_to_num(losses, nan=np.inf, posinf=np.inf), net


@cache
def all_runs(rates, optimizer):
    """Losses (9, 101) of the nine seeds under these 1,000 rates (a tuple), and their nets."""
    runs = [train(seed, rates.__getitem__, optimizer) for seed in range(SEEDS)]
    return np.array([losses for losses, _ in runs]), [net for _, net in runs]


class Schedule(Demo):
    """A learning-rate schedule of up to eight pieces, 1,000 steps together, and what it does.

    `Schedule("cosine", peak=0.7)` begins with a preset: constant, step, cosine, warm_cosine, sgdr,
    one_cycle or cyclical; `Schedule(pieces=[...])` with pieces of your own, each a dict of `kind`
    (warm_up, constant, linear, cosine, exponential, step, inverse, restarts), `steps`, `start`
    (None: where the last piece ended), `end`, and `count` of drops or restarts. With it nine nets,
    2-16-16-1, are trained on two spirals, four random points a step, by SGD, momentum or Adam.
    `rates` holds the rate of every step, `losses` those of the nine trainings, computed by the
    library from the same seeded stream as in the page (a second of work). Where the rate is so
    high that training is chaotic, the last digits of two machines part company.
    """

    script = "schedule.js"
    figure_size = (9.0, 3.6)

    goal = traitlets.Unicode(
        "Compose a schedule whose final loss is at least 15 % below that of the best constant "
        "rate, in the same 1,000 steps (the median of nine seeds).",
        read_only=True,
    ).tag(sync=True)
    pieces = traitlets.List(
        traitlets.Dict(), preset("constant"), help="The pieces, in order, 1,000 steps together."
    ).tag(sync=True)
    optimizer = traitlets.Enum(list(OPTIMIZERS), "sgd", help="sgd, momentum or adam.").tag(
        sync=True
    )
    chosen = traitlets.Int(0, min=0, max=MOST - 1, help="The piece that is edited.").tag(sync=True)
    log_axis = traitlets.Bool(False, help="Show the rate on a log axis.").tag(sync=True)
    best = traitlets.Dict(
        help="The reader's best by optimizer: {'sgd': {'loss': ..., 'pieces': [...]}}."
    ).tag(sync=True)

    def __init__(self, name="constant", peak=1.2, **traits):
        super().__init__(**{"pieces": preset(name, peak), **traits})

    @traitlets.validate("pieces")
    def _complete(self, proposal):
        pieces = [{"start": None, "count": 3, **piece} for piece in proposal["value"]]
        if not 1 <= len(pieces) <= MOST:
            raise traitlets.TraitError(f"expected 1 to {MOST} pieces, got {len(pieces)}")
        for k, piece in enumerate(pieces):
            if piece.get("kind") == "constant":
                piece.setdefault("end", piece["start"] or 0)
            if piece.keys() != {"kind", "steps", "start", "end", "count"}:
                got = ", ".join(sorted(piece))
                raise traitlets.TraitError(
                    f"expected kind, steps, end and perhaps start, count in piece {k}, got {got}"
                )
            kind, steps, count = piece["kind"], piece["steps"], piece["count"]
            if kind not in KINDS:
                raise traitlets.TraitError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
            if not isinstance(steps, int) or steps < SHORTEST:
                raise traitlets.TraitError(
                    f"expected whole steps, at least {SHORTEST}, in piece {k}, got {steps!r}"
                )
            if count not in range(1, 6):
                raise traitlets.TraitError(f"expected a count of 1 to 5, got {count!r}")
            for name in ("start", "end"):
                if piece[name] is None and name == "start" and k:
                    continue
                try:
                    good = 0 <= piece[name] <= HIGHEST
                except TypeError:
                    good = False
                if not good:
                    raise traitlets.TraitError(
                        f"expected a rate of 0 to 10 for the {name} of piece {k}, "
                        f"got {piece[name]!r}"
                    )
        total = sum(piece["steps"] for piece in pieces)
        if total != STEPS:
            raise traitlets.TraitError(f"expected pieces of {STEPS} steps together, got {total}")
        return pieces

    @property
    def schedule(self):
        """The schedule as a function of the step, to give to an optimizer."""
        return schedules.piecewise([(p["steps"], schedule_of(**p)) for p in resolve(self.pieces)])

    @property
    def rates(self):
        """The rate of every step, (1000,)."""
        return np.array([self.schedule(t) for t in range(STEPS)])

    @property
    def losses(self):
        """The loss over all points by seed, before steps 0, 10, ... and after all: (9, 101)."""
        return all_runs(tuple(self.rates.tolist()), self.optimizer)[0]

    @property
    def final_loss(self):
        """The median of the nine final losses."""
        return float(np.median(self.losses[:, -1]))

    def summary(self):
        words = ", ".join(
            f"{p['kind']} {p['steps']}: {p['start']:.3g}"
            + (f" to {p['end']:.3g}" if p["kind"] != "constant" else "")
            for p in resolve(self.pieces)
        )
        rate, loss = BEST[self.optimizer]
        return (
            f"Schedule({words}), {self.optimizer}; the best constant rate, {rate}, ends with a "
            f"loss of {loss:.3f}"
        )

    def draw(self, figure):
        from twice import plots

        rate, loss = figure.subplots(1, 2)
        rate.plot(self.rates, color=RATE, linewidth=2)
        rate.set(xlabel="step", ylabel="learning rate", xlim=(0, STEPS))
        rate.set_ylim(0 if not self.log_axis else None)
        if self.log_axis and self.rates.max() > 0:
            rate.set_yscale("log")
        steps, losses = np.arange(0, STEPS + 1, EVERY), np.clip(self.losses, 1e-9, 1e9)
        loss.semilogy(steps, losses.T, color=plots.NUMPY, linewidth=0.7, alpha=0.5)
        loss.semilogy(steps, np.median(losses, axis=0), color=plots.NUMPY, linewidth=2.5)
        loss.axhline(BEST[self.optimizer][1], color=plots.GREY, linestyle=":")
        loss.set(xlabel="step", ylabel="training loss", xlim=(0, STEPS), ylim=(0.08, 1))
        loss.set_title("nine seeds, their median; dotted: best constant", fontsize=10)
