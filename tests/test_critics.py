"""Gradient penalties by hand, by differences and beside Keras; spectral norms; clipped weights."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.parity import keras
from twice.scratch.activations import ACTIVATIONS, leaky_relu
from twice.scratch.adaptive import Adam
from twice.scratch.adversaries import mlp
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.conv_layers import UpSampling2D
from twice.scratch.convolution import Conv2D
from twice.scratch.critics import (
    ClipWeights,
    GradientPenalty,
    SpectralNormalization,
    clip_weights,
    gradient_penalty,
    input_slopes,
    power_iteration,
)
from twice.scratch.gans import GAN, Wasserstein
from twice.scratch.gradcheck import check_array, gradcheck
from twice.scratch.gradient_descent import SGD
from twice.scratch.noise import Dropout
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import AveragePooling2D, Flatten, GlobalAveragePooling2D, MaxPooling2D

seeds = st.integers(0, 2**32 - 1)
EXACT = 0.25  # TensorFlow keeps a LeakyReLU's slope in 32 bits, where 0.2 is rounded


def fresh(seed=0):
    return {"rng": np.random.default_rng(seed), "dtype": np.float64}


def with_biases(net, seed=9):
    rng = np.random.default_rng(seed)
    for name, w in net.params.items():
        if name.endswith("bias"):
            w[...] = rng.normal(0, 0.5, w.shape)
    return net


def dense_critic(bend=leaky_relu(EXACT)):  # noqa: B008
    rng = np.random.default_rng(3)
    net = with_biases(mlp([3, 8, 6, 1], rng, dtype=np.float64))
    net.layers[1], net.layers[3] = Activation(bend), Activation(bend)
    return net


def conv_critic():
    made = fresh(4)
    layers = [
        Conv2D(2, 4, 3, strides=2, padding="same", **made),
        Activation(leaky_relu(EXACT)),
        Conv2D(4, 6, 3, padding="same", use_bias=False, **made),
        Activation("relu"),
        AveragePooling2D(2),
        Conv2D(6, 4, 2, groups=2, dilation_rate=1, padding="same", **made),
        Activation(leaky_relu(EXACT / 2)),
        Flatten(),
        Dense(16, 1, **made),
    ]
    return with_biases(Sequential(layers))


def pictures(n=5, seed=1):
    return np.random.default_rng(seed).normal(size=(n, 8, 8, 2))


def points(n=7, seed=1):
    return np.random.default_rng(seed).normal(size=(n, 3))


CASES = {
    "dense": (dense_critic, points),
    "relu": (lambda: dense_critic("relu"), points),
    "hard_tanh": (lambda: dense_critic(ACTIVATIONS["hard_tanh"]), points),
    "conv": (conv_critic, pictures),
}


@pytest.mark.parametrize("target", [1.0, 0.0])
@pytest.mark.parametrize("case", CASES)
def test_the_penalty_by_central_differences(case, target):
    made, draw = CASES[case]
    net, x = made(), draw()
    value, grads = gradient_penalty(net, x, target)
    assert grads.keys() == net.params.keys()
    slopes, _ = input_slopes(net, x)
    size = np.sqrt((slopes.reshape(len(x), -1) ** 2).sum(axis=1))
    assert value == pytest.approx(((size - target) ** 2).mean())
    assert value > 1e-3
    rng = np.random.default_rng(0)
    for name, w in net.params.items():
        check = check_array(
            name, lambda: gradient_penalty(net, x, target)[0], w, grads[name],
            epsilon=1e-5, coordinates=25, tolerance=1e-6, rng=rng,
        )  # fmt: skip
        assert check.checked > 0
        assert check.error < 1e-6, check
        moved = np.abs(grads[name]).max()
        assert moved == 0 if name.endswith("bias") else moved > 1e-4


def test_input_slopes_by_central_differences():
    net, x = conv_critic(), pictures(2)
    slopes, _ = input_slopes(net, x)
    check = check_array("x", lambda: net.forward(x).sum(), x, slopes, epsilon=1e-5,
                        coordinates=60, tolerance=1e-6, rng=np.random.default_rng(0))  # fmt: skip
    assert check.error < 1e-6


def test_a_linear_critic_by_hand():
    """D(x) = x w + b: g = w everywhere, dP/dw = 2 (|w| - 1) w / |w|."""
    layer = Dense(2, 1, **fresh())
    layer.params["kernel"][:] = [[3.0], [4.0]]
    layer.params["bias"][:] = 7
    value, grads = gradient_penalty(Sequential([layer]), np.ones((6, 2)))
    assert value == pytest.approx(16)
    np.testing.assert_allclose(grads["0.kernel"], 8 * np.array([[0.6], [0.8]]))
    np.testing.assert_array_equal(grads["0.bias"], [0])
    value, grads = gradient_penalty(Sequential([layer]), np.ones((6, 2)), 0)
    assert value == pytest.approx(25)
    np.testing.assert_allclose(grads["0.kernel"], 2 * np.array([[3], [4]]))
    value, grads = gradient_penalty(Sequential([layer]), np.ones((6, 2)), 0, channels=1)
    assert value == pytest.approx(9)
    np.testing.assert_allclose(grads["0.kernel"], [[6], [0]])
    layer.params["kernel"][:] = 0  # no direction is the steepest
    value, grads = gradient_penalty(Sequential([layer]), np.ones((6, 2)))
    assert value == 1
    np.testing.assert_array_equal(grads["0.kernel"], 0)


def keras_dense():
    dense, bend = keras.layers.Dense, keras.layers.LeakyReLU
    return keras.Sequential(
        [keras.Input((3,)), dense(8), bend(EXACT), dense(6), bend(EXACT), dense(1)]
    )


def keras_conv():
    conv, bend = keras.layers.Conv2D, keras.layers.LeakyReLU
    return keras.Sequential([
        keras.Input((8, 8, 2)), conv(4, 3, strides=2, padding="same"), bend(EXACT),
        conv(6, 3, padding="same", use_bias=False), keras.layers.ReLU(),
        keras.layers.AveragePooling2D(2), conv(4, 2, groups=2, padding="same"), bend(EXACT / 2),
        keras.layers.Flatten(), keras.layers.Dense(1),
    ])  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow")
@pytest.mark.parametrize("target", [1.0, 0.0])
@pytest.mark.parametrize(
    ("ours", "theirs", "draw"),
    [(dense_critic, keras_dense, points), (conv_critic, keras_conv, pictures)],
)
def test_the_penalty_beside_a_tape_within_a_tape(ours, theirs, draw, target):
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        pytest.skip("GradientTape is TensorFlow's")
    net, x = ours(), draw()
    value, grads = gradient_penalty(net, x, target)
    with parity.float64():
        twin = theirs()
        parity.copy_weights(net, twin)
        batch = tf.constant(x)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(batch)
                total = tf.reduce_sum(twin(batch))
            slope = inner.gradient(total, batch)
            size = tf.sqrt(tf.reduce_sum(slope**2, axis=list(range(1, x.ndim))))
            wanted = tf.reduce_mean((size - target) ** 2)
        variables = [v.value for v in twin.trainable_variables]
        found = outer.gradient(wanted, variables, unconnected_gradients="zero")
    assert value == pytest.approx(float(wanted), abs=1e-10)
    for a, b in zip(grads.values(), found, strict=True):
        assert parity.difference(a, b) < 1e-8


@pytest.mark.parametrize("bend", ["tanh", "sigmoid", ACTIVATIONS["elu"], ACTIVATIONS["gelu"]])
def test_a_critic_that_bends_everywhere_is_refused(bend):
    net = dense_critic(bend)
    with pytest.raises(ValueError, match=r"expected layers of Dense.*got Activation.* layer 1"):
        gradient_penalty(net, points())


def test_layers_without_weights_on_the_way():
    made = fresh(2)
    net = Sequential([UpSampling2D(2), Conv2D(2, 3, 3, **made), Activation("relu"),
                      GlobalAveragePooling2D(), Dense(3, 1, **made)])  # fmt: skip
    x = pictures(3)
    _, grads = gradient_penalty(net, x)
    for name, w in net.params.items():
        check = check_array(name, lambda: gradient_penalty(net, x)[0], w, grads[name],
                            epsilon=1e-5, coordinates=20, tolerance=1e-6,
                            rng=np.random.default_rng(0))  # fmt: skip
        assert check.error < 1e-6
    for layer in (MaxPooling2D(2), Dropout(0.5, rng=made["rng"])):
        with pytest.raises(ValueError, match="as layer 0"):
            gradient_penalty(Sequential([layer, *net.layers]), x)


def test_where_the_slope_is_measured():
    rng = np.random.default_rng(0)
    real, fake = np.zeros((500, 4, 1)), np.ones((500, 4, 1))
    between = GradientPenalty(rng=rng).place(real, fake)
    assert np.ptp(between, axis=1).max() == 0  # one share a sample
    assert between.mean() == pytest.approx(0.5, abs=0.05)
    assert between.std() == pytest.approx(12**-0.5, abs=0.02)
    assert GradientPenalty(rng=rng, where="real").place(real, fake) is real
    assert GradientPenalty(rng=rng, where="fake").place(real, fake) is fake
    single = real.astype(np.float32)
    assert GradientPenalty(rng=rng).place(single, single).dtype == np.float32
    with pytest.raises(ValueError, match=r"as many real as fake, got \(500, 4, 1\) and \(9, 4, 1"):
        GradientPenalty(rng=rng).place(real, fake[:9])
    with pytest.raises(ValueError, match="got -1 and"):
        GradientPenalty(-1, rng=rng)
    with pytest.raises(ValueError, match="'middle'"):
        GradientPenalty(where="middle", rng=rng)


def test_the_weight_multiplies_value_and_gradients():
    net, x = dense_critic(), points()
    value, grads = gradient_penalty(net, x, 0.5)
    penalty = GradientPenalty(3, target=0.5, where="real", rng=np.random.default_rng(0))
    again, weighted = penalty(net, x, None)
    assert again == pytest.approx(3 * value)
    for name, g in grads.items():
        np.testing.assert_allclose(weighted[name], 3 * g)


@pytest.mark.parametrize("seed", range(3))
def test_a_trained_critic_measures_the_distance_between_two_clouds(seed):
    """Of a slope s between two clouds d apart, d s - 10 (s - 1)^2 is best at s = 1 + d / 20."""
    rng = np.random.default_rng(seed)
    critic = mlp([2, 32, 32, 1], rng)
    gan = GAN(mlp([1, 2], rng), critic, Wasserstein(), latent_dim=1,
              penalty=GradientPenalty(10, rng=rng))  # fmt: skip
    optimizer, found = Adam(3e-3, beta_1=0.5, beta_2=0.9), []
    for step in range(400):
        clouds = [0.05 * rng.normal(size=(64, 2)) + at for at in ([1.5, 0], [0, 0])]
        value, grads = gan.discriminator_gradients(*clouds)
        extra, more = gan.penalty(critic, *clouds)
        optimizer.step(critic.params, {name: g + more[name] for name, g in grads.items()})
        if step >= 300:
            found.append((-value, extra))
    distance, extra = np.mean(found, axis=0)
    slope = 1 + 1.5 / 20
    assert distance == pytest.approx(1.5 * slope, abs=0.05)
    assert extra == pytest.approx(10 * (slope - 1) ** 2, abs=0.04)


# ---- spectral normalization --------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 8), st.integers(1, 8))
def test_power_iteration_finds_the_spectral_norm(seed, m, n):
    rng = np.random.default_rng(seed)
    w, u = rng.normal(size=(m, n)), rng.normal(size=(1, n))
    wanted = np.linalg.norm(w, ord=2)
    sigma, turned = power_iteration(w, u, 3000)
    assert sigma == pytest.approx(wanted, rel=1e-3)
    assert np.linalg.norm(turned) == pytest.approx(1)
    once, _ = power_iteration(w, u)
    assert once <= wanted * (1 + 1e-12)


def test_spectral_normalization_brings_the_norm_to_one_step_by_step():
    rng = np.random.default_rng(0)
    layer = SpectralNormalization(Dense(20, 30, **fresh()), rng=rng)
    layer.params["kernel"][...] = rng.normal(size=(20, 30))
    x, start = rng.normal(size=(4, 20)), layer.params["kernel"].copy()
    layer.forward(x)
    np.testing.assert_array_equal(layer.params["kernel"], start)  # training only
    for _ in range(60):
        z = layer.forward(x, training=True)
    assert np.linalg.norm(layer.params["kernel"], ord=2) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(z, x @ layer.params["kernel"])
    many = SpectralNormalization(Dense(20, 30, **fresh()), power_iterations=200, rng=rng)
    many.params["kernel"][...] = start
    many.forward(x, training=True)
    assert np.linalg.norm(many.params["kernel"], ord=2) == pytest.approx(1, abs=1e-6)
    many.params["kernel"][...] = 0  # nothing to divide by
    assert not many.forward(x, training=True).any()


def test_spectral_normalization_beside_keras():
    rng = np.random.default_rng(0)
    made, SN = fresh(), keras.layers.SpectralNormalization
    net = Sequential([SpectralNormalization(Conv2D(2, 3, 3, **made), rng=rng), Activation("relu"),
                      Flatten(), SpectralNormalization(Dense(12, 2, **made), rng=rng)])  # fmt: skip
    x, y = rng.normal(size=(5, 4, 4, 2)), rng.normal(size=(5, 2))
    with parity.float64():
        twin = keras.Sequential([keras.Input((4, 4, 2)), SN(keras.layers.Conv2D(3, 3)),
                                 keras.layers.ReLU(), keras.layers.Flatten(),
                                 SN(keras.layers.Dense(2))])  # fmt: skip
        table = parity.compare(net, twin, x, y, loss=MeanSquaredError(),
                               keras_loss="mean_squared_error", training=True)  # fmt: skip
    assert table.largest < 1e-8
    assert "vector_u" in str(table)


def test_a_spectrally_normalized_net_is_a_layer_like_any():
    rng = np.random.default_rng(0)
    layer = SpectralNormalization(Dense(4, 3, **fresh()), rng=rng)
    net = Sequential([layer, Activation("tanh"), Dense(3, 1, **fresh())])
    assert gradcheck(net, rng.normal(size=(5, 4))).ok
    assert [w.shape for w in net.get_weights()] == [(4, 3), (3,), (3, 1), (1,), (1, 3)]
    assert repr(layer) == "SpectralNormalization(Dense(4, 3))"
    for bad, many in ((Flatten(), 1), (layer.layers[0], 0)):
        with pytest.raises(ValueError, match="a layer with a kernel, power_iterations >= 1"):
            SpectralNormalization(bad, power_iterations=many, rng=rng)


# ---- clipped weights ---------------------------------------------------------------------------


def test_clipping_holds_every_array_within_the_limit():
    net = dense_critic()
    before = {name: w.copy() for name, w in net.params.items()}
    grads = {name: np.full_like(w, -1.0) for name, w in net.params.items()}
    ClipWeights(SGD(0.05), 0.1).step(net.params, grads)
    for name, w in net.params.items():
        np.testing.assert_allclose(w, np.clip(before[name] + 0.05, -0.1, 0.1))
    clip_weights(net.params, 0.03)
    assert max(np.abs(w).max() for w in net.params.values()) == 0.03
    for bad in (lambda: ClipWeights(SGD(0.1), 0), lambda: clip_weights({}, -1)):
        with pytest.raises(ValueError, match="expected limit > 0"):
            bad()
