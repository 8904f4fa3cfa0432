"""The LeNet demo: its JavaScript against NumPy and `twice.scratch`, and its Python class."""

import base64
import json

import numpy as np
import pytest
import traitlets
from drawn_digits import SKETCHES
from js import run_js

from twice import results
from twice.data import digits
from twice.scratch.lenet import lenet
from twice.widgets import LeNet
from twice.widgets.drawing import BOX, SIDE, ink, prepare
from twice.widgets.lenet import LAYERS, SHAPES, forward

SCRIPT = ("drawing.js", "lenet.js")
SEVEN = [[2.4, 8, 6, 20, 6, 12, 23], [2.4, 10, 14, 18, 14]]
NAMES = ["conv1", "pool1", "conv2", "pool2", "dense1", "dense2", "logits", "probabilities"]


@pytest.fixture(scope="module")
def demo():
    return LeNet(strokes=SEVEN)


def random_weights(rng):
    return [rng.normal(0, 0.3 if len(shape) > 1 else 0.1, shape) for shape in SHAPES]


DRAWINGS = {
    "seven": (SEVEN, []),
    "a dot": ([[1.0, 3.3, 4.1]], []),
    "a dot and a line of one place": ([[4.0, 20, 20, 20, 20], [1, 5, 5, 6.5, 5.25]], []),
    "over the edge": ([[4.0, 0, 0, 28, 28, 28, 0]], []),
    "nothing": ([], []),
    "an image": ([], np.random.default_rng(0).random((28, 28)).tolist()),
    "a line on an image": (SEVEN[:1], (np.eye(28) / 2).tolist()),
}
MOVES = [
    {},
    {"center": False},
    {"right": 5, "down": -3},
    {"angle": 35, "zoom": 0.65, "right": -1.5},
    {"angle": -180, "zoom": 1.5, "center": False, "down": 4},
]


@pytest.mark.parametrize("name", DRAWINGS)
def test_ink_and_preprocessing_are_those_of_numpy(name):
    strokes, image = DRAWINGS[name]
    found = run_js(
        SCRIPT,
        """const paper = demo.ink(data.strokes, data.image);
        return [[...paper], data.moves.map((move) => [...demo.prepare(paper, move)])];""",
        {"strokes": strokes, "image": image, "moves": MOVES},
    )
    paper = ink(strokes, image)
    assert paper.shape == (112, 112)
    np.testing.assert_allclose(np.reshape(found[0], (112, 112)), paper, atol=1e-12)
    for move, x in zip(MOVES, found[1], strict=True):
        expected = prepare(paper, **move)
        np.testing.assert_allclose(np.reshape(x, (28, 28)), expected, atol=1e-9, err_msg=str(move))


def test_ink_is_a_line_of_the_brush_width():
    paper = ink([[3, 4, 14, 24, 14]])
    across = paper[:, 56]  # 4 to a unit
    assert across.sum() / 4 == pytest.approx(3, abs=0.02)
    assert across @ (np.arange(112) + 0.5) / across.sum() == pytest.approx(56)
    assert paper.sum() / 16 == pytest.approx(20 * 3 + np.pi * 1.5**2, rel=0.01)


@pytest.mark.parametrize("at", [(4, 3), (18, 20), (10, 14)])
def test_a_drawing_anywhere_becomes_20_pixels_long_with_its_mass_in_the_middle(at):
    x, y = at
    pixels = prepare(ink([[1.5, x, y, x + 4, y, x, y + 6.5]]))
    rows = np.flatnonzero(pixels.sum(1) > 0.05)
    assert abs(rows[-1] - rows[0] + 1 - BOX) <= 1
    middle = np.arange(SIDE) + 0.5
    assert pixels.sum(0) @ middle / pixels.sum() == pytest.approx(14, abs=0.1)
    assert pixels.sum(1) @ middle / pixels.sum() == pytest.approx(14, abs=0.1)


def test_moves_do_what_they_say():
    paper = ink(SEVEN)
    still = prepare(paper)
    np.testing.assert_allclose(prepare(paper, right=3, down=-2)[:24, 4:], still[2:26, 1:25])
    np.testing.assert_allclose(prepare(paper, angle=90), np.rot90(still, -1), atol=1e-9)
    assert prepare(paper, zoom=0.5).sum() == pytest.approx(still.sum() / 4, rel=0.01)
    image = np.random.default_rng(1).random((28, 28))
    np.testing.assert_allclose(prepare(ink([], image), center=False), image)


def test_sixteen_bit_numbers_are_read_as_numpy_writes_them():
    bits = np.arange(0, 65536, 7, dtype=np.uint16)
    values = bits.view(np.float16).astype(float)
    keep = np.isfinite(values)
    found = run_js(SCRIPT, "return data.map(demo.half);", bits[keep].tolist())
    np.testing.assert_array_equal(found, values[keep])


LAYER_BY_LAYER = """const w = demo.readWeights(data.packed);
const run = demo.forward(w, demo.prepare(demo.ink(data.strokes, data.image), { center: data.center }));
return Object.fromEntries(data.names.map((name) => [name, [...run[name]]]));"""  # noqa: E501


@pytest.mark.parametrize("own", [False, True])
def test_every_layer_is_that_of_the_library(own):
    rng = np.random.default_rng(3)
    one = LeNet(weights=random_weights(rng)) if own else LeNet()
    if own:
        one.pixels = rng.random((28, 28))  # ink up to the border
    else:
        one.strokes = SEVEN
    model = lenet(rng=rng, dtype=np.float64)
    model.set_weights(one.weights)
    data = {name: getattr(one, name) for name in ("packed", "strokes", "image", "center")}
    found = run_js(SCRIPT, LAYER_BY_LAYER, data | {"names": NAMES})
    for name in NAMES:
        expected = one.layers[name]
        np.testing.assert_allclose(np.reshape(found[name], expected.shape), expected, rtol=1e-9,
                                   atol=1e-9, err_msg=name)  # fmt: skip
    np.testing.assert_allclose(model.predict(one.pixels[None, ..., None])[0], found["logits"])
    for layer, (maps, side) in LAYERS.items():
        assert one.layers[layer].shape == (side, side, maps)
    assert one.layers["dense1"].shape == (120,)
    assert one.layers["dense2"].shape == (84,)


def test_the_layers_are_those_of_keras():
    from twice import parity  # isort: skip
    import keras

    with parity.float64():
        twin = keras.Sequential(
            [
                keras.layers.Input((28, 28, 1)),
                keras.layers.Conv2D(6, 5, padding="same", activation="relu", name="conv1"),
                keras.layers.MaxPooling2D(name="pool1"),
                keras.layers.Conv2D(16, 5, activation="relu", name="conv2"),
                keras.layers.MaxPooling2D(name="pool2"),
                keras.layers.Flatten(),
                keras.layers.Dense(120, activation="relu", name="dense1"),
                keras.layers.Dense(84, activation="relu", name="dense2"),
                keras.layers.Dense(10, name="logits"),
            ]
        )
        twin.set_weights(random_weights(np.random.default_rng(4)))
        demo = LeNet(weights=twin.get_weights(), strokes=SEVEN)
        twin.set_weights(demo.weights)
        a = demo.pixels[None, ..., None]
        for layer in twin.layers:
            a = layer(a)
            if layer.name in demo.layers:
                got = keras.ops.convert_to_numpy(a)[0]
                np.testing.assert_allclose(got, demo.layers[layer.name], atol=1e-9)
    assert twin.count_params() == 61_706


def test_saliency_is_the_slope_by_central_differences_and_backpropagation():
    rng = np.random.default_rng(5)
    demo = LeNet(weights=random_weights(rng), pixels=rng.random((28, 28)))
    x, label, h = demo.pixels, 4, 1e-6
    found = run_js(
        SCRIPT,
        """const w = demo.readWeights(data.packed);
        const run = demo.forward(w, Float64Array.from(data.x));
        return [...demo.saliency(w, run, data.label)];""",
        {"packed": demo.packed, "x": x.ravel().tolist(), "label": label},
    )
    model = lenet(rng=rng, dtype=np.float64)
    model.set_weights(demo.weights)
    model.forward(x[None, ..., None])
    slopes = model.backward(np.eye(10)[[label]])
    np.testing.assert_allclose(found, slopes.ravel(), atol=1e-9)
    for place in [0, 27, 400, 415, *rng.integers(784, size=8)]:
        up, down = x.ravel().copy(), x.ravel().copy()
        up[place] += h
        down[place] -= h
        z = [forward(demo.weights, v.reshape(28, 28))["logits"][label] for v in (up, down)]
        assert found[place] == pytest.approx((z[0] - z[1]) / (2 * h), abs=1e-6)


def test_occlusion_erases_five_by_five_pixels(demo):
    places = [0, 10 * 28 + 14, 16 * 28 + 13, 27 * 28 + 27]
    found = run_js(
        SCRIPT,
        """const w = demo.readWeights(data.packed);
        const run = demo.forward(w, Float64Array.from(data.x));
        const before = [...run.input];
        const drops = data.places.map((i) => demo.occlude(w, run, 7, i));
        return [drops, before.every((v, i) => v === run.input[i])];""",
        {"packed": demo.packed, "x": demo.pixels.ravel().tolist(), "places": places},
    )
    assert found[1]  # the input itself stays
    for place, drop in zip(places, found[0], strict=True):
        x = demo.pixels
        row, column = divmod(place, 28)
        x[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = 0
        expected = demo.layers["logits"][7] - forward(demo.weights, x)["logits"][7]
        assert drop == pytest.approx(expected, abs=1e-9)
    assert found[0][0] == 0
    assert max(map(abs, found[0])) > 0.1


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ("conv1", (13, 9)),
        ("conv1", (0, 27)),
        ("pool1", (7, 4)),
        ("conv2", (4, 5)),
        ("pool2", (2, 2)),
    ],
)
def test_a_pixel_sees_the_square_it_says_and_no_other(layer, place):
    rng = np.random.default_rng(6)
    weights = [np.abs(w) for w in random_weights(rng)]  # so that nothing is cut off by ReLU
    box = run_js(SCRIPT, "return demo.seen(...data);", [layer, *place])
    inside = np.zeros((28, 28), bool)
    row, column, side = box["row"], box["column"], box["side"]
    inside[max(row, 0) : row + side, max(column, 0) : column + side] = True
    x = np.zeros((28, 28))
    for lit in (~inside).astype(float), x:
        alone = forward(weights, lit)[layer][*place]
        np.testing.assert_allclose(alone, forward(weights, x)[layer][*place])
    edges = np.argwhere(inside)
    for corner in (edges[0], edges[-1]):
        x = np.zeros((28, 28))
        x[*corner] = 1
        assert np.any(forward(weights, x)[layer][*place] > alone + 1e-9)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_pixel_is_explained_by_its_window(demo, layer):
    maps, side = LAYERS[layer]
    places = [(maps - 1, 0, side - 1), (1, side // 2, side // 2), (0, side - 1, 2)]
    found = run_js(
        SCRIPT,
        """const w = demo.readWeights(data.packed);
        const run = demo.forward(w, Float64Array.from(data.x));
        return data.places.map((place) => demo.trace(w, run, data.layer, ...place));""",
        {"packed": demo.packed, "x": demo.pixels.ravel().tolist(), "layer": layer}
        | {"places": places},
    )
    for (k, row, column), told in zip(places, found, strict=True):
        value = demo.layers[layer][row, column, k]
        assert told["value"] == pytest.approx(value, abs=1e-12)
        if layer.startswith("conv"):
            assert len(told["parts"]) == {"conv1": 1, "conv2": 6}[layer]
            assert max(told["sum"] + told["bias"], 0) == pytest.approx(value, abs=1e-12)
            for part in told["parts"]:
                assert np.multiply(part["window"], part["kernel"]) == pytest.approx(part["product"])
        else:
            assert max(told["parts"][0]["window"]) == pytest.approx(value)
            assert len(told["parts"][0]["window"]) == 4


def test_the_brightest_pixel_is_found(demo):
    found = run_js(
        SCRIPT,
        """const run = demo.forward(demo.readWeights(data.packed), Float64Array.from(data.x));
        return [0, 5].map((map) => demo.brightest(run, "conv1", map));""",
        {"packed": demo.packed, "x": demo.pixels.ravel().tolist()},
    )
    for k, place in zip((0, 5), found, strict=True):
        a = demo.layers["conv1"][..., k]
        assert a[*place] == a.max()


def one_hot(winner, p):
    return [p if k == winner else (1 - p) / 9 for k in range(10)]


STILL = {"strokes": SEVEN, "image": [], "right": 0, "down": 0, "angle": 0, "zoom": 1}


@pytest.mark.parametrize(
    ("change", "here", "unmoved", "met"),
    [
        ({"right": 3}, one_hot(2, 0.6), one_hot(7, 0.95), True),
        ({"down": -1}, one_hot(2, 0.3), one_hot(7, 0.99), True),
        ({}, one_hot(2, 0.6), one_hot(7, 0.99), False),  # not shifted
        ({"right": 3}, one_hot(7, 0.6), one_hot(7, 0.99), False),  # the same digit
        ({"right": 3}, one_hot(2, 0.6), one_hot(7, 0.94), False),  # not read well before
        ({"right": 3, "angle": 5}, one_hot(2, 0.6), one_hot(7, 0.99), False),  # turned as well
        ({"right": 3, "zoom": 0.9}, one_hot(2, 0.6), one_hot(7, 0.99), False),
        ({"right": 3, "strokes": []}, one_hot(2, 0.6), one_hot(7, 0.99), False),
        ({"right": 3, "image": [[0]]}, one_hot(2, 0.6), one_hot(7, 0.99), False),  # an example
    ],
)
def test_the_goal_asks_for_a_drawing_that_is_shifted_and_misread(change, here, unmoved, met):
    body = "return demo.goalReached(data.settings, data.here, data.unmoved);"
    data = {"settings": STILL | change, "here": here, "unmoved": unmoved}
    assert run_js(SCRIPT, body, data) is met


@pytest.mark.parametrize(
    ("change", "here", "unmoved", "words"),
    [
        ({"strokes": []}, one_hot(7, 0.9), one_hot(7, 0.9), ["Draw a digit"]),
        ({}, one_hot(8, 0.93), one_hot(8, 0.93), ["sees an 8, at 93 %; next: 0, at 1 %", "shift"]),
        ({}, one_hot(7, 0.999), one_hot(7, 0.999), ["a 7, at more than 99 %", "less than 1 %"]),
        ({}, one_hot(7, 0.6), one_hot(7, 0.6), ["not sure"]),
        ({}, one_hot(7, 0.4), one_hot(7, 0.4), ["no idea"]),
        ({"right": 2}, one_hot(7, 0.9), one_hot(7, 0.99), ["In the middle it is a 7, too"]),
        ({"welcome": True}, one_hot(7, 0.9), one_hot(7, 0.9), ["sees a 7", "That is an example"]),
        ({"welcome": True, "right": 2}, one_hot(1, 0.9), one_hot(7, 0.9), ["in the middle is a 7"]),
        ({"right": -5}, one_hot(7, 0.9), one_hot(7, 0.99), ["Still a 7", "Try", ": up, down, or"]),
        ({"down": 5}, one_hot(7, 0.9), one_hot(7, 0.99), ["Still a 7", ": left, right, or both"]),
        ({"angle": 9}, one_hot(1, 0.9), one_hot(7, 0.98), ["in the middle is a 7, at 98 %"]),
    ],
)
def test_the_sentence(change, here, unmoved, words):
    body = "return demo.explain(data.settings, data.here, data.unmoved);"
    told = run_js(SCRIPT, body, {"settings": STILL | change, "here": here, "unmoved": unmoved})
    for word in words:
        assert word in told


def test_the_way_in_words():
    places = [[4, -2], [-1, 0], [0, 0.5], [0, 0]]
    told = run_js(SCRIPT, "return data.map((place) => demo.way(...place));", places)
    assert told == ["4 right and 2 up", "1 left", "0.5 down", ""]


# ---- the class ---------------------------------------------------------------------------------


def test_the_stored_network_reads_digits_it_was_not_trained_on():
    found = results.load("lenet")
    assert found["test_images"] == 359
    assert found["test_accuracy"] > 0.98
    assert found["printed_accuracy"] > 0.95
    shifted = found["test_accuracy_shifted_right"]
    assert shifted[0] == found["test_accuracy"]
    assert shifted[1] > 0.95
    assert shifted[5] < 0.85  # not invariant at all


def test_the_stored_result_is_that_of_the_stored_weights():
    from experiments.lenet import held_out

    x, y = held_out()
    model = lenet(rng=np.random.default_rng(0))
    model.set_weights(LeNet().weights)
    share = np.mean(model.predict(x).argmax(1) == y)
    assert share == pytest.approx(results.load("lenet")["test_accuracy"], abs=0.003)
    assert len(digits()[1][1]) == len(x)


def test_a_small_run_of_the_experiment_learns():
    from experiments.lenet import held_out, make, train

    rng = np.random.default_rng(0)
    (x, y), (printed, labels) = make(1000, True, rng), make(60, False, rng)
    for images in (x, printed):
        assert images.shape[1:] == (28, 28, 1)
        assert images.min() >= 0
        assert 0.3 < images.max() <= 1 + 1e-6
    assert set(labels) == set(range(10))
    model = train(x, y, rng, epochs=3)
    images, wanted = held_out()
    assert np.mean(model.predict(images).argmax(1) == wanted) > 0.6


def test_weights_from_outside_and_what_is_wrong_with_them():
    weights = random_weights(np.random.default_rng(7))
    demo = LeNet(weights=weights)
    for ours, theirs in zip(demo.weights, weights, strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(np.float16))
    with pytest.raises(traitlets.TraitError, match=r"10 arrays of shapes .* not 9 of shapes"):
        LeNet(weights=weights[:9])
    swapped = [weights[0].T, *weights[1:]]
    with pytest.raises(
        traitlets.TraitError, match=r"\[0\] must have the shape \(5, 5, 1, 6\), not \(6, 1, 5, 5\)"
    ):
        demo.weights = swapped
    with pytest.raises(traitlets.TraitError, match="finite"):
        demo.weights = [weights[0] * np.nan, *weights[1:]]
    with pytest.raises(traitlets.TraitError, match="list of 10 arrays"):
        demo.weights = [["a"]]
    with pytest.raises(traitlets.TraitError, match="list of 10 arrays"):
        demo.weights = 3
    with pytest.raises(traitlets.TraitError, match="packed"):
        demo.packed = "AAAA"
    np.testing.assert_array_equal(demo.weights[0], weights[0].astype(np.float16))


def test_pixels_can_be_read_and_set():
    image = np.random.default_rng(8).random((28, 28, 1)).astype(np.float32)
    demo = LeNet(strokes=SEVEN, right=3, angle=20)
    assert demo.pixels.shape == (28, 28)
    demo.pixels = image
    np.testing.assert_allclose(demo.pixels, image[..., 0], atol=1e-7)
    assert (demo.strokes, demo.right, demo.angle, demo.center) == ([], 0, 0, False)
    np.testing.assert_allclose(LeNet(pixels=image).scores, demo.scores)
    assert demo.scores.sum() == pytest.approx(1)
    assert demo.predicted == demo.scores.argmax()
    demo.pixels = np.zeros((28, 28), np.uint8)
    assert not demo.pixels.any()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("pixels", np.zeros((8, 8)), r"28 rows of 28 pixels, not of shape \(8, 8\)"),
        ("pixels", np.full((28, 28), 255), "from 0 .paper. to 1 .ink., not 255.0 to 255.0"),
        ("image", [["a"]], "28 rows"),
        ("strokes", [[2, 3]], "width, x1, y1"),
        ("strokes", [[2, 3, 4, 5]], "width, x1, y1"),
        ("strokes", [[2, 3, 29]], "0 to 28"),
        ("strokes", [[0, 3, 4]], "width above 0"),
        ("strokes", ["no"], "width, x1, y1"),
        ("right", 6, "right"),
        ("angle", float("nan"), "finite"),
        ("zoom", 0.4, "zoom"),
        ("brush", 0.5, "brush"),
        ("look", "conv1.7", "conv1.1"),
        ("look", "conv3.1", "conv1.1"),
        ("look", "pool2", "conv1.1"),
        ("pixel", [28, 0], "0 to 27"),
        ("pixel", [1], "row, column"),
        ("explain", "magic", "explain"),
    ],
)
def test_bad_values_are_refused(name, value, words):
    demo = LeNet()
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(demo, name, value)


def test_the_examples_are_test_digits_and_read_right():
    demo = LeNet()
    found = np.array(
        run_js(SCRIPT, "return demo.readImages(data);", demo.examples)
    )  # as the page reads them
    assert found.shape == (len(demo.example_names), 28, 28)
    for image, name in zip(found, demo.example_names, strict=True):
        assert LeNet(image=image.tolist()).predicted == int(name[-1]), name


def test_nearly_all_sketches_are_read():
    demo, wrong = LeNet(), []
    for digit, variants in SKETCHES.items():
        for k, lines in enumerate(variants):
            demo.strokes = [[2.4, *np.clip(np.ravel(line), 0, 28)] for line in lines]
            if demo.predicted != digit:
                wrong.append((digit, k, demo.predicted))
    assert sum(map(len, SKETCHES.values())) == 40
    assert len(wrong) <= 2, wrong


def test_summary_and_picture():
    assert repr(LeNet()) == "LeNet(nothing drawn)"
    demo = LeNet(strokes=SEVEN, right=2)
    assert repr(demo).startswith("LeNet(2 strokes, right=2): it sees a ")
    assert LeNet(strokes=SEVEN).summary().startswith("LeNet(2 strokes): it sees a 7, at ")
    assert "strokes on an image" in LeNet(strokes=SEVEN, image=np.eye(28)).summary()
    assert demo.picture().startswith(b"\x89PNG")
    assert demo.picture() != LeNet().picture()
    assert LeNet(right=5).picture() != LeNet().picture()  # of the example, which moves, too
    example = run_js(SCRIPT, "return demo.readImages(data)[7];", demo.examples)
    assert np.array_equal(LeNet()._seen([], example), LeNet(image=example).pixels)


def test_what_travels_with_the_page_is_light():
    state = LeNet().get_state()
    sent = {name: len(json.dumps(value, default=str)) for name, value in state.items()}
    assert sent["packed"] + sent["examples"] < 175_000
    assert sum(sent.values()) < 260_000
    assert len(base64.b64decode(state["packed"])) == 2 * 61_706
