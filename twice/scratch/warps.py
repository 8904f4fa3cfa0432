"""Images flipped, moved, turned and zoomed: augmentations that send each pixel elsewhere.

They are called as those of `twice.scratch.augmentation`, which explains batches and ranges.
Pixels in [0, 1] stay there (up to rounding), if fill_value is in there, too.
"""

import numpy as np

from twice.scratch.augmentation import Augmentation, limits, number

FLIPPED = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (1, 2)}


class RandomFlip(Augmentation):
    """One image in two is flipped: z[n, r, c] = x[n, r, W - 1 - c], or x itself.

    mode: "horizontal", as above; "vertical", upside down; "horizontal_and_vertical",
    both by one coin, as in Keras: a half turn. labels: None, every label survives; or
    {class: class of its flipped image}, for y (N,) of whole numbers: images of a class
    that is not in it have no label once flipped, and never are.
    Raises ValueError for another y.
    """

    def __init__(self, mode="horizontal_and_vertical", *, labels=None, rng):
        super().__init__(rng)
        if mode not in FLIPPED:
            raise ValueError(f"expected mode to be in {list(FLIPPED)}, got {mode!r}")
        self.mode, self.labels = mode, None if labels is None else dict(labels)
        for label in [*(self.labels or {}), *(self.labels or {}).values()]:
            if not isinstance(label, int | np.integer):
                raise ValueError(f"expected labels of whole numbers, got {label!r}")

    def change(self, x, y):
        flip = self.rng.random(len(x)) < 0.5
        if self.labels is not None:
            if y.ndim != 1 or y.dtype.kind not in "iu":
                wanted = "expected labels (N,) of whole numbers"
                raise ValueError(f"{self!r}: {wanted}, got {y.shape} of {y.dtype}")
            flip &= np.isin(y, list(self.labels))
            y = y.copy()
            y[flip] = [self.labels[label] for label in y[flip].tolist()]
        z = x.copy()
        z[flip] = np.flip(x[flip], FLIPPED[self.mode])
        return z, y


def outside_in(index, size, fill_mode):
    """Which of the pixels 0 ... size - 1 stands at an index beyond the edge."""
    if fill_mode == "reflect":  # d c b a | a b c d | d c b a
        index = index % (2 * size)
        return np.minimum(index, 2 * size - 1 - index)
    return np.clip(index, 0, size - 1)  # a a a a | a b c d | d d d d


def affine_warp(x, matrix, shift=0.0, fill_mode="reflect", fill_value=0.0):
    """z[n, p] = x[n, A_n (p - c) + c + t_n] for each pixel p = (row, column); middle c.

    x, z (N, H, W, C); matrix A (N, 2, 2); shift t (N, 2), in pixels. They lead from a
    new pixel back to where it comes from, so none stays empty. Between pixels the value
    is the bilinear mean of four. Beyond the edge: "reflect", "nearest", or "constant",
    which is fill_value. Raises ValueError for another word, other shapes. Simard et al.
    (2003).
    """
    if fill_mode not in ("reflect", "nearest", "constant"):
        words = "'reflect', 'nearest' or 'constant'"
        raise ValueError(f"expected fill_mode {words}, got {fill_mode!r}")
    if np.ndim(x) != 4 or np.shape(matrix) != (len(x), 2, 2):
        shapes = f"{np.shape(x)} and {np.shape(matrix)}"
        raise ValueError(f"expected x (N, H, W, C), matrix (N, 2, 2), got {shapes}")
    n, height, width, _ = x.shape
    size = np.array([height, width])
    center, shift = (size - 1) / 2, np.broadcast_to(shift, (n, 2))
    grid = np.stack(np.mgrid[:height, :width], axis=-1) - center
    at = np.einsum("nij,hwj->nhwi", matrix, grid) + center + shift[:, None, None]
    corner = np.floor(at).astype(int)
    z = np.zeros_like(x)
    for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
        place = corner + step
        near = 1 - np.abs(at - place).astype(x.dtype)
        share = near[..., :1] * near[..., 1:]
        row, column = (outside_in(place[..., k], size[k], fill_mode) for k in (0, 1))
        found = x[np.arange(n)[:, None, None], row, column]
        if fill_mode == "constant":
            inside = (row == place[..., 0]) & (column == place[..., 1])
            found = np.where(inside[..., None], found, x.dtype.type(fill_value))
        z += share * found
    return z


class Geometric(Augmentation):
    """An `affine_warp` by the n matrices and shifts from `back(n, height, width)`."""

    def __init__(self, fill_mode, fill_value, rng):
        super().__init__(rng)
        fill_value = number("fill_value", fill_value)
        self.fill = {"fill_mode": fill_mode, "fill_value": fill_value}
        affine_warp(np.zeros((1, 1, 1, 1)), np.eye(2)[None], **self.fill)  # hears typos

    def change(self, x, y):
        return affine_warp(x, *self.back(len(x), *x.shape[1:3]), **self.fill), y


class RandomTranslation(Geometric):
    """Each image moved down by height_factor H pixels, and right by width_factor W.

    The factors are drawn from ranges within [-1, 1]. The rest is as in `affine_warp`.
    """

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        fill_value=0.0,
        *,
        rng,
    ):
        super().__init__(fill_mode, fill_value, rng)
        self.down = limits("height_factor", height_factor, -1, 1)
        self.right = limits("width_factor", width_factor, -1, 1)

    def back(self, n, height, width):
        down, right = self.draw(self.down, n) * height, self.draw(self.right, n) * width
        return np.broadcast_to(np.eye(2), (n, 2, 2)), -np.stack([down, right], axis=1)


class RandomRotation(Geometric):
    """Each image turned by 2 pi factor around its center, counterclockwise if positive.

    A = [[cos, sin], [-sin, cos]] on (row, column), rows counted downward. factor: a
    range within [-1, 1]; 0.1 is 36 degrees. The rest is as in `affine_warp`.
    """

    def __init__(self, factor, fill_mode="reflect", fill_value=0.0, *, rng):
        super().__init__(fill_mode, fill_value, rng)
        self.factor = limits("factor", factor, -1, 1)

    def back(self, n, height, width):
        angle = 2 * np.pi * self.draw(self.factor, n)
        cos, sin = np.cos(angle), np.sin(angle)
        return np.stack([cos, sin, -sin, cos], axis=1).reshape(n, 2, 2), 0.0


class RandomZoom(Geometric):
    """Each image 1 + factor times as small: a positive factor zooms out, as in Keras.

    A = [[1 + height_factor, 0], [0, 1 + width_factor]], drawn from ranges above -1.
    Without width_factor one draw is for both, and shapes keep their proportions.
    The rest is as in `affine_warp`.
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        fill_value=0.0,
        *,
        rng,
    ):
        super().__init__(fill_mode, fill_value, rng)
        above = np.nextafter(-1, 0)
        self.down = limits("height_factor", height_factor, above)
        self.right = None
        if width_factor is not None:
            self.right = limits("width_factor", width_factor, above)

    def back(self, n, height, width):
        down = 1 + self.draw(self.down, n)
        right = down if self.right is None else 1 + self.draw(self.right, n)
        return np.stack([down, right], axis=1)[:, None] * np.eye(2), 0.0
