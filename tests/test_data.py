"""twice.data: shapes, ranges, splits without leakage, the same seed gives the same data."""

import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import data


def rng(seed=0):
    return np.random.default_rng(seed)


GENERATED = {
    "glyphs": lambda n, r: data.glyphs(n, rng=r),
    "shapes": lambda n, r: data.shapes(n, rng=r),
    "xor": lambda n, r: data.xor(n, rng=r),
    "moons": lambda n, r: data.moons(n, rng=r),
    "spirals": lambda n, r: data.spirals(n, rng=r),
    "blobs": lambda n, r: data.blobs(n, rng=r),
    "ring": lambda n, r: data.ring(n, rng=r),
}


def test_importing_the_data_sets_loads_no_heavy_package():
    code = (
        "import sys, twice.data; "
        "print([m for m in ('matplotlib', 'sklearn', 'scipy', 'keras', 'PIL') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_digits_shapes_types_and_range():
    (x_train, y_train), (x_test, y_test) = data.digits()
    assert x_train.shape == (1438, 8, 8, 1)
    assert x_test.shape == (359, 8, 8, 1)
    for x, y in ((x_train, y_train), (x_test, y_test)):
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert x.min() == 0
        assert x.max() == 1
        assert set(y) == set(range(10))
        np.testing.assert_array_equal(x * 16, np.round(x * 16))


def test_digits_split_is_stratified_complete_and_leaks_nothing():
    from sklearn.datasets import load_digits

    (x_train, y_train), (x_test, y_test) = data.digits(test_fraction=0.3, seed=5)
    share = np.bincount(y_test) / (np.bincount(y_train) + np.bincount(y_test))
    assert np.abs(share - 0.3).max() < 0.005

    def rows(x, y):
        return sorted(zip(map(bytes, (x * 16).astype(np.uint8)), y, strict=True))

    pixels, labels = load_digits(return_X_y=True)
    everything = rows(np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test]))
    assert everything == rows(pixels.reshape(-1, 8, 8, 1) / 16, labels)
    train = {image for image, _ in rows(x_train, y_train)}
    assert train.isdisjoint({image for image, _ in rows(x_test, y_test)})


def test_digits_split_depends_on_the_seed_alone():
    first, again, other = data.digits(seed=1), data.digits(seed=1), data.digits(seed=2)
    np.testing.assert_array_equal(first[1][0], again[1][0])
    np.testing.assert_array_equal(first[0][1], again[0][1])
    assert not np.array_equal(first[1][0], other[1][0])


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 1.5, 0.001, "much", np.nan])
def test_digits_rejects_a_fraction_that_empties_a_set(fraction):
    with pytest.raises(ValueError, match="test_fraction"):
        data.digits(test_fraction=fraction)


@pytest.mark.parametrize("name", GENERATED)
@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 60), seed=st.integers(0, 2**32 - 1))
def test_generated_sets_are_reproducible_and_well_formed(name, n, seed):
    x, y = GENERATED[name](n, rng(seed))
    again_x, again_y = GENERATED[name](n, rng(seed))
    np.testing.assert_array_equal(x, again_x)
    np.testing.assert_array_equal(y, again_y)
    assert x.shape == (n, *{"glyphs": (28, 28, 1), "shapes": (32, 32, 3)}.get(name, (2,)))
    assert y.shape == (n,)
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert np.isfinite(x).all()
    assert y.min() >= 0


@pytest.mark.parametrize("name", GENERATED)
def test_another_seed_gives_other_data(name):
    x, _ = GENERATED[name](40, rng(1))
    other, _ = GENERATED[name](40, rng(2))
    assert not np.array_equal(x, other)


@pytest.mark.parametrize("name", GENERATED)
@pytest.mark.parametrize("n", [0, -3, 2.5, "ten", None, True])
def test_generated_sets_reject_a_bad_count(name, n):
    with pytest.raises(ValueError, match="n must be a whole number"):
        GENERATED[name](n, rng())


@pytest.mark.parametrize("name", GENERATED)
@pytest.mark.parametrize("bad", [None, 0, np.random])
def test_generated_sets_ask_for_a_generator(name, bad):
    with pytest.raises(ValueError, match=r"rng must be a NumPy Generator.*got"):
        GENERATED[name](5, bad)


@pytest.mark.parametrize("name", ["xor", "moons", "spirals", "blobs", "ring"])
def test_classes_are_balanced_and_in_random_order(name):
    _, y = GENERATED[name](400, rng())
    counts = np.bincount(y)
    assert counts.max() - counts.min() <= 1
    changes = np.mean(np.diff(y) != 0)  # sorted: nearly 0; in turn: 1
    assert changes == pytest.approx(1 - 1 / len(counts), abs=0.1)


def test_xor_without_noise_is_the_truth_table():
    x, y = data.xor(40, noise=0, rng=rng())
    assert {tuple(map(int, (*p, t))) for p, t in zip(x, y, strict=True)} == {
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
    }


def test_moons_without_noise_lie_on_their_arcs():
    x, y = data.moons(200, noise=0, rng=rng())
    center = np.where(y[:, None] == 0, [0.0, 0.0], [1.0, 0.5])
    np.testing.assert_allclose(np.linalg.norm(x - center, axis=1), 1, atol=1e-6)
    assert (x[y == 0, 1] >= 0).all()
    assert (x[y == 1, 1] <= 0.5 + 1e-6).all()


def test_spirals_without_noise_lie_on_their_arms():
    x, y = data.spirals(300, turns=2, noise=0, classes=3, rng=rng())
    radius = np.linalg.norm(x, axis=1)
    assert radius.min() >= 0.1 - 1e-6
    assert radius.max() <= 1 + 1e-6
    turn = np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) - 2 * radius - y / 3
    np.testing.assert_allclose(turn, np.round(turn), atol=1e-5)


def test_blobs_stand_at_their_centers_with_their_spread():
    centers = np.array([[5.0, 0.0], [-1.0, 3.0], [0.0, -7.0]])
    x, y = data.blobs(9000, centers=centers, spread=0.5, rng=rng())
    for k in range(3):
        np.testing.assert_allclose(x[y == k].mean(axis=0), centers[k], atol=0.05)
        np.testing.assert_allclose(x[y == k].std(axis=0), 0.5, atol=0.03)
    x, y = data.blobs(40, centers=4, spread=0, rng=rng())
    np.testing.assert_allclose(np.unique(x[y == 1], axis=0), [[0, 2]], atol=1e-6)


def test_the_ring_stands_on_its_centers_with_its_spread():
    centers = data.ring_centers(modes=8, radius=2)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 2)
    np.testing.assert_allclose(centers[[0, 1, 2]], [[2, 0], [2**0.5, 2**0.5], [0, 2]], atol=1e-12)
    x, y = data.ring(16_000, spread=0.1, rng=rng())
    for k in range(8):
        np.testing.assert_allclose(x[y == k].mean(axis=0), centers[k], atol=0.01)
        np.testing.assert_allclose(x[y == k].std(axis=0), 0.1, atol=0.006)
    x, y = data.ring(10, modes=5, radius=3, spread=0, rng=rng())
    np.testing.assert_allclose(x, data.ring_centers(modes=5, radius=3)[y], atol=1e-6)
    x, y = data.ring(4000, rng=rng())
    assert (x - centers[y]).std() == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.xor(5, noise=-1, rng=rng()), "noise must be a number of at least 0"),
        (lambda: data.moons(5, noise="no", rng=rng()), "noise must be a number"),
        (lambda: data.spirals(5, classes=1, rng=rng()), "classes must be .* at least 2, got 1"),
        (lambda: data.spirals(5, turns=np.inf, rng=rng()), "turns must be a number"),
        (lambda: data.blobs(5, centers=0, rng=rng()), "centers must be"),
        (lambda: data.blobs(5, centers=[1, 2], rng=rng()), r"shape \(k, 2\), got shape \(2,\)"),
        (lambda: data.blobs(5, spread=-0.1, rng=rng()), "spread must be"),
        (lambda: data.ring(5, modes=0, rng=rng()), "modes must be .* at least 1, got 0"),
        (lambda: data.ring(5, radius=-1, rng=rng()), "radius must be a number of at least 0"),
        (lambda: data.ring(5, spread=np.nan, rng=rng()), "spread must be"),
        (lambda: data.ring_centers(modes=2.5), "modes must be a whole number"),
        (lambda: data.glyphs(5, characters="", rng=rng()), "characters must be a string"),
        (lambda: data.glyphs(5, characters="a b", rng=rng()), "visible characters, got 'a b'"),
        (lambda: data.glyphs(5, characters="aba", rng=rng()), "must all differ, got 'aba'"),
        (lambda: data.glyphs(5, characters=["a"], rng=rng()), "characters must be a string"),
        (lambda: data.glyphs(5, characters="\u4e2d", rng=rng()), "one of matplotlib's text fonts"),
        (lambda: data.glyphs(5, size=4, rng=rng()), "size must be .* at least 8, got 4"),
        (lambda: data.glyphs(5, distortion=-1, rng=rng()), "distortion must be .* from 0 to 2"),
        (lambda: data.shapes(5, objects=0, rng=rng()), "objects must be .* at least 1, got 0"),
        (lambda: data.shapes(5, objects=7, target="mask", rng=rng()), "from 1 to 6.*got 7"),
        (lambda: data.shapes(5, objects=(3, 2), target="mask", rng=rng()), r"got \(3, 2\)"),
        (lambda: data.shapes(5, objects=(1, 2, 3), rng=rng()), r"got \(1, 2, 3\)"),
        (lambda: data.shapes(5, objects=2, rng=rng()), 'needs objects=1, got 2: use "mask"'),
        (lambda: data.shapes(5, kinds="star", rng=rng()), "different names.*got 'star'"),
        (lambda: data.shapes(5, kinds=["star", "star"], rng=rng()), "different names"),
        (lambda: data.shapes(5, kinds=["star", "moon"], rng=rng()), "'moon'"),
        (lambda: data.shapes(5, kinds=[], rng=rng()), r"names.*got \[\]"),
        (lambda: data.shapes(5, target="box", rng=rng()), "target must be one of .*got 'box'"),
        (lambda: data.shapes(5, size=20, rng=rng()), "size must be .* at least 24, got 20"),
        (lambda: data.shapes(5, noise=3, rng=rng()), "noise must be .* from 0 to 2"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_ten_thousand_glyphs_take_less_than_ten_seconds():
    start = time.perf_counter()
    x, y = data.glyphs(10_000, rng=rng())
    assert time.perf_counter() - start < 10
    assert x.shape == (10_000, 28, 28, 1)
    assert x.min() >= 0
    assert x.max() <= 1
    assert np.bincount(y).min() > 850  # each of ten equally likely: 1000 +- 30


def test_every_glyph_shows_ink_inside_the_picture():
    x, _ = data.glyphs(3000, distortion=1, rng=rng(3))
    assert x.max(axis=(1, 2, 3)).min() > 0.4
    border = np.concatenate([x[:, 0].ravel(), x[:, -1].ravel(), x[:, :, 0].ravel()])
    assert border.mean() < 0.03  # noise alone


def test_clean_glyphs_are_centered_and_differ_by_font_alone():
    x, y = data.glyphs(2000, distortion=0, rng=rng(4))
    rows = np.arange(28)[:, None]
    inked = x[..., 0] > 0.5
    top = np.where(inked.any(2), rows.T, 99).min(1)
    bottom = np.where(inked.any(2), rows.T, -1).max(1)
    assert np.abs(top + bottom - 27).max() <= 2
    fonts_of_a_seven = np.unique(x[y == 7].reshape(-1, 784), axis=0)
    assert len(fonts_of_a_seven) == 21


def test_glyphs_can_be_told_apart_by_their_nearest_neighbor():
    x, y = data.glyphs(3000, rng=rng(5))
    x = x.reshape(len(x), -1)
    train, test = x[:2700], x[2700:]
    distance = (train**2).sum(1) - 2 * test @ train.T
    accuracy = np.mean(y[:2700][distance.argmin(1)] == y[2700:])
    assert accuracy > 0.9


def test_glyphs_of_another_size_and_alphabet():
    x, y = data.glyphs(300, characters="ABxyz&", size=16, rng=rng())
    assert x.shape == (300, 16, 16, 1)
    assert set(y) == set(range(6))


@settings(max_examples=40, deadline=None)
@given(n=st.integers(10, 300), seed=st.integers(0, 1000))
def test_split_parts_share_no_row_and_miss_none(n, seed):
    x, y = np.arange(n * 3, dtype=np.float32).reshape(n, 3), np.arange(n)
    parts = data.split(x, y, fractions=(0.5, 0.3, 0.2), rng=rng(seed))
    assert len(parts) == 3
    np.testing.assert_array_equal(np.sort(np.concatenate([b for _, b in parts])), y)
    for (a, b), fraction in zip(parts, (0.5, 0.3, 0.2), strict=True):
        np.testing.assert_array_equal(a, x[b])
        assert abs(len(a) - fraction * n) <= 1
        assert a.dtype == x.dtype


@pytest.mark.parametrize(
    ("n", "fractions", "message"),
    [
        (10, (0.5, 0.4), "add up to 1"),
        (10, (), "add up to 1"),
        (10, (1.5, -0.5), "each fraction must be"),
        (3, (0.9, 0.05, 0.05), "at least one row"),
        (10, (1.0, 0.0), "at least one row"),
    ],
)
def test_split_rejects_bad_fractions(n, fractions, message):
    with pytest.raises(ValueError, match=message):
        data.split(np.zeros((n, 2)), np.zeros(n), fractions=fractions, rng=rng())


def test_split_rejects_rows_that_do_not_match():
    with pytest.raises(ValueError, match=r"same first dimension, got shapes \(4, 2\) and \(5,\)"):
        data.split(np.zeros((4, 2)), np.zeros(5), rng=rng())


def scenes(n, target, *, seed=0, **settings):
    return data.shapes(n, target=target, rng=rng(seed), **settings)


def test_shapes_show_the_same_scenes_for_every_target():
    x, y = scenes(30, "label")
    x_mask, masks = scenes(30, "mask")
    x_boxes, (boxes, labels) = scenes(30, "boxes")
    np.testing.assert_array_equal(x, x_mask)
    np.testing.assert_array_equal(x, x_boxes)
    np.testing.assert_array_equal(y, labels[:, 0])
    np.testing.assert_array_equal(y + 1, masks.max(axis=(1, 2)))
    assert (masks.shape, boxes.shape, labels.shape) == ((30, 32, 32), (30, 1, 4), (30, 1))
    assert (masks.dtype, boxes.dtype, labels.dtype) == (np.int64, np.float32, np.int64)
    np.testing.assert_array_equal(np.rint(x * 255) / np.float32(255), x)


def test_the_same_seed_draws_the_same_pixels_on_every_machine():
    x, (boxes, labels) = scenes(40, "boxes", objects=(1, 4), seed=7)
    pixels = np.rint(x * 255).astype(np.uint8).tobytes()
    objects = np.concatenate([boxes.ravel(), labels.ravel()]).astype(np.int8).tobytes()
    assert hashlib.sha256(pixels + objects).hexdigest()[:16] == "1715ea37b2200e49"


@pytest.mark.parametrize("size", [24, 32, 64])
def test_masks_and_boxes_of_shapes_agree(size):
    _, masks = scenes(150, "mask", objects=(1, 6), size=size)
    _, (boxes, labels) = scenes(150, "boxes", objects=(1, 6), size=size)
    for mask, found, kinds in zip(masks, boxes.astype(int), labels, strict=True):
        present = kinds >= 0
        assert present[: present.sum()].all()  # objects first, then padding
        assert (found[~present] == -1).all()
        covered = np.zeros_like(mask, dtype=bool)
        for (y0, x0, y1, x1), kind in zip(found[present], kinds[present], strict=True):
            assert 0 <= y0 < y1 <= size
            assert 0 <= x0 < x1 <= size
            mine = mask[y0:y1, x0:x1] == kind + 1
            assert mine.any(axis=0).all() or (kinds == kind).sum() > 1
            for edge in (mine[0], mine[-1], mine[:, 0], mine[:, -1]):  # the box is tight
                assert edge.any()
            covered[y0:y1, x0:x1] = True
        assert covered[mask > 0].all()
        assert set(mask[mask > 0] - 1) == set(kinds[present])


def test_every_object_of_shapes_is_visible():
    x, masks = scenes(300, "mask", objects=(1, 6), noise=0)
    _, (boxes, labels) = scenes(300, "boxes", objects=(1, 6), noise=0)
    for k in range(6):
        present = labels[:, k] >= 0
        height, width = boxes[present, k, 2] - boxes[present, k, 0], boxes[present, k, 3]
        width = width - boxes[present, k, 1]
        assert min(height.min(), width.min()) >= 4
    counts = (labels >= 0).sum(axis=1)
    assert set(counts) == set(range(1, 7))
    share = (masks > 0).mean(axis=(1, 2)) / counts
    assert share.min() > 0.015  # 16 of 1024 pixels an object
    for picture, mask in zip(x[counts == 1], masks[counts == 1], strict=True):
        inside, outside = picture[mask > 0].mean(axis=0), picture[mask == 0].mean(axis=0)
        assert abs(inside - outside).sum() > 0.3


def test_shapes_of_every_kind_are_equally_frequent():
    _, y = data.shapes(1200, rng=rng())
    np.testing.assert_allclose(np.bincount(y), 200, atol=45)  # 200 +- 13
    _, (_, labels) = scenes(600, "boxes", objects=(1, 3), kinds=("star", "cross"))
    present = labels[labels >= 0]
    assert set(present) == {0, 1}
    np.testing.assert_allclose(present.mean(), 0.5, atol=0.06)


def test_colors_of_shapes_say_nothing_about_the_kind():
    x, y = scenes(1500, "label")
    _, masks = scenes(1500, "mask")
    inside = (masks > 0)[..., None]
    color = (x * inside).sum(axis=(1, 2)) / inside.sum(axis=(1, 2))
    ground = (x * ~inside).sum(axis=(1, 2)) / (~inside).sum(axis=(1, 2))
    seen = np.concatenate([color, ground], axis=1)
    distance = ((seen[1000:, None] - seen[None, :1000]) ** 2).sum(axis=2)
    nearest = y[:1000][np.argsort(distance, axis=1)[:, :15]]
    guess = np.array([np.bincount(row).argmax() for row in nearest])
    assert abs(np.mean(guess == y[1000:]) - 1 / 6) < 0.06  # chance, +- 0.017
    means = np.stack([color[y == k].mean(axis=0) for k in range(6)])
    assert np.ptp(means, axis=0).max() < 0.12


def test_the_areas_of_shapes_fit_their_geometry():
    share = {"circle": np.pi, "square": 1.44**2, "triangle": 3 * 3**0.5 / 4, "star": 1.1226}
    share["cross"] = 4 * 0.6 * 0.94 - 0.6**2
    for kind, area in share.items():
        masks = scenes(60, "mask", kinds=[kind], size=96)[1]
        circles = scenes(60, "mask", kinds=["circle"], size=96)[1]  # the same radii
        ratio = masks.sum() / circles.sum()
        np.testing.assert_allclose(ratio, area / np.pi, rtol=0.02)


def test_shapes_lie_anywhere_in_the_scene():
    _, (boxes, _) = scenes(800, "boxes")
    middle = (boxes[:, 0, :2] + boxes[:, 0, 2:]) / 2
    np.testing.assert_allclose(middle.mean(axis=0), 16, atol=0.6)
    assert middle.std(axis=0).min() > 2.5


def test_two_thousand_shapes_take_about_two_seconds():
    start = time.process_time()
    data.shapes(2000, rng=rng())
    assert time.process_time() - start < 4
