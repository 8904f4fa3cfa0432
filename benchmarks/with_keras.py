"""What the benchmarks that race against Keras share: devices, compiled steps, ratios."""

import numpy as np

from twice.parity import keras


def on(device, call):
    """`call`, with Keras on that device."""

    def there(*arguments):
        with keras.device(device):
            return call(*arguments)

    return there


def compiled_step(model, x, y):
    """A model's bare compiled step, without `train_on_batch`'s own work; None on PyTorch."""
    model.optimizer.build(model.trainable_variables)
    x, y = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = keras.ops.mean(model.loss(y, model(x, training=True)))
            gradients = tape.gradient(loss, model.trainable_weights)
            model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
            return loss

        return lambda: np.asarray(step())
    if keras.backend.backend() == "jax":
        import jax

        def loss_of(weights):
            outputs, _ = model.stateless_call(weights, model.non_trainable_variables, x)
            return keras.ops.mean(model.loss(y, outputs))

        @jax.jit
        def step(weights, state):
            loss, gradients = jax.value_and_grad(loss_of)(weights)
            weights, state = model.optimizer.stateless_apply(state, gradients, weights)
            return loss, weights, state

        kept = (
            [v.value for v in model.trainable_variables],
            [v.value for v in model.optimizer.variables],
        )

        def call():
            nonlocal kept
            loss, *kept = step(*kept)
            return np.asarray(loss)

        return call
    return None


def devices():
    """("cpu:0",) and, where Keras finds one, "gpu:0"."""
    return ("cpu:0", "gpu:0") if keras.distribution.list_devices("gpu") else ("cpu:0",)


def table(times, base="scratch"):
    ours = times[base][0]
    return [
        [name, f"{low * 1e3:.2f} ({middle * 1e3:.2f})", f"{ours / low:.2f}"]
        for name, (low, middle) in times.items()
    ]
