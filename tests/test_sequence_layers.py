"""Embedding, time-distributed layers, both directions, padding, clipping, Adam, encoder-decoder."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.parity import keras
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.clipping import (
    Clipped,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from twice.scratch.encoder_decoder import EncoderDecoder, shifted, teacher_forcing
from twice.scratch.gated import GRU, LSTM
from twice.scratch.gradcheck import gradcheck
from twice.scratch.gradient_descent import SGD
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.sequences import (
    Bidirectional,
    Embedding,
    SequenceCrossentropy,
    SequenceModel,
    TimeDistributed,
)
from twice.scratch.training import NotFinite

layers = keras.layers
F64 = {"dtype": np.float64}


def fresh(seed=0):
    return np.random.default_rng(seed)


# ---- embedding ----


def test_an_embedding_is_a_one_hot_vector_times_a_kernel():
    rng = fresh()
    layer, x = Embedding(7, 3, rng=rng, **F64), rng.integers(0, 7, (4, 5))
    hot = np.eye(7)[x]
    np.testing.assert_array_equal(layer.forward(x), hot @ layer.params["embeddings"])
    grad = rng.normal(size=(4, 5, 3))
    assert layer.backward(grad) is None
    expected = np.einsum("ntv,ntu->vu", hot, grad)
    np.testing.assert_allclose(layer.grads["embeddings"], expected, atol=1e-14)
    assert np.abs(layer.params["embeddings"]).max() <= 0.05
    assert gradcheck(layer, x, rng=rng).ok


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0, 7]], "expected numbers 0 to 6, got 0 to 7"),
        ([[-1, 2]], "expected numbers 0 to 6, got -1 to 2"),
        ([[0.5]], r"expected whole numbers, got float64 \(1, 1\)"),
        (np.zeros((0, 3), int), "expected whole numbers"),
        ([["a"]], "invalid literal|expected whole numbers"),
    ],
)
def test_an_embedding_takes_whole_numbers_of_its_table(x, message):
    with pytest.raises(ValueError, match=message):
        Embedding(7, 3, rng=fresh()).forward(x)
    with pytest.raises(ValueError, match="n_tokens, units >= 1, got 0 and 3"):
        Embedding(0, 3, rng=fresh())


# ---- layers around ----


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 99))
def test_a_time_distributed_layer_is_the_layer_at_every_step(n, steps, seed):
    rng = fresh(seed)
    dense = Dense(3, 2, rng=rng, **F64)
    layer, x = TimeDistributed(dense), rng.normal(size=(n, steps, 3))
    every = np.stack([dense.forward(x[:, t]) for t in range(steps)], axis=1)
    np.testing.assert_allclose(layer.forward(x), every, atol=1e-14)
    assert gradcheck(layer, x, rng=rng).ok
    assert gradcheck(TimeDistributed(Activation("tanh")), x, rng=rng).ok
    with pytest.raises(ValueError, match=r"expected x \(N, T, ...\), got \(2, 3\)"):
        layer.forward(np.zeros((2, 3)))


def both_ways(n_in, units, rng, cell=LSTM, merge_mode="concat", **how):
    pair = [cell(n_in, units, go_backwards=b, rng=rng, **how) for b in (False, True)]
    return Bidirectional(*pair, merge_mode=merge_mode)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "ave", "mul"])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("masked", [None, "end", "gaps"])
def test_both_directions_gradients_and_keras(merge_mode, sequences, masked):
    rng = fresh(1)
    how = {"return_sequences": sequences}
    layer = both_ways(3, 4, rng, merge_mode=merge_mode, **how, **F64)
    x = rng.normal(size=(3, 6, 3))
    mask = None if masked is None else np.arange(6) < np.array([[6], [2], [4]])
    if masked == "gaps":
        mask[:, 1] = False
    report = gradcheck(layer, x, mask=mask, rng=rng, coordinates=20)
    assert report.ok, report
    with parity.float64():
        twin = layers.Bidirectional(layers.LSTM(4, **how), merge_mode=merge_mode)
        twin.build(x.shape)
        parity.copy_weights(layer, twin)
        assert parity.difference(layer.forward(x, mask=mask), twin(x, mask=mask)) < 1e-12


def test_parity_of_a_bidirectional_model():
    rng = fresh(2)
    model = Sequential([both_ways(2, 3, rng, GRU), Dense(6, 1, rng=rng)])
    with parity.float64():
        twin = keras.Sequential(
            [keras.Input((5, 2)), layers.Bidirectional(layers.GRU(3)), layers.Dense(1)]
        )
        x, y = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 1))
        table = parity.compare(
            model, twin, x, y, loss=MeanSquaredError(), keras_loss="mse", verbose=False
        )
    assert table.largest < 1e-8


def test_directions_that_do_not_fit():
    rng = fresh()
    one, other = LSTM(2, 3, rng=rng), LSTM(2, 3, go_backwards=True, rng=rng)
    with pytest.raises(ValueError, match="go_backwards"):
        Bidirectional(one, one)
    with pytest.raises(ValueError, match="go_backwards"):
        Bidirectional(other, one)
    with pytest.raises(ValueError, match=r"expected one of .*, got 'max'"):
        Bidirectional(one, other, merge_mode="max")
    other.return_sequences = True
    with pytest.raises(ValueError, match="return_sequences in both layers or in none"):
        Bidirectional(one, other)


# ---- padding and the loss of every step ----


def tagger(rng, **dtype):
    """Numbers in, one of four labels a step."""
    return SequenceModel(
        [
            Embedding(9, 5, rng=rng, **dtype),
            both_ways(5, 4, rng, return_sequences=True, **dtype),
            GRU(8, 3, return_sequences=True, rng=rng, **dtype),
            TimeDistributed(Dense(3, 4, rng=rng, **dtype)),
        ]
    )


def padded(rng, n=5, steps=7):
    lengths = rng.integers(1, steps + 1, (n, 1))
    return np.where(np.arange(steps) < lengths, rng.integers(1, 9, (n, steps)), 0)


def test_padding_changes_nothing():
    rng = fresh(3)
    model, x = tagger(rng, **F64), padded(rng)
    out = model.forward(x)
    for row, scores in zip(x, out, strict=True):
        length = np.count_nonzero(row)
        alone = model.forward(row[None, :length])
        np.testing.assert_allclose(scores[:length], alone[0], atol=1e-14)
    everything = model.forward(x, mask=np.ones(x.shape, bool))
    assert np.abs(everything - out).max() > 1e-3
    features = SequenceModel([LSTM(2, 3, rng=rng, **F64)])
    inputs = rng.normal(size=(2, 4, 2))
    inputs[0, 2:], inputs[1, 1, 0] = 0, 0  # one zero of two is no padding
    expected = features.layers[0].forward(inputs[:1, :2])
    np.testing.assert_allclose(features.forward(inputs)[0], expected[0], atol=1e-14)
    expected = features.layers[0].forward(inputs[1:])
    np.testing.assert_allclose(features.forward(inputs)[1], expected[0], atol=1e-14)
    with pytest.raises(ValueError, match=r"expected x \(N, T\) or \(N, T, n_in\), got \(4,\)"):
        model.forward(np.ones(4))


def test_parity_of_a_masked_tagger_that_ignores_padding():
    rng = fresh(4)
    model, x = tagger(rng), padded(rng)
    y = np.where(x > 0, x % 4, -1)
    with parity.float64():
        twin = keras.Sequential(
            [
                keras.Input((7,)),
                layers.Embedding(9, 5, mask_zero=True),
                layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
                layers.GRU(3, return_sequences=True),
                layers.Dense(4),
            ]
        )
        table = parity.compare(
            model,
            twin,
            x,
            y,
            loss=SequenceCrossentropy(from_logits=True, ignore_class=-1),
            keras_loss=ignoring,
            verbose=False,
        )
    assert table.largest < 1e-8
    assert len(table) == 2 + 2 * 12


def ignoring(y, scores):
    """Keras's loss: the sum over all steps that count, by their number."""
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1, reduction="sum"
    )
    return loss(y, scores) / keras.ops.sum(keras.ops.cast(y != -1, "float64"))


def test_the_loss_of_every_step():
    rng = fresh(5)
    scores, y = rng.normal(size=(3, 4, 5)), rng.integers(0, 5, (3, 4))
    loss = SequenceCrossentropy(from_logits=True)
    flat = SparseCategoricalCrossentropy(from_logits=True)
    assert loss.forward(y, scores) == pytest.approx(
        flat.forward(y.ravel(), scores.reshape(-1, 5)), abs=1e-14
    )
    np.testing.assert_allclose(loss.backward().reshape(-1, 5), flat.backward(), atol=1e-14)
    y[0] = 7
    some = SequenceCrossentropy(from_logits=True, ignore_class=7)
    assert some.forward(y, scores) == pytest.approx(loss.forward(y[1:], scores[1:]), abs=1e-14)
    np.testing.assert_allclose(some.backward()[1:], loss.backward(), atol=1e-14)
    assert not some.backward()[0].any()
    with pytest.raises(ValueError, match=r"labels 0 to 4"):
        loss.forward(y, scores)
    with pytest.raises(ValueError, match="expected a label that is not 7, got none"):
        some.forward(np.full((3, 4), 7), scores)
    with pytest.raises(ValueError, match=r"y_true \(N, T\) and y_pred \(N, T, K\), got"):
        loss.forward(y[:, :2], scores)


# ---- clipping and Adam ----


def some_grads(rng, size=1.0):
    return {"a": rng.normal(0, size, (3, 2)), "b": rng.normal(0, size, 4)}


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_clipping(size):
    grads = some_grads(fresh(6), size)
    before = copy.deepcopy(grads)
    whole = np.concatenate([g.ravel() for g in grads.values()])
    assert global_norm(grads) == pytest.approx(np.linalg.norm(whole))
    by_norm = clip_by_global_norm(grads, 0.5)
    assert global_norm(by_norm) == pytest.approx(min(0.5, np.linalg.norm(whole)))
    ratio = {name: by_norm[name] / g for name, g in grads.items()}
    np.testing.assert_allclose(ratio["a"], ratio["b"][0])  # one factor for all
    for name, g in clip_by_norm(grads, 0.5).items():
        assert np.linalg.norm(g) == pytest.approx(min(0.5, np.linalg.norm(grads[name])))
    for name, g in clip_by_value(grads, 0.5).items():
        np.testing.assert_array_equal(g, np.clip(grads[name], -0.5, 0.5))
    for name, g in grads.items():
        np.testing.assert_array_equal(g, before[name])
    zero = {"a": np.zeros(3)}
    assert not clip_by_global_norm(zero, 1.0)["a"].any()


@pytest.mark.parametrize("how", ["clipvalue", "clipnorm", "global_clipnorm"])
@pytest.mark.parametrize("size", [0.1, 10.0])
def test_a_clipped_step_is_that_of_keras(how, size):
    rng = fresh(7)
    params, grads = some_grads(rng), some_grads(rng, size)
    optimizer = keras.optimizers.SGD(0.3, **{how: 0.7})
    with parity.float64():
        theirs = [keras.Variable(p) for p in params.values()]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in grads.values()], theirs)
    ours = Clipped(SGD(0.3), **{how: 0.7})
    ours.step(params, grads)
    for p, v in zip(params.values(), theirs, strict=True):
        assert parity.difference(p, v) < 1e-8
    assert ours.norms == [global_norm(grads)]


def test_what_clipping_refuses():
    for wrong in ({}, {"clipvalue": 1, "clipnorm": 1}):
        with pytest.raises(ValueError, match="expected one of clipvalue, clipnorm and global"):
            Clipped(SGD(), **wrong)
    with pytest.raises(ValueError, match="expected clipnorm > 0, got 0"):
        Clipped(SGD(), clipnorm=0)


BINARY = {"beta_1": 0.875, "beta_2": 1 - 2**-9}


@pytest.mark.parametrize(
    "how", [{}, {"beta_1": 0.5}, {"beta_2": 0.75}, {"epsilon": 0.1}, {"learning_rate": 0.1}]
)
def test_adam_is_keras_adam_for_100_steps(how):
    """With betas that 32 bits hold exactly: Keras rounds them on the way to its correction."""
    rng, how = fresh(8), BINARY | how
    params = some_grads(rng)
    with parity.float64():
        twin, theirs = keras.optimizers.Adam(**how), [keras.Variable(p) for p in params.values()]
        ours = Adam(**how)
        for _ in range(100):
            grads = some_grads(rng)
            ours.step(params, grads)
            twin.apply([keras.ops.convert_to_tensor(g) for g in grads.values()], theirs)
            for p, v in zip(params.values(), theirs, strict=True):
                assert parity.difference(p, v) < 1e-8


def test_adam_has_the_defaults_of_keras():
    ours, theirs = Adam(), keras.optimizers.Adam().get_config()
    for name in ("learning_rate", "beta_1", "beta_2", "epsilon"):
        assert getattr(ours, name) == pytest.approx(theirs[name])


def test_what_adam_refuses():
    for wrong in ({"learning_rate": 0}, {"beta_1": 1}, {"beta_2": -0.1}, {"epsilon": 0}):
        ((name, value),) = wrong.items()
        with pytest.raises(ValueError, match=f"expected .*{name}.*, got .*{value}"):
            Adam(**wrong)
    params = {"a": np.zeros(3), "b": np.ones(2)}
    with pytest.raises(ValueError, match=r"grads for \['a'\], params for \['a', 'b'\]"):
        Adam().step(params, {"a": np.zeros(3)})
    with pytest.raises(ValueError, match=r"a gradient of shape \(2,\) for 'b', got \(3,\)"):
        Adam().step(params, {"a": np.ones(3), "b": np.ones(3)})
    assert not params["a"].any()


# ---- encoder and decoder ----


def pairs(rng, n=6, s=5, t=4):
    source = np.where(np.arange(s) < rng.integers(1, s + 1, (n, 1)), rng.integers(1, 8, (n, s)), 0)
    return source, rng.integers(1, 6, (n, t))


def test_teacher_forcing_shows_the_answer_so_far():
    assert shifted([[3, 4, 5]], 9).tolist() == [[9, 3, 4]]
    assert teacher_forcing([[1, 2]], [[3, 4, 5]], 9).tolist() == [[1, 2, 9, 3, 4]]
    with pytest.raises(ValueError, match=r"source \(N, S\) and target \(N, T\), got \(1, 2\)"):
        teacher_forcing([[1, 2]], [[3], [4]], 9)


def test_gradients_of_the_encoder_decoder():
    rng = fresh(9)
    model = EncoderDecoder(5, 8, 6, embedding=3, units=4, rng=rng, **F64)
    source, target = pairs(rng)
    loss = SequenceCrossentropy(from_logits=True)
    report = gradcheck(
        model, teacher_forcing(source, target, 0), loss=loss, y=target, rng=rng, coordinates=30
    )
    assert report.ok, report
    assert len(report.checks) == 10


def test_parity_of_the_encoder_decoder():
    rng = fresh(10)
    model = EncoderDecoder(5, 8, 6, embedding=3, units=4, rng=rng)
    source, target = pairs(rng)
    x = teacher_forcing(source, target, 0)
    with parity.float64():
        whole = keras.Input((9,))
        read, write = layers.Embedding(8, 3, mask_zero=True), layers.Embedding(6, 3)
        encoder = layers.LSTM(4, return_state=True)
        decoder = layers.LSTM(4, return_sequences=True)
        dense = layers.Dense(6)
        _, h, c = encoder(read(whole[:, :5]))
        twin = keras.Model(whole, dense(decoder(write(whole[:, 5:]), initial_state=[h, c])))
        table = parity.compare(
            model,
            twin,
            x,
            target,
            loss=SequenceCrossentropy(from_logits=True),
            keras_loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            keras_layers=[read, encoder, write, decoder, dense],
            verbose=False,
        )
    assert table.largest < 1e-8


def test_it_learns_to_reverse_and_translates_alone():
    rng = fresh(11)
    source = rng.integers(1, 5, (512, 4))
    target = source[:, ::-1]
    model = EncoderDecoder(4, 5, 6, embedding=8, units=32, rng=rng)
    history = model.fit(
        teacher_forcing(source, target, 5),
        target,
        loss=SequenceCrossentropy(from_logits=True),
        optimizer=Adam(0.01),
        epochs=25,
        rng=rng,
    )
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    written = model.translate(source, 4, 5)
    assert (written == target).all(axis=1).mean() > 0.9
    scores = model.forward(teacher_forcing(source, written, 5))
    np.testing.assert_array_equal(scores.argmax(axis=2), written)  # greedy, step by step
    with pytest.raises(ValueError, match=r"expected source \(N, 4\), got \(512, 3\)"):
        model.translate(source[:, :3], 4, 5)


@pytest.mark.parametrize("number", range(5))
def test_a_model_of_two_networks_says_where_a_nan_is(number):
    rng = fresh(12)
    model = EncoderDecoder(5, 8, 6, embedding=3, units=4, rng=rng)
    source, target = pairs(rng)
    next(iter(model.layers[number].params.values()))[:] = np.nan
    with pytest.raises(NotFinite, match=rf"the \w+ of layer {number}, .*is not finite"):
        model.fit(
            teacher_forcing(source, target, 0),
            target,
            loss=SequenceCrossentropy(from_logits=True),
            optimizer=SGD(),
        )


def test_summaries(capsys):
    rng = fresh()
    EncoderDecoder(5, 8, 6, embedding=3, units=4, rng=rng).summary((9,))
    tagger(rng).summary((7,))
    Sequential([SimpleRNN(2, 3, rng=rng)]).summary((4, 2))
    out = capsys.readouterr().out
    assert out.count("total") == 3
    assert "(None, 7, 4)" in out
    assert "(None, 4, 6)" in out
