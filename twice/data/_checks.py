"""The questions every data set asks of its arguments."""

import operator

import numpy as np


def count(value, name: str, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`; else raise ValueError that names `name`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {value!r}.") from None
    if isinstance(value, bool) or number < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}, got {value!r}.")
    return number


def number(value, name: str, low: float = 0.0, high: float = np.inf) -> float:
    """Return `value` as a float in [low, high]; else raise ValueError that names `name`."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}.") from None
    if not low <= result <= high or not np.isfinite(result):
        bounds = f"of at least {low:g}" if np.isinf(high) else f"from {low:g} to {high:g}"
        raise ValueError(f"{name} must be a number {bounds}, got {value!r}.")
    return result


def generator(rng) -> np.random.Generator:
    """Return `rng` if it is a NumPy Generator; else raise ValueError."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"rng must be a NumPy Generator, such as np.random.default_rng(0), got {rng!r}."
        )
    return rng
