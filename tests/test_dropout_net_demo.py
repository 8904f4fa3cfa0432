"""The dropout demo's arithmetic: JavaScript against the library's layers, and what it claims."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.scratch.losses import BinaryCrossentropy
from twice.widgets import DropoutNet, dropout_net
from twice.widgets.base import Seeded

SCRIPT = "dropout_net.js"
SIZES = [(2, 6), (6,), (6, 6), (6,), (6, 1), (1,)]


def flat(weights):
    return np.concatenate([np.ravel(w) for w in weights])


def split(params):
    ends = np.cumsum([math.prod(shape) for shape in SIZES])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(params, ends), SIZES, strict=True)]


def some_weights(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return [scale * rng.normal(size=shape) for shape in SIZES]


def some_masks(count, seed, keep=2.0):
    return keep * (np.random.default_rng(seed).random((count, 12)) < 0.5)


# ---- the net ------------------------------------------------------------------------------------


def test_points_weights_and_masks_come_from_one_stream():
    data, params, mask = run_js(
        SCRIPT,
        """const { x, y } = demo.makeData(7, data);
        const mask = demo.maskAt(demo.uniforms(data), 3, 0.3, 5);
        return [[[...x], [...y]], [...demo.drawParams(data)], [...mask]];""",
        31,
    )
    x, y = dropout_net.moons(7, 31)
    np.testing.assert_allclose(data[0], x.ravel(), rtol=1e-12)
    assert data[1] == y.ravel().tolist() == [0, 1, 0, 1, 0, 1, 0]
    demo = DropoutNet(seed=4)
    np.testing.assert_allclose(
        run_js(SCRIPT, "return [...demo.drawParams(43)]"), flat(demo.run.kept[0]), rtol=1e-12
    )
    assert len(params) == 67
    stream = Seeded(315)
    u = [stream.next() for _ in range(48)]
    assert mask == [0 if v < 0.3 else 5 for v in u[36:]]


def test_a_higher_rate_drops_the_same_units_and_more():
    masks = run_js(
        SCRIPT,
        """const u = demo.uniforms(2);
        return [0, 0.2, 0.5, 0.9].map((rate) => [...demo.maskAt(u, 11, rate, 1)]);""",
    )
    assert masks[0] == [1] * 12
    for fewer, more in pairwise(masks):
        assert all(a >= b for a, b in zip(fewer, more, strict=True))
    shares = run_js(
        SCRIPT, "return [...demo.uniforms(0)].reduce((n, v) => n + (v < 0.3), 0) / 24000"
    )
    assert shares == pytest.approx(0.3, abs=0.015)


def test_the_way_forward_under_masks_equals_the_librarys_layers():
    weights, masks = some_weights(0), some_masks(9, 1)
    x = np.random.default_rng(2).normal(size=(9, 2))
    found = run_js(
        SCRIPT,
        """const p = Float64Array.from(data.p), m = Float64Array.from(data.masks), a = demo.room();
        return data.x.map(([x0, x1], i) =>
            ({ z: demo.forward(p, x0, x1, m, 12 * i, a), h1: [...a.h1], z2: [...a.z2] }));""",
        {"p": flat(weights).tolist(), "masks": masks.ravel().tolist(), "x": x.tolist()},
    )
    net = dropout_net.network(0)
    net.set_weights(weights)
    dropout_net.set_mask(net, masks)
    steps = list(net.trace(x))
    np.testing.assert_allclose([f["z"] for f in found], steps[-1].ravel(), rtol=1e-12)
    np.testing.assert_allclose([f["h1"] for f in found], steps[1], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose([f["z2"] for f in found], steps[3], rtol=1e-12, atol=1e-14)
    z, _ = dropout_net.outputs(weights, x, masks)
    np.testing.assert_allclose(np.diag(z), steps[-1].ravel(), rtol=1e-12)


def test_the_gradient_under_masks_equals_the_librarys_and_central_differences():
    weights, masks = some_weights(3), some_masks(20, 4)
    x, y = dropout_net.moons(20, 5)
    found = run_js(
        SCRIPT,
        """const set = { x: Float64Array.from(data.x), y: Float64Array.from(data.y), count: 20 };
        const [p, masks] = [data.p, data.masks].map((v) => Float64Array.from(v));
        return [...demo.gradient(p, set, masks, new Float64Array(demo.SIZE))];""",
        {"p": flat(weights).tolist(), "masks": masks.ravel().tolist()}
        | {"x": x.ravel().tolist(), "y": y.ravel().tolist()},
    )
    net, loss = dropout_net.network(0), BinaryCrossentropy(from_logits=True)
    dropout_net.set_mask(net, masks)

    def value(params):
        net.set_weights(split(params))
        return loss.forward(y, net.forward(x))

    value(flat(weights))
    net.backward(loss.backward())
    np.testing.assert_allclose(found, flat(net.grads.values()), rtol=1e-10, atol=1e-13)
    h, params = 1e-6, flat(weights)
    steps = h * np.eye(67)
    numeric = [(value(params + step) - value(params - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(found, numeric, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("rate", "scaling"), [(0.0, "inverted"), (0.5, "inverted"), (0.3, "none")])
def test_training_equals_the_librarys_adam_step_by_step(rate, scaling):
    found = run_js(
        SCRIPT,
        """const run = demo.train(...data);
        return { kept: run.kept.map((p) => [...p]), curve: run.curve };""",
        [1, rate, scaling],
    )
    run = DropoutNet(rate, scaling=scaling, seed=1).run
    assert len(found["kept"]) == len(run.kept) == 101
    for k, tolerance in [(1, 1e-10), (10, 1e-8), (100, 1e-5)]:  # rounding grows with the steps
        np.testing.assert_allclose(found["kept"][k], flat(run.kept[k]), rtol=tolerance, atol=1e-7)
    np.testing.assert_allclose(found["curve"], run.curve, rtol=1e-5)


# ---- means --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "keep"), [(0.0, 1.0), (0.25, 4 / 3), (0.7, 1.0)])
def test_means_over_all_masks_equal_a_plain_sum_over_4096_nets(rate, keep):
    weights = some_weights(6)
    x = np.random.default_rng(7).normal(size=(3, 2))
    found = run_js(
        SCRIPT,
        """const p = Float64Array.from(data.p), chance = demo.chances(data.rate);
        return data.x.map(([a, b]) => [demo.exactMean(p, a, b, data.keep, chance),
            demo.expectations(p, a, b, data.rate, data.keep, 2)]);""",
        {"p": flat(weights).tolist(), "x": x.tolist(), "rate": rate, "keep": keep},
    )
    w1, b1, w2, b2, w3, b3 = weights
    for point, (mean, z) in zip(x, found, strict=True):
        total, unit, output, probability = 0.0, 0.0, 0.0, 0.0
        for bits in product((0, 1), repeat=12):
            mask = keep * np.array(bits)
            chance = math.prod(1 - rate if bit else rate for bit in bits)
            z2 = (np.maximum(point @ w1 + b1, 0) * mask[:6]) @ w2 + b2
            z3 = ((np.maximum(z2, 0) * mask[6:]) @ w3 + b3)[0]
            total += chance
            unit += chance * z2[2]
            output += chance * z3
            probability += chance / (1 + math.exp(-z3))
        assert total == pytest.approx(1)
        assert mean == pytest.approx(probability, rel=1e-10)
        assert z["training"]["unit"] == pytest.approx(unit, rel=1e-10)
        assert z["training"]["output"] == pytest.approx(output, rel=1e-10)
        z2 = np.maximum(point @ w1 + b1, 0) @ w2 + b2
        assert z["test"]["unit"] == pytest.approx(z2[2], rel=1e-10)
        assert z["test"]["output"] == pytest.approx((np.maximum(z2, 0) @ w3 + b3)[0], rel=1e-10)


def test_the_mean_is_kept_exactly_by_scaling_and_shrinks_without():
    for rate in (0.1, 0.5, 0.9):
        for seed in range(3):
            demo = DropoutNet(rate, seed=seed, point=[-1.3, 0.4])
            mean, test = demo.expectations["layer_2"]
            np.testing.assert_allclose(mean, test, rtol=1e-9, atol=1e-12)
    demo = DropoutNet(0.5, scaling="none")
    mean, test = demo.expectations["layer_2"]
    bias = demo.weights[3]
    np.testing.assert_allclose(mean, bias + 0.5 * (test - bias), rtol=1e-9, atol=1e-12)


def test_behind_a_relu_the_mean_is_kept_only_nearly():
    mean, test = DropoutNet(seed=0).expectations["output"]
    assert abs(mean - test) > 0.5
    mean, test = DropoutNet().expectations["output"]
    assert abs(mean - test) > 0.02  # at the point that is shown first
    weights = [np.abs(w) for w in some_weights(8)]  # no relu ever switches: the net is linear
    masks, chance = dropout_net.every_mask(0.4, 1 / 0.6)
    x = np.array([[0.3, 1.2]])
    z, _ = dropout_net.outputs(weights, x, masks)
    full, _ = dropout_net.outputs(weights, x, np.ones((1, 12)))
    assert chance @ z[:, 0] == pytest.approx(full[0, 0], rel=1e-12)


@pytest.mark.parametrize(
    "settings",
    [{"rate": 0.25}, {"rate": 0.5, "seed": 3, "steps": 200}, {"rate": 0.6, "scaling": "none"}],
)
def test_the_ensemble_of_the_page_equals_numpy(settings):
    demo = DropoutNet(masks=60, **settings)
    found = run_js(
        SCRIPT,
        """const e = demo.createEnsemble(Float64Array.from(data.p), data.rate, data.keep,
            demo.uniforms(data.seed));
        while (demo.addExact(e));
        for (let i = 0; i < 60; i++) demo.addMask(e);
        const mean = [...e.sum].map((v) => v / 60);
        return { mean, full: [...e.full], exact: [...e.exact], to_full: e.toFull.slice(1),
            to_exact: e.toExact.slice(1), floor: demo.floorOf(e) };""",
        {"p": flat(demo.weights).tolist(), "rate": demo.rate, "seed": demo.seed}
        | {"keep": dropout_net.keep_factor(demo.rate, demo.scaling)},
    )
    wanted = demo.ensemble
    for name in ("mean", "full", "exact", "to_full", "to_exact"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9, atol=1e-12, err_msg=name)
    assert found["floor"] == pytest.approx(np.abs(wanted["exact"] - wanted["full"]).mean())


def test_more_masks_come_nearer_to_all_masks_but_not_to_the_full_net():
    few, many, floors = [], [], []
    for seed in range(6):
        found = DropoutNet(0.5, seed=seed, masks=1600).ensemble
        few.append(found["to_exact"][15])
        many.append(found["to_exact"][1599])
        floors.append(np.abs(found["exact"] - found["full"]).mean())
        assert found["to_full"][1599] == pytest.approx(floors[-1], abs=0.01)
    assert np.mean(many) < 0.2 * np.mean(few)  # 100 times the masks: a tenth, on average
    assert np.mean(many) > 0.04 * np.mean(few)
    assert min(floors) > 0.02


def test_boundaries_lie_where_the_values_cross():
    values = [1, 1, 1, -1, -1, -3, -1, -1, -3]  # three rows of three
    found = np.reshape(run_js(SCRIPT, "return demo.crossings(data, 3)", values), (-1, 2))
    assert sorted(map(tuple, found)) == [(0, 0.5), (1, 0.5), (1, 0.5), (2, 0.25)]


# ---- the goal and the words ---------------------------------------------------------------------


def test_the_goal_is_honest_over_seeds():
    losses = np.array(
        run_js(
            SCRIPT,
            """return Array.from({ length: 12 }, (_, seed) => Array.from({ length: 19 }, (_, k) =>
                demo.train(seed, k / 20, "inverted").curve.at(-1)[2]));""",
        )
    )
    met = losses < 0.5
    assert not met[:, 0].any()  # without dropout
    assert not met[:, -1].any()  # with too much
    assert met.any(axis=1).sum() >= 9  # reachable with most draws, and with the first
    assert met[3].sum() >= 3
    assert not met[3, 5]  # 0.25, where the demo begins
    best = losses[3].argmin()  # one valley: a step towards it never looks like a mistake
    assert (np.diff(losses[3, : best + 1]) < 0.01).all()
    assert (np.diff(losses[3, best:]) > 0).all()
    assert (losses.min(axis=1) < 0.75 * losses[:, 0]).all()  # the best rate always helps


def test_the_goal_asks_for_what_it_says():
    cases = [
        ((0.5, 1000, 0.499), True),
        ((0.5, 1000, 0.5), False),
        ((0.5, 990, 0.4), False),
        ((0.0, 1000, 0.4), False),
    ]
    for (rate, steps, loss), wanted in cases:
        run = {"rate": rate, "steps": steps, "curve": [[0, 1, 0.1], [steps, 0.2, loss]]}
        assert run_js(SCRIPT, "return demo.goalReached(data)", run) is wanted


@pytest.mark.parametrize(
    ("rate", "scaling", "phrases"),
    [
        (0.0, "inverted", ["Nothing is dropped", "by heart", "never saw"]),
        (0.25, "inverted", ["Better, but it still overfits", "Early stopping"]),
        (0.6, "inverted", ["new ones better", "at step 130 the net without dropout had 0.36"]),
        (0.9, "inverted", ["cannot learn even its own 60 points", "ln 2 = 0.69"]),
        (0.5, "none", ["nothing is scaled", "= 2.00 times"]),
    ],
)
def test_the_sentences_say_what_happened(rate, scaling, phrases):
    text = run_js(
        SCRIPT,
        'return demo.explain(demo.train(0, ...data), demo.train(0, 0, "inverted"));',
        [rate, scaling],
    )
    for phrase in phrases:
        assert phrase in text
    demo = DropoutNet(rate, scaling=scaling, seed=0)
    for run in (demo.run, demo.twin):
        assert f"{run.curve[-1, 2]:.2f}" in text
    for hole in ("undefined", "NaN", "null", "not a number"):
        assert hole not in text


def test_the_ensemble_is_told_with_its_numbers():
    told = run_js(
        SCRIPT,
        """const run = demo.train(0, 0.5, "inverted");
        return [[0.5, 2], [0.5, 1], [0, 1]].map(([rate, keep]) => {
            const e = demo.createEnsemble(run.params, rate, keep, demo.uniforms(0));
            demo.addMask(e);
            const early = demo.compare(e);
            while (demo.addExact(e));
            demo.addMask(e);
            return [early, demo.compare(e)];
        });""",
    )
    assert "One mask’s probabilities differ" in told[0][0]
    assert "thinned nets" not in told[0][0]
    found = DropoutNet(0.5, seed=0, masks=2).ensemble
    far = f"{found['to_full'][1]:.3f}"
    assert f"mean of 2 masks’ probabilities differs from the full net’s by {far}" in told[0][1]
    assert f"is {np.abs(found['exact'] - found['full']).mean():.3f} from it" in told[0][1]
    assert "relu and sigmoid are not" in told[0][1]
    assert "without scaling" in told[1][1]
    assert told[2][0] == told[2][1] == "At a rate of 0 every mask is the full net."


# ---- the Python class ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", -0.1), ("rate", 0.95), ("rate", math.nan), ("scaling", "half"), ("seed", -1),
        ("steps", 5), ("steps", 1010), ("masks", 0), ("masks", 2001), ("unit", 12),
        ("point", [4, 0]), ("point", [1]), ("point", [math.nan, 0]), ("goal", "another"),
    ],
)  # fmt: skip
def test_traits_refuse_what_cannot_be(name, value):
    demo = DropoutNet()
    before = getattr(demo, name)
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(demo, name, value)
    assert getattr(demo, name) == before


def test_text_and_picture_are_stable():
    demo, twin = DropoutNet(0.5, masks=40), DropoutNet(0.5, masks=40)
    assert demo.summary() == twin.summary() == repr(demo)
    assert demo.picture() == twin.picture()
    assert demo.picture().startswith(b"\x89PNG")
    assert demo.summary() == (
        "DropoutNet(rate=0.5, scaling='inverted', seed=3): validation loss 0.59 after 1000 steps, "
        "2.06 without dropout"
    )


@pytest.mark.parametrize(
    "traits", [{"rate": 0.0}, {"rate": 0.9, "masks": 1}, {"steps": 0}, {"scaling": "none"}]
)
def test_every_setting_can_be_drawn(traits):
    assert len(DropoutNet(**traits).picture()) > 5000
