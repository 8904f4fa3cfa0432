"""Newton, conjugate gradients, BFGS, L-BFGS: exact where they should be, and beside SciPy's."""

from functools import partial

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.directions import follow
from twice.scratch.gradient_descent import numerical_gradient
from twice.scratch.line_search import Step, Stuck, backtracking, full_step, strong_wolfe
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.quasi_newton import bfgs, bfgs_update, lbfgs, nonlinear_cg, two_loop
from twice.scratch.regularization import L1L2, Regularized
from twice.scratch.second_order import (
    conjugate_gradient,
    flatten,
    hessian_vector,
    newton,
    newton_cg,
    objective,
    saddle_free_newton,
    unflatten,
)
from twice.scratch.surfaces import SURFACES

seeds = st.integers(0, 2**32 - 1)
rosen, rosen_der, rosen_hess = (
    getattr(scipy.optimize, name) for name in ("rosen", "rosen_der", "rosen_hess")
)
ROSEN = rosen, rosen_der
START = {2: [-1.2, 1.0], 10: [-1.2, 1.0] * 5}


def random(seed=0):
    return np.random.default_rng(seed)


class Quadratic:
    """f = x^T A x / 2 - b^T x with curvatures between 1 and `condition`, and its exact search."""

    def __init__(self, n, *, seed=0, condition=20.0):
        rng = random(seed)
        axes = np.linalg.qr(rng.normal(size=(n, n)))[0]
        self.a = axes * np.linspace(1, condition, n) @ axes.T
        self.a = (self.a + self.a.T) / 2
        self.b, self.start = rng.normal(size=n), rng.normal(size=n)
        self.best = np.linalg.solve(self.a, self.b)

    def f(self, x):
        return 0.5 * x @ self.a @ x - self.b @ x

    def gradient(self, x):
        return self.a @ x - self.b

    def hessian(self, x):
        return self.a

    def exact(self, f, gradient, x, d, *, f_here, g_here):
        there = x - (g_here @ d) / (d @ self.a @ d) * d
        return Step(1.0, there, f(there), gradient(there))


class Logistic:
    """Logistic regression with a little L2, 3 weights and a bias, 60 samples that overlap."""

    def __init__(self, seed=0):
        rng = random(seed)
        self.x = np.column_stack([rng.normal(size=(60, 3)), np.ones(60)])
        self.y = (self.x @ [1, -2, 0.5, 0.3] + rng.normal(size=60) > 0).astype(float)

    def f(self, w):
        z = self.x @ w
        return (np.logaddexp(0, z) - self.y * z).mean() + 0.005 * w @ w

    def p(self, w):
        return 1 / (1 + np.exp(-self.x @ w))

    def gradient(self, w):
        return self.x.T @ (self.p(w) - self.y) / 60 + 0.01 * w

    def hessian(self, w):
        p = self.p(w)
        return self.x.T * (p * (1 - p)) @ self.x / 60 + 0.01 * np.eye(4)


METHODS = {
    "bfgs": (bfgs, "BFGS"),
    "lbfgs": (lbfgs, "L-BFGS-B"),
    "nonlinear_cg": (nonlinear_cg, "CG"),
    "newton_cg": (newton_cg, "Newton-CG"),
}


# ---- line searches -----------------------------------------------------------------------------


def bumpy(seed):
    """A random function of three weights with waves, bounded below, and a way down."""
    rng = random(seed)
    a, b, c = rng.uniform(0.01, 2, 3), rng.normal(size=3), rng.uniform(-4, 4, 3)
    scale = 10 ** rng.uniform(-2, 2)

    def f(x):
        return scale * (a * (x - b) ** 4 + (x - b) ** 2 + np.sin(c * x)).sum()

    def gradient(x):
        return scale * (4 * a * (x - b) ** 3 + 2 * (x - b) + c * np.cos(c * x))

    x = rng.normal(scale=2, size=3)
    d = -gradient(x) * rng.uniform(0.2, 2, 3) * 10 ** rng.uniform(-4, 1)
    return f, gradient, x, d


@settings(max_examples=150, deadline=None)
@given(seeds, st.sampled_from([(1e-4, 0.9), (1e-4, 0.1), (0.1, 0.4), (1e-6, 1e-4)]))
def test_strong_wolfe_keeps_both_conditions(seed, constants):
    (f, gradient, x, d), (c1, c2) = bumpy(seed), constants
    step = strong_wolfe(f, gradient, x, d, c1=c1, c2=c2)
    slope, rounding = gradient(x) @ d, 1e-13 * abs(f(x))
    there = x + step.rate * d
    assert step.rate > 0
    assert f(there) <= f(x) + c1 * step.rate * slope + rounding
    assert abs(gradient(there) @ d) <= -c2 * slope
    np.testing.assert_array_equal(step.x, there)
    np.testing.assert_array_equal(step.gradient, gradient(there))
    assert step.f == f(there)


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_backtracking_takes_the_first_rate_that_is_good(seed):
    f, gradient, x, d = bumpy(seed)
    step = backtracking(f, gradient, x, d, c1=0.01, shrink=0.25)
    slope, rate = gradient(x) @ d, 1.0
    while f(x + rate * d) > f(x) + 0.01 * rate * slope:
        rate *= 0.25
    assert step.rate == rate
    assert step.f == f(step.x)
    np.testing.assert_array_equal(step.gradient, gradient(x + rate * d))


def test_a_search_on_paper():
    """f = x^2 from 1 along -8: the rates 1 and 1/2 climb, 1/4 lands on -1 (no fall), 1/8 on 0."""
    f, gradient, x, d = lambda x: x @ x, lambda x: 2 * x, [1.0], [-8.0]
    step = backtracking(f, gradient, x, d)
    assert (step.rate, step.x, step.f) == (0.125, 0.0, 0.0)
    step = strong_wolfe(f, gradient, x, d, c2=0.1)
    assert step.rate == pytest.approx(0.125, abs=0.0125)
    assert abs(step.gradient[0]) <= 0.1 * 2


def test_a_search_goes_far_where_the_first_rate_is_short():
    f, gradient = lambda x: x @ x, lambda x: 2 * x
    step = strong_wolfe(f, gradient, [1.0], [-1e-4], c2=0.1)
    assert 0.9 <= step.rate * 1e-4 <= 1.1


def test_a_search_asks_for_no_gradient_where_f_is_too_high():
    asked = []

    def gradient(x):
        asked.append(x[0])
        return 2 * x

    strong_wolfe(lambda x: x @ x, gradient, [1.0], [-1000.0])
    assert all(abs(x) <= 1 for x in asked)


@pytest.mark.parametrize("search", [backtracking, strong_wolfe])
def test_a_search_turns_back_where_f_is_no_number(search):
    """x - log x has no value for x <= 0; the first trial is there."""
    with np.errstate(invalid="ignore"):
        f, gradient = lambda x: (x - np.log(x)).sum(), lambda x: 1 - 1 / x
        step = search(f, gradient, [3.0], [-10.0])
        assert 0 < step.x < 3
        result = bfgs(f, gradient, [30.0], search=search)
    assert result.converged
    np.testing.assert_allclose(result.x, 1, atol=1e-7)


@pytest.mark.parametrize("search", [backtracking, strong_wolfe])
def test_what_searches_refuse(search):
    f, gradient = lambda x: x @ x, lambda x: 2 * x
    with pytest.raises(ValueError, match=r"direction that descends .* got slope 2"):
        search(f, gradient, [1.0], [1.0])
    with pytest.raises(ValueError, match=r"direction of shape \(1,\), got \(2,\)"):
        search(f, gradient, [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="finite vector"):
        search(f, gradient, [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="c1"):
        search(f, gradient, [1.0], [-1.0], c1=0.0)
    with pytest.raises(ValueError, match=r"trials >= 1, got .* 0"):
        search(f, gradient, [1.0], [-1.0], trials=0)
    with pytest.raises(Stuck, match="is the gradient that of f"):
        search(lambda x: -x @ x, gradient, [1.0], [-0.5])


def test_backtracking_forgives_a_rounding_at_rate_one_alone():
    """1 + x^2 at 1e-8: the promised fall is lost in rounding, the step to 0 is still the best."""
    step = backtracking(lambda x: 1 + x @ x * 0, lambda x: 2 * x, [1e-8], [-1e-8])
    assert (step.rate, step.x) == (1.0, 0.0)
    with pytest.raises(Stuck):
        backtracking(lambda x: 1 + 1e-5 * (1e-8 - x[0]), lambda x: 2 * x, [1e-8], [-1e-8])


def test_more_settings_that_searches_refuse():
    f, gradient = lambda x: x @ x, lambda x: 2 * x
    with pytest.raises(ValueError, match=r"c1 < c2 < 1 and trials >= 1, got 0\.5, 0\.2 and 40"):
        strong_wolfe(f, gradient, [1.0], [-1.0], c1=0.5, c2=0.2)
    with pytest.raises(ValueError, match="shrink < 1"):
        backtracking(f, gradient, [1.0], [-1.0], shrink=1.0)
    with pytest.raises(Stuck, match="no minimum this way"):
        strong_wolfe(lambda x: -x[0], lambda x: -np.ones(1), [1.0], [1.0])


# ---- the loop ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["bfgs", "lbfgs", "nonlinear_cg", "newton_cg"])
def test_a_result_tells_the_path_and_the_cost(method):
    calls = {"f": 0, "g": 0}

    def f(x):
        calls["f"] += 1
        return rosen(x)

    def gradient(x):
        calls["g"] += 1
        return rosen_der(x)

    start = np.array(START[2])
    result = METHODS[method][0](f, gradient, start)
    assert (result.f_calls, result.gradient_calls) == (calls["f"], calls["g"])
    assert result.path.shape == (result.steps + 1, 2)
    np.testing.assert_array_equal(result.path[0], START[2])
    np.testing.assert_array_equal(start, START[2])
    np.testing.assert_array_equal(result.path[-1], result.x)
    np.testing.assert_array_equal(result.values, [rosen(x) for x in result.path])
    np.testing.assert_array_equal(result.gradient, rosen_der(result.x))
    assert (np.diff(result.values) < 0).all()
    assert np.abs(result.gradient).max() <= 1e-8
    assert result.f == result.values[-1]
    assert str(result).startswith("Result(converged: the largest entry of the gradient is ")
    assert str(result).endswith(f"{result.steps} steps, {calls['f']} f, {calls['g']} gradients)")


def test_a_run_that_does_not_arrive_says_why():
    short = lbfgs(*ROSEN, START[2], steps=3)
    assert (short.converged, short.steps, short.reason) == (False, 3, "the limit of 3 steps")
    assert "not converged: the limit of 3 steps" in str(short)
    none = lbfgs(*ROSEN, START[2], steps=0)
    assert none.steps == 0
    assert none.f == rosen(START[2])
    wrong = bfgs(rosen, lambda x: rosen_der(x) + 50, [1.0, 1.0])
    assert not wrong.converged
    assert "is the gradient that of f" in wrong.reason
    down = bfgs(lambda x: -x.sum(), lambda x: -np.ones(2), [0.0, 0.0])
    assert "no minimum this way" in down.reason
    away = newton(
        lambda x: np.exp(x).sum() ** 2 if x < 700 else np.inf,
        lambda x: np.array([1.0]),
        lambda x: np.array([[-1e-3]]),
        [0.0],
        search=full_step,
    )
    assert (away.reason, away.x[0]) == ("step 1 left the finite numbers", 0.0)


def test_a_start_at_the_minimum_takes_no_step():
    for method, _ in METHODS.values():
        result = method(*ROSEN, np.ones(4))
        assert (result.converged, result.steps, result.f_calls) == (True, 0, 1)


def test_what_the_loop_refuses():
    for x in ([], [[1.0, 2.0]], 3.0, [np.nan, 1.0]):
        with pytest.raises(ValueError, match=r"finite vector x \(n,\)"):
            bfgs(*ROSEN, x)
    with pytest.raises(ValueError, match=r"a gradient, shape \(2,\), got shape \(1,\)"):
        bfgs(rosen, lambda x: rosen_der(x)[:1], START[2])
    with pytest.raises(ValueError, match=r"a number from f, shape \(\), got shape \(2,\)"):
        bfgs(lambda x: x, rosen_der, START[2])
    with pytest.raises(ValueError, match="tolerance > 0 and steps >= 0, got 0 and 5"):
        bfgs(*ROSEN, START[2], tolerance=0, steps=5)
    with pytest.raises(ValueError, match="finite at the start"):
        bfgs(lambda x: np.inf, rosen_der, START[2])
    with pytest.raises(ValueError, match="finite at the start"):
        bfgs(rosen, lambda x: x * np.nan, START[2])


def test_the_steepest_descent_is_one_direction_of_many():
    q = Quadratic(3)
    result = follow(q.f, q.gradient, q.start, lambda x, g: -g, search=q.exact, tolerance=1e-6)
    np.testing.assert_allclose(result.x, q.best, atol=1e-5)
    assert result.steps > 20  # what Newton does in one


# ---- Newton ------------------------------------------------------------------------------------


@pytest.mark.parametrize("search", [backtracking, strong_wolfe, full_step])
@pytest.mark.parametrize("method", [newton, saddle_free_newton])
def test_newton_needs_one_step_on_a_quadratic(method, search):
    q = Quadratic(6, seed=3, condition=1e4)
    result = method(q.f, q.gradient, q.hessian, q.start, search=search)
    assert (result.steps, result.f_calls, result.gradient_calls) == (1, 2, 2)
    np.testing.assert_allclose(result.x, q.best, atol=1e-9)


def test_newtons_digits_double():
    """f = sum of exp x - x, minimum at 0: e -> e^2 / 2 (third derivative / twice the second)."""
    f, gradient = lambda x: (np.exp(x) - x).sum(), lambda x: np.exp(x) - 1
    result = newton(f, gradient, lambda x: np.diag(np.exp(x)), [0.7, -0.4], tolerance=1e-14)
    errors = np.abs(result.path).max(axis=1)
    assert result.converged
    assert result.steps <= 6
    np.testing.assert_allclose(errors[2:5] / errors[1:4] ** 2, 0.5, atol=0.06)


@pytest.mark.parametrize("name", SURFACES)
def test_newton_on_the_surfaces(name):
    surface = SURFACES[name]
    f, gradient, hessian = surface.value, surface.gradient, surface.hessian
    free = saddle_free_newton(f, gradient, hessian, surface.start)
    assert free.converged
    nearest = min(np.abs(free.x - p).max() for p in surface.minima)
    assert nearest < 1e-8
    for x in (surface.start, [0.3, -0.7]):
        columns = [hessian_vector(gradient, x, unit) for unit in np.eye(2)]
        np.testing.assert_allclose(np.column_stack(columns), hessian(x), atol=1e-6)


def test_newton_goes_to_the_saddle_if_let_and_refuses_otherwise():
    saddle = SURFACES["saddle"]
    functions = saddle.value, saddle.gradient, saddle.hessian
    pure = newton(*functions, saddle.start, search=full_step)
    assert pure.converged
    np.testing.assert_allclose(pure.x, [0, 0], atol=1e-8)
    refused = newton(*functions, saddle.start)
    assert (refused.converged, refused.steps) == (False, 0)
    assert "the Hessian has eigenvalue -1.99, so the step may climb" in refused.reason
    damped = newton(*functions, saddle.start, damping=2.5)
    np.testing.assert_allclose(damped.x, [0, 2**0.5], atol=1e-6)


def test_the_damped_step_by_hand():
    """Gradient (2, 3), Hessian diag(1, 5), damping 1: the step is (-2/2, -3/6)."""
    h = np.diag([1.0, 5.0])
    shared = (lambda x: 2 * x[0] + 3 * x[1] + 0.5 * x @ h @ x, lambda x: [2, 3] + h @ x)
    result = newton(*shared, lambda x: h, [0.0, 0.0], damping=1.0, steps=1)
    np.testing.assert_allclose(result.path[1], [-1, -0.5])
    turned = np.diag([-1.0, 5.0])
    shared = (lambda x: 2 * x[0] + 3 * x[1] + 0.5 * x @ turned @ x, lambda x: [2, 3] + turned @ x)
    result = saddle_free_newton(*shared, lambda x: turned, [0.0, 0.0], steps=1)
    np.testing.assert_allclose(result.path[1], [-2, -0.6])
    result = saddle_free_newton(*shared, lambda x: turned, [0.0, 0.0], steps=1, floor=4.0)
    np.testing.assert_allclose(result.path[1], [-0.5, -0.6])


def test_newton_against_scipy_on_rosenbrock():
    result = newton(*ROSEN, rosen_hess, START[2])
    np.testing.assert_allclose(result.x, 1, atol=1e-8)
    assert result.steps < 30
    ten = saddle_free_newton(*ROSEN, rosen_hess, [0.5] * 10)
    np.testing.assert_allclose(ten.x, 1, atol=1e-8)


def test_what_newton_refuses():
    q = Quadratic(2)
    with pytest.raises(ValueError, match=r"finite matrix \(2, 2\), got shape \(3, 3\)"):
        newton(q.f, q.gradient, lambda x: np.eye(3), q.start)
    with pytest.raises(ValueError, match=r"symmetric matrix, got one off by 1.0e\+00"):
        newton(q.f, q.gradient, lambda x: np.array([[2.0, 1.0], [0.0, 2.0]]), q.start)
    with pytest.raises(ValueError, match="finite matrix"):
        saddle_free_newton(q.f, q.gradient, lambda x: np.full((2, 2), np.nan), q.start)
    with pytest.raises(ValueError, match="damping >= 0, got -1"):
        newton(q.f, q.gradient, q.hessian, q.start, damping=-1)
    with pytest.raises(ValueError, match="floor > 0, got 0"):
        saddle_free_newton(q.f, q.gradient, q.hessian, q.start, floor=0)
    flat = newton(q.f, q.gradient, lambda x: np.ones((2, 2)), q.start, search=full_step)
    assert "singular" in flat.reason


# ---- conjugate gradients -----------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), seeds)
def test_cg_is_exact_after_n_steps(n, seed):
    q = Quadratic(n, seed=seed)
    result = conjugate_gradient(q.a, q.b, q.start, tolerance=1e-9)
    assert result.converged
    assert result.steps <= n
    np.testing.assert_allclose(result.x, q.best, atol=1e-7)
    np.testing.assert_allclose(result.values, [q.f(x) for x in result.path], atol=1e-9)
    np.testing.assert_allclose(result.gradient, q.gradient(result.x), atol=1e-9)
    assert result.gradient_calls == result.steps + 1
    moves = np.diff(result.path, axis=0)
    products = moves @ q.a @ moves.T
    np.testing.assert_allclose(products - np.diag(np.diag(products)), 0, atol=1e-7)  # conjugate


def test_cg_walks_as_scipys():
    q, path = Quadratic(8, seed=5, condition=100.0), []
    scipy.sparse.linalg.cg(
        q.a, q.b, x0=q.start, rtol=1e-8, callback=lambda x: path.append(x.copy())
    )
    result = conjugate_gradient(lambda v: q.a @ v, q.b, q.start, tolerance=1e-8)
    np.testing.assert_allclose(result.path[1:], path, atol=1e-8)
    np.testing.assert_array_equal(result.path[0], q.start)
    from_zero = conjugate_gradient(q.a, q.b)
    assert not from_zero.path[0].any()
    assert from_zero.gradient_calls == from_zero.steps


def test_cg_by_hand():
    """A = diag(1, 4), b = (1, 4): first rate |r|^2 / r^T A r = 17 / 65, then exactly (1, 1)."""
    result = conjugate_gradient(np.diag([1.0, 4.0]), [1.0, 4.0])
    np.testing.assert_allclose(result.path, [[0, 0], [17 / 65, 68 / 65], [1, 1]])


def test_cg_says_why_it_stops():
    bent = conjugate_gradient(np.diag([1.0, -3.0]), [0.1, 1.0])
    assert not bent.converged
    assert "d^T A d = -2.99 is not positive" in bent.reason
    q = Quadratic(9)
    assert conjugate_gradient(q.a, q.b, steps=4).reason == "the limit of 4 steps"
    assert conjugate_gradient(q.a, q.b, steps=4).steps == 4
    assert conjugate_gradient(q.a, np.zeros(9)).steps == 0
    home = conjugate_gradient(q.a, np.zeros(9), q.start)
    assert home.converged
    np.testing.assert_allclose(home.x, 0, atol=1e-8)


def test_what_cg_refuses():
    with pytest.raises(ValueError, match=r"finite matrix \(3, 3\), got shape \(2, 2\)"):
        conjugate_gradient(np.eye(2), np.ones(3))
    with pytest.raises(ValueError, match="symmetric"):
        conjugate_gradient([[1.0, 2.0], [0.0, 1.0]], np.ones(2))
    with pytest.raises(ValueError, match=r"expected x \(2,\), tolerance > 0, got \(3,\)"):
        conjugate_gradient(np.eye(2), np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match=r"shape \(2,\), got shape \(1,\)"):
        conjugate_gradient(lambda v: v[:1], np.ones(2))


@pytest.mark.parametrize("beta", ["polak-ribiere", "fletcher-reeves"])
def test_nonlinear_cg_is_cg_on_a_quadratic(beta):
    q = Quadratic(7, seed=2)
    linear = conjugate_gradient(q.a, q.b, q.start)
    result = nonlinear_cg(q.f, q.gradient, q.start, beta=beta, search=q.exact)
    assert result.steps <= 8
    np.testing.assert_allclose(result.path[:7], linear.path[:7], atol=1e-8)


def test_the_two_betas_by_hand():
    """g_before = (2, 0), then g = (1, 3): 10/4 by Fletcher-Reeves, ((1, 3).(-1, 3))/4 = 2."""
    for beta, wanted in (("fletcher-reeves", 2.5), ("polak-ribiere", 2.0)):
        seen = []

        def search(f, gradient, x, d, *, f_here, g_here, seen=seen):
            seen.append(d / np.abs(d).max())
            return Step(1.0, x + d, f(x + d), gradient(x + d))

        gradients = {0.0: [2.0, 0.0], -1.0: [1.0, 3.0]}
        nonlinear_cg(
            lambda x: 0.0,
            lambda x, known=gradients: np.array(known.get(x[0], [0.0, 0.0])),
            [0.0, 0.0],
            beta=beta,
            search=search,
        )
        d = -np.array([1.0, 3.0]) + wanted * np.array([-2.0, 0.0])
        np.testing.assert_allclose(seen[1], d / np.abs(d).max())
    with pytest.raises(ValueError, match="got 'steepest'"):
        nonlinear_cg(*ROSEN, START[2], beta="steepest")


def test_newton_cg_leaves_where_the_surface_curves_down():
    saddle = SURFACES["saddle"]
    result = newton_cg(saddle.value, saddle.gradient, saddle.start)
    assert result.converged
    np.testing.assert_allclose(np.abs(result.x), [0, 2**0.5], atol=1e-7)


def test_newton_cg_takes_exact_products():
    result = newton_cg(*ROSEN, START[10], product=scipy.optimize.rosen_hess_prod)
    by_differences = newton_cg(*ROSEN, START[10])
    np.testing.assert_allclose(result.x, 1, atol=1e-7)
    assert result.gradient_calls < by_differences.gradient_calls / 3


def test_a_hessian_times_a_vector():
    x, v = random(1).normal(size=10), random(2).normal(size=10)
    exact = rosen_hess(x) @ v
    for size in (1e-6, 1.0, 1e6):
        product = hessian_vector(rosen_der, x, size * v)
        np.testing.assert_allclose(product, size * exact, rtol=1e-6, atol=size * 1e-4)
    np.testing.assert_array_equal(hessian_vector(rosen_der, x, 0 * v), 0 * v)
    with pytest.raises(ValueError, match=r"v \(10,\) and epsilon > 0, got \(9,\)"):
        hessian_vector(rosen_der, x, v[:9])
    with pytest.raises(ValueError, match=r"epsilon > 0, got .* 0"):
        hessian_vector(rosen_der, x, v, epsilon=0)


# ---- BFGS and L-BFGS ---------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), seeds)
def test_the_update_of_bfgs(n, seed):
    rng = random(seed)
    q = Quadratic(n, seed=seed)
    s, inverse = rng.normal(size=n), np.linalg.inv(Quadratic(n, seed=seed + 1).a)
    y = q.a @ s
    new = bfgs_update(inverse, s, y)
    left = np.eye(n) - np.outer(s, y) / (y @ s)
    np.testing.assert_allclose(new, left @ inverse @ left.T + np.outer(s, s) / (y @ s), atol=1e-9)
    np.testing.assert_allclose(new @ y, s, atol=1e-9)
    assert np.linalg.eigvalsh(new).min() > 0
    with pytest.raises(ValueError, match=r"y \. s > 0"):
        bfgs_update(inverse, s, -y)


def test_bfgs_with_exact_searches_finds_the_inverse_hessian_in_n_steps():
    q = Quadratic(6, seed=1)
    result = bfgs(q.f, q.gradient, q.start, search=q.exact)
    assert result.steps == 6
    np.testing.assert_allclose(result.inverse_hessian, np.linalg.inv(q.a), atol=1e-8)
    path = conjugate_gradient(q.a, q.b, q.start).path
    np.testing.assert_allclose(result.path, path, atol=1e-8)  # Nazareth (1979)
    for memory in (1, 3, 10):
        limited = lbfgs(q.f, q.gradient, q.start, search=q.exact, memory=memory)
        np.testing.assert_allclose(limited.path[:7], path, atol=1e-8)
    assert bfgs(q.f, q.gradient, q.best).inverse_hessian.tolist() == np.eye(6).tolist()
    assert result.inverse_hessian is not None
    assert lbfgs(q.f, q.gradient, q.start).inverse_hessian is None


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(0, 5), seeds)
def test_the_two_loops_multiply_by_the_matrix_of_bfgs(n, m, seed):
    rng, q = random(seed), Quadratic(n, seed=seed)
    pairs = [(s, q.a @ s) for s in rng.normal(size=(m, n))]
    matrix = np.eye(n)
    if pairs:
        s, y = pairs[-1]
        matrix *= y @ s / (y @ y)
    for s, y in pairs:
        matrix = bfgs_update(matrix, s, y)
    g = rng.normal(size=n)
    np.testing.assert_allclose(two_loop(g, pairs), matrix @ g, rtol=1e-8, atol=1e-8)


def test_lbfgs_forgets():
    one, many = (lbfgs(*ROSEN, START[10], memory=m) for m in (1, 20))
    for result in (one, many):
        np.testing.assert_allclose(result.x, 1, atol=1e-7)
    assert one.steps > many.steps
    with pytest.raises(ValueError, match="memory >= 1, got 0"):
        lbfgs(*ROSEN, START[2], memory=0)


# ---- beside SciPy ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", START)
@pytest.mark.parametrize("name", METHODS)
def test_rosenbrock_as_scipy(name, n):
    """The same minimum, and at most 1.6 times the gradients (newton_cg: of the steps)."""
    method, scipys = METHODS[name]
    start = START[n] if (name, n) != ("bfgs", 10) else [0.5] * 10  # SciPy's ends elsewhere
    result = method(*ROSEN, start, tolerance=1e-6)
    options = {"xtol": 1e-9} if scipys == "Newton-CG" else {"gtol": 1e-6}
    hess = {"hess": rosen_hess} if scipys == "Newton-CG" else {}
    theirs = scipy.optimize.minimize(
        rosen, start, jac=rosen_der, method=scipys, options=options, **hess
    )
    assert result.converged
    np.testing.assert_allclose(result.x, 1, atol=1e-5)
    np.testing.assert_allclose(theirs.x, 1, atol=1e-5)
    if name == "newton_cg":
        assert result.steps <= 1.6 * theirs.nit
    else:
        assert result.gradient_calls <= 1.6 * theirs.njev


@pytest.mark.parametrize("name", [*METHODS, "newton", "saddle_free"])
def test_logistic_regression_as_scipy(name):
    problem = Logistic()
    theirs = scipy.optimize.minimize(
        problem.f, np.zeros(4), jac=problem.gradient, method="BFGS", options={"gtol": 1e-9}
    )
    newtons = {
        "newton": partial(newton, hessian=problem.hessian),
        "saddle_free": partial(saddle_free_newton, hessian=problem.hessian),
    }
    method = newtons.get(name) or METHODS[name][0]
    result = method(f=problem.f, gradient=problem.gradient, x=np.zeros(4), tolerance=1e-9)
    assert result.converged
    np.testing.assert_allclose(result.x, theirs.x, atol=1e-7)
    if name in newtons:
        assert result.steps <= 6
    checked = numerical_gradient(problem.f, theirs.x + 0.3)
    np.testing.assert_allclose(problem.gradient(theirs.x + 0.3), checked, atol=1e-8)


# ---- a net -------------------------------------------------------------------------------------


def net(dtype=np.float64):
    rng = random(4)
    layers = [Dense(2, 6, rng=rng, dtype=dtype), Activation("tanh")]
    return Sequential([*layers, Dense(6, 1, rng=rng, dtype=dtype)])


def task():
    x = random(5).normal(size=(40, 2))
    return x, np.sin(x[:, :1]) * x[:, 1:]


def test_flat_and_back():
    params = net(np.float32).params
    flat = flatten(params)
    assert flat.shape == (25,)
    assert flat.dtype == np.float64
    back = unflatten(flat, params)
    assert back.keys() == params.keys()
    for name, p in params.items():
        np.testing.assert_array_equal(back[name], p)
        assert back[name].dtype == np.float32
    np.testing.assert_array_equal(flat[:12], params["0.kernel"].ravel())
    with pytest.raises(ValueError, match=r"shape \(25,\), got \(24,\)"):
        unflatten(flat[1:], params)
    with pytest.raises(ValueError, match="at least one array"):
        flatten({})


def test_the_objective_of_a_net():
    model, (x, y) = net(), task()
    f, gradient = objective(model, MeanSquaredError(), x, y)
    w = flatten(model.params) + 0.1
    np.testing.assert_allclose(gradient(w), numerical_gradient(f, w), atol=1e-8)
    assert f(w) == MeanSquaredError().forward(y, model.forward(x))
    np.testing.assert_array_equal(flatten(model.params), w)
    layer = Regularized(
        [Dense(2, 1, rng=random(), dtype=np.float64)], kernel_regularizer=L1L2(l2=0.5)
    )
    f, gradient = objective(Sequential([layer]), MeanSquaredError(), x, y)
    w = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(gradient(w), numerical_gradient(f, w), atol=1e-8)
    f_plain, _ = objective(Sequential([layer]), MeanSquaredError(), x, y)
    assert f_plain(w) > 0.5 * 5


def test_a_net_learns_by_lbfgs_as_with_scipy():
    model, (x, y) = net(), task()
    f, gradient = objective(model, MeanSquaredError(), x, y)
    start = flatten(model.params)
    result = lbfgs(f, gradient, start, steps=150, tolerance=1e-6)
    theirs = scipy.optimize.minimize(
        f, start, jac=gradient, method="L-BFGS-B", options={"maxiter": 150, "gtol": 1e-6}
    )
    assert result.f < 0.02 * f(start)
    assert result.f < 3 * theirs.fun + 1e-4
    free = newton_cg(f, gradient, start, steps=30)
    assert free.f < 0.05 * f(start)
    f(result.x)
    np.testing.assert_allclose(MeanSquaredError().forward(y, model.predict(x)), result.f)
