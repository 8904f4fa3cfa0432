"""The schedule demo in Chromium, alone on a page, with a stand-in for the kernel."""

import math

import pytest
from bench import contrast

from twice.widgets import Schedule
from twice.widgets.schedule import BEST, PRESETS, preset

pytestmark = pytest.mark.browser
TRAINED = """() => !document.querySelector(".twice-say").textContent.startsWith("Training")"""


def trained(here):
    """Wait until the five nets, and those at the peak, are trained."""
    here.settle()
    here.page.wait_for_function(TRAINED, timeout=60_000)
    here.settle()


@pytest.fixture
def bench(new_bench):
    def make(name="constant", peak=1.2, *, options=None, wait=True, **traits):
        here = new_bench(Schedule(name, peak, **traits), **(options or {}))
        if wait:
            trained(here)
        return here

    return make


def handle(here, words):
    return here.page.locator(f".twice-handle[aria-label^='{words}']:visible")


def slide(here, label, rate):
    here.page.get_by_label(label, exact=True).fill(f"{math.log10(rate):.2f}")


def row(here, name):
    """The two numbers of a row of the table."""
    line = here.page.locator(".sc-table [role=row]", has_text=name).inner_text()
    return line.split("\n")[-2:]


def bold(here):
    return here.page.locator("path.sc-median").first.get_attribute("d")


def steps_of(here):
    return [piece["steps"] for piece in here.trait("pieces")]


def test_it_begins_with_a_rate_that_is_too_high(bench):
    here = bench()
    assert here.trait("goal_met") is False
    assert "1.2 is so high that most nets" in here.text(".twice-say")
    final = Schedule().final_loss
    assert row(here, "This schedule") == ["1.2", f"{final:.3f}"]
    assert row(here, "Best of 21") == ["0.27", "0.171"]
    assert bold(here).count("L") == 100
    assert here.page.locator("svg path.sc-thin").count() == 9
    assert here.complaints == []


def test_the_page_shows_the_numbers_of_the_library(bench):
    for name, peak, optimizer in [("one_cycle", 0.3, "sgd"), ("cosine", 0.03, "adam")]:
        here = bench(name, peak, optimizer=optimizer)
        demo = Schedule(name, peak, optimizer=optimizer)
        assert row(here, "This schedule") == [f"{peak:g}", f"{demo.final_loss:.3f}"]
        held = Schedule("constant", peak, optimizer=optimizer).final_loss
        assert row(here, "held constant") == [f"{peak:g}", f"{held:.3f}"]
        assert here.page.get_by_label("Start from").input_value() == name


def test_the_goal_is_met_with_the_mouse_a_preset_and_a_lower_peak(bench):
    here = bench()
    here.page.get_by_label("Start from").select_option("cosine")
    trained(here)
    assert here.trait("goal_met") is False
    assert "The best constant rate, 0.27, still gives less" in here.text(".twice-say")
    slide(here, "Rate at its start", 0.6)
    trained(here)
    assert here.trait("goal_met") is True
    assert here.trait("pieces")[0]["start"] == pytest.approx(0.6, rel=0.02)
    text = here.text(".twice-goal")
    assert "below the best constant rate (0.27: 0.171), in the same 1,000 steps" in text
    final = Schedule(pieces=here.trait("pieces")).final_loss
    assert f"Final loss {final:.3f}" in text
    slide(here, "Rate at its start", 0.02)  # once met, it stays met
    trained(here)
    assert here.trait("goal_met") is True
    assert f"Met before, with a final loss of {final:.3f}" in here.text(".twice-goal")
    assert here.trait("best")["sgd"]["loss"] == pytest.approx(final)
    here.press("Back to my best")
    trained(here)
    assert row(here, "This schedule") == row(here, "Your best so far")
    here.press("Reset")
    trained(here)
    assert here.trait("goal_met") is False
    assert here.trait("pieces") == preset("constant")
    assert here.complaints == []


def test_the_goal_can_be_met_by_the_keyboard_alone(bench):
    here = bench()
    press = here.page.keyboard.press
    here.page.get_by_label("Kind").focus()
    press("C")  # Cosine decay
    trained(here)
    assert here.trait("pieces")[0]["kind"] == "cosine"
    handle(here, "Start of piece 1").focus()
    for _ in range(40):  # 2 % of the axis each
        if here.trait("pieces")[0]["start"] < 0.7:
            break
        press("ArrowDown")
    assert 0.5 < here.trait("pieces")[0]["start"] < 0.7
    handle(here, "End of piece 1").focus()
    press("ArrowDown")
    press("ArrowDown")
    trained(here)
    assert here.trait("pieces")[0]["end"] < 0.05
    assert here.trait("goal_met") is True


def test_a_border_and_its_rate_are_dragged(bench):
    here = bench("warm_cosine", 0.7)
    before = bold(here)
    node = handle(here, "End of piece 1")
    width = here.page.locator(".sc-rate canvas:visible").bounding_box()["width"]
    here.drag(node, 0.2 * width, 40)
    first, second = here.trait("pieces")
    assert first["steps"] == pytest.approx(300, abs=12)
    assert first["steps"] + second["steps"] == 1000
    assert 0.3 < first["end"] < 0.6
    assert second["start"] is None  # the cosine begins where the warm-up ends
    assert f"rate {first['end']:.2g} at step {first['steps']}." in node.get_attribute("aria-label")
    trained(here)
    assert bold(here) != before
    old = here.page.locator("svg path.sc-old").get_attribute("d")
    assert old == before  # the curve before stays, pale
    node.focus()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("Shift+ArrowLeft")
    assert here.trait("pieces")[0]["steps"] == first["steps"] + 9
    for _ in range(100):
        here.page.keyboard.press("ArrowRight")
    here.settle()
    assert steps_of(here) == [990, 10]
    assert here.complaints == []


def test_dragging_works_on_the_logarithmic_axis(bench):
    here = bench("cosine", 0.5)
    here.page.get_by_label("Log axis for the rate").check()
    here.settle()
    assert here.page.locator(".sc-rate:visible").count() == 1
    node = handle(here, "Start of piece 1")
    node.scroll_into_view_if_needed()
    height = here.page.locator(".sc-rate canvas:visible").bounding_box()["height"]
    here.drag(node, 0, height / 5)  # five decades
    assert here.trait("pieces")[0]["start"] == pytest.approx(0.05, rel=0.1)
    node.focus()
    here.page.keyboard.press("ArrowUp")
    assert here.trait("pieces")[0]["start"] == pytest.approx(0.05 * 10**0.1, rel=0.1)
    assert here.trait("pieces")[0]["end"] == 0
    assert here.complaints == []


def test_pieces_are_added_changed_moved_and_removed(bench):
    here = bench()
    here.press("Add")
    assert steps_of(here) == [500, 500]
    assert here.trait("chosen") == 1
    assert here.page.get_by_label("Start from").input_value() == "own"
    here.page.get_by_label("Kind").select_option("step")
    here.settle()
    here.page.get_by_label("Drops").fill("2")
    here.page.get_by_label("Steps", exact=True).fill("300")
    here.settle()
    assert steps_of(here) == [700, 300]
    assert here.trait("pieces")[1]["count"] == 2
    joined = here.page.get_by_label("Begins where the last piece ends")
    assert joined.is_checked()
    assert here.page.get_by_label("Rate at its start").is_hidden()
    joined.uncheck()
    slide(here, "Rate at its start", 0.3)
    here.settle()
    assert here.trait("pieces")[1]["start"] == pytest.approx(0.3, rel=0.02)
    here.page.get_by_role("button", name="Move earlier").click()
    here.settle()
    assert [p["kind"] for p in here.trait("pieces")] == ["step", "constant"]
    assert here.trait("chosen") == 0
    assert here.page.get_by_role("button", name="Move earlier").is_disabled()
    here.page.get_by_role("button", name="Move later").click()
    here.settle()
    here.page.locator(".sc-pieces button").first.click()
    assert here.trait("chosen") == 0
    here.press("Remove")
    assert [p["kind"] for p in here.trait("pieces")] == ["step"]
    assert here.page.get_by_role("button", name="Remove").is_disabled()
    for _ in range(7):
        here.press("Add")
        here.page.locator(".sc-pieces button").nth(
            steps_of(here).index(max(steps_of(here)))
        ).click()
    assert len(steps_of(here)) == 8
    assert sum(steps_of(here)) == 1000
    assert here.page.get_by_role("button", name="Add").is_disabled()
    assert handle(here, "End of piece").count() == 8
    trained(here)
    assert here.complaints == []


def test_every_preset_keeps_the_peak_and_is_trained(bench):
    here = bench("constant", 0.5)
    seen = set()
    for name in reversed(PRESETS):
        here.page.get_by_label("Start from").select_option(name)
        trained(here)
        assert here.page.get_by_label("Start from").input_value() == name
        assert here.trait("pieces") == preset(name, 0.5)
        assert row(here, "This schedule")[0] == "0.5"
        seen.add(row(here, "This schedule")[1])
    assert len(seen) == 7


def test_another_optimizer_scales_the_rates_and_has_its_own_best(bench):
    here = bench("cosine", 0.27)
    for name in ("momentum", "adam", "sgd"):
        here.page.get_by_label("Optimizer").select_option(name)
        trained(here)
        rate, loss = BEST[name]
        assert here.trait("pieces")[0]["start"] == pytest.approx(rate)
        assert row(here, "Best of 21") == [f"{rate:g}", f"{loss:.3f}"]
        assert row(here, "This schedule") == row(here, "Your best so far")
    assert set(here.trait("best")) == {"sgd", "momentum", "adam"}


def test_changes_from_python_are_drawn_and_trained(bench):
    here = bench()
    before = bold(here)
    pieces = preset("warm_cosine", 0.4)
    here.page.evaluate("(p) => window.model.set('pieces', p)", pieces)
    here.page.evaluate("window.model.set('chosen', 1)")
    trained(here)
    assert bold(here) != before
    assert here.page.locator(".sc-pieces button:visible").count() == 2
    assert here.page.locator(".sc-pieces button").nth(1).get_attribute("aria-pressed") == "true"
    assert "Piece 2 of 2" in here.text(".sc-piece")


def test_the_training_grows_from_frame_to_frame_and_starts_anew_at_a_change(bench):
    here = bench("cosine", 0.7, wait=False, options={"reduced_motion": "no-preference"})
    here.page.evaluate(
        """() => { window.seen = new Set();
            const line = [...document.querySelectorAll("svg path.sc-median")][0];
            new MutationObserver(() => window.seen.add(line.getAttribute("d").split("L").length))
                .observe(line, { attributes: true }); }"""
    )
    slide(here, "Rate at its start", 0.5)
    here.page.wait_for_function(
        "() => document.querySelector('.twice-say').textContent.startsWith('Training')"
    )
    trained(here)
    seen = here.page.evaluate("[...window.seen]")
    assert max(seen) == 101
    assert len(seen) >= 4  # not all at once: the page lives meanwhile
    assert row(here, "This schedule")[0] == "0.5"
    assert here.complaints == []


def test_a_step_of_a_slider_is_answered_within_a_frame(bench):
    here = bench("cyclical", 0.7)
    for label, start, by in [("Rate at its end", -2, 0.04), ("Steps", 40, 5)]:
        median = here.answer_time(here.page.get_by_label(label, exact=True), start, by)
        assert 0 < median < 16, label


@pytest.mark.parametrize("width", [320, 375, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(
        "cyclical", 0.123, options={"viewport": {"width": width, "height": 800}}, log_axis=True
    )
    here.in_the_book()
    here.tone(tone)
    here.assert_inside(width, ".sc-pieces", ".sc-piece", ".sc-results", ".sc-regions", ".sc-table")
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.cut() == []
    assert here.small_texts() == []
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 360, 640, 900])
def test_nothing_moves_while_the_nets_are_trained(bench, width):
    here = bench("warm_cosine", 0.7, options={"viewport": {"width": width, "height": 800}})
    here.in_the_book()
    places = """() => [".twice-body", ".twice-say", ".sc-pieces", ".sc-results"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    still = here.page.evaluate(places)
    for peak in (0.01, 0.3, 5):
        here.page.evaluate("(p) => window.model.set('pieces', p)", preset("warm_cosine", peak))
        here.settle()
        assert here.page.evaluate(places) == still, peak
        trained(here)
        assert here.page.evaluate(places) == still, peak


def test_contrast_in_both_themes(bench):
    here = bench(wait=False)
    for tone in ("light", "dark"):
        here.tone(tone)
        colors = here.page.evaluate(
            """() => Object.fromEntries(["surface", "curve", "mark", "good", "muted"].map((name) =>
                [name, getComputedStyle(document.querySelector(".twice"))
                    .getPropertyValue(`--twice-${name}`).trim()]))"""
        )
        surface = colors.pop("surface")
        for name, color in colors.items():
            assert contrast(color, surface) >= 4.5, (tone, name)


def test_the_regions_are_those_of_the_trained_net_in_either_theme(bench):
    here = bench("cosine", 0.7)
    first = here.pixels("canvas.sc-regions")
    here.tone("dark")
    assert here.pixels("canvas.sc-regions") != first
    here.tone("light")
    assert here.pixels("canvas.sc-regions") == first
    here.page.get_by_label("Start from").select_option("constant")
    trained(here)
    assert here.pixels("canvas.sc-regions") != first


def test_every_input_has_a_label_and_the_pieces_say_what_they_are(bench):
    here = bench("one_cycle", 0.5)
    here.assert_labelled()
    texts = here.page.locator(".sc-pieces button:visible").all_inner_texts()
    assert texts == [
        "1 Warm-up (linear)\n0–300: 0.02 → 0.5",
        "2 Cosine decay\n300–1000: 0.5 → nearly 0",
    ]
    assert here.page.locator(".twice-say").get_attribute("aria-live") == "polite"


def test_a_demo_that_goes_away_in_the_middle_of_a_training_leaves_nothing_behind(bench):
    here = bench("cosine", 0.7, wait=False)
    here.assert_leaves_nothing()
