"""The fit demo: its JavaScript against NumPy and scikit-learn, and its Python class."""

import itertools
import json
import math
import re
import warnings

import numpy as np
import pytest
import traitlets
from js import run_js
from numpy.polynomial.polynomial import polyval
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso

from twice.scratch.shrinkage import elastic_net, powers, ridge
from twice.widgets import Fit
from twice.widgets.fit import draw_data, fit, truth

SCRIPT = "fit.js"
X = np.linspace(-1, 1, 201)
STRENGTHS = [1e-6, 1e-5, 1e-4, 1e-3, 0.0251189, 0.3, 10]


def points_of(seed, count=20, noise=0.25):
    return draw_data(seed, count, noise)[0].tolist()


def fits(cases):
    """For each (points, degree, l1, l2) what the page makes of it."""
    return run_js(
        SCRIPT,
        """return data.map(([points, degree, l1, l2]) =>
            demo.fitOf(demo.prepare(points), degree, [l1, l2]));""",
        cases,
    )


def centered(points, degree):
    x, y = np.array(points).T
    powers = x[:, None] ** np.arange(1, degree + 1)
    return powers - powers.mean(axis=0), y - y.mean()


def loss_of(weights, points, l1, l2):
    x, y = np.array(points).T
    w = np.array(weights[1:])
    return np.mean((polyval(x, weights) - y) ** 2) + l1 * np.abs(w).sum() + l2 * (w**2).sum()


# ---- the data ----------------------------------------------------------------------------------


def test_points_and_the_true_curve_are_the_same_in_both_languages():
    cases = [(1, 20, 0.25), (0, 5, 0.6), (77, 40, 0.0), (99999, 33, 0.1)]
    answers = run_js(
        SCRIPT,
        """return data.map((one) => { const { training, validation } = demo.drawData(...one);
            return [training, validation, training.map(([x]) => demo.truth(x))]; });""",
        cases,
    )
    for case, (training, validation, true) in zip(cases, answers, strict=True):
        mine = draw_data(*case)
        np.testing.assert_allclose(training, mine[0], atol=1e-12)
        np.testing.assert_allclose(validation, mine[1], atol=1e-12)
        np.testing.assert_allclose(true, truth(mine[0][:, 0]), atol=1e-15)
        assert len(training) == case[1]
        assert len(validation) == 20
        assert np.abs(training).max(axis=0)[0] <= 1
    clean = draw_data(77, 40, 0.0)[0]
    np.testing.assert_allclose(clean[:, 1], truth(clean[:, 0]), atol=3e-4)
    assert not np.array_equal(draw_data(1, 20, 0.25)[0], draw_data(2, 20, 0.25)[0])


# ---- least squares and L2 ----------------------------------------------------------------------


def test_least_squares_equals_lstsq_at_every_degree():
    """Same curve to 1e-8 and same weights to 1e-6 of the largest: the powers' condition is 1e6."""
    cases = [
        (points_of(seed, count), degree, 0, 0)
        for seed, count in [(1, 20), (2, 17), (3, 40), (4, 24)]
        for degree in (0, 1, 3, 7, 10, 13, 15)
    ]
    for (points, degree, _, _), mine in zip(cases, fits(cases), strict=True):
        x, y = np.array(points).T
        theirs = np.linalg.lstsq(x[:, None] ** np.arange(degree + 1), y)[0]
        largest = np.abs(theirs).max()
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6 * largest)
        np.testing.assert_allclose(polyval(x, mine), polyval(x, theirs), rtol=0, atol=1e-8)


def test_too_few_points_are_met_with_the_smallest_weights():
    cases = [(points_of(5, 8), 15, 0, 0), (points_of(6, 16), 15, 0, 0)]
    for (points, degree, _, _), mine in zip(cases, fits(cases), strict=True):
        x, y = np.array(points).T
        np.testing.assert_allclose(polyval(x, mine), y, atol=1e-6)  # it runs through all
        columns, rest = centered(points, degree)
        theirs = np.linalg.lstsq(columns, rest)[0]
        np.testing.assert_allclose(mine[1:], theirs, atol=1e-5 * np.abs(theirs).max())
    twice = [[0.5, 1.0], [0.5, 0.0], [-0.5, 0.0], [-0.5, 0.0], [0.5, 0.5]]  # two places only
    mine = fits([(twice, 6, 0, 0)])[0]
    np.testing.assert_allclose(polyval(np.array([0.5, -0.5]), mine), [0.5, 0], atol=1e-9)


def test_l2_equals_least_squares_with_rows_added():
    cases = [
        (points_of(seed, count), degree, 0, strength)
        for (seed, count), degree, strength in itertools.product(
            [(1, 20), (5, 8), (6, 40)], (1, 4, 15), STRENGTHS
        )
    ]
    for (points, degree, _, l2), mine in zip(cases, fits(cases), strict=True):
        columns, rest = centered(points, degree)
        tall = np.vstack([columns, math.sqrt(len(points) * l2) * np.eye(degree)])
        theirs = np.linalg.lstsq(tall, np.concatenate([rest, np.zeros(degree)]))[0]
        np.testing.assert_allclose(mine[1:], theirs, rtol=0, atol=1e-9 * max(1, *np.abs(theirs)))
        assert all(mine[1:])  # L2 makes nothing exactly zero
        y = np.array(points)[:, 1]
        free = (
            y.mean() - (np.array(points)[:, :1] ** np.arange(1, degree + 1)).mean(axis=0) @ theirs
        )
        assert mine[0] == pytest.approx(free, abs=1e-8 * max(1, *np.abs(theirs)))


def test_the_bias_is_never_penalized():
    points = points_of(1)
    raised = [[x, y + 0.4] for x, y in points]
    for l1, l2 in [(0, 0.1), (0.1, 0), (0.05, 0.05), (0, 10), (10, 0)]:
        one, other = fits([(points, 15, l1, l2), (raised, 15, l1, l2)])
        np.testing.assert_allclose(other[1:], one[1:], atol=1e-10)
        assert other[0] - one[0] == pytest.approx(0.4, abs=1e-10)
    flat = fits([(raised, 15, 10, 0)])[0]
    assert flat == [pytest.approx(np.mean([y for _, y in raised])), *[0] * 15]


# ---- L1 and the elastic net --------------------------------------------------------------------


def sparse_cases():
    cases = []
    settings = itertools.product([(1, 20), (9, 20), (4, 8), (7, 40)], (1, 2, 5, 11, 15), STRENGTHS)
    for (seed, count), degree, strength in settings:
        points = points_of(seed, count)
        cases.append((points, degree, strength, 0))
        cases.append((points, degree, 0.1 * strength, 0.9 * strength))
        cases.append((points, degree, 0.9 * strength, 0.1 * strength))
    return cases


def assert_lowest(weights, points, l1, l2):
    """The conditions of the minimum (Karush, Kuhn and Tucker): the slope is what L1 asks for."""
    w = np.array(weights[1:])
    columns, rest = centered(points, len(w))
    slope = 2 * columns.T @ (columns @ w - rest) / len(points) + 2 * l2 * w
    room = 1e-6 * l1 + 1e-11
    on = w != 0
    np.testing.assert_allclose(slope[on], -l1 * np.sign(w[on]), rtol=0, atol=room)
    assert np.abs(slope[~on]).max(initial=0) <= l1 + room


def test_l1_and_elastic_net_are_at_their_minimum():
    cases = sparse_cases()
    zeros = 0
    for (points, _, l1, l2), weights in zip(cases, fits(cases), strict=True):
        assert_lowest(weights, points, l1, l2)
        zeros += weights.count(0)
    assert zeros > 1000


@pytest.mark.parametrize("strength", [3e-3, 0.0251189, 0.3])
def test_l1_and_elastic_net_equal_scikit_learn(strength):
    for seed, share in itertools.product((1, 2, 3), (1.0, 0.5)):
        points = points_of(seed)
        l1, l2 = strength * share, strength * (1 - share)
        x, y = np.array(points).T
        powers = x[:, None] ** np.arange(1, 16)
        # scikit-learn halves the squared error, and the squares of its own elastic net
        if share == 1:
            model = Lasso(l1 / 2, tol=1e-13, max_iter=1_000_000)
        else:
            alpha = l1 / 2 + l2
            model = ElasticNet(alpha, l1_ratio=l1 / 2 / alpha, tol=1e-13, max_iter=1_000_000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the duality gap's last digits
            model.fit(powers, y)
        mine = fits([(points, 15, l1, l2)])[0]
        np.testing.assert_allclose(mine, [model.intercept_, *model.coef_], atol=2e-4)
        theirs = loss_of([model.intercept_, *model.coef_], points, l1, l2)
        assert loss_of(mine, points, l1, l2) <= theirs + 1e-12


def test_penalties_equal_the_library():
    points = points_of(1)
    x, y = np.array(points).T
    for l1, l2 in [(0.0251189, 0.0), (0.003, 0.01), (0.3, 0.1), (0.0, 1e-4), (0.0, 0.5)]:
        if l1:
            w, bias = elastic_net(powers(x, 15), y, l1, l2)
        else:
            w, bias = ridge(powers(x, 15), y, l2)
        mine = fits([(points, 15, l1, l2)])[0]
        np.testing.assert_allclose(mine, [bias, *w], atol=1e-4)
        assert [v == 0 for v in mine[1:]] == (w == 0).tolist()


def test_a_warm_start_arrives_where_a_cold_one_does():
    answers = run_js(
        SCRIPT,
        """const P = demo.prepare(data);
        return ["l1", "elastic"].map((penalty) => {
            let warm;
            return demo.STRENGTHS.toReversed().map((strength) => {
                const sums = demo.amounts(penalty, strength, 0.5);
                warm = demo.fitOf(P, 15, sums, warm);
                return [sums, warm, demo.fitOf(P, 15, sums)];
            });
        });""",
        points_of(3),
    )
    for (l1, l2), warm, cold in itertools.chain(*answers):
        assert_lowest(warm, points_of(3), l1, l2)
        np.testing.assert_allclose(polyval(X, warm), polyval(X, cold), atol=1e-5)


def test_python_fits_as_the_page_does():
    cases = [case for i, case in enumerate(sparse_cases()) if i % 5 == 0]
    cases += [(points_of(1), d, 0, l2) for d in (0, 5, 15) for l2 in (0, 1e-3)]
    cases += [(points_of(4, 8), 15, 0, 0)]
    for (points, degree, l1, l2), mine in zip(cases, fits(cases), strict=True):
        x, y = np.array(points).T
        theirs = fit(x, y, degree, l1, l2)
        if l1:
            assert_lowest(theirs, points, l1, l2)
        np.testing.assert_allclose(polyval(x, theirs), polyval(x, mine), atol=2e-6)
        assert len(theirs) == degree + 1


# ---- the curves and the goal -------------------------------------------------------------------


def test_curves_are_the_errors_of_single_fits():
    training, validation = (p.tolist() for p in draw_data(2, 20, 0.25))
    settings = {"degree": 12, "penalty": "elastic", "strength": 0.01, "share": 0.3}
    strengths, degrees = run_js(
        SCRIPT,
        """const P = demo.prepare(data.training);
        return [demo.alongStrengths, demo.alongDegrees]
            .map((f) => f(P, data.training, data.validation, data.settings));""",
        {"training": training, "validation": validation, "settings": settings},
    )
    assert [c["at"] for c in degrees] == list(range(16))
    np.testing.assert_allclose([c["at"] for c in strengths], np.logspace(-6, 1, 71), rtol=1e-5)
    for at, curve in [("strength", strengths[::10]), ("degree", degrees[::3])]:
        for point in curve:
            demo = Fit(seed=2, **settings | {at: point["at"]})
            assert point["training"] == pytest.approx(demo.training_error, abs=1e-6)
            assert point["validation"] == pytest.approx(demo.validation_error, rel=1e-3)
    errors = [c["training"] for c in strengths]
    assert (np.diff(errors) > -1e-9).all()  # more strength never fits the training points better


def best_of(seed, noise=0.25):
    training, validation = (p.tolist() for p in draw_data(seed, 20, noise))
    return run_js(
        SCRIPT,
        """const P = demo.prepare(data.training);
        return demo.CANDIDATES.map((c) => demo.bestOf(P, data.training, data.validation, c));""",
        {"training": training, "validation": validation},
    )


def test_at_the_start_the_goal_is_far_and_l2_alone_is_not_enough():
    found = best_of(1)
    best = min(one["error"] for one in found)
    demo = Fit()
    assert demo.training_error == pytest.approx(0.0113, abs=1e-4)
    assert demo.validation_error > 100
    assert found[0]["penalty"] == "l2"
    assert found[0]["error"] > 1.1 * best
    demo.penalty, demo.strength = "l1", 0.0251189
    assert demo.validation_error == pytest.approx(best, rel=1e-4)
    assert np.flatnonzero(demo.coefficients[1:]).tolist() == [0, 2, 4]  # x, x³, x⁵: a sine's powers
    for one in found[1::4]:  # the lowest of each is what Python finds there, too
        demo.penalty, demo.strength = one["penalty"], one["strength"]
        demo.share = one.get("share") or 0.5
        assert demo.validation_error == pytest.approx(one["error"], rel=1e-4)


def test_without_a_penalty_the_goal_is_not_met_whatever_the_noise():
    missed = [
        Fit(seed=seed).validation_error > 1.05 * min(one["error"] for one in best_of(seed))
        for seed in range(1, 9)
    ]
    assert all(missed)


# ---- words -------------------------------------------------------------------------------------


def test_numbers_for_people():
    values = [0, 0.07101, -2.6081, 517.3, 49058, -999999.9, 5.2e7, 1e-6, 1.26e-5, 1234.5, 0.0001]
    told = run_js(SCRIPT, "return data.map((v) => demo.short(v));", values)
    assert told == ["0", "0.071", "−2.61", "517", "49,058", "−10⁶", "5.2 · 10⁷", "10⁻⁶",
                    "1.26 · 10⁻⁵", "1,235", "0.0001"]  # fmt: skip


READ = """return data.settings.map((s) => {
    const { training: points, validation } = demo.drawData(s.seed, s.count, 0.25);
    const P = demo.prepare(points);
    const fit = demo.fitOf(P, s.degree, demo.amounts(s.penalty, s.strength, s.share));
    const along = s.penalty === "none" ? demo.alongDegrees : demo.alongStrengths;
    const curve = along(P, points, validation, s);
    const all = demo.CANDIDATES.map((c) => demo.bestOf(P, points, validation, c));
    const best = all.reduce((a, b) => (b.error < a.error ? b : a));
    const [training, error] = [demo.errorOf(fit, points), demo.errorOf(fit, validation)];
    return { words: demo.reading({ ...s, fit, training, validation: error, curve, best }),
        weights: demo.weightsTold(fit), training, error, lowest: demo.lowest(curve), best };
});"""


def readings(settings):
    base = {"seed": 1, "count": 20, "degree": 15, "penalty": "none", "strength": 0.01}
    base |= {"share": 0.5, "noise": 0.25}
    return run_js(SCRIPT, READ, {"settings": [base | s for s in settings]})


def test_what_is_said_fits_the_numbers():
    wild, flat, low, fine, zero, stiff, free, best, other, through, poor = readings(
        [
            {},
            {"degree": 0},
            {"degree": 1},
            {"degree": 5},
            {"penalty": "l1", "strength": 10},
            {"penalty": "l2", "strength": 3},
            {"penalty": "elastic", "strength": 1e-6},
            {"penalty": "l1", "strength": 0.0251189},
            {"penalty": "l2", "strength": 0.00125893},
            {"count": 8},
            {"seed": 19, "penalty": "l1", "strength": 0.0398107},
        ]
    )
    assert wild["words"] == (
        "Training error 0.0113, validation error 517, about 46,000 times the training error: the "
        "curve bends to follow the noise. A lower degree helps: at degree 5 the validation error "
        "is 0.0922."
    )
    assert wild["weights"] == "None of 15 weights is exactly zero; largest 49,058"
    assert "Degree 0 is the bias alone" in flat["words"]
    assert "too stiff" in low["words"]
    assert "A higher degree helps: at degree 5" in low["words"]
    assert "No other degree does clearly better" in fine["words"]
    assert "Every weight is exactly zero" in zero["words"]
    assert zero["weights"] == "All 15 weights are exactly zero"
    assert "Less strength helps: at strength 0.0013" in stiff["words"]
    assert "follow the noise. More strength helps" in free["words"]
    assert "follows the shape of the points" in best["words"]
    assert best["weights"] == "12 of 15 weights are exactly zero; largest 2.61"
    assert "Another penalty does: 0.071." in other["words"]
    assert through["words"].startswith("Training error 0, validation error ")
    assert ": the curve runs through every training point, noise and all." in through["words"]
    assert "A lower degree helps" in through["words"]
    assert poor["error"] > 0.25
    assert poor["words"].endswith("the noise alone gives the true curve an error of 0.0625.")


def test_advice_is_true_and_no_sentence_has_a_hole():
    settings = [
        {"seed": seed, "count": count, "penalty": penalty, "degree": degree, "strength": strength}
        for (seed, count), penalty, degree, strength in itertools.product(
            [(2, 20), (5, 5)], ["none", "l2", "l1", "elastic"], [0, 1, 6, 15], [1e-6, 0.01, 1]
        )
    ]
    for s, one in zip(settings, readings(settings), strict=True):
        words = one["words"]
        assert 60 < len(words) < 260, words
        assert not re.search(r"undefined|null|object|Infinity|NaN|not a number|  ", words)
        helps = re.search(r"(A lower degree|A higher degree|More strength|Less strength)", words)
        if not helps:
            assert s["degree"] == 0 or "exactly zero" in words or "No other" in words
            continue
        assert one["lowest"]["validation"] * 1.05 < one["error"]
        now = s["degree"] if s["penalty"] == "none" else s["strength"]
        assert (one["lowest"]["at"] > now) == helps[1].endswith(("higher degree", "More strength"))
        assert not re.search(r"^(None|1) of \d+ weights? are", one["weights"])


# ---- the Python class --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("points", [[0, 0]], "3 to 40 pairs"),
        ("points", [[0, 0], [0.1, 3], [0.2, 0]], "y from -2 to 2"),
        ("points", [[0, 0], [1.1, 1], [0.2, 0]], "x from -1 to 1"),
        ("points", [[0, math.nan]] * 4, "finite"),
        ("points", "abc", "pairs"),
        ("points", [[0.0, 0.0]] * 41, "3 to 40"),
        ("seed", -1, "seed"),
        ("count", 4, "count"),
        ("noise", 0.7, "noise"),
        ("degree", 16, "degree"),
        ("penalty", "l3", "penalty"),
        ("strength", 0.0, "strength"),
        ("strength", math.nan, "strength"),
        ("share", 1.0, "share"),
        ("view", "both", "view"),
        ("goal", "another", "goal"),
    ],
)
def test_traits_refuse_what_cannot_be(name, value, message):
    demo = Fit()
    before = getattr(demo, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(demo, name, value)
    assert getattr(demo, name) == before


def test_new_noise_draws_the_points_anew_and_the_page_is_believed():
    mine = np.array([[0, 0], [0.5, 1], [-0.5, -1], [1, 0]])
    demo = Fit(points=mine, seed=7, count=9)
    assert demo.points == mine.tolist()
    np.testing.assert_array_equal(demo.training, mine)
    demo.seed = 8
    assert demo.points == []
    assert demo.training.shape == (9, 2)
    demo.set_state({"points": mine.tolist(), "count": 5})  # a point added on the page
    assert (demo.points, demo.count) == (mine.tolist(), 5)
    demo.noise = 0.1
    assert demo.points == []


def test_text_and_picture_are_stable():
    demo, twin = Fit(), Fit()
    assert repr(demo) == repr(twin)
    assert "degree 15, no penalty, 20 points: training error 0.0113" in repr(demo)
    picture = demo.picture()
    assert picture == twin.picture()
    assert picture.startswith(b"\x89PNG")
    demo.penalty, demo.strength = "l1", 0.0251189
    assert demo.picture() != picture
    assert "L1 of strength 0.0251" in repr(demo)
    assert "12 of 15 weights exactly 0" in repr(demo)
    data, _ = demo._repr_mimebundle_()
    assert data["text/plain"] == repr(demo)


def test_state_is_small():
    state = Fit().get_state()
    traits = {name: value for name, value in state.items() if not name.startswith("_")}
    assert len(json.dumps(traits, default=str)) < 1500
    assert len(state["_esm"]) + len(state["_css"]) < 85_000
