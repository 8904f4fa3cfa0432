"""Find and start this machine's Chromium: for browser tests, screenshots and benchmarks."""

import contextlib
import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def find_chromium():
    """The path of a Chromium on this machine, or None; $TWICE_CHROMIUM goes first."""
    candidates = [os.environ.get("TWICE_CHROMIUM"), *map(shutil.which, NAMES)]
    return next((p for p in (*candidates, *PLACES) if p and Path(p).exists()), None)


@contextlib.contextmanager
def launch(path):
    """A headless Chromium, closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield chromium
        chromium.close()
