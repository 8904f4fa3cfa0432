"""Gradient accumulation: the gradient of a large batch from small ones, one after the other."""

import numpy as np


class Accumulated:
    """An optimizer that steps once in `steps` batches, with the mean of their gradients.

    k small batches of one size are one large one: the same gradient, a k-th of the memory. A batch
    norm still sees small ones. Like Keras's `gradient_accumulation_steps`, but a schedule counts
    updates (Keras's counts batches), and `flush` takes the step for what is left at the end.
    Clipped inside, Accumulated outside clips the mean.
    """

    def __init__(self, optimizer, steps):
        if steps < 1:
            raise ValueError(f"expected steps >= 1, got {steps}")
        self.optimizer, self.steps, self.count, self.total = optimizer, steps, 0, {}

    learning_rate = property(
        lambda self: self.optimizer.learning_rate,
        lambda self, value: setattr(self.optimizer, "learning_rate", value),
        doc="The wrapped optimizer's: a number, or a schedule of its steps (Keras: of batches).",
    )
    iterations = property(lambda self: self.optimizer.iterations, doc="The steps really taken.")

    def step(self, params, grads):
        """Add the gradients; at every `steps`-th call update the arrays of `params` in place."""
        shapes = {name: np.shape(w) for name, w in params.items()}
        came = {name: np.shape(g) for name, g in grads.items()}
        if shapes != came:
            raise ValueError(f"expected gradients of the shapes {shapes}, got {came}")
        self.total = {name: self.total.get(name, 0) + np.asarray(grads[name]) for name in params}
        self.count += 1
        if self.count == self.steps:
            self.flush(params)

    def flush(self, params):
        """Step with the mean of the gradients at hand; nothing happens if there are none."""
        if self.count:
            mean = {name: total / self.count for name, total in self.total.items()}
            self.total, self.count = {}, 0
            self.optimizer.step(params, mean)
