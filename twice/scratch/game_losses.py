"""What the two players of a GAN pay: five games, each a loss for either player.

The discriminator's outputs are logits (N, 1), before any sigmoid: high means "real". Each loss says
what its player wants small; the game itself is played in `twice.scratch.gans`.
"""

import numpy as np

from twice.scratch.activations import softplus
from twice.scratch.perceptron import sigmoid


def mean(values, slopes):
    """The mean of some values, a float, and its slope with respect to each logit."""
    if values.size == 0:
        raise ValueError(f"expected at least one logit, got the shape {values.shape}")
    return float(values.mean()), slopes / values.size


class GameLoss:
    """What the players pay for logits: `real`, `fake` and `generator` -> value, slopes.

    The discriminator pays real(D(x)) + fake(D(G(z))), the generator generator(D(G(z))).
    """

    def discriminator(self, real, fake):
        """The discriminator's loss, and its slopes with respect to both kinds of logits."""
        (one, to_real), (other, to_fake) = self.real(real), self.fake(fake)
        return one + other, to_real, to_fake

    def __repr__(self):
        inside = ", ".join(f"{name}={value:g}" for name, value in vars(self).items())
        return f"{type(self).__name__}({inside})"


class Minimax(GameLoss):
    """min over G, max over D of E ln D(x) + E ln(1 - D(G(z))), with D = sigmoid(logit).

    The generator's slope is -D(G(z)): nothing where the discriminator is sure.
    label_smoothing s: D's label for real samples is 1 - s, for fakes still 0 (Salimans
    et al., 2016). Raises ValueError unless 0 <= s < 1. Goodfellow et al. (2014).
    """

    def __init__(self, label_smoothing=0.0):
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"expected 0 <= label_smoothing < 1, got {label_smoothing}")
        self.label_smoothing = label_smoothing

    def real(self, z):
        label = 1 - self.label_smoothing
        return mean(softplus(z) - label * z, sigmoid(z) - label)

    def fake(self, z):
        return mean(softplus(z), sigmoid(z))

    def generator(self, z):
        return mean(-softplus(z), -sigmoid(z))


class NonSaturating(Minimax):
    """As `Minimax`, but the generator makes -E ln D(G(z)) small: its slope is D(G(z)) - 1."""

    def generator(self, z):
        return mean(softplus(-z), sigmoid(z) - 1)


class Wasserstein(GameLoss):
    """The critic makes E D(G(z)) - E D(x) small, the generator -E D(G(z)): no logarithm.

    Minus the critic's loss is the distance, if the critic's slope is bounded by 1: see
    `twice.scratch.critics`. Arjovsky, Chintala and Bottou (2017).
    """

    def real(self, z):
        return mean(-z, -np.ones_like(z))

    def fake(self, z):
        return mean(z, np.ones_like(z))

    def generator(self, z):
        return self.real(z)


class Hinge(Wasserstein):
    """`Wasserstein`'s game; D stops at a margin: E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))).

    Lim and Ye (2017).
    """

    def real(self, z):
        return mean(np.maximum(0, 1 - z), np.where(z < 1, -1, 0).astype(z.dtype))

    def fake(self, z):
        return mean(np.maximum(0, 1 + z), np.where(z > -1, 1, 0).astype(z.dtype))

    def generator(self, z):
        return mean(-z, -np.ones_like(z))


class LeastSquares(GameLoss):
    """D wants 1 for real samples and 0 for fakes, G wants 1: halves of squared errors.

    Mao et al. (2017).
    """

    def real(self, z):
        return mean((z - 1) ** 2 / 2, z - 1)

    def fake(self, z):
        return mean(z**2 / 2, z)

    def generator(self, z):
        return self.real(z)
