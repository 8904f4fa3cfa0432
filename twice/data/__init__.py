"""Data sets: handwriting, rendered characters, colored shapes, toy planes, sequences, the famous.

Most functions return float32 `x` and int64 `y`; the sequences say what they return. Generated sets
take `rng`, a NumPy Generator: the same seed gives the same data. Only `mnist`, `fashion_mnist` and
`cifar10` need a network, once. The packages that draw and load (matplotlib's fonts, scikit-learn,
Keras) are imported when a function is called.
"""

from .digits import digits
from .downloads import cifar10, fashion_mnist, full_scale, mnist
from .glyphs import glyphs
from .prose import Prose, prose
from .sequences import Dates, adding, dates, split_by_time, waves, windows_of
from .shapes import SHAPES, shapes
from .source import LETTERS, like_source, source_weights
from .toy import blobs, moons, ring, ring_centers, spirals, split, xor
from .vocabulary import Vocabulary

__all__ = [
    "LETTERS",
    "SHAPES",
    "Dates",
    "Prose",
    "Vocabulary",
    "adding",
    "blobs",
    "cifar10",
    "dates",
    "digits",
    "fashion_mnist",
    "full_scale",
    "glyphs",
    "like_source",
    "mnist",
    "moons",
    "prose",
    "ring",
    "ring_centers",
    "shapes",
    "source_weights",
    "spirals",
    "split",
    "split_by_time",
    "waves",
    "windows_of",
    "xor",
]
