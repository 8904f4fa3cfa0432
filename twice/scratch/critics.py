"""Critics with a bounded slope: the gradient penalty, spectral normalization, clipped weights.

A Wasserstein critic must not be steeper than 1 (see `twice.scratch.divergences`). Each of these
three ways to see to it is also a way to keep an ordinary discriminator tame.
"""

import numpy as np

from twice.scratch.backpropagation import Activation, Dense, Layer
from twice.scratch.conv_layers import UpSampling2D
from twice.scratch.convolution import Conv2D
from twice.scratch.pooling import AveragePooling2D, Flatten, GlobalAveragePooling2D

BENDS = ("linear", "relu", "leaky_relu", "relu6", "hard_tanh", "hard_sigmoid")
LINEAR = (Dense, Conv2D, Flatten, AveragePooling2D, GlobalAveragePooling2D, UpSampling2D)


def check_piecewise_linear(critic):
    """ValueError unless each layer is linear, or an activation made of straight pieces."""
    for number, layer in enumerate(critic.layers):
        if isinstance(layer, Activation) and layer.name in BENDS:
            continue
        if not isinstance(layer, LINEAR):
            known = ", ".join([*(kind.__name__ for kind in LINEAR), *BENDS])
            raise ValueError(f"expected layers of {known}, got {layer!r} as layer {number}")


def lengths(g):
    """|g_n| of each sample of g (N, ...), its shape (N, 1, ...)."""
    return np.sqrt((g * g).sum(axis=tuple(range(1, g.ndim)), keepdims=True))


def input_slopes(critic, x):
    """dD(x_n)/dx_n for each sample, of x's shape, and dD/d(output) of each layer on the way."""
    slope, at_output = np.ones_like(critic.forward(x)), []
    for layer in reversed(critic.layers):
        at_output.append(slope)
        slope = layer.backward(slope)
    return slope, at_output[::-1]


def gradient_penalty(critic, x, target=1.0, *, channels=None):
    """P = mean over n of (|g_n| - target)^2, g_n = dD(x_n)/dx_n; and dP/dparams by name.

    Between its bends the critic is linear, so g is a product of kernels and slopes 0, 1
    or alpha, and linear in each kernel. With v = dP/dg held fixed, v . g is the change
    of D when x moves by v: push v forward through the layers, without biases, to u_in at
    each, and pair it with the slope that comes back:
        dP/dW = u_in^T dD/d(output),   dP/db = 0
    critic: a `Sequential` of Dense, Conv2D and layers without weights; other activations
    bend everywhere and raise ValueError. x (N, ...). target=0: mean |g|^2 (Mescheder et
    al., 2018). channels: only the first so many numbers of x's last axis count.
    At g = 0 we take v = 0. Gulrajani et al. (2017).
    """
    check_piecewise_linear(critic)
    g, at_output = input_slopes(critic, np.asarray(x))
    if channels is not None:
        g = np.concatenate([g[..., :channels], 0 * g[..., channels:]], axis=-1)
    size = lengths(g)
    gap = size - target
    u = 2 / len(g) * gap * g / np.where(size > 0, size, 1)  # v
    grads = {}
    for k, (layer, slope) in enumerate(zip(critic.layers, at_output, strict=True)):
        if isinstance(layer, Activation):
            u = u * layer.derivative(layer.z, layer.a)
            continue
        u = layer.forward(u)
        if layer.params:
            u = u - layer.params.get("bias", 0)
            layer.backward(slope, input_gradient=False)  # it met u, not x
            found = {name: a if name == "kernel" else 0 * a for name, a in layer.grads.items()}
            grads |= {f"{k}.{name}": a for name, a in found.items()}
    return float(np.mean(gap**2)), grads


class GradientPenalty:
    """For `GAN(penalty=...)`: weight times the `gradient_penalty`, at samples of its choice.

    where: "between" draws a point on the line from each real sample to a fake, by rng;
    "real" and "fake" take these themselves. GradientPenalty(5, target=0, where="real",
    rng=rng) is R1 (Mescheder et al., 2018). Raises ValueError for a negative weight, an
    unknown place, or numbers of samples that differ. Gulrajani et al. (2017).
    """

    def __init__(self, weight=10.0, *, target=1.0, where="between", rng, channels=None):
        if not weight >= 0 or where not in ("between", "real", "fake"):
            wanted = 'weight >= 0 and where "between", "real" or "fake"'
            raise ValueError(f"expected {wanted}, got {weight} and {where!r}")
        self.weight, self.where, self.rng = weight, where, rng
        self.settings = {"target": target, "channels": channels}

    def place(self, real, fake):
        """The samples (N, ...) at which the slope is measured."""
        if self.where != "between":
            return real if self.where == "real" else fake
        if real.shape != fake.shape:
            raise ValueError(f"expected as many real as fake, got {real.shape} and {fake.shape}")
        share = self.rng.random((len(real), *[1] * (real.ndim - 1))).astype(fake.dtype)
        return share * real + (1 - share) * fake

    def __call__(self, critic, real, fake):
        value, grads = gradient_penalty(critic, self.place(real, fake), **self.settings)
        return self.weight * value, {name: self.weight * g for name, g in grads.items()}


def power_iteration(w, u, iterations=1):
    """sigma, u: the largest factor by which w (m, n) stretches a vector, estimated.

    v <- u W^T / |u W^T|, u <- v W / |v W|, then sigma = v W u^T <= |W|_2; u (1, n) turns
    toward the singular vector, by a little each time.
    """
    for _ in range(iterations):
        v = u @ w.T
        v = v / np.linalg.norm(v)
        u = v @ w
        u = u / np.linalg.norm(u)
    return float((v @ w @ u.T)[0, 0]), u


class SpectralNormalization(Layer):
    """A layer whose kernel is divided by its `power_iteration`'s sigma before it is used.

    In training only; the kernel itself changes, as in Keras. Afterwards a Dense layer
    stretches no vector by more than about 1 (a convolution's kernel is read as a matrix:
    all axes but the last in one). `non_trainable`: vector_u (1, n), which one iteration a
    step keeps up to date, because kernels move slowly. ValueError for a layer without a
    kernel, and power_iterations < 1. Miyato et al. (2018), who keep W beside W / sigma.
    """

    def __init__(self, layer, *, power_iterations=1, rng):
        kernel = layer.params.get("kernel")
        if kernel is None or power_iterations < 1:
            got = f"{layer!r} and {power_iterations}"
            raise ValueError(f"expected a layer with a kernel, power_iterations >= 1, got {got}")
        self.layers, self.power_iterations = [layer], power_iterations
        u = rng.normal(0, 0.02, (1, kernel.shape[-1])).astype(kernel.dtype)
        self.non_trainable = {"vector_u": u}

    params = property(lambda self: self.layers[0].params)
    grads = property(lambda self: self.layers[0].grads)

    def forward(self, x, training=False):
        kernel, u = self.params["kernel"], self.non_trainable["vector_u"]
        if training and kernel.any():
            matrix = kernel.reshape(-1, kernel.shape[-1])
            sigma, u[...] = power_iteration(matrix, u.astype(kernel.dtype), self.power_iterations)
            kernel /= sigma
        return self.layers[0].forward(x, training=training)

    def backward(self, grad, input_gradient=True):
        return self.layers[0].backward(grad, input_gradient)

    def __repr__(self):
        return f"SpectralNormalization({self.layers[0]!r})"


def clip_weights(params, limit):
    """Every number of every array in [-limit, limit], in place; ValueError unless limit > 0."""
    if not limit > 0:
        raise ValueError(f"expected limit > 0, got {limit}")
    for w in params.values():
        np.clip(w, -limit, limit, out=w)


class ClipWeights:
    """An optimizer that clips after each step: ClipWeights(RMSprop(5e-5), 0.01).

    It bounds the critic's slope, but by a number nobody knows, and its weights pile up at
    the limit: the first Wasserstein GAN's way. Arjovsky, Chintala and Bottou (2017).
    """

    def __init__(self, optimizer, limit=0.01):
        clip_weights({}, limit)
        self.optimizer, self.limit = optimizer, limit

    def step(self, params, grads):
        """One step of the optimizer, then biases and kernels within the limit, in place."""
        self.optimizer.step(params, grads)
        clip_weights(params, self.limit)
