"""Fill the chapters' quoted cells with the library's source: `python -m tools.quote`.

A code cell whose metadata holds `{"twice": {"quote": "twice.scratch.perceptron:step,Perceptron"}}`
shows those objects of that module, in that order. With `--check` nothing is written: it reports
the cells that differ from the library.
"""

import argparse
import ast
import sys

from tools import notebooks


def quote(target):
    """The source of `package.module:name[,name]`, with decorators, as the text of a cell."""
    module, _, names = target.partition(":")
    path = notebooks.ROOT / (module.replace(".", "/") + ".py")
    if not path.is_file() or not names:
        raise ValueError(
            f"a quote must read `package.module:name`, with a module of this project; got {target}"
        )
    text = path.read_text(encoding="utf-8")
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        for name in names_of(node):
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            found[name] = "\n".join(lines[first - 1 : node.end_lineno])
    parts = []
    for name in names.split(","):
        if name not in found:
            raise ValueError(f"{module} has no {name!r} at its top level; it has {sorted(found)}")
        parts.append(found[name])
    return f"# {path.relative_to(notebooks.ROOT).as_posix()}\n" + "\n\n\n".join(parts)


def names_of(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


@notebooks.one_line
def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebook", nargs="*", help="default: all of chapters/")
    parser.add_argument("--check", action="store_true", help="write nothing, report differences")
    options = parser.parse_args(arguments)
    differing = quoted = 0
    for path in notebooks.chosen(options.notebook, "chapters"):
        notebook = notebooks.read(path)
        for number, cell in enumerate(notebook.cells):
            target = cell.metadata.get("twice", {}).get("quote")
            if not target:
                continue
            quoted += 1
            source = quote(target)
            if cell.source != source:
                differing += 1
                print(f"{path.name}, cell {number}: differs from {target}")
                cell.source = source
        if not options.check:
            notebooks.write(path, notebook)
    print(f"{quoted} quoted cells, {differing} {'differ' if options.check else 'renewed'}")
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
