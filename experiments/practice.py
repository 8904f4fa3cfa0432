"""What practitioners say about baselines, search, seeds, checks, test sets and updates, measured.

The nets have one hidden layer (`updates`: two) of ReLUs, trained by `twice.scratch`; unless a part
says otherwise they learn 200 of the 1797 handwritten digits by SGD with momentum 0.9. A seed draws
its own images, weights and batches. `random_vs_grid` has five seeds, the rest ten.

    OPENBLAS_NUM_THREADS=1 python -m experiments.practice               20 minutes; busy, 60
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
                             untuned" and "net, untuned" have one, with (nearly) no penalty. With
                             many digits the net's best rate and penalty end its grid; the grid for
                             diabetes is set around the net's best, seen on the test: to its favor
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
                             "Latin" (a Latin hypercube: trials even in both ranges, paired at
                             random); "halving" (random with successive halving: the same epochs)
    started                  how many nets halving starts with
  usual                      the usual value of the other, used by "line"
  idle[BUDGET][COUNT]        list: random_wins with so many more parameters that do nothing, BUDGET
                             "16" (COUNT "0": a grid of 4 x 4, "2": 2 x 2 x 2 x 2) or "64" (COUNT
                             "0", "1", "4": 8, 4 and 2 values each)

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
  values[FAULT][CHECK]       list: the number the check looks at; None: not a finite one
  accuracy[FAULT]            list: test accuracy after training (what the fault costs, if it shows)

test_set[POOL][SIZE]         POOL: "settings" (100 nets with hyperparameters drawn at random),
                             "seeds" (100 seeds of one good setting); SIZE of the test set: "100",
                             "400". k of the 100 are tried, and the best on the test set is
                             reported; means over 100 test sets drawn from the images that the nets
                             of a seed were not trained on; the rest of these is fresh
  tried                      the values of k: 1, 2, 5, 10, 20, 50, 100
  reported[K]                list: expected test accuracy of the best of K; exact
  fresh[K]                   list: that net's accuracy on fresh images
  best_fresh[K]              list: the accuracy on fresh images of the truly best of K

updates[OPTIMIZER][EPOCHS]   OPTIMIZER "SGD", "momentum", "Adam"; EPOCHS "10", "100"
  rates                      those tried
  ratio[LAYER]               for each rate a list: median over the first hundred steps of
                             |change of W| / |W|; LAYER "1", "2", "3"
  whole[LAYER]               the same over all steps
  train_loss, test_accuracy  for each rate a list (None: diverged)
  best                       the rate with the highest mean test accuracy
  ratio_at_best[LAYER]       list: the ratio at this rate, in the first hundred steps
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
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from twice import data
from twice.scratch import sanity
from twice.scratch.activation_layers import Softmax
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Layer, Sequential
from twice.scratch.gradcheck import gradcheck
from twice.scratch.initializers import he_uniform, zeros
from twice.scratch.losses import SparseCategoricalCrossentropy, log_softmax, one_hot, softmax
from twice.scratch.monitors import FAST, SLOW, UpdateRatios
from twice.scratch.noise import Dropout
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


def stack(sizes, rng, dtype=np.float32):
    """Dense layers of these sizes with ReLU between them, He (2015) at the start."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        dense = Dense(n_in, n_out, rng=rng, initializer=he_uniform, dtype=dtype)
        layers += [dense, Activation("relu")]
    return layers[:-1]


def network(sizes, rng, l2=0.0):
    """The model of these layers, with l2 times the squared weights in its loss."""
    if l2:
        return Regularized(stack(sizes, rng), kernel_regularizer=L1L2(0.0, l2))
    return Sequential(stack(sizes, rng))


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


MODELS = ("chance", "linear", "linear, untuned", "net", "net, 27 trials", "net, untuned",
          "neighbors", "trees")  # fmt: skip


class Task(NamedTuple):
    """Data on which models are compared; classes 1 is a regression."""

    classes: int
    counts: tuple
    test: int
    models: tuple = MODELS
    trials: dict = MappingProxyType({})  # instead of TRIALS

    def trials_of(self, model):
        """The settings of a model that are tried."""
        return self.trials.get(model, TRIALS[model])


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
NUMBER_NET = tuple(itertools.product((0.003, 0.01, 0.03), (0.03, 0.1, 0.3), (64, 16, 128)))
NUMBERS = {"net": NUMBER_NET[::3], "net, 27 trials": NUMBER_NET}  # a regression wants more penalty
TASKS = {
    "digits": Task(10, (20, 50, 100, 200, 400, 800, 1400), 397, MODELS[:-1]),
    "breast cancer": Task(2, (20, 80, 320), 200),
    "wine": Task(3, (20, 40, 118), 60),
    "diabetes": Task(1, (20, 80, 160, 320), 122, trials=NUMBERS),
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
    plan = Plan(rate=1 / (0.5 * curve + 2 * l2), epochs=300, batch_size=len(part[0]))
    return softmax(train(model, part, plan, None).predict(x).astype(np.float64))


def net_scores(part, x, trial, classes, seed):
    """The same of a net with [rate, l2, units]; at least 20 epochs and 200 steps."""
    rate, l2, units = trial
    model = network((x.shape[1], units, classes), np.random.default_rng([*seed, 1]), l2)
    epochs = max(20, math.ceil(200 / math.ceil(len(part[0]) / 32)))
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
        trials = TASKS[task].trials_of(model)
        tried = validated(model, trials, task, part, seed) if len(trials) > 1 else [(0, 0)]
        names = (model, "net") if model == "net, 27 trials" else (model,)
        for name in names:  # the nine trials of "net" are among the 27
            known = dict(zip(trials, tried, strict=True))
            own = TASKS[task].trials_of(name)
            chosen = best(own, [known[t] for t in own])
            (scores,) = all_scores(model, (chosen,), task, part, x[test], (seed, 9))
            found[name] = score(scores, y[test])[0], chosen
    return {name: found[name] for name in TASKS[task].models}


def all_seeds(task, count, seeds):
    """{"scores": {MODEL: list}, "chosen": {MODEL: list}} of one number of samples."""
    runs = [compare(task, count, seed) for seed in seeds]
    return {
        name: {m: [run[m][k] for run in runs] for m in TASKS[task].models}
        for k, name in enumerate(("scores", "chosen"))
    }


def baseline(task, by_count):
    """What is stored under baseline[TASK]; by_count: {COUNT: what `all_seeds` found}."""
    models, wins = TASKS[task].models, {}
    for n, found in by_count.items():
        gap = np.subtract(found["scores"]["net"], found["scores"]["linear"])
        wins[n] = {"net": int(np.sum(gap > 0)), "linear": int(np.sum(gap < 0))}
    return {
        "measure": "R2" if TASKS[task].classes == 1 else "accuracy",
        "counts": [int(n) for n in by_count],
        "test": TASKS[task].test,
        "scores": {m: {n: f["scores"][m] for n, f in by_count.items()} for m in models},
        "chosen": {m: {n: f["chosen"][m] for n, f in by_count.items()} for m in models},
        "trials": {m: list(TASKS[task].trials_of(m)) for m in models},
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
IDLE = {16: (4, 2), 64: (8, 4, 2)}  # trials: values on each axis of a grid, the more the fewer axes
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
    (ends,) = spaced(k, size, ends=True)
    return {
        "grid": grids(k, size),
        "grid with ends": np.add.outer(ends * size, ends).reshape(1, -1),
        "line": np.array([rows * size + usual for rows in spaced(n, size)]),
    }


def latin(n, size, rng, repeats=4000):
    """Flat places (repeats, n), even in rows and in columns, paired at random. McKay (1979)."""
    rows, columns = ((np.arange(n) + rng.random((repeats, n))) * size / n for _ in range(2))
    return rows.astype(int) * size + rng.permuted(columns.astype(int), axis=1)


def duel(last, flat, n):
    """(random wins, both are equal): probabilities of n draws against the grids `flat`."""
    at_best, worse = (  # all of random's draws at least as high as the grid's best; higher
        np.array([np.mean(relation(last, g)) ** n for g in last[flat].min(axis=1)])
        for relation in (np.greater_equal, np.greater)
    )
    return float(np.mean(1 - at_best)), float(np.mean(at_best - worse))


def grids(k, size):
    """Flat places of all grids of k x k: one row for each pair of offsets."""
    pairs = itertools.product(spaced(k, size), repeat=2)
    return np.array([np.add.outer(rows * size, columns).ravel() for rows, columns in pairs])


def halving_start(n):
    """How many nets halving starts with, if its epochs are at most those of n whole trainings."""

    def epochs(start):
        steps = np.diff((0, *RUNGS))
        return sum((start >> k) * step for k, step in enumerate(steps))

    return max(s for s in range(1, 10 * n) if epochs(s) <= n * RUNGS[-1])


def halved(losses, start, rng, repeats=4000):
    """The place that random search with successive halving finds, so many times.

    losses: (places, RUNGS). Half of the nets go on after each rung, those with the lowest loss.
    Karnin et al. (2013), Jamieson and Talwalkar (2016).
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
    rng = np.random.default_rng([seed, n, 1])
    drawn = latin(n, size, rng)
    chosen = drawn[np.arange(len(drawn)), np.argmin(last[drawn], axis=1)]
    found["Latin"] = last[chosen].mean(), right[chosen].mean()
    ends = halved(losses, halving_start(n), np.random.default_rng([seed, n]))
    found["halving"] = last[ends].mean(), right[ends].mean()
    wins, same = duel(last, places["grid"], n)
    return {
        "random_wins": wins,
        "equal": same,
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
        "idle": {
            str(n): {
                str(round(math.log(n, k)) - 2): [
                    duel(v.ravel(), grids(k, PLACES), n)[0] for v in last
                ]
                for k in ks
            }
            for n, ks in IDLE.items()
        },
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


# --- checks of a broken training


class Healthy:
    """All of a training: the images, the net, the loss, the steps. A fault changes one thing."""

    rate, units, epochs, n_train = 0.01, 32, 30, 400

    def pixels(self, x):
        return x

    def labels(self, y, rng):
        """What becomes of the labels of the training images on their way."""
        return y

    def split(self, x, y, rng):
        """(training, validation) from the same images."""
        return (x[: self.n_train], y[: self.n_train]), (x[self.n_train :], y[self.n_train :])

    def data(self, seed, y=None):
        """(training, validation, test); y: other labels for the 700 that are split."""
        (x, true), (fresh, known) = draw(seed, 700)
        rng = np.random.default_rng([seed, 3])
        part, held = self.split(self.pixels(x), true if y is None else y, rng)
        return (part[0], self.labels(part[1], rng)), held, (self.pixels(fresh), known)

    def layers(self, rng, dtype):
        return stack((64, self.units, 10), rng, dtype)

    def build(self, seed, l2=1e-4, dtype=np.float32):
        layers = self.layers(np.random.default_rng([seed, 1]), dtype)
        return Regularized(layers, kernel_regularizer=L1L2(0.0, l2))

    def loss(self):
        return SparseCategoricalCrossentropy(from_logits=True)

    def fitted(self, seed, part, epochs=None, callbacks=()):
        """The trained model, or None."""
        plan, rng = Plan(self.rate, epochs=epochs or self.epochs), np.random.default_rng([seed, 2])
        return train(self.build(seed), part, plan, rng, loss=self.loss(), callbacks=callbacks)


class SoftmaxTwice(Healthy):
    def layers(self, rng, dtype):
        return [*super().layers(rng, dtype), Softmax()]


class LabelsAstray(Healthy):
    def labels(self, y, rng):
        return rng.permutation(y)


class AllZero(Healthy):
    def layers(self, rng, dtype):
        layers = super().layers(rng, dtype)
        for layer in layers:
            for p in layer.params.values():
                p[...] = 0
        return layers


class NoSlope(Activation):
    """A ReLU that forgets its slope on the way back."""

    def backward(self, grad):
        return grad


class SlopeForgotten(Healthy):
    def layers(self, rng, dtype):
        return [NoSlope("relu") if isinstance(layer, Activation) else layer
                for layer in super().layers(rng, dtype)]  # fmt: skip


class Deaf(Dense):
    """A layer whose gradient never arrives."""

    def backward(self, grad, input_gradient=True):
        back = super().backward(grad, input_gradient)
        self.grads = {name: np.zeros_like(g) for name, g in self.grads.items()}
        return back


class FirstLayerFrozen(Healthy):
    def layers(self, rng, dtype):
        layers = super().layers(rng, dtype)
        deaf = Deaf(64, self.units, rng=rng, dtype=dtype)
        deaf.params = layers[0].params
        return [deaf, *layers[1:]]

    def build(self, seed, l2=0.0, dtype=np.float32):
        return super().build(seed, l2, dtype)


class RateTooHigh(Healthy):
    rate = 1.0


class RateTooLow(Healthy):
    rate = 1e-5


class PixelsTo255(Healthy):
    def pixels(self, x):
        return 255 * x


class Mixed(Layer):
    """(N, n) turned by a reshape, where a transpose was meant: samples are mixed."""

    def forward(self, x, training=False):
        return x.T.reshape(x.shape)

    def backward(self, grad):
        return grad.reshape(grad.shape[::-1]).T


class Reshaped(Healthy):
    def layers(self, rng, dtype):
        first, *rest = super().layers(rng, dtype)
        return [first, Mixed(), *rest]


class CopiesInBoth(Healthy):
    """Images are drawn again to have more of them, and only then split."""

    def split(self, x, y, rng):
        again = rng.integers(len(x), size=2 * len(x))
        return super().split(x[again], y[again], rng)


class PenaltySubtracted(Healthy):
    def build(self, seed, l2=1e-4, dtype=np.float32):
        layers = self.layers(np.random.default_rng([seed, 1]), dtype)
        wrong = L1L2(0.0, l2)
        wrong.l2 = -l2
        return Regularized(layers, kernel_regularizer=wrong)


class AlwaysDropping(Dropout):
    """Dropout that does not stop when it is asked for an answer."""

    def forward(self, x, training=False):
        return super().forward(x, training=True)


class DropoutInTest(Healthy):
    def layers(self, rng, dtype):
        first, relu, last = super().layers(rng, dtype)
        return [first, relu, AlwaysDropping(0.5, rng=rng), last]


FAULTS = {
    "none": Healthy,
    "softmax twice": SoftmaxTwice,
    "labels astray": LabelsAstray,
    "all weights zero": AllZero,
    "slope of ReLU forgotten": SlopeForgotten,
    "first layer frozen": FirstLayerFrozen,
    "rate too high": RateTooHigh,
    "rate too low": RateTooLow,
    "pixels to 255": PixelsTo255,
    "samples mixed by a reshape": Reshaped,
    "copies in training and validation": CopiesInBoth,
    "penalty subtracted": PenaltySubtracted,
    "dropout in the test": DropoutInTest,
}


BATCH_STEPS = 2000  # at this rate 500 are too few for labels without sense


def check_chance(case, seed):
    part, *_ = case.data(seed)
    found = sanity.loss_at_chance(case.build(seed), case.loss(), *part)
    return found.ok, found.found


def check_batch(case, seed):
    part, *_ = case.data(seed)
    steps = SGD(case.rate, momentum=0.9)
    found = sanity.overfit_a_batch(lambda: case.build(seed), case.loss(), steps, *part,
                                   steps=BATCH_STEPS)  # fmt: skip
    return found.ok, found.found


def check_gradient(case, seed):
    (x, y), *_ = case.data(seed)
    rng = np.random.default_rng([seed, 4])
    try:
        model = case.build(seed, dtype=np.float64)
        found = gradcheck(model, x[:20].astype(np.float64), loss=case.loss(), y=y[:20], rng=rng,
                          coordinates=20)  # fmt: skip
    except ValueError:  # two passes gave two losses
        return False, math.inf
    return found.ok, found.error


def check_penalty(case, seed):
    part, *_ = case.data(seed)
    try:
        found = sanity.regularization_raises_the_loss(
            lambda strength: case.build(seed, strength), case.loss(), *part
        )
    except ValueError:  # the same weights gave two losses
        return False, math.inf
    return found.ok, found.found


def check_independent(case, seed):
    part, *_ = case.data(seed)
    found = sanity.independent_samples(case.build(seed), part[0][:8])
    return found.ok, found.found


def check_shuffled(case, seed):
    def score(y):
        part, held, _ = case.data(seed, y)
        return accuracy(case.fitted(seed, part, epochs=60), held)

    y = draw(seed, 700)[0][1]
    found = sanity.shuffled_labels(score, y, rng=np.random.default_rng([seed, 5]), repeats=2)
    return found.ok, found.found


def check_updates(case, seed):
    """The median ratio of every kernel in the first hundred steps; the one farthest from 1e-3."""
    part, *_ = case.data(seed)
    watch = UpdateRatios()
    with np.errstate(all="ignore"):
        case.fitted(seed, part, epochs=5, callbacks=[watch])
        ratios = [np.median(v) for k, v in watch.values.items() if k.endswith("kernel")]
    worst = max(ratios, key=lambda r: abs(r + 3) if math.isfinite(r) else math.inf)
    return bool(SLOW <= worst <= FAST), float(worst)


def check_baseline(case, seed):
    """Validation accuracy, which softmax regression on right images must not beat by 0.05."""
    part, held, _ = case.data(seed)
    right, other, _ = Healthy().data(seed)
    linear = linear_scores(right, other[0], 1e-3, 10).argmax(axis=1)
    found = accuracy(case.fitted(seed, part), held)
    return found >= np.mean(linear == other[1]) - 0.05, found


CHECKS = {
    "loss at chance": check_chance,
    "overfit a batch": check_batch,
    "gradient": check_gradient,
    "penalty raises the loss": check_penalty,
    "independent samples": check_independent,
    "shuffled labels": check_shuffled,
    "update ratio": check_updates,
    "linear baseline": check_baseline,
}


def sanity_part(seeds, faults=FAULTS, checks=CHECKS):
    """What is stored under sanity."""
    cases = {name: FAULTS[name]() for name in faults}
    runs = {
        f: {c: [CHECKS[c](case, k) for k in seeds] for c in checks} for f, case in cases.items()
    }
    tested = {}
    for name, case in cases.items():
        tested[name] = []
        for seed in seeds:
            part, _, test = case.data(seed)
            tested[name].append(accuracy(case.fitted(seed, part), test))
    return {
        "checks": list(checks),
        "faults": list(faults),
        "found": {
            f: {c: sum(not ok for ok, _ in r) for c, r in v.items()} for f, v in runs.items()
        },
        "values": {f: {c: [v for _, v in r] for c, r in row.items()} for f, row in runs.items()},
        "accuracy": tested,
    }


# --- choosing by the test set

POOLS, POOL, TEST_SIZES = ("settings", "seeds"), 100, (100, 400)
TRIED, DRAWN = (1, 2, 5, 10, 20, 50, 100), 100


def pool(kind, seed, count=POOL):
    """(count, images) of bool: which of the images that are not trained on each net reads."""
    part, (x, y) = draw(seed, 200)
    rng, found = np.random.default_rng([seed, 3]), []
    for k in range(count):
        plan = Plan()
        if kind == "settings":
            ends = np.log([(0.003, 1e-6, 8, 4), (0.3, 1e-2, 128, 32)])
            rate, l2, units, epochs = np.exp(rng.uniform(*ends))
            plan = Plan(rate, 0.9, l2, round(units), round(epochs))
        model = reader(part, plan, [seed, k, 1], [seed, k, 2])
        with np.errstate(over="ignore", invalid="ignore"):
            found.append(y == (0 if model is None else model.predict(x).argmax(axis=1)))
    return np.array(found)


@functools.cache
def best_shares(k, n):
    """The probability that the best of k (of n, none twice) is number r of all."""
    return np.array([math.comb(n - 1 - r, k - 1) for r in range(n)]) / math.comb(n, k)


def best_of(k, seen, values):
    """The expected value of the one of k (of all, none twice) that is best in `seen`; exact.

    Equal ones are equally likely to be chosen.
    """
    levels, number, count = np.unique(-np.asarray(seen), return_inverse=True, return_counts=True)
    mean = np.bincount(number, values, len(levels)) / count
    return float(best_shares(k, len(seen)) @ np.repeat(mean, count))


def chosen_by_test(kind, seeds, count=POOL, draws=DRAWN):
    """What is stored under test_set[POOL]: of each SIZE."""
    found = {str(size): {"tried": [k for k in TRIED if k <= count]} for size in TEST_SIZES}
    rows = {size: [] for size in TEST_SIZES}
    for seed in seeds:
        right, rng = pool(kind, seed, count), np.random.default_rng([seed, 4])
        for size in TEST_SIZES:
            means = np.zeros((3, sum(k <= count for k in TRIED)))
            for _ in range(draws):
                order = rng.permutation(right.shape[1])
                seen, fresh = (right[:, i].mean(axis=1) for i in np.split(order, [size]))
                ways = ((seen, seen), (seen, fresh), (fresh, fresh))
                means += [[best_of(k, *way) for k in TRIED if k <= count] for way in ways]
            rows[size].append(means / draws)
    for size, row in rows.items():
        for way, name in enumerate(("reported", "fresh", "best_fresh")):
            found[str(size)][name] = {
                str(k): [float(means[way, j]) for means in row]
                for j, k in enumerate(found[str(size)]["tried"])
            }
    return found


# --- updates

UPDATES = {"SGD": powers(1e-3, 10, 13), "momentum": powers(1e-4, 1, 13),
           "Adam": powers(1e-5, 0.1, 13)}  # fmt: skip
LENGTHS, EARLY = (10, 100), 100
LAYERS = ("1", "2", "3")


@np.errstate(over="ignore", invalid="ignore")
def updated(name, rate, epochs, seed):
    """(median ratio of each layer early, and in all; training loss, test accuracy) or Nones."""
    part, test = draw(seed, 200)
    model = network((64, 64, 64, 10), np.random.default_rng([seed, 1]))
    watch = UpdateRatios()
    optimizer = {"SGD": SGD(rate), "momentum": SGD(rate, momentum=0.9), "Adam": Adam(rate)}[name]
    plan = Plan(epochs=epochs)
    order = np.random.default_rng([seed, 2])
    model = train(model, part, plan, order, optimizer=optimizer, callbacks=[watch])
    if model is None:
        return [None] * len(LAYERS), [None] * len(LAYERS), None, None
    found = 10 ** np.array([v for name, v in watch.values.items() if name.endswith("kernel")])
    early, whole = (np.median(v, axis=1).tolist() for v in (found[:, :EARLY], found))
    return early, whole, cross_entropy(model, part), accuracy(model, test)


def updates(name, epochs, seeds):
    """What is stored under updates[OPTIMIZER][EPOCHS]."""
    rates = UPDATES[name]
    runs = [[updated(name, rate, epochs, seed) for seed in seeds] for rate in rates]
    right = [[run[3] for run in row] for row in runs]
    ratio, all_steps = (
        [[[run[part][k] for run in row] for row in runs] for k in range(len(LAYERS))]
        for part in (0, 1)
    )
    mean = np.array([np.mean([0.1 if v is None else v for v in row]) for row in right])
    whole = np.array([None not in row for row in right])
    at = int(np.argmax(mean))
    typical = np.array(
        [[np.mean(row) if ok else np.inf for row, ok in zip(rows, whole, strict=True)]
         for rows in ratio]
    )  # fmt: skip
    good = (mean >= mean[at] - 0.01) & whole
    rule = [
        int(np.argmin(np.abs(np.log10(np.maximum(row, 1e-12)) + 3))) for row in typical[:, : at + 1]
    ]
    named = lambda values: dict(zip(LAYERS, values, strict=True))  # noqa: E731
    return {
        "rates": list(rates),
        "ratio": named(ratio),
        "whole": named(all_steps),
        "train_loss": [[run[2] for run in row] for row in runs],
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
    early = [UPDATES, EARLY]
    found["updates"] = {
        name: {
            str(epochs): kept(f"updates-{name}-{epochs}", early, updates, name, epochs, seeds)
            for epochs in LENGTHS
        }
        for name in UPDATES
    }
    found["test_set"] = {
        kind: kept(f"test-{kind}", [TEST_SIZES, TRIED, DRAWN], chosen_by_test, kind, seeds)
        for kind in POOLS
    }
    found["sanity"] = kept("sanity", [list(FAULTS), list(CHECKS), BATCH_STEPS], sanity_part, seeds)
    known = [SEEDS_PLAN, SEEDS_SIZES, DRAWS, UNITS, RUNS, COMPARED, LUCKY_PLAN, LUCKY_SIZES, KS]
    found["seeds"] = kept("seeds", known, seeds_part, seeds)
    sizes = (RUNGS, SEARCH_SIZES)
    surfaces = {
        pair: [
            kept(f"surface-{pair}-{k}", [RATES, others, *sizes], surface, pair, k, arrays=True)
            for k in seeds[:5]
        ]
        for pair, others in OTHERS.items()
    }
    found["random_vs_grid"] = {
        pair: rounded(random_vs_grid(pair, seeds[:5], surfaces[pair])) for pair in OTHERS
    }
    found["baseline"] = {}
    for task, described in TASKS.items():
        known = [TRIALS | described.trials, described.models, described.test]
        by_count = {
            str(n): kept(f"baseline-{task}-{n}", known, all_seeds, task, n, seeds)
            for n in described.counts
        }
        found["baseline"][task] = baseline(task, by_count)
    return found


def small():
    """A few seconds' part of everything: what the tests repeat and compare with what is stored."""
    first = {}
    for task, described in TASKS.items():
        order = np.random.default_rng(0).permutation(len(table(task)[1]))
        x, y = (a[order] for a in table(task))
        part, (held, true) = (x[:40], y[:40]), (x[40:200], y[40:200])
        first[task] = {
            m: score(all_scores(m, described.trials_of(m)[:1], task, part, held, (0,))[0], true)
            for m in described.models
        }
    faults = ("none", "softmax twice", "rate too low", "copies in training and validation")
    return {
        "baseline": first,
        "random_vs_grid": {
            pair: [tried(pair, 0.03, others[k], 0) for k in (0, 16, 28)]
            for pair, others in OTHERS.items()
        },
        "seeds": {
            "sources": {source: sources(source, 0, 2) for source in SOURCES},
            "settings": {str(units): settings(units, 2) for units in UNITS},
            "lucky": lucky(50, 0),
        },
        "sanity": sanity_part([0], faults),
        "test_set": {kind: pool(kind, 0, 4).mean(axis=1).tolist() for kind in POOLS},
        "updates": {name: updated(name, rates[6], 10, 0) for name, rates in UPDATES.items()},
    }


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0])
    found = run(seeds)
    found["small"] = rounded(small())
    record.save("practice", found, seeds=seeds, started=time.perf_counter() - sum(SPENT.values()))


if __name__ == "__main__":
    main()
