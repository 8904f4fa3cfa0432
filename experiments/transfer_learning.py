"""Transfer from letters to digits, other letters and shapes: what to keep, and what it brings.

The source model reads 24 capital letters (`twice.data.source`); its six layers with weights, four
convolutions and two dense ones, are stored in twice/data/source.npz, which this run makes anew with
--source. TARGETS: "digits", real handwriting (similar); "letters", twelve small letters (nearer
still); "shapes", six kinds, seen as their color's distance from gray (different). SIZE: "small",
five images a class; "large", 1000 digits, 3000 of the others. Adam, batches of 32, the rate falls
to 0; the number of steps depends on the number of images alone (`steps_for`).

The images of a target are cut once: what is reported comes from images that no choice has seen.
Every strategy has 18 trials, six rates x three OPTIONS, chosen by validation accuracy (200 or 400
images that are not trained on; equals by loss): a mean over three tuning seeds for small, one for
large, none of them reported. A seed draws its own training images, new weights and batches, and
these are the same for all strategies: compare in pairs, seed by seed. What a head alone learns from
is divided by its standard deviation, and so are the source's last features (`source`).

    OPENBLAS_NUM_THREADS=1 python -m experiments.transfer_learning               about 23 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.transfer_learning --seeds 0 1   two seeds of five

A run that was stopped goes on where it was. What it stores (a list is one number a seed):

setting           letters, stages (the layers behind each of the six), counts[TARGET][SIZE], and
                  steps[TARGET][SIZE]
source[NET]       NET "plain", "norm" (a batch norm after each convolution): parameters,
                  test_accuracy on new letters, of what is stored
cases[TARGET][SIZE][STRATEGY]
  STRATEGY        "linear" (softmax regression on pixels), "random features" (five layers as they
                  are drawn, frozen, and a new head), "scratch", "head" (a new head on all five
                  frozen layers), "early head" (the same on the first 1, 2 or 3), "early, rest new"
                  (these frozen, all others drawn anew), "fine-tune" (all five kept and trained,
                  their rate a share of the head's), "layer rates" (each layer's rate a share of
                  the next one's), "gradual" (unfrozen from the top, done at a share of the epochs)
  options         what its options are; rates, values: of each
  tuning_accuracy, tuning_loss    rates x values
  chosen          [rate, value]; edge: is the rate an end of its grid?
  test_accuracy, test_loss, train_accuracy, seconds     lists; seconds of processor time to train
  trained         how many weights learn
  by_value        {VALUE: test_accuracy with the best rate for this value}, not of all
longer[TARGET][STRATEGY][TIMES]    a case of "large" with so many times the steps (LONGER)
slices[TARGET][SIZE][WAY]    test accuracies. What is left out is drawn anew; all is trained, or
                  kept layers are frozen. WAY: "first two", "last three" (of the five), + ", frozen"
surface[TARGET]   counts (six numbers of images), rate, head_rate (where the head alone learns),
                  accuracy[WAY]: kept layers 0 ... 5 x counts x seeds. WAY: "frozen", "fine-tuned"
preprocessing     200 digits: found[STRATEGY][WAY]: rate, test_accuracy, STRATEGY "head", "early
                  head" (two layers), "fine-tune". WAY: "same", "inverted", "0 to 255",
                  "standardized" (mean 0, variance 1), "small" (8 x 8 pixels amid paper). And
                  only_in_use[WAY]: "fine-tune" trained on "same", then met by other images
batch_norm[TARGET][WAY][BATCH]   200 digits or 60 shapes, from the source with batch norm, batches
                  of 2 or 32, 200 steps: rate, test_accuracy. WAY: "head, running" (frozen: running
                  statistics), "head, batch" (weights rest, statistics of the batch, running ones
                  move), "fine-tune, running", "fine-tune, batch"
without_labels[PRETEXT][TARGET]    what five layers say of digits and letters. PRETEXT: "pixels",
                  "random" (as they are drawn), "supervised" (the source), "contrastive, letters"
                  (pairs: the same letter or not), "Barlow Twins, letters" and "..., digits" (two
                  views of each of 1000 images without labels)
  probe[EACH]     a linear probe with "5", "50" or "all" labels a class: test accuracies
  shots[SHOTS]    the nearest prototype of 1, 5, 20 images a class: test accuracies
"""

import argparse
import functools
import hashlib
import itertools
import math
import time
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from twice import data
from twice.data.source import LETTERS, PATH, SIDE
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.contrastive import (
    BarlowTwins,
    ContrastiveLoss,
    Siamese,
    UnitNormalization,
    views,
)
from twice.scratch.few_shot import linear_probe, nearest_prototype, pairs, prototypes
from twice.scratch.fine_tuning import LayerRates, Unfreeze
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.pooling import Flatten
from twice.scratch.regularization import L1L2, Regularized
from twice.scratch.schedules import cosine_decay, linear_decay
from twice.scratch.source import UNITS, source_net, stages
from twice.scratch.training import NotFinite, train_step
from twice.scratch.transfer import Frozen, copy_layers, cut, freeze, split, with_head
from twice.scratch.warps import affine_warp

SEEDS, TUNING = range(5), {"small": (1000, 1001, 1002), "large": (1000,)}
BATCH = 32
SMALL_LETTERS = "abdefghnqrty"  # those that do not look like their capitals
LOSS = SparseCategoricalCrossentropy(from_logits=True)


# --- the source

SOURCE = {"images": 20_000, "distortion": 1.7, "epochs": 10, "batch_size": 64, "rate": 0.003}


def trained_source(batch_norm, images, distortion, epochs, batch_size, rate):
    """The arrays of a net that reads letters, rounded to float16 as they are stored."""
    x, y = data.glyphs(images, characters=LETTERS, size=SIDE, distortion=distortion,
                       rng=np.random.default_rng([0, 0]))  # fmt: skip
    net = source_net(np.random.default_rng([0, 1]), batch_norm=batch_norm)
    steps = epochs * math.ceil(images / batch_size)
    net.fit(x, y, loss=LOSS, optimizer=Adam(cosine_decay(rate, steps)), batch_size=batch_size,
            epochs=epochs, rng=np.random.default_rng([0, 2]), verbose=False)  # fmt: skip
    return [w.astype(np.float16) for w in net.get_weights()]


def make_source():
    """Write twice/data/source.npz."""
    arrays = {}
    for name, batch_norm in (("plain", False), ("norm", True)):
        made = trained_source(batch_norm, **SOURCE)
        arrays |= {f"{name}{k}": w for k, w in enumerate(made)}
    np.savez_compressed(PATH, **arrays)


@functools.cache
def source(batch_norm=False):
    """The stored source model, its last features scaled. It is shared: never train it, copy it.

    The features before its head have a standard deviation of about 10; a new head, drawn for
    numbers of about 1, would begin with scores of +-10. Kernel and bias below are divided by the
    deviation on letters, the old head's kernel is multiplied by it: the same function.
    """
    net = source_net(np.random.default_rng(0), batch_norm=batch_norm)
    net.set_weights(data.source_weights(batch_norm=batch_norm))
    x, _ = data.glyphs(1000, characters=LETTERS, size=SIDE, rng=np.random.default_rng([0, 8]))
    deviation = cut(net, stages(net)[-2]).predict(x).std()
    *_, last, _, head = net.layers
    for p in last.params.values():
        p /= deviation
    head.params["kernel"] *= deviation
    return net


STAGES = stages(source_net(np.random.default_rng(0)))
KEPT = STAGES[-2]  # layers without the head


def source_part():
    """What is stored under source."""
    x, y = data.glyphs(3000, characters=LETTERS, size=SIDE, rng=np.random.default_rng([0, 9]))
    nets = {"plain": source(), "norm": source(batch_norm=True)}
    return {
        name: {
            "parameters": sum(p.size for p in net.params.values()),
            "test_accuracy": accuracy(y, net.predict(x)),
        }
        for name, net in nets.items()
    }


# --- the targets


@dataclass(frozen=True)
class Target:
    """classes; images to train on, to choose by, to report; a class's share of the surface."""

    classes: int
    train: int
    held: int
    test: int
    amounts: tuple


TARGETS = {
    "digits": Target(10, 1000, 200, 597, (2, 5, 10, 20, 50, None)),
    "letters": Target(12, 3000, 400, 1000, ()),
    "shapes": Target(6, 3000, 400, 1000, (5, 10, 30, 100, 250, None)),
}
SMALL = 5  # images a class
SIZES = {"small": SMALL, "large": None}


@functools.cache
def whole(target):
    """(x, y) of all images of a target; the last `test` of them are those that report."""
    about, rng = TARGETS[target], np.random.default_rng([5, len(target)])
    count = about.train + about.held + about.test
    if target == "letters":
        return data.glyphs(count, characters=SMALL_LETTERS, size=SIDE, rng=rng)
    if target == "shapes":
        x, y = data.shapes(count, rng=rng)
    else:
        x, y = (np.concatenate(both) for both in zip(*data.digits(), strict=True))
        order = rng.permutation(len(y))
        x, y = x[order], y[order]
    return data.like_source(x), y


def draw(target, each, seed):
    """[(x, y) to train on, (x, y) to choose by, (x, y) to report]: `each` a class, None: all."""
    about, (x, y) = TARGETS[target], whole(target)
    end = about.train + about.held
    order = np.random.default_rng([seed, 0]).permutation(end)
    train, held = np.split(order, [about.train])
    if each is not None:
        train = np.concatenate([train[y[train] == k][:each] for k in range(about.classes)])
    return [(x[i], y[i]) for i in (train, held, np.arange(end, len(y)))]


def steps_for(n):
    """How many steps n images are trained for, in whole epochs."""
    wanted, each = 200 * (max(n, 100) / 100) ** 0.4, math.ceil(n / BATCH)
    return math.ceil(wanted / each) * each


# --- strategies


class Start:
    """What a strategy trains: `model`, on what `base` (None: nothing) makes of the images.

    factors: the rates of layers, for `LayerRates`; callbacks: a function of the epochs; decay:
    weight decay; scaled: divide what goes in by its standard deviation, one number.
    """

    def __init__(self, model, base=None, *, factors=MappingProxyType({0: 1.0}), callbacks=None,
                 decay=0.0, scaled=False):  # fmt: skip
        self.model, self.base, self.factors = model, base, dict(factors)
        self.callbacks, self.decay = callbacks or (lambda epochs: []), decay
        self.scaled = scaled


def fresh(target, seed, **settings):
    """The source's architecture for a target, drawn anew."""
    rng = np.random.default_rng([seed, 1])
    return source_net(rng, classes=TARGETS[target].classes, **settings)


def new_head(base, target, seed, l2=0.0):
    """A `Start` that trains one dense layer on what `base` makes of the images; None: on pixels."""
    width = SIDE**2
    if base is not None:
        width = base.predict(np.zeros((1, SIDE, SIDE, 1), np.float32)).size
    rng = np.random.default_rng([seed, 1])
    layers = [Flatten(), Dense(width, TARGETS[target].classes, rng=rng)]
    return Start(Regularized(layers, kernel_regularizer=L1L2(0.0, l2)), base, scaled=True)


def copied(target, seed, n=KEPT):
    """The source's first n layers, as copies, the rest drawn anew."""
    return copy_layers(source(), fresh(target, seed), n)


def unfrozen_by(share, epochs):
    """The schedule of `Unfreeze`: the head first, all layers learn after this share of epochs."""
    starts = [0, *STAGES[:-2]]
    schedule = {0: KEPT}
    for k, start in enumerate(reversed(starts), 1):
        schedule[max(1, round(k * share * epochs / len(starts)))] = start
    return schedule


def linear(target, seed, l2):
    return new_head(None, target, seed, l2)


def random_features(target, seed, l2):
    return new_head(cut(fresh(target, seed), KEPT), target, seed, l2)


def head(target, seed, l2):
    return new_head(cut(source(), KEPT), target, seed, l2)


def early_head(target, seed, kept):
    return new_head(cut(source(), STAGES[kept - 1]), target, seed)


def early_rest_new(target, seed, kept):
    base, model = split(freeze(copied(target, seed, STAGES[kept - 1]), STAGES[kept - 1]))
    return Start(model, base)


def scratch(target, seed, decay):
    return Start(fresh(target, seed), decay=decay)


def fine_tune(target, seed, share):
    return Start(copied(target, seed), factors={0: share, KEPT: 1.0})


def layer_rates(target, seed, share):
    starts = [0, *STAGES[:-1]]
    factors = {start: share**k for k, start in enumerate(reversed(starts))}
    return Start(copied(target, seed), factors=factors)


def gradual(target, seed, share):
    return Start(copied(target, seed), callbacks=lambda n: [Unfreeze(unfrozen_by(share, n))])


HEAD_RATES, RATES = (0.005, 0.02, 0.08), (0.001, 0.003, 0.01)
# The cases: six rates each, so wide that few are best at an end (`edge`), none that matters.
WIDE_HEAD_RATES, WIDE_RATES = (0.0012, *HEAD_RATES, 0.32, 1.28), (0.0003, *RATES, 0.03, 0.1)
L2S = (0.0, 1e-2, 1e-1)
OPTIONS = {  # name: (function, what its options are, their values, rates)
    "linear": (linear, "L2 of the kernel", L2S, WIDE_HEAD_RATES),
    "random features": (random_features, "L2 of the kernel", L2S, WIDE_HEAD_RATES),
    "scratch": (scratch, "weight decay", (0.0, 0.3, 3.0), WIDE_RATES),
    "head": (head, "L2 of the kernel", L2S, WIDE_HEAD_RATES),
    "early head": (early_head, "kept layers", (1, 2, 3), WIDE_HEAD_RATES),
    "early, rest new": (early_rest_new, "kept layers", (1, 2, 3), WIDE_RATES),
    "fine-tune": (fine_tune, "rate of old layers", (1.0, 0.3, 0.1), WIDE_RATES),
    "layer rates": (layer_rates, "rate of the layer below", (0.8, 0.6, 0.4), WIDE_RATES),
    "gradual": (gradual, "all learn after this share", (0.25, 0.5, 0.75), WIDE_RATES),
}
STRATEGIES = tuple(OPTIONS)
BY_VALUE = ("early head", "early, rest new", "fine-tune", "gradual")


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # too high a rate is an answer
def learned(start, parts, rate, seed, *, batch_size=BATCH, steps=None):
    """{"accuracy", "loss" on parts[1], "train_accuracy", "seconds", "trained"} of one training."""
    if start.base is not None:
        parts = [(start.base.predict(x), y) for x, y in parts]
    if start.scaled:
        deviation = parts[0][0].std()
        parts = [(x / deviation, y) for x, y in parts]
    (x, y), judge = parts
    each = math.ceil(len(y) / batch_size)
    epochs = math.ceil((steps or steps_for(len(y))) / each)
    adam = Adam(linear_decay(rate, epochs * each), weight_decay=start.decay)
    began = time.process_time()
    try:
        start.model.fit(
            x, y, loss=LOSS, optimizer=LayerRates(adam, start.factors), batch_size=batch_size,
            epochs=epochs, rng=np.random.default_rng([seed, 2]), verbose=False,
            callbacks=start.callbacks(epochs)
        )  # fmt: skip
    except NotFinite:
        chance = 1 / (1 + int(judge[1].max()))
        return {"accuracy": chance, "loss": math.inf, "train_accuracy": chance}
    spent = time.process_time() - began
    scores = start.model.predict(judge[0])
    return {
        "accuracy": accuracy(judge[1], scores),
        "loss": float(LOSS.forward(judge[1], scores)),
        "train_accuracy": accuracy(y, start.model.predict(x)),
        "seconds": spent,
        "trained": sum(p.size for p in start.model.params.values()),
    }


def one_run(strategy, target, each, seed, rate, value, *, reported, steps=None):
    """`learned` of a strategy; judged by the reported images, or by those to choose by."""
    train, held, test = draw(target, each, seed)
    start = OPTIONS[strategy][0](target, seed, value)
    return learned(start, (train, test if reported else held), rate, seed, steps=steps)


def best_trial(runs):
    """The index of the highest mean accuracy, of equals the lowest loss. runs: trials x seeds."""
    scores = [tuple(np.mean([[r["accuracy"], -r["loss"]] for r in row], axis=0)) for row in runs]
    return max(range(len(scores)), key=lambda k: scores[k])


def case(strategy, target, size, seeds, tuning=None, steps=None, rates=None, by_value=BY_VALUE):
    """What is stored under cases[TARGET][SIZE][STRATEGY]."""
    tuning = TUNING[size] if tuning is None else tuning
    _, options, values, usual = OPTIONS[strategy]
    rates = rates or usual
    trials = list(itertools.product(rates, values))
    run = functools.partial(one_run, strategy, target, SIZES[size], steps=steps)
    tried = [[run(seed, *trial, reported=False) for seed in tuning] for trial in trials]
    shape = len(rates), len(values)
    table = {
        f"tuning_{what}": np.reshape([np.mean([r[what] for r in row]) for row in tried], shape)
        for what in ("accuracy", "loss")
    }
    chosen, reported = trials[best_trial(tried)], {}
    for value in values if strategy in by_value else [chosen[1]]:
        own = [k for k, trial in enumerate(trials) if trial[1] == value]
        trial = trials[own[best_trial([tried[k] for k in own])]]
        reported[value] = [run(seed, *trial, reported=True) for seed in seeds]
    runs = reported[chosen[1]]
    found = {"options": options, "rates": rates, "values": values}
    found |= {name: values.tolist() for name, values in table.items()}
    found |= {"chosen": chosen, "edge": chosen[0] in (rates[0], rates[-1])}
    for name, key in (("test_accuracy", "accuracy"), ("test_loss", "loss"),
                      ("train_accuracy",) * 2, ("seconds",) * 2):  # fmt: skip
        found[name] = [r.get(key, math.inf) for r in runs]
    found["trained"] = runs[0].get("trained")
    if strategy in by_value:
        found["by_value"] = {str(v): [r["accuracy"] for r in row] for v, row in reported.items()}
    return found


# --- more steps

LONGER = {
    "targets": ("shapes",),
    "strategies": ("scratch", "fine-tune"),
    "times": (8,),
    "rates": (0.001, 0.003, 0.01, 0.03),
}


def longer(target, strategy, times, seeds):
    """What is stored under longer[TARGET][STRATEGY][TIMES]: a case with so many times the steps."""
    steps = times * steps_for(TARGETS[target].train)
    return case(strategy, target, "large", seeds, steps=steps, rates=LONGER["rates"], by_value=())


# --- which end to keep

SLICES = ("first two", "last three", "first two, frozen", "last three, frozen")


def slice_start(way, target, seed):
    """Two or three of the source's five layers, the others drawn anew."""
    layers = slice(0, STAGES[1]) if way.startswith("first") else slice(STAGES[1], KEPT)
    model, old = fresh(target, seed), copied(target, seed)
    model.layers[layers] = old.layers[layers]
    if way.endswith("frozen"):
        model.layers[layers] = [Frozen(a) if a.params else a for a in model.layers[layers]]
    return Start(Sequential(model.layers))


def slices(target, size, way, seeds, steps=None):
    """What is stored under slices[TARGET][SIZE][WAY]."""
    found = []
    for seed in seeds:
        part = draw(target, SIZES[size], seed)[::2]
        start = slice_start(way, target, seed)
        found.append(learned(start, part, SURFACE_RATE, seed, steps=steps)["accuracy"])
    return found


# --- the surface

SURFACE_RATE, HEAD_RATE = 0.003, 0.02
WAYS = ("frozen", "fine-tuned")


def kept_start(way, target, seed, kept):
    """The source's first `kept` of the five layers, the rest drawn anew."""
    n = STAGES[kept - 1] if kept else 0
    model = copied(target, seed, n)
    if way == "fine-tuned" or not kept:
        return Start(model)
    base, model = split(freeze(model, n))
    return Start(model, base)


def surface(target, way, kept, each, seeds, steps=None):
    """Test accuracies with so many kept layers, and `each` images a class."""
    rate = HEAD_RATE if (way, kept) == ("frozen", len(STAGES) - 1) else SURFACE_RATE
    found = []
    for seed in seeds:
        part = draw(target, each, seed)[::2]
        start = kept_start(way, target, seed, kept)
        found.append(learned(start, part, rate, seed, steps=steps)["accuracy"])
    return found


# --- preprocessing


def small_picture(x):
    """Every second pixel of every second row, amid paper: the digit at its own size."""
    z = np.zeros_like(x)
    z[:, 4:12, 4:12] = (x[:, ::2, ::2] + x[:, 1::2, 1::2]) / 2
    return z


PREPARED = {
    "same": lambda x: x,
    "inverted": lambda x: 1 - x,
    "0 to 255": lambda x: 255 * x,
    "standardized": lambda x: (x - 0.3) / 0.32,  # mean and deviation of all digits
    "small": small_picture,
}
PREPARED_STARTS = {
    "head": lambda seed: head("digits", seed, 0.0),
    "early head": lambda seed: early_head("digits", seed, 2),
    "fine-tune": lambda seed: fine_tune("digits", seed, 1.0),
}


def prepared(strategy, way, seeds, tuning=TUNING["small"], each=20, steps=None):
    """What is stored under preprocessing/found[STRATEGY][WAY]; and the models of the seeds."""
    rates = HEAD_RATES if "head" in strategy else RATES

    def run(seed, rate, judge):
        parts = [(PREPARED[way](x), y) for x, y in draw("digits", each, seed)[::judge][:2]]
        start = PREPARED_STARTS[strategy](seed)
        return learned(start, parts, rate, seed, steps=steps), start.model

    tried = [[run(seed, rate, 1)[0] for seed in tuning] for rate in rates]
    rate = rates[best_trial(tried)]
    runs = [run(seed, rate, 2) for seed in seeds]
    return {"rate": rate, "test_accuracy": [r["accuracy"] for r, _ in runs]}, [m for _, m in runs]


def preprocessing(strategy, seeds, **settings):
    """What is stored of one strategy: found[WAY], only_in_use[WAY] (of "fine-tune")."""
    found, in_use = {}, {}
    for way in PREPARED:
        found[way], models = prepared(strategy, way, seeds, **settings)
        if (strategy, way) == ("fine-tune", "same"):
            x, y = draw("digits", None, 0)[2]
            in_use = {
                other: [accuracy(y, model.predict(change(x))) for model in models]
                for other, change in PREPARED.items()
            }
    return {"found": found, "only_in_use": in_use}


# --- batch norm

NORM_WAYS = ("head, running", "head, batch", "fine-tune, running", "fine-tune, batch")
NORM_BATCHES, NORM_EACH = (2, 32), {"digits": 20, "shapes": 10}
NORM_STEPS = 200


def norm_start(way, target, seed):
    """The source with batch norm and a new head; what learns, and which statistics it uses."""
    model = fresh(target, seed, batch_norm=True)
    kept = stages(model)[-2]
    copy_layers(source(batch_norm=True), model, kept)
    if way == "head, running":
        base, model = split(freeze(model, kept))
        return Start(model, base)
    if way == "fine-tune, running":
        model = Sequential([Frozen(a) if hasattr(a, "momentum") else a for a in model.layers])
    return Start(model, factors={0: 0.0 if way == "head, batch" else 1.0, kept: 1.0})


def batch_norm(target, way, batch_size, seeds, tuning=TUNING["small"], steps=NORM_STEPS):
    """What is stored under batch_norm[TARGET][WAY][BATCH]."""
    rates = HEAD_RATES if way.startswith("head") else RATES

    def run(seed, rate, judge):
        parts = draw(target, NORM_EACH[target], seed)[::judge][:2]
        start = norm_start(way, target, seed)
        return learned(start, parts, rate, seed, batch_size=batch_size, steps=steps)

    tried = [[run(seed, rate, 1) for seed in tuning[:1]] for rate in rates]
    rate = rates[best_trial(tried)]
    return {"rate": rate, "test_accuracy": [run(seed, rate, 2)["accuracy"] for seed in seeds]}


# --- without labels

PRETEXTS = ("pixels", "random", "supervised", "contrastive, letters", "Barlow Twins, letters",
            "Barlow Twins, digits")  # fmt: skip
PRETEXT = {"images": 4000, "steps": 1000, "batch_size": 64, "rate": 0.003}
SHOTS, PROBE_L2S = (1, 5, 20), (1e-3, 1e-2, 1e-1)
PROBES = {"digits": (5, 50, None), "letters": (5, 50)}  # images a class; None: all


class RandomView:
    """An `augment`: each image turned, stretched and moved at random, with some noise."""

    def __init__(self, rng):
        self.rng = rng

    def __call__(self, x, y):
        n, draw = len(x), self.rng.uniform
        angle, stretch = draw(-0.3, 0.3, n), np.exp(draw(-0.25, 0.25, (n, 2)))
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.stack([cos, sin, -sin, cos], axis=1).reshape(n, 2, 2)
        z = affine_warp(x, turn * stretch[:, None], draw(-1.5, 1.5, (n, 2)), "constant")
        return z + self.rng.normal(0, 0.05, z.shape).astype(z.dtype), y


def embedding(pretext, seed, images, steps, batch_size, rate):
    """The model whose outputs are probed: the source's first five layers, learned by `pretext`."""
    if pretext == "pixels":
        return Sequential([Flatten()])
    if pretext == "supervised":
        return cut(source(), KEPT)
    rng = np.random.default_rng([seed, 1])
    base = cut(source_net(rng), KEPT)
    if pretext == "random":
        return base
    rng = np.random.default_rng([seed, 3])
    x, y = draw("digits", None, seed)[0]
    if pretext.endswith("letters"):
        x, y = data.glyphs(images, characters=LETTERS, size=SIDE, rng=rng,
                           distortion=SOURCE["distortion"])  # fmt: skip
    head, loss = [Dense(UNITS, UNITS, rng=rng)], BarlowTwins()
    if pretext.startswith("contrastive"):
        head, loss = [*head, UnitNormalization()], ContrastiveLoss()
    model, adam = Siamese(with_head(base, head)), Adam(linear_decay(rate, steps))
    both = views(RandomView(rng), RandomView(rng))
    for _ in range(steps):
        if pretext.startswith("contrastive"):
            pair, target = pairs(y, batch_size, rng=rng)
            group = x[pair]
        else:
            group, target = both(x[rng.choice(len(x), batch_size, replace=False)], None)
        train_step(model, loss, adam, group, target)
    return base


def probed(base, target, each, seed):
    """(test accuracy, L2) of a linear probe; the strength is chosen on the held images."""
    (x, y), (held, true), (test, wanted) = draw(target, each, seed)
    classes, tried = TARGETS[target].classes, []
    for l2 in PROBE_L2S:
        probe = linear_probe(base.predict(x), y, l2=l2, classes=classes, tolerance=1e-4)
        scores = [
            accuracy(a, probe.predict(base.predict(z))) for z, a in ((held, true), (test, wanted))
        ]
        tried.append((*scores, l2))
    return max(tried, key=lambda trial: trial[0])[1:]


def few_shot(base, target, each, seed):
    """The share that the nearest of the classes' prototypes names right."""
    (x, y), _, (test, true) = draw(target, each, seed)
    named = nearest_prototype(base.predict(test), *prototypes(base.predict(x), y))
    return float(np.mean(named == true))


def without_labels(pretext, seeds, setting=PRETEXT):
    """What is stored under without_labels[PRETEXT]."""
    bases = [embedding(pretext, seed, **setting) for seed in seeds]
    found = {}
    for target, counts in PROBES.items():
        probes, shots = {}, {}
        for each in counts:
            tried = [probed(base, target, each, s) for base, s in zip(bases, seeds, strict=True)]
            probes["all" if each is None else str(each)] = [right for right, _ in tried]
        for each in SHOTS:
            shots[str(each)] = [
                few_shot(base, target, each, s) for base, s in zip(bases, seeds, strict=True)
            ]
        found[target] = {"probe": probes, "shots": shots}
    return found


# --- the whole

SPENT = {}  # seconds of every part, also of those made earlier


def kept(part, make, *arguments):
    """make(*arguments), kept by `record.kept` as long as the source and the grids stay."""
    grids = {name: OPTIONS[name][2:] for name in arguments if name in STRATEGIES}
    stored = hashlib.sha256(PATH.read_bytes()).hexdigest()
    known = [stored, str(TARGETS), grids, TUNING, SURFACE_RATE, HEAD_RATE, NORM_EACH, NORM_STEPS]
    wanted = [list(map(str, arguments)), known]

    def made():
        return {"of": rounded(make(*arguments))}, []

    found, _ = record.kept("transfer_learning", part, wanted, made)
    SPENT[part] = found["seconds"]
    return found["of"]


def setting():
    """What is stored under setting."""
    counts = {t: {"small": SMALL * a.classes, "large": a.train} for t, a in TARGETS.items()}
    return {
        "letters": LETTERS,
        "stages": STAGES,
        "counts": counts,
        "steps": {t: {s: steps_for(n) for s, n in row.items()} for t, row in counts.items()},
    }


def cases_part(seeds):
    return {
        target: {
            size: {
                name: kept(f"case-{target}-{size}-{name}", case, name, target, size, seeds)
                for name in STRATEGIES
            }
            for size in SIZES
        }
        for target in TARGETS
    }


def slices_part(seeds):
    return {
        t: {
            s: {w: kept(f"slices-{t}-{s}-{w}", slices, t, s, w, seeds) for w in SLICES}
            for s in SIZES
        }
        for t in ("digits", "shapes")
    }


def surface_part(seeds):
    found = {}
    for target in ("digits", "shapes"):
        about = TARGETS[target]

        def table(way, target=target, amounts=about.amounts):
            return [
                [
                    kept(f"surface-{target}-{way if k else WAYS[0]}-{k}-{n}", surface, target,
                         way if k else WAYS[0], k, n, seeds)
                    for n in amounts
                ]
                for k in range(len(STAGES))
            ]  # fmt: skip

        found[target] = {
            "counts": [about.classes * n if n else about.train for n in about.amounts],
            "rate": SURFACE_RATE,
            "head_rate": HEAD_RATE,
            "accuracy": {way: table(way) for way in WAYS},
        }
    return found


def preprocessing_part(seeds):
    parts = {s: kept(f"prepared-{s}", preprocessing, s, seeds) for s in PREPARED_STARTS}
    in_use = parts["fine-tune"]["only_in_use"]
    return {"found": {s: part["found"] for s, part in parts.items()}, "only_in_use": in_use}


def without_labels_part(seeds):
    return {p: kept(f"without-{p}", without_labels, p, seeds, PRETEXT) for p in PRETEXTS}


def batch_norm_part(seeds):
    return {
        target: {
            way: {
                str(n): kept(f"norm-{target}-{way}-{n}", batch_norm, target, way, n, seeds)
                for n in NORM_BATCHES
            }
            for way in NORM_WAYS
        }
        for target in NORM_EACH
    }


def longer_part(seeds):
    return {
        target: {
            name: {
                str(n): kept(f"longer-{target}-{name}-{n}", longer, target, name, n, seeds)
                for n in LONGER["times"]
            }
            for name in LONGER["strategies"]
        }
        for target in LONGER["targets"]
    }


PARTS = {
    "cases": cases_part,
    "longer": longer_part,
    "surface": surface_part,
    "slices": slices_part,
    "preprocessing": preprocessing_part,
    "batch_norm": batch_norm_part,
    "without_labels": without_labels_part,
}


def run(seeds, parts=PARTS):
    """The whole result but for `small`; kept on the way, part by part."""
    found = {"setting": setting(), "source": rounded(source_part())}
    return found | {name: PARTS[name](list(seeds)) for name in parts}


def small():
    """A few seconds' part of everything: what the tests repeat and compare with what is stored."""
    made = trained_source(False, **SOURCE | {"images": 1280, "epochs": 2})
    x, y = data.glyphs(500, characters=LETTERS, size=SIDE, rng=np.random.default_rng(1))
    net = source_net(np.random.default_rng(0))
    net.set_weights([w.astype(np.float32) for w in made])
    brief = PRETEXT | {"images": 500, "steps": 20}
    first = {name: values[1] for name, (_, _, values, _) in OPTIONS.items()}
    return {
        "source": accuracy(y, net.predict(x)),
        "cases": {
            target: {
                name: one_run(name, target, SMALL, 0, 0.003, value, reported=True, steps=60)[
                    "accuracy"
                ]
                for name, value in first.items()
            }
            for target in TARGETS
        },
        "slices": {way: slices("digits", "small", way, [0], steps=60) for way in SLICES},
        "surface": {
            way: [surface("digits", way, kept, 5, [0], steps=60) for kept in range(len(STAGES))]
            for way in WAYS
        },
        "preprocessing": {
            way: prepared("fine-tune", way, [0], tuning=(1000,), each=5, steps=40)[0]
            for way in PREPARED
        },
        "batch_norm": {
            way: batch_norm("digits", way, 8, [0], tuning=(1000,), steps=30) for way in NORM_WAYS
        },
        "without_labels": {
            name: few_shot(embedding(name, 0, **brief), "digits", 5, 0) for name in PRETEXTS
        },
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--source", action="store_true", help="train the source model anew, too")
    chosen = parser.parse_args(arguments)
    if chosen.source:
        make_source()
    found = run(chosen.seeds)
    found["small"] = rounded(small())
    started = time.perf_counter() - sum(SPENT.values())
    record.save("transfer_learning", found, seeds=chosen.seeds, started=started)


if __name__ == "__main__":
    main()
