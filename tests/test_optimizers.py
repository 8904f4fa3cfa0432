"""Optimizers: a hundred steps beside Keras's, every setting varied; bad input."""

import inspect
from unittest import mock

import numpy as np
import pytest

from twice import parity
from twice.parity import keras
from twice.scratch import adaptive, layerwise, optimizers
from twice.scratch.clipping import Clipped
from twice.scratch.gradient_descent import SGD


class Aliased(adaptive.ScheduleFreeAdamW):
    """Keras 3.15 on TensorFlow keeps "the old momentum", gets a view of it and reads the new one.

    The step the paper describes needs the old one, as on the other backends.
    """

    def change(self, w, g, rate):
        rate *= min(1.0, self.t / self.warmup_steps) if self.warmup_steps else 1.0
        z = self.memory("steps", w)
        v = optimizers.average(self.memory("squares", w), g * g, self.beta_2)
        z -= rate * g / (np.sqrt(v / optimizers.bias(self.beta_2, self.t)) + self.epsilon)
        x = (w - (1 - self.beta_1) * z) / self.beta_1
        x += (z - x) / self.t
        return (1 - self.beta_1) * z + self.beta_1 * x - w


SETTINGS = {  # what is varied beside the defaults
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "Adagrad": [{"initial_accumulator_value": 0.0, "epsilon": 1e-3}],
    "Adadelta": [{"learning_rate": 1.0}, {"rho": 0.6, "epsilon": 1e-4, "learning_rate": 0.5}],
    "RMSprop": [
        {"rho": 0.6, "momentum": 0.9, "epsilon": 1e-3},
        {"centered": True, "epsilon": 1e-2, "momentum": 0.7},
    ],
    "Ftrl": [
        {"initial_accumulator_value": 0.3},
        {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.02},
    ],
    "Adam": [{"beta_1": 0.7, "beta_2": 0.9}, {"amsgrad": True, "epsilon": 1e-3}],
    "AdamW": [{"beta_1": 0.6}, {"amsgrad": True}],
    "Adamax": [{"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2}],
    "Nadam": [{"beta_1": 0.6, "beta_2": 0.8, "epsilon": 1e-2}],
    "Lion": [{"beta_1": 0.6, "beta_2": 0.8}],
    "ScheduleFreeAdamW": [{"beta_1": 0.8, "beta_2": 0.99, "warmup_steps": 30, "epsilon": 1e-3}],
    "Lamb": [{"beta_1": 0.6, "beta_2": 0.8, "epsilon": 1e-2}],
    "Adafactor": [
        {"beta_2_decay": -0.6, "epsilon_1": 1e-3, "epsilon_2": 0.1},
        {"clip_threshold": 0.5, "learning_rate": 0.3},
    ],
    "Muon": [
        {"momentum": 0.8, "nesterov": False, "ns_steps": 3},
        {"rms_rate": 0.1, "epsilon": 1e-3},
    ],
}
CASES = [
    (name, settings)
    for name, varied in SETTINGS.items()
    for settings in [{}, *varied, {"weight_decay": 0.1}, {**varied[-1], "weight_decay": 0.03}]
]


def ours(name):
    modules = (optimizers, adaptive, layerwise)
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def side_by_side(name, settings, *, clip=None, dtype="float64"):
    """Both after a hundred steps on gradients that depend on the weights, and the start."""
    rng = np.random.default_rng(0)
    settings = {"learning_rate": 0.05, **settings}
    shapes = {"wide": (3, 5), "bias": (3,)}
    if hasattr(layerwise, name):
        shapes |= {"tall": (4, 2), "filter": (2, 2, 3)}
    starts = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    params = {key: w.copy() for key, w in starts.items()}
    mine = ours(name)(**settings)
    if clip:
        mine = Clipped(mine, **clip)
    if mine.weight_decay if clip is None else mine.optimizer.weight_decay:
        # A NumPy number: TensorFlow would round Python's on its way to 64 bits.
        decay = np.float64(settings.get("weight_decay", 0.004))
        names = ("weight_decay", "adam_weight_decay") if name == "Muon" else ("weight_decay",)
        settings = settings | dict.fromkeys(names, decay)
    theirs = getattr(keras.optimizers, name)(**settings, **(clip or {}))
    variables = [keras.Variable(w, dtype=dtype) for w in starts.values()]
    for _ in range(100):
        grads = {key: w + rng.normal(size=w.shape) for key, w in params.items()}
        mine.step(params, grads)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in grads.values()], variables)
    return starts, params, dict(zip(params, map(np.asarray, variables), strict=True))


def test_every_optimizer_of_keras_is_here():
    base, wrappers = keras.optimizers.Optimizer, {"LossScaleOptimizer", "MultiOptimizer"}
    theirs = {
        name
        for name, found in vars(keras.optimizers).items()
        if isinstance(found, type) and issubclass(found, base) and found is not base
    }
    assert theirs - wrappers <= set(SETTINGS)
    assert len(theirs) >= 12


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_a_hundred_steps_are_those_of_keras(name, settings):
    if not hasattr(keras.optimizers, name):
        pytest.skip(f"Keras {keras.__version__} has no {name}")
    with parity.float64():
        starts, mine, theirs = side_by_side(name, settings)
    if name == "ScheduleFreeAdamW" and np.abs(mine["wide"] - theirs["wide"]).max() > 0.01:
        with parity.float64(), mock.patch.object(adaptive, name, Aliased):
            starts, mine, theirs = side_by_side(name, settings)
    for key, w in mine.items():
        np.testing.assert_allclose(w, theirs[key], rtol=0, atol=1e-11, err_msg=key)
        assert np.abs(w - starts[key]).max() > 1e-4


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "ScheduleFreeAdamW"])
@pytest.mark.parametrize("clip", [{"clipvalue": 0.5}, {"clipnorm": 0.7}, {"global_clipnorm": 1.1}])
def test_clipped_steps_are_those_of_keras(name, clip):
    if not hasattr(keras.optimizers, name):
        pytest.skip(f"Keras {keras.__version__} has no {name}")
    with parity.float64():
        _, mine, theirs = side_by_side(name, {}, clip=clip)
    for key, w in mine.items():
        np.testing.assert_allclose(w, theirs[key], rtol=0, atol=1e-11, err_msg=key)


@pytest.mark.parametrize("name", SETTINGS)
def test_single_precision_stays_single(name):
    optimizer = ours(name)()
    w = {"kernel": np.ones((3, 4), np.float32), "bias": np.ones(4, np.float32)}
    held = {key: id(a) for key, a in w.items()}
    for _ in range(3):
        optimizer.step(w, {key: np.full_like(a, 0.3) for key, a in w.items()})
    assert {key: id(a) for key, a in w.items()} == held, "in place"
    assert {a.dtype for a in [*w.values(), *optimizer.memories.values()]} == {np.dtype("float32")}
    one = np.full((2, 2), 0.5, np.float32)
    optimizer.t, optimizer.name = optimizer.iterations + 1, "another"
    optimizer.begin({"another": one})
    assert optimizer.change(one, one.copy(), 0.01).dtype == np.float32, "no detour by 64 bits"


@pytest.mark.parametrize("name", SETTINGS)
def test_bad_settings_are_refused_with_what_came(name):
    for wrong in ({"learning_rate": 0}, {"learning_rate": -1.0}, {"weight_decay": -0.1}):
        ((key, value),) = wrong.items()
        with pytest.raises(ValueError, match=f"{key}.* got .*{value}"):
            ours(name)(**wrong)
    for wrong in ("momentum", "rho", "beta_1", "beta_2"):
        if wrong in inspect.signature(ours(name)).parameters:
            for value in (1.0, -0.25):
                with pytest.raises(ValueError, match=f"{wrong}.*{value}"):
                    ours(name)(**{wrong: value})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.Adagrad(initial_accumulator_value=-1.0), "accumulator_value >= 0.*-1"),
        (lambda: optimizers.Ftrl(l1_regularization_strength=-2.0), "l1 and l2 >= 0.*-2"),
        (lambda: adaptive.ScheduleFreeAdamW(beta_1=0.0), "beta_1 > 0.*0.0"),
        (lambda: adaptive.ScheduleFreeAdamW(warmup_steps=-1), "warmup_steps >= 0.*-1"),
        (lambda: layerwise.Adafactor(clip_threshold=0), "clip_threshold > 0.*, 0,"),
        (lambda: layerwise.Muon(ns_steps=0), "ns_steps >= 1.*, 0 "),
        (lambda: layerwise.orthogonalize(np.ones(3)), r"a matrix, got shape \(3,\)"),
    ],
)
def test_numbers_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_that_do_not_fit_change_nothing(name):
    optimizer, w = ours(name)(), {"a": np.ones((2, 3)), "b": np.ones(3)}
    for wrong, message in [
        ({"a": np.ones((2, 3))}, r"grads for \['a'\], params for \['a', 'b'\]"),
        ({"a": np.ones((2, 3)), "b": np.ones(2)}, r"shape \(3,\) for 'b', got \(2,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            optimizer.step(w, wrong)
    assert all((a == 1).all() for a in w.values())
    assert optimizer.iterations == 0
    assert not optimizer.memories


def test_a_schedule_is_a_function_of_the_step():
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.5 / (1 + step)

    optimizer, w = optimizers.SGD(schedule), {"w": np.zeros(1)}
    for _ in range(3):
        optimizer.step(w, {"w": np.ones(1)})
    assert asked == [0, 1, 2]
    np.testing.assert_allclose(w["w"], -0.5 * (1 + 1 / 2 + 1 / 3))
    assert optimizers.current_rate(Clipped(optimizer, clipnorm=1.0)) == 0.5 / 4
    assert optimizers.current_rate(SGD(0.3)) == 0.3


def test_the_parts():
    memory = np.zeros(2)
    for t in range(1, 6):
        optimizers.average(memory, np.array([3.0, -1.0]), 0.9)
        np.testing.assert_allclose(memory / optimizers.bias(0.9, t), [3, -1])


def test_the_first_step_of_adam_is_as_long_as_the_rate_whatever_the_gradient():
    for size in (1e-2, 1.0, 1e3):
        w = {"w": np.zeros(4)}
        adaptive.Adam(0.01).step(w, {"w": size * np.array([1.0, -2, 3, -4])})
        np.testing.assert_allclose(np.abs(w["w"]), 0.01, rtol=1e-3)


def test_orthogonalize_moves_the_singular_values_close_to_one():
    rng = np.random.default_rng(1)
    for shape in ((4, 7), (6, 3), (5, 5)):
        a = rng.normal(size=shape)
        found = layerwise.orthogonalize(a)
        u, s, v = np.linalg.svd(a, full_matrices=False)
        found_s = np.linalg.svd(found, compute_uv=False)
        assert found_s.min() > 0.6
        assert found_s.max() < 1.3
        assert s.max() / s.min() > 1.2
        inner = u.T @ found @ v.T
        np.testing.assert_allclose(inner, np.diag(np.diag(inner)), atol=1e-10)


def test_lamb_moves_every_layer_by_the_same_share_of_itself():
    rng = np.random.default_rng(2)
    w = {"a": rng.normal(size=(3, 3)), "b": 100 * rng.normal(size=(3, 3)), "zero": np.zeros(3)}
    before = {key: a.copy() for key, a in w.items()}
    layerwise.Lamb(0.01).step(w, {key: rng.normal(size=a.shape) for key, a in w.items()})
    for key in ("a", "b"):
        moved = np.linalg.norm(w[key] - before[key]) / np.linalg.norm(before[key])
        np.testing.assert_allclose(moved, 0.01)
    assert np.abs(w["zero"]).max() > 0


def test_adafactor_remembers_a_row_and_a_column():
    optimizer = layerwise.Adafactor()
    optimizer.step({"k": np.ones((6, 4))}, {"k": np.ones((6, 4))})
    assert sorted(a.shape for a in optimizer.memories.values()) == [(4,), (6,)]


def test_schedule_free_is_the_mean_of_its_steps():
    """As in the paper: z steps, x is the plain mean of all z so far, w lies between them."""
    rng = np.random.default_rng(4)
    optimizer, w = adaptive.ScheduleFreeAdamW(0.1, beta_1=0.8), {"w": rng.normal(size=5)}
    z, squares, visited = w["w"].copy(), np.zeros(5), []
    for t in range(1, 30):
        g = w["w"] + rng.normal(size=5)
        squares = 0.999 * squares + 0.001 * g**2
        z = z - 0.1 * g / (np.sqrt(squares / (1 - 0.999**t)) + 1e-8)
        visited.append(z)
        optimizer.step(w, {"w": g})
        expected = 0.2 * z + 0.8 * np.mean(visited, axis=0)
        np.testing.assert_allclose(w["w"], expected, rtol=1e-10)


def test_ftrl_makes_exact_zeros():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 10))
    y = x[:, :2] @ np.array([2.0, -1.0])
    w = {"w": np.zeros(10)}
    optimizer = optimizers.Ftrl(0.5, l1_regularization_strength=3.0)
    for i in range(200):
        optimizer.step(w, {"w": (x[i] @ w["w"] - y[i]) * x[i]})
    assert (w["w"][2:] == 0).sum() >= 4
    assert (w["w"][:2] != 0).all()
