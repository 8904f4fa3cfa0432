"""Real handwritten digits, 8x8 pixels, shipped with scikit-learn."""

import numpy as np

from . import _checks


def digits(*, test_fraction: float = 0.2, seed: int = 0):
    """Load 1797 handwritten digits, split into a training and a test set.

    The split is stratified: of each digit, the same share goes to the test set. No image is in
    both. An equal `seed` gives an equal split.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x (N, 8, 8, 1) float32 in [0, 1], 0 = paper, 1 = ink, in steps of 1/16; y (N,) int64 in 0
        to 9. With the default fraction, N is 1438 and 359.

    Raises
    ------
    ValueError
        `test_fraction` outside (0, 1), or so small that some digit would miss in one of the sets.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (1998).
    """
    fraction = _checks.number(test_fraction, "test_fraction", 0.0, 1.0)
    rng = np.random.default_rng(_checks.count(seed, "seed", minimum=0))

    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    y = y.astype(np.int64)

    test = np.zeros(len(y), dtype=bool)
    for label in range(10):
        members = rng.permutation(np.flatnonzero(y == label))
        n_test = round(fraction * len(members))
        if not 0 < n_test < len(members):
            raise ValueError(
                "test_fraction must leave every digit in both sets (about 0.01 to 0.99), "
                f"got {test_fraction!r}."
            )
        test[members[:n_test]] = True

    train_order = rng.permutation(np.flatnonzero(~test))
    test_order = rng.permutation(np.flatnonzero(test))
    return (x[train_order], y[train_order]), (x[test_order], y[test_order])
