"""Convolution, pooling and LeNet: the scratch code and Keras, in one run.

A layer's row is its forward pass, its weights' gradients and its input's gradient. Where Keras
finds a GPU, its columns come twice. The naive loops are timed in the chapter `convolution`.
"""

import numpy as np

from benchmarks import timing
from benchmarks.with_keras import compiled_step, devices, keras_pass, on, scratch_pass, table
from twice.parity import keras
from twice.scratch.convolution import Conv2D
from twice.scratch.gradient_descent import SGD
from twice.scratch.lenet import lenet
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.pooling import MaxPooling2D
from twice.scratch.training import train_step

RATE = 0.01
# name: our layer, Keras's layer, one sample's shape
LAYERS = {
    "conv_1_16": (
        lambda rng: Conv2D(1, 16, 3, padding="same", rng=rng),
        lambda: keras.layers.Conv2D(16, 3, padding="same"),
        (28, 28, 1),
    ),
    "conv_16_32": (
        lambda rng: Conv2D(16, 32, 3, padding="same", rng=rng),
        lambda: keras.layers.Conv2D(32, 3, padding="same"),
        (14, 14, 16),
    ),
    "max_pool": (lambda rng: MaxPooling2D(2), lambda: keras.layers.MaxPooling2D(2), (28, 28, 16)),
}


def layer(name, batch_size=64):
    """(our layer, x, gradient of its output), Keras's layer built, and x."""
    rng, (ours, theirs, shape) = np.random.default_rng(0), LAYERS[name]
    x = rng.normal(size=(batch_size, *shape)).astype(np.float32)
    ours, theirs = ours(rng), theirs()
    theirs.build(x.shape)
    grad = rng.normal(size=ours.forward(x).shape).astype(np.float32)
    return (ours, x, grad), theirs, x


def one_layer(name):
    ours, theirs, x = layer(name)
    contenders = {"scratch": scratch_pass(*ours)}
    for device in devices():
        for word, compiled in (("eager", False), ("compiled", True)):
            with keras.device(device):
                call = keras_pass(theirs, x, ours[2], compiled)
            if call is not None:
                contenders[f"Keras {word}, {device}"] = on(device, call)
    title = f"{ours[0]!r} on {x.shape}, forward and backward"
    header = ["one pass", "ms: minimum (median)", "scratch / this"]
    timing.report(name, title, header, table(timing.race(contenders)))


def keras_lenet(input_shape=(28, 28, 1), classes=10, kernel_size=5, learning_rate=RATE):
    """The twin of `twice.scratch.lenet`, compiled with SGD; weights as Keras draws them."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(input_shape),
            layers.Conv2D(6, kernel_size, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, kernel_size, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(classes),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(learning_rate), loss=loss, jit_compile=False)
    return model


def lenets(batch_size=64):
    """Our training step and Keras's `train_on_batch`, from the same weights, and a batch."""
    rng = np.random.default_rng(0)
    model, twin = lenet(rng=rng), keras_lenet()
    twin.set_weights(model.get_weights())
    loss, optimizer = SparseCategoricalCrossentropy(from_logits=True), SGD(RATE)
    x = rng.normal(size=(batch_size, 28, 28, 1)).astype(np.float32)
    y = rng.integers(0, 10, batch_size)
    return (
        lambda x, y: train_step(model, loss, optimizer, x, y)[0],
        lambda x, y: float(twin.train_on_batch(x, y)),
        x,
        y,
    )


def lenet_step():
    model, _, x, y = lenets()
    contenders = {"scratch": lambda: model(x, y)}
    for device in devices():
        with keras.device(device):
            _, twin, _, _ = lenets()
            compiled = compiled_step(keras_lenet(), x, y)
        contenders[f"Keras `train_on_batch`, {device}"] = on(device, lambda t=twin: t(x, y))
        if compiled is not None:
            contenders[f"Keras compiled, {device}"] = on(device, compiled)
    header = ["one step, batch 64", "ms: minimum (median)", "scratch / this"]
    title = f"LeNet on 28 x 28 images, Keras on {keras.backend.backend()}"
    timing.report("lenet", title, header, table(timing.race(contenders)))


def main():
    for name in LAYERS:
        one_layer(name)
    lenet_step()


if __name__ == "__main__":
    main()
