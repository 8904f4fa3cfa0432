"""How good are the predictions? Accuracy, calibration, and curves over all thresholds."""

import numpy as np


def accuracy(y_true, y_pred):
    """The share of right answers, 0 to 1.

    y_pred (N, K) with K >= 2: the largest score wins; y_true (N,) whole numbers, or (N, K) one-hot.
    y_pred (N,) or (N, 1): probabilities, a one from 0.5 on; y_true of the same shape, 0 or 1.
    Raises ValueError for other shapes.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.ndim == 2 and y_pred.shape[1] > 1:
        guess = y_pred.argmax(axis=1)
        truth = y_true.argmax(axis=1) if y_true.shape == y_pred.shape else y_true
    else:
        guess, truth = (y_pred >= 0.5).reshape(-1), y_true.reshape(-1)
    if guess.shape != truth.shape or len(guess) == 0:
        raise ValueError(f"expected a label for each of {len(guess)} samples, got {y_true.shape}")
    return float(np.mean(guess == truth))


def check_binary(y_true, scores):
    """Labels 0 or 1 and scores as flat arrays of one length, both classes present."""
    y_true, scores = np.asarray(y_true).reshape(-1), np.asarray(scores).reshape(-1)
    if y_true.shape != scores.shape or not np.isfinite(scores).all():
        raise ValueError(
            f"expected as many labels as finite scores, got {len(y_true)}, {len(scores)}"
        )
    if set(np.unique(y_true)) != {0, 1}:
        raise ValueError(f"expected labels 0 and 1, both present, got {np.unique(y_true)}")
    return y_true, scores


def brier_score(y_true, probabilities):
    """Mean of (p - y)^2 for one class's probability p and y = 0 or 1; 0 is best (Brier, 1950)."""
    y_true, p = check_binary(y_true, probabilities)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"expected probabilities from 0 to 1, got {p.min():.3g} to {p.max():.3g}")
    return float(np.mean((p - y_true) ** 2))


def roc_curve(y_true, scores):
    """(false positive rates, true positive rates, thresholds), one point a distinct score.

    A sample counts as positive where its score >= the threshold. The first point is (0, 0), at the
    threshold infinity; equal scores share one point. Source: Fawcett (2006).
    """
    y_true, scores = check_binary(y_true, scores)
    order = np.argsort(-scores, kind="stable")
    y_true, scores = y_true[order], scores[order]
    last = np.append(np.diff(scores) != 0, True)  # the last of each run of equal scores
    hits, alarms = np.cumsum(y_true)[last], np.cumsum(1 - y_true)[last]
    tpr, fpr = np.append(0, hits / hits[-1]), np.append(0, alarms / alarms[-1])
    return fpr, tpr, np.append(np.inf, scores[last])


def roc_auc(y_true, scores):
    """The area under the ROC curve: how often a positive outscores a negative (ties count half)."""
    fpr, tpr, _ = roc_curve(y_true, scores)
    return float(np.trapezoid(tpr, fpr))


def reliability(y_true, probabilities, *, bins=10):
    """(mean prediction, share of ones, count) of each bin of predictions that is not empty.

    The bins cut [0, 1] in equal parts. Well calibrated: prediction and share agree.
    """
    y_true, p = check_binary(y_true, probabilities)
    if bins < 1 or p.min() < 0 or p.max() > 1:
        raise ValueError(f"expected bins >= 1, probabilities 0 to 1, got {bins}, {p.min():.3g} ...")
    which = np.minimum((p * bins).astype(int), bins - 1)
    count = np.bincount(which, minlength=bins)
    kept = count > 0
    mean = np.bincount(which, p, bins)[kept] / count[kept]
    share = np.bincount(which, y_true, bins)[kept] / count[kept]
    return mean, share, count[kept]


def calibration_error(y_true, probabilities, *, bins=10):
    """|mean prediction - share of ones|, averaged over the samples' bins (Guo et al., 2017)."""
    mean, share, count = reliability(y_true, probabilities, bins=bins)
    return float(np.average(np.abs(mean - share), weights=count))
