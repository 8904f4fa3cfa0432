"""Learning-rate schedules: functions of the step, counted from 0, to give to an optimizer.

    SGD(warm_up(cosine_decay(0.1, decay_steps=900), steps=100))

Names and conventions are Keras's where Keras has the schedule. `ReduceLROnPlateau`, which needs to
see the validation loss, and the range test, which needs to train, are in `twice.scratch.rates`.
"""

import math


def check(**settings):
    """Raises ValueError unless all the given numbers are above 0."""
    for name, value in settings.items():
        if not value > 0:
            raise ValueError(f"expected {name} > 0, got {value}")


def step_decay(initial_learning_rate, decay_steps, decay_rate=0.1):
    """initial * decay_rate^floor(t / decay_steps): a constant, then suddenly less."""
    return exponential_decay(initial_learning_rate, decay_steps, decay_rate, staircase=True)


def exponential_decay(initial_learning_rate, decay_steps, decay_rate, *, staircase=False):
    """initial * decay_rate^(t / decay_steps); staircase: only at whole multiples."""
    check(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps)
    check(decay_rate=decay_rate)

    def rate(t):
        times = t // decay_steps if staircase else t / decay_steps
        return initial_learning_rate * decay_rate**times

    return rate


def inverse_time_decay(initial_learning_rate, decay_steps, decay_rate):
    """initial / (1 + decay_rate t / decay_steps): fast at first, then ever slower.

    The rates sum to infinity and their squares do not, which is what the proof that SGD
    converges asks for. Robbins and Monro (1951).
    """
    check(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps)
    check(decay_rate=decay_rate)
    return lambda t: initial_learning_rate / (1 + decay_rate * t / decay_steps)


def linear_decay(initial_learning_rate, decay_steps, end_learning_rate=0.0):
    """(1 - a) initial + a end with a = min(t / tau, 1), tau = decay_steps; then it stays at end.

    Keras: PolynomialDecay with power 1. Goodfellow, Bengio and Courville (2016), section 8.3.
    """
    check(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps)

    def rate(t):
        a = min(t / decay_steps, 1.0)
        return (1 - a) * initial_learning_rate + a * end_learning_rate

    return rate


def cosine_decay(initial_learning_rate, decay_steps, alpha=0.0):
    """initial (alpha + (1 - alpha) (1 + cos(pi t / decay_steps)) / 2), then initial * alpha.

    Loshchilov and Hutter (2017).
    """
    check(initial_learning_rate=initial_learning_rate, decay_steps=decay_steps)

    def rate(t):
        wave = (1 + math.cos(math.pi * min(t / decay_steps, 1.0))) / 2
        return initial_learning_rate * (alpha + (1 - alpha) * wave)

    return rate


def cosine_restarts(initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0):
    """SGDR: cosine decays one after the other, each t_mul as long and m_mul as high as the last.

    Loshchilov and Hutter (2017).
    """
    check(initial_learning_rate=initial_learning_rate, first_decay_steps=first_decay_steps)
    check(t_mul=t_mul, m_mul=m_mul)

    def rate(t):
        length, height = first_decay_steps, 1.0
        while t >= length:
            t, length, height = t - length, length * t_mul, height * m_mul
            if length < 1:
                raise ValueError(f"t_mul={t_mul} has shrunk a decay to less than a step")
        wave = height * (1 + math.cos(math.pi * t / length)) / 2
        return initial_learning_rate * (alpha + (1 - alpha) * wave)

    return rate


def warm_up(schedule, steps, start=0.0):
    """Linear from `start` to where the schedule begins, in `steps` steps; then the schedule.

    schedule: a function of the step, or a number. Goyal et al. (2017).
    """
    check(steps=steps)
    schedule = constant(schedule)
    peak = schedule(0)
    return lambda t: start + (peak - start) * t / steps if t < steps else schedule(t - steps)


def constant(learning_rate):
    """Always the same; a schedule is handed through."""
    if callable(learning_rate):
        return learning_rate
    check(learning_rate=learning_rate)
    return lambda t: learning_rate


def piecewise(pieces):
    """[(steps, schedule), ...] one after the other; each counts from its own 0, the last goes on.

    A schedule may be a number: piecewise([(500, 0.1), (300, cosine_decay(0.1, 300))]).
    """
    pieces = [(steps, constant(schedule)) for steps, schedule in pieces]
    if not pieces or not all(steps > 0 for steps, _ in pieces):
        raise ValueError(f"expected pieces of more than 0 steps, got {[n for n, _ in pieces]}")

    def rate(t):
        for steps, schedule in pieces[:-1]:
            if t < steps:
                return schedule(t)
            t -= steps
        return pieces[-1][1](t)

    return rate


def cyclical(low, high, step_size, *, shrink=1.0):
    """Up from low to high in step_size steps, down in as many, again and again; a triangle.

    shrink: each cycle's height is that of the last times this (1/2: "triangular2").
    Smith (2017).
    """
    check(low=low, step_size=step_size, shrink=shrink)
    if not low < high:
        raise ValueError(f"expected low < high, got {low} and {high}")

    def rate(t):
        cycle, within = divmod(t / step_size, 2)
        return low + (high - low) * (1 - abs(within - 1)) * shrink**cycle

    return rate


def one_cycle(max_learning_rate, steps, *, rising=0.3, start=1 / 25, end=1e-4):
    """Up to the maximum in the first `rising` share of the steps, then a cosine down to the end.

    start and end are shares of the maximum. The idea of one cycle with a very high peak is Smith
    and Topin's (2019); the cosine, and no cycle of the momentum, are what most use today.
    """
    check(max_learning_rate=max_learning_rate, start=start)
    if not (0 < rising < 1 and steps >= 2):
        raise ValueError(f"expected 0 < rising < 1 and steps >= 2, got {rising} and {steps}")
    up = max(1, round(rising * steps))
    down = cosine_decay(max_learning_rate, steps - up, alpha=end)
    return warm_up(down, up, start=start * max_learning_rate)
