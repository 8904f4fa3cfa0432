"""The latent plane: its JavaScript against NumPy and `twice.scratch`, and its Python class."""

import base64
from itertools import pairwise

import numpy as np
import pytest
import traitlets
from bench import contrast
from drawn_digits import SKETCHES
from js import run_js
from scipy import ndimage

from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.widgets import Latent
from twice.widgets.base import HERE, Seeded
from twice.widgets.drawing import ink, prepare, shrink
from twice.widgets.latent import (
    BRUSH,
    FRAMES,
    NETS,
    PAIR,
    SHARE,
    TONES,
    WELCOME,
    decode,
    encode,
    medoid,
    seen,
)

SCRIPT = Latent.script
SEVEN = [[2.4, 8, 6, 20, 6, 12, 23], [2.4, 10, 14, 18, 14]]
NAMES = ("packed", "sizes", "codes_packed", "labels", "examples")


@pytest.fixture(scope="module")
def stored():
    return Latent(strokes=SEVEN)


def random_net(rng, *sizes):
    arrays = []
    for n, m in pairwise(sizes):
        arrays += [rng.normal(0, 1.5 / np.sqrt(n), (n, m)), rng.normal(0, 0.3, m)]
    return arrays


def own(rng, side=16, count=30):
    """Networks of other sizes, with pictures."""
    pixels = side * side
    return {
        "encoder": random_net(rng, pixels, 12, 4),
        "decoder": random_net(rng, 2, 9, 7, pixels),
        "classifier": random_net(rng, pixels, 10),
        "x": rng.random((count, side, side)),
        "y": np.arange(count) % 10,
    }


def given(demo, **more):
    return {name: getattr(demo, name) for name in NAMES} | more


@pytest.mark.parametrize("side", [8, 12, 16, 24])
def test_a_prepared_picture_is_reduced_as_numpy_does(side):
    rng = np.random.default_rng(side)
    image = rng.random((28, 28))
    found = run_js(
        SCRIPT, "return [...demo.shrink(data[0], data[1])];", [image.ravel().tolist(), side]
    )
    expected = shrink(image, side)
    np.testing.assert_allclose(np.reshape(found, (side, side)), expected, atol=1e-12)
    assert expected.mean() == pytest.approx(image[2:26, 2:26].mean())  # areas: no ink is lost
    if 24 % side == 0:
        step = 24 // side
        blocks = image[2:26, 2:26].reshape(side, step, side, step).mean(axis=(1, 3))
        np.testing.assert_allclose(expected, blocks)
    np.testing.assert_allclose(shrink(np.ones((28, 28)), side), 1)


THERE_AND_BACK = """const model = demo.readModel(data.packed, data.sizes);
const picture = demo.seen(data.strokes, model.side);
const code = demo.encode(model, picture);
return { side: model.side, picture: [...picture], ...code, back: [...demo.decode(model, code.mean)],
    decoded: data.places.map((z) => [...demo.decode(model, z)]),
    scores: data.places.map((z) => [...demo.classify(model, demo.decode(model, z))]) };"""


@pytest.mark.parametrize("side", [0, 16, 8, 28])  # 0: the stored network
def test_there_and_back_is_that_of_numpy(stored, side):
    rng = np.random.default_rng(side)
    demo = Latent(**own(rng, side), strokes=SEVEN) if side else stored
    places = rng.normal(0, 1.5, (5, 2))
    data = given(demo, strokes=SEVEN, places=places.tolist())
    found = run_js(SCRIPT, THERE_AND_BACK, data)
    assert found["side"] == demo.side
    for name, expected in (
        ("picture", demo.pixels),
        ("mean", demo.mean),
        ("deviation", demo.deviation),
        ("back", demo.reconstruction),
    ):
        np.testing.assert_allclose(np.reshape(found[name], expected.shape), expected, rtol=1e-9,
                                   atol=1e-9, err_msg=name)  # fmt: skip
    pictures = demo.decode(places)
    assert pictures.shape == (5, demo.side, demo.side)
    np.testing.assert_allclose(found["decoded"], pictures.reshape(5, -1), atol=1e-9)
    scores = demo.classify(pictures.reshape(5, -1))
    np.testing.assert_allclose(found["scores"], scores, atol=1e-9)
    np.testing.assert_allclose(scores.sum(axis=1), 1)


def test_the_networks_are_the_library_s(stored):
    rng = np.random.default_rng(0)
    x = rng.random((6, stored.side**2))
    outputs = {}
    for net, sizes in zip(NETS, stored.sizes, strict=True):
        rows = []
        for n, m in pairwise(sizes):
            rows += [Dense(n, m, rng=rng, dtype=np.float64), Activation("relu")]
        model = Sequential(rows[:-1])
        model.set_weights(stored.weights[net])
        outputs[net] = model.predict(x if net != "decoder" else outputs["encoder"][:, :2])
    mean, deviation = encode(stored.weights["encoder"], x)
    np.testing.assert_allclose(mean, outputs["encoder"][:, :2])
    np.testing.assert_allclose(2 * np.log(deviation), outputs["encoder"][:, 2:])
    odds = np.exp(-outputs["decoder"])
    np.testing.assert_allclose(decode(stored.weights["decoder"], mean), 1 / (1 + odds))


def test_codes_middles_and_reach_are_those_of_numpy(stored):
    found = run_js(
        SCRIPT,
        """const labels = [...data.labels].map(Number);
        const codes = demo.readCodes(data.codes_packed, labels.length);
        return [codes, demo.medoids(codes, labels), demo.reachOf(codes)];""",
        given(stored),
    )
    np.testing.assert_array_equal(found[0], stored.codes)
    assert sorted(found[1], key=int) == [str(digit) for digit in stored.medoids]
    for digit, middle in stored.medoids.items():
        np.testing.assert_allclose(found[1][str(digit)], middle, atol=1e-12)
    assert found[2] == stored.reach >= max(3, np.abs(stored.codes).max())


def test_the_middle_of_codes_is_one_of_them_and_nearest_to_all():
    line = np.array([[0, 0], [1, 0], [2, 0], [50, 0.0]])
    np.testing.assert_array_equal(medoid(line), [1, 0])


def test_the_map_holds_the_pictures_in_the_middles_of_its_squares(stored):
    n, reach, side = 5, 3.0, stored.side
    found = run_js(
        SCRIPT,
        "return [...demo.mapOf(demo.readModel(data.packed, data.sizes), 5, 3)];",
        given(stored),
    )
    image = np.reshape(found, (n, side, n, side)).transpose(0, 2, 1, 3)
    for i, j, z in ((0, 0, (-2.4, 2.4)), (0, 4, (2.4, 2.4)), (2, 2, (0, 0)), (3, 1, (-1.2, -1.2))):
        np.testing.assert_allclose(image[i, j], stored.decode(z), atol=1e-9)
    assert reach == 3


def test_draws_from_the_prior_are_the_same_in_both_languages():
    found = run_js(SCRIPT, "return data.map(demo.fromPrior);", list(range(1, 200)))
    demo = Latent()
    for n in range(3):
        demo.draw_from_prior()
        np.testing.assert_allclose(demo.z, found[n])
    stream = Seeded(7)
    np.testing.assert_allclose(found[6], [stream.normal(), stream.normal()])
    assert np.abs(np.mean(found, axis=0)).max() < 0.25
    assert np.std(found, axis=0) == pytest.approx([1, 1], abs=0.2)


def test_rarity_is_the_share_of_draws_that_lie_farther_out():
    z = np.random.default_rng(0).normal(size=(200_000, 2))
    for r in (0.5, 1.515, 2.448):
        found = run_js(SCRIPT, "return demo.rarity([data, 0]);", r)
        assert found == pytest.approx(np.mean(np.hypot(*z.T) > r), abs=0.005)
    assert found == pytest.approx(0.05, abs=1e-3)  # the outer ring of the plane


@pytest.mark.parametrize(
    ("one", "other", "met"),
    [(0.5, 0.5, True), (SHARE, SHARE, True), (SHARE - 0.01, 0.6, False), (0.6, SHARE - 0.01, False),
     (0.0, 1.0, False)],
)  # fmt: skip
def test_the_goal_asks_for_half_and_half(one, other, met):
    p = np.zeros(10)
    p[list(PAIR)] = one, other
    p[0] = 1 - p.sum()
    assert run_js(SCRIPT, "return demo.goalReached(data);", p.tolist()) is met
    told = run_js(SCRIPT, "return [demo.PAIR, demo.ENOUGH, demo.FRAMES];")
    assert told == [list(PAIR), SHARE, FRAMES]


def scores(**shares):
    p = np.zeros(10)
    for name, share in shares.items():
        p[int(name[1])] = share
    return p.tolist()


CODE = {"mean": [0.5, -1], "deviation": [0.1, 0.25], "was": 4, "back": 4}


@pytest.mark.parametrize(
    ("z", "p", "drawn", "words"),
    [
        (
            [0.5, -1],
            scores(d8=0.9),
            None,
            ["At (0.50, −1.00) the decoder's picture", "is read as an 8 (90 %).", "Draw a"],
        ),
        (
            [0, 0],
            scores(d4=0.5, d9=0.4),
            None,
            ["read as a 4 (50 %) or a 9 (40 %): no clear digit."],
        ),
        ([2, -2], scores(d1=1), None, ["Only 1.8 % of the prior's draws"]),
        ([4, 0], scores(d1=1), None, ["Only one in thousands of the prior's"]),
        (
            [0, 0],
            scores(d4=1),
            CODE,
            ["0.50 ± 0.10, −1.00 ± 0.25", "Read as a 4, it comes back as a 4."],
        ),
        ([0, 0], scores(d4=1), CODE | {"back": 9}, ["comes back as a 9: two", "did not hold"]),
    ],
)
def test_the_reading(z, p, drawn, words):
    data = {"z": z, "p": p, "drawn": drawn}
    told = run_js(SCRIPT, "return demo.reading(data);", data).replace("\u00a0", " ")
    for word in words:
        assert word in told
    assert ("prior" in told) == (np.hypot(*z) > 2.448)


# ---- the stored network ------------------------------------------------------------------------


def test_the_stored_plane_is_worth_a_walk(stored):
    codes, labels = stored.codes, np.array(list(stored.labels), dtype=int)
    assert len(codes) == len(labels) >= 300
    assert set(labels) == set(range(10))
    assert np.std(codes, axis=0) == pytest.approx([1, 1], abs=0.35)  # as the prior has them
    read = stored.classify(stored.decode(codes).reshape(len(codes), -1)).argmax(axis=1)
    assert np.mean(read == labels) > 0.7
    for digit, middle in stored.medoids.items():
        assert stored.classify(stored.decode(middle).ravel()).argmax() == digit, digit
    typical = encode(stored.weights["encoder"], stored.pixels.ravel())[1]
    assert np.all((typical > 0.01) & (typical < 1))  # an ellipse that can be seen


def test_the_examples_are_two_of_each_digit_and_come_back(stored):
    demo = Latent()
    assert demo.example_labels == "".join(str(k // 2) for k in range(20))
    back = []
    for k, label in enumerate(demo.example_labels):
        demo.example = k
        assert demo.classify(demo.pixels.ravel()).argmax() == int(label), k
        back.append(demo.scores.argmax() == int(label))
        np.testing.assert_allclose(demo.z, demo.mean)
        shown = run_js(SCRIPT, "return demo.readImages(...data);", [demo.examples, demo.side])
        np.testing.assert_allclose(shown[k], demo.pixels)
    assert sum(back) >= 18


def sketches(brush):
    """The 40 drawings as the encoder gets them, and their digits."""
    found = [
        (seen([[brush, *np.clip(np.ravel(line), 0, 28)] for line in lines], 16).ravel(), digit)
        for digit, variants in SKETCHES.items()
        for lines in variants
    ]
    return map(np.array, zip(*found, strict=True))


def test_the_brush_gives_a_drawing_the_ink_of_the_digits(stored):
    examples = np.mean(run_js(SCRIPT, "return demo.readImages(...data);", [stored.examples, 16]))
    assert run_js(SCRIPT, "return demo.BRUSH;") == BRUSH
    drawn, _ = sketches(BRUSH)
    assert drawn.mean() == pytest.approx(examples, rel=0.1)


def test_drawings_are_read_and_found_on_the_plane(stored):
    x, digits = sketches(BRUSH)
    weights = stored.weights
    back = decode(weights["decoder"], encode(weights["encoder"], x)[0])
    read, again = (np.sum(stored.classify(a).argmax(axis=1) == digits) for a in (x, back))
    assert len(x) == 40
    assert read >= 30, read
    assert again >= 27, again


def test_the_goal_is_open_at_first_and_there_are_places_that_meet_it():
    demo = Latent()
    assert demo.scores[list(PAIR)].min() < SHARE
    assert f"a {PAIR[0]} turns into a {PAIR[1]}" in demo.goal
    assert f"{100 * SHARE:.0f} %" in demo.goal
    line = np.linspace(-3, 3, 601)
    met = np.zeros((601, 601), bool)
    for row, y in enumerate(line):
        p = demo.classify(demo.decode(np.stack([line, line * 0 + y], axis=-1)).reshape(601, -1))
        met[row] = (p[:, list(PAIR)] >= SHARE).all(axis=1)
    assert met.mean() < 0.01  # a place to look for, not to stumble upon
    step = 0.01 * 486 / (2 * demo.reach)  # in pixels, on a plane as wide as in the book
    assert 2 * ndimage.distance_transform_edt(met).max() * step > 3  # a mouse can hit it


def test_what_goes_to_the_page_is_small():
    state = Latent().get_state()
    assert sum(len(str(value)) for value in state.values()) < 400_000
    assert len(base64.b64decode(state["packed"])) == 2 * sum(
        (n + 1) * m for net in state["sizes"] for n, m in pairwise(net)
    )


# ---- the class ---------------------------------------------------------------------------------


def test_the_picture_is_the_drawing_prepared_and_reduced(stored):
    np.testing.assert_allclose(stored.pixels, shrink(prepare(ink(SEVEN)), stored.side))
    demo = Latent(example=-1)
    assert demo.pixels is None
    assert demo.mean is demo.deviation is demo.reconstruction is None
    assert "nothing is drawn" in repr(demo)


def test_the_point_follows_the_drawing_and_the_walk():
    demo = Latent()
    assert demo.example == WELCOME
    np.testing.assert_allclose(demo.z, demo.mean)
    demo.walk = 0.25
    np.testing.assert_allclose(demo.z, 0.75 * demo.mean + 0.25 * np.array(demo.target))
    np.testing.assert_allclose(demo.decoded, demo.frames[2])
    assert demo.frames.shape == (FRAMES, demo.side, demo.side)
    demo.target = [1, 2]
    np.testing.assert_allclose(demo.z, 0.75 * demo.mean + 0.25 * np.array([1, 2]))
    demo.strokes = SEVEN
    assert demo.walk == 0
    np.testing.assert_allclose(demo.z, demo.mean)
    demo.z = [0.5, 0.5]
    assert demo.walk == 0  # a point of one's own
    assert Latent(z=[1, 1], strokes=SEVEN, walk=0.5).z == [1, 1]


def test_networks_of_one_s_own():
    nets = own(np.random.default_rng(1))
    demo = Latent(**nets)
    assert demo.sizes == [[256, 12, 4], [2, 9, 7, 256], [256, 10]]
    for net in NETS:
        for ours, theirs in zip(demo.weights[net], nets[net], strict=True):
            np.testing.assert_array_equal(ours, theirs.astype(np.float16))
    flat = nets["x"].reshape(30, -1)
    expected = encode(demo.weights["encoder"], flat)[0].astype(np.float16)
    np.testing.assert_array_equal(demo.codes, expected)
    few = Latent(**(nets | {"x": nets["x"][:2], "y": nets["y"][:2]}))
    assert (few.example_labels, few.example) == ("01", 1)  # fewer than the one to begin with
    assert demo.example_labels == "00112233445566778899"
    np.testing.assert_allclose(demo.pixels, nets["x"][13], atol=1 / 30 + 1e-3)  # 16 shades


def test_bad_networks_are_refused():
    nets = own(np.random.default_rng(2))

    def refused(words, **change):
        with pytest.raises(traitlets.TraitError, match=words):
            Latent(**(nets | change))

    refused("given together", x=None)
    refused("encoder must be the kernels and biases", encoder=nets["decoder"])
    refused(r"from 2 to 256 numbers", decoder=nets["decoder"][:2])
    refused("decoder must be the kernels", decoder=[["a"]])
    refused("classifier must be", classifier=nets["classifier"][:1])
    refused("finite", encoder=[nets["encoder"][0] * np.nan, *nets["encoder"][1:]])
    odd = random_net(np.random.default_rng(0), 225, 4)
    refused("an even number", encoder=odd)
    refused("a label each", y=nets["y"][:3])
    refused("256 pixels", x=nets["x"][:, :8])
    refused("digits 0 to 9", y=nets["y"] + 1)
    refused("from 0 .paper. to 1", x=255 * nets["x"])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("z", [1, 2, 3], "two numbers"),
        ("z", [np.nan, 0], "finite"),
        ("target", 3, "two numbers"),
        ("walk", 1.5, "walk"),
        ("walk", float("nan"), "finite"),
        ("example", 20, "-1 to 19, not 20"),
        ("example", -2, "example"),
        ("strokes", [[2, 3]], "width, x1, y1"),
        ("strokes", 5, "width, x1, y1"),
        ("seed", -1, "seed"),
    ],
)
def test_bad_values_are_refused(stored, name, value, words):
    demo = Latent()
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(demo, name, value)
    with pytest.raises(traitlets.TraitError, match=words):
        Latent(**{name: value})


def test_summary_and_picture(stored):
    text = repr(Latent(z=[1, -0.5]))
    assert text.startswith("Latent: at (1.00, -0.50) the classifier reads ")
    assert f"; example {WELCOME}: the code is " in text
    assert "2 strokes" in repr(stored)
    for demo in (Latent(show_map=True), Latent(example=-1, show_codes=False)):
        assert demo.picture().startswith(b"\x89PNG")
        assert len(demo.picture()) > 10_000


# Linear sRGB as it is seen with protanopia and deuteranopia (Machado and others, 2009), and the
# way to Oklab (Ottosson, 2020), where 0.02 is about the least difference one sees.
SIGHTS = (
    np.eye(3),
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
     [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
     [-0.011820, 0.042940, 0.968881]],
)  # fmt: skip
TO_CONES = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
TO_LAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
          [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip


def assert_told_apart(colors):
    """Any two differ clearly for every sight, and 2, 3, 8 and 9, side by side, still more."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colors])
    rgb = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for sight in SIGHTS:
        cones = np.clip(rgb @ np.transpose(sight), 0, 1) @ np.transpose(TO_CONES)
        lab = np.cbrt(cones) @ np.transpose(TO_LAB)
        away = np.linalg.norm(lab[:, None] - lab, axis=-1) + np.eye(10)
        assert away.min() > 0.07
        assert min(away[2, 3], away[2, 8], away[3, 8], away[3, 9]) > 0.11


def test_ten_colors_are_seen_on_both_grounds_and_are_python_s():
    text = (HERE / "latent.css").read_text("utf-8")
    light, dark = (text.split("{")[k].split("}")[0] for k in (1, 2))
    for part, ground in ((light, "#ffffff"), (dark, "#171c23")):
        tones = [word.strip(" ;\n") for word in part.split("--lt-") if "#" in word]
        found = dict(tone.split(": ") for tone in (t.split(";")[0] for t in tones))
        assert len(found) == 11  # ten digits and the point
        assert all(contrast(color, ground) >= 4 for color in found.values()), found
        assert_told_apart([found[str(k)] for k in range(10)])
        if part is light:
            assert [found[str(k)] for k in range(10)] == list(TONES)


def test_the_words_stand_where_the_line_does_not_end():
    frame = {"left": 50, "top": 12, "width": 400, "height": 400}
    for end, words in (((180, 200), (258, 204.5)), ((220, 200), (142, 204.5))):
        found = run_js(SCRIPT, "return demo.wordPlace(...data);", [[200, 200], list(end), frame])
        assert (found["x"], found["y"]) == words
    corner = run_js(SCRIPT, "return demo.wordPlace(...data);", [[445, 20], [100, 300], frame])
    assert (corner["x"], corner["y"]) == (387, 26)  # the only place with room
