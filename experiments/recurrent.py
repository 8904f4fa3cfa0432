"""What helps a plain cell to remember, what clipping is worth, and how a random split flatters.

`make experiments SLUG=recurrent`, or `python -m experiments.recurrent --seeds 0 1`: some ten
minutes on one core. Everything is trained by `twice.scratch`, on the adding problem with new
sequences in every update, and on series of `twice.data.waves`.

What it stores, with one number a seed (null: the numbers overflowed):
starts[ACTIVATION, START][LENGTH]     test loss, clipped Adam
clipping[RADIUS][OPTIMIZER][CLIPPED]  test loss at 20 steps, U orthogonal times RADIUS
forecasts[SPLIT]                      "promised" and "future" squared errors
"""

import time

import numpy as np

from experiments import record
from twice import data
from twice.scratch.adam import Adam
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.gradient_descent import SGD
from twice.scratch.initializers import glorot_uniform, identity, orthogonal
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.training import NotFinite, train_step

SEEDS = range(10)
UNITS, BATCH, RATE = 32, 32, 0.003
LENGTHS = (60, 100)
STARTS = {"orthogonal": orthogonal, "Glorot": glorot_uniform, "identity": identity}
RADII = (1.0, 1.5, 2.0)
OPTIMIZERS = {"SGD": lambda: SGD(0.1), "Adam": lambda: Adam(RATE)}
WINDOW, HORIZON = 48, 12


def network(features, rng, **settings):
    """A plain cell, and one dense unit that reads its last state."""
    layers = SimpleRNN(features, UNITS, rng=rng, **settings), Dense(UNITS, 1, rng=rng)
    return Sequential(layers)


@np.errstate(over="ignore", invalid="ignore")  # an overflow is a result here
def adding_loss(seed, length, optimizer, updates, **settings):
    """The test loss on the adding problem after so many updates; None after an overflow."""
    rng, loss = np.random.default_rng(seed), MeanSquaredError()
    model = network(2, rng, **settings)
    try:
        for _ in range(updates):
            train_step(model, loss, optimizer, *data.adding(BATCH, length, rng=rng))
    except NotFinite:
        return None
    x, y = data.adding(1000, length, rng=np.random.default_rng(99))
    found = loss.forward(y, model.predict(x))
    return round(found, 4) if np.isfinite(found) else None


def start(activation, name, length, seed, updates=1500):
    """One network with this activation and recurrent start, clipped."""
    optimizer = Clipped(Adam(RATE), global_clipnorm=1.0)
    settings = {"activation": activation, "recurrent_initializer": STARTS[name]}
    return adding_loss(seed, length, optimizer, updates, **settings)


def clipping(radius, name, clip, seed, updates=1000, length=20):
    """One network whose U begins as an orthogonal matrix times radius."""

    def scaled(shape, rng):
        return radius * orthogonal(shape, rng)

    optimizer = OPTIMIZERS[name]()
    if clip:
        optimizer = Clipped(optimizer, global_clipnorm=1.0)
    return adding_loss(seed, length, optimizer, updates, recurrent_initializer=scaled)


def windows(part):
    """48 steps of a series, and the value 12 steps after the last of them."""
    x, y = data.windows_of(part, WINDOW, HORIZON)
    return x, y[:, -1:]


def forecasts(seed, epochs=10):
    """{split: (promised, future)}: squared errors where the split says, and in the future.

    "random": a random fifth of the past's windows is held out. "by time": the validation part,
    which follows the past. "in order": as by time, but the windows are never shuffled.
    All in units of the past's variance; the future is the same for all three.
    """
    series = data.split_by_time(data.waves(3000, rng=np.random.default_rng(seed)))
    mean, deviation = series[0].mean(), series[0].std()
    (x, y), later, future = (windows((part - mean) / deviation) for part in series)
    out = np.random.default_rng(seed).permutation(len(x)) < len(x) // 5
    splits = {
        "random": ((x[~out], y[~out]), (x[out], y[out]), True),
        "by time": ((x, y), later, True),
        "in order": ((x, y), later, False),
    }
    found = {}
    for name, (train, held, shuffled) in splits.items():
        rng, loss = np.random.default_rng(seed), MeanSquaredError()
        model = network(1, rng)
        optimizer = Clipped(Adam(RATE), global_clipnorm=1.0)
        how = {"epochs": epochs, "batch_size": BATCH, "rng": rng if shuffled else None}
        model.fit(*train, loss=loss, optimizer=optimizer, verbose=False, **how)
        errors = (loss.forward(b, model.predict(a)) for a, b in (held, future))
        found[name] = [round(error, 4) for error in errors]
    return found


def main(arguments=None):
    started = time.perf_counter()
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.split("\n")[0])
    starts = {
        f"{activation}, {name}": {
            str(length): [start(activation, name, length, seed) for seed in seeds]
            for length in LENGTHS
        }
        for activation in ("tanh", "relu")
        for name in STARTS
    }
    print(starts, flush=True)
    clips = {
        str(radius): {
            name: {
                word: [clipping(radius, name, word == "clipped", seed) for seed in seeds]
                for word in ("none", "clipped")
            }
            for name in OPTIMIZERS
        }
        for radius in RADII
    }
    print(clips, flush=True)
    each = [forecasts(seed) for seed in seeds]
    splits = {name: [found[name] for found in each] for name in each[0]}
    found = {"starts": starts, "clipping": clips, "forecasts": splits}
    record.save("recurrent", found, seeds=seeds, started=started)


if __name__ == "__main__":
    main()
