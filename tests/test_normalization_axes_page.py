"""The normalization demo in Chromium, alone on a page, with a stand-in for Jupyter's kernel."""

import re

import numpy as np
import pytest
from bench import contrast

from twice.widgets import NormalizationAxes
from twice.widgets.normalization_axes import METHODS, drawn, groups_of

pytestmark = pytest.mark.browser
NAMES = {
    "batch": "Batch",
    "layer": "Layer",
    "layer_last": "Layer, axis −1",
    "instance": "Instance",
    "group": "Group",
    "rms": "RMS",
}
TRAITS = [
    *("method", "groups", "values", "batch_size", "positions", "cell", "inference", "momentum"),
    *(f"{what}{of}" for what in ("sample", "channel") for of in ("", "_scale", "_shift")),
    *("moving_mean", "moving_variance", "start_weight", "batches"),
]
ALONE = {"batch_size": 1, "positions": 1}


@pytest.fixture
def bench(new_bench):
    def make(*, options=None, **traits):
        return new_bench(NormalizationAxes(**traits), **(options or {}))

    return make


def twin(here):
    """The Python demo with the settings of the page."""
    return NormalizationAxes(**{name: here.trait(name) for name in TRAITS})


def label(here, name, part=None):
    within = here.page.get_by_role("group", name=part, exact=True) if part else here.page
    return within.get_by_label(name, exact=True)


def choose(here, method):
    here.page.get_by_role("radio", name=NAMES[method], exact=True).check()
    here.settle()


def cell(here, side, index):
    return here.page.locator(f".na-{side} .na-cells path").nth(index)


def middle(here, side, index):
    node = cell(here, side, index)
    node.scroll_into_view_if_needed()
    box = node.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def as_number(text):
    return float(text.replace("−", "-"))


def rows(here, table):
    lines = here.page.locator(f".{table} tbody tr").all()
    return [line.locator("td").all_inner_texts() for line in lines]


def assert_shown(here):
    """The numbers on the page are those of NumPy."""
    demo = twin(here)
    for side, values in (("before", demo.x), ("after", demo.y)):
        texts = here.page.locator(f".na-{side} .na-numbers text").all_text_contents()
        shown = np.array([as_number(text) for text in texts])
        steps = np.where(np.abs(values.ravel()) >= 9.94, 0.5001, 0.0501)
        assert (np.abs(shown - values.ravel()) <= steps).all(), side
    for n, (mean, std, rms) in enumerate(rows(here, "na-of-samples")):
        if n >= demo.batch_size:
            assert mean == std == rms == "–"
            continue
        y = demo.y[n]
        wanted = [y.mean(), y.std(), np.sqrt((y**2).mean())]
        np.testing.assert_allclose([as_number(v) for v in (mean, std, rms)], wanted, atol=0.0051)
    for c, (mean, std, *running) in enumerate(rows(here, "na-of-channels")):
        y = demo.y[:, c]
        shown = [as_number(mean), as_number(std)]
        np.testing.assert_allclose(shown, [y.mean(), y.std()], atol=0.0051)
        if demo.method == "batch":
            wanted = [demo.moving_mean[c], demo.moving_variance[c]]
            np.testing.assert_allclose([as_number(v) for v in running], wanted, atol=0.0051)
        else:
            assert running == ["–", "–"]
    y = demo.y[tuple(np.minimum(demo.cell, np.array(demo.y.shape) - 1))]
    answer = as_number(here.text(".na-formula").split(" = ")[1])
    assert answer == pytest.approx(y, abs=0.0051)


def outlined(here):
    """Which cells lie inside the chosen group's outline: every edge of it is also theirs."""
    return here.page.evaluate(
        """() => {
            const read = (d) => d.split("M").slice(1).map((part) => part.replace("Z", "")
                .split("L").map((point) => point.trim()));
            const mine = new Set(read(document.querySelector(".na-before .na-mine")
                .getAttribute("d")).map((edge) => [...edge].sort().join("|")));
            const cells = [...document.querySelectorAll(".na-before .na-cells path")]
                .map((node) => read(node.getAttribute("d"))[0]);
            const edges = cells.map((corners) => corners.map((corner, i) =>
                [corner, corners[(i + 1) % 4]].sort().join("|")));
            return { count: mine.size, touching: edges.map((four) =>
                four.filter((edge) => mine.has(edge)).length) };
        }"""
    )


def test_every_method_is_chosen_drawn_and_told(bench):
    here = bench()
    said, seen = set(), set()
    for method in METHODS:
        choose(here, method)
        assert here.trait("method") == method
        assert_shown(here)
        said.add(here.text(".twice-say"))
        seen.add(here.text(".na-what"))
        keys = groups_of((4, 6, 4), method, 3)
        # the outline runs around the chosen cell's group, and each of its edges is a cell's
        inside = keys == keys[2, 1, 1]
        edge = np.pad(inside, ((0, 0), (1, 1), (1, 1))).astype(int)
        count = sum(np.abs(np.diff(edge, axis=axis)).sum() for axis in (1, 2))
        found = outlined(here)
        assert found["count"] == count
        touching = np.array(found["touching"]).reshape(4, 6, 4)
        assert touching[inside].sum() == count
    assert len(said) == len(seen) == 6
    assert here.complaints == []


def test_a_click_chooses_and_the_mouse_pulls_a_number_up_and_down(bench):
    here = bench(method="layer")
    here.page.mouse.move(*middle(here, "before", 4 * 3 + 2))
    here.page.mouse.down()
    here.settle()
    assert here.trait("cell") == [0, 3, 2]
    before = twin(here).x[0, 3, 2]
    x, y = middle(here, "before", 4 * 3 + 2)
    here.page.mouse.move(x, y - 40, steps=4)
    here.page.mouse.move(x, y - 80, steps=4)
    here.page.mouse.up()
    here.settle()
    assert twin(here).x[0, 3, 2] == pytest.approx(before + 2)
    assert_shown(here)
    here.page.mouse.move(x, y - 40)  # released: nothing is pulled any more
    here.settle()
    assert twin(here).x[0, 3, 2] == pytest.approx(before + 2)
    here.page.mouse.click(*middle(here, "after", 24 * 3 + 4))
    here.settle()
    assert here.trait("cell") == [3, 1, 0]
    assert "Sample 4, channel 2, position 1" in here.text(".na-head")
    assert here.complaints == []


def test_the_pointer_shows_the_group_of_any_cell(bench):
    here = bench(method="instance")
    here.page.mouse.move(*middle(here, "after", 24 + 4 * 4))
    here.settle()
    assert "Sample 2, channel 5, position 1" in here.text(".na-head")
    assert "channel 5 of sample 2, all 4 positions" in here.text(".na-group")
    assert label(here, "Sample 2, channel 5, position 1").is_disabled()
    assert here.trait("cell") == [2, 1, 1]
    here.page.mouse.move(2, 2)
    here.settle()
    assert "Sample 3, channel 2, position 2" in here.text(".na-head")
    assert label(here, "Sample 3, channel 2, position 2").is_enabled()


def test_a_finger_chooses_and_the_page_can_be_scrolled(bench):
    here = bench(options={"has_touch": True, "viewport": {"width": 375, "height": 700}})
    here.page.touchscreen.tap(*middle(here, "before", 24 + 8))
    here.settle()
    assert here.trait("cell") == [1, 2, 0]
    x, y = middle(here, "before", 24 + 8)
    session = here.page.context.new_cdp_session(here.page)
    points = [{"x": x + 8 * i, "y": y + i} for i in range(6)]  # sideways: no scrolling begins
    points += [{"x": x + 40, "y": y + 5 + 10 * i} for i in range(6)]
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
    for point in points[1:]:
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    here.settle()
    assert here.trait("values") == drawn(0).tolist()
    style = "(svg) => getComputedStyle(svg).touchAction"
    assert here.page.locator(".na-before svg").evaluate(style) == "pan-y"


def test_a_disturbed_number_can_be_typed(bench):
    here = bench(channel=1, channel_shift=2.0)
    field = label(here, "Sample 3, channel 2, position 2")
    field.fill("-4.5")
    here.settle()
    assert twin(here).x[2, 1, 1] == pytest.approx(-4.5)
    assert_shown(here)
    field.fill("")  # not a number: it stays
    here.settle()
    assert twin(here).x[2, 1, 1] == pytest.approx(-4.5)
    label(here, "Momentum").focus()
    here.settle()
    assert field.input_value() == "-4.5"
    field.press("ArrowUp")
    here.settle()
    assert twin(here).x[2, 1, 1] == pytest.approx(-4.4)


def test_everything_can_be_done_with_the_keyboard(bench):
    here = bench(sample_scale=1.0)
    before = here.page.locator(".na-before .twice-handle")
    before.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "PageUp", "ArrowLeft"):
        here.page.keyboard.press(key)
    here.settle()
    assert here.trait("cell") == [1, 2, 2]
    assert before.get_attribute("aria-label").startswith("Cell of sample 2, channel 3, position 3:")
    value = twin(here).x[1, 2, 2]
    for key in ("+", "+", "+", "-"):
        here.page.keyboard.press(key)
    here.settle()
    assert twin(here).x[1, 2, 2] == pytest.approx(value + 0.2)
    here.page.keyboard.press("Enter")
    here.page.keyboard.type("1.25")
    here.settle()
    assert twin(here).x[1, 2, 2] == pytest.approx(1.25)
    assert_shown(here)
    after = here.page.locator(".na-after .twice-handle")
    after.focus()
    changed = here.trait("values")
    for key in ("PageDown", "PageDown", "PageDown", "+"):  # what comes out is not edited
        here.page.keyboard.press(key)
    here.settle()
    assert here.trait("cell") == [3, 2, 2]
    assert here.trait("values") == changed
    here.page.wait_for_timeout(700)
    assert "Cell: (" in here.text(".na-spoken")
    assert here.complaints == []


def test_keys_between_two_frames_all_count(bench):
    here = bench(sample_scale=1.0)
    value = twin(here).x[2, 2, 1]
    here.page.locator(".na-before .twice-handle").evaluate(
        """(node, keys) => keys.forEach((key) =>
            node.dispatchEvent(new KeyboardEvent("keydown", { key })))""",
        ["ArrowRight", "+", "+", "+"],
    )
    here.settle()
    assert here.trait("cell") == [2, 2, 1]
    assert twin(here).x[2, 2, 1] == pytest.approx(value + 0.3)


def test_the_goal_is_met_by_hand_and_leads_on(bench):
    here = bench()
    assert here.trait("goal_met") is False
    for method in METHODS:
        choose(here, method)
        assert here.trait("goal_met") is False  # channel 5 is as it was
    label(here, "Times", "Disturb a channel").press("End")
    here.settle()
    for method in ("rms", "group", "layer_last", "layer", "batch"):
        choose(here, method)
        assert here.trait("goal_met") is False, method
    choose(here, "instance")
    assert here.trait("goal_met") is True
    assert "Instance norm hides both" in goal(here, 1)[1]
    assert goal(here, 2)[0] == "Second goal"
    assert here.text(".na-verdict >> nth=2").startswith("Goal: met.")
    states = here.page.locator(".na-verdict").evaluate_all("(all) => all.map(n => n.dataset.state)")
    assert states == ["gone", "gone", "none"]

    choose(here, "batch")  # it was met, and stays so
    assert goal(here, 1)[0] == "✓ Goal met"
    here.press("Reset")
    assert here.trait("goal_met") is False
    assert goal(here, 1)[1].endswith("the method that hides both.")
    assert here.complaints == []


def goal(here, number):
    """The badge and the words of a goal."""
    banner = here.page.locator(".twice-goal").nth(number - 1)
    return banner.locator("span").all_inner_texts()


def find_five(here):
    label(here, "Batch size").press("Home")
    label(here, "Space").press("Home")
    here.settle()
    assert goal(here, 2)[1].startswith("Every output is 0 here. 0 of 5 found.")
    assert_shown(here)
    for number, method in enumerate(("layer", "layer_last", "group", "rms"), 1):
        choose(here, method)
        assert f"{number} of 5 found" in goal(here, 2)[1]
        assert "standard deviation" not in here.text(".twice-say")
    choose(here, "batch")
    assert goal(here, 2)[1].startswith("Every output is 0 here. 4 of 5 found")
    assert goal(here, 2)[0] == "Second goal"
    label(here, "Inference").check()
    here.settle()
    assert goal(here, 2)[0] == "✓ Second goal met"
    assert "“RMS”, “Batch at inference”." in goal(here, 2)[1]


def test_the_second_goal_counts_on_its_own_and_in_any_order(bench):
    here = bench(channel_scale=10.0)
    find_five(here)
    assert here.trait("goal_met") is False
    assert goal(here, 1)[0] == "Goal"
    label(here, "Inference").uncheck()
    label(here, "Batch size").press("End")
    label(here, "Space").press("End")
    choose(here, "instance")
    assert here.trait("goal_met") is True
    assert goal(here, 2)[0] == "✓ Second goal met"
    status = here.page.locator(".na-verdict").nth(2)
    assert status.inner_text() == "Goal: met.\nSecond goal: 5 of 5."
    assert status.get_attribute("data-state") == "gone"
    here.press("Reset")
    assert goal(here, 2)[0] == "Second goal"
    assert "0 of 5 found" in goal(here, 2)[1]
    assert here.trait("batch_size") == 4
    assert here.complaints == []


def test_the_second_goal_after_the_first(bench):
    here = bench(method="instance", channel_scale=10.0)
    assert here.trait("goal_met") is True
    choose(here, "batch")
    find_five(here)
    assert here.trait("goal_met") is True


def test_a_single_sample_does_not_meet_the_goal_and_is_told(bench):
    here = bench(channel_scale=10.0)
    label(here, "Batch size").press("Home")
    here.settle()
    assert here.trait("goal_met") is False
    assert "at least two samples and two positions" in goal(here, 1)[1]
    told = here.page.locator(".na-verdict").nth(0)
    assert told.inner_text().startswith("Sample 1, in place of 3: nobody can tell.")
    label(here, "Batch size").press("ArrowRight")
    here.settle()
    assert told.inner_text().startswith("Sample 2, in place of 3: it still shows.")
    assert "at least two" not in goal(here, 1)[1]
    for _ in range(2):
        label(here, "Batch size").press("ArrowRight")
    here.settle()
    assert told.inner_text().startswith("Sample 3: it still shows.")


def test_more_groups_come_closer_to_instance_norm_until_the_goal_is_met(bench):
    here = bench(method="group", groups=1, channel_scale=10.0)
    slider = label(here, "Groups of channels")
    for groups, met in [(2, False), (3, False), (6, True)]:
        slider.press("ArrowRight")
        here.settle()
        assert here.trait("groups") == groups
        assert f"GroupNormalization(groups={groups})" in here.text(".na-what")
        assert here.trait("goal_met") is met
        assert_shown(here)
    assert "Group norm with 6 groups hides both" in goal(here, 1)[1]


def test_verdicts_follow_the_sliders(bench):
    here = bench(method="rms")
    sample = here.page.locator(".na-verdict").nth(0)
    assert "Sample 3: nobody can tell" in sample.inner_text()
    label(here, "Plus", "Disturb a sample").press("End")
    here.settle()
    assert "Sample 3: it still shows" in sample.inner_text()
    choose(here, "layer")
    assert "Sample 3: nobody can tell" in sample.inner_text()
    label(here, "Disturb", "Disturb a sample").select_option("sample 1")
    here.settle()
    assert "Sample 1: nobody can tell" in sample.inner_text()
    assert_shown(here)
    label(here, "Disturb", "Disturb a channel").select_option("channel 2")
    label(here, "Plus", "Disturb a channel").press("Home")
    here.settle()
    assert "Channel 2: it still shows" in here.page.locator(".na-verdict").nth(1).inner_text()
    assert here.trait("channel") == 1
    assert_shown(here)


def test_running_values_take_in_batches_and_serve_at_inference(bench):
    here = bench(momentum=0.5)
    demo = NormalizationAxes(momentum=0.5)
    for count in (1, 2, 3):
        here.press("One more batch")
        here.press("New numbers")
        demo.one_more_batch()
        demo.seed = count
        assert here.text(".na-seen") == f"{count} so far"
        np.testing.assert_allclose(here.trait("moving_mean"), demo.moving_mean)
        np.testing.assert_allclose(here.trait("moving_variance"), demo.moving_variance)
        assert_shown(here)
    label(here, "Inference").check()
    here.settle()
    assert "3 batches make up 88% of them" in here.text(".twice-say")  # 1 - 0.5^3
    assert "from earlier batches" in here.text(".na-group")
    assert_shown(here)
    label(here, "Batch size").press("Home")
    here.settle()
    assert_shown(here)
    choose(here, "layer")
    assert here.page.locator(".na-batch").is_hidden()
    assert "No running values are kept" in here.text(".na-same")


def test_new_numbers_and_shapes(bench):
    here = bench()
    for seed in (1, 2):
        here.press("New numbers")
        np.testing.assert_allclose(here.trait("values"), drawn(seed))
        assert_shown(here)
    for name, key in [("Space", "Home"), ("Batch size", "ArrowLeft"), ("Space", "ArrowRight")]:
        label(here, name).press(key)
        here.settle()
        demo = twin(here)
        assert here.page.locator(".na-before .na-cells path").count() == demo.x.size
        assert_shown(here)
    assert "Sample 3, channel 2, position 2" in here.text(".na-head")
    label(here, "Batch size").press("Home")
    here.settle()
    assert "Sample 1, channel 2, position 2" in here.text(".na-head")
    assert label(here, "Disturb", "Disturb a sample").input_value() == "0"
    assert here.trait("sample") == 2  # it comes back with the batch
    assert here.complaints == []


def test_changes_from_python_are_drawn(bench):
    here = bench()
    changes = {"method": "group", "groups": 2, "values": drawn(9).tolist(), "channel_shift": -3.0}
    for name, value in {**changes, "batch_size": 2, "cell": [1, 5, 3]}.items():
        here.page.evaluate("([name, value]) => window.model.set(name, value)", [name, value])
    here.settle()
    assert_shown(here)
    assert here.page.get_by_role("radio", name="Group", exact=True).is_checked()
    assert label(here, "Groups of channels").input_value() == "1"
    assert "channels 4 to 6 of sample 2" in here.text(".na-group")
    assert here.complaints == []


def test_a_phone_shows_one_block_at_a_time(bench):
    here = bench(options={"viewport": {"width": 360, "height": 800}})
    before, after = here.page.locator(".na-before svg"), here.page.locator(".na-after svg")
    assert before.is_visible()
    assert after.is_hidden()
    here.page.get_by_role("radio", name="After", exact=True).check()
    here.settle()
    assert before.is_hidden()
    assert after.is_visible()
    assert_shown(here)


def test_a_step_of_a_slider_is_answered_within_a_frame(bench):
    here = bench(method="group")
    for name, part, start, by in [
        ("Times", "Disturb a sample", -1, 0.03),
        ("Groups of channels", None, 0, 0.05),
        ("Space", "The block", 1, 0.05),
    ]:
        took = here.answer_time(label(here, name, part), start, by)
        assert 0 < took < 16, name


@pytest.mark.parametrize("width", [320, 360, 430, 560, 700, 804])
def test_nothing_moves_while_the_reader_tries(bench, width):
    here = bench(options={"viewport": {"width": width, "height": 800}})
    here.in_the_book()
    places = """() => [".na-controls", ".na-cubes", ".twice-say", ".na-cell", ".na-tables"].map(
        (name) => document.querySelector(name).getBoundingClientRect().top + window.scrollY)"""
    still = here.page.evaluate(places)

    def assert_still(what):
        here.settle()
        assert here.page.evaluate(places) == pytest.approx(still, abs=0.5), what

    for method in METHODS:
        choose(here, method)
        for name, part in [("Times", "Disturb a sample"), ("Plus", "Disturb a channel")]:
            for key in ("Home", "End"):
                label(here, name, part).press(key)
                assert_still((method, name, key))
        for key in ("Home", "End"):
            label(here, "Batch size").press(key)
            label(here, "Space").press(key)
            assert_still((method, "shape", key))
    choose(here, "batch")
    for _ in range(12):
        here.press("One more batch")
    label(here, "Inference").check()
    assert_still("inference")


def test_methods_disturbances_verdicts_and_blocks_share_a_screen(bench):
    here = bench(options={"viewport": {"width": 800, "height": 900}})
    here.in_the_book(card=770)
    tops = """() => [".na-methods", ".na-controls", ".na-cubes"].map((name) => {
        const box = document.querySelector(name).getBoundingClientRect();
        return [box.top, box.bottom];
    })"""
    (start, _), (above, below), (top, end) = here.page.evaluate(tops)
    assert start < above < below < top
    assert below - start < 320
    assert end - start < 860


@pytest.mark.parametrize("width", [320, 375, 600, 700, 1200, 1440])
@pytest.mark.parametrize("tone", ["light", "dark"])
def test_it_fits_every_width_in_both_themes(bench, width, tone):
    options = {"viewport": {"width": width, "height": 800}}
    here = bench(options=options, sample_shift=-5.0, channel_scale=10.0)
    here.in_the_book()
    here.tone(tone)
    for method in ("batch", "group", "layer"):
        choose(here, method)
        here.assert_inside(
            width, ".na-methods", ".na-cubes", ".na-cell", ".na-controls", ".na-tables"
        )
        assert here.cut() == []
        assert here.small_texts() == []
    assert overlaps(here) == []
    assert here.page.locator(".twice").get_attribute("data-tone") == tone
    assert here.complaints == []


def overlaps(here):
    """Controls of the row under the methods that lie on each other."""
    return here.page.evaluate(
        """() => {
            const names = ["label", "button", "input", "span"].map((name) => `.na-about ${name}`);
            const nodes = [...document.querySelectorAll([...names, ".na-methods label"].join())]
                .filter((node) => node.offsetWidth);
            const boxes = nodes.map((node) => node.getBoundingClientRect());
            return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b, k) => {
                const [one, other] = [nodes[i], nodes[i + 1 + k]];
                if (one.contains(other) || other.contains(one)) return false;
                return a.left < b.right - 1 && b.left < a.right - 1 &&
                    a.top < b.bottom - 1 && b.top < a.bottom - 1;
            }).map((b) => `${a.left} ${a.top} and ${b.left} ${b.top}`));
        }"""
    )


def test_the_numbers_can_be_read_on_every_color(bench):
    here = bench(sample_shift=5.0, channel_scale=10.0)
    for tone in ("light", "dark"):
        here.tone(tone)
        ink, fills = here.page.evaluate(
            """() => [getComputedStyle(document.querySelector(".na-numbers text")).fill,
                [...document.querySelectorAll(".na-cells path")].map(
                    (node) => getComputedStyle(node).fill)]"""
        )

        def code(color):
            return "#" + "".join(f"{int(v):02x}" for v in re.findall(r"\d+", color)[:3])

        assert len(set(fills)) > 40
        assert min(contrast(code(ink), code(fill)) for fill in fills) >= 4.5, tone


def test_numbers_stay_in_their_cells_on_a_narrow_phone(bench):
    here = bench(options={"viewport": {"width": 320, "height": 800}}, sample_shift=-5.0)
    here.in_the_book()
    wide = here.page.evaluate(
        """() => {
            const cells = document.querySelectorAll(".na-before .na-cells path");
            return [...document.querySelectorAll(".na-before .na-numbers text")].map((text, i) => {
                const [box, cell] = [text.getBBox(), cells[i].getBBox()];
                return box.width - cell.width;
            });
        }"""
    )
    assert len(wide) == 96
    assert max(wide) < 0


def test_every_input_has_a_label(bench):
    bench().assert_labelled()


def test_a_demo_that_goes_away_leaves_nothing_behind(bench):
    here = bench()
    here.assert_leaves_nothing()
