"""tools/start_page.py: the page JupyterLab opens on, whatever _toc.yml looks like."""

import json
import os

import pytest

from tools import start_page
from twice import cli

NAMED = """
root: book/index
parts:
  - caption: Foundations
    chapters:
      - file: chapters/perceptron
        sections:
          - file: exercises/perceptron
          - file: solutions/perceptron
      - url: https://example.org
      - file: chapters/losses.ipynb
"""
NAMELESS = """
root: book/index
parts:
  - chapters:
      - file: book/notation
      - file: chapters/losses
  - caption: More
    chapters:
      - file: chapters/perceptron
"""
FLAT = """
root: book/index
chapters:
  - file: chapters/perceptron
    sections:
      - file: chapters/losses
"""


@pytest.fixture
def clone(tmp_path):
    for name in ("chapters/perceptron", "chapters/losses", "solutions/perceptron"):
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"cells": [{"source": [f"# The {path.stem}\n", "Text"]}]}))
    return tmp_path


def rows(clone, toc):
    (clone / "_toc.yml").write_text(toc)
    lines = start_page.start_page(clone).splitlines()
    return [line for line in lines if line.startswith(("## ", "| 1", "| 2"))]


PERCEPTRON = "[The perceptron](chapters/perceptron.ipynb)"
LOSSES = "[The losses](chapters/losses.ipynb)"


def test_chapters_stand_in_the_order_of_the_book(clone):
    assert rows(clone, NAMED) == [
        "## Foundations",
        f"| 1 | {PERCEPTRON} |  | [solutions](solutions/perceptron.ipynb) |",
        f"| 2 | {LOSSES} |  |  |",
        "## Good to know",
    ]
    assert cli.pages(clone) == [
        ("Foundations", "chapters/perceptron"),
        ("Foundations", "exercises/perceptron"),
        ("Foundations", "solutions/perceptron"),
        ("Foundations", "chapters/losses"),
    ]


def test_a_part_needs_no_caption_and_a_book_no_parts(clone):
    first, second = f"| 1 | {LOSSES} |  |  |", f"| 2 | {PERCEPTRON} |  |  |"
    assert rows(clone, NAMELESS) == [first, "## More", second, "## Good to know"]
    first, second = f"| 1 | {PERCEPTRON} |  |  |", f"| 2 | {LOSSES} |  |  |"
    assert rows(clone, FLAT) == [first, second, "## Good to know"]


def test_a_failed_write_leaves_the_old_page(tmp_path, monkeypatch):
    path = tmp_path / "start.md"
    start_page.write(path, "old")

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        start_page.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
