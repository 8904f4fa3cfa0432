""".ci/run on machines that lack something, with stand-ins for make, python3 and the browsers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.browser import NAMES

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def machine(tmp_path):
    """A copy of .ci/run and tools/browser.py, and a PATH that holds little else."""
    path, clone = tmp_path / "path", tmp_path / "clone"
    path.mkdir()
    (clone / ".ci").mkdir(parents=True)
    (clone / "tools").mkdir()
    shutil.copy(ROOT / ".ci" / "run", clone / ".ci")
    for name in ("__init__.py", "browser.py"):
        shutil.copy(ROOT / "tools" / name, clone / "tools")
    for name in ("bash", "env", "dirname"):
        (path / name).symlink_to(shutil.which(name))
    put(path, "python3", f'exec "{sys.executable}" "$@"')
    put(path, "make", 'echo "make $@, CI=$CI"')
    return clone, path


def put(path, name, script):
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(0o755)


def run(machine, **variables):
    clone, path = machine
    environment = {"PATH": str(path), **variables}
    return subprocess.run(
        [shutil.which("bash"), clone / ".ci" / "run"],
        env=environment,
        capture_output=True,
        text=True,
        cwd=clone.parent,
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_browser_the_tests_know_is_enough(machine, name):
    put(machine[1], name, "")
    done = run(machine)
    assert (done.returncode, done.stdout) == (0, "make test, CI=true\n"), done.stderr


def test_a_browser_named_by_hand_is_enough(machine):
    put(machine[0], "mine", "")
    done = run(machine, TWICE_CHROMIUM=str(machine[0] / "mine"))
    assert (done.returncode, done.stdout) == (0, "make test, CI=true\n"), done.stderr


@pytest.mark.parametrize("apt", [False, True])
def test_what_cannot_be_installed_is_told_in_one_line(machine, apt):
    clone, path = machine
    script = (clone / ".ci" / "run").read_text()
    (clone / ".ci" / "run").write_text(script.replace("((EUID))", "true"))  # as anybody but root
    (clone / "tools" / "browser.py").write_text("def find_chromium(): return None\n")
    if apt:
        put(path, "apt-get", "exit 1")
    done = run(machine)
    lacking = "sudo" if apt else "apt-get"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Missing: chromium. There is no {lacking} here to install them: "
        "install them yourself, then run .ci/run again.\n"
    )
