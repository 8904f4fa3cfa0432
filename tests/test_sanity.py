"""Checks before a training: each passes a sound network, and finds the fault planted for it."""

import itertools
import math
import re

import numpy as np
import pytest

from twice.scratch import sanity
from twice.scratch.activation_layers import Softmax
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Activation, Dense, Layer, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.deep_cnns import Add, Identity
from twice.scratch.hinge import Hinge
from twice.scratch.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    SparseCategoricalCrossentropy,
    one_hot,
)
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import Flatten
from twice.scratch.regularization import L2, Regularized

SPARSE = SparseCategoricalCrossentropy(from_logits=True)


def fresh(seed=0):
    return {"rng": np.random.default_rng(seed), "dtype": np.float64}


def net(*sizes, seed=0, activation="tanh"):
    rng, layers = fresh(seed), []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [Dense(n_in, n_out, **rng), Activation(activation)]
    return Sequential(layers[:-1])


def samples(n=200, classes=4, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 6)), rng.integers(0, classes, n)


# ---- the loss at chance ------------------------------------------------------------------------


def test_who_knows_nothing_pays_ln_c_and_who_knows_the_frequencies_their_entropy():
    y = np.array([0, 0, 0, 1])  # of three classes
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    for logits in (True, False):
        loss = SparseCategoricalCrossentropy(from_logits=logits)
        found = sanity.constant_losses(loss, y, np.full((4, 3), 0.2))
        np.testing.assert_allclose(found, [math.log(3), entropy], atol=1e-5)
        dense = CategoricalCrossentropy(from_logits=logits)
        found = sanity.constant_losses(dense, one_hot(y, 3), np.full((4, 3), 0.2))
        np.testing.assert_allclose(found, [math.log(3), entropy], atol=1e-5)


@pytest.mark.parametrize("logits", [True, False])
def test_yes_or_no_costs_ln_2_and_every_column_has_its_own_frequency(logits):
    y = np.array([[0, 1], [0, 1], [0, 0], [1, 0]], float)
    loss = BinaryCrossentropy(from_logits=logits)
    found = sanity.constant_losses(loss, y, np.full((4, 2), 0.4))
    one = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    np.testing.assert_allclose(found, [math.log(2), (one + math.log(2)) / 2])


@pytest.mark.parametrize("logits", [True, False])
def test_smoothed_labels_have_a_smoothed_best_constant(logits):
    loss = CategoricalCrossentropy(from_logits=logits, label_smoothing=0.2)
    y = np.eye(2)[[0, 0, 0, 0]]
    nothing, best = sanity.constant_losses(loss, y, np.full((4, 2), 0.5))
    assert nothing == pytest.approx(math.log(2))
    assert best == pytest.approx(-(0.9 * math.log(0.9) + 0.1 * math.log(0.1)))


def test_numbers_the_best_constant_is_the_mean_or_the_median_as_the_loss_wants():
    y = np.array([[1.0], [2.0], [9.0]])
    guess = np.zeros((3, 1))
    found = sanity.constant_losses(MeanSquaredError(), y, guess)
    np.testing.assert_allclose(found, [86 / 3, np.var(y)])
    found = sanity.constant_losses(MeanAbsoluteError(), y, guess)
    np.testing.assert_allclose(found, [4, 8 / 3])
    assert sanity.constant_losses(Hinge(), np.array([1.0, -1.0]), np.zeros(2)) == (1, 1)


def test_sound_networks_start_at_chance():
    x, y = samples()
    for seed in range(10):
        finding = sanity.loss_at_chance(net(6, 16, 4, seed=seed), SPARSE, x, y)
        assert finding.ok
        assert finding.expected == pytest.approx(math.log(4))
        assert "look at" not in finding.text
        np.testing.assert_allclose(finding.values[0], finding.expected)
    target = x[:, :1] - x[:, 1:2]
    assert all(
        sanity.loss_at_chance(net(6, 16, 1, seed=s), MeanSquaredError(), x, target).ok
        for s in range(10)
    )


def test_inputs_or_weights_too_large_are_found():
    x, y = samples()
    finding = sanity.loss_at_chance(net(6, 4), SPARSE, 100 * x, y)
    assert not finding.ok
    assert "look at the weights and at x's scale" in finding.text
    large = net(6, 16, 4)
    large.layers[-1].params["kernel"] *= 20
    assert not sanity.loss_at_chance(large, SPARSE, x, y).ok
    assert sanity.loss_at_chance(large, SPARSE, x, y, factor=20).ok


def test_a_loss_that_is_not_a_number_is_not_ok():
    x, y = samples()
    broken = net(6, 4)
    broken.params["0.kernel"][:] = np.nan
    assert not sanity.loss_at_chance(broken, SPARSE, x, y).ok


def test_an_untrained_model_that_knows_the_labels_is_found():
    _, y = samples()
    told = net(4, 4)
    told.layers[0].params["kernel"][:] = 5 * np.eye(4)
    finding = sanity.loss_at_chance(told, SPARSE, np.eye(4)[y], y)
    assert not finding.ok
    assert "told the labels" in finding.text


def test_a_regression_is_told_to_subtract_the_mean_and_a_rare_class_is_not():
    x, _ = samples()
    finding = sanity.loss_at_chance(net(6, 1), MeanSquaredError(), x, 50 + x[:, :1])
    assert finding.ok
    assert "subtract it" in finding.text
    rare = np.append(np.zeros(199), 1)[:, None]
    loss = BinaryCrossentropy(from_logits=True)
    finding = sanity.loss_at_chance(net(6, 1), loss, 0.1 * x, rare)
    assert finding.ok
    assert "subtract" not in finding.text


# ---- a batch learned by heart ------------------------------------------------------------------


def test_a_sound_network_learns_twenty_samples_by_heart():
    x, y = samples()
    for seed in range(5):
        finding = sanity.overfit_a_batch(
            lambda s=seed: net(6, 32, 4, seed=s), SPARSE, Adam(0.03), x, y
        )
        assert finding.ok
        assert finding.expected == 0.01 * min(finding.values[0], math.log(4))
        assert finding.found <= finding.expected
        assert len(finding.values) < 500
        assert (finding.values[:-1] > finding.expected).all()  # it stops as soon as it can
        assert re.match(
            rf"20 samples, learned by heart in {len(finding.values)} steps", finding.text
        )


class Silent(Dense):
    """A planted bug: no gradient for the kernel."""

    def backward(self, grad, input_gradient=True):
        back = super().backward(grad)
        self.grads["kernel"] *= 0
        return back


def test_a_network_that_does_not_learn_is_found():
    x, y = samples()
    broken = Sequential([Silent(6, 4, **fresh())])
    finding = sanity.overfit_a_batch(lambda: broken, SPARSE, Adam(0.05), x, y, steps=60)
    assert not finding.ok
    assert finding.values.shape == (60,)
    assert "not learned by heart in 60 steps" in finding.text


def test_coming_down_to_chance_is_no_learning():
    x, y = samples()
    model = Sequential([Dense(6, 4, **fresh())])
    model.layers[0].params["kernel"] *= 1e6  # a first loss of a million
    x, y = np.ones_like(x), np.arange(len(y)) % 4  # nothing to tell the samples by
    finding = sanity.overfit_a_batch(lambda: model, SPARSE, Adam(3e4), x, y, steps=400)
    assert finding.values[0] > 1e4
    assert finding.expected == pytest.approx(0.01 * math.log(4))
    assert finding.found >= math.log(4) - 1e-6
    assert not finding.ok


def test_only_the_first_samples_count_and_a_penalty_is_no_part_of_it():
    x, y = samples()
    y[7:] = 99  # would raise

    def build():
        return Regularized(net(6, 32, 4).layers, kernel_regularizer=L2(1e-4))

    finding = sanity.overfit_a_batch(build, SPARSE, Adam(0.03), x, y, samples=7)
    assert finding.ok
    assert finding.values[0] == pytest.approx(SPARSE.forward(y[:7], build().predict(x[:7])))


def test_a_training_that_blows_up_is_reported_not_raised():
    x, _ = samples()
    finding = sanity.overfit_a_batch(
        lambda: net(6, 8, 1, activation="linear"), MeanSquaredError(), SGD(1e6), x, x[:, :1]
    )
    assert not finding.ok
    assert math.isnan(finding.values[-1])
    assert re.match(r"step \d+: .*smaller rate", finding.text)


# ---- regularization ----------------------------------------------------------------------------


def penalized(strength, seed=0):
    return Regularized(net(6, 8, 4, seed=seed).layers, kernel_regularizer=L2(strength))


def test_more_penalty_is_more_loss():
    finding = sanity.regularization_raises_the_loss(penalized, SPARSE, *samples())
    assert finding.ok
    assert finding.found == pytest.approx(np.diff(finding.values).min())
    weight = sum(np.vdot(w, w) for name, w in penalized(0).params.items() if "kernel" in name)
    np.testing.assert_allclose(np.diff(finding.values), [1e-3 * weight, 0.099 * weight])


def test_a_penalty_that_never_reaches_the_loss_is_found():
    finding = sanity.regularization_raises_the_loss(lambda s: net(6, 4), SPARSE, *samples())
    assert not finding.ok
    assert finding.found == 0
    assert "does not reach the loss" in finding.text


def test_other_weights_each_time_are_no_comparison():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="expected the same weights each time, got the losses"):
        sanity.regularization_raises_the_loss(
            lambda s: penalized(s, rng.integers(99)), SPARSE, *samples()
        )


# ---- shuffled labels ---------------------------------------------------------------------------


def nearest(x, y, chosen):
    """Accuracy of nearest class means on the second half, by the features chosen."""
    x, half = x[:, chosen], len(x) // 2
    means = np.stack([x[:half][y[:half] == k].mean(axis=0) for k in (0, 1)])
    guess = ((x[half:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return np.mean(guess == y[half:])


def best_features(x, y, n=10):
    return np.argsort(-abs((y - y.mean()) @ x))[:n]


@pytest.mark.parametrize("seed", range(5))
def test_features_chosen_with_the_validation_labels_leak(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(100, 500)), np.repeat([0, 1], 50)
    clean = sanity.shuffled_labels(
        lambda y: nearest(x, y, best_features(x[:50], y[:50])), y, rng=rng, repeats=20, margin=0.1
    )
    assert clean.ok
    assert clean.expected == 0.5
    assert clean.values.shape == (20,)
    leaky = sanity.shuffled_labels(lambda y: nearest(x, y, best_features(x, y)), y, rng=rng)
    assert not leaky.ok
    assert leaky.found > 0.65
    assert "Something saw the validation labels" in leaky.text


def test_the_labels_are_shuffled_each_time_and_chance_is_the_largest_share():
    y, seen = np.array([0] * 30 + [1] * 10), []
    finding = sanity.shuffled_labels(
        lambda y: seen.append(y) or 0.79, y, rng=np.random.default_rng(0), repeats=3
    )
    assert finding.ok  # up to 0.75 + 0.05
    assert finding.expected == 0.75
    assert len({tuple(s) for s in seen}) == 3
    assert all(sorted(s) == sorted(y) for s in seen)
    assert list(y[:30]) == [0] * 30
    lucky = sanity.shuffled_labels(lambda y: 0.81, y, rng=np.random.default_rng(0))
    assert not lucky.ok


# ---- samples on their own ----------------------------------------------------------------------


class Mixing(Layer):
    """A planted bug: (N, T, F) laid out as (T, N, F) by a reshape in place of a transpose."""

    def forward(self, x, training=False):
        self.shape = x.shape
        n, t, f = x.shape
        return x.reshape(t, n, f).transpose(1, 0, 2)

    def backward(self, grad):
        return grad.transpose(1, 0, 2).reshape(self.shape)


def test_samples_of_sound_networks_are_on_their_own():
    x = np.random.default_rng(0).normal(size=(5, 6, 6, 2))
    rng = fresh()
    image = Sequential([Conv2D(2, 3, 3, **rng), Activation("tanh"), Flatten(), Dense(48, 3, **rng)])
    finding = sanity.independent_samples(image, x)
    assert finding.ok
    assert finding.found == 0
    assert finding.values.shape == (5, 5)
    assert (finding.values > 0).tolist() == np.eye(5, dtype=bool).tolist()


def test_a_reshape_in_place_of_a_transpose_is_found():
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    broken = Sequential([Mixing(), Flatten(), Dense(8, 2, **fresh())])
    finding = sanity.independent_samples(broken, x)
    assert not finding.ok
    i, j = map(int, re.search(r"Output (\d) hears input (\d)", finding.text).groups())
    assert i != j
    assert finding.values[i, j] == finding.found > 0
    moved = x.copy()
    moved[j] += 1
    assert (broken.forward(moved)[i] != broken.forward(x)[i]).any()


def test_batch_norm_mixes_samples_in_training_alone():
    x = np.random.default_rng(0).normal(size=(4, 6))
    model = Sequential([Dense(6, 5, **fresh()), BatchNormalization(5, dtype=np.float64)])
    assert sanity.independent_samples(model, x).ok
    finding = sanity.independent_samples(model, x, training=True)
    assert not finding.ok
    assert (finding.values > 0).all()


def test_probabilities_whose_sum_is_always_one_are_heard_one_by_one():
    x = np.random.default_rng(0).normal(size=(4, 6))
    finding = sanity.independent_samples(Sequential([Dense(6, 3, **fresh()), Softmax()]), x)
    assert finding.ok
    assert np.diag(finding.values).min() > 1e-3


class Deaf(Layer):
    """A planted bug: nothing of the first sample gets through."""

    def forward(self, x, training=False):
        self.mask = (np.arange(len(x)) > 0)[:, None]
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


def test_an_output_that_does_not_hear_its_own_input_is_found():
    x = np.random.default_rng(0).normal(size=(4, 6))
    finding = sanity.independent_samples(Sequential([Dense(6, 6, **fresh()), Deaf()]), x)
    assert not finding.ok
    assert "output 0 does not hear its own" in finding.text


def test_it_looks_through_blocks_too():
    x = np.random.default_rng(0).normal(size=(4, 6))
    block = Add([Identity(), Dense(6, 6, **fresh())])
    assert sanity.independent_samples(Sequential([block]), x).ok


# ---- printing, bad input -----------------------------------------------------------------------


def test_a_finding_prints_verdict_numbers_and_meaning():
    good = sanity.Finding(True, 2.31, math.log(10), "a guess", np.zeros(2))
    assert str(good) == "ok    found 2.31, expected 2.303: a guess"
    assert str(sanity.Finding(False, 9, 1, "no")).startswith("LOOK  found 9, expected 1")


def test_bad_input_is_named():
    x, y = samples()
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="expected samples, steps >= 1 and 0 < share < 1, got 0"):
        sanity.overfit_a_batch(lambda: net(6, 4), SPARSE, SGD(0.1), x, y, samples=0)
    with pytest.raises(ValueError, match=r"0 < share < 1, got 20, 500 and 1\.0"):
        sanity.overfit_a_batch(lambda: net(6, 4), SPARSE, SGD(0.1), x, y, share=1.0)
    for strengths in ((0.1,), (0.1, 0.1), (1.0, 0.0)):
        with pytest.raises(ValueError, match="expected two or more strengths that rise"):
            sanity.regularization_raises_the_loss(penalized, SPARSE, x, y, strengths=strengths)
    for bad in ({"y": y[:1]}, {"y": x}, {"repeats": 0}, {"margin": 0.0}):
        with pytest.raises(ValueError, match="expected repeats >= 1, margin > 0 and y"):
            sanity.shuffled_labels(lambda y: 0.5, **{"y": y, "rng": rng, **bad})
    for bad in (x[:1], y[:, None], x[:, 0]):
        with pytest.raises(ValueError, match=r"expected x \(N, ...\) of floats, N >= 2, got"):
            sanity.independent_samples(net(6, 4), bad)
    with pytest.raises(ValueError, match=r"expected labels 0 to 2, got \[0 1 2 3\]"):
        sanity.loss_at_chance(net(6, 3), SPARSE, x, y)

    class Half(Layer):
        def forward(self, x, training=False):
            return x[::2]

    with pytest.raises(ValueError, match="expected an output a sample, 4, got"):
        sanity.independent_samples(Sequential([Half()]), x[:4])
