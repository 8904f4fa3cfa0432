"""The LeNet demo in Chromium, alone on a page, with a stand-in for the kernel."""

import itertools

import numpy as np
import pytest
from bench import contrast
from drawn_digits import SKETCHES
from js import run_js

from twice.widgets import LeNet
from twice.widgets.lenet import LAYERS

pytestmark = pytest.mark.browser
INPUT, LARGE = ".ln-input canvas", ".ln-large canvas"
SEVEN = [[2.4, 8, 6, 20, 6, 12, 23], [2.4, 10, 14, 18, 14]]
MOVES = ("right", "down", "angle", "zoom")
# A finger or a mouse that moves on a stroke: the work of one move, with its frames.
MOVE = """async (pad, v) => {
    const edge = pad.getBoundingClientRect();
    pad.dispatchEvent(new PointerEvent("pointermove", { pointerId: 1, bubbles: true,
        clientX: edge.left + edge.width * (0.2 + 0.6 * (v % 7) / 7),
        clientY: edge.top + edge.height * (0.1 + 0.8 * v / 60) }));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(LeNet(**traits), **(options or {}))

    return make


def twin(here):
    """The Python demo with the drawing and the moves of the page."""
    names = ("strokes", "image", "center", *MOVES)
    return LeNet(**{name: here.trait(name) for name in names})


def scores(here):
    rows = here.page.locator(".ln-percent").all_inner_texts()
    return np.array([float(text.replace("%", "")) for text in rows])


def draw(here, lines):
    """Draw polylines with the mouse, in the pad's units."""
    box = here.page.locator(".dw-pad canvas").bounding_box()
    for line in lines:
        places = [(box["x"] + x / 28 * box["width"], box["y"] + y / 28 * box["height"])
                  for x, y in line]  # fmt: skip
        here.page.mouse.move(*places[0])
        here.page.mouse.down()
        for (x0, y0), (x1, y1) in itertools.pairwise(places):
            here.page.mouse.move(x1, y1, steps=1 + int(np.hypot(x1 - x0, y1 - y0) / 25))
        here.page.mouse.up()
    here.settle()


def control(here, label):
    return here.page.get_by_label(label, exact=True)


def welcomed(here):
    """Is the example to begin with on the pad? No trait knows it."""
    assert here.page.locator(".dw-empty").is_visible()
    assert here.trait("strokes") == here.trait("image") == []
    return "That is an example" in here.text(".twice-say")


def test_at_first_sight_an_example_is_alive(bench):
    here, demo = bench(), LeNet()
    example = demo.example_names.index("handwritten 7")
    assert welcomed(here)
    image = run_js(LeNet.script, "return demo.readImages(data);", demo.examples)[example]
    np.testing.assert_allclose(scores(here), 100 * LeNet(image=image).scores, atol=0.051)
    for label, trait in (("Sideways", "right"), ("Up, down", "down")):
        for value in (-5, 5):
            before = here.pixels(INPUT)
            control(here, label).fill(str(value))
            here.settle()
            assert here.pixels(INPUT) != before
            assert here.trait(trait) == value
    moved = LeNet(image=image, right=5, down=5)
    np.testing.assert_allclose(scores(here), 100 * moved.scores, atol=0.051)
    assert moved.predicted != 7
    assert here.trait("goal_met") is False  # it is not the reader's digit
    assert here.trait("strokes") == here.trait("image") == []
    here.press("Back to the middle")
    assert welcomed(here)
    assert here.complaints == []


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_the_first_stroke_replaces_the_example(bench, by):
    here = bench()
    control(here, "Sideways").fill("5")
    if by == "mouse":
        draw(here, [[(14, 4), (14, 24)]])
    else:
        here.page.locator(".dw-pad").focus()
        for key in ("Space", *12 * ["ArrowDown"], "Space"):
            here.page.keyboard.press(key)
        here.settle()
    assert len(here.trait("strokes")) == 1
    assert here.trait("image") == []
    assert here.trait("right") == 0  # the shift was the example's
    assert here.page.locator(".dw-empty").is_hidden()
    assert "It sees a 1" in here.text(".twice-say")
    np.testing.assert_allclose(scores(here), 100 * twin(here).scores, atol=0.051)
    here.press("Undo")
    assert not welcomed(here)
    assert here.trait("goal_met") is False


@pytest.mark.parametrize("name", ["Clear", "Undo"])
def test_blank_paper_is_within_reach(bench, name):
    here = bench()
    here.press(name)
    assert not welcomed(here)
    assert "Blank paper" in here.text(".twice-say")
    np.testing.assert_allclose(scores(here), 100 * LeNet().scores, atol=0.051)
    here.tone("dark")
    assert not welcomed(here)


def test_what_python_draws_takes_the_place_of_the_example(bench):
    here = bench()
    here.page.evaluate("(strokes) => window.model.set('strokes', strokes)", SEVEN)
    here.settle()
    np.testing.assert_allclose(scores(here), 100 * twin(here).scores, atol=0.051)
    assert here.page.locator(".dw-empty").is_hidden()


def test_a_stroke_of_the_mouse_changes_everything(bench):
    here = bench()
    parts = [".dw-pad canvas", INPUT, ".ln-conv2 canvas", ".ln-strip", LARGE]
    before = [here.pixels(part) for part in parts]
    draw(here, [[(8, 6), (20, 6), (12, 23)], [(10, 14), (18, 14)]])
    assert not any(here.pixels(part) == old for part, old in zip(parts, before, strict=True))
    assert here.page.locator(".dw-empty").is_hidden()
    strokes = here.trait("strokes")
    assert len(strokes) == 2
    assert strokes[0][0] == 2.4
    assert strokes[0][1:3] == pytest.approx([8, 6], abs=0.1)
    assert strokes[0][-2:] == pytest.approx([12, 23], abs=0.25)
    assert "It sees a 7, at " in here.text(".twice-say")
    demo = twin(here)
    assert demo.predicted == 7
    np.testing.assert_allclose(scores(here), 100 * demo.scores, atol=0.051)
    assert here.page.locator(".ln-winner b").inner_text() == "7"
    assert here.page.evaluate("window.model.saved") == 2  # a stroke is sent when it ends
    assert here.complaints == []


def test_nearly_every_sketch_is_read_when_drawn_with_the_mouse(bench):
    here, wrong = bench(), []
    for digit, variants in SKETCHES.items():
        for k, lines in enumerate(variants):
            here.press("Clear")
            draw(here, lines)
            seen = here.page.locator(".ln-winner b").inner_text()
            if seen != str(digit):
                wrong.append((digit, k, seen))
    assert len(wrong) <= 2, wrong  # of 40
    assert here.complaints == []


def test_a_finger_draws_and_the_page_stays(bench):
    here = bench(options={"viewport": {"width": 375, "height": 700}, "has_touch": True})
    box = here.page.locator(".dw-pad").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 30
    session = here.page.context.new_cdp_session(here.page)
    for kind, step in [("touchStart", 0), *[("touchMove", k) for k in range(1, 9)]]:
        points = [{"x": x, "y": y + 25 * step}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    here.settle()
    assert len(here.trait("strokes")) == 1
    assert "It sees a 1" in here.text(".twice-say")
    assert here.page.evaluate("window.scrollY") == 0


def test_the_keyboard_draws_takes_back_and_clears(bench):
    here = bench()
    here.page.locator(".dw-pad").focus()
    keyboard = here.page.keyboard
    keyboard.press("Space")
    assert "Brush down" in here.page.locator(".dw-spoken").inner_text()
    for _ in range(12):
        keyboard.press("ArrowDown")
    keyboard.press("Space")
    here.settle()
    assert here.trait("strokes")[0][1:] == [v for k in range(13) for v in (14, 8 + k)]
    assert "It sees a 1" in here.text(".twice-say")
    keyboard.press("Shift+ArrowRight")
    keyboard.press("ArrowLeft")
    here.settle()
    assert len(here.trait("strokes")) == 1
    assert "column 13.25, row 20" in here.page.locator(".dw-pad").get_attribute("aria-label")
    keyboard.press("Space")
    keyboard.press("Tab")  # who leaves lifts the brush
    here.settle()
    assert len(here.trait("strokes")) == 2
    here.press("Undo")
    assert len(here.trait("strokes")) == 1
    here.page.locator(".dw-pad").focus()
    keyboard.press("Space")
    here.press("Clear")
    assert here.trait("strokes") == []
    assert "Draw a digit" in here.text(".twice-say")
    assert here.complaints == []


def test_the_brush_is_as_wide_as_set(bench):
    here = bench()
    control(here, "Brush").fill("4")
    draw(here, [[(14, 4), (14, 24)]])
    assert here.trait("strokes")[0][0] == 4
    assert here.trait("brush") == 4


def test_examples_are_read_and_can_be_drawn_on(bench):
    here = bench()
    buttons = here.page.locator(".ln-example")
    assert buttons.count() == 14
    assert len({buttons.nth(k).evaluate("(b) => b.ariaLabel") for k in range(14)}) == 14
    for k in (3, 12):
        buttons.nth(k).click()
        here.settle()
        assert here.page.locator(".ln-winner b").inner_text() == str(3 if k == 3 else 7)
        np.testing.assert_allclose(scores(here), 100 * twin(here).scores, atol=0.051)
    draw(here, [[(4, 4), (24, 24)]])
    assert np.shape(here.trait("image")) == (28, 28)
    for left in (0, 0):
        here.press("Undo")
        assert len(here.trait("strokes")) == left
    assert here.trait("image") == []


def test_the_goal_is_met_by_a_drawing_that_is_shifted_until_it_is_misread(bench):
    here = bench()
    draw(here, [[(8, 6), (20, 6), (12, 23)], [(10, 14), (18, 14)]])
    assert twin(here).scores[7] >= 0.95
    moved = LeNet(strokes=here.trait("strokes"))
    ways = itertools.product(range(-5, 6), range(-5, 6))
    for right, down in sorted(ways, key=lambda way: max(map(abs, way))):
        moved.right, moved.down = right, down
        if moved.predicted != 7:
            break
    assert here.trait("goal_met") is False
    for name, way, label in (("right", right, "Sideways"), ("down", down, "Up, down")):
        control(here, label).focus()
        for _ in range(abs(way)):
            assert here.trait("goal_met") is False
            here.page.keyboard.press("ArrowRight" if way > 0 else "ArrowLeft")
            here.settle()
        assert here.trait(name) == way
    assert here.trait("goal_met") is True
    banner = here.text(".twice-goal")
    assert "It read a 7 at more than 99 %. Shifted " in banner
    assert f" {moved.predicted} to it, at " in banner
    assert "place and pose matter" in here.text(".twice-say")
    for further in ("-5", "5"):
        control(here, "Sideways").fill(further)
        here.settle()
        assert here.text(".twice-goal") == banner  # the first record stays
    here.press("Back to the middle")
    assert [here.trait(name) for name in MOVES] == [0, 0, 0, 1]
    assert here.text(".twice-goal") == banner
    assert "It sees a 7" in here.text(".twice-say")


def test_an_example_or_a_turn_meets_no_goal(bench):
    here = bench()
    here.page.locator(".ln-example").nth(7).click()
    for label in ("Sideways", "Up, down"):
        control(here, label).fill("5")
        here.settle()
        control(here, label).fill("-5")
        here.settle()
    assert here.page.locator(".ln-winner b").inner_text() != "7"
    assert here.trait("goal_met") is False
    here.press("Clear")
    draw(here, [[(8, 6), (20, 6), (12, 23)]])
    control(here, "Turn").fill("180")
    here.settle()
    assert here.page.locator(".ln-winner b").inner_text() != "7"
    assert here.trait("goal_met") is False
    assert here.text(".twice-goal").endswith(LeNet().goal)


@pytest.mark.parametrize(
    ("label", "value", "trait", "kept"),
    [("Sideways", "-3", "right", -3), ("Up, down", "4", "down", 4), ("Turn", "35", "angle", 35),
     ("Size", "0.7", "zoom", 0.7)],
)  # fmt: skip
def test_the_sliders_move_the_ink(bench, label, value, trait, kept):
    here = bench(strokes=SEVEN)
    before = here.pixels(INPUT)
    control(here, label).fill(value)
    here.settle()
    assert here.trait(trait) == kept
    assert here.pixels(INPUT) != before
    np.testing.assert_allclose(scores(here), 100 * twin(here).scores, atol=0.051)


def test_without_centering_the_place_of_the_drawing_counts(bench):
    corner = [[1.2, 2, 2, 7, 2, 4, 10]]
    here = bench(strokes=corner)
    assert here.page.locator(".ln-winner b").inner_text() == "7"
    before = here.pixels(INPUT)
    control(here, "Center and scale, as MNIST").uncheck()
    here.settle()
    assert here.trait("center") is False
    assert here.pixels(INPUT) != before
    np.testing.assert_allclose(scores(here), 100 * twin(here).scores, atol=0.051)


def test_a_map_is_enlarged_by_click_keyboard_and_hover(bench):
    here = bench(strokes=SEVEN)
    demo = LeNet(strokes=SEVEN)
    assert here.page.get_by_role("radio").count() == sum(maps for maps, _ in LAYERS.values())
    here.page.locator(".ln-conv2 .ln-tile").nth(4).click()
    here.page.mouse.move(2, 2)
    here.settle()
    assert here.trait("look") == "conv2.5"
    assert here.text(".ln-look .ln-name") == "Convolution 2, map 5"
    assert here.page.locator(".ln-sum").count() == 6
    layer = demo.layers["conv2"][..., 4]
    row, column = np.unravel_index(layer.argmax(), layer.shape)
    told = here.text(".ln-told").replace("−", "-")
    assert f"Pixel [{row}, {column}]" in told
    assert f"after ReLU {layer.max():.2f}" in told
    assert "14 × 14" in told
    shown = here.pixels(LARGE)
    here.page.locator(".ln-pool1 .ln-tile").nth(1).hover()
    here.settle()
    assert here.text(".ln-look .ln-name") == "Pooling 1, map 2"
    assert "largest of the four" in here.text(".ln-told")
    assert here.trait("look") == "conv2.5"
    here.page.mouse.move(2, 2)
    here.settle()
    assert here.pixels(LARGE) == shown
    here.page.locator(".ln-tile :checked").press("ArrowRight")
    here.settle()
    assert here.trait("look") == "conv2.6"
    assert here.complaints == []


def test_a_pixel_is_chosen_by_pointer_and_keyboard_and_its_window_is_shown(bench):
    here = bench(strokes=SEVEN, look="conv1.3", pixel=[4, 6])
    assert "Pixel [4, 6]" in here.text(".ln-told")
    large = here.page.locator(".ln-large")
    large.focus()
    here.page.keyboard.press("ArrowDown")
    here.page.keyboard.press("ArrowRight")
    here.settle()
    assert here.trait("pixel") == [5, 7]
    value = LeNet(strokes=SEVEN).layers["conv1"][5, 7, 2]
    assert f"after ReLU {value:.2f}" in here.text(".ln-told")
    frame, whole = (
        here.page.locator(name).bounding_box() for name in (".ln-window", ".ln-input .ln-square")
    )
    assert frame["width"] == pytest.approx(whole["width"] * 5 / 28, abs=1)
    assert frame["x"] - whole["x"] == pytest.approx(whole["width"] * 5 / 28, abs=2)
    assert frame["y"] - whole["y"] == pytest.approx(whole["width"] * 3 / 28, abs=2)
    box = large.bounding_box()
    here.page.mouse.move(box["x"] + box["width"] * 20.5 / 28, box["y"] + box["height"] * 9.5 / 28)
    here.settle()
    assert "Pixel [9, 20]" in here.text(".ln-told")
    assert here.trait("pixel") == [5, 7]
    here.page.mouse.down()
    here.page.mouse.up()
    here.page.mouse.move(2, 2)
    here.settle()
    assert here.trait("pixel") == [9, 20]
    assert "Pixel [9, 20]" in here.text(".ln-told")
    here.page.locator(".ln-pool2 .ln-tile").nth(15).click()
    assert here.trait("pixel") == []  # the brightest of the other map


def test_which_pixels_matter_is_shown_on_demand(bench):
    here = bench(strokes=SEVEN)
    looks = {here.pixels(INPUT)}
    choice = control(here, "Which pixels matter?")
    choice.select_option("saliency")
    here.settle()
    assert "raises the score (logit) of 7" in here.text(".ln-legend")
    looks.add(here.pixels(INPUT))
    choice.select_option("occlusion")
    here.page.wait_for_selector(".ln-square[aria-busy=true]")
    here.page.wait_for_selector(".ln-square[aria-busy=false]", timeout=60_000)
    assert "erase 5 × 5 pixels" in here.text(".ln-legend")
    done = here.pixels(INPUT)
    looks.add(done)
    here.page.wait_for_timeout(300)
    assert here.pixels(INPUT) == done  # it comes to an end
    here.press("Clear")
    assert "box" in here.text(".ln-legend")
    looks.add(here.pixels(INPUT))
    assert len(looks) == 4
    assert here.complaints == []


def test_python_sends_weights_and_pixels(bench):
    rng = np.random.default_rng(0)
    here = bench(strokes=SEVEN)
    other = LeNet(weights=[0.5 * w for w in LeNet().weights], pixels=rng.random((28, 28)))
    for name in ("packed", "strokes", "image", "center"):
        value = getattr(other, name)
        here.page.evaluate("(pair) => window.model.set(...pair)", [name, value])
    here.settle()
    np.testing.assert_allclose(scores(here), 100 * other.scores, atol=0.051)


def test_a_move_of_the_mouse_is_answered_within_a_frame(bench):
    here = bench(explain="saliency", look="conv2.1")
    pad = here.page.locator(".dw-pad")
    box = pad.bounding_box()
    here.page.mouse.move(box["x"] + 40, box["y"] + 40)
    here.page.mouse.down()
    assert 0 < here.answer_time(pad, 0, 1, steps=40, action=MOVE) < 16
    assert len(here.trait("strokes")[0]) > 60
    here.page.mouse.up()


@pytest.mark.parametrize("label", ["Sideways", "Turn"])
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, label):
    here = bench(strokes=SEVEN)
    assert 0 < here.answer_time(control(here, label), -5, 0.25, steps=40) < 16


@pytest.mark.parametrize("width", [320, 375, 600, 700, 1200])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(options={"viewport": {"width": width, "height": 800}}, strokes=SEVEN,
                 look="conv2.2", explain="saliency")  # fmt: skip
    here.tone(tone)
    here.assert_inside(width, ".ln-top", ".ln-scores", ".ln-examples", ".ln-stages", ".ln-look")
    pad = here.page.locator(".dw-pad").bounding_box()
    assert pad["width"] == pytest.approx(pad["height"], abs=2)
    assert pad["width"] > 220
    for tile in (".ln-conv1", ".ln-pool2"):
        assert here.page.locator(f"{tile} .ln-tile").first.bounding_box()["width"] >= 24
    beside = here.page.locator(".ln-top .ln-scores").count()
    assert beside == (width < 640)
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


@pytest.mark.parametrize("card", [288, 341, 480, 650, 766, 800])
def test_nothing_is_cut_in_the_book(bench, card):
    options = {"viewport": {"width": max(card + 34, 320), "height": 800}}
    here = bench(options=options, strokes=SEVEN, look="conv2.16")
    here.in_the_book(card)
    for label in ("Sideways", "Up, down"):
        control(here, label).fill("-5")
    here.settle()
    assert here.cut() == []


def test_the_bars_are_seen_in_both_themes(bench):
    here = bench(strokes=SEVEN)
    for tone in ("light", "dark"):
        here.tone(tone)
        found = here.page.evaluate(
            """() => ["surface", "muted", "class0", "accent", "ink"].map((name) =>
                getComputedStyle(document.querySelector(".twice"))
                    .getPropertyValue(`--twice-${name}`).trim())"""
        )
        surface, muted, *others = found
        assert contrast(muted, surface) >= 4.5
        assert all(contrast(color, surface) >= 3 for color in others)


@pytest.mark.parametrize("width", [375, 1200])
def test_nothing_moves_while_it_is_drawn(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    names = [".dw-pad", ".ln-examples", ".twice-say", ".ln-group", ".ln-stages", ".ln-sums"]
    places = f"""() => {names}
        .map((name) => document.querySelector(name).getBoundingClientRect().top + scrollY)"""
    still = here.page.evaluate(places)
    for lines in SKETCHES[4][0], SKETCHES[8][0]:
        draw(here, lines)
        assert here.page.evaluate(places) == still
    control(here, "Sideways").fill("-1")
    here.settle()
    assert here.page.evaluate(places) == still


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench(strokes=SEVEN, explain="occlusion")
    here.assert_leaves_nothing()
