"""Fair timing: contenders take turns in one process, and the machine is described beside them."""

import json
import os
import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def race(contenders, *, bursts=15, seconds=0.05):
    """Time each contender (name -> function) in turns; returns name -> (minimum, median) seconds.

    One burst repeats a contender until `seconds` have passed and counts the mean of its calls;
    a burst of every contender is a round, and the first round is thrown away.
    """
    times = {name: [] for name in contenders}
    for _ in range(bursts + 1):
        for name, call in contenders.items():
            calls, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < seconds:
                call()
                calls += 1
            times[name].append(elapsed / calls)
    return {name: (min(t[1:]), statistics.median(t[1:])) for name, t in times.items()}


def machine():
    """The processor, the cores, NumPy's BLAS and the versions that a time depends on."""
    import numpy as np

    names = ("numpy", "keras", "tensorflow", "jax", "torch")
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "blas": f"{blas['name']} {blas['version']}",
        "blas_settings": {k: v for k, v in os.environ.items() if k.startswith("OPENBLAS")},
        **versions,
    }


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def report(name, title, header, rows):
    """Print the table as Markdown and store it, with the machine, as results/NAME.json."""
    about = machine()
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print("\n" + ", ".join(f"{key} {value}" for key, value in about.items() if value))
    RESULTS.mkdir(exist_ok=True)
    stored = {"title": title, "header": header, "rows": rows, "machine": about}
    (RESULTS / f"{name}.json").write_text(json.dumps(stored, indent=1) + "\n")
