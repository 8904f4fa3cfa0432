"""Accuracy against the size of an attack, for networks trained with and without attacks.

A network of 64-256-128-10 units with ReLU learns 600 handwritten digits by SGD with momentum 0.9,
60 epochs in batches of 40; about 600 others are its test. Each seed draws its own
images and starting weights, which all networks of the seed have in common. Attacks change every
pixel by at most epsilon, pixels being 0 to 1, and are made for the network that they are shown to.

    OPENBLAS_NUM_THREADS=1 python -m experiments.adversarial               about 2 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.adversarial --seeds 0 1   two seeds of ten

NET is one of NETS: "plain"; "FGSM 0.1" and "FGSM 0.2", adversarial training with that epsilon: half
of every batch is attacked; "signs 0.1" and "signs 0.2", controls: half of every batch gets random
signs of the same size; "L2", with a penalty of 0.002.
ATTACK is "FGSM"; "PGD", 20 steps from a random start; "signs", random signs of size epsilon.

What it stores:
epsilons                      sizes of attack, from 0 (the accuracy there is the clean one)
accuracy[NET][ATTACK]         a list an epsilon, one number a seed: accuracy on the attacked test
train_accuracy[NET]           one number a seed, on clean training images
no_gradient[NET]              share of the test images whose gradient is exactly 0 in float32: no
                              attack moves those, which would look like safety; one number a seed
transfer[HOW][ATTACK]         a list an epsilon, one number a seed: accuracy of another network on
                              attacks made for the plain one. HOW is "same images" (plain, another
                              start), "other images" (plain, trained on other images and another
                              start), "FGSM 0.1" (same start and images, trained with attacks)
examples                      of the first seed, a few test images that the plain network reads well
                              and FGSM turns: epsilon, label, clean, perturbation, attacked (8 x 8
                              lists; attacked = clean + perturbation), predicted and attacked_as
                              (digits), probability and attacked_probability (of those digits),
                              noise_as and noise_probability: with random signs of that size
setting, small                sizes; a short run that the tests repeat
"""

import itertools
import time
from dataclasses import asdict, dataclass

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from twice import data
from twice.scratch.adversarial import AdversarialTraining, fgsm, input_gradient, pgd
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.losses import SparseCategoricalCrossentropy, softmax
from twice.scratch.optimizers import SGD
from twice.scratch.pooling import Flatten
from twice.scratch.regularization import L2, Regularized

SEEDS = range(10)
NETS = ("plain", "FGSM 0.1", "FGSM 0.2", "signs 0.1", "signs 0.2", "L2")
ATTACKS = ("FGSM", "PGD", "signs")
EPSILONS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
LOSS = SparseCategoricalCrossentropy(from_logits=True)


@dataclass(frozen=True)
class Setting:
    """How much is trained; the tests run a smaller one."""

    train: int = 600
    units: tuple = (256, 128)
    epochs: int = 60
    batch_size: int = 40
    rate: float = 0.04
    momentum: float = 0.9
    l2: float = 0.002
    steps: int = 20
    example_epsilon: float = 0.1
    examples: int = 5


def images(seed, setting):
    """(x, y) three times: to train on, other images to train on, and the test."""
    (x, y), (x_more, y_more) = data.digits()
    order = np.random.default_rng([seed, 0]).permutation(len(y) + len(y_more))
    x, y = np.concatenate([x, x_more])[order], np.concatenate([y, y_more])[order]
    cuts = (setting.train, 2 * setting.train)
    return list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))


class Signs:
    """For `fit(augment=...)`: every batch twice, once as it is and once with random signs."""

    def __init__(self, epsilon, rng):
        self.epsilon, self.rng = epsilon, rng

    def __call__(self, x, y):
        return np.concatenate([x, signs(x, self.epsilon, self.rng)]), np.concatenate([y, y])


def signs(x, epsilon, rng):
    """x with + epsilon or - epsilon on every pixel, by a coin, kept between 0 and 1."""
    step = epsilon * rng.choice(np.array([-1, 1], x.dtype), x.shape)
    return np.clip(x + step, 0, 1).astype(x.dtype, copy=False)


def trained(kind, part, seed, start, setting):
    """One of NETS, trained on `part`; start numbers its starting weights."""
    rng = np.random.default_rng([seed, 1, start])
    layers, sizes = [Flatten()], [64, *setting.units, 10]
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [Dense(n_in, n_out, rng=rng), Activation("relu")]
    model = Sequential(layers[:-1])
    if kind == "L2":
        model = Regularized(layers[:-1], kernel_regularizer=L2(setting.l2))
    name, _, size = kind.partition(" ")
    augment = None
    if name == "FGSM":
        own = SparseCategoricalCrossentropy(from_logits=True)
        augment = AdversarialTraining(model, own, epsilon=float(size))
    elif name == "signs":
        augment = Signs(float(size), np.random.default_rng([seed, 3]))
    how = {"batch_size": setting.batch_size, "epochs": setting.epochs, "verbose": False}
    fast = SGD(setting.rate, momentum=setting.momentum)
    shuffle = np.random.default_rng([seed, 2])
    model.fit(*part, loss=LOSS, optimizer=fast, rng=shuffle, augment=augment, **how)
    return model


def attacked(name, model, x, y, epsilon, seed, setting):
    """The images x as ATTACK `name` leaves them."""
    rng = np.random.default_rng([seed, 4])
    if name == "FGSM":
        return fgsm(model, LOSS, x, y, epsilon=epsilon)
    if name == "PGD":
        return pgd(model, LOSS, x, y, epsilon=epsilon, steps=setting.steps, rng=rng)
    return signs(x, epsilon, rng)


def read(model, x):
    """(digits, their probabilities), both (N,)."""
    p = softmax(model.predict(x).astype(np.float64))
    return p.argmax(axis=1), p.max(axis=1)


def share_right(model, x, y):
    return float(np.mean(read(model, x)[0] == y))


def examples(model, x, y, seed, setting):
    """Test images of different digits that FGSM turns, most certain first, with predictions."""
    epsilon = setting.example_epsilon
    turned = fgsm(model, LOSS, x, y, epsilon=epsilon)
    noise = signs(x, epsilon, np.random.default_rng([seed, 4]))
    (was, p), (became, q), (heard, r) = (read(model, a) for a in (x, turned, noise))
    found, seen = [], set()
    for k in np.argsort(-np.where((was == y) & (became != y), p, 0), kind="stable"):
        if was[k] != y[k] or became[k] == y[k] or y[k] in seen:
            continue
        seen.add(y[k])
        picture, change = x[k, :, :, 0], (turned - x)[k, :, :, 0]
        found.append(
            {
                "epsilon": epsilon,
                "label": int(y[k]),
                "clean": picture.tolist(),
                "perturbation": change.tolist(),
                "attacked": turned[k, :, :, 0].tolist(),
                "predicted": int(was[k]),
                "probability": float(p[k]),
                "attacked_as": int(became[k]),
                "attacked_probability": float(q[k]),
                "noise_as": int(heard[k]),
                "noise_probability": float(r[k]),
            }
        )
        if len(found) == setting.examples:
            break
    return found


def one_seed(seed, setting, nets=NETS, epsilons=EPSILONS):
    """All measures of one seed: {what: ...}, lists over the epsilons."""
    part, other, (x, y) = images(seed, setting)
    models = {kind: trained(kind, part, seed, 0, setting) for kind in nets}
    plain = models["plain"]
    receivers = {
        "same images": trained("plain", part, seed, 1, setting),
        "other images": trained("plain", other, seed, 2, setting),
    } | {kind: models[kind] for kind in ("FGSM 0.1",) if kind in models}
    found = {"accuracy": {}, "train_accuracy": {}, "no_gradient": {}, "examples": []}
    found["transfer"] = {how: {a: [] for a in ("FGSM", "PGD")} for how in receivers}
    for kind, model in models.items():
        found["train_accuracy"][kind] = share_right(model, *part)
        slope = input_gradient(model, LOSS, x, y).reshape(len(x), -1)
        found["no_gradient"][kind] = float(np.mean(~slope.any(axis=1)))
        found["accuracy"][kind] = {}
        for name in ATTACKS:
            hard = [attacked(name, model, x, y, e, seed, setting) for e in epsilons]
            found["accuracy"][kind][name] = [share_right(model, h, y) for h in hard]
            if kind == "plain" and name != "signs":
                for how, receiver in receivers.items():
                    found["transfer"][how][name] = [share_right(receiver, h, y) for h in hard]
    return found | {"examples": examples(plain, x, y, seed, setting)}


def gathered(each):
    """Results of seeds as one: numbers become lists, lists over epsilons lists of lists."""
    if isinstance(each[0], dict):
        return {name: gathered([one[name] for one in each]) for name in each[0]}
    if isinstance(each[0], list):
        return [list(values) for values in zip(*each, strict=True)]
    return list(each)


SMALL = Setting(train=300, epochs=8, steps=5, examples=1)


def small():
    """A few seconds' part of it, stored beside the whole: what the tests repeat and compare."""
    found = one_seed(0, SMALL, ("plain", "FGSM 0.1", "signs 0.1", "L2"), (0.0, 0.1))
    found.pop("examples")
    return rounded(found)


def run(seeds, setting):
    """The whole result but for `small`, as it is stored; kept on the way, seed by seed."""
    each = []
    for seed in seeds:
        known = [asdict(setting), NETS, EPSILONS]
        found, _ = record.kept("adversarial", str(seed), known,
                               lambda s=seed: (one_seed(s, setting), []))  # fmt: skip
        found.pop("seconds")
        each.append(found)
    shown = [found.pop("examples") for found in each]
    return {
        "setting": asdict(setting),
        "epsilons": list(EPSILONS),
        **rounded(gathered(each)),
        "examples": rounded(shown[0]),
    }


def main(arguments=None):
    started = time.perf_counter()
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0])
    found = {**run(seeds, Setting()), "small": small()}
    record.save("adversarial", found, seeds=seeds, started=started)


if __name__ == "__main__":
    main()
