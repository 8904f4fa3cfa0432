"""Which cell remembers how far: the adding problem at four lengths, with and without clipping.

Everything is trained by `twice.scratch`, by Adam, on sequences that are drawn anew for every
update, so there is no training set to overfit. A run ends when the validation error is below
`Setting.solved`, or when its updates are spent. The rate of each cell is the one of seven with the
lowest validation error, averaged over runs at length 50 with clipping and over three tuning seeds
that are used for nothing else: the same effort for every cell.

    OPENBLAS_NUM_THREADS=1 python -m experiments.adding                 about 17 minutes
    OPENBLAS_NUM_THREADS=1 python -m experiments.adding --seeds 0 1     two seeds of five

What is done is kept in _build/adding.json after every run: start it again and it goes on there.

What it stores: mse[CELL][CLIP][LENGTH], CLIP being "none" or "clipped" (by global norm), is a list
with one mean squared error a seed on fresh test sequences, null where the numbers overflowed;
updates_used the same for the updates until the run ended; clipped_share the share of the updates
that clipping shortened. curve[CELL] is [[update, validation error], ...] of the first seed at
`curve_length`, clipped. The rates are those for clipping, so there is a control: lower_rate[CELL]
is the same at `curve_length` without clipping at a tenth of the rate. baseline is the error of
always answering 1, measured.
"""

import functools
import json
import time
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from experiments import record
from twice import data, files
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.gated import GRU, LSTM
from twice.scratch.initializers import identity
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.training import NotFinite, evaluate, train_step

LENGTHS = (10, 50, 100, 200)
CLIPS = ("none", "clipped")
LOWERED = ("lstm", "gru")  # the cells of the control
UNDERWAY = Path(__file__).resolve().parent.parent / "_build" / "adding.json"


@dataclass(frozen=True)
class Setting:
    """The size of the networks, and how long and on how much they are trained and measured."""

    units: int = 32
    batch_size: int = 32
    updates: int = 6000
    check_every: int = 100
    n_val: int = 500
    n_test: int = 2000
    solved: float = 0.002
    clipnorm: float = 1.0
    rates: tuple = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
    tuning_length: int = 50
    tuning_updates: int = 2000
    tuning_seeds: tuple = (1000, 1001, 1002)
    curve_length: int = 100


def small_normal(shape, rng):
    """Normal numbers of standard deviation 0.001: the input's kernel of an IRNN."""
    return rng.normal(0, 0.001, shape)


CELLS = {
    "rnn": SimpleRNN,
    "irnn": functools.partial(  # Le, Jaitly and Hinton (2015)
        SimpleRNN,
        activation="relu",
        initializer=small_normal,
        recurrent_initializer=identity,
    ),
    "lstm": LSTM,
    "gru": GRU,
}


def network(cell, units, rng):
    """A cell that reads the sequence, and one number from its last state."""
    return Sequential([CELLS[cell](2, units, rng=rng), Dense(units, 1, rng=rng)])


def finite(value):
    """A float, or None, which JSON knows, for what overflowed."""
    return float(value) if np.isfinite(value) else None


@np.errstate(over="ignore", invalid="ignore")  # an overflow is an answer, not an accident
def train(cell, clip, length, rate, seed, setting):
    """Train one network: its test error, the updates used, how often it was clipped, its curve."""
    streams = [np.random.default_rng([seed, length, k]) for k in range(4)]
    start, batches, val, test = streams  # the same sequences for every cell
    net, loss = network(cell, setting.units, start), MeanSquaredError()
    optimizer = Adam(rate)
    if clip == "clipped":
        optimizer = Clipped(optimizer, global_clipnorm=setting.clipnorm)
    x_val, y_val = data.adding(setting.n_val, length, rng=val)
    curve, update = [], 0
    try:
        for update in range(1, setting.updates + 1):
            x, y = data.adding(setting.batch_size, length, rng=batches)
            train_step(net, loss, optimizer, x, y, f"update {update}")
            if update % setting.check_every == 0:
                error = evaluate(net, x_val, y_val, loss=loss)["loss"]
                curve.append([update, finite(error)])
                if error < setting.solved:
                    break
    except NotFinite:
        return {"mse": None, "updates_used": update, "clipped_share": None, "curve": curve}
    x, y = data.adding(setting.n_test, length, rng=test)
    norms = np.array(getattr(optimizer, "norms", [0.0]))
    return {
        "mse": finite(evaluate(net, x, y, loss=loss)["loss"]),
        "updates_used": update,
        "clipped_share": float(np.mean(norms > setting.clipnorm)),
        "curve": curve,
    }


def area(cell, rate, seed, setting):
    """The mean of the validation errors along a run; what is solved early stays as it ended."""
    setting = replace(setting, updates=setting.tuning_updates)
    run = train(cell, "clipped", setting.tuning_length, rate, seed, setting)
    errors = [np.inf if error is None else error for _, error in run["curve"]]
    errors += errors[-1:] * (setting.updates // setting.check_every - len(errors))
    return np.inf if run["mse"] is None else float(np.mean(errors))


def tried_rates(cell, setting):
    """{rate: mean over the tuning seeds of `area`}, null where a run overflowed."""
    return {
        f"{rate:g}": finite(np.mean([area(cell, rate, s, setting) for s in setting.tuning_seeds]))
        for rate in setting.rates
    }


def best(tried):
    """The rate with the lowest error."""
    return float(min((rate for rate in tried if tried[rate] is not None), key=tried.get))


def in_order(seeds, lengths):
    """(seed, length) of all runs: the first seed, then the short sequences, then the long ones."""
    first, rest = seeds[:1], seeds[1:]
    pairs = [(seed, length) for seed in first for length in lengths]
    for some in (lengths[:-1], lengths[-1:]):
        pairs += [(seed, length) for seed in rest for length in some]
    return pairs


def run(seeds, setting, done, keep, *, lengths=LENGTHS):
    """Tune and train what `done` does not hold yet; keep() after each part."""
    for cell in CELLS:
        if cell not in done["tried"]:
            done["tried"][cell] = tried_rates(cell, setting)
            keep()
    rates = {cell: best(tried) for cell, tried in done["tried"].items()}
    jobs = {}
    for seed, length in in_order(list(seeds), lengths):
        for cell, clip in product(CELLS, CLIPS[::-1]):
            jobs[f"{cell} {clip} {length} {seed}"] = (cell, clip, length, rates[cell], seed)
    for seed, cell in product(seeds, LOWERED):
        job = (cell, "none", setting.curve_length, rates[cell] / 10, seed)
        jobs[f"{cell} lower {setting.curve_length} {seed}"] = job
    for name, job in jobs.items():
        if name not in done["runs"]:
            found = done["runs"][name] = train(*job, setting)
            print(name, found["mse"], found["updates_used"], flush=True)
            keep()


def rounded(value):
    """Four digits of a float."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def gathered(done, seeds, setting, *, lengths=LENGTHS):
    """The result as it is stored, of all runs there are."""

    def listed(measure, cell, clip, n):
        runs = [done["runs"].get(f"{cell} {clip} {n} {seed}") for seed in seeds]
        return [rounded(r[measure]) for r in runs if r is not None]

    def lists(measure):
        table = {cell: {clip: {} for clip in CLIPS} for cell in CELLS}
        for cell, clip, n in product(CELLS, CLIPS, lengths):
            table[cell][clip][str(n)] = listed(measure, cell, clip, n)
        return table

    def curve(cell):
        run = done["runs"].get(f"{cell} clipped {setting.curve_length} {seeds[0]}", {"curve": []})
        return [[update, rounded(error)] for update, error in run["curve"]]

    _, y = data.adding(1_000_000, 2, rng=np.random.default_rng(0))
    shares = lists("clipped_share")
    rates = {cell: best(tried) for cell, tried in done["tried"].items()}
    return {
        "trained_by": "twice.scratch, float32, Adam",
        "lengths": list(lengths),
        "cells": list(CELLS),
        "units": setting.units,
        "batch_size": setting.batch_size,
        "updates": setting.updates,
        "setting": asdict(setting),
        "parameters": {
            cell: sum(w.size for w in network(cell, setting.units, np.random.default_rng(0))
                      .get_weights()) for cell in CELLS
        },
        "learning_rate": rates,
        "tried": {
            cell: {rate: rounded(error) for rate, error in tried.items()}
            for cell, tried in done["tried"].items()
        },
        "mse": lists("mse"),
        "updates_used": lists("updates_used"),
        "clipped_share": {cell: shares[cell]["clipped"] for cell in CELLS},
        "lower_rate": {
            cell: {
                "learning_rate": rounded(rates[cell] / 10),
                "mse": listed("mse", cell, "lower", setting.curve_length),
                "updates_used": listed("updates_used", cell, "lower", setting.curve_length),
            }
            for cell in LOWERED
        },
        "curve": {cell: curve(cell) for cell in CELLS},
        "baseline": rounded(float(np.mean((y - 1) ** 2))),
    }  # fmt: skip


SMALL = Setting(units=8, updates=60, check_every=20, n_val=100, n_test=500)


def small():
    """A few seconds' part of it, stored beside the whole: what the tests repeat and compare."""
    return {
        f"{cell} {clip}": train(cell, clip, 10, 0.01, 0, SMALL) for cell in CELLS for clip in CLIPS
    }


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, range(5), __doc__.splitlines()[0])
    setting = Setting()
    wanted = json.loads(json.dumps(asdict(setting)))
    done = {"setting": wanted, "seconds": 0, "tried": {}, "runs": {}}
    if UNDERWAY.is_file():
        kept = json.loads(UNDERWAY.read_text(encoding="utf-8"))
        done = kept if kept["setting"] == wanted else done
    before, started = done["seconds"], time.process_time()  # not while others have the processor

    def keep():
        done["seconds"] = before + time.process_time() - started
        UNDERWAY.parent.mkdir(exist_ok=True)
        files.replace(UNDERWAY, json.dumps(done))

    run(seeds, setting, done, keep)
    found = {**gathered(done, seeds, setting), "small": small()}
    keep()
    record.save("adding", found, seeds=seeds, started=time.perf_counter() - done["seconds"])
    UNDERWAY.unlink()


if __name__ == "__main__":
    main()
