"""Drawing for `twice.data.shapes`: backgrounds, places, and what lies inside a shape.

Only by operations whose last bit every processor agrees on: sums, products, quotients and roots of
single entries, and random bits. So the same seed draws the same pixels everywhere.
"""

import numpy as np

SAMPLES = 4  # points a side at which a pixel asks whether it lies inside: 16 shades of an edge


def _table(function, degrees):
    """A cosine or sine, rounded: processors differ in the last digits of such functions."""
    return np.round(function(np.deg2rad(degrees)), 9)


COS, SIN = _table(np.cos, np.arange(360)), _table(np.sin, np.arange(360))
TIPS = np.stack([_table(np.cos, 72.0 * np.arange(5)), _table(np.sin, 72.0 * np.arange(5))], axis=1)


def _star(u, v):
    """Within at least four of the five lines that make a pentagram."""
    return sum((a * v - b * u >= -0.309017).astype(np.int8) for a, b in TIPS) >= 4


def _heart(u, v):
    x, y = 1.25 * u, 0.15 - 1.25 * v
    square = x * x
    ball = square + y * y - 1
    return ball * ball * ball <= square * y * y * y


# Whether a point lies inside; (u, v) is right and down from the center, in units of the radius.
INSIDE = {
    "circle": lambda u, v: u * u + v * v <= 1,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) <= 0.72,
    "triangle": lambda u, v: (v <= 0.5) & (0.866025 * abs(u) - 0.5 * v <= 0.5),
    "star": _star,
    "cross": lambda u, v: (
        (np.minimum(abs(u), abs(v)) <= 0.3) & (np.maximum(abs(u), abs(v)) <= 0.94)
    ),
    "heart": _heart,
}


def _between(rng, low, high, shape=None):
    """Uniform numbers. (`rng.uniform` may round its product and sum at once, or not.)"""
    return low + (high - low) * rng.random(shape)


def _color(rng, saturation, value):
    """Red, green, blue of a random hue, with saturation and value from the ranges given."""
    hue, s, v = 6 * rng.random(), _between(rng, *saturation), _between(rng, *value)
    away = abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    return v * (1 - s * (1 - np.minimum(np.maximum(away, 0.0), 1.0)))


def background(rng, size):
    """Two related colors that blend along a line, under stripes, checks, patches or nothing."""
    first = _color(rng, (0.05, 0.55), (0.15, 0.95))
    second = np.clip(first + _between(rng, -0.22, 0.22, 3), 0, 1)
    at = (np.arange(size) + 0.5) / size - 0.5
    degree = rng.integers(360)
    along = COS[degree] * at[None, :] + SIN[degree] * at[:, None]
    blend = np.clip(along + 0.5, 0, 1)[:, :, None]
    picture = (1 - blend) * first + blend * second
    pattern, period = rng.integers(4), _between(rng, 4, 9) / size
    phase, strength = rng.random(), _between(rng, 0.03, 0.09)
    if pattern == 1:  # stripes across the line
        wave = abs((along / period + phase) % 1 * 4 - 2) - 1
    elif pattern == 2:  # checks
        steps = np.floor(at / period + phase)
        wave = (steps[None, :] + steps[:, None]) % 2 * 2 - 1
    elif pattern == 3:  # patches: a coarse random grid, smoothly enlarged
        coarse = _between(rng, -1.5, 1.5, (6, 6))
        place = (at + 0.5) * 4.999
        low = place.astype(int)
        part = (place - low)[:, None]
        rows = (1 - part) * coarse[low] + part * coarse[low + 1]
        wave = (1 - part.T) * rows[:, low] + part.T * rows[:, low + 1]
    else:
        wave = np.zeros((size, size))
    return np.clip(picture + strength * wave[:, :, None], 0, 1), (first, second)


def places(rng, count, size):
    """Centers (row, column) and radii of `count` objects that hardly touch; tried until it fits."""
    unit = size / 32
    most = 13 / np.sqrt(count)
    least = max(0.5 * most, 4.0)
    while True:
        placed = []
        for _ in range(40 * count):
            radius = _between(rng, least, most) * unit
            row, column = _between(rng, radius + 0.5, size - radius - 0.5, 2)
            clear = (
                (row - r) * (row - r) + (column - c) * (column - c)
                >= 0.81 * (radius + s) * (radius + s)
                for r, c, s in placed
            )
            if all(clear):
                placed.append((row, column, radius))
                if len(placed) == count:
                    return placed


def cover(kind, row, column, radius, degree, size):
    """How much of each pixel the object covers, in 16ths / 16, and where that patch lies."""
    top, left = max(int(row - radius) - 1, 0), max(int(column - radius) - 1, 0)
    bottom = min(int(row + radius) + 2, size)
    right = min(int(column + radius) + 2, size)
    down = (top + (np.arange(SAMPLES * (bottom - top)) + 0.5) / SAMPLES - row) / radius
    across = (left + (np.arange(SAMPLES * (right - left)) + 0.5) / SAMPLES - column) / radius
    cos, sin = COS[degree], SIN[degree]
    u = (cos * across)[None, :] + (sin * down)[:, None]
    v = (cos * down)[:, None] - (sin * across)[None, :]
    hits = INSIDE[kind](u, v).view(np.uint8)
    hits = sum(hits[i::SAMPLES] for i in range(SAMPLES))
    hits = sum(hits[:, j::SAMPLES] for j in range(SAMPLES))
    return hits / SAMPLES**2, (slice(top, bottom), slice(left, right))


def paint(rng, picture, grounds, cover, where):
    """Lay an object over the picture, in a color unlike the background's, lit from above."""
    while True:
        color = _color(rng, (0.5, 1.0), (0.55, 1.0))
        if min(abs(color - ground).sum() for ground in grounds) > 0.75:
            break
    height, width = cover.shape
    light = (np.arange(height)[:, None] / height + np.arange(width)[None, :] / width) - 1
    shaded = np.minimum(color * (1 - 0.22 * light)[:, :, None], 1)
    part = cover[:, :, None]
    picture[where] = (1 - part) * picture[where] + part * shaded


def box(mine):
    """(y0, x0, y1, x1) around the True pixels; y1 and x1 are the first row and column beyond."""
    rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
