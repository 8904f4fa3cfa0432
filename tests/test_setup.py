"""tools/setup.py: what it says when something is wrong, and that it does its work once."""

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import setup

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools" / "setup.py"

# The end of what pip or venv really print.
NO_NETWORK = """WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by
'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to
establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/numpy/
ERROR: Could not find a version that satisfies the requirement numpy<3,>=2.0 (from versions: none)
ERROR: No matching distribution found for numpy<3,>=2.0"""
FULL_DISK = (
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
)
NO_WHEEL = """ERROR: Could not find a version that satisfies the requirement tensorflow<3,>=2.18
(from versions: none)
ERROR: No matching distribution found for tensorflow<3,>=2.18"""
NO_VENV = """The virtual environment was not created successfully because ensurepip is not
available.  On Debian/Ubuntu systems, you need to install the python3-venv package."""
READ_ONLY = "Error: [Errno 13] Permission denied: '/srv/book/.venv'"
UNKNOWN = "Collecting numpy\nERROR: Something nobody has seen before.\n"


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 8, 10), (3, 10, 13)])
def test_old_python_is_told_in_one_line(version):
    with pytest.raises(setup.SetupError) as caught:
        setup.check_python(version, "python3")
    text = ".".join(map(str, version))
    assert str(caught.value) == (
        f"Deep Learning Twice needs Python 3.11 or newer; `python3` here is {text}. "
        "Install a newer one, then run `make PYTHON=python3.12 book`"
    )


def test_a_newer_python_that_is_there_is_named():
    with pytest.raises(setup.SetupError, match=r"Run `make PYTHON=python3\.13 book`"):
        setup.check_python((3, 8, 10), "python3", ["python3.13"])


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 4), (3, 13, 1)])
def test_supported_python_passes(version):
    setup.check_python(version, "python3")


def test_source_parses_under_old_pythons():
    source = SOURCE.read_text(encoding="utf-8")
    assert source.isascii()  # Python 2.7 wants a coding line else
    modern = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, modern), f"line {node.lineno}"
        if isinstance(node, ast.FunctionDef):
            assert not node.args.kwonlyargs, node.name
            assert node.returns is None, node.name
            assert not any(a.annotation for a in node.args.args), node.name


def test_python2_ends_in_one_line():
    if not shutil.which("python2.7") or subprocess.call(["python2.7", "-c", ""]):
        pytest.skip("no Python 2.7 here")
    done = subprocess.run(["python2.7", SOURCE], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "needs Python 3.11" in done.stderr


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (NO_NETWORK, "No network"),
        (FULL_DISK, "The disk is full"),
        (NO_WHEEL, "No release of tensorflow fits Python"),
        (NO_VENV, "sudo apt install python3-venv"),
        (READ_ONLY, "cannot be written to"),
        (UNKNOWN, "Something nobody has seen before"),
        ("", "Installing the packages failed"),
    ],
)
def test_failures_are_explained_in_one_line(log, words):
    line = setup.explain(log)
    assert words in line
    assert "\n" not in line


def test_little_disk_is_told_before_anything_is_fetched():
    with pytest.raises(setup.SetupError, match=r"need about 5 GB.* 1\.5 GB are free"):
        setup.check_disk(1.5e9)
    with pytest.raises(setup.SetupError, match="11 GB"):
        setup.check_disk(6e9, gpu=True)
    setup.check_disk(6e9)


@pytest.mark.parametrize("platform", [("Darwin", "arm64"), ("Linux", "aarch64")])
def test_gpu_needs_cuda_packages(platform):
    with pytest.raises(setup.SetupError, match="no CUDA packages for " + platform[0]):
        setup.check_gpu(*platform)
    setup.check_gpu("Linux", "x86_64")


@pytest.fixture
def clone(tmp_path):
    """A folder with the files that decide the environment, and a .venv that seems whole."""
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text("")
    return tmp_path


@pytest.fixture
def commands(monkeypatch):
    """Stands in for pip and venv; remembers what was called, answers with `.answer`."""

    class Commands(list):
        answer = (0, "")

        def run(self, command, root, log_path):
            self.append([str(word) for word in command])
            return self.answer

    commands = Commands()
    monkeypatch.setattr(setup, "run", commands.run)
    monkeypatch.setattr(setup, "is_usable", lambda venv: True)
    return commands


def test_second_call_does_nothing_until_the_ranges_change(clone, commands):
    setup.setup(str(clone))
    assert len(commands) == 1
    assert "requirements.txt" in commands[0]
    setup.setup(str(clone))
    assert len(commands) == 1
    (clone / "requirements.txt").write_text("numpy\n")
    setup.setup(str(clone))
    assert len(commands) == 2


def test_gpu_is_added_once_and_stays(clone, commands, monkeypatch):
    monkeypatch.setattr(setup, "check_gpu", lambda system, machine: None)
    monkeypatch.setattr(setup, "check_disk", lambda free, gpu: None)
    setup.setup(str(clone))
    setup.setup(str(clone), gpu=True)
    assert "tensorflow[and-cuda]" in commands[1]
    setup.setup(str(clone))
    setup.setup(str(clone), gpu=True)
    assert len(commands) == 2


def test_half_made_environment_is_made_anew(clone, commands, monkeypatch):
    monkeypatch.setattr(setup, "is_usable", lambda venv: False)
    monkeypatch.setattr(setup, "check_disk", lambda free, gpu: None)
    setup.setup(str(clone))
    assert commands[0][1:4] == ["-m", "venv", "--clear"]
    assert "pip" in commands[1]


def test_a_moved_environment_is_known_by_its_scripts(tmp_path):
    venv = tmp_path / "a clone" / ".venv"
    assert not setup.was_moved(str(venv))  # none is there
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "pip").write_text(f'#!/bin/sh\nexec \'{venv}/bin/python\' "$0" "$@"\n')
    assert not setup.was_moved(str(venv))
    moved = (tmp_path / "a clone").rename(tmp_path / "moved") / ".venv"
    assert setup.was_moved(str(moved))
    assert not setup.is_usable(str(moved))


def test_failure_leaves_no_stamp_and_one_line(clone, commands, monkeypatch, capsys):
    monkeypatch.setattr(setup, "ROOT", str(clone))
    commands.answer = (1, NO_NETWORK)
    assert setup.main([]) == 1
    told = capsys.readouterr().err
    assert told.startswith("No network")
    assert told.count("\n") == 1
    assert not (clone / ".venv" / "twice-stamp.json").exists()


def files(folder):
    return sorted(p.relative_to(folder) for p in folder.rglob("*"))


def pretend_python(venv, version):
    """Let .venv's Python start and say that it is `version`."""
    python = venv / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$0" | sed "s|/bin/python| {version}|"\n')
    python.chmod(0o755)


def test_a_patch_release_keeps_the_environment(clone, commands, monkeypatch):
    setup.setup(str(clone))
    major, minor, patch = sys.version_info[:3]
    monkeypatch.setattr(setup.sys, "version_info", (major, minor, patch + 1, "final", 0))
    setup.setup(str(clone))
    assert len(commands) == 1


def test_only_the_minor_version_makes_an_environment_unusable(clone):
    major, minor = sys.version_info[:2]
    pretend_python(clone / ".venv", f"{major}.{minor}")
    assert setup.is_usable(str(clone / ".venv"))
    pretend_python(clone / ".venv", f"{major}.{minor + 1}")
    assert not setup.is_usable(str(clone / ".venv"))


def test_a_finished_environment_of_another_python_is_refused_not_wiped(clone, commands):
    setup.setup(str(clone))
    (clone / "requirements.txt").write_text("numpy\n")
    python = clone / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\necho 3.99\n")
    python.chmod(0o755)
    before = files(clone)
    ours = setup.minor_text(sys.version_info)
    with pytest.raises(setup.SetupError) as caught:
        setup.setup(str(clone), name="python3")
    assert str(caught.value) == (
        f"`.venv` has Python 3.99, `python3` here is {ours}: add PYTHON=python3.99 to the same "
        "command, or remove `.venv` to start over"
    )
    assert len(commands) == 1
    assert files(clone) == before


def test_an_unfinished_environment_of_another_python_is_made_anew(clone, commands, monkeypatch):
    monkeypatch.setattr(setup, "is_usable", lambda venv: False)
    monkeypatch.setattr(setup, "check_disk", lambda free, gpu: None)
    pretend_python(clone / ".venv", "3.99")
    setup.setup(str(clone))
    assert commands[0][1:4] == ["-m", "venv", "--clear"]


@pytest.mark.parametrize("stamped", [False, True])
@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_a_venv_that_is_a_link_or_a_file_is_refused_and_untouched(clone, commands, kind, stamped):
    venv, elsewhere = clone / ".venv", clone / "elsewhere"
    if stamped:
        setup.setup(str(clone))
        commands.clear()
    venv.rename(elsewhere)
    if kind == "file":
        venv.write_text("mine")
    else:
        venv.symlink_to(elsewhere if kind == "link" else clone / "nothing")
    before = files(clone)
    words = "is a file here" if kind == "file" else "is a link here"
    with pytest.raises(setup.SetupError, match=words) as caught:
        setup.setup(str(clone))
    assert "\n" not in str(caught.value)
    assert commands == []
    assert files(clone) == before


def run_setup(folder, **variables):
    (folder / "tools").mkdir(exist_ok=True)
    shutil.copy(SOURCE, folder / "tools")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
    environment.update(PIP_CONFIG_FILE=os.devnull, **variables)
    started = time.perf_counter()
    command = [sys.executable, folder / "tools" / "setup.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stdout + done.stderr
    return done, time.perf_counter() - started


@pytest.mark.slow
def test_end_to_end(tmp_path):
    """A real .venv from an empty list: made, found ready, broken, made again; then pip fails."""
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "pyproject.toml").write_text("")
    done, _ = run_setup(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The environment is ready." in done.stdout
    stamp = tmp_path / ".venv" / "twice-stamp.json"
    assert json.loads(stamp.read_text())["gpu"] is False

    done, seconds = run_setup(tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert seconds < 1

    (tmp_path / ".venv").rename(tmp_path / "mine")
    (tmp_path / ".venv").symlink_to("mine")
    done, _ = run_setup(tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is a link" in done.stderr
    assert (tmp_path / "mine" / "twice-stamp.json").exists()
    (tmp_path / ".venv").unlink()
    (tmp_path / "mine").rename(tmp_path / ".venv")

    (tmp_path / ".venv" / "bin" / "python").unlink()
    done, _ = run_setup(tmp_path)
    assert "Making .venv" in done.stdout
    assert done.returncode == 0

    (tmp_path / "requirements.txt").write_text("tensorflow>=2.18,<3\n")
    done, _ = run_setup(tmp_path, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert done.stderr.startswith("No release of tensorflow fits Python")
    assert done.stderr.count("\n") == 1

    nobody = "http://127.0.0.1:9/simple"
    done, _ = run_setup(tmp_path, PIP_INDEX_URL=nobody, PIP_RETRIES="1")
    assert done.returncode == 1
    assert done.stderr.startswith("No network")
    assert "Errno" in (tmp_path / "setup.log").read_text()
