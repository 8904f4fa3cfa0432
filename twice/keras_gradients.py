"""The one thing that `keras.ops` has no word for: a gradient with respect to an input.

Each backend has its own way to a gradient; `gradient` hides which one is in use. It is what
saliency maps and Grad-CAM need. Importing this module imports Keras.
"""

from twice.parity import keras


def gradient(f, x):
    """d(sum of f(x)) / dx on any backend; f is made of Keras models and `keras.ops`.

    x: an array or a tensor, such as images or feature maps; whole numbers become floats. The result
    is a NumPy array of its shape. Saliency: `gradient(lambda x: model(x)[:, label], images)`.
    Inside f, multiply a tensor with an array by `keras.ops.multiply`: PyTorch allows no `*` there.
    Raises ValueError where f does not depend on x, except on JAX, whose gradient is then zero.
    """
    x, backend = keras.ops.convert_to_tensor(x), keras.backend.backend()
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype)):
        x = keras.ops.cast(x, keras.config.floatx())
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            total = keras.ops.sum(f(x))
        found = tape.gradient(total, x)
    elif backend == "jax":
        import jax

        found = jax.grad(lambda x: keras.ops.sum(f(x)))(x)
    elif backend == "torch":
        import torch

        x = x.detach().requires_grad_(True)
        total, found = keras.ops.sum(f(x)), None
        if total.requires_grad:
            (found,) = torch.autograd.grad(total, [x], allow_unused=True)
    else:
        known = "'tensorflow', 'jax' and 'torch'"
        raise ValueError(f"Keras runs on {backend!r}; `gradient` knows {known}")
    if found is None:
        raise ValueError("f(x) does not depend on x: is it made of Keras models and `keras.ops`?")
    return keras.ops.convert_to_numpy(found)
