"""Eight broken networks and a healthy one: the runs behind the demo of the clinic.

A network of 64-48-48-48-48-10 units with ReLU learns 512 handwritten digits, 8 x 8 pixels, by plain
SGD: 60 epochs of 32 images a batch, 1920 steps in all. The pixels lose their mean and are divided
by their standard deviation, weights begin as He's, the rate is 0.03. Each fault changes one thing.
About 410 other images judge; scikit-learn's test part is never touched. The overfitted network has
64 images, so 1920 steps are 960 epochs.

    OPENBLAS_NUM_THREADS=1 python -m experiments.clinic               half a minute
    OPENBLAS_NUM_THREADS=1 python -m experiments.clinic --seeds 0 1   two seeds of six

It writes experiments/results/clinic.json, which says how reliable every symptom is, and, when all
seeds are run, twice/widgets/clinic.npz: the records of PATIENTS (one seed each), of the same
networks mended, and of the healthy one to compare with.

What it stores:
setting          the constants below
facts[FAULT]     what `facts` finds, a list of one dict a seed; FAULT: "healthy" or one of FAULTS
claims[FAULT]    for each claim about it (see CLAIMS): "held" in so many of its seeds, and "others",
                 {FAULT: in how many seeds it holds there}
small[FAULT]     the facts of seed 0 after SMALL steps: what the tests repeat
"""

import io
import time

import numpy as np

from experiments import record
from twice.data import digits
from twice.scratch.activation_layers import Softmax
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.initializers import he_normal, random_normal
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.monitors import ActivationStatistics, GradientNorms, UpdateRatios
from twice.scratch.optimizers import SGD
from twice.scratch.training import Callback, evaluate
from twice.widgets.clinic import CURVES, FAULTS, FLOOR, HEALTHY, PATIENTS, STORED

SEEDS = range(6)
UNITS, HIDDEN, CLASSES = 48, 4, 10
TRAIN, FEW, POOL = 512, 64, 1024  # images; validation begins at POOL
RATE, BATCH, STEPS = 0.03, 32, 1920
LARGE_RATE, SMALL_RATE = 0.5, 0.00003
SMALL_STD, LOW_BIAS, INK = 0.02, -2.0, 16.0  # INK: the darkest pixel as the data set has it
PROBE = 200  # validation images that histograms and dead units are taken from
EDGES = np.linspace(-6, 6, 25)
SMALL = 64

# What the demo's texts say of a fault, chart by chart: tests of one training's `facts`. A wrong
# diagnosis is answered with a claim that holds for the diagnosis and fails for the patient.
CLAIMS = {
    "rate_high": {
        "loss": lambda f: f["rises"] >= 2,
        "start": lambda f: f["start"] < 5,
        "ratio": lambda f: f["first_ratio"] > np.log10(1 / 60),
    },
    "rate_low": {
        "ratio": lambda f: min(f["early_ratio"]) > -6 and max(f["early_ratio"]) < -4,
        "accuracy": lambda f: f["best_accuracy"] < 0.3,
        "gradient": lambda f: min(f["first_gradient"]) > -0.5,
    },
    "small_weights": {
        "histogram": lambda f: 0 < f["first_spread"][3] < 0.001,
        "dead": lambda f: max(f["first_dead"]) < 0.2,
        "loss": lambda f: abs(f["start"] - np.log(10)) < 0.005,
        "accuracy": lambda f: f["best_accuracy"] < 0.2,
    },
    "dead_units": {
        "dead": lambda f: f["first_dead"][2] == f["first_dead"][3] == 1,
        "gradient": lambda f: f["first_gradient"][0] == FLOOR,
    },
    "raw_inputs": {
        "loss": lambda f: f["start"] > 7,
        "histogram": lambda f: f["first_spread"][0] > 6,
    },
    "wrong_labels": {
        "accuracy": lambda f: f["train_accuracy"] > 0.95 and f["val_accuracy"] < 0.2,
    },
    "overfitting": {
        "loss": lambda f: f["train_loss"] < 0.01,
        "accuracy": lambda f: f["train_accuracy"] > 0.99 and 0.5 < f["val_accuracy"] < 0.85,
    },
    "softmax_twice": {
        "loss": lambda f: f["lowest"] > 1.46 and f["best_accuracy"] > 0.6,
        "accuracy": lambda f: f["best_accuracy"] > 0.6,
    },
}


def moments(steps=STEPS):
    """After how many steps to look: often at first, then every 64; the last is steps - 1."""
    first = [0, 1, 2, 4, 8, 16, 24, 32, 48, 64, 80, 96]
    return [t for t in [*first, *range(128, steps, 64)] if t < steps - 1] + [steps - 1]


def looks(times):
    """The moments whose histograms are kept: about ten."""
    return sorted({0, 1, times[-1], *(t for t in (4, 16, 64, 192, 448, 960, 1408) if t in times)})


def images(fault, seed):
    """((x, y) to train on, (x, y) to judge), x (N, 64) float32, as the fault has them."""
    (x, y), _ = digits(seed=seed)
    x = x.reshape(len(x), -1)
    n = FEW if fault == "overfitting" else TRAIN
    mean, std = (0, 1 / INK) if fault == "raw_inputs" else (x[:TRAIN].mean(), x[:TRAIN].std())
    x = ((x - mean) / std).astype(np.float32)
    labels = y[:n]
    if fault == "wrong_labels":
        labels = np.random.default_rng(1000 + seed).permutation(labels)
    return (x[:n], labels), (x[POOL:], y[POOL:])


def network(fault, rng):
    """The network of a fault, before the first step."""
    initializer = he_normal
    if fault == "small_weights":

        def initializer(shape, rng):
            return random_normal(shape, rng, stddev=SMALL_STD)

    layers, n_in = [], 64
    for _ in range(HIDDEN):
        dense = Dense(n_in, UNITS, rng=rng, initializer=initializer)
        if fault == "dead_units":
            dense.params["bias"][...] = LOW_BIAS
        layers += [dense, Activation("relu")]
        n_in = UNITS
    layers.append(Dense(n_in, CLASSES, rng=rng, initializer=initializer))
    if fault == "softmax_twice":  # the loss, told that it gets logits, takes it again
        layers.append(Softmax())
    return Sequential(layers)


def rate(fault):
    return {"rate_high": LARGE_RATE, "rate_low": SMALL_RATE}.get(fault, RATE)


class Moments(Callback):
    """Losses, accuracies and what the layers say, after 0 steps and at each of `times`."""

    def __init__(self, loss, parts, times):
        self.loss, self.parts, self.times, self.rows = loss, parts, times, []
        self.statistics = ActivationStatistics(parts[1][0][:PROBE], edges=EDGES)

    def on_train_begin(self, model):
        self.look(model)

    def on_batch_end(self, model, iteration, logs):
        if iteration in self.times:
            self.look(model)

    def look(self, model):
        found = [evaluate(model, *part, loss=self.loss, metrics=[accuracy]) for part in self.parts]
        said = self.statistics.measure(model)
        dense = [k for k, layer in enumerate(model.layers) if isinstance(layer, Dense)]
        self.rows.append(
            {
                "loss": [f["loss"] for f in found],
                "accuracy": [f["accuracy"] for f in found],
                "spread": logs10(said["std"][dense]),
                "dead": silent(model, self.statistics.x),
                "histogram": said["histogram"][dense],
            }
        )


def silent(model, x):
    """The share of units of each hidden layer whose ReLU is 0 for every sample of x."""
    outputs = zip(model.layers, model.trace(x), strict=True)
    return [float((a == 0).all(axis=0).mean()) for layer, a in outputs if layer.params == {}][
        :HIDDEN
    ]


def logs10(values):
    """log10, with FLOOR for 0 and for what is below."""
    return np.log10(np.maximum(values, 10.0**FLOOR))


def train(fault, seed, steps=STEPS):
    """One training, looked at on the way: {name: array}.

    loss, accuracy (2, T): over all training images, over all validation images. spread (5, T):
    log10 of the standard deviation of each layer's z = x W + b. dead (4, T). gradient, ratio
    (5, T): log10 of each kernel's gradient norm, and of its update-to-weight ratio, in the step
    that follows the moment. histogram (looks, 5, bins): shares of z between EDGES.
    """
    times, rng = moments(steps), np.random.default_rng(seed)
    parts, model = images(fault, seed), network(fault, rng)
    loss = SparseCategoricalCrossentropy(from_logits=True)
    seen, norms, ratios = Moments(loss, parts, times), GradientNorms(), UpdateRatios()
    model.fit(
        *parts[0],
        loss=loss,
        optimizer=SGD(rate(fault)),
        batch_size=BATCH,
        epochs=steps * BATCH // len(parts[0][0]) or 1,
        rng=rng,
        callbacks=[seen, norms, ratios],
        verbose=False,
    )
    kernels = [name for name in model.params if name.endswith("kernel")]
    found = {k: np.array([r[k] for r in seen.rows]).T for k in ("loss", "accuracy")}
    found |= {k: np.array([r[k] for r in seen.rows]).T for k in ("spread", "dead")}
    found["gradient"] = logs10(np.array([norms.values[name][times] for name in kernels]))
    moved = np.array([ratios.values[name][times] for name in kernels])
    found["ratio"] = np.maximum(moved, FLOOR)
    kept = [times.index(t) for t in looks(times)]
    found["histogram"] = np.array([seen.rows[k]["histogram"] for k in kept])
    return found


def facts(found, times):
    """The numbers that the demo's texts speak of, of one training."""
    loss, early = found["loss"][0], np.array(times) <= 96
    before, after = loss[:-1][np.array(times[1:]) <= 512], loss[1:][np.array(times[1:]) <= 512]
    ends = {"loss": "loss", "accuracy": "accuracy"}
    return {
        "start": float(loss[0]),
        "lowest": float(loss.min()),
        "rises": int((after > 1.2 * before).sum()),
        **{f"train_{name}": float(found[key][0, -1]) for name, key in ends.items()},
        **{f"val_{name}": float(found[key][1, -1]) for name, key in ends.items()},
        "best_accuracy": float(found["accuracy"][0].max()),
        "first_gradient": found["gradient"][:, 0].tolist(),
        "first_ratio": float(np.median(found["ratio"][:, np.array(times) <= 8])),
        "early_ratio": np.median(found["ratio"][:, early], axis=1).tolist(),
        "first_spread": (10 ** found["spread"][:, 0]).tolist(),
        "last_spread": (10 ** found["spread"][:, -1]).tolist(),
        "first_dead": found["dead"][:, 0].tolist(),
        "last_dead": found["dead"][:, -1].tolist(),
    }


def rounded(value):
    """Numbers to 5 digits, in lists and dicts."""
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def judged(found):
    """In how many seeds every claim of the demo's texts holds: for its fault, and elsewhere."""
    table = {}
    for fault, claims in CLAIMS.items():
        table[fault] = {}
        for chart, holds in claims.items():
            counts = {name: sum(bool(holds(f)) for f in runs) for name, runs in found.items()}
            held = counts.pop(fault)
            table[fault][chart] = {"held": held, "others": counts}
    return table


def store(runs, path=STORED):
    """Keep what the demo shows, in 16 bits a number; histograms in 8."""
    times = moments()
    names = [f"{fault} {seed}" for fault, seed in runs]
    flat = [np.concatenate([run[c].ravel() for c in CURVES]) for run in runs.values()]
    shares = [np.rint(255 * run["histogram"]).astype(np.uint8) for run in runs.values()]
    held = io.BytesIO()
    np.savez_compressed(
        held,
        names=names,
        moments=times,
        looks=looks(times),
        edges=EDGES,
        curves=np.minimum(flat, 60_000).astype("<f2"),
        histograms=np.array(shares),
    )
    path.write_bytes(held.getvalue())


def small():
    """A second's part of it: what the tests repeat."""
    times = moments(SMALL)
    return {f: rounded(facts(train(f, 0, SMALL), times)) for f in (HEALTHY, *FAULTS)}


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0])
    started = time.perf_counter()
    runs = {(f, s): train(f, s) for f in (HEALTHY, *FAULTS) for s in seeds}
    found = {f: [rounded(facts(runs[f, s], moments())) for s in seeds] for f in (HEALTHY, *FAULTS)}
    names = "UNITS HIDDEN TRAIN FEW RATE BATCH STEPS LARGE_RATE SMALL_RATE SMALL_STD LOW_BIAS INK"
    setting = {name.lower(): globals()[name] for name in names.split()}
    result = {"setting": setting, "facts": found, "claims": judged(found), "small": small()}
    record.save("clinic", result, seeds=seeds, started=started)
    if list(seeds) == list(SEEDS):
        shown = [*PATIENTS.items(), *((HEALTHY, s) for s in SEEDS)]
        store({key: runs[key] for key in shown})


if __name__ == "__main__":
    main()
