"""Wrong answers to the perceptron's exercises: question -> [(part of the message, code)]."""

WRONG = {
    "q1": [
        (
            "Your sum has no bias",
            """
def weighted_sum(x, w, b):
    return x @ w
""",
        ),
        (
            "You added the bias once per input",
            """
def weighted_sum(x, w, b):
    return (x * w + b).sum(axis=1)
""",
        ),
        (
            "a neuron multiplies each input by its weight",
            """
def weighted_sum(x, w, b):
    return np.sum(w - x + b, axis=1)
""",
        ),
        (
            "Your result has one number per input",
            """
def weighted_sum(x, w, b):
    return x * w + b
""",
        ),
        (
            "You summed over the samples",
            """
def weighted_sum(x, w, b):
    return np.sum(x * w, axis=0) + b
""",
        ),
        (
            "did you forget to return the result?",
            """
def weighted_sum(x, w, b):
    z = x @ w + b
""",
        ),
    ],
    "q2": [
        (
            "Your curve falls where it should rise",
            """
def sigmoid(z):
    return 1 / (1 + np.exp(z))
""",
        ),
        (
            "Your exponential overflows",
            """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
""",
        ),
        (
            "Your exponential overflows",
            """
def sigmoid(z):
    return np.exp(z) / (1 + np.exp(z))
""",
        ),
        (
            "Your exponential overflows",
            """
def sigmoid(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))
""",
        ),
        (
            "is 0.5 for every input: does it use its argument",
            """
def sigmoid(z):
    return np.full(z.shape, 0.5)
""",
        ),
        (
            "Your result is the step",
            """
def sigmoid(z):
    return (z > 0).astype(float)
""",
        ),
        (
            "Your result runs from -1 to 1",
            """
def sigmoid(z):
    return np.tanh(z)
""",
        ),
        (
            "the sigmoid is its reciprocal",
            """
def sigmoid(z):
    return 1 + np.exp(-z)
""",
        ),
    ],
    "q3": [
        (
            "The line moves away from the sample",
            """
def update(w, b, x, y, learning_rate):
    y_hat = 1 if x @ w + b > 0 else 0
    error = y_hat - y
    return w + learning_rate * error * x, b + learning_rate * error
""",
        ),
        (
            "You left out the learning rate",
            """
def update(w, b, x, y, learning_rate):
    error = y - (1 if x @ w + b > 0 else 0)
    return w + error * x, b + error
""",
        ),
        (
            "The bias did not move",
            """
def update(w, b, x, y, learning_rate):
    error = y - (1 if x @ w + b > 0 else 0)
    return w + learning_rate * error * x, b
""",
        ),
        (
            "w was changed in place",
            """
def update(w, b, x, y, learning_rate):
    error = y - (1 if x @ w + b > 0 else 0)
    w += learning_rate * error * x
    b += learning_rate * error
    return w, b
""",
        ),
        (
            "the error must come from the step",
            """
def update(w, b, x, y, learning_rate):
    error = y - (x @ w + b)
    return w + learning_rate * error * x, b + learning_rate * error
""",
        ),
        (
            "You moved the weights although the prediction was right",
            """
def update(w, b, x, y, learning_rate):
    sign = 1 if y == 1 else -1
    return w + learning_rate * sign * x, b + learning_rate * sign
""",
        ),
        (
            "update must return two things",
            """
def update(w, b, x, y, learning_rate):
    error = y - (1 if x @ w + b > 0 else 0)
    return w + learning_rate * error * x
""",
        ),
        (
            "so a label of 0 never corrects",
            """
def update(w, b, x, y, learning_rate):
    y_hat = 1 if x @ w + b > 0 else 0
    if y_hat != y:
        return w + learning_rate * y * x, b + learning_rate * y
    return w, b
""",
        ),
    ],
    "q4": [
        (
            "hidden_kernel is transposed",
            """
hidden_kernel = np.array([[1, 1], [-1, -1]])
hidden_bias = np.array([-0.5, 1.5])
output_kernel = np.array([1, 1])
output_bias = -1.5
""",
        ),
        (
            "Your network computes OR",
            """
hidden_kernel = np.array([[1, 1], [1, 1]])
hidden_bias = np.array([-0.5, -0.5])
output_kernel = np.array([1, 1])
output_bias = -0.5
""",
        ),
        (
            "Your network computes AND",
            """
hidden_kernel = np.array([[1, 1], [1, 1]])
hidden_bias = np.array([-0.5, -1.5])
output_kernel = np.array([1, 1])
output_bias = -1.5
""",
        ),
        (
            "the opposite of XOR",
            """
hidden_kernel = np.array([[1, -1], [1, -1]])
hidden_bias = np.array([-0.5, 1.5])
output_kernel = np.array([-1, -1])
output_bias = 1.5
""",
        ),
        (
            "Some z is exactly 0",
            """
hidden_kernel = np.array([[1, -1], [1, -1]])
hidden_bias = np.array([0, 1])
output_kernel = np.array([1, 1])
output_bias = -1.5
""",
        ),
        (
            "Your output is 0 for every input",
            """
hidden_kernel = np.array([[1, -1], [1, -1]])
hidden_bias = np.array([-0.5, 1.5])
output_kernel = np.array([1, 1])
output_bias = -2.5
""",
        ),
        (
            "Your output is 1 for every input",
            """
hidden_kernel = np.array([[1, -1], [1, -1]])
hidden_bias = np.array([-0.5, 1.5])
output_kernel = np.array([1, 1])
output_bias = 0.5
""",
        ),
        (
            "Your network computes NAND",
            """
hidden_kernel = np.array([[-1, -1], [-1, -1]])
hidden_bias = np.array([1.5, 1.5])
output_kernel = np.array([1, 1])
output_bias = -1.5
""",
        ),
        (
            "output_kernel has the shape (1, 2) instead of (2,)",
            """
hidden_kernel = np.array([[1, -1], [1, -1]])
hidden_bias = np.array([-0.5, 1.5])
output_kernel = np.array([[1, 1]])
output_bias = -1.5
""",
        ),
    ],
    "q5": [
        (
            "Your line (w, b) is not divided by its length",
            """
def bound_and_mistakes(x, y, w, b):
    u = y[:, None] * np.column_stack([x, np.ones(len(x))])
    radius, margin = np.linalg.norm(u, axis=1).max(), (u @ np.append(w, b)).min()
    return (radius / margin) ** 2, sum(Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y))
""",
        ),
        (
            "the theorem squares it",
            """
def bound_and_mistakes(x, y, w, b):
    u = y[:, None] * np.column_stack([x, np.ones(len(x))])
    v = np.append(w, b) / np.linalg.norm(np.append(w, b))
    radius, margin = np.linalg.norm(u, axis=1).max(), (u @ v).min()
    return radius / margin, sum(Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y))
""",
        ),
        (
            "Your radius leaves out the 1",
            """
def bound_and_mistakes(x, y, w, b):
    u = y[:, None] * np.column_stack([x, np.ones(len(x))])
    v = np.append(w, b) / np.linalg.norm(np.append(w, b))
    radius, margin = np.linalg.norm(x, axis=1).max(), (u @ v).min()
    return (radius / margin) ** 2, sum(Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y))
""",
        ),
        (
            "You divided by the length of w alone",
            """
def bound_and_mistakes(x, y, w, b):
    margin = (y * (x @ w + b)).min() / np.linalg.norm(w)
    radius = np.sqrt((x**2).sum(axis=1).max() + 1)
    return (radius / margin) ** 2, sum(Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y))
""",
        ),
        (
            "the theorem takes the smallest one",
            """
def bound_and_mistakes(x, y, w, b):
    u = y[:, None] * np.column_stack([x, np.ones(len(x))])
    v = np.append(w, b) / np.linalg.norm(np.append(w, b))
    radius, margin = np.linalg.norm(u, axis=1).max(), (u @ v).mean()
    return (radius / margin) ** 2, sum(Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y))
""",
        ),
        (
            "Your margin ignores the labels",
            """
def bound_and_mistakes(x, y, w, b):
    u = np.column_stack([x, np.ones(len(x))])
    v = np.append(w, b) / np.linalg.norm(np.append(w, b))
    radius, margin = np.linalg.norm(u, axis=1).max(), (u @ v).min()
    return (radius / margin) ** 2, sum(Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y))
""",
        ),
        (
            "You counted the epochs",
            """
right = bound_and_mistakes

def bound_and_mistakes(x, y, w, b):
    return right(x, y, w, b)[0], len(Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y))
""",
        ),
        (
            "You counted the last epoch alone",
            """
right = bound_and_mistakes

def bound_and_mistakes(x, y, w, b):
    return right(x, y, w, b)[0], Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y)[-1]
""",
        ),
        (
            "You counted the first epoch alone",
            """
right = bound_and_mistakes

def bound_and_mistakes(x, y, w, b):
    return right(x, y, w, b)[0], Perceptron(x.shape[1], labels=(-1, 1)).fit(x, y, epochs=1)[0]
""",
        ),
        (
            "must return two numbers",
            """
right = bound_and_mistakes

def bound_and_mistakes(x, y, w, b):
    return right(x, y, w, b)[0]
""",
        ),
    ],
    "q6": [
        (
            "The gradient points downhill",
            """
def gradient(w, b, x, y):
    error = y - (x @ w + b)
    return 2 * x.T @ error / len(x), 2 * error.mean()
""",
        ),
        (
            "A factor 2 is missing",
            """
def gradient(w, b, x, y):
    error = x @ w + b - y
    return x.T @ error / len(x), error.mean()
""",
        ),
        (
            "the loss is a mean, so divide by N",
            """
def gradient(w, b, x, y):
    error = x @ w + b - y
    return 2 * x.T @ error, 2 * error.sum()
""",
        ),
        (
            "sums over the samples and drops the 2",
            """
def gradient(w, b, x, y):
    error = x @ w + b - y
    return x.T @ error, error.sum()
""",
        ),
        (
            "ADALINE compares z itself with y",
            """
def gradient(w, b, x, y):
    error = (x @ w + b > 0).astype(int) - y
    return 2 * x.T @ error / len(x), 2 * error.mean()
""",
        ),
        (
            "db is the sum over the samples",
            """
def gradient(w, b, x, y):
    error = x @ w + b - y
    return 2 * x.T @ error / len(x), 2 * error.sum()
""",
        ),
        (
            "Your error leaves out the bias",
            """
def gradient(w, b, x, y):
    error = x @ w - y
    return 2 * x.T @ error / len(x), 2 * error.mean()
""",
        ),
        (
            "dw has one row per sample",
            """
def gradient(w, b, x, y):
    error = x @ w + b - y
    return 2 * error[:, None] * x, 2 * error.mean()
""",
        ),
        (
            "did you forget to sum or average?",
            """
def gradient(w, b, x, y):
    error = x @ w + b - y
    return 2 * x.T @ error / len(x), 2 * error
""",
        ),
    ],
    "q7": [
        (
            "The predictions are still made once per epoch",
            """
def train(x, y, epochs):
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        mistakes.append(0)
        predictions = (x @ w + b > 0).astype(int)
        for x_i, y_i, y_hat in zip(x, y, predictions):
            error = y_i - y_hat
            w = w + error * x_i
            b = b + error
            mistakes[-1] += int(error != 0)
    return w, b, mistakes
""",
        ),
        (
            "The predictions are still made once per epoch",
            """
def train(x, y, epochs):
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        error = y - (x @ w + b > 0).astype(int)
        w, b = w + error @ x, b + error.sum()
        mistakes.append(np.abs(error).sum())
    return w, b, mistakes
""",
        ),
        (
            "Now the bias stands still",
            """
def train(x, y, epochs):
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        mistakes.append(0)
        for x_i, y_i in zip(x, y):
            error = y_i - int(x_i @ w + b > 0)
            w = w + error * x_i
            mistakes[-1] += int(error != 0)
    return w, b, mistakes
""",
        ),
        (
            "The prediction at z = 0 changed",
            """
def train(x, y, epochs):
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        mistakes.append(0)
        for x_i, y_i in zip(x, y):
            error = y_i - int(x_i @ w + b >= 0)
            w = w + error * x_i
            b = b + error
            mistakes[-1] += int(error != 0)
    return w, b, mistakes
""",
        ),
        (
            "mistakes must hold one number per epoch",
            """
def train(x, y, epochs):
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, 0
    for _ in range(epochs):
        for x_i, y_i in zip(x, y):
            error = y_i - int(x_i @ w + b > 0)
            w = w + error * x_i
            b = b + error
            mistakes += int(error != 0)
    return w, b, [mistakes]
""",
        ),
    ],
    "q8": [
        (
            "make a new Perceptron for each run",
            """
def experiment(x, y, runs, learning_rate, rng):
    neuron = Perceptron(x.shape[1], learning_rate=learning_rate)
    return np.array([sum(neuron.fit(x, y, epochs=1000, rng=rng)) for _ in range(runs)])
""",
        ),
        (
            "You counted the epochs",
            """
def experiment(x, y, runs, learning_rate, rng):
    return np.array(
        [
            len(Perceptron(x.shape[1], learning_rate=learning_rate).fit(x, y, epochs=1000, rng=rng))
            for _ in range(runs)
        ]
    )
""",
        ),
        (
            "You counted the last epoch",
            """
def experiment(x, y, runs, learning_rate, rng):
    return np.array(
        [Perceptron(x.shape[1]).fit(x, y, epochs=1000, rng=rng)[-1] for _ in range(runs)]
    )
""",
        ),
        (
            "All runs come in one order",
            """
def experiment(x, y, runs, learning_rate, rng):
    return np.array([sum(Perceptron(x.shape[1]).fit(x, y, epochs=1000)) for _ in range(runs)])
""",
        ),
        (
            "All runs come in one order",
            """
def experiment(x, y, runs, learning_rate, rng):
    counts = []
    for _ in range(runs):
        rng = np.random.default_rng(3)
        counts.append(sum(Perceptron(x.shape[1]).fit(x, y, epochs=1000, rng=rng)))
    return np.array(counts)
""",
        ),
        (
            "You summed over the runs",
            """
right = experiment

def experiment(x, y, runs, learning_rate, rng):
    return right(x, y, runs, learning_rate, rng).sum()
""",
        ),
        (
            "You averaged over the runs",
            """
right = experiment

def experiment(x, y, runs, learning_rate, rng):
    return right(x, y, runs, learning_rate, rng).mean()
""",
        ),
        ("no sign of z changes", "rate_matters = True"),
        ("rate_matters is still blank", "rate_matters = ..."),
    ],
}
