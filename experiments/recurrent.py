"""What helps a plain cell to remember, what clipping is worth, and how a random split flatters.

`make experiments SLUG=recurrent`, or `python -m experiments.recurrent --seeds 0 1`: ten
minutes on one core. Everything is trained by `twice.scratch`, on the adding problem with new
sequences in every update, and on series of `twice.data.waves`.

What it stores, with one number a seed (null: the numbers overflowed):
guessing[LENGTH]                      the loss of always answering 1 on the same test sequences
starts[BUDGET][ACTIVATION, START][LENGTH]  test loss, clipped Adam; BUDGETS are rate, updates;
                                      "residual": h_t = h_{t-1} + f(...), whose U begins at 0
clipping[RADIUS][OPTIMIZER][CLIPPED]  test loss at 20 steps, U orthogonal times RADIUS; "dense
                                      only": the recurrent layer's gradients are left as they are
at_start[RADIUS]                      the share of a gradient that reaches step 0 before training
forecasts[WANDER][ORDER][WHERE]       squared errors of one network a series, four series a seed
"""

import time

import numpy as np

from experiments import record
from twice import data
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.clipping import Clipped, clip_by_global_norm
from twice.scratch.gradient_descent import SGD
from twice.scratch.initializers import glorot_uniform, identity, orthogonal, zeros
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.training import NotFinite, train_step

SEEDS = range(10)
UNITS, BATCH, RATE = 32, 32, 0.003
BUDGETS = {"short": (RATE, 1500, (60, 100)), "long": (RATE / 3, 5000, (60,))}
STARTS = {"orthogonal": orthogonal, "Glorot": glorot_uniform, "identity": identity}
RADII, CLIP_LENGTH = (1.0, 1.5, 2.0), 20
OPTIMIZERS = {
    "SGD 0.1": lambda: SGD(0.1),
    "SGD 0.01": lambda: SGD(0.01),
    "Adam": lambda: Adam(RATE),
}
CLIPS = ("none", "clipped", "dense only")
WANDERS, PER_SEED = (0.03, 0.0), 4
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


def guessing(length):
    """What always answering 1 costs on the test sequences of `adding_loss`."""
    _, y = data.adding(1000, length, rng=np.random.default_rng(99))
    return round(float(np.mean((y - 1) ** 2)), 4)


def small_normal(shape, rng):
    """Normal numbers of standard deviation 0.001: the input's kernel of an IRNN."""
    return rng.normal(0, 0.001, shape)


def settings_of(activation, name):
    """The settings of a plain cell; "IRNN" is the identity with small input weights."""
    if name == "residual":
        settings = {"recurrent_initializer": zeros, "residual": True}
    elif name == "IRNN":
        settings = {"recurrent_initializer": identity, "initializer": small_normal}
    else:
        settings = {"recurrent_initializer": STARTS[name]}
    return {"activation": activation, **settings}


def start(activation, name, length, seed, rate=RATE, updates=1500):
    """One network with this activation and recurrent start, clipped."""
    optimizer = Clipped(Adam(rate), global_clipnorm=1.0)
    return adding_loss(seed, length, optimizer, updates, **settings_of(activation, name))


class DenseOnly:
    """Clip the gradients of the dense layer alone by their global norm; the rest goes as it is."""

    def __init__(self, optimizer, global_clipnorm):
        self.optimizer, self.bound = optimizer, global_clipnorm

    def step(self, params, grads):
        dense = {name: g for name, g in grads.items() if name.startswith("1.")}
        self.optimizer.step(params, {**grads, **clip_by_global_norm(dense, self.bound)})


def scaled(radius):
    """An initializer: an orthogonal matrix times radius."""
    return lambda shape, rng: radius * orthogonal(shape, rng)


def clipping(radius, name, clip, seed, updates=1000):
    """One network whose U begins as an orthogonal matrix times radius."""
    optimizer = OPTIMIZERS[name]()
    if clip == "clipped":
        optimizer = Clipped(optimizer, global_clipnorm=1.0)
    elif clip == "dense only":
        optimizer = DenseOnly(optimizer, 1.0)
    how = {"recurrent_initializer": scaled(radius)}
    return adding_loss(seed, CLIP_LENGTH, optimizer, updates, **how)


def at_start(radius, seed):
    """||dL/dh_0|| / ||dL/dh_T|| of such a network, before its first update."""
    rng = np.random.default_rng(seed)
    layer = SimpleRNN(2, UNITS, rng=rng, recurrent_initializer=scaled(radius), dtype=np.float64)
    x, _ = data.adding(BATCH, CLIP_LENGTH, rng=rng)
    g = np.ones_like(layer.forward(x)) * rng.normal(size=UNITS)
    layer.backward(g)
    return float(f"{np.linalg.norm(layer.state_gradient) / np.linalg.norm(g):.3g}")


def windows(part):
    """48 steps of a series, and the value 12 steps after the last of them."""
    x, y = data.windows_of(part, WINDOW, HORIZON)
    return x, y[:, -1:]


def forecasts(seed, wander, epochs=10):
    """{order: {where: squared error}} of two networks on one series.

    The two train on the same windows of the past, four fifths of them drawn at random: "shuffled"
    in every epoch, or "in order" of time. Each is tested on the "random" fifth, on the validation
    part that follows ("by time") and on the "future". The unit is the variance of the past.
    """
    series = data.waves(3000, wander=wander, rng=np.random.default_rng(seed))
    parts = data.split_by_time(series)
    mean, deviation = parts[0].mean(), parts[0].std()
    (x, y), later, future = (windows((part - mean) / deviation) for part in parts)
    out = np.random.default_rng(seed).permutation(len(x)) < len(x) // 5
    tests = {"random": (x[out], y[out]), "by time": later, "future": future}
    found = {}
    for order in ("shuffled", "in order"):
        rng, loss = np.random.default_rng(seed), MeanSquaredError()
        model = network(1, rng)
        optimizer = Clipped(Adam(RATE), global_clipnorm=1.0)
        how = {"epochs": epochs, "batch_size": BATCH, "rng": rng if order == "shuffled" else None}
        model.fit(x[~out], y[~out], loss=loss, optimizer=optimizer, verbose=False, **how)
        found[order] = {
            where: round(loss.forward(b, model.predict(a)), 4) for where, (a, b) in tests.items()
        }
    return found


def measure(seeds):
    """All that is stored, for these seeds."""
    starts = {
        budget: {
            f"{activation}, {name}": {
                str(n): [start(activation, name, n, seed, rate, updates) for seed in seeds]
                for n in lengths
            }
            for activation in ("tanh", "relu")
            for name in (*STARTS, *(["IRNN"] if activation == "relu" else []), "residual")
        }
        for budget, (rate, updates, lengths) in BUDGETS.items()
    }
    print(starts, flush=True)
    clips = {
        str(radius): {
            name: {clip: [clipping(radius, name, clip, seed) for seed in seeds] for clip in CLIPS}
            for name in OPTIMIZERS
        }
        for radius in RADII
    }
    print(clips, flush=True)
    series = [seed + 100 * k for seed in seeds for k in range(PER_SEED)]
    each = {wander: [forecasts(number, wander) for number in series] for wander in WANDERS}
    return {
        "guessing": {str(n): guessing(n) for n in (CLIP_LENGTH, *BUDGETS["short"][2])},
        "starts": starts,
        "clipping": clips,
        "at_start": {str(radius): [at_start(radius, seed) for seed in seeds] for radius in RADII},
        "forecasts": {
            str(wander): {
                order: {where: [found[order][where] for found in all_of] for where in errors}
                for order, errors in all_of[0].items()
            }
            for wander, all_of in each.items()
        },
    }


def main(arguments=None):
    started = time.perf_counter()
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.split("\n")[0])
    record.save("recurrent", measure(seeds), seeds=seeds, started=started)


if __name__ == "__main__":
    main()
