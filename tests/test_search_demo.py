"""The search demo: its JavaScript against NumPy, and its Python class."""

import itertools

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.scratch.search import best, grid_search, random_search, uniform
from twice.widgets import Search
from twice.widgets.search import FAIR, MOST, RACES, along, grid, loss, races

SCRIPT = "search.js"
SETTINGS = [(2, 0.0, 0.0), (3, 0.2, 0.0), (5, 0.37, 18.4), (8, 1.0, 45.0), (4, 0.0, 26.6)]


# ---- one search --------------------------------------------------------------------------------


def test_trials_losses_and_values_are_those_of_numpy():
    cases = [(seed, *setting) for seed in (1, 49, 4711) for setting in SETTINGS]
    answers = run_js(
        SCRIPT,
        """return data.map(([seed, side, importance, angle]) => {
            const search = demo.drawSearch(seed, side);
            const told = { ...search };
            for (const kind of ["grid", "random"]) {
                const losses = search[kind].map(
                    (p) => demo.lossOf(p, search.best, importance, angle));
                told[`${kind}Losses`] = losses;
                told[`${kind}Lowest`] = demo.lowest(losses);
                told[`${kind}Values`] = demo.valuesOf(search[kind], angle);
                told[`${kind}Along`] = search[kind].map((p) => demo.along(p, angle));
            }
            return told;
        });""",
        cases,
    )
    for (seed, side, importance, angle), told in zip(cases, answers, strict=True):
        here = Search(seed=seed, side=side, importance=importance, angle=angle)
        np.testing.assert_allclose(told["best"], here.best, atol=1e-12)
        middle = along(np.array([0.5, 0.5]), angle)
        for kind in ("grid", "random"):
            np.testing.assert_allclose(told[kind], here.trials[kind], atol=1e-12)
            np.testing.assert_allclose(told[f"{kind}Losses"], here.losses[kind], atol=1e-12)
            assert told[f"{kind}Lowest"] == here.losses[kind].argmin()
            assert told[f"{kind}Values"] == here.values[kind]
            wanted = along(here.trials[kind], angle) - middle + 0.5
            np.testing.assert_allclose(told[f"{kind}Along"], wanted, atol=1e-12)


def test_a_loss_by_hand():
    """From (0.5, 0.5) to (0.8, 0.9): 0.3 along the first, 0.4 across it."""
    point, best_place = np.array([0.8, 0.9]), np.array([0.5, 0.5])
    assert loss(point, best_place, 0.0, 0.0) == pytest.approx(0.3)
    assert loss(point, best_place, 1.0, 0.0) == pytest.approx(0.5)
    assert loss(point, best_place, 1.0, 33.0) == pytest.approx(0.5)  # a circle, turned
    assert loss(point, best_place, 0.5, 0.0) == pytest.approx(np.hypot(0.3, 0.2))
    assert loss(point, best_place, 0.0, 45.0) == pytest.approx(0.7 / np.sqrt(2))


def test_a_grid_of_nine_tries_three_values_and_nine_random_draws_nine():
    for seed in range(20):
        assert Search(seed=seed).values == {"grid": 3, "random": 9}
    assert Search(angle=45.0).values["grid"] == 5  # of the diagonals
    assert Search(angle=20.0).values["grid"] == 9
    assert Search(side=8).values == {"grid": 8, "random": 64}
    np.testing.assert_allclose(grid(2), [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]])


# ---- the races ---------------------------------------------------------------------------------


def test_races_are_those_of_numpy():
    answers = run_js(
        SCRIPT,
        """const places = demo.drawRaces();
        return data.map(([side, importance, angle]) => {
            const { grid, random, share } = demo.race(places, side, importance, angle);
            const counts = [grid, random].map((v) => demo.histogram(v, 1 / side, 25));
            return { grid: [...grid], random: [...random], share, counts };
        });""",
        SETTINGS,
    )
    for setting, told in zip(SETTINGS, answers, strict=True):
        found = races(*setting)
        assert len(told["grid"]) == RACES
        for kind, values, counts in zip(("grid", "random"), found, told["counts"], strict=True):
            np.testing.assert_allclose(told[kind], values, atol=1e-12)
            bins = np.linspace(0, 1 / setting[0], 26)
            wanted = np.histogram(np.minimum(values, bins[-1]), bins)[0]
            np.testing.assert_allclose(counts, wanted, atol=1)  # one may sit on an edge
            assert sum(counts) == RACES
        side, importance, angle = setting
        assert told["share"] == Search(side=side, importance=importance, angle=angle).share


def test_where_one_parameter_matters_the_share_is_the_one_computed():
    """P(grid wins) = E[(1 - 2 r)^n], r even on 0 ... 1/(2 side), but for the ends of the square."""
    for side in (3, 4, 6):
        n, r = side**2, (np.arange(1000) + 0.5) / 1000 / (2 * side)
        inner = 1 - np.mean((1 - 2 * r) ** n)
        assert Search(side=side).share == pytest.approx(inner, abs=0.05)
    shares = [Search(side=side).share for side in range(2, MOST + 1)]
    assert shares == sorted(shares)  # the more trials, the more the grid repeats itself


def test_the_library_searches_find_the_same():
    """The demo's searches are those of twice.scratch.search, on spaces of the same size."""
    side, at = 4, np.array([0.3, 0.6])
    cells = uniform(0.5 / side, 1 - 0.5 / side)

    def objective(config):
        return loss(np.array([config["x"], config["y"]]), at, 0.4, 20.0)

    trials = grid_search(objective, {"y": cells, "x": cells}, side)
    assert best(trials).value == pytest.approx(loss(grid(side), at, 0.4, 20.0).min())
    space = {"x": uniform(0, 1), "y": uniform(0, 1)}
    trials = random_search(objective, space, 500, rng=np.random.default_rng(0))
    assert best(trials).value < 0.06


# ---- the goal ----------------------------------------------------------------------------------


def test_the_goal_is_far_at_the_start_and_near_an_importance_of_a_fifth_for_every_budget():
    assert Search().share > 0.65
    for side in range(2, MOST + 1):
        steps = np.arange(0, 101) / 100
        fair = [
            w for w in steps if FAIR[0] <= np.mean(np.less(*races(side, w, 0.0)[::-1])) <= FAIR[1]
        ]
        assert fair
        assert all(0.1 <= w <= 0.3 for w in fair)
    assert Search(importance=0.2).share == pytest.approx(0.5, abs=0.02)
    assert Search(importance=1.0).share < 0.4
    assert Search(angle=18.0).share < 0.4  # turned, a grid wins even where one direction matters


def test_what_is_fair():
    wanted = [False, True, True, True, False]
    assert (
        run_js(SCRIPT, "return data.map(demo.isFair);", [0.479, 0.48, 0.5, 0.52, 0.521]) == wanted
    )


def test_the_words_fit_the_numbers():
    cases = [
        (49, *setting) for setting in [(3, 0.0, 0.0), (3, 0.2, 0.0), (5, 0.0, 10.0), (4, 1.0, 0.0)]
    ]
    told = []
    for seed, side, importance, angle in cases:
        here = Search(seed=seed, side=side, importance=importance, angle=angle)
        found = {kind: float(v.min()) for kind, v in here.losses.items()}
        numbers = {"found": found, "values": here.values, "share": here.share}
        told.append(numbers | {"side": side, "importance": importance, "angle": angle})
    one, fair, turned, both = run_js(SCRIPT, "return data.map(demo.reading);", told)
    assert one == (
        "This search: the grid's best loss is 0.126, random's 0.006, so random wins. Of 1,000 "
        "searches like it, random wins 67.7%. Of what matters most, the grid's 9 trials try 3 "
        "values, the random ones 9: the grid repeats itself."
    )
    assert "A fair race" in fair
    assert "random wins 50.1%" in fair
    assert "it tries 25 values of what matters" in turned
    assert "Both directions matter" in both
    assert "so the grid wins" in both


# ---- the class ---------------------------------------------------------------------------------


def test_its_text_and_its_picture():
    here = Search()
    assert repr(here) == (
        "Search: 9 trials, importance 0.00, angle 0°: the grid tried 3 values of what matters and "
        "found 0.126, random draws 9 and 0.006; random wins 67.7% of 1,000 searches"
    )
    hidden = here.picture()
    here.show_surface = True
    assert here.picture() != hidden
    assert hidden.startswith(b"\x89PNG")
    assert len(hidden) < 60_000


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        *itertools.product(["side"], [1, 9, 2.5]),
        *itertools.product(["importance"], [-0.1, 1.1, float("nan")]),
        *itertools.product(["angle"], [-1.0, 46.0, float("nan")]),
        ("seed", -1),
    ],
)
def test_values_out_of_range_are_refused(trait, value):
    with pytest.raises(traitlets.TraitError, match=trait):
        Search(**{trait: value})
