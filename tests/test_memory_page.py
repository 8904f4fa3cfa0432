"""The memory demo in Chromium, alone on a page, with a stand-in for the kernel of Jupyter."""

import itertools
import re

import numpy as np
import pytest
from bench import contrast

from twice.widgets import Memory

pytestmark = pytest.mark.browser
NAMES = ("activation", "matrix", "radius", "forget_bias", "update_bias", "strength", "steps")
CHAIN, CURVE = ".mm-chain-picture", ".mm-curve svg"


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(Memory(**traits), **(options or {}))

    return make


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def twin(here):
    """The Python demo with the settings of the page."""
    traits = {name: here.trait(name) for name in (*NAMES, "step", "seed")}
    return Memory(here.trait("cell"), **traits)


def value(text):
    """8.9 × 10⁻¹⁰ as a number."""
    mantissa, _, power = text.partition(" × 10")
    power = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(mantissa) * 10.0 ** int(power or 0)


def assert_step_shown(here):
    """The numbers of the step, and largest over smallest, are those of the library."""
    demo = twin(here)
    run, step = demo.run, demo.step
    told = re.fullmatch(
        r"Step (\d+): gradient (.*?) · size of [hc] (.*?)(?: · .* (\d\.\d\d))?",
        here.text(".mm-numbers"),
    )
    assert int(told[1]) == step
    relative = run["gradient"][step] / run["gradient"][-1]
    assert value(told[2]) == pytest.approx(relative, rel=0.06)
    assert value(told[3]) == pytest.approx(run["state"][step], rel=0.06)
    if step:
        assert float(told[4]) == pytest.approx(run["open"][step - 1], abs=0.0051)
    told = re.match(
        r"largest \(step (\d+)\) / smallest \(step (\d+)\): (.*?) \(", here.text(".mm-ratio")
    )
    assert value(told[3]) == pytest.approx(demo.factor, rel=0.06)
    gradient = run["gradient"]
    assert gradient[int(told[1])] == pytest.approx(gradient.max(), rel=1e-9)
    assert gradient[int(told[2])] == pytest.approx(gradient.min(), rel=1e-9)


def over(here, picture, step):
    """Put the mouse over a step of the chain or of the curve."""
    here.page.locator(picture).scroll_into_view_if_needed()
    box = here.page.locator(picture).bounding_box()
    left = 54 if box["width"] >= 420 else 44
    share = (step + 0.5) / (here.trait("steps") + 1)
    x = box["x"] + left + share * (box["width"] - left - 12)
    here.page.mouse.move(x, box["y"] + 42)
    here.settle()


def test_the_mouse_over_chain_or_curve_shows_that_step(bench):
    here = bench()
    for picture, step in [(CHAIN, 3), (CHAIN, 97), (CURVE, 0), (CURVE, 61), (CURVE, 100)]:
        over(here, picture, step)
        assert here.trait("step") == step
        assert_step_shown(here)
    saved = here.page.evaluate("window.model.saved")
    here.page.mouse.move(2, 2)
    here.settle()
    assert here.page.evaluate("window.model.saved") > saved  # Python hears where it rested
    assert here.complaints == []


def test_the_handle_follows_mouse_and_keyboard(bench):
    here = bench(step=50)
    handle = here.page.locator(".twice-handle")
    handle.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
        here.page.keyboard.press(key)
        here.settle()
    assert here.trait("step") == 49
    assert handle.get_attribute("aria-label").startswith("Step 49 of 100: the gradient is ")
    assert_step_shown(here)
    for key, step in [("Home", 0), ("ArrowLeft", 0), ("End", 100), ("ArrowRight", 100)]:
        here.page.keyboard.press(key)
        here.settle()
        assert here.trait("step") == step
        assert_step_shown(here)
    box = handle.locator(".mm-dot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    here.page.mouse.move(x, y)
    here.page.mouse.down()
    here.page.mouse.move(x - 120, y, steps=6)
    here.page.mouse.up()
    here.settle()
    assert 60 < here.trait("step") < 90
    assert_step_shown(here)


def colors(here):
    fills = here.page.locator(f"{CHAIN} g rect").evaluate_all(
        "(rects) => rects.map((rect) => getComputedStyle(rect).fill)"
    )
    return np.array([[int(v) for v in re.findall(r"\d+", fill)[:3]] for fill in fills])


def theme(here, name):
    code = here.page.locator(".twice").evaluate(
        "(card, name) => getComputedStyle(card).getPropertyValue(name).trim()", name
    )
    return [int(code[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_the_chain_is_colored_by_the_gradient_that_arrives(bench, tone):
    here = bench()
    here.tone(tone)
    gray, blue, hot = (theme(here, f"--{n}") for n in ("twice-line", "twice-class0", "mm-hot"))
    seen = colors(here)
    assert seen.shape == (101, 3)
    assert seen[-1].tolist() == blue  # the last step
    relative = twin(here).run["gradient"]
    forgotten = relative < 1e-6
    assert forgotten.sum() > 50
    assert (seen[forgotten] == gray).all()
    at = int(np.argmin(np.abs(np.log10(relative) + 3)))  # half way from blue to gray
    share = 1 + np.log10(relative[at]) / 6
    wanted = np.array(gray) + share * (np.array(blue) - gray)
    np.testing.assert_allclose(seen[at], wanted, atol=1)
    label(here, "Activation").select_option("linear")
    label(here, "Spectral radius").fill("1.5")
    here.settle()
    assert colors(here)[0].tolist() == hot
    label(here, "Steps T").fill("12")
    here.settle()
    assert len(colors(here)) == 13
    assert here.complaints == []


def test_the_eigenvalues_are_drawn_where_numpy_finds_them(bench):
    here = bench(radius=1.2, step=7)
    centers = """(circles) => circles.filter((c) => c.style.display !== "none")
        .map((c) => ["cx", "cy", "r"].map((name) => +c.getAttribute(name)))"""

    def drawn(name):
        (unit,) = here.page.locator(".mm-unit").evaluate_all(centers)
        found = np.array(here.page.locator(f"circle.{name}").evaluate_all(centers))
        if not len(found):
            return found
        return (found[:, 0] - unit[0] - 1j * (found[:, 1] - unit[1])) / unit[2]

    shown = drawn("mm-value")
    wanted = twin(here).eigenvalues
    assert np.abs(shown[:, None] - wanted).min(axis=0).max() < 0.005
    assert np.abs(shown[:, None] - wanted).min(axis=1).max() < 0.005
    slopes = drawn("mm-jacobian")
    assert len(slopes) == 16
    assert np.abs(slopes).max() < np.abs(shown).max()  # tanh's slopes pull them in
    told = float(here.text(".mm-eigen .twice-hint").split(": ")[-1][:-1])
    assert told == pytest.approx(np.abs(slopes).max(), abs=0.012)
    label(here, "Cell").select_option("lstm")
    here.settle()
    assert len(drawn("mm-jacobian")) == 0
    np.testing.assert_allclose(drawn("mm-value"), shown)
    assert "candidate" in here.text(".mm-eigen")


def rest(here):
    here.page.wait_for_timeout(650)
    here.settle()


def test_the_goal_is_met_by_hand_in_five_ways(bench):
    here = bench()
    rest(here)
    assert here.trait("goal_met") is False
    assert "Keep the gradient within a factor of 10" in here.text(".twice-goal")
    activation, matrix = label(here, "Activation"), label(here, "Matrix U")
    radius, cell = label(here, "Spectral radius"), label(here, "Cell")
    radius.fill("1")
    matrix.select_option("orthogonal")
    rest(here)
    assert here.trait("goal_met") is False  # tanh's slopes are below 1
    activation.select_option("linear")
    rest(here)
    assert here.trait("goal_met") is True
    assert here.trait("ways") == ["plain, linear"]
    left = "plain, ReLU · plain, tanh · LSTM · GRU"
    assert f"It can also be met with: {left}." in here.text(".twice-goal")
    activation.select_option("relu")
    rest(here)
    assert here.trait("ways") == ["plain, linear"]  # ReLU needs more than a rotation
    matrix.select_option("identity")
    rest(here)
    assert here.trait("ways")[-1] == "plain, ReLU"
    assert "IRNN" in here.text(".twice-say")
    activation.select_option("tanh")
    matrix.select_option("orthogonal")
    label(here, "Input strength").press("Home")
    rest(here)
    assert here.trait("ways")[-1] == "plain, tanh"
    label(here, "Input strength").press("End")
    cell.select_option("gru")
    radius.fill("0.5")
    label(here, "Update-gate bias").fill("6")
    rest(here)
    assert here.trait("ways")[-1] == "GRU"
    assert "It can also be met with: LSTM." in here.text(".twice-goal")
    here.press("Reset")
    cell.select_option("lstm")
    radius.fill("0.5")
    label(here, "Forget-gate bias").fill("5")
    rest(here)
    assert here.trait("ways") == ["LSTM"]
    assert here.text(".mm-word") == "✓ keeps"
    assert "Found: LSTM." in here.text(".twice-goal")
    assert here.complaints == []


def test_all_five_found_is_said(bench):
    ways = ["plain, linear", "plain, ReLU", "plain, tanh", "GRU"]
    here = bench(cell="lstm", forget_bias=5.0, radius=0.5, goal_met=True, ways=ways)
    rest(here)
    assert here.trait("ways") == [*ways, "LSTM"]
    assert "That is all five." in here.text(".twice-goal")


def test_sweeping_past_the_goal_does_not_count(bench):
    here = bench(activation="linear", matrix="orthogonal")
    for radius in ("0.95", "1", "1.05", "1.1"):
        label(here, "Spectral radius").fill(radius)
        here.settle()
    rest(here)
    assert here.trait("goal_met") is False
    label(here, "Steps T").fill("60")
    label(here, "Spectral radius").fill("1")
    rest(here)
    assert here.trait("goal_met") is False
    assert "60 of 100 steps" in here.text(".mm-ratio")


def test_another_matrix_and_reset(bench):
    here = bench()
    before = here.text(".mm-numbers")
    here.press("New random numbers")
    assert here.trait("seed") == 1
    assert here.text(".mm-numbers") != before
    assert_step_shown(here)
    label(here, "Cell").select_option("gru")
    label(here, "Update-gate bias").fill("5")
    rest(here)
    assert here.trait("goal_met") is True
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert here.trait("ways") == []
    assert (here.trait("cell"), here.trait("radius"), here.trait("seed")) == ("rnn", 0.9, 1)
    assert label(here, "Cell").input_value() == "rnn"
    assert label(here, "Activation").is_visible()
    assert label(here, "Update-gate bias").is_hidden()
    assert_step_shown(here)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_changes_from_python_are_drawn(bench, cell):
    here = bench(step=20)
    changes = {"cell": cell, "matrix": "triangular", "steps": 40, "radius": 1.234, "seed": 8}
    for name, new in changes.items():
        here.page.evaluate("([name, value]) => window.model.set(name, value)", [name, new])
    here.settle()
    assert_step_shown(here)
    assert here.text(".mm-controls output >> nth=2") == "1.23"
    legend = here.text(".twice-figure > .mm-legend")
    assert ("of the output h" in legend) == (cell == "lstm")
    assert here.page.locator(".mm-other").first.get_attribute("d") != "" or cell != "lstm"
    assert here.complaints == []


def test_nothing_that_arrives_is_drawn_and_told(bench):
    traits = {"activation": "relu", "matrix": "triangular", "radius": 1.1}
    here = bench(**traits, strength=0.35, seed=3, step=0)
    assert here.text(".mm-word") == "✕ vanishes"
    assert "nothing reaches step 1" in here.text(".twice-say")
    assert "no limit" in here.text(".mm-ratio")
    assert "gradient 0 " in here.text(".mm-numbers")
    assert "NaN" not in here.page.locator(".twice").inner_html()
    assert here.complaints == []


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, cell):
    here = bench(cell=cell)
    sliders = [("Spectral radius", 0.6, 0.01), ("Steps T", 41, 1)]
    bias = {"lstm": "Forget-gate bias", "gru": "Update-gate bias"}
    if cell != "rnn":
        sliders.append((bias[cell], -2, 0.1))
    for name, start, by in sliders:
        assert 0 < here.answer_time(label(here, name), start, by) < 16, name


@pytest.mark.parametrize("width", [320, 375, 700, 900])
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_nothing_moves_while_a_slider_does(bench, width, cell):
    here = bench(cell=cell, options={"viewport": {"width": width, "height": 800}})
    here.in_the_book()
    places = """() => [".mm-curve", ".mm-word", ".mm-controls", ".twice-say", ".mm-eigen"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    still = here.page.evaluate(places)
    sliders = {"Spectral radius": ["0.5", "1", "1.5"], "Steps T": ["2", "100"]}
    if cell == "lstm":
        sliders["Forget-gate bias"] = ["-2", "8"]
    for name, values in sliders.items():
        for new in values:
            label(here, name).fill(new)
            here.settle()
            assert here.page.evaluate(places) == pytest.approx(still, abs=0.5), (name, new)


@pytest.mark.parametrize("width", [320, 375, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    options = {"viewport": {"width": width, "height": 800}}
    here = bench(options=options)
    here.in_the_book()
    here.tone(tone)
    for cell in ("rnn", "lstm", "gru"):
        label(here, "Cell").select_option(cell)
        here.settle()
        here.assert_inside(
            width, ".mm-chain", ".mm-curve", ".mm-controls", ".mm-eigen", ".mm-scale"
        )
        assert here.cut() == []
        assert here.small_texts() == []
        overlap = here.page.locator(f"{CHAIN} text").evaluate_all(
            """(texts) => texts.map((t) => t.getBoundingClientRect())
                .map(({ left, right }) => [left, right]).sort((a, b) => a[0] - b[0])"""
        )
        assert all(a[1] + 4 < b[0] for a, b in itertools.pairwise(overlap))
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_what_carries_meaning_has_contrast(bench, tone):
    here = bench()
    here.tone(tone)
    code = lambda name: "#" + "".join(f"{v:02x}" for v in theme(here, name))  # noqa: E731
    surface = code("--twice-surface")
    assert contrast(code("--twice-class0"), surface) > 3
    assert contrast(code("--mm-hot"), surface) > 3
    assert contrast(code("--twice-on-class0"), code("--twice-class0")) > 4.5
    assert contrast(code("--twice-bad"), code("--twice-raised")) > 4.5
    assert contrast(code("--twice-good"), code("--twice-good-surface")) > 4.5
    assert contrast(code("--twice-class0"), code("--twice-line")) > 2.5  # learned, forgotten


def test_every_input_has_a_label(bench):
    bench().assert_labelled()


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.assert_leaves_nothing()
