"""The learning rate demo: its JavaScript against twice.scratch, and its Python class."""

import itertools
import math
import re

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.scratch.gradient_descent import descend, largest_stable_learning_rate, verdict
from twice.scratch.surfaces import CURVES, SURFACES
from twice.widgets import LearningRateDemo
from twice.widgets.learning_rate import LOSSES

SCRIPT = "learning_rate.js"


def points(name, count=40):
    """Random points of a loss, and its minima and start; (count, 1 or 2)."""
    loss = LOSSES[name]
    limits = np.atleast_2d(loss.limits)
    random = np.random.default_rng(0).uniform(*limits.T, (count, len(limits)))
    extra = [np.atleast_1d(p) for p in [*loss.minima, loss.start]]
    return np.concatenate([random, extra])


def for_numpy(name, p):
    """The points as the loss wants them: pairs for a surface, numbers for a curve."""
    return p if name in SURFACES else p[..., 0]


def simulate(settings):
    """The demo's runs for a list of settings, and its words for them."""
    return run_js(
        SCRIPT,
        """return data.map((s) => {
            const loss = demo.LOSSES[s.surface];
            const run = demo.simulate(loss, s);
            const { path, values, word, threshold } = run;
            return { path, values, word, threshold, text: demo.explain(loss, s, run) };
        });""",
        settings,
    )


def settings(surface, rate, *, momentum=0.0, noise=0.0, steps=60, seed=3, start=None):
    start = np.atleast_1d(LOSSES[surface].start if start is None else start).tolist()
    return {
        "surface": surface,
        "rate": rate,
        "momentum": momentum,
        "noise": noise,
        "steps": steps,
        "seed": seed,
        "start": start,
    }


def demo_with(s):
    names = ("surface", "momentum", "noise", "steps", "seed", "start")
    return LearningRateDemo(learning_rate=s["rate"], **{name: s[name] for name in names})


# ---- the same numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_losses_gradients_and_curvatures_equal_numpy(name):
    p, loss = points(name), LOSSES[name]
    values, gradients, curvatures = run_js(
        SCRIPT,
        """const loss = demo.LOSSES[data.name];
        return [demo.valueAt, demo.gradientAt, demo.curvaturesAt].map((f) =>
            data.p.map((p) => f(loss, p)));""",
        {"name": name, "p": p.tolist()},
    )
    np.testing.assert_allclose(values, loss.value(for_numpy(name, p)), rtol=1e-12, atol=1e-14)
    gradient = loss.gradient(for_numpy(name, p)).reshape(p.shape)
    np.testing.assert_allclose(gradients, gradient, rtol=1e-11, atol=1e-13)
    hessian = loss.hessian(for_numpy(name, p)).reshape(len(p), p.shape[1], p.shape[1])
    diagonal = np.einsum("nii->ni", hessian)
    np.testing.assert_allclose(curvatures, diagonal, rtol=1e-9, atol=1e-12)


def test_the_losses_are_the_same_in_both_languages():
    theirs = run_js(
        SCRIPT,
        "return Object.values(demo.LOSSES).map(({ name, title, minima, limits, start }) => "
        "({ name, title, minima, limits, start }));",
    )
    assert {one["name"] for one in theirs} == set(LOSSES)
    for one in theirs:
        loss = LOSSES[one["name"]]
        assert one["title"] == loss.title
        np.testing.assert_allclose(one["minima"], [np.atleast_1d(m) for m in loss.minima])
        np.testing.assert_allclose(one["limits"], np.atleast_2d(loss.limits))
        np.testing.assert_allclose(one["start"], np.atleast_1d(loss.start))


@pytest.mark.parametrize("name", LOSSES)
def test_paths_equal_numpy_with_momentum_and_given_noise(name):
    loss = LOSSES[name]
    start = np.atleast_1d(loss.start).tolist()
    noise = np.random.default_rng(1).normal(size=(40, len(start)))
    for rate, momentum, given in [(0.02, 0, None), (0.03, 0.9, None), (0.05, 0.5, noise)]:
        path = run_js(
            SCRIPT,
            """const loss = demo.LOSSES[data.name];
            return demo.descend((p) => demo.gradientAt(loss, p), data.start, data);""",
            {
                "name": name,
                "start": start,
                "rate": rate,
                "steps": 40,
                "momentum": momentum,
                "noise": None if given is None else given.tolist(),
            },
        )
        mine = descend(
            loss.gradient,
            loss.start,
            learning_rate=rate,
            steps=40,
            momentum=momentum,
            noise=given if given is None or name in SURFACES else given[:, 0],
        )
        np.testing.assert_allclose(path, mine.reshape(41, -1), rtol=1e-9, atol=1e-12)


def test_runs_that_overflow_become_infinite_at_the_same_step():
    s = settings("saddle", 1.2)
    [run] = simulate([s])
    losses = demo_with(s).losses
    values = np.array(run["values"], dtype=float)
    assert (np.isfinite(values) == np.isfinite(losses)).all()
    assert 5 < np.isfinite(losses).sum() < 20
    assert run["word"] == "diverging"
    last = np.isfinite(losses).sum() - 1
    assert f"After step {last} the numbers were too large for float64" in run["text"]
    assert "NaN loss in training" in run["text"]


def test_the_noise_is_the_same_stream_in_both_languages():
    s = settings("bowl", 0.1, noise=2.0, seed=7)
    [run] = simulate([s])
    np.testing.assert_allclose(run["path"], demo_with(s).path, atol=1e-12)
    quiet, other = demo_with({**s, "noise": 0.0}), demo_with({**s, "seed": 8})
    for changed in (quiet, other):
        assert np.abs(changed.path - run["path"]).max() > 0.1


# ---- the threshold, the verdict, the goal ------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_thresholds_equal_numpy(momentum):
    theirs = run_js(
        SCRIPT,
        """return Object.values(demo.LOSSES).map((loss) => [loss.name, loss.minima.map((m) =>
            demo.largestStableRate(demo.curvaturesAt(loss, m), data))]);""",
        momentum,
    )
    for name, rates in theirs:
        loss = LOSSES[name]
        mine = [largest_stable_learning_rate(loss.hessian(m), momentum) for m in loss.minima]
        np.testing.assert_allclose(rates, mine, rtol=1e-9)


def test_multipliers_are_the_largest_eigenvalue_of_a_step():
    cases = list(itertools.product([0.01, 0.06, 0.079, 0.081, 0.3], [1.0, 25.0], [0.0, 0.5, 0.9]))
    theirs = run_js(SCRIPT, "return data.map((c) => demo.multiplier(...c));", cases)
    for (rate, curvature, momentum), answer in zip(cases, theirs, strict=True):
        # One step of (w, v): v <- momentum v - rate curvature w, w <- w + v.
        step = [[1 - rate * curvature, momentum], [-rate * curvature, momentum]]
        eigenvalues = np.linalg.eigvals(step)
        largest = eigenvalues[np.argmax(np.abs(eigenvalues))]
        assert answer["size"] == pytest.approx(abs(largest), abs=1e-7)
        assert answer["swings"] == (abs(largest.imag) > 1e-7)
        assert answer["turns"] == (not answer["swings"] and largest.real < 0)


def test_verdicts_follow_the_rule_of_the_library():
    rng = np.random.default_rng(5)
    k = np.arange(61)
    runs = [5 * abs(1 - rate) ** k for rate in (1e-4, 0.01, 0.3, 1.9, 2.0, 2.1)]
    runs += [np.abs(rng.normal(size=61)) + 0.1 for _ in range(20)]
    runs += [np.abs(rng.normal(size=61)) * 0.9**k for _ in range(20)]
    runs += [4 * 0.95**k * (1 + np.cos(k)) for _ in range(1)]
    runs += [np.zeros(8), np.full(9, 3.0), np.r_[np.ones(30), np.linspace(1, 0, 31)]]
    theirs = run_js(SCRIPT, "return data.map((v) => demo.verdict(v));", [v.tolist() for v in runs])
    assert theirs == [verdict(v).word for v in runs]
    assert len(set(theirs)) == 4


def grid():
    rates = (0.001, 0.01, 0.05, 0.0799, 0.08, 0.0801, 0.1, 0.25, 0.3, 0.55, 1.0, 1.99, 2, 2.01, 5)
    runs = [
        settings(name, r, momentum=m)
        for name in LOSSES
        for r in rates
        for m in (0, 0.6)
        if r <= 1 or name not in ("plateau", "cliff")  # there exp and tanh may differ in a last bit
    ]
    runs += [settings(name, r, noise=1.0) for name in LOSSES for r in (0.01, 0.05, 0.0801)]
    runs += [settings("ravine", r, start=[-2, 0]) for r in (0.05, 0.08, 0.1)]
    runs += [settings("saddle", 0.1, start=[-2, 0]), settings("bowl", 0.1, start=[0, 0])]
    return runs


def test_the_demo_and_its_python_class_speak_the_same_words():
    runs = grid()
    for s, run in zip(runs, simulate(runs), strict=True):
        demo = demo_with(s)
        assert run["word"] == demo.verdict, s
        if np.isfinite(np.array(run["path"], dtype=float)).all():
            assert run["threshold"] == pytest.approx(demo.threshold), s


def test_quadratics_obey_the_threshold():
    for name in ("bowl", "ravine", "parabola"):
        for momentum in (0.0, 0.6, 0.9):
            limit = largest_stable_learning_rate(LOSSES[name].hessian(LOSSES[name].start), momentum)
            runs = [
                settings(name, f * limit, momentum=momentum) for f in (0.99, 0.999, 1.001, 1.01)
            ]
            words = [run["word"] for run in simulate(runs)]
            assert words == ["converging", "converging", "diverging", "diverging"], (name, momentum)


@pytest.mark.parametrize(
    ("s", "word", "phrases"),
    [
        (settings("ravine", 0.12), "diverging", ["Rate 0.12 is above 2/λmax = 0.08", "by −2 at"]),
        (
            settings("ravine", 0.05),
            "converging",
            ["below 2/λmax = 0.08", "−0.25", "flat one by 0.95"],
        ),
        (settings("ravine", 0.08), "oscillating", ["exactly 2/λmax = 0.08", "−1"]),
        (settings("ravine", 0.0799999), "converging", ["Rate 0.0799999 is below", "−0.999997"]),
        (settings("bowl", 1.0), "converging", ["one step lands on the bottom"]),
        (settings("bowl", 0.0011, steps=10), "stuck", ["takes only 0.11 % off"]),
        (settings("bowl", 0.3, noise=1.0), "oscillating", ["batch noise 1", "trembl"]),
        (settings("bowl", 0.1, start=[0, 0]), "converging", ["The start is the bottom"]),
        (settings("bowl", 0.05, momentum=0.9), "converging", ["2(1 + 0.9)/λmax = 3.8", "0.949"]),
        (
            settings("saddle", 0.2, start=[-2, 0]),
            "stuck",
            [
                "A saddle point: slope zero, a minimum along x (curvature 2), "
                "a maximum along y (curvature −2)",
                "exactly on the ridge",
            ],
        ),
        (settings("saddle", 0.065, start=[-2.5, 0]), "stuck", ["slope nearly zero (0.0012), a"]),
        (settings("saddle", 0.03, start=[-2.5, 0]), "converging", ["goes to the saddle point"]),
        (settings("double_well", 0.05, start=[0.25]), "stuck", ["hilltop", "both sides"]),
        (settings("double_well", 0.1), "stuck", ["shallow valley", "1.79"]),
        (settings("double_well", 0.55, start=[-2.5]), "oscillating", ["above 2/λmax = 0.508"]),
        (settings("plateau", 0.1), "stuck", ["slope here is only 0.0014", "flat region"]),
        (settings("cliff", 1.0, start=[1.55]), "converging", ["threw it from w = 1.55 to w = −"]),
    ],
)
def test_the_demo_says_why(s, word, phrases):
    [run] = simulate([s])
    assert run["word"] == word
    for phrase in phrases:
        assert phrase in run["text"]


def test_the_threshold_can_keep_its_secret():
    texts = run_js(
        SCRIPT,
        """return data.map((s) => {
            const loss = demo.LOSSES[s.surface];
            return demo.explain(loss, s, demo.simulate(loss, s), false);
        });""",
        [settings("ravine", rate, momentum=m) for rate in (0.05, 0.12, 0.08) for m in (0, 0.5)],
    )
    assert all("the threshold 2" in text for text in texts)
    assert not any("0.08" in text.replace("Rate 0.08", "") for text in texts)
    assert "multiplied by −2 at every step" in texts[2]


def test_no_run_is_explained_with_a_hole_in_the_sentence():
    for run in simulate(grid()):
        assert 40 < len(run["text"]) < 420
        for slip in ("undefined", "null", "object", "Infinity", "not a number by", "  "):
            assert slip not in run["text"]


def test_the_goal_is_two_percent_below_the_threshold():
    cases = [
        ("ravine", 0.0793, 0, 0),
        ("ravine", 0.0784, 0, 0),
        ("ravine", 0.0783, 0, 0),
        ("ravine", 0.08, 0, 0),
        ("ravine", 0.0793, 0.1, 0),
        ("ravine", 0.0793, 0, 0.1),
        ("bowl", 1.99, 0, 0),
    ]
    texts = run_js(
        SCRIPT,
        """return data.map(([name, rate, momentum, noise]) =>
            demo.goalState(name, { rate, momentum, noise }, name === "bowl" ? 2 : 0.08));""",
        cases,
    )
    assert texts[0] == "Your best was rate 0.0793, 0.88 % below the threshold 2/λmax = 0.08."
    assert texts[1] is not None
    assert texts[2:] == [None] * 5


def test_a_rate_is_written_in_one_way():
    cases = [(0.06855, 0.08), (0.0685488, 0.08), (0.065, 0.08), (0.0800012, 0.08), (1.2345, 0.508)]
    texts = run_js(SCRIPT, "return data.map(([rate, t]) => demo.showRate(rate, t));", cases)
    assert texts == ["0.06855", "0.06855", "0.065", "0.080001", "1.234"]
    runs = [settings(name, 0.06855) for name in LOSSES] + [settings("saddle", 1.2345)]
    for run in simulate(runs):
        found = re.findall(r"[Rr]ate (\d[\d.]*\d)", run["text"])
        assert set(found) <= {"0.06855", "1.234"}


def test_the_keys_never_step_over_zero():
    cases = [(0.05, -0.05), (-0.03, 0.07), (0.0, -0.1), (0.3, 0.2), (-0.04, -0.14), (0.1, 0.0)]
    ends = run_js(SCRIPT, "return data.map((c) => demo.snapStep(...c));", cases)
    assert ends == [0, 0, -0.1, 0.2, -0.14, 0]


# ---- contours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SURFACES)
def test_contour_lines_lie_on_their_levels(name):
    levels, segments = run_js(
        SCRIPT,
        """const loss = demo.LOSSES[data];
        const levels = demo.contourLevels(loss);
        const value = (p) => demo.valueAt(loss, p);
        return [levels, demo.contourSegments(value, loss.limits, levels)];""",
        name,
    )
    assert 8 <= len(levels) <= 14
    for level, flat in zip(levels, segments, strict=True):
        ends = np.reshape(flat, (-1, 2))
        assert len(ends) % 2 == 0
        # Straight pieces in cells of 0.04: the loss at their ends is the level up to the curvature.
        np.testing.assert_allclose(SURFACES[name].value(ends), level, atol=0.01)
        assert np.abs(np.diff(ends.reshape(-1, 2, 2), axis=1)).max() <= 0.0401


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0793, "0.0793"),
        (-2.5, "−2.5"),
        (0, "0"),
        (31.25, "31.3"),
        (1.7e308, "1.7 × 10³⁰⁸"),
        (-3.2e-7, "−3.2 × 10⁻⁷"),
        (99999, "100000"),
    ],
)
def test_numbers_are_shown_for_people(value, text):
    assert run_js(SCRIPT, "return demo.show(data);", value) == text


# ---- the Python class --------------------------------------------------------------------------


def test_a_surface_brings_its_start_unless_one_is_given():
    demo = LearningRateDemo()
    assert demo.start == [-2.5, 1.0]
    demo.surface = "cliff"
    assert demo.start == [2.5]
    assert LearningRateDemo("saddle", start=[1, 0]).start == [1.0, 0.0]
    assert demo.path.shape == (61,)
    assert demo.losses[0] == pytest.approx(float(CURVES["cliff"].value(2.5)))


def test_the_page_may_send_a_surface_with_a_start():
    demo = LearningRateDemo()
    demo.set_state({"surface": "plateau", "start": [1.5]})
    assert (demo.surface, demo.start) == ("plateau", [1.5])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", [1.0]),
        ("start", [1.0, math.nan]),
        ("surface", "volcano"),
        ("learning_rate", 0.0),
        ("learning_rate", 9.0),
        ("momentum", 1.0),
        ("steps", 1000),
        ("goal", "another"),
    ],
)
def test_traits_refuse_what_cannot_be(name, value):
    demo = LearningRateDemo()
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(demo, name, value)


def test_text_and_picture_are_stable():
    demo, twin = LearningRateDemo("two_valleys", learning_rate=0.1), None
    twin = LearningRateDemo("two_valleys", learning_rate=0.1)
    assert repr(demo) == repr(twin)
    assert "stuck" in repr(demo)
    assert demo.picture() == twin.picture()
    assert demo.picture().startswith(b"\x89PNG")
    data, _ = demo._repr_mimebundle_()
    assert data["text/plain"] == repr(demo)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_can_be_drawn_even_when_it_overflows(name):
    for rate in (0.01, 5):
        assert len(LearningRateDemo(name, learning_rate=rate, steps=200).picture()) > 5000
