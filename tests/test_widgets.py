"""The perceptron demo: its JavaScript against NumPy, and its Python class."""

import itertools
import json
import re

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.scratch.perceptron import Perceptron, max_margin
from twice.widgets import PerceptronDemo, base
from twice.widgets.perceptron import GATES, PRESETS, preset_points

ZERO = {"kernel": [0.0, 0.0], "bias": 0.0, "updates": 0, "looks": 0, "edited": False}


def problems(count=30, seed=0):
    """Random sets of points, most of them separable, as the traits of a demo hold them."""
    rng = np.random.default_rng(seed)
    sets = []
    for number in range(count):
        n = int(rng.integers(3, 21))
        x = rng.uniform(-2, 2, (n, 2))
        y = (x @ rng.normal(size=2) + rng.normal() > 0).astype(int)
        if number % 5 == 0:
            y = rng.integers(0, 2, n)
        sets.append(
            {
                "points": x.tolist(),
                "labels": y.tolist(),
                "order": rng.permutation(n).tolist(),
                "learning_rate": float(rng.choice([0.1, 0.5, 1.0, 2.0])),
                **ZERO,
            }
        )
    return sets


def test_every_look_moves_the_weights_as_numpy_does():
    sets = problems()
    runs = run_js(
        "perceptron.js",
        """return data.map((start) => {
            let state = start;
            return Array.from({ length: 200 }, () => {
                const look = demo.nextLook(state);
                state = { ...state, ...look };
                const { index, error, kernel, bias, updates, looks } = look;
                return [index, error !== 0, ...kernel, bias, updates, looks];
            });
        });""",
        sets,
    )
    corrected = 0
    for given, run in zip(sets, runs, strict=True):
        x, y = np.array(given["points"]), np.array(given["labels"])
        neuron = Perceptron(2, learning_rate=given["learning_rate"])
        updates = 0
        for number, (index, wrong, w1, w2, bias, counted, looks) in enumerate(run):
            assert index == given["order"][number % len(x)]
            assert wrong == neuron.update(x[index], y[index])
            updates += wrong
            np.testing.assert_allclose([w1, w2, bias], [*neuron.kernel, neuron.bias], atol=1e-12)
            assert (counted, looks) == (updates, number + 1)
        corrected += updates
    assert corrected > 300  # the comparison above saw many updates


def test_bound_equals_numpy():
    sets = problems(40, seed=1)
    for preset in PRESETS:
        points, labels = preset_points(preset, 4)
        sets.append({"points": points, "labels": labels})
    answers = run_js(
        "perceptron.js", "return data.map((d) => demo.maxMargin(d.points, d.labels));", sets
    )
    finite = 0
    for given, answer in zip(sets, answers, strict=True):
        wanted = max_margin(np.array(given["points"]), np.array(given["labels"]))
        assert answer["radius"] == pytest.approx(wanted.radius, rel=1e-6)
        assert answer["margin"] == pytest.approx(wanted.margin, rel=1e-6)
        assert answer["bound"] == pytest.approx(wanted.bound, rel=1e-6)
        finite += np.isfinite(wanted.bound)
    assert 25 < finite < len(sets)


def test_updates_stay_within_the_bound():
    sets = problems(40, seed=2)
    answers = run_js(
        "perceptron.js",
        """const bound = (d) => demo.maxMargin(d.points, d.labels).bound;
        return data.map((d) => [demo.updatesNeeded(d, 3000), bound(d)]);""",
        sets,
    )
    for given, (updates, bound) in zip(sets, answers, strict=True):
        assert updates <= bound
        x, y = np.array(given["points"]), np.array(given["labels"])
        if np.isfinite(updates):
            order = given["order"]
            neuron = Perceptron(2, learning_rate=given["learning_rate"])
            assert updates == sum(neuron.fit(x[order], y[order], epochs=10_000))
    assert sum(np.isinf(updates) for updates, _ in answers) >= 1


def test_presets_are_the_same_in_both_languages():
    wanted = [(preset, seed) for preset in PRESETS for seed in range(1 if preset in GATES else 25)]
    answers = run_js("perceptron.js", "return data.map((d) => demo.presetPoints(...d));", wanted)
    for (preset, seed), answer in zip(wanted, answers, strict=True):
        points, labels = preset_points(preset, seed)
        assert answer == {"points": points, "labels": labels}
        separable = np.isfinite(max_margin(np.array(points), np.array(labels)).bound)
        if preset != "random":
            assert separable == (preset in ("and", "or", "separable")), (preset, seed)
        PerceptronDemo(preset, seed=seed)  # within the limits the traits check


def test_seeded_stream_is_the_same_in_both_languages():
    numbers = run_js(
        "perceptron.js",
        "return data.map(demo.seeded).map((r) => [r.next(), r.next(), r.normal()]);",
        [0, 1, 12345, 2**31],
    )
    for seed, answer in zip([0, 1, 12345, 2**31], numbers, strict=True):
        stream = base.Seeded(seed)
        np.testing.assert_allclose(answer, [stream.next(), stream.next(), stream.normal()], 1e-13)


def test_goal_can_be_reached_but_not_by_doing_nothing():
    state = {
        **dict(zip(("points", "labels"), preset_points("and", 0), strict=True)),
        "learning_rate": 1,
    }
    counts, reached = run_js(
        "perceptron.js",
        """const orders = [];
        const permute = (rest, done = []) => rest.length
            ? rest.forEach((v) => permute(rest.filter((w) => w !== v), [...done, v]))
            : orders.push(done);
        permute([0, 1, 2, 3]);
        const finish = (order) => {
            let s = { ...data, order, kernel: [0, 0], bias: 0, updates: 0, looks: 0 };
            while (demo.wrongPoints(s).length) s = { ...s, ...demo.nextLook(s) };
            return s;
        };
        return [orders.map((order) => demo.updatesNeeded({ ...data, order })),
                orders.map((order) => demo.goalReached(finish(order)))];""",
        state,
    )
    assert counts[0] == 10  # the first order does not meet the goal
    assert set(counts) == {10, 12}
    assert reached == [count > 10 for count in counts]


def test_what_the_idea_says_of_ands_orders_is_true():
    points, labels = (np.array(v) for v in preset_points("and", 0))
    needs, after = {}, {}
    for order in itertools.permutations(range(4)):
        neuron = Perceptron(2)
        needs[order] = sum(neuron.fit(points[list(order)], labels[list(order)], epochs=100))
        after[order] = "ABCD"[order[(order.index(3) + 1) % 4]]
    fast, slow = sorted(set(needs.values()))
    assert {after[order] for order in needs if needs[order] == slow} == {"B", "C"}
    assert {after[order] for order in needs if needs[order] == fast} == {"A"}
    counts = list(needs.values())
    text, of_and = run_js(
        "perceptron.js",
        """return [demo.ideaOfAnd(),
            demo.census({ ...demo.presetPoints("and", 0), learning_rate: 1 })];""",
    )
    assert text.startswith(
        f"Of the 24 orders of AND, {counts.count(slow)} need {slow} updates "
        f"and {counts.count(fast)} need {fast}."
    )
    assert "In every slow order it is B or C" in text
    assert "In every fast order it is A" in text
    assert (of_and["all"], of_and["tried"], of_and["slow"]) == (True, 24, 16)


@pytest.mark.parametrize(
    ("preset", "seed", "phrase"),
    [
        ("and", 0, None),
        ("or", 0, "None of the 24 orders of these points needs more than 10 updates; the slowest"),
        ("xor", 0, "No line separates these points"),
        ("inseparable", 3, "No line separates these points"),
        ("separable", 0, "None of 120 random orders"),
        ("random", 2, "more than 10 updates in the order A to Z already"),
    ],
)
def test_the_goals_line_knows_which_points_can_meet_it(preset, seed, phrase):
    points, labels = preset_points(preset, seed)
    state = {"points": points, "labels": labels, "learning_rate": 1}
    advice = run_js(
        "perceptron.js",
        """const { bound } = demo.maxMargin(data.points, data.labels);
        return demo.goalAdvice(data, bound, demo.census(data));""",
        state,
    )
    if phrase is None:
        assert advice is None
    else:
        assert phrase in advice
        assert "choose AND" in advice


@pytest.mark.parametrize(
    ("rate", "name"), [(1.0, "half their length"), (0.2, "twice their length"), (0.1, "4 times")]
)
def test_arrows_are_drawn_at_a_power_of_two_of_their_length(rate, name):
    points, labels = preset_points("and", 0)
    state = dict(points=points, labels=labels, order=[0, 1, 2, 3], learning_rate=rate, **ZERO)
    scale, words = run_js(
        "perceptron.js",
        "const s = demo.arrowScale(data, 3); return [s, demo.scaleName(s)];",
        state,
    )
    neuron, longest = Perceptron(2, learning_rate=rate), 0.0
    for index in list(range(4)) * 20:
        neuron.update(np.array(points[index]), labels[index])
        longest = max(longest, float(np.hypot(*neuron.kernel)))
    assert scale * longest <= 0.48 * 3 < 2 * scale * longest
    assert name in words


def test_labels_find_a_free_place():
    places = [[10, 50], [50, 50], [90, 50]]
    frame = [0, 0, 100, 100]
    answers = run_js(
        "perceptron.js",
        "return data.map(([places, circles, frame]) => "
        "demo.freePlace(places, [10, 10], circles, frame));",
        [
            [places, [], frame],
            [places, [[10, 50, 10]], frame],
            [places, [[10, 50, 10], [50, 50, 10], [90, 50, 2]], frame],
            [[[2, 50], [50, 50]], [], frame],
        ],
    )
    assert answers == [[10, 50], [50, 50], [90, 50], [50, 50]]


def test_a_point_on_the_line_is_told_apart():
    base = dict(points=[[0, 0], [0, 1], [1, 0], [1, 1]], labels=[0, 0, 0, 1], letters="ABXY")
    lines = [
        {"kernel": [2, 1], "bias": -2},
        {"kernel": [1, 1], "bias": -1},
        {"kernel": [0, 0], "bias": 0},
        {"kernel": [0.1, 0.3], "bias": -(0.1 + 0.2)},
    ]
    texts = run_js(
        "perceptron.js",
        r"return data.map((state) => demo.onTheLine(state).replaceAll('\u00a0', ' '));",
        [base | line for line in lines],
    )
    assert texts[0] == "\nX lies exactly on the line: z = 0 counts as class 0."
    assert texts[1] == "\nB and X lie exactly on the line: z = 0 counts as class 0."
    assert texts[2] == ""
    assert texts[3] == "\nB lies on the line but for rounding: the sign of z decides."
    look = {"index": 2, "before": {"kernel": [2, 1], "bias": -2}, "kernel": [2, 1], "bias": -2}
    state = base | {"learning_rate": 1.0}
    tell = r"return demo.describe(...data).replaceAll('\u00a0', ' ');"
    right = run_js("perceptron.js", tell, [look | {"error": 0}, state])
    assert "Point X lies exactly on the line: z = 0 counts as class 0, which is right" in right
    state = state | {"labels": [0, 0, 1, 1]}
    wrong = run_js("perceptron.js", tell, [look | {"error": 1}, state])
    assert "counts as class 0, which is wrong (should be 1): its inputs are added" in wrong


@pytest.mark.parametrize(
    "change", [{"edited": True}, {"updates": 10}, {"kernel": [0.0, 0.0], "bias": 0.0}]
)
def test_goal_refuses_what_does_not_count(change):
    points, labels = preset_points("and", 0)
    done = dict(
        points=points, labels=labels, order=[0, 1, 3, 2], learning_rate=1, updates=12, edited=False
    )
    done |= {"kernel": [2.0, 1.0], "bias": -2.0}
    answers = run_js("perceptron.js", "return data.map(demo.goalReached);", [done, done | change])
    assert answers == [True, False]


def test_goal_refuses_points_that_always_need_many_updates():
    points, labels = preset_points("random", 2)
    x, y = np.array(points), np.array(labels)
    neuron = Perceptron(2)
    updates = sum(neuron.fit(x, y, epochs=2000))
    assert updates > 10
    assert (neuron.predict(x) == y).all()
    state = dict(points=points, labels=labels, order=list(range(7)), learning_rate=1, edited=False)
    state |= {"updates": updates, "kernel": neuron.kernel.tolist(), "bias": neuron.bias}
    assert run_js("perceptron.js", "return demo.goalReached(data);", state) is False


def test_shaded_side_holds_the_points_that_are_called_class_1():
    rng = np.random.default_rng(5)
    data = [{"kernel": rng.normal(size=2).tolist(), "bias": float(rng.normal())} for _ in range(50)]
    sides = run_js("perceptron.js", "return data.map((d) => demo.positiveSide(d, [-2, 2]));", data)
    for weights, corners in zip(data, sides, strict=True):
        probe = rng.uniform(-2, 2, (4000, 2))
        share = (probe @ weights["kernel"] + weights["bias"] > 0).mean()
        x, y = np.array(corners).reshape(-1, 2).T
        area = 0.5 * abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 16  # the shoelace formula
        assert area == pytest.approx(share, abs=0.04)


def test_sentence_tells_the_update():
    state = problems(1)[0] | {
        "points": [[0.2, 0.9], [1, 1]],
        "labels": [1, 0],
        "learning_rate": 1.0,
    }
    look = {"index": 0, "error": 1, "before": {"kernel": [1.0, -0.5], "bias": 0.0}}
    look |= {"kernel": [1.2, 0.4], "bias": 1.0}
    sentence = run_js("perceptron.js", "return demo.describe(...data);", [look, state])
    assert "Point A was on the wrong side" in sentence
    assert "w = (1, −0.5) + 1·(0.2, 0.9) = (1.2, 0.4)" in sentence.replace("\u00a0", " ")
    assert "(should be 1): its inputs are added to the weights. The line has passed it: A is" in (
        sentence
    )


def outcome(x, label, before, after):
    """What the demo should say of an update, computed here from the picture's geometry."""
    (w0, b0), (w1, b1) = before, after
    z0, z1 = w0 @ x + b0, w1 @ x + b1
    now = "P is now right." if (z1 > 0) == label else "P is still wrong."
    if not w1.any():
        return f"so there is no line; {now}"
    if not w0.any():
        return f"Now there is a line; {now}"
    if abs(z1) < 1e-12:
        return f"The line now goes through it; {now}"
    if z0 == 0:
        return f"The line has moved off it: {now}"
    if "right" in now:
        return f"passed it: {now}" if w0 @ w1 > 0 else f"°, and the sides with it: {now}"
    nearer = abs(z1) / np.hypot(*w1) < abs(z0) / np.hypot(*w0) - 1e-12
    return f"moved towards it; {now}" if nearer and w0 @ w1 > 0 else f"the right way, but {now}"


def test_the_outcome_of_every_update_is_the_real_one():
    data, wanted = [], []
    gates = [preset_points("and", 0), preset_points("xor", 0)]
    gates.append(([[1, 1], [1, 1], [0, 0]], [1, 0, 1]))  # back to zero weights, then only the bias
    for state in [*problems(40), *({"points": p, "labels": y} for p, y in gates)]:
        for rate in (0.3, 1.0):
            points, labels = np.array(state["points"], dtype=float), state["labels"]
            neuron = Perceptron(2, learning_rate=rate)
            for index in list(range(len(points))) * 6:
                x, label = points[index], labels[index]
                before = neuron.kernel.copy(), neuron.bias
                if not neuron.update(x, label):
                    continue
                after = neuron.kernel.copy(), neuron.bias
                look = {"index": 0, "error": 1 if label else -1}
                look |= {"before": {"kernel": before[0].tolist(), "bias": float(before[1])}}
                look |= {"kernel": after[0].tolist(), "bias": float(after[1])}
                one = {"points": [x.tolist()], "labels": [int(label)], "letters": "P"}
                data.append([look, one | {"learning_rate": rate}])
                wanted.append(outcome(x, label, before, after))
    texts = run_js("perceptron.js", "return data.map((d) => demo.describe(...d));", data)
    assert len(texts) > 300
    for text, end, (look, state) in zip(texts, wanted, data, strict=True):
        first = text.splitlines()[0]
        assert first.endswith(end), (first, end)
        assert f"(should be {state['labels'][0]}):" in first
        word = "added to" if look["error"] > 0 else "subtracted from"
        assert word in first or "its inputs are 0, so only b changes" in first
    said = " ".join(wanted)
    for kind in ("no line", "Now there", "goes through", "passed", "sides", "towards", "but P"):
        assert kind in said, kind


def test_axis_ticks_and_numbers_for_people():
    answer = run_js(
        "perceptron.js",
        """return [demo.ticks(-2, 2), demo.ticks(0.001, 10, 5, true), demo.number(-0.001),
                   demo.number(-3.456), demo.number(NaN), demo.number(Infinity)];""",
    )
    wanted = [[-2, -1, 0, 1, 2], [0.001, 0.01, 0.1, 1, 10], "0.00", "−3.46", "not a number", "∞"]
    assert answer == wanted


# ---- The Python class ----


def test_repr_depends_on_the_traits_alone():
    one, other = PerceptronDemo("separable", seed=3), PerceptronDemo("separable", seed=3)
    assert repr(one) == repr(other)
    assert not re.search(r"0x|[0-9a-f]{32}", repr(one))
    one.updates = 4
    assert "4 updates" in repr(one)


def test_mimebundle_holds_view_text_and_picture():
    demo = PerceptronDemo("or")
    demo.kernel, demo.bias = [1.0, 1.0], 0.0
    data, _ = demo._repr_mimebundle_()
    assert data["text/plain"] == repr(demo)
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = demo.picture()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000
    assert demo.picture() == picture  # drawing again changes nothing
    demo.kernel = [1.0, -1.0]
    assert demo.picture() != picture


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("preset", "nand", "preset"),
        ("points", [[0, 0]], "2 to 20"),
        ("points", [[0, 0, 0], [1, 1, 1]], r"\(x1, x2\) pairs"),
        ("points", [[0, 0], [0, 1], [1, 0], [9, 9]], "between -2 and 2"),
        ("points", [[0, 0], [0, float("nan")], [1, 0], [1, 1]], "finite"),
        ("points", [[0, 0], [0, 1]], "set_points"),
        ("labels", [0, 1], "4 numbers 0 or 1"),
        ("labels", [0, 1, 2, 0], "0 or 1"),
        ("labels", [0, 1, 0.5, 0], "whole"),
        ("order", [0, 1, 2, 2], "each of 0 to 3 once"),
        ("letters", "ABC", "4 different letters"),
        ("letters", "ABCA", "4 different letters"),
        ("letters", "abcd", "A to Z"),
        ("learning_rate", 0.0, "above 0"),
        ("kernel", [1.0], "two numbers"),
        ("seed", -1, "seed"),
    ],
)
def test_bad_values_are_refused_and_explained(trait, value, message):
    demo = PerceptronDemo()
    before = getattr(demo, trait)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(demo, trait, value)
    assert getattr(demo, trait) == before


def test_preset_seed_and_own_points():
    demo = PerceptronDemo()
    assert demo.points == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert demo.labels == [0, 0, 0, 1]
    demo.updates, demo.goal_met = 7, True
    demo.preset = "inseparable"
    assert (len(demo.points), demo.order, demo.updates, demo.goal_met) == (
        11,
        list(range(11)),
        0,
        False,
    )
    before = demo.points
    demo.seed = 9
    assert demo.points != before
    demo.kernel = np.array([1, 2])
    demo.set_points(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1], order=[2, 0, 1])
    assert (demo.labels, demo.order, demo.kernel) == ([0, 1, 1], [2, 0, 1], [0, 0])
    assert demo.letters == "ABC"


def test_what_is_given_at_the_start_is_kept():
    demo = PerceptronDemo("and", order=[0, 1, 3, 2], kernel=[1, 1], letters="WXYZ")
    assert (demo.order, demo.kernel, demo.letters) == ([0, 1, 3, 2], [1, 1], "WXYZ")
    own = PerceptronDemo(points=[[0, 0], [1, 1]], labels=[0, 1])
    assert (own.points, own.letters, own.order) == ([[0, 0], [1, 1]], "AB", [0, 1])


def test_what_the_page_sends_is_taken_as_it_is():
    demo = PerceptronDemo()
    points, labels = preset_points("random", 2)
    demo.set_state(
        {
            "preset": "random",
            "seed": 2,
            "points": points,
            "labels": labels,
            "order": [6, 5, 4, 3, 2, 1, 0],
        }
        | {"updates": 3, "kernel": [1, 2]}
    )
    assert (demo.updates, demo.kernel, demo.order[0]) == (3, [1, 2], 6)
    assert demo.from_page is False


def test_state_is_small():
    state = PerceptronDemo("inseparable").get_state()
    traits = {name: value for name, value in state.items() if not name.startswith("_")}
    assert len(json.dumps(traits, default=str)) < 1500
    assert len(state["_esm"]) + len(state["_css"]) < 80_000


def test_unknown_demo_is_named():
    import twice.widgets

    with pytest.raises(AttributeError, match="NoDemo"):
        twice.widgets.NoDemo  # noqa: B018
    assert "PerceptronDemo" in dir(twice.widgets)
