"""The runs behind the clinic: each fault is planted as said, its symptoms hold in every seed."""

import numpy as np
import pytest

from experiments import clinic as run
from twice import results
from twice.scratch.activation_layers import Softmax
from twice.scratch.backpropagation import Dense
from twice.widgets.clinic import FAULTS, FLOOR, HEALTHY, PATIENTS, records

NETWORKS = (HEALTHY, *FAULTS)


@pytest.fixture(scope="module")
def stored():
    return results.load("clinic")


def dense(fault, seed=0):
    model = run.network(fault, np.random.default_rng(seed))
    return [layer for layer in model.layers if isinstance(layer, Dense)]


def test_a_fault_in_the_images_changes_what_it_should_and_nothing_else():
    (x, y), (x_val, y_val) = run.images(HEALTHY, 3)
    assert x.shape == (512, 64)
    assert x.dtype == np.float32
    assert 400 < len(x_val) < 430
    assert abs(x.mean()) < 1e-4
    assert x.std() == pytest.approx(1, abs=1e-4)
    assert not {row.tobytes() for row in x} & {row.tobytes() for row in x_val}
    for fault in set(FAULTS) - {"raw_inputs", "wrong_labels", "overfitting"}:
        (other, labels), _ = run.images(fault, 3)
        np.testing.assert_array_equal(other, x)
        np.testing.assert_array_equal(labels, y)
    (raw, labels), (raw_val, _) = run.images("raw_inputs", 3)
    np.testing.assert_array_equal(labels, y)
    assert (raw.min(), raw.max()) == (0, 16)
    np.testing.assert_array_equal(raw, np.round(raw))
    np.testing.assert_allclose(np.corrcoef(raw.ravel(), x.ravel())[0, 1], 1, atol=1e-6)
    assert raw_val.max() == 16
    (same, shuffled), (_, judged) = run.images("wrong_labels", 3)
    np.testing.assert_array_equal(same, x)
    np.testing.assert_array_equal(np.bincount(shuffled), np.bincount(y))
    assert np.mean(shuffled == y) < 0.2
    np.testing.assert_array_equal(judged, y_val)
    (few, labels), (_, judged) = run.images("overfitting", 3)
    np.testing.assert_array_equal(few, x[:64])
    np.testing.assert_array_equal(labels, y[:64])
    np.testing.assert_array_equal(judged, y_val)


def test_a_fault_in_the_network_changes_what_it_should_and_nothing_else():
    healthy = dense(HEALTHY)
    assert [layer.params["kernel"].shape for layer in healthy] == [
        (64, 48), (48, 48), (48, 48), (48, 48), (48, 10)
    ]  # fmt: skip
    for layer in healthy:
        kernel = layer.params["kernel"]
        assert kernel.std() == pytest.approx(np.sqrt(2 / len(kernel)), rel=0.1)
        assert not layer.params["bias"].any()
    for fault in set(FAULTS) - {"small_weights"}:
        for ours, theirs in zip(healthy, dense(fault), strict=True):
            np.testing.assert_array_equal(ours.params["kernel"], theirs.params["kernel"])
    small, dead = dense("small_weights"), dense("dead_units")
    assert [layer.params["kernel"].std() for layer in small] == pytest.approx([0.02] * 5, rel=0.1)
    assert [layer.params["bias"][0] for layer in dead] == [-2, -2, -2, -2, 0]
    twice = run.network("softmax_twice", np.random.default_rng(0)).layers
    assert isinstance(twice[-1], Softmax)
    assert sum(isinstance(layer, Softmax) for layer in twice) == 1
    rates = {fault: run.rate(fault) for fault in NETWORKS}
    assert rates.pop("rate_high") == 0.5
    assert rates.pop("rate_low") == 3e-5
    assert set(rates.values()) == {0.03}


def test_a_small_part_gives_what_was_stored(stored):
    found = run.small()
    assert set(found) == set(NETWORKS)
    for fault, ours in found.items():
        theirs = stored["small"][fault]
        assert set(ours) == set(theirs)
        for name in ("start", "val_loss", "first_spread", "first_ratio", "first_gradient"):
            rough = 0.15 if fault == "rate_high" else 0.02
            np.testing.assert_allclose(
                ours[name], theirs[name], rtol=rough, atol=rough, err_msg=f"{fault} {name}"
            )
        for name in ("train_accuracy", "first_dead"):
            np.testing.assert_allclose(ours[name], theirs[name], atol=0.05, err_msg=fault)


def test_what_is_looked_at_is_what_the_network_did():
    times = run.moments(64)
    assert times == [0, 1, 2, 4, 8, 16, 24, 32, 48, 63]
    found = run.train(HEALTHY, 1, 64)
    assert found["loss"].shape == found["accuracy"].shape == (2, 10)
    assert found["ratio"].shape == found["gradient"].shape == found["spread"].shape == (5, 10)
    assert found["dead"].shape == (4, 10)
    assert run.looks(times) == [0, 1, 4, 16, 63]
    assert found["histogram"].shape == (5, 5, 24)
    np.testing.assert_allclose(found["histogram"].sum(axis=2), 1)
    # before the first step: by hand
    _, (x_val, y_val) = run.images(HEALTHY, 1)
    rng = np.random.default_rng(1)
    layers = run.network(HEALTHY, rng).layers
    a, spread, dead = x_val, [], []
    for layer in layers:
        a = layer.forward(a)
        if layer.params:
            spread.append(np.log10(a[:200].std()))
        else:
            dead.append(np.mean([not column.any() for column in a[:200].T]))
    np.testing.assert_allclose(found["spread"][:, 0], spread, atol=1e-5)
    np.testing.assert_allclose(found["dead"][:, 0], dead)
    assert found["accuracy"][1, 0] == np.mean(a.argmax(axis=1) == y_val)
    shares = np.exp(a - a.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    loss = -np.log(shares[np.arange(len(y_val)), y_val]).mean()
    assert found["loss"][1, 0] == pytest.approx(loss, rel=1e-4)
    # of plain SGD: what moves is the rate times the gradient
    sizes = [np.linalg.norm(layer.params["kernel"]) for layer in layers if layer.params]
    moved = found["gradient"][:, 0] + np.log10(run.RATE) - np.log10(sizes)
    np.testing.assert_allclose(found["ratio"][:, 0], moved, atol=1e-3)


def test_facts_by_hand():
    found = {
        "loss": np.array([[2.0, 3.0, 1.0, 1.1], [2.0, 2.0, 3.0, 4.0]]),
        "accuracy": np.array([[0.1, 0.7, 0.6, 0.5], [0.1, 0.2, 0.3, 0.4]]),
        "gradient": np.array([[0.5, 1, 1, 1]]),
        "ratio": np.array([[-2.0, -1.0, -4.0, -5.0]]),
        "spread": np.array([[0.0, 1, 1, -1]]),
        "dead": np.array([[0.2, 0.3, 0.4, 0.9]]),
    }
    facts = run.facts(found, [0, 8, 90, 600])
    assert facts == {
        "start": 2,
        "lowest": 1,
        "rises": 1,
        "train_loss": 1.1,
        "val_loss": 4,
        "train_accuracy": 0.5,
        "val_accuracy": 0.4,
        "best_accuracy": 0.7,
        "first_gradient": [0.5],
        "first_ratio": -1.5,
        "early_ratio": [-2],
        "first_spread": [1],
        "last_spread": [0.1],
        "first_dead": [0.2],
        "last_dead": [0.9],
    }


def test_every_claim_holds_in_every_seed(stored):
    seeds = len(results.read("clinic")["seeds"])
    assert seeds == 6
    assert set(stored["claims"]) == set(run.CLAIMS) == set(FAULTS)
    assert run.judged(stored["facts"]) == stored["claims"]
    for fault, claims in stored["claims"].items():
        for name, found in claims.items():
            assert found["held"] == seeds, (fault, name)


def test_healthy_networks_are_healthy_in_every_seed(stored):
    for facts in stored["facts"][HEALTHY]:
        assert 2.8 <= round(facts["start"], 1) <= 4.0  # as the hints say
        assert facts["train_accuracy"] == 1
        assert facts["val_accuracy"] > 0.9
        assert max(facts["last_dead"]) < 0.25
        assert all(-3 < ratio < -2 for ratio in facts["early_ratio"])
        assert facts["rises"] == 0


def test_what_the_lessons_say_held_in_every_seed(stored):
    facts = stored["facts"]
    for mine, healthy in zip(facts["raw_inputs"], facts[HEALTHY], strict=True):
        assert mine["first_gradient"][0] - healthy["first_gradient"][0] > 0.5
    for mine in facts["small_weights"]:
        assert np.all(np.diff(mine["first_spread"]) < 0)
        assert max(mine["last_dead"][:3]) < 0.2
    for mine in facts["dead_units"]:
        assert mine["first_gradient"] == mine["early_ratio"] == [FLOOR] * 5
        assert mine["lowest"] < mine["start"] - 0.002  # the output's bias learns
        assert mine["last_dead"][2:] == [1, 1]
    for mine in facts["softmax_twice"]:
        assert mine["lowest"] > np.log(1 + 9 / np.e) == pytest.approx(1.46, abs=0.005)
    for fault in set(FAULTS) - {"rate_high", "raw_inputs"}:
        pairs = zip(facts[fault], facts[HEALTHY], strict=True)
        assert all(h["val_accuracy"] - f["val_accuracy"] > 0.03 for f, h in pairs), fault
    for fault in ("rate_high", "raw_inputs"):  # the patients shown; not every seed
        seed = PATIENTS[fault]
        gain = facts[HEALTHY][seed]["val_accuracy"] - facts[fault][seed]["val_accuracy"]
        assert gain > 0.04


def test_the_demo_shows_the_stored_runs(stored):
    shown = [*PATIENTS.items(), *((HEALTHY, seed) for seed in run.SEEDS)]
    for fault, seed in shown:
        found = records(fault, seed)
        facts = run.facts(found, found["moments"])
        for name, theirs in stored["facts"][fault][seed].items():
            np.testing.assert_allclose(
                facts[name], theirs, rtol=5e-3, atol=2e-3, err_msg=f"{fault} {name}"
            )
    assert found["moments"].tolist() == run.moments()
    assert found["looks"].tolist() == run.looks(run.moments())
    np.testing.assert_array_equal(found["edges"], run.EDGES)
    with pytest.raises(ValueError, match="expected a fault and its seed"):
        records("rate_high", 5)


def test_what_is_stored_for_the_page_comes_back(tmp_path):
    times = run.moments()
    count = len(times)
    rng = np.random.default_rng(0)
    made = {name: rng.uniform(0, 1, (rows, count)) for name, rows in run.CURVES.items()}
    made["loss"][0, 3] = 1e9  # more than 16 bits hold
    made["histogram"] = rng.uniform(0, 1, (len(run.looks(times)), 5, 24))
    path = tmp_path / "clinic.npz"
    run.store({("rate_high", 0): made}, path)
    with np.load(path) as file:
        assert file["names"].tolist() == ["rate_high 0"]
        flat = file["curves"][0].astype(float)
        wanted = np.concatenate([made[name].ravel() for name in run.CURVES])
        wanted[3] = 60_000
        np.testing.assert_allclose(flat, wanted, rtol=1e-3)
        np.testing.assert_allclose(file["histograms"][0] / 255, made["histogram"], atol=0.002)
