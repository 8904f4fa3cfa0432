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


def test_shifted_moves_every_image_by_its_own_steps():
    image = np.arange(9.0).reshape(1, 3, 3, 1)
    moved = convolution.shifted(np.concatenate([image, image]), np.array([[1, 0], [0, -1]]), 1)
    assert moved[0, :, :, 0].tolist() == [[0, 0, 0], [0, 1, 2], [3, 4, 5]]
    assert moved[1, :, :, 0].tolist() == [[1, 2, 0], [4, 5, 0], [7, 8, 0]]
