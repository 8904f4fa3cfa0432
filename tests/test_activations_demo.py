"""The activations demo: its JavaScript against NumPy and SciPy, and its Python class."""

import math

import numpy as np
import pytest
import traitlets
from js import run_js
from scipy import special

from twice.scratch import initializers
from twice.scratch.normal import normal_mean
from twice.widgets import ActivationsDemo
from twice.widgets.activations import ACTIVATIONS, INITIALIZERS
from twice.widgets.base import Seeded, SeededGenerator

SCRIPT = "activations.js"
P = {"negative_slope": 0.2, "alpha": 1.0}
OTHER = {"negative_slope": 0.5, "alpha": 1.7}

# Keras 3's formulas with SciPy's functions, and with limits instead of rounding errors.
REFERENCE = {
    "linear": lambda z, p: z,
    "sigmoid": lambda z, p: special.expit(z),
    "tanh": lambda z, p: np.tanh(z),
    "relu": lambda z, p: np.maximum(z, 0),
    "leaky_relu": lambda z, p: np.where(z > 0, z, p["negative_slope"] * z),
    "prelu": lambda z, p: np.where(z > 0, z, p["negative_slope"] * z),
    "elu": lambda z, p: np.where(z > 0, z, p["alpha"] * np.expm1(np.minimum(z, 0))),
    "selu": lambda z, p: (
        1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
    ),
    "gelu": lambda z, p: z * special.ndtr(z),
    "silu": lambda z, p: z * special.expit(z),
    "mish": lambda z, p: z * np.tanh(np.logaddexp(0, z)),
    "softplus": lambda z, p: np.logaddexp(0, z),
    "softsign": lambda z, p: z / (1 + np.abs(z)),
    "hard_sigmoid": lambda z, p: np.clip(z / 6 + 0.5, 0, 1),
    "hard_tanh": lambda z, p: np.clip(z, -1, 1),
    "hard_silu": lambda z, p: z * np.clip(z / 6 + 0.5, 0, 1),
    "relu6": lambda z, p: np.clip(z, 0, 6),
}
NAMES = list(REFERENCE)
TRAITS = ("activation", "initializer", "depth", "scale", "seed", "negative_slope", "alpha")


def function(name, p=P):
    """The function of twice.scratch.activations."""
    return ActivationsDemo(name, **p).function


def of_js(names, z, p=P):
    """f and its slope from the page, at the points z: {name: (values, slopes)}."""
    answer = run_js(
        SCRIPT,
        """return data.names.map((name) => {
            const fn = demo.FUNCTIONS[name];
            return [(z) => fn.f(z, data.p), (z) => demo.slopeAt(fn, z, data.p)]
                .map((g) => data.z.map(g));
        });""",
        {"names": names, "z": np.asarray(z).tolist(), "p": p},
    )
    return dict(zip(names, np.array(answer, float), strict=True))


# ---- the functions -----------------------------------------------------------------------------


def test_both_languages_know_the_same_functions():
    assert run_js(SCRIPT, "return Object.keys(demo.FUNCTIONS)") == NAMES == list(ACTIVATIONS)


@pytest.mark.parametrize("p", [P, OTHER, {"negative_slope": 0.0, "alpha": 2.0}])
def test_values_and_slopes_equal_numpy(p):
    z = np.concatenate([np.linspace(-8, 8, 641), [-40, -1e-9, 1e-9, 25, 40]])
    for name, (values, slopes) in of_js(NAMES, z, p).items():
        np.testing.assert_allclose(values, REFERENCE[name](z, p), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(values, function(name, p)(z), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(slopes, function(name, p).slope(z), rtol=1e-11, atol=1e-12)


def test_huge_and_tiny_numbers_stay_numbers():
    z = [-1e300, -1e30, -800.0, -1e-300, 0.0, 1e-300, 800.0, 1e30]
    for name, (values, slopes) in of_js(NAMES, z).items():
        wanted = REFERENCE[name](np.array(z), P)
        np.testing.assert_allclose(values, wanted, rtol=1e-12, atol=1e-300)
        assert np.isfinite(slopes).all(), name
        assert (np.abs(slopes) < 1.8).all(), name


def test_the_error_function_equals_scipy():
    x = np.linspace(-6.5, 6.5, 1001)
    answer = run_js(SCRIPT, "return data.map(demo.erf)", x.tolist())
    np.testing.assert_allclose(answer, special.erf(x), rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("p", [P, OTHER])
def test_what_the_table_says_of_a_function_is_true(p):
    table = run_js(
        SCRIPT,
        """return data.names.map((name) => {
            const fn = demo.FUNCTIONS[name];
            return { name, range: demo.told(fn.range, data.p), square: fn.square?.(data.p),
                steepest: demo.told(fn.steepest, data.p), parts: demo.flatParts(fn, data.p),
                mean: demo.average((z) => fn.f(z, data.p)) };
        });""",
        {"names": NAMES, "p": p},
    )
    z = np.concatenate([np.linspace(-6, 6, 24_001), [-1e6, -2e3, 2e3, 1e6]])
    for told in table:
        name, fn = told["name"], function(told["name"], p)
        low, high = told["range"].split(" to ") if " to " in told["range"] else ("−∞", "∞")
        for text, limit in ((low, fn.range[0]), (high, fn.range[1])):
            number = float(text.replace("−", "-").replace("∞", "inf"))
            assert number == pytest.approx(limit, abs=0.006), name
        slopes = np.abs(fn.slope(z))
        steepest, where = told["steepest"]
        assert steepest == pytest.approx(slopes.max(), abs=2e-3), name
        if where.startswith("at "):
            assert abs(z[slopes.argmax()] - float(where[3:])) < 0.02, name
        assert told["mean"] == pytest.approx(normal_mean(fn), abs=2e-3), name
        assert (abs(told["mean"]) < 0.002) == fn.zero_centered, name
        inside = np.abs(z) < 6
        parts = np.array(told["parts"]).reshape(-1, 2)
        mine = ((z[inside, None] > parts[:, 0]) & (z[inside, None] < parts[:, 1])).any(axis=1)
        assert (mine == (slopes[inside] < 0.05)).mean() > 0.999, name
        if told["square"] is not None:
            np.testing.assert_allclose(fn(3.0 * z), 3.0 * fn(z))
            second = normal_mean(lambda v, fn=fn: fn(v) ** 2)
            assert told["square"] == pytest.approx(second, abs=1e-6)
    assert sum(told["square"] is not None for told in table) == 4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tanh", "beyond ±2.18"),
        ("sigmoid", "beyond ±2.89"),
        ("relu", "below 0"),
        ("linear", "nowhere"),
        ("hard_silu", "below −3; flat near −1.5"),
        ("relu6", "below 0"),
    ],
)
def test_where_it_saturates_in_words(name, words):
    text = run_js(
        SCRIPT, "return demo.saturation(demo.FUNCTIONS[data.name], data.p)", {"name": name, "p": P}
    )
    assert text == words


# ---- the network -------------------------------------------------------------------------------


def simulate(settings):
    """The page's numbers by layer, and its words, for a list of settings."""
    return run_js(
        SCRIPT,
        """return data.map((s) => {
            const fn = demo.FUNCTIONS[s.name];
            const network = demo.drawNetwork(s.seed, s.shape, s.n ?? 100, 8, s.depth);
            const run = demo.simulate(network, fn, s.p, s);
            const judged = demo.judge(fn, s.p, run, s.scale);
            const lists = Object.fromEntries(["mean", "std", "saturated", "differs", "gradient"]
                .map((name) => [name, [...run[name].slice(1)]]));
            return { ...lists, judged, text: demo.explain(fn, run, judged) };
        });""",
        settings,
    )


def settings(name="tanh", scale=1.0, **more):
    return {"name": name, "scale": scale, "shape": "normal", "depth": 50, "seed": 0, "p": P} | more


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_every_layer_forward_and_backward_equals_numpy(initializer):
    demos = [
        ActivationsDemo(name, initializer=initializer, depth=depth, scale=scale, seed=seed)
        for name, depth, scale, seed in [
            *((name, 5, 1.3, 5) for name in NAMES),
            ("tanh", 50, 1.0, 0),
            ("relu", 50, 0.3, 1),
            ("gelu", 50, 0.1, 2**31),
            ("sigmoid", 1, 4.0, 2**40 + 1),
        ]
    ]
    runs = run_js(
        SCRIPT,
        """return data.map((s) => {
            const [shape, gain] = demo.INITIALIZERS[s.initializer];
            const network = demo.drawNetwork(s.seed, shape, 100, 8, s.depth);
            const how = { scale: gain * s.scale, depth: s.depth };
            const run = demo.simulate(network, demo.FUNCTIONS[s.activation], s, how);
            return ["mean", "std", "saturated", "differs", "gradient"]
                .map((name) => [...run[name].slice(1)]);
        });""",
        [{name: getattr(demo, name) for name in TRAITS} for demo in demos],
    )
    for demo, (mean, std, saturated, differs, gradient) in zip(demos, runs, strict=True):
        run = demo.run
        a = run["activations"]
        assert a.shape == (demo.depth, 8, 100)
        np.testing.assert_allclose(std, run["std"], rtol=1e-9)
        np.testing.assert_allclose(gradient, run["gradient"], rtol=1e-9)
        np.testing.assert_allclose(saturated, run["saturated"], atol=0.001)
        np.testing.assert_allclose(mean, a.mean(axis=(1, 2)), rtol=1e-9, atol=1e-12)
        between = np.sqrt(a.var(axis=1).mean(axis=1) / a.var(axis=(1, 2)))
        np.testing.assert_allclose(differs, between, rtol=1e-6, atol=1e-9)


def test_the_initializers_are_the_librarys():
    listed = run_js(SCRIPT, "return demo.INITIALIZERS")
    assert list(listed) == list(INITIALIZERS)
    for name, (shape, gain, _) in listed.items():
        w = getattr(initializers, name)((100, 100), np.random.default_rng(0))
        assert w.std() * 10 == pytest.approx(gain, rel=0.03)
        spread = np.abs(w).max() / w.std()
        assert (spread < 1.8) == (shape == "uniform")
        assert np.allclose(w @ w.T, np.eye(100)) == (shape == "orthogonal")


def test_the_stream_of_the_class_is_seeded_from_base():
    for seed in (0, 7, 2**31, 2**40 + 1):
        mine, theirs = SeededGenerator(seed), Seeded(seed)
        np.testing.assert_allclose(
            mine.normal(size=(3, 2)).ravel(), [theirs.normal() for _ in range(6)], rtol=1e-13
        )
        np.testing.assert_allclose(
            mine.uniform(-2, 2, (5,)), [4 * theirs.next() - 2 for _ in range(5)], rtol=1e-13
        )


def test_relu_with_xavier_halves_the_mean_square_exactly_on_average():
    ratios = []
    stream = np.random.default_rng(0)
    z = stream.normal(size=(16, 100))
    for _ in range(4000):  # one layer, many weights: E |relu(z)|^2 = |a|^2 / 2 at any width
        a = np.maximum(z, 0)
        z2 = a @ initializers.glorot_normal((100, 100), stream)
        ratios.append((np.maximum(z2, 0) ** 2).mean() / (a**2).mean())
    assert np.mean(ratios) == pytest.approx(0.5, abs=4 * np.std(ratios) / math.sqrt(4000))
    [xavier, he] = simulate([settings("relu", 1.0), settings("relu", math.sqrt(2))])
    assert xavier["judged"]["factor"] == pytest.approx(0.5, rel=1e-12)
    assert he["judged"]["factor"] == pytest.approx(1, rel=1e-12)
    assert "multiplies the mean square by 0.5." in xavier["text"]
    assert "multiplies the mean square by exactly 1." in he["text"]
    assert xavier["judged"]["word"] == "dies out"
    assert he["judged"]["word"] == "averages"
    slopes = np.log(np.array(xavier["std"])[1:] / np.array(xavier["std"])[:-1])
    assert math.exp(2 * slopes.mean()) == pytest.approx(0.5, abs=0.06)  # this very network


# ---- the goal, the words, the theory -----------------------------------------------------------


def reached(cases):
    """Whether the goal is reached, for a list of (settings, initializer)."""
    return run_js(
        SCRIPT,
        """const networks = {};
        return data.map((s) => {
            const [shape, gain] = demo.INITIALIZERS[s.initializer];
            const network = networks[`${s.seed} ${shape}`] ??= demo.drawNetwork(s.seed, shape);
            const fn = demo.FUNCTIONS[s.name];
            const run = demo.simulate(network, fn, s.p, { scale: gain * s.scale, depth: s.depth });
            const judged = demo.judge(fn, s.p, run, gain * s.scale);
            return demo.goalReached({ ...s, activation: s.name }, judged);
        });""",
        [settings(**case) for case in cases],
    )


def test_the_goal_is_neither_given_nor_a_needle():
    scales = 10 ** np.arange(-1, math.log10(4), 0.02)
    for seed in range(4):
        for initializer in ("glorot_normal", "glorot_uniform"):
            good = np.array(
                reached(
                    [
                        {"scale": s, "seed": seed, "initializer": initializer}
                        for s in scales.tolist()
                    ]
                )
            )
            assert not good[np.abs(scales - 1).argmin()]  # Glorot's own scale
            assert 0.04 < good.mean() < 0.15  # of the slider's way
            assert scales[good].min() > 1.03
            assert scales[good].max() < 1.8
            middle = (scales > 1.27) & (scales < 1.58)
            assert good[middle].all()


def test_the_goal_asks_for_what_it_says():
    right = {"scale": 1.4, "initializer": "glorot_normal"}
    wrong = [
        {"depth": 49},
        {"name": "relu"},
        {"name": "hard_tanh"},
        {"initializer": "he_normal", "scale": 1.0},
        {"scale": 0.9},
        {"scale": 2.0},
    ]
    assert reached([right, *({**right, **change} for change in wrong)]) == [True] + [False] * len(
        wrong
    )
    for share, ratio, met in [
        (0.049, 0.901, True),
        (0.05, 1.0, False),
        (0.0, 0.899, False),
        (0.0, 1.101, False),
        (0.0, 1.099, True),
    ]:
        judged = {"measured": ratio, "saturated": share}
        asked = {"activation": "tanh", "initializer": "glorot_uniform", "depth": 50}
        assert run_js(SCRIPT, "return demo.goalReached(...data)", [asked, judged]) is met


@pytest.mark.parametrize(
    ("case", "word", "phrases"),
    [
        (
            settings(scale=0.5),
            "dies out",
            ["about 0.495", "Layer 7 is the first below 0.01", "× 10⁻¹"],
        ),
        (settings(scale=1.0), "fades", ["Still too small", "against 0.258 in layer 10", "30.4 %"]),
        (settings(scale=1.4), "keeps", ["Kept: layer 50", "is saturated"]),
        (
            settings(scale=3.0),
            "saturates",
            ["Too large", "of layer 50 is saturated", "cannot go any further"],
        ),
        (settings("linear", 1.2), "explodes", ["by 1.44.", "the signal explodes"]),
        (settings("leaky_relu", 1.414), "grows", ["by 1.04."]),
        (
            settings("sigmoid", 1.0),
            "forgets",
            ["no signal", "all 8 inputs end in nearly the same", "mean of 0.5"],
        ),
        (settings("relu", 1.0, depth=1), "fades", ["against 1.00 in the inputs"]),
    ],
)
def test_the_demo_says_what_became_of_the_signal(case, word, phrases):
    [run] = simulate([case])
    assert run["judged"]["word"] == word
    for phrase in phrases:
        assert phrase in run["text"]
    assert ("Backward" in run["text"]) == (case["depth"] > 1)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "linear"])
def test_the_word_never_contradicts_what_is_measured(name):
    gain = 1 if name == "linear" else math.sqrt(2)
    near = [1.0, gain, 1.003 * gain, 1.02 * gain, 0.98 * gain]
    cases = [settings(name, scale, seed=seed) for scale in near for seed in range(6)]
    words = set()
    for run in simulate(cases):
        judged, text = run["judged"], run["text"]
        words.add(judged["word"])
        ratio = judged["measured"]
        assert ratio == pytest.approx(run["std"][49] / run["std"][9])
        if judged["word"] == "keeps":
            assert 0.8 <= ratio <= 1.25
        if judged["word"] in ("grows", "explodes"):
            assert ratio > 1
        if judged["word"] in ("fades", "dies out"):
            assert ratio < 1
        if judged["word"] == "averages":  # right on average, and what chance made of it
            assert abs(judged["factor"] - 1) <= 0.02
            assert not 0.8 <= ratio <= 1.25
            assert "So the scale is right. But chance made it" in text
            assert "Kept" not in text
        if judged["word"] == "drifts":  # chance went the other way, or hid it
            assert "on average. But chance made it" in text
    assert "averages" in words


def test_glorot_and_he_are_compared_at_the_same_scale():
    def hint(name, initializer, scale):
        return run_js(
            SCRIPT,
            """const [name, p, initializer, scale] = data;
            const fn = demo.FUNCTIONS[name];
            const sigma = demo.INITIALIZERS[initializer][1] * scale;
            const rests = fn.square && Math.abs(sigma ** 2 * fn.square(p) - 1) < 0.02;
            return demo.compareHint(fn, initializer, scale, { rests });""",
            [name, P, initializer, scale],
        )

    assert "set the weight scale back to × 1" in hint("relu", "glorot_normal", 1.414)
    assert "built in" in hint("relu", "he_normal", 1.414)
    for quiet in [("relu", "he_normal", 1), ("relu", "glorot_normal", 1), ("tanh", "he_normal", 2)]:
        assert hint(*quiet) == ""


def test_no_sentence_has_a_hole():
    cases = [
        settings(name, scale, depth=depth, seed=1)
        for name in NAMES
        for scale in (0.1, 1.0, 5.6)
        for depth in (1, 2, 50)
    ]
    for case, run in zip(cases, simulate(cases), strict=True):
        for hole in ("undefined", "NaN", "null", "not a number", "∞", "false"):
            assert hole not in run["text"], case


def test_the_number_named_first_below_a_hundredth_is_the_first():
    [run] = simulate([settings(scale=0.5)])
    assert np.argmax(np.array(run["std"]) < 0.01) + 1 == 7


@pytest.mark.parametrize("sigma", [0.7, 1.3])
def test_the_theory_equals_the_integrals(sigma):
    theories = run_js(
        SCRIPT,
        "return data.names.map((n) => demo.meanField(demo.FUNCTIONS[n], data.p, data.sigma, 3))",
        {"names": NAMES, "p": P, "sigma": sigma},
    )
    for name, theory in zip(NAMES, theories, strict=True):
        fn, second = function(name), 1.0
        for layer in (1, 2, 3):
            q = sigma**2 * second
            second = normal_mean(lambda v, fn=fn: fn(v) ** 2, q)
            std = math.sqrt(second - normal_mean(fn, q) ** 2)
            chi = sigma**2 * normal_mean(lambda v, fn=fn: fn.slope(v) ** 2, q)
            assert theory["q"][layer] == pytest.approx(q, rel=2e-3), name
            assert theory["std"][layer] == pytest.approx(std, rel=2e-3), name
            assert theory["chi"][layer] == pytest.approx(chi, rel=2e-2), name


def test_the_theory_foretells_the_network_and_the_edge_of_chaos():
    theories = run_js(
        SCRIPT,
        "return data.map((sigma) => demo.meanField(demo.FUNCTIONS.tanh, {}, sigma, 2000))",
        [0.9, 1.0, 1.1, 1.3, 2.0],
    )
    ends = [t["q"][-1] for t in theories]
    assert ends[0] < 1e-100
    assert ends[1] == pytest.approx(1 / (2 * 2000), rel=0.02)
    assert (np.diff(ends[1:]) > 0.05).all()  # above 1 a fixed point away from 0
    assert [t["chi"][-1] > 1 for t in theories] == [False, False, True, True, True]
    [run] = simulate([settings(scale=1.3)])
    assert np.mean(run["std"][9:]) == pytest.approx(theories[3]["std"][-1], rel=0.03)


def test_the_theory_is_told_in_words():
    text = run_js(
        SCRIPT,
        """const fn = demo.FUNCTIONS.tanh;
        const run = demo.simulate(demo.drawNetwork(0, "normal"), fn, {}, { scale: 1.3, depth: 50 });
        return demo.theoryText(fn, run, demo.meanField(fn, {}, 1.3, 50), 1.3)""",
    )
    assert "q → σ² E[f(√q z)²]" in text
    assert "At σ = 1.30 it comes to rest at q = 0.409" in text
    assert "edge of chaos" in text


def test_histograms_count_every_value_once():
    values = np.random.default_rng(0).normal(size=500)
    counts = run_js(SCRIPT, "return demo.histogram(data, [-1, 1], 20)", values.tolist())
    wanted, _ = np.histogram(values.clip(-1, 1), 20, (-1, 1))
    assert counts == wanted.tolist()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1.00"),
        (0.0793, "0.0793"),
        (31.34, "31.3"),
        (-2.5, "−2.50"),
        (6.6e-12, "6.6 × 10⁻¹²"),
        (123456, "1.2 × 10⁵"),
    ],
)
def test_numbers_are_shown_for_people(value, text):
    assert run_js(SCRIPT, "return demo.show(data)", value) == text


# ---- the Python class --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activation", "swish"),
        ("compare", None),
        ("negative_slope", -0.1),
        ("alpha", 2.1),
        ("z", 7),
        ("z", math.nan),
        ("initializer", "zeros"),
        ("scale", 0.0),
        ("scale", math.nan),
        ("depth", 0),
        ("depth", 51),
        ("layer", 0),
        ("seed", -1),
        ("goal", "another"),
    ],
)
def test_traits_refuse_what_cannot_be(name, value):
    demo = ActivationsDemo()
    before = getattr(demo, name)
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(demo, name, value)
    assert getattr(demo, name) == before


def test_text_and_picture_are_stable():
    demo = ActivationsDemo("relu", scale=1.1, depth=20)
    twin = ActivationsDemo("relu", scale=1.1, depth=20)
    assert demo.summary() == twin.summary() == repr(demo)
    assert demo.picture() == twin.picture()
    assert demo.picture().startswith(b"\x89PNG")
    assert ActivationsDemo().summary() == (
        "ActivationsDemo('tanh', initializer='glorot_normal', scale=1, depth=50): standard "
        "deviation 0.638 in layer 1, 0.0785 in layer 50, 0% of it flat"
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_function_can_be_drawn(name):
    assert len(ActivationsDemo(name, depth=30, scale=4.0).picture()) > 5000


def test_one_layer_and_a_signal_that_dies_can_be_drawn():
    assert len(ActivationsDemo(depth=1, show_gradient=False).picture()) > 5000
    assert len(ActivationsDemo("relu", scale=0.1).picture()) > 5000
