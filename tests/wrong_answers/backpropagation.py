"""Wrong answers to backpropagation's exercises: question -> [(part of the message, code)]."""


def _tanh(line):
    return f"""
def tanh_backward(grad, a):
    d_z = {line}
    return d_z
"""


def _first(line="np.outer(x, d_z)", gate="(z > 0)", d_output="2 * (a @ kernel2 + bias2 - y)"):
    """The function of question 2, one piece of it wrong."""
    return f"""
def first_kernel_gradient(x, y, kernel1, bias1, kernel2, bias2):
    z = x @ kernel1 + bias1
    a = np.maximum(z, 0)
    d_output = {d_output}
    d_z = d_output * kernel2 * {gate}
    return {line}
"""


def _dense(d_kernel="x.T @ grad", d_bias="grad.sum(axis=0)", d_x="grad @ kernel.T"):
    return f"""
def dense_backward(x, kernel, grad):
    return {d_kernel}, {d_bias}, {d_x}
"""


FRONT = "while grad.ndim > len(shape):\n        grad = grad.sum(axis=0)"
ONES = """for axis, length in enumerate(shape):
        if length == 1:
            grad = grad.sum(axis=axis, keepdims=True)"""


def _fold(*steps, back="grad"):
    """The function of question 4 from its steps."""
    body = "\n".join(f"    {step}" for step in steps)
    return f"""
def unbroadcast(grad, shape):
{body}
    return {back}
"""


def _value(mul="", exp="", product="Value(self.data * other.data, (self, other))"):
    """The class of question 5; `mul` and `exp` are what their `push` does."""
    mul = (
        mul or "self.grad += other.data * out.grad\n            other.grad += self.data * out.grad"
    )
    exp = exp or "self.grad += out.data * out.grad"
    return f"""
import math


class Value:
    def __init__(self, data, parents=()):
        self.data, self.parents, self.grad = data, parents, 0.0
        self.push = lambda: None

    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))

        def push():
            self.grad += out.grad
            other.grad += out.grad

        out.push = push
        return out

    def __mul__(self, other):
        out = {product}

        def push():
            {mul}

        out.push = push
        return out

    def exp(self):
        out = Value(math.exp(self.data), (self,))

        def push():
            {exp}

        out.push = push
        return out

    def backward(self):
        order, seen = [], set()

        def visit(value):
            if id(value) not in seen:
                seen.add(id(value))
                for parent in value.parents:
                    visit(parent)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            value.push()
"""


def _network(
    d_scores="(p - np.eye(p.shape[1])[labels]) / len(x)",
    d_a="d_scores @ kernel2.T",
    d_z="d_a * (z > 0)",
    result="x.T @ d_z, d_z.sum(axis=0), a.T @ d_scores, d_scores.sum(axis=0)",
):
    """The function of question 6, one line of it wrong."""
    return f"""
def backprop(x, labels, kernel1, bias1, kernel2, bias2):
    z = x @ kernel1 + bias1
    a = np.maximum(z, 0)
    p = softmax(a @ kernel2 + bias2)
    d_scores = {d_scores}
    d_a = {d_a}
    d_z = {d_z}
    return {result}
"""


def _residual(to_input, forward="x + self.a"):
    """The class of question 7 with its input gradient computed by `to_input`."""
    return f"""
class Residual(Residual):
    def forward(self, x, training=False):
        self.x = x
        self.a = np.tanh(x @ self.params["kernel"] + self.params["bias"])
        return {forward}

    def backward(self, grad):
        d_z = grad * (1 - self.a**2)
        self.grads["kernel"] = self.x.T @ d_z
        self.grads["bias"] = d_z.sum(axis=0)
        return {to_input}
"""


def _norms(line, back="", start="grad"):
    """The function of question 8; `line` is the norm of one layer's gradient g."""
    return f"""
def gradient_norms(model, x, grad):
    model.forward(x)
    model.backward({start})
    norms = [{line} for layer in model.layers if layer.params for g in [layer.grads["kernel"]]]
    return np.array(norms){back}
"""


THROUGH = "d_z @ self.params['kernel'].T"

WRONG = {
    "q1": [
        ("This is the slope alone", _tanh("1 - a**2")),
        ("The slope is missing", _tanh("grad * 1.0")),
        ("a already is tanh(z)", _tanh("grad * (1 - np.tanh(a) ** 2)")),
        ("This is the sigmoid's slope", _tanh("grad * a * (1 - a)")),
        ("The square is missing", _tanh("grad * (1 - a)")),
        ("You added a**2", _tanh("grad * (1 + a**2)")),
        ("The chain rule multiplies the two: you added", _tanh("grad + (1 - a**2)")),
        ("you divided", _tanh("grad / (1 - a**2)")),
        ("This is the activation, not its slope", _tanh("grad * a")),
        ("A matrix product mixes samples", _tanh("grad @ (1 - a**2).T")),
        ("did you sum or average over too many axes?", _tanh("np.sum(grad * (1 - a**2))")),
        (
            "grad was changed in place",
            "def tanh_backward(grad, a):\n    grad *= 1 - a**2\n    return grad",
        ),
    ],
    "q2": [
        ("d_output is still blank", "d_output = ..."),
        ("This is the error: the slope of its square", "d_output = 1.5"),
        ("The sign is turned", "d_output = -3.0"),
        ("This is the loss", "d_output = 2.25"),
        ("These are the weights", "d_kernel2 = [2, 3]"),
        ("These are the hidden values alone", "d_kernel2 = [1.5, 0]"),
        ("The second unit put out 0", "d_kernel2 = [4.5, -3]"),
        ("The second unit is off: its ReLU", "d_z = [6, 9]"),
        ("The factor d_output is missing", "d_z = [2, 0]"),
        ("d_kernel1 is transposed", "d_kernel1 = [[6, 12], [0, 0]]"),
        ("You multiplied by the hidden values", "d_kernel1 = [[9, 0], [0, 0]]"),
        ("The second unit's ReLU is closed", "d_kernel1 = [[6, 9], [12, 18]]"),
        ("You took the other index of kernel1", "d_x = [3, 6]"),
        ("You sent the gradient through the closed ReLU, too", "d_x = [12, -7.5]"),
        ("Your function leaves out the ReLU", _first(gate="1")),
        ("Your function multiplies by the ReLU's value", _first(gate="a")),
        ("Your function returns the transpose", _first("np.outer(d_z, x)")),
        ("Your function leaves out the 2", _first(d_output="a @ kernel2 + bias2 - y")),
        ("walks uphill", _first(d_output="2 * (y - a @ kernel2 - bias2)")),
        ("Your function leaves out kernel2", _first("np.outer(x, d_output * (z > 0))")),
        ("Your function leaves out bias2", _first(d_output="2 * (a @ kernel2 - y)")),
        ("computes with the numbers of the task", _first("np.array([[6.0, 0], [12, 0]])")),
    ],
    "q3": [
        ("d_kernel is transposed", _dense("grad.T @ x")),
        ("d_kernel is divided by N", _dense("x.T @ grad / len(x)")),
        ("d_kernel must not contain the kernel", _dense("x.T @ grad * kernel")),
        ("d_bias has one row per sample", _dense(d_bias="grad")),
        ("d_bias is averaged", _dense(d_bias="grad.mean(axis=0)")),
        ("d_bias is summed over the outputs", _dense(d_bias="grad.sum(axis=1)")),
        ("d_bias is one number", _dense(d_bias="grad.sum()")),
        ("d_bias counts the samples", _dense(d_bias="np.full(grad.shape[1], len(x))")),
        ("the kernel must be transposed", _dense(d_x="grad @ kernel")),
        ("d_x is transposed", _dense(d_x="kernel @ grad.T")),
        ("This is the forward pass", _dense(d_x="x @ kernel")),
        ("d_x is divided by N", _dense(d_x="grad @ kernel.T / len(x)")),
        ("must return three things", "dense_backward = lambda x, kernel, grad: x.T @ grad"),
    ],
    "q4": [
        ("The axes in front are still there", _fold(ONES)),
        ("An axis of length 1 was stretched", _fold(FRONT)),
        ("You returned the gradient as it came", _fold()),
        (
            "The axis of length 1 is lost",
            _fold(
                "grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))",
                "ones = tuple(axis for axis, length in enumerate(shape) if length == 1)",
                back="grad.sum(axis=ones)",
            ),
        ),
        (
            "Every copy counts in full: add their gradients, do not average",
            _fold(FRONT.replace("sum", "mean"), ONES.replace("sum", "mean")),
        ),
        (
            "You kept one copy",
            _fold(
                "while grad.ndim > len(shape):\n        grad = grad[0]",
                "for axis, length in enumerate(shape):\n"
                "        grad = np.take(grad, range(length), axis=axis)",
            ),
        ),
        ("cut off the first entries", _fold(back="np.resize(grad, shape)")),
        ("You added up everything", _fold(back="np.full(shape, grad.sum())")),
        (
            "Broadcasting adds axes in front",
            _fold(FRONT.replace("axis=0", "axis=-1"), ONES),
        ),
    ],
    "q5": [
        (
            "A value that is used twice",
            _value(mul="self.grad = other.data * out.grad; other.grad = self.data * out.grad"),
        ),
        (
            "The two factors are exchanged",
            _value(mul="self.grad += self.data * out.grad; other.grad += other.data * out.grad"),
        ),
        (
            "This is the rule of the sum",
            _value(mul="self.grad += out.grad; other.grad += out.grad"),
        ),
        (
            "Your product does not pass on out.grad",
            _value(mul="self.grad += other.data; other.grad += self.data"),
        ),
        ("Only the first factor", _value(mul="self.grad += other.data * out.grad")),
        ("The product does not know its parents", _value(product="Value(self.data * other.data)")),
        (
            "the data of a * b is the sum",
            _value(product="Value(self.data + other.data, (self, other))"),
        ),
        ("A product is a Value", _value(product="self.data * other.data; return out")),
        (
            "without brackets",
            _value().replace(
                "out.push = push\n        return out\n\n    def exp",
                "out.push = push()\n        return out\n\n    def exp",
            ),
        ),
        (
            "Your product never sets out.push",
            _value().replace(
                "        out.push = push\n        return out\n\n    def exp",
                "        return out\n\n    def exp",
            ),
        ),
        ("The slope of exp is exp itself", _value(exp="self.grad += self.data * out.grad")),
        ("Your exp does not pass on out.grad", _value(exp="self.grad += out.data")),
        ("Your exp passes on out.grad alone", _value(exp="self.grad += out.grad")),
        ("Your exp overwrites", _value(exp="self.grad = out.data * out.grad")),
    ],
    "q6": [
        ("The labels are missing", _network("p / len(x)")),
        ("The loss is a mean over the samples", _network("p - np.eye(p.shape[1])[labels]")),
        ("The gradients point downhill", _network("(np.eye(p.shape[1])[labels] - p) / len(x)")),
        ("-1 / p", _network("-np.eye(p.shape[1])[labels] / p / len(x)")),
        (
            "d_kernel2 multiplies the hidden layer",
            _network(result="x.T @ d_z, d_z.sum(axis=0), z.T @ d_scores, d_scores.sum(axis=0)"),
        ),
        (
            "d_kernel2 is transposed",
            _network(result="x.T @ d_z, d_z.sum(axis=0), d_scores.T @ a, d_scores.sum(axis=0)"),
        ),
        ("kernel2 must be transposed", _network(d_a="d_scores @ kernel2")),
        ("The ReLU is missing on the way back", _network(d_z="d_a")),
        ("You multiplied by the ReLU's output", _network(d_z="d_a * a")),
        ("You asked the gradient whether the ReLU is open", _network(d_z="np.maximum(d_a, 0)")),
        ("divided by N twice", _network(d_z="d_a * (z > 0) / len(x)")),
        (
            "The gradient of bias1 lacks its sum",
            _network(result="x.T @ d_z, d_z, a.T @ d_scores, d_scores.sum(axis=0)"),
        ),
        ("backprop must return four things", _network(result="x.T @ d_z, a.T @ d_scores")),
        ("different_columns is still blank", "different_columns = ..."),
        ("All 8 units got the same start", "different_columns = 8"),
        ("one column is left", "different_columns = 0"),
        ("labels of three classes do not split", "different_columns = 3"),
    ],
    "q7": [
        ("wrong_array is still blank", "wrong_array = ..."),
        ("the check finds no fault there", "wrong_array = 'kernel'"),
        ("the check finds no fault there", "wrong_array = 'bias'"),
        ("The way around the tanh is still missing", _residual(THROUGH)),
        ("Now the way through the kernel is missing", _residual("grad")),
        ("what comes around the tanh is grad", _residual(f"d_z + {THROUGH}")),
        ("You added the input itself", _residual(f"self.x + {THROUGH}")),
        ("You added 1", _residual(f"1 + {THROUGH}")),
        ("The kernel must be transposed", _residual("grad + d_z @ self.params['kernel']")),
        ("Two ways lead from x to y, and their gradients add", _residual(f"grad * ({THROUGH})")),
        ("You changed the forward pass", _residual(THROUGH, forward="self.a")),
        ("the slope of tanh is lost", _residual("grad + grad @ self.params['kernel'].T")),
    ],
    "q8": [
        ("This is the square of the norm", _norms("np.sum(g**2)")),
        ("This is the sum of absolute values", _norms("np.abs(g).sum()")),
        ("This is the largest entry", _norms("np.abs(g).max()")),
        ("root of the mean square", _norms("np.sqrt(np.mean(g**2))")),
        ("The order is turned", _norms("np.linalg.norm(g)", back="[::-1]")),
        ("These are the norms of the kernels", _norms("np.linalg.norm(layer.params['kernel'])")),
        ("The norms are 0", _norms("np.linalg.norm(g)").replace("model.backward(grad)", "pass")),
        ("starts from ones", _norms("np.linalg.norm(g)", start="np.ones_like(grad)")),
        (
            "one number per Dense layer",
            "def gradient_norms(model, x, grad):\n    model.forward(x)\n    model.backward(grad)\n"
            "    return np.array([np.linalg.norm(g) for g in model.grads.values()])",
        ),
        ("This is the largest singular value", _norms("np.linalg.norm(g, 2)")),
        ("ratio_sigmoid is still blank", "ratio_sigmoid = ..."),
        ("last over first", "ratio_sigmoid = 1 / 3.8e-6"),
        ("This is the factor of one layer", "ratio_sigmoid = 0.25"),
        ("ratio of the squares", "ratio_sigmoid = 3.8e-6**2"),
        ("tanh's", "ratio_sigmoid = 1.19"),
        ("last over first", "ratio_tanh = 1 / 1.19"),
        ("This is the sigmoid's", "ratio_tanh = 3.8e-6"),
    ],
}
