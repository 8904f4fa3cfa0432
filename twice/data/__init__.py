"""Data sets: handwriting, rendered characters, colored shapes, toy planes, and the famous ones.

Every function returns float32 `x` and int64 `y`. Generated sets take `rng`, a NumPy Generator:
the same seed gives the same data. Only `mnist`, `fashion_mnist` and `cifar10` need a network, once.
The packages that draw and load (matplotlib's fonts, scikit-learn, Keras) are imported when a
function is called.
"""

from .digits import digits
from .downloads import cifar10, fashion_mnist, full_scale, mnist
from .glyphs import glyphs
from .shapes import SHAPES, shapes
from .toy import blobs, moons, spirals, split, xor

__all__ = [
    "SHAPES",
    "blobs",
    "cifar10",
    "digits",
    "fashion_mnist",
    "full_scale",
    "glyphs",
    "mnist",
    "moons",
    "shapes",
    "spirals",
    "split",
    "xor",
]
