"""The receptive field demo: its JavaScript against NumPy, the library and Keras, and its class."""

import re

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.parity import keras
from twice.scratch.backpropagation import Sequential
from twice.scratch.conv_layers import SeparableConv2D
from twice.scratch.convolution import Conv2D
from twice.scratch.costs import costs
from twice.scratch.pooling import AveragePooling2D, MaxPooling2D
from twice.widgets import ReceptiveField
from twice.widgets.receptive_field import KINDS, POOLING, PRESETS, analyse, layer, stack, trace

SCRIPT = "receptive_field.js"
SOLUTION = [("conv", 3, 1, d, "same") for d in (1, 2, 4, 8)]  # 31 pixels, 7,408 parameters


def random_stacks(count, seed=0, deepest=8):
    """Stacks of every kind of layer, with input sizes and channels; some do not fit."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        layers = []
        for _ in range(rng.integers(1, deepest + 1)):
            kind = rng.choice(list(KINDS))
            stride = int(rng.choice([1, 1, 2, 3, 4]))
            dilation = 1 if kind in POOLING or stride > 1 else int(rng.integers(1, 5))
            padding = str(rng.choice(["valid", "same"]))
            sizes = int(rng.integers(1, 8)), stride, dilation, padding, int(rng.integers(1, 9))
            layers.append(layer(str(kind), *sizes))
        found.append((layers, int(rng.integers(16, 65)), int(rng.choice([1, 3]))))
    return found


STACKS = random_stacks(60) + list(PRESETS.values())


def in_page(body, data):
    """Run `body` with layers, size, channels and what `analyse` makes of them, for each item."""
    return run_js(
        SCRIPT,
        f"""return data.map(([layers, size, channels, more]) => {{
            const settings = {{ layers, size, channels }};
            const {{ rows, error }} = demo.analyse(layers, size, channels);
            {body}
        }})""",
        data,
    )


def looks(cases):
    """The words, checks and spans of the page, for each (layers, size, channels, unit)."""
    return in_page(
        """const unit = demo.chosenUnit(more, rows.at(-1));
        const spans = unit.map((u) => demo.spanOf(demo.trace(layers, rows, u)[0]));
        return { spans, text: demo.explain(settings, rows, error, spans),
            checks: demo.goalChecks(settings, rows, error, spans) };""",
        [(stack(layers), size, channels, list(unit)) for layers, size, channels, unit in cases],
    )


def look(layers, size, channels=1, unit=()):
    return looks([(layers, size, channels, unit)])[0]


# ---- the same numbers --------------------------------------------------------------------------


def test_sizes_fields_and_costs_equal_numpy():
    answers = in_page("return [rows, error];", STACKS)
    for (layers, size, channels), (rows, error) in zip(STACKS, answers, strict=True):
        mine, wrong = analyse(layers, size, channels)
        assert rows == mine
        assert error == wrong
    assert 5 < sum(bool(error) for _, error in answers) < 40


def test_sizes_and_parameters_equal_keras():
    makers = {
        "conv": keras.layers.Conv2D,
        "separable": keras.layers.SeparableConv2D,
        "max": keras.layers.MaxPooling2D,
        "average": keras.layers.AveragePooling2D,
    }
    for layers, size, channels in STACKS:
        rows, _ = analyse(layers, size, channels)
        shape = (1, size, size, channels)
        for one, row in zip(layers, rows[1:], strict=False):
            sizes = {"strides": one["stride"], "padding": one["padding"]}
            if one["kind"] in POOLING:
                made = makers[one["kind"]](one["kernel"], **sizes)
            else:
                sizes["dilation_rate"] = one["dilation"]
                made = makers[one["kind"]](one["filters"], one["kernel"], **sizes)
            made.build(shape)
            shape = made.compute_output_shape(shape)
            assert shape == (1, row["size"], row["size"], row["channels"])
            assert made.count_params() == row["parameters"]


def test_costs_equal_those_of_the_library():
    rng = np.random.default_rng(0)
    for layers, size, channels in random_stacks(20, seed=1, deepest=4):
        rows, _ = analyse(layers, size, channels)
        made, depth = [], channels
        for one in layers[: len(rows) - 1]:
            window = {"strides": one["stride"], "padding": one["padding"]}
            if one["kind"] in POOLING:
                pool = MaxPooling2D if one["kind"] == "max" else AveragePooling2D
                made.append(pool(one["kernel"], **window))
                continue
            conv = Conv2D if one["kind"] == "conv" else SeparableConv2D
            window |= {"dilation_rate": one["dilation"], "rng": rng}
            made.append(conv(depth, one["filters"], one["kernel"], **window))
            depth = one["filters"]
        if made:
            found = costs(Sequential(made), (size, size, channels))
            assert sum(cost.flops for cost in found) == sum(row["flops"] for row in rows)
            assert sum(cost.parameters for cost in found) == sum(row["parameters"] for row in rows)


def gradient_of_ones(layers, size, unit):
    """The gradient of one unit, if every window were a convolution with ones: the paths."""
    ones = {"rng": None, "initializer": lambda shape, rng: np.ones(shape), "dtype": np.float64}
    made = [
        Conv2D(
            1,
            1,
            one["kernel"],
            strides=one["stride"],
            padding=one["padding"],
            dilation_rate=one.get("dilation", 1),
            **ones,
        )
        for one in layers
    ]
    z = np.zeros((1, size, size, 1))
    for conv in made:
        z = conv.forward(z)
    grad = np.zeros_like(z)
    grad[0, *unit, 0] = 1
    for conv in reversed(made):
        grad = conv.backward(grad)
    return grad[0, :, :, 0]


def test_paths_are_the_gradient_through_kernels_of_ones():
    rng = np.random.default_rng(2)
    cases = []
    for layers, size, channels in random_stacks(40, seed=3, deepest=5):
        rows, error = analyse(layers, size, channels)
        if not error:
            cases.append((layers, size, channels, rng.integers(0, rows[-1]["size"], 2).tolist()))
    assert len(cases) > 15
    theirs = in_page("return more.map((u) => [...demo.trace(layers, rows, u)[0]]);", cases)
    for (layers, size, channels, unit), (down, across) in zip(cases, theirs, strict=True):
        wanted = gradient_of_ones(layers, size, unit)
        demo = ReceptiveField(layers, input_size=size, channels=channels, unit=unit)
        np.testing.assert_array_equal(np.outer(down, across), wanted)
        np.testing.assert_array_equal(demo.paths, wanted)


def test_the_field_is_what_a_unit_far_from_the_border_sees():
    found = 0
    for layers, _, channels in random_stacks(40, seed=4, deepest=4):
        rows, error = analyse(layers, 224, channels)
        unit = (rows[-1]["size"] - 1) // 2
        counts = trace(layers, rows, unit)[0]
        places = np.flatnonzero(counts)
        middle = rows[-1]["start"] + unit * rows[-1]["jump"]
        if error or not 60 < middle < 164 or rows[-1]["field"] > 99:
            continue
        found += 1
        assert places[-1] - places[0] + 1 == rows[-1]["field"]
        assert (places[0] + places[-1]) / 2 == middle
    assert found > 15


def test_a_pixel_reaches_the_units_whose_paths_it_is_on():
    cases = [(*one, 7) for one in random_stacks(15, seed=5, deepest=4)]
    theirs = in_page("return demo.reached(layers, rows, more).map((m) => [...m]);", cases)
    for (layers, size, channels, pixel), marks in zip(cases, theirs, strict=True):
        rows, _ = analyse(layers, size, channels)
        for at in range(1, len(rows)):
            part = layers[:at], rows[: at + 1]
            wanted = [trace(*part, u)[0][pixel] > 0 for u in range(rows[at]["size"])]
            assert np.array(marks[at], bool).tolist() == wanted


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([0, 1, 2, 3, 2, 1, 0], (1, 5, 5, 0, 9, 3, 1, 2)),
        ([0, 1, 0, 3, 0, 1], (1, 5, 3, 2, 5, 3, 1, 1)),
        ([1, 1, 1, 1, 1, 1], (0, 5, 6, 0, 6, 1, 1, 3)),
        ([0, 0, 7], (2, 2, 1, 0, 7, 7, 7, 1)),
        ([0, 0], (0, -1, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_spans_count_pixels_gaps_and_the_core(counts, told):
    names = ("first", "last", "seen", "gaps", "paths", "most", "fewest", "core")
    span = run_js(SCRIPT, "return demo.spanOf(data)", counts)
    assert tuple(span[name] for name in names) == told


def test_the_presets_are_the_same_in_both_languages():
    theirs = run_js(
        SCRIPT,
        "return Object.entries(demo.PRESETS).map(([name, p]) => "
        "[name, [p.layers, p.size, p.channels], demo.presetOf(p)])",
    )
    assert {name: tuple(one) for name, one, _ in theirs} == PRESETS
    assert [found for *_, found in theirs] == list(PRESETS)


# ---- words and the goal ------------------------------------------------------------------------


def test_what_the_presets_say_is_true():
    shown = looks([(*one, ()) for one in PRESETS.values()])
    text = dict(zip(PRESETS, (one["text"] for one in shown), strict=True))
    total = {name: sum(row["parameters"] for row in ReceptiveField(name).table) for name in PRESETS}
    for few, many in [("two3", "one5"), ("three3", "one7")]:
        assert f"{total[few]} parameters instead of {total[many]}" in text[few]
        assert f"has {total[many]} parameters" in text[many]
        assert f"with {total[few]}." in text[many]
        assert ReceptiveField(few).table[-1]["field"] == ReceptiveField(many).table[-1]["field"]
    lenet = ReceptiveField("lenet")
    lenet.layers = [*lenet.layers, ("conv", 5)]
    assert lenet.table[-1]["size"] == 1
    assert (lenet.paths > 0).all()
    plain = analyse([layer("conv", 2)] * 4, 32, 1)[0][-1]["field"]
    assert f"Without dilation they would see {plain}." in text["dilated"]
    assert "four layers of width 2 see 16 pixels" in text["dilated"]
    assert "exactly one path" in text["dilated"]
    doubled = analyse([layer("conv", 3, 1, d) for d in (1, 2, 4)], 32, 1)[0][-1]["field"]
    assert f"Dilations 1, 2, 4 would see {doubled} pixels" in text["gridding"]
    assert "It skips 6 pixels" in text["gridding"]
    stem = ReceptiveField("stem").table[-1]
    assert f"become {stem['size']} units, {stem['jump']} pixels apart" in text["stem"]
    assert f"adds {2 * stem['jump']} pixels" in text["stem"]


@pytest.mark.parametrize(
    ("layers", "unit", "phrases"),
    [
        ([("conv", 3)], [], ["layer 1 sees 3 of 32 pixels across.", "a flat profile"]),
        ([("conv", 3)] * 2, [], ["busiest pixel of this row has 3 paths", "the quietest 1"]),
        (
            [("conv", 3, 1, 1, "same")] * 3,
            [9, 0],
            ["sees 4 of 32 pixels across and 7 down", "7 pixels wide", "paths to 3 of them end"],
        ),
        (
            [("conv", 3, 1, 2, "same")] * 3,
            [9, 2],
            ["13 pixels wide", "paths to 4 of them end", "It skips 4 pixels in between"],
        ),
        ([("conv", 2, 4), ("conv", 2)], [], ["It skips 2 pixels in between"]),
        ([("max", 7, 4), ("conv", 7), ("conv", 2)], [], ["Layer 3 does not fit", "only 1.", "up"]),
        (
            [("conv", 7, 1, 8)],
            [],
            ["window is 49 units wide", "its input has only 32", "Then the picture returns"],
        ),
    ],
)
def test_the_demo_says_what_there_is_to_see(layers, unit, phrases):
    text = look(layers, 32, 1, unit)["text"]
    for phrase in phrases:
        assert phrase in text


def test_no_sentence_has_a_hole():
    units = np.random.default_rng(6).integers(0, 40, (len(STACKS), 2)).tolist()
    for shown in looks([(*one, unit) for one, unit in zip(STACKS, units, strict=True)]):
        text = shown["text"]
        assert 40 < len(text) < 520
        assert not re.search(r"undefined|null|NaN|object|Infinity|  | 1 (pixels|paths)", text), text


def same(*layers):
    return [(kind, kernel, stride, dilation, "same") for kind, kernel, stride, dilation in layers]


@pytest.mark.parametrize(
    ("layers", "size", "unit", "missed"),
    [
        (SOLUTION, 64, [], []),
        (SOLUTION, 64, [31, 3], [1]),  # the border cuts it
        (SOLUTION, 63, [], [0]),
        (SOLUTION[1:], 64, [], [1, 2]),
        (same(*[("conv", 3, 1, 4)] * 4), 64, [], [1, 2]),
        (same(*[("conv", 3, 1, 1)] * 8), 64, [], [1]),
        (same(*[("conv", 7, 1, 1)] * 5), 64, [], [5]),
        (same(*[("separable", 7, 1, 1)] * 5), 64, [], []),
        ([*SOLUTION[:3], ("conv", 3, 1, 8, "same", 15)], 64, [], [4]),
        ([*SOLUTION, ("max", 5)], 64, [], [3]),
        ([("max", 7, 4), ("max", 7, 4)], 64, [], [3, 4]),
        ([*SOLUTION, ("max", 7, 4), ("max", 7, 4), ("conv", 7)], 64, [], [1, 2, 3, 5]),
    ],
)
def test_the_goal_is_checked_line_by_line(layers, size, unit, missed):
    checks = look(layers, size, 3, unit)["checks"]
    assert [i for i, (_, met) in enumerate(checks) if not met] == missed
    wish = "input of 64 pixels" + ("" if size == 64 else f": move “Input size”, now {size}")
    assert checks[0][0] == wish


def test_no_preset_meets_the_goal():
    for shown in looks([(layers, 64, channels, ()) for layers, _, channels in PRESETS.values()]):
        assert not all(met for _, met in shown["checks"])


def test_a_layer_turns_into_another_kind():
    cases = [
        (layer("conv", 5, 1, 2, "same", 8), "max"),
        (layer("conv", 7), "average"),
        (layer("max", 3, 2), "average"),
        (layer("average", 2, padding="same"), "separable"),
        (layer("conv", 3, 2, filters=5), "separable"),
    ]
    turned = run_js(SCRIPT, "return data.map((c) => demo.turnInto(...c))", cases)
    assert turned == [
        layer("max", 5, 4, padding="same"),
        layer("average", 7, 4),
        layer("average", 3, 2),
        layer("separable", 2, 1, padding="same"),
        layer("separable", 3, 2, filters=5),
    ]


def test_pixels_and_counts_are_told_to_people():
    told = run_js(
        SCRIPT,
        "return [[1, 1], [0, 1], [0, 0], [2, 1]].map((p) => demo.tellPixel(p, [1, 2, 0], [1, 3]))",
    )
    assert told == [
        "Pixel in row 1, column 1: 2 × 3 = 6 paths to the unit, 50.0 % of all.",
        "Pixel in row 0, column 1: 3 paths to the unit, 25.0 % of all.",
        "Pixel in row 0, column 0: 1 path to the unit, 8.3 % of all.",
        "Pixel in row 2, column 1: no path to the unit.",
    ]
    counts = [0, 9472, 999999, 1000000, 237834240, 1.6e9, 3e13]
    shown = run_js(SCRIPT, "return data.map(demo.shortCount)", counts)
    assert shown == ["0", "9,472", "999,999", "1 M", "237.8 M", "1.6 G", "30 T"]


# ---- the Python class --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layers", [], "1 to 8 layers, not 0"),
        ("layers", [("conv", 3)] * 9, "1 to 8 layers, not 9"),
        ("layers", [("conv", 3), ("dense", 3)], "layer 2: kind must be one of conv, sep"),
        ("layers", [("conv", 8)], "layer 1: kernel must be a whole number from 1 to 7, not 8"),
        ("layers", [("conv", 3.0)], "kernel must be a whole number"),
        ("layers", [("conv", True)], "kernel must be a whole number"),
        ("layers", [("conv", 3, 0)], "stride must be a whole number from 1"),
        ("layers", [("conv", 3, 1, 9)], "dilation must be a whole number from 1 to 8"),
        ("layers", [("conv", 3, 1, 1, "full")], 'padding must be "valid" or "same"'),
        ("layers", [("conv", 3, 1, 1, "same", 0)], "filters must be a whole number from 1 to 512"),
        ("layers", [("conv", 3, 2, 2)], "cannot both be above 1, as in Keras"),
        ("layers", [("max", 3, 1, 2)], "max pooling has no dilation"),
        ("layers", [{"kind": "conv", "size": 3}], "unexpected keyword argument 'size'"),
        ("layers", [3], "layer 1"),
        ("layers", "resnet", "layers"),
        ("input_size", 15, "input_size"),
        ("input_size", 225, "input_size"),
        ("channels", 2, "channels"),
        ("unit", [1], "unit must be a row and a column"),
        ("unit", [-1, 0], "unit must be a row and a column"),
        ("unit", [0.5, 0], "unit must be a row and a column"),
        ("goal", "another", "goal"),
    ],
)
def test_traits_refuse_what_cannot_be(name, value, message):
    demo = ReceptiveField()
    before = getattr(demo, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(demo, name, value)
    assert getattr(demo, name) == before


def test_an_unknown_preset_is_named():
    with pytest.raises(traitlets.TraitError, match=r"one of lenet, two3.*not 'resnet'"):
        ReceptiveField("resnet")


def test_keras_refuses_strides_with_dilation_too():
    with pytest.raises(ValueError, match="strides"):
        keras.layers.Conv2D(4, 3, strides=2, dilation_rate=2)(np.zeros((1, 9, 9, 3)))


def test_layers_come_from_tuples_and_dicts_with_the_defaults_of_keras():
    demo = ReceptiveField([("conv", 7, 2), ("max", 3), {"kind": "separable", "dilation": 2}])
    assert demo.layers == [
        {
            "kind": "conv",
            "kernel": 7,
            "stride": 2,
            "dilation": 1,
            "padding": "valid",
            "filters": 16,
        },
        {"kind": "max", "kernel": 3, "stride": 3, "padding": "valid"},
        {
            "kind": "separable",
            "kernel": 3,
            "stride": 1,
            "dilation": 2,
            "padding": "valid",
            "filters": 16,
        },
    ]
    assert ReceptiveField(demo.layers).layers == demo.layers
    assert ReceptiveField("stem").zoom is True
    assert ReceptiveField("stem", input_size=64, zoom=False).input_size == 64


def test_the_unit_stays_inside_the_last_map():
    demo = ReceptiveField()
    assert demo.chosen == (2, 2)
    demo.unit = [9, 1]
    assert demo.chosen == (4, 1)
    assert demo.unit == [9, 1]


def test_text_and_picture_are_stable():
    demo, twin = (ReceptiveField("dilated", unit=[3, 5]) for _ in range(2))
    assert demo.summary() == twin.summary() == repr(demo)
    assert demo.picture() == twin.picture()
    assert demo.picture().startswith(b"\x89PNG")
    assert ReceptiveField().summary() == (
        "ReceptiveField(conv 5x5, average 2x2 /2, conv 5x5, average 2x2 /2; input 32 x 32 x 1): "
        "a unit sees 16 pixels across (field 16, jump 4), 2,572 parameters, 721,504 FLOPs"
    )


@pytest.mark.parametrize("name", ["gridding", "stem"])
def test_presets_can_be_drawn(name):
    assert len(ReceptiveField(name).picture()) > 5000


def test_a_stack_that_does_not_fit_says_so_and_can_be_drawn():
    demo = ReceptiveField([("conv", 7, 4), ("conv", 7), ("conv", 7)], input_size=16)
    assert "Layer 2 does not fit: its window is 7 units wide, but its input has only 3" in repr(
        demo
    )
    assert len(demo.table) == 2
    assert len(demo.picture()) > 5000
