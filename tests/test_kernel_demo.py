"""The kernel demo: its JavaScript against NumPy and SciPy, and its Python class."""

import io
import itertools

import matplotlib.image
import numpy as np
import pytest
import traitlets
from js import run_js
from scipy.ndimage import correlate1d
from scipy.signal import correlate2d

from twice.scratch.convolution import Conv2D
from twice.widgets import Kernel
from twice.widgets.kernel import PICTURES, PRESETS, ZONES, fit, random_kernel

SCRIPT = "kernel.js"
HOW = ("stride", "dilation", "padding")
FALLING = [[0, 1, 0], [1, 0, -1], [0, -1, 0]]  # adds up to 0 along every falling diagonal
ONLY_RISING = [[1, -1, 0], [-1, 0, 1], [0, 1, -1]]


def reference(pixels, kernel, stride, dilation, padding):
    """SciPy's full correlation, of which every stride-th window is kept; Keras's padding."""
    n, k = len(pixels), len(kernel)
    spread = np.zeros((dilation * (k - 1) + 1,) * 2)
    spread[::dilation, ::dilation] = kernel
    span = len(spread)
    full = correlate2d(pixels, spread, mode="full")  # window i starts at i - (span - 1)
    if padding == "valid":
        first, count = 0, max(0, (n - span) // stride + 1)
    else:
        count = -(-n // stride)
        first = -(max((count - 1) * stride + span - n, 0) // 2)
    at = first + stride * np.arange(count) + span - 1
    return full[np.ix_(at, at)]


def layer(pixels, kernel, stride, dilation, padding):
    """What the book's own Conv2D answers."""
    conv = Conv2D(
        *(1, 1, len(kernel)),
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
        rng=np.random.default_rng(0),
        dtype=np.float64,
    )
    conv.params["kernel"][..., 0, 0] = kernel
    return conv.forward(np.asarray(pixels)[None, ..., None])[0, ..., 0]


def in_js(cases):
    """The output of the page for (pixels, kernel, stride, dilation, padding)."""
    answer = run_js(
        SCRIPT,
        """return data.map(([pixels, kernel, stride, dilation, padding]) => {
            const how = { stride, dilation, padding };
            const g = demo.geometry(pixels.length, kernel.length, how);
            return [g, demo.correlate(pixels, kernel, g)];
        });""",
        [[np.asarray(p).tolist(), np.asarray(k).tolist(), *how] for p, k, *how in cases],
    )
    return [(g, np.array(rows, float).reshape(g["m"], g["m"])) for g, rows in answer]


def all_cases(sizes, kernels):
    rng = np.random.default_rng(0)
    images = [rng.uniform(size=(n, n)) for n in sizes]
    settings = itertools.product((1, 2, 3, 4), (1, 2, 3), ("valid", "same"))
    return [(x, k, *how) for x, k, how in itertools.product(images, kernels, list(settings))]


def test_every_preset_at_every_setting_equals_scipy_and_the_class():
    kernels = [make(k) for make in PRESETS.values() for k in (3, 5)]
    kernels += [random_kernel(k, 3) for k in (3, 5)]
    cases = all_cases((24, 13), kernels)
    assert len(cases) == 2 * 20 * 24
    for case, (_, output) in zip(cases, in_js(cases), strict=True):
        np.testing.assert_allclose(output, reference(*case), atol=1e-12)
        np.testing.assert_allclose(output, layer(*case), atol=1e-12)
    for image, kernel, *how in cases[::7]:
        demo = Kernel(kernel, image=image, **dict(zip(HOW, how, strict=True)))
        np.testing.assert_allclose(demo.output, reference(image, kernel, *how), atol=1e-12)


def test_small_images_have_small_or_no_outputs():
    cases = all_cases(range(4, 15), [random_kernel(3, 1), random_kernel(5, 2)])
    empty = 0
    for (image, kernel, *how), (g, output) in zip(cases, in_js(cases), strict=True):
        wanted = reference(image, kernel, *how)
        assert output.shape == wanted.shape
        np.testing.assert_allclose(output, wanted, atol=1e-12)
        demo = Kernel(kernel, image=image, **dict(zip(HOW, how, strict=True)))
        assert demo.geometry == {name: g[name] for name in ("span", "before", "after", "m")}
        np.testing.assert_allclose(demo.output, wanted, atol=1e-12)
        empty += not output.size
    assert empty > 50


def test_an_uneven_zero_goes_to_the_bottom_and_the_right():
    demo = Kernel(image=np.ones((6, 6)), padding="same", stride=2, kernel=np.ones((3, 3)))
    assert demo.geometry == {"span": 3, "before": 0, "after": 1, "m": 3}
    assert demo.output.tolist() == [[9, 9, 6], [9, 9, 6], [6, 6, 4]]


def test_the_presets_are_what_they_are_called():
    made = run_js(
        SCRIPT,
        """return Object.entries(demo.PRESETS).map(([name, { make }]) =>
            [name, [3, 5].map((k) => [make(k), demo.presetOf(make(k))])]);""",
    )
    assert [name for name, _ in made] == list(PRESETS)
    for name, sizes in made:
        for k, (kernel, found) in zip((3, 5), sizes, strict=True):
            np.testing.assert_allclose(kernel, PRESETS[name](k), atol=1e-15)
            assert found == name
    x = np.random.default_rng(0).uniform(size=(9, 9))
    middle = np.index_exp[2:-2, 2:-2]

    def answer(name, k=5):
        return reference(x, PRESETS[name](k), 1, 1, "same")[middle]

    np.testing.assert_allclose(answer("identity"), x[middle])
    np.testing.assert_allclose(answer("shift", 3)[:, 1:], x[middle][:, :-1])
    np.testing.assert_allclose(answer("sharpen"), x[middle] - answer("laplacian"))
    np.testing.assert_allclose(answer("sobel_y"), sobel_y(x)[middle])
    assert PRESETS["sobel_x"](3).tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert PRESETS["emboss"](3).tolist() == [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
    sums = {name: make(5).sum() for name, make in PRESETS.items()}
    for name in ("sobel_x", "sobel_y", "laplacian"):
        assert sums.pop(name) == 0
    np.testing.assert_allclose(list(sums.values()), 1)


def sobel_y(x):
    """Smoothed along the rows, differentiated down the columns."""
    smooth = correlate1d(x, [1, 4, 6, 4, 1], axis=1, mode="constant")
    return correlate1d(smooth, [-1, -2, 0, 2, 1], axis=0, mode="constant")


def test_random_turned_and_resized_kernels_equal_numpy():
    kernels = run_js(
        SCRIPT,
        """return [0, 1, 7, 2 ** 31].map((seed) => [3, 5].map((k) => {
            const kernel = demo.randomKernel(k, seed);
            const sizes = [3, 5].map((n) => demo.resizeKernel(kernel, n));
            return [kernel, demo.turned(kernel), ...sizes];
        }));""",
    )
    for seed, pair in zip((0, 1, 7, 2**31), kernels, strict=True):
        for k, (kernel, turned, three, five) in zip((3, 5), pair, strict=True):
            wanted = random_kernel(k, seed)
            np.testing.assert_allclose(kernel, wanted)
            np.testing.assert_allclose(turned, wanted[::-1, ::-1])
            np.testing.assert_allclose(three, wanted if k == 3 else wanted[1:-1, 1:-1])
            np.testing.assert_allclose(five, wanted if k == 5 else np.pad(wanted, 1))


def test_pictures_travel_whole_and_are_cut_and_bordered_alike():
    sent = Kernel().pictures
    sizes = [4, 5, 23, 24, 25, 32]
    read = run_js(
        SCRIPT,
        """return Object.values(data.sent).map((rows) =>
            data.sizes.map((n) => demo.fitPixels(demo.readPicture(rows), n)));""",
        {"sent": sent, "sizes": sizes},
    )
    assert list(sent) == list(PICTURES)
    for (name, pixels), fitted in zip(PICTURES.items(), read, strict=True):
        assert pixels.shape == (24, 24)
        assert pixels.min() >= 0
        assert pixels.max() == 1
        for size, mine in zip(sizes, fitted, strict=True):
            np.testing.assert_allclose(mine, fit(pixels, size))
            np.testing.assert_allclose(Kernel(image=name, size=size).pixels, mine)
    odd = np.arange(25.0).reshape(5, 5) / 24
    for size in (4, 6, 7):
        mine = run_js(SCRIPT, "return demo.fitPixels(...data)", [odd.tolist(), size])
        np.testing.assert_allclose(mine, fit(odd, size))
    np.testing.assert_array_equal(fit(odd, 7)[1:-1, 1:-1], odd)


def test_the_brush_paints_a_soft_line_and_the_eraser_takes_it_away():
    blank = np.zeros((7, 7)).tolist()
    line, rest = run_js(
        SCRIPT,
        """const line = demo.paint(data, [3, 1], [3, 5]);
        return [line, demo.paint(line, [3, 1], [3, 5], true)];""",
        blank,
    )
    wanted = np.zeros((7, 7))
    wanted[2:5, 1:6] = 0.5
    wanted[3, [0, 6]] = 0.5
    wanted[3, 1:6] = 1
    assert line == wanted.tolist()
    assert rest == blank
    corner = run_js(SCRIPT, "return demo.paint(data, [0, 0], [-2, -3])", blank)
    assert np.sum(corner) == 2  # what lies outside is not painted
    diagonal = run_js(SCRIPT, "return demo.paint(data, [0, 0], [6, 6])", blank)
    np.testing.assert_array_equal(np.diag(diagonal), 1)


def test_a_window_and_the_readers_of_a_pixel_are_those_of_the_correlation():
    """An output pixel reads an image pixel where a change of the one changes the other."""
    rng = np.random.default_rng(0)
    cases = [(n, k, s, d, p) for n in (7, 10) for k, s, d, p in itertools.product(
        (3, 5), (1, 2, 3), (1, 2), ("valid", "same"))]  # fmt: skip
    answers = run_js(
        SCRIPT,
        """return data.map(([n, k, stride, dilation, padding]) => {
            const g = demo.geometry(n, k, { stride, dilation, padding });
            const pixels = Array.from({ length: n }, (_, i) =>
                Array.from({ length: n }, (_, j) => 10 * i + j + 1));
            return { readers: pixels.map((_, i) => demo.readers(g, i)),
                near: pixels.map((_, i) => g.m && demo.nearest(g, i + 0.5)),
                window: g.m && demo.windowAt(pixels, g, g.m - 1, 0) };
        });""",
        cases,
    )
    for (n, k, *how), answer in zip(cases, answers, strict=True):
        kernel = rng.uniform(1, 2, (k, k))
        read = np.array([reference(np.diag(row), kernel, *how) for row in np.eye(n)])
        m = read.shape[1]
        for i in range(n):
            assert answer["readers"][i] == np.flatnonzero(np.diag(read[i])).tolist()
        if not m:
            continue
        place = np.add.outer(10 * np.arange(n), np.arange(n)) + 1.0
        demo = Kernel(kernel, image=np.zeros((n, n)), **dict(zip(HOW, how, strict=True)))
        padded = np.pad(place, (demo.geometry["before"], demo.geometry["after"]))
        rows = np.arange(k) * how[1] + (m - 1) * how[0]
        wanted = padded[np.ix_(rows, np.arange(k) * how[1])]
        seen = np.array(answer["window"], float)
        np.testing.assert_array_equal(np.nan_to_num(seen), wanted)
        assert (np.isnan(seen) == (wanted == 0)).all()
        middles = np.arange(m) * how[0] - demo.geometry["before"] + demo.geometry["span"] / 2
        away = np.abs(middles - (np.arange(n)[:, None] + 0.5))
        np.testing.assert_allclose(away[np.arange(n), answer["near"]], away.min(axis=1))


# ---- the goal ----------------------------------------------------------------------------------


def judge(kernels, **changes):
    """(strongest answer by zone, goal reached) for each kernel."""
    setting = {"image": "stripes", "size": 24, "stride": 1, "dilation": 1} | changes
    return run_js(
        SCRIPT,
        """return data.kernels.map((kernel) => {
            const found = demo.answers(data.stripes, kernel);
            return [found, demo.goalReached(data.setting, kernel, found)];
        });""",
        {
            "kernels": [np.asarray(k).tolist() for k in kernels],
            "stripes": PICTURES["stripes"].tolist(),
            "setting": setting,
        },
    )


def test_the_strongest_answers_are_those_inside_each_zone():
    kernels = [make(k) for make in PRESETS.values() for k in (3, 5)] + [FALLING, ONLY_RISING]
    for kernel, (found, _) in zip(kernels, judge(kernels), strict=True):
        k = len(kernel)
        output = reference(PICTURES["stripes"], kernel, 1, 1, "valid")
        for name, (top, left) in ZONES.items():
            part = output[top : top + 13 - k, left : left + 13 - k]
            assert found[name] == pytest.approx(np.abs(part).max(), abs=1e-12)


def test_no_preset_meets_the_goal_and_no_random_kernel():
    kernels = [make(3) for make in PRESETS.values()]
    kernels += [-k for k in kernels] + [random_kernel(3, seed) for seed in range(200)]
    assert not any(met for _, met in judge(kernels))


def test_the_goal_is_met_by_every_kernel_with_the_property_and_by_no_other():
    rng = np.random.default_rng(0)
    good, bad = [], []
    for _ in range(50):
        a, b, c, d = rng.normal(size=4)
        kernel = np.array([[a, b, 0], [c, d, -b], [0, -c, -a - d]])
        good.append(3 * kernel / np.abs(kernel).max())
        bad.append(good[-1] + np.eye(3) * 1e-6)
        bad.append(good[-1] + np.eye(3)[::-1] * 1e-6)
    strong = [found["rising"] >= 1 for found, _ in judge(good)]
    assert np.mean(strong) > 0.9
    assert [met for _, met in judge(good)] == strong
    assert not any(met for _, met in judge(bad))
    sobel_at_45_degrees = [[2, 1, 0], [1, 0, -1], [0, -1, -2]]
    assert [met for _, met in judge([FALLING, ONLY_RISING, sobel_at_45_degrees])] == [True] * 3
    [(found, met)] = judge([0.1 * np.array(ONLY_RISING)])
    assert not met  # too weak
    assert [name for name in ZONES if found[name]] == ["rising"]
    # the stripes tell all diagonals apart: nothing but the property gives 0 there
    falling = np.array(PICTURES["stripes"][12:, 12:])
    windows = np.lib.stride_tricks.sliding_window_view(falling, (3, 3)).reshape(-1, 9)
    assert np.linalg.matrix_rank(windows) == 5


@pytest.mark.parametrize(
    "change", [{"image": "house"}, {"size": 23}, {"stride": 2}, {"dilation": 2}]
)
def test_the_goal_speaks_of_the_stripes_at_stride_and_dilation_one(change):
    assert judge([FALLING])[0][1]
    assert not judge([FALLING], **change)[0][1]
    wide = np.pad(np.array(FALLING), 1)
    assert not judge([wide])[0][1]  # 5 x 5


# ---- words -------------------------------------------------------------------------------------


def test_the_sizes_formula_and_the_padding_are_written_with_their_numbers():
    def told(n, k, stride, dilation, padding):
        how = {"stride": stride, "dilation": dilation, "padding": padding}
        return run_js(
            SCRIPT,
            """const g = demo.geometry(data.n, data.k, data);
            return [demo.sizeInWords(g), demo.settingsInWords(g, data),
                demo.explain(demo.PRESETS.sobel_x.make(data.k), g, data)];""",
            {"n": n, "k": k, "relu": False, "flip": False} | how,
        )

    formula, words, _ = told(24, 3, 2, 1, "same")
    assert formula == "O = ⌊(24 − (1·(3 − 1) + 1) + 1) / 2⌋ + 1 = ⌊22 / 2⌋ + 1 = 12"
    assert "⌈24 / 2⌉ = 12 needs 2P = 1: zeros, 0 at the top and left, 1 at the bottom" in words
    assert "jumps 2 pixels" in words
    formula, words, _ = told(24, 3, 1, 3, "valid")
    assert formula.endswith("= ⌊17 / 1⌋ + 1 = 18")
    assert "P = 0" in words
    assert "still 9 weights, but they span 7 × 7" in words
    formula, words, said = told(8, 5, 1, 3, "valid")
    assert formula.endswith("⌊−5 / 1⌋ + 1: no output, because the window does not fit")
    assert said.startswith("No output: the window spans 3·(5 − 1) + 1 = 13 pixels, but the image")
    _, words, _ = told(24, 3, 4, 1, "same")
    assert "needs no zeros" in words
    assert "Keras takes only one" in told(24, 3, 2, 2, "same")[1]


@pytest.mark.parametrize(
    ("products", "text"),
    [
        ([[0.25, 0, -1], [0, 0.5, 0], [0, 0, 2]], "0.25 − 1 + 0.5 + 2 = 1.75"),
        ([[-1, 0], [0, 1e-9]], "−1 = −1"),
        ([[0, 0], [0, 0]], "all products are 0, so the sum is 0"),
        ([[100, 20], [0, 0]], "100 + 20 = 120"),
        ([[0.5] * 5, [-0.1] * 5], "10 products that are not 0 add up to 2"),
    ],
)
def test_the_products_are_added_up_in_writing(products, text):
    assert run_js(SCRIPT, "return demo.sumInWords(data)", products) == text


def test_what_is_said_of_the_weights_sum_and_of_the_flip_is_true():
    def said(kernel, flip=False):
        data = {"kernel": np.asarray(kernel).tolist(), "flip": flip}
        return run_js(
            SCRIPT,
            """const how = { stride: 1, dilation: 1, padding: "valid" };
            const g = demo.geometry(24, data.kernel.length, how);
            return demo.explain(data.kernel, g, data);""",
            data,
        )

    assert "add up to 0, so flat areas give exactly 0" in said(PRESETS["sobel_x"](5))
    assert "add up to 1, so flat areas keep" in said(PRESETS["box_blur"](5))
    assert "multiplied by 2.5" in said(np.full((5, 5), 0.1))
    assert said(FALLING).startswith("Your own kernel")
    assert "Left minus right" in said(PRESETS["sobel_x"](3), flip=True)
    assert "moves left" in said(PRESETS["shift"](3), flip=True)
    assert "the same kernel" in said(PRESETS["laplacian"](3), flip=True)


# ---- the Python class --------------------------------------------------------------------------


def test_kernels_and_images_come_as_lists_arrays_or_names():
    demo = Kernel(np.arange(9).reshape(3, 3), image=np.eye(5), stride=2)
    assert demo.kernel == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert demo.size == 5
    assert demo.output.tolist() == [[12, 6], [2, 12]]
    demo.kernel = "sobel_y"
    assert demo.kernel == [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]
    demo.image = "house"
    assert demo.size == 24
    assert Kernel(image=np.eye(5), size=8).pixels.sum() == 5
    demo.set_state({"image": np.eye(6).tolist(), "size": 6})  # as from the page
    assert demo.size == 6


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        (
            {"kernel": [[1, 2], [3, 4]]},
            r"kernel must be of shape \(3, 3\) or \(5, 5\), not \(2, 2\)",
        ),
        ({"kernel": np.zeros((3, 5))}, r"not \(3, 5\)"),
        ({"kernel": [[1, 2, 3], [1, 2], [1]]}, "all of one length"),
        ({"kernel": "sobel"}, "one of .*'sobel_x'.*not 'sobel'"),
        ({"kernel": np.full((3, 3), np.nan)}, "kernel must hold finite numbers"),
        ({"kernel": None}, "kernel must be of shape"),
        (
            {"image": np.zeros((3, 3))},
            r"image must be square, \(4, 4\) to \(32, 32\), not \(3, 3\)",
        ),
        ({"image": np.zeros((28, 28, 1))}, r"not \(28, 28, 1\)"),
        ({"image": 255 * np.eye(8)}, "between 0 and 1, not 0 to 255"),
        ({"image": "cat"}, "'digit'.*not 'cat'"),
        ({"stride": 5}, "stride"),
        ({"dilation": 0}, "dilation"),
        ({"padding": "full"}, "padding"),
        ({"size": 33}, "size"),
        ({"tool": "pen"}, "tool"),
    ],
)
def test_wrong_values_are_told_clearly(traits, words):
    with pytest.raises(traitlets.TraitError, match=words):
        Kernel(**traits)


def test_flip_is_convolution_and_relu_keeps_the_positive():
    kernel = random_kernel(5, 4)
    plain, turned = Kernel(kernel, image="house"), Kernel(kernel, image="house", flip=True)
    wanted = reference(PICTURES["house"], kernel[::-1, ::-1], 1, 1, "valid")
    np.testing.assert_allclose(turned.output, wanted, atol=1e-12)
    assert not np.allclose(plain.output, turned.output)
    plain.relu = True
    assert plain.output.min() == 0
    plain.relu = False
    assert plain.products.sum() == pytest.approx(plain.output[plain.probe])
    assert plain.probe == (7, 12)
    assert Kernel(image=np.ones((6, 6)), row=99).probe == (3, 3)


def test_the_summary_tells_the_setting_and_the_outputs_range():
    assert Kernel().summary() == (
        "Kernel(sobel_x, 3 x 3) on 'digit', 24 x 24, stride=1, dilation=1, padding='valid': "
        "output 22 x 22 from -3.9 to 3.9"
    )
    own = Kernel(FALLING, image=np.eye(4), dilation=3, flip=True, relu=True)
    assert repr(own) == (
        "Kernel(own kernel, 3 x 3) on 'own', 4 x 4, stride=1, dilation=3, padding='valid', flip, "
        "relu: no output, the window spans 7 pixels"
    )


@pytest.mark.parametrize(
    "traits",
    [
        {},
        {"kernel": "emboss", "padding": "same", "dilation": 3, "stride": 4, "flip": True},
        {"image": np.zeros((4, 4)), "kernel": np.zeros((5, 5))},
    ],
)
def test_the_still_picture_can_be_drawn(traits):
    picture = matplotlib.image.imread(io.BytesIO(Kernel(**traits).picture()))
    assert picture.shape == (360, 960, 4)
    assert picture[..., :3].std() > 0.1
