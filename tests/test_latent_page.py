"""The latent plane in Chromium, alone on a page, with a stand-in for the kernel."""

import itertools

import numpy as np
import pytest
from drawn_digits import SKETCHES

from twice.widgets import Latent
from twice.widgets.base import Seeded
from twice.widgets.latent import BRUSH, FIRST, FRAMES, PAIR, RINGS, SHARE, WELCOME

pytestmark = pytest.mark.browser
LARGE, GOT, BACK = ".lt-large canvas", ".lt-pair canvas", ".lt-pair .lt-part:last-child canvas"
PLANE = ".twice-plot canvas"
REACH = Latent().reach  # half the width of the plane
SEVEN = [[2.4, 8, 6, 20, 6, 12, 23], [2.4, 10, 14, 18, 14]]
# A mouse that moves over the plane or draws on the pad: the work of one move, with its frames.
MOVE = """async (node, v) => {
    const edge = node.getBoundingClientRect();
    node.dispatchEvent(new PointerEvent("pointermove", { pointerId: 1, bubbles: true,
        clientX: edge.left + edge.width * (0.2 + 0.6 * (v % 7) / 7),
        clientY: edge.top + edge.height * (0.1 + 0.8 * v / 60) }));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(Latent(**traits), **(options or {}))

    return make


def twin(here):
    """The Python demo with the state of the page."""
    names = ("strokes", "example", "target", "walk", "z")
    return Latent(**{name: here.trait(name) for name in names})


def scores(here):
    rows = here.page.locator(".lt-value").all_inner_texts()
    return np.array([float(text.replace("%", "")) for text in rows])


def assert_twins(here):
    """What the page shows is what Python computes."""
    demo = twin(here)
    np.testing.assert_allclose(scores(here), 100 * demo.scores, atol=0.51)
    place = f"({demo.z[0]:.2f}, {demo.z[1]:.2f})".replace("-", "−")
    assert (
        here.text(".twice-say")
        .replace("−0.00", "0.00")
        .startswith(f"At {place} the decoder's picture")
    )
    return demo


def on_plane(here, x, y):
    """Where (x, y) of the plane is on the screen."""
    box = here.page.locator(".lt-hit").bounding_box()
    share = ((x / REACH + 1) / 2, (1 - y / REACH) / 2)
    return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]


def draw(here, lines):
    """Draw polylines with the mouse, in the pad's units."""
    here.page.locator(".dw-pad").scroll_into_view_if_needed()
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


def point(here):
    return here.page.locator(".twice-handle[aria-label^='The point']")


def end(here):
    return here.page.locator(".twice-handle[aria-label^='End of the line']")


def test_at_first_sight_an_example_has_its_code_and_its_picture(bench):
    here = bench()
    demo = assert_twins(here)
    assert here.trait("example") == WELCOME
    np.testing.assert_allclose(demo.z, demo.mean, atol=1e-9)
    assert demo.example_labels[WELCOME] == str(PAIR[0])  # the walk to begin with is the goal's
    assert control(here, "Walk from your digit to").input_value() == str(FIRST) == str(PAIR[1])
    deviation = f"± {demo.deviation[0]:.2f}"
    assert deviation in here.text(".twice-say")
    assert here.trait("goal_met") is False
    assert here.text(".twice-goal").endswith(demo.goal)
    assert here.complaints == []


def test_the_ellipses_hold_what_the_rings_hold_and_can_be_seen(bench):
    here = bench(strokes=SEVEN)
    demo = twin(here)
    plane = here.page.locator(".lt-hit").bounding_box()
    unit = plane["width"] / (2 * REACH)
    for k, ring in enumerate(RINGS):
        box = here.page.locator(".lt-cloud").nth(k).bounding_box()
        for axis, name in enumerate(("width", "height")):
            assert box[name] == pytest.approx(2 * ring * demo.deviation[axis] * unit, abs=3)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        assert middle == pytest.approx(on_plane(here, *demo.mean), abs=1.5)
    for example in range(20):  # the inner one lies inside the point's ring or well outside
        here.page.evaluate("(k) => window.model.set('example', k)", example)
        here.settle()
        inner = here.page.locator(".lt-cloud").first.bounding_box()
        assert inner["width"] > 5, example
        room = 2 * 15 - 2.5  # inside the ring
        assert inner["height"] < room or inner["height"] > 36, example


def test_the_end_of_the_line_never_covers_the_words(bench):
    for width in (375, 1200):
        here = bench(options={"viewport": {"width": width, "height": 900}})
        mean = twin(here).mean
        for angle in np.arange(0, 2 * np.pi, np.pi / 6):
            place = (mean + 0.7 * np.array([np.cos(angle), np.sin(angle)])).tolist()
            here.page.evaluate("(place) => window.model.set('target', place)", place)
            here.settle()
            word = here.page.locator(".lt-word").bounding_box()
            mark = here.page.locator(".lt-end").bounding_box()
            beside = (
                word["x"] >= mark["x"] + mark["width"] or mark["x"] >= word["x"] + word["width"]
            )
            above = (
                word["y"] >= mark["y"] + mark["height"] or mark["y"] >= word["y"] + word["height"]
            )
            assert beside or above, (width, angle)


def test_a_click_and_a_drag_anywhere_move_the_point(bench):
    here = bench()
    before = here.pixels(LARGE)
    here.page.mouse.click(*on_plane(here, -1.0, -1.0))
    here.settle()
    assert here.trait("z") == pytest.approx([-1, -1], abs=0.02)
    assert here.pixels(LARGE) != before
    assert_twins(here)
    saved = here.page.evaluate("window.model.saved")
    here.page.mouse.move(*on_plane(here, 1, 1))
    here.page.mouse.down()
    here.page.mouse.move(*on_plane(here, 1.5, -0.5), steps=5)
    assert here.page.evaluate("window.model.saved") == saved  # while it is dragged nothing is sent
    here.page.mouse.up()
    here.settle()
    assert here.trait("z") == pytest.approx([1.5, -0.5], abs=0.02)
    assert here.page.evaluate("window.model.saved") > saved
    assert_twins(here)
    here.drag(point(here), 40, 30)
    unit = here.page.locator(".lt-hit").bounding_box()["width"] / (2 * REACH)
    assert here.trait("z") == pytest.approx([1.5 + 40 / unit, -0.5 - 30 / unit], abs=0.04)
    assert_twins(here)
    assert here.complaints == []


def test_arrow_keys_move_the_point_and_the_end_of_the_line(bench):
    here = bench(z=[0.5, 0.5], target=[-1, 0])
    point(here).focus()
    here.page.keyboard.press("ArrowRight")
    here.page.keyboard.press("Shift+ArrowDown")
    here.settle()
    assert here.trait("z") == pytest.approx([0.6, 0.49])
    assert_twins(here)
    end(here).focus()
    here.page.keyboard.press("ArrowUp")
    here.settle()
    assert here.trait("target") == pytest.approx([-1, 0.1])
    assert control(here, "Walk from your digit to").input_value() == "own"


def test_a_drawing_is_encoded_stroke_by_stroke_and_comes_back(bench):
    here = bench()
    parts = (".dw-pad canvas", GOT, BACK, LARGE)
    before = [here.pixels(part) for part in parts]
    draw(here, [[(8, 6), (20, 6), (12, 23)], [(10, 14), (18, 14)]])
    assert not any(here.pixels(part) == old for part, old in zip(parts, before, strict=True))
    assert len(here.trait("strokes")) == 2
    assert here.page.evaluate("window.model.saved") == 2  # a stroke is sent when it ends
    demo = assert_twins(here)
    np.testing.assert_allclose(here.trait("z"), demo.mean, atol=1e-9)
    assert f"{demo.mean[0]:.2f} ±".replace("-", "−") in here.text(".twice-say")
    read = demo.classify(demo.pixels.ravel()).argmax()
    again = demo.classify(demo.reconstruction.ravel()).argmax()
    told = "Read as {}, it comes back as {}".format(
        *("an 8" if k == 8 else f"a {k}" for k in (read, again))
    )
    assert told in here.text(".twice-say")
    assert demo.strokes[0][0] == BRUSH
    here.press("Undo")
    assert len(here.trait("strokes")) == 1
    here.press("Clear")
    assert here.trait("strokes") == []
    assert here.trait("example") == -1
    assert "Draw a digit or take one" in here.text(".twice-say")
    assert here.page.locator(".lt-cloud").first.is_hidden()
    assert end(here).is_hidden()
    assert control(here, "How far").is_disabled()
    assert here.complaints == []


def test_a_finger_draws_and_the_page_stays(bench):
    here = bench(options={"viewport": {"width": 375, "height": 900}, "has_touch": True})
    pad = here.page.locator(".dw-pad")
    pad.scroll_into_view_if_needed()
    start = here.page.evaluate("window.scrollY")
    box = pad.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 30
    session = here.page.context.new_cdp_session(here.page)
    for kind, step in [("touchStart", 0), *[("touchMove", k) for k in range(1, 9)]]:
        points = [{"x": x, "y": y + 25 * step}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    here.settle()
    assert len(here.trait("strokes")) == 1
    assert "Read as a 1, it comes back as" in here.text(".twice-say")
    assert here.page.evaluate("window.scrollY") == start


def test_a_finger_moves_the_point_by_a_tap(bench):
    here = bench(options={"viewport": {"width": 375, "height": 900}, "has_touch": True})
    here.page.locator(".lt-hit").scroll_into_view_if_needed()
    here.page.touchscreen.tap(*on_plane(here, 1, -1))
    here.settle()
    assert here.trait("z") == pytest.approx([1, -1], abs=0.05)
    assert_twins(here)


def test_the_keyboard_draws_and_takes_an_example(bench):
    here = bench()
    here.page.locator(".dw-pad").focus()
    for key in ("Space", *12 * ["ArrowDown"], "Space"):
        here.page.keyboard.press(key)
    here.settle()
    assert here.trait("strokes")[0][1:] == [v for k in range(13) for v in (14, 8 + k)]
    assert "Read as a 1, it comes back as" in here.text(".twice-say")
    example = here.page.locator(".lt-example").nth(19)
    example.focus()
    here.page.keyboard.press("Enter")
    here.settle()
    assert (here.trait("strokes"), here.trait("example")) == ([], 19)
    demo = assert_twins(here)
    np.testing.assert_allclose(here.trait("z"), demo.mean, atol=1e-9)
    assert demo.example_labels[19] == "9"
    assert here.page.locator(".lt-example").count() == 20
    draw(here, SKETCHES[1][0])
    assert len(here.trait("strokes")) == 1  # it lies on blank paper, not on the example
    np.testing.assert_allclose(twin(here).pixels, Latent(strokes=here.trait("strokes")).pixels)


def test_a_walk_goes_from_the_drawing_to_the_other_code(bench):
    here = bench()
    choice = control(here, "Walk from your digit to")
    assert choice.input_value() == "9"
    choice.select_option("0")
    here.settle()
    demo = twin(here)
    np.testing.assert_allclose(here.trait("target"), demo.medoids[0])
    bar = control(here, "How far")
    bar.fill("0.5")
    here.settle()
    demo = assert_twins(here)
    np.testing.assert_allclose(demo.z, demo.on_line(0.5))
    names = here.page.locator(".lt-digit").all_inner_texts()
    read = demo.classify(demo.frames.reshape(FRAMES, -1)).argmax(axis=1)
    assert names == [str(digit) for digit in read]
    assert names[-1] == "0"
    assert here.page.locator(".lt-now").count() == 1
    here.page.locator(".lt-stop").nth(FRAMES - 1).click()
    here.settle()
    assert here.trait("walk") == 1
    np.testing.assert_allclose(here.trait("z"), here.trait("target"))
    assert_twins(here)
    bar.fill("0")
    here.press("Walk")
    assert here.trait("walk") == 1  # who wants calm is there at once
    assert here.complaints == []


def test_a_walk_is_seen_by_those_who_like_things_to_move(bench):
    here = bench(options={"reduced_motion": "no-preference"})
    here.page.locator(".lt-walk button").click()
    seen = set()
    here.page.wait_for_function("window.model.state.walk > 0")
    for _ in range(400):
        seen.add(here.trait("walk"))
        if here.trait("walk") == 1:
            break
        here.page.wait_for_timeout(25)
    assert here.trait("walk") == 1
    assert len(seen) > 3
    assert_twins(here)
    assert here.trait("goal_met") is False  # it passed the place and did not rest there


def test_the_end_of_the_line_can_be_dragged(bench):
    here = bench()
    ends = [f".lt-stop:nth-child({k}) canvas" for k in (1, FRAMES)]
    before = [here.pixels(place) for place in ends]
    here.drag(end(here), 60, 80)
    after = [here.pixels(place) for place in ends]
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert control(here, "Walk from your digit to").input_value() == "own"


def test_draws_from_the_prior_are_those_of_python(bench):
    here = bench()
    for n in (1, 2):
        here.press("Draw from the prior")
        stream = Seeded(n)
        assert here.trait("z") == pytest.approx([stream.normal(), stream.normal()])
        assert here.trait("seed") == n
        assert_twins(here)


def test_codes_and_map_are_shown_on_demand(bench):
    here = bench()
    looks = [here.pixels(PLANE)]
    for label, shown in (
        ("Decoded map", (True, False)),  # numerals would cover the pictures
        ("Held-out digits", (True, True)),
        ("Decoded map", (False, True)),
        ("Held-out digits", (False, False)),
    ):
        control(here, label).click()
        here.settle()
        looks.append(here.pixels(PLANE))
        assert (here.trait("show_map"), here.trait("show_codes")) == shown
    assert looks[3] == looks[0]
    assert len(set(looks)) == 4
    blank = here.page.locator(PLANE).evaluate(
        "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.every((v) => !v)"
    )
    assert blank


def goal_place():
    """A place that meets the goal, found by Python: the middle of the widest spot."""
    from scipy import ndimage

    demo = Latent()
    line = np.linspace(-3, 3, 301)
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    p = np.stack([demo.classify(demo.decode(row).reshape(301, -1)) for row in grid])
    met = (p[..., list(PAIR)] >= SHARE).all(axis=-1)
    assert met.any()
    middle = np.unravel_index(ndimage.distance_transform_edt(met).argmax(), met.shape)
    return grid[middle]


def test_the_goal_is_met_by_dragging_and_by_the_keyboard(bench):
    x, y = goal_place()
    here = bench(options={"viewport": {"width": 1200, "height": 1000}})
    here.page.mouse.move(*on_plane(here, 0, 0))
    here.page.mouse.down()
    here.page.mouse.move(*on_plane(here, x, y), steps=6)
    here.page.mouse.up()
    here.settle()
    near = [a - b for a, b in zip(here.trait("z"), (x, y), strict=True)]
    assert np.abs(near).max() < 0.02  # a pixel
    for key, count in (("Right", -near[0]), ("Up", -near[1])):  # and the last hundredths
        point(here).focus()
        other = {"Right": "Left", "Up": "Down"}[key]
        for _ in range(abs(round(100 * count))):
            here.page.keyboard.press(f"Shift+Arrow{key if count > 0 else other}")
    here.settle()
    assert here.trait("goal_met") is True
    banner = here.text(".twice-goal")
    assert f"a {PAIR[0]} turns into a {PAIR[1]}" in banner
    assert "Goal met" in banner
    here.press("Draw from the prior")
    assert here.text(".twice-goal") == banner  # the first record stays


def test_the_goal_is_met_where_the_point_rests_not_where_it_passes(bench):
    demo = Latent()
    line = np.linspace(0, 1, 101)
    pictures = demo.decode([demo.on_line(t) for t in line]).reshape(101, -1)
    met = demo.classify(pictures)[:, list(PAIR)].min(axis=1) >= SHARE
    assert met.any()  # the walk to begin with passes such a place
    here = bench()
    bar = control(here, "How far")
    slide = """(bar, [value, type]) => { bar.value = value;
        bar.dispatchEvent(new Event("input")); if (type) bar.dispatchEvent(new Event(type)); }"""
    for t in line:  # a mouse that does not let go
        bar.evaluate(slide, [t, None])
        here.settle()
    assert here.trait("goal_met") is False
    assert here.page.locator(".lt-found").is_hidden()
    x, y = goal_place()
    here.page.mouse.move(*on_plane(here, 0, 0))
    here.page.mouse.down()
    for place in ((x, y), (2, 2)):
        here.page.mouse.move(*on_plane(here, *place))
        here.settle()
    here.page.mouse.up()
    here.settle()
    assert here.trait("goal_met") is False
    bar.evaluate(slide, [line[met][0], "change"])
    here.settle()
    assert here.trait("goal_met") is True
    assert "Found: at" in here.text(".twice-goal")
    mark = here.page.locator(".lt-found").bounding_box()
    there = on_plane(here, *demo.on_line(line[met][0]))
    assert abs(mark["x"] + mark["width"] / 2 - there[0]) < 3
    assert 0 < there[1] - mark["y"] - mark["height"] / 2 < 40
    where = "(node) => node.getAttribute('transform')"
    before = here.page.locator(".lt-found").evaluate(where)
    here.press("Draw from the prior")
    assert here.page.locator(".lt-found").evaluate(where) == before  # it stays


def test_a_walk_is_stopped_by_a_hand_on_the_plane(bench):
    tall = {"width": 1200, "height": 1600}
    here = bench(options={"reduced_motion": "no-preference", "viewport": tall})
    here.page.locator(".lt-walk button").click()
    here.page.wait_for_function("window.model.state.walk > 0")
    here.page.mouse.click(*on_plane(here, -1, 2))
    here.settle()
    assert here.trait("z") == pytest.approx([-1, 2], abs=0.02)
    walk = here.trait("walk")
    here.page.wait_for_timeout(300)
    assert here.trait("walk") == walk
    assert here.trait("z") == pytest.approx([-1, 2], abs=0.02)


def test_the_goal_is_not_met_on_either_side(bench):
    here = bench(example=2 * PAIR[0])
    for example in (2 * PAIR[0], 2 * PAIR[1]):
        here.page.locator(".lt-example").nth(example).click()
        here.settle()
        assert here.trait("goal_met") is False
    assert here.text(".twice-goal").endswith(Latent().goal)


def test_python_draws_walks_and_sends_networks(bench):
    rng = np.random.default_rng(0)
    here = bench()

    def send(name, value):
        here.page.evaluate("(pair) => window.model.set(...pair)", [name, value])

    send("strokes", SEVEN)
    send("walk", 0.4)
    here.settle()
    demo = assert_twins(here)
    np.testing.assert_allclose(demo.z, demo.on_line(0.4))

    def net(*sizes):
        return [
            a
            for n, m in itertools.pairwise(sizes)
            for a in (rng.normal(0, 1.5 / np.sqrt(n), (n, m)), rng.normal(0, 0.3, m))
        ]

    other = Latent(net(144, 8, 4), net(2, 9, 144), rng.random((20, 12, 12)), np.arange(20) % 10,
                   net(144, 10), z=here.trait("z"))  # fmt: skip
    names = ("sizes", "packed", "codes_packed", "labels", "examples", "example_labels")
    here.page.evaluate("(state) => Object.assign(window.model.state, state)",
                       {name: getattr(other, name) for name in names})  # fmt: skip
    send("packed", other.packed)
    here.settle()
    np.testing.assert_allclose(scores(here), 100 * other.scores, atol=0.51)
    assert here.complaints == []


def test_a_move_over_the_plane_is_answered_within_a_frame(bench):
    here = bench(show_map=True)
    here.page.mouse.move(*on_plane(here, 0, 0))
    here.page.mouse.down()
    plane = here.page.locator(".lt-hit")
    assert 0 < here.answer_time(plane, 0, 1, steps=40, action=MOVE) < 16
    here.page.mouse.up()


def test_a_move_on_the_pad_is_answered_within_a_frame(bench):
    here = bench(show_map=True)
    pad = here.page.locator(".dw-pad")
    box = pad.bounding_box()
    here.page.mouse.move(box["x"] + 40, box["y"] + 40)
    here.page.mouse.down()
    assert 0 < here.answer_time(pad, 0, 1, steps=40, action=MOVE) < 16
    assert len(here.trait("strokes")[0]) > 60
    here.page.mouse.up()


def test_a_step_of_the_walk_is_answered_within_a_frame(bench):
    here = bench(show_map=True)
    assert 0 < here.answer_time(control(here, "How far"), 0, 0.02, steps=40) < 16


@pytest.mark.parametrize("width", [320, 375, 600, 768, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(options={"viewport": {"width": width, "height": 800}}, strokes=SEVEN,
                 show_map=True)  # fmt: skip
    here.tone(tone)
    parts = (".twice-plot", ".lt-top", ".dw-pad", ".lt-pair", ".lt-examples", ".lt-frames")
    here.assert_inside(width, *parts)
    assert here.small_texts() == []
    here.assert_labelled()
    pad = here.page.locator(".dw-pad").bounding_box()
    assert pad["width"] == pytest.approx(pad["height"], abs=2)
    assert pad["width"] >= 200
    for press in (".lt-example", ".lt-stop"):
        assert here.page.locator(press).first.bounding_box()["width"] >= 24
    picture, plane = (here.page.locator(name).bounding_box() for name in (LARGE, ".lt-hit"))
    above = picture["y"] + picture["height"] <= plane["y"]
    assert above == (here.page.locator(".twice").get_attribute("data-place") == "narrow")
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


@pytest.mark.parametrize("card", [288, 341, 480, 650, 766, 800])
def test_nothing_is_cut_in_the_book(bench, card):
    options = {"viewport": {"width": max(card + 34, 320), "height": 800}}
    here = bench(options=options, strokes=SEVEN, z=[-2.75, -2.75])
    here.in_the_book(card)
    assert here.cut() == []


@pytest.mark.parametrize("width", [320, 375, 700, 1200])
def test_nothing_moves_while_the_point_is_moved(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    names = [".lt-top", ".twice-plot", ".twice-say", ".lt-examples", ".dw-pad", ".lt-frames"]
    places = f"""() => {names}
        .map((name) => document.querySelector(name).getBoundingClientRect().top + scrollY)"""
    still = here.page.evaluate(places)
    for z in ([-2.75, -2.75], [0, 0], [2.5, 2.5], [0.3, -0.3], goal_place().tolist()):
        here.page.evaluate("(z) => window.model.set('z', z)", z)
        here.settle()
        assert here.page.evaluate(places) == still, z
    assert here.trait("goal_met") is True


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench(strokes=SEVEN, show_map=True)
    here.press("Walk")
    here.assert_leaves_nothing()
