"""Keras trainings that can be killed and resumed, and their logs read without a server.

Keras's `BackupAndRestore` and `.keras` files bring back weights, optimizer and epoch, but neither
where dropout's random numbers stand nor the order of the samples. `Checkpoint` and `Ordered` add
these: a resumed training ends with the weights of an uninterrupted one. Both run on TensorFlow,
JAX and PyTorch. Importing this module imports Keras.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from twice import files
from twice.parity import keras


class Ordered(keras.utils.PyDataset):
    """Batches of x (N, ...) and y (N, ...) whose order depends on the seed and the epoch alone.

    The order of an epoch is default_rng([seed, epoch]).permutation(N), whatever came before it, on
    every backend. `begin` tells the epoch; call `fit` with it, and leave Keras's own shuffling off:

        data = Ordered(x, y, batch_size=32)
        model.fit(data, shuffle=False, callbacks=[data.follow(), ...])
    Raises ValueError for numbers of samples that differ and for a batch_size < 1.
    """

    def __init__(self, x, y, *, batch_size=32, seed=0):
        super().__init__()
        if len(x) != len(y) or len(x) == 0 or batch_size < 1:
            sizes = f"{len(x)} x, {len(y)} y and {batch_size}"
            raise ValueError(f"expected as many x as y and batch_size >= 1, got {sizes}")
        self.x, self.y, self.size, self.seed = x, y, batch_size, seed
        self.begin(0)

    def begin(self, epoch, logs=None):
        """The order of this epoch, counted from 0."""
        self.order = np.random.default_rng([self.seed, epoch]).permutation(len(self.x))

    def follow(self):
        """A callback that calls `begin`."""
        return keras.callbacks.LambdaCallback(on_epoch_begin=self.begin)

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __getitem__(self, k):
        i = self.order[k * self.size : (k + 1) * self.size]
        return self.x[i], self.y[i]


def state(model):
    """All variables of a compiled model: weights, statistics, seeds, then the optimizer's."""
    if getattr(model, "optimizer", None) is None or not model.built:
        raise ValueError("expected a model that is built and compiled")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


class Checkpoint(keras.callbacks.Callback):
    """Save all variables, the epoch and the history after every `every` epochs, in one file.

        safe = Checkpoint("run.npz")
        model.fit(..., initial_epoch=safe.resume(model), callbacks=[..., safe])
    These lines begin a training, and go on with it after a kill, which may come at any moment:
    there is the old file or the whole new one. Not in it: the counters of other callbacks.
    """

    def __init__(self, path, *, every=1):
        super().__init__()
        self.path, self.every, self.history = Path(path), every, {}
        if every < 1 or not self.path.parent.is_dir():
            folder = self.path.parent
            raise ValueError(f"expected every >= 1 and a folder, got {every} and {folder}")

    def resume(self, model):
        """Put the model in its last saved state; the number of epochs that are done, or 0.

        ValueError, before anything is changed, for a damaged file or another model.
        """
        variables, self.history = state(model), {}
        if not self.path.exists():
            return 0
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as archive:
                arrays = [archive[name] for name in archive.files]  # checks their checksums
            about = json.loads(arrays.pop(0).tobytes())
            epoch, history = about["epoch"], about["history"]
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError) as error:
            raise ValueError(f"{self.path} is damaged or no checkpoint: {error!r}") from error
        wanted, came = [tuple(v.shape) for v in variables], [a.shape for a in arrays]
        if wanted != came:
            raise ValueError(f"{self.path} is of another model: expected {wanted}, got {came}")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        self.history = history
        return epoch

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if (epoch + 1) % self.every:
            return
        about = json.dumps({"epoch": epoch + 1, "history": self.history}).encode()
        arrays = [keras.ops.convert_to_numpy(v) for v in state(self.model)]
        whole = io.BytesIO()
        np.savez(whole, np.frombuffer(about, np.uint8), *arrays)
        files.replace(self.path, whole.getvalue())


def read_logs(folder):
    """What `keras.callbacks.TensorBoard` wrote, as {"train/epoch_loss": (steps, values), ...}.

    values: (steps,) for numbers, (steps, buckets, 3) for histograms, whose rows are left edge,
    right edge and count. Every step is read: TensorBoard itself keeps a sample of ten.
    ValueError if there is no log.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    found = {}
    for part in sorted({path.parent for path in Path(folder).rglob("events.out.tfevents.*")}):
        log = EventAccumulator(str(part), size_guidance={"tensors": 0}).Reload()
        for tag in log.Tags()["tensors"]:
            events = log.Tensors(tag)
            values = [make_ndarray(event.tensor_proto) for event in events]
            if values[0].dtype.kind == "f":
                steps = np.array([event.step for event in events])
                found[f"{part.relative_to(folder)}/{tag}"] = steps, np.array(values)
    if not found:
        raise ValueError(f"expected a folder of TensorBoard's logs, got {folder}")
    return found
