"""The race demo: its JavaScript against twice.scratch, and its Python class."""

import inspect
import json
import math

import numpy as np
import pytest
import traitlets
from js import run_js

from twice.scratch.landscapes import LANDSCAPES, turned
from twice.widgets import Race
from twice.widgets.race import BETAS, DIALS, LOOKS, MOST, OPTIMIZERS, RATES, TARGET, reached

SCRIPT = "race.js"
# What differs from the defaults, for each optimizer, in the second of two races.
OTHERS = {
    "sgd": {"learning_rate": 0.004},
    "momentum": {"momentum": 0.6, "learning_rate": 0.003},
    "nesterov": {"momentum": 0.5, "learning_rate": 0.004},
    "adagrad": {"learning_rate": 0.2},
    "adadelta": {"rho": 0.8, "learning_rate": 2.0},
    "rmsprop": {"rho": 0.7, "momentum": 0.4, "learning_rate": 0.01},
    "adam": {"beta_1": 0.6, "beta_2": 0.9, "learning_rate": 0.03},
    "adamw": {"weight_decay": 0.3, "beta_1": 0.8, "learning_rate": 0.05},
    "nadam": {"beta_1": 0.7, "beta_2": 0.95, "learning_rate": 0.04},
    "amsgrad": {"beta_1": 0.5, "beta_2": 0.8, "learning_rate": 0.06},
    "lion": {"beta_1": 0.7, "beta_2": 0.9, "learning_rate": 0.02},
}
TEAMS = [list(OPTIMIZERS)[:6], list(OPTIMIZERS)[6:]]


def in_js(demo, body):
    """Run `body` with `land`, `start`, `noise` and `settings` as the page has them for `demo`."""
    state = demo.get_state()
    data = {name: state[name] for name in state if not name.startswith("_")}
    data["dial"] = getattr(demo, DIALS[demo.surface])
    return run_js(
        SCRIPT,
        f"""const land = demo.landscape(data.surface, data.dial, data.angle);
        const start = land.toPage(data.start);
        const noise = demo.drawNoise(data.seed, data.steps, data.noise);
        {body}""",
        json.loads(json.dumps(data, default=str)),
    )


RUNS = """return Object.fromEntries(data.optimizers.map((name) => {
    const { xs, ys, losses, reached, diverged } =
        demo.run(land, name, data.settings[name], start, data.steps, noise);
    return [name, { xs: [...xs], ys: [...ys], losses: [...losses], reached, diverged }];
}));"""


# ---- the same numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize(("share", "angle"), [(0.3, 0), (0.8, 33), (1.0, 90)])
def test_surfaces_and_gradients_equal_the_library(name, share, angle):
    trait = Race.class_traits()[DIALS[name]]
    dial = trait.min + share * (trait.max - trait.min)
    demo = Race(name, angle=angle, **{DIALS[name]: dial})
    p = np.random.default_rng(1).uniform(-2, 2, (20, 2))
    values, gradients, minima, start, own = run_js(
        SCRIPT,
        """const land = demo.landscape(data.name, data.dial, data.angle);
        return [data.p.map((p) => land.value(...p)), data.p.map((p) => land.gradient(...p)),
            land.minima, land.toPage(land.start), land.toOwn(land.toPage([0.3, -0.7]))];""",
        {"name": name, "dial": dial, "angle": angle, "p": p.tolist()},
    )
    np.testing.assert_allclose(values, demo.landscape.value(p), rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(gradients, demo.landscape.gradient(p), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(minima, demo.landscape.minima, atol=1e-14)
    np.testing.assert_allclose(start, demo.landscape.start, atol=1e-14)
    assert own == pytest.approx([0.3, -0.7], abs=1e-14)


@pytest.mark.parametrize("name", LANDSCAPES)
@pytest.mark.parametrize("team", TEAMS)
@pytest.mark.parametrize("settings", [{}, OTHERS], ids=["defaults", "others"])
def test_a_hundred_steps_end_where_the_library_ends(name, team, settings):
    demo = Race(name, optimizers=team, settings=settings, steps=100, angle=30, noise=0.5, seed=4)
    theirs = in_js(demo, RUNS)
    for one, (path, losses) in demo.runs.items():
        assert np.isfinite(path).all()
        mine = np.column_stack([theirs[one]["xs"], theirs[one]["ys"]])
        np.testing.assert_allclose(mine, path, rtol=0, atol=1e-9, err_msg=one)
        np.testing.assert_allclose(theirs[one]["losses"], losses, rtol=1e-8, atol=1e-9)
        assert theirs[one]["reached"] == reached(losses)
    moved = [run["xs"][-1] for run in theirs.values()]
    assert len(set(moved)) == len(team)


def test_defaults_ranges_and_names_are_the_same_in_both_languages():
    theirs = run_js(
        SCRIPT,
        """return { optimizers: demo.OPTIMIZERS, surfaces: demo.SURFACES, most: demo.MOST,
            target: demo.TARGET, rates: demo.RATES, betas: demo.BETAS };""",
    )
    assert list(theirs["optimizers"]) == list(OPTIMIZERS) == list(LOOKS)
    for name, (_, _, defaults) in OPTIMIZERS.items():
        assert theirs["optimizers"][name]["settings"] == defaults
        assert theirs["optimizers"][name]["letter"] == LOOKS[name][2]
    assert list(theirs["surfaces"]) == list(LANDSCAPES)
    for name, surface in theirs["surfaces"].items():
        dial, trait = surface["dial"], Race.class_traits()[DIALS[name]]
        assert dial["trait"] == DIALS[name]
        assert (dial["min"], dial["max"], dial["value"]) == (
            trait.min,
            trait.max,
            trait.default_value,
        )
        assert surface["start"] == list(LANDSCAPES[name]().start)
        assert surface["limits"] == np.array(Race(name).landscape.limits).tolist()
    assert theirs["betas"] == BETAS
    assert (theirs["most"], theirs["target"], theirs["rates"]) == (MOST, TARGET, RATES)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_defaults_are_the_library_s_but_for_the_rate(name):
    rule, fixed, settings = OPTIMIZERS[name]
    made = rule(**fixed)
    for key, value in settings.items():
        if key not in ("learning_rate", "momentum"):
            assert getattr(made, key) == value
    assert set(fixed) | set(settings) <= parameters(rule)
    assert made.epsilon == 1e-7


def parameters(rule):
    """The names a class takes, those of the class below it included."""
    own = inspect.signature(rule).parameters
    return set(own) | (parameters(rule.__mro__[1]) if "settings" in own else set())


def test_the_stylesheet_and_the_still_picture_have_the_same_colors():
    css = Race._css.split('[data-tone="dark"]:has(.rc-plots)')[0]
    for name, (color, _, _) in LOOKS.items():
        assert f"--rc-{name}: {color};" in css
    dashed = {name for name, (_, style, _) in LOOKS.items() if style != "-"}
    assert dashed == {"nesterov", "adadelta", "adamw", "nadam", "lion"}
    assert len({(color, style) for color, style, _ in LOOKS.values()}) == len(LOOKS)
    assert len({letter for *_, letter in LOOKS.values()}) == len(LOOKS)


# ---- who is first, and the goal ----------------------------------------------------------------


def test_reached_is_the_step_from_which_the_loss_stays_below_a_thousandth():
    assert reached(np.array([8.0, 1.0, 0.001, 0.5, 0.002, 0.001])) == 4
    assert reached(np.array([8.0, 1.0, 0.001, 0.5])) is None
    assert reached(np.array([8.0, 0.001, np.nan])) is None
    assert reached(np.array([8.0, 1.0, 0.001])) == 2


@pytest.mark.parametrize(("angle", "name"), [(0, "adam"), (45, "adam"), (45, "momentum")])
def test_the_page_tunes_as_python_does(angle, name):
    demo = Race(angle=angle, steps=100)
    rate, step = demo.tuned(name)
    theirs = in_js(
        demo, f"return demo.tune(land, '{name}', data.settings.{name}, start, 100, noise);"
    )
    assert (theirs["rate"], theirs["reached"]) == (rate, step)


def test_tuning_takes_the_lowest_loss_where_no_rate_reaches_the_target():
    demo = Race("ravine", condition=1000, steps=50)
    rate, step = demo.tuned("sgd")
    assert step is None
    assert rate == pytest.approx(2 / 1001, rel=0.3)  # the best rate of gradient descent
    theirs = in_js(demo, "return demo.tune(land, 'sgd', data.settings.sgd, start, 50, noise);")
    assert (theirs["rate"], theirs["reached"]) == (rate, None)


def duel(**traits):
    return in_js(Race(**traits), "return demo.duel(land, start, data.settings.momentum);")


@pytest.mark.parametrize(
    ("condition", "momentum", "rate"), [(50, 0.6, 0.05), (200, 0.71, 0.0158), (1000, 0.81, 0.0033)]
)
def test_the_goal_is_reached_in_a_turned_ravine_only(condition, momentum, rate):
    best = {"momentum": {"momentum": momentum, "learning_rate": rate}}
    turned_by, straight = (duel(angle=a, condition=condition, settings=best) for a in (45, 0))
    assert turned_by["won"] is True
    assert turned_by["reached"] < 0.75 * turned_by["adam"]["reached"]
    assert straight["won"] is False
    assert straight["reached"] == turned_by["reached"]  # it does not feel the angle
    for angle in (0, 45):
        assert duel(angle=angle, condition=condition)["won"] is False  # as it is at first


def test_no_momentum_at_all_beats_adam_along_the_axes():
    adam, least = in_js(
        Race(),
        """const adam = demo.bestAdam(land, start);
        let least = Infinity;
        for (let momentum = 0; momentum < 0.99; momentum += 0.03) {
            const { reached } = demo.tune(land, "momentum", { momentum }, start, 300) ?? {};
            least = Math.min(least, reached ?? Infinity);
        }
        return [adam.reached, least];""",
    )
    assert adam < least < 2 * adam


def test_the_goal_asks_for_more_than_a_rate():
    by_rate = Race(angle=45, steps=300).tuned("momentum")
    assert by_rate[1] > duel(angle=45)["adam"]["reached"]
    plain = {"learning_rate": 2 / 51, "momentum": 0}
    assert duel(angle=45, settings={"momentum": plain})["won"] is False


def test_adam_at_its_best_is_the_best_of_all_settings():
    theirs = in_js(Race(angle=20), "return demo.bestAdam(land, start);")
    steps = {}
    for beta in BETAS:
        demo = Race(angle=20, steps=300, settings={"adam": {"beta_1": beta}})
        rate, step = demo.tuned("adam")
        steps[beta] = (step or math.inf, rate)
    step, _ = min(steps.values())
    assert theirs["reached"] == step == steps[theirs["beta_1"]][0]
    assert theirs["rate"] == steps[theirs["beta_1"]][1]


def test_adam_is_slower_in_a_turned_ravine_and_momentum_is_not():
    straight, turned_by = Race(), Race(angle=45)
    assert turned_by.reached["momentum"] == straight.reached["momentum"]
    assert turned_by.reached["sgd"] == straight.reached["sgd"]
    longer = Race(angle=45, steps=300).reached["adam"]
    assert longer > 2 * straight.reached["adam"]


def standing(k, **traits):
    return in_js(
        Race(**traits),
        f"""return demo.standing(data.optimizers.map((name) =>
            demo.run(land, name, data.settings[name], start, data.steps, noise)), {k});""",
    )


def test_the_sentence_names_the_leader_the_late_and_the_diverged():
    fast = {"sgd": {"learning_rate": 0.05}}
    demo = Race(settings=fast)
    text = standing(150, settings=fast)
    first = min((v, k) for k, v in demo.reached.items() if v is not None)
    assert f"{first[1].capitalize()} leads: below a thousandth of the first loss" in text
    assert f"from step {first[0]} on" in text
    assert "SGD (step " in text
    assert "diverged: this rate is too large here" in text
    losses = demo.runs["sgd"][1]
    step = int(np.argmax(losses > 10 * losses[0]))
    assert f"SGD (step {step})" in text
    early = standing(2, settings=fast)
    assert "Nobody stays below" in early
    assert "diverged" not in early
    assert standing(0).startswith("All 4 start here, at loss 28.1.")
    assert standing(0, optimizers=["lion"]).startswith("One starts here")
    assert "nowhere to go" in standing(9, start=[0, 0])
    assert standing(9, optimizers=[]).startswith("Choose an optimizer")


def test_labels_keep_their_distance_inside_the_frame():
    cases = [[50, 50, 50], [0, 1, 100], [99, 98, 97, 96], [10, 60, 20], [5]]
    for placed in run_js(SCRIPT, "return data.map((w) => demo.spread(w, 18, 0, 100));", cases):
        placed = np.array(placed)
        assert np.diff(np.sort(placed)).min(initial=18) >= 18 - 1e-9
        assert placed.min() >= 0
        assert placed.max() <= 100
    assert run_js(SCRIPT, "return demo.spread([10, 60, 90], 18, 0, 100);") == [10, 60, 90]


def test_contour_lines_lie_on_their_level():
    ends = run_js(
        SCRIPT,
        """const land = demo.landscape("saddle", 2, 30);
        const levels = [0.4, 1, 6];
        const lines = demo.contours(demo.heights(land, 110), 110, levels);
        return lines.map((line) => Array.from({ length: line.length / 2 }, (_, k) =>
            [line[2 * k], line[2 * k + 1]].map((v) => -3 + (6 * v) / 110)));""",
    )
    surface = turned(LANDSCAPES["saddle"](2), 30)
    for level, points in zip([0.4, 1, 6], ends, strict=True):
        points = np.array(points)
        assert len(points) > 100
        height = surface.value(points)
        slope = np.linalg.norm(surface.gradient(points), axis=1)
        assert np.abs(height - level).max() < 0.02 * (1 + slope.max())


# ---- the Python class --------------------------------------------------------------------------


def test_settings_are_completed_with_the_defaults():
    demo = Race(settings={"adam": {"learning_rate": 0.3}})
    assert demo.settings["adam"] == {"learning_rate": 0.3, "beta_1": 0.9, "beta_2": 0.999}
    assert demo.settings["lion"] == OPTIMIZERS["lion"][2]
    assert Race().settings["adam"]["learning_rate"] == 0.1  # nothing is shared


def test_a_surface_brings_its_start_and_the_length_the_step():
    demo = Race(start=(1, 1))
    assert demo.start == [1, 1]
    demo.surface = "rosenbrock"
    assert demo.start == [-1.2, 1]
    assert Race(steps=400).step == 400
    assert Race(steps=400, step=7).step == 7


def test_what_the_page_sends_together_is_taken_together():
    demo = Race()
    demo.set_state({"surface": "rosenbrock", "start": [-1, 0.5], "step": 10})
    assert (demo.surface, demo.start, demo.step) == ("rosenbrock", [-1, 0.5], 10)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"optimizers": list(OPTIMIZERS)[:7]}, "at most 6 different names"),
        ({"optimizers": ["adam", "adam"]}, "at most 6 different names"),
        ({"optimizers": ["adamm"]}, "adamm"),
        ({"settings": {"adams": {}}}, "no optimizer 'adams'"),
        ({"settings": {"sgd": {"momentum": 0.5}}}, "sgd has learning_rate; not 'momentum'"),
        ({"settings": {"adam": {"beta_1": 1.0}}}, "beta_1 of adam must be .* 0 to 0.999, not 1.0"),
        ({"settings": {"adam": {"beta_1": math.nan}}}, "must be a number"),
        ({"start": (3, 3)}, "start must be within 3 of the middle"),
        ({"start": (1, 2, 3)}, "start must be two numbers"),
        ({"surface": "rosenbrock", "start": (-2.5, 1)}, "within 2 of the middle"),
        ({"condition": 0.5}, "condition"),
        ({"angle": math.nan}, "angle must be a finite number"),
    ],
)
def test_bad_traits_are_refused_with_what_is_expected(traits, message):
    with pytest.raises(traitlets.TraitError, match=message):
        Race(**traits)


def test_summary_and_picture():
    demo = Race(settings={"sgd": {"learning_rate": 5.0}})
    text = repr(demo)
    assert text.startswith("Race('ravine', condition=50, angle=0, noise=0): steps to a thousandth")
    order = sorted((v, k) for k, v in demo.reached.items() if v is not None)
    assert ", ".join(f"{name} {step}" for step, name in order) in text
    assert text.endswith("not in 150: sgd")
    assert demo.picture()[:4] == b"\x89PNG"
    assert "nobody" in repr(Race(optimizers=[]))
    assert Race("bumpy", optimizers=[], step=0).picture()[:4] == b"\x89PNG"
    assert Race(start=(0, 0), step=3).picture()[:4] == b"\x89PNG"
