"""Gradient clipping: a step is never longer than you allow (Pascanu et al., 2013).

`params` and `grads` are dicts of arrays, as everywhere. Nothing is changed in place.
"""

import math

import numpy as np


def positive(name, value):
    """value, or a ValueError unless it is above 0."""
    if not value > 0:
        raise ValueError(f"expected {name} > 0, got {value}")
    return value


def global_norm(grads):
    """The length of all gradients as one vector: sqrt(sum of the squares of all entries)."""
    return math.sqrt(sum(float(np.vdot(g, g)) for g in grads.values()))


def clip_by_value(grads, clipvalue):
    """Every entry cut at -v and v: min(max(g, -v), v); it turns (Mikolov, 2012)."""
    v = positive("clipvalue", clipvalue)
    return {name: np.clip(g, -v, v) for name, g in grads.items()}


def clip_by_norm(grads, clipnorm):
    """Every array for itself made no longer than clipnorm: g <- g min(1, c / ||g||)."""
    c = positive("clipnorm", clipnorm)
    return {name: g * min(1.0, c / max(global_norm({0: g}), c)) for name, g in grads.items()}


def clip_by_global_norm(grads, global_clipnorm):
    """All arrays times min(1, c / ||all g||), so that the direction stays."""
    c = positive("global_clipnorm", global_clipnorm)
    factor = c / max(global_norm(grads), c)
    return {name: g * factor for name, g in grads.items()}


class Clipped:
    """An optimizer that clips first: Clipped(SGD(0.1), global_clipnorm=1.0).

    One of clipvalue, clipnorm, global_clipnorm, as in Keras's optimizers. `norms` keeps the
    global norm of every step before clipping, so that you can see how often it acts.
    """

    def __init__(self, optimizer, *, clipvalue=None, clipnorm=None, global_clipnorm=None):
        given = {
            clip: bound
            for clip, bound in (
                (clip_by_value, clipvalue),
                (clip_by_norm, clipnorm),
                (clip_by_global_norm, global_clipnorm),
            )
            if bound is not None
        }
        if len(given) != 1:
            raise ValueError(
                f"expected one of clipvalue, clipnorm and global_clipnorm, got {len(given)}"
            )
        ((self.clip, self.bound),) = given.items()
        self.clip({}, self.bound)  # raises now rather than in the first step
        self.optimizer, self.norms = optimizer, []

    @property
    def learning_rate(self):
        """The wrapped optimizer's, a number or a schedule."""
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        self.optimizer.learning_rate = value

    @property
    def iterations(self):
        """The steps taken so far."""
        return self.optimizer.iterations

    def step(self, params, grads):
        """Clip, then let the optimizer update the arrays of `params` in place."""
        self.norms.append(global_norm(grads))
        self.optimizer.step(params, self.clip(grads, self.bound))
