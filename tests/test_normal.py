"""The normal distribution, and the variance of a signal in a deep network."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special

from twice.scratch.activations import ACTIVATIONS, SELU_ALPHA, SELU_SCALE
from twice.scratch.normal import (
    gradient_factor,
    next_variance,
    normal_cdf,
    normal_mean,
    normal_pdf,
)


def test_cdf_against_scipy_also_far_out():
    z = np.linspace(-37, 37, 20_001)
    np.testing.assert_allclose(normal_cdf(z), special.ndtr(z), rtol=0, atol=1e-14)
    near = z[np.abs(z) < 9]
    np.testing.assert_allclose(normal_cdf(near), special.ndtr(near), rtol=1e-13)
    assert (normal_cdf(z) >= 0).all()
    assert (np.diff(normal_cdf(z)) > -2e-14).all()


def test_cdf_is_the_error_function_in_other_units():
    x = np.linspace(-4, 4, 81)
    ours = 2 * normal_cdf(math.sqrt(2) * x) - 1
    np.testing.assert_allclose(ours, [math.erf(v) for v in x], atol=1e-14)


def test_cdf_keeps_float32_takes_numbers_and_meets_infinity():
    z = np.linspace(-6, 6, 1001, dtype=np.float32)
    assert normal_cdf(z).dtype == np.float32
    np.testing.assert_allclose(normal_cdf(z), special.ndtr(z.astype(float)), atol=5e-7)
    assert normal_cdf(0.0) == pytest.approx(0.5, abs=1e-14)
    np.testing.assert_array_equal(normal_cdf([-math.inf, math.inf]), [0, 1])


def test_pdf_is_the_slope_of_the_cdf():
    z, e = np.linspace(-5, 5, 101), 1e-5
    slope = (normal_cdf(z + e) - normal_cdf(z - e)) / (2 * e)
    np.testing.assert_allclose(normal_pdf(z), slope, atol=1e-9)


def test_means_that_are_known():
    assert normal_mean(lambda z: z**2, 3.0) == pytest.approx(3)
    assert normal_mean(lambda z: z**4) == pytest.approx(3)
    assert normal_mean(np.abs) == pytest.approx(math.sqrt(2 / math.pi), abs=1e-6)
    assert normal_mean(lambda z: z > 0) == pytest.approx(0.5, abs=1e-12)
    assert normal_mean(np.exp, 0.25) == pytest.approx(math.exp(0.125))
    assert normal_mean(lambda z: z**2 + 1, 0.0) == 1
    with pytest.raises(ValueError, match="expected variance >= 0, got -1"):
        normal_mean(np.abs, -1)


@pytest.mark.parametrize("name", ["tanh", "gelu", "elu", "sigmoid", "hard_silu"])
@pytest.mark.parametrize("q", [0.3, 2.0])
def test_the_maps_are_the_integrals_of_their_formulas(name, q):
    f = ACTIVATIONS[name]

    def integral(g):
        def bell(z):
            return g(z) * math.exp(-z * z / 2 / q) / math.sqrt(2 * math.pi * q)

        parts = itertools.pairwise([-30, -3, 0, 3, 30])  # a jump is the end of a part
        return sum(integrate.quad(bell, low, high)[0] for low, high in parts)

    forward = 1.7 * integral(lambda z: float(f(z)) ** 2) + 0.1
    assert next_variance(f, q, 1.7, 0.1) == pytest.approx(forward, rel=1e-5)
    backward = 1.7 * integral(lambda z: float(f.slope(z)) ** 2)
    assert gradient_factor(f, q, 1.7) == pytest.approx(backward, rel=1e-4)


@pytest.mark.parametrize("q", [0.01, 1.0, 100.0])
def test_he_keeps_relu_level_and_xavier_halves_it(q):
    relu = ACTIVATIONS["relu"]
    assert next_variance(relu, q, 2.0) == pytest.approx(q)
    assert next_variance(relu, q, 1.0) == pytest.approx(q / 2)
    assert gradient_factor(relu, q, 2.0) == pytest.approx(1)


def test_selu_is_a_fixed_point_and_its_constants_solve_the_two_equations():
    selu = ACTIVATIONS["selu"]
    assert normal_mean(selu) == pytest.approx(0, abs=1e-6)
    assert next_variance(selu, 1.0) == pytest.approx(1, abs=1e-6)
    below = normal_mean(lambda z: -np.expm1(np.minimum(z, 0)))
    assert normal_mean(lambda z: np.maximum(z, 0)) / below == pytest.approx(SELU_ALPHA, abs=1e-5)
    assert selu(1.0) == SELU_SCALE
    assert 1.071 < gradient_factor(selu, 1.0) < 1.072


@pytest.mark.parametrize("function", ACTIVATIONS.values(), ids=lambda f: f.name)
def test_zero_centered_means_mean_zero_for_normal_inputs(function):
    assert function.zero_centered == (abs(normal_mean(function)) < 1e-6)


def test_a_wide_layer_does_what_the_map_says():
    rng = np.random.default_rng(0)
    z = rng.normal(0, math.sqrt(1.3), size=(20, 2000))
    w = rng.normal(0, math.sqrt(0.8 / 2000), size=(2000, 2000))
    after = np.mean((np.tanh(z) @ w) ** 2)
    assert after == pytest.approx(next_variance(np.tanh, 1.3, 0.8), rel=0.02)
