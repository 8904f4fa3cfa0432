"""The demo of an LSTM that reads in Chromium, alone on a page, with a stand-in for the kernel."""

import numpy as np
import pytest

from twice.widgets import Gates
from twice.widgets.characters import QUANTITIES
from twice.widgets.gates import COUNTS, FEATURES, HELD, counting

pytestmark = pytest.mark.browser
PLATE = ".gt-plate canvas"
TRAITS = ("sentence", "at", "unit", "quantity", "sort", "everyone", "hold", "scope")
# One letter typed, with its frames: the whole sentence after it is read again.
TYPE = """async (input, v) => {
    input.value = "abcdefghij"[v % 10] + input.value.slice(1);
    input.dispatchEvent(new Event("input"));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""
# The pointer dragged to another character.
DRAG = """async (picture, v) => {
    const edge = picture.getBoundingClientRect();
    const at = { pointerId: 1, bubbles: true, clientX: edge.left + 60 + (v * 37) % 500,
        clientY: edge.top + 90 + (v * 13) % 250 };
    picture.dispatchEvent(new PointerEvent("pointermove", at));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        size = {"viewport": {"width": 960, "height": 1400}}
        here = new_bench(Gates(**traits), **(size | (options or {})))
        here.page.wait_for_timeout(400)  # the unseen text is read a moment later
        return here

    return make


def twin(here):
    """The Python demo with the settings of the page."""
    return Gates(**{name: here.trait(name) for name in TRAITS})


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def order(demo):
    """The units in the order of the page, and the correlations or changes behind it."""
    if demo.sort == "since_space":
        worth = counting(demo.weights, demo.vocabulary, demo.unseen)
    else:
        values = demo.reading.cell
        worth = np.abs(np.diff(values, axis=0)).mean(axis=0) / np.abs(values).max(axis=0)
    return np.argsort(-np.abs(worth)), worth


def spot(here, row, character, count=69):
    """Where a cell of the map lies on the screen, of a sentence that fits."""
    here.page.locator(".gt-plate").scroll_into_view_if_needed()
    box = here.page.locator(".gt-plate svg").bounding_box()
    column = min(22, (box["width"] - 34 - 58) / count)
    return box["x"] + 34 + (character + 0.5) * column, box["y"] + 76 + (row + 0.5) * 13


def assert_numbers_shown(here):
    """Gates, cell, guess and bits on the page are those of NumPy."""
    demo, found = twin(here), twin(here).reading
    t, u = min(demo.at, len(demo.sentence) - 1), demo.unit

    def shown(value):
        return "0.00" if abs(value) < 0.005 else f"{value:.2f}".replace("-", "−")

    valves = " ".join(here.page.locator(".gt-valves text").all_text_contents())
    for gate in ("forget", "input", "output"):
        assert f"{gate} {shown(getattr(found, gate)[t, u])}" in valves
    assert f"new cell {shown(found.cell[t, u])}" in valves
    assert f"output h {shown(found.state[t, u])}" in valves
    assert here.text(".gt-sum >> nth=0").endswith(f"= {shown(found.cell[t, u])}")
    for row in here.page.locator("ol.gt-guesses li").all():
        letter, share = row.inner_text().split("\n")[0], row.locator(".gt-percent").inner_text()
        letter = {"␣": " ", "↵": "\n"}.get(letter, letter)
        p = demo.guess[demo.vocabulary.index(letter) + 1] if letter else demo.guess[0]
        if share[0] not in "<>":
            assert float(share.split()[0]) == pytest.approx(100 * p, abs=0.51)
    if len(demo.sentence) > 1:
        assert f"costs {shown(demo.bits)} bits per character" in here.text(".twice-say")
    return demo


def test_at_first_sight_everything_is_there(bench):
    here = bench()
    demo = assert_numbers_shown(here)
    assert here.trait("goal_met") is False
    assert "Cell of 24 of 128 units" in here.text(".gt-head")
    name = here.page.locator(".gt-plate .twice-handle").get_attribute("aria-label")
    assert name.startswith(f"Unit {demo.unit} at “{demo.sentence[demo.at]}”, character 30 of 69")
    assert here.page.locator(".gt-true").count() == 1
    assert here.complaints == []


def test_typing_is_read_at_once(bench):
    here = bench()
    before = here.pixels(PLATE)
    sentence = label(here, "It reads this sentence: change it")
    sentence.fill("Some words, (quite new).")
    here.settle()
    assert here.trait("sentence") == "Some words, (quite new)."
    assert here.pixels(PLATE) != before
    assert_numbers_shown(here)
    sentence.press("End")
    sentence.press_sequentially(" É日")
    here.settle()
    assert here.trait("sentence") == "Some words, (quite new). "
    assert "no number for “É”, “日”" in here.text(".gt-top + .twice-hint")
    assert here.trait("at") == 24
    assert_numbers_shown(here)
    sentence.fill("x")
    here.settle()
    assert_numbers_shown(here)
    sentence.fill("")
    here.settle()
    assert "Type a sentence" in here.text(".twice-say")
    assert "Its guess" not in here.text(".twice-panel")
    label(here, "The unit below").click()
    here.page.get_by_role("button", name="Read on").click()
    label(here, "Or take").select_option("nonsense")
    here.settle()
    assert here.trait("sentence").startswith("qzx")
    assert sentence.input_value() == here.trait("sentence")
    assert_numbers_shown(here)
    assert here.complaints == []


def test_the_mouse_chooses_unit_and_character(bench):
    here = bench()
    units, _ = order(Gates())
    for row, character in [(0, 3), (5, 40), (23, 68)]:
        here.page.mouse.click(*spot(here, row, character))
        here.settle()
        assert (here.trait("unit"), here.trait("at")) == (units[row], character)
        assert_numbers_shown(here)
    saved = here.page.evaluate("window.model.saved")
    here.page.mouse.move(*spot(here, 2, 10))
    here.page.mouse.down()
    here.page.mouse.move(*spot(here, 9, 20), steps=4)
    here.page.mouse.move(*spot(here, 50, 30), steps=4)  # below the map: the unit stays
    here.page.mouse.up()
    here.settle()
    assert here.trait("at") == 30
    assert here.trait("unit") in units[:24]
    assert here.page.evaluate("window.model.saved") > saved
    here.page.mouse.move(*spot(here, 2, 5))
    here.settle()
    assert here.trait("at") == 30
    assert here.complaints == []


def test_the_keyboard_goes_through_units_and_characters(bench):
    here = bench(at=10)
    units, _ = order(Gates())
    here.page.locator(".gt-plate .twice-handle").focus()
    place = list(units).index(here.trait("unit"))
    for key, at, row in [
        ("ArrowRight", 11, place), ("ArrowLeft", 10, place), ("ArrowDown", 10, place + 1),
        ("ArrowDown", 10, place + 2), ("ArrowUp", 10, place + 1), ("End", 68, place + 1),
        ("ArrowRight", 68, place + 1), ("Home", 0, place + 1), ("ArrowLeft", 0, place + 1),
    ]:  # fmt: skip
        here.page.keyboard.press(key)
        here.settle()
        assert (here.trait("at"), here.trait("unit")) == (at, units[row])
    slider = label(here, "Character")
    slider.fill("7")
    slider.press("ArrowRight")
    label(here, "The unit above").click()
    here.settle()
    assert (here.trait("at"), here.trait("unit")) == (8, units[place])
    assert slider.get_attribute("aria-valuetext") == "o  9 of 69"
    slider.press("End")
    here.settle()
    assert here.trait("at") == 68
    assert_numbers_shown(here)
    assert here.complaints == []


def test_it_reads_on_and_stops(bench):
    here = bench(at=68, options={"reduced_motion": "no-preference"})
    whole = here.pixels(PLATE)
    here.press("▶ Read")
    places, pictures = [], set()
    for _ in range(4):
        here.page.wait_for_timeout(450)
        places.append(here.trait("at"))
        pictures.add(here.pixels(PLATE))
    assert places == sorted(set(places))
    assert places[-1] < 68
    assert len(pictures) == 4
    assert whole not in pictures  # what is not read yet is empty
    here.press("■ Stop")
    stopped = here.trait("at")
    here.page.wait_for_timeout(400)
    assert here.trait("at") == stopped
    assert_numbers_shown(here)
    here.press("▶ Read")
    here.page.wait_for_timeout(500)
    assert here.trait("at") > stopped  # it goes on where it was
    here.page.mouse.click(*spot(here, 1, 2))
    here.settle()
    assert here.trait("at") == 2
    assert here.page.get_by_role("button", name="▶ Read").count() == 1
    assert here.complaints == []


def test_who_wants_no_motion_goes_character_by_character(bench):
    here = bench(at=67)
    for at in (68, 0, 1):
        here.press("Read on")
        assert here.trait("at") == at
    here.page.wait_for_timeout(300)
    assert here.trait("at") == 1


def test_the_goal_is_reached_by_hand(bench):
    here = bench()
    here.page.wait_for_timeout(300)
    assert here.trait("goal_met") is False
    label(here, "Sort units by how well they follow").select_option("letters since a space")
    here.settle()
    units, worth = order(twin(here))
    weak = next(row for row in range(24) if abs(worth[units[row]]) < COUNTS)
    here.page.mouse.click(*spot(here, weak, 30))
    here.settle()
    assert here.trait("goal_met") is False
    r = f"{worth[units[weak]]:.2f}".replace("-", "−")
    assert f"and {r} over" in here.text(".twice-say")
    here.page.mouse.click(*spot(here, 0, 30))
    here.settle()
    assert here.trait("unit") == units[0]
    assert here.trait("goal_met") is True
    assert f"Unit {units[0]} counts: its cell" in here.text(".twice-goal")
    label(here, "The unit below").click()
    for _ in range(23):
        label(here, "The unit below").click()
    here.settle()
    assert here.trait("goal_met") is True  # once met, it stays
    assert here.complaints == []


def test_every_choice_changes_the_picture(bench):
    here = bench()
    pictures = {here.pixels(PLATE)}
    for quantity in ("input", "forget", "candidate", "output", "state"):
        label(here, "Show, for every unit").select_option(quantity)
        here.settle()
        pictures.add(here.pixels(PLATE))
    assert len(pictures) == len(QUANTITIES)
    for sort in (*FEATURES, "number"):
        label(here, "Sort units by how well they follow").select_option(sort)
        here.settle()
        pictures.add(here.pixels(PLATE))
    assert len(pictures) == len(QUANTITIES) + len(FEATURES) + 1
    high = here.page.locator(PLATE).bounding_box()["height"]
    here.page.get_by_label("All 128 units").check()
    here.settle()
    assert "all 128 units" in here.text(".gt-head")
    assert here.page.locator(PLATE).bounding_box()["height"] > high
    assert here.complaints == []


def test_held_gates_show_what_they_are_for(bench):
    here = bench()
    trained = twin(here).bits
    where = label(here, "Of which units")
    assert where.input_value() == "all"
    costs = here.page.locator(".gt-costs .gt-percent")
    assert costs.all_inner_texts() == [f"{trained:.2f}", "–"]
    for hold in HELD[1:]:
        label(here, "Hold a gate").select_option(hold)
        here.settle()
        demo = assert_numbers_shown(here)
        assert here.page.locator(".gt-valves").get_by_text("gate held", exact=True).count() == 1
        assert demo.bits > trained + 0.2
        assert costs.all_inner_texts() == [f"{trained:.2f}", f"{demo.bits:.2f}"]
    label(here, "Hold a gate").select_option("forget 0")
    here.settle()
    told = f"the forget gate of all 128 units held shut, {trained:.2f} as trained"
    assert told in here.text(".twice-say")
    where.select_option("the chosen unit alone")
    here.settle()
    demo = assert_numbers_shown(here)
    assert abs(demo.bits - trained) < 0.02
    assert f"unit {demo.unit} alone held shut" in here.text(".twice-say")
    assert "hardly a difference: it is one of 128" in here.text(".twice-say")
    label(here, "Hold a gate").select_option("none")
    here.settle()
    assert_numbers_shown(here)
    assert costs.all_inner_texts() == [f"{trained:.2f}", "–"]
    assert here.complaints == []


def test_python_sets_the_page(bench):
    here = bench()
    before = here.pixels(PLATE)
    here.page.evaluate("""window.model.set("sentence", "A small step.");
        window.model.set("at", 7); window.model.set("unit", 9);
        window.model.set("hold", "forget 1"); window.model.set("quantity", "state")""")
    here.settle()
    assert here.pixels(PLATE) != before
    sentence = label(here, "It reads this sentence: change it")
    assert sentence.input_value() == "A small step."
    assert label(here, "Hold a gate").input_value() == "forget 1"
    assert "Unit 9 as it reads “ ”" in here.text(".gt-name >> nth=1") or "a space" in here.text(
        ".twice-panel"
    )
    assert_numbers_shown(here)
    assert here.complaints == []


def test_a_long_sentence_on_a_phone_is_seen_in_stretches(bench):
    phone = {"viewport": {"width": 360, "height": 800}}
    here = bench(sentence="a long way to go " * 7, options=phone)
    handle = here.page.locator(".gt-plate .twice-handle")
    handle.focus()
    pictures = set()
    for key in ("Home", "End"):
        here.page.keyboard.press(key)
        here.settle()
        pictures.add(here.pixels(PLATE))
        assert_numbers_shown(here)
    assert len(pictures) == 2
    assert "character 119 of 119" in handle.get_attribute("aria-label")


@pytest.mark.parametrize("width", [320, 360, 480, 700, 960, 1440])
def test_every_width_in_both_tones(bench, width):
    here = bench(sort="since_space", options={"viewport": {"width": width, "height": 900}})
    here.in_the_book()
    pictures = set()
    for tone in ("light", "dark"):
        here.tone(tone)
        for hold in ("none", "forget 0"):
            label(here, "Hold a gate").select_option(hold)
            here.settle()
            assert here.cut() == []
            assert here.small_texts() == []
        here.assert_inside(
            width, ".gt-plate", ".gt-valves", "ol.gt-guesses", ".gt-costs", ".gt-sentence"
        )
        pictures.add(here.pixels(PLATE))
    assert len(pictures) == 2
    assert here.complaints == []


def test_it_answers_within_a_frame(bench):
    here = bench()
    sentence = label(here, "It reads this sentence: change it")
    assert here.answer_time(sentence, 0, 1, steps=40, action=TYPE) < 16
    assert here.answer_time(label(here, "Character"), 0, 1) < 16
    here.page.mouse.move(*spot(here, 2, 10))
    here.page.mouse.down()
    picture = here.page.locator(".gt-plate svg")
    assert here.answer_time(picture, 0, 1, steps=40, action=DRAG) < 16
    here.page.mouse.up()


def test_it_leaves_nothing_behind(bench):
    here = bench(options={"reduced_motion": "no-preference"}, at=0)
    here.press("▶ Read")
    here.page.wait_for_timeout(200)
    here.assert_leaves_nothing()
