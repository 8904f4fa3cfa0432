"""What the book asks of Sphinx beyond Jupyter Book.

MathJax from a package instead of a CDN, quizzes that wait for it, lighter pictures, no unused
scripts, and docstrings read as prose.
"""

import hashlib
import importlib.util
import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from PIL import Image

# A figure as myst-nb writes it, with its size in pixels.
FIGURE = re.compile(r'(<img [^>]*)style="width: (\d+)px; height: (\d+)px;"')

# A formula in a line, with the signs that touch it.
FORMULA = re.compile(
    r"([(\[“‘]*)"
    r'(<span class="math notranslate nohighlight">[^<]*</span>)'
    r"(’s\b|[,.;:!?)\]’”]*)"
)

# What `mathjax3_config: loader:` in _config.yml loads, and what that loads in turn when a formula
# needs it; the rest of the package (speech, menus, other inputs and outputs: 20 MB) stays behind.
MATHJAX_FILES = (
    "startup.js",
    "core.js",
    "input/tex.js",
    "input/tex/extensions",
    "output/chtml.js",
    "output/chtml/fonts",
    "a11y/assistive-mml.js",
)


def copy_mathjax(app, error):
    """Copy the MathJax of the package sphinx-mathjax-offline beside the pages."""
    if error or app.builder.format != "html":
        return
    package = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent
    target = Path(app.outdir, "_static", "mathjax")
    for name in MATHJAX_FILES:
        source, copy = package / "static" / "mathjax" / name, target / name
        if copy.exists():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copyfile(source, copy)


def quizzes_wait(app, doctree):
    """Let a quiz leave MathJax alone until it has loaded.

    jupyterquiz else fetches a second MathJax from a CDN. It loses nothing: the page's own MathJax
    sets the formulas of every quiz (`processHtmlClass` in _config.yml).
    """
    for node in doctree.findall(nodes.raw):
        text = node.astext()
        if "MathJax.version" in text:
            ready = "window.MathJax && MathJax.typeset"
            text = re.sub(r"typeof MathJax !==? 'undefined'", ready, text)
            node.children = [nodes.Text(re.sub(r"\n[ \t]+", "\n", text))]  # 10 KB of indentation
            node.rawsource = ""


def mark_quoted(app, doctree):
    """Give a cell that shows the library's own source the class `quoted`."""
    for cell in doctree.findall(nodes.container):
        if cell.get("cell_metadata", {}).get("twice", {}).get("quote"):
            cell["classes"].append("quoted")


def show_plain_solutions(app, doctree):
    """Leave otter's marks (# SOLUTION and its like) out of the solutions' pages."""
    if not app.env.docname.startswith("solutions/"):
        return
    for block in doctree.findall(nodes.literal_block):
        text = re.sub(r"^ *# (BEGIN|END) SOLUTION.*\n?", "", block.astext(), flags=re.MULTILINE)
        text = re.sub(r" *# (SOLUTION|(BEGIN|END) PROMPT)$", "", text, flags=re.MULTILINE)
        block.children = [nodes.Text(text)]
        block.rawsource = text


def lighten_pictures(app, error):
    """Store figures with 64 colors each: no visible change, a third of the bytes."""
    if error or app.builder.format != "html":
        return
    for path in Path(app.outdir, "_images").glob("*.png"):
        with Image.open(path) as picture:
            if picture.mode in ("RGB", "RGBA"):
                flat = Image.new("RGBA", picture.size, "white")
                flat.alpha_composite(picture.convert("RGBA"))
                small = flat.convert("RGB").quantize(64, dither=Image.Dither.NONE)
                small.save(path, optimize=True)


def leave_search_to_its_page(app, error):
    """Take the search engine and its index of the whole book (200 KB, growing) off other pages.

    The theme puts them on each page for a search as you type, which this book leaves off.
    """
    if error or app.builder.format != "html":
        return
    names = r"_static/searchtools|_static/language_data|searchindex"
    tools = re.compile(rf'\s*<script src="[^"]*(?:{names})\.js"></script>')
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if path.name != "search.html" and tools.search(text):
            path.write_text(tools.sub("", text), encoding="utf-8")


STATE = re.compile(
    r'(<script type="application/vnd.jupyter.widget-state\+json">)(.*?)(</script>)', re.S
)

COMMENT = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n", re.M | re.S)  # on lines of its own
INDENTED = re.compile(r"^[ \t]+", re.M)


def without_comments(code):
    """JavaScript or CSS without the doc comments that stand on lines of their own, unindented."""
    return INDENTED.sub("", COMMENT.sub("", code))


def lighten_demos(app, error):
    """Leave the comments and the indentation of the demos' scripts in the repository."""
    if error or app.builder.format != "html":
        return

    def lighter(match):
        state = json.loads(match[2])
        for model in state["state"].values():
            for part in {"_esm", "_css"} & model["state"].keys():
                model["state"][part] = without_comments(model["state"][part])
        text = json.dumps(state, ensure_ascii=False, separators=(",", ":"))
        return match[1] + text.replace("</", "<\\/") + match[3]

    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        if STATE.search(text):
            path.write_text(STATE.sub(lighter, text), encoding="utf-8")


PLAIN = re.compile(r'<span class="[npw]">([^<]*)</span>')


def without_plain_spans(body):
    """Code without the marks of names, punctuation and blanks: both themes of _config.yml give
    them the color of the block itself, and they are a sixth of a chapter's bytes.
    """
    return PLAIN.sub(r"\1", body)


def hold_punctuation(body):
    """Keep a formula on one line with the signs that touch it: MathJax's box else lets the line
    end between "z = 8" and its comma.
    """
    return FORMULA.sub(lambda m: f'<span class="held">{m[0]}</span>' if m[1] + m[3] else m[0], body)


def tidy_page(app, page, template, context, doctree):
    """Mend a wrong ARIA role; load figures when they come near, their place kept free; hold
    punctuation at its formula; leave out Thebe's scripts unless its launch button is on.
    """
    if "body" in context:
        body = context["body"].replace('<div role="list" class="citation-list">', "<div>")
        body = FIGURE.sub(
            r'\1loading="lazy" style="width: \2px; height: \3px; aspect-ratio: \2 / \3"', body
        )
        context["body"] = hold_punctuation(without_plain_spans(body))
    buttons = app.config.html_theme_options.get("launch_buttons") or {}
    if not buttons.get("thebe"):
        for kind in ("script_files", "css_files"):
            context[kind] = [
                file for file in context[kind] if "thebe" not in f"{file} {file.attributes}"
            ]


def prose(lines):
    """Turn a docstring written as plain text into reStructuredText, in place.

    The library's docstrings are for `help()`: words, `code`, formulas with * and _. Code becomes
    literal text, an indented block stays as it is, every other sign means itself.
    """
    result, block = [], False
    for line in lines:
        indented = line.startswith(("    ", "\t"))
        if indented and not block:
            while result and not result[-1]:
                result.pop()
            result += ["", "::", ""]
        elif block and line and not indented:
            result.append("")
        if line:
            block = indented
        parts = line.split("`") if not indented else [line]
        if len(parts) % 2 == 0:  # an apostrophe written as a backtick: no code on this line
            parts = ["'".join(parts)]
        text = "".join(
            f"``{part}``" if i % 2 else part if indented else re.sub(r"([\\*_|])", r"\\\1", part)
            for i, part in enumerate(parts)
            if part
        )
        result.append(re.sub(r"``(?=[\w])(?<=\w``)", r"``\\ ", text))
    lines[:] = result


def static_fingerprint():
    """A hash of the styles, scripts and this file: Sphinx else overlooks that they changed."""
    here = Path(__file__).resolve().parent
    sources = sorted(p for p in here.parent.joinpath("_static").rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for path in (Path(__file__), *sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def setup(app):
    app.add_config_value("twice_static", static_fingerprint(), "env")
    app.config.nitpick_ignore_regex = [(r"py:.*", r"(?!twice).*")]  # NumPy has no page here
    app.connect("autodoc-process-docstring", lambda app, *args: prose(args[-1]))
    app.connect("html-page-context", tidy_page, priority=900)
    app.connect("doctree-read", mark_quoted)
    app.connect("doctree-read", show_plain_solutions)
    app.connect("doctree-read", quizzes_wait)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", lighten_pictures)
    app.connect("build-finished", leave_search_to_its_page)
    app.connect("build-finished", lighten_demos)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
