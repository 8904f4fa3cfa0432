"""Wrong answers to the losses' exercises: question -> [(part of the message, code)]."""


def _log_sum(line, top="z.max(axis=-1, keepdims=True)"):
    """The function of question 1 with its result computed by `line`."""
    return f"""
def logsumexp(z):
    top = {top}
    result = {line}
    return result
"""


def _entropy(line, log_p="z - logsumexp(z)"):
    """The function of question 2 with its loss computed by `line`."""
    return f"""
def cross_entropy(z, labels):
    rows = np.arange(len(z))
    log_p = {log_p}
    return {line}
"""


def _pairs(line, ties="0.5 * (gaps == 0)"):
    """The function of question 3: `gaps` holds positive minus negative score for every pair."""
    return f"""
def auc(y, scores):
    gaps = scores[y == 1][:, None] - scores[y == 0]
    ordered = (gaps > 0) + {ties}
    return {line}
"""


def _soft(line, p="np.exp(z / temperature - logsumexp(z / temperature))"):
    """The function of question 4 with its gradient computed by `line`."""
    return f"""
def softmax_gradient(z, t, temperature):
    p = {p}
    return {line}
"""


def _hinge(
    *,
    loss="over.sum() / n",
    over="np.maximum(s - right + 1, 0)",
    slope="(over > 0) * 1.0",
    others="over[rows, labels] = 0",
    pull="-slope.sum(axis=1)",
    gradient="slope / n",
):
    """The functions of question 5, one piece of them wrong."""
    return f"""
def hinge(s, labels):
    n, k = s.shape
    rows = np.arange(n)
    right = s[rows, labels][:, None]
    over = {over}
    {others}
    slope = {slope}
    slope[rows, labels] = {pull}
    return {loss}, {gradient}
"""


def _bce(line):
    return f"""
def binary_cross_entropy(p, y):
    return {line}
"""


def _scale(*lines):
    body = "\n".join(f"    {line}" for line in lines)
    return f"""
def standardize(x_train, x_test):
{body}
"""


def _loss(line):
    return f"poisson_loss = lambda z, y: {line}"


def _slope(line):
    return f"poisson_gradient = lambda z, y: {line}"


def _spread(bias, variance, back="bias, variance"):
    """The function of question 8 with its two numbers computed by these lines."""
    return f"""
def bias_variance(predictions, truth):
    center = predictions.mean(axis=0)
    bias = {bias}
    variance = {variance}
    return {back}
"""


BIAS, VARIANCE = "np.mean((center - truth) ** 2)", "predictions.var(axis=0).mean()"
LOST_SUM = "top + np.log(np.exp(z - top).sum(axis=-1))"
SHIFTED = "top + np.log(np.exp(z - top).sum(axis=-1, keepdims=True))"

WRONG = {
    "q1": [
        ("Your exponential overflows", _log_sum("np.log(np.exp(z).sum(axis=-1, keepdims=True))")),
        ("did not put it back", _log_sum("np.log(np.exp(z - top).sum(axis=-1, keepdims=True))")),
        (
            "top comes back with the wrong sign",
            _log_sum("np.log(np.exp(z - top).sum(axis=-1, keepdims=True)) - top"),
        ),
        ("The logarithm is missing", _log_sum("top + np.exp(z - top).sum(-1, keepdims=True)")),
        ("This is z itself", _log_sum("top + np.log(np.exp(z - top))")),
        (
            "You summed over the samples",
            _log_sum("top + np.log(np.exp(z - top).sum(axis=0, keepdims=True))"),
        ),
        ("The sum lost its axis", _log_sum(LOST_SUM)),
        ("You summed all the rows together", _log_sum("top + np.log(np.exp(z - top).sum())")),
        ("This is the largest score alone", _log_sum("top")),
        (
            "You took the mean of the exponentials",
            _log_sum("top + np.log(np.exp(z - top).mean(axis=-1, keepdims=True))"),
        ),
        ("A row far below the others", _log_sum(SHIFTED, top="z.max()")),
        ("z was changed in place", "def logsumexp(z):\n    z -= z.max()\n    return z"),
    ],
    "q2": [
        ("This is the log-likelihood", _entropy("log_p[rows, labels].mean()")),
        ("The loss is a sum over the samples", _entropy("-log_p[rows, labels].sum()")),
        ("You divided by N * K", _entropy("-log_p[rows, labels].sum() / log_p.size")),
        (
            "pairs every sample with every label",
            _entropy("-log_p[:, labels].mean()"),
        ),
        ("You left out the log-sum-exp", _entropy("-z[rows, labels].mean()")),
        ("The label's own score is missing", _entropy("logsumexp(z).mean()")),
        ("You took the most probable class of each row", _entropy("-log_p.max(axis=1).mean()")),
        ("The logarithm is missing", _entropy("-np.exp(log_p)[rows, labels].mean()")),
        ("counts every class", _entropy("-log_p.sum(axis=1).mean()")),
        (
            "You took the softmax twice",
            _entropy("-(p - logsumexp(p))[rows, labels].mean()").replace(
                "    return", "    p = np.exp(log_p)\n    return"
            ),
        ),
        ("did you forget to sum or average?", _entropy("-log_p[rows, labels]")),
        (
            "The loss of far-off logits is inf or nan",
            _entropy("-log_p[rows, labels].mean()", "np.log(np.exp(z - logsumexp(z)))"),
        ),
        (
            "The loss of far-off logits is inf or nan",
            _entropy("-log_p[rows, labels].mean()", "z - np.log(np.exp(z).sum(-1))[:, None]"),
        ),
        (
            "so a confident mistake costs no more",
            _entropy(
                "-log_p[rows, labels].mean()", "np.log(np.maximum(np.exp(z - logsumexp(z)), 1e-7))"
            ),
        ),
    ],
    "q3": [
        ("auc_by_hand is still blank", "auc_by_hand = ..."),
        ("You left out the tie", "auc_by_hand = 4 / 6"),
        ("You counted the tie as a whole pair", "auc_by_hand = 5 / 6"),
        ("This counts the pairs in the wrong order", "auc_by_hand = 0.25"),
        ("This is the count", "auc_by_hand = 4.5"),
        ("not 10 pairs", "auc_by_hand = 0.45"),
        ("A tie counts half a pair: your code leaves", _pairs("ordered.mean()", "0")),
        ("A tie counts half a pair: your code counts", _pairs("ordered.mean()", "(gaps == 0)")),
        ("The order is turned", _pairs("1 - ordered.mean()")),
        ("This is the count of ordered pairs", _pairs("ordered.sum()")),
        ("You divided by all N * N pairs", _pairs("ordered.sum() / len(y) ** 2")),
        (
            "You divided by all pairs of samples",
            _pairs("ordered.sum() / (len(y) * (len(y) - 1) / 2)"),
        ),
        ("You divided by the number of samples", _pairs("ordered.sum() / len(y)")),
        ("This is the accuracy", "auc = lambda y, scores: np.mean((scores >= 0.5) == (y == 1))"),
        ("This is the mean difference of the scores", _pairs("gaps.mean()")),
        ("did you forget to sum or average?", _pairs("ordered.mean(axis=1)")),
    ],
    "q4": [
        ("The gradient points downhill", _soft("(t - p) / (len(z) * temperature)")),
        ("The loss is a mean over the samples", _soft("(p - t) / temperature")),
        ("The inner derivative of z / T is missing", _soft("(p - t) / len(z)")),
        ("You multiplied by the temperature", _soft("(p - t) * temperature / len(z)")),
        (
            "Your softmax leaves out the temperature",
            _soft("(p - t) / (len(z) * temperature)", "np.exp(z - logsumexp(z))"),
        ),
        ("You divided by all N * K entries", _soft("(p - t) / (z.size * temperature)")),
        ("This is the gradient by the probabilities", _soft("-t / p / (len(z) * temperature)")),
        ("one-hot", _soft("(p - np.eye(t.shape[1])[t.argmax(axis=1)]) / (len(z) * temperature)")),
        (
            "You normalized over the samples",
            _soft(
                "(p - t) / (len(z) * temperature)",
                "np.exp(z / temperature) / np.exp(z / temperature).sum(axis=0)",
            ),
        ),
        ("This is the softmax alone", _soft("p / (len(z) * temperature)")),
        ("summed over the samples", _soft("((p - t) / (len(z) * temperature)).sum(axis=0)")),
        (
            "Your exponential overflows",
            _soft(
                "(p - t) / (len(z) * temperature)",
                "np.exp(z / temperature) / np.exp(z / temperature).sum(axis=1, keepdims=True)",
            ),
        ),
    ],
    "q5": [
        ("The right class pays 1 against itself", _hinge(others="pass")),
        ("The margin of 1 is missing", _hinge(over="np.maximum(s - right, 0)")),
        ("You turned the difference", _hinge(over="np.maximum(right - s + 1, 0)")),
        ("The loss is a sum over the samples", _hinge(loss="over.sum()")),
        ("You averaged the loss over the classes too", _hinge(loss="over.mean()")),
        ("Only the strongest rival pays", _hinge(loss="over.max(axis=1).sum() / n")),
        ("You squared the terms", _hinge(loss="(over**2).sum() / n", slope="2 * over")),
        ("Nothing cuts off below 0", _hinge(over="s - right + 1", slope="np.ones_like(s)")),
        ("did you forget to sum or average?", _hinge(loss="over.sum(axis=1) / n")),
        ("The right class has no slope", _hinge(pull="0")),
        ("gets -1 however many rivals", _hinge(pull="-1.0 * (over > 0).any(axis=1)")),
        ("The right class is pushed down", _hinge(pull="slope.sum(axis=1)")),
        ("The gradient is not averaged", _hinge(gradient="slope")),
        ("rivals that already trail by 1", _hinge(slope="np.ones_like(s)", pull="1 - k")),
        ("each term's slope is 1, not its size", _hinge(slope="over.copy()")),
        ("The gradient points downhill", _hinge(gradient="-slope / n")),
        ("hinge must return two things", "hinge = lambda s, labels: np.maximum(s, 0).mean()"),
    ],
    "q6": [
        (
            "The sign of the second term is still lost",
            _bce("-np.mean(y * np.log(p) - (1 - y) * np.log(1 - p))"),
        ),
        (
            "This is the log-likelihood",
            _bce("np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))"),
        ),
        ("Now the first term", _bce("np.mean(y * np.log(p) - (1 - y) * np.log(1 - p))")),
        ("The samples with y = 0 cost nothing", _bce("-np.mean(y * np.log(p))")),
        ("Both terms use ln p", _bce("-np.mean(y * np.log(p) + (1 - y) * np.log(p))")),
        ("The two terms are exchanged", _bce("-np.mean((1 - y) * np.log(p) + y * np.log(1 - p))")),
        ("Now the loss is a sum", _bce("-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))")),
        (
            "1 - ln p is not ln(1 - p)",
            _bce("-np.mean(y * np.log(p) + (1 - y) * (1 - np.log(p)))"),
        ),
        (
            "The test rows still reach the statistics",
            _scale(
                "both = np.concatenate([x_train, x_test])",
                "mean, std = both.mean(axis=0), both.std(axis=0)",
                "return (x_train - mean) / std, (x_test - mean) / std",
            ),
        ),
        (
            "The test rows are scaled by their own statistics",
            _scale(
                "train = (x_train - x_train.mean(axis=0)) / x_train.std(axis=0)",
                "return train, (x_test - x_test.mean(axis=0)) / x_test.std(axis=0)",
            ),
        ),
        (
            "The test rows are not scaled",
            _scale("return (x_train - x_train.mean(axis=0)) / x_train.std(axis=0), x_test"),
        ),
        (
            "one mean and one spread for all features",
            _scale(
                "mean, std = x_train.mean(), x_train.std()",
                "return (x_train - mean) / std, (x_test - mean) / std",
            ),
        ),
        (
            "The spread is the standard deviation",
            _scale(
                "mean, var = x_train.mean(axis=0), x_train.var(axis=0)",
                "return (x_train - mean) / var, (x_test - mean) / var",
            ),
        ),
        (
            "The statistics come from the test rows",
            _scale(
                "mean, std = x_test.mean(axis=0), x_test.std(axis=0)",
                "return (x_train - mean) / std, (x_test - mean) / std",
            ),
        ),
        ("standardize must return two things", _scale("return x_train - x_train.mean(axis=0)")),
        (
            "x_train was changed in place",
            _scale(
                "mean, std = x_train.mean(axis=0), x_train.std(axis=0)",
                "x_train -= mean",
                "return x_train / std, (x_test - mean) / std",
            ),
        ),
    ],
    "q7": [
        ("This is the log-likelihood", _loss("np.mean(y * z - np.exp(z))")),
        ("The loss is a sum over the samples", _loss("np.sum(np.exp(z) - y * z)")),
        ("z is the logarithm of the rate, not the rate", _loss("np.mean(z - y * np.log(z))")),
        ("The count is missing", _loss("np.mean(np.exp(z) - z)")),
        ("The rate itself is missing", _loss("np.mean(-y * z)")),
        ("You multiplied the count by the rate", _loss("np.mean(np.exp(z) - y * np.exp(z))")),
        ("This is the squared error", _loss("np.mean((np.exp(z) - y) ** 2)")),
        (
            "which does not depend on z: leave it out",
            "import math\n" + _loss("np.mean(np.exp(z) - y * z + [math.lgamma(v + 1) for v in y])"),
        ),
        ("did you forget to sum or average?", _loss("np.exp(z) - y * z")),
        ("The gradient points downhill", _slope("(y - np.exp(z)) / len(z)")),
        ("divide each entry by N", _slope("np.exp(z) - y")),
        ("The rate is exp(z): you compared z itself", _slope("(z - y) / len(z)")),
        ("This is the slope by the rate", _slope("(1 - y / np.exp(z)) / len(z)")),
        ("The count is missing from the gradient", _slope("np.exp(z) / len(z)")),
        ("one entry per sample", _slope("np.mean(np.exp(z) - y)")),
        ("This is the best rate", "best_constant = lambda y: np.mean(y)"),
        ("average first", "best_constant = lambda y: np.mean(np.log(y))"),
        ("You took the exponential", "best_constant = lambda y: np.exp(np.mean(y))"),
        ("the median", "best_constant = lambda y: np.log(np.median(y))"),
    ],
    "q8": [
        ("The bias is not squared", _spread("np.mean(np.abs(center - truth))", VARIANCE)),
        ("Deviations of both signs cancel", _spread("np.mean(center - truth) ** 2", VARIANCE)),
        (
            "This is the whole error of the runs",
            _spread("np.mean((predictions - truth) ** 2)", VARIANCE),
        ),
        ("Your variance is that along the curve", _spread(BIAS, "predictions.var(axis=1).mean()")),
        ("Your variance is that of all numbers", _spread(BIAS, "predictions.var()")),
        ("This is the standard deviation", _spread(BIAS, "predictions.std(axis=0).mean()")),
        (
            "Your variance is measured from the truth",
            _spread(BIAS, "np.mean((predictions - truth) ** 2)"),
        ),
        ("did you forget to sum or average?", _spread(BIAS, "predictions.var(axis=0)")),
        ("The two are exchanged", _spread(BIAS, VARIANCE, "variance, bias")),
        ("must return two things", _spread(BIAS, VARIANCE, "bias + variance")),
        ("You divided by the runs minus 1", _spread(BIAS, "predictions.var(0, ddof=1).mean()")),
        ("best_degree is still blank", "best_degree = ..."),
        ("the bias alone", "best_degree = 9"),
        ("the variance alone", "best_degree = 0"),
        ("one more coefficient than its degree", "best_degree = 5"),
        ("too stiff", "best_degree = 3"),
        ("per_degree is still blank", "per_degree = ..."),
        ("The variance grows", "per_degree = -0.008"),
        ("This is the noise itself", "per_degree = 0.16"),
        ("This is the slope of the standard deviation", "per_degree = 0.02"),
        ("This is the variance of degree 9", "per_degree = 0.08"),
    ],
}
