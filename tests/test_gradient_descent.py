"""Gradient descent and its surfaces: derivatives, thresholds, verdicts, batches, training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twice.scratch import gradient_descent as gd
from twice.scratch.perceptron import Adaline, MeanSquaredError
from twice.scratch.surfaces import CURVES, SURFACES

seeds = st.integers(0, 2**32 - 1)
near = st.floats(-3, 3)


# ---- derivatives -------------------------------------------------------------------------------


def test_numerical_derivative_of_a_cube():
    assert gd.numerical_derivative(lambda x: x**3, 2.0) == pytest.approx(12, abs=1e-8)


@given(seeds)
def test_numerical_gradient_of_a_quadratic_form(seed):
    rng = np.random.default_rng(seed)
    a, x = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    gradient = gd.numerical_gradient(lambda w: float((a * w * w).sum()), x.astype(np.float32))
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 2 * a * x.astype(np.float32), atol=1e-8)


def test_numerical_gradient_leaves_its_argument_alone():
    x = np.ones(3)
    gd.numerical_gradient(lambda w: float(w.sum()), x)
    assert (x == 1).all()


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda s: s.name)
@given(near, near)
def test_surface_derivatives_match_central_differences(surface, x, y):
    p = np.array([x, y])
    slope = gd.numerical_gradient(lambda q: float(surface.value(q)), p)
    np.testing.assert_allclose(surface.gradient(p), slope, atol=1e-6, rtol=1e-6)
    rows = [gd.numerical_gradient(lambda q, i=i: float(surface.gradient(q)[i]), p) for i in (0, 1)]
    np.testing.assert_allclose(surface.hessian(p), rows, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("curve", CURVES.values(), ids=lambda c: c.name)
@given(near)
def test_curve_derivatives_match_central_differences(curve, w):
    # The cliff's third derivative is in the ten thousands: there the differences need a finer e.
    epsilon = 1e-6 if curve.name == "cliff" else 1e-5
    slope = gd.numerical_derivative(curve.value, w, epsilon)
    assert float(curve.gradient(w)) == pytest.approx(slope, abs=1e-6, rel=1e-6)
    bend = gd.numerical_derivative(curve.gradient, w, epsilon)
    assert float(curve.hessian(w)) == pytest.approx(bend, abs=1e-5, rel=1e-6)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=lambda s: s.name)
def test_surfaces_are_vectorized_and_bounded_below_by_zero(surface):
    (x0, x1), (y0, y1) = surface.limits
    p = np.stack(np.meshgrid(np.linspace(x0, x1, 61), np.linspace(y0, y1, 41)), axis=-1)
    assert surface.value(p).shape == (41, 61)
    assert surface.gradient(p).shape == (41, 61, 2)
    assert surface.hessian(p).shape == (41, 61, 2, 2)
    assert surface.value(p).min() >= -1e-12
    np.testing.assert_allclose(surface.value(p)[7, 9], surface.value(p[7, 9]))
    assert x0 < surface.start[0] < x1
    assert y0 < surface.start[1] < y1


@pytest.mark.parametrize("loss", [*SURFACES.values(), *CURVES.values()], ids=lambda s: s.title)
def test_minima_are_flat_bowls_and_the_first_is_the_deepest(loss):
    depths = [float(loss.value(m)) for m in loss.minima]
    assert depths[0] == pytest.approx(0, abs=1e-12)
    assert depths == sorted(depths)
    for m in loss.minima:
        np.testing.assert_allclose(loss.gradient(m), 0, atol=1e-12)
        assert (np.linalg.eigvalsh(np.atleast_2d(loss.hessian(m))) > 0).all()


def test_the_ravine_has_condition_number_25_and_the_saddle_curves_both_ways():
    eigenvalues = np.linalg.eigvalsh(SURFACES["ravine"].hessian((0.3, -0.2)))
    assert eigenvalues[1] / eigenvalues[0] == pytest.approx(25)
    np.testing.assert_allclose(np.diag(SURFACES["saddle"].hessian((0, 0))), [2, -2])


def test_surfaces_say_what_shape_they_expect():
    with pytest.raises(ValueError, match=r"expected points of shape \(..., 2\), got shape \(3,\)"):
        SURFACES["bowl"].value([1.0, 2.0, 3.0])


def test_surfaces_overflow_without_a_warning():
    assert SURFACES["ravine"].value([1e200, 1.0]) == np.inf
    assert CURVES["cliff"].gradient(-1e308) == -5e307


# ---- descent -----------------------------------------------------------------------------------


def test_the_one_weight_network_by_hand():
    # Input 2, goal 0.8, weight 0.5: the output is 1.0, the error 0.04, the slope 4 * 0.2 = 0.8.
    path = gd.descend(CURVES["parabola"].gradient, 0.5, learning_rate=0.1, steps=2)
    np.testing.assert_allclose(path, [0.5, 0.42, 0.404], atol=1e-15)


def test_descend_with_momentum_and_noise_by_hand():
    # f = w^2 / 2. Step 1: g = 1 + 0.5, v = -0.15, w = 0.85.
    # Step 2: g = 0.85 - 1, v = 0.9 * -0.15 + 0.015 = -0.12, w = 0.73.
    path = gd.descend(
        lambda w: w, 1.0, learning_rate=0.1, steps=2, momentum=0.9, noise=np.array([0.5, -1.0])
    )
    np.testing.assert_allclose(path, [1, 0.85, 0.73], atol=1e-15)


def test_descend_keeps_any_shape_and_copies_the_start():
    start = np.ones((2, 3))
    path = gd.descend(lambda w: w, start, learning_rate=0.5, steps=4)
    assert path.shape == (5, 2, 3)
    assert (start == 1).all()
    np.testing.assert_allclose(path[4], 0.5**4)


def test_descend_overflows_silently():
    path = gd.descend(SURFACES["saddle"].gradient, (-2.5, 1.0), learning_rate=5.0, steps=60)
    assert np.isfinite(path[2]).all()
    assert not np.isfinite(path[-1]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0.0}, "expected learning_rate > 0"),
        ({"learning_rate": float("nan")}, "expected learning_rate > 0"),
        ({"steps": -1}, "steps >= 0"),
        ({"momentum": 1.0}, "0 <= momentum < 1"),
        ({"noise": np.zeros((3, 2))}, r"expected noise \(4, 2\), got \(3, 2\)"),
    ],
)
def test_descend_says_what_it_expected(change, message):
    settings = {"learning_rate": 0.1, "steps": 4} | change
    with pytest.raises(ValueError, match=message):
        gd.descend(SURFACES["bowl"].gradient, (1.0, 1.0), **settings)


# ---- the threshold -----------------------------------------------------------------------------


@st.composite
def bowls(draw):
    """A random quadratic with eigenvalues 1 to 30, and a start along all of its directions."""
    rng = np.random.default_rng(draw(seeds))
    n = draw(st.integers(1, 4))
    rotation, _ = np.linalg.qr(rng.normal(size=(n, n)))
    eigenvalues = rng.uniform(1, 30, size=n)
    return rotation * eigenvalues @ rotation.T, rotation @ np.ones(n)


@given(bowls(), st.sampled_from([0.0, 0.5, 0.9]))
def test_below_the_threshold_it_converges_above_it_diverges(bowl, momentum):
    hessian, start = bowl
    rate = gd.largest_stable_learning_rate(hessian, momentum)
    assert rate == pytest.approx(2 * (1 + momentum) / np.linalg.eigvalsh(hessian)[-1])
    words = []
    for factor in (0.99, 1.01):
        path = gd.descend(
            lambda w: hessian @ w, start, learning_rate=factor * rate, steps=1000, momentum=momentum
        )
        words.append(gd.verdict(0.5 * np.einsum("ki,ij,kj->k", path, hessian, path)).word)
    assert words == ["converging", "diverging"]


def test_the_threshold_takes_a_single_curvature():
    assert gd.largest_stable_learning_rate(8.0) == 0.25
    assert gd.largest_stable_learning_rate(np.diag([25.0, 1.0]), momentum=0.5) == 0.12


@pytest.mark.parametrize(
    ("hessian", "message"),
    [
        (np.diag([2.0, -2.0]), "expected a bowl"),
        (np.zeros((2, 2)), "expected a bowl"),
        ([[1.0, 2.0], [0.0, 1.0]], "expected a symmetric"),
        (np.ones((2, 3)), r"expected a symmetric \(n, n\) Hessian, got shape \(2, 3\)"),
    ],
)
def test_the_threshold_needs_a_bowl(hessian, message):
    with pytest.raises(ValueError, match=message):
        gd.largest_stable_learning_rate(hessian)


# ---- verdicts ----------------------------------------------------------------------------------


def _word(loss, **settings):
    settings = {"start": loss.start, "steps": 60} | settings
    return gd.verdict(loss.value(gd.descend(loss.gradient, **settings))).word


@pytest.mark.parametrize(
    ("loss", "settings", "word"),
    [
        (SURFACES["bowl"], {"learning_rate": 0.1}, "converging"),
        (SURFACES["bowl"], {"learning_rate": 1e-5}, "stuck"),
        (SURFACES["bowl"], {"learning_rate": 2.5}, "diverging"),
        (SURFACES["bowl"], {"learning_rate": 5.0, "steps": 600}, "diverging"),
        (SURFACES["ravine"], {"learning_rate": 0.078}, "converging"),
        (SURFACES["ravine"], {"learning_rate": 0.082}, "diverging"),
        (SURFACES["saddle"], {"learning_rate": 0.1}, "converging"),
        (SURFACES["saddle"], {"learning_rate": 0.1, "start": (-2.5, 0.0)}, "stuck"),
        (SURFACES["two_valleys"], {"learning_rate": 0.1}, "stuck"),
        (SURFACES["two_valleys"], {"learning_rate": 0.1, "start": (-2.5, 1.0)}, "converging"),
        (CURVES["plateau"], {"learning_rate": 0.1}, "stuck"),
        (CURVES["double_well"], {"learning_rate": 0.55, "start": -2.5}, "oscillating"),
        (CURVES["cliff"], {"learning_rate": 0.3, "steps": 100}, "converging"),
        (CURVES["cliff"], {"learning_rate": 4.5, "steps": 100}, "diverging"),
    ],
)
def test_verdicts_on_the_surfaces(loss, settings, word):
    assert _word(loss, **settings) == word


def test_noise_without_end_is_oscillation():
    noise = np.random.default_rng(1).normal(size=(400, 2))
    bowl = SURFACES["bowl"]
    path = gd.descend(bowl.gradient, bowl.start, learning_rate=0.5, steps=400, noise=noise)
    assert gd.verdict(bowl.value(path)).word == "oscillating"


def test_a_run_that_begins_at_the_bottom_has_converged():
    assert gd.verdict(np.zeros(20)).word == "converging"


def test_verdicts_give_the_numbers():
    assert gd.verdict([4, 2, 1, 0.5, 0.25]).reason == "the loss falls: 0.25 after 4 steps, from 4"
    huge = gd.verdict([1.0, 1e200, np.inf, np.nan, np.nan])
    assert huge == ("diverging", "after step 1 the loss is too large for a float64")
    assert gd.verdict([5.0, 4.0, 3.5, 3.2, 3.1, 3.05], lowest=3.0).word == "converging"


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], np.ones((4, 4)), [np.nan, 1, 1, 1]])
def test_verdict_says_what_it_expected(values):
    with pytest.raises(ValueError, match="expected 4 or more losses"):
        gd.verdict(values)


# ---- batches, SGD, fit -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "batch_size", "count", "last"), [(1000, 500, 2, 500), (1050, 100, 11, 50), (3, 10, 1, 3)]
)
def test_batch_counts(n, batch_size, count, last):
    sizes = [len(i) for i in gd.batches(n, batch_size)]
    assert len(sizes) == count
    assert sizes[-1] == last
    assert set(sizes[:-1]) <= {batch_size}


@given(st.integers(1, 200), st.integers(1, 60), st.one_of(st.none(), seeds))
def test_batches_hold_every_index_once(n, batch_size, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    order = np.concatenate(list(gd.batches(n, batch_size, rng=rng)))
    assert sorted(order) == list(range(n))
    if rng is None:
        assert (order == np.arange(n)).all()


def test_batches_are_shuffled_anew_each_epoch_and_repeat_with_the_seed():
    def two_epochs(seed):
        rng = np.random.default_rng(seed)
        return [np.concatenate(list(gd.batches(100, 10, rng=rng))).tolist() for _ in range(2)]

    first, second = two_epochs(0)
    assert first != second
    assert two_epochs(0) == [first, second]
    assert two_epochs(1)[0] != first


@pytest.mark.parametrize(("n", "batch_size"), [(0, 5), (5, 0), (5, -1)])
def test_batches_say_what_they_expected_at_once(n, batch_size):
    with pytest.raises(ValueError, match="expected n, batch_size >= 1"):
        gd.batches(n, batch_size)


def test_sgd_by_hand_in_place_and_in_float32():
    kernel = np.array([[1.0], [2.0]], dtype=np.float32)
    params = {"kernel": kernel, "bias": np.array([0.5])}
    gd.SGD(0.1).step(params, {"kernel": np.array([[10.0], [-5.0]]), "bias": np.array([1.0])})
    np.testing.assert_allclose(kernel, [[0.0], [2.5]], atol=1e-7)
    np.testing.assert_allclose(params["bias"], [0.4])
    assert params["kernel"] is kernel
    assert kernel.dtype == np.float32


def test_sgd_says_what_it_expected():
    with pytest.raises(ValueError, match="expected learning_rate > 0, got -1"):
        gd.SGD(-1)
    with pytest.raises(ValueError, match=r"expected a gradient of shape \(2,\) for 'w'"):
        gd.SGD().step({"w": np.zeros(2)}, {"w": np.zeros((2, 1))})
    with pytest.raises(ValueError, match=r"grads for \[\], params for"):
        gd.SGD().step({"w": np.zeros(2)}, {})


@given(seeds)
def test_least_squares_against_numpy(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(30, 3)) + 5, rng.normal(size=(30, 1))
    kernel, bias = gd.least_squares(x, y)
    expected, *_ = np.linalg.lstsq(np.hstack([x, np.ones((30, 1))]), y)
    np.testing.assert_allclose(np.vstack([kernel, bias]), expected, atol=1e-9)


def test_least_squares_says_what_it_expected():
    with pytest.raises(ValueError, match=r"expected x \(N, n_in\) and y \(N, 1\)"):
        gd.least_squares(np.ones((5, 2)), np.ones(5))
    with pytest.raises(ValueError, match="expected independent columns"):
        gd.least_squares(np.arange(10.0).reshape(5, 2), np.ones((5, 1)))


def _line(seed=0, n=200):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return x, x @ [[2.0], [-1.0]] + 0.5 + 0.1 * rng.normal(size=(n, 1))


@pytest.mark.parametrize("batch_size", [200, 50])
def test_fit_reaches_the_closed_form(batch_size):
    x, y = _line()
    model = Adaline(2, rng=np.random.default_rng(1), dtype=np.float64)
    history = gd.fit(
        model,
        MeanSquaredError(),
        gd.SGD(0.1 if batch_size == 200 else 0.005),
        x,
        y,
        batch_size=batch_size,
        epochs=400,
        rng=np.random.default_rng(2),
    )
    kernel, bias = gd.least_squares(x, y)
    # One whole batch lands on the solution; small batches keep trembling around it.
    tolerance = 1e-10 if batch_size == 200 else 0.005
    np.testing.assert_allclose(model.params["kernel"], kernel, atol=tolerance)
    np.testing.assert_allclose(model.params["bias"], bias, atol=tolerance)
    assert history["iterations"] == 400 * 200 // batch_size
    assert len(history["loss"]) == 400
    assert history["loss"][-1] < 0.02 < history["loss"][0]


def test_the_loss_of_an_epoch_weights_every_example_alike():
    # A rate close to zero: the mean over batches of 3, 3 and 1 must be the mean over all 7.
    x, y = _line(n=7)
    model, loss = Adaline(2, rng=np.random.default_rng(1), dtype=np.float64), MeanSquaredError()
    expected = loss.forward(y, model.forward(x))
    history = gd.fit(model, loss, gd.SGD(1e-14), x, y, batch_size=3, epochs=1)
    assert history["iterations"] == 3
    assert history["loss"][0] == pytest.approx(expected, rel=1e-9)


def test_fit_says_what_it_expected():
    with pytest.raises(ValueError, match="expected as many x as y, not none: 3 and 2"):
        gd.fit(None, None, None, np.ones((3, 1)), np.ones((2, 1)), batch_size=1, epochs=1)
