"""The training loop: mini-batches, validation, history, callbacks, and a stop at the first NaN."""

import math

import numpy as np

from twice.progress import progress_bar
from twice.scratch.gradient_descent import batches


class NotFinite(FloatingPointError):
    """Training met a NaN or an infinity. The weights are those before the step that failed."""


class Callback:
    """What `fit` calls on the way. Subclass it and override what you need.

    `logs` is a dict: the batch's "loss", or the epoch's losses and metrics as in the history.
    Set `model.stop_training = True` to end the training after the current epoch.
    """

    def on_train_begin(self, model):
        """Before the first epoch."""

    def on_batch_end(self, model, iteration, logs):
        """After every step; iteration counts them from 1 over all epochs."""

    def on_epoch_end(self, model, epoch, logs):
        """After every epoch, counted from 0 as in Keras."""

    def on_train_end(self, model):
        """After the last epoch, also when stopped, interrupted or ended by a NaN."""


class History:
    """What a training left behind: `history["loss"]`, `["val_loss"]`, `[metric]`, one an epoch."""

    def __init__(self):
        self.history, self.iterations, self.interrupted = {}, 0, False

    def add(self, logs):
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self):
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.history.items())
        epochs = len(next(iter(self.history.values()), []))
        return f"History({epochs} epochs, {self.iterations} iterations: {last})"


def first_bad(model, x):
    """Where numbers stop being finite: the first layer with a bad input, parameter or output."""
    if not np.isfinite(x).all():
        return "the input x holds NaN or infinity"
    outputs = model.trace(x)
    for number, layer in enumerate(model.layers):
        for name, p in layer.params.items():
            if not np.isfinite(p).all():
                return f"the {name} of layer {number}, {layer!r}, is not finite"
        if not np.isfinite(next(outputs)).all():
            return f"the output of layer {number}, {layer!r}, is not finite"
    return "every layer's output is finite, the loss is not: look at y and at the loss"


def bad_gradient(model, x):
    """What spoiled a gradient: x, or the last layer (the first on the way back), or None."""
    if not np.isfinite(x).all():
        return "the input x holds NaN or infinity"
    for number, layer in reversed(list(enumerate(model.layers))):
        for name, g in layer.grads.items():
            if not np.isfinite(g).all():
                return f"the gradient of the {name} of layer {number}, {layer!r}, is not finite"
    return None


def train_step(model, loss, optimizer, x, y, where="step 1"):
    """Forward, backward, one step of the optimizer; returns the loss and the outputs.

    Raises NotFinite at a NaN or an infinity, before the step is taken.
    """
    output = model.forward(x, training=True)
    value = loss.forward(y, output) + model.penalty()
    if not math.isfinite(value):
        raise NotFinite(f"{where}: the loss is {value}; {first_bad(model, x)}")
    model.backward(loss.backward(), input_gradient=False)
    grads = model.grads
    if not all(math.isfinite(np.vdot(g, g)) for g in grads.values()):  # fast, and may overflow
        bad = bad_gradient(model, x)
        if bad:
            raise NotFinite(f"{where}: {bad}")
    optimizer.step(model.params, grads)
    return value, output


def evaluate(model, x, y, *, loss, metrics=(), batch_size=1024):
    """{"loss": ..., metric: ...} over all samples, without training's randomness.

    A penalty that depends on the samples counts as its mean over them, whatever the batches.
    """
    if len(x) != len(y):
        raise ValueError(f"expected as many x as y, got {len(x)} and {len(y)}")
    outputs, penalties, step = [], [], max(batch_size, 1)
    for i in range(0, max(len(x), 1), step):
        outputs.append(model.predict(x[i : i + step], batch_size=batch_size))
        penalties.append(model.penalty())
    output, first = np.concatenate(outputs), penalties[0]
    more = sum((p - first) * len(a) for p, a in zip(penalties, outputs, strict=True)) / len(x)
    value = loss.forward(y, output) + first + more
    return {"loss": value, **{m.__name__: m(y, output) for m in metrics}}


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # `fit` reports them itself
def fit(
    model,
    x,
    y,
    *,
    loss,
    optimizer,
    batch_size=32,
    epochs=1,
    initial_epoch=0,
    rng=None,
    validation_data=None,
    metrics=(),
    callbacks=(),
    augment=None,
    verbose="auto",
):
    """Train: for every batch of every epoch, go forward, go backward, take a step.

    x (N, ...), y (N, ...).  rng shuffles every epoch anew; None keeps the order.
    initial_epoch: how many of the epochs are done already (see `twice.scratch.checkpoints`).
    validation_data: (x, y), looked at after every epoch.  metrics: functions of (y_true, y_pred),
    called by their `__name__`.  callbacks: `Callback`s.  verbose: "auto", True or False.
    augment: a function of a batch (x, y) that returns the one to train on, changed at random.
    The training loss and metrics are means over the batches, each measured before its step, as in
    Keras. Returns a `History`. An interrupt (Ctrl-C, or Stop in Jupyter) ends the training and
    keeps the weights and the history so far. Raises NotFinite at the first NaN or infinity, naming
    layer and step, and ValueError for numbers of samples that differ.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y) or len(x) == 0 or epochs < 1 or batch_size < 1:
        sizes = f"{len(x)} x, {len(y)} y, {epochs} and {batch_size}"
        raise ValueError(f"expected as many x as y, epochs and batch_size >= 1, got {sizes}")
    if not 0 <= initial_epoch <= epochs:
        raise ValueError(f"expected initial_epoch in 0 ... {epochs}, got {initial_epoch}")
    if validation_data is not None:  # better now than after the first epoch
        evaluate(model, *validation_data, loss=loss, metrics=metrics)
    history, model.stop_training, where = History(), False, f"epoch {initial_epoch + 1}"
    steps = -(-len(x) // batch_size)
    history.iterations = initial_epoch * steps
    bar = progress_bar((epochs - initial_epoch) * steps, verbose)
    try:
        for callback in callbacks:
            callback.on_train_begin(model)
        for epoch in range(initial_epoch, epochs):
            totals = dict.fromkeys(["loss", *(m.__name__ for m in metrics)], 0.0)
            for i in batches(len(x), batch_size, rng=rng):
                where = f"epoch {epoch + 1}, step {history.iterations + 1}"
                batch = (x[i], y[i]) if augment is None else augment(x[i], y[i])
                value, output = train_step(model, loss, optimizer, *batch, where)
                history.iterations += 1
                totals["loss"] += len(i) * value
                for metric in metrics:
                    totals[metric.__name__] += len(i) * metric(batch[1], output)
                for callback in callbacks:
                    callback.on_batch_end(model, history.iterations, {"loss": value})
                bar.update()
            logs = {name: total / len(x) for name, total in totals.items()}
            if validation_data is not None:
                found = evaluate(model, *validation_data, loss=loss, metrics=metrics)
                logs |= {f"val_{name}": value for name, value in found.items()}
            history.add(logs)
            bar.set_postfix({name: f"{value:.4g}" for name, value in logs.items()})
            for callback in callbacks:
                callback.on_epoch_end(model, epoch, logs)
            if model.stop_training:
                break
    except KeyboardInterrupt:
        history.interrupted = True
        print(f"interrupted in {where}: the weights and the history so far are kept")
    finally:
        bar.close()
        for callback in callbacks:
            callback.on_train_end(model)
    return history
