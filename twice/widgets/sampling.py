"""A character model writes: prompt, temperature, dice, and two counters of characters beside it."""

import base64
import math
import re
from functools import lru_cache
from itertools import takewhile

import numpy as np
import traitlets

from twice.scratch.language import NGram
from twice.scratch.losses import log_softmax

from .base import Seeded, finite
from .characters import CharacterDemo, learned, step, unseen

MODELS = ("lstm", "trigram", "bigram")
COLDEST = 0.8  # the goal counts from this temperature on: it takes some throws of the dice
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def pack_counts(codes, size):
    """What a trigram needs to know of a text of codes below `size`, as base64.

    Seven bits a byte, the lowest first: the text's first two codes, then in turn, for each triple
    (a size + b) size + c that occurs, in ascending order, the difference to the one before and the
    count.
    """
    codes = np.asarray(codes, dtype=np.int64)
    triples = (codes[:-2] * size + codes[1:-1]) * size + codes[2:]
    keys, counts = np.unique(triples, return_counts=True)
    pairs = np.column_stack([np.diff(keys, prepend=0), counts])
    data = bytearray()
    for value in [*codes[:2].tolist(), *pairs.ravel().tolist()]:
        while value > 127:
            data.append(value & 127 | 128)
            value >>= 7
        data.append(value)
    return base64.b64encode(bytes(data)).decode()


@lru_cache(maxsize=6)
def unpack_counts(packed, size, n):
    """The `NGram(n, size)`, n = 2 or 3, fitted on the text that `pack_counts` was given."""
    values, value, shift = [], 0, 0
    for byte in base64.b64decode(packed):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value, shift = 0, 0
    pairs = np.array(values[2:], dtype=np.int64).reshape(-1, 2)
    three = np.zeros((size, size, size))
    three.ravel()[np.cumsum(pairs[:, 0])] = pairs[:, 1]
    two = three.sum(axis=0)
    two[values[0], values[1]] += 1
    one = two.sum(axis=0)
    one[values[0]] += 1
    ngram = NGram(n, size)
    ngram.counts[0][()] = one
    ngram.counts[1].update({(b,): two[b] for b in range(size) if two[b].any()})
    if n > 2:
        seen = np.argwhere(three.any(axis=2)).tolist()
        ngram.counts[2].update({(a, b): three[a, b] for a, b in seen})
    return ngram


def pack_words(words):
    """Sorted words: a capital for the letters shared with the word before (A: 0), then the rest."""
    parts, last = [], ""
    for word in sorted(words):
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(last, word, strict=False))
        shared = min(len(list(alike)), 25)
        parts.append(chr(65 + shared) + word[shared:])
        last = word
    return "".join(parts)


def unpack_words(packed):
    """The words that `pack_words` was given, as a set."""
    words, word = set(), ""
    for shared, rest in re.findall("([A-Z])([^A-Z]*)", packed):
        word = word[: ord(shared) - 65] + rest
        words.add(word)
    return words


class Sampling(CharacterDemo):
    """Let a character model write: give it a beginning, set the temperature, throw the dice.

    `Sampling()` has the book's LSTM. Your own `Embedding, LSTM, Dense` comes as `weights`, what its
    `get_weights()` returns, with its `vocabulary` and the training `text`, from which the bigram,
    the trigram and the list of words are made. `text` is then the prompt and what was written: it
    follows the settings. `words` are the written words, with whether the training text has them.
    """

    script = ("characters.js", "sampling.js")
    figure_size = (8.0, 3.6)

    goal = traitlets.Unicode(
        f"At temperature {COLDEST} or higher, let the LSTM write 100 characters or more, of which "
        "every word stands in the book.",
        read_only=True,
    ).tag(sync=True)
    prompt = traitlets.Unicode("The network ", help="What it goes on from.").tag(sync=True)
    model = traitlets.Enum(MODELS, "lstm", help="Who writes: lstm, trigram or bigram.").tag(
        sync=True
    )
    temperature = traitlets.Float(
        1.0, min=0.1, max=2, help="Scores are divided by it: 0.1 (sure) to 2 (wild)."
    ).tag(sync=True)
    greedy = traitlets.Bool(False, help="Always take the likeliest character.").tag(sync=True)
    length = traitlets.Int(120, min=20, max=240, help="Characters to write.").tag(sync=True)
    seed = traitlets.Int(1, min=0, help="Of the stream of random numbers: the dice.").tag(sync=True)
    at = traitlets.Int(-1, min=-1, help="The character looked at, from 0; -1: the last.").tag(
        sync=True
    )
    counts = traitlets.Unicode(help="The training text's triples, packed.").tag(sync=True)
    words_seen = traitlets.Unicode(help="The training text's words, packed.").tag(sync=True)
    coldest = traitlets.Float(COLDEST, help="The lowest temperature that the goal counts.").tag(
        sync=True
    )
    unseen = traitlets.Unicode(help="Text on which the three are compared.").tag(sync=True)

    def __init__(self, weights=None, vocabulary=None, text=None, **traits):
        if weights is None:
            traits.setdefault("unseen", unseen())
        text = learned() if text is None else text
        super().__init__(weights, vocabulary, **traits)
        codes = self.encode(self._known("text", text))
        if len(codes) < 3:
            raise traitlets.TraitError(f"text must have three characters or more, not {text!r}")
        self.counts = pack_counts(codes, self.sizes[0])
        self.words_seen = pack_words({word.lower() for word in WORD.findall(text)})

    @property
    def text(self):
        """The prompt and what was written."""
        return self._write()[0]

    @property
    def written(self):
        """What was written."""
        return self.text[len(self.prompt) :]

    @property
    def log_p(self):
        """The log probability of each character of the text at temperature 1, (T,)."""
        text, logits = self._write()
        return log_softmax(logits)[np.arange(len(text)), self.encode(text)]

    @property
    def bits(self):
        """Bits per character of the written part, to the model itself, at temperature 1."""
        return float(-self.log_p[len(self.prompt) :].mean() / math.log(2))

    @property
    def words(self):
        """Complete words that end in the written part: (word, is it in the training text?)."""
        text, seen = self.text, unpack_words(self.words_seen)
        return [
            (found.group(), found.group().lower() in seen)
            for found in WORD.finditer(text)
            if len(self.prompt) < found.end() < len(text)
        ]

    def _next(self):
        """A function of the codes so far: the scores of the next character."""
        if self.model != "lstm":
            n = 3 if self.model == "trigram" else 2
            ngram = unpack_counts(self.counts, self.sizes[0], n)
            return lambda codes: np.log(ngram.probabilities(codes[-n + 1 :]))
        arrays = [array.astype(float) for array in self.weights]
        state = [np.zeros(self.sizes[2])] * 2

        def scores(codes):
            if codes:
                now = step(arrays, codes[-1], *state)
                state[:] = now[5], now[3]
            return state[0] @ arrays[4] + arrays[5]

        return scores

    def _write(self):
        """The text, and the scores (T, V) that each of its characters was guessed or drawn from."""
        stream, following = Seeded(self.seed), self._next()
        codes, logits = [], []
        prompt = self.encode(self.prompt).tolist()
        for t in range(len(prompt) + self.length):
            z = following(codes)
            z[0] = -np.inf  # padding is never written
            logits.append(z)
            if t < len(prompt):
                codes.append(prompt[t])
                continue
            u = stream.next()
            if self.greedy:
                codes.append(int(np.argmax(z)))
            else:
                p = np.exp(log_softmax(z / self.temperature))
                codes.append(int(np.searchsorted(np.cumsum(p), u, side="right")))
        return "".join(self.vocabulary[code - 1] for code in codes), np.array(logits)

    @traitlets.validate("prompt")
    def _known_prompt(self, proposal):
        if len(proposal["value"]) > 80:
            raise traitlets.TraitError(
                f"prompt must have at most 80 characters, not {len(proposal['value'])}"
            )
        return self._known("prompt", proposal["value"])

    @traitlets.validate("unseen")
    def _known_text(self, proposal):
        return self._known("unseen", proposal["value"])

    _finite = traitlets.validate("temperature")(finite)

    def summary(self):
        how = "greedy" if self.greedy else f"temperature={self.temperature:g}"
        words = self.words
        return (
            f"Sampling({self.model}, {how}, seed={self.seed}): {self.text!r}; "
            f"{sum(seen for _, seen in words)} of {len(words)} words stand in the training text, "
            f"{self.bits:.2f} bits per character"
        )

    def draw(self, figure):
        text = self.text
        surprise = -self.log_p / math.log(2)
        axes = figure.subplots()
        axes.axis("off")
        wide = 48
        axes.set(xlim=(0, wide), ylim=(len(text) // wide + 1, -0.6))
        for t, c in enumerate(text):
            row, column = divmod(t, wide)
            given = t < len(self.prompt)
            shade = 0.0 if given else min(1.0, surprise[t] / 7) * 0.7
            axes.fill_between([column, column + 1], row - 0.4, row + 0.4, color="#E69F00",
                              alpha=shade, lw=0)  # fmt: skip
            axes.text(
                column + 0.5, row, "\u21b5" if c == "\n" else c,
                **{"ha": "center", "va": "center", "family": "monospace"},
                fontweight="bold" if given else "normal",
            )  # fmt: skip
        how = "always the likeliest" if self.greedy else f"temperature {self.temperature:g}"
        axes.set_title(f"{self.model}, {how}: the darker, the more surprising", fontsize=11)
