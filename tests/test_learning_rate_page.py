"""The learning rate demo in Chromium, alone on a page, with a stand-in for the kernel."""

import math
import re

import pytest
from bench import contrast

from twice.widgets import LearningRateDemo

pytestmark = pytest.mark.browser
RATE = ".lr-top input[type=range]"
PICTURE = ".lr-picture canvas"


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(LearningRateDemo(**traits), **(options or {}))

    return make


def slide(here, rate):
    here.page.locator(RATE).fill(f"{math.log10(rate):.6f}")
    here.settle()


def said(here):
    return here.text(".twice-say").replace("\u2060", "")


def start(here):
    return here.page.locator(".twice-handle:visible")


def test_the_slider_changes_the_path_the_curve_and_the_verdict(bench):
    here = bench()
    pictures, curves = set(), set()
    for rate, word in [(0.03, "converging"), (0.07, "converging"), (0.1, "diverging")]:
        slide(here, rate)
        demo = LearningRateDemo(learning_rate=here.trait("learning_rate"))
        assert here.trait("learning_rate") == pytest.approx(rate, rel=0.003)
        assert word == demo.verdict
        assert word in here.text(".lr-word")
        assert f"multiplied by {1 - 25 * demo.learning_rate:.3g}".replace("-", "−") in said(here)
        pictures.add(here.pixels(PICTURE))
        curves.add(here.page.locator(".lr-line").get_attribute("d"))
    assert len(pictures) == len(curves) == 3
    assert here.complaints == []


def test_the_goal_is_met_when_the_slider_rests_just_below_the_threshold(bench):
    here = bench()
    for rate in (0.0793, 0.1, 0.07):  # passing by does not count
        slide(here, rate)
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    assert "0.08" not in said(here)  # the threshold is the answer
    slide(here, 0.0793)
    here.page.wait_for_selector(".twice-met", timeout=3000)
    assert here.trait("goal_met") is True
    assert "below the threshold 2/λmax = 0.08" in here.text(".twice-goal")
    assert "2/λmax = 0.08" in said(here)
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert here.trait("learning_rate") == 0.065


def test_the_goals_banner_keeps_the_best_rate_in_the_past_tense(bench):
    here = bench()
    banners = []
    for rate in (0.0793, 0.0798, 0.0786, 0.2):
        slide(here, rate)
        here.page.wait_for_timeout(700)
        banners.append(re.search(r"Your best was rate ([\d.]+),", here.text(".twice-goal"))[1])
    assert [float(v) for v in banners] == pytest.approx([0.0793, 0.0798, 0.0798, 0.0798], rel=3e-3)
    assert "diverging" in here.text(".lr-word")
    here.page.select_option(".lr-top select", "saddle")
    here.settle()
    assert here.text(".twice-goal").endswith(
        LearningRateDemo().goal
    )  # nothing of the ravine's rate
    assert here.trait("goal_met") is True
    here.page.select_option(".lr-top select", "ravine")
    here.settle()
    assert f"Your best was rate {banners[1]}," in here.text(".twice-goal")


def test_the_start_moves_by_keyboard_pointer_and_click(bench):
    here = bench()
    start(here).focus()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("Shift+ArrowUp")
    assert here.trait("start") == [-2.4, 1.01]
    box = start(here).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    here.page.mouse.move(x, y)
    here.page.mouse.down()
    here.page.mouse.move(x + 90, y + 40, steps=4)
    here.page.mouse.up()
    dragged = here.trait("start")
    assert dragged[0] > -2.2
    assert dragged[1] < 0.9
    area = here.page.locator(".lr-above canvas").bounding_box()
    here.page.mouse.click(area["x"] + 0.75 * area["width"], area["y"] + 0.25 * area["height"])
    assert here.trait("start") == pytest.approx([1.5, 1.0], abs=0.03)
    here.settle()
    assert "at (1.5" in start(here).get_attribute("aria-label")


def test_the_keys_reach_the_ridge_of_the_saddle(bench):
    here = bench(surface="saddle")
    start(here).focus()
    here.page.keyboard.press("ArrowDown")
    here.settle()
    assert here.trait("start") == [-2.5, 0]
    assert "A saddle point: slope nearly zero" in said(here)
    assert "a minimum along x (curvature 2), a maximum along y (curvature −2)" in said(here)
    here.page.keyboard.press("ArrowDown")
    assert here.trait("start") == [-2.5, -0.1]
    here.page.keyboard.press("ArrowUp")
    assert here.trait("start") == [-2.5, 0]
    area = here.page.locator(".lr-above canvas").bounding_box()
    here.page.mouse.click(area["x"] + 0.7 * area["width"], area["y"] + 0.5 * area["height"] + 1)
    assert here.trait("start")[1] == 0


def test_the_rate_reads_the_same_everywhere(bench):
    here = bench()
    for rate in (0.06855, 0.0794, 0.0801, 0.2):
        slide(here, rate)
        shown = here.text(".lr-top output")
        assert f"Rate {shown} is" in said(here)
        assert here.page.locator(RATE).get_attribute("aria-valuetext") == shown


@pytest.mark.parametrize("width", [320, 375, 700, 760])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    places = """() => [".lr-word", ".lr-facts", ".lr-above", ".lr-controls",
        ".twice-main .twice-row", ".twice-say"].map((name) =>
        document.querySelector(name).getBoundingClientRect().top)"""
    sizes = """() => [".lr-facts", ".twice"].map((name) =>
        [document.querySelector(name).scrollWidth, document.querySelector(name).clientWidth])"""
    heights = set()
    for name in ("ravine", "saddle"):
        here.page.select_option(".lr-top select", name)
        slide(here, 0.065)
        still = here.page.evaluate(places)
        for rate in (0.001, 0.02, 0.0795, 0.0799999, 0.0801, 0.085, 0.09, 0.1, 0.3, 1.2, 5):
            slide(here, rate)
            assert here.page.evaluate(places) == still, (name, rate)
            for wanted, given in here.page.evaluate(sizes):
                assert wanted <= given, (name, rate)
            if name == "ravine" and rate < 0.3:
                heights.add(here.page.locator(".twice-say").bounding_box()["height"])
    assert len(heights) == 1  # what follows the sentence stays, too


def test_on_a_phone_the_sliders_are_seen_with_the_picture(bench):
    here = bench(
        options={"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}
    )
    top = here.page.locator(RATE).bounding_box()
    last = here.page.get_by_label("Steps").bounding_box()
    assert last["y"] + last["height"] - top["y"] < 600
    for name in ("Momentum", "Batch noise", "Steps"):
        box = here.page.get_by_label(name).bounding_box()
        assert box["height"] >= 44
        assert box["width"] >= 150


def test_the_path_is_clear_of_vermilion_and_seen_on_the_contours(bench):
    here = bench()
    for tone in ("light", "dark"):
        here.tone(tone)
        path, surface, curve = (
            here.page.evaluate(
                """(name) => getComputedStyle(document.querySelector(".twice"))
                .getPropertyValue(`--twice-${name}`).trim()""",
                name,
            )
            for name in ("path", "surface", "curve")
        )
        red, green, blue = (int(path[i : i + 2], 16) for i in (1, 3, 5))
        assert blue > green  # a purple: vermilion has next to no blue
        assert red > green
        assert contrast(path, surface) >= 4.5
        band = [
            0.6 * int(surface[i : i + 2], 16) + 0.4 * int(curve[i : i + 2], 16) for i in (1, 3, 5)
        ]
        deepest = "#" + "".join(f"{round(v):02x}" for v in band)  # the strongest band of the bowl
        assert contrast(path, deepest) >= 3


def test_a_surface_brings_its_picture_and_its_start(bench):
    here = bench()
    seen = set()
    for name in ("bowl", "saddle", "two_valleys", "parabola", "double_well", "plateau", "cliff"):
        here.page.select_option(".lr-top select", name)
        here.settle()
        assert here.trait("start") == LearningRateDemo(name).start
        assert LearningRateDemo(name).verdict in here.text(".lr-word")
        assert here.page.locator(".lr-picture:visible").count() == 1
        seen.add(here.pixels(PICTURE))
    assert len(seen) == 7
    assert here.complaints == []


def test_overflow_is_explained_in_words(bench):
    here = bench(surface="saddle", learning_rate=1.2)
    assert "After step 11 the numbers were too large for float64" in said(here)
    assert "NaN loss in training" in said(here)
    assert "NaN" in here.text(".lr-summary")
    assert "overflow, step 12" in here.page.locator(".lr-curve svg").text_content()
    assert here.complaints == []


def test_the_threshold_shows_on_the_slider_and_in_numbers(bench):
    here = bench(momentum=0.5)
    assert here.page.locator(".lr-mark").is_hidden()
    here.page.get_by_label("Threshold").check()
    here.settle()
    mark = here.page.locator(".lr-mark")
    assert mark.get_attribute("data-text") == "0.12"
    share = float(mark.evaluate("(node) => node.style.getPropertyValue('--place')"))
    assert share == pytest.approx((math.log10(0.12) + 3) / (math.log10(5) + 3), abs=1e-3)
    assert "2(1 + 0.5) / 25 = 0.12" in here.text(".twice-panel")


def test_replay_walks_the_path_and_new_noise_changes_it(bench):
    here = bench(surface="bowl", learning_rate=0.1, noise=1.0, steps=20)
    still = here.pixels(PICTURE)
    here.press("▶ Replay")
    here.page.wait_for_timeout(400)
    assert "step 20" not in here.text(".lr-summary")
    assert here.pixels(PICTURE) != still
    here.page.wait_for_function(
        "document.querySelector('.lr-summary').innerText.includes('step 20')"
    )
    here.settle()
    assert here.pixels(PICTURE) == still
    here.press("New noise")
    assert here.trait("seed") == 1
    assert here.pixels(PICTURE) != still
    here.press("Reset")
    assert here.trait("seed") == 1  # a reset keeps the seed
    assert here.trait("noise") == 0


def test_a_step_of_the_slider_is_answered_within_a_frame(bench):
    here = bench(surface="two_valleys", steps=200)
    median = here.answer_time(here.page.locator(RATE), -2.5, 0.03)
    assert 0 < median < 16


@pytest.mark.parametrize("width", [320, 375, 700, 1200])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(options={"viewport": {"width": width, "height": 800}}, show_threshold=True)
    here.tone(tone)
    here.assert_inside(width, ".lr-top", ".lr-plots", ".lr-curve", ".lr-controls")
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.assert_leaves_nothing()
