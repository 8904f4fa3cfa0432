"""The fit demo in Chromium, alone on a page, with a stand-in for the kernel."""

import re

import numpy as np
import pytest
from bench import contrast

from twice.widgets import Fit

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 360, "height": 800}}
WIDE = {"viewport": {"width": 960, "height": 900}}
SETTINGS = ("points", "seed", "count", "noise", "degree", "penalty", "strength", "share")


@pytest.fixture
def bench(new_bench):
    def make(options=None, **traits):
        return new_bench(Fit(**traits), **(options or WIDE))

    return make


def slide(here, label, value):
    here.page.get_by_label(label, exact=True).fill(str(value))
    here.settle()


def choose(here, label):
    here.page.get_by_role("radio", name=label, exact=True).check(force=True)
    here.settle()


def twin(here):
    """What Python makes of the page's traits."""
    return Fit(**{name: here.trait(name) for name in SETTINGS})


def plain(text):
    return text.replace("−", "-").replace(",", "")


def shown_errors(here):
    return [float(plain(here.text(f".twice-figure .ft-key span:nth-child({i}) b"))) for i in (1, 2)]


def assert_errors_are_those_of_python(here):
    demo = twin(here)
    wanted = [demo.training_error, demo.validation_error]
    np.testing.assert_allclose(shown_errors(here), wanted, rtol=6e-3)


def point(here, number):
    return here.page.locator(f".twice-handle[aria-label^='Training point {number} of']")


def curve(here):
    return here.page.locator(".ft-curve").get_attribute("d")


def weights(here):
    """The weights as the bars' picture tells them: [bias, w1, ...]."""
    label = here.page.locator(".ft-bars").get_attribute("aria-label")
    parts = plain(label.partition("Bias ")[2]).replace("power", ",power").split(",")
    return [float(part.rpartition(":")[2]) for part in parts if part.strip()]


# ---- what moves the fit ------------------------------------------------------------------------


def test_sliders_and_penalties_refit_the_curve(bench):
    here = bench()
    assert shown_errors(here) == [0.0113, 517]
    seen = set()
    for label, penalty in [
        ("L2", "l2"),
        ("L1", "l1"),
        ("Elastic net", "elastic"),
        ("None", "none"),
    ]:
        choose(here, label)
        assert here.trait("penalty") == penalty
        for strength, degree in [(-4, 15), (-1.2, 9), (-0.7, 3)]:
            slide(here, "Degree", degree)
            if penalty != "none":
                slide(here, "Strength λ", strength)
            if penalty == "elastic":
                slide(here, "Share of L1", 0.7)
            assert_errors_are_those_of_python(here)
            seen.add(curve(here))
    assert len(seen) == 12
    assert here.trait("strength") == pytest.approx(10**-0.7, rel=1e-5)
    assert here.page.get_by_label("Strength λ").is_disabled()
    assert here.page.get_by_label("Share of L1").is_disabled()
    assert here.complaints == []


def test_a_point_is_dragged_and_the_curve_follows(bench):
    here = bench(degree=5)
    before, first = curve(here), twin(here).training
    here.drag(point(here, 8), 12, 60)
    points = np.array(here.trait("points"))
    assert points.shape == (20, 2)
    moved = np.flatnonzero((points != first).any(axis=1))
    assert moved.tolist() == [7]
    assert points[7, 0] > first[7, 0]
    assert points[7, 1] < first[7, 1] - 0.3
    assert curve(here) != before
    assert here.page.evaluate("window.model.saved") >= 1
    assert_errors_are_those_of_python(here)
    here.drag(point(here, 8), 900, 900)  # it stays in the picture
    assert here.trait("points")[7] == [1, -2]
    here.press("Reset")
    assert here.trait("points") == []
    assert shown_errors(here) == [0.0113, 517]


def test_points_are_moved_added_and_removed_by_keys(bench):
    here = bench(degree=5)
    point(here, 1).focus()
    here.page.keyboard.press("ArrowUp")
    here.page.keyboard.press("Shift+ArrowRight")
    here.settle()
    first = Fit().training[0]
    np.testing.assert_allclose(here.trait("points")[0], first + np.array([0.005, 0.05]), atol=2e-4)
    here.page.keyboard.press("PageDown")
    assert "Training point 2 of 20" in here.page.evaluate(
        "document.activeElement.getAttribute('aria-label')"
    )
    tab_stops = here.page.locator(".twice-handle[tabindex='0']")
    assert tab_stops.count() == 1
    here.page.keyboard.press("Delete")
    here.settle()
    assert len(here.trait("points")) == 19
    assert here.trait("points")[1] == pytest.approx(Fit().training[2].tolist())
    here.press("Add a point")
    here.press("Add a point")
    assert len(here.trait("points")) == here.trait("count") == 21
    here.press("Remove one")
    assert len(here.trait("points")) == 20
    assert_errors_are_those_of_python(here)
    while here.page.get_by_role("button", name="Remove one").is_enabled():
        here.press("Remove one")
    assert len(here.trait("points")) == 3
    assert here.page.locator(".twice-handle:visible").count() == 3
    while here.page.get_by_role("button", name="Add a point").is_enabled():
        here.press("Add a point")
    assert len(here.trait("points")) == 40
    xs = np.sort(np.array(here.trait("points"))[:, 0])
    assert np.diff(xs).max() < 0.25
    assert_errors_are_those_of_python(here)
    assert here.complaints == []


def test_a_click_beside_the_points_adds_one_there(bench):
    here = bench(degree=4)
    plot = here.page.locator(".twice-figure canvas").bounding_box()
    x, y = plot["x"] + 0.5 * plot["width"], plot["y"] + 0.1 * plot["height"]
    here.page.mouse.click(x, y)
    here.settle()
    assert len(here.trait("points")) == 21
    assert here.trait("points")[-1] == [pytest.approx(0, abs=0.02), pytest.approx(1.72, abs=0.02)]
    assert_errors_are_those_of_python(here)
    here.page.mouse.click(x, y)  # on the point: it is not doubled
    here.settle()
    assert len(here.trait("points")) == 21


@pytest.mark.parametrize("options", [PHONE, WIDE])
def test_each_of_the_crowded_points_can_be_grabbed(bench, options):
    here = bench(options, degree=3)
    here.page.locator(".twice-figure").scroll_into_view_if_needed()
    for i in range(20):
        here.drag(point(here, i + 1), 0, -14)
        changed = np.array(here.trait("points")) != Fit().training
        assert np.flatnonzero(changed.any(axis=1)).tolist() == [i]
        here.page.evaluate("window.model.set('points', [])")
        here.settle()


def test_new_noise_and_the_data_draw_other_points(bench):
    here = bench()
    here.press("New noise")
    assert here.trait("seed") == 2
    assert_errors_are_those_of_python(here)
    here.drag(point(here, 3), 0, 30)
    here.page.locator("summary").click()
    slide(here, "Points", 33)
    assert here.trait("points") == []
    assert here.page.locator(".twice-handle:visible").count() == 33
    assert_errors_are_those_of_python(here)
    slide(here, "Noise σ", 0.05)
    np.testing.assert_array_equal(twin(here).training, Fit(seed=2, count=33, noise=0.05).training)
    assert_errors_are_those_of_python(here)
    here.page.get_by_label("Show the true curve").uncheck()
    here.settle()
    assert not here.page.locator("path.ft-truth:not(.ft-line)").is_visible()


# ---- errors and weights ------------------------------------------------------------------------


def point_at(here, *shares):
    """Press at this share of the errors' picture, and drag to the next ones."""
    plot = here.page.locator(".ft-side .twice-plot:visible canvas").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    places = [(box["x"] + v * box["width"], box["y"] + box["height"] / 2) for v in shares]
    here.page.mouse.move(*places[0])
    here.page.mouse.down()
    for place in places[1:]:
        here.page.mouse.move(*place, steps=5)
    here.page.mouse.up()
    here.settle()


def test_a_click_or_drag_on_the_errors_sets_strength_and_degree(bench):
    here = bench()
    point_at(here, 4.3 / 15.6)
    assert here.trait("degree") == 4
    point_at(here, 0.02, 12.3 / 15.6)
    assert here.trait("degree") == 12
    assert here.page.get_by_label("Degree", exact=True).input_value() == "12"
    choose(here, "strength")
    note = here.text(".ft-note")
    assert "No penalty: nothing changes with its strength" in note
    point_at(here, 0.2)
    assert here.trait("strength") == 0.001
    choose(here, "L1")
    point_at(here, 0.5)
    assert here.trait("strength") == pytest.approx(10**-2.5, rel=1e-4)
    assert_errors_are_those_of_python(here)
    assert here.page.evaluate("window.model.saved") >= 4
    assert here.complaints == []


def test_choosing_a_penalty_turns_to_the_strength(bench):
    here = bench()
    assert here.page.get_by_role("radio", name="degree", exact=True).is_checked()
    choose(here, "L2")
    assert here.trait("view") == "strength"
    assert here.page.get_by_role("radio", name="strength", exact=True).is_checked()
    choose(here, "degree")
    choose(here, "L1")
    assert here.trait("view") == "degree"  # whoever looks at the degree stays there


def test_the_dots_stand_on_the_curves(bench):
    here = bench(penalty="l1", strength=0.1, view="strength")
    for strength in (-3, -2, -0.5):
        slide(here, "Strength λ", strength)
        far = here.page.evaluate(
            """() => {
                const side = document.querySelector(".ft-side .twice-plot:not([hidden] *)");
                return ["training", "validation"].map((name) => {
                    const dot = side.querySelector(`circle.ft-${name}`);
                    const line = side.querySelector(`path.ft-${name}`);
                    const [x, y] = ["cx", "cy"].map((k) => Number(dot.getAttribute(k)));
                    const points = line.getAttribute("d").slice(1).split("L")
                        .map((pair) => pair.split(" ").map(Number));
                    return Math.min(...points.map(([a, b]) => Math.hypot(a - x, b - y)));
                });
            }"""
        )
        assert max(far) < 0.5


def test_bars_are_the_weights_and_zeros_are_counted(bench):
    here = bench(penalty="l1", strength=0.0251189, view="strength")
    np.testing.assert_allclose(weights(here), twin(here).coefficients, rtol=6e-3, atol=1e-6)
    assert here.text(".ft-name") == "12 of 15 weights are exactly zero; largest 2.61."
    assert here.page.locator("path.ft-zero.ft-bar:visible").count() == 12
    for k, sign in [(1, 1), (3, -1), (5, -1)]:  # a positive weight's bar rises from zero
        shape = here.page.locator("path.ft-bar").nth(k).get_attribute("d")
        zero, end = (float(v) for v in re.match(r"M\S+ ([\d.]+)V([\d.]+)H", shape).groups())
        assert (end < zero) == (sign > 0)
        assert abs(end - zero) > 5
    choose(here, "L2")
    assert here.page.locator("path.ft-zero.ft-bar:visible").count() == 0
    assert here.text(".ft-name").startswith("None of 15 weights is exactly zero")
    slide(here, "Degree", 4)
    assert here.page.locator("path.ft-bar:visible").count() == 5
    choose(here, "None")
    slide(here, "Degree", 15)
    assert "largest 49,058" in here.text(".ft-name")
    np.testing.assert_allclose(weights(here), twin(here).coefficients, rtol=6e-3)


def test_the_loss_is_written_out(bench):
    here = bench(strength=0.1, share=0.7)
    assert here.text(".ft-formula").startswith("Loss = mean squared error.\n")
    for label, terms in [
        ("L2", "+ 0.1 Σw²."),
        ("L1", "+ 0.1 Σ|w|."),
        ("Elastic net", "+ 0.07 Σ|w| + 0.03 Σw²."),
    ]:
        choose(here, label)
        assert f"Loss = mean squared error {terms}" in here.text(".ft-formula")
        assert "The bias is free" in here.text(".ft-formula")


# ---- goal and words ----------------------------------------------------------------------------


def wait_for_goal(here):
    here.page.wait_for_selector(".twice-met", timeout=20_000)


def wait_for_aim(here):
    here.page.wait_for_function(
        "document.querySelector('.twice-goal').textContent.includes('Here that is')",
        timeout=20_000,
    )


def test_the_goal_is_met_by_keys_alone_and_l2_is_not_enough(bench):
    here = bench()
    wait_for_aim(here)
    assert "Here that is 0.0746 or less." in here.text(".twice-goal")
    choose(here, "L2")
    strength = here.page.get_by_label("Strength λ")
    strength.focus()
    for _ in range(25):  # from 10⁻³ upwards
        here.page.keyboard.press("ArrowRight")
        here.settle()
        assert shown_errors(here)[1] > 0.0746
    assert here.trait("goal_met") is False
    here.page.get_by_role("radio", name="L2").focus()
    here.page.keyboard.press("ArrowRight")
    here.settle()
    assert here.trait("penalty") == "l1"
    strength.focus()
    for _ in range(60):
        if shown_errors(here)[1] <= 0.0746:
            break
        here.page.keyboard.press("ArrowLeft")
        here.settle()
    wait_for_goal(here)
    assert here.trait("goal_met") is True
    assert "with L1 at strength 0.0" in here.text(".twice-goal")
    told = here.page.locator(".twice-goal [role=status]").inner_text()
    slide(here, "Degree", 2)
    here.page.wait_for_timeout(500)
    assert here.trait("goal_met") is True  # once met, it stays met
    assert here.page.locator(".twice-goal [role=status]").inner_text() == f"Met earlier: {told}"
    slide(here, "Degree", 15)
    assert here.page.locator(".twice-goal [role=status]").inner_text() == told
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert "Keep degree 15" in here.text(".twice-goal")
    assert here.complaints == []


def test_a_lower_degree_does_not_count(bench):
    here = bench(degree=14, penalty="l1", strength=0.0251189)
    wait_for_aim(here)
    assert shown_errors(here)[1] <= 0.0746
    here.page.wait_for_timeout(600)
    assert here.trait("goal_met") is False
    slide(here, "Degree", 15)
    wait_for_goal(here)


def test_the_words_follow_and_are_spoken_once_it_rests(bench):
    here = bench()
    assert "about 46,000 times the training error" in here.text(".twice-say")
    assert here.page.locator(".twice-say").evaluate("(n) => n.ariaLive") == "off"
    slide(here, "Degree", 1)
    assert "too stiff" in here.text(".twice-say")
    here.page.wait_for_function(
        "document.querySelector('p.ft-spoken').textContent.includes('too stiff')", timeout=20_000
    )


def test_python_sets_the_page(bench):
    here = bench()
    here.page.evaluate(
        """() => { const { model } = window;
            model.set("penalty", "elastic"); model.set("strength", 0.02); model.set("share", 0.25);
            model.set("degree", 9); model.set("view", "strength");
            model.set("points", [[-1, 0], [-0.5, -1], [0, 0.2], [0.5, 1], [1, 0]]); }"""
    )
    here.settle()
    assert_errors_are_those_of_python(here)
    assert here.page.get_by_role("radio", name="Elastic net").is_checked()
    assert here.text(".twice-slider:has-text('Share of L1') output") == "0.25"
    assert here.page.locator(".twice-handle:visible").count() == 5
    assert here.complaints == []


# ---- all of it ---------------------------------------------------------------------------------

MOVE = """async (node, value) => {
    const { model } = window;
    const points = model.get("points").map((p) => [...p]);
    points[9] = [points[9][0], value];
    model.set("points", points);
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""


@pytest.mark.parametrize(
    ("label", "start", "by", "traits"),
    [
        ("Strength λ", -6, 0.1, {"penalty": "l1", "view": "strength"}),
        ("Strength λ", -6, 0.1, {"penalty": "elastic", "view": "degree"}),
        ("Degree", 0, 1, {"penalty": "l1", "strength": 1e-5, "view": "strength"}),
        ("Share of L1", 0.1, 0.1, {"penalty": "elastic", "view": "strength"}),
        ("Degree", 0, 1, {}),
    ],
)
def test_a_step_of_a_slider_is_answered_within_a_frame(bench, label, start, by, traits):
    here = bench(**traits)
    wait_for_aim(here)
    steps = {"Degree": 16, "Share of L1": 9}.get(label, 60)
    slider = here.page.get_by_label(label, exact=True)
    assert 0 < here.answer_time(slider, start, by, steps=steps) < 16


@pytest.mark.parametrize("penalty", ["none", "l1", "elastic"])
def test_a_dragged_point_is_answered_within_a_frame(bench, penalty):
    points = Fit().training.tolist()
    here = bench(points=points, penalty=penalty, strength=1e-4, view="strength")
    wait_for_aim(here)
    assert 0 < here.answer_time(point(here, 10), -1, 0.04, steps=40, action=MOVE) < 16


@pytest.mark.parametrize("width", [320, 360, 480, 700, 960, 1440])
def test_every_width_in_both_tones(bench, width):
    here = bench({"viewport": {"width": width, "height": 900}})
    here.in_the_book()
    for tone in ("light", "dark"):
        here.tone(tone)
        for label, degree in [("None", 15), ("L1", 15), ("Elastic net", 7)]:
            choose(here, label)
            slide(here, "Degree", degree)
            assert here.cut() == []
            assert here.small_texts() == []
        here.assert_inside(width, ".twice-figure .twice-plot", ".ft-formula", ".twice-panel")
        choose(here, "None")
    assert here.complaints == []


@pytest.mark.parametrize("width", [320, 360, 390, 700, 960])
def test_nothing_moves_while_a_slider_does(bench, width):
    here = bench({"viewport": {"width": width, "height": 900}}, penalty="elastic", view="strength")
    here.in_the_book()
    wait_for_aim(here)
    places = """() => ["figure", "panel", "say", "foot"].map((name) => `.twice-${name}`)
        .concat(".twice-main > .twice-row", ".ft-formula + *", ".ft-bars", ".ft-note")
        .map((name) => { const box = document.querySelector(name).getBoundingClientRect();
            return [name, Math.round(box.top + scrollY), Math.round(box.height)]; })"""
    still = here.page.evaluate(places)
    for label in ("L1", "L2", "None", "Elastic net"):
        choose(here, label)
        for strength, degree in [(-6, 15), (-3.3, 11), (-1.6, 15), (0.9, 4), (-5.1, 0), (-2, 1)]:
            slide(here, "Degree", degree)
            if label != "None":
                slide(here, "Strength λ", strength)
            assert here.page.evaluate(places) == still, here.text(".twice-say")


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_colors_stand_out_in_both_themes(bench, tone):
    here = bench()
    here.tone(tone)
    surface, *colors = here.page.evaluate(
        """() => {
            const style = getComputedStyle(document.querySelector(".twice"));
            const own = ["training", "validation", "fit", "truth"].map((c) => `--ft-${c}`);
            return ["--twice-surface", ...own].map((c) => style.getPropertyValue(c).trim());
        }"""
    )
    assert len(set(colors)) == 4
    for color in colors:
        assert contrast(color, surface) >= 4.5
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        assert not (red > 190 and green < 110 and blue < 60)  # vermilion is Keras's
    dashes = here.page.evaluate(
        """["training", "validation", "noise"].map((name) => getComputedStyle(
            document.querySelector(`.ft-side path.ft-line.ft-${name}`)).strokeDasharray)"""
    )
    assert len(set(dashes)) == 3  # told apart without color, too


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    choose(here, "L1")
    here.assert_leaves_nothing()
