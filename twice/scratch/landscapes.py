"""Surfaces with a dial: a ravine as narrow, a saddle as steep, a valley as bent as you like.

Each function returns a `Surface` of `twice.scratch.surfaces`, whose losses touch 0 at the deepest
point; `turned` turns any of them. With the default settings `ravine`, `saddle` and `two_valleys`
are the surfaces of that name there, seen in a square window.
"""

import math
from dataclasses import replace

import numpy as np

from twice.scratch.surfaces import SURFACES, Surface

WINDOW = ((-3.0, 3.0), (-3.0, 3.0))
_silent = np.errstate(all="ignore")  # as a decorator: no warning inside the function


def _parts(p):
    p = np.asarray(p, dtype=np.float64)
    if p.ndim == 0 or p.shape[-1] != 2:
        raise ValueError(f"expected points of shape (..., 2), got shape {p.shape}")
    return p[..., 0], p[..., 1]


def _at_least(name, value, low):
    if not low <= value < math.inf:
        raise ValueError(f"expected a finite {name} >= {low}, got {value}")
    return float(value)


def _surface(name, title, value, slopes, bends, minima, start, limits=WINDOW):
    """slopes(x, y) -> (f_x, f_y);  bends(x, y) -> (f_xx, f_xy, f_yy)."""

    @_silent
    def gradient(p):
        return np.stack(np.broadcast_arrays(*slopes(*_parts(p))), axis=-1)

    @_silent
    def hessian(p):
        x, y = _parts(p)
        xx, xy, yy = (np.broadcast_to(bend, x.shape) for bend in bends(x, y))
        return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)

    at = _silent(lambda p: value(*_parts(p)))
    return Surface(name, title, at, gradient, hessian, minima, limits, start)


def ravine(condition=25.0):
    """f = (x^2 + c y^2) / 2: c, at least 1, is the condition number; at 1 it is the bowl."""
    c = _at_least("condition", condition, 1)
    return _surface(
        "ravine",
        "ravine",
        lambda x, y: 0.5 * x * x + 0.5 * c * y * y,
        lambda x, y: (x, c * y),
        lambda x, y: (1.0, 0.0, c),
        [(0.0, 0.0)],
        (-2.5, 1.0),
    )


def saddle(curvature=2.0):
    """f = x^2 + (y^2 - c)^2 / 4: at the saddle point the curvatures are 2 and -c, c >= 0.01."""
    c = _at_least("curvature", curvature, 0.01)
    return _surface(
        "saddle",
        "saddle",
        lambda x, y: x * x + 0.25 * (y * y - c) * (y * y - c),
        lambda x, y: (2.0 * x, (y * y - c) * y),
        lambda x, y: (2.0, 0.0, 3.0 * y * y - c),
        [(0.0, math.sqrt(c)), (0.0, -math.sqrt(c))],
        (-2.5, 0.05),
    )


def rosenbrock(steepness=100.0):
    """f = (1 - x)^2 + b (y - x^2)^2, a bent valley with steep walls. Rosenbrock (1960)."""
    b = _at_least("steepness", steepness, 0.01)
    return _surface(
        "rosenbrock",
        "Rosenbrock",
        lambda x, y: (1.0 - x) ** 2 + b * (y - x * x) ** 2,
        lambda x, y: (2.0 * (x - 1.0) - 4.0 * b * x * (y - x * x), 2.0 * b * (y - x * x)),
        lambda x, y: (2.0 + 12.0 * b * x * x - 4.0 * b * y, -4.0 * b * x, 2.0 * b),
        [(1.0, 1.0)],
        (-1.2, 1.0),
        ((-2.0, 2.0), (-1.0, 3.0)),
    )


def two_valleys(across=2.0):
    """A deep valley at x = -2 and a shallow one at x = 1.5, with this curvature across them."""
    c = _at_least("across", across, 0.01)
    book = SURFACES["two_valleys"]  # with curvature 2 across

    def slopes(x, y):
        along = 0.5 * (x + 2.0) * (x - 0.25) * (x - 1.5)
        return along, c * y

    return _surface(
        "two_valleys",
        "two valleys",
        lambda x, y: (
            0.5 * x * (x * (x * (x / 4 + 1 / 12) - 25 / 16) + 3 / 4) + 53 / 24 + 0.5 * c * y * y
        ),
        slopes,
        lambda x, y: (0.5 * (x * (3.0 * x + 0.5) - 3.125), 0.0, c),
        book.minima,
        book.start,
    )


def bumpy(bumps=0.3):
    """f = (x^2 + y^2) / 4 + h (2 - cos 4x - cos 4y): a bowl with bumps of height h >= 0.

    `minima` holds the deepest alone; from h = 0.2 on there are others around it. A small
    sister of Rastrigin's (1974) function.
    """
    h = _at_least("bumps", bumps, 0)
    return _surface(
        "bumpy",
        "bumpy bowl",
        lambda x, y: 0.25 * (x * x + y * y) + h * (2.0 - np.cos(4.0 * x) - np.cos(4.0 * y)),
        lambda x, y: (0.5 * x + 4.0 * h * np.sin(4.0 * x), 0.5 * y + 4.0 * h * np.sin(4.0 * y)),
        lambda x, y: (0.5 + 16.0 * h * np.cos(4.0 * x), 0.0, 0.5 + 16.0 * h * np.cos(4.0 * y)),
        [(0.0, 0.0)],
        (2.3, 1.6),
    )


def turned(surface, degrees):
    """The surface turned counterclockwise about the middle of its window, with its start.

    g(p) = f(R^T (p - m) + m): gradient descent and momentum walk the turned path, whatever the
    angle. Methods that scale each coordinate by itself do not.
    """
    if not math.isfinite(degrees):
        raise ValueError(f"expected a finite angle, got {degrees}")
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rotation = np.array([[c, -s], [s, c]])
    middle = np.mean(surface.limits, axis=1)

    def own(p):
        _parts(p)
        return (np.asarray(p, dtype=np.float64) - middle) @ rotation + middle

    def there(p):
        x, y = rotation @ (np.array(p) - middle) + middle
        return (float(x), float(y))

    return replace(
        surface,
        value=_silent(lambda p: surface.value(own(p))),
        gradient=_silent(lambda p: surface.gradient(own(p)) @ rotation.T),
        hessian=_silent(lambda p: rotation @ surface.hessian(own(p)) @ rotation.T),
        minima=[there(p) for p in surface.minima],
        start=there(surface.start),
    )


LANDSCAPES = {f.__name__: f for f in (ravine, saddle, rosenbrock, two_valleys, bumpy)}
