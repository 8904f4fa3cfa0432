"""After early stopping: two ways to learn from the validation data too, against leaving them out.

Goodfellow, Bengio and Courville (2016), section 7.8: train on all data from the start for as long
as the stopped run (algorithm 7.2), counted in epochs or in updates; or go on from the stopped
weights on all data until the validation loss is down to the training loss at the stop (7.3), which
may never be. A network with one hidden layer reads digits. The noise is the share of the training
and validation labels that became another digit; the test labels are true.

`make experiments SLUG=early_stopping`, or `python -m experiments.early_stopping --seeds 0 1`: two
minutes on one core. Each seed draws its own images, noise and starting weights; all runs of a seed
have these in common, so that they can be compared in pairs. A run to the end has EPOCHS epochs, one
that goes on has at most as many more, and its optimizer begins anew.

What it stores under table[SPLIT][NOISE][OPTIMIZER], SPLIT being "300+100" for training and
validation images, one number a seed:
epochs, updates          of the stopped run, up to its best epoch
train_loss, val_loss     of the stopped weights
continued_epochs         how long 7.3 went on; null: the training loss was not reached
test_loss[RUN], test_accuracy[RUN]   the RUNS: "stopped"; "to the end" on the training images alone;
    "same epochs", "same updates" and "continued", as above; "all, to the end" on all images;
    "new validation": stopped early on all images by new ones, which the others do not have
penalized[SPLIT][NOISE]: continued_epochs of a network with an L2 penalty of 0.01, trained by SGD;
    both losses contain the penalty, which keeps the network from learning images by heart
"""

import time

import numpy as np

from experiments import record
from experiments.double_descent import other_digits
from twice import data
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.early_stopping import EarlyStopping
from twice.scratch.gradient_descent import SGD, batches
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.regularization import L2, Regularized
from twice.scratch.training import Callback, evaluate, train_step

SEEDS = range(20)
SPLITS, TEST = ((300, 100), (100, 100)), 1200
NOISES = (0.0, 0.2)
OPTIMIZERS = {"SGD": lambda: SGD(0.1), "Adam": lambda: Adam(0.003)}
UNITS, BATCH, EPOCHS, PATIENCE = 128, 32, 300, 10
LOSS = SparseCategoricalCrossentropy(from_logits=True)
RUNS = ("stopped", "to the end", "same epochs", "same updates", "continued", "all, to the end",
        "new validation")  # fmt: skip


def images(seed, split, noise):
    """(x, y) four times: for training, validation, another validation and the test."""
    rng = np.random.default_rng([seed, 0])
    (x, y), (x_more, y_more) = data.digits()
    order = rng.permutation(len(y) + len(y_more))
    x = np.concatenate([x, x_more]).reshape(-1, 64)[order]
    y = np.concatenate([y, y_more])[order]
    train, val = split
    cuts = np.cumsum([train, val, val, TEST])
    xs, ys = np.split(x, cuts)[:4], np.split(y, cuts)[:4]
    return list(zip(xs, [*(other_digits(part, noise, rng) for part in ys[:3]), ys[3]], strict=True))


def network(rng):
    """64 pixels, UNITS hidden units, 10 scores."""
    return Sequential([Dense(64, UNITS, rng=rng), Activation("relu"), Dense(UNITS, 10, rng=rng)])


def penalized(rng):
    """The same network with an L2 penalty on its kernels."""
    return Regularized(network(rng).layers, kernel_regularizer=L2(0.01))


def together(*parts):
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def start(seed, build=network):
    """The network of a seed, with the weights all its runs begin with, and a generator."""
    rng = np.random.default_rng([seed, 1])
    return build(rng), rng


def stopped(seed, optimizer, part, validation, build=network):
    """Train until the validation loss has not fallen for PATIENCE epochs; back to its best.

    Returns the network and how many epochs it had been trained at its best.
    """
    model, rng = start(seed, build)
    stop = EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    model.fit(
        *part,
        loss=LOSS,
        optimizer=optimizer(),
        batch_size=BATCH,
        epochs=EPOCHS,
        rng=rng,
        validation_data=validation,
        callbacks=[stop],
        verbose=False,
    )
    return model, stop.best_epoch + 1


def trained(seed, optimizer, part, updates):
    """Train from the start for so many updates, the last epoch being cut short if need be."""
    model, rng = start(seed)
    x, y = part
    optimizer, done = optimizer(), 0
    while done < updates:
        for i in batches(len(x), BATCH, rng=rng):
            train_step(model, LOSS, optimizer, x[i], y[i])
            done += 1
            if done == updates:
                break
    return model


class Until(Callback):
    """End the training once the loss on `part` is at most `bound`; `epochs` is None until then."""

    def __init__(self, part, bound):
        self.part, self.bound, self.epochs = part, bound, None

    def on_epoch_end(self, model, epoch, logs):
        if loss_of(model, self.part) <= self.bound:
            self.epochs, model.stop_training = epoch + 1, True


def loss_of(model, part):
    return float(evaluate(model, *part, loss=LOSS)["loss"])


def continued(model, seed, optimizer, part, validation, bound, build=network):
    """Algorithm 7.3: go on from these weights on all data until the validation loss is `bound`.

    Returns a new network and its epochs, None if EPOCHS did not do.
    """
    new, rng = start(seed, build)
    new.set_weights(model.get_weights())
    if loss_of(new, validation) <= bound:
        return new, 0
    until = Until(validation, bound)
    how = {"batch_size": BATCH, "epochs": EPOCHS, "rng": rng, "verbose": False}
    both = together(part, validation)
    new.fit(*both, loss=LOSS, optimizer=optimizer(), callbacks=[until], **how)
    return new, until.epochs


def updates_of(part, epochs):
    """How many updates so many epochs on these images are."""
    return epochs * -(-len(part[0]) // BATCH)


def one_seed(seed, split, noise, name):
    """All RUNS of one seed; {what: number}, and for test_loss and test_accuracy {run: number}."""
    optimizer = OPTIMIZERS[name]
    train, validation, another, test = images(seed, split, noise)
    everything = together(train, validation)
    first, epochs = stopped(seed, optimizer, train, validation)
    updates, bound = updates_of(train, epochs), loss_of(first, train)
    after, more = continued(first, seed, optimizer, train, validation, bound)
    models = {
        "stopped": first,
        "to the end": trained(seed, optimizer, train, updates_of(train, EPOCHS)),
        "same epochs": trained(seed, optimizer, everything, updates_of(everything, epochs)),
        "same updates": trained(seed, optimizer, everything, updates),
        "continued": after,
        "all, to the end": trained(seed, optimizer, everything, updates_of(everything, EPOCHS)),
        "new validation": stopped(seed, optimizer, everything, another)[0],
    }
    tested = {
        run: evaluate(model, *test, loss=LOSS, metrics=[accuracy]) for run, model in models.items()
    }
    return {
        "epochs": epochs,
        "updates": updates,
        "train_loss": round(bound, 4),
        "val_loss": round(loss_of(first, validation), 4),
        "continued_epochs": more,
        "test_loss": {run: round(float(found["loss"]), 4) for run, found in tested.items()},
        "test_accuracy": {run: round(float(found["accuracy"]), 4) for run, found in tested.items()},
    }


def penalized_epochs(seed, split, noise):
    """How many epochs algorithm 7.3 goes on with the penalized network; None beyond EPOCHS."""
    train, validation, _, _ = images(seed, split, noise)
    how = seed, OPTIMIZERS["SGD"], train, validation
    first, _ = stopped(*how, build=penalized)
    return continued(first, *how, loss_of(first, train), build=penalized)[1]


def gathered(each):
    """A list of `one_seed`s as one dict with lists in it."""
    found = {}
    for name, value in each[0].items():
        values = [one[name] for one in each]
        found[name] = gathered(values) if isinstance(value, dict) else values
    return found


def measure(seeds):
    """All that is stored, for these seeds."""
    return {
        "epochs": EPOCHS,
        "patience": PATIENCE,
        "table": {
            f"{split[0]}+{split[1]}": {
                str(noise): {
                    name: gathered([one_seed(seed, split, noise, name) for seed in seeds])
                    for name in OPTIMIZERS
                }
                for noise in NOISES
            }
            for split in SPLITS
        },
        "penalized": {
            f"{split[0]}+{split[1]}": {
                str(noise): [penalized_epochs(seed, split, noise) for seed in seeds]
                for noise in NOISES
            }
            for split in SPLITS
        },
    }


def main(arguments=None):
    started = time.perf_counter()
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.split("\n")[0])
    record.save("early_stopping", measure(seeds), seeds=seeds, started=started)


if __name__ == "__main__":
    main()
