"""Memory and operations of a training step, before it runs: by hand and as measured."""

import numpy as np
import pytest

from twice.scratch.activation_layers import Maxout
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.costs import costs, model_size
from twice.scratch.gated import GRU, LSTM
from twice.scratch.lenet import lenet
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.sequences import Bidirectional, Embedding, SequenceModel, TimeDistributed


def rng():
    return np.random.default_rng(0)


def small(dtype=np.float32):
    first = Dense(10, 20, rng=rng(), dtype=dtype)
    return Sequential([first, Activation("relu"), Dense(20, 5, rng=rng(), dtype=dtype)])


def test_a_small_network_by_hand():
    """10 -> 20 -> 5 in float32, 32 samples: 325 parameters; 10 + 20 + 20 + 5 numbers a sample."""
    found = model_size(small(), (10,), batch_size=32, optimizer=Adam())
    assert found.parameters == found.gradients == 4 * 325
    assert found.optimizer == 2 * 4 * 325
    assert found.activations == 32 * 55 * 4
    assert found.total == 4 * 4 * 325 + 32 * 55 * 4
    assert found.flops == 32 * 3 * 2 * (200 + 100)
    double = model_size(small(np.float64), (10,), batch_size=32, optimizer=Adam())
    assert double.total == 2 * found.total


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [
        (None, 0),
        (SGD(), 0),
        (SGD(momentum=0.9), 1),
        (Adam(), 2),
        (Adam(amsgrad=True), 3),
        (Clipped(Adam(), clipnorm=1.0), 2),
    ],
)
def test_what_optimizers_remember_is_asked_of_them(optimizer, copies):
    model = small()
    before = [w.copy() for w in model.get_weights()]
    found = model_size(model, (10,), optimizer=optimizer)
    assert found.optimizer == copies * found.gradients
    for w, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(w, kept)
    if hasattr(optimizer, "memories"):
        assert optimizer.memories == {}
        assert optimizer.iterations == 0


def test_running_statistics_are_kept_and_have_no_gradient():
    found = model_size(Sequential([BatchNormalization(7)]), (7,))
    assert (found.parameters, found.gradients) == (4 * 28, 4 * 14)


def test_lenet_prints_a_table():
    found = model_size(lenet(rng=rng()), (28, 28, 1), batch_size=64, optimizer=Adam())
    assert found.gradients == 61706 * 4
    lines = str(found).splitlines()
    assert [line.split()[0] for line in lines] == [
        *["parameters", "gradients", "optimizer", "activations", "total", "a"]
    ]
    assert lines[0].split()[1:] == ["0.24", "MiB"]
    assert lines[2].split()[1:] == ["0.47", "MiB"]
    forward = sum(layer.flops for layer in costs(lenet(rng=rng()), (28, 28, 1)))
    assert float(lines[5].split()[2]) == pytest.approx(3 * 64 * forward / 1e9, abs=5e-4)


@pytest.mark.parametrize(("cell", "blocks"), [(LSTM, 4), (GRU, 3)])
def test_a_recurrent_layer_multiplies_at_each_step(cell, blocks):
    (found,) = costs(cell(3, 5, rng=rng()), (7, 3))
    assert found.flops == 7 * 2 * blocks * 5 * (3 + 5)
    assert found.output_shape == (5,)


def test_layers_inside_a_sequence_model_are_counted_at_each_step():
    cells = [LSTM(4, 5, rng=rng(), return_sequences=True, go_backwards=b) for b in (False, True)]
    model = SequenceModel(
        [
            Embedding(9, 4, rng=rng()),
            Bidirectional(*cells),
            TimeDistributed(Dense(10, 9, rng=rng())),
        ]
    )
    table, there, back, head = costs(model, (6,))
    assert table.flops == 0
    assert there.flops == back.flops == 6 * 2 * 20 * 9
    assert head.flops == 6 * 2 * 10 * 9
    assert head.output_shape == (6, 9)
    assert there.output_shape == (6, 5)


def test_maxout_counts_all_its_pieces():
    (found,) = costs(Maxout(4, 5, 3, rng=rng()), (4,))
    assert found.flops == 2 * 4 * 5 * 3


def test_an_empty_batch_is_named():
    with pytest.raises(ValueError, match="expected batch_size >= 1, got 0"):
        model_size(small(), (10,), batch_size=0)
