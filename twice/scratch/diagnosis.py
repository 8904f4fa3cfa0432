"""After a training: which gap between two errors to work on, and with what.

Checks before a training are in `twice.scratch.sanity`, what to watch during it in
`twice.scratch.monitors`.
"""

from dataclasses import dataclass

import numpy as np

REMEDIES = {
    "bias": "it cannot yet do its training samples: a larger model, better optimization, more "
    "epochs, less regularization, better inputs",
    "variance": "it knows its training samples too well: more data, augmentation, more "
    "regularization, an earlier stop, a smaller model",
    "mismatch": "validation samples are of another kind than training samples: look at what "
    "differs, and train on samples like them",
    "overfitted validation": "too many choices were made by the validation samples: more of them, "
    "and fewer choices",
}


@dataclass(frozen=True)
class Diagnosis:
    """`gaps` {name: gap}, the one to `work_on` (None if all are small), a sentence."""

    gaps: dict
    work_on: str | None
    text: str

    def __str__(self):
        width = max(map(len, self.gaps))
        lines = [f"{name:<{width}}  {gap:+.4g}" for name, gap in self.gaps.items()]
        return "\n".join([*lines, self.text])


def diagnose(
    training, validation, *, target, training_dev=None, test=None, tolerance=0.01
):  # fmt: skip
    """Work on the largest gap between one error and the next; of a tie, the first.

    bias = training - target, variance = validation - training; where they are given,
    mismatch = validation - training_dev (then variance = training_dev - training) and
    overfitted validation = test - validation.
    All are errors from 0 up, or losses. target: the best to hope for, a person's error
    or a baseline's. training_dev: on held-out samples like the training ones, where
    validation samples come from elsewhere. Gaps up to `tolerance` are small.
    Raises ValueError for errors and tolerances below 0. Ng (2018), chapters 20 to 41.
    """
    given = {"training": training, "validation": validation, "target": target}
    given |= {"training_dev": training_dev, "test": test, "tolerance": tolerance}
    given = {name: float(e) for name, e in given.items() if e is not None}
    if not all(0 <= e < np.inf for e in given.values()):
        raise ValueError(f"expected errors and a tolerance from 0 up, got {given}")
    held_out = validation if training_dev is None else training_dev
    gaps = {"bias": training - target, "variance": held_out - training}
    if training_dev is not None:
        gaps["mismatch"] = validation - training_dev
    if test is not None:
        gaps["overfitted validation"] = test - validation
    gaps = {name: round(gap, 9) for name, gap in gaps.items()}  # 0.16 - 0.15 is 0.01
    name = max(gaps, key=gaps.get)
    if not gaps[name] > tolerance:
        text = f"No gap is above {tolerance:g}: aim higher, or be done."
        return Diagnosis(gaps, None, text)
    text = f"Work on {name}, {gaps[name]:.4g}: {REMEDIES[name]}."
    return Diagnosis(gaps, name, text)
