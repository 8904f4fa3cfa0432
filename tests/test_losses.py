"""Losses, hinges and softmax: by hand, against differences, scipy and scikit-learn, and Keras."""

import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from twice.scratch import hinge, losses
from twice.scratch.gradcheck import check_array
from twice.scratch.gradient_descent import SGD, fit, numerical_gradient
from twice.scratch.perceptron import sigmoid

seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(st.integers(1, 6), st.integers(2, 5))
quick = settings(deadline=None, max_examples=40)


def rows(rng, n, k):
    """Random probabilities, each row of sum 1."""
    return losses.softmax(rng.normal(size=(n, k)))


def hot(rng, n, k, dtype=np.float64):
    return losses.one_hot(rng.integers(0, k, n), k, dtype)


def signs(rng, n, k):
    return rng.choice([-1.0, 1.0], (n, k))


def numbers(rng, n, k):
    return rng.normal(size=(n, k))


def labels(rng, n, k):
    return rng.integers(0, k, n)


def bits(rng, n, k):
    return rng.uniform(0.01, 1, (n, k))  # soft ones, too


# name: the loss, what its targets are, what its predictions are
FAMILY = {
    "mae": (losses.MeanAbsoluteError(), numbers, numbers),
    "huber": (losses.Huber(0.7), numbers, numbers),
    "bce": (losses.BinaryCrossentropy(), bits, rows),
    "bce logits": (losses.BinaryCrossentropy(from_logits=True), bits, numbers),
    "cce": (losses.CategoricalCrossentropy(), rows, rows),
    "cce unscaled": (losses.CategoricalCrossentropy(), hot, bits),
    "cce logits": (losses.CategoricalCrossentropy(from_logits=True), rows, numbers),
    "cce smooth": (losses.CategoricalCrossentropy(True, 0.2), hot, numbers),
    "sparse": (losses.SparseCategoricalCrossentropy(), labels, rows),
    "sparse logits": (losses.SparseCategoricalCrossentropy(from_logits=True), labels, numbers),
    "kl": (losses.KLDivergence(), rows, rows),
    "hinge": (hinge.Hinge(), signs, numbers),
    "squared hinge": (hinge.SquaredHinge(), signs, numbers),
    "multiclass hinge": (hinge.MulticlassHinge(), hot, numbers),
    "multiclass squared": (hinge.MulticlassHinge(squared=True), hot, numbers),
    "categorical hinge": (hinge.CategoricalHinge(), hot, numbers),
}
each = pytest.mark.parametrize("name", FAMILY)


# ---- what all losses share ---------------------------------------------------------------------


def slopes_left_and_right(loss, y, z, i, step=1e-6):
    """How the loss rises to either side of entry i: equal but on a corner."""
    aside = np.zeros_like(z)
    aside[i] = step
    here = loss.forward(y, z)
    return (here - loss.forward(y, z - aside)) / step, (loss.forward(y, z + aside) - here) / step


@each
@quick
@given(seeds, shapes)
def test_the_gradient_is_that_of_central_differences(name, seed, shape):
    loss, targets, predictions = FAMILY[name]
    rng = np.random.default_rng(seed)
    y, z = targets(rng, *shape), predictions(rng, *shape)
    loss.forward(y, z)
    check = check_array("y_pred", lambda: loss.forward(y, z), z, loss.backward().copy(),
                        epsilon=1e-5, coordinates=z.size, tolerance=1e-6, rng=rng)  # fmt: skip
    assert check.error < 1e-6, check
    assert check.checked >= z.size - 1, check  # a corner is met by chance, if ever


# where the slope jumps: targets, predictions, which entries sit on a corner
CORNERS = {
    "mae": ([[1.0, 2.0, 3.0]], [[1.0, 2.5, 3.0]], [0, 2]),
    "hinge": ([[1.0, -1.0, 1.0]], [[1.0, -1.0, 0.3]], [0, 1]),
    "multiclass hinge": ([[1.0, 0, 0, 0]], [[0.5, -0.5, 0.2, -0.5]], [0, 1, 3]),
    "categorical hinge": ([[1.0, 0, 0, 0]], [[0.5, 0.7, 0.7, -0.1]], [1, 2]),
}


@pytest.mark.parametrize("name", CORNERS)
def test_on_a_corner_the_gradient_is_a_slope_between_those_to_its_sides(name):
    loss = FAMILY[name][0]
    y, z, corners = (np.array(a) for a in CORNERS[name])
    loss.forward(y, z)
    ours = loss.backward().copy()
    check = check_array("y_pred", lambda: loss.forward(y, z), z, ours, epsilon=1e-5,
                        coordinates=z.size, tolerance=1e-6,
                        rng=np.random.default_rng(0))  # fmt: skip
    assert check.error < 1e-6, check
    missed = 0
    for k in range(z.size):
        left, right = slopes_left_and_right(loss, y, z, (0, k))
        assert (right - left > 0.1) == (k in corners)
        assert left - 1e-8 < ours[0, k] < right + 1e-8
        missed += abs(ours[0, k] - (left + right) / 2) > 1e-6
    assert (check.kinks, check.checked) == (missed, z.size - missed)
    assert missed == (0 if name == "mae" else len(corners))  # sign(0) lies in the middle


@each
def test_float32_stays_float32_and_inputs_are_left_alone(name):
    loss, targets, predictions = FAMILY[name]
    rng = np.random.default_rng(0)
    y, z = targets(rng, 4, 3), predictions(rng, 4, 3).astype(np.float32)
    before = y.copy(), z.copy()
    value = loss.forward(y, z)
    assert isinstance(value, float)
    assert loss.backward().dtype == np.float32
    assert loss.backward().shape == z.shape
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(z, before[1])


@each
def test_a_loss_is_a_mean_over_the_samples(name):
    loss, targets, predictions = FAMILY[name]
    rng = np.random.default_rng(1)
    y, z = targets(rng, 5, 4), predictions(rng, 5, 4)
    once = loss.forward(y, z)
    slope = loss.backward()
    twice = loss.forward(np.concatenate([y, y]), np.concatenate([z, z]))
    assert twice == pytest.approx(once)
    np.testing.assert_allclose(loss.backward()[:5], slope / 2)


@pytest.mark.parametrize("name", [n for n in FAMILY if not n.startswith("sparse")])
@pytest.mark.parametrize(("y", "z"), [((3, 2), (3, 3)), ((3,), (3, 1)), ((), ()), ((0, 2), (0, 2))])
def test_shapes_that_differ_or_are_empty_are_named(name, y, z):
    with pytest.raises(ValueError, match="expected y_true and y_pred of one shape, got") as told:
        FAMILY[name][0].forward(np.zeros(y), np.zeros(z))
    assert str(y) in str(told.value)
    assert str(z) in str(told.value)


# ---- softmax and its logarithm -----------------------------------------------------------------


def test_softmax_by_hand():
    # e^ln 2, e^ln 3, e^ln 5 are 2, 3, 5 of 10.
    np.testing.assert_allclose(losses.softmax(np.log([2.0, 3.0, 5.0])), [0.2, 0.3, 0.5])
    np.testing.assert_allclose(losses.logsumexp(np.log([2.0, 3.0, 5.0])), [np.log(10)])


@given(seeds, shapes)
def test_softmax_and_its_parts_are_those_of_scipy(seed, shape):
    z = np.random.default_rng(seed).normal(0, 5, shape)
    close = {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(losses.softmax(z), scipy.special.softmax(z, axis=-1), **close)
    expected = scipy.special.log_softmax(z, axis=-1)
    np.testing.assert_allclose(losses.log_softmax(z), expected, **close)
    expected = scipy.special.logsumexp(z, axis=0, keepdims=True)
    np.testing.assert_allclose(losses.logsumexp(z, axis=0), expected, **close)


@given(seeds, st.floats(-1e6, 1e6))
def test_softmax_ignores_a_common_summand(seed, shift):
    z = np.random.default_rng(seed).integers(-5, 6, (3, 4)).astype(float)
    np.testing.assert_allclose(losses.softmax(z + shift), losses.softmax(z), atol=1e-9)


def test_huge_logits_neither_overflow_nor_warn():
    z = np.array([[1e4, 0.0, -1e4]])
    np.testing.assert_array_equal(losses.softmax(z), [[1, 0, 0]])
    np.testing.assert_array_equal(losses.log_softmax(z), [[0, -1e4, -2e4]])


def test_temperature_goes_from_sharp_to_even_and_keeps_the_order():
    z = np.array([2.0, 1.0, 0.0])
    np.testing.assert_allclose(losses.softmax(z, 2.0), losses.softmax(z / 2))
    np.testing.assert_allclose(losses.softmax(z, 1e6), 1 / 3, atol=1e-6)
    np.testing.assert_allclose(losses.softmax(z, 1e-3), [1, 0, 0], atol=1e-12)
    assert losses.softmax(z.astype(np.float32), 2.0).dtype == np.float32


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_a_temperature_that_is_not_positive_is_named(temperature):
    with pytest.raises(ValueError, match=f"expected temperature > 0, got {temperature}"):
        losses.softmax(np.zeros(3), temperature)


def test_one_hot_by_hand_and_its_complaints():
    np.testing.assert_array_equal(losses.one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])
    assert losses.one_hot([2, 0], 3).dtype == np.float32
    with pytest.raises(ValueError, match=r"expected labels 0 to 2, got \[0 3\]"):
        losses.one_hot([3, 0], 3)
    with pytest.raises(ValueError, match=r"expected labels 0 to 2, got \[-1  0\]"):
        losses.one_hot([-1, 0], 3)
    with pytest.raises(ValueError, match=r"expected whole numbers of shape \(N,\), got float64"):
        losses.one_hot([0.5], 3)
    with pytest.raises(ValueError, match=r"of shape \(1, 1\)"):
        losses.one_hot([[1]], 3)


# ---- regression --------------------------------------------------------------------------------


def test_absolute_error_and_huber_by_hand():
    y, z = np.zeros(4), np.array([0.5, -1.0, 3.0, 0.0])
    loss = losses.MeanAbsoluteError()
    assert loss.forward(y, z) == pytest.approx(4.5 / 4)
    np.testing.assert_allclose(loss.backward(), np.array([1, -1, 1, 0]) / 4)
    loss = losses.Huber(delta=2.0)  # 0.125, 0.5, 2 * 3 - 2 = 4, 0
    assert loss.forward(y, z) == pytest.approx(4.625 / 4)
    np.testing.assert_allclose(loss.backward(), np.array([0.5, -1, 2, 0]) / 4)


@given(seeds, st.floats(0.1, 5))
def test_huber_is_that_of_scipy(seed, delta):
    rng = np.random.default_rng(seed)
    y, z = rng.normal(0, 3, (2, 20))
    expected = scipy.special.huber(delta, z - y).mean()
    assert losses.Huber(delta).forward(y, z) == pytest.approx(expected)


@pytest.mark.parametrize("delta", [0, -1.0, float("nan")])
def test_a_huber_without_a_positive_delta_is_named(delta):
    with pytest.raises(ValueError, match=f"expected delta > 0, got {delta}"):
        losses.Huber(delta)


# ---- cross-entropies ---------------------------------------------------------------------------


def test_three_flips_of_a_coin_by_hand():
    # Heads, heads, tails under p = 2/3: likelihood 4/27.
    loss = losses.BinaryCrossentropy()
    assert loss.forward([1, 1, 0], np.full(3, 2 / 3)) == pytest.approx(-np.log(4 / 27) / 3)
    # slopes: -1/p = -1.5 for heads, 1/(1-p) = 3 for tails, over 3 samples: their sum is zero
    np.testing.assert_allclose(loss.backward(), [-0.5, -0.5, 1], rtol=1e-6)


@given(seeds, shapes)
def test_binary_cross_entropy_from_logits_is_that_of_the_probabilities(seed, shape):
    rng = np.random.default_rng(seed)
    y, z = rng.uniform(size=shape), rng.normal(0, 3, shape)
    from_logits = losses.BinaryCrossentropy(from_logits=True)
    assert from_logits.forward(y, z) == pytest.approx(
        losses.BinaryCrossentropy().forward(y, sigmoid(z)), rel=1e-5
    )
    np.testing.assert_allclose(from_logits.backward(), (sigmoid(z) - y) / z.size, atol=1e-12)


@pytest.mark.parametrize("z", [-1e4, -800.0, 800.0, 1e4])
def test_sure_wrong_logits_cost_their_size_and_no_warning(z):
    loss = losses.BinaryCrossentropy(from_logits=True)
    assert loss.forward([float(z < 0)], np.array([z])) == pytest.approx(abs(z))
    np.testing.assert_allclose(loss.backward(), [np.sign(z)])
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert loss.forward([int(z > 0)], np.array([[z, 0.0]])) == pytest.approx(abs(z))


def test_probabilities_of_exactly_0_and_1_give_a_finite_loss_and_no_slope():
    for loss, y in ((losses.BinaryCrossentropy(), [[0.0, 1.0]]), (losses.KLDivergence(), [[1, 0]])):
        p = np.array([[1.0, 0.0]])
        assert np.isfinite(loss.forward(y, p))
        assert np.isfinite(loss.backward()).all()


@given(seeds, shapes)
def test_categorical_cross_entropy_is_that_of_scikit_learn(seed, shape):
    rng = np.random.default_rng(seed)
    p, y = rows(rng, *shape), rng.integers(0, shape[1], shape[0])
    expected = sklearn.metrics.log_loss(y, p, labels=np.arange(shape[1]))
    target = losses.one_hot(y, shape[1], np.float64)
    assert losses.CategoricalCrossentropy().forward(target, p) == pytest.approx(expected)
    assert losses.SparseCategoricalCrossentropy().forward(y, p) == pytest.approx(expected)
    z = np.log(p) + 7
    for loss, t in (
        (losses.CategoricalCrossentropy(from_logits=True), target),
        (losses.SparseCategoricalCrossentropy(from_logits=True), y),
    ):
        assert loss.forward(t, z) == pytest.approx(expected)
        np.testing.assert_allclose(loss.backward(), (p - target) / len(p), atol=1e-12)


def test_label_smoothing_by_hand():
    # K = 4, s = 0.2: the target is 0.85 for the class and 0.05 for each of the others.
    loss = losses.CategoricalCrossentropy(label_smoothing=0.2)
    p = np.array([[0.7, 0.1, 0.1, 0.1]])
    expected = -(0.85 * np.log(0.7) + 3 * 0.05 * np.log(0.1))
    assert loss.forward([[1, 0, 0, 0]], p) == pytest.approx(expected)
    for bad in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"expected 0 <= label_smoothing <= 1, got {bad}"):
            losses.CategoricalCrossentropy(label_smoothing=bad)


@given(seeds, shapes)
def test_kl_is_cross_entropy_minus_entropy_and_never_negative(seed, shape):
    rng = np.random.default_rng(seed)
    t, p = rows(rng, *shape), rows(rng, *shape)
    kl = losses.KLDivergence().forward(t, p)
    cross = losses.CategoricalCrossentropy()
    assert kl == pytest.approx(cross.forward(t, p) - cross.forward(t, t), abs=1e-9)
    assert kl == pytest.approx(scipy.special.rel_entr(t, p).sum(axis=1).mean())
    assert kl >= 0
    assert losses.KLDivergence().forward(t, t) == pytest.approx(0, abs=1e-12)


def test_sparse_labels_may_be_whole_floats_and_bad_ones_are_named():
    loss, z = losses.SparseCategoricalCrossentropy(from_logits=True), np.zeros((2, 3))
    assert loss.forward(np.array([0.0, 2.0]), z) == pytest.approx(np.log(3))
    for bad in ([0, 3], [-1, 0], [0.5, 1], [float("nan"), 1]):
        with pytest.raises(ValueError, match="expected labels 0 to 2, got"):
            loss.forward(np.array(bad), z)
    for y, z in (([0], (2, 3)), ([[0], [1]], (2, 3)), ([0, 1], (2,)), ([], (0, 3))):
        with pytest.raises(ValueError, match=r"expected y_true \(N,\) and y_pred \(N, K\), got"):
            loss.forward(np.array(y), np.zeros(z))


# ---- hinges ------------------------------------------------------------------------------------


def test_hinges_by_hand():
    y, s = np.array([1.0, -1, 1, -1]), np.array([2.0, 0.5, -1, -3])  # short by 0, 1.5, 2, 0
    loss = hinge.Hinge()
    assert loss.forward(y, s) == pytest.approx(3.5 / 4)
    np.testing.assert_allclose(loss.backward(), np.array([0, 1, -1, 0]) / 4)
    loss = hinge.SquaredHinge()
    assert loss.forward(y, s) == pytest.approx(6.25 / 4)
    np.testing.assert_allclose(loss.backward(), np.array([0, 3, -4, 0]) / 4)


def test_multiclass_hinges_by_hand():
    # The first class is right with 2; the others, 3 and 1.5, are 2 and 0.5 too close.
    y, s = np.array([[1.0, 0, 0]]), np.array([[2.0, 3, 1.5]])
    loss = hinge.MulticlassHinge()
    assert loss.forward(y, s) == pytest.approx(2.5)
    np.testing.assert_allclose(loss.backward(), [[-2, 1, 1]])
    loss = hinge.MulticlassHinge(squared=True)
    assert loss.forward(y, s) == pytest.approx(4.25)
    np.testing.assert_allclose(loss.backward(), [[-5, 4, 1]])
    loss = hinge.CategoricalHinge()
    assert loss.forward(y, s) == pytest.approx(2)
    np.testing.assert_allclose(loss.backward(), [[-1, 1, 0]])


@given(seeds, shapes)
def test_hinges_are_those_of_scikit_learn(seed, shape):
    rng = np.random.default_rng(seed)
    y, s = signs(rng, *shape)[:, 0], rng.normal(size=shape)[:, 0]
    expected = np.mean(np.maximum(1 - y * s, 0))
    assert hinge.Hinge().forward(y, s) == pytest.approx(expected)
    n, k = shape[0], max(shape[1], 3)
    y, s = rng.integers(0, k, n), rng.uniform(0, 3, (n, k))
    expected = sklearn.metrics.hinge_loss(y, s, labels=np.arange(k))
    assert hinge.CategoricalHinge().forward(losses.one_hot(y, k), s) == pytest.approx(expected)


def test_with_two_classes_all_multiclass_hinges_are_the_hinge_of_the_difference():
    rng = np.random.default_rng(0)
    s, y = rng.uniform(0, 3, (20, 2)), rng.integers(0, 2, 20)
    expected = hinge.Hinge().forward(2.0 * y - 1, s[:, 1] - s[:, 0])
    for loss in (hinge.MulticlassHinge(), hinge.CategoricalHinge()):
        assert loss.forward(losses.one_hot(y, 2), s) == pytest.approx(expected)


def test_as_in_keras_rivals_below_0_count_as_0():
    loss = hinge.CategoricalHinge()
    assert loss.forward(np.array([[1.0, 0, 0]]), np.array([[0.5, -2.0, -0.1]])) == 0.5
    np.testing.assert_array_equal(loss.backward(), [[-1, 0, 0]])


def test_where_rivals_tie_only_one_is_pushed():
    loss = hinge.CategoricalHinge()
    loss.forward(np.array([[1.0, 0, 0]]), np.zeros((1, 3)))
    np.testing.assert_array_equal(loss.backward(), [[-1, 1, 0]])


# ---- softmax regression ------------------------------------------------------------------------


def test_softmax_regression_starts_even_and_learns_what_scikit_learn_learns():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2))
    y = (x @ [[1.0, -1, 0], [0, 1, -1]] + rng.gumbel(size=(90, 3))).argmax(axis=1)
    model = losses.SoftmaxRegression(2, 3, dtype=np.float64)
    np.testing.assert_allclose(model.predict_proba(x), 1 / 3)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    fit(model, loss, SGD(1.0), x, y, batch_size=90, epochs=3000)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(model.predict_proba(x), theirs.predict_proba(x), atol=1e-4)


def test_softmax_regression_passes_its_gradient_on():
    rng = np.random.default_rng(0)
    model = losses.SoftmaxRegression(3, 4, dtype=np.float64)
    model.params["kernel"][:] = rng.normal(size=(3, 4))
    x, y = rng.normal(size=(5, 3)), rng.integers(0, 4, 5)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    loss.forward(y, model.forward(x))
    ours = model.backward(loss.backward())
    slope = numerical_gradient(lambda a: loss.forward(y, model.forward(a)), x)
    np.testing.assert_allclose(ours, slope, atol=1e-8)
    assert losses.SoftmaxRegression(3, 4).forward(x.astype(np.float32)).dtype == np.float32


# ---- Keras -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_loss_that_keras_has_gives_its_value_and_gradient(seed):
    from twice import parity

    keras, rng = parity.keras, np.random.default_rng(seed)
    settings = {
        "huber": {"delta": 0.7},
        "bce logits": {"from_logits": True},
        "cce logits": {"from_logits": True},
        "cce smooth": {"from_logits": True, "label_smoothing": 0.2},
        "sparse logits": {"from_logits": True},
    }
    with parity.float64():
        twin = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, use_bias=False)])
        for name, (loss, targets, predictions) in FAMILY.items():
            kind = getattr(keras.losses, type(loss).__name__, None)
            if kind is None:
                continue
            y, z = targets(rng, 6, 4), predictions(rng, 6, 4)
            twin.set_weights([z])  # an identity as input: the kernel is the output
            theirs = kind(**settings.get(name, {}))
            _, value, (slope,) = parity.keras_gradients(
                twin, theirs, np.eye(6), np.asarray(y, float)
            )
            assert loss.forward(y, z) == pytest.approx(float(value), abs=1e-8), name
            assert parity.difference(loss.backward(), slope) < 1e-8, name
