"""Gradient checking: it passes what is right, catches what is wrong, and says where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice.scratch.backpropagation import Activation, Dense, Layer, Sequential
from twice.scratch.gradcheck import check_array, gradcheck
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.perceptron import Adaline, MeanSquaredError

seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=25)


def rng(seed=0):
    return np.random.default_rng(seed)


def dense(n_in=3, n_out=4, seed=0, dtype=np.float64, kind=Dense):
    return kind(n_in, n_out, rng=rng(seed), dtype=dtype)


def net(middle=Dense, activation=Activation, name="tanh"):
    return Sequential([dense(4, 6), activation(name), dense(6, 6, 1, kind=middle),
                       activation(name), dense(6, 3, 2)])  # fmt: skip


def data():
    return rng(1).normal(size=(8, 4)), rng(2).integers(0, 3, size=8)


LOSS = SparseCategoricalCrossentropy(from_logits=True)


# ---- what is right passes ----------------------------------------------------------------------


@quick
@given(seeds)
def test_right_models_pass(seed):
    x, labels = rng(seed).normal(size=(8, 4)), rng(seed).integers(0, 3, size=8)
    report = gradcheck(net(), x, loss=LOSS, y=labels)
    assert report.ok, report
    assert report.error < 1e-6
    names = [*net().params, "x"]  # "0.kernel", "0.bias", "2.kernel", "2.bias", "4.kernel", ...
    assert names[2] == "2.kernel"
    assert [c.name for c in report.checks] == names
    assert [c.shape for c in report.checks][:2] == [(4, 6), (6,)]


def test_a_single_layer_and_no_loss():
    report = gradcheck(dense(), rng().normal(size=(5, 3)))
    assert report.ok
    assert [c.name for c in report.checks] == ["kernel", "bias", "x"]
    assert gradcheck(Adaline(2, rng=rng(), dtype=np.float64), rng().normal(size=(4, 2))).ok


def test_the_model_and_its_input_are_left_as_they_were():
    model, (x, labels) = net(), data()
    before, x_before = model.get_weights(), x.copy()
    gradcheck(model, x, loss=LOSS, y=labels)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(x, x_before)


def test_a_tiny_gradient_is_not_lost_in_rounding():
    """Deep sigmoids have gradients near 1e-10, where differences are all rounding."""
    layers = [dense(4, 8)]
    for _ in range(12):
        layers += [Activation("sigmoid"), dense(8, 8, 3)]
    x, labels = rng(1).normal(size=(8, 4)), rng(2).integers(0, 8, size=8)
    model = Sequential(layers)
    report = gradcheck(model, x, loss=LOSS, y=labels)
    assert np.abs(model.grads["0.kernel"]).max() < 1e-7
    assert report.ok, report


def test_few_coordinates_of_a_large_array_chosen_by_rng():
    layer = dense(30, 40)
    report = gradcheck(layer, rng().normal(size=(3, 30)), coordinates=7)
    assert [c.checked for c in report.checks] == [7, 7, 7]
    again = gradcheck(layer, rng().normal(size=(3, 30)), coordinates=7, rng=rng(9))
    assert str(report) == str(again)  # right is right wherever one looks


# ---- what is wrong is caught -------------------------------------------------------------------


class NoTranspose(Dense):
    def backward(self, grad, input_gradient=True):
        super().backward(grad)
        return grad @ self.params["kernel"]


class MeanBias(Dense):
    def backward(self, grad, input_gradient=True):
        to_x = super().backward(grad)
        self.grads["bias"] = grad.mean(axis=0)
        return to_x


class OneEntry(Dense):
    def backward(self, grad, input_gradient=True):
        to_x = super().backward(grad)
        self.grads["kernel"][2, 5] *= 1.0001
        return to_x


class NoSlope(Activation):
    def backward(self, grad):
        return grad


def wrong_lines(report):
    return [c.name for c in report.checks if not c.error < report.tolerance]


def test_a_forgotten_transpose_is_caught_below_the_layer():
    x, labels = data()
    report = gradcheck(net(middle=NoTranspose), x, loss=LOSS, y=labels)
    assert not report.ok
    assert wrong_lines(report) == ["0.kernel", "0.bias", "x"]
    assert "WRONG at (" in str(report)
    assert "\n            backward" in str(report)  # on a line of its own: the page is narrow
    assert max(map(len, str(report).splitlines())) <= 79


def test_a_mean_in_place_of_a_sum():
    x, labels = data()
    report = gradcheck(net(middle=MeanBias), x, loss=LOSS, y=labels)
    assert wrong_lines(report) == ["2.bias"]


def test_a_single_wrong_entry_is_named():
    x, labels = data()
    report = gradcheck(net(middle=OneEntry), x, loss=LOSS, y=labels)
    assert wrong_lines(report) == ["2.kernel"]
    check = report.checks[2]
    assert check.index == (2, 5)
    assert check.error == pytest.approx(0.0001 / 2.0001, rel=1e-3)


def test_a_missing_slope():
    x, labels = data()
    report = gradcheck(net(activation=NoSlope), x, loss=LOSS, y=labels)
    assert wrong_lines(report) == ["0.kernel", "0.bias", "2.kernel", "2.bias", "x"]


def test_nan_is_wrong():
    class Nan(Dense):
        def backward(self, grad, input_gradient=True):
            to_x = super().backward(grad)
            self.grads["bias"][0] = np.nan
            return to_x

    report = gradcheck(dense(kind=Nan), rng().normal(size=(5, 3)))
    assert not report.ok
    assert np.isnan(report.error)
    assert "WRONG at (0,)" in str(report)


def test_a_gradient_that_is_zero_where_it_should_be_small():
    """A floor must not hide a gradient of 1e-6 that is lost altogether."""

    class Lost(Layer):
        def __init__(self):
            super().__init__()
            self.params, self.grads = {"w": np.ones(2)}, {"w": np.zeros(2)}

        def forward(self, x):
            return x * self.params["w"] * 1e-6

        def backward(self, grad):
            return grad * self.params["w"] * 1e-6

    report = gradcheck(Lost(), np.ones((1, 2)), loss=MeanSquaredError(), y=np.full((1, 2), 0.1))
    assert wrong_lines(report) == ["w"]


# ---- kinks -------------------------------------------------------------------------------------


def test_a_kink_is_counted_not_called_wrong():
    z = np.array([[1.0, 0.0, -1.0, 2e-7]])
    report = gradcheck(Activation("relu"), z)
    (check,) = report.checks
    assert check.kinks == 2
    assert check.checked == 2
    assert report.ok


def test_an_array_that_sits_on_kinks_alone_is_not_passed():
    report = gradcheck(Activation("relu"), np.zeros((2, 3)))
    assert not report.ok
    assert "NOT CHECKED: every coordinate sits on a kink" in str(report)


def test_a_wrong_slope_beside_a_kink_is_still_wrong():
    class Leaky(Activation):
        def backward(self, grad):
            return grad * np.where(self.z > 0, 1.0, 0.1)

    z = np.array([[1.0, 0.0, -1.0]])
    report = gradcheck(Leaky("relu"), z)
    assert not report.ok
    assert report.checks[0].index == (0, 2)


def test_a_sharp_bend_is_no_kink():
    """Left and right slopes differ there too, but less and less as the step shrinks."""

    class Bend(Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            self.x = x
            return 1e6 * x * x

        def backward(self, grad):
            return grad * 2e6 * self.x * self.factor

    assert gradcheck(Bend(1.0), np.full((1, 2), 1e-3)).ok
    report = gradcheck(Bend(1.01), np.full((1, 2), 1e-3))
    assert [c.kinks for c in report.checks] == [0]
    assert wrong_lines(report) == ["x"]


# ---- settings and errors -----------------------------------------------------------------------


def test_keywords_reach_the_forward_pass():
    class Twice(Layer):
        def forward(self, x, factor=1.0):
            self.factor = factor
            return x * factor

        def backward(self, grad):
            return grad * self.factor

    assert gradcheck(Twice(), np.ones((1, 3)), factor=2.0).ok


def test_whole_numbers_as_input_are_not_nudged():
    class Lookup(Layer):
        def __init__(self):
            super().__init__()
            self.params = {"table": rng().normal(size=(4, 2))}

        def forward(self, x):
            self.x = x
            return self.params["table"][x]

        def backward(self, grad):
            self.grads["table"] = np.zeros((4, 2))
            np.add.at(self.grads["table"], self.x, grad)
            return np.zeros(self.x.shape)

    report = gradcheck(Lookup(), np.array([0, 3, 3]))
    assert report.ok
    assert [c.name for c in report.checks] == ["table"]


def test_float32_is_refused():
    with pytest.raises(ValueError, match="kernel is float32, but a gradient check needs float64"):
        gradcheck(dense(dtype=np.float32), np.ones((2, 3)))
    with pytest.raises(ValueError, match="x is float32"):
        gradcheck(dense(), np.ones((2, 3), np.float32))


def test_a_forward_pass_that_changes_is_refused():
    class Noisy(Layer):
        random = rng()

        def forward(self, x):
            return x * self.random.normal(size=x.shape)

        def backward(self, grad):
            return grad

    with pytest.raises(ValueError, match="gave two losses: is dropout on, or a loss NaN"):
        gradcheck(Noisy(), np.ones((2, 3)))
    with pytest.raises(ValueError, match="gave two losses"):
        gradcheck(dense(), np.full((2, 3), np.nan))


def test_other_errors():
    for epsilon, coordinates in ((0, 5), (-1e-5, 5), (1e-5, 0)):
        message = f"expected epsilon > 0, coordinates >= 1, got {epsilon}, {coordinates}"
        with pytest.raises(ValueError, match=message):
            gradcheck(dense(), np.ones((2, 3)), epsilon=epsilon, coordinates=coordinates)
    with pytest.raises(ValueError, match=r"expected the gradient of w \(2,\), got \(3,\)"):
        check_array("w", float, np.ones(2), np.ones(3), epsilon=1e-5, coordinates=5,
                    tolerance=1e-6, rng=rng())  # fmt: skip
