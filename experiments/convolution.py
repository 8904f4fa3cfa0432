"""How far do networks tolerate shifted digits, what is pooling worth, and does Keras agree?

`make experiments SLUG=convolution`, or `python -m experiments.convolution --seeds 0 1`: half an
hour or more on one core. `--part held_out` repeats the last part alone and leaves the rest of
the stored results as they are. The first six networks get the better of two learning rates on
validation images; those in `LIKE` take the rate of another.
"""

import argparse
import time

import numpy as np
from scipy.ndimage import affine_transform, zoom

from experiments import record
from twice import data, results
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.costs import costs
from twice.scratch.gradient_descent import SGD, batches
from twice.scratch.initializers import he_normal
from twice.scratch.lenet import lenet
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.pooling import AveragePooling2D, Flatten, GlobalAveragePooling2D
from twice.scratch.training import train_step

SEEDS = range(5)
TRIED = (1000, 1001)  # the seeds that choose the rate
RATES = (0.1, 0.3)
EPOCHS, BATCH = 15, 32
SHIFTS = range(6)
FARTHEST = 3  # of the random shifts in training
FOLDS = 5  # of the training images, for the recipes of the last part
RECIPES = ((40, False), (30, True), (60, True))  # epochs, and whether each image is bent a little
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


def sheets(seed):
    """Digits twice as large in the middle of 28 x 28 pixels: (x, y), (x_test, y_test)."""
    around = [(0, 0), (6, 6), (6, 6), (0, 0)]
    return [
        (np.pad(x.repeat(2, axis=1).repeat(2, axis=2), around), y)
        for x, y in data.digits(seed=seed)
    ]


def shifted(x, steps, most):
    """Every image moved by its (rows, columns) of `steps` (N, 2), at most `most`; paper around."""
    around = np.pad(x, [(0, 0), (most, most), (most, most), (0, 0)])
    height, width = x.shape[1:3]
    corners = most - np.broadcast_to(steps, (len(x), 2))
    moved = [a[r : r + height, c : c + width] for a, (r, c) in zip(around, corners, strict=True)]
    return np.stack(moved)


def head(n_in, rng):
    """LeNet's three dense layers."""
    start = {"rng": rng, "initializer": he_normal}
    return [
        *(Flatten(), Dense(n_in, 120, **start), Activation("relu")),
        *(Dense(120, 84, **start), Activation("relu"), Dense(84, 10, **start)),
    ]


def conv(*sizes, rng, **window):
    return [Conv2D(*sizes, rng=rng, initializer=he_normal, **window), Activation("relu")]


def strided(rng, filters=(6, 16)):
    """LeNet whose convolutions take steps of 2, with no pooling after them."""
    one, two = filters
    first = conv(1, one, 5, strides=2, padding="same", rng=rng)
    return Sequential(first + conv(one, two, 5, strides=2, rng=rng) + head(two * 25, rng))


def neither(rng):
    """LeNet without pooling, and without strides: all 24 x 24 positions go into the head."""
    first = conv(1, 6, 5, padding="same", rng=rng)
    return Sequential(first + conv(6, 16, 5, rng=rng) + head(16 * 24 * 24, rng))


def global_pooling(rng):
    """LeNet's convolutions and one more, then the mean of each of 64 maps, and one dense layer."""
    layers = lenet(rng=rng).layers[:6] + conv(16, 64, 5, padding="same", rng=rng)
    last = Dense(64, 10, rng=rng, initializer=he_normal)
    return Sequential([*layers, GlobalAveragePooling2D(), last])


# name: (the network, whether it trains on randomly shifted images)
NETWORKS = {
    "dense": (lambda rng: Sequential(head(784, rng)), False),
    "max": (lambda rng: lenet(rng=rng), False),
    "average": (lambda rng: lenet(rng=rng, pooling=AveragePooling2D), False),
    "strided": (strided, False),
    "strided, wider": (lambda rng: strided(rng, (12, 32)), False),
    "global": (global_pooling, False),
    "dense, shifts": (lambda rng: Sequential(head(784, rng)), True),
    "max, shifts": (lambda rng: lenet(rng=rng), True),
    "global, shifts": (global_pooling, True),
    "neither": (neither, False),
}
# To save time these take the rate that was found for another.
LIKE = {
    "dense, shifts": "dense",
    "max, shifts": "max",
    "global, shifts": "max",
    "neither": "max",
}


def train(name, rate, x, y, seed, epochs=EPOCHS):
    """A network trained by plain steps whose size falls in a straight line toward 0."""
    build, moves = NETWORKS[name]
    rng = np.random.default_rng(seed)
    model, loss = build(rng), SparseCategoricalCrossentropy(from_logits=True)
    for epoch in range(epochs):
        seen = x
        if moves:
            steps = rng.integers(-FARTHEST, FARTHEST + 1, size=(len(x), 2))
            seen = shifted(x, steps, FARTHEST)
        optimizer = SGD(rate * (1 - epoch / epochs))
        model.fit(seen, y, loss=loss, optimizer=optimizer, batch_size=BATCH, rng=rng, verbose=False)
    return model


def tuned_rate(name, rates=RATES, seeds=TRIED, epochs=EPOCHS):
    """The rate with the best mean accuracy on a fifth of the training images."""
    found = {rate: [] for rate in rates}
    for seed in seeds:
        (x, y), _ = sheets(seed)
        held = len(x) // 5
        for rate in rates:
            try:
                model = train(name, rate, x[held:], y[held:], seed, epochs)
                found[rate].append(accuracy(y[:held], model.predict(x[:held])))
            except FloatingPointError:  # it blew up
                found[rate].append(0.0)
    return max(rates, key=lambda rate: np.mean(found[rate]))


def by_shift(model, x, y):
    """Accuracy at each of SHIFTS, the mean over four directions."""
    return [
        round(
            float(
                np.mean(
                    [
                        accuracy(y, model.predict(shifted(x, far * np.array(way), SHIFTS[-1])))
                        for way in DIRECTIONS
                    ]
                )
            ),
            4,
        )
        for far in SHIFTS
    ]


def run(name, seeds, rate, epochs=EPOCHS):
    """Test accuracy by shift for each seed, and what the network costs."""
    found = []
    for seed in seeds:
        (x, y), (x_test, y_test) = sheets(seed)
        found.append(by_shift(train(name, rate, x, y, seed, epochs), x_test, y_test))
    bill = costs(NETWORKS[name][0](np.random.default_rng(0)), (28, 28, 1))
    return {
        "rate": rate,
        "parameters": sum(cost.parameters for cost in bill),
        "flops": sum(cost.flops for cost in bill),
        "accuracy": found,
    }


def keras_lenet(weights):
    """LeNet in Keras with these weights."""
    from benchmarks import cnn  # imports Keras

    model = cnn.keras_lenet()
    model.set_weights(weights)
    return model


def moved(x, rng):
    """Each image moved by at most one pixel, down and right."""
    return shifted(x, rng.integers(-1, 2, size=(len(x), 2)), 1)


def train_both(ours, theirs, see, y, epochs, rate, rng):
    """Train LeNet, and its twin unless it is None, on the same batches of see() of each epoch.

    The rate falls along a line to 0.
    """
    loss = SparseCategoricalCrossentropy(from_logits=True)
    for epoch in range(epochs):
        seen, now = see(), rate * (1 - epoch / epochs)
        optimizer = SGD(now)
        if theirs:
            theirs.optimizer.learning_rate = now
        for i in batches(len(y), BATCH, rng=rng):
            train_step(ours, loss, optimizer, seen[i], y[i])
            if theirs:
                theirs.train_on_batch(seen[i], y[i])


def twins(seed, rate=0.1, epochs=20, with_keras=True):
    """Test accuracy of LeNet and of its twin in Keras: the same start, the same batches.

    Every epoch moves each image by at most one pixel. All numbers have 32 bits. The rate is the
    one found for "max" above, with no shifts and 15 epochs; it was not tuned again.
    """
    rng = np.random.default_rng(seed)
    (x, y), (x_test, y_test) = sheets(seed)
    ours = lenet(rng=rng)
    theirs = keras_lenet(ours.get_weights()) if with_keras else None
    train_both(ours, theirs, lambda: moved(x, rng), y, epochs, rate, rng)
    found = {"numpy": round(accuracy(y_test, ours.predict(x_test)), 4)}
    if with_keras:
        found["keras"] = round(accuracy(y_test, np.asarray(theirs(x_test))), 4)
    return found


# --- How well LeNet reads: the book's own split of the digits for all seeds.


def enlarged(x):
    """Digits of 8 x 8 pixels three times as large, with smooth edges, on 28 x 28: in 64 bits."""
    large = zoom(x.astype(np.float64), (1, 3, 3, 1), order=1, grid_mode=True, mode="nearest")
    return np.pad(large, [(0, 0), (2, 2), (2, 2), (0, 0)])


def bent(x, rng):
    """Each image turned by up to 10 degrees, leaned, scaled by up to a tenth, and moved a pixel."""
    angle = np.deg2rad(rng.uniform(-10, 10, len(x)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    lean = np.tile(np.eye(2), (len(x), 1, 1))
    lean[:, 1, 0] = rng.uniform(-0.1, 0.1, len(x))
    scale = rng.uniform(0.9, 1.1, (len(x), 2, 1))
    matrices = turn.transpose(2, 0, 1) @ lean * scale
    middle, moves = (np.array(x.shape[1:3]) - 1) / 2, rng.uniform(-1, 1, (len(x), 2))
    found = np.empty_like(x)
    for image, matrix, move, to in zip(x, matrices, moves, found, strict=True):
        start = middle - matrix @ middle + move
        affine_transform(image[..., 0], matrix, start, output=to[..., 0], order=1)
    return found


def read(recipe, seed, x, y, with_keras=False, rate=0.1):
    """LeNet, and its twin in Keras: the same start, the same batches, 64 bits."""
    (epochs, bends), rng = recipe, np.random.default_rng(seed)
    ours = lenet(rng=rng, dtype=np.float64)
    theirs = keras_lenet(ours.get_weights()) if with_keras else None
    see = bent if bends else moved
    train_both(ours, theirs, lambda: see(x, rng), y, epochs, rate, rng)
    return ours, theirs


def validated(recipe, x, y, seed=TRIED[0]):
    """Accuracy on training images: each of FOLDS parts is read by a net trained on the others."""
    order, right = np.random.default_rng(seed).permutation(len(x)), 0
    for fold in range(FOLDS):
        held = order[fold::FOLDS]
        kept = np.setdiff1d(order, held)
        model, _ = read(recipe, seed + fold, x[kept], y[kept])
        right += (model.predict(x[held]).argmax(axis=1) == y[held]).sum()
    return round(float(right / len(x)), 4)


def pair(recipe, seed, train_set, test_set):
    """Test accuracy of LeNet and of its twin, and how far apart their scores are."""
    from twice import parity

    x_test, y_test = test_set
    with parity.float64():
        ours, theirs = read(recipe, seed, *train_set, with_keras=True)
        scores, others = ours.predict(x_test), theirs.predict_on_batch(x_test)
    return {
        "numpy": round(accuracy(y_test, scores), 4),
        "keras": round(accuracy(y_test, others), 4),
        "apart": float(parity.difference(scores, others)),
    }


def held_out(seeds):
    """For each recipe, its validation accuracy; for the first two, a `pair` for each seed."""
    train_set, test_set = ((enlarged(x), y) for x, y in data.digits())
    found = []
    for number, (epochs, bends) in enumerate(RECIPES):
        row = {"epochs": epochs, "bent": bends}
        row["validation"] = validated(RECIPES[number], *train_set)
        if number < 2:
            row["pairs"] = [pair(RECIPES[number], seed, train_set, test_set) for seed in seeds]
        found.append(row)
        print("held out", row, flush=True)
    return found


def shifts(seeds):
    found = {}
    for name in NETWORKS:
        rate = found[LIKE[name]]["rate"] if name in LIKE else tuned_rate(name)
        found[name] = run(name, seeds, rate)
        row = np.array(found[name]["accuracy"])
        print(f"{name:<15}", found[name]["rate"], row.mean(axis=0).round(4), row[:, 0], flush=True)
    return found


PARTS = {
    "shifts": shifts,
    "twins": lambda seeds: [twins(seed) for seed in seeds],
    "held_out": held_out,
}


def main(arguments=None):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--part", choices=PARTS)
    chosen, rest = parser.parse_known_args(arguments)
    seeds = record.chosen_seeds(rest, SEEDS, __doc__.splitlines()[0])
    started = time.perf_counter()
    if chosen.part is None:
        found = {name: part(seeds) for name, part in PARTS.items()}
    else:  # the others stay as stored, and their minutes count
        before = results.read("convolution")
        if list(seeds) != before["seeds"]:
            raise SystemExit(f"the stored parts have the seeds {before['seeds']}, not {seeds}")
        found = before["results"] | {chosen.part: PARTS[chosen.part](seeds)}
        started -= 60 * before["minutes"]
    record.save("convolution", found, seeds=seeds, started=started)


if __name__ == "__main__":
    main()
