"""Make the environment: a virtual environment in .venv with everything in requirements.txt.

    python3 tools/setup.py [--gpu]

Called by `make setup` before every other target; a second call finds its stamp and returns at
once. Whatever goes wrong ends in one clear line, with pip's own words in setup.log.

This file uses the standard library alone and parses under Python 2.7, so that an old Python
reads far enough to say that it is old.
"""

from __future__ import print_function

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 11)
DISK_GB = {False: 5, True: 11}  # measured: 3.1 GB without CUDA's libraries; pip unpacks beside them

# What pip or venv printed, and what it means: the first pattern that is found wins.
FAILURES = (
    (r"No space left on device|Errno 28|Disk quota exceeded",
     "The disk is full: free some space (about {disk} GB are needed), then run the same command"),
    (r"ensurepip is not\s+available|No module named '?(venv|ensurepip)",
     "This Python cannot make virtual environments: install its venv package "
     "(Debian and Ubuntu: sudo apt install python3-venv), then run the same command"),
    (r"Temporary failure in name resolution|Name or service not known|getaddrinfo failed|"
     r"nodename nor servname|NewConnectionError|Network is unreachable|No route to host|"
     r"Connection refused|ConnectTimeoutError|ReadTimeout|Read timed out|ProxyError|"
     r"Could not fetch URL|Connection reset|IncompleteRead|ProtocolError",
     "No network: the packages could not be fetched; connect (or set HTTPS_PROXY), then run the same command"),
    (r"No matching distribution found for ([\w.\[\]-]+)|"
     r"Could not find a version that satisfies the requirement ([\w.\[\]-]+)",
     "No release of {package} fits Python {python} on {machine}: "
     "try another Python, for example `make PYTHON=python3.12 book`"),
    (r"ResolutionImpossible|conflicting dependencies",
     "The packages' versions contradict each other"),
    (r"Permission denied|Read-only file system",
     "This folder cannot be written to: clone the book into one of your own"),
)  # fmt: skip


class SetupError(Exception):
    """What the reader can do about it, in one line."""


def version_text(version):
    return ".".join(str(part) for part in version[:3])


def minor_text(version):
    """3.11 for 3.11.7 and for 3.11.8: a patch release keeps the environment."""
    return version_text(version[:2])


def check_python(version, name, newer=()):
    """Raise SetupError unless `version` is new enough; `newer` are commands that would be."""
    if tuple(version[:2]) >= OLDEST:
        return
    remedy = "Install a newer one, then run `make PYTHON=python3.12 book`"
    if newer:
        remedy = "Run `make PYTHON={0} book`".format(newer[0])
    raise SetupError(
        "Deep Learning Twice needs Python 3.11 or newer; `{0}` here is {1}. {2}".format(
            name, version_text(version), remedy
        )
    )


def newer_pythons():
    """The commands on this machine that start a Python new enough, best tested first."""
    found = []
    for minor in (12, 13, 11):
        command = "python3.{0}".format(minor)
        with open(os.devnull, "w") as nowhere:
            try:
                if subprocess.call([command, "-c", ""], stdout=nowhere, stderr=nowhere) == 0:
                    found.append(command)
            except OSError:
                pass
    return found


def check_disk(free_bytes, gpu=False):
    """Raise SetupError if too little room is left for the packages."""
    free = free_bytes / 1e9
    if free < DISK_GB[gpu]:
        raise SetupError(
            "The packages need about {0} GB on this disk; {1:.1f} GB are free. "
            "Free some space, then run the same command".format(DISK_GB[gpu], free)
        )


def check_gpu(system, machine):
    """Raise SetupError where TensorFlow has no CUDA packages."""
    if (system, machine) != ("Linux", "x86_64"):
        raise SetupError(
            "GPU=1 needs Linux on x86_64: TensorFlow has no CUDA packages for {0} on {1}. "
            "Run the same command without GPU=1".format(system, machine)
        )


def explain(log, gpu=False):
    """One line that says what the end of pip's log means."""
    for pattern, meaning in FAILURES:
        match = re.search(pattern, log)
        if match:
            package = next((group for group in match.groups() if group), "a package")
            return meaning.format(
                package=package,
                python=version_text(sys.version_info),
                machine=platform.system() + " " + platform.machine(),
                disk=DISK_GB[gpu],
            )
    errors = [line for line in log.splitlines() if line.lower().startswith("error")]
    return errors[-1].strip().rstrip(".") if errors else "Installing the packages failed"


def fingerprint(root):
    """A hash of all that decides what .venv holds: the ranges, the package, Python, the place."""
    digest = hashlib.sha256()
    for name in ("requirements.txt", "pyproject.toml"):
        with open(os.path.join(root, name), "rb") as source:
            digest.update(source.read())
    digest.update((minor_text(sys.version_info) + os.path.abspath(root)).encode("utf-8"))
    return digest.hexdigest()


def is_ready(venv, mark, gpu):
    """Whether the stamp in .venv says that this very environment is finished."""
    try:
        with open(os.path.join(venv, "twice-stamp.json")) as source:
            stamp = json.load(source)
    except (OSError, ValueError):
        return False
    has_python = os.path.exists(os.path.join(venv, "bin", "python"))
    return has_python and stamp.get("mark") == mark and (stamp.get("gpu") or not gpu)


def ask(venv, code):
    """What .venv's own Python prints when it runs `code`; None if it does not start or fails."""
    python = os.path.join(venv, "bin", "python")
    try:
        told = subprocess.check_output([python, "-c", code], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.decode().strip()


def check_venv(venv, name):
    """Raise SetupError where `.venv` is not ours to change: a link, a file, another Python's."""
    if os.path.islink(venv):
        raise SetupError(
            "`.venv` is a link here and stays as it is: remove the link, then run the same command"
        )
    if os.path.lexists(venv) and not os.path.isdir(venv):
        raise SetupError("`.venv` is a file here: move it away, then run the same command")
    if not os.path.exists(os.path.join(venv, "twice-stamp.json")):
        return  # none, or one that was never finished
    theirs = ask(venv, "import sys; print('%d.%d' % sys.version_info[:2])")
    ours = minor_text(sys.version_info)
    if theirs not in (None, ours):
        raise SetupError(
            "`.venv` has Python {0}, `{1}` here is {2}: add PYTHON=python{0} to the same command, "
            "or remove `.venv` to start over".format(theirs, name, ours)
        )


def was_moved(venv):
    """Whether .venv was made elsewhere: its scripts then start a Python that is not there."""
    try:
        with io.open(os.path.join(venv, "bin", "pip"), encoding="utf-8") as script:
            head = script.read(2000)
    except (OSError, ValueError):
        return False  # half made: there is nothing to go by
    places = (os.path.abspath(venv), os.path.realpath(venv))
    return not any(os.path.join(place, "bin") in head for place in places)


def is_usable(venv):
    """Whether .venv starts this minor version of Python and has pip: not so if half made."""
    if was_moved(venv):
        return False
    told = ask(venv, "import pip, sys; print(sys.prefix, '%d.%d' % sys.version_info[:2])")
    prefix, _, version = (told or "").rpartition(" ")
    return (os.path.realpath(prefix), version) == (
        os.path.realpath(venv),
        minor_text(sys.version_info),
    )


def describe(line):
    """A few words for the progress line from one line of pip's output, or None."""
    match = re.match(r"\s*(Collecting|Downloading|Building|Installing|Preparing)\b\s*(\S*)", line)
    if not match:
        return None
    verb, name = match.groups()
    if verb == "Installing" and "collected packages" in line:
        return "unpacking {0} packages".format(line.count(",") + 1)
    name = re.split(r"[<>=!~;\[(]", name.rsplit("/", 1)[-1])[0]
    return "{0} {1}".format(verb.lower(), re.sub(r"-\d.*", "", name))


def run(command, root, log_path):
    """Run a command, its output in the log, one progress line on the terminal; return its output."""
    start, shown, state = time.time(), [""], {"doing": "starting", "live": True}
    terminal = sys.stdout.isatty()

    def report():
        ticks = 0
        while state["live"]:
            line = "  {0:.0f} s  {1}".format(time.time() - start, state["doing"])[:78]
            if terminal:
                sys.stdout.write("\r" + line.ljust(len(shown[0])))
                shown[0] = line
            elif ticks % 60 == 40:  # every half minute
                sys.stdout.write(line + "\n")
            sys.stdout.flush()
            ticks += 1
            time.sleep(0.5)

    environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONUNBUFFERED="1")
    environment.pop("PYTHONPATH", None)  # a reader's own packages stay out of the installation
    output = []
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    reporter = threading.Thread(target=report)
    reporter.daemon = True
    reporter.start()
    try:
        with io.open(log_path, "a", encoding="utf-8") as log:
            for raw in process.stdout:
                line = raw.decode("utf-8", "replace")
                output.append(line)
                log.write(line)
                state["doing"] = describe(line) or state["doing"]
        code = process.wait()
    finally:
        state["live"] = False
        reporter.join()
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        if terminal:
            sys.stdout.write("\r" + " " * len(shown[0]) + "\r")
    return code, "".join(output)


def setup(root, gpu=False, name="python3"):
    """Bring .venv up to date; raise SetupError with what the reader can do."""
    venv, log_path = os.path.join(root, ".venv"), os.path.join(root, "setup.log")
    mark = fingerprint(root)
    if is_ready(venv, mark, gpu) and not os.path.islink(venv):
        return
    check_venv(venv, name)
    if gpu:
        check_gpu(platform.system(), platform.machine())
    usable = is_usable(venv)
    if not usable or gpu:
        check_disk(shutil.disk_usage(root).free, gpu)
    with io.open(log_path, "w", encoding="utf-8") as log:
        log.write("Python {0} on {1}\n".format(sys.version.replace("\n", " "), platform.platform()))
    steps = []
    if not usable:
        print("Making .venv with Python {0}".format(version_text(sys.version_info)))
        steps.append([sys.executable, "-m", "venv", "--clear", venv])
    install = [os.path.join(venv, "bin", "python"), "-m", "pip", "install"]
    install += ["--progress-bar", "off", "--requirement", "requirements.txt"]
    steps.append(install + (["tensorflow[and-cuda]"] if gpu else []))
    for command in steps:
        if "pip" in command:
            print("Installing the packages (a few minutes the first time; details in setup.log)")
        code, output = run(command, root, log_path)
        if code:
            raise SetupError(explain(output, gpu) + " (details: setup.log)")
    with open(os.path.join(venv, "twice-stamp.json"), "w") as target:
        json.dump({"mark": mark, "gpu": gpu}, target)
    print("The environment is ready.")


def main(arguments):
    name = os.path.basename(os.environ.get("PYTHON") or sys.executable or "python3")
    try:
        if tuple(sys.version_info[:2]) < OLDEST:
            check_python(sys.version_info, name, newer_pythons())
        setup(ROOT, gpu="--gpu" in arguments, name=name)
    except SetupError as error:
        print("{0}.".format(error), file=sys.stderr)
        return 1
    except EnvironmentError as error:  # a full or read-only disk, met outside pip
        print("{0} (details: setup.log).".format(explain(str(error))), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
