"""Convolution and its relatives: worked numbers, gradients, Keras and SciPy beside them."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import signal

from benchmarks import cnn
from twice import parity
from twice.parity import keras
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.conv_layers import (
    Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
    UpSampling2D,
)
from twice.scratch.convolution import Conv2D
from twice.scratch.costs import costs, receptive_field
from twice.scratch.gradcheck import gradcheck
from twice.scratch.lenet import lenet
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import AveragePooling2D, GlobalAveragePooling2D, MaxPooling2D
from twice.scratch.windows import output_size, pair

seeds = st.integers(0, 2**32 - 1)
paddings = st.sampled_from(["valid", "same"])
small = st.integers(1, 3)


def fresh(seed=0):
    return {"rng": np.random.default_rng(seed), "dtype": np.float64}


def fits(sides, kernel_size, padding, dilation_rate):
    reach = [d * (k - 1) + 1 for d, k in zip(dilation_rate, kernel_size, strict=True)]
    return padding == "same" or all(m <= n for m, n in zip(reach, sides, strict=True))


def scattered(layer, seed=0):
    """The layer with a bias that is not 0."""
    rng = np.random.default_rng(seed)
    for name, p in layer.params.items():
        if name.endswith("bias"):
            p[...] = rng.normal(size=p.shape)
    return layer


# ---- where the window stands -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((5, 3), (3, 0, 0)),
        ((28, 5, 1, "same"), (28, 2, 2)),
        ((7, 3, 2), (3, 0, 0)),
        ((8, 3, 2), (3, 0, 0)),  # the last column is never looked at
        ((7, 3, 2, "same"), (4, 1, 1)),
        ((8, 3, 2, "same"), (4, 0, 1)),  # the odd zero comes after
        ((6, 4, 1, "same"), (6, 1, 2)),
        ((5, 1, 3, "same"), (2, 0, 0)),  # no zeros are ever taken away
        ((10, 3, 1, "valid", 3), (4, 0, 0)),
        ((10, 3, 1, "same", 3), (10, 3, 3)),
    ],
)
def test_positions_and_zeros_by_hand(arguments, expected):
    assert output_size(*arguments) == expected


@given(size=st.integers(1, 40), k=st.integers(1, 7), s=st.integers(1, 5), d=small, padding=paddings)
def test_positions_are_those_one_can_count(size, k, s, d, padding):
    reach = d * (k - 1) + 1
    assume(padding == "same" or reach <= size)
    positions, before, after = output_size(size, k, s, padding, d)
    total = size + before + after
    assert positions == len([p for p in range(0, total - reach + 1, s)])
    if padding == "same":
        assert positions == -(-size // s)
        assert 0 <= after - before <= 1
    else:
        assert before == after == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 3, 0), r"strides.* >= 1.*got \(5, 3, 0, 1\)"),
        ((5, 0), r">= 1.*got \(5, 0, 1, 1\)"),
        ((5, 3, 1, "full"), "'valid' or 'same'.*'full'"),
        ((4, 5), "over 5 pixels does not fit into 4"),
        ((6, 3, 1, "valid", 3), "over 7 pixels does not fit into 6"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        output_size(*arguments)


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", (1, 2, 3), (3,), (3, 0), None])
def test_a_pair_is_one_or_two_whole_numbers(value):
    with pytest.raises(ValueError, match="whole number"):
        pair(value)


def test_a_pair_of_numpy_numbers_is_fine():
    assert pair(np.int64(3)) == (3, 3)
    assert pair([3, 5]) == (3, 5)


# ---- convolution by hand -----------------------------------------------------------------------

IMAGE = np.array([[1, 2, 0], [0, 1, 3], [2, 1, 1]], dtype=float)
KERNEL = np.array([[1, -1], [2, 0]], dtype=float)


def plain(kernel, **window):
    layer = Conv2D(1, 1, kernel.shape, **window, **fresh())
    layer.params["kernel"][...] = kernel[:, :, None, None]
    return layer


def test_four_positions_by_hand():
    z = plain(KERNEL).forward(IMAGE[None, :, :, None])[0, :, :, 0]
    # top left: 1*1 - 2 + 2*0 + 0*1; beside it: 2 - 0 + 2*1; below: 0 - 1 + 2*2, 1 - 3 + 2*1
    assert z.tolist() == [[-1, 4], [3, 0]]


def test_gradients_by_hand():
    layer = plain(KERNEL)
    layer.forward(IMAGE[None, :, :, None])
    back = layer.backward(np.array([[1.0, 0], [0, 2]])[None, :, :, None])[0, :, :, 0]
    # each output's gradient stamps the kernel where its window stood
    assert back.tolist() == [[1, -1, 0], [2, 2, -2], [0, 4, 0]]
    found = layer.grads["kernel"][:, :, 0, 0]
    assert found.tolist() == [[1 + 2 * 1, 2 + 2 * 3], [0 + 2 * 1, 1 + 2 * 1]]
    assert layer.grads["bias"].tolist() == [3]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(3, 3), (2, 4), (1, 1), (4, 5)])
def test_plain_correlation_is_scipys(padding, size):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(9, 8)), rng.normal(size=size)
    z = plain(kernel, padding=padding).forward(x[None, :, :, None])[0, :, :, 0]
    zeros = [output_size(n, k, 1, padding)[1:] for n, k in zip(x.shape, size, strict=True)]
    expected = signal.correlate2d(np.pad(x, zeros), kernel, mode="valid")
    np.testing.assert_allclose(z, expected, atol=1e-12)
    flipped = plain(kernel[::-1, ::-1], padding=padding).forward(x[None, :, :, None])
    expected = signal.convolve2d(np.pad(x, zeros), kernel, mode="valid")
    np.testing.assert_allclose(flipped[0, :, :, 0], expected, atol=1e-12)


def naive(x, kernel, bias, groups, strides, dilation, zeros):
    """Seven loops, one number at a time."""
    x = np.pad(x, [(0, 0), *zeros, (0, 0)])
    rows, columns, depth, filters = kernel.shape
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, (rows, columns), strict=True)]
    sides = [(n - m) // s + 1 for n, m, s in zip(x.shape[1:3], reach, strides, strict=True)]
    z = np.zeros((len(x), *sides, filters))
    for n, r, c, f in np.ndindex(z.shape):
        z[n, r, c, f] = bias[f]
        first = f // (filters // groups) * depth
        for i, j, k in np.ndindex(rows, columns, depth):
            row, column = r * strides[0] + i * dilation[0], c * strides[1] + j * dilation[1]
            z[n, r, c, f] += x[n, row, column, first + k] * kernel[i, j, k, f]
    return z


@settings(deadline=None, max_examples=60)
@given(
    seed=seeds,
    sides=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    kernel_size=st.tuples(small, small),
    strides=st.tuples(small, small),
    dilation_rate=st.tuples(small, small),
    padding=paddings,
    groups=st.sampled_from([1, 2, 3]),
    depth=st.sampled_from([1, 2, 9]),  # up to 7 channels are copied one way, more the other
)
def test_values_and_gradients_for_random_windows(
    seed, sides, kernel_size, strides, dilation_rate, padding, groups, depth
):
    window = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    assume(fits(sides, kernel_size, padding, dilation_rate))
    layer = Conv2D(groups * depth, 2 * groups, kernel_size, groups=groups, **window, **fresh(seed))
    scattered(layer, seed)
    x = np.random.default_rng(seed).normal(size=(2, *sides, groups * depth))
    z = layer.forward(x)
    kernel, bias = layer.params.values()
    np.testing.assert_allclose(
        z, naive(x, kernel, bias, groups, strides, dilation_rate, layer.zeros), atol=1e-10
    )
    report = gradcheck(layer, x, coordinates=12, rng=np.random.default_rng(seed))
    assert report.ok, f"{layer!r}\n{report}"


# ---- the relatives -----------------------------------------------------------------------------


def test_depthwise_is_a_convolution_with_as_many_groups_as_channels():
    x = np.random.default_rng(1).normal(size=(2, 6, 7, 3))
    window = {"strides": (2, 1), "padding": "same", "dilation_rate": (1, 2)}
    each = scattered(DepthwiseConv2D(3, (3, 2), depth_multiplier=2, **window, **fresh()))
    grouped = Conv2D(3, 6, (3, 2), groups=3, **window, **fresh())
    grouped.params["kernel"][...] = each.params["kernel"].reshape(3, 2, 1, 6)
    grouped.params["bias"][...] = each.params["bias"]
    z = each.forward(x)
    np.testing.assert_allclose(z, grouped.forward(x), atol=1e-12)
    grad = np.random.default_rng(2).normal(size=z.shape)
    np.testing.assert_allclose(each.backward(grad), grouped.backward(grad), atol=1e-12)
    for name in ("kernel", "bias"):
        theirs = grouped.grads[name].reshape(each.grads[name].shape)
        np.testing.assert_allclose(each.grads[name], theirs, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("kernel_size", "strides", "dilation_rate"),
    [(3, 1, 1), (3, 2, 1), (2, 3, 1), (4, 2, 1), (1, 2, 1), ((2, 3), (3, 1), 1), (3, 2, 2)],
)
def test_transposed_is_the_way_back_of_a_convolution(padding, kernel_size, strides, dilation_rate):
    window = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    up = Conv2DTranspose(3, 2, kernel_size, use_bias=False, **window, **fresh())
    x = np.random.default_rng(1).normal(size=(2, 4, 5, 3))
    z = up.forward(x)
    down = Conv2D(2, 3, kernel_size, use_bias=False, **window, **fresh())
    down.params["kernel"][...] = up.params["kernel"]
    assert down.forward(np.zeros_like(z)).shape == x.shape
    np.testing.assert_allclose(z, down.backward(x), atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(
    seed=seeds,
    sides=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    kernel_size=st.tuples(small, small),
    strides=st.tuples(small, small),
    dilation_rate=st.tuples(small, small),
    padding=paddings,
    kind=st.sampled_from([DepthwiseConv2D, SeparableConv2D, Conv2DTranspose]),
)
def test_gradients_of_the_relatives(
    seed, sides, kernel_size, strides, dilation_rate, padding, kind
):
    window = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    assume(kind is Conv2DTranspose or fits(sides, kernel_size, padding, dilation_rate))
    sizes = (2, kernel_size) if kind is DepthwiseConv2D else (2, 3, kernel_size)
    layer = kind(*sizes, **window, **fresh(seed))
    x = np.random.default_rng(seed).normal(size=(2, *sides, 2))
    report = gradcheck(layer, x, coordinates=12, rng=np.random.default_rng(seed))
    assert report.ok, f"{layer!r}\n{report}"


def test_upsampling_repeats_pixels_and_sums_gradients():
    x = np.arange(4.0).reshape(1, 2, 2, 1)
    layer = UpSampling2D((1, 2))
    assert layer.forward(x)[0, :, :, 0].tolist() == [[0, 0, 1, 1], [2, 2, 3, 3]]
    assert layer.backward(np.ones((1, 2, 4, 1)))[0, :, :, 0].tolist() == [[2, 2], [2, 2]]
    assert gradcheck(UpSampling2D(3), np.random.default_rng(0).normal(size=(2, 2, 3, 2))).ok
    with pytest.raises(ValueError, match=r"\(N, H, W, C\), got \(3, 4\)"):
        layer.forward(np.zeros((3, 4)))


# ---- Keras beside them -------------------------------------------------------------------------


def compare_with_keras(layer, sides, *sizes, n_in=3, **window):
    x = np.random.default_rng(1).normal(size=(3, *sides, n_in))
    with parity.float64():
        theirs = getattr(keras.layers, type(layer).__name__)(*sizes, **window)
        twin = keras.Sequential([keras.Input((*sides, n_in)), theirs])
        y = np.random.default_rng(2).normal(size=layer.forward(x).shape)
        settings = {"loss": MeanSquaredError(), "keras_loss": "mse", "verbose": False}
        return parity.compare(layer, twin, x, y, **settings)


@pytest.mark.parametrize("sides", [(9, 8), (7, 11), (5, 4)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("kind", "kernel_size", "strides"),
    [
        *((Conv2D, k, s) for k, s in [(3, 1), (3, 2), (2, 2), (4, 3), ((2, 3), (3, 1))]),
        *((DepthwiseConv2D, k, s) for k, s in [(3, 1), (3, 2), (2, 1)]),
        *((SeparableConv2D, k, s) for k, s in [(3, 1), (2, 2)]),
        *((Conv2DTranspose, k, s) for k, s in [(3, 1), (3, 2), (2, 2), (2, 3), (4, 2)]),
    ],
)
def test_parity_with_keras(kind, kernel_size, strides, padding, sides):
    window = {"kernel_size": kernel_size, "strides": strides, "padding": padding}
    sizes = (3,) if kind is DepthwiseConv2D else (3, 4)
    layer = scattered(kind(*sizes, **window, **fresh()))
    table = compare_with_keras(layer, sides, *sizes[1:], **window)
    assert table.largest < 1e-8
    assert [row[0] for row in table][:2] == ["outputs", "loss"]
    assert len(table) == 2 + 2 * len(layer.params)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("dilation_rate", [2, (1, 3)])
def test_parity_of_dilation(padding, dilation_rate):
    window = {"kernel_size": 3, "padding": padding, "dilation_rate": dilation_rate}
    layer = scattered(Conv2D(3, 4, **window, **fresh()))
    assert compare_with_keras(layer, (9, 8), 4, **window).largest < 1e-8


def test_parity_of_the_whole_lenet():
    model = lenet((12, 12, 1), 4, kernel_size=3, **fresh())
    for layer in model.layers:
        scattered(layer)
    with parity.float64():
        twin = cnn.keras_lenet((12, 12, 1), 4, kernel_size=3)
        rng = np.random.default_rng(3)
        x, y = rng.normal(size=(5, 12, 12, 1)), rng.integers(0, 4, 5)
        table = parity.compare(
            model,
            twin,
            x,
            y,
            loss=SparseCategoricalCrossentropy(from_logits=True),
            keras_loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            verbose=False,
        )
    assert table.largest < 1e-8
    assert len(table) == 2 + 2 * 10


# ---- shapes, dtypes, refusals ------------------------------------------------------------------

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: Conv2D(3, 4, 3, rng=rng), (2, 8, 8, 1), r"N, H, W, 3.*\(3, 3, 3, 4\).*2, 8, 8, 1"),
        (lambda: Conv2D(3, 4, 3, rng=rng), (8, 8, 3), r"N, H, W, 3.*got \(8, 8, 3\)"),
        (lambda: Conv2D(1, 4, 5, rng=rng), (2, 4, 9, 1), r"5x5.*2, 4, 9, 1.*5 pixels.*into 4"),
        (lambda: Conv2D(1, 4, 3, dilation_rate=4, rng=rng), (2, 9, 8, 1), "9 pixels.*into 8"),
        (lambda: DepthwiseConv2D(2, 3, rng=rng), (1, 5, 5, 3), r"N, H, W, 2.*5, 5, 3"),
        (lambda: SeparableConv2D(2, 3, 3, rng=rng), (1, 5, 5, 3), r"N, H, W, 2.*5, 5, 3"),
        (lambda: Conv2DTranspose(2, 3, 3, rng=rng), (1, 5, 5, 3), r"N, H, W, 2.*5, 5, 3"),
    ],
)
def test_images_that_do_not_fit_are_refused_with_both_shapes(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make().forward(np.zeros(shape))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(1, 4, 3, strides=0, rng=rng), "whole number >= 1.*got 0"),
        (lambda: Conv2D(1, 4, 0, rng=rng), "whole number >= 1.*got 0"),
        (lambda: Conv2D(1, 4, 3, padding="full", rng=rng), "'valid' or 'same'.*'full'"),
        (lambda: Conv2D(3, 4, 3, groups=2, rng=rng), "groups 2 must divide n_in 3.*filters 4"),
        (lambda: Conv2D(0, 4, 3, rng=rng), "n_in, filters >= 1, got 0 and 4"),
        (lambda: Conv2DTranspose(2, 0, 3, rng=rng), "got 2 and 0"),
        (lambda: DepthwiseConv2D(2, 3, depth_multiplier=0, rng=rng), ">= 1, got 2 and 0"),
        (lambda: lenet((4, 4, 1), rng=rng), "5 pixels does not fit into 2"),
    ],
)
def test_layers_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", [Conv2D, SeparableConv2D, Conv2DTranspose])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_that_of_the_kernel(kind, dtype):
    layer = kind(2, 3, 3, rng=rng, dtype=dtype)
    z = layer.forward(np.zeros((1, 5, 5, 2), np.float64))
    assert z.dtype == layer.backward(np.ones_like(z)).dtype == dtype
    assert {g.dtype for g in layer.grads.values()} == {np.dtype(dtype)}


def test_the_first_layer_tells_nobody_below():
    for layer in (
        Conv2D(1, 2, 3, rng=rng),
        Conv2DTranspose(1, 2, 3, rng=rng),
        SeparableConv2D(1, 2, 3, rng=rng),
    ):
        z = layer.forward(rng.normal(size=(2, 6, 6, 1)))
        layer.backward(np.ones_like(z))
        before = {name: g.copy() for name, g in layer.grads.items()}
        assert layer.backward(np.ones_like(z), input_gradient=False) is None
        for name, g in layer.grads.items():
            np.testing.assert_array_equal(g, before[name])


def test_without_a_bias_there_is_none():
    layer = Conv2D(1, 2, 3, use_bias=False, rng=rng)
    z = layer.forward(np.zeros((1, 4, 4, 1)))
    layer.backward(z)
    assert list(layer.params) == list(layer.grads) == ["kernel"]
    assert list(SeparableConv2D(1, 2, 3, rng=rng).params) == ["0.kernel", "1.kernel", "1.bias"]


def test_the_input_is_left_as_it_was():
    x = rng.normal(size=(1, 5, 5, 8)).astype(np.float32)
    before = x.copy()
    layer = Conv2D(8, 2, 3, padding="same", rng=rng)
    layer.backward(layer.forward(x))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Conv2D(1, 6, 5, padding="same", rng=rng), "Conv2D(1, 6, 5x5, same)"),
        (Conv2D(1, 6, (5, 3), strides=2, rng=rng), "Conv2D(1, 6, 5x3/2)"),
        (Conv2D(1, 6, 3, strides=(1, 2), rng=rng), "Conv2D(1, 6, 3x3/1x2)"),
        (Conv2D(1, 6, 3, dilation_rate=2, rng=rng), "Conv2D(1, 6, 3x3, dilation 2)"),
        (MaxPooling2D(2), "MaxPooling2D(2x2/2)"),
        (UpSampling2D(2), "UpSampling2D(2x2)"),
    ],
)
def test_a_layer_says_what_it_is(layer, text):
    assert repr(layer) == text


# ---- what it costs -----------------------------------------------------------------------------


def test_the_costs_of_lenet_by_hand():
    found = costs(lenet(rng=rng), (28, 28, 1))
    assert sum(c.parameters for c in found) == 156 + 2416 + 48120 + 10164 + 850 == 61706
    first, pool, second = found[0], found[2], found[3]
    assert first.output_shape == (28, 28, 6)
    assert first.flops == 2 * 25 * 6 * 28 * 28
    assert pool.flops == 4 * 6 * 14 * 14
    assert second.flops == 2 * 25 * 6 * 16 * 10 * 10
    assert second.activations == 10 * 10 * 16
    assert [c.flops for c in found[-1:]] == [2 * 84 * 10]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Conv2D(4, 6, 3, groups=2, strides=2, rng=rng), 2 * 9 * 2 * 6 * 4 * 4),
        (DepthwiseConv2D(4, 3, rng=rng), 2 * 9 * 4 * 7 * 7),
        (Conv2DTranspose(4, 5, 3, strides=2, rng=rng), 2 * 9 * 4 * 5 * 9 * 9),
        (AveragePooling2D(3, 2), 9 * 4 * 4 * 4),
        (GlobalAveragePooling2D(), 9 * 9 * 4),
        (Activation("relu"), 0),
    ],
)
def test_flops_of_a_layer_by_hand(layer, expected):
    assert [c.flops for c in costs(layer, (9, 9, 4))] == [expected]


def test_blocks_are_opened_and_the_model_stays_as_it_was():
    block = SeparableConv2D(2, 5, 3, padding="same", rng=rng)
    model = Sequential([block, Activation("relu"), GlobalAveragePooling2D(), Dense(5, 3, rng=rng)])
    found = costs(model, (6, 7, 2))
    assert [c.parameters for c in found] == [18, 15, 0, 0, 18]
    assert found[0].flops + found[1].flops == 2 * 6 * 7 * (18 + 10)
    assert all("forward" not in vars(layer) for layer in [*model.layers, *block.layers])
    with pytest.raises(ValueError, match="N, H, W, 2"):
        costs(model, (6, 7, 3))
    assert "forward" not in vars(block.layers[0])


@pytest.mark.parametrize("layer", [UpSampling2D(2), Conv2DTranspose(1, 1, 4, **fresh())])
def test_the_receptive_field_refuses_layers_that_enlarge(layer):
    with pytest.raises(ValueError, match="keep or shrink"):
        receptive_field([layer])


@settings(deadline=None, max_examples=30)
@given(
    steps=st.lists(st.tuples(small, small, small), min_size=1, max_size=4),
)
def test_the_receptive_field_is_what_a_unit_hears(steps):
    """Move every pixel of a row: the unit changes for those in its field and for no other."""
    layers = [
        Conv2D(1, 1, (k, 1), strides=(s, 1), dilation_rate=(d, 1), **fresh()) for k, s, d in steps
    ]
    for layer in layers:
        layer.params["kernel"][...] = 1
    (reach, jump) = receptive_field(layers)[-1]
    x = np.zeros((1, reach + jump, 1, 1))
    model = Sequential(layers)
    assert model.forward(x).shape[1] == 2
    grad = np.zeros((1, 2, 1, 1))
    for unit in (0, 1):
        grad[:] = 0
        grad[0, unit] = 1
        heard = np.flatnonzero(model.backward(grad)[0, :, 0, 0])
        assert (heard[0], heard[-1]) == (unit * jump, unit * jump + reach - 1)
