"""Mixed precision: signals and gradients in float16, weights in float32, and a scaled loss.

float16 has 11 bits, so 1 + 0.0004 is 1, and nothing between 0 and 6e-8. Weights are therefore
kept in float32, where small steps add up; and the loss is multiplied before the way back, so that
small gradients stay above 6e-8, and the gradients are divided afterwards.
"""

import math

import numpy as np

from twice.scratch.training import NotFinite


class LossScale:
    """The factor of the loss: halved when a gradient overflows, doubled when long none has.

    A step whose gradients are not finite is skipped and the factor halved; after
    `dynamic_growth_steps` finite ones in a row it is doubled. As in Keras. `skipped` counts.
    Raises ValueError unless initial_scale > 0 and dynamic_growth_steps >= 1.
    Micikevicius et al. (2018).
    """

    def __init__(self, initial_scale=2.0**15, *, dynamic_growth_steps=2000):
        if not (0 < initial_scale < math.inf and dynamic_growth_steps >= 1):
            got = f"{initial_scale} and {dynamic_growth_steps}"
            raise ValueError(f"expected initial_scale > 0, dynamic_growth_steps >= 1, got {got}")
        self.value, self.growth = float(initial_scale), dynamic_growth_steps
        self.good, self.skipped = 0, 0  # finite steps since the last change; steps not taken

    def unscale(self, grads):
        """Scaled gradients as float32, divided by the factor; None if one is not finite."""
        if not all(np.isfinite(g).all() for g in grads.values()):
            self.value, self.good, self.skipped = self.value / 2, 0, self.skipped + 1
            return None
        unscaled = {name: g.astype(np.float32) / self.value for name, g in grads.items()}
        self.good += 1
        if self.good == self.growth:
            self.value, self.good = self.value * 2, 0
        return unscaled


@np.errstate(over="ignore", invalid="ignore", under="ignore")  # inf is how `unscale` is told
def mixed_step(model, loss, optimizer, scale, weights, x, y):
    """One step of training in float16, on weights kept in float32; returns the loss.

    model: with params in float16, which are overwritten.  weights: their float32 twins,
    a dict of arrays with the same names, updated in place.  scale: a `LossScale`.
    The loss itself is computed in float32. No step is taken where a gradient overflows.
    Raises NotFinite if the loss is NaN or infinite, and ValueError for other names.
    """
    if weights.keys() != model.params.keys():
        raise ValueError(f"weights for {sorted(weights)}, params for {sorted(model.params)}")
    for name, w in model.params.items():
        w[...] = weights[name]  # rounded to float16
    output = model.forward(x, training=True)
    value = loss.forward(y, output.astype(np.float32))
    if not math.isfinite(value):
        raise NotFinite(f"the loss is {value}: float16 ends at {np.finfo(np.float16).max}")
    scaled = (scale.value * loss.backward()).astype(output.dtype)
    model.backward(scaled, input_gradient=False)
    grads = scale.unscale(model.grads)
    if grads is not None:
        optimizer.step(weights, grads)
    return value
