"""Wrong answers to the exercises on activations: question -> [(part of the message, code)]."""


def _leaky(line):
    return f"leaky_relu = lambda z, negative_slope: {line}"


def _softmax(line):
    return f"softmax_backward = lambda p, grad: {line}"


def _stddev(line):
    return f"leaky_stddev = lambda fan_in, negative_slope: {line}"


def _prelu(dalpha, dz="grad * np.where(z > 0, 1, alpha)"):
    return f"prelu_backward = lambda z, alpha, grad: ({dz}, {dalpha})"


def _signal(
    layer, result="a.std()", weights="rng.normal(0, gain / np.sqrt(width), (width, width))"
):
    return f"""
def signal(gain, depth, width, rng):
    a = rng.normal(size=(200, width))
    for _ in range(depth):
        w = {weights}
        z = a @ w
        a = {layer}
    return {result}
"""


WRONG = {
    "q1": [
        ("The square is missing", "tanh_slope = lambda a: 1 - a"),
        ("This is the slope of the sigmoid", "tanh_slope = lambda a: a * (1 - a)"),
        ("You took tanh of a", "tanh_slope = lambda a: 1 - np.tanh(a) ** 2"),
        ("The sign inside is turned", "tanh_slope = lambda a: 1 + a**2"),
        ("subtract it from 1", "tanh_slope = lambda a: a**2"),
        ("The sign is turned", "tanh_slope = lambda a: a**2 - 1"),
        ("holds in the middle only", "tanh_slope = lambda a: np.ones_like(a)"),
        ("tanh_slope must take (a)", "tanh_slope = lambda z: 1 - np.tanh(z) ** 2"),
    ],
    "q2": [
        ("largest_slope is still blank", "largest_slope = ..."),
        ("the slope there is a(1 - a)", "largest_slope = 0.5"),
        ("This is the largest slope of tanh", "largest_slope = 1"),
        ("The slope is 0 far out", "largest_slope = 0"),
        ("You multiplied by ten", "ten_layers = 10 * 0.25"),
        ("You divided by ten", "ten_layers = 0.25 / 10"),
        ("This is the product for one layer", "ten_layers = 0.25"),
        ("You multiplied outputs", "ten_layers = 0.5**10"),
        ("This is ReLU:", _leaky("np.maximum(z, 0)")),
        ("the sign is lost", _leaky("np.where(z > 0, z, -negative_slope * z)")),
        ("the output is the slope itself", _leaky("np.where(z > 0, z, negative_slope)")),
        ("You added the slope", _leaky("np.where(z > 0, z, z + negative_slope)")),
        ("The two halves are swapped", _leaky("np.where(z < 0, z, negative_slope * z)")),
        ("acts on all inputs", _leaky("negative_slope * z")),
        ("a fixed 0.2", _leaky("np.where(z > 0, z, 0.2 * z)")),
    ],
    "q3": [
        ("This is the sigmoid: SiLU", "silu = sigmoid"),
        ("This is z times tanh(z)", "silu = lambda z: z * np.tanh(z)"),
        ("This is ReLU", "silu = lambda z: np.maximum(z, 0)"),
        (
            "silu at -800 and 800 holds",
            "silu = lambda z: z * np.exp(z) / (1 + np.exp(z))",
        ),
        ("The second half of the product rule", "silu_slope = lambda z: sigmoid(z)"),
        (
            "The first half of the product rule",
            "silu_slope = lambda z: z * sigmoid(z) * (1 - sigmoid(z))",
        ),
        (
            "with SiLU's output in it",
            "silu_slope = lambda z: z * sigmoid(z) * (1 - z * sigmoid(z))",
        ),
        (
            "This is the slope of the sigmoid alone",
            "silu_slope = lambda z: sigmoid(z) * (1 - sigmoid(z))",
        ),
        (
            "The sign of the second half",
            "silu_slope = lambda z: sigmoid(z) - z * sigmoid(z) * (1 - sigmoid(z))",
        ),
        (
            "The factor z is missing",
            "silu_slope = lambda z: sigmoid(z) + sigmoid(z) * (1 - sigmoid(z))",
        ),
    ],
    "q4": [
        ("This is the diagonal alone", _softmax("p * (1 - p) * grad")),
        ("The second part of the sum is missing", _softmax("p * grad")),
        ("This is p - t", _softmax("p - grad")),
        (
            "Weight the average of each row",
            _softmax("p * (grad - grad.mean(axis=1, keepdims=True))"),
        ),
        ("You summed over the samples", _softmax("p * (grad - (grad * p).sum(axis=0))")),
        ("You summed over everything", _softmax("p * (grad - (grad * p).sum())")),
        (
            "The factor p in front",
            _softmax("grad - (grad * p).sum(axis=1, keepdims=True)"),
        ),
        (
            "grad is not weighted by p",
            _softmax("p * (grad - grad.sum(axis=1, keepdims=True))"),
        ),
        (
            "has the wrong sign everywhere",
            _softmax("p * ((grad * p).sum(axis=1, keepdims=True) - grad)"),
        ),
        (
            "p was changed in place",
            "def softmax_backward(p, grad):\n"
            "    total = (grad * p).sum(axis=1, keepdims=True)\n"
            "    p *= grad - total\n"
            "    return p",
        ),
    ],
    "q5": [
        (
            "This is the variance",
            _stddev("2 / (fan_in * (1 + negative_slope**2))"),
        ),
        ("This is He's rule for ReLU", _stddev("np.sqrt(2 / fan_in)")),
        ("This is LeCun's rule", _stddev("np.sqrt(1 / fan_in)")),
        ("Square the negative slope", _stddev("np.sqrt(2 / fan_in / (1 + negative_slope))")),
        ("not 1 - slope^2", _stddev("np.sqrt(2 / fan_in / (1 - negative_slope**2))")),
        ("a factor 2 is missing", _stddev("np.sqrt(1 / fan_in / (1 + negative_slope**2))")),
        ("turned around", _stddev("np.sqrt(2 * (1 + negative_slope**2) / fan_in)")),
        ("stands under the root, too", _stddev("np.sqrt(2 / (1 + negative_slope**2)) / fan_in")),
        (
            "must be one number",
            _stddev("np.sqrt(2 / (fan_in * (1 + negative_slope**2))) * np.ones(3)"),
        ),
    ],
    "q6": [
        ("This is the share of zeros", "dead_share = lambda a: (a == 0).mean()"),
        ("silent once is not dead", "dead_share = lambda a: (a == 0).any(axis=0).mean()"),
        ("take the other axis", "dead_share = lambda a: (a == 0).all(axis=1).mean()"),
        ("This is the number of dead units", "dead_share = lambda a: (a == 0).all(axis=0).sum()"),
        ("units that are alive", "dead_share = lambda a: (a > 0).any(axis=0).mean()"),
        ("the first sample only", "dead_share = lambda a: (a[0] == 0).mean()"),
        (
            "by the number of samples",
            "dead_share = lambda a: (a == 0).all(axis=0).sum() / len(a)",
        ),
        ("must be one number", "dead_share = lambda a: (a == 0).all(axis=0) * 1.0"),
    ],
    "q7": [
        ("This is the planted bug", _prelu("(grad * (z < 0)).mean(axis=0)")),
        ("the factor z is missing", _prelu("(grad * (z < 0)).sum(axis=0)")),
        ("sum, not mean", _prelu("(grad * z * (z < 0)).mean(axis=0)")),
        ("selects the other half", _prelu("(grad * z * (z > 0)).sum(axis=0)")),
        ("select the entries with z below zero", _prelu("(grad * z).sum(axis=0)")),
        ("Each unit has its own alpha", _prelu("(grad * z * (z < 0)).sum()")),
        ("One number a unit", _prelu("grad * z * (z < 0)")),
        ("an alpha too many", _prelu("(grad * alpha * z * (z < 0)).sum(axis=0)")),
        (
            "yours are swapped",
            _prelu("(grad * z * (z < 0)).sum(axis=0)", "grad * np.where(z > 0, alpha, 1)"),
        ),
        (
            "alpha acts below zero only",
            _prelu("(grad * z * (z < 0)).sum(axis=0)", "grad * alpha"),
        ),
        (
            "Return the two gradients",
            "prelu_backward = lambda z, alpha, grad: grad * np.where(z > 0, 1, alpha)",
        ),
    ],
    "q8": [
        ("This is the variance", _signal("np.tanh(z)", "a.var()")),
        (
            "is the gain not used",
            _signal("np.tanh(z)", weights="rng.normal(0, width**-0.5, (width, width))"),
        ),
        ("is the tanh missing", _signal("z")),
        ("is the tanh missing", _signal("np.maximum(z, 0)")),
        ("This is the signal before the last tanh", _signal("np.tanh(z)", "z.std()")),
        (
            "not by the width",
            _signal("np.tanh(z)", weights="rng.normal(0, gain / width, (width, width))"),
        ),
        (
            "a sum of many inputs is large",
            _signal("np.tanh(z)", weights="rng.normal(0, gain, (width, width))"),
        ),
        (
            "The weights carry the square of the gain",
            _signal(
                "np.tanh(z)", weights="rng.normal(0, gain**2 / np.sqrt(width), (width, width))"
            ),
        ),
        (
            "Two runs give exactly the same number",
            "_right = signal\n"
            "signal = lambda gain, depth, width, rng: _right(\n"
            "    gain, depth, width, np.random.default_rng(0))",
        ),
        ("gain_half is still blank", "gain_half = ..."),
        ("With the gain 1 the signal keeps shrinking", "gain_half = 1.0"),
        ("store the gain that leads to it", "gain_half = 0.5"),
        ("This is He's factor", "gain_half = 2**0.5"),
        ("leads to 0.65", "gain_half = 5 / 3"),
        ("settles near 0.73", "gain_half = 2"),
    ],
}
