"""Assertions with a teacher's message, for the tests in the exercises.

Every function raises AssertionError with one sentence that names the likely mistake, or returns
None. A blank answer (`...`, or a function that returns nothing) is told apart from a wrong one.
"""

import inspect

import numpy as np


def _list(shape) -> str:
    return str(tuple(int(n) for n in shape))


def _fail(message: str):
    __tracebackhide__ = True
    raise AssertionError(message)


def _numbers(value, name: str, must: str = "hold numbers") -> np.ndarray:
    """Return `value` as an array of floats; fail if it is ragged, complex or holds no numbers."""
    kind = type(value).__name__
    try:
        array = np.asarray(value)
        entries = list(array.flat) if array.dtype == object else []
        if np.iscomplexobj(array) or any(np.iscomplexobj(entry) for entry in entries):
            _fail(
                f"{name} holds complex numbers, but it must be real: "
                "did you take the root of a negative number, or forget the real part?"
            )
        if array.dtype.kind in "USMm" or any(isinstance(e, (str, type(None))) for e in entries):
            raise TypeError("not numbers")
        return array.astype(float)
    except (TypeError, ValueError, OverflowError):
        if isinstance(value, (list, tuple, np.ndarray)):
            kind += ": do its rows differ in length, or is there a text or a None in it?"
        else:
            kind += "."
    _fail(f"{name} must {must}, but it is a {kind}")


def answered(value, name: str = "your answer") -> None:
    """Assert that `value` is neither `...` nor None: that there is an answer at all."""
    if value is ...:
        _fail(f"{name} is still blank: replace the `...` with your answer.")
    if value is None:
        _fail(f"{name} is None: is the `...` still there, or did you forget to return the result?")


def function(value, name: str, *parameters: str) -> None:
    """Assert that `value` is a function that can be called with these parameter names, in order."""
    if not callable(value):
        answered(value, name)
        _fail(f"{name} must be a function, but it is {value!r}: did you overwrite its name?")
    found = list(inspect.signature(value).parameters)
    if parameters and found[: len(parameters)] != list(parameters):
        _fail(
            f"{name} must take ({', '.join(parameters)}), but it takes ({', '.join(found)}): "
            "keep the first line of the function as it was given."
        )


def number(value, name: str = "your answer") -> None:
    """Assert that `value` is one finite real number, as a Python or NumPy scalar or 0-d array."""
    answered(value, name)
    if isinstance(value, (bool, np.bool_)):
        _fail(f"{name} is {bool(value)}, not a number: did you compare instead of compute?")
    array = _numbers(value, name, "be a number")
    if array.size != 1:
        _fail(
            f"{name} must be one number, but it has the shape {_list(array.shape)}: "
            "did you forget to sum or average?"
        )
    finite(array, name)


def returns_array(value, name: str = "your function's result") -> None:
    """Assert that `value` is a numeric NumPy array."""
    answered(value, name)
    if not isinstance(value, (np.ndarray, np.generic)):
        _fail(
            f"{name} must be a NumPy array, but it is a {type(value).__name__}: "
            "compute with arrays instead of Python lists or loops over numbers."
        )
    if not np.issubdtype(value.dtype, np.number) and value.dtype != bool:
        _fail(f"{name} must hold numbers, but its dtype is {value.dtype}.")


def shape(value, expected, name: str = "your function's result") -> None:
    """Assert the shape of an array, naming the mistake that makes such a shape."""
    answered(value, name)
    found, expected = _numbers(value, name).shape, tuple(expected)
    if found == expected:
        return
    says = f"{name} has the shape {_list(found)} instead of {_list(expected)}: "
    if found == expected[::-1]:
        _fail(says + "it is transposed; which operand of the product did you transpose?")
    if found == ():
        _fail(says + "it is a single number; did you sum or average over too many axes?")
    if len(found) > len(expected) and np.prod(found) > np.prod(expected):
        _fail(says + "an axis too many; did (N,) meet (N, 1) and broadcast, or is a sum missing?")
    if np.prod(found) == np.prod(expected):
        _fail(says + "the numbers are as many, so reshape, or keep the axis you lost.")
    _fail(says + "print the shapes of its operands.")


def dtype(value, expected, name: str = "your function's result") -> None:
    """Assert the dtype of an array."""
    returns_array(value, name)
    if value.dtype != np.dtype(expected):
        _fail(
            f"{name} has the dtype {value.dtype} instead of {np.dtype(expected)}: "
            "did a constant of another type mix in?"
        )


def finite(value, name: str = "your function's result") -> None:
    """Assert that no entry is nan or infinite."""
    answered(value, name)
    value = _numbers(value, name)
    if np.isnan(value).any():
        _fail(f"{name} holds nan: is there a 0/0, a log of 0, or inf - inf?")
    if np.isinf(value).any():
        _fail(f"{name} holds inf: is there a division by 0 or an exp of a large number?")


def not_constant(value, name: str = "your function's result") -> None:
    """Assert that the entries (the results for different inputs) are not all the same."""
    answered(value, name)
    value = _numbers(value, name)
    if value.size > 1 and np.ptp(value) == 0:
        _fail(f"{name} is {value.flat[0]:.4g} for every input: does it use its argument at all?")


def unchanged(before, after, name: str = "the argument") -> None:
    """Assert that a function left its argument as it was."""
    if not np.array_equal(before, after):
        _fail(
            f"{name} was changed in place: work on a copy, for instance with `a = a - b` "
            "instead of `a -= b`."
        )


def close(value, expected, name="your result", *, hints=None, rtol=1e-6, atol=1e-8) -> None:
    """Assert that `value` equals the reference, |value - expected| <= atol + rtol |expected|.

    `hints` maps a message to what a typical mistake would give: where `value` equals that instead,
    the message is shown. The hints are tried in their order. Shapes must agree. A hint may be a
    function without arguments, called only where the answer is wrong.
    """
    answered(value, name)
    expected = np.asarray(expected, dtype=float)
    found = _numbers(value, name)
    if found.shape == expected.shape and np.allclose(found, expected, rtol=rtol, atol=atol):
        return
    for message, mistaken in (hints or {}).items():
        mistaken = np.asarray(mistaken() if callable(mistaken) else mistaken, dtype=float)
        if found.shape == mistaken.shape and np.allclose(
            found, mistaken, rtol=rtol, atol=atol, equal_nan=True
        ):
            _fail(message)
    shape(found, expected.shape, name)
    finite(found, name)
    if np.allclose(found, -expected, rtol=rtol, atol=atol):
        _fail(f"{name} has the wrong sign everywhere: which of the two is subtracted from which?")
    ratio = np.divide(found, expected, out=np.full_like(found, np.nan), where=expected != 0)
    known = ratio[np.isfinite(ratio)]
    where_zero = found[expected == 0]
    if known.size and np.ptp(known) <= 1e-6 * abs(known.flat[0]) and not where_zero.any():
        _fail(
            f"{name} is {known.flat[0]:.4g} times what it should be, in every entry: "
            "which constant factor is missing or too many?"
        )
    error = np.abs(found - expected)
    at = np.unravel_index(error.argmax(), error.shape)
    place = f" at index {_list(at)}" if at else ""
    _fail(f"{name}{place} is {found[at]:.6g}, but it should be {expected[at]:.6g}.")


def equal(value, expected, name: str = "your answer", *, hints=None) -> None:
    """Assert that `value == expected` (a string, an integer, a tuple); `hints` as in `close`."""
    answered(value, name)
    if np.array_equal(value, expected):
        return
    for message, mistaken in (hints or {}).items():
        mistaken = mistaken() if callable(mistaken) else mistaken
        if np.array_equal(value, mistaken):
            _fail(message)
    _fail(f"{name} is {value!r}, but it should be {expected!r}.")


def true(condition, message: str) -> None:
    """Assert any other condition, with its own message."""
    if not condition:
        _fail(message)
