"""Generate the students' notebooks: `python -m tools.exercises [SLUG ...]` (`make exercises`).

`exercises/SLUG.ipynb` is made from the otter master `solutions/SLUG.ipynb`: solutions blanked,
tests stored in the notebook's metadata, no outputs. A file that somebody has worked in is never
overwritten. With `--check` nothing is written: it reports the files that are out of step.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import nbformat

from tools import notebooks
from twice import grading

MADE_FROM = "made_from"


class ChangedByHand(Exception):
    """The file in exercises/ holds somebody's work."""


def content_hash(notebook):
    """A hash of what a student can change by working: the text of the cells, in order."""
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def read(path):
    """The notebook at `path`; ValueError, in one line that names the file, where it is none."""
    try:
        notebook = notebooks.read(path)
        content_hash(notebook)  # nbformat lets notebooks pass that lack what every notebook has
        return notebook
    except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError) as error:
        start = f"{path} is not a notebook: "
        reason = str(error).removeprefix(start).strip().splitlines() or [type(error).__name__]
        raise ValueError(start + reason[0]) from error


def generate(master):
    """The student's notebook for the master at `master`, normalized; ValueError if malformed."""
    slug = master.stem
    with tempfile.TemporaryDirectory(prefix="twice-") as folder:
        student, _ = grading.assign(master, Path(folder))
        notebook = notebooks.read(student)
    otter = notebook.metadata.get("otter", {})
    if otter.get("assignment_name") != slug or otter.get("OK_FORMAT") is not False:
        raise ValueError(
            f"{master} must begin with a raw cell `# ASSIGNMENT CONFIG` that sets `name: {slug}` "
            "and `tests: {files: false, ok_format: false}`"
        )
    start = next(i for i, c in enumerate(notebook.cells) if "otter.Notebook(" in c.source)
    notebook.cells.insert(1, notebook.cells.pop(start))  # the title comes first
    notebook.cells[0].source = notebook.cells[0].source.replace("# Solutions:", "# Exercises:", 1)
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in ("editable", "deletable")}
        cell.source = cell.source.rstrip()
        if cell.cell_type == "code":
            cell.source = cell.source.replace(
                "# Initialize Otter\n", "# This cell loads the tests.\n"
            )
            # There is no stored output to compare with: nbval checks that the cell runs.
            cell.metadata["tags"] = [notebooks.IGNORE]
    notebook.metadata["twice"] = {
        MADE_FROM: f"solutions/{slug}.ipynb",
        "content": content_hash(notebook),
    }
    return notebooks.normalise(notebook)


def refuse_if_changed(path):
    """Raise ChangedByHand unless `path` is missing or just as this tool wrote it."""
    if not path.exists():
        return
    try:
        notebook = read(path)
        made = notebook.metadata.get("twice", {}).get("content") == content_hash(notebook)
    except ValueError:
        made = False
    if not made:
        raise ChangedByHand(
            f"{path} has been changed since it was made, so it stays as it is. "
            f"Move it to work/{path.name} if it holds your answers, then run this again."
        )


def stale(master, path):
    """Why `path` is out of step with its master, as a sentence; empty if it is not."""
    if not path.exists():
        return f"{path} is missing: run `make exercises`"
    if notebooks.dumps(read(path)) != notebooks.dumps(generate(master)):
        return f"{path} is out of step with {master}: run `make exercises`"
    return ""


def main(arguments=None, root=notebooks.ROOT):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("slug", nargs="*", help="default: every master in solutions/")
    parser.add_argument("--check", action="store_true", help="write nothing, report what is stale")
    options = parser.parse_args(arguments)
    masters = {path.stem: path for path in sorted((root / "solutions").glob("*.ipynb"))}
    unknown = [slug for slug in options.slug if slug not in masters]
    if unknown:
        parser.error(f"no master for {', '.join(unknown)}; there are: {', '.join(masters)}")
    faults = []
    for slug in options.slug or masters:
        path = root / "exercises" / f"{slug}.ipynb"
        try:
            if options.check:
                faults += filter(None, [stale(masters[slug], path)])
                continue
            refuse_if_changed(path)
            path.parent.mkdir(exist_ok=True)
            changed = notebooks.write(path, generate(masters[slug]))
            print(f"{path.name}: {'stored' if changed else 'unchanged'}")
        except (ChangedByHand, ValueError) as error:
            faults.append(str(error))
    if not options.slug:
        orphans = set((root / "exercises").glob("*.ipynb"))
        orphans -= {root / "exercises" / f"{slug}.ipynb" for slug in masters}
        faults += [f"{path} has no master in solutions/" for path in sorted(orphans)]
    for fault in faults:
        print(fault, file=sys.stderr)
    if options.check:
        print(f"{len(options.slug or masters)} exercises checked, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
