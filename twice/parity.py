"""Put a scratch model and a Keras model side by side and compare every number.

    with parity.float64():
        twin = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        parity.compare(adaline, twin, x, y, loss=MeanSquaredError(), keras_loss="mse")

The weights are copied into Keras; then outputs, loss, each gradient and the weights after one
optimizer step are compared. Works on the TensorFlow, JAX and PyTorch backends. Importing this
module imports Keras, without the lines that TensorFlow's C++ side writes when it starts.
"""

import contextlib
import copy
from unittest import mock

import numpy as np

from twice import quiet_stderr
from twice.scratch.weights import beside

with quiet_stderr():
    import keras

    if keras.backend.backend() != "tensorflow":
        with contextlib.suppress(ImportError):  # Keras's `fit` imports it on every backend
            import tensorflow  # noqa: F401

TOLERANCE = {"float64": 1e-8, "float32": 1e-4}


@contextlib.contextmanager
def float64():
    """Everything that Keras builds and computes inside uses float64; afterwards all is as before.

    On JAX and PyTorch this takes more than `set_floatx`: JAX must be told to allow 64 bits, and
    Keras (up to 3.15) rounds the result of most operations to float32 on both. On TensorFlow it
    rounds an optimizer's settings, such as beta_1 = 0.9.
    """
    before = keras.config.floatx(), keras.config.dtype_policy()
    with contextlib.ExitStack() as undo:
        if keras.backend.backend() == "jax":
            import jax

            undo.callback(jax.config.update, "jax_enable_x64", jax.config.jax_enable_x64)
            jax.config.update("jax_enable_x64", True)
        undo.enter_context(mock.patch.dict(narrowed_types(), {"float64": "float64"}))
        undo.enter_context(unrounded_numbers())
        undo.callback(keras.config.set_dtype_policy, before[1])
        undo.callback(keras.config.set_floatx, before[0])
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")  # it does not follow floatx once it was read
        yield


def narrowed_types():
    """Keras's table of the types that its operations narrow; empty in versions that have none."""
    try:
        from keras.src.backend.common import dtypes

        return dtypes.BIT64_TO_BIT32_DTYPE
    except (ImportError, AttributeError):
        return {}


@contextlib.contextmanager
def unrounded_numbers():
    """Let Keras's `cast` take a Python number to 64 bits directly: TensorFlow goes by way of 32."""
    try:
        from keras.src.backend import core

        cast = core.cast
    except (ImportError, AttributeError):
        yield
        return

    def exact(x, dtype):
        return cast(np.float64(x) if isinstance(x, float) else x, dtype)

    with mock.patch.object(core, "cast", exact):
        yield


class Table(list):
    """Rows (what, shape, largest absolute difference); prints as the book's parity table."""

    def __init__(self, rows, tolerance, dtype):
        super().__init__(rows)
        self.tolerance, self.dtype = tolerance, dtype

    @property
    def largest(self):
        """The largest difference of all rows; NaN if any is NaN."""
        return float(np.max([row[2] for row in self]))

    def head(self, count):
        """The first rows as text, and how large the differences of all rows are."""
        shown = str(Table(self[:count], self.tolerance, self.dtype))
        return f"{shown}\n... largest of all {len(self)} rows: {self.verdict(self.largest)}"

    def verdict(self, difference):
        if difference < self.tolerance:
            return f"below {self.tolerance:.0e}"
        return f"{difference:.2e}  TOO LARGE"

    def __str__(self):
        width = max(len(row[0]) for row in self)
        lines = [f"{'NumPy against Keras':<{width}}   {'shape':<14} largest difference"]
        for what, shape, difference in self:
            lines.append(f"{what:<{width}}   {shape!s:<14} {self.verdict(difference)}")
        return "\n".join(lines)


def layers(model):
    """The layers that hold parameters, by their place in the model's `layers`; or the model."""
    found = enumerate(getattr(model, "layers", [model]))
    return {number: layer for number, layer in found if getattr(layer, "params", None)}


def parameters(model, which="params"):
    """The arrays of a scratch model by name, in the order of Keras's `trainable_variables`."""
    found = layers(model)
    return {
        name if len(found) == 1 else f"{number}.{name}": value
        for number, layer in found.items()
        for name, value in getattr(layer, which).items()
    }


def cast(model, dtype):
    """Turn all parameters of a scratch model into `dtype`, those of layers within layers too."""
    if hasattr(model, "layers"):
        for layer in model.layers:
            cast(layer, dtype)
        return
    for kind in ("params", "non_trainable"):
        arrays = getattr(model, kind, None)
        if isinstance(arrays, dict) and not hasattr(type(model), kind):
            setattr(model, kind, {name: value.astype(dtype) for name, value in arrays.items()})


def in_our_order(keras_model, keras_layers=None):
    """The places in `trainable_variables` of the variables of `keras_layers`, in their order.

    Keras orders a model's layers by their distance from the output, so with branches its order
    differs from that of the scratch model. None keeps Keras's order. ValueError unless every
    variable comes once.
    """
    theirs = keras_model.trainable_variables
    if keras_layers is None:
        return list(range(len(theirs)))
    place = {id(variable): k for k, variable in enumerate(theirs)}
    order = [place.get(id(v), -1) for layer in keras_layers for v in layer.trainable_variables]
    if sorted(order) != list(range(len(theirs))):
        raise ValueError(
            f"expected keras_layers to hold each of the model's {len(theirs)} variables once, "
            f"got {len(order)}: {[layer.name for layer in keras_layers]}"
        )
    return order


def copy_weights(model, keras_model, keras_layers=None):
    """Copy a scratch model's parameters into the Keras model; ValueError where shapes differ.

    keras_layers: the Keras layers in the order of ours, for models with branches.
    """
    ours, order = parameters(model), in_our_order(keras_model, keras_layers)
    theirs = [keras_model.trainable_variables[k] for k in order]
    if len(ours) != len(theirs):
        raise ValueError(
            f"the scratch model has {len(ours)} arrays of parameters {list(ours)}, "
            f"the Keras model has {len(theirs)} {[v.path for v in theirs]}"
        )
    for (name, value), variable in zip(ours.items(), theirs, strict=True):
        if value.shape != tuple(variable.shape):
            raise ValueError(
                f"{name} has the shape {value.shape}, but Keras's {variable.path} has "
                f"{tuple(variable.shape)}"
            )
    for value, variable in zip(ours.values(), theirs, strict=True):
        variable.assign(value)


def statistics(keras_model):
    """The arrays Keras keeps beside the weights, such as moving means; seeds are none of them."""
    return [v for v in keras_model.non_trainable_variables if "seed" not in v.path]


def copy_statistics(model, keras_model):
    """Copy what a scratch model keeps beside its parameters into the Keras model."""
    for value, variable in zip(beside(model), statistics(keras_model), strict=True):
        variable.assign(value)


class FirstDraw:
    """The `rng` with which a layer of ours draws what Keras's layer with the same seed draws first.

    `normal` is the noise of `GaussianNoise(stddev, seed=seed)`, `random` the mask of
    `Dropout(rate, seed=seed)`: 0 where it keeps, 1 where it drops. Every call draws the same again.
    """

    def __init__(self, seed, *, rate=0.5):
        self.seed, self.rate = seed, rate

    def normal(self, size):
        return keras.ops.convert_to_numpy(keras.random.normal(size, seed=self.seed))

    def random(self, size):
        ones = keras.ops.ones(size, keras.config.floatx())
        kept = keras.random.dropout(ones, self.rate, seed=self.seed)
        return (keras.ops.convert_to_numpy(kept) == 0).astype(float)


def keras_gradients(keras_model, keras_loss, x, y, training=False, inputs=False):
    """The outputs, the loss and its gradients from Keras, on whichever backend is in use.

    The gradients are those of the trainable variables; with `inputs`, that of x comes last.
    """
    backend, variables = keras.backend.backend(), keras_model.trainable_variables
    if inputs:
        x = keras.ops.convert_to_tensor(x)
    if backend == "tensorflow":
        import tensorflow as tf

        sources = [v.value for v in variables] + [x] * inputs
        with tf.GradientTape() as tape:
            if inputs:
                tape.watch(x)
            outputs = keras_model(x, training=training)
            loss = keras_loss(y, outputs) + sum(keras_model.losses)
        return outputs, loss, tape.gradient(loss, sources)
    if backend == "jax":
        import jax

        def forward(trainable, x):
            outputs, kept, penalties = keras_model.stateless_call(
                trainable, keras_state, x, training=training, return_losses=True
            )
            return keras_loss(y, outputs) + sum(penalties), (outputs, kept)

        keras_state = [v.value for v in keras_model.non_trainable_variables]
        values = [v.value for v in variables]
        slopes = jax.value_and_grad(forward, argnums=(0, 1) if inputs else 0, has_aux=True)
        (loss, (outputs, kept)), gradients = slopes(values, x)
        gradients = [*gradients[0], gradients[1]] if inputs else gradients
        for variable, value in zip(keras_model.non_trainable_variables, kept, strict=True):
            variable.assign(value)
        return outputs, loss, gradients
    if backend == "torch":
        import torch

        x = x.detach().requires_grad_(True) if inputs else x
        outputs = keras_model(x, training=training)
        loss = keras_loss(keras.ops.convert_to_tensor(y), outputs) + sum(keras_model.losses)
        sources = [v.value for v in variables] + [x] * inputs
        return outputs, loss, list(torch.autograd.grad(loss, sources))
    raise ValueError(f"Keras runs on {backend!r}; parity knows 'tensorflow', 'jax' and 'torch'")


def difference(ours, theirs):
    """The largest absolute difference; ValueError for different shapes, NaN where NaN is met."""
    ours, theirs = np.asarray(ours), np.asarray(keras.ops.convert_to_numpy(theirs))
    if ours.shape != theirs.shape:
        raise ValueError(f"NumPy gives the shape {ours.shape}, Keras gives {theirs.shape}")
    return float(np.abs(ours - theirs).max(initial=0.0))


def compare(
    model,
    keras_model,
    x,
    y,
    *,
    loss,
    keras_loss,
    learning_rate=0.1,
    optimizer=None,
    keras_optimizer=None,
    tolerance=None,
    keras_layers=None,
    training=False,
    inputs=False,
    verbose=True,
):
    """Copy the weights into Keras, then compare outputs, loss, all gradients and one step.

    `loss` is a scratch loss (`forward(y_true, y_pred)`, `backward()`), `keras_loss` its Keras twin
    or its name. Without optimizers the step is plain gradient descent with `learning_rate`.
    keras_layers: the Keras layers in the order of ours, for models with branches (`in_our_order`).
    training: compare the pass of training, in which batch norm uses the batch's own statistics,
    and the running statistics after it.
    inputs: compare the gradient with respect to x, too.
    The comparison runs in the Keras model's dtype. The scratch model, loss and optimizer are left
    as they were; the Keras model holds the copied weights, one step further.
    Returns the `Table`, and prints it if `verbose`. Raises AssertionError with the table if a
    difference reaches `tolerance` (1e-8 in float64, 1e-4 in float32), ValueError for shapes that
    differ.
    """
    if not keras_model.trainable_variables:
        raise ValueError("the Keras model has no weights yet: begin it with keras.Input(...)")
    keras_loss = keras.losses.get(keras_loss)
    dtype = keras.backend.standardize_dtype(keras_model.trainable_variables[0].dtype)
    if tolerance is None and dtype not in TOLERANCE:
        raise ValueError(f"no tolerance is known for {dtype}, only for {list(TOLERANCE)}: give one")
    tolerance = TOLERANCE[dtype] if tolerance is None else tolerance
    copy_weights(model, keras_model, keras_layers)
    copy_statistics(model, keras_model)
    order = in_our_order(keras_model, keras_layers)
    model, loss, optimizer = copy.deepcopy((model, loss, optimizer))
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    cast(model, dtype)

    outputs = model.forward(x, training=training)
    value = loss.forward(y, outputs) + getattr(model, "penalty", float)()
    of_x = model.backward(loss.backward())
    gradients = parameters(model, "grads")
    keras_outputs, keras_value, keras_grads = keras_gradients(
        keras_model, lambda a, b: keras.ops.mean(keras_loss(a, b)), x, y, training, inputs
    )
    rows = [
        ("outputs", outputs.shape, difference(outputs, keras_outputs)),
        ("loss", (), difference(np.asarray(value), keras_value)),
    ]
    for (name, ours), k in zip(gradients.items(), order, strict=True):
        rows.append((f"gradient of {name}", ours.shape, difference(ours, keras_grads[k])))
    if inputs:
        if of_x is None:
            raise ValueError("expected backward to return dL/dx, got None")
        rows.append(("gradient of x", x.shape, difference(of_x, keras_grads.pop())))

    kept = zip(beside(model), statistics(keras_model), strict=True)
    rows += [(v.path.rpartition("/")[2], a.shape, difference(a, v)) for a, v in kept]

    keras_optimizer = keras_optimizer or keras.optimizers.SGD(learning_rate)
    keras_optimizer.apply(keras_grads, keras_model.trainable_variables)
    if optimizer is not None:
        optimizer.step(parameters(model), gradients)
    for (name, before), k in zip(parameters(model).items(), order, strict=True):
        theirs = keras_model.trainable_variables[k]
        after = before if optimizer else before - learning_rate * gradients[name]
        rows.append((f"{name} after one step", after.shape, difference(after, theirs)))

    table = Table(rows, tolerance, dtype)
    if not table.largest < tolerance:  # NaN is not below either
        raise AssertionError(f"NumPy and Keras differ by up to {table.largest:.2e}\n{table}")
    if verbose:
        print(table)
    return table
