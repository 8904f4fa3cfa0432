"""The cost of the book itself: building, running a chapter, loading a page, moving a slider."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import timing
from tools import browser, notebooks
from tools.serve import BOOK, serving

# Moves the page's first slider 40 times; each time it adds the milliseconds of the demo's handlers
# and of its drawing in the next frame. The answer is their median.
SLIDE = """async () => {
  const slider = document.querySelector(".demo input[type=range]");
  const times = [];
  for (let i = 0; i < 40; i++) {
    slider.value = Number(slider.min) + (slider.max - slider.min) * (0.2 + 0.015 * i);
    const start = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const handled = performance.now() - start;
    // Asked for after the demo asked for its own frame: the demo has drawn when this runs.
    const drawn = await new Promise((done) =>
      requestAnimationFrame((began) => done(performance.now() - began)));
    times.push(handled + drawn);
  }
  return times.sort((a, b) => a - b)[20];
}"""


def seconds(command):
    start = time.perf_counter()
    subprocess.run(command, cwd=notebooks.ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def import_seconds():
    timed = [seconds([sys.executable, "-c", "import twice"]) for _ in range(7)]
    empty = [seconds([sys.executable, "-c", "pass"]) for _ in range(7)]
    return min(timed) - min(empty)


# Runs in a process of its own, whose only child is the chapter's kernel.
RUN = """
import pathlib, resource, sys, time
from tools import execute
start = time.perf_counter()
execute.execute(pathlib.Path(sys.argv[1]))
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(time.perf_counter() - start, peak / (2**20 if sys.platform == "darwin" else 2**10))
"""


def chapter_costs(path):
    """Seconds, and the largest memory in MiB, of running one chapter; its file is not touched."""
    command = [sys.executable, "-c", RUN, str(path)]
    done = subprocess.run(command, cwd=notebooks.ROOT, check=True, capture_output=True, text=True)
    return tuple(float(value) for value in done.stdout.split()[-2:])


def page_costs(chromium, url):
    """Megabytes loaded, seconds until the demo answers, and milliseconds a slider event takes."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    weights = []

    def loaded(response):  # a demo's blob: address holds what came with the page
        if response.url.startswith("http"):
            weights.append(int(response.headers.get("content-length", 0)))

    page.on("response", loaded)
    start = time.perf_counter()
    page.goto(url)
    page.locator(".demo[data-ready]").first.wait_for()
    ready = time.perf_counter() - start
    answers = [page.evaluate(SLIDE) for _ in range(3)]
    page.wait_for_load_state("networkidle")
    page.close()
    return sum(weights) / 1e6, ready, statistics.median(answers)


def main():
    command = Path(sys.executable).with_name("jupyter-book")
    build = [command, "build", ".", "--quiet", "-W", "-n", "--keep-going"]
    rows = [["`import twice`", f"{import_seconds():.3f} s", "0.15 s"]]
    rows.append(["`make book`, all pages anew", f"{seconds([*build, '--all']):.0f} s", "90 s"])
    rows.append(["`make book`, nothing changed", f"{seconds(build):.0f} s", "90 s"])
    chapters = sorted((notebooks.ROOT / "chapters").glob("*.ipynb"))
    for path in chapters:
        spent, peak = chapter_costs(path)
        rows.append([f"running `{path.stem}`", f"{spent:.0f} s, {peak:.0f} MiB", "60 s, 2048 MiB"])
    executable = browser.find_chromium()
    if executable is None:
        print("no Chromium found: the pages are not measured", file=sys.stderr)
    else:
        with serving(BOOK) as url, browser.launch(executable) as chromium:
            for path in chapters:
                weight, ready, answer = page_costs(chromium, f"{url}chapters/{path.stem}.html")
                rows.append([f"page `{path.stem}`", f"{weight:.1f} MB", "2.5 MB"])
                rows.append([f"its demo answers after {ready:.1f} s", f"{answer:.1f} ms", "16 ms"])
    timing.report("book", "The book itself", ["", "measured", "at most"], rows)


if __name__ == "__main__":
    main()
