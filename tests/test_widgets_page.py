"""The perceptron demo in Chromium, alone on a page, with a model that stands in for the kernel."""

import re

import numpy as np
import pytest
from bench import contrast

from twice.scratch.perceptron import Perceptron
from twice.widgets import PerceptronDemo

pytestmark = pytest.mark.browser
TONES = ("light", "dark")


@pytest.fixture
def bench(new_bench):
    return new_bench


def test_every_click_moves_the_weights_and_says_so(bench):
    demo = PerceptronDemo()
    here, neuron = bench(demo), Perceptron(2)
    line = here.page.locator(".pt-line")
    for number in range(12):
        index = number % 4
        before = line.get_attribute("d")
        here.press("Look")
        z = neuron.decision_function(np.array([demo.points[index]]))[0]
        on_the_line = z == 0 and neuron.kernel.any()
        moved = neuron.update(np.array(demo.points[index]), demo.labels[index])
        assert here.trait("kernel") == neuron.kernel.tolist()
        assert here.trait("bias") == neuron.bias
        assert (line.get_attribute("d") != before) == moved
        wanted = "was on the wrong side" if moved else "nothing changes"
        if on_the_line:
            wanted = f"exactly on the line{', and' if moved else ':'} z = 0 counts as class 0"
        assert f"Point {'ABCD'[index]}" in here.text(".twice-say")
        assert wanted in here.text(".twice-say")
    w1, w2 = neuron.kernel
    assert f"({w1:.2f}, {w2:.2f})" in here.text(".pt-box").replace("−", "-")
    assert "at most 51" in here.text(".pt-box")
    assert here.page.evaluate("window.model.saved") >= 12  # each look goes to Python
    assert here.complaints == []


def test_goal_is_met_by_the_keyboard_alone(bench):
    here = bench(PerceptronDemo())
    for _ in range(10):
        here.press("Next update")
    assert "All 4 points are on their right sides: after 10 updates" in here.text(".twice-say")
    assert here.trait("goal_met") is False
    here.page.locator(".pt-chip[aria-label^='D,']").focus()
    here.page.keyboard.press("ArrowLeft")
    here.settle()
    assert here.trait("order") == [0, 1, 3, 2]
    assert here.trait("kernel") == [0, 0]
    assert here.page.evaluate("document.activeElement.ariaLabel").startswith("D,")
    here.page.get_by_role("button", name="Next update").focus()
    for _ in range(12):
        here.page.keyboard.press("Enter")
        here.settle()
    assert here.trait("updates") == 12
    assert here.trait("goal_met") is True
    assert re.search(
        r"Goal met\s+Order A B D C needed 12 updates, A B C D needed 10", here.text(".twice-goal")
    )
    assert "what do the slow orders share?" in here.text(".pt-ask")
    assert here.page.locator(".pt-ask p").is_hidden()  # the idea is folded
    while here.trait("updates") <= 10 or here.trait("order") == [0, 1, 3, 2]:
        here.press("Shuffle")  # another slow order: the banner names the one just finished
        assert "Order A B D C needed 12" in here.text(".twice-goal")
        while here.page.get_by_role("button", name="Next update").is_enabled():
            here.press("Next update")
    order = " ".join("ABCD"[i] for i in here.trait("order"))
    assert f"Order {order} needed 12 updates" in here.text(".twice-goal")
    here.press("Original points")
    assert here.page.locator(".pt-ask").is_hidden()
    assert here.trait("goal_met") is False
    assert here.trait("order") == [0, 1, 2, 3]


def test_points_are_dragged_flipped_added_and_deleted(bench):
    here = bench(PerceptronDemo("separable", seed=2))
    first, mouse = here.trait("points"), here.page.mouse
    box = here.handle("A").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(*middle)
    mouse.down()
    mouse.move(middle[0] + 30, middle[1] - 20, steps=5)
    mouse.up()
    here.settle()
    assert here.trait("points")[0][0] > first[0][0]
    assert here.trait("points")[0][1] > first[0][1]
    assert here.trait("labels")[0] == 0  # a drag is no tap
    here.handle("A").click()
    here.settle()
    assert here.trait("labels")[0] == 1
    x, y = here.trait("points")[0]
    here.page.keyboard.press("ArrowLeft")
    here.page.keyboard.press("Shift+ArrowDown")
    here.page.keyboard.press("Enter")
    here.settle()
    assert here.trait("points")[0] == pytest.approx([x - 0.1, y - 0.01])
    assert here.trait("labels")[0] == 0
    here.press("Add a point")
    assert len(here.trait("points")) == len(here.trait("labels")) == 11
    assert sorted(here.trait("order")) == list(range(11))
    here.handle("C").focus()
    here.page.keyboard.press("Delete")
    here.settle()
    assert len(here.trait("points")) == 10
    assert sorted(here.trait("order")) == list(range(10))
    here.press("Original points")
    assert here.trait("points") == first
    assert here.trait("letters") == "ABCDEFGHIJ"
    assert here.trait("seed") == 2
    assert here.complaints == []


def test_xor_has_no_bound_and_never_rests(bench):
    here = bench(PerceptronDemo())
    here.page.get_by_label("Points", exact=True).select_option("xor")
    here.settle()
    assert "No line separates these points: there is no bound" in here.text(".pt-box")
    assert "The goal is for separable points: choose AND" in here.text(".twice-goal")
    for _ in range(15):
        here.press("Next update")
    assert here.trait("updates") == 15
    assert here.trait("goal_met") is False
    here.page.get_by_label("Points", exact=True).select_option("or")
    here.settle()
    assert "the slowest needs 4. For the goal choose AND" in here.text(".twice-goal")
    here.page.get_by_label("Points", exact=True).select_option("and")
    here.settle()
    assert here.text(".twice-goal").endswith(PerceptronDemo().goal)


def test_a_slow_order_that_shuffle_found_does_not_count(bench):
    here = bench(PerceptronDemo())
    while here.trait("updates") <= 10:
        here.press("Shuffle")
        while here.page.get_by_role("button", name="Next update").is_enabled():
            here.press("Next update")
    assert here.trait("updates") == 12
    assert here.trait("goal_met") is False
    assert "16 of 24 orders are as slow: luck does not count" in here.text(".twice-goal")
    assert "what do the slow orders share?" in here.text(".pt-ask")
    here.page.locator(".pt-chip[aria-label^='A,']").focus()
    here.page.keyboard.press("ArrowLeft")
    here.page.keyboard.press("ArrowRight")
    here.settle()
    while here.page.get_by_role("button", name="Next update").is_enabled():
        here.press("Next update")
    assert here.trait("goal_met") is (here.trait("updates") > 10)  # now it is the reader's own


def test_letters_stay_with_their_points(bench):
    here = bench(PerceptronDemo())
    c = here.trait("points")[2]
    here.handle("B").focus()
    here.page.keyboard.press("Delete")
    here.settle()
    assert "Point B deleted" in here.text(".twice-say")
    assert here.handle("B").count() == 0
    assert here.trait("letters") == "ACD"
    assert here.trait("points")[1] == c
    assert [chip.inner_text() for chip in here.page.locator(".pt-chip").all()] == ["A", "C", "D"]
    here.press("Look")
    here.press("Look")
    assert "Point C" in here.text(".twice-say")
    here.press("Add a point")
    assert here.trait("letters") == "ACDE"
    assert here.handle("E").count() == 1
    assert here.complaints == []


def test_a_point_on_the_line_is_said_to_count_as_class_0(bench):
    here = bench(PerceptronDemo())
    for _ in range(10):
        here.press("Next update")
    assert "C lies exactly on the line: z = 0 counts as class 0." in here.text(".twice-say")
    assert "exactly on the line (class 0)" in here.handle("C").get_attribute("aria-label")


def arrow_length(here, name):
    """The length in pixels of an arrow of the picture, from the numbers of its path."""
    path = here.page.locator(f"path.{name}").first.get_attribute("d")
    numbers = [float(v) for v in re.findall(r"-?[\d.]+", path)[:4]]
    return float(np.hypot(numbers[2] - numbers[0], numbers[3] - numbers[1]))


def test_arrows_keep_one_stated_scale_through_a_run(bench):
    here = bench(PerceptronDemo())
    unit = here.page.locator(".twice-plot canvas").bounding_box()["width"] / 3
    for _ in range(10):
        here.press("Next update")
        assert here.text(".pt-scale") == "Arrows are drawn at half their length."
        wanted = np.hypot(*here.trait("kernel")) * unit / 2
        assert arrow_length(here, "pt-weights") == pytest.approx(wanted, abs=0.5)


def box_of(node, trim=0):
    """The corners (left, top) and (right, bottom) of a node, in pixels, less `trim` all around."""
    box = node.bounding_box()
    low, size = np.array([[box["x"], box["y"]], [box["width"], box["height"]]])
    return low + trim, low + size - trim


@pytest.mark.parametrize("width", [375, 760])
def test_names_of_arrows_stand_clear_of_points_and_of_each_other(bench, width):
    here = bench(PerceptronDemo(), viewport={"width": width, "height": 900})
    seen = 0
    for _ in range(10):
        here.press("Next update")
        labels = here.page.locator("text.pt-name").all()
        # A text's box has room above and below its letters, and its halo: 5 pixels.
        boxes = [box_of(label, trim=5) for label in labels if label.text_content()]
        points = [
            box_of(shape) for shape in here.page.locator(".twice-handle [class^=pt-class]").all()
        ]
        assert len(points) == 4
        for number, one in enumerate(boxes):
            for other in [*boxes[number + 1 :], *points]:
                gaps = np.maximum(one[0] - other[1], other[0] - one[1])
                assert gaps.max() > -2, (one, other)
                seen += 1
    assert seen > 60


def test_wrong_points_carry_a_cross_in_both_themes(bench):
    here = bench(PerceptronDemo())
    for tone in TONES:
        here.page.evaluate("(tone) => { document.documentElement.dataset.theme = tone; }", tone)
        here.press("Weights to zero")
        for _ in range(6):
            here.press("Next update")
            crosses = here.page.locator(".twice-handle .pt-cross").evaluate_all(
                "(nodes) => nodes.map((node) => getComputedStyle(node).visibility === 'visible')"
            )
            x, y = np.array(here.trait("points")), np.array(here.trait("labels"))
            wrong = (x @ here.trait("kernel") + here.trait("bias") > 0) != y
            assert crosses == wrong.tolist()
    assert set(here.text(".pt-legend").splitlines()) >= {"on the wrong side", "looked at"}


def test_the_frame_around_the_next_point_is_explained(bench):
    here = bench(PerceptronDemo())
    assert "framed: looked at next" in here.text(".pt-visits")
    for letter in "ABCD":
        assert here.page.locator(".pt-next").inner_text() == letter
        here.press("Look")
        assert f"Point {letter}" in here.text(".twice-say")


def test_changes_from_python_are_drawn(bench):
    here = bench(PerceptronDemo())
    here.page.evaluate(
        """() => { for (const [name, value] of Object.entries({ points: [[0, 0], [1, 1], [-1, 1]],
               labels: [0, 1, 1], order: [2, 0, 1], kernel: [0, 2], bias: -1, learning_rate: 0.5 }))
               window.model.set(name, value); }"""
    )
    here.settle()
    assert here.page.locator(".twice-handle").count() == 3
    assert "(0.00, 2.00)" in here.text(".pt-box")
    assert here.page.get_by_label("Learning rate").input_value() == "0.5"


def test_running_stops_when_all_are_right_and_out_of_sight(bench):
    here = bench(PerceptronDemo(speed=20))
    here.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=height:4000px>')")
    here.press("Run")
    here.page.wait_for_function("window.model.state.looks >= 2")
    here.page.evaluate("scrollTo(0, 3500)")
    here.page.wait_for_timeout(200)
    unseen = here.trait("looks")
    here.page.wait_for_timeout(500)
    assert here.trait("looks") == unseen
    here.page.evaluate("scrollTo(0, 0)")
    here.page.wait_for_function("window.model.state.updates === 10")
    here.settle()
    assert here.page.get_by_role("button", name="Run", exact=True).is_disabled()


def test_contrast_in_both_themes_and_the_theme_is_followed_live(bench):
    here = bench(PerceptronDemo())
    read = """(name) => getComputedStyle(document.querySelector(".twice"))
        .getPropertyValue(`--twice-${name}`).trim()"""
    for tone in TONES:
        here.page.evaluate("(tone) => { document.documentElement.dataset.theme = tone; }", tone)
        here.settle()
        assert here.page.locator(".twice").get_attribute("data-tone") == tone
        words = [
            (text, on)
            for text in ("ink", "muted")
            for on in ("surface", "raised", "side0", "side1")
        ]
        words += [(text, on) for text in ("good", "mark") for on in ("side0", "side1")]
        words += [("on-accent", "accent"), ("good", "good-surface"), ("on-class0", "class0")]
        words += [("on-class1", "class1")]
        for text, on in words:
            colors = [here.page.evaluate(read, name) for name in (text, on)]
            assert contrast(*colors) >= 4.5, (tone, text, on)


@pytest.mark.parametrize("width", [320, 375, 900])
def test_nothing_is_cut_off_or_too_small(bench, width):
    here = bench(
        PerceptronDemo("inseparable"),
        viewport={"width": width, "height": 800},
        has_touch=True,
        is_mobile=True,
    )
    assert here.page.evaluate("document.documentElement.scrollWidth") <= width
    sizes = here.page.evaluate(
        """[...document.querySelectorAll(".twice *")].filter((node) =>
            [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
            .map((node) => parseFloat(getComputedStyle(node).fontSize))"""
    )
    assert min(sizes) >= 13
    targets = here.page.evaluate(
        """[...document.querySelectorAll(".twice :is(button, select, input)")]
            .filter((node) => node.offsetHeight).map((node) => node.offsetHeight)"""
    )
    assert min(targets) >= 44


def test_dispose_leaves_nothing_behind(bench):
    here = bench(PerceptronDemo())
    assert here.page.evaluate("window.model.listeners.length") > 10
    here.press("Run")
    here.page.evaluate("window.dispose()")
    looks = here.trait("looks")
    here.page.wait_for_timeout(500)
    assert here.page.evaluate("window.model.listeners.length") == 0
    assert here.page.evaluate("document.getElementById('host').childElementCount") == 0
    assert here.trait("looks") == looks
    here.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert here.complaints == []
