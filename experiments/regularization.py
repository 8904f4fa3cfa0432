"""Every regularizer alone and in pairs, tuned with equal effort; and two sayings about dropout.

A network of 64-256-128-10 units with ReLU learns 200 handwritten digits by SGD with momentum 0.9,
100 epochs in batches of 40: long enough to know them by heart. The images are cut once into two
halves. Strengths are chosen on one, with three tuning seeds; what is reported comes from the other,
with ten seeds. A seed draws from its half 200 images to train on, 100 that only early stopping
looks at, and takes the rest (about 600) for judging. Every method gets nine strengths, and every
pair nine, 3 x 3: for either method the strength that is best alone, and the two weaker next to it.
The best is the one of the lowest cross-entropy, the mean over the tuning seeds. Weights, order of
batches and images of a seed are the same for all methods: compare them in pairs, seed by seed. The
rate, 0.04, is the one at which the network without any method reads the most tuning images, learned
with true labels; "rate" and "batch norm" alone have another one. EDGES are the methods whose best
strength is the end of their grid. A rate that suits no method may suit some less badly than others:
"with_rate" repeats every method of one strength with the rate chosen, too, from three.

    OPENBLAS_NUM_THREADS=1 python -m experiments.regularization               about 15 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.regularization --seeds 0 1   two seeds of ten

A run that was stopped goes on where it was. All of it is done twice: NOISE "0.0", true labels, and
"0.2", one label in five of the training (and early stopping's) images is another digit; the images
that judge have true labels in the reported half, noisy ones in the tuning half, as in practice.

What it stores:
setting                      sizes, epochs, rate
by_noise[NOISE]["alone"][METHOD], by_noise[NOISE]["pairs"][ONE][OTHER] (ONE before OTHER in PAIRED):
  strengths                  those tried, from weak to strong (pairs: two lists of three)
  tuning_loss, tuning_accuracy   of each strength, means over the tuning seeds (pairs: 3 x 3)
  chosen                     the strength used (pairs: two); None where there is nothing to choose
  by_accuracy                of a method with strengths: chosen, test_loss, test_accuracy, if the
                             highest tuning_accuracy chooses (the first of equals)
  with_rate                  of a method in WITH_RATE, strength and learning rate chosen together:
                             rates (three), tuning_loss, tuning_accuracy (3 x 9), chosen and
                             by_accuracy's chosen (rate, strength), and the lists below
  train_loss, train_accuracy, test_loss, test_accuracy, gap   lists, one number a reported seed.
                             Losses are plain cross-entropies, nothing random is on, and the labels
                             are those trained on, or true ones in the test. gap: mean probability
                             of the chosen digit - accuracy, on the test; > 0 is too sure
METHOD is one of METHODS:
  "none"; "rate" (only another learning rate); "L2", "L1", "elastic" (strength s: l2 = s, l1 = s/10)
  "max-norm"; "dropout" (both hidden layers); "input noise", "weight noise" (standard deviations);
  "label smoothing"; "mixup" (alpha); "early stopping" (patience); "fewer epochs" (their number);
  "augmentation" (strength s: shifts up to s pixels, turns up to 10 s degrees); "adversarial"
  (FGSM's epsilon); "batch norm" (the strength is the learning rate);
  "more images": none, but the 100 images of early stopping are trained on, too;
  "ensemble": ten networks, all on the 200 images; "bagging": ten, each on a bootstrap sample. Ten
  times the work of "none"; nothing is tuned.
dropout_speed                "Dropout makes training faster", tested on 500 digits:
  targets                    {TARGET: [measure, bound]}: "train_loss 0.1" and so on
  found[TARGET][DROPOUT]     DROPOUT "0.0", "0.2", "0.5": rates (those tried), tuning_updates (mean
                             over the tuning seeds; LIMIT counts for a run that never got there),
                             rate (the best), updates (one a seed; None: not within LIMIT)
  milliseconds[DROPOUT]      of processor time an update (the shortest of three), one a seed
  limit                      LIMIT, the updates of a whole run
always_dropout[CASE][DROPOUT]   "Always use dropout", tested. CASE is NET + " net, " + IMAGES +
                             " images"; DROPOUT "0.0", "0.1", "0.3", "0.5"; the learning rate of
                             each is the best of six: rates, tuning_loss, rate, and the five lists
                             train_loss, ... as above
"""

import functools
import itertools
import math
import time
from dataclasses import asdict, dataclass, replace

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from experiments.double_descent import other_digits
from twice import data
from twice.scratch.adversarial import AdversarialTraining
from twice.scratch.augmentation import Pipeline
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.early_stopping import EarlyStopping
from twice.scratch.ensembles import Ensemble, bagging
from twice.scratch.losses import CategoricalCrossentropy, log_softmax, one_hot
from twice.scratch.noise import Dropout, GaussianNoise, WeightNoise, mixup
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.pooling import Flatten
from twice.scratch.regularization import L1L2, Constrained, MaxNorm, Regularized
from twice.scratch.training import Callback, NotFinite
from twice.scratch.warps import RandomRotation, RandomTranslation

SEEDS = range(10)
NOISES = (0.0, 0.2)


def powers(first, factor, count=9):
    """first, first * factor, ...: so many, with three digits."""
    return tuple(float(f"{first * factor**k:.3g}") for k in range(count))


GRIDS = {
    "rate": powers(0.00125, 2),
    "L2": powers(1e-4, 2),
    "L1": powers(4e-5, 2),
    "elastic": powers(1e-4, 2),
    "max-norm": powers(4.0, 2**-0.5),
    "dropout": tuple(k / 10 for k in range(1, 10)),
    "input noise": powers(0.05, 2**0.5),
    "weight noise": powers(0.005, 2),
    "label smoothing": (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    "mixup": powers(0.05, 2),
    "early stopping": (40, 27, 18, 12, 8, 5, 3, 2, 1),
    "fewer epochs": (80, 60, 40, 27, 18, 12, 8, 5, 3),
    "augmentation": (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0),
    "adversarial": powers(0.025, 2**0.5),
    "batch norm": powers(0.00016, 2.5),
}
EDGES = {  # best at the end of the grid
    "0.0": ("weight noise", "label smoothing", "mixup"),  # the weakest
    "0.2": ("early stopping", "mixup"),  # patience 3 to 40 give the same; mixup's curve is flat
}
FIXED = ("none", "more images", "ensemble", "bagging")
METHODS = ("none", *GRIDS, *FIXED[1:])
RATES = (0.01, 0.0025)  # tried besides the setting's own
WITH_RATE = tuple(m for m in GRIDS if m not in ("rate", "batch norm"))
PAIRED = ("L2", "dropout", "input noise", "label smoothing", "mixup", "early stopping",
          "augmentation")  # fmt: skip
PAIRS = tuple((a, b) for k, a in enumerate(PAIRED) for b in PAIRED[k + 1 :])
MEASURES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "gap")


@dataclass(frozen=True)
class Setting:
    """How much is trained, on what; the tests run a smaller one."""

    train: int = 200
    stopping: int = 100
    units: tuple = (256, 128)
    epochs: int = 100
    batch_size: int = 40
    rate: float = 0.04
    momentum: float = 0.9
    models: int = 10
    tuning_seeds: tuple = (1000, 1001, 1002)


# --- the images


@functools.lru_cache(maxsize=2)
def half(reported):
    """(x, y): the half of all digits on which strengths are chosen, or that of the report."""
    return data.digits(test_fraction=0.5)[int(reported)]


@functools.lru_cache(maxsize=64)
def images(seed, noise, reported, setting):
    """(x, y) three times: to train on, for early stopping, to judge by; y (N,)."""
    rng = np.random.default_rng([seed, 0])
    x, y = half(reported)
    order = rng.permutation(len(y))
    cuts = (setting.train, setting.train + setting.stopping)
    xs, ys = np.split(x[order], cuts), np.split(y[order], cuts)
    noisy = [other_digits(part, noise, rng) for part in ys]
    return list(zip(xs, [*noisy[:2], ys[2] if reported else noisy[2]], strict=True))


# --- one network


def network(ways, units, seed, start=0):
    """Flatten, then Dense, batch norm, ReLU and dropout for every hidden layer, then scores."""
    weights, drawn = (np.random.default_rng([seed, k, start]) for k in (1, 3))
    layers, sizes = [Flatten()], [64, *units, 10]
    if "input noise" in ways:
        layers.append(GaussianNoise(ways["input noise"], rng=drawn))
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        dense = Dense(n_in, n_out, rng=weights)
        if "weight noise" in ways:
            dense = WeightNoise(dense, ways["weight noise"], rng=drawn)
        layers.append(dense)
        if k < len(units):
            if "batch norm" in ways:
                layers.append(BatchNormalization(n_out, momentum=0.9))
            layers.append(Activation("relu"))
            if "dropout" in ways:
                layers.append(Dropout(ways["dropout"], rng=drawn))
    l1 = ways.get("L1", ways.get("elastic", 0.0) / 10)
    l2 = ways.get("L2", ways.get("elastic", 0.0))
    if l1 or l2:
        return Regularized(layers, kernel_regularizer=L1L2(l1, l2))
    return Sequential(layers)


def augmentation(ways, model, seed):
    """What the ways do with a batch before it is trained on, or None."""
    rng, steps = np.random.default_rng([seed, 4]), []
    if "augmentation" in ways:
        s = ways["augmentation"]
        steps.append(RandomRotation(s / 36, "constant", rng=rng))
        steps.append(RandomTranslation(s / 8, s / 8, "constant", rng=rng))
    if "mixup" in ways:
        steps.append(functools.partial(mixup, alpha=ways["mixup"], rng=rng))
    if "adversarial" in ways:
        own = CategoricalCrossentropy(from_logits=True)
        steps.append(AdversarialTraining(model, own, epsilon=ways["adversarial"]))
    return Pipeline(steps) if steps else None


def optimizer(ways, setting):
    rate = ways.get("rate", ways.get("batch norm", setting.rate))
    plain = SGD(rate, momentum=setting.momentum)
    return Constrained(plain, MaxNorm(ways["max-norm"])) if "max-norm" in ways else plain


def trained(ways, seed, part, stopping, setting, *, start=0, callbacks=()):
    """A network trained with these ways, {METHOD: strength}; None if it diverged."""
    model, (x, y) = network(ways, setting.units, seed, start), part
    callbacks = list(callbacks)
    if "early stopping" in ways:
        stop = EarlyStopping(patience=ways["early stopping"], restore_best_weights=True)
        callbacks.append(stop)
    smoothing = ways.get("label smoothing", 0.0)
    try:
        model.fit(
            x,
            one_hot(y, 10),
            loss=CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
            optimizer=optimizer(ways, setting),
            batch_size=setting.batch_size,
            epochs=ways.get("fewer epochs", setting.epochs),
            rng=np.random.default_rng([seed, 2, start]),
            augment=augmentation(ways, model, seed),
            validation_data=(stopping[0], one_hot(stopping[1], 10))
            if "early stopping" in ways
            else None,
            callbacks=callbacks,
            verbose=False,
        )
    except NotFinite:
        return None
    return model


def several(way, seed, part, setting):
    """Ten networks: with "bagging", each of them on a bootstrap sample of its own."""
    if way == "ensemble":
        return Ensemble(
            [trained({}, seed, part, None, setting, start=k) for k in range(setting.models)]
        )
    count = iter(range(setting.models))
    return bagging(
        lambda: network({}, setting.units, seed, next(count)),
        part[0],
        one_hot(part[1], 10),
        n_models=setting.models,
        rng=np.random.default_rng([seed, 2]),
        optimizer=lambda: optimizer({}, setting),
        loss=CategoricalCrossentropy(from_logits=True),
        batch_size=setting.batch_size,
        epochs=setting.epochs,
        verbose=False,
    )


def log_probabilities(model, x):
    """ln p (N, 10) in float64, for a network of scores or an ensemble of probabilities."""
    found = model.predict(x).astype(np.float64)
    if isinstance(model, Ensemble):
        return np.log(np.maximum(found, 1e-30))
    return log_softmax(found)


def judged(model, part, judge):
    """MEASURES of a network; None for one that diverged."""
    if model is None:
        return None
    found = {}
    for name, (x, y) in (("train", part), ("test", judge)):
        log_p = log_probabilities(model, x)
        found[f"{name}_loss"] = float(-log_p[np.arange(len(y)), y].mean())
        found[f"{name}_accuracy"] = float(np.mean(log_p.argmax(axis=1) == y))
    return found | {"gap": float(np.exp(log_p.max(axis=1)).mean()) - found["test_accuracy"]}


@np.errstate(over="ignore", invalid="ignore")  # a rate too high is an answer, not an accident
def one_run(ways, seed, noise, reported, setting):
    """MEASURES of one seed, trained with these ways; None if it diverged."""
    part, stopping, judge = images(seed, noise, reported, setting)
    way = next(iter(ways), "none")
    if way in ("ensemble", "bagging"):
        return judged(several(way, seed, part, setting), part, judge)
    if way == "more images":
        part = tuple(np.concatenate(both) for both in zip(part, stopping, strict=True))
        return judged(trained({}, seed, part, None, setting), part, judge)
    return judged(trained(ways, seed, part, stopping, setting), part, judge)


# --- choosing and reporting


def tuned(ways, noise, setting):
    """(cross-entropy, accuracy) on the tuning half, means over the tuning seeds; inf: diverged."""
    runs = [one_run(ways, seed, noise, False, setting) for seed in setting.tuning_seeds]
    if None in runs:
        return math.inf, 0.0
    return tuple(float(np.mean([r[m] for r in runs])) for m in ("test_loss", "test_accuracy"))


def reported(ways, noise, seeds, setting):
    """Lists of MEASURES, one number a seed."""
    runs = [one_run(ways, seed, noise, True, setting) or dict.fromkeys(MEASURES) for seed in seeds]
    return {measure: [run[measure] for run in runs] for measure in MEASURES}


def alone(method, noise, seeds, setting, grids=GRIDS):
    """One method: its strengths, how they did, the chosen one, and what it reaches."""
    if method in FIXED:
        ways = {} if method == "none" else {method: None}
        return rounded({"chosen": None} | reported(ways, noise, seeds, setting))
    tried = [tuned({method: s}, noise, setting) for s in grids[method]]
    chosen = grids[method][int(np.argmin([loss for loss, _ in tried]))]
    return rounded(
        {
            "strengths": list(grids[method]),
            "tuning_loss": [loss for loss, _ in tried],
            "tuning_accuracy": [share for _, share in tried],
            "chosen": chosen,
        }
        | reported({method: chosen}, noise, seeds, setting)
    )


def by_accuracy(method, tuning_accuracy, noise, seeds, setting, grids=GRIDS):
    """The same method at the strength that reads most tuning images, and what it reaches."""
    chosen = grids[method][int(np.argmax(tuning_accuracy))]
    found = reported({method: chosen}, noise, seeds, setting)
    return rounded({"chosen": chosen} | {m: found[m] for m in ("test_loss", "test_accuracy")})


def with_rate(method, known, noise, seeds, setting, grids=GRIDS, rates=RATES):
    """The same method, its learning rate chosen, too; known: what `alone` found at the usual one.

    Chosen by the loss, and (by_accuracy) by the accuracy, of all pairs of a rate and a strength.
    """
    tried = [
        [tuned({method: s, "rate": rate}, noise, setting) for s in grids[method]] for rate in rates
    ]
    lost = [[loss for loss, _ in row] for row in tried]
    lost = np.array([known["tuning_loss"], *lost], float)  # None: diverged
    right = np.array([known["tuning_accuracy"], *[[share for _, share in row] for row in tried]])
    every = (setting.rate, *rates)
    run = functools.cache(lambda k, j: reported({method: grids[method][j], "rate": every[k]}, noise,
                                                seeds, setting))  # fmt: skip
    best = [
        tuple(int(i) for i in np.unravel_index(at, lost.shape))
        for at in (np.nanargmin(lost), np.argmax(right))
    ]
    chosen = [[every[k], grids[method][j]] for k, j in best]
    return rounded(
        {
            "rates": list(every),
            "tuning_loss": lost.tolist(),
            "tuning_accuracy": right.tolist(),
            "chosen": chosen[0],
            "by_accuracy": {"chosen": chosen[1]}
            | {m: run(*best[1])[m] for m in ("test_loss", "test_accuracy")},
        }
        | run(*best[0])
    )


def three(method, chosen, grids=GRIDS):
    """The chosen strength and the two weaker next to it (the three weakest, if there are none)."""
    k = max(grids[method].index(chosen), 2)
    return grids[method][k - 2 : k + 1]


def pair(methods, chosen, noise, seeds, setting, grids=GRIDS):
    """Two methods at once; chosen: the strength of either that is best alone."""
    one, other = (three(m, s, grids) for m, s in zip(methods, chosen, strict=True))
    tried = np.array(
        [[tuned(dict(zip(methods, (a, b), strict=True)), noise, setting) for b in other]
         for a in one]
    )  # fmt: skip
    k, j = np.unravel_index(np.argmin(tried[..., 0]), tried.shape[:2])
    ways = dict(zip(methods, (one[k], other[j]), strict=True))
    return rounded(
        {
            "strengths": [list(one), list(other)],
            "tuning_loss": tried[..., 0].tolist(),
            "tuning_accuracy": tried[..., 1].tolist(),
            "chosen": [one[k], other[j]],
        }
        | reported(ways, noise, seeds, setting)
    )


# --- "dropout makes training faster"

TARGETS = {
    "train_loss 0.1": ("train_loss", 0.1),
    "train_loss 0.01": ("train_loss", 0.01),
    "val_loss 0.25": ("val_loss", 0.25),
    "val_accuracy 0.94": ("val_accuracy", 0.94),
}
SPEED_DROPOUTS = (0.0, 0.2, 0.5)
SPEED_RATES = powers(0.005, 2, 7)
SPEED = Setting(train=500, stopping=0, epochs=60)


class Watch(Callback):
    """After every epoch the losses without dropout, and the processor time of the steps alone."""

    def __init__(self, part, validation, targets):
        self.parts, self.targets = (part, validation), targets
        self.updates, self.reached, self.seconds = 0, dict.fromkeys(targets), 0.0

    def on_train_begin(self, model):
        self.since = time.process_time()

    def on_batch_end(self, model, iteration, logs):
        self.updates = iteration

    def on_epoch_end(self, model, epoch, logs):
        self.seconds += time.process_time() - self.since
        found = {k.replace("test", "val"): v for k, v in judged(model, *self.parts).items()}
        for name, (measure, bound) in self.targets.items():
            good = found[measure] >= bound if "accuracy" in measure else found[measure] <= bound
            if good and self.reached[name] is None:
                self.reached[name] = self.updates
        model.stop_training = None not in self.reached.values()
        self.since = time.process_time()


@np.errstate(over="ignore", invalid="ignore")
def race(dropout, rate, seed, reported, setting, targets=None):
    """The `Watch` of a network trained until it has reached all targets, or to the end."""
    part, _, validation = images(seed, 0.0, reported, setting)
    watch = Watch(part, validation, TARGETS if targets is None else targets)
    ways = {"rate": rate} | ({"dropout": dropout} if dropout else {})
    trained(ways, seed, part, None, setting, callbacks=[watch])
    return watch


def milliseconds(seed, setting):
    """{DROPOUT: processor time of an update}: the shortest of three, taken in turn."""
    brief, found = replace(setting, epochs=5), {d: [] for d in SPEED_DROPOUTS}
    for _ in range(3):
        for dropout in SPEED_DROPOUTS:
            watch = race(dropout, setting.rate, seed, True, brief, {"never": ("train_loss", 0.0)})
            found[dropout].append(1000 * watch.seconds / watch.updates)
    return {str(d): min(times) for d, times in found.items()}


def dropout_speed(seeds, setting=SPEED, rates=SPEED_RATES):
    """What is stored under dropout_speed."""
    limit = setting.epochs * -(-setting.train // setting.batch_size)
    found = {name: {} for name in TARGETS}
    for dropout in SPEED_DROPOUTS:
        tuning = [
            [race(dropout, rate, seed, False, setting).reached for seed in setting.tuning_seeds]
            for rate in rates
        ]
        run = functools.cache(lambda rate, seed, d=dropout: race(d, rate, seed, True, setting))
        for name in TARGETS:
            mean = [float(np.mean([r[name] or limit for r in runs])) for runs in tuning]
            rate = rates[int(np.argmin(mean))]
            found[name][str(dropout)] = {
                "rates": list(rates),
                "tuning_updates": mean,
                "rate": rate,
                "updates": [run(rate, seed).reached[name] for seed in seeds],
            }
    times = [milliseconds(seed, setting) for seed in seeds]
    return rounded(
        {
            "targets": {name: list(target) for name, target in TARGETS.items()},
            "limit": limit,
            "found": found,
            "milliseconds": {str(d): [t[str(d)] for t in times] for d in SPEED_DROPOUTS},
        }
    )


# --- "always use dropout"

NETS = {"small": (8,), "wide": (256, 128)}
IMAGES = (100, 600)
ALWAYS_DROPOUTS = (0.0, 0.1, 0.3, 0.5)
ALWAYS_RATES = powers(0.0025, 2, 6)


def always_case(net, count, dropout, seeds, rates=ALWAYS_RATES, epochs=100):
    """One network on so many images with so much dropout, at the best of six rates."""
    setting = Setting(train=count, stopping=0, units=NETS[net], epochs=epochs)
    ways = {"dropout": dropout} if dropout else {}
    tried = [tuned(ways | {"rate": rate}, 0.0, setting)[0] for rate in rates]
    rate = rates[int(np.argmin(tried))]
    found = {"rates": list(rates), "tuning_loss": tried, "rate": rate}
    return rounded(found | reported(ways | {"rate": rate}, 0.0, seeds, setting))


# --- the whole


def kept(part, known, make, *settings):
    """make(*settings), a dict, and "seconds", as `record.kept` does; known: what else decides."""
    wanted = [[asdict(s) if isinstance(s, Setting) else s for s in settings], known]
    found, _ = record.kept("regularization", part, wanted, lambda: (make(*settings), []))
    return found


def taken(found):
    """Take every "seconds" out of nested dicts; returns their sum."""
    inner = sum(taken(value) for value in found.values() if isinstance(value, dict))
    return inner + found.pop("seconds", 0)


def tables(noise, seeds, setting, methods=METHODS, pairs=PAIRS):
    """What is stored under by_noise[noise]."""
    found = {
        m: kept(f"{noise}-{m}", GRIDS.get(m), alone, m, noise, list(seeds), setting)
        for m in methods
    }
    for m in (m for m in methods if m not in FIXED):
        found[m]["by_accuracy"] = kept(
            f"{noise}-{m}-accuracy", GRIDS[m], by_accuracy, m, found[m]["tuning_accuracy"], noise,
            list(seeds), setting
        )  # fmt: skip
    for m in (m for m in methods if m in WITH_RATE):
        known = {key: found[m][key] for key in ("tuning_loss", "tuning_accuracy")}
        found[m]["with_rate"] = kept(
            f"{noise}-{m}-rate", [GRIDS[m], RATES], with_rate, m, known, noise, list(seeds), setting
        )  # fmt: skip
    both = {}
    for a, b in pairs:
        chosen = [found[m]["chosen"] for m in (a, b)]
        both.setdefault(a, {})[b] = kept(
            f"{noise}-{a}-{b}", [GRIDS[a], GRIDS[b]], pair, (a, b), chosen, noise, list(seeds),
            setting
        )  # fmt: skip
    return {"alone": found, "pairs": both}


def always_dropout(seeds):
    """What is stored under always_dropout."""
    return {
        f"{net} net, {count} images": {
            str(d): kept(
                f"always-{net}-{count}-{d}", ALWAYS_RATES, always_case, net, count, d, list(seeds)
            )
            for d in ALWAYS_DROPOUTS
        }
        for net in NETS
        for count in IMAGES
    }


def run(seeds, setting):
    """The whole result but for `small`, as it is stored; kept on the way, part by part."""
    speed = [asdict(SPEED), SPEED_RATES, SPEED_DROPOUTS, TARGETS]
    return {
        "setting": asdict(setting),
        "by_noise": {str(noise): tables(noise, seeds, setting) for noise in NOISES},
        "dropout_speed": kept("speed", speed, dropout_speed, list(seeds)),
        "always_dropout": always_dropout(seeds),
    }


SMALL = Setting(epochs=10, models=2, tuning_seeds=(1000,))


def small():
    """A few seconds' part of it, stored beside the whole: what the tests repeat and compare."""
    strengths = {m: GRIDS[m][3] for m in GRIDS} | dict.fromkeys(FIXED[1:])
    ways = {"none": {}} | {m: {m: s} for m, s in strengths.items()}
    ways |= {f"{a}, {b}": {a: GRIDS[a][3], b: GRIDS[b][3]} for a, b in PAIRS}
    return {name: rounded(one_run(w, 0, 0.2, True, SMALL)) for name, w in ways.items()}


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0])
    found = run(seeds, Setting())
    started = time.perf_counter() - taken(found)
    found["small"] = small()
    record.save("regularization", found, seeds=seeds, started=started)


if __name__ == "__main__":
    main()
