"""The network playground in Chromium: alone on a page, and hosted by the book's own script."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from bench import Bench, contrast
from test_playground_demo import SPIRALS

from twice.widgets import PlaygroundDemo

pytestmark = pytest.mark.browser
HOST = Path(__file__).resolve().parent.parent / "book" / "_static" / "demos.js"
BOOK = "http://localhost/chapter.html"  # answered by the test, nothing leaves the machine
MAP, NET, CURVE = ".pg-map canvas", ".pg-net canvas", ".pg-curve canvas"


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(PlaygroundDemo(**traits), **(options or {}))

    return make


@pytest.fixture
def book(new_context):
    """A page of the book: the demo's state in it, and demos.js, which brings it to life."""

    def open_page(hash_="", permissions=(), **traits):
        states = {
            "model": {"state": PlaygroundDemo(**traits).get_state()},
        }
        stored = json.dumps({"state": states}, default=str).replace("</", "<\\/")
        body = f"""<!DOCTYPE html><html lang="en" data-theme="light"><body>
            <h1 id="top">Chapter</h1><div style="height: 1500px"></div>
            <script type="application/vnd.jupyter.widget-state+json">{stored}</script>
            <script type="application/vnd.jupyter.widget-view+json">{{"model_id": "model"}}</script>
            <div style="height: 1500px"></div><script>{HOST.read_text("utf-8")}</script>
            </body></html>"""
        here = new_context(permissions=list(permissions))
        page = here.new_page()
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.route(
            "**/*", lambda route: route.fulfill(body=body, content_type="text/html; charset=utf-8")
        )
        page.goto(BOOK + hash_)
        page.wait_for_selector(".demo[data-ready]")
        page.wait_for_timeout(100)
        return page

    return open_page


def epoch(here):
    return int(here.text(".pg-epoch dd"))


def scores(page):
    """Epoch, train error, test error, train loss, test loss, as they are shown."""
    return [t.replace("\u00a0", " ") for t in page.locator(".pg-scores dd").all_inner_texts()]


def control(page, label):
    return page.get_by_label(label, exact=True)


def train_for(here, milliseconds):
    here.press("▶ Run")
    here.page.wait_for_timeout(milliseconds)
    here.press("❚❚ Pause")


def test_run_trains_live_and_pause_hands_the_weights_to_python(bench):
    here = bench(hidden=[4], options={"reduced_motion": "no-preference"})
    before = [here.pixels(canvas) for canvas in (MAP, NET, CURVE)]
    here.press("▶ Run")
    here.page.wait_for_function("Number(document.querySelector('.pg-epoch dd').innerText) > 20")
    seen = epoch(here)
    here.page.wait_for_function(
        "(seen) => Number(document.querySelector('.pg-epoch dd').innerText) > seen", arg=seen
    )
    assert here.trait("running") is True
    here.press("❚❚ Pause")
    still = epoch(here)
    here.page.wait_for_timeout(200)
    assert epoch(here) == still == here.trait("epochs")
    after = [here.pixels(canvas) for canvas in (MAP, NET, CURVE)]
    assert all(a != b for a, b in zip(before, after, strict=True))
    demo = PlaygroundDemo(hidden=[4], weights=here.trait("weights"))
    shown = scores(here.page)
    assert shown[1:] == [
        *(f"{100 * demo.error(part):.1f} %" for part in ("train", "test")),
        *(f"{demo.loss(part):.3f}" for part in ("train", "test")),
    ]
    assert here.page.evaluate("window.model.saved") >= 1
    assert here.complaints == []


def test_a_step_is_one_epoch_and_reset_goes_back_to_the_first_weights(bench):
    here = bench(hidden=[3], data="xor", seed=4)
    first = here.pixels(NET)
    formula = here.text(".pg-formula")
    for count in (1, 2, 3):
        here.press("Step")
        assert (epoch(here), here.trait("epochs")) == (count, count)
    weights = here.trait("weights")
    assert here.pixels(NET) != first
    here.press("Reset")
    assert (epoch(here), here.trait("epochs"), here.trait("weights")) == (0, 0, [])
    assert here.pixels(NET) == first
    assert here.text(".pg-formula") == formula
    for _ in range(3):  # the same seed, the same run
        here.press("Step")
    assert here.trait("weights") == weights


def test_the_goal_is_met_by_building_and_training_alone(bench):
    here = bench(speed="fast")
    train_for(here, 1500)
    assert epoch(here) > 50
    assert here.trait("goal_met") is False
    assert "A network without a hidden layer draws one straight line." in here.text(".twice-say")
    control(here.page, "Hidden layers").focus()
    for _ in range(2):
        here.page.keyboard.press("ArrowRight")
    for layer in (1, 2):
        control(here.page, f"Units in layer {layer}").focus()
        here.page.keyboard.press("End")
    control(here.page, "Optimizer").select_option("adam")
    control(here.page, "Learning rate").focus()
    for _ in range(2):
        here.page.keyboard.press("ArrowLeft")
    here.settle()
    assert here.trait("hidden") == [8, 8]
    assert here.trait("learning_rate") == 0.01
    assert epoch(here) == 0
    assert here.trait("goal_met") is False
    here.page.get_by_role("button", name="▶ Run").focus()
    here.page.keyboard.press("Enter")
    here.page.wait_for_selector(".twice-met", timeout=30_000)
    here.press("❚❚ Pause")
    assert here.trait("goal_met") is True
    banner = here.text(".twice-goal")
    assert "of 300 test points wrong" in banner
    assert "2 hidden layers of 8 and 8 tanh units" in banner
    here.page.select_option(".pg-run select", "xor")
    here.settle()
    assert here.text(".twice-goal") == banner  # a record stays


def test_another_data_set_meets_no_goal(bench):
    here = bench(data="blobs")
    train_for(here, 900)
    assert "a line is enough" in here.text(".twice-say")
    assert here.trait("goal_met") is False


def test_what_is_set_begins_anew_or_goes_on(bench):
    here = bench(hidden=[3])
    for label, value in [("Learning rate", 3), ("Momentum", 0.5), ("Batch size", 6), ("L2", 2)]:
        here.press("Step")
        control(here.page, label).fill(str(value))
        here.settle()
        assert epoch(here) > 0, label
    assert (here.trait("learning_rate"), here.trait("batch_size")) == (0.003, 64)
    assert here.trait("l2") == 0.0003
    for label, value in [("Noise", 0.3), ("Training points", 100), ("Units in layer 1", 5)]:
        here.press("Step")
        control(here.page, label).fill(str(value))
        here.settle()
        assert (epoch(here), here.trait("weights")) == (0, []), label
    control(here.page, "Activation").select_option("relu")
    here.press("Step")
    here.press("Seed 0 ▸")
    assert (epoch(here), here.trait("seed")) == (0, 1)
    control(here.page, "Optimizer").select_option("adam")
    assert control(here.page, "Momentum").is_disabled()
    assert here.complaints == []


def test_python_sets_weights_and_settings(bench):
    rng = np.random.default_rng(0)
    weights = [[rng.normal(size=(2, 1)), rng.normal(size=1)]]
    demo = PlaygroundDemo(weights=weights, epochs=9)
    here = bench(weights=weights, epochs=9)
    assert epoch(here) == 9
    assert scores(here.page)[2] == f"{100 * demo.error():.1f} %"
    for name, value in {"weights": [], "epochs": 0, "hidden": [2, 3]}.items():
        here.page.evaluate("(pair) => window.model.set(...pair)", [name, value])
    here.settle()
    assert epoch(here) == 0
    assert control(here.page, "Units in layer 2").input_value() == "3"
    assert control(here.page, "Units in layer 3").is_hidden()


def test_a_unit_is_shown_large_by_click_and_by_keyboard(bench):
    here = bench(hidden=[3, 2], activation="sigmoid")
    output = here.pixels(MAP)
    assert here.page.get_by_role("radio").count() == 2 + 3 + 2 + 1
    here.page.locator(".pg-unit").nth(3).click()
    here.settle()
    assert here.trait("unit") == "1.2"
    assert here.text(".pg-caption") == "Layer 1, unit 2: its value"
    assert "Dark line: exactly ½" in here.text(".pg-map .twice-hint")
    shown = here.pixels(MAP)
    assert shown != output
    kernel = PlaygroundDemo(hidden=[3, 2]).model.get_weights()[0][:, 1]
    terms = " ".join(here.text(".pg-formula").replace("− ", "-").replace("−", "-").split())
    assert terms.startswith(f"Layer 1, unit 2 = sigmoid({kernel[0]:.2f} x₁")
    assert f"{kernel[1]:.2f} x₂" in terms
    here.page.keyboard.press("ArrowDown")
    here.settle()
    assert here.trait("unit") == "1.3"
    assert here.pixels(MAP) != shown
    here.page.locator(".pg-unit").first.click()
    here.settle()
    assert "the first coordinate" in here.text(".pg-formula")
    control(here.page, "Hidden layers").fill("0")
    here.page.evaluate("window.model.set('unit', '1.3')")  # gone with its layer
    here.settle()
    assert here.text(".pg-caption") == "Output: probability of class 1"
    assert here.complaints == []


def test_test_points_can_be_hidden(bench):
    here = bench()
    full = here.pixels(MAP)
    control(here.page, "Show the 300 test points").uncheck()
    here.settle()
    assert here.pixels(MAP) != full
    assert here.trait("show_test") is False


def test_training_rests_out_of_sight(bench):
    here = bench(hidden=[4], options={"viewport": {"width": 900, "height": 700}})
    here.page.evaluate("document.body.style.paddingBottom = '4000px'")
    here.press("▶ Run")
    here.page.wait_for_timeout(700)
    here.page.evaluate("window.scrollTo(0, 3500)")
    here.page.wait_for_timeout(300)
    rows = epoch(here)
    here.page.wait_for_timeout(700)
    assert epoch(here) == rows > 0
    here.page.evaluate("window.scrollTo(0, 0)")
    here.page.wait_for_function(
        "(rows) => Number(document.querySelector('.pg-epoch dd').innerText) > rows", arg=rows
    )


def test_reduced_motion_trains_on_but_draws_rarely(bench):
    here = bench(hidden=[4])
    here.page.evaluate(
        """() => {
            window.drawn = 0;
            new MutationObserver(() => (window.drawn += 1))
                .observe(document.querySelector(".pg-epoch dd"), { childList: true });
        }"""
    )
    train_for(here, 2000)
    assert 2 <= here.page.evaluate("window.drawn") <= 7
    assert epoch(here) > 20


@pytest.mark.parametrize("label", ["Noise", "Learning rate", "Units in layer 2"])
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, label):
    here = bench(hidden=[8, 8])
    slider = control(here.page, label)
    low, step = (float(slider.get_attribute(name)) for name in ("min", "step"))
    assert 0 < here.answer_time(slider, low, step, steps=40) < 16


def test_a_frame_of_training_does_not_block(bench):
    """With a clock that moves 1 ms at every look, a frame has time for some eight batches."""
    here = bench(hidden=[2], speed="fast", train=20, batch_size=1)
    here.page.evaluate(
        """() => {
            let [t, next] = [0, window.requestAnimationFrame.bind(window)];
            performance.now = () => (t += 1);
            window.frames_seen = 0;
            window.requestAnimationFrame = (fn) => next((time) => {
                window.frames_seen += 1;
                fn(time);
            });
        }"""
    )
    train_for(here, 1500)
    batches, frames = 20 * here.trait("epochs"), here.page.evaluate("window.frames_seen")
    assert 0 < batches <= 9 * frames


def test_a_network_that_blows_up_stops_and_says_why(bench):
    here = bench(hidden=[8, 8], learning_rate=3, l2=1.0, speed="fast")
    here.press("▶ Run")
    here.page.wait_for_function("!window.model.state.running", timeout=20_000)
    here.settle()
    assert "no longer a number" in here.text(".twice-say")
    assert "not a number" in here.text(".pg-scores")
    assert here.trait("weights") == []
    here.press("Reset")
    assert "still random" in here.text(".twice-say")
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 375, 700, 1200])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(options={"viewport": {"width": width, "height": 800}}, hidden=[8, 4, 8, 2])
    here.tone(tone)
    here.assert_inside(width, ".pg-run", ".pg-top", ".pg-net", ".pg-curve", ".pg-group >> nth=2")
    # the diagram keeps its size and scrolls; a unit that gets the focus comes into sight
    sizes = [here.page.locator(".pg-unit").nth(i).bounding_box() for i in range(25)]
    assert min(box["width"] for box in sizes) >= 30
    assert sizes[2]["x"] - sizes[0]["x"] >= 60
    here.page.locator(".pg-unit input").last.focus()
    here.settle()
    box = here.page.locator(".pg-unit").last.bounding_box()
    assert box["x"] + box["width"] <= width
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


@pytest.mark.parametrize("card", [288, 341, 376, 680, 750, 800])
def test_nothing_is_cut_in_the_book(bench, card):
    options = {"viewport": {"width": max(card + 34, 320), "height": 800}}
    here = bench(options=options, hidden=[])
    here.in_the_book(card)
    assert here.cut() == []
    starts = "(n) => getComputedStyle(n).marginLeft"
    assert here.page.locator(".pg-scores dd").first.evaluate(starts) == "0px"


def test_the_lines_are_seen_in_both_themes(bench):
    here = bench(hidden=[4])
    for tone in ("light", "dark"):
        here.tone(tone)
        names = ("--pg-positive", "--pg-negative", "--twice-path", "--twice-curve", "--twice-muted")
        surface, *colors = (
            here.page.evaluate(
                """(name) => {
                    const probe = document.querySelector(".twice").appendChild(
                        document.createElement("i"));
                    probe.style.color = `var(${name})`;
                    const found = getComputedStyle(probe).color;
                    probe.remove();
                    return "#" + found.match(/\\d+/g).slice(0, 3)
                        .map((v) => Number(v).toString(16).padStart(2, "0")).join("");
                }""",
                name,
            )
            for name in ("--twice-surface", *names)
        )
        for name, color in zip(names, colors, strict=True):
            assert contrast(color, surface) >= (4.5 if name == "--twice-muted" else 3), (tone, name)


@pytest.mark.parametrize("width", [320, 760, 1200])
def test_nothing_moves_while_it_trains(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}}, **SPIRALS, data="moons")
    places = """() => [".pg-top", ".twice-say", ".pg-net", ".pg-formula", ".pg-curve"].map((name) =>
        document.querySelector(name).getBoundingClientRect().top)"""
    still = here.page.evaluate(places)
    for _ in range(3):
        train_for(here, 700)
        assert here.page.evaluate(places) == still


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench(hidden=[3])
    here.press("▶ Run")
    here.assert_leaves_nothing()


# ---- the page's address ------------------------------------------------------------------------


def test_a_link_opens_its_setting_and_leads_to_the_goal(book):
    page = book(PlaygroundDemo(**SPIRALS, speed="fast").link())
    assert control(page, "Units in layer 2").input_value() == "8"
    assert control(page, "Activation").input_value() == "silu"
    assert abs(page.locator(".twice").bounding_box()["y"]) < 200  # and brings the demo into sight
    page.get_by_role("button", name="▶ Run").click()
    page.wait_for_selector(".twice-met", timeout=60_000)
    assert "of 300 test points wrong" in page.locator(".twice-goal").inner_text()
    assert page.complaints == []


def test_a_bad_link_is_forgiven_with_a_message(book):
    page = book("#playground=data:moons,noise:7,colour:red,layers:3")
    assert page.locator(".pg-run select").input_value() == "moons"
    assert control(page, "Units in layer 1").input_value() == "3"
    note = page.locator(".pg-note").inner_text()
    assert "“noise:7” does not fit: noise can be 0 to 1." in note
    assert "“colour” is no setting." in note
    control(page, "Noise").fill("0.2")
    assert page.locator(".pg-note").inner_text() == ""
    assert page.complaints == []


def test_the_address_follows_the_controls_and_leaves_other_anchors_alone(book):
    page = book("#top", hidden=[2])
    assert page.url == f"{BOOK}#top"
    page.get_by_role("button", name="Step").click()
    page.wait_for_timeout(400)
    assert page.url == f"{BOOK}#top"  # training is no setting
    length = page.evaluate("history.length")
    control(page, "Noise").fill("0.35")
    control(page, "Hidden layers").fill("2")
    page.wait_for_timeout(400)
    assert page.url == BOOK + PlaygroundDemo(noise=0.35, hidden=[2, 2]).link()
    assert page.evaluate("history.length") == length
    page.evaluate("location.hash = 'top'")
    page.wait_for_timeout(400)
    assert page.url == f"{BOOK}#top"
    assert control(page, "Noise").input_value() == "0.35"
    # an exercise's link on the same page: what it does not name is as the page was written
    page.evaluate("location.hash = 'playground=data:xor,seed:5'")
    page.wait_for_timeout(400)
    assert page.locator(".pg-run select").input_value() == "xor"
    assert control(page, "Hidden layers").input_value() == "1"
    assert control(page, "Noise").input_value() == "0.1"
    assert page.url == f"{BOOK}#playground=data:xor,seed:5"
    assert page.complaints == []


def test_a_link_to_the_address_that_is_there_begins_anew(book):
    page = book("#playground=data:xor")
    page.evaluate(
        """document.body.insertAdjacentHTML("afterbegin",
            '<a id="again" href="#playground=data:xor">again</a>')"""
    )
    page.get_by_role("button", name="Step").click()
    page.wait_for_timeout(100)
    assert scores(page)[0] == "1"
    page.locator("#again").click()
    page.wait_for_timeout(200)
    assert scores(page)[0] == "0"


def test_copy_link_copies_the_address_of_the_setting(book):
    page = book("#top", ["clipboard-read", "clipboard-write"], data="circle")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Link copied.", exact=True).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == (
        BOOK + PlaygroundDemo(data="circle").link()
    )
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copy this link:").wait_for()
    field = page.get_by_label("Link to these settings")
    assert field.input_value() == BOOK + PlaygroundDemo(data="circle").link()
    assert page.evaluate("getSelection().toString()") == field.input_value()


def test_outside_the_book_the_address_is_left_alone(new_context):
    """In JupyterLab the address is the lab's: the demo neither reads nor writes it."""
    page = new_context().new_page()
    page.route("**/*", lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto(f"{BOOK}#playground=data:xor")
    here = Bench(page, PlaygroundDemo())
    here.settle()
    assert here.trait("data") == "spirals"
    control(here.page, "Noise").fill("0.4")
    here.page.wait_for_timeout(400)
    assert page.url == f"{BOOK}#playground=data:xor"
    here.page.evaluate("location.hash = 'playground=data:moons'")
    here.page.wait_for_timeout(100)
    assert here.trait("data") == "spirals"
    assert math.isclose(here.trait("noise"), 0.4)
    assert here.complaints == []
