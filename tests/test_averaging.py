"""Averages of weights and of gradients: means recomputed, Keras's numbers, and nothing lost."""

import re

import numpy as np
import pytest

from twice import parity
from twice.parity import keras
from twice.scratch.accumulation import Accumulated
from twice.scratch.adaptive import Adam
from twice.scratch.averaging import (
    ExponentialMovingAverage,
    PolyakAverage,
    StochasticWeightAveraging,
    refresh_statistics,
)
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.deep_cnns import Add
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import Callback, NotFinite, evaluate, train_step

EVERY = (PolyakAverage, ExponentialMovingAverage, lambda **s: StochasticWeightAveraging(0, **s))


def net(dtype=np.float64, norm=False, seed=0):
    rng = np.random.default_rng(seed)
    first = [Dense(3, 4, rng=rng, dtype=dtype)]
    first += [BatchNormalization(4, momentum=0.9, dtype=dtype)] if norm else []
    return Sequential([*first, Activation("tanh"), Dense(4, 2, rng=rng, dtype=dtype)])


def samples(n=12, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


def settings(**changed):
    return {"loss": MeanSquaredError(), "optimizer": SGD(0.3), "batch_size": 4, **changed}


class Diary(Callback):
    """The parameters at the start, after every step and after every epoch."""

    def __init__(self):
        self.start, self.steps, self.epochs = None, [], []

    def on_train_begin(self, model):
        self.start = copies(model)

    def on_batch_end(self, model, iteration, logs):
        self.steps.append(copies(model))

    def on_epoch_end(self, model, epoch, logs):
        self.epochs.append(copies(model))


def copies(model):
    return {name: w.copy() for name, w in model.params.items()}


def assert_same(ours, theirs, **tolerance):
    assert ours.keys() == theirs.keys()
    for name, a in ours.items():
        np.testing.assert_allclose(a, theirs[name], err_msg=name, **{"atol": 1e-13, **tolerance})


def assert_identical(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def mean(states, shares=None):
    return {k: np.average([s[k] for s in states], axis=0, weights=shares) for k in states[0]}


# ---- what is averaged --------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "counted"), [(0, 9), (4, 5), (8, 1)])
def test_polyak_is_the_mean_over_the_steps(start, counted):
    diary, polyak = Diary(), PolyakAverage(start)
    net().fit(*samples(), **settings(epochs=3, callbacks=[diary, polyak]))
    assert polyak.count == counted
    assert_same(polyak.average, mean(diary.steps[-counted:]))


def test_an_average_that_has_not_begun():
    polyak, model = PolyakAverage(9, swap_at_end=True, look=lambda m: 1), net()
    model.fit(*samples(), **settings(epochs=3, callbacks=[polyak]))
    assert (polyak.average, polyak.count, polyak.seen) == (None, 0, [])
    with pytest.raises(ValueError, match="there is none yet"):
        polyak.swap_in(model)


@pytest.mark.parametrize("begin", ["first", "start", "zero"])
def test_the_shares_of_an_exponential_average(begin):
    """(1 - m) m^(t - k) each; what is missing to 1 went to w_1, to w_0, or is divided out."""
    m, diary, ema = 0.8, Diary(), ExponentialMovingAverage(0.8, begin=begin)
    net().fit(*samples(), **settings(epochs=2, callbacks=[diary, ema]))
    shares = (1 - m) * m ** np.arange(6)[::-1]
    wanted = {
        "first": mean(diary.steps, shares + m**6 * np.eye(6)[0]),
        "start": mean([diary.start, *diary.steps], [m**6, *shares]),
        "zero": mean(diary.steps, shares / shares.sum()),
    }[begin]
    assert shares.sum() == pytest.approx(1 - m**6)
    assert_same(ema.average, wanted)
    if begin == "zero":  # the uncorrected one is too small by 1 - m^t
        assert_same(ema.memory, {k: a * (1 - m**6) for k, a in wanted.items()})


def test_an_ema_begun_at_zero_is_right_from_the_first_step():
    diary, ema = Diary(), ExponentialMovingAverage(0.999, begin="zero")
    net().fit(*samples(4), **settings(callbacks=[diary, ema]))
    assert_same(ema.average, diary.steps[0])


@pytest.mark.parametrize(
    ("start", "frequency", "epochs"),
    [(0, 1, range(7)), (2, 2, [2, 4, 6]), (3, 5, [3]), (6, 1, [6])],
)
def test_swa_is_the_mean_over_the_ends_of_epochs(start, frequency, epochs):
    diary, swa = Diary(), StochasticWeightAveraging(start, frequency=frequency)
    net().fit(*samples(), **settings(epochs=7, callbacks=[diary, swa]))
    assert swa.count == len(epochs)
    assert_same(swa.average, mean([diary.epochs[k] for k in epochs]))


def test_averages_of_float32_weights_keep_more_digits():
    """1,000 equal weights: the mean is that weight, and small shares are not rounded away."""
    model = net(np.float32)
    ema = ExponentialMovingAverage(0.9999, begin="start")
    ema.on_train_begin(model)
    before = copies(model)
    for w in model.params.values():
        w += np.float32(1e-3)
    for k in range(1000):
        ema.on_batch_end(model, k + 1, {})
    share = 1 - 0.9999**1000
    for name, a in ema.average.items():
        wanted = before[name] + share * (model.params[name].astype(float) - before[name])
        np.testing.assert_allclose(a, wanted, atol=1e-12)
    with ema.swapped(model):
        assert all(w.dtype == np.float32 for w in model.params.values())


def test_a_new_training_begins_a_new_average():
    for average in (make() for make in EVERY):
        model, diary = net(), Diary()
        model.fit(*samples(), **settings(epochs=2, callbacks=[average]))
        model.fit(*samples(), **settings(callbacks=[average, diary]))
        states = diary.epochs if isinstance(average, StochasticWeightAveraging) else diary.steps
        assert average.count == len(states)
        if not isinstance(average, ExponentialMovingAverage):
            assert_same(average.average, mean(states))


def test_averaging_mends_the_noise_of_small_batches():
    """Noisy regression at a constant rate: the mean of the second half is nearer the minimum."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 3))
    y = x @ rng.normal(size=(3, 2)) + rng.normal(size=(256, 2))
    model = Sequential([Dense(3, 2, rng=rng, dtype=np.float64)])
    polyak, ema = PolyakAverage(640), ExponentialMovingAverage(0.99)
    callbacks, rate = [polyak, ema], SGD(0.1)
    model.fit(
        x, y, **settings(optimizer=rate, epochs=20, batch_size=4, rng=rng, callbacks=callbacks)
    )
    design = np.column_stack([x, np.ones(256)])
    best = np.linalg.lstsq(design, y, rcond=None)[0]
    floor = ((design @ best - y) ** 2).mean()
    excess = evaluate(model, x, y, loss=MeanSquaredError())["loss"] - floor
    for average in (polyak, ema):
        with average.swapped(model):
            mended = evaluate(model, x, y, loss=MeanSquaredError())["loss"] - floor
        assert 0 < mended < 0.25 * excess


# ---- in and out --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_lost_on_the_way_in_and_out(make, dtype):
    average, model = make(), net(dtype, norm=True)
    model.fit(*samples(), **settings(epochs=2, callbacks=[average]))
    own, kept = model.get_weights(), {k: a.copy() for k, a in average.average.items()}
    average.swap_in(model)
    assert_same({k: w.astype(dtype) for k, w in kept.items()}, model.params, atol=0)
    assert any((w != o).any() for w, o in zip(model.get_weights(), own, strict=True))
    with pytest.raises(ValueError, match="in the model already"):
        average.swap_in(model)
    for w in model.params.values():
        w += 1  # what happens to the model meanwhile does not reach the average
    average.restore(model)
    assert_identical(model.get_weights(), own)
    assert_same(average.average, kept, atol=0)
    with pytest.raises(ValueError, match="swap_in before restore"):
        average.restore(model)
    with pytest.raises(ValueError, match="expected x"), average.swapped(model) as inside:
        inside.predict(np.ones((2, 7)))
    assert_identical(model.get_weights(), own)


@pytest.mark.parametrize("make", EVERY)
def test_training_refuses_to_go_on_from_a_model_that_holds_the_average(make):
    average, model = make(swap_at_end=True), net()
    model.fit(*samples(), **settings(callbacks=[average]))
    assert_same(average.average, model.params)
    inside = model.get_weights()
    with pytest.raises(ValueError, match=re.escape("restore(model) first")):
        model.fit(*samples(), **settings(callbacks=[average]))
    with pytest.raises(ValueError, match=re.escape("restore(model) before a step")):
        average.add(model)
    assert_identical(model.get_weights(), inside)
    average.restore(model)
    model.fit(*samples(), **settings(callbacks=[average]))


def test_the_average_comes_in_at_the_end_also_after_a_nan():
    x, y = samples()
    x[9] = np.nan
    model, diary, polyak = net(), Diary(), PolyakAverage(swap_at_end=True)
    with pytest.raises(NotFinite):
        model.fit(x, y, **settings(callbacks=[diary, polyak]))
    assert_same(model.params, mean(diary.steps[:2]))
    polyak.restore(model)
    assert_same(model.params, diary.steps[-1], atol=0)


def test_without_being_asked_the_model_is_left_alone():
    with_it, without = net(), net()
    looks = [make(look=lambda m: m.params["0.bias"].sum()) for make in EVERY]
    with_it.fit(*samples(), **settings(epochs=3, callbacks=looks))
    without.fit(*samples(), **settings(epochs=3))
    assert_identical(with_it.get_weights(), without.get_weights())


@pytest.mark.parametrize("make", EVERY)
def test_a_look_sees_the_average(make):
    average = make(look=copies)
    model, (x, y) = net(), samples()
    model.fit(x, y, **settings(epochs=3, callbacks=[average]))
    assert len(average.seen) == 3
    assert_same(average.seen[-1], average.average)
    assert np.abs(average.seen[-1]["0.kernel"] - model.params["0.kernel"]).max() > 1e-4


def test_what_averages_refuse():
    with pytest.raises(ValueError, match=r"momentum < 1, got 1\.0"):
        ExponentialMovingAverage(1.0)
    with pytest.raises(ValueError, match="got 'one'"):
        ExponentialMovingAverage(begin="one")
    with pytest.raises(ValueError, match="overwrite_frequency >= 1, got 0"):
        ExponentialMovingAverage(overwrite_frequency=0)
    with pytest.raises(ValueError, match="start >= 0, got -1"):
        PolyakAverage(-1)
    with pytest.raises(ValueError, match="got 0, 0 and 1024"):
        StochasticWeightAveraging(0, frequency=0)
    with pytest.raises(ValueError, match="got -1, 1 and 1024"):
        StochasticWeightAveraging(-1)


# ---- batch norm's statistics -------------------------------------------------------------------


def test_swa_measures_the_statistics_of_its_own_weights():
    (x, y), model = samples(12), net(norm=True)
    swa = StochasticWeightAveraging(1, x=x)
    model.fit(x, y, **settings(epochs=4, callbacks=[swa]))
    own = model.get_weights()
    with swa.swapped(model):
        z = x @ model.params["0.kernel"] + model.params["0.bias"]
        running = model.layers[1].non_trainable
        np.testing.assert_allclose(running["moving_mean"], z.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(running["moving_variance"], z.var(axis=0), atol=1e-12)
    assert_identical(model.get_weights(), own)
    assert np.abs(own[-2] - z.mean(axis=0)).max() > 1e-3
    stale = StochasticWeightAveraging(1)
    stale.on_train_begin(model)
    stale.add(model)
    stale.swap_in(model)
    assert_identical(model.get_weights()[-2:], own[-2:])


def test_statistics_over_batches_count_by_size():
    x, model = samples(10)[0], net(norm=True)
    refresh_statistics(model, x, batch_size=4)
    z = x @ model.params["0.kernel"]
    parts = z[:4], z[4:8], z[8:]
    means, variances = ([getattr(p, what)(axis=0) for p in parts] for what in ("mean", "var"))
    running = model.layers[1].non_trainable
    np.testing.assert_allclose(running["moving_mean"], z.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(means[0], z[:4].mean(axis=0))
    wanted = np.average(variances, axis=0, weights=[4, 4, 2])
    np.testing.assert_allclose(running["moving_variance"], wanted, atol=1e-12)
    assert model.layers[1].momentum == 0.9


def test_statistics_of_a_norm_inside_a_block():
    norm = BatchNormalization(3, dtype=np.float64)
    x, model = (
        samples(50)[0],
        Sequential([Add([Sequential([norm]), Sequential([Activation("tanh")])])]),
    )
    refresh_statistics(model, x)
    np.testing.assert_allclose(norm.non_trainable["moving_mean"], x.mean(axis=0), atol=1e-12)
    before = [a.copy() for a in norm.non_trainable.values()]
    with pytest.raises(ValueError, match="expected x"):
        refresh_statistics(model, x[:, :2])
    assert norm.momentum == 0.99
    assert_identical(norm.non_trainable.values(), before)
    plain = net()
    weights = plain.get_weights()
    refresh_statistics(plain, x)
    assert_identical(plain.get_weights(), weights)


# ---- beside Keras ------------------------------------------------------------------------------


def twin(model):
    layers = [keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)]
    theirs = keras.Sequential([keras.Input((3,)), *layers])
    parity.copy_weights(model, theirs)
    return theirs


@pytest.mark.parametrize("overwrite", [None, 2])
def test_the_weights_after_keras_fit_with_ema(overwrite):
    """0.875 is exact in 32 bits, to which Keras rounds it."""
    x, y = samples()
    with parity.float64():
        model = net()
        theirs = twin(model)
        keras_ema = {"use_ema": True, "ema_momentum": 0.875, "ema_overwrite_frequency": overwrite}
        theirs.compile(keras.optimizers.SGD(0.25, **keras_ema), "mse")
        theirs.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
        ema = ExponentialMovingAverage(0.875, overwrite_frequency=overwrite, swap_at_end=True)
        start = copies(model)
        model.fit(x, y, **settings(optimizer=SGD(0.25), epochs=3, callbacks=[ema]))
        for w, variable in zip(model.params.values(), theirs.trainable_variables, strict=True):
            np.testing.assert_allclose(w, np.asarray(variable), atol=1e-8)
        assert np.abs(start["0.kernel"] - model.params["0.kernel"]).max() > 0.01


@pytest.mark.parametrize("overwrite", [None, 3])
def test_every_step_of_keras_ema(overwrite):
    rng = np.random.default_rng(2)
    with parity.float64():
        model = net()
        variables = [keras.Variable(w, dtype="float64") for w in model.params.values()]
        theirs = keras.optimizers.SGD(
            0.25, use_ema=True, ema_momentum=0.75, ema_overwrite_frequency=overwrite
        )
        mine, ema = SGD(0.25), ExponentialMovingAverage(0.75, overwrite_frequency=overwrite)
        ema.on_train_begin(model)
        for k in range(8):
            grads = {name: rng.normal(size=w.shape) for name, w in model.params.items()}
            mine.step(model.params, grads)
            ema.on_batch_end(model, k + 1, {})
            theirs.apply([keras.ops.convert_to_tensor(g) for g in grads.values()], variables)
            averages = theirs._model_variables_moving_average
            for name, w, a in zip(model.params, variables, averages, strict=True):
                np.testing.assert_allclose(model.params[name], np.asarray(w), atol=1e-8)
                np.testing.assert_allclose(ema.average[name], np.asarray(a), atol=1e-8)


@pytest.mark.parametrize("k", [2, 3])
def test_accumulation_is_that_of_keras(k):
    rng = np.random.default_rng(3)
    with parity.float64():
        params = copies(net())
        variables = [keras.Variable(w, dtype="float64") for w in params.values()]
        theirs = keras.optimizers.SGD(
            0.25, momentum=0.5, gradient_accumulation_steps=k, global_clipnorm=1.5
        )
        mine = Accumulated(Clipped(SGD(0.25, momentum=0.5), global_clipnorm=1.5), k)
        for call in range(8):
            grads = {name: rng.normal(size=w.shape) for name, w in params.items()}
            mine.step(params, grads)
            theirs.apply([keras.ops.convert_to_tensor(g) for g in grads.values()], variables)
            assert mine.iterations == (call + 1) // k
            for w, variable in zip(params.values(), variables, strict=True):
                np.testing.assert_allclose(w, np.asarray(variable), atol=1e-8)


# ---- accumulated gradients ---------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: SGD(0.3, momentum=0.9), lambda: Adam(0.05)])
def test_k_small_batches_are_one_large_one(make):
    x, y = samples(24)
    small, large = net(), net()
    accumulated = Accumulated(make(), 3)
    one = small.fit(x, y, **settings(optimizer=accumulated, batch_size=4, epochs=5))
    two = large.fit(x, y, **settings(optimizer=make(), batch_size=12, epochs=5))
    assert_same(small.params, large.params, atol=1e-10)
    assert (one.iterations, two.iterations, accumulated.iterations) == (30, 10, 10)
    assert np.abs(large.params["0.kernel"] - net().params["0.kernel"]).max() > 0.1


def test_flush_takes_the_step_for_the_rest():
    x, y = samples(8)
    small, large, optimizer = net(), net(), Accumulated(SGD(0.3), 5)
    before = copies(small)
    for half in (slice(0, 4), slice(4, 8)):
        train_step(small, MeanSquaredError(), optimizer, x[half], y[half])
    assert_same(small.params, before, atol=0)
    optimizer.flush(small.params)
    train_step(large, MeanSquaredError(), SGD(0.3), x, y)
    assert_same(small.params, large.params)
    optimizer.flush(small.params)
    assert optimizer.iterations == 1
    assert_same(small.params, large.params)


def test_a_schedule_counts_the_steps_really_taken():
    asked = []

    def rate(step):
        asked.append(step)
        return 0.5

    params = {"w": np.zeros(2)}
    optimizer = Accumulated(SGD(rate), 2)
    for k in range(5):
        optimizer.step(params, {"w": [k, 1.0]})
    assert asked == [0, 1]
    np.testing.assert_allclose(params["w"], [-0.5 * (0.5 + 2.5), -1])
    assert optimizer.learning_rate is rate
    optimizer.learning_rate = 0.1
    assert optimizer.optimizer.learning_rate == 0.1


def test_what_accumulation_refuses_is_not_added():
    params, optimizer = {"w": np.zeros(2)}, Accumulated(SGD(1.0), 2)
    optimizer.step(params, {"w": np.ones(2)})
    for wrong in ({"v": np.ones(2)}, {"w": np.ones(3)}, {"w": np.ones(2), "v": np.ones(2)}):
        with pytest.raises(ValueError, match="gradients of the shapes"):
            optimizer.step(params, wrong)
    optimizer.step(params, {"w": np.ones(2)})
    np.testing.assert_array_equal(params["w"], [-1, -1])
    with pytest.raises(ValueError, match="steps >= 1, got 0"):
        Accumulated(SGD(1.0), 0)


def test_gradients_that_a_model_reuses_are_not_shared():
    params, optimizer = {"w": np.zeros(1)}, Accumulated(SGD(1.0), 2)
    reused = {"w": np.ones(1)}
    optimizer.step(params, reused)
    reused["w"][:] = 5
    optimizer.step(params, reused)
    assert params["w"] == -3
