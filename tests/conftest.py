"""Fixtures for the tests that need the built book or a browser."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from bench import Bench
from filelock import FileLock

from tools import browser as chromium
from tools.serve import BOOK, serving

ROOT = Path(__file__).resolve().parent.parent


def build(root):
    """Build the book as `make book` does; fails the test with the warnings if there are any."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-W", "-n"]
    done = subprocess.run(
        [*command, "--keep-going", "--quiet"], cwd=root, capture_output=True, text=True
    )
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        told = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-20:]
        pytest.fail("the book does not build:\n" + "\n".join(told), pytrace=False)


@pytest.fixture(scope="session")
def book():
    """The built book: `.folder`, and `.url` where it is served. Built once, by either worker."""
    BOOK.parent.mkdir(exist_ok=True)
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    stamp = ROOT / "_build" / "run"
    with FileLock(ROOT / "_build" / "lock"):
        if not (stamp.exists() and stamp.read_text() == run and (BOOK / "index.html").exists()):
            build(ROOT)
            stamp.write_text(run)
    with serving(BOOK) as url:
        yield SimpleNamespace(folder=BOOK, url=url)


@pytest.fixture(scope="session")
def browser():
    """Chromium, headless. Skipped with a reason where there is none; in CI that is a failure."""
    path = chromium.find_chromium()
    if path is None:
        reason = "no Chromium found: install it, or set TWICE_CHROMIUM to its path"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with chromium.launch(path) as browser:
        yield browser


@pytest.fixture
def new_context(browser):
    """A function that opens a browser context with these options; still pictures by default."""
    contexts = []

    def make(**options):
        contexts.append(browser.new_context(**({"reduced_motion": "reduce"} | options)))
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def new_bench(new_context):
    """A function that puts a demo on a page of its own, in a context with these options."""

    def make(demo, **options):
        here = Bench(new_context(**options).new_page(), demo)
        here.settle()
        return here

    return make


@pytest.fixture
def open_page(browser):
    """A function that opens an address: open_page(url, theme="light", width=1280, height=900).

    The page it returns has `.complaints`: console errors, exceptions, failed requests, and every
    attempt to reach another machine (which is refused).
    """
    contexts = []

    def open_page(url, *, theme="light", width=1280, height=900):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints = complaints = []

        def route(route):
            if route.request.url.startswith(("http://127.0.0.1:", "http://localhost:")):
                route.continue_()
            else:
                complaints.append(f"outside request: {route.request.url}")
                route.abort()

        def console(message):
            if message.type == "error":
                complaints.append(f"console: {message.text} ({message.location.get('url')})")

        page.route("**/*", route)
        page.on("console", console)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.on(
            "response",
            lambda r: complaints.append(f"{r.status}: {r.url}") if r.status >= 400 else None,
        )
        page.goto(url, wait_until="load")
        return page

    yield open_page
    for context in contexts:
        context.close()
