"""The demo of a character model that writes in Chromium, with a stand-in for the kernel."""

import numpy as np
import pytest

from twice.scratch.losses import softmax
from twice.widgets import Sampling
from twice.widgets.sampling import COLDEST, MODELS

pytestmark = pytest.mark.browser
TRAITS = ("prompt", "model", "temperature", "greedy", "length", "seed", "at")
TEXT = ".sp-text"
LOOK = """async (text, v) => {
    text.focus();
    const key = v % 2 ? "ArrowLeft" : "Home";
    text.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        size = {"viewport": {"width": 960, "height": 1000}}
        here = new_bench(Sampling(**traits), **(size | (options or {})))
        here.page.wait_for_timeout(500)  # what comes a moment later
        return here

    return make


def twin(here):
    """The Python demo with the settings of the page."""
    return Sampling(**{name: here.trait(name) for name in TRAITS})


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def writer(here, name):
    return here.page.get_by_role("radio", name=name)


def written(here):
    return here.page.locator(TEXT).evaluate("(node) => node.textContent").replace("↵\n", "\n")


def underlined(here):
    """The words with a wavy line, in order."""
    return here.page.locator(TEXT).evaluate(
        """(node) => {
            const found = [];
            [...node.children].forEach((one, t, all) => {
                if (!one.classList.contains("sp-new")) return;
                if (t && all[t - 1].classList.contains("sp-new")) found[found.length - 1] += one.textContent;
                else found.push(one.textContent);
            });
            return found;
        }"""  # noqa: E501
    )


def assert_text_shown(here):
    """The text, its words and its numbers are those of Python."""
    demo = twin(here)
    assert written(here) == demo.text
    words = demo.words
    assert underlined(here) == [word for word, seen in words if not seen]
    told = here.text(".twice-say")
    assert f"{sum(seen for _, seen in words)} of {len(words)} words stand in the book" in told
    assert f"its own text has {demo.bits:.2f} bits" in told
    return demo


def assert_distribution_shown(here):
    """The bars are those of Python, before and after the temperature."""
    demo = twin(here)
    text, logits = demo._write()
    at = len(text) - 1 if demo.at < 0 else min(demo.at, len(text) - 1)
    before = softmax(logits[at])
    after = np.eye(len(before))[before.argmax()]
    if not demo.greedy:
        after = softmax(logits[at] / demo.temperature)
    rows = here.page.locator(".sp-rows li").evaluate_all(
        """(rows) => rows.map((row) => [row.querySelector("b").textContent,
            ...["before", "after"].map((name) =>
                Number(row.querySelector(`.sp-${name}`).style.transform.slice(7, -1))),
            row.classList.contains("sp-true")])"""
    )
    assert len(rows) == 10
    for letter, was, now, true in rows:
        letter = {"␣": " ", "↵": "\n"}.get(letter, letter)
        code = demo.vocabulary.index(letter) + 1
        assert was == pytest.approx(before[code], abs=1e-6)
        assert now == pytest.approx(after[code], abs=1e-6)
        assert true == (letter == text[at])
    assert sum(true for *_, true in rows) == 1
    entropy = -(after[after > 0] * np.log2(after[after > 0])).sum()
    assert f"bits, {abs(entropy):.2f} as drawn" in here.text(".sp-chart .twice-hint:last-child")


def test_at_first_sight_a_text_is_there(bench):
    here = bench()
    assert_text_shown(here)
    assert_distribution_shown(here)
    assert here.trait("goal_met") is False
    others = here.page.locator(".sp-small").all_text_contents()
    assert others == [Sampling(model=name).text for name in MODELS[1:]]
    texts = here.page.locator(".sp-models label").all_inner_texts()
    bits = [float(text.split(": ")[1].split()[0]) for text in texts]
    assert bits == sorted(bits)
    assert bits[0] < bits[1] - 0.3
    assert here.complaints == []


def test_the_compared_bits_are_those_of_the_library(bench):
    from twice.scratch.language import NGram
    from twice.widgets.characters import bits_per_character, learned

    here, demo = bench(), Sampling()
    texts = here.page.locator(".sp-models label").all_inner_texts()
    bits = [float(text.split(": ")[1].split()[0]) for text in texts]
    codes = demo.encode(demo.unseen)
    wanted = [bits_per_character(demo.read(demo.unseen).logits, codes)]
    for n in (3, 2):
        ngram = NGram(n, demo.sizes[0]).fit(demo.encode(learned()))
        wanted.append(ngram.bits_per_character(codes))
    np.testing.assert_allclose(bits, wanted, atol=0.011)
    assert f"over {len(demo.unseen)} characters" in here.text(".sp-models > .twice-hint")


def test_every_control_rewrites_the_text(bench):
    here = bench()
    texts = {written(here)}
    steps = [
        lambda: label(here, "Temperature").fill("0.35"),
        lambda: label(here, "Temperature").fill("1.9"),
        lambda: label(here, "Characters to write").fill("180"),
        lambda: writer(here, "Trigram").check(),
        lambda: writer(here, "Bigram").check(),
        lambda: here.press("New dice"),
        lambda: label(here, "It goes on from here: change it").fill("One thing"),
        lambda: label(here, "Greedy: always the likeliest").check(),
        lambda: writer(here, "LSTM").check(),
    ]
    for number, step in enumerate(steps, 2):
        step()
        here.settle()
        assert_text_shown(here)
        assert_distribution_shown(here)
        texts.add(written(here))
        assert len(texts) == number
    assert label(here, "Temperature").is_disabled()
    assert "It loops" in here.text(".twice-say")
    here.page.wait_for_timeout(400)
    others = here.page.locator(".sp-small").all_text_contents()
    demo = twin(here)
    for shown, demo.model in zip(others, MODELS[1:], strict=True):
        assert shown == demo.text
    assert here.complaints == []


def test_a_prompt_keeps_what_the_model_knows(bench):
    here = bench()
    prompt = label(here, "It goes on from here: change it")
    prompt.fill("naïve “text”")
    here.settle()
    assert here.trait("prompt") == 'nave "text"'
    assert "no number for “ï”: left out" in here.text(".twice-figure > small")
    assert_text_shown(here)
    prompt.fill("")
    here.settle()
    assert_text_shown(here)
    label(here, "The character looked at").focus()
    here.page.keyboard.press("Home")
    here.settle()
    assert_distribution_shown(here)
    assert "At the beginning" in here.text(".sp-chart")
    assert here.complaints == []


def test_a_character_is_looked_at_with_mouse_and_keyboard(bench):
    here = bench(temperature=0.6)
    for t in (40, 3, 90):
        here.page.locator(f".sp-text > span >> nth={t}").click()
        here.settle()
        assert here.trait("at") == t
        assert_distribution_shown(here)
        assert here.page.locator(".sp-at").get_attribute("data-t") == str(t)
    text = here.page.locator(TEXT)
    text.focus()
    last = len(written(here)) - 1
    for key, at in [("ArrowLeft", 89), ("ArrowRight", 90), ("End", last), ("ArrowRight", last),
                    ("Home", 0), ("ArrowLeft", 0)]:  # fmt: skip
        here.page.keyboard.press(key)
        here.settle()
        assert here.trait("at") == at
    assert text.get_attribute("aria-valuenow") == "0"
    assert "“T”, character 1 of 132" in text.get_attribute("aria-valuetext")
    one, other = (here.page.locator(f".sp-text > span >> nth={t}").bounding_box() for t in (20, 30))
    here.page.mouse.move(one["x"] + 3, one["y"] + 8)
    here.page.mouse.down()
    here.page.mouse.move(other["x"] + 3, other["y"] + 8, steps=5)
    here.page.mouse.up()
    here.settle()
    assert here.trait("at") == 30
    assert here.complaints == []


def test_it_writes_character_by_character(bench):
    here = bench(options={"reduced_motion": "no-preference"})
    before = written(here)
    here.press("▶ Write")
    assert here.trait("seed") == 2
    lengths = []
    for _ in range(4):
        here.page.wait_for_timeout(400)
        lengths.append(len(written(here)))
    assert lengths == sorted(set(lengths))
    assert lengths[0] > 12
    assert lengths[-1] < len(before)
    assert Sampling(seed=2).text.startswith(written(here))
    here.press("■ Stop")
    assert_text_shown(here)
    assert written(here) != before
    label(here, "Characters to write").fill("20")
    here.press("▶ Write")
    here.page.get_by_role("button", name="▶ Write").wait_for(timeout=10_000)
    assert_text_shown(here)
    assert here.complaints == []


def test_who_wants_no_motion_gets_the_text_at_once(bench):
    here = bench()
    here.press("▶ Write")
    assert here.trait("seed") == 2
    assert_text_shown(here)


def test_the_goal_is_reached_by_hand(bench):
    here = bench()
    assert "100 characters" in here.text(".twice-goal")
    label(here, "Temperature").fill(str(COLDEST))
    for _ in range(80):
        here.settle()
        words = twin(here).words
        reached = len(words) >= 8 and all(seen for _, seen in words)
        assert here.trait("goal_met") is reached
        if reached:
            break
        here.press("New dice")
    assert here.trait("goal_met") is True
    told = f"Met at temperature {COLDEST:.2f} by “{twin(here).written[:20].strip()}"
    assert told in here.text(".twice-goal")
    assert f"all {len(words)} words stand in the book" in here.text(".twice-goal")
    assert "It is the text below." in here.text(".twice-goal")
    assert underlined(here) == []
    label(here, "Temperature").fill("2")
    here.settle()
    assert here.trait("goal_met") is True
    assert told in here.text(".twice-goal")
    missing = len(underlined(here))
    assert missing > 1
    lacks = f"The text below does not meet it: {missing} words do not stand in the book."
    assert lacks in here.text(".twice-goal")
    label(here, "Greedy: always the likeliest").check()
    here.settle()
    assert "The text below does not meet it: greedy does not count" in here.text(".twice-goal")
    assert here.complaints == []


def test_the_throws_at_the_same_settings_are_counted(bench):
    here = bench(temperature=0.8)
    texts = [twin(here)]
    assert "thrown" not in here.text(".twice-say")
    for _ in range(4):
        here.press("New dice")
        here.settle()
        texts.append(twin(here))
    good = sum(all(seen for _, seen in demo.words) for demo in texts)
    told = f"Of the 5 texts thrown at these settings, {good or 'none'} "
    assert told in here.text(".twice-say")
    label(here, "Temperature").fill("0.9")
    here.settle()
    assert "thrown" not in here.text(".twice-say")


def test_a_goal_met_earlier_is_told(bench):
    here = bench(goal_met=True)
    missing = len(underlined(here))
    assert f"It was met before. The text below does not meet it: {missing} word" in here.text(
        ".twice-goal"
    )


def test_surprising_characters_are_shaded(bench):
    here = bench(temperature=1.5)
    demo = twin(here)
    levels = here.page.locator(".sp-text > span").evaluate_all(
        "(all) => all.map((node) => Number(node.dataset.odd))"
    )
    bits = -demo.log_p / np.log(2)
    given = len(demo.prompt)
    assert levels[:given] == [0] * given
    wanted = np.round(10 * np.clip(bits[given:] / 7, 0, 1))
    assert np.abs(wanted - levels[given:]).max() <= 1
    assert max(levels) == 10


def test_python_sets_the_page(bench):
    here = bench()
    here.page.evaluate("""window.model.set("temperature", 0.7); window.model.set("seed", 9);
        window.model.set("prompt", "So "); window.model.set("model", "trigram");
        window.model.set("at", 5)""")
    here.settle()
    assert_text_shown(here)
    assert_distribution_shown(here)
    assert writer(here, "Trigram").is_checked()
    assert label(here, "It goes on from here: change it").input_value() == "So "
    assert label(here, "Temperature").input_value() == "0.7"
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 360, 480, 700, 960, 1440])
def test_every_width_in_both_tones(bench, width):
    here = bench(length=240, options={"viewport": {"width": width, "height": 900}})
    here.in_the_book()
    for tone in ("light", "dark"):
        here.tone(tone)
        for temperature in ("0.1", "2"):
            label(here, "Temperature").fill(temperature)
            here.settle()
            here.page.wait_for_timeout(200)
            assert here.cut() == []
            assert here.small_texts() == []
        here.assert_inside(width, TEXT, ".sp-rows", ".sp-others", ".sp-settings")
    text, slider = (here.page.locator(name).bounding_box() for name in (TEXT, ".sp-settings"))
    if width < 600:  # the slider is close to the text
        assert 0 < slider["y"] - text["y"] - text["height"] < 150
    else:
        assert slider["x"] > text["x"] + text["width"]
    assert here.complaints == []


def test_it_answers_within_a_frame(bench):
    here = bench()
    slider = label(here, "Temperature")
    assert here.answer_time(slider, 0.5, 0.05, steps=28) < 16
    text = here.page.locator(TEXT)
    assert here.answer_time(text, 0, 1, steps=40, action=LOOK) < 16


def test_it_leaves_nothing_behind(bench):
    here = bench(options={"reduced_motion": "no-preference"})
    label(here, "Temperature").fill("0.9")
    here.press("▶ Write")
    here.page.wait_for_timeout(200)
    here.assert_leaves_nothing()
