"""Fine-tuning: old layers at lower rates than new ones, and thawed one after the other.

What is frozen, cut and put together stands in `twice.scratch.transfer`.
"""

from itertools import pairwise

import numpy as np

from twice.scratch.optimizers import Optimizer, current_rate
from twice.scratch.training import Callback
from twice.scratch.transfer import freeze, place, unfreeze
from twice.scratch.weights import kept


def number(name):
    """The layer's number in the name of an array: 3 of "3.kernel"; or a ValueError."""
    first, dot, _ = name.partition(".")
    if not (dot and first.isdigit()):
        raise ValueError(f'expected names such as "3.kernel", got {name!r}')
    return int(first)


def falling(model, factor=2.6):
    """The factors 1, 1 / factor, 1 / factor^2, ... of the layers that have arrays, from the top.

    For `LayerRates`, as {number: factor}. Howard and Ruder (2018), who found 2.6.
    """
    if not factor >= 1:
        raise ValueError(f"expected factor >= 1, got {factor}")
    numbers = [k for k in range(place(model)) if kept(model.layers[k])]
    return {0: 1.0} | {k: factor**-depth for depth, k in enumerate(reversed(numbers))}


class LayerRates:
    """One optimizer, each layer at a rate of its own: rate_k = factor_k learning_rate.

    factors: {number of a layer: its factor and that of the layers above it, up to the next
    number}; 0 must be in it. LayerRates(Adam(1e-3), {0: 0.1, 6: 1}) trains the layers from 6 on
    ten times as fast as those below. A factor 0 lets a layer rest. The optimizer's rate may be
    a schedule, or changed on the way.
    Every layer counts its own steps: one that thaws late begins as in step 1, with Adam's
    averages corrected for that. `Clipped` and the like belong around this, not into it.
    Raises ValueError for factors that are negative or not finite, and for another optimizer.
    Howard and Ruder (2018), discriminative fine-tuning.
    """

    def __init__(self, optimizer, factors):
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"expected an Optimizer such as Adam(), got {optimizer!r}")
        self.optimizer, self.factors = optimizer, dict(factors)
        good = all(isinstance(k, (int, np.integer)) and k >= 0 for k in self.factors)
        good = good and all(0 <= f < np.inf for f in self.factors.values())
        if 0 not in self.factors or not good:
            raise ValueError(f"expected {{0: factor >= 0, number: factor, ...}}, got {factors}")

    def factor(self, layer):
        """The factor of the layer with this number."""
        return self.factors[max(k for k in self.factors if k <= layer)]

    def step(self, params, grads):
        """One step of every layer, in place; keys and shapes must agree."""
        if params.keys() != grads.keys():
            raise ValueError(f"grads for {sorted(grads)}, params for {sorted(params)}")
        optimizer, layers = self.optimizer, {}
        for name in params:
            layers.setdefault(number(name), []).append(name)
        usual, rate, t = optimizer.learning_rate, current_rate(optimizer), optimizer.iterations
        try:
            for layer, names in layers.items():
                if self.factor(layer):
                    optimizer.learning_rate = self.factor(layer) * rate
                    self.one(layer, {k: params[k] for k in names}, {k: grads[k] for k in names})
        finally:
            optimizer.learning_rate, optimizer.iterations = usual, t
        optimizer.iterations = t + 1

    def one(self, layer, params, grads):
        """A step of one layer, with the counts it had after its own last one."""
        optimizer, memories = self.optimizer, self.optimizer.memories
        counts = [k for k in ("iterations", "product") if hasattr(optimizer, k)]  # product: Nadam
        before = {k: getattr(type(optimizer), k, 0) for k in counts}
        for k in counts:
            setattr(optimizer, k, memories.get((k, f"layer {layer}"), np.array(before[k])).item())
        optimizer.step(params, grads)
        for k in counts:
            memories[k, f"layer {layer}"] = np.array(getattr(optimizer, k))

    learning_rate = property(
        lambda self: self.optimizer.learning_rate,
        lambda self, value: setattr(self.optimizer, "learning_rate", value),
        doc="The wrapped optimizer's, a number or a schedule.",
    )
    iterations = property(lambda self: self.optimizer.iterations, doc="The steps taken so far.")


class Unfreeze(Callback):
    """Thaw a `Sequential` from the top: Unfreeze({0: 6, 2: 4, 5: 0}).

    schedule: {epoch, counted from 0: the first layer that learns from then on}. Epoch 0 must be
    in it: below its number layers are frozen when the training begins. The numbers fall.
    A layer that thaws meets Adam with averages of 0 that are taken for old ones, a first step
    three times too long; `LayerRates` counts for each layer. Averages of weights do not follow.
    Raises ValueError for another schedule. Howard and Ruder (2018), gradual unfreezing.
    """

    def __init__(self, schedule):
        self.schedule = dict(sorted(dict(schedule).items()))
        numbers = list(self.schedule.values())
        falls = all(a > b for a, b in pairwise(numbers))
        if 0 not in self.schedule or min(self.schedule) < 0 or not falls:
            raise ValueError(f"expected {{0: n, epoch: a smaller n, ...}}, got {schedule}")

    def on_train_begin(self, model):
        freeze(model, self.schedule[0])
        unfreeze(model, self.schedule[0])

    def on_epoch_end(self, model, epoch, logs):
        if epoch + 1 in self.schedule:
            unfreeze(model, self.schedule[epoch + 1])
