"""KL, Jensen-Shannon and Wasserstein on grids and samples, and the games whose optimum they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance

from twice.scratch.adaptive import Adam
from twice.scratch.divergences import (
    best_critic,
    jensen_shannon,
    kl,
    minimax_value,
    on_grid,
    optimal_discriminator,
    wasserstein_1d,
    wasserstein_grid,
)
from twice.scratch.gans import Minimax
from twice.scratch.gradient_descent import numerical_gradient
from twice.scratch.perceptron import sigmoid

seeds = st.integers(0, 2**32 - 1)
LN2 = np.log(2)


def pair(seed, k=9, holes=True):
    rng = np.random.default_rng(seed)
    both = rng.exponential(size=(2, k))
    if holes:
        both[:, 2:] *= rng.random((2, k - 2)) < 0.7
    return both / both.sum(axis=1, keepdims=True)


def bell(center, width=1.0):
    return lambda x: np.exp(-(((x - center) / width) ** 2) / 2)


@settings(max_examples=30, deadline=None)
@given(seeds, st.booleans())
def test_divergences_are_scipys(seed, holes):
    p, q = pair(seed, holes=holes)
    assert kl(p, q) == pytest.approx(entropy(p, q), abs=1e-12)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-12)
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p), abs=1e-12)
    assert 0 <= jensen_shannon(p, q) <= LN2
    assert kl(p, p) == jensen_shannon(p, p) == 0
    grid = np.cumsum(np.random.default_rng(seed).exponential(size=9))
    wanted = wasserstein_distance(grid, grid, p, q)
    assert wasserstein_grid(p, q, grid) == pytest.approx(wanted, abs=1e-12)


def test_divergences_by_hand():
    p, q = [0.5, 0.5, 0], [0.25, 0.25, 0.5]
    assert kl(p, q) == pytest.approx(LN2)
    assert kl(q, p) == np.inf
    m = np.array([0.375, 0.375, 0.25])
    assert jensen_shannon(p, q) == pytest.approx((kl(p, m) + kl(q, m)) / 2)
    assert jensen_shannon([1, 0], [0, 1]) == pytest.approx(LN2)
    assert wasserstein_grid([1, 0, 0], [0, 0, 1], [0, 1, 5]) == 5
    assert wasserstein_grid([0.5, 0, 0.5], [0, 1, 0], [0, 1, 5]) == 0.5 + 2


def test_disjoint_clouds_have_no_slope_in_jensen_shannon_and_one_in_wasserstein():
    grid = np.linspace(-10, 10, 401)
    p = on_grid(lambda x: (np.abs(x + 5) < 0.5) * 1.0, grid)
    moved = [on_grid(lambda x, c=c: (np.abs(x - c) < 0.5) * 1.0, grid) for c in (1, 2, 3)]
    for q, center in zip(moved, (1, 2, 3), strict=True):
        assert jensen_shannon(p, q) == pytest.approx(LN2)
        assert kl(p, q) == np.inf
        assert wasserstein_grid(p, q, grid) == pytest.approx(center + 5, abs=0.06)


# ---- the games ---------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_optimal_discriminator_is_the_top_of_the_game(seed):
    both = np.random.default_rng(seed).uniform(0.1, 1, (2, 9))  # no D near 0 or 1: differences
    p, q = both / both.sum(axis=1, keepdims=True)
    best = optimal_discriminator(p, q)
    top = minimax_value(p, q, best)
    assert top == pytest.approx(2 * jensen_shannon(p, q) - 2 * LN2, abs=1e-12)
    np.testing.assert_allclose(numerical_gradient(lambda d: minimax_value(p, q, d), best, 1e-6),
                               0, atol=1e-6)  # fmt: skip
    rng = np.random.default_rng(seed)
    for _ in range(5):
        other = np.clip(best + rng.normal(0, 0.2, best.shape), 0, 1)
        assert minimax_value(p, q, other) <= top + 1e-12


def test_the_game_at_its_ends():
    p, q = [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]
    np.testing.assert_array_equal(optimal_discriminator(p, q), [1, 1, 0, 0])
    assert minimax_value(p, q, optimal_discriminator(p, q)) == 0
    assert minimax_value(p, q, [0, 0, 0, 0]) == -np.inf
    np.testing.assert_array_equal(optimal_discriminator([1, 0, 0], [0.5, 0.5, 0]), [2 / 3, 0, 0.5])
    assert minimax_value(p, p, optimal_discriminator(p, p)) == pytest.approx(-2 * LN2)


def test_a_discriminator_trained_by_the_minimax_loss_measures_jensen_shannon():
    """One free logit an outcome: descent ends at p / (p + q), its loss at 2 ln 2 - 2 JS."""
    grid = np.linspace(-4, 4, 41)
    p, q = on_grid(bell(-0.5), grid), on_grid(bell(0.5, 1.3), grid)
    logits, optimizer = {"z": np.zeros((41, 1))}, Adam(0.05)
    for _ in range(600):
        z = logits["z"]
        slopes = [41 * w[:, None] * side(z)[1] for w, side in
                  ((p, Minimax().real), (q, Minimax().fake))]  # fmt: skip
        optimizer.step(logits, {"z": sum(slopes)})
    found = sigmoid(logits["z"][:, 0])
    np.testing.assert_allclose(found, optimal_discriminator(p, q), atol=0.01)
    wanted = 2 * jensen_shannon(p, q) - 2 * LN2
    assert minimax_value(p, q, found) == pytest.approx(wanted, abs=1e-4)
    assert wanted > -1.2  # not the tie of equal distributions, -1.386


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_best_critic_reaches_the_distance_and_no_critic_passes_it(seed):
    p, q = pair(seed)
    rng = np.random.default_rng(seed)
    grid = np.cumsum(rng.exponential(size=9))
    f, wanted = best_critic(p, q, grid), wasserstein_grid(p, q, grid)
    assert np.abs(np.diff(f) / np.diff(grid)).max() <= 1 + 1e-9
    assert (p - q) @ f == pytest.approx(wanted, abs=1e-12)
    # the best of all critics with slope <= 1, by linear programming
    rows = np.diff(np.eye(9), axis=0)
    reach = np.concatenate([np.diff(grid)] * 2)
    found = linprog(-(p - q), A_ub=np.concatenate([rows, -rows]), b_ub=reach, bounds=(-99, 99))
    assert -found.fun == pytest.approx(wanted, abs=1e-7)


# ---- samples -----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 20), st.integers(1, 20))
def test_the_distance_of_samples_is_scipys(seed, n, m):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.integers(-2, 3, m)  # ties too
    assert wasserstein_1d(a, b) == pytest.approx(wasserstein_distance(a, b), abs=1e-12)
    assert wasserstein_1d(a, a[::-1]) == 0


def test_the_distance_of_samples_by_hand():
    assert wasserstein_1d([0, 10], [3, 1]) == pytest.approx((1 + 7) / 2)
    assert wasserstein_1d([0], [1, 3]) == pytest.approx(2)
    assert wasserstein_1d([1, 2, 4], [1 + 5, 2 + 5, 4 + 5]) == pytest.approx(5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl([0.5, 0.5], [1.0]), r"one shape \(K,\), got \(2,\) and \(1,\)"),
        (lambda: kl([0.5, 0.6], [0.5, 0.5]), "expected p >= 0 with sum 1, got the sum 1.1"),
        (lambda: jensen_shannon([0.5, 0.5], [1.5, -0.5]), "expected q >= 0 .* minimum -0.5"),
        (lambda: optimal_discriminator([np.nan, 1], [0.5, 0.5]), "expected p"),
        (lambda: minimax_value([1.0], [1.0], [2.0]), r"expected d \(1,\) between 0 and 1"),
        (lambda: wasserstein_grid([0.5, 0.5], [1, 0], [1, 0]), "increasing grid"),
        (lambda: best_critic([0.5, 0.5], [1, 0], [0, 1, 2]), r"increasing grid \(2,\).*\(3,\)"),
        (lambda: wasserstein_1d([], [1.0]), r"expected samples .* got \(0,\) and \(1,\)"),
        (lambda: wasserstein_1d(np.zeros((2, 2)), [1.0]), r"got \(2, 2\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
