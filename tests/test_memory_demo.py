"""The memory demo: its JavaScript against NumPy and twice.scratch, and its Python class."""

import itertools
import math

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.widgets import Memory
from twice.widgets.base import SeededGenerator
from twice.widgets.memory import ACTIVATIONS, CELLS, GOAL_FACTOR, MATRICES, UNITS, recurrent_matrix

SCRIPT = "memory.js"
# Five ways to meet the goal, on the matrices of any seed.
WAYS = {
    "plain, linear": {"activation": "linear", "matrix": "orthogonal", "radius": 1.0},
    "plain, ReLU": {"activation": "relu", "matrix": "identity", "radius": 1.0},
    "plain, tanh": {"matrix": "orthogonal", "radius": 1.0, "strength": 0.02},
    "LSTM": {"cell": "lstm", "forget_bias": 5.0, "radius": 0.5},
    "GRU": {"cell": "gru", "update_bias": 5.0},
}


def settings(demo):
    """What the page passes to simulate()."""
    names = ("cell", "activation", "matrix", "radius", "strength", "steps", "seed")
    bias = {"rnn": 0.0, "lstm": demo.forget_bias, "gru": demo.update_bias}[demo.cell]
    return {name: getattr(demo, name) for name in names} | {"bias": bias}


def of_js(*demos):
    """The page's numbers and words for each of these demos."""
    return run_js(
        SCRIPT,
        """return data.map((s) => {
            const network = demo.drawNetwork(s.seed, s.matrix);
            const run = demo.simulate(network, s);
            const [gradient, hidden, state, open, passed] =
                ["gradient", "hidden", "state", "open", "passed"].map((name) => [...run[name]]);
            return { gradient, hidden, state, open, passed, values: network.eigenvalues,
                jacobian: demo.jacobianEigenvalues(network, run, s.radius, 2),
                factor: demo.factor(run), rate: demo.rate(s), met: demo.goalReached(run),
                word: demo.verdict(run), text: demo.explain(run, s), way: demo.wayOf(s) };
        });""",
        [settings(demo) for demo in demos],
    )


def as_complex(pairs):
    return np.array(pairs, float).reshape(-1, 2) @ [1, 1j]


def distance(one, other):
    """How far two sets of numbers are apart, whatever their order: greedily matched."""
    other, far = list(other), 0.0
    assert len(one) == len(other)
    for value in one:
        nearest = min(range(len(other)), key=lambda i: abs(other[i] - value))
        far = max(far, abs(other.pop(nearest) - value))
    return far


# ---- matrices and eigenvalues ------------------------------------------------------------------


def test_eigenvalues_equal_numpy():
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(n, n)) for n in (1, 2, 3, 5, 16, 16, 16, 24)]
    turned = [np.linalg.qr(rng.normal(size=(16, 16)))[0] for _ in range(4)]
    masked = [rng.normal(size=(16, 16)) * (rng.random(16) < 0.5) for _ in range(4)]
    symmetric = matrices[4] + matrices[4].T
    cycle = np.roll(np.eye(16), 1, axis=1)  # an unshifted QR algorithm never moves on this one
    plain = [np.zeros((4, 4)), np.eye(16), np.array([[0.0, 1], [-1, 0]]), cycle, symmetric]
    tiny, huge = 1e-9 * matrices[5], 1e9 * matrices[6]
    cases = [*matrices, *turned, *masked, *plain, tiny, huge]
    answers = run_js(
        SCRIPT,
        "return data.map((m) => demo.eigenvalues(m.flat(), m.length));",
        [matrix.tolist() for matrix in cases],
    )
    for matrix, answer in zip(cases, answers, strict=True):
        wanted = np.linalg.eigvals(matrix)
        size = max(np.abs(wanted).max(), 1e-300)
        assert distance(as_complex(answer), wanted) < 1e-10 * size


def test_a_jordan_block_has_one_eigenvalue_n_times():
    n = 6
    block = 0.7 * np.eye(n) + np.eye(n, k=-1)  # as sensitive as can be: errors of eps ** (1 / n)
    answer = run_js(SCRIPT, "return demo.eigenvalues(data.flat(), data.length)", block.tolist())
    values = as_complex(answer)
    assert distance(values, [0.7] * n) < 0.02
    assert values.sum() == pytest.approx(0.7 * n, abs=1e-10)


@pytest.mark.parametrize("kind", MATRICES)
def test_matrices_of_both_languages_are_the_same_and_what_their_names_say(kind):
    normals = SeededGenerator(5).normal(size=(UNITS, UNITS))
    mine = recurrent_matrix(normals, kind)
    body = "return [...demo.recurrentMatrix(Float64Array.from(data.m.flat()), data.kind)];"
    theirs = run_js(SCRIPT, body, {"m": normals.tolist(), "kind": kind})
    np.testing.assert_allclose(np.reshape(theirs, mine.shape), mine, rtol=1e-12, atol=1e-13)
    assert np.abs(np.linalg.eigvals(mine)).max() == pytest.approx(1, rel=1e-12)
    squares = mine @ mine.T
    if kind in ("orthogonal", "identity"):
        np.testing.assert_allclose(squares, np.eye(UNITS), atol=1e-13)
    else:
        assert np.abs(squares - mine.T @ mine).max() > 0.1  # not normal: it can stretch at first
    if kind == "triangular":
        np.testing.assert_array_equal(np.tril(mine, -1), 0)


def test_an_unknown_kind_of_matrix_is_refused():
    with pytest.raises(ValueError, match=r"expected one of random, .*, got 'symmetric'"):
        recurrent_matrix(np.eye(3), "symmetric")


# ---- the gradient ------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_the_page_computes_what_the_library_computes(cell):
    kinds = itertools.product(MATRICES, ACTIVATIONS if cell == "rnn" else ["tanh"])
    variants = itertools.cycle([(1.1, 0.7, 60, 3), (0.8, 2.5, 100, 11), (1.4, 0.1, 2, 7)])
    demos = [
        Memory(
            cell,
            matrix=matrix,
            activation=activation,
            radius=radius,
            strength=strength,
            steps=steps,
            seed=seed,
            forget_bias=2.3,
            update_bias=-0.4,
        )
        for (matrix, activation), (radius, strength, steps, seed) in zip(
            kinds, variants, strict=False
        )
    ]
    for demo, told in zip(demos, of_js(*demos), strict=True):
        run = demo.run
        for mine, theirs in [("gradient", "gradient"), ("hidden_gradient", "hidden")]:
            assert len(run[mine]) == demo.steps + 1
            np.testing.assert_allclose(told[theirs], run[mine], rtol=1e-9, atol=1e-290)
        np.testing.assert_allclose(told["state"], run["state"], rtol=1e-10)
        np.testing.assert_allclose(told["open"][1:], run["open"], rtol=1e-11, atol=1e-13)
        assert told["rate"] == pytest.approx(demo.rate, rel=1e-14)
        assert told["factor"] == pytest.approx(demo.factor, rel=1e-8)
        values = demo.radius * as_complex(told["values"])
        assert distance(values, demo.eigenvalues) < 1e-11


def walk(demo, h, c, inputs):
    """The loss v . h_T from the state (h, c) on: Keras's formulas, one after the other."""
    w = demo.weights
    kernel, recurrent, bias = (w[name] for name in ("kernel", "recurrent_kernel", "bias"))
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    f = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "linear": lambda z: z}
    path = [(h, c)]
    for x in inputs:
        if demo.cell == "rnn":
            h = f[demo.activation](x @ kernel + h @ recurrent + bias)
        elif demo.cell == "lstm":
            i, forget, candidate, o = np.split(x @ kernel + h @ recurrent + bias, 4)
            c = sigmoid(forget) * c + sigmoid(i) * np.tanh(candidate)
            h = sigmoid(o) * np.tanh(c)
        else:
            xz, xr, xh = np.split(x @ kernel + bias[0], 3)
            hz, hr, hh = np.split(h @ recurrent + bias[1], 3)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            h = z * h + (1 - z) * np.tanh(xh + r * hh)
        path.append((h, c))
    return w["readout"] @ h, path


@pytest.mark.parametrize(
    "traits",
    [
        *({"activation": a, "matrix": m} for a in ACTIVATIONS for m in ("random", "orthogonal")),
        {"cell": "lstm", "forget_bias": 2.0},
        {"cell": "lstm", "matrix": "triangular", "radius": 1.3, "strength": 2.0},
        {"cell": "gru", "update_bias": 1.0},
        {"cell": "gru", "matrix": "orthogonal", "radius": 1.2},
    ],
)
def test_the_gradient_equals_central_differences_at_every_step(traits):
    demo = Memory(steps=9, seed=4, **traits)
    inputs, run, eps = demo.weights["inputs"], demo.run, 1e-6
    zero = np.zeros(UNITS)
    _, path = walk(demo, zero, zero, inputs)
    # dL/dc_t of the LSTM goes on to h_t = o_t tanh(c_t), so that o_t is held while c_t moves.
    for t, (h, c) in enumerate(path):
        o = h / np.tanh(c) if demo.cell == "lstm" and t else zero

        def loss(dh, dc, h=h, c=c, o=o, t=t):
            out = o * np.tanh(c + dc) if dc.any() and t else h
            return walk(demo, out + dh, c + dc, inputs[t:])[0]

        steps = eps * np.eye(UNITS)
        of_h = [(loss(d, zero) - loss(-d, zero)) / (2 * eps) for d in steps]
        assert run["hidden_gradient"][t] == pytest.approx(np.linalg.norm(of_h), rel=1e-6)
        if demo.cell == "lstm":
            of_c = [(loss(zero, d) - loss(zero, -d)) / (2 * eps) for d in steps]
            assert run["gradient"][t] == pytest.approx(np.linalg.norm(of_c), rel=1e-6)
            assert run["state"][t] == pytest.approx(np.linalg.norm(c), rel=1e-12)
        else:
            assert run["gradient"][t] == run["hidden_gradient"][t]
            assert run["state"][t] == pytest.approx(np.linalg.norm(h), rel=1e-12)


def test_the_rule_of_thumb_is_exact_for_rotations_and_only_there():
    distance_back = np.arange(100, -1, -1)
    demo = Memory(activation="linear", matrix="orthogonal", radius=1.07)
    np.testing.assert_allclose(demo.run["gradient"], demo.rate**distance_back, rtol=1e-11)
    for other in ({"matrix": "random"}, {"matrix": "triangular"}):
        demo = Memory(activation="linear", radius=1.07, seed=1, **other)
        assert np.abs(np.log(demo.run["gradient"] / demo.rate**distance_back)).max() > 0.3
    demo = Memory(matrix="orthogonal", radius=1.0)  # tanh's slopes multiply in
    assert demo.run["gradient"][0] < 1e-6
    assert demo.rate**100 == 1


def test_the_jacobian_of_a_step_has_the_eigenvalues_shown():
    demo = Memory(radius=1.2, seed=2)
    zero = np.zeros(UNITS)
    inputs = demo.weights["inputs"]
    _, path = walk(demo, zero, zero, inputs)

    def step(h):
        return walk(demo, h, zero, inputs[1:2])[1][-1][0]

    eps, h = 1e-6, path[1][0]
    jacobian = [(step(h + d) - step(h - d)) / (2 * eps) for d in eps * np.eye(UNITS)]
    (told,) = of_js(demo)
    assert distance(as_complex(told["jacobian"]), np.linalg.eigvals(np.array(jacobian))) < 1e-6


def test_what_the_most_open_unit_passes_on_is_the_product_of_its_gates():
    demo = Memory("lstm", forget_bias=3.0, steps=30)
    layer = demo.layer
    layer.forward(demo.weights["inputs"][None])
    layer.begin_back()
    (told,) = of_js(demo)
    np.testing.assert_allclose(told["passed"], layer.forget[1:, 0].prod(axis=0), rtol=1e-12)
    assert f"{max(told['passed']):.2g}" in told["text"]


# ---- the goal and the words --------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_goal_can_be_met_in_five_ways_and_is_not_met_at_first(seed):
    demos = [Memory(seed=seed, **traits) for traits in WAYS.values()]
    for name, told, demo in zip(WAYS, of_js(*demos), demos, strict=True):
        assert told["met"] is True, name
        assert told["way"] == name
        assert told["factor"] == pytest.approx(demo.factor, rel=1e-9)
        assert demo.factor <= GOAL_FACTOR
    plain = [Memory(cell, seed=seed) for cell in CELLS]
    for told in of_js(*plain):
        assert told["met"] is False
        assert told["factor"] > 1e4


def test_fewer_steps_do_not_count():
    (told,) = of_js(Memory("gru", update_bias=5.0, steps=99))
    assert told["factor"] <= GOAL_FACTOR
    assert told["met"] is False


def test_a_gradient_that_is_exactly_zero_is_told_and_never_met():
    demo = Memory(activation="relu", matrix="triangular", radius=1.1, strength=0.7, seed=3)
    assert demo.run["gradient"][0] == 0
    assert demo.factor == math.inf
    (told,) = of_js(demo)
    assert told["factor"] == math.inf
    assert told["word"] == "vanishes"
    assert "nothing reaches step 1" in told["text"]
    assert "largest / smallest = inf" in repr(demo)


@pytest.mark.parametrize(
    ("traits", "word", "parts"),
    [
        ({}, "vanishes", ["Of the gradient at step 100,", "0.9⁹⁹ = 3.0 × 10⁻⁵", "slopes of tanh"]),
        (
            {"activation": "linear", "matrix": "orthogonal", "radius": 1.5},
            "explodes",
            ["times as much gradient arrives", "exact here", "Clipping would shrink all steps"],
        ),
        (
            {"activation": "linear", "matrix": "orthogonal", "radius": 1.0},
            "keeps",
            ["1.0 reaches step 1", "1⁹⁹ = 1.0"],
        ),
        (
            {"activation": "linear", "matrix": "identity", "radius": 0.96},
            "fades",
            ["hears little"],
        ),
        ({"activation": "linear", "matrix": "identity", "radius": 1.04}, "grows", ["far past"]),
        (WAYS["plain, ReLU"], "keeps", ["the IRNN of Le, Jaitly and Hinton (2015)"]),
        ({"cell": "lstm"}, "vanishes", ["The forget gates are open by 0.7"]),
        (WAYS["GRU"], "keeps", ["The update gates are open by 0.99"]),
    ],
)
def test_the_sentence_says_what_the_numbers_mean(traits, word, parts):
    demo = Memory(**traits)
    (told,) = of_js(demo)
    assert told["word"] == word
    for part in parts:
        assert part in told["text"], told["text"]


def test_the_share_in_the_sentence_is_that_of_the_library():
    demo = Memory(seed=6)
    (told,) = of_js(demo)
    gradient = demo.run["gradient"]
    mantissa, exponent = told["text"].split(" reaches")[0].split(", ")[1].split(" × 10")
    power = int(exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    assert float(mantissa) * 10.0**power == pytest.approx(gradient[1] / gradient[-1], rel=0.06)


def test_numbers_for_people():
    values = [0, 1, 0.0312, 0.996, 9.96, 31.4, 99.6, 1234, 9999.6, 1.234e-7, 4e12, math.inf]
    cases = [v if math.isfinite(v) else None for v in values]
    body = "return data.map((v) => demo.show(v ?? Infinity));"
    assert run_js(SCRIPT, body, cases) == [
        *("0", "1.0", "0.031", "1.0", "10", "31", "100", "1200", "1.0 × 10⁴"),
        *("1.2 × 10⁻⁷", "4.0 × 10¹²", "∞"),
    ]


# ---- the class ---------------------------------------------------------------------------------


def test_one_line_of_text_says_what_is_seen():
    demo = Memory("lstm", forget_bias=4.0, steps=50)
    share = demo.run["gradient"][1] / demo.run["gradient"][-1]
    assert repr(demo) == (
        "Memory('lstm', forget_bias=4, matrix='random', radius=0.9, steps=50): of the gradient at "
        f"step 50, {share:.2g} reaches step 1; largest / smallest = {demo.factor:.2g}"
    )
    assert "activation='tanh'" in repr(Memory())
    assert "update_bias=0" in repr(Memory("gru"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cell", "elman"),
        ("activation", "sigmoid"),
        ("matrix", "symmetric"),
        ("radius", 1.6),
        ("radius", math.nan),
        ("forget_bias", -3.0),
        ("update_bias", math.inf),
        ("strength", 0.0),
        ("steps", 1),
        ("steps", 101),
        ("step", -1),
        ("seed", -1),
        ("goal", "none"),
    ],
)
def test_bad_settings_are_refused(name, value):
    demo = Memory()
    with pytest.raises(traitlets.TraitError):
        setattr(demo, name, value)


def test_weights_are_those_of_keras_in_shape_and_the_candidate_is_the_plain_cell():
    shapes = {"rnn": ((8, 16), (16, 16), (16,)), "lstm": ((8, 64), (16, 64), (64,))}
    shapes["gru"] = ((8, 48), (16, 48), (2, 48))
    plain = Memory().weights
    for cell, wanted in shapes.items():
        weights = Memory(cell, forget_bias=3.0, update_bias=2.0).weights
        names = ("kernel", "recurrent_kernel", "bias")
        assert tuple(weights[name].shape for name in names) == wanted
        assert weights["bias"].sum() == {"rnn": 0, "lstm": 48, "gru": 32}[cell]
        at = {"rnn": 0, "lstm": 32, "gru": 32}[cell]
        for name in names[:2]:
            np.testing.assert_array_equal(weights[name][:, at : at + 16], plain[name])
        assert np.linalg.norm(weights["readout"]) == pytest.approx(1)
    np.testing.assert_array_equal(weights["bias"][0, :16], 2.0)  # the GRU's update gate
    forget = Memory("lstm", forget_bias=3.0).weights["bias"][16:32]
    np.testing.assert_array_equal(forget, 3.0)


@pytest.mark.parametrize("traits", [{}, *WAYS.values(), {"steps": 2}])
def test_the_still_picture_draws_and_repeats(traits):
    picture = Memory(**traits).picture()
    assert picture.startswith(b"\x89PNG")
    assert picture == Memory(**traits).picture()
    assert picture != Memory(seed=9, **traits).picture()
