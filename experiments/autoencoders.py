"""Autoencoders measured: against PCA, as denoisers, detectors and beginnings, and what VAEs draw.

All nets are `twice.scratch`'s, trained by Adam whose rate comes down along a cosine. Two tasks:
"digits", 1400 of scikit-learn's 1797 handwritten digits (8 x 8 pixels; the other 397 are the test),
and "printed", 4000 digits in matplotlib's fonts (16 x 16, somewhat distorted; 1000 more to test).
A seed draws the images, the weights, the batches and the noise. Errors are mean squared errors of
pixels from 0 to 1.

    OPENBLAS_NUM_THREADS=1 python -m experiments.autoencoders               25 minutes; busy, 60
    OPENBLAS_NUM_THREADS=1 python -m experiments.autoencoders --seeds 0 1   two seeds of five

A run that was stopped goes on where it was. The demo's plane goes to twice/widgets/latent.npz. What
else it stores (a list is one number a seed):

bottleneck[TASK]
  test[MODEL][K]             list: error on the test images with K numbers a code. MODEL: "PCA" (its
                             pixels cut to 0 ... 1), "linear" (a linear autoencoder), "shallow" (128
                             ReLUs on either side of the code), "deep" (128 and 64), "conv" (16 and
                             32 maps, strides of 2), "deep, 4 x longer", "conv, 4 x longer" (four
                             times the epochs; on digits)
  train[MODEL][K]            list: the same on the images learned from
  parameters[MODEL][K]       list: numbers of parameters
  angle[K]                   list: the largest angle between what the linear decoder and PCA span
longer[PART][MODEL][K]       as bottleneck["digits"], PART "test" or "train", MODEL "shallow, 4 x
                             longer" or "deep, 16 x longer"
few[MODEL][COUNT]            list: test error with 8 numbers a digit, learned from COUNT digits.
                             MODEL: "PCA", "deep" (as many steps as with all digits), "deep, fewer
                             steps" (as many epochs)
beta[N][BETA]                VAEs of digits with N latent dimensions; BETA "0.1" ... "64": with 64
                             pixels, 64 is what the mean over pixels (for the sum) comes to
  elbo, kl, nll              lists, nats a test image; elbo = -nll - kl, without beta
  importance_bound           list, for BETA "1": the bound of 50 draws
  active                     list: dimensions whose mean varies over images by more than 0.01
  mse, sharpness             lists: error of the reconstruction from the mean; its mean squared
                             Laplacian over that of the images (1: as sharp as these)
collapse[DECODER][BETA][WARM]  the same with 16 dimensions. DECODER: "shallow" (128 units), "deep"
                             (128, 64, 32, 32), "past" (128, and each pixel's logit adds a weighted
                             sum of the pixels before it). WARM: "none", "half" (beta rises from 0
                             over the first half of the training)
refit[N][BETA]               VAEs trained with N numbers and BETA as in `beta`; then the decoder
                             rests and the encoder is trained on, with beta 1, for as long again
  elbo, importance_bound     lists, before that: importance_bound with 50 draws
  refitted                   list: the ELBO after it
halves[WHICH]                as collapse with beta 1 and no warm-up, "deep" split. WHICH: "deep
                             encoder", "deep decoder" (the other half shallow), "deep, 4 x longer"
                             (both halves deep, four times the epochs)
binary[DECODER][WARM]        as collapse with beta 1, "shallow" and "past", of binary digits: each
                             pixel is drawn once, as ink with the probability of its gray
samples
  judge                      list: test accuracy of the classifier of printed digits that judges
  quality[SOURCE]            of 1000 samples. SOURCE: "real" (other printed digits), "copies" (of
                             training images), "PCA 32, fitted" (codes from a Gaussian with the mean
                             and covariance of the training codes), "AE K, fitted", "AE K, normal"
                             (codes from N(0, I)), "VAE K, beta B" (from N(0, I)), "VAE K, beta B,
                             fitted", "VAE 8, beta 1, pixels drawn" (zeros and ones)
    frechet                  list: Frechet distance to the test images in the classifier's last
                             hidden layer, 32 numbers
    score                    list: the classifier's score, 1 to 10
    sure, classes            lists: share of samples that one class gets more than 0.9 of; e to the
                             entropy of the mean probabilities, 1 to 10
    precision, recall        lists: after Kynkaanniemi et al., in the same 32 numbers
    neighbor                 list: median distance to the nearest training image, over that of
                             test images (0: copies)
    sharpness                list: as above
  blur[MODEL]                {"sharpness", "mse", "active"}: lists, reconstructions of test images
denoising
  error[METHOD][LEVEL]       list: test error after denoising digits with Gaussian noise of this
                             size; all is learned or chosen at 0.3. METHOD: "none", "blur", "PCA",
                             "linear" (the best linear map noisy -> clean), "plain K" and "denoising
                             K": autoencoders with K = 32 (a bottleneck; 128 units around it), 256
                             (no bottleneck, no other layer)
  probe[CODE]                list: test accuracy of softmax regression on the codes of 100 labeled
                             digits. CODE: "pixels", "PCA" (32), and the autoencoders
  chosen                     {"blur": width, "PCA": components}: lists
anomaly
  digit[DETECTOR][DIGIT]     list: area under the ROC curve when the other nine digits are learned
                             from and DIGIT is strange. DETECTOR: "PCA K" and "AE K" (error of the
                             reconstruction), "VAE 8" (-ELBO), "Gaussian" (Mahalanobis distance),
                             "neighbor" (distance to the nearest), "ink" (less ink is stranger)
  other[DETECTOR][KIND]      list: the area when all digits are normal and KIND is strange: "noise",
                             "shuffled" (pixels), "blank", "faint" (0.4 x ink), "inverted",
                             "letters"
floor                        what no reconstruction can win: the entropy of pixels read as chances
  nats                       list: its mean over test digits
  ones, zeros                lists: its mean over the 1s and the 0s of them
  digit[SCORE][DIGIT]        list: area as in anomaly. SCORE: "VAE 8" (-ELBO), "VAE 8, less floor",
                             "floor" alone
sparse[SETTING]              128 units. SETTING: "L1 s" (ReLU; penalty s on the sum), "KL rho"
                             (sigmoid, 0.01 x KL to a mean of rho), "PCA 32"
  mse, probe                 lists, as above
  active, mean, dead         lists: share of units above a tenth of the largest activity; mean
                             activity; share of units that are never above that tenth
pretraining
  linear[LABELS]             list: test accuracy of softmax regression on the pixels
  DEPTH[START][LABELS]       list: of nets with DEPTH "2" (200, 100 units) or "5" (100 each) trained
                             on so many labeled digits in 1000 steps. START: "sigmoid" and "ReLU"
                             (Glorot's weights), "sigmoid, small" (normal, 0.01), "belief net"
                             (sigmoid, RBMs trained on all 1400 digits without labels),
                             "autoencoder" (ReLU, the encoder of a denoising one, on the same)
patience[STEPS][START][LABELS]
                             list: the same of five layers, for STEPS "1000" and "5000" of
                             training. START: as above, and "sigmoid, uniform" (within
                             1 / sqrt(inputs))
machine[WAY][AFTER]          list: mean ln p of the 14 pictures of bars, by an RBM with 8 hidden
                             units AFTER "1000" ... "4000" steps. WAY: "CD-1", "CD-10", "exact"
demo                         the plane: a VAE of 12,000 bent digits, 16 x 16, from five seeds
  stored                     the seed whose arrays the demo has
  test_elbo, test_mse        lists, on the 359 test digits
  classifier_accuracy        list: of the net that judges the plane
  reconstruction_read_right  list: share of test digits read right after two numbers of code
  share_of_plane             list of ten: what share of N(0, I) decodes to each digit
  clearest                   list of ten: the classifier's best probability for each digit
  four_and_nine              list: the largest min(p(4), p(9)) of one picture in the plane
small                        a few seconds' part of everything, which the tests repeat
"""

import functools
import io
import itertools
import math
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from experiments import record
from experiments.deep_cnns import rounded
from experiments.lenet import enlarge, held_out, sharpen
from twice import data, files
from twice.scratch.adaptive import Adam
from twice.scratch.autoencoders import (
    ActivityRegularizer,
    Autoencoder,
    Denoising,
    anomaly_score,
    subspace_angle,
)
from twice.scratch.backpropagation import Activation, Dense, Layer, Sequential
from twice.scratch.boltzmann import RBM, DeepBelief, states
from twice.scratch.conv_layers import Conv2DTranspose
from twice.scratch.convolution import Conv2D
from twice.scratch.latent import GaussianLatent, kl_standard_normal
from twice.scratch.losses import SparseCategoricalCrossentropy, softmax
from twice.scratch.metrics import roc_auc
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import Flatten, Reshape
from twice.scratch.preprocessing import PCA, Standardizer, Whitener
from twice.scratch.sample_quality import (
    classifier_score,
    frechet_distance,
    nearest_neighbors,
    precision_recall,
)
from twice.scratch.training import Callback
from twice.scratch.vae import VAE, BetaWarmUp, active_units
from twice.widgets import drawing
from twice.widgets.drawing import prepare, shrink

# --- training


class Slower(Callback):
    """Bring the rate down along half a wave of the cosine (Loshchilov and Hutter, 2017)."""

    def __init__(self, optimizer, steps):
        self.optimizer, self.rate, self.steps = optimizer, optimizer.learning_rate, steps

    def on_batch_end(self, model, iteration, logs):
        done = min(1.0, iteration / self.steps)
        self.optimizer.learning_rate = self.rate * (
            0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2
        )


def learn(model, *pair, epochs, seed, rate=2e-3, batch=50, callbacks=(), **settings):
    """Adam, its rate brought down along a cosine; pair: x, or x and y."""
    optimizer = Adam(rate)
    slower = Slower(optimizer, epochs * math.ceil(len(pair[0]) / batch))
    order, callbacks = np.random.default_rng([seed, 2]), [slower, *callbacks]
    model.fit(*pair, optimizer=optimizer, epochs=epochs, batch_size=batch, verbose=False,
              rng=order, callbacks=callbacks, **settings)  # fmt: skip
    return model


def dense(sizes, rng, activation="relu", last=None):
    """Dense layers of these sizes with an activation between, and `last` at the end."""
    layers = []
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers += [Dense(n_in, n_out, rng=rng)]
        name = activation if k < len(sizes) - 2 else last
        layers += [Activation(name)] if name else []
    return layers


# --- the demo: a plane of handwritten digits

ENCODER, DECODER, CLASSIFIER = (256, 128, 64, 4), (2, 96, 128, 256), (256, 32, 10)
DRAWN, DEMO_EPOCHS, DEMO_SEEDS = 12_000, 200, range(5)
STORED = Path(drawing.__file__).with_name("latent.npz")


def drawn(n, rng):
    """n handwritten digits (n, 256), somewhat slanted, stretched, turned and thickened; labels."""
    x, y = data.digits()[0]
    times = math.ceil(n / len(x))
    order = np.concatenate([rng.permutation(len(x)) for _ in range(times)])[:n]
    images = np.empty((n, 256), np.float32)
    for k, i in enumerate(order):
        paper = enlarge(x[i, ..., 0])
        slant = np.array([[1, 0], [rng.uniform(-0.12, 0.12), 1]])
        matrix = slant @ np.diag(np.exp(rng.uniform(-0.1, 0.1, 2)))
        middle = (np.array(paper.shape) - 1) / 2
        paper = ndimage.affine_transform(paper, matrix, middle - matrix @ middle, order=1)
        paper = sharpen(paper, rng.uniform(0.4, 0.55), rng.uniform(3, 6))
        angle, zoom = rng.uniform(-6, 6), np.exp(rng.uniform(-0.05, 0.05))
        images[k] = shrink(prepare(paper, angle=angle, zoom=zoom)).ravel()
    return np.clip(images, 0, 1), y[order]


@functools.cache
def demo_test():
    """(x (359, 256), y): the handwritten digits that the demo's nets never see, prepared."""
    x, y = held_out()
    test = np.array([shrink(image).ravel() for image in x[..., 0]], np.float32)
    return np.clip(test, 0, 1), y


@functools.lru_cache(maxsize=1)
def demo_data(n):
    """((x, y), (x, y)): what the demo's nets learn from, and `demo_test`."""
    return drawn(n, np.random.default_rng(0)), demo_test()


def demo_model(seed=0):
    """The demo's VAE, untrained; `set_weights([e0 ... e5, d0 ... d5])` makes it the stored one."""
    rng = np.random.default_rng([seed, 1])
    latent = GaussianLatent(2, rng=np.random.default_rng([seed, 3]))
    return VAE(dense(ENCODER, rng), dense(DECODER, rng), latent)


def demo_train(parts, seed, epochs):
    return learn(demo_model(seed), parts[0][0], epochs=epochs, seed=seed, batch=100)


def demo_classifier(vae, parts, seed, epochs=12):
    """Reads digits, and noisy, blurred and decoded ones; it judges what the decoder draws."""
    (x, y), rng = parts[0], np.random.default_rng([seed, 4])
    decoded = vae.reconstruct(x)
    noisy = np.clip(x + rng.normal(0, 0.15, x.shape), 0, 1).astype(np.float32)
    share = rng.uniform(0, 1, (len(x), 1)).astype(np.float32)
    every = np.concatenate([x, noisy, decoded * share + x * (1 - share)])
    model = Sequential(dense(CLASSIFIER, np.random.default_rng([seed, 5])))
    loss = SparseCategoricalCrossentropy(from_logits=True)
    return learn(model, every, np.tile(y, 3), loss=loss, epochs=epochs, seed=seed, batch=100)


def demo_findings(vae, classifier, parts):
    """What the demo needs, as arrays, and how good it is, measured with the rounded weights."""
    x, y = parts[1]
    arrays = {}
    for name, model in (("e", vae.encoder), ("d", vae.decoder), ("c", classifier)):
        weights = [w.astype(np.float16) for w in model.get_weights()]
        model.set_weights(weights)
        arrays |= {f"{name}{k}": w for k, w in enumerate(weights)}
    codes = vae.encode(x)
    again = vae.decode(codes)
    read, reread = (classifier.predict(a).argmax(axis=1) for a in (x, again))
    line = np.linspace(-3, 3, 61)
    plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2).astype(np.float32)
    p = softmax(classifier.predict(vae.decode(plane)))
    within = np.exp(-(plane**2).sum(axis=1) / 2)
    both = np.minimum(p[:, 4], p[:, 9])
    good = (read == y) & (reread == y)
    kept = [i for digit in range(10) for i in pick(y, good, digit)]
    arrays |= {
        "codes": codes.astype(np.float16),
        "labels": y.astype(np.uint8),
        "examples": np.round(15 * x[kept]).astype(np.uint8).reshape(-1, 16, 16),
    }
    return {
        "test_nll": float(vae.reconstruction.forward(x, vae.decoder.predict(codes))),
        "test_elbo": float(vae.elbo(x, rng=np.random.default_rng(0), draws=20).mean()),
        "test_mse": float(np.mean((again - x) ** 2)),
        "classifier_accuracy": float(np.mean(read == y)),
        "reconstruction_read_right": float(np.mean(reread == y)),
        "share_of_plane": [
            float(v) for v in within @ (p == p.max(axis=1, keepdims=True)) / within.sum()
        ],
        "clearest": [float(v) for v in p.max(axis=0)],
        "four_and_nine": float(both.max()),
        "arrays": arrays,
    }


def demo(seed, n=DRAWN, epochs=DEMO_EPOCHS):
    """What is found, and the arrays, of one seed."""
    parts = demo_data(n)
    vae = demo_train(parts, seed, epochs)
    found = demo_findings(vae, demo_classifier(vae, parts, seed), parts)
    arrays = found.pop("arrays")
    return found, arrays


def pick(y, good, digit):
    """Two of the test digits: those kept by the code first, then any."""
    order = np.concatenate([np.flatnonzero((y == digit) & good), np.flatnonzero(y == digit)])
    return order[:2]


# --- what most parts learn from, and the nets

SEEDS = range(5)
TRAIN, EPOCHS = 1400, 100
PRINTED, PRINTED_EPOCHS = 4000, 40


@functools.cache
def pixels():
    """(x, y): all 1797 handwritten digits, x (1797, 64) in [0, 1]."""
    parts = data.digits()
    x, y = (np.concatenate(both) for both in zip(*parts, strict=True))
    return x.reshape(len(x), -1), y


def digits(seed):
    """(x, y) of 1400 handwritten digits, and of the other 397; the seed draws them."""
    x, y = pixels()
    order = np.random.default_rng([seed, 0]).permutation(len(y))
    return [(x[i], y[i]) for i in (order[:TRAIN], order[TRAIN:])]


@functools.lru_cache(maxsize=3)
def printed(seed, n=PRINTED, held=1000):
    """(x, y) of n printed digits, 16 x 16, somewhat distorted, and of other ones."""
    x, y = data.glyphs(n + held, size=16, distortion=0.5, rng=np.random.default_rng([seed, 6]))
    x = x.reshape(len(x), -1)
    return [(x[:n], y[:n]), (x[n:], y[n:])]


MAPS = (16, 32)  # of the convolutions
TASKS = {"digits": digits, "printed": printed}


def halves(kind, n_in, k, rng):
    """The layers of an encoder n_in -> k and of a decoder back."""
    if kind == "linear":
        return [Dense(n_in, k, rng=rng)], [Dense(k, n_in, rng=rng)]
    if kind == "conv":
        side = math.isqrt(n_in)
        small, (some, more) = side // 4, MAPS
        maps = {"strides": 2, "padding": "same", "rng": rng}
        encoder = [Reshape((side, side, 1)), Conv2D(1, some, 3, **maps), Activation("relu"),
                   Conv2D(some, more, 3, **maps), Activation("relu"), Flatten(),
                   Dense(more * small**2, k, rng=rng)]  # fmt: skip
        decoder = [Dense(k, more * small**2, rng=rng), Activation("relu"),
                   Reshape((small, small, more)), Conv2DTranspose(more, some, 3, **maps),
                   Activation("relu"), Conv2DTranspose(some, 1, 3, **maps), Flatten(),
                   Activation("sigmoid")]  # fmt: skip
        return encoder, decoder
    inner = {"shallow": (128,), "deep": (128, 64)}[kind]
    return dense((n_in, *inner, k), rng), dense((k, *inner[::-1], n_in), rng, last="sigmoid")


def autoencoder(kind, x, k, seed, epochs=EPOCHS, **settings):
    """An autoencoder trained on x; its random numbers come from the seed."""
    model = Autoencoder(*halves(kind, x.shape[1], k, np.random.default_rng([seed, 1])))
    return learn(model, x, loss=MeanSquaredError(), epochs=epochs, seed=seed, **settings)


def squared(x, back):
    return float(np.mean((back - x) ** 2))


def in_range(model, x):
    """PCA's reconstruction, cut to [0, 1] as pixels are."""
    return np.clip(model.inverse(model.transform(x)), 0, 1)


def listed(rows):
    """A list of dicts (one a seed) -> a dict of lists, nested dicts too."""
    first = rows[0]
    if not isinstance(first, dict):
        return list(rows)
    return {name: listed([row[name] for row in rows]) for name in first}


# --- bottleneck

CODES = {"digits": (1, 2, 4, 8, 16, 32), "printed": (2, 8, 32)}
NETS = {
    "digits": ("linear", "shallow", "deep", "conv", "deep, 4 x longer", "conv, 4 x longer"),
    "printed": ("shallow", "deep", "conv"),
}
RARE = {"conv": (2, 8, 32), "deep, 4 x longer": (8, 32), "conv, 4 x longer": (8,)}
COUNTS, AT = (100, 300, 1000), 8


def bottleneck(task, seed, epochs=None, codes=None):
    """{"test": {MODEL: {K: error}}, "train": ..., ...} of one seed."""
    (x, _), (t, _) = TASKS[task](seed)
    epochs = epochs or {"digits": EPOCHS, "printed": PRINTED_EPOCHS}[task]
    found = {"test": {}, "train": {}, "angle": {}, "parameters": {}}
    for k in codes or CODES[task]:
        pca = PCA(k).fit(x)
        for name in ("PCA", *NETS[task]):
            if k not in RARE.get(name, CODES[task]):
                continue
            if name == "PCA":
                back = [in_range(pca, a) for a in (x, t)]
            else:
                kind, times = name.split(",")[0], 4 if "longer" in name else 1
                model = autoencoder(kind, x, k, seed, times * epochs)
                back = [np.clip(model.reconstruct(a), 0, 1) for a in (x, t)]
                size = sum(p.size for p in model.params.values())
                found["parameters"].setdefault(name, {})[str(k)] = size
            for part, a, b in zip(("train", "test"), (x, t), back, strict=True):
                found[part].setdefault(name, {})[str(k)] = squared(a, b)
            if name == "linear":
                kernel = model.decoder.layers[0].params["kernel"]
                found["angle"][str(k)] = subspace_angle(kernel, pca.components)
    return found


LONGER = {"shallow": 4, "deep": 16}
LONGER_CODES = (8, 32)


def longer(seed, epochs=EPOCHS, codes=LONGER_CODES):
    """{"test": {MODEL: {K: error}}, "train": ...}: `bottleneck`'s nets trained for longer."""
    (x, _), (t, _) = digits(seed)
    found = {"test": {}, "train": {}}
    for kind, times in LONGER.items():
        for k in codes:
            model = autoencoder(kind, x, k, seed, times * epochs)
            for part, a in (("train", x), ("test", t)):
                row = found[part].setdefault(f"{kind}, {times} x longer", {})
                row[str(k)] = squared(a, np.clip(model.reconstruct(a), 0, 1))
    return found


def few(seed, epochs=EPOCHS):
    """{MODEL: {COUNT: test error}}: 8 numbers a digit, learned from few digits; equal steps."""
    (x, _), (t, _) = digits(seed)
    found = {"PCA": {}, "deep": {}, "deep, fewer steps": {}}
    for n in COUNTS:
        found["PCA"][str(n)] = squared(t, in_range(PCA(AT).fit(x[:n]), t))
        for name, times in (("deep", epochs * TRAIN // n), ("deep, fewer steps", epochs)):
            model = autoencoder("deep", x[:n], AT, seed, times)
            found[name][str(n)] = squared(t, model.reconstruct(t))
    return found


# --- the variational autoencoder: beta, active units, collapse

LATENTS, BETAS = (2, 8, 16), (0.1, 0.3, 1.0, 3.0, 10.0, 64.0)
VAE_EPOCHS = 100


def variational(x, n, beta, seed, epochs=VAE_EPOCHS, *, hidden=(128,), back=None, past=None,
                **settings):  # fmt: skip
    """A VAE trained on x (N, F); hidden, back: the sizes from pixels to code and back."""
    rng, n_in = np.random.default_rng([seed, 1]), x.shape[1]
    latent = GaussianLatent(n, rng=np.random.default_rng([seed, 3]), beta=beta)
    back = hidden[::-1] if back is None else back
    decoder = dense((n, *back, n_in), rng) + ([past] if past else [])
    model = VAE(dense((n_in, *hidden, 2 * n), rng), decoder, latent)
    return learn(model, x, epochs=epochs, seed=seed, **settings)


def judged(model, t, seed):
    """What a VAE makes of t: nats an image, active units, pixels' error, sharpness."""
    mean, log_var = model.posterior(t)
    kl = float(kl_standard_normal(mean, log_var).mean())
    bound = float(model.elbo(t, rng=np.random.default_rng([seed, 7]), draws=10).mean())
    back = model.reconstruct(t)
    return {
        "elbo": bound,
        "kl": kl,
        "nll": kl - bound,
        "active": int(active_units(model, t).sum()),
        "mse": squared(t, back),
        "sharpness": sharpness(back) / sharpness(t),
    }


def sharpness(x):
    """How much neighboring pixels differ: mean squared Laplacian of images (N, side^2)."""
    side = math.isqrt(x.shape[1])
    image = np.pad(x.reshape(-1, side, side), ((0, 0), (1, 1), (1, 1)))
    inside = image[:, 1:-1, 1:-1]
    around = image[:, :-2, 1:-1] + image[:, 2:, 1:-1] + image[:, 1:-1, :-2] + image[:, 1:-1, 2:]
    return float(np.mean((4 * inside - around) ** 2))


def beta_part(n, seed, epochs=VAE_EPOCHS, betas=BETAS):
    """{BETA: what `judged` says} of one seed."""
    (x, _), (t, _) = digits(seed)
    found = {}
    for beta in betas:
        model = variational(x, n, beta, seed, epochs)
        found[f"{beta:g}"] = judged(model, t, seed)
        if beta == 1:
            draw = np.random.default_rng([seed, 8])
            bound = model.importance_bound(t, rng=draw, draws=50)
            found["1"]["importance_bound"] = float(bound.mean())
    return found


class Past(Layer):
    """Adds to the logit of each pixel a weighted sum of the pixels before it, which it is shown.

    a_j + sum over i < j of x_i W_ij: a decoder that can do without a code (Frey, 1998).
    """

    def __init__(self, n):
        super().__init__()
        self.before = np.triu(np.ones((n, n), np.float32), 1)
        self.params["kernel"] = np.zeros((n, n), np.float32)
        self.grads["kernel"] = np.zeros((n, n), np.float32)
        self.x = None

    def show(self, x, y=None):
        """Look at x from now on; as `augment` of `fit` it returns the batch."""
        self.x = np.asarray(x, np.float32)
        return x, y

    def forward(self, z, training=False):
        return z + self.x @ self.params["kernel"]

    def backward(self, grad):
        self.grads["kernel"] = self.x.T @ grad * self.before
        return grad


WARM = {"none": 0.0, "half": 0.5}
FLOOR = {"shallow": (128,), "deep": (128, 64, 32, 32)}


def collapse(seed, epochs=VAE_EPOCHS, betas=(1.0, 3.0)):
    """{DECODER: {BETA: {WARM-UP: {"elbo", "kl", "active", ...}}}}; 16 numbers a digit."""
    (x, _), (t, _) = digits(seed)
    found = {}
    for kind in ("shallow", "deep", "past"):
        for beta in betas:
            for warm, share in WARM.items():
                past = Past(x.shape[1]) if kind == "past" else None
                steps = round(share * epochs * math.ceil(len(x) / 50))
                calls = [BetaWarmUp(steps, beta=beta)] if steps else []
                more = {"augment": past.show} if past else {}
                hidden = FLOOR.get(kind, (128,))
                model = variational(x, 16, beta, seed, epochs, hidden=hidden, past=past,
                                    callbacks=calls, **more)  # fmt: skip
                if past:
                    past.show(t)
                row = found.setdefault(kind, {}).setdefault(f"{beta:g}", {})
                row[warm] = judged(model, t, seed)
    return found


def halves_apart(seed, epochs=VAE_EPOCHS):
    """{WHICH: what `judged` says}: which half of the deep net collapses; 16 numbers a digit."""
    (x, _), (t, _) = digits(seed)
    deep, shallow = FLOOR["deep"], FLOOR["shallow"]
    ways = {
        "deep encoder": (epochs, deep, shallow),
        "deep decoder": (epochs, shallow, deep[::-1]),
        "deep, 4 x longer": (4 * epochs, deep, deep[::-1]),
    }
    return {
        name: judged(variational(x, 16, 1.0, seed, n, hidden=hidden, back=back), t, seed)
        for name, (n, hidden, back) in ways.items()
    }


def binary(seed, epochs=VAE_EPOCHS):
    """{DECODER: {WARM-UP: what `judged` says}} of digits whose pixels are drawn, 0 or 1."""
    rng = np.random.default_rng([seed, 18])
    x, t = ((rng.random(a.shape) < a).astype(np.float32) for a, _ in digits(seed))
    found = {}
    for kind in ("shallow", "past"):
        for warm, share in WARM.items():
            past = Past(x.shape[1]) if kind == "past" else None
            steps = round(share * epochs * math.ceil(len(x) / 50))
            calls = [BetaWarmUp(steps, beta=1.0)] if steps else []
            more = {"augment": past.show} if past else {}
            model = variational(x, 16, 1.0, seed, epochs, past=past, callbacks=calls, **more)
            if past:
                past.show(t)
            found.setdefault(kind, {})[warm] = judged(model, t, seed)
    return found


class Rest(Callback):
    """Puts the weights of a part of the model back after every batch."""

    def __init__(self, part):
        self.part, self.weights = part, [w.copy() for w in part.get_weights()]

    def on_batch_end(self, model, iteration, logs):
        self.part.set_weights([w.copy() for w in self.weights])


REFITTED = (("8", 0.1), ("8", 1.0), ("16", 0.1))


def refit(seed, epochs=VAE_EPOCHS, refitted=REFITTED):
    """{N: {BETA: {"elbo", "importance_bound", "refitted"}}}: is the decoder to blame?"""
    (x, _), (t, _) = digits(seed)
    found = {}
    for n, beta in refitted:
        model = variational(x, int(n), beta, seed, epochs)
        draw = np.random.default_rng([seed, 8])
        row = {
            "elbo": judged(model, t, seed)["elbo"],
            "importance_bound": float(model.importance_bound(t, rng=draw, draws=50).mean()),
        }
        model.latent.beta = 1.0
        learn(model, x, epochs=epochs, seed=seed, callbacks=[Rest(model.decoder)])
        row["refitted"] = judged(model, t, seed)["elbo"]
        found.setdefault(n, {})[f"{beta:g}"] = row
    return found


# --- samples and who judges them

FEATURES = 32


def judge(seed, epochs=15):
    """A classifier of printed digits; its last hidden layer is where samples are compared."""
    (x, y), _ = printed(seed, 6000, 1000)
    layers = dense((256, 64, FEATURES, 10), np.random.default_rng([seed, 5]))
    loss = SparseCategoricalCrossentropy(from_logits=True)
    return learn(Sequential(layers), x, y, loss=loss, epochs=epochs, seed=seed)


def features(model, x):
    for layer in model.layers[:-1]:
        x = layer.forward(x)
    return x


def gaussian_codes(codes, n, rng):
    """n draws from the Gaussian with the mean and covariance of these codes."""
    spread = np.atleast_2d(np.cov(codes, rowvar=False))
    return rng.multivariate_normal(codes.mean(axis=0), spread, size=n).astype(np.float32)


SAMPLED = 1000
SAMPLE_BETAS, SAMPLE_CODES = (0.0, 0.1, 1.0, 3.0), (2, 8, 32)


def sample_quality(samples, model, real, train, yardstick):
    """What the judge, distances and sharpness say about samples (N, F), compared with real ones."""
    p = softmax(model.predict(samples))
    a, b = features(model, real), features(model, samples)
    precision, recall = precision_recall(a, b)
    distance = np.median(nearest_neighbors(samples, train)[1])
    return {
        "frechet": frechet_distance(a, b),
        "score": classifier_score(p),
        "sure": float(np.mean(p.max(axis=1) > 0.9)),
        "classes": float(np.exp(-(p.mean(axis=0) * np.log(p.mean(axis=0) + 1e-9)).sum())),
        "precision": precision,
        "recall": recall,
        "neighbor": float(distance / yardstick),
        "sharpness": sharpness(samples) / sharpness(real),
    }


def samples_part(seed, epochs=40, codes=SAMPLE_CODES, betas=SAMPLE_BETAS, n=SAMPLED, read=15):
    """{SOURCE: what `sample_quality` says}, {"judge": accuracy}, and blur of reconstructions."""
    (x, _), (real, y) = printed(seed)
    (other, _), _ = printed(seed + 1000, n, 10)
    model = judge(seed, read)
    yardstick = np.median(nearest_neighbors(real, x)[1])
    rng = np.random.default_rng([seed, 9])
    made = {"real": other, "copies": x[rng.choice(len(x), n, replace=False)]}
    pca = PCA(32).fit(x)
    made["PCA 32, fitted"] = np.clip(pca.inverse(gaussian_codes(pca.transform(x), n, rng)), 0, 1)
    blur = {}
    for k in codes:
        net = autoencoder("shallow", x, k, seed, epochs)
        inside = net.encode(x)
        fresh = rng.normal(size=(n, k)).astype(np.float32)
        made[f"AE {k}, normal"] = net.decode(fresh)
        made[f"AE {k}, fitted"] = net.decode(gaussian_codes(inside, n, rng))
        back = net.reconstruct(real)
        blur[f"AE {k}"] = {"sharpness": sharpness(back) / sharpness(real),
                           "mse": squared(real, back), "active": k}  # fmt: skip
        for beta in betas:
            if k != 8 and beta != 1:
                continue
            vae = variational(x, k, beta, seed, epochs)
            name = f"VAE {k}, beta {beta:g}"
            drawn_codes = rng.normal(size=(n, k)).astype(np.float32)
            made[name] = vae.decode(drawn_codes)
            if k == 8:
                made[name + ", fitted"] = vae.decode(gaussian_codes(vae.encode(x), n, rng))
            if k == 8 and beta == 1:
                flips = rng.random((n, x.shape[1])) < made[name]
                made[name + ", pixels drawn"] = flips.astype(np.float32)
            blur[name] = {
                key: judged(vae, real, seed)[key] for key in ("sharpness", "mse", "active")
            }
    return {
        "judge": float(np.mean(model.predict(real).argmax(axis=1) == y)),
        "quality": {name: sample_quality(a, model, real, x, yardstick) for name, a in made.items()},
        "blur": blur,
    }


# --- denoising

NOISE, LEVELS = 0.3, (0.1, 0.2, 0.3, 0.4, 0.6)
PROBED = 100


def noisy(x, level, rng):
    return (x + level * rng.normal(size=x.shape)).astype(np.float32)


def linear_denoiser(x, rng, copies=20):
    """The linear map noisy -> clean with the smallest squared error on noisy copies of x."""
    a = np.concatenate([noisy(x, NOISE, rng) for _ in range(copies)])
    clean = np.tile(x, (copies, 1))
    a1 = np.hstack([a, np.ones((len(a), 1), np.float32)])
    w = np.linalg.lstsq(a1, clean, rcond=None)[0]
    return lambda t: np.hstack([t, np.ones((len(t), 1))]) @ w


def blurred(x, width):
    side = math.isqrt(x.shape[1])
    back = ndimage.gaussian_filter(x.reshape(-1, side, side), (0, width, width))
    return back.reshape(x.shape)


def denoise(seed, epochs=EPOCHS):
    """{"error": {METHOD: {LEVEL: error}}, "probe": {METHOD: accuracy}} of one seed."""
    (x, y), (t, yt) = digits(seed)
    rng = np.random.default_rng([seed, 10])
    tuning = noisy(x, NOISE, rng)
    width = min((0.3, 0.4, 0.5, 0.6, 0.8), key=lambda w: squared(x, blurred(tuning, w)))
    best = min((4, 8, 12, 16, 24, 32), key=lambda k: squared(x, in_range(PCA(k).fit(x), tuning)))
    methods = {
        "none": lambda a: a,
        "blur": lambda a: blurred(a, width),
        "PCA": functools.partial(in_range, PCA(best).fit(x)),
        "linear": linear_denoiser(x, rng),
    }
    codes = {"pixels": lambda a: a, "PCA": PCA(32).fit(x).transform}
    for kind, k in (("shallow", 32), ("wide", 256)):
        for way in ("plain", "denoising"):
            own = f"{way} {k}"
            augment = Denoising(stddev=NOISE, rng=np.random.default_rng([seed, 11]))
            more = {"augment": augment} if way == "denoising" else {}
            init = np.random.default_rng([seed, 1])
            if kind == "wide":
                model = Autoencoder(dense((64, k), init, last="relu"),
                                    dense((k, 64), init, last="sigmoid"))  # fmt: skip
            else:
                model = Autoencoder(*halves(kind, 64, k, init))
            learn(model, x, loss=MeanSquaredError(), epochs=epochs, seed=seed, **more)
            methods[own], codes[own] = model.reconstruct, model.encode
    found = {"error": {}, "probe": {}, "chosen": {"blur": width, "PCA": best}}
    for name, method in methods.items():
        for level in (0.0, *LEVELS):
            a = noisy(t, level, np.random.default_rng([seed, 12]))
            row = found["error"].setdefault(name, {})
            row[f"{level:g}"] = squared(t, np.clip(method(a), 0, 1))
    for name, code in codes.items():
        found["probe"][name] = probe(code(x[:PROBED]), y[:PROBED], code(t), yt)
    return found


def probe(x, y, t, yt):
    """Test accuracy of softmax regression on standardized codes."""
    from sklearn.linear_model import LogisticRegression

    scale = Standardizer().fit(x.astype(np.float64))
    model = LogisticRegression(C=1.0, max_iter=2000).fit(scale.transform(x), y)
    return float(model.score(scale.transform(t), yt))


# --- anomalies

ODD = ("noise", "shuffled", "blank", "faint", "inverted", "letters")
ANOMALY_EPOCHS = 40


def odd_ones(kind, t, rng):
    """What is no digit, (N, 64)."""
    if kind == "noise":
        return rng.random(t.shape, dtype=np.float32)
    if kind == "shuffled":
        return rng.permuted(t, axis=1)
    if kind == "blank":
        return np.zeros_like(t) + rng.uniform(0, 0.02, (len(t), 1)).astype(np.float32)
    if kind == "faint":
        return t * 0.4
    if kind == "inverted":
        return 1 - t
    x, _ = data.glyphs(len(t), characters="ACFHKMPRTX", size=8, distortion=0.3, rng=rng)
    return x.reshape(len(x), -1)


def detectors(x, seed, epochs=ANOMALY_EPOCHS):
    """{NAME: a function images -> how strange each is}, learned from x."""
    found = {}
    for k in (2, 8, 32):
        pca = PCA(k).fit(x)
        model = autoencoder("deep", x, k, seed, epochs)
        found[f"PCA {k}"] = lambda a, pca=pca: anomaly_score(
            lambda b: pca.inverse(pca.transform(b)), a
        )
        found[f"AE {k}"] = lambda a, model=model: anomaly_score(model, a)
    vae = variational(x, 8, 1.0, seed, epochs)
    draw = np.random.default_rng([seed, 13])
    found["VAE 8"] = lambda a: -vae.elbo(np.clip(a, 0, 1), rng=draw, draws=5)
    white = Whitener(epsilon=1e-3).fit(x)
    found["Gaussian"] = lambda a: (white.transform(a) ** 2).sum(axis=1)
    found["neighbor"] = lambda a: nearest_neighbors(a, x)[1]
    found["ink"] = lambda a: -a.sum(axis=1)
    return found


def auc(scores, normal, strange):
    y = np.r_[np.zeros(len(normal), int), np.ones(len(strange), int)]
    return float(roc_auc(y, np.r_[scores(normal), scores(strange)]))


def anomaly(seed, epochs=ANOMALY_EPOCHS, left_out=range(10)):
    """{"digit": {DETECTOR: {DIGIT: area}}, "other": {DETECTOR: {KIND: area}}} of one seed."""
    (x, y), (t, yt) = digits(seed)
    found = {"digit": {}, "other": {}}
    for digit in left_out:
        strange = np.concatenate([x[y == digit], t[yt == digit]])
        for name, scores in detectors(x[y != digit], seed, epochs).items():
            area = auc(scores, t[yt != digit], strange)
            found["digit"].setdefault(name, {})[str(digit)] = area
    rng = np.random.default_rng([seed, 14])
    kinds = {kind: odd_ones(kind, t, rng) for kind in ODD}
    for name, scores in detectors(x, seed, epochs).items():
        found["other"][name] = {kind: auc(scores, t, a) for kind, a in kinds.items()}
    return found


def gray_entropy(x):
    """The least that a cross-entropy with gray pixels can be, nats an image: its own entropy."""
    p = np.clip(x.astype(np.float64), 1e-12, 1 - 1e-12)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)


def floor(seed, epochs=ANOMALY_EPOCHS, left_out=range(10)):
    """What the floor of the cross-entropy does to the score -ELBO, of one seed."""
    (x, y), (t, yt) = digits(seed)
    h = gray_entropy(t)
    found = {"nats": float(h.mean()), "ones": float(h[yt == 1].mean()),
             "zeros": float(h[yt == 0].mean()), "digit": {}}  # fmt: skip
    for digit in left_out:
        strange = np.concatenate([x[y == digit], t[yt == digit]])
        vae = variational(x[y != digit], 8, 1.0, seed, epochs)
        a = np.concatenate([t[yt != digit], strange])
        bound = -vae.elbo(a, rng=np.random.default_rng([seed, 13]), draws=5)
        odd = np.arange(len(a)) >= len(a) - len(strange)
        scores = {"VAE 8": bound, "VAE 8, less floor": bound - gray_entropy(a),
                  "floor": gray_entropy(a)}  # fmt: skip
        for name, values in scores.items():
            area = float(roc_auc(odd.astype(int), values))
            found["digit"].setdefault(name, {})[str(digit)] = area
    return found


# --- sparse codes

STRENGTHS, RHOS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3), (0.05, 0.1, 0.2)
UNITS = 128


def sparse(seed, epochs=EPOCHS):
    """{SETTING: {"mse", "active", "dead", "probe"}} of one seed."""
    (x, y), (t, yt) = digits(seed)
    settings = {f"L1 {s:g}": ("relu", s, None) for s in STRENGTHS}
    settings |= {f"KL {rho:g}": ("sigmoid", 0.01, rho) for rho in RHOS}
    found = {}
    for name, (activation, strength, rho) in settings.items():
        init = np.random.default_rng([seed, 1])
        encoder = dense((64, UNITS), init, last=activation)
        if strength:
            encoder.append(ActivityRegularizer(strength, rho=rho))
        model = Autoencoder(encoder, dense((UNITS, 64), init, last="sigmoid"))
        learn(model, x, loss=MeanSquaredError(), epochs=epochs, seed=seed)
        code = model.encode(t)
        on = code > 0.1 * code.max()
        found[name] = {
            "mse": squared(t, model.reconstruct(t)),
            "active": float(on.mean()),
            "mean": float(code.mean()),
            "dead": float(np.mean(~on.any(axis=0))),
            "probe": probe(model.encode(x[:PROBED]), y[:PROBED], code, yt),
        }
    pca = PCA(32).fit(x)
    found["PCA 32"] = {
        "mse": squared(t, in_range(pca, t)), "active": 1.0, "mean": 0.0, "dead": 0.0,
        "probe": probe(pca.transform(x[:PROBED]), y[:PROBED], pca.transform(t), yt),
    }  # fmt: skip
    return found


# --- greedy pretraining

STACKS = {"2": (64, 200, 100), "5": (64, 100, 100, 100, 100, 100)}
LABELS, FINE_STEPS, RBM_EPOCHS = (50, 200, 1400), 1000, 60
STARTS = ("sigmoid", "sigmoid, small", "ReLU", "belief net", "autoencoder")


def small_normal(shape, rng):
    """What nets began with before Glorot: normal numbers of size 0.01."""
    return 0.01 * rng.normal(size=shape)


def small_uniform(shape, rng):
    """The usual start of the years before Glorot and Bengio (2010)."""
    return rng.uniform(-1, 1, shape) / math.sqrt(shape[0])


def starts(sizes, x, seed, epochs=EPOCHS, rbm_epochs=RBM_EPOCHS):
    """{START: a function that gives a fresh net with ten outputs}; two are pretrained on x."""
    belief = DeepBelief(sizes, rng=np.random.default_rng([seed, 15]))
    belief.pretrain(x, make_optimizer=lambda: SGD(0.1, momentum=0.5), batch_size=50, verbose=False,
                    epochs=rbm_epochs, rng=np.random.default_rng([seed, 17]))  # fmt: skip
    rng = np.random.default_rng([seed, 1])
    encoder = dense(sizes, rng, last="relu")
    net = Autoencoder(encoder, dense(sizes[::-1], rng, last="sigmoid"))
    augment = Denoising(stddev=0.2, rng=np.random.default_rng([seed, 11]))
    learn(net, x, loss=MeanSquaredError(), epochs=epochs, seed=seed, augment=augment)
    learned = net.encoder.get_weights()

    def head():
        return Dense(sizes[-1], 10, rng=np.random.default_rng([seed, 16]))

    def scratch(activation, **settings):
        own = np.random.default_rng([seed, 1])
        layers = [
            part
            for n_in, n_out in itertools.pairwise(sizes)
            for part in (Dense(n_in, n_out, rng=own, **settings), Activation(activation))
        ]
        return Sequential([*layers, head()])

    def coded():
        model = Sequential(dense(sizes, np.random.default_rng(0), last="relu"))
        model.set_weights(learned)
        return Sequential([*model.layers, head()])

    return {
        "sigmoid": lambda: scratch("sigmoid"),
        "sigmoid, small": lambda: scratch("sigmoid", initializer=small_normal),
        "sigmoid, uniform": lambda: scratch("sigmoid", initializer=small_uniform),
        "ReLU": lambda: scratch("relu"),
        "belief net": lambda: belief.to_model([head()]),
        "autoencoder": coded,
    }


def fine_tuned(fresh, seed, n, steps):
    """Test accuracy of the net fresh() trained on n labeled digits."""
    (x, y), (t, yt) = digits(seed)
    loss = SparseCategoricalCrossentropy(from_logits=True)
    times = max(1, round(steps / math.ceil(n / 50)))
    model = learn(fresh(), x[:n], y[:n], loss=loss, epochs=times, seed=seed)
    return float(np.mean(model.predict(t).argmax(axis=1) == yt))


def pretraining(seed, steps=FINE_STEPS, epochs=EPOCHS, rbm_epochs=RBM_EPOCHS, labels=LABELS):
    """{LAYERS: {START: {LABELS: test accuracy}}} of one seed; "linear": {LABELS: ...}."""
    (x, y), (t, yt) = digits(seed)
    linear = {str(n): probe(x[:n], y[:n], t, yt) for n in labels}
    found = {"linear": linear}
    for depth, sizes in STACKS.items():
        found[depth] = {}
        fresh = starts(sizes, x, seed, epochs, rbm_epochs)
        for name in STARTS:
            row = {str(n): fine_tuned(fresh[name], seed, n, steps) for n in labels}
            found[depth][name] = row
    return found


PATIENT = ("sigmoid", "sigmoid, small", "sigmoid, uniform", "ReLU", "belief net")
PATIENCE = (1000, 5000)


def patience(seed, every=PATIENCE, epochs=EPOCHS, rbm_epochs=RBM_EPOCHS, labels=LABELS):
    """{STEPS: {START: {LABELS: test accuracy}}} of five layers: is it only slow?"""
    fresh = starts(STACKS["5"], digits(seed)[0][0], seed, epochs, rbm_epochs)
    return {
        str(steps): {
            name: {str(n): fine_tuned(fresh[name], seed, n, steps) for n in labels}
            for name in PATIENT
        }
        for steps in every
    }


# --- a Boltzmann machine small enough to be summed over

ROUNDS, STEPS = {"CD-1": 1, "CD-10": 10, "exact": None}, 1000


def bars():
    """The 14 pictures of 3 x 3 pixels that are made of whole rows or of whole columns, (14, 9)."""
    rows = states(3)
    both = np.vstack([np.repeat(rows, 3, axis=1), np.tile(rows, 3)])
    return np.unique(both, axis=0).astype(np.float32)


def machine(seed, steps=STEPS, stages=4):
    """{WAY: {STEPS: mean ln p of a picture}} of one seed."""
    v, found = bars(), {}
    for name, k in ROUNDS.items():
        rbm, sgd = RBM(9, 8, rng=np.random.default_rng([seed, 19])), SGD(0.1)
        order = np.random.default_rng([seed, 20])
        for stage in range(1, stages + 1):
            if k is None:
                for _ in range(steps):
                    for key, g in rbm.exact_gradient(v).items():
                        rbm.params[key] -= 0.1 * g
            else:
                rbm.fit(np.tile(v, (4, 1)), optimizer=sgd, k=k, epochs=steps, batch_size=56,
                        rng=order, verbose=False)  # fmt: skip
            row = found.setdefault(name, {})
            row[str(stage * steps)] = float(rbm.log_likelihood(v).mean())
    return found


# --- the whole

PARTS = {
    "bottleneck": lambda seed: {task: bottleneck(task, seed) for task in TASKS},
    "few": few,
    "beta": lambda seed: {str(n): beta_part(n, seed) for n in LATENTS},
    "collapse": collapse,
    "samples": samples_part,
    "denoising": denoise,
    "anomaly": anomaly,
    "sparse": sparse,
    "pretraining": pretraining,
    "longer": longer,
    "refit": refit,
    "halves": halves_apart,
    "binary": binary,
    "floor": floor,
    "patience": patience,
    "machine": machine,
}
SETTINGS = {
    "bottleneck": [CODES, NETS, RARE, MAPS, EPOCHS, PRINTED_EPOCHS, PRINTED],
    "few": [COUNTS, AT, EPOCHS],
    "beta": [LATENTS, BETAS, VAE_EPOCHS],
    "collapse": [WARM, FLOOR, VAE_EPOCHS],
    "samples": [SAMPLE_BETAS, SAMPLE_CODES, SAMPLED, FEATURES, PRINTED],
    "denoising": [NOISE, LEVELS, PROBED, EPOCHS],
    "anomaly": [ODD, ANOMALY_EPOCHS],
    "sparse": [STRENGTHS, RHOS, UNITS, PROBED, EPOCHS],
    "pretraining": [STACKS, LABELS, FINE_STEPS, RBM_EPOCHS, STARTS, EPOCHS],
    "longer": [LONGER, LONGER_CODES, EPOCHS],
    "refit": [REFITTED, VAE_EPOCHS],
    "halves": [FLOOR, VAE_EPOCHS],
    "binary": [WARM, VAE_EPOCHS],
    "floor": [ANOMALY_EPOCHS],
    "patience": [PATIENT, PATIENCE, LABELS, RBM_EPOCHS],
    "machine": [ROUNDS, STEPS],
}
SPENT = {}  # seconds of every part, also of those made earlier


def kept(part, seed):
    """One seed of a part; read, where an earlier run with the same settings has made it."""

    def made():
        return rounded(PARTS[part](seed)), []

    found, _ = record.kept("autoencoders", f"{part}-{seed}", SETTINGS[part], made)
    SPENT[part, seed] = found.pop("seconds")
    return found


DEMO_KEYS = [f"{net}{k}" for net, count in (("e", 6), ("d", 6), ("c", 4)) for k in range(count)]
DEMO_KEYS += ["codes", "labels", "examples"]


def demos(seeds=DEMO_SEEDS):
    """What is found with each seed, the seed whose plane is stored, and its arrays.

    Stored is the one with the most test digits that survive their code, of those where the
    decoder finds a picture that is a 4 and a 9 at 40 % or more each, which the demo asks for.
    """
    every = []
    for seed in seeds:

        def made(seed=seed):
            found, arrays = demo(seed)
            return rounded(found), [arrays[key] for key in DEMO_KEYS]

        setting = [ENCODER, DECODER, CLASSIFIER, DRAWN, DEMO_EPOCHS]
        found, arrays = record.kept("autoencoders", f"demo-{seed}", setting, made)
        SPENT["demo", seed] = found.pop("seconds")
        every.append((found, arrays))
    good = [k for k, (found, _) in enumerate(every) if found["four_and_nine"] >= 0.4]
    best = max(good or range(len(every)), key=lambda k: every[k][0]["reconstruction_read_right"])
    found = listed([found for found, _ in every]) | {"stored": list(seeds)[best]}
    return found, dict(zip(DEMO_KEYS, every[best][1], strict=True))


def run(seeds, parts=PARTS):
    """All parts, kept on the way."""
    return {part: listed([kept(part, seed) for seed in seeds]) for part in parts}


def small():
    """A few seconds' part of everything: what the tests repeat and compare with what is stored."""
    found, _ = demo(0, 200, 5)
    return {
        "bottleneck": {task: bottleneck(task, 0, 2, (8,)) for task in TASKS},
        "few": few(0, 2),
        "beta": beta_part(8, 0, 3, (1.0,)),
        "collapse": collapse(0, 2, (1.0,)),
        "samples": samples_part(0, 1, (8,), (1.0,), 200, 2),
        "denoising": denoise(0, 3),
        "anomaly": anomaly(0, 2, [3]),
        "sparse": sparse(0, 2),
        "pretraining": pretraining(0, 60, 3, 3, (100,)),
        "longer": longer(0, 1, (8,)),
        "refit": refit(0, 3, (("8", 0.1),)),
        "halves": halves_apart(0, 2),
        "binary": binary(0, 2),
        "floor": floor(0, 2, [1]),
        "patience": patience(0, (60,), 3, 3, (100,)),
        "machine": machine(0, 30, 1),
        "demo": found,
    }


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, SEEDS, __doc__.splitlines()[0])
    found = run(seeds)
    found["demo"], arrays = demos()
    file = io.BytesIO()
    np.savez(file, **arrays)
    files.replace(STORED, file.getvalue())
    found["small"] = rounded(small())
    record.save(
        "autoencoders", found, seeds=seeds, started=time.perf_counter() - sum(SPENT.values())
    )


if __name__ == "__main__":
    main()
