"""The schedule demo: its JavaScript against twice.scratch, composing, words, its Python class."""

import math

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.scratch import schedules
from twice.widgets import Schedule
from twice.widgets import schedule as python

SCRIPT = "schedule.js"


def pieces_of(*rows):
    fields = ("kind", "steps", "start", "end", "count")
    return [dict(zip(fields, (*row, 3)[:5], strict=True)) for row in rows]


def js(body, **data):
    return run_js(SCRIPT, body, data)


def rates(pieces):
    return np.array(js("return [...demo.rates(data.pieces)]", pieces=pieces))


MIXED = pieces_of(
    ("warm_up", 70, 0.0, 0.9),
    ("constant", 130, None, 0.9),
    ("step", 155, None, 0.1, 4),
    ("inverse", 145, 0.8, 0.02),
    ("exponential", 103, 0.5, 0.003),
    ("restarts", 197, 0.4, 0.01, 2),
    ("linear", 90, None, 0.05),
    ("cosine", 110, 0.3, 0.0),
)


# ---- the schedule ------------------------------------------------------------------------------


def test_the_rates_of_every_kind_are_the_librarys():
    assert {p["kind"] for p in MIXED} == set(python.KINDS) == set(js("return demo.KINDS"))
    page, mine = rates(MIXED), Schedule(pieces=MIXED).rates
    assert len(np.unique(page)) > 700
    np.testing.assert_allclose(page, mine, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("constant", lambda t: 0.8),
        ("step", schedules.step_decay(0.8, 250, 1 / 3)),
        ("cosine", schedules.cosine_decay(0.8, 1000)),
        ("warm_cosine", schedules.warm_up(schedules.cosine_decay(0.8, 900), 100)),
        ("sgdr", schedules.cosine_restarts(0.8, 1000 / 7)),
        ("one_cycle", schedules.one_cycle(0.8, 1000)),
        ("cyclical", schedules.cyclical(0.08, 0.8, 250)),
    ],
)
def test_a_preset_is_a_whole_schedule_of_the_library(name, schedule):
    found = js("const p = demo.PRESETS[data.name][1](0.8); return [p, demo.presetOf(p)]", name=name)
    demo = Schedule(name, peak=0.8)
    np.testing.assert_allclose(rates(found[0]), demo.rates, rtol=1e-13, atol=1e-17)
    wanted = [schedule(t) for t in range(1000)]
    np.testing.assert_allclose(demo.rates, wanted, rtol=1e-12, atol=1e-15)
    assert demo.rates.max() == pytest.approx(0.8)
    assert found[1] == name
    assert found[0] == demo.pieces
    assert list(js("return demo.PRESETS")) == list(python.PRESETS)


def test_other_pieces_are_no_preset():
    assert js("return demo.presetOf(data.pieces)", pieces=MIXED) == "own"
    two = pieces_of(("cosine", 500, 1.0, 0.5), ("constant", 500, None, 0.5))
    assert js("return demo.presetOf(data.pieces)", pieces=two) == "own"


def test_numbers_worked_by_hand():
    def at(kind, t, start, end, steps=100, count=3):
        [piece] = pieces_of((kind, steps, start, end, count))
        return js("return demo.rateAt(data.piece, data.t)", t=t, piece=piece)

    assert at("warm_up", 25, 0, 0.8) == pytest.approx(0.2)
    assert at("linear", 75, 0.8, 0.4) == pytest.approx(0.5)
    assert at("cosine", 50, 0.8, 0.2) == pytest.approx(0.5)
    assert at("exponential", 50, 0.4, 0.1) == pytest.approx(0.2)
    assert at("inverse", 100 / 3, 0.4, 0.1) == pytest.approx(0.2)
    assert [at("step", t, 0.8, 0.1, count=1) for t in (49, 50)] == pytest.approx([0.8, 0.1])
    assert [at("step", t, 8, 1) for t in (24, 25, 50, 75)] == pytest.approx([8, 4, 2, 1])
    assert [at("restarts", t, 0.8, 0, 70) for t in (0, 5, 10, 20, 30, 50)] == pytest.approx(
        [0.8, 0.4, 0.8, 0.4, 0.8, 0.4]
    )
    assert at("exponential", 100, 0.4, 0) == pytest.approx(0.0004)  # 0 is no factor


@pytest.mark.parametrize("kind", python.KINDS)
@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.0), (0.2, 0.2), (0.1, 0.9), (10.0, 1e-4)]
)
def test_any_two_heights_make_a_piece(kind, start, end):
    pieces = pieces_of((kind, 370, start, end, 5), ("constant", 630, 0.3, 0.3))
    page = rates(pieces)
    np.testing.assert_allclose(page, Schedule(pieces=pieces).rates, rtol=1e-12, atol=1e-16)
    assert (page >= 0).all()
    assert (page <= max(start, end, 0.3) + 1e-12).all()
    assert page[0] == pytest.approx(start)


# ---- the net and its training ------------------------------------------------------------------


def test_the_points_and_the_weights_are_those_of_the_library():
    page = js(
        """const { x, y } = demo.makeData();
        const w = [0, 1, 4].map((seed) => [...demo.drawParams(10 * seed + 3)]);
        return { x: [...x], y: [...y], w }"""
    )
    x, y = python.spiral()
    np.testing.assert_allclose(np.reshape(page["x"], (-1, 2)), x, rtol=1e-12, atol=1e-14)
    assert page["y"] == y[:, 0].tolist()
    assert np.abs(x).max() < 3.8
    for seed, params in zip((0, 1, 4), page["w"], strict=True):
        mine = np.concatenate([w.ravel() for w in python.network(seed).get_weights()])
        np.testing.assert_allclose(params, mine, rtol=1e-12, atol=1e-15)


def test_the_gradient_equals_central_differences():
    got = js(
        """const d = demo.makeData(), p = demo.drawParams(3), g = new Float64Array(demo.SIZE);
        const batch = Array.from({ length: 40 }, (_, i) => 5 * i);
        const some = { x: new Float64Array(80), y: new Float64Array(40), count: 40 };
        batch.forEach((row, i) => { some.x[2 * i] = d.x[2 * row];
            some.x[2 * i + 1] = d.x[2 * row + 1]; some.y[i] = d.y[row]; });
        demo.gradient(p, d, batch, g);
        const numeric = Array.from(p, (w, k) => {
            p[k] = w + 1e-6; const up = demo.loss(p, some);
            p[k] = w - 1e-6; const down = demo.loss(p, some);
            p[k] = w; return (up - down) / 2e-6;
        });
        return [[...g], numeric]"""
    )
    analytic, numeric = np.array(got)
    assert len(analytic) == 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1
    assert np.abs(analytic).max() > 0.05
    np.testing.assert_allclose(analytic, numeric, atol=2e-8)


TRAIN = """const d = demo.makeData(), r = demo.rates(data.pieces);
    return demo.createRuns(r, data.optimizer, d).map((run) => {
        while (run.steps < 1000) demo.trainStep(run);
        return { curve: run.curve, params: [...run.params] };
    })"""


@pytest.mark.parametrize(("optimizer", "peak"), [("sgd", 0.3), ("momentum", 0.03), ("adam", 0.015)])
def test_a_thousand_steps_agree_with_the_librarys_optimizers(optimizer, peak):
    demo = Schedule("one_cycle", peak, optimizer=optimizer)
    runs = js(TRAIN, pieces=demo.pieces, optimizer=optimizer)
    curves = np.array([run["curve"] for run in runs])
    assert curves.shape == demo.losses.shape == (9, 101)
    np.testing.assert_allclose(curves, demo.losses, atol=1e-9)
    nets = python.all_runs(tuple(demo.rates.tolist()), optimizer)[1]
    for run, net in zip(runs, nets, strict=True):
        mine = np.concatenate([w.ravel() for w in net.get_weights()])
        np.testing.assert_allclose(run["params"], mine, atol=1e-7)
    assert demo.final_loss == pytest.approx(np.median(curves[:, -1]), rel=1e-9)
    assert 0.11 < demo.final_loss < 0.16 < 0.5 < curves[:, 0].min()


def test_the_stored_losses_of_constant_rates_are_those_of_a_run():
    stored = js("return demo.CONSTANTS")
    ran = js(
        """const d = demo.makeData();
        return Object.fromEntries(Object.entries(demo.CONSTANTS).map(([name, rows]) =>
            [name, rows.map(([r]) => [r, demo.finish(demo.rates(demo.constant(r)), name, d)])]))"""
    )
    assert set(stored) == set(python.OPTIMIZERS)
    for name, rows in stored.items():
        (best, value), others = python.BEST[name], np.array(ran[name])
        assert [best, value] in rows
        assert value == min(loss for _, loss in rows)
        # beyond the best, training turns chaotic and the last bit of a logarithm counts
        calm = others[:, 0] <= best
        np.testing.assert_allclose(others[calm], np.array(rows)[calm], atol=1e-6)
        assert (others[others[:, 0] > best, 1] > 1.01 * value).all()
        assert len(others) == 21
        assert others[0, 0] < best / 3 < best * 3 <= others[-1, 0]
        assert js("return demo.bestConstant(data.name)", name=name) == {
            "rate": best,
            "loss": value,
        }


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_python_finds_the_same_best_constant_rate(optimizer):
    rate, loss = python.BEST[optimizer]
    assert Schedule("constant", rate, optimizer=optimizer).final_loss == pytest.approx(
        loss, abs=1e-6
    )


def test_a_rate_that_diverges_ends_at_infinity_and_nothing_breaks():
    wild = Schedule("constant", 10, optimizer="momentum")
    page = js(TRAIN, pieces=wild.pieces, optimizer="momentum")
    for losses in (wild.losses[:, -1], [run["curve"][-1] for run in page]):
        assert (np.array(losses) > 0.65).all()
        assert not np.isnan(losses).any()
    none = js(TRAIN, pieces=pieces_of(("constant", 1000, 0.0, 0.0)), optimizer="sgd")
    assert all(len(set(run["curve"])) == 1 for run in none)


# ---- composing ---------------------------------------------------------------------------------


def compose(call, pieces=MIXED):
    found = js(f"return demo.{call}", pieces=pieces)
    assert sum(p["steps"] for p in found) == 1000
    assert min(p["steps"] for p in found) >= 10
    assert Schedule(pieces=found).pieces == found  # what the page makes, Python takes
    return found


def test_a_border_moves_between_its_two_pieces():
    found = compose("setBorder(data.pieces, 1, 260)")
    assert [p["steps"] for p in found][:4] == [70, 190, 95, 145]
    assert [p["steps"] for p in compose("setBorder(data.pieces, 1, 999)")][1:3] == [275, 10]
    assert [p["steps"] for p in compose("setBorder(data.pieces, 1, 0)")][1:3] == [10, 275]
    assert compose("setBorder(data.pieces, 7, 500)") == MIXED  # the end of all stays
    assert [p["steps"] for p in compose("setLength(data.pieces, 0, 100)")][:2] == [100, 100]
    assert [p["steps"] for p in compose("setLength(data.pieces, 7, 150)")][6:] == [50, 150]


def test_heights_move_and_a_plateau_takes_what_it_continues_along():
    assert compose("setEnd(data.pieces, 4, 0.0123456)")[4]["end"] == 0.0123
    found = compose("setEnd(data.pieces, 1, 0.7)")
    assert (found[0]["end"], found[1]["start"]) == (0.7, None)
    assert rates(found)[70:200].tolist() == [0.7] * 130
    assert compose("setStart(data.pieces, 3, 99)")[3]["start"] == 10
    assert compose("setStart(data.pieces, 3, 0.00005)")[3]["start"] == 0


def test_adding_and_removing_share_the_steps():
    added = compose("addPiece(data.pieces, 1)", MIXED[:1] + pieces_of(("constant", 930, None, 0)))
    assert [p["steps"] for p in added] == [70, 465, 465]
    assert added[2] == {"kind": "linear", "steps": 465, "start": None, "end": 0.09, "count": 3}
    assert compose("addPiece(data.pieces, 1)") == MIXED  # eight are enough
    removed = compose("removePiece(data.pieces, 3)")
    assert [p["steps"] for p in removed][:4] == [70, 130, 300, 103]
    first = compose("removePiece(data.pieces, 0)")
    assert first[0]["start"] == 0.9
    assert [p["steps"] for p in first][:2] == [200, 155]
    alone = python.preset("cosine")
    assert compose("removePiece(data.pieces, 0)", alone) == alone


def test_pieces_change_places_and_the_first_knows_its_start():
    found = compose("swapPiece(data.pieces, 0, 1)")
    assert [p["kind"] for p in found[:3]] == ["constant", "warm_up", "step"]
    assert found[0]["start"] == 0.9
    assert [p["kind"] for p in compose("swapPiece(data.pieces, 7, -1)")][6:] == ["cosine", "linear"]
    assert compose("swapPiece(data.pieces, 7, 1)") == MIXED


def test_another_kind_gets_an_end_that_suits_it():
    plateau = python.preset("constant", 1.0)
    falling = [k for k in python.KINDS if k not in ("warm_up", "constant")]
    for kind in falling:
        found = compose(f"setKind(data.pieces, 0, '{kind}')", plateau)
        assert (found[0]["start"], found[0]["end"]) == (1, 0.05)
    found = compose("setKind(data.pieces, 0, 'warm_up')", plateau)
    assert (found[0]["start"], found[0]["end"]) == (0.1, 1)
    assert compose("setKind(data.pieces, 7, 'linear')")[7]["end"] == 0
    scaled = js("return demo.scaled(data.pieces, 0.1)", pieces=MIXED)
    np.testing.assert_allclose(rates(scaled), rates(MIXED) / 10, rtol=2e-3, atol=1e-9)


# ---- words and goal ----------------------------------------------------------------------------


def explain(name, peak, twin, optimizer="sgd"):
    demo = Schedule(name, peak, optimizer=optimizer)
    curve = np.median(demo.losses, axis=0).tolist()
    return js(
        "return demo.explain(data)", pieces=demo.pieces, optimizer=optimizer, curve=curve, twin=twin
    )


def test_the_sentence_says_what_the_numbers_mean():
    assert "1.2 is so high that most nets are thrown off" in explain("constant", 1.2, None)
    assert "0.82 is too high: with 4 random points" in explain("constant", 0.82, None)
    assert "0.05 is too low: after 1,000 steps the loss, 0.222," in explain("constant", 0.05, None)
    assert "about as good as one rate for all steps can be" in explain("constant", 0.27, None)
    text = explain("cosine", 0.6, 0.21051)
    assert text.startswith("In the last 200 steps the rate goes from 0.057 to nearly 0 and the")
    assert "Held at its peak of 0.6, the rate would give 0.211, 1.6 times as much." in text
    assert text.endswith("The final loss is 22 % below that of the best constant rate.")
    text = explain("cosine", 0.1, 0.187872)
    assert "Its peak of 0.1 held to the end is better: 0.188." in text
    assert text.endswith("The best constant rate, 0.27, still gives less: 0.171.")


@pytest.mark.parametrize(
    ("name", "peak", "optimizer", "met"),
    [
        ("constant", 1.2, "sgd", False),
        ("constant", 0.27, "sgd", False),
        ("cosine", 1.2, "sgd", False),
        ("cosine", 0.6, "sgd", True),
        ("warm_cosine", 0.045, "momentum", True),
        ("cosine", 0.03, "adam", True),
        ("cosine", 0.1, "sgd", False),
    ],
)
def test_the_goal_asks_for_fifteen_percent_less_than_the_best_constant(name, peak, optimizer, met):
    demo = Schedule(name, peak, optimizer=optimizer)
    reached = js(
        "return demo.goalReached(data.pieces, data.optimizer, data.loss)",
        pieces=demo.pieces,
        optimizer=optimizer,
        loss=demo.final_loss,
    )
    assert reached is met
    assert (demo.final_loss <= 0.85 * python.BEST[optimizer][1]) is met


def test_a_constant_rate_never_meets_the_goal():
    assert not js(
        "return demo.goalReached(data.pieces, 'sgd', 0.001)", pieces=python.preset("constant")
    )


# ---- the class ---------------------------------------------------------------------------------


def test_the_summary_depends_on_the_traits():
    assert Schedule("warm_cosine", 0.7).summary() == (
        "Schedule(warm_up 100: 0 to 0.7, cosine 900: 0.7 to 0), sgd; the best constant rate, 0.27, "
        "ends with a loss of 0.171"
    )
    assert "constant 1000: 1.2), adam; the best constant rate, 0.01," in repr(
        Schedule(optimizer="adam")
    )


def test_the_schedule_drives_an_optimizer():
    demo = Schedule(pieces=MIXED)
    np.testing.assert_array_equal(
        [demo.schedule(t) for t in (0, 200, 999)], demo.rates[[0, 200, -1]]
    )
    assert math.isfinite(demo.schedule(5000))


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ([], "expected 1 to 8 pieces, got 0"),
        (pieces_of(("cosine", 999, 1, 0)), "1000 steps together, got 999"),
        (pieces_of(("cosine", 995, 1, 0), ("linear", 5, None, 0)), "at least 10, in piece 1"),
        (pieces_of(("cosin", 1000, 1, 0)), "got 'cosin'"),
        (pieces_of(("cosine", 1000, None, 0)), "the start of piece 0, got None"),
        (pieces_of(("cosine", 1000, 1, -0.1)), "the end of piece 0, got -0.1"),
        (pieces_of(("cosine", 1000, 11, 0)), "the start of piece 0, got 11"),
        (pieces_of(("cosine", 1000, 1, math.nan)), "the end of piece 0, got nan"),
        (pieces_of(("cosine", 1000, 1, "low")), "the end of piece 0, got 'low'"),
        (pieces_of(("step", 1000, 1, 0, 6)), "count of 1 to 5, got 6"),
        ([{"kind": "cosine", "steps": 1000, "start": 1}], "expected kind, steps, end"),
        ([{"kind": "constant", "steps": 1000, "rate": 1}], "got count, end, kind, rate"),
    ],
)
def test_bad_pieces_are_refused_with_a_reason(pieces, message):
    demo = Schedule()
    with pytest.raises(traitlets.TraitError, match=message):
        demo.pieces = pieces
    assert demo.pieces == python.preset("constant")


def test_bad_presets_are_refused():
    with pytest.raises(ValueError, match=r"expected one of constant, step, .*, got 'triangle'"):
        Schedule("triangle")
    for peak in (0, -1, 11, math.nan):
        with pytest.raises(ValueError, match="expected a peak above 0, at most 10, got"):
            Schedule("cosine", peak)


def test_short_forms_are_filled_in():
    demo = Schedule(
        pieces=[
            {"kind": "constant", "steps": 600, "start": 0.5},
            {"kind": "linear", "steps": 400, "end": 0},
        ]
    )
    assert demo.pieces == pieces_of(("constant", 600, 0.5, 0.5), ("linear", 400, None, 0))
    assert demo.rates[[599, 600, 800]].tolist() == [0.5, 0.5, 0.25]


@pytest.mark.parametrize("log_axis", [False, True])
def test_it_can_be_drawn(log_axis):
    pictures = [Schedule(name, 0.7, log_axis=log_axis).picture() for name in ("sgdr", "cyclical")]
    assert len(set(pictures)) == 2
    assert min(map(len, pictures)) > 10_000
