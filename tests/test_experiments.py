"""The long runs: their code still runs, a small part of each gives what was stored beside it."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest

from experiments import adding, deep_cnns
from twice import results

# --- deep_cnns


@pytest.fixture(scope="module")
def deep():
    return results.load("deep_cnns")


DEPTH_KINDS = tuple(deep_cnns.KINDS)
WAYS = tuple(deep_cnns.PLACE)
FAMILIES = ("vgg", "inception", "residual", "dense", "separable")
PER_SEED = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


def alike(found, stored):
    """The same network to the digit; after a few dozen steps, nearly the same losses."""
    for name in ("parameters", "flops", "activations", "rate", "diverged"):
        assert found[name] == stored[name]
    np.testing.assert_allclose(found["train_loss"], stored["train_loss"], rtol=0.05)
    np.testing.assert_allclose(
        found["curve"]["train_loss"], stored["curve"]["train_loss"], rtol=0.05
    )
    np.testing.assert_allclose(found["train_accuracy"], stored["train_accuracy"], atol=0.08)


def test_a_small_part_of_deep_cnns_gives_what_was_stored(deep):
    found = deep_cnns.small()
    assert {part: set(nets) for part, nets in found.items()} == {
        "depth": set(DEPTH_KINDS),
        "blocks": set(FAMILIES),
        "place": set(WAYS),
    }
    for part, nets in found.items():
        for name, net in nets.items():
            alike(net, deep["small"][part][name])


def test_the_stored_deep_cnns_hold_what_the_chapter_reads(deep):
    seeds = len(results.read("deep_cnns")["seeds"])
    assert list(deep["depth"]["nets"]) == list(DEPTH_KINDS)
    nets = [net for kind in deep["depth"]["nets"].values() for net in kind.values()]
    depths = [str(depth) for depth in deep["depth"]["depths"]]
    for kind, by_depth in deep["depth"]["nets"].items():
        assert list(by_depth) == (["32"] if kind in deep_cnns.DEEPEST_ALONE else depths)
    assert list(deep["place"]["nets"]) == list(WAYS)
    for net in deep["place"]["nets"].values():
        assert len(net["val_accuracy"]) == 2 * seeds
        assert min(map(float, net["tried"])) < net["rate"] < max(map(float, net["tried"]))
    assert list(deep["blocks"]) == ["parameters", "flops"]
    for equal, table in deep["blocks"].items():
        assert list(table["families"]) == list(FAMILIES)
        for net in table["families"].values():
            assert abs(net[equal] / table["budget"] - 1) < 0.03
            nets.append(net)
    for net in nets:
        for name in PER_SEED:
            assert len(net[name]) == seeds - net["diverged"]
        tried = {float(rate): lost for rate, lost in net["tried"].items()}
        assert tried[net["rate"]] == min(lost for lost in tried.values() if lost is not None)
        assert min(tried) < net["rate"] < max(tried)  # the best is no edge of the search


def test_stored_nets_of_equal_depth_have_equal_cost(deep):
    for depth in map(str, deep["depth"]["depths"]):
        nets = [kind[depth] for kind in deep["depth"]["nets"].values() if depth in kind]
        assert len({(net["parameters"], net["flops"]) for net in nets}) == 1


def test_the_stored_widths_still_build_what_was_counted(deep):
    rng = np.random.default_rng(0)
    for table in deep["blocks"].values():
        for family, net in table["families"].items():
            built = deep_cnns.family_net(family, tuple(net["widths"]), rng)
            found = deep_cnns.price(built)
            assert found == {name: net[name] for name in found}


def test_two_kinds_of_net_begin_as_the_same_function():
    x = np.random.default_rng(0).normal(size=(3, *deep_cnns.IMAGE)).astype(np.float32)
    outputs = []
    for kind in ("plain, identity start", "residual"):
        net = deep_cnns.KINDS[kind](8, np.random.default_rng(1))
        net.layers[-1].params["kernel"][...] = 0.01
        stem = net.layers[0].params
        stem["kernel"][...] = np.random.default_rng(2).normal(size=stem["kernel"].shape)
        outputs.append(net.forward(x))
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-5)


def test_the_search_for_a_rate_goes_on_at_an_edge(monkeypatch):
    def train(build, rate, seed, epochs, setting, *, watch):
        return None if rate > 0.5 else {"val_loss": abs(np.log(rate / best))}

    monkeypatch.setattr(deep_cnns, "train", train)
    for best, rates in ((0.01, 3), (0.1, 5), (0.001, 5)):
        tried = deep_cnns.tune(None, 1, deep_cnns.SMALL)
        assert len(tried) == rates
        np.testing.assert_allclose(min(tried, key=tried.get), best)


@pytest.mark.parametrize("family", FAMILIES)
def test_widths_come_near_the_budget(family):
    widths = deep_cnns.widths_within(family, "parameters", 2000)
    cost = deep_cnns.price(deep_cnns.family_net(family, widths, np.random.default_rng(0)))
    assert abs(cost["parameters"] / 2000 - 1) < 0.08


def test_a_diverged_run_is_counted_and_left_out(monkeypatch):
    runs = iter([None, deep_cnns.train(functools.partial(deep_cnns.plain, 2), 0.01, 0, 1,
                                       deep_cnns.SMALL)])  # fmt: skip
    monkeypatch.setattr(deep_cnns, "train", lambda *_: next(runs))
    build = functools.partial(deep_cnns.plain, 2)
    found = deep_cnns.rounded(deep_cnns.study(build, 0.01, 1, [0, 1], deep_cnns.SMALL))
    assert found["diverged"] == 1
    assert len(found["train_loss"]) == len(found["val_accuracy"]) == 1


# --- adding

BRIEF = replace(
    adding.SMALL, updates=40, tuning_updates=20, tuning_length=4, tuning_seeds=(9,), curve_length=4
)


@pytest.fixture(scope="module")
def added():
    return results.load("adding")


def test_a_small_part_of_adding_gives_what_was_stored(added):
    found = adding.small()
    assert set(found) == set(added["small"])
    for name, run in found.items():
        stored = added["small"][name]
        assert run["updates_used"] == stored["updates_used"]
        assert run["mse"] == pytest.approx(stored["mse"], rel=0.05)
        assert run["clipped_share"] == pytest.approx(stored["clipped_share"], abs=0.05)
        np.testing.assert_allclose(run["curve"], stored["curve"], rtol=0.05)


def test_the_stored_adding_holds_what_the_chapter_reads(added):
    seeds = len(results.read("adding")["seeds"])
    setting = added["setting"]
    assert added["cells"] == list(adding.CELLS)
    assert added["lengths"] == list(adding.LENGTHS)
    for cell in added["cells"]:
        for clip in adding.CLIPS:
            for length in map(str, adding.LENGTHS):
                errors = added["mse"][cell][clip][length]
                used = added["updates_used"][cell][clip][length]
                assert len(errors) == len(used) == seeds
                assert max(used) <= added["updates"]
                for error, updates in zip(errors, used, strict=True):
                    # who stopped early has solved it, up to the noise of other sequences
                    stopped = updates < added["updates"] and error is not None
                    assert not stopped or error < 2 * setting["solved"]
        assert len(added["clipped_share"][cell]["100"]) == seeds
        assert added["curve"][cell][-1][0] == added["updates_used"][cell]["clipped"]["100"][0]
        tried = added["tried"][cell]
        assert [float(rate) for rate in tried] == setting["rates"]
        assert added["learning_rate"][cell] == adding.best(tried)
        assert min(map(float, tried)) < added["learning_rate"][cell] < max(map(float, tried))
    for cell, control in added["lower_rate"].items():
        assert cell in adding.LOWERED
        assert control["learning_rate"] == pytest.approx(added["learning_rate"][cell] / 10)
        assert len(control["mse"]) == len(control["updates_used"]) == seeds
    assert added["baseline"] == pytest.approx(1 / 6, abs=0.001)


def test_an_interrupted_run_of_adding_goes_on_where_it_was():
    def stop():
        if len(done["runs"]) == 3:
            raise KeyboardInterrupt

    whole, done = {"tried": {}, "runs": {}}, {"tried": {}, "runs": {}}
    adding.run([0, 1], BRIEF, whole, lambda: None, lengths=(4, 6))
    with pytest.raises(KeyboardInterrupt):
        adding.run([0, 1], BRIEF, done, stop, lengths=(4, 6))
    first = json.loads(json.dumps(done))  # as it comes back from the file
    trained = len(first["runs"])
    adding.run([0, 1], BRIEF, first, lambda: None, lengths=(4, 6))
    assert trained == 3
    each = len((4, 6)) * len(adding.CELLS) * len(adding.CLIPS) + len(adding.LOWERED)
    assert len(first["runs"]) == len(whole["runs"]) == 2 * each
    tables = [adding.gathered(d, [0, 1], BRIEF, lengths=(4, 6)) for d in (whole, first)]
    assert tables[0] == tables[1]


def test_what_is_done_is_not_done_again(monkeypatch):
    done = {"tried": {}, "runs": {}}
    adding.run([0], BRIEF, done, lambda: None, lengths=(4,))
    monkeypatch.setattr(adding, "train", lambda *_: pytest.fail("trained again"))
    adding.run([0], BRIEF, done, lambda: None, lengths=(4,))


def test_an_overflow_is_stored_as_none():
    with np.errstate(all="ignore"):
        found = adding.train("irnn", "none", 10, 1e20, 0, adding.SMALL)
    assert found["mse"] is None
    assert found["updates_used"] < adding.SMALL.updates
    json.dumps(found, allow_nan=False)


def test_a_solved_run_stops_and_clipping_counts(monkeypatch):
    easy = replace(adding.SMALL, solved=10.0, clipnorm=1e-6)
    found = adding.train("gru", "clipped", 4, 0.01, 0, easy)
    assert found["updates_used"] == found["curve"][-1][0] == easy.check_every
    assert found["clipped_share"] == 1.0
    assert adding.train("gru", "none", 4, 0.01, 0, easy)["clipped_share"] == 0.0


def test_the_irnn_begins_as_a_state_that_stays():
    net = adding.network("irnn", 5, np.random.default_rng(0))
    cell = net.layers[0]
    np.testing.assert_array_equal(cell.params["recurrent_kernel"], np.eye(5))
    assert 0 < np.abs(cell.params["kernel"]).max() < 0.005
    h = np.arange(5.0)[None]
    out = cell.forward(np.zeros((1, 30, 2)), initial_state=[h])
    np.testing.assert_array_equal(out, h)


def test_at_length_100_the_gates_remember_and_the_plain_cell_does_not(added):
    errors = {cell: added["mse"][cell]["clipped"]["100"] for cell in added["cells"]}
    assert max(errors["lstm"]) < 0.01
    assert max(errors["gru"]) < 0.01
    assert np.median(errors["rnn"]) > 0.15
