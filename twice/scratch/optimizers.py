"""Optimizers, from gradient descent to Lion, each built from the same few parts.

Every one has `step(params, grads)`, which updates the arrays of `params` in place, and keeps what
it must remember by the parameter's name. Names, defaults and the place of epsilon are Keras's.
The parts: `average` a gradient or its square over the last steps, undo the `bias` of an average
that began at 0, and decay the weights.
"""

import numpy as np


def average(memory, value, beta):
    """memory <- beta memory + (1 - beta) value, in place: of some 1 / (1 - beta) steps."""
    memory += (1 - beta) * (value - memory)
    return memory


def bias(beta, t):
    """The share 1 - beta^t that an average begun at 0 has reached after t steps."""
    return 1 - beta**t


def current_rate(optimizer):
    """The learning rate of the next step: a number, or what the schedule says at this step."""
    rate = optimizer.learning_rate
    return rate(optimizer.iterations) if callable(rate) else rate


class Optimizer:
    """What all share: checks, memory, the rate of the moment, weight decay; a subclass updates.

    w <- w - learning_rate (weight_decay w), then w <- w + change(...)
    learning_rate: a number > 0, or a function of the step, counted from 0 (a schedule).
    weight_decay is decoupled: it does not pass through the averages. Loshchilov and Hutter (2019).
    Raises ValueError for numbers out of range, and for gradients that do not fit.
    """

    def __init__(self, learning_rate, *, weight_decay=0.0, epsilon=1e-7, **shares):
        if not (callable(learning_rate) or learning_rate > 0):
            raise ValueError(f"expected learning_rate > 0 or a schedule, got {learning_rate}")
        if not (weight_decay >= 0 and epsilon > 0):
            got = f"{weight_decay} and {epsilon}"
            raise ValueError(f"expected weight_decay >= 0 and epsilon > 0, got {got}")
        for name, value in shares.items():
            if not 0 <= value < 1:
                raise ValueError(f"expected 0 <= {name} < 1, got {value}")
        self.learning_rate, self.weight_decay, self.epsilon = learning_rate, weight_decay, epsilon
        self.iterations, self.memories = 0, {}

    def memory(self, kind, w, start=0.0):
        """The array remembered under this kind for the parameter at hand, `start` at first."""
        return self.memories.setdefault((kind, self.name), np.full_like(w, start))

    def step(self, params, grads):
        """Update the arrays of `params` in place; keys and shapes must agree."""
        if params.keys() != grads.keys():
            raise ValueError(f"grads for {sorted(grads)}, params for {sorted(params)}")
        shapes = {name: (w.shape, np.shape(grads[name])) for name, w in params.items()}
        for name, (wanted, came) in shapes.items():
            if wanted != came:
                raise ValueError(f"expected a gradient of shape {wanted} for {name!r}, got {came}")
        rate, self.t = current_rate(self), self.iterations + 1
        self.begin(params)
        for self.name, w in params.items():
            if self.weight_decay:
                w -= rate * self.weight_decay * w
            w += self.change(w, np.asarray(grads[self.name]), rate)
        self.iterations = self.t

    def begin(self, params):
        """Before the parameters of a step, one after the other, are updated."""


class SGD(Optimizer):
    """v <- momentum v - rate g,  w <- w + v;  nesterov: w <- w + momentum v - rate g.

    Polyak (1964); Nesterov (1983) in the form of Bengio et al. (2013), as in Keras.
    """

    def __init__(
        self,
        learning_rate=0.01,
        *,
        momentum=0.0,
        nesterov=False,
        weight_decay=0.0,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, momentum=momentum)
        self.momentum, self.nesterov = momentum, nesterov

    def change(self, w, g, rate):
        if not self.momentum:
            return -rate * g
        v = self.memory("velocity", w)
        v *= self.momentum
        v -= rate * g
        return self.momentum * v - rate * g if self.nesterov else v


class Adagrad(Optimizer):
    """s <- s + g^2,  w <- w - rate g / sqrt(s + epsilon): the more a weight has moved, the less.

    s starts at `initial_accumulator_value`. Duchi, Hazan and Singer (2011).
    """

    def __init__(
        self, learning_rate=0.001, *, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=0.0
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, epsilon=epsilon)
        self.start = initial_accumulator_value
        if not self.start >= 0:
            raise ValueError(f"expected initial_accumulator_value >= 0, got {self.start}")

    def change(self, w, g, rate):
        s = self.memory("squares", w, self.start)
        s += g * g
        return -rate * g / np.sqrt(s + self.epsilon)


class Adadelta(Optimizer):
    """d = -rms(changes) / rms(gradients) g,  w <- w + rate d; both averages have share rho.

    The numerator gives the step the unit of a weight. rms(a) = sqrt(a + epsilon). Zeiler (2012).
    """

    def __init__(self, learning_rate=0.001, *, rho=0.95, epsilon=1e-7, weight_decay=0.0):
        super().__init__(learning_rate, weight_decay=weight_decay, epsilon=epsilon, rho=rho)
        self.rho = rho

    def change(self, w, g, rate):
        s, moved = self.memory("squares", w), self.memory("changes", w)
        average(s, g * g, self.rho)
        d = -np.sqrt(moved + self.epsilon) / np.sqrt(s + self.epsilon) * g
        average(moved, d * d, self.rho)
        return rate * d


class RMSprop(Optimizer):
    """s <- mean of g^2,  w <- w - rate g / sqrt(s + epsilon), with momentum if asked for.

    centered: s less the squared mean of g, a variance. Tieleman and Hinton (2012).
    """

    def __init__(
        self,
        learning_rate=0.001,
        *,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        weight_decay=0.0,
    ):
        decay = {"weight_decay": weight_decay, "epsilon": epsilon}
        super().__init__(learning_rate, **decay, rho=rho, momentum=momentum)
        self.rho, self.momentum, self.centered = rho, momentum, centered

    def change(self, w, g, rate):
        s = average(self.memory("squares", w), g * g, self.rho)
        if self.centered:
            s = s - average(self.memory("mean", w), g, self.rho) ** 2
        d = rate * g / np.sqrt(s + self.epsilon)
        if self.momentum:
            v = self.memory("velocity", w)
            v *= self.momentum
            v += d
            return -v
        return -d


class Ftrl(Optimizer):
    """Follow the leader: the weights that were best for all gradients so far, made sparse by l1.

    n <- n + g^2;  z <- z + g - (sqrt(n_new) - sqrt(n)) / rate w;
    w <- (clip(z, -l1, l1) - z) / (sqrt(n_new) / rate + 2 l2): |z| <= l1 gives exactly 0.
    `l1_regularization_strength` and `l2_...` are Keras's names. McMahan et al. (2013).
    """

    def __init__(
        self,
        learning_rate=0.001,
        *,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        weight_decay=0.0,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay)
        self.start = initial_accumulator_value
        self.l1, self.l2 = l1_regularization_strength, l2_regularization_strength
        if not min(self.start, self.l1, self.l2) >= 0:
            got = f"{self.start}, {self.l1} and {self.l2}"
            raise ValueError(f"expected initial_accumulator_value, l1 and l2 >= 0, got {got}")

    def change(self, w, g, rate):
        n, z = self.memory("squares", w, self.start), self.memory("linear", w)
        grown = n + g * g
        z += g - (np.sqrt(grown) - np.sqrt(n)) / rate * w
        n[...] = grown
        return (np.clip(z, -self.l1, self.l1) - z) / (np.sqrt(n) / rate + 2 * self.l2) - w
