"""Sequences: two numbers to remember and add, a series to forecast, dates to translate."""

from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from . import _checks
from .vocabulary import Vocabulary


def adding(n: int, length: int, *, rng):
    """Sample the adding problem: remember two marked numbers in a long sequence, answer their sum.

    Channel 0 of x is uniform on [0, 1) at every step. Channel 1 is 0 except at two steps, where it
    is 1: one among the first length // 2 steps, one among the rest, each place equally likely.
    y is the sum of channel 0 at those two. Who always answers 1, the mean, pays the variance
    of a sum of two uniform numbers: a mean squared error of 2 / 12 = 1/6, about 0.1667. A model
    is worth talking about below that.

    Returns x (n, length, 2) float32, y (n, 1) float32 in [0, 2).
    Raises ValueError for n < 1, length < 2 or an rng that is no Generator.
    Source: Hochreiter and Schmidhuber, Long short-term memory (1997), in the form of Le, Jaitly and
    Hinton, A simple way to initialize recurrent networks of rectified linear units (2015).
    """
    n = _checks.count(n, "n")
    length = _checks.count(length, "length", minimum=2)
    rng = _checks.generator(rng)
    x = np.zeros((n, length, 2), np.float32)
    x[..., 0] = rng.random((n, length), dtype=np.float32)
    rows, half = np.arange(n), length // 2
    for place in (rng.integers(0, half, n), rng.integers(half, length, n)):
        x[rows, place, 1] = 1
    return x, (x[..., 0] * x[..., 1]).sum(axis=1, keepdims=True)


SEASON = 24  # steps: a day of hours, the period of the largest wave
# (period, amplitude): no period is a fraction of another, so the series never repeats.
WAVES = ((SEASON, 1.0), (SEASON * 19**0.5, 0.5), (SEASON / 17**0.5, 0.4))
DRIFT = 0.3  # amplitudes grow and shrink by this share, over 600 to 1200 steps


def waves(n: int, *, noise: float = 0.1, bend: float = 1.0, wander: float = 0.03, rng):
    """Draw one long series to forecast: three waves that multiply, on a level that wanders.

    Three sines of the periods 24, about 105 and about 5.8, with slowly drifting amplitudes around
    1, 0.5 and 0.4, add up to z. The series is (exp(bend z) - 1) / bend, plus a level that takes a
    Gaussian step of standard deviation `wander` each time, plus Gaussian noise of standard
    deviation `noise`. The bend makes waves multiply, as in sales or traffic: sharp peaks and flat
    troughs, which a linear forecast cannot follow; with bend = 0 it is hard to beat. The level
    makes the future unlike the past; with wander = 0 it stays where it is.

    The noise cannot be forecast: no expected squared error is below noise^2.
    To split the series, use `split_by_time` first and `windows_of` on each part.

    Returns the series, (n,) float32.
    Raises ValueError for n < 1, negative noise or wander, bend outside [0, 2] or an rng that is no
    Generator.
    """
    n = _checks.count(n, "n")
    noise = _checks.number(noise, "noise")
    bend = _checks.number(bend, "bend", 0.0, 2.0)
    wander = _checks.number(wander, "wander")
    rng = _checks.generator(rng)
    step, z = np.arange(n), np.zeros(n)
    for period, amplitude in WAVES:
        slow = 2 * np.pi * (rng.random() + step / rng.uniform(600, 1200))
        fast = 2 * np.pi * (rng.random() + step / period)
        z += amplitude * (1 + DRIFT * np.sin(slow)) * np.sin(fast)
    series = np.expm1(bend * z) / bend if bend > 0 else z
    series = series + noise * rng.standard_normal(n)
    return (series + wander * rng.standard_normal(n).cumsum()).astype(np.float32)


def _series(series, least: int) -> np.ndarray:
    series = np.asarray(series)
    if series.ndim != 1 or series.dtype.kind not in "fiu" or len(series) < least:
        raise ValueError(
            f"series must be numbers of shape (n,) with n at least {least}, "
            f"got {series.dtype} of shape {series.shape}."
        )
    return series


def windows_of(series, window: int, horizon: int = 1):
    """Cut a series into windows and what follows each of them.

    Row i is x_i = series[i : i + window] and y_i = the next `horizon` values; the rows overlap, N =
    n - window - horizon + 1 of them. Returns x (N, window, 1), y (N, horizon), of the dtype of the
    series, copied. Raises ValueError for a series that is no (n,) numbers or shorter than one row,
    window < 1 or horizon < 1.
    """
    window = _checks.count(window, "window")
    horizon = _checks.count(horizon, "horizon")
    series = _series(series, window + horizon)
    rows = np.lib.stride_tricks.sliding_window_view(series, window + horizon)
    return rows[:, :window, None].copy(), rows[:, window:].copy()


def split_by_time(series, fractions=(0.7, 0.15, 0.15)):
    """Cut a series into parts that follow each other: the past trains, the future tests.

    Returns a list of arrays, one per fraction, which together are the series. Make the windows of
    each part on its own, `windows_of(part, window)`, and none lies across a border: no value of the
    test part is seen in training, neither as a target nor as an input. (Split overlapping windows
    at random, and practically every test target stands in a training window. How much that
    flatters depends: on `waves` not at all without wandering, more the more the level wanders, and
    most for a model that copies its neighbors.)
    Raises ValueError for a series that is no (n,) numbers, fractions that are not positive or do
    not add up to 1, and a part without a value.
    """
    series = _series(series, 1)
    fractions = [_checks.number(f, "each fraction", 0.0, 1.0) for f in fractions]
    if not fractions or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(
            f"fractions must add up to 1, got {fractions} with sum {sum(fractions):g}."
        )
    cuts = np.round(np.cumsum([0.0, *fractions]) * len(series)).astype(int)
    if np.any(np.diff(cuts) == 0):
        raise ValueError(
            f"every part needs at least one value, got {len(series)} values for {fractions}."
        )
    return [series[a:b].copy() for a, b in pairwise(cuts)]


MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHORT_YEARS = (1970, 2069)  # what two digits can mean: 70 is 1970, 69 is 2069
# A date as people write it. Slashes put the month first, dots the day.
FORMATS = (
    "{d} {month} {y}",
    "{month} {d}, {y}",
    "{mon} {d}, {y}",
    "{d} {mon} {y}",
    "{month} {d}{th}, {y}",
    "the {d}{th} of {month} {y}",
    "{weekday}, {month} {d}, {y}",
    "{weekday}, {d} {month} {y}",
    "{wd} {d} {mon} {y}",
    "{d}.{m}.{y}",
    "{m}/{d}/{y}",
    "{m:02}/{d:02}/{yy:02}",
    "{d}-{mon}-{yy:02}",
)
LONGEST = len("Wednesday, September 30, 2020")


class Dates(NamedTuple):
    """Pairs of dates, as people write them and as computers do.

    x (n, 29) int64 numbers of `source`, padded with 0; y (n, 10) int64 numbers of `target`, never
    0, so 0 is free to mean "start" to a decoder.
    """

    x: np.ndarray
    y: np.ndarray
    source: Vocabulary
    target: Vocabulary

    def text(self, i: int) -> tuple[str, str]:
        """Return pair i as two strings, such as ("Friday, March 5, 2021", "2021-03-05")."""
        return self.source.decode(self.x[i]), self.target.decode(self.y[i])


def _ending(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _written(day: date, style: str) -> str:
    """Write `day` in one of FORMATS."""
    month, weekday = MONTHS[day.month - 1], DAYS[day.weekday()]
    return style.format(
        d=day.day, m=day.month, y=day.year, yy=day.year % 100, th=_ending(day.day),
        month=month, mon=month[:3], weekday=weekday, wd=weekday[:3],
    )  # fmt: skip


def dates(n: int, *, rng) -> Dates:
    """Sample dates to translate: "Friday, March 5, 2021" or "3/5/2021" into "2021-03-05".

    Days of the years 1900 to 2099, each equally likely, in 13 formats, each equally likely, with
    the weekday that day truly has. With slashes the month stands first (3/5/2021 is the fifth of
    March), with dots the day (5.3.2021 is the same day). Two digits for a year mean 1970 to 2069,
    and only those years are written so.

    Returns Dates(x, y, source, target): x (n, 29) and y (n, 10) int64, and the two vocabularies,
    the same for every n and seed.
    Raises ValueError for n < 1 or an rng that is no Generator.
    """
    n = _checks.count(n, "n")
    rng = _checks.generator(rng)
    source = Vocabulary.of("".join([*MONTHS, *DAYS, "the of st nd rd th 0123456789 ,./-"]))
    target = Vocabulary("-0123456789")
    written, iso = [], []
    for k in rng.integers(len(FORMATS), size=n):
        first, last = SHORT_YEARS if "{yy" in FORMATS[k] else (1900, 2099)
        days = rng.integers(date(first, 1, 1).toordinal(), date(last + 1, 1, 1).toordinal())
        day = date.fromordinal(int(days))
        written.append(_written(day, FORMATS[k]))
        iso.append(day.isoformat())
    return Dates(source.encode(written, LONGEST), target.encode(iso), source, target)
