"""Where weights begin: functions `initializer(shape, rng) -> float64 array`.

A kernel's last axis is its outputs. fan_in is how many inputs feed one output, fan_out how many
outputs one input feeds: n_in and n_out for Dense (n_in, n_out), and for a convolution
(rows, columns, channels_in, filters) the channels times the rows times the columns.
"""

import numpy as np


def fans(shape):
    """(fan_in, fan_out) of a kernel's shape; ValueError for a shape without two axes."""
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"expected a kernel shape (..., n_in, n_out), got {shape}")
    window = int(np.prod(shape[:-2]))
    return window * shape[-2], window * shape[-1]


def zeros(shape, rng=None):
    """All 0: right for biases, wrong for kernels (equal units stay equal)."""
    return np.zeros(shape)


def random_normal(shape, rng, stddev=0.05):
    """Normal numbers with mean 0 and the standard deviation `stddev` (Keras's default: 0.05)."""
    return rng.normal(0, stddev, shape)


def glorot_normal(shape, rng):
    """Variance 2 / (fan_in + fan_out), normal; for tanh and linear (Glorot and Bengio, 2010)."""
    return rng.normal(0, np.sqrt(2 / sum(fans(shape))), shape)


def glorot_uniform(shape, rng):
    """Variance 2 / (fan_in + fan_out), uniform on +-sqrt(6 / (fan_in + fan_out)); also "Xavier".

    The default of Keras's Dense and Conv2D (Glorot and Bengio, 2010).
    """
    limit = np.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-limit, limit, shape)


def he_normal(shape, rng):
    """Variance 2 / fan_in, normal; for ReLU and its relatives (He et al., 2015)."""
    return rng.normal(0, np.sqrt(2 / fans(shape)[0]), shape)


def he_uniform(shape, rng):
    """Variance 2 / fan_in, uniform on +-sqrt(6 / fan_in) (He et al., 2015)."""
    limit = np.sqrt(6 / fans(shape)[0])
    return rng.uniform(-limit, limit, shape)


def lecun_normal(shape, rng):
    """Variance 1 / fan_in, normal; for SELU (LeCun et al., 1998; Klambauer et al., 2017)."""
    return rng.normal(0, np.sqrt(1 / fans(shape)[0]), shape)


def lecun_uniform(shape, rng):
    """Variance 1 / fan_in, uniform on +-sqrt(3 / fan_in) (LeCun et al., 1998)."""
    limit = np.sqrt(3 / fans(shape)[0])
    return rng.uniform(-limit, limit, shape)


def orthogonal(shape, rng, gain=1.0):
    """A matrix with orthonormal rows or columns, times gain (Saxe et al., 2014).

    All axes but the last are flattened. The Q of a QR decomposition of normal
    numbers, its signs fixed by the diagonal of R, is uniform over all rotations
    and reflections (Mezzadri, 2007).
    """
    fans(shape)
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return gain * (q if rows >= columns else q.T).reshape(shape)


def sparse(shape, rng, connections=15, stddev=1.0):
    """Each unit hears `connections` inputs, drawn at random; the rest are 0 (Martens, 2010)."""
    fan_in, _ = fans(shape)
    if connections < 1:
        raise ValueError(f"expected connections >= 1, got {connections}")
    kernel = rng.normal(0, stddev, (fan_in, shape[-1]))
    rank = rng.random(kernel.shape).argsort(axis=0).argsort(axis=0)
    return np.where(rank < connections, kernel, 0.0).reshape(shape)


def identity(shape, rng=None, gain=1.0):
    """The identity matrix times `gain`; for square recurrent kernels (Le et al., 2015)."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"expected a square shape (n, n), got {shape}")
    return gain * np.eye(shape[0])
