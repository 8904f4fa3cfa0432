"""Small nets, the ring's setting, looking on, and the game whose players are told the class."""

import numpy as np
import pytest

from twice.data import ring, ring_centers
from twice.scratch.adaptive import Adam
from twice.scratch.adversaries import ConditionalGAN, LinearDecay, Look, mlp, ring_gan
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.convolution import Conv2D
from twice.scratch.critics import GradientPenalty
from twice.scratch.gans import Hinge, NonSaturating, Wasserstein
from twice.scratch.gradient_descent import SGD, numerical_gradient
from twice.scratch.pooling import Flatten
from twice.scratch.sample_quality import good_share, modes_covered


def test_the_ring_is_found():
    """Half of the game: of ten seeds, all had eight modes and a good share above 0.48 by then."""
    rng = np.random.default_rng(0)
    x, _ = ring(4000, rng=rng)
    gan, game = ring_gan(rng)
    samples = gan.sample(2000, np.random.default_rng(99))
    assert good_share(samples, ring_centers(), 0.3) < 0.2
    history = gan.fit(x, **{**game, "steps": 2500}, rng=rng)
    assert history.iterations == 2500
    samples = gan.sample(2000, np.random.default_rng(99))
    assert modes_covered(samples, ring_centers(), 0.3, least=50) >= 7
    assert good_share(samples, ring_centers(), 0.3) > 0.4


def test_the_rings_setting_is_the_documented_one():
    gan, game = ring_gan(np.random.default_rng(0), loss=Hinge(), units=8, mixed=True)
    assert [w.shape for w in gan.get_weights()] == [
        (2, 8), (8,), (8, 8), (8,), (8, 2), (2,), (2, 8), (8,), (8, 8), (8,), (8, 1), (1,),
    ]  # fmt: skip
    assert isinstance(gan.loss, Hinge)
    assert gan.mixed
    g, d = game["generator_optimizer"], game["discriminator_optimizer"]
    assert (g.learning_rate(0), d.learning_rate(0)) == (1e-3, 2e-3)
    assert (g.beta_1, g.beta_2, game["steps"]) == (0.0, 0.9, 5000)
    assert g.learning_rate(2500) == pytest.approx(5e-4)
    assert g.learning_rate(5000) == pytest.approx(2e-5)
    _, game = ring_gan(np.random.default_rng(0), decay=False, rates=(0.1, 0.2))
    assert game["discriminator_optimizer"].learning_rate == 0.2


def test_looking_does_not_change_the_game():
    x, _ = ring(200, rng=np.random.default_rng(0))
    weights = []
    look = Look(lambda gan: gan.sample(3, np.random.default_rng(1)), every=4)
    for callbacks in ([], [look]):
        rng = np.random.default_rng(2)
        gan, game = ring_gan(rng, units=8, steps=10)
        gan.fit(x, **game, rng=rng, callbacks=callbacks)
        weights.append(gan.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert look.steps == [4, 8]
    assert (look.found[0] != look.found[1]).all()


# ---- told the class ----------------------------------------------------------------------------


def told_gan(loss=None, seed=0, **given):
    rng = np.random.default_rng(seed)
    nets = mlp([2 + 3, 8, 2], rng, dtype=np.float64), mlp([2 + 3, 9, 1], rng, dtype=np.float64)
    return ConditionalGAN(*nets, loss or NonSaturating(), classes=3, latent_dim=2, **given)


def test_labels_stand_beside_rows_and_images():
    gan = told_gan()
    rows = gan.told(np.array([[5.0, 6.0], [7.0, 8.0]]), np.array([2, 0]))
    np.testing.assert_array_equal(rows, [[5, 6, 0, 0, 1], [7, 8, 1, 0, 0]])
    images = np.random.default_rng(0).random((2, 4, 3, 2)).astype(np.float32)
    both = gan.told(images, np.array([1, 2]))
    assert both.shape == (2, 4, 3, 5)
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both[..., :2], images)
    np.testing.assert_array_equal(both[0, ..., 2:], np.broadcast_to([0, 1, 0], (4, 3, 3)))
    np.testing.assert_array_equal(both[1, ..., 2:], np.broadcast_to([0, 0, 1], (4, 3, 3)))


def test_the_generators_gradient_passes_the_labels_by():
    gan, rng = told_gan(), np.random.default_rng(1)
    noise, labels = rng.normal(size=(6, 2)), rng.integers(0, 3, 6)
    before = gan.generator.get_weights()
    gan.generator_step(noise, SGD(1.0), labels)
    moved = [a - b for a, b in zip(before, gan.generator.get_weights(), strict=True)]
    gan.generator.set_weights(before)
    for g, w in zip(moved, gan.generator.params.values(), strict=True):

        def game(v, w=w):
            w[...] = v
            fake = gan.generator.forward(gan.told(noise, labels))
            return gan.loss.generator(gan.discriminator.forward(gan.told(fake, labels)))[0]

        start = w.copy()
        np.testing.assert_allclose(g, numerical_gradient(game, start), atol=1e-7)
        game(start)


def test_real_and_fake_are_judged_under_the_same_labels():
    gan, seen = told_gan(), []
    judge = gan.discriminator.forward
    gan.discriminator.forward = lambda x, training=False: seen.append(x) or judge(x, training)
    real, labels = np.ones((4, 2)), np.array([0, 2, 1, 2])
    gan.discriminator_step(real, np.zeros((4, 2)), SGD(0.1), labels)
    wanted = np.eye(3)[labels]
    assert len(seen) == 2
    for x in seen:
        np.testing.assert_array_equal(x[:, 2:], wanted)
    np.testing.assert_array_equal(seen[0][:, :2], real)


def test_a_conditional_gan_makes_what_it_is_told():
    """Three clouds, and the label says which: after a short game each stands near its center."""
    centers = 2 * np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 1500)
    x = centers[y] + 0.2 * rng.normal(size=(1500, 2))
    nets = mlp([5, 32, 2], rng), mlp([5, 32, 1], rng)
    gan = ConditionalGAN(*nets, NonSaturating(), classes=3, latent_dim=2)
    g, d = (Adam(LinearDecay(rate, 800), beta_1=0.5, beta_2=0.9) for rate in (2e-3, 5e-3))
    gan.fit(x, y, steps=800, rng=rng, generator_optimizer=g, discriminator_optimizer=d)
    samples = gan.sample(600, np.random.default_rng(1))
    label = np.arange(600) % 3
    nearest = np.linalg.norm(samples[:, None] - centers, axis=-1).argmin(axis=1)
    assert (nearest == label).mean() > 0.9
    only = gan.sample(100, np.random.default_rng(2), labels=1)
    assert np.linalg.norm(only.mean(axis=0) - centers[1]) < 0.6


def test_conditional_images_with_a_penalty_on_the_pictures_alone():
    rng, made = np.random.default_rng(0), {"rng": np.random.default_rng(1)}

    class Picture(Sequential):
        def forward(self, x, training=False):
            return super().forward(x, training).reshape(-1, 4, 4, 1)

        def backward(self, grad, input_gradient=True):
            return super().backward(grad.reshape(len(grad), -1), input_gradient)

    g = Picture([Dense(3 + 2, 16, **made)])
    d = Sequential([Conv2D(1 + 2, 4, 3, **made), *mlp([16, 8, 1], rng).layers])
    d.layers.insert(1, Flatten())
    penalty = GradientPenalty(10, rng=rng, channels=1)
    gan = ConditionalGAN(g, d, Wasserstein(), classes=2, latent_dim=3, penalty=penalty)
    x, y = rng.random((20, 4, 4, 1)).astype(np.float32), rng.integers(0, 2, 20)
    history = gan.fit(
        x, y, steps=3, batch_size=5, critic_steps=2, rng=rng,
        generator_optimizer=Adam(1e-3), discriminator_optimizer=Adam(1e-3),
    )  # fmt: skip
    assert np.isfinite(history.history["penalty"]).all()
    assert gan.sample(7, rng).shape == (7, 4, 4, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConditionalGAN(None, None, None, classes=0, latent_dim=1), "classes >= 1, got 0"),
        (lambda: told_gan().told(np.zeros((2, 2)), None), "expected 2 labels, got none"),
        (lambda: told_gan().told(np.zeros((2, 2)), [1]), "expected 2 labels, got 1"),
        (lambda: told_gan().told(np.zeros((2, 2)), np.array([0, 3])), "expected labels 0 to 2"),
        (lambda: told_gan().sample(4, np.random.default_rng(0), labels=[1, 2]), "4 labels, got 2"),
        (
            lambda: told_gan().fit(np.zeros((4, 2)), steps=1, rng=None,
                                   generator_optimizer=None, discriminator_optimizer=SGD(1)),
            "expected 4 labels for 4 samples, got none",
        ),
        (lambda: LinearDecay(0.1, 0), "got 0.1, 0 and 0.02"),
        (lambda: LinearDecay(0.1, 5, floor=0), "0 < floor <= 1"),
        (lambda: Look(print, every=0), "every >= 1, got 0"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
