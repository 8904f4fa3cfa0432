"""The normal distribution, and what it says about a signal on its way through many layers.

NumPy has no error function, so this module builds one. With many inputs, a weighted sum of a
layer is close to normal: that is why the averages below describe a layer.
"""

import math

import numpy as np
from numpy.polynomial import chebyshev

TAIL, SHIFT = 9.0, 4.0  # below z = -9 less than 1e-18 of the distribution is left
LOW, HIGH = 1 / (TAIL + SHIFT), 1 / SHIFT


def tail_over_bell(t):
    """P(Z > x) exp(x^2 / 2) for Z standard normal, where t in [-1, 1] stands for x = 9 to 0."""
    x = 1 / (LOW + (HIGH - LOW) * (np.atleast_1d(t) + 1) / 2) - SHIFT
    return np.array([math.erfc(v / math.sqrt(2)) * math.exp(v * v / 2) / 2 for v in x])


SERIES = chebyshev.chebinterpolate(tail_over_bell, 16)  # so smooth that 17 numbers describe it
POLYNOMIALS = {4: chebyshev.cheb2poly(SERIES[:11]), 8: chebyshev.cheb2poly(SERIES)}


def normal_cdf(z):
    """Phi(z) = P(Z < z) for a standard normal Z, any shape: off by less than 1e-13 in float64.

    Phi(-x) = exp(-x^2 / 2) m(x) with a smooth m: a polynomial in t = 1 / (x + 4), fitted at
    import to Python's math.erfc. The error function is erf(x) = 2 Phi(sqrt(2) x) - 1.
    """
    z = np.asarray(z)
    x = np.abs(z)
    t = 2 / (HIGH - LOW) / (np.minimum(x, TAIL) + SHIFT) - (HIGH + LOW) / (HIGH - LOW)
    coefficients = POLYNOMIALS[4 if z.dtype == np.float32 else 8].tolist()
    m = np.full_like(t, coefficients[-1])
    for c in coefficients[-2::-1]:
        m = m * t + c
    tail = m * np.exp(-x * x / 2)
    return np.where(z < 0, tail, 1 - tail)


def normal_pdf(z):
    """phi(z) = exp(-z^2 / 2) / sqrt(2 pi), the slope of `normal_cdf`."""
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def normal_mean(g, variance=1.0):
    """E[g(Z)] for Z normal with mean 0 and this variance: the integral of g times the bell.

    g: a function of an array. It is summed over a grid of 20,000 points that leaves out 0, where
    many slopes jump. Raises ValueError for a negative variance.
    """
    if not variance >= 0:
        raise ValueError(f"expected variance >= 0, got {variance}")
    z = np.arange(-9999.5, 10_000) / 1000
    bell = normal_pdf(z)
    return float((g(math.sqrt(variance) * z) * bell).sum() / bell.sum())


def next_variance(function, variance, weight_variance=1.0, bias_variance=0.0):
    """That of the next layer's sums: s_w^2 E[f(Z)^2] + s_b^2, Z ~ N(0, variance).

    weight_variance s_w^2: fan_in times the variance of one weight (He 2, LeCun 1).
    Exact for infinitely many units (Poole et al., 2016).
    """
    mean_square = normal_mean(lambda z: function(z) ** 2, variance)
    return weight_variance * mean_square + bias_variance


def gradient_factor(function, variance, weight_variance=1.0):
    """chi = s_w^2 E[f'(Z)^2]: by how much a layer multiplies the variance of the gradient.

    The kernel is square. Below 1 gradients vanish, above 1 they explode (Schoenholz et al., 2017).
    """
    return weight_variance * normal_mean(lambda z: function.slope(z) ** 2, variance)
