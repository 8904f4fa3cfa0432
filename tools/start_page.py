"""Write start.md, the page JupyterLab opens on: the chapters and exercises in the book's order."""

import json
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent

HEAD = """# Deep Learning Twice

Every idea twice: from scratch in NumPy, then in Keras. Click a chapter, run it cell by cell with
**Shift + Enter**, and change things. The exercises are yours: they live in `work/`, and no update
touches them.
"""

FOOT = """## Good to know

- A cell acts strangely? *Kernel, Restart Kernel and Run All Cells* brings everything back.
- A chapter is changed beyond repair? `git checkout chapters` in a terminal restores them all.
- `make grade` in a terminal grades everything in `work/` and shows how far you are.
- [How to read this book](book/how_to_read.md) · [Notation and glossary](book/notation.md)
"""


def title(path):
    """The first heading of a notebook, without its mark; its name where it has none."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    return next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)


def pages(toc):
    """(part, folder, slug) of every notebook page, in the order of the book."""
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            for page in (chapter, *chapter.get("sections", [])):
                folder, _, slug = page["file"].rpartition("/")
                yield part["caption"], folder, slug


def start_page(root):
    """The text of start.md: one table a part; a link only where there is something to open."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts, number = {}, 0
    listed = {(folder, slug) for _, folder, slug in pages(toc)}
    for part, folder, slug in pages(toc):
        if folder != "chapters":
            continue
        number += 1
        links = [f"[{title(root / 'chapters' / f'{slug}.ipynb')}](chapters/{slug}.ipynb)"]
        for own, text in (("work", "your exercises"), ("solutions", "solutions")):
            there = (root / own / f"{slug}.ipynb").exists()
            known = own == "work" or (own, slug) in listed
            links.append(f"[{text}]({own}/{slug}.ipynb)" if there and known else "")
        parts.setdefault(part, []).append(f"| {number} | " + " | ".join(links) + " |")
    body = [HEAD]
    for part, rows in parts.items():
        head = f"## {part}\n\n|   | chapter | practice | afterwards |\n| --- | --- | --- | --- |"
        body.append("\n".join([head, *rows]) + "\n")
    return "\n".join([*body, FOOT])


def main():
    (ROOT / "start.md").write_text(start_page(ROOT), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
