"""Both engines, of numbers and of arrays: slopes, repeated calls, deep graphs, broadcasting."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import broadcastable_shapes

from twice import graphs
from twice.scratch import autodiff
from twice.scratch.autodiff import Dual, Value, graph
from twice.scratch.gradient_descent import numerical_gradient
from twice.scratch.tensor import Tensor, unbroadcast

seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=40)
numbers = st.floats(0.2, 3)
signed = st.floats(-3, 3)

# Functions of two positive numbers that between them use every operation.
FORMULAS = {
    "sum": lambda a, b: a + b + 1.5,
    "difference": lambda a, b: 2 - a - b,
    "product": lambda a, b: 3 * a * b * a,
    "quotient": lambda a, b: a / b + 1 / a + b / 2,
    "powers": lambda a, b: a**3 + b**-1 + a**0.5 + a**0 - b**1,
    "power of both": lambda a, b: a**b + 2**a,
    "minus": lambda a, b: -a * -b,
    "exp and log": lambda a, b: (a * b).exp().log() + b.log() * a.exp(),
    "tanh and sigmoid": lambda a, b: (a - b).tanh() * (a + b).sigmoid(),
    "relu": lambda a, b: (a - 0.1).relu() * b + (a - 10).relu(),
    "one used often": lambda a, b: (a * a + a).tanh() * a - (a + b) * (a + b),
}
each_formula = pytest.mark.parametrize("f", FORMULAS.values(), ids=FORMULAS)


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- numbers, in reverse -----------------------------------------------------------------------


def test_the_chapters_first_example():
    a, b = Value(3, "a"), Value(2, "b")
    f = a * b + a**2
    f.backward()
    assert (f.data, a.grad, b.grad) == (15, 8, 3)


def test_the_network_by_hand():
    x = [Value(1), Value(2)]
    w = [[Value(2), Value(1)], [Value(-1), Value(0.5)]]
    b = [Value(0), Value(math.log(3) - 2)]
    v, c = [Value(1), Value(-2)], Value(1.5)
    h = [(w[0][k] * x[0] + w[1][k] * x[1] + b[k]).sigmoid() for k in (0, 1)]
    loss = (h[0] * v[0] + h[1] * v[1] + c - 1) ** 2
    loss.backward()
    assert [n.data for n in h] == pytest.approx([0.5, 0.75])
    assert loss.data == pytest.approx(0.25)
    assert [n.grad for row in w for n in row] == pytest.approx([-0.25, 0.375, -0.5, 0.75])
    assert [n.grad for n in b] == pytest.approx([-0.25, 0.375])
    assert [n.grad for n in (*v, c)] == pytest.approx([-0.5, -0.75, -1])
    assert [n.grad for n in x] == pytest.approx([-0.125, 0.4375])


@each_formula
@quick
@given(numbers, numbers)
def test_values_against_differences(f, x, y):
    assume(abs(x - 0.1) > 1e-3)
    a, b = Value(x), Value(y)
    result = f(a, b)
    result.backward()
    wanted = numerical_gradient(lambda p: f(Value(p[0]), Value(p[1])).data, [x, y])
    scale = 1 + abs(wanted).max() + abs(result.data)
    np.testing.assert_allclose([a.grad, b.grad], wanted, atol=1e-6 * scale)


@each_formula
@quick
@given(numbers, numbers)
def test_forward_mode_agrees_with_reverse(f, x, y):
    a, b = Value(x), Value(y)
    result = f(a, b)
    result.backward()
    along_a, along_b = f(Dual(x, 1), Dual(y)), f(Dual(x), Dual(y, 1))
    assert along_a.data == along_b.data == result.data
    assert [along_a.slope, along_b.slope] == pytest.approx([a.grad, b.grad], rel=1e-12, abs=1e-12)


def test_a_second_call_gives_the_same():
    a, b = Value(3), Value(2)
    f = a * b + a**2
    for _ in range(3):
        f.backward()
        assert [n.grad for n in graph(f) if n.operands] == [1, 1, 1]
        assert (a.grad, b.grad) == (8, 3)


def test_two_results_of_one_input_do_not_mix():
    a = Value(2)
    shared = a * a
    f, g = shared * 3, shared + a
    f.backward()
    assert a.grad == 12
    g.backward()
    assert a.grad == 5
    (f + g).backward()  # to add gradients, add results
    assert a.grad == 17


def test_the_same_node_on_both_sides():
    a = Value(3)
    for f, slope in ((a + a, 2), (a - a, 0), (a * a, 6), (a / a, 0)):
        f.backward()
        assert a.grad == slope


def test_an_input_is_its_own_slope():
    a = Value(3)
    a.backward()
    assert a.grad == 1


def test_a_graph_of_many_thousand_nodes():
    start = deep = Value(1.0)
    for _ in range(50_000):
        deep = deep * 1.00001
    deep.backward()
    assert len(graph(deep)) == 100_001
    assert start.grad == pytest.approx(1.00001**50_000)
    del deep  # and it can be thrown away


def test_a_graph_that_doubles_its_paths_is_walked_once_a_node():
    a = f = Value(1.0)
    for _ in range(60):  # 2^60 paths
        f = f + f
    f.backward()
    assert len(graph(f)) == 61
    assert a.grad == 2.0**60


def test_operands_come_before_results():
    a, b = Value(1), Value(2)
    nodes = graph((a * b).tanh() + a * (b - a))
    place = {node: k for k, node in enumerate(nodes)}
    assert len(place) == len(nodes)
    assert all(place[o] < place[node] for node in nodes for o in node.operands)


def test_relu_and_its_slope_at_zero():
    for x, y, slope in ((-1, 0, 0), (0, 0, 0), (2, 2, 1)):
        a = Value(x)
        f = a.relu()
        f.backward()
        assert (f.data, a.grad) == (y, slope)


def test_sigmoid_and_tanh_do_not_overflow():
    for x in (-1000.0, 1000.0):
        a = Value(x)
        f = a.sigmoid() + a.tanh()
        f.backward()
        assert f.data == pytest.approx(2.0 if x > 0 else -1.0)
        assert a.grad == 0


def test_numpy_numbers_mix_in():
    a = Value(np.float32(2))
    for f in (np.float64(3) * a, a * np.int64(3), np.array(3.0) * a):
        assert isinstance(f, Value)
        f.backward()
        assert a.grad == 3
    assert type(a.data) is float


def test_representations():
    assert repr(Value(1 / 3)) == "Value(0.333333)"
    assert repr(Dual(2)) == "Dual(2)"
    assert repr(Tensor([1.0, 2])) == "Tensor([1. 2.], dtype=float64)"


@pytest.mark.parametrize("kind", [Value, Dual])
def test_errors_of_numbers(kind):
    for bad in ("three", None, [1, 2], 1j):
        with pytest.raises(ValueError, match="expected a number, got"):
            kind(bad)
    with pytest.raises(ValueError, match="expected a number, got 'b'"):
        kind(1) + "b"
    with pytest.raises(ValueError, match="expected a number whose log is finite, got -1"):
        kind(-1).log()
    with pytest.raises(ValueError, match="expected a number whose log is finite, got 0"):
        kind(0).log()
    with pytest.raises(ValueError, match="expected a number whose exp is finite, got 1000"):
        kind(1000).exp()
    with pytest.raises(
        ValueError, match=r"expected a base of 0 or more for the power 0\.5, got -8"
    ):
        kind(-8) ** 0.5
    with pytest.raises(ZeroDivisionError):
        kind(1) / 0
    assert (kind(-8) ** 3).data == -512


def test_the_two_modes_do_not_mix():
    with pytest.raises(ValueError, match="expected a number, got Dual"):
        Value(1) * Dual(2)


# ---- pictures ----------------------------------------------------------------------------------


def small_graph():
    w, x = Value(2, "w"), Value(3, "x")
    f = (w * x - 5).sigmoid()
    f.name = "f"
    f.backward()
    return f


def test_dot_names_numbers_and_gradients():
    text = graphs.dot(small_graph())
    assert text.startswith("digraph {")
    assert text.count("->") == 5
    for part in ('label="w\\n2\\ngrad ', "f = sigmoid", "×", "−"):
        assert part in text


def test_drawing_with_matplotlib(monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.setattr(graphs.shutil, "which", lambda program: None)
    ax = graphs.draw(small_graph())
    texts = [t.get_text() for t in ax.texts]
    assert any(t.startswith("f = sigmoid") for t in texts)
    assert sum("grad" in t for t in texts) == 5  # the plain 5 has no name, and no gradient
    assert graphs.draw(small_graph(), ax=ax) is ax
    plt.close("all")


def test_drawing_with_graphviz_where_it_is_installed(monkeypatch):
    import sys
    import types

    fake = types.ModuleType("graphviz")
    fake.Source = lambda text: ("picture", text)
    monkeypatch.setitem(sys.modules, "graphviz", fake)
    monkeypatch.setattr(graphs.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(graphs.shutil, "which", lambda program: "/usr/bin/dot")
    f = small_graph()
    assert graphs.draw(f) == ("picture", graphs.dot(f))


def test_places_keep_nodes_apart():
    nodes = graph(small_graph())
    place = graphs.places(nodes)
    assert len(set(place.values())) == len(nodes)
    assert all(place[o][0] < place[n][0] for n in nodes for o in n.operands)


def test_too_large_a_graph_is_not_drawn():
    f = Value(1)
    for _ in range(40):
        f = f * 2
    with pytest.raises(ValueError, match="expected at most 60 nodes to draw, got 81"):
        graphs.dot(f)


# ---- arrays ------------------------------------------------------------------------------------


def assert_slopes(f, *arrays, atol=1e-6):
    """Compare Tensor's gradients of sum(r * f(arrays)) with central differences."""
    tensors = [Tensor(a) for a in arrays]
    result = f(*tensors)
    weights = rng(7).normal(size=result.shape)
    (result * weights).sum().backward()
    for k, tensor in enumerate(tensors):

        def total(a, k=k):
            moved = [Tensor(a if j == k else other) for j, other in enumerate(arrays)]
            return float((f(*moved).data * weights).sum())

        wanted = numerical_gradient(total, arrays[k])
        assert tensor.grad.shape == tensor.shape
        scale = 1 + np.abs(wanted).max(initial=0)
        np.testing.assert_allclose(tensor.grad, wanted, atol=atol * scale)


@each_formula
@quick
@given(seed=seeds)
def test_tensors_against_differences(f, seed):
    assert_slopes(f, *rng(seed).uniform(0.2, 3, size=(2, 2, 3)))


@quick
@given(seeds, st.data())
def test_broadcasting_is_summed_on_the_way_back(seed, data):
    shape = data.draw(st.lists(st.integers(1, 3), min_size=0, max_size=3).map(tuple))
    other = data.draw(broadcastable_shapes(shape, max_dims=3, max_side=3))
    a, b = rng(seed).uniform(0.5, 2, shape), rng(seed + 1).uniform(0.5, 2, other)
    assert_slopes(lambda x, y: x * y + y / x - x, a, b)


def test_a_bias_hears_every_row():
    rows, bias = Tensor(np.zeros((4, 3))), Tensor([1.0, 2.0, 3.0])
    (rows + bias).sum().backward()
    np.testing.assert_array_equal(bias.grad, [4, 4, 4])
    np.testing.assert_array_equal(unbroadcast(np.ones((2, 4, 3)), (4, 1)), np.full((4, 1), 6))


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((5, 2, 3), (5, 3, 4)),
     ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 4)),
     ((1, 2, 3), (5, 3, 4)), ((6, 1, 2, 3), (5, 3, 4))],
)  # fmt: skip
def test_products_of_matrices(left, right):
    a, b = rng(1).normal(size=left), rng(2).normal(size=right)
    assert_slopes(lambda x, y: x @ y, a, b)
    np.testing.assert_allclose((Tensor(a) @ b).data, a @ b)
    assert isinstance(a @ Tensor(b), Tensor)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (-1, 0)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_reductions(name, axis, keepdims):
    a = rng(3).normal(size=(2, 3, 4))
    assert_slopes(lambda x: getattr(x, name)(axis=axis, keepdims=keepdims) ** 2, a)
    ours = getattr(Tensor(a), name)(axis=axis, keepdims=keepdims)
    numpys = getattr(a, name)(axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(ours.data, numpys)
    assert ours.shape == numpys.shape


def test_ties_of_a_maximum_share():
    a = Tensor([[1.0, 5, 5], [2, 0, 1]])
    a.max(axis=1).sum().backward()
    np.testing.assert_allclose(a.grad, [[0, 0.5, 0.5], [1, 0, 0]])


@pytest.mark.parametrize(
    "key",
    [1, -1, (0, 2), slice(1, 3), (slice(None), 1), (slice(None, None, 2), slice(None)),
     np.array([0, 2, 2, 2]), (np.array([0, 1, 1]), np.array([3, 0, 0])), (None, 0), Ellipsis,
     np.array([[0, 1], [1, 1]])],
    ids=str,
)  # fmt: skip
def test_indices(key):
    a = rng(4).normal(size=(3, 4))
    assert_slopes(lambda x: x[key] * 2, a)
    np.testing.assert_array_equal(Tensor(a)[key].data, a[key])


def test_an_index_that_comes_twice_is_heard_twice():
    a = Tensor([1.0, 2, 3])
    a[np.array([0, 0, 2])].sum().backward()
    np.testing.assert_array_equal(a.grad, [2, 0, 1])


def test_a_mask():
    a = Tensor([1.0, -2, 3])
    a[a.data > 0].sum().backward()
    np.testing.assert_array_equal(a.grad, [1, 0, 1])


def test_other_shapes():
    a = rng(5).normal(size=(2, 3, 4))
    assert_slopes(lambda x: x.reshape(6, 4) ** 2, a)
    assert_slopes(lambda x: x.reshape((4, -1)).tanh(), a)
    assert_slopes(lambda x: x.transpose(2, 0, 1) * rng(6).normal(size=(4, 2, 3)), a)
    assert_slopes(lambda x: x.transpose(-1, 0, 1).exp(), a)
    assert_slopes(lambda x: x.T @ rng(6).normal(size=(4, 2, 5)), a)
    assert Tensor(a).T.shape == (4, 3, 2)
    assert len(Tensor(a)) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_are_kept(dtype):
    x, w = Tensor(np.ones((4, 3), dtype)), Tensor(np.full((3, 2), 0.1, dtype))
    h = 2 * (x @ w + 1).tanh() / 3 - np.arange(2)
    h = h.sigmoid() * h.relu() + (h * h + 1).log() + h.exp() ** 0.5 + h[0] + h.max(axis=1)[:, None]
    loss = (h.reshape(8).mean() + h.T.sum()) ** 2
    loss.backward()
    for node in graph(loss):
        assert node.data.dtype == dtype, node.op
        assert node.grad.dtype == dtype, node.op
        assert node.grad.shape == node.shape


def test_whole_numbers_become_floats():
    assert Tensor([1, 2]).data.dtype == np.float64
    assert Tensor(np.array([True, False])).data.dtype == np.float64
    for bad in (["a"], [1j], [None]):
        with pytest.raises(ValueError, match="expected real numbers, got "):
            Tensor(np.array(bad))


def test_a_second_call_of_tensors_gives_the_same():
    a = Tensor(rng().normal(size=(3, 2)))
    f = ((a @ a.T).tanh() * a.sum()).sum()
    f.backward()
    first = a.grad.copy()
    f.backward()
    np.testing.assert_array_equal(a.grad, first)


def test_gradients_do_not_share_memory():
    a, b = Tensor([1.0, 2]), Tensor([3.0, 4])
    start = np.array([1.0, 1])
    (a + b).backward(start)
    a.grad[0] = 99
    assert b.grad[0] == 1
    assert start[0] == 1


def test_starting_from_an_array():
    a = Tensor([[1.0, 2], [3, 4]])
    f = a * 2
    f.backward([[1.0, 0], [0, 10]])
    np.testing.assert_array_equal(a.grad, [[2, 0], [0, 20]])
    with pytest.raises(
        ValueError, match=r"expected one number, or a gradient of \(2, 2\) to start"
    ):
        f.backward()
    with pytest.raises(ValueError, match=r"expected a gradient of shape \(2, 2\), got \(2,\)"):
        f.backward([1.0, 1])
    one = (a * 0 + 1)[:1, :1]
    one.backward()  # a single number in any shape
    assert one.grad.shape == (1, 1)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="could not be broadcast"):
        Tensor(np.ones((2, 3))) + np.ones(4)
    with pytest.raises(ValueError, match="matmul"):
        Tensor(np.ones((2, 3))) @ np.ones((2, 3))


def test_an_array_on_the_left_makes_a_tensor():
    a = Tensor([1.0, 2])
    for f in (np.ones(2) + a, np.ones(2) - a, np.ones(2) * a, np.ones(2) / a, np.ones((2, 2)) @ a):
        assert isinstance(f, Tensor)


def test_a_deep_graph_of_tensors():
    a = f = Tensor([1.0])
    for _ in range(10_000):
        f = f * 1.0001
    f.backward()
    assert a.grad.item() == pytest.approx(1.0001**10_000)


def test_softmax_and_cross_entropy_are_p_minus_t():
    z, labels = Tensor(rng().normal(size=(5, 3))), np.array([0, 2, 1, 1, 0])
    p = z.exp() / z.exp().sum(axis=1, keepdims=True)
    (-p[np.arange(5), labels].log().mean()).backward()
    np.testing.assert_allclose(z.grad, (p.data - np.eye(3)[labels]) / 5, atol=1e-15)


@pytest.mark.slow
def test_parity_with_the_engine_below_keras():
    from twice import parity

    import keras  # isort: skip

    if keras.backend.backend() != "tensorflow":
        pytest.skip("asks TensorFlow's tape")
    import tensorflow as tf

    x, w = rng(1).normal(size=(4, 3)), rng(2).normal(size=(3, 5))
    with parity.float64():
        v, a = tf.Variable(w), tf.constant(x)
        with tf.GradientTape() as tape:
            h = keras.ops.tanh(a @ v) + keras.ops.relu(v[0])
            top = keras.ops.max(keras.ops.relu(h), axis=1)  # zeros may tie
            f = keras.ops.mean(keras.ops.exp(h) / (2 + h * h)) + keras.ops.sum(top)
        theirs = tape.gradient(f, v).numpy()
    t = Tensor(w)
    h = (x @ t).tanh() + t[0].relu()
    f = (h.exp() / (2 + h * h)).mean() + h.relu().max(axis=1).sum()
    f.backward()
    np.testing.assert_allclose(t.grad, theirs, atol=1e-12)


def test_one_table_of_calculus_serves_both_engines():
    for name in autodiff.UNARY:
        x = 0.7
        a, t = Value(x), Tensor(x)
        f, g = getattr(a, name)(), getattr(t, name)()
        f.backward()
        g.backward()
        assert f.data == pytest.approx(float(g.data), rel=1e-15)
        assert a.grad == pytest.approx(float(t.grad), rel=1e-15)
