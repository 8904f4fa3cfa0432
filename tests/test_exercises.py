"""Every exercise: the blank scores 0, the solution full marks, wrong answers get their message."""

import contextlib
import importlib.util
import io
import re
from pathlib import Path

import nbformat
import pytest

from tools import exercises, notebooks
from twice import grading

SLUGS = sorted(path.stem for path in (notebooks.ROOT / "solutions").glob("*.ipynb"))
ROUNDS = 10  # the tests draw fresh inputs each time: what passes must pass every time


def wrong_answers(slug):
    path = Path(__file__).parent / "wrong_answers" / f"{slug}.py"
    spec = importlib.util.spec_from_file_location(f"wrong_answers_{slug}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


WRONG = [
    pytest.param(slug, question, number, id=f"{slug}-{question}-{number}")
    for slug in SLUGS
    for question, answers in wrong_answers(slug).items()
    for number in range(len(answers))
]


def exercise(slug):
    return notebooks.ROOT / "exercises" / f"{slug}.ipynb"


def master(slug):
    return notebooks.read(notebooks.ROOT / "solutions" / f"{slug}.ipynb")


def questions(slug):
    return dict(notebooks.read(exercise(slug)).metadata["otter"]["tests"])


def run(cells):
    """The globals after these cells, run in this process with their output swallowed."""
    env = {"__name__": "exercise"}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, "<cell>", "exec"), env)
    return env


@pytest.fixture(scope="module")
def solved():
    """The globals of a notebook with every solution in it, once per slug."""
    known = {}

    def get(slug):
        if slug not in known:
            cells = [c for c in master(slug).cells if "hide-cell" not in notebooks.tags(c)]
            known[slug] = run(cells)
        return dict(known[slug])

    return get


@pytest.fixture
def check(monkeypatch, tmp_path):
    """Grade one question with otter, in this process: returns (score, possible, message)."""
    otter = grading.load_otter()
    monkeypatch.chdir(tmp_path)  # away from tests/, which otter would take for its own
    graders = {}

    def graded(slug, question, env):
        if slug not in graders:
            graders[slug] = otter.Notebook(str(exercise(slug)))
        result = graders[slug].check(question, global_env=env)
        return result.score, result.possible, grading.message(result)

    return graded


def test_there_are_exercises():
    assert "perceptron" in SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_the_students_notebook_is_in_step_with_its_master(slug, capsys):
    assert exercises.main([slug, "--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("slug", SLUGS)
def test_generating_again_gives_the_same_bytes(slug, tmp_path):
    source = notebooks.ROOT / "solutions" / f"{slug}.ipynb"
    for name in ("a", "b"):
        notebooks.write(tmp_path / name, exercises.generate(source))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() == exercise(slug).read_bytes()


@pytest.mark.parametrize("slug", SLUGS)
def test_the_blank_scores_nothing_and_runs_without_an_error(slug, check):
    cells = [c for c in notebooks.read(exercise(slug)).cells if "grader" not in c.source]
    env = run(cells)
    for question in questions(slug):
        score, possible, message = check(slug, question, dict(env))
        assert score == 0, question
        assert possible > 0
        assert message[-1] in ".?", message


@pytest.mark.parametrize("slug", SLUGS)
def test_the_solution_scores_full_marks_every_time(slug, check, solved):
    env = solved(slug)
    for question in questions(slug):
        for _ in range(ROUNDS):
            score, possible, message = check(slug, question, env)
            assert score == possible, f"{question}: {message}"


@pytest.mark.parametrize(("slug", "question", "number"), WRONG)
def test_a_wrong_answer_fails_with_the_message_meant_for_it(slug, question, number, check, solved):
    expected, code = wrong_answers(slug)[question][number]
    for _ in range(ROUNDS):
        env = solved(slug)
        exec(compile(code, "<wrong answer>", "exec"), env)
        score, _, message = check(slug, question, env)
        assert score == 0
        assert expected.lower() in message.lower()
        assert len(re.findall(r"[.?!](?=\s+[A-Z])", message)) == 0, f"not one sentence: {message}"


@pytest.mark.parametrize("slug", SLUGS)
def test_every_question_has_three_wrong_answers(slug):
    answers = wrong_answers(slug)
    assert set(answers) == set(questions(slug))
    assert len(answers) >= 5
    for question, listed in answers.items():
        assert len({message for message, _ in listed}) >= 3, question


@pytest.mark.parametrize("slug", SLUGS)
def test_the_tests_draw_fresh_inputs(slug):
    for question, source in questions(slug).items():
        assert "default_rng()" in source, question
        assert not re.search(r"default_rng\(\s*\d|RandomState\(|random\.seed\(", source), question


@pytest.mark.parametrize("slug", SLUGS)
def test_the_master_is_laid_out_for_the_book(slug):
    cells = master(slug).cells
    assert cells[0].cell_type == "raw"
    assert cells[1].cell_type == "markdown"
    assert cells[1].source.startswith("# Solutions: ")
    assert f"../chapters/{slug}.ipynb" in cells[1].source
    inside, tests = False, 0
    for cell in cells:
        if cell.cell_type == "raw" and re.match("# (BEGIN|END) TESTS", cell.source):
            inside = "BEGIN" in cell.source
        elif inside:
            tests += 1
            assert "hide-cell" in notebooks.tags(cell)
        elif cell.cell_type == "code":
            assert "hide-cell" not in notebooks.tags(cell)
    assert tests == len(questions(slug))


@pytest.mark.parametrize("slug", SLUGS)
def test_the_students_notebook_holds_no_output_and_no_solution(slug):
    notebook = notebooks.read(exercise(slug))
    nbformat.validate(notebook)
    source = "\n".join(c.source for c in notebook.cells)
    assert "SOLUTION" not in source
    assert "PROMPT" not in source
    assert notebook.cells[0].source.startswith("# Exercises: ")
    for question in questions(slug):
        assert f'grader.check("{question}")' in source
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            assert notebooks.IGNORE in notebooks.tags(cell)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_question_explains_itself(slug):
    texts = [c.source for c in master(slug).cells if c.cell_type == "markdown"]
    asked = [text for text in texts if text.startswith("## ") and "**Task.**" in text]
    assert len(asked) == len(questions(slug))
    for text in asked:
        assert ":::{dropdown} Hint\n" in text, text[:60]
        assert ":::{dropdown} The idea of the solution\n" in text
        assert "<details>" not in text  # JupyterLab with MyST shows it without its content
        assert "shape" in text or "Expected:" in text


@pytest.fixture
def clone(tmp_path):
    """A small copy of the house with one exercise in it."""
    slug = "perceptron"
    for folder in ("solutions", "exercises"):
        (tmp_path / folder).mkdir()
        text = (notebooks.ROOT / folder / f"{slug}.ipynb").read_text(encoding="utf-8")
        (tmp_path / folder / f"{slug}.ipynb").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_changed_exercise_is_never_overwritten(clone, capsys):
    path = clone / "exercises" / "perceptron.ipynb"
    path.write_text(path.read_text().replace("z = ...", "z = x @ w"), encoding="utf-8")
    mine = path.read_bytes()
    assert exercises.main([], root=clone) == 1
    assert path.read_bytes() == mine
    assert "has been changed since it was made, so it stays as it is" in capsys.readouterr().err


def test_a_file_that_is_no_notebook_is_never_overwritten(clone, capsys):
    path = clone / "exercises" / "perceptron.ipynb"
    path.write_text("my notes", encoding="utf-8")
    assert exercises.main([], root=clone) == 1
    assert path.read_text() == "my notes"
    assert "stays as it is" in capsys.readouterr().err


BROKEN = {
    "empty": "{}",
    "no cells": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells without a type": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}',
    "cells that are a number": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}',
    "of the future": '{"nbformat": 99, "cells": [], "metadata": {}}',
    "a list": "[]",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_notebook_is_named_in_one_line_and_stays(clone, capsys, text):
    path = clone / "exercises" / "perceptron.ipynb"
    path.write_text(text, encoding="utf-8")
    assert exercises.main(["--check"], root=clone) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{path} is not a notebook: ")
    assert error.count("\n") == 1
    assert error.count("is not a notebook") == 1
    assert exercises.main([], root=clone) == 1
    assert "stays as it is" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == text


def test_a_broken_master_is_named_and_changes_nothing(clone, capsys):
    (clone / "solutions" / "perceptron.ipynb").write_text("{}", encoding="utf-8")
    path = clone / "exercises" / "perceptron.ipynb"
    before = path.read_bytes()
    assert exercises.main([], root=clone) == 1
    assert "solutions/perceptron.ipynb cannot be assigned" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_an_exception_without_text_is_a_sentence_too(check, solved):
    def unwritten(z):
        raise NotImplementedError

    score, _, message = check("perceptron", "q2", {**solved("perceptron"), "sigmoid": unwritten})
    assert score == 0
    assert message.startswith("your code stopped with NotImplementedError: ")
    assert message.endswith("see the line.")

    def loud(z):
        raise ValueError("no such thing.")

    _, _, message = check("perceptron", "q2", {**solved("perceptron"), "sigmoid": loud})
    assert message == "ValueError: no such thing."


def test_running_an_exercise_is_no_change(clone):
    path = clone / "exercises" / "perceptron.ipynb"
    made = path.read_bytes()
    notebook = notebooks.read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
            cell.outputs = [nbformat.v4.new_output("stream", text="hello\n")]
    nbformat.write(notebook, path)
    assert exercises.main(["--check"], root=clone) == 1
    assert exercises.main([], root=clone) == 0
    assert path.read_bytes() == made


def test_check_reports_missing_stale_and_orphaned_files(clone, capsys):
    path = clone / "exercises" / "perceptron.ipynb"
    assert exercises.main(["--check"], root=clone) == 0
    master = clone / "solutions" / "perceptron.ipynb"
    master.write_text(master.read_text().replace("A neuron's sum", "Sums"), encoding="utf-8")
    before = path.read_bytes()
    assert exercises.main(["--check"], root=clone) == 1
    assert path.read_bytes() == before
    assert "out of step" in capsys.readouterr().err
    path.rename(path.with_name("old.ipynb"))
    assert exercises.main(["--check"], root=clone) == 1
    text = capsys.readouterr().err
    assert "perceptron.ipynb is missing" in text
    assert "old.ipynb has no master" in text


def test_a_malformed_master_is_named_and_changes_nothing(clone, capsys):
    path = clone / "solutions" / "perceptron.ipynb"
    path.write_text(path.read_text().replace("# END QUESTION", "# THE END", 1), encoding="utf-8")
    before = (clone / "exercises" / "perceptron.ipynb").read_bytes()
    assert exercises.main([], root=clone) == 1
    assert "perceptron.ipynb cannot be assigned" in capsys.readouterr().err
    assert (clone / "exercises" / "perceptron.ipynb").read_bytes() == before


def test_an_unknown_slug_is_named(clone, capsys):
    with pytest.raises(SystemExit):
        exercises.main(["perceptrn"], root=clone)
    assert "no master for perceptrn; there are: perceptron" in capsys.readouterr().err
