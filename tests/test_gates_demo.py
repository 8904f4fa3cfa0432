"""The demo of an LSTM that reads: its JavaScript against NumPy, and its Python class."""

import json

import numpy as np
import pytest
import traitlets
from bench import contrast
from js import run_js

from twice.scratch.losses import softmax
from twice.widgets import Gates
from twice.widgets.gates import COUNTS, FEATURES, HELD, counting

SCRIPT = Gates.script
MODEL = "const model = demo.readModel(data.packed, data.sizes, data.vocabulary);"


def given(demo, **more):
    names = ("packed", "sizes", "vocabulary", "sentence", "unseen")
    return {name: getattr(demo, name) for name in names} | more


def test_what_units_may_follow_by_hand():
    text = "Ab c1, (De) f.\nG"
    found = run_js(
        SCRIPT,
        """return Object.fromEntries(
            Object.entries(demo.FEATURES).map(([name, { of }]) => [name, of(data)]));""",
        text,
    )
    assert tuple(found) == FEATURES
    assert found == {
        "since_space": [1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2, 0, 1],
        "space": [0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0],
        "since_stop": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0, 1],
        "mark": [0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0],
        "capital": [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1],
        "vowel": [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        "digit": [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "bracket": [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0],
        "last": [0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1],
    }


def test_statistics_equal_numpy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    found = run_js(
        SCRIPT,
        """const [a, b] = data;
        return [demo.correlation(a, b), demo.correlation(a, a.map((v) => 3 - 2 * v)),
            demo.correlation(a, a.map(() => 1)), demo.change(a, "forget"), demo.change(a, "cell"),
            demo.reach(a), demo.change([5], "cell"), demo.fitted(a, b),
            demo.fitted(a.map(() => 1), b)];""",
        [a.tolist(), b.tolist()],
    )
    steps = np.abs(np.diff(a)).mean()
    wanted = [np.corrcoef(a, b)[0, 1], -1, 0, steps, steps / np.abs(a).max(), np.abs(a).max(), 0]
    np.testing.assert_allclose(found[:7], wanted, atol=1e-12)
    np.testing.assert_allclose(found[7], np.polyval(np.polyfit(a, b, 1), a), atol=1e-9)
    np.testing.assert_allclose(found[8], np.full(50, b.mean()))


def test_units_are_sorted_by_what_they_follow_over_unseen_text():
    demo = Gates()
    found = run_js(
        SCRIPT,
        MODEL
        + """const here = demo.readText(model, data.sentence);
        const wide = demo.readText(model, data.unseen);
        const by = (...sort) => demo.sorted(model, ...sort, here.steps, wide);
        return [by("since_space", "cell"), by("space", "input"), by("change", "cell"),
            by("change", "forget"), by("number", "cell")];""",
        given(demo),
    )
    far = demo.read(demo.unseen)
    space = np.array([c in " \n" for c in demo.unseen], float)
    cells, forget = demo.reading.cell, demo.reading.forget
    own = np.abs(np.diff(cells, axis=0)).mean(axis=0) / np.abs(cells).max(axis=0)
    wanted = [
        counting(demo.weights, demo.vocabulary, demo.unseen),
        np.array([np.corrcoef(gate, space)[0, 1] for gate in far.input.T]),
        own,
        np.abs(np.diff(forget, axis=0)).mean(axis=0),
    ]
    for pairs, values in zip(found, wanted, strict=False):
        units, worth = zip(*pairs, strict=True)
        assert sorted(units) == list(range(demo.sizes[2]))
        np.testing.assert_allclose(worth, values[list(units)], atol=1e-8)
        assert (np.diff(np.abs(worth)) <= 1e-12).all()
    assert [unit for unit, _ in found[4]] == list(range(demo.sizes[2]))
    np.testing.assert_allclose([worth for _, worth in found[4]], own, atol=1e-9)


def test_the_stored_model_has_units_that_count_and_begins_with_another():
    demo = Gates()
    r = counting(demo.weights, demo.vocabulary, demo.unseen)
    by_hand, count = [], 0
    for c in demo.unseen:
        count = 0 if c in " \n" else count + 1
        by_hand.append(count)
    cells = demo.read(demo.unseen).cell
    wanted = [np.corrcoef(cell, by_hand)[0, 1] for cell in cells.T]
    np.testing.assert_allclose(r, wanted, atol=1e-9)
    assert 1 <= (np.abs(r) > COUNTS + 0.02).sum() < 20
    assert abs(r[demo.unit]) < COUNTS - 0.05
    assert demo.goal_met is False
    assert str(COUNTS) in demo.goal
    met = run_js(SCRIPT, "return data.map((r) => demo.goalReached(r, 0.7));", [0.7, -0.9, 0.69, 0])
    assert met == [True, True, False, False]


def test_the_stretch_in_sight_moves_no_more_than_it_must():
    rng = np.random.default_rng(1)
    asked = []
    for _ in range(300):
        length = int(rng.integers(1, 80))
        count = int(rng.integers(1, length + 1))
        first, at = int(rng.integers(0, length - count + 1)), int(rng.integers(length))
        asked.append([first, count, at, length])
    answers = run_js(SCRIPT, "return data.map((one) => demo.stretch(...one));", asked)
    stayed = 0
    for (first, count, at, length), found in zip(asked, answers, strict=True):
        assert 0 <= found <= length - count
        assert found <= at < found + count
        margin = min(3, (count - 1) // 2)
        if first + margin <= at <= first + count - 1 - margin:
            assert found == first
            stayed += 1
    assert 30 < stayed < 270


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0.99, "wide open"),
        (0.7, "more than half"),
        (0.5, "half open"),
        (0.2, "mostly"),
        (0, "shut"),
    ],
)
def test_a_gate_in_words(value, word):
    assert word in run_js(SCRIPT, "return demo.openness(data);", value)


def test_the_sentence_tells_what_the_unit_does():
    demo = Gates(at=34, unit=5)
    texts = run_js(
        SCRIPT,
        MODEL
        + """const { steps } = demo.readText(model, data.sentence);
        return [demo.explain(data.sentence, 34, steps[34], steps[33], 5),
            demo.explain(data.sentence, 0, steps[0], undefined, 5),
            demo.cost(2.345), demo.cost(2.345, 2, { gate: "input", value: 0, unit: -1 }, 128),
            demo.cost(NaN), demo.cost(2.001, 2, { gate: "output", value: 1, unit: 5 }, 128),
            demo.cost(1.5, 2, { gate: "forget", value: 1, unit: 5 }, 128)];""",
        given(demo),
    )
    now = {name: getattr(demo.reading, name)[34, 5] for name in ("input", "candidate", "cell")}
    old = demo.reading.cell[33, 5]

    def shown(value):
        return f"{value:.2f}".replace("-", "−") if round(value, 2) else "0.00"

    text = texts[0]
    assert text.startswith("Unit 5 reads “.”.")
    assert f"of the old cell {shown(old)} it keeps" in text
    assert f"it adds {shown(now['input'])} × {shown(now['candidate'])} = " in text
    assert text.endswith(f"The new cell is {shown(now['cell'])}.")
    assert "begins at 0" in texts[1]
    assert texts[2] == "The sentence costs 2.35 bits per character." or "2.34" in texts[2]
    assert "the input gate of all 128 units held shut, 2.00 as trained: 0.3" in texts[3]
    assert texts[3].endswith(" more.")
    assert texts[4] == ""
    held = "the output gate of unit 5 alone held open, 2.00 as trained"
    assert texts[5].endswith(f"{held}: hardly a difference: it is one of 128.")
    assert texts[6].endswith("2.00 as trained: 0.50 fewer.")


def test_letters_stand_out_on_every_shade():
    rng = np.random.default_rng(6)
    grounds = [*rng.integers(0, 256, size=(200, 3)).tolist(), [0, 0, 0], [255, 255, 255]]
    inks = run_js(SCRIPT, "return data.map(demo.inkOn);", grounds)
    for ground, ink in zip(grounds, inks, strict=True):
        color = "#" + "".join(f"{v:02x}" for v in ground)
        assert contrast(color, ink) > 4.5
    assert set(inks) == {"#000000", "#ffffff"}


def test_reading_guess_and_bits():
    demo = Gates(sentence="The network", at=99)
    found = demo.reading
    assert found.cell.shape == (11, demo.sizes[2])
    np.testing.assert_allclose(demo.guess, softmax(found.logits[-1]), atol=1e-12)
    demo.at = 2
    np.testing.assert_allclose(demo.guess, softmax(found.logits[2]), atol=1e-12)
    p = [softmax(z)[code] for z, code in zip(found.logits, demo.encode("he network"), strict=False)]
    assert demo.bits == pytest.approx(-np.log2(p).mean())
    assert np.isnan(Gates(sentence="a").bits)
    assert Gates(sentence="").reading.cell.shape == (0, demo.sizes[2])


def test_forgetting_everything_costs_bits():
    demo = Gates()
    trained = demo.bits
    demo.hold = "forget 0"
    np.testing.assert_allclose(demo.reading.cell, demo.reading.input * demo.reading.candidate)
    assert demo.bits > trained + 0.2
    demo.scope = "unit"
    assert (demo.reading.forget[:, demo.unit] == 0).all()
    assert (demo.reading.forget[0] != 0).sum() == demo.sizes[2] - 1
    for hold in HELD[1:]:
        demo.hold = hold
        gate, value = hold.split()
        assert (getattr(demo.reading, gate)[:, demo.unit] == float(value)).all()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sentence", "naïve", "'ï' is not among them"),
        ("sentence", "a" * 121, "at most 120 characters, not 121"),
        ("unseen", "€", "is not among them"),
        ("unit", 10_000, "unit must be 0 to"),
        ("unit", -1, "unit"),
        ("at", -1, "at"),
        ("quantity", "memory", "quantity"),
        ("sort", "color", "sort"),
        ("hold", "forget 2", "hold"),
        ("scope", "some", "scope"),
    ],
)
def test_bad_values_are_refused(name, value, words):
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(Gates(), name, value)


def test_summary_and_picture():
    demo = Gates(sentence="The rate.", at=3, unit=2)
    cell = demo.reading.cell[3, 2]
    assert repr(demo).startswith("Gates('The rate.'): unit 2 at ' ': input 0.")
    assert f"cell {cell:.2f}; {demo.bits:.2f} bits per character" in repr(demo)
    assert "hold='forget 0'" in Gates(hold="forget 0").summary()
    assert repr(Gates(sentence="")) == "Gates(no sentence)"
    pictures = [
        Gates(**change).picture()
        for change in ({}, {"quantity": "forget"}, {"unit": 3}, {"hold": "forget 0"},
                       {"sentence": ""}, {"sentence": "a"}, {"everyone": True})
    ]  # fmt: skip
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(set(pictures)) == len(pictures)


def test_what_travels_with_the_page_is_light():
    state = Gates().get_state()
    sent = {name: len(json.dumps(value, default=str)) for name, value in state.items()}
    assert sent["packed"] < 160_000
    assert sum(sent.values()) < 220_000
