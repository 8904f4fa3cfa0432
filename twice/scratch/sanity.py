"""Is the network broken? Checks that take seconds, before a training that takes hours.

Every check returns a `Finding`; print it. Most are old advice of practitioners (Karpathy, 2015,
2019). The check of a backward pass is in `twice.scratch.gradcheck`; what to watch during a
training is in `twice.scratch.monitors`, what to do after it in `twice.scratch.diagnosis`.
"""

from dataclasses import dataclass, field

import numpy as np

from twice.scratch.losses import (
    EPSILON,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from twice.scratch.training import NotFinite, evaluate, train_step


@dataclass(frozen=True)
class Finding:
    """What a check found and what it expected; `ok` if they agree, `text` what it means.

    `values`: the numbers behind it, for a figure (each check says which).
    """

    ok: bool
    found: float
    expected: float
    text: str
    values: np.ndarray = field(default=None, repr=False, compare=False)

    def __str__(self):
        verdict = "ok  " if self.ok else "LOOK"
        numbers = f"found {self.found:.4g}, expected {self.expected:.4g}"
        return f"{verdict}  {numbers}: {self.text}"


def constant_losses(loss, y, outputs):
    """The loss without looking at x: (knows nothing, knows how often each label comes).

    Knows nothing: 1/K for each of K classes, so ln K; 1/2 for yes or no; else 0.
    Knows the labels: their frequencies; the better of mean and median of a number.
    outputs: the model's, of which only shape and dtype count.
    """
    outputs, y = np.asarray(outputs), np.asarray(y)
    loss.forward(y, outputs)  # names shapes and labels that do not fit
    classes = outputs.shape[-1]
    if isinstance(loss, SparseCategoricalCrossentropy):
        flat = np.full(classes, 1 / classes)
        constants = [flat, np.bincount(y.astype(int), minlength=classes) / len(y)]
    elif isinstance(loss, CategoricalCrossentropy):
        flat, s = np.full(classes, 1 / classes), loss.label_smoothing
        constants = [flat, (1 - s) * y.reshape(-1, classes).mean(axis=0) + s * flat]
    elif isinstance(loss, BinaryCrossentropy):
        constants = [np.full(y.shape[1:], 0.5), y.mean(axis=0)]
    else:
        constants = [0.0 * y[0], y.mean(axis=0), np.median(y, axis=0)]
    if getattr(loss, "from_logits", False):
        binary = isinstance(loss, BinaryCrossentropy)
        safe = [np.clip(p, EPSILON, 1 - EPSILON) for p in constants]
        constants = [np.log(p) - binary * np.log1p(-p) for p in safe]
    guesses = [np.broadcast_to(c, outputs.shape).astype(float) for c in constants]
    found = [loss.forward(y, guess) for guess in guesses]
    return found[0], min(found)


def loss_at_chance(model, loss, x, y, *, factor=None):
    """An untrained model knows nothing: its loss is ln C, or that of the answer 0.

    ok from half the best constant answer's loss up to `factor` times the loss of
    knowing nothing: 1.5 for a cross-entropy, 3 for other losses. values: the two.
    """
    output = model.predict(x)
    found = loss.forward(y, output)
    nothing, constant = constant_losses(loss, y, output)
    entropy = isinstance(loss, BinaryCrossentropy | CategoricalCrossentropy)
    if factor is None:
        factor = 1.5 if entropy else 3.0
    ok = 0.5 * constant <= found <= factor * nothing
    text = f"a guess that knows nothing; the best constant answer has {constant:.4g}"
    if not found <= factor * nothing:
        text += ". The outputs are too large: look at the weights and at x's scale"
    elif not ok:
        text += ". Better than any constant: already trained, or told the labels"
    elif not entropy and constant < 0.1 * nothing:
        text += ". Most of the loss is the mean of y: subtract it"
    return Finding(bool(ok), found, nothing, text, np.array([nothing, constant]))


def overfit_a_batch(build, loss, optimizer, x, y, *, samples=20, steps=500, share=0.01):
    """A sound network learns a few samples by heart: their loss falls to nearly 0.

    build: () -> a fresh model; optimizer: a fresh one. Every step sees all of the first
    `samples`, and it stops at `share` of the first loss or, if lower, of the loss of knowing
    nothing: outputs that start huge come down to chance without learning anything. The
    loss is that of the data, without penalty. values (T,): the loss before each step.
    """
    if min(samples, steps) < 1 or not 0 < share < 1:
        got = f"{samples}, {steps} and {share}"
        raise ValueError(f"expected samples, steps >= 1 and 0 < share < 1, got {got}")
    x, y = np.asarray(x)[:samples], np.asarray(y)[:samples]
    model, losses, goal = build(), [], np.nan
    chance, _ = constant_losses(loss, y, model.predict(x))
    text = f"{len(x)} samples, not learned by heart in {steps} steps. Look at the rate, "
    text += "the gradients, the order of x and y; dropout and soft labels do it too"
    with np.errstate(all="ignore"):
        for step in range(1, steps + 1):
            pay = model.penalty()
            try:
                value, _ = train_step(model, loss, optimizer, x, y, f"step {step}")
            except NotFinite as error:
                losses.append(np.nan)
                text = f"{error}. Try a smaller rate first"
                break
            losses.append(value - pay)
            goal = share * min(losses[0], chance or np.inf)
            if losses[-1] <= goal:
                text = f"{len(x)} samples, learned by heart in {step} steps"
                break
    return Finding(bool(losses[-1] <= goal), losses[-1], goal, text, np.array(losses))


def regularization_raises_the_loss(build, loss, x, y, *, strengths=(0.0, 1e-3, 1e-1)):
    """Before training, more penalty means more loss, and nothing else changes.

    build: a function of the strength -> an untrained model, always of the same weights.
    values: the loss at each strength. ValueError if the loss of the data differs too.
    """
    if len(strengths) < 2 or not (np.diff(strengths) > 0).all():
        raise ValueError(f"expected two or more strengths that rise, got {strengths}")
    data, total = [], []
    for strength in strengths:
        model = build(strength)
        data.append(loss.forward(y, model.predict(x)))
        total.append(evaluate(model, x, y, loss=loss)["loss"])
    if not np.allclose(data, data[0]):
        raise ValueError(f"expected the same weights each time, got the losses {data}")
    rise = np.diff(total)
    text = "the smallest rise of the loss from one strength to the next must be above 0"
    if not (rise > 0).all():
        text += ". The penalty does not reach the loss: is the model asked for it?"
    ok = bool((rise > 0).all())
    return Finding(ok, float(rise.min()), 0.0, text, np.array(total))


def shuffled_labels(score, y, *, rng, repeats=5, margin=0.05):
    """From labels in random order nothing can be learned; above chance, there is a leak.

    score: a function of the labels y (N,) that does *everything* with them, choosing
    features and splitting too, and returns the accuracy on the validation samples.
    Chance is the share of the most frequent label; ok up to `margin` above it, for
    which repeats * validation samples should be 400 or more. values (repeats,): the scores.
    A permutation test (Ojala and Garriga, 2010); the leak: Ambroise and McLachlan (2002).
    """
    y = np.asarray(y)
    if repeats < 1 or not margin > 0 or y.ndim != 1 or len(y) < 2:
        got = f"{repeats}, {margin} and {y.shape}"
        raise ValueError(f"expected repeats >= 1, margin > 0 and y (N,), got {got}")
    scores = np.array([float(score(rng.permutation(y))) for _ in range(repeats)])
    chance = float(np.unique(y, return_counts=True)[1].max() / len(y))
    ok = scores.mean() <= chance + margin
    text = "the mean score on labels that mean nothing"
    text += "" if ok else ". Something saw the validation labels: look at what used y"
    return Finding(bool(ok), float(scores.mean()), chance, text, scores)


def independent_samples(model, x, *, training=False, rng=None):
    """What the model says about one sample must not depend on the others in its batch.

    values (N, N): row i holds the largest |d(output i) / dx_j| for each j, for outputs
    weighted by normal numbers from `rng`. Off the diagonal it must be 0. A reshape
    that should have been a transpose fails; batch norm fails with training=True, and may.
    x (N, ...) of floats, N >= 2, a few. Karpathy (2019).
    """
    rng, x = np.random.default_rng(0) if rng is None else rng, np.asarray(x)
    if x.ndim < 2 or len(x) < 2 or x.dtype.kind != "f":
        got = f"{x.dtype} {x.shape}"
        raise ValueError(f"expected x (N, ...) of floats, N >= 2, got {got}")
    n = len(x)
    reach = np.zeros((n, n))
    for i in range(n):
        output = model.forward(x, training=training)
        if len(output) != n:
            raise ValueError(f"expected an output a sample, {n}, got {output.shape}")
        weights = np.zeros_like(output)
        weights[i] = rng.normal(size=output.shape[1:])
        reach[i] = np.abs(model.backward(weights)).reshape(n, -1).max(axis=1)
    others = reach * (1 - np.eye(n))
    i, j = np.unravel_index(np.argmax(others), others.shape)
    ok, text = others.max() == 0, "what one sample's output hears of another's input"
    if not ok:
        text += f". Output {i} hears input {j}: look for a reshape, an axis, batch norm"
    elif not np.diag(reach).all():
        ok, deaf = False, np.argmin(np.diag(reach))
        text += f". But output {deaf} does not hear its own"
    return Finding(bool(ok), float(others.max()), 0.0, text, reach)
