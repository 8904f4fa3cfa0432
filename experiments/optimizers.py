"""Optimizers and rates compared at equal effort; schedules, batches, averages, warm-up, decay.

Everything is trained by `twice.scratch` in float32. TASKS:
  "mlp"    64-128-64-10 units with ReLU on 600 digits, 570 steps
  "units"  the same, but every pixel is in a unit of its own: times 10^u, u even from -1.5 to 1.5
  "conv"   two convolutions with stride 2 on 1024 glyphs of 16 x 16 pixels, 480 steps
  "gru"    16 GRU units on the adding problem of length 12, sequences drawn anew, 1000 steps
Batches of 32 unless said otherwise. Whatever is chosen (a rate, a decay) is chosen with three
tuning seeds that are never reported; the digits are cut once into two halves, one to choose on, one
to report from; glyphs and sequences are drawn anew. A seed fixes weights, data and order of batches
for all methods: compare them in pairs, seed by seed. LISTS, wherever they are named, are
  train_loss, test_loss, test_accuracy   one number a reported seed after training, None: diverged
(gru: train_loss is over the last 50 steps, the losses are mean squared errors, no accuracy).

    OPENBLAS_NUM_THREADS=1 python -m experiments.optimizers               about 20 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.optimizers --seeds 0 1   two seeds of ten

A run that was stopped goes on where it was. What it stores:

tuned                        "Adam needs no tuning", "always use Adam"
  tasks[TASK]                steps, block (steps of a point of a curve), target (of the block's mean
                             training loss), good (the bound of width below), measure (what `good`
                             bounds: "test_accuracy", at least, or "test_loss", at most)
  found[TASK][OPTIMIZER]     OPTIMIZER: "SGD", "momentum", "Nesterov", "RMSprop", "Adam", "AdamW",
                             "Lion"; the same number of rates for each, three a decade
    rates, tuning_train_loss, tuning_test_loss, tuning_test_accuracy, tuning_steps
                             of each rate, means over the tuning seeds; None: one diverged
                             (tuning_steps: steps to the target; who never gets there counts as all)
    width                    decades of rates whose tuning `measure` is good, by interpolation
    default                  untuned: rate (Keras's default), LISTS, steps (None: never)
    by_loss, by_accuracy, by_train, by_steps   tuned by the lowest tuning_test_loss, the highest
                             tuning_test_accuracy (not for gru), the lowest tuning_train_loss or
                             tuning_steps: rate, edge (is it an end of the grid?), LISTS, steps
    curve                    of by_train: mean training loss of each block, mean over the seeds
range_test                   Smith (2017), on "conv" with momentum
  rates, losses              of one seed, as measured step by step
  suggested                  the suggested rate, one a reported seed; rate: their median
one_cycle[BUDGET][POLICY]    BUDGET: "1", "1/4" of conv's epochs; POLICY: "constant", "step decay",
                             "linear", "cosine", "warm-up + cosine", "1cycle": rates (peaks tried),
                             tuning_test_loss, rate, edge, LISTS; "1cycle, range test": no tuning,
                             rate (the range test's), LISTS
batch_size                   on 2048 glyphs, an MLP 256-64-10, batches of SIZE "8", ... "1024"
  setting                    rate (base, best at 32), epochs, updates
  found[EQUAL][OPTIMIZER][RULE][SIZE]   EQUAL: "epochs" or "updates"; OPTIMIZER "momentum" or
                             "Adam" (epochs only); RULE: "fixed" (the rate of 32), "linear" (rate in
                             proportion), "warm-up" (linear, after 10 % of warm-up), "root" (in
                             proportion to the root), "tuned" (own best rate): rate, updates, LISTS;
                             tuned: rates, tuning_test_loss, edge, too
  growing[WAY]               "constant", "lower rate" (a quarter, twice), "larger batch" (four times
                             as large, twice): rate, updates, LISTS. Smith et al. (2018)
averaging[RATE][WAY]         on "mlp" with noisy labels, one run with a constant RATE ("low", "best",
                             "high"): "last", "EMA 0.9", "EMA 0.99", "EMA 0.999", "Polyak", "SWA";
                             "decay", another run, linear to 0: rate, LISTS
warm_up[NET][OPTIMIZER][WAY] NET "deep" (ten layers of 64) or "gru"; OPTIMIZER "momentum" or "Adam";
                             WAY "none", "warm-up", "clipped", "both": rates, and for each rate
                             train_loss (rates x seeds), failed (share of seeds that diverged or end
                             above half of the first loss)
decay[WAY]                   "none", "L2" (in Adam's gradient), "AdamW" (decoupled), both on all
                             parameters; 200 digits, one label in five wrong; five tuning seeds
  rates, decays, tuning_test_loss, tuning_test_accuracy (rates x decays)
  best_decay                 of each rate, by tuning_test_loss
  by_loss, by_accuracy       the best pair: chosen (rate, decay), edge (is either an end of its
                             grid?), LISTS
"""

import functools
import itertools
import math
import time
from dataclasses import asdict, dataclass

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from experiments.double_descent import other_digits
from experiments.regularization import half, powers, taken
from twice import data
from twice.scratch.adaptive import Adam, AdamW, Lion
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.deep_cnns import conv
from twice.scratch.gated import GRU
from twice.scratch.gradient_descent import batches
from twice.scratch.initializers import he_normal
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.optimizers import SGD, RMSprop
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import Flatten
from twice.scratch.training import NotFinite, train_step

SEEDS = range(10)
BATCH = 32
THIRD, HALF = 10 ** (1 / 3), 10**0.5  # of a decade
MEASURES = ("train_loss", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class Setting:
    """How much is done: every run is `shorter` times shorter in the tests."""

    shorter: int = 1
    tuning_seeds: tuple = (1000, 1001, 1002)


# --- the tasks


@dataclass(frozen=True)
class Task:
    """What is learned: `steps` batches, a curve of means over `block` of them, a `target`."""

    steps: int
    block: int
    target: float
    units: tuple = (64, 128, 64, 10)

    @property
    def recurrent(self):
        return self.block == 25


TASKS = {
    "mlp": Task(570, 19, 0.1),
    "units": Task(570, 19, 0.1),
    "conv": Task(480, 32, 0.3),
    "gru": Task(1000, 25, 0.02),
}
TRAIN = {"mlp": 600, "units": 600, "deep": 600, "conv": 1024, "gru": 0}


def dense(units, rng):
    """Dense layers with ReLU between them."""
    layers = []
    for n_in, n_out in itertools.pairwise(units):
        layers += [Dense(n_in, n_out, rng=rng, initializer=he_normal), Activation("relu")]
    return Sequential(layers[:-1])


def network(task, seed):
    """(net, loss) of a task, with the weights of this seed."""
    rng = np.random.default_rng([seed, 1])
    if task == "gru":
        return Sequential([GRU(2, 16, rng=rng), Dense(16, 1, rng=rng)]), MeanSquaredError()
    loss = SparseCategoricalCrossentropy(from_logits=True)
    if task == "conv":
        layers = [*conv(1, 8, 3, strides=2, rng=rng), *conv(8, 16, 3, strides=2, rng=rng)]
        return Sequential([*layers, Flatten(), Dense(256, 10, rng=rng)]), loss
    units = (64, *[64] * 9, 10) if task == "deep" else (64, 128, 64, 10)
    return dense(units, rng), loss


def glyphs(count, rng):
    """(x, y) of so many glyphs of 16 x 16 pixels, standardized."""
    x, y = data.glyphs(count, size=16, rng=rng)
    return (x - x.mean()) / x.std(), y


@functools.lru_cache(maxsize=64)
def problem(task, seed, reported):
    """(x, y) to train on and (x, y) to judge by; gru draws its training batches anew: None."""
    rng, n = np.random.default_rng([seed, 0]), TRAIN[task]
    if task == "gru":
        return None, data.adding(2000, 12, rng=rng)
    if task == "conv":
        x, y = glyphs(n + 1000, rng)
    else:
        x, y = half(reported)
        order = rng.permutation(len(y))
        x, y = x[order].reshape(-1, 64), y[order]
    if task == "units":  # the same unit for a pixel in all seeds
        x = x * 10 ** np.random.default_rng(0).permutation(np.linspace(-1.5, 1.5, 64))
        x = x.astype(np.float32)
    return (x[:n], y[:n]), (x[n:], y[n:])


def stream(part, size, rng):
    """Batches without end: epoch after epoch in new order, or sequences drawn anew."""
    while part is None:
        yield data.adding(size, 12, rng=rng)
    x, y = part
    while True:
        yield from ((x[i], y[i]) for i in batches(len(y), size, rng=rng))


# --- one run


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # too high a rate is an answer
def trained(net, loss, optimizer, steps):
    """The losses of the steps, (x, y) each; None if a number overflowed on the way."""
    try:
        return [train_step(net, loss, optimizer, x, y)[0] for x, y in steps]
    except NotFinite:
        return None


@np.errstate(over="ignore", invalid="ignore")
def judged(net, loss, train, test):
    """MEASURES of a network; None if one is not finite. train: (x, y) or a loss already known."""
    found = {"train_loss": train if isinstance(train, float) else score(net, loss, train)}
    found["test_loss"] = score(net, loss, test)
    labels = isinstance(loss, SparseCategoricalCrossentropy)
    found["test_accuracy"] = accuracy(test[1], net.predict(test[0])) if labels else None
    finite = math.isfinite(found["train_loss"]) and math.isfinite(found["test_loss"])
    return found if finite else None


def score(net, loss, part):
    return float(loss.forward(part[1], net.predict(part[0])))


def one_run(task, optimizer, seed, reported, setting, *, steps=None):
    """MEASURES, `curve` and `steps` to the target of one seed; None if it diverged."""
    (train, test), about = problem(task, seed, reported), TASKS[task]
    net, loss = network(task, seed)
    count = (steps or about.steps) // setting.shorter
    batch = stream(train, BATCH, np.random.default_rng([seed, 2]))
    losses = trained(net, loss, optimizer, itertools.islice(batch, count))
    found = losses and judged(net, loss, train or float(np.mean(losses[-50:])), test)
    if not found:
        return None
    blocks = len(losses) // about.block
    curve = np.reshape(losses[: blocks * about.block], (blocks, about.block)).mean(axis=1)
    reached = np.flatnonzero(curve <= about.target)
    found["steps"] = int(about.block * (reached[0] + 1)) if len(reached) else None
    return found | {"curve": curve.tolist()}


def lists(runs, measures=MEASURES):
    """LISTS: one number a run, None for one that diverged."""
    return {m: [run and run[m] for run in runs] for m in measures}


def mean(runs, measure, otherwise=None):
    """The mean of a measure over the runs; None (or `otherwise`) if one diverged or has none."""
    values = [run[measure] if run else None for run in runs]
    if otherwise is not None:
        values = [otherwise if v is None else v for v in values]
    return None if None in values else float(np.mean(values))


def lowest(values):
    """The index of the lowest number; None counts as infinite."""
    return int(np.argmin([math.inf if v is None else v for v in values]))


def pick(rates, values):
    """The rate of the lowest value, and whether it is an end of the grid."""
    k = lowest(values)
    return {"rate": rates[k], "edge": k in (0, len(rates) - 1)}


# --- tuned against untuned

OPTIMIZERS = {  # name: optimizer of a rate, Keras's default, grid of rates
    "SGD": (SGD, 0.01, powers(1e-4, THIRD, 16)),
    "momentum": (functools.partial(SGD, momentum=0.9), 0.01, powers(1e-5, THIRD, 16)),
    "Nesterov": (
        functools.partial(SGD, momentum=0.9, nesterov=True), 0.01, powers(1e-5, THIRD, 16)
    ),
    "RMSprop": (RMSprop, 0.001, powers(1e-6, THIRD, 16)),
    "Adam": (Adam, 0.001, powers(1e-5, THIRD, 16)),
    "AdamW": (AdamW, 0.001, powers(1e-5, THIRD, 16)),
    "Lion": (Lion, 0.001, powers(1e-6, THIRD, 16)),
}  # fmt: skip
RULES = {
    "by_loss": "test_loss", "by_accuracy": "test_accuracy", "by_train": "train_loss",
    "by_steps": "steps",
}  # fmt: skip


def race(task, name, seeds, setting):
    """What is stored under tuned/found of a task and an optimizer, but for `width`."""
    make, default, rates = OPTIMIZERS[name]
    limit = TASKS[task].steps // setting.shorter
    found = {"rates": list(rates)}
    tried = [
        [one_run(task, make(rate), seed, False, setting) for seed in setting.tuning_seeds]
        for rate in rates
    ]
    for measure in MEASURES:
        found[f"tuning_{measure}"] = [mean(runs, measure) for runs in tried]
    found["tuning_steps"] = [
        mean(runs, "steps", limit) if all(runs) else None for runs in tried
    ]

    @functools.cache
    def report(rate):
        return [one_run(task, make(rate), seed, True, setting) for seed in seeds]

    measures = (*MEASURES, "steps")
    found["default"] = {"rate": default} | lists(report(default), measures)
    for rule, measure in RULES.items():
        values = found[f"tuning_{measure}"]
        if rule == "by_accuracy":
            if task == "gru":
                continue
            values = [v and -v for v in values]
        best = pick(rates, values)
        found[rule] = best | lists(report(best["rate"]), measures)
    curves = [run["curve"] for run in report(found["by_train"]["rate"]) if run]
    return rounded(found | {"curve": np.mean(curves, axis=0).tolist()})


def width(rates, values, bound, *, at_least=True):
    """Decades of rates where the values, linear between those tried, keep to the bound."""
    sign, total = (1 if at_least else -1), 0.0
    room = [-math.inf if v is None else sign * (v - bound) for v in values]
    for (a, b), (low, high) in zip(
        itertools.pairwise(rates), map(sorted, itertools.pairwise(room)), strict=True
    ):
        if high >= 0:
            total += math.log10(b / a) * (1 if low >= 0 else high / (high - low))
    return round(total, 3)


def tuned(seeds, setting, tasks=tuple(TASKS), optimizers=tuple(OPTIMIZERS)):
    """What is stored under tuned."""
    about, found = {}, {}
    for task in tasks:
        one = {
            name: kept(f"tuned-{task}-{name}", OPTIMIZERS[name][1:], race, task, name, seeds,
                       setting)
            for name in optimizers
        }  # fmt: skip
        measure, good = "test_loss", 0.01
        if task != "gru":
            measure = "test_accuracy"
            rights = [v for row in one.values() for v in row[f"tuning_{measure}"] if v is not None]
            good = round(max(rights) - 0.02, 4)
        for row in one.values():
            values = row[f"tuning_{measure}"]
            row["width"] = width(row["rates"], values, good, at_least=task != "gru")
        about[task] = asdict(TASKS[task]) | {"good": good, "measure": measure}
        found[task] = one
    return {"tasks": about, "found": found}


# --- batch size

SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
IMAGES, EPOCHS = 2048, 10
UPDATES = EPOCHS * IMAGES // BATCH
SIZE_RATES = {"momentum": powers(0.001, HALF, 8), "Adam": powers(1e-4, HALF, 8)}


@functools.lru_cache(maxsize=16)
def many(seed):
    """2048 glyphs to train on, 2000 to judge by, as vectors of 256."""
    x, y = glyphs(IMAGES + 2000, np.random.default_rng([seed, 0]))
    x = x.reshape(len(x), -1)
    return (x[:IMAGES], y[:IMAGES]), (x[IMAGES:], y[IMAGES:])


def sized(optimizer, size, updates, seed, setting):
    """MEASURES of the MLP 256-64-10 after so many batches of this size.

    size: a number, or [(updates, size), ...] one after the other.
    """
    train, test = many(seed)
    net, loss = dense((256, 64, 10), np.random.default_rng([seed, 1])), network("mlp", 0)[1]
    rng, phases = np.random.default_rng([seed, 2]), size
    if isinstance(size, int):
        phases = [(updates, size)]
    steps = (
        step for n, size in phases
        for step in itertools.islice(stream(train, size, rng), max(1, n // setting.shorter))
    )  # fmt: skip
    if trained(net, loss, optimizer, steps) is None:
        return None
    return judged(net, loss, train, test)


# --- Adam and weight decay

DECAY_RATES = powers(1e-4, HALF, 6)
DECAYS = {"L2": powers(1e-5, HALF, 10), "AdamW": powers(0.01, HALF, 10)}
DECAY_STEPS, NOISE, FEW = 600, 0.2, 200
DECAY_SEEDS = range(1000, 1005)


class WithL2:
    """An optimizer that sees the gradient of loss + l2 / 2 w^2: every gradient gains l2 w."""

    def __init__(self, optimizer, l2):
        self.optimizer, self.l2 = optimizer, l2

    def step(self, params, grads):
        found = {name: g + self.l2 * params[name] for name, g in grads.items()}
        self.optimizer.step(params, found)


def decayed(way, rate, decay):
    """Adam with this rate and decay, the one way or the other."""
    if way == "AdamW":
        return AdamW(rate, weight_decay=decay)
    return WithL2(Adam(rate), decay)


@functools.lru_cache(maxsize=32)
def few(seed, reported):
    """200 digits, some with wrong labels, and the rest; labels that report are all true."""
    rng = np.random.default_rng([seed, 0])
    x, y = half(reported)
    order = rng.permutation(len(y))
    x, y = x[order].reshape(-1, 64), y[order]
    return (x[:FEW], other_digits(y[:FEW], NOISE, rng)), (x[FEW:], y[FEW:])


def noisy_run(optimizer, seed, reported, setting):
    """MEASURES of the MLP trained on 200 digits with wrong labels among them."""
    (train, test), (net, loss) = few(seed, reported), network("mlp", seed)
    batch = stream(train, BATCH, np.random.default_rng([seed, 2]))
    steps = itertools.islice(batch, DECAY_STEPS // setting.shorter)
    return trained(net, loss, optimizer, steps) and judged(net, loss, train, test)


def decay(way, seeds, setting, rates=DECAY_RATES, decays=None, tuning_seeds=DECAY_SEEDS):
    """What is stored under decay of one way."""
    decays = decays or ([0.0] if way == "none" else DECAYS[way])
    tried = [
        [[noisy_run(decayed(way, r, d), s, False, setting) for s in tuning_seeds] for d in decays]
        for r in rates
    ]
    found = {"rates": list(rates), "decays": list(decays)}
    for measure in ("test_loss", "test_accuracy"):
        found[f"tuning_{measure}"] = [[mean(runs, measure) for runs in row] for row in tried]
    found["best_decay"] = [decays[lowest(row)] for row in found["tuning_test_loss"]]
    wrong = [[v and -v for v in row] for row in found["tuning_test_accuracy"]]
    for rule, values in (("by_loss", found["tuning_test_loss"]), ("by_accuracy", wrong)):
        k, j = divmod(lowest([v for row in values for v in row]), len(decays))
        runs = [noisy_run(decayed(way, rates[k], decays[j]), s, True, setting) for s in seeds]
        edge = k in (0, len(rates) - 1) or j in (0, len(decays) - 1)
        found[rule] = {"chosen": [rates[k], decays[j]], "edge": edge} | lists(runs)
    return rounded(found)


# --- the whole


def kept(part, known, make, *settings):
    """make(*settings), a dict, and "seconds", as `record.kept` does; known: what else decides."""
    settings = [list(s) if isinstance(s, range) else s for s in settings]
    wanted = [[asdict(s) if isinstance(s, Setting) else s for s in settings], known]
    found, _ = record.kept("optimizers", part, wanted, lambda: (make(*settings), []))
    return found
