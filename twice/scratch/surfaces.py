"""Losses to walk down: four surfaces in two weights, four curves in one, with derivatives.

Every loss here is at least 0 and touches 0 at its deepest point, so "how far from the best" can be
read off the loss itself. All functions are vectorized, work in float64 and never warn: beyond the
largest number they answer inf or nan.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_VIEW = ((-3.0, 3.0), (-2.0, 2.0))


@dataclass(frozen=True)
class Surface:
    """A loss f(p) of two weights p = (x, y), with its gradient and its Hessian.

    value: p (..., 2) -> (...);  gradient: p (..., 2) -> (..., 2);  hessian: p -> (..., 2, 2).
    minima: every local minimum, the deepest first.  limits: the part worth drawing,
    ((x0, x1), (y0, y1)).  start: where a run begins if nobody says otherwise.
    """

    name: str
    title: str
    value: Callable
    gradient: Callable
    hessian: Callable
    minima: list
    limits: tuple
    start: tuple


@dataclass(frozen=True)
class Curve:
    """A loss f(w) of one weight, with its first and second derivative.

    value, gradient, hessian: w (...) -> (...).  minima: the deepest first.
    limits: the part worth drawing, (w0, w1).  start: where a run begins.
    """

    name: str
    title: str
    value: Callable
    gradient: Callable
    hessian: Callable
    minima: list
    limits: tuple
    start: float


_silent = np.errstate(all="ignore")  # as a decorator: no warning inside the function


def _split(p):
    p = np.asarray(p, dtype=np.float64)
    if p.ndim == 0 or p.shape[-1] != 2:
        raise ValueError(f"expected points of shape (..., 2), got shape {p.shape}")
    return p[..., 0], p[..., 1]


def _surface(name, title, along_x, along_y, minima, start):
    """A surface f(x, y) = a(x) + b(y); along_x and along_y are (a, a', a'') and (b, b', b'')."""

    @_silent
    def value(p):
        x, y = _split(p)
        return along_x[0](x) + along_y[0](y)

    @_silent
    def gradient(p):
        x, y = _split(p)
        return np.stack([along_x[1](x), along_y[1](y)], axis=-1)

    @_silent
    def hessian(p):
        x, y = _split(p)
        result = np.zeros((*x.shape, 2, 2))
        result[..., 0, 0] = along_x[2](x)
        result[..., 1, 1] = along_y[2](y)
        return result

    return Surface(name, title, value, gradient, hessian, minima, _VIEW, start)


def _curve(name, title, functions, minima, limits, start):
    def in_float64(f):
        return _silent(lambda w: f(np.asarray(w, dtype=np.float64)))

    return Curve(name, title, *map(in_float64, functions), minima, limits, start)


def _quadratic(curvature):
    """c w^2 / 2 and its two derivatives: the second is the curvature c everywhere."""
    return (
        lambda w: 0.5 * curvature * w * w,
        lambda w: curvature * w,
        lambda w: np.full_like(w, curvature),
    )


# (y^2 - 2)^2 / 4: a hill at 0 (curvature -2) between two valleys at +-sqrt(2) (curvature 4).
_HILL = (
    lambda y: 0.25 * (y * y - 2.0) * (y * y - 2.0),
    lambda y: (y * y - 2.0) * y,
    lambda y: 3.0 * y * y - 2.0,
)

# The slope is (w + 2)(w - 1/4)(w - 3/2) / 2: a deep valley at -2, a hill, a shallow valley at 1.5.
_TWO_VALLEYS = (
    lambda w: 0.5 * w * (w * (w * (w / 4 + 1 / 12) - 25 / 16) + 3 / 4) + 53 / 24,
    lambda w: 0.5 * (w + 2.0) * (w - 0.25) * (w - 1.5),
    lambda w: 0.5 * (w * (3.0 * w + 0.5) - 3.125),
)

# One minus a bell: flat on both sides, a hole in the middle (curvature 1 at the bottom).
_PLATEAU = (
    lambda w: 1.0 - np.exp(-0.5 * w * w),
    lambda w: w * np.exp(-0.5 * w * w),
    lambda w: (1.0 - w * w) * np.exp(-0.5 * w * w),
)


def _wall(w):
    """The sigmoid of 24 (w - 1.5), without overflow: 0 left of the cliff, 1 on top of it."""
    return 0.5 * (1.0 + np.tanh(12.0 * (w - 1.5)))


# A gentle bowl w^2 / 4 with a step of height 2 at w = 1.5; the steepest slope is about 12.75.
_CLIFF = (
    lambda w: 0.25 * w * w + 2.0 * _wall(w),
    lambda w: 0.5 * w + 48.0 * _wall(w) * (1.0 - _wall(w)),
    lambda w: 0.5 + 1152.0 * _wall(w) * (1.0 - _wall(w)) * (1.0 - 2.0 * _wall(w)),
)

# The one-weight network: input 2, goal 0.8, so the loss is (2 w - 0.8)^2.
_ONE_WEIGHT = (
    lambda w: (2.0 * w - 0.8) * (2.0 * w - 0.8),
    lambda w: 4.0 * (2.0 * w - 0.8),
    lambda w: np.full_like(w, 8.0),
)

_ROOT = float(np.sqrt(2.0))

_ALL_SURFACES = [
    _surface("bowl", "bowl", _quadratic(1.0), _quadratic(1.0), [(0.0, 0.0)], (-2.5, 1.5)),
    _surface("ravine", "ravine", _quadratic(1.0), _quadratic(25.0), [(0.0, 0.0)], (-2.5, 1.0)),
    _surface(
        "saddle", "saddle", _quadratic(2.0), _HILL, [(0.0, _ROOT), (0.0, -_ROOT)], (-2.5, 0.05)
    ),
    _surface(
        "two_valleys",
        "two valleys",
        _TWO_VALLEYS,
        _quadratic(2.0),
        [(-2.0, 0.0), (1.5, 0.0)],
        (2.5, 1.5),
    ),
]
_ALL_CURVES = [
    _curve("parabola", "parabola", _ONE_WEIGHT, [0.4], (-1.1, 1.9), -0.8),
    _curve("double_well", "double well", _TWO_VALLEYS, [-2.0, 1.5], (-3.1, 2.9), 2.5),
    _curve("plateau", "plateau", _PLATEAU, [0.0], (-5.0, 5.0), 4.0),
    _curve("cliff", "cliff", _CLIFF, [0.0], (-3.0, 3.0), 2.5),
]
SURFACES = {surface.name: surface for surface in _ALL_SURFACES}
CURVES = {curve.name: curve for curve in _ALL_CURVES}
