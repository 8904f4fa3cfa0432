"""The receptive field demo in Chromium, alone on a page, with a stand-in for the kernel."""

import pytest
from bench import contrast

from twice.widgets import ReceptiveField
from twice.widgets.receptive_field import PRESETS, layer

pytestmark = pytest.mark.browser
SIDE, TOP = ".rf-side canvas", ".rf-top canvas"


@pytest.fixture
def bench(new_bench):
    def make(layers="lenet", *, options=None, **traits):
        return new_bench(ReceptiveField(layers, **traits), **(options or {}))

    return make


def choose(here, number, field, value):
    here.page.get_by_label(f"{field} of layer {number}", exact=True).select_option(str(value))
    here.settle()


def now(here):
    """The Python demo with the traits of the page."""
    names = ("layers", "input_size", "channels", "unit")
    return ReceptiveField(**{name: here.trait(name) for name in names})


def row(here, number):
    """The cells of a row of the table; 0 is the input, -1 the total."""
    rows = here.page.locator(".rf-table [role=row]:not(.rf-titles)")
    line = rows.last if number < 0 else rows.nth(number)
    return line.locator("> *").all_inner_texts()


def handle(here, where):
    return here.page.locator(f"{where} .twice-handle:not(.rf-pixel)")


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def pixel_place(here, line, column):
    """Where a pixel of LeNet's 32 x 32 input lies in the view from above; input filled."""
    box = here.page.locator(TOP).first.bounding_box()
    size = box["width"] - 62
    return box["x"] + 44 + size * (column + 0.5) / 32, box["y"] + 4 + size * (line + 0.5) / 32


def test_every_preset_is_drawn_and_told(bench):
    here = bench()
    pictures, texts = set(), set()
    for name, (layers, size, channels) in PRESETS.items():
        here.page.get_by_label("Stack").select_option(name)
        here.settle()
        assert here.trait("layers") == layers
        assert (here.trait("input_size"), here.trait("channels")) == (size, channels)
        pictures.add(here.pixels(SIDE))
        texts.add(here.text(".twice-say"))
        table = now(here).table
        assert row(here, len(layers))[2:4] == [str(table[-1][key]) for key in ("field", "jump")]
        total = sum(one["parameters"] for one in table)
        assert row(here, -1)[4] == f"{total:,}"
        assert here.trait("goal_met") is False
    assert len(pictures) == len(texts) == len(PRESETS)
    assert here.complaints == []


def test_layers_are_added_changed_and_removed(bench):
    here = bench()
    before = here.pixels(SIDE), here.pixels(TOP)
    here.press("Add a layer")
    assert here.trait("layers")[4]["kind"] == "conv"
    assert here.page.get_by_label("Stack").input_value() == "own"
    choose(here, 5, "Kernel", 5)
    choose(here, 5, "Padding", "valid")
    choose(here, 5, "Filters", 128)
    assert row(here, 5) == ["5 conv", "1² × 128", "32", "4", "51,328", "102,400"]
    assert "sees 32 of 32 pixels" in here.text(".twice-say")
    assert here.pixels(SIDE) != before[0]
    assert here.pixels(TOP) != before[1]
    choose(here, 5, "Kind", "max")
    assert here.trait("layers")[4] == layer("max", 5, 4)
    assert here.page.get_by_label("Filters of layer 5").is_hidden()
    for _ in range(4):
        here.press("Remove layer 1")
    assert len(here.trait("layers")) == 1
    assert here.page.get_by_label("Remove layer 1").is_disabled()
    for _ in range(7):
        here.press("Add a layer")
    assert here.page.get_by_role("button", name="Add a layer").is_disabled()
    here.press("Reset")
    assert here.page.get_by_label("Stack").input_value() == "lenet"
    assert (here.pixels(SIDE), here.pixels(TOP)) == before
    assert here.complaints == []


def test_stride_and_dilation_exclude_each_other(bench):
    here = bench([("conv", 3)])
    stride, dilation = (
        here.page.get_by_label(f"{name} of layer 1") for name in ("Stride", "Dilation")
    )
    choose(here, 1, "Stride", 2)
    assert dilation.is_disabled()
    choose(here, 1, "Stride", 1)
    choose(here, 1, "Dilation", 4)
    assert stride.is_disabled()
    assert now(here).layers == here.trait("layers")


def test_a_removed_layer_hands_its_focus_on(bench):
    here = bench("two3")
    here.page.get_by_label("Remove layer 2").focus()
    here.page.keyboard.press("Enter")
    here.settle()
    assert here.page.evaluate("document.activeElement.textContent") == "Add a layer"


def test_a_layer_that_does_not_fit_is_explained(bench):
    here = bench(input_size=16)
    assert "rf-wrong" not in here.page.locator(".rf-layer").last.get_attribute("class")
    choose(here, 3, "Kernel", 7)
    here.press("Add a layer")
    choose(here, 5, "Padding", "valid")
    assert here.text(".twice-say").startswith("Layer 3 does not fit: its window is 7 units wide")
    assert row(here, 3)[:2] == ["3 conv", "does not fit"]
    assert "rf-wrong" in here.page.locator(".rf-layer").nth(2).get_attribute("class")
    assert now(here).error in here.text(".twice-say").replace("\n", " ")
    here.page.get_by_label("Input size").fill("64")
    here.settle()
    assert "sees" in here.text(".twice-say")
    assert here.complaints == []


def test_the_unit_moves_by_keyboard(bench):
    here = bench()
    side, top = handle(here, ".rf-side"), handle(here, ".rf-top")
    pictures = {here.pixels(TOP)}
    side.focus()
    for key, unit in [
        ("ArrowRight", [2, 3]),
        ("End", [2, 4]),
        ("ArrowRight", [2, 4]),
        ("ArrowLeft", [2, 3]),
        ("Home", [2, 0]),
    ]:
        here.page.keyboard.press(key)
        here.settle()
        assert here.trait("unit") == unit, key
        pictures.add(here.pixels(TOP))
    assert len(pictures) == 4
    assert "Unit in column 0 of 5 in layer 4: it sees 16 pixels" in side.get_attribute("aria-label")
    top.focus()
    here.page.keyboard.press("ArrowDown")
    here.page.keyboard.press("ArrowRight")
    here.settle()
    assert here.trait("unit") == [3, 1]
    assert "Unit in row 3, column 1 of 5 × 5" in top.get_attribute("aria-label")
    here.press("Middle unit")
    assert here.trait("unit") == []
    assert here.pixels(TOP) in pictures


def test_the_unit_moves_by_pointer_and_click(bench):
    here = bench()
    for where, step, unit in [(".rf-side", (60, 0), [2, 3]), (".rf-top", (-60, -60), [0, 1])]:
        x, y = middle(handle(here, where).locator(".rf-dot"))
        here.page.mouse.move(x, y)
        here.page.mouse.down()
        here.page.mouse.move(x + step[0], y + step[1], steps=5)
        here.page.mouse.up()
        here.settle()
        assert here.trait("unit") == unit, where
    here.page.mouse.click(*pixel_place(here, 24, 8))
    here.settle()
    assert here.trait("unit") == [4, 0]


def test_pointing_at_a_pixel_counts_its_paths(bench):
    here = bench()
    paths = ReceptiveField().paths
    assert here.text(".rf-pixel-line").startswith("Point at a pixel")
    still = here.pixels(SIDE)
    here.page.mouse.move(*pixel_place(here, 15, 9))
    here.settle()
    line = here.text(".rf-pixel-line")
    assert f"Pixel in row 15, column 9: 10 × 2 = {paths[15, 9]} paths" in line
    assert f"{100 * paths[15, 9] / paths.sum():.1f} % of all" in line
    assert here.pixels(SIDE) != still  # its lines are stronger
    here.page.mouse.move(*pixel_place(here, 15, 3))
    here.settle()
    assert "no path to the unit" in here.text(".rf-pixel-line")
    here.page.mouse.move(2, 2)
    here.settle()
    assert here.pixels(SIDE) == still
    here.page.locator(".rf-pixel").focus()
    here.page.keyboard.press("ArrowLeft")
    here.page.keyboard.press("ArrowUp")
    here.settle()
    assert f"row 15, column 15: 10 × 10 = {paths[15, 15]} paths" in here.text(".rf-pixel-line")
    assert here.pixels(SIDE) != still


def test_the_goal_is_met_by_building_the_stack(bench):
    here = bench()
    here.page.get_by_label("Stack").select_option("dilated")
    here.page.get_by_label("Input size").fill("64")
    here.settle()
    assert here.page.locator(".rf-checks .rf-yes").count() == 4
    for number in range(1, 5):
        choose(here, number, "Filters", 16)
    assert here.trait("goal_met") is False
    assert here.text(".twice-goal").endswith(ReceptiveField().goal.replace("\u00a0", " "))
    for number in range(1, 5):
        choose(here, number, "Kernel", 3)
        assert here.trait("goal_met") is (number == 4)
    total = sum(one["parameters"] for one in now(here).table)
    assert f"sees 31 pixels across, without a gap, with {total:,}" in here.text(".twice-goal")
    here.press("Reset")
    assert here.trait("goal_met") is False


def test_the_goal_can_be_met_by_the_keyboard_alone(bench):
    here = bench([("conv", 7, 1, 1, "same")], input_size=64)
    here.page.get_by_role("button", name="Add a layer").focus()
    for _ in range(6):  # 7, then 2 more with each 3 x 3
        here.page.keyboard.press("Enter")
        here.settle()
    assert here.trait("goal_met") is False
    for number in (3, 4, 5):
        here.page.get_by_label(f"Dilation of layer {number}").focus()
        for _ in range(3):  # 1, 2, 3, 4
            here.page.keyboard.press("ArrowDown")
        here.settle()
    assert now(here).table[-1]["field"] == 7 + 2 * 3 + 8 * 3
    here.page.wait_for_selector(".twice-met", timeout=3000)


def test_the_view_zooms_and_color_has_three_channels(bench):
    here = bench("stem")
    zoomed = here.pixels(SIDE), here.pixels(TOP)
    here.page.get_by_label("Zoom in").uncheck()
    here.settle()
    assert here.trait("zoom") is False
    assert here.pixels(SIDE) != zoomed[0]
    assert here.pixels(TOP) != zoomed[1]
    here.page.get_by_label("Channels").select_option("1")
    here.settle()
    assert here.trait("channels") == 1
    assert row(here, 1)[4] == f"{49 * 64 + 64:,}"


def test_changes_from_python_are_drawn(bench):
    here = bench()
    before = here.pixels(SIDE)
    here.page.evaluate("window.model.set('unit', [0, 0])")
    here.page.evaluate("window.model.set('channels', 3)")
    here.settle()
    assert here.pixels(SIDE) != before
    assert here.page.get_by_label("Channels").input_value() == "3"


def test_a_step_of_a_slider_is_answered_within_a_frame(bench):
    here = bench([("conv", 3, 1, d, "same") for d in (1, 2, 4, 8, 8, 4, 2, 1)])
    slider = here.page.get_by_label("Input size")
    assert 0 < here.answer_time(slider, 164, 1) < 16


@pytest.mark.parametrize("width", [320, 375, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    here = bench(
        [("separable", 3, 1, 8, "same", 512)] * 3 + [("average", 2), ("conv", 7, 4, 1, "valid")],
        options={"viewport": {"width": width, "height": 800}},
        input_size=224,
        unit=[0, 2],
    )
    here.in_the_book()
    here.tone(tone)
    here.assert_inside(width, ".rf-settings", ".rf-side", ".rf-top", ".rf-editor", ".rf-table")
    assert here.cut() == []
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.small_texts() == []
    assert here.complaints == []


def test_contrast_in_both_themes(bench):
    here = bench()
    for tone in ("light", "dark"):
        here.tone(tone)
        colors = here.page.evaluate(
            """() => Object.fromEntries(["surface", "raised", "curve", "path", "muted", "class1"]
                .map((name) => [name, getComputedStyle(document.querySelector(".twice"))
                .getPropertyValue(`--twice-${name}`).trim()]))"""
        )
        for name, least in [("curve", 4.5), ("path", 4.5), ("muted", 4.5), ("class1", 2)]:
            assert contrast(colors[name], colors["surface"]) >= least, (tone, name)
        assert contrast(colors["curve"], colors["path"]) > 1.1


def test_every_input_has_a_label_and_the_state_is_told(bench):
    here = bench()
    assert here.page.evaluate(
        "() => [...document.querySelectorAll('input, select')].every((i) => i.labels.length === 1)"
    )
    here.page.wait_for_timeout(700)
    assert "sees 16 of 32 pixels" in here.page.locator(".rf-spoken").inner_text()
    assert here.page.locator(".rf-table [role=row]").count() == 7


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.assert_leaves_nothing()
