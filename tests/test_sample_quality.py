"""Modes, Frechet distance, neighbors, precision and recall, a classifier's score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from twice.data import ring, ring_centers
from twice.scratch.sample_quality import (
    classifier_score,
    frechet_distance,
    good_share,
    matrix_root,
    mode_counts,
    modes_covered,
    nearest_neighbors,
    precision_recall,
)

seeds = st.integers(0, 2**32 - 1)


def normal(n, d, seed=0, mean=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(mean, scale, (n, d))


def test_modes_by_hand():
    centers = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 9.0]])
    samples = np.array([[0.1, 0.0], [0.0, 0.2], [0.9, 0.0], [0.5, 0.5], [1.0, 0.3]])
    np.testing.assert_array_equal(mode_counts(samples, centers, 0.25), [2, 1, 0])
    assert modes_covered(samples, centers, 0.25) == 2
    assert modes_covered(samples, centers, 0.25, least=2) == 1
    assert good_share(samples, centers, 0.25) == pytest.approx(3 / 5)
    assert good_share(samples, centers, 0.3) == pytest.approx(4 / 5)  # the border counts
    wide = mode_counts(samples, centers, 100)  # each sample belongs to its nearest center only
    np.testing.assert_array_equal(wide, [3, 2, 0])


def test_the_data_itself_covers_the_ring_and_one_cloud_does_not():
    x, y = ring(800, spread=0.02, rng=np.random.default_rng(0))
    centers = ring_centers()
    assert modes_covered(x, centers, 0.08, least=90) == 8
    assert good_share(x, centers, 0.08) > 0.99
    assert modes_covered(x[y == 3], centers, 0.08) == 1
    assert good_share(x[y == 3], centers, 0.08) > 0.99
    circle = 2 * np.stack([np.cos(np.arange(800.0)), np.sin(np.arange(800.0))], axis=1)
    assert modes_covered(circle, centers, 0.08) == 8
    assert good_share(circle, centers, 0.08) < 0.2


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 6), st.floats(0.1, 10))
def test_frechet_distance_is_the_formula_with_scipys_root(seed, d, scale):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(40, d)) @ rng.normal(size=(d, d)) * scale
    b = rng.normal(size=(30, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    covs = [np.cov(x, rowvar=False).reshape(d, d) for x in (a, b)]
    root = np.real(sqrtm(covs[0] @ covs[1]))
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covs[0] + covs[1] - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6, abs=1e-8)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-6, abs=1e-8)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-6 * scale**2)
    assert frechet_distance(a, a + 3) == pytest.approx(9 * d, rel=1e-5)


def test_frechet_distance_of_numbers_is_known():
    """In one dimension: (m - n)^2 + (s - t)^2."""
    a, b = np.array([0.0, 2.0]), np.array([10.0, 16.0])  # deviations sqrt(2), 3 sqrt(2)
    assert frechet_distance(a, b) == pytest.approx(12**2 + 4 * 2)


def test_frechet_distance_shrinks_with_more_samples_and_survives_flat_features():
    few = [frechet_distance(normal(20, 4, s), normal(20, 4, s + 50)) for s in range(20)]
    many = [frechet_distance(normal(2000, 4, s), normal(2000, 4, s + 50)) for s in range(20)]
    assert np.mean(few) > 20 * np.mean(many) > 0
    flat = normal(50, 3)
    flat[:, 2] = 0  # a dead feature: the covariance is singular
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(flat, flat + np.array([0, 0, 2])) == pytest.approx(4)
    images = normal(30, 12).reshape(30, 2, 2, 3).astype(np.float32)
    assert frechet_distance(images, images) == pytest.approx(0, abs=1e-6)


def test_matrix_root():
    m = normal(5, 5)
    root = matrix_root(m @ m.T)
    np.testing.assert_allclose(root @ root, m @ m.T, atol=1e-10)
    np.testing.assert_allclose(root, root.T, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 512])
def test_nearest_neighbors_by_search(chunk):
    a, b = normal(20, 6), normal(33, 6, 1)
    number, distance = nearest_neighbors(a.reshape(20, 2, 3), b.reshape(33, 2, 3), chunk=chunk)
    every = np.linalg.norm(a[:, None] - b[None], axis=-1)
    np.testing.assert_array_equal(number, every.argmin(axis=1))
    np.testing.assert_allclose(distance, every.min(axis=1))


def test_a_copy_is_found_at_distance_zero_in_float32_too():
    train = (1000 + normal(50, 64)).astype(np.float32)
    number, distance = nearest_neighbors(train[[7, 3]], train)
    np.testing.assert_array_equal(number, [7, 3])
    np.testing.assert_array_equal(distance, [0, 0])


def test_precision_falls_with_blur_and_recall_with_collapse():
    real, good = normal(400, 2), normal(400, 2, 1)
    assert min(precision_recall(real, good)) > 0.85
    precision, recall = precision_recall(real, normal(400, 2, 2, scale=0.05))
    assert precision > 0.95
    assert recall < 0.1
    precision, recall = precision_recall(real, normal(400, 2, 3, scale=6))
    assert precision < 0.35
    assert recall > 0.85
    assert precision_recall(real, real + 100) == (0.0, 0.0)


def test_precision_and_recall_by_hand():
    real, fake = np.array([0.0, 1.0, 5.0]), np.array([1.5, 3.0, 20.0, 20.5])
    # k = 1: real balls reach 1, 1, 4 -> 1.5 and 3 inside; fake 1.5, 1.5, .5, .5 -> 0 and 1 inside
    assert precision_recall(real, fake, k=1) == (0.5, pytest.approx(2 / 3))


def test_classifier_score_from_one_to_the_number_of_classes():
    assert classifier_score(np.eye(10)) == pytest.approx(10)
    assert classifier_score(np.eye(10)[np.zeros(5, int)]) == pytest.approx(1)  # one class only
    assert classifier_score(np.full((6, 10), 0.1)) == pytest.approx(1)  # never sure
    p = np.array([[0.9, 0.1], [0.4, 0.6]])
    mean = p.mean(axis=0)
    wanted = np.exp(np.mean([(row * np.log(row / mean)).sum() for row in p]))
    assert classifier_score(p) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: modes_covered(np.zeros((3, 2)), np.zeros((2, 2)), 0), "radius > 0, got 0"),
        (lambda: modes_covered(np.ones((3, 2)), np.ones((2, 2)), 1, least=0), "least >= 1, got 0"),
        (lambda: modes_covered(np.zeros((3, 3)), np.zeros((2, 2)), 1), "got 3 and 2"),
        (lambda: frechet_distance(np.zeros((1, 2)), np.zeros((5, 2))), "two samples.*1 and 5"),
        (lambda: frechet_distance(np.zeros((4, 2)), np.zeros((5, 3))), "got 2 and 3"),
        (lambda: frechet_distance(np.full((4, 2), np.nan), np.zeros((5, 2))), "finite a, got NaN"),
        (lambda: nearest_neighbors(np.zeros((0, 2)), np.zeros((5, 2))), r"shape \(0, 2\)"),
        (lambda: precision_recall(np.zeros((3, 2)), np.zeros((9, 2))), "k < samples, got 3, 3"),
        (lambda: classifier_score(np.ones((3, 2))), r"probabilities \(N, K\), got .*\(3, 2\)"),
        (lambda: classifier_score([[1.5, -0.5]]), "expected rows of probabilities"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
