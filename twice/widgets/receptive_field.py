"""The receptive field demo: which input pixels a unit deep in a stack of layers sees."""

from itertools import pairwise

import numpy as np
import traitlets

from twice.scratch.costs import receptive_field
from twice.scratch.windows import Window, output_size

from .base import Demo

KINDS = {
    "conv": "convolution",
    "separable": "separable convolution",
    "max": "max pooling",
    "average": "average pooling",
}
POOLING = ("max", "average")
RANGES = {"kernel": (1, 7), "stride": (1, 7), "dilation": (1, 8), "filters": (1, 512)}
FIELD = "#882255"  # the chosen unit; vermilion would say Keras


def layer(kind, kernel=3, stride=None, dilation=1, padding="valid", filters=16):
    """A checked layer as a dict; the stride is 1, for pooling the kernel's size, as in Keras."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    pool = kind in POOLING
    made = {
        "kind": kind,
        "kernel": kernel,
        "stride": (kernel if pool else 1) if stride is None else stride,
        "dilation": dilation,
        "padding": padding,
        "filters": filters,
    }
    for name, (low, high) in RANGES.items():
        value = made[name]
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        made[name] = int(value)
    if padding not in ("valid", "same"):
        raise ValueError(f'padding must be "valid" or "same", not {padding!r}')
    if pool and dilation != 1:
        raise ValueError(f"{KINDS[kind]} has no dilation, as in Keras")
    if dilation > 1 and made["stride"] > 1:
        raise ValueError("stride and dilation cannot both be above 1, as in Keras's Conv2D")
    if pool:
        del made["dilation"], made["filters"]
    return made


def stack(layers):
    """A list of checked layers, from dicts or from tuples in the order of `layer`'s arguments.

    `stack([("conv", 7, 2), ("max", 3, 2), {"kind": "conv", "dilation": 2}])`.
    """
    made = []
    for number, one in enumerate(layers, 1):
        try:
            made.append(layer(**one) if isinstance(one, dict) else layer(*one))
        except (TypeError, ValueError) as error:
            reason = str(error).replace("layer() ", "")
            raise ValueError(f"layer {number}: {reason}") from None
    return made


def analyse(layers, size, channels):
    """What every layer makes of a (size, size, channels) input, and what is wrong, or "".

    A row has size, channels, field r = r' + (k - 1) d j', jump j = j' s, start (the middle of unit
    0, in pixels), pad (before the first input), parameters and flops. Row 0 is the input; the rows
    end before a layer that does not fit. A multiplication and an addition are 2 FLOPs, a bias none.
    """
    names = ("size", "channels", "field", "jump", "start", "pad", "parameters", "flops")
    rows = [dict(zip(names, (size, channels, 1, 1, 0.0, 0, 0, 0), strict=True))]
    fields = receptive_field(
        Window(one["kernel"], one["stride"], one["padding"], one.get("dilation", 1))
        for one in layers
    )
    for number, (one, (field, jump)) in enumerate(zip(layers, fields, strict=True), 1):
        last, k, s, d = rows[-1], one["kernel"], one["stride"], one.get("dilation", 1)
        n, depth = last["size"], last["channels"]
        try:
            out, pad, _ = output_size(n, k, s, one["padding"], d)
        except ValueError:
            return rows, does_not_fit(number, one, n)
        filters = one.get("filters", depth)
        weights = k * k * depth * filters
        if one["kind"] == "separable":
            weights = k * k * depth + depth * filters
        parameters, flops = weights + filters, 2 * weights * out * out
        if one["kind"] in POOLING:
            parameters, flops = 0, k * k * depth * out * out
        start = last["start"] + ((k - 1) * d / 2 - pad) * last["jump"]
        values = (out, filters, field, jump, start, pad, parameters, flops)
        rows.append(dict(zip(names, values, strict=True)))
    return rows, ""


def does_not_fit(number, one, size):
    """The sentence for a layer whose window is larger than its input."""
    window = (one["kernel"] - 1) * one.get("dilation", 1) + 1
    return (
        f"Layer {number} does not fit: its window is {window} units wide, but its input has only "
        f"{size}. Choose a smaller window, fewer strides before it, or padding “same”."
    )


def trace(layers, rows, unit):
    """How many paths lead from every unit of every layer to `unit` of the last one, on one axis.

    Returns a list by row, the input first, of integer arrays; padded zeros end a path.
    """
    counts = [np.zeros(row["size"], dtype=np.int64) for row in rows]
    counts[-1][unit] = 1
    for at in range(len(rows) - 1, 0, -1):
        one = layers[at - 1]
        for tap in range(one["kernel"]):
            places = np.arange(rows[at]["size"]) * one["stride"] - rows[at]["pad"]
            places += tap * one.get("dilation", 1)
            inside = (places >= 0) & (places < rows[at - 1]["size"])
            np.add.at(counts[at - 1], places[inside], counts[at][inside])
    return counts


def _conv(*values, **more):
    return layer("conv", *values, **more)


PRESETS = {  # name: (layers, input size, channels)
    "lenet": (
        [_conv(5, filters=6), layer("average", 2), _conv(5), layer("average", 2)],
        32,
        1,
    ),
    "two3": ([_conv(3, filters=3)] * 2, 32, 3),
    "one5": ([_conv(5, filters=3)], 32, 3),
    "three3": ([_conv(3, filters=3)] * 3, 32, 3),
    "one7": ([_conv(7, filters=3)], 32, 3),
    "dilated": ([_conv(2, 1, d, "same", 8) for d in (1, 2, 4, 8)], 32, 1),
    "gridding": ([_conv(3, 1, 2, "same", 8)] * 3, 32, 1),
    "stem": ([_conv(7, 2, 1, "same", 64), layer("max", 3, 2, 1, "same")], 224, 3),
}


class ReceptiveField(Demo):
    """Stack layers and see which input pixels a unit sees, and what the stack costs.

    `ReceptiveField([("conv", 7, 2), ("max", 3, 2)], input_size=64)`, or a preset by its name:
    `ReceptiveField("lenet")` ("two3", "one5", "three3", "one7", "dilated", "gridding", "stem"). A
    layer is a dict with kind ("conv", "separable", "max", "average"), kernel, stride, dilation,
    padding and filters, or a tuple in this order; what is left out is as in Keras. `table`, `paths`
    and `error` are computed with NumPy, so they are right without a browser, too.
    """

    script = "receptive_field.js"
    figure_size = (10.0, 4.4)

    goal = traitlets.Unicode(
        "Let a unit see 31 of 64 pixels across, without a gap, for at most 20,000 parameters: with "
        "three convolutions or more of at least 16 filters, and 16\u00a0×\u00a016 units or more "
        "at the end.",
        read_only=True,
    ).tag(sync=True)
    layers = traitlets.List(help="Up to 8 layers, dicts or tuples, from the input up.").tag(
        sync=True
    )
    input_size = traitlets.Int(32, min=16, max=224, help="Pixels on a side, 16 to 224.").tag(
        sync=True
    )
    channels = traitlets.Enum((1, 3), 1, help="Of the input: 1 or 3.").tag(sync=True)
    unit = traitlets.List(
        help="Row and column of the unit in the last layer; empty: the middle one."
    ).tag(sync=True)
    zoom = traitlets.Bool(False, help="Whether the side view shows the field alone.").tag(sync=True)

    def __init__(self, layers="lenet", **traits):
        if isinstance(layers, str):
            if layers not in PRESETS:
                raise traitlets.TraitError(
                    f"layers must be a list or one of {', '.join(PRESETS)}, not {layers!r}"
                )
            layers, size, channels = PRESETS[layers]
            traits = {"input_size": size, "channels": channels, "zoom": size > 64} | traits
        super().__init__(layers=layers, **traits)

    @traitlets.validate("layers")
    def _check_layers(self, proposal):
        layers = proposal["value"]
        if not 1 <= len(layers) <= 8:
            raise traitlets.TraitError(f"layers must hold 1 to 8 layers, not {len(layers)}")
        try:
            return stack(layers)
        except ValueError as error:
            raise traitlets.TraitError(f"layers: {error}") from None

    @traitlets.validate("unit")
    def _check_unit(self, proposal):
        unit = proposal["value"]
        whole = all(isinstance(v, int | np.integer) and v >= 0 for v in unit)
        if len(unit) not in (0, 2) or not whole:
            raise traitlets.TraitError(f"unit must be a row and a column from 0, or [], not {unit}")
        return [int(v) for v in unit]

    @property
    def table(self):
        """A dict for the input and for every layer that fits: see `analyse`."""
        return analyse(self.layers, self.input_size, self.channels)[0]

    @property
    def error(self):
        """What is wrong with the stack, one sentence, or ""."""
        return analyse(self.layers, self.input_size, self.channels)[1]

    @property
    def chosen(self):
        """The unit looked at, (row, column): inside the last map, the middle if none is set."""
        last = self.table[-1]["size"] - 1
        return tuple(min(place, last) for place in self.unit or (last // 2, last // 2))

    @property
    def paths(self):
        """How many paths lead from every input pixel to the unit; (input_size, input_size)."""
        rows, columns = (trace(self.layers, self.table, place)[0] for place in self.chosen)
        return np.outer(rows, columns)

    def summary(self):
        table = self.table
        names = ", ".join(_name(one) for one in self.layers)
        seen = int((self.paths.sum(axis=0) > 0).sum())
        cost = sum(row["parameters"] for row in table), sum(row["flops"] for row in table)
        result = (
            f"a unit sees {seen} pixels across (field {table[-1]['field']}, jump "
            f"{table[-1]['jump']}), {cost[0]:,} parameters, {cost[1]:,} FLOPs"
        )
        return (
            f"ReceptiveField({names}; input {self.input_size} x {self.input_size} x "
            f"{self.channels}): {self.error or result}"
        )

    def draw(self, figure):
        from twice import plots

        table, (row, column) = self.table, self.chosen
        layers = self.layers[: len(table) - 1]
        counts = trace(layers, table, column)
        side, top = figure.subplots(1, 2, width_ratios=(1.7, 1))
        for at, (below, above) in enumerate(pairwise(table), 1):
            one, units = layers[at - 1], np.flatnonzero(counts[at])
            x = above["start"] + units * above["jump"]
            for tap in range(one["kernel"]):
                places = units * one["stride"] - above["pad"] + tap * one.get("dilation", 1)
                ends = np.stack([x, below["start"] + places * below["jump"]])
                side.plot(ends, [at, at - 1], color=plots.NUMPY, linewidth=0.6, alpha=0.5)
        for at, (one, count) in enumerate(zip(table, counts, strict=True)):
            x = one["start"] + np.arange(one["size"]) * one["jump"]
            side.plot(x, np.full(len(x), at), ".", color="#b9c0c9", markersize=3)
            side.plot(x[count > 0], np.full((count > 0).sum(), at), ".", color=plots.NUMPY)
        last = table[-1]
        side.plot(last["start"] + column * last["jump"], len(layers), "o", color=FIELD)
        names = ["input", *(f"{at} {_name(one)}" for at, one in enumerate(layers, 1))]
        side.set(xlabel="column of the input", yticks=range(len(table)), yticklabels=names)
        side.grid(False)
        paths = np.outer(trace(layers, table, row)[0], counts[0]).astype(float)
        shade = np.where(paths > 0, 0.15 + 0.85 * np.sqrt(paths / max(paths.max(), 1)), 0)
        top.imshow(shade, cmap="Blues", vmin=0, vmax=1.2)
        top.set(xlabel="column", ylabel="row")
        seen = int((counts[0] > 0).sum())
        side.set_title(f"One unit sees {seen} pixels across", loc="left", fontsize=11)
        top.set_title("The same, from above", loc="left", fontsize=11)
        if self.error:
            figure.suptitle(self.error, fontsize=9)


def _name(one):
    """A layer in a few characters: conv 3x3, stride 2."""
    more = [f"{one['kind']} {one['kernel']}x{one['kernel']}"]
    if one["stride"] > 1:
        more.append(f"/{one['stride']}")
    if one.get("dilation", 1) > 1:
        more.append(f"dilation {one['dilation']}")
    return " ".join(more)
