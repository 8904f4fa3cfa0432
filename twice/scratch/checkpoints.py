"""Checkpoints: all that a training needs to go on where it was killed, in one file.

That is more than the weights: running statistics, the optimizer's memories, where the random
numbers stand, the epoch. With all of it a resumed training ends with an uninterrupted one's bits.
"""

import io
import json
import zipfile
from glob import escape
from itertools import zip_longest
from pathlib import Path

import numpy as np

from twice import files
from twice.scratch.training import Callback, History
from twice.scratch.weights import beside, kept

VERSION = 1


def parts(model):
    """The model, its layers and the layers within these, depth first."""
    return [model, *(p for layer in getattr(model, "layers", []) for p in parts(layer))]


def generators(model, rng=None):
    """Every random generator once: rng (one, several or None), then those of the layers."""
    given = [] if rng is None else [rng] if isinstance(rng, np.random.Generator) else list(rng)
    for one in given:
        if not isinstance(one, np.random.Generator):
            raise ValueError(f"expected rng to be NumPy Generators, got {one!r}")
    found = [*given, *(getattr(part, "rng", None) for part in parts(model))]
    return list({id(g): g for g in found if isinstance(g, np.random.Generator)}.values())


def innermost(optimizer):
    """The optimizer that steps: without `Clipped` and the like around it."""
    while hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return optimizer


def settings(optimizer):
    """Its numbers by name, such as iterations and beta_1; a schedule is no number."""
    found = {k: v for k, v in vars(optimizer).items() if isinstance(v, (int, float, np.number))}
    return {k: plain(v) if isinstance(v, np.generic) else v for k, v in found.items()}


def scheduled(optimizer):
    """Whether its learning rate is a schedule."""
    return callable(getattr(optimizer, "learning_rate", None))


def described(model):
    """[name, shape, dtype] of every array, in the order of `get_weights`: to recognize a model."""
    names = [*model.params, *(f"statistic {k}" for k in range(len(beside(model))))]
    pairs = zip(names, kept(model), strict=True)
    return [[name, list(a.shape), a.dtype.name] for name, a in pairs]


def plain(value):
    """What json can write; a NumPy number with its type: float64 times float32 is not float32."""
    if isinstance(value, np.generic):
        return {"dtype": value.dtype.name, "value": value.item()}
    return value.tolist()


def unplain(found):
    """The number that `plain` wrote down."""
    if found.keys() == {"dtype", "value"}:
        return np.dtype(found["dtype"]).type(found["value"])
    return found


def save_checkpoint(path, model, *, optimizer=None, rng=None, epoch=0, history=None):
    """Write the whole state of a training to `path`, an .npz, in one step.

    Weights and running statistics (`model.get_weights`), the states of stateful layers, the
    optimizer's memories and numbers, the states of rng (a Generator or several) and of the layers'
    own generators, `epoch` (how many are done) and `history` (a History or its dict).
    Killed while it writes, it leaves the file of before. Not in it: functions, so no schedule, no
    loss and no callback's counters; give the same ones again. ValueError for an rng that is none.
    """
    history = history.history if isinstance(history, History) else dict(history or {})
    about = {"version": VERSION, "model": described(model), "epoch": epoch, "history": history}
    about["random"] = [g.bit_generator.state for g in generators(model, rng)]
    arrays = {f"weight/{k}": w for k, w in enumerate(model.get_weights())}
    for k, part in enumerate(parts(model)):
        if getattr(part, "stateful", False) and part.state is not None:
            arrays[f"state/{k}"] = part.state
    if optimizer is not None:
        optimizer = innermost(optimizer)
        about["optimizer"] = type(optimizer).__name__
        about["settings"], about["schedule"] = settings(optimizer), scheduled(optimizer)
        for (kind, name), memory in getattr(optimizer, "memories", {}).items():
            arrays[f"memory/{kind}/{name}"] = memory
    text = json.dumps(about, default=plain).encode()
    whole = io.BytesIO()
    np.savez(whole, about=np.frombuffer(text, np.uint8), **arrays)
    files.replace(path, whole.getvalue())


def read(path):
    """What the file says of itself, and its arrays; ValueError for a damaged or foreign one."""
    whole = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            bad = archive.testzip()  # compares every part with its checksum
        if bad is not None:
            raise zipfile.BadZipFile(f"bad checksum of {bad}")
        with np.load(io.BytesIO(whole), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        about = json.loads(arrays.pop("about").tobytes(), object_hook=unplain)
        version = about["version"]
    except Exception as error:  # whatever zipfile, NumPy and json say to foreign bytes
        raise ValueError(f"{path} is damaged or no checkpoint: {error!r}") from error
    if version != VERSION:
        raise ValueError(f"{path}: expected a checkpoint of version {VERSION}, got {version}")
    return about, arrays


def check(path, about, model, optimizer, random):
    """ValueError that names the first thing in which the file and what is at hand differ."""
    for a, b in zip_longest(described(model), about["model"]):
        if a != b:
            raise ValueError(f"{path} is of another model: expected {a}, got {b}")
    if len(random) != len(about["random"]):
        came = f"{len(random)} generators at hand, {len(about['random'])} in the file"
        raise ValueError(f"{path} needs the generators it was saved with: {came}")
    for g, state in zip(random, about["random"], strict=True):
        if type(g.bit_generator).__name__ != state["bit_generator"]:
            came = f"{type(g.bit_generator).__name__}, got {state['bit_generator']}"
            raise ValueError(f"{path} is of another generator: expected {came}")
    name = None if optimizer is None else type(optimizer).__name__
    if name != about.get("optimizer"):
        came = f"expected {name}, got {about.get('optimizer')}"
        raise ValueError(f"{path} is of another optimizer: {came}")
    if optimizer is not None and scheduled(optimizer) != about["schedule"]:
        raise ValueError(f"{path}: one learning rate is a number, the other one a schedule")


def load_checkpoint(path, model, *, optimizer=None, rng=None):
    """Put model, optimizer and generators in the state that `save_checkpoint` wrote.

    The model is built as it was, the optimizer is of the same class; its numbers become those of
    the file. Returns the epochs that are done and the history, a dict of lists. Raises
    FileNotFoundError where there is no file, and ValueError, before anything is changed, for one
    that is damaged, of another version, model, optimizer or number of generators.
    """
    about, arrays = read(path)
    optimizer, random = innermost(optimizer), generators(model, rng)
    check(path, about, model, optimizer, random)
    model.set_weights([arrays[f"weight/{k}"] for k in range(len(about["model"]))])
    for k, part in enumerate(parts(model)):
        if getattr(part, "stateful", False):
            part.state = arrays.get(f"state/{k}")
    for g, state in zip(random, about["random"], strict=True):
        g.bit_generator.state = state
    if optimizer is not None:
        vars(optimizer).update(about["settings"])
        names = [name for name in arrays if name.startswith("memory/")]
        optimizer.memories = {tuple(name.split("/", 2)[1:]): arrays[name] for name in names}
    return about["epoch"], about["history"]


class Checkpoint(Callback):
    """Save after every `every` epochs; `resume(model)` goes back to the last saved state.

        safe = Checkpoint("run.npz", optimizer=optimizer, rng=rng)
        model.fit(..., rng=rng, initial_epoch=safe.resume(model), callbacks=[safe])
    These lines begin a training, and go on with it after a kill. `history` is of all epochs.
    Put it last among the callbacks. Raises ValueError for every < 1 and a folder that is none.
    """

    def __init__(self, path, *, optimizer=None, rng=None, every=1):
        self.path, self.every, self.rng, self.optimizer = Path(path), every, rng, optimizer
        if every < 1 or not self.path.parent.is_dir():
            folder = self.path.parent
            raise ValueError(f"expected every >= 1 and a folder, got {every} and {folder}")
        self.history = History()

    def resume(self, model):
        """The number of epochs that are done: 0 if there is no file yet."""
        for half in self.path.parent.glob(f".{escape(self.path.name)}.*"):
            half.unlink()  # what a killed write left behind
        self.history, epoch = History(), 0
        if self.path.exists():
            state = {"optimizer": self.optimizer, "rng": self.rng}
            epoch, self.history.history = load_checkpoint(self.path, model, **state)
        return epoch

    def on_epoch_end(self, model, epoch, logs):
        self.history.add(logs)
        if (epoch + 1) % self.every == 0:
            state = {"optimizer": self.optimizer, "rng": self.rng, "history": self.history}
            save_checkpoint(self.path, model, epoch=epoch + 1, **state)
