"""Newton's method and its kin: steps that know how the slope changes.

    d = -H^-1 g          H: the matrix of second derivatives, the Hessian (n, n)

The loop is in `twice.scratch.directions`, methods that only estimate H in
`twice.scratch.quasi_newton`. All work on one flat vector; `flatten` and `objective` make one of
a model.
"""

import numpy as np

from twice.scratch.directions import Counted, Result, follow
from twice.scratch.line_search import Stuck, backtracking, full_step, strong_wolfe, vector


def symmetric(h, n):
    """h as a float64 matrix; ValueError unless it is (n, n), finite and symmetric."""
    h = np.asarray(h, dtype=np.float64)
    if h.shape != (n, n) or not np.isfinite(h).all():
        raise ValueError(f"expected a finite matrix ({n}, {n}), got shape {h.shape}: {h}")
    if not np.allclose(h, h.T, rtol=1e-6, atol=1e-9 * np.abs(h).max()):
        raise ValueError(f"expected a symmetric matrix, got one off by {np.abs(h - h.T).max():.1e}")
    return h


def newton(f, gradient, hessian, x, *, damping=0.0, search=backtracking, **settings):
    """d = -(H + damping I)^-1 g: the step to where a parabola through here is flat.

    hessian: x (n,) -> (n, n).  damping >= 0 shortens the step and turns it to -g. Stops
    where H + damping I has an eigenvalue <= 0: there the step may climb. With
    search=full_step it takes every step, and ends in minima, saddles and maxima alike.
    Returns a `Result`; settings and errors as `directions.follow`. Newton (1669).
    """
    if not damping >= 0:
        raise ValueError(f"expected damping >= 0, got {damping}")

    def direction(x, g):
        h = symmetric(hessian(x), len(x)) + damping * np.eye(len(x))
        curvatures = np.linalg.eigvalsh(h)
        smallest, largest = curvatures[0], np.abs(curvatures).max()
        if search is not full_step and smallest <= 1e-15 * largest:
            raise Stuck(f"the Hessian has eigenvalue {smallest:.3g}, so the step may climb")
        if np.abs(curvatures).min() <= 1e-15 * largest:
            raise Stuck("the Hessian is singular, the parabola is nowhere flat")
        return -np.linalg.solve(h, g)

    return follow(f, gradient, x, direction, search=search, **settings)


def saddle_free_newton(f, gradient, hessian, x, *, floor=1e-6, search=backtracking, **settings):
    """d = -|H|^-1 g: Newton's step with the sign of every curvature made positive.

    H = V diag(l) V^T,  |H| = V diag(max(|l|, floor)) V^T: where the surface curves down,
    Newton goes up to the saddle, this goes down. Arguments and Result as `newton`.
    Dauphin et al. (2014).
    """
    if not floor > 0:
        raise ValueError(f"expected floor > 0, got {floor}")

    def direction(x, g):
        curvatures, axes = np.linalg.eigh(symmetric(hessian(x), len(x)))
        return -axes @ (axes.T @ g / np.maximum(np.abs(curvatures), floor))

    return follow(f, gradient, x, direction, search=search, **settings)


def conjugate_gradient(a, b, x=None, *, tolerance=1e-10, steps=None):
    """Solve A x = b, which is to minimize x^T A x / 2 - b^T x, by at most n steps or so.

        x <- x + rate d,   d <- r + (|r_new|^2 / |r|^2) d,   r = b - A x

    a: a symmetric positive definite matrix (n, n), or the function v -> A v.  x: the
    start, 0 by default.  Converged at |r| <= tolerance |b|; at most `steps` (10 n).
    A direction with d^T A d <= 0 ends the run. Returns a `Result`: `gradient` is -r,
    and every product A v counts as one. Hestenes and Stiefel (1952).
    """
    b = vector(b)
    product = Counted(a if callable(a) else symmetric(a, len(b)).__matmul__, b.shape)
    x = np.zeros_like(b) if x is None else vector(x)
    if x.shape != b.shape or not tolerance > 0:
        raise ValueError(f"expected x {b.shape}, tolerance > 0, got {x.shape} and {tolerance}")
    steps = 10 * len(b) if steps is None else steps
    r = b - product(x) if x.any() else b
    d, path, values, reason = r, [x], [-0.5 * x @ (b + r)], None
    small = tolerance * (np.linalg.norm(b) or np.linalg.norm(r))
    while not (converged := bool(np.linalg.norm(r) <= small)):
        if len(path) > steps:
            reason = f"the limit of {steps} steps"
            break
        a_d = product(d)
        if not d @ a_d > 0:
            reason = f"d^T A d = {d @ a_d:.3g} is not positive: there is no minimum"
            break
        before = r @ r
        rate = before / (d @ a_d)
        x, r = x + rate * d, r - rate * a_d
        d = r + r @ r / before * d
        path.append(x)
        values.append(-0.5 * x @ (b + r))
    reason = reason or f"the residual is {np.linalg.norm(r):.1e}"
    found = np.array(path), np.array(values), 0, product.calls
    return Result(x, values[-1], -r, *found, converged, reason)


def hessian_vector(gradient, x, v, *, epsilon=6e-6):
    """H v without H: (gradient(x + e v) - gradient(x - e v)) / 2e, two gradients' work.

    x, v (n,).  e = epsilon (1 + |x|) / |v|, with epsilon near the cube root of a rounding
    (in float32 5e-3). Raises ValueError for shapes that differ and epsilon <= 0.
    Pearlmutter (1994) shows how to have it exactly.
    """
    x, v = vector(x), vector(v)
    if x.shape != v.shape or not epsilon > 0:
        raise ValueError(f"expected v {x.shape} and epsilon > 0, got {v.shape} and {epsilon}")
    if not v.any():
        return v
    e = epsilon * (1 + np.linalg.norm(x)) / np.linalg.norm(v)
    return (gradient(x + e * v) - gradient(x - e * v)) / (2 * e)


def newton_cg(f, gradient, x, *, product=None, search=strong_wolfe, **settings):
    """Newton's direction by conjugate gradients, from products H v: H is never built.

    product: (x, v) -> H v; `hessian_vector` if None.  H d = -g is solved only roughly,
    to |residual| <= min(1/2, sqrt|g|) |g|, and left where a curvature is not positive.
    Returns a `Result`; settings and errors as `directions.follow`. Dembo, Eisenstat and
    Steihaug (1982); for deep nets Martens (2010), as Hessian-free optimization.
    """
    gradient = Counted(gradient, vector(x).shape)

    def direction(x, g):
        def times(v):
            return hessian_vector(gradient, x, v) if product is None else product(x, v)

        rough = min(0.5, np.linalg.norm(g) ** 0.5)
        d = conjugate_gradient(times, -g, tolerance=rough).x
        return d if d.any() else -g

    return follow(f, gradient, x, direction, search=search, **settings)


def flatten(arrays):
    """A dict of arrays, such as `model.params`, as one float64 vector (n,)."""
    if not arrays:
        raise ValueError("expected at least one array, got none")
    return np.concatenate([np.ravel(a) for a in arrays.values()]).astype(np.float64)


def unflatten(x, like):
    """The vector x (n,) cut into arrays with the names, shapes and dtypes of `like`."""
    x, total = np.asarray(x), sum(np.size(a) for a in like.values())
    if x.shape != (total,):
        raise ValueError(f"expected a vector of shape ({total},), got {x.shape}")
    ends = np.cumsum([np.size(a) for a in like.values()])
    parts = zip(like.items(), np.split(x, ends[:-1]), strict=True)
    return {name: part.reshape(a.shape).astype(a.dtype) for (name, a), part in parts}


def objective(model, loss, x, y):
    """f and gradient of a model's loss on (x, y) as functions of its flat parameters.

    f, gradient = objective(net, loss, x, y);  lbfgs(f, gradient, flatten(net.params))
    Both put the vector into the model, which keeps the last one it saw: end with
    f(result.x). As in prediction, dropout is off and running statistics stay. Build the
    model with float64: a line search needs more digits than float32 has.
    """

    def f(w):
        for name, part in unflatten(w, model.params).items():
            model.params[name][...] = part
        return loss.forward(y, model.forward(x)) + model.penalty()

    def gradient(w):
        f(w)
        model.backward(loss.backward(), input_gradient=False)
        return flatten(model.grads)

    return f, gradient
