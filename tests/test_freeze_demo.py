"""The freeze demo: its JavaScript against NumPy, and its Python class."""

import json
import math

import matplotlib
import numpy as np
import pytest
import traitlets
from bench import contrast
from js import run_js

from twice import results
from twice.widgets import Freeze
from twice.widgets.base import HERE
from twice.widgets.freeze import WAYS, extreme, gains, is_clear, is_right, spread, surfaces

SCRIPT = "freeze.js"


def invented(seed=0, targets=("digits", "shapes"), layers=4, counts=(10, 40, 500), seeds=5):
    """Surfaces of noise, as `surfaces` gives them."""
    rng, made = np.random.default_rng(seed), {}
    for target in targets:
        frozen, tuned = rng.uniform(0.2, 0.9, (2, layers, len(counts), 1))
        tables = [t + rng.normal(0, 0.02, (layers, len(counts), seeds)) for t in (frozen, tuned)]
        tables[1][0] = tables[0][0]  # nothing kept: the same training
        made[target] = {
            "counts": list(counts),
            "accuracy": {w: t.round(4).tolist() for w, t in zip(WAYS, tables, strict=True)},
        }
    return surfaces({"surface": made})


def places(tables):
    for target, surface in tables.items():
        layers, counts, _ = np.shape(surface["accuracy"]["frozen"])
        for way in WAYS:
            for kept in range(layers):
                for amount in range(counts):
                    yield target, way, kept, amount


# ---- what is read ------------------------------------------------------------------------------


def test_the_stored_experiment_is_read_whole():
    stored, tables = results.load("transfer_learning")["surface"], surfaces()
    assert {"digits", "shapes"} <= set(tables) <= set(stored)
    for target, surface in tables.items():
        assert surface["counts"] == stored[target]["counts"] == sorted(surface["counts"])
        for way in WAYS:
            table = np.array(surface["accuracy"][way])
            assert table.shape == (6, len(surface["counts"]), 5)
            assert (table > 0).all()
            assert (table <= 1).all()
            np.testing.assert_allclose(table, stored[target]["accuracy"][way], atol=6e-5)
        scratch = [surface["accuracy"][way][0] for way in WAYS]
        assert scratch[0] == scratch[1]  # nothing is kept: nothing to freeze
    assert len(json.dumps(tables)) < 30_000


def test_a_target_with_gaps_is_left_out_and_no_target_is_an_error():
    whole = invented()
    stored = {"surface": json.loads(json.dumps(whole))}
    stored["surface"]["shapes"]["accuracy"]["frozen"][2][1] = None
    assert list(surfaces(stored)) == ["digits"]
    stored = {"surface": json.loads(json.dumps(whole))}
    stored["surface"]["shapes"]["accuracy"]["frozen"][2][1][3] = math.nan
    assert list(surfaces(stored)) == ["digits"]
    stored = {"surface": json.loads(json.dumps(whole))}
    del stored["surface"]["digits"]["accuracy"]["fine-tuned"]
    assert list(surfaces(stored)) == ["shapes"]
    stored = {"surface": json.loads(json.dumps(whole))}
    stored["surface"]["shapes"]["counts"].pop()
    assert list(surfaces(stored)) == ["digits"]
    for nothing in ({}, {"surface": {}}):
        with pytest.raises(ValueError, match=r"got none: run `make experiments"):
            surfaces(nothing)
    two_sizes = invented() | invented(targets=["letters"], layers=3)
    with pytest.raises(ValueError, match=r"of one size.*got \[\(3, 3, 5\), \(4, 3, 5\)\]"):
        surfaces({"surface": two_sizes})
    with pytest.raises(ValueError, match="two or more of each"):
        surfaces({"surface": invented(seeds=1)})


def test_a_new_target_and_other_sizes_need_no_change_of_code():
    tables = invented(targets=("digits", "letters", "music"), layers=3, counts=(5, 9), seeds=3)
    assert [t["classes"] for t in tables.values()] == [10, 12, None]
    assert tables["music"]["label"] == "music"


# ---- numbers: JavaScript against NumPy ---------------------------------------------------------


@pytest.mark.parametrize("tables", [None, invented(1), invented(2, layers=3, seeds=3)])
def test_gains_spread_and_extremes_are_those_of_numpy(tables):
    tables = surfaces() if tables is None else tables
    asked = [[target, way, k, n] for target, way, k, n in places(tables)]
    told = run_js(
        SCRIPT,
        """const { tables, asked } = data;
        const one = ([target, way, k, n]) => {
            const won = demo.gains(tables[target], way, k, n);
            const right = ["most", "least"].map(
                (claim) => demo.judge(tables, [claim, target, way, k, n]).right);
            return { won, mean: demo.mean(won), spread: demo.spread(won),
                clear: demo.isClear(won), right };
        };
        return { places: asked.map(one),
            extremes: ["most", "least"].map((claim) => demo.extreme(tables, claim).place) };""",
        {"tables": tables, "asked": asked},
    )
    assert told["extremes"] == [list(extreme(tables, claim)) for claim in ("most", "least")]
    for (target, way, k, n), one in zip(asked, told["places"], strict=True):
        won = gains(tables[target], way)[k, n]
        np.testing.assert_allclose(one["won"], won, atol=1e-9)
        assert one["mean"] == pytest.approx(won.mean(), abs=1e-9)
        assert one["spread"] == pytest.approx(spread(won), abs=1e-9)
        assert one["clear"] == is_clear(won)
        assert one["right"] == [
            is_right(tables, claim, target, way, k, n) for claim in ("most", "least")
        ]


def test_gains_and_spread_by_hand():
    surface = {"accuracy": {"frozen": [[[0.5, 0.6, 0.7]], [[0.52, 0.64, 0.76]]]}}
    np.testing.assert_allclose(gains(surface, "frozen")[1, 0], [2, 4, 6])
    assert spread([2.0, 4.0, 6.0]) == 2
    assert is_clear([2.0, 4.0, 6.0])
    assert not is_clear([-1.0, 2.0, 3.0])
    assert is_clear([-2.0, -4.0, -6.0])


def test_the_best_of_a_row_and_what_equals_it():
    tables = invented(3)
    told = run_js(
        SCRIPT,
        """return Object.values(data).map((s) => demo.WAYS.map(
            (way) => s.counts.map((_, n) => demo.bestOf(s, way, n))));""",
        tables,
    )
    for surface, by_way in zip(tables.values(), told, strict=True):
        for way, row in zip(WAYS, by_way, strict=True):
            table = np.array(surface["accuracy"][way])
            for n, one in enumerate(row):
                best = table[:, n].mean(axis=1).argmax()
                equals = [
                    k
                    for k in range(len(table))
                    if k != best and not is_clear(table[best, n] - table[k, n])
                ]
                assert one == {"best": best, "equals": equals}


# ---- the goal ----------------------------------------------------------------------------------


def test_the_goal_needs_both_and_follows_from_the_data():
    for tables in (surfaces(), invented(4), invented(5)):
        most, least = ([claim, *extreme(tables, claim)] for claim in ("most", "least"))
        wrong = ["most", *least[1:]]
        cases = [[], [most], [least], [most, most], [most, least], [wrong, least, most]]
        found = run_js(
            SCRIPT,
            "return data.cases.map((tried) => demo.standing(data.tables, tried));",
            {"tables": tables, "cases": cases},
        )
        assert [one["met"] for one in found] == [False] * 4 + [True] * 2
        assert found[-1]["text"].startswith("Both found with 3 claims. Most gained (+")
        assert found[-1]["most"] == most[1:]


def test_few_settings_are_right_and_none_at_the_start():
    tables, start = surfaces(), Freeze()
    for claim in ("most", "least"):
        right = [place for place in places(tables) if is_right(tables, claim, *place)]
        assert 1 <= len(right) <= 0.15 * len(list(places(tables)))
        assert (start.target, start.way, start.kept, start.amount) not in right
    assert start.found == []
    # the two are not on one map, so the reader has to look at more than the first
    maps = [extreme(tables, claim)[:2] for claim in ("most", "least")]
    assert ("digits", "frozen") not in maps
    assert maps[0] != maps[1]


# ---- words and colors --------------------------------------------------------------------------


def by_hand(here, scratch=(0.5, 0.52, 0.54)):
    """One target, two layers kept at most, one number of images: 1 kept as `here`, 2 kept worse."""
    rows = [[list(scratch)], [list(here)], [[0.4, 0.42, 0.44]]]
    table = [row * 2 for row in rows]
    return {
        "digits": {
            "counts": [50, 1000],
            "accuracy": dict.fromkeys(WAYS, table),
            "label": "handwritten digits (similar)",
            "classes": 10,
        }
    }


def test_the_sentence_tells_a_difference_from_none():
    clear, none = by_hand((0.6, 0.63, 0.66)), by_hand((0.56, 0.48, 0.55))
    ask = [
        (clear, "frozen", 1, 1),
        (clear, "fine-tuned", 2, 0),
        (none, "frozen", 1, 0),
        (none, "frozen", 0, 0),
    ]
    told = run_js(
        SCRIPT,
        "return data.map(([t, way, k, n]) => demo.reading(t.digits, way, k, n));",
        ask,
    )
    helps, hurts, same, scratch = (words.replace("\u00a0", " ") for words in told)
    assert helps == (
        "Handwritten digits, 1,000 images, the first layer kept and frozen: 63.0 ± 3.0 % right. "
        "That is +11.0 ± 1.0 points against training from scratch (52.0 %), more in 3 of 3 seeds. "
        "Larger than the spread: keeping it helps here."
    )
    assert "the first 2 layers kept and fine-tuned: 42.0 ± 2.0 % right" in hurts
    assert "−10.0 ± 0.0 points" in hurts
    assert "less in 3 of 3 seeds" in hurts
    assert hurts.endswith("keeping them hurts here.")
    assert "+1.0 ± 5.0 points" in same
    assert same.endswith("more in 2 of 3 seeds. Within the spread: not a difference.")
    assert "nothing kept: this is training from scratch, 52.0 ± 2.0 % right" in scratch


def test_row_and_column_are_told():
    row, column, none, plain = run_js(
        SCRIPT,
        """const s = data.clear.digits;
        return [demo.rowWords(s, "frozen", 0), demo.columnWords(s, "frozen", 2),
            demo.columnWords(data.none.digits, "frozen", 1), demo.columnWords(s, "frozen", 0)];""",
        {"clear": by_hand((0.6, 0.63, 0.66)), "none": by_hand((0.56, 0.48, 0.55))},
    )
    assert row.replace("\u00a0", " ") == (
        "Highest mean: 1 kept (63.0 %). It beats each of the others by more than the spread."
    )
    assert column == "By more than the spread worse with 50 and 1,000 images."
    assert none == "With no number of images is the difference larger than the spread."
    assert "training from scratch" in plain


def test_a_verdict_says_where_to_look():
    tables = by_hand((0.6, 0.63, 0.66)) | {"shapes": by_hand((0.5, 0.55, 0.57))["digits"]}
    tables["shapes"]["label"] = "shapes (different)"
    claims = [
        ["most", "digits", "frozen", 1, 0],
        ["most", "digits", "frozen", 2, 0],
        ["most", "shapes", "frozen", 1, 0],
        ["least", "shapes", "frozen", 1, 0],
    ]
    right, here, elsewhere, loss = run_js(
        SCRIPT, "return data[1].map((claim) => demo.verdict(data[0], claim));", [tables, claims]
    )
    assert right == (
        "✓ Gains most: handwritten digits, 50 images, 1 kept, frozen: +11.0 ± 1.0 points."
    )
    assert here.startswith("✗ Gains most? Handwritten digits")
    assert here.endswith(
        "−10.0 ± 0.0 points: a loss. The map of handwritten digits, frozen, has a larger gain."
    )
    assert "on the map of shapes, frozen; another map has a larger one" in elsewhere
    assert "points: a gain" in loss
    assert loss.endswith("The map of shapes, frozen, has a larger loss.")


def test_every_cell_can_be_read_and_the_scale_grows_brighter():
    shares = [i / 50 for i in range(51)]
    for scale in ("accuracy", "gain"):
        colors = run_js(
            SCRIPT, f"return data.map((share) => demo.colorOf(share, '{scale}'));", shares
        )
        assert min(contrast(*pair) for pair in colors) >= 4.5
        assert len({back for back, _ in colors}) == 51
        if scale == "accuracy":
            light = [contrast(back, "#000000") for back, _ in colors]
            assert light == sorted(light)
    assert colors[25][0] == "#f7f2ea"  # no gain: pale
    stops = run_js(SCRIPT, "return data.map((k) => demo.colorOf(k / 6)[0]);", list(range(7)))
    cividis = matplotlib.colormaps["cividis"]
    assert stops == [matplotlib.colors.to_hex(cividis(k / 6)) for k in range(7)]


def test_limits_of_the_plots_are_round_and_hold_the_values():
    cases = [[83.2, 87.8, 80.1], [97.1, 98.3], [99.5, 99.9], [20.0, 81.8], [1.0, 1.0]]
    told = run_js(SCRIPT, "return data.map(demo.around);", cases)
    for values, (low, high) in zip(cases, told, strict=True):
        assert 0 <= low <= min(values) < high <= 100
        assert high >= max(values)
        assert high - low < 2.5 * max(max(values) - min(values), 0.5)


# ---- the class ---------------------------------------------------------------------------------


def test_its_text_and_its_numbers():
    here = Freeze(target="shapes", way="fine-tuned", kept=2, amount=3)
    stored = results.load("transfer_learning")["surface"]["shapes"]
    table = 100 * np.array(stored["accuracy"]["fine-tuned"])
    assert here.images == stored["counts"][3]
    np.testing.assert_allclose(100 * here.accuracy, table[2, 3], atol=6e-3)
    np.testing.assert_allclose(here.gain, table[2, 3] - table[0, 3], atol=0.02)
    right, gain = table[2, 3], here.gain
    assert repr(here) == (
        f"Freeze: shapes, {here.images:,} images, 2 layers kept, fine-tuned: {right.mean():.1f} ± "
        f"{right.std(ddof=1):.1f} % right, {gain.mean():+.1f} ± {gain.std(ddof=1):.1f} points "
        f"against scratch ({'more' if is_clear(gain) else 'not more'} than the spread); "
        "0 of 2 found with 0 claims"
    )
    here.kept = 0
    assert "against scratch" not in repr(here)
    here.tried = [["most", *extreme(here.surfaces, "most")]]
    assert here.found == ["most"]
    assert repr(here).endswith("1 of 2 found with 1 claim")


@pytest.mark.parametrize(
    ("traits", "words"),
    [
        ({"target": "music"}, "target must be one of"),
        ({"way": "thawed"}, "way"),
        ({"kept": 6}, "kept must be 0 to 5, not 6"),
        ({"kept": -1}, "kept"),
        ({"amount": 6}, "amount must be 0 to 5, not 6"),
        ({"show": "loss"}, "show"),
        ({"tried": [["most", "digits", "frozen", 0, 1]]}, "kept 1 to 5"),
        ({"tried": [["best", "digits", "frozen", 1, 1]]}, "tried must hold"),
        ({"tried": ["most"]}, "tried must hold"),
    ],
)
def test_wrong_values_are_told_clearly(traits, words):
    with pytest.raises(traitlets.TraitError, match=words):
        Freeze(**traits)


@pytest.mark.parametrize("traits", [{}, {"target": "shapes", "way": "fine-tuned", "show": "gain"}])
def test_the_still_picture_can_be_drawn(traits):
    picture = Freeze(**traits).picture()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 100_000
    assert picture != Freeze(kept=1).picture()


def test_script_and_data_are_small():
    assert (HERE / SCRIPT).stat().st_size < 25_000
    assert len(json.dumps(Freeze().surfaces)) < 30_000
