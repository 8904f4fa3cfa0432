"""Metrics: accuracy, Brier, ROC and AUC, calibration; by hand and against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from twice.scratch import metrics

seeds = st.integers(0, 2**32 - 1)


def answers(seed, n=40, ties=True):
    """Labels of both classes, and probabilities, some of them equal."""
    rng = np.random.default_rng(seed)
    y = np.append(rng.integers(0, 2, n - 2), [0, 1])
    p = rng.uniform(size=n)
    return y, np.round(p, 1) if ties else p


# ---- accuracy ----------------------------------------------------------------------------------


def test_accuracy_by_hand_in_all_its_forms():
    scores = np.array([[1.0, 2.0, 0.0], [5.0, -1.0, 4.0]])
    assert metrics.accuracy([1, 2], scores) == 0.5
    assert metrics.accuracy(np.eye(3)[[1, 0]], scores) == 1
    p = np.array([0.5, 0.49, 0.9])
    assert metrics.accuracy([1, 0, 0], p) == pytest.approx(2 / 3)
    assert metrics.accuracy(np.array([[1], [0], [0]]), p[:, None]) == pytest.approx(2 / 3)


@given(seeds)
def test_accuracy_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    y, z = rng.integers(0, 4, 20), rng.normal(size=(20, 4))
    expected = sklearn.metrics.accuracy_score(y, z.argmax(axis=1))
    assert metrics.accuracy(y, z) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("y", "p"), [(np.zeros(3), np.zeros((2, 4))), (np.zeros((2, 3)), np.zeros((2, 4))), ([], [])]
)
def test_accuracy_names_shapes_that_do_not_fit(y, p):
    with pytest.raises(ValueError, match=r"expected a label for each of \d samples, got"):
        metrics.accuracy(y, p)


# ---- Brier, ROC, AUC ---------------------------------------------------------------------------


def test_brier_and_auc_by_hand():
    y, p = [1, 0, 1, 0], [0.9, 0.8, 0.4, 0.3]
    assert metrics.brier_score(y, p) == pytest.approx((0.01 + 0.64 + 0.36 + 0.09) / 4)
    assert metrics.roc_auc(y, p) == 0.75  # three of the four pairs are in order
    fpr, tpr, thresholds = metrics.roc_curve(y, p)
    np.testing.assert_allclose(fpr, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_allclose(tpr, [0, 0.5, 0.5, 1, 1])
    np.testing.assert_allclose(thresholds, [np.inf, 0.9, 0.8, 0.4, 0.3])


@given(seeds, st.booleans())
def test_brier_roc_and_auc_are_those_of_scikit_learn(seed, ties):
    y, p = answers(seed, ties=ties)
    assert metrics.brier_score(y, p) == pytest.approx(sklearn.metrics.brier_score_loss(y, p))
    assert metrics.roc_auc(y, p) == pytest.approx(sklearn.metrics.roc_auc_score(y, p))
    theirs = sklearn.metrics.roc_curve(y, p, drop_intermediate=False)
    for ours, expected in zip(metrics.roc_curve(y, p), theirs, strict=True):
        np.testing.assert_allclose(ours, expected)


@given(seeds)
def test_auc_is_the_share_of_pairs_in_order_and_sees_the_order_alone(seed):
    y, p = answers(seed)
    pairs = p[y == 1][:, None] - p[y == 0]
    share = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert metrics.roc_auc(y, p) == pytest.approx(share)
    assert metrics.roc_auc(y, np.exp(3 * p)) == pytest.approx(share)
    assert metrics.roc_auc(y, -p) == pytest.approx(1 - share)


def test_equal_scores_share_one_point():
    fpr, tpr, _ = metrics.roc_curve([0, 1, 1, 0], [0.5] * 4)
    np.testing.assert_array_equal(fpr, [0, 1])
    np.testing.assert_array_equal(tpr, [0, 1])


# ---- calibration -------------------------------------------------------------------------------


def test_reliability_by_hand():
    # Two bins. Below 0.5: 0.1 and 0.3, of which none is a one. Above: 0.6, 0.8, 1.0, of which two.
    y, p = [0, 0, 1, 0, 1], [0.1, 0.3, 0.6, 0.8, 1.0]
    mean, share, count = metrics.reliability(y, p, bins=2)
    np.testing.assert_allclose(mean, [0.2, 0.8])
    np.testing.assert_allclose(share, [0, 2 / 3])
    np.testing.assert_array_equal(count, [2, 3])
    expected = (2 * 0.2 + 3 * (0.8 - 2 / 3)) / 5
    assert metrics.calibration_error(y, p, bins=2) == pytest.approx(expected)


@given(seeds)
def test_reliability_is_that_of_scikit_learn(seed):
    y, p = answers(seed, ties=False)
    share, mean = calibration_curve(y, p, n_bins=7)
    ours = metrics.reliability(y, p, bins=7)
    np.testing.assert_allclose(ours[0], mean)
    np.testing.assert_allclose(ours[1], share)
    assert ours[2].sum() == len(y)


def test_honest_predictions_are_calibrated_and_exaggerated_ones_are_not():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=100_000)
    y = (rng.uniform(size=p.size) < p).astype(int)
    assert metrics.calibration_error(y, p) < 0.01
    bold = p**3 / (p**3 + (1 - p) ** 3)
    assert metrics.calibration_error(y, bold) > 0.1
    assert metrics.brier_score(y, bold) > metrics.brier_score(y, p)
    assert metrics.roc_auc(y, bold) == pytest.approx(metrics.roc_auc(y, p))


# ---- bad input ---------------------------------------------------------------------------------

BINARY = [
    metrics.brier_score,
    metrics.roc_curve,
    metrics.roc_auc,
    metrics.reliability,
    metrics.calibration_error,
]


@pytest.mark.parametrize("metric", BINARY)
def test_binary_metrics_name_what_does_not_fit(metric):
    with pytest.raises(ValueError, match="expected as many labels as finite scores, got 3, 2"):
        metric([0, 1, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match="expected as many labels as finite scores"):
        metric([0, 1], [0.5, float("nan")])
    with pytest.raises(ValueError, match=r"expected labels 0 and 1, both present, got \[1\]"):
        metric([1, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"expected labels 0 and 1, both present, got \[-1  1\]"):
        metric([-1, 1], [0.5, 0.5])


def test_probabilities_outside_0_and_1_and_no_bins_are_named():
    with pytest.raises(ValueError, match=r"expected probabilities from 0 to 1, got -0\.1 to 0\.5"):
        metrics.brier_score([0, 1], [-0.1, 0.5])
    for bad in ({"probabilities": [0.5, 1.5]}, {"probabilities": [0.5, 0.6], "bins": 0}):
        with pytest.raises(ValueError, match="expected bins >= 1, probabilities 0 to 1"):
            metrics.reliability([0, 1], **bad)


# ---- confusion, precision, recall, F1, IoU -----------------------------------------------------


def test_confusion_and_its_shares_by_hand():
    """Ten patients, four ill; five called ill, three of them rightly."""
    truth = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    guess = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0])
    assert metrics.confusion_matrix(truth, guess).tolist() == [[4, 2], [1, 3]]
    assert metrics.precision(truth, guess) == pytest.approx(3 / 5)
    assert metrics.recall(truth, guess) == pytest.approx(3 / 4)
    assert metrics.f1(truth, guess) == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))
    assert metrics.iou(truth, guess, average="binary") == pytest.approx(3 / 6)
    assert metrics.iou(truth, guess) == pytest.approx((3 / 6 + 4 / 7) / 2)


SHARES = [
    (metrics.precision, sklearn.metrics.precision_score),
    (metrics.recall, sklearn.metrics.recall_score),
    (metrics.f1, sklearn.metrics.f1_score),
    (metrics.iou, sklearn.metrics.jaccard_score),
]


@given(seeds, st.integers(1, 30), st.sampled_from(["macro", "micro"]))
def test_shares_of_many_classes_are_those_of_scikit_learn(seed, n, average):
    """With few samples some of the five classes are never true, never said, or neither."""
    rng = np.random.default_rng(seed)
    truth, guess = rng.integers(0, 5, n), rng.integers(0, 5, n)
    expected = sklearn.metrics.confusion_matrix(truth, guess, labels=range(5))
    np.testing.assert_array_equal(metrics.confusion_matrix(truth, guess, classes=5), expected)
    k = max(truth.max(), guess.max()) + 1
    for ours, theirs in SHARES:
        value = theirs(truth, guess, average=average, zero_division=0)
        assert ours(truth, guess, average=average) == pytest.approx(value)
        each = theirs(truth, guess, average=None, labels=range(k), zero_division=0)
        np.testing.assert_allclose(ours(truth, guess, average=None), each)


@given(seeds, st.integers(1, 12))
def test_shares_of_two_classes_are_those_of_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    truth, p = rng.integers(0, 2, n), rng.uniform(size=n)
    for ours, theirs in SHARES:
        expected = theirs(truth, p >= 0.5, average="binary", zero_division=0)
        assert ours(truth, p, average="binary") == pytest.approx(expected)


def test_answers_may_be_scores_probabilities_or_labels():
    truth, scores = np.array([0, 2, 1]), np.array([[2.0, 1, 0], [0, 1, 2], [0, 0, 2]])
    matrix = [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert metrics.confusion_matrix(truth, scores).tolist() == matrix
    assert metrics.confusion_matrix(np.eye(3)[truth], scores).tolist() == matrix
    assert metrics.confusion_matrix(truth, np.array([0, 2, 2])).tolist() == matrix
    assert metrics.accuracy(truth, np.array([0, 2, 2])) == pytest.approx(2 / 3)
    assert metrics.precision(np.array([[1], [0]]), np.array([[0.9], [0.8]])) == 0.5
    assert metrics.recall(np.array([True, False]), np.array([True, True])) == 1


def test_masks_of_pixels_of_any_shape():
    truth = np.array([[[0, 0], [1, 1]], [[0, 2], [2, 2]]])
    guess = np.array([[[0, 1], [1, 1]], [[0, 0], [2, 2]]])
    np.testing.assert_allclose(metrics.iou(truth, guess, average=None), [2 / 4, 2 / 3, 2 / 3])
    flat = metrics.iou(truth.reshape(2, 4), guess.reshape(2, 4), average=None)
    np.testing.assert_allclose(flat, [2 / 4, 2 / 3, 2 / 3])
    assert metrics.iou(truth, truth) == 1


def test_one_hot_whole_numbers_are_scores():
    truth, guess = np.eye(3, dtype=int)[[0, 1, 2]], np.eye(3, dtype=int)[[0, 1, 1]]
    assert metrics.accuracy(truth, guess) == pytest.approx(2 / 3)


def test_confusion_names_labels_that_do_not_fit():
    with pytest.raises(ValueError, match="expected labels 0 to 1, got"):
        metrics.confusion_matrix([0, 1], [0, 2], classes=2)
    with pytest.raises(ValueError, match="expected labels 0 to 1, got"):
        metrics.confusion_matrix([-1, 1], [0.2, 0.7])
    with pytest.raises(ValueError, match="expected labels 0 to 1, got"):
        metrics.confusion_matrix([0.5, 1], [0.2, 0.7])
    with pytest.raises(ValueError, match="expected a label for each of 2 samples"):
        metrics.confusion_matrix([0, 1, 1], [0.2, 0.7])
    with pytest.raises(ValueError, match='3 classes: expected average "macro", "micro" or None'):
        metrics.precision([0, 1, 2], [0, 1, 2])
    with pytest.raises(ValueError, match="or None, got 'weighted'"):
        metrics.recall([0, 1], [0, 1], average="weighted")


# ---- precision and recall over all thresholds --------------------------------------------------


def test_precision_and_recall_by_hand():
    y, p = [1, 0, 1, 0, 1], [0.9, 0.8, 0.7, 0.3, 0.3]
    precisions, recalls, thresholds = metrics.precision_recall_curve(y, p)
    np.testing.assert_allclose(thresholds, [np.inf, 0.9, 0.8, 0.7, 0.3])
    np.testing.assert_allclose(precisions, [1, 1, 1 / 2, 2 / 3, 3 / 5])
    np.testing.assert_allclose(recalls, [0, 1 / 3, 1 / 3, 2 / 3, 1])
    assert metrics.average_precision(y, p) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert metrics.average_precision([0, 1, 0, 0], [0.5] * 4) == 0.25  # one tie: no order


@given(seeds, st.booleans())
def test_precision_and_recall_are_those_of_scikit_learn(seed, ties):
    y, p = answers(seed, ties=ties)
    ours = metrics.precision_recall_curve(y, p)
    precisions, recalls, thresholds = sklearn.metrics.precision_recall_curve(y, p)
    np.testing.assert_allclose(ours[0], precisions[::-1])
    np.testing.assert_allclose(ours[1], recalls[::-1])
    np.testing.assert_allclose(ours[2][1:], thresholds[::-1])
    expected = sklearn.metrics.average_precision_score(y, p)
    assert metrics.average_precision(y, p) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [metrics.precision_recall_curve, metrics.average_precision])
def test_curves_need_both_classes(metric):
    with pytest.raises(ValueError, match="expected labels 0 and 1, both present"):
        metric([1, 1], [0.2, 0.3])
