"""The loss demo: its JavaScript against twice.scratch, and its Python class."""

import itertools
import json
import math
import re

import numpy as np
import pytest
import traitlets
from js import run_js
from scipy.optimize import minimize_scalar

from twice.scratch.hinge import Hinge, MulticlassHinge, SquaredHinge
from twice.scratch.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Huber,
    MeanAbsoluteError,
    one_hot,
    softmax,
)
from twice.scratch.perceptron import MeanSquaredError, sigmoid
from twice.widgets import LossDemo
from twice.widgets.loss import CLASSES

SCRIPT = "loss.js"
START = [1.0, 1.5, 2.0, 3.0, 9.5]


def over(loss, targets, prediction):
    """A library loss and its slope by one prediction for all targets."""
    targets = np.array(targets, dtype=float)
    value = loss.forward(targets, np.full_like(targets, prediction))
    return value, loss.backward().sum()


def regression_losses(delta):
    return {"mse": MeanSquaredError(), "mae": MeanAbsoluteError(), "huber": Huber(delta)}


# ---- regression --------------------------------------------------------------------------------


def regressions():
    rng = np.random.default_rng(0)
    cases = [
        (rng.uniform(0, 12, rng.integers(1, 10)).round(2).tolist(), p, d)
        for p, d in zip(rng.uniform(0, 12, 40), rng.uniform(0.1, 5, 40), strict=True)
    ]
    cases += [(START, 2.0, 1.0), (START, 3.0, 1.0), ([4.0], 4.0, 1.0), ([1.0, 3.0], 2.0, 1.0)]
    return cases


def test_regression_losses_and_slopes_equal_the_library():
    cases = regressions()
    answers = run_js(
        SCRIPT,
        """return data.map(([targets, p, d]) => Object.fromEntries(Object.keys(demo.REGRESSION)
            .map((name) => [name, [demo.lossOver, demo.slopeOver]
                .map((f) => f(name, targets, p, d))])));""",
        cases,
    )
    for (targets, prediction, delta), answer in zip(cases, answers, strict=True):
        assert set(answer) == {"mse", "mae", "huber"}
        for name, loss in regression_losses(delta).items():
            mine = over(loss, targets, prediction)
            np.testing.assert_allclose(answer[name], mine, rtol=1e-12, atol=1e-12)


def lowest(cases):
    return run_js(
        SCRIPT,
        """return data.map(([targets, _, d]) => Object.fromEntries(
            ["mse", "mae", "huber"].map((name) => [name, demo.lowestAt(name, targets, d)])));""",
        cases,
    )


def test_each_loss_is_lowest_where_the_demo_says():
    cases = regressions()
    for (targets, _, delta), answer in zip(cases, lowest(cases), strict=True):
        np.testing.assert_allclose(answer["mse"], np.mean(targets), atol=1e-12)
        np.testing.assert_allclose(np.mean(answer["mae"]), np.median(targets), atol=1e-12)
        for name, loss in regression_losses(delta).items():
            value = [over(loss, targets, at)[0] for at in answer[name]]
            best = minimize_scalar(
                lambda p, loss=loss, targets=targets: over(loss, targets, p)[0],
                bounds=(-1, 13),
                method="bounded",
                options={"xatol": 1e-9},
            )
            # Both ends of the flat part are as low as it gets, and beyond them it rises.
            assert max(value) <= best.fun + 1e-9
            for at, sign in zip(answer[name], (-1, 1), strict=True):
                assert sign * over(loss, targets, at + sign * 1e-5)[1] > 0


def test_huber_is_flat_between_two_far_targets_and_sharp_for_a_large_delta():
    flat, sharp, one = lowest([([2, 8], 0, 1), ([2, 8, 3], 0, 5), ([4], 0, 0.5)])
    np.testing.assert_allclose(flat["huber"], [3, 7])
    assert flat["mae"] == [2, 8]
    np.testing.assert_allclose(sharp["huber"], [13 / 3] * 2)  # every distance is within delta
    np.testing.assert_allclose([one["mse"], one["mae"], one["huber"]], 4)


def test_an_outlier_moves_the_mean_and_hardly_the_median():
    near, far = lowest([(START, 0, 1), ([*START[:4], 12.0], 0, 1)])
    assert (near["mse"][0], near["mae"][0]) == pytest.approx((3.4, 2.0))
    assert far["mse"][0] == pytest.approx(3.9)
    assert far["mae"] == near["mae"]
    np.testing.assert_allclose(far["huber"], near["huber"], atol=1e-12)


# ---- two classes -------------------------------------------------------------------------------


def test_two_class_losses_and_slopes_equal_the_library():
    scores = [*np.linspace(-6, 6, 49), 0.3, 500.0, -500.0]
    cases = list(itertools.product([float(s) for s in scores], (0, 1)))
    answers = run_js(
        SCRIPT,
        """return data.map(([s, label]) => Object.fromEntries(Object.keys(demo.TWO_CLASSES)
            .map((name) => [name, demo.atScore(name, s, label)])));""",
        cases,
    )
    for (score, label), answer in zip(cases, answers, strict=True):
        s, t = np.array([score]), np.array([float(label)])
        for name, loss, y in [
            ("hinge", Hinge(), 2 * t - 1),
            ("squared_hinge", SquaredHinge(), 2 * t - 1),
            ("cross_entropy", BinaryCrossentropy(from_logits=True), t),
        ]:
            mine = loss.forward(y, s), loss.backward()[0]
            theirs = answer[name]["loss"], answer[name]["slope"]
            np.testing.assert_allclose(theirs, mine, rtol=1e-12, atol=1e-15)
        p = sigmoid(s)
        loss = MeanSquaredError()
        mine = loss.forward(t, p), (loss.backward() * p * (1 - p))[0]
        theirs = answer["squared_error"]["loss"], answer["squared_error"]["slope"]
        np.testing.assert_allclose(theirs, mine, rtol=1e-9, atol=1e-15)
        wrong = (score > 0) != (label == 1)
        assert answer["zero_one"] == {"loss": int(wrong), "slope": 0}


def test_what_the_tab_teaches_is_true():
    wrong, right, just_right, just_wrong = run_js(
        SCRIPT,
        """return data.map((s) => Object.fromEntries(Object.keys(demo.TWO_CLASSES)
            .map((name) => [name, demo.atScore(name, s, 1)])));""",
        [-5, 5, 0.1, -0.1],
    )
    assert wrong["squared_error"]["loss"] > 0.98
    assert abs(wrong["squared_error"]["slope"]) < 0.02
    assert abs(wrong["cross_entropy"]["slope"]) > 0.99
    assert (right["hinge"], right["squared_hinge"]) == ({"loss": 0, "slope": 0},) * 2
    assert right["cross_entropy"]["slope"] < 0 < right["cross_entropy"]["loss"]
    assert (just_right["zero_one"]["loss"], just_wrong["zero_one"]["loss"]) == (0, 1)
    assert abs(just_right["cross_entropy"]["loss"] - just_wrong["cross_entropy"]["loss"]) < 0.11


# ---- softmax -----------------------------------------------------------------------------------


def states(count=60, seed=1):
    rng = np.random.default_rng(seed)
    some = []
    for _ in range(count):
        n = int(rng.integers(3, 6))
        some.append(
            {
                "scores": rng.uniform(-5, 5, n).round(2).tolist(),
                "trueClass": int(rng.integers(n)),
                "temperature": float(rng.choice([0.1, 0.5, 1, 3, 10])),
                "smoothing": float(rng.choice([0, 0.1, 0.5])),
            }
        )
    return some


def entropy_of(state):
    """Cross-entropy and its gradient by the scores, from the library."""
    loss = CategoricalCrossentropy(from_logits=True, label_smoothing=state["smoothing"])
    true = one_hot([state["trueClass"]], len(state["scores"]), float)
    z = np.array([state["scores"]]) / state["temperature"]
    return loss.forward(true, z), loss.backward()[0] / state["temperature"]


def hinge_of(state):
    loss = MulticlassHinge()
    true = one_hot([state["trueClass"]], len(state["scores"]), float)
    return loss.forward(true, np.array([state["scores"]])), loss.backward()[0]


def test_softmax_losses_and_gradients_equal_the_library():
    some = states()
    answers = run_js(
        SCRIPT,
        """return data.map((s) => [demo.softmax(s.scores, s.temperature), demo.crossEntropy(s),
            demo.gradientFor("cross_entropy", s), demo.multiclassHinge(s),
            demo.gradientFor("hinge", s), demo.targetsFor(s)]);""",
        some,
    )
    for state, (p, entropy, slope, hinge, hinge_slope, targets) in zip(some, answers, strict=True):
        np.testing.assert_allclose(
            p, softmax(np.array(state["scores"]), state["temperature"]), rtol=1e-11
        )
        loss, gradient = entropy_of(state)
        assert entropy == pytest.approx(loss, rel=1e-11, abs=1e-14)
        np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-14)
        loss, gradient = hinge_of(state)
        assert hinge == pytest.approx(loss, abs=1e-9)
        np.testing.assert_allclose(hinge_slope, gradient)
        assert sum(targets) == pytest.approx(1)


def test_extreme_scores_overflow_nothing():
    state = {"scores": [5, -5, -5], "trueClass": 1, "temperature": 0.1, "smoothing": 0}
    entropy, p = run_js(
        SCRIPT, "return [demo.crossEntropy(data), demo.softmax(data.scores, 0.1)];", state
    )
    assert entropy == pytest.approx(100)
    assert p[0] == pytest.approx(1)


def test_rounding_is_no_violation_of_the_hinge():
    state = {"scores": [2.3, 1.3, 1.3], "trueClass": 0, "temperature": 1, "smoothing": 0}
    assert 1.3 - 2.3 + 1 > 0  # what float64 makes of exactly 1 below
    hinge, slope = run_js(
        SCRIPT, 'return [demo.multiclassHinge(data), demo.gradientFor("hinge", data)];', state
    )
    assert hinge == 0
    assert slope == [0, 0, 0]


def test_adding_a_constant_changes_nothing():
    for state in states(20, seed=4):
        moved = state | {"scores": [s + 3 for s in state["scores"]]}
        one, other = run_js(
            SCRIPT,
            """return data.map((s) => [...demo.softmax(s.scores, s.temperature),
                demo.crossEntropy(s), demo.multiclassHinge(s),
                ...demo.gradientFor("cross_entropy", s)]);""",
            [state, moved],
        )
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def walk(loss, state, rate, steps):
    return run_js(
        SCRIPT,
        """let state = data.state;
        const losses = [];
        for (let k = 0; k < data.steps; k++) {
            state = { ...state, scores: demo.stepScores(data.loss, state, data.rate) };
            losses.push([demo.crossEntropy(state), demo.multiclassHinge(state)]);
        }
        return [state.scores, losses];""",
        {"state": state, "loss": loss, "rate": rate, "steps": steps},
    )


def test_steps_are_those_of_gradient_descent_and_only_the_hinge_stops():
    demo = LossDemo("softmax")
    state = {"scores": demo.scores, "trueClass": 0, "temperature": 1, "smoothing": 0}
    for name, slope in (("cross_entropy", entropy_of), ("hinge", hinge_of)):
        scores = np.array(demo.scores)
        for _ in range(40):
            scores = scores - 1.0 * slope(state | {"scores": scores})[1]
        theirs, losses = walk(name, state, 1.0, 40)
        np.testing.assert_allclose(theirs, scores, atol=1e-9)
        entropies, hinges = np.array(losses).T
        if name == "hinge":
            assert hinges[1:].max() == 0  # two steps, and it rests
            assert np.ptp(entropies[1:]) == 0
        else:
            assert (np.diff(entropies) < 0).all()  # it goes on
            assert entropies[-1] < 0.05
    ends, _ = walk("cross_entropy", state, 2.0, 3)
    assert max(map(abs, ends)) <= 5


def test_with_smoothing_cross_entropy_has_a_lowest_value_too():
    state = {"scores": [1.0, 0.0, 0.0], "trueClass": 0, "temperature": 1, "smoothing": 0.2}
    scores, losses = walk("cross_entropy", state, 2.0, 200)
    targets = np.array([0.8 + 0.2 / 3, 0.2 / 3, 0.2 / 3])
    np.testing.assert_allclose(softmax(np.array(scores)), targets, atol=1e-6)
    floor = -(targets * np.log(targets)).sum()
    assert losses[-1][0] == pytest.approx(floor, abs=1e-9)
    text = run_js(SCRIPT, "return demo.explainSoftmax(data);", state)
    assert f"can fall to {floor:.3f} and stops there" in text


# ---- the goal ----------------------------------------------------------------------------------


def five(*below, **more):
    """The true class at 3, each wrong one so far below it."""
    state = {"scores": [3.0, *(3 - b for b in below)], "trueClass": 0}
    return state | {"temperature": 1, "smoothing": 0} | more


@pytest.mark.parametrize(
    ("state", "met"),
    [
        (five(1, 1, 1, 1), True),
        (five(1.1, 1.1, 1.2, 1.2), True),
        (five(1, 1, 1, 0.9), False),  # the hinge is 0.1
        (five(1.3, 1.3, 1.3, 1.3), False),  # cross-entropy 0.74
        (five(1, 1, 1), False),  # four classes allow 0.744 at most
        (five(1, 1, 1, 1, temperature=1.2), False),
        (five(2, 2, 2, 2, smoothing=0.3), False),
        (five(1, 1, 1, 1) | {"scores": [2, 2, 2, 3, 2], "trueClass": 3}, True),
    ],
)
def test_goal_is_zero_hinge_with_high_cross_entropy(state, met):
    sentence = run_js(SCRIPT, "return demo.goalReached(data);", state)
    assert (sentence is not None) == met
    assert (hinge_of(state)[0] < 1e-9 and entropy_of(state)[0] > 0.8) == (
        met or state["temperature"] != 1 or state["smoothing"] > 0
    )
    if met:
        assert f"cross-entropy {entropy_of(state)[0]:.3f}" in sentence
        assert f"leave {CLASSES[state['trueClass']]} a probability of only 0.4" in sentence


def test_the_start_is_far_from_the_goal_and_the_most_is_known():
    most = run_js(SCRIPT, "return [3, 4, 5].map(demo.mostAtZeroHinge);")
    np.testing.assert_allclose(most, [math.log(1 + (n - 1) / math.e) for n in (3, 4, 5)])
    assert most[1] < 0.8 < most[2]
    losses = LossDemo("softmax").losses
    assert losses["hinge"][0] == 9.5


@pytest.mark.parametrize(
    ("state", "phrase"),
    [
        (five(1, 1, 1), "With 4 classes it cannot be more than 0.744"),
        (five(2, 2, 2, 2), "the wrong scores lie lower than the hinge asks"),
        (five(2, 2, 2, 2, temperature=9), "The goal counts at temperature 1 and smoothing 0."),
        (five(1, 0.5, 3, -1), "owl is too high by 0.50 and fox by 2.00, sum 2.50"),
    ],
)
def test_the_way_to_the_goal_is_hinted_at(state, phrase):
    assert phrase in run_js(SCRIPT, "return demo.explainSoftmax(data);", state)


# ---- words -------------------------------------------------------------------------------------


def test_regression_is_told_with_its_numbers():
    said = run_js(
        SCRIPT,
        "return data.map(([targets, prediction, delta]) => "
        "demo.explainRegression({ targets, prediction, delta }));",
        [(START, 6, 1), (START[:4], 2, 1), ([4], 6, 1), ([1, 2, 3, 4], 6, 0.3)],
    )
    for phrase in (
        "twice the distance to the mean: +5.20",
        "only counts targets, 4 below and 1 above: +0.60",
        "mean, 3.40; MAE’s is the median, 2.00; Huber’s is 2.17, in between.",
        "outlier at 9.5 moves the mean by 1.52, the median by 0.25",
    ):
        assert phrase in said[0]
    assert "outlier" not in said[1]
    assert "With one target all three losses are lowest on it" in said[2]
    assert "2.00 to 3.00 (anywhere between the middle two)" in said[3]


@pytest.mark.parametrize(
    ("score", "label", "phrase"),
    [
        (-5, 1, "confidently wrong. Squared error is 0.987, near its worst, 1. Yet its slope is"),
        (5, 0, "confidently wrong"),
        (-1, 1, "wrong. Every loss but the 0-1 loss has a slope"),
        (0, 1, "wrong."),
        (0, 0, "right, but only just"),
        (0.5, 1, "the hinge is 0.50 and wants a margin of 1, cross-entropy is 0.47"),
        (4, 1, "they stop caring. Cross-entropy is still 0.0181 and pulls with 0.02"),
    ],
)
def test_two_classes_are_told_by_their_margin(score, label, phrase):
    text = run_js(SCRIPT, "return demo.explainTwoClasses(data);", {"score": score, "label": label})
    assert phrase in text


def test_no_sentence_has_a_hole():
    texts = run_js(
        SCRIPT,
        """return [...data.soft.map(demo.explainSoftmax),
            ...data.scores.flatMap((score) => [0, 1].map((label) =>
                demo.explainTwoClasses({ score, label }))),
            ...data.cases.map(([targets, prediction, delta]) =>
                demo.explainRegression({ targets, prediction, delta }))];""",
        {"soft": states(), "scores": np.linspace(-6, 6, 25).tolist(), "cases": regressions()},
    )
    for text in texts:
        assert 60 < len(text) < 460, text
        assert not re.search(r"undefined|null|object|Infinity|NaN|not a number|  |−0\.0+\b", text)


# ---- the Python class --------------------------------------------------------------------------


def test_losses_are_those_of_the_open_tab():
    demo = LossDemo()
    assert demo.losses["mse"] == pytest.approx((16.5, 5.2))
    assert demo.losses["mae"] == pytest.approx((4.0, 0.6))
    demo.kind = "two_classes"
    assert demo.losses["cross_entropy"][0] == pytest.approx(math.log1p(math.exp(1.5)))
    assert demo.losses["zero_one"] == (1.0, 0.0)
    demo.label = 0
    assert demo.losses["hinge"] == (0.0, 0.0)
    demo = LossDemo("softmax", scores=[2, 1, 1, 1, 1])
    assert demo.losses["hinge"][0] == 0
    assert demo.losses["cross_entropy"][0] == pytest.approx(math.log(1 + 4 / math.e))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("kind", "ranking", "kind"),
        ("targets", [], "1 to 9 numbers"),
        ("targets", [1.0] * 10, "1 to 9 numbers"),
        ("targets", [13.0], "between 0 and 12"),
        ("targets", [math.nan], "finite"),
        ("prediction", -1.0, "prediction"),
        ("delta", 0.0, "delta"),
        ("score", 7.0, "score"),
        ("label", -1, "label"),
        ("label", 2, "label"),
        ("scores", [1.0, 2.0], "3 to 5"),
        ("scores", [1.0, 2.0, 9.0], "within 5 of 0"),
        ("true_class", 4, "below the number of scores, 4"),
        ("temperature", 0.0, "temperature"),
        ("label_smoothing", 0.9, "label_smoothing"),
        ("loss", "mse", "loss"),
        ("learning_rate", 0.0, "learning_rate"),
        ("goal", "another", "goal"),
    ],
)
def test_traits_refuse_what_cannot_be(name, value, message):
    demo = LossDemo()
    before = getattr(demo, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(demo, name, value)
    assert getattr(demo, name) == before


def test_a_class_that_is_true_cannot_be_taken_away():
    demo = LossDemo("softmax", true_class=3)
    with pytest.raises(traitlets.TraitError, match="true_class must be below"):
        demo.scores = [1, 2, 3]
    demo.set_state({"true_class": 2, "scores": [1, 2, 3]})  # the page sends both
    assert (demo.scores, demo.true_class) == ([1, 2, 3], 2)
    assert LossDemo("softmax", scores=np.arange(5), true_class=4).scores == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["regression", "two_classes", "softmax"])
def test_text_and_picture_are_stable(kind):
    demo, twin = LossDemo(kind), LossDemo(kind)
    assert repr(demo) == repr(twin)
    assert re.search(r"\d\.\d{3}", repr(demo))
    picture = demo.picture()
    assert picture == twin.picture()
    assert picture.startswith(b"\x89PNG")
    demo.prediction, demo.score, demo.scores = 2, 3, [5, -5, 0]
    assert demo.picture() != picture
    assert repr(demo) != repr(twin)
    data, _ = demo._repr_mimebundle_()
    assert data["text/plain"] == repr(demo)


def test_state_is_small():
    state = LossDemo().get_state()
    traits = {name: value for name, value in state.items() if not name.startswith("_")}
    assert len(json.dumps(traits, default=str)) < 1500
    assert len(state["_esm"]) + len(state["_css"]) < 85_000
