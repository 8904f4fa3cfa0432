"""The game of two nets: its losses, one whole move beside Keras, the loop, the conditional game."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice import parity
from twice.parity import keras
from twice.scratch.adaptive import Adam
from twice.scratch.adversaries import mlp
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.gans import GAN, Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein
from twice.scratch.gradient_descent import SGD, numerical_gradient
from twice.scratch.normalization import BatchNormalization
from twice.scratch.regularization import L2, Regularized
from twice.scratch.training import Callback, NotFinite

seeds = st.integers(0, 2**32 - 1)
GAMES = [Minimax(), Minimax(0.1), NonSaturating(), NonSaturating(0.2), Wasserstein(), Hinge(),
         LeastSquares()]  # fmt: skip


def logits(seed, n=5):
    return np.random.default_rng(seed).normal(0, 2, (n, 1))


def small_gan(loss=None, seed=0, latent=3, **given):
    rng = np.random.default_rng(seed)
    g, d = mlp([latent, 6, 5, 2], rng, dtype=np.float64), mlp([2, 7, 4, 1], rng, dtype=np.float64)
    return GAN(g, d, loss or NonSaturating(), latent_dim=latent, **given)


def batch(seed=0, n=6, latent=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.normal(size=(n, latent)), rng.normal(size=(n, latent))


def two(rate=0.01):
    return {"generator_optimizer": SGD(rate), "discriminator_optimizer": SGD(rate)}


# ---- the losses --------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", GAMES, ids=repr)
@settings(max_examples=10, deadline=None)
@given(seed=seeds)
def test_slopes_of_the_games_are_those_of_their_values(loss, seed):
    real, fake = logits(seed), logits(seed + 1, 3)
    value, to_real, to_fake = loss.discriminator(real, fake)
    assert value == pytest.approx(loss.real(real)[0] + loss.fake(fake)[0])
    pairs = [
        (to_real, numerical_gradient(lambda z: loss.discriminator(z, fake)[0], real)),
        (to_fake, numerical_gradient(lambda z: loss.discriminator(real, z)[0], fake)),
        (loss.generator(fake)[1], numerical_gradient(lambda z: loss.generator(z)[0], fake)),
    ]
    for ours, wanted in pairs:
        np.testing.assert_allclose(ours, wanted, atol=1e-7)


def test_the_games_by_hand():
    real, fake = np.array([[0.0], [2.0]]), np.array([[0.0], [-1.0]])
    p, q = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    d_value = -np.log(p).mean() - np.log(1 - q).mean()
    for loss in (Minimax(), NonSaturating()):
        assert loss.discriminator(real, fake)[0] == pytest.approx(d_value)
    assert Minimax().generator(fake)[0] == pytest.approx(np.log(1 - q).mean())
    assert NonSaturating().generator(fake)[0] == pytest.approx(-np.log(q).mean())
    smooth = -(0.9 * np.log(p) + 0.1 * np.log(1 - p)).mean() - np.log(1 - q).mean()
    assert NonSaturating(0.1).discriminator(real, fake)[0] == pytest.approx(smooth)
    assert Wasserstein().discriminator(real, fake)[0] == -0.5 - 1
    assert Wasserstein().generator(fake)[0] == 0.5
    assert Hinge().discriminator(real, fake)[0] == pytest.approx(0.5 + 0.5)
    assert Hinge().generator(fake)[0] == 0.5
    assert LeastSquares().discriminator(real, fake)[0] == pytest.approx(0.5 + 0.25)
    assert LeastSquares().generator(fake)[0] == pytest.approx((1 + 4) / 4)


def test_where_the_discriminator_is_sure_one_generator_learns_and_the_other_does_not():
    sure = np.full((4, 1), -20.0)
    assert np.abs(Minimax().generator(sure)[1]).max() < 1e-8
    np.testing.assert_allclose(NonSaturating().generator(sure)[1], -1 / 4)
    sure = np.array([[-1e4]], np.float32)
    for loss in GAMES:
        for value, slope in (loss.real(sure), loss.fake(-sure), loss.generator(sure)):
            assert np.isfinite(value)
            assert np.isfinite(slope).all()
            assert slope.dtype == np.float32


# ---- one move, beside Keras --------------------------------------------------------------------

THEIRS = {  # a sample's share of the discriminator's loss, and of the generator's
    "Minimax": (
        lambda y, z: 2 * (keras.ops.softplus(z) - y * z),
        lambda y, z: -keras.ops.softplus(z),
    ),
    "NonSaturating": (
        lambda y, z: 2 * keras.ops.binary_crossentropy(y, z, from_logits=True),
        lambda y, z: keras.ops.binary_crossentropy(y, z, from_logits=True),
    ),
    "Wasserstein": (lambda y, z: 2 * (1 - 2 * y) * z, lambda y, z: -z),
}


def keras_mlp(sizes):
    layers = [keras.Input((sizes[0],))]
    for n in sizes[1:]:
        layers += [keras.layers.Dense(n), keras.layers.LeakyReLU(0.2)]
    return keras.Sequential(layers[:-1])


def mean_of(f):
    return lambda y, z: keras.ops.mean(f(y, z))


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("loss", [Minimax(), NonSaturating(), NonSaturating(0.1), Wasserstein()])
def test_whole_moves_beside_keras(loss, mixed):
    """Two moves given the same noise: every loss, gradient and weight, Adam's memory too."""
    gan = small_gan(loss, mixed=mixed)
    smooth = getattr(loss, "label_smoothing", 0)
    ours = [Adam(0.02, beta_1=0.5), Adam(0.01, beta_1=0.5)]
    d_loss, g_loss = map(mean_of, THEIRS[type(loss).__name__])
    with parity.float64():
        d, g = keras_mlp([2, 7, 4, 1]), keras_mlp([3, 6, 5, 2])
        parity.copy_weights(gan.discriminator, d)
        parity.copy_weights(gan.generator, g)
        chain = keras.Sequential([keras.Input((3,)), g, d])
        theirs = [keras.optimizers.Adam(rate, beta_1=0.5) for rate in (0.02, 0.01)]
        label = np.repeat([[1.0 - smooth], [0.0]], 6, axis=0)
        for move in range(2):
            real, one, other = batch(move)
            both = np.concatenate([real, keras.ops.convert_to_numpy(g(one))])
            _, value, slopes = parity.keras_gradients(d, d_loss, both, label)
            logs = gan.discriminator_step(real, one, ours[1])
            assert logs["discriminator_loss"] == pytest.approx(float(value), abs=1e-8)
            if mixed:  # else the net holds the gradients of its second batch alone
                for a, b in zip(gan.discriminator.grads.values(), slopes, strict=True):
                    assert parity.difference(a, b) < 1e-8
            theirs[1].apply(slopes, d.trainable_variables)

            _, value, slopes = parity.keras_gradients(chain, g_loss, other, np.ones((6, 1)))
            slopes = slopes[: len(g.trainable_variables)]
            logs = gan.generator_step(other, ours[0])
            assert logs["generator_loss"] == pytest.approx(float(value), abs=1e-8)
            for a, b in zip(gan.generator.grads.values(), slopes, strict=True):
                assert parity.difference(a, b) < 1e-8
                assert np.abs(a).max() > 1e-4
            theirs[0].apply(slopes, g.trainable_variables)
            for net, twin in ((gan.generator, g), (gan.discriminator, d)):
                for a, b in zip(net.params.values(), twin.trainable_variables, strict=True):
                    assert parity.difference(a, b) < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_whole_moves_on_the_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    run = subprocess.run(
        [*command, "-k", "test_whole_moves_beside_keras"],
        env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "8 passed" in run.stdout


@pytest.mark.parametrize("loss", GAMES, ids=repr)
def test_both_ways_to_judge_agree_and_are_the_slopes_of_the_game(loss):
    """Central differences on the whole game, in both players' weights."""
    real, noise, _ = batch()
    gan = small_gan(loss)
    fake = gan.forward(noise)
    value, grads = gan.discriminator_gradients(real, fake)
    kept = {name: g.copy() for name, g in grads.items()}
    gan.mixed = True
    again, mixed = gan.discriminator_gradients(real, fake)
    assert value == pytest.approx(again)
    d = gan.discriminator
    for name, g in kept.items():
        np.testing.assert_allclose(g, mixed[name], atol=1e-12)

        def game(w, name=name):
            d.params[name][...] = w
            return loss.discriminator(d.forward(real), d.forward(fake))[0]

        w = d.params[name].copy()
        np.testing.assert_allclose(g, numerical_gradient(game, w), atol=1e-7)
        game(w)
    before = gan.generator.get_weights()
    gan.generator_step(noise, SGD(1.0))
    moved = [b - a for b, a in zip(before, gan.generator.get_weights(), strict=True)]
    gan.generator.set_weights(before)
    for g, w in zip(moved, gan.generator.params.values(), strict=True):

        def game(v, w=w):
            w[...] = v
            return loss.generator(d.forward(gan.forward(noise)))[0]

        start = w.copy()
        np.testing.assert_allclose(g, numerical_gradient(game, start), atol=1e-7)
        game(start)


def test_each_player_moves_its_own_weights_only():
    gan, (real, one, other) = small_gan(), batch()
    g, d = gan.generator.get_weights(), gan.discriminator.get_weights()
    gan.discriminator_step(real, one, SGD(0.1))
    for a, b in zip(g, gan.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    d_moved = gan.discriminator.get_weights()
    assert all((a != b).any() for a, b in zip(d, d_moved, strict=True))
    gan.generator_step(other, SGD(0.1))
    for a, b in zip(d_moved, gan.discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all((a != b).any() for a, b in zip(g, gan.generator.get_weights(), strict=True))


def test_batch_norm_hears_real_samples_and_fakes_apart_unless_mixed():
    seen = []

    class Listening(BatchNormalization):
        def forward(self, x, training=False):
            seen.append((len(x), training))
            return super().forward(x, training)

    for mixed, wanted in ((False, [(6, True), (6, True)]), (True, [(12, True)])):
        rng = np.random.default_rng(0)
        d = Sequential([Listening(2), Dense(2, 1, rng=rng)])
        gan = GAN(mlp([3, 2], rng), d, NonSaturating(), latent_dim=3, mixed=mixed)
        seen.clear()
        gan.discriminator_step(*batch()[:2], SGD(0.1))
        assert seen == wanted


def test_a_penalty_joins_the_discriminators_gradient():
    class Pull:
        def __call__(self, net, real, fake):
            assert real.shape == fake.shape == (6, 2)
            return 3.0, {name: np.ones_like(w) for name, w in net.params.items()}

    (real, one, _), moved = batch(), []
    for penalty in (None, Pull()):
        gan = small_gan(penalty=penalty)
        logs = gan.discriminator_step(real, one, SGD(1.0))
        moved.append(gan.discriminator.get_weights())
    assert logs["penalty"] == 3
    for a, b in zip(*moved, strict=True):
        np.testing.assert_allclose(a - b, 1)


# ---- the loop ----------------------------------------------------------------------------------


def test_fit_is_its_moves_in_turn():
    x = np.random.default_rng(5).normal(size=(40, 2))
    gan, twin = small_gan(), small_gan()
    history = gan.fit(
        x, steps=3, batch_size=8, critic_steps=2, rng=np.random.default_rng(1), **two()
    )
    rng, both = np.random.default_rng(1), two()
    losses = []
    for _ in range(3):
        i = rng.integers(40, size=8)
        twin.discriminator_step(x[i], twin.noise(8, rng), both["discriminator_optimizer"])
        losses.append(twin.train_step(x[rng.integers(40, size=8)], rng, **both))
    for a, b in zip(gan.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert history.iterations == 3
    assert history.history["generator_loss"] == [v["generator_loss"] for v in losses]
    assert history.history["discriminator_loss"] == [v["discriminator_loss"] for v in losses]


def test_a_gan_is_a_model():
    gan = small_gan()
    assert len(gan.get_weights()) == 12
    assert next(iter(gan.params)) == "generator.0.kernel"
    assert list(gan.params)[-1] == "discriminator.4.bias"
    noise = np.random.default_rng(0).standard_normal((9, 3))
    np.testing.assert_array_equal(gan.sample(9, np.random.default_rng(0)), gan.predict(noise))
    assert gan.sample(2000, np.random.default_rng(0)).shape == (2000, 2)
    other = small_gan(seed=1)
    other.set_weights(gan.get_weights())
    np.testing.assert_array_equal(other.predict(noise), gan.predict(noise))


class Watch(Callback):
    def __init__(self, act=lambda model, step: None):
        self.act, self.calls = act, []

    def on_train_begin(self, model):
        self.calls.append("begin")

    def on_batch_end(self, model, iteration, logs):
        self.calls.append((iteration, sorted(logs)))
        self.act(model, iteration)

    def on_train_end(self, model):
        self.calls.append("end")


def play(gan, steps=5, **given):
    x = np.random.default_rng(5).normal(size=(40, 2))
    return gan.fit(x, steps=steps, rng=np.random.default_rng(1), **{**two(), **given})


def test_callbacks_see_every_move_and_may_stop_the_game():
    def stop(model, step):
        model.stop_training = step == 2

    watch = Watch(stop)
    assert play(small_gan(), callbacks=[watch]).iterations == 2
    losses = ["discriminator_loss", "generator_loss"]
    assert watch.calls == ["begin", (1, losses), (2, losses), "end"]


def test_an_interrupt_keeps_what_is_learned(capsys):
    def interrupt(model, step):
        if step == 3:
            raise KeyboardInterrupt

    watch, gan = Watch(interrupt), small_gan()
    before = gan.get_weights()
    history = play(gan, callbacks=[watch])
    assert history.interrupted
    assert history.iterations == 3
    assert len(history.history["generator_loss"]) == 3
    assert "interrupted in step 3" in capsys.readouterr().out
    assert watch.calls[-1] == "end"
    assert (gan.get_weights()[0] != before[0]).any()


def test_the_first_nan_stops_the_game_before_it_spoils_the_weights():
    def poison(model, step):
        if step == 2:
            model.generator.params["0.kernel"][0, 0] = np.inf

    watch, gan = Watch(poison), small_gan()
    with pytest.raises(NotFinite, match="step 3, discriminator: the loss is nan"):
        play(gan, callbacks=[watch])
    assert watch.calls[-1] == "end"
    assert all(np.isfinite(w).all() for w in gan.discriminator.params.values())

    class Spoiled(Dense):
        def backward(self, grad, input_gradient=True):
            back = super().backward(grad, input_gradient)
            self.grads["bias"] = self.grads["bias"] * np.nan
            return back

    spoiled = GAN(Sequential([Spoiled(3, 2, rng=np.random.default_rng(0))]),
                  gan.discriminator, NonSaturating(), latent_dim=3)  # fmt: skip
    with pytest.raises(NotFinite, match=r"step 1, generator: the gradient of 0.bias"):
        play(spoiled)
    assert np.isfinite(spoiled.generator.params["0.bias"]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: small_gan(latent=0), "n_in, n_out >= 1"),
        (lambda: GAN(None, None, Minimax(), latent_dim=0), "latent_dim >= 1, got 0"),
        (lambda: Minimax(1.0), "0 <= label_smoothing < 1, got 1.0"),
        (lambda: NonSaturating(-0.1), "label_smoothing"),
        (lambda: Wasserstein().real(np.zeros((0, 1))), r"one logit, got the shape \(0, 1\)"),
        (lambda: play(small_gan(), steps=0), "got 40, 0, 64, 1"),
        (lambda: play(small_gan(), critic_steps=0), "got 40, 5, 64, 0"),
        (lambda: play(small_gan(), y=np.zeros(40, int)), "expected 0 labels .* got 40"),
        (
            lambda: play(small_gan(), **dict.fromkeys(two(), SGD(0.1))),
            "two optimizers, got the same",
        ),
        (lambda: small_gan_with_penalty(), "penalty.. twice: expected mixed=True, got False"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def small_gan_with_penalty():
    """Two batches of its own would count a penalty on the weights twice."""
    d = Regularized(mlp([2, 4, 1], np.random.default_rng(0)).layers, kernel_regularizer=L2(0.1))
    return GAN(None, d, Minimax(), latent_dim=1)


def test_a_penalty_on_the_weights_counts_once():
    rng, (real, one, _) = np.random.default_rng(0), batch()
    d, g = mlp([2, 4, 1], rng, dtype=np.float64), mlp([3, 2], rng, dtype=np.float64)
    kind = {"kernel_regularizer": L2(0.1)}
    paying = GAN(g, Regularized(d.layers, **kind), Minimax(), latent_dim=3, mixed=True)
    value, grads = paying.discriminator_gradients(real, g.forward(one))
    kept = {name: a.copy() for name, a in grads.items()}
    free, plain = GAN(g, d, Minimax(), latent_dim=3).discriminator_gradients(real, g.forward(one))
    assert value == pytest.approx(free + paying.discriminator.penalty())
    w = d.params["0.kernel"]
    np.testing.assert_allclose(kept["0.kernel"], plain["0.kernel"] + 0.2 * w)


def test_a_generator_may_pay_for_its_weights_too():
    (_, noise, _), gan = batch(), small_gan()
    free = gan.generator_step(noise, SGD(1e-9))["generator_loss"]
    gan.generator = Regularized(gan.generator.layers, kernel_regularizer=L2(0.1))
    before = gan.generator.params["0.kernel"].copy()
    paid = gan.generator_step(noise, SGD(1e-9))["generator_loss"]
    assert paid == pytest.approx(free + gan.generator.penalty(), abs=1e-6)
    plain = small_gan()
    plain.generator_step(noise, SGD(1e-9))
    extra = gan.generator.grads["0.kernel"] - plain.generator.grads["0.kernel"]
    np.testing.assert_allclose(extra, 0.2 * before, atol=1e-6)
