"""The training loop: order, history, validation, callbacks, NaNs, interrupts, errors."""

import re

import numpy as np
import pytest

from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.gradient_descent import SGD
from twice.scratch.losses import BinaryCrossentropy, SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.perceptron import MeanSquaredError
from twice.scratch.training import Callback, History, NotFinite, evaluate, fit, train_step


def rng(seed=0):
    return np.random.default_rng(seed)


def model(seed=0, dtype=np.float64):
    random = rng(seed)
    return Sequential(
        [
            Dense(3, 4, rng=random, dtype=dtype),
            Activation("tanh"),
            Dense(4, 2, rng=random, dtype=dtype),
        ]
    )


def samples(n=10, seed=1):
    return rng(seed).normal(size=(n, 3)), rng(seed + 1).normal(size=(n, 2))


def settings(**changed):
    return {"loss": MeanSquaredError(), "optimizer": SGD(0.1), "batch_size": 4, **changed}


class Seeing(Sequential):
    """Writes down the samples of every training step, and whether it was told to train."""

    def forward(self, x, training=False):
        if training:
            self.__dict__.setdefault("seen", []).append(x[:, 0].astype(int).tolist())
        return super().forward(x, training=training)


def numbered(n=10):
    return np.column_stack([np.arange(n), np.zeros((n, 2))]).astype(float), np.zeros((n, 1))


def seeing():
    return Seeing([Dense(3, 1, rng=rng(), dtype=np.float64)])


# ---- order and batches -------------------------------------------------------------------------


def test_without_rng_the_order_is_kept_and_the_last_batch_is_smaller():
    net = seeing()
    net.fit(*numbered(), **settings(epochs=2, optimizer=SGD(1e-9)))
    one = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert net.seen == one + one


def test_rng_shuffles_every_epoch_anew_and_can_be_repeated():
    orders = []
    for seed in (5, 5, 6):
        net = seeing()
        net.fit(*numbered(), **settings(epochs=2, optimizer=SGD(1e-9), rng=rng(seed)))
        flat = [i for batch in net.seen for i in batch]
        assert sorted(flat[:10]) == sorted(flat[10:]) == list(range(10))
        assert flat[:10] != flat[10:]
        orders.append(flat)
    assert orders[0] == orders[1] != orders[2]


def test_a_run_is_repeated_to_the_bit():
    weights = []
    for _ in range(2):
        net = model()
        net.fit(*samples(), **settings(epochs=3, rng=rng(7)))
        weights.append(net.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fit_is_the_loop_written_by_hand():
    (x, y), net, other, loss = samples(), model(), model(), MeanSquaredError()
    net.fit(x, y, **settings(epochs=3))
    for _ in range(3):
        for i in (slice(0, 4), slice(4, 8), slice(8, 10)):
            loss.forward(y[i], other.forward(x[i]))
            other.backward(loss.backward())
            for name, w in other.params.items():
                w -= 0.1 * other.grads[name]
    for a, b in zip(net.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-14)


def test_more_samples_than_a_batch_or_fewer():
    for batch_size, iterations in ((1, 10), (3, 4), (10, 1), (64, 1)):
        history = model().fit(*samples(), **settings(batch_size=batch_size))
        assert history.iterations == iterations


def test_dtype_float32_stays():
    net = model(dtype=np.float32)
    net.fit(*samples(), **settings(epochs=2))
    assert {w.dtype for w in net.get_weights()} == {np.dtype(np.float32)}


def test_lists_are_welcome():
    x, y = samples()
    a, b = model(), model()
    a.fit(x.tolist(), y.tolist(), **settings())
    b.fit(x, y, **settings())
    np.testing.assert_allclose(a.get_weights()[0], b.get_weights()[0])


# ---- history, metrics, validation --------------------------------------------------------------


def first_output(y_true, y_pred):
    return float(np.mean(y_pred[:, 0]))


def test_losses_and_metrics_are_means_over_samples_measured_before_each_step():
    (x, y), net = samples(), model()
    history = net.fit(x, y, **settings(optimizer=SGD(1e-12), metrics=[first_output]))
    loss, output = MeanSquaredError(), net.forward(x)
    assert history.history["loss"] == [pytest.approx(loss.forward(y, output), rel=1e-9)]
    assert history.history["first_output"] == [pytest.approx(output[:, 0].mean(), rel=1e-9)]
    assert list(history.history) == ["loss", "first_output"]


def test_validation_is_measured_after_each_epoch():
    net, seen = model(), []
    x, y = samples()
    other = samples(7, seed=9)

    class Look(Callback):
        def on_epoch_end(self, model, epoch, logs):
            seen.append(evaluate(model, *other, loss=MeanSquaredError(), metrics=[first_output]))

    history = net.fit(
        x,
        y,
        **settings(epochs=3, metrics=[first_output], validation_data=other, callbacks=[Look()]),
    )
    assert list(history.history) == ["loss", "first_output", "val_loss", "val_first_output"]
    assert history.history["val_loss"] == [s["loss"] for s in seen]
    assert history.history["val_first_output"] == [s["first_output"] for s in seen]
    assert history.history["val_loss"][0] != history.history["val_loss"][2]


def test_evaluate_and_its_batches():
    (x, y), net = samples(), model()
    whole = evaluate(net, x, y, loss=MeanSquaredError())
    assert evaluate(net, x, y, loss=MeanSquaredError(), batch_size=3) == pytest.approx(whole)
    with pytest.raises(ValueError, match="expected as many x as y, got 10 and 9"):
        evaluate(net, x, y[:9], loss=MeanSquaredError())


class Priced(Sequential):
    """Its penalty depends on the samples it saw last."""

    def forward(self, x, training=False):
        self.price = float(np.square(x).sum(axis=1).mean())
        return super().forward(x, training=training)

    def penalty(self):
        return self.price


@pytest.mark.parametrize("batch_size", [1, 3, 5, 10])
def test_a_penalty_that_depends_on_the_samples_is_their_mean(batch_size):
    (x, y), net = samples(), Priced(model().layers)
    data = evaluate(model(), x, y, loss=MeanSquaredError())["loss"]
    found = evaluate(net, x, y, loss=MeanSquaredError(), batch_size=batch_size)["loss"]
    assert found == pytest.approx(data + np.square(x).sum(axis=1).mean())


def test_it_learns():
    random = rng(3)
    x = random.normal(size=(200, 3))
    y = (x[:, 0] > 0).astype(int)
    loss = SparseCategoricalCrossentropy(from_logits=True)
    net = model(dtype=np.float32)
    history = net.fit(
        x, y, loss=loss, optimizer=SGD(0.3), epochs=30, rng=random, metrics=[accuracy]
    )
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    assert history.history["accuracy"][-1] > 0.95


def test_the_history_tells_what_it_holds():
    history = model().fit(*samples(), **settings(epochs=2))
    assert repr(history).startswith("History(2 epochs, 6 iterations: loss ")
    assert not history.interrupted
    assert repr(History()) == "History(0 epochs, 0 iterations: )"


# ---- callbacks ---------------------------------------------------------------------------------


class Diary(Callback):
    def __init__(self, name, pages):
        self.name, self.pages = name, pages

    def on_train_begin(self, model):
        self.pages.append((self.name, "begin"))

    def on_batch_end(self, model, iteration, logs):
        assert set(logs) == {"loss"}
        self.pages.append((self.name, "batch", iteration))

    def on_epoch_end(self, model, epoch, logs):
        self.pages.append((self.name, "epoch", epoch, sorted(logs)))

    def on_train_end(self, model):
        self.pages.append((self.name, "end"))


def test_callbacks_are_called_in_order():
    pages = []
    a, b = Diary("a", pages), Diary("b", pages)
    model().fit(*samples(8), **settings(epochs=2, callbacks=[a, b]))
    each = [("begin",), ("batch", 1), ("batch", 2), ("epoch", 0, ["loss"])]
    each += [("batch", 3), ("batch", 4), ("epoch", 1, ["loss"]), ("end",)]
    assert pages == [(name, *page) for page in each for name in "ab"]


def test_the_plain_callback_does_nothing():
    history = model().fit(*samples(), **settings(callbacks=[Callback()]))
    assert history.iterations == 3


def test_a_callback_can_stop_the_training_and_the_next_one_starts_anew():
    class Stop(Callback):
        def on_batch_end(self, model, iteration, logs):
            model.stop_training = iteration >= 4

    pages, net = [], model()
    history = net.fit(*samples(), **settings(epochs=9, callbacks=[Stop(), Diary("d", pages)]))
    assert history.iterations == 6  # the epoch is finished
    assert len(history.history["loss"]) == 2
    assert pages[-1] == ("d", "end")
    assert net.fit(*samples(), **settings(epochs=3)).iterations == 9


def test_train_end_is_called_when_a_step_fails():
    pages = []
    x, y = samples()
    x[5, 0] = np.nan
    with pytest.raises(NotFinite):
        model().fit(x, y, **settings(callbacks=[Diary("d", pages)]))
    assert pages[-1] == ("d", "end")


# ---- NaN and infinity --------------------------------------------------------------------------


def assert_stops(net, x, y, where, **changed):
    """NotFinite with that message, and the weights are those before the failed step."""
    kept = []

    class Keep(Callback):
        def on_train_begin(self, model):
            kept.append(model.get_weights())

        def on_batch_end(self, model, iteration, logs):
            kept.append(model.get_weights())

    with pytest.raises(NotFinite, match=where):
        net.fit(x, y, **settings(callbacks=[Keep()], **changed))
    for a, b in zip(net.get_weights(), kept[-1], strict=True):
        np.testing.assert_array_equal(a, b)
    return len(kept)  # how many states there were, the start included


def test_a_bad_input_is_named():
    x, y = samples()
    x[6, 1] = np.nan
    message = "epoch 1, step 2: the loss is nan; the input x holds NaN or infinity"
    assert assert_stops(model(), x, y, message) == 2
    x[6, 1] = np.inf  # tanh makes it 1 and the loss finite, but not the gradient
    message = "epoch 1, step 2: the input x holds NaN or infinity"
    assert assert_stops(model(), x, y, message) == 2


def test_a_bad_parameter_is_named():
    net = model()
    net.params["2.bias"][1] = np.nan
    message = re.escape("step 1: the loss is nan; the bias of layer 2, Dense(4, 2), is not finite")
    assert assert_stops(net, *samples(), message) == 1


def test_a_bad_output_is_named():
    net = model()
    net.params["2.kernel"][:] = 1e308
    net.params["0.bias"][:] = 5
    message = re.escape("the output of layer 2, Dense(4, 2), is not finite")
    assert_stops(net, *samples(), message)


def test_a_bad_target_is_told():
    x, y = samples()
    y[9, 0] = np.nan
    message = "epoch 1, step 3: the loss is nan; every layer's output is finite, the loss is not"
    assert assert_stops(model(), x, y, message) == 3


def test_a_bad_gradient_is_named():
    class Steep:
        name = "steep"

        def f(self, z):
            return np.tanh(z)

        def derivative(self, z, a):
            return np.full_like(z, np.inf)

    net = Sequential(
        [
            Dense(3, 4, rng=rng(), dtype=np.float64),
            Activation(Steep()),
            Dense(4, 2, rng=rng(), dtype=np.float64),
        ]
    )
    message = re.escape("the gradient of the bias of layer 0, Dense(3, 4), is not finite")
    message = message.replace("bias", "(kernel|bias)")
    assert assert_stops(net, *samples(), message) == 1


def test_a_gradient_whose_square_overflows_is_no_fault():
    x, y = np.full((2, 3), 1e30, np.float32), np.zeros((2, 2), np.float32)
    net = Sequential([Dense(3, 2, rng=rng())])
    loss = BinaryCrossentropy(from_logits=True)
    with np.errstate(over="ignore"):
        train_step(net, loss, SGD(1e-30), x, y)  # its squared gradient does not fit float32


def test_a_rate_that_is_too_large_ends_with_the_last_finite_weights():
    net = model()
    with pytest.raises(NotFinite, match=r"epoch \d+, step \d+: the "):
        net.fit(*samples(), **settings(optimizer=SGD(1e6), epochs=500))
    assert all(np.isfinite(w).all() for w in net.get_weights())


def test_not_finite_is_a_floating_point_error():
    assert issubclass(NotFinite, FloatingPointError)


def test_train_step_tells_where():
    x, y = samples()
    with pytest.raises(NotFinite, match=r"^step 1: "):
        train_step(model(), MeanSquaredError(), SGD(0.1), x * np.nan, y)
    value, output = train_step(model(), MeanSquaredError(), SGD(0.1), x, y)
    assert output.shape == (10, 2)
    assert value == pytest.approx(np.mean((output - y) ** 2))


# ---- interrupts --------------------------------------------------------------------------------


def test_an_interrupt_keeps_weights_and_history(capsys):
    class Interrupt(Callback):
        def on_batch_end(self, model, iteration, logs):
            self.weights = model.get_weights()
            if iteration == 8:
                raise KeyboardInterrupt

    pages, hand, net = [], Interrupt(), model()
    history = net.fit(*samples(), **settings(epochs=9, callbacks=[hand, Diary("d", pages)]))
    assert history.interrupted
    assert history.iterations == 8
    assert len(history.history["loss"]) == 2  # the two epochs that were finished
    for a, b in zip(net.get_weights(), hand.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert pages[-1] == ("d", "end")
    assert "interrupted in epoch 3, step 8" in capsys.readouterr().out


def test_other_errors_pass_through():
    class Broken(Callback):
        def on_epoch_end(self, model, epoch, logs):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        model().fit(*samples(), **settings(callbacks=[Broken()]))


# ---- the bar, and errors -----------------------------------------------------------------------


def test_a_bar_is_shown_if_asked_for(capsys):
    model().fit(*samples(), **settings(verbose=True))
    assert "3" in capsys.readouterr().err
    model().fit(*samples(), **settings(verbose=False))
    assert capsys.readouterr().err == ""


def test_errors():
    x, y = samples()
    for bad_x, bad_y, (epochs, batch_size), sizes in (
        (x, y[:9], (1, 4), "10 x, 9 y, 1 and 4"),
        (x[:0], y[:0], (1, 4), "0 x, 0 y, 1 and 4"),
        (x, y, (0, 4), "10 x, 10 y, 0 and 4"),
        (x, y, (1, 0), "10 x, 10 y, 1 and 0"),
    ):
        message = f"expected as many x as y, epochs and batch_size >= 1, got {sizes}"
        with pytest.raises(ValueError, match=message):
            model().fit(bad_x, bad_y, **settings(epochs=epochs, batch_size=batch_size))
    with pytest.raises(ValueError, match="expected as many x as y, got 10 and 4"):
        model().fit(x, y, **settings(validation_data=(x, y[:4])))
    with pytest.raises(ValueError, match='expected verbose "auto", True or False, got 3'):
        fit(model(), x, y, **settings(verbose=3))


def test_bad_validation_data_is_found_before_the_first_step():
    net = model()
    before = net.get_weights()
    with pytest.raises(ValueError, match="expected x"):
        net.fit(*samples(), **settings(validation_data=(np.zeros((2, 5)), np.zeros((2, 2)))))
    for a, b in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- a later start -----------------------------------------------------------------------------


def test_initial_epoch_goes_on_where_the_counting_was():
    pages, net, whole, order = [], model(), model(), rng(3)
    every = settings(validation_data=samples(4))
    first = net.fit(*samples(), **every, rng=order, epochs=2)
    diary = Diary("d", pages)
    then = net.fit(*samples(), **every, rng=order, epochs=5, initial_epoch=2, callbacks=[diary])
    once = whole.fit(*samples(), **every, rng=rng(3), epochs=5)
    for name, values in once.history.items():
        assert first.history[name] + then.history[name] == values
    assert then.iterations == once.iterations == 15
    for a, b in zip(net.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [page[2] for page in pages if page[1] == "batch"] == list(range(7, 16))
    assert [page[2] for page in pages if page[1] == "epoch"] == [2, 3, 4]


def test_initial_epoch_at_the_end_does_nothing():
    net = model()
    before = net.get_weights()
    history = net.fit(*samples(), **settings(epochs=2, initial_epoch=2))
    assert history.history == {}
    for a, b in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    for bad in (-1, 3):
        with pytest.raises(ValueError, match=rf"expected initial_epoch in 0 ... 2, got {bad}"):
            net.fit(*samples(), **settings(epochs=2, initial_epoch=bad))
