"""Layers that know their gradients, and the model that chains them.

A layer has `forward(x, training=False)` and `backward(grad)`, which takes dL/d(output), fills
`grads` and returns dL/d(input); `params` and `grads` are dicts of arrays with the same keys.
The training loop is in `twice.scratch.training`, gradient checking in `twice.scratch.gradcheck`.
"""

import numpy as np

from twice.scratch import training
from twice.scratch.initializers import glorot_uniform
from twice.scratch.perceptron import sigmoid
from twice.scratch.weights import kept


class Layer:
    """What all layers share: `params` and `grads`, empty unless the layer learns.

    `non_trainable`: arrays a layer keeps beside them, such as batch norm's running statistics.
    """

    def __init__(self):
        self.params, self.grads, self.non_trainable = {}, {}, {}

    def __repr__(self):
        return f"{type(self).__name__}()"


class Dense(Layer):
    """Z = X W + b: every output hears every input (a fully connected layer).

    `params`: kernel W (n_in, n_out), bias b (n_out,).  X (N, n_in), Z (N, n_out).
        dL/dW = X^T dL/dZ,   dL/db = sum of the rows of dL/dZ,   dL/dX = dL/dZ W^T
    W is drawn by `initializer(shape, rng)`, b starts at 0. X is cast to W's dtype.
    Raises ValueError for sizes below 1 and inputs of another shape.
    """

    def __init__(self, n_in, n_out, *, rng, initializer=glorot_uniform, dtype=np.float32):
        super().__init__()
        if n_in < 1 or n_out < 1:
            raise ValueError(f"expected n_in, n_out >= 1, got {n_in} and {n_out}")
        self.params["kernel"] = initializer((n_in, n_out), rng).astype(dtype)
        self.params["bias"] = np.zeros(n_out, dtype)
        self.grads = {name: np.zeros_like(p) for name, p in self.params.items()}

    def forward(self, x, training=False):
        kernel, bias = self.params["kernel"], self.params["bias"]
        self.x = np.asarray(x, kernel.dtype)
        if self.x.ndim != 2 or self.x.shape[1] != len(kernel):
            raise ValueError(f"expected x (N, {len(kernel)}), got {self.x.shape}")
        return self.x @ kernel + bias

    def backward(self, grad, input_gradient=True):
        self.grads["kernel"] = self.x.T @ grad
        self.grads["bias"] = grad.sum(axis=0)
        if input_gradient:  # the first layer has nobody below it to tell
            return grad @ self.params["kernel"].T

    def __repr__(self):
        return "Dense({}, {})".format(*self.params["kernel"].shape)


# name: the function f(z), and its slope from z and from a = f(z), whichever is cheaper
FUNCTIONS = {
    "linear": (lambda z: z, lambda z, a: np.ones_like(z)),
    "sigmoid": (sigmoid, lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: z > 0),
}


class Activation(Layer):
    """a = f(z), entry by entry, any shape; backward multiplies by the slope f'(z).

    activation: "linear", "sigmoid", "tanh" or "relu", or an object with a `name`, a
    function `f(z)` and its slope `derivative(z, a)`. At ReLU's corner, z = 0, the
    slope is 0, as in Keras. Raises ValueError for a name it does not know.
    """

    def __init__(self, activation):
        super().__init__()
        if isinstance(activation, str):
            if activation not in FUNCTIONS:
                raise ValueError(f"expected one of {list(FUNCTIONS)}, got {activation!r}")
            self.name, (self.f, self.derivative) = activation, FUNCTIONS[activation]
        else:
            self.name = activation.name
            self.f, self.derivative = activation.f, activation.derivative

    def forward(self, z, training=False):
        self.z = np.asarray(z)
        self.a = self.f(self.z)
        return self.a

    def backward(self, grad):
        return grad * self.derivative(self.z, self.a)

    def __repr__(self):
        return f"Activation({self.name!r})"


class Model:
    """What every model can do, whatever its layers: fit, predict, summary, weights in and out.

    A subclass has `layers`, `forward`, `backward`, and `params` and `grads` over all layers.
    """

    stop_training = False

    def fit(self, x, y, **settings):
        """Train by mini-batches: see `twice.scratch.training.fit`. Returns its History."""
        return training.fit(self, x, y, **settings)

    def predict(self, x, *, batch_size=1024):
        """The outputs for x (N, ...), computed batch by batch, without training's randomness."""
        if batch_size < 1 or len(x) == 0:
            raise ValueError(f"expected batch_size >= 1 and samples, got {batch_size} and {len(x)}")
        parts = [self.forward(x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
        return np.concatenate(parts)

    def penalty(self):
        """What the loss adds for the size of the weights: 0, unless a part is regularized."""
        return sum((getattr(part, "penalty", float)() for part in self.layers), 0.0)

    def get_weights(self):
        """Copies of all arrays: the parameters in order, then what layers keep beside them."""
        return [a.copy() for a in kept(self)]

    def set_weights(self, weights):
        """Put arrays in the place of all of these; ValueError, and no change, if one misfits."""
        ours, theirs = kept(self), [np.asarray(w) for w in weights]
        wanted, came = [p.shape for p in ours], [w.shape for w in theirs]
        if wanted != came:
            raise ValueError(f"expected weights of the shapes {wanted}, got {came}")
        for p, w in zip(ours, theirs, strict=True):
            p[...] = w

    def trace(self, x):
        """The output of each layer in turn, as it is computed."""
        for layer in self.layers:
            x = layer.forward(x)
            yield x

    def summary(self, input_shape):
        """Print each layer's output shape and parameters, for samples of `input_shape`: (64,)."""
        outputs, total = self.trace(np.zeros((1, *input_shape), np.float32)), 0
        print(f"{'layer':<24} {'output shape':<18} {'parameters':>12}")
        for layer, z in zip(self.layers, outputs, strict=True):
            count = sum(p.size for p in layer.params.values())
            print(f"{layer!r:<24} {(None, *z.shape[1:])!s:<18} {count:>12,}")
            total += count
        print(f"{'total':<24} {'':<18} {total:>12,}")


class Sequential(Model):
    """Layers in a row: the output of one is the input of the next.

    `backward` hands the gradient down the row in reverse: the chain rule. Without
    `input_gradient` it stops at the first layer that learns. `params` and `grads` are
    all layers' arrays by name: "0.kernel", "0.bias", "2.kernel", ...
    """

    def __init__(self, layers):
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("expected at least one layer, got none")
        learns = (k for k, layer in enumerate(self.layers) if layer.params)
        self.first = next(learns, None)

    def forward(self, x, training=False):
        for layer in self.layers:
            x = layer.forward(x, training=training)
        return x

    def backward(self, grad, input_gradient=True):
        for k in reversed(range(len(self.layers))):
            if k == self.first and not input_gradient:
                return self.layers[k].backward(grad, input_gradient=False)
            grad = self.layers[k].backward(grad)
        return grad

    def collect(self, which):
        found = [getattr(layer, which) for layer in self.layers]
        return {f"{k}.{name}": a for k, d in enumerate(found) for name, a in d.items()}

    params = property(lambda self: self.collect("params"))
    grads = property(lambda self: self.collect("grads"))

    def __repr__(self):
        return f"Sequential({len(self.layers)} layers)"
