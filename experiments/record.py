"""What every experiment does: keep its result with seeds, versions and machine, all or nothing."""

import argparse
import json
import time

from benchmarks.timing import machine
from twice import files, results


def save(name, found, *, seeds, started, folder=None):
    """Write experiments/results/NAME.json: what was found, the seeds, the time, the machine.

    found: what `json` can write. started: `time.perf_counter()` at the start.
    """
    folder = results.FOLDER if folder is None else folder
    kept = {
        "experiment": f"experiments/{name}.py",
        "seeds": list(seeds),
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "machine": machine(),
        "results": found,
    }
    folder.mkdir(exist_ok=True)
    files.replace(folder / f"{name}.json", json.dumps(kept, indent=1) + "\n")


def chosen_seeds(arguments, usual, description):
    """The seeds to run: `usual`, or those after --seeds on the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(usual))
    return parser.parse_args(arguments).seeds
