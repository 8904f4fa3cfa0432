"""The stored results of the book's long runs, which `experiments/` repeats.

found = results.load("deep_cnns")     what experiments/deep_cnns.py found
print(results.about("deep_cnns"))     seeds, minutes, machine, and the command to repeat it
"""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "experiments" / "results"


def read(name):
    """All that experiments/results/NAME.json holds; FileNotFoundError says how to make it."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no experiments/results/{name}.json: run `make experiments SLUG={name}`"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def load(name):
    """What the experiment found, as it stored it."""
    return read(name)["results"]


def about(name):
    """One line: how many seeds, how long, on what processor, and the command to repeat it."""
    kept = read(name)
    return (
        f"{len(kept['seeds'])} seeds, {kept['minutes']:g} minutes on {kept['machine']['processor']}"
        f"; to repeat: make experiments SLUG={name}"
    )
