"""Data sets that need no network: real handwriting, rendered characters, toy planes.

Every function returns float32 `x` and int64 `y`. Generated sets take `rng`, a NumPy Generator:
the same seed gives the same data. The packages that draw and load (matplotlib's fonts,
scikit-learn) are imported when a function is called.
"""

from .digits import digits
from .glyphs import glyphs
from .shapes import SHAPES, shapes
from .toy import blobs, moons, spirals, split, xor

__all__ = ["SHAPES", "blobs", "digits", "glyphs", "moons", "shapes", "spirals", "split", "xor"]
