"""The search demo in Chromium, alone on a page, with a stand-in for the kernel."""

import re

import numpy as np
import pytest
from bench import contrast

from twice.widgets import Search

pytestmark = pytest.mark.browser
WIDE = {"viewport": {"width": 960, "height": 900}}
LABELS = {"side": "Trials", "importance": "Importance of the rest", "angle": "Angle"}


@pytest.fixture
def bench(new_bench):
    def make(options=None, **traits):
        return new_bench(Search(**traits), **(options or WIDE))

    return make


def slide(here, name, value):
    here.page.get_by_label(LABELS[name], exact=True).fill(str(value))
    here.settle()


def twin(here):
    return Search(**{name: here.trait(name) for name in ("side", "importance", "angle", "seed")})


def table(here):
    """{"grid": [values, best loss], ...} as the table tells them."""
    rows = here.page.locator(".sr-table tr").all_inner_texts()[1:]
    found = [[float(v) for v in row.split()[1:]] for row in rows]
    return dict(zip(("grid", "random"), found, strict=True))


def shares(here):
    return [float(v) for v in re.findall(r"([\d.]+)%", here.text(".sr-words"))]


def assert_shown(here):
    demo = twin(here)
    told = table(here)
    for kind in ("grid", "random"):
        assert told[kind] == [demo.values[kind], pytest.approx(demo.losses[kind].min(), abs=6e-4)]
    wanted = [100 * demo.share, 100 - 100 * demo.share]
    np.testing.assert_allclose(shares(here), wanted, atol=0.06)
    assert f"random wins {100 * demo.share:.1f}%" in here.text(".twice-say")


def test_every_control_moves_the_numbers_as_in_python(bench):
    here = bench()
    assert_shown(here)
    for name, value in [("importance", 0.4), ("angle", 30), ("side", 6), ("importance", 0)]:
        slide(here, name, value)
        assert here.trait(name) == value
        assert_shown(here)
    before = here.trait("seed")
    for _ in range(2):
        here.press("Search again")
        assert_shown(here)
    assert here.trait("seed") == before + 2
    assert here.page.evaluate("window.model.saved") >= 2
    assert here.complaints == []


def test_as_many_marks_as_trials_and_one_ring_around_each_best(bench):
    here = bench(side=5)
    for kind in ("grid", "random"):
        path = here.page.locator(f".twice-square .sr-{kind} .sr-mark").get_attribute("d")
        assert path.count("M") == 25
        ring = here.page.locator(f".twice-square .sr-{kind} .sr-winner").bounding_box()
        demo, plot = twin(here), here.page.locator(".twice-square canvas").bounding_box()
        x, y = demo.trials[kind][demo.losses[kind].argmin()]
        assert ring["x"] + ring["width"] / 2 == pytest.approx(
            plot["x"] + x * plot["width"], abs=1.5
        )
        middle = plot["y"] + (1 - y) * plot["height"]
        assert ring["y"] + ring["height"] / 2 == pytest.approx(middle, abs=1.5)


def test_the_surface_is_hidden_until_asked_for_and_lies_where_python_says(bench):
    here = bench(importance=0.5, angle=30.0)
    rings = here.page.locator(".sr-ring").last
    assert not rings.is_visible()
    assert "hidden" in here.text(".sr-key")
    here.page.get_by_label("Show the surface").check()
    here.settle()
    assert rings.is_visible()
    assert here.trait("show_surface") is True
    assert "hidden" not in here.text(".sr-key")
    demo, plot = twin(here), here.page.locator(".twice-square canvas").bounding_box()
    at = here.page.locator(".twice-square .sr-lowest .sr-mark").bounding_box()
    x = plot["x"] + demo.best[0] * plot["width"]
    assert at["x"] + at["width"] / 2 == pytest.approx(x, abs=1.5)
    size = rings.evaluate("(e) => [e.rx.baseVal.value, e.ry.baseVal.value]")
    np.testing.assert_allclose(size, [0.1 * plot["width"], 0.2 * plot["width"]], rtol=0.01)
    # turned against the clock, the long axis leans to the left of upright
    inside = """(e, [x, y]) => { const p = new DOMPoint(x, y).matrixTransform(
        e.getScreenCTM().inverse()); return e.isPointInFill(p); }"""
    width = plot["width"]
    y = plot["y"] + (1 - demo.best[1]) * plot["height"]
    lean = 0.17 * width * np.array([-np.sin(np.radians(30)), -np.cos(np.radians(30))])
    assert rings.evaluate(inside, [x + lean[0], y + lean[1]])
    assert not rings.evaluate(inside, [x - lean[0], y + lean[1]])


def test_the_arrow_turns_by_mouse_and_keyboard(bench):
    here = bench()
    tip = here.page.locator(".twice-handle")
    here.drag(tip, -10, -120)
    turned = here.trait("angle")
    assert 10 < turned < 45
    assert_shown(here)
    tip.focus()
    for _ in range(3):
        here.page.keyboard.press("ArrowUp")
        here.settle()
    assert turned < here.trait("angle") < turned + 8
    here.drag(tip, -400, 300)
    assert here.trait("angle") in (0, 45)
    assert_shown(here)
    assert here.page.evaluate("window.model.saved") >= 4


def test_the_goal_is_met_with_the_slider_and_stays_met(bench):
    here = bench()
    assert here.text(".twice-badge") == "Goal"
    assert here.trait("goal_met") is False
    slider = here.page.get_by_label(LABELS["importance"], exact=True)
    slider.focus()
    for _ in range(40):
        if here.trait("goal_met"):
            break
        here.page.keyboard.press("ArrowRight")
        here.settle()
    assert here.trait("goal_met") is True
    assert 0.1 < here.trait("importance") < 0.3
    assert here.text(".twice-badge") == "✓ Goal met"
    assert "A fair race" in here.text(".twice-say")
    slide(here, "importance", 1)
    assert here.text(".twice-goal").splitlines()[-1].startswith("Met earlier: Random wins ")
    assert here.trait("goal_met") is True


def test_what_python_sets_is_drawn_and_spoken_once_at_rest(bench):
    here = bench()
    here.page.evaluate("window.model.set('angle', 20); window.model.set('side', 4)")
    here.settle()
    assert_shown(here)
    assert here.page.get_by_label("Trials", exact=True).input_value() == "4"
    said = here.text(".twice-say")
    here.page.wait_for_function(
        "(text) => document.querySelector('.sr-spoken').textContent === text", arg=said
    )


@pytest.mark.parametrize(("name", "start", "by"), [("importance", 0.1, 0.01), ("angle", 1, 0.7)])
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, name, start, by):
    here = bench(side=8, show_surface=True)
    slider = here.page.get_by_label(LABELS[name], exact=True)
    assert 0 < here.answer_time(slider, start, by) < 16


@pytest.mark.parametrize("width", [320, 360, 480, 700, 960, 1440])
def test_every_width_in_both_tones(bench, width):
    here = bench({"viewport": {"width": width, "height": 900}}, show_surface=True)
    here.in_the_book()
    for tone in ("light", "dark"):
        here.tone(tone)
        for side, importance, angle in [(3, 0, 0), (8, 1, 45), (5, 0.2, 20)]:
            for name, value in [("side", side), ("importance", importance), ("angle", angle)]:
                slide(here, name, value)
            assert here.cut() == []
            assert here.small_texts() == []
        here.assert_inside(width, ".twice-square", ".twice-panel", ".sr-bar")
    here.assert_labelled()
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 360, 390, 700, 960])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench({"viewport": {"width": width, "height": 900}})
    here.in_the_book()
    places = """() => ["figure", "panel", "say", "foot"].map((name) => `.twice-${name}`)
        .concat(".sr-table", ".sr-note", ".sr-bar").map((name) => {
            const box = document.querySelector(name).getBoundingClientRect();
            return [name, Math.round(box.top + scrollY), Math.round(box.height)]; })"""
    still = here.page.evaluate(places)
    for side, importance, angle in [(8, 0, 20), (3, 0.2, 0), (5, 1, 45), (8, 0.2, 0), (2, 0, 0)]:
        for name, value in [("side", side), ("importance", importance), ("angle", angle)]:
            slide(here, name, value)
            assert here.page.evaluate(places) == still, here.text(".twice-say")


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_colors_stand_out_in_both_themes(bench, tone):
    here = bench()
    here.tone(tone)
    surface, *colors = here.page.evaluate(
        """() => { const style = getComputedStyle(document.querySelector(".twice"));
            return ["--twice-surface", "--sr-grid", "--sr-random", "--sr-lowest"].map(
                (name) => style.getPropertyValue(name).trim()); }"""
    )
    assert len(set(colors)) == 3
    for color in colors:
        assert contrast(color, surface) >= 4.5


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.press("Search again")
    here.assert_leaves_nothing()
