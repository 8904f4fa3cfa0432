"""The variational autoencoder: its KL, its gradient, its bounds, and the same net in Keras."""

import copy
import importlib.util
import os
import subprocess
import sys

import keras_vae
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

from twice import parity
from twice.parity import keras
from twice.scratch.adaptive import Adam
from twice.scratch.autoencoders import Autoencoder
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.conv_layers import Conv2DTranspose
from twice.scratch.convolution import Conv2D
from twice.scratch.gradcheck import gradcheck
from twice.scratch.latent import (
    GaussianLatent,
    kl_by_dimension,
    kl_standard_normal,
    reparameterize,
)
from twice.scratch.losses import BinaryCrossentropy
from twice.scratch.perceptron import MeanSquaredError, sigmoid
from twice.scratch.pooling import Flatten, Reshape
from twice.scratch.regularization import L2, Regularized
from twice.scratch.training import Callback, evaluate
from twice.scratch.vae import (
    VAE,
    BernoulliReconstruction,
    BetaWarmUp,
    GaussianReconstruction,
    active_units,
)

seeds = st.integers(0, 2**32 - 1)
RECONSTRUCTIONS = {
    "bernoulli": BernoulliReconstruction,
    "gaussian": lambda: GaussianReconstruction(0.7),
}


def dense_vae(seed=0, *, features=6, hidden=5, n=2, beta=1.0, kind="bernoulli", dtype=np.float64):
    rng = np.random.default_rng(seed)
    made = {"rng": rng, "dtype": dtype}
    encoder = [Dense(features, hidden, **made), Activation("tanh"), Dense(hidden, 2 * n, **made)]
    decoder = [Dense(n, hidden, **made), Activation("tanh"), Dense(hidden, features, **made)]
    latent = GaussianLatent(n, rng=rng, beta=beta)
    return VAE(encoder, decoder, latent, reconstruction=RECONSTRUCTIONS[kind]())


def conv_vae(seed=0, *, side=4, filters=2, n=2, beta=1.0):
    """side x side images, halved by the encoder, doubled again by the decoder."""
    rng = np.random.default_rng(seed)
    made, half = {"rng": rng, "dtype": np.float64}, side // 2
    size = half * half * filters
    window = {"strides": 2, "padding": "same", **made}
    encoder = [Conv2D(1, filters, 3, **window), Activation("tanh"), Flatten(),
               Dense(size, 2 * n, **made)]  # fmt: skip
    decoder = [Dense(n, size, **made), Activation("tanh"), Reshape((half, half, filters)),
               Conv2DTranspose(filters, 1, 3, **window)]  # fmt: skip
    return VAE(encoder, decoder, GaussianLatent(n, rng=rng, beta=beta))


def pixels(seed, *shape):
    return np.random.default_rng([seed, 1]).uniform(size=shape)


def with_noise(vae, samples, seed=0):
    """The same model, its noise fixed from outside."""
    vae.latent.noise = np.random.default_rng([seed, 2]).normal(size=(samples, vae.latent.n))
    return vae


# ---- the price of a code -----------------------------------------------------------------------


def test_the_kl_by_hand():
    # mean 1, variance 1: 1/2. mean 0, variance e: (e - 1 - 1) / 2 = 0.359141.
    np.testing.assert_allclose(kl_by_dimension([1, 0, 0], [0, 1, 0]), [0.5, 0.35914091, 0])
    assert kl_standard_normal([[1, 0, 0]], [[0, 1, 0]]) == pytest.approx([0.85914091])


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 2))
def test_the_kl_is_its_integral(mean, log_var):
    q, p = norm(mean, np.exp(log_var / 2)), norm()
    width = 12 * q.std()
    total, _ = quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - width, mean + width, limit=200
    )
    assert kl_by_dimension(mean, log_var) == pytest.approx(total, abs=1e-7)


def test_the_kl_of_a_nearly_collapsed_unit_does_not_round_to_nothing():
    assert kl_by_dimension(0.0, 1e-6) == pytest.approx(2.5e-13, rel=1e-3)


def test_a_draw_by_hand_and_its_spread():
    # mean 1, standard deviation 2 (log variance ln 4), noise 0.5: z = 2.
    assert reparameterize(1.0, np.log(4), np.array(0.5)) == pytest.approx(2)
    latent = GaussianLatent(2, rng=np.random.default_rng(0))
    h = np.tile([1.0, -1, np.log(4), np.log(0.25)], (40_000, 1))
    z = latent.forward(h, training=True)
    np.testing.assert_allclose(z.mean(axis=0), [1, -1], atol=0.05)
    np.testing.assert_allclose(z.std(axis=0), [2, 0.5], rtol=0.02)
    np.testing.assert_array_equal(latent.forward(h), h[:, :2])
    assert (latent.forward(h, training=True) != z).all()  # drawn anew


def test_the_layer_by_hand():
    # One sample, n = 1: mean 1, log variance 0, noise 2: z = 3; KL = 1/2.
    latent = GaussianLatent(1, rng=np.random.default_rng(0), beta=3)
    latent.noise = np.array([[2.0]])
    assert latent.forward([[1.0, 0.0]], training=True) == 3
    assert (latent.kl, latent.penalty()) == (0.5, 1.5)
    # dL/dmean = g + beta mean = 5 + 3; dL/dlog_var = g sigma noise / 2 + beta (1 - 1) / 2 = 5.
    np.testing.assert_allclose(latent.backward(np.array([[5.0]])), [[8, 5]])


def test_the_reparameterized_gradient_is_that_of_the_expectation():
    """E z^2 = mean^2 + variance: its slopes 2 mean and variance, found as a mean of draws."""
    latent = GaussianLatent(1, rng=np.random.default_rng(0), beta=0)
    z = latent.forward(np.tile([0.7, np.log(0.5)], (200_000, 1)), training=True)
    found = latent.backward(2 * z).mean(axis=0)
    np.testing.assert_allclose(found, [1.4, 0.5], atol=0.02)


# ---- the gradient ------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    seeds,
    st.integers(1, 5),
    st.integers(2, 6),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.3, 1.0, 4.0]),
    st.sampled_from(sorted(RECONSTRUCTIONS)),
    st.booleans(),
)
def test_the_elbo_s_gradient_of_a_dense_net(seed, samples, features, hidden, n, beta, kind, train):
    vae = dense_vae(seed, features=features, hidden=hidden, n=n, beta=beta, kind=kind)
    x = pixels(seed, samples, features)
    with_noise(vae, samples, seed)
    report = gradcheck(vae, x, loss=vae.reconstruction, y=x.copy(), training=train)
    assert report.ok, report
    assert report.error < 1e-6
    assert len(report.checks) == 9


@settings(max_examples=10, deadline=None)
@given(
    seeds,
    st.integers(1, 3),
    st.sampled_from([2, 4, 6]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([0.5, 1.0]),
)
def test_the_elbo_s_gradient_of_a_convolutional_net(seed, samples, side, filters, n, beta):
    vae = conv_vae(seed, side=side, filters=filters, n=n, beta=beta)
    x = pixels(seed, samples, side, side, 1)
    with_noise(vae, samples, seed)
    report = gradcheck(vae, x, loss=vae.reconstruction, y=x.copy(), training=True, coordinates=30)
    assert report.ok, report
    assert report.error < 1e-6


def test_the_noise_reaches_the_gradient():
    """With other noise, other gradients: the check above would pass with none at all."""
    vae, x, found = dense_vae(), pixels(0, 4, 6), []
    for seed in (0, 0, 1):
        with_noise(vae, 4, seed)
        vae.reconstruction.forward(x, vae.forward(x, training=True))
        vae.backward(vae.reconstruction.backward())
        found.append(vae.grads["0.2.kernel"].copy())
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3


# ---- losses ------------------------------------------------------------------------------------


def test_reconstructions_by_hand():
    bernoulli, x = BernoulliReconstruction(), np.array([[1.0, 0.0], [1, 1]])
    logits = np.array([[0.0, 0.0], [np.log(3), -np.log(3)]])
    # Sample 0: 2 ln 2. Sample 1: -ln 3/4 - ln 1/4. The mean of the two.
    expected = (2 * np.log(2) - np.log(0.75) - np.log(0.25)) / 2
    assert bernoulli.forward(x, logits) == pytest.approx(expected)
    np.testing.assert_allclose(bernoulli.backward(), [[-0.25, 0.25], [-0.125, -0.375]])
    np.testing.assert_allclose(bernoulli.mean(logits)[1], [0.75, 0.25])
    gaussian = GaussianReconstruction(0.5)
    assert gaussian.forward(x, logits) == pytest.approx(
        -norm(logits, 0.5).logpdf(x).sum(axis=1).mean()
    )
    assert gaussian.mean(logits) is logits


@pytest.mark.parametrize("logit", [-800.0, 800.0])
def test_large_logits_give_finite_numbers(logit):
    loss = BernoulliReconstruction()
    assert loss.forward(np.zeros((1, 2)), np.full((1, 2), logit)) == max(0, 2 * logit)
    assert np.isfinite(loss.backward()).all()


def test_the_sum_over_pixels_is_many_times_their_mean():
    x, logits = pixels(0, 5, 3, 3, 1), np.random.default_rng(0).normal(size=(5, 3, 3, 1))
    total = BernoulliReconstruction().forward(x, logits)
    assert total == pytest.approx(9 * BinaryCrossentropy(from_logits=True).forward(x, logits))


# ---- bounds on the evidence --------------------------------------------------------------------


def factor_analysis(seed=0, *, features=4, n=2, sigma=0.6):
    """A linear VAE with the exact posterior, and ln p(x): z ~ N(0, I), x ~ N(z W + b, sigma^2).

    p(x) = N(b, W^T W + sigma^2 I); the posterior's covariance is diagonal for orthogonal rows
    of W: (w_j.w_j / sigma^2 + 1)^-1, its mean that times (x - b) w_j / sigma^2.
    """
    rng = np.random.default_rng(seed)
    rows = np.linalg.qr(rng.normal(size=(features, n)))[0].T
    w, b = rows * rng.uniform(0.5, 2, (n, 1)), rng.normal(size=features)
    made = {"rng": rng, "dtype": np.float64}
    encoder, decoder = Dense(features, 2 * n, **made), Dense(n, features, **made)
    variance = 1 / ((w**2).sum(axis=1) / sigma**2 + 1)
    decoder.params["kernel"][...], decoder.params["bias"][...] = w, b
    encoder.params["kernel"][...] = np.hstack([w.T * variance / sigma**2, np.zeros((features, n))])
    encoder.params["bias"][...] = np.concatenate([-b @ w.T * variance / sigma**2, np.log(variance)])
    vae = VAE([encoder], [decoder], GaussianLatent(n, rng=rng),
              reconstruction=GaussianReconstruction(sigma))  # fmt: skip
    x = rng.multivariate_normal(b, w.T @ w + sigma**2 * np.eye(features), 50)
    return vae, x, multivariate_normal(b, w.T @ w + sigma**2 * np.eye(features)).logpdf(x)


def test_with_the_exact_posterior_both_bounds_are_the_evidence():
    vae, x, log_p = factor_analysis()
    rng = np.random.default_rng(1)
    for draws in (1, 3):  # p(x, z) / q(z | x) is p(x) whatever z is
        np.testing.assert_allclose(vae.importance_bound(x, rng=rng, draws=draws), log_p)
    found = vae.elbo(x, rng=rng, draws=4000)
    np.testing.assert_allclose(found, log_p, atol=0.15)
    assert found.mean() == pytest.approx(log_p.mean(), abs=0.02)


def test_with_another_posterior_the_elbo_lies_below_and_more_draws_come_closer():
    """The gap of the ELBO is KL(q || exact posterior), known here in closed form."""
    vae, x, log_p = factor_analysis()
    _, exact = vae.posterior(x)
    vae.encoder.layers[0].params["bias"][:2] += [0.3, -0.2]
    vae.encoder.layers[0].params["bias"][2:] += [0.5, -0.4]
    d, shift = np.array([0.5, -0.4]), np.array([0.3, -0.2])
    gap = ((np.exp(d) - 1 - d + shift**2 / np.exp(exact[0])) / 2).sum()
    rng = np.random.default_rng(0)
    elbo = vae.elbo(x, rng=rng, draws=4000).mean()
    assert log_p.mean() - elbo == pytest.approx(gap, abs=0.03)
    means = [vae.importance_bound(x, rng=rng, draws=1).mean() for _ in range(400)]
    assert np.mean(means) == pytest.approx(elbo, abs=0.03)
    bounds = [
        np.mean([vae.importance_bound(x, rng=rng, draws=k).mean() for _ in range(20)])
        for k in (3, 300)
    ]
    assert elbo + 0.1 < bounds[0] + 0.02 < bounds[1] < log_p.mean() + 0.01
    assert log_p.mean() - bounds[1] < 0.05


def test_the_training_loss_is_minus_the_elbo():
    vae, x = dense_vae(), pixels(0, 300, 6)
    losses = []
    for _ in range(300):
        value = vae.reconstruction.forward(x, vae.forward(x, training=True)) + vae.penalty()
        losses.append(value)
    elbo = vae.elbo(x, rng=np.random.default_rng(0), draws=300).mean()
    assert np.mean(losses) == pytest.approx(-elbo, abs=0.01)
    vae.latent.beta = 7.0
    assert vae.elbo(x, rng=np.random.default_rng(0), draws=300).mean() == elbo


# ---- training ----------------------------------------------------------------------------------


def blobs(seed=0, n=300):
    """Bars of 8 pixels at one of 4 places: two bits of information, and some noise."""
    rng = np.random.default_rng(seed)
    bars = np.repeat(np.eye(4), 2, axis=1)[rng.integers(0, 4, n)]
    return np.clip(0.9 * bars + 0.1 * rng.uniform(size=(n, 8)), 0, 1)


def trained(seed, x, *, beta=1.0, epochs=60, callbacks=(), n=2):
    vae = dense_vae(seed, features=8, hidden=16, n=n, beta=beta, dtype=np.float32)
    history = vae.fit(
        x, optimizer=Adam(0.01), epochs=epochs, rng=np.random.default_rng(seed),
        validation_data=x[:100], callbacks=callbacks, verbose=False,
    )  # fmt: skip
    return vae, history.history


@pytest.mark.parametrize("seed", range(3))
def test_training_finds_codes_and_the_samples_are_bars(seed):
    x = blobs()
    vae, history = trained(seed, x)
    assert history["loss"][-1] < history["loss"][0] - 1
    assert active_units(vae, x).all()
    before = dense_vae(seed, features=8, hidden=16).elbo(x, rng=np.random.default_rng(0))
    assert vae.elbo(x, rng=np.random.default_rng(0)).mean() > before.mean() + 1
    drawn = vae.sample(500, rng=np.random.default_rng(seed))
    assert drawn.shape == (500, 8)
    assert drawn.dtype == np.float32
    assert 0 < drawn.min() < drawn.max() < 1
    nearest = np.abs(drawn[:, None] - np.repeat(np.eye(4), 2, axis=1)).mean(axis=-1)
    assert len(set(nearest.argmin(axis=1))) == 4
    assert np.mean(nearest.min(axis=1)) < 0.2
    back = vae.reconstruct(x)
    np.testing.assert_allclose(back, vae.decode(vae.encode(x)))
    np.testing.assert_allclose(back, sigmoid(vae.predict(x)), atol=1e-6)
    assert np.abs(back - x).mean() < np.abs(x.mean(axis=0) - x).mean() / 2


def test_a_high_price_collapses_the_posterior_and_a_low_one_does_not():
    x = blobs()
    for seed in range(3):
        vae, _ = trained(seed, x, beta=20.0)
        mean, log_var = vae.posterior(x)
        assert not active_units(vae, x).any()
        assert np.abs(mean).max() < 0.3
        assert kl_standard_normal(mean, log_var).mean() < 0.05
        cheap, _ = trained(seed, x, beta=0.1)
        assert active_units(cheap, x).all()
        assert kl_standard_normal(*cheap.posterior(x)).mean() > 2


def test_the_warm_up_rises_in_a_straight_line():
    seen, vae = [], dense_vae(dtype=np.float32)

    class Look(Callback):
        def on_train_begin(self, model):
            seen.append(model.latent.beta)

        def on_batch_end(self, model, iteration, logs):
            seen.append(model.latent.beta)

    warm = BetaWarmUp(4, beta=2.0, start=0.4)
    run = {"optimizer": Adam(0.01), "batch_size": 5, "epochs": 2, "verbose": False}
    vae.fit(pixels(0, 15, 6), callbacks=[warm, Look()], **run)
    np.testing.assert_allclose(seen, [0.4, 0.8, 1.2, 1.6, 2.0, 2.0, 2.0])
    seen.clear()
    resumed = BetaWarmUp(8, done=3)
    vae.fit(pixels(0, 15, 6), callbacks=[resumed, Look()], initial_epoch=1, **run)
    np.testing.assert_allclose(seen, np.array([3, 4, 5, 6]) / 8)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 9), st.integers(1, 12))
def test_the_loss_of_an_evaluation_does_not_depend_on_its_batches(seed, samples, size):
    vae, x = dense_vae(seed), pixels(seed, samples, 6)
    found = evaluate(vae, x, x, loss=vae.reconstruction, batch_size=size)["loss"]
    kl = kl_standard_normal(*vae.posterior(x)).mean()
    assert found == pytest.approx(vae.reconstruction.forward(x, vae.predict(x)) + kl)
    parts = Regularized([vae], kernel_regularizer=L2(0.1))
    found = evaluate(parts, x, x, loss=vae.reconstruction, batch_size=size)["loss"]
    whole = vae.reconstruction.forward(x, parts.predict(x)) + parts.penalty() - vae.latent.kl + kl
    assert found == pytest.approx(whole)


def test_an_autoencoder_takes_x_as_its_target():
    rng = np.random.default_rng(0)
    net = Autoencoder([Dense(8, 2, rng=rng)], Sequential([Dense(2, 8, rng=rng)]))
    x = blobs()
    runs = []
    for target in ({}, {"y": x}):
        twin = copy.deepcopy(net)
        runs.append(
            twin.fit(x, loss=MeanSquaredError(), optimizer=Adam(0.01), epochs=3, verbose=False,
                     validation_data=(x[:9], x[:9]) if target else x[:9], **target)
        )  # fmt: skip
    assert runs[0].history == runs[1].history
    assert runs[0].history["val_loss"][-1] < runs[0].history["val_loss"][0]
    assert net.encode(x).shape == (300, 2)
    np.testing.assert_allclose(net.reconstruct(x), net.predict(x))


def test_float32_stays_float32():
    vae, x = dense_vae(dtype=np.float32), pixels(0, 4, 6).astype(np.float32)
    out = vae.forward(x, training=True)
    vae.reconstruction.forward(x, out)
    back = vae.backward(vae.reconstruction.backward())
    arrays = [out, back, *vae.grads.values(), *vae.posterior(x), vae.reconstruct(x)]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


# ---- the same in Keras -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(RECONSTRUCTIONS))
@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_parity_of_a_dense_vae_given_the_same_noise(kind, beta):
    vae, x = with_noise(dense_vae(beta=beta, kind=kind), 7), pixels(0, 7, 6)
    with parity.float64():
        twin, keras_loss = keras_vae.twin_of(vae, (6,))
        run = {"loss": vae.reconstruction, "keras_loss": keras_loss, "training": True}
        table = parity.compare(vae, twin, x, x, tolerance=1e-8, **run)
        assert len(table) == 2 + 8 + 8
        assert [row[0] for row in table[:3]] == ["outputs", "loss", "gradient of 0.0.kernel"]
        for change in ({"beta": beta + 0.01}, {"noise": vae.latent.noise + 0.01}):
            other = copy.deepcopy(vae)
            vars(other.latent).update(change)
            with pytest.raises(AssertionError, match="differ"):
                parity.compare(other, twin, x, x, verbose=False, **run)


def test_parity_of_a_convolutional_vae_and_a_step_of_adam():
    vae, x = with_noise(conv_vae(), 5), pixels(0, 5, 4, 4, 1)
    with parity.float64():
        twin, keras_loss = keras_vae.twin_of(vae, (4, 4, 1))
        table = parity.compare(
            vae, twin, x, x, loss=vae.reconstruction, keras_loss=keras_loss, training=True,
            tolerance=1e-8, optimizer=Adam(0.01), keras_optimizer=keras.optimizers.Adam(0.01),
        )  # fmt: skip
    assert len(table) == 2 + 8 + 8


@pytest.mark.parametrize("how", ["train_on_batch", "train_step"])
def test_steps_of_keras_s_own_training_are_ours(how):
    if how == "train_step" and keras.backend.backend() != "tensorflow":
        pytest.skip("this train_step is TensorFlow's; the other way runs everywhere")
    keras_vae.train_together(how)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_other_backends_train_the_same_vae(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    code = "import keras_vae; keras_vae.train_together('train_on_batch')"
    path = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


# ---- bad input ---------------------------------------------------------------------------------

latent = GaussianLatent(2, rng=np.random.default_rng(0))
given_noise = with_noise(dense_vae(), 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl_by_dimension(np.zeros(2), np.zeros(3)), r"mean \(2,\), log_var \(3,\)"),
        (lambda: reparameterize(np.zeros(2), np.zeros(2), 0.0), r"noise \(\)"),
        (lambda: GaussianLatent(0, rng=None), "n >= 1 and beta >= 0, got 0 and 1"),
        (lambda: GaussianLatent(2, rng=None, beta=-1), "got 2 and -1"),
        (lambda: GaussianLatent(2, rng=None, beta=np.nan), "got 2 and nan"),
        (lambda: latent.forward(np.zeros((3, 2))), r"expected h \(N, 4\), got \(3, 2\)"),
        (lambda: latent.forward(np.zeros((0, 4))), r"expected h \(N, 4\), got \(0, 4\)"),
        (
            lambda: given_noise.forward(np.zeros((4, 6)), training=True),
            r"log_var \(4, 2\), noise \(3, 2\)",
        ),
        (lambda: GaussianReconstruction(0), "expected sigma > 0, got 0"),
        (
            lambda: BernoulliReconstruction().forward(np.full((1, 2), 255.0), np.zeros((1, 2))),
            "expected pixels 0 to 1, got 255 to 255",
        ),
        (
            lambda: BernoulliReconstruction().forward(np.zeros((1, 2)), np.zeros((1, 3))),
            r"one shape, got \(1, 2\) and \(1, 3\)",
        ),
        (lambda: dense_vae().elbo(np.zeros((1, 6)), rng=None, draws=0), "draws >= 1, got 0"),
        (lambda: BetaWarmUp(0), "steps >= 1"),
        (lambda: BetaWarmUp(5, beta=-1), "got 5, -1, 0.0 and 0"),
        (lambda: Reshape((2, 2)).forward(np.zeros((1, 5))), r"fit \(2, 2\), got \(5,\)"),
    ],
)
def test_bad_input_says_what_was_expected_and_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_they_call_themselves():
    assert repr(latent) == "GaussianLatent(2, beta=1)"
    assert repr(Reshape((4, 4, 2))) == "Reshape(4, 4, 2)"
    assert repr(dense_vae()) == "VAE(Sequential(3 layers), Sequential(3 layers))"
