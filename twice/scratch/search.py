"""Searching for hyperparameters: a grid, random draws, and halving, which stops the losers early.

A space is a dict of `Range`s and `Choice`s by name; a config is a dict of one value for each. An
objective is a function of a config that returns a number to make small: a validation loss, an
error. All configs are drawn before the first is tried, so that the same `rng` tries the same ones.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Range:
    """Numbers from low to high: evenly spread, or (log) evenly in their logarithm.

    whole: rounded to whole numbers. Raises ValueError unless low < high, and 0 < low
    for log.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self):
        if not -math.inf < self.low < self.high < math.inf or (self.log and self.low <= 0):
            rule = "0 < low < high" if self.log else "low < high"
            raise ValueError(f"expected finite {rule}, got {self.low} and {self.high}")

    def at(self, share):
        """The value at a share 0 to 1 of the way from low to high."""
        if self.log:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        value = min(max(value, self.low), self.high)  # rounding may pass an end
        return round(value) if self.whole else float(value)

    def draw(self, rng):
        """A random value."""
        return self.at(rng.uniform())

    def grid(self, n):
        """n values from low to high; one: the middle."""
        return [self.at(share) for share in (np.linspace(0, 1, n) if n > 1 else [0.5])]


@dataclass(frozen=True)
class Choice:
    """One of some options, each as likely; a grid tries them all."""

    options: tuple

    def __post_init__(self):
        if len(self.options) == 0:
            raise ValueError("expected at least one option, got none")

    def draw(self, rng):
        """A random option."""
        return self.options[int(rng.integers(len(self.options)))]

    def grid(self, n):
        """All options, whatever n."""
        return list(self.options)


def uniform(low, high):
    """Numbers evenly spread from low to high."""
    return Range(low, high)


def log_uniform(low, high):
    """Numbers whose logarithm is even: as many from 0.001 to 0.01 as from 0.01 to 0.1."""
    return Range(low, high, log=True)


@dataclass(frozen=True)
class Trial:
    """One config that was tried, the number it got, and (halving) the budget it had."""

    config: dict
    value: float
    budget: int | None = None


def attempt(objective, config, budget=None):
    """A `Trial`; a training that met a NaN (FloatingPointError), or returned one, gets inf."""
    try:
        value = float(objective(dict(config), *([] if budget is None else [budget])))
    except FloatingPointError:
        value = math.inf
    return Trial(config, math.inf if math.isnan(value) else value, budget)


def best(trials):
    """The trial of the smallest value, of those with the largest budget; the first of a tie."""
    if not trials:
        raise ValueError("expected at least one trial, got none")
    largest = max(trial.budget or 0 for trial in trials)
    return min((t for t in trials if (t.budget or 0) == largest), key=lambda t: t.value)


def draw(space, n, rng):
    """n random configs of a space."""
    if n < 1 or not space:
        raise ValueError(f"expected n >= 1 and a space, got {n} and {space}")
    return [{name: values.draw(rng) for name, values in space.items()} for _ in range(n)]


def grid_search(objective, space, points):
    """Every combination: points^d trials for d ranges, the last name changing fastest.

    points: values of each range, a number or a dict by name. Returns a list of `Trial`s.
    """
    wanted = points if isinstance(points, dict) else dict.fromkeys(space, points)
    if not space or wanted.keys() != space.keys() or min(wanted.values()) < 1:
        raise ValueError(f"expected points >= 1 for each of {list(space)}, got {points}")
    lines = [values.grid(wanted[name]) for name, values in space.items()]
    configs = [dict(zip(space, row, strict=True)) for row in itertools.product(*lines)]
    return [attempt(objective, config) for config in configs]


def random_search(objective, space, n, *, rng):
    """n random configs: n different values of every range, where a grid of n has n^(1/d).

    Returns a list of `Trial`s. Bergstra and Bengio (2012).
    """
    return [attempt(objective, config) for config in draw(space, n, rng)]


def successive_halving(objective, configs, *, budget=1, eta=3, rungs=None):
    """Try all with a small budget, keep the best 1/eta, give those eta times as much; repeat.

    Rung k = 0, 1, ... tries floor(n / eta^k) of the n configs with budget eta^k: so each
    rung costs about the same. objective: a function of (config, budget), such as epochs.
    It ends with the last rung that has a config, or after `rungs`. Returns all `Trial`s
    in order. eta = 2 halves. Karnin et al. (2013), Jamieson and Talwalkar (2016).
    """
    check_halving(budget, eta)
    if not configs or (rungs is not None and rungs < 1):
        raise ValueError(f"expected configs and rungs >= 1, got {len(configs)} and {rungs}")
    trials, left, rung = [], list(configs), 0
    while left and (rungs is None or rung < rungs):
        tried = [attempt(objective, config, budget * eta**rung) for config in left]
        trials, rung = trials + tried, rung + 1
        ranked = sorted(tried, key=lambda trial: trial.value)  # stable: the first of a tie
        left = [trial.config for trial in ranked[: len(configs) // eta**rung]]
    return trials


def hyperband(objective, space, *, max_budget, eta=3, rng):
    """Halving with many configs and small budgets, then with fewer and larger: a hedge.

    Bracket s = S, ..., 0 with S = floor(log_eta max_budget) begins with n configs and
    a budget of max_budget / eta^s, n = ceil((S + 1) eta^s / (s + 1)), and all end with
    max_budget. Returns all `Trial`s in order. Li et al. (2018).
    """
    check_halving(max_budget, eta)
    top, trials = 0, []
    while eta ** (top + 1) <= max_budget:
        top += 1
    if max_budget != eta**top:
        raise ValueError(f"expected max_budget, a power of eta = {eta}, got {max_budget}")
    for s in range(top, -1, -1):
        n = -(-(top + 1) * eta**s // (s + 1))
        settings = {"budget": eta ** (top - s), "eta": eta, "rungs": s + 1}
        trials += successive_halving(objective, draw(space, n, rng), **settings)
    return trials


def check_halving(budget, eta):
    """ValueError unless the budget is a whole number >= 1 and eta one >= 2."""
    if budget != int(budget) or budget < 1 or eta != int(eta) or eta < 2:
        rule = "a whole budget >= 1 and a whole eta >= 2"
        raise ValueError(f"expected {rule}, got {budget} and {eta}")
