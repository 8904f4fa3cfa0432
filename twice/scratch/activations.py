"""Activation functions: f(z), its slope, its range, and where it bends.

`ACTIVATIONS` holds them by Keras's names: Activation(ACTIVATIONS["elu"]) is a layer that uses one.
Layers with more than one number behind an output (PReLU, Maxout, Softmax) are in
`twice.scratch.activation_layers`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twice.scratch.normal import normal_cdf, normal_pdf
from twice.scratch.perceptron import sigmoid

INFINITY = math.inf


@dataclass(frozen=True)
class Function:
    """An activation function: a = f(z), entry by entry, in the dtype of z.

    derivative(z, a): the slope f'(z), given a = f(z).
    range: (lowest, highest) value.
    zero_centered: whether f(z) has mean 0 where z is standard normal.
    kinks: where the slope jumps; we say there what Keras on TensorFlow says.
    """

    name: str
    f: Callable
    derivative: Callable
    range: tuple
    zero_centered: bool = False
    kinks: tuple = ()

    def __call__(self, z):
        return self.f(np.asarray(z))

    def slope(self, z):
        """f'(z), any shape."""
        z = np.asarray(z)
        return self.derivative(z, self.f(z))


# ---- small parts ----


def between(z, low, high):
    """1 where low < z < high, else 0."""
    return ((z > low) & (z < high)).astype(z.dtype)


def softplus(z):
    """ln(1 + exp(z)), any shape, without overflow."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def hard_sigmoid(z):
    """z / 6 + 1/2, cut at 0 and 1 (Keras 3's; Keras 2 had the slope 0.2)."""
    return np.clip(z + 3, 0, 6) / 6


def mish_slope(z, a):
    t = np.tanh(softplus(z))
    return t + z * (1 - t * t) * sigmoid(z)


GELU_TANH = math.sqrt(2 / math.pi), 0.044715


def gelu_tanh(z):
    """GELU with Phi(z) replaced by (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2."""
    c, d = GELU_TANH
    return z / 2 * (1 + np.tanh(c * (z + d * z * z * z)))


def gelu_tanh_slope(z, a):
    c, d = GELU_TANH
    t = np.tanh(c * (z + d * z * z * z))
    return (1 + t) / 2 + z / 2 * (1 - t * t) * c * (1 + 3 * d * z * z)


# ---- functions with a number to choose ----


def leaky_relu(negative_slope=0.2):
    """z where z > 0, else negative_slope z (Maas et al., 2013); Keras's default slope is 0.2."""
    if not negative_slope >= 0:
        raise ValueError(f"expected negative_slope >= 0, got {negative_slope}")

    def f(z):
        return np.where(z > 0, z, negative_slope * z)

    def derivative(z, a):
        return np.where(z > 0, 1, negative_slope).astype(z.dtype)

    lowest = -INFINITY if negative_slope > 0 else 0.0
    return Function("leaky_relu", f, derivative, (lowest, INFINITY), kinks=(0.0,))


def elu(alpha=1.0):
    """z where z > 0, else alpha (exp(z) - 1) (Clevert et al., 2016)."""
    if not alpha > 0:
        raise ValueError(f"expected alpha > 0, got {alpha}")

    def f(z):
        return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))

    def derivative(z, a):
        return np.where(z > 0, 1, a + alpha).astype(z.dtype)

    kinks = () if alpha == 1 else (0.0,)
    return Function("elu", f, derivative, (-alpha, INFINITY), kinks=kinks)


# The one scale and alpha that keep a standard normal at mean 0 and variance 1.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def selu(z):
    """scale * elu(z, alpha) with the two numbers of Klambauer et al. (2017)."""
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def selu_slope(z, a):
    return np.where(z < 0, a + SELU_SCALE * SELU_ALPHA, SELU_SCALE).astype(z.dtype)


# ---- the catalog ----


def silu_slope(z, a):
    s = sigmoid(z)
    return s + a * (1 - s)


def hard_silu_slope(z, a):
    return hard_sigmoid(z) + z * between(z, -3, 3) / 6


ALL, POSITIVE, UNIT = (-INFINITY, INFINITY), (0.0, INFINITY), (-1.0, 1.0)
CATALOG = (
    Function("linear", lambda z: z, lambda z, a: np.ones_like(z), ALL, True),
    Function("sigmoid", sigmoid, lambda z, a: a * (1 - a), (0.0, 1.0)),
    Function("tanh", np.tanh, lambda z, a: 1 - a * a, UNIT, True),
    Function("softsign", lambda z: z / (1 + abs(z)), lambda z, a: (1 - abs(a)) ** 2, UNIT, True),
    Function(
        "hard_sigmoid", hard_sigmoid, lambda z, a: between(z, -3, 3) / 6, (0.0, 1.0), kinks=(-3, 3)
    ),
    Function(
        "hard_tanh",
        lambda z: np.clip(z, -1, 1),
        lambda z, a: (abs(z) <= 1).astype(z.dtype),
        UNIT,
        True,
        (-1, 1),
    ),
    Function(
        "relu",
        lambda z: np.maximum(z, 0),
        lambda z, a: (z > 0).astype(z.dtype),
        POSITIVE,
        kinks=(0,),
    ),
    Function(
        "relu6", lambda z: np.clip(z, 0, 6), lambda z, a: between(z, 0, 6), (0.0, 6.0), kinks=(0, 6)
    ),
    leaky_relu(),
    elu(),
    Function("selu", selu, selu_slope, (-SELU_SCALE * SELU_ALPHA, INFINITY), True, (0,)),
    Function("softplus", softplus, lambda z, a: sigmoid(z), POSITIVE),
    Function(
        "gelu",
        lambda z: z * normal_cdf(z),
        lambda z, a: normal_cdf(z) + z * normal_pdf(z),
        (-0.16997120747990, INFINITY),
    ),
    Function("gelu_tanh", gelu_tanh, gelu_tanh_slope, (-0.17004075057125, INFINITY)),
    Function("silu", lambda z: z * sigmoid(z), silu_slope, (-0.27846454276107, INFINITY)),
    Function(
        "hard_silu",
        lambda z: z * hard_sigmoid(z),
        hard_silu_slope,
        (-0.375, INFINITY),
        kinks=(-3, 3),
    ),
    Function("mish", lambda z: z * np.tanh(softplus(z)), mish_slope, (-0.30884341301725, INFINITY)),
    Function("log_sigmoid", lambda z: -softplus(-z), lambda z, a: sigmoid(-z), (-INFINITY, 0.0)),
    Function("exponential", np.exp, lambda z, a: a, POSITIVE),
)
ACTIVATIONS = {function.name: function for function in CATALOG}
