"""Freezing, cutting and new heads: what stays, what learns, and Keras's `trainable = False`."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.parity import keras
from twice.scratch.averaging import refresh_statistics
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.costs import costs
from twice.scratch.deep_cnns import Add, Identity
from twice.scratch.early_stopping import EarlyStopping
from twice.scratch.fine_tuning import Unfreeze
from twice.scratch.gates import highway_block
from twice.scratch.gradcheck import gradcheck
from twice.scratch.language import reset
from twice.scratch.noise import Dropout, WeightNoise
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import Flatten, GlobalAveragePooling2D, MaxPooling2D
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.regularization import L2, Regularized
from twice.scratch.sequences import Bidirectional, SequenceModel, TimeDistributed
from twice.scratch.transfer import (
    Frozen,
    copy_layers,
    cut,
    features,
    freeze,
    split,
    unfreeze,
    with_head,
)
from twice.scratch.weights import beside


def net(seed=0, dtype=np.float64, dropout=None):
    """Dense, batch norm, ReLU, (dropout,) Dense, ReLU, Dense."""
    rng = np.random.default_rng(seed)
    model = Sequential([
        Dense(3, 4, rng=rng, dtype=dtype), BatchNormalization(4, momentum=0.9, dtype=dtype),
        Activation("tanh"), *([] if dropout is None else [Dropout(dropout, rng=rng)]),
        Dense(4, 4, rng=rng, dtype=dtype), Activation("tanh"), Dense(4, 2, rng=rng, dtype=dtype),
    ])  # fmt: skip
    model.layers[1].non_trainable["moving_mean"][:] = rng.normal(size=4)
    model.layers[1].non_trainable["moving_variance"][:] = rng.uniform(0.5, 2, 4)
    return model


def residual(rng, n=3):
    """A residual block with batch norms, in float64."""

    def make(a, b):
        return [Conv2D(a, b, 3, padding="same", rng=rng, dtype=np.float64),
                BatchNormalization(b, dtype=np.float64)]  # fmt: skip

    branch = [*make(n, n), Activation("tanh"), *make(n, n)]
    return Sequential([Add([branch, Identity()]), Activation("tanh")])


def samples(n=12, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


def train(model, epochs=3, **changed):
    wanted = {"loss": MeanSquaredError(), "optimizer": SGD(0.1), "batch_size": 4, **changed}
    return model.fit(*samples(), epochs=epochs, **wanted)


def assert_identical(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- one frozen layer --------------------------------------------------------------------------


def test_a_frozen_batch_norm_keeps_its_statistics_and_uses_them():
    norm = net().layers[1]
    x, before = 5 + np.random.default_rng(2).normal(size=(6, 4)), copy.deepcopy(norm)
    frozen = Frozen(norm)
    np.testing.assert_array_equal(frozen.forward(x, training=True), before.forward(x))
    assert_identical(norm.non_trainable.values(), before.non_trainable.values())
    norm.forward(x, training=True)
    assert (norm.non_trainable["moving_mean"] != before.non_trainable["moving_mean"]).all()


def test_a_frozen_layer_has_nothing_to_learn_and_lets_the_gradient_through():
    dense = net().layers[0]
    frozen, x = Frozen(dense), samples()[0]
    assert (frozen.params, frozen.grads, frozen.penalty()) == ({}, {}, 0.0)
    assert frozen.non_trainable is dense.params
    assert repr(frozen) == "Frozen(Dense(3, 4))"
    assert Frozen(frozen).layer is dense
    assert gradcheck(Sequential([frozen]), x).ok
    frozen.forward(x)
    assert frozen.backward(np.ones((12, 4)), input_gradient=False) is None


def test_a_frozen_layer_can_be_copied_and_pickled():
    model = freeze(Sequential(net().layers[:2]), 2)  # an Activation cannot be pickled
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_identical(again.get_weights(), model.get_weights())
        np.testing.assert_array_equal(again.predict(samples()[0]), model.predict(samples()[0]))
        assert not np.shares_memory(again.get_weights()[0], model.layers[0].layer.params["kernel"])
    with pytest.raises(AttributeError):
        model.layers[0].no_such_thing  # noqa: B018


BLOCKS = {
    "residual": lambda rng: residual(rng, 3),
    "highway": lambda rng: highway_block(3, rng=rng),
    "both directions": lambda rng: Bidirectional(
        SimpleRNN(3, 2, rng=rng), SimpleRNN(3, 2, go_backwards=True, rng=rng)
    ),
    "every step": lambda rng: TimeDistributed(Dense(3, 2, rng=rng)),
    "noisy weights": lambda rng: WeightNoise(Dense(3, 2, rng=rng), 0.1, rng=rng),
    "regularized": lambda rng: Regularized([Dense(3, 2, rng=rng)], kernel_regularizer=L2(1)),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_frozen_block_shows_each_array_once_and_pays_nothing(name):
    block = BLOCKS[name](np.random.default_rng(0))
    whole = [*block.params.values(), *beside(block)]
    model = Sequential([block, Activation("tanh")])
    weights = model.get_weights()
    freeze(model)
    assert model.params == {}
    assert {id(a) for a in beside(model)} == {id(a) for a in whole}
    assert len(beside(model)) == len(whole)
    assert model.penalty() == 0
    assert_identical(model.get_weights(), weights)
    parity.cast(model, np.float16)
    assert {a.dtype for a in model.get_weights()} == {np.dtype(np.float16)}
    assert unfreeze(model).layers[0] is block


# ---- freezing a model --------------------------------------------------------------------------


@given(n=st.integers(-6, 6), again=st.integers(-6, 6), numpy=st.booleans())
def test_freezing_hides_the_parameters_of_the_first_layers_and_nothing_else(n, again, numpy):
    model, whole = net(), net()
    layers, names = list(model.layers), list(model.params)
    assert freeze(model, np.int64(n) if numpy else n) is model
    below = n % 6 if n < 6 else 6
    assert list(model.params) == [name for name in names if int(name[0]) >= below]
    assert model.grads.keys() == model.params.keys()
    assert [isinstance(a, Frozen) for a in model.layers] == [
        k < below and k in (0, 1, 3, 5) for k in range(6)
    ]
    assert model.first == next((k for k in (0, 1, 3, 5) if k >= below), None)
    assert_identical(model.get_weights(), whole.get_weights())
    freeze(model, again)
    assert_identical(model.get_weights(), whole.get_weights())
    unfreeze(model)
    assert all(a is b for a, b in zip(model.layers, layers, strict=True))
    assert (list(model.params), model.first) == (names, 0)


@settings(max_examples=20)
@given(n=st.integers(0, 6), up_to=st.integers(0, 6))
def test_unfreezing_from_a_number_on(n, up_to):
    model = unfreeze(freeze(net(), n), up_to)
    learn = [k for k, a in enumerate(model.layers) if a.params]
    assert learn == [k for k in (0, 1, 3, 5) if k >= min(n, up_to)]


def test_training_moves_only_what_is_not_frozen():
    model = freeze(net(), 4)
    before = model.get_weights()
    train(model)
    unfreeze(model)
    for name, old in zip(model.params, before, strict=False):
        assert np.array_equal(model.params[name], old) == (int(name[0]) < 4), name
    assert_identical(model.get_weights()[-2:], before[-2:])  # the running statistics
    moved = model.get_weights()
    train(model)
    assert not any(np.array_equal(a, b) for a, b in zip(moved, model.get_weights(), strict=True))


def test_the_way_back_stops_above_the_frozen_layers(monkeypatch):
    model, called = freeze(net(), 2), []
    back = Frozen.backward
    monkeypatch.setattr(Frozen, "backward", lambda s, g: called.append(s) or back(s, g))
    train(model, epochs=1)
    assert called == []
    model.forward(samples()[0])
    assert gradcheck(model, *samples()[:1]).ok
    assert len(called) == 2


def test_layers_in_blocks_thaw_as_well():
    rng = np.random.default_rng(0)
    inner = Sequential([Dense(3, 3, rng=rng), Activation("tanh"), Dense(3, 3, rng=rng)])
    model = Sequential([Add([freeze(inner, 1), Identity()]), Dense(3, 2, rng=rng)])
    names = list(model.params)
    weights = model.get_weights()
    assert names == ["0.0.2.kernel", "0.0.2.bias", "1.kernel", "1.bias"]
    freeze(model, 1)
    assert_identical(model.get_weights(), weights)
    unfreeze(model)
    assert len(model.params) == 6
    assert (inner.first, model.first) == (0, 0)
    assert_identical(model.get_weights(), weights)
    before = inner.layers[0].params["kernel"].copy()
    model.fit(*samples(), loss=MeanSquaredError(), optimizer=SGD(0.1))
    assert (inner.layers[0].params["kernel"] != before).all()


def test_dropout_goes_on_between_frozen_layers_and_rests_in_a_frozen_block():
    x = np.ones((50, 3))
    model = freeze(net(dropout=0.5))
    assert not np.array_equal(model.forward(x, training=True), model.forward(x))
    block = freeze(Sequential([net(dropout=0.5)]))
    np.testing.assert_array_equal(block.forward(x, training=True), block.forward(x))


def test_early_stopping_restores_through_a_thaw():
    """All kernels have one shape: in another order they would fit, and be wrong."""
    rng = np.random.default_rng(0)
    model = Sequential([Dense(2, 2, rng=rng) for _ in range(3)])
    best, states = EarlyStopping("loss", mode="max", restore_best_weights=True), []
    x = np.random.default_rng(1).normal(size=(8, 2))

    class Look(EarlyStopping):
        def on_epoch_end(self, model, epoch, logs):
            states.append(model.get_weights())

    looks = [best, Look("loss"), Unfreeze({0: 2, 1: 0})]
    model.fit(x, x, loss=MeanSquaredError(), optimizer=SGD(0.1), epochs=3, callbacks=looks)
    assert best.best_epoch == 0
    assert len(model.params) == 6
    assert_identical(model.get_weights(), states[0])


def test_refreshing_leaves_a_frozen_batch_norm_alone():
    model = freeze(net(), 2)
    before = model.get_weights()
    refresh_statistics(model, samples()[0])
    assert_identical(model.get_weights(), before)


def test_a_model_costs_the_same_when_it_is_frozen():
    free, frozen = costs(net(), (3,)), costs(freeze(net(), 4), (3,))
    assert [c.flops for c in free] == [c.flops for c in frozen]


def test_masks_and_states_reach_a_frozen_recurrent_layer():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 3)).astype(np.float32)
    x[:, 2:] = 0
    model = SequenceModel([SimpleRNN(3, 2, stateful=True, rng=rng)])
    first, second = model.forward(x), model.forward(x)
    freeze(model)
    reset(model)
    np.testing.assert_array_equal(model.forward(x), first)
    np.testing.assert_array_equal(model.forward(x), second)


# ---- Keras -------------------------------------------------------------------------------------


def keras_layers(*layers):
    return [keras.Input((3,)), *layers]


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_keras_freezes_the_same_arrays_and_runs_batch_norm_the_same_way(n):
    """Two steps of training: outputs, gradients, statistics, and what has moved."""
    with parity.float64():
        L = keras.layers
        twin = keras.Sequential(keras_layers(
            L.Dense(4), L.BatchNormalization(momentum=0.9, epsilon=1e-3), L.Activation("tanh"),
            L.Dense(4), L.Activation("tanh"), L.Dense(2),
        ))  # fmt: skip
        for layer in twin.layers[:n]:
            layer.trainable = False
        model = freeze(net(), n)
        for _ in range(2):
            table = parity.compare(
                model, twin, *samples(), loss=MeanSquaredError(), keras_loss="mse",
                optimizer=SGD(0.1), keras_optimizer=keras.optimizers.SGD(0.1),
                training=True, verbose=False,
            )  # fmt: skip
            train(model, epochs=1)
    frozen = sum("moving" in row[0] for row in table)
    assert frozen == 2
    assert len(table) == 2 + 2 * len(model.params) + len(beside(model))


def test_a_frozen_residual_block_is_kerass():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 5, 5, 3)), rng.normal(size=(4, 2))
    model = Sequential([residual(rng), GlobalAveragePooling2D(),
                        Dense(3, 2, rng=rng, dtype=np.float64)])  # fmt: skip
    model.fit(x, y, loss=MeanSquaredError(), optimizer=SGD(0.1))  # statistics of its own
    with parity.float64():
        L = keras.layers
        start = h = keras.Input((5, 5, 3))
        for k in range(2):
            h = L.BatchNormalization()(L.Conv2D(3, 3, padding="same")(h))
            h = h if k else L.Activation("tanh")(h)
        h = L.Activation("tanh")(L.Add()([h, start]))
        twin = keras.Model(start, L.Dense(2)(L.GlobalAveragePooling2D()(h)))
        for layer in twin.layers[:-1]:
            layer.trainable = False
        table = parity.compare(freeze(model, 1), twin, x, y, loss=MeanSquaredError(),
                               keras_loss="mse", training=True, verbose=False)  # fmt: skip
    assert len(table) == 2 + 4 + 12


# ---- cutting, heads, copies --------------------------------------------------------------------


@given(n=st.integers(1, 6), copies=st.booleans())
def test_a_cut_model_computes_what_the_whole_one_does_so_far(n, copies):
    model, x = net(), samples()[0]
    for k in (n, n - 6 if n < 6 else n):
        part = cut(model, k, copies=copies)
        *_, last = (z for _, z in zip(range(n), model.trace(x), strict=False))
        np.testing.assert_array_equal(part.predict(x), last)
        shared = np.shares_memory(part.params["0.kernel"], model.params["0.kernel"])
        assert shared is not copies
        assert part.first == 0


def test_a_new_head_on_a_cut_base_trains_the_shared_layers():
    model, rng = net(), np.random.default_rng(3)
    base = freeze(cut(model, -1, copies=True), 2)
    new = with_head(base, [Dense(4, 2, rng=rng, dtype=np.float64)])
    assert list(new.params) == ["3.kernel", "3.bias", "5.kernel", "5.bias"]
    assert with_head(base, Sequential([Flatten()])).layers[-1].params == {}
    before = [a.copy() for a in model.params.values()]
    train(new)
    assert_identical(model.params.values(), before)
    assert base.layers[3] is new.layers[3]
    train(with_head(cut(model, -1), [Dense(4, 2, rng=rng, dtype=np.float64)]))
    assert not np.array_equal(model.params["0.kernel"], before[0])


@given(n=st.integers(0, 6), frozen=st.integers(0, 6), theirs=st.integers(0, 6))
def test_copied_layers_bring_their_statistics_whatever_is_frozen(n, frozen, theirs):
    source, target, old = net(1), net(2), net(2)
    assert copy_layers(freeze(source, theirs), freeze(target, frozen), n) is target
    unfreeze(source), unfreeze(target)
    for k in range(6):
        wanted = (source if k < n else old).layers[k]
        for kind in ("params", "non_trainable"):
            ours = getattr(target.layers[k], kind)
            assert_identical(ours.values(), getattr(wanted, kind).values())
            for a, b in zip(ours.values(), getattr(source.layers[k], kind).values(), strict=True):
                assert not np.shares_memory(a, b)


def test_layers_that_do_not_fit_are_named_and_nothing_is_copied():
    rng = np.random.default_rng(0)
    target = Sequential([*net(2).layers[:3], Dense(4, 5, rng=rng)])
    before = target.get_weights()
    said = r"layer 3, Dense\(4, 5\): expected the shapes \[\(4, 5\), \(5,\)\], got \[\(4, 4\)"
    with pytest.raises(ValueError, match=said):
        copy_layers(net(1), target, 4)
    assert_identical(target.get_weights(), before)
    assert copy_layers(net(1), target, 3) is target
    with pytest.raises(ValueError, match=r"0 <= n <= 4.*got Sequential\(4 layers\) and 5"):
        copy_layers(net(1), target, 5)


# ---- features ----------------------------------------------------------------------------------


def test_training_on_features_is_training_the_whole():
    whole, parts = freeze(net(), 2), freeze(net(), 2)
    x, y = samples()
    below, above = split(parts)
    assert (len(below.layers), len(above.layers)) == (3, 3)
    found = features(parts, x, batch_size=5)
    np.testing.assert_allclose(found, below.predict(x), rtol=1e-15)
    train(whole, epochs=4, rng=np.random.default_rng(0))
    above.fit(found, y, loss=MeanSquaredError(), optimizer=SGD(0.1), batch_size=4, epochs=4,
              rng=np.random.default_rng(0))  # fmt: skip
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_features_end_before_what_is_random():
    below, above = split(freeze(net(dropout=0.5), -1))
    assert (len(below.layers), len(above.layers)) == (3, 4)
    rng = np.random.default_rng(0)
    noisy = Sequential([Dense(3, 2, rng=rng), MaxPooling2D(2), SimpleRNN(2, 2, rng=rng)])
    assert len(split(freeze(noisy, 1))[0].layers) == 2
    noisy.layers.append(Dense(2, 2, rng=rng))
    assert len(split(freeze(noisy, 3))[0].layers) == 3  # frozen, its generator draws nothing


def test_no_features_without_frozen_layers_or_a_head():
    for model, said in (
        (net(), r"then some that learn, but layer 0, Dense\(3, 4\), changes"),
        (freeze(net()), "then some that learn, but no layer learns"),
    ):
        with pytest.raises(ValueError, match=said):
            features(model, samples()[0])


# ---- what does not fit -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [7, -7, 1.0, True, "2"])
@pytest.mark.parametrize("what", [freeze, unfreeze, cut])
def test_a_number_of_layers_that_is_none(what, n):
    model = net()
    said = r"expected a Sequential and 0 <= n <= 6, or n < 0 from its end, got Sequential\(6 "
    with pytest.raises(ValueError, match=said):
        what(model, n)
    assert not any(isinstance(a, Frozen) for a in model.layers)


def test_what_is_no_row_of_layers():
    add = Add([Identity(), Identity()])
    for call in (freeze, unfreeze, split, lambda m: cut(m, 1), lambda m: copy_layers(m, m, 1)):
        with pytest.raises(ValueError, match=r"expected a Sequential and .*got Add\(2 branches\)"):
            call(add)
    with pytest.raises(ValueError, match=r"expected a Sequential and .*got Dense\(3, 4\) and 0"):
        freeze(net().layers[0])
    with pytest.raises(ValueError, match=r"a Sequential to put a head on, got Add\(2 branches\)"):
        with_head(add, [])
    with pytest.raises(ValueError, match="at least one layer, got none"):
        cut(net(), 0)
