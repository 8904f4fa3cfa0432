"""Mixture density outputs: the loss by hand, its gradient, its density, its draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.special import logsumexp
from scipy.stats import norm

from twice.scratch import mixture
from twice.scratch.gradient_descent import numerical_gradient
from twice.scratch.mixture import MixtureDensity

seeds = st.integers(0, 2**32 - 1)
LOSS = MixtureDensity()


def outputs_of(pi, mu, sigma):
    """One row of outputs for given weights, means and widths."""
    return np.concatenate([np.log(pi), mu, np.log(sigma)])[None]


def test_one_standard_gaussian_by_hand():
    # y = 2 under N(0, 1): -ln = 2^2 / 2 + ln sqrt(2 pi) = 2.918939.
    loss = LOSS.forward([2.0], np.zeros((1, 3)))
    assert loss == pytest.approx(2 + 0.918938533)
    # dL/dmu = -(y - mu) = -2; dL/ds = 1 - 4 = -3; one part has no choice, so its logit has none.
    np.testing.assert_allclose(LOSS.backward(), [[0, -2, -3]], atol=1e-12)


def test_two_parts_by_hand():
    # y = 0 exactly between two equal parts at -1 and 1: p = N(1; 0, 1) = 0.2419707.
    z = outputs_of([0.5, 0.5], [-1, 1], [1, 1])
    assert LOSS.forward([0.0], z) == pytest.approx(-np.log(0.24197072))
    # Each part has the share 1/2; a = +1, -1; the means are pulled to 0; 1 - a^2 = 0.
    np.testing.assert_allclose(LOSS.backward(), [[0, 0, -0.5, 0.5, 0, 0]], atol=1e-12)


@settings(deadline=None)
@given(seeds, st.integers(1, 6), st.integers(1, 4))
def test_the_loss_is_that_of_scipy_and_the_gradient_that_of_differences(seed, n, k):
    rng = np.random.default_rng(seed)
    z, y = rng.normal(size=(n, 3 * k)), rng.normal(0, 2, (n, 1))
    pi, mu, sigma = mixture.mixture_parameters(z)
    expected = -logsumexp(np.log(pi) + norm.logpdf(y, mu, sigma), axis=1).mean()
    assert LOSS.forward(y, z) == pytest.approx(expected)
    ours = LOSS.backward()
    slope = numerical_gradient(lambda a: LOSS.forward(y, a), z)
    np.testing.assert_allclose(ours, slope, rtol=1e-6, atol=1e-7)


def test_targets_may_be_flat():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 6)), rng.normal(size=5)
    assert LOSS.forward(y, z) == LOSS.forward(y[:, None], z)


def test_far_away_targets_give_finite_numbers():
    z = outputs_of([0.5, 0.5], [-1, 1], [1e-2, 1e-2])
    assert np.isfinite(LOSS.forward([50.0], z))
    assert np.isfinite(LOSS.backward()).all()


def test_float32_stays_float32():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 6)).astype(np.float32), rng.normal(size=5)
    LOSS.forward(y, z)
    assert LOSS.backward().dtype == np.float32
    assert mixture.mixture_density([0.0, 1.0], z).dtype == np.float32
    assert mixture.mixture_mean(z).dtype == np.float32
    assert mixture.mixture_sample(z, rng).dtype == np.float32
    assert {a.dtype for a in mixture.mixture_parameters(z)} == {np.dtype(np.float32)}


@settings(max_examples=20)
@given(seeds)
def test_the_density_integrates_to_one_and_gives_the_mean(seed):
    z = np.random.default_rng(seed).normal(0, 0.7, size=(3, 6))
    y = np.linspace(-60, 60, 6001)
    density = mixture.mixture_density(y, z)
    assert density.shape == (3, 6001)
    np.testing.assert_allclose(trapezoid(density, y), 1, atol=1e-5)
    mean = trapezoid(density * y, y)
    np.testing.assert_allclose(mixture.mixture_mean(z)[:, 0], mean, atol=1e-4)


def test_draws_have_the_mixture_s_mean_spread_and_parts():
    z = np.repeat(outputs_of([0.25, 0.75], [-3, 1], [0.5, 0.2]), 40_000, axis=0)
    y = mixture.mixture_sample(z, np.random.default_rng(0))
    assert y.shape == (40_000, 1)
    left = y < -1
    assert left.mean() == pytest.approx(0.25, abs=0.01)
    assert y[left].std() == pytest.approx(0.5, abs=0.02)
    assert y[~left].mean() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("z", [np.zeros((2, 4)), np.zeros(3), np.zeros((0, 3))])
def test_outputs_of_another_shape_are_named(z):
    with pytest.raises(ValueError, match=r"expected outputs of shape \(N, 3K\), got"):
        mixture.split_outputs(z)


@pytest.mark.parametrize("y", [np.zeros(3), np.zeros((2, 2)), np.zeros((1, 2))])
def test_targets_of_another_shape_are_named(y):
    with pytest.raises(ValueError, match=r"expected y_true \(N,\) or \(N, 1\) for N = 2, got"):
        LOSS.forward(y, np.zeros((2, 3)))
