"""Four questions to gated cells: Does a forget gate want a bias of 1? Does recurrent dropout want
one mask for all steps? Does an LSTM's gradient vanish? How much fits through an encoder's state?

`make experiments SLUG=gated`, or `python -m experiments.gated --seeds 0 1`: less than half an hour
on one core. `--part dropout` repeats one part alone and leaves the other results as stored.
"""

import argparse
import time
from functools import partial

import numpy as np

from experiments import record
from experiments.recurrent import settings_of
from twice import data, results
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.encoder_decoder import EncoderDecoder, teacher_forcing
from twice.scratch.gated import GRU, LSTM
from twice.scratch.language import bits_per_character, reset, streams
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.sequences import Embedding, SequenceCrossentropy, TimeDistributed
from twice.scratch.training import train_step

SEEDS = range(10)
TRIED = (100, 101, 102)  # the seeds that choose the rate
RATES = (0.01, 0.03, 0.06, 0.12)
UNITS, BATCH = 24, 32
LENGTHS = (30, 60)
SOLVED, MOST, WINDOW = 0.01, 1500, 20  # the mean of WINDOW losses below it; or give up

# --- The bias of the forget gate, on the adding problem.


def lstm(bias):
    def build(rng):
        layer = LSTM(2, UNITS, rng=rng)
        layer.params["bias"][UNITS : 2 * UNITS] = bias
        return layer

    return build


CELLS = {
    "LSTM, bias 0": lstm(0.0),
    "LSTM, bias 1": lstm(1.0),
    "LSTM, bias 3": lstm(3.0),
    "GRU": lambda rng: GRU(2, UNITS, rng=rng),
}


def updates(build, length, rate, seed, most=MOST):
    """Updates until the running mean of the loss on fresh sequences falls below SOLVED."""
    rng = np.random.default_rng(seed)
    model = Sequential([build(rng), Dense(UNITS, 1, rng=rng)])
    optimizer = Clipped(Adam(rate), global_clipnorm=1.0)
    loss, losses = MeanSquaredError(), []
    for k in range(most):
        x, y = data.adding(BATCH, length, rng=rng)
        losses.append(train_step(model, loss, optimizer, x, y)[0])
        if k >= WINDOW and np.mean(losses[-WINDOW:]) < SOLVED:
            return k + 1
    return most


def forget_bias(seeds):
    found = {"units": UNITS, "solved": SOLVED, "most": MOST, "lengths": list(LENGTHS), "cells": {}}
    for name, build in CELLS.items():
        found["cells"][name] = {}
        for length in LENGTHS:
            tried = {
                rate: float(np.mean([updates(build, length, rate, seed) for seed in TRIED]))
                for rate in RATES
            }
            rate = min(tried, key=tried.get)
            row = {"tried": {str(r): n for r, n in tried.items()}, "rate": rate}
            row["updates"] = [updates(build, length, rate, seed) for seed in seeds]
            found["cells"][name][str(length)] = row
            print(name, length, row, flush=True)
    return found


LOW = RATES[0]


def low_rate(seeds):
    """The same count with every cell at one rate, the lowest: who forgives a bad choice?"""
    found = {"rate": LOW, "cells": {}}
    for name, build in CELLS.items():
        found["cells"][name] = {
            str(length): [updates(build, length, LOW, seed) for seed in seeds] for length in LENGTHS
        }
        print(name, found["cells"][name], flush=True)
    return found


# --- One mask for all steps, or a new one for each, on the book's prose.

CHARACTERS = {"embedding": 24, "units": 96, "rate": 0.01, "batch_size": 16, "steps": 50}
EPOCHS, VALIDATION = 30, 0.1


class NewMasks(LSTM):
    """An LSTM whose recurrent dropout draws a new mask at every step."""

    def drop(self, training):
        super().drop(training)
        if self.state_mask is not None:
            keep, shape = 1 - self.recurrent_dropout, (*self.x.shape[:2], self.units)
            self.masks = ((self.rng.random(shape) < keep) / keep).astype(self.x.dtype)

    def step(self, t):
        if self.state_mask is not None:
            self.state_mask = self.masks[t]
        super().step(t)

    def step_back(self, t, later):
        if self.state_mask is not None:
            self.state_mask = self.masks[t]
        return super().step_back(t, later)

    def heard(self):
        h = self.s[0, :-1]
        return (h if self.state_mask is None else h * self.masks).reshape(-1, self.units)


WAYS = {
    "none": (LSTM, {}),
    "one mask": (LSTM, {"recurrent_dropout": 0.25}),
    "new masks": (NewMasks, {"recurrent_dropout": 0.25}),
}


def read(way, seed, epochs=EPOCHS):
    """Bits per character after each epoch, on the end of the training text and on the test."""
    text, set_up = data.prose(), CHARACTERS
    cut, size = int(len(text.train) * (1 - VALIDATION)), len(text.vocabulary)
    cell, drops = WAYS[way]
    rng = np.random.default_rng(seed)
    model = Sequential([
        Embedding(size, set_up["embedding"], rng=rng),
        cell(set_up["embedding"], set_up["units"], return_sequences=True, stateful=True, rng=rng,
             **drops),
        TimeDistributed(Dense(set_up["units"], size, rng=rng)),
    ])  # fmt: skip
    x, y = streams(text.train[:cut], set_up["batch_size"], set_up["steps"])
    optimizer = Clipped(Adam(set_up["rate"]), global_clipnorm=1.0)
    loss, found = SequenceCrossentropy(from_logits=True), {"validation": [], "test": []}
    for _ in range(epochs):
        reset(model)
        batch = set_up["batch_size"]
        model.fit(x, y, loss=loss, optimizer=optimizer, batch_size=batch, rng=None, verbose=False)
        for part, held in (("validation", text.train[cut:]), ("test", text.test)):
            found[part].append(round(bits_per_character(model, held), 4))
    return found


def dropout(seeds):
    """For each way, of each seed: the test bits at the epoch that was best in validation."""
    found = {"settings": CHARACTERS | {"epochs": EPOCHS, "recurrent_dropout": 0.25}, "ways": {}}
    for way in WAYS:
        rows = [read(way, seed) for seed in seeds]
        best = [int(np.argmin(row["validation"])) for row in rows]
        found["ways"][way] = {
            "best_epoch": [k + 1 for k in best],
            "test": [row["test"][k] for row, k in zip(rows, best, strict=True)],
            "curves": [row["test"] for row in rows],
        }
        print(way, found["ways"][way]["best_epoch"], found["ways"][way]["test"], flush=True)
    return found


# --- How much of the last step's gradient reaches the first, before, during and after training.

LONG, TRAINED, EVERY = 100, 1200, 20


def share(layer, x):
    """|dL/d(first state)| / |dL/d(last state)| for a loss that is a sum of the last h."""
    last = layer.forward(x)
    layer.backward(np.full_like(last, 1 / np.sqrt(last.size)))
    return float(np.linalg.norm(layer.state_gradient))


def followed(cell, rate, seed, updates=TRAINED):
    """A cell trained on the adding problem: its share every EVERY updates, its error at the end."""
    rng, loss, found = np.random.default_rng(seed), MeanSquaredError(), []
    model = Sequential([cell(2, UNITS, rng=rng), Dense(UNITS, 1, rng=rng)])
    optimizer = Clipped(Adam(rate), global_clipnorm=1.0)
    probe, held = (data.adding(n, LONG, rng=np.random.default_rng(n)) for n in (16, 2000))
    for k in range(updates + 1):
        if k % EVERY == 0:
            found.append(float(f"{share(model.layers[0], probe[0]):.3g}"))
        if k < updates:
            train_step(model, loss, optimizer, *data.adding(BATCH, LONG, rng=rng))
    return found, round(loss.forward(held[1], model.predict(held[0])), 5)


FOLLOWED = {  # name: the cell and its rate, found by hand
    "SimpleRNN": (SimpleRNN, 0.003),
    "LSTM": (LSTM, 0.02),
    "GRU": (GRU, 0.03),
    "IRNN": (partial(SimpleRNN, **settings_of("relu", "IRNN")), 0.003),
    "residual, U orthogonal": (partial(SimpleRNN, residual=True), 0.003),
    "residual, U = 0": (partial(SimpleRNN, **settings_of("tanh", "residual")), 0.003),
    "residual ReLU, U = 0": (partial(SimpleRNN, **settings_of("relu", "residual")), 0.003),
}


def reach(seeds):
    found = {"length": LONG, "updates": TRAINED, "every": EVERY, "cells": {}}
    for name, (cell, rate) in FOLLOWED.items():
        runs = [followed(cell, rate, seed) for seed in seeds]
        shares, errors = (list(column) for column in zip(*runs, strict=True))
        found["cells"][name] = {"rate": rate, "shares": shares, "errors": errors}
        print(name, [row[-1] for row in shares], errors, flush=True)
    return found


# --- Digits through an encoder and a decoder, to be written again.

WIDTHS, SOURCES, COPIED, BATCH_COPIED = (32, 64), (4, 8, 12, 16), 2000, 64


def copied(units, length, seed, n_updates=COPIED):
    """Shares of rows and of digits that come out right, on 1,000 fresh rows."""
    rng, loss = np.random.default_rng(seed), SequenceCrossentropy(from_logits=True)
    model = EncoderDecoder(length, 11, 11, embedding=8, units=units, rng=rng)
    optimizer = Clipped(Adam(0.01), global_clipnorm=1.0)
    for _ in range(n_updates):
        digits = rng.integers(1, 11, (BATCH_COPIED, length))
        train_step(model, loss, optimizer, teacher_forcing(digits, digits, 0), digits)
    digits = rng.integers(1, 11, (1000, length))
    right = model.translate(digits, length, 0) == digits
    return float(right.all(axis=1).mean()), round(float(right.mean()), 4)


def copying(seeds):
    found = {"updates": COPIED, "batch_size": BATCH_COPIED, "rows": {}, "digits": {}}
    for units in WIDTHS:
        for length in SOURCES:
            runs = [copied(units, length, seed) for seed in seeds]
            for name, values in zip(("rows", "digits"), zip(*runs, strict=True), strict=True):
                found[name].setdefault(str(units), {})[str(length)] = list(values)
            print(units, length, runs, flush=True)
    return found


PATIENT = 3 * COPIED


def patience(seeds):
    """The narrow state again, with three times the updates: is it too small, or too slow?"""
    found = {"updates": PATIENT, "units": WIDTHS[0], "rows": {}, "digits": {}}
    for length in SOURCES[1:]:
        runs = [copied(WIDTHS[0], length, seed, PATIENT) for seed in seeds]
        for name, values in zip(("rows", "digits"), zip(*runs, strict=True), strict=True):
            found[name][str(length)] = list(values)
        print(length, runs, flush=True)
    return found


PARTS = {
    "forget_bias": forget_bias,
    "low_rate": low_rate,
    "dropout": lambda seeds: dropout(list(seeds)[:5]),
    "reach": reach,
    "copying": lambda seeds: copying(list(seeds)[:5]),
    "patience": lambda seeds: patience(list(seeds)[:5]),
}


def main(arguments=None):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--part", choices=PARTS)
    chosen, rest = parser.parse_known_args(arguments)
    seeds = record.chosen_seeds(rest, SEEDS, __doc__.splitlines()[0])
    started = time.process_time()  # not while others have the processor
    if chosen.part is None:
        found = {name: part(seeds) for name, part in PARTS.items()}
    else:  # the others stay as stored, and their minutes count
        before = results.read("gated")
        if list(seeds) != before["seeds"]:
            raise SystemExit(f"the stored parts have the seeds {before['seeds']}, not {seeds}")
        part = PARTS[chosen.part](seeds)
        before = results.read("gated")  # another part may have been stored meanwhile
        found = before["results"] | {chosen.part: part}
        started -= 60 * before["minutes"]
    spent = time.process_time() - started
    record.save("gated", found, seeds=seeds, started=time.perf_counter() - spent)


if __name__ == "__main__":
    main()
