"""The long runs on sequences: a small part repeated, the stored results held to their files."""

import math

import numpy as np
import pytest

from experiments import characters, dates, record
from twice import data, results
from twice.scratch.language import NGram, bits_per_character


def near(found, stored, rtol, where=""):
    """The same keys, whole numbers and texts; floats within rtol, for training amplifies."""
    if isinstance(stored, dict):
        assert {str(key) for key in found} == set(stored), where
        for key, value in found.items():
            near(value, stored[str(key)], rtol, f"{where}/{key}")
    elif isinstance(stored, list):
        assert len(found) == len(stored), where
        for k, pair in enumerate(zip(found, stored, strict=True)):
            near(*pair, rtol, f"{where}/{k}")
    elif isinstance(stored, float):
        np.testing.assert_allclose(found, stored, rtol=rtol, atol=0.03, err_msg=where)
    else:
        assert found == stored, where


# --- what a stopped run keeps


def test_a_part_that_was_kept_is_not_made_again(tmp_path):
    made = []

    def make():
        made.append(1)
        return {"bits": 2.5, "curve": [3.0, 2.5]}, [np.arange(3, dtype=np.float16), np.eye(2)]

    first, arrays = record.kept("words", "lstm-0", {"rate": 0.1}, make, folder=tmp_path)
    again, same = record.kept("words", "lstm-0", {"rate": 0.1}, make, folder=tmp_path)
    assert made == [1]
    assert first == again
    assert first["bits"] == 2.5
    assert first["seconds"] >= 0
    assert same[0].dtype == np.float16
    for ours, theirs in zip(arrays, same, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    record.kept("words", "lstm-0", {"rate": 0.2}, make, folder=tmp_path)
    assert made == [1, 1]  # another setting, another run
    record.kept("words", "lstm-1", {"rate": 0.2}, make, folder=tmp_path)
    assert made == [1, 1, 1]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["lstm-0.npz", "lstm-1.npz"]


# --- characters


@pytest.fixture(scope="module")
def found():
    return results.load("characters")


@pytest.fixture(scope="module")
def texts():
    return characters.texts()


@pytest.fixture(scope="module")
def stored(found, texts):
    """The network of characters.npz, in float64."""
    with np.load(characters.STORED) as file:
        weights = [file[name] for name in characters.NAMES]
        assert str(file["vocabulary"]) == texts[3].characters
    assert {w.dtype for w in weights} == {np.dtype(np.float16)}
    known = {k: found["settings"][k] for k in ("embedding", "units")}
    return characters.restored("lstm", weights, len(texts[3]), characters.Setting(**known))


def test_a_small_part_of_characters_gives_what_was_stored(found):
    near(characters.small(), found["small"], 0.02)


def test_the_three_texts_follow_each_other_and_are_the_prose(texts):
    train, val, test, vocabulary = texts
    prose = data.prose()
    assert vocabulary.decode(np.concatenate([train, val, test])) == prose.text
    np.testing.assert_array_equal(test, prose.test)
    assert vocabulary.decode(train[-1:]) == "\n"
    assert 0.08 < len(val) / len(prose.train) < 0.12


def test_counting_costs_what_was_stored(found, texts):
    train, val, test, vocabulary = texts
    assert found["bits"]["uniform"] == pytest.approx(math.log2(len(vocabulary) - 1), abs=1e-4)
    for n, name in enumerate(characters.NGRAMS, 1):
        strength = found["strengths"][name]
        model = NGram(n, len(vocabulary), strength=strength).fit(train)
        assert model.bits_per_character(test) == pytest.approx(found["bits"][name], abs=1e-4)
    model = NGram(3, len(vocabulary)).fit(train)
    bits = {}
    for model.strength in characters.STRENGTHS:
        bits[model.strength] = model.bits_per_character(val)
    assert min(bits, key=bits.get) == found["strengths"]["trigram"]


def test_the_stored_network_has_the_bits_that_were_stored(found, stored, texts):
    here = found["stored"]
    assert bits_per_character(stored, texts[2]) == pytest.approx(here["test"], abs=1e-4)
    assert bits_per_character(stored, texts[1]) == pytest.approx(here["validation"], abs=0.01)
    assert here["seed"] == characters.DEMO_SEED
    assert {name: here[name] for name in characters.DEMO_RUN} == characters.DEMO_RUN
    assert here["test"] < found["bits"]["5-gram"]


def test_the_stored_network_writes_what_was_stored(found, stored, texts):
    for temperature, text in found["samples"].items():
        begin = characters.written(stored, texts[3], float(temperature), length=60)
        assert text.startswith(begin)
        assert len(text) == characters.LENGTH
    trigram = NGram(3, len(texts[3]), strength=found["strengths"]["trigram"]).fit(texts[0])
    assert (
        characters.written(characters.NGramWriter(trigram), texts[3], 1.0, length=40)
        == (found["trigram_sample"][:40])
    )


def test_the_stored_characters_hold_what_the_chapter_reads(found):
    seeds = len(results.read("characters")["seeds"])
    bits = found["bits"]
    assert seeds >= 5
    for cell in characters.CELLS:
        assert len(bits[cell]) == seeds
        curve = found["curve"][cell]
        assert len(curve["epoch"]) == len(curve["train"]) == len(curve["validation"])
        tried = found["rates"][cell]["tried"]
        assert tried[f"{found['rates'][cell]['rate']:g}"] == min(tried.values())
    assert max(bits["lstm"]) < min(bits["rnn"])
    assert max(bits["lstm"]) < bits["6-gram"] < bits["5-gram"] < bits["trigram"] < bits["bigram"]
    assert found["characters"]["test"] == len(data.prose().test)


# --- dates


@pytest.fixture(scope="module")
def translated():
    return results.load("dates")


def test_a_small_part_of_dates_gives_what_was_stored(translated):
    near(dates.small(), translated["small"], 0.03)


def test_every_format_is_told_from_the_text():
    pairs = dates.draw(400, "train", np.random.default_rng(0))
    assert set(pairs.styles) == set(data.sequences.FORMATS)
    for text, style in (
        ("Friday, March 5, 2021", "{weekday}, {month} {d}, {y}"),
        ("3/5/2021", "{m}/{d}/{y}"),
        ("03/05/21", "{m:02}/{d:02}/{yy:02}"),
        ("5.3.2021", "{d}.{m}.{y}"),
        ("5-Mar-21", "{d}-{mon}-{yy:02}"),
        ("the 22nd of May 1999", "the {d}{th} of {month} {y}"),
    ):
        assert dates.style_of(text) == style


def test_no_day_of_a_test_or_validation_pair_is_trained_on():
    rng = np.random.default_rng(0)
    parts = [dates.draw(n, part, rng) for part, n in (("train", 3000), ("val", 300), ("test", 300))]
    days = [set(part.target) for part in parts]
    assert [len(part.target) for part in parts] == [3000, 300, 300]
    assert not days[0] & (days[1] | days[2])
    assert not days[1] & days[2]
    for part in parts:
        source, target = dates.vocabularies()
        assert source.decode(part.x) == part.source
        assert target.decode(part.y) == part.target
    without = dates.draw(500, "train", np.random.default_rng(1), without=dates.UNSEEN[0])
    assert dates.UNSEEN[0] not in set(without.styles)


def test_the_stored_network_translates_as_it_was_measured(translated):
    model, setting = dates.restored(), dates.Setting(**{
        k: v for k, v in translated["settings"].items() if k in dates.Setting.__dataclass_fields__
    })  # fmt: skip
    seed = results.read("dates")["seeds"][0]
    rng = np.random.default_rng([seed, 0])
    for part, n in (("train", setting.n_train), ("val", setting.n_val)):
        dates.draw(n, part, rng)
    test = dates.draw(setting.n_test, "test", rng)
    found = dates.answers(model, test.x)
    assert float(dates.exact(found, test.target).mean()) == pytest.approx(
        translated["accuracy"][0], abs=1e-4
    )
    wrong = [list(row) for row in zip(test.source, test.target, found, strict=True)
             if row[1] != row[2]]  # fmt: skip
    assert wrong[:12] == translated["examples"][: len(wrong[:12])]


def test_the_stored_dates_hold_what_the_chapter_reads(translated):
    seeds = len(results.read("dates")["seeds"])
    assert len(translated["accuracy"]) == len(translated["reversed"]) == seeds >= 3
    assert list(translated["by_format"]) == list(data.sequences.FORMATS)
    pairs = seeds * translated["settings"]["n_test"]
    for table in ("by_format", "by_length", "reversed_by_length"):
        assert sum(n for _, n in translated[table].values()) == pairs
        mean = sum(share * n for share, n in translated[table].values()) / pairs
        kept = translated["reversed" if "reversed" in table else "accuracy"]
        assert mean == pytest.approx(np.mean(kept), abs=1e-3)
    assert set(translated["unseen"]) == set(dates.UNSEEN)
    assert set(translated["narrow"]) == set(map(str, dates.NARROW))
    assert translated["curve"][-1]["epoch"] == translated["settings"]["epochs"]


def test_a_reversed_source_reads_the_same_characters():
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])
    np.testing.assert_array_equal(dates.ordered(x, True), [[0, 0, 3, 2, 1], [0, 0, 0, 5, 4]])
    np.testing.assert_array_equal(dates.ordered(x, False), x)
