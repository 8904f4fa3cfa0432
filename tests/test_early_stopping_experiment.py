"""Early stopping and the validation data: each way does what it says, and the stored runs hold."""

import numpy as np
import pytest

from experiments import early_stopping
from twice import results

SPLIT, NOISE = (100, 100), 0.2
SGD = early_stopping.OPTIMIZERS["SGD"]
BETTER = ("same epochs", "same updates", "continued")


@pytest.fixture(scope="module")
def stored():
    return results.load("early_stopping")


@pytest.fixture(scope="module")
def parts():
    return early_stopping.images(0, SPLIT, NOISE)


def cases(stored):
    """(noise, one table) for every split, noise and optimizer."""
    for by_noise in stored["table"].values():
        for noise, by_optimizer in by_noise.items():
            yield from ((float(noise), table) for table in by_optimizer.values())


def test_no_image_is_in_two_parts_and_the_test_labels_are_true(parts):
    assert [len(x) for x, _ in parts] == [100, 100, 100, early_stopping.TEST]
    images = np.concatenate([x for x, _ in parts])
    assert len(np.unique(images, axis=0)) == len(images)
    clean = early_stopping.images(0, SPLIT, 0.0)
    changed = [int(np.sum(a[1] != b[1])) for a, b in zip(parts, clean, strict=True)]
    assert changed == [20, 20, 20, 0]
    for a, b in zip(parts, clean, strict=True):
        np.testing.assert_array_equal(a[0], b[0])


def test_the_stopped_weights_are_those_of_the_best_epoch(parts):
    train, validation, _, _ = parts
    model, epochs = early_stopping.stopped(0, SGD, train, validation)
    again = early_stopping.trained(0, SGD, train, early_stopping.updates_of(train, epochs))
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    longer = early_stopping.trained(0, SGD, train, early_stopping.updates_of(train, epochs + 5))
    best, later = (early_stopping.loss_of(m, validation) for m in (model, longer))
    assert best < later


@pytest.mark.parametrize(("updates", "steps"), [(3, 3), (4, 4), (6, 6)])
def test_trained_takes_exactly_so_many_updates(parts, updates, steps):
    class Counting:
        def __init__(self):
            self.steps = 0

        def step(self, params, grads):
            self.steps += 1

    optimizer = Counting()
    early_stopping.trained(0, lambda: optimizer, parts[0], updates)
    assert optimizer.steps == steps


def test_updates_count_the_last_small_batch():
    assert early_stopping.updates_of((np.zeros(100), None), 3) == 12
    assert early_stopping.updates_of((np.zeros(96), None), 3) == 9


def test_continuing_ends_at_the_bound_and_leaves_the_stopped_weights_alone(parts):
    train, validation, _, _ = parts
    model = early_stopping.trained(0, SGD, train, 40)
    before, bound = model.get_weights(), 0.8 * early_stopping.loss_of(model, validation)
    how = (model, 0, SGD, train, validation)
    new, epochs = early_stopping.continued(*how, bound)
    assert epochs >= 1
    assert early_stopping.loss_of(new, validation) <= bound
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    same, none = early_stopping.continued(*how, early_stopping.loss_of(model, validation) + 1e-6)
    assert none == 0
    np.testing.assert_array_equal(same.get_weights()[0], before[0])


def test_a_bound_that_is_not_reached_gives_no_epochs(parts, monkeypatch):
    monkeypatch.setattr(early_stopping, "EPOCHS", 3)
    train, validation, _, _ = parts
    model = early_stopping.trained(0, SGD, train, 10)
    new, epochs = early_stopping.continued(model, 0, SGD, train, validation, 0.0)
    assert epochs is None
    assert np.any(new.get_weights()[0] != model.get_weights()[0])


def test_one_seed_gives_what_was_stored(stored):
    """SGD's rounding differs by machine, and training amplifies it: a little is allowed."""
    seed = results.read("early_stopping")["seeds"][0]
    found = early_stopping.one_seed(seed, SPLIT, NOISE, "SGD")
    kept = stored["table"]["100+100"][str(NOISE)]["SGD"]
    assert abs(found["epochs"] - kept["epochs"][0]) <= 5
    assert found["updates"] == 4 * found["epochs"]
    assert found["val_loss"] == pytest.approx(kept["val_loss"][0], rel=0.02)
    assert list(found["test_loss"]) == list(early_stopping.RUNS) == list(kept["test_loss"])
    for run in early_stopping.RUNS:
        assert found["test_loss"][run] == pytest.approx(kept["test_loss"][run][0], rel=0.15)
        assert found["test_accuracy"][run] == pytest.approx(kept["test_accuracy"][run][0], abs=0.04)


def test_the_stored_tables_are_whole(stored):
    seeds = len(results.read("early_stopping")["seeds"])
    assert seeds >= 10
    assert list(stored["table"]) == [f"{a}+{b}" for a, b in early_stopping.SPLITS]
    tables = [table for _, table in cases(stored)]
    assert len(tables) == 8
    for table in tables:
        rows = [*table["test_loss"].values(), *table["test_accuracy"].values()]
        assert len(rows) == 2 * len(early_stopping.RUNS)
        assert {len(row) for row in (*rows, table["epochs"], table["continued_epochs"])} == {seeds}
        assert max(table["epochs"]) < stored["epochs"]  # every run was stopped before its end


def paired(table, measure, run):
    """What a run has more than the stopped weights, seed by seed."""
    return np.subtract(table[measure][run], table[measure]["stopped"])


def test_every_way_to_reuse_the_validation_data_is_worth_it(stored):
    for _, table in cases(stored):
        for run in BETTER:
            assert paired(table, "test_accuracy", run).mean() > 0
            assert paired(table, "test_loss", run).mean() < 0.005


def test_training_to_the_end_hurts_with_noisy_labels_and_helps_with_true_ones(stored):
    for noise, table in cases(stored):
        gained = paired(table, "test_accuracy", "all, to the end")
        if noise:
            assert gained.mean() < -0.03
        else:
            assert gained.mean() > 0.005
            assert np.all(gained > -0.005)


def test_going_on_ended_always_but_not_with_a_penalty(stored):
    for _, table in cases(stored):
        assert None not in table["continued_epochs"]
    never = [row.count(None) for rows in stored["penalized"].values() for row in rows.values()]
    assert 1 <= sum(never) < sum(map(len, stored["penalized"]["300+100"].values()))


def test_the_penalized_network_adds_its_penalty(parts):
    model, _ = early_stopping.start(0, early_stopping.penalized)
    plain, _ = early_stopping.start(0)
    squares = sum(np.sum(w**2) for w in plain.get_weights() if w.ndim == 2)
    more = early_stopping.loss_of(model, parts[0]) - early_stopping.loss_of(plain, parts[0])
    assert more == pytest.approx(0.01 * squares, rel=1e-4)
