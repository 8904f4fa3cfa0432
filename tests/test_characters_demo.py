"""The character model of two demos: JavaScript against NumPy, twice.scratch and its own rules."""

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.data import prose
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.gated import LSTM
from twice.scratch.language import bits_per_character as library_bits
from twice.scratch.sequences import Embedding, TimeDistributed
from twice.widgets import Gates, base
from twice.widgets.characters import (
    QUANTITIES,
    bits_per_character,
    pack,
    read,
    sizes_of,
    stored,
    unpack,
    unseen,
)

SCRIPT = ("characters.js", "gates.js")
TEXT = "A layer of 30 units (or so) learns: does it?\nNo."
READ = """const model = demo.readModel(data.packed, data.sizes, data.vocabulary);"""


def random_weights(rng, sizes=(9, 4, 6)):
    v, e, u = sizes
    shapes = ((v, e), (e, 4 * u), (u, 4 * u), (4 * u,), (u, v), (v,))
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def given(weights, vocabulary, **more):
    sizes = sizes_of(weights, vocabulary)
    return {"packed": pack(weights), "sizes": sizes, "vocabulary": vocabulary} | more


def scratch(weights, **settings):
    """The same model out of the book's own layers."""
    v, e, u = sizes_of(weights, "".join(map(chr, range(50, 49 + len(weights[0])))))
    rng, dtype = np.random.default_rng(0), {"dtype": np.float64}
    layers = [
        Embedding(v, e, rng=rng, **dtype),
        LSTM(e, u, return_sequences=True, rng=rng, **settings, **dtype),
        TimeDistributed(Dense(u, v, rng=rng, **dtype)),
    ]
    model = Sequential(layers)
    model.set_weights(weights)
    return model


def test_a_script_may_be_several_files():
    one, other = (base.HERE.joinpath(name).read_text("utf-8") for name in SCRIPT)
    text = base.source(SCRIPT)
    assert text.index("export const clamp") < text.index(one) < text.index(other)
    assert base.source("gates.js") == text.replace(one + "\n", "")
    assert "gt-plate" in base.source(SCRIPT, ".css")  # characters.js has no style of its own


@pytest.mark.parametrize("sizes", [None, (9, 4, 6), (5, 7, 1)])
def test_the_library_numpy_and_javascript_read_alike(sizes):
    weights, vocabulary = stored()
    codes = [vocabulary.index(c) + 1 for c in TEXT]
    if sizes:
        rng = np.random.default_rng(3)
        weights, vocabulary = random_weights(rng, sizes), "abcdefghijklmn"[: sizes[0] - 1]
        codes = rng.integers(1, sizes[0], size=40).tolist()
    data = given(weights, vocabulary, text="".join(vocabulary[code - 1] for code in codes))
    weights = unpack(data["packed"], data["sizes"])
    found = run_js(
        SCRIPT,
        READ
        + """const { steps } = demo.readText(model, data.text);
        const numbers = demo.QUANTITIES.map((q) => steps.map((now) => [...now[q]]));
        return [numbers, steps.map((now) => [...demo.scores(model, now)])];""",
        data,
    )
    ours = read(weights, codes)
    model = scratch(weights)
    logits = model.forward(np.array([codes]))[0]
    lstm = model.layers[1]
    np.testing.assert_allclose(ours.logits, logits, atol=1e-10)
    np.testing.assert_allclose(ours.state, lstm.s[0, 1:, 0], atol=1e-12)
    np.testing.assert_allclose(ours.cell, lstm.s[1, 1:, 0], atol=1e-12)
    gates = dict(zip(("input", "forget", "candidate", "output"), np.split(lstm.z[:, 0], 4, 1),
                     strict=True))  # fmt: skip
    for name, values in gates.items():
        np.testing.assert_allclose(getattr(ours, name), values, atol=1e-12)
    for name, values in zip(QUANTITIES, found[0], strict=True):
        np.testing.assert_allclose(values, getattr(ours, name), atol=1e-10)
    np.testing.assert_allclose(found[1], ours.logits, atol=1e-9)


@pytest.mark.parametrize(
    "held", [("forget", 0.0, None), ("input", 1.0, None), ("output", 0.0, 3), ("forget", 1.0, 2)]
)
def test_a_held_gate_is_held_in_both_languages(held):
    rng = np.random.default_rng(5)
    weights, vocabulary = random_weights(rng), "abcdefgh"
    text = "".join(rng.choice(list(vocabulary), size=30))
    gate, value, unit = held
    there = {"gate": gate, "value": value, "unit": -1 if unit is None else unit}
    data = given(weights, vocabulary, text=text, held=there)
    found = run_js(
        SCRIPT,
        READ
        + """const { steps } = demo.readText(model, data.text, data.held);
        return demo.QUANTITIES.map((q) => steps.map((now) => [...now[q]]));""",
        data,
    )
    codes = [vocabulary.index(c) + 1 for c in text]
    weights = unpack(data["packed"], data["sizes"])
    ours, free = read(weights, codes, held), read(weights, codes)
    for name, values in zip(QUANTITIES, found, strict=True):
        np.testing.assert_allclose(values, getattr(ours, name), atol=1e-10)
    kept = getattr(ours, gate)
    assert (kept[:, slice(None) if unit is None else unit] == value).all()
    if unit is not None:
        other = (unit + 1) % 6
        assert not (kept[:, other] == value).any()
    assert np.abs(ours.cell - free.cell).max() > 0.1 or gate == "output"
    # by hand: c = f c' + i g, h = o tanh(c)
    before = np.vstack([np.zeros(6), ours.cell[:-1]])
    np.testing.assert_allclose(ours.cell, ours.forget * before + ours.input * ours.candidate)
    np.testing.assert_allclose(ours.state, ours.output * np.tanh(ours.cell))


def test_what_is_known_of_an_earlier_reading_is_kept():
    rng = np.random.default_rng(7)
    data = given(random_weights(rng), "abcdefgh", texts=["abcde", "abfde", "abcde", "ab", "", "h"])
    same, kept = run_js(
        SCRIPT,
        READ
        + """let run = null;
        const [same, kept] = [[], []];
        for (const text of data.texts) {
            const next = demo.readText(model, text, undefined, run);
            const plain = demo.readText(model, text);
            same.push(JSON.stringify(next.steps) === JSON.stringify(plain.steps));
            kept.push(next.steps.filter((now, t) => run && now === run.steps[t]).length);
            run = next;
        }
        return [same, kept];""",
        data,
    )
    assert same == [True] * 6
    assert kept == [0, 2, 2, 2, 0, 0]


def test_packing_rounds_each_column_to_its_largest_weight():
    weights = random_weights(np.random.default_rng(8))
    weights[1][:, 3] = 0
    weights[2][:, 5] *= 1000
    back = unpack(pack(weights), (9, 4, 6))
    for before, after in zip(weights, back, strict=True):
        assert after.shape == before.shape
        if before.ndim == 1:
            np.testing.assert_array_equal(after, before)
            continue
        step = np.abs(before).max(axis=0) / 127
        assert (np.abs(after - before) <= 0.5001 * step).all()
        np.testing.assert_allclose(np.abs(after).max(axis=0), np.abs(before).max(axis=0), 1e-6)
    np.testing.assert_array_equal(back[1][:, 3], 0)
    again = unpack(pack(back), (9, 4, 6))
    for before, after in zip(back, again, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-5)


def test_eight_bits_cost_next_to_nothing():
    weights, vocabulary = stored()
    codes = [vocabulary.index(c) + 1 for c in unseen(3000)]
    rounded = unpack(pack(weights), sizes_of(weights, vocabulary))
    fine, coarse = (bits_per_character(read(w, codes).logits, codes) for w in (weights, rounded))
    assert abs(coarse - fine) < 0.005
    assert 1.8 < fine < 2.6
    assert fine == pytest.approx(library_bits(scratch(weights, stateful=True), codes), abs=1e-6)


def test_the_stored_model_speaks_the_alphabet_of_the_prose():
    weights, vocabulary = stored()
    assert vocabulary == prose().vocabulary.characters
    assert prose().text.endswith(prose().vocabulary.decode(prose().test))
    assert prose().vocabulary.decode(prose().test).startswith(unseen())
    assert 900 < len(unseen()) <= 1000
    sizes = sizes_of(weights, vocabulary)
    assert sizes[0] == len(prose().vocabulary)


def test_weights_from_outside_and_what_is_wrong_with_them():
    weights = random_weights(np.random.default_rng(9))
    demo = Gates(weights=weights, vocabulary="abcdefgh", sentence="abba")
    for ours, theirs in zip(demo.weights, unpack(pack(weights), (9, 4, 6)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    logits = scratch(demo.weights).forward(demo.encode("abba")[None])[0]
    np.testing.assert_allclose(demo.reading.logits, logits, atol=1e-10)
    for wrong, vocabulary, words in (
        (weights[:5], "abcdefgh", "6 arrays embedding, .* not 5 arrays"),
        (weights, "abcdefg", "8 different characters"),
        (weights, "abcdefgg", "8 different characters"),
        ([*weights[:4], weights[4].T, weights[5]], "abcdefgh", r"dense_kernel .* \(6, 9\), not"),
        ([weights[0] * np.nan, *weights[1:]], "abcdefgh", "embedding must hold finite"),
        ([weights[0][0], *weights[1:]], "abcdefgh", "must be matrices"),
        (weights, None, "together"),
        (None, "abcdefgh", "together"),
    ):
        with pytest.raises(traitlets.TraitError, match=words):
            Gates(weights=wrong, vocabulary=vocabulary, sentence="abba")
    with pytest.raises(traitlets.TraitError, match="bytes in base64"):
        unpack("AAAA", (9, 4, 6))


def test_a_text_keeps_what_the_model_knows():
    weights, vocabulary = stored()
    data = given(weights, vocabulary, text="“Ünder” — it’s 5 × 5; 日\tno")
    told = run_js(SCRIPT, READ + "return demo.knownText(model, data.text);", data)
    assert told["text"] == '"nder" - it\'s 5 x 5; no'
    assert told["strange"] == ["Ü", "日", "\t"]


def test_softmax_and_its_cold_end():
    z = [1.0, 3.0, -2.0, 3.0 - 1e-9]
    found = run_js(
        SCRIPT,
        "return [1, 0.1, 2, 0].map((t) => [...demo.softmax(Float64Array.from(data), t)]);",
        z,
    )
    for p, temperature in zip(found, (1, 0.1, 2), strict=False):
        e = np.exp((np.array(z) - 3) / temperature)
        np.testing.assert_allclose(p, e / e.sum(), atol=1e-12)
    assert found[3] == [0, 1, 0, 0]


def test_surprise_adds_up_to_the_bits_of_the_library():
    weights, vocabulary = stored()
    data = given(weights, vocabulary, text=TEXT)
    surprises, mean = run_js(
        SCRIPT,
        READ
        + """const bits = demo.surprises(model, demo.readText(model, data.text));
        return [bits, demo.bitsOf(bits)];""",
        data,
    )
    codes = [vocabulary.index(c) + 1 for c in TEXT]
    rounded = unpack(data["packed"], data["sizes"])
    assert surprises[0] == 0
    wanted = library_bits(scratch(rounded, stateful=True), codes)
    assert mean == pytest.approx(wanted, abs=1e-9)
    assert mean == pytest.approx(sum(surprises) / (len(TEXT) - 1))
