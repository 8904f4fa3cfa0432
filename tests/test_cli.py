"""The command `twice`: start never overwrites, grading survives broken notebooks."""

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import psutil
import pytest

from tools import notebooks
from twice import cli, grading

SLUG = "perceptron"
TOC = """
format: jb-book
root: book/index
parts:
  - caption: Foundations
    chapters:
      - file: chapters/perceptron
        sections:
          - file: exercises/perceptron
      - file: chapters/gradient_descent
  - caption: Reuse and generate
    chapters:
      - file: chapters/gans.ipynb
      - file: book/library
"""


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A small copy of the house; the current folder is inside it."""
    root = tmp_path / "clone"
    for folder in ("solutions", "exercises", "chapters"):
        (root / folder).mkdir(parents=True)
    for folder in ("solutions", "exercises"):
        shutil.copy(notebooks.ROOT / folder / f"{SLUG}.ipynb", root / folder)
    (root / "exercises" / "gradient_descent.ipynb").write_text("{}", encoding="utf-8")
    (root / "_toc.yml").write_text(TOC, encoding="utf-8")
    monkeypatch.chdir(root / "chapters")
    return root


def notebook(*sources, slug=SLUG, kernel="python3"):
    """A small notebook whose code cells hold `sources`."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{i}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for i, source in enumerate(sources)
    ]
    metadata = {"kernelspec": {"name": kernel, "display_name": kernel}}
    if slug:
        metadata["otter"] = {"assignment_name": slug}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def test_the_root_is_found_from_any_folder_inside(clone, monkeypatch, tmp_path):
    assert cli.find_root() == clone
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "HERE", tmp_path)
    with pytest.raises(cli.CommandError, match="not a clone of the book"):
        cli.find_root()


def test_chapters_come_in_the_order_of_the_book(clone, capsys):
    assert [slug for _, slug in cli.chapters(clone)] == ["perceptron", "gradient_descent", "gans"]
    assert cli.in_order(clone, "exercises") == ["perceptron", "gradient_descent"]
    assert cli.main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["chapter", "part", "exercises"]
    assert lines[2].split() == ["perceptron", "Foundations", "not", "started"]
    assert lines[4].split() == ["gans", "Reuse", "and", "generate", "no", "exercises"]
    cli.main(["start", SLUG])
    cli.main(["list"])
    assert "perceptron        Foundations         started" in capsys.readouterr().out


def test_start_copies_and_never_overwrites(clone, capsys):
    assert cli.main(["start", SLUG]) == 0
    mine = clone / "work" / f"{SLUG}.ipynb"
    assert mine.read_bytes() == (clone / "exercises" / f"{SLUG}.ipynb").read_bytes()
    assert "work/perceptron.ipynb is ready" in capsys.readouterr().out
    mine.write_text("my answers", encoding="utf-8")
    assert cli.main(["start", SLUG]) == 0
    assert cli.main(["start", "--all"]) == 0
    assert mine.read_text(encoding="utf-8") == "my answers"
    out = capsys.readouterr().out
    assert out.count("work/perceptron.ipynb is there already and stays as it is.") == 2
    assert "work/gradient_descent.ipynb is ready" in out


def test_a_full_disk_leaves_no_half_notebook(clone, capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert cli.main(["start", SLUG]) == 2
    assert capsys.readouterr().err == "twice: No space left on device\n"
    assert list((clone / "work").iterdir()) == []
    assert cli.main(["start", SLUG]) == 0
    assert list((clone / "work").iterdir()) == [clone / "work" / f"{SLUG}.ipynb"]


def test_start_says_in_one_line_what_the_system_refuses(clone, capsys):
    (clone / "work").write_text("a file, not a folder", encoding="utf-8")
    assert cli.main(["start", SLUG]) == 2
    assert capsys.readouterr().err == f"twice: {clone / 'work'}: File exists\n"


def test_start_all_copies_what_the_book_shows_alone(clone):
    (clone / "exercises" / "draft.ipynb").write_text("{}", encoding="utf-8")
    assert cli.main(["start", "--all"]) == 0
    names = sorted(path.stem for path in (clone / "work").iterdir())
    assert names == ["gradient_descent", "perceptron"]
    assert cli.main(["start", "draft"]) == 0
    assert (clone / "work" / "draft.ipynb").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["start", "perceptrons"], "no exercise called 'perceptrons'. Did you mean perceptron?"),
        (["start", "gradient"], "Did you mean gradient_descent?"),
        (["start", "xyz"], "There are: perceptron, gradient_descent."),
        (["start", "../../etc/passwd"], "no exercise called '../../etc/passwd'"),
        (["start"], "name one exercise, or say --all"),
        (["start", SLUG, "--all"], "name one exercise, or say --all"),
        (["grade", "nowhere"], "nowhere is not a folder"),
        (["grade", "."], "holds no notebook"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(clone, capsys, arguments, message):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("twice: ")
    assert error.count("\n") == 1
    assert not (clone / "work").exists()


def test_a_missing_folder_for_the_table_is_noticed_before_the_grading(clone, capsys, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ipynb").write_text(notebook(), encoding="utf-8")
    assert cli.main(["grade", str(tmp_path / "in"), "--csv", str(tmp_path / "no" / "out.csv")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_table_that_cannot_be_written_is_noticed_before_the_grading(
    clone, capsys, tmp_path, monkeypatch
):
    def grade(csv):
        assert cli.main(["grade", str(tmp_path / "in"), "--csv", str(csv)]) == 2
        said = capsys.readouterr()
        assert said.out == ""  # the grading has not begun
        assert said.err.startswith(f"twice: {csv} ")
        assert said.err.count("\n") == 1
        return said.err

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ipynb").write_text(notebook(), encoding="utf-8")
    assert "is a folder" in grade(tmp_path)
    assert "is no file" in grade("/dev/null")
    old = tmp_path / "out.csv"
    old.write_text("old", encoding="utf-8")

    def forbidden(*_, **__):  # root may write anywhere, so a folder's mode would not do
        raise PermissionError(errno.EACCES, "Permission denied", "out.csv")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", forbidden)
    assert "cannot be written: Permission denied." in grade(old)
    assert old.read_text(encoding="utf-8") == "old"


def test_the_check_for_the_table_leaves_no_trace(tmp_path):
    old = tmp_path / "out.csv"
    old.write_text("old", encoding="utf-8")
    cli.check_writable(old)
    cli.check_writable(tmp_path / "new.csv")
    assert list(tmp_path.iterdir()) == [old]
    assert old.read_text(encoding="utf-8") == "old"


def test_the_command_runs_as_a_program(clone):
    out = subprocess.run(
        [sys.executable, "-m", "twice.cli", "list"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(notebooks.ROOT)},
        check=True,
    )
    assert "gradient_descent" in out.stdout
    assert out.stderr == ""


def test_progress_without_work_says_how_to_begin(clone, capsys):
    assert cli.main(["progress"]) == 0
    assert "Begin with `twice start perceptron`" in capsys.readouterr().out


def test_a_submission_is_recognized(clone, tmp_path):
    def slug(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return grading.slug_of(path, ["gans", SLUG, "perceptron_more"])

    assert slug("alice.ipynb", notebook()) == SLUG
    assert slug("alice_perceptron_more_2.ipynb", notebook(slug=None)) == "perceptron_more"
    with pytest.raises(ValueError, match="answers no exercise of this book"):
        slug("alice.ipynb", notebook(slug=None))
    with pytest.raises(ValueError, match="its name is 'other'"):
        slug("gans.ipynb", notebook(slug="other"))
    for text in ("", "[]", "{}", '{"cells": []}', "\x00"):
        with pytest.raises(ValueError, match="not a notebook"):
            slug("gans.ipynb", text)


def test_an_interrupted_table_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    cli.write_csv(path, ["a"], [[1]])
    old = path.read_bytes()
    assert old == b"a\r\n1\r\n"

    def broken(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(KeyboardInterrupt):
        cli.write_csv(path, ["a"], [[2]])
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_grade_reports_each_notebook_and_survives_the_broken_ones(clone, tmp_path, capsys):
    folder = tmp_path / "in"
    (folder / "late").mkdir(parents=True)
    blank = (clone / "exercises" / f"{SLUG}.ipynb").read_text(encoding="utf-8")
    solved = (clone / "solutions" / f"{SLUG}.ipynb").read_text(encoding="utf-8")
    solved = json.loads(solved)
    solved["metadata"]["kernelspec"]["name"] = "a-kernel-that-is-not-here"
    solved["cells"] = [c for c in solved["cells"] if c["cell_type"] == "code"]
    one = blank.replace("z = ...", "z = x @ w + b")
    files = {
        "ann_perceptron.ipynb": json.dumps(solved),
        "bob.ipynb": one,
        "dan.ipynb": "this is not JSON",
        "fay.ipynb": notebook("import os\nos._exit(3)"),
        "late/gus.ipynb": notebook("1 +", "weighted_sum = lambda x, w, b: x @ w + b"),
        "hal.ipynb": notebook(slug="of_another_book"),
        ".ipynb_checkpoints/bob.ipynb": one,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")

    out = tmp_path / "out.csv"
    assert cli.main(["grade", str(folder), "--csv", str(out)]) == 1
    printed = capsys.readouterr().out
    assert "This RUNS the code in them, with your rights" in printed
    with open(out, encoding="utf-8", newline="") as file:
        rows = {row["notebook"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(files) - {".ipynb_checkpoints/bob.ipynb"}
    score = {name: float(row["score"]) for name, row in rows.items()}
    assert score.pop("ann_perceptron.ipynb") == float(rows["bob.ipynb"]["possible"]) == 14
    assert rows["ann_perceptron.ipynb"]["problem"] == ""
    assert score.pop("bob.ipynb") == 1
    assert score.pop("late/gus.ipynb") == 1
    assert set(score.values()) == {0}
    assert rows["late/gus.ipynb"]["problem"] == ""
    assert "not a notebook" in rows["dan.ipynb"]["problem"]
    assert "could not be graded" in rows["fay.ipynb"]["problem"]
    assert "answers no exercise" in rows["hal.ipynb"]["problem"]
    assert f"Written to {out}" in printed
    assert printed.count("[6/6]") == 1


def running(pid):
    """Whether a process runs: one that was stopped and not yet collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_an_endless_notebook_is_stopped_and_leaves_no_process(tmp_path):
    pid = tmp_path / "pid"
    loop = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass"
    (tmp_path / "eve.ipynb").write_text(notebook(loop), encoding="utf-8")
    master = notebooks.ROOT / "solutions" / f"{SLUG}.ipynb"
    _, autograder = grading.assign(master, tmp_path / "assigned")
    for limit in (15, 90):  # a busy machine may need longer until the loop begins
        result = grading.grade(tmp_path / "eve.ipynb", SLUG, autograder, timeout=limit)
        assert result.error == f"took longer than {limit} s and was stopped"
        if pid.exists():
            break
    assert result.score == result.possible == 0
    assert pid.exists(), "the loop had not begun"
    deadline = time.monotonic() + 20
    while running(int(pid.read_text())):
        assert time.monotonic() < deadline, "the loop still runs"
        time.sleep(0.1)


@pytest.mark.slow
def test_progress_shows_points_and_what_comes_next(clone, capsys):
    cli.main(["start", SLUG])
    path = clone / "work" / f"{SLUG}.ipynb"
    text = path.read_text(encoding="utf-8").replace("z = ...", "z = x @ w + b")
    path.write_text(text, encoding="utf-8")
    (clone / "work" / "gans.ipynb").write_text("scribble", encoding="utf-8")
    assert cli.main(["progress"]) == 0
    out = capsys.readouterr().out
    assert "perceptron  1 / 14  x......." in out
    assert "perceptron, q2: sigmoid(z) is None" in out
    assert "gans: not a notebook" in out
    assert path.read_text(encoding="utf-8") == text
