"""The stored runs of the chapter on recurrent networks are what its script still finds."""

import numpy as np

from experiments import recurrent
from twice import results


def test_a_clipped_relu_cell_learns_what_a_tanh_cell_does_not():
    found = {
        activation: recurrent.start(activation, "identity", 20, seed=1, updates=600)
        for activation in ("tanh", "relu")
    }
    assert found["relu"] < 0.06
    assert found["relu"] < 0.6 * found["tanh"]
    stored = results.load("recurrent")["starts"]
    assert max(stored["relu, identity"]["60"]) < min(stored["tanh, identity"]["60"])


def test_a_large_start_overflows_without_clipping_and_not_with_it():
    assert recurrent.clipping(2.0, "SGD", False, seed=0, updates=200) is None
    assert recurrent.clipping(2.0, "SGD", True, seed=0, updates=200) < 1.0
    stored = results.load("recurrent")["clipping"]["2.0"]["SGD"]
    assert all(loss is None for loss in stored["none"])
    assert all(loss is not None for loss in stored["clipped"])


def test_forecasts_of_one_series():
    stored = results.load("recurrent")["forecasts"]
    seed = results.read("recurrent")["seeds"][0]
    found = recurrent.forecasts(seed, epochs=2)
    assert found.keys() == stored.keys()
    for name, errors in found.items():  # two epochs of ten, and rounding differs by machine
        assert 0.25 < errors[0] / stored[name][0][0] < 4
        assert 0.25 < errors[1] / stored[name][0][1] < 4
    assert found["random"][1] != found["by time"][1]  # they trained on different windows


def test_windows_end_twelve_steps_before_their_target():
    x, y = recurrent.windows(np.arange(100.0))
    assert x.shape == (41, 48, 1)
    assert (y[:, 0] - x[:, -1, 0] == 12).all()
