"""Adam, an optimizer that gives every weight its own step size; its chapter is still to come.

Recurrent networks need it long before the book can explain it. Its interface is that of `SGD`.
"""

import numpy as np


class Adam:
    """m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  w <- w - rate_t m / (sqrt(v) + epsilon)

    with rate_t = learning_rate sqrt(1 - b2^t) / (1 - b1^t): m and v start at 0, and this undoes
    it. m is a mean of the last gradients, v of their squares, so a step is about learning_rate
    long for every weight. Defaults and the place of epsilon are Keras's. Kingma and Ba (2015).
    """

    def __init__(self, learning_rate=0.001, *, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        if not (learning_rate > 0 and 0 <= beta_1 < 1 and 0 <= beta_2 < 1 and epsilon > 0):
            raise ValueError(
                "expected learning_rate, epsilon > 0 and 0 <= beta_1, beta_2 < 1, "
                f"got {learning_rate}, {epsilon}, {beta_1} and {beta_2}"
            )
        self.learning_rate, self.epsilon = learning_rate, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.t, self.m, self.v = 0, {}, {}

    def step(self, params, grads):
        """Update the arrays of `params` in place; keys and shapes must agree."""
        if params.keys() != grads.keys():
            raise ValueError(f"grads for {sorted(grads)}, params for {sorted(params)}")
        shapes = {name: (w.shape, np.shape(grads[name])) for name, w in params.items()}
        for name, (wanted, came) in shapes.items():
            if wanted != came:
                raise ValueError(f"expected a gradient of shape {wanted} for {name!r}, got {came}")
        self.t += 1
        correction = (1 - self.beta_2**self.t) ** 0.5 / (1 - self.beta_1**self.t)
        rate = self.learning_rate * correction
        for name, w in params.items():
            g = np.asarray(grads[name])
            m = self.m.setdefault(name, np.zeros_like(w))
            v = self.v.setdefault(name, np.zeros_like(w))
            m += (1 - self.beta_1) * (g - m)
            v += (1 - self.beta_2) * (g * g - v)
            w -= rate * m / (np.sqrt(v) + self.epsilon)
