"""Wrong answers to gradient descent's exercises: question -> [(part of the message, code)]."""


def _train(line):
    """The function of question 6 with its gradient computed by `line`."""
    return f"""
def train(x, y, batch_size, rate, epochs):
    w = np.zeros(x.shape[1])
    for _ in range(epochs):
        for start in range(0, len(x), batch_size):
            batch = slice(start, start + batch_size)
            error = x[batch] @ w - y[batch]
            gradient = {line}
            w = w - rate * gradient
    return w
"""


def _noise(line):
    """The function of question 7 with its result computed by `line`."""
    return f"""
def gradient_noise(gradients, batch_size, draws, rng):
    batches = rng.choice(gradients, size=(draws, batch_size))
    return {line}
"""


def _batches(*lines):
    return "def batches(n, batch_size, rng):\n" + "\n".join(f"    {line}" for line in lines)


def _gradient(d_kernel, d_bias="d.sum(axis=0)", d="2 * (x @ kernel + bias - y) / y.size"):
    return f"""
def regression_gradient(kernel, bias, x, y):
    d = {d}
    return {d_kernel}, {d_bias}
"""


WRONG = {
    "q1": [
        ("You stepped to the right only", "slope = lambda f, x, h=1e-5: (f(x + h) - f(x)) / h"),
        ("You stepped to the left only", "slope = lambda f, x, h=1e-5: (f(x) - f(x - h)) / h"),
        ("divide by 2 * h", "slope = lambda f, x, h=1e-5: (f(x + h) - f(x - h)) / h"),
        ("Mind the brackets", "slope = lambda f, x, h=1e-5: (f(x + h) - f(x - h)) / 2 * h"),
        ("without dividing", "slope = lambda f, x, h=1e-5: f(x + h) - f(x - h)"),
        ("The order is turned", "slope = lambda f, x, h=1e-5: (f(x - h) - f(x + h)) / (2 * h)"),
        ("use the argument h", "slope = lambda f, x, h=0: (f(x + 1e-5) - f(x - 1e-5)) / 2e-5"),
        ("slope must take (f, x, h)", "slope = lambda f, x: (f(x + 1) - f(x - 1)) / 2"),
    ],
    "q2": [
        ("prediction is still blank", "prediction = ..."),
        ("This is the error: the prediction is input times weight", "prediction = 2 * 0.5 - 0.8"),
        ("You added", "prediction = 2 + 0.5"),
        ("Half of the slope is missing", "first_slope = 2 * 0.2"),
        ("This is the error: the slope is", "first_slope = 0.2"),
        ("The sign is turned", "first_slope = -0.8"),
        ("You stepped uphill", "first_weight = 0.58"),
        ("You subtracted the whole slope", "first_weight = 0.5 - 0.8"),
        ("This is the step: subtract it from the weight", "first_weight = 0.08"),
        ("You took the first slope twice", "second_weight = 0.42 - 0.08"),
        ("the second update does not reach it", "second_weight = 0.4"),
        (
            "Your update walks uphill",
            "update = lambda weight, x, goal, rate: weight + rate * 2 * (weight * x - goal) * x",
        ),
        (
            "Your update leaves out the rate",
            "update = lambda weight, x, goal, rate: weight - 2 * (weight * x - goal) * x",
        ),
        (
            "Your update leaves out the input",
            "update = lambda weight, x, goal, rate: weight - rate * 2 * (weight * x - goal)",
        ),
        (
            "Your update leaves out the 2",
            "update = lambda weight, x, goal, rate: weight - rate * (weight * x - goal) * x",
        ),
        (
            "Your update returns the step",
            "update = lambda weight, x, goal, rate: rate * 2 * (weight * x - goal) * x",
        ),
        (
            "Your update computes with the numbers of the task",
            "update = lambda weight, x, goal, rate: 0.5 - 0.1 * 2 * (0.5 * 2 - 0.8) * 2",
        ),
    ],
    "q3": [
        (
            "The last, smaller batch is missing",
            _batches(
                "order = rng.permutation(n)",
                "stops = range(batch_size, n + 1, batch_size)",
                "return [order[i - batch_size : i] for i in stops]",
            ),
        ),
        (
            "The examples come in their old order",
            _batches("return [np.arange(n)[i : i + batch_size] for i in range(0, n, batch_size)]"),
        ),
        (
            "draw without replacement",
            _batches(
                "order = rng.integers(n, size=n)",
                "return [order[i : i + batch_size] for i in range(0, n, batch_size)]",
            ),
        ),
        (
            "filled up with examples that were already seen",
            _batches(
                "order = rng.permutation(n)",
                "order = np.concatenate([order, order[: -n % batch_size]])",
                "return [order[i : i + batch_size] for i in range(0, n, batch_size)]",
            ),
        ),
        (
            "The batches overlap",
            _batches(
                "order = rng.permutation(n)",
                "return [order[i : i + batch_size] for i in range(n)]",
            ),
        ),
        (
            "neighbors stay together",
            _batches(
                "starts = rng.permutation(np.arange(0, n - n % batch_size, batch_size))",
                "starts = list(starts) + ([n - n % batch_size] if n % batch_size else [])",
                "return [np.arange(n)[i : i + batch_size] for i in starts]",
            ),
        ),
        (
            "A second epoch has the same order",
            _batches(
                "order = np.random.default_rng(0).permutation(n)",
                "return [order[i : i + batch_size] for i in range(0, n, batch_size)]",
            ),
        ),
        (
            "is batch_size the number of batches in your code?",
            _batches("return np.array_split(rng.permutation(n), batch_size)"),
        ),
        (
            "There is an empty batch",
            _batches(
                "order = rng.permutation(n)",
                "return [order[i : i + batch_size] for i in range(0, n + batch_size, batch_size)]",
            ),
        ),
        (
            "Each batch must be a one-dimensional array of indices",
            _batches("return rng.permutation(n)"),
        ),
    ],
    "q4": [
        ("swap the two factors of the product", _gradient("d.T @ x")),
        ("The gradient points downhill", _gradient("-x.T @ d")),
        ("A factor 2 is missing", _gradient("x.T @ d / 2")),
        (
            "You divided by N alone",
            _gradient("x.T @ d", d="2 * (x @ kernel + bias - y) / len(x)"),
        ),
        (
            "the loss is a mean, so divide by N * m",
            _gradient("x.T @ d", d="2 * (x @ kernel + bias - y)"),
        ),
        ("Your error leaves out the bias", _gradient("x.T @ d", d="2 * (x @ kernel - y) / y.size")),
        ("d_bias has one row per sample", _gradient("x.T @ d", "d")),
        ("d_bias is summed over the outputs too", _gradient("x.T @ d", "d.sum()")),
        ("sum over the samples, axis 0", _gradient("x.T @ d", "d.sum(axis=1)")),
        ("d_bias is divided by N twice", _gradient("x.T @ d", "d.mean(axis=0)")),
        (
            "must return two things",
            "regression_gradient = lambda kernel, bias, x, y: 2 * x.T @ (x @ kernel - y)",
        ),
    ],
    "q5": [
        ("The 2 of the square is missing", "hessian = lambda x: x.T @ x / len(x)"),
        ("The Hessian is not averaged", "hessian = lambda x: 2 * x.T @ x"),
        ("This is x.T @ x alone", "hessian = lambda x: x.T @ x"),
        ("This is x @ x.T, which compares samples", "hessian = lambda x: 2 * x @ x.T / len(x)"),
        ("This is the covariance", "hessian = lambda x: 2 * np.cov(x.T, bias=True)"),
        ("This is 1 / lambda_max", "largest_rate = lambda h: 1 / np.linalg.eigvalsh(h)[-1]"),
        ("This is 2 / lambda_min:", "largest_rate = lambda h: 2 / np.linalg.eigvalsh(h)[0]"),
        ("You took the largest entry", "largest_rate = lambda h: 2 / np.diag(h).max()"),
        ("You took the largest entry", "largest_rate = lambda h: 2 / np.abs(h).max()"),
        ("the trace", "largest_rate = lambda h: 2 / np.trace(h)"),
        ("Frobenius norm", "largest_rate = lambda h: 2 / np.linalg.norm(h)"),
        ("the inverse of the rate", "largest_rate = lambda h: np.linalg.eigvalsh(h)[-1] / 2"),
        (
            "the best rate: the largest stable one is greater",
            "largest_rate = lambda h: 2 / np.linalg.eigvalsh(h)[[0, -1]].sum()",
        ),
    ],
    "q6": [
        ("The gradient is still a sum over the batch", _train("2 * x[batch].T @ error")),
        ("You divided by batch_size", _train("2 * x[batch].T @ error / batch_size")),
        ("You divided by all N samples", _train("2 * x[batch].T @ error / len(x)")),
        ("the 2 of the square is lost", _train("x[batch].T @ error / len(error)")),
        ("You divided by the number of inputs", _train("2 * x[batch].T @ error / x.shape[1]")),
    ],
    "q7": [
        ("This is the spread of single examples", _noise("batches.std()")),
        ("This is the spread of single examples", _noise("batches.std(axis=1).mean()")),
        ("This is the variance", _noise("batches.mean(axis=1).var()")),
        ("You summed over the batch", _noise("batches.sum(axis=1).std()")),
        ("This is the mean of the gradients", _noise("batches.mean(axis=1).mean()")),
        ("it falls with the root of B only", _noise("batches.std() / batch_size")),
        ("did you forget to sum or average?", _noise("batches.mean(axis=1)")),
        (
            "All batches are the same",
            """
def gradient_noise(gradients, batch_size, draws, rng):
    batch = rng.choice(gradients, size=batch_size)
    return np.array([batch.mean() for _ in range(draws)]).std()
""",
        ),
        (
            "Two runs give exactly the same noise",
            """
def gradient_noise(gradients, batch_size, draws, rng):
    rng = np.random.default_rng(0)
    return rng.choice(gradients, size=(draws, batch_size)).mean(axis=1).std()
""",
        ),
        ("exponent is still blank", "exponent = ..."),
        ("so the exponent is negative", "exponent = 0.5"),
        ("The axes are swapped", "exponent = -2"),
        ("This exponent belongs to the variance", "exponent = -1"),
        ("would mean that the batch size does not matter", "exponent = 0"),
    ],
}
