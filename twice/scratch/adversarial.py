"""Adversarial examples: small changes of an input, made to raise the loss, and training on them."""

import numpy as np


def input_gradient(model, loss, x, y):
    """dL/dx, of x's shape, without training's randomness; L is a mean over the batch."""
    loss.forward(y, model.forward(np.asarray(x)))
    return model.backward(loss.backward())


def check_epsilon(epsilon, low, high):
    if not epsilon >= 0 or not low < high:
        raise ValueError(f"expected epsilon >= 0 and low < high, got {epsilon}, {low} and {high}")


def fgsm(model, loss, x, y, *, epsilon, low=0.0, high=1.0):
    """x + epsilon sign(dL/dx), kept between `low` and `high`: fast gradient sign method.

    Of all changes of at most epsilon in every pixel, the one that raises the loss most
    if the loss were linear. x (N, ...), y as the loss takes it. Returns a new array.
    Raises ValueError for a negative epsilon. Goodfellow, Shlens and Szegedy (2015).
    """
    check_epsilon(epsilon, low, high)
    x = np.asarray(x)
    step = epsilon * np.sign(input_gradient(model, loss, x, y))
    return np.clip(x + step, low, high).astype(x.dtype, copy=False)


def pgd(model, loss, x, y, *, epsilon, steps=10, step=None, rng=None, low=0.0, high=1.0):
    """Many small `fgsm` steps, never more than epsilon from x: a stronger attack.

    step: 2.5 epsilon / steps if None; rng: begins at a random place within epsilon.
    Raises ValueError for a negative epsilon, steps < 1. Madry et al. (2018).
    """
    check_epsilon(epsilon, low, high)
    if steps < 1:
        raise ValueError(f"expected steps >= 1, got {steps}")
    x, step = np.asarray(x), 2.5 * epsilon / steps if step is None else step
    found = x if rng is None else x + rng.uniform(-epsilon, epsilon, x.shape)
    found = np.clip(found, low, high).astype(x.dtype, copy=False)
    for _ in range(steps):
        found = fgsm(model, loss, found, y, epsilon=step, low=low, high=high)
        found = np.clip(found, x - epsilon, x + epsilon).astype(x.dtype, copy=False)
    return found


class AdversarialTraining:
    """For `fit(augment=...)`: every batch twice, once as it is and once attacked.

    The mean over both is half the loss on x and half the loss on `fgsm` of x, made with
    the weights of the moment. loss: an object of its own, not the one `fit` gets.
    Goodfellow, Shlens and Szegedy (2015).
    """

    def __init__(self, model, loss, *, epsilon, low=0.0, high=1.0):
        check_epsilon(epsilon, low, high)
        self.model, self.loss = model, loss
        self.settings = {"epsilon": epsilon, "low": low, "high": high}

    def __call__(self, x, y):
        attacked = fgsm(self.model, self.loss, x, y, **self.settings)
        return np.concatenate([x, attacked]), np.concatenate([y, y])
