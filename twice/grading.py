"""Assign and grade exercises with otter: what `twice progress`, `twice grade` and the tools share.

Run as `python -m twice.grading SUBMISSION AUTOGRADER RESULT`, it grades one notebook in this
process and writes the result as JSON; `grade` does so in a process of its own, with a time limit.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

GRACE = 20  # seconds to shut a notebook's kernel down after the time limit


@dataclass
class Result:
    """What a notebook earned: per question (score, possible, message); `error` if it has none."""

    questions: dict = field(default_factory=dict)
    error: str = ""

    @property
    def score(self) -> float:
        return sum(score for score, _, _ in self.questions.values())

    @property
    def possible(self) -> float:
        return sum(possible for _, possible, _ in self.questions.values())


def load_otter():
    """Import otter, silently: one of its own imports warns about its age."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import otter
        import otter.api
        import otter.assign
    return otter


def assign(master: Path, folder: Path) -> tuple[Path, Path]:
    """Run `otter assign` on a master; return the student's notebook and the autograder's zip.

    Everything is written below `folder`; the master stays untouched and its tests are not run.
    Raises ValueError with otter's message where the master is malformed.
    """
    copy = Path(folder) / "master" / Path(master).name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(master, copy)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # otter reads notebooks without cell ids
            load_otter().assign.main(str(copy), str(folder), no_run_tests=True, no_pdfs=True)
    except Exception as error:
        raise ValueError(f"{master} cannot be assigned: {error}") from error
    (autograder,) = (Path(folder) / "autograder").glob("*.zip")
    return Path(folder) / "student" / copy.name, autograder


def slug_of(path: Path, slugs) -> str:
    """Return which exercise a submission answers: from its metadata, else from its name.

    Raises ValueError if the file is no notebook, or no exercise can be recognized.
    """
    try:
        notebook = json.loads(Path(path).read_text(encoding="utf-8"))
        metadata = notebook["metadata"]
        notebook["cells"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a notebook ({type(error).__name__}: {error})") from None
    otter = metadata.get("otter") if isinstance(metadata, dict) else None
    name = otter.get("assignment_name") if isinstance(otter, dict) else None
    if name in slugs:
        return name
    named = [slug for slug in slugs if slug in Path(path).stem]
    if name is None and named:
        return max(named, key=len)
    known = ", ".join(slugs)
    raise ValueError(f"answers no exercise of this book (its name is {name!r}; known: {known})")


def _prepare(submission: Path, slug: str, folder: Path) -> Path:
    """Copy a submission under the name its tests expect, with this environment's kernel."""
    notebook = json.loads(Path(submission).read_text(encoding="utf-8"))
    notebook["metadata"]["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
    }
    otter = notebook["metadata"].setdefault("otter", {})
    otter["assignment_name"] = slug
    path = folder / f"{slug}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def grade(submission: Path, slug: str, autograder: Path, *, timeout: float = 300) -> Result:
    """Grade one notebook in a process of its own; whatever goes wrong ends up in `Result.error`.

    This RUNS the notebook's code, with the rights of whoever calls it. `timeout` in seconds.
    """
    with tempfile.TemporaryDirectory(prefix="twice-") as name:
        folder = Path(name)
        out = folder / "result.json"
        try:
            copy = _prepare(submission, slug, folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return Result(error=f"not a notebook ({type(error).__name__}: {error})")
        package = str(Path(__file__).resolve().parent.parent)
        paths = [package, os.environ.get("PYTHONPATH", "")]
        process = subprocess.Popen(
            [sys.executable, "-m", "twice.grading", copy, autograder, out],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
        try:
            log, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # nbclient then shuts the kernel down
            try:
                process.communicate(timeout=GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            return Result(error=f"took longer than {timeout:g} s and was stopped")
        except BaseException:
            process.kill()
            process.communicate()
            raise
        if not out.is_file():
            last = (log.strip() or "no message").splitlines()[-1]
            return Result(error=f"could not be graded: {last}")
        return Result(**json.loads(out.read_text(encoding="utf-8")))


def message(test_file) -> str:
    """Return what a checked question's first failed test says, in one line; empty if all passed."""
    for case in test_file.test_case_results:
        if not case.passed:
            last = (case.message or "").strip().splitlines()[-1]
            if last.endswith(":") and last[:-1].isidentifier():  # an exception without text
                return (
                    f"your code stopped with {last} it says no more, so call your function in a "
                    "cell of its own to see the line."
                )
            return last.removeprefix("AssertionError: ")
    return ""


def _main(submission: str, autograder: str, out: str) -> None:
    results = load_otter().api.grade_submission(submission, autograder, quiet=True)
    error = results.catastrophic_error
    questions = {
        name: (test.score, test.possible, message(test))
        for name, test in sorted(results.results.items(), key=lambda item: (len(item[0]), item[0]))
    }
    data = {"questions": questions, "error": "its last cell was never reached" if error else ""}
    Path(out).write_text(json.dumps(data), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
