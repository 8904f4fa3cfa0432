"""Preprocessing: statistics from the training set alone, PCA, whitening, folds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA as TheirPCA
from sklearn.preprocessing import StandardScaler

from twice.scratch.preprocessing import PCA, Standardizer, Whitener, k_folds

seeds = st.integers(0, 2**32 - 1)
ALL = [Standardizer, PCA, Whitener, lambda: Whitener(zca=True)]
each = pytest.mark.parametrize("make", ALL, ids=["standardizer", "pca", "whitener", "zca"])


def cloud(seed, n=30, f=4, dtype=np.float64):
    """Features that move together, of different sizes, off center."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, f)) @ rng.normal(size=(f, f)) * rng.uniform(0.5, 5, f)
    return (x + rng.normal(0, 10, f)).astype(dtype)


# ---- standardizing -----------------------------------------------------------------------------


def test_standardize_by_hand_with_the_statistics_of_the_training_set():
    # 1 and 5: mean 3, standard deviation 2. The new sample 9 is three deviations away.
    scale = Standardizer().fit(np.array([[1.0], [5.0]]))
    np.testing.assert_allclose(scale.transform(np.array([[1.0], [5.0]])), [[-1], [1]])
    np.testing.assert_allclose(scale.transform(np.array([[9.0]])), [[3]])
    assert scale.mean == 3
    assert scale.std == 2


@given(seeds)
def test_standardizer_is_that_of_scikit_learn(seed):
    x, new = cloud(seed), cloud(seed + 1)
    theirs = StandardScaler().fit(x)
    np.testing.assert_allclose(Standardizer().fit(x).transform(new), theirs.transform(new))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_is_only_centered(dtype):
    x = np.column_stack([np.full(50, 0.1), np.zeros(50), np.arange(50)]).astype(dtype)
    z = Standardizer().fit(x).transform(x)
    np.testing.assert_allclose(z[:, :2], 0, atol=1e-6)
    np.testing.assert_allclose(z[:, 2].std(), 1, rtol=1e-5)


# ---- principal components ----------------------------------------------------------------------


def test_pca_by_hand():
    # Four points on the line (1, 1): the first direction is (1, 1)/sqrt 2, the second has nothing.
    x = np.array([[0.0, 0], [1, 1], [2, 2], [5, 5]])
    pca = PCA().fit(x)
    np.testing.assert_allclose(pca.components[0], [0.5**0.5, 0.5**0.5])
    # Along it the points lie at -2, -1, 0, 3 times sqrt 2: variance (4 + 1 + 0 + 9) * 2 / 4 = 7.
    np.testing.assert_allclose(pca.explained_variance, [7, 0], atol=1e-12)
    np.testing.assert_allclose(pca.explained_ratio, [1, 0], atol=1e-12)
    np.testing.assert_allclose(pca.transform(x)[:, 0], np.array([-2, -1, 0, 3]) * 2**0.5)


@given(seeds, st.integers(1, 4))
def test_pca_is_that_of_scikit_learn_up_to_signs(seed, k):
    x, new = cloud(seed), cloud(seed + 1)
    ours, theirs = PCA(k).fit(x), TheirPCA(k).fit(x)
    signs = np.sign((ours.components * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.components, signs[:, None] * theirs.components_, atol=1e-6)
    np.testing.assert_allclose(ours.transform(new), theirs.transform(new) * signs, atol=1e-5)
    np.testing.assert_allclose(ours.explained_ratio, theirs.explained_variance_ratio_, atol=1e-9)
    variance = theirs.explained_variance_ * (len(x) - 1) / len(x)  # theirs divides by N - 1
    np.testing.assert_allclose(ours.explained_variance, variance, rtol=1e-6)


@given(seeds)
def test_components_are_orthonormal_and_their_signs_are_fixed(seed):
    pca = PCA().fit(cloud(seed))
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(4), atol=1e-10)
    largest = np.abs(pca.components).argmax(axis=1)
    assert (pca.components[np.arange(4), largest] > 0).all()
    assert (np.diff(pca.explained_variance) <= 0).all()


def test_dropped_directions_are_lost_and_no_others():
    x = cloud(3)
    pca = PCA(2).fit(x)
    lost = ((x - pca.inverse(pca.transform(x))) ** 2).sum(axis=1).mean()
    assert lost == pytest.approx(PCA().fit(x).explained_variance[2:].sum())


def test_pca_with_fewer_samples_than_features():
    pca = PCA().fit(cloud(0, n=3, f=5))
    assert pca.components.shape == (3, 5)
    assert pca.explained_ratio.sum() == pytest.approx(1)


def test_pca_of_constant_data_explains_nothing():
    pca = PCA().fit(np.ones((5, 2)))
    np.testing.assert_array_equal(pca.explained_ratio, 0)
    assert np.isfinite(pca.components).all()


# ---- whitening ---------------------------------------------------------------------------------


@given(seeds, st.booleans())
def test_white_data_have_the_identity_as_covariance(seed, zca):
    x = cloud(seed)
    z = Whitener(zca=zca, epsilon=0).fit(x).transform(x)
    np.testing.assert_allclose(np.cov(z.T, bias=True), np.eye(4), atol=1e-6)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-6)


@given(seeds)
def test_zca_is_the_inverse_square_root_of_the_covariance_and_closest_to_the_data(seed):
    x = cloud(seed)
    centered = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    expected = centered @ vectors / np.sqrt(values) @ vectors.T
    zca = Whitener(zca=True, epsilon=0).fit(x).transform(x)
    np.testing.assert_allclose(zca, expected, rtol=1e-4, atol=1e-5)
    other = Whitener(epsilon=0).fit(x).transform(x)
    assert ((zca - centered) ** 2).sum() <= ((other - centered) ** 2).sum() * (1 + 1e-9)


def test_epsilon_keeps_tiny_directions_from_exploding():
    x = np.column_stack([np.arange(10.0), 1e-9 * np.arange(10.0) ** 2])
    assert np.abs(Whitener(epsilon=1e-5).fit(x).transform(x)[:, 1]).max() < 1e-4


def test_a_direction_without_variance_is_zero_even_without_epsilon():
    x = np.column_stack([np.arange(10.0), np.ones(10)])
    z = Whitener(epsilon=0).fit(x).transform(x)
    np.testing.assert_allclose(z[:, 1], 0, atol=1e-6)


# ---- what all of them share --------------------------------------------------------------------


@each
@given(seeds)
def test_there_and_back_again(make, seed):
    x, new = cloud(seed), cloud(seed + 1)
    prepared = make().fit(x)
    np.testing.assert_allclose(prepared.inverse(prepared.transform(new)), new, atol=1e-6)


@each
def test_float32_stays_float32_and_whole_numbers_become_it(make):
    x = cloud(0, dtype=np.float32)
    prepared = make().fit(x)
    z = prepared.transform(x)
    assert z.dtype == prepared.inverse(z).dtype == np.float32
    assert make().fit(np.round(x).astype(int)).transform(x).dtype == np.float32
    assert make().fit(x.astype(float)).transform(x.astype(float)).dtype == np.float64


@each
def test_the_data_are_left_alone_and_new_samples_change_no_statistics(make):
    x, new = cloud(0), cloud(1)
    kept = x.copy()
    prepared = make().fit(x)
    before = prepared.transform(x)
    prepared.transform(new)
    np.testing.assert_array_equal(prepared.transform(x), before)
    np.testing.assert_array_equal(x, kept)


@each
def test_bad_input_is_named(make):
    with pytest.raises(ValueError, match=r"expected fit\(x_train\) before the \w+ is used"):
        make().transform(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"expected fit\(x_train\) before the \w+ is used"):
        make().inverse(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"expected x \(N, F\), not empty, got \(3,\)"):
        make().fit(np.ones(3))
    with pytest.raises(ValueError, match=r"expected x \(N, F\), not empty, got \(0, 2\)"):
        make().fit(np.ones((0, 2)))
    with pytest.raises(ValueError, match=r"expected x \(N, 4\), not empty, got \(3, 5\)"):
        make().fit(cloud(0)).transform(np.ones((3, 5)))


@pytest.mark.parametrize("kind", [PCA, Whitener])
def test_impossible_numbers_of_components_are_named(kind):
    with pytest.raises(ValueError, match="expected n_components >= 1, got 0"):
        kind(0)
    with pytest.raises(ValueError, match="expected n_components <= 4, got 5"):
        kind(5).fit(cloud(0))


def test_a_negative_epsilon_is_named():
    with pytest.raises(ValueError, match="expected epsilon >= 0, got -1"):
        Whitener(epsilon=-1)


# ---- folds -------------------------------------------------------------------------------------


def test_folds_by_hand():
    pairs = [(t.tolist(), v.tolist()) for t, v in k_folds(5, 2)]
    assert pairs == [([3, 4], [0, 1, 2]), ([0, 1, 2], [3, 4])]


@given(st.integers(2, 40), st.integers(2, 10), seeds)
def test_every_sample_validates_exactly_once(n, k, seed):
    k = min(n, k)
    folds = k_folds(n, k, rng=np.random.default_rng(seed))
    assert len(folds) == k
    for train, validation in folds:
        assert sorted([*train, *validation]) == list(range(n))
    assert sorted(np.concatenate([v for _, v in folds])) == list(range(n))
    sizes = [len(v) for _, v in folds]
    assert max(sizes) - min(sizes) <= 1


def test_rng_shuffles_the_folds():
    rng = np.random.default_rng(0)
    assert k_folds(50, 5, rng=rng)[0][1].tolist() != k_folds(50, 5)[0][1].tolist()


@pytest.mark.parametrize(("n", "k"), [(5, 1), (5, 6), (0, 2)])
def test_impossible_folds_are_named(n, k):
    with pytest.raises(ValueError, match=f"expected 2 <= k <= n, got k = {k} and n = {n}"):
        k_folds(n, k)
