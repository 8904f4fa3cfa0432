"""GANs on a ring and on printed digits: what collapses, what mends it, and which sayings hold.

The nets, losses and steps are those of `twice.scratch`. A mode of the ring counts as covered if at
least 1 % of 2000 samples (an even share is 12.5 %) fall within three standard deviations of its
center; the other samples lie between the modes. Every seed draws its own points, weights, batches
and noise. A game whose numbers overflow is stored as None.

    OPENBLAS_NUM_THREADS=1 python -m experiments.gans              16 minutes, resumable
    OPENBLAS_NUM_THREADS=1 python -m experiments.gans --seeds 0 1  two seeds of five

It writes experiments/results/gans.json, and gans.npz beside it. What the JSON stores (a list is one
entry a seed):

ring
  plans[NAME]            the setting of each game, a `Plan`; NAME is a key of PLANS
  looks                  how many looks along a training, evenly spaced, the last at its end
  runs[NAME]             MEASURES, each a list over the seeds of lists over the looks:
    modes, good          modes covered, 0 to 8; share of samples within 3 standard deviations
    reached              modes that are the nearest to at least 1 % of the samples, however far
    distance             earth mover's distance of 256 samples to 256 points, exact
    discriminator_loss, generator_loss   means over the steps since the look before
    seconds              list: processor time
  floor                  the same distance of a perfect generator, 30 times: its samples are
                         independent, the ring's own points are shared out evenly
  recommended            {"plan": NAME, "modes", "good", "distance": at the end, over ten seeds}
  failed                 plans whose every seed covers at most half of the modes at the end
  collapsed              those of them of whose samples most are good, with every seed: few modes,
                         well drawn; the others are astray
  mended[NAME][CHANGE]   the runs of a plan of BROKEN with one change of MENDS
  frozen                 "steps", and for each of "rates": "modes" and "good", seeds x steps, of
                         a generator that learns on alone against a discriminator that stands still
  folklore[SAYING]       see `folklore`
digits
  classifier             {"accuracy": on held-out glyphs, "images": it was trained on}
  references[NAME]       JUDGED (see `judged`) of what is no GAN; "held out" is the floor
  runs[NET]              for each NET of NETS: JUDGED, and "looks": along the training; the first
                         three seeds alone
  conditional            JUDGED, and "obeyed": the share read as the digit that was asked for
  vae                    JUDGED of a VAE whose decoder is the same generator
  keras[WAY]             JUDGED of the twin in Keras, trained in two ways
small                    a few seconds' part of everything, which the tests repeat

gans.npz: "generator0", ... and "conditional0", ..., "classifier0", ...: weights as float16, see
`load`; "samples NAME": 40 images (40, 16, 16) uint8 each.
"""

import functools
import io
import itertools
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, replace

import numpy as np

from experiments import record
from experiments.deep_cnns import rounded
from twice import data, files, results
from twice.data.toy import ring, ring_centers
from twice.scratch import sample_quality as quality
from twice.scratch.activations import leaky_relu
from twice.scratch.adaptive import Adam
from twice.scratch.adversaries import LinearDecay
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.conv_layers import Conv2DTranspose
from twice.scratch.convolution import Conv2D
from twice.scratch.critics import ClipWeights, GradientPenalty, SpectralNormalization
from twice.scratch.gans import GAN, Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein
from twice.scratch.initializers import he_normal
from twice.scratch.latent import GaussianLatent
from twice.scratch.losses import SparseCategoricalCrossentropy, softmax
from twice.scratch.normalization import BatchNormalization
from twice.scratch.pooling import Flatten, MaxPooling2D, Reshape
from twice.scratch.training import Callback, NotFinite
from twice.scratch.vae import VAE

SEEDS = range(5)
FEW = 3  # seeds for the nets on digits, which take long
MORE_SEEDS = range(10)  # for the recommended setting
STORED = results.FOLDER / "gans.npz"

# --- the ring

SPREAD, MODES, POINTS = 0.05, 8, 10_000
RADIUS = 3 * SPREAD
SAMPLES, LEAST, TRANSPORTED = 2000, 0.01, 256
LOOKS = 20
MEASURES = ("modes", "reached", "good", "distance", "discriminator_loss", "generator_loss")
LOSSES = {"minimax": Minimax, "non-saturating": NonSaturating, "least squares": LeastSquares,
          "hinge": Hinge, "Wasserstein": Wasserstein}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A game on the ring. bound: what holds the critic's slope (see `bounded`), with `strength`."""

    loss: str = "non-saturating"
    label_smoothing: float = 0.0
    generator_rate: float = 1e-3
    discriminator_rate: float = 3e-3
    decay: bool = True  # both rates fall linearly, to 2 %
    beta_1: float = 0.5
    beta_2: float = 0.9
    batch_size: int = 128
    steps: int = 3000
    critic_steps: int = 1
    latent_dim: int = 2
    units: int = 64
    discriminator_units: int = 64
    batch_norm: str = "none"  # or "generator", "discriminator" (real and fake apart), "mixed"
    bound: str = "none"
    strength: float = 0.0


USUAL = Plan()
PLANS = {
    "non-saturating": USUAL,
    "minimax": replace(USUAL, loss="minimax"),
    "least squares": replace(USUAL, loss="least squares"),
    "hinge": replace(USUAL, loss="hinge"),
    "Wasserstein, clipped": replace(USUAL, loss="Wasserstein", bound="clip", strength=0.1),
    "Wasserstein, penalty": replace(USUAL, loss="Wasserstein", bound="penalty", strength=0.1),
    "R1": replace(USUAL, bound="R1", strength=0.1),
    "spectral norm": replace(USUAL, bound="spectral"),
    "no momentum": replace(USUAL, beta_1=0.0),
    "label smoothing": replace(USUAL, label_smoothing=0.1),
    "equal rates": replace(USUAL, discriminator_rate=1e-3),
    "equal high rates": replace(USUAL, generator_rate=3e-3),
    "five critic steps": replace(USUAL, critic_steps=5),
    "minimax, five critic steps": replace(USUAL, loss="minimax", critic_steps=5),
    "small discriminator": replace(USUAL, discriminator_units=8),
    "16 noises, generator x10": replace(USUAL, latent_dim=16, generator_rate=1e-2),
    "64 noises, generator x10": replace(USUAL, latent_dim=64, generator_rate=1e-2),
    "recommended": replace(  # that of `ring_gan`
        USUAL, steps=5000, batch_size=256, beta_1=0.0, discriminator_rate=2e-3
    ),
}
CLIPPED, PENALIZED = PLANS["Wasserstein, clipped"], PLANS["Wasserstein, penalty"]
PLANS |= {  # what their authors ask for, one by one: no momentum, five steps, the weight 10
    "Wasserstein, clipped, no momentum": replace(CLIPPED, beta_1=0.0),
    "Wasserstein, clipped, five critic steps": replace(CLIPPED, critic_steps=5),
    "Wasserstein, clipped, no momentum, five critic steps": replace(
        CLIPPED, beta_1=0.0, critic_steps=5
    ),
    "Wasserstein, penalty, no momentum": replace(PENALIZED, beta_1=0.0),
    "Wasserstein, penalty 10": replace(PENALIZED, strength=10.0),
    "Wasserstein, penalty 10, no momentum": replace(PENALIZED, strength=10.0, beta_1=0.0),
    "Wasserstein, penalty 10, five critic steps": replace(PENALIZED, strength=10.0, critic_steps=5),
}
RECOMMENDED = "recommended"
BROKEN = ("64 noises, generator x10",)


def mlp(sizes, rng, batch_norm=False):
    """Dense layers with LeakyReLU between them, and batch norm before it if asked for."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers.append(Dense(n_in, n_out, rng=rng, initializer=he_normal))
        if batch_norm:
            layers.append(BatchNormalization(n_out, momentum=0.9))
        layers.append(Activation(leaky_relu()))
    return Sequential(layers[: -2 if batch_norm else -1])


class Look(Callback):
    """Looks at the generator's samples on the way, and keeps the losses in between."""

    def __init__(self, every, rng, points):
        self.every, self.rng, self.points = every, rng, points
        self.found, self.losses = {name: [] for name in MEASURES}, []

    def on_batch_end(self, model, iteration, logs):
        self.losses.append((logs["discriminator_loss"], logs["generator_loss"]))
        if iteration % self.every:
            return
        for name, value in judged_ring(model.sample(SAMPLES, self.rng), self.points).items():
            self.found[name].append(value)
        for name, value in zip(MEASURES[-2:], np.mean(self.losses, axis=0), strict=True):
            self.found[name].append(float(value))
        self.losses = []


def judged_ring(samples, points):
    """Modes covered, share of good samples, distance to the points (M, 2)."""
    counts = quality.mode_counts(samples, ring_centers(), RADIUS)
    near = quality.mode_counts(samples, ring_centers(), np.inf)
    return {
        "modes": int((counts >= LEAST * len(samples)).sum()),
        "reached": int((near >= LEAST * len(samples)).sum()),
        "good": float(counts.sum() / len(samples)),
        "distance": earth_mover(samples[: len(points)], points),
    }


def earth_mover(a, b):
    """The mean length of the shortest way from the points a (N, D) to b (N, D), one to one."""
    from scipy.optimize import linear_sum_assignment

    cost = np.linalg.norm(a[:, None] - b[None], axis=2)
    return float(cost[linear_sum_assignment(cost)].mean())


def discriminator_of(plan, rng):
    """The plan's discriminator: spectral normalization goes around each Dense layer."""
    net = mlp([2, plan.discriminator_units, plan.discriminator_units, 1], rng,
              plan.batch_norm in ("discriminator", "mixed"))  # fmt: skip
    if plan.bound != "spectral":
        return net
    return Sequential([
        SpectralNormalization(layer, rng=rng) if layer.params else layer for layer in net.layers
    ])  # fmt: skip


def ring_game(plan, seed):
    """(the GAN, what `fit` takes beside the points) of a plan, drawn by the seed."""
    rng = np.random.default_rng([seed, 1])
    generator = mlp([plan.latent_dim, plan.units, plan.units, 2], rng,
                    plan.batch_norm == "generator")  # fmt: skip
    smoothed = {"label_smoothing": plan.label_smoothing} if plan.label_smoothing else {}
    penalty = None
    if plan.bound in ("penalty", "R1"):
        kind = {"target": 1.0} if plan.bound == "penalty" else {"target": 0.0, "where": "real"}
        penalty = GradientPenalty(plan.strength, rng=np.random.default_rng([seed, 2]), **kind)
    gan = GAN(generator, discriminator_of(plan, rng), LOSSES[plan.loss](**smoothed),
              latent_dim=plan.latent_dim, penalty=penalty,
              mixed=plan.batch_norm == "mixed")  # fmt: skip
    players = {}
    rates = {"generator": plan.generator_rate, "discriminator": plan.discriminator_rate}
    for who, rate in rates.items():
        times = plan.critic_steps if who == "discriminator" else 1
        rate = LinearDecay(rate, times * plan.steps) if plan.decay else rate
        players[f"{who}_optimizer"] = Adam(rate, beta_1=plan.beta_1, beta_2=plan.beta_2)
    if plan.bound == "clip":
        players["discriminator_optimizer"] = ClipWeights(
            players["discriminator_optimizer"], plan.strength
        )
    return gan, players


def ring_run(plan, seed, looks=LOOKS):
    """MEASURES at the looks of one game, or None if its numbers overflow."""
    rng = np.random.default_rng([seed, 0])
    points, _ = ring(POINTS, spread=SPREAD, rng=rng)
    gan, players = ring_game(plan, seed)
    fresh, _ = ring(TRANSPORTED, spread=SPREAD, rng=rng)
    look = Look(plan.steps // looks, np.random.default_rng([seed, 3]), fresh)
    try:
        gan.fit(points, steps=plan.steps, batch_size=plan.batch_size, rng=rng, **players,
                critic_steps=plan.critic_steps, callbacks=[look], verbose=False)  # fmt: skip
    except NotFinite:
        return None
    return look.found


def ring_runs(plan, seeds, looks=LOOKS):
    """MEASURES, each a list over the seeds, and "seconds"; kept on the way, seed by seed."""
    found = {name: [] for name in (*MEASURES, "seconds")}
    for seed in seeds:
        run = kept(f"ring-{name_of(plan)}-{seed}", [asdict(plan), looks], ring_one, plan, seed,
                   looks)  # fmt: skip
        for name in MEASURES:
            found[name].append(run.get(name))
        found["seconds"].append(round(run["seconds"], 1))
    return found


def ring_one(plan, seed, looks):
    """`ring_run` as `kept` wants it: a dict, empty if the game was lost to an overflow."""
    return rounded(ring_run(plan, seed, looks) or {})


def name_of(plan):
    """A short name for a plan's file: the fields that are not the usual ones."""
    usual = asdict(Plan())
    changed = [f"{k}={v}" for k, v in asdict(plan).items() if v != usual[k]]
    return ",".join(changed).replace(" ", "_") or "usual"


def kept(part, setting, make, *arguments):
    """make(*arguments), a dict, and "seconds", as `record.kept` does."""
    found, _ = record.kept("gans", part, setting, lambda: (make(*arguments), []))
    return found


# --- what the ring's runs say


MENDS = {
    "usual rates": {"generator_rate": 1e-3},
    "two noises": {"latent_dim": 2},
    "faster discriminator": {"discriminator_rate": 1e-2},
    "R1": {"bound": "R1", "strength": 0.1},
    "gradient penalty": {"bound": "penalty", "strength": 0.1},
    "spectral norm": {"bound": "spectral"},
    "Wasserstein, penalty": {"loss": "Wasserstein", "bound": "penalty", "strength": 0.1},
}
HALF = MODES // 2
LIKE_LOSSES = ("non-saturating", "minimax", "least squares", "hinge",
               "R1", "spectral norm", "minimax, five critic steps",
               *(name for name in PLANS if name.startswith("Wasserstein")))  # fmt: skip
HELPS = {  # saying: what is compared, by seed, with the plan behind it
    "label smoothing helps": [("label smoothing", "non-saturating")],
    "two time scales help": [
        ("non-saturating", "equal rates"),
        ("non-saturating", "equal high rates"),
    ],
    "the discriminator must not be too good": [
        ("five critic steps", "non-saturating"),
        ("minimax, five critic steps", "minimax"),
        ("small discriminator", "non-saturating"),
    ],
    "the minimax loss saturates": [("minimax", "non-saturating")],
    "the Wasserstein loss does not collapse": [
        ("Wasserstein, penalty", "non-saturating"),
        ("Wasserstein, clipped", "non-saturating"),
        ("Wasserstein, clipped, no momentum", "no momentum"),
    ],
    "momentum hurts": [
        ("no momentum", "non-saturating"),
        ("Wasserstein, clipped, no momentum", "Wasserstein, clipped"),
        ("Wasserstein, penalty, no momentum", "Wasserstein, penalty"),
    ],
    "a smooth discriminator helps": [
        ("R1", "non-saturating"),
        ("spectral norm", "non-saturating"),
    ],
}


def at_end(runs, measure):
    """The last look of each seed; a lost game has covered nothing."""
    return [0 if looks is None else looks[-1] for looks in runs[measure]]


def failed(runs):
    """Whether every seed covers at most half of the modes at its end, collapsed or astray."""
    return max(at_end(runs, "modes")) <= HALF


def collapsed(runs):
    """Whether it failed although most samples of every seed are good: good ones, of few modes."""
    return failed(runs) and min(at_end(runs, "good")) >= 0.5


def spearman(a, b):
    """The correlation of the ranks of two lists; None where one is constant."""
    from scipy import stats

    if min(np.ptp(a), np.ptp(b)) == 0:
        return None
    return float(stats.spearmanr(a, b).statistic)


def losses_and_distance(runs):
    """Does a loss know how far the samples are? Rank correlations over the looks of a run.

    level: of the loss with the distance. change: of what both change by from look to look, which
    a common trend cannot explain. steps: of the distance with the number of the look: what a
    clock knows. discriminator: of minus its loss, which for a Wasserstein critic estimates the
    distance.
    """
    found = {name: [] for name in ("discriminator", "generator", "discriminator_change",
                                   "generator_change", "steps")}  # fmt: skip
    for d, g, far in zip(runs["discriminator_loss"], runs["generator_loss"], runs["distance"],
                         strict=True):  # fmt: skip
        if d is None:
            continue
        for name, loss in (("discriminator", -np.array(d)), ("generator", np.array(g))):
            found[name].append(spearman(loss, far))
            found[f"{name}_change"].append(spearman(np.diff(loss), np.diff(far)))
        found["steps"].append(spearman(range(len(far)), far))
    return found


def compared(runs, one, other):
    """Differences, seed by seed, of two plans at the end: `one` less `other`."""
    return {
        measure: np.subtract(at_end(runs[one], measure), at_end(runs[other], measure)).tolist()
        for measure in ("modes", "good", "distance")
    }


def folklore(runs):
    """What is stored under folklore, from the runs of PLANS.

    "losses tell progress": {PLAN: `losses_and_distance`}. Other sayings, the keys of HELPS:
    {"A against B": `compared`}.
    """
    found = {"losses tell progress": {name: losses_and_distance(runs[name])
                                      for name in LIKE_LOSSES}}  # fmt: skip
    for saying, pairs in HELPS.items():
        found[saying] = {f"{a} against {b}": compared(runs, a, b) for a, b in pairs}
    return rounded(found)


def mends(name):
    """{change: plan} of one change to a plan, each really a change."""
    plan = PLANS[name]
    changed = {change: replace(plan, **fields) for change, fields in MENDS.items()}
    return {change: new for change, new in changed.items() if new != plan}


def ring_floor(draws=30):
    """The distance a perfect generator has from the ring's points: 256 independent samples.

    `ring` gives every mode as many points; a generator, be it perfect, draws its modes by chance.
    """
    rng, found = np.random.default_rng(9), []
    for _ in range(draws):
        modes = rng.integers(MODES, size=TRANSPORTED)
        perfect = ring_centers()[modes] + SPREAD * rng.standard_normal((TRANSPORTED, 2))
        found.append(earth_mover(perfect, ring(TRANSPORTED, spread=SPREAD, rng=rng)[0]))
    return found


FROZEN_AT, FROZEN_RATES, FROZEN_LOOKS = 2000, (1e-4, 1e-3, 1e-2), (0, 500, 2000, 4000)


def frozen_run(seed, looks=FROZEN_LOOKS, start=FROZEN_AT):
    """The recommended game up to a step; then its generator alone, the discriminator frozen.

    {"modes", "good": {rate: at each of the looks}}; a rate is constant, each from the same start.
    """
    rng = np.random.default_rng([seed, 0])
    points, _ = ring(POINTS, spread=SPREAD, rng=rng)
    plan = PLANS[RECOMMENDED]
    gan, players = ring_game(plan, seed)
    gan.fit(points, steps=start, batch_size=plan.batch_size, rng=rng, **players, verbose=False)
    found = {"modes": {}, "good": {}}
    for rate in FROZEN_RATES:
        alone, rng = deepcopy(gan), np.random.default_rng([seed, 4])
        player = Adam(rate, beta_1=plan.beta_1, beta_2=plan.beta_2)
        judged = []
        for step in range(looks[-1] + 1):
            if step in looks:
                samples = alone.sample(SAMPLES, np.random.default_rng([seed, 5]))
                counts = quality.mode_counts(samples, ring_centers(), RADIUS)
                judged.append((int((counts >= LEAST * SAMPLES).sum()), counts.sum() / SAMPLES))
            alone.generator_step(alone.noise(plan.batch_size, rng), player)
        for measure, values in zip(found, zip(*judged, strict=True), strict=True):
            found[measure][str(rate)] = [float(v) for v in values]
    return rounded(found)


def frozen_part(seeds):
    """What is stored under frozen: "steps" and {rate: {"modes", "good": seeds x looks}}."""
    runs = [kept(f"frozen-{seed}", [FROZEN_AT, FROZEN_RATES, FROZEN_LOOKS], frozen_run, seed)
            for seed in seeds]  # fmt: skip
    return {
        "steps": list(FROZEN_LOOKS),
        "rates": {str(rate): {m: [run[m][str(rate)] for run in runs] for m in ("modes", "good")}
                  for rate in FROZEN_RATES},
        "seconds": [round(run["seconds"], 1) for run in runs],
    }  # fmt: skip


def ring_part(seeds, more):
    """What is stored under ring; more: the seeds of the recommended plan."""
    runs = {name: ring_runs(plan, seeds) for name, plan in PLANS.items()}
    best = ring_runs(PLANS[RECOMMENDED], more)
    return {
        "plans": {name: asdict(plan) for name, plan in PLANS.items()},
        "looks": LOOKS,
        "runs": runs,
        "floor": rounded(ring_floor()),
        "recommended": {
            "plan": RECOMMENDED,
            **{m: at_end(best, m) for m in ("modes", "good", "distance")},
        },
        "collapsed": [name for name in PLANS if collapsed(runs[name])],
        "failed": [name for name in PLANS if failed(runs[name])],
        "mended": {name: {change: ring_runs(plan, seeds) for change, plan in mends(name).items()}
                   for name in BROKEN},
        "frozen": frozen_part(seeds),
        "folklore": folklore(runs),
    }  # fmt: skip


# --- digits: a DCGAN on printed ones, 16 x 16

SIDE, LATENT, DISTORTION = 16, 32, 0.5
N_TRAIN, N_JUDGED, PANEL = 4000, 1000, 40


@dataclass(frozen=True)
class Images:
    """How the nets on digits are trained; the tests run a shorter one."""

    steps: int = 1500
    batch_size: int = 64
    rate: float = 1e-3
    looks: int = 10
    epochs: int = 8  # of the classifier
    judged: int = N_JUDGED


@functools.cache
def glyphs():
    """{"train", "held out", "judge", "classifier"}: (x, y) each, no draw shared."""
    sizes = {"train": N_TRAIN, "held out": N_JUDGED, "judge": N_JUDGED, "classifier": 6000}
    rng = np.random.default_rng(2014)
    return {part: data.glyphs(n, size=SIDE, distortion=DISTORTION, rng=rng)
            for part, n in sizes.items()}  # fmt: skip


def generator_net(rng, told=0):
    """Noise and, if told, a label one-hot: -> images (N, 16, 16, 1) in [0, 1]."""
    settings = {"rng": rng, "initializer": he_normal}
    wide = {"strides": 2, "padding": "same", **settings}
    return Sequential([
        Dense(LATENT + told, 16 * 32, **settings), BatchNormalization(16 * 32, momentum=0.9),
        Activation("relu"), Reshape((4, 4, 32)),
        Conv2DTranspose(32, 16, 4, **wide), BatchNormalization(16, momentum=0.9),
        Activation("relu"),
        Conv2DTranspose(16, 1, 4, **wide), Activation("sigmoid"),
    ])  # fmt: skip


def discriminator_net(rng, how="strides", told=0):
    """Images, and if told planes of a label beside them: -> logits (N, 1).

    how, one of NETS: "strides" halves the image within the convolution, "max pooling" after it.
    The parameters are the same.
    """
    pooled, settings = how == "max pooling", {"rng": rng, "initializer": he_normal}

    def smaller(n_in, n_out):
        strides = 1 if pooled else 2
        conv = Conv2D(n_in, n_out, 4, strides=strides, padding="same", **settings)
        return [conv, Activation(leaky_relu()), *([MaxPooling2D(2)] if pooled else [])]

    return Sequential([*smaller(1 + told, 16), *smaller(16, 32), Flatten(),
                       Dense(16 * 32, 1, **settings)])  # fmt: skip


NETS = ("strides", "max pooling")  # the discriminator's way to shrink


def classifier_net(rng):
    """A small convolutional net: images -> 32 features -> 10 logits."""
    settings = {"rng": rng, "initializer": he_normal}
    wide = {"strides": 2, "padding": "same", **settings}
    return Sequential([
        Conv2D(1, 16, 3, **wide), Activation("relu"), Conv2D(16, 32, 3, **wide),
        Activation("relu"), Flatten(), Dense(16 * 32, 32, **settings), Activation("relu"),
        Dense(32, 10, **settings),
    ])  # fmt: skip


@functools.lru_cache(maxsize=2)
def classifier(setting):
    """The judge: trained on glyphs of its own, which no GAN sees."""

    net = classifier_net(np.random.default_rng(0))
    net.fit(*glyphs()["classifier"], loss=SparseCategoricalCrossentropy(from_logits=True),
            optimizer=Adam(2e-3), batch_size=64, epochs=setting.epochs,
            rng=np.random.default_rng(1), verbose=False)  # fmt: skip
    return net


def asked(net, x):
    """(features (N, 32), probabilities (N, 10)) of images."""
    x = np.asarray(x, np.float32)
    features = Sequential(net.layers[:-1]).predict(x)
    return features, softmax(net.layers[-1].forward(features).astype(np.float64))


JUDGED = ("score", "frechet", "precision", "recall", "neighbor", "copies", "classes", "sure")


def judged(images, setting, labels=None):
    """JUDGED of images (N, 16, 16, 1), against as many held-out ones.

    score: the classifier score, 1 to 10; frechet: in the classifier's 32 features, to the part
    "judge"; precision and recall: there, with 3 neighbors; neighbor: the mean distance to
    the nearest training image, in pixels; copies: the share nearer than 0.5; classes: how many
    digits have at least 2 %; sure: the mean of the largest probability.
    """
    real = glyphs()["judge"][0][: len(images)]
    net = classifier(setting)
    (features, p), (wanted, _) = asked(net, images), asked(net, real)
    precision, recall = quality.precision_recall(wanted, features)
    _, distance = quality.nearest_neighbors(images, glyphs()["train"][0])
    read = p.argmax(axis=1)
    found = {
        "score": quality.classifier_score(p),
        "frechet": quality.frechet_distance(features, wanted),
        "precision": precision,
        "recall": recall,
        "neighbor": float(distance.mean()),
        "copies": float((distance < 0.5).mean()),
        "classes": int((np.bincount(read, minlength=10) >= 0.02 * len(read)).sum()),
        "sure": float(p.max(axis=1).mean()),
    }
    return found if labels is None else found | {"obeyed": float((read == labels).mean())}


def references(setting):
    """JUDGED of what no GAN made: the floor, and what a measure must notice."""
    rng, n = np.random.default_rng(7), setting.judged
    (train, y), held = glyphs()["train"], glyphs()["held out"][0][:n]
    noise = rng.random((n, SIDE, SIDE, 1))
    shaken = np.clip(train.mean(0) + 1e-3 * rng.standard_normal(held.shape), 0, 1)
    means = np.stack([train[y == k].mean(axis=0) for k in range(10)])[np.arange(n) % 10]
    flat = train.reshape(len(train), -1).astype(np.float64)
    gauss = rng.multivariate_normal(flat.mean(0), np.cov(flat, rowvar=False), n, method="eigh")
    kinds = {
        "held out": held,
        "training images again": train[:n],
        "one of each, repeated": train[[np.flatnonzero(y == k)[0] for k in range(10)]][
            np.arange(n) % 10
        ],
        "means of classes": means,
        "mean image": shaken,
        "Gaussian pixels": np.clip(gauss, 0, 1).reshape(held.shape),
        "noise": noise,
    }
    return {name: judged(images, setting) for name, images in kinds.items()}


class LookAtImages(Callback):
    """The Frechet distance and the score on the way, and the losses in between."""

    def __init__(self, setting):
        self.setting, self.every, self.losses = setting, setting.steps // setting.looks, []
        self.found = {n: [] for n in ("frechet", "score", "discriminator_loss", "generator_loss")}

    def on_batch_end(self, model, iteration, logs):
        self.losses.append((logs["discriminator_loss"], logs["generator_loss"]))
        if iteration % self.every:
            return
        images = model.sample(self.setting.judged, np.random.default_rng([9, iteration]))
        net = classifier(self.setting)
        features, p = asked(net, images)
        wanted, _ = asked(net, glyphs()["judge"][0][: len(images)])
        self.found["frechet"].append(quality.frechet_distance(features, wanted))
        self.found["score"].append(quality.classifier_score(p))
        d, g = np.mean(self.losses, axis=0)
        self.found["discriminator_loss"].append(float(d))
        self.found["generator_loss"].append(float(g))
        self.losses = []


def image_game(net, seed, setting):
    """(the GAN, its optimizers) of one of NETS."""
    rng = np.random.default_rng([seed, 1])
    gan = GAN(generator_net(rng), discriminator_net(rng, net), NonSaturating(),
              latent_dim=LATENT)  # fmt: skip
    return gan, {f"{who}_optimizer": Adam(setting.rate, beta_1=0.5)
                 for who in ("generator", "discriminator")}  # fmt: skip


def image_run(net, seed, setting):
    """(JUDGED and `looks`, the generator's weights) after one training."""
    gan, players = image_game(net, seed, setting)
    look = LookAtImages(setting)
    gan.fit(glyphs()["train"][0], steps=setting.steps, batch_size=setting.batch_size, **players,
            rng=np.random.default_rng([seed, 2]), callbacks=[look], verbose=False)  # fmt: skip
    images = gan.sample(setting.judged, np.random.default_rng([seed, 3]))
    return rounded(judged(images, setting) | {"looks": look.found}), gan.generator.get_weights()


def image_kept(net, seed, setting):
    """`image_run`, kept on the way, with "seconds"."""
    part = f"digits-{net.replace(' ', '_')}-{seed}"
    return record.kept("gans", part, [asdict(setting), net, seed],
                       lambda: image_run(net, seed, setting))  # fmt: skip


# --- conditional, and beside a VAE with the same generator


def conditional_run(setting):
    """(JUDGED and "obeyed", weights) of a generator that is told which digit to draw."""
    from twice.scratch.adversaries import ConditionalGAN

    rng = np.random.default_rng([0, 4])
    gan = ConditionalGAN(generator_net(rng, told=10), discriminator_net(rng, told=10),
                         NonSaturating(), latent_dim=LATENT, classes=10)  # fmt: skip
    gan.fit(*glyphs()["train"], steps=setting.steps, batch_size=setting.batch_size,
            generator_optimizer=Adam(setting.rate, beta_1=0.5),
            discriminator_optimizer=Adam(setting.rate, beta_1=0.5),
            rng=np.random.default_rng([0, 5]), verbose=False)  # fmt: skip
    labels = np.arange(setting.judged) % 10
    images = gan.sample(setting.judged, np.random.default_rng([0, 6]), labels)
    found = judged(images, setting, labels)
    return rounded(found), [*gan.generator.get_weights(), images[:PANEL]]


def vae_run(seed, setting):
    """(JUDGED, [some samples]) of a VAE whose decoder is the GAN's generator, as many steps."""
    rng = np.random.default_rng([seed, 7])
    trunk = discriminator_net(rng).layers[:-1]
    encoder = Sequential([*trunk, Dense(16 * 32, 2 * LATENT, rng=rng)])
    decoder = Sequential(generator_net(rng).layers[:-1])  # logits
    vae = VAE(encoder, decoder, GaussianLatent(LATENT, rng=rng))
    epochs = max(1, round(setting.steps * setting.batch_size / N_TRAIN))
    vae.fit(glyphs()["train"][0], optimizer=Adam(setting.rate), batch_size=setting.batch_size,
            epochs=epochs, rng=rng, verbose=False)  # fmt: skip
    images = vae.sample(setting.judged, rng=np.random.default_rng([seed, 8]))
    return rounded(judged(images, setting)), [images[:PANEL]]


# --- the twin in Keras


def keras_nets(seed):
    """(generator, discriminator) of "strides" in Keras."""
    from twice.parity import keras

    keras.utils.set_random_seed(seed)
    layers, he = keras.layers, {"kernel_initializer": "he_normal"}
    wide = {"strides": 2, "padding": "same", **he}
    generator = keras.Sequential([
        keras.Input((LATENT,)),
        layers.Dense(16 * 32, **he),
        layers.BatchNormalization(momentum=0.9), layers.ReLU(), layers.Reshape((4, 4, 32)),
        layers.Conv2DTranspose(16, 4, **wide),
        layers.BatchNormalization(momentum=0.9), layers.ReLU(),
        layers.Conv2DTranspose(1, 4, **wide), layers.Activation("sigmoid"),
    ])  # fmt: skip
    discriminator = keras.Sequential([
        keras.Input((SIDE, SIDE, 1)), layers.Conv2D(16, 4, **wide), layers.LeakyReLU(0.2),
        layers.Conv2D(32, 4, **wide), layers.LeakyReLU(0.2), layers.Flatten(),
        layers.Dense(1, **he),
    ])  # fmt: skip
    return generator, discriminator


def keras_players(setting, seed):
    """(generator, discriminator, both in a row): the last two compiled, each with its own Adam."""
    from twice.parity import keras

    generator, discriminator = keras_nets(seed)
    both = keras.Sequential([generator, discriminator])
    for model in (discriminator, both):
        player = keras.optimizers.Adam(setting.rate, beta_1=0.5)
        model.compile(player, keras.losses.BinaryCrossentropy(from_logits=True))
    return generator, discriminator, both


def discriminator_turn(players, x, n, rng):
    """One step of the discriminator on n of the real images x and one on as many fakes."""
    generator, discriminator, _ = players
    fake = generator(normal(n, rng), training=True)
    discriminator.trainable = True
    discriminator.train_on_batch(x[rng.integers(len(x), size=n)], np.ones((n, 1), np.float32))
    discriminator.train_on_batch(fake, np.zeros((n, 1), np.float32))


def generator_turn(players, n, rng):
    """One step of the generator through the discriminator, which stays."""
    _, discriminator, both = players
    discriminator.trainable = False  # what `both` learns is the generator alone
    both.train_on_batch(normal(n, rng), np.ones((n, 1), np.float32))


def keras_by_batch(x, setting, seed):
    """The generator after `train_on_batch` of two compiled models: any backend."""
    players, rng = keras_players(setting, seed), np.random.default_rng([seed, 2])
    for _ in range(setting.steps):
        discriminator_turn(players, x, setting.batch_size, rng)
        generator_turn(players, setting.batch_size, rng)
    return players[0]


def normal(n, rng):
    """Noise (n, LATENT) float32."""
    return rng.standard_normal((n, LATENT), dtype=np.float32)


def keras_by_step(x, setting, seed):
    """The generator after a `train_step` of our own, with TensorFlow's GradientTape."""
    from twice.parity import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(f"expected Keras on tensorflow, got {keras.backend.backend()!r}")
    import tensorflow as tf

    ops = keras.ops
    loss = keras.losses.BinaryCrossentropy(from_logits=True)

    class Game(keras.Model):
        def __init__(self, generator, discriminator):
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.noises = keras.random.SeedGenerator(seed)

        def build(self, input_shape):
            self.players = []
            for net in (self.discriminator, self.generator):
                player = keras.optimizers.Adam(setting.rate, beta_1=0.5)
                player.build(net.trainable_variables)
                self.players.append(player)

        def noise(self, real):
            return keras.random.normal((ops.shape(real)[0], LATENT), seed=self.noises)

        def train_step(self, real):
            ones = ops.ones((ops.shape(real)[0], 1))
            d, g = self.discriminator, self.generator
            fake = g(self.noise(real), training=True)
            with tf.GradientTape() as tape:
                judged_real, judged_fake = d(real, training=True), d(fake, training=True)
                value = loss(ones, judged_real) + loss(0 * ones, judged_fake)
            slopes = tape.gradient(value, d.trainable_variables)
            self.players[0].apply(slopes, d.trainable_variables)
            with tf.GradientTape() as tape:
                cost = loss(ones, d(g(self.noise(real), training=True), training=True))
            self.players[1].apply(tape.gradient(cost, g.trainable_variables), g.trainable_variables)
            return {"discriminator_loss": value, "generator_loss": cost}

    game = Game(*keras_nets(seed))
    game.build(x.shape)
    game.built = True
    game.compile()
    epochs = max(1, round(setting.steps * setting.batch_size / len(x)))
    game.fit(x, batch_size=setting.batch_size, epochs=epochs, verbose=0)
    return game.generator


KERAS = {"train_on_batch": keras_by_batch, "train_step": keras_by_step}


def keras_run(way, seed, setting):
    """(JUDGED, [some samples]) of the twin, trained one of the two ways."""
    generator = KERAS[way](glyphs()["train"][0], setting, seed)
    noise = normal(setting.judged, np.random.default_rng([seed, 3]))
    images = generator.predict(noise, verbose=0)
    return rounded(judged(images, setting)), [images[:PANEL]]


# --- the whole


def digits_part(seeds, setting):
    """(what is stored under digits, arrays by name for gans.npz)."""
    net, (held, y) = classifier(setting), glyphs()["held out"]
    found = {
        "classifier": {"accuracy": float(np.mean(net.predict(held).argmax(axis=1) == y)),
                       "images": len(glyphs()["classifier"][1])},
        "references": rounded(references(setting)),
        "runs": {},
    }  # fmt: skip
    stored = {"samples held out": held[:PANEL]}
    for name in NETS:
        runs = [image_kept(name, seed, setting) for seed in seeds[:FEW]]
        found["runs"][name] = {m: [run[m] for run, _ in runs] for m in (*JUDGED, "looks")}
        found["runs"][name]["seconds"] = [round(run["seconds"], 1) for run, _ in runs]
        generator = generator_net(np.random.default_rng(0))
        generator.set_weights([half(w) for w in runs[0][1]])
        noise = np.random.default_rng(0).standard_normal((PANEL, LATENT))
        stored[f"samples {name}"] = generator.predict(noise)
        if name == "strides":
            stored |= {f"generator{k}": half(w) for k, w in enumerate(runs[0][1])}
    one, arrays = part_of("conditional", setting, conditional_run, setting)
    found["conditional"], stored["samples conditional"] = one, arrays[-1]
    stored |= {f"conditional{k}": half(w) for k, w in enumerate(arrays[:-1])}
    found["vae"], arrays = part_of("vae", setting, vae_run, 0, setting)
    stored["samples VAE"] = arrays[0]
    found["keras"] = {}
    for way in KERAS:
        found["keras"][way], arrays = part_of(f"keras-{way}", [setting, way], keras_run, way, 0,
                                              setting)  # fmt: skip
        stored[f"samples {way}"] = arrays[0]
    stored |= {f"classifier{k}": half(w) for k, w in enumerate(net.get_weights())}
    pictures = {name: np.round(255 * np.clip(a, 0, 1)).astype(np.uint8)[..., 0]
                for name, a in stored.items() if name.startswith("samples")}  # fmt: skip
    return found, stored | pictures


def half(w):
    """As float16: what is stored."""
    return np.asarray(w).astype(np.float16)


def part_of(name, setting, make, *arguments):
    """`record.kept` with settings that are dataclasses."""
    settings = setting if isinstance(setting, list) else [setting, name]
    wanted = [s if isinstance(s, str) else asdict(s) for s in settings]
    return record.kept("gans", name, wanted, lambda: make(*arguments))


BRIEF = Images(steps=40, looks=2, epochs=1, judged=200)


def small():
    """A few seconds' part of it, stored beside the whole: what the tests repeat and compare."""
    found = {}
    for name, plan in PLANS.items():
        run = ring_run(replace(plan, steps=60), 0, looks=2)
        found[f"ring, {name}"] = {m: run[m][-1] for m in ("distance", *MEASURES[-2:])}
    for name in NETS:
        run, _ = image_run(name, 0, BRIEF)
        looks = run["looks"]
        found[f"digits, {name}"] = {m: looks[m][-1] for m in MEASURES[-2:]} | {
            "frechet": run["frechet"]
        }
    return rounded(found)


def load(name):
    """The arrays of gans.npz called NAME0, NAME1, ..., as float32: weights for `set_weights`."""
    with np.load(STORED) as file:
        count = sum(key.startswith(name) and key[len(name) :].isdigit() for key in file.files)
        if not count:
            raise ValueError(f"expected a name of weights in gans.npz, got {name!r}")
        return [file[f"{name}{k}"].astype(np.float32) for k in range(count)]


def main(arguments=None):
    seeds, started = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0]), time.time()
    more = MORE_SEEDS if seeds == list(SEEDS) else seeds
    found = {"ring": ring_part(seeds, more)}
    found["digits"], stored = digits_part(seeds, Images())
    found["small"] = small()
    file = io.BytesIO()
    np.savez_compressed(file, **stored)
    STORED.parent.mkdir(exist_ok=True)
    files.replace(STORED, file.getvalue())
    spent = taken(found)
    record.save("gans", found, seeds=seeds, started=time.perf_counter() - spent)
    print(f"{spent:.0f} s of trainings, {time.time() - started:.0f} s just now")


def taken(found):
    """Processor seconds of all trainings kept in it."""
    if isinstance(found, dict):
        own = np.sum(found.get("seconds", 0.0))
        return float(own) + sum(taken(v) for k, v in found.items() if k != "seconds")
    return 0.0


if __name__ == "__main__":
    main()
