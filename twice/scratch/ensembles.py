"""Many models instead of one: bagging, ensembles, and the ensemble inside a net with dropout."""

import numpy as np

from twice.scratch.losses import softmax


def bootstrap(n, *, rng):
    """(drawn, left out): n numbers from 0 to n - 1 drawn with replacement, and those not drawn.

    About 1/e = 37 % are left out: (1 - 1/n)^n. ValueError for n < 1. Efron (1979).
    """
    if n < 1:
        raise ValueError(f"expected n >= 1, got {n}")
    drawn = rng.integers(0, n, n)
    return drawn, np.setdiff1d(np.arange(n), drawn)


class Ensemble:
    """Models that vote: the mean of what they predict, by default of their probabilities.

    output: what turns a model's predictions into what is averaged: `softmax` for scores,
    None for numbers as they are. ValueError for no models.
    """

    def __init__(self, models, *, output=softmax):
        self.models, self.output = list(models), output
        if not self.models:
            raise ValueError("expected at least one model, got none")

    def predict_each(self, x):
        """(models, N, ...): what each of them says about x."""
        found = [model.predict(x) for model in self.models]
        return np.stack([f if self.output is None else self.output(f) for f in found])

    def predict(self, x):
        """Their mean, (N, ...)."""
        return self.predict_each(x).mean(axis=0)


def bagging(build, x, y, *, n_models, optimizer, rng, output=softmax, **settings):
    """An `Ensemble`, each model trained on a bootstrap sample of its own (bootstrap aggregating).

    build: () -> an untrained model.  optimizer: () -> an optimizer, a new one for each model.
    output: that of the ensemble.  settings: those of `fit`.
    `ensemble.left_out` holds, model by model, the samples it has not seen. ValueError for
    n_models < 1 and numbers of samples that differ. Breiman (1996).
    """
    x, y = np.asarray(x), np.asarray(y)
    if n_models < 1 or len(x) != len(y):
        got = f"{n_models}, {len(x)} and {len(y)}"
        raise ValueError(f"expected n_models >= 1 and as many x as y, got {got}")
    models, left_out = [], []
    for _ in range(n_models):
        drawn, rest = bootstrap(len(x), rng=rng)
        model = build()
        model.fit(x[drawn], y[drawn], optimizer=optimizer(), rng=rng, **settings)
        models.append(model)
        left_out.append(rest)
    ensemble = Ensemble(models, output=output)
    ensemble.left_out = left_out
    return ensemble


def out_of_bag(ensemble, x):
    """For each training sample the mean prediction of the models that have not seen it.

    (N, ...), NaN where every model has: an honest estimate without a validation set.
    """
    each = ensemble.predict_each(x)
    unseen = np.zeros(each.shape[:2])
    for k, rest in enumerate(ensemble.left_out):
        unseen[k, rest] = 1
    count = unseen.sum(axis=0).reshape(-1, *[1] * (each.ndim - 2))
    total = (each * unseen.reshape(*unseen.shape, *[1] * (each.ndim - 2))).sum(axis=0)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def monte_carlo(model, x, *, samples, output=softmax):
    """(samples, N, ...): predictions with dropout left on, a new mask each time.

    Their mean is the ensemble's answer, their spread a sign of doubt. For models whose only
    randomness is dropout or noise: batch norm would count these batches, too. ValueError for
    samples < 1. Gal and Ghahramani (2016).
    """
    if samples < 1:
        raise ValueError(f"expected samples >= 1, got {samples}")
    found = [model.forward(x, training=True) for _ in range(samples)]
    return np.stack([f if output is None else output(f) for f in found])
