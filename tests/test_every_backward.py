"""Every way back in the library against central differences: float64, random shapes, below 1e-6.

A class that has a `backward` and no case here fails `test_no_class_is_forgotten`. The losses' cases
stand in `test_losses.FAMILY`. What the random numbers of a layer are does not matter to its
gradient, only that they stay: `Still` repeats them.
"""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_losses import FAMILY

import twice.scratch
from twice.scratch import losses
from twice.scratch.activation_layers import Maxout, PReLU, Softmax
from twice.scratch.activations import ACTIVATIONS
from twice.scratch.adversarial import input_gradient
from twice.scratch.adversaries import ConditionalGAN
from twice.scratch.autodiff import Value
from twice.scratch.autoencoders import ActivityRegularizer, Autoencoder, ContractiveDense
from twice.scratch.backpropagation import FUNCTIONS, Activation, Dense, Sequential
from twice.scratch.boltzmann import RBM
from twice.scratch.contrastive import (
    BarlowTwins,
    ContrastiveLoss,
    Siamese,
    TripletLoss,
    UnitNormalization,
)
from twice.scratch.conv_layers import (
    Conv2DTranspose,
    DepthwiseConv2D,
    SeparableConv2D,
    UpSampling2D,
)
from twice.scratch.convolution import Conv2D
from twice.scratch.critics import GradientPenalty, SpectralNormalization, gradient_penalty
from twice.scratch.deep_cnns import Add, Concatenate, Identity
from twice.scratch.encoder_decoder import EncoderDecoder
from twice.scratch.game_losses import (
    GameLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Wasserstein,
)
from twice.scratch.gans import GAN
from twice.scratch.gated import GRU, LSTM
from twice.scratch.gates import Highway, Multiply
from twice.scratch.gradcheck import check_array, gradcheck
from twice.scratch.latent import GaussianLatent
from twice.scratch.looking import score_gradient
from twice.scratch.losses import SoftmaxRegression
from twice.scratch.mixture import MixtureDensity
from twice.scratch.noise import Dropout, GaussianNoise, WeightNoise
from twice.scratch.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from twice.scratch.normalized_weights import CosineDense, WeightNormDense
from twice.scratch.perceptron import Adaline, MeanSquaredError
from twice.scratch.pooling import (
    AveragePooling2D,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    Reshape,
)
from twice.scratch.recurrent import Recurrent, SimpleRNN
from twice.scratch.regularization import L1L2, Regularized
from twice.scratch.sequences import (
    MERGES,
    Bidirectional,
    Embedding,
    SequenceCrossentropy,
    SequenceModel,
    TimeDistributed,
)
from twice.scratch.sharing import JointLoss, Tied, TiedDense
from twice.scratch.tensor import Tensor
from twice.scratch.transfer import Frozen
from twice.scratch.vae import VAE, BernoulliReconstruction, GaussianReconstruction

LIMIT, CASES = 1e-6, {}
GAMES = Minimax, NonSaturating, Wasserstein, Hinge, LeastSquares
ABSTRACT = {losses.Loss: "losses", Recurrent: "step_back"}  # and what a subclass brings


def case(*kinds):
    """The function below checks each of these kinds: (draw, kind) -> what was looked at."""

    def keep(f):
        CASES.update({f"{k.__module__.removeprefix('twice.scratch.')}.{k.__name__}": (k, f)
                      for k in kinds})  # fmt: skip

    return keep


class Draw:
    """Sizes and choices from hypothesis, all other numbers from a generator with its seed."""

    def __init__(self, data):
        self.data = data
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
        self.made = {"rng": self.rng, "dtype": np.float64}

    def n(self, low=1, high=4):
        return self.data.draw(st.integers(low, high))

    def one(self, *values):
        return self.data.draw(st.sampled_from(values))

    def normal(self, *shape):
        return self.rng.normal(size=shape)

    def bits(self, *shape):
        return self.rng.random(shape) < 0.7

    def dense(self, n_in, n_out):
        return self.stir(Dense(n_in, n_out, **self.made))

    def tanh(self, n_in, n_out):
        return [self.dense(n_in, n_out), Activation("tanh")]

    def stir(self, model):
        """No bias stays 0, no gain stays 1: what starts there would not be seen."""
        for p in model.params.values():
            p += 0.3 * self.normal(*p.shape)
        return model

    def check(self, model, x, **told):
        return gradcheck(self.stir(model), x, coordinates=10, rng=self.rng, **told).checks

    def arrays(self, f, pairs):
        """f() against its gradient with respect to each array: name -> (array, gradient)."""
        how = {"epsilon": 1e-5, "coordinates": 10, "tolerance": LIMIT, "rng": self.rng}
        return [check_array(name, f, *pair, **how) for name, pair in pairs.items()]

    def loss(self, loss, y, z):
        loss.forward(y, z)
        return self.arrays(lambda: loss.forward(y, z), {"y_pred": (z, loss.backward().copy())})


class Still:
    """A model in training whose random numbers are the same at every pass."""

    def __init__(self, model, rng):
        self.model, self.layers, self.rng = model, [model], rng
        self.state = rng.bit_generator.state
        self.params, self.backward = model.params, model.backward
        self.penalty = getattr(model, "penalty", float)

    def forward(self, x, **told):
        self.rng.bit_generator.state = self.state
        return self.model.forward(x, training=True, **told)


# ---- one layer, one input ----------------------------------------------------------------------


@case(Dense, Maxout, Adaline, SoftmaxRegression, WeightNormDense, CosineDense)
def of_rows(d, kind):
    n, made = d.n(1 + (kind is CosineDense)), d.made  # the cosine of two numbers is +-1
    if kind is Adaline:
        return d.check(Adaline(n, **made), d.normal(d.n(), n))
    if kind is SoftmaxRegression:
        made = {"dtype": np.float64}
    more = {"pieces": d.n()} if kind is Maxout else {}
    return d.check(kind(n, d.n(), **more, **made), d.normal(d.n(), n))


@case(ContractiveDense, ActivityRegularizer)
def with_a_price(d, kind):
    n, strength = d.n(), d.one(0.0, 0.1, 2.0)
    if kind is ContractiveDense:
        return d.check(kind(n, d.n(), strength, **d.made), d.normal(d.n(), n))
    rho, rest = d.one(None, 0.05, 0.5), d.one((), (2,), (2, 3))
    x = d.normal(d.n(), *rest, n) if rho is None else d.rng.uniform(0.1, 0.9, (d.n(), *rest, n))
    return d.check(kind(strength, rho=rho), x)


@case(Activation, Softmax, UnitNormalization, Identity)
def entry_by_entry(d, kind):
    x = 2 * d.normal(*(d.n() for _ in range(d.n(2, 4))))
    if kind is not Activation:
        return d.check(kind(), x)
    known = [*FUNCTIONS, *ACTIVATIONS.values()]
    return [found for f in known for found in d.check(Activation(f), x)]


@case(PReLU)
def with_a_learned_slope(d, kind):
    shape = tuple(d.n() for _ in range(d.n(1, 3)))
    shared = [k for k in range(1, len(shape) + 1) if d.one(True, False)]
    return d.check(PReLU(shape, shared_axes=shared, dtype=np.float64),
                   d.normal(d.n(), *shape))  # fmt: skip


@case(BatchNormalization, LayerNormalization, GroupNormalization, RMSNormalization)
def normalized(d, kind):
    n, rest = 2 * d.n(1, 3), d.one((), (2,), (3, 2))
    more, told = {}, {}
    if kind is GroupNormalization:
        more = {"groups": d.one(1, 2, -1)}
    if kind is BatchNormalization:
        told = {"training": d.one(True, False)}
    if kind is LayerNormalization and d.one(True, False):
        n = (*rest, n)
    layer = kind(n, dtype=np.float64, **more)
    for a in layer.non_trainable.values():
        a += d.rng.random(a.shape)
    return d.check(layer, d.normal(d.n(2), *rest, *np.atleast_1d(n)[-1:]), **told)


# ---- images ------------------------------------------------------------------------------------


@case(Conv2D, DepthwiseConv2D, SeparableConv2D, Conv2DTranspose)
def convolved(d, kind):
    kernel, groups = (d.n(1, 3), d.n(1, 3)), d.n(1, 2)
    strides, dilation = d.one((1, 1), (2, 1), (1, 2))
    window = {"strides": strides, "dilation_rate": dilation, "padding": d.one("valid", "same")}
    if kind is not SeparableConv2D:
        window["use_bias"] = d.one(True, False)
    n_in = d.n(1, 2) * groups
    sizes = {DepthwiseConv2D: ()}.get(kind, (d.n(1, 2) * groups,))
    more = {"depth_multiplier": d.n(1, 2)} if kind in (DepthwiseConv2D, SeparableConv2D) else {}
    more = {"groups": groups} if kind is Conv2D else more
    layer = kind(n_in, *sizes, kernel, **more, **window, **d.made)
    sides = [dilation * (k - 1) + d.n(1, 3) for k in kernel]
    return d.check(layer, d.normal(d.n(1, 2), *sides, n_in))


@case(MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, Flatten, Reshape,
      UpSampling2D)  # fmt: skip
def pooled(d, kind):
    sides = d.n(3, 5), d.n(3, 5)
    x, given = d.normal(d.n(1, 3), *sides, d.n(1, 3)), ()
    if kind in (MaxPooling2D, AveragePooling2D):
        given = (d.n(1, 3), d.n(1, 3), d.one("valid", "same"))
    elif kind is UpSampling2D:
        given = ((d.n(1, 3), d.n(1, 3)),)
    elif kind is Reshape:
        given = (x.shape[:0:-1],)
    return d.check(kind(*given), x)


# ---- layers of layers --------------------------------------------------------------------------


@case(Sequential, Autoencoder, Regularized, Tied, Siamese)
def in_a_row(d, kind):
    n, k = d.n(), d.n()
    rows = [*d.tanh(n, k), d.dense(k, n)]
    x = d.normal(d.n(), n)
    if kind is Autoencoder:
        return d.check(Autoencoder(rows[:2], rows[2:]), x, loss=MeanSquaredError(), y=x.copy())
    if kind is Siamese:
        return d.check(Siamese(Sequential(rows)), d.normal(d.n(), d.n(2, 3), n))
    if kind is Tied:
        return d.check(Tied([*rows[:2], TiedDense(rows[0])]), x)
    if kind is Regularized:
        price = L1L2(d.one(0.0, 0.1), d.one(0.0, 0.2))
        return d.check(Regularized(rows, kernel_regularizer=price), x)
    y = d.rng.integers(0, n, len(x))
    return d.check(Sequential(rows), x, y=y,
                   loss=losses.SparseCategoricalCrossentropy(from_logits=True))  # fmt: skip


@case(TiedDense)
def with_the_kernel_of_another(d, kind):
    n, k = d.n(), d.n()
    source = d.dense(n, k)
    layer, x = d.stir(TiedDense(source)), d.normal(d.n(), k)
    weights = d.normal(*layer.forward(x).shape)
    layer.backward(weights)
    pair = source.params["kernel"], layer.share
    found = d.arrays(lambda: float((weights * layer.forward(x)).sum()), {"share": pair})
    return found + d.check(layer, x)


@case(Add, Concatenate, Multiply, Highway)
def side_by_side(d, kind):
    n = d.n()
    x = d.normal(d.n(), n)
    if kind is Highway:
        return d.check(Highway(d.tanh(n, n), [d.dense(n, n), Activation("sigmoid")]), x)
    if kind is Multiply and d.one(True, False):  # a number for each channel
        x = d.normal(d.n(), d.n(), d.n(), n)
        return d.check(Multiply([Identity(), [GlobalAveragePooling2D(), *d.tanh(n, n)]]), x)
    k = d.n() if kind is Concatenate else n
    many = 1 if kind is Multiply else d.n(1, 3)
    return d.check(kind([Identity(), *(d.tanh(n, k) for _ in range(many))]), x)


@case(Frozen)
def frozen(d, kind):
    n, k = d.n(), d.n()
    norm = BatchNormalization(k, dtype=np.float64)
    norm.non_trainable["moving_mean"] += d.normal(k)
    net = [d.dense(n, k), Frozen(d.dense(k, k)), Activation("tanh"),
           Frozen(Sequential([norm, d.dense(k, n)]))]  # fmt: skip
    found = d.check(Sequential(net), d.normal(d.n(), n), training=True)
    assert [check.name for check in found] == ["kernel", "bias", "x"]
    return found


@case(SpectralNormalization)
def divided_by_its_length(d, kind):
    n = d.n(1, 3)
    x, inner = d.normal(d.n(), 3, 3, n), Conv2D(n, d.n(), 2, **d.made)
    if d.one(True, False):
        x, inner = d.normal(d.n(), n), d.dense(n, d.n())
    layer = SpectralNormalization(inner, rng=d.rng)
    layer.forward(x, training=True)  # in training the kernel itself is divided, and stays so
    return d.check(layer, x)


# ---- noise, held still -------------------------------------------------------------------------


@case(Dropout, GaussianNoise, WeightNoise)
def noisy(d, kind):
    n, k = d.n(), d.n()
    if kind is Dropout:
        x = d.normal(d.n(), d.n(), n)
        layer = Dropout(d.one(0.0, 0.3, 0.8), rng=d.rng, noise_shape=d.one(None, (None, 1, None)))
        return d.check(Still(layer, d.rng), x)
    x = d.normal(d.n(), n)
    if kind is GaussianNoise:
        net = [GaussianNoise(d.one(0.0, 0.5), rng=d.rng), *d.tanh(n, k)]
    else:
        net = [WeightNoise(d.dense(n, k), d.one(0.0, 0.5), rng=d.rng), Activation("tanh")]
    return d.check(Still(Sequential(net), d.rng), x)


@case(GaussianLatent)
def a_draw(d, kind):
    n = d.n()
    layer = GaussianLatent(n, rng=d.rng, beta=d.one(0.0, 1.0, 4.0))
    return d.check(Still(layer, d.rng), d.normal(d.n(), 2 * n))


@case(VAE)
def autoencoder_with_a_draw(d, kind):
    n, k, code = d.n(), d.n(), d.n(1, 2)
    latent = GaussianLatent(code, rng=d.rng, beta=d.one(0.5, 1.0))
    makes = d.one(BernoulliReconstruction(), GaussianReconstruction(0.5))
    net = VAE([*d.tanh(n, k), d.dense(k, 2 * code)], [*d.tanh(code, k), d.dense(k, n)], latent,
              reconstruction=makes)  # fmt: skip
    still = Still(d.stir(net), d.rng)
    x = d.rng.uniform(0.1, 0.9, (d.n(), n))
    return d.check(still, x, loss=makes, y=x.copy())


# ---- sequences ---------------------------------------------------------------------------------


@case(Embedding)
def looked_up(d, kind):
    many = d.n(1, 5)
    x = d.rng.integers(0, many, (d.n(), d.n()))  # some rows are read twice, some never
    return d.check(Embedding(many, d.n(), **d.made), x)


@case(TimeDistributed)
def at_every_step(d, kind):
    n = d.n()
    inner = d.one(d.dense(n, d.n()), Activation("tanh"))
    return d.check(TimeDistributed(inner), d.normal(d.n(), d.n(), n))


def cell(d, kind, n, **settings):
    if kind is SimpleRNN:
        settings["activation"] = d.one(*FUNCTIONS)
        settings["residual"] = d.one(True, False)
    if kind is GRU:
        settings["reset_after"] = d.one(True, False)
    return kind(n, d.n(1, 3), **settings, **d.made)


def masked(d, x):
    return {"mask": d.one(None, d.bits(*x.shape[:2]))}


@case(SimpleRNN, LSTM, GRU)
def step_by_step(d, kind):
    n, rates = d.n(1, 3), d.one((0.0, 0.0), (0.5, 0.3))
    layer = cell(d, kind, n, return_sequences=d.one(True, False), go_backwards=d.one(True, False),
                 dropout=rates[0], recurrent_dropout=rates[1])  # fmt: skip
    x = d.normal(d.n(), d.n(1, 5), n)
    told = {**masked(d, x), "initial_state": 0.5 * d.normal(layer.states, len(x), layer.units)}
    still = Still(d.stir(layer), d.rng)
    weights = d.normal(*still.forward(x, **told).shape)
    still.state = d.rng.bit_generator.state
    still.forward(x, **told)
    layer.backward(weights)
    pair = told["initial_state"], layer.state_gradient.copy()
    found = d.arrays(lambda: float((weights * still.forward(x, **told)).sum()), {"h_0": pair})
    return found + d.check(Still(layer, d.rng), x, **told)


@case(Bidirectional)
def both_ways(d, kind):
    n, units, which = d.n(1, 3), d.n(1, 3), d.one(SimpleRNN, LSTM, GRU)
    made = {"return_sequences": d.one(True, False), **d.made}
    pair = which(n, units, **made), which(n, units, go_backwards=True, **made)
    x = d.normal(d.n(), d.n(1, 4), n)
    return d.check(Bidirectional(*pair, merge_mode=d.one(*MERGES)), x, **masked(d, x))


@case(SequenceModel)
def padded(d, kind):
    words, n, units = d.n(2, 5), d.n(1, 3), d.n(1, 3)
    x = d.rng.integers(0, words, (d.n(), d.n()))
    x[0, 0] = 1  # 0 is padding: not everywhere
    net = [Embedding(words, n, **d.made), LSTM(n, units, return_sequences=True, **d.made),
           TimeDistributed(d.dense(units, words))]  # fmt: skip
    loss = SequenceCrossentropy(from_logits=True, ignore_class=0)
    return d.check(SequenceModel(net), x, loss=loss, y=x)


@case(EncoderDecoder)
def from_one_to_another(d, kind):
    source, words, letters = d.n(), d.n(2, 4), d.n(2, 4)
    net = EncoderDecoder(source, words, letters, embedding=d.n(1, 3), units=d.n(1, 3), **d.made)
    n, target = d.n(1, 3), d.n()
    x = np.concatenate([d.rng.integers(0, words, (n, source)),
                        d.rng.integers(0, letters, (n, target))], axis=1)  # fmt: skip
    y = d.rng.integers(0, letters, (n, target))
    return d.check(net, x, loss=SequenceCrossentropy(from_logits=True), y=y)


# ---- losses that `test_losses` does not know -----------------------------------------------------


@case(MeanSquaredError, BernoulliReconstruction, GaussianReconstruction)
def of_one_shape(d, kind):
    shape = [d.n() for _ in range(d.n(2, 4))]
    loss = kind(d.one(0.3, 1.0)) if kind is GaussianReconstruction else kind()
    return d.loss(loss, d.rng.random(shape), d.normal(*shape))


@case(SequenceCrossentropy)
def of_every_step(d, kind):
    n, steps, k = d.n(), d.n(), d.n(2, 4)
    logits, ignored = d.one(True, False), d.one(None, 0)
    y, z = d.rng.integers(0, k, (n, steps)), d.normal(n, steps, k)
    y[0, 0] = 1
    z = z if logits else losses.softmax(z)
    return d.loss(SequenceCrossentropy(from_logits=logits, ignore_class=ignored), y, z)


@case(MixtureDensity)
def of_mixtures(d, kind):
    n, k = d.n(), d.n()
    return d.loss(MixtureDensity(), d.normal(n, *d.one((), (1,))), 0.7 * d.normal(n, 3 * k))


@case(JointLoss)
def of_several_tasks(d, kind):
    n, a, b, c = d.n(), d.n(), d.n(), d.n(2, 4)
    y = [d.normal(n, a), d.bits(n, b), losses.one_hot(d.rng.integers(0, c, n), c)]
    loss = JointLoss([(MeanSquaredError(), a, d.one(0.5, 2.0)),
                      (losses.BinaryCrossentropy(from_logits=True), b, 1.5),
                      (losses.CategoricalCrossentropy(from_logits=True), c, 0.7)])  # fmt: skip
    return d.loss(loss, np.concatenate(y, axis=1), d.normal(n, a + b + c))


@case(ContrastiveLoss, TripletLoss, BarlowTwins)
def of_groups(d, kind):
    n, k = d.n(3, 6), 3 if kind is TripletLoss else 2
    y = d.rng.integers(0, 2, n)
    loss = BarlowTwins(d.one(0.0, 0.1)) if kind is BarlowTwins else kind(d.one(0.5, 2.0))
    return d.loss(loss, y, d.normal(n, k, d.n()))


@case(L1L2)
def of_weights(d, kind):
    price, w = L1L2(d.one(0.0, 0.3), d.one(0.0, 0.2)), d.normal(*(d.n() for _ in range(d.n())))
    return d.arrays(lambda: price.forward(w), {"w": (w, price.backward(w))})


@case(*GAMES)
def of_a_game(d, kind):
    loss = Minimax(d.one(0.0, 0.1)) if kind is Minimax else kind()
    real, fake = 2 * d.normal(d.n(), 1), 2 * d.normal(d.n(), 1)
    _, to_real, to_fake = loss.discriminator(real, fake)
    both = {"real": (real, to_real), "fake": (fake, to_fake)}
    found = d.arrays(lambda: loss.discriminator(real, fake)[0], both)
    pair = fake, loss.generator(fake)[1]
    return found + d.arrays(lambda: loss.generator(fake)[0], {"generator": pair})


# ---- engines, games, and what has a gradient without a loss --------------------------------------


def formula(a, b, c):
    """Every operation that numbers and arrays share."""
    smooth = a * b - a / (c * c + 1) + (-b).tanh() + 2 ** (a / 2) - 3 / (1 + b.exp())
    return smooth + (c.sigmoid() + 1).log() ** 3 + (a + 0.1).relu() * 0.5 + (1 - c) ** 2


@case(Value)
def of_numbers(d, kind):
    arrays = d.normal(3, d.n())

    def total(numbers):
        return sum((formula(*three) for three in zip(*numbers, strict=True)), Value(0.0))

    numbers = [[Value(float(x)) for x in row] for row in arrays]
    total(numbers).backward()
    slopes = np.array([[v.grad for v in row] for row in numbers])
    return d.arrays(lambda: total([[Value(float(x)) for x in row] for row in arrays]).data,
                    {"numbers": (arrays, slopes)})  # fmt: skip


@case(Tensor)
def of_arrays(d, kind):
    n, k, m = d.n(), d.n(), d.n()
    arrays = {"a": d.normal(n, k), "b": d.normal(k), "c": d.normal(n, 1), "w": d.normal(m, k, n)}
    axis, keepdims = d.one(None, 0, 1, (0, 2)), d.one(True, False)
    weights = {}

    def total():
        tensors = {name: Tensor(x) for name, x in arrays.items()}
        a, b, c, w = tensors.values()
        h = w @ formula(a, b, c)  # broadcast, then a product of stacks, (m, k, k)
        parts = [h.sum(axis, keepdims), h.mean(axis, keepdims), h.max(axis, keepdims), h[:, 0],
                 h.transpose(2, 0, 1).reshape(k, m * k), w @ (a @ b), h[[0, 0]]]  # fmt: skip
        loss = Tensor(0.0)
        for number, part in enumerate(parts):
            if number not in weights:
                weights[number] = d.normal(*part.shape)
            loss = loss + (part * weights[number]).sum()
        return loss, tensors

    loss, tensors = total()
    loss.backward()
    pairs = {name: (x, tensors[name].grad.copy()) for name, x in arrays.items()}
    return d.arrays(lambda: float(total()[0].data), pairs)


class Watch:
    """An optimizer that only looks."""

    def step(self, params, grads):
        self.params, self.grads = params, {name: g.copy() for name, g in grads.items()}


@case(GAN, ConditionalGAN)
def played(d, kind):
    n, latent, width, units = d.n(2, 4), d.n(1, 2), d.n(1, 3), d.n(1, 3)
    classes, mixed, labels, told = 0, d.one(True, False), None, {}
    if kind is ConditionalGAN:
        classes = d.n()
        told, labels = {"classes": classes}, d.rng.integers(0, classes, n)
    elif d.one(True, False):
        where = d.one("real", "fake")
        told = {"penalty": GradientPenalty(2.0, where=where, rng=d.rng, target=d.one(0.0, 1.0))}
    generator = Sequential([*d.tanh(latent + classes, units), d.dense(units, width)])
    critic = [d.dense(width + classes, units), Activation("relu"), d.dense(units, 1)]
    game = d.one(*GAMES)()
    gan = kind(generator, Sequential(critic), game, latent_dim=latent, mixed=mixed, **told)
    real, noise, found = d.normal(n, width), d.normal(n, latent), []
    for move in (lambda eye: gan.discriminator_step(real, noise, eye, labels),
                 lambda eye: gan.generator_step(noise, eye, labels)):  # fmt: skip
        eye = Watch()
        move(eye)
        pairs = {name: (p, eye.grads[name]) for name, p in eye.params.items()}
        found += d.arrays(lambda move=move: sum(move(Watch()).values()), pairs)
    return found


@case(RBM)
def of_energies(d, kind):
    """CD lowers F(data) - F(chain), the chain held still; in the limit, -ln p(data)."""
    net = d.stir(RBM(d.n(), d.n(), **d.made))
    x = d.bits(d.n(), len(net.params["kernel"])).astype(float)
    net.k = d.n()
    net.backward(net.forward(x))
    pairs = {name: (p, net.grads[name]) for name, p in net.params.items()}

    def gap():
        return float(net.free_energy(x).mean() - net.free_energy(net.chain).mean())

    found = d.arrays(gap, pairs)
    exact = net.exact_gradient(x)
    pairs = {name: (p, exact[name]) for name, p in net.params.items()}
    return found + d.arrays(lambda: -float(net.log_likelihood(x).mean()), pairs)


@case(gradient_penalty)
def of_slopes(d, kind):
    n, units, target = d.n(), d.n(), d.one(0.0, 1.0)
    bend = d.one("relu", ACTIVATIONS["leaky_relu"])
    critic = Sequential([d.dense(n, units), Activation(bend), d.dense(units, 1)])
    x = d.normal(d.n(), n)
    grads = gradient_penalty(critic, x, target)[1]
    return d.arrays(lambda: gradient_penalty(critic, x, target)[0],
                    {name: (p, grads[name]) for name, p in critic.params.items()})  # fmt: skip


@case(input_gradient, score_gradient)
def to_the_input(d, kind):
    n, k, classes = d.n(), d.n(), d.n(2, 4)
    net, x = Sequential([*d.tanh(n, k), d.dense(k, classes)]), d.normal(d.n(), n)
    y, loss = d.rng.integers(0, classes, len(x)), losses.SparseCategoricalCrossentropy(True)
    if kind is input_gradient:
        slope = input_gradient(net, loss, x, y)
        return d.arrays(lambda: loss.forward(y, net.forward(x)), {"x": (x, slope)})
    slope = score_gradient(net, x, y)
    return d.arrays(lambda: net.forward(x)[np.arange(len(x)), y].sum(), {"x": (x, slope)})


# ---- the tests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_gradient_is_that_of_central_differences(name, data):
    kind, check = CASES[name]
    found = check(Draw(data), kind)
    assert found
    for one in found:
        assert one.checked + one.kinks == min(np.prod(one.shape), 10), one
        assert one.checked, one
        assert one.error < LIMIT, one


def test_no_class_is_forgotten():
    known = {kind for kind, _ in CASES.values()} | {type(loss) for loss, *_ in FAMILY.values()}
    have = set()
    for module in pkgutil.iter_modules(twice.scratch.__path__, "twice.scratch."):
        for thing in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(thing) and thing.__module__ == module.name:
                plays = issubclass(thing, (GameLoss, GAN)) and thing is not GameLoss
                if hasattr(thing, "backward") or plays:
                    have.add(thing)
    assert len(have) > 70
    for kind, missing in ABSTRACT.items():
        assert not hasattr(kind, missing)
    assert have - known == set(ABSTRACT)
