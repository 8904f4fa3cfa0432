"""Boltzmann machines: sums over all states, chains, contrastive divergence, stacks."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twice.data import digits
from twice.scratch.adaptive import Adam
from twice.scratch.autoencoders import Autoencoder
from twice.scratch.backpropagation import Dense
from twice.scratch.boltzmann import RBM, DeepBelief, states
from twice.scratch.gradient_descent import SGD
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.perceptron import MeanSquaredError, sigmoid
from twice.scratch.training import Callback, NotFinite

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 4)


def rbm(seed=0, n_visible=3, n_hidden=2, scale=1.0):
    """In float64, with all parameters drawn."""
    net = RBM(n_visible, n_hidden, rng=np.random.default_rng(seed), dtype=np.float64)
    for p in net.params.values():
        p[...] = scale * net.rng.normal(size=p.shape)
    return net


def binary(seed, n, features):
    return (np.random.default_rng([seed, 1]).random((n, features)) < 0.5).astype(np.float64)


def all_pairs(net):
    """Every (v, h) with its energy, by loops over the sum as it is written."""
    w, b, c = net.params.values()
    for v in itertools.product([0, 1], repeat=len(b)):
        for h in itertools.product([0, 1], repeat=len(c)):
            e = -sum(b[i] * v[i] for i in range(len(b))) - sum(c[j] * h[j] for j in range(len(c)))
            e -= sum(v[i] * w[i, j] * h[j] for i in range(len(b)) for j in range(len(c)))
            yield v, h, e


def bars():
    """The 14 pictures of 3 x 3 whose rows or whose columns are all ink or all paper."""
    lines = np.array(list(itertools.product([0.0, 1], repeat=3)))
    rows = np.repeat(lines[:, :, None], 3, axis=2).reshape(8, 9)
    columns = np.repeat(lines[:, None, :], 3, axis=1).reshape(8, 9)
    return np.unique(np.vstack([rows, columns]), axis=0)


# ---- by hand and by all states -----------------------------------------------------------------


def test_one_unit_each_by_hand():
    net = rbm(0, 1, 1)
    for name, value in {"kernel": 2.0, "visible_bias": -1.0, "hidden_bias": 0.5}.items():
        net.params[name][...] = value
    # E(1, 1) = 1 - 0.5 - 2 = -1.5; Z = 1 + e^-1 + e^0.5 + e^1.5.
    np.testing.assert_allclose(net.energy([[1], [1], [0]], [[1], [0], [1]]), [-1.5, 1, -0.5])
    z = 1 + np.exp(-1) + np.exp(0.5) + np.exp(1.5)
    assert net.log_partition() == pytest.approx(np.log(z))
    p_1 = (np.exp(-1) + np.exp(1.5)) / z
    np.testing.assert_allclose(np.exp(net.log_likelihood([[1], [0]])), [p_1, 1 - p_1])
    assert net.hidden([[1]]) == pytest.approx(sigmoid(2.5))
    assert net.visible(np.array([[1.0]])) == pytest.approx(sigmoid(1.0))
    # The data says 1: the slope of -ln p in b is <v> - 1.
    assert net.exact_gradient([[1.0]])["visible_bias"] == pytest.approx(p_1 - 1)


def test_states_are_all_states():
    assert states(2).tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert {tuple(row) for row in states(5)} == set(itertools.product([0, 1], repeat=5))


@settings(max_examples=25, deadline=None)
@given(seeds, sizes, sizes)
def test_sums_over_all_states(seed, n_visible, n_hidden):
    net = rbm(seed, n_visible, n_hidden)
    pairs = list(all_pairs(net))
    z = sum(np.exp(-e) for _, _, e in pairs)
    assert net.log_partition() == pytest.approx(np.log(z))
    v, h = (np.array([pair[k] for pair in pairs], float) for k in (0, 1))
    np.testing.assert_allclose(net.energy(v, h), [e for _, _, e in pairs], atol=1e-12)
    for row in states(n_visible):
        here = [(h, np.exp(-e)) for v, h, e in pairs if v == tuple(row)]
        total = sum(weight for _, weight in here)
        assert net.free_energy([row])[0] == pytest.approx(-np.log(total), abs=1e-9)
        assert net.log_likelihood([row])[0] == pytest.approx(np.log(total / z))
        on = sum(weight * np.array(h) for h, weight in here) / total
        np.testing.assert_allclose(net.hidden([row])[0], on)
    for row in states(n_hidden):
        here = [(v, np.exp(-e)) for v, h, e in pairs if h == tuple(row)]
        on = sum(weight * np.array(v) for v, weight in here) / sum(weight for _, weight in here)
        np.testing.assert_allclose(net.visible(row[None])[0], on)
    assert np.exp(net.log_likelihood(states(n_visible))).sum() == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(seeds, sizes, sizes, st.integers(1, 6))
def test_the_exact_gradient_is_that_of_central_differences(seed, n_visible, n_hidden, samples):
    net, x, e = rbm(seed, n_visible, n_hidden), binary(seed, samples, n_visible), 1e-5
    found = net.exact_gradient(x)
    assert found.keys() == net.params.keys()
    for name, p in net.params.items():
        slope = np.zeros_like(p)
        for i in np.ndindex(p.shape):
            before = p[i]
            p[i] = before + e
            above = -net.log_likelihood(x).mean()
            p[i] = before - e
            slope[i] = (above + net.log_likelihood(x).mean()) / (2 * e)
            p[i] = before
        np.testing.assert_allclose(found[name], slope, atol=1e-8)


# ---- chains ------------------------------------------------------------------------------------


def round_of(net):
    """The probabilities of v' after one round from v, for all 2^n states of v: (v, v')."""
    v, h = (states(n) for n in net.params["kernel"].shape)
    to_h = np.array([np.where(h == 1, p, 1 - p).prod(axis=1) for p in net.hidden(v)])
    to_v = np.array([np.where(v == 1, p, 1 - p).prod(axis=1) for p in net.visible(h)])
    return to_h @ to_v


def expected_cd(net, x, k):
    """The mean of CD-k over all draws, from the rounds' probabilities."""
    v = states(x.shape[1])
    at = np.array([(v == row).all(axis=1) for row in x]).mean(axis=0)
    p = at @ np.linalg.matrix_power(round_of(net), k)
    h = net.hidden(v)
    model = {"kernel": (p[:, None] * v).T @ h, "visible_bias": p @ v, "hidden_bias": p @ h}
    data = net.statistics(x)
    return {name: model[name] - data[name] for name in model}


def flat(arrays):
    return np.concatenate([a.ravel() for a in arrays.values()])


def test_a_round_leaves_the_model_s_distribution_as_it_is():
    net = rbm(1, 4, 3)
    p = np.exp(net.log_likelihood(states(4)))
    np.testing.assert_allclose(p @ round_of(net), p, atol=1e-14)
    rng = np.random.default_rng(0)
    start = states(4)[rng.choice(16, 60_000, p=p)]
    end = net.gibbs(start, 3)
    assert (end != start).any(axis=1).mean() > 0.3
    found = np.bincount((end @ 2 ** np.arange(4)).astype(int), minlength=16) / len(end)
    np.testing.assert_allclose(found, p, atol=0.01)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_contrastive_divergence_draws_what_it_should(k):
    net, x = rbm(2, 3, 2, scale=1.5), binary(2, 5, 3)
    found = net.cd(np.tile(x, (20_000, 1)), k)
    np.testing.assert_allclose(flat(found), flat(expected_cd(net, x, k)), atol=0.01)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_contrastive_divergence_comes_to_the_exact_gradient(seed):
    net, x = rbm(seed, 4, 3), binary(seed, 3, 4)
    exact = flat(net.exact_gradient(x))
    gaps = [np.abs(flat(expected_cd(net, x, k)) - exact).max() for k in (1, 5, 25, 2000)]
    assert gaps[3] < 1e-6
    assert gaps[2] <= gaps[0]
    assert gaps[2] < 0.3


def test_cd_1_is_not_the_exact_gradient():
    gaps = []
    for seed in range(10):
        net, x = rbm(seed, 4, 3, scale=2.0), binary(seed, 3, 4)
        exact = flat(net.exact_gradient(x))
        gaps.append(np.abs(flat(expected_cd(net, x, 1)) - exact).max())
    assert np.median(gaps) > 0.02


def test_a_chain_that_goes_on_starts_where_it_was():
    net, x = rbm(3), binary(3, 6, 3)
    net.cd(x)
    chain = net.chain
    net.gibbs = lambda v, steps: seen.append((v, steps)) or v
    seen = []
    net.cd(x, 4, start=chain)
    net.cd(x, 2)
    assert [(v is chain, steps) for v, steps in seen] == [(True, 4), (False, 2)]
    seen.clear()
    net.fit(x, optimizer=SGD(0.1), batch_size=3, epochs=2, persistent=True, k=7, verbose=False)
    assert {steps for _, steps in seen} == {7}
    np.testing.assert_array_equal(seen[0][0], x[:3])  # the first batch, and never again the data
    assert all(np.array_equal(v, x[:3]) for v, _ in seen[1:])
    seen.clear()
    net.fit(x, optimizer=SGD(0.1), batch_size=3, verbose=False)
    np.testing.assert_array_equal([v for v, _ in seen], [x[:3], x[3:]])


# ---- training ----------------------------------------------------------------------------------


@pytest.mark.parametrize("persistent", [False, True])
def test_training_raises_the_exact_likelihood(persistent):
    x = bars()
    assert len(x) == 14
    for seed in range(3):
        net = RBM(9, 12, rng=np.random.default_rng(seed))
        before = net.log_likelihood(x).mean()
        assert before == pytest.approx(-9 * np.log(2), abs=0.1)
        history = net.fit(
            np.tile(x, (5, 1)), optimizer=Adam(0.01), epochs=300, batch_size=14, k=1,
            persistent=persistent, rng=np.random.default_rng(seed), verbose=False,
        )  # fmt: skip
        assert net.log_likelihood(x).mean() > -4.6  # from -6.24; -ln 14 = -2.64 is the best
        assert history.history["loss"][-1] < history.history["loss"][0] / 2
        assert history.iterations == 1500
        assert net.params["kernel"].dtype == np.float32


def test_fit_is_the_loop_of_every_chapter():
    seen, x = [], bars()

    class Look(Callback):
        def on_epoch_end(self, model, epoch, logs):
            seen.append(sorted(logs))
            model.stop_training = True

    net = RBM(9, 4, rng=np.random.default_rng(0))
    run = {"optimizer": SGD(0.1), "verbose": False}
    net.fit(x, validation_data=(x, x), callbacks=[Look()], epochs=5, **run)
    assert seen == [["loss", "val_loss"]]
    twin = RBM(9, 4, rng=np.random.default_rng(1))
    twin.set_weights(net.get_weights())
    np.testing.assert_array_equal(twin.predict(x), net.predict(x))
    np.testing.assert_allclose(net.predict(x), net.visible(net.hidden(x)))
    net.params["kernel"][0, 0] = np.inf
    with pytest.raises(NotFinite):
        net.fit(x, **run)


def test_a_step_goes_down_the_cd_gradient():
    net, x = rbm(4), binary(4, 8, 3)
    twin = rbm(4)
    grads = twin.cd(x, 3)
    net.fit(x, optimizer=SGD(0.5), batch_size=8, k=3, verbose=False)
    for name, p in net.params.items():
        np.testing.assert_allclose(p, twin.params[name] - 0.5 * grads[name])
        assert np.abs(grads[name]).max() > 0


# ---- stacks ------------------------------------------------------------------------------------


def stack(seed=0, sizes=(64, 30, 12), **run):
    net = DeepBelief(sizes, rng=np.random.default_rng(seed))
    (x, y), _ = digits()
    x = x.reshape(len(x), -1)[:600]
    histories = net.pretrain(
        x, make_optimizer=lambda: Adam(0.01), epochs=5, rng=np.random.default_rng(seed),
        verbose=False, **run,
    )  # fmt: skip
    return net, x, y[:600], histories


def test_the_stack_is_trained_from_below():
    net, x, _, histories = stack()
    assert [len(h.history["loss"]) for h in histories] == [5, 5]
    for h in histories:
        assert h.history["loss"][-1] < 0.8 * h.history["loss"][0]
    below = net.rbms[0].hidden(x)
    np.testing.assert_allclose(net.transform(x), net.rbms[1].hidden(below))
    alone = RBM(64, 30, rng=np.random.default_rng(0))
    RBM(30, 12, rng=alone.rng)  # drawn before training, as in the stack
    alone.fit(x, optimizer=Adam(0.01), epochs=5, rng=np.random.default_rng(0), verbose=False)
    np.testing.assert_array_equal(alone.params["kernel"], net.rbms[0].params["kernel"])


def test_the_model_begins_where_the_stack_ends_and_leaves_it_alone():
    net, x, y, _ = stack()
    model = net.to_model()
    np.testing.assert_array_equal(model.forward(x), net.transform(x))
    np.testing.assert_array_equal(
        model.layers[1].forward(model.layers[0].forward(x)), net.rbms[0].hidden(x)
    )
    before = [rbm.params["kernel"].copy() for rbm in net.rbms]
    tuned = net.to_model([Dense(12, 10, rng=np.random.default_rng(1))])
    assert len(tuned.layers) == 5
    loss = SparseCategoricalCrossentropy(from_logits=True)
    history = tuned.fit(x, y, loss=loss, optimizer=Adam(0.01), epochs=15, verbose=False)
    assert history.history["loss"][-1] < history.history["loss"][0] / 2
    for rbm_, kernel in zip(net.rbms, before, strict=True):
        np.testing.assert_array_equal(rbm_.params["kernel"], kernel)
    assert np.abs(tuned.params["0.kernel"] - before[0]).max() > 1e-3


def test_the_unrolled_stack_goes_down_the_same_weights():
    net, x, _, _ = stack()
    auto = net.to_autoencoder()
    assert isinstance(auto, Autoencoder)
    np.testing.assert_array_equal(auto.encode(x), net.transform(x))
    down = net.rbms[0].visible(net.rbms[1].visible(net.transform(x)))
    np.testing.assert_allclose(auto.reconstruct(x), down, atol=1e-6)
    start = MeanSquaredError().forward(x, auto.reconstruct(x))
    auto.fit(x, loss=MeanSquaredError(), optimizer=Adam(0.01), epochs=20, verbose=False)
    assert MeanSquaredError().forward(x, auto.reconstruct(x)) < 0.9 * start


def test_samples_of_a_stack_are_probabilities_and_of_one_machine_its_own():
    net, _, _, _ = stack()
    drawn = net.sample(7, steps=5)
    assert drawn.shape == (7, 64)
    assert 0 <= drawn.min() < drawn.max() <= 1
    one = DeepBelief([4, 3], rng=np.random.default_rng(0), dtype=np.float64)
    one.rbms = [rbm(5, 4, 3)]
    p = np.exp(one.rbms[0].log_likelihood(states(4)))
    mean = one.sample(40_000, steps=60).mean(axis=0)
    np.testing.assert_allclose(mean, p @ states(4), atol=0.01)


# ---- bad input ---------------------------------------------------------------------------------

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RBM(0, 2, rng=RNG), "sizes >= 1, got 0 and 2"),
        (lambda: rbm().hidden(np.ones((2, 4))), r"expected v \(N, 3\), got \(2, 4\)"),
        (lambda: rbm().cd(np.ones(3)), r"expected v \(N, 3\), got \(3,\)"),
        (lambda: rbm().cd(np.ones((2, 3)), 0), "expected k >= 1, got 0"),
        (lambda: RBM(30, 21, rng=RNG).log_partition(), "1 to 20 units .* got 21"),
        (lambda: rbm().fit(np.full((2, 3), 9), optimizer=SGD(0.1)), r"got 9 \.\.\. 9, 1"),
        (lambda: rbm().fit(np.ones((2, 3)), optimizer=SGD(0.1), k=0), r"got 1 \.\.\. 1, 0"),
        (lambda: DeepBelief([3], rng=RNG), r"at least two sizes, got \[3\]"),
    ],
)
def test_bad_input_says_what_was_expected_and_what_came(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_larger_layer_may_have_any_size():
    net = RBM(200, 5, rng=np.random.default_rng(0))
    v = binary(0, 3, 200)
    assert net.log_likelihood(v) == pytest.approx(-200 * np.log(2), abs=1)
    assert np.isfinite(flat(net.exact_gradient(v))).all()
