"""Freeze the chapters' prose as a data set: `python -m tools.prose`.

Writes `twice/data/prose.txt` from the markdown cells of the chapters: plain sentences, without
code, formulas, tables, marks and addresses. A sentence that cannot be read without its formula is
left out. The file is frozen on purpose: what a network learned from it shall not change with the
next chapter. So the tool refuses to write where there is a file, unless you say `--force`; then
every result that was trained on the text has to be made again, and the date and the chapters in
`twice/data/prose.py` have to be renewed.
"""

import argparse
import re
import sys
import unicodedata
from collections import Counter

from tools import notebooks
from twice import files

PATH = notebooks.ROOT / "twice" / "data" / "prose.txt"
CHAPTERS = (
    "perceptron",
    "gradient_descent",
    "losses",
    "backpropagation",
    "activations",
    "convolution",
    "deep_cnns",
)
LEFT_OUT = ("Quiz", "Exercises", "Further reading")  # sections that are lists of links
RARE = 20  # a character that occurs less often is no use to a model: its sentences are left out
FEWEST = 4  # words of a paragraph: what is shorter has lost its formula, such as "The kernel."
HOLE = "\0"  # stands where a formula or code was that cannot be read out

# Signs that have a plain reading, and those LaTeX writes as a command.
PLAIN = {"−": "-", "–": "-", "—": "-", "×": "x", "’": "'", "‘": "'", "“": '"', "”": '"', " ": " "}
GREEK = "alpha|beta|gamma|delta|epsilon|eta|theta|lambda|mu|rho|sigma|tau|phi|pi|kappa|omega"
NUMBER = r"-?\d[\d.,]*"
NAME = rf"(?:[A-Za-z]|{GREEK})"
READABLE = re.compile(rf"{NAME}|(?:{NAME} = )?{NUMBER}(?:/\d+)?|{NUMBER}(?: x {NUMBER})+")


def formula(match):
    """A formula as it is read aloud: a letter, a number, one equation; else a hole."""
    text = re.sub(rf"\\({GREEK})(?![A-Za-z])", r"\1", match[1])
    text = re.sub(r"\\(?:mathbf|mathrm|text)\{(\w+)\}", r"\1", text)
    text = text.replace(r"\times", "x").replace("{,}", ",").replace(r"\,", "").replace(r"\%", "%")
    text = re.sub(r"\s*=\s*", " = ", text.strip())
    return text if READABLE.fullmatch(text) else HOLE


def code(match):
    """A name in the text as a word; else a hole."""
    text = match[1].strip()
    return text if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", text) else HOLE


def inline(text):
    """A paragraph of Markdown as plain text, with holes."""
    text = re.sub(r"\{\w+\}`([^`<]*?)\s*(?:<[^`]*>)?`", r"\1", text)  # a role, such as {doc}
    text = re.sub(r"`+([^`]+)`+", code, text)
    text = re.sub(r"(?<!\\)\$([^$]+)\$", formula, text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)  # an image
    text = re.sub(r"\[([^\]]*)\]\((?:[^()]|\([^()]*\))*\)", r"\1", text)  # a link
    text = re.sub(r"<[^<>]+>", "", text)
    text = re.sub(r"\*+", "", text)
    text = "".join(PLAIN.get(c, c) for c in text)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub(r"\s+", " ", text).strip()


def sentences(text):
    """Cut a paragraph behind each sentence; what stands in parentheses stays together."""
    parts, start = [], 0
    for stop in re.finditer(r"[.!?][\")]*(?= [\"(]*[A-Z0-9\0]|$)", text):
        part = text[start : stop.end()]
        if part.count("(") == part.count(")") and part.count('"') % 2 == 0:
            parts.append(part.strip())
            start = stop.end()
    return [*parts, text[start:].strip()] if text[start:].strip() else parts


def good(sentence):
    """Whether a sentence stands on its own: whole, closed, and without a hole."""
    return (
        HOLE not in sentence
        and re.match(r"[\"(]*[A-Z0-9]", sentence)
        and re.search(r"[.!?][\")]*$", sentence)
        and sentence.count("(") == sentence.count(")")
        and sentence.count('"') % 2 == 0
        and not re.search(r"[$`\\{}\[\]|<>_^#]", sentence)
        and re.search(r"[a-z]", sentence)
    )


def blocks(source):
    """The headings and paragraphs of a cell as (kind, text), without what is not prose."""
    source = re.sub(r"\$\$.*?\$\$", "\n\n", source, flags=re.DOTALL)
    source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    source = re.sub(r"^```\w*\n.*?^```$", "\n", source, flags=re.DOTALL | re.MULTILINE)  # code
    lines = []
    for line in source.splitlines():
        line = line.strip()
        if re.match(r"(:::|```|:\w+:|\|)", line):  # a directive, its options, a table
            lines.append("")
        elif item := re.match(r"(?:[-*+]|\d+\.) +(.*)", line):
            lines += ["", item[1]]
        elif re.match(r"#+ ", line):
            lines += ["", line, ""]
        else:
            lines.append(line)
    for block in re.split(r"\n\s*\n", "\n".join(lines)):
        block = block.strip()
        if heading := re.match(r"#+ +(.*)", block):
            yield "heading", inline(heading[1])
        elif block:
            yield "text", inline(block)


def paragraphs(notebook):
    """The prose of a notebook: a list of lists of sentences, headings as lists of one."""
    found, heading, out = [], None, False
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for kind, text in blocks(cell.source):
            if kind == "heading":
                out = text in LEFT_OUT
                heading = None if out or HOLE in text else text
                continue
            kept = [] if out else [s for s in sentences(text) if good(s)]
            if len(" ".join(kept).split()) >= FEWEST:
                found += [[heading], kept] if heading else [kept]
                heading = None  # a heading waits for its first sentence
    return found


def frozen(chapters):
    """The text: a paragraph a line, in an alphabet whose every character is frequent."""
    found = [p for path in chapters for p in paragraphs(notebooks.read(path))]
    while True:
        counts = Counter("\n".join(" ".join(p) for p in found))
        rarest = min(counts, key=lambda c: (counts[c], c))  # one at a time: others go with it
        if counts[rarest] >= RARE:
            return "\n".join(" ".join(p) for p in found) + "\n"
        found = [[s for s in p if rarest not in s] for p in found]
        found = [p for p in found if p]


@notebooks.one_line
def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--force", action="store_true", help="replace the frozen text")
    options = parser.parse_args(arguments)
    if PATH.exists() and not options.force:
        raise ValueError(
            f"{PATH.name} is frozen: results were trained on it. To replace it, say --force."
        )
    text = frozen([notebooks.ROOT / "chapters" / f"{slug}.ipynb" for slug in CHAPTERS])
    files.replace(PATH, text)
    print(f"{PATH.name}: {len(text):,} characters, {len(set(text))} different")
    return 0


if __name__ == "__main__":
    sys.exit(main())
