"""Adam and its family: an average of the gradient over an average of its size.

The parts they are made of are in `twice.scratch.optimizers`.
"""

import numpy as np

from twice.scratch.optimizers import Optimizer, average, bias


class Adam(Optimizer):
    """m <- mean of g,  v <- mean of g^2,  w <- w - rate_t m / (sqrt(v) + epsilon)

    with rate_t = rate sqrt(1 - beta_2^t) / (1 - beta_1^t), which undoes that m and v
    began at 0. amsgrad: v is the largest so far (Reddi, Kale and Kumar, 2018).
    Kingma and Ba (2015).
    """

    def __init__(
        self,
        learning_rate=0.001,
        *,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        weight_decay=0.0,
    ):
        decay = {"weight_decay": weight_decay, "epsilon": epsilon}
        super().__init__(learning_rate, **decay, beta_1=beta_1, beta_2=beta_2)
        self.beta_1, self.beta_2, self.amsgrad = beta_1, beta_2, amsgrad

    def change(self, w, g, rate):
        m = average(self.memory("mean", w), g, self.beta_1)
        v = average(self.memory("squares", w), g * g, self.beta_2)
        if self.amsgrad:
            v = np.maximum(self.memory("largest", w), v, out=self.memory("largest", w))
        rate *= bias(self.beta_2, self.t) ** 0.5 / bias(self.beta_1, self.t)
        return -rate * m / (np.sqrt(v) + self.epsilon)


class AdamW(Adam):
    """Adam, and beside it w <- w - rate weight_decay w, as in Keras and PyTorch.

    Loshchilov and Hutter (2019), whose decay the schedule scales, but not the rate.
    """

    def __init__(self, learning_rate=0.001, *, weight_decay=0.004, **settings):
        super().__init__(learning_rate, weight_decay=weight_decay, **settings)


class Adamax(Adam):
    """u <- max(beta_2 u, |g|) in the place of Adam's root. Kingma and Ba (2015), section 7."""

    def change(self, w, g, rate):
        m = average(self.memory("mean", w), g, self.beta_1)
        u = self.memory("largest", w)
        np.maximum(self.beta_2 * u, np.abs(g), out=u)
        return -rate * m / (bias(self.beta_1, self.t) * (u + self.epsilon))


class Nadam(Adam):
    """Adam that looks ahead as Nesterov does: the mean of the *next* step, with this gradient.

    Its beta_1 warms up, u_t = beta_1 (1 - 0.96^t / 2), and the bias is their product.
    Dozat (2016).
    """

    product, decay = 1.0, 0.96

    def begin(self, params):
        now, later = (self.beta_1 * (1 - 0.5 * self.decay ** (self.t + k)) for k in (0, 1))
        self.product *= now
        self.now, self.later = now, later

    def change(self, w, g, rate):
        m = average(self.memory("mean", w), g, self.beta_1)
        v = average(self.memory("squares", w), g * g, self.beta_2)
        ahead = self.later * m / (1 - self.product * self.later)
        ahead = ahead + (1 - self.now) * g / (1 - self.product)
        return -rate * ahead / (np.sqrt(v / bias(self.beta_2, self.t)) + self.epsilon)


class Lion(Optimizer):
    """w <- w - rate sign(beta_1 m + (1 - beta_1) g),  m <- beta_2 m + (1 - beta_2) g.

    Only the sign counts: every weight moves by the rate. Chen et al. (2023).
    """

    def __init__(self, learning_rate=0.001, *, beta_1=0.9, beta_2=0.99, weight_decay=0.0):
        super().__init__(learning_rate, weight_decay=weight_decay, beta_1=beta_1, beta_2=beta_2)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def change(self, w, g, rate):
        m = self.memory("mean", w)
        d = -rate * np.sign(self.beta_1 * m + (1 - self.beta_1) * g)
        average(m, g, self.beta_2)
        return d


class ScheduleFreeAdamW(Adam):
    """AdamW whose weights are averaged as it goes, so that no schedule has to end it.

    z <- z - rate g / (sqrt(v) + epsilon) takes the steps, x <- x + (z - x) / t is their mean,
    and the gradient is measured between them, at w = (1 - beta_1) z + beta_1 x, which is what
    `params` hold. Defazio et al. (2024); no weight decay unless given, and
    warmup_steps raise the rate linearly, as in Keras.
    """

    def __init__(self, learning_rate=0.0025, *, epsilon=1e-8, warmup_steps=0, **settings):
        super().__init__(learning_rate, epsilon=epsilon, **settings)
        if self.beta_1 == 0 or warmup_steps < 0:
            got = f"{self.beta_1} and {warmup_steps}"
            raise ValueError(f"expected beta_1 > 0 and warmup_steps >= 0, got {got}")
        self.warmup_steps = warmup_steps

    def begin(self, params):
        for name, w in params.items():
            self.memories.setdefault(("steps", name), w.copy())

    def change(self, w, g, rate):
        rate *= min(1.0, self.t / self.warmup_steps) if self.warmup_steps else 1.0
        z = self.memory("steps", w)
        v = average(self.memory("squares", w), g * g, self.beta_2)
        x = (w - (1 - self.beta_1) * z) / self.beta_1
        z -= rate * g / (np.sqrt(v / bias(self.beta_2, self.t)) + self.epsilon)
        x += (z - x) / self.t
        return (1 - self.beta_1) * z + self.beta_1 * x - w
