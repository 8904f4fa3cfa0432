"""Rates by layer and gradual unfreezing: worked steps, every optimizer, checkpoints, bad input."""

import re

import numpy as np
import pytest

from twice.scratch import adaptive, layerwise, optimizers
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.checkpoints import load_checkpoint, save_checkpoint
from twice.scratch.clipping import Clipped
from twice.scratch.fine_tuning import LayerRates, Unfreeze, falling, number
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD, Optimizer
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import Callback
from twice.scratch.transfer import Frozen, freeze


def net(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential([
        Dense(3, 4, rng=rng, dtype=np.float64), BatchNormalization(4, dtype=np.float64),
        Activation("tanh"), Dense(4, 4, rng=rng, dtype=np.float64), Activation("tanh"),
        Dense(4, 2, rng=rng, dtype=np.float64),
    ])  # fmt: skip


def train(model, optimizer, epochs=2, **settings):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    return model.fit(x, y, loss=MeanSquaredError(), optimizer=optimizer, batch_size=4,
                     epochs=epochs, **settings)  # fmt: skip


def arrays(seed=0):
    """Parameters, and gradients of the same names and shapes."""
    rng = np.random.default_rng(seed)
    shapes = {"0.kernel": (3, 2), "0.bias": (2,), "3.kernel": (2, 2), "12.kernel": (2, 1)}
    return tuple({name: rng.normal(size=s) for name, s in shapes.items()} for _ in range(2))


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, a in ours.items():
        np.testing.assert_array_equal(a, theirs[name], err_msg=name)


# ---- rates -------------------------------------------------------------------------------------


def test_each_layer_moves_at_its_own_rate():
    params, grads = arrays()
    before = {name: w.copy() for name, w in params.items()}
    optimizer = LayerRates(SGD(0.5), {0: 0.2, 2: 0, 12: 3})
    optimizer.step(params, grads)
    for name, rate in {"0.kernel": 0.1, "0.bias": 0.1, "3.kernel": 0, "12.kernel": 1.5}.items():
        np.testing.assert_allclose(params[name], before[name] - rate * grads[name], rtol=1e-14)
    assert optimizer.iterations == optimizer.optimizer.iterations == 1
    assert [optimizer.factor(k) for k in (0, 1, 2, 11, 12, 99)] == [0.2, 0.2, 0, 0, 3, 3]
    assert np.array_equal(params["3.kernel"], before["3.kernel"])


EVERY = {
    name: made
    for module in (optimizers, adaptive, layerwise)
    for name, made in vars(module).items()
    if isinstance(made, type) and issubclass(made, Optimizer) and made is not Optimizer
}


def test_all_optimizers_are_tried():
    assert {"SGD", "Adam", "Nadam", "ScheduleFreeAdamW", "Muon", "Adafactor"} <= EVERY.keys()


@pytest.mark.parametrize("name", EVERY)
def test_equal_rates_are_the_optimizer_alone(name):
    alone, wrapped = net(), net()
    train(alone, EVERY[name](0.01))
    train(wrapped, LayerRates(EVERY[name](0.02), {0: 0.5}))
    assert_same(wrapped.params, alone.params)


@pytest.mark.parametrize("name", EVERY)
def test_a_layer_that_thaws_late_begins_as_in_step_one(name):
    """As an optimizer of its own for each layer would do it."""
    params, grads = arrays()
    alone = {k: {n: w.copy() for n, w in params.items() if number(n) == k} for k in (0, 3, 12)}
    wrapped = LayerRates(EVERY[name](0.1), {0: 1, 3: 0.5})
    own = {0: EVERY[name](0.1), 3: EVERY[name](0.05), 12: EVERY[name](0.05)}
    for first in (12, 12, 3, 0, 0):
        learn = [n for n in params if number(n) >= first]
        wrapped.step({n: params[n] for n in learn}, {n: grads[n] for n in learn})
        for k in {number(n) for n in learn}:
            own[k].step(alone[k], {n: grads[n] for n in alone[k]})
    assert_same(params, alone[0] | alone[3] | alone[12])
    assert wrapped.iterations == 5


def test_adam_without_own_counts_leaps():
    """The number the docstring names: averages of 0 taken for old ones make 0.1 / sqrt(0.001)."""
    w, g = {"0.kernel": np.zeros(1), "1.kernel": np.zeros(1)}, np.ones(1)
    for optimizer, wanted in ((Adam(0.1), 0.1 / 0.001**0.5), (LayerRates(Adam(0.1), {0: 1}), 1)):
        for _ in range(10_000):
            optimizer.step({"1.kernel": w["1.kernel"]}, {"1.kernel": g})
        w["0.kernel"][:] = 0
        optimizer.step(w, {name: g for name in w})
        assert -w["0.kernel"][0] / 0.1 == pytest.approx(wanted, rel=1e-3)


def test_schedules_count_all_steps_and_the_rate_may_be_changed():
    params, grads = arrays()
    optimizer = LayerRates(SGD(lambda t: 1.0 / (1 + t)), {0: 0.5})
    late = {"3.kernel": params["3.kernel"]}
    optimizer.step(late, {"3.kernel": grads["3.kernel"]})
    before = params["0.kernel"].copy()
    optimizer.step(params, grads)  # the second step of all, the first of layer 0
    np.testing.assert_allclose(params["0.kernel"], before - 0.25 * grads["0.kernel"], rtol=1e-14)
    assert callable(optimizer.learning_rate)
    optimizer.learning_rate = 0.1
    assert optimizer.optimizer.learning_rate == 0.1


def test_a_killed_training_goes_on_with_its_counts(tmp_path):
    def start():
        return freeze(net(), 4), LayerRates(Adam(0.05), {0: 0.1, 4: 1})

    def thawed(model, optimizer, epochs):
        model.layers = [a.thaw() if isinstance(a, Frozen) else a for a in model.layers]
        model.first = 0
        train(model, optimizer, epochs)

    model, optimizer = start()
    train(model, optimizer)
    thawed(model, optimizer, 1)
    save_checkpoint(tmp_path / "run.npz", model, optimizer=optimizer)
    again = LayerRates(Adam(0.05), {0: 0.1, 4: 1})
    resumed = net(5)
    load_checkpoint(tmp_path / "run.npz", resumed, optimizer=again)
    train(model, optimizer)
    train(resumed, again)
    assert_same(resumed.params, model.params)
    assert again.iterations == optimizer.iterations == 15


def test_clipping_goes_around():
    model = net()
    optimizer = Clipped(LayerRates(SGD(0.1), {0: 0.1, 3: 1}), global_clipnorm=1e-3)
    before = {name: w.copy() for name, w in model.params.items()}
    train(model, optimizer, epochs=1)
    moved = sum(float(np.sum((w - before[n]) ** 2)) for n, w in model.params.items())
    assert 0 < moved**0.5 < 3 * 0.1 * 1e-3
    assert optimizer.iterations == 3


def test_a_failed_step_leaves_rate_and_count():
    params, grads = arrays()
    optimizer = LayerRates(SGD(0.5), {0: 0.1})
    for _ in range(2):
        optimizer.step({"0.bias": params["0.bias"]}, {"0.bias": grads["0.bias"]})
    grads["3.kernel"] = np.zeros((5, 5))
    with pytest.raises(ValueError, match=r"expected a gradient of shape \(2, 2\) for '3\.kernel'"):
        optimizer.step(params, grads)
    assert (optimizer.learning_rate, optimizer.iterations) == (0.5, 2)


@pytest.mark.parametrize(
    "factors", [{}, {1: 1.0}, {0: -1}, {0: np.nan}, {0: np.inf}, {0: 1, -1: 2}, {0: 1, 2.5: 1}]
)
def test_factors_that_are_none(factors):
    said = f"expected {{0: factor >= 0, number: factor, ...}}, got {factors}"
    with pytest.raises(ValueError, match=re.escape(said)):
        LayerRates(SGD(0.1), factors)


def test_what_cannot_be_stepped():
    with pytest.raises(ValueError, match=r"expected an Optimizer such as Adam.*Clipped"):
        LayerRates(Clipped(SGD(0.1), clipnorm=1), {0: 1})
    optimizer, (params, grads) = LayerRates(SGD(0.1), {0: 1}), arrays()
    with pytest.raises(ValueError, match=r"grads for \['0\.bias'.*\], params for \['0\.kernel'\]"):
        optimizer.step({"0.kernel": params["0.kernel"]}, grads)
    for name in ("kernel", "forward.kernel", ".kernel"):
        with pytest.raises(ValueError, match=f'names such as "3.kernel", got {name!r}'):
            optimizer.step({name: np.ones(1)}, {name: np.ones(1)})


def test_factors_fall_from_the_top_by_layers_with_arrays():
    assert falling(net(), 2) == {0: 1 / 8, 1: 1 / 4, 3: 1 / 2, 5: 1}
    assert falling(freeze(net(), 4)) == pytest.approx({0: 2.6**-3, 1: 2.6**-2, 3: 1 / 2.6, 5: 1})
    rows = Sequential([Activation("tanh"), *net().layers])
    assert falling(rows, 2) == {0: 1, 1: 1 / 8, 2: 1 / 4, 4: 1 / 2, 6: 1}
    assert LayerRates(SGD(0.1), falling(rows)).factor(6) == 1
    for factor in (0.9, np.nan):
        with pytest.raises(ValueError, match=f"expected factor >= 1, got {factor}"):
            falling(net(), factor)
    with pytest.raises(ValueError, match="expected a Sequential"):
        falling(net().layers[0])


# ---- unfreezing --------------------------------------------------------------------------------


class Diary(Callback):
    """Which layers learn, and which have moved, after each epoch."""

    def on_train_begin(self, model):
        self.learn, self.moved, self.last = [], [], self.look(model)

    def look(self, model):
        layers = [a.layer if isinstance(a, Frozen) else a for a in model.layers]
        return {k: a.params["bias"].copy() for k, a in enumerate(layers) if "bias" in a.params}

    def on_epoch_end(self, model, epoch, logs):
        now = self.look(model)
        self.moved.append([k for k in now if not np.array_equal(now[k], self.last[k])])
        self.learn.append(sorted({number(name) for name in model.params}))
        self.last = now


@pytest.mark.parametrize("start", [None, 6, 0])
def test_layers_thaw_when_the_schedule_says_so(start):
    diary, model = Diary(), net()
    freeze(model, start)
    train(model, SGD(0.1), epochs=5, callbacks=[diary, Unfreeze({3: 0, 0: 5, 1: 3})])
    assert diary.moved == [[5], [3, 5], [3, 5], [0, 3, 5], [0, 3, 5]]
    assert diary.learn == [[5], [3, 5], [3, 5], [0, 1, 3, 5], [0, 1, 3, 5]]
    assert model.first == 0


def test_numbers_count_from_the_end_too():
    diary = Diary()
    train(net(), SGD(0.1), epochs=3, callbacks=[diary, Unfreeze({0: -1, 1: -3})])
    assert diary.moved == [[5], [3, 5], [3, 5]]


@pytest.mark.parametrize("schedule", [{}, {1: 3}, {0: 3, 1: 3}, {0: 2, 1: 3}, {-1: 5, 0: 3}])
def test_schedules_that_are_none(schedule):
    with pytest.raises(ValueError, match=re.escape(f"a smaller n, ...}}, got {schedule}")):
        Unfreeze(schedule)


def test_a_schedule_for_a_deeper_model():
    with pytest.raises(ValueError, match=r"0 <= n <= 6.*and 7"):
        train(net(), SGD(0.1), callbacks=[Unfreeze({0: 7})])
