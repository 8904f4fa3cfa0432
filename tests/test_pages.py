"""The hand-written pages of book/: what they show as output is what their code prints."""

import contextlib
import io
import re

import numpy as np

from tools import notebooks
from twice.parity import keras

EXAMPLE = re.compile(r"^```python\n(.*?)^```\n`([^`\n]+)`$", re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_landing_page_print_what_they_show():
    text = (notebooks.ROOT / "book" / "index.md").read_text(encoding="utf-8")
    examples, names = EXAMPLE.findall(text), {"np": np, "keras": keras}
    assert len(examples) == 2
    for code, shown in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue().strip() == shown
