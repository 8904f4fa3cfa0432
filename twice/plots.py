"""The book's figures: one style, the same colors everywhere, readable by color-blind readers.

NumPy is always blue and Keras always vermilion. A figure is a light card with dark ink, so it
reads the same in the light and in the dark theme. Colors: Okabe and Ito (2008).
"""

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap

NUMPY = "#0072B2"
KERAS = "#D55E00"
INK = "#1f2933"
GREY = "#6b7280"
COLORS = (NUMPY, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", GREY)  # Keras's is for Keras alone
CLASS_COLORS = (NUMPY, "#E69F00", "#009E73", "#CC79A7", "#882255", "#56B4E9")
CLASS_MARKERS = ("o", "s", "^", "D", "v", "P")
# From blue over near-white to orange: low values, the middle, high values.
DIVERGING = LinearSegmentedColormap.from_list("twice", (NUMPY, "#f7f7f5", "#E69F00"))

STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 100,
    "figure.facecolor": "#fcfcfa",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "#fcfcfa",
    "savefig.pad_inches": 0.12,
    "axes.facecolor": "#fcfcfa",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLORS),
    "grid.color": "#e3e5e8",
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "text.color": INK,
    "font.family": "DejaVu Sans",
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 2.0,
    "lines.markersize": 6,
    "image.cmap": "gray_r",
    "svg.hashsalt": "twice",
}


def use():
    """Set the book's style for every figure that follows, and sharp pictures in a notebook."""
    plt.rcParams.update(STYLE)
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # outside Jupyter there is nothing to sharpen
        return
    try:
        set_matplotlib_formats("retina")
    except AttributeError:  # no IPython shell is running
        return


def classes(ax, x, y, *, labels=None, size=60):
    """Scatter x (N, 2) with a color and a marker for each class of y (N,), and a legend."""
    x, y = np.asarray(x), np.asarray(y).reshape(-1)
    if x.ndim != 2 or x.shape[1] != 2 or len(x) != len(y):
        raise ValueError(f"x must be (N, 2) and y (N,), but they are {x.shape} and {y.shape}")
    if len(np.unique(y)) > len(CLASS_COLORS):
        raise ValueError(
            f"at most {len(CLASS_COLORS)} classes can be told apart, not {np.unique(y)}"
        )
    for number, value in enumerate(np.unique(y)):
        here = y == value
        ax.scatter(
            *x[here].T,
            s=size,
            color=CLASS_COLORS[number],
            marker=CLASS_MARKERS[number],
            edgecolor="white",
            linewidth=0.8,
            label=labels[number] if labels else f"class {value}",
            zorder=3,
        )
    ax.set(xlabel="$x_1$", ylabel="$x_2$")


def boundary(ax, kernel, bias, *, limits=None, normal=False, label=None, **line):
    """Draw the line w . x + b = 0 across the axes; with `normal`, the vector w as an arrow on it.

    Returns False (and draws nothing) when w is zero: then no line exists.
    """
    w, b = np.asarray(kernel, dtype=float).reshape(-1), np.asarray(bias).item()
    if w.shape != (2,):
        raise ValueError(f"kernel must have two entries to draw a line, but it has {w.size}")
    length = np.hypot(*w)
    if length == 0:
        return False
    (x0, x1), (y0, y1) = limits or (ax.get_xlim(), ax.get_ylim())
    center = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    foot = center - (w @ center + b) / length**2 * w
    along = np.array([-w[1], w[0]]) / length * 2 * np.hypot(x1 - x0, y1 - y0)
    style = {"color": INK, "linewidth": 2, **line}
    ax.plot(*np.column_stack([foot - along, foot + along]), label=label, **style)
    if normal:
        tip = foot + w / length * 0.18 * min(x1 - x0, y1 - y0)
        arrow = {"arrowstyle": "-|>", "color": style["color"], "linewidth": 2}
        ax.annotate("", tip, foot, arrowprops=arrow)
    ax.set(xlim=(x0, x1), ylim=(y0, y1))
    return True


def contours(ax, surface, levels):
    """Contour lines of a `Surface` of twice.scratch.surfaces over its own limits."""
    (x0, x1), (y0, y1) = surface.limits
    x, y = np.meshgrid(np.linspace(x0, x1, 200), np.linspace(y0, y1, 200))
    height = surface.value(np.stack([x, y], axis=-1))
    ax.contour(x, y, height, np.unique(levels), colors="#9aa5b1", linewidths=1)
    ax.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="$w_1$", ylabel="$w_2$")


def spread(ax, steps, runs, *, color=NUMPY, label=None):
    """The median of several runs (R, T) over `steps` (T,), with the band from worst to best."""
    runs = np.asarray(runs)
    if runs.ndim != 2 or runs.shape[1] != len(steps):
        raise ValueError(f"runs must be (runs, {len(steps)}), but it has the shape {runs.shape}")
    ax.plot(steps, np.median(runs, axis=0), color=color, label=label)
    ax.fill_between(steps, runs.min(axis=0), runs.max(axis=0), color=color, alpha=0.18, linewidth=0)


def diagram(ax, boxes, arrows, *, color=NUMPY):
    """Words in boxes, (word, x, y) each, and arrows (from, to) or (from, to, bend) between them.

    from and to: places in `boxes`. bend: 0 is straight, the sign is the side.
    """
    drawn = []
    for word, x, y in boxes:
        frame = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": color}
        drawn.append(ax.text(x, y, word, ha="center", va="center", bbox=frame, fontsize=10))
    for start, end, *bend in arrows:
        way = f"arc3,rad={bend[0] if bend else 0}"
        ends = (drawn[k].get_bbox_patch() for k in (start, end))
        style = dict(zip(("patchA", "patchB"), ends, strict=True))
        style |= {"arrowstyle": "-|>", "color": INK, "connectionstyle": way, "shrinkB": 2}
        ax.annotate("", boxes[end][1:], boxes[start][1:], arrowprops=style)
    x, y = (np.array([box[k] for box in boxes]) for k in (1, 2))
    ax.set(xlim=(x.min() - 0.5, x.max() + 0.5), ylim=(y.min() - 0.5, y.max() + 0.5))
    ax.set_axis_off()
