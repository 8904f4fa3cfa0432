"""The loss demo in Chromium, alone on a page, with a stand-in for the kernel."""

import numpy as np
import pytest
from bench import contrast

from twice.scratch.losses import softmax
from twice.widgets import LossDemo

pytestmark = pytest.mark.browser
KINDS = ("regression", "two_classes", "softmax")


@pytest.fixture
def bench(new_bench):
    def make(kind="regression", *, options=None, **traits):
        return new_bench(LossDemo(kind, **traits), **(options or {}))

    return make


def slide(here, label, value):
    here.page.get_by_label(label, exact=True).fill(str(value))
    here.settle()


def rows(here):
    """The first table in sight: name -> its numbers."""
    lines = here.page.locator(".ls-table:visible").first.locator("tbody tr").all()
    cells = [line.locator("th, td").all_inner_texts() for line in lines]
    return {name.strip(): [v.replace("−", "-") for v in values] for name, *values in cells}


def said(here):
    return here.text(".twice-say").replace("\u2011", "-")


def handle(here, words):
    return here.page.locator(f".twice-handle[aria-label^='{words}']:visible")


def demo_of(here):
    names = set(LossDemo().trait_names(sync=True)) & set(LossDemo.class_own_traits())
    names -= {"goal", "goal_met"}
    return LossDemo(**{name: here.trait(name) for name in names})


# ---- regression --------------------------------------------------------------------------------


def test_the_prediction_moves_numbers_and_curves(bench):
    here = bench()
    dots = set()
    for value in (1, 4.5, 11):
        slide(here, "Prediction", value)
        assert here.trait("prediction") == value
        numbers = rows(here)
        for name, (loss, slope) in zip(numbers, demo_of(here).losses.values(), strict=True):
            assert numbers[name][0] == f"{loss:.2f}"
            assert numbers[name][1] == f"{slope:+.2f}"
        dots.add(here.page.locator("circle.ls-mae:visible").get_attribute("cy"))
    assert [v[2] for v in rows(here).values()] == ["3.40", "2.00", "2.17"]
    assert len(dots) == 3
    assert here.complaints == []


def test_prediction_and_targets_move_by_pointer_keys_and_click(bench):
    here = bench()
    handle(here, "Prediction").focus()
    here.page.keyboard.press("ArrowLeft")
    here.page.keyboard.press("Shift+ArrowLeft")
    assert here.trait("prediction") == 5.89
    here.drag(handle(here, "Prediction"), 80, -30)
    assert 7 < here.trait("prediction") < 9
    here.drag(handle(here, "Target 5"), 300, 0)
    assert here.trait("targets") == [1, 1.5, 2, 3, 12]
    assert [v[2] for v in rows(here).values()] == ["3.90", "2.00", "2.17"]
    assert "The outlier at 12.0 moves the mean by 2.02" in said(here)
    handle(here, "Target 1").focus()
    here.page.keyboard.press("ArrowRight")
    here.settle()
    assert here.trait("targets")[0] == 1.1
    assert "at 1.10" in handle(here, "Target 1").get_attribute("aria-label")
    plot = here.page.locator(".twice-plot:visible canvas").bounding_box()
    here.page.mouse.click(plot["x"] + 0.5 * plot["width"], plot["y"] + 0.3 * plot["height"])
    assert here.trait("prediction") == pytest.approx(6.0, abs=0.1)
    assert here.page.evaluate("window.model.saved") >= 5


@pytest.mark.parametrize("width", [360, 900])
def test_each_of_the_crowded_targets_can_be_grabbed(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    for i, start in enumerate(LossDemo().targets):
        here.drag(handle(here, f"Target {i + 1}"), 25, 0)
        targets = here.trait("targets")
        assert targets[i] > start + 0.3
        assert (
            targets[:i] + targets[i + 1 :] == LossDemo().targets[:i] + LossDemo().targets[i + 1 :]
        )
        assert here.trait("prediction") == 6  # and the click that ends it moves nothing
        here.press("Reset")
    assert here.complaints == []


def test_buttons_take_the_prediction_to_each_best(bench):
    here = bench()
    for name, best in [("To the mean", 3.4), ("To the median", 2), ("To Huber’s best", 13 / 6)]:
        here.press(name)
        assert here.trait("prediction") == pytest.approx(best, abs=1e-5)
    slide(here, "Huber’s δ", 5)
    assert float(rows(here)["Huber"][2]) == pytest.approx(
        (7.5 + 5) / 4, abs=0.01
    )  # only the outlier is beyond δ
    for _ in range(9):
        if here.page.get_by_role("button", name="Add a target").is_enabled():
            here.press("Add a target")
    assert len(here.trait("targets")) == 9
    assert here.page.locator(".twice-handle:visible").count() == 10
    while here.page.get_by_role("button", name="Remove one").is_enabled():
        here.press("Remove one")
    assert here.trait("targets") == [1]
    assert "With one target" in said(here)
    here.press("Reset")
    assert here.trait("targets") == LossDemo().targets
    assert here.complaints == []


# ---- two classes -------------------------------------------------------------------------------


def test_the_score_and_the_label_move_the_margin(bench):
    here = bench("two_classes")
    for score, label in [(-5, "1"), (0.4, "1"), (0.4, "0"), (4, "1")]:
        here.page.get_by_label("True class", exact=True).select_option(label)
        slide(here, "Score s", score)
        numbers = rows(here)
        for name, (loss, slope) in zip(numbers, demo_of(here).losses.values(), strict=True):
            assert float(numbers[name][0]) == pytest.approx(loss, abs=6e-4)
            assert float(numbers[name][1]) == pytest.approx(slope, abs=6e-4)
        margin = score if label == "1" else -score
        pin = handle(here, "Margin").get_attribute("aria-label").replace("−", "-")
        assert pin.startswith(f"Margin {margin:.2f}, score {score:.2f}")
    assert "they stop caring" in said(here)
    here.press("Flip the true class")
    assert here.trait("label") == 0
    assert "confidently wrong" in said(here)
    assert here.complaints == []


def test_the_example_is_dragged_along_the_margin_whatever_its_class(bench):
    here = bench("two_classes", label=0, score=2.0)
    here.drag(handle(here, "Margin"), 60, 20)
    assert here.trait("score") < 1  # to the right is a better margin, for class 0 a lower score
    handle(here, "Margin").focus()
    before = here.trait("score")
    here.page.keyboard.press("ArrowRight")
    assert here.trait("score") == pytest.approx(before - 0.1)
    here.press("Just right ⇄ just wrong")
    assert here.trait("score") == -0.1
    here.press("Just right ⇄ just wrong")
    assert here.trait("score") == 0.1
    assert rows(here)["0-1 loss"][0] == "1.000"


# ---- softmax -----------------------------------------------------------------------------------


def test_scores_are_dragged_in_tenths_and_moved_by_keys(bench):
    here = bench("softmax")
    here.drag(handle(here, "Score of dog"), 3, 47)
    score = here.trait("scores")[1]
    assert score < 1.5
    assert round(10 * score) == pytest.approx(10 * score, abs=1e-9)
    handle(here, "Score of cat, the true class").focus()
    here.page.keyboard.press("ArrowUp")
    here.page.keyboard.press("Shift+ArrowUp")
    here.settle()
    assert here.trait("scores")[0] == pytest.approx(-0.89)
    shares = here.page.locator(".ls-chance:visible").all_text_contents()
    np.testing.assert_allclose(
        [float(v) for v in shares], softmax(np.array(here.trait("scores"))), atol=6e-4
    )
    entropy, hinge = (loss for loss, _ in demo_of(here).losses.values())
    assert float(rows(here)["cross-entropy"][0]) == pytest.approx(entropy, abs=6e-4)
    assert float(rows(here)["hinge"][0]) == pytest.approx(hinge, abs=6e-4)


def test_the_goal_is_met_only_by_meeting_it_and_by_keys_alone(bench):
    here = bench("softmax")
    slide(here, "Temperature", 0.6)  # log10: temperature 4
    slide(here, "Label smoothing", 0.3)
    for _ in range(3):
        here.page.get_by_label("down the").select_option("hinge")
        here.press("Step")
    assert rows(here)["hinge"] == ["exactly 0"]
    assert float(rows(here)["cross-entropy"][0]) > 0.8
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    assert "The goal counts at temperature 1 and smoothing 0" in said(here)
    here.press("Reset")
    here.page.get_by_label("Classes", exact=True).select_option("5")
    here.settle()
    wanted = {"cat": 3.0, "dog": 2.0, "owl": 2.0, "bee": 2.0, "fox": 1.9}
    for i, (name, goal) in enumerate(wanted.items()):
        handle(here, f"Score of {name}").focus()
        for _ in range(200):
            gap = goal - here.trait("scores")[i]
            if abs(gap) < 0.05:
                break
            here.page.keyboard.press("ArrowUp" if gap > 0 else "ArrowDown")
        if name == "fox":
            here.page.wait_for_timeout(700)
    here.page.wait_for_selector(".twice-met", timeout=3000)
    assert here.trait("goal_met") is True
    assert "Hinge exactly 0, cross-entropy 0.891" in here.text(".twice-goal")
    assert "Each of 4 wrong classes" in here.text(".twice-goal")
    slide(here, "Temperature", 0.6)
    assert here.trait("goal_met") is True  # once met, it stays met
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert here.complaints == []


def test_passing_by_the_goal_does_not_count(bench):
    here = bench("softmax", scores=[2, 1, 1, 1, 1.2])
    set_scores = "(s) => { window.model.set('scores', s); window.model.save_changes(); }"
    here.page.evaluate(set_scores, [2, 1, 1, 1, 1])
    here.settle()
    here.page.evaluate(set_scores, [2, 1, 1, 1, 1.3])
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    here.page.evaluate(set_scores, [2, 1, 1, 1, 1])
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is True


def test_the_hinge_stops_and_cross_entropy_goes_on(bench):
    here = bench("softmax")
    here.page.get_by_label("down the").select_option("hinge")
    for _ in range(2):
        here.press("Step")
    assert "Step 2 down the hinge: 0.5000 to 0.0000" in said(here)
    rest = here.trait("scores")
    here.press("Step")
    assert here.trait("scores") == rest
    assert "The hinge is at rest: its gradient is 0. Nothing moves" in said(here)
    here.page.get_by_label("down the").select_option("cross_entropy")
    before = float(rows(here)["cross-entropy"][0])
    for _ in range(5):
        here.press("Step")
    assert float(rows(here)["cross-entropy"][0]) < before
    assert here.trait("scores") != rest
    assert "Step 5 down the cross-entropy" in said(here)


def test_run_stops_at_once_where_the_hinge_rests(bench):
    here = bench("softmax", scores=[3, 1, 1, 0.5], loss="hinge")
    here.page.evaluate(  # as Jupyter and the book do: an equal value is no change
        """() => {
            const { model } = window;
            const set = model.set.bind(model);
            model.set = (name, value) =>
                JSON.stringify(model.get(name)) === JSON.stringify(value) || set(name, value);
        }"""
    )
    here.press("Run")
    assert here.page.get_by_role("button", name="Pause").count() == 0
    assert here.page.get_by_role("button", name="Run", exact=True).count() == 1
    assert "The hinge is at rest" in said(here)
    assert here.trait("scores") == [3, 1, 1, 0.5]
    assert "look at “Classes”" in said(here)  # four of them cannot meet the goal
    here.page.get_by_label("Classes", exact=True).select_option("5")
    here.settle()
    assert "look at “Classes”" not in said(here)
    assert here.complaints == []


def test_run_steps_by_itself_until_it_is_paused_or_done(bench):
    here = bench("softmax")
    here.press("Run")
    here.page.wait_for_timeout(900)
    here.press("Pause")
    scores = here.trait("scores")
    assert scores[0] > 0
    here.page.wait_for_timeout(500)
    assert here.trait("scores") == scores
    here.page.get_by_label("down the").select_option("hinge")
    here.press("Reset")
    here.page.get_by_label("down the").select_option("hinge")
    here.press("Run")
    here.page.wait_for_function("window.model.state.scores[0] === 3")
    here.page.wait_for_selector("button:text-is('Run')")  # it rests by itself
    here.press("Run")
    here.page.get_by_label("Regression").check(force=True)
    here.page.wait_for_timeout(400)
    assert here.complaints == []


def test_a_constant_on_all_scores_changes_nothing(bench):
    here = bench("softmax")
    shares = here.page.locator(".ls-chance:visible").all_text_contents()
    numbers = rows(here)
    here.press("Add 1 to all")
    assert here.trait("scores") == [0, 3.5, 2, 1]
    assert here.page.locator(".ls-chance:visible").all_text_contents() == shares
    assert rows(here) == numbers
    assert "no probability, loss or gradient changed" in said(here)
    for _ in range(6):
        here.press("Add 1 to all")
        assert max(map(abs, here.trait("scores"))) <= 5


def test_classes_come_and_go_and_the_true_one_stays_among_them(bench):
    here = bench("softmax", true_class=3)
    assert handle(here, "Score of").count() == 4
    here.page.get_by_label("Classes", exact=True).select_option("3")
    here.settle()
    assert (len(here.trait("scores")), here.trait("true_class")) == (3, 2)
    assert handle(here, "Score of owl, the true class").count() == 1
    here.page.get_by_label("Classes", exact=True).select_option("5")
    here.page.get_by_label("True class", exact=True).select_option("4")
    here.settle()
    assert here.trait("true_class") == 4
    assert here.page.locator("tr.ls-true th").inner_text() == "fox"
    assert here.complaints == []


# ---- all of it ---------------------------------------------------------------------------------


def test_tabs_are_radio_buttons_that_keys_can_reach(bench):
    here = bench()
    here.page.get_by_label("Regression").focus()
    for kind, words in [("two_classes", "Score"), ("softmax", "Softmax gives cat")]:
        here.page.keyboard.press("ArrowRight")
        here.settle()
        assert here.trait("kind") == kind
        assert said(here).startswith(words)
        assert here.page.locator(".twice-say").evaluate("(n) => n.ariaLive") == "off"
    here.page.wait_for_timeout(700)
    assert said(here) in here.page.locator("p.ls-spoken").text_content()
    assert here.page.locator(".twice-plot:visible").count() == 2
    here.page.evaluate("window.model.set('kind', 'regression')")  # as Python would
    here.settle()
    assert here.page.get_by_label("Regression").is_checked()
    assert here.page.locator(".twice-plot:visible").count() == 1


@pytest.mark.parametrize(
    ("kind", "selector", "low", "high"),
    [
        ("regression", "Prediction", 0.0, 0.2),
        ("two_classes", "Score s", -6.0, 0.2),
        ("softmax", "Temperature", -1.0, 0.03),
    ],
)
def test_a_step_of_the_slider_is_answered_within_a_frame(bench, kind, selector, low, high):
    here = bench(kind)
    slider = here.page.get_by_label(selector, exact=True)
    median = here.answer_time(slider, low, high)
    assert 0 < median < 16


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [320, 375, 700, 1440])
def test_it_fits_every_width(bench, kind, width):
    here = bench(kind, options={"viewport": {"width": width, "height": 800}})
    assert here.page.evaluate("document.documentElement.scrollWidth") <= width
    edge = here.page.locator(".twice").bounding_box()
    inside = ".twice-plot, .ls-controls, .ls-table, .ls-kinds, .twice-row > *, .ls-name, .ls-class"
    for node in here.page.locator(inside).all():
        if node.is_visible():
            box = node.bounding_box()
            assert edge["x"] <= box["x"] + 0.5
            assert box["x"] + box["width"] <= edge["x"] + edge["width"] + 0.5
    sizes = here.page.evaluate(
        """[...document.querySelectorAll(".twice *")]
            .filter((n) => n.textContent && n.getClientRects().length)
            .map((n) => parseFloat(getComputedStyle(n).fontSize))"""
    )
    assert min(sizes) >= 12
    assert here.complaints == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [320, 341, 375, 390, 414])
def test_nothing_is_cut_on_a_phone_in_the_book(bench, kind, width):
    here = bench(kind, options={"viewport": {"width": width, "height": 800}})
    here.in_the_book()
    assert here.page.evaluate("document.documentElement.scrollWidth") <= width
    assert here.cut() == []


@pytest.mark.parametrize("card", [560, 640, 680, 700, 720, 740, 760, 800])
def test_the_names_of_the_curves_are_not_clipped(bench, card):
    here = bench("two_classes", options={"viewport": {"width": 1200, "height": 800}})
    here.in_the_book(card)
    frame = here.page.locator(".twice-plot:visible canvas").bounding_box()
    for name in here.page.locator(".ls-name:visible").all():
        box = name.bounding_box()
        assert box["x"] >= frame["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert here.page.locator(".ls-name:visible").count() == 5
    assert here.cut() == []


@pytest.mark.parametrize("width", [360, 900])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    places = """() => [".twice-plot", ".ls-controls", ".twice-main > .twice-row", ".twice-say"]
        .map((name) => document.querySelector(name).getBoundingClientRect().top)"""
    still = here.page.evaluate(places)
    for value in (0, 2, 3.4, 11.95):
        slide(here, "Prediction", value)
        assert here.page.evaluate(places) == still


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_curves_and_names_stand_out_in_both_themes(bench, tone):
    here = bench("two_classes")
    here.tone(tone)
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    surface, *colors = here.page.evaluate(
        """() => {
            const style = getComputedStyle(document.querySelector(".twice"));
            const own = ["blue", "orange", "green", "pink"].map((c) => `--ls-${c}`);
            return ["--twice-surface", ...own].map((c) => style.getPropertyValue(c).trim());
        }"""
    )
    assert len(set(colors)) == 4
    for color in colors:
        assert contrast(color, surface) >= 4.5  # the curves' names have it, too
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        assert not (red > 190 and green < 110 and blue < 60)  # vermilion is Keras's
    strokes = here.page.evaluate(
        """[...document.querySelectorAll("path.ls-curve")].filter((n) => n.getClientRects().length)
            .map((n) => [getComputedStyle(n).stroke, getComputedStyle(n).strokeDasharray].join())"""
    )
    assert len(set(strokes)) == 5


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench("softmax")
    here.page.get_by_label("Two classes").check(force=True)
    here.settle()
    here.assert_leaves_nothing()
