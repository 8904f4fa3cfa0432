"""Grid, random draws, halving, hyperband: which configs, in which order, with which budget."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twice.scratch.search import (
    Choice,
    Range,
    Trial,
    best,
    draw,
    grid_search,
    hyperband,
    log_uniform,
    random_search,
    successive_halving,
    uniform,
)
from twice.scratch.training import NotFinite

seeds = st.integers(0, 2**32 - 1)
SPACE = {"rate": log_uniform(1e-4, 1e-1), "units": Range(8, 64, log=True, whole=True)}


def rng(seed=0):
    return np.random.default_rng(seed)


def bowl(config):
    """Smallest at a rate of 0.01."""
    return (math.log10(config["rate"]) + 2) ** 2


# ---- ranges ------------------------------------------------------------------------------------


def test_a_grid_of_a_range_by_hand():
    assert uniform(1, 3).grid(3) == [1, 2, 3]
    np.testing.assert_allclose(log_uniform(1e-3, 1).grid(4), [1e-3, 1e-2, 1e-1, 1])
    assert uniform(1, 3).grid(1) == [2]
    assert log_uniform(1, 100).grid(1) == pytest.approx([10])
    assert SPACE["units"].grid(4) == [8, 16, 32, 64]
    assert all(isinstance(units, int) for units in SPACE["units"].grid(4))
    assert Choice(("relu", "tanh")).grid(7) == ["relu", "tanh"]


@given(seeds)
def test_draws_stay_inside(seed):
    random = rng(seed)
    for low, high, log in [(1e-6, 1e6, True), (-3, 7, False), (0.1, 0.3, True)]:
        for _ in range(20):
            value = Range(low, high, log).draw(random)
            assert low <= value <= high
            assert isinstance(value, float)
    assert 8 <= SPACE["units"].draw(random) <= 64


def test_every_decade_gets_its_share_on_a_log_scale():
    random, rates = rng(), log_uniform(1e-4, 1e-1)
    logs = np.log10([rates.draw(random) for _ in range(3000)])
    np.testing.assert_allclose(np.histogram(logs, [-4, -3, -2, -1])[0], 1000, atol=120)
    even = [uniform(0, 3).draw(random) for _ in range(3000)]
    np.testing.assert_allclose(np.histogram(even, [0, 1, 2, 3])[0], 1000, atol=120)


def test_every_option_is_as_likely():
    random, kinds = rng(), Choice(("a", "b", "c"))
    drawn = [kinds.draw(random) for _ in range(3000)]
    assert all(880 < drawn.count(kind) < 1120 for kind in "abc")


# ---- grid and random ---------------------------------------------------------------------------


def test_a_grid_tries_every_combination_in_order():
    seen = []
    space = {"a": uniform(0, 1), "b": Choice(("x", "y"))}
    trials = grid_search(lambda c: seen.append(c) or len(seen), space, 3)
    expected = [{"a": a, "b": b} for a in (0, 0.5, 1) for b in "xy"]
    assert seen == [t.config for t in trials] == expected
    assert [t.value for t in trials] == [1, 2, 3, 4, 5, 6]
    assert trials[0].budget is None
    some = grid_search(bowl, SPACE, {"rate": 4, "units": 1})
    assert len(some) == 4
    assert best(some).config["rate"] == pytest.approx(1e-2)


@given(seeds)
def test_random_search_repeats_with_its_seed_and_the_objective_cannot_disturb_it(seed):
    shared = rng(seed)
    first = random_search(bowl, SPACE, 5, rng=rng(seed))
    second = random_search(lambda c: shared.uniform(), SPACE, 5, rng=shared)
    assert [t.config for t in first] == [t.config for t in second] == draw(SPACE, 5, rng(seed))
    assert [t.value for t in first] == [bowl(t.config) for t in first]


def test_nine_random_trials_try_nine_rates_and_a_grid_of_nine_three():
    random = {t.config["rate"] for t in random_search(bowl, SPACE, 9, rng=rng())}
    grid = {t.config["rate"] for t in grid_search(bowl, SPACE, 3)}
    assert (len(random), len(grid)) == (9, 3)


def test_random_beats_the_grid_where_one_of_two_numbers_matters():
    """Sixteen trials each; the best rate is anywhere (Bergstra and Bengio, 2012)."""
    space, wins = {"a": uniform(0, 1), "b": uniform(0, 1)}, 0
    for seed in range(200):
        random = rng(seed)
        at = random.uniform()
        grid = best(grid_search(lambda c, at=at: abs(c["a"] - at), space, 4)).value
        wins += (
            best(random_search(lambda c, at=at: abs(c["a"] - at), space, 16, rng=random)).value
            < grid
        )
    assert wins > 120


def test_a_training_that_fails_is_the_worst_and_a_bug_is_not_hidden():
    def diverges(config):
        if config["rate"] > 1e-2:
            raise NotFinite("step 3: the loss is inf")
        return math.nan if config["rate"] > 1e-3 else 1.0

    trials = random_search(diverges, SPACE, 30, rng=rng())
    assert {t.value for t in trials} == {math.inf, 1.0}
    assert best(trials).config["rate"] <= 1e-3
    with pytest.raises(ZeroDivisionError):
        random_search(lambda c: 1 / 0, SPACE, 1, rng=rng())


def test_an_objective_that_changes_its_config_does_not_change_the_trial():
    trials = random_search(lambda c: c.clear() or 1.0, SPACE, 2, rng=rng())
    assert trials[0].config.keys() == SPACE.keys()


# ---- halving -----------------------------------------------------------------------------------


def rows(trials):
    """(how many configs, budget) of each rung, in order."""
    found = []
    for trial in trials:
        if not found or found[-1][1] != trial.budget:
            found.append([0, trial.budget])
        found[-1][0] += 1
    return [tuple(row) for row in found]


def test_halving_keeps_the_best_third_and_triples_the_budget():
    powers = [1, 4, 2.5, 3.2, 1.9, 5, 2.2, 6, 1.4, 7]
    configs = [{"rate": 10**-k} for k in powers]
    trials = successive_halving(lambda c, budget: bowl(c) / budget, configs)
    assert rows(trials) == [(10, 1), (3, 3), (1, 9)]
    assert [t.config for t in trials[:10]] == configs
    assert [t.config["rate"] for t in trials[10:]] == [10**-1.9, 10**-2.2, 10**-2.5, 10**-1.9]
    assert trials[13].value == pytest.approx(0.01 / 9)
    assert best(trials) == trials[13]


@pytest.mark.parametrize(
    ("n", "settings", "expected"),
    [
        (8, {"eta": 2}, [(8, 1), (4, 2), (2, 4), (1, 8)]),
        (9, {"rungs": 2, "budget": 5}, [(9, 5), (3, 15)]),
        (2, {}, [(2, 1)]),
        (5, {"eta": 2}, [(5, 1), (2, 2), (1, 4)]),
        (1, {"rungs": 3}, [(1, 1)]),
    ],
)
def test_rungs_by_hand(n, settings, expected):
    configs = draw(SPACE, n, rng())
    assert rows(successive_halving(lambda c, b: bowl(c), configs, **settings)) == expected


def test_of_a_tie_the_first_stay_and_a_failure_goes():
    configs = [{"k": k} for k in range(6)]
    trials = successive_halving(lambda c, b: math.nan if c["k"] == 0 else 1.0, configs, eta=2)
    assert [t.config["k"] for t in trials[6:]] == [1, 2, 3, 1]


def test_the_best_has_had_the_largest_budget():
    """A fast beginner: the best after one epoch, not after nine."""
    trials = [Trial({"k": 1}, 0.0, 1), Trial({"k": 2}, 0.5, 9), Trial({"k": 3}, 0.4, 9)]
    assert best(trials).config == {"k": 3}
    assert best([Trial({"k": 1}, 1.0), Trial({"k": 2}, 1.0)]).config == {"k": 1}


def test_hyperband_by_hand():
    """Algorithm 1 of Li et al. (2018) with R = 81, eta = 3."""
    trials = hyperband(lambda c, b: bowl(c) / b, SPACE, max_budget=81, rng=rng())
    assert rows(trials) == [
        *[(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        *[(34, 3), (11, 9), (3, 27), (1, 81)],
        *[(15, 9), (5, 27), (1, 81)],
        *[(8, 27), (7, 81)],  # two of the eight, then the last bracket's five
    ]
    assert abs(math.log10(best(trials).config["rate"]) + 2) < 0.3
    again = hyperband(lambda c, b: bowl(c) / b, SPACE, max_budget=81, rng=rng())
    assert trials == again


# ---- bad input ---------------------------------------------------------------------------------


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="expected finite 0 < low < high, got 0 and 1"):
        log_uniform(0, 1)
    for low, high in ((1, 1), (2, 1), (0, math.inf), (math.nan, 1)):
        with pytest.raises(ValueError, match="expected finite low < high, got"):
            uniform(low, high)
    with pytest.raises(ValueError, match="expected at least one option, got none"):
        Choice(())
    with pytest.raises(ValueError, match="expected n >= 1 and a space, got 0"):
        random_search(bowl, SPACE, 0, rng=rng())
    with pytest.raises(ValueError, match="expected n >= 1 and a space, got 3 and"):
        random_search(bowl, {}, 3, rng=rng())
    for points in (0, {"rate": 2}, {"rate": 2, "units": 0}, {"rate": 2, "unit": 2}):
        with pytest.raises(ValueError, match=r"expected points >= 1 for each of \['rate', 'units'"):
            grid_search(bowl, SPACE, points)
    with pytest.raises(ValueError, match="expected points >= 1"):
        grid_search(bowl, {}, 3)
    with pytest.raises(ValueError, match="expected configs and rungs >= 1, got 0 and None"):
        successive_halving(bowl, [])
    with pytest.raises(ValueError, match="expected configs and rungs >= 1, got 1 and 0"):
        successive_halving(bowl, [{}], rungs=0)
    for bad in ({"budget": 0}, {"budget": 1.5}, {"eta": 1}, {"eta": 2.5}):
        with pytest.raises(ValueError, match="expected a whole budget >= 1 and a whole eta >= 2"):
            successive_halving(bowl, [{}], **bad)
    with pytest.raises(ValueError, match="expected max_budget, a power of eta = 3, got 10"):
        hyperband(bowl, SPACE, max_budget=10, rng=rng())
    with pytest.raises(ValueError, match="expected at least one trial, got none"):
        best([])
