"""Read, normalise and write notebooks, for every tool that touches one."""

import functools
import hashlib
import json
from pathlib import Path

import nbformat

from twice import files

ROOT = Path(__file__).resolve().parent.parent
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
IGNORE = "nbval-ignore-output"


def read(path):
    """The notebook at `path`, as nbformat 4; ValueError where the file is no notebook."""
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ValueError(f"{path} is not a notebook: {first_line(error)}") from error
    except AttributeError as error:  # nbformat meets a JSON file of another kind
        raise ValueError(f"{path} is not a notebook: it is other JSON") from error


def first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def one_line(main):
    """End a tool that meets bad input with one line on stderr instead of a traceback."""

    @functools.wraps(main)
    def run(arguments=None):
        try:
            return main(arguments)
        except (ValueError, OSError) as error:
            raise SystemExit(str(error)) from error

    return run


def dumps(notebook):
    """The notebook as text: sorted keys, one space of indent, one closing newline."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write(path, notebook):
    """Replace the file in one step, so that a kill leaves either the old file or the new one."""
    path = Path(path)
    # Lines are stored as a list of strings, which is what a diff of a notebook can show.
    text = dumps(nbformat.v4.rwbase.split_lines(nbformat.from_dict(notebook)))
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    files.replace(path, text)
    return True


def code_hash(notebook):
    """A hash of all code, in order: what a notebook's outputs depend on."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()[:16]


def tags(cell):
    return cell.metadata.get("tags", [])


def name_cells(notebook):
    """Give every cell an id that depends on its text alone, so that ids never change by chance."""
    seen = {}
    for cell in notebook.cells:
        key = f"{cell.cell_type}\n{cell.source}"
        seen[key] = seen.get(key, 0) + 1
        cell.id = hashlib.sha256(f"{key}\n{seen[key]}".encode()).hexdigest()[:12]


def rename_widgets(notebook):
    """Replace the random ids of widget models by numbered ones, in the outputs and in the state."""
    state = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    # Creation order, zero-padded: sorting the keys keeps it, so normalising twice changes nothing.
    names = {old: f"twice-model-{number:04d}" for number, old in enumerate(state)}
    if not names:
        notebook.metadata.pop("widgets", None)
        return notebook
    text = json.dumps(notebook)
    for old, new in names.items():
        text = text.replace(old, new)
    return nbformat.from_dict(json.loads(text))


def normalise(notebook):
    """The same notebook without anything that chance, time or the machine wrote into it."""
    widgets = notebook.metadata.get("widgets")
    own = notebook.metadata.get("twice")
    otter = notebook.metadata.get("otter")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    for name, value in (("widgets", widgets), ("twice", own), ("otter", otter)):
        if value:
            notebook.metadata[name] = value
    notebook.nbformat_minor = 5
    count = 0
    for cell in notebook.cells:
        for chance in ("execution", "collapsed", "trusted", "jp-MarkdownHeadingCollapsed"):
            cell.metadata.pop(chance, None)
        if cell.cell_type != "code":
            continue
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        merged = []
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            same = merged and output.output_type == "stream" == merged[-1].output_type
            if same and merged[-1].name == output.name:
                merged[-1].text += output.text
            else:
                merged.append(output)
        cell.outputs = merged
    name_cells(notebook)
    return rename_widgets(notebook)


def faults(notebook):
    """What keeps an executed notebook from being published, a sentence each; empty when sound."""
    found = []
    stored = notebook.metadata.get("twice", {}).get("executed")
    if stored != code_hash(notebook):
        found.append("its code changed after the last run" if stored else "it was never run")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            found.append(f"cell {number} was never executed")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {number} stores an error: {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"cell {number} stores text on stderr: {output.text.strip()[:80]}")
            if output.output_type == "stream" and "WARNING" in output.text:
                found.append(f"cell {number} stores a warning: {output.text.strip()[:80]}")
    return found


def chosen(arguments, *folders):
    """The notebooks named on the command line, or all in the given folders of the project."""
    paths = [Path(argument) for argument in arguments]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise SystemExit(f"no such notebook: {', '.join(missing)}")
    if paths:
        return paths
    return sorted(path for folder in folders for path in (ROOT / folder).glob("*.ipynb"))
