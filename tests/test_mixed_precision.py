"""Mixed precision: what float16 loses, that scaling the loss saves it, and Keras's own way."""

import numpy as np
import pytest

from twice import parity
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.mixed_precision import LossScale, mixed_step
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import NotFinite, train_step

keras = parity.keras


def rng(seed=0):
    return np.random.default_rng(seed)


def net(dtype, seed=0):
    random = rng(seed)
    layers = [
        Dense(8, 16, rng=random, dtype=dtype),
        Activation("tanh"),
        Dense(16, 3, rng=random, dtype=dtype),
    ]
    return Sequential(layers)


def samples(n, seed=1):
    x = rng(seed).normal(size=(n, 8)).astype(np.float32)
    return x, x[:, :3].argmax(axis=1)


def copies(model):
    return {name: w.astype(np.float32) for name, w in model.params.items()}


def cross_entropy():
    return SparseCategoricalCrossentropy(from_logits=True)


class Gradients:
    """An optimizer that takes no step and keeps the gradients."""

    def step(self, params, grads):
        self.grads = {name: g.copy() for name, g in grads.items()}


def distance(a, b):
    """|a - b| / |b| over all arrays of two dicts."""
    a, b = (np.concatenate([d[name].ravel() for name in b]).astype(float) for d in (a, b))
    return np.linalg.norm(a - b) / np.linalg.norm(b)


# ---- float16 -----------------------------------------------------------------------------------


def test_numbers_of_float16():
    half = np.float16
    assert half(1e-8) == 0
    assert float(half(1e-8 * 1024)) / 1024 == pytest.approx(1e-8, rel=0.01)
    assert half(1) + half(0.0004) == 1
    assert float(np.finfo(half).smallest_subnormal) == 2.0**-24
    with np.errstate(over="ignore"):
        assert np.isinf(half(70000.0))


# ---- gradients ---------------------------------------------------------------------------------


def deep(dtype, sigmoids=7):
    """A net whose first layer hears little: every sigmoid takes three quarters of a gradient."""
    random, layers, n_in = rng(0), [], 8
    for _ in range(sigmoids):
        layers += [Dense(n_in, 16, rng=random, dtype=dtype), Activation("sigmoid")]
        n_in = 16
    return Sequential([*layers, Dense(16, 3, rng=random, dtype=dtype)])


def first_gradient(scale, n=256):
    """Of the first kernel: the share of zeros, and the distance to the gradient of float32."""
    whole, half = deep(np.float32), deep(np.float16)
    for name, w in half.params.items():  # the same, rounded weights
        whole.params[name][...] = w
    (x, y), kept, exact = samples(n), Gradients(), Gradients()
    train_step(whole, cross_entropy(), exact, x, y)
    mixed_step(half, cross_entropy(), kept, LossScale(scale), copies(half), x, y)
    name = "0.kernel"
    assert kept.grads[name].dtype == np.float32
    zeros = float((kept.grads[name] == 0).mean())
    return zeros, distance({name: kept.grads[name]}, {name: exact.grads[name]})


def test_scaling_saves_what_float16_loses():
    zeros, error = first_gradient(1.0)
    assert zeros > 0.1
    assert error > 0.2
    zeros, error = first_gradient(2.0**12)
    assert zeros == 0
    assert error < 0.005


def test_a_gradient_below_float16_vanishes_without_scale_and_not_with_it():
    x = np.ones((1, 1), np.float32)
    for scale, wanted in ((1.0, 0.0), (1024.0, 2e-8)):
        half = Sequential([Dense(1, 1, rng=rng(), dtype=np.float16)])
        half.params["0.kernel"][...] = 0.5
        kept = Gradients()
        y = np.array([[0.5 - 1e-8]])  # in float64: the error is 1e-8, its gradient 2e-8
        loss = MeanSquaredError()
        mixed_step(half, loss, kept, LossScale(scale), copies(half), x, y)
        assert float(kept.grads["0.kernel"][0, 0]) == pytest.approx(wanted, rel=0.01)


def test_weights_in_float32_add_up_steps_that_float16_loses():
    x, y = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    half = Sequential([Dense(1, 1, rng=rng(), dtype=np.float16)])
    weights = copies(half)
    weights["0.kernel"][...] = 1.0
    all_half = Sequential([Dense(1, 1, rng=rng(), dtype=np.float16)])
    all_half.params["0.kernel"][...] = 1.0
    for _ in range(100):  # every step is 2e-4 at first
        mixed_step(half, MeanSquaredError(), SGD(1e-4), LossScale(8.0), weights, x, y)
        train_step(all_half, MeanSquaredError(), SGD(1e-4), x, y)
    assert all_half.params["0.kernel"][0, 0] == 1.0
    assert float(weights["0.kernel"][0, 0]) == pytest.approx(0.98, abs=0.002)


def test_a_training_ends_where_that_of_float32_does():
    x, y = samples(256)
    whole, half = net(np.float32), net(np.float16)
    weights, scale, losses = copies(whole), LossScale(2.0**24, dynamic_growth_steps=50), []
    optimizers = Adam(0.01), Adam(0.01)
    for _ in range(200):
        value, _ = train_step(whole, cross_entropy(), optimizers[0], x, y)
        losses.append(
            (value, mixed_step(half, cross_entropy(), optimizers[1], scale, weights, x, y))
        )
    assert scale.skipped > 0  # it began too high, and found its place
    assert losses[0][0] == pytest.approx(losses[0][1], rel=1e-2)
    assert losses[-1][0] < 0.4 * losses[0][0]
    assert losses[-1][1] < 0.4 * losses[0][0]
    assert {w.dtype for w in weights.values()} == {np.dtype(np.float32)}


# ---- the scale ---------------------------------------------------------------------------------


def keras_step(optimizer, g, variable):
    g = keras.ops.convert_to_tensor(g)
    if keras.backend.backend() != "jax":
        optimizer.apply([g], [variable])
        return
    state = [v.value for v in optimizer.variables]  # JAX knows no `if` with side effects
    (w,), state = optimizer.stateless_apply(state, [g], [variable.value])
    variable.assign(w)
    for v, value in zip(optimizer.variables, state, strict=True):
        v.assign(value)


def test_the_scale_follows_keras_step_by_step():
    ours = LossScale(64.0, dynamic_growth_steps=3)
    theirs = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.5), initial_scale=64.0, dynamic_growth_steps=3
    )
    variable, w, sgd = (
        keras.Variable(np.ones(2, np.float32)),
        {"w": np.ones(2, np.float32)},
        SGD(0.5),
    )
    theirs.build([variable])
    for step, bad in enumerate("..x....x.x......."):
        g = np.array([step + 1.0, np.inf if bad == "x" else -1.0], np.float32)
        grads = ours.unscale({"w": g})
        if grads is not None:
            sgd.step(w, grads)
        keras_step(theirs, g, variable)
        assert ours.value == float(theirs.dynamic_scale), step
        np.testing.assert_allclose(w["w"], keras.ops.convert_to_numpy(variable), rtol=1e-6)
    assert ours.skipped == 3


def test_an_overflow_skips_the_step():
    x, y = samples(8)
    half, scale = net(np.float16), LossScale(2.0**30)
    weights = copies(half)
    before = {name: w.copy() for name, w in weights.items()}
    mixed_step(half, cross_entropy(), SGD(0.1), scale, weights, x, y)
    assert (scale.value, scale.skipped) == (2.0**29, 1)
    for name, w in weights.items():
        np.testing.assert_array_equal(w, before[name])


def test_errors():
    half, (x, y) = net(np.float16), samples(8)
    weights = copies(half)
    for scale, steps in ((0.0, 1), (np.inf, 1), (np.nan, 1), (1.0, 0)):
        with pytest.raises(ValueError, match="expected initial_scale > 0, dynamic_growth_steps"):
            LossScale(scale, dynamic_growth_steps=steps)
    few = {"0.bias": weights["0.bias"]}
    with pytest.raises(ValueError, match=r"weights for \['0.bias'\], params for"):
        mixed_step(half, cross_entropy(), SGD(0.1), LossScale(), few, x, y)
    weights["2.bias"][...] = 1e6
    weights["2.kernel"][...] = -np.inf
    with pytest.raises(NotFinite, match=r"the loss is nan: float16 ends at 65504"):
        mixed_step(half, cross_entropy(), SGD(0.1), LossScale(), weights, x, y)


# ---- Keras -------------------------------------------------------------------------------------


@pytest.fixture
def policy():
    """Sets the policy of what is built next; afterwards all is as before."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def twin():
    layers = [keras.Input((8,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(3)]
    return keras.Sequential(layers)


@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_keras_computes_in_half_and_keeps_whole_weights(policy, name):
    policy(name)
    model, (x, y) = twin(), samples(64)
    assert {keras.backend.standardize_dtype(v.dtype) for v in model.weights} == {"float32"}
    assert keras.backend.standardize_dtype(model(x).dtype) == name.removeprefix("mixed_")
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (name == "mixed_float16")  # bfloat16 reaches as far down as float32
    first = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert first[-1] < first[0]
    assert {keras.backend.standardize_dtype(v.dtype) for v in model.weights} == {"float32"}


def test_keras_gives_our_outputs_and_steps_in_float16(policy):
    policy("mixed_float16")
    model, half, (x, y) = twin(), net(np.float16), samples(64)
    weights = copies(net(np.float32))
    for variable, w in zip(model.trainable_variables, weights.values(), strict=True):
        variable.assign(w)
    start = {name: w.copy() for name, w in weights.items()}
    model.compile(
        keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    for name, w in half.params.items():
        w[...] = weights[name]
    outputs = keras.ops.convert_to_numpy(model(x)).astype(np.float32)
    np.testing.assert_allclose(half.forward(x).astype(np.float32), outputs, atol=4e-3)
    mixed_step(half, cross_entropy(), SGD(0.5), LossScale(), weights, x, y)
    model.train_on_batch(x, y)
    found = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    step = {name: w - start[name] for name, w in weights.items()}
    theirs = {name: w - start[name] for name, w in zip(weights, found, strict=True)}
    assert distance(step, theirs) < 5e-3  # float16 rounds to 5e-4, each product anew
    assert max(float(np.abs(s).max()) for s in step.values()) > 0.01
