"""Which changes of few training images help a reader of letters, and which teach it wrong?

A small convolutional network reads the 26 letters of `glyphs`, 16 x 16 pixels, about ten images
a letter. Every way to augment gets four tries on two tuning seeds, which are used for nothing else:
four strengths, or, where there is no strength, four learning rates; the strengths are tried at the
rate that is best without augmentation. All train for the same number of steps, and are judged on
test images of their own that chose nothing and are never augmented.

    OPENBLAS_NUM_THREADS=1 python -m experiments.augmentation              seven minutes of a core
    OPENBLAS_NUM_THREADS=1 python -m experiments.augmentation --seeds 0 1  two seeds of five

What it stores; every list has one entry a seed:
mirrors: a reader trained on many letters looks at mirror images. {letter: the three letters it
    takes the mirror image for most often, with their shares}.
ways: {way: what study() found}: the rate and the strength, which of the four tries won ("tried":
    accuracy on validation images of the tuning seeds), test accuracy, train accuracy (on the images
    as they are), the accuracy within each group of letters (partners b d p q; symmetric; others),
    and "taken": {"b": the share of the test's b that is read as d}, likewise d, p, q, and h as d.
    "letters" is the mean over the seeds for each letter. Zoom is best at the strongest try, noise
    and cutout are at the weakest: there the best may lie beyond the four.
rotations: {degrees: test accuracy}, turned by up to so many either way, at the rate of "none".
images_needed: {number of training images: {"none": ..., "shift, rotate, zoom": ...}}, the test
    accuracy after equally many steps, at the strength that is best for 260 images.
small: what the tests repeat.
"""

import functools
import time
from dataclasses import asdict, dataclass, replace

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from twice import data
from twice.scratch.adaptive import Adam
from twice.scratch.augmentation import Pipeline, RandomErasing, RandomNoise
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.deep_cnns import conv
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.pooling import Flatten, MaxPooling2D
from twice.scratch.warps import RandomFlip, RandomRotation, RandomTranslation, RandomZoom

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PARTNER = {"b": "d", "d": "b", "p": "q", "q": "p"}  # the mirror image is the other letter
SYMMETRIC = "movwx"  # the mirror image is the same letter, as `mirrors` finds
GROUPS = {
    "partners": "".join(PARTNER),
    "symmetric": SYMMETRIC,
    "others": "".join(c for c in LETTERS if c not in {*PARTNER, *SYMMETRIC}),
}
TAKEN = {**PARTNER, "h": "d"}
SIZE, FILTERS = 16, (8, 16)
RATES = (0.002, 0.005, 0.01, 0.02)
TUNING_SEEDS = (1000, 1001)
DEGREES = (10, 20, 30, 45, 90, 180)
N_TRAIN = (130, 260, 520, 1040, 2080)


@dataclass(frozen=True)
class Setting:
    """How long and on how much a network is trained; the tests run a smaller one."""

    n_train: int = 260
    n_test: int = 2600
    steps: int = 900
    batch_size: int = 32
    n_reader: int = 10_000
    reader_epochs: int = 6


SMALL = Setting(n_train=130, n_test=520, steps=60)


def number(letters):
    """{class: class} of a {letter: letter}."""
    return {LETTERS.index(a): LETTERS.index(b) for a, b in letters.items()}


def shift(strength, rng):
    return [RandomTranslation(strength, strength, "constant", rng=rng)]


def rotate(strength, rng):
    return [RandomRotation(strength / 360, "constant", rng=rng)]  # from degrees


def zoom(strength, rng):
    return [RandomZoom(strength, strength, "constant", rng=rng)]


def noise(strength, rng):
    return [RandomNoise(strength, (0, 1), rng=rng)]


def cutout(strength, rng):
    """Each side of the square-like hole covers up to this share of the image's."""
    return [RandomErasing(scale=(strength**2 / 4, strength**2), rng=rng)]


def geometry(strength, rng):
    """Shift, rotation and zoom at once, at `strength` times these."""
    far = [shift(0.12 * strength, rng), rotate(24 * strength, rng), zoom(0.3 * strength, rng)]
    return [augment for part in far for augment in part]


def flip(strength, rng):
    return [RandomFlip("horizontal", rng=rng)]


def flip_renamed(strength, rng):
    """b, d, p and q change their label with the flip; every other letter keeps its own."""
    labels = {c: c for c in LETTERS} | PARTNER
    return [RandomFlip("horizontal", labels=number(labels), rng=rng)]


def flip_letters(strength, rng):
    """Only those are flipped whose mirror image is a letter."""
    labels = {c: c for c in SYMMETRIC} | PARTNER
    return [RandomFlip("horizontal", labels=number(labels), rng=rng)]


# way: (augmentations of a strength, the strengths to try; None: four rates are tried instead)
WAYS = {
    "none": (lambda strength, rng: [], None),
    "shift": (shift, (0.03, 0.06, 0.12, 0.2)),
    "rotate": (rotate, (5, 10, 20, 40)),
    "zoom": (zoom, (0.1, 0.2, 0.3, 0.45)),
    "shift, rotate, zoom": (geometry, (0.25, 0.5, 0.75, 1.0)),
    "noise": (noise, (0.05, 0.1, 0.2, 0.4)),
    "cutout": (cutout, (0.1, 0.2, 0.3, 0.45)),
    "flip": (flip, None),
    "flip, b d p q renamed": (flip_renamed, None),
    "flip, only into letters": (flip_letters, None),
}


@functools.lru_cache(maxsize=16)
def images(seed, n_train, n_test):
    """(x, y) to train on, and (x, y) to test on, which do not depend on n_train."""
    rngs = [np.random.default_rng([seed, part]) for part in (0, 1)]
    return [
        data.glyphs(n, characters=LETTERS, size=SIZE, rng=rng)
        for n, rng in zip((n_train, n_test), rngs, strict=True)
    ]


def network(filters, rng):
    one, two = filters
    first = [*conv(1, one, 3, rng=rng), MaxPooling2D(2), *conv(one, two, 3, rng=rng)]
    last = Dense((SIZE // 4) ** 2 * two, len(LETTERS), rng=rng)
    return Sequential([*first, MaxPooling2D(2), Flatten(), last])


def train(x, y, augmentations, rate, setting, rng, filters=FILTERS):
    """(read, history): a function from images to classes, and what `fit` left behind.

    Images are augmented first, then standardized by the training images.
    """
    mean, std = x.mean(), x.std()
    model = network(filters, rng)
    history = model.fit(
        x,
        y,
        loss=SparseCategoricalCrossentropy(from_logits=True),
        optimizer=Adam(rate),
        batch_size=setting.batch_size,
        epochs=round(setting.steps / -(-len(x) // setting.batch_size)),
        rng=rng,
        augment=Pipeline([*augmentations, lambda x, y: ((x - mean) / std, y)]),
        verbose=False,
    )
    return lambda images: model.predict((images - mean) / std).argmax(axis=1), history


def among(letters, y):
    """Which labels y are of these letters."""
    return np.isin(y, [LETTERS.index(c) for c in letters])


def run(way, strength, rate, seed, setting):
    """One training, and what it reads of the test images."""
    (x, y), (x_test, y_test) = images(seed, setting.n_train, setting.n_test)
    rng = np.random.default_rng([seed, 2])
    read, history = train(x, y, WAYS[way][0](strength, rng), rate, setting, rng)
    answer = read(x_test)
    right = answer == y_test
    taken = {}
    for letter, other in TAKEN.items():
        taken[letter] = among(other, answer[among(letter, y_test)]).mean()
    return {
        "accuracy": right.mean(),
        "train_accuracy": (read(x) == y).mean(),
        "train_loss": history.history["loss"][-1],
        "groups": {name: right[among(part, y_test)].mean() for name, part in GROUPS.items()},
        "taken": taken,
        "letters": {c: right[among(c, y_test)].mean() for c in LETTERS},
    }


def tried(way, rate, setting):
    """[{"strength", "rate", "accuracy"}]: four tries, the mean over the tuning seeds.

    The tuning seeds' own images are validation images here: no reported seed sees them.
    """
    tries = [(s, rate) for s in WAYS[way][1]] if WAYS[way][1] else [(None, r) for r in RATES]
    found = []
    for strength, pace in tries:
        runs = [run(way, strength, pace, seed, setting)["accuracy"] for seed in TUNING_SEEDS]
        found.append({"strength": strength, "rate": pace, "accuracy": float(np.mean(runs))})
    return found


def study(way, strength, rate, seeds, setting):
    """What one way reaches with every seed: lists with one entry a seed."""
    runs = [run(way, strength, rate, seed, setting) for seed in seeds]
    found = {"strength": strength, "rate": rate}
    for name in ("accuracy", "train_accuracy", "train_loss"):
        found[name] = [float(r[name]) for r in runs]
    for name in ("groups", "taken"):
        found[name] = {key: [float(r[name][key]) for r in runs] for key in runs[0][name]}
    found["letters"] = {c: float(np.mean([r["letters"][c] for r in runs])) for c in LETTERS}
    return found


def tuned(way, rate, seeds, setting):
    tries = tried(way, rate, setting)
    best = max(tries, key=lambda one: one["accuracy"])
    return study(way, best["strength"], best["rate"], seeds, setting) | {"tried": tries}


def mirrors(setting):
    """What a well-trained reader takes the mirror image of each letter for."""
    (x, y), (x_test, y_test) = images(2000, setting.n_reader, 2 * setting.n_test)
    steps = setting.reader_epochs * -(-len(x) // 64)
    rng = np.random.default_rng(2000)
    longer = replace(setting, batch_size=64, steps=steps)
    read, _ = train(x, y, [], 0.003, longer, rng, filters=(16, 32))
    answer, found = read(x_test[:, :, ::-1]), {}
    for c in LETTERS:
        share = np.bincount(answer[among(c, y_test)], minlength=26) / among(c, y_test).sum()
        best = np.argsort(-share, kind="stable")[:3]
        found[c] = {LETTERS[k]: float(share[k]) for k in best}
    return {"accuracy": float((read(x_test) == y_test).mean()), "taken_for": found}


def only_accuracy(way, strength, rate, seeds, setting):
    return [float(run(way, strength, rate, seed, setting)["accuracy"]) for seed in seeds]


def whole(seeds, setting=None):
    """The whole result but for `small`, as it is stored."""
    setting = setting or Setting()
    ways, rate = {}, None
    for way in WAYS:
        ways[way] = tuned(way, rate, seeds, setting)
        rate = rate or ways["none"]["rate"]
    turned = {
        str(degrees): only_accuracy("rotate", degrees, rate, seeds, setting) for degrees in DEGREES
    }
    more = {}
    for n in N_TRAIN:
        more[str(n)] = {}
        for way in ("none", "shift, rotate, zoom"):
            here, known = replace(setting, n_train=n), ways[way]
            if n == setting.n_train:
                more[str(n)][way] = known["accuracy"]
            else:
                more[str(n)][way] = only_accuracy(way, known["strength"], rate, seeds, here)
    return {
        "trained_by": "twice.scratch, float32",
        "images": f"glyphs, 26 letters, {SIZE} x {SIZE} pixels",
        "setting": asdict(setting) | {"rates": list(RATES), "tuning_seeds": list(TUNING_SEEDS)},
        "groups": GROUPS,
        "mirrors": mirrors(setting),
        "ways": ways,
        "rotations": turned,
        "images_needed": more,
    }


def small():
    """Seconds of it, stored beside the whole: what the tests repeat and compare."""
    middle = {way: WAYS[way][1][1] if WAYS[way][1] else None for way in WAYS}
    return {way: study(way, middle[way], 0.005, [0], SMALL) for way in WAYS}


def main(arguments=None):
    started = time.perf_counter()
    seeds = record.chosen_seeds(arguments, range(5), __doc__.splitlines()[0])
    found = rounded({**whole(seeds), "small": small()})
    record.save("augmentation", found, seeds=seeds, started=started)


if __name__ == "__main__":
    main()
