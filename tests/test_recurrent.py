"""Recurrent layers: numbers worked by hand, gradients through 20 steps, parity, clear errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.parity import keras
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.gated import GRU, LSTM
from twice.scratch.gradcheck import gradcheck
from twice.scratch.perceptron import MeanSquaredError, sigmoid
from twice.scratch.recurrent import SimpleRNN


class ResidualCell(keras.layers.SimpleRNNCell):
    """Keras's plain cell, whose output is added to the state that it heard."""

    def call(self, sequence, states, training=False):
        out, _ = super().call(sequence, states, training=training)
        return out + states[0], [out + states[0]]


def residual_in_keras(units, **settings):
    return keras.layers.RNN(ResidualCell(units), **settings)


CELLS = {  # name: ours, Keras's
    "tanh": (SimpleRNN, lambda u, **s: keras.layers.SimpleRNN(u, **s)),
    "relu": (
        lambda n, u, **s: SimpleRNN(n, u, activation="relu", **s),
        lambda u, **s: keras.layers.SimpleRNN(u, activation="relu", **s),
    ),
    "residual": (
        lambda n, u, **s: SimpleRNN(n, u, residual=True, **s),
        residual_in_keras,
    ),
    "lstm": (LSTM, lambda u, **s: keras.layers.LSTM(u, **s)),
    "gru": (GRU, lambda u, **s: keras.layers.GRU(u, **s)),
    "gru before": (
        lambda n, u, **s: GRU(n, u, reset_after=False, **s),
        lambda u, **s: keras.layers.GRU(u, reset_after=False, **s),
    ),
}
each_cell = pytest.mark.parametrize("name", CELLS)
RNG = np.random.default_rng(0)
both = pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])


def live(name, n_in, units, seed=0, **settings):
    """A float64 layer whose biases are not zero, and its generator."""
    rng = np.random.default_rng(seed)
    layer = CELLS[name][0](n_in, units, rng=rng, dtype=np.float64, **settings)
    for p in layer.params.values():
        p += rng.normal(0, 0.2, p.shape)
    return layer, rng


def padding(n, steps, rng, gaps=False):
    """A mask with a different length in every row, and with gaps if wanted."""
    mask = np.arange(steps) < rng.integers(1, steps + 1, (n, 1))
    return mask & (rng.random((n, steps)) < 0.7) if gaps else mask


# ---- numbers worked by hand ----


def test_two_steps_of_the_plain_cell():
    layer = SimpleRNN(1, 1, activation="linear", return_sequences=True, rng=RNG)
    layer.params["recurrent_kernel"][:] = 0.5
    layer.params["kernel"][:] = 2.0
    assert layer.forward([[[1.0], [3.0], [0.0]]]).tolist() == [[[2.0], [7.0], [3.5]]]
    dx = layer.backward(np.array([[[0.0], [0.0], [1.0]]], np.float32))
    assert dx.tolist() == [[[0.5], [1.0], [2.0]]]  # 2 times 0.25, 0.5, 1
    assert layer.grads["kernel"].tolist() == [[1 * 0.25 + 3 * 0.5]]
    assert layer.grads["recurrent_kernel"].tolist() == [[2 * 0.5 + 7 * 1]]
    assert layer.grads["bias"].tolist() == [1.75]


def test_a_residual_cell_adds_and_passes_the_gradient_on():
    """With U = 0: h_2 = f(1) + f(3), a step back hands on the whole gradient."""
    layer = SimpleRNN(1, 1, residual=True, rng=RNG, dtype=np.float64)
    layer.params["recurrent_kernel"][:], layer.params["kernel"][:] = 0, 1
    np.testing.assert_allclose(layer.forward([[[1.0], [3.0]]]), np.tanh(1) + np.tanh(3))
    dx = layer.backward(np.array([[2.0]])).ravel()
    np.testing.assert_allclose(dx, 2 * (1 - np.tanh([1, 3]) ** 2), atol=1e-14)
    assert layer.state_gradient.item() == 2
    layer.params["recurrent_kernel"][:], layer.params["kernel"][:] = 0.5, 0
    layer.forward(np.zeros((1, 100, 1)))
    layer.backward(np.array([[1.0]]))
    np.testing.assert_allclose(layer.state_gradient.item(), 1.5**100)  # at 0 all slopes are 1


def test_one_step_of_the_lstm_by_its_equations():
    layer, rng = live("lstm", 2, 3)
    x, h, c = rng.normal(size=(1, 2)), rng.normal(size=(1, 3)), rng.normal(size=(1, 3))
    kernel, recurrent, bias = layer.params.values()
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=1)
    c_new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h_new = sigmoid(o) * np.tanh(c_new)
    got = layer.forward(x[:, None], initial_state=[h, c])
    np.testing.assert_allclose(got, h_new, atol=1e-14)
    np.testing.assert_allclose(layer.state, [h_new, c_new], atol=1e-14)


@pytest.mark.parametrize("reset_after", [True, False])
def test_one_step_of_the_gru_by_its_equations(reset_after):
    layer, rng = live("gru" if reset_after else "gru before", 2, 3)
    x, h = rng.normal(size=(1, 2)), rng.normal(size=(1, 3))
    kernel, recurrent, bias = layer.params.values()
    (xz, xr, xh), (uz, ur, uh) = np.split(x @ kernel, 3, axis=1), np.split(recurrent, 3, axis=1)
    b, b2 = bias if reset_after else (bias, np.zeros(9))
    (bz, br, bh), (cz, cr, ch) = np.split(b, 3), np.split(b2, 3)
    z, r = sigmoid(xz + h @ uz + bz + cz), sigmoid(xr + h @ ur + br + cr)
    inner = r * (h @ uh + ch) if reset_after else (r * h) @ uh
    candidate = np.tanh(xh + bh + inner)
    got = layer.forward(x[:, None], initial_state=[h])
    np.testing.assert_allclose(got, z * h + (1 - z) * candidate, atol=1e-14)


def test_keras_defaults():
    rng = np.random.default_rng(0)
    lstm, gru = LSTM(3, 4, rng=rng), GRU(3, 4, rng=rng)
    assert lstm.params["bias"].tolist() == [0] * 4 + [1] * 4 + [0] * 8
    assert LSTM(3, 4, unit_forget_bias=False, rng=rng).params["bias"].tolist() == [0] * 16
    assert gru.params["bias"].shape == (2, 12)
    recurrent = lstm.params["recurrent_kernel"]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-6)
    assert all(p.dtype == np.float32 for p in lstm.params.values())
    assert lstm.forward(np.ones((2, 5, 3))).dtype == np.float32


# ---- gradients ----


@each_cell
@both
@pytest.mark.parametrize("padded", [None, "end", "gaps"])
def test_gradients_through_20_steps(name, sequences, padded):
    layer, rng = live(name, 3, 4, return_sequences=sequences)
    x = rng.normal(size=(3, 20, 3))
    mask = None if padded is None else padding(3, 20, rng, padded == "gaps")
    report = gradcheck(layer, x, rng=rng, mask=mask)
    assert report.ok, report


@each_cell
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_gradients_of_random_shapes(name, data):
    n, steps, n_in, units = (data.draw(st.integers(1, k)) for k in (3, 6, 3, 4))
    sequences, backwards, masked = (data.draw(st.booleans()) for _ in range(3))
    layer, rng = live(
        name,
        n_in,
        units,
        data.draw(st.integers(0, 99)),
        return_sequences=sequences,
        go_backwards=backwards,
    )
    mask = padding(n, steps, rng, gaps=True) if masked else None
    report = gradcheck(layer, rng.normal(size=(n, steps, n_in)), mask=mask, rng=rng)
    assert report.ok, report


@each_cell
@both
def test_gradients_of_and_through_the_state(name, sequences):
    """What an encoder gets from its decoder: dL/d(first state), given dL/d(last state)."""
    layer, rng = live(name, 2, 3, return_sequences=sequences)
    x, start = rng.normal(size=(2, 5, 2)), rng.normal(size=(layer.states, 2, 3))
    mask = padding(2, 5, rng)
    out = layer.forward(x, mask=mask, initial_state=start)
    r, q = rng.normal(size=out.shape), rng.normal(size=start.shape)

    def value(begin):
        out = layer.forward(x, mask=mask, initial_state=begin)
        return (r * out).sum() + (q * layer.state).sum()

    value(start)
    layer.backward(r, state_gradient=q)
    found, numerical = layer.state_gradient, np.zeros_like(start)
    for k in np.ndindex(start.shape):
        shift = np.zeros_like(start)
        shift[k] = 1e-5
        numerical[k] = (value(start + shift) - value(start - shift)) / 2e-5
    np.testing.assert_allclose(found, numerical, atol=1e-8)


@each_cell
def test_gradients_with_dropout(name, monkeypatch):
    layer, rng = live(name, 3, 4, return_sequences=True, dropout=0.4, recurrent_dropout=0.3)
    x = rng.normal(size=(3, 6, 3))
    drawn = []
    draw = layer.drop

    def again(training):
        layer.rng = np.random.default_rng(7)  # the same masks in every pass
        draw(training)
        drawn.append(layer.state_mask)

    monkeypatch.setattr(layer, "drop", again)
    report = gradcheck(layer, x, rng=rng, training=True)
    assert report.ok, report
    assert np.unique(np.round(drawn[0], 3)).tolist() == [0, 1.429]


@each_cell
def test_dropout_keeps_one_mask_for_all_steps_and_none_outside_training(name):
    layer, rng = live(name, 50, 40, dropout=0.5, recurrent_dropout=0.5)
    x = rng.normal(size=(2, 4, 50))
    layer.forward(x, training=True)
    zero = (layer.x == 0).all(axis=0)
    assert ((layer.x == 0) == zero).all()
    assert 0.3 < zero.mean() < 0.7
    first = layer.forward(x, training=True)
    assert not np.allclose(first, layer.forward(x, training=True))
    np.testing.assert_array_equal(layer.forward(x), layer.forward(x))


@each_cell
def test_without_the_input_gradient_the_others_are_the_same(name):
    layer, rng = live(name, 3, 4)
    layer.forward(rng.normal(size=(2, 5, 3)))
    grad = rng.normal(size=(2, 4))
    assert layer.backward(grad).shape == (2, 5, 3)
    kept = {k: g.copy() for k, g in layer.grads.items()}
    layer.forward(layer.x.transpose(1, 0, 2))
    assert layer.backward(grad, input_gradient=False) is None
    for k, g in layer.grads.items():
        np.testing.assert_array_equal(g, kept[k])


# ---- parity with Keras ----


@each_cell
@both
@pytest.mark.parametrize("backwards", [False, True])
def test_parity_with_keras(name, sequences, backwards):
    rng = np.random.default_rng(3)
    how = {"return_sequences": sequences, "go_backwards": backwards}
    model = Sequential([CELLS[name][0](3, 5, rng=rng, **how)])
    for p in model.params.values():
        p += rng.normal(0, 0.2, p.shape).astype(np.float32)
    with parity.float64():
        twin = keras.Sequential([keras.Input((7, 3)), CELLS[name][1](5, **how)])
        x, y = rng.normal(size=(4, 7, 3)), rng.normal(size=(4, 7, 5) if sequences else (4, 5))
        table = parity.compare(
            model, twin, x, y, loss=MeanSquaredError(), keras_loss="mse", verbose=False
        )
    assert table.largest < 1e-8
    assert len(table) == 8


@each_cell
@both
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_masks_and_initial_states_as_in_keras(name, sequences, gaps, backwards):
    how = {"return_sequences": sequences, "go_backwards": backwards}
    layer, rng = live(name, 3, 5, **how)
    x, mask = rng.normal(size=(4, 7, 3)), padding(4, 7, rng, gaps)
    mask[0] = False  # nothing but padding
    start = rng.normal(size=(layer.states, 4, 5))
    with parity.float64():
        twin = CELLS[name][1](5, return_state=True, **how)
        twin.build(x.shape)
        parity.copy_weights(layer, twin)
        for state in (None, start):
            theirs = twin(x, mask=mask, initial_state=None if state is None else list(state))
            ours = layer.forward(x, mask=mask, initial_state=state)
            assert parity.difference(ours, theirs[0]) < 1e-12
            for a, b in zip(layer.state, theirs[1:], strict=True):
                assert parity.difference(a, b) < 1e-12


def test_two_layers_and_a_dense_one_as_in_keras():
    rng = np.random.default_rng(5)
    model = Sequential(
        [LSTM(2, 4, return_sequences=True, rng=rng), GRU(4, 3, rng=rng), Dense(3, 1, rng=rng)]
    )
    layers = keras.layers
    with parity.float64():
        twin = keras.Sequential(
            [
                keras.Input((6, 2)),
                layers.LSTM(4, return_sequences=True),
                layers.GRU(3),
                layers.Dense(1),
            ]
        )
        x, y = rng.normal(size=(5, 6, 2)), rng.normal(size=(5, 1))
        table = parity.compare(
            model, twin, x, y, loss=MeanSquaredError(), keras_loss="mse", verbose=False
        )
    assert table.largest < 1e-8


# ---- states and errors ----


@each_cell
def test_a_stateful_layer_reads_on_where_it_stopped(name):
    layer, rng = live(name, 2, 3)
    x = rng.normal(size=(4, 9, 2))
    whole = layer.forward(x)
    layer.stateful = True
    layer.reset_state()
    layer.forward(x[:, :5])
    np.testing.assert_allclose(layer.forward(x[:, 5:]), whole, atol=1e-14)
    with pytest.raises(ValueError, match=r"state \(., 3, 3\), got \(., 4, 3\): call reset_state"):
        layer.forward(x[:3])
    layer.reset_state()
    np.testing.assert_allclose(layer.forward(x), whole, atol=1e-14)


@each_cell
def test_bad_input_says_what_was_expected(name):
    layer, rng = live(name, 2, 3)
    for shape in [(4, 2), (4, 5, 3), (4, 0, 2)]:
        with pytest.raises(ValueError, match=r"expected x \(N, T, 2\), T >= 1, got \(4,"):
            layer.forward(np.zeros(shape))
    x = rng.normal(size=(4, 5, 2))
    with pytest.raises(ValueError, match=r"expected a bool mask \(4, 5\), got bool of shape"):
        layer.forward(x, mask=np.ones((5, 4), bool))
    with pytest.raises(ValueError, match=r"bool mask \(4, 5\), got float64"):
        layer.forward(x, mask=np.ones((4, 5)))
    with pytest.raises(ValueError, match=r"expected a state \(., 4, 3\), got \(., 3, 3\)"):
        layer.forward(x, initial_state=np.zeros((layer.states, 3, 3)))
    for n_in, units, rates in [
        (0, 3, {}),
        (2, 0, {}),
        (2, 3, {"dropout": 1.0}),
        (2, 3, {"recurrent_dropout": -0.1}),
    ]:
        with pytest.raises(ValueError, match="expected"):
            CELLS[name][0](n_in, units, rng=rng, **rates)


def test_an_unknown_activation():
    with pytest.raises(ValueError, match=r"expected one of .*tanh.*, got 'tan'"):
        SimpleRNN(1, 1, activation="tan", rng=None)
