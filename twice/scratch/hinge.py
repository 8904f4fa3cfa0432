"""The hinge losses of support vector machines: pay until the right score leads by 1."""

import numpy as np

from twice.scratch.losses import Loss


class Hinge(Loss):
    """L = mean of max(0, 1 - y s) for scores s and labels y = -1 or +1 (Cortes, Vapnik, 1995)."""

    def losses(self, y_true, y_pred):
        short = 1 - y_true * y_pred
        return np.maximum(short, 0), -y_true * (short > 0)


class SquaredHinge(Loss):
    """L = mean of max(0, 1 - y s)^2 for scores s and labels y = -1 or +1."""

    def losses(self, y_true, y_pred):
        short = np.maximum(1 - y_true * y_pred, 0)
        return short**2, -2 * y_true * short


class MulticlassHinge(Loss):
    """L = mean over samples of sum_{j != y} max(0, s_j - s_y + 1).

    y_true: one-hot (N, K), y_pred: scores (N, K). `squared=True` squares every term
    of the sum. Source: Weston and Watkins (1999).
    """

    def __init__(self, squared=False):
        self.squared = squared

    def losses(self, y_true, y_pred):
        right = (y_true * y_pred).sum(axis=-1, keepdims=True)
        over = np.maximum(y_pred - right + 1, 0) * (1 - y_true)
        slope = 2 * over if self.squared else (over > 0).astype(y_pred.dtype)
        slope -= y_true * slope.sum(axis=-1, keepdims=True)
        return (over**2 if self.squared else over).sum(axis=-1), slope


class CategoricalHinge(Loss):
    """L = mean over samples of max(0, 1 + r - s_y), r the strongest wrong score, at least 0.

    Only one wrong class counts. This is Keras's loss: it takes r = max_j (1 - t_j) s_j, where the
    right class stands in with 0. Crammer and Singer (2001) take r over the wrong classes alone.
    """

    def losses(self, y_true, y_pred):
        wrong = (1 - y_true) * y_pred
        strongest = wrong.max(axis=-1, keepdims=True)
        loss = np.maximum(1 + strongest - (y_true * y_pred).sum(axis=-1, keepdims=True), 0)
        rival = (wrong == strongest) & (y_true == 0)
        rival = rival & (np.cumsum(rival, axis=-1) == 1)  # one rival, also where several tie
        return loss[..., 0], (loss > 0) * (rival.astype(y_pred.dtype) - y_true)
