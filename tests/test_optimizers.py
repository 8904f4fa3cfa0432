"""Optimizers: a hundred steps beside Keras's, every setting varied; bad input."""

import numpy as np
import pytest

from twice import parity
from twice.parity import keras
from twice.scratch import adaptive, optimizers

# Keras rounds momentum, betas and decays to 32 bits on the way: these numbers stay what they are.
EXACT = {"beta_1": 0.875, "beta_2": 0.998046875}
CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.875}),
    ("SGD", {"momentum": 0.75, "nesterov": True, "weight_decay": 0.0078125}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3, "weight_decay": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adadelta", {"rho": 0.5, "epsilon": 1e-4, "learning_rate": 0.5}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.5, "momentum": 0.9, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True, "epsilon": 1e-2, "momentum": 0.5}),
    ("Adam", EXACT),
    ("Adam", {**EXACT, "amsgrad": True, "epsilon": 1e-3}),
    ("AdamW", {**EXACT, "weight_decay": 0.1}),
    ("AdamW", {**EXACT, "amsgrad": True}),
    ("Adamax", EXACT),
    ("Nadam", EXACT),
    ("Nadam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-2, "weight_decay": 0.02}),
    ("Lion", {"beta_1": 0.875, "beta_2": 0.984375}),
    ("Lion", {"beta_1": 0.5, "beta_2": 0.75, "weight_decay": 0.1}),
]


def ours(name):
    return getattr(optimizers, name, None) or getattr(adaptive, name)


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_a_hundred_steps_are_those_of_keras(name, settings):
    rng = np.random.default_rng(0)
    settings = {"learning_rate": 0.0625, **settings}
    starts = {"kernel": rng.normal(size=(4, 3)), "bias": rng.normal(size=3)}
    params = {key: w.copy() for key, w in starts.items()}
    with parity.float64():
        theirs = getattr(keras.optimizers, name)(**settings)
        variables = [keras.Variable(w, dtype="float64") for w in starts.values()]
        mine = ours(name)(**settings)
        mine.decay = float(np.float32(0.96))  # Nadam's: Keras rounds it, too
        for _ in range(100):
            grads = {key: w + rng.normal(size=w.shape) for key, w in params.items()}
            mine.step(params, grads)
            theirs.apply([keras.ops.convert_to_tensor(g) for g in grads.values()], variables)
        for (key, w), variable in zip(params.items(), variables, strict=True):
            np.testing.assert_allclose(w, np.asarray(variable), atol=1e-8, err_msg=key)
            assert np.abs(w - starts[key]).max() > 0.01
