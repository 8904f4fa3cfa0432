"""What practitioners say about baselines, search, seeds, checks, test sets and updates, measured.

The nets have one hidden layer (`updates`: two) of ReLUs, trained by `twice.scratch`; unless a part
says otherwise they learn 200 of the 1797 handwritten digits by SGD with momentum 0.9. A seed draws
its own images, weights and batches.

    OPENBLAS_NUM_THREADS=1 python -m experiments.practice               about 20 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.practice --seeds 0 1   two seeds of ten

A run that was stopped goes on where it was. What it stores (a list is one number a seed):

baseline[TASK]               TASK: "digits", "breast cancer", "wine", "diabetes"
  measure                    "accuracy", or "R2" (diabetes: the share of the variance explained)
  counts                     numbers of training samples; those of a seed are nested
  test                       number of test samples, the same for all counts
  scores[MODEL][COUNT]       list: the score on the test set. MODEL: "chance" (the most frequent
                             class, or the mean), "linear" (softmax regression; ridge), "net" (9
                             trials), "net, 27 trials", "neighbors", "trees" (gradient boosting;
                             not on digits). COUNT is a string. Each MODEL has nine trials, chosen
                             by three-fold cross-validation within its training samples; "linear,
                             untuned" and "net, untuned" have one, with (nearly) no penalty
  chosen[MODEL][COUNT]       list of what was chosen: L2 strength; [rate, L2, units]; k;
                             [depth, trees]
  trials[MODEL]              the values tried: nine (27) of these
  wins[COUNT]                {"net": number of seeds in which the net of 9 trials is better than
                             linear, "linear": ... the other way round}; the rest are ties

random_vs_grid[PAIR]         PAIR: "decay", "momentum", "width": what is tuned beside the rate.
                             Both on a log scale (momentum: 1 - momentum), in 32 x 32 places
  rates, others              the 32 values of either
  loss                       32 x 32 (rate, other): validation loss, mean over the seeds, cut at
                             ln 10 (a net that knows nothing)
  loss_of_one                the same of the first seed alone
  accuracy                   32 x 32: test accuracy, mean over the seeds
  explained                  {"rate", "other", "both"}: lists, shares of the variance of the loss
                             (of the 32 x 32) that belong to either alone and to their interaction
  explained_good             the same over the better half of the rates (those with the lowest
                             loss, mean over the others)
  budgets[BUDGET]            BUDGET "4", "9", "16", "25" whole trainings
    random_wins              list: probability that the best of random search has a lower loss
                             than the best of a grid of k x k with a random offset; exact
    equal                    list: probability that both find the same loss
    regret[SEARCH]           list: expected loss of the best found, less the lowest of all places
    test_accuracy[SEARCH]    list: expected test accuracy of the best found
                             SEARCH: "random"; "grid" (in the middle of its cells, moved by an
                             offset); "grid with ends" (its outer points are the ends of the
                             ranges); "line" (all trials on the rate; the other at its usual value);
                             "halving" (random, with successive halving: the same epochs in all)
    started                  how many nets halving starts with
  usual                      the usual value of the other, used by "line"

seeds
  sources[SOURCE]            {"accuracy": 30 numbers for each seed}: test accuracies when only
                             SOURCE changes, the rest as drawn by the seed. SOURCE: "weights",
                             "order", "split", "all"
  deviation[SOURCE]          list: their standard deviation
  binomial                   the standard deviation that the size of the test set alone explains
  settings[UNITS]            200 test accuracies, seed by seed: hidden units "12" ... "64"
  pairs["A, B"]              of two such settings:
    difference               mean accuracy of A less that of B
    deviation                standard deviation of the difference, seed by seed
    wrong[K]                 probability that B's mean over K runs is better than A's, though A is
                             better on the mean of all (ties count half); paired: both on the same
    wrong_paired[K]          seeds. K "1", "2", "3", "5", "10", "20", "50"
    needed, needed_paired    the smallest K tried with at most 5 % wrong; None if none
  lucky[SIZE]                the best of ten seeds (weights, order) on a validation set of SIZE
                             images ("50", "200"), one entry a split (30 splits): validation
                             accuracy and test accuracy of the winner, and the ten's mean
                             ("validation", "test", "mean_validation", "mean_test", "best_test")

sanity
  checks, faults             names, in the order of the table
  found[FAULT][CHECK]        number of seeds in which the check raises an alarm; FAULT "none" is the
                             healthy net: false alarms
  values[FAULT][CHECK]       list: the number the check looks at
  accuracy[FAULT]            list: test accuracy after training (what the fault costs, if it shows)

test_set[POOL][SIZE]         POOL: "settings" (100 nets with hyperparameters drawn at random),
                             "seeds" (100 seeds of one good setting); SIZE of the test set: "100",
                             "400". k of the 100 are tried, and the best on the test set is reported
  tried                      the values of k: 1, 2, 5, 10, 20, 50, 100
  reported[K]                list: expected test accuracy of the best of K; exact
  fresh[K]                   list: that net's accuracy on fresh images
  best_fresh[K]              list: the accuracy on fresh images of the truly best of K

updates[OPTIMIZER][EPOCHS]   OPTIMIZER "SGD", "momentum", "Adam"; EPOCHS "10", "100"
  rates                      those tried
  ratio[LAYER]               for each rate a list: median over the steps of
                             |change of W| / |W|; LAYER "1", "2", "3"
  train_loss, test_accuracy  for each rate a list (None: diverged)
  best                       the rate with the highest mean test accuracy
  ratio_at_best[LAYER]       list: the ratio at this rate
  good[LAYER]                [lowest, highest] mean ratio among the rates whose mean test accuracy
                             is within 0.01 of the best
  at_rule[LAYER]             mean test accuracy at the rate whose ratio is nearest to 1e-3, less
                             the best
small                        a few seconds' part of everything, which the tests repeat
"""

import functools
import itertools
import math
import time
from typing import NamedTuple

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from twice import data
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.initializers import he_uniform, zeros
from twice.scratch.losses import SparseCategoricalCrossentropy, log_softmax, one_hot, softmax
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.preprocessing import Standardizer, k_folds
from twice.scratch.regularization import L1L2, Regularized
from twice.scratch.shrinkage import ridge
from twice.scratch.training import Callback, NotFinite

SEEDS = range(10)


def powers(first, last, count):
    """So many numbers from first to last, each the same multiple of the one before."""
    return tuple(float(f"{v:.4g}") for v in np.geomspace(first, last, count))


# --- digits and the net that most parts train


@functools.cache
def digits():
    """(x, y): all 1797 images, x (1797, 64) float32 in [0, 1]."""
    parts = data.digits()
    x, y = (np.concatenate(both) for both in zip(*parts, strict=True))
    return x.reshape(len(x), -1), y


def draw(seed, *sizes):
    """(x, y) of so many images each, and of the rest; no image is in two of them."""
    x, y = digits()
    order = np.split(np.random.default_rng([seed, 0]).permutation(len(y)), np.cumsum(sizes))
    return [(x[i], y[i]) for i in order]


def network(sizes, rng, l2=0.0):
    """Dense layers of these sizes with ReLU between them, He (2015) at the start."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [Dense(n_in, n_out, rng=rng, initializer=he_uniform), Activation("relu")]
    if l2:
        return Regularized(layers[:-1], kernel_regularizer=L1L2(0.0, l2))
    return Sequential(layers[:-1])


class Plan(NamedTuple):
    """How a net is made and trained."""

    rate: float = 0.03
    momentum: float = 0.9
    l2: float = 0.0
    units: int = 32
    epochs: int = 16
    batch_size: int = 20


def train(model, part, plan, rng, *, loss=None, optimizer=None, callbacks=()):
    """The trained model, or None if it diverged."""
    try:
        model.fit(
            *part,
            loss=loss or SparseCategoricalCrossentropy(from_logits=True),
            optimizer=optimizer or SGD(plan.rate, momentum=plan.momentum),
            batch_size=plan.batch_size,
            epochs=plan.epochs,
            rng=rng,
            callbacks=callbacks,
            verbose=False,
        )
    except NotFinite:
        return None
    return model


def reader(part, plan, weights, order, callbacks=()):
    """A net that reads digits; weights and order seed its start and its batches."""
    model = network((64, plan.units, 10), np.random.default_rng(weights), plan.l2)
    return train(model, part, plan, np.random.default_rng(order), callbacks=callbacks)


@np.errstate(over="ignore", invalid="ignore")
def accuracy(model, part):
    """The share of digits it reads; a net that diverged knows nothing: 0.1."""
    return 0.1 if model is None else float(np.mean(model.predict(part[0]).argmax(1) == part[1]))


@np.errstate(over="ignore", invalid="ignore")
def cross_entropy(model, part):
    """In nats, without penalty."""
    log_p = log_softmax(model.predict(part[0]).astype(np.float64))
    return float(-log_p[np.arange(len(part[1])), part[1]].mean())


# --- baseline


class Task(NamedTuple):
    """Data on which models are compared; classes 1 is a regression."""

    classes: int
    counts: tuple
    test: int
    models: tuple = (
        "chance",
        "linear",
        "linear, untuned",
        "net",
        "net, 27 trials",
        "net, untuned",
        "neighbors",
        "trees",
    )


TASKS = {
    "digits": Task(10, (20, 50, 100, 200, 400, 800, 1400), 397, Task._field_defaults["models"][:-1]),
    "breast cancer": Task(2, (20, 40, 80, 160, 320), 200),
    "wine": Task(3, (20, 40, 80, 118), 60),
    "diabetes": Task(1, (20, 40, 80, 160, 320), 122),
}
NET = tuple(itertools.product((0.005, 0.02, 0.08), (1e-4, 3e-3, 0.1), (64, 16, 128)))
TRIALS = {
    "chance": (None,),
    "linear": powers(1e-5, 1e3, 9),
    "linear, untuned": (1e-5,),
    "net": NET[::3],
    "net, 27 trials": NET,
    "net, untuned": ((0.02, 0.0, 64),),
    "neighbors": (1, 2, 3, 4, 5, 7, 10, 15, 25),
    "trees": tuple(itertools.product((1, 2, 3), (10, 30, 100))),
}


@functools.cache
def table(task):
    """(x, y): x (N, n) as it comes; y (N,) classes, or standardized numbers (N, 1)."""
    if task == "digits":
        return digits()
    from sklearn import datasets

    load = {"breast cancer": datasets.load_breast_cancer, "wine": datasets.load_wine,
            "diabetes": datasets.load_diabetes}[task]  # fmt: skip
    x, y = load(return_X_y=True)
    if task == "diabetes":
        y = ((y - y.mean()) / y.std()).astype(np.float32)[:, None]
    return x.astype(np.float32), y


def linear_scores(part, x, l2, classes):
    """Probabilities of softmax regression, or ridge's numbers, with l2 sum w^2 in the loss."""
    if classes == 1:
        w, b = ridge(part[0], part[1][:, 0], l2)
        return x @ w[:, None] + b
    curve = np.linalg.norm(np.c_[part[0], np.ones(len(part[0]))], 2) ** 2 / len(part[0])
    dense = Dense(x.shape[1], classes, rng=None, initializer=zeros)
    model = Regularized([dense], kernel_regularizer=L1L2(0.0, l2))
    plan = Plan(rate=1 / (0.5 * curve + 2 * l2), epochs=500, batch_size=len(part[0]))
    return softmax(train(model, part, plan, None).predict(x).astype(np.float64))


def net_scores(part, x, trial, classes, seed):
    """The same of a net with [rate, l2, units]; at least 30 epochs and 300 steps."""
    rate, l2, units = trial
    model = network((x.shape[1], units, classes), np.random.default_rng([*seed, 1]), l2)
    epochs = max(30, math.ceil(300 / math.ceil(len(part[0]) / 32)))
    plan, rng = Plan(rate, epochs=epochs, batch_size=32), np.random.default_rng([*seed, 2])
    model = train(model, part, plan, rng, loss=MeanSquaredError() if classes == 1 else None)
    if model is None:
        return np.full((len(x), classes), 0 if classes == 1 else 1 / classes)
    found = model.predict(x).astype(np.float64)
    return found if classes == 1 else softmax(found)


def spread_out(probabilities, known, classes):
    """Columns for all classes from those that scikit-learn has met."""
    found = np.zeros((len(probabilities), classes))
    found[:, known] = probabilities
    return found


def tree_scores(part, x, trials, classes):
    """The same of gradient boosted trees: the trials of one depth are one training, looked at on
    the way. Friedman (2001), by scikit-learn."""
    from sklearn import ensemble

    kind = ensemble.GradientBoostingRegressor if classes == 1 else (
        ensemble.GradientBoostingClassifier)  # fmt: skip
    found = {}
    for depth in {depth for depth, _ in trials}:
        wanted = {count for d, count in trials if d == depth}
        model = kind(max_depth=depth, n_estimators=max(wanted), random_state=0)
        model.fit(part[0], part[1].ravel())
        way = model.staged_predict if classes == 1 else model.staged_predict_proba
        for count, scores in enumerate(way(x), 1):
            if count in wanted and classes == 1:
                found[depth, count] = scores[:, None]
            elif count in wanted:
                found[depth, count] = spread_out(scores, model.classes_, classes)
    return [found[trial] for trial in trials]


def neighbor_scores(part, x, k, classes):
    """The same of the k nearest neighbors (all of them, if there are fewer), by scikit-learn."""
    from sklearn import neighbors

    k = min(k, len(part[0]))
    if classes == 1:
        return neighbors.KNeighborsRegressor(k).fit(*part).predict(x)
    model = neighbors.KNeighborsClassifier(k).fit(*part)
    return spread_out(model.predict_proba(x), model.classes_, classes)


def all_scores(model, trials, task, part, x, seed):
    """For each trial: probabilities (N, classes), or numbers (N, 1), learned from part."""
    classes = TASKS[task].classes
    if task != "digits":
        scale = Standardizer().fit(part[0])
        part, x = (scale.transform(part[0]).astype(np.float32), part[1]), scale.transform(x)
    if model == "chance":
        mean = part[1].mean(axis=0) if classes == 1 else one_hot(part[1], classes).mean(axis=0)
        return [np.tile(mean, (len(x), 1))]
    if model == "trees":
        return tree_scores(part, x, trials, classes)
    if model.startswith("net"):
        return [net_scores(part, x, trial, classes, seed) for trial in trials]
    scores = linear_scores if model.startswith("linear") else neighbor_scores
    return [scores(part, x, trial, classes) for trial in trials]


def score(found, y):
    """(what is reported, what decides between equals): both the higher, the better."""
    if y.ndim == 2:
        share = 1 - float(np.mean((found - y) ** 2) / np.var(y))
        return share, 0.0
    true = np.maximum(found[np.arange(len(y)), y], 1e-6)
    return float(np.mean(found.argmax(axis=1) == y)), float(np.log(true).mean())


def validated(model, trials, task, part, seed):
    """For each trial its (score, tie breaker), means over three folds of part."""
    found = []
    for k, (rest, held) in enumerate(
        k_folds(len(part[0]), 3, rng=np.random.default_rng([seed, 3]))
    ):
        scores = all_scores(model, trials, task, (part[0][rest], part[1][rest]), part[0][held],
                            (seed, k))  # fmt: skip
        found.append([score(s, part[1][held]) for s in scores])
    return [tuple(row) for row in np.mean(found, axis=0)]


def best(trials, found):
    """The trial with the highest score; the first of those that are equal in all."""
    return trials[max(range(len(trials)), key=lambda k: (found[k], -k))]


def compare(task, count, seed):
    """{MODEL: (test score, chosen trial)} of one seed."""
    x, y = table(task)
    order = np.random.default_rng([seed, 0]).permutation(len(y))
    test, learn = order[: TASKS[task].test], order[TASKS[task].test :][:count]
    part, found = (x[learn], y[learn]), {}
    for model in (m for m in TASKS[task].models if m != "net"):
        trials = TRIALS[model]
        tried = validated(model, trials, task, part, seed) if len(trials) > 1 else [(0, 0)]
        names = (model, "net") if model == "net, 27 trials" else (model,)
        for name in names:  # the nine trials of "net" are among the 27
            known = dict(zip(trials, tried, strict=True))
            chosen = best(TRIALS[name], [known[t] for t in TRIALS[name]])
            (scores,) = all_scores(model, (chosen,), task, part, x[test], (seed, 9))
            found[name] = score(scores, y[test])[0], chosen
    return {name: found[name] for name in TASKS[task].models}


def baseline(task, seeds, counts=None):
    """What is stored under baseline[TASK]."""
    counts = TASKS[task].counts if counts is None else counts
    runs = {str(n): [compare(task, n, seed) for seed in seeds] for n in counts}
    models = TASKS[task].models
    pick = lambda k: {m: {n: [r[m][k] for r in rs] for n, rs in runs.items()} for m in models}  # noqa: E731
    wins = {}
    for n, rs in runs.items():
        gap = [r["net"][0] - r["linear"][0] for r in rs]
        wins[n] = {"net": sum(g > 0 for g in gap), "linear": sum(g < 0 for g in gap)}
    return {
        "measure": "R2" if TASKS[task].classes == 1 else "accuracy",
        "counts": list(counts),
        "test": TASKS[task].test,
        "scores": pick(0),
        "chosen": pick(1),
        "trials": {m: list(TRIALS[m]) for m in models},
        "wins": wins,
    }


# --- random against grid

PLACES, SEARCH_SIZES = 32, (200, 300)
RATES = powers(1e-4, 1.0, PLACES)
OTHERS = {
    "decay": powers(1e-6, 1e-2, PLACES),
    "momentum": tuple(round(1 - v, 5) for v in powers(1.0, 0.01, PLACES)),
    "width": tuple(round(v) for v in powers(4, 256, PLACES)),
}
USUAL = {"decay": 1e-6, "momentum": 0.9, "width": 32}
FIELD = {"decay": "l2", "momentum": "momentum", "width": "units"}
RUNGS, BUDGETS = (2, 4, 8, 16), (4, 9, 16, 25)
KNOWS_NOTHING = math.log(10)


class Rungs(Callback):
    """The loss on a validation set after the epochs of RUNGS."""

    def __init__(self, part):
        self.part, self.losses = part, []

    def on_epoch_end(self, model, epoch, logs):
        if epoch + 1 in RUNGS:
            self.losses.append(cross_entropy(model, self.part))


def tried(pair, rate, other, seed):
    """(validation loss at each of RUNGS, cut at ln 10; test accuracy) of one net."""
    part, validation, test = draw(seed, *SEARCH_SIZES)
    watch = Rungs(validation)
    plan = Plan(rate=rate)._replace(**{FIELD[pair]: other})
    model = reader(part, plan, [seed, 1], [seed, 2], [watch])
    losses = [min(v, KNOWS_NOTHING) if math.isfinite(v) else KNOWS_NOTHING for v in watch.losses]
    return losses + [KNOWS_NOTHING] * (len(RUNGS) - len(losses)), accuracy(model, test)


def surface(pair, seed, rates=RATES, others=None):
    """Validation losses (rates, others, RUNGS) and test accuracies (rates, others)."""
    others = OTHERS[pair] if others is None else others
    runs = [[tried(pair, rate, other, seed) for other in others] for rate in rates]
    return tuple(np.array([[run[k] for run in row] for row in runs]) for k in (0, 1))


def explained(loss):
    """Shares of the variance of a table (rate, other): rate alone, other alone, both together."""
    rate = loss.mean(axis=1, keepdims=True) - loss.mean()
    other = loss.mean(axis=0, keepdims=True) - loss.mean()
    both = loss - loss.mean() - rate - other
    parts = [float(np.mean(part**2)) for part in (rate, other, both)]
    return dict(zip(("rate", "other", "both"), np.array(parts) / sum(parts), strict=True))


def ranked(n, size):
    """The probability that the best of n draws (with replacement) from `size` is number r."""
    left = np.arange(size, -1, -1) / size
    return left[:-1] ** n - left[1:] ** n


def spaced(k, size, ends=False):
    """Lists of k places from 0 to size - 1: evenly, moved by every offset, or with the ends."""
    if ends:
        return [np.round(np.linspace(0, size - 1, k)).astype(int)]
    return [(np.arange(k) * size / k + u).astype(int) for u in range(math.ceil(size / k))]


def searches(n, usual, size):
    """{SEARCH: flat places (how often, trials) of the searches that do not draw}."""
    k = math.isqrt(n)
    cross = lambda rows, columns: np.add.outer(rows * size, columns).ravel()  # noqa: E731
    ways = {
        "grid": itertools.product(spaced(k, size), repeat=2),
        "grid with ends": itertools.product(spaced(k, size, ends=True), repeat=2),
        "line": [(rows, np.array([usual])) for rows in spaced(n, size)],
    }
    return {name: np.array([cross(*pair) for pair in found]) for name, found in ways.items()}


def halving_start(n):
    """How many nets halving starts with, if its epochs are at most those of n whole trainings."""

    def epochs(start):
        steps = np.diff((0, *RUNGS))
        return sum((start >> k) * step for k, step in enumerate(steps))

    return max(s for s in range(1, 10 * n) if epochs(s) <= n * RUNGS[-1])


def halved(losses, start, rng, repeats=4000):
    """The place that random search with successive halving finds, so many times.

    losses: (places, RUNGS). Half of the nets go on after each rung, those with the lowest loss.
    Jamieson and Talwalkar (2016).
    """
    alive = rng.integers(len(losses), size=(repeats, start))
    for k in range(len(RUNGS)):
        order = np.argsort(losses[alive, k], axis=1, kind="stable")
        keep = start >> (k + 1) if k + 1 < len(RUNGS) else 1
        alive = np.take_along_axis(alive, order[:, : max(keep, 1)], axis=1)
    return alive[:, 0]


def budget(n, losses, right, usual, seed):
    """What is stored under budgets[BUDGET] for one seed. losses (32, 32, RUNGS), right (32, 32)."""
    size = len(right)
    losses, right = losses.reshape(size * size, -1), right.ravel()
    last = losses[:, -1]
    order, share = np.argsort(last, kind="stable"), ranked(n, size * size)
    found = {"random": (share @ last[order], share @ right[order])}
    places = searches(n, usual, size)
    for name, flat in places.items():
        chosen = flat[np.arange(len(flat)), np.argmin(last[flat], axis=1)]
        found[name] = last[chosen].mean(), right[chosen].mean()
    ends = halved(losses, halving_start(n), np.random.default_rng([seed, n]))
    found["halving"] = last[ends].mean(), right[ends].mean()
    grid = last[places["grid"]].min(axis=1)
    at_best, worse = (  # all of random's draws at least as high as the grid's best; higher
        np.array([np.mean(relation(last, g)) ** n for g in grid])
        for relation in (np.greater_equal, np.greater)
    )
    return {
        "random_wins": float(np.mean(1 - at_best)),
        "equal": float(np.mean(at_best - worse)),
        "regret": {name: float(loss - last.min()) for name, (loss, _) in found.items()},
        "test_accuracy": {name: float(share) for name, (_, share) in found.items()},
    }


def by_seed(rows):
    """[{key: value}, ...] of all seeds as {key: [value, ...]}, within nested dicts, too."""
    return {
        key: by_seed([row[key] for row in rows])
        if isinstance(value, dict)
        else [row[key] for row in rows]
        for key, value in rows[0].items()
    }


def random_vs_grid(pair, seeds, surfaces):
    """What is stored under random_vs_grid[PAIR], from the `surface` of every seed."""
    losses, right = (np.array([s[k] for s in surfaces]) for k in (0, 1))
    last = losses[..., -1]
    usual = int(np.argmin(np.abs(np.array(OTHERS[pair]) - USUAL[pair])))
    good = np.argsort(last.mean(axis=(0, 2)))[: PLACES // 2]
    return {
        "rates": list(RATES),
        "others": list(OTHERS[pair]),
        "usual": OTHERS[pair][usual],
        "loss": last.mean(axis=0).tolist(),
        "loss_of_one": last[0].tolist(),
        "accuracy": right.mean(axis=0).tolist(),
        "explained": by_seed([explained(v) for v in last]),
        "explained_good": by_seed([explained(v[good]) for v in last]),
        "budgets": {
            str(n): by_seed(
                [budget(n, *s, usual, seed) for seed, s in zip(seeds, surfaces, strict=True)]
            )
            | {"started": halving_start(n)}
            for n in BUDGETS
        },
    }


# --- seeds

SOURCES = ("weights", "order", "split", "all")
SEEDS_PLAN, SEEDS_SIZES, DRAWS = Plan(epochs=10), (400, 400), 30
UNITS, RUNS = (12, 16, 24, 32, 64), 200
COMPARED = ((64, 32), (32, 24), (24, 16), (16, 12))
KS = (1, 2, 3, 5, 10, 20, 50)
LUCKY_PLAN, LUCKY_SIZES, SPLITS = Plan(), (50, 200), range(30)


def one_accuracy(plan, split, weights, order):
    """Test accuracy of a net whose images, start and batches have these seeds."""
    part, test, _ = draw(split, *SEEDS_SIZES)
    return accuracy(reader(part, plan, [weights, 1], [order, 2]), test)


def sources(source, seed, draws=DRAWS):
    """Test accuracies when only the source changes, from 1000 seed on; the rest has the seed."""
    found = []
    for k in range(1000 * seed + 1000, 1000 * seed + 1000 + draws):
        changed = {s: k if source in (s, "all") else seed for s in SOURCES[:3]}
        found.append(one_accuracy(SEEDS_PLAN, *(changed[s] for s in ("split", "weights", "order"))))
    return found


def settings(units, runs=RUNS):
    """Test accuracies, seed by seed."""
    return [one_accuracy(SEEDS_PLAN._replace(units=units), k, k, k) for k in range(runs)]


def wrong(a, b, k, paired, rng, repeats=20000):
    """How often the mean of k runs puts B before A, ties counting half; runs drawn again."""
    first = rng.integers(len(a), size=(repeats, k))
    second = first if paired else rng.integers(len(b), size=(repeats, k))
    gap = a[first].mean(axis=1) - b[second].mean(axis=1)
    return float(np.mean(gap < -1e-9) + np.mean(np.abs(gap) <= 1e-9) / 2)


def compared(a, b):
    """What is stored under seeds/pairs."""
    a, b = np.array(a), np.array(b)
    assert a.mean() > b.mean()
    rng = np.random.default_rng(0)
    found = {"difference": float((a - b).mean()), "deviation": float((a - b).std(ddof=1))}
    for key, paired in (("", False), ("_paired", True)):
        shares = {str(k): wrong(a, b, k, paired, rng) for k in KS}
        found["wrong" + key] = shares
        found["needed" + key] = next((int(k) for k, v in shares.items() if v <= 0.05), None)
    return found


def lucky(size, split, count=10):
    """The best of ten seeds on a validation set."""
    part, validation, test = draw(split, 200, size)
    models = [reader(part, LUCKY_PLAN, [split, k, 1], [split, k, 2]) for k in range(count)]
    seen, fresh = (np.array([accuracy(m, p) for m in models]) for p in (validation, test))
    won = int(np.argmax(seen))
    return {
        "validation": float(seen[won]),
        "test": float(fresh[won]),
        "mean_validation": float(seen.mean()),
        "mean_test": float(fresh.mean()),
        "best_test": float(fresh.max()),
    }


def seeds_part(seeds):
    """What is stored under seeds."""
    by_source = {s: {"accuracy": [sources(s, seed) for seed in seeds]} for s in SOURCES}
    nets = {units: settings(units) for units in UNITS}
    mean = np.mean(by_source["all"]["accuracy"])
    return {
        "sources": by_source,
        "deviation": {
            s: np.std(v["accuracy"], axis=1, ddof=1).tolist() for s, v in by_source.items()
        },
        "binomial": float(np.sqrt(mean * (1 - mean) / SEEDS_SIZES[1])),
        "settings": {str(units): found for units, found in nets.items()},
        "pairs": {f"{a}, {b}": compared(nets[a], nets[b]) for a, b in COMPARED},
        "lucky": {str(n): by_seed([lucky(n, split) for split in SPLITS]) for n in LUCKY_SIZES},
    }


# --- choosing by the test set

POOLS, POOL, TEST_SIZES = ("settings", "seeds"), 100, (100, 400)
TRIED = (1, 2, 5, 10, 20, 50, 100)


def pool(kind, seed, count=POOL):
    """Accuracies (count, SIZES + 1): on the test sets, and on images that nobody has seen."""
    part, *tests = draw(seed, 200, TEST_SIZES[-1])
    tests = [*((tests[0][0][:n], tests[0][1][:n]) for n in TEST_SIZES), tests[1]]
    rng, found = np.random.default_rng([seed, 3]), []
    for k in range(count):
        plan = Plan()
        if kind == "settings":
            rate, l2, units, epochs = np.exp(rng.uniform(*np.log([[0.003, 1e-6, 8, 4],
                                                                  [0.3, 1e-2, 128, 32]])))  # fmt: skip
            plan = Plan(rate, 0.9, l2, round(units), round(epochs))
        model = reader(part, plan, [seed, k, 1], [seed, k, 2])
        found.append([accuracy(model, test) for test in tests])
    return np.array(found)


def best_of(k, seen, values):
    """The expected value of the one of k (of all, none twice) that is best in `seen`; exact.

    Equal ones are equally likely to be chosen.
    """
    n, order = len(seen), np.argsort(-seen, kind="stable")
    level = np.array([values[seen == s].mean() for s in seen])[order]
    share = np.array([math.comb(n - 1 - r, k - 1) for r in range(n)]) / math.comb(n, k)
    return float(share @ level)


def test_set(kind, seeds):
    """What is stored under test_set[POOL]: of each SIZE."""
    pools = [pool(kind, seed) for seed in seeds]
    found = {}
    for column, size in enumerate(TEST_SIZES):
        ways = {"reported": (column, column), "fresh": (column, -1), "best_fresh": (-1, -1)}
        found[str(size)] = {"tried": list(TRIED)} | {
            name: {str(k): [best_of(k, p[:, by], p[:, of]) for p in pools] for k in TRIED}
            for name, (by, of) in ways.items()
        }
    return found


# --- updates

UPDATES = {"SGD": powers(1e-3, 10, 13), "momentum": powers(1e-4, 1, 13),
           "Adam": powers(1e-5, 0.1, 13)}  # fmt: skip
LENGTHS = (10, 100)
LAYERS = ("1", "2", "3")


class Ratios(Callback):
    """|change of W| / |W| of every kernel at every step."""

    def on_train_begin(self, model):
        self.kernels = [layer.params["kernel"] for layer in model.layers if layer.params]
        self.before, self.found = [w.copy() for w in self.kernels], []

    def on_batch_end(self, model, iteration, logs):
        pairs = list(zip(self.kernels, self.before, strict=True))
        self.found.append([np.linalg.norm(w - b) / np.linalg.norm(b) for w, b in pairs])
        for w, b in pairs:
            b[...] = w


@np.errstate(over="ignore", invalid="ignore")
def updated(name, rate, epochs, seed):
    """(median ratio of each layer, training loss, test accuracy); (None, ...) if it diverged."""
    part, test = draw(seed, 200)
    model = network((64, 64, 64, 10), np.random.default_rng([seed, 1]))
    watch = Ratios()
    optimizer = {"SGD": SGD(rate), "momentum": SGD(rate, momentum=0.9), "Adam": Adam(rate)}[name]
    plan = Plan(epochs=epochs)
    order = np.random.default_rng([seed, 2])
    model = train(model, part, plan, order, optimizer=optimizer, callbacks=[watch])
    if model is None:
        return [None] * len(LAYERS), None, None
    ratios = [float(v) for v in np.median(watch.found, axis=0)]
    return ratios, cross_entropy(model, part), accuracy(model, test)


def updates(name, epochs, seeds):
    """What is stored under updates[OPTIMIZER][EPOCHS]."""
    rates = UPDATES[name]
    runs = [[updated(name, rate, epochs, seed) for seed in seeds] for rate in rates]
    right = [[run[2] for run in row] for row in runs]
    ratio = [[[run[0][k] for run in row] for row in runs] for k in range(len(LAYERS))]
    mean = np.array([np.mean([0.1 if v is None else v for v in row]) for row in right])
    whole = np.array([None not in row for row in right])
    at = int(np.argmax(mean))
    typical = np.array([[np.mean(row) if ok else np.inf for row, ok in zip(rows, whole, strict=True)]
                        for rows in ratio])  # fmt: skip
    good = (mean >= mean[at] - 0.01) & whole
    rule = [int(np.argmin(np.abs(np.log10(row) + 3))) for row in typical]
    named = lambda values: dict(zip(LAYERS, values, strict=True))  # noqa: E731
    return {
        "rates": list(rates),
        "ratio": named(ratio),
        "train_loss": [[run[1] for run in row] for row in runs],
        "test_accuracy": right,
        "best": rates[at],
        "ratio_at_best": named([rows[at] for rows in ratio]),
        "good": named([[float(row[good].min()), float(row[good].max())] for row in typical]),
        "at_rule": named([float(mean[k] - mean[at]) for k in rule]),
    }


# --- the whole


def kept(part, known, make, *arguments, arrays=False):
    """make(*arguments), kept by `record.kept`; known: what else decides. arrays: it gives these."""

    def made():
        result = make(*arguments)
        return ({}, list(result)) if arrays else (rounded(result), [])

    wanted = [list(map(str, arguments)), known]
    found, held = record.kept("practice", part, wanted, made)
    SPENT[part] = found.pop("seconds")
    return held if arrays else found


SPENT = {}  # seconds of every part, also of those made earlier


def run(seeds):
    """The whole result but for `small`; kept on the way, part by part."""
    seeds, found = list(seeds), {}
    found["updates"] = {
        name: {
            str(epochs): kept(f"updates-{name}-{epochs}", UPDATES, updates, name, epochs, seeds)
            for epochs in LENGTHS
        }
        for name in UPDATES
    }
    found["test_set"] = {
        kind: kept(f"test-{kind}", [TEST_SIZES, TRIED], test_set, kind, seeds) for kind in POOLS
    }
    known = [SEEDS_PLAN, SEEDS_SIZES, DRAWS, UNITS, RUNS, COMPARED, LUCKY_PLAN, LUCKY_SIZES, KS]
    found["seeds"] = kept("seeds", known, seeds_part, seeds)
    surfaces = {
        pair: [
            kept(f"surface-{pair}-{seed}", [RATES, OTHERS[pair], RUNGS, SEARCH_SIZES], surface,
                 pair, seed, arrays=True)  # fmt: skip
            for seed in seeds[:5]
        ]
        for pair in OTHERS
    }
    found["random_vs_grid"] = {
        pair: rounded(random_vs_grid(pair, seeds[:5], surfaces[pair])) for pair in OTHERS
    }
    found["baseline"] = {
        task: kept(f"baseline-{task}", [TRIALS, TASKS[task]], baseline, task, seeds)
        for task in TASKS
    }
    return found


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0])
    started = time.perf_counter()
    found = run(seeds)
    record.save("practice", found, seeds=seeds, started=time.perf_counter() - sum(SPENT.values()))


if __name__ == "__main__":
    main()
