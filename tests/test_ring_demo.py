"""The GAN on a ring: its JavaScript against NumPy and twice.scratch, and its Python class."""

import math
import re

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.data import ring, ring_centers
from twice.scratch.adaptive import Adam
from twice.scratch.sample_quality import good_share, mode_counts, modes_covered
from twice.widgets import Ring
from twice.widgets.base import Seeded
from twice.widgets.ring import LEAST, LOSSES, MODES, SPREAD, WITHIN, real_points

SCRIPT = "ring.js"
SETTINGS = ("loss", "generator_rate", "discriminator_rate", "critic_steps", "latent", "seed")
MENDED = {"generator_rate": 0.001, "discriminator_rate": 0.001}
BATCH = 64


def settings(**traits):
    """The settings of a demo, as its JavaScript holds them."""
    demo = Ring(**traits)
    return {name: getattr(demo, name) for name in SETTINGS}


def flat(weights):
    return np.concatenate([np.ravel(part) for pair in weights for part in pair])


# ---- the same numbers --------------------------------------------------------------------------


def test_the_real_points_are_those_of_python_and_of_the_librarys_ring():
    x, centers = run_js(
        SCRIPT,
        """const x = new Float64Array(1000);
        demo.drawReal(demo.seeded(7), x, 400, 100);
        return [[...x], demo.CENTERS];""",
    )
    x = np.reshape(x, (-1, 2))
    assert (x[:100] == 0).all()  # drawn from row 100 on
    np.testing.assert_allclose(x[100:], real_points(400, 7), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(centers, ring_centers(), atol=1e-14)
    # and of the same law as the library's
    theirs, _ = ring(4000, spread=SPREAD, rng=np.random.default_rng(0))
    ours = real_points(4000, 3)
    for points in (ours, theirs):
        counts = mode_counts(points, ring_centers(), WITHIN)
        assert counts.sum() > 0.98 * 4000
        assert counts.min() > 400
    spread = [np.std(p - ring_centers()[nearest(p)], axis=0) for p in (ours, theirs)]
    np.testing.assert_allclose(spread, SPREAD, rtol=0.05)


def nearest(points):
    return np.linalg.norm(points[:, None] - ring_centers(), axis=2).argmin(axis=1)


@pytest.mark.parametrize(("latent", "seed"), [(1, 0), (2, 3), (16, 9999)])
def test_first_weights_and_first_points_are_the_same_in_both_languages(latent, seed):
    weights, x, counts, steps = run_js(
        SCRIPT,
        """const run = demo.createRun(data);
        return [demo.weightsOf(run), [...run.now.x], run.now.counts, run.steps];""",
        settings(latent=latent, seed=seed),
    )
    demo = Ring(latent=latent, seed=seed)
    ours = [*demo.gan.generator.get_weights(), *demo.gan.discriminator.get_weights()]
    for mine, theirs in zip(ours, [w for pair in weights for w in pair], strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(np.reshape(x, (-1, 2)), demo.samples, rtol=1e-11, atol=1e-13)
    assert counts == demo.counts.tolist()
    assert steps == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_the_losses_are_the_librarys(loss):
    logits = np.array([-700.0, -30.0, -2.0, 0.0, 0.5, 3.0, 800.0])
    theirs = run_js(
        SCRIPT,
        """return ["real", "fake", "generator"].map((who) =>
            data.z.map((z) => demo.LOSSES[data.loss][who](z)));""",
        {"loss": loss, "z": logits.tolist()},
    )
    game = LOSSES[loss]()
    for rule, found in zip((game.real, game.fake, game.generator), theirs, strict=True):
        for z, (value, slope) in zip(logits, found, strict=True):
            mine, slopes = rule(np.array([[z]]))
            assert value == pytest.approx(mine, rel=1e-12, abs=1e-300)
            assert slope == pytest.approx(slopes.item(), rel=1e-12, abs=1e-300)


class Stream(Seeded):
    """The stream of the page, for whole arrays: points of the ring, noise, numbers in [0, 1)."""

    def real(self, count):
        points = []
        for _ in range(count):
            center = ring_centers()[math.floor(MODES * self.next())]
            points.append([c + SPREAD * self.normal() for c in center])
        return np.array(points)

    def noise(self, *shape):
        return np.array([self.normal() for _ in range(math.prod(shape))]).reshape(shape)


def penalty_by_hand(weights, x, size=1.0):
    """size * mean (|dD/dx| - 1)^2 of the discriminator's flat weights at x."""
    (w1, b1), (w2, b2), (w3, _) = weights
    z1 = x @ w1 + b1
    s1 = np.where(z1 > 0, 1, 0.2)
    s2 = np.where((z1 * s1) @ w2 + b2 > 0, 1, 0.2)
    slope = ((s2 * w3[:, 0]) @ w2.T * s1) @ w1.T
    return size * np.mean((np.linalg.norm(slope, axis=1) - 1) ** 2)


def pairs(vector):
    """The discriminator's flat parameters as (kernel, bias) pairs."""
    found, at = [], 0
    for (n, m), _ in Ring().shapes[3:]:
        kernel, bias = vector[at : at + n * m].reshape(n, m), vector[at + n * m :][:m]
        found.append((kernel, bias))
        at += (n + 1) * m
    return found


def test_the_gradient_penalty_equals_numpy_and_its_gradient_central_differences():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(BATCH, 2))
    value, added, params = run_js(
        SCRIPT,
        """const { discriminator: net } = demo.createRun(data.settings);
        net.grads.fill(0.5); // what is there stays
        const room = demo.workspace(net, 64);
        room[0].a.set(data.x);
        const value = demo.addPenalty(net, room, 64, 3);
        return [value, [...net.grads], [...net.params]];""",
        {"settings": settings(seed=4), "x": x.ravel().tolist()},
    )
    params, added = np.array(params), np.array(added) - 0.5
    assert value == pytest.approx(penalty_by_hand(pairs(params), x, 3), rel=1e-12)
    some = rng.choice(len(params), 120, replace=False)
    for i in [*some, *range(64)]:
        moved = []
        for step in (1e-6, -1e-6):
            there = params.copy()
            there[i] += step
            moved.append(penalty_by_hand(pairs(there), x, 3))
        assert added[i] == pytest.approx((moved[0] - moved[1]) / 2e-6, abs=2e-6)


def penalty_gradients(net, x, size):
    """The penalty and its gradients for a scratch net, by pairing the direction with the deltas."""
    value = penalty_by_hand(pairs(np.concatenate([w.ravel() for w in net.get_weights()])), x, size)
    w1, b1, w2, b2, w3, _ = net.get_weights()
    s1 = np.where(x @ w1 + b1 > 0, 1, 0.2)
    s2 = np.where(((x @ w1 + b1) * s1) @ w2 + b2 > 0, 1, 0.2)
    d2 = s2 * w3[:, 0]
    d1 = (d2 @ w2.T) * s1
    g = d1 @ w1.T
    norm = np.linalg.norm(g, axis=1, keepdims=True)
    v = 2 * size / len(x) * (norm - 1) * g / norm
    u1 = (v @ w1) * s1
    u2 = (u1 @ w2) * s2
    grads = [v.T @ d1, 0 * b1, u1.T @ d2, 0 * b2, u2.sum(axis=0)[:, None], np.zeros(1)]
    return value, dict(zip(net.grads, grads, strict=True))


@pytest.mark.parametrize(
    "traits",
    [
        {"loss": "minimax", "latent": 1},
        {"loss": "non_saturating", "critic_steps": 2, "discriminator_rate": 0.003},
        {"loss": "wasserstein_clip", "latent": 5},
        {"loss": "wasserstein_penalty", "critic_steps": 3, "generator_rate": 0.001},
    ],
)
def test_a_game_equals_the_scratch_library_step_by_step(traits):
    s = settings(seed=2, **traits)
    theirs = run_js(
        SCRIPT,
        """const run = demo.createRun(data);
        return Array.from({ length: 6 }, () => {
            demo.play(run, data);
            return [demo.weightsOf(run), [...run.losses]];
        });""",
        s,
    )
    demo = Ring(seed=2, **traits)
    gan, stream = demo.gan, Stream(10 * 2 + 3)
    to_g, to_d = (Adam(s[f"{who}_rate"], beta_1=0.5) for who in ("generator", "discriminator"))
    for weights, losses in theirs:
        for _ in range(s["critic_steps"]):
            real, noise = stream.real(BATCH), stream.noise(BATCH, s["latent"])
            if s["loss"] == "wasserstein_penalty":
                share = np.array([[stream.next()] for _ in range(BATCH)])

                def penalty(net, real, fake, share=share):
                    return penalty_gradients(net, share * real + (1 - share) * fake, 1.0)

                gan.penalty = penalty
            logs = gan.discriminator_step(real, noise, to_d)
            if s["loss"] == "wasserstein_clip":
                for p in gan.discriminator.params.values():
                    np.clip(p, -0.1, 0.1, out=p)
        logs |= gan.generator_step(stream.noise(BATCH, s["latent"]), to_g)
        mine = [logs["discriminator_loss"] + logs.get("penalty", 0), logs["generator_loss"]]
        np.testing.assert_allclose(losses, mine, rtol=1e-8, atol=1e-10)
        ours = [*gan.generator.get_weights(), *gan.discriminator.get_weights()]
        np.testing.assert_allclose(
            flat(weights), np.concatenate([w.ravel() for w in ours]), rtol=1e-6, atol=1e-8
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_the_arrows_are_minus_the_generators_gradient_at_its_points(loss):
    x = np.random.default_rng(1).normal(size=(8, 2))
    found = run_js(
        SCRIPT,
        """const run = demo.createRun(data.settings);
        const room = demo.workspace(run.discriminator, 8);
        room[0].a.set(data.x);
        return [...demo.pulls(run, data.settings.loss, room, 8)];""",
        {"settings": settings(loss=loss, seed=6), "x": x.ravel().tolist()},
    )
    gan = Ring(loss=loss, seed=6).gan
    wanted = np.zeros_like(x)
    for i, axis in np.ndindex(x.shape):
        ends = []
        for step in (1e-6, -1e-6):
            there = x[i : i + 1].copy()
            there[0, axis] += step
            ends.append(gan.loss.generator(gan.discriminator.forward(there))[0])
        wanted[i, axis] = -(ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose(np.reshape(found, (-1, 2)), wanted, rtol=1e-5, atol=1e-8)


def test_colors_are_the_probability_or_a_critics_score_about_the_middle():
    body = """const run = demo.createRun(data);
        for (let t = 0; t < 3; t++) demo.play(run, data);
        const room = demo.workspace(run.discriminator, 50);
        for (let i = 0; i < 100; i++) room[0].a[i] = Math.sin(i);
        const p = demo.realness(run, data.loss, room, 50);
        return [[...p], [...room.at(-1).a], [...run.rooms.d.at(-1).a]];"""
    p, z, _ = map(np.array, run_js(SCRIPT, body, settings(loss="minimax")))
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-z)), rtol=1e-12)
    p, z, batch = map(np.array, run_js(SCRIPT, body, settings(loss="wasserstein_penalty")))
    away = z - batch.mean()
    np.testing.assert_allclose(p, 0.5 + 0.5 * away / np.abs(away).max(), rtol=1e-12)
    assert 0 <= p.min() <= p.max() <= 1


# ---- training ----------------------------------------------------------------------------------


def train(runs, steps, least=0):
    """Play each game until its goal is met, or to the end: what was counted there."""
    return run_js(
        SCRIPT,
        """return data.runs.map((s) => {
            const run = demo.createRun(s);
            const seen = [];
            while (run.steps < data.steps && !(run.steps >= data.least && demo.goalReached(run))) {
                demo.play(run, s);
                if (run.steps % 100 === 0) seen.push(run.now.covered);
            }
            const { now, steps, since } = run;
            return { steps, since, seen, counts: now.counts, covered: now.covered,
                good: now.good, x: [...now.x], met: demo.goalReached(run),
                weights: demo.weightsOf(run), text: demo.explain(s, run) };
        });""",
        {"runs": runs, "steps": steps, "least": least},
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_opening_collapses(seed):
    [answer] = train([settings(seed=seed)], 1200)
    assert not answer["met"]
    assert max(answer["seen"]) <= 3
    assert np.mean(answer["seen"]) < 1.5
    assert np.std(np.reshape(answer["x"], (-1, 2)), axis=0).max() < 0.9  # the ring's: 1.4
    assert "learns 20 times faster than the discriminator" in answer["text"]


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_rates_cover_all_eight_modes_and_python_counts_the_same(seed):
    [answer] = train([settings(seed=seed, **MENDED)], 3500)  # 1800 to 1840 steps for seeds 0 to 2
    assert answer["met"]
    assert answer["steps"] - answer["since"] == 500
    assert f"All eight modes are covered since step {answer['since']}" in answer["text"]
    demo = Ring(seed=seed, weights=answer["weights"], steps=answer["steps"], **MENDED)
    np.testing.assert_allclose(np.reshape(answer["x"], (-1, 2)), demo.samples, atol=1e-9)
    assert (demo.counts.tolist(), demo.covered) == (answer["counts"], 8)
    assert modes_covered(demo.samples, ring_centers(), WITHIN, least=LEAST) == 8
    assert good_share(demo.samples, ring_centers(), WITHIN) == pytest.approx(answer["good"])


def test_the_goal_wants_all_eight_for_500_steps_without_a_gap():
    cases = [(None, 9000), (1000, 1499), (1000, 1500), (0, 500), (0, 900, 401), (0, 901, 401)]
    assert run_js(
        SCRIPT,
        "return data.map(([since, steps, from]) => demo.goalReached({ since, steps, from }));",
        [[*case, 0][:3] for case in cases],
    ) == [False, False, True, True, False, True]


def test_a_game_is_broken_by_few_modes_for_500_steps_after_its_beginning():
    cases = [(None, 9000, 0), (0, 1499, 0), (0, 1500, 0), (1200, 1699, 0), (1200, 1700, 0)]
    cases += [(1200, 1700, 1300), (1200, 1800, 1300)]
    assert run_js(
        SCRIPT,
        "return data.map(([low, steps, from]) => demo.isBroken({ low, steps, from }));",
        cases,
    ) == [False, False, True, False, True, False, True]


def judge(mends, broken, traits, **run):
    run = {"since": None, "low": None, "steps": 2000, "from": 0} | run
    found = run_js(
        SCRIPT,
        """const next = demo.judge(data.state, data.settings, data.run);
        return [next.mends, next.broken];""",
        {
            "state": {"mends": mends, "broken": broken},
            "settings": settings(**traits),
            "run": run,
        },
    )
    return tuple(found)


def test_each_round_wants_a_new_break_and_then_another_setting_that_holds():
    opening, good = "Non-saturating; rates 0.01 and 0.0005", "Non-saturating; rates 0.001 and 0.001"
    late = "Non-saturating; rates 0.001 and 0.01"
    won = [[opening, f"{good} (steps 1200 to 2000)"]]
    fast = {"generator_rate": 0.001, "discriminator_rate": 0.01}
    # the first round mends the opening, or holds what it was given
    assert judge([], opening, MENDED, since=1200) == (won, "")
    assert judge([], good, MENDED, since=1200) == ([["", won[0][1]]], "")
    assert judge([], opening, {}, low=0) == ([], opening)
    # the second: not the same break again, none while the game holds, then a new one
    assert judge(won, "", {}, low=0) == (won, "")
    assert judge(won, "", MENDED, since=1200) == (won, "")
    assert judge(won, "", fast, low=1600) == (won, "")
    assert judge(won, "", fast, low=1500) == (won, late)
    # what fails as well leaves it broken; what holds mends it; the same that holds was only slow
    assert judge(won, late, {"loss": "minimax"}, low=0) == (won, late)
    after = [*won, [late, f"{good} (steps 1400 to 2000)"]]
    assert judge(won, late, MENDED, since=1400) == (after, "")
    assert judge(won, late, fast, since=1400) == (won, "")
    # all 500 steps with what is set now
    assert judge(won, late, MENDED, since=1400, **{"from": 1600}) == (won, late)


def test_the_task_says_what_comes_next():
    won = [["a", "b"]]
    cases = [[[], "", False], [won, "", True], [won, "", False], [won, "c", False]]
    cases += [[[*won, ["c", "d"]], "", True]]
    first, met, reset, broken, second = run_js(
        SCRIPT,
        "return data.map(([mends, broken, met]) => demo.task({ mends, broken }, met));",
        cases,
    )
    assert first == ""  # the trait `goal`
    assert met == "All eight modes held: b. Next: press Reset, and break it in another way."
    assert reset.startswith("Round 2. Break it in another way: at most 5 modes for 500 steps")
    assert broken.startswith("Round 2. Broken: c. Now mend that")
    assert second.startswith("All eight modes held: d. Broken and mended!")


@pytest.mark.parametrize("rates", [(0.001, 0.01), (0.1, 0.1)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_ways_to_break_it_that_are_hinted_at_break_it(rates, seed):
    hint = run_js(SCRIPT, "return demo.task({ mends: [['a', 'b']], broken: '' }, false);")
    assert "a generator rate of 0.001 and a discriminator rate of 0.01, or 0.1 for both" in hint
    steps = run_js(
        SCRIPT,
        """const run = demo.createRun(data);
        while (run.steps < 2500 && !demo.isBroken(run)) demo.play(run, data);
        return run.steps;""",
        settings(seed=seed, generator_rate=rates[0], discriminator_rate=rates[1]),
    )
    assert 1500 <= steps < 2500


def test_a_game_that_forgot_modes_seldom_finds_them_again():
    """Why the page says Reset: what mends a fresh game does not mend this one."""
    covered = run_js(
        SCRIPT,
        """const run = demo.createRun(data.broken);
        while (run.steps < 1500) demo.play(run, data.broken);
        while (run.steps < 3500) demo.play(run, data.mended);
        return run.now.covered;""",
        {
            "broken": settings(generator_rate=0.001, discriminator_rate=0.01),
            "mended": settings(**MENDED),
        },
    )
    assert covered <= 5


def test_curves_are_drawn_as_bands_and_arrows_by_the_typical_pull():
    rows = [[20 * k, 0, 0, k % 3] for k in range(1, 8)]
    groups, single, size = run_js(
        SCRIPT,
        """return [demo.bands(data, 3, 3), demo.bands(data, 3, 9),
            demo.typical(Float64Array.of(3, 4, 0, 1, -10, 0, 0, 0, 0, 2))];""",
        rows,
    )
    assert groups == [[40, 0, 1, 2], [100, 0, 1, 2], [140, 1, 1, 1]]
    assert single == [[row[0], row[3], row[3], row[3]] for row in rows]
    assert size == 2


def test_the_history_holds_the_mean_losses_since_its_last_row():
    losses, rows = run_js(
        SCRIPT,
        """const run = demo.createRun(data, demo.weightsOf(demo.createRun(data)), 1210);
        const losses = [];
        while (run.steps < 1240) { demo.play(run, data); losses.push([...run.losses]); }
        return [losses, run.history.rows];""",
        settings(seed=5, critic_steps=2),
    )
    assert [row[0] for row in rows] == [1220, 1240]
    np.testing.assert_allclose(rows[0][1:3], np.mean(losses[:10], axis=0), rtol=1e-12)
    np.testing.assert_allclose(rows[1][1:3], np.mean(losses[10:], axis=0), rtol=1e-12)
    assert all(0 <= row[3] <= 8 for row in rows)


def test_a_run_is_a_matter_of_its_seed_and_settings_alone():
    once, again, other = train(
        [settings(seed=1, **MENDED), settings(seed=1, **MENDED), settings(seed=2, **MENDED)], 60
    )
    assert once == again
    assert once["x"] != other["x"]


def test_a_long_run_stays_small_and_its_history_is_even():
    sizes = run_js(
        SCRIPT,
        """const run = demo.createRun(data);
        const rooms = run.rooms.d;
        const sizes = [];
        // the points do not matter here: count the steps only
        for (const end of [7980, 8000, 8020, 9600]) {
            run.steps = end - 20;
            const { rows: list } = run.history;
            if (end === 7980) for (let k = 1; k < 399; k++) list.push([20 * k, 0, 0, 0]);
            for (let t = 0; t < 20; t++) demo.play(run, data);
            const { every, rows } = run.history;
            sizes.push([every, rows.length, rows.map((row) => row[0])]);
        }
        return [sizes, rooms === run.rooms.d];""",
        settings(),
    )
    (first, full, after, late), same = sizes
    assert same
    assert first[:2] == [20, 399]
    assert full[:2] == [40, 200]  # every other one went
    assert full[2] == list(range(40, 8001, 40))
    assert after == full  # 8020 is between two
    assert late[2][-1] == 9600


# ---- words -------------------------------------------------------------------------------------


def explain(**state):
    """What is said of a made-up state: now, steps, since, rows, settings."""
    now = {"counts": [50] * 8, "covered": 8, "good": 0.9} | state.pop("now", {})
    return run_js(
        SCRIPT,
        """const run = demo.createRun(data.settings);
        const x = data.spread ? run.now.x.map((_, i) => (i % 3) - 1) : run.now.x;
        Object.assign(run, { ...data.run, now: { ...data.now, x: x.map((v) => 3 * v) } });
        if (!data.spread) run.now.x.fill(1);
        if (data.broken) run.generator.params[3] = NaN;
        return demo.explain(data.settings, run);""",
        {
            "settings": settings(**state.pop("traits", {})),
            "now": now,
            "spread": state.pop("spread", True),
            "broken": state.pop("broken", False),
            "run": {"since": None, "steps": 2000, "history": {"rows": [[2000, 1.4, 0.7, 5]] * 10}}
            | state,
        },
    ).replace("\u00a0", " ")


def test_what_is_said_follows_from_what_was_counted():
    assert "Press Train" in explain(steps=0)
    assert "no longer numbers" in explain(broken=True)
    assert "All eight modes are covered since step 900; 90 %" in explain(since=900)
    assert "covered since step 2010" in explain(since=None, steps=2010)  # between two counts
    assert "cross the gaps" in explain(since=900, now={"good": 0.5})
    assert "cross the gaps" not in explain(since=900)
    five = {"covered": 5, "counts": [50] * 5 + [0] * 3}
    assert "The 3 missed ones have no points nearby" in explain(now=five)
    seven = {"covered": 7, "counts": [50] * 7 + [9]}
    rows = {"rows": [[2000, 1.4, 0.7, 7]] * 10}
    assert "The missed one has no points nearby" in explain(now=seven, history=rows)
    rows = {"rows": [[2000, 1.4, 0.7, 7], *[[2000, 1.4, 0.7, 5]] * 9]}
    assert "follow the arrows" in explain(now=five, history=rows)
    sure = {"rows": [[2000, 0.31, 2.7, 5]] * 10}
    text = explain(now=five, history=sure)
    assert "hard to fool (its loss is 0.31; guessing costs 1.39)" in text
    assert "minimax loss is flat" in explain(now=five, history=sure, traits={"loss": "minimax"})
    critic = explain(now=five, history=sure, traits={"loss": "wasserstein_clip"})
    assert "hard to fool" not in critic
    one = {"covered": 1, "counts": [400] + [0] * 7, "good": 1}
    assert "learns 20 times faster" in explain(now=one, spread=False)
    assert "Reset starts afresh" in explain(now=one, spread=False, traits=MENDED)


# ---- the Python class --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "traits",
    [
        {"loss": "hinge"},
        {"generator_rate": 0},
        {"generator_rate": math.nan},
        {"discriminator_rate": math.inf},
        {"critic_steps": 0},
        {"critic_steps": 6},
        {"latent": 17},
        {"latent": 0},
        {"seed": -1},
        {"speed": "warp"},
        {"probe": [0.0]},
        {"probe": [0.0, 3.1]},
        {"weights": [1, 2]},
        {"weights": [[[[1.0]], [0.0]]]},
        {"steps": -1},
        {"goal": "mine"},
        {"mends": [["once"]]},
        {"broken": 3},
    ],
)
def test_a_trait_refuses_what_makes_no_sense(traits):
    with pytest.raises(traitlets.TraitError):
        Ring(**traits)


def test_a_misfit_of_weights_names_the_shapes():
    weights = [[np.zeros(w), np.zeros(b)] for w, b in Ring(latent=3).shapes]
    assert Ring(latent=3, weights=weights).covered == 0
    with pytest.raises(traitlets.TraitError, match=r"latent=2, not \[\(\(3, 32\)"):
        Ring(latent=2, weights=weights)


def test_another_seed_or_latent_begins_anew_unless_the_page_says_so():
    weights = [[np.ones(w), np.ones(b)] for w, b in Ring().shapes]
    demo = Ring(weights=weights, steps=50)
    demo.loss, demo.generator_rate = "minimax", 0.001
    assert (len(demo.weights), demo.steps) == (6, 50)
    demo.latent = 3
    assert (demo.weights, demo.steps) == ([], 0)
    demo = Ring()
    lists = [[w.tolist(), b.tolist()] for w, b in weights]
    demo.set_state({"seed": 4, "weights": lists, "steps": 12, "goal_met": True})
    assert (demo.seed, demo.weights, demo.steps, demo.goal_met) == (4, lists, 12, True)


def test_summary_and_picture_are_stable():
    demo, twin = (Ring(loss="wasserstein_penalty", seed=3) for _ in range(2))
    assert repr(demo) == repr(twin)
    assert re.fullmatch(
        r"Ring\('wasserstein_penalty', rates 0\.01 and 0\.0005, seed=3\): step 0, \d of 8 modes "
        r"covered, \d+% of the points near a center",
        repr(demo),
    )
    assert demo.picture() == twin.picture()
    assert demo.picture().startswith(b"\x89PNG")
    assert len(Ring().picture()) > 20_000
    data, _ = demo._repr_mimebundle_()
    assert data["text/plain"] == repr(demo)


def test_every_trait_is_documented():
    for name in (
        *SETTINGS,
        *["speed", "arrows", "probe", "mends", "broken", "running", "steps", "weights"],
    ):
        trait = Ring.class_traits()[name]
        assert trait.help
        assert trait.metadata.get("sync")
