"""The dropout demo in Chromium, alone on a page, with a stand-in for the kernel."""

import numpy as np
import pytest

from twice.widgets import DropoutNet, dropout_net
from twice.widgets.base import SeededGenerator

pytestmark = pytest.mark.browser
PLANE = ".dn-many canvas"
TRAITS = ("rate", "scaling", "seed", "steps", "masks", "unit", "point")
RATE, STEP, SCALING = "Dropout rate", "Step of the training", "Scaling in training"


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, folded=False, **traits):
        size = {"viewport": {"width": 960, "height": 1500}}
        here = new_bench(DropoutNet(**traits), **(size | (options or {})))
        wait_for_all(here)
        if not folded:
            here.page.locator("summary").click()
            here.settle()
        return here

    return make


def wait_for_all(here):
    """Until the page has trained, and counted the masks and all 4,096 nets."""
    masks, rate = here.trait("masks"), here.trait("rate")
    said = "every mask is the full net" if not rate else "thinned nets is"
    here.page.wait_for_function(
        """([said, masks, rate]) => {
            const text = document.querySelector(".dn-far .dn-told").textContent;
            return text.includes(said) && (!rate || masks === 1 || text.includes(` ${masks} `));
        }""",
        arg=[said, masks, rate],
    )


def wait_for_run(here):
    """Until the net of the present settings is trained and told."""
    loss = f"{twin(here).run.curve[-1, 2]:.2f}"
    here.page.wait_for_function(
        "(loss) => document.querySelector('.twice-say').textContent.includes(`at ${loss}`)"
        " || document.querySelector('.twice-say').textContent.includes(`loss ${loss}`)",
        arg=loss,
    )
    here.settle()


def twin(here):
    """The Python demo with the settings of the page."""
    return DropoutNet(**{name: here.trait(name) for name in TRAITS})


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def numbers(here):
    """The numbers in the circles of the hidden units; None for a dropped one."""
    words = here.page.locator(".dn-unit text").all_text_contents()
    return [None if word == "×" else float(word.replace("−", "-")) for word in words]


def assert_numbers_shown(here):
    """Graph, bars, losses and distances on the page are those of NumPy."""
    demo = twin(here)
    u = SeededGenerator(10 * demo.seed + 5).random(12 * demo.masks)[-12:]
    mask = np.where(u < demo.rate, 0, dropout_net.keep_factor(demo.rate, demo.scaling))
    w1, b1, w2, b2, _, _ = demo.weights
    h1 = np.maximum(np.array(demo.point) @ w1 + b1, 0)
    h2 = np.maximum((h1 * mask[:6]) @ w2 + b2, 0)
    sent = np.concatenate([h1, h2]) * mask
    for value, kept, shown in zip(sent, mask > 0, numbers(here), strict=True):
        assert (shown is not None) == kept
        if kept:
            assert shown == pytest.approx(value, abs=0.0051 if value < 9.9 else 0.051)
    full = np.concatenate([h1, np.maximum(h1 @ w2 + b2, 0)])[demo.unit]
    told = here.text(".dn-one .dn-told")
    assert f"In test it sends {full:.2f}" in told
    if mask[demo.unit] == 0:
        assert "is dropped: it sends 0" in told
    elif demo.scaling == "inverted" and demo.rate:
        assert f" / (1 − {demo.rate:.3g}) = {sent[demo.unit]:.2f}." in told
    bars = here.page.locator(".dn-bars li > :last-child").all_inner_texts()
    unit = demo.unit - 6 if demo.unit > 5 else int(np.abs(w2[demo.unit]).argmax())
    layer = [part[unit] for part in demo.expectations["layer_2"]]
    for text, value in zip(bars, [*layer, *demo.expectations["output"]], strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.00051)
    losses = [run.curve[demo.steps // 10, 2] for run in (demo.run, demo.twin)]
    told = here.text(".dn-training .dn-told")
    assert f"{losses[0]:.2f} with dropout, {losses[1]:.2f} without" in told
    return demo


def test_at_first_sight_everything_is_there(bench):
    here = bench()
    demo = assert_numbers_shown(here)
    found = demo.ensemble
    far = (
        f"by {found['to_full'][-1]:.3f}",
        f"is {np.abs(found['exact'] - found['full']).mean():.3f}",
    )
    for words in far:
        assert words in here.text(".dn-far .dn-told")
    assert "With a rate of 0.25 the validation loss ends at 1.08" in here.text(".twice-say")
    told = here.text(".dn-one .dn-told")
    assert "it sends 2.64 / (1 − 0.25) = 3.52. In test it sends 2.64." in told
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    assert here.complaints == []


def test_what_the_goal_needs_is_together_and_the_rest_is_folded(bench):
    here = bench(folded=True, options={"viewport": {"width": 800, "height": 900}})
    here.in_the_book(card=770)
    far = here.page.locator(".dn-far svg")
    assert far.is_hidden()
    slider, told, plot, goal = (
        part.bounding_box()
        for part in (
            label(here, RATE),
            here.page.locator(".twice-say"),
            here.page.locator(".dn-training svg"),
            here.page.locator(".twice-goal"),
        )
    )
    assert plot["x"] > slider["x"] + slider["width"]
    assert told["y"] + told["height"] - goal["y"] < 400
    assert plot["y"] + plot["height"] - goal["y"] < 420
    here.page.locator("summary").click()
    here.settle()
    assert far.is_visible()
    assert here.page.locator("path.dn-c-full").get_attribute("d").count("L") > 10
    assert here.complaints == []


def test_every_rate_trains_a_new_net(bench):
    here = bench()
    pictures, curves = {here.pixels(PLANE)}, set()
    for rate in ("0", "0.4", "0.9"):
        label(here, RATE).fill(rate)
        wait_for_run(here)
        wait_for_all(here)
        assert_numbers_shown(here)
        pictures.add(here.pixels(PLANE))
        curves.add(here.page.locator("path.dn-c-with:not(.dn-c-train)").first.get_attribute("d"))
    assert len(pictures) == 4
    assert len(curves) == 3
    assert "Nothing is dropped" not in here.text(".twice-say")
    assert here.complaints == []


def test_the_goal_is_reached_by_hand_when_the_slider_rests(bench):
    here = bench()
    slider = label(here, RATE)
    for value in ("0.6", "0.9", "0"):  # passing by does not count
        slider.fill(value)
        here.settle()
    wait_for_run(here)
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    slider.focus()
    for _ in range(14):
        here.page.keyboard.press("ArrowRight")
    assert here.trait("rate") == 0.7
    here.page.wait_for_selector(".twice-met", timeout=10_000)
    assert here.trait("goal_met") is True
    loss = f"{twin(here).run.curve[-1, 2]:.2f}"
    assert f"A rate of 0.7 ends at {loss}, without dropout it is 2.06" in here.text(".twice-goal")
    slider.fill("0.9")
    wait_for_run(here)
    assert here.trait("goal_met") is True  # once met, it stays
    here.press("Reset")
    wait_for_run(here)
    assert here.trait("rate") == 0.25
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False
    assert here.complaints == []


def test_masks_wink_one_by_one_and_in_crowds(bench):
    here = bench(options={"reduced_motion": "no-preference"})
    seen = {str(numbers(here))}
    for count in (31, 32, 33):
        here.press("Next mask")
        wait_for_all(here)
        assert here.trait("masks") == count
        assert f"Mask {count}, one of 2¹² = 4,096" in here.text(".dn-one .dn-told")
        assert_numbers_shown(here)
        seen.add(str(numbers(here)))
    assert len(seen) == 4
    here.press("Start again at mask 1")
    wait_for_all(here)
    assert here.trait("masks") == 1
    assert "One mask’s probabilities" in here.text(".dn-far .dn-told")
    here.press("▶ Many masks")
    here.page.wait_for_function("window.model.state.masks > 60", timeout=30_000)
    here.press("❚❚ Pause")
    wait_for_all(here)
    count = here.trait("masks")
    demo = assert_numbers_shown(here)
    assert count > 60
    assert f"by {demo.ensemble['to_full'][-1]:.3f}" in here.text(".dn-far .dn-told")
    here.page.wait_for_timeout(300)
    assert here.trait("masks") == count
    assert here.page.locator("path.dn-c-full").get_attribute("d").count("L") > 50
    assert here.complaints == []


def test_the_training_is_played_and_stops_at_its_end(bench):
    here = bench(options={"reduced_motion": "no-preference"}, steps=900)
    before = here.pixels(PLANE)
    here.press("▶ Play the training")
    here.page.wait_for_function("window.model.state.steps >= 950", timeout=20_000)
    here.press("❚❚ Pause")
    paused = here.trait("steps")
    here.page.wait_for_timeout(300)
    assert here.trait("steps") == paused
    label(here, STEP).fill("990")
    here.press("▶ Play the training")
    here.page.wait_for_function("!window.model.state.playing", timeout=20_000)
    assert here.trait("steps") == 1000
    wait_for_all(here)
    assert here.pixels(PLANE) != before
    assert_numbers_shown(here)
    here.press("▶ Play the training")  # from the beginning
    here.page.wait_for_timeout(400)
    assert 0 <= here.trait("steps") < 900
    label(here, STEP).fill("120")
    here.settle()
    assert here.trait("playing") is False
    wait_for_all(here)
    assert_numbers_shown(here)
    assert here.complaints == []


def test_who_wants_no_motion_goes_in_steps(bench):
    here = bench(options={"reduced_motion": "reduce"})
    for steps in (0, 100, 200):
        here.press("Train on")
        assert here.trait("steps") == steps
    here.press("100 masks more")
    assert here.trait("masks") == 130
    wait_for_all(here)
    assert_numbers_shown(here)


def test_a_unit_is_chosen_with_mouse_and_keys(bench):
    here = bench()
    units = here.page.locator(".dn-unit")
    units.nth(8).click()
    here.settle()
    assert here.trait("unit") == 8
    assert "Layer 2, unit 3 is" in here.text(".dn-one .dn-told")
    assert "z of layer 2, unit 3" in here.text(".dn-groups")
    for key, unit in [
        ("ArrowUp", 7), ("ArrowLeft", 1), ("ArrowLeft", 1), ("ArrowUp", 0), ("ArrowUp", 0),
        ("ArrowDown", 1), ("ArrowRight", 7), ("ArrowDown", 8),
    ]:  # fmt: skip
        here.page.keyboard.press(key)
        here.settle()
        assert here.trait("unit") == unit
        assert_numbers_shown(here)
    dropped = next(u for u, value in enumerate(numbers(here)) if value is None)
    units.nth(dropped).click()
    here.settle()
    assert "is dropped: it sends 0 instead of" in here.text(".dn-one .dn-told")


def test_the_input_is_dragged(bench):
    here = bench()
    handle = here.page.locator(".dn-many .twice-handle")
    handle.scroll_into_view_if_needed()
    box = here.page.locator(".dn-many .dn-hit").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    here.page.mouse.move(x, y)
    here.page.mouse.down()
    here.page.mouse.move(x - 90, y + 60, steps=4)
    here.page.mouse.up()
    here.settle()
    first, second = here.trait("point")
    assert first < 1
    assert second < 1.2
    assert_numbers_shown(here)
    here.page.keyboard.press("ArrowLeft")
    here.settle()
    assert here.trait("point") == pytest.approx([first - 0.1, second])
    assert_numbers_shown(here)
    assert here.complaints == []


def test_without_scaling_training_and_test_disagree(bench):
    here = bench(rate=0.7)
    notes = here.page.locator(".dn-groups .twice-hint")
    assert "the means agree exactly" in notes.first.inner_text()
    label(here, SCALING).select_option("none")
    wait_for_run(here)
    wait_for_all(here)
    demo = assert_numbers_shown(here)
    assert demo.scaling == "none"
    assert "Without scaling the inputs shrink to 0.30" in notes.first.inner_text()
    assert "= 3.33 times what it heard" in here.text(".twice-say")
    assert " / (1 − " not in here.text(".dn-one .dn-told")
    assert demo.run.curve[-1, 2] > 0.8  # the same rate reaches the goal with scaling
    here = bench(rate=0.7, scaling="none")
    here.page.wait_for_timeout(700)
    assert here.trait("goal_met") is False


def test_python_sets_the_page(bench):
    here = bench()
    here.page.evaluate("""window.model.set("seed", 5); window.model.set("rate", 0.4);
        window.model.set("steps", 500); window.model.set("masks", 77);
        window.model.set("unit", 7); window.model.set("point", [-0.5, 0.25])""")
    wait_for_run(here)
    wait_for_all(here)
    demo = assert_numbers_shown(here)
    assert label(here, RATE).input_value() == "0.4"
    assert label(here, STEP).input_value() == "500"
    assert f"by {demo.ensemble['to_full'][-1]:.3f}" in here.text(".dn-far .dn-told")
    here.press("New points")
    wait_for_run(here)
    assert here.trait("seed") == 6
    wait_for_all(here)
    assert_numbers_shown(here)
    assert here.complaints == []


def test_a_step_of_a_slider_is_answered_within_a_frame(bench):
    here = bench(masks=300)
    assert 0 < here.answer_time(label(here, RATE), 0, 0.05, 19) < 16
    assert 0 < here.answer_time(label(here, STEP), 0, 10) < 16


@pytest.mark.parametrize("width", [320, 360, 620, 960])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 900}})
    here.in_the_book()
    places = """() => [".dn-controls", ".dn-graph", ".dn-many svg", ".dn-training svg",
        ".dn-far svg", ".twice-say", ".dn-groups", ".dn-groups > :last-child"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    still = here.page.evaluate(places)
    cases = [(RATE, "0"), (RATE, "0.7"), (RATE, "0.9"), (STEP, "0"), (STEP, "1000")]
    for scaling in ("inverted", "none"):
        label(here, SCALING).select_option(scaling)
        for name, value in cases:
            label(here, name).fill(value)
            wait_for_run(here)
            wait_for_all(here)
            here.page.wait_for_timeout(600)  # the goal speaks, too
            now = here.page.evaluate(places)
            assert now == pytest.approx(still, abs=0.5), (name, value)
    assert here.trait("goal_met") is True


@pytest.mark.parametrize("width", [320, 375, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(options={"viewport": {"width": width, "height": 900}}, rate=0.85, masks=1999)
    here.in_the_book()
    here.tone(tone)
    here.assert_inside(width, ".dn-controls", ".dn-graph", ".dn-many svg", ".dn-groups")
    assert here.cut() == []
    assert here.small_texts() == []
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    graph = here.page.locator(".dn-unit text").first
    size = "(node) => node.getScreenCTM().a * parseFloat(getComputedStyle(node).fontSize)"
    shown = graph.evaluate(size)
    assert shown >= 12  # what is really painted: the graph scales with the page
    assert here.complaints == []


def test_the_theme_colors_the_plane(bench):
    here = bench()
    light = here.pixels(PLANE)
    here.tone("dark")
    assert here.pixels(PLANE) != light


def test_every_input_has_a_label(bench):
    here = bench()
    here.assert_labelled()
    for handle in here.page.locator(".twice-handle").all():
        assert "rrow keys" in handle.get_attribute("aria-label")


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    label(here, RATE).fill("0.8")  # while it trains
    here.assert_leaves_nothing()
