"""Averages of the weights on the way: Polyak's, exponential (EMA), and stochastic (SWA).

A training with a noisy gradient ends somewhere around the minimum. The mean of where it has been is
closer. The three averages are callbacks of `fit`: they watch, and change the model only when asked.
"""

import contextlib

import numpy as np

from twice.scratch.gradient_descent import batches
from twice.scratch.optimizers import average, bias
from twice.scratch.training import Callback


class WeightAverage(Callback):
    """What the three averages share: the average is kept apart, put in, and taken out again.

    `average`: name -> float64 array, None before the first weights came.  `count`: how many came.
    look: a function of the model, called after every epoch with the average in place, such as one
    that evaluates; its answers are in `seen`.  swap_at_end: put the average in when the training
    ends, as Keras does. A new training begins a new average.
    """

    def __init__(self, *, look=None, swap_at_end=False):
        self.look, self.swap_at_end, self.kept = look, swap_at_end, None
        self.forget()

    def forget(self):
        self.average, self.count, self.seen = None, 0, []

    def on_train_begin(self, model):
        if self.kept is not None:
            raise ValueError("the average is in the model: restore(model) first")
        self.forget()

    def on_epoch_end(self, model, epoch, logs):
        if self.look is not None and self.average is not None:
            with self.swapped(model):
                self.seen.append(self.look(model))

    def on_train_end(self, model):
        if self.swap_at_end and self.average is not None and self.kept is None:
            self.swap_in(model)

    def add(self, model):
        """One more of equal weight: average <- average + (w - average) / count."""
        if self.kept is not None:
            raise ValueError("the average is in the model: restore(model) before a step")
        self.count += 1
        if self.average is None:
            self.average = {name: np.zeros(w.shape) for name, w in model.params.items()}
        for name, w in model.params.items():
            self.average[name] += (w - self.average[name]) / self.count

    def swap_in(self, model):
        """Put the average into the model; its own weights are kept for `restore`."""
        if self.average is None or self.kept is not None:
            state = "there is none yet" if self.average is None else "it is in the model already"
            raise ValueError(f"expected an average to put in, but {state}")
        self.kept = model.get_weights()
        for name, w in model.params.items():
            w[...] = self.average[name]

    def restore(self, model):
        """Put the model's own weights back, bit by bit, and its running statistics."""
        if self.kept is None:
            raise ValueError("expected swap_in before restore: the model has its own weights")
        model.set_weights(self.kept)
        self.kept = None

    @contextlib.contextmanager
    def swapped(self, model):
        """with average.swapped(model): ...  the average inside, the own weights afterwards."""
        self.swap_in(model)
        try:
            yield model
        finally:
            self.restore(model)


class PolyakAverage(WeightAverage):
    """The mean of the weights after every step, but for the first `start` of them.

    Ruppert (1988); Polyak and Juditsky (1992).
    """

    def __init__(self, start=0, **settings):
        super().__init__(**settings)
        if start < 0:
            raise ValueError(f"expected start >= 0, got {start}")
        self.start = start

    def on_batch_end(self, model, iteration, logs):
        if iteration > self.start:
            self.add(model)


class ExponentialMovingAverage(WeightAverage):
    """a <- momentum a + (1 - momentum) w after every step: a mean of 1 / (1 - momentum) of them.

    begin: where a comes from. "first": a = w after step 1, as Keras does; "start": a = w before
    it; both keep momentum^t of a place that was not chosen well. "zero": a = 0, too small by the
    share momentum^t; `average` is a / (1 - momentum^t), a true mean of the weights so far.
    overwrite_frequency: every so many steps the training goes on from the average, as with
    Keras's `ema_overwrite_frequency`. Raises ValueError unless 0 <= momentum < 1.
    """

    def __init__(self, momentum=0.99, *, begin="first", overwrite_frequency=None, **settings):
        super().__init__(**settings)
        if not 0 <= momentum < 1:
            raise ValueError(f"expected 0 <= momentum < 1, got {momentum}")
        if begin not in ("first", "start", "zero"):
            raise ValueError(f'expected begin "first", "start" or "zero", got {begin!r}')
        if overwrite_frequency is not None and overwrite_frequency < 1:
            raise ValueError(f"expected overwrite_frequency >= 1, got {overwrite_frequency}")
        self.momentum, self.begin, self.frequency = momentum, begin, overwrite_frequency

    def on_train_begin(self, model):
        super().on_train_begin(model)
        keep = float(self.begin == "start")
        self.memory = {name: keep * w.astype(np.float64) for name, w in model.params.items()}

    def add(self, model):
        if self.kept is not None:
            raise ValueError("the average is in the model: restore(model) before a step")
        self.count += 1
        share = 0.0 if self.count == 1 and self.begin == "first" else self.momentum
        reached = bias(self.momentum, self.count) if self.begin == "zero" else 1.0
        self.average = {
            name: average(self.memory[name], w, share) / reached for name, w in model.params.items()
        }

    def on_batch_end(self, model, iteration, logs):
        self.add(model)
        if self.frequency and iteration % self.frequency == 0:
            for name, w in model.params.items():
                w[...] = self.average[name]


class StochasticWeightAveraging(WeightAverage):
    """SWA: the mean of the weights at the end of every `frequency`-th epoch, from `start` on.

    start: the first epoch that counts, from 0; the learning rate should then stay high or go up
    and down. x: training data; whenever the average is put in, `refresh_statistics` runs over it,
    for batch norms know only the weights of the training. Izmailov et al. (2018).
    """

    def __init__(self, start, *, frequency=1, x=None, batch_size=1024, **settings):
        super().__init__(**settings)
        if start < 0 or frequency < 1 or batch_size < 1:
            got = f"{start}, {frequency} and {batch_size}"
            raise ValueError(f"expected start >= 0, frequency and batch_size >= 1, got {got}")
        self.start, self.frequency, self.x, self.batch_size = start, frequency, x, batch_size

    def on_epoch_end(self, model, epoch, logs):
        if epoch >= self.start and (epoch - self.start) % self.frequency == 0:
            self.add(model)
        super().on_epoch_end(model, epoch, logs)

    def swap_in(self, model):
        super().swap_in(model)
        if self.x is not None:
            refresh_statistics(model, self.x, batch_size=self.batch_size)


def parts(model):
    """All layers of a model, and the layers within them, depth first."""
    for layer in model.layers:
        yield layer
        yield from parts(layer) if hasattr(layer, "layers") else ()


def refresh_statistics(model, x, *, batch_size=1024):
    """Measure every batch norm's running mean and variance anew: means over the batches of x.

    Each batch counts by its size; one batch of all x gives the exact statistics. It goes through
    the model as in training, so dropout draws its numbers. Without a batch norm nothing happens.
    """
    norms = [p for p in parts(model) if "moving_mean" in getattr(p, "non_trainable", {})]
    momenta, seen = [norm.momentum for norm in norms], 0
    try:
        for i in batches(len(x), batch_size) if norms else ():
            for norm in norms:
                norm.momentum = seen / (seen + len(i))  # running <- the mean of all so far
            model.forward(x[i], training=True)
            seen += len(i)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
