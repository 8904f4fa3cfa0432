"""The normalization demo: its JavaScript against NumPy and Keras, and its Python class."""

import io
import itertools
import re

import matplotlib.image
import numpy as np
import pytest
import traitlets
from js import run_js

from twice.scratch import normalization
from twice.widgets import NormalizationAxes
from twice.widgets.normalization_axes import GROUPS, HIDDEN, METHODS, drawn, groups_of

SCRIPT = "normalization_axes.js"
SHAPES = list(itertools.product((1, 2, 3, 4), (1, 2, 3, 4)))
EVERY = [(method, 3) for method in METHODS if method != "group"]
EVERY += [("group", groups) for groups in GROUPS]


def reference(x, method, groups, epsilon=1e-3):
    """Means over named axes of the array (samples, channels, positions), and the result."""
    n = len(x)
    axes = {"batch": (0, 2), "layer": (1, 2), "layer_last": 1, "instance": 2, "rms": 1}
    if method == "group":
        parts = x.reshape(n, groups, -1)
        mean, variance = parts.mean(2, keepdims=True), parts.var(2, keepdims=True)
        return ((parts - mean) / np.sqrt(variance + epsilon)).reshape(x.shape)
    over = axes[method]
    if method == "rms":
        return x / np.sqrt((x**2).mean(over, keepdims=True) + epsilon)
    centered = x - x.mean(over, keepdims=True)
    return centered / np.sqrt(x.var(over, keepdims=True) + epsilon)


def book_layer(method, groups, positions):
    """The layer of the book, for (samples, positions, channels)."""
    settings = {"epsilon": 1e-3, "dtype": np.float64}
    kinds = {"instance": -1, "group": groups}
    if method in kinds:
        return normalization.GroupNormalization(6, groups=kinds[method], **settings)
    if method == "batch":
        return normalization.BatchNormalization(6, **settings)
    if method == "rms":
        return normalization.RMSNormalization(6, **settings)
    shape = (positions, 6) if method == "layer" else 6
    return normalization.LayerNormalization(shape, **settings)


def setting(demo):
    """The traits as the pure functions take them."""
    names = ("method", "groups", "inference", "momentum", "batches", "start_weight", "epsilon")
    how = {name: getattr(demo, name) for name in (*names, "moving_mean", "moving_variance")}
    sample = min(demo.sample, demo.batch_size - 1)
    return {
        "values": demo.values,
        "N": demo.batch_size,
        "P": demo.positions,
        "how": how,
        "sample": {"index": sample, "scale": demo.sample_scale, "shift": demo.sample_shift},
        "channel": {
            "index": demo.channel,
            "scale": demo.channel_scale,
            "shift": demo.channel_shift,
        },
    }


# What the page computes for each setting, by its own functions.
COMPUTE = """const compute = ({ values, N, P, how, sample, channel }) => {
    const plain = demo.flat(values, N, P);
    const x = demo.disturb(plain, P, sample, channel);
    const result = demo.normalize(x, P, how);
    const traces = demo.traces(plain, P, how, sample, channel);
    const met = demo.goalReached({ sample, channel, N, P }, result.y, traces.both);
    const per = (method) => demo.moments(result.y, demo.keysOf(x.length, P, { method }));
    return { x, ...result, traces, met, apart: demo.apart(result.y),
        running: demo.oneMoreBatch(x, P, how), perSample: per("layer"), perChannel: per("batch"),
        said: demo.explain(result.y, P, how, result.size, per("layer"), per("batch")) };
};
"""


def on_page(demos):
    return run_js(SCRIPT, COMPUTE + "return data.map(compute);", [setting(d) for d in demos])


def disturbed(method, groups=3, **traits):
    """A demo with both disturbances on, unless told otherwise."""
    both = {"sample_scale": 4.0, "sample_shift": -2, "channel_scale": 0.3, "channel_shift": 1.5}
    return NormalizationAxes(method, groups=groups, **(both | traits))


def test_every_method_equals_numpy_and_the_books_layers_at_every_shape():
    demos = [
        disturbed(method, groups, batch_size=n, positions=p, seed=n + p)
        for (method, groups), (n, p) in itertools.product(EVERY, SHAPES)
    ]
    assert len(demos) == 9 * 16
    for demo, shown in zip(demos, on_page(demos), strict=True):
        wanted = reference(demo.x, demo.method, demo.groups)
        np.testing.assert_allclose(demo.y, wanted, atol=1e-9)
        layer = book_layer(demo.method, demo.groups, demo.positions)
        answer = layer.forward(demo.x.transpose(0, 2, 1), training=True).transpose(0, 2, 1)
        np.testing.assert_allclose(answer, wanted, atol=1e-9)
        np.testing.assert_allclose(shown["x"], demo.x.ravel(), atol=1e-12)
        np.testing.assert_allclose(shown["y"], wanted.ravel(), atol=1e-9)
        keys = groups_of(demo.x.shape, demo.method, demo.groups)
        assert shown["keys"] == keys.ravel().tolist()
        mean, variance = demo._statistics(demo.x)
        np.testing.assert_allclose(np.array(shown["mean"])[keys], mean, atol=1e-12)
        np.testing.assert_allclose(np.array(shown["variance"])[keys], variance, atol=1e-11)
        for name, axes in (("perSample", (1, 2)), ("perChannel", (0, 2))):
            np.testing.assert_allclose(shown[name]["mean"], wanted.mean(axes), atol=1e-9)
            np.testing.assert_allclose(shown[name]["variance"], wanted.var(axes), atol=1e-9)
            np.testing.assert_allclose(shown[name]["square"], (wanted**2).mean(axes), atol=1e-9)


def test_the_layer_of_keras_that_is_named_computes_the_same():
    """An expression such as GroupNormalization(groups=2), as the page shows it, is evaluated."""
    import keras

    expressions = run_js(
        SCRIPT, "return data.map(([name, groups]) => demo.METHODS[name].keras(groups));", EVERY
    )
    for (method, groups), expression in zip(EVERY, expressions, strict=True):
        demo = disturbed(method, groups)
        pixels = demo.x.transpose(0, 2, 1).reshape(4, 2, 2, 6)  # channels last
        if method == "rms":
            demo.epsilon = 1e-6  # Keras's default there
        layer = eval(expression, {name: getattr(keras.layers, name) for name in dir(keras.layers)})
        answer = keras.ops.convert_to_numpy(layer(pixels.astype("float32"), training=True))
        wanted = demo.y.transpose(0, 2, 1).reshape(4, 2, 2, 6)
        np.testing.assert_allclose(answer, wanted, atol=2e-4, err_msg=expression)


def test_running_values_follow_keras():
    import keras

    demo = NormalizationAxes(momentum=0.8, seed=3)
    layer = keras.layers.BatchNormalization(momentum=0.8)
    for seed in (3, 4, 5):
        demo.seed = seed
        [shown] = on_page([demo])
        layer(demo.x.transpose(0, 2, 1).astype("float32"), training=True)
        demo.one_more_batch()
        np.testing.assert_allclose(shown["running"]["moving_mean"], demo.moving_mean)
        np.testing.assert_allclose(shown["running"]["moving_variance"], demo.moving_variance)
        assert shown["running"]["start_weight"] == pytest.approx(demo.start_weight)
        assert shown["running"]["batches"] == demo.batches
    np.testing.assert_allclose(demo.moving_mean, layer.moving_mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(demo.moving_variance, layer.moving_variance, rtol=1e-5)
    assert demo.batches == 3
    demo.inference = True
    demo.batch_size = demo.positions = 1
    answer = layer(demo.x.transpose(0, 2, 1).astype("float32"), training=False)
    [shown] = on_page([demo])
    np.testing.assert_allclose(shown["y"], np.ravel(answer), atol=1e-4)
    np.testing.assert_allclose(shown["y"], demo.y.ravel())
    assert "3 batches make up 49% of them" in shown["said"]  # 1 - 0.8^3


def test_new_numbers_are_the_same_in_both_languages():
    blocks = run_js(SCRIPT, "return data.map(demo.drawn)", [0, 1, 9, 2**31])
    for seed, block in zip([0, 1, 9, 2**31], blocks, strict=True):
        np.testing.assert_allclose(block, drawn(seed), atol=1e-12)
    values = np.concatenate([drawn(seed) for seed in range(100)])
    np.testing.assert_allclose(10 * values, np.round(10 * values), atol=1e-9)
    assert abs(values.mean()) < 0.2
    assert np.abs(values).max() < 9


def test_an_edited_cell_shows_what_was_typed():
    pairs = [(d, i) for d in (disturbed("batch"), disturbed("rms", sample=3, channel=0))
             for i in ([2, 4, 1], [3, 0, 2], [2, 1, 0], [0, 0, 3])]  # fmt: skip
    for demo, (n, c, p) in pairs:
        base = run_js(
            SCRIPT,
            "return demo.undisturbed(7.5, data.cell, data.sample, data.channel);",
            setting(demo) | {"cell": [n, c, p]},
        )
        values = np.array(demo.values)
        values[n, c, p] = base
        demo.values = values
        assert demo.x[n, c, p] == pytest.approx(7.5, abs=1e-4)


# ---- what is hidden, and the goal --------------------------------------------------------------


def test_which_method_takes_out_which_disturbance():
    """A table of what is known: scale and shift of a sample, of a channel; RMS keeps shifts."""
    cases = {
        "batch": (False, False, True, True),
        "layer": (True, True, False, False),
        "layer_last": (True, True, False, False),
        "instance": (True, True, True, True),
        "group": (True, True, False, False),
        "rms": (True, False, False, False),
    }
    changes = ({"sample_scale": 8.0}, {"sample_shift": 4.0})
    changes += ({"channel_scale": 8.0}, {"channel_shift": 4.0})
    plain = {"sample_scale": 1.0}
    for method, hidden in cases.items():
        demos = [NormalizationAxes(method, **(plain | change)) for change in changes]
        for demo, shown, wanted, what in zip(
            demos, on_page(demos), hidden, ("sample", "sample", "channel", "channel"), strict=True
        ):
            assert (shown["traces"][what] < HIDDEN) == wanted, (method, what)
            assert shown["traces"]["both"] == pytest.approx(demo.trace, abs=1e-9)
            other = {"sample": "channel", "channel": "sample"}[what]
            assert shown["traces"][other] == 0


def test_only_instance_norm_meets_the_goal_whatever_the_numbers():
    bright = {"sample_scale": 10.0, "channel_scale": 10.0}
    for method, groups in EVERY:
        settings = [{"seed": seed} for seed in range(40)]
        settings += [{"seed": 40 + i, "batch_size": n, "positions": p}
                     for i, (n, p) in enumerate(SHAPES * 2) if n > 1]  # fmt: skip
        demos = [NormalizationAxes(method, groups=groups, **bright, **s) for s in settings]
        shown = on_page(demos)
        alone = method == "instance" or groups == 6
        assert all(one["met"] for one in shown[:40]) == alone
        if alone:  # where numbers are nearly equal, epsilon shows
            assert not any(one["met"] for one, s in zip(shown, settings, strict=True)
                           if s.get("positions") == 1)  # fmt: skip
        else:
            assert not any(one["met"] for one in shown), (method, groups)


@pytest.mark.parametrize(
    "change",
    [
        {"channel_scale": 1.0},
        {"channel_scale": 9.0},
        {"sample_scale": 1.0},
        {"batch_size": 1},  # even batch norm would do
        {"positions": 1},  # every output is 0: nothing to tell, and nothing left
        {"method": "batch", "inference": True},
    ],
)
def test_the_goal_refuses_what_does_not_count(change):
    good = {"method": "instance", "sample_scale": 10.0, "channel_scale": 10.0}
    [yes, no] = on_page([NormalizationAxes(**good), NormalizationAxes(**(good | change))])
    assert yes["met"]
    assert not no["met"]


def test_a_batch_of_one_makes_batch_norm_an_instance_norm():
    bright = {"sample_scale": 10.0, "channel_scale": 10.0, "batch_size": 1}
    demos = [NormalizationAxes(method, **bright) for method in ("batch", "instance")]
    [batch, instance] = on_page(demos)
    np.testing.assert_allclose(batch["y"], instance["y"], atol=1e-12)
    assert "With a single sample, that is instance norm" in batch["said"]
    for shown in (batch, instance):
        assert shown["traces"]["both"] < HIDDEN
        assert not shown["met"]  # it would be no find


def test_who_tells_the_channels_of_a_lonely_cell_apart():
    alone = {"batch_size": 1, "positions": 1}
    shown = on_page([NormalizationAxes(m, groups=g, **alone) for m, g in EVERY])
    for (method, groups), result in zip(EVERY, shown, strict=True):
        zero = method in ("batch", "instance") or groups == 6
        assert result["apart"] != zero, (method, groups)
        assert (np.abs(result["y"]).max() < 1e-12) == zero
        assert ("A cell that is alone is its own mean" in result["said"]) == zero
        assert ("the cells differ: from" in result["said"]) != zero
        assert "standard deviation" not in result["said"]
    [lasting] = on_page([NormalizationAxes("batch", inference=True, **alone)])
    assert lasting["apart"]


# ---- words -------------------------------------------------------------------------------------


def as_number(text):
    """The value of a formula as the page writes it, and what it says it is."""
    left, right = text.replace("−", "-").split(" = ")
    return eval(re.sub(r"√\(([^)]*)\)", r"(\1) ** 0.5", left)), float(right)


def test_the_formula_is_right_as_it_is_written():
    demos = [disturbed(method, groups, seed=s) for (method, groups) in EVERY for s in range(3)]
    demos += [NormalizationAxes(m, batch_size=1, positions=2, sample_scale=0.1) for m in METHODS]
    formulas = run_js(
        SCRIPT,
        COMPUTE
        + """return data.map((one) => {
            const { x, y, keys, mean, variance } = compute(one);
            const k = (i) => [x[i], mean[keys[i]], variance[keys[i]], y[i], one.how];
            return x.map((_, i) => demo.formula(...k(i)));
        });""",
        [setting(demo) for demo in demos],
    )
    for demo, lines in zip(demos, formulas, strict=True):
        for line, y in zip(lines, demo.y.ravel(), strict=True):
            computed, said = as_number(line)
            assert said == pytest.approx(y, abs=0.005001)
            assert computed == pytest.approx(y, abs=0.25 if demo.sample_scale < 1 else 0.05), line
    assert run_js(
        SCRIPT,
        """const how = { method: "batch", epsilon: 0.001 };
        return [demo.formula(1.7, 0.4, 0.81, 1.4436, how), demo.formula(1, -0.4, 4, 0.7, how),
            demo.formula(-1, -0.001, 1, -0.9985, how),
            demo.formula(1.7, 0, 2.1, 1.17, { method: "rms", epsilon: 0.001 })];""",
    ) == [
        "(1.70 − 0.40) / √(0.810 + 0.001) = 1.44",
        "(1.00 + 0.40) / √(4.00 + 0.001) = 0.70",
        "(−1.00 − 0.00) / √(1.00 + 0.001) = −1.00",
        "1.70 / √(2.10 + 0.001) = 1.17",
    ]


def cells_of(words, n, p):
    """The cells that a group's description names, out of its words alone."""
    channels = re.search(r"channels? (\d)(?: to (\d))?", words)
    first, last = (
        (1, 6) if channels is None else (int(channels[1]), int(channels[2] or channels[1]))
    )
    sample, position = re.search(r"of sample (\d)", words), re.search(r"at position (\d)", words)
    samples = [int(sample[1]) - 1] if sample else range(n)
    positions = [int(position[1]) - 1] if position else range(p)
    return sorted(itertools.product(samples, range(first - 1, last), positions))


def test_the_group_in_words_names_the_cells_of_the_group():
    for (n, p), (method, groups) in itertools.product([(4, 4), (1, 4), (3, 1)], EVERY):
        keys = groups_of((n, 6, p), method, groups)
        cells = [list(cell) for cell in np.argwhere(keys >= 0).tolist()]
        told = run_js(
            SCRIPT,
            """return data.cells.map((cell) =>
                demo.groupInWords(cell, data.n, data.p, data));""",
            {"cells": cells, "n": n, "p": p, "method": method, "groups": groups},
        )
        for cell, words in zip(cells, told, strict=True):
            wanted = sorted(tuple(c) for c in np.argwhere(keys == keys[tuple(cell)]).tolist())
            assert cells_of(words, n, p) == wanted, words


def test_what_is_said_of_samples_and_channels_is_true():
    said = {m: shown["said"] for m, shown in zip(
        METHODS, on_page([NormalizationAxes(m) for m in METHODS]), strict=True)}  # fmt: skip
    demo = NormalizationAxes("batch")
    low, high = np.sort(demo.y.std((1, 2)))[[0, -1]]
    assert f"The samples keep their differences: standard deviations from {low:.2f} to {high:.2f}" \
        in said["batch"]  # fmt: skip
    for method in ("layer", "layer_last", "group"):
        assert "So every sample has mean 0 and standard deviation 1. The channels" in said[method]
    assert "So every sample and every channel has mean 0" in said["instance"]
    assert "measures 6 cells at a time" in said["layer_last"]
    assert "RMS norm measures 6 cells" in said["rms"]
    assert "measures 8 cells at a time" in said["group"]
    [fresh] = on_page([NormalizationAxes(inference=True)])
    assert "They have seen no batch" in fresh["said"]


def test_a_verdict_tells_what_became_of_a_disturbance():
    assert run_js(
        SCRIPT,
        """return [[1, 0, 0], [10, 0, 0.02], [10, 0, 2.5], [1, 2, 0.1]].map(
            ([scale, shift, change]) => demo.verdict("Sample 3", { scale, shift }, change, [0, 1]))
            .concat(demo.verdict("Sample 3", { scale: 10, shift: 0 }, 0, [0, 0]));""",
    ) == [
        "Sample 3 is as it was.",
        "Sample 3: nobody can tell. No output changes by 0.1 or more.",
        "Sample 3: it still shows. Outputs change by up to 2.50.",
        "Sample 3: it still shows. Outputs change by up to 0.10.",
        "Sample 3: hidden, as everything is. Every output is 0.",
    ]


def test_the_second_goal_counts_and_quotes():
    names = ["Layer", "Layer, axis −1", "Group", "RMS", "Batch at inference"]
    asked, apart, zero, all_five = run_js(
        SCRIPT,
        """return [demo.second([], false, [1, 2]), demo.second(data.slice(0, 2), true, [1, 2]),
            demo.second(data.slice(0, 1), true, [0, 0]), demo.second(data, false, [1, 2])];""",
        names,
    )
    assert asked.startswith("With batch size 1 and space 1, which methods")
    assert "0 of 5 found. (Inference counts" in asked
    assert apart.startswith(
        "The channels differ here. 2 of 5 found: “Layer”, “Layer, axis −1”. (Inference"
    )
    assert zero.startswith("Every output is 0 here. 1 of 5 found: “Layer”. (")
    assert all_five.startswith("5 of 5 found: “Layer”, “Layer, axis −1”, “Group”, “RMS”, “Batch")


def test_borders_part_the_groups_and_nothing_else():
    n, p = 3, 4
    for method, groups in EVERY:
        keys = groups_of((n, 6, p), method, groups)
        edges, mine = run_js(
            SCRIPT,
            """return [demo.borders(data.keys, 3, 4), demo.borders(data.keys, 3, 4, data.key)];""",
            {"keys": keys.ravel().tolist(), "key": int(keys[1, 2, 1])},
        )
        edge = np.pad(keys, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
        wanted = [np.diff(edge[:, :, 1:-1], axis=1) != 0, np.diff(edge[:, 1:-1], axis=2) != 0]
        assert len(edges) == sum(w.sum() for w in wanted)
        own = np.where(edge == keys[1, 2, 1], 1, 0)
        assert len(mine) == np.abs(np.diff(own, axis=1)).sum() + np.abs(np.diff(own, axis=2)).sum()
        for (a, c, q), (b, d, r) in edges:
            assert a == b
            first = edge[a, c, q + 1] if r > q else edge[a, c + 1, q]
            assert first != edge[a, c + 1, q + 1]
            assert (d - c, r - q) in ((0, 1), (1, 0))


@pytest.mark.parametrize("wide", [240, 300, 370, 440])
def test_layers_do_not_overlap_and_stay_in_the_picture(wide):
    """Along any upright line, a layer ends above the next one."""
    corners, height, u = run_js(
        SCRIPT,
        """const { at, height, u } = demo.projection(data);
        return [[0, 1, 2, 3].map((n) =>
            [[0, 0], [6, 0], [6, 4], [0, 4]].map((c) => at(n, ...c))), height, u];""",
        wide,
    )
    corners = np.array(corners)
    assert corners.min() >= 0
    assert corners[..., 0].max() <= wide - 16  # the positions' numbers
    assert corners[..., 1].max() <= height - 6  # a layer's thickness
    assert u >= 28
    for x in np.linspace(corners[..., 0].min() + 1, corners[..., 0].max() - 1, 50):
        spans = []
        for layer in corners:
            ys = []
            for (x0, y0), (x1, y1) in zip(layer, np.roll(layer, -1, axis=0), strict=True):
                if min(x0, x1) <= x <= max(x0, x1):
                    ys.append(y0 + (x - x0) / (x1 - x0) * (y1 - y0))
            spans.append((min(ys), max(ys)))
        for (_, above), (below, _) in itertools.pairwise(spans):
            assert above + 8 < below


# ---- the Python class --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"method": "weight"}, "method"),
        ({"groups": 4}, "groups"),
        ({"values": np.zeros((4, 6))}, r"values must be numbers of shape .* shape \(4, 6\)"),
        ({"values": np.full((4, 6, 4), np.nan)}, "values must hold numbers from -100 to 100"),
        ({"values": "many"}, "values must be numbers of shape"),
        ({"values": np.full((4, 6, 4), 101)}, "from -100 to 100"),
        ({"cell": [0, 6, 0]}, r"cell must be \[sample, channel, position\].*not \[0, 6, 0\]"),
        ({"cell": [0, 1]}, r"cell must be .*not \[0, 1\]"),
        ({"cell": [0, 0.5, 0]}, r"cell must be .*whole numbers"),
        ({"batch_size": 0}, "batch_size"),
        ({"positions": 5}, "positions"),
        ({"sample": 4}, "sample"),
        ({"channel": 6}, "channel"),
        ({"sample_scale": 0}, "sample_scale"),
        ({"sample_scale": float("nan")}, "sample_scale must be a finite number"),
        ({"momentum": 1}, "momentum"),
        ({"epsilon": 0}, "epsilon"),
        ({"moving_mean": [0] * 5}, "moving_mean must be 6 numbers, not 5"),
        ({"moving_variance": [-1] * 6}, "moving_variance must not be negative, not -1"),
    ],
)  # fmt: skip
def test_wrong_values_are_told_clearly(traits, words):
    with pytest.raises(traitlets.TraitError, match=words):
        NormalizationAxes(**traits)


def test_a_seed_draws_and_own_values_stay():
    own = np.arange(96).reshape(4, 6, 4) / 10
    demo = NormalizationAxes(values=own, seed=5)
    np.testing.assert_array_equal(demo.values, own)
    demo.seed = 7
    np.testing.assert_array_equal(demo.values, drawn(7))
    demo.set_state({"seed": 8})  # the page sends its own numbers along
    np.testing.assert_array_equal(demo.values, drawn(7))
    assert NormalizationAxes(seed=6).values == drawn(6).tolist()


def test_the_start_does_not_meet_the_goal():
    demo = NormalizationAxes()
    [shown] = on_page([demo])
    assert not shown["met"]
    assert shown["traces"]["sample"] > 1
    assert demo.goal_met is False


def test_the_summary_tells_the_setting_and_what_shows():
    demo = NormalizationAxes("group", groups=2, sample_shift=1.5)
    assert demo.summary() == (
        "NormalizationAxes('group', groups=2): 8 groups of 12 cells, block (4, 6, 4); sample 2 "
        "x 10 + 1.5, channel 4 x 1 + 0 change the output by up to 0.00"
    )
    assert "running statistics of 0 batches" in repr(NormalizationAxes(inference=True))
    alone = NormalizationAxes("instance", batch_size=1, positions=1)
    assert "6 groups of 1 cells, block (1, 6, 1); sample 0" in repr(alone)


@pytest.mark.parametrize(
    "traits", [{}, {"method": "rms", "batch_size": 1, "positions": 1}, {"inference": True}]
)
def test_the_still_picture_can_be_drawn(traits):
    picture = matplotlib.image.imread(io.BytesIO(NormalizationAxes(**traits).picture()))
    assert picture.shape == (460, 960, 4)
    assert picture[..., :3].std() > 0.1
