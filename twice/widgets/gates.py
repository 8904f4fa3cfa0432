"""Inside an LSTM that reads: every unit's gates, candidate and cell, character by character."""

from functools import cache

import numpy as np
import traitlets

from .characters import QUANTITIES, CharacterDemo, bits_per_character, read, stored, unseen

FEATURES = (
    *("since_space", "space", "since_stop", "mark", "capital", "vowel", "digit", "bracket", "last"),
)
HELD = ("none", *(f"{gate} {value}" for gate in ("input", "forget", "output") for value in (0, 1)))
LONGEST = 120
COUNTS = 0.7  # from this correlation on, the goal calls a unit a counter
SENTENCE = "The network learns what we show it. It forgets the rest (most of it)."


def counting(arrays, vocabulary, text):
    """Each unit's correlation, over a text, of its cell with the letters since a space: (U,)."""
    count = np.zeros(len(text))
    for t, c in enumerate(text):
        count[t] = 0 if c in " \n" else count[t - 1] + 1 if t else 1
    cells = read(arrays, [vocabulary.index(c) + 1 for c in text]).cell
    cells, count = cells - cells.mean(axis=0), count - count.mean()
    return count @ cells / np.sqrt((count @ count) * (cells * cells).sum(axis=0))


@cache
def _lively():
    """The unit to begin with: the stored model's one that changes most and does not count."""
    arrays, vocabulary = stored()
    cells = read(arrays, [vocabulary.index(c) + 1 for c in SENTENCE]).cell
    change = np.abs(np.diff(cells, axis=0)).mean(axis=0) / np.abs(cells).max(axis=0)
    return int(np.argmax(change * (np.abs(counting(arrays, vocabulary, unseen())) < COUNTS - 0.1)))


class Gates(CharacterDemo):
    """Watch the units of an LSTM as it reads: which gate opens at which character.

    `Gates()` has the book's character model. Your own `Embedding, LSTM, Dense` comes as `weights`,
    what its `get_weights()` returns, with its `vocabulary`. `reading` holds every number at every
    character of the sentence, `guess` what the model expects next, `bits` what the sentence costs.
    A gate can be held shut or open, in all units or, with `scope="unit"`, in the one looked at.
    """

    script = ("characters.js", "gates.js")
    figure_size = (9.0, 4.2)

    goal = traitlets.Unicode(
        "Find a unit that counts: its cell follows the letters since the last space, with a "
        f"correlation above {COUNTS} or below −{COUNTS} over text that the model never saw. Sort "
        "the units, then click on rows.",
        read_only=True,
    ).tag(sync=True)
    sentence = traitlets.Unicode(SENTENCE, help="What it reads, up to 120 characters.").tag(
        sync=True
    )
    at = traitlets.Int(29, min=0, help="The character looked at, from 0.").tag(sync=True)
    unit = traitlets.Int(0, min=0, help="The unit looked at, from 0.").tag(sync=True)
    quantity = traitlets.Enum(QUANTITIES, "cell", help="What the map shows of every unit.").tag(
        sync=True
    )
    sort = traitlets.Enum(
        ("change", "number", *FEATURES),
        "change",
        help="Which units come first: those that change most, or that follow something.",
    ).tag(sync=True)
    everyone = traitlets.Bool(False, help="Show all units, not the first 24.").tag(sync=True)
    hold = traitlets.Enum(
        HELD, "none", help='A gate held: "forget 0": shut, "forget 1": open.'
    ).tag(sync=True)
    scope = traitlets.Enum(("all", "unit"), "all", help="Where the gate is held.").tag(sync=True)
    unseen = traitlets.Unicode(help="Text on which correlations are measured.").tag(sync=True)
    wanted = traitlets.Float(COUNTS, help="The correlation that the goal asks for.").tag(sync=True)

    def __init__(self, weights=None, vocabulary=None, **traits):
        if weights is None:
            traits.setdefault("unseen", unseen())
            traits.setdefault("unit", _lively())
        super().__init__(weights, vocabulary, **traits)

    @property
    def reading(self):
        """What the model computes at each character, with the gate held if one is."""
        held = None
        if self.hold != "none":
            gate, value = self.hold.split()
            held = (gate, float(value), self.unit if self.scope == "unit" else None)
        return self.read(self.sentence, held)

    @property
    def guess(self):
        """The probabilities of the next character at the one looked at, (V,); 0 is padding."""
        z = self.reading.logits[self._place]
        p = np.exp(z - z.max())
        return p / p.sum()

    @property
    def bits(self):
        """Bits per character of the sentence, each guessed from all before it."""
        return bits_per_character(self.reading.logits, self.encode(self.sentence))

    @property
    def _place(self):
        return min(self.at, len(self.sentence) - 1)

    @traitlets.validate("sentence")
    def _known_sentence(self, proposal):
        if len(proposal["value"]) > LONGEST:
            raise traitlets.TraitError(
                f"sentence must have at most {LONGEST} characters, not {len(proposal['value'])}"
            )
        return self._known("sentence", proposal["value"])

    @traitlets.validate("unseen")
    def _known_text(self, proposal):
        return self._known("unseen", proposal["value"])

    @traitlets.validate("unit")
    def _a_unit(self, proposal):
        if self.sizes and proposal["value"] >= self.sizes[2]:
            raise traitlets.TraitError(
                f"unit must be 0 to {self.sizes[2] - 1}, not {proposal['value']}"
            )
        return proposal["value"]

    def summary(self):
        if not self.sentence:
            return "Gates(no sentence)"
        found, t, u = self.reading, self._place, self.unit
        gates = ", ".join(
            f"{name} {getattr(found, name)[t, u]:.2f}" for name in ("input", "forget", "output")
        )
        held = "" if self.hold == "none" else f", hold={self.hold!r}"
        return (
            f"Gates({self.sentence!r}{held}): unit {u} at {self.sentence[t]!r}: {gates}, "
            f"cell {found.cell[t, u]:.2f}; {self.bits:.2f} bits per character"
        )

    def draw(self, figure):
        found = self.reading
        if not self.sentence:
            figure.text(0.5, 0.5, "No sentence", ha="center")
            return
        values = getattr(found, self.quantity).T
        if self.quantity == "cell":
            values = values / np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-9)
        order = np.arange(len(values))
        if self.sort != "number" and len(self.sentence) > 1:
            order = np.argsort(-np.abs(np.diff(values)).mean(axis=1))
        top, bottom = figure.subplots(2, sharex=True, height_ratios=(2.2, 1))
        gate = self.quantity in ("input", "forget", "output")
        image = top.imshow(
            values[order[: None if self.everyone else 24]],
            **{"aspect": "auto", "vmin": 0 if gate else -1, "vmax": 1},
            **{"cmap": "Greens" if gate else "PuOr_r", "interpolation": "nearest"},
        )
        label = "cell, each unit on its own scale" if self.quantity == "cell" else self.quantity
        figure.colorbar(image, ax=top, label=label)
        top.set(ylabel="units", yticks=[])
        top.tick_params(axis="x", length=0)
        bottom.plot(found.cell[:, self.unit], color="#0072B2")
        bottom.axvline(self._place, color="#888888", lw=1)
        bottom.set(ylabel=f"cell of unit {self.unit}", xticks=range(len(self.sentence)))
        bottom.set_xticklabels(self.sentence, family="monospace", fontsize=8)
        bottom.tick_params(axis="x", length=0)
