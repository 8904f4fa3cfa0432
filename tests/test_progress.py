"""The progress bar is shown to a person who waits, and to nobody else."""

import io
import sys

import pytest

from twice.progress import progress_bar, wanted


class Screen(io.StringIO):
    def __init__(self, tty):
        super().__init__()
        self.tty = tty

    def isatty(self):
        return self.tty


@pytest.fixture
def place(monkeypatch):
    """Put the process into a terminal, a notebook, or neither."""

    def put(*, tty=False, jupyter=False, said=None):
        monkeypatch.setattr(sys, "stderr", Screen(tty))
        monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
        monkeypatch.delenv("TWICE_PROGRESS", raising=False)
        if jupyter:
            monkeypatch.setenv("JPY_SESSION_NAME", "chapter.ipynb")
        if said is not None:
            monkeypatch.setenv("TWICE_PROGRESS", said)

    return put


def test_auto_looks_for_somebody_who_looks_on(place):
    place()
    assert not wanted()
    place(tty=True)
    assert wanted()
    place(jupyter=True)
    assert wanted()


def test_the_environment_decides_for_auto(place):
    place(tty=True, jupyter=True, said="0")
    assert not wanted()
    place(said="1")
    assert wanted()
    place(said="maybe")  # anything else says nothing
    assert not wanted()
    place(tty=True, said="")
    assert wanted()


def test_true_and_false_decide_themselves(place):
    place(tty=True, jupyter=True, said="1")
    assert wanted(False) is False
    place(said="0")
    assert wanted(True) is True


@pytest.mark.parametrize("verbose", ["yes", 2, None])
def test_other_values_are_refused(verbose):
    with pytest.raises(
        ValueError, match=f'expected verbose "auto", True or False, got {verbose!r}'
    ):
        wanted(verbose)


def test_a_bar_counts_and_vanishes(place):
    place()
    with progress_bar(3, True, mininterval=0) as bar:
        for _ in range(3):
            bar.update()
        assert bar.n == bar.total == 3
    text = sys.stderr.getvalue()
    assert "3/3" in text
    assert not text.split("\r")[-1].strip()  # wiped


def test_a_bar_that_is_not_wanted_writes_nothing(place):
    place()
    with progress_bar(3) as bar:
        bar.update()
        bar.set_postfix({"loss": "1"})
    assert sys.stderr.getvalue() == ""
