"""Penalties, constraints, noise, early stopping, ensembles, attacks, shared weights."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model

from twice import parity
from twice.parity import keras
from twice.scratch.adversarial import AdversarialTraining, fgsm, input_gradient, pgd
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.deep_cnns import Concatenate
from twice.scratch.early_stopping import EarlyStopping
from twice.scratch.ensembles import Ensemble, bagging, bootstrap, monte_carlo, out_of_bag
from twice.scratch.gradcheck import gradcheck
from twice.scratch.gradient_descent import SGD
from twice.scratch.losses import BinaryCrossentropy, CategoricalCrossentropy, one_hot, softmax
from twice.scratch.noise import (
    Dropout,
    GaussianNoise,
    WeightNoise,
    flip_labels,
    mixup,
    smooth_labels,
)
from twice.scratch.normalization import BatchNormalization
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.pooling import GlobalAveragePooling2D
from twice.scratch.regularization import (
    L1,
    L1L2,
    L2,
    Constrained,
    MaxNorm,
    Proximal,
    Regularized,
    kernels,
    soft_threshold,
)
from twice.scratch.sharing import JointLoss, Tied, TiedDense
from twice.scratch.shrinkage import elastic_net, powers, predict, ridge
from twice.scratch.training import NotFinite, evaluate, train_step

seeds = st.integers(0, 2**32 - 1)
strengths = st.floats(0, 2)


def fresh(seed=0):
    return {"rng": np.random.default_rng(seed), "dtype": np.float64}


def small_net(seed=0, sizes=(5, 4, 3), made=Sequential, **settings):
    rng = fresh(seed)
    first, second = Dense(*sizes[:2], **rng), Dense(*sizes[1:], **rng)
    for layer in (first, second):
        layer.params["bias"][:] = rng["rng"].normal(size=layer.params["bias"].shape)
    return made([first, Activation("tanh"), second], **settings)


def batch(seed=0, n=7, sizes=(5, 3)):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, sizes[0])), rng.normal(size=(n, sizes[1]))


# ---- penalties ---------------------------------------------------------------------------------


def test_penalties_by_hand():
    w = np.array([[3.0, -4.0], [0.0, 1.0]])
    assert L2(0.1).forward(w) == pytest.approx(2.6)
    assert L1(0.1).forward(w) == pytest.approx(0.8)
    assert L1L2(0.1, 0.1).forward(w) == pytest.approx(3.4)
    np.testing.assert_allclose(L2(0.1).backward(w), [[0.6, -0.8], [0, 0.2]])
    np.testing.assert_allclose(L1(0.1).backward(w), [[0.1, -0.1], [0, 0.1]])
    assert L1L2(0.5, 0.5).backward(w.astype(np.float32)).dtype == np.float32


@settings(max_examples=20, deadline=None)
@given(seeds, strengths, strengths)
def test_the_gradient_of_a_regularized_model(seed, l1, l2):
    net = small_net(seed, made=Regularized, kernel_regularizer=L1L2(l1, l2))
    x, y = batch(seed)
    report = gradcheck(net, x, loss=MeanSquaredError(), y=y)
    assert report.ok, report
    plain = small_net(seed)
    for model in (plain, net):
        loss = MeanSquaredError()
        loss.forward(y, model.forward(x))
        model.backward(loss.backward())
    for name, g in net.grads.items():
        if name.endswith("bias"):
            np.testing.assert_array_equal(g, plain.grads[name])


def test_a_regularized_part_of_a_model_counts():
    part = small_net(made=Regularized, kernel_regularizer=L1L2(0.2, 0.3))
    net = Sequential([part, Activation("tanh"), Dense(3, 2, **fresh(1))])
    x, _ = batch()
    report = gradcheck(net, x, loss=MeanSquaredError(), y=np.ones((7, 2)))
    assert net.penalty() == part.penalty() > 0.1
    assert report.ok, report
    both = Regularized([part], kernel_regularizer=L2(0.1))  # the outer one counts the same kernels
    assert both.penalty() == pytest.approx(
        part.penalty() + sum(L2(0.1).forward(w) for w in kernels(part.params).values())
    )
    assert gradcheck(both, x, loss=MeanSquaredError(), y=batch()[1]).ok


def test_the_training_loop_counts_the_penalty():
    net = small_net(made=Regularized, kernel_regularizer=L2(0.3))
    (x, y), loss = batch(), MeanSquaredError()
    expected = loss.forward(y, net.forward(x)) + net.penalty()
    assert net.penalty() > 0.1
    assert evaluate(net, x, y, loss=loss)["loss"] == expected
    assert train_step(net, loss, SGD(0.01), x, y)[0] == expected
    assert small_net().penalty() == 0


@pytest.mark.parametrize("penalty", [(0.02, 0.0), (0.0, 0.05), (0.01, 0.03)])
def test_parity_of_a_regularized_net(penalty):
    l1, l2 = penalty
    with parity.float64():
        theirs = [
            keras.layers.Dense(
                units, activation, kernel_regularizer=keras.regularizers.L1L2(l1=l1, l2=l2)
            )
            for units, activation in ((4, "tanh"), (3, None))
        ]
        twin = keras.Sequential([keras.Input((5,)), *theirs])
        net = small_net(made=Regularized, kernel_regularizer=L1L2(l1, l2))
        table = parity.compare(net, twin, *batch(), loss=MeanSquaredError(), keras_loss="mse")
        with pytest.raises(AssertionError, match="differ"):
            parity.compare(
                small_net(), twin, *batch(), loss=MeanSquaredError(), keras_loss="mse",
                verbose=False,
            )  # fmt: skip
    assert len(table) == 10


def test_kernels_are_what_multiplies_a_signal():
    names = ["0.kernel", "1.0.recurrent_kernel", "kernel", "0.bias", "2.gamma", "kernels"]
    assert list(kernels(dict.fromkeys(names))) == names[:3]


@settings(deadline=None)
@given(st.floats(-5, 5), st.floats(0, 3))
def test_soft_threshold_is_the_minimum_it_claims(w, t):
    u = np.linspace(-6, 6, 2401)
    found = soft_threshold(np.array([w]), t)[0]
    assert (found - w) ** 2 / 2 + t * abs(found) <= ((u - w) ** 2 / 2 + t * np.abs(u)).min() + 1e-12


def test_the_proximal_step_reaches_zero_and_the_sign_does_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 10))
    true = np.array([2, -1, 0, 0, 0, 0, 0, 0, 0, 0.0])
    y = (x @ true)[:, None] + 0.1 * rng.normal(size=(200, 1))
    counted = {}
    for name in ("proximal", "sign"):
        layers = [Dense(10, 1, **fresh())]
        if name == "proximal":
            net, optimizer = Sequential(layers), Proximal(SGD(0.05), 0.2)
        else:
            net, optimizer = Regularized(layers, kernel_regularizer=L1(0.2)), SGD(0.05)
        for _ in range(500):
            train_step(net, MeanSquaredError(), optimizer, x, y)
        counted[name] = int((net.params["0.kernel"] == 0).sum())
        assert net.params["0.bias"] != 0
        w, _b = elastic_net(x, y[:, 0], l1=0.2)
        gap = 1e-6 if name == "proximal" else 0.02
        np.testing.assert_allclose(net.params["0.kernel"][:, 0], w, atol=gap)
    assert counted == {"proximal": 8, "sign": 0}


def test_max_norm_is_that_of_keras_where_it_acts():
    rng = np.random.default_rng(0)
    for shape in ((6, 4), (3, 3, 2, 5)):
        w = rng.normal(size=shape) * np.linspace(0.1, 3, shape[-1])
        before, after = w.copy(), MaxNorm(1.5)(w)
        np.testing.assert_array_equal(w, before)
        axis = tuple(range(len(shape) - 1))
        theirs = keras.constraints.MaxNorm(1.5, axis=list(axis))(w.astype("float32"))
        np.testing.assert_allclose(after, np.asarray(theirs), atol=1e-5)
        lengths = np.sqrt((after**2).sum(axis=axis))
        assert lengths.max() == pytest.approx(1.5)
        short = np.sqrt((w**2).sum(axis=axis)) < 1.5
        assert 0 < short.sum() < len(short)
        np.testing.assert_array_equal(after[..., short], w[..., short])
    assert (MaxNorm(1.0)(np.zeros((3, 2))) == 0).all()


def test_constrained_steps_then_constrains_kernels_only():
    net = Sequential([Conv2D(1, 3, 3, **fresh()), GlobalAveragePooling2D(), Dense(3, 2, **fresh())])
    for p in net.params.values():
        p[...] = 5.0
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 1))
    train_step(net, MeanSquaredError(), Constrained(SGD(1e-6), MaxNorm(1)), x, np.ones((4, 2)))
    for name, p in net.params.items():
        size = np.sqrt((p**2).sum(axis=tuple(range(p.ndim - 1)))).max()
        assert size == pytest.approx(1 if name.endswith("kernel") else 5, rel=1e-3)


# ---- a linear model, solved --------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([0.0, 1e-3, 0.1, 10.0]), st.integers(1, 8))
def test_ridge_solves_its_equations_as_scikit_learn_does(seed, l2, columns):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(1, 2, (20, columns)), rng.normal(3, 1, 20)
    w, b = ridge(x, y, l2)
    left = y - x @ w - b
    np.testing.assert_allclose(x.T @ left / 20, l2 * w, atol=1e-9)  # the slope is 0
    assert left.mean() == pytest.approx(0, abs=1e-9)
    theirs = linear_model.Ridge(alpha=20 * l2).fit(x, y) if l2 else None
    if theirs:
        np.testing.assert_allclose(w, theirs.coef_, atol=1e-8)
        assert b == pytest.approx(theirs.intercept_, abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([0.01, 0.3, 5.0]), st.sampled_from([0.0, 0.1]))
def test_elastic_net_meets_its_conditions_and_scikit_learn(seed, l1, l2):
    rng = np.random.default_rng(seed)
    x = rng.normal(1, 2, (30, 6))
    y = x @ np.array([1, -1, 0, 0, 0.5, 0]) + rng.normal(size=30)
    w, b = elastic_net(x, y, l1, l2)
    slope = -2 * (x - x.mean(axis=0)).T @ (y - x @ w - b) / 30 + 2 * l2 * w
    on = w != 0
    np.testing.assert_allclose(slope[on], -l1 * np.sign(w[on]), atol=1e-6)
    assert (np.abs(slope[~on]) <= l1 + 1e-6).all()
    # scikit-learn minimizes half of our objective: alpha r = l1 / 2, alpha (1 - r) = l2
    alpha = l1 / 2 + l2
    theirs = linear_model.ElasticNet(
        alpha=alpha, l1_ratio=l1 / 2 / alpha, tol=1e-12, max_iter=100_000
    ).fit(x, y)
    np.testing.assert_allclose(w, theirs.coef_, atol=1e-5)


def test_ridge_without_penalty_passes_through_as_many_points_as_it_has_coefficients():
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(-1, 1, 8)), rng.normal(size=8)
    w, b = ridge(powers(x, 7), y)
    np.testing.assert_allclose(predict(x, w, b), y, atol=1e-6)
    np.testing.assert_allclose(predict(x, w, b), np.polyval([*w[::-1], b], x))
    short, _ = ridge(np.ones((4, 2)) * np.arange(4)[:, None], np.arange(4.0))
    np.testing.assert_allclose(short, 0.5)  # two equal columns share the work


def test_zeros_grow_with_l1_and_never_come_with_l2():
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, 25))
    y = np.sin(3 * x) + 0.2 * rng.normal(size=25)
    zeros = [int((elastic_net(powers(x, 9), y, l1)[0] == 0).sum()) for l1 in (0.001, 0.03, 1)]
    assert zeros == sorted(zeros)
    assert zeros[-1] == 9
    assert (ridge(powers(x, 9), y, 1.0)[0] != 0).all()
    np.testing.assert_allclose(elastic_net(powers(x, 3), y, 0, 0.1)[0],
                               ridge(powers(x, 3), y, 0.1)[0], atol=1e-7)  # fmt: skip


def test_coordinate_descent_says_when_it_did_not_arrive():
    x = np.linspace(-1, 1, 20)
    with pytest.raises(RuntimeError, match="no convergence after 3 sweeps"):
        elastic_net(powers(x, 12), np.exp(x), 1e-9, sweeps=3)


# ---- noise -------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_over_all_masks():
    """Every mask of six entries, by its probability: the mean is x, exactly."""

    class Given:
        def random(self, shape):
            return np.array(self.drawn, float).reshape(shape)

    rate, x, rng = 0.25, np.arange(1.0, 7), Given()
    layer, mean = Dropout(rate, rng=rng), 0.0
    for kept in itertools.product([0, 1], repeat=6):
        rng.drawn = [0.0 if k else 0.99 for k in kept]
        probability = (1 - rate) ** sum(kept) * rate ** (6 - sum(kept))
        z = layer.forward(x, training=True)
        assert set(np.unique(np.round(z / x, 12))) <= {0, round(1 / 0.75, 12)}
        mean = mean + probability * z
    np.testing.assert_allclose(mean, x)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.05, 0.95))
def test_dropout_forward_and_back_use_one_mask(seed, rate):
    layer, x = Dropout(rate, rng=np.random.default_rng(seed)), np.ones((200, 50), np.float32)
    z = layer.forward(x, training=True)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(layer.backward(x), z)
    assert (z == 0).mean() == pytest.approx(rate, abs=0.03)
    assert layer.forward(x, training=False) is x
    assert layer.backward(x) is x


def test_dropout_drops_as_often_as_keras():
    x = np.ones((400, 100), np.float32)
    ours = Dropout(0.3, rng=np.random.default_rng(0)).forward(x, training=True)
    theirs = np.asarray(keras.layers.Dropout(0.3, seed=0)(x, training=True))
    np.testing.assert_array_equal(np.unique(ours), np.unique(theirs))
    np.testing.assert_allclose(np.unique(ours), [0, 1 / 0.7], rtol=1e-6)
    assert (ours == 0).mean() == pytest.approx((theirs == 0).mean(), abs=0.01)


def test_a_given_mask_has_the_gradients_of_keras():
    """Dropout's draw differs by library; with our mask multiplied in, the nets agree."""
    net = small_net()
    net.layers.insert(2, Dropout(0.5, rng=np.random.default_rng(5)))
    x, y = batch()
    loss = MeanSquaredError()
    value = loss.forward(y, net.forward(x, training=True))
    net.backward(loss.backward())
    mask = net.layers[2].mask
    with parity.float64():
        a, b = keras.Input((5,)), keras.Input((4,))
        hidden = keras.layers.Multiply()([keras.layers.Dense(4, "tanh")(a), b])
        twin = keras.Model([a, b], keras.layers.Dense(3)(hidden))
        parity.copy_weights(net, twin)
        mse = keras.losses.MeanSquaredError()
        _, theirs, slopes = parity.keras_gradients(twin, mse, [x, mask], y)
        assert float(theirs) == pytest.approx(value, abs=1e-12)
        for g, s in zip(net.grads.values(), slopes, strict=True):
            np.testing.assert_allclose(g, np.asarray(s), atol=1e-10)


def test_noise_shape_drops_whole_channels():
    x = np.ones((6, 5, 5, 8))
    z = Dropout(0.5, rng=np.random.default_rng(0), noise_shape=(None, 1, 1, None)).forward(
        x, training=True
    )
    assert (z == z[:, :1, :1]).all()
    assert 0 < (z == 0).mean() < 1
    with pytest.raises(ValueError, match=r"noise_shape \(1, 8\) .* got \(6, 5, 5, 8\)"):
        Dropout(0.5, rng=np.random.default_rng(0), noise_shape=(1, 8)).forward(x, training=True)


def test_gaussian_noise_on_a_linear_model_is_an_l2_penalty():
    """E (y - w (x + e))^2 = (y - w x)^2 + stddev^2 |w|^2."""
    rng = np.random.default_rng(0)
    x, y, stddev = rng.normal(size=(50, 4)), rng.normal(size=(50, 1)), 0.5
    dense = Dense(4, 1, **fresh())
    net, loss = Sequential([GaussianNoise(stddev, rng=rng), dense]), MeanSquaredError()
    noisy = np.mean([loss.forward(y, net.forward(x, training=True)) for _ in range(4000)])
    w = dense.params["kernel"]
    expected = loss.forward(y, net.forward(x)) + stddev**2 * float((w**2).sum())
    assert noisy == pytest.approx(expected, rel=0.01)
    z = GaussianNoise(0.5, rng=rng).forward(np.zeros((1000, 20), np.float32), training=True)
    assert z.dtype == np.float32
    assert z.std() == pytest.approx(0.5, abs=0.02)


def test_weight_noise_moves_kernels_in_training_only():
    rng = np.random.default_rng(0)
    dense, x = Dense(5, 3, **fresh()), np.random.default_rng(1).normal(size=(4, 5))
    layer, clean = WeightNoise(dense, 0.1, rng=rng), dense.params["kernel"].copy()
    plain = layer.forward(x)
    noisy = layer.forward(x, training=True)
    assert not np.allclose(plain, noisy)
    moved = layer.used["kernel"]
    np.testing.assert_allclose(noisy, x @ moved)
    back = layer.backward(np.ones((4, 3)))
    np.testing.assert_allclose(back, np.ones((4, 3)) @ moved.T)
    np.testing.assert_array_equal(dense.params["kernel"], clean)
    assert gradcheck(Sequential([layer]), x).ok
    with pytest.raises(ValueError, match="expected x"):
        layer.forward(np.ones((4, 6)), training=True)
    np.testing.assert_array_equal(dense.params["kernel"], clean)  # also after an error


def test_smooth_labels_is_the_argument_of_keras():
    y = one_hot(np.array([0, 2, 1, 2]), 3, np.float64)
    scores = np.random.default_rng(0).normal(size=(4, 3))
    ours = CategoricalCrossentropy(from_logits=True).forward(smooth_labels(y, 0.2), scores)
    with parity.float64():
        theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
        assert ours == pytest.approx(float(theirs(y, scores)), abs=1e-12)
    np.testing.assert_allclose(smooth_labels(y, 0.3)[0], [0.8, 0.1, 0.1])
    np.testing.assert_allclose(smooth_labels(y, 0.3).sum(axis=1), 1)
    np.testing.assert_array_equal(smooth_labels(y, 0), y)


def test_flipped_labels_are_others_drawn_evenly():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 20_000)
    z, changed = flip_labels(y, 0.3, 4, rng=rng)
    assert ((z != y) == changed).all()
    assert changed.mean() == pytest.approx(0.3, abs=0.02)
    step = np.bincount((z - y)[changed] % 4, minlength=4) / changed.sum()
    np.testing.assert_allclose(step, [0, 1 / 3, 1 / 3, 1 / 3], atol=0.03)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from([(), (3,), (4, 4, 2)]), st.floats(0.1, 5))
def test_mixup_mixes_inputs_and_labels_in_the_same_shares(seed, shape, alpha):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(8, *shape)), np.eye(8)  # every sample a class of its own
    before = x.copy()
    mixed, label = mixup(x, y, alpha=alpha, rng=rng)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(label.sum(axis=1), 1)
    np.testing.assert_allclose(mixed, np.tensordot(label, x, axes=1), atol=1e-12)
    assert ((label > 0).sum(axis=1) <= 2).all()
    assert ((label > 0).sum(axis=1) == 2).any()


def test_mixup_draws_its_share_from_beta():
    rng, y = np.random.default_rng(0), np.tile(np.eye(2), (4000, 1))
    for alpha in (0.5, 3.0):
        x, label = mixup(np.zeros((8000, 1), np.float32), y, alpha=alpha, rng=rng)
        assert (x.dtype, label.dtype) == (np.float32, np.float64)
        share = label[(label > 0).all(axis=1), 0]  # those mixed with the other class
        variance = 1 / (4 * (2 * alpha + 1))  # of Beta(alpha, alpha), and of 1 minus it
        assert share.var() == pytest.approx(variance, rel=0.1)
    ints, _ = mixup(np.arange(4), np.eye(4), rng=rng)
    assert ints.dtype == np.float32


# ---- early stopping ----------------------------------------------------------------------------


def run_through(callback, values, monitor="val_loss"):
    """Play a history of values to a callback, as `fit` does; the weights are the epoch."""
    net = small_net()
    net.stop_training = False
    callback.on_train_begin(net)
    for epoch, value in enumerate(values):
        net.set_weights([np.full_like(w, epoch) for w in net.get_weights()])
        callback.on_epoch_end(net, epoch, {"loss": 1.0, monitor: value})
        if net.stop_training:
            break
    callback.on_train_end(net)
    return epoch, float(net.get_weights()[0].ravel()[0])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=15),
    st.integers(0, 4),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from(["min", "max"]),
    st.booleans(),
    st.integers(0, 3),
)
def test_early_stopping_is_that_of_keras(values, patience, min_delta, mode, restore, first):
    setting = {"patience": patience, "min_delta": min_delta, "mode": mode,
               "restore_best_weights": restore, "start_from_epoch": first}  # fmt: skip
    ours = EarlyStopping("val_loss", **setting)
    last, weight = run_through(ours, values)

    class Model:
        stop_training, weights = False, None

        def get_weights(self):
            return self.weights

        def set_weights(self, weights):
            self.weights = weights

    theirs, model = keras.callbacks.EarlyStopping("val_loss", **setting), Model()
    theirs.set_model(model)
    theirs.on_train_begin()
    for epoch, value in enumerate(values):
        model.weights = epoch
        theirs.on_epoch_end(epoch, {"val_loss": value})
        if model.stop_training:
            break
    theirs.on_train_end()
    assert last == epoch
    if not (restore and first > last):  # Keras may restore weights it never judged
        assert weight == model.weights


def test_early_stopping_in_training_restores_the_best_epoch():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 3))  # nothing to learn but noise
    net, early = small_net(1), EarlyStopping(patience=5, restore_best_weights=True)
    history = net.fit(
        x[:15], y[:15], loss=MeanSquaredError(), optimizer=SGD(0.1), epochs=300,
        batch_size=5, rng=rng, validation_data=(x[15:], y[15:]), callbacks=[early],
    )  # fmt: skip
    losses = history.history["val_loss"]
    assert len(losses) == early.stopped_epoch + 1 < 300
    assert early.best_epoch == int(np.argmin(losses)) == early.stopped_epoch - 5
    assert evaluate(net, x[15:], y[15:], loss=MeanSquaredError())["loss"] == min(losses)


def test_early_stopping_restores_running_statistics_too():
    rng = np.random.default_rng(0)
    net = Sequential([BatchNormalization(2), Dense(2, 1, rng=rng)])
    early = EarlyStopping(restore_best_weights=True, patience=9)
    early.on_train_begin(net)
    early.on_epoch_end(net, 0, {"val_loss": 1.0})
    net.forward(rng.normal(9, 1, (20, 2)), training=True)
    early.on_epoch_end(net, 1, {"val_loss": 2.0})
    assert net.layers[0].non_trainable["moving_mean"].min() > 0.05
    early.on_train_end(net)
    assert (net.layers[0].non_trainable["moving_mean"] == 0).all()


def test_early_stopping_restores_after_a_nan():
    net, early = small_net(), EarlyStopping(restore_best_weights=True)
    x, y = batch()
    with pytest.raises(NotFinite):
        net.fit(x, y, loss=MeanSquaredError(), optimizer=SGD(1e200), epochs=9,
                validation_data=(x, y), callbacks=[early])  # fmt: skip
    assert all(np.isfinite(w).all() for w in net.get_weights())


def test_early_stopping_names_what_it_could_monitor():
    with pytest.raises(ValueError, match=r"no 'val_loss' to monitor: the history has \['loss'\]"):
        small_net().fit(*batch(), loss=MeanSquaredError(), optimizer=SGD(0.1),
                        callbacks=[EarlyStopping()])  # fmt: skip


# ---- many models -------------------------------------------------------------------------------


def test_bootstrap_leaves_out_a_share_of_one_over_e():
    drawn, out = bootstrap(20_000, rng=np.random.default_rng(0))
    assert len(drawn) == 20_000
    assert not set(drawn) & set(out)
    assert set(drawn) | set(out) == set(range(20_000))
    assert len(out) / 20_000 == pytest.approx(math.exp(-1), abs=0.01)


def test_bagging_trains_each_model_on_its_own_draw():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = one_hot((x[:, 0] > 0).astype(int), 2)
    made = []

    def build():
        made.append(Sequential([Dense(2, 2, **fresh(len(made)))]))
        return made[-1]

    ensemble = bagging(
        build, x, y, n_models=5, rng=rng, optimizer=lambda: SGD(0.5),
        loss=CategoricalCrossentropy(from_logits=True), epochs=20,
    )  # fmt: skip
    each = ensemble.predict_each(x)
    assert each.shape == (5, 60, 2)
    np.testing.assert_allclose(each.sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(ensemble.predict(x), each.mean(axis=0))
    assert len({m.params["0.kernel"].tobytes() for m in made}) == 5
    found = out_of_bag(ensemble, x)
    for n in range(60):
        blind = [k for k in range(5) if n in ensemble.left_out[k]]
        if blind:
            np.testing.assert_allclose(found[n], each[blind, n].mean(axis=0))
        else:
            assert np.isnan(found[n]).all()


def test_every_bag_is_shuffled_anew():
    """Batches in the order of the draw would be those of a fit without a generator."""
    seen = []

    class Watching(Sequential):
        def forward(self, x, training=False):
            seen.append(x[:, 0].astype(int).tolist())
            return super().forward(x, training)

    x = np.arange(30.0)[:, None]
    bagging(
        lambda: Watching([Dense(1, 1, **fresh())]), x, x, n_models=2, output=None,
        rng=np.random.default_rng(0), optimizer=lambda: SGD(1e-9), loss=MeanSquaredError(),
        epochs=2, batch_size=30,
    )  # fmt: skip
    one, again, other, _ = seen
    assert sorted(one) == sorted(again) != sorted(other)
    assert one != again


def test_an_ensemble_is_never_worse_than_its_members_on_average():
    """Jensen: the squared error of the mean is at most the mean of the squared errors."""
    x, y = batch(3)
    ensemble = Ensemble([small_net(k) for k in range(6)], output=None)
    errors = ((ensemble.predict_each(x) - y) ** 2).mean(axis=(1, 2))
    together = ((ensemble.predict(x) - y) ** 2).mean()
    spread = ensemble.predict_each(x).var(axis=0).mean()
    assert together == pytest.approx(errors.mean() - spread)


def test_monte_carlo_draws_a_mask_a_sample():
    net = small_net()
    net.layers.insert(2, Dropout(0.5, rng=np.random.default_rng(0)))
    x, _ = batch()
    found = monte_carlo(net, x, samples=3000)
    assert found.shape == (3000, 7, 3)
    np.testing.assert_allclose(found.sum(axis=-1), 1)
    scores = monte_carlo(net, x, samples=3000, output=None)
    np.testing.assert_allclose(scores.mean(axis=0), net.forward(x), atol=0.1)  # linear after it
    assert len(np.unique(scores[:, 0, 0].round(9))) == 16  # 2^4 masks


# ---- attacks -----------------------------------------------------------------------------------


def test_the_input_gradient_agrees_with_differences():
    net, (x, y) = small_net(), batch()
    found, loss, e = input_gradient(net, MeanSquaredError(), x, y), MeanSquaredError(), 1e-6
    for i in np.ndindex(2, 5):
        up, down = x.copy(), x.copy()
        up[i] += e
        down[i] -= e
        slope = (loss.forward(y, net.forward(up)) - loss.forward(y, net.forward(down))) / (2 * e)
        assert found[i] == pytest.approx(slope, abs=1e-8)


def test_fgsm_is_the_worst_small_change_of_a_linear_loss():
    """Every corner of the box around x: none gives a linear classifier a higher loss."""
    rng = np.random.default_rng(0)
    net, loss = Sequential([Dense(6, 1, **fresh())]), BinaryCrossentropy(from_logits=True)
    x, y, epsilon = rng.uniform(0.3, 0.7, (1, 6)), np.ones((1, 1)), 0.1
    attacked = fgsm(net, loss, x, y, epsilon=epsilon)
    corners = x + epsilon * np.array(list(itertools.product([-1, 1], repeat=6)))
    worst = max(loss.forward(y, net.forward(c[None])) for c in corners)
    assert loss.forward(y, net.forward(attacked)) == pytest.approx(worst)
    edge = fgsm(net, loss, np.array([[0.0, 1, 0.05, 0.95, 0, 1]]), y, epsilon=0.2)
    assert edge.min() >= 0
    assert edge.max() <= 1


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0.01, 0.5))
def test_pgd_stays_in_its_box_and_does_no_less_harm(seed, epsilon):
    rng, net, loss = np.random.default_rng(seed), small_net(seed), MeanSquaredError()
    x, y = rng.uniform(size=(6, 5)), rng.normal(size=(6, 3))
    before = loss.forward(y, net.forward(x))
    found = pgd(net, loss, x, y, epsilon=epsilon, rng=rng, steps=20)
    assert np.abs(found - x).max() <= epsilon + 1e-12
    assert found.min() >= 0
    assert found.max() <= 1
    assert loss.forward(y, net.forward(found)) >= before
    np.testing.assert_array_equal(fgsm(net, loss, x, y, epsilon=0), x)


def test_adversarial_training_sees_each_batch_twice():
    net, loss = small_net(), MeanSquaredError()
    x, y = np.random.default_rng(0).uniform(size=(6, 5)), batch(n=6)[1]
    both, twice = AdversarialTraining(net, loss, epsilon=0.1)(x, y)
    np.testing.assert_array_equal(both[:6], x)
    np.testing.assert_array_equal(both[6:], fgsm(net, loss, x, y, epsilon=0.1))
    np.testing.assert_array_equal(twice, np.concatenate([y, y]))
    history = net.fit(
        x, y, loss=MeanSquaredError(), optimizer=SGD(0.05), epochs=30, batch_size=6,
        augment=AdversarialTraining(net, loss, epsilon=0.1),
    )  # fmt: skip
    losses = history.history["loss"]
    assert losses[-1] < losses[0]


def test_fit_trains_on_what_augment_returns():
    seen = []

    def double(x, y):
        seen.append(len(x))
        return np.concatenate([x, x]), np.concatenate([y, y])

    plain, doubled = small_net(), small_net()
    x, y = batch()
    setting = {"loss": MeanSquaredError(), "optimizer": SGD(0.1), "batch_size": 3, "epochs": 2}
    a = plain.fit(x, y, **setting)
    b = doubled.fit(x, y, augment=double, **setting)
    np.testing.assert_allclose(a.history["loss"], b.history["loss"])  # the same means
    assert seen == [3, 3, 1] * 2


# ---- shared weights, shared layers -------------------------------------------------------------


def tied(seed=0):
    rng = fresh(seed)
    encoder = Dense(5, 3, **rng)
    net = Tied([encoder, Activation("tanh"), TiedDense(encoder)])
    for p in net.params.values():
        p += 0.1 * rng["rng"].normal(size=p.shape)
    return net


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_gradient_of_a_tied_kernel_is_the_sum(seed):
    net, x = tied(seed), np.random.default_rng(seed).normal(size=(6, 5))
    report = gradcheck(net, x, loss=MeanSquaredError(), y=x)
    assert report.ok, report
    assert list(net.params) == ["0.kernel", "0.bias", "2.bias"]


def test_parity_of_tied_weights():
    class Transposed(keras.layers.Layer):
        def __init__(self, source):
            super().__init__()
            self.source = source

        def build(self, shape):
            self.bias = self.add_weight(shape=(5,), name="bias")

        def call(self, x):
            return x @ keras.ops.transpose(self.source.kernel) + self.bias

    x = np.random.default_rng(0).normal(size=(6, 5))
    with parity.float64():
        inputs, encoder = keras.Input((5,)), keras.layers.Dense(3, "tanh")
        hidden, decoder = encoder(inputs), Transposed(encoder)
        twin = keras.Model(inputs, decoder(hidden))
        table = parity.compare(tied(), twin, x, x, loss=MeanSquaredError(), keras_loss="mse")
    assert len(table) == 8


def two_tasks(seed=0):
    rng = fresh(seed)
    heads = [Dense(4, 3, **rng), Dense(4, 1, **rng)]
    return Sequential([Dense(5, 4, **rng), Activation("tanh"), Concatenate(heads)])


def test_two_tasks_on_one_trunk():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 5))
    y = np.concatenate([one_hot(rng.integers(0, 3, 6), 3), rng.normal(size=(6, 1))], axis=1)
    parts = [(CategoricalCrossentropy(from_logits=True), 3, 1.0), (MeanSquaredError(), 1, 0.5)]
    net, loss = two_tasks(), JointLoss(parts)
    report = gradcheck(net.layers[0], x)
    assert report.ok

    def total():
        return loss.forward(y, net.forward(x))

    value = total()
    assert value == pytest.approx(loss.values[0] + 0.5 * loss.values[1])
    net.backward(loss.backward())
    found, e = net.grads["0.kernel"].copy(), 1e-6
    w = net.params["0.kernel"]
    for i in np.ndindex(2, 4):
        w[i] += e
        up = total()
        w[i] -= 2 * e
        down = total()
        w[i] += e
        assert found[i] == pytest.approx((up - down) / (2 * e), abs=1e-8)


def test_parity_of_two_tasks():
    rng = np.random.default_rng(0)
    x, labels, numbers = rng.normal(size=(6, 5)), rng.integers(0, 3, 6), rng.normal(size=(6, 1))
    y = np.concatenate([one_hot(labels, 3), numbers], axis=1)
    parts = [(CategoricalCrossentropy(from_logits=True), 3, 1.0), (MeanSquaredError(), 1, 0.5)]

    def keras_loss(y, z):
        classes = keras.losses.CategoricalCrossentropy(from_logits=True)(y[:, :3], z[:, :3])
        return classes + 0.5 * keras.losses.MeanSquaredError()(y[:, 3:], z[:, 3:])

    with parity.float64():
        inputs = keras.Input((5,))
        trunk, a, b = keras.layers.Dense(4, "tanh"), keras.layers.Dense(3), keras.layers.Dense(1)
        hidden = trunk(inputs)
        twin = keras.Model(inputs, keras.layers.Concatenate()([a(hidden), b(hidden)]))
        table = parity.compare(
            two_tasks(), twin, x, y, loss=JointLoss(parts), keras_loss=keras_loss,
            keras_layers=[trunk, a, b],
        )  # fmt: skip
    assert len(table) == 14


# ---- bad input ---------------------------------------------------------------------------------

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L2(-1), "l2 >= 0, got 0.0 and -1"),
        (lambda: L1(float("nan")), "l1 >= 0"),
        (lambda: soft_threshold(np.ones(2), -1), "threshold >= 0, got -1"),
        (lambda: Proximal(SGD(1), -1), "l1 >= 0, got -1"),
        (lambda: MaxNorm(0), "max_value > 0, got 0"),
        (lambda: powers(np.ones((2, 2)), 3), r"x \(N,\) and a whole degree"),
        (lambda: powers(np.ones(2), 1.5), "got .* and 1.5"),
        (lambda: ridge(np.ones((3, 2)), np.ones(4)), r"got \(3, 2\) and \(4,\)"),
        (lambda: ridge(np.ones((3, 2)), np.ones(3), -1), "l2 >= 0"),
        (lambda: elastic_net(np.ones((3, 2)), np.ones(3), start=np.ones(3)), r"start \(2,\)"),
        (lambda: Dropout(1, rng=RNG), "rate < 1, got 1"),
        (lambda: Dropout(-0.1, rng=RNG), "0 <= rate"),
        (lambda: GaussianNoise(-1, rng=RNG), "stddev >= 0, got -1"),
        (lambda: WeightNoise(Dense(2, 2, rng=RNG), -1, rng=RNG), "stddev >= 0"),
        (lambda: smooth_labels(np.array([0, 1])), r"one-hot labels \(N, C >= 2\), got \(2,\)"),
        (lambda: smooth_labels(np.eye(3), 1.0), "0 <= label_smoothing < 1, got 1.0"),
        (lambda: flip_labels(np.eye(2), 0.1, 2, rng=RNG), r"labels \(N,\)"),
        (lambda: flip_labels(np.zeros(3, int), 0.1, 1, rng=RNG), "at least 2 classes"),
        (lambda: mixup(np.ones(3), np.ones(3), rng=RNG), r"alpha > 0, got \(3,\), \(3,\), 0.2"),
        (lambda: mixup(np.ones(3), np.eye(3), alpha=0, rng=RNG), "alpha > 0"),
        (lambda: EarlyStopping(patience=-1), "patience, min_delta"),
        (lambda: EarlyStopping(mode="up"), 'expected mode "auto", "min" or "max", got \'up\''),
        (lambda: bootstrap(0, rng=RNG), "n >= 1, got 0"),
        (lambda: Ensemble([]), "at least one model"),
        (
            lambda: bagging(small_net, np.ones(3), np.ones(2), n_models=1, optimizer=SGD, rng=RNG),
            "as many x as y, got 1, 3 and 2",
        ),
        (lambda: monte_carlo(small_net(), np.ones((1, 5)), samples=0), "samples >= 1, got 0"),
        (
            lambda: fgsm(small_net(), MeanSquaredError(), *batch(), epsilon=-1),
            "epsilon >= 0 and low < high, got -1",
        ),
        (
            lambda: pgd(small_net(), MeanSquaredError(), *batch(), epsilon=1, steps=0),
            "steps >= 1, got 0",
        ),
        (lambda: tied().layers[2].forward(np.ones((2, 5))), r"x \(N, 3\), got \(2, 5\)"),
        (lambda: JointLoss([]), "expected parts"),
        (lambda: JointLoss([(MeanSquaredError(), 2, 0)]), "weight > 0"),
        (
            lambda: JointLoss([(MeanSquaredError(), 2, 1)]).forward(
                np.ones((2, 3)), np.ones((2, 3))
            ),
            r"columns \(N, 2\), got \(2, 3\)",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_probabilities_of_an_ensemble_need_scores():
    np.testing.assert_allclose(
        Ensemble([small_net()]).predict(batch()[0]), softmax(small_net().forward(batch()[0]))
    )
