"""Blocks of deep networks: hand-worked numbers, gradients, parity with Keras, clear errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import twin

from twice import parity
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.deep_cnns import (
    Add,
    Concatenate,
    Identity,
    conv,
    dense_block,
    he_depthwise,
    inception_block,
    residual_block,
    separable_block,
    vgg_block,
)
from twice.scratch.gates import (
    Highway,
    Multiply,
    highway_block,
    inverted_residual,
    squeeze_excite,
    u_net,
)
from twice.scratch.gradcheck import gradcheck
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import GlobalAveragePooling2D

BLOCKS = {  # name: (function of channels in, out and rng; channels that come out)
    "vgg": (lambda n, m, rng: vgg_block(n, m, rng=rng), lambda n, m: m),
    "inception": (
        lambda n, m, rng: inception_block(n, (m, (2, 3), (1, 2), 1), rng=rng),
        lambda n, m: m + 6,
    ),
    "residual": (lambda n, m, rng: residual_block(n, m, rng=rng), lambda n, m: m),
    "residual/2": (lambda n, m, rng: residual_block(n, m, strides=2, rng=rng), lambda n, m: m),
    "dense": (lambda n, m, rng: dense_block(n, m, 2, rng=rng), lambda n, m: n + 2 * m),
    "separable": (lambda n, m, rng: separable_block(n, m, rng=rng), lambda n, m: m),
    "highway": (lambda n, m, rng: highway_block(n, rng=rng), lambda n, m: n),
    "squeeze": (lambda n, m, rng: squeeze_excite(n, 1, rng=rng), lambda n, m: n),
    "inverted": (lambda n, m, rng: inverted_residual(n, m, 2, rng=rng), lambda n, m: m),
    "inverted same": (lambda n, m, rng: inverted_residual(n, n, 2, rng=rng), lambda n, m: n),
    "inverted/2": (
        lambda n, m, rng: inverted_residual(n, m, 2, strides=2, rng=rng),
        lambda n, m: m,
    ),
    "u_net": (lambda n, m, rng: u_net(n, (m, m + 1), rng=rng), lambda n, m: m),
}
each_block = pytest.mark.parametrize("name", BLOCKS)


def live(name, n, m, seed):
    """A block in float64 none of whose parameters is zero, and its generator."""
    rng = np.random.default_rng(seed)
    block = BLOCKS[name][0](n, m, rng)
    parity.cast(block, np.float64)
    for p in block.params.values():
        p += rng.normal(0, 0.2, p.shape)
    return block, rng


@each_block
@settings(max_examples=5, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 2), st.integers(0, 99))
def test_gradients_of_every_block(name, n, m, half, seed):
    block, rng = live(name, n, m, seed)
    report = gradcheck(block, rng.normal(size=(2, 2 * half + 2, 4, n)), coordinates=12, rng=rng)
    assert report.ok, report


@each_block
def test_without_the_input_gradient_the_others_are_the_same(name):
    block, rng = live(name, 3, 3, 0)
    grad = rng.normal(size=block.forward(x := rng.normal(size=(2, 4, 4, 3))).shape)
    assert block.backward(grad).shape == x.shape
    kept = {key: g.copy() for key, g in block.grads.items()}
    block.forward(x)
    assert block.backward(grad, input_gradient=False) is None
    assert {*kept} == {*block.params}
    for key, g in block.grads.items():
        np.testing.assert_array_equal(g, kept[key])


@each_block
def test_every_block_is_keras_s(name):
    block, rng = live(name, 3, 4, 1)
    x = rng.normal(size=(3, 4, 6, 3))
    with parity.float64():
        model, layers = twin(block, x.shape[1:])
        y = rng.normal(size=(3, *model.output_shape[1:]))
        table = parity.compare(block, model, x, y, loss=MeanSquaredError(), keras_loss="mse",
                               keras_layers=layers, verbose=False)  # fmt: skip
    assert table.largest < 1e-8


@each_block
def test_blocks_keep_the_dtype_and_promise_their_channels(name):
    block = BLOCKS[name][0](3, 4, np.random.default_rng(0))
    z = block.forward(np.ones((2, 4, 4, 3), np.float32))
    side = 2 if name == "vgg" or name.endswith("/2") else 4
    assert z.shape == (2, side, side, BLOCKS[name][1](3, 4))
    assert z.dtype == np.float32
    assert block.backward(z).dtype == np.float32


def one(value, rng=None):
    """A 1 x 1 convolution of one channel that multiplies by `value`."""
    layer = Conv2D(1, 1, 1, rng=np.random.default_rng(0), dtype=np.float64)
    layer.params["kernel"][:] = value
    return layer


def test_a_residual_block_by_hand():
    # x = 2: branch -1 * relu(0.5 * 2) = -1, sum 1; slope 1 + (-1)(0.5) = 0.5
    block = Add([[one(0.5), Activation("relu"), one(-1.0)], Identity()])
    assert block.forward(np.full((1, 1, 1, 1), 2.0)).item() == 1.0
    assert block.backward(np.ones((1, 1, 1, 1))).item() == 0.5
    assert [g.item() for name, g in block.grads.items() if "kernel" in name] == [-2.0, 1.0]


def test_a_highway_by_hand():
    # x = 2, h = 3 x = 6, t = sigmoid(0 x) = 1/2: z = 2 + (6 - 2) / 2 = 4
    block = Highway(one(3.0), [one(0.0), Activation("sigmoid")])
    assert block.forward(np.full((1, 1, 1, 1), 2.0)).item() == 4.0
    # dz/dx = 3 t + (h - x) t' 0 + (1 - t) = 2
    assert block.backward(np.ones((1, 1, 1, 1))).item() == 2.0
    # dz/dh = t, so dz/dw = t x = 1; dz/d(gate's w) = (h - x) t (1 - t) x = 2
    assert [g.item() for name, g in block.grads.items() if "kernel" in name] == [1.0, 2.0]


def test_scaled_channels_by_hand():
    block = Multiply([Identity(), [GlobalAveragePooling2D()]])
    x = np.array([1.0, 3.0]).reshape(1, 2, 1, 1)  # mean 2
    assert block.forward(x).ravel().tolist() == [2.0, 6.0]
    # dz_i/dx_j = 2 [i = j] + x_i / 2; with g = (1, 1): 2 + (1 + 3) / 2
    assert block.backward(np.ones_like(x)).ravel().tolist() == [4.0, 4.0]


def test_concatenation_keeps_the_order_and_cuts_the_gradient_there():
    block = Concatenate([one(2.0), Identity()])
    assert block.forward(np.full((1, 1, 1, 1), 3.0)).ravel().tolist() == [6.0, 3.0]
    grad = np.array([10.0, 1.0]).reshape(1, 1, 1, 2)
    assert block.backward(grad).item() == 21.0


@pytest.mark.parametrize("name", ["residual", "inverted same"])
def test_blocks_begin_as_their_shortcut(name):
    block = BLOCKS[name][0](4, 4, np.random.default_rng(0))
    x = np.abs(np.random.default_rng(1).normal(size=(2, 4, 4, 4))).astype(np.float32)
    np.testing.assert_array_equal(block.forward(x), x)


def test_a_highway_begins_almost_as_its_input():
    block = highway_block(4, gate_bias=-12.0, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 4)).astype(np.float32)
    np.testing.assert_allclose(block.forward(x), x, atol=0.01)


def test_he_for_depthwise_keeps_the_mean_square():
    kernel = he_depthwise((3, 3, 2000, 1), np.random.default_rng(0))
    assert kernel.var() == pytest.approx(2 / 9, rel=0.05)


def test_names_of_nested_parameters():
    block = residual_block(2, 3, rng=np.random.default_rng(0))
    assert list(block.params) == [
        "0.0.0.kernel", "0.0.0.bias", "0.0.2.kernel", "0.0.2.bias", "0.1.0.kernel", "0.1.0.bias",
    ]  # fmt: skip


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Add([Identity()]), "at least two branches, got 1"),
        (lambda: Multiply([Identity()] * 3), "two branches, got 3"),
        (lambda: squeeze_excite(4, 5, rng=rng()), "ratio from 1 to 4 channels, got 5"),
    ],
)
def test_blocks_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (lambda: Add([conv(2, 3, 1, rng=rng()), Identity()]), "outputs of one shape"),
        (
            lambda: Concatenate([Identity(), Conv2D(2, 2, 3, rng=rng())]),
            "equal sizes but for channels",
        ),
        (
            lambda: Highway(conv(2, 3, 1, rng=rng()), conv(2, 3, 1, rng=rng())),
            "x, transform, gate of one shape",
        ),
        (lambda: Multiply([Identity(), conv(2, 3, 1, rng=rng())]), "one shape, or"),
        (lambda: residual_block(3, 3, rng=rng()), r"expected images \(N, H, W, 3\)"),
        (lambda: u_net(2, (2, 2), rng=rng()), "equal sizes but for channels"),
    ],
)
def test_shapes_that_do_not_fit(block, message):
    with pytest.raises(ValueError, match=message):
        block().forward(np.ones((1, 5, 5, 2), np.float32))


def test_a_deep_stack_of_residual_blocks_learns():
    r = rng()
    x = r.normal(size=(40, 4, 4, 1)).astype(np.float32)
    y = (x.mean(axis=(1, 2)) > 0).astype(np.float32)
    layers = [*conv(1, 4, 3, rng=r), *[residual_block(4, 4, rng=r) for _ in range(20)]]
    model = Sequential([*layers, GlobalAveragePooling2D(), Dense(4, 1, rng=r)])
    from twice.scratch.gradient_descent import SGD

    losses = model.fit(x, y, loss=MeanSquaredError(), optimizer=SGD(0.05), epochs=15, rng=r,
                       verbose=False).history["loss"]  # fmt: skip
    assert losses[-1] < 0.5 * losses[0]
