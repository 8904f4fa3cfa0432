"""Colored scenes of circles, squares, triangles and more: to classify, to segment, to detect."""

import numpy as np

from . import _checks, _drawing

SHAPES = tuple(_drawing.INSIDE)
MOST = 6  # objects that find room in one scene
TARGETS = ("label", "mask", "boxes")


def _range(objects):
    """(fewest, most) objects from a number or a pair."""
    pair = tuple(objects) if np.ndim(objects) == 1 and len(objects) == 2 else (objects, objects)
    low, high = (_checks.count(number, "objects") for number in pair)
    if not low <= high <= MOST:
        raise ValueError(
            f"objects must be a number from 1 to {MOST}, or a pair (fewest, most), got {objects!r}."
        )
    return low, high


def shapes(n: int, *, objects=1, kinds=SHAPES, size: int = 32, noise: float = 1.0,
           target: str = "label", rng):  # fmt: skip
    """Draw n colored scenes of geometric shapes, with what each one holds.

    Each object has a kind, a color, a size, a place and any angle, all at random and independent
    of each other: the color says nothing about the kind. Backgrounds blend two colors, under
    stripes, checks, patches or nothing; the pixels have noise of a standard deviation of up to
    0.05 noise. Objects lie apart or overlap at a corner; every one is visible.

    objects: how many a scene, 1 to 6, or a pair (fewest, most). kinds: names from `SHAPES`:
    circle, square, triangle, star, cross, heart. An object's class is its index in `kinds`,
    every one equally likely. `target` says what y is; the scenes of one seed are the same for all:

    - "label", for one object: y (n,) int64 in 0 to len(kinds) - 1;
    - "mask": y (n, size, size) int64, the class + 1 of each pixel's object, 0 = background;
    - "boxes": y = (boxes, labels). boxes (n, most, 4) float32: (y0, x0, y1, x1) in pixels around
      what is visible, rows y0 to y1 - 1, columns x0 to x1 - 1; labels (n, most) int64. The objects
      come from back to front; where a scene has fewer, boxes and labels are -1.

    Returns
    -------
    x (n, size, size, 3) float32 in [0, 1] in steps of 1/255, red, green, blue; y as above. The same
    seed gives the same data on every machine.

    Raises
    ------
    ValueError
        n < 1; objects outside 1 to 6, or not 1 for "label"; kinds empty, repeated or unknown; size
        < 24; noise outside [0, 2]; another target; rng no Generator.
    """
    n, size = _checks.count(n, "n"), _checks.count(size, "size", minimum=24)
    noise, rng = _checks.number(noise, "noise", 0.0, 2.0), _checks.generator(rng)
    fewest, most = _range(objects)
    known = isinstance(kinds, tuple | list) and len(kinds) > 0 and all(k in SHAPES for k in kinds)
    if not known or len(set(kinds)) < len(kinds):
        raise ValueError(f"kinds must be a list of different names of {SHAPES}, got {kinds!r}.")
    if target not in TARGETS:
        raise ValueError(f"target must be one of {TARGETS}, got {target!r}.")
    if target == "label" and most > 1:
        raise ValueError(f'target "label" needs objects=1, got {objects!r}: use "mask" or "boxes".')

    x = np.empty((n, size, size, 3), np.float32)
    masks = np.zeros((n, size, size), np.int64)
    boxes, labels = np.full((n, most, 4), -1, np.float32), np.full((n, most), -1, np.int64)
    for scene in range(n):
        picture, grounds = _drawing.background(rng, size)
        owner = np.full((size, size), -1)
        for k, place in enumerate(_drawing.places(rng, rng.integers(fewest, most + 1), size)):
            labels[scene, k] = rng.integers(len(kinds))
            kind = kinds[labels[scene, k]]
            cover, where = _drawing.cover(kind, *place, rng.integers(360), size)
            _drawing.paint(rng, picture, grounds, cover, where)
            owner[where][cover >= 0.5] = k
        for k in range(owner.max() + 1):
            masks[scene][owner == k] = labels[scene, k] + 1
            boxes[scene, k] = _drawing.box(owner == k)
        grain = rng.integers(256, size=(2, size, size, 3), dtype=np.uint8).astype(np.int64)
        grain = (grain[0] + grain[1] - 255) / 104.5  # a triangle of width 1
        picture = picture + 0.05 * noise * rng.random() * grain
        x[scene] = np.floor(255 * np.clip(picture, 0, 1) + 0.5)
    x /= 255
    return x, {"label": labels[:, 0], "mask": masks, "boxes": (boxes, labels)}[target]
