"""Wrong answers to the exercises on optimizers: question -> [(part of the message, code)]."""


def _momentum(
    v="momentum * v - rate * g",
    w="w + momentum * v - rate * g if nesterov else w + v",
    before="pass",
    result="w, v",
):
    return f"""
def momentum_step(w, v, g, rate, momentum, nesterov):
    {before}
    v = {v}
    w = {w}
    return {result}
"""


def _schedule(
    *,
    rising="peak * t / warm",
    during="t < warm",
    a="min((t - warm) / (total - warm), 1)",
    falling="floor + (peak - floor) * (1 + np.cos(np.pi * a)) / 2",
    after="pass",
):
    return f"""
def rate_at(t, peak, warm, total, floor):
    {after}
    if {during}:
        return {rising}
    a = {a}
    return {falling}
"""


def _large(
    *,
    weigh="n / sum(sizes)",
    each="g",
    norm="np.sqrt(sum((g**2).sum() for g in total.values()))",
    scale="min(1, limit / norm)",
    result="{name: scale * g for name, g in total.items()}",
):
    return f"""
def large_batch(grads, sizes, limit):
    def clip(total):
        norm = {norm}
        scale = {scale}
        return {result}

    total = {{name: 0 for name in grads[0]}}
    for g, n in zip(grads, sizes):
        g = {each}
        total = {{name: total[name] + {weigh} * g[name] for name in total}}
    return clip(total)
"""


def _adam(
    *,
    start="m, v = np.zeros_like(w), np.zeros_like(w)",
    span="range(1, steps + 1)",
    first="m += (1 - beta_1) * (g - m)",
    second="v += (1 - beta_2) * (g**2 - v)",
    at="rate_t",
    factor="np.sqrt(1 - beta_2**t) / (1 - beta_1**t)",
    w="w - {} * m / (np.sqrt(v) + epsilon)",
):
    return f"""
def adam(w, gradient, steps, rate, beta_1, beta_2, epsilon):
    {start}
    for t in {span}:
        g = gradient(w)
        {first}
        {second}
        {at} = rate * {factor}
        w = {w.format(at)}
    return w
"""


ONE = "m = v = np.zeros_like(w)"
ROOT = "w - {} * m / np.sqrt(v + epsilon)"


def _decayed(
    *,
    l2="g = g + decay * w",
    lone="pass",
    before="pass",
    extra="rate * decay * w",
    end="w + change - extra",
    swapped="not decoupled",
    result="w, m, v",
):
    return f"""
def decayed_step(w, m, v, g, t, rate, decay, decoupled):
    {before}
    extra = 0
    if {swapped}:
        {l2}
    else:
        extra = {extra}
    m, v, change = adam_change(m, v, g, t, rate)
    {lone}
    w = {end}
    return {result}
"""


def _left(name, decoupled, *, sign="(-1) ** t", steps="101", decay=0.1, rate=0.01, value="w"):
    return f"""
w, m, v = np.ones(3), np.zeros(3), np.zeros(3)
for t in range(1, {steps}):
    g = np.array([0.01, 1, 100]) * {sign}
    w, m, v = decayed_step(w, m, v, g, t, {rate}, {decay}, {decoupled})
{name} = {value}
"""


def _conjugate(
    *,
    rate="r @ r / (d @ a_d)",
    x="x + rate * d",
    r="r - rate * a_d",
    share="new @ new / (r @ r)",
    d="new + share * d",
    stop="not r.any()",
    start="b.copy()",
    product="product(d)",
    span="range(steps)",
):
    return f"""
def conjugate_gradient(product, b, steps):
    x, r, d = np.zeros_like(b), b, {start}
    for _ in {span}:
        if {stop}:
            break
        a_d = {product}
        rate = {rate}
        x = {x}
        new = {r}
        share = {share}
        d = {d}
        r = new
    return x
"""


def _slope(
    *,
    dv="momentum * dv - g - rate * a @ dw",
    dw="dw + dv",
    before="pass",
    late="pass",
    last="(a @ w - b) @ dw",
):
    return f"""
def slope_by_rate(a, b, w, rate, momentum, steps):
    v, dw, dv = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for _ in range(steps):
        g = a @ w - b
        {before}
        dv = {dv}
        v = momentum * v - rate * g
        w = w + v
        dw = {dw}
        {late}
    return {last}
"""


def _tune(
    mean="np.mean([trial(rate, seed) for seed in seeds])",
    keep="loss if np.isfinite(loss) else np.inf",
    result="list(rates)[int(np.argmin(losses))]",
):
    return f"""
def tune(trial, rates, seeds):
    losses = []
    for rate in rates:
        loss = {mean}
        losses.append({keep})
    return {result}
"""


def _chosen(name, rates, seeds):
    return f"""
rates = {{**rates, {name!r}: {rates}}}
def trial(rate, seed):
    return train({name!r}, rate, seed, valid)
best = {{**best, {name!r}: tune(trial, rates[{name!r}], {seeds})}}
"""


def _tested(name="Adam", *, rate="best[{0!r}]", seeds="range(10, 15)", part="test", use=None):
    rate = rate.format(name)
    runs = f"[train({use or name!r}, {rate}, seed, {part}) for seed in {seeds}]"
    return f"tested = {{**tested, {name!r}: {runs}}}"


WRONG = {
    "q1": [
        ("v must shrink", _momentum(v="v - rate * g")),
        ("You added the gradient to v", _momentum(v="momentum * v + rate * g")),
        ("without the learning rate", _momentum(v="momentum * v - g")),
        ("v is the sum of gradients here", _momentum(v="momentum * v + g", w="w - rate * v")),
        ("This v is an average", _momentum(v="momentum * v - (1 - momentum) * rate * g")),
        ("The rate multiplies the old velocity", _momentum(v="rate * (momentum * v - g)")),
        ("The momentum multiplies the gradient", _momentum(v="momentum * (v - rate * g)")),
        ("rate and momentum are swapped", _momentum(v="rate * v - momentum * g")),
        ("The old velocity is missing", _momentum(v="-rate * g")),
        ("The gradient is missing in v", _momentum(v="momentum * v")),
        ("Without Nesterov w moves by v", _momentum(w="w + momentum * v - rate * g")),
        ("nesterov changes nothing", _momentum(w="w + v")),
        ("swapped", _momentum(w="w + v if nesterov else w + momentum * v - rate * g")),
        ("with a plus", _momentum(w="w + momentum * v - rate * g if nesterov else w - v")),
        (
            "the gradient of this step is missing",
            _momentum(w="w + momentum * v if nesterov else w + v"),
        ),
        (
            "goes a whole step and then looks ahead",
            _momentum(w="w + v + momentum * v if nesterov else w + v"),
        ),
        ("counts twice", _momentum(w="w + v - rate * g if nesterov else w + v")),
        ("v was changed in place", _momentum(before="v *= 1 - momentum")),
        ("must return two", _momentum(result="w")),
        ("w comes first", _momentum(result="v, w")),
        ("is still blank", _momentum(w="...")),
    ],
    "q2": [
        ("counts from the end of the warm-up", _schedule(a="min(t / total, 1)")),
        (
            "takes total - warm steps",
            _schedule(a="min((t - warm) / total, 1)"),
        ),
        ("rises again", _schedule(a="(t - warm) / (total - warm)")),
        (
            "The floor is missing",
            _schedule(falling="peak * (1 + np.cos(np.pi * a)) / 2"),
        ),
        (
            "The floor is only added",
            _schedule(falling="floor + peak * (1 + np.cos(np.pi * a)) / 2"),
        ),
        (
            "cut off at the floor",
            _schedule(falling="max(floor, peak * (1 + np.cos(np.pi * a)) / 2)"),
        ),
        (
            "The floor is a rate",
            _schedule(falling="peak * (floor + (1 - floor) * (1 + np.cos(np.pi * a)) / 2)"),
        ),
        ("starts at 0, not at the floor", _schedule(rising="floor + (peak - floor) * t / warm")),
        ("a step ahead", _schedule(rising="peak * (t + 1) / warm")),
        ("no warm-up", _schedule(during="False", a="min(max(t - warm, 0) / (total - warm), 1)")),
        (
            "while the rate still rises",
            _schedule(
                during="False",
                a="min(t / total, 1)",
                falling="(floor + (peak - floor) * (1 + np.cos(np.pi * a)) / 2)"
                " * (min(t / warm, 1) if warm else 1)",
            ),
        ),
        (
            "straight line",
            _schedule(falling="floor + (peak - floor) * (1 - a)"),
        ),
        (
            "quarter of a wave",
            _schedule(falling="floor + (peak - floor) * np.cos(np.pi * a / 2)"),
        ),
        (
            "without half and without the 1",
            _schedule(falling="floor + (peak - floor) * np.cos(np.pi * a)"),
        ),
        (
            "The half is missing",
            _schedule(falling="floor + (peak - floor) * (1 + np.cos(np.pi * a))"),
        ),
        (
            "up from the floor",
            _schedule(falling="floor + (peak - floor) * (1 - np.cos(np.pi * a)) / 2"),
        ),
        ("wants radians", _schedule(falling="floor + (peak - floor) * (1 + np.cos(a)) / 2")),
        ("Without a warm-up, warm = 0", _schedule(during="t <= warm")),
        ("ends in 0 after the last step", _schedule(after="if t > total: return 0.0")),
        ("is still blank", _schedule(falling="...")),
    ],
    "q3": [
        ("Each batch counts by its size", _large(weigh="1 / len(grads)")),
        ("divide by the number of all samples", _large(weigh="n")),
        ("This is the sum of the means", _large(weigh="1")),
        ("You divided by the size of the batch", _large(weigh="1 / n / len(grads)")),
        ("the last batch alone", _large(weigh="float(g is grads[-1])")),
        ("Clip once, at the end", _large(each="clip(g)")),
        (
            "Clip once, at the end",
            _large(each="clip(g)").replace("return clip(total)\n", "return total\n"),
        ),
        (
            "over all arrays together",
            _large(
                norm="1",
                result="{k: min(1, limit / np.sqrt((g**2).sum())) * g for k, g in total.items()}",
            ),
        ),
        ("A gradient that is short enough", _large(scale="limit / norm")),
        ("It was not clipped", _large(scale="1")),
        ("The root is missing", _large(norm="sum((g**2).sum() for g in total.values())")),
        ("upside down", _large(scale="max(1, norm / limit)")),
        ("made longer", _large(scale="max(1, limit / norm)")),
        ("each entry", _large(result="{k: np.clip(g, -limit, limit) for k, g in total.items()}")),
        (
            "sum of the norms",
            _large(norm="sum(np.sqrt((g**2).sum()) for g in total.values())"),
        ),
        ("largest entry", _large(norm="max(np.abs(g).max() for g in total.values())")),
        ("sum of absolute values", _large(norm="sum(np.abs(g).sum() for g in total.values())")),
        ("to length 1", _large(scale="min(1, limit / norm) / limit if norm > limit else 1")),
        (
            "changed in place",
            "def large_batch(grads, sizes, limit):\n    total = grads[0]\n"
            "    for name in total:\n        total[name] *= sizes[0] / sum(sizes)\n"
            "    return total\n",
        ),
        ("must return a dict", _large(result="list(total.values())")),
        ("is None", _large(result="None")),
    ],
    "q4": [
        ("All three bugs", _adam(start=ONE, at="rate", w=ROOT)),
        ("Two bugs are left: m and v are one and the same array, and", _adam(start=ONE, at="rate")),
        ("m and v are one and the same array, and epsilon", _adam(start=ONE, w=ROOT)),
        ("overwritten in every step, and epsilon", _adam(at="rate", w=ROOT)),
        ("One bug is left: m and v are one", _adam(start=ONE)),
        ("One bug is left: the rate is overwritten", _adam(at="rate")),
        ("One bug is left: epsilon", _adam(w=ROOT)),
        ("Epsilon is gone", _adam(w="w - {} * m / np.sqrt(v)")),
        ("the correction of the bias is gone", _adam(factor="1")),
        ("The root of the second correction", _adam(factor="(1 - beta_2**t) / (1 - beta_1**t)")),
        ("upside down", _adam(factor="(1 - beta_1**t) / np.sqrt(1 - beta_2**t)")),
        (
            "betas of the correction are swapped",
            _adam(factor="np.sqrt(1 - beta_1**t) / (1 - beta_2**t)"),
        ),
        ("v is missing its correction", _adam(factor="1 / (1 - beta_1**t)")),
        ("m is missing its correction", _adam(factor="np.sqrt(1 - beta_2**t)")),
        ("the first step's correction", _adam(factor="np.sqrt(1 - beta_2) / (1 - beta_1)")),
        (
            "v averages the squares",
            _adam(second="v += (1 - beta_2) * (g - v)", w="w - {} * m / (np.sqrt(v) + epsilon)"),
        ),
        (
            "The betas of the two averages",
            _adam(first="m += (1 - beta_2) * (g - m)", second="v += (1 - beta_1) * (g**2 - v)"),
        ),
        (
            "beside the root of the corrected v",
            _adam(
                factor="1 / (1 - beta_1**t)",
                w="w - {} * m / (np.sqrt(v / (1 - beta_2**t)) + epsilon)",
            ),
        ),
        ("w was changed in place", _adam(w="w.__isub__({} * m / (np.sqrt(v) + epsilon))")),
        ("is None", _adam().replace("return w", "return None")),
    ],
    "q5": [
        ("L2 goes through Adam's averages", _decayed(l2="extra = rate * decay * w")),
        ("Decoupled decay must not reach", _decayed(extra="0", swapped="True")),
        ("The two kinds are swapped", _decayed(swapped="decoupled")),
        ("L2 changes nothing", _decayed(l2="pass")),
        ("decoupled decay changes nothing", _decayed(extra="0")),
        ("without the learning rate", _decayed(extra="decay * w")),
        ("the weights grow", _decayed(end="w + change + extra")),
        ("adds 2 decay w", _decayed(l2="g = g + 2 * decay * w")),
        ("already been moved", _decayed(end="(w + change) * (1 - rate * decay * decoupled)")),
        ("L2 has the wrong sign", _decayed(l2="g = g - decay * w")),
        ("the rate twice", _decayed(l2="g = g + rate * decay * w")),
        ("L1", _decayed(l2="g = g + decay * np.sign(w)")),
        ("The change of Adam is missing", _decayed(end="w - extra")),
        ("change has its minus already", _decayed(end="w - change - extra")),
        (
            "the new m and v",
            _decayed(before="m_old, v_old = m, v", result="w, m_old, v_old"),
        ),
        ("must return three", _decayed(result="w")),
        ("in place", _decayed(before="w *= 1 - rate * decay")),
        ("left_l2 holds what decoupled", _left("left_l2", True)),
        ("left_decoupled holds what L2", _left("left_decoupled", False)),
        ("must change its sign", _left("left_l2", False, sign="1.0")),
        ("99 steps", _left("left_l2", False, steps="100")),
        ("what is lost", _left("left_l2", False, value="1 - w")),
        ("is still blank", "left_decoupled = ..."),
    ],
    "q6": [
        ("steepest descent", _conjugate(d="new")),
        ("upside down", _conjugate(share="r @ r / (new @ new)")),
        (
            "The share of the old direction is not squared",
            _conjugate(share="(new @ new / (r @ r)) ** 0.5"),
        ),
        ("The whole old direction", _conjugate(share="1")),
        ("The old direction has the wrong sign", _conjugate(d="new - share * d")),
        ("from the old residual", _conjugate(d="r + share * d")),
        ("The rate leaves out A", _conjugate(rate="r @ r / (d @ d)")),
        ("The rate is upside down", _conjugate(rate="d @ a_d / (r @ r)")),
        ("divides by the square of A d", _conjugate(rate="r @ r / (a_d @ a_d)")),
        ("away from the minimum", _conjugate(x="x - rate * d")),
        ("grows", _conjugate(r="r + rate * a_d")),
        ("moves along the residual", _conjugate(x="x + rate * r")),
        ("The residual never changes", _conjugate(r="r", share="0.5")),
        ("falls by rate times d", _conjugate(r="r - rate * d")),
        ("0/0", _conjugate(stop="False")),
        ("a step too many", _conjugate(span="range(steps + 1)")),
        ("a step too few", _conjugate(span="range(steps - 1)")),
        (
            "products",
            _conjugate(product="product(d) + 0 * product(x) + 0 * product(r)"),
        ),
        ("return x", _conjugate().replace("return x", "return r")),
        ("is None", _conjugate().replace("return x", "return None")),
    ],
    "q7": [
        ("moves with the rate as well", _slope(dv="momentum * dv - g")),
        ("The old velocity moves with the rate", _slope(dv="-g - rate * a @ dw")),
        ("The direct part is missing", _slope(dv="momentum * dv - rate * a @ dw")),
        ("the slope of the rate by itself", _slope(dv="momentum * dv - rate * g - rate * a @ dw")),
        ("minus the slope", _slope(dv="momentum * dv + g - rate * a @ dw")),
        ("there is a plus", _slope(dv="momentum * dv - g + rate * a @ dw")),
        ("yours comes without", _slope(dv="momentum * dv - g - a @ dw")),
        ("does not know A", _slope(dv="momentum * dv - g - rate * dw")),
        ("the last step's alone", _slope(dw="dv")),
        ("one gradient too early", _slope(last="g @ dw")),
        ("chain rule", _slope(last="dw.sum()")),
        ("minus the slope", _slope(last="-(a @ w - b) @ dw")),
        (
            "after w has moved",
            _slope(dw="(dv := momentum * dv - (a @ w - b) - rate * a @ dw) + dw", dv="dv"),
        ),
        ("dv in the slope of g", _slope(dv="momentum * dv - g - rate * a @ dv")),
        ("the loss itself", _slope(last="0.5 * w @ a @ w - b @ w")),
        ("must be one number", _slope(last="(a @ w - b) * dw")),
        ("is still blank", _slope(last="...")),
        ("is None", _slope(last="None")),
    ],
    "q8": [
        ("diverged", _tune(keep="loss")),
        ("diverged", _tune(mean="np.nanmean([trial(rate, seed) for seed in seeds])")),
        ("first seed alone", _tune("trial(rate, seeds[0])")),
        ("last seed alone", _tune("trial(rate, seeds[-1])")),
        ("luckiest", _tune("min(trial(rate, seed) for seed in seeds)", "loss if loss < 9 else 9")),
        ("median", _tune("np.median([trial(rate, seed) for seed in seeds])")),
        ("worst", _tune(keep="-loss if np.isfinite(loss) else np.inf")),
        ("not its place", _tune(result="int(np.argmin(losses))")),
        ("not its loss", _tune(result="min(losses)")),
        ("of your own", _tune("np.mean([trial(rate, seed) for seed in range(3)])")),
        ("seven rates", "rates = {**rates, 'Adam': [0.001]}"),
        (
            "factor of 100",
            "rates = {**rates, 'Adam': list(np.linspace(0.01, 0.1, 7))}",
        ),
        (
            "at the end of your list",
            _chosen("Adam", [1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01], "range(3)"),
        ),
        ("have 'momentum' and 'Adam'", "rates = rates['Adam']"),
        ("none of your rates", "best = {**best, 'Adam': 0.0123}"),
        (
            "seed 0 alone",
            _chosen("Adam", [1e-4, 1e-3, 0.0625, 0.0705, 0.076, 0.2, 1], "[0]"),
        ),
        (
            "seeds of the report",
            _chosen("momentum", [1e-4, 1e-3, 0.01, 0.05, 0.09, 0.2, 1], "range(10, 15)"),
        ),
        ("Keras's default", _tested(rate="0.001")),
        ("validation images", _tested(part="valid")),
        ("seeds it was tuned with", _tested(seeds="range(5)")),
        ("best rate of the other", _tested("momentum", rate="best['Adam']")),
        ("five losses", "tested = {**tested, 'Adam': np.mean(tested['Adam'])}"),
        ("The other way round", "winner = 'momentum'"),
        ("untuned", "winner_untuned = 'Adam'"),
        ("'momentum', 'Adam' or 'neither'", "winner = True"),
        ("is still blank", "winner_untuned = ..."),
    ],
}
