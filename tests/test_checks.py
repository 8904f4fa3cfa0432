"""twice.checks: the right answer passes, each mistake gets the sentence that names it."""

import re

import numpy as np
import pytest

from twice import checks

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])

PASSES = {
    "answered": lambda: checks.answered(0),
    "answered, empty": lambda: checks.answered(np.zeros(0)),
    "function": lambda: checks.function(lambda x, y: x, "f", "x", "y"),
    "function, more parameters": lambda: checks.function(lambda x, y, rng=0: x, "f", "x", "y"),
    "number": lambda: checks.number(np.float32(2)),
    "number, 0-d": lambda: checks.number(np.array(2)),
    "number, one entry": lambda: checks.number(np.array([2.0])),
    "returns_array": lambda: checks.returns_array(A),
    "returns_array, bool": lambda: checks.returns_array(A > 2),
    "shape": lambda: checks.shape(A, (2, 3)),
    "dtype": lambda: checks.dtype(A, "float64"),
    "finite": lambda: checks.finite(A),
    "not_constant": lambda: checks.not_constant([1, 1, 2]),
    "unchanged": lambda: checks.unchanged(A, A.copy()),
    "close": lambda: checks.close(A + 1e-9, A, hints={"never": A}),
    "close, list": lambda: checks.close(A.tolist(), A),
    "close, float32": lambda: checks.close(A.astype(np.float32) * 1.0000001, A),
    "close, whole numbers of any size": lambda: checks.close([10**30, 1], [1e30, 1]),
    "close, bool": lambda: checks.close(A > 2, [[0, 0, 1], [1, 1, 1]]),
    "equal": lambda: checks.equal("adaline", "adaline"),
    "true": lambda: checks.true(True, "never"),
}

FAILS = [
    (lambda: checks.answered(..., "rate"), "rate is still blank: replace the `...`"),
    (lambda: checks.answered(None), "did you forget to return"),
    (lambda: checks.function(3, "f"), "f must be a function, but it is 3: did you overwrite"),
    (lambda: checks.function(..., "f"), "f is still blank"),
    (lambda: checks.function(lambda a: a, "f", "x"), "f must take (x), but it takes (a)"),
    (lambda: checks.number(True), "True, not a number: did you compare"),
    (lambda: checks.number("two"), "must be a number, but it is a str"),
    (lambda: checks.number([1, 2]), "has the shape (2,): did you forget to sum or average?"),
    (lambda: checks.number(np.nan), "holds nan"),
    (lambda: checks.returns_array([1, 2]), "must be a NumPy array, but it is a list"),
    (lambda: checks.returns_array(np.array(["a"])), "must hold numbers"),
    (lambda: checks.shape(A.T, (2, 3)), "it is transposed; which operand"),
    (lambda: checks.shape(1.0, (2, 3)), "did you sum or average over too many axes?"),
    (lambda: checks.shape(np.zeros((4, 4)), (4,)), "did (N,) meet (N, 1)"),
    (lambda: checks.shape(np.zeros(6), (6, 1)), "keep the axis you lost"),
    (lambda: checks.shape(np.zeros(5), (6, 1)), "print the shapes of its operands"),
    (lambda: checks.shape(None, (2,)), "is None"),
    (lambda: checks.dtype(A, np.float32), "float64 instead of float32: did a constant"),
    (lambda: checks.finite([1, np.nan]), "holds nan"),
    (lambda: checks.finite([1, -np.inf]), "holds inf"),
    (lambda: checks.not_constant([0.5, 0.5]), "is 0.5 for every input"),
    (lambda: checks.unchanged(A, A + 1, "x"), "x was changed in place: work on a copy"),
    (lambda: checks.close(..., A), "still blank"),
    (lambda: checks.close("much", A), "must hold numbers, but it is a str"),
    (lambda: checks.close(A[:, :2], A), "has the shape (2, 2) instead of (2, 3)"),
    (lambda: checks.close(A * np.nan, A), "holds nan"),
    (lambda: checks.close(-A, A), "wrong sign everywhere"),
    (lambda: checks.close(2 * A, A), "is 2 times what it should be, in every entry"),
    (lambda: checks.close(A / 3, A), "is 0.3333 times what it should be"),
    (lambda: checks.close(A + (A == 5), A), "at index (1, 1) is 6, but it should be 5"),
    (lambda: checks.close(2.0, 3.0), "is 0.6667 times"),
    (lambda: checks.close(2.0, 0.0), "your result is 2, but it should be 0"),
    (lambda: checks.equal("a", "b", "the name"), "the name is 'a', but it should be 'b'"),
    (lambda: checks.equal(3, 4, hints={"one short": 3}), "one short"),
    (lambda: checks.equal(..., 4), "still blank"),
    (lambda: checks.true(False, "Look again."), "Look again."),
]


RAGGED = [[1.0], [1.0, 2.0]]
NO_NUMBERS = {
    "ragged": (RAGGED, "it is a list: do its rows differ in length"),
    "ragged array": (np.array(RAGGED, dtype=object), "it is a ndarray: do its rows differ"),
    "text": ("two", "it is a str."),
    "text of a number": ("2.5", "it is a str."),
    "texts": (["1", "2"], "it is a list: do its rows differ in length, or is there a text"),
    "None inside": ([1.0, None], "or a None in it?"),
    "blank inside": ([1.0, ...], "it is a list"),
    "dates": (np.array(["2026-01-01"], dtype="datetime64[D]"), "it is a ndarray"),
    "function": (np.sum, "it is a "),
    "too large": (10**400, "it is a int."),
    "complex": (1j, "holds complex numbers, but it must be real"),
    "complex array": (A + 0j, "holds complex numbers"),
    "complex inside": (np.array([1, 1j], dtype=object), "holds complex numbers"),
}
TAKES_NUMBERS = {
    "number": checks.number,
    "shape": lambda value, name: checks.shape(value, (2,), name),
    "finite": checks.finite,
    "not_constant": checks.not_constant,
    "close": lambda value, name: checks.close(value, [1.0, 2.0], name),
}


@pytest.mark.parametrize("function", TAKES_NUMBERS)
@pytest.mark.parametrize("case", NO_NUMBERS)
def test_what_holds_no_real_numbers_gets_a_sentence(function, case):
    value, message = NO_NUMBERS[case]
    with pytest.raises(AssertionError, match=re.escape(message)) as caught:
        TAKES_NUMBERS[function](value, "the rate")
    text = str(caught.value)
    assert text.startswith("the rate ")
    assert "\n" not in text
    assert text[-1] in ".?"


@pytest.mark.parametrize("name", PASSES)
def test_a_right_answer_passes(name):
    assert PASSES[name]() is None


@pytest.mark.parametrize("number", range(len(FAILS)))
def test_a_mistake_is_named_in_one_sentence(number):
    call, message = FAILS[number]
    with pytest.raises(AssertionError, match=re.escape(message)) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert text[-1] in ".?" or text == message
    assert len(re.findall(r"[.?!](?=\s+[A-Z])", text)) == 0  # one sentence


def test_hints_are_tried_in_order_and_only_after_a_wrong_answer():
    hints = {
        "You added the bias twice.": A + 2,
        "You forgot the bias.": lambda: A - 1,
        "Never reached.": A - 1,
    }
    with pytest.raises(AssertionError, match=r"You forgot the bias\."):
        checks.close(A - 1, A, hints=hints)
    with pytest.raises(AssertionError, match="added the bias twice"):
        checks.close(A + 2, A, hints=hints)

    def costly():
        raise RuntimeError("called although the answer is right")

    checks.close(A, A, hints={"costly": costly})


def test_a_hint_may_have_another_shape_than_the_answer():
    with pytest.raises(AssertionError, match=r"You averaged over the inputs\."):
        checks.close(A.mean(1), A.mean(0), hints={"You averaged over the inputs.": A.mean(1)})


def test_zero_entries_do_not_hide_a_missing_factor():
    expected = np.array([0.0, 1.0, 2.0])
    with pytest.raises(AssertionError, match="is 2 times"):
        checks.close(2 * expected, expected)
    with pytest.raises(AssertionError, match=re.escape("index (0,) is 5, but it should be 0")):
        checks.close(2 * expected + [5, 0, 0], expected)


def test_tolerances_are_respected():
    checks.close(A * 1.01, A, rtol=0.02)
    with pytest.raises(AssertionError):
        checks.close(A * 1.01, A, rtol=0.001)
