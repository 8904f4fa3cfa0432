"""How many layers to keep, with how much data: the stored experiment on transfer as a surface."""

import numpy as np
import traitlets

from .. import results
from .base import Demo

WAYS = ("frozen", "fine-tuned")
TARGETS = {  # what is said of a target, and its classes
    "digits": ("handwritten digits (similar)", 10),
    "shapes": ("shapes (different)", 6),
    "letters": ("small letters (nearer still)", 12),
}
CLAIMS = ("most", "least")
BLUE, GREEN, VERMILION = "#0072b2", "#007a58", "#b84a00"


def surfaces(found=None):
    """What was found, for the page: {TARGET: {"counts", "accuracy", "label", "classes"}}.

    counts: numbers of images to learn from; accuracy[WAY]: test accuracies, layers kept (from 0)
    x counts x seeds. found: what `results.load("transfer_learning")` gives, which is the default.
    A target whose tables have gaps is left out. ValueError where none is whole, or where two
    have different numbers of layers, counts or seeds. Source: experiments/transfer_learning.py.
    """
    found = results.load("transfer_learning") if found is None else found
    whole, sizes = {}, set()
    for target, stored in found.get("surface", {}).items():
        try:
            tables = {way: np.array(stored["accuracy"][way], dtype=float) for way in WAYS}
        except (KeyError, TypeError, ValueError):
            continue
        shapes = {table.shape for table in tables.values()}
        finite = all(np.isfinite(table).all() for table in tables.values())
        size = shapes.pop()
        if shapes or not finite or len(size) != 3 or size[1] != len(stored["counts"]):
            continue
        label, classes = TARGETS.get(target, (target, None))
        whole[target] = {
            "counts": list(stored["counts"]),
            "accuracy": {way: table.round(4).tolist() for way, table in tables.items()},
            "label": label,
            "classes": classes,
        }
        sizes.add(size)
    if len(sizes) != 1 or min(min(sizes)) < 2:
        raise ValueError(
            "expected a whole table of layers x counts x seeds, of one size, two or more of each, "
            f"for a target in results['surface']; got {sorted(sizes) or 'none'}: "
            "run `make experiments SLUG=transfer_learning`"
        )
    return whole


def gains(surface, way):
    """Points won over nothing kept, seed by seed: layers kept x counts x seeds."""
    table = 100 * np.array(surface["accuracy"][way])
    return table - table[:1]


def spread(values):
    """The standard deviation over seeds, the last axis (that of a sample: n - 1)."""
    return np.std(values, axis=-1, ddof=1)


def is_clear(values):
    """Whether the mean over seeds, the last axis, is larger than the spread.

    Where there is no difference, five normal numbers pass this in one of eleven cases (|t| > 5^1/2
    with 4 degrees of freedom): of a whole map, a few cells do.
    """
    return np.abs(np.mean(values, axis=-1)) > spread(values)


def extreme(tables, claim):
    """(target, way, kept, amount): where keeping layers gains "most", or "least" (loses most)."""
    sign = 1 if claim == "most" else -1
    best = None
    for target, surface in tables.items():
        for way in WAYS:
            mean = sign * gains(surface, way).mean(axis=2)[1:]
            kept, amount = np.unravel_index(mean.argmax(), mean.shape)
            if best is None or mean[kept, amount] > best[0]:
                best = mean[kept, amount], (target, way, int(kept) + 1, int(amount))
    return best[1]


def is_right(tables, claim, target, way, kept, amount):
    """Whether a claim names the extreme, or a setting no farther from it than its spread."""
    if not kept:
        return False
    place = extreme(tables, claim)
    best = gains(tables[place[0]], place[1])[place[2], place[3]]
    here = gains(tables[target], way)[kept, amount]
    return bool(abs(best.mean() - here.mean()) <= spread(best))


class Freeze(Demo):
    """How many layers of a network that reads letters to keep for another task, and what it brings.

    The numbers are real (`experiments/transfer_learning.py`): `target` is the new task, `amount`
    counts the numbers of images from 0, the first `kept` layers come from the network that reads
    letters, and rest (`way` "frozen") or learn on ("fine-tuned"); all others are drawn anew. `show`
    fills the map with accuracies or gains. `tried` holds what was claimed: lists of
    "most" or "least", target, way, kept, amount.
    """

    script = "freeze.js"
    figure_size = (9.6, 4.2)

    goal = traitlets.Unicode(
        "Predict first: where does keeping layers gain most over training from scratch, and where "
        "does it lose most? Then find both settings, among the maps of all tasks and of both ways, "
        "and press the buttons. Colors mean the same on every map.",
        read_only=True,
    ).tag(sync=True)
    target = traitlets.Unicode(help="The new task, of those in `surfaces`.").tag(sync=True)
    way = traitlets.Enum(WAYS, WAYS[0], help="Do kept layers rest or learn on?").tag(sync=True)
    kept = traitlets.Int(3, min=0, help="Layers kept, from 0.").tag(sync=True)
    amount = traitlets.Int(1, min=0, help="Which number of images, from 0.").tag(sync=True)
    show = traitlets.Enum(
        ("accuracy", "gain"), "gain", help="What the numbers in the map are."
    ).tag(sync=True)
    tried = traitlets.List(help="[claim, target, way, kept, amount], in order.").tag(sync=True)
    surfaces = traitlets.Dict(read_only=True, help="The accuracies, for the page.").tag(sync=True)

    @traitlets.default("surfaces")
    def _stored(self):
        return surfaces()

    @traitlets.default("target")
    def _first(self):
        return next(iter(self.surfaces))

    def _sizes(self):
        return np.shape(self.surfaces[next(iter(self.surfaces))]["accuracy"][WAYS[0]])

    @traitlets.validate("target")
    def _a_target(self, proposal):
        if proposal["value"] not in self.surfaces:
            raise traitlets.TraitError(
                f"target must be one of {list(self.surfaces)}, not {proposal['value']!r}"
            )
        return proposal["value"]

    @traitlets.validate("kept", "amount")
    def _a_place(self, proposal):
        name = proposal["trait"].name
        last = self._sizes()[name == "amount"] - 1
        if proposal["value"] > last:
            raise traitlets.TraitError(f"{name} must be 0 to {last}, not {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("tried")
    def _claims(self, proposal):
        layers, counts, _ = self._sizes()

        def good(claim):
            if not isinstance(claim, (list, tuple)) or len(claim) != 5:
                return False
            kind, target, way, kept, amount = claim
            known = kind in CLAIMS and target in self.surfaces and way in WAYS
            return known and kept in range(1, layers) and amount in range(counts)

        for claim in proposal["value"]:
            if not good(claim):
                raise traitlets.TraitError(
                    f"tried must hold [claim of {CLAIMS}, target of {list(self.surfaces)}, way of "
                    f"{WAYS}, kept 1 to {layers - 1}, amount 0 to {counts - 1}], not {claim!r}"
                )
        return [list(claim) for claim in proposal["value"]]

    @property
    def surface(self):
        """Of the target: counts, accuracy."""
        return self.surfaces[self.target]

    @property
    def images(self):
        """How many images there are to learn from."""
        return self.surface["counts"][self.amount]

    @property
    def accuracy(self):
        """Test accuracies of the setting, one a seed."""
        return np.array(self.surface["accuracy"][self.way][self.kept][self.amount])

    @property
    def gain(self):
        """Points won over training from scratch, one a seed."""
        return gains(self.surface, self.way)[self.kept, self.amount]

    @property
    def found(self):
        """Which of "most" and "least" have been claimed rightly."""
        right = {claim for claim, *place in self.tried if is_right(self.surfaces, claim, *place)}
        return [claim for claim in CLAIMS if claim in right]

    def summary(self):
        right, gain = 100 * self.accuracy, self.gain
        told = "more" if is_clear(gain) else "not more"
        against = (
            f", {gain.mean():+.1f} ± {spread(gain):.1f} points against scratch "
            f"({told} than the spread)"
        )
        claims = f"{len(self.tried)} claim{'' if len(self.tried) == 1 else 's'}"
        return (
            f"Freeze: {self.target}, {self.images:,} images, {self.kept} layers kept, {self.way}: "
            f"{right.mean():.1f} ± {spread(right):.1f} % right{against if self.kept else ''}; "
            f"{len(self.found)} of 2 found with {claims}"
        )

    def draw(self, figure):
        left, right = figure.subplots(1, 2)
        table = 100 * np.array(self.surface["accuracy"][self.way])
        won = gains(self.surface, self.way)
        if self.show == "gain":
            most = max(
                np.abs(gains(surface, way).mean(axis=2)).max()
                for surface in self.surfaces.values()
                for way in WAYS
            )
            look = {"cmap": "PuOr_r", "vmin": -most, "vmax": most}
            shown = won.mean(axis=2)
        else:
            every = [
                100 * np.mean(surface["accuracy"][way], axis=2)
                for surface in self.surfaces.values()
                for way in WAYS
            ]
            shown = table.mean(axis=2)
            look = {"cmap": "cividis", "vmin": np.min(every), "vmax": np.max(every)}
        image = left.imshow(shown.T, aspect="auto", **look)
        middle = np.mean(image.get_clim())
        for (k, n), value in np.ndenumerate(shown):
            pale = value < middle and self.show == "accuracy"
            text = f"{value:+.1f}" if self.show == "gain" else f"{value:.1f}"
            left.text(k, n, text, ha="center", va="center", color="white" if pale else "black")
        left.add_patch(
            _frame(self.kept - 0.5, self.amount - 0.5, 1, 1, fill=False, edgecolor="red", lw=3)
        )
        left.set_yticks(range(table.shape[1]), [f"{n:,}" for n in self.surface["counts"]])
        left.set(xlabel="layers kept", ylabel="images to learn from")
        unit = "points over scratch" if self.show == "gain" else "% right"
        left.set_title(f"{self.target}, {self.way}: {unit}", fontsize=10)
        color = BLUE if self.way == "frozen" else GREEN
        row = table[:, self.amount]
        for seed in row.T:
            right.plot(seed, "o", color=color, markersize=4, alpha=0.6)
        right.plot(row.mean(axis=1), color=color, lw=2)
        right.axhline(row[0].mean(), color=VERMILION, ls="--")
        right.axvline(self.kept, color="#999999", lw=1)
        right.set(xlabel="layers kept", ylabel="test accuracy, %")
        right.set_title(f"{self.images:,} images; dots: seeds; dashed: from scratch", fontsize=10)


def _frame(*place, **style):
    from matplotlib.patches import Rectangle

    return Rectangle(place[:2], *place[2:], **style)
