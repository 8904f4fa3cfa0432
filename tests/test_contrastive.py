"""Losses on pairs, triplets and views: worked numbers, gradients, Keras's derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.keras_gradients import gradient
from twice.parity import keras
from twice.scratch.adaptive import Adam
from twice.scratch.augmentation import RandomNoise
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.contrastive import (
    BarlowTwins,
    ContrastiveLoss,
    Siamese,
    TripletLoss,
    UnitNormalization,
    views,
)
from twice.scratch.deep_cnns import Add, Identity
from twice.scratch.gradcheck import gradcheck
from twice.scratch.noise import Dropout
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.training import NotFinite
from twice.scratch.transfer import freeze

ops = keras.ops


def net(dtype=np.float64, seed=0, unit=False):
    rng = np.random.default_rng(seed)
    layers = [Dense(3, 5, rng=rng, dtype=dtype), Activation("tanh"),
              Dense(5, 4, rng=rng, dtype=dtype)]  # fmt: skip
    return Sequential([*layers, *([UnitNormalization()] if unit else [])])


def contrastive(margin):
    def keras_loss(y, z):
        d = ops.sqrt(ops.sum((z[:, 0] - z[:, 1]) ** 2, axis=1))
        short = ops.relu(margin - d)
        return ops.mean(ops.multiply(y, d**2) + ops.multiply(1 - y, short**2)) / 2

    return keras_loss


def triplet(margin):
    def keras_loss(y, z):
        a, p, n = (z[:, k] for k in range(3))
        gap = ops.sum((a - p) ** 2, axis=1) - ops.sum((a - n) ** 2, axis=1)
        return ops.mean(ops.relu(gap + margin))

    return keras_loss


def barlow(lambd):
    def keras_loss(y, z):
        def unit(a):
            return (a - ops.mean(a, axis=0)) / ops.sqrt(ops.var(a, axis=0) + 1e-5)

        c = ops.matmul(ops.transpose(unit(z[:, 0])), unit(z[:, 1])) / z.shape[0]
        eye = ops.convert_to_tensor(np.eye(z.shape[2]))
        wanted = eye + lambd * (1 - eye)
        return ops.sum(wanted * (c - eye) ** 2)

    return keras_loss


LOSSES = {  # ours, Keras's, inputs a group
    "contrastive": (ContrastiveLoss, contrastive, 2, (0.5, 2.0)),
    "triplet": (TripletLoss, triplet, 3, (0.2, 3.0)),
    "barlow": (BarlowTwins, barlow, 2, (0.0, 0.3)),
}
CASES = [(name, value) for name, case in LOSSES.items() for value in case[3]]


def groups(k, n=7, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, k, d)), (np.arange(n) % 2).astype(np.float64)


# ---- the losses --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), CASES)
def test_value_and_gradient_are_those_of_keras(name, value):
    ours, theirs, k, _ = LOSSES[name]
    z, y = groups(k)
    loss = ours(value)
    with parity.float64():
        wanted = ops.convert_to_numpy(theirs(value)(y, ops.convert_to_tensor(z)))
        slope = gradient(lambda z: theirs(value)(y, z), z)
    assert abs(loss.forward(y, z) - wanted) < 1e-12
    np.testing.assert_allclose(loss.backward(), slope, atol=1e-12)
    assert np.abs(slope).max() > 1e-3


@pytest.mark.parametrize(("name", "value"), CASES)
@pytest.mark.parametrize("unit", [False, True])
def test_gradients_of_a_siamese_net(name, value, unit):
    ours, _, k, _ = LOSSES[name]
    x, y = groups(k, d=3, seed=1)
    report = gradcheck(Siamese(net(unit=unit)), x, loss=ours(value), y=y)
    assert report.ok, report
    assert sum(c.kinks for c in report.checks) == 0


@given(
    n=st.integers(2, 6),
    d=st.integers(1, 5),
    single=st.booleans(),
    name=st.sampled_from(list(LOSSES)),
)
def test_shapes_and_dtypes(n, d, single, name):
    ours, _, k, values = LOSSES[name]
    z, y = groups(k, n, d)
    z = z.astype(np.float32 if single else np.float64)
    loss = ours(values[1])
    value = loss.forward(y, z)
    assert isinstance(value, float)
    assert value >= 0
    assert (loss.backward().shape, loss.backward().dtype) == (z.shape, z.dtype)


def test_contrastive_loss_by_hand():
    """3-4-5: alike 25 / 2; not alike and 5 apart: margin 7 leaves 2; margin 5 leaves nothing."""
    z = np.array([[[0, 0], [3, 4]], [[0, 0], [3, 4]]], float)
    loss = ContrastiveLoss(7)
    assert loss.forward([1, 0], z) == pytest.approx((25 + 4) / 4)
    np.testing.assert_allclose(loss.backward()[0], [[-1.5, -2], [1.5, 2]])
    np.testing.assert_allclose(loss.backward()[1], [[0.6, 0.8], [-0.6, -0.8]])
    assert ContrastiveLoss(5).forward([0, 0], z) == 0


def test_two_different_things_at_one_point_have_no_direction():
    loss = ContrastiveLoss(1)
    assert loss.forward([0, 1], np.zeros((2, 2, 3))) == 0.25
    assert np.array_equal(loss.backward(), np.zeros((2, 2, 3)))


def test_triplet_loss_by_hand():
    z = np.array([[[0, 0], [1, 0], [0, 2]], [[0, 0], [0, 1], [1, 1]]], float)
    loss = TripletLoss(1.5)
    assert loss.forward(None, z) == pytest.approx((0 + 0.5) / 2)  # 1 - 4 + 1.5 < 0; 1 - 2 + 1.5
    assert not loss.backward()[0].any()
    np.testing.assert_allclose(loss.backward()[1], [[1, 0], [0, 1], [-1, -1]])


def test_barlow_twins_by_hand():
    """Columns of +-1 are standardized already: C holds their products' means."""
    a = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]], float)
    b = np.stack([a[:, 0], a[:, 0]], axis=1)  # the second number repeats the first
    loss = BarlowTwins(0.1, epsilon=1e-12)
    assert loss.forward(None, np.stack([a, b], axis=1)) == pytest.approx(1 + 0.1)
    np.testing.assert_allclose(loss.correlations, [[1, 1], [0, 0]], atol=1e-9)
    assert loss.forward(None, np.stack([a, a], axis=1)) == pytest.approx(0)
    assert loss.forward(None, np.ones((4, 2, 2))) == pytest.approx(2)  # collapsed: C = 0


@settings(max_examples=20)
@given(seed=st.integers(0, 99), scale=st.floats(0.5, 50), shift=st.floats(-5, 5))
def test_barlow_twins_sees_neither_scale_nor_shift(seed, scale, shift):
    z = groups(2, 9, seed=seed)[0]
    loss, moved = BarlowTwins(epsilon=1e-12), BarlowTwins(epsilon=1e-12)
    assert loss.forward(None, z) == pytest.approx(moved.forward(None, scale * z + shift))
    assert abs(loss.backward().sum(axis=0)).max() < 1e-10


# ---- the layers --------------------------------------------------------------------------------


def test_a_siamese_net_is_the_net_for_each_of_the_group():
    model = net()
    x = groups(3, d=3)[0]
    found = Siamese(model).predict(x, batch_size=2)
    for k in range(3):
        np.testing.assert_allclose(found[:, k], model.predict(x[:, k]), rtol=1e-13)
    assert repr(Siamese(model)) == "Siamese(3 layers)"
    assert Siamese(freeze(model, 1)).first == 2


def test_training_a_siamese_net_trains_the_net_it_is_made_of():
    """Two clouds in three dimensions: what is alike moves together, what is not apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2, 3))
    y = np.arange(80) % 2
    kind = rng.integers(0, 2, 80)
    x[:, 0, 0] += 2 * kind
    x[:, 1, 0] += 2 * np.where(y, kind, 1 - kind)
    model = net()
    siamese = Siamese(model)
    history = siamese.fit(x, y, loss=ContrastiveLoss(1), optimizer=Adam(0.01), epochs=30, rng=rng)
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]
    z = model.predict(x[:, 0])
    middle = z[kind == 0].mean(axis=0), z[kind == 1].mean(axis=0)
    inside = np.mean([z[kind == k].std(axis=0).mean() for k in (0, 1)])
    assert np.linalg.norm(middle[0] - middle[1]) > 2 * inside


def test_a_siamese_net_can_be_looked_at_and_fails_with_a_name(capsys):
    model = Siamese(net())
    model.summary((2, 3))
    assert "(None, 5)" in capsys.readouterr().out
    model.params["2.kernel"][0] = np.nan
    with pytest.raises(NotFinite, match=r"the kernel of layer 2, Dense\(5, 4\), is not finite"):
        model.fit(*groups(2, d=3), loss=ContrastiveLoss(), optimizer=SGD(0.1))


@pytest.mark.parametrize("model", [Dense(2, 2, rng=np.random.default_rng(0)),
                                   Add([Identity(), Identity()])])  # fmt: skip
def test_a_siamese_net_needs_a_row_of_layers(model):
    with pytest.raises(ValueError, match=r"expected a Sequential, got (Dense|Add)"):
        Siamese(model)


@pytest.mark.parametrize("shape", [(4, 3), (4, 1, 3), (4,)])
def test_what_is_no_group(shape):
    with pytest.raises(ValueError, match=r"expected x \(N, k, ...\) with k >= 2, got \(4"):
        Siamese(net()).forward(np.zeros(shape))


def test_unit_length_is_kerass_and_its_gradient_right():
    x = np.random.default_rng(0).normal(size=(5, 2, 4))
    layer = UnitNormalization()
    z = layer.forward(x)
    np.testing.assert_allclose(np.linalg.norm(z, axis=2), 1)
    with parity.float64():
        theirs = keras.layers.UnitNormalization()
        np.testing.assert_allclose(z, ops.convert_to_numpy(theirs(x)), rtol=1e-14)
    assert gradcheck(layer, x).ok
    assert layer.forward(x.astype(np.float32)).dtype == np.float32


def test_a_vector_of_zeros_has_no_direction_but_a_gradient():
    layer = UnitNormalization()
    x = np.zeros((1, 3))
    assert np.array_equal(layer.forward(x), x)
    np.testing.assert_allclose(layer.backward(np.ones((1, 3))), np.full((1, 3), 1e12))
    layer.forward(np.full((1, 3), 1e-13))  # shorter than 1e-12: divided by that, a constant
    np.testing.assert_allclose(layer.backward(np.ones((1, 3))), np.full((1, 3), 1e12))


def test_batch_norm_and_dropout_in_a_siamese_net_see_one_batch():
    rng = np.random.default_rng(0)
    norm = BatchNormalization(3, momentum=0, dtype=np.float64)
    x = rng.normal(size=(6, 2, 3))
    Siamese(Sequential([norm, Dropout(0.5, rng=rng)])).forward(x, training=True)
    np.testing.assert_allclose(norm.non_trainable["moving_mean"], x.reshape(12, 3).mean(axis=0))


def test_views_are_drawn_anew_and_y_stays():
    x, y = np.zeros((3, 2, 2, 1), np.float32), np.arange(3)
    noise = RandomNoise(0.5, rng=np.random.default_rng(0))
    made, same = views(noise, noise, lambda x, y: (x + 7, y))(x, y)
    assert (made.shape, made.dtype) == ((3, 3, 2, 2, 1), np.float32)
    assert same is y
    assert (made[:, 0] != made[:, 1]).all()
    assert (made[:, 2] == 7).all()
    with pytest.raises(ValueError, match="expected at least two augmentations, got 1"):
        views(noise)


# ---- what does not fit -------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_are_no_groups_of_embeddings(name):
    ours, _, k, values = LOSSES[name]
    for shape in [(4, k), (4, k + 1, 2), (4, k, 2, 2), (0, k, 2), (4, k, 0)]:
        with pytest.raises(ValueError, match=rf"expected embeddings \(N, {k}, d\), got \("):
            ours(values[1]).forward(np.zeros(len(shape)), np.zeros(shape))


@pytest.mark.parametrize("y", [[1, 2], [1, 0, 1], [[1], [0]], [0.5, 1], [np.nan, 1]])
def test_y_that_does_not_say_alike_or_not(y):
    with pytest.raises(ValueError, match=r"expected y \(2,\) of 0 and 1, got \("):
        ContrastiveLoss().forward(y, np.zeros((2, 2, 3)))


@pytest.mark.parametrize("loss", [ContrastiveLoss, TripletLoss])
@pytest.mark.parametrize("margin", [0, -1, np.nan, np.inf])
def test_margins_that_are_none(loss, margin):
    with pytest.raises(ValueError, match=f"expected margin > 0, got {margin}"):
        loss(margin)


@pytest.mark.parametrize(("lambd", "epsilon"), [(-1, 1), (np.nan, 1), (np.inf, 1), (1, 0)])
def test_settings_of_barlow_twins_that_are_none(lambd, epsilon):
    said = f"expected lambd >= 0 and epsilon > 0, got {lambd} and {epsilon}"
    with pytest.raises(ValueError, match=said):
        BarlowTwins(lambd, epsilon=epsilon)


def test_one_pair_has_no_correlations():
    with pytest.raises(ValueError, match="expected at least 2 pairs of views, got 1"):
        BarlowTwins().forward(None, np.zeros((1, 2, 3)))
