"""A training to kill, for tests/test_checkpoints.py.

    python resumed.py FOLDER HOW
HOW: "whole"; "batch 7": die in the training's 7th batch of this process; "write 2": die while the
second checkpoint of this process is being written; "rename 2": when it is written, but not yet in
its place. Dying is SIGKILL: no `finally`, no exit handler. FOLDER gets run.npz, and end.npz.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from twice.scratch.adaptive import Nadam
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.checkpoints import Checkpoint, save_checkpoint
from twice.scratch.clipping import Clipped
from twice.scratch.noise import Dropout
from twice.scratch.normalization import BatchNormalization
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import Callback


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Halving(Callback):
    """Half the rate after epoch 3: a number of the optimizer that changes on the way."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def on_epoch_end(self, model, epoch, logs):
        if epoch == 3:
            self.optimizer.learning_rate /= 2


class Dying(Callback):
    def __init__(self, batches):
        self.left = batches

    def on_batch_end(self, model, iteration, logs):
        self.left -= 1
        if self.left == 0:
            die()


def die_writing(count, half):
    """Kill this process in its count-th write: with half of the bytes, or before the rename."""
    calls, rename, fdopen = [], os.replace, os.fdopen

    def dying_fdopen(*arguments):
        file = fdopen(*arguments)
        calls.append(file)
        if half and len(calls) == count:
            file = Half(file)
        return file

    def dying_rename(*arguments):
        if not half and len(calls) == count:
            die()
        rename(*arguments)

    os.fdopen, os.replace = dying_fdopen, dying_rename


class Half:
    """A file that takes half of what it is given, and then the process is gone."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        die()


def main(folder, how):
    layers, order, noise = (np.random.default_rng(seed) for seed in range(3))
    x, y = np.random.default_rng(9).normal(size=(2, 40, 3)).astype(np.float32)
    net = Sequential(
        [
            Dense(3, 8, rng=layers),
            BatchNormalization(8),
            Activation("tanh"),
            Dropout(0.3, rng=layers),
            Dense(8, 3, rng=layers),
        ]
    )
    optimizer = Clipped(Nadam(np.float64(0.01)), global_clipnorm=1.0)
    word, _, count = how.partition(" ")
    callbacks = [Halving(optimizer), Dying(int(count) if word == "batch" else -1)]
    if word in ("write", "rename"):
        die_writing(int(count), half=word == "write")
    safe = Checkpoint(Path(folder) / "run.npz", optimizer=optimizer, rng=[order, noise])
    net.fit(
        x,
        y,
        loss=MeanSquaredError(),
        optimizer=optimizer,
        batch_size=16,
        epochs=8,
        initial_epoch=safe.resume(net),
        rng=order,
        validation_data=(x, y),
        augment=lambda a, b: (a + noise.normal(size=a.shape).astype(a.dtype) / 10, b),
        callbacks=[*callbacks, safe],
    )
    everything = {"optimizer": optimizer, "rng": [order, noise], "history": safe.history}
    save_checkpoint(Path(folder) / "end.npz", net, epoch=8, **everything)


if __name__ == "__main__":
    main(*sys.argv[1:])
