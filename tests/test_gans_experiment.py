"""The run of the GANs: its pieces, and that what it stored is what it still finds."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from experiments import gans as run
from twice import results
from twice.data.toy import ring_centers

BRIEF = replace(run.USUAL, steps=20)


@pytest.fixture(scope="module")
def stored():
    return results.load("gans")


@pytest.fixture(scope="module")
def digits(stored):
    return stored["digits"]


# --- judging points


def test_a_mode_counts_with_one_sample_in_a_hundred():
    centers = ring_centers()
    rng = np.random.default_rng(0)
    points = centers[np.arange(256) % 8]
    half = centers[np.arange(2000) % 4] + 0.01 * rng.normal(size=(2000, 2))
    found = run.judged_ring(half, points)
    assert (found["modes"], found["reached"], found["good"]) == (4, 4, 1.0)
    half[:20] = centers[7]  # one in a hundred of another mode
    assert run.judged_ring(half, points)["modes"] == 5
    half[0] = 0
    assert run.judged_ring(half, points)["modes"] == 4
    far = run.judged_ring(half * 1.5, points)  # in all the same directions, but a mode away
    assert (far["modes"], far["reached"], far["good"]) == (0, 4, 0.0)


def test_earth_is_moved_the_shortest_way():
    a = np.random.default_rng(0).normal(size=(30, 2))
    assert run.earth_mover(a, a[::-1]) == 0
    assert run.earth_mover(a, a[::-1] + np.array([0.3, 0.4])) == pytest.approx(0.5)
    pair = np.array([[0.0, 0], [1, 0]])
    assert run.earth_mover(pair, np.array([[2.0, 0], [0, 0]])) == pytest.approx(0.5)


def series(*ends):
    return [None if end is None else [0, end] for end in ends]


def test_a_plan_fails_only_if_every_seed_does():
    found = {"modes": series(4, 0, None), "good": series(0.9, 0.6, None)}
    assert run.failed(found)
    assert not run.collapsed(found)  # one game was lost
    assert run.collapsed({"modes": series(4, 1), "good": series(0.9, 0.6)})
    assert not run.collapsed({"modes": series(4, 1), "good": series(0.9, 0.4)})  # astray
    assert not run.collapsed({"modes": series(4, 5), "good": series(0.9, 0.9)})
    assert not run.failed({"modes": series(4, 5)})
    assert run.at_end({"modes": series(3, None)}, "modes") == [3, 0]


def test_correlations_tell_a_loss_that_knows_from_a_clock():
    far = [5.0, 3.0, 4.0, 2.0, 1.0]
    runs = {"distance": [far, None], "discriminator_loss": [[-v for v in far], None],
            "generator_loss": [[5.0, 4.0, 3.0, 2.0, 1.0], None]}  # fmt: skip
    found = run.losses_and_distance(runs)
    assert found["discriminator"] == [pytest.approx(1)]  # minus its loss is the distance
    assert found["discriminator_change"] == [pytest.approx(1)]
    assert found["generator"] == [pytest.approx(0.9)]
    assert found["generator_change"] == [None]  # it falls evenly: it knows the time
    assert found["steps"] == [pytest.approx(-0.9)]


def test_differences_are_seed_by_seed():
    runs = {"a": {m: series(3, 8) for m in ("modes", "good", "distance")},
            "b": {m: series(2, 9) for m in ("modes", "good", "distance")}}  # fmt: skip
    assert run.compared(runs, "a", "b")["modes"] == [1, -1]


# --- games


def test_plans_change_one_thing_and_mends_one_more():
    usual = asdict(run.USUAL)

    def changes(plan, since):
        return {k for k, v in asdict(plan).items() if v != since[k]}

    for name, plan in run.PLANS.items():
        changed = changes(plan, usual) - {"strength"}
        assert len(changed) == {"non-saturating": 0, "recommended": 4}.get(
            name, 1 + name.count(",")
        ), name
    for name in run.BROKEN:
        plans = run.mends(name)
        assert len(plans) >= 5
        for plan in plans.values():
            assert changes(plan, asdict(run.PLANS[name])) <= {
                "loss", "label_smoothing", "generator_rate", "discriminator_rate", "bound",
                "strength", "latent_dim",
            }  # fmt: skip
    files = {run.name_of(plan) for plan in run.PLANS.values()}
    assert len(files) == len(run.PLANS)


def test_the_recommended_plan_is_the_setting_of_the_library():
    from twice.scratch.adversaries import ring_gan

    gan, game = ring_gan(np.random.default_rng(0))
    plan = run.PLANS[run.RECOMMENDED]
    ours, players = run.ring_game(plan, 0)
    assert [p.shape for p in ours.params.values()] == [p.shape for p in gan.params.values()]
    assert repr(ours.loss) == repr(gan.loss)
    assert (plan.steps, plan.batch_size) == (game["steps"], game["batch_size"])
    for name, player in players.items():
        other = game[name]
        assert (player.beta_1, player.beta_2) == (other.beta_1, other.beta_2)
        for t in (0, 2500, 4999):
            assert player.learning_rate(t) == pytest.approx(other.learning_rate(t))


@pytest.mark.parametrize("name", run.PLANS)
def test_a_game_is_what_its_plan_says(name):
    plan = run.PLANS[name]
    gan, players = run.ring_game(plan, 0)
    assert gan.sample(3, np.random.default_rng(0)).shape == (3, 2)
    layers = [type(layer).__name__ for layer in gan.discriminator.layers]
    assert ("SpectralNormalization" in layers) == (plan.bound == "spectral")
    assert ("BatchNormalization" in layers) == (plan.batch_norm in ("discriminator", "mixed"))
    assert (gan.penalty is None) == (plan.bound not in ("R1", "penalty"))
    assert hasattr(players["discriminator_optimizer"], "limit") == (plan.bound == "clip")
    assert gan.discriminator.layers[0].params["kernel"].shape == (2, plan.discriminator_units)


def test_a_seed_gives_the_same_game_and_an_overflow_none():
    one, again, other = (run.ring_run(BRIEF, seed, looks=2) for seed in (0, 0, 1))
    assert one == again
    assert one != other
    assert all(len(looks) == 2 for looks in one.values())
    lost = replace(BRIEF, loss="Wasserstein", discriminator_rate=1e30, generator_rate=1e30)
    assert run.ring_run(lost, 0, looks=2) is None


# --- digits


def test_no_image_is_in_two_parts():
    parts = [{image.tobytes() for image in x} for x, _ in run.glyphs().values()]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 12_000


@pytest.mark.parametrize("name", run.NETS)
def test_nets_on_digits_differ_where_they_say(name):
    gan, _ = run.image_game(name, 0, run.BRIEF)
    usual, _ = run.image_game("strides", 0, run.BRIEF)
    fake = gan.sample(2, np.random.default_rng(0))
    assert fake.shape == (2, 16, 16, 1)
    assert 0 <= fake.min() <= fake.max() <= 1
    assert gan.discriminator.forward(fake).shape == (2, 1)
    ours, theirs = ([p.shape for p in g.discriminator.params.values()] for g in (gan, usual))
    assert ours == theirs
    pooled = [layer for layer in gan.discriminator.layers if "Pooling" in type(layer).__name__]
    assert len(pooled) == (2 if "pooling" in name else 0)


def test_the_judges_see_copies_collapse_and_noise(digits):
    found = digits["references"]
    floor, copies, one = (found[n] for n in ("held out", "training images again",
                                             "one of each, repeated"))  # fmt: skip
    assert floor["score"] > 9.5
    assert floor["copies"] == 0
    assert copies["copies"] == 1
    assert copies["frechet"] < 2 * floor["frechet"]  # the distance sees no copies
    assert one["score"] > floor["score"]  # nor the score that only ten images are repeated
    assert one["recall"] < 0.05
    assert found["means of classes"]["score"] > floor["score"]  # nor blur
    assert found["means of classes"]["frechet"] > 10 * floor["frechet"]
    assert found["noise"]["frechet"] > 50 * floor["frechet"]
    assert found["mean image"]["score"] < 1.1


def test_judging_again_gives_what_was_stored(digits):
    held = run.glyphs()["held out"][0]
    net = run.classifier_net(np.random.default_rng(0))
    net.set_weights(run.load("classifier"))
    x, y = run.glyphs()["held out"]
    right = np.mean(net.predict(x).argmax(axis=1) == y)
    assert right == pytest.approx(digits["classifier"]["accuracy"], abs=0.003)
    _, distance = run.quality.nearest_neighbors(held, run.glyphs()["train"][0])
    assert distance.mean() == pytest.approx(digits["references"]["held out"]["neighbor"], rel=1e-3)


def test_the_twin_takes_one_step_with_each_net_and_the_other_stays():
    from twice.parity import keras

    players, rng = run.keras_players(run.BRIEF, 0), np.random.default_rng(0)
    generator, discriminator, _ = players
    x = run.glyphs()["train"][0]

    def now():
        nets = (generator, discriminator)
        return [[keras.ops.convert_to_numpy(w) for w in net.weights if "moving" not in w.path]
                for net in nets]  # fmt: skip

    for _ in range(2):  # the second time both were traced already
        before = now()
        run.discriminator_turn(players, x, 8, rng)
        after = now()
        assert all(map(np.array_equal, before[0], after[0]))
        assert not any(map(np.array_equal, before[1], after[1]))
        run.generator_turn(players, 8, rng)
        last = now()
        assert all(map(np.array_equal, after[1], last[1]))
        assert not all(map(np.array_equal, after[0], last[0]))


def test_a_step_of_our_own_trains_the_twin():
    from twice.parity import keras

    if keras.backend.backend() != "tensorflow":
        with pytest.raises(ValueError, match="expected Keras on tensorflow"):
            run.keras_by_step(None, run.BRIEF, 0)
        return
    x = run.glyphs()["train"][0][:128]
    brief = replace(run.BRIEF, steps=2)
    generator = run.keras_by_step(x, brief, 0)
    fresh, _ = run.keras_nets(0)
    pairs = zip(generator.get_weights(), fresh.get_weights(), strict=True)
    moved = [not np.array_equal(a, b) for a, b in pairs]
    assert all(moved)


# --- what was stored


def test_a_small_part_gives_what_was_stored(stored):
    found = run.small()
    assert found.keys() == stored["small"].keys()
    for name, values in found.items():
        for measure, value in values.items():
            wanted = stored["small"][name][measure]
            assert value == pytest.approx(wanted, rel=0.05, abs=0.02), (name, measure)


def test_the_weights_are_small_and_draw_digits(digits):
    assert run.STORED.stat().st_size < 1_000_000
    generator = run.generator_net(np.random.default_rng(0))
    generator.set_weights(run.load("generator"))
    noise = np.random.default_rng(1).standard_normal((200, run.LATENT))
    net = run.classifier_net(np.random.default_rng(0))
    net.set_weights(run.load("classifier"))
    _, p = run.asked(net, generator.predict(noise))
    assert abs(run.quality.classifier_score(p) - digits["runs"]["strides"]["score"][0]) < 1
    with pytest.raises(ValueError, match="expected a name of weights"):
        run.load("nothing")
    with np.load(run.STORED) as file:
        for name in (*run.NETS, "held out", "conditional", "VAE", *run.KERAS):
            assert file[f"samples {name}"].shape == (run.PANEL, 16, 16)


def test_what_is_stored_is_whole(stored, digits):
    seeds = len(results.read("gans")["seeds"])
    assert seeds >= 5
    ring = stored["ring"]
    assert list(ring["runs"]) == list(run.PLANS) == list(ring["plans"])
    for name, runs in ring["runs"].items():
        assert ring["plans"][name] == asdict(run.PLANS[name])
        for measure in run.MEASURES:
            assert len(runs[measure]) == seeds
            assert {len(looks) for looks in runs[measure] if looks is not None} <= {run.LOOKS}
    assert len(ring["recommended"]["modes"]) >= 10
    assert ring["failed"] == [n for n in run.PLANS if run.failed(ring["runs"][n])]
    assert ring["collapsed"] == [n for n in run.PLANS if run.collapsed(ring["runs"][n])]
    assert ring["folklore"] == run.folklore(ring["runs"])
    for name, changes in ring["mended"].items():
        assert list(changes) == list(run.mends(name))
    assert set(digits["keras"]) == set(run.KERAS)
    for net in run.NETS:
        assert len(digits["runs"][net]["score"]) == run.FEW


# --- what the chapter says


def last(runs, measure):
    return np.array(run.at_end(runs, measure), float)


def test_the_recommended_setting_finds_all_modes_in_four_of_five_seeds(stored):
    modes = stored["ring"]["recommended"]["modes"]
    assert sum(found == 8 for found in modes) >= 0.8 * len(modes)


def test_much_noise_and_a_fast_generator_collapse_with_every_seed(stored):
    ring = stored["ring"]
    name = "64 noises, generator x10"
    assert ring["collapsed"] == [name]
    assert last(ring["runs"][name], "modes").max() <= 3
    assert last(ring["runs"][name], "good").min() > 0.8  # a judge of single samples is content


def test_a_smooth_discriminator_mends_the_collapse_and_slow_steps_do_not(stored):
    mended = stored["ring"]["mended"]["64 noises, generator x10"]
    for change in ("R1", "spectral norm"):
        assert np.sum(last(mended[change], "modes") == 8) >= 4, change
    for change in ("usual rates", "faster discriminator"):
        assert last(mended[change], "modes").max() <= 4, change


def test_small_discriminators_and_clipping_with_momentum_mostly_go_astray(stored):
    runs = stored["ring"]["runs"]
    for name in ("small discriminator", "Wasserstein, clipped"):
        assert np.sum(last(runs[name], "modes") <= run.HALF) >= 4
        assert np.median(last(runs[name], "good")) < 0.2
    assert last(runs["Wasserstein, penalty"], "modes").min() >= 7


def test_without_momentum_clipping_finds_every_mode_and_so_do_the_others(stored):
    runs = stored["ring"]["runs"]
    for name in ("no momentum", "Wasserstein, clipped, no momentum",
                 "Wasserstein, penalty, no momentum"):  # fmt: skip
        assert last(runs[name], "modes").min() == 8, name
        assert last(runs[name], "good").min() > 0.4, name
    five = last(runs["Wasserstein, clipped, five critic steps"], "modes")
    assert np.sum(five < 8) >= 4  # the other half of the recipe does not do it


def test_the_weight_ten_wants_five_steps(stored):
    runs = stored["ring"]["runs"]
    assert last(runs["Wasserstein, penalty 10"], "modes").max() <= 1
    assert last(runs["Wasserstein, penalty 10, five critic steps"], "modes").min() == 8


def test_a_fast_generator_collapses_against_a_discriminator_that_stands_still(stored):
    frozen = stored["ring"]["frozen"]["rates"]
    ends = {rate: (np.array(found["modes"])[:, -1], np.array(found["good"])[:, -1])
            for rate, found in frozen.items()}  # fmt: skip
    starts = np.array(frozen["0.01"]["modes"])[:, 0]
    assert starts.min() == 8
    assert ends["0.01"][0].max() <= 2
    assert ends["0.01"][1].min() > 0.8
    assert ends["0.0001"][0].min() == 8  # each sample climbs its own hill
    assert np.all(ends["0.0001"][1] > np.array(frozen["0.0001"]["good"])[:, 0])


def test_a_frozen_discriminator_stays_and_each_rate_starts_alike():
    one, again = (run.frozen_run(0, looks=(0, 3), start=5) for _ in range(2))
    assert one == again
    assert len({values[0] for values in one["good"].values()}) == 1
    assert set(one["modes"]) == {"0.0001", "0.001", "0.01"}


def test_a_perfect_generator_is_not_at_distance_zero(stored):
    floor, runs = np.array(stored["ring"]["floor"]), stored["ring"]["runs"]
    assert len(floor) == 30
    assert 0.05 < floor.min() < floor.mean() < 0.25
    assert last(runs["R1"], "distance").min() < floor.max()  # W cannot tell them apart
    assert last(runs["R1"], "good").max() < 0.8  # the share of good samples can


def test_losses_tell_the_distance_of_a_well_trained_critic_or_a_held_slope(stored):
    sayings = stored["ring"]["folklore"]["losses tell progress"]
    for name in ("R1", "Wasserstein, penalty 10, five critic steps",
                 "Wasserstein, clipped, no momentum"):  # fmt: skip
        assert min(sayings[name]["discriminator"]) > 0.5, name
    for name in ("non-saturating", "minimax", "least squares"):
        assert np.mean(sayings[name]["discriminator"]) < 0.1


def test_a_slower_discriminator_leaves_more_samples_between_the_modes(stored):
    against = stored["ring"]["folklore"]["two time scales help"][
        "non-saturating against equal rates"
    ]
    assert min(against["good"]) > 0.1


def test_label_smoothing_changes_little_here(stored):
    (found,) = stored["ring"]["folklore"]["label smoothing helps"].values()
    assert abs(np.mean(found["modes"])) < 1
    assert abs(np.mean(found["good"])) < 0.05


def test_the_minimax_loss_is_no_worse_on_the_ring(stored):
    runs = stored["ring"]["runs"]
    gap = last(runs["minimax"], "modes") - last(runs["non-saturating"], "modes")
    assert gap.mean() > -1


def test_a_gan_has_the_better_distance_and_a_vae_the_better_precision(digits):
    gan, vae = digits["runs"]["strides"], digits["vae"]
    assert max(gan["frechet"]) < vae["frechet"] / 2
    assert max(gan["precision"]) < vae["precision"]
    assert min(gan["recall"]) > vae["recall"]
    floor = digits["references"]["held out"]
    assert min(gan["frechet"]) > 2 * floor["frechet"]  # and none comes near the real ones
    assert max(gan["score"]) < floor["score"] - 1
    assert max(gan["copies"]) == 0


def test_pooling_costs_time_and_no_quality_here(digits):
    strides, pooled = (digits["runs"][name] for name in run.NETS)
    gap = np.subtract(pooled["frechet"], strides["frechet"])
    assert abs(gap.mean()) < 2
    assert np.all(np.subtract(pooled["precision"], strides["precision"]) > 0)


def test_a_label_makes_better_digits_and_most_obey(digits):
    told, free = digits["conditional"], digits["runs"]["strides"]
    assert told["obeyed"] > 0.85
    assert told["score"] > max(free["score"]) + 1
    assert told["frechet"] < min(free["frechet"])


def test_the_twin_in_keras_is_as_good_as_ours(digits):
    ours = np.array(digits["runs"]["strides"]["score"])
    for way, found in digits["keras"].items():
        assert abs(found["score"] - ours.mean()) < 0.6, way
        assert found["frechet"] < 2 * max(digits["runs"]["strides"]["frechet"]), way


def test_a_good_discriminator_stops_the_minimax_loss_alone(stored):
    runs = stored["ring"]["runs"]
    assert last(runs["five critic steps"], "modes").min() >= 7
    strong, usual = (last(runs[n], "modes") for n in ("minimax, five critic steps", "minimax"))
    assert np.all(strong <= 5)
    assert np.all(strong < usual)
    assert last(runs["minimax, five critic steps"], "good").max() < 0.2
