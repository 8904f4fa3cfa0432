"""Augmentation: what happens to the pixels, what to the labels, and what to neither."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import affine_transform

from twice.parity import keras
from twice.scratch.augmentation import (
    Pipeline,
    RandomColorJitter,
    RandomErasing,
    RandomNoise,
)
from twice.scratch.losses import one_hot
from twice.scratch.warps import (
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    affine_warp,
)

SCIPY = {"reflect": "reflect", "nearest": "nearest", "constant": "grid-constant"}


def rng(seed=0):
    return np.random.default_rng(seed)


def photos(n=6, height=8, width=10, channels=3, dtype=np.float32, seed=0):
    return rng(seed).random((n, height, width, channels)).astype(dtype), np.arange(n)


def everything(seed=0):
    """One of each, all of which keep pixels within [0, 1]."""
    r = rng(seed)
    return [
        RandomFlip(rng=r),
        RandomTranslation(0.3, 0.2, rng=r),
        RandomRotation(0.5, "constant", 1.0, rng=r),
        RandomZoom(0.4, 0.2, "nearest", rng=r),
        RandomNoise(0.5, (0, 1), rng=r),
        RandomColorJitter(0.5, 0.5, 0.5, rng=r),
        RandomErasing(0.9, fill_value=0.5, rng=r),
    ]


def test_everything_keeps_its_input_its_shape_and_its_dtype():
    for dtype in (np.float32, np.float64):
        x, y = photos(dtype=dtype)
        y = one_hot(y, 6, dtype)
        for augment in everything():
            before = x.copy(), y.copy()
            z, label = augment(x, y)
            assert z.shape == x.shape
            assert z.dtype == dtype
            assert label.shape == y.shape
            assert label.dtype == dtype
            assert not np.shares_memory(z, x)
            assert not np.array_equal(z, x)
            np.testing.assert_array_equal(x, before[0])
            np.testing.assert_array_equal(y, before[1])
            assert z.min() > -1e-6
            assert z.max() < 1 + 1e-6


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7), st.just(3)),
    seed=st.integers(0, 99),
)
def test_any_image_fits_and_stays_between_0_and_1(shape, seed):
    x, y = rng(seed).random(shape).astype(np.float32), np.ones((shape[0], 1), np.float32)
    z, label = Pipeline(everything(seed))(x, y)
    assert z.shape == shape
    assert -1e-5 < z.min() <= z.max() < 1 + 1e-5
    np.testing.assert_allclose(label, 1, rtol=1e-6)


def test_the_same_rng_draws_the_same_and_every_image_gets_its_own():
    image, _ = photos(1)
    x, y = image.repeat(20, axis=0), one_hot(np.arange(20), 20)
    for one, other in zip(everything(3), everything(3), strict=True):
        z, label = one(x, y)
        np.testing.assert_array_equal(label, y)
        np.testing.assert_array_equal(z, other(x, y)[0])
        assert len(np.unique(z, axis=0)) >= (2 if isinstance(one, RandomFlip) else 15)
        assert not np.array_equal(z, one(x, y)[0])  # and another in the next epoch
        other(x, y)


# --- the warp


def by_loops(x, matrix, shift, value):
    """The definition, pixel by pixel, with `value` all around."""
    z = np.zeros_like(x)
    n, height, width, _ = x.shape
    middle = np.array([height - 1, width - 1]) / 2
    for i in range(n):
        for r in range(height):
            for c in range(width):
                row, column = matrix[i] @ (np.array([r, c]) - middle) + middle + shift[i]
                for a in range(-40, 40):
                    for b in (int(np.floor(column)), int(np.floor(column)) + 1):
                        share = max(0, 1 - abs(row - a)) * max(0, 1 - abs(column - b))
                        inside = 0 <= a < height and 0 <= b < width
                        z[i, r, c] += share * (x[i, a, b] if inside else value)
    return z


def test_the_warp_is_its_definition():
    x, _ = photos(3, 4, 5, 2, np.float64)
    matrix, shift = rng(1).normal(size=(3, 2, 2)), rng(2).normal(size=(3, 2))
    found = affine_warp(x, matrix, shift, "constant", 0.3)
    np.testing.assert_allclose(found, by_loops(x, matrix, shift, 0.3), atol=1e-12)


@pytest.mark.parametrize("fill_mode", SCIPY)
def test_the_warp_is_that_of_scipy(fill_mode):
    x, _ = photos(5, 7, 10, 1, np.float64)
    matrix, shift = rng(1).normal(size=(5, 2, 2)), 3 * rng(2).normal(size=(5, 2))
    middle = np.array([6, 9]) / 2
    found = affine_warp(x, matrix, shift, fill_mode, 0.3)
    for image, a, t, z in zip(x, matrix, shift, found, strict=True):
        mode = {"mode": SCIPY[fill_mode], "cval": 0.3, "order": 1}
        wanted = affine_transform(image[..., 0], a, middle - a @ middle + t, **mode)
        np.testing.assert_allclose(z[..., 0], wanted, atol=1e-12)


@pytest.mark.parametrize("fill_mode", SCIPY)
@pytest.mark.parametrize("make", [
    lambda fill, r: RandomTranslation((0.2, 0.3), (-0.3, -0.1), *fill, rng=r),
    lambda fill, r: RandomRotation((0.05, 0.2), *fill, rng=r),
    lambda fill, r: RandomZoom((0.1, 0.4), (-0.4, -0.1), *fill, rng=r),
])  # fmt: skip
def test_keras_moves_turns_and_zooms_by_the_same_matrices(make, fill_mode):
    x, y = photos(4, 8, 11, 2)
    found = make((fill_mode, 0.3), rng(5))(x, y)[0]
    matrix, shift = make((fill_mode, 0.3), rng(5)).back(4, 8, 11)
    middle = np.array([7, 10]) / 2
    shift = middle - matrix @ middle + shift
    rows = np.concatenate([matrix, shift[:, :, None]], axis=2)[:, ::-1]  # Keras: x before y
    rows = np.concatenate([rows[..., [1, 0, 2]].reshape(4, 6), np.zeros((4, 2))], axis=1)
    theirs = keras.ops.image.affine_transform(
        x, rows.astype(np.float32), fill_mode=fill_mode, fill_value=0.3, data_format="channels_last"
    )
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(theirs), atol=1e-4)


FIXED = (
    (RandomTranslation, "RandomTranslation", {"height_factor": (0.25, 0.25),
                                              "width_factor": (-0.2, -0.2)}),
    (RandomRotation, "RandomRotation", {"factor": (0.07, 0.07)}),
    (RandomZoom, "RandomZoom", {"height_factor": (0.3, 0.3)}),
    (RandomZoom, "RandomZoom", {"height_factor": (-0.3, -0.3), "width_factor": (0.2, 0.2)}),
)  # fmt: skip


@pytest.mark.parametrize(("ours", "name", "settings"), FIXED)
@pytest.mark.parametrize("fill_mode", SCIPY)
def test_a_draw_without_choice_gives_what_the_layer_of_keras_gives(ours, name, settings, fill_mode):
    x, y = photos(3, 8, 11, 2)
    settings = settings | {"fill_mode": fill_mode, "fill_value": 0.3}
    layer = getattr(keras.layers, name)(**settings, data_format="channels_last")
    theirs = keras.ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(ours(**settings, rng=rng())(x, y)[0], theirs, atol=1e-4)


def test_a_quarter_turn_counterclockwise():
    x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    z, _ = RandomRotation((0.25, 0.25), rng=rng())(x, [0])
    np.testing.assert_allclose(z[0, :, :, 0], [[2, 4], [1, 3]], atol=1e-12)


def test_a_shift_down_and_half_a_pixel_to_the_left():
    x = np.array([[0.0, 2.0, 4.0, 6.0], [1.0, 3.0, 5.0, 7.0]]).reshape(1, 2, 4, 1)
    down, left = (0.5, 0.5), (-0.125, -0.125)
    z, _ = RandomTranslation(down, left, "constant", rng=rng())(x, [0])
    assert z[0, :, :, 0].tolist() == [[0, 0, 0, 0], [1, 3, 5, 3]]
    z, _ = RandomTranslation(down, left, "reflect", rng=rng())(x, [0])
    assert z[0, :, :, 0].tolist() == [[1, 3, 5, 6], [1, 3, 5, 6]]


def test_the_edge_is_mirrored_again_and_again():
    x = np.arange(3.0).reshape(1, 1, 3, 1)
    for shift, wanted in ((3, [2, 1, 0]), (-3, [2, 1, 0]), (6, [0, 1, 2]), (-7, [0, 0, 1])):
        moved = affine_warp(x, np.eye(2)[None], (0, shift), "reflect")
        assert moved.ravel().tolist() == wanted


def test_zooming_out_makes_smaller_and_one_draw_keeps_proportions():
    x = np.zeros((8, 33, 33, 1))
    x[:, 8:25, 8:25] = 1
    y = np.arange(8)
    z, _ = RandomZoom((0.1, 0.9), fill_mode="constant", rng=rng())(x, y)
    assert (z.sum(axis=(1, 2, 3)) < 0.95 * 17**2).all()
    np.testing.assert_allclose(z[..., 0], z[..., 0].transpose(0, 2, 1), atol=1e-12)
    z, _ = RandomZoom((0.1, 0.9), (-0.4, -0.1), "constant", rng=rng())(x, y)
    high, wide = (
        (z[..., 0] > 0.5).any(axis=2).sum(axis=1),
        (z[..., 0] > 0.5).any(axis=1).sum(axis=1),
    )
    assert (high < 17).all()
    assert (wide > 17).all()


def test_no_strength_no_change():
    x, y = photos()
    r = rng()
    for augment in (
        RandomTranslation(0, 0, rng=r),
        RandomRotation(0, rng=r),
        RandomZoom(0, rng=r),
        RandomNoise(0, rng=r),
        RandomErasing(0, rng=r),
    ):
        z, label = augment(x, y)
        np.testing.assert_array_equal(z, x)
        np.testing.assert_array_equal(label, y)
    np.testing.assert_allclose(RandomColorJitter(rng=r)(x, y)[0], x, atol=1e-6)


def test_draws_fill_their_range():
    x, y = np.zeros((4000, 2, 2, 1)), np.zeros(4000)
    matrix, _ = RandomRotation((-0.1, 0.2), rng=rng()).back(4000, 2, 2)
    angle = np.arctan2(matrix[:, 0, 1], matrix[:, 0, 0]) / (2 * np.pi)
    assert -0.1 <= angle.min() < -0.099
    assert 0.199 < angle.max() <= 0.2
    _, shift = RandomTranslation(0.5, (0, 0.25), rng=rng()).back(4000, 10, 20)
    np.testing.assert_allclose(
        [shift.min(axis=0), shift.max(axis=0)], [[-5, -5], [5, 0]], atol=0.02
    )
    z, _ = RandomNoise(0.3, rng=rng())(x, y)
    assert abs(z.std() - 0.3) < 0.02
    assert abs(z.mean()) < 0.02


# --- flips and labels


@pytest.mark.parametrize(
    ("mode", "axes"), [("horizontal", 2), ("vertical", 1), ("horizontal_and_vertical", (1, 2))]
)
def test_a_flip_is_a_coin_for_each_image(mode, axes):
    x, y = photos(1000, 3, 4, 1)
    z, label = RandomFlip(mode, rng=rng())(x, y)
    flipped = (z != x).any(axis=(1, 2, 3))
    assert 400 < flipped.sum() < 600
    np.testing.assert_array_equal(z[flipped], np.flip(x, axes)[flipped])
    np.testing.assert_array_equal(label, y)


def test_keras_flips_both_ways_by_one_coin():
    x, _ = photos(100, 3, 4, 1)
    layer = keras.layers.RandomFlip(seed=1, data_format="channels_last")
    z = keras.ops.convert_to_numpy(layer(x, training=True))
    same, turned = ((z == a).all(axis=(1, 2, 3)) for a in (x, x[:, ::-1, ::-1]))
    assert (same ^ turned).all()
    assert 20 < turned.sum() < 80


def test_labels_follow_the_flip_and_those_without_a_partner_stay():
    b, d, o, e = range(4)
    x, _ = photos(400, 3, 4, 1)
    y = np.arange(400) % 4
    kept = y.copy()
    z, label = RandomFlip("horizontal", labels={b: d, d: b, o: o}, rng=rng())(x, y)
    flipped = (z != x).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(y, kept)
    assert label.dtype == y.dtype
    assert not flipped[y == e].any()
    for old, new in ((b, d), (d, b), (o, o)):
        assert 20 < flipped[y == old].sum() < 80
        assert (label[(y == old) & flipped] == new).all()
        assert (label[(y == old) & ~flipped] == old).all()


def test_a_map_without_classes_flips_nothing():
    x, y = photos()
    z, label = RandomFlip(labels={}, rng=rng())(x, y)
    np.testing.assert_array_equal(z, x)
    np.testing.assert_array_equal(label, y)


# --- colors, rectangles, mixtures


def test_brightness_contrast_and_saturation_by_hand():
    x = np.array([[0.2, 0.4, 0.6], [0.4, 0.4, 0.2]]).reshape(1, 1, 2, 3)

    def jitter(**settings):
        return RandomColorJitter(**settings, rng=rng())(x, [0])[0][0, 0]

    brighter = jitter(brightness_factor=(0.1, 0.1))
    np.testing.assert_allclose(brighter, [[0.3, 0.5, 0.7], [0.5, 0.5, 0.3]])
    harder = jitter(contrast_factor=(1, 1))  # twice as far from 0.3, 0.4, 0.4
    np.testing.assert_allclose(harder, [[0.1, 0.4, 0.8], [0.5, 0.4, 0.0]], atol=1e-12)
    gray = jitter(saturation_factor=(-1, -1))
    one, other = 0.0598 + 0.2348 + 0.0684, 0.1196 + 0.2348 + 0.0228
    np.testing.assert_allclose(gray, [[one] * 3, [other] * 3])
    wide = RandomColorJitter((1, 1), value_range=(0, 255), rng=rng())(x, [0])[0]
    np.testing.assert_allclose(wide, 255)


def test_brightness_and_contrast_are_those_of_keras():
    x, y = photos()
    for settings, layer in (  # Keras draws the contrast from (1 - first, 1 + second)
        ({"brightness_factor": (0.2, 0.2)}, keras.layers.RandomBrightness((0.2, 0.2), (0, 1))),
        ({"contrast_factor": (0.4, 0.4)}, keras.layers.RandomContrast((-0.4, 0.4), (0, 1))),
    ):
        theirs = keras.ops.convert_to_numpy(layer(x, training=True))
        np.testing.assert_allclose(
            RandomColorJitter(**settings, rng=rng())(x, y)[0], theirs, atol=1e-6
        )


def test_gray_images_may_be_brighter_but_not_more_colorful():
    x, y = photos(channels=1)
    assert RandomColorJitter(0.2, 0.2, rng=rng())(x, y)[0].shape == x.shape
    with pytest.raises(ValueError, match=r"3 channels.*\(6, 8, 10, 1\)"):
        RandomColorJitter(saturation_factor=0.1, rng=rng())(x, y)


def test_erasing_takes_one_rectangle_of_the_right_size_anywhere():
    x, y = np.ones((3000, 10, 20, 2)), np.zeros(3000)
    z, _ = RandomErasing(scale=(0.09, 0.25), fill_value=0.5, rng=rng())(x, y)
    assert set(np.unique(z)) == {0.5, 1.0}
    np.testing.assert_array_equal(z[..., 0], z[..., 1])
    gone = z[..., 0] < 1
    high, wide = gone.any(axis=2).sum(axis=1), gone.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(gone.sum(axis=(1, 2)), high * wide)  # it is a rectangle
    assert set(high) == {3, 4, 5}
    assert set(wide) == set(range(6, 11))
    for axis, size in ((2, 10), (1, 20)):
        inside = gone.any(axis=axis)
        assert (np.abs(np.diff(inside, axis=1)).sum(axis=1) <= 2).all()  # without a gap
        assert set(inside.argmax(axis=1)) == set(range(size - inside.sum(axis=1).min() + 1))
    share = (RandomErasing(0.3, rng=rng())(x, y)[0] < 1).any(axis=(1, 2, 3)).mean()
    assert 0.26 < share < 0.34
    whole, _ = RandomErasing(scale=(1, 1), rng=rng())(x[:5], y[:5])
    assert (whole == 0).all()
    dots, _ = RandomErasing(scale=(0, 0), rng=rng())(x[:5], y[:5])
    assert (1 - dots[..., 0]).sum(axis=(1, 2)).tolist() == [1] * 5


def test_a_pipeline_is_one_after_the_other():
    x, y = photos()
    z, label = Pipeline([lambda x, y: (x + 1, y + 1), lambda x, y: (2 * x, 2 * y)])(x, y)
    np.testing.assert_allclose(z, 2 * (x + 1))
    np.testing.assert_array_equal(label, 2 * (y + 1))
    r, s = rng(4), rng(4)
    z, _ = Pipeline([RandomFlip(rng=r), RandomRotation(0.1, rng=r)])(x, y)
    np.testing.assert_array_equal(z, RandomRotation(0.1, rng=s)(*RandomFlip(rng=s)(x, y))[0])


# --- bad input


@pytest.mark.parametrize("augment", everything(), ids=lambda a: type(a).__name__)
def test_a_batch_that_is_none_is_refused(augment):
    x, y = photos()
    y = one_hot(y, 6)
    for bad in (x[0], x[..., 0], x[:0], (255 * x).astype(np.uint8)):
        with pytest.raises(ValueError, match=r"expected images \(N, H, W, C\) of floats"):
            augment(bad, y[: len(bad)])
    for bad in (y[:5], 3):
        with pytest.raises(ValueError, match=r"expected 6 labels for x \(6, 8, 10, 3\)"):
            augment(x, bad)


@pytest.mark.parametrize(("make", "told"), [
    (lambda r: RandomFlip("sideways", rng=r), r"'vertical'.*'sideways'"),
    (lambda r: RandomFlip(labels={"b": "d"}, rng=r), "whole numbers, got 'b'"),
    (lambda r: RandomFlip(labels={1: 2.5}, rng=r), "whole numbers, got 2.5"),
    (lambda r: RandomTranslation(1.5, 0, rng=r), r"height_factor within \[-1, 1\], got -?1.5"),
    (lambda r: RandomTranslation(0, (0.3, 0.1), rng=r), r"width_factor .*got \(0.3, 0.1\)"),
    (lambda r: RandomTranslation(0, (0, 0.1, 0.2), rng=r), "width_factor"),
    (lambda r: RandomRotation(float("nan"), rng=r), "factor to be a finite number, got nan"),
    (lambda r: RandomRotation("far", rng=r), "factor to be a finite number, got 'far'"),
    (lambda r: RandomRotation(-0.1, rng=r), "factor >= 0, or a pair"),
    (lambda r: RandomRotation(0.1, "wrap", rng=r), "'constant', got 'wrap'"),
    (lambda r: RandomRotation(0.1, "constant", None, rng=r), "fill_value .*None"),
    (lambda r: RandomZoom(1, rng=r), "height_factor within"),
    (lambda r: RandomZoom(0.1, 2, rng=r), "width_factor within"),
    (lambda r: RandomNoise(-1, rng=r), "stddev within"),
    (lambda r: RandomNoise((1, 2), rng=r), "stddev to be a finite number"),
    (lambda r: RandomNoise(1, (1, 0), rng=r), "value_range"),
    (lambda r: RandomColorJitter(2, rng=r), "brightness_factor within"),
    (lambda r: RandomColorJitter(0, 2, rng=r), "contrast_factor within"),
    (lambda r: RandomColorJitter(0, 0, (-2, 0), rng=r), "saturation_factor within"),
    (lambda r: RandomErasing(1.1, rng=r), r"factor within \[0, 1\], got 1.1"),
    (lambda r: RandomErasing(scale=(0.5, 0.2), rng=r), "scale"),
    (lambda r: RandomErasing(fill_value="x", rng=r), "fill_value"),
    (lambda r: RandomFlip(rng=7), "np.random.Generator, got 7"),
    (lambda r: Pipeline([]), r"expected functions of \(x, y\), got \[\]"),
    (lambda r: Pipeline([RandomFlip(rng=r), 3]), "expected functions"),
])  # fmt: skip
def test_a_wrong_setting_is_heard_at_once(make, told):
    with pytest.raises(ValueError, match=told):
        make(rng())


def test_labels_of_the_wrong_kind():
    x, y = photos()
    with pytest.raises(ValueError, match=r"whole numbers, got \(6, 6\) of float32"):
        RandomFlip(labels={1: 1}, rng=rng())(x, one_hot(y, 6))
    with pytest.raises(ValueError, match=r"matrix \(N, 2, 2\), got .*\(2, 2\)"):
        affine_warp(x, np.eye(2))
