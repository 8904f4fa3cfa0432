"""Checkpoints: killed in the middle and resumed, a training ends with the same bits."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from twice.scratch import adaptive, layerwise, optimizers
from twice.scratch.adaptive import Adam, AdamW
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from twice.scratch.gradient_descent import SGD as Plain
from twice.scratch.noise import Dropout
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.sequences import Bidirectional
from twice.scratch.training import Callback

HERE = Path(__file__).resolve().parent


def train(folder, how):
    """Run tests/resumed.py in a process of its own; how it ended."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, HERE / "resumed.py", folder, how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def contents(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert value.dtype == b[name].dtype, name
        assert value.tobytes() == b[name].tobytes(), name


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder, "whole") == 0
    return contents(folder / "end.npz")


@pytest.mark.parametrize(
    "kills",
    [
        ["batch 7"],  # in the third epoch
        ["batch 2"],  # before the first checkpoint
        ["write 3"],
        ["rename 3"],
        ["batch 13", "write 1", "rename 2", "batch 4"],  # one after the other
    ],
    ids=lambda kills: ", ".join(kills),
)
def test_killed_and_resumed_it_ends_with_the_same_bits(tmp_path, kills, uninterrupted):
    for how in kills:
        assert train(tmp_path, how) == -signal.SIGKILL
        assert not (tmp_path / "end.npz").exists()
    assert train(tmp_path, "whole") == 0
    assert_same_bits(contents(tmp_path / "end.npz"), uninterrupted)
    about = json.loads(uninterrupted["about"].tobytes())  # the history is in it
    assert len(about["history"]["val_loss"]) == about["epoch"] == 8
    assert sorted(p.name for p in tmp_path.iterdir()) == ["end.npz", "run.npz"]  # no halves left


def test_a_killed_write_leaves_the_file_of_before(tmp_path):
    assert train(tmp_path, "write 3") == -signal.SIGKILL
    about = json.loads(contents(tmp_path / "run.npz")["about"].tobytes())
    assert about["epoch"] == 2
    (half,) = (p for p in tmp_path.iterdir() if p.name != "run.npz")
    assert 0 < half.stat().st_size < (tmp_path / "run.npz").stat().st_size


# ---- in one process ----------------------------------------------------------------------------


def rng(seed=0):
    return np.random.default_rng(seed)


def model(seed=0, units=4, dtype=np.float32):
    random = rng(seed)
    return Sequential(
        [
            Dense(3, units, rng=random, dtype=dtype),
            BatchNormalization(units, dtype=dtype),
            Activation("relu"),
            Dropout(0.5, rng=random),
            Dense(units, 3, rng=random, dtype=dtype),
        ]
    )


X, Y = rng(7).normal(size=(2, 20, 3)).astype(np.float32)


def train_here(net, optimizer, order, *, epochs, **settings):
    fixed = {"loss": MeanSquaredError(), "batch_size": 8, "validation_data": (X, Y)}
    return net.fit(X, Y, optimizer=optimizer, rng=order, epochs=epochs, **fixed, **settings)


def half_trained(path, optimizer=None, **settings):
    """Train 3 epochs of 6, save, train on; returns the weights and the history at the end."""
    optimizer, net, order = optimizer or Adam(0.01), model(), rng(1)
    first = train_here(net, optimizer, order, epochs=3)
    state = {"optimizer": optimizer, "rng": order, "epoch": 3, "history": first}
    save_checkpoint(path, net, **(state | settings))
    then = train_here(net, optimizer, order, epochs=6, initial_epoch=3)
    return net.get_weights(), {k: first.history[k] + then.history[k] for k in first.history}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Plain(0.05),
        lambda: SGD(0.05, momentum=0.9, nesterov=True),
        lambda: AdamW(lambda step: 0.1 / (1 + step)),
        lambda: Adam(np.float32(0.01), amsgrad=True),
    ],
    ids=["plain", "momentum", "schedule", "amsgrad"],
)
def test_another_process_could_go_on(tmp_path, make):
    weights, history = half_trained(tmp_path / "a.npz", make())
    net, optimizer, order = model(seed=5), make(), rng(6)  # none of them as it was
    epoch, before = load_checkpoint(tmp_path / "a.npz", net, optimizer=optimizer, rng=order)
    assert epoch == 3
    after = train_here(net, optimizer, order, epochs=6, initial_epoch=epoch)
    assert {k: before[k] + after.history[k] for k in before} == history
    assert after.iterations == 18
    for a, b in zip(net.get_weights(), weights, strict=True):
        assert a.tobytes() == b.tobytes()


OPTIMIZERS = sorted(
    {
        one
        for module in (optimizers, adaptive, layerwise)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, optimizers.Optimizer)
    }
    - {optimizers.Optimizer},
    key=lambda one: one.__name__,
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_of_the_library_goes_on(tmp_path, optimizer):
    weights, _ = half_trained(tmp_path / "a.npz", optimizer())
    net, again, order = model(), optimizer(), rng(1)
    load_checkpoint(tmp_path / "a.npz", net, optimizer=again, rng=order)
    train_here(net, again, order, epochs=6, initial_epoch=3)
    for a, b in zip(net.get_weights(), weights, strict=True):
        assert a.tobytes() == b.tobytes()


def test_every_part_of_the_state_counts(tmp_path):
    """Leave one out, and the end is another: so none of them is stored in vain."""
    path = tmp_path / "a.npz"
    weights, _ = half_trained(path)

    def end(forget):
        net, optimizer, order = model(), Adam(0.01), rng(1)
        load_checkpoint(path, net, optimizer=optimizer, rng=order)
        fresh = model()
        if forget == "order":
            order = rng(1)
        elif forget == "dropout":
            net.layers[3].rng.bit_generator.state = fresh.layers[3].rng.bit_generator.state
        elif forget == "statistics":
            net.layers[1].non_trainable = fresh.layers[1].non_trainable
        elif forget == "memories":
            optimizer.memories = {}
        elif forget == "iterations":
            optimizer.iterations = 0
        train_here(net, optimizer, order, epochs=6, initial_epoch=3)
        found = zip(net.get_weights(), weights, strict=True)
        return max(float(np.abs(a - b).max()) for a, b in found)

    assert end(None) == 0
    for forget in ("order", "dropout", "statistics", "memories", "iterations"):
        assert end(forget) > 1e-4, forget


def test_the_states_of_stateful_layers_come_back(tmp_path):
    def recurrent(seed):
        random = rng(seed)
        pair = [
            SimpleRNN(3, 2, rng=random, stateful=True, return_sequences=True, go_backwards=back)
            for back in (False, True)
        ]
        return Sequential([Bidirectional(*pair), SimpleRNN(4, 2, rng=random)])

    x, net, other = rng(1).normal(size=(2, 5, 3)), recurrent(0), recurrent(1)
    net.forward(x)
    save_checkpoint(tmp_path / "a.npz", net)
    load_checkpoint(tmp_path / "a.npz", other)
    np.testing.assert_array_equal(other.forward(x), net.forward(x))
    fresh = recurrent(0)
    save_checkpoint(tmp_path / "b.npz", fresh)  # with no state yet
    load_checkpoint(tmp_path / "b.npz", other)
    np.testing.assert_array_equal(other.forward(x), fresh.forward(x))


@pytest.mark.parametrize("name", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_every_generator_of_numpy_comes_back(tmp_path, name):
    first, second = (np.random.Generator(getattr(np.random, name)(s)) for s in (1, 2))
    first.random(3), first.integers(7, dtype=np.uint32)  # half of a word is kept aside
    net = Sequential([Dense(2, 2, rng=rng())])
    save_checkpoint(tmp_path / "a.npz", net, rng=first)
    load_checkpoint(tmp_path / "a.npz", net, rng=second)
    one, two = (g.integers(99, size=9, dtype=np.uint32).tolist() for g in (first, second))
    assert one == two


def test_the_callback_saves_every_so_often_and_resumes(tmp_path):
    path, seen = tmp_path / "a.npz", []

    class Look(Callback):
        def on_epoch_end(self, model, epoch, logs):
            seen.append(path.exists() and load_checkpoint(path, model_like, rng=rng())[0])

    model_like = model()
    net, order = model(), rng(1)
    safe = Checkpoint(path, rng=order, every=2)
    assert safe.resume(net) == 0
    history = train_here(net, Plain(0.01), order, epochs=5, callbacks=[safe, Look()])
    assert seen == [False, 2, 2, 4, 4]
    assert safe.history.history == history.history
    again = Checkpoint(path, rng=order, every=2)
    assert again.resume(net) == 4
    train_here(net, Plain(0.01), order, epochs=5, initial_epoch=4, callbacks=[again])
    assert again.history.history == history.history


def test_resume_removes_what_a_killed_write_left_and_nothing_else(tmp_path):
    for name in (".a[1].npz.x7f", ".a1.npz.x7f", ".b.npz.x7f"):
        (tmp_path / name).write_bytes(b"half")
    Checkpoint(tmp_path / "a[1].npz").resume(model())
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a1.npz.x7f", ".b.npz.x7f"]


# ---- what does not fit -------------------------------------------------------------------------


def fails(path, message, net=None, **state):
    """load_checkpoint raises ValueError with these words, and changes nothing."""
    net, state = net or model(), {"optimizer": Adam(), "rng": rng(1)} | state
    before = net.get_weights()
    with pytest.raises(ValueError, match=message):
        load_checkpoint(path, net, **state)
    for a, b in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    if isinstance(state["optimizer"], Adam):
        assert state["optimizer"].iterations == 0
    if isinstance(state["rng"], np.random.Generator):
        assert state["rng"].random() == rng(1).random()


def test_another_model_optimizer_or_generator_is_named(tmp_path):
    path = tmp_path / "a.npz"
    half_trained(path)
    wider = r"another model: expected \['0.kernel', \[3, 5\], 'float32'\], got .*\[3, 4\]"
    fails(path, wider, model(units=5))
    fails(path, r"expected \['0.kernel', \[3, 4\], 'float64'\]", model(dtype=np.float64))
    short = Sequential(model().layers[:2])
    fails(path, r"expected \['statistic 0', \[4\], 'float32'\], got \['4.kernel'", short)
    fails(path, "another optimizer: expected SGD, got Adam", optimizer=SGD())
    fails(path, "another optimizer: expected None, got Adam", optimizer=None)
    fails(path, "a number, the other one a schedule", optimizer=Adam(lambda step: 0.1))
    fails(path, "1 generators at hand, 2 in the file", rng=None)
    fails(path, "3 generators at hand, 2 in the file", rng=[rng(), rng()])
    other = np.random.Generator(np.random.MT19937(0))
    fails(path, "another generator: expected MT19937, got PCG64", rng=[other])
    fails(path, "expected rng to be NumPy Generators, got 3", rng=[3])


def test_another_version_and_other_files_are_named(tmp_path):
    path = tmp_path / "a.npz"
    half_trained(path)
    arrays = contents(path)
    about = json.loads(arrays.pop("about").tobytes())
    text = json.dumps(about | {"version": 2}).encode()
    np.savez(path, about=np.frombuffer(text, np.uint8), **arrays)
    fails(path, "expected a checkpoint of version 1, got 2")
    np.savez(path, **arrays)
    fails(path, "a.npz is damaged or no checkpoint: KeyError")
    path.write_text("a diary")
    fails(path, "damaged or no checkpoint: BadZipFile")
    path.write_bytes(b"")
    fails(path, "damaged or no checkpoint")
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "b.npz", model())


def test_damage_never_passes_unseen(tmp_path):
    """Cut anywhere, or with any byte changed: an error, or the same numbers (dates may change)."""
    path, net = tmp_path / "a.npz", Sequential([Dense(2, 1, rng=rng())])
    save_checkpoint(path, net)
    whole, weights, seen = path.read_bytes(), net.get_weights(), 0
    damaged = [whole[:n] for n in range(0, len(whole), 53)]
    for k in range(0, len(whole), 5):
        damaged.append(whole[:k] + bytes([whole[k] ^ 0x15]) + whole[k + 1 :])
    for data in damaged:
        path.write_bytes(data)
        net.set_weights([w * 0 for w in weights])
        try:
            load_checkpoint(path, net)
        except ValueError:
            seen += 1
            continue
        for a, b in zip(net.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(a, b)
    assert seen > 0.6 * len(damaged)


def test_a_checkpoint_holds_no_code(tmp_path):
    path = tmp_path / "a.npz"
    half_trained(path)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as part:
                np.lib.format.read_array(io.BytesIO(part.read()), allow_pickle=False)


def test_bad_settings(tmp_path):
    with pytest.raises(ValueError, match="expected every >= 1 and a folder, got 0"):
        Checkpoint(tmp_path / "a.npz", every=0)
    with pytest.raises(ValueError, match=r"and a folder, got 1 and .*nowhere"):
        Checkpoint(tmp_path / "nowhere" / "a.npz")
    with pytest.raises(ValueError, match="expected rng to be NumPy Generators, got 7"):
        save_checkpoint(tmp_path / "a.npz", model(), rng=[7])
