"""Pairs, triplets, episodes, prototypes and probes: who is drawn how often, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice.scratch.few_shot import (
    episode,
    linear_probe,
    nearest_prototype,
    pairs,
    prototype_scores,
    prototypes,
    triplets,
)

LABELS = st.lists(st.integers(-2, 4), min_size=3, max_size=14).filter(
    lambda y: 2 <= len(set(y)) < len(y)
)


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- pairs and triplets ------------------------------------------------------------------------


@given(y=LABELS, n=st.integers(1, 30), seed=st.integers(0, 99))
def test_pairs_are_what_they_say(y, n, seed):
    y = np.array(y)
    i, same = pairs(y, n, rng=rng(seed))
    assert (i.shape, same.shape, same.dtype) == ((n, 2), (n,), np.float32)
    assert same.sum() == -(-n // 2)
    np.testing.assert_array_equal(y[i[:, 0]] == y[i[:, 1]], same == 1)
    assert (i[:, 0] != i[:, 1]).all()


@given(y=LABELS, n=st.integers(1, 30), seed=st.integers(0, 99))
def test_triplets_are_what_they_say(y, n, seed):
    y = np.array(y)
    a, p, other = triplets(y, n, rng=rng(seed)).T
    assert (y[a] == y[p]).all()
    assert (a != p).all()
    assert (y[a] != y[other]).all()
    assert len(a) == n


def test_every_partner_is_equally_likely():
    y = np.array([1, 0, 1, 2, 1, 0])
    i = triplets(y, 60_000, rng=rng())
    for column, wanted in ((1, {2: 0.5, 4: 0.5}), (2, {1: 1 / 3, 3: 1 / 3, 5: 1 / 3})):
        found = np.bincount(i[i[:, 0] == 0, column], minlength=6)
        for k in range(6):
            assert found[k] / found.sum() == pytest.approx(wanted.get(k, 0), abs=0.02)
    assert set(i[:, 0]) == {0, 1, 2, 4, 5}  # number 3 has no other of its class


def test_all_samples_come_first_in_pairs_that_differ():
    y = np.array([1, 0, 1, 2, 1, 0])
    i, same = pairs(y, 60_000, rng=rng())
    first = np.bincount(i[same == 0, 0], minlength=6)
    np.testing.assert_allclose(first / first.sum(), 1 / 6, atol=0.01)


@pytest.mark.parametrize("what", [pairs, triplets])
def test_what_cannot_be_paired(what):
    for y, got in (([1, 1, 1], "1 with 3"), ([0, 1, 2], "3 with 1")):
        said = f"expected two classes and two samples in one, got {got}"
        with pytest.raises(ValueError, match=said):
            what(np.array(y), 4, rng=rng())
    with pytest.raises(ValueError, match="expected n >= 1, got 0"):
        what(np.array([0, 0, 1]), 0, rng=rng())
    for y in (np.zeros(3), np.zeros((2, 2), int), np.zeros(0, int)):
        with pytest.raises(ValueError, match=r"expected labels \(N,\), got (float|int)64 of shape"):
            what(y, 4, rng=rng())


# ---- episodes ----------------------------------------------------------------------------------


@given(ways=st.integers(1, 4), shots=st.integers(1, 3), queries=st.integers(1, 3),
       seed=st.integers(0, 99))  # fmt: skip
def test_an_episode_is_a_small_task(ways, shots, queries, seed):
    y = np.repeat([7, 3, 5, 11, 2], [6, 6, 7, 8, 1])[rng(1).permutation(28)]
    x = np.arange(28)[:, None] * 10
    e = episode(x, y, ways=ways, shots=shots, queries=queries, rng=rng(seed))
    assert (e.x_support.shape, e.x_query.shape) == ((ways * shots, 1), (ways * queries, 1))
    drawn = np.concatenate([e.x_support, e.x_query]).ravel() // 10
    assert len(set(drawn)) == len(drawn)
    assert 2 not in e.classes
    for part, labels in ((e.x_support, e.y_support), (e.x_query, e.y_query)):
        np.testing.assert_array_equal(y[part.ravel() // 10], e.classes[labels])
    np.testing.assert_array_equal(np.bincount(e.y_support), ways * [shots])


def test_episodes_that_cannot_be_drawn():
    x, y = np.zeros((6, 2)), np.array([0, 0, 0, 1, 1, 2])
    with pytest.raises(ValueError, match="at least 2 classes with 3 samples, got 1"):
        episode(x, y, ways=2, shots=2, queries=1, rng=rng())
    with pytest.raises(ValueError, match="ways, shots and queries >= 1, got 1, 0 and 2"):
        episode(x, y, ways=1, shots=0, queries=2, rng=rng())
    with pytest.raises(ValueError, match=r"expected labels \(5,\), got int64 of shape \(6,\)"):
        episode(x[:5], y, ways=1, shots=1, queries=1, rng=rng())


# ---- prototypes --------------------------------------------------------------------------------


def test_prototypes_by_hand():
    z = np.array([[0, 0], [2, 0], [10, 10], [0, 4]], float)
    labels, means = prototypes(z, np.array([5, 5, 9, 5]))
    np.testing.assert_array_equal(labels, [5, 9])
    np.testing.assert_allclose(means, [[2 / 3, 4 / 3], [10, 10]])
    new = np.array([[9, 9], [0, 1]], float)
    np.testing.assert_allclose(prototype_scores(new, means)[0], [-(25**2 + 23**2) / 9, -2])
    np.testing.assert_array_equal(nearest_prototype(new, labels, means), [9, 5])


@settings(max_examples=30)
@given(n=st.integers(1, 8), k=st.integers(1, 4), d=st.integers(1, 4))
def test_prototypes_of_any_shape(n, k, d):
    z = rng().normal(size=(n * k, d)).astype(np.float32)
    labels, means = prototypes(z, np.arange(n * k) % k)
    assert (labels.shape, means.shape, means.dtype) == ((k,), (k, d), np.float32)
    np.testing.assert_allclose(means, z.reshape(n, k, d).mean(axis=0), atol=1e-6)
    assert set(nearest_prototype(means, labels, means)) == set(range(k))


def test_prototypes_that_cannot_be():
    for z, y in (
        (np.zeros((3, 2)), np.zeros(2, int)),
        (np.zeros((3, 2)), np.zeros(3)),
        (np.zeros(3), np.zeros(3, int)),
    ):
        with pytest.raises(ValueError, match="expected labels"):
            prototypes(z, y)
    for z, means in ((np.zeros((3, 2)), np.zeros((2, 3))), (np.zeros(3), np.zeros((2, 3)))):
        with pytest.raises(ValueError, match=r"expected z \(N, d\) and means \(K, d\), got \(3"):
            prototype_scores(z, means)


# ---- the probe ---------------------------------------------------------------------------------


def clouds(n=60, seed=0):
    y = np.arange(n) % 3
    z = rng(seed).normal(size=(n, 4)) + 2 * np.eye(3, 4)[y]
    return z, y


def test_the_probe_is_scikit_learns_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    z, y = clouds()
    z[:, 3] = 100 + 1000 * z[:, 3]  # its scale does not matter
    model = linear_probe(z, y, l2=0.01, tolerance=1e-9)
    unit = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-3)
    theirs = LogisticRegression(C=1 / (2 * 0.01 * len(z)), tol=1e-10, max_iter=5000).fit(unit, y)
    scores = model.predict(z)
    np.testing.assert_allclose(
        scores - scores.mean(axis=1, keepdims=True), theirs.decision_function(unit), atol=1e-5
    )
    assert (scores.argmax(axis=1) == y).mean() > 0.75
    assert list(model.params) == ["1.kernel", "1.bias"]


def test_the_probe_ends_with_what_lbfgs_found():
    """At the minimum nothing pulls: the gradient of the loss is below the tolerance."""
    from twice.scratch.losses import SparseCategoricalCrossentropy

    z, y = clouds()
    model, loss = linear_probe(z, y, tolerance=1e-7), SparseCategoricalCrossentropy(True)
    loss.forward(y, model.forward(z))
    model.backward(loss.backward(), input_gradient=False)
    assert max(np.abs(g).max() for g in model.grads.values()) <= 1e-7
    np.testing.assert_array_equal(linear_probe(z, y, tolerance=1e-7).predict(z), model.predict(z))


def test_classes_that_are_not_there_and_a_feature_that_says_nothing():
    z, y = clouds()
    z = np.concatenate([z, np.full((len(z), 1), 3.0)], axis=1)
    model = linear_probe(z.astype(np.float32), y, classes=5)
    scores = model.predict(z)
    assert scores.shape == (60, 5)
    assert set(scores.argmax(axis=1)) == {0, 1, 2}
    assert not model.params["1.kernel"][4].any()


def test_probes_that_cannot_be():
    z, y = clouds()
    for l2 in (0, -1, np.nan):
        with pytest.raises(ValueError, match=f"expected l2 > 0, got {l2}"):
            linear_probe(z, y, l2=l2)
    with pytest.raises(ValueError, match=r"expected labels \(60,\), got int64 of shape \(59,\)"):
        linear_probe(z, y[:59])
    with pytest.raises(ValueError, match="expected labels 0 to 1, got"):
        linear_probe(z, y, classes=2)
    with pytest.raises(RuntimeError, match="did not converge: the limit of 1 steps"):
        linear_probe(z, y, steps=1)
