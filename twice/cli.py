"""The command `twice`: start exercises, see your progress, grade a folder of submissions."""

import argparse
import csv
import difflib
import io
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twice import files

HERE = Path(__file__).resolve().parent.parent


class CommandError(Exception):
    """Something the user can mend; shown as one line, exit status 2."""


def find_root() -> Path:
    """Return the book's folder: the one around the current folder, else the one this file is in."""
    for folder in (Path.cwd(), *Path.cwd().parents, HERE):
        if (folder / "_toc.yml").is_file() and (folder / "exercises").is_dir():
            return folder
    raise CommandError(
        "this is not a clone of the book: no folder here holds _toc.yml and exercises/"
    )


def pages(root: Path) -> list[tuple[str, str]]:
    """Return (part, page) of every page in `_toc.yml`, in its order; no `.ipynb` at the end."""
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = []

    def walk(part, entries):
        for entry in entries or []:
            if "file" in entry:  # else an address or a pattern
                found.append((part, entry["file"].removesuffix(".ipynb")))
            walk(part, entry.get("sections"))

    for part in toc.get("parts", [toc]):
        walk(part.get("caption", ""), part.get("chapters"))
    return found


def chapters(root: Path) -> list[tuple[str, str]]:
    """Return (part, slug) of every chapter, in the order of `_toc.yml`."""
    split = [(part, *page.rpartition("/")[::2]) for part, page in pages(root)]
    return [(part, slug) for part, folder, slug in split if folder == "chapters"]


def in_order(root: Path, folder: str) -> list[str]:
    """Return the slugs of the notebooks in `folder`, in the order of the book."""
    there = {path.stem for path in (root / folder).glob("*.ipynb")}
    order = [slug for _, slug in chapters(root)]
    return [slug for slug in order if slug in there] + sorted(there - set(order))


def pick(slug: str, known: list[str]) -> str:
    """Return `slug` if it is known; else raise with the nearest names."""
    if slug in known:
        return slug
    near = difflib.get_close_matches(slug, known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
    raise CommandError(f"there is no exercise called {slug!r}. {hint}")


def table(header: list[str], rows: list[list]) -> str:
    """Lay out text in columns, numbers to the right."""
    rows = [[f"{v:g}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def write_csv(path: Path, header: list[str], rows: list[list]) -> None:
    """Replace `path` in one step: an interrupt leaves the old file or the whole new one."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    files.replace(path, text.getvalue())


def check_writable(path: Path) -> None:
    """Raise CommandError unless a file can be written to `path`; what is there stays as it is."""
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no file"
        raise CommandError(f"{path} is {what}: name the file that the table is written to.")
    if not path.absolute().parent.is_dir():
        raise CommandError(f"the folder of {path} does not exist.")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}.") from None


def start(root: Path, options) -> int:
    """Copy exercises into work/, where answers are kept; what is there stays as it is."""
    known = in_order(root, "exercises")
    if bool(options.slug) == options.all:
        raise CommandError(f"name one exercise, or say --all. There are: {', '.join(known)}.")
    if options.all:
        slugs = [slug for _, slug in chapters(root) if slug in known]  # what the book shows
    else:
        slugs = [pick(options.slug, known)]
    for slug in slugs:
        target = root / "work" / f"{slug}.ipynb"
        text = (root / "exercises" / f"{slug}.ipynb").read_bytes()
        target.parent.mkdir(exist_ok=True)
        try:
            files.create(target, text)
        except FileExistsError:
            print(f"work/{slug}.ipynb is there already and stays as it is.")
        else:
            print(f"work/{slug}.ipynb is ready: open it with `make lab`.")
    return 0


def grade_all(root: Path, submissions: list[Path], options):
    """Yield (path, slug, Result) for each submission; a broken one gets a Result with an error."""
    from twice import grading

    known, slugs, autograders = in_order(root, "solutions"), {}, {}
    with (
        tempfile.TemporaryDirectory(prefix="twice-") as folder,
        ThreadPoolExecutor(max(1, options.jobs)) as pool,
    ):

        def result(path):
            if isinstance(slugs[path], ValueError):
                return path, "", grading.Result(error=str(slugs[path]))
            slug = slugs[path]
            return path, slug, grading.grade(path, slug, autograders[slug], timeout=options.timeout)

        for path in submissions:
            try:
                slug = slugs[path] = grading.slug_of(path, known)
                if slug not in autograders:
                    master = root / "solutions" / f"{slug}.ipynb"
                    autograders[slug] = grading.assign(master, Path(folder) / slug)[1]
            except ValueError as error:
                slugs[path] = error
        try:
            yield from pool.map(result, submissions)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def progress(root: Path, options) -> int:
    """Grade what lies in work/ and print how far you are, in the order of the book."""
    slugs = in_order(root, "work")
    if not slugs:
        print("Nothing started yet. Begin with `twice start perceptron`.")
        return 0
    paths = [root / "work" / f"{slug}.ipynb" for slug in slugs]
    rows, notes = [], []
    for path, _, result in grade_all(root, paths, options):
        marks = "".join("x" if got == of else "." for got, of, _ in result.questions.values())
        rows.append([path.stem, f"{result.score:g} / {result.possible:g}", marks])
        following = next((q for q, (a, b, _) in result.questions.items() if a < b), None)
        if result.error:
            notes.append(f"{path.stem}: {result.error}.")
        elif following:
            notes.append(f"{path.stem}, {following}: {result.questions[following][2]}")
    print(table(["exercise", "points", "questions"], rows))
    if notes:
        print("\nNext:\n" + "\n".join(notes))
    return 0


def grade(root: Path, options) -> int:
    """Grade every notebook below a folder, one row each; a broken one never stops the others."""
    folder = Path(options.folder)
    if not folder.is_dir():
        raise CommandError(f"{folder} is not a folder.")
    paths = sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    if not paths:
        raise CommandError(f"{folder} holds no notebook (*.ipynb).")
    out = Path(options.csv) if options.csv else None
    if out:
        check_writable(out)
    print(
        f"Grading {len(paths)} notebooks. This RUNS the code in them, with your rights: it can\n"
        "read and delete your files. Grade strangers' work on a machine that holds nothing else.\n",
        flush=True,
    )
    graded, failed = [], 0
    try:
        for path, slug, result in grade_all(root, paths, options):
            graded.append((str(path.relative_to(folder)), slug, result))
            failed += bool(result.error)
            score = result.error or f"{result.score:g} / {result.possible:g}"
            print(f"[{len(graded)}/{len(paths)}] {graded[-1][0]}: {score}", flush=True)
    finally:
        names = sorted({q for *_, r in graded for q in r.questions}, key=lambda q: (len(q), q))
        header = ["notebook", "exercise", *names, "score", "possible", "problem"]
        rows = [
            [
                *(name, slug),
                *(r.questions[q][0] if q in r.questions else "" for q in names),
                *(r.score, r.possible, r.error),
            ]
            for name, slug, r in graded
        ]
        if graded:
            print("\n" + table(header, rows))
        if graded and out:
            write_csv(out, header, rows)
            print(f"\nWritten to {out}.")
    return 1 if failed else 0


def list_chapters(root: Path, options) -> int:
    """Print the chapters in the order of the book, and whether you have started their exercises."""
    there = set(in_order(root, "exercises"))
    rows = []
    for part, slug in chapters(root):
        started = (root / "work" / f"{slug}.ipynb").exists()
        state = "started" if started else "not started" if slug in there else "no exercises"
        rows.append([slug, part, state])
    print(table(["chapter", "part", "exercises"], rows))
    return 0


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = argparse.ArgumentParser(prog="twice", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(name, run):
        sub = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        sub.set_defaults(run=run)
        return sub

    sub = command("start", start)
    sub.add_argument("slug", nargs="?", help="a chapter's name, as `twice list` shows it")
    sub.add_argument("--all", action="store_true", help="every chapter's exercises")
    runs = [command("progress", progress), command("grade", grade)]
    runs[1].add_argument("folder", help="holds one notebook per student, in subfolders too")
    runs[1].add_argument("--csv", metavar="FILE", help="also write the table to this file")
    for sub in runs:
        sub.add_argument("--timeout", type=float, default=300, help="seconds per notebook")
        sub.add_argument("--jobs", type=int, default=2, help="notebooks graded at a time")
    command("list", list_chapters)
    return top


def main(arguments=None) -> int:
    """Run the command; return 0 if done, 1 if some notebooks failed, 2 if it cannot be done."""
    options = parser().parse_args(arguments)
    try:
        return options.run(find_root(), options)
    except CommandError as error:
        print(f"twice: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"twice: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("twice: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
