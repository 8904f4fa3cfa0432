"""A Keras training to kill, for tests/test_keras_training.py.

    python resumed_keras.py FOLDER LAST BATCHES
6 epochs of 5 batches; after BATCHES of them in this process it dies by SIGKILL (0: never). LAST
names the array file of the final state.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from twice.keras_training import Checkpoint, Ordered, keras, state


def model():
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((6,)),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5, seed=3),
        keras.layers.Dense(2),
    ]
    net = keras.Sequential(layers)
    net.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return net


def samples():
    x, y = np.random.default_rng(0).normal(size=(2, 72, 6)).astype("float32")
    return x, y[:, :2]


class Dying(keras.callbacks.Callback):
    def __init__(self, left):
        super().__init__()
        self.left = left

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(folder, last, batches):
    net, (x, y) = model(), samples()
    data, safe = Ordered(x, y, batch_size=16, seed=4), Checkpoint(Path(folder) / "run.npz")
    net.fit(
        data,
        epochs=6,
        shuffle=False,
        verbose=0,
        initial_epoch=safe.resume(net),
        callbacks=[data.follow(), Dying(int(batches)), safe],
    )
    arrays = [keras.ops.convert_to_numpy(v) for v in state(net)]
    np.savez(Path(folder) / last, *arrays, **safe.history)


if __name__ == "__main__":
    main(*sys.argv[1:])
