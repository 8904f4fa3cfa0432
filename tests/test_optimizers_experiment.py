"""The run of the optimizers: its pieces, and that what it stored is what it still finds."""

import itertools
import math

import numpy as np
import pytest

from experiments import optimizers as run
from twice import results
from twice.scratch.adaptive import Adam
from twice.scratch.optimizers import SGD

BRIEF = run.Setting(shorter=30, tuning_seeds=(1000,))


@pytest.fixture(scope="module")
def stored():
    return results.load("optimizers")


# --- the tasks


@pytest.mark.parametrize("task", ["mlp", "noisy", "deep"])
def test_images_that_choose_are_never_in_the_report(task):
    tuning, report = (
        {image.tobytes() for part in run.problem(task, 3, r) for image in part[0]}
        for r in (False, True)
    )
    assert len(tuning | report) == len(tuning) + len(report) > 1780


def test_a_task_trains_on_what_it_says():
    sizes = {task: [part and len(part[1]) for part in run.problem(task, 0, True)]
             for task in run.ABOUT}  # fmt: skip
    assert sizes["gru"] == [None, 2000]
    assert sizes["conv"] == sizes["batch norm"] == [1024, 1000]
    for task in ("mlp", "units", "noisy", "deep"):
        assert sizes[task][0] == 600
        assert 290 < sizes[task][1] < 300
    for task, about in run.TASKS.items():
        assert about.steps % about.block == 0
        n = sizes[task][0]
        assert n is None or about.block == math.ceil(n / run.BATCH)  # an epoch


def test_every_pixel_has_its_own_unit_the_same_for_all_seeds():
    factors = []
    for seed in (0, 1):
        (plain, _), (scaled, _) = (
            run.problem("mlp", seed, True)[0],
            run.problem("units", seed, True)[0],
        )
        inked = plain.max(axis=0) > 0
        row = scaled.max(axis=0)[inked] / plain.max(axis=0)[inked]
        factors.append(np.full(64, np.nan))
        factors[-1][inked] = row
        assert scaled.dtype == np.float32
    both = np.isfinite(factors).all(axis=0)
    np.testing.assert_allclose(factors[0][both], factors[1][both], rtol=1e-5)
    assert factors[0][both].min() < 0.04
    assert factors[0][both].max() > 25
    assert np.array_equal(run.problem("mlp", 0, True)[0][1], run.problem("units", 0, True)[0][1])


@pytest.mark.parametrize("reported", [False, True])
def test_only_training_labels_are_wrong(reported):
    plain, noisy = run.problem("mlp", 5, reported), run.problem("noisy", 5, reported)
    wrong = [int((a[1] != b[1]).sum()) for a, b in zip(plain, noisy, strict=True)]
    assert wrong == [120, 0]
    train, judge = run.few("mlp", 5, reported)
    clean = run.problem("mlp", 5, reported)[0][1][:200]
    assert int((train[1] != clean).sum()) == 40
    assert len(judge[1]) > 690


def test_a_stream_shows_every_image_once_an_epoch_and_new_sequences_for_ever():
    part = (np.arange(70), np.arange(70))
    seen = list(itertools.islice(run.stream(part, 32, np.random.default_rng(0)), 6))
    assert [len(x) for x, _ in seen] == [32, 32, 6] * 2
    for epoch in (seen[:3], seen[3:]):
        assert sorted(np.concatenate([x for x, _ in epoch])) == list(range(70))
    assert not np.array_equal(seen[0][0], seen[3][0])
    x = [x for x, _ in itertools.islice(run.stream(None, 32, np.random.default_rng(0)), 2)]
    assert x[0].shape == (32, 12, 2)
    assert not np.array_equal(*x)


def test_networks_of_a_seed_begin_alike():
    for task in run.ABOUT:
        first, again = (run.network(task, 4)[0].get_weights() for _ in range(2))
        assert all(map(np.array_equal, first, again))
    layers = [layer for layer in run.network("deep", 0)[0].layers if layer.params]
    assert len(layers) == 10
    plain, normed = (run.network(task, 0)[0].layers for task in ("conv", "batch norm"))
    assert len(normed) == len(plain) + 2
    np.testing.assert_array_equal(plain[0].params["kernel"], normed[0].params["kernel"])


# --- choosing


def test_a_rate_that_diverges_is_never_chosen():
    with np.errstate(all="ignore"):
        assert run.one_run("mlp", SGD(1e12), 0, True, BRIEF) is None
    good = {"test_loss": 0.5, "steps": None}
    assert run.mean([good, None], "test_loss") is None
    assert run.mean([good, good], "test_loss") == 0.5
    assert run.mean([good, {"steps": 10}], "steps", 90) == 50
    assert run.lowest([None, 0.5, 0.4, None]) == 2
    assert run.pick((0.1, 0.2, 0.3), [None, 0.5, 0.6]) == {"rate": 0.2, "edge": False}
    assert run.pick((0.1, 0.2, 0.3), [None, 0.5, 0.4]) == {"rate": 0.3, "edge": True}
    assert run.lists([None, {"test_loss": 1.0}], ("test_loss",)) == {"test_loss": [None, 1.0]}


def test_width_is_measured_between_the_rates_tried():
    rates = (0.01, 0.1, 1.0, 10.0, 100.0)
    assert run.width(rates, (0.5, 0.9, 0.9, 0.5, 0.5), 0.7) == 2.0  # half a decade at either end
    assert run.width(rates, (0.5, 0.9, 0.9, None, None), 0.7) == 1.5
    assert run.width(rates, (0.9, 0.5, 0.9, 0.9, 0.9), 0.7) == 3.0  # two regions
    assert run.width(rates, (0.5, 0.1, 0.1, 0.5, None), 0.3, at_least=False) == 2.0
    assert run.width(rates, (0.5,) * 5, 0.7) == 0.0


def test_all_optimizers_have_the_same_number_of_trials():
    assert {len(rates) for _, _, rates in run.OPTIMIZERS.values()} == {16}
    for make, default, rates in run.OPTIMIZERS.values():
        assert make().learning_rate == default  # Keras's
        assert min(abs(math.log(default / rate)) for rate in rates) < 0.01  # is among those tried
        assert rates[-1] / rates[0] == pytest.approx(1e5, rel=0.01)


# --- schedules and batches


def test_a_policy_spends_its_steps_and_ends_low():
    for name, make in run.POLICIES.items():
        rate = make(0.3, 120)
        rates = [rate(t) for t in range(120)]
        assert max(rates) == pytest.approx(0.3, rel=0.01), name
        assert rates[-1] <= (0.3 if name == "constant" else 0.01)
        assert (rates[0] < 0.03) == (name in ("warm-up + cosine", "1cycle"))


def test_equal_epochs_and_equal_updates_meet_at_32():
    assert [run.updates_of("epochs", size) for size in (8, 32, 1024)] == [2560, 640, 20]
    assert [run.updates_of("updates", size) for size in (8, 32, 1024)] == [640] * 3


def test_rates_follow_the_size_as_the_rules_say(monkeypatch):
    asked = []

    def sized(optimizer, size, updates, seed, setting):
        rate = optimizer.learning_rate
        asked.append([rate(t) if callable(rate) else rate for t in (0, 1, 2, 1000)])
        return dict.fromkeys(run.MEASURES, 0.5)

    monkeypatch.setattr(run, "sized", sized)
    whole = run.Setting()
    for optimizer, rule, size, wanted in (
        ("momentum", "fixed", 512, 0.01),
        ("momentum", "linear", 512, 0.16),
        ("momentum", "linear", 8, 0.0025),
        ("Adam", "root", 512, 0.04),
    ):
        found = run.size_row("epochs", optimizer, rule, size, 0.01, [0], whole)
        assert asked.pop() == pytest.approx([wanted] * 4)
        assert found["rate"] == pytest.approx(wanted)
    run.size_row("epochs", "momentum", "warm-up", 512, 0.01, [0], whole)  # 40 updates, 4 to warm up
    assert asked.pop() == pytest.approx([0, 0.04, 0.08, 0.16])


def test_a_growing_batch_spends_the_same_epochs(monkeypatch):

    class Watched(SGD):
        def step(self, params, grads):
            rates.append(self.learning_rate(self.iterations))
            super().step(params, grads)

    monkeypatch.setattr(run, "momentum", lambda rate: Watched(rate, momentum=0.9))
    real = run.train_step
    for way, (shares, sizes) in run.GROWING.items():
        rates, seen = [], []

        def step(net, loss, optimizer, x, y, seen=seen):
            seen.append(len(x))
            return real(net, loss, optimizer, x, y)

        monkeypatch.setattr(run, "train_step", step)
        run.grown(way, 0.01, 0, run.SMALL)
        steps = [4 * 2048 // size // 10 for size in sizes]
        assert seen == [b for n, b in zip(steps, sizes, strict=True) for _ in range(n)]
        assert rates == pytest.approx(
            [0.01 * s for n, s in zip(steps, shares, strict=True) for _ in range(n)]
        )


# --- averages, warm-up, decay


def test_averaging_leaves_the_run_as_it_was():
    ways = run.averaged("noisy", 0.01, 0, True, run.SMALL)
    alone = run.one_run("noisy", run.momentum(0.01), 0, True, run.SMALL)
    assert {m: alone[m] for m in run.MEASURES} == ways["last"]
    assert len({ways[way]["test_loss"] for way in run.WAYS}) >= 6
    with np.errstate(all="ignore"):
        lost = run.averaged("noisy", 1e12, 0, True, run.SMALL)
    assert all(lost[way] is None for way in run.WAYS)


def test_warm_up_and_clipping_are_what_they_say(monkeypatch):
    made = {}

    def one_run(net, optimizer, seed, reported, setting, steps):
        made[way] = optimizer
        return None if seed else {"train_loss": 1.2, "test_loss": 1.3}

    monkeypatch.setattr(run, "one_run", one_run)
    for way in run.WARM_WAYS:
        found = run.warmed("deep", "Adam", way, [0, 1], run.Setting())
        assert found["failed"] == [1.0] * 5  # 1.2 is above half of ln 10
        assert found["train_loss"] == [[1.2, None]] * 5
    rate = found["rates"][-1]
    for way in run.WARM_WAYS:
        assert hasattr(made[way], "norms") == (way in ("clipped", "both"))
        schedule = made[way].learning_rate
        if way in ("warm-up", "both"):
            assert [schedule(t) for t in (0, 57)] == pytest.approx([0, rate])
        else:
            assert schedule == rate


def walked(optimizer, steps=20):
    """A weight and a bias after some steps on a bowl."""
    params = {"kernel": np.array([[2.0, -1.0]]), "bias": np.array([0.5, 3.0])}
    for _ in range(steps):
        optimizer.step(params, {name: 0.3 * (w - 1) for name, w in params.items()})
    return np.concatenate([w.ravel() for w in params.values()])


def test_with_sgd_a_penalty_and_a_decay_are_the_same_with_adam_not():
    penalty, decay = walked(run.WithL2(SGD(0.1), 0.2)), walked(SGD(0.1, weight_decay=0.2))
    np.testing.assert_allclose(penalty, decay, rtol=1e-12)
    assert np.abs(decay - walked(SGD(0.1))).max() > 0.05
    adams = [walked(run.decayed(way, 0.1, 0.2)) for way in ("L2", "AdamW")]
    assert np.abs(adams[0] - adams[1]).max() > 0.05
    np.testing.assert_array_equal(walked(run.decayed("none", 0.1, 0.0)), walked(Adam(0.1)))


# --- going on


def test_what_is_done_is_not_done_again(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    parts = ("mlp",), ("momentum", "Lion")
    first = run.tuned([0], BRIEF, *parts)
    assert list(first["found"]["mlp"]) == ["momentum", "Lion"]
    monkeypatch.setattr(run, "one_run", lambda *_: pytest.fail("trained again"))
    assert run.tuned([0], BRIEF, *parts) == first
    with pytest.raises(pytest.fail.Exception):
        run.tuned([1], BRIEF, *parts)


# --- what is stored


def test_a_small_part_gives_what_was_stored(stored):
    found = run.small()
    assert list(found) == list(stored["small"])
    for name, measures in found.items():
        wanted = stored["small"][name]
        for measure in ("train_loss", "test_loss"):
            assert measures[measure] == pytest.approx(wanted[measure], rel=0.05), name
        if wanted["test_accuracy"] is None:
            assert measures["test_accuracy"] is None
        else:
            assert measures["test_accuracy"] == pytest.approx(wanted["test_accuracy"], abs=0.03)


def finished(stored):
    """(name, what is stored) of everything with LISTS of all seeds."""

    def walk(name, value):
        if isinstance(value, dict):
            if set(run.MEASURES) <= value.keys():
                yield name, value
            for key, inner in value.items():
                yield from walk(f"{name}/{key}", inner)

    for part in ("tuned", "one_cycle", "batch_size", "averaging", "decay"):
        yield from walk(part, stored[part])


def test_what_is_stored_is_whole(stored):
    seeds = len(results.read("optimizers")["seeds"])
    names = []
    for name, found in finished(stored):
        names.append(name)
        for measure in ("train_loss", "test_loss"):
            assert len(found[measure]) == seeds >= 10
    races = len(run.TASKS) * len(run.OPTIMIZERS)
    sizes = sum(len(rules) for rules in run.SCALED.values()) + len(run.SCALED["momentum"])
    # default, by_loss, by_accuracy, by_train, by_steps; a policy tuned and as suggested
    assert len(names) == (
        5 * races - len(run.OPTIMIZERS)
        + 2 * 2 * 2 * len(run.POLICIES)
        + len(run.SIZES) * sizes + len(run.GROWING)
        + len(run.AVERAGED) * len(run.WAYS)
        + len(run.DECAY_TASKS) * 3 * 2
    )  # fmt: skip
    for nets in stored["warm_up"].values():
        for ways in nets.values():
            assert list(ways) == list(run.WARM_WAYS)
            for found in ways.values():
                assert np.shape(found["train_loss"]) == (len(found["rates"]), 5)


def test_what_was_chosen_is_the_best_of_the_grid(stored):
    count = 0
    for name, found in finished(stored):
        if "tuning_test_loss" not in found or "decay" in name.split("/")[0]:
            continue
        rates = found.get("rates") or stored["averaging"][name.split("/")[1]]["rates"]
        lost = np.array(found["tuning_test_loss"], float)
        k = rates.index(found["rate"])
        assert lost[k] == np.nanmin(lost), name  # two may be equal to four digits
        assert found["edge"] == (k in (0, len(rates) - 1))
        count += 1
    assert count > 60


def test_races_were_tuned_by_what_they_say(stored):
    for task, race in stored["tuned"]["found"].items():
        about = stored["tuned"]["tasks"][task]
        for name, found in race.items():
            assert found["rates"] == list(run.OPTIMIZERS[name][2])
            assert found["default"]["rate"] == run.OPTIMIZERS[name][1]
            for rule, measure in run.RULES.items():
                if rule not in found:
                    assert (task, rule) == ("gru", "by_accuracy")
                    continue
                sign = -1 if rule == "by_accuracy" else 1
                values = sign * np.array(found[f"tuning_{measure}"], float)
                k = found["rates"].index(found[rule]["rate"])
                assert values[k] == np.nanmin(values)
                assert found[rule]["edge"] == (k in (0, 15))
            assert found["width"] == run.width(
                found["rates"], found[f"tuning_{about['measure']}"], about["good"],
                at_least=task != "gru",
            )  # fmt: skip
            assert len(found["curve"]) == about["steps"] // about["block"]


def test_stored_runs_are_found_again(stored):
    race = stored["tuned"]["found"]
    for task, name, rule in (("mlp", "Adam", "default"), ("units", "momentum", "by_loss")):
        found = race[task][name][rule]
        again = run.one_run(task, run.OPTIMIZERS[name][0](found["rate"]), 0, True, run.Setting())
        assert again["test_accuracy"] == pytest.approx(found["test_accuracy"][0], abs=0.03)
        assert again["test_loss"] == pytest.approx(found["test_loss"][0], rel=0.2)
    found = stored["batch_size"]["found"]["updates"]["momentum"]["fixed"]["8"]
    again = run.sized(run.momentum(found["rate"]), 8, found["updates"], 0, run.Setting())
    assert again["test_loss"] == pytest.approx(found["test_loss"][0], rel=0.2)


# --- what the chapter says about it


def raced(stored, task, name, rule, measure):
    return np.array(stored["tuned"]["found"][task][name][rule][measure], float)


def more(stored, task, one, other, measure="test_accuracy"):
    """One less the other, seed by seed; (OPTIMIZER, how it was tuned) each."""
    return raced(stored, task, *one, measure) - raced(stored, task, *other, measure)


def test_adam_untuned_beats_sgd_untuned_everywhere(stored):
    for task in ("mlp", "units", "conv"):
        gain = more(stored, task, ("Adam", "default"), ("SGD", "default"))
        assert gain.mean() > 0.03
        assert np.sum(gain > 0) >= 9
    lost = more(stored, "gru", ("Adam", "default"), ("SGD", "default"), "test_loss")
    assert np.all(lost < -0.1)


def test_adam_needs_tuning_on_some_tasks(stored):
    gain = more(stored, "conv", ("Adam", "by_accuracy"), ("Adam", "default"))
    assert np.all(gain > 0.02)
    assert gain.mean() > 0.04
    error = raced(stored, "gru", "Adam", "by_loss", "test_loss")
    assert np.all(50 * error < raced(stored, "gru", "Adam", "default", "test_loss"))
    assert abs(more(stored, "mlp", ("Adam", "by_accuracy"), ("Adam", "default")).mean()) < 0.006
    for task in run.TASKS:  # and everywhere it costs steps
        assert stored["tuned"]["found"][task]["Adam"]["by_steps"]["rate"] > 0.004
        steps = [
            raced(stored, task, "Adam", rule, "steps").mean() for rule in ("default", "by_steps")
        ]
        assert steps[0] > 1.8 * steps[1]


def test_untuned_adam_loses_to_tuned_momentum_where_images_are_convolved(stored):
    gain = more(stored, "conv", ("momentum", "by_accuracy"), ("Adam", "default"))
    assert np.all(gain > 0.02)


def test_tuned_momentum_is_as_good_as_tuned_adam_on_two_tasks_of_four(stored):
    for task in ("mlp", "conv"):
        for name in ("momentum", "Nesterov"):
            gain = more(stored, task, ("Adam", "by_accuracy"), (name, "by_accuracy"))
            assert abs(gain.mean()) < 0.008, (task, name)
    units = more(stored, "units", ("Adam", "by_accuracy"), ("momentum", "by_accuracy"))
    assert units.mean() > 0.02
    assert np.sum(units > 0) >= 9
    adam, momentum = (
        raced(stored, "gru", name, "by_loss", "test_loss") for name in ("Adam", "momentum")
    )
    assert np.all(adam < momentum)
    assert 5 * adam.mean() < momentum.mean()


def test_adams_good_region_is_wider_where_it_is_good(stored):
    wide = {
        task: {name: found["width"] for name, found in race.items()}
        for task, race in stored["tuned"]["found"].items()
    }
    for task in ("mlp", "units", "gru"):
        assert wide[task]["Adam"] > wide[task]["momentum"] + 0.3
        assert wide[task]["Adam"] > wide[task]["SGD"] + 0.8
    assert abs(wide["conv"]["Adam"] - wide["conv"]["momentum"]) < 0.3


def sizes(stored, equal, rule, measure="test_accuracy", optimizer="momentum"):
    row = stored["batch_size"]["found"][equal][optimizer][rule]
    return {int(size): np.mean(np.array(found[measure], float)) for size, found in row.items()}


def test_linear_scaling_holds_to_128_and_breaks_beyond(stored):
    loss = sizes(stored, "epochs", "linear", "test_loss")
    assert max(loss[size] for size in (8, 16, 32, 64, 128)) < 1.25 * loss[32]
    assert loss[256] > 1.4 * loss[32]
    assert loss[1024] > 1.5  # hardly learned
    fixed = sizes(stored, "epochs", "fixed", "test_loss")
    assert fixed[128] > 1.5 * fixed[32]
    assert fixed[8] > 5 * fixed[32]  # the rate of 32 is too high for 8


def test_big_batches_lose_at_equal_epochs_however_tuned(stored):
    right = sizes(stored, "epochs", "tuned")
    assert right[32] > right[256] + 0.01
    assert right[256] > right[512] + 0.01
    assert right[512] > right[1024] + 0.03
    assert sizes(stored, "epochs", "tuned", "train_loss")[1024] > 0.2  # they have not learned


def test_at_equal_updates_big_batches_lose_only_with_the_rate_of_small_ones(stored):
    fixed = sizes(stored, "updates", "fixed")
    assert fixed[32] > fixed[64] > fixed[128] > fixed[256] > fixed[1024]
    assert fixed[32] - fixed[1024] > 0.012
    scaled = sizes(stored, "updates", "warm-up")
    assert max(abs(scaled[size] - scaled[32]) for size in (64, 128, 256, 512)) < 0.005
    plain = sizes(stored, "updates", "linear")
    assert scaled[512] > plain[512] + 0.02  # at such rates warm-up is what makes it work
    assert scaled[1024] > plain[1024] + 0.3


def cycled(stored, net, budget, policy, measure="test_loss", *, suggested=False):
    found = stored["one_cycle"][net][budget][policy]
    return np.array((found["suggested"] if suggested else found)[measure], float)


def test_range_tests_differ_by_seed_and_never_suggest_nonsense(stored):
    for net, found in stored["range_test"].items():
        suggested = np.array(found["suggested"])
        np.testing.assert_allclose(10 * suggested, found["lowest"], rtol=1e-3)
        assert suggested.max() > 3 * suggested.min()
        best = stored["one_cycle"][net]["1"]["constant"]["rate"]
        assert best / 6 < np.median(suggested) < 3 * best
        right, tuned = (
            cycled(stored, net, "1", "constant", "test_accuracy", suggested=s).mean()
            for s in (True, False)
        )
        assert right > tuned - 0.012


def test_one_cycle_beats_the_best_constant_rate_here(stored):
    for net in ("conv", "batch norm"):
        for budget in run.BUDGETS:
            lost = cycled(stored, net, budget, "1cycle") - cycled(stored, net, budget, "constant")
            assert np.sum(lost < 0) >= 8, (net, budget)


def test_a_quarter_of_the_time_is_not_enough_not_even_with_one_cycle(stored):
    for net in ("conv", "batch norm"):
        quarter = cycled(stored, net, "1/4", "1cycle", "test_accuracy")
        whole = cycled(stored, net, "1", "constant", "test_accuracy")
        assert np.all(quarter < whole)
        assert (whole - quarter).mean() > 0.03
        other = cycled(stored, net, "1/4", "warm-up + cosine", "test_accuracy")
        assert abs((quarter - other).mean()) < 0.01  # no more than any schedule that ends low


def test_a_larger_batch_does_what_a_lower_rate_does_in_fewer_updates(stored):
    growing = stored["batch_size"]["growing"]
    lower, larger = (growing[way] for way in ("lower rate", "larger batch"))
    assert larger["updates"] < 0.45 * lower["updates"]
    for measure, near in (("test_loss", 0.01), ("test_accuracy", 0.004), ("train_loss", 0.002)):
        assert abs(np.mean(np.subtract(larger[measure], lower[measure]))) < near
    constant = np.std(growing["constant"]["train_loss"])
    assert constant > 1.5 * np.std(larger["train_loss"])  # what both calm


def test_adam_asks_for_the_root_rather_than_the_same_rate(stored):
    fixed, root, tuned = (
        sizes(stored, "epochs", rule, "test_loss", "Adam") for rule in ("fixed", "root", "tuned")
    )
    for size in (64, 128, 256, 512, 1024):
        assert tuned[size] - 0.02 < root[size] < 0.95 * fixed[size]


def test_averages_beat_the_last_weights_and_the_decay_where_labels_are_wrong(stored):
    found = stored["averaging"]["noisy"]
    for way in ("EMA 0.999", "Polyak"):
        for other in ("last", "decay"):
            lost = np.subtract(found[way]["test_loss"], found[other]["test_loss"])
            assert lost.mean() < -0.05
            assert np.sum(lost < 0) >= 9
        assert found[way]["rate"] > 2 * found["last"]["rate"]  # an average allows a higher rate
    low = found["rates"].index(0.001)  # at a rate too low, an average looks back too far
    assert found["Polyak"]["mean_test_loss"][low] > 1.3 * found["last"]["mean_test_loss"][low]
    high = found["rates"].index(0.0464)
    for way in set(run.WAYS) - {"last"}:
        assert found[way]["mean_test_loss"][high] < 0.85 * found["last"]["mean_test_loss"][high]


def warmed(stored, net, optimizer, way, what="failed"):
    return np.array(stored["warm_up"][net][optimizer][way][what], float)


def test_clipping_allows_higher_rates_and_warm_up_lower_losses(stored):
    failed = {way: warmed(stored, "deep", "momentum", way).sum() for way in run.WARM_WAYS}
    assert failed["clipped"] <= failed["none"] - 1
    assert failed["both"] <= failed["warm-up"] - 1
    assert failed["warm-up"] == failed["none"]
    adam = {way: warmed(stored, "deep", "Adam", way).sum() for way in run.WARM_WAYS}
    assert adam["clipped"] < adam["none"] - 0.5
    rate = stored["warm_up"]["deep"]["Adam"]["none"]["rates"].index(0.00316)
    none, warm = (
        warmed(stored, "deep", "Adam", way, "train_loss")[rate] for way in ("none", "warm-up")
    )
    assert 5 * np.median(warm) < np.mean(none)


def test_on_the_gru_warm_up_and_clipping_allow_higher_rates(stored):
    for optimizer, rate in (("momentum", 0.5), ("Adam", 0.5)):
        rates = stored["warm_up"]["gru"][optimizer]["none"]["rates"]
        failed = {
            way: warmed(stored, "gru", optimizer, way)[rates.index(rate)] for way in run.WARM_WAYS
        }
        assert failed["none"] >= 0.6
        assert failed["warm-up"] == failed["both"] == 0
    k = stored["warm_up"]["gru"]["Adam"]["none"]["rates"].index(0.005)
    none, warm = (
        warmed(stored, "gru", "Adam", way, "train_loss")[k] for way in ("none", "warm-up")
    )
    assert np.all(warm > none)  # at a low rate it is time lost


def test_short_averages_help_the_gru_and_long_ones_look_back_too_far(stored):
    found = stored["averaging"]["gru"]
    for way in ("EMA 0.9", "EMA 0.99", "SWA"):
        for other in ("last", "decay"):
            assert np.all(np.less(found[way]["test_loss"], found[other]["test_loss"]))
    for way in ("EMA 0.999", "Polyak"):
        assert np.all(np.greater(found[way]["test_loss"], found["last"]["test_loss"]))


def gained_by(stored, task, one, other):
    right = (stored["decay"][task][way]["by_accuracy"]["test_accuracy"] for way in (one, other))
    return np.subtract(*right)


def test_decoupling_the_decay_matters_where_gradients_differ_in_size(stored):
    assert abs(gained_by(stored, "mlp", "AdamW", "L2").mean()) < 0.006
    more = gained_by(stored, "units", "AdamW", "L2")
    assert np.all(more > 0)
    assert more.mean() > 0.04
    assert gained_by(stored, "units", "AdamW", "none").mean() > 0.06


def test_the_best_decay_hardly_moves_with_the_rate_in_either_way(stored):
    for ways in stored["decay"].values():
        for way in ("L2", "AdamW"):
            best = [
                d
                for r, d in zip(ways[way]["rates"], ways[way]["best_decay"], strict=True)
                if r >= 0.00099
            ]  # below, a low rate regularizes enough
            assert max(best) <= 1.01 * min(best)
            assert len(best) == 3
