"""The clinic in Chromium, alone on a page, with a stand-in for the kernel of Jupyter."""

import re

import pytest
from bench import contrast

from twice.widgets import Clinic
from twice.widgets.clinic import FAULTS, PATIENTS, records

pytestmark = pytest.mark.browser
LAST = 40
NOTHING = [[] for _ in FAULTS]
CHARTS = ("loss", "accuracy", "ratio", "gradient", "dead", "histogram")
TITLES = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "ratio": "Update-to-weight ratio",
    "gradient": "Gradient norm",
    "dead": "Dead units",
    "histogram": "Histograms of z",
}


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(Clinic(**traits), **(options or {}))

    return make


def number(fault, seed=0):
    """Which button is the patient's, from 1."""
    return Clinic(seed=seed).order.index(fault) + 1


def treated(**found):
    """`tried` for order 0: what was checked for which fault."""
    tried = [[] for _ in FAULTS]
    for fault, checked in found.items():
        tried[number(fault) - 1] = checked
    return tried


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def visit(here, k):
    here.page.get_by_role("button", name=re.compile(rf"^Network {k},")).click()
    here.settle()


def diagnose(here, fault):
    label(here, FAULTS[fault][0].upper() + FAULTS[fault][1:]).check()
    here.press("Check")


def sums(here):
    """A checksum of each chart's canvas."""
    return {name: here.pixels(f".cl-{name} canvas") for name in CHARTS}


def told(here):
    return here.text(".twice-say")


def test_at_the_start_nothing_is_found_and_nothing_is_given_away(bench):
    here = bench()
    assert here.trait("goal_met") is False
    assert "Find out what is wrong" in here.text(".twice-goal")
    assert here.text(".cl-score") == "Found 0 of 8, with the first choice 0."
    assert here.page.get_by_role("button", name="Check", exact=True).is_disabled()
    assert here.page.get_by_role("button", name="Next network").is_hidden()
    assert here.page.locator(".cl-tips").get_attribute("open") is None
    assert label(here, "Mended network, over the broken one").is_hidden()
    assert here.page.locator(".cl-proof").count() == 0
    assert here.page.locator(".cl-choices input:checked").count() == 0
    assert here.complaints == []


def test_every_network_has_charts_of_its_own(bench):
    here = bench()
    seen = []
    for k in range(1, 9):
        visit(here, k)
        assert here.trait("patient") == k
        assert f"network {k}?" in here.text(".cl-choices")
        seen.append(sums(here))
        run = records(fault := Clinic().order[k - 1], PATIENTS[fault])
        assert f"{100 * run['accuracy'][1, -1]:.0f} % are right" in told(here)
    for chart in ("ratio", "gradient", "histogram"):
        assert len({one[chart] for one in seen}) == 8, chart
    assert len({one["loss"] for one in seen}) >= 7  # two stand still at 2.30
    assert here.complaints == []


def test_a_wrong_diagnosis_is_answered_and_points_to_a_chart(bench):
    here = bench(patient=number("wrong_labels"))
    diagnose(here, "overfitting")
    assert here.text(".cl-verdict").startswith("✗ Too few images, learned by heart? Look at “Acc")
    assert "100 % and 8 %" in here.text(".cl-verdict")
    assert "no better than guessing" in here.text(".cl-verdict")
    assert here.page.locator(".cl-proof").count() == 1
    assert here.page.locator(".cl-accuracy.cl-proof").count() == 1
    assert label(here, "Too few images, learned by heart").is_disabled()
    assert here.trait("tried")[number("wrong_labels") - 1] == ["overfitting"]
    assert here.trait("choice") == ""
    assert here.page.get_by_role("button", name="Check", exact=True).is_disabled()
    diagnose(here, "raw_inputs")
    assert "Here it does not" not in here.text(".cl-verdict")
    assert here.page.locator(".cl-loss.cl-proof").count() == 1
    diagnose(here, "wrong_labels")
    assert here.text(".cl-verdict").startswith("✓ The labels belong to other images.")
    assert here.page.locator(".cl-proof").count() == 0
    assert here.text(".cl-score") == "Found 1 of 8, with the first choice 0."
    assert "1 of 8 found, 0 with the first choice" in here.text(".twice-goal")
    assert here.page.locator(".cl-choices input:enabled").count() == 0
    name = f"Network {number('wrong_labels')}, found"
    assert here.page.get_by_role("button", name=name, exact=True).count() == 1
    assert here.complaints == []


@pytest.mark.parametrize("patient", list(FAULTS))
def test_each_wrong_choice_names_the_chart_that_it_marks(bench, patient):
    here = bench(patient=number(patient))
    for wrong in FAULTS:
        if wrong == patient:
            continue
        diagnose(here, wrong)
        verdict = here.text(".cl-verdict")
        marked = here.page.locator(".cl-proof strong").inner_text()
        assert f"Look at “{marked}”." in verdict
        assert marked in TITLES.values()
    assert here.trait("goal_met") is False


def test_the_goal_is_met_by_hand_when_all_eight_are_found(bench):
    here = bench(seed=3)
    order = Clinic(seed=3).order
    for k, fault in enumerate(order):
        assert here.trait("goal_met") is False
        assert here.trait("patient") == k + 1
        if fault == "rate_low":
            diagnose(here, "dead_units")
        diagnose(here, fault)
        if k < 7:
            here.press("Next network")
    assert here.trait("goal_met") is True
    assert here.text(".twice-goal").endswith("All eight found, 7 of them with the first choice.")
    assert here.page.get_by_role("button", name="Next network").is_hidden()
    here.press("New order")
    assert here.trait("goal_met") is False
    assert here.trait("seed") == 4
    assert here.trait("tried") == NOTHING
    assert here.text(".cl-score") == "Found 0 of 8, with the first choice 0."
    assert here.complaints == []


def test_next_goes_to_a_network_that_is_still_open(bench):
    order = Clinic().order
    tried = [[fault] for fault in order]
    tried[2] = ["overfitting"] if order[2] != "overfitting" else ["rate_low"]
    here = bench(tried=tried, patient=7)
    here.press("Next network")
    assert here.trait("patient") == 3


def test_a_diagnosed_network_is_shown_mended(bench):
    tried = treated(small_weights=["small_weights"])
    here = bench(patient=number("small_weights"), tried=tried)
    mended, both = told(here), sums(here)
    assert mended.startswith("Mended: After 1,919 steps")
    label(here, "Mended network, over the broken one").uncheck()
    here.settle()
    assert told(here).startswith("After 1,919 steps the loss is 2.30")
    broken = sums(here)
    assert all(both[name] != broken[name] for name in CHARTS)
    assert here.trait("cure") is False
    visit(here, number("rate_low"))
    assert label(here, "Mended network, over the broken one").is_hidden()


def test_the_healthy_network_can_be_hidden(bench):
    here = bench()
    shown = sums(here)
    label(here, "Healthy network, in gray").uncheck()
    here.settle()
    hidden = sums(here)
    assert all(shown[name] != hidden[name] for name in CHARTS)
    assert "healthy network" not in here.text(".cl-legend")


def test_the_slider_tells_the_moment_and_moves_the_line_and_the_histograms(bench):
    here = bench(patient=number("overfitting"))
    slider = label(here, "Moment")
    assert slider.get_attribute("max") == str(LAST)
    run = records("overfitting", PATIENTS["overfitting"])
    places, texts, bars = [], [], []
    for t in (0, 1, 8, 20, LAST):
        slider.fill(str(t))
        here.settle()
        step = int(run["moments"][t])
        texts.append(told(here))
        words = f"After {step:,} step" if step else "Before the first step"
        assert texts[-1].startswith(words)
        assert f"{100 * run['accuracy'][0, t]:.0f} % and" in texts[-1]
        places.append(float(here.page.locator(".cl-dead .cl-cursor").get_attribute("x1")))
        bars.append(here.pixels(".cl-histogram canvas"))
    assert places == sorted(set(places))
    assert len(set(texts)) == len(set(bars)) == 5
    assert here.complaints == []


def test_the_line_can_be_dragged_and_moved_with_keys(bench):
    here = bench()
    line = here.page.locator(".twice-handle")
    box = here.page.locator(".cl-loss .cl-knob").bounding_box()
    here.page.mouse.move(box["x"] + 7, box["y"] + 7)
    here.page.mouse.down()
    here.page.mouse.move(box["x"] - 90, box["y"] + 7, steps=4)
    here.page.mouse.up()
    here.settle()
    dragged = here.trait("moment")
    assert 5 < dragged < LAST - 3
    line.focus()
    for key, moment in [
        ("ArrowLeft", dragged - 1),
        ("ArrowRight", dragged),
        ("PageDown", dragged - 5),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("ArrowRight", 1),
        ("End", LAST),
    ]:
        here.page.keyboard.press(key)
        assert here.trait("moment") == moment, key
    here.settle()
    assert line.get_attribute("aria-label") == "Moment: 1919 steps"
    assert here.complaints == []


def test_a_diagnosis_can_be_made_with_the_keyboard(bench):
    here = bench(patient=number("rate_high"))
    here.page.get_by_role("button", name="New order").focus()
    label(here, "The learning rate is too low").focus()
    here.page.keyboard.press("Space")
    here.page.keyboard.press("ArrowUp")
    here.settle()
    assert here.trait("choice") == "rate_high"
    here.page.keyboard.press("Tab")
    here.page.keyboard.press("Enter")
    here.settle()
    assert here.text(".cl-verdict").startswith("✓ The learning rate is too high.")


def test_the_hints_unfold_and_speak_of_this_network(bench):
    here = bench(patient=number("raw_inputs"))
    here.page.locator("summary").click()
    assert "ln 10 = 2.30" in here.text(".cl-tips")
    assert "For network" in here.text(".cl-tips")
    assert "the loss before the first step." in here.text(".cl-tips li:last-child")
    visit(here, number("dead_units"))
    assert here.page.locator(".cl-tips").get_attribute("open") is None


def test_changes_from_python_are_drawn(bench):
    here = bench()
    changes = {"patient": number("rate_low"), "moment": 3, "choice": "dead_units"}
    changes |= {"tried": treated(rate_low=["wrong_labels"]), "compare": False}
    for name, value in changes.items():
        here.page.evaluate("([name, value]) => window.model.set(name, value)", [name, value])
    here.settle()
    assert told(here).startswith("After 4 steps")
    assert label(here, "Whole layers of ReLUs are dead").is_checked()
    assert "The labels belong to other images?" in here.text(".cl-verdict")
    assert label(here, "Moment").input_value() == "3"
    assert not label(here, "Healthy network, in gray").is_checked()
    assert here.complaints == []


def test_a_step_of_the_slider_is_answered_within_a_frame(bench):
    here = bench(patient=number("rate_high"), tried=treated(rate_high=["rate_high"]))
    assert 0 < here.answer_time(label(here, "Moment"), 0, 1, steps=40) < 16


@pytest.mark.parametrize("width", [360, 900])
def test_nothing_moves_while_the_slider_does(bench, width):
    options = {"viewport": {"width": width, "height": 900}}
    here = bench(options=options, patient=number("rate_high"))
    here.in_the_book()
    places = """() => [".cl-charts", ".cl-desk", ".cl-verdict"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    still = here.page.evaluate(places)
    for t in (0, 1, 6, 15, 25):
        label(here, "Moment").fill(str(t))
        here.settle()
        assert here.page.evaluate(places) == pytest.approx(still, abs=0.5), t


@pytest.mark.parametrize("width", [320, 375, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    tried = treated(raw_inputs=["raw_inputs"], dead_units=["rate_low", "small_weights"])
    options = {"viewport": {"width": width, "height": 800}}
    here = bench(options=options, patient=number("dead_units"), tried=tried)
    here.in_the_book()
    here.tone(tone)
    here.page.locator("summary").click()
    for fault in ("dead_units", "raw_inputs"):
        visit(here, number(fault))
        here.assert_inside(width, ".cl-charts", ".cl-time .twice-slider", ".cl-desk")
        assert here.cut() == []
        assert here.small_texts() == []
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


def test_the_slider_stays_in_sight_on_a_phone(bench):
    here = bench(options={"viewport": {"width": 360, "height": 700}})
    here.page.evaluate("window.scrollTo(0, 300)")
    here.settle()
    box = label(here, "Moment").bounding_box()
    assert 0 < box["y"] < 700 - box["height"] / 2
    here.page.evaluate("window.scrollTo(0, 1e6)")
    here.settle()
    assert label(here, "Moment").bounding_box()["y"] < 0  # back in its place


def test_contrast_in_both_themes(bench):
    here = bench(tried=treated(rate_low=["rate_high", "rate_low"]), patient=number("rate_low"))
    names = [f"--cl-{k}" for k in range(1, 6)]
    for tone in ("light", "dark"):
        here.tone(tone)
        colors = here.page.evaluate(
            """(names) => { const style = getComputedStyle(document.querySelector(".twice"));
                return [...names, "--twice-surface"].map((n) => style.getPropertyValue(n).trim());
            }""",
            names,
        )
        assert len(set(colors)) == 6
        for color in colors[:5]:
            assert contrast(color, colors[5]) >= 3, (tone, color)
        pairs = here.page.evaluate(
            """() => [...document.querySelectorAll(
                ".cl-choices [data-state], .cl-patients button, .cl-verdict")].map((node) => {
                    const style = getComputedStyle(node);
                    return [style.color, style.backgroundColor];
                })"""
        )
        hexes = [
            ["#" + "".join(f"{int(v):02x}" for v in re.findall(r"\d+", c)[:3]) for c in pair]
            for pair in pairs
            if not pair[1].startswith("rgba(0, 0, 0, 0")
        ]
        assert len(hexes) >= 10
        assert min(contrast(*pair) for pair in hexes) >= 4.5, tone


def test_every_input_has_a_label(bench):
    bench().assert_labelled()


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.assert_leaves_nothing()
