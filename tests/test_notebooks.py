"""What every chapter promises: executed, quoted, short cells, described figures."""

import ast
import json
import re

import pytest

from tools import execute, notebooks, quote
from twice import cli, widgets

CHAPTERS = sorted((notebooks.ROOT / "chapters").glob("*.ipynb"))
SOLUTIONS = sorted((notebooks.ROOT / "solutions").glob("*.ipynb"))
EXERCISES = sorted((notebooks.ROOT / "exercises").glob("*.ipynb"))
SLUGS = [slug for _, slug in cli.chapters(notebooks.ROOT)]
STANDARD = ("collections", "contextlib", "copy", "dataclasses", "functools")
STANDARD += ("itertools", "math", "typing")
FILES = ("glob", "io", "json", "pathlib", "zipfile")  # a checkpoint is a file
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)


def code(notebook):
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def prose(notebook):
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def test_every_chapter_has_its_exercises_and_solutions_and_its_place():
    assert [p.stem for p in CHAPTERS] == sorted(SLUGS)
    for paths in (SOLUTIONS, EXERCISES):
        assert [p.stem for p in paths] == [p.stem for p in CHAPTERS]


@pytest.mark.parametrize("path", CHAPTERS + SOLUTIONS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_executed_after_the_last_edit_without_errors_or_warnings(path):
    assert execute.check(path) == []


def test_quoted_cells_are_the_library():
    assert quote.main(["--check"]) == 0


@each_chapter
def test_cells_are_short(path):
    for cell in code(notebooks.read(path)):
        quoted = "quote" in cell.metadata.get("twice", {})
        lines = cell.source.splitlines()
        assert len(lines) <= (40 if quoted else 15), cell.source
        widest = max(map(len, lines))
        assert widest <= (100 if quoted else 88), cell.source


@each_chapter
def test_length_is_that_of_a_chapter(path):
    notebook = notebooks.read(path)
    words = len(prose(notebook).split())
    assert 2000 <= words <= 4000, words
    assert 25 <= len(code(notebook)) <= 45


@each_chapter
def test_few_outputs_are_not_compared_and_each_says_why(path):
    cells = code(notebooks.read(path))
    ignored = [c for c in cells if notebooks.IGNORE in notebooks.tags(c)]
    assert len(ignored) <= len(cells) / 4
    for cell in ignored:
        assert "#" in cell.source, f"no comment says why its output varies:\n{cell.source}"


@each_chapter
def test_figures_have_a_description_a_number_and_an_end(path):
    for cell in code(notebooks.read(path)):
        data = [o.get("data", {}) for o in cell.outputs]
        if not any("image/png" in d and notebooks.VIEW not in d for d in data):
            continue
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt) >= 40, f"a figure without a description:\n{cell.source}"
        assert "plt.show()" in cell.source
        printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
        assert re.search(r"\d", printed), f"a figure without a number beside it:\n{cell.source}"
        axes = r"xlabel=|set_xlabel|xticks=\[\]|plots\.(classes|contours|diagram)\("
        assert re.search(axes, cell.source), f"axes without labels:\n{cell.source}"


DEMOS = [getattr(widgets, name) for name in widgets.__all__]


@each_chapter
def test_demos_store_their_state_for_the_static_page(path):
    notebook = notebooks.read(path)
    state = notebook.metadata.get("widgets", {}).get(notebooks.STATE, {}).get("state", {})
    shown = [
        output.data[notebooks.VIEW]["model_id"]
        for cell in code(notebook)
        for output in cell.outputs
        if notebooks.VIEW in output.get("data", {})
    ]
    assert shown, "a chapter has at least one live demo"
    for model in shown:
        stored = state[model]["state"]
        assert "export default" in stored["_esm"]
        made = (stored["_esm"], stored["_css"])
        now = [(str(demo._esm), str(demo._css)) for demo in DEMOS]
        assert made in now, "stores an older demo: execute the chapter again"


@each_chapter
def test_the_rhythm_of_a_chapter(path):
    text = prose(notebooks.read(path))
    headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    assert text.startswith("# ")
    for needed in ("Again in Keras", "Folklore, tested", "Quiz", "Summary", "Exercises"):
        assert needed in headings
    for needed in ("**You will build**", "**You need**", "**Time**", "Further reading"):
        assert needed in text
    assert headings[1].startswith("The puzzle")
    assert 2 <= text.count(":class: predict") <= 4
    summary = text.split("## Summary")[1].split("## ")[0]
    assert len(re.findall(r"^- ", summary, re.M)) == 5
    assert f"<../exercises/{path.stem}>" in text
    assert f"<../solutions/{path.stem}>" in text


@each_chapter
def test_parity_is_shown_and_gradients_are_checked(path):
    notebook = notebooks.read(path)
    printed = "".join(o.text for c in code(notebook) for o in c.outputs if "text" in o)
    assert "largest difference" in printed
    assert "TOO LARGE" not in printed
    source = "\n".join(c.source for c in code(notebook))
    assert "< 1e-8" in source
    assert re.search(r"numerical|gradcheck", source)


@each_chapter
def test_a_chapter_uses_only_itself_and_earlier_chapters(path):
    later = later_modules(path.stem)
    for cell in code(notebooks.read(path)):
        modules = set(imported(ast.parse(cell.source)))
        assert not modules & later
        assert "tensorflow" not in {name.split(".")[0] for name in modules}


def imported(tree):
    """Every module that a syntax tree imports, and every `module.name` that it imports from one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# A module of the library that is not a chapter's own belongs to the chapter that explains it.
HOMES = {
    "surfaces": "gradient_descent",
    "hinge": "losses",
    "metrics": "losses",
    "mixture": "losses",
    "preprocessing": "losses",
    "gradcheck": "backpropagation",
    "training": "backpropagation",
    "weights": "backpropagation",
    "autodiff": "backpropagation",
    "tensor": "backpropagation",
    "initializers": "activations",
    "normal": "activations",
    "activation_layers": "activations",
    "windows": "convolution",
    "pooling": "convolution",
    "conv_layers": "convolution",
    "lenet": "convolution",
    "costs": "convolution",
    "gates": "deep_cnns",
    "architectures": "deep_cnns",
    "looking": "deep_cnns",
    "steps": "recurrent",
    "clipping": "recurrent",
    "sequences": "recurrent",
    "language": "gated",
    "encoder_decoder": "gated",
    "warps": "regularization",
    "noise": "regularization",
    "shrinkage": "regularization",
    "early_stopping": "regularization",
    "ensembles": "regularization",
    "adversarial": "regularization",
    "sharing": "regularization",
    "augmentation": "regularization",
    "normalized_weights": "normalization",
    "adaptive": "optimizers",
    "landscapes": "optimizers",
    "layerwise": "optimizers",
    "schedules": "optimizers",
    "rates": "optimizers",
    "line_search": "optimizers",
    "directions": "optimizers",
    "second_order": "optimizers",
    "quasi_newton": "optimizers",
    "averaging": "optimizers",
    "accumulation": "optimizers",
    "sanity": "practice",
    "monitors": "practice",
    "diagnosis": "practice",
    "search": "practice",
    "checkpoints": "practice",
    "mixed_precision": "practice",
    "transfer": "transfer_learning",
    "fine_tuning": "transfer_learning",
    "contrastive": "transfer_learning",
    "source": "transfer_learning",
    "few_shot": "transfer_learning",
    "latent": "autoencoders",
    "vae": "autoencoders",
    "boltzmann": "autoencoders",
    "sample_quality": "autoencoders",
    "game_losses": "gans",
    "divergences": "gans",
    "adversaries": "gans",
    "critics": "gans",
}
# May be used before they are explained: a layer has to begin somewhere, a training to move.
FIRST = ("initializers", "adaptive", "optimizers")


def later_modules(slug):
    """The library's modules of chapters that come after this one."""
    later = SLUGS[SLUGS.index(slug) + 1 :] if slug in SLUGS else []
    later += [name for name, home in HOMES.items() if home in later]
    return {f"twice.scratch.{name}" for name in later if name not in FIRST}


SCRATCH = sorted((notebooks.ROOT / "twice" / "scratch").glob("*.py"))


@pytest.mark.parametrize("path", SCRATCH, ids=lambda p: p.stem)
def test_scratch_is_numpy_alone_and_follows_the_order_of_the_book(path):
    text = path.read_text()
    assert path.stem in {"__init__", *SLUGS, *HOMES}, "name its chapter in HOMES"
    modules = set(imported(ast.parse(text)))
    assert {name.split(".")[0] for name in modules} <= {*STANDARD, *FILES, "numpy", "twice"}
    assert not modules & later_modules(HOMES.get(path.stem, path.stem))
    assert len(text.splitlines()) <= 200


@each_chapter
def test_the_quiz_answers_every_wrong_choice(path):
    quiz = json.loads((notebooks.ROOT / "book" / "quizzes" / f"{path.stem}.json").read_text())
    assert 3 <= len(quiz) <= 6
    for question in quiz:
        answers = question["answers"]
        assert any(answer.get("correct") for answer in answers)
        feedback = [answer["feedback"] for answer in answers]
        assert all(len(text) > 20 for text in feedback), question["question"]
        if question["type"] != "numeric":
            wrong = [a["feedback"] for a in answers if not a["correct"]]
            assert len(wrong) >= 1
            assert len(set(wrong)) == len(wrong), "every wrong answer has its own feedback"


@each_chapter
def test_citations_are_plain_text_and_stand_in_the_references(path):
    """JupyterLab knows no bibliography, so chapters write authors and years out."""
    text = prose(notebooks.read(path))
    assert "{cite" not in text
    bib = (notebooks.ROOT / "book" / "references.bib").read_text()
    entries = [
        (
            re.search(r"author\s*=\s*\{(.*)\}", entry)[1],
            re.search(r"year\s*=\s*\{(\d+)\}", entry)[1],
        )
        for entry in re.split(r"^@", bib, flags=re.M)[1:]
    ]
    cited = re.findall(r"^- \[?(\w+).*? \((\d{4})\)", text.split("## Further reading")[1], re.M)
    cited += re.findall(r"\((\w+)(?: and \w+)*, (\d{4})\)", text)
    assert len(cited) >= 5
    for name, year in cited:
        assert any(name in who and year == when for who, when in entries), f"{name} ({year})"
    for doi in re.findall(r"https://doi\.org/([^)\s]+(?:\(\d+\)[^)\s]*)?)", text):
        assert doi in bib, doi


@each_chapter
def test_what_a_cell_shows_is_printed_or_drawn(path):
    """Not the bare value of its last line, which may hold an address of the memory."""
    for cell in code(notebooks.read(path)):
        for output in cell.outputs:
            shown = set(output.get("data", {})) - {"text/plain"}
            bare = output.output_type == "execute_result" and not shown
            assert not bare, f"ends with a value that nobody asked for:\n{cell.source}"


@each_chapter
def test_no_output_names_a_place_or_a_device(path):
    text = path.read_text()
    for private in ("/home/", "/root/", "/Users/", "/tmp/", "GPU:0"):
        assert private not in text
