"""The activations demo in Chromium, alone on a page, with a stand-in for the kernel."""

import math
import re

import pytest
from bench import contrast

from twice.widgets import ActivationsDemo

pytestmark = pytest.mark.browser
HISTOGRAMS = ".ac-heat canvas"


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(ActivationsDemo(**traits), **(options or {}))

    return make


def scale(here, value):
    here.page.get_by_label("Weight scale").fill(f"{math.log10(value):.6f}")
    here.settle()


def curve(here, name="ac-value"):
    """The d of a path in the plot of the standard deviations."""
    return here.page.locator(f".ac-pictures path.{name}").get_attribute("d")


def handle(here, which):
    return here.page.locator(f".twice-handle[aria-label^='{which}']")


def facts(here):
    return here.page.locator(".ac-table").inner_text()


def test_the_slider_changes_the_histograms_the_curves_and_the_words(bench):
    here = bench()
    pictures, curves = set(), set()
    for value, word in [(0.5, "dies out"), (1.0, "fades"), (1.4, "keeps"), (3.0, "saturates")]:
        scale(here, value)
        demo = ActivationsDemo(scale=here.trait("scale"))
        assert demo.scale == pytest.approx(value, rel=0.01)
        assert word in here.text(".ac-word")
        told = here.text(".ac-verdict").replace("−", "-")
        if value >= 1:
            assert f"standard deviation {demo.run['std'][-1]:.3g}" in told
        pictures.add(here.pixels(HISTOGRAMS))
        curves.update([curve(here), curve(here, "ac-slope")])
    assert len(pictures) == 4
    assert len(curves) == 8
    assert here.complaints == []


def test_the_goal_is_met_when_the_scale_rests_where_the_variance_is_kept(bench):
    here = bench()
    assert here.page.get_by_label("Theory").is_hidden()
    for value in (1.4, 3.0, 1.0):  # passing by does not count
        scale(here, value)
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    scale(here, 2.2)  # the standard deviation alone is not enough
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    scale(here, 1.4)
    here.page.wait_for_selector(".twice-met", timeout=3000)
    assert here.trait("goal_met") is True
    share = ActivationsDemo(scale=here.trait("scale")).run["std"]
    assert f"kept {100 * share[49] / share[9]:.1f} %" in here.text(".twice-goal")
    assert "standard deviation" in here.text(".twice-goal")
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert here.trait("scale") == 1
    assert here.page.get_by_label("Theory").is_hidden()


@pytest.mark.parametrize(
    "traits",
    [
        {"scale": 1.4, "depth": 49},
        {"scale": 1.4, "activation": "hard_tanh"},
        {"initializer": "he_normal", "activation": "relu"},
    ],
)
def test_other_networks_do_not_meet_the_goal(bench, traits):
    here = bench(**traits)
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    assert here.text(".twice-goal").endswith(ActivationsDemo().goal)


def test_kept_with_other_weights_the_goal_points_to_glorots(bench):
    here = bench(initializer="he_normal")
    here.page.wait_for_timeout(700)
    assert "keeps" in here.text(".ac-word")
    assert here.trait("goal_met") is False
    assert "asks for the scale of Glorot’s weights" in here.text(".twice-goal")
    here.page.get_by_label("Initializer").select_option("glorot_uniform")
    here.settle()
    assert here.text(".twice-goal").endswith(ActivationsDemo().goal)


def test_the_goal_can_be_met_by_the_keyboard_alone_and_the_theory_appears(bench):
    here = bench()
    here.page.get_by_label("Weight scale").focus()
    for _ in range(32):
        here.page.keyboard.press("ArrowRight")
    here.page.wait_for_selector(".twice-met", timeout=3000)
    here.settle()
    assert curve(here, "ac-theory") == ""
    here.page.get_by_label("Theory").focus()
    here.page.keyboard.press("Space")
    here.settle()
    assert here.trait("show_theory") is True
    assert curve(here, "ac-theory").count("L") == 49
    assert "q → σ² E[f(√q z)²]" in here.text(".ac-theory-text")
    assert "edge of chaos" in here.text(".ac-theory-text")


def test_the_point_moves_by_keyboard_pointer_and_click(bench):
    here = bench()
    point = handle(here, "Point")
    point.focus()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("Shift+ArrowLeft")
    here.settle()
    assert here.trait("z") == pytest.approx(0.89)
    assert "z = 0.89: tanh is 0.711, its slope 0.494" in point.get_attribute("aria-label")
    assert "f(0.89)" in facts(here)
    assert "0.711" in facts(here)
    tangent = here.page.locator(".ac-tangent").get_attribute("d")
    box = point.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    here.page.mouse.move(x, y)
    here.page.mouse.down()
    here.page.mouse.move(x - 90, y - 30, steps=4)
    here.page.mouse.up()
    here.settle()
    assert -3 < here.trait("z") < 0
    assert here.page.locator(".ac-tangent").get_attribute("d") != tangent
    area = here.page.locator(".ac-function canvas").bounding_box()
    here.page.mouse.click(area["x"] + 0.75 * area["width"], area["y"] + 20)
    assert here.trait("z") == pytest.approx(3.0, abs=0.05)
    point.focus()
    for _ in range(35):
        here.page.keyboard.press("ArrowRight")
    assert here.trait("z") == 6
    assert here.complaints == []


def test_a_layer_is_chosen_by_keyboard_pointer_and_click(bench):
    here = bench()
    layer = handle(here, "Layer")
    layer.focus()
    here.page.keyboard.press("ArrowLeft")
    here.settle()
    assert here.trait("layer") == 49
    here.page.keyboard.press("Home")
    here.settle()
    assert here.trait("layer") == 1
    std = ActivationsDemo().run["std"][0]
    assert f"Layer 1 of 50: standard deviation {std:.3g}." in layer.get_attribute("aria-label")
    assert f"Layer 1: standard deviation {std:.3g}" in here.text(".ac-verdict")
    assert "layer 1: z below" in here.text(".ac-one .ac-legend")
    first = here.page.locator(".ac-function .ac-hist").first.get_attribute("d")
    area = here.page.locator(".ac-heat canvas").bounding_box()
    here.page.mouse.click(area["x"] + 0.39 * area["width"], area["y"] + 20)
    here.settle()
    assert here.trait("layer") == 20
    assert here.page.locator(".ac-function .ac-hist").first.get_attribute("d") != first
    box = layer.bounding_box()
    here.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    here.page.mouse.down()
    here.page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"], steps=4)
    here.page.mouse.up()
    assert 22 < here.trait("layer") < 40


def test_every_function_shows_its_facts_and_parameter(bench):
    here = bench(depth=3)
    names = ActivationsDemo.activation.values
    seen = set()
    for name in names:
        here.page.get_by_label("Activation", exact=True).select_option(name)
        here.settle()
        assert here.trait("activation") == name
        assert name in facts(here)
        seen.add(here.page.locator(".ac-function path.ac-value").last.get_attribute("d"))
        slope = here.page.get_by_label("Slope below 0").is_visible()
        assert slope == (name in ("leaky_relu", "prelu"))
        assert here.page.get_by_label("α").is_visible() == (name == "elu")
    assert len(seen) == len(names) - 2  # prelu is leaky_relu here, and relu6 is relu up to 6
    here.page.get_by_label("Activation", exact=True).select_option("leaky_relu")
    here.settle()
    here.page.get_by_label("Slope below 0").fill("0.7")
    here.settle()
    assert here.trait("negative_slope") == 0.7
    here.page.get_by_label("Compare with").select_option("selu")
    here.settle()
    assert here.page.locator(".ac-table [role=columnheader]").count() == 3
    assert here.page.locator(".ac-function path.ac-second").first.get_attribute("d")
    assert here.complaints == []


def test_xavier_with_relu_halves_the_variance(bench):
    here = bench(activation="relu")
    assert "by 0.5." in here.text(".twice-say")
    assert "dies out" in here.text(".ac-word")
    here.page.get_by_label("Initializer").select_option("he_normal")
    here.settle()
    assert "by exactly 1." in here.text(".twice-say")
    assert "keeps it on average" in here.text(".ac-word")
    here.page.get_by_label("Weight scale").fill("0.152")  # log10: 1.419, left over from Glorot
    here.settle()
    assert "set the weight scale back to × 1" in here.text(".twice-say")


def test_new_weights_and_the_gradient_can_be_asked_for(bench):
    here = bench(depth=10)
    before = curve(here)
    here.press("New weights")
    assert here.trait("seed") == 1
    assert curve(here) != before
    assert curve(here, "ac-slope").count("L") == 9
    here.page.get_by_label("Gradient, backward").uncheck()
    here.settle()
    assert curve(here, "ac-slope") == ""
    assert "Backward" not in here.text(".twice-say")


def test_depth_shortens_the_network_and_the_chosen_layer_follows(bench):
    here = bench()
    for depth in (30, 3, 1):
        here.page.get_by_label("Depth").fill(str(depth))
        here.settle()
        assert curve(here).count("L") == depth - 1
        assert f"Layer {depth}:" in here.text(".ac-verdict")
        labels = here.page.locator(".ac-heat .twice-axes text").all_text_contents()
        assert all(re.fullmatch(r"[−\d.]+|layer|activations", text) for text in labels)
    assert here.trait("layer") == 50  # deeper again, and the last layer is back
    assert here.complaints == []


def test_changes_from_python_are_drawn(bench):
    here = bench()
    here.page.evaluate("window.model.set('scale', 1.3)")
    here.page.evaluate("window.model.set('compare', 'relu')")
    here.settle()
    assert here.page.get_by_label("Compare with").input_value() == "relu"
    assert "keeps" in here.text(".ac-word")
    assert "relu" in facts(here)


def test_a_step_of_a_slider_is_answered_within_a_frame(bench):
    here = bench()
    for label, start, by in [("Weight scale", -0.5, 0.015), ("Depth", 20, 0.5)]:
        slider = here.page.get_by_label(label, exact=True)
        median = here.answer_time(slider, start, by)
        assert 0 < median < 16


@pytest.mark.parametrize("width", [320, 700])
def test_nothing_moves_while_the_scale_does(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    places = """() => [".ac-verdict", ".ac-heat", ".twice-main > .twice-row", ".twice-say"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    still = here.page.evaluate(places)
    for value in (0.1, 0.4, 0.9, 1.3, 2, 4):
        scale(here, value)
        assert here.page.evaluate(places) == still, value


@pytest.mark.parametrize("width", [320, 375, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(
        options={"viewport": {"width": width, "height": 800}},
        activation="hard_sigmoid",
        compare="leaky_relu",
        scale=3.7,
        show_theory=True,
    )
    here.tone(tone)
    here.assert_inside(width, ".ac-choose", ".ac-left", ".ac-facts", ".ac-controls", ".ac-pictures")
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.small_texts() == []
    assert here.complaints == []


def test_contrast_in_both_themes(bench):
    here = bench(compare="relu")
    for tone in ("light", "dark"):
        here.tone(tone)
        colors = here.page.evaluate(
            """() => Object.fromEntries(["twice-surface", "twice-curve", "twice-mark", "ac-second",
                "twice-muted", "twice-ink"].map((name) => [name, getComputedStyle(
                document.querySelector(".twice")).getPropertyValue(`--${name}`).trim()]))"""
        )
        surface = colors.pop("twice-surface")
        for name, color in colors.items():
            assert contrast(color, surface) >= (3 if name in ("ac-second",) else 4.5), (tone, name)


def test_every_input_has_a_label_and_the_state_is_told(bench):
    here = bench()
    assert here.page.evaluate(
        "() => [...document.querySelectorAll('input, select')].every((i) => i.labels.length === 1)"
    )
    here.page.wait_for_timeout(700)
    assert here.page.locator(".ac-spoken").inner_text().startswith("fades. ")
    assert here.page.locator(".ac-spoken").get_attribute("role") == "status"


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.assert_leaves_nothing()
