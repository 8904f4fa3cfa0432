"""The run of the chapter on practice: its pieces, and that what it stored is what it still finds."""

import itertools
import math

import numpy as np
import pytest

from experiments import practice as run
from twice import results
from twice.scratch.backpropagation import Activation
from twice.scratch.gradcheck import gradcheck


@pytest.fixture(scope="module")
def stored():
    return results.load("practice")


# --- digits and nets


def test_a_draw_shares_no_image_between_its_parts():
    parts = run.draw(3, 200, 300)
    assert [len(y) for _, y in parts] == [200, 300, 1297]
    rows = [image.tobytes() for x, _ in parts for image in x]
    assert sorted(rows) == sorted(image.tobytes() for image in run.digits()[0])
    assert not np.array_equal(run.draw(4, 200)[0][0], parts[0][0])
    np.testing.assert_array_equal(run.draw(3, 100)[0][0], parts[0][0][:100])


def test_a_net_is_made_and_trained_as_planned():
    part, held = run.draw(0, 200)
    plan = run.Plan(units=12, epochs=2)
    model = run.reader(part, plan, [0, 1], [0, 2])
    assert [p.shape for p in model.params.values()] == [(64, 12), (12,), (12, 10), (10,)]
    assert all(p.dtype == np.float32 for p in model.params.values())
    same = run.reader(part, plan, [0, 1], [0, 2])
    other = run.reader(part, plan, [0, 1], [1, 2])
    assert run.cross_entropy(model, held) == run.cross_entropy(same, held)
    assert run.cross_entropy(model, held) != run.cross_entropy(other, held)
    assert run.reader(part, plan._replace(rate=1e30), [0, 1], [0, 2]) is None
    assert run.accuracy(None, held) == 0.1


# --- baseline


@pytest.mark.parametrize("task", ["digits", "breast cancer"])
def test_linear_is_softmax_regression_with_a_penalty(task):
    from sklearn.linear_model import LogisticRegression

    x, y = run.table(task)
    x = x if task == "digits" else ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(y))[:150]
    part, classes = (x[order[:100]], y[order[:100]]), run.TASKS[task].classes
    found = run.linear_scores(part, x[order[100:]], 0.01, classes)
    # two classes: weights (-w, w) cost twice w's square, and their difference is 2 w
    strength = 0.02 if classes > 2 else 0.01
    model = LogisticRegression(C=1 / (strength * 100), tol=1e-8, max_iter=5000).fit(*part)
    wanted = run.spread_out(model.predict_proba(x[order[100:]]), model.classes_, classes)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.03)


def test_scores_are_as_by_hand():
    found = np.array([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]])
    share, tie = run.score(found, np.array([0, 0, 1]))
    assert share == pytest.approx(1 / 3)
    assert tie == pytest.approx(np.log([0.7, 0.4, 0.5]).mean())
    y = np.array([[1.0], [2.0], [6.0]])
    assert run.score(np.full((3, 1), 3.0), y)[0] == 0
    assert run.score(y + 1, y)[0] == pytest.approx(1 - 1 / (14 / 3))


def test_the_best_trial_has_the_highest_score_then_the_better_probabilities():
    assert run.best("abcd", [(0.5, -1), (0.9, -2), (0.9, -1), (0.9, -1)]) == "c"


def test_classes_that_were_never_met_have_no_probability():
    found = run.spread_out(np.array([[0.2, 0.8]]), np.array([1, 3]), 4)
    np.testing.assert_array_equal(found, [[0, 0.2, 0, 0.8]])


def test_trees_on_the_way_are_trees_trained_so_long():
    from sklearn.ensemble import GradientBoostingRegressor

    x, y = run.table("diabetes")
    part, x = (x[:60], y[:60]), x[60:90]
    found = run.tree_scores(part, x, [(2, 5), (1, 10), (2, 10)], 1)
    for scores, (depth, count) in zip(found, [(2, 5), (1, 10), (2, 10)], strict=True):
        model = GradientBoostingRegressor(max_depth=depth, n_estimators=count, random_state=0)
        model.fit(part[0], part[1].ravel())
        np.testing.assert_allclose(scores[:, 0], model.predict(x), rtol=1e-6)


def test_trials_are_judged_within_the_training_samples(monkeypatch):
    seen = []

    def scores(model, trials, task, part, x, seed):
        seen.append((len(part[0]), len(x)))
        return [np.full((len(x), 10), 0.1) for _ in trials]

    monkeypatch.setattr(run, "all_scores", scores)
    found = run.compare("digits", 50, 0)
    assert list(found) == list(run.TASKS["digits"].models)
    assert {counts for counts in seen if counts[1] < 100} <= {(33, 17), (34, 16)}
    assert {counts for counts in seen if counts[1] > 100} == {(50, 397)}
    assert len(seen) == 7 + 3 * 3  # one test each; three folds for linear, nets, neighbors


# --- random against grid


def test_explained_shares_are_those_of_a_table_made_of_them():
    a, b = np.arange(4.0)[:, None], np.arange(4.0)[None]
    assert run.explained(3 * a + 0 * b)["rate"] == pytest.approx(1)
    found = run.explained(3 * a + 4 * b)
    assert found["rate"] == pytest.approx(0.36)
    assert found["other"] == pytest.approx(0.64)
    assert run.explained((a - 1.5) * (b - 1.5))["both"] == pytest.approx(1)


def test_the_best_of_some_draws_has_the_rank_that_repeated_draws_have():
    share = run.ranked(3, 10)
    assert share.sum() == pytest.approx(1)
    best = np.random.default_rng(0).integers(10, size=(200_000, 3)).min(axis=1)
    np.testing.assert_allclose(share, np.bincount(best, minlength=10) / 200_000, atol=0.004)


@pytest.mark.parametrize("k", [2, 3, 4, 5, 9, 16, 25])
def test_spaced_places_are_even_and_inside(k):
    for places in run.spaced(k, 32):
        assert len(set(places)) == k
        assert 0 <= min(places) <= max(places) < 32
        assert set(np.diff(places)) <= {32 // k, 32 // k + 1}
    (ends,) = run.spaced(k, 32, ends=True)
    assert (ends[0], ends[-1], len(set(ends))) == (0, 31, k)


def test_searches_look_where_they_say():
    found = run.searches(9, 7, 32)
    assert {tuple(np.unique(flat % 32)) for flat in found["line"]} == {(7,)}
    assert found["grid with ends"].shape == (1, 9)
    for flat in found["grid"]:
        rows, columns = flat // 32, flat % 32
        assert (len(set(rows)), len(set(columns)), len(set(flat))) == (3, 3, 9)
    drawn = run.latin(8, 32, np.random.default_rng(0), 50)
    assert drawn.shape == (50, 8)
    for part in (drawn // 32, drawn % 32):
        np.testing.assert_array_equal(np.sort(part // 4, axis=1), np.tile(np.arange(8), (50, 1)))


def test_a_duel_has_the_shares_of_repeated_draws():
    rng = np.random.default_rng(0)
    last = rng.integers(20, size=64) / 20.0
    flat = run.grids(2, 8)
    assert flat.shape == (16, 4)
    wins, same = run.duel(last, flat, 4)
    drawn = last[rng.integers(64, size=(100_000, 4))].min(axis=1)
    grid = last[flat[rng.integers(16, size=100_000)]].min(axis=1)
    assert wins == pytest.approx(np.mean(drawn < grid), abs=0.01)
    assert same == pytest.approx(np.mean(drawn == grid), abs=0.01)


def test_halving_spends_no_more_epochs_and_finds_the_best_when_curves_keep_their_order():
    for n in run.BUDGETS:
        start = run.halving_start(n)
        spent = 2 * start + 2 * (start // 2) + 4 * (start // 4) + 8 * (start // 8)
        more = start + 1
        assert spent <= 16 * n < 2 * more + 2 * (more // 2) + 4 * (more // 4) + 8 * (more // 8)
    rng = np.random.default_rng(0)
    losses = rng.permutation(100)[:, None] * np.ones((1, 4))
    found = run.halved(losses, 30, np.random.default_rng(1), 500)
    drawn = np.random.default_rng(1).integers(100, size=(500, 30))
    np.testing.assert_array_equal(losses[found, 0], losses[drawn, 0].min(axis=1))
    late = np.c_[-losses[:, :3], losses[:, 3:]]  # the worst of all is the best until the end
    found = run.halved(late, 30, np.random.default_rng(1), 500)
    assert losses[found, 0].mean() > 80


def test_a_diverged_net_has_the_loss_of_one_that_knows_nothing():
    losses, right = run.tried("decay", 1e30, 1e-6, 0)
    assert losses == [math.log(10)] * 4
    assert right == 0.1


# --- seeds and test sets


def test_only_the_source_changes(monkeypatch):
    asked = []
    monkeypatch.setattr(run, "one_accuracy", lambda plan, *ks: asked.append(ks) or 0.5)
    for source in run.SOURCES:
        run.sources(source, 7, 2)
    assert asked == [(7, 8000, 7), (7, 8001, 7), (7, 7, 8000), (7, 7, 8001),
                     (8000, 7, 7), (8001, 7, 7), (8000, 8000, 8000), (8001, 8001, 8001)]  # fmt: skip


def test_how_often_the_wrong_one_wins():
    rng = np.random.default_rng(0)
    a, b = np.array([0.9, 0.8]), np.array([0.8, 0.7])
    assert run.wrong(a, b, 1, True, rng) == 0
    assert run.wrong(a, b, 1, False, rng) == pytest.approx(1 / 8, abs=0.01)  # a tie in four
    assert run.wrong(a, a, 3, False, rng) == pytest.approx(0.5, abs=0.02)
    found = run.compared(rng.normal(0.91, 0.01, 4000), rng.normal(0.9, 0.01, 4000))
    # P(normal < -0.01 / (0.01 sqrt(2 / K)))
    for k, wanted in {"1": 0.2398, "2": 0.1587, "5": 0.0569}.items():
        assert found["wrong"][k] == pytest.approx(wanted, abs=0.03)
        assert found["wrong_paired"][k] == pytest.approx(wanted, abs=0.03)
    assert found["needed"] == found["needed_paired"] == 10


def test_the_best_of_some_is_the_mean_over_all_choices():
    seen, values = np.array([0.9, 0.8, 0.9, 0.7, 0.8]), np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    for k in (1, 2, 3, 5):
        wanted = []
        for chosen in itertools.combinations(range(5), k):
            top = max(seen[i] for i in chosen)
            wanted.append(np.mean([values[i] for i in chosen if seen[i] == top]))
        assert run.best_of(k, seen, values) == pytest.approx(np.mean(wanted))


def test_reported_of_one_is_fresh_of_one_on_average(monkeypatch):
    right = np.random.default_rng(0).random((10, 1597)) < np.linspace(0.6, 0.9, 10)[:, None]
    monkeypatch.setattr(run, "pool", lambda kind, seed, count: right)
    found = run.chosen_by_test("seeds", [0], 10, 200)["100"]
    assert found["tried"] == [1, 2, 5, 10]
    assert found["reported"]["1"] == pytest.approx(found["fresh"]["1"], abs=0.01)
    assert found["reported"]["10"][0] > found["fresh"]["10"][0]
    assert found["best_fresh"]["10"][0] == pytest.approx(right.mean(axis=1).max(), abs=0.005)


# --- sanity


@pytest.mark.parametrize("name", list(run.FAULTS))
def test_a_fault_is_in_place(name):
    case, healthy = run.FAULTS[name](), run.Healthy()
    (x, y), (held, _), (fresh, _) = case.data(0)
    (x0, y0), (held0, _), (fresh0, _) = healthy.data(0)
    changed = {
        "x": not np.array_equal(x, x0),
        "held": not np.array_equal(held, held0),
        "fresh": not np.array_equal(fresh, fresh0),
        "y": not np.array_equal(y, y0),
        "rate": case.rate != healthy.rate,
        "net": repr([type(a).__name__ for a in case.build(0).layers])
        != repr([type(a).__name__ for a in healthy.build(0).layers]),
        "weights": not np.array_equal(case.build(0).layers[0].params["kernel"],
                                      healthy.build(0).layers[0].params["kernel"]),
        "penalty": not case.build(0, 0.1).penalty() == healthy.build(0, 0.1).penalty(),
    }  # fmt: skip
    wanted = {
        "none": set(),
        "labels astray": {"y"},
        "all weights zero": {"weights", "penalty"},
        "rate too high": {"rate"},
        "rate too low": {"rate"},
        "pixels to 255": {"x", "held", "fresh"},
        "copies in training and validation": {"x", "y", "held"},
        "penalty subtracted": {"penalty"},
    }.get(name, {"net"})
    assert {key for key, there in changed.items() if there} == wanted
    if name == "copies in training and validation":
        assert {a.tobytes() for a in x} & {a.tobytes() for a in held}
    else:
        assert not {a.tobytes() for a in x} & {a.tobytes() for a in held}


def test_a_mixed_layer_has_the_gradient_of_what_it_does():
    x = np.random.default_rng(0).normal(size=(3, 4))
    layer = run.Mixed()
    np.testing.assert_array_equal(layer.forward(x).ravel(), x.T.ravel())
    assert gradcheck(layer, x).ok
    assert not gradcheck(run.NoSlope("relu"), x).ok
    assert gradcheck(Activation("relu"), x).ok


# --- what is stored


def same(found, wanted, where=""):
    """Equal in shape; numbers within 5 %, or 0.03 of an accuracy."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for key in wanted:
            same(found[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for k, pair in enumerate(zip(found, wanted, strict=True)):
            same(*pair, f"{where}/{k}")
    elif isinstance(wanted, float) and "gradient" not in where:
        assert found == pytest.approx(wanted, rel=0.05, abs=0.03), where
    elif not isinstance(wanted, float):
        assert found == wanted, where


def test_a_small_part_gives_what_was_stored(stored):
    same(run.rounded(run.small()), stored["small"])
