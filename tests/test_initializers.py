"""Initializers: fans, variances, limits, orthogonality, sparse counts, errors; Keras."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twice.scratch import initializers
from twice.scratch.initializers import fans, identity, orthogonal, random_normal, sparse, zeros

sizes = st.integers(1, 12)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_fans_of_dense_and_convolution_kernels():
    assert fans((64, 10)) == (64, 10)
    assert fans((3, 3, 16, 32)) == (144, 288)
    assert fans((5, 16, 32)) == (80, 160)


@pytest.mark.parametrize("shape", [(3,), (), (0, 4), (3, 0)])
def test_fans_say_what_they_expect(shape):
    with pytest.raises(ValueError, match=r"expected a kernel shape \(\.\.\., n_in, n_out\), got"):
        fans(shape)


VARIANCES = {  # for a kernel (300, 700)
    "glorot_normal": 2 / 1000,
    "glorot_uniform": 2 / 1000,
    "he_normal": 2 / 300,
    "he_uniform": 2 / 300,
    "lecun_normal": 1 / 300,
    "lecun_uniform": 1 / 300,
    "random_normal": 0.05**2,
}


@pytest.mark.parametrize("name", VARIANCES)
def test_mean_variance_and_shape_of_the_distribution(name):
    w = getattr(initializers, name)((300, 700), rng())
    assert w.shape == (300, 700)
    assert w.dtype == np.float64
    assert w.mean() == pytest.approx(0, abs=4 * math.sqrt(VARIANCES[name] / w.size))
    assert w.var() == pytest.approx(VARIANCES[name], rel=0.02)
    kurtosis = np.mean(w**4) / w.var() ** 2
    assert kurtosis == pytest.approx(9 / 5 if "uniform" in name else 3, rel=0.03)


@pytest.mark.parametrize("name", ["glorot_uniform", "he_uniform", "lecun_uniform"])
def test_uniform_numbers_fill_their_interval(name):
    w = getattr(initializers, name)((300, 700), rng())
    limit = math.sqrt(3 * VARIANCES[name])
    assert 0.999 * limit < np.abs(w).max() <= limit


@pytest.mark.parametrize("name", VARIANCES)
def test_the_same_generator_gives_the_same_weights(name):
    draw = getattr(initializers, name)
    np.testing.assert_array_equal(draw((4, 5), rng(3)), draw((4, 5), rng(3)))
    assert not np.array_equal(draw((4, 5), rng(3)), draw((4, 5), rng(4)))


def test_convolutions_count_their_window():
    w = initializers.he_normal((3, 3, 32, 256), rng())
    assert w.var() == pytest.approx(2 / 288, rel=0.02)


def test_zeros_and_random_normal():
    assert not zeros((3, 4)).any()
    assert zeros(5).shape == (5,)
    assert random_normal((400, 400), rng(), stddev=2.0).std() == pytest.approx(2, rel=0.02)


@given(st.integers(0, 2**32 - 1), sizes, sizes, st.floats(0.1, 3))
def test_orthogonal_rows_or_columns(seed, n_in, n_out, gain):
    w = orthogonal((n_in, n_out), rng(seed), gain=gain)
    assert w.shape == (n_in, n_out)
    product = w.T @ w if n_in >= n_out else w @ w.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(n_in, n_out)), atol=1e-12)


def test_orthogonal_kernels_of_convolutions_are_orthogonal_when_flattened():
    w = orthogonal((3, 3, 2, 5), rng()).reshape(18, 5)
    np.testing.assert_allclose(w.T @ w, np.eye(5), atol=1e-12)


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    """Without the signs of R, a QR decomposition prefers one sign on the diagonal."""
    drawn = np.stack([orthogonal((2, 2), generator) for generator in map(rng, range(2000))])
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.06)
    assert np.mean(np.linalg.det(drawn) > 0) == pytest.approx(0.5, abs=0.04)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), sizes, st.integers(1, 50))
def test_sparse_counts_its_connections(seed, n_in, n_out, connections):
    w = sparse((n_in, n_out), rng(seed), connections=connections)
    assert ((w != 0).sum(axis=0) == min(connections, n_in)).all()


def test_sparse_draws_normal_numbers_and_chooses_evenly():
    w = sparse((100, 3000), rng(), connections=10, stddev=0.5)
    assert w[w != 0].std() == pytest.approx(0.5, rel=0.02)
    heard = (w != 0).mean(axis=1)  # 0.1 for every input, with a scatter of 0.0055
    assert np.abs(heard - 0.1).max() < 0.025


def test_identity():
    np.testing.assert_array_equal(identity((3, 3), gain=2.0), 2 * np.eye(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: identity((3, 4)), r"expected a square shape \(n, n\), got \(3, 4\)"),
        (lambda: identity((3,)), r"expected a square shape \(n, n\), got \(3,\)"),
        (lambda: sparse((4, 4), rng(), connections=0), "expected connections >= 1, got 0"),
        (lambda: orthogonal((4,), rng()), r"expected a kernel shape .*, got \(4,\)"),
        (lambda: initializers.he_normal((4,), rng()), r"expected a kernel shape .*, got \(4,\)"),
    ],
)
def test_bad_input_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", VARIANCES)
def test_variances_are_those_of_keras(name):
    keras = pytest.importorskip("twice.parity").keras
    theirs = keras.initializers.get(name)
    w = np.asarray(keras.ops.convert_to_numpy(theirs((300, 700))))
    assert w.var() == pytest.approx(VARIANCES[name], rel=0.02)
    if name in ("glorot_normal", "he_normal", "lecun_normal"):  # truncated there, plain here
        assert np.abs(w).max() / w.std() < 2.3
        ours = getattr(initializers, name)((300, 700), rng())
        assert np.abs(ours).max() / ours.std() > 4
