"""Keras trainings: killed and resumed with the same bits, in an order that can be repeated."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from resumed_keras import model, samples

from twice.keras_training import Checkpoint, Ordered, keras, read_logs, state

HERE = Path(__file__).resolve().parent


def arrays(net):
    return [keras.ops.convert_to_numpy(v) for v in state(net)]


def differ(a, b):
    """The largest difference of the weights of two models."""
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return max(float(np.abs(p - q).max()) for p, q in pairs)


# ---- killed ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_twice_and_resumed_it_ends_with_the_same_bits(tmp_path):
    def train(folder, last, batches):
        here = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(here)}
        command = [sys.executable, HERE / "resumed_keras.py", folder, last, str(batches)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode

    whole = tmp_path / "whole"
    whole.mkdir()
    assert train(whole, "end.npz", 0) == 0
    assert train(tmp_path, "end.npz", 7) == -signal.SIGKILL  # in the second epoch
    assert train(tmp_path, "end.npz", 14) == -signal.SIGKILL  # begun with the second, in the fourth
    assert not (tmp_path / "end.npz").exists()
    assert train(tmp_path, "end.npz", 0) == 0
    with np.load(whole / "end.npz") as a, np.load(tmp_path / "end.npz") as b:
        assert a.files == b.files
        assert a["loss"].shape == (6,)
        for name in a.files:
            assert a[name].tobytes() == b[name].tobytes(), name


class Stop(keras.callbacks.Callback):
    """Ends a training with an exception at the beginning of epoch 3."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise RuntimeError("stopped")


def train(net, *callbacks, epochs=6, **settings):
    x, y = samples()
    data = Ordered(x, y, batch_size=16, seed=4)
    callbacks = [data.follow(), *callbacks]
    return net.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks, **settings)


def test_another_model_goes_on_with_every_variable_and_the_history(tmp_path):
    whole, broken, resumed = model(), model(), model()
    history = train(whole).history
    with pytest.raises(RuntimeError, match="stopped"):
        train(broken, Checkpoint(tmp_path / "a.npz"), Stop())
    safe = Checkpoint(tmp_path / "a.npz")
    epoch = safe.resume(resumed)
    assert epoch == 3
    train(resumed, safe, initial_epoch=epoch)
    for a, b in zip(arrays(whole), arrays(resumed), strict=True):
        np.testing.assert_array_equal(a, b)
    assert safe.history == history
    assert Checkpoint(tmp_path / "a.npz").resume(model()) == 6


@pytest.mark.parametrize(("dropout", "same"), [(0.0, True), (0.5, False)])
def test_backup_and_restore_forgets_the_seeds_of_dropout(tmp_path, dropout, same):
    """Why there is a Checkpoint here. Should this fail, Keras may have learned it."""
    whole, broken, resumed = model(), model(), model()
    for net in (whole, broken, resumed):
        net.layers[2].rate = dropout
    train(whole)
    with pytest.raises(RuntimeError, match="stopped"):
        train(broken, keras.callbacks.BackupAndRestore(tmp_path / "a"), Stop())
    history = train(resumed, keras.callbacks.BackupAndRestore(tmp_path / "a"))
    assert history.epoch == [3, 4, 5]  # weights, optimizer and epoch are restored
    assert int(resumed.optimizer.iterations) == 30
    assert (differ(whole, resumed) == 0) == same


def test_every_so_often(tmp_path):
    safe = Checkpoint(tmp_path / "a.npz", every=2)
    train(model(), safe, epochs=3)
    assert len(safe.history["loss"]) == 3
    again = Checkpoint(tmp_path / "a.npz")
    assert again.resume(model()) == 2
    assert again.history["loss"] == safe.history["loss"][:2]


def test_what_cannot_be_resumed_is_told_and_changes_nothing(tmp_path):
    path, net = tmp_path / "a.npz", model()
    assert Checkpoint(path).resume(net) == 0
    train(model(), Checkpoint(path), epochs=1)
    other = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="expected a model that is built and compiled"):
        Checkpoint(path).resume(other)
    other.compile("adam", "mse")
    before = arrays(other)
    with pytest.raises(ValueError, match=r"a.npz is of another model: expected \[\(6, 2\), \(2,\)"):
        Checkpoint(path).resume(other)
    for a, b in zip(arrays(other), before, strict=True):
        np.testing.assert_array_equal(a, b)
    whole, before = path.read_bytes(), arrays(net)
    with np.load(path) as archive:
        kernel = archive["arr_1"].tobytes()
    assert whole.count(kernel) == 1
    for data in (b"", b"a diary", whole[:-9], whole.replace(kernel, kernel[:-1] + b"?")):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="is damaged or no checkpoint"):
            Checkpoint(path).resume(net)
    for a, b in zip(arrays(net), before, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"expected every >= 1 and a folder, got 1 and .*nowhere"):
        Checkpoint(tmp_path / "nowhere" / "a.npz")
    with pytest.raises(ValueError, match="expected every >= 1 and a folder, got 0"):
        Checkpoint(path, every=0)


# ---- the order ---------------------------------------------------------------------------------


def test_the_order_depends_on_seed_and_epoch_alone():
    x = np.arange(10)
    a, b = (Ordered(x, x, batch_size=4, seed=1) for _ in range(2))
    orders = []
    for epoch in range(3):
        a.begin(epoch)
        orders.append(np.concatenate([a[k][0] for k in range(len(a))]).tolist())
        assert sorted(orders[-1]) == list(range(10))
    b.begin(2)
    assert np.concatenate([b[k][1] for k in range(3)]).tolist() == orders[2]
    assert [len(b[k][0]) for k in range(3)] == [4, 4, 2]
    assert len({tuple(order) for order in orders}) == 3
    assert Ordered(x, x, seed=2).order.tolist() != Ordered(x, x, seed=1).order.tolist()


def test_fit_trains_in_that_order():
    net, hand, (x, y) = model(), model(), samples()
    train(net, epochs=3)
    for epoch in range(3):
        order = np.random.default_rng([4, epoch]).permutation(72)
        for k in range(0, 72, 16):
            i = order[k : k + 16]
            hand.train_on_batch(x[i], y[i])
    assert differ(net, hand) < 1e-5


def test_bad_samples():
    for x, y, size, got in (([1], [1, 2], 1, "1 x, 2 y and 1"), ([1], [1], 0, "1 x, 1 y and 0")):
        with pytest.raises(ValueError, match=f"expected as many x as y and .*, got {got}"):
            Ordered(x, y, batch_size=size)


# ---- logs --------------------------------------------------------------------------------------


def test_logs_are_read_whole_without_a_server(tmp_path):
    net, (x, y) = model(), samples()
    board = keras.callbacks.TensorBoard(tmp_path, histogram_freq=1, profile_batch=0)
    history = net.fit(x, y, epochs=13, validation_data=(x, y), verbose=0, callbacks=[board])
    found = read_logs(tmp_path)
    for name in ("loss", "mae"):
        for part, prefix in (("train", ""), ("validation", "val_")):
            steps, values = found[f"{part}/epoch_{name}"]
            assert steps.tolist() == list(range(13))
            np.testing.assert_allclose(values, history.history[prefix + name], rtol=1e-6)
    steps, values = found["train/epoch_learning_rate"]
    np.testing.assert_allclose(values, np.full(13, 0.01), rtol=1e-6)
    (kernel,) = (name for name in found if f"{net.layers[0].name}/kernel/histogram" in name)
    steps, values = found[kernel]
    assert values.shape[0] == 13
    assert values.shape[2] == 3
    assert values[0, :, 2].sum() == 48  # every weight is counted
    last = net.get_weights()[0]
    assert values[-1, 0, 0] == pytest.approx(last.min())
    assert values[-1, -1, 1] == pytest.approx(last.max())


def test_a_folder_without_logs(tmp_path):
    with pytest.raises(ValueError, match=r"expected a folder of TensorBoard's logs"):
        read_logs(tmp_path)
