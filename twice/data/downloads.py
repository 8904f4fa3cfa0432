"""The data sets that everybody compares on, loaded by Keras, which keeps them in its folder.

Nothing in the book needs them: a cell that trains on them asks `full_scale()` first. The first call
downloads; later ones read the folder that KERAS_HOME names, or ~/.keras.
"""

import gzip
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np

CLOUD = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
MNIST_TRAIN = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
MNIST_TEST = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
FASHION = {  # file: its bytes when unpacked, a header and one byte a label or a pixel
    "train-labels-idx1-ubyte.gz": 8 + 60_000,
    "train-images-idx3-ubyte.gz": 16 + 60_000 * 784,
    "t10k-labels-idx1-ubyte.gz": 8 + 10_000,
    "t10k-images-idx3-ubyte.gz": 16 + 10_000 * 784,
}


def mnist():
    """Load 70,000 handwritten digits, already split into a training and a test set.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x (N, 28, 28, 1) float32 in [0, 1], 0 = paper, 1 = ink; y (N,) int64 in 0 to 9; N is 60,000
        and 10,000.

    Raises
    ------
    FileNotFoundError
        The file is not there and cannot be downloaded; says what to put where.
    ValueError
        The file is broken or holds something else; names it.

    Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to
    document recognition (1998).
    """
    source = {"mnist.npz": f"{CLOUD}/mnist.npz"}
    return _load("mnist", source, (28, 28), (MNIST_TRAIN, MNIST_TEST))


def fashion_mnist():
    """Load 70,000 pictures of clothes in ten classes, in the format of `mnist`.

    0 T-shirt, 1 trousers, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle
    boot: 6,000 of each to train with, 1,000 to test. Returns and raises what `mnist` does. Source:
    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST (2017).
    """
    source = {f"fashion-mnist/{file}": f"{CLOUD}/{file}" for file in FASHION}
    return _load("fashion_mnist", source, (28, 28), (10 * (6000,), 10 * (1000,)))


def cifar10():
    """Load 60,000 color photographs in ten classes, split into a training and a test set.

    0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck: 5,000
    of each to train with, 1,000 to test. x (N, 32, 32, 3) float32 in [0, 1], red, green, blue; y
    (N,) int64. Raises what `mnist` does. Source: A. Krizhevsky, Learning multiple layers of
    features from tiny images (2009).
    """
    origin = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    source = {"cifar-10-batches-py-target_archive": origin}
    return _load("cifar10", source, (32, 32, 3), (10 * (5000,), 10 * (1000,)))


def full_scale() -> bool:
    """Whether to train at full scale: TWICE_SCALE=full in the environment, else "small".

    A cell with a large data set or a long training asks this, so that the book runs everywhere.
    Raises ValueError for a TWICE_SCALE other than "small" and "full".
    """
    scale = os.environ.get("TWICE_SCALE", "small")
    if scale not in ("small", "full"):
        raise ValueError(f'TWICE_SCALE must be "small" or "full", got {scale!r}.')
    return scale == "full"


def _folder() -> Path:
    """Where Keras keeps data sets: it takes a temporary folder if its own cannot be written."""
    from keras.src.backend.config import keras_home

    home = Path(keras_home()).expanduser()
    if not os.access(home, os.W_OK):
        home = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / ".keras"
    return home / "datasets"


def _broken(path: Path) -> bool:
    """Whether a file of Fashion-MNIST cannot be unpacked to its right size."""
    try:
        with gzip.open(path) as file:
            return len(file.read()) != FASHION[path.name]
    except (OSError, EOFError, zlib.error):
        return True


def _load(name, source, image, counts):
    """Load by Keras, check what came, and return it as the book's sets are."""
    from twice.parity import keras

    folder = _folder()
    there = [file for file in source if (folder / file).exists()]
    try:
        parts = getattr(keras.datasets, name).load_data()
    except Exception as error:
        missing = [file for file in source if file not in there and not (folder / file).exists()]
        if missing:
            file = missing[0]
            raise FileNotFoundError(
                f"data.{name}() found no {folder / file} and could not download it ({error}). "
                f"Fetch {source[file]} where there is a network and put it there under that name; "
                "the folder above datasets is KERAS_HOME, or ~/.keras."
            ) from error
        bad = [file for file in source if name == "fashion_mnist" and _broken(folder / file)]
        file = (bad or [*source])[0]
        raise ValueError(
            f"{folder / file} is broken or only half of it was downloaded ({error}). Delete it and "
            f"call data.{name}() again, or put a whole {source[file]} in its place."
        ) from error
    return tuple(_checked(*part, folder / next(iter(source)), image, count)
                 for part, count in zip(parts, counts, strict=True))  # fmt: skip


def _checked(x, y, path, image, counts):
    """x as float32 in [0, 1] with channels, y as int64; ValueError for what is not the data set."""
    x, y = np.asarray(x), np.asarray(y)
    found = np.bincount(y.ravel(), minlength=10) if y.dtype == np.uint8 else ()
    if x.dtype != np.uint8 or x.shape != (sum(counts), *image) or tuple(found) != counts:
        raise ValueError(
            f"{path} holds another data set: expected uint8 images {(sum(counts), *image)} with "
            f"{counts} of the ten classes, got {x.dtype} {x.shape} with {tuple(map(int, found))}."
        )
    x = np.divide(np.ascontiguousarray(x), np.float32(255), dtype=np.float32)
    return x.reshape(*x.shape[:3], -1), y.ravel().astype(np.int64)
