"""Pictures of a computation graph: of a `Value` of twice.scratch.autodiff and what it was made of.

`draw(loss)` uses graphviz where its Python package and its program `dot` are installed, and
matplotlib otherwise; `draw(loss, ax=ax)` draws on matplotlib's axes in any case.
"""

import importlib.util
import shutil

import matplotlib.pyplot as plt
import numpy as np

from twice import plots
from twice.scratch.autodiff import graph

SIGNS = {"*": "×", "-": "−", "/": "÷"}
MOST = 60  # nodes: more of them nobody can read


def label(node):
    """The lines in a node's box: its name or its operation, its number, its gradient."""
    title = " = ".join(part for part in (node.name, SIGNS.get(node.op, node.op)) if part)
    numbers = [f"{node.data:.4g}", f"grad {node.grad:.4g}"]
    return [title, *numbers] if title else numbers[:1]


def nodes_of(output):
    nodes = graph(output)
    if len(nodes) > MOST:
        raise ValueError(f"expected at most {MOST} nodes to draw, got {len(nodes)}")
    return nodes


def dot(output):
    """The graph in graphviz's language, from the inputs on the left to the output on the right."""
    nodes = nodes_of(output)
    number = {node: k for k, node in enumerate(nodes)}
    lines = ["digraph {", "rankdir=LR", f'node [shape=box, style="rounded", color="{plots.NUMPY}"]']
    for node, k in number.items():
        text = "\\n".join(label(node)).replace('"', "'")
        kind = "" if node.operands else ', style="rounded,filled", fillcolor="#e8f1f8"'
        lines.append(f'{k} [label="{text}"{kind}]')
        lines += [f"{number[operand]} -> {k}" for operand in node.operands]
    return "\n".join([*lines, "}"])


def places(nodes):
    """{node: (column, height)}: inputs next to what uses them, neighbors near each other."""
    column, users = {}, {node: [] for node in nodes}
    for node in nodes:
        column[node] = 1 + max((column[operand] for operand in node.operands), default=-1)
        for operand in node.operands:
            users[operand].append(node)
    for node in nodes:  # an input moves right, to the column before its first use
        if not node.operands and users[node]:
            column[node] = min(column[user] for user in users[node]) - 1
    height = {node: float(k) for k, node in enumerate(nodes)}
    for _ in range(8):  # each column in the order of its neighbors' heights
        for c in range(max(column.values()) + 1):
            here = [node for node in nodes if column[node] == c]
            near = {n: [height[m] for m in (*n.operands, *users[n])] or [0.0] for n in here}
            here.sort(key=lambda n: float(np.mean(near[n])))
            for k, node in enumerate(here):
                height[node] = k - (len(here) - 1) / 2
    return {node: (column[node], height[node]) for node in nodes}


def draw(output, ax=None):
    """Draw the graph of `output`, each node with its number and its gradient.

    Returns graphviz's source, which Jupyter shows as a picture, or matplotlib's axes. Raises
    ValueError for more than 60 nodes.
    """
    installed = importlib.util.find_spec("graphviz") and shutil.which("dot")
    if ax is None and installed:
        import graphviz

        return graphviz.Source(dot(output))
    place = places(nodes_of(output))
    columns = 1 + max(c for c, _ in place.values())
    rows = 1 + max(abs(h) for _, h in place.values()) * 2
    if ax is None:
        _, ax = plt.subplots(figsize=(1.45 * columns, 0.9 * rows + 0.2))
    boxes = {}
    for node, (x, y) in place.items():
        color = plots.NUMPY if node.operands else plots.COLORS[1]
        box = {"boxstyle": "round,pad=0.35", "facecolor": "#fcfcfa", "edgecolor": color}
        text = ax.text(x, -y, "\n".join(label(node)), ha="center", va="center", bbox=box)
        boxes[node] = text.get_bbox_patch()
        for operand in node.operands:
            ends = {"patchA": boxes[operand], "patchB": boxes[node], "shrinkA": 0, "shrinkB": 1}
            arrow = {"arrowstyle": "-|>", "color": plots.GREY, **ends}
            start = (place[operand][0], -place[operand][1])
            ax.annotate("", (x, -y), start, arrowprops=arrow, zorder=4)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(-rows / 2, rows / 2))
    ax.axis("off")
    return ax
