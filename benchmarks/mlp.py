"""The multilayer perceptron: the readable scratch code, hand-tuned NumPy and Keras, in one run.

Three tables: an epoch of digits, one step at MNIST's size, and one step over batch sizes. Where
Keras finds a GPU, its columns come twice, and the last table says where the GPU overtakes.
"""

from itertools import pairwise

import numpy as np

from benchmarks import timing
from benchmarks.with_keras import compiled_step, devices, on, table
from twice.data import digits
from twice.parity import keras
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.gradient_descent import SGD
from twice.scratch.losses import CategoricalCrossentropy, one_hot
from twice.scratch.training import train_step

RATE = 0.1
BATCH_SIZES = (8, 32, 128, 512, 2048, 8192)


def scratch_model(sizes):
    rng, layers = np.random.default_rng(0), []
    for n_in, n_out in pairwise(sizes):
        layers += [Dense(n_in, n_out, rng=rng), Activation("relu")]
    return Sequential(layers[:-1])


def keras_model(sizes):
    layers = [keras.layers.Dense(n, activation="relu") for n in sizes[1:-1]]
    model = keras.Sequential([keras.Input((sizes[0],)), *layers, keras.layers.Dense(sizes[-1])])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(RATE), loss=loss, jit_compile=False)
    return model


def scratch_step(sizes, x, y):
    model, loss, optimizer = scratch_model(sizes), CategoricalCrossentropy(True), SGD(RATE)
    return lambda: train_step(model, loss, optimizer, x, y)


def scratch_epoch(sizes, x, y, batch_size):
    model, loss, rng = scratch_model(sizes), CategoricalCrossentropy(True), np.random.default_rng(0)
    settings = {"optimizer": SGD(RATE), "batch_size": batch_size, "rng": rng, "verbose": False}
    return lambda: model.fit(x, y, loss=loss, **settings)


class Tuned:
    """The same step as nobody should have to read it: every temporary reused or done in place."""

    def __init__(self, sizes):
        weights = scratch_model(sizes).get_weights()
        self.kernels, self.biases = weights[::2], weights[1::2]

    def step(self, x, y):
        outputs = [x]
        for w, b in zip(self.kernels, self.biases, strict=True):
            z = outputs[-1] @ w
            z += b
            if w is not self.kernels[-1]:
                np.maximum(z, 0, out=z)
            outputs.append(z)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        z -= y
        z *= RATE / len(x)
        for k in reversed(range(len(self.kernels))):
            below = outputs[k]
            back = z @ self.kernels[k].T if k else None
            self.kernels[k] -= below.T @ z
            self.biases[k] -= z.sum(axis=0)
            if k:
                back *= below > 0
                z = back

    def epoch(self, x, y, batch_size, rng):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            i = order[start : start + batch_size]
            self.step(x[i], y[i])


def epoch_of_digits(sizes=(64, 128, 10), batch_size=32):
    (x, labels), _ = digits()
    x, y = x.reshape(len(x), -1), one_hot(labels, 10)
    rng, tuned = np.random.default_rng(0), Tuned(sizes)
    contenders = {
        "scratch": scratch_epoch(sizes, x, y, batch_size),
        "best NumPy": lambda: tuned.epoch(x, y, batch_size, rng),
    }
    for device in devices():
        with keras.device(device):
            model = keras_model(sizes)

        def one_by_one(model=model):
            order = rng.permutation(len(x))
            for start in range(0, len(x), batch_size):
                i = order[start : start + batch_size]
                model.train_on_batch(x[i], y[i])

        def whole(model=model):
            model.fit(x, y, batch_size=batch_size, verbose=0)

        contenders[f"Keras `train_on_batch`, {device}"] = on(device, one_by_one)
        contenders[f"Keras `fit`, {device}"] = on(device, whole)
    times = timing.race(contenders)
    header = ["one epoch, batch 32", "ms: minimum (median)", "scratch / this"]
    title = f"MLP {'-'.join(map(str, sizes))} on digits, Keras on {keras.backend.backend()}"
    timing.report("mlp_epoch", title, header, table(times))


def step_contenders(sizes, batch_size):
    rng, tuned = np.random.default_rng(0), Tuned(sizes)
    x = rng.normal(size=(batch_size, sizes[0])).astype(np.float32)
    y = one_hot(rng.integers(0, sizes[-1], batch_size), sizes[-1])
    contenders = {"scratch": scratch_step(sizes, x, y), "best NumPy": lambda: tuned.step(x, y)}
    for device in devices():
        with keras.device(device):
            model = keras_model(sizes)
            compiled = compiled_step(keras_model(sizes), x, y)
        contenders[f"Keras `train_on_batch`, {device}"] = on(
            device, lambda model=model: model.train_on_batch(x, y)
        )
        if compiled is not None:
            contenders[f"Keras compiled, {device}"] = on(device, compiled)
    return contenders


def one_step(sizes=(784, 256, 128, 10), batch_size=128):
    times = timing.race(step_contenders(sizes, batch_size))
    header = [f"one step, batch {batch_size}", "ms: minimum (median)", "scratch / this"]
    title = f"MLP {'-'.join(map(str, sizes))}, Keras on {keras.backend.backend()}"
    timing.report("mlp_step", title, header, table(times))


def over_batch_sizes(sizes=(784, 256, 128, 10)):
    rows, overtakes = [], None
    for batch_size in BATCH_SIZES:
        times = timing.race(step_contenders(sizes, batch_size), bursts=10)
        names = list(times)
        rows.append([batch_size, *(f"{times[name][0] / batch_size * 1e6:.2f}" for name in names)])
        best = {d: min(t[0] for n, t in times.items() if n.endswith(d)) for d in devices()}
        if len(best) == 2 and overtakes is None and best["gpu:0"] < best["cpu:0"]:
            overtakes = batch_size
    title = f"MLP {'-'.join(map(str, sizes))}, microseconds a sample: minimum of 10 bursts"
    if len(devices()) == 2:
        title += f"; the GPU overtakes the CPU at batch size {overtakes}"
    timing.report("mlp_batch_sizes", title, ["batch size", *names], rows)


def main():
    epoch_of_digits()
    one_step()
    over_batch_sizes()


if __name__ == "__main__":
    main()
