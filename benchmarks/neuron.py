"""One training step of the linear neuron: `Adaline` against Keras's `Dense(1)`."""

import numpy as np

from benchmarks import timing
from twice.parity import keras
from twice.scratch.gradient_descent import SGD
from twice.scratch.perceptron import Adaline, MeanSquaredError

SIZES = ((32, 2), (32, 64), (1024, 64))


def contenders(batch, features):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, features)).astype(np.float32)
    y = rng.normal(size=(batch, 1)).astype(np.float32)
    neuron, loss, optimizer = Adaline(features, rng=rng), MeanSquaredError(), SGD(0.01)
    net = keras.Sequential([keras.Input((features,)), keras.layers.Dense(1)])
    net.compile(keras.optimizers.SGD(0.01), loss="mean_squared_error")

    def scratch():
        loss.forward(y, neuron.forward(x))
        neuron.backward(loss.backward())
        optimizer.step(neuron.params, neuron.grads)

    return {"scratch": scratch, "keras": lambda: net.train_on_batch(x, y)}


def main():
    rows = []
    for batch, features in SIZES:
        times = timing.race(contenders(batch, features))
        (ours, our_median), (theirs, their_median) = times["scratch"], times["keras"]
        rows.append(
            [
                f"{batch} samples, {features} features",
                f"{ours * 1e6:.0f} ({our_median * 1e6:.0f})",
                f"{theirs * 1e6:.0f} ({their_median * 1e6:.0f})",
                f"{ours / theirs:.3f}",
            ]
        )
    header = ["one step", "NumPy, µs: min (median)", "Keras `train_on_batch`, µs", "ratio"]
    title = f"A linear neuron, one training step (Keras on {keras.backend.backend()})"
    timing.report("neuron", title, header, rows)


if __name__ == "__main__":
    main()
