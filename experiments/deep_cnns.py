"""Depth with and without shortcuts, five families of blocks at equal cost, one place five ways.

Everything is trained by `twice.scratch` on glyphs of 16 x 16 pixels, by SGD with momentum. The rate
of each network is the one with the lowest validation loss on two tuning seeds, which are used for
nothing else; a best rate at the edge of those tried makes the search go on. Every seed draws its
own images, weights and batches, so the validation figures of the reported seeds chose nothing.

    OPENBLAS_NUM_THREADS=1 python -m experiments.deep_cnns                 about 22 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.deep_cnns --seeds 0 1     two seeds of five

What it stores, under depth/nets/KIND/DEPTH, blocks/EQUAL/families/FAMILY, EQUAL being "parameters"
or "flops", and place/nets/WAY: what the network costs, the rate and what else was tried, and lists
with one entry a seed: train_loss, train_accuracy (after training, over the training set), val_loss,
val_accuracy. curve holds the mean over the seeds after each epoch. depth/longer is the deepest
plain network with four times the epochs; two controls are trained at the largest depth only. A
family's rate is tuned at equal parameters and used at equal flops, too. place has twice the seeds,
s and s + 10, and half of the training images.
"""

import functools
import math
import time
from dataclasses import asdict, dataclass, replace

import numpy as np

from experiments import record
from twice import data
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.costs import costs
from twice.scratch.deep_cnns import (
    Add,
    Identity,
    conv,
    dense_block,
    inception_block,
    residual_block,
    separable_block,
    vgg_block,
)
from twice.scratch.gates import highway_block
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.optimizers import SGD
from twice.scratch.pooling import Flatten, GlobalAveragePooling2D, MaxPooling2D
from twice.scratch.training import NotFinite, evaluate

IMAGE, CLASSES = (16, 16, 1), 10
DEPTHS = (4, 8, 16, 32)
WIDTH = 16
BUDGETS = {"parameters": 6_000, "flops": 400_000}
TUNING_SEEDS = (1000, 1001)


@dataclass(frozen=True)
class Setting:
    """How long and on how much a network is trained; the tests run a smaller one."""

    n_train: int = 1280
    n_place: int = 640  # training images for `place`
    n_val: int = 1000
    batch_size: int = 32
    depth_epochs: int = 6
    block_epochs: int = 10
    longer: int = 4
    momentum: float = 0.9
    tuning_seeds: tuple = TUNING_SEEDS


# --- depth: `depth` convolutions of equal width after a stem, on maps of 4 x 4


def center_identity(shape, rng=None):
    """A convolution that hands its input on: 1 at the middle tap from each channel to itself."""
    kernel = np.zeros(shape)
    kernel[shape[0] // 2, shape[1] // 2] = np.eye(shape[2])
    return kernel


def stacked(layers, rng):
    """A stem that makes 16 x 16 pixels 4 x 4, the layers, and scores."""
    stem = [*conv(1, WIDTH, 3, strides=2, rng=rng), MaxPooling2D(2)]
    return Sequential([*stem, *layers, Flatten(), Dense(16 * WIDTH, CLASSES, rng=rng)])


def plain(depth, rng):
    layers = [layer for _ in range(depth) for layer in conv(WIDTH, WIDTH, 3, rng=rng)]
    return stacked(layers, rng)


def plain_identity(depth, rng):
    one = functools.partial(conv, WIDTH, WIDTH, 3, initializer=center_identity, rng=rng)
    return stacked([layer for _ in range(depth) for layer in one()], rng)


def residual(depth, rng):
    return stacked([residual_block(WIDTH, WIDTH, rng=rng) for _ in range(depth // 2)], rng)


def residual_he(depth, rng):
    """Shortcuts, but every block starts as x plus something as large as x."""
    layers = []
    for _ in range(depth // 2):
        branch = [*conv(WIDTH, WIDTH, 3, rng=rng), *conv(WIDTH, WIDTH, 3, None, rng=rng)]
        layers += [Add([branch, Identity()]), Activation("relu")]
    return stacked(layers, rng)


@functools.cache
def images_to_level():
    """Glyphs of their own, in no training or validation set."""
    x, _ = data.glyphs(200, size=IMAGE[0], rng=np.random.default_rng(2000))
    return (x - x.mean()) / x.std()


def plain_leveled(depth, rng):
    """Each kernel divided by the standard deviation of its output. Mishkin and Matas (2016)."""
    net, a = plain(depth, rng), images_to_level()
    for layer in net.layers[:-1]:
        if layer.params:
            layer.params["kernel"] /= layer.forward(a).std()
        a = layer.forward(a)
    return net


def highway(depth, rng):
    """Each block has two convolutions, one of them the gate's."""
    return stacked([highway_block(WIDTH, rng=rng) for _ in range(depth // 2)], rng)


KINDS = {
    "plain": plain,
    "plain, leveled": plain_leveled,
    "plain, identity start": plain_identity,
    "highway": highway,
    "residual": residual,
    "residual, He start": residual_he,
}
DEEPEST_ALONE = ("plain, leveled", "highway")  # controls, trained at the largest depth only


# --- blocks: a stem, two stages of widths a and b on maps of 8 x 8 and 4 x 4, and scores


def split_inception(f):
    """How an inception block shares f channels out among its four branches."""
    eighth = max(1, round(f / 8))
    quarter = max(1, round(f / 4))
    return quarter, (quarter, f - quarter - 2 * eighth), (eighth, eighth), eighth


def vgg(a, b, rng):
    return [vgg_block(a, a, rng=rng), vgg_block(a, b, rng=rng)], b


def inception(a, b, rng):
    first = inception_block(a, split_inception(a), rng=rng)
    return [first, MaxPooling2D(2), inception_block(a, split_inception(b), rng=rng)], b


def residuals(a, b, rng):
    return [residual_block(a, a, rng=rng), residual_block(a, b, strides=2, rng=rng)], b


def dense(a, b, rng):
    """Three convolutions a stage; their growth brings a to 2 a, then b to 2 b channels."""
    growth = max(1, round(a / 3)), max(1, round(b / 3))
    first, wide = dense_block(a, growth[0], 3, rng=rng), a + 3 * growth[0]
    thin = [*conv(wide, b, 1, rng=rng), MaxPooling2D(2)]
    return [first, *thin, dense_block(b, growth[1], 3, rng=rng)], b + 3 * growth[1]


def separable(a, b, rng):
    rows = [separable_block(a, a, rng=rng), separable_block(a, b, strides=2, rng=rng)]
    return [*rows, separable_block(b, b, rng=rng)], b


FAMILIES = {
    "vgg": vgg,
    "inception": inception,
    "residual": residuals,
    "dense": dense,
    "separable": separable,
}


def family_net(family, widths, rng):
    layers, channels = FAMILIES[family](*widths, rng)
    stem = conv(1, widths[0], 3, strides=2, rng=rng)
    return Sequential([*stem, *layers, GlobalAveragePooling2D(), Dense(channels, CLASSES, rng=rng)])


def price(net):
    found = costs(net, IMAGE)
    return {
        "parameters": sum(c.parameters for c in found),
        "flops": sum(c.flops for c in found),
        "activations": sum(c.activations for c in found),
    }


@functools.cache
def widths_within(family, what, budget):
    """The widths (a, b), 1.5 a <= b <= 2.5 a, whose cost comes nearest to the budget."""
    rng, best = np.random.default_rng(0), (math.inf, None)
    for a in range(4, 64):
        over = 0
        for b in range(math.ceil(1.5 * a), math.floor(2.5 * a) + 1):
            cost = price(family_net(family, (a, b), rng))[what]
            best = min(best, (abs(cost / budget - 1), (a, b)))
            over += cost > budget
            if cost > budget:
                break
        if over and b == math.ceil(1.5 * a):  # the leanest of this width is too dear: so are all
            break
    return best[1]


# --- one place in a small network, on maps of 8 x 8, filled in five ways

PLACE = {
    "one 5 x 5": lambda n, rng: conv(n, n, 5, rng=rng),
    "two 3 x 3": lambda n, rng: conv(n, n, 3, rng=rng) + conv(n, n, 3, rng=rng),
    "two 3 x 3, no ReLU between": lambda n, rng: (
        conv(n, n, 3, None, rng=rng) + conv(n, n, 3, rng=rng)
    ),
    "one 3 x 3": lambda n, rng: conv(n, n, 3, rng=rng),
    "separable 3 x 3": lambda n, rng: [separable_block(n, n, rng=rng)],
}


def place_net(way, rng):
    """A convolution, a pooling, the place, a pooling, scores."""
    first, place = conv(1, WIDTH, 3, rng=rng), PLACE[way](WIDTH, rng)
    head = [MaxPooling2D(2), Flatten(), Dense(16 * WIDTH, CLASSES, rng=rng)]
    return Sequential([*first, MaxPooling2D(2), *place, *head])


# --- training


@functools.lru_cache(maxsize=16)
def images(seed, setting):
    """(x_train, y_train), (x_val, y_val), standardized by the training images."""
    rng = np.random.default_rng([seed, 0])
    x, y = data.glyphs(setting.n_train + setting.n_val, size=IMAGE[0], rng=rng)
    n = setting.n_train
    x = (x - x[:n].mean()) / x[:n].std()
    return (x[:n], y[:n]), (x[n:], y[n:])


@np.errstate(over="ignore", invalid="ignore")  # a rate too high is an answer, not an accident
def train(build, rate, seed, epochs, setting, *, watch=True):
    """Train one network; its losses and accuracies at the end, and after each epoch if watched."""
    train_set, val_set = images(seed, setting)
    rng = np.random.default_rng([seed, 1])
    net, loss = build(rng), SparseCategoricalCrossentropy(from_logits=True)
    try:
        history = net.fit(
            *train_set,
            loss=loss,
            optimizer=SGD(rate, momentum=setting.momentum),
            batch_size=setting.batch_size,
            epochs=epochs,
            rng=rng,
            validation_data=val_set if watch else None,
            metrics=[accuracy],
            verbose=False,
        ).history
    except NotFinite:
        return None
    found = {}
    for name, part in (("train", train_set), ("val", val_set)):
        after = evaluate(net, *part, loss=loss, metrics=[accuracy])
        found |= {f"{name}_{measure}": value for measure, value in after.items()}
    curve = {"train_loss": history["loss"], "val_loss": history.get("val_loss")}
    return found | {"curve": curve}


def tune(build, epochs, setting):
    """{rate: mean validation loss} for 0.01 sqrt(10)^k, until the best is not at the edge."""
    tried = {}
    low, high = -1, 1
    while True:
        for k in range(low, high + 1):
            if k not in tried:
                rate = 0.01 * 10 ** (k / 2)
                runs = [
                    train(build, rate, seed, epochs, setting, watch=False)
                    for seed in setting.tuning_seeds
                ]
                lost = [math.inf if run is None else run["val_loss"] for run in runs]
                tried[k] = float(np.nan_to_num(np.mean(lost), nan=math.inf, posinf=math.inf))
        best = min(sorted(tried), key=tried.get)  # if all diverge, the lowest: go on there
        if low < best < high or high - low > 8:
            return {float(f"{0.01 * 10 ** (k / 2):.3g}"): tried[k] for k in sorted(tried)}
        low, high = min(low, best - 1), max(high, best + 1)


def rounded(value):
    """Four digits of every float in nested lists and dicts; None for what is not finite."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def study(build, rate, epochs, seeds, setting):
    """One network at one rate: its costs, and what it reaches with every seed."""
    runs = [train(build, rate, seed, epochs, setting) for seed in seeds]
    whole = [run for run in runs if run is not None]
    found = price(build(np.random.default_rng(0)))
    found |= {"rate": rate, "diverged": len(runs) - len(whole)}
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        found[name] = [run[name] for run in whole]
    found["curve"] = {
        name: np.mean([run["curve"][name] for run in whole], axis=0).tolist()
        for name in ("train_loss", "val_loss")
        if whole
    }
    return found


def depth_job(kind, depth, seeds, setting):
    """A network of one kind and depth, at its best rate."""
    build, epochs = functools.partial(KINDS[kind], depth), setting.depth_epochs
    tried = tune(build, epochs, setting)
    found = study(build, min(tried, key=tried.get), epochs, seeds, setting)
    return rounded(found | {"tried": {f"{rate:g}": lost for rate, lost in tried.items()}})


def longer_job(depth, rate, seeds, setting):
    """The deepest plain network at the rate found for it, with more time."""
    epochs = setting.longer * setting.depth_epochs
    found = study(functools.partial(plain, depth), rate, epochs, seeds, setting)
    return rounded({"epochs": epochs, **found})


def block_job(family, budgets, seeds, setting):
    """A family at every budget, at the rate that is best for its net of the first budget."""
    found, tried = {}, None
    for equal, budget in budgets.items():
        widths = widths_within(family, equal, budget)
        build = functools.partial(family_net, family, widths)
        tried = tried or tune(build, setting.block_epochs, setting)
        rate = min(tried, key=tried.get)
        found[equal] = {"widths": list(widths)}
        found[equal] |= study(build, rate, setting.block_epochs, seeds, setting)
        found[equal]["tried"] = {f"{r:g}": lost for r, lost in tried.items()}
    return rounded(found)


def place_job(way, seeds, setting):
    """One way to fill the place, at its best rate, with twice the seeds and fewer images."""
    setting = replace(setting, n_train=setting.n_place)
    build, epochs = functools.partial(place_net, way), setting.block_epochs
    tried = tune(build, epochs, setting)
    more = [*seeds, *(seed + 10 for seed in seeds)]
    found = study(build, min(tried, key=tried.get), epochs, more, setting)
    block = costs(Sequential(PLACE[way](WIDTH, np.random.default_rng(0))), (8, 8, WIDTH))
    found["block_flops"] = sum(c.flops for c in block)
    return rounded(found | {"tried": {f"{rate:g}": lost for rate, lost in tried.items()}})


def run(seeds, setting=None, *, depths=DEPTHS, kinds=tuple(KINDS), families=tuple(FAMILIES),
        ways=tuple(PLACE), budgets=None):  # fmt: skip
    """The whole result but for `small`, as it is stored."""
    setting, budgets = setting or Setting(), budgets or BUDGETS
    deepest = max(depths)
    pairs = [(kind, d) for d in depths[::-1] for kind in kinds]
    pairs = [(kind, d) for kind, d in pairs if d == deepest or kind not in DEEPEST_ALONE]
    jobs = {pair: (depth_job, *pair) for pair in pairs}
    jobs |= {family: (block_job, family, budgets) for family in families}
    jobs |= {way: (place_job, way) for way in ways}
    done = {name: job(*known, seeds, setting) for name, (job, *known) in jobs.items()}
    longer = longer_job(deepest, done["plain", deepest]["rate"], seeds, setting)
    return {
        "trained_by": "twice.scratch, float32",
        "images": "glyphs, ten digits, 16 x 16 pixels, standardized",
        "setting": {**asdict(setting), "tuning_seeds": list(setting.tuning_seeds)},
        "depth": {
            "depths": list(depths),
            "width": WIDTH,
            "nets": {
                kind: {str(d): done[kind, d] for d in depths if (kind, d) in done} for kind in kinds
            },
            "longer": {"plain": {str(deepest): longer}},
        },
        "blocks": {
            equal: {"budget": budget, "families": {f: done[f][equal] for f in families}}
            for equal, budget in budgets.items()
        },
        "place": {"nets": {way: done[way] for way in ways}},
    }


SMALL = Setting(n_train=320, n_val=100, depth_epochs=3, block_epochs=4, tuning_seeds=(1000,))


def small():
    """A minute's part of it, stored beside the whole: what the tests repeat and compare."""
    return {
        "depth": {k: rounded(study(functools.partial(KINDS[k], 4), 0.03, SMALL.depth_epochs, [0],
                                   SMALL)) for k in KINDS},
        "blocks": {f: rounded(study(functools.partial(family_net, f, (8, 16)), 0.03,
                                    SMALL.block_epochs, [0], SMALL)) for f in FAMILIES},
        "place": {w: rounded(study(functools.partial(place_net, w), 0.03, SMALL.block_epochs,
                                   [0], SMALL)) for w in PLACE},
    }  # fmt: skip


def main(arguments=None):
    started = time.perf_counter()
    seeds = record.chosen_seeds(arguments, range(5), __doc__.splitlines()[0])
    found = {**run(seeds), "small": small()}
    record.save("deep_cnns", found, seeds=seeds, started=started)


if __name__ == "__main__":
    main()
