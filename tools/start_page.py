"""Write start.md, the page JupyterLab opens on: the chapters and exercises in the book's order."""

import json
import os
import sys
import tempfile
from pathlib import Path

from twice.cli import chapters, pages

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


def start_page(root):
    """The text of start.md: one table a part; a link only where there is something to open."""
    parts, listed = {}, {page for _, page in pages(root)}
    for number, (part, slug) in enumerate(chapters(root), 1):
        links = [f"[{title(root / 'chapters' / f'{slug}.ipynb')}](chapters/{slug}.ipynb)"]
        for own, text in (("work", "your exercises"), ("solutions", "solutions")):
            there = (root / own / f"{slug}.ipynb").exists()
            known = own == "work" or f"{own}/{slug}" in listed
            links.append(f"[{text}]({own}/{slug}.ipynb)" if there and known else "")
        parts.setdefault(part, []).append(f"| {number} | " + " | ".join(links) + " |")
    body = [HEAD]
    for part, rows in parts.items():
        heading = f"## {part}\n\n" if part else ""  # a part may have no caption
        head = f"{heading}|   | chapter | practice | afterwards |\n| --- | --- | --- | --- |"
        body.append("\n".join([head, *rows]) + "\n")
    return "\n".join([*body, FOOT])


def write(path, text):
    """Replace the file in one step: JupyterLab may be reading it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main():
    write(ROOT / "start.md", start_page(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
