"""Stored long runs are what their scripts still find: one seed each, at reduced size."""

import numpy as np
import pytest

from experiments import convolution
from twice import results


@pytest.mark.parametrize("name", ["dense", "strided"])
def test_the_shifts_of_the_convolution_chapter(name):
    stored = results.load("convolution")["shifts"][name]
    seed = results.read("convolution")["seeds"][1]
    found = convolution.run(name, [seed], stored["rate"])
    assert (found["parameters"], found["flops"]) == (stored["parameters"], stored["flops"])
    difference = np.abs(np.subtract(found["accuracy"][0], stored["accuracy"][1]))
    assert difference[0] < 0.02  # rounding differs by machine, and training amplifies it
    assert difference.max() < 0.1


def test_the_twins_of_the_convolution_chapter_agree():
    for pair in results.load("convolution")["twins"]:
        assert abs(pair["numpy"] - pair["keras"]) < 0.01
        assert min(pair.values()) > 0.95
    short = convolution.twins(1, epochs=1)
    assert abs(short["numpy"] - short["keras"]) < 0.03


def test_lenet_reads_held_out_digits_as_its_twin_does():
    plain, bent, longer = results.load("convolution")["held_out"]
    assert [row["bent"] for row in (plain, bent, longer)] == [False, True, True]
    for row in (plain, bent):
        assert len(row["pairs"]) >= 5
        for pair in row["pairs"]:
            assert abs(pair["numpy"] - pair["keras"]) < 0.005
            assert pair["apart"] < 1e-8
    assert np.mean([pair["numpy"] for pair in bent["pairs"]]) >= 0.98
    sets = [(convolution.enlarged(x[:200]), y[:200]) for x, y in convolution.data.digits()]
    short = convolution.pair((1, True), 0, *sets)
    assert short["numpy"] == short["keras"]
    assert short["apart"] < 1e-8


def test_bent_moves_little_and_keeps_the_ink_on_the_sheet():
    x = convolution.enlarged(convolution.data.digits()[0][0][:20])
    assert x.shape == (20, 28, 28, 1)
    bent = convolution.bent(x, np.random.default_rng(0))
    assert bent.shape == x.shape
    assert 0 < np.abs(bent - x).mean() < 0.15
    assert abs(bent.sum() / x.sum() - 1) < 0.1


def test_shifted_moves_every_image_by_its_own_steps():
    image = np.arange(9.0).reshape(1, 3, 3, 1)
    moved = convolution.shifted(np.concatenate([image, image]), np.array([[1, 0], [0, -1]]), 1)
    assert moved[0, :, :, 0].tolist() == [[0, 0, 0], [0, 1, 2], [3, 4, 5]]
    assert moved[1, :, :, 0].tolist() == [[1, 2, 0], [4, 5, 0], [7, 8, 0]]
