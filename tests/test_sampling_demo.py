"""The demo of a character model that writes: its JavaScript against Python, and its class."""

import json

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.data import prose
from twice.scratch.language import NGram
from twice.scratch.losses import log_softmax, softmax
from twice.widgets import Sampling
from twice.widgets.base import Seeded
from twice.widgets.characters import learned
from twice.widgets.sampling import (
    COLDEST,
    MODELS,
    pack_counts,
    pack_words,
    unpack_counts,
    unpack_words,
)

SCRIPT = Sampling.script
READY = """const net = demo.readModel(data.packed, data.sizes, data.vocabulary);
const counts = demo.readCounts(data.counts, net.V);
"""
NAMES = (
    *("packed", "sizes", "vocabulary", "counts", "words_seen", "unseen", "prompt", "model"),
    *("temperature", "greedy", "length", "seed"),
)


def given(demo, **more):
    return {name: getattr(demo, name) for name in NAMES} | more


@pytest.mark.parametrize("n", [2, 3])
def test_packed_counts_are_the_library_s_ngram(n):
    rng = np.random.default_rng(n)
    codes = np.array([3, 3, *rng.choice([1, 2, 5, 6], size=400), 6])
    packed = pack_counts(codes, 8)
    mine, library = unpack_counts(packed, 8, n), NGram(n, 8).fit(codes)
    contexts = [(), (3,), (6,), (7,), (3, 3), (1, 2), (7, 2), (2, 7), (5, 5)]
    found = run_js(
        SCRIPT,
        """const counts = demo.readCounts(data.packed, 8);
        return data.contexts.map(([a, b]) => [...demo.countedProbabilities(counts, data.n, a, b)]);
        """,
        {"packed": packed, "n": n, "contexts": [[0, 0, *c][-2:] for c in contexts]},
    )
    for context, there in zip(contexts, found, strict=True):
        context = context[-n + 1 :]
        wanted = library.probabilities(context)
        assert wanted.sum() == pytest.approx(1)
        np.testing.assert_allclose(mine.probabilities(context), wanted, atol=1e-14)
        np.testing.assert_allclose(there, wanted, atol=1e-14)


def test_the_book_s_counts_are_those_of_its_training_text():
    demo, text = Sampling(), prose()
    mine = unpack_counts(demo.counts, demo.sizes[0], 3)
    library = NGram(3, demo.sizes[0]).fit(text.train)
    for order in range(3):
        assert mine.counts[order].keys() == library.counts[order].keys()
        for context, row in library.counts[order].items():
            np.testing.assert_array_equal(mine.counts[order][context], row)
    assert learned() == text.vocabulary.decode(text.train)


def test_words_travel_sorted_and_shortened():
    words = {"a", "an", "and", "don't", "network", "networks", "x" * 40, "x" * 40 + "y"}
    packed = pack_words(words)
    assert unpack_words(packed) == words
    assert set(run_js(SCRIPT, "return [...demo.readWords(data)];", packed)) == words
    seen = unpack_words(Sampling().words_seen)
    assert set(run_js(SCRIPT, "return [...demo.readWords(data)];", Sampling().words_seen)) == seen
    assert {"network", "the", "gradient"} <= seen
    assert "gradiant" not in seen
    assert 1000 < len(seen) < 5000


@pytest.mark.parametrize("model", MODELS)
def test_both_languages_write_the_same_text(model):
    demo = Sampling(model=model)
    settings = [
        {"temperature": 1.0, "seed": 0, "prompt": "The network ", "length": 120, "greedy": False},
        {"temperature": 0.3, "seed": 5, "prompt": "", "length": 60, "greedy": False},
        {"temperature": 2.0, "seed": 77, "prompt": "A", "length": 60, "greedy": False},
        {"temperature": 2.0, "seed": 77, "prompt": "A", "length": 40, "greedy": True},
        {"temperature": 0.8, "seed": 2, "prompt": "In 1998", "length": 40, "greedy": False},
    ]
    found = run_js(
        SCRIPT,
        READY
        + """let known = null;
        return data.settings.map((one) => {
            known = demo.write(net, counts, { ...one, model: data.model }, known);
            const { text, start, scores } = known;
            return { text, start, scores: scores.map((z) => [...z].slice(1)),
                bits: demo.surprise(net, known) };
        });""",
        given(demo, settings=settings),
    )
    for change, there in zip(settings, found, strict=True):
        for name, value in change.items():
            setattr(demo, name, value)
        text, logits = demo._write()
        assert there["text"] == text == demo.text
        assert there["start"] == len(demo.prompt)
        assert len(text) == len(demo.prompt) + demo.length
        np.testing.assert_allclose(there["scores"], logits[:, 1:], atol=1e-8)
        np.testing.assert_allclose(there["bits"], -demo.log_p / np.log(2), atol=1e-8)
        # each drawn character is where its random number fell
        stream, codes = Seeded(demo.seed), demo.encode(text)
        for z, code in zip(logits[there["start"] :], codes[there["start"] :], strict=True):
            u = stream.next()
            if demo.greedy:
                assert z[code] == z.max()
                continue
            cumulative = softmax(z / demo.temperature).cumsum()
            assert cumulative[code - 1] <= u + 1e-12
            assert u <= cumulative[code] + 1e-12


def test_what_an_earlier_text_shares_is_not_computed_again():
    demo = Sampling()
    same, kept = run_js(
        SCRIPT,
        READY
        + """const base = { prompt: "The network ", length: 60, model: "lstm", temperature: 1,
            greedy: false, seed: 1 };
        const first = demo.write(net, counts, base);
        return [{}, { temperature: 0.9 }, { length: 90 }, { length: 20 }, { prompt: "The net" },
            { model: "trigram" }, { prompt: "" }].map((change) => {
            const again = demo.write(net, counts, { ...base, ...change }, first);
            const plain = demo.write(net, counts, { ...base, ...change });
            const alike = again.text === plain.text
                && JSON.stringify(again.scores) === JSON.stringify(plain.scores)
                && JSON.stringify(again.steps) === JSON.stringify(plain.steps);
            return [alike, again.scores.filter((z, t) => z === first.scores[t]).length];
        }).reduce(([a, b], [c, d]) => [[...a, c], [...b, d]], [[], []]);""",
        given(demo),
    )
    assert all(same)
    assert kept[0] == 72
    assert 12 < kept[1] < 72
    assert kept[2] == 72
    assert kept[3] == 32
    assert kept[4] >= 8  # to the first other character, whose guess is the same
    assert kept[5] == 0
    assert kept[6] >= 1


def test_pick_takes_the_code_that_the_number_falls_on():
    p = [0, 0.25, 0, 0.5, 0.25]
    u = [0, 0.2, 0.25, 0.7, 0.75, 0.999999]
    found = run_js(SCRIPT, "return data[1].map((u) => demo.pick(data[0], u));", [p, u])
    assert found == [1, 1, 3, 3, 4, 4]
    assert run_js(SCRIPT, "return demo.pick(data, 0.9999);", [0, 0.3, 0.3]) == 2  # rounding


def test_words_are_judged_when_complete():
    text = "The networ learns, don't it? The end"
    found = run_js(
        SCRIPT,
        "return demo.wordsOf(data, 4, new Set(['the', 'learns', \"don't\", 'end']));",
        text,
    )
    words = [(text[w["from"] : w["to"]], w["known"]) for w in found]
    assert words == [("networ", False), ("learns", True), ("don't", True), ("it", False),
                     ("The", True)]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("abc and the and the and the ", 8),
        ("xthe the the ", 4),
        ("the same start and the same start and", 0),
        ("abab", 0),
        ("nothing of the kind", 0),
        ("", 0),
    ],
)
def test_loops_are_found(text, length):
    assert run_js(SCRIPT, "return demo.loop(data);", text) == length


def test_entropy():
    p = softmax(np.random.default_rng(0).normal(size=9))
    found = run_js(SCRIPT, "return data.map(demo.entropy);", [p.tolist(), [0, 1, 0], [0.25] * 4])
    np.testing.assert_allclose(found, [-(p * np.log2(p)).sum(), 0, 2], atol=1e-12)


GOOD = {"model": "lstm", "temperature": 0.5, "greedy": False, "length": 100}


@pytest.mark.parametrize(
    ("change", "known", "lacks"),
    [
        ({}, [True] * 12, ""),
        ({"temperature": 1.5}, [True] * 8, ""),
        ({}, [True] * 7, "7 words are too few"),
        ({}, [True] * 11 + [False], "1 word does not stand in the book"),
        ({}, [True] * 11 + [False] * 2, "2 words do not stand in the book"),
        ({"model": "trigram"}, [True] * 12, "the trigram wrote it"),
        ({"temperature": 0.45}, [True] * 12, "the temperature is below 0.5"),
        ({"greedy": True}, [True] * 12, "greedy does not count, no dice were thrown"),
        ({"length": 90}, [True] * 12, "90 characters are too few"),
    ],
)
def test_the_goal_and_what_a_text_lacks(change, known, lacks):
    data = [GOOD | change, [{"known": one} for one in known]]
    body = "return [demo.lacking(...data, 0.5), demo.goalReached(...data, 0.5)];"
    assert run_js(SCRIPT, body, data) == [lacks, not lacks]


def all_known(words):
    return len(words) >= 8 and all(seen for _, seen in words)


def test_the_goal_can_be_reached_and_is_not_met_at_the_start():
    demo = Sampling()
    assert not all_known(demo.words)
    demo.temperature = COLDEST
    met = []
    for demo.seed in range(40):
        met.append(all_known(demo.words))
    assert 2 <= sum(met) < 40
    demo.model = "trigram"
    assert sum(all_known(Sampling(model="trigram", temperature=COLDEST, seed=k).words)
               for k in range(10)) == 0  # fmt: skip


def test_what_temperature_and_memory_do():
    """Cold text is likelier and of known words; the longer the memory, the better the words."""

    def known(**settings):
        words = [w for seed in range(6) for w in Sampling(seed=seed, **settings).words]
        return sum(seen for _, seen in words) / len(words)

    cold, usual, hot = (known(temperature=t) for t in (0.4, 1.0, 1.8))
    assert cold > usual + 0.05 > hot + 0.1
    assert known(temperature=0.7) > known(temperature=0.7, model="trigram") + 0.15
    bits = [Sampling(temperature=t).bits for t in (0.3, 1.0, 1.8)]
    assert bits == sorted(bits)


def test_greedy_writing_ends_in_a_loop():
    text = Sampling(greedy=True, length=240).written
    assert run_js(SCRIPT, "return demo.loop(data);", text) > 0


def test_the_sentence():
    words = [{"known": True}] * 9 + [{"known": False}]
    states = [
        [GOOD | {"temperature": 1}, "The a b c d"],
        [GOOD | {"temperature": 0.2}, "The a b c d"],
        [GOOD | {"temperature": 0.2}, "The and so and so and so "],
        [GOOD | {"temperature": 1.7}, "The xq"],
        [GOOD | {"greedy": True}, "The a b c d"],
        [GOOD | {"model": "bigram", "temperature": 1}, "The a b c d"],
    ]
    told = run_js(
        SCRIPT,
        """return data.states.map(([state, text]) =>
            demo.explain(state, text, 4, [...text].map((c, t) => (t < 4 ? 99 : 2)), data.words));
        """,
        {"states": states, "words": words},
    )
    assert told[0].startswith("LSTM, temperature 1.00: 9 of 10 words stand in the book.")
    assert "2.00 bits per character" in told[0]
    for text, word in zip(told[1:], ["plays safe", "It loops: “", "unlikely letters",
                                     "always the likeliest", "only the last character"],
                          strict=True):  # fmt: skip
        assert word in text


# ---- the class ---------------------------------------------------------------------------------


def test_your_own_model_and_text():
    rng = np.random.default_rng(4)
    v, e, u = 5, 3, 4
    shapes = ((v, e), (e, 4 * u), (u, 4 * u), (4 * u,), (u, v), (v,))
    weights = [rng.normal(size=shape) for shape in shapes]
    demo = Sampling(weights=weights, vocabulary="ab c", text="ab ab cab", prompt="ab")
    assert set(demo.text) <= set("ab c")
    assert unpack_words(demo.words_seen) == {"ab", "cab"}
    assert demo.unseen == ""
    for words, more in (
        ("not among them", {"text": "abx"}),
        ("three characters", {"text": "ab"}),
        ("not among them", {"text": "abab", "prompt": "x"}),
    ):
        with pytest.raises(traitlets.TraitError, match=words):
            Sampling(weights=weights, vocabulary="ab c", **more)


def test_the_properties_fit_each_other():
    demo = Sampling(length=60, seed=3)
    assert demo.text == demo.prompt + demo.written
    assert len(demo.written) == 60
    text, logits = demo._write()
    log_p = log_softmax(logits)[np.arange(len(text)), demo.encode(text)]
    assert demo.bits == pytest.approx(-log_p[len(demo.prompt) :].mean() / np.log(2))
    seen = unpack_words(demo.words_seen)
    assert demo.words
    for word, known in demo.words:
        assert word in demo.text
        assert known == (word.lower() in seen)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("prompt", "naïve", "'ï' is not among them"),
        ("prompt", "a" * 81, "at most 80 characters, not 81"),
        ("temperature", 0.05, "temperature"),
        ("temperature", float("nan"), "finite"),
        ("model", "gpt", "model"),
        ("length", 19, "length"),
        ("length", 241, "length"),
        ("seed", -1, "seed"),
        ("at", -2, "at"),
        ("unseen", "€", "not among them"),
    ],
)
def test_bad_values_are_refused(name, value, words):
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(Sampling(), name, value)


def test_summary_and_picture():
    demo = Sampling(length=30, temperature=0.5)
    known = sum(seen for _, seen in demo.words)
    assert repr(demo).startswith("Sampling(lstm, temperature=0.5, seed=1): 'The network ")
    assert f"{known} of {len(demo.words)} words stand in the training text" in repr(demo)
    assert repr(Sampling(greedy=True)).startswith("Sampling(lstm, greedy, seed=1)")
    pictures = [Sampling(**change).picture() for change in ({}, {"seed": 2}, {"model": "bigram"})]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(set(pictures)) == 3


def test_what_travels_with_the_page_is_light():
    state = Sampling().get_state()
    sent = {name: len(json.dumps(value, default=str)) for name, value in state.items()}
    assert sent["packed"] < 160_000
    assert sent["counts"] + sent["words_seen"] < 30_000
    assert sum(sent.values()) < 250_000
