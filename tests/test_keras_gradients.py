"""The gradient with respect to an input: right on this backend, and clear where it cannot be."""

import numpy as np
import pytest

from twice import keras_gradients, parity

keras = parity.keras


def test_the_gradient_of_a_polynomial():
    x = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    found = keras_gradients.gradient(lambda x: x**3 + 2 * x, x)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, 3 * x**2 + 2, rtol=1e-6)


def test_through_a_model_it_is_the_chain_of_its_kernels():
    with parity.float64():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
        first, second = (layer.get_weights()[0] for layer in model.layers)
        x = np.random.default_rng(0).normal(size=(5, 3))
        found = keras_gradients.gradient(lambda x: model(x)[:, 1], x)
    np.testing.assert_allclose(found, np.tile((first @ second)[:, 1], (5, 1)), atol=1e-12)


def test_whole_numbers_become_floats():
    found = keras_gradients.gradient(lambda x: x * x, np.array([1, -2]))
    np.testing.assert_allclose(found, [2.0, -4.0])


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX gives zeros")
def test_what_does_not_depend_on_x_is_an_error():
    with pytest.raises(ValueError, match="does not depend on x"):
        keras_gradients.gradient(lambda x: keras.ops.ones((2,)), np.ones((2, 2), np.float32))


def test_another_backend_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(ValueError, match="'numpy'; `gradient` knows 'tensorflow'"):
        keras_gradients.gradient(lambda x: x, np.ones((1, 1), np.float32))
