"""The tools that run, quote and write notebooks."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import execute, notebooks, quote

FIGURE = """
import matplotlib.pyplot as plt
from twice import plots
plots.use()
plt.plot([1, 3, 2])
plt.show()
"""
WIDGET = """
import ipywidgets
ipywidgets.IntSlider(value=3)
"""
VARIES = """
import random
print(random.random())
"""


@pytest.fixture
def make(tmp_path):
    """Write a notebook of the given code cells and return its path."""

    def write(*sources, name="sample.ipynb", tags=()):
        cells = [new_markdown_cell("# Sample")]
        cells += [new_code_cell(source.strip()) for source in sources]
        for cell in cells[1:]:
            if cell.source.startswith("import random"):
                cell.metadata["tags"] = list(tags)
        path = tmp_path / name
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write


@pytest.mark.slow
def test_running_again_changes_no_byte(make):
    path = make(FIGURE, WIDGET, VARIES, "print('a')\nprint('b')", tags=["nbval-ignore-output"])
    assert execute.main([str(path)]) == 0
    first = path.read_bytes()
    assert b"image/png" in first
    assert b"twice-model-0000" in first
    assert execute.main([str(path)]) == 0
    assert path.read_bytes() == first
    assert execute.main([str(path), "--check"]) == 0


@pytest.mark.slow
def test_an_error_leaves_the_old_file(make, capsys):
    path = make("x = 1", "x / 0")
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("source", ["import sys\nprint('no', file=sys.stderr)", "print('WARNING')"])
def test_warnings_are_not_stored(make, source):
    path = make(source)
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert path.read_bytes() == before


@pytest.mark.slow
def test_an_interrupt_leaves_the_old_file(make):
    path = make("import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(60)")
    before = path.read_bytes()
    run = subprocess.Popen(
        [sys.executable, "-m", "tools.execute", str(path)],
        cwd=notebooks.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # a shell starts `make test &` with interrupts ignored, and that is inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(300):
        if (path.parent / "started").exists():
            break
        time.sleep(0.1)
    for timeout in (20, 60):  # Python may drop one interrupt: it can land where none is raised
        os.killpg(run.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            output, _ = run.communicate(timeout=timeout)
            break
    assert run.returncode == 130
    assert b"interrupted" in output
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["sample.ipynb", "started"]


def test_a_failed_write_leaves_the_old_file(make, monkeypatch):
    path = make("1 + 1")
    before = path.read_bytes()

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        notebooks.write(path, new_notebook())
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_check_reports_what_was_never_run_or_edited_after(make, capsys):
    path = make("1 + 1")
    assert execute.main([str(path), "--check"]) == 1
    assert "never run" in capsys.readouterr().err
    notebook = notebooks.read(path)
    notebook.cells[1].execution_count = 1
    notebook.metadata["twice"] = {"executed": notebooks.code_hash(notebook)}
    notebooks.write(path, notebooks.normalise(notebook))
    assert execute.main([str(path), "--check"]) == 0
    notebook.cells[1].source = "1 + 2"
    notebooks.write(path, notebook)
    assert execute.main([str(path), "--check"]) == 1
    assert "changed after the last run" in capsys.readouterr().err


def test_normalising_twice_is_normalising_once(make):
    path = make("1", "1", "2")
    once = notebooks.dumps(notebooks.normalise(notebooks.read(path)))
    again = notebooks.normalise(nbformat.reads(once, as_version=4))
    assert notebooks.dumps(again) == once
    ids = [cell.id for cell in again.cells]
    assert len(set(ids)) == len(ids)


def test_a_quoted_cell_shows_the_library(make, capsys):
    path = make("old")
    notebook = notebooks.read(path)
    target = "twice.scratch.perceptron:step,MistakeBound"
    notebook.cells[1].metadata["twice"] = {"quote": target}
    notebooks.write(path, notebook)
    assert quote.main([str(path), "--check"]) == 1
    assert notebooks.read(path).cells[1].source == "old"
    assert quote.main([str(path)]) == 0
    source = notebooks.read(path).cells[1].source
    assert source.startswith("# twice/scratch/perceptron.py\ndef step(z):")
    assert "@dataclass(frozen=True)\nclass MistakeBound:" in source
    assert quote.main([str(path), "--check"]) == 0


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("twice.scratch.perceptron:Nobody", "no 'Nobody'"),
        ("twice.nowhere:step", "package.module:name"),
        ("twice.scratch.perceptron", "package.module:name"),
    ],
)
def test_a_wrong_quote_is_named(target, message):
    with pytest.raises(ValueError, match=message):
        quote.quote(target)


def test_a_missing_or_broken_notebook_ends_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"no such notebook: .*gone.ipynb"):
        execute.main([str(tmp_path / "gone.ipynb")])
    (tmp_path / "broken.ipynb").write_text("{")
    for tool in (execute, quote):
        with pytest.raises(SystemExit, match=r"broken.ipynb is not a notebook: \S"):
            tool.main([str(tmp_path / "broken.ipynb")])
    (tmp_path / "other.ipynb").write_text("{}")
    with pytest.raises(SystemExit, match=r"other.ipynb is not a notebook: \S"):
        execute.main([str(tmp_path / "other.ipynb")])


@pytest.mark.slow
def test_edits_saved_while_a_notebook_runs_are_kept(make, capsys):
    path = make(
        "import pathlib\np = pathlib.Path('sample.ipynb')\np.write_text(p.read_text() + ' ')"
    )
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert "saved again while it ran" in capsys.readouterr().out
    assert path.read_bytes() == before + b" "


def test_quoted_methods_end_by_going_into_their_class():
    target = "twice.scratch.gated:LSTM.begin,LSTM.step"
    source = quote.quote(target)
    lines = source.splitlines()
    assert lines[0] == "# twice/scratch/gated.py, class LSTM"
    assert lines[1] == "def begin(self):"
    assert lines[-1] == "LSTM.begin, LSTM.step = begin, step"
    assert "\ndef step(self, t):\n    z, (h, c)" in source
    namespace = {"np": np, "LSTM": type("LSTM", (), {})}
    exec(source, namespace)
    assert namespace["LSTM"].step is namespace["step"]
    with pytest.raises(ValueError, match=r"uses super\(\), .*: quote the class"):
        quote.quote("twice.scratch.gated:GRU.finish")
    with pytest.raises(ValueError, match=r"has no 'LSTM.walk'; at its top level it has \['GRU'"):
        quote.quote("twice.scratch.gated:LSTM.walk")
