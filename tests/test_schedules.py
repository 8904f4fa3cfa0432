"""Learning rates: Keras's schedules step by step, the plateau, the range test; bad input."""

import itertools
import math

import numpy as np
import pytest

from twice.parity import keras
from twice.scratch import rates, schedules
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.gradient_descent import SGD as PlainSGD
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import fit

theirs = keras.optimizers.schedules
STEPS = [0, 1, 2, 9, 10, 11, 35, 69, 70, 99, 100, 101, 250]


@pytest.mark.parametrize(
    ("ours", "twin"),
    [
        (schedules.exponential_decay(0.3, 20, 0.7), theirs.ExponentialDecay(0.3, 20, 0.7)),
        (schedules.step_decay(0.3, 20), theirs.ExponentialDecay(0.3, 20, 0.1, staircase=True)),
        (schedules.step_decay(0.3, 9, 0.5), theirs.ExponentialDecay(0.3, 9, 0.5, staircase=True)),
        (schedules.inverse_time_decay(0.3, 20, 2.0), theirs.InverseTimeDecay(0.3, 20, 2.0)),
        (schedules.linear_decay(0.3, 100, 0.01), theirs.PolynomialDecay(0.3, 100, 0.01)),
        (schedules.cosine_decay(0.3, 100), theirs.CosineDecay(0.3, 100)),
        (schedules.cosine_decay(0.3, 100, 0.1), theirs.CosineDecay(0.3, 100, 0.1)),
        (schedules.cosine_restarts(0.3, 10), theirs.CosineDecayRestarts(0.3, 10)),
        (
            schedules.cosine_restarts(0.3, 35, 1.0, 0.5, 0.1),
            theirs.CosineDecayRestarts(0.3, 35, 1.0, 0.5, 0.1),
        ),
        (
            schedules.warm_up(schedules.cosine_decay(0.3, 60, 0.1), 40, start=0.01),
            theirs.CosineDecay(0.01, 60, 0.1, warmup_target=0.3, warmup_steps=40),
        ),
        (
            schedules.piecewise([(10, 0.3), (60, 0.1), (30, 0.02)]),
            theirs.PiecewiseConstantDecay([9, 69], [0.3, 0.1, 0.02]),
        ),
    ],
    ids=lambda s: type(s).__name__,
)
def test_the_schedules_are_those_of_keras(ours, twin):
    found = [ours(t) for t in STEPS]
    np.testing.assert_allclose(found, [float(twin(t)) for t in STEPS], rtol=1e-5, atol=1e-8)
    assert len(set(found)) >= 3


def test_restarts_of_unequal_length_begin_where_they_should():
    rate = schedules.cosine_restarts(1.0, 10, t_mul=3, m_mul=0.5)
    assert [rate(t) for t in (0, 10, 40)] == [1, 0.5, 0.25]
    assert rate(5) == pytest.approx(0.5)
    assert rate(25) == pytest.approx(0.25)
    with pytest.raises(ValueError, match=r"t_mul=0\.5 has shrunk"):
        schedules.cosine_restarts(1.0, 10, t_mul=0.5)(1000)


def test_a_cycle_goes_up_and_down():
    rate = schedules.cyclical(0.1, 0.5, 4, shrink=0.5)
    found = [rate(t) for t in (0, 2, 4, 6, 8, 12, 16, 20)]
    np.testing.assert_allclose(found, [0.1, 0.3, 0.5, 0.3, 0.1, 0.3, 0.1, 0.2])


def test_one_cycle_rises_peaks_and_ends():
    rate = schedules.one_cycle(2.0, 100)
    found = [rate(t) for t in range(101)]
    assert found[0] == pytest.approx(2 / 25)
    assert max(found) == found[30] == 2
    assert found[100] == pytest.approx(2e-4)
    assert np.all(np.diff(found[:31]) > 0)
    assert np.all(np.diff(found[30:]) < 0)


def test_pieces_count_from_their_own_beginning():
    rate = schedules.piecewise([(5, 0.2), (10, schedules.linear_decay(0.2, 10)), (1, 0.05)])
    np.testing.assert_allclose([rate(t) for t in (0, 4, 5, 10, 14)], [0.2, 0.2, 0.2, 0.1, 0.02])
    assert rate(15) == rate(1000) == 0.05
    rate = schedules.warm_up(0.5, 5)
    np.testing.assert_allclose([rate(t) for t in (0, 1, 4, 5, 50)], [0, 0.1, 0.4, 0.5, 0.5])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.cosine_decay(0, 10), "initial_learning_rate > 0, got 0"),
        (lambda: schedules.cosine_decay(1, 0), "decay_steps > 0, got 0"),
        (lambda: schedules.linear_decay(-1, 10), "initial_learning_rate > 0, got -1"),
        (lambda: schedules.exponential_decay(1, 10, 0), "decay_rate > 0, got 0"),
        (lambda: schedules.inverse_time_decay(1, 10, -2), "decay_rate > 0, got -2"),
        (lambda: schedules.cosine_restarts(1, 10, t_mul=0), "t_mul > 0, got 0"),
        (lambda: schedules.warm_up(0.1, 0), "steps > 0, got 0"),
        (lambda: schedules.constant(0.0), "learning_rate > 0, got 0.0"),
        (lambda: schedules.piecewise([]), r"more than 0 steps, got \[\]"),
        (lambda: schedules.piecewise([(3, 0.1), (0, 0.2)]), r"more than 0 steps, got \[3, 0\]"),
        (lambda: schedules.cyclical(0.5, 0.5, 4), "low < high, got 0.5 and 0.5"),
        (lambda: schedules.one_cycle(1, 1), "steps >= 2, got 0.3 and 1"),
        (lambda: schedules.one_cycle(1, 10, rising=1.0), "0 < rising < 1 .*, got 1.0 and 10"),
        (lambda: rates.ReduceLROnPlateau(SGD(), factor=1), "0 < factor < 1.*, got 1, 10"),
        (lambda: rates.ReduceLROnPlateau(SGD(), patience=-1), "patience.* >= 0, got 0.1, -1"),
        (lambda: rates.ReduceLROnPlateau(SGD(), mode="best"), "'best'"),
        (lambda: rates.ReduceLROnPlateau(SGD(schedules.constant(0.1))), "got a schedule"),
        (lambda: rates.suggested_rate([0.1, 0.2, 0.4], [1.0, 1.5, 2.0]), "never falls"),
        (lambda: rates.suggested_rate([], []), "never falls"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Fixed(keras.layers.Layer):
    """Nothing to train: Keras's callback is driven by the losses we hand it."""

    def call(self, x):
        return x


@pytest.mark.parametrize("seed", range(8))
def test_less_rate_on_a_plateau_as_in_keras(seed):
    rng = np.random.default_rng(seed)
    settings = {
        "factor": float(rng.choice([0.1, 0.5])),
        "patience": int(rng.integers(0, 4)),
        "cooldown": int(rng.integers(0, 3)),
        "min_delta": float(rng.choice([0.0, 0.2])),
        "min_lr": float(rng.choice([0.0, 0.01])),
    }
    name, mode = [("val_loss", "auto"), ("val_accuracy", "auto"), ("loss", "max")][seed % 3]
    optimizer = Clipped(Adam(0.25), clipnorm=1.0)
    ours = rates.ReduceLROnPlateau(optimizer, name, mode=mode, **settings)
    model = keras.Sequential([keras.Input((1,)), Fixed()])
    model.compile(keras.optimizers.SGD(0.25), loss="mse")
    keras_mode = "max" if name == "val_accuracy" else "min" if mode == "auto" else mode
    twin = keras.callbacks.ReduceLROnPlateau(name, mode=keras_mode, **settings)
    twin.set_model(model)
    ours.on_train_begin(None)
    twin.on_train_begin()
    for epoch in range(60):
        logs = {name: float(rng.normal())}
        ours.on_epoch_end(None, epoch, logs)
        twin.on_epoch_end(epoch, dict(logs))
        expected = float(model.optimizer.learning_rate)
        assert optimizer.learning_rate == pytest.approx(expected, rel=1e-5), epoch
    assert len(ours.reductions) >= 1
    assert ours.reductions[-1][1] == optimizer.learning_rate
    with pytest.raises(ValueError, match=r"history has \['other'\]"):
        ours.on_epoch_end(None, 0, {"other": 1})


def problem(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(256, 4))
    y = np.sin(x[:, :1]) + x[:, 1:2] ** 2
    model = Sequential([Dense(4, 16, rng=rng), Activation("tanh"), Dense(16, 1, rng=rng)])
    return x, y, model


def endless(x, y, seed=0, batch_size=32):
    rng = np.random.default_rng(seed)
    while True:
        i = rng.integers(len(x), size=batch_size)
        yield x[i], y[i]


def test_the_range_test_finds_a_rate_that_trains_and_puts_everything_back():
    x, y, model = problem()
    before = model.get_weights()
    optimizer = SGD(0.123)
    tried, losses = rates.range_test(
        model, endless(x, y), loss=MeanSquaredError(), optimizer=optimizer, steps=120
    )
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert optimizer.learning_rate == 0.123
    assert len(tried) == len(losses) < 120, "it ends when the loss blows up"
    np.testing.assert_allclose(np.diff(np.log(tried)), math.log(1e6) / 119)
    best = rates.suggested_rate(tried, losses)
    assert best == tried[int(np.argmin(losses))] / 10

    def trained(rate):
        _, _, fresh = problem()
        settings = {"loss": MeanSquaredError(), "batch_size": 32, "epochs": 3, "verbose": False}
        return fit(fresh, x, y, optimizer=PlainSGD(rate), **settings).history["loss"][-1]

    assert trained(best) < 0.8 * trained(best / 30)


def test_the_range_test_ends_at_what_is_not_finite():
    x, y, model = problem()
    with np.errstate(all="ignore"):
        tried, losses = rates.range_test(
            model,
            endless(x * 1e3, y),
            loss=MeanSquaredError(),
            optimizer=SGD(),
            high=1e12,
            blow_up=math.inf,
        )
    assert 0 < len(tried) < 100
    assert np.isfinite(losses).all()


def test_the_range_test_refuses():
    x, y, model = problem()
    few = itertools.islice(endless(x, y), 5)
    for settings, message in [
        ({"batches": few}, "expected 100 batches, got 5"),
        ({"low": 0}, "low > 0, got 0"),
        ({"low": 2.0, "high": 1.0}, "low < high.* got 2.0, 1.0"),
        ({"steps": 1}, "steps >= 2.* 1 and"),
    ]:
        given = {"batches": endless(x, y), **settings}
        with pytest.raises(ValueError, match=message):
            rates.range_test(
                model, given.pop("batches"), loss=MeanSquaredError(), optimizer=SGD(), **given
            )


def test_smoothing_undoes_the_bias():
    np.testing.assert_allclose(rates.smoothed([3.0] * 5), 3)
    np.testing.assert_allclose(rates.smoothed([1.0, 2.0], beta=0.0), [1, 2])
