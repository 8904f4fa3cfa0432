"""The race demo in Chromium, alone on a page, with a stand-in for the kernel of Jupyter."""

import math

import pytest
from bench import contrast

from twice.scratch.landscapes import LANDSCAPES
from twice.widgets import Race
from twice.widgets.race import DIALS, OPTIMIZERS

pytestmark = pytest.mark.browser
ABOVE, CURVES = ".rc-above canvas", ".rc-plots > :nth-child(2) canvas"
TRAITS = (*DIALS.values(), "angle", "noise", "seed", "start", "optimizers", "settings", "steps")


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(Race(**traits), **(options or {}))

    return make


def twin(here):
    """The Python demo with the settings of the page."""
    return Race(here.trait("surface"), **{name: here.trait(name) for name in TRAITS})


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def slide(here, name, value, log=False):
    label(here, name).fill(f"{math.log10(value) if log else value}")
    here.settle()


def chip(here, title):
    return here.page.locator(".rc-chip").filter(has=here.page.get_by_text(title, exact=True))


def results(here):
    """What stands beside every optimizer that runs."""
    texts = here.page.locator(".rc-chip:has(input:checked)").all_inner_texts()
    return {text.split("\n")[1].lower(): text.split("\n")[-1] for text in texts}


def assert_results(here):
    demo = twin(here)
    wanted = {name: step for name, step in demo.reached.items() if step is not None}
    shown = {name: int(text[:-6]) for name, text in results(here).items() if "steps" in text}
    assert shown == wanted
    assert set(results(here)) == set(demo.optimizers)


def test_sliders_change_the_race_and_the_page_finds_python_s_numbers(bench):
    # RMSprop stays out: near the bottom its bursts make of the last digit another course.
    here = bench(optimizers=["sgd", "momentum", "adagrad", "adam"])
    seen = {here.pixels(ABOVE)}
    assert_results(here)
    for name, value in [("Turned by", 45), ("Gradient noise", 1)]:
        slide(here, name, value)
        assert_results(here)
        seen.add(here.pixels(ABOVE))
    slide(here, "Condition number", 100, log=True)
    assert here.trait("condition") == pytest.approx(100)
    assert_results(here)
    seen.add(here.pixels(ABOVE))
    here.press("New noise")
    assert here.trait("seed") == 1
    assert_results(here)
    seen.add(here.pixels(ABOVE))
    assert len(seen) == 5
    assert here.complaints == []


def test_every_surface_brings_its_start_and_its_own_dial(bench):
    here = bench()
    seen = set()
    for name in LANDSCAPES:
        label(here, "Surface").select_option(name)
        here.settle()
        assert here.trait("start") == list(LANDSCAPES[name]().start)
        assert here.page.locator(".rc-surface input:visible").count() == 3
        before = here.pixels(ABOVE)
        dial = here.page.locator(".rc-surface input:visible").first
        dial.press("ArrowRight")
        here.settle()
        assert here.trait(DIALS[name]) != Race.class_traits()[DIALS[name]].default_value
        assert here.pixels(ABOVE) != before
        assert_results(here)
        seen.add(before)
    assert len(seen) == len(LANDSCAPES)
    assert here.complaints == []


def test_the_goal_is_reached_by_hand_in_a_turned_ravine(bench):
    here = bench()
    assert "Your momentum needs 64 steps; Adam" in here.text(".twice-say")
    known = "at the best of 357 settings, needs 10 (rate 0.398, beta 1 0.5)"
    here.page.locator(".twice-say", has_text=known).wait_for()
    slide(here, "Momentum", 0.7)
    here.press("Tune its rate")
    assert "Your momentum needs 20 steps" in here.text(".twice-say")
    here.page.wait_for_timeout(500)
    assert here.trait("goal_met") is False  # along the axes Adam wins
    slide(here, "Turned by", 45)
    here.page.wait_for_selector(".twice-met", timeout=5000)
    assert here.trait("goal_met") is True
    assert "Your momentum needs 20 steps; Adam" in here.text(".twice-say")
    assert "needs 30 (rate 1, beta 1 0.8). Momentum wins." in here.text(".twice-say")
    assert "Momentum 0.7 at rate 0.0316 needed 20 steps" in here.text(".twice-goal")
    here.press("Reset")
    here.page.wait_for_timeout(500)
    assert here.trait("goal_met") is False
    assert here.trait("settings")["momentum"] == OPTIMIZERS["momentum"][2]


def test_the_goal_does_not_count_with_noise_or_in_a_round_bowl(bench):
    good = {"momentum": {"momentum": 0.6, "learning_rate": 0.05}}
    for traits in ({"noise": 0.1}, {"condition": 20}, {"surface": "saddle"}):
        here = bench(settings=good, angle=45, **traits)
        here.page.wait_for_timeout(500)
        assert here.trait("goal_met") is False
        assert "The goal" not in here.text(".twice-say")
    here = bench(settings=good, angle=45, start=(0, 1))
    here.page.wait_for_timeout(500)
    assert here.trait("goal_met") is False
    assert "The goal wants a start at least 0.3 off both axes" in here.text(".twice-say")
    here = bench(settings=good, angle=45)
    here.page.wait_for_selector(".twice-met", timeout=5000)


def test_the_seventh_is_refused_with_a_sentence(bench):
    here = bench(optimizers=["sgd", "momentum", "adagrad", "rmsprop", "adam"])
    chip(here, "Lion").click()
    here.settle()
    assert here.trait("optimizers")[-1] == "lion"
    assert here.trait("workshop") == "lion"
    assert label(here, "Beta 2: memory of g²").count() == 1
    chip(here, "Nadam").click()
    here.settle()
    assert len(here.trait("optimizers")) == 6
    assert "6 at most" in here.text(".rc-refusal")
    assert "before you add Nadam" in here.text(".rc-refusal")
    assert not chip(here, "Nadam").locator("input").is_checked()
    chip(here, "SGD").click()
    assert here.text(".rc-refusal") == ""
    chip(here, "Nadam").click()
    here.settle()
    assert here.trait("optimizers")[-2:] == ["nadam", "lion"]
    assert_results(here)


def test_nobody_runs_and_nothing_breaks(bench):
    here = bench(optimizers=[])
    assert "Choose an optimizer" in here.text(".twice-say")
    assert here.page.get_by_role("button", name="Tune all").is_disabled()
    chip(here, "Adam").click()
    here.settle()
    assert list(results(here)) == ["adam"]
    assert here.complaints == []


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_has_its_own_sliders_in_the_workshop(bench, name):
    here = bench(optimizers=[name])
    sliders = here.page.locator(".rc-sliders input")
    assert sliders.count() == len(OPTIMIZERS[name][2])
    for i, key in enumerate(OPTIMIZERS[name][2]):
        before = here.trait("settings")[name][key]
        sliders.nth(i).press("ArrowLeft" if key != "momentum" else "ArrowRight")
        if before == 0.0:
            sliders.nth(i).press("ArrowRight")
        here.settle()
        assert here.trait("settings")[name][key] != before, key
    assert_results(here)


def test_tune_all_takes_the_rates_that_python_finds(bench):
    here = bench(surface="rosenbrock", angle=20, optimizers=["sgd", "adam"], steps=60)
    here.press("Tune all")
    demo = Race("rosenbrock", angle=20, steps=60)
    for name in ("sgd", "adam"):
        assert here.trait("settings")[name]["learning_rate"] == demo.tuned(name)[0]
    assert label(here, "Learning rate").get_attribute("aria-valuetext") == str(
        float(f"{demo.tuned('sgd')[0]:.4g}")
    )


def test_the_start_moves_by_mouse_click_and_keyboard(bench):
    here = bench()
    start = here.page.locator(".twice-handle")
    start.focus()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("Shift+ArrowUp")
    here.settle()
    assert here.trait("start") == [-2.4, 1.01]
    here.drag(start, 60, 30)
    x, y = here.trait("start")
    assert x > -2
    assert y < 0.9
    assert_results(here)
    area = here.page.locator(ABOVE).bounding_box()
    here.page.mouse.click(area["x"] + 0.75 * area["width"], area["y"] + 0.25 * area["height"])
    here.settle()
    assert here.trait("start") == pytest.approx([1.5, 1.5], abs=0.03)
    here.drag(start, 400, -400)  # it stays in the circle in which it can be turned
    assert math.hypot(*here.trait("start")) == pytest.approx(2.99, abs=0.01)
    slide(here, "Turned by", 90)
    assert "at (−2." in start.get_attribute("aria-label")
    assert_results(here)


def test_the_start_moves_by_touch(bench):
    options = {"viewport": {"width": 375, "height": 800}, "has_touch": True, "is_mobile": True}
    here = bench(options=options)
    area = here.page.locator(ABOVE).bounding_box()
    here.page.touchscreen.tap(area["x"] + 0.75 * area["width"], area["y"] + 0.5 * area["height"])
    here.settle()
    assert here.trait("start") == pytest.approx([1.5, 0], abs=0.04)


def test_scrubbing_and_single_steps_draw_the_paths_so_far(bench):
    here = bench()
    whole = here.pixels(ABOVE), here.pixels(CURVES)
    here.press("Back to the start")
    assert here.trait("step") == 0
    assert "All 4 start here" in here.text(".twice-say")
    here.press("One step on")
    here.press("One step on")
    here.press("One step back")
    assert here.trait("step") == 1
    part = here.pixels(ABOVE), here.pixels(CURVES)
    assert part[0] != whole[0]
    assert part[1] != whole[1]
    slide(here, "Step", 40)
    assert here.trait("step") == 40
    assert here.text(".twice-say").startswith("Step 40. Nobody stays below")
    slide(here, "Step", 150)
    assert (here.pixels(ABOVE), here.pixels(CURVES)) == whole


def test_the_race_plays_pauses_and_ends(bench):
    here = bench(speed=200)
    whole = here.pixels(ABOVE)
    here.press("▶ Race")
    here.page.wait_for_function(
        "() => window.model.state.step > 3 && window.model.state.step < 149"
    )
    assert here.pixels(ABOVE) != whole
    here.press("❚❚ Pause")
    still = here.trait("step")
    here.page.wait_for_timeout(200)
    assert here.trait("step") == still
    here.press("▶ Race")
    here.page.wait_for_function("() => window.model.state.step === 150")
    here.page.get_by_role("button", name="▶ Race").wait_for()
    here.settle()
    assert here.pixels(ABOVE) == whole
    slide(here, "Length of the race, in steps", 300)
    assert here.trait("step") == 300
    assert label(here, "Step").get_attribute("max") == "300"
    assert_results(here)


def test_python_moves_the_page(bench):
    here = bench()
    here.page.evaluate(
        """() => {
            window.model.set("optimizers", ["lion", "nesterov"]);
            window.model.set("angle", 60);
            window.model.set("step", 12);
        }"""
    )
    here.settle()
    assert set(results(here)) == {"lion", "nesterov"}
    assert label(here, "Turned by").input_value() == "60"
    assert here.text(".twice-say").startswith("Step 12.")
    assert_results(here)


@pytest.mark.parametrize(
    ("name", "start", "by"),
    [("Turned by", 0, 1), ("Condition number", 0.5, 0.03), ("Momentum", 0.3, 0.01)],
)
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, name, start, by):
    here = bench(optimizers=["sgd", "momentum", "adam", "nadam", "amsgrad", "lion"], steps=300)
    assert 0 < here.answer_time(label(here, name), start, by) < 16


@pytest.mark.parametrize("surface", ["rosenbrock", "bumpy"])
def test_turning_a_bent_surface_is_answered_within_a_frame(bench, surface):
    here = bench(surface=surface, optimizers=list(OPTIMIZERS)[:6], steps=300)
    assert 0 < here.answer_time(label(here, "Turned by"), 0, 1) < 16


@pytest.mark.parametrize("width", [320, 375, 700, 900, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    options = {"viewport": {"width": width, "height": 800}}
    everything = ["nesterov", "adagrad", "adadelta", "rmsprop", "adamw", "amsgrad"]
    here = bench(options=options, surface="rosenbrock", optimizers=everything, workshop="adamw")
    here.in_the_book()
    here.tone(tone)
    here.assert_inside(
        width, ".rc-surface", ".rc-plots", ".rc-actions", ".rc-chips", ".rc-workshop"
    )
    assert here.cut() == []
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.small_texts() == []
    assert here.complaints == []


@pytest.mark.parametrize("width", [375, 900])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 900}})
    here.in_the_book()
    places = """() => [".rc-plots", ".rc-actions", ".twice-say", ".rc-chips", ".rc-workshop"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top
            - document.querySelector(".twice").getBoundingClientRect().top)"""
    still = here.page.evaluate(places)
    for angle, momentum in [(10, 0.2), (45, 0.8), (60, 0.99), (90, 0.5)]:
        slide(here, "Turned by", angle)
        slide(here, "Momentum", momentum)
        assert here.page.evaluate(places) == pytest.approx(still, abs=0.5), angle


def test_the_colors_are_seen_on_the_surface_and_under_their_letters(bench):
    here = bench()
    for tone in ("light", "dark"):
        here.tone(tone)
        colors = here.page.evaluate(
            """(names) => Object.fromEntries(names.map((name) => [name, getComputedStyle(
                document.querySelector(".twice")).getPropertyValue(`--${name}`).trim()]))""",
            ["twice-surface", "rc-on", *(f"rc-{name}" for name in OPTIMIZERS)],
        )
        for name in OPTIMIZERS:
            assert contrast(colors[f"rc-{name}"], colors["twice-surface"]) >= 3, (tone, name)
            assert contrast(colors[f"rc-{name}"], colors["rc-on"]) >= 4.5, (tone, name)
        assert len({colors[f"rc-{name}"] for name in OPTIMIZERS}) == len(OPTIMIZERS)


def test_every_input_has_a_label(bench):
    bench().assert_labelled()


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.press("▶ Race")
    here.assert_leaves_nothing()
