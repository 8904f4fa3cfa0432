"""The run on transfer: its pieces, that it still finds what it stored, what the chapter claims."""

import numpy as np
import pytest

from experiments import transfer_learning as run
from twice import results
from twice.scratch.backpropagation import Dense
from twice.scratch.transfer import Frozen

SIDE = (2, 16, 16, 1)


@pytest.fixture(scope="module")
def stored():
    return results.load("transfer_learning")


def rows(x):
    return {image.tobytes() for image in x}


# --- the pieces


@pytest.mark.parametrize("target", ["digits", "letters", "shapes"])
def test_what_is_reported_was_never_trained_on_nor_chosen_by(target):
    about = run.TARGETS[target]
    reported = rows(run.draw(target, None, 0)[2][0])
    for seed in (0, 4, *run.TUNING["small"]):
        train, held, test = run.draw(target, None, seed)
        assert [len(y) for _, y in (train, held, test)] == [about.train, about.held, about.test]
        assert rows(test[0]) == reported
        assert not reported & (rows(train[0]) | rows(held[0]))
        assert not rows(train[0]) & rows(held[0])
        assert train[0].shape[1:] == (16, 16, 1)
        assert train[0].min() >= 0
        assert train[0].max() <= 1


def test_few_images_are_as_many_of_each_class_and_nested():
    drawn = [run.draw("digits", each, 1)[0] for each in (2, 5, 20)]
    for each, (_, y) in zip((2, 5, 20), drawn, strict=True):
        np.testing.assert_array_equal(np.bincount(y), each)
    assert rows(drawn[0][0]) < rows(drawn[1][0]) < rows(drawn[2][0])
    other = run.draw("digits", 5, 2)[0]
    assert len(rows(other[0]) & rows(drawn[1][0])) < 10


def test_steps_depend_on_the_number_of_images_alone():
    assert run.steps_for(20) == run.steps_for(30) == 200
    assert run.steps_for(1000) == 512  # 16 epochs of 32 batches
    assert run.steps_for(3000) % 94 == 0
    assert run.steps_for(3000) > run.steps_for(1000)


@pytest.mark.parametrize(("share", "epochs"), [(0.25, 200), (0.75, 200), (0.5, 9), (0.25, 4)])
def test_gradual_unfreezing_ends_with_all_layers_at_its_share(share, epochs):
    schedule = run.unfrozen_by(share, epochs)
    assert schedule[0] == run.KEPT
    ends = [epoch for epoch, n in schedule.items() if n == 0]
    assert len(ends) == 1
    assert ends[0] == max(schedule) == max(1, round(share * epochs))
    assert list(schedule.values()) == sorted(schedule.values(), reverse=True)


def weights(model):
    return {name: p.copy() for name, p in model.params.items()}


@pytest.mark.parametrize("strategy", run.STRATEGIES)
def test_a_strategy_trains_what_it_says_and_leaves_the_source_alone(strategy):
    function, _, values, _ = run.OPTIONS[strategy]
    start = function("digits", 3, values[-1])
    parts = run.draw("digits", 2, 3)[:2]
    source, before = run.source().get_weights(), weights(start.model)
    base = start.base and start.base.get_weights()
    found = run.learned(start, parts, 0.003, 3, steps=8)
    for a, b in zip(source, run.source().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(base or [], start.base.get_weights() if base else [], strict=True):
        np.testing.assert_array_equal(a, b)
    after = weights(start.model)
    moved = {name for name in before if np.any(before[name] != after[name])}
    kernels = {name for name in before if name.endswith("kernel")}
    assert kernels <= moved
    assert found["trained"] == sum(p.size for p in after.values())
    heads = {"linear", "random features", "head", "early head"}
    assert (len(kernels) == 1) == (strategy in heads)
    if strategy == "fine-tune":  # old layers take smaller steps
        sizes = {k: np.abs(after[k] - before[k]).mean() for k in ("0.kernel", "11.kernel")}
        assert 2 * sizes["0.kernel"] < sizes["11.kernel"]


def test_all_strategies_of_a_seed_draw_the_same_new_layers():
    scratch = run.fresh("shapes", 4)
    tuned = run.copied("shapes", 4)
    np.testing.assert_array_equal(scratch.params["11.kernel"], tuned.params["11.kernel"])
    assert np.any(scratch.params["9.kernel"] != tuned.params["9.kernel"])
    np.testing.assert_array_equal(tuned.params["9.kernel"], run.source().params["9.kernel"])
    part = run.copied("shapes", 4, run.STAGES[1])
    np.testing.assert_array_equal(part.params["2.kernel"], run.source().params["2.kernel"])
    np.testing.assert_array_equal(part.params["4.kernel"], scratch.params["4.kernel"])


@pytest.mark.parametrize("way", run.SLICES)
def test_slices_keep_one_end_and_draw_the_other_anew(way):
    start = run.slice_start(way, "digits", 1)
    source, new = run.source(), run.fresh("digits", 1)
    for number in (0, 2, 4, 6, 9):
        layer = start.model.layers[number]
        early = number < run.STAGES[1]
        keeps = early == way.startswith("first")
        assert isinstance(layer, Frozen) == (keeps and way.endswith("frozen"))
        kernel = (layer.layer if isinstance(layer, Frozen) else layer).params["kernel"]
        wanted = (source if keeps else new).layers[number].params["kernel"]
        np.testing.assert_array_equal(kernel, wanted)
        assert kernel is not run.source().layers[number].params["kernel"]


def test_best_trial_has_the_highest_accuracy_then_the_lowest_loss():
    made = [[{"accuracy": a, "loss": b}] for a, b in ((0.5, 0.1), (0.9, 3), (0.9, 2), (0.8, 0))]
    assert run.best_trial(made) == 2


def test_too_high_a_rate_is_chance():
    part = run.draw("digits", 2, 0)[:2]
    found = run.learned(run.fine_tune("digits", 0, 1.0), part, 1e30, 0, steps=5)
    assert found["accuracy"] == pytest.approx(0.1)


def test_preparations_are_what_they_are_called():
    x = run.draw("digits", 5, 0)[0][0]
    ways = {name: change(x) for name, change in run.PREPARED.items()}
    np.testing.assert_array_equal(ways["same"], x)
    np.testing.assert_allclose(ways["inverted"] + x, 1, rtol=1e-6)
    assert ways["0 to 255"].max() == pytest.approx(255 * x.max())
    everything = run.PREPARED["standardized"](run.whole("digits")[0])
    assert abs(everything.mean()) < 0.05
    assert abs(everything.std() - 1) < 0.05
    small = ways["small"]
    assert small[:, :4].max() == small[:, 12:].max() == small[:, :, 12:].max() == 0
    assert 0.5 < small.sum() / (x.sum() / 4) < 1.5


@pytest.mark.parametrize("way", run.NORM_WAYS)
def test_frozen_batch_norms_keep_their_statistics_and_others_move_them(way):
    start = run.norm_start(way, "digits", 0)
    whole = [*(start.base.layers if start.base else []), *start.model.layers]
    assert len(whole) == 16
    norm, kernel = (a.layer if isinstance(a, Frozen) else a for a in (whole[4], whole[3]))
    mean = norm.non_trainable["moving_mean"]
    old = mean.copy()
    before = kernel.params["kernel"].copy()
    run.learned(start, run.draw("digits", 2, 0)[:2], 0.003, 0, batch_size=8, steps=4)
    assert np.any(mean != old) == way.endswith("batch")
    assert np.any(kernel.params["kernel"] != before) == way.startswith("fine-tune")


def test_views_are_the_same_image_elsewhere():
    x = run.draw("digits", 5, 0)[0][0]
    view, _ = run.RandomView(np.random.default_rng(0))(x, None)
    assert view.shape == x.shape
    assert view.dtype == x.dtype
    moved, others = (np.abs(x - z).mean() for z in (view, np.roll(x, 25, axis=0)))
    assert 0.05 < moved < 0.9 * others  # nearer than other digits
    assert np.all((x > 0.5).mean(axis=(1, 2, 3)) / (view > 0.5).mean(axis=(1, 2, 3)) < 3)


@pytest.mark.parametrize("pretext", ["contrastive, letters", "Barlow Twins, digits"])
def test_a_pretext_learns_an_embedding_that_says_more(pretext):
    model = run.embedding(pretext, 0, **run.PRETEXT | {"images": 300, "steps": 4})
    start = run.embedding("random", 0, **run.PRETEXT)
    assert model.predict(np.zeros(SIDE, np.float32)).shape == (2, 64)
    assert not any(isinstance(layer, Dense) and layer.params["kernel"].shape[1] != 64
                   for layer in model.layers)  # fmt: skip
    for name, p in model.params.items():
        if name.endswith("kernel"):
            assert np.any(p != start.params[name]), name
            assert np.abs(p - start.params[name]).max() < 0.05


# --- what is stored


def test_a_small_part_gives_what_was_stored(stored):
    found, wanted = run.rounded(run.small()), stored["small"]

    def compare(a, b, where):
        if isinstance(a, dict):
            assert list(a) == list(b), where
            for key in a:
                compare(a[key], b[key], f"{where}/{key}")
        elif isinstance(a, list):
            np.testing.assert_allclose(a, b, atol=0.05, err_msg=where)
        else:
            assert a == pytest.approx(b, abs=0.05), where

    compare(found, wanted, "small")


def test_stored_runs_are_found_again(stored):
    for target, strategy in (("digits", "head"), ("letters", "early head"), ("shapes", "scratch")):
        found = stored["cases"][target]["small"][strategy]
        again = run.one_run(strategy, target, run.SMALL, 0, *found["chosen"], reported=True)
        assert again["accuracy"] == pytest.approx(found["test_accuracy"][0], abs=0.03)
        assert again["trained"] == found["trained"]
    accuracies = stored["surface"]["digits"]["accuracy"]["frozen"]
    for kept in (0, 2, 5):
        again = run.surface("digits", "frozen", kept, 2, [0])
        np.testing.assert_allclose(again, accuracies[kept][0][:1], atol=0.04)


def test_what_is_stored_is_whole(stored):
    seeds = len(results.read("transfer_learning")["seeds"])
    assert seeds >= 5
    assert stored["setting"]["letters"] == run.LETTERS
    assert stored["setting"]["stages"] == run.STAGES
    assert list(stored["cases"]) == list(run.TARGETS)
    for target, sizes in stored["cases"].items():
        assert list(sizes) == list(run.SIZES)
        for size, strategies in sizes.items():
            assert list(strategies) == list(run.STRATEGIES)
            for name, found in strategies.items():
                shape = len(found["rates"]), 3
                assert np.shape(found["tuning_accuracy"]) == shape
                assert shape[0] == 6
                for measure in ("test_accuracy", "test_loss", "train_accuracy", "seconds"):
                    assert len(found[measure]) == seeds, (target, size, name)
                rate, value = found["chosen"]
                place = found["rates"].index(rate), found["values"].index(value)
                table = np.array(found["tuning_accuracy"])
                assert table[place] == table.max()
                assert found["edge"] == (place[0] in (0, shape[0] - 1))
                if name in run.BY_VALUE:
                    assert found["by_value"][str(value)] == found["test_accuracy"]
    for target in ("digits", "shapes"):
        surface = stored["surface"][target]
        assert len(surface["counts"]) == 6
        for way in run.WAYS:
            assert np.shape(surface["accuracy"][way]) == (6, 6, seeds)
        assert surface["accuracy"]["frozen"][0] == surface["accuracy"]["fine-tuned"][0]
        for size in run.SIZES:
            ways = stored["slices"][target][size]
            assert list(ways) == list(run.SLICES)
            assert all(len(row) == seeds for row in ways.values())
    for strategy, ways in stored["preprocessing"]["found"].items():
        assert strategy in run.PREPARED_STARTS
        assert list(ways) == list(run.PREPARED)
    for ways in stored["batch_norm"].values():
        assert list(ways) == list(run.NORM_WAYS)
    assert list(stored["without_labels"]) == list(run.PRETEXTS)


# --- what the chapter says about it


def right(stored, target, size, strategy):
    return np.array(stored["cases"][target][size][strategy]["test_accuracy"])


def more(stored, target, size, one, other):
    """One strategy's accuracy less the other's, seed by seed."""
    return right(stored, target, size, one) - right(stored, target, size, other)


def test_a_head_on_all_layers_wins_where_the_task_is_near_and_images_are_few(stored):
    for other in ("scratch", "linear", "early head", "early, rest new"):
        assert np.all(more(stored, "letters", "small", "head", other) > 0), other
    assert more(stored, "letters", "small", "head", "scratch").mean() > 0.2
    assert more(stored, "letters", "small", "head", "fine-tune").mean() > 0.01
    seconds = stored["cases"]["letters"]["small"]
    assert 5 * np.mean(seconds["head"]["seconds"]) < np.mean(seconds["fine-tune"]["seconds"])


def test_on_few_real_digits_it_only_ties_with_pixels_and_the_early_layers_win(stored):
    for other in ("linear", "scratch", "fine-tune"):
        assert abs(more(stored, "digits", "small", "head", other).mean()) < 0.025, other
    for other in ("linear", "scratch", "head"):
        gain = more(stored, "digits", "small", "early head", other)
        assert 0.01 < gain.mean() < 0.05, other
        assert np.sum(gain > 0) >= 3, other


def test_with_many_images_fine_tuning_wins_everywhere_and_a_head_loses(stored):
    for target, gain in (("digits", 0.004), ("letters", 0.01), ("shapes", 0.1)):
        for strategy in ("fine-tune", "gradual", "layer rates"):
            assert more(stored, target, "large", strategy, "scratch").mean() > gain, target
        assert np.all(more(stored, target, "large", "head", "fine-tune") < 0)
    for target in ("digits", "shapes"):
        assert np.all(more(stored, target, "large", "head", "scratch") < 0)


def test_few_shapes_are_too_few_for_anything(stored):
    for strategy in run.STRATEGIES:
        assert right(stored, "shapes", "small", strategy).mean() < 0.33, strategy
    assert more(stored, "shapes", "small", "early head", "scratch").mean() > 0


def test_features_are_learned_not_drawn(stored):
    for target, sizes in stored["cases"].items():
        for size in sizes:
            assert more(stored, target, size, "head", "random features").mean() > 0.02


def test_the_layers_to_keep_are_the_first_ones(stored):
    for target, sizes in stored["slices"].items():
        for size, ways in sizes.items():
            first, last = (np.array(ways[f"{which}, frozen"]) for which in run.SLICES[:2])
            assert (first - last).mean() > 0.02, (target, size)
            assert np.mean(ways["first two"]) > np.mean(ways["last three"]), (target, size)
    for target in ("digits", "shapes"):  # the wrong end is worse than nothing
        last = np.array(stored["slices"][target]["large"]["last three, frozen"])
        assert np.all(last < right(stored, target, "large", "scratch"))


def test_a_tenth_of_the_rate_helps_few_small_letters_and_harms_nobody(stored):
    for target, sizes in stored["cases"].items():
        for size, row in sizes.items():
            by_share = row["fine-tune"]["by_value"]
            gain = np.subtract(by_share["0.1"], by_share["1.0"])
            assert gain.mean() > -0.01, (target, size)
            assert not row["fine-tune"]["edge"], (target, size)
            if (target, size) == ("letters", "small"):
                assert gain.mean() > 0.02
                assert np.sum(gain > 0) >= 4
            else:
                assert gain.mean() < 0.02


def test_with_more_steps_scratch_catches_up_most_of_what_it_lacked(stored):
    longer = {name: found["8"] for name, found in stored["longer"]["shapes"].items()}
    assert list(longer) == ["scratch", "fine-tune"]
    short = more(stored, "shapes", "large", "fine-tune", "scratch")
    few = stored["cases"]["shapes"]["large"]["scratch"]
    gap = np.subtract(longer["fine-tune"]["test_accuracy"], longer["scratch"]["test_accuracy"])
    assert np.mean(few["train_accuracy"]) < 0.9
    assert np.mean(longer["scratch"]["train_accuracy"]) > 0.97
    assert np.all(np.subtract(longer["scratch"]["test_accuracy"], few["test_accuracy"]) > 0.05)
    assert 0 < gap.mean() < 0.6 * short.mean()


def test_the_surface_falls_at_the_last_frozen_layer_and_fine_tuning_mends_it(stored):
    for target, drop in (("digits", 0.02), ("shapes", 0.2)):
        frozen, tuned = (np.array(stored["surface"][target]["accuracy"][w]) for w in run.WAYS)
        assert np.all(frozen[2, -1] - frozen[5, -1] > drop)
        assert np.all(tuned[5, -1] - frozen[5, -1] > drop)
    shapes = np.array(stored["surface"]["shapes"]["accuracy"]["fine-tuned"])
    assert np.all(shapes[5, -1] - shapes[0, -1] > 0.1)
    assert np.all(np.diff(shapes[:, -1].mean(axis=1)) > -0.015)  # the more is kept, the better


def test_other_images_in_use_than_in_training_are_what_hurts(stored):
    in_use = {way: np.array(v) for way, v in stored["preprocessing"]["only_in_use"].items()}
    assert in_use["inverted"].max() < 0.1
    assert in_use["small"].max() < 0.3
    # a net of ReLUs hardly minds a factor: all but its biases scale
    assert np.abs(in_use["0 to 255"] - in_use["same"]).max() < 0.02
    trained = stored["preprocessing"]["found"]
    assert np.mean(trained["fine-tune"]["inverted"]["test_accuracy"]) > 0.9
    for strategy, least in (("fine-tune", 0.02), ("early head", 0.01)):
        ways = {way: np.mean(found["test_accuracy"]) for way, found in trained[strategy].items()}
        assert ways["same"] - ways["small"] > least
    head = {way: np.mean(found["test_accuracy"]) for way, found in trained["head"].items()}
    assert head["same"] - head["inverted"] > 0.02


def normed(stored, target, way, size):
    return np.array(stored["batch_norm"][target][way][size]["test_accuracy"])


def test_batch_norm_follows_the_target_where_that_differs(stored):
    for size in ("2", "32"):
        gain = normed(stored, "shapes", "fine-tune, batch", size) - normed(
            stored, "shapes", "fine-tune, running", size
        )
        assert gain.mean() > 0.01
    for way in ("head", "fine-tune"):
        gain = normed(stored, "digits", f"{way}, batch", "32") - normed(
            stored, "digits", f"{way}, running", "32"
        )
        assert abs(gain.mean()) < 0.02
    lost = normed(stored, "digits", "head, running", "2") - normed(
        stored, "digits", "head, batch", "2"
    )
    assert lost.mean() > 0


def unlabeled(stored, pretext, target, what, each):
    return np.array(stored["without_labels"][pretext][target][what][each])


def test_the_targets_own_images_without_labels_are_worth_more_than_other_labels(stored):
    for what, each, gain in (("probe", "5", 0.04), ("shots", "1", 0.1)):
        own = unlabeled(stored, "Barlow Twins, digits", "digits", what, each)
        for other in run.PRETEXTS[:-1]:
            more = own - unlabeled(stored, other, "digits", what, each)
            assert more.mean() > gain, (what, other)
            assert np.sum(more > 0) >= 4, (what, other)


def test_labels_of_other_letters_help_with_letters_and_twins_without_labels_do_not(stored):
    for what in ("probe", "shots"):
        pixels = unlabeled(stored, "pixels", "letters", what, "5")
        labeled = unlabeled(stored, "supervised", "letters", what, "5")
        assert np.all(labeled - pixels > 0.2)
        twins = unlabeled(stored, "Barlow Twins, letters", "letters", what, "5")
        assert (twins - pixels).mean() < 0.03
    for target in ("digits", "letters"):  # on images it has not seen, pairs teach less than classes
        pairs = unlabeled(stored, "contrastive, letters", target, "probe", "50")
        assert np.all(pairs < unlabeled(stored, "supervised", target, "probe", "50"))
