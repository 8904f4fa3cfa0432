"""Early stopping: end the training when the validation loss no longer improves."""

from twice.scratch.training import Callback


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved for `patience` epochs in a row.

    An epoch improves if it beats the best one so far by more than `min_delta`: below it for
    mode "min", above it for "max"; "auto" is "max" for names that end in accuracy or acc.
    restore_best_weights: put the best epoch's weights back at the end, also after an interrupt
    or a NaN. `best`, `best_epoch` and `stopped_epoch` count as Keras does, epochs from 0;
    `stopped_epoch` is None if training ran to its end. As in Keras, patience 0 stops like 1.
    Raises ValueError for settings that make no sense, and if the history has no `monitor`.
    Prechelt (1998).
    """

    def __init__(
        self,
        monitor="val_loss",
        *,
        min_delta=0.0,
        patience=0,
        mode="auto",
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        if patience < 0 or min_delta < 0 or start_from_epoch < 0:
            got = f"{patience}, {min_delta}, {start_from_epoch}"
            raise ValueError(f"expected patience, min_delta, start_from_epoch >= 0, got {got}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f'expected mode "auto", "min" or "max", got {mode!r}')
        self.monitor, self.min_delta, self.patience = monitor, min_delta, patience
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        rises = mode == "max" or (mode == "auto" and monitor.endswith(("accuracy", "acc")))
        self.sign = -1 if rises else 1  # of what shall become small

    def on_train_begin(self, model):
        self.best = self.best_epoch = self.stopped_epoch = self.weights = None
        self.wait = 0

    def on_epoch_end(self, model, epoch, logs):
        if self.monitor not in logs:
            here = f"the history has {sorted(logs)}"
            raise ValueError(f"no {self.monitor!r} to monitor: {here}")
        if epoch < self.start_from_epoch:
            return
        value = logs[self.monitor]
        self.wait += 1
        if self.best is None or self.sign * (value - self.best) < -self.min_delta:
            self.best, self.best_epoch, self.wait = value, epoch, 0
            if self.restore_best_weights:
                self.weights = model.get_weights()
        elif self.wait >= self.patience:
            self.stopped_epoch, model.stop_training = epoch, True

    def on_train_end(self, model):
        if self.weights is not None:
            model.set_weights(self.weights)
