"""The run of attacks: its pieces, and that what it stored is what it still finds."""

from dataclasses import replace

import numpy as np
import pytest

from experiments import adversarial as run
from twice import results
from twice.scratch.regularization import Regularized

BRIEF = replace(run.SMALL, train=200, epochs=4)


@pytest.fixture(scope="module")
def stored():
    return results.load("adversarial")


@pytest.fixture(scope="module")
def plain():
    part, _, test = run.images(0, BRIEF)
    return run.trained("plain", part, 0, 0, BRIEF), test


def test_a_seed_cuts_the_digits_into_three():
    parts = run.images(2, run.Setting())
    assert [len(y) for _, y in parts] == [600, 600, 597]
    kinds = [{image.tobytes() for image in x} for x, _ in parts]
    assert len(kinds[0] | kinds[1] | kinds[2]) == sum(map(len, kinds)) > 1780
    assert not np.array_equal(run.images(3, run.Setting())[0][0], parts[0][0])


def test_random_signs_are_of_that_size_and_stay_within_the_pixels():
    x = np.full((50, 8, 8, 1), 0.5, np.float32)
    changed = run.signs(x, 0.2, np.random.default_rng(0))
    assert changed.dtype == np.float32
    np.testing.assert_allclose(np.abs(changed - x), 0.2, rtol=1e-6)
    assert abs((changed > x).mean() - 0.5) < 0.03
    edge = run.signs(np.zeros_like(x), 0.2, np.random.default_rng(0))
    assert set(np.unique(edge)) == {np.float32(0), np.float32(0.2)}
    batch, labels = run.Signs(0.2, np.random.default_rng(1))(x, np.arange(50))
    np.testing.assert_array_equal(batch[:50], x)
    np.testing.assert_allclose(np.abs(batch[50:] - x), 0.2, rtol=1e-6)
    np.testing.assert_array_equal(labels, [*range(50), *range(50)])


def test_networks_of_a_seed_differ_as_their_names_say(plain):
    part, other, _ = run.images(0, BRIEF)
    one = plain[0].params["1.kernel"]
    again = run.trained("plain", part, 0, 0, BRIEF).params["1.kernel"]
    np.testing.assert_array_equal(one, again)
    for kind, images, start in (
        ("plain", part, 1),
        ("plain", other, 0),
        ("FGSM 0.1", part, 0),
        ("FGSM 0.2", part, 0),
        ("signs 0.1", part, 0),
        ("L2", part, 0),
    ):
        model = run.trained(kind, images, 0, start, BRIEF)
        assert np.abs(model.params["1.kernel"] - one).max() > 0.001, kind
        assert isinstance(model, Regularized) == (kind == "L2")
    assert np.square(model.params["1.kernel"]).sum() < np.square(one).sum()  # L2 shrinks


@pytest.mark.parametrize("name", run.ATTACKS)
def test_attacks_keep_their_bounds_and_are_nothing_at_zero(plain, name):
    model, (x, y) = plain
    same = run.attacked(name, model, x[:100], y[:100], 0.0, 0, BRIEF)
    np.testing.assert_array_equal(same, x[:100])
    hard = run.attacked(name, model, x[:100], y[:100], 0.1, 0, BRIEF)
    assert np.abs(hard - x[:100]).max() == pytest.approx(0.1, rel=1e-5)
    assert 0 <= hard.min() <= hard.max() <= 1


def test_the_examples_are_read_well_and_turned(plain):
    model, (x, y) = plain
    found = run.examples(model, x, y, 0, replace(BRIEF, examples=4))
    assert len(found) == 4
    assert len({e["label"] for e in found}) == 4
    for e in found:
        assert e["predicted"] == e["label"] != e["attacked_as"]
        picture = np.reshape(e["attacked"], (1, 8, 8, 1)).astype(np.float32)
        digits, shares = run.read(model, picture)
        assert digits[0] == e["attacked_as"]
        assert shares[0] == pytest.approx(e["attacked_probability"], rel=1e-4)
        assert np.abs(e["perturbation"]).max() == pytest.approx(e["epsilon"], rel=1e-5)
        np.testing.assert_allclose(np.add(e["clean"], e["perturbation"]), e["attacked"], atol=1e-6)


def test_seeds_are_gathered_into_lists():
    each = [{"a": {"b": [1, 2]}, "c": 5}, {"a": {"b": [3, 4]}, "c": 6}]
    assert run.gathered(each) == {"a": {"b": [[1, 3], [2, 4]]}, "c": [5, 6]}


# --- what is stored


def near(found, wanted, atol):
    """The same names, and numbers that differ by no more than rounding that training amplified."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for name in wanted:
            near(found[name], wanted[name], atol)
    else:
        np.testing.assert_allclose(found, wanted, atol=atol)


def test_a_small_part_gives_what_was_stored(stored):
    near(run.small(), stored["small"], 0.03)


def table(stored, kind, attack):
    """Accuracies (epsilons, seeds)."""
    return np.array(stored["accuracy"][kind][attack])


def test_the_stored_tables_are_whole(stored):
    shape = (len(run.EPSILONS), len(results.read("adversarial")["seeds"]))
    assert shape[1] >= 5
    assert stored["epsilons"] == list(run.EPSILONS)
    assert list(stored["accuracy"]) == list(run.NETS)
    for kind in run.NETS:
        for attack in run.ATTACKS:
            assert table(stored, kind, attack).shape == shape
        clean = table(stored, kind, "FGSM")[0]
        for attack in ("PGD", "signs"):
            np.testing.assert_array_equal(table(stored, kind, attack)[0], clean)
        assert len(stored["train_accuracy"][kind]) == shape[1]
        assert max(stored["no_gradient"][kind]) == 0  # no safety by rounding
    for how in stored["transfer"].values():
        assert np.shape(how["FGSM"]) == np.shape(how["PGD"]) == shape
    for e in stored["examples"]:
        assert e["predicted"] == e["label"] != e["attacked_as"]
        assert np.shape(e["clean"]) == np.shape(e["perturbation"]) == (8, 8)
        np.testing.assert_allclose(np.add(e["clean"], e["perturbation"]), e["attacked"], atol=1e-3)
        assert 0 <= np.min(e["attacked"]) <= np.max(e["attacked"]) <= 1
    assert len(stored["examples"]) == stored["setting"]["examples"]


# --- what the chapter says about it

AT = {epsilon: k for k, epsilon in enumerate(run.EPSILONS)}


def test_a_small_attack_does_what_noise_of_its_size_does_not(stored):
    attacked, noisy = (table(stored, "plain", a)[AT[0.1]] for a in ("FGSM", "signs"))
    assert attacked.mean() < 0.65
    assert noisy.min() > 0.92


def test_many_steps_are_stronger_than_one(stored):
    for kind in run.NETS:
        one, many = (table(stored, kind, a)[1:].mean(axis=1) for a in ("FGSM", "PGD"))
        assert np.all(many <= one + 0.002)
        assert one[AT[0.2] - 1] > many[AT[0.2] - 1] + 0.02


def test_training_on_attacks_helps_against_both_and_costs_no_clean_accuracy_here(stored):
    for kind in ("FGSM 0.1", "FGSM 0.2"):
        for attack in ("FGSM", "PGD"):
            more = table(stored, kind, attack) - table(stored, "plain", attack)
            assert more[AT[0.1]].min() > 0.15
        assert (table(stored, kind, "FGSM") - table(stored, "plain", "FGSM"))[0].mean() > 0
    # but it does not make the network safe
    assert table(stored, "FGSM 0.2", "PGD")[AT[0.3]].mean() < 0.1


def test_noise_and_a_penalty_are_no_such_training(stored):
    trained = table(stored, "FGSM 0.2", "PGD")[AT[0.1]].mean()
    for kind in ("signs 0.1", "signs 0.2", "L2"):
        assert table(stored, kind, "PGD")[AT[0.1]].mean() < trained - 0.1


def test_attacks_carry_over_to_other_networks(stored):
    own = table(stored, "plain", "FGSM")[AT[0.15]].mean()
    same, other, robust = (
        np.mean(stored["transfer"][how]["FGSM"][AT[0.15]])
        for how in ("same images", "other images", "FGSM 0.1")
    )
    assert own < same < other < robust < 0.9
    assert other < 0.6
