"""Learning rates that follow the training: the range test, and less rate on a plateau."""

import math

from twice.scratch.schedules import check
from twice.scratch.training import Callback, NotFinite, train_step


class ReduceLROnPlateau(Callback):
    """rate <- max(factor * rate, min_lr) when `monitor` has not improved for `patience` epochs.

    Better means lower by more than min_delta (higher for accuracies, or mode="max"). After a
    reduction, `cooldown` epochs are not counted. `reductions` lists (epoch, new rate). Settings
    are Keras's. Raises ValueError for bad settings, a schedule, or a monitor the history lacks.
    """

    def __init__(
        self,
        optimizer,
        monitor="val_loss",
        *,
        factor=0.1,
        patience=10,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
    ):
        if not (0 < factor < 1 and min(patience, min_delta, cooldown, min_lr) >= 0):
            got = f"{factor}, {patience}, {min_delta}, {cooldown}, {min_lr}"
            wanted = "0 < factor < 1 and patience, min_delta, cooldown, min_lr >= 0"
            raise ValueError(f"expected {wanted}, got {got}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'expected mode "auto", "min" or "max", got {mode!r}')
        if callable(optimizer.learning_rate):
            raise ValueError("expected an optimizer with a number as its rate, got a schedule")
        self.optimizer, self.monitor, self.factor = optimizer, monitor, factor
        self.patience, self.min_delta = patience, min_delta
        self.cooldown, self.min_lr = cooldown, min_lr
        rises = mode == "max" or (mode == "auto" and monitor.endswith(("accuracy", "acc")))
        self.sign = -1 if rises else 1

    def on_train_begin(self, model):
        self.best, self.wait, self.resting, self.reductions = math.inf, 0, 0, []

    def on_epoch_end(self, model, epoch, logs):
        if self.monitor not in logs:
            raise ValueError(f"no {self.monitor!r} to monitor: the history has {sorted(logs)}")
        if self.resting:
            self.resting, self.wait = self.resting - 1, 0
        value = self.sign * logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.wait = value, 0
        elif not self.resting:
            self.wait += 1
            rate = self.optimizer.learning_rate
            if self.wait >= self.patience and rate > self.min_lr:
                self.optimizer.learning_rate = max(self.factor * rate, self.min_lr)
                self.resting, self.wait = self.cooldown, 0
                self.reductions.append((epoch, self.optimizer.learning_rate))


def smoothed(values, beta=0.9):
    """Their running mean, an average of about 1 / (1 - beta) values with the bias undone."""
    mean, found = 0.0, []
    for t, value in enumerate(values, start=1):
        mean += (1 - beta) * (value - mean)
        found.append(mean / (1 - beta**t))
    return found


def range_test(
    model, batches, *, loss, optimizer, low=1e-5, high=10.0, steps=100, beta=0.9, blow_up=4.0
):
    """Train while the rate rises from low to high by equal factors: (rates, smoothed losses).

    batches: gives (x, y) for every step, as `zip` or a generator; fewer than `steps` is an error.
    It ends early when the smoothed loss is `blow_up` times its lowest, or not finite. The model's
    weights and the optimizer's rate are put back; the optimizer's memories are not, so
    take a fresh one to train. Smith (2017).
    """
    check(low=low, blow_up=blow_up)
    if not (low < high and steps >= 2 and 0 <= beta < 1):
        got = f"{low}, {high}, {steps} and {beta}"
        raise ValueError(f"expected low < high, steps >= 2 and 0 <= beta < 1, got {got}")
    weights, rate_before = model.get_weights(), optimizer.learning_rate
    rates, losses, batches = [], [], iter(batches)
    try:
        for step in range(steps):
            try:
                x, y = next(batches)
            except StopIteration:
                raise ValueError(f"expected {steps} batches, got {step}") from None
            optimizer.learning_rate = low * (high / low) ** (step / (steps - 1))
            try:
                value, _ = train_step(model, loss, optimizer, x, y)
            except NotFinite:
                break
            rates.append(optimizer.learning_rate)
            losses.append(value)
            mean = smoothed(losses, beta)
            if mean[-1] > blow_up * min(mean):
                break
    finally:
        model.set_weights(weights)
        optimizer.learning_rate = rate_before
    return rates, smoothed(losses, beta)


def suggested_rate(rates, losses):
    """A tenth of the rate at which the range test's loss was lowest, a rule of thumb.

    There the loss is about to rise, and the smoothed curve shows it late, so that rate itself is
    too high. Raises ValueError if the loss never falls.
    """
    if len(losses) < 2 or min(losses) >= losses[0]:
        raise ValueError("the loss never falls in this range: begin with a lower rate")
    return rates[losses.index(min(losses))] / 10
