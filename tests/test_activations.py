"""Activation functions and layers: worked numbers, slopes, ranges, dtypes, Keras beside them."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from twice.scratch.activation_layers import Maxout, PReLU, Softmax
from twice.scratch.activations import ACTIVATIONS, Function, elu, leaky_relu
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.gradcheck import gradcheck
from twice.scratch.losses import softmax

FUNCTIONS = [*ACTIVATIONS.values(), leaky_relu(0.5), leaky_relu(0.0), elu(0.3), elu(2.0)]
every = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.name)
seeds = st.integers(0, 2**32 - 1)


# ---- the catalog -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("linear", (-2, 0.5, 3)),
        ("sigmoid", (0.119203, 0.622459, 0.952574)),
        ("tanh", (-0.964028, 0.462117, 0.995055)),
        ("softsign", (-2 / 3, 1 / 3, 3 / 4)),
        ("hard_sigmoid", (1 / 6, 3.5 / 6, 1)),
        ("hard_tanh", (-1, 0.5, 1)),
        ("relu", (0, 0.5, 3)),
        ("relu6", (0, 0.5, 3)),
        ("leaky_relu", (-0.4, 0.5, 3)),
        ("elu", (math.exp(-2) - 1, 0.5, 3)),
        ("selu", (1.758099 * (math.exp(-2) - 1), 0.525350, 3.152103)),
        ("softplus", (0.126928, 0.974077, 3.048587)),
        ("gelu", (-0.045500, 0.345731, 2.995950)),
        ("gelu_tanh", (-0.045402, 0.345714, 2.996363)),
        ("silu", (-0.238406, 0.311230, 2.857722)),
        ("hard_silu", (-1 / 3, 1.75 / 6, 3)),
        ("mish", (-0.252501, 0.375245, 2.986535)),
        ("log_sigmoid", (-2.126928, -0.474077, -0.048587)),
        ("exponential", (0.135335, 1.648721, 20.085537)),
    ],
)
def test_three_numbers_by_hand(name, values):
    np.testing.assert_allclose(ACTIVATIONS[name]([-2.0, 0.5, 3.0]), values, atol=1e-6)


def test_the_catalog_is_complete_and_each_name_is_its_own():
    assert len(ACTIVATIONS) == 19
    assert all(name == function.name for name, function in ACTIVATIONS.items())


def test_slopes_by_hand():
    z = [-2.0, 0.5, 3.0]
    np.testing.assert_allclose(
        ACTIVATIONS["sigmoid"].slope(z), [0.104994, 0.235004, 0.045177], atol=1e-6
    )
    np.testing.assert_allclose(
        ACTIVATIONS["tanh"].slope(z), [0.070651, 0.786448, 0.009866], atol=1e-6
    )
    np.testing.assert_allclose(ACTIVATIONS["relu"].slope(z), [0, 1, 1])


@every
@given(st.floats(-6.5, 6.5))
def test_slopes_match_central_differences(function, z):
    if any(abs(z - k) < 1e-3 for k in (*function.kinks, 0.0)):  # 0: some bend suddenly there
        z += 2e-3
    e = 1e-5
    slope = (function(z + e) - function(z - e)) / (2 * e)
    np.testing.assert_allclose(function.slope(z), slope, rtol=1e-6, atol=1e-8)


@every
def test_kinks_are_where_the_slope_jumps_and_nowhere_else(function):
    grid = np.arange(-700, 701) / 100
    e = 1e-7
    jump = np.abs((function(grid + e) - 2 * function(grid) + function(grid - e)) / e)
    jump /= np.maximum(1, np.abs(function.slope(grid)))
    assert set(grid[jump > 0.05]) == {float(k) for k in function.kinks}


@every
def test_values_stay_in_the_range_and_come_close_to_its_ends(function):
    low, high = function.range
    a = function(np.concatenate([np.linspace(-40, 40, 400_001), [-500, 500]]))
    assert low - 1e-9 <= a.min()
    assert a.max() <= high + 1e-9
    assert a.min() < -90 if low == -math.inf else a.min() < low + 0.003
    assert a.max() > 400 if high == math.inf else a.max() > high - 0.003


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_slopes_keep_the_dtype_and_the_shape(function, dtype):
    z = np.linspace(-3, 3, 24, dtype=dtype).reshape(2, 3, 4)
    for a in (function(z), function.slope(z), function.derivative(z, function(z))):
        assert a.dtype == dtype
        assert a.shape == z.shape


@every
def test_float32_is_as_exact_as_float32_can_be(function):
    z = np.random.default_rng(0).normal(0, 3, 2000).astype(np.float32)
    np.testing.assert_allclose(function(z), function(z.astype(float)), rtol=3e-6, atol=3e-6)
    np.testing.assert_allclose(
        function.slope(z), function.slope(z.astype(float)), rtol=3e-6, atol=3e-6
    )


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"exponential"}))
def test_far_out_nothing_overflows(name):
    for z in (np.array([-1e4, 1e4]), np.array([-1e4, 1e4], np.float32)):
        function = ACTIVATIONS[name]
        assert np.isfinite(function(z)).all()
        assert np.isfinite(function.slope(z)).all()


def test_smooth_functions_against_scipy():
    z = np.linspace(-30, 30, 6001)
    np.testing.assert_allclose(ACTIVATIONS["gelu"](z), z * special.ndtr(z), atol=1e-13)
    np.testing.assert_allclose(ACTIVATIONS["silu"](z), z * special.expit(z), rtol=1e-13)
    np.testing.assert_allclose(ACTIVATIONS["log_sigmoid"](z), special.log_expit(z), rtol=1e-13)
    np.testing.assert_allclose(ACTIVATIONS["softplus"](z), np.logaddexp(0, z), rtol=1e-13)


def test_a_function_cannot_be_changed_and_wrong_numbers_are_refused():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ACTIVATIONS["relu"].name = "other"
    with pytest.raises(ValueError, match=r"expected negative_slope >= 0, got -0\.1"):
        leaky_relu(-0.1)
    with pytest.raises(ValueError, match="expected alpha > 0, got 0"):
        elu(0)
    with pytest.raises(ValueError, match="expected alpha > 0, got nan"):
        elu(math.nan)


@every
def test_a_layer_takes_every_function(function):
    rng = np.random.default_rng(0)
    model = Sequential([Dense(4, 5, rng=rng, dtype=np.float64), Activation(function)])
    assert gradcheck(model, rng.normal(size=(6, 4))).ok


def test_the_check_finds_the_slope_that_forgot_alpha():
    bug = Function("bug", elu(2.0).f, lambda z, a: np.where(z > 0, 1, a + 1.0), (-2.0, math.inf))
    rng = np.random.default_rng(0)
    model = Sequential([Dense(4, 5, rng=rng, dtype=np.float64), Activation(bug)])
    assert not gradcheck(model, rng.normal(size=(6, 4))).ok


# ---- PReLU -------------------------------------------------------------------------------------


def test_prelu_by_hand():
    layer = PReLU(3, alpha=0.25, dtype=np.float64)
    z = np.array([[-2.0, 0.0, 3.0], [-4.0, 1.0, -1.0]])
    np.testing.assert_array_equal(layer.forward(z), [[-0.5, 0, 3], [-1, 1, -0.25]])
    back = layer.backward(np.array([[1.0, 1, 1], [2, 2, 2]]))
    np.testing.assert_array_equal(back, [[0.25, 0, 1], [0.5, 2, 0.5]])
    np.testing.assert_array_equal(layer.grads["alpha"], [-2 - 8, 0, -2])


@given(seeds, st.sampled_from([(5,), (3, 4), (2, 3, 4)]), st.integers(0, 7))
def test_prelu_passes_the_gradient_check_whatever_is_shared(seed, shape, pick):
    rng = np.random.default_rng(seed)
    shared = [k for k in range(1, len(shape) + 1) if pick >> (k - 1) & 1]
    layer = PReLU(shape, alpha=0.25, shared_axes=shared, dtype=np.float64)
    layer.params["alpha"] += rng.normal(0, 0.1, layer.params["alpha"].shape)
    assert layer.params["alpha"].shape == tuple(
        1 if k in shared else n for k, n in enumerate(shape, start=1)
    )
    assert gradcheck(layer, rng.normal(size=(4, *shape))).ok


def test_prelu_begins_at_zero_keeps_float32_and_learns_a_known_slope():
    layer = PReLU((4, 2))
    assert not layer.params["alpha"].any()
    z = np.random.default_rng(0).normal(size=(50, 4, 2)).astype(np.float32)
    wanted = np.where(z > 0, z, 0.6 * z)
    for _ in range(300):
        error = layer.forward(z) - wanted
        assert layer.backward(error).dtype == np.float32
        layer.params["alpha"] -= 0.02 * layer.grads["alpha"]
    np.testing.assert_allclose(layer.params["alpha"], 0.6, atol=1e-3)


def test_prelu_says_what_it_expects():
    with pytest.raises(ValueError, match=r"shared_axes from 1 to 2, got \(3, 4\) and \(0,\)"):
        PReLU((3, 4), shared_axes=[0])
    with pytest.raises(ValueError, match=r"sizes >= 1 .* got \(0,\)"):
        PReLU(0)
    with pytest.raises(ValueError, match=r"expected z \('N', 3\), got \(2, 4\)"):
        PReLU(3).forward(np.ones((2, 4)))


# ---- Maxout ------------------------------------------------------------------------------------


def test_maxout_by_hand():
    layer = Maxout(1, 2, 2, rng=np.random.default_rng(0), dtype=np.float64)
    layer.params["kernel"][:] = [[1, -1, 2, 0]]  # |x|, and max(2x + 0.5, 1)
    layer.params["bias"][:] = [0, 0, 0.5, 1]
    np.testing.assert_array_equal(layer.forward([[-2.0], [3.0]]), [[2, 1], [3, 6.5]])
    back = layer.backward(np.array([[1.0, 10], [100, 1000]]))
    np.testing.assert_array_equal(back, [[-1], [100 + 2000]])
    np.testing.assert_array_equal(layer.grads["kernel"], [[300, -2, 3000, -20]])
    np.testing.assert_array_equal(layer.grads["bias"], [100, 1, 1000, 10])


@given(seeds, st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_maxout_passes_the_gradient_check(seed, n_in, n_out, pieces):
    rng = np.random.default_rng(seed)
    layer = Maxout(n_in, n_out, pieces, rng=rng, dtype=np.float64)
    layer.params["bias"] += rng.normal(size=n_out * pieces)
    assert gradcheck(layer, rng.normal(size=(3, n_in))).ok


def test_in_a_tie_the_first_piece_alone_gets_the_gradient():
    layer = Maxout(1, 1, 3, rng=np.random.default_rng(0), initializer=lambda s, rng: np.ones(s))
    layer.forward([[1.0]])
    layer.backward(np.ones((1, 1), np.float32))
    np.testing.assert_array_equal(layer.grads["bias"], [1, 0, 0])


def test_maxout_draws_each_piece_like_a_dense_kernel_and_keeps_float32():
    layer = Maxout(300, 300, 4, rng=np.random.default_rng(0))
    assert layer.params["kernel"].shape == (300, 1200)
    assert layer.params["kernel"].var() == pytest.approx(1 / 300, rel=0.02)
    assert layer.forward(np.ones((2, 300))).dtype == np.float32
    assert layer.backward(np.ones((2, 300), np.float32)).dtype == np.float32


def test_maxout_says_what_it_expects():
    with pytest.raises(ValueError, match="n_in, n_out, pieces >= 1, got 3, 2 and 0"):
        Maxout(3, 2, 0, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"expected x \(N, 3\), got \(2, 4\)"):
        Maxout(3, 2, rng=np.random.default_rng(0)).forward(np.ones((2, 4)))


# ---- Softmax -----------------------------------------------------------------------------------


def test_softmax_backward_is_the_product_with_its_jacobian():
    layer = Softmax()
    p = layer.forward(np.log([[0.5, 0.25, 0.25]]))[0]
    rows = [layer.backward(row[None])[0] for row in np.eye(3)]
    np.testing.assert_allclose(rows[0], [0.25, -0.125, -0.125])
    np.testing.assert_allclose(rows, np.diag(p) - np.outer(p, p), atol=1e-15)


@given(seeds)
def test_softmax_passes_the_gradient_check(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(2, 3, 5))
    layer = Softmax()
    np.testing.assert_array_equal(layer.forward(z), softmax(z))
    assert gradcheck(layer, z).ok
    assert layer.backward(np.ones((2, 3, 5), np.float32)).shape == (2, 3, 5)


# ---- Keras -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parity():
    return pytest.importorskip("twice.parity")


def twin(keras, function):
    names = keras.activations
    if function.name == "gelu_tanh":
        return lambda z: names.gelu(z, approximate=True)
    return getattr(names, function.name)


# TensorFlow keeps leaky_relu's slope in 32 bits: 0.2 there is 0.20000000298.
@pytest.mark.parametrize(
    "function",
    [f for f in ACTIVATIONS.values() if f.name != "leaky_relu"],
    ids=lambda f: f.name,
)
def test_values_are_those_of_keras(parity, function):
    z = np.linspace(-8, 8, 1601)
    with parity.float64():
        theirs = twin(parity.keras, function)(parity.keras.ops.convert_to_tensor(z))
        assert parity.difference(function(z), theirs) < 1e-8


def test_numbers_to_choose_are_those_of_keras(parity):
    names, z = parity.keras.activations, np.linspace(-8, 8, 1601)
    with parity.float64():
        t = parity.keras.ops.convert_to_tensor(z)
        assert parity.difference(leaky_relu(0.25)(z), names.leaky_relu(t, 0.25)) < 1e-8
        assert parity.difference(leaky_relu()(z), names.leaky_relu(t)) < 1e-7
        assert parity.difference(elu(0.5)(z), names.elu(t, alpha=0.5)) < 1e-8


@pytest.mark.parametrize("function", ACTIVATIONS.values(), ids=lambda f: f.name)
def test_slopes_at_kinks_are_those_of_keras_on_tensorflow(parity, function):
    keras = parity.keras
    if keras.backend.backend() != "tensorflow":
        pytest.skip("backends differ at kinks")
    z = np.array([[-6.0, -3, -1, 0, 1, 3, 6]])
    with parity.float64():
        model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(7, use_bias=True)])
        model.set_weights([np.zeros((7, 7)), z[0]])
        model.add(keras.layers.Activation(twin(keras, function)))
        _, _, (_, slope) = parity.keras_gradients(
            model, lambda y, a: keras.ops.sum(a), np.zeros((1, 7)), z
        )
    np.testing.assert_allclose(function.slope(z[0]), slope, atol=1e-7)


def test_prelu_and_maxout_have_the_numbers_of_keras(parity):
    from twice.scratch.perceptron import MeanSquaredError

    layers, rng = parity.keras.layers, np.random.default_rng(0)
    ours = Sequential([Dense(6, 12, rng=rng), PReLU(12, alpha=0.25), Maxout(12, 4, 3, rng=rng)])
    with parity.float64():
        theirs = parity.keras.Sequential(
            [
                parity.keras.Input((6,)),
                layers.Dense(12),
                layers.PReLU(),
                layers.Dense(12),
                layers.Reshape((4, 3)),
                layers.Lambda(lambda t: parity.keras.ops.max(t, axis=-1)),
            ]
        )
        table = parity.compare(
            ours,
            theirs,
            rng.normal(size=(20, 6)),
            rng.normal(size=(20, 4)),
            loss=MeanSquaredError(),
            keras_loss="mse",
            verbose=False,
        )
    assert table.largest < 1e-8


def test_prelu_shares_the_axes_that_keras_shares(parity):
    keras, z = parity.keras, np.random.default_rng(0).normal(size=(2, 5, 4, 3))
    with parity.float64():
        theirs = keras.layers.PReLU(alpha_initializer="ones", shared_axes=[1, 2])
        ours = PReLU((5, 4, 3), alpha=1.0, shared_axes=[1, 2], dtype=np.float64)
        assert parity.difference(ours.forward(z), theirs(z)) < 1e-12
        assert tuple(theirs.alpha.shape) == ours.params["alpha"].shape == (1, 1, 3)
