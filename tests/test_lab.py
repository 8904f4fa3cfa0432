"""JupyterLab end to end, as `make lab` opens it, on a copy of the clone's notebooks."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from playwright.sync_api import expect

from tools import start_page
from twice import widgets

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = "chapters/perceptron.ipynb"
EXERCISE = "exercises/perceptron.ipynb"
MINUTE = 60_000
BAD_OUTPUT = "application/vnd.jupyter.error", "application/vnd.jupyter.stderr"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def clear(path):
    """Take a notebook's outputs away: what is seen later was computed later."""
    notebook = json.loads(path.read_text("utf-8"))
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    path.write_text(json.dumps(notebook), "utf-8")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the notebooks, with settings of its own: `.folder` and `.url`."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("chapters", "solutions", "book"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "exercises", folder / "work")
    clear(folder / CHAPTER)
    shutil.copy(ROOT / "_toc.yml", folder)
    (folder / "start.md").write_text(start_page.start_page(folder), encoding="utf-8")

    environment = dict(os.environ)
    for kind in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        environment["JUPYTER_" + kind] = str(folder / ".jupyter" / kind)
    for kind in ("SETTINGS_DIR", "WORKSPACES_DIR"):
        environment["JUPYTERLAB_" + kind] = str(folder / ".jupyter" / kind)
    log = (folder / "lab.log").open("w+", encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    command += ["--ServerApp.ip=127.0.0.1", f"--LabApp.app_settings_dir={ROOT}/tools/lab"]
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    url = None
    for _ in range(240):
        found = re.search(r"http://127\.0\.0\.1:\d+/", (folder / "lab.log").read_text("utf-8"))
        if found or server.poll() is not None:
            url = found and found.group()
            break
        time.sleep(0.25)
    if not url:
        server.kill()
        pytest.fail("JupyterLab did not start:\n" + (folder / "lab.log").read_text("utf-8")[-2000:])
    yield SimpleNamespace(folder=folder, url=url)
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    log.close()


def open_notebook(lab, open_page, path):
    """A page with the notebook at `path` open and its kernel idle."""
    page = open_page(f"{lab.url}lab/tree/{path}?reset", height=1400)
    page.set_default_timeout(MINUTE)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=2 * MINUTE)
    page.locator("#jp-bottom-panel").get_by_text("| Idle").wait_for(timeout=MINUTE)
    return page


def run_cell(page, number):
    """Run one cell and wait for its new prompt."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(number)
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.text_content()
    for _ in range(10):  # a request that leaves before the kernel is connected is lost
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
        if prompt.text_content() != before:
            break
    for _ in range(120):
        if re.search(r"\[\d+\]", prompt.text_content()) and prompt.text_content() != before:
            return cell
        page.wait_for_timeout(500)
    pytest.fail(f"cell {number} did not finish: {prompt.text_content()}")


def test_start_page_is_rendered_and_leads_to_a_chapter(lab, open_page):
    page = open_page(f"{lab.url}lab/workspaces/twice/tree/start.md")
    page.set_default_timeout(MINUTE)
    preview = page.locator(".jp-MarkdownViewer")
    preview.locator("table").first.wait_for()
    assert preview.locator("h1").inner_text().startswith("Deep Learning Twice")
    links = preview.locator("td a").all_inner_texts()
    assert links.count("your exercises") == len(list((lab.folder / "work").glob("*.ipynb")))
    preview.locator("td a").first.click()
    page.locator(".jp-Notebook h1").first.wait_for()
    assert "perceptron" in page.locator(".jp-Notebook h1").first.inner_text()


def test_chapter_runs_and_its_demo_answers(lab, open_page):
    page = open_notebook(lab, open_page, CHAPTER)
    # What MyST adds: an admonition and its folded answer, drawn rather than spelled out.
    page.locator(".jp-Notebook aside.admonition, .jp-Notebook .myst-admonition").first.wait_for()
    assert ":::{admonition}" not in page.locator(".jp-Notebook").inner_text()

    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    notebook = json.loads((lab.folder / CHAPTER).read_text("utf-8"))
    code = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    page.wait_for_function(
        """code => {
            const cells = document.querySelectorAll(".jp-Notebook .jp-CodeCell");
            const prompts = [...cells].map(cell => cell.querySelector(".jp-InputPrompt"));
            const numbers = prompts.map(prompt => parseInt(prompt.textContent.slice(1)));
            return numbers.filter(Boolean).length === code && Math.max(...numbers) === code
                && !prompts.some(prompt => prompt.textContent.includes("*"));
        }""",
        arg=code,
        timeout=4 * MINUTE,
    )
    for kind in BAD_OUTPUT:
        assert page.locator(f".jp-Notebook [data-mime-type='{kind}']").count() == 0

    demo = page.locator(".jp-Notebook .jp-OutputArea-output:has(input[type=range])").first
    slider = demo.locator("input[type=range]").first
    slider.scroll_into_view_if_needed()
    value = slider.input_value()
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() != value
    page.wait_for_timeout(300)
    for kind in BAD_OUTPUT:
        assert page.locator(f".jp-Notebook [data-mime-type='{kind}']").count() == 0


DEMO = """from twice.widgets import {name}
demo = {name}()
before = demo.get_state()
demo"""
CHANGED = 'print("changed:", *sorted(k for k in before if before[k] != demo.get_state()[k]))'


@pytest.mark.parametrize("name", widgets.__all__)
def test_every_demo_is_drawn_and_tells_its_kernel(lab, open_page, name):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in (DEMO.format(name=name), CHANGED)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, lab.folder / f"{name}.ipynb")
    page = open_notebook(lab, open_page, f"{name}.ipynb")
    demo = run_cell(page, 0).locator(".jp-OutputArea-output").first
    slider = demo.locator("input[type=range]:visible").first
    slider.wait_for()
    at_its_start = slider.input_value() == slider.get_attribute("min")
    slider.press("End" if at_its_start else "Home")
    page.wait_for_timeout(500)
    said = run_cell(page, 1).locator(".jp-OutputArea").inner_text()
    assert re.search(r"changed: \w+", said), said
    for kind in BAD_OUTPUT:
        assert page.locator(f".jp-Notebook [data-mime-type='{kind}']").count() == 0


def first_answer(slug):
    """The solution of the first question, as a student would type it."""
    cells = json.loads((ROOT / "solutions" / f"{slug}.ipynb").read_text("utf-8"))["cells"]
    text = ["".join(cell["source"]) for cell in cells]
    start = next(i for i, cell in enumerate(text) if cell.startswith("# BEGIN SOLUTION"))
    return text[start + 1].replace("  # SOLUTION", "")


def test_exercise_is_graded_red_then_green(lab, open_page):
    path = EXERCISE.replace("exercises/", "work/")
    cells = json.loads((lab.folder / path).read_text("utf-8"))["cells"]
    code = [i for i, cell in enumerate(cells) if cell["cell_type"] == "code"]
    check = next(i for i in code if 'check("q1")' in "".join(cells[i]["source"]))
    blank = max(i for i in code if i < check)
    assert "..." in "".join(cells[blank]["source"])

    page = open_notebook(lab, open_page, path)
    hint = page.locator(".jp-Notebook details").first
    assert hint.get_attribute("open") is None, "the hint is not folded"
    hint.locator("summary").click()
    expect(hint).to_contain_text(re.compile(".{40}"), use_inner_text=True)
    for number in [i for i in code if i < check]:
        run_cell(page, number)
    red = run_cell(page, check).locator(".jp-OutputArea").inner_text()
    assert "AssertionError" in red
    assert "passed" not in red

    editor = page.locator(".jp-Notebook .jp-Cell").nth(blank).locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    answer = first_answer("perceptron")
    page.evaluate("""([number, text]) => {
        const editors = document.querySelectorAll(".jp-Notebook .jp-Cell");
        editors[number].querySelector(".cm-content").cmView.view.dispatch({
            changes: {from: 0, insert: text}});
    }""", [blank, answer])  # fmt: skip
    page.keyboard.press("Escape")
    run_cell(page, blank)
    green = run_cell(page, check).locator(".jp-OutputArea").inner_text()
    assert "passed" in green
    assert "AssertionError" not in green
