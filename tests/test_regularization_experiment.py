"""The run of all regularizers: its pieces, and that what it stored is what it still finds."""

import math
from dataclasses import replace

import numpy as np
import pytest

from experiments import regularization as run
from twice import results
from twice.scratch.backpropagation import Dense
from twice.scratch.noise import Dropout, GaussianNoise, WeightNoise
from twice.scratch.normalization import BatchNormalization
from twice.scratch.regularization import Regularized, kernels

BRIEF = replace(run.SMALL, epochs=3)


@pytest.fixture(scope="module")
def stored():
    return results.load("regularization")


# --- images


def test_images_that_choose_strengths_are_never_in_the_report():
    tuning, report = ({image.tobytes() for image in run.half(r)[0]} for r in (False, True))
    assert len(tuning) + len(report) == len(tuning | report) > 1780


@pytest.mark.parametrize("reported", [False, True])
def test_a_seed_cuts_its_half_into_three(reported):
    parts = run.images(3, 0.0, reported, run.Setting())
    assert [len(y) for _, y in parts[:2]] == [200, 100]
    assert 590 < len(parts[2][1]) < 610
    cut = sorted(image.tobytes() for x, _ in parts for image in x)
    assert cut == sorted(image.tobytes() for image in run.half(reported)[0])
    other = run.images(4, 0.0, reported, run.Setting())
    assert not np.array_equal(other[0][0], parts[0][0])


@pytest.mark.parametrize(("reported", "noisy"), [(False, [40, 20, 120]), (True, [40, 20, 0])])
def test_only_the_labels_that_report_are_all_true(reported, noisy):
    clean, dirty = (run.images(5, n, reported, run.Setting()) for n in (0.0, 0.2))
    changed = [int((a != b).sum()) for (_, a), (_, b) in zip(clean, dirty, strict=True)]
    assert changed == pytest.approx(noisy, abs=1)
    for (a, _), (b, _) in zip(clean, dirty, strict=True):
        np.testing.assert_array_equal(a, b)


# --- networks


def types(ways):
    return [type(layer) for layer in run.network(ways, (16, 8), 0).layers]


def test_each_way_puts_its_layers_in_place():
    plain = types({})
    assert plain.count(Dense) == 3
    assert types({"dropout": 0.5}).count(Dropout) == 2
    assert types({"batch norm": 0.1}).count(BatchNormalization) == 2
    assert types({"input noise": 0.1})[1] is GaussianNoise
    assert types({"weight noise": 0.1}).count(WeightNoise) == 3
    for way in ("L2", "L1", "elastic"):
        model = run.network({way: 0.1}, (16, 8), 0)
        assert isinstance(model, Regularized)
        weights = np.concatenate([w.ravel() for w in kernels(model.params).values()])
        squares, lengths = np.sum(weights**2), np.abs(weights).sum()
        wanted = {"L2": 0.1 * squares, "L1": 0.1 * lengths,
                  "elastic": 0.1 * squares + 0.01 * lengths}  # fmt: skip
        assert model.penalty() == pytest.approx(wanted[way], rel=1e-5)
    assert {type(run.network({w: 1.0}, (16, 8), 0)) for w in ("max-norm", "mixup")} == {
        type(run.network({}, (16, 8), 0))
    }


def test_all_networks_of_a_seed_start_alike():
    starts = [
        [w for w in run.network(ways, (16, 8), 7).params.values() if w.ndim == 2]
        for ways in ({}, {"dropout": 0.5, "input noise": 1.0}, {"batch norm": 0.1}, {"L2": 1.0},
                     {"weight noise": 0.5})
    ]  # fmt: skip
    for start in starts:
        for a, b in zip(start, starts[0], strict=True):
            np.testing.assert_array_equal(a, b)
    other = run.network({}, (16, 8), 7, start=1)
    assert not np.array_equal(other.params["1.kernel"], starts[0][0])


def test_batches_are_changed_as_the_ways_say():
    x = np.zeros((40, 8, 8, 1), np.float32)
    x[:, 3:5, 3:5] = 1
    y = np.eye(10, dtype=np.float32)[np.arange(40) % 10]
    model = run.network({}, (16, 8), 0)
    assert run.augmentation({"dropout": 0.5, "L2": 1.0}, model, 0) is None
    moved, labels = run.augmentation({"augmentation": 2.0}, model, 0)(x, y)
    np.testing.assert_array_equal(labels, y)
    assert not np.allclose(moved, x)
    np.testing.assert_allclose(moved.sum(axis=(1, 2, 3)), 4, atol=1.5)
    assert moved[:, (0, 7)].max() < 0.2 < moved[:, (1, 6)].max()  # two pixels, and a little turn
    _, labels = run.augmentation({"augmentation": 2.0, "mixup": 1.0}, model, 0)(x, y)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert ((labels > 0).sum(axis=1) == 2).sum() > 20
    attacked, labels = run.augmentation({"adversarial": 0.1}, model, 0)(x, y)
    assert len(attacked) == len(labels) == 80
    np.testing.assert_array_equal(attacked[:40], x)
    assert np.abs(attacked[40:] - x).max() == pytest.approx(0.1)


def test_max_norm_holds_after_training():
    part, stopping, _ = run.images(0, 0.0, True, BRIEF)
    lengths = []
    for ways in ({}, {"max-norm": 0.5}):
        model = run.trained(ways, 0, part, stopping, BRIEF)
        columns = [np.linalg.norm(w, axis=0) for w in kernels(model.params).values()]
        lengths.append(max(column.max() for column in columns))
    assert lengths[1] < 0.50001 < lengths[0]


def test_fewer_epochs_are_fewer_epochs():
    part, stopping, judge = run.images(0, 0.2, True, BRIEF)
    short = run.trained({"fewer epochs": 2}, 0, part, stopping, BRIEF)
    same = run.trained({}, 0, part, stopping, replace(BRIEF, epochs=2))
    assert run.judged(short, part, judge) == run.judged(same, part, judge)
    assert run.judged(short, part, judge) != run.judged(
        run.trained({}, 0, part, stopping, BRIEF), part, judge
    )


def test_early_stopping_keeps_the_best_epoch_of_its_own_images():
    part, stopping, _ = run.images(0, 0.2, True, run.Setting())
    setting = replace(run.Setting(), epochs=40)
    stopped = run.trained({"early stopping": 5}, 0, part, stopping, setting)
    whole = run.trained({}, 0, part, stopping, setting)
    measured = [run.judged(model, part, stopping)["test_loss"] for model in (stopped, whole)]
    assert measured[0] < 0.8 * measured[1]


class Says:
    """A network whose scores are given."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, np.float32)

    def predict(self, x):
        return self.scores[: len(x)]


def test_a_network_is_judged_as_by_hand():
    y = np.array([0, 1, 2, 3])
    scores = np.zeros((4, 10))
    scores[[0, 1, 2, 3], [0, 1, 2, 9]] = math.log(9)  # 9 of 18 shares each
    found = run.judged(Says(scores), (np.zeros((4, 1)), y), (np.zeros((2, 1)), y[:2]))
    assert found["train_accuracy"] == 0.75
    assert found["train_loss"] == pytest.approx((3 * math.log(2) + math.log(18)) / 4, rel=1e-6)
    assert found["test_loss"] == pytest.approx(math.log(2), rel=1e-6)
    assert found["gap"] == pytest.approx(0.5 - 1)
    assert run.judged(None, None, None) is None


@pytest.mark.parametrize("way", ["ensemble", "bagging"])
def test_several_networks_average_their_probabilities(way):
    part, _, (x, _) = run.images(0, 0.0, True, BRIEF)
    group = run.several(way, 0, part, replace(BRIEF, models=3))
    each = group.predict_each(x)
    assert each.shape == (3, len(x), 10)
    assert min(np.abs(each[0] - each[k]).max() for k in (1, 2)) > 0.01
    np.testing.assert_allclose(
        np.exp(run.log_probabilities(group, x)), each.mean(axis=0), rtol=1e-5, atol=1e-12
    )
    assert hasattr(group, "left_out") == (way == "bagging")


# --- choosing


def test_a_rate_that_diverges_is_never_chosen():
    assert run.one_run({"rate": 1e6}, 0, 0.0, True, BRIEF) is None
    assert run.tuned({"rate": 1e6}, 0.0, BRIEF) == (math.inf, 0.0)
    found = run.alone("rate", 0.0, [0], BRIEF, {"rate": (1e6, 0.04)})
    assert found["chosen"] == 0.04
    assert found["tuning_loss"][0] is None
    lost = run.reported({"rate": 1e6}, 0.0, [0, 1], BRIEF)
    assert lost == {measure: [None, None] for measure in run.MEASURES}


def test_a_pair_gets_the_best_and_the_two_weaker(monkeypatch):
    assert run.three("dropout", 0.5) == (0.3, 0.4, 0.5)
    assert run.three("dropout", 0.2) == run.three("dropout", 0.1) == (0.1, 0.2, 0.3)
    assert run.three("early stopping", 5) == (12, 8, 5)
    asked = []

    def tuned(ways, noise, setting):
        asked.append(tuple(ways.values()))
        return abs(ways["dropout"] - 0.4) + abs(ways["L2"] - 0.0002), 0.5

    monkeypatch.setattr(run, "tuned", tuned)
    monkeypatch.setattr(run, "one_run", lambda ways, *_: dict.fromkeys(run.MEASURES, ways["L2"]))
    found = run.pair(("L2", "dropout"), (0.0008, 0.5), 0.0, [0, 1], BRIEF)
    assert len(asked) == len(set(asked)) == 9
    assert found["strengths"] == [[0.0002, 0.0004, 0.0008], [0.3, 0.4, 0.5]]
    assert found["chosen"] == [0.0002, 0.4]
    assert found["test_loss"] == [0.0002, 0.0002]


def test_rate_and_strength_are_chosen_together(monkeypatch):
    grids, asked = {"L2": (0.1, 0.2, 0.3)}, []

    def tuned(ways, noise, setting):
        asked.append((ways["rate"], ways["L2"]))
        return (math.inf, 0.9) if ways == {"L2": 0.1, "rate": 0.01} else (ways["rate"], ways["L2"])

    def reported(ways, noise, seeds, setting):
        return {measure: [ways["rate"], ways["L2"]] for measure in run.MEASURES}

    monkeypatch.setattr(run, "tuned", tuned)
    monkeypatch.setattr(run, "reported", reported)
    known = {"tuning_loss": [None, 0.5, 0.001], "tuning_accuracy": [0.0, 0.1, 0.2]}
    found = run.with_rate("L2", known, 0.0, [0], run.Setting(), grids)
    assert sorted(asked) == [(r, s) for r in (0.0025, 0.01) for s in (0.1, 0.2, 0.3)]
    assert found["rates"] == [0.04, 0.01, 0.0025]
    assert found["tuning_loss"] == [[None, 0.5, 0.001], [None, 0.01, 0.01], [0.0025] * 3]
    assert found["chosen"] == [0.04, 0.3] == found["test_loss"]
    assert found["by_accuracy"]["chosen"] == [0.01, 0.1] == found["by_accuracy"]["test_accuracy"]


def test_what_is_done_is_not_done_again(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    methods, pairs = ("none", "L2", "dropout"), (("L2", "dropout"),)
    first = run.tables(0.0, [0], BRIEF, methods, pairs)
    monkeypatch.setattr(run, "one_run", lambda *_: pytest.fail("trained again"))
    assert run.tables(0.0, [0], BRIEF, methods, pairs) == first
    assert list(first["alone"]) == list(methods)
    assert list(first["pairs"]["L2"]) == ["dropout"]
    with pytest.raises(pytest.fail.Exception):
        run.tables(0.0, [1], BRIEF, methods, pairs)


def test_a_race_counts_updates_to_the_end_of_the_epoch():
    setting = replace(run.SPEED, train=100, epochs=4)
    targets = {"soon": ("val_accuracy", 0.1), "later": ("train_loss", 1.8)}
    watch = run.race(0.0, 0.04, 0, True, setting, targets)
    assert watch.reached["soon"] == 3
    assert watch.reached["later"] in (6, 9, 12)
    assert watch.updates == max(watch.reached.values()) <= 12
    assert watch.seconds > 0
    never = run.race(0.5, 0.04, 0, True, setting, {"never": ("train_loss", 0.0)})
    assert never.reached == {"never": None}
    assert never.updates == 12


# --- what is stored


def test_a_small_part_gives_what_was_stored(stored):
    found = run.small()
    assert list(found) == list(stored["small"])
    assert len(found) == len(run.METHODS) + len(run.PAIRS)
    for name, measures in found.items():
        for measure in ("train_loss", "test_loss"):
            wanted = stored["small"][name][measure]
            assert measures[measure] == pytest.approx(wanted, rel=0.05), name
        for measure in ("train_accuracy", "test_accuracy", "gap"):
            assert measures[measure] == pytest.approx(stored["small"][name][measure], abs=0.03)


def entries(stored):
    """(noise, name, what is stored) of every method and every pair."""
    for noise, tables in stored["by_noise"].items():
        for method, found in tables["alone"].items():
            yield noise, method, found
        for one, row in tables["pairs"].items():
            for other, found in row.items():
                yield noise, (one, other), found


def test_the_stored_tables_are_whole(stored):
    seeds = len(results.read("regularization")["seeds"])
    assert list(stored["by_noise"]) == [str(noise) for noise in run.NOISES]
    for tables in stored["by_noise"].values():
        assert list(tables["alone"]) == list(run.METHODS)
        pairs = [(a, b) for a, row in tables["pairs"].items() for b in row]
        assert pairs == list(run.PAIRS)
    for _, _, found in entries(stored):
        for measure in run.MEASURES:
            assert len(found[measure]) == seeds >= 10
            assert np.isfinite(found[measure]).all()


def test_what_was_chosen_is_the_best_of_nine(stored):
    for noise, name, found in entries(stored):
        if name in run.FIXED:
            assert found["chosen"] is None
            continue
        lost = np.array(found["tuning_loss"], float)
        assert lost.size == np.size(found["tuning_accuracy"]) == 9
        best = np.unravel_index(np.nanargmin(lost), lost.shape)
        if isinstance(name, str):
            assert found["strengths"] == list(run.GRIDS[name])
            assert found["chosen"] == found["strengths"][best[0]]
            other = found["by_accuracy"]
            most = int(np.argmax(found["tuning_accuracy"]))
            assert other["chosen"] == found["strengths"][most]
            assert len(other["test_accuracy"]) == len(found["test_accuracy"])
            if other["chosen"] == found["chosen"]:
                assert other["test_loss"] == found["test_loss"]
            assert (best[0] in (0, 8)) == (name in run.EDGES[noise]), f"{name} at noise {noise}"
            continue
        alone = stored["by_noise"][noise]["alone"]
        assert found["strengths"] == [list(run.three(m, alone[m]["chosen"])) for m in name]
        k, j = (row.index(s) for row, s in zip(found["strengths"], found["chosen"], strict=True))
        assert lost[k, j] == lost.min()  # two may be equal to four digits


def test_with_rate_is_the_best_of_twenty_seven(stored):
    seeds = len(results.read("regularization")["seeds"])
    for noise, name, alone in entries(stored):
        assert ("with_rate" in alone) == (name in run.WITH_RATE)
        if name not in run.WITH_RATE:
            continue
        found = alone["with_rate"]
        assert found["rates"] == [run.Setting().rate, *run.RATES]
        lost = np.array(found["tuning_loss"], float)
        assert lost.shape == np.shape(found["tuning_accuracy"]) == (3, 9)
        assert found["tuning_loss"][0] == alone["tuning_loss"]
        measures = (-lost, np.array(found["tuning_accuracy"]))
        for measure, part in zip(measures, (found, found["by_accuracy"]), strict=True):
            rate, strength = part["chosen"]
            k, j = found["rates"].index(rate), alone["strengths"].index(strength)
            assert measure[k, j] == np.nanmax(measure), f"{name} {noise}"  # to four digits
            assert len(part["test_accuracy"]) == seeds
            if k == 0 and part["chosen"][1] == alone["chosen"]:
                assert part["test_accuracy"] == alone["test_accuracy"]


def test_a_stored_choice_of_rate_is_found_again(stored):
    found = stored["by_noise"]["0.2"]["alone"]["adversarial"]["with_rate"]
    rate, strength = found["chosen"]
    again = run.one_run({"adversarial": strength, "rate": rate}, 0, 0.2, True, run.Setting())
    assert again["test_accuracy"] == pytest.approx(found["test_accuracy"][0], abs=0.02)
    assert again["test_loss"] == pytest.approx(found["test_loss"][0], rel=0.05)


def test_the_stored_speeds_are_whole(stored):
    speed = stored["dropout_speed"]
    seeds = len(results.read("regularization")["seeds"])
    assert list(speed["found"]) == list(run.TARGETS)
    for by_dropout in speed["found"].values():
        assert list(by_dropout) == [str(d) for d in run.SPEED_DROPOUTS]
        for found in by_dropout.values():
            assert found["rate"] == found["rates"][int(np.argmin(found["tuning_updates"]))]
            assert found["rates"][0] < found["rate"] < found["rates"][-1]
            assert len(found["updates"]) == seeds
            assert all(u is None or 0 < u <= speed["limit"] for u in found["updates"])
    for case, by_dropout in stored["always_dropout"].items():
        assert list(by_dropout) == [str(d) for d in run.ALWAYS_DROPOUTS], case
        for found in by_dropout.values():
            assert len(found["test_loss"]) == seeds
            assert found["rate"] == found["rates"][int(np.argmin(found["tuning_loss"]))]
            assert found["rates"][0] < found["rate"] < found["rates"][-1]


# --- what the chapter says about it


def gained(stored, noise, name, measure="test_accuracy"):
    """What a method (or a pair) has more than the network without any, seed by seed."""
    tables = stored["by_noise"][noise]
    found = tables["pairs"][name[0]][name[1]] if isinstance(name, tuple) else tables["alone"][name]
    return np.subtract(found[measure], tables["alone"]["none"][measure])


@pytest.mark.parametrize("method", ["adversarial", "batch norm", "input noise", "more images"])
def test_with_true_labels_these_help_with_nearly_every_seed(stored, method):
    more = gained(stored, "0.0", method)
    assert more.mean() > 0.008
    assert np.sum(more > 0) >= len(more) - 1


@pytest.mark.parametrize("method", ["L2", "L1", "elastic", "max-norm"])
def test_with_true_labels_penalties_mend_the_loss_as_a_lower_rate_does(stored, method):
    assert abs(gained(stored, "0.0", method).mean()) < 0.006
    lost = gained(stored, "0.0", method, "test_loss").mean()
    assert lost < -0.02
    assert abs(lost - gained(stored, "0.0", "rate", "test_loss").mean()) < 0.02


def test_with_true_labels_stopping_early_costs_and_averaging_helps_a_little(stored):
    assert gained(stored, "0.0", "early stopping").mean() < 0
    assert gained(stored, "0.0", "fewer epochs").mean() < 0
    averaged = gained(stored, "0.0", "ensemble")
    assert 0 < averaged.mean() < 0.01
    assert averaged.mean() > gained(stored, "0.0", "bagging").mean()


def test_with_wrong_labels_nearly_everything_helps_much(stored):
    for method in set(run.METHODS) - {"none", "L1", "ensemble", "more images"}:
        assert gained(stored, "0.2", method).mean() > 0.02, method
    # and hardly anything more than a lower rate, which costs nothing
    rate = gained(stored, "0.2", "rate").mean()
    better = [m for m in run.METHODS if gained(stored, "0.2", m).mean() > rate]
    assert rate > 0.08
    assert len(better) <= 3
    assert gained(stored, "0.2", "bagging").mean() > gained(stored, "0.2", "ensemble").mean() + 0.02


def test_with_wrong_labels_a_tuned_rate_leaves_little_to_the_others(stored):
    tables = stored["by_noise"]["0.2"]["alone"]
    more = {
        m: np.subtract(tables[m]["with_rate"]["test_accuracy"], tables["rate"]["test_accuracy"])
        for m in run.WITH_RATE
    }
    helps = {"adversarial", "input noise"}
    assert {m for m, gain in more.items() if gain.mean() > 0.01} == helps
    assert max(abs(more[m].mean()) for m in set(more) - helps) < 0.007
    by_accuracy = tables["label smoothing"]["with_rate"]["by_accuracy"]["test_accuracy"]
    assert np.all(np.greater(by_accuracy, tables["rate"]["test_accuracy"]))


def test_dropout_makes_training_slower(stored):
    speed = stored["dropout_speed"]
    for name in ("train_loss 0.1", "train_loss 0.01"):
        updates = [np.array(speed["found"][name][d]["updates"], float) for d in ("0.0", "0.5")]
        assert np.all(updates[1] > 1.2 * updates[0])
    for by_dropout in speed["found"].values():
        without, half = (
            [u or speed["limit"] for u in by_dropout[d]["updates"]] for d in ("0.0", "0.5")
        )
        assert np.mean(half) > np.mean(without)
    times = {d: np.median(ms) for d, ms in speed["milliseconds"].items()}
    assert min(times["0.2"], times["0.5"]) > 1.1 * times["0.0"]


def test_dropout_hurts_a_small_network(stored):
    for count in run.IMAGES:
        case = stored["always_dropout"][f"small net, {count} images"]
        lost = np.subtract(case["0.5"]["test_accuracy"], case["0.0"]["test_accuracy"])
        assert lost.mean() < -0.03
        assert np.mean(case["0.5"]["train_loss"]) > 2 * np.mean(case["0.0"]["train_loss"])
