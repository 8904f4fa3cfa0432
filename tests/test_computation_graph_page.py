"""The computation graph demo in Chromium, alone on a page, with a stand-in for the kernel."""

import re

import numpy as np
import pytest
from bench import contrast

from twice.widgets import ComputationGraphDemo
from twice.widgets.computation_graph import PRESETS, number_of_steps, parse

pytestmark = pytest.mark.browser
WORKED = {"a": 3, "b": 2}  # whose gradients, 8 and 3, are easy to follow
FORWARD, BACKWARD = "Forward step →", "← Backward step"


@pytest.fixture
def bench(new_bench):
    def make(expression="used_twice", *, inputs=None, options=None, motion="reduce", **traits):
        if expression == "used_twice":
            inputs = inputs or WORKED
        demo = ComputationGraphDemo(expression, inputs=inputs, **traits)
        return new_bench(demo, reduced_motion=motion, **(options or {}))

    return make


def nodes(here):
    """For each node: its title, value and gradient as they are shown."""
    return here.page.locator(".cg-node").evaluate_all(
        """(nodes) => nodes.map((node) => ["title", "value", "gradient"].map((name) =>
            node.querySelector(`.cg-${name}`)?.textContent ?? ""))"""
    )


def row(here, name):
    return here.page.get_by_role("group", name=f"Input {name}", exact=True)


def guess(here, name, value):
    row(here, name).locator(".cg-guess input").fill(str(value))
    here.settle()


def finish(here):
    """Step until both buttons are spent."""
    for _ in range(60):
        for name in (FORWARD, BACKWARD):
            button = here.page.get_by_role("button", name=name)
            if button.is_enabled():
                button.click()
                here.settle()
                break
        else:
            return


def number(text):
    return float(re.search(r"[-−]?\d[\d.]*", text)[0].replace("−", "-"))


def test_each_step_computes_one_node_and_says_so(bench):
    here = bench()
    assert nodes(here) == [
        ["a", "→ 3", ""],
        ["b", "→ 2", ""],
        ["×", "", ""],
        ["square", "", ""],
        ["f: +", "", ""],
    ]
    assert here.page.get_by_role("button", name=BACKWARD).is_disabled()
    seen = []
    for at in range(1, 8):
        here.press(FORWARD if at <= 3 else BACKWARD)
        assert here.trait("step") == at
        seen.append([part for _, *parts in nodes(here) for part in parts])
        assert here.page.locator(".cg-node.cg-active").count() == 1
        assert f"Step {at} of 7" in here.text(".cg-count")
        wanted = {4: "starts at the output"}.get(at, f"step {at if at < 4 else at - 4} of 3")
        assert wanted in here.text(".twice-say")
    assert seen[0][4:] == ["→ 6", "", "", "", "", ""]
    assert seen[2][4:] == ["→ 6", "", "→ 9", "", "→ 15", ""]
    assert seen[3][8:] == ["→ 15", "← 1"]
    assert seen[5][:2] == ["→ 3", "← 6 + …"]
    assert seen[6][:4] == ["→ 3", "← 8", "→ 2", "← 3"]
    assert "a has received 6 + 2 = 8 from two paths: they add" in here.text(".twice-say")
    assert here.page.get_by_role("button", name=BACKWARD).is_disabled()
    here.press("Undo")
    assert here.trait("step") == 6
    here.press("Reset")
    assert here.trait("step") == 0
    assert here.page.evaluate("window.model.saved") >= 9  # each step goes to Python
    assert here.complaints == []


def test_direction_is_seen_without_color(bench):
    here = bench()
    here.press(FORWARD)
    arrow = here.page.locator(".cg-arrow").first
    look = """(group) => [".cg-line", ".cg-there", ".cg-back"].map((name) => {
        const style = getComputedStyle(group.querySelector(name));
        return name === ".cg-line" ? style.strokeDasharray : style.visibility;
    })"""
    assert "cg-forward" in arrow.get_attribute("class")
    assert "cg-active" in arrow.get_attribute("class")
    assert arrow.evaluate(look) == ["none", "visible", "hidden"]
    finish(here)
    assert "cg-backward" in arrow.get_attribute("class")
    dashes, there, back = arrow.evaluate(look)
    assert (dashes != "none", there, back) == (True, "hidden", "visible")
    parts = here.page.locator(".cg-part").all_text_contents()
    assert {"2", "6"} <= set(parts)  # what a received on its two paths


def test_a_dot_travels_unless_the_reader_wants_calm(bench):
    for motion, moves in [("no-preference", True), ("reduce", False)]:
        here = bench(motion=motion)
        here.page.get_by_role("button", name=FORWARD).click()
        places = set()
        for _ in range(6):
            here.page.wait_for_timeout(60)
            dot = here.page.locator(".cg-dot").first
            if dot.get_attribute("visibility") == "visible":
                places.add(dot.get_attribute("cx"))
        assert (len(places) > 1) == moves
        here.page.wait_for_timeout(500)
        assert dot.get_attribute("visibility") == "hidden"


def test_the_goal_is_met_by_right_predictions_alone(bench):
    here = bench()
    guess(here, "a", 8)
    guess(here, "b", 3.02)
    assert here.trait("predictions") == {"a": 8, "b": 3.02}
    for _ in range(3):
        here.press(FORWARD)
    for _ in range(3):
        here.press(BACKWARD)
    assert here.trait("goal_met") is False  # a has only one of its two parts
    assert row(here, "a").locator(".cg-guess input").is_disabled()
    assert row(here, "b").locator(".cg-guess input").is_enabled()
    here.press(BACKWARD)
    assert here.trait("goal_met") is True
    assert "You predicted 8 for a and 3 for b" in here.text(".twice-goal")
    assert "✓" in row(here, "a").inner_text()
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert here.trait("predictions") == {}


def test_the_first_numbers_are_not_those_that_the_chapter_works_out(bench):
    start = ComputationGraphDemo("used_twice")
    assert start.inputs == {"a": 2, "b": -1}
    assert "for the numbers shown here" in start.goal
    for answers, met in [({"a": 8, "b": 3}, False), (start.gradients, True)]:
        here = bench(inputs=start.inputs)
        assert "for the numbers shown here" in here.text(".twice-goal")
        for name, slope in answers.items():
            guess(here, name, slope)
        finish(here)
        assert here.trait("goal_met") is met


def test_seen_gradients_do_not_count_other_numbers_do(bench):
    start = ComputationGraphDemo("used_twice")
    here = bench(inputs=start.inputs)
    finish(here)
    here.press("Reset")
    assert "Press New numbers" in here.text(".cg-inputs")
    for name, slope in start.gradients.items():
        guess(here, name, slope)
    finish(here)
    assert here.trait("goal_met") is False
    here.press("New numbers")
    assert here.trait("step") == 0
    assert here.trait("predictions") == {}
    inputs = here.trait("inputs")
    assert inputs != start.inputs
    assert "Press New numbers" not in here.text(".cg-inputs")
    demo = ComputationGraphDemo(inputs=inputs)
    guess(here, "a", demo.gradients["a"])
    finish(here)
    assert here.trait("goal_met") is False  # b was not predicted
    here.press("New numbers")
    for name, slope in ComputationGraphDemo(inputs=here.trait("inputs")).gradients.items():
        guess(here, name, slope)
    finish(here)
    assert here.trait("goal_met") is True


@pytest.mark.parametrize(
    ("typed", "phrase"),
    [
        (6, "6 comes through square alone. a feeds 2 nodes, so add all paths: 6 + 2 = 8."),
        (12, "You multiplied the paths"),
        (-8, "the sign is not"),
        (99, "It is 6 + 2 = 8"),
    ],
)
def test_a_wrong_prediction_is_answered(bench, typed, phrase):
    here = bench()
    guess(here, "a", typed)
    guess(here, "b", 3)
    finish(here)
    assert phrase in row(here, "a").locator(".cg-verdict").inner_text()
    assert "✓" in row(here, "b").inner_text()
    assert here.trait("goal_met") is False


def test_a_late_prediction_or_a_hidden_path_does_not_count(bench):
    here = bench()
    guess(here, "a", 7)
    guess(here, "b", 3)
    finish(here)
    here.press("Undo")
    here.press("Undo")
    guess(here, "a", 8)  # typed after it was shown
    finish(here)
    assert here.trait("goal_met") is False
    here = bench(inputs={"a": 3, "b": 0})  # forgetting the path through × gives the same number
    guess(here, "a", 6)
    guess(here, "b", 3)
    finish(here)
    assert "✓" in row(here, "a").inner_text()
    assert here.trait("goal_met") is False
    here = bench("product_and_sum")
    for name, slope in ComputationGraphDemo("product_and_sum").gradients.items():
        guess(here, name, slope)
    finish(here)
    assert here.trait("goal_met") is False  # the goal is about another graph


def test_dragging_an_input_afterwards_does_not_meet_the_goal(bench):
    here = bench()
    guess(here, "a", 9)
    guess(here, "b", 3.5)
    finish(here)
    assert here.page.locator(".cg-verdict:visible").count() == 2
    here.page.locator(".cg-row input[type=range]").first.fill("3.5")  # now 9 and 3.5 are right
    here.settle()
    assert nodes(here)[0][2] == "← 9"
    assert here.page.locator(".cg-verdict:visible").count() == 0  # they were about other numbers
    assert here.trait("goal_met") is False


def test_editing_an_input_moves_values_and_gradients(bench):
    here = bench("one_neuron", step=11)
    for value in (0.5, -1.25, 3):
        row(here, "w").locator(".cg-number input").fill(str(value))
        here.settle()
        assert here.trait("inputs")["w"] == value
        demo = ComputationGraphDemo("one_neuron", inputs=here.trait("inputs"))
        shown = {title: parts for title, *parts in nodes(here)}
        assert number(shown["L: square"][0]) == pytest.approx(demo.value, rel=1e-3)
        for name, slope in demo.gradients.items():
            assert number(shown[name][1]) == pytest.approx(slope, rel=1e-3, abs=1e-3)
    field = row(here, "w").locator(".cg-number input")
    field.fill("")  # on the way to another number
    here.settle()
    assert here.trait("inputs")["w"] == 3
    row(here, "x").locator(".cg-number input").focus()
    here.settle()
    assert field.input_value() == "3"
    bar = row(here, "b").locator("input[type=range]")
    bar.focus()
    here.page.keyboard.press("ArrowRight")
    here.settle()
    assert here.trait("inputs")["b"] == pytest.approx(-0.9)
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 760])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}}, nudge=True)
    guess(here, "a", 6)
    guess(here, "b", 2)
    finish(here)
    places = """() => [".cg-box", ".twice-main .twice-row", ".cg-tools", ".cg-row:nth-child(2)",
        ".cg-row:nth-child(2) input[type=range]"].map((name) =>
        document.querySelector(name).getBoundingClientRect().top + scrollY)"""
    still = here.page.evaluate(places)
    for value in (-5, -4.9, -0.1, 0, 1.3, 4.7, 5):
        row(here, "b").locator("input[type=range]").fill(str(value))
        here.settle()
        assert here.page.evaluate(places) == still, value


def test_trouble_stays_at_its_node(bench):
    here = bench("log(a - b)*c + a", inputs={"a": 1, "b": 2, "c": 3})
    for _ in range(2):
        here.press(FORWARD)
    assert here.page.get_by_role("button", name=FORWARD).is_disabled()
    assert here.page.get_by_role("button", name=BACKWARD).is_disabled()
    assert "stops at log. −1 has no logarithm" in here.text(".twice-say")
    shown = {title: parts for title, *parts in nodes(here)}
    assert shown["log"] == ["✕ no value", ""]
    assert shown["×"] == ["", ""]
    assert "NaN" not in here.text(".twice")
    row(here, "a").locator(".cg-number input").fill("5")
    here.settle()
    assert here.page.get_by_role("button", name=FORWARD).is_enabled()
    finish(here)
    assert here.trait("step") == number_of_steps(parse("log(a - b)*c + a"))
    row(here, "b").locator(".cg-number input").fill("5")  # log of 0, after the walk
    here.settle()
    shown = {title: parts for title, *parts in nodes(here)}
    assert shown["log"] == ["✕ no value", ""]
    assert shown["a"] == ["→ 5", ""]
    row(here, "b").locator(".cg-number input").fill("4")
    here.settle()
    assert {title: parts for title, *parts in nodes(here)}["b"] == ["→ 4", "← −3"]
    assert here.complaints == []


def test_own_expressions_are_drawn_or_refused_with_a_position(bench):
    here = bench()
    field = here.page.get_by_label("Expression")
    field.fill("z = u*a; L = tanh(z) + z**2")
    field.press("Enter")
    here.settle()
    assert here.trait("expression") == "z = u*a; L = tanh(z) + z**2"
    assert here.trait("inputs") == {"u": 2, "a": 3}  # a keeps its number
    assert here.page.get_by_label("Graph", exact=True).input_value() == "own"
    assert [title for title, *_ in nodes(here)] == ["u", "a", "z: ×", "tanh", "square", "L: +"]
    finish(here)
    for text, message in [
        ("a*(b + 2", "Position 9: Expected an operator or ) here, but found the end."),
        ("cos(a)", "Position 1: There is no function “cos”."),
        ("alert(1)", "Position 1: There is no function “alert”."),
        ("a^2", "Position 2: Write ** for a power, not ^."),
    ]:
        field.fill(text)
        here.press("Draw it")
        assert here.text(".cg-error").startswith(message)
        assert field.get_attribute("aria-invalid") is not None
        assert here.trait("expression") == "z = u*a; L = tanh(z) + z**2"  # the graph stays
    field.fill("a*b")
    field.press("Enter")
    here.settle()
    assert here.text(".cg-error") == ""
    assert here.trait("step") == 0
    for name in PRESETS:
        here.page.get_by_label("Graph", exact=True).select_option(name)
        here.settle()
        assert here.trait("expression") == PRESETS[name][0]
        assert here.trait("inputs") == PRESETS[name][1]
        assert here.page.locator(".cg-row").count() == len(PRESETS[name][1])
    assert here.complaints == []


def test_a_node_tells_its_local_derivatives_by_mouse_and_keys(bench):
    here = bench("g = a*b; L = 2*g + a**2", inputs={"a": 2, "b": 3})
    finish(here)
    here.page.locator(".cg-node").nth(2).click()
    here.settle()
    words = here.text(".cg-words")
    assert "With respect to a it is b = 3; with respect to b it is a = 2." in words
    assert "2 has come from ×." in words
    assert "a receives 2 × 3 = 6 and b receives 2 × 2 = 4." in words
    here.page.keyboard.press("ArrowLeft")
    here.settle()
    assert here.page.locator(".cg-node.cg-chosen").count() == 1
    assert re.search(r"Input (a|b)", here.text(".cg-words"))
    before = here.text(".cg-words")
    here.page.keyboard.press("ArrowDown")
    here.settle()
    if here.text(".cg-words") == before:
        here.page.keyboard.press("ArrowUp")
        here.settle()
    assert here.text(".cg-words") != before
    assert here.page.locator(".cg-node[tabindex='0']").count() == 1
    label = here.page.evaluate("document.activeElement.ariaLabel")
    assert re.match(r"(input [ab]|constant 2|.* node( g| L)?)(: value .*, gradient .*)?$", label)


def test_everything_by_keyboard(bench):
    here = bench()
    guess(here, "a", 8)
    guess(here, "b", 3)
    here.page.get_by_role("button", name=FORWARD).focus()
    for at in range(1, 8):
        here.page.keyboard.press("Enter")  # at the output the focus goes on to the other button
        here.settle()
        assert here.trait("step") == at
    assert here.trait("goal_met") is True
    assert here.page.evaluate("document.activeElement.tagName") == "BUTTON"


def test_play_waits_for_predictions_and_goes_on_to_the_end(bench):
    here = bench("product_and_sum")
    here.press("▶ Play")
    here.page.wait_for_function("window.model.state.step === 2", timeout=8000)
    here.page.wait_for_timeout(1600)
    assert here.trait("step") == 2  # the forward pass is done, nothing was predicted
    assert "First type what gradients you expect" in here.text(".twice-say")
    assert here.page.get_by_role("button", name="▶ Play").is_visible()
    here.page.get_by_label("Predict first").uncheck()
    here.press("▶ Play")
    assert here.page.get_by_role("button", name="■ Stop").is_visible()
    here.page.wait_for_function("window.model.state.step === 5", timeout=9000)
    here.settle()
    assert here.page.get_by_role("button", name="▶ Play").is_visible()


def test_the_nudge_stands_beside_the_gradient(bench):
    here = bench(step=7)
    assert here.page.locator(".cg-check:visible").count() == 0
    here.page.get_by_label("Nudge check").check()
    here.settle()
    text = row(here, "a").locator(".cg-check").inner_text()
    assert "a + 0.001 moves f by 0.008001; gradient × 0.001 = 0.008." in text
    assert "(15.008001 − 14.992001) ÷ 0.002 = 8." in text


def test_changes_from_python_are_drawn(bench):
    here = bench()
    here.page.evaluate(
        """() => { for (const [name, value] of Object.entries({ expression: "p*q*r",
            inputs: { p: 1, q: 2, r: 4 }, step: 5, predictions: { p: 8 } }))
            window.model.set(name, value); }"""
    )
    here.settle()
    assert nodes(here)[0] == ["p", "→ 1", "← 8"]
    assert here.page.get_by_label("Expression").input_value() == "p*q*r"
    assert here.complaints == []


def test_a_step_of_a_slider_is_answered_within_a_frame(bench):
    here = bench("xor_row", step=35)
    here.page.get_by_label("Graph", exact=True).select_option("one_neuron")
    here.page.evaluate("window.model.set('step', 11)")
    here.settle()
    slider = here.page.locator(".cg-row input[type=range]").first
    median = here.answer_time(slider, -3, 0.1)
    assert 0 < median <= 16


@pytest.mark.parametrize("width", [320, 375, 700, 1200])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    phone = {"viewport": {"width": width, "height": 800}, "has_touch": True, "is_mobile": True}
    here = bench(options=phone if width < 400 else {"viewport": {"width": width, "height": 800}})
    here.page.evaluate("(tone) => (document.documentElement.dataset.theme = tone)", tone)
    for name in ("xor_row", "used_twice"):
        here.page.get_by_label("Graph", exact=True).select_option(name)
        here.page.evaluate("window.model.set('step', 7)")
        here.settle()
        assert here.page.evaluate("document.documentElement.scrollWidth") <= width
        edge = here.page.locator(".twice").bounding_box()
        for part in (".cg-top", ".cg-box", ".cg-inputs", ".cg-rows"):
            box = here.page.locator(part).bounding_box()
            assert edge["x"] <= box["x"]
            assert box["x"] + box["width"] <= edge["x"] + edge["width"]
    sizes = here.page.evaluate(
        """[...document.querySelectorAll(".twice *")].filter((node) =>
            [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
            .map((node) => parseFloat(getComputedStyle(node).fontSize))"""
    )
    assert min(sizes) >= 13
    if width < 400:
        heights = here.page.evaluate(
            """[...document.querySelectorAll(".twice :is(button, select, input)")]
                .filter((node) => node.offsetHeight && node.type !== "checkbox")
                .map((node) => node.offsetHeight)"""
        )
        assert min(heights) >= 44
    colors = here.page.evaluate(
        """() => {
            const style = getComputedStyle(document.querySelector(".twice"));
            return ["twice-surface", "twice-raised", "cg-value", "cg-gradient"].map(
                (name) => style.getPropertyValue(`--${name}`).trim());
        }"""
    )
    for back in colors[:2]:
        for ink in colors[2:]:
            assert contrast(ink, back) >= 4.5
    value, gradient = (
        np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) for color in colors[2:]
    )
    assert np.abs(value - gradient).max() > 70
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


def test_texts_stay_inside_their_nodes(bench):
    for name in PRESETS:
        here = bench(name, step=number_of_steps(parse(PRESETS[name][0])))
        spill = here.page.evaluate(
            """[...document.querySelectorAll(".cg-node")].flatMap((node) => {
                const frame = node.querySelector(".cg-frame").getBBox();
                return [...node.querySelectorAll("text")].map((text) =>
                    text.textContent ? text.getBBox().width - frame.width : 0);
            })"""
        )
        assert max(spill) <= -4, name


def test_on_a_phone_the_sentence_speaks_of_the_chosen_node(bench):
    here = bench(options={"viewport": {"width": 360, "height": 740}}, step=7)
    here.page.locator(".cg-node").nth(2).click()
    here.settle()
    assert here.page.locator(".cg-words").is_hidden()
    assert "With respect to a it is b = 2" in here.text(".twice-say")
    here.press("Undo")
    assert "Backward, step 2 of 3" in here.text(".twice-say")


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    assert here.page.evaluate("window.model.listeners.length") > 5
    here.press("▶ Play")
    here.page.evaluate("window.dispose()")
    step = here.trait("step")
    here.page.wait_for_timeout(1600)
    assert here.trait("step") == step
    assert here.page.evaluate("window.model.listeners.length") == 0
    assert here.page.locator(".twice").count() == 0
    here.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert here.complaints == []
