"""The built book, as a reader meets it: links, pictures, demos, quizzes, access, weight."""

import importlib.util
import json
import re
from collections import defaultdict
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from bench import contrast

from twice import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["book/index", *(page for _, page in cli.pages(ROOT))]
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
VIEW = "application/vnd.jupyter.widget-view+json"
MEGABYTE = 1e6

pytestmark = pytest.mark.browser
every_page = pytest.mark.parametrize("name", PAGES)
every_chapter = pytest.mark.parametrize("name", CHAPTERS)
both_themes = pytest.mark.parametrize("theme", ["light", "dark"])


class Page(HTMLParser):
    """The ids, links and article images of one HTML file."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.images, self.in_article = set(), [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        self.in_article += tag == "article"
        for key in ("href", "src"):
            if attributes.get(key):
                self.links.append(attributes[key])
        if tag == "img" and self.in_article:
            self.images.append(attributes)

    def handle_endtag(self, tag):
        self.in_article -= tag == "article"


@cache
def parse(path):
    return Page(path.read_text(encoding="utf-8"))


def notebook(name):
    return json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))


def demos(name):
    """How many demos the notebook shows."""
    outputs = [o for c in notebook(name)["cells"] for o in c.get("outputs", [])]
    return sum(VIEW in output.get("data", {}) for output in outputs)


@every_chapter
def test_terms_are_in_the_glossary(name):
    """Bold marks a term where it is defined; a bold sentence or a table's label is none."""
    glossary = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
    known = {term.lower() for term in re.findall(r"^(\w.*)\n: ", glossary, re.MULTILINE)}
    prose = "\n".join(
        "".join(cell["source"])
        for cell in notebook(name)["cells"]
        if cell["cell_type"] == "markdown"
    )
    bold = re.findall(r"\*\*([^*\n]+)\*\*", prose)
    terms = {b for b in bold if not b.endswith(".")} - {"You will build", "You need", "Time"}
    missing = {term for term in terms if not {term.lower(), term.lower().rstrip("s")} & known}
    assert terms
    assert not missing, missing


def test_no_link_is_broken(book):
    broken, seen = defaultdict(list), 0
    for path in sorted(book.folder.rglob("*.html")):
        if "_static" in path.parts:
            continue
        here = "file:/" + path.relative_to(book.folder).as_posix()
        for link in parse(path).links:
            if link.startswith(("http:", "https:", "mailto:", "data:", "javascript:")):
                continue
            seen += 1
            address, anchor = urldefrag(urljoin(here, link))
            target = book.folder / unquote(address.removeprefix("file:/").lstrip("/").split("?")[0])
            target = target / "index.html" if target.is_dir() else target
            anchored = anchor and target.suffix == ".html"
            if not target.exists() or (anchored and unquote(anchor) not in parse(target).ids):
                broken[str(path.relative_to(book.folder))].append(link)
    assert not broken, dict(broken)
    assert seen > 100  # the walk found the pages


def test_solutions_show_no_marks_of_the_tool_that_makes_the_exercises(book):
    paths = sorted((book.folder / "solutions").glob("*.html"))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert not re.search("PROMPT|(BEGIN|END) (SOLUTION|QUESTION|TESTS)", text), path.name


@every_chapter
def test_every_figure_is_described(book, name):
    images = parse(book.folder / f"{name}.html").images
    poor = [image for image in images if len(image.get("alt") or "") < 20]
    unset = [image for image in images if "_images/" in (image.get("alt") or "")]
    assert images, "a chapter without a figure"
    assert not poor + unset, [image.get("src") for image in poor + unset]


@pytest.fixture
def extension():
    path = ROOT / "book" / "_ext" / "twice_book.py"
    spec = importlib.util.spec_from_file_location("twice_book", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_demo_goes_to_the_page_without_its_comments(extension):
    code = """/** One line. */
let a = 1;
  /** Two
   *  lines. */
  let b = "/** kept */";
/** In front of code. */ let c = 3;
let d = 4; /** behind code */
"""
    left = """let a = 1;
let b = "/** kept */";
/** In front of code. */ let c = 3;
let d = 4; /** behind code */
"""
    assert extension.without_comments(code) == left


def test_code_goes_to_the_page_without_marks_that_color_nothing(extension, book):
    marked = (("n", "x"), ("w", " "), ("o", "="), ("p", "("))
    code = "".join(f'<span class="{mark}">{text}</span>' for mark, text in marked)
    assert extension.without_plain_spans(code) == 'x <span class="o">=</span>('
    style = (book.folder / "_static" / "pygments.css").read_text("utf-8")
    for theme in ("light", "dark"):
        block = re.search(rf'"{theme}"\] \.highlight {{[^}}]* color: (#\w+)', style)[1]
        for mark in "npw":
            own = re.search(rf'"{theme}"\] \.highlight \.{mark} {{ color: (#\w+) }}', style)[1]
            assert own == block, f"{theme}: .{mark} has a color of its own"


def test_a_formula_holds_the_punctuation_that_touches_it(extension):
    formula = r'<span class="math notranslate nohighlight">\(z &lt; 8\)</span>'
    held = extension.hold_punctuation
    assert held(f"so {formula}, and") == f'so <span class="held">{formula},</span> and'
    assert held(f"({formula}).") == f'<span class="held">({formula}).</span>'
    assert held(f"{formula}’s") == f'<span class="held">{formula}’s</span>'
    assert held(f"so {formula} and, too") == f"so {formula} and, too"
    block = '<div class="math notranslate nohighlight">\\[z\\]</div>, and'
    assert held(block) == block


def test_no_line_ends_between_a_formula_and_its_comma(book, open_page):
    """At every width of a narrow column."""
    page = open_page(f"{book.url}chapters/perceptron.html", width=700)
    page.wait_for_selector(".held mjx-container")
    torn = page.evaluate(
        """() => {
            const article = document.querySelector(".bd-article");
            let torn = 0;
            for (let width = 260; width < 620; width += 12) {
                article.style.width = `${width}px`;
                for (const span of document.querySelectorAll(".held")) {
                    const [box, last] = [document.createRange(), span.lastChild];
                    if (last.nodeType !== Node.TEXT_NODE) continue;
                    box.selectNodeContents(last);
                    const formula = span.querySelector("mjx-container")?.getBoundingClientRect();
                    if (!formula?.width) continue;
                    torn += box.getBoundingClientRect().left < formula.left;
                }
            }
            return torn;
        }"""
    )
    assert page.locator(".held").count() > 10
    assert torn == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_answered_number_can_be_read(browser, theme):
    page = browser.new_page()
    quiz = """<html data-theme="THEME"><style>
        .correctButton { background: var(--jq-correct-color); color: var(--jq-text-color); }
        .incorrectButton { background: var(--jq-incorrect-color); color: var(--jq-text-color); }
        </style><div class="bd-article"><div class="Quiz">
        <input class="Input-text correctButton"><input class="Input-text incorrectButton">
        </div></div>"""
    page.set_content(quiz.replace("THEME", theme))
    page.add_style_tag(path=ROOT / "book" / "_static" / "custom.css")
    for field in page.locator("input").all():
        style = "(n) => { const s = getComputedStyle(n); return [s.color, s.backgroundColor]; }"
        digits = [re.findall(r"\d+", color)[:3] for color in field.evaluate(style)]
        text, ground = ("#" + "".join(f"{int(v):02x}" for v in three) for three in digits)
        assert contrast(text, ground) >= 4.5
    page.close()


@every_page
def test_page_opens(book, open_page, name):
    page = open_page(f"{book.url}{name}.html")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(700)  # a quiz looks for MathJax half a second after it starts
    assert page.locator("article h1").count() == 1
    assert page.complaints == []
    assert page.locator("[data-mjx-error]").count() == 0, "a formula MathJax cannot read"
    sizes = page.evaluate("performance.getEntries().map(e => [e.transferSize || 0, e.name])")
    weight = sum(size for size, _ in sizes)
    assert weight < 2.5 * MEGABYTE, sorted(sizes, reverse=True)[:8]
    interactive = "performance.getEntriesByType('navigation')[0].domInteractive"
    timings = [page.evaluate(interactive)]
    while timings[-1] >= 3000 and len(timings) < 3:  # the other worker may have had both cores
        page.reload(wait_until="load")
        timings.append(page.evaluate(interactive))
    assert min(timings) < 3000, f"interactive after {timings} ms"


@every_page
def test_page_fits_a_phone(book, open_page, name):
    page = open_page(f"{book.url}{name}.html", width=375, height=812)
    page.wait_for_load_state("networkidle")
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{wide} px wider than the screen"


# Of the thousands of words of code on a page, axe looks at one of each color and place. What is
# folded is opened: axe does not see what a reader does not.
ONE_OF_EACH = """() => {
    const seen = new Set();
    for (const folded of document.querySelectorAll("article details")) folded.open = true;
    for (const word of document.querySelectorAll("article .highlight span:not(:has(*))")) {
        const block = word.closest("[class*=highlight-]");
        const cell = word.closest(".cell_input, .cell_output");
        const kind = [word.className, block?.className, cell?.className].join();
        if (seen.has(kind)) word.remove();
        seen.add(kind);
    }
}"""


@both_themes
@every_page
def test_page_is_accessible(book, open_page, name, theme):
    page = open_page(f"{book.url}{name}.html", theme=theme)
    page.wait_for_load_state("networkidle")
    assert page.locator("html").get_attribute("data-theme") == theme
    for question in page.locator(".Quiz").all():  # what it answers must be readable, too
        for answer in question.locator(".MCButton").all()[:1]:
            answer.click()
    page.evaluate(ONE_OF_EACH)
    page.wait_for_timeout(900)  # what is opened fades in, and the buttons change color slowly
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    result = page.evaluate("axe.run('article', {resultTypes: ['violations']})")
    grave = [
        (found["id"], node["target"], node["any"][0]["message"] if node["any"] else node["html"])
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]
    assert not grave, "\n".join(map(str, grave[:10]))


def test_the_search_field_of_a_chapter_finds_chapters(book, open_page):
    page = open_page(f"{book.url}chapters/perceptron.html")
    assert page.locator("script[src*=searchindex]").count() == 0, "the index weighs on every page"
    page.keyboard.press("Control+K")
    page.keyboard.type("convolution")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=convolution*")
    # The results come one by one: wait for the one that must be among them.
    page.wait_for_selector("#search-results li a[href*='chapters/convolution.html']")
    assert page.complaints == []


# What a demo shows: its drawings, and its words without the sliders' own readings.
SHOWN = """demo => [...demo.querySelectorAll('canvas, svg')].map(
    drawing => drawing.tagName === 'CANVAS' ? drawing.toDataURL() : drawing.outerHTML
).concat([...demo.querySelectorAll('p, div')].filter(
    box => !box.querySelector('input') && !box.closest('label')
).map(box => box.textContent)).join()"""


def shown(page, demo):
    """What the demo shows now; one that waits to be stepped takes its first step first."""
    for name in ("Weights to zero", "Next update"):
        button = demo.get_by_role("button", name=name, exact=True)
        if button.count():
            button.click()
    page.wait_for_timeout(100)
    return demo.evaluate(SHOWN)


def shown_anew(page, demo, before):
    """What the demo shows once it shows something else: one that trains first has 3 seconds."""
    for _ in range(30):
        now = shown(page, demo)
        if now != before:
            break
    return now


@every_chapter
def test_demos_answer_to_the_keyboard_and_the_mouse(book, open_page, name):
    page = open_page(f"{book.url}{name}.html")
    page.wait_for_function("!document.querySelector('.demo:not([data-ready])')")
    found = page.locator(".demo[data-ready]")
    assert found.count() == demos(name) >= 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids), [i for i in set(ids) if ids.count(i) > 1]
    for demo in found.all():
        demo.scroll_into_view_if_needed()
        # a brush (data-tool) changes what you draw next, not what is drawn
        slider = demo.locator("input[type=range]:not([data-tool]):visible").first
        assert slider.evaluate("s => s.labels.length > 0 || s.hasAttribute('aria-label')")
        before, value = shown(page, demo), slider.input_value()
        slider.focus()
        key = "ArrowLeft" if slider.evaluate("s => s.value === s.max") else "ArrowRight"
        for _ in range(5):
            page.keyboard.press(key)
        assert slider.input_value() != value
        moved = shown_anew(page, demo, before)
        assert moved != before, "the slider moves, the figure stays"
        box = slider.bounding_box()
        low, high, value = slider.evaluate("s => [s.min, s.max, s.value].map(Number)")
        far = 0.15 if value > (low + high) / 2 else 0.85  # away from the thumb
        page.mouse.click(box["x"] + box["width"] * far, box["y"] + box["height"] / 2)
        assert shown_anew(page, demo, moved) != moved, "the figure does not answer to the mouse"
    assert page.complaints == []


@every_chapter
def test_quiz_answers_to_a_click(book, open_page, name):
    page = open_page(f"{book.url}{name}.html")
    questions = page.locator(".Quiz:has(.MCButton)")
    assert questions.count() >= 2
    for question in questions.all():
        told = set()
        for answer in question.locator(".MCButton").all():
            answer.click()
            told.add(question.locator(".Feedback").inner_text().strip())
        assert "" not in told, "an answer without feedback"
        assert len(told) >= 2, "right and wrong get the same feedback"
    assert page.complaints == []
