"""Normalization: worked numbers, gradients by differences, Keras in training and after."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.parity import keras
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.gradcheck import gradcheck
from twice.scratch.gradient_descent import SGD
from twice.scratch.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from twice.scratch.normalized_weights import CosineDense, WeightNormDense
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import train_step

L = keras.layers
seeds = st.integers(0, 2**32 - 1)
DOUBLE = {"dtype": np.float64}
SHAPES = [(7, 6), (4, 3, 6), (3, 4, 2, 6)]

# scratch layer, Keras layer
PAIRS = {
    "batch": (lambda: BatchNormalization(6, **DOUBLE), lambda: L.BatchNormalization()),
    "batch, bare": (
        lambda: BatchNormalization(6, center=False, momentum=0.7, **DOUBLE),
        lambda: L.BatchNormalization(center=False, momentum=0.7),
    ),
    "layer": (lambda: LayerNormalization(6, **DOUBLE), lambda: L.LayerNormalization()),
    "group": (lambda: GroupNormalization(6, groups=3, **DOUBLE), lambda: L.GroupNormalization(3)),
    "one group": (
        lambda: GroupNormalization(6, groups=1, epsilon=1e-5, **DOUBLE),
        lambda: L.GroupNormalization(1, epsilon=1e-5),
    ),
    "instance": (
        lambda: GroupNormalization(6, groups=-1, scale=False, **DOUBLE),
        lambda: L.GroupNormalization(-1, scale=False),
    ),
    "rms": (lambda: RMSNormalization(6, **DOUBLE), lambda: L.RMSNormalization()),
}


def scattered(layer, seed=0):
    """Every array away from its start; variances stay positive."""
    rng = np.random.default_rng(seed)
    for name, p in [*layer.params.items(), *layer.non_trainable.items()]:
        p[...] = rng.uniform(0.5, 2, p.shape) * (1 if "variance" in name else rng.choice([-1, 1]))
    return layer


# ---- numbers one can check on paper ------------------------------------------------------------


def test_batch_norm_by_hand():
    x = np.array([[1.0], [3.0], [5.0], [7.0]])  # mean 4, variance 5
    layer = BatchNormalization(1, epsilon=1e-12, momentum=0.9, **DOUBLE)
    root = 5**0.5
    expected = [[-3 / root], [-1 / root], [1 / root], [3 / root]]
    np.testing.assert_allclose(layer.forward(x, training=True), expected, rtol=1e-9)
    assert layer.non_trainable["moving_mean"] == pytest.approx(0.4)  # 0.9 * 0 + 0.1 * 4
    assert layer.non_trainable["moving_variance"] == pytest.approx(1.4)  # 0.9 * 1 + 0.1 * 5
    z = layer.forward(x)
    np.testing.assert_allclose(z, (x - 0.4) / 1.4**0.5)
    layer.params["gamma"][:], layer.params["beta"][:] = 2, 10
    np.testing.assert_allclose(layer.forward(x), 10 + 2 * z)


def test_running_statistics_reach_what_does_not_change():
    x = np.random.default_rng(0).normal(3, 2, (50, 4))
    layer = BatchNormalization(4, momentum=0.5, **DOUBLE)
    for _ in range(60):
        layer.forward(x, training=True)
    np.testing.assert_allclose(layer.non_trainable["moving_mean"], x.mean(axis=0))
    np.testing.assert_allclose(layer.non_trainable["moving_variance"], x.var(axis=0))
    np.testing.assert_allclose(layer.forward(x), layer.forward(x, training=True))


@pytest.mark.parametrize("training", [False, True])
def test_looking_changes_nothing_but_training_does(training):
    layer = BatchNormalization(3, **DOUBLE)
    before = copy.deepcopy(layer.non_trainable)
    layer.forward(np.random.default_rng(0).normal(5, 1, (8, 3)), training=training)
    same = [np.array_equal(before[k], layer.non_trainable[k]) for k in before]
    assert same == [not training] * 2


def naive(x, method, groups, epsilon):
    """Means by loops over samples, positions and channels, the plain definition."""
    z, channels = np.empty_like(x), np.arange(x.shape[-1])
    for i in np.ndindex(x.shape):
        if method == "batch":
            with_it = x[..., i[-1]]
        elif method == "layer":
            with_it = x[i[:-1]]
        else:
            size = x.shape[-1] // groups
            with_it = x[i[0]][..., channels // size == i[-1] // size]
        z[i] = (x[i] - with_it.mean()) / np.sqrt(with_it.var() + epsilon)
    return z


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from(SHAPES), st.sampled_from([1, 2, 3, 6]))
def test_the_axes_are_those_of_the_definition(seed, shape, groups):
    x = np.random.default_rng(seed).normal(2, 3, shape)
    for method, layer in {
        "batch": BatchNormalization(6, **DOUBLE),
        "layer": LayerNormalization(6, **DOUBLE),
        "group": GroupNormalization(6, groups=groups, **DOUBLE),
    }.items():
        expected = naive(x, method, groups, layer.epsilon)
        np.testing.assert_allclose(layer.forward(x, training=True), expected, atol=1e-12)
    r = np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(RMSNormalization(6, **DOUBLE).forward(x), x / r)


def test_layer_norm_of_a_whole_image_and_one_group_share_their_numbers():
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 6))
    whole = LayerNormalization((4, 5, 6), **DOUBLE)
    group = GroupNormalization(6, groups=1, **DOUBLE)
    np.testing.assert_allclose(whole.forward(x), group.forward(x), atol=1e-13)
    assert whole.params["gamma"].shape == (4, 5, 6)
    assert gradcheck(scattered(whole), x).ok


# ---- gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("training", [False, True])
@settings(max_examples=8, deadline=None)
@given(seed=seeds, shape=st.sampled_from(SHAPES))
def test_gradients_agree_with_differences(name, training, seed, shape):
    layer = scattered(PAIRS[name][0](), seed)
    x = np.random.default_rng(seed).normal(1, 2, shape)
    report = gradcheck(layer, x, training=training, tolerance=1e-6)
    assert report.ok, report


def test_in_training_the_gradient_has_no_part_along_ones_or_x_hat():
    """Adding a constant to a channel, or stretching it, changes nothing (epsilon aside)."""
    rng = np.random.default_rng(0)
    layer = BatchNormalization(3, epsilon=1e-12, **DOUBLE)
    x = rng.normal(size=(20, 3))
    layer.forward(x, training=True)
    back = layer.backward(rng.normal(size=x.shape))
    np.testing.assert_allclose(back.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((back * x).sum(axis=0), 0, atol=1e-10)


@pytest.mark.parametrize("make", [WeightNormDense, CosineDense])
@settings(max_examples=20, deadline=None)
@given(seed=seeds, sizes=st.tuples(*[st.integers(1, 6)] * 3))
def test_gradients_of_normalized_weights(make, seed, sizes):
    samples, n_in, n_out = sizes
    rng = np.random.default_rng(seed)
    layer = make(n_in, n_out, rng=rng, dtype=np.float64)
    for p in layer.params.values():
        p += rng.normal(size=p.shape)
    report = gradcheck(layer, rng.normal(size=(samples, n_in)))
    assert report.ok, report


# ---- Keras -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [False, True])
def test_parity(name, shape, training):
    rng = np.random.default_rng(3)
    ours, theirs = PAIRS[name]
    with parity.float64():
        twin = keras.Sequential([keras.Input(shape[1:]), theirs()])
        net, x = Sequential([scattered(ours(), 1)]), rng.normal(1, 2, shape)
        table = parity.compare(
            net, twin, x, rng.normal(size=shape), loss=MeanSquaredError(), keras_loss="mse",
            training=training, verbose=False,
        )  # fmt: skip
    rows = {row[0] for row in table}
    assert ("moving_mean" in rows) == ("moving_variance" in rows) == name.startswith("batch")


def test_layer_norm_over_an_image_is_keras_with_three_axes():
    x = np.random.default_rng(0).normal(size=(3, 4, 5, 6))
    with parity.float64():
        twin = keras.Sequential([keras.Input((4, 5, 6)), L.LayerNormalization(axis=[1, 2, 3])])
        net = Sequential([scattered(LayerNormalization((4, 5, 6), **DOUBLE))])
        parity.compare(net, twin, x, 0 * x, loss=MeanSquaredError(), keras_loss="mse")


@pytest.mark.parametrize("shape", [(16, 5), (8, 4, 4, 2)])
def test_ten_steps_of_training_leave_the_same_running_statistics(shape):
    """Ten steps with Keras's own train_on_batch, weights and statistics and predictions after."""
    rng = np.random.default_rng(0)
    setting = {"rng": rng, "dtype": np.float64}
    with parity.float64():
        if len(shape) == 2:
            first, again = Dense(5, 4, **setting), L.Dense(4)
        else:
            first, again = Conv2D(2, 4, 3, **setting), L.Conv2D(4, 3)
        net = Sequential([first, BatchNormalization(4, momentum=0.8, **DOUBLE), Activation("tanh")])
        twin = keras.Sequential(
            [keras.Input(shape[1:]), again, L.BatchNormalization(momentum=0.8),
             L.Activation("tanh")]
        )  # fmt: skip
        parity.copy_weights(net, twin)
        twin.compile(keras.optimizers.SGD(0.5), "mse")
        ours, loss = SGD(0.5), MeanSquaredError()
        for _ in range(10):
            x = rng.normal(2, 3, shape)
            y = rng.normal(size=net.forward(x).shape)
            value, _ = train_step(net, loss, ours, x, y)
            assert twin.train_on_batch(x, y) == pytest.approx(value, abs=1e-6)  # a float32 mean
        after = [np.asarray(v) for v in [*twin.trainable_variables, *parity.statistics(twin)]]
        for mine, his in zip(net.get_weights(), after, strict=True):
            np.testing.assert_allclose(mine, his, atol=1e-8)
        assert not np.allclose(net.layers[1].non_trainable["moving_mean"], 0, atol=0.1)
        np.testing.assert_allclose(net.forward(x), twin.predict(x, verbose=0), atol=1e-8)


def keras_weight_norm(units):
    """W = g v / |v| as a layer of Keras, its gradients by Keras's own means."""

    class WeightNorm(L.Layer):
        def build(self, shape):
            self.direction = self.add_weight(shape=(shape[-1], units), name="direction")
            self.gain = self.add_weight(shape=(units,), name="gain")
            self.bias = self.add_weight(shape=(units,), name="bias")

        def call(self, x):
            size = keras.ops.sqrt(keras.ops.sum(self.direction**2, axis=0))
            return x @ (self.gain * self.direction / size) + self.bias

    return WeightNorm()


def keras_cosine(units):
    class Cosine(L.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], units), name="kernel")

        def call(self, x):
            normal = keras.ops.normalize
            return normal(x, axis=-1) @ normal(self.kernel, axis=0)

    return Cosine()


@pytest.mark.parametrize(
    ("make", "theirs"), [(WeightNormDense, keras_weight_norm), (CosineDense, keras_cosine)]
)
def test_parity_of_normalized_weights(make, theirs):
    rng = np.random.default_rng(0)
    with parity.float64():
        net = Sequential([make(5, 3, rng=rng, dtype=np.float64)])
        for p in net.params.values():
            p += 0.3 * rng.normal(size=p.shape)
        twin = keras.Sequential([keras.Input((5,)), theirs(3)])
        x, y = rng.normal(size=(7, 5)), rng.normal(size=(7, 3))
        parity.compare(net, twin, x, y, loss=MeanSquaredError(), keras_loss="mse")


def test_weight_norm_starts_as_dense_and_its_length_does_not_count():
    rng = np.random.default_rng(0)
    layer = WeightNormDense(5, 3, rng=np.random.default_rng(1), dtype=np.float64)
    dense = Dense(5, 3, rng=np.random.default_rng(1), dtype=np.float64)
    x = rng.normal(size=(4, 5))
    before = layer.forward(x)
    np.testing.assert_allclose(before, dense.forward(x))
    layer.params["direction"] *= 7
    np.testing.assert_allclose(layer.forward(x), before)
    layer.backward(rng.normal(size=(4, 3)))
    across = (layer.grads["direction"] * layer.params["direction"]).sum(axis=0)
    np.testing.assert_allclose(across, 0, atol=1e-12)


def test_a_cosine_does_not_know_how_long_anything_is():
    rng = np.random.default_rng(0)
    layer, x = CosineDense(5, 3, rng=rng, dtype=np.float64), rng.normal(size=(4, 5))
    z = layer.forward(x)
    assert np.abs(z).max() <= 1
    layer.params["kernel"] *= 9
    np.testing.assert_allclose(layer.forward(1000 * x), z, rtol=1e-9)


# ---- what is documented: one sample, a constant feature, float16 -------------------------------


def test_a_batch_of_one():
    """One row: nothing but beta comes out, and no gradient goes back; an image still works."""
    rng = np.random.default_rng(0)
    layer = scattered(BatchNormalization(6, **DOUBLE))
    z = layer.forward(rng.normal(size=(1, 6)), training=True)
    np.testing.assert_array_equal(z, layer.params["beta"][None])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 6))), np.zeros((1, 6)))
    z = layer.forward(rng.normal(size=(1, 4, 4, 6)), training=True)
    assert z.std(axis=(0, 1, 2)).min() > 0.1
    one, many = rng.normal(size=(1, 6)), rng.normal(size=(9, 6))
    for other in (LayerNormalization(6, **DOUBLE), GroupNormalization(6, groups=2, **DOUBLE)):
        alone = other.forward(one, training=True)
        together = other.forward(np.concatenate([one, many]), training=True)
        np.testing.assert_allclose(alone[0], together[0])


def test_a_constant_feature_becomes_beta():
    rng = np.random.default_rng(0)
    for value in (0.0, 5.0, 1e6):
        x = rng.normal(size=(8, 3))
        x[:, 1] = value
        layer = scattered(BatchNormalization(3, **DOUBLE))
        z = layer.forward(x, training=True)
        np.testing.assert_allclose(z[:, 1], layer.params["beta"][1], atol=1e-6)
        assert np.isfinite(layer.backward(rng.normal(size=z.shape))).all()


@pytest.mark.parametrize(
    "layer",
    [
        BatchNormalization(4, dtype=np.float16),
        LayerNormalization(4, dtype=np.float16),
        GroupNormalization(4, groups=2, dtype=np.float16),
        RMSNormalization(4, dtype=np.float16),
    ],
    ids=repr,
)
def test_float16_is_computed_in_float32(layer):
    """Squares of 1000 overflow float16 (65504); means and variances are taken in float32."""
    rng = np.random.default_rng(0)
    x = rng.normal(1000, 400, (32, 4)).astype(np.float16)
    z = layer.forward(x, training=True)
    assert z.dtype == np.float16
    exact = type(layer)(4, **DOUBLE) if not hasattr(layer, "groups") else None
    exact = exact or GroupNormalization(4, groups=2, **DOUBLE)
    np.testing.assert_allclose(z, exact.forward(x.astype(float), training=True), atol=2e-3)
    back = layer.backward(rng.normal(size=z.shape).astype(np.float16))
    assert back.dtype == np.float16
    assert np.isfinite(back).all()
    assert all(np.isfinite(g).all() and g.dtype == np.float16 for g in layer.grads.values())
    kept = layer.non_trainable.values()
    assert all(a.dtype == np.float32 and np.isfinite(a).all() for a in kept)


def test_float32_stays_float32():
    layer = BatchNormalization(3)
    z = layer.forward(np.ones((4, 3)), training=True)
    assert z.dtype == layer.backward(np.ones((4, 3))).dtype == np.float32
    assert all(a.dtype == np.float32 for a in layer.non_trainable.values())


# ---- the model around them ---------------------------------------------------------------------


def test_weights_in_and_out_carry_the_running_statistics():
    def build(seed):
        rng = np.random.default_rng(seed)
        inner = Sequential([Dense(3, 4, rng=rng), BatchNormalization(4)])
        return Sequential([inner, Activation("relu"), Dense(4, 1, rng=rng)])

    x = np.random.default_rng(0).normal(5, 2, (16, 3)).astype(np.float32)
    net, other = build(0), build(1)
    net.forward(x, training=True)
    assert len(net.get_weights()) == 8
    other.set_weights(net.get_weights())
    np.testing.assert_array_equal(net.forward(x), other.forward(x))
    bad = net.get_weights()[:-1]
    with pytest.raises(ValueError, match="expected weights of the shapes"):
        other.set_weights(bad)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNormalization(0), "sizes >= 1"),
        (lambda: BatchNormalization(3, epsilon=0), "epsilon > 0"),
        (lambda: BatchNormalization(3, momentum=1), "momentum < 1"),
        (lambda: BatchNormalization((3, 3)), "one n"),
        (lambda: GroupNormalization(6, groups=4), "divide the 6 channels, got 4"),
        (lambda: GroupNormalization(6, groups=0), "divide the 6 channels, got 0"),
        (lambda: LayerNormalization(()), "sizes >= 1"),
        (lambda: CosineDense(3, 3, epsilon=0, rng=np.random.default_rng(0)), "epsilon > 0"),
        (lambda: BatchNormalization(3).forward(np.ones((4, 2))), r"x \(N, ..., 3\), got \(4, 2\)"),
        (lambda: BatchNormalization(3).forward(np.ones((0, 3))), "got"),
        (lambda: LayerNormalization((2, 3)).forward(np.ones((2, 3))), r"\(N, ..., 2, 3\)"),
        (lambda: LayerNormalization(3).forward(np.ones(3)), "got"),
        (
            lambda: CosineDense(3, 3, rng=np.random.default_rng(0)).forward(np.ones((2, 4))),
            r"x \(N, 3\), got \(2, 4\)",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_direction_of_zeros_points_nowhere():
    layer = WeightNormDense(3, 2, rng=np.random.default_rng(0))
    layer.params["direction"][:, 1] = 0
    with pytest.raises(ValueError, match="points nowhere"):
        layer.forward(np.ones((1, 3)))
