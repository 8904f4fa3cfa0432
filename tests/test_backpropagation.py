"""Dense, Activation, Model and Sequential: hand-worked numbers, gradients, dtypes, errors."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice.scratch.backpropagation import FUNCTIONS, Activation, Dense, Layer, Model, Sequential
from twice.scratch.gradcheck import gradcheck
from twice.scratch.gradient_descent import SGD
from twice.scratch.initializers import he_normal
from twice.scratch.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    one_hot,
)
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.tensor import Tensor

seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=25)
sizes = st.integers(1, 5)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rng(seed=0):
    return np.random.default_rng(seed)


def mlp(*shape, activation="tanh", seed=0, dtype=np.float64):
    layers, random = [], rng(seed)
    for n_in, n_out in pairwise(shape):
        layers += [Dense(n_in, n_out, rng=random, dtype=dtype), Activation(activation)]
    return Sequential(layers[:-1])


def by_hand():
    """The 2-2-1 network of the chapter, whose every number can be worked out on paper."""
    net = mlp(2, 2, 1, activation="sigmoid")
    net.set_weights([[[2, 1], [-1, 0.5]], [0, np.log(3) - 2], [[1], [-2]], [1.5]])
    return net


# ---- one network on paper ----------------------------------------------------------------------


def test_the_network_by_hand():
    net, loss = by_hand(), MeanSquaredError()
    out = net.forward(np.array([[1.0, 2.0]]))
    np.testing.assert_allclose(net.layers[1].a, [[0.5, 0.75]])
    assert out.item() == pytest.approx(0.5)
    assert loss.forward([[1.0]], out) == pytest.approx(0.25)
    to_x = net.backward(loss.backward())
    wanted = {
        "0.kernel": [[-0.25, 0.375], [-0.5, 0.75]],
        "0.bias": [-0.25, 0.375],
        "2.kernel": [[-0.5], [-0.75]],
        "2.bias": [-1.0],
    }
    assert net.grads.keys() == wanted.keys()
    for name, grad in net.grads.items():
        np.testing.assert_allclose(grad, wanted[name], atol=1e-12, err_msg=name)
    np.testing.assert_allclose(to_x, [[-0.125, 0.4375]], atol=1e-12)


def test_dense_adds_the_rows():
    layer = Dense(2, 3, rng=rng(), dtype=np.float64)
    layer.params["kernel"][:] = [[1, 2, 3], [4, 5, 6]]
    layer.params["bias"][:] = [0.5, 0, -0.5]
    np.testing.assert_allclose(layer.forward([[1, 0], [1, 1]]), [[1.5, 2, 2.5], [5.5, 7, 8.5]])
    to_x = layer.backward(np.array([[1.0, 0, 0], [0, 1, 0]]))
    np.testing.assert_allclose(layer.grads["kernel"], [[1, 1, 0], [0, 1, 0]])
    np.testing.assert_allclose(layer.grads["bias"], [1, 1, 0])
    np.testing.assert_allclose(to_x, [[1, 4], [2, 5]])


def test_activation_slopes_at_known_points():
    slopes = {"linear": [1, 1, 1], "sigmoid": [None, 0.25, None], "relu": [0, 0, 1]}
    slopes["tanh"] = [None, 1, None]
    assert FUNCTIONS.keys() == slopes.keys()
    for name, wanted in slopes.items():
        layer = Activation(name)
        layer.forward(np.array([-2.0, 0.0, 2.0]))
        got = layer.backward(np.ones(3))
        for a, b in zip(got, wanted, strict=True):
            assert b is None or a == pytest.approx(b), name


# ---- gradients ---------------------------------------------------------------------------------


@quick
@given(seeds, sizes, sizes, sizes)
def test_dense_against_differences(seed, n, n_in, n_out):
    layer = Dense(n_in, n_out, rng=rng(seed), dtype=np.float64)
    report = gradcheck(layer, rng(seed).normal(size=(n, n_in)))
    assert report.ok, report


@pytest.mark.parametrize("name", FUNCTIONS)
@quick
@given(seed=seeds, shape=st.lists(sizes, min_size=1, max_size=4))
def test_activations_against_differences(name, seed, shape):
    z = rng(seed).normal(size=shape)
    z[np.abs(z) < 1e-3] = 0.5  # not on ReLU's corner
    assert gradcheck(Activation(name), z).ok


@pytest.mark.parametrize("activation", FUNCTIONS)
@quick
@given(seed=seeds, n=sizes, n_in=sizes, hidden=sizes, classes=st.integers(2, 4))
def test_networks_and_losses_against_differences(activation, seed, n, n_in, hidden, classes):
    random = rng(seed)
    net = mlp(n_in, hidden, hidden, classes, activation=activation, seed=seed)
    for p in net.params.values():  # random biases: no ReLU sits on its corner
        p += random.normal(0, 0.3, p.shape)
    x, labels = random.normal(size=(n, n_in)), random.integers(0, classes, n)
    soft = one_hot(labels, classes, np.float64)
    for loss, y in (
        (SparseCategoricalCrossentropy(from_logits=True), labels),
        (CategoricalCrossentropy(from_logits=True), soft),
        (BinaryCrossentropy(from_logits=True), soft),
        (MeanSquaredError(), soft),
    ):
        report = gradcheck(net, x, loss=loss, y=y)
        assert report.error < 1e-6, report


@quick
@given(seeds, sizes, sizes, sizes)
def test_layers_agree_with_the_engine(seed, n, n_in, hidden):
    random = rng(seed)
    net = mlp(n_in, hidden, 2, seed=seed)
    x, y = random.normal(size=(n, n_in)), random.normal(size=(n, 2))
    loss = MeanSquaredError()
    loss.forward(y, net.forward(x))
    to_x = net.backward(loss.backward())
    t, (w1, b1, w2, b2) = Tensor(x), (Tensor(p) for p in net.params.values())
    (((t @ w1 + b1).tanh() @ w2 + b2 - y) ** 2).mean().backward()
    for ours, engine in zip([*net.grads.values(), to_x], (w1, b1, w2, b2, t), strict=True):
        np.testing.assert_allclose(ours, engine.grad, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_parity_with_keras(activation):
    from twice import parity

    import keras  # isort: skip

    net, random = mlp(5, 7, 6, 3, activation=activation), rng(1)
    x, y = random.normal(size=(9, 5)), random.integers(0, 3, 9)
    dense = keras.layers.Dense
    with parity.float64():
        twin = keras.Sequential(
            [keras.Input((5,)), dense(7, activation), dense(6, activation), dense(3)]
        )
        table = parity.compare(
            net,
            twin,
            x,
            y,
            loss=SparseCategoricalCrossentropy(from_logits=True),
            keras_loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            optimizer=SGD(0.1),
            keras_optimizer=keras.optimizers.SGD(0.1),
            verbose=False,
        )
    names = [f"gradient of {name}" for name in net.params]  # 0.kernel, ..., 4.bias
    assert [row[0] for row in table[2:8]] == names
    assert len(table) == 2 + 6 + 6
    assert table.largest < 1e-8


@pytest.mark.slow
def test_digits_and_the_keras_twin_over_five_seeds():
    """At least 96 % of the test digits, and Keras within one point, batch by batch the same."""
    from twice import data, parity
    from twice.scratch.gradient_descent import batches
    from twice.scratch.metrics import accuracy

    import keras  # isort: skip

    for seed in range(5):
        (x, y), (x_test, y_test) = data.digits(seed=seed)
        x, x_test = x.reshape(-1, 64), x_test.reshape(-1, 64)
        net = mlp(64, 128, 10, activation="relu", seed=seed, dtype=np.float32)
        dense = keras.layers.Dense
        twin = keras.Sequential([keras.Input((64,)), dense(128, "relu"), dense(10)])
        parity.copy_weights(net, twin)
        loss = SparseCategoricalCrossentropy(from_logits=True)
        net.fit(x, y, loss=loss, optimizer=SGD(0.3), batch_size=32, epochs=40, rng=rng(seed))
        keras_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        twin.compile(keras.optimizers.SGD(0.3), keras_loss)
        order = rng(seed)
        for _ in range(40):
            for i in batches(len(x), 32, rng=order):
                twin.train_on_batch(x[i], y[i])
        ours = accuracy(y_test, net.predict(x_test))
        theirs = accuracy(y_test, twin.predict_on_batch(x_test))
        assert ours >= 0.96
        assert abs(ours - theirs) <= 0.01


# ---- dtypes and shapes -------------------------------------------------------------------------


@dtypes
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_dtypes_are_kept(dtype, activation):
    net = mlp(3, 4, 2, activation=activation, dtype=dtype)
    out = net.forward(np.ones((5, 3), dtype))
    assert out.dtype == dtype
    assert net.backward(np.ones_like(out)).dtype == dtype
    assert {g.dtype for g in net.grads.values()} == {np.dtype(dtype)}
    assert net.predict(np.ones((5, 3))).dtype == dtype


def test_the_default_is_float32_and_inputs_are_cast():
    layer = Dense(3, 2, rng=rng())
    assert layer.params["kernel"].dtype == np.float32
    assert layer.forward(np.ones((1, 3), np.float64)).dtype == np.float32
    assert layer.forward([[1, 2, 3]]).dtype == np.float32


def test_an_initializer_and_the_rng_decide_the_kernel():
    a, b = Dense(4, 3, rng=rng(5)), Dense(4, 3, rng=rng(5))
    np.testing.assert_array_equal(a.params["kernel"], b.params["kernel"])
    c = Dense(4, 3, rng=rng(5), initializer=he_normal)
    np.testing.assert_allclose(c.params["kernel"], he_normal((4, 3), rng(5)).astype(np.float32))
    assert (c.params["bias"] == 0).all()
    assert a.grads.keys() == a.params.keys()


def test_gradients_are_set_not_added():
    net = mlp(3, 2, 2)
    x = rng().normal(size=(4, 3))
    for _ in range(2):
        out = net.forward(x)
        net.backward(np.ones_like(out))
        first = {name: g.copy() for name, g in net.grads.items()}
    net.forward(x)
    net.backward(np.ones_like(out))
    for name, g in net.grads.items():
        np.testing.assert_array_equal(g, first[name])


def test_the_first_layers_input_gradient_can_be_left_out():
    net, x = mlp(3, 4, 2), rng().normal(size=(5, 3))
    grad = np.ones_like(net.forward(x))
    assert net.backward(grad).shape == x.shape
    full = {name: g.copy() for name, g in net.grads.items()}
    assert net.backward(grad, input_gradient=False) is None
    for name, g in net.grads.items():
        np.testing.assert_array_equal(g, full[name])


def test_without_input_gradient_it_stops_at_the_first_layer_that_learns():
    net = Sequential([Activation("tanh"), Dense(3, 2, rng=rng(), dtype=np.float64)])
    grad = np.ones_like(net.forward(np.ones((2, 3))))
    assert net.backward(grad, input_gradient=False) is None
    bare = Sequential([Activation("tanh")])
    assert (
        bare.backward(np.ones_like(bare.forward(np.ones((2, 3)))), input_gradient=False) is not None
    )


def test_params_are_the_layers_own_arrays():
    net = mlp(2, 3, 1)
    assert list(net.params) == ["0.kernel", "0.bias", "2.kernel", "2.bias"]
    net.params["0.kernel"] -= 1
    assert net.params["0.kernel"] is net.layers[0].params["kernel"]


# ---- Model -------------------------------------------------------------------------------------


def test_predict_runs_batch_by_batch():
    class Counting(Activation):
        calls = 0

        def forward(self, z, training=False):
            assert not training
            self.calls += 1
            return super().forward(z)

    counting = Counting("linear")
    net = Sequential([Dense(3, 2, rng=rng(), dtype=np.float64), counting])
    x = rng().normal(size=(10, 3))
    np.testing.assert_allclose(net.predict(x, batch_size=4), net.predict(x))
    assert counting.calls == 3 + 1


def test_weights_out_and_in():
    net, other = mlp(3, 4, 2, seed=1), mlp(3, 4, 2, seed=2)
    weights = net.get_weights()
    other.set_weights(weights)
    x = rng().normal(size=(5, 3))
    np.testing.assert_array_equal(net.forward(x), other.forward(x))
    weights[0][:] = 0  # copies: the network keeps its own
    assert (net.params["0.kernel"] != 0).any()


def test_set_weights_refuses_misfits_and_changes_nothing():
    net = mlp(3, 4, 2)
    before = net.get_weights()
    wrong = net.get_weights()
    wrong[0] += 1
    wrong[3] = np.zeros(5)
    with pytest.raises(
        ValueError, match=r"expected weights of the shapes .*\(2,\)\], got .*\(5,\)"
    ):
        net.set_weights(wrong)
    with pytest.raises(ValueError, match="expected weights of the shapes"):
        net.set_weights(before[:-1])
    for a, b in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_summary_counts_parameters(capsys):
    mlp(64, 128, 10, activation="relu").summary((64,))
    text = capsys.readouterr().out
    assert "Dense(64, 128)" in text
    assert "(None, 128)" in text
    assert "8,320" in text
    assert text.rstrip().endswith("9,610")


def test_representations():
    assert repr(Layer()) == "Layer()"
    assert repr(Dense(2, 3, rng=rng())) == "Dense(2, 3)"
    assert repr(Activation("relu")) == "Activation('relu')"
    assert issubclass(Sequential, Model)


def test_an_activation_can_be_an_object():
    class Cube:
        name = "cube"

        def f(self, z):
            return z**3

        def derivative(self, z, a):
            return 3 * z**2

    layer = Activation(Cube())
    np.testing.assert_allclose(layer.forward(np.array([2.0])), [8])
    assert gradcheck(layer, np.array([[0.3, -1.2]])).ok
    assert repr(layer) == "Activation('cube')"


# ---- errors say what was expected and what came ------------------------------------------------


def test_errors():
    for n_in, n_out in ((0, 3), (3, 0), (-1, 2)):
        with pytest.raises(ValueError, match=f"expected n_in, n_out >= 1, got {n_in} and {n_out}"):
            Dense(n_in, n_out, rng=rng())
    layer = Dense(3, 2, rng=rng())
    for x in (np.zeros(3), np.zeros((4, 2)), np.zeros((2, 3, 3))):
        with pytest.raises(ValueError, match=r"expected x \(N, 3\), got \("):
            layer.forward(x)
    with pytest.raises(ValueError, match=r"expected one of \['linear'.*got 'reluu'"):
        Activation("reluu")
    with pytest.raises(ValueError, match="expected at least one layer, got none"):
        Sequential([])
    net = mlp(3, 2)
    with pytest.raises(ValueError, match="expected batch_size >= 1 and samples, got 0 and 4"):
        net.predict(np.zeros((4, 3)), batch_size=0)
    with pytest.raises(ValueError, match="expected batch_size >= 1 and samples, got 1024 and 0"):
        net.predict(np.zeros((0, 3)))
