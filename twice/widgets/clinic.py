"""The clinic of broken networks: eight faults to be found from what training leaves behind."""

import base64
from functools import cache
from pathlib import Path

import numpy as np
import traitlets

from .base import Demo, Seeded

HEALTHY = "healthy"
FAULTS = {  # and what is said of them, in the order of the choices
    "rate_high": "the learning rate is too high",
    "rate_low": "the learning rate is too low",
    "small_weights": "the weights begin too small",
    "dead_units": "whole layers of ReLUs are dead",
    "raw_inputs": "the inputs are not standardized",
    "wrong_labels": "the labels belong to other images",
    "overfitting": "too few images, learned by heart",
    "softmax_twice": "softmax is applied twice",
}
PATIENTS = {  # the seed of the run that is shown
    "rate_high": 0,
    "rate_low": 3,
    "small_weights": 2,
    "dead_units": 1,
    "raw_inputs": 0,
    "wrong_labels": 4,
    "overfitting": 2,
    "softmax_twice": 4,
}
COMPARED = 5  # the healthy network's seed: no patient has it
LAYERS = 5
CURVES = {"loss": 2, "accuracy": 2, "gradient": 5, "ratio": 5, "dead": 4, "spread": 5}
FLOOR = -12.0  # log10 of 0, in gradient, ratio and spread
STORED = Path(__file__).with_name("clinic.npz")


@cache
def _stored():
    with np.load(STORED) as file:
        return {name: file[name] for name in file.files}


def _text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _records():
    """What the page gets: names and times as lists, numbers as base64."""
    kept = _stored()
    lists = {name: kept[name].tolist() for name in ("names", "moments", "looks", "edges")}
    return lists | {name: _text(kept[name]) for name in ("curves", "histograms")}


def records(fault, seed):
    """One stored training, of an entry of PATIENTS, or HEALTHY with a seed from 0 to 5.

    moments (T,): the steps taken when it was looked at. loss, accuracy (2, T): of training and
    validation images. gradient, ratio (5, T): log10 of the norm of each kernel's gradient, and of
    its update-to-weight ratio, in the next step. dead (4, T): shares of units that are 0 for every
    one of 200 images. spread (5, T): log10 of the standard deviation of z = x W + b. looks (L,)
    and histogram (L, 5, bins): shares of z between `edges`, those beyond in the outermost.
    ValueError for another fault or seed. Source: experiments/clinic.py.
    """
    kept = _stored()
    names, name = kept["names"].tolist(), f"{fault} {seed}"
    if name not in names:
        raise ValueError(f"expected a fault and its seed, one of {names}, got {name!r}")
    row, size = names.index(name), len(kept["moments"])
    flat, found, at = kept["curves"][row].astype(np.float64), {}, 0
    for curve, count in CURVES.items():
        found[curve] = flat[at : at + count * size].reshape(count, size)
        at += count * size
    found["histogram"] = kept["histograms"][row] / 255
    return found | {k: kept[k] for k in ("moments", "looks", "edges")}


class Clinic(Demo):
    """Find what is wrong with eight networks from their curves and histograms.

    The trainings are real (`experiments/clinic.py`): a network of five layers learns handwritten
    digits, and each patient has one fault. `seed` shuffles the patients; `tried[i]` are the
    diagnoses that were checked for patient i + 1, in order, and the last may be right. `score` is
    how many were found with the first choice. `moment` counts the looks at the training,
    `step` says after how many steps that was.
    """

    script = "clinic.js"
    figure_size = (9.6, 5.2)

    goal = traitlets.Unicode(
        "Find out what is wrong with each of the eight networks. The score counts those that you "
        "find with your first choice.",
        read_only=True,
    ).tag(sync=True)
    seed = traitlets.Int(0, min=0, max=2**32 - 1, help="Of the patients' order.").tag(sync=True)
    patient = traitlets.Int(1, min=1, max=8, help="Which is looked at, 1 to 8.").tag(sync=True)
    moment = traitlets.Int(help="Which look at the training, from 0.").tag(sync=True)
    choice = traitlets.Enum(
        ("", *FAULTS), "", help="The diagnosis that is ticked, or an empty text."
    ).tag(sync=True)
    tried = traitlets.List(help="For each of the eight, the diagnoses checked.").tag(sync=True)
    compare = traitlets.Bool(True, help="Show the healthy network, in gray.").tag(sync=True)
    cure = traitlets.Bool(True, help="Show a diagnosed network mended.").tag(sync=True)
    records = traitlets.Dict(read_only=True, help="The trainings, for the page.").tag(sync=True)

    @traitlets.default("records")
    def _the_records(self):
        return _records()

    @traitlets.default("tried")
    def _nothing_yet(self):
        return [[] for _ in FAULTS]

    @traitlets.default("moment")
    def _the_last(self):
        return len(_stored()["moments"]) - 1

    @traitlets.validate("moment")
    def _a_moment(self, proposal):
        last = len(_stored()["moments"]) - 1
        if not 0 <= proposal["value"] <= last:
            raise traitlets.TraitError(f"moment must be 0 to {last}, not {proposal['value']}")
        return proposal["value"]

    @traitlets.validate("tried")
    def _diagnoses(self, proposal):
        tried = proposal["value"]
        good = len(tried) == len(FAULTS) and all(
            isinstance(checked, (list, tuple))
            and all(name in FAULTS for name in checked)
            and len(set(checked)) == len(checked)
            for checked in tried
        )
        if not good:
            raise traitlets.TraitError(
                f"tried must be {len(FAULTS)} lists of different names out of {list(FAULTS)}, "
                f"not {tried!r}"
            )
        return [list(checked) for checked in tried]

    @property
    def order(self):
        """The fault of patient 1, of patient 2, ...: shuffled by `seed`."""
        names, stream = list(FAULTS), Seeded(self.seed)
        for i in range(len(names) - 1, 0, -1):
            j = int(stream.next() * (i + 1))
            names[i], names[j] = names[j], names[i]
        return names

    @property
    def fault(self):
        """What is wrong with the patient that is looked at."""
        return self.order[self.patient - 1]

    @property
    def found(self):
        """For each patient, whether its fault has been found."""
        return [fault in tried for fault, tried in zip(self.order, self.tried, strict=True)]

    @property
    def score(self):
        """How many were found with the first choice."""
        pairs = zip(self.order, self.tried, strict=True)
        return sum(tried[:1] == [fault] for fault, tried in pairs)

    @property
    def step(self):
        """After how many steps the moment is."""
        return int(_stored()["moments"][self.moment])

    @property
    def curves(self):
        """What `records` gives for the patient."""
        return records(self.fault, PATIENTS[self.fault])

    def summary(self):
        now = self.curves
        loss, right = now["loss"][:, self.moment], now["accuracy"][:, self.moment]
        told = FAULTS[self.fault] if self.found[self.patient - 1] else "not found yet"
        return (
            f"Clinic(seed={self.seed}): {sum(self.found)} of 8 found, {self.score} with the first "
            f"choice; patient {self.patient} ({told}) after {self.step} steps: loss {loss[0]:.3g}, "
            f"validation {loss[1]:.3g}; right {right[0]:.0%}, validation {right[1]:.0%}"
        )

    def draw(self, figure):
        now, well = self.curves, records(HEALTHY, COMPARED)
        panels = figure.subplots(2, 3)
        colors = ("#0072B2", "#009E73", "#B8860B", "#D55E00", "#882255")
        titles = {
            "loss": "loss (dashed: validation)",
            "accuracy": "share right",
            "gradient": "log10 of gradient norms",
            "ratio": "log10 of update / weight",
            "dead": "share of dead units",
        }
        for axes, (curve, title) in zip(panels.flat, titles.items(), strict=False):
            pair = curve in ("loss", "accuracy")
            for k, line in enumerate(well[curve] if self.compare else ()):
                axes.plot(
                    well["moments"], line, color="#c8cdd4", lw=2, ls="--" if pair * k else "-"
                )
            for k, line in enumerate(now[curve]):
                style = {"color": "#0072B2", "ls": "--" if k else "-"}
                axes.plot(now["moments"], line, lw=1.2, **(style if pair else {"color": colors[k]}))
            axes.axvline(self.step, color="#882255", lw=1)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("step")
        panels[0, 0].set_yscale("log")
        axes = panels[1, 2]
        look = int(np.searchsorted(now["looks"], self.step, side="right")) - 1
        for k, shares in enumerate(now["histogram"][look]):
            axes.stairs(
                4 - k + 0.9 * shares, now["edges"], baseline=4 - k, fill=True, color=colors[k]
            )
        axes.set_yticks(4 - np.arange(LAYERS), [f"layer {k + 1}" for k in range(LAYERS)])
        axes.set_title(f"z after {now['looks'][look]} steps", fontsize=10)
        figure.suptitle(f"Patient {self.patient}")
