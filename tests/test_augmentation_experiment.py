"""What helps a reader of letters and what hurts it: the stored run holds together, and repeats."""

import numpy as np
import pytest

from experiments import augmentation
from experiments.deep_cnns import rounded
from twice import results

WAYS = tuple(augmentation.WAYS)


@pytest.fixture(scope="module")
def found():
    return results.load("augmentation")


def lists(value):
    """Every list of numbers within nested dicts."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from lists(inner)
    elif isinstance(value, list) and not isinstance(value[0], dict):
        yield value


def test_every_list_has_one_entry_a_seed(found):
    seeds = len(results.read("augmentation")["seeds"])
    assert tuple(found["ways"]) == WAYS
    for way in found["ways"].values():
        assert all(len(part) == seeds for part in lists(way))
        assert len(list(lists(way))) == 3 + len(augmentation.GROUPS) + len(augmentation.TAKEN)
    for name, keys in (
        ("rotations", augmentation.DEGREES),
        ("images_needed", augmentation.N_TRAIN),
    ):
        assert tuple(found[name]) == tuple(map(str, keys))
        assert all(len(part) == seeds for part in lists(found[name]))


def test_every_way_had_four_tries_and_the_best_one_was_taken(found):
    rate = found["ways"]["none"]["rate"]
    for way in found["ways"].values():
        tries = way["tried"]
        assert len({(one["strength"], one["rate"]) for one in tries}) == 4
        best = max(tries, key=lambda one: one["accuracy"])
        assert (way["strength"], way["rate"]) == (best["strength"], best["rate"])
        if way["strength"] is not None:
            assert way["rate"] == rate


def test_groups_and_letters_add_up(found):
    letters = "".join(found["groups"].values())
    assert sorted(letters) == sorted(augmentation.LETTERS)
    for way in found["ways"].values():
        size = {name: len(part) / 26 for name, part in found["groups"].items()}
        sums = sum(size[name] * np.array(way["groups"][name]) for name in size)
        np.testing.assert_allclose(sums, way["accuracy"], atol=0.02)  # letters are equally likely
        for letter, share in way["taken"].items():
            assert np.mean(share) <= 1 - way["letters"][letter] + 1e-3


def test_a_good_reader_says_which_letters_have_a_mirror_image(found):
    assert found["mirrors"]["accuracy"] > 0.9
    taken_for = found["mirrors"]["taken_for"]
    for letter, other in augmentation.TAKEN.items():
        assert taken_for[letter][other] > 0.85
    for letter in augmentation.SYMMETRIC:
        assert taken_for[letter][letter] > 0.75
    neither = set(found["groups"]["others"]) - {"h"}
    assert all(max(taken_for[c].values()) < 0.98 for c in neither)


def test_what_helps_and_what_hurts(found):
    ways = {name: np.array(way["accuracy"]) for name, way in found["ways"].items()}
    for better in ("shift", "rotate", "zoom", "shift, rotate, zoom"):
        assert (ways[better] > ways["none"] + 0.03).all()
    assert (ways["flip"] < ways["none"]).all()
    assert np.mean(found["rotations"]["180"]) < np.mean(ways["none"]) - 0.1


def test_labels_that_follow_the_flip_undo_its_confusions(found):
    def taken(way):
        return [np.mean(found["ways"][way]["taken"][letter]) for letter in augmentation.PARTNER]

    assert np.mean(taken("flip")) > 0.3
    assert min(taken("flip")) > 0.15
    for way in ("none", "flip, b d p q renamed", "flip, only into letters"):
        assert max(taken(way)) < 0.05
    blind, right = (found["ways"][way]["groups"] for way in ("flip", "flip, only into letters"))
    for group in ("partners", "symmetric"):
        assert (np.array(right[group]) > blind[group]).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_small_part_gives_what_was_stored(way, found):
    stored = found["small"][way]
    again = rounded(
        augmentation.study(way, stored["strength"], stored["rate"], [0], augmentation.SMALL)
    )
    np.testing.assert_allclose(again["train_loss"], stored["train_loss"], rtol=0.02)
    np.testing.assert_allclose(again["accuracy"], stored["accuracy"], atol=0.03)
    for name in augmentation.GROUPS:
        np.testing.assert_allclose(again["groups"][name], stored["groups"][name], atol=0.08)


def test_test_images_do_not_depend_on_the_number_to_train_on():
    _, few = augmentation.images(3, 20, 30)
    (x, _), many = augmentation.images(3, 50, 30)
    np.testing.assert_array_equal(few[0], many[0])
    assert not np.array_equal(x[:30], many[0])


def test_flips_give_the_labels_that_are_right():
    y = np.arange(26).repeat(40)
    x = np.random.default_rng(1).random((len(y), 2, 3, 1)).astype(np.float32)

    def flipped(make):
        (augment,) = make(None, np.random.default_rng(0))
        z, label = augment(x, y)
        turned = (z != x).any(axis=(1, 2, 3))
        return {
            c: {augmentation.LETTERS[k] for k in label[turned & (y == n)]}
            for n, c in enumerate(augmentation.LETTERS)
        }

    assert flipped(augmentation.flip) == {c: {c} for c in augmentation.LETTERS}
    renamed = flipped(augmentation.flip_renamed)
    assert renamed["b"] == {"d"}
    assert renamed["q"] == {"p"}
    assert renamed["e"] == {"e"}
    only = flipped(augmentation.flip_letters)
    assert only["d"] == {"b"}
    assert only["o"] == {"o"}
    assert only["e"] == only["h"] == set()
