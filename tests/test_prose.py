"""twice.data.prose and its vocabulary: a clean, frozen text, and numbers that give it back."""

import hashlib
import re
from collections import Counter

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import prose as tool
from twice import data

ALPHABET = "\n \"%'(),-.0123456789:;?ABCDEFGHIKLMNOPRSTUWXabcdefghijklmnopqrstuvwxyz"
WORDS = data.Vocabulary("abc ")


@given(st.lists(st.text("abc "), min_size=1))
def test_a_vocabulary_gives_back_what_it_numbered(texts):
    numbers = WORDS.encode(texts)
    assert numbers.shape == (len(texts), max(map(len, texts)))
    assert numbers.dtype == np.int64
    assert WORDS.decode(numbers) == texts
    assert [WORDS.decode(WORDS.encode(text)) for text in texts] == texts
    for row, text in zip(numbers, texts, strict=True):
        assert (row[: len(text)] > 0).all()
        assert (row[len(text) :] == 0).all()


def test_a_vocabulary_by_hand():
    np.testing.assert_array_equal(WORDS.encode("cab", length=5), [3, 1, 2, 0, 0])
    assert len(WORDS) == 5  # four characters and the padding
    assert WORDS.decode([0, 2, 0, 1]) == "ba"
    assert WORDS.decode([]) == ""
    assert data.Vocabulary.of("banana").characters == "abn"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.Vocabulary(""), "must be a string, not empty, got ''"),
        (lambda: data.Vocabulary(["a"]), "must be a string"),
        (lambda: data.Vocabulary("abcb"), "must all differ, got 'b' more than once"),
        (lambda: data.Vocabulary.of(7), "text must be a string, got 7"),
        (lambda: WORDS.encode("abx"), "no character 'x'"),
        (lambda: WORDS.encode(["a", "\u00e9"]), "no character '\u00e9'"),
        (lambda: WORDS.encode(3), "string or a list of strings, got 3"),
        (lambda: WORDS.encode(["a", 3]), "string or a list of strings"),
        (lambda: WORDS.encode("abcab", length=4), "5 characters does not fit the length 4"),
        (lambda: WORDS.encode("a", length=-1), "length must be a whole number of at least 0"),
        (lambda: WORDS.encode("a", length=2.5), "length must be a whole number"),
        (lambda: WORDS.decode([1, 5]), "must be in 0 to 4, got 1 to 5"),
        (lambda: WORDS.decode([-1]), "must be in 0 to 4"),
        (lambda: WORDS.decode([1.0]), "must be whole.*float64"),
        (lambda: WORDS.decode([[[1]]]), r"shape \(1, 1, 1\)"),
    ],
)
def test_a_vocabulary_rejects_what_it_does_not_know(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture(scope="module")
def book():
    return data.prose()


def test_the_text_is_frozen(book):
    digest = hashlib.sha256(book.text.encode()).hexdigest()[:16]
    assert (len(book.text), digest) == (90036, "ab2b96cab4af8945")


def test_every_character_of_the_alphabet_is_frequent(book):
    counts = Counter(book.text)
    assert "".join(sorted(counts)) == ALPHABET == book.vocabulary.characters
    assert min(counts.values()) >= tool.RARE
    assert len(book.vocabulary) == len(ALPHABET) + 1


def test_the_lines_are_sentences_or_headings(book):
    assert book.text.endswith("\n")
    lines = book.text[:-1].split("\n")
    headings = 0
    for line in lines:
        assert line == " ".join(line.split()), line
        assert line.count("(") == line.count(")"), line
        assert line.count('"') % 2 == 0, line
        assert not re.search(r" [,.;:?)]|\( |[,;:]{2}|\.\.|\(\)|[:;,]$", line), line
        if re.search(r"[.?][\")]*$", line) and len(line) > 60:
            assert re.match(r"[\"(]*[A-Z0-9]", line) or line.startswith(("tanh", "float")), line
        headings += not re.search(r"[.?][\")]*$", line)
    assert 60 < headings < len(lines) / 3


def test_train_and_test_are_the_text_in_order(book):
    for part in (book.train, book.test):
        assert part.dtype == np.int64
        assert part.ndim == 1
        assert part.min() >= 1
    train, test = book.vocabulary.decode(book.train), book.vocabulary.decode(book.test)
    assert train + test == book.text
    assert train.endswith("\n")
    assert 0.08 < len(test) / len(book.text) <= 0.1
    assert set(test) <= set(train)


CELL = """# A title, `coded`

Kept, with *stress*, a [link](https://x.org/a_(b)), $\\eta = 0.1$ and `fit`. Lost for $a^2 + b$.
Kept again (as Müller says.) "Quoted." Not `a[0]`, though. It ends in a formula:

$$ x = 1 $$

| a | table |
| - | - |

![alt](picture.png)

:::{admonition} Predict
:class: predict

- What is 3 − 1? <br>And {doc}`why <../page>`?
- The kernel.
:::

```python
code = 1
```

## Empty

## Quiz

A lost sentence is here.
"""


def test_the_tool_keeps_whole_sentences_and_nothing_else(monkeypatch):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(CELL), nbformat.v4.new_code_cell("Not this one.")]
    )
    monkeypatch.setattr(tool, "RARE", 1)
    monkeypatch.setattr(tool.notebooks, "read", lambda path: notebook)
    assert tool.frozen(["any"]).splitlines() == [
        "A title, coded",
        'Kept, with stress, a link, eta = 0.1 and fit. Kept again (as Muller says.) "Quoted."',
        "What is 3 - 1? And why?",
    ]


def test_rare_characters_take_their_sentences_along(monkeypatch):
    cell = nbformat.v4.new_markdown_cell("It rains every day. " * 30 + "It rains in Quito too.")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    monkeypatch.setattr(tool.notebooks, "read", lambda path: notebook)
    assert tool.frozen(["any"]) == ("It rains every day. " * 30).strip() + "\n"


def test_the_tool_does_not_overwrite(tmp_path, monkeypatch):
    path = tmp_path / "prose.txt"
    path.write_text("frozen\n")
    monkeypatch.setattr(tool, "PATH", path)
    monkeypatch.setattr(tool, "frozen", lambda chapters: "new\n")
    with pytest.raises(SystemExit, match="--force"):
        tool.main([])
    assert path.read_text() == "frozen\n"
    assert tool.main(["--force"]) == 0
    assert path.read_text() == "new\n"
