"""Directions that learn the curvature from the gradients on the way: CG, BFGS, L-BFGS.

The loop is in `twice.scratch.directions`, the searches in `twice.scratch.line_search`.
"""

from collections import deque
from dataclasses import replace
from functools import partial

import numpy as np

from twice.scratch.directions import follow
from twice.scratch.line_search import strong_wolfe

CAREFUL = partial(strong_wolfe, c2=0.1)  # conjugate directions want nearly exact searches


def nonlinear_cg(f, gradient, x, *, beta="polak-ribiere", search=CAREFUL, **settings):
    """d <- -g + beta d: conjugate gradients where f is no parabola.

        "polak-ribiere":   beta = max(0, g . (g - g_before) / |g_before|^2)
        "fletcher-reeves": beta = |g|^2 / |g_before|^2

    Where d would not descend it begins anew with -g. The second may jam: a bad direction
    is followed by a bad one (Powell, 1977). Returns a `Result`; settings and
    errors as `directions.follow`. Fletcher and Reeves (1964); Polak and Ribiere (1969).
    """
    if beta not in ("polak-ribiere", "fletcher-reeves"):
        raise ValueError(f'expected beta "polak-ribiere" or "fletcher-reeves", got {beta!r}')
    last = None

    def direction(x, g):
        nonlocal last
        if last is None:
            d, guess = -g, 1 / max(1.0, np.linalg.norm(g))
        else:
            x_before, g_before, d_before = last
            change = g - g_before if beta == "polak-ribiere" else g
            d = -g + max(0.0, g @ change / (g_before @ g_before)) * d_before
            d = d if g @ d < 0 else -g
            guess = (x - x_before) @ g_before / (g @ d)  # promises as much as the last step
        last = x, g, d
        return guess * d

    return follow(f, gradient, x, direction, search=search, **settings)


def bfgs_update(inverse, s, y):
    """The inverse Hessian after a step s = change of x, y = change of the gradient.

        B <- (I - s y^T / y.s) B (I - y s^T / y.s) + s s^T / y.s

    The new B (n, n) says what was just seen, B y = s, and stays symmetric and positive
    definite; multiplied out it costs some n^2 products. Raises ValueError unless
    y . s > 0. Broyden, Fletcher, Goldfarb and Shanno (1970), each on their own.
    """
    if not y @ s > 0:
        raise ValueError(f"expected y . s > 0 (the slope rose), got {y @ s}")
    cross = np.outer(inverse @ y, s)
    stretch = 1 + y @ inverse @ y / (y @ s)
    return inverse + (stretch * np.outer(s, s) - cross - cross.T) / (y @ s)


def curved(s, y):
    """Whether the gradient rose along the step, by more than its rounding."""
    return y @ s > 1e-14 * np.linalg.norm(s) * np.linalg.norm(y)


def bfgs(f, gradient, x, *, search=strong_wolfe, **settings):
    """d = -B g with B, an estimate of the inverse Hessian that every step improves.

    B begins at the identity, scaled by y.s / y.y of the first step, and takes n^2
    numbers. Returns a `Result`, B as its `inverse_hessian`; settings and errors as
    `directions.follow`. Nocedal and Wright (2006), algorithm 6.1.
    """
    inverse = last = None

    def learn(x, g):
        nonlocal inverse, last
        if last is not None and curved(s := x - last[0], y := g - last[1]):
            if inverse is None:
                inverse = y @ s / (y @ y) * np.eye(len(x))
            inverse = bfgs_update(inverse, s, y)
        last = x, g

    def direction(x, g):
        learn(x, g)
        return -g / max(1.0, np.linalg.norm(g)) if inverse is None else -inverse @ g

    result = follow(f, gradient, x, direction, search=search, **settings)
    learn(result.x, result.gradient)
    known = np.eye(len(result.x)) if inverse is None else inverse
    return replace(result, inverse_hessian=known)


def two_loop(g, pairs):
    """B g without B: the BFGS updates of the last pairs (s, y), applied one by one.

    pairs: the oldest first. Costs 4 m n products and keeps 2 m n numbers. Nocedal (1980).
    """
    shares, q = [], g
    for s, y in reversed(pairs):
        shares.append(s @ q / (y @ s))
        q = q - shares[-1] * y
    if pairs:
        s, y = pairs[-1]
        q = (y @ s / (y @ y)) * q
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        q = q + (share - y @ q / (y @ s)) * s
    return q


def lbfgs(f, gradient, x, *, memory=10, search=strong_wolfe, **settings):
    """d = -B g with B from the last `memory` steps alone: BFGS for many parameters.

    Returns a `Result`; settings and errors as `directions.follow`, memory >= 1.
    Liu and Nocedal (1989).
    """
    if not memory >= 1:
        raise ValueError(f"expected memory >= 1, got {memory}")
    pairs, last = deque(maxlen=memory), None

    def direction(x, g):
        nonlocal last
        if last is not None and curved(x - last[0], g - last[1]):
            pairs.append((x - last[0], g - last[1]))
        last = x, g
        scale = 1 if pairs else 1 / max(1.0, np.linalg.norm(g))
        return -scale * two_loop(g, pairs)

    return follow(f, gradient, x, direction, search=search, **settings)
