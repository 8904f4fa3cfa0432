"""The perceptron, its mistake bound, ADALINE and the squared error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from twice.scratch.gradient_descent import numerical_gradient
from twice.scratch.perceptron import (
    Adaline,
    MeanSquaredError,
    Perceptron,
    max_margin,
    sigmoid,
    step,
)

SWITCHES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "NAND": [1, 1, 1, 0]}


def separable(seed, n, features, gap):
    """Points at least `gap` away from a random plane, with both classes present."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=features)
    normal /= np.linalg.norm(normal)
    x = rng.uniform(-1, 1, size=(n, features))
    z = x @ normal
    x += np.sign(z)[:, None] * gap * normal
    x[0], x[1] = normal, -normal
    return x, (x @ normal > 0).astype(int)


def test_step_fires_only_above_zero():
    assert step(np.array([[-1.0, 0.0], [1e-300, 2.0]])).tolist() == [[0, 0], [1, 1]]


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20))
def test_sigmoid_is_a_probability_and_symmetric(values):
    z = np.array(values)
    s = sigmoid(z)
    assert ((s >= 0) & (s <= 1)).all()
    np.testing.assert_allclose(s + sigmoid(-z), 1, atol=1e-15)
    moderate = np.abs(z) < 30
    np.testing.assert_allclose(s[moderate], 1 / (1 + np.exp(-z[moderate])), rtol=1e-12)


@pytest.mark.parametrize("wanted", GATES.values(), ids=GATES)
@pytest.mark.parametrize("labels", [(0, 1), (-1, 1)])
def test_perceptron_learns_the_gates(wanted, labels):
    y = np.array(wanted) if labels == (0, 1) else 2 * np.array(wanted) - 1
    neuron = Perceptron(2, labels=labels)
    assert neuron.fit(SWITCHES, y)[-1] == 0
    assert (neuron.predict(SWITCHES) == y).all()


def test_and_is_learned_as_on_paper():
    neuron = Perceptron(2)
    assert neuron.fit(SWITCHES, np.array(GATES["AND"])) == [1, 3, 3, 2, 1, 0]
    assert neuron.kernel.tolist() == [2, 1]
    assert neuron.bias == -2


@given(
    st.integers(0, 10_000),
    st.floats(0.01, 10),
    st.sampled_from([(0, 1), (-1, 1)]),
    st.integers(1, 5),
)
def test_one_update_is_the_rule(seed, rate, labels, features):
    rng = np.random.default_rng(seed)
    neuron = Perceptron(features, learning_rate=rate, labels=labels)
    w, b = rng.normal(size=features), rng.normal()
    neuron.kernel, neuron.bias = w.copy(), b
    x, y = rng.normal(size=features), int(rng.choice(labels))
    wrong = (y == labels[1]) != (w @ x + b > 0)
    assert neuron.update(x, y) == wrong
    sign = (1 if y == labels[1] else -1) * wrong
    np.testing.assert_allclose(neuron.kernel, w + rate * sign * x)
    np.testing.assert_allclose(neuron.bias, b + rate * sign)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000),
    st.integers(2, 40),
    st.integers(1, 6),
    st.sampled_from([(0, 1), (-1, 1)]),
)
def test_mistakes_never_pass_the_bound(seed, n, features, labels):
    x, y = separable(seed, n, features, gap=0.05)
    numbers = max_margin(x, y)
    neuron = Perceptron(features, labels=labels)
    rng = np.random.default_rng(seed)
    mistakes = neuron.fit(x, y if labels == (0, 1) else 2 * y - 1, epochs=10_000, rng=rng)
    assert mistakes[-1] == 0
    assert sum(mistakes) <= numbers.bound * (1 + 1e-9)  # two points can meet the bound exactly


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(3, 30), st.integers(1, 4))
def test_margin_agrees_with_a_quadratic_program(seed, n, features):
    x, y = separable(seed, n, features, gap=0.1)
    u = np.where(y > 0, 1.0, -1.0)[:, None] * np.column_stack([x, np.ones(n)])
    start = np.linalg.lstsq(u, np.ones(n), rcond=None)[0]
    solved = minimize(
        lambda v: v @ v,
        start,
        jac=lambda v: 2 * v,
        constraints={"type": "ineq", "fun": lambda v: u @ v - 1, "jac": lambda v: u},
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    assert solved.success
    numbers = max_margin(x, y)
    np.testing.assert_allclose(numbers.margin, 1 / np.linalg.norm(solved.x), rtol=1e-4)
    np.testing.assert_allclose(numbers.bound, (numbers.radius / numbers.margin) ** 2)


def test_margin_of_and_is_known_exactly():
    numbers = max_margin(SWITCHES, np.array(GATES["AND"]))
    np.testing.assert_allclose(numbers.bound, 51, rtol=1e-6)


def test_inseparable_data_have_no_bound_and_no_rest():
    xor = np.array([0, 1, 1, 0])
    assert max_margin(SWITCHES, xor).bound == float("inf")
    assert max_margin(SWITCHES, xor).margin == 0
    assert Perceptron(2).fit(SWITCHES, xor, epochs=50)[-1] > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Perceptron(2, learning_rate=0), "expected a rate > 0.*got 0 and"),
        (lambda: Perceptron(2, labels=(1, 2)), r"labels \(0, 1\) or \(-1, 1\).*\(1, 2\)"),
        (lambda: Perceptron(2).fit(np.zeros((3, 4)), np.zeros(3)), r"\(samples, 2\).*\(3, 4\)"),
        (lambda: Perceptron(2).fit(np.zeros((3, 2)), np.zeros((3, 1))), r"\(3,\).*\(3, 1\)"),
        (lambda: Perceptron(2).fit(SWITCHES, [0, 1, 2, 0]), r"labels \(0, 1\).*\[0 1 2\]"),
        (lambda: Perceptron(2).fit([[0, np.nan]], [1]), "finite"),
        (lambda: max_margin(SWITCHES, [3, 1, 1, 0]), "0/1 or -1/"),
        (lambda: Adaline(0), "at least 1.* 0"),
        (lambda: Adaline(3).forward(np.zeros((2, 4))), r"\(samples, 3\).*\(2, 4\)"),
        (lambda: MeanSquaredError().forward(np.zeros(3), np.zeros((3, 1))), r"\(3,\).*\(3, 1\)"),
    ],
)
def test_bad_input_says_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 6))
def test_adaline_gradients_agree_with_central_differences(seed, n, features):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, features)), rng.normal(size=(n, 1))
    neuron, loss = Adaline(features, rng=rng, dtype=np.float64), MeanSquaredError()
    loss.forward(y, neuron.forward(x))
    to_input = neuron.backward(loss.backward())

    def loss_of(name):
        def value(p):
            kept, neuron.params[name] = neuron.params[name], p
            result = loss.forward(y, neuron.forward(x))
            neuron.params[name] = kept
            return result

        return value

    grads = dict(neuron.grads)
    for name, value in neuron.params.items():
        expected = numerical_gradient(loss_of(name), value)
        np.testing.assert_allclose(grads[name], expected, atol=1e-8)
    expected = numerical_gradient(lambda v: loss.forward(y, neuron.forward(v)), x)
    np.testing.assert_allclose(to_input, expected, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adaline_keeps_its_dtype(dtype):
    neuron, loss = Adaline(2, rng=np.random.default_rng(0), dtype=dtype), MeanSquaredError()
    out = neuron.forward(np.ones((5, 2), dtype))
    loss.forward(np.zeros((5, 1), dtype), out)
    neuron.backward(loss.backward())
    arrays = [out, *neuron.params.values(), *neuron.grads.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}
