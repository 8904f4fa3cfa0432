"""What the benchmarks that race against Keras share: devices, passes, compiled steps, ratios."""

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


def scratch_pass(ours, x, grad):
    """Our layer's outputs and the gradient of x; the weights' gradients are in the layer."""
    return lambda: (ours.forward(x), ours.backward(grad))


def keras_pass(theirs, x, grad, compiled=False):
    """Keras's outputs and gradients of (x, weights); None for compiled PyTorch."""
    x, grad = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(grad)
    weights = [v.value for v in theirs.trainable_variables]
    rest = [v.value for v in theirs.non_trainable_variables]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        def step():
            with tf.GradientTape() as tape:
                tape.watch(x)
                z = theirs(x)
            return z, tape.gradient(z, [x, *weights], output_gradients=grad)

        step = tf.function(step) if compiled else step

        def call():
            z, gradients = step()
            return z.numpy(), [g.numpy() for g in gradients]

        return call
    if keras.backend.backend() == "jax":
        import jax

        def both(weights, x, grad):
            outputs, back = jax.vjp(lambda w, x: theirs.stateless_call(w, rest, x)[0], weights, x)
            to_weights, to_x = back(grad)
            return outputs, [to_x, *to_weights]

        step = jax.jit(both) if compiled else both

        def call():
            z, gradients = step(weights, x, grad)
            return np.asarray(z), [np.asarray(g) for g in gradients]

        return call
    import torch

    x.requires_grad_(True)

    def call():
        z = theirs(x)
        gradients = torch.autograd.grad(z, [x, *weights], grad)
        return z.detach().cpu().numpy(), [g.cpu().numpy() for g in gradients]

    return None if compiled else call


def devices():
    """("cpu:0",) and, where Keras finds one, "gpu:0"."""
    return ("cpu:0", "gpu:0") if keras.distribution.list_devices("gpu") else ("cpu:0",)


def table(times, base="scratch"):
    ours = times[base][0]
    return [
        [name, f"{low * 1e3:.2f} ({middle * 1e3:.2f})", f"{ours / low:.2f}"]
        for name, (low, middle) in times.items()
    ]
