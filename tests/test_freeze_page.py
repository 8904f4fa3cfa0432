"""The freeze demo in Chromium, alone on a page, with a stand-in for the kernel."""

import re

import numpy as np
import pytest
from bench import contrast

from twice.widgets import Freeze
from twice.widgets.freeze import extreme, is_clear

pytestmark = pytest.mark.browser
WIDE = {"viewport": {"width": 960, "height": 1000}}
TRAITS = ("target", "way", "kept", "amount", "show", "tried")


@pytest.fixture
def bench(new_bench):
    def make(options=None, **traits):
        return new_bench(Freeze(**traits), **(options or WIDE))

    return make


def twin(here):
    return Freeze(**{name: here.trait(name) for name in TRAITS})


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def slide(here, name, value):
    label(here, name).fill(str(value))
    here.settle()


def pick(here, name, value):
    label(here, name).select_option(value)
    here.settle()


def cell(here, kept, amount):
    return here.page.locator(".fz-cell").nth(6 * amount + kept)


def block(here, k):
    return here.page.locator("button.fz-block").nth(k)


def states(here):
    return here.page.evaluate(
        "[...document.querySelectorAll('.fz-block')].map((node) => node.dataset.state)"
    )


def assert_shown(here):
    """Map, network, sentence and dots tell what Python tells."""
    demo = twin(here)
    table = 100 * np.array(demo.surface["accuracy"][demo.way])
    won = (table - table[:1]).mean(axis=2)
    told = [text.replace("−", "-") for text in here.page.locator(".fz-cell").all_inner_texts()]
    wanted = (won if demo.show == "gain" else table.mean(axis=2)).T.ravel()
    np.testing.assert_allclose([float(t) for t in told], wanted, atol=0.51)
    small = np.abs(wanted) < (9.9 if demo.show == "gain" else 101)
    np.testing.assert_allclose(np.array(told, float)[small], wanted[small], atol=0.0501)
    assert states(here) == ["image"] + [demo.way] * demo.kept + ["new"] * (6 - demo.kept)
    chosen = here.page.locator(".fz-cell[aria-selected='true']")
    assert chosen.count() == 1
    assert chosen.inner_text() == cell(here, demo.kept, demo.amount).inner_text()
    said = here.text(".twice-say")
    assert f"{demo.images:,} images" in said
    assert f"{100 * demo.accuracy.mean():.1f} ± " in said
    if demo.kept:
        word = "Larger than" if is_clear(demo.gain) else "Within"
        assert f"{word} the spread" in said
    assert label(here, "Layers kept").input_value() == str(demo.kept)
    assert label(here, "Training images").input_value() == str(demo.amount)


def test_every_control_moves_the_numbers_as_in_python(bench):
    here = bench()
    assert_shown(here)
    slide(here, "Layers kept", 5)
    assert_shown(here)
    slide(here, "Training images", 5)
    assert_shown(here)
    pick(here, "Kept layers", "fine-tuned")
    assert_shown(here)
    pick(here, "New task", "shapes")
    assert_shown(here)
    assert "6 classes; guessing: 17 % right" in here.text(".twice-panel")
    pick(here, "Numbers in the map", "accuracy")
    assert_shown(here)
    slide(here, "Layers kept", 0)
    assert_shown(here)
    assert here.page.evaluate("window.model.saved") >= 6
    assert here.complaints == []


def test_layers_are_kept_by_a_click_on_the_network(bench):
    here = bench()
    for k, wanted in [(5, 5), (2, 2), (2, 1), (1, 0), (4, 4), (0, 0), (0, 0)]:
        block(here, k).click()
        here.settle()
        assert here.trait("kept") == wanted
        assert_shown(here)
    block(here, 3).focus()
    here.page.keyboard.press("Enter")
    here.settle()
    assert here.trait("kept") == 3
    assert block(here, 3).get_attribute("aria-pressed") == "true"
    assert block(here, 3).get_attribute("aria-label") == "Layer 3: kept, frozen"


def test_a_cell_is_chosen_by_mouse_and_keyboard(bench):
    here = bench()
    cell(here, 4, 3).click()
    here.settle()
    assert (here.trait("kept"), here.trait("amount")) == (4, 3)
    for key, place in [
        ("ArrowRight", (5, 3)),
        ("ArrowRight", (5, 3)),
        ("ArrowUp", (5, 2)),
        ("ArrowLeft", (4, 2)),
        ("ArrowDown", (4, 3)),
    ]:
        here.page.keyboard.press(key)
        here.settle()
        assert (here.trait("kept"), here.trait("amount")) == place, key
        assert here.page.evaluate("document.activeElement.ariaSelected") == "true"
    assert_shown(here)
    assert here.complaints == []


def test_columns_of_the_map_stand_below_their_layers(bench):
    here = bench()
    for k in range(6):
        above, below = block(here, k).bounding_box(), cell(here, k, 0).bounding_box()
        assert above["x"] == pytest.approx(below["x"], abs=1)
        assert above["width"] == pytest.approx(below["width"], abs=1)
        assert above["y"] + above["height"] < below["y"]


def test_five_seeds_are_drawn_where_python_says(bench):
    here = bench(target="shapes", way="fine-tuned", kept=2, amount=4)
    demo = twin(here)
    row = 100 * np.array(demo.surface["accuracy"][demo.way])[:, 4]
    column = 100 * np.array(demo.surface["accuracy"][demo.way])[2]
    for axis, values in (("row", row), ("column", column)):
        side = f".fz-along-{axis} .twice-plot"
        dots = here.page.evaluate(
            """(side) => [...document.querySelectorAll(`${side} .fz-seed`)].map(
                (dot) => [dot.cx.baseVal.value, dot.cy.baseVal.value])""",
            side,
        )
        assert len(dots) == 30
        x, y = np.reshape(dots, (6, 5, 2)).T
        slope, start = np.polyfit(values.ravel(), y.T.ravel(), 1)
        np.testing.assert_allclose(y.T, start + slope * values, atol=0.05)
        assert slope < 0  # up is more
        np.testing.assert_allclose(np.ptp(x, axis=0), 12, atol=0.01)  # seeds stand side by side
        assert (np.diff(x.mean(axis=0)) > 15).all()
        # the dashed line: from scratch, and the mean line through the dots
        for name, wanted in (
            ("mean", values.mean(axis=1)),
            (
                "scratch",
                np.full(6, row[0].mean())
                if axis == "row"
                else 100 * np.mean(demo.surface["accuracy"][demo.way][0], axis=1),
            ),
        ):
            path = here.page.locator(f"{side} .fz-{name}").get_attribute("d")
            found = [float(v) for v in re.findall(r"[ML]\S+ ([-\d.]+)", path)]
            np.testing.assert_allclose(found, start + slope * wanted, atol=0.05)
    ticks = here.page.locator(".fz-along-column .twice-axes text").all_text_contents()
    assert ticks[:6] == [f"{n / 1000:g}k" if n >= 1000 else str(n) for n in demo.surface["counts"]]
    assert here.text(".fz-along-row .fz-heading") == f"With {demo.images:,} images"
    assert here.text(".fz-along-column .fz-heading") == "With the first 2 layers kept"


def test_gains_within_the_spread_have_no_color(bench):
    here = bench(target="shapes", show="gain")
    demo = twin(here)
    table = 100 * np.array(demo.surface["accuracy"][demo.way])
    won = table - table[:1]
    none = here.page.evaluate(
        "[...document.querySelectorAll('.fz-cell')].map((n) => n.classList.contains('fz-none'))"
    )
    wanted = [not is_clear(won[k, n]) for n in range(6) for k in range(6)]
    assert none == wanted
    assert any(none)
    assert not all(none)
    assert "Without color: within the spread" in here.text(".fz-caption")


def test_a_color_means_the_same_number_on_every_map(bench):
    here = bench()
    for show in ("gain", "accuracy"):
        pick(here, "Numbers in the map", show)
        ends, colors = set(), {}
        for target in Freeze().surfaces:
            for way in ("frozen", "fine-tuned"):
                pick(here, "New task", target)
                pick(here, "Kept layers", way)
                ends.add(here.text(".fz-scale"))
                shown = here.page.evaluate(
                    """[...document.querySelectorAll(".fz-cell")].map((n) =>
                        [n.classList.contains("fz-none") ? "" : n.innerText,
                         n.style.background])"""
                )
                for number, color in shown:
                    if number:
                        colors.setdefault(number, []).append(color)
        assert len(ends) == 1

        def channels(color):
            return [int(v) for v in re.findall(r"\d+", color)]

        for number, made in colors.items():  # equal up to what the number rounds away
            assert np.ptp([channels(color) for color in made], axis=0).max() <= 12, number


def test_the_goal_is_reached_by_hand(bench):
    here = bench()
    assert here.text(".twice-badge") == "Goal"
    assert here.trait("goal_met") is False
    assert "does this one gain or lose most?" in here.text(".fz-verdict")
    here.press("Gains most")
    assert here.text(".fz-verdict").startswith("✗ Gains most? Handwritten digits")
    here.press("Gains most")
    assert len(here.trait("tried")) == 1  # the same claim again is no new one
    slide(here, "Layers kept", 0)
    assert here.page.get_by_role("button", name="Loses most").is_disabled()
    assert here.page.locator(".fz-verdict.fz-past").count() == 1  # of another setting
    for claim, wish in (("least", "Loses most"), ("most", "Gains most")):
        assert here.trait("goal_met") is False
        target, way, kept, amount = extreme(Freeze().surfaces, claim)
        pick(here, "New task", target)
        pick(here, "Kept layers", way)
        slide(here, "Training images", amount)
        block(here, kept).click() if here.trait("kept") != kept else None
        here.settle()
        here.press(wish)
        assert here.text(".fz-verdict").startswith(f"✓ {wish}:")
        name = f"✓ {wish}"
        assert here.page.get_by_role("button", name=name).is_disabled()
    assert here.trait("goal_met") is True
    assert here.text(".twice-badge") == "✓ Goal met"
    assert "Both found with 3 claims. Most gained (+" in here.text(".twice-goal")
    slide(here, "Layers kept", 1)
    assert here.trait("goal_met") is True
    assert twin(here).found == ["most", "least"]
    assert here.complaints == []


def test_what_python_sets_is_drawn_and_spoken_once_at_rest(bench):
    here = bench()
    here.page.evaluate(
        """for (const [name, value] of Object.entries(
            { target: "shapes", kept: 5, amount: 4, way: "fine-tuned", show: "gain" }))
            window.model.set(name, value);"""
    )
    here.settle()
    assert_shown(here)
    said = here.text(".twice-say")
    here.page.wait_for_function(
        "(t) => document.querySelector('.fz-spoken').textContent.replaceAll('\u00a0', ' ') === t",
        arg=said,
    )


@pytest.mark.parametrize("name", ["Layers kept", "Training images"])
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, name):
    tried = [["most", "digits", "frozen", 1, 1], ["least", "digits", "frozen", 5, 5]]
    here = bench(tried=tried, target="shapes", show="gain")
    slider = label(here, name)
    action = """async (slider, value) => {
        slider.value = value % 6;
        slider.dispatchEvent(new Event("input"));
        for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
    }"""
    assert 0 < here.answer_time(slider, 0, 1, steps=40, action=action) < 16


@pytest.mark.parametrize("width", [320, 360, 480, 700, 960, 1440])
def test_every_width_in_both_tones(bench, width):
    here = bench({"viewport": {"width": width, "height": 900}}, tried=[])
    here.in_the_book()
    for tone, target, show, place in [
        ("light", "digits", "accuracy", (3, 1)),
        ("dark", "shapes", "gain", (5, 5)),
    ]:
        here.tone(tone)
        pick(here, "New task", target)
        pick(here, "Numbers in the map", show)
        cell(here, *place).click()
        here.settle()
        here.press("Gains most")
        assert here.cut() == []
        assert here.small_texts() == []
        wide = here.page.evaluate(
            """() => [...document.querySelectorAll(".fz-cell, .fz-block .fz-number")].filter(
                (node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth)
                .map((node) => node.textContent)"""
        )
        assert wide == []
        here.assert_inside(width, ".fz-map", ".twice-panel", ".fz-along-row", ".fz-along-column")
    here.assert_labelled()
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 360, 390, 700, 960])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench({"viewport": {"width": width, "height": 900}})
    here.in_the_book()
    where = """() => ["figure", "panel", "say", "foot"].map((name) => `.twice-${name}`)
        .concat(".fz-claims", ".fz-along-column").map((name) => {
            const box = document.querySelector(name).getBoundingClientRect();
            return [name, Math.round(box.top + scrollY), Math.round(box.height)]; })"""
    still = here.page.evaluate(where)
    places = [("digits", 0, 0), ("shapes", 5, 5), ("shapes", 4, 4), ("digits", 2, 5)]
    for target, kept, amount in places:
        for way in ("frozen", "fine-tuned"):
            here.page.evaluate(
                """([target, way]) => { window.model.set("target", target);
                    window.model.set("way", way); }""",
                [target, way],
            )
            slide(here, "Layers kept", kept)
            slide(here, "Training images", amount)
            assert here.page.evaluate(where) == still, here.text(".twice-say")


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_colors_stand_out_in_both_themes(bench, tone):
    here = bench()
    here.tone(tone)
    surface, on, *colors = here.page.evaluate(
        """() => { const style = getComputedStyle(document.querySelector(".twice"));
            return ["--twice-surface", "--fz-on", "--fz-frozen", "--fz-tuned", "--fz-new"].map(
                (name) => style.getPropertyValue(name).trim()); }"""
    )
    assert len(set(colors)) == 3
    for color in colors:
        assert contrast(color, surface) >= 4.5
    for color in colors[:2]:
        assert contrast(color, on) >= 4.5


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.press("Loses most")
    here.assert_leaves_nothing()
