"""Parity finds agreement where there is some, and reports every kind of difference."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from twice import parity
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.noise import Dropout, GaussianNoise
from twice.scratch.perceptron import Adaline, MeanSquaredError

keras = parity.keras
LOSSES = {"loss": MeanSquaredError(), "keras_loss": "mean_squared_error"}


def data(features=3, n=10, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, features)), rng.normal(size=(n, 1))


def dense(features=3, units=1):
    return keras.Sequential([keras.Input((features,)), keras.layers.Dense(units)])


def test_all_numbers_agree_in_float64(capsys):
    model = Adaline(3, rng=np.random.default_rng(1))
    with parity.float64():
        table = parity.compare(model, dense(), *data(), **LOSSES)
    assert table.largest < 1e-12
    assert [row[0] for row in table] == [
        "outputs",
        "loss",
        "gradient of kernel",
        "gradient of bias",
        "kernel after one step",
        "bias after one step",
    ]
    assert capsys.readouterr().out.count("below 1e-08") == 6


def test_the_head_of_a_table_judges_all_rows():
    rows = [("outputs", (2, 1), 0.0), ("loss", (), 0.0), ("gradient of bias", (1,), 1e-3)]
    text = parity.Table(rows, 1e-8, "float64").head(2).splitlines()
    assert len(text) == 4
    assert "gradient of bias" not in "".join(text)
    assert text[-1] == "... largest of all 3 rows: 1.00e-03  TOO LARGE"
    assert parity.Table(rows[:2], 1e-8, "float64").head(1).endswith("2 rows: below 1e-08")


def test_float32_has_its_own_tolerance():
    table = parity.compare(Adaline(3), dense(), *data(), **LOSSES)
    assert table.tolerance == 1e-4
    assert 0 < table.largest < 1e-4


def test_float64_is_taken_back():
    before = keras.config.floatx(), keras.config.dtype_policy().name
    inside = []

    def fails():
        with parity.float64():
            inside.append(keras.config.floatx())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert inside == ["float64"]
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == before


def test_the_scratch_model_is_left_as_it_was():
    model = Adaline(3, rng=np.random.default_rng(1))
    kept = model.params["kernel"].copy()
    with parity.float64():
        parity.compare(model, dense(), *data(), **LOSSES)
    assert (model.params["kernel"] == kept).all()
    assert model.params["kernel"].dtype == np.float32


class WrongBias(Adaline):
    def backward(self, grad):
        super().backward(grad)
        self.grads["bias"] = grad.mean(axis=0)


class WrongOutput(Adaline):
    def forward(self, x, training=False):
        return super().forward(x) + 1e-6


class NoSlope(Adaline):
    def backward(self, grad):
        super().backward(grad)


class NotANumber(Adaline):
    def forward(self, x, training=False):
        return super().forward(x) * np.nan


@pytest.mark.parametrize(
    ("kind", "row"),
    [(WrongBias, "gradient of bias"), (WrongOutput, "outputs"), (NotANumber, "outputs")],
)
def test_a_planted_difference_is_reported(kind, row):
    with parity.float64(), pytest.raises(AssertionError) as error:
        parity.compare(kind(3), dense(), *data(), **LOSSES)
    line = next(line for line in str(error.value).splitlines() if line.startswith(row))
    assert "TOO LARGE" in line


def test_a_wrong_step_is_reported():
    class Hasty:
        def step(self, params, grads):
            for name in params:
                params[name] -= 0.2 * grads[name]

    with parity.float64(), pytest.raises(AssertionError, match="kernel after one step"):
        parity.compare(Adaline(3), dense(), *data(), optimizer=Hasty(), **LOSSES)


def test_a_model_that_cannot_be_compared_is_named():
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"begin it with keras.Input"):
        parity.compare(Adaline(3), unbuilt, *data(), **LOSSES)
    half = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, dtype="float16")])
    with pytest.raises(ValueError, match=r"no tolerance is known for float16"):
        parity.compare(Adaline(3), half, *data(), **LOSSES)


def test_shapes_that_differ_are_named_before_any_number():
    with pytest.raises(ValueError, match=r"\(3, 1\).*\(3, 2\)"):
        parity.compare(Adaline(3), dense(units=2), *data(), **LOSSES)
    two = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match=r"2 arrays.*4"):
        parity.compare(Adaline(3), two, *data(), **LOSSES)


def noisy(rng):
    """Ours and Keras's, with noise and dropout of the same draws."""
    parts = [
        GaussianNoise(0.3, rng=parity.FirstDraw(1)),
        Dense(4, 6, rng=rng),
        Activation("tanh"),
        Dropout(0.3, rng=parity.FirstDraw(2, rate=0.3)),
        Dense(6, 1, rng=rng),
    ]
    kinds = keras.layers
    theirs = [
        keras.Input((4,)),
        kinds.GaussianNoise(0.3, seed=1),
        kinds.Dense(6, "tanh"),
        kinds.Dropout(0.3, seed=2),
        kinds.Dense(1),
    ]
    return Sequential(parts), keras.Sequential(theirs)


@pytest.mark.parametrize("training", [False, True])
def test_noise_and_dropout_agree_given_the_same_draws_as_does_the_gradient_of_x(training):
    x, y = data(4, n=30)
    with parity.float64():
        ours, theirs = noisy(np.random.default_rng(3))
        table = parity.compare(
            ours, theirs, x, y, training=training, inputs=True, verbose=False, **LOSSES
        )
        quiet = ours.forward(x)
        loud = ours.forward(x, training=True)
    assert table.largest < 1e-12
    assert ("gradient of x", (30, 4)) in [row[:2] for row in table]
    assert np.abs(loud - quiet).mean() > 0.1  # so that noise which is not on would be seen
    assert 0.1 < (ours.layers[3].mask == 0).mean() < 0.5


def test_other_draws_and_a_wrong_gradient_of_x_are_reported():
    class Forgets(Activation):
        def backward(self, grad):
            return grad

    x, y = data(4)
    with parity.float64():
        ours, theirs = noisy(np.random.default_rng(3))
        ours.layers[0].rng = parity.FirstDraw(9)
        with pytest.raises(AssertionError, match=r"outputs .* TOO LARGE"):
            parity.compare(ours, theirs, x, y, training=True, **LOSSES)
        ours.layers.insert(0, Forgets("tanh"))
        theirs = keras.Sequential([keras.Input((4,)), keras.layers.Activation("tanh"), theirs])
        assert parity.compare(ours, theirs, x, y, **LOSSES).largest < 1e-12
        with pytest.raises(AssertionError, match=r"gradient of x .* TOO LARGE"):
            parity.compare(ours, theirs, x, y, inputs=True, **LOSSES)
        with pytest.raises(ValueError, match=r"expected backward to return dL/dx, got None"):
            parity.compare(NoSlope(4), dense(4), x, y, inputs=True, **LOSSES)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_backend_gives_the_same(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    code = """
import numpy as np
from twice import parity
from twice.scratch.perceptron import Adaline, MeanSquaredError
rng = np.random.default_rng(0)
x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 1))
with parity.float64():
    twin = parity.keras.Sequential([parity.keras.Input((4,)), parity.keras.layers.Dense(1)])
    table = parity.compare(Adaline(4, rng=rng), twin, x, y,
                           loss=MeanSquaredError(), keras_loss="mean_squared_error")
    assert table.largest < 1e-12, table
    from twice.scratch.backpropagation import Dense, Sequential
    from twice.scratch.noise import Dropout, GaussianNoise
    dense, K = Dense(4, 1, rng=rng), parity.keras.layers
    ours = Sequential([GaussianNoise(0.3, rng=parity.FirstDraw(1)),
                       Dropout(0.3, rng=parity.FirstDraw(2, rate=0.3)), dense])
    twin = parity.keras.Sequential([parity.keras.Input((4,)), K.GaussianNoise(0.3, seed=1),
                                    K.Dropout(0.3, seed=2), K.Dense(1)])
    table = parity.compare(ours, twin, x, y, loss=MeanSquaredError(), keras_loss="mse",
                           training=True, inputs=True)
assert table.largest < 1e-12, table
print(parity.keras.backend.backend())
"""
    environment = {**os.environ, "KERAS_BACKEND": backend}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == backend


def test_importing_parity_is_silent():
    run = subprocess.run(
        [sys.executable, "-c", "from twice import parity"], capture_output=True, text=True
    )
    assert run.returncode == 0
    assert run.stdout + run.stderr == ""


def test_importing_twice_is_light():
    code = (
        "import sys, twice; print({'numpy', 'matplotlib', 'keras', 'sklearn'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "set()"
    code = "import sys, twice.scratch.gradient_descent, twice.scratch.perceptron; " + (
        "print({'matplotlib', 'keras', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "set()"


def branched():
    """A convolution beside two: Keras sorts the deeper branch first, we do not."""
    x = keras.Input((4, 4, 2))
    one, thin, wide = (keras.layers.Conv2D(3, k, padding="same") for k in (1, 1, 3))
    z = keras.layers.Concatenate()([one(x), wide(thin(x))])
    return keras.Model(x, keras.layers.GlobalAveragePooling2D()(z)), [one, thin, wide]


def branched_scratch():
    from twice.scratch.backpropagation import Sequential
    from twice.scratch.convolution import Conv2D
    from twice.scratch.deep_cnns import Concatenate
    from twice.scratch.pooling import GlobalAveragePooling2D

    rng = np.random.default_rng(0)
    one, thin = Conv2D(2, 3, 1, rng=rng), Conv2D(2, 3, 1, rng=rng)
    wide = Conv2D(3, 3, 3, padding="same", rng=rng)
    return Sequential([Concatenate([one, [thin, wide]]), GlobalAveragePooling2D()])


def test_models_with_branches_compare_in_our_order():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 4, 4, 2)), rng.normal(size=(5, 6))
    with parity.float64():
        model, layers = branched()
        assert parity.in_our_order(model) != parity.in_our_order(model, layers)
        table = parity.compare(branched_scratch(), model, x, y, keras_layers=layers, **LOSSES)
    assert table.largest < 1e-12


@pytest.mark.parametrize("pick", [[0, 1], [0, 1, 1], []])
def test_every_variable_comes_once(pick):
    model, layers = branched()
    with pytest.raises(ValueError, match="each of the model's 6 variables once"):
        parity.in_our_order(model, [layers[k] for k in pick])
