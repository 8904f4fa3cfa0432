"""The GAN on a ring: two networks play against each other, live, for eight Gaussians."""

from itertools import pairwise

import numpy as np
import traitlets

from twice.data import ring_centers
from twice.scratch.activations import leaky_relu
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.gans import GAN, Minimax, NonSaturating, Wasserstein
from twice.scratch.perceptron import sigmoid
from twice.scratch.sample_quality import good_share, mode_counts

from .base import Demo, Seeded, SeededGenerator, finite

MODES, RADIUS, SPREAD = 8, 2.0, 0.1
HIDDEN, POINTS, EDGE = 32, 400, 3.0
WITHIN, LEAST = 3 * SPREAD, 10  # a mode is covered by 10 of 400 points within 3 standard deviations
LOSSES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "wasserstein_clip": Wasserstein,
    "wasserstein_penalty": Wasserstein,
}


class Ring(Demo):
    """Train a GAN on eight Gaussians on a ring: it collapses as it is set; mend it.

    `Ring(loss="wasserstein_penalty", generator_rate=0.001, critic_steps=3)`. Every trait can be
    set and read. Another `latent` or `seed` starts afresh; the loss, the rates and `critic_steps`
    change a game on its way. Both networks have two hidden layers of 32 LeakyReLU units, Adam has
    beta_1 = 0.5, a batch is 64 points. After a pause `weights` holds a pair (kernel (n_in, n_out),
    bias) for each layer, the generator's three and then the discriminator's, and `gan` is that
    game in NumPy. `counts` says how many of 400 generated points lie within three standard
    deviations (0.3) of each center; a mode with ten or more is covered. `goal_met` is that of the
    round being played: the first mends the opening, each later one another break (at most five
    modes for 500 steps, past step 1,000), and `mends` keeps those that are won.
    """

    script = "ring.js"
    figure_size = (6.6, 4.6)
    built = False  # from then on another latent or seed begins anew

    goal = traitlets.Unicode(
        "Press Train: the generator collapses. Mend it: cover all eight modes for 500 steps.",
        read_only=True,
    ).tag(sync=True)
    loss = traitlets.Enum(
        tuple(LOSSES), "non_saturating", help="What the two players pay: " + ", ".join(LOSSES)
    ).tag(sync=True)
    generator_rate = traitlets.Float(
        0.01, min=1e-4, max=0.1, help="Adam's learning rate for the generator, 0.0001 to 0.1."
    ).tag(sync=True)
    discriminator_rate = traitlets.Float(
        0.0005, min=1e-4, max=0.1, help="Adam's learning rate for the discriminator."
    ).tag(sync=True)
    critic_steps = traitlets.Int(
        1, min=1, max=5, help="Discriminator steps for each of the generator, 1 to 5."
    ).tag(sync=True)
    latent = traitlets.Int(2, min=1, max=16, help="Dimensions of the noise, 1 to 16.").tag(
        sync=True
    )
    seed = traitlets.Int(0, min=0, max=9999, help="Of weights, points and noise.").tag(sync=True)
    speed = traitlets.Enum(
        ("slow", "medium", "fast"), "fast", help="20 or 100 steps a second, or all it can."
    ).tag(sync=True)
    arrows = traitlets.Bool(
        True, help="Show minus the generator's gradient at up to 60 of its points."
    ).tag(sync=True)
    probe = traitlets.List(
        traitlets.Float(min=-EDGE, max=EDGE),
        default_value=[0.0, 0.0],
        minlen=2,
        maxlen=2,
        help="The point (x1, x2) where the discriminator's score is read, each -3 to 3.",
    ).tag(sync=True)
    mends = traitlets.List(
        traitlets.List(traitlets.Unicode(), minlen=2, maxlen=2),
        help="The rounds won, each a pair of texts: how the game was broken, what mended it.",
    ).tag(sync=True)
    broken = traitlets.Unicode(
        help="From the second round on: the broken settings to be mended now, or empty."
    ).tag(sync=True)
    running = traitlets.Bool(False, help="Whether it trains; set it to start.").tag(sync=True)
    steps = traitlets.Int(0, min=0, help="Steps of the game, at the last pause.").tag(sync=True)
    weights = traitlets.List(
        help="(kernel, bias) of each layer at the last pause; empty: as drawn from the seed."
    ).tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self.built = True

    @traitlets.observe("latent", "seed")
    def _begin_anew(self, change):
        if self.built and not self.from_page:
            self.weights, self.steps = [], 0

    _rates = traitlets.validate("generator_rate", "discriminator_rate")(finite)

    @property
    def shapes(self):
        """The (kernel, bias) shapes of the generator's layers, then of the discriminator's."""
        nets = [self.latent, HIDDEN, HIDDEN, 2], [2, HIDDEN, HIDDEN, 1]
        return [((n, m), (m,)) for sizes in nets for n, m in pairwise(sizes)]

    @traitlets.validate("weights")
    def _fit_the_networks(self, proposal):
        try:
            weights = [
                [np.asarray(w, dtype=float), np.asarray(b, dtype=float)]
                for w, b in proposal["value"]
            ]
        except (TypeError, ValueError):
            weights = [[np.zeros(0), np.zeros(0)]]
        got = [(w.shape, b.shape) for w, b in weights]
        if weights and got != self.shapes:
            raise traitlets.TraitError(
                f"weights must be (kernel, bias) pairs of shapes {self.shapes} for "
                f"latent={self.latent}, not {got}"
            )
        return [[w.tolist(), b.tolist()] for w, b in weights]

    @property
    def gan(self):
        """The game of the last pause: a `GAN` of float64 nets, without a penalty."""
        nets = []
        for k, shapes in enumerate((self.shapes[:3], self.shapes[3:])):
            rng, layers = SeededGenerator(10 * self.seed + 1 + k), []
            for (n, m), _ in shapes:
                layers.append(Dense(n, m, rng=rng, dtype=np.float64))  # Glorot, as in the page
                layers.append(Activation(leaky_relu()))
            nets.append(Sequential(layers[:-1]))
            if self.weights:
                nets[k].set_weights(
                    [np.array(w) for pair in self.weights[3 * k : 3 * k + 3] for w in pair]
                )
        return GAN(*nets, LOSSES[self.loss](), latent_dim=self.latent)

    @property
    def samples(self):
        """Where the 400 points of fixed noise go, (400, 2)."""
        noise = SeededGenerator(10 * self.seed + 4).normal(size=(POINTS, self.latent))
        return self.gan.generator.forward(noise)

    @property
    def counts(self):
        """How many of the samples lie within 0.3 of each center, (8,)."""
        return mode_counts(self.samples, ring_centers(), WITHIN)

    @property
    def covered(self):
        """How many of the eight modes have at least 10 of the 400 samples."""
        return int((self.counts >= LEAST).sum())

    def summary(self):
        return (
            f"Ring({self.loss!r}, rates {self.generator_rate:g} and {self.discriminator_rate:g}, "
            f"seed={self.seed}): step {self.steps}, {self.covered} of 8 modes covered, "
            f"{good_share(self.samples, ring_centers(), WITHIN):.0%} of the points near a center"
        )

    def draw(self, figure):
        from twice import plots

        ax = figure.subplots()
        line = np.linspace(-EDGE, EDGE, 97)
        grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        p = realness(self.gan, self.loss, grid).reshape(97, 97)
        ax.contourf(line, line, p, np.linspace(0, 1, 21), cmap=plots.DIVERGING, alpha=0.6)
        ax.scatter(
            *real_points(POINTS, 10 * self.seed + 5).T, s=5, marker="s", c="#8a5000", label="real"
        )
        ax.scatter(
            *self.samples.T, s=16, c="#004a80", edgecolor="white", linewidth=0.5, label="generated"
        )
        ax.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), aspect="equal")
        ax.set(xlabel="$x_1$", ylabel="$x_2$")
        ax.set_title(f"Step {self.steps}: {self.covered} of 8 modes covered")
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))


def real_points(count, seed):
    """Points (count, 2) of the ring, drawn as in ring.js."""
    stream, centers, points = Seeded(seed), ring_centers(), []
    for _ in range(count):
        center = centers[int(MODES * stream.next())]
        points.append([c + SPREAD * stream.normal() for c in center])
    return np.array(points)


def realness(gan, loss, x):
    """How real the discriminator finds x (n, 2), 0 to 1; a critic's scores are spread about 1/2."""
    z = gan.discriminator.forward(x)[:, 0]
    if not loss.startswith("wasserstein"):
        return sigmoid(z)
    z = z - z.mean()
    return 0.5 + 0.5 * z / max(np.abs(z).max(), 1e-12)
