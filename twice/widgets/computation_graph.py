"""The computation graph demo: values travel forward, gradients travel backward, node by node."""

import ast
import itertools
import keyword
import math
import re
import textwrap
from dataclasses import dataclass

import traitlets

from .base import Demo

# A preset's expression and its first inputs; the same list stands in computation_graph.js.
PRESETS = {
    "used_twice": ("f = a*b + a**2", {"a": 2, "b": -1}),
    "product_and_sum": ("f = (a + b)*c", {"a": 2, "b": 1, "c": 4}),
    "one_neuron": ("L = (sigmoid(w*x + b) - y)**2", {"w": 2, "x": 1, "b": -1, "y": 0}),
    "max_and_relu": ("f = max(a, b) + relu(c - a)", {"a": 2, "b": 1, "c": 1.5}),
    "log_loss": (
        "z = w*x + b; L = log(1 + exp(z)) - y*z",
        {"w": 0.5, "x": 2, "b": 0.5, "y": 1},
    ),
    "xor_row": (
        "h = tanh(u1*x1 + u2*x2 + b); k = tanh(v1*x1 + v2*x2 + c); "
        "p = sigmoid(s*h + t*k + d); L = -log(p)",
        {"u1": 2, "x1": 1, "u2": 2, "x2": 0, "b": -1}
        | {"v1": 1, "v2": 1, "c": -1.5, "s": 2, "t": -2, "d": -1},
    ),
}
STARTS = (2, 3, -1, 0.5, 1.5, -2, 1, 4, -0.5, 2.5, -3, 0.25)  # for inputs that have no number yet
MOST_CHARACTERS, MOST_NODES, MOST_INPUTS, LONGEST_NAME, LARGEST = 160, 40, 12, 10, 1e6
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
FUNCTIONS = {"exp": 1, "log": 1, "tanh": 1, "sigmoid": 1, "relu": 1, "sin": 1, "max": 2}
SYMBOLS = {"-": "−", "*": "×", "/": "÷", "neg": "negate", "**": "power"}
GRADIENT = "#9c3f74"  # the gradients' color in the light theme


@dataclass
class Node:
    """One node: `op` is "input", "number" or an operation; `operands` are places in the list."""

    op: str
    operands: tuple = ()
    name: str = ""
    number: float = 0.0  # of a number, or the exponent of "power"


def parse(expression):
    """The nodes of `expression` in the order in which Python computes them; the last is the output.

    Raises ValueError, in one sentence, for whatever is not arithmetic on names and numbers.
    """
    if len(expression) > MOST_CHARACTERS:
        raise ValueError(f"at most {MOST_CHARACTERS} characters, not {len(expression)}")
    strange = re.search(r"[^A-Za-z0-9_+\-*/().,=; ]", expression)
    if strange:
        raise ValueError(f"position {strange.start() + 1}: {strange[0]!r} has no meaning here")
    if re.search(r",\s*\)", expression):
        raise ValueError("a value is missing after the comma")
    try:
        statements = ast.parse(expression.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = getattr(error, "offset", None)
        raise ValueError(f"{f'position {where}: ' if where else ''}this is not Python") from None
    builder = _Builder(expression.strip())
    for number, statement in enumerate(statements):
        builder.statement(statement, last=number == len(statements) - 1)
    return builder.finish()


class _Builder:
    def __init__(self, source):
        self.source, self.nodes, self.named = source, [], {}

    def fail(self, tree, message):
        raise ValueError(f"position {tree.col_offset + 1}: {message}")

    def statement(self, tree, last):
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1:
            target, value = tree.targets[0], tree.value
            if not isinstance(target, ast.Name) or self.source[tree.col_offset] == "(":
                self.fail(tree, "a name must stand before =")
            self.check_name(target)
            if target.id in self.named:
                self.fail(target, f"{target.id} has a meaning already: choose another name")
            name = target.id
        elif isinstance(tree, ast.Expr) and last:
            name, value = "", tree.value
        else:
            self.fail(tree, "only NAME = EXPRESSION; ...; NAME = EXPRESSION is understood")
        size = len(self.nodes)
        place = self.visit(value)
        if name in self.named:
            self.fail(tree, f"{name} has a meaning already: choose another name")
        if place < size or self.nodes[place].op in ("input", "number"):
            self.fail(tree, "this computes nothing: write an operation")
        name = name or ("f" if "f" not in self.named else "out")
        if name in self.named:
            self.fail(tree, f"{name} has a meaning already: give the last expression a name")
        self.nodes[place].name = name
        self.named[name] = place

    def check_name(self, tree):
        if tree.id in FUNCTIONS:
            self.fail(tree, f"{tree.id} is a function: write {tree.id}(...)")
        if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_NAME - 1}}}", tree.id):
            self.fail(tree, f"a name starts with a letter and has at most {LONGEST_NAME} signs")
        assert not keyword.iskeyword(tree.id)  # Python has refused these

    def add(self, *node):
        self.nodes.append(Node(*node))
        return len(self.nodes) - 1

    def constant(self, tree):
        """The number that `tree` writes, or None: 2, (2), -2."""
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, (ast.USub, ast.UAdd)):
            value = self.constant(tree.operand)
            return value if value is None or isinstance(tree.op, ast.UAdd) else -value
        if not isinstance(tree, ast.Constant):
            return None
        written = ast.get_source_segment(self.source, tree)
        if not re.fullmatch(r"(0|[1-9]\d*|\d*\.\d+|\d+\.)([eE][+-]?\d+)?", written) or re.match(
            r"0\d", written
        ):
            self.fail(tree, f"{written} is not a number here")
        if not abs(float(written)) <= LARGEST:
            self.fail(tree, f"{written} is too large: at most {LARGEST:g}")
        return float(written)

    def visit(self, tree):
        value = self.constant(tree)
        if value is not None:
            return self.add("number", (), "", value)
        if isinstance(tree, ast.Name):
            self.check_name(tree)
            if tree.id not in self.named:
                self.named[tree.id] = self.add("input", (), tree.id)
            return self.named[tree.id]
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.UAdd):
            return self.visit(tree.operand)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return self.add("neg", (self.visit(tree.operand),))
        if isinstance(tree, ast.BinOp) and type(tree.op) in OPERATORS:
            left = self.visit(tree.left)
            exponent = self.constant(tree.right) if isinstance(tree.op, ast.Pow) else None
            if exponent is not None:
                return self.add("power", (left,), "", exponent)
            return self.add(OPERATORS[type(tree.op)], (left, self.visit(tree.right)))
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            name = tree.func.id
            in_brackets = self.source[tree.col_offset] == "("
            if name not in FUNCTIONS or tree.keywords or in_brackets:
                self.fail(tree, f"there is no function {name!r}; there are {', '.join(FUNCTIONS)}")
            if len(tree.args) != FUNCTIONS[name]:
                self.fail(tree, f"{name} takes {FUNCTIONS[name]} value(s), not {len(tree.args)}")
            return self.add(name, tuple(self.visit(one) for one in tree.args))
        return self.fail(tree, "only + - * / ** ( ), names, numbers and functions are understood")

    def finish(self):
        if not self.nodes:
            raise ValueError("write an expression, such as f = a*b + a**2")
        used = {place for node in self.nodes for place in node.operands}
        for place, node in enumerate(self.nodes[:-1]):
            if place not in used:
                raise ValueError(f"{node.name} is computed but never used")
        names = [node.name for node in self.nodes if node.op == "input"]
        if not names:
            raise ValueError("there is no input: use at least one name")
        if len(names) > MOST_INPUTS or len(self.nodes) > MOST_NODES:
            raise ValueError(f"at most {MOST_INPUTS} inputs and {MOST_NODES} nodes")
        return self.nodes


STEP = 1e-100  # of the complex step: so small that a gradient comes out to the last digit


def evaluate(nodes, inputs, nudged=None):
    """The value of every node, and None or what stopped the computation: (values, message).

    `nudged` is the place of a node whose value gets an imaginary part of 1e-100: the output's
    imaginary part over 1e-100 is then that node's gradient (Squire and Trapp, 1998).
    """
    values = []
    for place, node in enumerate(nodes):
        given = [values[k] for k in node.operands]
        try:
            value = inputs[node.name] if node.op == "input" else compute(node, given)
        except ValueError as error:
            return values, str(error)
        if not (math.isfinite(complex(value).real) and math.isfinite(complex(value).imag)):
            return values, f"{SYMBOLS.get(node.op, node.op)}: the result is too large"
        values.append(complex(value) + (STEP * 1j if place == nudged else 0))
    return values, None


def compute(node, given):
    """One operation on complex numbers; raises ValueError where it has no value."""
    import numpy as np

    a, b = (*given, 0j, 0j)[:2]
    op, exponent = node.op, node.number
    if op == "/" and b.real == 0:
        raise ValueError(f"÷: {a.real:g} is divided by 0")
    if op == "log" and a.real <= 0:
        raise ValueError(f"log: {a.real:g} has no logarithm, only numbers above 0 have one")
    if op in ("power", "**"):
        exponent = complex(exponent) if op == "power" else b
        if a.real == 0 and exponent.real < 0:
            raise ValueError("power: 0 to a negative power divides by 0")
        if a.real < 0 and exponent.real != round(exponent.real):
            raise ValueError(f"power: {a.real:g} to the power {exponent.real:g} is not a number")
        if a.real == 0 and exponent.real == 0:
            return 1 + 0j
    with np.errstate(all="ignore"):
        result = {
            "number": lambda: node.number,
            "+": lambda: a + b,
            "-": lambda: a - b,
            "*": lambda: a * b,
            "/": lambda: a / b,
            "neg": lambda: -a,
            "power": lambda: np.complex128(a) ** exponent,
            "**": lambda: np.complex128(a) ** exponent,
            "exp": lambda: np.exp(a),
            "log": lambda: np.log(a),
            "tanh": lambda: np.tanh(a),
            "sin": lambda: np.sin(a),
            "sigmoid": lambda: 1 / (1 + np.exp(-a)) if a.real > 0 else np.exp(a) / (1 + np.exp(a)),
            "relu": lambda: a if a.real > 0 else 0j,
            "max": lambda: a if a.real >= b.real else b,
        }[op]()
    return complex(result)


def has_no_slope(node, given):
    """Whether a power has a value but no derivative: 0**0.5, or (-2)**b with respect to b."""
    if node.op == "power":
        return given[0] == 0 and 0 < node.number < 1
    return node.op == "**" and (given[0] < 0 or (given[0] == 0 and given[1] < 1))


def number_of_steps(nodes):
    """Steps of a whole walk: one per operation forward, the output's 1, one per operation back."""
    return 2 * sum(node.op not in ("input", "number") for node in nodes) + 1


class ComputationGraphDemo(Demo):
    """Step forward and backward through the graph of an expression, and predict its gradients.

    `ComputationGraphDemo("used_twice")`, or any of `twice.widgets.computation_graph.PRESETS`, or
    an expression of your own: `ComputationGraphDemo("L = (w*x - y)**2", inputs={"w": 2})`. It may
    use + - * / ** ( ), numbers, names, exp, log, tanh, sigmoid, relu, sin and max, and name what
    it uses later: `"z = w*x + b; L = z**2"`. A new expression brings its own inputs. Of two equal
    values `max` takes the first, which then gets the gradient; relu's slope at 0 is 0. `value`,
    `gradients` and `message` are computed in Python, so they are right without a browser, too.
    """

    script = "computation_graph.js"
    built = False  # from then on a new expression brings its own inputs

    goal = traitlets.Unicode(
        "Predict the gradient of every input of “used twice”, for the numbers shown here, "
        "before you step backward.",
        read_only=True,
    ).tag(sync=True)
    expression = traitlets.Unicode(
        PRESETS["used_twice"][0], help="What is computed, or the name of a preset."
    ).tag(sync=True)
    inputs = traitlets.Dict(help="The number of every input, by name.").tag(sync=True)
    step = traitlets.Int(
        0, min=0, help="Steps walked: forward, then the output's gradient, then backward."
    ).tag(sync=True)
    predict = traitlets.Bool(True, help="Ask for predictions of the gradients.").tag(sync=True)
    predictions = traitlets.Dict(help="What the reader typed, by input.").tag(sync=True)
    nudge = traitlets.Bool(
        False, help="Show what a change of an input by 0.001 does to the output."
    ).tag(sync=True)

    def __init__(self, expression="used_twice", *, inputs=None, step=0, **traits):
        super().__init__(**traits)
        self.expression = expression
        start = _starts(self.expression)
        unknown = set(inputs or {}) - set(start)
        if unknown:
            raise traitlets.TraitError(f"inputs: {self.expression!r} has no {_names(unknown)}")
        self.inputs = start | dict(inputs or {})
        self.step = step
        self.built = True

    @traitlets.validate("expression")
    def _readable(self, proposal):
        text = proposal["value"]
        text = PRESETS.get(text.strip().replace(" ", "_"), (text,))[0]
        text = "; ".join(line.strip() for line in text.splitlines() if line.strip())
        try:
            parse(text)
        except ValueError as error:
            raise traitlets.TraitError(f"expression {text!r}: {error}") from None
        return text

    @traitlets.observe("expression")
    def _begin_anew(self, change):
        if self.built and not self.from_page:
            self.step, self.predictions, self.goal_met = 0, {}, False
            self.inputs = _starts(self.expression)

    @traitlets.validate("inputs")
    def _one_number_each(self, proposal):
        wanted = [node.name for node in self.nodes if node.op == "input"]
        given = proposal["value"]
        if set(given) != set(wanted):
            raise traitlets.TraitError(
                f"inputs must give a number for each of {_names(wanted)}, not for {_names(given)}"
            )
        return {name: _finite("inputs", name, given[name]) for name in wanted}

    @traitlets.validate("predictions")
    def _of_inputs(self, proposal):
        given = proposal["value"]
        unknown = set(given) - {node.name for node in self.nodes if node.op == "input"}
        if unknown:
            raise traitlets.TraitError(f"predictions: there is no input {_names(unknown)}")
        return {name: _finite("predictions", name, value) for name, value in given.items()}

    @traitlets.validate("step")
    def _within(self, proposal):
        last = number_of_steps(self.nodes)
        if not 0 <= proposal["value"] <= last:
            raise traitlets.TraitError(f"step must be 0 to {last}, not {proposal['value']}")
        return proposal["value"]

    @property
    def nodes(self):
        """The graph: a list of nodes in the order in which Python computes them."""
        return parse(self.expression)

    @property
    def value(self):
        """The output, or None where it has no value (`message` says why)."""
        return self._walk()[0][-1]

    @property
    def gradients(self):
        """The output's derivative with respect to each input, by name; None without a value."""
        _, gradients, _ = self._walk()
        return {n.name: g for n, g in zip(self.nodes, gradients, strict=True) if n.op == "input"}

    @property
    def message(self):
        """What stopped the computation, such as a division by zero; None if nothing did."""
        return self._walk()[2]

    def _walk(self):
        nodes = self.nodes
        values, message = evaluate(nodes, self.inputs)
        values = [v.real for v in values] + [None] * (len(nodes) - len(values))
        values = [self.inputs.get(n.name, v) for n, v in zip(nodes, values, strict=True)]
        gradients = [None] * len(nodes)
        if message is None and not any(
            has_no_slope(node, [values[k] for k in node.operands]) for node in nodes
        ):
            ends = [evaluate(nodes, self.inputs, k)[0] for k in range(len(nodes))]
            gradients = [end[-1].imag / STEP for end in ends]
        return values, gradients, message

    def summary(self):
        last, inputs = number_of_steps(self.nodes), self.inputs.items()
        given = ", ".join(f"{name}={value:.4g}" for name, value in inputs)
        if self.message:
            return f"ComputationGraphDemo({self.expression!r}, {given}): {self.message}"
        slopes = ", ".join(
            f"{name} {'none' if slope is None else format(slope + 0.0, '.4g')}"
            for name, slope in self.gradients.items()
        )
        return (
            f"ComputationGraphDemo({self.expression!r}, {given}), step {self.step} of {last}: "
            f"{self.nodes[-1].name} = {self.value:.4g}; gradients: {slopes}"
        )

    @property
    def figure_size(self):
        """Inches: as many as the columns and rows of the graph need."""
        (xs, ys), _ = _arrange(self.nodes)
        return 1.15 * (max(xs) + 1) + 0.3, 0.74 * (max(ys) - min(ys) + 1) + 0.9

    def draw(self, figure):
        """The whole graph, as it is after the last step."""
        from matplotlib.patches import FancyBboxPatch

        from twice import plots

        nodes, (values, gradients, message) = self.nodes, self._walk()
        (xs, ys), arrows = _arrange(nodes)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set(xlim=(-0.55, max(xs) + 0.55), ylim=(max(ys) + 0.6, min(ys) - 0.6))
        for *passed, end in arrows:
            axes.plot(*zip(*passed, end, strict=True), color=plots.GREY, linewidth=1, zorder=1)
            style = {"arrowstyle": "-|>", "color": plots.GREY, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", end, passed[-1], arrowprops=style)
        for place, node in enumerate(nodes):
            x, y, leaf = xs[place], ys[place], not node.operands
            width, height = (0.36, 0.4) if node.op == "number" else (0.76, 0.84)
            corner = f"round,pad=0,rounding_size={0.14 if leaf else 0.03}"
            face = "#f4f6f9" if leaf else "white"
            box = FancyBboxPatch((x - width / 2, y - height / 2), width, height, corner)
            box.set(facecolor=face, edgecolor=plots.INK, linewidth=1, zorder=2)
            axes.add_patch(box)
            lines = [(_title(node), plots.INK)]
            if node.op != "number":
                lines += [
                    (_shown(values[place]), plots.NUMPY),
                    (_shown(gradients[place]), GRADIENT),
                ]
            for row, (line, color) in enumerate(lines):
                at = y + 0.26 * (row - (len(lines) - 1) / 2)
                axes.text(x, at, line, color=color, ha="center", va="center", fontsize=10)
        text = self.expression.replace("; ", ";\n") if max(xs) < 6 else self.expression
        axes.set_title(f"{text}\nblue: value, purple: gradient", fontsize=10)
        if message:
            wide = int(11 * self.figure_size[0])  # letters
            figure.supxlabel("\n".join(textwrap.wrap(message, wide)), fontsize=10)


def _title(node):
    if node.op in ("input", "number"):
        return node.name or f"{node.number:g}".replace("-", "−")
    symbol = SYMBOLS.get(node.op, node.op)
    if node.op == "power":
        symbol = {2: "square", 3: "cube"}.get(node.number, f"power {node.number:g}")
    return f"{node.name}: {symbol}" if node.name else symbol


def _shown(number):
    return "–" if number is None else f"{number + 0.0:.4g}".replace("-", "−")


def _arrange(nodes):
    """Columns by depth, for the picture: ((xs, ys) of the nodes, the points of every arrow).

    An arrow that passes a column takes a row of its own there.
    """
    depth = [0] * len(nodes)
    for place, node in enumerate(nodes):
        depth[place] = 1 + max((depth[k] for k in node.operands), default=-1)
    for place, node in enumerate(nodes):
        if not node.operands:
            depth[place] = min(depth[k] for k, n in enumerate(nodes) if place in n.operands) - 1
    cells = [(column, []) for column in depth]  # the column, and which cells it is joined to
    chains = []
    for place, node in enumerate(nodes):
        for k in node.operands:
            passed = range(len(cells), len(cells) + depth[place] - depth[k] - 1)
            cells += [(depth[k] + 1 + i, []) for i in range(len(passed))]
            chains.append([k, *passed, place])
            for one, other in itertools.pairwise(chains[-1]):
                cells[one][1].append(other)
                cells[other][1].append(one)
    columns = [
        [k for k, (c, _) in enumerate(cells) if c == column] for column in range(max(depth) + 1)
    ]
    ys = [0.0] * len(cells)
    for column in columns:
        for row, k in enumerate(column):
            ys[k] = row - (len(column) - 1) / 2
    for _ in range(30):
        for column in columns:
            wish = {k: sum(ys[j] for j in cells[k][1]) / len(cells[k][1]) for k in column}
            column.sort(key=lambda k: (wish[k], k))
            above = -math.inf
            for k in column:
                gap = 1.0 if k < len(nodes) else 0.6
                ys[k] = above = max(wish[k], above + gap)
            shift = sum(wish[k] - ys[k] for k in column) / len(column)
            for k in column:
                ys[k] += shift
    arrows = []
    for start, *passed, end in chains:
        points = [(cells[start][0] + (0.18 if nodes[start].op == "number" else 0.38), ys[start])]
        for k in passed:
            points += [(cells[k][0] - 0.38, ys[k]), (cells[k][0] + 0.38, ys[k])]
        arrows.append([*points, (depth[end] - 0.38, ys[end])])
    return (depth, ys[: len(nodes)]), arrows


def _starts(expression):
    """The first inputs of an expression, by name."""
    names = [node.name for node in parse(expression) if node.op == "input"]
    known = next((inputs for text, inputs in PRESETS.values() if text == expression), {})
    return {name: known.get(name, STARTS[k]) for k, name in enumerate(names)}


def _finite(trait, name, value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not abs(number) <= LARGEST:
        raise traitlets.TraitError(
            f"{trait}: {name} must be a number within ±{LARGEST:g}, not {value!r}"
        )
    return number


def _names(names):
    return ", ".join(map(repr, sorted(names))) or "nothing"
