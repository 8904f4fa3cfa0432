"""What the demos that read a drawing share: strokes to ink, and ink to a network's input."""

import base64
import math

import numpy as np
import traitlets

SIDE = 28  # of the prepared picture, and the unit of the pad: it is 28 wide and high
FINE = 4  # ink is kept at 4 times that resolution
BOX = 20  # MNIST's digits fit a box of 20 x 20
SMALLEST = 7  # what is smaller on the pad is enlarged no further
KEPT = 24  # of the 28 rows: what `shrink` keeps


def ink(strokes, image=None):
    """Draw polylines [width, x1, y1, x2, y2, ...] over a 28 x 28 image: (112, 112) in [0, 1]."""
    side = SIDE * FINE
    paper = np.zeros((side, side))
    if image is not None and len(image):
        paper = np.kron(np.asarray(image, dtype=float), np.ones((FINE, FINE)))
    y, x = np.mgrid[:side, :side] + 0.5
    for width, *points in strokes:
        points = FINE * np.array(points).reshape(-1, 2)
        for start, end in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            along = end - start
            length = along @ along
            t = 0.0
            if length > 0:
                t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length, 0, 1)
            away = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
            paper = np.maximum(paper, np.clip(FINE * width / 2 + 0.5 - away, 0, 1))
    return paper


def prepare(paper, *, center=True, right=0.0, down=0.0, angle=0.0, zoom=1.0):
    """Reduce ink (n, n) to the network's input (28, 28), as MNIST's makers did (LeCun, 1998).

    With `center`, the ink's longer side becomes 20 pixels and its center of mass the middle; then
    it is turned clockwise by `angle` degrees, scaled by `zoom` and moved. Every pixel is the mean
    of 4 x 4 points, each interpolated bilinearly.
    """
    side = len(paper)
    x0 = y0 = side / 2
    fit = SIDE / side
    if center and paper.any():
        rows, columns = (np.flatnonzero(paper.any(axis)) for axis in (1, 0))
        longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
        fit = BOX / max(longest, SMALLEST / SIDE * side)
        middle = np.arange(side) + 0.5
        x0 = paper.sum(0) @ middle / paper.sum()
        y0 = paper.sum(1) @ middle / paper.sum()
    line = (np.arange(SIDE * FINE) + 0.5) / FINE - SIDE / 2
    u, v = line[None, :] - right, line[:, None] - down
    turn, size = math.radians(angle), fit * zoom
    cos, sin = math.cos(turn), math.sin(turn)
    x = x0 + (cos * u + sin * v) / size - 0.5
    y = y0 + (cos * v - sin * u) / size - 0.5
    column, row = np.floor(x), np.floor(y)
    padded = np.pad(paper, 2)
    total = 0.0
    for dy in (0, 1):
        for dx in (0, 1):
            i = np.clip(row + dy, -1, side).astype(int) + 2
            j = np.clip(column + dx, -1, side).astype(int) + 2
            share = (1 - np.abs(x - column - dx)) * (1 - np.abs(y - row - dy))
            total = total + share * padded[i, j]
    return total.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))


def shrink(image, side=16):
    """Reduce (28, 28) to (side, side), side 24 or less: its middle 24 x 24, by the means of areas.

    Where a new pixel covers parts of old ones, it takes them in these proportions.
    """
    edges = np.arange(side + 1) * KEPT / side
    low, high = (
        np.maximum.outer(edges[:-1], np.arange(KEPT)),
        np.minimum.outer(edges[1:], np.arange(1, KEPT + 1)),
    )
    share = np.maximum(high - low, 0) * side / KEPT
    cut = (SIDE - KEPT) // 2
    return share @ np.asarray(image, dtype=float)[cut:-cut, cut:-cut] @ share.T


def text_of(array):
    """An array's bytes as base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


class Strokes(traitlets.TraitType):
    """Lines [width, x1, y1, x2, y2, ...] on a pad of 28 x 28, y down; arrays are welcome."""

    def validate(self, demo, value):
        strokes = []
        for stroke in value if isinstance(value, list | tuple) else [value]:
            try:
                numbers = np.array(stroke, dtype=float)
            except (TypeError, ValueError):
                numbers = np.zeros(0)
            good = numbers.ndim == 1 and len(numbers) > 2 and len(numbers) % 2 == 1
            if not (good and 0 < numbers[0] <= SIDE and np.all((numbers >= 0) & (numbers <= SIDE))):
                raise traitlets.TraitError(
                    "a stroke must be [width, x1, y1, x2, y2, ...] with a width above 0 and all "
                    f"places in 0 to {SIDE}, not {stroke!r}"
                )
            strokes.append(numbers.tolist())
        return strokes
