"""Maps of what a network looks at: hand-worked, against differences, and where they must agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.scratch.architectures import resnet
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.looking import (
    activation_maximization,
    class_activation_map,
    grad_cam,
    occlusion,
    pick,
    saliency,
    score_gradient,
)
from twice.scratch.pooling import Flatten, GlobalAveragePooling2D


def network(seed=0, channels=2, classes=3):
    rng = np.random.default_rng(seed)
    model = resnet(channels, classes, (4, 6), 1, rng=rng)
    parity.cast(model, np.float64)
    for p in model.params.values():
        p += rng.normal(0, 0.1, p.shape)
    return model, rng


def mean_model():
    """Score k is w_k times the mean of the one-channel image, plus k."""
    dense = Dense(1, 2, rng=np.random.default_rng(0), dtype=np.float64)
    dense.params["kernel"][:] = [[2.0, -3.0]]
    dense.params["bias"][:] = [0.0, 1.0]
    return Sequential([Activation("linear"), GlobalAveragePooling2D(), dense])


def test_by_hand():
    model, x = mean_model(), np.arange(4.0).reshape(1, 2, 2, 1)
    assert saliency(model, x, 1).ravel().tolist() == [0.75] * 4
    assert class_activation_map(model, x, 0).ravel().tolist() == [0.0, 2.0, 4.0, 6.0]
    assert grad_cam(model, x, 0, 0).ravel().tolist() == [0.0, 0.5, 1.0, 1.5]
    assert grad_cam(model, x, 1, 0).ravel().tolist() == [0.0] * 4  # a negative map is cut off
    # to hide a pixel of value v behind 0 takes w v / 4 away
    hidden = occlusion(model, x[0], 0, size=1, strides=1, value=0.0)
    assert hidden.ravel().tolist() == [0.0, 0.5, 1.0, 1.5]


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 3), st.integers(2, 4), st.integers(4, 7), st.integers(0, 99))
def test_the_gradient_is_that_of_differences(channels, classes, side, seed):
    model, rng = network(seed, channels, classes)
    x, label = rng.normal(size=(2, side, side, channels)), rng.integers(classes, size=2)
    found, step = score_gradient(model, x, label), rng.normal(size=x.shape)
    e = 1e-6
    up, down = model.forward(x + e * step), model.forward(x - e * step)
    change = ((up - down) / (2 * e))[[0, 1], label]
    np.testing.assert_allclose((found * step).sum(axis=(1, 2, 3)), change, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(saliency(model, x, label), abs(found).max(axis=-1))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 99), st.integers(4, 8))
def test_the_map_s_mean_and_the_bias_make_the_score_and_grad_cam_agrees(seed, side):
    model, rng = network(seed)
    x, label = rng.normal(size=(3, side, side, 2)), np.array([0, 2, 1])
    cam = class_activation_map(model, x, label)
    scores = model.forward(x)[range(3), label]
    bias = model.layers[-1].params["bias"][label]
    np.testing.assert_allclose(cam.mean(axis=(1, 2)) + bias, scores, atol=1e-10)
    places = cam.shape[1] * cam.shape[2]
    grad = grad_cam(model, x, label, -3)
    np.testing.assert_allclose(grad, np.maximum(cam, 0) / places, atol=1e-12)


def test_grad_cam_of_any_layer_needs_no_global_pooling():
    rng = np.random.default_rng(0)
    model = Sequential([
        Conv2D(1, 3, 3, padding="same", rng=rng), Activation("relu"), Flatten(),
        Dense(48, 2, rng=rng),
    ])  # fmt: skip
    x = rng.normal(size=(2, 4, 4, 1))
    assert grad_cam(model, x, 0, 1).shape == grad_cam(model, x, 0, -3).shape == (2, 4, 4)
    with pytest.raises(ValueError, match="expected maps"):
        grad_cam(model, x, 0, 2)
    for layer in (4, 99, -5):
        with pytest.raises(ValueError, match=f"4 layers, got layer {layer}"):
            grad_cam(model, x, 0, layer)
    with pytest.raises(ValueError, match="GlobalAveragePooling2D, Dense"):
        class_activation_map(model, x, 0)


def test_occlusion_covers_every_pixel_and_finds_the_one_that_counts():
    rng = np.random.default_rng(0)
    model = Sequential([Flatten(), Dense(35, 2, rng=rng, dtype=np.float64)])
    model.layers[1].params["kernel"][:] = 0
    model.layers[1].params["kernel"][3 * 5 + 2, 1] = 4.0  # the pixel (3, 2)
    image = np.zeros((7, 5, 1))
    image[3, 2] = 1
    found = occlusion(model, image, 1, size=3, strides=2, value=0.0)
    assert found.shape == (7, 5)
    assert np.isfinite(found).all()
    assert found[3, 2] == found.max() == 4.0


@pytest.mark.parametrize(
    "settings", [{"size": 9}, {"size": 2, "strides": 3}, {"size": 2, "strides": 0}]
)
def test_squares_that_do_not_fit_or_leave_gaps(settings):
    with pytest.raises(ValueError, match="expected one image"):
        occlusion(mean_model(), np.zeros((6, 6, 1)), 0, **settings)


def test_a_batch_is_not_an_image():
    with pytest.raises(ValueError, match="expected one image"):
        occlusion(mean_model(), np.zeros((1, 6, 6, 1)), 0, size=2)


@pytest.mark.parametrize("label", [-1, 3, 0.5, [0, 7]])
def test_labels_that_there_are_not(label):
    with pytest.raises(ValueError, match="labels"):
        pick(label, np.zeros((2, 3)))


def test_maps_refuse_such_labels():
    for look in (saliency, class_activation_map):
        with pytest.raises(ValueError, match="labels from 0 to 1"):
            look(mean_model(), np.ones((1, 2, 2, 1)), 2)


def test_activation_maximization_climbs_and_stays_an_image():
    model, rng = network()
    start = rng.uniform(0.4, 0.6, (2, 6, 6, 2))
    kept = start.copy()
    image, values = activation_maximization(model, start, 1, steps=30, learning_rate=0.02)
    np.testing.assert_array_equal(start, kept)
    assert image.shape == start.shape
    assert values.shape == (31, 2)
    assert (values[-1] > values[0]).all()
    assert image.min() >= 0
    assert image.max() <= 1
    np.testing.assert_allclose(values[-1], model.forward(image)[:, 1])


def test_a_map_s_mean_can_be_climbed_too_and_a_penalty_holds_the_image_back():
    model, rng = network()
    maps = Sequential(model.layers[:2])
    start = rng.uniform(0.4, 0.6, (1, 6, 6, 2))
    free, values = activation_maximization(maps, start, 0, steps=30, learning_rate=0.02)
    held, _ = activation_maximization(maps, start, 0, steps=30, learning_rate=0.02, penalty=10.0)
    assert values[-1] > values[0]
    assert abs(held - start).mean() < abs(free - start).mean()
