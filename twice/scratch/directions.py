"""One loop for all methods that choose a direction and then search along it.

    x <- x + rate d,   d = direction(x, gradient)

Newton (`twice.scratch.second_order`), conjugate gradients, BFGS and L-BFGS
(`twice.scratch.quasi_newton`) differ in `direction` alone.
"""

from dataclasses import dataclass

import numpy as np

from twice.scratch.line_search import Step, Stuck, vector


@dataclass(frozen=True)
class Result:
    """The end of a run, and how it came there.

    x, f, gradient: at the last point.  path (steps + 1, n) and values: at every point.
    f_calls, gradient_calls: what it cost.  converged, reason: whether the gradient got small, or
    what stopped the run.  inverse_hessian: the matrix that BFGS ends with; None for the others.
    """

    x: np.ndarray
    f: float
    gradient: np.ndarray
    path: np.ndarray
    values: np.ndarray
    f_calls: int
    gradient_calls: int
    converged: bool
    reason: str
    inverse_hessian: np.ndarray | None = None

    @property
    def steps(self):
        """How many steps were taken."""
        return len(self.path) - 1

    def __repr__(self):
        cost = f"{self.steps} steps, {self.f_calls} f, {self.gradient_calls} gradients"
        word = "converged" if self.converged else "not converged"
        return f"Result({word}: {self.reason}; f = {self.f:.6g}; {cost})"


class Counted:
    """A function that counts its calls and checks the shape of its answers: () or (n,)."""

    def __init__(self, function, shape):
        self.function, self.shape, self.calls = function, shape, 0

    def __call__(self, x):
        self.calls += 1
        answer = np.array(self.function(x), dtype=np.float64)
        if answer.shape != self.shape:
            what = "a gradient" if self.shape else "a number from f"
            raise ValueError(f"expected {what}, shape {self.shape}, got shape {answer.shape}")
        return answer[()]


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the searches turn back there
def follow(f, gradient, x, direction, *, search, tolerance=1e-8, steps=1000):
    """The loop: choose a direction, search along it, until no entry of the gradient is large.

    direction: (x, g) -> d (n,), of a length that makes rate 1 a good first trial; it may
    raise Stuck.  search: `strong_wolfe`, `backtracking`, `full_step` or a function like
    them.  It has converged when max |g| <= tolerance. Returns a `Result`, also when it
    did not. Raises ValueError for shapes, settings and a start that is not finite.
    """
    x = vector(x)
    f = f if isinstance(f, Counted) else Counted(f, ())
    gradient = gradient if isinstance(gradient, Counted) else Counted(gradient, x.shape)
    if not (tolerance > 0 and steps >= 0):
        raise ValueError(f"expected tolerance > 0 and steps >= 0, got {tolerance} and {steps}")
    here = Step(0.0, x, f(x), gradient(x))
    if not (np.isfinite(here.f) and np.isfinite(here.gradient).all()):
        raise ValueError(f"expected f and gradient finite at the start, got {here}")
    points, reason = [here], None
    while not (converged := bool(np.abs(here.gradient).max() <= tolerance)):
        if len(points) > steps:
            reason = f"the limit of {steps} steps"
            break
        try:
            d = direction(here.x, here.gradient)
            there = search(f, gradient, here.x, d, f_here=here.f, g_here=here.gradient)
        except Stuck as stuck:
            reason = str(stuck)
            break
        if not (np.isfinite(there.f) and np.isfinite(there.gradient).all()):
            reason = f"step {len(points)} left the finite numbers"
            break
        here = there
        points.append(here)
    size = f"the largest entry of the gradient is {np.abs(here.gradient).max():.1e}"
    path, values = np.array([p.x for p in points]), np.array([p.f for p in points])
    cost = f.calls, gradient.calls
    return Result(*here[1:], path, values, *cost, converged, reason or size)
