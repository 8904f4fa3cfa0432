"""The stored runs of the chapter on recurrent networks are what its script still finds."""

import numpy as np

from experiments import recurrent
from twice import results
from twice.scratch.adaptive import Adam


def test_a_clipped_relu_cell_learns_what_a_tanh_cell_does_not():
    found = {
        activation: recurrent.start(activation, "identity", 20, seed=1, updates=600)
        for activation in ("tanh", "relu")
    }
    assert found["relu"] < 0.06
    assert found["relu"] < 0.6 * found["tanh"]
    stored = results.load("recurrent")["starts"]["short"]
    assert max(stored["relu, identity"]["60"]) < min(stored["tanh, identity"]["60"])


def test_the_input_weights_of_an_irnn_begin_tiny():
    model = recurrent.network(2, np.random.default_rng(0), **recurrent.settings_of("relu", "IRNN"))
    kernel, u, *_ = model.get_weights()
    assert 0.0005 < kernel.std() < 0.002
    np.testing.assert_array_equal(u, np.eye(recurrent.UNITS))


def test_a_residual_cell_begins_as_a_sum_and_learns_with_relu_alone():
    how = recurrent.settings_of("relu", "residual")
    layer = recurrent.network(2, np.random.default_rng(0), **how).layers[0]
    assert layer.residual
    assert not layer.params["recurrent_kernel"].any()
    found = [recurrent.start(f, "residual", 60, seed=1, updates=600) for f in ("relu", "tanh")]
    assert found[0] < 0.03 < 0.1 < found[1]
    for by_name in results.load("recurrent")["starts"].values():
        assert max(by_name["relu, residual"]["60"]) < 0.01


def test_guessing_is_measured_on_the_test_sequences():
    stored = results.load("recurrent")["guessing"]
    assert {int(length): recurrent.guessing(int(length)) for length in stored} == {
        int(length): loss for length, loss in stored.items()
    }
    assert all(0.14 < loss < 0.19 for loss in stored.values())  # 1/6, on 1,000 sequences


def test_a_large_start_overflows_without_clipping_and_not_with_it():
    assert recurrent.clipping(2.0, "SGD 0.1", "none", seed=0, updates=200) is None
    assert recurrent.clipping(2.0, "SGD 0.1", "clipped", seed=0, updates=200) < 1.0
    stored = results.load("recurrent")["clipping"]["2.0"]["SGD 0.1"]
    assert all(loss is None for loss in stored["none"])
    assert all(loss is not None for loss in stored["clipped"])


def test_dense_only_leaves_the_recurrent_gradients_alone():
    taken = {}

    class Watch(Adam):
        def step(self, params, grads):
            taken.update(grads)

    grads = {"0.kernel": np.full(4, 9.0), "1.kernel": np.full(4, 3.0), "1.bias": np.full(1, 8.0)}
    recurrent.DenseOnly(Watch(0.1), 1.0).step(None, grads)
    np.testing.assert_array_equal(taken["0.kernel"], grads["0.kernel"])
    np.testing.assert_allclose(taken["1.kernel"], np.full(4, 0.3))
    np.testing.assert_allclose(taken["1.bias"], [0.8])


def test_the_gradient_before_training_is_what_was_stored():
    stored = results.load("recurrent")["at_start"]
    seed = results.read("recurrent")["seeds"][0]
    for radius, found in stored.items():
        np.testing.assert_allclose(recurrent.at_start(float(radius), seed), found[0], rtol=0.02)
    assert max(stored["1.0"]) < 1.0
    assert min(stored["1.5"]) > 1.0


def test_forecasts_of_one_series():
    stored = results.load("recurrent")["forecasts"]
    seed = results.read("recurrent")["seeds"][0]
    found = recurrent.forecasts(seed, 0.03, epochs=2)
    assert found.keys() == stored["0.03"].keys()
    for order, errors in found.items():  # two epochs of ten, and rounding differs by machine
        for where, error in errors.items():
            assert 0.25 < error / stored["0.03"][order][where][0] < 4
    assert found["shuffled"] != found["in order"]
    steady = recurrent.forecasts(seed, 0.0, epochs=2)
    assert 0.25 < steady["shuffled"]["future"] / stored["0.0"]["shuffled"]["future"][0] < 4


def test_windows_end_twelve_steps_before_their_target():
    x, y = recurrent.windows(np.arange(100.0))
    assert x.shape == (41, 48, 1)
    assert (y[:, 0] - x[:, -1, 0] == 12).all()
