"""What normalization buys: the tools that measure it, and what is stored is still found."""

from dataclasses import replace

import numpy as np
import pytest

from experiments import normalization as run
from twice import results
from twice.scratch.normalization import BatchNormalization

TINY = replace(run.SMALL, n_train=160, n_fixed=60, rates_epochs=1, shift_epochs=1)


@pytest.fixture(scope="module")
def stored():
    return results.load("normalization")


def model_of(net, setting=TINY, seed=0):
    return run.build(net, seed, setting)[0]


# --- what was stored


def leaves(value, path=()):
    """(path, number or None) of nested dicts and lists."""
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in leaves(v, (*path, k))]
    if isinstance(value, list):
        return [leaf for k, v in enumerate(value) for leaf in leaves(v, (*path, k))]
    return [(path, value)]


def test_a_small_part_gives_what_was_stored(stored):
    found, kept = (dict(leaves(part)) for part in (run.small(), stored["small"]))
    assert set(found) == set(kept)
    for path, value in found.items():
        if value is None or kept[path] is None:
            assert value is kept[path], path
        elif "accuracy" in str(path):
            assert value == pytest.approx(kept[path], abs=0.08), path
        elif "tried" not in path:  # those at the edge of overflow differ by machine
            assert value == pytest.approx(kept[path], rel=0.15, abs=0.02), path


def all_tuned(value):
    """Every dict with the rates that were tried, wherever it is."""
    if isinstance(value, dict):
        if "tried" in value:
            yield value
        for inner in value.values():
            yield from all_tuned(inner)


def test_every_stored_rate_is_the_best_tried_and_no_edge(stored):
    nets = [net for name, part in stored.items() if name != "small" for net in all_tuned(part)]
    assert len(nets) == 9 * 3 + 4 * 3 + 3 * 5 + 3 * 2 + 4 * 5 - 1 + 3 * 5
    for net in nets:
        tried = {float(rate): lost for rate, lost in net["tried"].items()}
        whole = {rate: lost for rate, lost in tried.items() if lost is not None}
        assert len(tried) >= len(stored["setting"]["tuning_exponents"])
        assert whole[net["rate"]] == min(whole.values())
        never = whole[net["rate"]] > np.log(10) - 0.01  # nothing learned at any rate: no best one
        assert never or min(tried) < net["rate"] < max(tried)


def test_the_stored_result_holds_what_the_chapter_reads(stored):
    seeds = len(results.read("normalization")["seeds"])
    rates = stored["rates"]
    assert rates["rates"] == list(run.RATES)
    assert rates["reached"] == run.REACHED
    for by_method in rates["nets"].values():
        assert list(by_method) == list(run.METHODS)
        for net in by_method.values():
            for edge in (run.RATES[0], run.RATES[-1]):  # the range lies within the grid
                reached = net["by_rate"][edge]["test_accuracy"]
                assert not any(a is not None and a >= run.REACHED for a in reached)
            for low, high, decades in zip(
                net["lowest"], net["highest"], net["decades"], strict=True
            ):
                width = 0 if low is None else np.log10(high / low) + 1 / 3
                assert decades == pytest.approx(width, abs=0.01)
    for by_scale in stored["scales"]["nets"].values():
        assert list(by_scale) == list(run.SCALES)
        assert by_scale["1"]["fixed"]["test_loss"] == by_scale["1"]["tuned"]["test_loss"]
    for by_scale in stored["scales"]["hidden"].values():
        assert list(by_scale) == ["0.0625", "0.25", "4", "16"]
    for by_which in stored["shift"].values():
        for which in ("tuned", "same"):
            assert list(by_which[which]) == list(run.KINDS)
        assert len({kind["rate"] for kind in by_which["same"].values()}) == 1
    for activation in ("tanh", "relu"):
        for net in stored["smoothness"][activation].values():
            assert list(net["levels"]) == list(run.LEVELS)
            for level, entries in net["levels"].items():
                assert len(entries) == seeds
                for entry in entries:
                    if entry is not None and level != "start":
                        assert entry["loss"] <= float(level)
    for by_place in stored["place"].values():
        assert {len(net["test_accuracy"]) for net in by_place.values()} == {2 * seeds}
    assert [list(net) for net in stored["batch_size"]["nets"].values()] == [
        list(run.sizes_of(m)) for m in ("none", "layer", "group", "batch")
    ]
    for by_kind in stored["explains"].values():
        assert list(by_kind) == list(run.EXPLAINS)
        for net in by_kind.values():
            assert len(net["test_accuracy"]) == seeds


# --- what the chapter says of it


def mean(net, name="test_accuracy"):
    return np.mean(net[name])


def test_normalization_widens_the_range_of_rates(stored):
    nets = stored["rates"]["nets"]
    for activation in ("tanh", "relu"):
        width = {m: np.mean(net["decades"]) for m, net in nets[activation].items()}
        assert width["none"] + 0.3 < width["batch"]
        assert width["none"] < width["layer"]
    assert nets["sigmoid"]["none"]["decades"] == nets["sigmoid"]["weight"]["decades"]
    assert max(nets["sigmoid"]["none"]["decades"]) == 0
    assert min(nets["sigmoid"]["batch"]["decades"]) > 1.5


def test_small_starts_train_under_a_norm_once_the_rate_is_tuned_and_large_ones_less(stored):
    nets = stored["scales"]["nets"]
    for scale in ("0.0625", "0.125", "0.25"):
        assert mean(nets["none"][scale]["tuned"]) < 0.2
        assert mean(nets["batch"][scale]["tuned"]) > 0.93
    assert all(a is None for a in nets["none"]["2"]["fixed"]["test_accuracy"])
    assert mean(nets["batch"]["2"]["fixed"]) > 0.93
    assert mean(nets["batch"]["16"]["tuned"]) < 0.9  # the last kernel stands before no norm,
    hidden = stored["scales"]["hidden"]["batch"]["16"]["tuned"]  # and long kernels hardly turn
    assert mean(nets["batch"]["16"]["tuned"]) < mean(hidden) < 0.92


def test_noise_brings_the_shift_back_and_takes_little_of_the_training(stored):
    for activation in ("sigmoid", "tanh"):
        kinds = stored["shift"][activation]["tuned"]
        assert mean(kinds["batch"], "mean_shift") < 0.1 * mean(kinds["none"], "mean_shift")
        assert mean(kinds["batch, noise"]) > mean(kinds["batch"]) - 0.03
        assert mean(kinds["batch, more noise"]) > mean(kinds["batch"]) - 0.03
    noisy, plain = kinds["batch, more noise"], kinds["none"]
    assert min(noisy["mean_shift"]) > 5 * max(plain["mean_shift"])
    assert min(noisy["std_shift"]) > 5 * max(plain["std_shift"])


def test_the_gradients_shift_is_not_what_batch_norm_takes_away(stored):
    kinds = stored["shift"]["tanh"]["same"]
    assert mean(kinds["batch"], "gradient_shift") > 0.8 * mean(kinds["none"], "gradient_shift")


def test_a_relu_net_is_smoother_under_batch_norm_also_free_of_scale(stored):
    nets = stored["smoothness"]["relu"]
    for level in run.LEVELS[1:]:
        pairs = zip(nets["none"]["levels"][level], nets["batch"]["levels"][level], strict=True)
        for none, batch in pairs:
            assert batch["scale_free"]["change"][0] < 0.6 * none["scale_free"]["change"][0]
            assert batch["scale_free"]["cosine"][0] > none["scale_free"]["cosine"][0]


def steepness(entry, stored):
    """The largest change of the gradient for the length moved, on steps that training takes."""
    steps = [float(a) for a in stored["smoothness"]["steps"]]
    changes = zip(entry["raw"]["change"], steps, strict=True)
    return max(change / a for change, a in changes if a < 0.32)


def test_at_one_rate_the_gradient_keeps_its_direction_under_batch_norm(stored):
    same = stored["smoothness"]["same"]
    for activation, methods in same.items():
        assert list(methods) == list(run.METHODS[:3])
        assert {net["rate"] for net in methods.values()} == {
            stored["smoothness"][activation]["none"]["rate"]
        }
        assert methods["none"] == stored["smoothness"][activation]["none"]
        for level in run.LEVELS[1:]:
            none, batch = (
                np.array(
                    [entry["scale_free"]["cosine"][0] for entry in methods[m]["levels"][level]]
                )
                for m in ("none", "batch")
            )
            assert np.median(batch) > np.median(none) + 0.04
            assert activation == "tanh" or all(batch > none + 0.3)


def test_the_usual_steepness_differs_little_on_steps_that_are_taken_and_explodes_beyond(stored):
    nets = stored["smoothness"]["same"]["relu"]
    found = {
        m: [
            np.median([steepness(e, stored) for e in nets[m]["levels"][level]])
            for level in run.LEVELS
        ]
        for m in ("none", "batch")
    }
    ratios = np.divide(found["none"], found["batch"])
    assert 0.9 < ratios[0] < 1.2
    assert all(1.2 < ratio < 3.2 for ratio in ratios[1:])
    for entry in nets["none"]["levels"]["1"]:
        assert entry["raw"]["beta"] > 10 * steepness(entry, stored)


def test_with_relu_batch_norm_leads_a_good_start_by_little(stored):
    kinds = {k: net["test_accuracy"] for k, net in stored["explains"]["relu"].items()}
    ahead = np.subtract(kinds["batch"], kinds["none, normalized once"])
    assert all(ahead > 0)
    assert np.median(kinds["batch"]) - np.median(kinds["none, normalized once"]) < 0.02


def test_a_start_normalized_once_does_for_a_sigmoid_net_what_batch_norm_does(stored):
    kinds = stored["explains"]["sigmoid"]
    assert mean(kinds["none"]) < 0.15
    assert mean(kinds["none, He"]) < 0.6
    assert mean(kinds["none, normalized once"]) > mean(kinds["batch"]) - 0.01 > 0.93


def test_plain_tanh_and_relu_nets_do_about_as_well_at_their_best_rates(stored):
    for activation in ("tanh", "relu"):
        kinds = stored["explains"][activation]
        assert all(abs(mean(net) - mean(kinds["none"])) < 0.02 for net in kinds.values())


def test_after_the_activation_is_no_worse_than_before(stored):
    for activation, places in stored["place"].items():
        gain = np.subtract(*(places[p]["test_accuracy"] for p in ("after", "before")))
        low, high = (0.004, 0.02) if activation == "sigmoid" else (-0.006, 0.009)
        assert low < gain.mean() < high


def test_batch_norm_fails_on_the_smallest_batches_alone(stored):
    nets = stored["batch_size"]["nets"]
    assert max(nets["batch"]["2"]["test_accuracy"]) < 0.5
    assert mean(nets["batch"]["4"]) < mean(nets["none"]["4"])
    assert mean(nets["batch"]["32"]) > 0.93
    for method in ("none", "layer", "group"):
        assert all(mean(net) > 0.88 for net in nets[method].values())
    gap = {s: mean(n, "train_loss_seen") - mean(n, "train_loss") for s, n in nets["batch"].items()}
    assert gap["4"] > gap["8"] > gap["32"] > 0


# --- the networks


def test_no_test_image_is_seen_in_training_or_tuning():
    sets = [run.images(seed, run.Setting()) for seed in (0, 1000)]
    (ours, test), (theirs, validation) = sets
    assert [len(y) for _, y in (ours, test, theirs, validation)] == [800, 719, 800, 278]
    pixels = [
        {np.round(16 * (row - x.min()) / np.ptp(x)).astype(int).tobytes() for row in x}
        for x, _ in (ours, test, theirs, validation)
    ]
    assert not pixels[1] & (pixels[0] | pixels[2] | pixels[3])
    assert not pixels[2] & pixels[3]
    assert pixels[0] & pixels[2]  # the comparison finds equal images
    again = run.data.digits(test_fraction=0.4)
    np.testing.assert_array_equal(test[1], again[1][1])
    np.testing.assert_allclose(ours[0].mean(), 0, atol=1e-4)
    np.testing.assert_allclose(ours[0].std(), 1, rtol=1e-4)


def test_the_scale_of_a_start_multiplies_every_kernel():
    usual, large = (model_of(run.Net("relu", "batch", scale=s)).params for s in (1.0, 4.0))
    names = [name for name in usual if name.endswith(".kernel")]
    assert len(names) == TINY.hidden + 1
    hidden = model_of(run.Net("relu", "batch", scale=4.0, scale_last=False)).params
    for name in names:
        np.testing.assert_allclose(large[name], 4 * usual[name], rtol=1e-6)
        factor = 1 if name == names[-1] else 4
        np.testing.assert_allclose(hidden[name], factor * usual[name], rtol=1e-6)


def test_normalized_once_begins_as_batch_norm_does():
    x = run.images(0, TINY)[0][0][: TINY.n_fixed]
    once, normed = (
        model_of(run.Net("tanh", "none", start="once")),
        model_of(run.Net("tanh", "batch")),
    )
    first, second = (
        once.layers[0].forward(x),
        once.layers[2].forward(np.tanh(once.layers[0].forward(x))),
    )
    for z in (first, second):
        used = z.std(axis=0) > 1e-3
        np.testing.assert_allclose(z[:, used].mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(z[:, used].std(axis=0), 1, atol=1e-2)
    np.testing.assert_allclose(once.forward(x), normed.forward(x, training=True), atol=0.02)


def test_batch_norm_averages_over_as_many_samples_at_every_size():
    for size, momentum in ((32, 0.9), (8, 0.9**0.25), (2, 0.9 ** (1 / 16))):
        model = run.build(run.Net("relu", "batch"), 0, TINY, size)[0]
        norms = [layer for layer in model.layers if isinstance(layer, BatchNormalization)]
        assert len(norms) == TINY.hidden
        assert norms[0].momentum == pytest.approx(momentum)


def test_the_place_is_before_or_after_the_activation():
    names = [
        [type(layer).__name__ for layer in model_of(run.Net("relu", "batch", place)).layers[:3]]
        for place in ("before", "after")
    ]
    assert names[0] == ["Dense", "BatchNormalization", "Activation"]
    assert names[1] == ["Dense", "Activation", "BatchNormalization"]


def test_the_noise_moves_and_stretches_units_alike_in_all_samples():
    noise = run.Noise(3, 1.5, 0.5, 2.0, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    first, second = noise.forward(x, training=True), noise.forward(x, training=True)
    assert np.abs(first - second).max() > 0.1
    for column in range(3):
        slope, height = np.polyfit(x[:, column], second[:, column], 1)
        assert 0.5 <= slope <= 2.0
        assert -1.5 <= height <= 1.5
    noise.held = True
    np.testing.assert_array_equal(noise.forward(x, training=True), second)
    grad = np.ones_like(x)
    np.testing.assert_allclose(
        noise.backward(grad) * 0.01,
        noise.forward(x + 0.01, training=True) - second,
        atol=1e-6,
    )
    np.testing.assert_array_equal(noise.forward(x), x)
    np.testing.assert_array_equal(noise.backward(grad), grad)


# --- the measurements


def test_looking_leaves_the_running_statistics_alone():
    model, (x, y) = model_of(run.Net("relu", "batch")), run.images(0, TINY)[0]
    before = model.get_weights()
    loss, _ = run.gradients(model, x, y)
    output = run.forward(model, x)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert loss == pytest.approx(run.LOSS.forward(y, output))
    assert np.abs(output - model.forward(x)).max() > 0.01  # as in training, not as after it


@pytest.mark.parametrize("method", ["none", "batch"])
def test_watching_and_probing_change_no_training(method):
    net, (x, y) = run.Net("tanh", method), run.images(0, TINY)[0]
    alone = run.train(net, 0.1, 0, 1, TINY)
    for callback in (run.Watch(x[:60], y[:60], 2), run.Probe(x[:60], y[:60], ["start", "0.001"])):
        assert run.train(net, 0.1, 0, 1, TINY, callbacks=[callback]) == alone


def test_moved_is_the_change_in_units_of_the_deviation():
    before = np.array([1.0, 1.0]), np.array([2.0, 2.0])
    now = np.array([2.0, 0.0]), np.array([2.0, 4.0])
    np.testing.assert_allclose(run.moved(before, now), [0.5, np.sqrt(2) / 2])


def test_difference_is_relative_and_knows_the_angle():
    a = np.array([3.0, 4.0])
    np.testing.assert_allclose(run.difference(a, 2 * a), [1.0, 1.0])
    np.testing.assert_allclose(run.difference(a, np.array([-4.0, 3.0])), [np.sqrt(2), 0.0])
    np.testing.assert_allclose(run.difference(a * 0, a), [0.0, 1.0])


def test_a_step_above_shifts_no_gradient_and_one_below_does():
    net, (x, y) = run.Net("tanh"), run.images(0, TINY)[0]
    for moving, shifted in (("6.kernel", False), ("0.kernel", True)):
        model = model_of(net)
        watch = run.Watch(x, y, 1)
        watch.on_train_begin(model)
        model.params[moving][...] += 0.05
        changed = {n: p.copy() for n, p in model.params.items()}
        watch.on_batch_end(model, 1, None)
        change, cosine = watch.compared[0]
        assert (change > 0.01) == shifted
        assert (cosine < 0.9999) == shifted
        for name, p in model.params.items():
            np.testing.assert_array_equal(p, changed[name])


def test_the_shift_of_a_bias_is_what_was_added():
    model, (x, y) = model_of(run.Net("linear")), run.images(0, TINY)[0]
    watch = run.Watch(x, y, 100)
    watch.on_train_begin(model)
    unit = np.sqrt((watch.before[-1][1] ** 2).mean())
    model.params["4.bias"][...] += 0.3  # moves the inputs of the last layer, of three, alone
    watch.on_batch_end(model, 1, None)
    np.testing.assert_allclose(watch.shifts[0], [0.3 / unit / TINY.hidden, 0], atol=1e-5)


def test_noise_after_the_norm_is_seen_as_shift():
    quiet, loud = (
        run.watched(run.Net("tanh", "batch", noise=noise), 0.1, 0, TINY)
        for noise in (None, (1.5, 0.5, 2.0))
    )
    assert loud["mean_shift"] > 5 * quiet["mean_shift"]
    assert loud["std_shift"] > 5 * quiet["std_shift"]


def test_the_scale_free_reading_does_not_see_the_length_of_weights_under_a_norm():
    (x, y), found = run.images(0, TINY)[0], []
    for factor in (1.0, 4.0):
        model = model_of(run.Net("tanh", "batch"))
        for name in run.kernels(model)[:-1]:
            model.params[name] *= factor
        for layer in model.layers:
            if isinstance(layer, BatchNormalization):
                layer.epsilon = 1e-12
        _, gradient = run.gradients(model, x, y)
        rules = (run.plain_step, run.scale_free_step)
        readings = [rule(model.params, gradient)[1] for rule in rules]
        found.append([reading(model.params, gradient) for reading in readings])
    plain, free = zip(*found, strict=True)
    np.testing.assert_allclose(free[0], free[1], atol=1e-3 * np.abs(free[0]).max())
    assert np.linalg.norm(plain[1]) < 0.7 * np.linalg.norm(plain[0])


def test_a_short_step_changes_the_loss_by_the_slope():
    (x, y), model = run.images(0, TINY)[0], model_of(run.Net("tanh"))
    probe = run.Probe(x, y, ["start"])
    before = model.get_weights()
    probe.on_train_begin(model)
    entry = probe.found["start"]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    a = float(run.STEPS[0])
    fallen = entry["loss"] - entry["raw"]["loss"][0]
    assert fallen == pytest.approx(a * entry["gradient"] ** 2, rel=0.1)
    changes = [c / float(a) for c, a in zip(entry["raw"]["change"], run.STEPS, strict=True)]
    assert entry["raw"]["beta"] == pytest.approx(np.nanmax(changes))


# --- what surrounds them


def test_the_longest_row_of_neighbors():
    assert run.longest_row([0.5, None, 0.2]) is None
    assert run.longest_row([0.95, 0.5, 0.9, 0.91, None, 0.99]) == (2, 3)
    assert run.longest_row([0.95, 0.95]) == (0, 1)


def test_an_overflow_is_null_in_the_place_of_its_seed(monkeypatch):
    assert run.train(run.Net("relu"), 1e6, 0, 1, TINY) is None
    runs = [{"a": 1.0}, None, {"a": 2.0}]
    assert run.lists(runs, ("a",)) == {"a": [1.0, None, 2.0]}


def test_the_search_for_a_rate_goes_on_at_an_edge(monkeypatch):
    def train(net, rate, seed, epochs, setting, *, batch_size):
        return None if rate > 20 else {"test_loss": abs(np.log(rate / best))}

    monkeypatch.setattr(run, "train", train)
    run.tune.cache_clear()
    setting = replace(run.SMALL, tuning_exponents=(-2, -1, 0), more_rates=6)
    for best, rates in ((0.3162, 3), (1.0, 4), (0.01, 6)):
        tried = run.tune(run.Net("relu", scale=best), 1, setting)
        assert len(tried) == rates
        assert run.best_of(tried) == pytest.approx(best, rel=0.01)
    run.tune.cache_clear()


def test_a_part_that_is_done_is_not_done_again(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    first = run.part("a, part", TINY, [0], lambda seeds, setting: {"n": seeds})
    again = run.part("a, part", TINY, [0], lambda *_: pytest.fail("done again"))
    assert first == again
    assert first[0] == {"n": [0]}
    assert run.part("a, part", TINY, [1], lambda seeds, setting: {"n": seeds})[0] == {"n": [1]}
