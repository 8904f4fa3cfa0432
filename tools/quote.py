"""Fill the chapters' quoted cells with the library's source: `python -m tools.quote`.

A code cell whose metadata holds `{"twice": {"quote": "twice.scratch.perceptron:step,Perceptron"}}`
shows those objects of that module, in that order. `twice.scratch.gated:LSTM.step,LSTM.step_back`
shows methods of a long class, and ends by putting them into it, so that a reader's edit counts.
With `--check` nothing is written: it reports the cells that differ from the library.
"""

import argparse
import ast
import sys
import textwrap

from tools import notebooks


def quote(target):
    """The source of `package.module:name[,name]`, with decorators, as the text of a cell.

    A name may be a method, `Class.method`; after the methods comes `Class.method = method`.
    """
    module, _, names = target.partition(":")
    path = notebooks.ROOT / (module.replace(".", "/") + ".py")
    if not path.is_file() or not names:
        raise ValueError(
            f"a quote must read `package.module:name`, with a module of this project; got {target}"
        )
    text = path.read_text(encoding="utf-8")
    lines, found = text.splitlines(), {}
    for name, node in named(ast.parse(text)):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        found[name] = "\n".join(lines[first - 1 : node.end_lineno])
    parts, names = [], names.split(",")
    methods = [name for name in names if "." in name]
    for name in names:
        if name not in found:
            top = sorted(name for name in found if "." not in name)
            raise ValueError(f"{module} has no {name!r}; at its top level it has {top}")
        if name in methods and "super()" in found[name]:
            raise ValueError(f"{name} uses super(), which works in its class only: quote the class")
        parts.append(textwrap.dedent(found[name]))
    if methods:
        own = ", ".join(name.split(".")[1] for name in methods)
        parts.append(f"{', '.join(methods)} = {own}")
    head = f"# {path.relative_to(notebooks.ROOT).as_posix()}"
    if methods:
        head += f", class {methods[0].split('.')[0]}"
    return f"{head}\n" + ("\n\n" if methods else "\n\n\n").join(parts)


def named(tree):
    """(name, node) of everything at the top level, and of the methods of its classes."""
    for node in tree.body:
        yield from ((name, node) for name in names_of(node))
        if isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{name}", m) for m in node.body for name in names_of(m))


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
