"""How good are the predictions? Accuracy, confusion, calibration, curves over all thresholds."""

import numpy as np


def answers(y_true, y_pred):
    """(truth, guess), flat and of one length, from all that `accuracy` takes."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.ndim == 2 and y_pred.shape[1] > 1:
        guess = y_pred.argmax(axis=1)
        truth = y_true.argmax(axis=1) if y_true.shape == y_pred.shape else y_true
    elif y_pred.dtype.kind in "iub" and y_true.shape == y_pred.shape:
        guess, truth = y_pred.reshape(-1), y_true.reshape(-1)
    else:
        guess, truth = (y_pred >= 0.5).reshape(-1), y_true.reshape(-1)
    if guess.shape != truth.shape or len(guess) == 0:
        raise ValueError(f"expected a label for each of {len(guess)} samples, got {y_true.shape}")
    return truth, guess


def accuracy(y_true, y_pred):
    """The share of right answers, 0 to 1.

    y_pred (N, K) with K >= 2: the largest score wins; y_true (N,) whole numbers, or (N, K) one-hot.
    y_pred (N,) or (N, 1): probabilities, a one from 0.5 on; y_true of the same shape, 0 or 1.
    y_pred whole numbers of y_true's shape: the answers themselves. ValueError for other shapes.
    """
    truth, guess = answers(y_true, y_pred)
    return float(np.mean(guess == truth))


def confusion_matrix(y_true, y_pred, *, classes=None):
    """How often the truth i (row) was called j (column): (K, K) whole numbers.

    y_true, y_pred: as for `accuracy`.  classes: K; None takes the largest label + 1.
    Raises ValueError for labels that are not 0 ... K - 1.
    """
    truth, guess = (np.asarray(a, float) for a in answers(y_true, y_pred))
    every = np.concatenate([truth, guess])
    k = int(every.max()) + 1 if classes is None else classes
    if (every != np.floor(every)).any() or every.min() < 0 or every.max() >= k:
        raise ValueError(f"expected labels 0 to {k - 1}, got {np.unique(every)}")
    return np.bincount((truth * k + guess).astype(int), minlength=k * k).reshape(k, k)


def by_class(y_true, y_pred, average, share):
    """`share` of each class's (hits, times said, times true), averaged as asked for."""
    if average not in ("binary", "macro", "micro", None):
        raise ValueError(f'expected "binary", "macro", "micro" or None, got {average!r}')
    matrix = confusion_matrix(y_true, y_pred)
    if average == "binary" and len(matrix) > 2:
        raise ValueError(f'{len(matrix)} classes: expected average "macro", "micro" or None')
    if len(matrix) == 1:  # nothing but zeros
        matrix = np.pad(matrix, (0, average == "binary"))
    counts = np.stack([np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)]).astype(float)
    if average == "micro":
        counts = counts.sum(axis=1, keepdims=True)
    above, below = share(*counts)
    each = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    if average is None:
        return each
    if average == "macro":
        return float(each[counts[1] + counts[2] > 0].mean())
    return float(each[-1])


def precision(y_true, y_pred, *, average="binary"):
    """Of the times a class was said, how often it was right: hits / said.

    y_true, y_pred: as for `accuracy`.  average: "binary": class 1's, of labels 0 and 1;
    None: each class's, (K,); "macro": their mean, over classes that were said or true;
    "micro": all classes' hits over all answers. 0 / 0 counts as 0, as in scikit-learn.
    """
    return by_class(y_true, y_pred, average, lambda hits, said, true: (hits, said))


def recall(y_true, y_pred, *, average="binary"):
    """Of the times a class was true, how often it was found: hits / true. As `precision`."""
    return by_class(y_true, y_pred, average, lambda hits, said, true: (hits, true))


def f1(y_true, y_pred, *, average="binary"):
    """2 hits / (said + true): the harmonic mean of precision and recall (van Rijsbergen, 1979)."""
    return by_class(y_true, y_pred, average, lambda hits, said, true: (2 * hits, said + true))


def iou(y_true, y_pred, *, average="macro"):
    """Hits / (said or true): the intersection of two masks over their union (Jaccard, 1901).

    y_true, y_pred: the labels of pixels, whole numbers of one shape, or as for `accuracy`.
    average: as for `precision`; "macro" is segmentation's mean IoU.
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.dtype.kind in "iub" and y_true.shape == y_pred.shape:
        y_true, y_pred = y_true.reshape(-1), y_pred.reshape(-1)
    return by_class(y_true, y_pred, average, lambda hits, said, true: (hits, said + true - hits))


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


def precision_recall_curve(y_true, scores):
    """(precisions, recalls, thresholds), one point a distinct score, from the highest down.

    A sample counts as positive where its score >= the threshold. The first point is
    (precision 1, recall 0), at the threshold infinity, where nothing is called positive.
    """
    fpr, tpr, thresholds = roc_curve(y_true, scores)
    positives = np.sum(y_true)
    hits, alarms = tpr * positives, fpr * (np.size(y_true) - positives)
    return np.append(1, hits[1:] / (hits + alarms)[1:]), tpr, thresholds


def average_precision(y_true, scores):
    """Sum over the points of that curve: precision times the recall it adds, 0 to 1.

    A random order has the share of positives. No straight lines between the points: they would
    promise what no threshold keeps (Davis and Goadrich, 2006).
    """
    precisions, recalls, _ = precision_recall_curve(y_true, scores)
    return float((np.diff(recalls) * precisions[1:]).sum())


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
