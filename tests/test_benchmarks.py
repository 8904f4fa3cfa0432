"""The contenders of the benchmarks do the same work: otherwise their times say nothing."""

import os

import numpy as np
import pytest

from benchmarks import cnn, mlp, rnn, timing, with_keras
from twice.parity import keras
from twice.scratch.losses import one_hot

SIZES = (6, 5, 4, 3)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 6)).astype(np.float32), one_hot(rng.integers(0, 3, 7), 3)


def test_the_tuned_step_is_the_scratch_step(batch, monkeypatch):
    model = mlp.scratch_model(SIZES)
    monkeypatch.setattr(mlp, "scratch_model", lambda sizes: model)
    step, tuned = mlp.scratch_step(SIZES, *batch), mlp.Tuned(SIZES)
    before = model.get_weights()
    for _ in range(3):
        step()
        tuned.step(*batch)
    theirs = [a for pair in zip(tuned.kernels, tuned.biases, strict=True) for a in pair]
    for old, ours, other in zip(before, model.get_weights(), theirs, strict=True):
        assert np.abs(ours - old).max() > 1e-3
        np.testing.assert_allclose(ours, other, atol=1e-6)


def test_the_compiled_keras_step_is_the_scratch_step(batch, monkeypatch):
    model, twin = mlp.scratch_model(SIZES), mlp.keras_model(SIZES)
    for variable, value in zip(twin.trainable_variables, model.get_weights(), strict=True):
        variable.assign(value)
    monkeypatch.setattr(mlp, "scratch_model", lambda sizes: model)
    step, compiled = mlp.scratch_step(SIZES, *batch), with_keras.compiled_step(twin, *batch)
    if compiled is None:
        pytest.skip(f"no bare compiled step on {keras.backend.backend()}")
    for _ in range(3):
        ours, theirs = step()[0], compiled()
        assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_a_race_counts_seconds_a_call_and_takes_turns():
    order = []
    times = timing.race(
        {name: lambda name=name: order.append(name) for name in "ab"}, bursts=2, seconds=1e-5
    )
    assert list(times) == ["a", "b"]
    assert all(0 < low <= middle < 1e-3 for low, middle in times.values())
    runs = [name for name, last in zip(order, [None, *order], strict=False) if name != last]
    assert runs == ["a", "b"] * 3


@pytest.mark.parametrize("name", sorted(cnn.LAYERS))
def test_a_layer_and_its_keras_twin_send_back_the_same(name):
    ours, theirs, x = cnn.layer(name, batch_size=2)
    layer = ours[0]
    if layer.params:
        theirs.set_weights(list(layer.params.values()))
    z, back = with_keras.scratch_pass(*ours)()
    outputs, gradients = with_keras.keras_pass(theirs, x, ours[2])()
    np.testing.assert_allclose(z, np.asarray(outputs), atol=1e-5)
    np.testing.assert_allclose(back, np.asarray(gradients[0]), atol=1e-5)
    for found, other in zip(layer.grads.values(), gradients[1:], strict=True):
        np.testing.assert_allclose(found, np.asarray(other), rtol=1e-4, atol=1e-3)
    if with_keras.keras.backend.backend() == "tensorflow":
        compiled = with_keras.keras_pass(theirs, x, ours[2], compiled=True)
        np.testing.assert_allclose(back, compiled()[1][0], atol=1e-5)


@pytest.mark.parametrize("name", sorted(rnn.CELLS))
@pytest.mark.parametrize("compiled", [False, True])
def test_a_cell_and_its_keras_twin_send_back_the_same(name, compiled):
    ours, theirs = rnn.cell(name, batch=2, steps=7, n_in=3, units=4)
    call = with_keras.keras_pass(theirs, *ours[1:], compiled=compiled)
    if call is None:
        pytest.skip(f"no compiled pass on {keras.backend.backend()}")
    h, back = with_keras.scratch_pass(*ours)()
    assert min(np.abs(g).max() for g in (h, back, *ours[0].grads.values())) > 1e-3
    outputs, gradients = call()
    np.testing.assert_allclose(h, outputs, atol=1e-5)
    for found, other in zip((back, *ours[0].grads.values()), gradients, strict=True):
        np.testing.assert_allclose(found, other, atol=1e-5)


def test_the_cells_alone_are_timed_in_the_environment_they_are_given(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    free = rnn.free_blas()
    blas = {k: v for k, v in free.items() if k.startswith("OPENBLAS")}
    assert blas == {"OPENBLAS_NUM_THREADS": str(os.cpu_count())}
    low, middle = rnn.scratch_alone("simple_rnn", free)
    assert 0 < low <= middle


def test_both_lenets_take_the_same_step():
    model, twin, x, y = cnn.lenets(batch_size=3)
    assert model(x, y) == pytest.approx(twin(x, y), rel=1e-4)
    assert model(x, y) == pytest.approx(twin(x, y), rel=1e-4)
