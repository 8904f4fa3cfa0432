"""The computation graph demo: its JavaScript against Python, and its Python class."""

import json
import keyword
import math

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.widgets import ComputationGraphDemo
from twice.widgets.computation_graph import FUNCTIONS, PRESETS, number_of_steps, parse

SCRIPT = "computation_graph.js"
NAMES = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0.0),
    "sin": np.sin,
    "max": np.maximum,
}


def by_python(expression, inputs):
    """The output as Python itself computes it."""
    known = dict(NAMES) | {name: np.longdouble(value) for name, value in inputs.items()}
    *parts, last = expression.split(";")
    with np.errstate(all="ignore"):
        for part in parts:
            name, text = part.split("=")
            known[name.strip()] = eval(text.strip(), {"__builtins__": {}}, known)
        return eval(last.split("=")[-1].strip(), {"__builtins__": {}}, known)


def differences(expression, inputs, h=1e-5):
    """Central differences in extended precision, by input."""
    slopes = {}
    for name, value in inputs.items():
        value = np.longdouble(value)
        high = by_python(expression, inputs | {name: value + h})
        low = by_python(expression, inputs | {name: value - h})
        slopes[name] = float((high - low) / (2 * np.longdouble(h)))
    return slopes


def random_tree(rng, depth):
    """A random expression as text; sums and functions keep it within bounds."""
    if depth == 0 or rng.random() < 0.12:
        leaf = str(rng.choice(["a", "b", "c", "d", "number"]))
        return f"{rng.uniform(0.1, 4):.2f}" if leaf == "number" else leaf
    kind = rng.choice(["binary", "binary", "binary", "call", "call", "power", "sign", "log", "max"])
    part = [random_tree(rng, depth - 1) for _ in range(2)]
    if kind == "binary":
        left, right = part
        return f"({left} {rng.choice(list('+-*'))} {right})"
    if kind == "call":
        return f"{rng.choice(['tanh', 'sigmoid', 'relu', 'sin'])}({part[0]})"
    if kind == "power":
        return f"({part[0]})**{rng.choice(['2', '3', '-1', '1.5', 'tanh(a)'])}"
    if kind == "sign":
        return f"-{part[0]}/({part[1]})"
    if kind == "log":
        return f"log({part[0]})" if rng.random() < 0.4 else f"exp(sin({part[0]}))"
    return f"max({part[0]}, {part[1]})"


def random_problems(count, seed=0):
    """Expressions that Python can read, with random inputs."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        text = random_tree(rng, int(rng.integers(2, 5)))
        if rng.random() < 0.3:
            text = f"z = {random_tree(rng, 2)} + a; L = z*({text}) - z"
        try:
            nodes = parse(text)
        except ValueError:
            continue
        names = [node.name for node in nodes if node.op == "input"]
        found.append([text, {name: float(rng.uniform(-2.5, 2.5)) for name in names}])
    return found


def walk(problems):
    """The demo's values, gradients and problems for a list of (expression, inputs)."""
    return run_js(
        SCRIPT,
        """return data.map(([text, inputs]) => {
            const graph = demo.buildGraph(text);
            const { values, gradients, problem, end } = demo.evaluate(graph, inputs);
            const operands = graph.nodes.map((node) => [node.op, node.operands, node.number]);
            return { operands, names: graph.inputs.map((k) => graph.nodes[k].name),
                places: graph.inputs, values, gradients, problem, end };
        });""",
        problems,
    )


def refusals(texts):
    """Message and position (from 1) for every text that the page refuses, None for the others."""
    return run_js(
        SCRIPT,
        """return data.map((text) => {
            try { demo.buildGraph(text); return null; }
            catch (problem) {
                if (problem.position === undefined) throw problem;
                return [problem.message, problem.position + 1];
            }
        });""",
        texts,
    )


# ---- the same numbers --------------------------------------------------------------------------


def test_values_and_gradients_equal_python_on_random_expressions():
    problems = random_problems(400)
    stopped = compared = 0
    for (text, inputs), run in zip(problems, walk(problems), strict=True):
        demo = ComputationGraphDemo(text, inputs=inputs)
        operands = [[node.op, list(node.operands), node.number] for node in demo.nodes]
        assert run["operands"] == operands, text
        if run["problem"]:
            stopped += 1
            if not run["problem"]["backward"]:
                assert demo.message, text
                assert not np.isfinite(by_python(text, inputs)), text
            continue
        assert demo.message is None, text
        assert run["end"] == number_of_steps(demo.nodes)
        np.testing.assert_allclose(run["values"][-1], float(by_python(text, inputs)), 1e-9, 1e-12)
        np.testing.assert_allclose(run["values"][-1], demo.value, 1e-9, 1e-12)
        mine = [run["gradients"][k] for k in run["places"]]
        theirs = [demo.gradients[name] for name in run["names"]]
        scale = max(1.0, np.abs(run["gradients"]).max())
        np.testing.assert_allclose(mine, theirs, 1e-9, 1e-12 * scale, err_msg=text)
        slopes, coarse = differences(text, inputs), differences(text, inputs, 2e-5)
        for name, slope in zip(run["names"], mine, strict=True):
            error = abs(slopes[name] - coarse[name])  # at a kink, or too steep: no reference
            if np.isfinite(error) and error <= 1e-8 * max(1, abs(slope)):
                assert slopes[name] == pytest.approx(slope, rel=1e-7, abs=1e-7), text
                compared += 1
    assert compared > 500
    assert 20 < stopped < 200


def test_presets_are_the_same_in_both_languages():
    theirs = run_js(
        SCRIPT,
        """return Object.entries(demo.PRESETS).map(([name, [title, text]]) =>
            [name, text, demo.startInputs(demo.buildGraph(text))]);""",
    )
    assert [name for name, *_ in theirs] == list(PRESETS)
    for name, text, inputs in theirs:
        assert (text, inputs) == PRESETS[name]
        demo = ComputationGraphDemo(name)
        assert (demo.expression, demo.inputs) == (text, inputs)
        [run] = walk([[text, inputs]])
        assert run["values"][-1] == pytest.approx(demo.value, rel=1e-12)
        mine = {n: run["gradients"][k] for n, k in zip(run["names"], run["places"], strict=True)}
        assert mine == pytest.approx(demo.gradients, rel=1e-12, abs=1e-15)
        assert differences(text, inputs) == pytest.approx(mine, rel=1e-7, abs=1e-8)


def test_the_hand_worked_numbers():
    texts = ["used_twice", "product_and_sum", "one_neuron"]
    runs = walk([[*PRESETS[name]] for name in texts])
    assert runs[0]["gradients"][:2] == [3, 2]  # b + 2 a, and a
    assert [runs[1]["gradients"][k] for k in runs[1]["places"]] == [4, 4, 3]
    s = 1 / (1 + math.exp(-1))
    assert runs[2]["values"][-1] == pytest.approx(s**2)
    assert runs[2]["gradients"][0] == pytest.approx(2 * s * s * (1 - s))


def test_gradients_equal_the_scratch_librarys():
    autodiff = pytest.importorskip("twice.scratch.autodiff")
    methods = {
        name: lambda v, name=name: getattr(autodiff.Value(0) + v, name)()
        for name in ("exp", "log", "tanh", "sigmoid", "relu")
    }  # of a constant, too
    compared = 0
    for text, inputs in [*PRESETS.values(), *random_problems(150, seed=21)]:
        if any(word in text for word in ("max", "sin(", "**tanh")):  # not among its operations
            continue
        values = {name: autodiff.Value(value) for name, value in inputs.items()}
        [run] = walk([[text, inputs]])
        if run["problem"]:
            continue
        known = methods | values
        *parts, last = text.split(";")
        for part in parts:
            name, right = part.split("=")
            known[name.strip()] = eval(right.strip(), {"__builtins__": {}}, known)
        output = eval(last.split("=")[-1].strip(), {"__builtins__": {}}, known)
        output.backward()
        assert run["values"][-1] == pytest.approx(output.data, rel=1e-9, abs=1e-12)
        mine = [run["gradients"][k] for k in run["places"]]
        theirs = [values[name].grad for name in run["names"]]
        np.testing.assert_allclose(mine, theirs, 1e-9, 1e-12, err_msg=text)
        compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("text", "inputs", "slopes"),
    [
        ("max(a, b)*3", {"a": 2, "b": 2}, [3, 0]),  # a tie: the first is taken
        ("max(b, a)*3", {"a": 2, "b": 2}, [3, 0]),
        ("max(a, a)", {"a": 1.5}, [1]),
        ("relu(a)*2", {"a": 0}, [0]),
        ("relu(a) + relu(-a)", {"a": 0}, [0]),
        ("relu(a)*2", {"a": 1e-9}, [2]),
        ("a**0", {"a": 0}, [0]),
        ("a**1", {"a": 0}, [1]),
        ("a*a*a", {"a": 2}, [12]),
        ("a**b", {"a": 2, "b": 3}, [12, 8 * math.log(2)]),
        ("a**b", {"a": 0, "b": 2}, [0, 0]),
        ("sigmoid(a)", {"a": -800}, [0]),
        ("sigmoid(a)", {"a": 800}, [0]),
        ("tanh(a)", {"a": 400}, [0]),
        ("a**(-2)", {"a": -2}, [0.25]),
    ],
)
def test_edges_are_as_documented(text, inputs, slopes):
    [run] = walk([[text, inputs]])
    assert run["problem"] is None
    assert [run["gradients"][k] for k in run["places"]] == pytest.approx(slopes)
    demo = ComputationGraphDemo(text, inputs=inputs)
    assert list(demo.gradients.values()) == pytest.approx(slopes)


@pytest.mark.parametrize(
    ("text", "inputs", "op", "phrase"),
    [
        ("c + a/b", {"a": 2, "b": 0, "c": 1}, "/", "2 is divided by 0"),
        ("a/b", {"a": 0, "b": 0}, "/", "0 is divided by 0"),
        ("2*log(a - b)", {"a": 1, "b": 2}, "log", "−1 has no logarithm"),
        ("log(a)", {"a": 0}, "log", "0 has no logarithm"),
        ("a**0.5 + 1", {"a": -4}, "power", "−4 to the power 0.5 is not a real number"),
        ("a**b", {"a": -4, "b": 0.5}, "**", "is not a real number"),
        ("a**-1", {"a": 0}, "power", "would divide by 0"),
        ("exp(a)*0", {"a": 1000}, "exp", "too large for float64"),
        ("exp(a)*exp(a)", {"a": 500}, "*", "too large for float64"),
    ],
)
def test_what_has_no_value_is_told_at_its_node(text, inputs, op, phrase):
    [run] = walk([[text, inputs]])
    place = run["problem"]["place"]
    assert run["operands"][place][0] == op
    assert phrase in run["problem"]["text"]
    values = run["values"] + [None] * (len(run["operands"]) - len(run["values"]))
    assert values[place] is None
    assert all(v is None or np.isfinite(v) for v in values)  # no NaN spreads
    after = [k for k, (_, operands, _) in enumerate(run["operands"]) if place in operands]
    assert all(values[k] is None for k in after)
    assert not run["problem"]["backward"]
    ops = [k for k, (o, _, _) in enumerate(run["operands"]) if o not in ("input", "number")]
    assert run["end"] == ops.index(place) + 1
    demo = ComputationGraphDemo(text, inputs=inputs)
    assert demo.message
    assert demo.value is None
    assert set(demo.gradients.values()) == {None}
    assert demo.message in repr(demo)
    assert demo.picture().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "inputs", "phrase"),
    [
        ("2*a**0.5", {"a": 0}, "not a finite number"),
        ("a**b", {"a": -2, "b": 2}, "A negative base has no slope"),
    ],
)
def test_what_has_no_slope_is_told_on_the_way_back(text, inputs, phrase):
    [run] = walk([[text, inputs]])
    assert run["problem"]["backward"]
    assert phrase in run["problem"]["text"]
    assert all(np.isfinite(v) for v in run["values"])
    assert run["end"] == number_of_steps(parse(text))
    demo = ComputationGraphDemo(text, inputs=inputs)
    assert demo.value is not None
    assert None in demo.gradients.values()
    assert "none" in repr(demo)


# ---- the language ------------------------------------------------------------------------------

GOOD = [
    "a*b",
    "f = a*b",
    "-a**2",
    "(-a)**2",
    "2**-a",
    "a**b**c",
    "a - b - c",
    "a/b/c",
    "- - a + 1",
    "+a*+b",
    "--2*a",
    "1.5e-3*a + .5 - 2.",
    "z = a*b; L = z**2",
    "z = a*b; L = z**2;",
    "max(a, b)*relu(-c)",
    "exp(log(a*2))",
    "(((a)))*((b))",
    "a**(2)",
    "a**(-(2))",
    "a1*a_2",
    "a *  b",
    "f*2",
    "0*a + 0.0",
    "1e6*a",
]
BAD = {
    "": 1,
    "   ": 1,
    "a": 1,
    "a + ": 5,
    "a b": 3,
    "2a": 2,
    "a*)": 3,
    "(a + b": 7,
    "a + b)": 6,
    "a^2": 2,
    "a $ b": 3,
    "a * ü": 5,
    "cos(a)": 1,
    "exp": 1,
    "exp*2": 1,
    "exp = a*2": 1,
    "exp(a, b)": 1,
    "exp()": 5,
    "max(a)": 1,
    "max(a, b, c)": 1,
    "max(a,)": 7,
    "max(a b)": 7,
    "exp(x=2)": 6,
    "a(b)": 1,
    "(a)(b)": 4,
    "(exp)(a)": 2,
    "a // b": 4,
    "a % b": 3,
    "a == b": 4,
    "a = b = c*2": 7,
    "(a) = b*2": 5,
    "a += 2": 4,
    "a, b": 2,
    "a.b": 2,
    "a[0]": 2,
    "a if b else c": 3,
    "a and b": 3,
    "not a": 1,
    "lambda*2": 1,
    "1_000*a": 2,
    "0x10*a": 2,
    "1j*a": 2,
    "007*a": 1,
    "00*a": 1,
    "1e7*a": 1,
    "'a'*2": 1,
    "a;b": 1,
    "a*2; b*3": 1,
    ";a*2": 1,
    "a*2;;": 5,
    "a = a*2": 1,
    "z = a*2; z = z*2": 10,
    "z = a*2; L = a*3": 5,
    "z = 2; L = a*z": 5,
    "z = a; L = z*2": 5,
    "2*3": 1,
    "_a*2": 1,
    "averylongname*2": 1,
    "a*2 # note": 5,
    "max(*a)": 5,
    "a**": 4,
    "*a": 1,
    "a:=2": 2,
    "[a for a in b]": 1,
    "exp(a for a in b)": 7,
    "yield*2": 1,
    "import os": 1,
    "__import__('os')": 1,
    "a\\b": 2,
    "+".join("abcdefghijklm"): 1,
    "a+" * 40 + "a": 1,
    "a" + "*1" * 90: 161,
}


def test_both_languages_read_the_same_expressions():
    assert refusals(GOOD) == [None] * len(GOOD)
    for text in GOOD:
        ComputationGraphDemo(text)
    for text, refusal in zip(BAD, refusals(list(BAD)), strict=True):
        assert refusal is not None, text
        with pytest.raises(traitlets.TraitError, match="expression"):
            ComputationGraphDemo(text)


def test_a_refusal_says_what_and_where():
    for (text, position), (message, where) in zip(BAD.items(), refusals(list(BAD)), strict=True):
        assert where == position, (text, message, where)
        assert 15 < len(message) < 110
        assert message[-1] == "."
        assert "undefined" not in message
    told = dict(zip(BAD, refusals(list(BAD)), strict=True))
    assert told["a^2"][0] == "Write ** for a power, not ^."
    assert told["2a"][0] == ("Expected an operator here, but found “a”. Write * for a product.")
    assert "There is no function “cos”" in told["cos(a)"][0]
    assert told["(a + b"][0] == "Expected an operator or ) here, but found the end."
    assert told["max(a)"][0] == "max takes two values, not 1."
    assert told["z = a*2; L = a*3"][0] == "z is computed but never used."
    assert "word of Python" in told["lambda*2"][0]


def test_no_word_of_python_is_a_name():
    words = keyword.kwlist
    assert all(refusals([f"{word}*2" for word in words]))
    ComputationGraphDemo("match*2")
    assert refusals(["match*2"]) == [None]


def test_random_texts_are_read_alike():
    rng = np.random.default_rng(3)
    pieces = ["a", "b", "2", "0.5", "+", "-", "*", "/", "**", "(", ")", "exp(", "max(", ",", "=",
              ";", " ", "z", "^"]  # fmt: skip
    texts = ["".join(rng.choice(pieces, rng.integers(3, 8))) for _ in range(6000)]
    accepted = 0
    for text, refusal in zip(texts, refusals(texts), strict=True):
        try:
            parse(text)
        except ValueError:
            assert refusal is not None, text
        else:
            assert refusal is None, (text, refusal)
            accepted += 1
    assert accepted > 40


def test_every_function_is_known_on_both_sides():
    for name, count in FUNCTIONS.items():
        text = f"{name}({', '.join('ab'[:count])})"
        assert refusals([text]) == [None]
        ComputationGraphDemo(text)


# ---- the walk ----------------------------------------------------------------------------------


def states(text, inputs):
    """What is known after every step: values, gradients, how many parts, what is complete."""
    return run_js(
        SCRIPT,
        """const graph = demo.buildGraph(data[0]);
        const run = demo.evaluate(graph, data[1]);
        return Array.from({ length: run.end + 1 }, (_, step) => {
            const { phase, active, nodes } = demo.stateAt(graph, run, step);
            return { phase, active, nodes };
        });""",
        [text, inputs],
    )


@pytest.mark.parametrize("name", PRESETS)
def test_the_walk_computes_each_node_after_its_operands_and_sends_when_complete(name):
    text, inputs = PRESETS[name]
    nodes = parse(text)
    ops = [k for k, node in enumerate(nodes) if node.op not in ("input", "number")]
    [run] = walk([[text, inputs]])
    steps = states(text, inputs)
    assert len(steps) == number_of_steps(nodes) + 1
    for at, state in enumerate(steps):
        known = [one["value"] is not None for one in state["nodes"]]
        assert known == [k not in ops or k in ops[:at] for k in range(len(nodes))]
        if state["phase"] == "forward":
            assert state["active"] == ops[at - 1]
            assert all(known[k] for k in nodes[state["active"]].operands)
        if at <= len(ops):
            assert not any(one["reached"] for one in state["nodes"])
        if state["phase"] == "backward":
            assert state["nodes"][state["active"]]["complete"]  # all its uses have sent
            for k in nodes[state["active"]].operands:
                assert state["nodes"][k]["reached"]
    for place, one in enumerate(steps[-1]["nodes"]):
        assert one["complete"]
        assert one["gradient"] == pytest.approx(run["gradients"][place])
        uses = sum(node.operands.count(place) for node in nodes)
        assert len(one["parts"]) == uses


def test_the_input_that_is_used_twice_gets_two_parts():
    steps = states(PRESETS["used_twice"][0], {"a": 3, "b": 2})
    a = [[part["amount"] for part in step["nodes"][0]["parts"]] for step in steps]
    assert a == [[], [], [], [], [], [], [6], [6, 2]]
    assert [step["nodes"][0]["complete"] for step in steps][-2:] == [False, True]


def sentences(*problems):
    """For each problem and step: the sentence, and the words for every node."""
    return run_js(
        SCRIPT,
        """return data.map(([text, inputs]) => {
            const graph = demo.buildGraph(text);
            const run = demo.evaluate(graph, inputs);
            return Array.from({ length: run.end + 1 }, (_, step) => {
                const state = demo.stateAt(graph, run, step);
                return [demo.stepSentence(graph, run, state),
                    graph.nodes.map((node) => demo.explainNode(graph, run, state, node.place))];
            });
        });""",
        problems,
    )


def test_a_node_in_words_and_numbers():
    [told] = sentences(["g = a*b; L = 2*g + a**2", {"a": 2, "b": 3}])
    words = [dict(map(tuple, lines)) for lines in told[-1][1]]
    product = next(one for one in words if "multiplies a and b" in one["Value"])
    assert product["Local derivative"] == (
        "With respect to a it is b = 3; with respect to b it is a = 2."
    )
    assert product["Gradient from above"] == "2 has come from ×."
    assert product["Passes on"] == "a receives 2 × 3 = 6 and b receives 2 × 2 = 4."
    assert words[0]["Gradient"] == "a has received 4 + 6 = 10 from two paths: they add."
    assert words[0]["Meaning"] == "Raise a by a tiny amount, and L rises by about 10 times as much."
    assert "a receives 2 × 3 = 6 and b receives 2 × 2 = 4" in told[-1][0]
    assert "a has received 4 + 6 = 10 from two paths" in told[-1][0]
    before = dict(map(tuple, told[0][1][4]))  # 2*g before anything is computed
    assert "=" not in before["Value"]
    assert before["Gradient"] == "Not there yet. It comes with the backward pass."


def test_no_sentence_has_a_hole():
    problems = [PRESETS[name] for name in PRESETS] + random_problems(40, seed=5)
    problems += [("log(a/b)", {"a": -1, "b": 2}), ("a**0.5", {"a": 0}), ("max(a,a)", {"a": 1})]
    for (text, _), told in zip(problems, sentences(*problems), strict=True):
        for sentence, nodes in told:
            words = [sentence] + [part for lines in nodes for line in lines for part in line]
            for one in words:
                for slip in ("undefined", "null", "NaN", "object", "  ", "..", "−−", "()"):
                    assert slip not in one, (text, one)
            assert sentence[-1] == "."


def test_ties_are_explained():
    [told] = sentences(["max(a, b) + relu(c)", {"a": 2, "b": 2, "c": 0}])
    words = json.dumps(told[-1][1], ensure_ascii=False)
    assert "equal, and the first is taken" in words
    assert "exactly at 0 the slope is chosen to be 0" in words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (-0.28747, "−0.2875"),
        (0, "0"),
        (-0.0, "0"),
        (1 / 3, "0.3333"),
        (123456, "1.23e5"),
        (-1e-7, "−1e−7"),
        (99999.4, "99999"),
    ],
)
def test_numbers_are_shown_for_people(value, text):
    shown = run_js(SCRIPT, "return demo.show(data);", value)
    if value == 99999.4:
        text = "100000"  # four digits
    assert shown == text


def test_numbers_fit_into_the_picture():
    rng = np.random.default_rng(2)
    values = [-0.09121, 0.000123456, -123456.7, -1.234e-7, 0, -3, 1e300, -2.5e-300]
    values += (rng.normal(size=200) * 10.0 ** rng.integers(-9, 9, 200)).tolist()
    for most in (5, 6, 7):
        texts = run_js(SCRIPT, "return data[0].map((v) => demo.fit(v, data[1]));", [values, most])
        for value, text in zip(values, texts, strict=True):
            assert len(text) <= max(most, 7), text
            assert float(text.replace("−", "-")) == pytest.approx(value, rel=0.5)
    assert run_js(SCRIPT, "return demo.fit(data);", -0.09121) == "−0.0912"


# ---- predictions -------------------------------------------------------------------------------


def diagnoses(text, inputs, name, guesses):
    return run_js(
        SCRIPT,
        """const graph = demo.buildGraph(data.text);
        const run = demo.evaluate(graph, data.inputs);
        const place = graph.inputs.find((k) => graph.nodes[k].name === data.name);
        return data.guesses.map((guess) =>
            demo.diagnose(graph, data.inputs, run, place, guess));""",
        {"text": text, "inputs": inputs, "name": name, "guesses": guesses},
    )


def test_usual_mistakes_are_recognized():
    text, inputs = PRESETS["used_twice"][0], {"a": 3, "b": 2}
    right, near, close, path, other, product, minus, skipped, own, wild = diagnoses(
        text, inputs, "a", [8, 8.07, 8.09, 6, 2, 12, -8, 7, 3.0, 100]
    )
    assert right == near == ""
    assert close == "Close, but not to 1 %: it is 8."
    assert path == "6 comes through square alone. a feeds 2 nodes, so add all paths: 6 + 2 = 8."
    assert other.startswith("2 comes through × alone")
    assert product == "You multiplied the paths. They add: 6 + 2 = 8."
    assert minus == "The size is right, the sign is not: it is 8."
    assert "local derivative of × with respect to a, 2, is forgotten" in skipped
    assert own.startswith("That comes out when") or "value of a" in own
    assert wild == "It is 6 + 2 = 8, one number for each path."
    s = 1 / (1 + math.exp(-1))
    text, inputs = PRESETS["one_neuron"]
    [forgot, local, sign] = diagnoses(text, inputs, "w", [2 * s, 1, -2 * s * s * (1 - s)])
    assert forgot == (
        "That comes out when the local derivative of sigmoid with respect to w*x + b, 0.1966, "
        "is forgotten. Multiply by it: 0.2875."
    )
    assert local.startswith("1 is the local derivative alone. The chain rule multiplies it by")
    assert sign.startswith("The size is right")
    text, inputs = PRESETS["product_and_sum"]
    [value] = diagnoses(text, inputs, "c", [4])
    assert value == "4 is the value of c. Its gradient is 3."


def test_forgetting_one_factor_is_what_the_diagnosis_says():
    answers = run_js(
        SCRIPT,
        """return data.flatMap(([text, inputs]) => {
            const graph = demo.buildGraph(text);
            const run = demo.evaluate(graph, inputs);
            if (run.problem) return [];
            return graph.ops.map((op) => {
                const wrong = demo.evaluate(graph, inputs, [op, 0]);
                const [k] = graph.nodes[op].operands;
                return [run.slopes[op][0], run.gradients[op], wrong.gradients[k], run.gradients[k]];
            });
        });""",
        [["a*b + sin(a)", {"a": 1, "b": 2}], *random_problems(60, seed=9)],
    )
    assert len(answers) > 100
    for slope, above, wrong, right in answers:
        # The rest of the walk is the same, so the error is what this one arrow brings too much.
        assert wrong - right == pytest.approx(above * (1 - slope), rel=1e-9, abs=1e-7)


def test_predictions_are_fixed_when_the_first_part_arrives():
    for name, (text, inputs) in PRESETS.items():
        steps = states(text, inputs)
        arrivals = run_js(
            SCRIPT,
            """const graph = demo.buildGraph(data);
            return graph.inputs.map((k) => [k, demo.arrival(graph, k)]);""",
            text,
        )
        for place, at in arrivals:
            reached = [step["nodes"][place]["reached"] for step in steps]
            assert reached.index(True) == at, name


def test_new_numbers_make_every_path_count():
    for text, _ in [PRESETS["used_twice"], PRESETS["product_and_sum"], ("log(a*b)", None)]:
        drawn = run_js(
            SCRIPT,
            """const graph = demo.buildGraph(data);
            return Array.from({ length: 20 }, (_, seed) => {
                const inputs = demo.newInputs(graph, seed);
                const run = demo.evaluate(graph, inputs);
                return [inputs, run.problem, demo.everyPathCounts(graph, run)];
            });""",
            text,
        )
        assert len({json.dumps(inputs) for inputs, *_ in drawn}) > 8
        for inputs, problem, counts in drawn:
            assert problem is None
            assert counts
            ComputationGraphDemo(text, inputs=inputs)


def test_a_zero_hides_a_path_and_does_not_count():
    text = PRESETS["used_twice"][0]
    answers = run_js(
        SCRIPT,
        """const graph = demo.buildGraph(data[0]);
        return data[1].map((inputs) =>
            demo.everyPathCounts(graph, demo.evaluate(graph, inputs)));""",
        [text, [{"a": 3, "b": 2}, {"a": 3, "b": 0}, {"a": 0, "b": 2}, {"a": 3, "b": 0.01}]],
    )
    assert answers == [True, False, False, False]


def test_the_nudge_agrees_with_the_gradient():
    text, inputs = PRESETS["one_neuron"]
    demo = ComputationGraphDemo("one_neuron")
    answers = run_js(
        SCRIPT,
        """const graph = demo.buildGraph(data[0]);
        const run = demo.evaluate(graph, data[1]);
        return graph.inputs.map((k) => [graph.nodes[k].name,
            demo.centralDifference(graph, data[1], graph.nodes[k].name),
            demo.nudgeWords(graph, data[1], run, k)]);""",
        [text, inputs],
    )
    for name, both, words in answers:
        assert both["slope"] == pytest.approx(demo.gradients[name], abs=1e-6)
        assert both["high"] == pytest.approx(
            float(by_python(text, inputs | {name: inputs[name] + 0.001})), rel=1e-12
        )
        assert words.startswith(f"{name} + 0.001 moves L by ")
        assert f"{demo.gradients[name]:.4g}".replace("-", "−") in words


# ---- the layout --------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [0, 290, 860])
def test_nodes_and_arrows_keep_clear_of_each_other(room):
    problems = [text for text, _ in PRESETS.values()]
    problems += [text for text, _ in random_problems(40, seed=11)]
    answers = run_js(
        SCRIPT,
        """return data[0].map((text) => {
            const graph = demo.buildGraph(text);
            return [graph, demo.layoutGraph(graph, data[1])];
        });""",
        [problems, room],
    )
    for text, (graph, layout) in zip(problems, answers, strict=True):
        boxes = [
            (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            for x, y, w, h in ([node[key] for key in "xywh"] for node in layout["nodes"])
        ]
        for k, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 0
            assert top >= 0
            assert right <= layout["width"]
            assert bottom <= layout["height"]
            for other in boxes[k + 1 :]:
                apart = max(left - other[2], other[0] - right, top - other[3], other[1] - bottom)
                assert apart >= 12, (text, k)
        wanted = [(k, place) for place, n in enumerate(graph["nodes"]) for k in n["operands"]]
        assert [(arrow["from"], arrow["to"]) for arrow in layout["arrows"]] == wanted
        for arrow in layout["arrows"]:
            xs = [x for x, _ in arrow["points"]]
            assert xs == sorted(xs)  # from left to right
            assert xs[0] == pytest.approx(boxes[arrow["from"]][2])
            assert xs[-1] == pytest.approx(boxes[arrow["to"]][0])
            for (x0, y0), (x1, y1) in zip(arrow["points"][::2], arrow["points"][1::2], strict=True):
                assert y0 == y1
                for left, top, right, bottom in boxes:
                    if x0 + 1 < right and left < x1 - 1:
                        assert not top < y0 < bottom, (text, arrow)
    narrow = run_js(
        SCRIPT, "return demo.layoutGraph(demo.buildGraph('f = a*b + a**2'), data);", 860
    )
    assert narrow["width"] <= 860


@pytest.mark.parametrize("text", ["(a - b)/(c*a) - b", PRESETS["max_and_relu"][0], "a*b + b/a"])
def test_operands_enter_in_their_order_where_it_matters(text):
    arrows = run_js(SCRIPT, "return demo.layoutGraph(demo.buildGraph(data), 800).arrows;", text)
    nodes, ends = parse(text), {}
    for arrow in arrows:
        ends.setdefault(arrow["to"], []).append((arrow["slot"], arrow["points"][-1][1]))
    for place, docks in ends.items():
        heights = [y for _, y in sorted(docks)]
        assert len(set(heights)) == len(heights)
        if nodes[place].op in "-/":
            assert heights == sorted(heights)


# ---- the Python class --------------------------------------------------------------------------


def test_an_expression_brings_its_inputs():
    demo = ComputationGraphDemo()
    assert demo.expression == "f = a*b + a**2"
    assert demo.inputs == {"a": 2, "b": -1}
    assert (demo.step, demo.predict, demo.predictions, demo.goal_met) == (0, True, {}, False)
    assert demo.value == 2
    assert demo.gradients == {"a": 3, "b": 2}
    demo.step, demo.predictions, demo.goal_met = 7, {"a": 8}, True
    demo.expression = "one neuron"
    assert demo.expression == PRESETS["one_neuron"][0]
    assert list(demo.inputs) == ["w", "x", "b", "y"]
    assert (demo.step, demo.predictions, demo.goal_met) == (0, {}, False)
    demo.expression = "z = u*v\nL = z**2"
    assert demo.expression == "z = u*v; L = z**2"
    assert demo.inputs == {"u": 2, "v": 3}
    assert ComputationGraphDemo("a*b", inputs={"b": 7}).inputs == {"a": 2, "b": 7}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("expression", "a*(b", "expression 'a\\*\\(b'"),
        ("expression", "eval(a)", "no function 'eval'"),
        ("expression", "a*2; b*2", "expression"),
        ("inputs", {"a": 1}, "each of 'a', 'b'"),
        ("inputs", {"a": 1, "b": 2, "c": 3}, "not for 'a', 'b', 'c'"),
        ("inputs", {"a": 1, "b": math.nan}, "b must be a number"),
        ("inputs", {"a": 1, "b": "two"}, "b must be a number"),
        ("inputs", {"a": 1, "b": 1e9}, "within"),
        ("step", -1, "step"),
        ("step", 8, "0 to 7"),
        ("predictions", {"c": 1}, "no input 'c'"),
        ("predictions", {"a": math.inf}, "a must be a number"),
        ("goal", "another", "goal"),
    ],
)
def test_traits_refuse_what_cannot_be(name, value, message):
    demo = ComputationGraphDemo()
    before = getattr(demo, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(demo, name, value)
    assert getattr(demo, name) == before


def test_what_is_given_at_the_start_is_checked():
    with pytest.raises(traitlets.TraitError, match="has no 'q'"):
        ComputationGraphDemo("a*b", inputs={"q": 1})
    with pytest.raises(traitlets.TraitError, match="0 to 3"):
        ComputationGraphDemo("a*b", step=4)
    with pytest.raises(traitlets.TraitError, match="no function 'cos'"):
        ComputationGraphDemo("cos(a)")


def test_the_page_may_send_everything_at_once():
    demo = ComputationGraphDemo(step=7)
    demo.set_state(
        {"predictions": {"u": 1.5}, "step": 0, "inputs": {"u": 1, "v": 2}, "expression": "u*v"}
    )
    assert (demo.expression, demo.inputs) == ("u*v", {"u": 1, "v": 2})
    assert (demo.step, demo.predictions) == (0, {"u": 1.5})


def test_text_and_picture_are_stable():
    demo, twin = ComputationGraphDemo("one_neuron"), ComputationGraphDemo("one_neuron")
    assert repr(demo) == repr(twin)
    assert "L = 0.5344; gradients: w 0.2875, x 0.5749, b 0.2875, y -1.462" in repr(demo)
    assert demo.picture() == twin.picture()
    before = demo.picture()
    demo.inputs = demo.inputs | {"w": 1}
    assert demo.picture() != before
    data, _ = demo._repr_mimebundle_()
    assert data["text/plain"] == repr(demo)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_drawn(name):
    assert len(ComputationGraphDemo(name).picture()) > 8000
