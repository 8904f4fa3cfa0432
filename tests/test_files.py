"""twice.files: whatever goes wrong, there is the old file or the whole new one, and no other."""

import errno
import os

import pytest

from twice import files


def failing(number, text):
    def fail(*_):
        raise OSError(number, text)

    return fail


def test_replace_writes_what_it_is_given(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("one\n", "zwei\r\nläuft\n"):
        files.replace(path, text)
        assert path.read_bytes() == text.encode("utf-8")
    files.replace(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failed_replace_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "a.txt"
    files.replace(path, "old")
    monkeypatch.setattr(os, step, failing(errno.ENOSPC, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        files.replace(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture(params=["with hard links", "without hard links"])
def system(request, monkeypatch):
    """A file system with hard links, and one without."""
    if request.param == "without hard links":
        monkeypatch.setattr(os, "link", failing(errno.EPERM, "Operation not permitted"))
    return request.param


def test_create_never_overwrites(tmp_path, system):
    path = tmp_path / "a.txt"
    files.create(path, b"first")
    with pytest.raises(FileExistsError):
        files.create(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_create_leaves_nothing(tmp_path, system, monkeypatch):
    step = "fsync" if system == "with hard links" else "replace"
    monkeypatch.setattr(os, step, failing(errno.ENOSPC, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        files.create(tmp_path / "a.txt", b"text")
    assert list(tmp_path.iterdir()) == []
