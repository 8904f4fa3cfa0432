"""Prepare the inputs: scale, rotate, whiten, fold. Statistics come from the training set alone.

Everything with statistics has `fit(x)`, which takes them from x and returns itself, then
`transform(x)` for any samples, and `inverse(z)`, the way back. x is (N, F), its dtype is kept.
"""

import numpy as np


def check_features(x, n_features=None):
    """x as an array of floats (N, F), N >= 1; ValueError if it is not, or if F is another."""
    x = np.asarray(x)
    x = x if x.dtype.kind == "f" else x.astype(np.float32)
    if x.ndim != 2 or 0 in x.shape or n_features not in (None, x.shape[1]):
        raise ValueError(f"expected x (N, {n_features or 'F'}), not empty, got {x.shape}")
    return x


def check_fitted(thing):
    if not hasattr(thing, "mean"):
        name = type(thing).__name__
        raise ValueError(f"expected fit(x_train) before the {name} is used, got no fit")


class Standardizer:
    """z = (x - mean) / std, feature by feature; mean and std (F,) are those of `fit`'s x.

    A feature that never varies is only centered. Keras: the layer Normalization.
    Raises ValueError for another shape, and for `transform` before `fit`.
    """

    def fit(self, x):
        x = check_features(x)
        self.mean, self.std = x.mean(axis=0), x.std(axis=0)
        rounding = 10 * np.finfo(x.dtype).eps * np.abs(x).max(axis=0)
        self.std[self.std <= rounding] = 1
        return self

    def transform(self, x):
        check_fitted(self)
        return (check_features(x, len(self.mean)) - self.mean) / self.std

    def inverse(self, z):
        check_fitted(self)
        return check_features(z, len(self.mean)) * self.std + self.mean


class PCA:
    """Principal components: the orthogonal directions in which x varies most.

    With the mean subtracted, x = U S V^T. The rows of V^T are the directions,
    `components` (K, F); S^2 / N is the variance along each, `explained_variance` (K,),
    largest first; `explained_ratio` is its share of the whole. z = (x - mean) V (N, K).
    n_components: K, at most min(N, F), or None for all. A component's sign is free:
    its largest entry is made positive. ValueError for other shapes, or before `fit`.
    Source: Pearson (1901).
    """

    def __init__(self, n_components=None):
        if n_components is not None and n_components < 1:
            raise ValueError(f"expected n_components >= 1, got {n_components}")
        self.n_components = n_components

    def fit(self, x):
        x = check_features(x)
        k = min(x.shape) if self.n_components is None else self.n_components
        if k > min(x.shape):
            raise ValueError(f"expected n_components <= {min(x.shape)}, got {k}")
        self.mean = x.mean(axis=0)
        _, s, directions = np.linalg.svd(x - self.mean, full_matrices=False)
        largest = np.abs(directions).argmax(axis=1)
        directions *= np.sign(directions[np.arange(len(s)), largest])[:, None]
        variance = s**2 / len(x)
        self.components, self.explained_variance = directions[:k], variance[:k]
        total = max(variance.sum(), np.finfo(x.dtype).tiny)
        self.explained_ratio = variance[:k] / total
        return self

    def transform(self, x):
        check_fitted(self)
        return (check_features(x, len(self.mean)) - self.mean) @ self.components.T

    def inverse(self, z):
        """Back to (N, F); what lay outside the K directions is lost."""
        check_fitted(self)
        return check_features(z, len(self.components)) @ self.components + self.mean


class Whitener(PCA):
    """PCA, then each direction divided by its standard deviation: the covariance becomes I.

    zca=True turns the result back, z V^T (N, F): of all white versions of x the one that
    is closest to it (Bell and Sejnowski, 1997). epsilon is added to the variances first, so
    that directions with hardly any do not turn into pure amplified noise.
    """

    def __init__(self, n_components=None, *, zca=False, epsilon=1e-5):
        super().__init__(n_components)
        if epsilon < 0:
            raise ValueError(f"expected epsilon >= 0, got {epsilon}")
        self.zca, self.epsilon = zca, epsilon

    def scale(self):
        check_fitted(self)
        floor = np.finfo(self.mean.dtype).tiny
        return np.sqrt(np.maximum(self.explained_variance + self.epsilon, floor))

    def transform(self, x):
        z = super().transform(x) / self.scale()
        return z @ self.components if self.zca else z

    def inverse(self, z):
        scale = self.scale()
        if self.zca:
            z = check_features(z, len(self.mean)) @ self.components.T
        return super().inverse(check_features(z, len(scale)) * scale)


def k_folds(n, k, *, rng=None):
    """k pairs (training indices, validation indices) of n samples for cross-validation.

    Every sample is in exactly one validation part; their sizes differ by one at most.
    rng shuffles; None keeps the order. Raises ValueError unless 2 <= k <= n.
    Sources: Stone (1974), Geisser (1975).
    """
    if not 2 <= k <= n:
        raise ValueError(f"expected 2 <= k <= n, got k = {k} and n = {n}")
    parts = np.array_split(np.arange(n) if rng is None else rng.permutation(n), k)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(k)]
