"""Characters rendered from the fonts that come with matplotlib, bent and blurred."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from . import _checks

# The text fonts among matplotlib's files; the others hold symbols, or a box for every character.
FONTS = (
    *(f"DejaVuSans{style}.ttf" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}.ttf" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}.ttf" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}.ttf" for style in ("", "Bol", "Italic", "BolIta")),
    *(f"cm{style}10.ttf" for style in ("r", "b", "ss", "ti", "tt")),
)
STROKES = (0, 1, 2)  # pixels added around the outline, at twice the final resolution
CHUNK = 1000  # images warped at once: bounds the memory, costs no time


def fonts(characters: str) -> list[Path]:
    """Return the paths of matplotlib's text fonts that hold every one of `characters`."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    found = []
    for path in (folder / name for name in FONTS):
        if path.is_file():
            charmap = FT2Font(str(path)).get_charmap()
            if all(ord(c) in charmap for c in characters):
                found.append(path)
    return found


def _template(path: Path, character: str, side: int, stroke: int) -> np.ndarray:
    """Draw one character in the middle of a (side, side) image; its capitals are 0.7 side high."""
    from PIL import Image, ImageDraw, ImageFont

    big = 2 * side  # drawn large, then reduced: smooth edges
    font = ImageFont.truetype(str(path), 100)
    left, top, right, bottom = font.getbbox("0")
    font_size = 100 * 0.7 * big / (bottom - top)
    font = ImageFont.truetype(str(path), font_size)
    left, top, right, bottom = font.getbbox(character, stroke_width=2 * stroke)
    shrink = min(1.0, 0.86 * big / max(right - left, bottom - top, 1))
    if shrink < 1:
        font = ImageFont.truetype(str(path), font_size * shrink)
        left, top, right, bottom = font.getbbox(character, stroke_width=2 * stroke)
    image = Image.new("L", (big, big), 0)
    corner = ((big - left - right) / 2, (big - top - bottom) / 2)
    ImageDraw.Draw(image).text(corner, character, fill=255, font=font, stroke_width=2 * stroke)
    return np.asarray(image.reduce(2), dtype=np.float32) / 255


@lru_cache(maxsize=8)
def _templates(characters: str, size: int) -> np.ndarray:
    """Draw all characters in all fonts: (fonts, characters, strokes, 2 size, 2 size)."""
    paths = fonts(characters)
    if not paths:
        raise ValueError(
            f"characters must all be in one of matplotlib's text fonts, got {characters!r}."
        )
    return np.stack(
        [
            [[_template(path, c, 2 * size, stroke) for stroke in STROKES] for c in characters]
            for path in paths
        ]
    )


def _warp(images: np.ndarray, matrix: np.ndarray, shift: np.ndarray, size: int) -> np.ndarray:
    """Sample `images` (n, 2 size, 2 size) at matrix @ p + shift for every pixel p, bilinearly."""
    n, side = len(images), images.shape[1]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))  # one pixel of paper around
    axis = 2 * (np.arange(size, dtype=np.float32) - (size - 1) / 2)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij")).reshape(2, -1)  # rows, columns
    at = matrix @ grid + shift[:, :, None] + (side - 1) / 2 + 1
    at = np.clip(at, 0, side + 0.999)
    low = at.astype(np.int64)
    row, col = (at - low)[:, 0], (at - low)[:, 1]
    flat, width = padded.reshape(n, -1), side + 2
    index = low[:, 0] * width + low[:, 1]
    corners = (np.take_along_axis(flat, index + step, axis=1) for step in (0, 1, width, width + 1))
    a, b, c, d = corners
    sampled = (1 - row) * ((1 - col) * a + col * b) + row * ((1 - col) * c + col * d)
    return sampled.reshape(n, size, size)


def glyphs(n: int, *, characters: str = "0123456789", size: int = 28, distortion: float = 1.0, rng):
    """Draw n characters, each in a random font, stroke, angle, slant, scale and place, with noise.

    With distortion d: rotation within 12 d degrees, slant within 0.2 d, each axis scaled by up to
    15 d percent, shift within 0.07 d of the size, strokes up to one pixel thicker, ink down to 1 -
    0.3 d, Gaussian noise with a standard deviation of up to 0.06 d. With d = 0 the characters are
    clean and centered.

    Returns
    -------
    x (n, size, size, 1) float32 in [0, 1], 0 = paper, 1 = ink; y (n,) int64, the index into
    `characters`, every index equally likely.

    Raises
    ------
    ValueError
        n < 1; `characters` empty, repeated or in no font; size < 8; distortion outside [0, 2]; rng
        no Generator.
    """
    n = _checks.count(n, "n")
    size = _checks.count(size, "size", minimum=8)
    d = _checks.number(distortion, "distortion", 0.0, 2.0)
    rng = _checks.generator(rng)
    if (
        not isinstance(characters, str)
        or not characters
        or characters != "".join(characters.split())
    ):
        raise ValueError(f"characters must be a string of visible characters, got {characters!r}.")
    if len(set(characters)) != len(characters):
        raise ValueError(f"characters must all differ, got {characters!r}.")

    templates = _templates(characters, size)
    y = rng.integers(len(characters), size=n)
    font = rng.integers(len(templates), size=n)
    stroke = rng.integers(len(STROKES), size=n) if d > 0 else np.zeros(n, dtype=int)

    angle = np.deg2rad(rng.uniform(-12, 12, n) * d)
    slant = rng.uniform(-0.2, 0.2, n) * d
    scale = np.exp(rng.uniform(-1, 1, (n, 2)) * np.log1p(0.15 * d))
    cos, sin = np.cos(angle), np.sin(angle)
    rotate = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)
    shear = np.zeros((n, 2, 2)) + np.eye(2)
    shear[:, 1, 0] = slant
    matrix = (rotate @ shear / scale[:, None, :]).astype(np.float32)
    shift = (rng.uniform(-0.07, 0.07, (n, 2)) * 2 * size * d).astype(np.float32)
    ink = (1 - rng.uniform(0, 0.3, n) * d).astype(np.float32)
    grain = (rng.uniform(0, 0.06, n) * d).astype(np.float32)

    x = np.empty((n, size, size, 1), dtype=np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        chosen = templates[font[part], y[part], stroke[part]]
        warped = _warp(chosen, matrix[part], shift[part], size) * ink[part, None, None]
        noise = rng.standard_normal(warped.shape, dtype=np.float32) * grain[part, None, None]
        x[part, ..., 0] = np.clip(warped + noise, 0, 1)
    return x, y
