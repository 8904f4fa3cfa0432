"""What to watch while a network trains: every number again, from the weights themselves."""

import math

import numpy as np
import pytest

from twice.scratch.activations import ACTIVATIONS
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.monitors import ActivationStatistics, GradientNorms, UpdateRatios, table
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import Callback


def fresh(seed=0):
    return {"rng": np.random.default_rng(seed), "dtype": np.float64}


def net(seed=0, activation="tanh"):
    rng = fresh(seed)
    return Sequential([Dense(3, 8, **rng), Activation(activation), Dense(8, 2, **rng)])


def train(model, *callbacks, rate=0.1, epochs=2, n=40):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    settings = {"loss": MeanSquaredError(), "optimizer": SGD(rate), "batch_size": 4}
    model.fit(x, y, epochs=epochs, callbacks=callbacks, **settings)
    return x


class Diary(Callback):
    """Keeps the weights before and after every step, and the gradients of the step."""

    def on_train_begin(self, model):
        self.weights = [{k: w.copy() for k, w in model.params.items()}]
        self.gradients = []

    def on_batch_end(self, model, iteration, logs):
        self.weights.append({k: w.copy() for k, w in model.params.items()})
        self.gradients.append({k: g.copy() for k, g in model.grads.items()})


# ---- when --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "measured"), [(1, range(1, 21)), (3, range(1, 21, 3)), (50, [1])]
)
def test_steps_one_and_then_every_so_many_are_measured(every, measured):
    watches = [UpdateRatios(every), GradientNorms(every)]
    probe = ActivationStatistics(np.ones((2, 3)), every)
    train(net(), *watches, probe)
    for watch in watches:
        assert watch.iterations.tolist() == list(measured)
        assert all(v.shape == (len(measured),) for v in watch.values.values())
    assert probe.iterations.tolist() == [0, *measured]


def test_a_second_training_begins_anew():
    model, watches = net(), [UpdateRatios(5), ActivationStatistics(np.eye(3), 5)]
    train(model, *watches)
    first = watches[0].values["0.kernel"].copy()
    train(model, *watches)
    assert watches[0].iterations.tolist() == [1, 6, 11, 16]
    assert watches[1].iterations.tolist() == [0, 1, 6, 11, 16]
    assert (watches[0].values["0.kernel"] != first).all()


def test_watching_changes_nothing():
    alone, watched = net(), net()
    train(alone)
    train(watched, UpdateRatios(), GradientNorms(), ActivationStatistics(np.eye(3)))
    for name, w in alone.params.items():
        np.testing.assert_array_equal(w, watched.params[name])


def test_the_probe_leaves_running_statistics_and_gradients_alone():
    model = Sequential([Dense(3, 2, **fresh()), BatchNormalization(2, dtype=np.float64)])
    probe = ActivationStatistics(100 + np.eye(3))
    x = np.random.default_rng(0).normal(size=(4, 3))
    model.backward(model.forward(x, training=True))
    before = [a.copy() for a in (*model.get_weights(), *model.grads.values())]
    probe.on_train_begin(model)
    for a, b in zip(before, (*model.get_weights(), *model.grads.values()), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- update ratios -----------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 4])
def test_ratios_are_those_of_the_weights_before_and_after_each_step(every):
    ratios, diary = UpdateRatios(every), Diary()
    train(net(), ratios, diary)
    for name, found in ratios.values.items():
        for step, value in zip(ratios.iterations, found, strict=True):
            w, after = diary.weights[step - 1][name], diary.weights[step][name]
            if not w.any():
                assert math.isnan(value)
                assert step == 1
                assert "bias" in name
            else:
                expected = math.log10(np.sqrt(((after - w) ** 2).sum() / (w**2).sum()))
                assert value == pytest.approx(expected)


def test_a_ratio_by_hand():
    """w = (3, 4), g = (0, 1), rate 0.05: moved 0.05, long 5, so 1/100."""
    model, ratios = Sequential([Dense(2, 1, **fresh())]), UpdateRatios()
    model.params["0.kernel"][:] = [[3.0], [4.0]]
    ratios.on_train_begin(model)
    SGD(0.05).step(model.params, {"0.kernel": np.array([[0.0], [1.0]]), "0.bias": np.zeros(1)})
    ratios.on_batch_end(model, 1, {})
    assert ratios.values["0.kernel"] == pytest.approx([-2])


@pytest.mark.parametrize(
    ("rate", "word"), [(1e-2, "healthy"), (1e-7, "hardly moves"), (5e-1, "moves too fast")]
)
def test_the_report_says_how_fast_kernels_move(rate, word):
    ratios = UpdateRatios(2)
    train(net(), ratios, rate=rate, epochs=1)
    lines = ratios.report().splitlines()
    assert lines[0].split() == ["parameter", "shape", "median", "log10", "ratio"]
    assert lines[1].startswith("0.kernel   (3, 8)")
    assert lines[1].endswith(word)
    assert lines[2].split()[-1].replace(".", "").strip("-").replace("e", "")  # a bias: no word
    median = np.median(ratios.values["0.kernel"])
    assert float(lines[1].split()[3]) == pytest.approx(median, rel=0.01)


def test_a_kernel_that_stays_does_not_move():
    class Lazy(SGD):
        def change(self, w, g, rate):
            return 0 * w

    ratios, x = UpdateRatios(), np.ones((4, 3))
    net().fit(x, x[:, :2], loss=MeanSquaredError(), optimizer=Lazy(), callbacks=[ratios])
    assert ratios.values["0.kernel"] == -np.inf
    line = ratios.report().splitlines()[1]
    assert line.endswith("-inf  does not move")


# ---- gradients ---------------------------------------------------------------------------------


def test_norms_are_those_of_the_gradients_of_each_step():
    norms, diary = GradientNorms(), Diary()
    train(net(), norms, diary)
    for name, found in norms.values.items():
        expected = [math.sqrt((g[name] ** 2).sum()) for g in diary.gradients]
        np.testing.assert_allclose(found, expected)


def test_norms_do_not_overflow_in_small_types():
    model = Sequential([Dense(2, 2, rng=np.random.default_rng(0), dtype=np.float32)])
    model.layers[0].grads = {
        "kernel": np.full((2, 2), 1e30, np.float32),
        "bias": np.zeros(2, np.float32),
    }
    norms = GradientNorms()
    norms.on_batch_end(model, 1, {})
    assert norms.values["0.kernel"] == pytest.approx([2e30])


def test_a_stack_of_sigmoids_vanishes_and_a_shallow_net_does_not():
    rng = fresh()
    deep = [part for _ in range(8) for part in (Dense(8, 8, **rng), Activation("sigmoid"))]
    model = Sequential([Dense(3, 8, **rng), *deep, Dense(8, 2, **rng)])
    norms = GradientNorms()
    train(model, norms)
    lines = norms.report().splitlines()
    assert lines[1].startswith("0.kernel")
    assert lines[1].endswith("vanishes")
    assert lines[-2].endswith("healthy")
    assert lines[-1].split()[0] == "17.bias"
    assert lines[-1].split()[-1] != "healthy"
    norms = GradientNorms()
    train(net(), norms)
    assert "vanishes" not in norms.report()
    values = norms.values["0.kernel"]
    row = norms.report().splitlines()[1].split()
    assert [float(v) for v in row[3:5]] == pytest.approx(
        [np.median(values), values.max()], rel=0.01
    )


def test_a_dead_first_layer_has_no_gradient():
    model = net(activation="relu")
    model.params["0.bias"][:] = -100
    norms = GradientNorms()
    train(model, norms)
    assert norms.report().splitlines()[1].endswith("no gradient")


# ---- activations -------------------------------------------------------------------------------


def test_statistics_by_hand():
    """Two units of ReLU: one is 1, 0, 2, 0 on the probe, the other is dead."""
    model = Sequential([Dense(1, 2, **fresh()), Activation("relu")])
    model.params["0.kernel"][:] = [[1.0, 0.0]]
    model.params["0.bias"][:] = [0.0, -1.0]
    probe = ActivationStatistics(
        np.array([[1.0], [-1.0], [2.0], [-2.0]]), edges=[-2, -0.5, 0.5, 1.5]
    )
    probe.on_train_begin(model)
    found = {name: v[0].tolist() for name, v in probe.values.items()}
    assert found["mean"] == [-0.5, 3 / 8]
    assert found["std"] == pytest.approx(
        [np.std([1, -1, 2, -2, *[-1] * 4]), np.sqrt(5 / 8 - 9 / 64)]
    )
    assert found["zeros"] == [0, 6 / 8]
    assert found["dead"] == [0.5, 0.5]  # the second unit says -1, then 0
    assert math.isnan(found["saturated"][0])
    assert found["saturated"][1] == 0
    # of the layer: 1, 2 and (-1, -2) and four times -1; beyond the edges counts in the last bin
    np.testing.assert_allclose(probe.histograms[0], [[6 / 8, 0, 2 / 8], [0, 6 / 8, 2 / 8]])


@pytest.mark.parametrize(
    ("name", "z", "saturated", "zeros"),
    [
        ("tanh", [-3.0, -2.0, 0.0, 2.0, 3.0], 0.4, 0.2),
        ("sigmoid", [-3.5, -2.5, 0.0, 2.5, 3.5], 0.4, 0),
        ("relu6", [-1.0, 0.0, 3.0, 5.9, 7.0], 0.2, 0.4),
        ("relu", [-1.0, -2.0, 3.0, 5.9, 7.0], 0, 0.4),
        ("elu", [-9.0, -1.0, 0.0, 1.0, 2.0], 0.2, 0.2),
        ("linear", [-9.0, -1.0, 0.0, 1.0, 2.0], 0, 0.2),
    ],
)
def test_saturated_is_where_the_slope_is_small_but_the_output_is_not_zero(
    name, z, saturated, zeros
):
    probe = ActivationStatistics(np.array(z)[:, None])
    probe.on_train_begin(Sequential([Activation(ACTIVATIONS[name])]))
    assert probe.values["saturated"].tolist() == [[saturated]]
    assert probe.values["zeros"].tolist() == [[zeros]]


def test_shapes_one_row_a_step_and_one_column_a_layer():
    rng = fresh()
    model = Sequential([Conv2D(1, 3, 2, **rng), Activation("relu")])
    x = np.random.default_rng(0).normal(size=(6, 5, 5, 1))
    probe = ActivationStatistics(x, 2, edges=np.linspace(-1, 1, 8))
    y = np.zeros((6, 4, 4, 3))
    model.fit(
        x, y, loss=MeanSquaredError(), optimizer=SGD(0.1), batch_size=2, epochs=2, callbacks=[probe]
    )
    assert probe.iterations.tolist() == [0, 1, 3, 5]
    assert {name: v.shape for name, v in probe.values.items()} == dict.fromkeys(
        ["mean", "std", "zeros", "saturated", "dead"], (4, 2)
    )
    assert probe.histograms.shape == (4, 2, 7)
    np.testing.assert_allclose(probe.histograms.sum(axis=-1), 1)
    z = list(model.trace(x))  # the last measured is not the last step
    assert probe.values["mean"][-1, 1] != z[1].mean()
    probe.on_train_begin(model)
    np.testing.assert_allclose(probe.values["mean"][0], [a.mean() for a in z])
    np.testing.assert_allclose(probe.values["std"][0], [a.std() for a in z])


def test_a_channel_is_a_unit_over_all_positions():
    model = Sequential([Conv2D(1, 2, 1, **fresh()), Activation("relu")])
    model.params["0.kernel"][..., 1] = 0
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 1))
    x[1] = x[0]  # samples agree, positions do not
    probe = ActivationStatistics(x)
    probe.on_train_begin(model)
    assert probe.values["dead"][0].tolist() == [0.5, 0.5]


def test_the_report_names_dead_saturated_collapsed_and_huge_layers():
    x = np.random.default_rng(0).normal(size=(64, 3))

    def words(model):
        probe = ActivationStatistics(x)
        probe.on_train_begin(model)
        lines = probe.report().splitlines()
        assert lines[0].split() == ["layer", "mean", "std", "zeros", "saturated", "dead"]
        return [line.split("  ")[-1] for line in lines[1:]]

    assert words(net()) == ["healthy"] * 3
    dying = net(activation="relu")
    dying.params["0.bias"][:3] = -100
    assert words(dying)[1] == "dead units"
    loud = net()
    loud.params["0.kernel"][:] *= 1e3
    assert words(loud) == ["huge", "saturated", "healthy"]
    still = net()
    still.params["0.kernel"][:] *= 1e-5
    assert words(still) == ["collapsed"] * 3


def test_the_report_is_that_of_the_last_step_measured():
    probe = ActivationStatistics(np.eye(3))
    train(net(), probe)
    mean = probe.report().splitlines()[2].split()[2]
    assert float(mean) == pytest.approx(probe.values["mean"][-1, 1], rel=0.01)


def test_signals_that_overflow_do_not_stop_the_probe():
    model = net()
    model.params["0.kernel"][0, 0] = np.nan
    probe = ActivationStatistics(np.eye(3))
    probe.on_train_begin(model)
    assert math.isnan(probe.values["mean"][0, 0])
    assert probe.histograms[0, 0].sum() < 1


# ---- tables, bad input -------------------------------------------------------------------------


def test_tables_align():
    found = table(["a", "b", ""], [("long", 1.23456, "x"), ("c", 10.0, "")])
    assert found == "a        b\nlong  1.23  x\nc       10"


@pytest.mark.parametrize("watch", [UpdateRatios, GradientNorms])
def test_bad_input_is_named(watch):
    for every in (0, 1.5, -2):
        with pytest.raises(ValueError, match=f"whole number of steps >= 1, got {every}"):
            watch(every)
    with pytest.raises(ValueError, match="expected a training with this callback first"):
        watch().report()


def test_bad_probes_and_edges_are_named():
    for x in (np.ones(5), np.ones((1, 3))):
        with pytest.raises(ValueError, match=r"expected a probe \(N, ...\) with N >= 2, got"):
            ActivationStatistics(x)
    for edges in ([0], [0, 0], [1, 0], [[0, 1]]):
        with pytest.raises(ValueError, match="expected at least two edges that rise"):
            ActivationStatistics(np.eye(3), edges=edges)
    with pytest.raises(ValueError, match="expected a training with this callback first"):
        ActivationStatistics(np.eye(3)).report()


def test_a_classifier_of_float32_too():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 3, 30)
    model = Sequential([Dense(4, 6, rng=rng), Activation("relu"), Dense(6, 3, rng=rng)])
    watches = [UpdateRatios(), GradientNorms(), ActivationStatistics(x)]
    loss = SparseCategoricalCrossentropy(from_logits=True)
    model.fit(x, y, loss=loss, optimizer=SGD(0.01), callbacks=watches)
    for watch in watches:
        assert all(v.dtype == np.float64 for v in watch.values.values())
        assert "healthy" in watch.report()
