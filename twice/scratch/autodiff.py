"""Automatic differentiation of numbers: in reverse (`Value`) and forward (`Dual`).

    a, b = Value(3, "a"), Value(2, "b")
    f = a * b + a**2
    f.backward()
    a.grad, b.grad             8.0 and 3.0, from one pass

Both kinds of number do the same arithmetic, and every operation knows its slopes. A `Dual` uses
them at once and forgets them; a `Value` remembers them for the way back. For arrays there is
`twice.scratch.tensor`; `twice.graphs` draws the graph of a `Value`.
"""

import numpy as np

from twice.scratch.perceptron import sigmoid

# the operation: its result, and the slopes of the result along a and along b
BINARY = {
    "+": lambda a, b: (a + b, 1.0, 1.0),
    "-": lambda a, b: (a - b, 1.0, -1.0),
    "*": lambda a, b: (a * b, b, a),
    "/": lambda a, b: (a / b, 1 / b, -a / (b * b)),
}
# the function: y = f(x), and its slope from x and y
UNARY = {
    "exp": (np.exp, lambda x, y: y),
    "log": (np.log, lambda x, y: 1 / x),
    "tanh": (np.tanh, lambda x, y: 1 - y * y),
    "sigmoid": (sigmoid, lambda x, y: y * (1 - y)),
    "relu": (lambda x: np.maximum(x, 0), lambda x, y: x > 0),
}


class Operators:
    """Python's signs, in terms of `binary`, `unary` and `lift`, which makes a constant a node."""

    __array_ufunc__ = None  # a NumPy array on the left leaves the operation to us

    def __add__(self, other):
        return self.binary("+", self, self.lift(other))

    def __radd__(self, other):
        return self.binary("+", self.lift(other), self)

    def __sub__(self, other):
        return self.binary("-", self, self.lift(other))

    def __rsub__(self, other):
        return self.binary("-", self.lift(other), self)

    def __mul__(self, other):
        return self.binary("*", self, self.lift(other))

    def __rmul__(self, other):
        return self.binary("*", self.lift(other), self)

    def __truediv__(self, other):
        return self.binary("/", self, self.lift(other))

    def __rtruediv__(self, other):
        return self.binary("/", self.lift(other), self)

    def __neg__(self):
        return -1.0 * self

    def __pow__(self, n):
        if isinstance(n, Operators):
            return (n * self.log()).exp()  # a^b = exp(b ln a), for a > 0
        return self.power(n)

    def __rpow__(self, other):
        return self.lift(other) ** self

    def exp(self):
        return self.unary("exp")

    def log(self):
        return self.unary("log")

    def tanh(self):
        return self.unary("tanh")

    def sigmoid(self):
        return self.unary("sigmoid")

    def relu(self):
        return self.unary("relu")


class Number(Operators):
    """A number whose every operation knows the slope of the result along each operand.

    It has + - * / ** and exp, log, tanh, sigmoid, relu (whose slope at 0 is 0). Plain
    numbers mix in as constants. A subclass says, in `result(op, data, operands, slopes)`,
    what becomes of the slopes. Raises ValueError for what is not one finite real number,
    given or as a result, and ZeroDivisionError.
    """

    def __init__(self, data):
        try:
            self.data = float(data)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"expected a number, got {data!r}") from None

    def lift(self, other):
        return other if isinstance(other, type(self)) else type(self)(other)

    def binary(self, op, a, b):
        y, *slopes = BINARY[op](a.data, b.data)
        return self.result(op, y, (a, b), slopes)

    def unary(self, name):
        f, slope = UNARY[name]
        with np.errstate(all="ignore"):
            y = float(f(self.data))
        if not np.isfinite(y):
            raise ValueError(f"expected a number whose {name} is finite, got {self.data:g}")
        return self.result(name, y, (self,), [float(slope(self.data, y))])

    def power(self, n):
        x, n = self.data, float(n)
        if x < 0 and n != int(n):
            raise ValueError(f"expected a base of 0 or more for the power {n:g}, got {x:g}")
        return self.result(f"power {n:g}", x**n, (self,), [n * x ** (n - 1) if n else 0.0])

    def __repr__(self):
        return f"{type(self).__name__}({self.data:.6g})"


class Value(Number):
    """A node of a computation graph: a number that remembers how it was made.

    `operands` are the nodes it was made from, `slopes` its derivative along each of them.
    After `f.backward()`, every node v of the graph of f has `v.grad` = df/dv. Each call
    sets these gradients anew, so a second call gives the same (Linnainmaa, 1976).
    """

    def __init__(self, data, name="", *, op="", operands=(), slopes=()):
        super().__init__(data)
        self.name, self.op, self.operands, self.slopes = name, op, operands, slopes
        self.grad = 0.0

    def result(self, op, data, operands, slopes):
        return Value(data, op=op, operands=operands, slopes=slopes)

    def backward(self):
        nodes = graph(self)
        for node in nodes:
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(nodes):
            for operand, slope in zip(node.operands, node.slopes, strict=True):
                operand.grad += slope * node.grad  # the paths add


def graph(output):
    """Every node that `output` was made from, and itself, operands before results.

    Depth first with a stack of its own: no graph is too deep for Python's recursion.
    """
    nodes, seen, stack = [], set(), [(output, False)]
    while stack:
        node, operands_done = stack.pop()
        if operands_done:
            nodes.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((operand, False) for operand in node.operands)
    return nodes


class Dual(Number):
    """Forward mode: a number and its slope along one chosen input, carried side by side.

    Give that input the slope 1; the result's `slope` is then the derivative along it. A
    constant has the slope 0. Each input needs a pass of its own (Wengert, 1964).
    """

    def __init__(self, data, slope=0.0):
        super().__init__(data)
        self.slope = slope

    def result(self, op, data, operands, slopes):
        total = sum(s * operand.slope for s, operand in zip(slopes, operands, strict=True))
        return Dual(data, total)
