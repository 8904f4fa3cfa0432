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
(gru: train_loss is a mean over the last 50 steps, the losses are squared errors, no accuracy).

    OPENBLAS_NUM_THREADS=1 python -m experiments.optimizers               about 17 minutes
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
range_test[NET]              Smith (2017), with momentum; NET: "conv", "batch norm" (conv with one
                             before each ReLU)
  rates, losses              of the first seed, step by step (the losses smoothed)
  suggested, lowest          one rate a seed: the suggested one, that of the lowest loss
one_cycle[NET][BUDGET][POLICY]   BUDGET: "1", "1/4" of the steps; POLICY: one of POLICIES
  rates, tuning_train_loss, tuning_test_loss, tuning_test_accuracy   of each highest rate
  rate, edge, LISTS          the rate of the lowest tuning_test_loss
  suggested                  LISTS with the range test's suggestion, one a seed, as highest rate
batch_size                   an MLP 256-64-10 on 2048 glyphs, batches of SIZE "8", ... "1024"
  setting                    images, epochs, updates (of batches of 32 in these epochs),
                             base[OPTIMIZER]: the search for the rate of 32, keys as in one_cycle
  found[EQUAL][OPTIMIZER][RULE][SIZE]   EQUAL: "epochs" or "updates"; OPTIMIZER "momentum" or
                             "Adam" (epochs only); RULE: "fixed" (the rate of 32), "linear" (rate in
                             proportion), "warm-up" (linear, after 10 % of warm-up), "root" (Adam:
                             in proportion to the root), "tuned" (own best rate): rate, updates,
                             LISTS; tuned: rates, tuning_..., edge, too
  growing[WAY]               "constant", "lower rate" (a quarter, twice), "larger batch" (four times
                             as large, twice): rate (best for "lower rate"), edge, updates, LISTS.
                             Smith et al. (2018)
averaging[TASK]              TASK "noisy": mlp, one training label in five wrong, momentum; "gru",
                             Adam. One run with a constant rate, averaged in several ways, WAYS
  rates                      those tried
  [WAY]                      "last" (no average), "EMA 0.9", "EMA 0.99", "EMA 0.999", "Polyak" (all
                             steps), "SWA" (the last quarter's epochs); "decay": another run, linear
                             to 0: tuning_test_loss of each rate, rate, edge, LISTS,
                             mean_test_loss, mean_test_accuracy of each rate over reported seeds
warm_up[NET][OPTIMIZER][WAY] NET "deep" (64-64-...-10, ten Dense layers) or "gru" (500 steps);
                             OPTIMIZER "momentum" or "Adam"; WAY "none", "warm-up" (a tenth of the
                             steps), "clipped" (global norm 1), "both"; the first five seeds
  rates, train_loss, test_loss   (rates x seeds)
  failed                     of each rate: share of seeds that diverged or end with a training loss
                             above half of chance (ln 10; a variance of 1/6)
decay[TASK][WAY]             TASK: "mlp", "units"; WAY: "none", "L2" (in Adam's gradient), "AdamW"
                             (decoupled), both on all parameters; 200 digits, one training label
                             in five wrong; five tuning seeds
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
from twice.scratch.averaging import (
    ExponentialMovingAverage,
    PolyakAverage,
    StochasticWeightAveraging,
)
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.deep_cnns import conv
from twice.scratch.gated import GRU
from twice.scratch.gradient_descent import batches
from twice.scratch.initializers import he_normal
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD, RMSprop
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import Flatten
from twice.scratch.rates import range_test, suggested_rate
from twice.scratch.schedules import (
    constant,
    cosine_decay,
    linear_decay,
    one_cycle,
    piecewise,
    warm_up,
)
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


TASKS = {
    "mlp": Task(570, 19, 0.1),
    "units": Task(570, 19, 0.1),
    "conv": Task(480, 32, 0.3),
    "gru": Task(1000, 25, 0.02),
}
ABOUT = TASKS | {"deep": TASKS["mlp"], "batch norm": TASKS["conv"], "noisy": TASKS["mlp"]}
TRAIN = {"conv": 1024, "batch norm": 1024}  # images to train on; 600 digits elsewhere


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
    if task in TRAIN:
        blocks = [conv(1, 8, 3, strides=2, rng=rng), conv(8, 16, 3, strides=2, rng=rng)]
        if task == "batch norm":
            blocks = [
                [kernel, BatchNormalization(n, momentum=0.9), relu]
                for n, (kernel, relu) in zip((8, 16), blocks, strict=True)
            ]
        layers = [layer for block in blocks for layer in block]
        return Sequential([*layers, Flatten(), Dense(256, 10, rng=rng)]), loss
    units = (64, *[64] * 9, 10) if task == "deep" else (64, 128, 64, 10)
    return dense(units, rng), loss


def glyphs(count, rng):
    """(x, y) of so many glyphs of 16 x 16 pixels, standardized."""
    x, y = data.glyphs(count, size=16, rng=rng)
    return (x - x.mean()) / x.std(), y


def in_units(x):
    """The images (N, 64), every pixel in a unit of its own, the same in all seeds."""
    factors = 10 ** np.random.default_rng(0).permutation(np.linspace(-1.5, 1.5, 64))
    return (x * factors).astype(np.float32)


@functools.lru_cache(maxsize=64)
def problem(task, seed, reported):
    """(x, y) to train on and (x, y) to judge by; gru draws its training batches anew: None."""
    rng, n = np.random.default_rng([seed, 0]), TRAIN.get(task, 600)
    if task == "gru":
        return None, data.adding(2000, 12, rng=rng)
    if task in TRAIN:
        x, y = glyphs(n + 1000, rng)
    else:
        x, y = half(reported)
        order = rng.permutation(len(y))
        x, y = x[order].reshape(-1, 64), y[order]
    if task == "units":
        x = in_units(x)
    if task == "noisy":
        y = np.concatenate([other_digits(y[:n], 0.2, rng), y[n:]])
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
def trained(net, loss, optimizer, steps, watch=None):
    """The losses of the steps, (x, y) each; None if a number overflowed on the way.

    watch: a function of the net and the number of steps taken, called after each.
    """
    losses = []
    try:
        for x, y in steps:
            losses.append(train_step(net, loss, optimizer, x, y)[0])
            if watch is not None:
                watch(net, len(losses))
    except NotFinite:
        return None
    return losses


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
    (train, test), about = problem(task, seed, reported), ABOUT[task]
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
    found["tuning_steps"] = [mean(runs, "steps", limit) if all(runs) else None for runs in tried]

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
            good = round(max(rights) - 0.05, 4)
        for row in one.values():
            values = row[f"tuning_{measure}"]
            row["width"] = width(row["rates"], values, good, at_least=task != "gru")
        about[task] = asdict(TASKS[task]) | {"good": good, "measure": measure}
        found[task] = one
    return {"tasks": about, "found": found}


# --- schedules, the range test, one cycle

BUDGETS = {"1": 1, "1/4": 4}
PEAKS = powers(0.005, THIRD, 10)
POLICIES = {  # functions of the highest rate and the number of steps
    "constant": lambda peak, n: constant(peak),
    "step decay": lambda peak, n: piecewise([(n // 2, peak), (n // 4, peak / 10), (n, peak / 100)]),
    "linear": linear_decay,
    "cosine": cosine_decay,
    "warm-up + cosine": lambda peak, n: warm_up(cosine_decay(peak, n - n // 10), n // 10),
    "1cycle": one_cycle,
}


def momentum(rate):
    return SGD(rate, momentum=0.9)


def tested(net, seed):
    """(rates, smoothed losses) of a range test with momentum, on the training images alone."""
    (train, _), (model, loss) = problem(net, seed, True), network(net, seed)
    batch = stream(train, BATCH, np.random.default_rng([seed, 5]))
    return range_test(model, batch, loss=loss, optimizer=momentum(0.01))


def range_tests(net, seeds):
    """What is stored under range_test of a net."""
    runs = [tested(net, seed) for seed in seeds]
    found = {"suggested": [suggested_rate(*run) for run in runs]}
    found["lowest"] = [rates[int(np.argmin(losses))] for rates, losses in runs]
    return rounded({"rates": runs[0][0], "losses": runs[0][1]} | found)


def policy(net, name, shorter, seeds, setting, suggested, peaks=PEAKS):
    """What is stored under one_cycle of a net, a budget and a policy."""
    n, make = ABOUT[net].steps // shorter, POLICIES[name]

    def runs(peak, seeds, reported):
        schedule = make(peak, n // setting.shorter)
        return [one_run(net, momentum(schedule), s, reported, setting, steps=n) for s in seeds]

    tried = [runs(peak, setting.tuning_seeds, False) for peak in peaks]
    found = {"rates": list(peaks)}
    found |= {f"tuning_{m}": [mean(row, m) for row in tried] for m in MEASURES}
    best = pick(peaks, found["tuning_test_loss"])
    found |= best | lists(runs(best["rate"], seeds, True))
    own = [runs(peak, [seed], True)[0] for peak, seed in zip(suggested, seeds, strict=True)]
    return rounded(found | {"suggested": lists(own)})


def one_cycles(seeds, setting, nets=("conv", "batch norm")):
    """What is stored under range_test and one_cycle."""
    tests = {net: kept(f"range-{net}", None, range_tests, net, seeds) for net in nets}
    cycles = {
        net: {
            budget: {
                name: kept(f"cycle-{net}-{shorter}-{name}", PEAKS, policy, net, name, shorter,
                           seeds, setting, tests[net]["suggested"])
                for name in POLICIES
            }
            for budget, shorter in BUDGETS.items()
        }
        for net in nets
    }  # fmt: skip
    return {"range_test": tests, "one_cycle": cycles}


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


FACTORS = {
    "fixed": lambda size: 1.0,
    "linear": lambda size: size / BATCH,
    "warm-up": lambda size: size / BATCH,
    "root": lambda size: (size / BATCH) ** 0.5,
}
SCALED = {"momentum": ("fixed", "linear", "warm-up", "tuned"), "Adam": ("fixed", "root", "tuned")}
MAKE = {"momentum": momentum, "Adam": Adam}


def updates_of(equal, size):
    """How many updates a size gets, of equal epochs or of equal updates."""
    return UPDATES if equal == "updates" else EPOCHS * IMAGES // size


def searched(optimizer, size, updates, setting):
    """{rates, tuning_...}, and the best rate, of a size and so many updates."""
    rates, make = SIZE_RATES[optimizer], MAKE[optimizer]
    tried = [
        [sized(make(rate), size, updates, seed, setting) for seed in setting.tuning_seeds]
        for rate in rates
    ]
    found = {"rates": list(rates)} | {f"tuning_{m}": [mean(r, m) for r in tried] for m in MEASURES}
    return found | pick(rates, found["tuning_test_loss"])


def base_rate(optimizer, setting):
    """The best rate at 32: the other rules begin there."""
    return rounded(searched(optimizer, BATCH, UPDATES, setting))


def size_row(equal, optimizer, rule, size, base, seeds, setting):
    """What is stored under batch_size/found of a size."""
    updates, found = updates_of(equal, size), {}
    if rule == "tuned":
        found = searched(optimizer, size, updates, setting)
        rate = found["rate"]
    else:
        rate = base * FACTORS[rule](size)
    taken_steps = max(1, updates // setting.shorter)
    schedule = rate
    if rule == "warm-up":
        schedule = warm_up(rate, math.ceil(taken_steps / 10))
    runs = [sized(MAKE[optimizer](schedule), size, updates, seed, setting) for seed in seeds]
    return rounded({"rate": rate, "updates": updates} | found | lists(runs))


GROWING = {  # (shares of the rate, batch sizes) of three thirds of the epochs
    "constant": ((1, 1, 1), (32, 32, 32)),
    "lower rate": ((1, 1 / 4, 1 / 16), (32, 32, 32)),
    "larger batch": ((1, 1, 1), (32, 128, 512)),
}
GROWING_RATES = powers(0.01, THIRD, 6)
GROWING_EPOCHS = 12  # of three thirds


def grown(way, rate, seed, setting):
    """MEASURES of training in three thirds, each with its rate and batch size."""
    shares, sizes = GROWING[way]
    steps = [GROWING_EPOCHS // 3 * IMAGES // size for size in sizes]
    pieces = [(n // setting.shorter, rate * s) for n, s in zip(steps, shares, strict=True)]
    phases = list(zip(steps, sizes, strict=True))
    return sized(momentum(piecewise(pieces)), phases, None, seed, setting)


def growing(seeds, setting, rates=GROWING_RATES):
    """What is stored under batch_size/growing: one rate, the best for "lower rate"."""
    tried = [[grown("lower rate", r, s, setting) for s in setting.tuning_seeds] for r in rates]
    best = pick(rates, [mean(runs, "test_loss") for runs in tried])
    found = {}
    for way, (_, sizes) in GROWING.items():
        runs = [grown(way, best["rate"], seed, setting) for seed in seeds]
        updates = sum(GROWING_EPOCHS // 3 * IMAGES // size for size in sizes)
        found[way] = best | {"updates": updates} | lists(runs)
    return rounded(found)


def batch_sizes(seeds, setting):
    """What is stored under batch_size."""
    bases = {o: kept(f"base-{o}", SIZE_RATES[o], base_rate, o, setting) for o in SCALED}
    found = {"epochs": {}, "updates": {}}
    for equal, optimizer in (("epochs", "momentum"), ("updates", "momentum"), ("epochs", "Adam")):
        found[equal][optimizer] = {
            rule: {
                str(size): kept(f"size-{equal}-{optimizer}-{rule}-{size}", SIZE_RATES[optimizer],
                                size_row, equal, optimizer, rule, size, bases[optimizer]["rate"],
                                seeds, setting)
                for size in SIZES
            }
            for rule in SCALED[optimizer]
        }  # fmt: skip
    about = {"images": IMAGES, "epochs": EPOCHS, "updates": UPDATES, "base": bases}
    grow = kept("growing", GROWING_RATES, growing, seeds, setting)
    return {"setting": about, "found": found, "growing": grow}


# --- averages of the weights

AVERAGED = {  # task: optimizer, rates
    "noisy": (momentum, powers(0.001, THIRD, 9)),
    "gru": (Adam, powers(0.005, HALF, 4)),
}
WAYS = ("last", "EMA 0.9", "EMA 0.99", "EMA 0.999", "Polyak", "SWA", "decay")


def averaged(task, rate, seed, reported, setting):
    """{WAY: MEASURES} of two runs: a constant rate, averaged in all ways, and a linear decay."""
    (train, test), about = problem(task, seed, reported), ABOUT[task]
    make, (net, loss) = AVERAGED[task][0], network(task, seed)
    count = about.steps // setting.shorter
    epochs = count // about.block
    averages = {f"EMA {m}": ExponentialMovingAverage(m, begin="zero") for m in (0.9, 0.99, 0.999)}
    averages |= {"Polyak": PolyakAverage(), "SWA": StochasticWeightAveraging(3 * epochs // 4)}
    for one in averages.values():
        one.on_train_begin(net)

    def watch(net, taken):
        for one in averages.values():
            one.on_batch_end(net, taken, {})
            if taken % about.block == 0:
                one.on_epoch_end(net, taken // about.block - 1, {})

    batch = stream(train, BATCH, np.random.default_rng([seed, 2]))
    losses = trained(net, loss, make(rate), itertools.islice(batch, count), watch)
    fresh = train or data.adding(2000, 12, rng=np.random.default_rng([seed, 6]))
    decayed = one_run(task, make(linear_decay(rate, count)), seed, reported, setting)
    found = dict.fromkeys(WAYS) | {"decay": decayed}
    if losses is None:
        return found
    found["last"] = judged(net, loss, fresh, test)
    for way, one in averages.items():
        with one.swapped(net):
            found[way] = judged(net, loss, fresh, test)
    return found


def averages(task, seeds, setting):
    """What is stored under averaging of a task."""
    rates = AVERAGED[task][1]
    tried = [[averaged(task, r, s, False, setting) for s in setting.tuning_seeds] for r in rates]
    every = [[averaged(task, r, s, True, setting) for s in seeds] for r in rates]
    found = {"rates": list(rates)}
    for way in WAYS:
        tuning = [mean([run[way] for run in runs], "test_loss") for runs in tried]
        best = pick(rates, tuning)
        reported = [run[way] for run in every[rates.index(best["rate"])]]
        found[way] = {"tuning_test_loss": tuning} | best | lists(reported)
        for m in MEASURES[1:]:
            found[way][f"mean_{m}"] = [mean([run[way] for run in runs], m) for runs in every]
    return rounded(found)


# --- warm-up and clipping at high rates

WARM = {  # net: steps, chance, {optimizer: rates}
    "deep": (
        570, math.log(10), {"momentum": powers(0.01, HALF, 5), "Adam": powers(0.001, HALF, 5)}
    ),
    "gru": (500, 1 / 6, {"momentum": powers(0.05, HALF, 5), "Adam": powers(0.005, HALF, 5)}),
}  # fmt: skip
WARM_WAYS = ("none", "warm-up", "clipped", "both")


def warmed(net, optimizer, way, seeds, setting):
    """What is stored under warm_up of a net, an optimizer and a way."""
    steps, chance, rates = WARM[net]
    rates, first = rates[optimizer], steps // setting.shorter // 10

    def make(rate):
        made = MAKE[optimizer](warm_up(rate, first) if way in ("warm-up", "both") else rate)
        return Clipped(made, global_clipnorm=1.0) if way in ("clipped", "both") else made

    runs = [[one_run(net, make(r), s, True, setting, steps=steps) for s in seeds] for r in rates]
    found = {"rates": list(rates)} | {
        measure: [[run and run[measure] for run in row] for row in runs]
        for measure in ("train_loss", "test_loss")
    }
    lost = [[run is None or run["train_loss"] > chance / 2 for run in row] for row in runs]
    return rounded(found | {"failed": [float(np.mean(row)) for row in lost]})


def warm_ups(seeds, setting):
    """What is stored under warm_up: the first five seeds."""
    return {
        net: {
            optimizer: {
                way: kept(f"warm-{net}-{optimizer}-{way}", rates[optimizer], warmed, net, optimizer,
                          way, seeds[:5], setting)
                for way in WARM_WAYS
            }
            for optimizer in rates
        }
        for net, (_, _, rates) in WARM.items()
    }  # fmt: skip


# --- Adam and weight decay

DECAY_RATES = powers(1e-4, HALF, 5)
DECAYS = {"L2": powers(1e-4, HALF, 8), "AdamW": powers(0.0316, HALF, 8)}
DECAY_STEPS, NOISE, FEW = 600, 0.2, 200
DECAY_TASKS = ("mlp", "units")
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
def few(task, seed, reported):
    """200 digits, some with wrong labels, and the rest with true ones."""
    rng = np.random.default_rng([seed, 0])
    x, y = half(reported)
    order = rng.permutation(len(y))
    x, y = x[order].reshape(-1, 64), y[order]
    x = in_units(x) if task == "units" else x
    return (x[:FEW], other_digits(y[:FEW], NOISE, rng)), (x[FEW:], y[FEW:])


def noisy_run(task, optimizer, seed, reported, setting):
    """MEASURES of the MLP trained on 200 digits with wrong labels among them."""
    (train, test), (net, loss) = few(task, seed, reported), network(task, seed)
    batch = stream(train, BATCH, np.random.default_rng([seed, 2]))
    steps = itertools.islice(batch, DECAY_STEPS // setting.shorter)
    return trained(net, loss, optimizer, steps) and judged(net, loss, train, test)


def decay(task, way, seeds, setting, rates=DECAY_RATES, decays=None, tuning_seeds=DECAY_SEEDS):
    """What is stored under decay of a task and a way."""
    decays = decays or ([0.0] if way == "none" else DECAYS[way])
    tried = [
        [
            [noisy_run(task, decayed(way, r, d), s, False, setting) for s in tuning_seeds]
            for d in decays
        ]
        for r in rates
    ]
    found = {"rates": list(rates), "decays": list(decays)}
    for measure in ("test_loss", "test_accuracy"):
        found[f"tuning_{measure}"] = [[mean(runs, measure) for runs in row] for row in tried]
    found["best_decay"] = [decays[lowest(row)] for row in found["tuning_test_loss"]]
    wrong = [[v and -v for v in row] for row in found["tuning_test_accuracy"]]
    for rule, values in (("by_loss", found["tuning_test_loss"]), ("by_accuracy", wrong)):
        k, j = divmod(lowest([v for row in values for v in row]), len(decays))
        runs = [noisy_run(task, decayed(way, rates[k], decays[j]), s, True, setting) for s in seeds]
        edge = k in (0, len(rates) - 1) or (len(decays) > 1 and j in (0, len(decays) - 1))
        found[rule] = {"chosen": [rates[k], decays[j]], "edge": edge} | lists(runs)
    return rounded(found)


def decays(seeds, setting):
    """What is stored under decay."""
    return {
        task: {
            way: kept(f"decay-{task}-{way}", [DECAY_RATES, DECAYS.get(way), list(DECAY_SEEDS)],
                      decay, task, way, seeds, setting)
            for way in ("none", *DECAYS)
        }
        for task in DECAY_TASKS
    }  # fmt: skip


# --- the whole


def kept(part, known, make, *settings):
    """make(*settings), a dict, and "seconds", as `record.kept` does; known: what else decides."""
    settings = [list(s) if isinstance(s, range) else s for s in settings]
    wanted = [[asdict(s) if isinstance(s, Setting) else s for s in settings], known]
    found, _ = record.kept("optimizers", part, wanted, lambda: (make(*settings), []))
    return found


def run(seeds, setting):
    """The whole result but for `small`, as it is stored; kept on the way, part by part."""
    found = {"setting": asdict(setting), "tuned": tuned(seeds, setting)}
    found |= one_cycles(seeds, setting)
    found["batch_size"] = batch_sizes(seeds, setting)
    found["averaging"] = {
        task: kept(f"averaging-{task}", AVERAGED[task][1], averages, task, seeds, setting)
        for task in AVERAGED
    }
    found["warm_up"] = warm_ups(seeds, setting)
    found["decay"] = decays(seeds, setting)
    return found


SMALL = Setting(shorter=10, tuning_seeds=(1000,))


def small():
    """A few seconds' part of it, stored beside the whole: what the tests repeat and compare."""
    low = {name: rates[8] for name, (_, _, rates) in OPTIMIZERS.items()}
    found = {
        f"{task}, {name}": one_run(task, OPTIMIZERS[name][0](low[name]), 0, True, SMALL)
        for task in TASKS
        for name in OPTIMIZERS
    }
    for name, make in POLICIES.items():
        optimizer = momentum(make(0.05, 48))
        found[f"batch norm, {name}"] = one_run("batch norm", optimizer, 0, True, SMALL)
    for size in SIZES:
        found[f"size {size}"] = sized(momentum(0.02), size, updates_of("epochs", size), 0, SMALL)
    for way in GROWING:
        found[f"growing, {way}"] = grown(way, 0.02, 0, SMALL)
    for task, rate in (("noisy", 0.01), ("gru", 0.01)):
        ways = averaged(task, rate, 0, True, SMALL)
        found |= {f"{task}, {way}": ways[way] for way in WAYS}
    for way, strength in (("none", 0.0), ("L2", 0.01), ("AdamW", 1.0)):
        for task in DECAY_TASKS:
            optimizer = decayed(way, 0.001, strength)
            found[f"decay, {task}, {way}"] = noisy_run(task, optimizer, 0, True, SMALL)
    return rounded(found)


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0])
    found = run(list(seeds), Setting())
    started = time.perf_counter() - taken(found)
    found["small"] = small()
    record.save("optimizers", found, seeds=seeds, started=started)


if __name__ == "__main__":
    main()
