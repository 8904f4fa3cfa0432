"""Autoencoders: the linear one is PCA; spoiled inputs, priced codes, strange samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles

from twice import parity
from twice.data import digits
from twice.parity import keras
from twice.scratch.adaptive import Adam
from twice.scratch.autoencoders import (
    ActivityRegularizer,
    Autoencoder,
    ContractiveDense,
    Denoising,
    alternate,
    anomaly_score,
    subspace_angle,
)
from twice.scratch.backpropagation import Activation, Dense
from twice.scratch.gradcheck import gradcheck
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.preprocessing import PCA
from twice.scratch.quasi_newton import lbfgs
from twice.scratch.second_order import flatten, objective

seeds = st.integers(0, 2**32 - 1)


def rows():
    """The digits as rows of 64 numbers, and their labels."""
    (x, y), _ = digits()
    return x.reshape(len(x), -1), y


def linear(seed, features, k):
    made = {"rng": np.random.default_rng(seed), "dtype": np.float64}
    return Autoencoder([Dense(features, k, **made)], [Dense(k, features, **made)])


def cloud(seed=0, n=120, features=6):
    """An oblong cloud off the origin: standard deviations 3, 2.4, 1.8, ..."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(features, features)))[0]
    return rng.normal(size=(n, features)) * np.linspace(3, 0.3, features) @ turn + rng.normal(
        0, 2, features
    )


def descend(net, x, **limits):
    f, gradient = objective(net, MeanSquaredError(), x, x)
    result = lbfgs(f, gradient, flatten(net.params), memory=60, **limits)
    f(result.x)
    return result


def weights(net):
    return net.encoder.params["0.kernel"], net.decoder.params["0.kernel"]


# ---- the linear autoencoder is PCA -------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 4])
def test_a_trained_linear_autoencoder_spans_what_pca_spans(k):
    x = cloud()
    pca = PCA(k).fit(x)
    error = MeanSquaredError().forward(x, pca.inverse(pca.transform(x)))
    maps, codes = [], []
    for seed in range(5):
        net = linear(seed, 6, k)
        assert subspace_angle(weights(net)[1], pca.components) > 0.1
        result = descend(net, x, tolerance=1e-9)
        encoder, decoder = weights(net)
        assert subspace_angle(decoder, pca.components) < 1e-6
        assert result.f == pytest.approx(error, abs=1e-12)
        maps.append(encoder @ decoder)
        codes.append(net.encode(x))
    projection = pca.components.T @ pca.components
    np.testing.assert_allclose(maps, np.broadcast_to(projection, (5, 6, 6)), atol=1e-6)
    # The map is unique, the code is not: another seed, another code.
    assert min(np.abs(c - codes[0]).mean() for c in codes[1:]) > 0.1


def test_the_weights_are_not_the_principal_axes():
    x, far = cloud(), []
    pca = PCA(2).fit(x)
    for seed in range(5):
        net = linear(seed, 6, 2)
        descend(net, x, tolerance=1e-9)
        decoder = weights(net)[1]
        cosines = decoder @ pca.components.T / np.linalg.norm(decoder, axis=1)[:, None]
        np.testing.assert_allclose((cosines**2).sum(axis=1), 1)  # within the plane
        far.append(np.abs(cosines).max(axis=1).min())  # but not along its axes
        code = net.encode(x)
        assert abs(np.corrcoef(code.T)[0, 1]) > 1e-3  # nor are the codes uncorrelated
    assert min(far) < 0.95
    assert np.median(far) < 0.99


def test_any_basis_of_the_plane_does_as_well():
    """Put an invertible matrix and its inverse between the two halves: no output changes."""
    x = cloud()
    net = linear(0, 6, 2)
    descend(net, x, tolerance=1e-9)
    before = net.predict(x)
    mix = np.array([[2.0, 1.0], [-0.5, 3.0]])
    net.encoder.params["0.kernel"][...] = net.encoder.params["0.kernel"] @ mix
    net.encoder.params["0.bias"][...] = net.encoder.params["0.bias"] @ mix
    net.decoder.params["0.kernel"][...] = np.linalg.solve(mix, net.decoder.params["0.kernel"])
    np.testing.assert_allclose(net.predict(x), before, atol=1e-9)


def test_other_components_are_saddles_not_valleys():
    """Baldi and Hornik (1989): flat at any k components, a minimum at the first k alone."""
    x = cloud()
    pca = PCA().fit(x)
    loss = MeanSquaredError()
    for chosen, lowest in (([0, 1], True), ([0, 2], False), ([3, 5], False)):
        net, axes = linear(0, 6, 2), pca.components[chosen]
        net.encoder.params["0.kernel"][...] = axes.T
        net.encoder.params["0.bias"][...] = -axes @ pca.mean
        net.decoder.params["0.kernel"][...] = axes
        net.decoder.params["0.bias"][...] = pca.mean
        here = loss.forward(x, net.forward(x))
        net.backward(loss.backward())
        assert max(np.abs(g).max() for g in net.grads.values()) < 1e-12
        left = np.delete(pca.explained_variance, chosen).sum() / 6
        assert here == pytest.approx(left)
        found = []
        for out, axis in enumerate(axes):
            for other in set(range(6)) - set(chosen):  # turn one axis a little toward another
                turned = axes.copy()
                turned[out] = np.cos(0.01) * axis + np.sin(0.01) * pca.components[other]
                net.encoder.params["0.kernel"][...] = turned.T
                net.encoder.params["0.bias"][...] = -turned @ pca.mean
                net.decoder.params["0.kernel"][...] = turned
                found.append(loss.forward(x, net.forward(x)) - here)
        assert (min(found) > 0) is lowest
        assert max(np.abs(found)) < 1e-3  # the slope is 0: only the square of the turn counts


@pytest.mark.parametrize("k", [1, 3, 8])
def test_alternating_least_squares_finds_the_digits_own_plane(k):
    x = rows()[0][:300].astype(np.float64)
    pca = PCA(k).fit(x)
    for seed in range(3):
        encoder, decoder = alternate(x - x.mean(axis=0), k, rng=np.random.default_rng(seed))
        assert subspace_angle(decoder, pca.components) < 1e-6
        projection = pca.components.T @ pca.components
        np.testing.assert_allclose(encoder @ decoder, projection, atol=1e-6)
        if k > 1:
            axes = decoder / np.linalg.norm(decoder, axis=1)[:, None]
            assert np.abs(axes @ pca.components.T).max(axis=1).min() < 0.99
    with pytest.raises(RuntimeError, match="turns more than 1e-09 after 2 rounds"):
        alternate(x - x.mean(axis=0), k, rng=np.random.default_rng(0), steps=2)


# ---- angles ------------------------------------------------------------------------------------


def test_angles_by_hand():
    x, y, z = np.eye(3)
    assert subspace_angle([x], [3 * x]) == 0
    assert subspace_angle([x], [x + y]) == pytest.approx(np.pi / 4)
    assert subspace_angle([x], [-y]) == pytest.approx(np.pi / 2)
    assert subspace_angle([x, y], [x, z]) == pytest.approx(np.pi / 2)
    assert subspace_angle([x, y], [x + y, x - 2 * y]) < 1e-15
    for small in (1e-5, 1e-9, 1e-13):  # arccos of a cosine would say 0, or 1e-8
        assert subspace_angle([x, y], [x + small * z, y]) == pytest.approx(small)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(0, 3))
def test_angles_are_those_of_scipy(seed, k, more):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, k, k + more))
    expected = subspace_angles(a.T, b.T).max()
    assert subspace_angle(a, b) == pytest.approx(expected, abs=1e-7)
    assert subspace_angle(b, a) == pytest.approx(expected, abs=1e-7)


# ---- spoiled inputs ----------------------------------------------------------------------------


def test_denoising_spoils_the_input_and_not_the_target():
    x = np.full((200, 100), 0.25, np.float32)
    before, rng = x.copy(), np.random.default_rng(0)
    noisy, y = Denoising(masking=0.3, salt=0.2, rng=rng)(x, x)
    assert y is x
    np.testing.assert_array_equal(x, before)
    assert noisy.dtype == np.float32
    shares = [np.mean(noisy == v) for v in (0, 1, 0.25)]
    np.testing.assert_allclose(shares, [0.4, 0.1, 0.5], atol=0.02)
    noisy, _ = Denoising(stddev=0.5, rng=rng)(x, x)
    assert noisy.mean() == pytest.approx(0.25, abs=0.02)
    assert noisy.std() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(Denoising(rng=rng)(x, x)[0], x)
    assert Denoising(masking=1, rng=rng)(x, x)[0].max() == 0
    assert Denoising(stddev=1, rng=rng)(np.ones((2, 2), int), None)[0].dtype == np.float32


def test_a_net_trained_to_clean_cleans_better():
    x = rows()[0]
    train, test = x[:700], x[700:]
    spoiled, _ = Denoising(masking=0.4, rng=np.random.default_rng(9))(test, test)
    for seed in range(3):
        errors = []
        for augment in (None, Denoising(masking=0.4, rng=np.random.default_rng(seed))):
            rng = np.random.default_rng(seed)
            net = Autoencoder(
                [Dense(64, 48, rng=rng), Activation("relu")], [Dense(48, 64, rng=rng)]
            )
            net.fit(train, loss=MeanSquaredError(), optimizer=Adam(0.003), epochs=25, rng=rng,
                    augment=augment, verbose=False)  # fmt: skip
            errors.append(float(np.mean((net.reconstruct(spoiled) - test) ** 2)))
        assert errors[1] < 0.75 * errors[0]


# ---- prices on codes ---------------------------------------------------------------------------


def test_prices_by_hand():
    x = np.array([[0.5, -1.0], [0.0, 2.0]])
    layer = ActivityRegularizer(0.2)
    assert layer.penalty() == 0
    assert layer.forward(x) is x
    assert layer.penalty() == pytest.approx(0.2 * 3.5 / 2)
    np.testing.assert_allclose(layer.backward(x * 0), [[0.1, -0.1], [0, 0.1]])
    # Means 0.5 and 0.25 against 0.25: 0.25 ln 0.5 + 0.75 ln 1.5 = 0.130812, and 0.
    layer = ActivityRegularizer(2, rho=0.25)
    layer.forward(np.array([[1.0, 0.2], [0.0, 0.3]]))
    assert layer.penalty() == pytest.approx(2 * 0.1308120)
    # 2 (0.75 / 0.5 - 0.25 / 0.5) / 2 samples
    np.testing.assert_allclose(layer.backward(np.zeros((2, 2))), [[1, 0], [1, 0]], atol=1e-12)
    # One input 1, kernel 3, bias -3: h = 1/2, slope 1/4 * 3: (3/4)^2 = 0.5625.
    dense = ContractiveDense(1, 1, 0.1, rng=np.random.default_rng(0), dtype=np.float64)
    dense.params["kernel"][...], dense.params["bias"][...] = 3, -3
    assert dense.forward([[1.0]]) == 0.5
    assert dense.penalty() == pytest.approx(0.05625)


def priced(kind, seed, features, units):
    made = {"rng": np.random.default_rng(seed), "dtype": np.float64}
    encoder = {
        "l1": [Dense(features, units, **made), Activation("tanh"), ActivityRegularizer(0.3)],
        "rho": [Dense(features, units, **made), Activation("sigmoid"),
                ActivityRegularizer(0.7, rho=0.2)],
        "contractive": [Dense(features, 3, **made), ContractiveDense(3, units, 0.4, **made)],
    }[kind]  # fmt: skip
    return Autoencoder(encoder, [Dense(units, features, **made)])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["l1", "rho", "contractive"]),
    seeds,
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_the_gradients_of_priced_codes(kind, seed, samples, features, units):
    net = priced(kind, seed, features, units)
    x = np.random.default_rng([seed, 1]).normal(size=(samples, features))
    report = gradcheck(net, x, loss=MeanSquaredError(), y=x.copy())
    assert report.ok, report
    assert net.penalty() > 0


def test_the_sparse_price_of_channels():
    """Feature maps (N, H, W, C): one mean a channel."""
    layer, x = (
        ActivityRegularizer(1.5, rho=0.1),
        np.random.default_rng(0).uniform(size=(3, 4, 4, 2)),
    )
    report = gradcheck(layer, x)
    assert report.ok, report
    flat = ActivityRegularizer(1.5, rho=0.1)
    flat.forward(x.reshape(-1, 2))
    assert flat.penalty() == pytest.approx(layer.penalty())


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_the_contractive_price_is_the_jacobian_s(seed):
    rng = np.random.default_rng(seed)
    layer = ContractiveDense(4, 3, 1.0, rng=rng, dtype=np.float64)
    x, total, e = rng.normal(size=(5, 4)), 0.0, 1e-6
    for i in range(4):
        step = e * np.eye(4)[i]
        total += (((layer.forward(x + step) - layer.forward(x - step)) / (2 * e)) ** 2).sum()
    layer.forward(x)
    assert layer.penalty() == pytest.approx(total / 5, rel=1e-7)


def test_parity_of_the_l1_price():
    net = priced("l1", 0, 5, 4)
    x = np.random.default_rng(0).normal(size=(7, 5))
    with parity.float64():
        twin = keras.Sequential(
            [
                keras.Input((5,)),
                keras.layers.Dense(4, "tanh"),
                keras.layers.ActivityRegularization(l1=0.3),
                keras.layers.Dense(5),
            ]
        )
        table = parity.compare(net, twin, x, x, loss=MeanSquaredError(), keras_loss="mse")
        net.encoder.layers[2].strength = 0.31
        with pytest.raises(AssertionError, match="differ"):
            parity.compare(net, twin, x, x, loss=MeanSquaredError(), keras_loss="mse")
    assert len(table) == 10


def test_a_sparse_code_is_sparse():
    x = rows()[0][:400]
    for seed in range(2):
        active = []
        for strength in (0.0, 1.0):
            rng = np.random.default_rng(seed)
            encoder = [Dense(64, 40, rng=rng), Activation("sigmoid"),
                       ActivityRegularizer(strength, rho=0.05)]  # fmt: skip
            net = Autoencoder(encoder, [Dense(40, 64, rng=rng)])
            net.fit(x, loss=MeanSquaredError(), optimizer=Adam(0.01), epochs=20, rng=rng,
                    verbose=False)  # fmt: skip
            active.append(net.encode(x).mean())
        assert active[0] > 0.2
        assert active[1] == pytest.approx(0.05, abs=0.03)


# ---- strangeness -------------------------------------------------------------------------------


def test_scores_by_hand_and_of_anything_that_reconstructs():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(anomaly_score(lambda x: x + np.array([[1, 3], [0, 1]]), x), [5, 0.5])
    net = linear(0, 2, 1)
    np.testing.assert_allclose(anomaly_score(net, x), ((net.predict(x) - x) ** 2).mean(axis=1))
    images = x.reshape(1, 2, 2, 1)
    np.testing.assert_allclose(anomaly_score(lambda x: x - 2, images), [4])


def test_a_class_never_seen_scores_higher():
    x, y = rows()
    pca = PCA(8).fit(x[y != 0])
    score = anomaly_score(lambda x: pca.inverse(pca.transform(x)), x)
    strange, usual = score[y == 0], score[y != 0]
    assert np.mean(strange[:, None] > usual[None]) > 0.8


# ---- bad input ---------------------------------------------------------------------------------

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Denoising(masking=0.7, salt=0.4, rng=RNG), "sum to <= 1 .* got 0.7, 0.4 and 0.0"),
        (lambda: Denoising(stddev=-1, rng=RNG), "stddev >= 0, got 0.0, 0.0 and -1"),
        (lambda: Denoising(stddev=np.nan, rng=RNG), "got 0.0, 0.0 and nan"),
        (lambda: ActivityRegularizer(-1), "strength >= 0 .* got -1 and None"),
        (lambda: ActivityRegularizer(1, rho=1.0), "got 1 and 1.0"),
        (
            lambda: ActivityRegularizer(1, rho=0.1).forward(np.array([[0.5, 3.0]])),
            "activities 0 to 1, got 0.5 to 3",
        ),
        (lambda: ContractiveDense(2, 2, -1, rng=RNG), "strength >= 0, got -1"),
        (lambda: anomaly_score(lambda x: x[:1], np.ones((2, 3))), r"\(2, 3\), got \(1, 3\)"),
        (lambda: subspace_angle(np.eye(2), np.eye(3)), r"got \(2, 2\) and \(3, 3\)"),
        (lambda: subspace_angle(np.ones((3, 2)), np.ones((3, 2))), "k <= F"),
        (lambda: subspace_angle(np.eye(2), np.ones((2, 2))), "2 independent rows, got 1"),
    ],
)
def test_bad_input_says_what_was_expected_and_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_they_call_themselves():
    assert repr(ActivityRegularizer(0.5, rho=0.1)) == "ActivityRegularizer(0.5, rho=0.1)"
    assert repr(ContractiveDense(3, 2, 0.1, rng=RNG)) == "Dense(3, 2)"
    assert repr(linear(0, 3, 2)) == "Autoencoder(Sequential(1 layers), Sequential(1 layers))"
