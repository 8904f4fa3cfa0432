"""The book's own prose, frozen: plain sentences to learn a language from, without a network.

`prose.txt` holds the seven chapters from the perceptron to deep convolutional networks as they
were in November 2026, made by `python -m tools.prose`. It stays as it is when a chapter changes,
so that what a model learned from it stays true.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .vocabulary import Vocabulary

PATH = Path(__file__).parent / "prose.txt"
TEST_SHARE = 0.1


class Prose(NamedTuple):
    """A text as numbers, in two parts that follow each other.

    train, test: int64 (N,), numbers of `vocabulary`, none of them padding. text: both as a string.
    """

    train: np.ndarray
    test: np.ndarray
    vocabulary: Vocabulary
    text: str


def prose() -> Prose:
    """Return the frozen prose of seven chapters: 90,036 characters, 70 different ones.

    A paragraph or heading is a line and ends with a newline. Formulas, code and tables are gone,
    and so is every sentence that cannot be read without them.

    The split respects the order of the text: `test` is the last tenth, cut where a paragraph
    begins, `train` all before it. So the test text comes from the last chapter alone, which speaks
    of things the others do not: it asks for a language, not for sentences seen before. To choose a
    model, cut a validation part off the end of `train`.

    Returns
    -------
    Prose(train, test, vocabulary, text): train and test (N,) int64 in 1 to len(vocabulary) - 1;
    `vocabulary.decode(train) + vocabulary.decode(test)` is `text`.
    """
    text = PATH.read_text(encoding="utf-8")
    cut = text.index("\n", int((1 - TEST_SHARE) * len(text)) - 1) + 1
    vocabulary = Vocabulary.of(text)
    return Prose(vocabulary.encode(text[:cut]), vocabulary.encode(text[cut:]), vocabulary, text)
