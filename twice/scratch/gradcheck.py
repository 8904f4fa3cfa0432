"""Gradient checking: compare a hand-written backward pass with central differences.

report = gradcheck(model, x, loss=loss, y=y)
print(report)                      one line a parameter, and a verdict

numerical_i = (L(w + e 1_i) - L(w - e 1_i)) / 2e
relative error = |analytic_i - numerical_i| / max(|analytic_i| + |numerical_i|, floor)

The floor: rounding the loss L moves a difference by about 1e-15 |L| / e. A disagreement no larger
than that is below the tolerance, however small the gradient.
"""

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-15  # of a loss near 1, computed in float64


@dataclass(frozen=True)
class Check:
    """One array: the worst relative error of the coordinates looked at, and where it is."""

    name: str
    shape: tuple
    checked: int
    kinks: int
    error: float
    index: tuple
    analytic: float
    numerical: float


@dataclass(frozen=True)
class Report:
    """What `gradcheck` found; `ok` if every array's error is below `tolerance`."""

    checks: list
    tolerance: float

    @property
    def error(self):
        """The largest relative error of all arrays; NaN if any is NaN."""
        return float(np.max([check.error for check in self.checks]))

    @property
    def ok(self):
        """Whether every array was looked at and every error is below the tolerance."""
        return bool(self.error < self.tolerance and all(c.checked for c in self.checks))

    def __str__(self):
        width = max(len(check.name) for check in self.checks)
        lines = [f"{'array':<{width}}  {'shape':<14} {'checked':>7} kinks  relative error"]
        for c in self.checks:
            word = f"below {self.tolerance:.0e}"
            if not c.checked:
                word = "NOT CHECKED: every coordinate sits on a kink"
            elif not c.error < self.tolerance:
                word = f"{c.error:.1e} WRONG at {c.index}:\n{'':<{width + 4}}"
                word += f"backward {c.analytic:.4g}, differences {c.numerical:.4g}"
            lines.append(f"{c.name:<{width}}  {c.shape!s:<14} {c.checked:>7} {c.kinks:>5}  {word}")
        return "\n".join(lines)


def check_array(name, f, array, gradient, *, epsilon, coordinates, tolerance, rng):
    """Compare `gradient` with the central differences of f() as the entries of `array` move.

    f: () -> float, reads `array`, which is changed in place and put back. At most `coordinates`
    entries are looked at, drawn by rng. Where an entry sits on a kink (a ReLU's corner, a tie of a
    maximum) the slopes to its left and right differ however small the step: there is no derivative
    to compare with, so it is counted as a kink and left out.
    """
    if gradient.shape != array.shape:
        raise ValueError(f"expected the gradient of {name} {array.shape}, got {gradient.shape}")
    chosen = np.arange(array.size)
    if array.size > coordinates:
        chosen = np.sort(rng.choice(array.size, coordinates, replace=False))
    here, found, kinks = f(), [], 0
    for flat in chosen:
        i = tuple(int(k) for k in np.unravel_index(flat, array.shape))
        analytic = float(gradient[i])
        error, numerical, gap = compare(f, array, i, epsilon, here, analytic, tolerance)
        if not error < tolerance and gap > 1e-3:  # a bend or a kink: look closer
            closer_look = compare(f, array, i, epsilon / 10, here, analytic, tolerance)
            error, numerical, closer = closer_look
            if closer > 0.5 * gap:
                kinks += 1
                continue
        found.append((error, i, analytic, numerical))
    worst = max(found, key=lambda c: (c[0] != c[0], c[0]), default=(0.0, (), 0.0, 0.0))
    return Check(name, array.shape, len(found), kinks, *worst)


def compare(f, array, i, epsilon, here, analytic, tolerance):
    """Relative error, numerical derivative, and relative gap of the slopes left and right of i."""
    before = array[i]
    try:
        array[i] = before + epsilon
        above = f()
        array[i] = before - epsilon
        below = f()
    finally:
        array[i] = before
    numerical = (above - below) / (2 * epsilon)
    floor = ROUNDING * max(1.0, abs(above), abs(below)) / epsilon / tolerance
    size = max(abs(analytic) + abs(numerical), floor)
    gap = abs((above - here) - (here - below)) / epsilon
    return abs(analytic - numerical) / size, numerical, gap / size


def gradcheck(
    model, x, *, loss=None, y=None, epsilon=1e-5, coordinates=50, tolerance=1e-6, rng=None, **call
):
    """Check every gradient of a model's (or one layer's) backward pass, and that of its input.

    model: has `forward(x, **call)`, `backward(grad)`, and `layers` or `params` and `grads`.
    loss, y: a loss and its targets; without them the loss is sum(r * output), r normal from rng.
    coordinates: at most so many entries of each array, drawn by rng, are compared.
    Returns a `Report`. Raises ValueError for float32 (its rounding hides small errors and invents
    others), for an epsilon or shapes that make no sense, and for a forward pass that gives another
    result each time, as dropout does (check with it off).
    """
    if not epsilon > 0 or coordinates < 1:
        raise ValueError(f"expected epsilon > 0, coordinates >= 1, got {epsilon}, {coordinates}")
    rng = np.random.default_rng(0) if rng is None else rng
    layers = enumerate(getattr(model, "layers", [model]))  # numbered as in `Sequential.params`
    layers = {number: layer for number, layer in layers if getattr(layer, "params", None)}
    arrays = {
        name if len(layers) == 1 else f"{number}.{name}": (layer, name)
        for number, layer in layers.items()
        for name in layer.params
    }
    x = np.array(x)
    for name, a in {"x": x, **{n: layer.params[p] for n, (layer, p) in arrays.items()}}.items():
        if a.dtype.kind == "f" and a.dtype != np.float64:
            raise ValueError(
                f"{name} is {a.dtype}, but a gradient check needs float64: in float32 the "
                "difference of two losses keeps 7 digits less those they share, so even a right "
                "gradient looks wrong. Build the model with dtype=np.float64 and pass such an x."
            )
    output = model.forward(x, **call)
    weights = rng.normal(size=output.shape) if loss is None else None

    penalty = getattr(model, "penalty", float)  # float() is 0.0

    def value():
        output = model.forward(x, **call)
        found = float((weights * output).sum()) if loss is None else loss.forward(y, output)
        return found + penalty()

    if not value() == value():
        raise ValueError("the same forward pass gave two losses: is dropout on, or a loss NaN?")
    value()
    to_input = model.backward(weights if loss is None else loss.backward())
    found = {name: layer.grads[p].copy() for name, (layer, p) in arrays.items()}
    settings = {"epsilon": epsilon, "coordinates": coordinates, "tolerance": tolerance, "rng": rng}
    checks = [
        check_array(name, value, layer.params[p], found[name], **settings)
        for name, (layer, p) in arrays.items()
    ]
    if to_input is not None and x.dtype.kind == "f":
        checks.append(check_array("x", value, x, np.array(to_input), **settings))
    return Report(checks, tolerance)
