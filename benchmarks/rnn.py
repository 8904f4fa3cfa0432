"""The recurrent cells: the scratch code and Keras, in one run.

One pass is forward and backpropagation through 50 steps, the last state out: the weights'
gradients and the input's. `make` gives NumPy's BLAS one thread, and a machine may hold it to an
older instruction set (OPENBLAS_CORETYPE); Keras takes all cores and the newest instructions. So a
second row has the scratch code in a process of its own where BLAS may do the same.

    python -m benchmarks.rnn               all tables
    python -m benchmarks.rnn lstm          the scratch pass alone: its minimum and median, seconds
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks import timing
from benchmarks.with_keras import devices, keras_pass, on, scratch_pass, table
from twice.parity import keras
from twice.scratch.gated import GRU, LSTM
from twice.scratch.recurrent import SimpleRNN

BATCH, STEPS, N_IN, UNITS = 32, 50, 64, 128
CELLS = {  # name: our cell, Keras's cell
    "simple_rnn": (SimpleRNN, keras.layers.SimpleRNN),
    "lstm": (LSTM, keras.layers.LSTM),
    "gru": (GRU, keras.layers.GRU),
}


def cell(name, batch=BATCH, steps=STEPS, n_in=N_IN, units=UNITS):
    """(our cell, x, gradient of its last state), and Keras's cell with the same weights."""
    rng, (ours, theirs) = np.random.default_rng(0), CELLS[name]
    x = rng.normal(size=(batch, steps, n_in)).astype(np.float32)
    ours, theirs = ours(n_in, units, rng=rng), theirs(units)
    theirs.build(x.shape)
    theirs.set_weights(list(ours.params.values()))
    return (ours, x, rng.normal(size=(batch, units)).astype(np.float32)), theirs


def free_blas():
    """The environment in which NumPy's BLAS takes all cores and finds its instructions itself."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")}
    return settings | {"OPENBLAS_NUM_THREADS": str(os.cpu_count())}


def scratch_alone(name, environment):
    """(minimum, median) seconds of the scratch pass in a process with that environment."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rnn", name],
        cwd=Path(__file__).resolve().parent.parent,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(json.loads(done.stdout))


def one_cell(name):
    ours, theirs = cell(name)
    contenders = {"scratch": scratch_pass(*ours)}
    for device in devices():
        for word, compiled in (("eager", False), ("compiled", True)):
            with keras.device(device):
                call = keras_pass(theirs, *ours[1:], compiled)
            if call is not None:
                contenders[f"Keras {word}, {device}"] = on(device, call)
    cores, times = os.cpu_count(), timing.race(contenders, bursts=30)
    times[f"scratch, BLAS free: {cores} threads"] = scratch_alone(name, free_blas())
    threads = os.environ.get("OPENBLAS_NUM_THREADS", cores)
    kernels = os.environ.get("OPENBLAS_CORETYPE", "detected")
    title = (
        f"{ours[0]!r} on {ours[1].shape}, forward and backward; scratch: BLAS threads {threads}, "
        f"instructions {kernels}; Keras: threads {cores}, instructions detected"
    )
    header = ["one pass", "ms: minimum (median)", "scratch / this"]
    timing.report(name, title, header, table(times))


def main(names):
    if names:
        (name,) = names
        print(json.dumps(timing.race({name: scratch_pass(*cell(name)[0])}, bursts=30)[name]))
        return
    for name in CELLS:
        one_cell(name)


if __name__ == "__main__":
    main(sys.argv[1:])
