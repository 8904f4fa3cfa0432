"""Surfaces with a dial: their derivatives, what the dials mean, and turning them."""

import numpy as np
import pytest

from twice.scratch.gradient_descent import descend, numerical_gradient
from twice.scratch.landscapes import LANDSCAPES, bumpy, ravine, rosenbrock, saddle, turned
from twice.scratch.optimizers import RMSprop
from twice.scratch.surfaces import SURFACES

POINTS = np.random.default_rng(0).uniform(-2, 2, (30, 2))
DIALS = [(name, setting) for name in LANDSCAPES for setting in (1.5, 40.0)]


@pytest.mark.parametrize(("name", "setting"), DIALS)
@pytest.mark.parametrize("degrees", [0, 30, -120])
def test_gradient_and_hessian_agree_with_central_differences(name, setting, degrees):
    surface = turned(LANDSCAPES[name](setting), degrees)
    for p in POINTS[:6]:
        slope = numerical_gradient(surface.value, p)
        np.testing.assert_allclose(surface.gradient(p), slope, rtol=1e-6, atol=1e-5)
        rows = [numerical_gradient(lambda q, i=i: surface.gradient(q)[i], p) for i in (0, 1)]
        np.testing.assert_allclose(surface.hessian(p), rows, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(("name", "setting"), DIALS)
def test_every_landscape_touches_zero_at_its_deepest_point(name, setting):
    surface = turned(LANDSCAPES[name](setting), 20)
    assert surface.value(surface.minima[0]) == pytest.approx(0, abs=1e-12)
    for minimum in surface.minima:
        np.testing.assert_allclose(surface.gradient(minimum), 0, atol=1e-12)
        assert np.linalg.eigvalsh(surface.hessian(minimum)).min() > 0
    assert surface.value(POINTS).min() >= 0
    assert surface.value(POINTS).shape == (30,)
    assert surface.gradient(POINTS.reshape(5, 6, 2)).shape == (5, 6, 2)
    assert surface.hessian(POINTS).shape == (30, 2, 2)


@pytest.mark.parametrize("name", ["ravine", "saddle", "two_valleys"])
def test_the_default_is_the_surface_of_the_book(name):
    mine, book = LANDSCAPES[name](), SURFACES[name]
    for part in ("value", "gradient", "hessian"):
        np.testing.assert_allclose(getattr(mine, part)(POINTS), getattr(book, part)(POINTS))
    assert (mine.title, mine.start) == (book.title, book.start)
    np.testing.assert_allclose(mine.minima, book.minima)


def test_what_the_dials_say():
    assert np.linalg.cond(turned(ravine(300), 45).hessian((0, 0))) == pytest.approx(300)
    assert np.linalg.eigvalsh(turned(saddle(3), 70).hessian((0, 0))) == pytest.approx([-3, 2])
    assert rosenbrock(100).value((-1.2, 1.0)) == pytest.approx(24.2)  # the classic start
    assert bumpy(0).value((2, 0)) == 1
    inner = bumpy(0.3)
    trap = descend(inner.gradient, (1.5, 0.0), learning_rate=0.05, steps=400)[-1]
    assert 1 < trap[0] < 1.57  # a minimum that is not the deepest


def test_turning_turns_the_start_the_minima_and_the_path_of_gradient_descent():
    flat, steep = rosenbrock(5), turned(rosenbrock(5), 90)
    np.testing.assert_allclose(steep.start, (0, -0.2), atol=1e-15)  # about (0, 1)
    np.testing.assert_allclose(steep.minima, [(0, 2)], atol=1e-15)
    rule = {"learning_rate": 0.01, "steps": 50, "momentum": 0.8}
    losses = [s.value(descend(s.gradient, s.start, **rule)) for s in (flat, steep)]
    np.testing.assert_allclose(*losses, rtol=1e-9)


def test_turning_a_ravine_matters_to_a_rule_for_each_coordinate():
    ends = []
    for degrees in (0, 45):
        surface = turned(ravine(100), degrees)
        params, rule = {"w": np.array(surface.start)}, RMSprop(0.05)
        for _ in range(40):
            rule.step(params, {"w": surface.gradient(params["w"])})
        ends.append(surface.value(params["w"]))
    assert ends[1] > 2 * ends[0]


@pytest.mark.parametrize(
    ("make", "setting", "message"),
    [
        (ravine, 0.5, "condition >= 1, got 0.5"),
        (saddle, 0, "curvature >= 0.01, got 0"),
        (bumpy, -1, "bumps >= 0, got -1"),
        (rosenbrock, np.inf, "finite steepness"),
        (lambda angle: turned(ravine(), angle), np.nan, "a finite angle, got nan"),
        (lambda p: ravine().value(p), [1, 2, 3], r"shape \(..., 2\), got shape \(3,\)"),
        (lambda p: turned(ravine(), 10).gradient(p), [1, 2, 3], r"got shape \(3,\)"),
    ],
)
def test_bad_input_is_told(make, setting, message):
    with pytest.raises(ValueError, match=message):
        make(setting)


def test_where_a_run_blows_up_the_surface_answers_without_a_warning():
    for make in LANDSCAPES.values():
        surface = turned(make(), 10)
        with np.errstate(all="raise"):
            for far in (1e200, np.inf):
                assert not np.isfinite(surface.value([far, far]))
                assert not np.isfinite(surface.gradient([np.inf, np.inf])).all()
