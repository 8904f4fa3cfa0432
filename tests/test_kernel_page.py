"""The kernel demo in Chromium, alone on a page, with a stand-in for the kernel of Jupyter."""

import re

import numpy as np
import pytest
from bench import contrast

from twice.widgets import Kernel
from twice.widgets.kernel import PICTURES, PRESETS, random_kernel

pytestmark = pytest.mark.browser
FALLING = [[0, 1, 0], [1, 0, -1], [0, -1, 0]]
IMAGE, OUTPUT = ".kn-side:nth-child(1) .kn-pad", ".kn-side:nth-child(2) .kn-pad"
NAMES = ("image", "kernel", "stride", "dilation", "padding", "flip", "relu", "row", "column")


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(Kernel(**traits), **(options or {}))

    return make


def twin(here):
    """The Python demo with the settings of the page."""
    size = here.trait("size")
    return Kernel(**{name: here.trait(name) for name in NAMES}, size=size)


def title(preset):
    return preset.replace("_", " ").capitalize()


def label(here, name):
    return here.page.get_by_label(name, exact=True)


def weight(here, row, column):
    return label(here, f"Weight, row {row}, column {column}")


def at(here, pad, row, column, size=24):
    """Where a point of the image lies on the screen; no padding is shown."""
    here.page.locator(pad).scroll_into_view_if_needed()
    box = here.page.locator(f"{pad} svg").bounding_box()
    unit = (box["width"] - 46) / size
    return box["x"] + 40 + column * unit, box["y"] + 38 + row * unit


def cells(here, grid):
    texts = here.page.locator(f"{grid} > span").all_inner_texts()
    return [float(text.replace("−", "-")) for text in texts]


def assert_probe_shown(here):
    """The numbers on the page are those of NumPy."""
    demo = twin(here)
    row, column = demo.probe
    value = demo.output[row, column]
    told = here.text(f"{OUTPUT} + .kn-caption").replace("−", "-")
    assert told.startswith(f"Output row {row}, column {column}: ")
    assert float(told.split(": ")[1][:-1]) == pytest.approx(value, abs=5.1e-4)
    np.testing.assert_allclose(cells(here, ".kn-products"), demo.products.ravel(), atol=5.1e-4)
    seen = demo.windows[demo.probe].ravel()
    np.testing.assert_allclose(cells(here, ".kn-window"), seen, atol=5.1e-3)
    total = here.text(".kn-sum").replace("−", "-").split(",")[0]
    if "=" in total:
        assert f"the output in row {row}, column {column}." in here.text(".kn-sum")
        assert float(total.split("= ")[1]) == pytest.approx(demo.products.sum(), abs=5.1e-4)
    assert f"Output, {len(demo.output)} × {len(demo.output)}" in here.text(".kn-title")


def test_the_mouse_over_the_output_shows_window_products_and_sum(bench):
    here = bench()
    seen = set()
    for row, column in [(3.5, 8.5), (12.5, 14.5), (19.5, 6.5)]:
        here.page.mouse.move(*at(here, OUTPUT, row, column))
        here.settle()
        assert (here.trait("row"), here.trait("column")) == (int(row) - 1, int(column) - 1)
        assert_probe_shown(here)
        seen.add(here.text(".kn-sum"))
        rows = f"rows {int(row) - 1} to {int(row) + 1}"
        assert rows in here.text(f"{IMAGE} + .kn-caption").lower()
    assert len(seen) == 3
    saved = here.page.evaluate("window.model.saved")
    here.page.mouse.move(5, 5)
    assert here.page.evaluate("window.model.saved") > saved  # Python hears where it rested
    assert here.complaints == []


def test_the_mouse_over_the_image_shows_the_nearest_window_and_all_readers(bench):
    here = bench(stride=2)
    here.page.mouse.move(*at(here, IMAGE, 9.5, 12.5))
    here.settle()
    assert "Pixel (9, 12) is 0" in here.text(f"{IMAGE} + .kn-caption")
    assert "2 output pixels use it" in here.text(f"{IMAGE} + .kn-caption")  # 1 row, 2 columns
    assert here.page.locator(".kn-reader").count() == 2
    assert here.trait("row") == 4
    assert_probe_shown(here)
    here.page.mouse.move(5, 5)
    here.settle()
    assert here.page.locator(".kn-reader").count() == 0


def test_the_kernel_slides_over_the_image_and_stops_under_the_mouse(bench):
    here = bench(options={"reduced_motion": "no-preference"})
    whole = here.pixels(f"{OUTPUT} canvas")
    here.press("▶ Slide")
    places, halves = [], set()
    for _ in range(4):
        here.page.wait_for_timeout(250)
        places.append(here.page.evaluate("22 * model.state.row + model.state.column"))
        halves.add(here.pixels(f"{OUTPUT} canvas"))
    assert places == sorted(set(places))
    assert 22 < places[-1] < 22 * 22  # it takes seconds
    assert len(halves) == 4  # the output grows behind it
    assert whole not in halves
    here.page.mouse.move(*at(here, OUTPUT, 3.5, 8.5))
    here.settle()
    assert (here.trait("row"), here.trait("column")) == (2, 7)
    assert here.pixels(f"{OUTPUT} canvas") == whole
    here.page.wait_for_timeout(300)
    assert (here.trait("row"), here.trait("column")) == (2, 7)
    here.press("▶ Slide")
    here.page.wait_for_timeout(200)
    here.press("■ Stop")
    assert here.pixels(f"{OUTPUT} canvas") == whole
    label(here, "Stride S").fill("4")  # 6 x 6 windows: six seconds
    here.press("▶ Slide")
    here.page.get_by_role("button", name="▶ Slide").wait_for(timeout=10_000)
    assert (here.trait("row"), here.trait("column")) == (5, 5)
    assert here.complaints == []


def test_who_wants_no_motion_goes_window_by_window(bench):
    here = bench(row=3, column=21)
    here.press("Next window")
    assert (here.trait("row"), here.trait("column")) == (4, 0)
    here.page.wait_for_timeout(200)
    assert (here.trait("row"), here.trait("column")) == (4, 0)
    assert_probe_shown(here)


def test_every_setting_changes_the_output_and_tells_its_size(bench):
    here = bench(row=5, column=3)
    steps = [
        (lambda: label(here, "Stride S").fill("2"), "= ⌊21 / 2⌋ + 1 = 11"),
        (lambda: label(here, "Dilation d").fill("3"), "= ⌊17 / 2⌋ + 1 = 9"),
        (lambda: label(here, "Padding").select_option("same"), "= ⌊22 / 2⌋ + 1 = 12"),
        (lambda: label(here, "Kernel size m").fill("5"), "= ⌊22 / 2⌋ + 1 = 12"),
        (lambda: label(here, "Flip the kernel").check(), "= 12"),
        (lambda: label(here, "ReLU").check(), "= 12"),
        (lambda: label(here, "Image size W").fill("17"), "= ⌊16 / 2⌋ + 1 = 9"),
        (lambda: label(here, "Image").select_option("house"), "= ⌊22 / 2⌋ + 1 = 12"),
    ]
    pictures = {here.pixels(f"{OUTPUT} canvas")}
    for number, (step, size) in enumerate(steps, 2):
        step()
        here.settle()
        assert here.text(".kn-formula >> nth=1").endswith(size)
        assert_probe_shown(here)
        pictures.add(here.pixels(f"{OUTPUT} canvas"))
        assert len(pictures) == number
    assert here.page.locator(".kn-outer").count() == 1  # the padding's dashed border
    assert here.page.locator(".kn-apart").count() == 25  # the taps, apart
    assert "Keras takes only one" in here.text(".kn-size")
    assert here.complaints == []
    here.press("Reset")
    assert here.trait("stride") == 1
    assert here.trait("kernel") == Kernel().kernel
    assert here.trait("image") == "digit"


def test_a_window_that_does_not_fit_gives_no_output_and_says_why(bench):
    here = bench(image=np.eye(6))
    label(here, "Dilation d").fill("3")
    here.settle()
    assert "no output" in here.text(".kn-formula >> nth=1")
    assert "No output: the window spans 3·(3 − 1) + 1 = 7 pixels" in here.text(".twice-say")
    assert here.page.locator(".kn-none").is_visible()
    here.page.mouse.move(*at(here, OUTPUT, 3, 3, 6))
    here.page.mouse.move(*at(here, IMAGE, 3, 3, 6))
    here.settle()
    label(here, "Padding").select_option("same")
    here.settle()
    assert here.page.locator(".kn-none").is_hidden()
    assert_probe_shown(here)
    assert here.complaints == []


def test_presets_and_random_fill_the_kernel_in_both_sizes(bench):
    here = bench()
    for k in (3, 5):
        label(here, "Kernel size m").fill(str(k))
        here.settle()
        for name, make in PRESETS.items():
            button = here.page.get_by_role("button", name=title(name), exact=True)
            button.click()
            here.settle()
            np.testing.assert_allclose(here.trait("kernel"), make(k))
            assert button.get_attribute("aria-pressed") == "true"
            assert here.page.locator("[aria-pressed=true]").count() == 1
            shown = float(weight(here, k // 2, 0).input_value())
            assert shown == pytest.approx(make(k)[k // 2, 0], abs=5e-4)
        assert_probe_shown(here)
    for seed in (0, 1):
        here.press("Random")
        np.testing.assert_allclose(here.trait("kernel"), random_kernel(5, seed))
    label(here, "Kernel size m").fill("3")  # of no preset: cut
    here.settle()
    np.testing.assert_allclose(here.trait("kernel"), random_kernel(5, 1)[1:-1, 1:-1])


def test_the_weights_can_be_typed_also_when_the_kernel_is_turned(bench):
    here = bench(kernel=np.zeros((3, 3)))
    weight(here, 0, 2).fill("1.5")
    weight(here, 2, 1).fill("-2")
    here.settle()
    assert here.trait("kernel") == [[0, 0, 1.5], [0, 0, 0], [0, -2, 0]]
    weight(here, 0, 2).fill("")  # not a number: the weight stays
    weight(here, 2, 1).focus()
    here.settle()
    assert weight(here, 0, 2).input_value() == "1.5"
    label(here, "Flip the kernel").check()
    here.settle()
    assert weight(here, 2, 0).input_value() == "1.5"
    assert "turned by 180°" in here.text(".kn-equation")
    weight(here, 0, 0).fill("3")
    here.settle()
    assert here.trait("kernel") == [[0, 0, 1.5], [0, 0, 0], [0, -2, 3]]
    assert_probe_shown(here)
    weight(here, 0, 0).press("ArrowUp")
    assert here.trait("kernel")[2][2] == 4


def test_an_own_image_is_drawn_with_the_mouse_and_erased(bench):
    here = bench()
    here.press("Clear")
    assert here.trait("tool") == "brush"
    assert np.sum(here.trait("image")) == 0
    here.page.mouse.move(*at(here, IMAGE, 5.5, 4.5))
    here.page.mouse.down()
    here.page.mouse.move(*at(here, IMAGE, 5.5, 14.5), steps=3)
    here.page.mouse.up()
    here.settle()
    wanted = np.zeros((24, 24))
    wanted[4:7, 4:15] = 0.5
    wanted[5, [3, 15]] = 0.5
    wanted[5, 4:15] = 1
    np.testing.assert_allclose(here.trait("image"), wanted)
    assert label(here, "Image").input_value() == "own"
    assert_probe_shown(here)
    here.page.mouse.move(*at(here, IMAGE, 10, 10))  # no button: nothing is drawn
    here.settle()
    np.testing.assert_allclose(here.trait("image"), wanted)
    label(here, "Eraser").check()
    here.page.mouse.click(*at(here, IMAGE, 5.5, 8.5))
    here.settle()
    assert np.array(here.trait("image"))[4:7, 8].tolist() == [0, 0, 0]
    label(here, "Image").select_option("shapes")
    label(here, "Image").select_option("own")  # the drawing is kept
    here.settle()
    assert 0 < np.sum(here.trait("image")) < wanted.sum()
    assert here.complaints == []


def test_a_finger_draws_and_the_page_does_not_scroll(bench):
    here = bench(options={"has_touch": True, "viewport": {"width": 375, "height": 700}})
    touch = "(svg) => getComputedStyle(svg).touchAction"
    assert here.page.locator(f"{IMAGE} svg").evaluate(touch) == "pan-y"
    here.press("Clear")
    assert here.page.locator(f"{IMAGE} svg").evaluate(touch) == "none"
    x, y = at(here, IMAGE, 3.5, 3.5)
    session = here.page.context.new_cdp_session(here.page)
    scroll = here.page.evaluate("scrollY")
    points = [{"x": x, "y": y + 10 * i} for i in range(6)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    for point in points[1:]:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    here.settle()
    assert np.sum(np.array(here.trait("image")) == 1) >= 4
    assert here.page.evaluate("scrollY") == scroll


def test_everything_can_be_done_with_the_keyboard(bench):
    here = bench(row=4, column=4)
    image, output = here.page.locator(".twice-handle").all()
    output.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp"):
        here.page.keyboard.press(key)
    here.settle()
    assert (here.trait("row"), here.trait("column")) == (3, 6)
    assert output.get_attribute("aria-label").startswith("Output pixel, row 3, column 6: ")
    image.focus()
    here.page.keyboard.press("ArrowDown")  # from the middle of the window, (4, 7)
    here.settle()
    assert image.get_attribute("aria-label").startswith("Image pixel, row 5, column 7: ")
    assert (here.trait("row"), here.trait("column")) == (4, 6)
    label(here, "Brush").focus()
    here.page.keyboard.press("Space")
    image.focus()
    here.page.keyboard.press("Space")
    here.settle()
    pixels = np.array(here.trait("image"))
    assert pixels[5, 7] == 1
    assert (pixels != PICTURES["digit"]).sum() <= 5
    here.page.wait_for_timeout(700)
    assert here.text(".kn-spoken").startswith("Output row 4, column 6: ")
    assert here.complaints == []


def test_keys_between_two_frames_all_count(bench):
    here = bench(row=4, column=4)
    image, output = here.page.locator(".twice-handle").all()
    keys = """(node, keys) => keys.forEach((key) =>
        node.dispatchEvent(new KeyboardEvent("keydown", { key })))"""
    output.evaluate(keys, ["ArrowRight", "ArrowRight", "ArrowUp"])
    here.settle()
    assert (here.trait("row"), here.trait("column")) == (3, 6)
    here.press("Clear")
    image.evaluate(keys, [" ", "ArrowDown", "ArrowDown", " "])
    here.settle()
    pixels = np.array(here.trait("image"))
    assert np.argwhere(pixels == 1).tolist() == [[4, 7], [6, 7]]


def test_the_goal_is_met_by_a_kernel_blind_to_falling_stripes_and_by_no_preset(bench):
    here = bench()
    label(here, "Image").select_option("stripes")
    for name in PRESETS:
        here.press(title(name))
        assert here.trait("goal_met") is False
    assert "falling: 1 ○ exactly 0" in here.text(".kn-zones")  # shift copies the stripes
    assert "rising: 1 ✓ at least 1" in here.text(".kn-zones")
    for row, line in enumerate([[2, 1, 0], [1, 0, -1], [0, -1, -2]]):
        for column, value in enumerate(line):
            assert here.trait("goal_met") is False
            weight(here, row, column).fill(str(value))
            here.settle()
    assert here.trait("goal_met") is True
    assert "falling exactly 0" in here.text(".twice-goal")
    assert "Harder: silence | and —" in here.text(".twice-goal")
    assert here.page.locator("[data-met=true]").count() == 2
    assert "falling: 0 ✓ exactly 0" in here.text(".kn-zones")
    for row, line in enumerate([[1, -1, 0], [-1, 0, 1], [0, 1, -1]]):
        for column, value in enumerate(line):
            weight(here, row, column).fill(str(value))
    here.settle()
    assert "it is the only such kernel" in here.text(".twice-goal")
    here.press("Reset")
    assert here.trait("goal_met") is False
    label(here, "Image").select_option("stripes")
    here.press("Sobel x")  # silent on horizontal stripes, for which nobody asked
    assert "horizontal: 0" in here.text(".kn-zones")
    assert here.page.locator("[data-met=true]").count() == 1


def test_stripes_that_were_painted_over_or_sampled_do_not_count(bench):
    here = bench(kernel=FALLING, image=PICTURES["stripes"])
    assert here.page.locator(".kn-zones").is_hidden()
    assert here.trait("goal_met") is False
    here = bench(kernel=FALLING, image="stripes", stride=2)
    assert here.trait("goal_met") is False
    label(here, "Stride S").fill("1")
    here.settle()
    assert here.trait("goal_met") is True


def test_changes_from_python_are_drawn(bench):
    here = bench()
    five = random_kernel(5, 3).tolist()
    for name, value in [("kernel", five), ("image", "house"), ("row", 3), ("padding", "same")]:
        here.page.evaluate("([name, value]) => window.model.set(name, value)", [name, value])
    here.settle()
    assert_probe_shown(here)
    assert label(here, "Image").input_value() == "house"
    assert label(here, "Kernel size m").input_value() == "5"
    assert here.complaints == []


def test_a_step_of_a_slider_is_answered_within_a_frame(bench):
    here = bench(kernel=random_kernel(5, 0), padding="same", image="stripes")
    for name, start, by in [("Image size W", 4, 0.4), ("Dilation d", 1, 0.04)]:
        assert 0 < here.answer_time(label(here, name), start, by) < 16


@pytest.mark.parametrize("width", [320, 900])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    places = """() => [".kn-scale", ".kn-chips", ".kn-equation", ".kn-controls", ".kn-size"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    still = here.page.evaluate(places)
    for name, values in [("Stride S", "234"), ("Dilation d", "123"), ("Image size W", ["4", "32"])]:
        for value in values:
            label(here, name).fill(value)
            here.settle()
            assert here.page.evaluate(places) == still, (name, value)
    if width == 900:  # the slider for the kernel's size stays under the pointer
        here.press("Reset")
        still = here.page.evaluate(places)
        label(here, "Kernel size m").fill("5")
        here.settle()
        assert here.page.evaluate(places) == pytest.approx(still, abs=0.5)


def test_three_decimals_fit_into_a_cell_of_a_5_by_5_kernel(bench):
    kernel = -PRESETS["gaussian_blur"](5)
    here = bench(options={"viewport": {"width": 692, "height": 800}}, kernel=kernel)
    here.in_the_book(658)
    assert_probe_shown(here)
    assert "24 products that are not 0 add up to" in here.text(".kn-sum")
    wide = here.page.evaluate(
        """() => [...document.querySelectorAll(".kn-grid > *")].filter((cell) => {
            const [style, probe] = [getComputedStyle(cell), document.createElement("span")];
            probe.style.cssText = `position: absolute; letter-spacing: ${style.letterSpacing};
                font-family: ${style.fontFamily}; font-size: ${style.fontSize}`;
            probe.textContent = cell.value ?? cell.textContent;
            document.body.append(probe);
            const over = probe.offsetWidth > cell.clientWidth + 1;
            probe.remove();
            return over;
        }).map((cell) => cell.value ?? cell.textContent)"""
    )
    assert wide == []


@pytest.mark.parametrize("width", [320, 375, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    options = {"viewport": {"width": width, "height": 800}}
    kernel = -1000.123 * np.ones((5, 5))
    here = bench(options=options, kernel=kernel, image="stripes", dilation=3, stride=2)
    label(here, "Padding").select_option("same")
    here.in_the_book()
    here.tone(tone)
    here.assert_inside(width, ".kn-pair", ".kn-equation", ".kn-controls", ".kn-size", ".kn-chips")
    assert here.cut() == []
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.small_texts() == []
    assert here.complaints == []


def test_contrast_of_every_number_in_both_themes(bench):
    here = bench(image="house", kernel=random_kernel(5, 2), padding="same", row=0, column=0)
    for tone in ("light", "dark"):
        here.tone(tone)
        pairs = here.page.evaluate(
            """() => [...document.querySelectorAll(".kn-grid > *, .kn-tools span")].map((cell) => {
                const style = getComputedStyle(cell);
                return [style.color, style.backgroundColor];
            })"""
        )
        hexes = [
            [
                "#" + "".join(f"{int(v):02x}" for v in re.findall(r"\d+", color)[:3])
                for color in pair
            ]
            for pair in pairs
            if not pair[1].startswith("rgba(0, 0, 0, 0")
        ]
        assert len(hexes) > 75
        assert min(contrast(*pair) for pair in hexes) >= 4.5, tone


def test_every_input_has_a_label(bench):
    bench().assert_labelled()


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.assert_leaves_nothing()
