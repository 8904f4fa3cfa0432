"""The run on autoencoders: its pieces, that a small part repeats, what the chapter claims."""

import itertools

import numpy as np
import pytest

from experiments import autoencoders as run
from twice import results
from twice.scratch.gradcheck import gradcheck
from twice.scratch.preprocessing import PCA
from twice.scratch.vae import BernoulliReconstruction


@pytest.fixture(scope="module")
def stored():
    return results.load("autoencoders")


def mean(values):
    return float(np.mean(values))


# --- pieces


def test_digits_to_learn_from_and_to_test_are_other_ones():
    (x, y), (t, yt) = run.digits(3)
    assert (x.shape, y.shape, t.shape, yt.shape) == ((1400, 64), (1400,), (397, 64), (397,))
    rows = [image.tobytes() for image in np.concatenate([x, t])]
    assert sorted(rows) == sorted(image.tobytes() for image in run.pixels()[0])
    assert not np.array_equal(run.digits(4)[0][0], x)
    (x, y), (t, _) = run.printed(0, 30, 20)
    assert x.shape == (30, 256)
    assert t.shape == (20, 256)
    assert set(y) <= set(range(10))


@pytest.mark.parametrize("kind", ["linear", "shallow", "deep", "conv"])
def test_every_net_has_the_code_that_was_asked_for_and_gives_pixels_back(kind):
    x = run.digits(0)[0][0][:7]
    model = run.Autoencoder(*run.halves(kind, 64, 5, np.random.default_rng(0)))
    assert model.encode(x).shape == (7, 5)
    assert model.reconstruct(x).shape == x.shape


def test_sharpness_is_the_squared_laplacian():
    dot = np.zeros((1, 5, 5))
    dot[0, 2, 2] = 1
    assert run.sharpness(dot.reshape(1, 25)) == pytest.approx((16 + 4) / 25)
    x = run.digits(0)[0][0]
    assert run.sharpness(run.blurred(x, 0.7)) < 0.3 * run.sharpness(x)
    assert run.sharpness(np.full((2, 16), 0.0)) == 0


def test_a_pixel_sees_only_those_before_it():
    past, rng = run.Past(6), np.random.default_rng(0)
    x = rng.random((4, 6)).astype(np.float32)
    past.show(x)
    past.backward(np.ones((4, 6), np.float32))
    assert np.all(past.grads["kernel"][np.tril_indices(6)] == 0)
    assert np.all(past.grads["kernel"][np.triu_indices(6, 1)] != 0)
    np.testing.assert_allclose(past.grads["kernel"][1, 3], x[:, 1].sum(), rtol=1e-6)
    past.params["kernel"] = np.triu(rng.normal(size=(6, 6)), 1)
    z, changed = np.zeros((4, 6)), x.copy()
    before = past.forward(z)
    changed[:, 3] += 1
    past.show(changed)
    moved = np.abs(past.forward(z) - before).max(axis=0)
    assert np.all(moved[:4] == 0)
    assert np.all(moved[4:] > 0)


def test_the_vae_with_past_pixels_has_the_right_gradient():
    x = run.digits(0)[0][0][:5].astype(np.float64)
    past, rng = run.Past(64), np.random.default_rng(1)
    past.show(x)
    past.x = x
    past.params["kernel"] = 0.1 * np.triu(rng.normal(size=(64, 64)), 1)
    past.before = np.ones((64, 64))  # all entries, so that any coordinate may be checked
    latent = run.GaussianLatent(2, rng=rng)
    latent.noise = rng.normal(size=(5, 2))
    encoder = run.Sequential([run.Dense(64, 4, rng=rng, dtype=np.float64)])
    decoder = run.Sequential([run.Dense(2, 64, rng=rng, dtype=np.float64), past])
    model = run.VAE(encoder, decoder, latent)
    found = gradcheck(model, x, loss=model.reconstruction, y=x, rng=rng, coordinates=12)
    assert found.ok


def test_the_linear_denoiser_is_the_best_linear_map_of_its_noise():
    x = run.digits(0)[0][0]
    method = run.linear_denoiser(x, np.random.default_rng(0))
    noise = run.noisy(x, run.NOISE, np.random.default_rng(1))
    pca = PCA().fit(x.astype(np.float64))
    gain = pca.explained_variance / (pca.explained_variance + run.NOISE**2)  # Wiener's
    best = (pca.transform(noise.astype(np.float64)) * gain) @ pca.components + pca.mean
    assert run.squared(x, method(noise)) == pytest.approx(run.squared(x, best), rel=0.03)


@pytest.mark.parametrize("kind", run.ODD)
def test_odd_ones_are_no_digits_but_have_their_size(kind):
    t = run.digits(0)[1][0]
    odd = run.odd_ones(kind, t, np.random.default_rng(0))
    assert odd.shape == t.shape
    assert 0 <= odd.min() <= odd.max() <= 1
    assert not np.array_equal(odd, t)


def test_areas_are_one_where_all_strange_ones_score_higher():
    x = np.arange(6.0)[:, None]
    assert run.auc(lambda a: a[:, 0], x[:3], x[3:]) == 1
    assert run.auc(lambda a: -a[:, 0], x[:3], x[3:]) == 0
    assert run.auc(lambda a: 0 * a[:, 0], x[:3], x[3:]) == 0.5


def test_codes_drawn_from_a_fitted_gaussian_have_its_mean_and_covariance():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 2)) @ np.array([[2, 1], [0, 0.5]]) + [3, -1]
    found = run.gaussian_codes(codes, 20_000, rng)
    np.testing.assert_allclose(found.mean(axis=0), codes.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(np.cov(found.T), np.cov(codes.T), atol=0.15)


def test_lists_of_dicts_become_dicts_of_lists():
    rows = [{"a": {"b": k}, "c": [k, k]} for k in range(3)]
    assert run.listed(rows) == {"a": {"b": [0, 1, 2]}, "c": [[0, 0], [1, 1], [2, 2]]}


# --- what is stored


SHARES = ("probe", "pretraining", "anomaly", "quality", "judge", "demo", "dead")


def same(found, wanted, where=""):
    """Equal in shape; numbers within 10 %, shares within 0.05: training amplifies last digits."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted), where
        for key in wanted:
            same(found[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for k, pair in enumerate(zip(found, wanted, strict=True)):
            same(*pair, f"{where}/{k}")
    elif "active" in where or "chosen" in where:
        assert found == pytest.approx(wanted, abs=2), where
    else:
        shares = any(name in where for name in SHARES)
        assert found == pytest.approx(wanted, rel=0.1, abs=0.05 if shares else 1e-3), where


def test_a_small_part_gives_what_was_stored(stored):
    same(run.rounded(run.small()), stored["small"])


def test_every_part_has_one_number_a_seed(stored):
    seeds = len(results.read("autoencoders")["seeds"])
    assert seeds >= 5
    assert set(stored) == {*run.PARTS, "demo", "small"}

    def count(part, where):
        if isinstance(part, dict):
            for key, value in part.items():
                count(value, f"{where}/{key}")
        else:
            assert len(part) == seeds, where
            assert np.isfinite(part).all(), where

    for name in run.PARTS:
        count(stored[name], name)


def test_the_parts_hold_what_was_planned(stored):
    for task, codes in run.CODES.items():
        test = stored["bottleneck"][task]["test"]
        assert set(test) == {"PCA", *run.NETS[task]}
        for name, by_code in test.items():
            assert [int(k) for k in by_code] == list(run.RARE.get(name, codes))
    assert [int(n) for n in stored["beta"]] == list(run.LATENTS)
    for by_beta in stored["beta"].values():
        assert [float(beta) for beta in by_beta] == list(run.BETAS)
    for depth in run.STACKS:
        assert tuple(stored["pretraining"][depth]) == run.STARTS
    assert len(stored["anomaly"]["digit"]["PCA 8"]) == 10
    assert tuple(stored["anomaly"]["other"]["PCA 8"]) == run.ODD


# --- the demo's plane


@pytest.fixture(scope="module")
def plane():
    with np.load(run.STORED) as file:
        return {key: file[key] for key in file.files}


def test_the_plane_is_small_and_complete(plane):
    assert list(plane) == run.DEMO_KEYS
    assert run.STORED.stat().st_size < 300_000
    sizes = {"e": run.ENCODER, "d": run.DECODER, "c": run.CLASSIFIER}
    for net, widths in sizes.items():
        for k, (n_in, n_out) in enumerate(itertools.pairwise(widths)):
            assert plane[f"{net}{2 * k}"].shape == (n_in, n_out)
            assert plane[f"{net}{2 * k + 1}"].shape == (n_out,)
            assert plane[f"{net}{2 * k}"].dtype == np.float16
    assert plane["examples"].shape == (20, 16, 16)
    assert plane["examples"].max() == 15
    assert plane["codes"].shape == (359, 2)


def test_the_plane_draws_and_reads_all_ten_digits_as_stored(stored, plane):
    vae = run.demo_model()
    vae.set_weights([plane[f"{net}{k}"] for net in "ed" for k in range(6)])
    reader = run.Sequential(run.dense(run.CLASSIFIER, np.random.default_rng(0)))
    reader.set_weights([plane[f"c{k}"] for k in range(4)])
    found = run.demo_findings(vae, reader, (None, run.demo_test()))
    arrays = found.pop("arrays")
    seed = stored["demo"]["stored"]
    for name, value in found.items():
        row = stored["demo"][name][list(run.DEMO_SEEDS).index(seed)]
        np.testing.assert_allclose(value, row, rtol=0.01, atol=0.003, err_msg=name)
    np.testing.assert_allclose(arrays["codes"], plane["codes"], atol=0.01)
    np.testing.assert_array_equal(arrays["labels"], plane["labels"])
    np.testing.assert_array_equal(arrays["examples"], plane["examples"])
    assert found["reconstruction_read_right"] > 0.9
    assert found["classifier_accuracy"] > 0.95
    assert min(found["share_of_plane"]) > 0.05
    assert min(found["clearest"]) > 0.99
    assert found["four_and_nine"] > 0.4


# --- what the chapter claims


def test_autoencoders_beat_pca_with_a_small_code_and_not_with_a_large_one_after_100_epochs(stored):
    test = stored["bottleneck"]["digits"]["test"]
    for k in ("2", "4", "8", "16"):
        assert np.all(np.less(test["deep"][k], test["PCA"][k])), k
    for k in ("4", "8"):
        assert mean(test["deep"][k]) < 0.7 * mean(test["PCA"][k])
    for name in ("shallow", "deep", "conv"):
        assert np.all(np.greater(test[name]["32"], test["PCA"]["32"])), name
    printed = stored["bottleneck"]["printed"]["test"]
    for k in ("2", "8", "32"):
        assert np.all(np.less(printed["deep"][k], printed["PCA"][k])), k


def test_with_32_numbers_the_nets_were_trained_too_briefly_and_with_8_the_deep_one_overfits(stored):
    short, long = stored["bottleneck"]["digits"]["test"], stored["longer"]["test"]
    shallow, deep = long["shallow, 4 x longer"], long["deep, 16 x longer"]
    assert np.sum(np.less(shallow["32"], short["PCA"]["32"])) >= 4
    assert mean(shallow["32"]) < mean(short["PCA"]["32"])
    assert np.all(np.less(deep["32"], np.multiply(0.6, short["deep"]["32"])))
    assert mean(deep["32"]) < 1.25 * mean(short["PCA"]["32"])
    assert np.all(np.greater(deep["8"], short["deep"]["8"]))
    train = stored["longer"]["train"]["deep, 16 x longer"]["8"]
    assert np.all(np.less(train, np.multiply(0.5, deep["8"])))


def test_convolutions_need_fewer_parameters_and_more_epochs(stored):
    found = stored["bottleneck"]["digits"]
    longer, size = "conv, 4 x longer", found["parameters"]
    assert size["conv"]["8"][0] < size["deep"]["8"][0] / 2
    assert np.all(np.less(found["test"][longer]["8"], found["test"]["conv"]["8"]))
    assert mean(found["test"][longer]["8"]) < mean(found["test"]["deep"]["8"])
    for k in ("2", "8"):
        assert np.all(np.less(found["test"]["conv"][k], found["test"]["PCA"][k])), k


def test_a_linear_autoencoder_trained_so_long_is_not_yet_pca(stored):
    found = stored["bottleneck"]["digits"]
    for k in ("1", "2", "4", "8", "16", "32"):
        assert np.all(np.greater(found["train"]["linear"][k], found["train"]["PCA"][k])), k


def test_from_a_hundred_digits_pca_learns_more_than_the_net(stored):
    few = stored["few"]
    for name in ("deep", "deep, fewer steps"):
        assert np.all(np.less(few["PCA"]["100"], few[name]["100"]))
        assert np.all(np.greater(few["PCA"]["1000"], few[name]["1000"]))


def test_beta_trades_the_code_for_the_reconstruction_and_collapses_it(stored):
    for n, by_beta in stored["beta"].items():
        for one, next_one in (("0.1", "0.3"), ("0.3", "1"), ("1", "3"), ("3", "10")):
            assert np.all(np.greater(by_beta[one]["kl"], by_beta[next_one]["kl"])), n
        best = max(by_beta, key=lambda beta, row=by_beta: mean(row[beta]["elbo"]))
        assert best == "1", n
        for beta in ("10", "64"):
            assert set(by_beta[beta]["active"]) == {0}, n
            assert max(by_beta[beta]["kl"]) < 0.01, n
        gap = np.subtract(by_beta["1"]["importance_bound"], by_beta["1"]["elbo"])
        assert np.all((gap > 0.03) & (gap < 0.6)), n
    knows_nothing = mean(stored["beta"]["8"]["64"]["elbo"])
    assert mean(stored["beta"]["8"]["0.1"]["elbo"]) < knows_nothing - 2
    assert min(stored["beta"]["16"]["1"]["active"]) < 16


def test_warm_up_mends_the_deep_net_and_not_a_price_that_is_too_high(stored):
    deep = stored["collapse"]["deep"]["1"]
    assert mean(deep["half"]["active"]) > mean(deep["none"]["active"]) + 1
    assert mean(deep["half"]["elbo"]) > mean(deep["none"]["elbo"]) + 0.3
    shallow = stored["collapse"]["shallow"]["1"]
    assert mean(shallow["half"]["active"]) > mean(shallow["none"]["active"])
    assert mean(shallow["half"]["elbo"]) < mean(shallow["none"]["elbo"])
    for kind in stored["collapse"].values():
        assert mean(kind["3"]["half"]["kl"]) < 0.5


def test_a_decoder_that_sees_the_past_needs_no_code_and_has_the_best_bound(stored):
    past = stored["collapse"]["past"]["1"]
    assert max(past["none"]["kl"]) < 0.1
    for kind in ("shallow", "deep"):
        for warm in run.WARM:
            row = stored["collapse"][kind]["1"][warm]
            assert min(past["none"]["elbo"]) > max(row["elbo"]) + 1
    assert mean(past["half"]["kl"]) > mean(past["none"]["kl"]) + 0.2
    assert np.all(np.less(past["half"]["elbo"], past["none"]["elbo"]))


def test_four_times_the_training_mends_most_of_the_deep_net_and_each_half_adds_to_its_fault(stored):
    both, halves = stored["collapse"]["deep"]["1"], stored["halves"]
    longer = mean(halves["deep, 4 x longer"]["elbo"])
    share = (longer - mean(both["none"]["elbo"])) / (
        mean(both["half"]["elbo"]) - mean(both["none"]["elbo"])
    )
    assert 0.5 < share < 1
    for name in ("deep encoder", "deep decoder"):
        assert mean(halves[name]["elbo"]) > mean(both["none"]["elbo"]) + 0.2
        assert mean(halves[name]["elbo"]) < mean(both["half"]["elbo"])


def test_on_binary_pixels_the_decoder_that_sees_the_past_uses_its_code(stored):
    past, shallow = stored["binary"]["past"]["none"], stored["binary"]["shallow"]["none"]
    assert min(past["kl"]) > 1
    lead = np.subtract(past["elbo"], shallow["elbo"])
    assert np.all((lead > 0) & (lead < 1))


def test_a_low_bound_is_the_encoders_fault(stored):
    knows_nothing = mean(stored["beta"]["8"]["64"]["elbo"])
    for n in ("8", "16"):
        row = stored["refit"][n]["0.1"]
        assert max(row["elbo"]) < knows_nothing - 2
        assert min(row["refitted"]) > knows_nothing + 0.3
    same = stored["refit"]["8"]["1"]
    assert np.max(np.abs(np.subtract(same["refitted"], same["elbo"]))) < 0.2


def test_the_bound_is_blind_to_ones_for_their_floor_is_low(stored):
    floor = stored["floor"]
    assert np.all(np.less(floor["ones"], np.subtract(floor["nats"], 2)))
    assert np.all(np.greater(floor["nats"], 13))
    digit = floor["digit"]
    assert max(digit["VAE 8"]["1"]) < 0.6 < 0.8 < min(digit["VAE 8, less floor"]["1"])
    assert max(digit["floor"]["1"]) < 0.1
    area = {name: mean(list(row.values())) for name, row in digit.items()}
    assert area["VAE 8"] < area["VAE 8, less floor"] < area["VAE 8"] + 0.1


def test_ten_rounds_of_contrastive_divergence_do_what_the_exact_gradient_does(stored):
    at_end = {way: curve["4000"] for way, curve in stored["machine"].items()}
    assert np.all(np.abs(np.subtract(at_end["CD-10"], at_end["exact"])) < 0.1)
    assert np.all(np.greater(np.subtract(at_end["exact"], at_end["CD-1"]), 0.2))
    assert max(at_end["exact"]) < -np.log(14)


def test_pictures_of_bars_are_fourteen():
    bars = run.bars()
    assert bars.shape == (14, 9)
    for image in bars.reshape(-1, 3, 3):
        assert np.all(image == image[:1]) or np.all(image == image[:, :1])


def test_a_part_that_rests_keeps_its_weights():
    x = run.digits(0)[0][0][:50]
    vae = run.variational(x, 2, 1.0, 0, 1)
    decoder, encoder = vae.decoder.get_weights(), vae.encoder.get_weights()
    run.learn(vae, x, epochs=1, seed=0, callbacks=[run.Rest(vae.decoder)])
    for before, after in zip(decoder, vae.decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(encoder[0], vae.encoder.get_weights()[0])


def test_the_entropy_of_gray_is_what_a_cross_entropy_cannot_go_below():
    x = np.array([[0.0, 1, 0.5, 0.25]])
    wanted = np.log(2) - 0.25 * np.log(0.25) - 0.75 * np.log(0.75)
    assert run.gray_entropy(x) == pytest.approx([wanted])
    logits = np.log(x[:, 2:] / (1 - x[:, 2:]))
    loss = BernoulliReconstruction()
    assert loss.forward(x[:, 2:], logits) == pytest.approx(wanted)


def test_a_small_code_blurs_more_than_the_kl(stored):
    blur = {name: mean(row["sharpness"]) for name, row in stored["samples"]["blur"].items()}
    assert blur["AE 2"] < 0.3 < 0.5 < blur["AE 8"] < blur["AE 32"] < 1
    sharp = [blur[f"VAE 8, beta {beta}"] for beta in ("0", "0.1", "1", "3")]
    assert sharp == sorted(sharp, reverse=True)
    assert blur["AE 2"] < blur["VAE 8, beta 1"]


def test_codes_from_a_fitted_gaussian_make_an_autoencoder_generate(stored):
    quality = stored["samples"]["quality"]
    distance = {name: mean(row["frechet"]) for name, row in quality.items()}
    assert distance["real"] < 2
    assert min(stored["samples"]["judge"]) > 0.98
    assert distance["AE 8, normal"] > 10 * distance["AE 8, fitted"]
    assert distance["AE 8, fitted"] < distance["VAE 8, beta 1"]
    assert distance["VAE 8, beta 1"] < 0.2 * distance["AE 8, normal"]
    score = {name: mean(row["score"]) for name, row in quality.items()}
    assert score["real"] > 9
    assert max(v for name, v in score.items() if name not in ("real", "copies")) < 8.5


def test_only_the_neighbor_distance_sees_copies(stored):
    quality = stored["samples"]["quality"]
    assert set(quality["copies"]["neighbor"]) == {0}
    assert mean(quality["copies"]["frechet"]) < 4
    assert mean(quality["copies"]["score"]) > 9
    assert 0.9 < mean(quality["real"]["neighbor"]) < 1.1


def test_a_denoiser_beats_every_linear_map_and_a_plain_autoencoder_does_not(stored):
    error = {name: row["0.3"] for name, row in stored["denoising"]["error"].items()}
    for k in ("32", "256"):
        assert np.all(np.less(error[f"denoising {k}"], 0.9 * np.array(error["linear"])))
        assert np.all(np.greater(error[f"plain {k}"], error["PCA"]))
        clean = stored["denoising"]["error"]
        assert np.all(np.greater(clean[f"denoising {k}"]["0"], clean[f"plain {k}"]["0"]))
    assert np.all(np.less(error["linear"], error["PCA"]))


def test_the_nearest_neighbor_finds_anomalies_best(stored):
    digit = stored["anomaly"]["digit"]
    area = {name: mean(list(row.values())) for name, row in digit.items()}
    assert area["neighbor"] > 0.97
    assert max(v for name, v in area.items() if name != "neighbor") < area["neighbor"] - 0.03
    assert area["AE 8"] > area["PCA 8"] > area["PCA 32"]
    assert 0.4 < area["ink"] < 0.6
    assert mean(digit["VAE 8"]["1"]) < 0.65
    other = stored["anomaly"]["other"]
    assert max(other["PCA 32"]["blank"]) < 0.05
    assert max(other["PCA 32"]["faint"]) < 0.1
    for kind in run.ODD:
        assert min(other["neighbor"][kind]) > 0.98


def test_sparsity_costs_error_and_wins_nothing_much_for_the_probe(stored):
    sparse = stored["sparse"]
    names = [f"L1 {s:g}" for s in run.STRENGTHS]
    for first, second in itertools.pairwise(names):
        assert mean(sparse[second]["active"]) < mean(sparse[first]["active"])
        assert mean(sparse[second]["mse"]) > mean(sparse[first]["mse"])
    assert mean(sparse[names[-1]]["dead"]) > 0.6
    best = max(mean(row["probe"]) for row in sparse.values())
    assert best < mean(sparse["L1 0"]["probe"]) + 0.03
    for rho in run.RHOS:
        assert mean(sparse[f"KL {rho:g}"]["mean"]) == pytest.approx(rho, rel=0.3)
        assert max(sparse[f"KL {rho:g}"]["dead"]) < 0.05


def test_pretraining_rescues_the_deep_sigmoid_net_and_relu_needs_none(stored):
    found = {
        (depth, start, n): mean(values)
        for depth in run.STACKS
        for start, row in stored["pretraining"][depth].items()
        for n, values in row.items()
    }
    for n in ("50", "200", "1400"):
        assert found["5", "sigmoid, small", n] < 0.5
        assert found["5", "belief net", n] > found["5", "sigmoid", n] + 0.05
        assert found["5", "ReLU", n] > found["5", "belief net", n]
        assert abs(found["2", "belief net", n] - found["2", "sigmoid", n]) < 0.04
    assert found["5", "autoencoder", "1400"] - found["5", "ReLU", "1400"] < 0.02


def test_with_all_labels_and_five_thousand_steps_deep_sigmoids_train_without_pretraining(stored):
    found = {
        (steps, start, n): mean(values)
        for steps, table in stored["patience"].items()
        for start, row in table.items()
        for n, values in row.items()
    }
    assert (
        found["1000", "sigmoid, small", "1400"]
        < 0.4
        < 0.5
        < found["5000", "sigmoid, small", "1400"]
    )
    for start in ("sigmoid", "sigmoid, uniform"):
        assert abs(found["5000", start, "1400"] - found["5000", "belief net", "1400"]) < 0.02
    for n in ("50", "200"):
        for start in ("sigmoid", "sigmoid, uniform"):
            assert found["5000", "belief net", n] > found["5000", start, n] + 0.02
    for (steps, start, n), value in found.items():
        if start != "ReLU":
            assert found[steps, "ReLU", n] > value
