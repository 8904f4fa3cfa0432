"""Test error against the number of features: up to a peak at as many features as samples, and down.

Random features, as in Belkin, Hsu, Ma and Mandal (2019) and Mei and Montanari (2022): the first
layer is drawn and stays, phi(x) = relu(W x) / sqrt(p) with p rows in W, and least squares finds
the weights of the second layer. Where many weights fit the samples exactly, the shortest are
taken; ridge regression adds strength * |w|^2 to the sum of squared errors instead.

`make experiments SLUG=double_descent`, or `python -m experiments.double_descent --seeds 0 1`: half
a minute on one core. The digits have one-hot targets less 0.1; the teacher is a linear function of
inputs on a sphere, of variance 1. Noise falls on training and validation targets alone, never on
the test: that share of the digits' labels becomes another digit, and to the teacher's numbers are
added normal ones of that standard deviation. Each seed draws images or inputs, noise and features.

What it stores: samples, features (the sizes), and under by_features[TASK][NOISE], one list a size:
minimum norm   test_mse, norm (of the weights), digits also test_error (the share of wrong digits):
               one number a seed; train_mse: its mean
ridge STRENGTH test_mse: its mean over the seeds, for the fixed STRENGTHS
best ridge     test_mse, strength (the best of GRID on the validation data), test_error: as above
endless[TASK][NOISE]: test_mse and test_error of the minimum norm as p goes to infinity, one a seed.
by_samples[TASK][NOISE][METHOD] is test_mse alone, for FIXED features and ever more samples.
"""

import math
import time

import numpy as np

from experiments import record
from twice import data

SEEDS = range(10)
SAMPLES, VALIDATION, TEST = 300, 150, 1000
FEATURES = (10, 30, 60, 100, 150, 200, 250, 280, 295, 300, 305, 320, 350, 400, 500, 700, 1000,
            2000, 4000)  # fmt: skip
FIXED = 300
COUNTS = (30, 60, 100, 150, 200, 250, 280, 300, 320, 350, 400, 500, 600)
STRENGTHS = (1e-4, 1e-2, 1.0)
GRID = (0.0, *(10 ** (k / 2) for k in range(-12, 7)))  # 0 is the minimum norm
NOISES = {"digits": (0.0, 0.2), "teacher": (0.0, 0.5)}
INPUTS = 30  # of the teacher


def other_digits(y, share, rng):
    """The labels y (N,), where that share of them, drawn at random, has become another digit."""
    y = y.copy()
    changed = rng.permutation(len(y))[: round(share * len(y))]
    y[changed] = (y[changed] + rng.integers(1, 10, len(changed))) % 10
    return y


def one_hot(y):
    """Targets (N, 10): 0.9 in the column of the digit, -0.1 in the others."""
    return np.eye(10)[y] - 0.1


def digits(samples, noise, rng):
    """(x, targets) for training, validation and test: pixels less their means, length about 1."""
    (x, y), (x_more, y_more) = data.digits()
    order = rng.permutation(len(y) + len(y_more))
    x = np.concatenate([x, x_more]).reshape(-1, 64).astype(float)[order]
    y = np.concatenate([y, y_more])[order]
    cuts = (samples, samples + VALIDATION, samples + VALIDATION + TEST)
    x = x - x[:samples].mean(axis=0)
    x = x / np.sqrt(np.mean(np.sum(x[:samples] ** 2, axis=1)))
    noisy = [other_digits(part, noise, rng) for part in np.split(y, cuts)[:2]]
    targets = [one_hot(part) for part in (*noisy, y[cuts[1] : cuts[2]])]
    return list(zip(np.split(x, cuts)[:3], targets, strict=True))


def teacher(samples, noise, rng):
    """(x, targets) for training, validation and test: y = sqrt(d) b . x with |b| = |x| = 1."""
    beta = rng.normal(size=(INPUTS, 1))
    beta *= math.sqrt(INPUTS) / np.linalg.norm(beta)
    parts = []
    for count, sigma in ((samples, noise), (VALIDATION, noise), (TEST, 0.0)):
        x = rng.normal(size=(count, INPUTS))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        parts.append((x, x @ beta + sigma * rng.normal(size=(count, 1))))
    return parts


TASKS = {"digits": digits, "teacher": teacher}


def random_features(x, w):
    """relu(x W^T) / sqrt(p): x (N, d) and W (p, d) of standard normal numbers give (N, p)."""
    return np.maximum(x @ w.T, 0) / math.sqrt(len(w))


class LeastSquares:
    """w that makes |phi w - y|^2 + strength |w|^2 least, for any strength from one SVD.

    With phi = U diag(s) V^T:   w = V diag(s / (s^2 + strength)) U^T y
    strength 0 gives the shortest of the best w: singular values below 1e-12 of the largest count
    as 0, and give 0. phi (N, p), y (N, k), w (p, k).
    """

    def __init__(self, phi, y):
        u, self.s, self.vt = np.linalg.svd(phi, full_matrices=False)
        self.uty = u.T @ y

    def coefficients(self, strength):
        """diag(s / (s^2 + strength)) U^T y: w in the coordinates of V, as long as w itself."""
        real = self.s > 1e-12 * self.s[0]
        s = np.where(real, self.s, 1.0)
        return np.where(real, s / (s**2 + strength), 0.0)[:, None] * self.uty

    def weights(self, strength=0.0):
        return self.vt.T @ self.coefficients(strength)


def mse(predicted, y):
    return float(np.mean((predicted - y) ** 2))


def scores(predicted, y):
    """The squared error, and the share of wrong digits where y has ten columns."""
    found = {"test_mse": mse(predicted, y)}
    if y.shape[1] == 10:
        wrong = predicted.argmax(axis=1) != y.argmax(axis=1)
        found["test_error"] = float(np.mean(wrong))
    return found


def one_size(parts, w):
    """Every method on one set of features: {method: {name: number}}."""
    (x, y), (x_val, y_val), (x_test, y_test) = parts
    phi = random_features(x, w)
    fitted = LeastSquares(phi, y)
    on_train, on_val, on_test = (
        (phi if part is x else random_features(part, w)) @ fitted.vt.T
        for part in (x, x_val, x_test)
    )
    shortest = fitted.coefficients(0.0)
    found = {
        "minimum norm": {
            **scores(on_test @ shortest, y_test),
            "norm": float(np.linalg.norm(shortest)),
            "train_mse": mse(on_train @ shortest, y),
        }
    }
    for strength in STRENGTHS:
        predicted = on_test @ fitted.coefficients(strength)
        found[f"ridge {strength:g}"] = {"test_mse": mse(predicted, y_test)}
    best = min(GRID, key=lambda strength: mse(on_val @ fitted.coefficients(strength), y_val))
    predicted = on_test @ fitted.coefficients(best)
    found["best ridge"] = {**scores(predicted, y_test), "strength": best}
    return found


def drawn(task, samples, noise, seed):
    """The data of one seed, and the rows of W: more features are more rows, the first stay."""
    parts = TASKS[task](samples, noise, np.random.default_rng([seed, 0]))
    inputs = parts[0][0].shape[1]
    return parts, np.random.default_rng([seed, 1]).normal(size=(max(FEATURES), inputs))


def by_features(task, noise, seed, features=FEATURES):
    """One seed: `one_size` for every number of features, the data being the same."""
    parts, w = drawn(task, SAMPLES, noise, seed)
    return [one_size(parts, w[:p]) for p in features]


def endless_products(a, b):
    """The limit of phi(a) phi(b)^T as p grows: a (N, d) and b (M, d) give (N, M).

    k = |a| |b| (sin t + (pi - t) cos t) / (2 pi), t the angle between a and b. Cho and Saul (2009).
    """
    lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    cos = np.clip(a @ b.T / lengths, -1, 1)
    t = np.arccos(cos)
    return lengths * (np.sin(t) + (np.pi - t) * cos) / (2 * np.pi)


def endless(task, noise, seed):
    """One seed: the minimum norm with infinitely many features, from their products alone."""
    (x, y), _, (x_test, y_test) = drawn(task, SAMPLES, noise, seed)[0]
    alpha = np.linalg.solve(endless_products(x, x), y)
    return scores(endless_products(x_test, x) @ alpha, y_test)


def by_samples(task, noise, seed, counts=COUNTS):
    """One seed: `one_size` for every number of samples, the features being the same."""
    return [
        one_size(parts, w[:FIXED])
        for parts, w in (drawn(task, samples, noise, seed) for samples in counts)
    ]


def rounded(value):
    return float(f"{value:.3g}")


def gathered(runs):
    """runs[seed][size][method][name] as {method: {name: one entry a size}}: see the top."""
    found = {}
    for method, names in runs[0][0].items():
        found[method] = {}
        for name in names:
            each = [[run[k][method][name] for run in runs] for k in range(len(runs[0]))]
            if name == "train_mse" or method.startswith("ridge"):
                found[method][name] = [rounded(np.mean(numbers)) for numbers in each]
            else:
                found[method][name] = [[rounded(number) for number in row] for row in each]
    return found


def errors(found):
    """{method: its test_mse}, of the two methods that have one number a seed."""
    return {method: found[method]["test_mse"] for method in ("minimum norm", "best ridge")}


def measure(seeds):
    """All that is stored, for these seeds."""
    pairs = [(task, noise) for task, noises in NOISES.items() for noise in noises]
    wide = {pair: gathered([by_features(*pair, seed) for seed in seeds]) for pair in pairs}
    limit = {pair: gathered([[{"": endless(*pair, seed)}] for seed in seeds])[""] for pair in pairs}
    limit = {pair: {name: rows[0] for name, rows in limit[pair].items()} for pair in pairs}
    tall = {pair: errors(gathered([by_samples(*pair, seed) for seed in seeds])) for pair in pairs}
    return {
        "samples": SAMPLES,
        "features": list(FEATURES),
        "by_features": {t: {str(n): wide[t, n] for n in NOISES[t]} for t in TASKS},
        "endless": {t: {str(n): limit[t, n] for n in NOISES[t]} for t in TASKS},
        "fixed_features": FIXED,
        "sample_counts": list(COUNTS),
        "by_samples": {t: {str(n): tall[t, n] for n in NOISES[t]} for t in TASKS},
    }


def main(arguments=None):
    started = time.perf_counter()
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.split("\n")[0])
    record.save("double_descent", measure(seeds), seeds=seeds, started=started)


if __name__ == "__main__":
    main()
