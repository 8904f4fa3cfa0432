"""Pooling: worked numbers, gradients, one winner a window, Keras beside it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twice import parity
from twice.parity import keras
from twice.scratch.gradcheck import gradcheck
from twice.scratch.pooling import (
    AveragePooling2D,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    Reshape,
)

small = st.integers(1, 3)
IMAGE = np.array([[1, 2, 0, 5], [4, 3, 5, 5], [0, 0, 9, 8]], dtype=float)[None, :, :, None]


def plane(x):
    return x[0, :, :, 0].tolist()


# ---- by hand -----------------------------------------------------------------------------------


def test_the_largest_and_the_mean_by_hand():
    assert plane(MaxPooling2D(2).forward(IMAGE)) == [[4, 5]]
    assert plane(AveragePooling2D(2).forward(IMAGE)) == [[2.5, 3.75]]
    assert plane(MaxPooling2D(2, 1).forward(IMAGE)) == [[4, 5, 5], [4, 9, 9]]
    assert GlobalMaxPooling2D().forward(IMAGE).tolist() == [[9]]
    assert GlobalAveragePooling2D().forward(IMAGE).tolist() == [[3.5]]


def test_same_padding_by_hand():
    assert plane(MaxPooling2D(2, padding="same").forward(-IMAGE)) == [[-1, 0], [0, -8]]
    assert plane(AveragePooling2D(2, padding="same").forward(IMAGE)) == [[2.5, 3.75], [0, 8.5]]


def test_of_equal_values_the_first_wins():
    layer = MaxPooling2D(2)
    layer.forward(IMAGE)
    back = layer.backward(np.array([[1.0, 10.0]])[None, :, :, None])
    assert plane(back) == [[0, 0, 0, 10], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_after_a_relu_many_zeros_tie_and_the_gradient_is_not_multiplied():
    layer = MaxPooling2D(3, 3)
    layer.forward(np.zeros((2, 6, 6, 4)))
    grad = np.random.default_rng(0).normal(size=(2, 2, 2, 4))
    assert layer.backward(grad).sum() == pytest.approx(grad.sum())
    assert np.count_nonzero(layer.backward(grad)) == grad.size
    whole = GlobalMaxPooling2D()
    whole.forward(np.zeros((2, 6, 6, 4)))
    assert np.count_nonzero(whole.backward(np.ones((2, 4)))) == 8


def test_overlapping_windows_add_what_they_send_back():
    layer = MaxPooling2D(2, 1)
    layer.forward(IMAGE)
    back = layer.backward(np.ones((1, 2, 3, 1)))
    assert plane(back) == [[0, 0, 0, 1], [2, 0, 1, 0], [0, 0, 2, 0]]


def test_flatten_keeps_the_channels_together():
    layer = Flatten()
    x = np.arange(12).reshape(1, 2, 2, 3)
    assert layer.forward(x).tolist() == [list(range(12))]
    np.testing.assert_array_equal(layer.backward(layer.forward(x)), x)


def test_reshape_is_the_way_back_from_flatten():
    x, layer = np.arange(24.0).reshape(2, 2, 2, 3), Reshape((2, 2, 3))
    flat = Flatten().forward(x)
    np.testing.assert_array_equal(layer.forward(flat), x)
    np.testing.assert_array_equal(layer.backward(x), flat)


# ---- gradients ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    sides=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    pool_size=st.tuples(small, small),
    strides=st.one_of(st.none(), st.tuples(small, small)),
    padding=st.sampled_from(["valid", "same"]),
    kind=st.sampled_from([MaxPooling2D, AveragePooling2D]),
)
def test_gradients_for_random_windows(seed, sides, pool_size, strides, padding, kind):
    assume(padding == "same" or all(k <= n for k, n in zip(pool_size, sides, strict=True)))
    layer = kind(pool_size, strides, padding)
    x = np.random.default_rng(seed).normal(size=(2, *sides, 3))
    report = gradcheck(layer, x, coordinates=25, rng=np.random.default_rng(seed))
    assert report.ok, f"{layer!r}\n{report}"


@pytest.mark.parametrize("kind", [GlobalAveragePooling2D, GlobalMaxPooling2D, Flatten])
def test_gradients_of_the_global_ones(kind):
    assert gradcheck(kind(), np.random.default_rng(0).normal(size=(3, 4, 5, 2))).ok


# ---- Keras beside it ---------------------------------------------------------------------------


def keras_pair(layer, x, grad, **arguments):
    """Keras's output, and the gradient of sum(grad * output) for a weight below the layer."""
    with parity.float64():
        theirs = getattr(keras.layers, type(layer).__name__)(**arguments)
        scale = keras.layers.Dense(x.shape[-1], use_bias=False)  # a weight to take gradients of
        twin = keras.Sequential([keras.Input(x.shape[1:]), scale, theirs])
        scale.set_weights([np.eye(x.shape[-1])])
        outputs, _, (found,) = parity.keras_gradients(
            twin, lambda y, z: keras.ops.sum(y * z), x, grad
        )
    return np.asarray(outputs), np.asarray(found)


@pytest.mark.parametrize("sides", [(6, 6), (7, 5)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("pool_size", "strides"), [(2, None), (3, 2), (2, 1), ((2, 3), None)])
@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
def test_parity_with_keras(kind, pool_size, strides, padding, sides):
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, (2, *sides, 3)).astype(float)  # whole numbers: there are ties
    layer = kind(pool_size, strides, padding)
    z = layer.forward(x)
    grad = rng.normal(size=z.shape)
    window = {"pool_size": pool_size, "strides": strides, "padding": padding}
    outputs, found = keras_pair(layer, x, grad, **window)
    np.testing.assert_allclose(z, outputs, atol=1e-12)
    # dL/dW of z = pool(x W) at W = 1 is sum of x^T dL/dx: the way back, seen through a weight
    ours = np.einsum("nrck,nrcf->kf", x, layer.backward(grad))
    np.testing.assert_allclose(ours, found, atol=1e-8)


@pytest.mark.parametrize("kind", [GlobalAveragePooling2D, GlobalMaxPooling2D, Flatten])
def test_parity_of_the_global_ones(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 5, 3))
    layer = kind()
    grad = rng.normal(size=layer.forward(x).shape)
    outputs, found = keras_pair(layer, x, grad)
    np.testing.assert_allclose(layer.forward(x), outputs, atol=1e-12)
    ours = np.einsum("nrck,nrcf->kf", x, layer.backward(grad))
    np.testing.assert_allclose(ours, found, atol=1e-8)


# ---- dtypes and refusals -----------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
def test_float32_stays_float32(kind, padding):
    layer = kind(2, padding=padding)
    z = layer.forward(np.zeros((1, 5, 5, 2), np.float32))
    assert z.dtype == layer.backward(np.ones_like(z)).dtype == np.float32


def test_whole_numbers_have_a_largest_too():
    x = np.full((1, 3, 3, 1), -7, np.int64)
    assert plane(MaxPooling2D(2, padding="same").forward(x)) == [[-7, -7], [-7, -7]]


def test_nan_is_not_hidden():
    x = IMAGE.copy()
    x[0, 1, 1, 0] = np.nan
    assert np.isnan(MaxPooling2D(2).forward(x)[0, 0, 0, 0])


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MaxPooling2D(3), (1, 2, 5, 1), r"3x3/3.*\(1, 2, 5, 1\).*3 pixels.*into 2"),
        (AveragePooling2D(2), (4, 4, 1), r"N, H, W, C\), got \(4, 4, 1\)"),
        (GlobalMaxPooling2D(), (4, 4), r"N, H, W, C\), got \(4, 4\)"),
        (GlobalAveragePooling2D(), (4, 4), r"N, H, W, C\), got \(4, 4\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(layer, shape, message):
    with pytest.raises(ValueError, match=message):
        layer.forward(np.zeros(shape))


@pytest.mark.parametrize("arguments", [(0,), (2, 0), (2, 2, "full")])
def test_pools_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        MaxPooling2D(*arguments)
