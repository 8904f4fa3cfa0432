"""Line searches: the direction d is given, how far do we go along it?

    x <- x + rate d

All work on one flat vector x (n,) in float64, with f: x -> number and gradient: x -> (n,).
"""

from functools import partial
from typing import NamedTuple

import numpy as np

ROUNDING = 1e-14  # of |f|: a rise that the rounding of two values may feign


class Stuck(ArithmeticError):
    """There is no way on from here: no direction, or no step along it. It says why."""


class Step(NamedTuple):
    """Where a line search arrives: x + rate d, with f and the gradient there."""

    rate: float
    x: np.ndarray
    f: float
    gradient: np.ndarray


def vector(x):
    """x as a new float64 vector; ValueError unless it is flat, not empty and finite."""
    x = np.array(x, dtype=np.float64)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise ValueError(f"expected a finite vector x (n,), got {x.tolist()} of shape {x.shape}")
    return x


def start_of(f, gradient, x, d, f_here, g_here):
    """f, gradient and slope d . gradient at the start of a search; ValueError unless d descends."""
    x, d = vector(x), vector(d)
    if d.shape != x.shape:
        raise ValueError(f"expected a direction of shape {x.shape}, got {d.shape}")
    f_here = f(x) if f_here is None else f_here
    g_here = gradient(x) if g_here is None else g_here
    slope = np.dot(g_here, d)
    if not slope < 0:
        raise ValueError(f"expected a direction that descends (slope < 0), got slope {slope}")
    return x, d, f_here, g_here, slope


def full_step(f, gradient, x, d, *, f_here=None, g_here=None):
    """No search: the whole step d, uphill too. Newton's method as Newton left it."""
    return Step(1.0, x + d, f(x + d), gradient(x + d))


def backtracking(f, gradient, x, d, *, f_here=None, g_here=None, c1=1e-4, shrink=0.5, trials=50):
    """Try rate 1, then half, a quarter, ... until f falls enough.

    Enough: f(x + rate d) <= f(x) + c1 rate slope, a share c1 of what the slope promised
    (at rate 1 a rounding more: near the minimum f is too coarse to show the fall).
    f, gradient: functions of x (n,); d (n,) descends. f_here, g_here: theirs at x, if
    known. Returns a `Step`. Raises ValueError unless d descends and 0 < c1, shrink < 1,
    and Stuck if no trial is good. Armijo (1966).
    """
    if not (0 < c1 < 1 and 0 < shrink < 1 and trials >= 1):
        got = f"{c1}, {shrink} and {trials}"
        raise ValueError(f"expected 0 < c1 < 1, 0 < shrink < 1 and trials >= 1, got {got}")
    x, d, f_here, g_here, slope = start_of(f, gradient, x, d, f_here, g_here)
    for k in range(trials):
        rate = shrink**k
        f_there = f(x + rate * d)
        rounding = ROUNDING * abs(f_here) if k == 0 else 0.0
        low = f_there <= f_here + c1 * rate * slope + rounding  # False for NaN
        if low and (k == 0 or f_there < f_here):
            return Step(rate, x + rate * d, f_there, gradient(x + rate * d))
    raise Stuck(f"no rate from 1 to {rate:.1g} makes f fall: is the gradient that of f?")


def strong_wolfe(f, gradient, x, d, *, f_here=None, g_here=None, c1=1e-4, c2=0.9, trials=40):
    """A rate where f fell enough and the slope is nearly flat.

        f(x + rate d) <= f(x) + c1 rate slope
        |slope there| <= c2 |slope here|

    Doubles the rate until such a rate lies between the last two, then calls `zoom`. The
    small c2, the closer to the minimum along d. Settings and errors as `backtracking`;
    0 < c1 < c2 < 1. Wolfe (1969); Nocedal and Wright (2006), algorithm 3.5.
    """
    if not (0 < c1 < c2 < 1 and trials >= 1):
        got = f"{c1}, {c2} and {trials}"
        raise ValueError(f"expected 0 < c1 < c2 < 1 and trials >= 1, got {got}")
    x, d, f_here, g_here, slope = start_of(f, gradient, x, d, f_here, g_here)
    rounding = ROUNDING * abs(f_here)

    def look(rate):
        f_there = f(x + rate * d)
        if f_there <= f_here + c1 * rate * slope + rounding:
            g_there = gradient(x + rate * d)
            if np.isfinite(g_there).all():
                return Step(rate, x + rate * d, f_there, g_there)
        return Step(rate, x + rate * d, f_there, None)  # too high: its gradient is not needed

    before, narrow = Step(0.0, x, f_here, g_here), partial(zoom, look, d, -c2 * slope, trials)
    for k in range(trials):
        here = look(2.0**k)
        if here.gradient is None or here.f > before.f + rounding:
            return narrow(before, here)
        if abs(here.gradient @ d) <= -c2 * slope:
            return here
        if here.gradient @ d > 0:
            return narrow(here, before)
        before = here
    raise Stuck(f"f still falls at rate {here.rate:.1g}: it seems to have no minimum this way")


def zoom(look, d, flat, trials, low, high):
    """Shrink the interval between two steps until one within has |slope| <= flat.

    look(rate) -> Step, its gradient None where f is too high. low: the lower end, from
    where f falls towards high. A parabola through both ends says where to look next.
    Nocedal and Wright (2006), algorithm 3.6.
    """
    for _ in range(trials):
        width, slope, share = high.rate - low.rate, low.gradient @ d, 0.5
        if high.gradient is not None and (high.gradient @ d - slope) * width > 0:
            share = slope / (slope - high.gradient @ d)  # where a line through both slopes is 0
        elif np.isfinite(high.f) and high.f - low.f > slope * width:
            share = -0.5 * slope * width / (high.f - low.f - slope * width)
        here = look(low.rate + width * min(max(share, 0.1), 0.9))
        if here.gradient is None or here.f > low.f + ROUNDING * abs(low.f):
            high = here
            continue
        if abs(here.gradient @ d) <= flat:
            return here
        low, high = here, low if (here.gradient @ d) * width > 0 else high
    raise Stuck(f"no rate near {low.rate:.3g} is low and flat: is the gradient that of f?")
