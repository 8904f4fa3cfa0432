"""The long runs of the chapter on gates: one seed each gives what was stored, in little time."""

import numpy as np
import pytest

from experiments import gated
from twice import results
from twice.scratch.gated import LSTM
from twice.scratch.gradcheck import gradcheck


@pytest.fixture(scope="module")
def stored():
    return results.load("gated")


def test_the_stored_runs_hold_what_the_chapter_reads(stored):
    seeds = len(results.read("gated")["seeds"])
    assert seeds >= 10
    assert list(stored["forget_bias"]["cells"]) == list(gated.CELLS)
    for rows in stored["forget_bias"]["cells"].values():
        assert list(rows) == [str(length) for length in gated.LENGTHS]
        for row in rows.values():
            assert len(row["updates"]) == seeds
            assert row["tried"][str(row["rate"])] == min(row["tried"].values())
    assert list(stored["dropout"]["ways"]) == list(gated.WAYS)
    for row in stored["dropout"]["ways"].values():
        assert len(row["test"]) == len(row["best_epoch"]) == len(row["curves"]) >= 5
        best = [curve[k - 1] for curve, k in zip(row["curves"], row["best_epoch"], strict=True)]
        assert row["test"] == best
    for row in stored["reach"]["cells"].values():
        assert len(row["errors"]) == len(row["shares"]) == seeds
    assert list(stored["low_rate"]["cells"]) == list(gated.CELLS)
    for rows in stored["low_rate"]["cells"].values():
        assert [len(runs) for runs in rows.values()] == [seeds] * len(gated.LENGTHS)
    assert stored["patience"]["updates"] == 3 * stored["copying"]["updates"]
    assert {len(runs) for runs in stored["patience"]["rows"].values()} == {5}


def test_one_configuration_in_two_parts_took_the_same_updates(stored):
    """Where the lowest rate was the best one, both parts trained the same networks."""
    twice = 0
    for name, rows in stored["forget_bias"]["cells"].items():
        for length, row in rows.items():
            if row["rate"] == stored["low_rate"]["rate"]:
                assert row["updates"] == stored["low_rate"]["cells"][name][length]
                twice += 1
    assert twice


def test_a_gru_at_the_low_rate_needs_as_many_updates_as_stored(stored):
    kept = stored["low_rate"]["cells"]["GRU"]["30"][6]
    found = gated.updates(gated.CELLS["GRU"], 30, gated.LOW, 6)
    assert abs(found - kept) < 0.2 * kept  # rounding differs by machine


def test_a_gru_needs_as_many_updates_as_stored(stored):
    row = stored["forget_bias"]["cells"]["GRU"]["30"]
    found = gated.updates(gated.CELLS["GRU"], 30, row["rate"], 0)
    assert abs(found - row["updates"][0]) < 0.2 * row["updates"][0]  # rounding differs by machine


def test_an_epoch_with_each_kind_of_mask_costs_the_stored_bits(stored):
    for way in ("one mask", "new masks"):
        (bits,) = gated.read(way, 0, epochs=1)["test"]
        assert abs(bits - stored["dropout"]["ways"][way]["curves"][0][0]) < 0.05


def test_untrained_cells_hand_on_the_stored_share(stored):
    assert list(stored["reach"]["cells"]) == list(gated.FOLLOWED)
    for name, (cell, rate) in gated.FOLLOWED.items():
        row = stored["reach"]["cells"][name]
        assert row["rate"] == rate
        (share,), _ = gated.followed(cell, rate, 0, updates=0)
        assert share == pytest.approx(row["shares"][0][0], rel=0.02)


def test_a_residual_cell_that_adds_nothing_hands_on_the_whole_gradient(stored):
    for name in ("residual, U = 0", "residual ReLU, U = 0"):
        assert [row[0] for row in stored["reach"]["cells"][name]["shares"]] == [1.0] * 10
    assert min(row[0] for row in stored["reach"]["cells"]["residual, U orthogonal"]["shares"]) > 10


def test_the_share_is_that_of_a_hand_set_gate():
    layer = LSTM(2, 1, rng=np.random.default_rng(0), dtype=np.float64)
    for p in layer.params.values():
        p[:] = 0
    layer.params["bias"][1] = np.log(9)  # a forget gate of 0.9
    x = np.zeros((4, 10, 2))
    # h = tanh(c) / 2 and c = 0: the first cell state gets half the gradient, times 0.9 to the 10th
    assert gated.share(layer, x) == pytest.approx(0.5 * 0.9**10)


def test_new_masks_differ_from_step_to_step_and_pass_the_gradient_check():
    rng = np.random.default_rng(0)
    layer = gated.NewMasks(3, 4, recurrent_dropout=0.5, rng=rng, dtype=np.float64)
    x = rng.normal(size=(2, 6, 3))
    layer.forward(x, training=True)
    assert len(np.unique(layer.masks.reshape(6, -1), axis=0)) > 1
    assert set(np.unique(layer.masks)) == {0.0, 2.0}

    class Fixed(gated.NewMasks):
        def forward(self, x):  # the same masks in every pass
            self.rng = np.random.default_rng(5)
            return super().forward(x, training=True)

    fixed = Fixed(3, 4, recurrent_dropout=0.5, rng=rng, dtype=np.float64)
    report = gradcheck(fixed, x)
    assert report.ok, report
