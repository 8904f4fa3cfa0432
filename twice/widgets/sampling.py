"""A character model writes: prompt, temperature, dice, and two counters of characters beside it."""

import base64
import math
import os
import re

import numpy as np
import traitlets

from .base import Seeded
from .characters import CharacterDemo, learned, log_probabilities, step, unseen

MODELS = ("lstm", "trigram", "bigram")
PRIOR = 5  # imagined characters from the shorter context
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def count_triples(codes, size):
    """The distinct triples of a text as numbers (a V + b) V + c, ascending, and their counts."""
    codes = np.asarray(codes, dtype=np.int64)
    return np.unique((codes[:-2] * size + codes[1:-1]) * size + codes[2:], return_counts=True)


def pack_counts(keys, counts):
    """Differences of the keys and the counts in turn, seven bits a byte, as base64."""
    data = bytearray()
    for pair in zip(np.diff(keys, prepend=0).tolist(), counts.tolist(), strict=True):
        for value in pair:
            while value > 127:
                data.append(value & 127 | 128)
                value >>= 7
            data.append(value)
    return base64.b64encode(bytes(data)).decode()


def unpack_counts(packed):
    """The keys and counts that `pack_counts` was given."""
    values, value, shift = [], 0, 0
    for byte in base64.b64decode(packed):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value, shift = 0, 0
    pairs = np.array(values, dtype=np.int64).reshape(-1, 2)
    return np.cumsum(pairs[:, 0]), pairs[:, 1]


def pack_words(words):
    """Sorted words: a capital for the letters shared with the word before (A: 0), then the rest."""
    parts, last = [], ""
    for word in sorted(words):
        shared = min(len(os.path.commonprefix([last, word])), 25)
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


class Counter:
    """Predict the next character from the last `order` (0 to 2), by counting triples.

    p(c | ab) = (n(abc) + 5 p(c | b)) / (n(ab) + 5), and p(c | b) from p(c) in the same way; p(c)
    counts every character once more (MacKay and Peto, 1995).
    """

    def __init__(self, keys, counts, size, order):
        self.table = np.zeros((size, size, size))
        self.table.ravel()[keys] = counts
        self.order = order

    def probabilities(self, before):
        """p of every character after the codes `before`, (V,); the padding has 0."""
        n = self.table
        p = n.sum(axis=(0, 1)) + 1
        p[0] = 0
        p = p / p.sum()
        before = list(before)[-self.order :] if self.order else []
        if before:
            row = n[:, before[-1]].sum(axis=0)
            p = (row + PRIOR * p) / (row.sum() + PRIOR)
        if len(before) == 2:
            row = n[before[0], before[1]]
            p = (row + PRIOR * p) / (row.sum() + PRIOR)
        return p


class Sampling(CharacterDemo):
    """Let a character model write: give it a beginning, set the temperature, throw the dice.

    `Sampling()` has the book's LSTM; `Sampling(weights=model.get_weights(), vocabulary=...,
    text=...)` takes your own model and the text it was trained on, from which the bigram, the
    trigram and the list of words are made. The text follows the settings: `text` is prompt and
    writing, `words` the written words with whether the training text has them.
    """

    script = ("characters.js", "sampling.js")
    figure_size = (8.0, 3.6)

    goal = traitlets.Unicode(
        "At temperature 0.5 or higher, let the LSTM write 60 characters or more, of which every "
        "word stands in the book.",
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
    length = traitlets.Int(160, min=20, max=240, help="Characters to write.").tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of the stream of random numbers: the dice.").tag(sync=True)
    at = traitlets.Int(-1, min=-1, help="The character looked at, from 0; -1: the last.").tag(
        sync=True
    )
    counts = traitlets.Unicode(help="The training text's triples, packed.").tag(sync=True)
    words_seen = traitlets.Unicode(help="The training text's words, packed.").tag(sync=True)
    unseen = traitlets.Unicode(help="Text on which the three are compared.").tag(sync=True)

    def __init__(self, weights=None, vocabulary=None, text=None, **traits):
        if weights is None:
            traits.setdefault("unseen", unseen())
        text = learned() if text is None else text
        super().__init__(weights, vocabulary, **traits)
        codes = self.encode(self._known("text", text))
        if len(codes) < 3:
            raise traitlets.TraitError(f"text must have three characters or more, not {text!r}")
        self.counts = pack_counts(*count_triples(codes, self.sizes[0]))
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
        return log_probabilities(logits)[np.arange(len(text)), self.encode(text)]

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
            order = 2 if self.model == "trigram" else 1
            counter = Counter(*unpack_counts(self.counts), self.sizes[0], order)
            with np.errstate(divide="ignore"):
                return lambda codes: np.log(counter.probabilities(codes))
        arrays = [array.astype(float) for array in self.weights]
        state = [np.zeros(self.sizes[2])] * 2

        def scores(codes):
            if codes:
                now = step(arrays, codes[-1], *state)
                state[:] = now[5], now[3]
            z = state[0] @ arrays[4] + arrays[5]
            z[0] = -np.inf
            return z

        return scores

    def _write(self):
        """The text, and the scores (T, V) that each of its characters was guessed or drawn from."""
        stream, following = Seeded(self.seed), self._next()
        codes, logits = [], []
        prompt = self.encode(self.prompt).tolist()
        for t in range(len(prompt) + self.length):
            with np.errstate(divide="ignore"):
                z = following(codes)
            logits.append(z)
            if t < len(prompt):
                codes.append(prompt[t])
                continue
            u = stream.next()
            if self.greedy:
                codes.append(int(np.argmax(z)))
            else:
                p = np.exp(log_probabilities(z, self.temperature))
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

    @traitlets.validate("temperature")
    def _finite(self, proposal):
        if not math.isfinite(proposal["value"]):
            raise traitlets.TraitError(
                f"temperature must be a finite number, not {proposal['value']}"
            )
        return proposal["value"]

    def summary(self):
        how = "greedy" if self.greedy else f"temperature={self.temperature:g}"
        words = self.words
        return (
            f"Sampling({self.model}, {how}, seed={self.seed}): {self.text!r}; "
            f"{sum(seen for _, seen in words)} of {len(words)} words stand in the training text, "
            f"{self.bits:.2f} bits per character"
        )

    def draw(self, figure):
        text, logits = self._write()
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
