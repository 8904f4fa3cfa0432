"""What every experiment does: keep its result with seeds, versions and machine, all or nothing."""

import argparse
import io
import json
import time

import numpy as np

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


def kept(name, part, setting, make, *, folder=None):
    """make()'s (found, arrays), kept on disk: a run that was stopped goes on where it was.

    found: what `json` can write; arrays: a list. What is there from the same `setting` is read
    instead of made; found gains "seconds" of processor time, for it does not count what others do
    on the machine. Remove the folder to begin anew.
    """
    folder = (results.FOLDER / "parts" if folder is None else folder) / name
    path, setting = folder / f"{part}.npz", json.dumps(setting, sort_keys=True)
    if path.is_file():
        with np.load(path) as file:
            if str(file["setting"]) == setting:
                arrays = [file[f"a{k}"] for k in range(len(file.files) - 2)]
                return json.loads(str(file["found"])), arrays
    started = time.process_time()
    found, arrays = make()
    found = found | {"seconds": time.process_time() - started}
    folder.mkdir(parents=True, exist_ok=True)
    held = io.BytesIO()
    numbered = {f"a{k}": a for k, a in enumerate(arrays)}
    np.savez(held, found=json.dumps(found), setting=setting, **numbered)
    half = path.with_suffix(".half")
    half.write_bytes(held.getvalue())
    half.replace(path)
    return found, arrays
