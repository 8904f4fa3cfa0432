"""Run notebooks and store their outputs in normal form: `python -m tools.execute [NOTEBOOK ...]`.

A notebook that did not change comes out byte for byte the same. The file is replaced in one step
after its last cell has run; an error or an interrupt leaves the old file whole. With `--check`
nothing runs: it reports the notebooks that were edited after their last run, or store an error,
text on stderr, or anything else that a run would change.
"""

import argparse
import asyncio
import copy
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

from tools import notebooks


def execute(path, *, timeout=600, on_cell=lambda **_: None):
    """Run one notebook in its own folder and return it, normalised. The file is not touched."""
    notebook = notebooks.read(path)
    before = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=40"],
        on_cell_executed=on_cell,
    )
    asyncio.run(client.async_execute())  # unlike execute(), it closes its event loop
    keep_outputs_that_vary(before, notebook)
    notebook.metadata.setdefault("twice", {})["executed"] = notebooks.code_hash(notebook)
    notebook = notebooks.normalise(notebook)
    found = notebooks.faults(notebook)
    if found:
        raise ValueError("; ".join(found))
    return notebook


def keep_outputs_that_vary(before, after):
    """Where no code changed, cells tagged as varying (quiz ids, timings) keep their old output."""
    if before.metadata.get("twice", {}).get("executed") != notebooks.code_hash(after):
        return
    for old, new in zip(before.cells, after.cells, strict=True):
        shows_widget = any(notebooks.VIEW in o.get("data", {}) for o in old.get("outputs", []))
        if notebooks.IGNORE in notebooks.tags(new) and not shows_widget:
            new.outputs = old.outputs


def check(path):
    """The faults of a stored notebook, without running it."""
    notebook = notebooks.read(path)
    found = notebooks.faults(notebook)
    if not found and notebooks.dumps(notebooks.normalise(copy.deepcopy(notebook))) != (
        notebooks.dumps(notebook)
    ):
        found = ["it is not in normal form: run `make notebooks`"]
    return found


@notebooks.one_line
def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebook", nargs="*", help="default: all of chapters/ and solutions/")
    parser.add_argument("--check", action="store_true", help="run nothing, report what is stale")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    paths = notebooks.chosen(options.notebook, "chapters", "solutions")
    failed = 0
    if options.check:
        for path in paths:
            for fault in check(path):
                failed += 1
                print(f"{path}: {fault}", file=sys.stderr)
        print(f"{len(paths)} notebooks checked, {failed} faults")
        return 1 if failed else 0

    # The kernels inherit these: no bar in a stored output, and sums that no count of cores changes.
    os.environ["TWICE_PROGRESS"] = "0"
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.pop("OPENBLAS_CORETYPE", None)  # BLAS finds its instructions itself, as in `make`
    total = sum(len(notebooks.read(path).cells) for path in paths)
    before = {path: path.read_bytes() for path in paths}
    with tqdm(total=total, unit="cell") as bar, ThreadPoolExecutor(options.jobs) as pool:
        jobs = {
            pool.submit(
                execute, path, timeout=options.timeout, on_cell=lambda **_: bar.update()
            ): path
            for path in paths
        }
        try:
            for job in as_completed(jobs):
                path = jobs[job]
                try:
                    result = job.result()
                    if path.read_bytes() != before[path]:
                        raise ValueError("it was saved again while it ran: run this once more")
                    changed = notebooks.write(path, result)
                    bar.write(f"{path.name}: {'stored' if changed else 'unchanged'}")
                except (CellExecutionError, ValueError, RuntimeError, TimeoutError) as error:
                    failed += 1
                    bar.write(f"{path}: not stored, the old file stands: {error}")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            bar.write("interrupted: notebooks not yet stored keep their old file")
            os._exit(130)  # the threads wait for kernels that we no longer need
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
