"""Wrong answers to recurrent networks' exercises: question -> [(part of the message, code)]."""


def _step(line, before="pass"):
    return f"""
def rnn_step(x, h, kernel, recurrent_kernel, bias):
    {before}
    new = {line}
    return new
"""


def _forward(
    *,
    start="np.zeros((len(x), len(bias)))",
    walk="range(x.shape[1])",
    x_t="x[:, t]",
    new="np.tanh(x_t @ kernel + h @ recurrent_kernel + bias)",
    update="h = new",
    keep="h",
    first="[]",
    stacked="np.stack(states, axis=1)",
    last="h",
    choose="return_sequences",
):
    return f"""
def rnn_forward(x, kernel, recurrent_kernel, bias, return_sequences):
    h, states = {start}, {first}
    for t in {walk}:
        x_t, before = {x_t}, h
        new = {new}
        {update}
        states.append({keep})
    stacked = {stacked}
    return stacked if {choose} else {last}
"""


STATEFUL = """
_last = {}


def rnn_forward(x, kernel, recurrent_kernel, bias, return_sequences):
    h = _last.get(x.shape, np.zeros((len(x), len(bias))))
    states = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent_kernel + bias)
        states.append(h)
    _last[x.shape] = h
    return np.stack(states, axis=1) if return_sequences else h
"""

NORM = "np.sqrt(sum(np.sum(g**2) for g in grads.values()))"


def _clip(
    factor="limit / max(norm, limit)",
    result="{name: g * factor for name, g in grads.items()}",
    norm=NORM,
):
    return f"""
def clip_by_global_norm(grads, limit):
    norm = {norm}
    factor = {factor}
    return {result}
"""


def _clip_each(line):
    return f"""
def clip_by_global_norm(grads, limit):
    return {{name: {line} for name, g in grads.items()}}
"""


CLIP_IN_PLACE = f"""
def clip_by_global_norm(grads, limit):
    factor = min(1, limit / {NORM})
    for g in grads.values():
        g *= factor
    return grads
"""

CLIP_IN_THE_DICT = f"""
def clip_by_global_norm(grads, limit):
    factor = limit / max({NORM}, limit)
    for name in grads:
        grads[name] = grads[name] * factor
    return dict(grads)
"""


def _radius(size="np.abs(np.linalg.eigvals(recurrent_kernel)).max()", of="u * radius / size"):
    return f"""
def with_radius(recurrent_kernel, radius):
    u = recurrent_kernel
    size = {size}
    return {of}
"""


def _safe(low="factor ** (-1 / steps)", high="factor ** (1 / steps)", result="low, high"):
    return f"""
def safe_radii(factor, steps):
    low, high = {low}, {high}
    return {result}
"""


def _bptt(
    *,
    walk="reversed(range(steps))",
    incoming="grad[:, t] + later",
    slope="1 - states[:, t + 1] ** 2",
    d_z="incoming * slope",
    d_kernel="+= x[:, t].T @ d_z",
    d_recurrent="+= states[:, t].T @ d_z",
    d_bias="+= d_z.sum(axis=0)",
    d_x="d_z @ kernel.T",
    place="t",
    later="d_z @ recurrent_kernel.T",
    start="0",
    before="pass",
    result="d_kernel, d_recurrent, d_bias, d_x",
):
    return f"""
def bptt(x, states, grad, kernel, recurrent_kernel):
    {before}
    n, steps, units = grad.shape
    d_kernel, d_recurrent = np.zeros_like(kernel), np.zeros_like(recurrent_kernel)
    d_bias, d_x = np.zeros(units), np.zeros_like(x)
    later = {start}
    for t in {walk}:
        incoming = {incoming}
        slope = {slope}
        d_z = {d_z}
        d_kernel {d_kernel}
        d_recurrent {d_recurrent}
        d_bias {d_bias}
        d_x[:, {place}] = {d_x}
        later = {later}
    return {result}
"""


def _at_the_end(what):
    """Only the last step adds to this gradient."""
    return f"+= ({what}) * (t == steps - 1)"


def _masked_forward(line, new="np.tanh(x[:, t] @ kernel + states[:, t] @ recurrent_kernel + bias)"):
    return f"""
def masked_forward(x, mask, kernel, recurrent_kernel, bias):
    states = np.zeros((len(x), x.shape[1] + 1, len(bias)))
    for t in range(x.shape[1]):
        counts, old = mask[:, t, None], states[:, t]
        new = {new}
        states[:, t + 1] = {line}
    return states
"""


def _masked_backward(
    later="d_z[:, t] @ recurrent_kernel.T + (1 - counts) * later",
    d_z="counts * later * slope",
    counts="mask[:, t, None]",
    start="grad",
):
    return f"""
def masked_backward(states, mask, grad, recurrent_kernel):
    d_z, later = np.zeros(states[:, 1:].shape), {start}
    for t in reversed(range(mask.shape[1])):
        counts = {counts}
        slope = 1 - states[:, t + 1] ** 2
        d_z[:, t] = {d_z}
        later = {later}
    return d_z
"""


FORWARD_MENDED = _masked_forward("np.where(counts, new, old)")


def _split(
    *,
    train="series[:n_train]",
    test="series[n_train:]",
    rows="range(len(part) - window)",
    x="part[i : i + window]",
    y="part[i + window]",
    x_shape="x[:, :, None]",
    y_shape="y[:, None]",
    result="(*windows(train), *windows(test))",
    before="pass",
):
    return f"""
def split_windows(series, window, n_train):
    {before}
    def windows(part):
        rows = list({rows})
        x = np.array([{x} for i in rows])
        y = np.array([{y} for i in rows])
        return {x_shape}, {y_shape}

    train, test = {train}, {test}
    return {result}
"""


def _cut_after(at, order="np.arange(len(x))"):
    """All windows first, then the cut."""
    return f"""
def split_windows(series, window, n_train):
    x = np.array([series[i : i + window] for i in range(len(series) - window)])[:, :, None]
    y = series[window:, None]
    order = {order}
    first, rest = order[: {at}], order[{at} :]
    return x[first], y[first], x[rest], y[rest]
"""


def _naive(result="np.mean((y - forecast) ** 2)", forecast="x[:, -season]"):
    return f"""
def naive_error(x, y, season):
    forecast = {forecast}
    return {result}
"""


def _factor(
    result="np.linalg.norm(layer.state_gradient) / np.linalg.norm(grad)",
    forward="layer.forward(x)",
    grad="grad",
):
    return f"""
def gradient_factor(layer, x, grad):
    {forward}
    d_x = layer.backward({grad})
    return {result}
"""


def _report(name, x, mean="np.exp(np.log(found).mean(axis=1))", radii="radii", seeds="range(5)"):
    return f"""
found = np.array([[gradient_factor(build(radius, seed), {x}, grad)
                   for seed in {seeds}] for radius in {radii}])
{name} = {mean}
"""


WRONG = {
    "q1": [
        ("The activation is missing", _step("x @ kernel + h @ recurrent_kernel + bias")),
        (
            "This is the sigmoid",
            _step("1 / (1 + np.exp(-(x @ kernel + h @ recurrent_kernel + bias)))"),
        ),
        ("This is a ReLU", _step("np.maximum(x @ kernel + h @ recurrent_kernel + bias, 0)")),
        ("The bias is missing", _step("np.tanh(x @ kernel + h @ recurrent_kernel)")),
        ("The bias has the wrong sign", _step("np.tanh(x @ kernel + h @ recurrent_kernel - bias)")),
        (
            "one number for each unit",
            _step("np.tanh(x @ kernel + h @ recurrent_kernel + bias[:, None])"),
        ),
        ("does not hear its last state", _step("np.tanh(x @ kernel + bias)")),
        ("does not hear the input", _step("np.tanh(h @ recurrent_kernel + bias)")),
        (
            "recurrent_kernel is transposed",
            _step("np.tanh(x @ kernel + h @ recurrent_kernel.T + bias)"),
        ),
        ("kernel is transposed", _step("np.tanh(x @ kernel.T + h @ recurrent_kernel + bias)")),
        (
            "Both kernels are transposed",
            _step("np.tanh(x @ kernel.T + h @ recurrent_kernel.T + bias)"),
        ),
        ("The two kernels are swapped", _step("np.tanh(x @ recurrent_kernel + h @ kernel + bias)")),
        (
            "without its own kernel",
            _step("np.tanh(x @ kernel + h + bias)"),
        ),
        (
            "outside of the tanh",
            _step("np.tanh(x @ kernel + bias) + h @ recurrent_kernel"),
        ),
        (
            "Add first, then take one tanh",
            _step("np.tanh(x @ kernel) + np.tanh(h @ recurrent_kernel) + bias"),
        ),
        ("The bias stands outside", _step("np.tanh(x @ kernel + h @ recurrent_kernel) + bias")),
        ("You multiplied", _step("np.tanh((x @ kernel) * (h @ recurrent_kernel) + bias)")),
        ("entry by entry", _step("np.tanh(x @ kernel + h * recurrent_kernel + bias)")),
        ("one sample a row", _step("np.tanh(kernel @ x + recurrent_kernel @ h + bias)")),
        ("This is the old state", _step("h")),
        (
            "the old state is added once more",
            _step("h + np.tanh(x @ kernel + h @ recurrent_kernel + bias)"),
        ),
        (
            "h was changed in place",
            _step("np.tanh(x @ kernel + h @ recurrent_kernel + bias)", "h *= 0.5"),
        ),
        ("is still blank", _step("...")),
        (", but it should be", _step("np.tanh(2 * (x @ kernel + h @ recurrent_kernel + bias))")),
        ("must take (x, h,", "rnn_step = lambda x, W, U, b: x"),
    ],
    "q2": [
        ("walk over the samples instead of the steps", _forward(walk="range(len(x))", x_t="x[t]")),
        (
            "walk over the samples instead of the steps",
            _forward(walk="range(len(x))", x_t="x[t]", stacked="np.stack(states)"),
        ),
        ("not carried along", _forward(update="pass", keep="new", last="new")),
        ("The time comes first", _forward(stacked="np.stack(states)")),
        (
            "stored before the step",
            _forward(keep="before"),
        ),
        ("begins with h_0", _forward(first="[np.zeros((len(x), len(bias)))]")),
        (
            "read from its end",
            _forward(walk="reversed(range(x.shape[1]))"),
        ),
        (
            "in the wrong order",
            _forward(stacked="np.stack(states[::-1], axis=1)"),
        ),
        ("The first step is missing", _forward(walk="range(1, x.shape[1])")),
        ("The last step is missing", _forward(walk="range(x.shape[1] - 1)")),
        (
            "the same array at every step",
            _forward(start="np.zeros((len(x), len(bias)))", update="h[:] = new", keep="h"),
        ),
        ("The state begins at 0", _forward(start="np.ones((len(x), len(bias)))")),
        ("The activation is missing", _forward(new="x_t @ kernel + h @ recurrent_kernel + bias")),
        ("The bias is missing", _forward(new="np.tanh(x_t @ kernel + h @ recurrent_kernel)")),
        (
            "recurrent_kernel is transposed",
            _forward(new="np.tanh(x_t @ kernel + h @ recurrent_kernel.T + bias)"),
        ),
        (
            "only the first step's input",
            _forward(x_t="x[:, 0]"),
        ),
        ("With return_sequences=True", _forward(choose="not return_sequences")),
        ("With return_sequences=True", _forward(choose="False")),
        ("With return_sequences=False", _forward(choose="True")),
        ("This is the first state", _forward(last="stacked[:, 0]")),
        ("This is the mean over", _forward(last="stacked.mean(axis=1)")),
        ("This is the sum over", _forward(last="stacked.sum(axis=1)")),
        ("of the last sample", _forward(last="stacked[-1]")),
        ("keeps an axis for the time", _forward(last="stacked[:, -1:]")),
        ("one state too early", _forward(last="stacked[:, -2]")),
        ("where the call before ended", STATEFUL),
        (
            "forgets: it is added up",
            _forward(update="h = h + new"),
        ),
        (
            "x was changed in place",
            _forward(update="h = new; x[:, t] = 0"),
        ),
        (
            "is None",
            "rnn_forward = lambda x, kernel, recurrent_kernel, bias, return_sequences: None",
        ),
        (
            ", but it should be",
            _forward(new="np.tanh(x_t @ kernel + h @ recurrent_kernel + bias) / 2"),
        ),
    ],
    "q3": [
        ("every array by its own norm", _clip_each("g * min(1, limit / np.linalg.norm(g))")),
        ("every entry at the limit", _clip_each("np.clip(g, -limit, limit)")),
        ("makes the norm 1", _clip("1 / norm")),
        ("upside down", _clip("norm / limit")),
        ("Divide by the norm", _clip("limit")),
        (
            "sum of the arrays' norms",
            _clip(norm="sum(np.linalg.norm(g) for g in grads.values())"),
        ),
        ("The root is missing", _clip(norm="sum(np.sum(g**2) for g in grads.values())")),
        ("the largest entry", _clip(norm="max(np.abs(g).max() for g in grads.values())")),
        ("sum of absolute values", _clip(norm="sum(np.abs(g).sum() for g in grads.values())")),
        (
            "root of a mean",
            _clip(
                norm="np.sqrt(np.mean(np.concatenate([g.ravel() for g in grads.values()]) ** 2))"
            ),
        ),
        ("the last array alone", _clip(norm="[np.linalg.norm(g) for g in grads.values()][-1]")),
        ("the first array alone", _clip(norm="[np.linalg.norm(g) for g in grads.values()][0]")),
        ("the longest array alone", _clip(norm="max(np.linalg.norm(g) for g in grads.values())")),
        ("Nothing is clipped", _clip("1")),
        ("Nothing is clipped", _clip("max(1, limit / norm)")),
        ("shorter than the limit must stay", _clip("limit / max(norm, 1e-12)")),
        ("All gradients are 0", _clip("np.float64(min(1, limit / norm)) if norm else np.nan")),
        (
            "divided by the number of arrays",
            _clip("limit / max(norm, limit) / len(grads)"),
        ),
        ("set to 0", _clip("float(norm <= limit)")),
        ("was changed in place", CLIP_IN_PLACE),
        ("the dict grads itself was changed", CLIP_IN_THE_DICT),
        (
            "Return a new dict",
            _clip(
                result="grads if norm <= limit else {name: g * factor for name, g in grads.items()}"
            ),
        ),
        ("must return a dict", _clip(result="[g * factor for g in grads.values()]")),
        ("the same names", _clip(result="dict(enumerate(g * factor for g in grads.values()))")),
        ("the shape", _clip(result="{name: (g * factor).ravel() for name, g in grads.items()}")),
        ("is None", _clip(result="None")),
    ],
    "q4": [
        ("largest singular value", _radius("np.linalg.norm(u, 2)")),
        ("root of the sum of all squares", _radius("np.linalg.norm(u)")),
        ("largest entry", _radius("np.abs(u).max()")),
        ("largest real part", _radius("np.linalg.eigvals(u).real.max()")),
        ("complex numbers", _radius("np.linalg.eigvals(u).max()")),
        ("drops the imaginary parts", _radius("np.abs(np.linalg.eigvals(u).real).max()")),
        ("largest imaginary part", _radius("np.linalg.eigvals(u).imag.max()")),
        ("smallest eigenvalue", _radius("np.abs(np.linalg.eigvals(u)).min()")),
        ("add up the eigenvalues", _radius("np.abs(np.linalg.eigvals(u)).sum()")),
        ("mean of the eigenvalues", _radius("np.abs(np.linalg.eigvals(u)).mean()")),
        ("the determinant", _radius("np.linalg.det(u)")),
        ("for symmetric matrices", _radius("np.abs(np.linalg.eigvalsh(u)).max()")),
        ("first eigenvalue in the list", _radius("np.abs(np.linalg.eigvals(u))[0]")),
        ("radius of 1: multiply", _radius(of="u / size")),
        ("Divide by the radius it has", _radius(of="u * radius")),
        ("upside down", _radius(of="u * size / radius")),
        ("The radius is squared", _radius(of="u * radius**2 / size")),
        ("transposed", _radius(of="u.T * radius / size")),
        ("as it came", _radius(of="u")),
        ("shifts every eigenvalue", _radius(of="u + (radius - size) * np.eye(len(u))")),
        (
            "was changed in place",
            "def with_radius(recurrent_kernel, radius):\n"
            "    u = recurrent_kernel\n"
            "    u *= radius / np.abs(np.linalg.eigvals(u)).max()\n    return u\n",
        ),
        ("is None", _radius(of="None")),
        ("low and high are swapped", _safe(result="high, low")),
        ("at a single step", _safe("1 / factor", "factor")),
        ("grows by the power", _safe("factor ** -steps", "factor ** steps")),
        ("is divided by steps", _safe("1 - factor / steps", "1 + factor / steps")),
        (
            "nearly right for many steps",
            _safe("1 - np.log(factor) / steps", "1 + np.log(factor) / steps"),
        ),
        ("the logarithm of the radius", _safe("-np.log(factor) / steps", "np.log(factor) / steps")),
        ("one step too few", _safe("factor ** (-1 / (steps - 1))", "factor ** (1 / (steps - 1))")),
        ("one step too many", _safe("factor ** (-1 / (steps + 1))", "factor ** (1 / (steps + 1))")),
        ("high is right, but low", _safe(low="-(factor ** (1 / steps))")),
        ("may shrink as well", _safe(low="0.0")),
        ("as far below 1 as", _safe(low="2 - factor ** (1 / steps)")),
        ("square root", _safe("factor**-0.5", "factor**0.5")),
        ("both ends", _safe(high="1.0")),
        ("both ends", _safe(low="1.0")),
        ("must return two numbers", _safe(result="high")),
        (", but it should be", _safe(high="2.0")),
        ("is None", _safe(result="None")),
    ],
    "q5": [
        ("The slope of tanh is missing", _bptt(d_z="incoming")),
        ("belongs to the state after the step", _bptt(slope="1 - states[:, t] ** 2")),
        ("takes tanh once more", _bptt(slope="1 - np.tanh(states[:, t + 1]) ** 2")),
        ("square the state", _bptt(slope="1 - states[:, t + 1]")),
        ("slope of the sigmoid", _bptt(slope="states[:, t + 1] * (1 - states[:, t + 1])")),
        ("Nothing comes back from later steps", _bptt(later="0")),
        ("Nothing comes back from later steps", _bptt(incoming="grad[:, t]")),
        ("on its way to the step before", _bptt(later="d_z")),
        ("transpose recurrent_kernel", _bptt(later="d_z @ recurrent_kernel")),
        ("through the kernel of the input", _bptt(later="d_z @ kernel.T")),
        (
            "without the slope of tanh",
            _bptt(later="incoming @ recurrent_kernel.T"),
        ),
        ("only the gradient of its own output", _bptt(d_z="grad[:, t] * slope + later")),
        ("add it up twice", _bptt(later="later + d_z @ recurrent_kernel.T")),
        ("from the first step to the last", _bptt(walk="range(steps)")),
        (
            "Each step has a gradient of its own",
            _bptt(incoming="grad[:, t] * (t == steps - 1) + later"),
        ),
        (
            "each step takes its own part",
            _bptt(incoming="later", start="grad.sum(axis=1)"),
        ),
        ("The last step is left out", _bptt(walk="reversed(range(steps - 1))")),
        ("The first step is left out", _bptt(walk="range(steps - 1, 0, -1)")),
        ("further back than one step", _bptt(later="(grad[:, t] * slope) @ recurrent_kernel.T")),
        ("d_bias is divided by N", _bptt(d_bias="+= d_z.mean(axis=0)")),
        ("d_bias is divided by T", _bptt(d_bias="+= d_z.sum(axis=0) / steps")),
        ("d_bias is divided by N times T", _bptt(d_bias="+= d_z.mean(axis=0) / steps")),
        ("d_bias comes from the last step alone", _bptt(d_bias=_at_the_end("d_z.sum(axis=0)"))),
        ("d_bias keeps what the first step gives", _bptt(d_bias="= d_z.sum(axis=0)")),
        ("a row for each sample", _bptt(d_bias="= d_bias + d_z")),
        ("sums over the units", _bptt(d_bias="+= d_z.sum(axis=1)")),
        ("d_bias is one number", _bptt(result="d_kernel, d_recurrent, d_bias.sum(), d_x")),
        ("d_recurrent_kernel pairs", _bptt(d_recurrent="+= states[:, t + 1].T @ d_z")),
        ("d_recurrent_kernel is transposed", _bptt(d_recurrent="+= d_z.T @ states[:, t]")),
        (
            "d_recurrent_kernel comes from the last step alone",
            _bptt(d_recurrent=_at_the_end("states[:, t].T @ d_z")),
        ),
        (
            "d_recurrent_kernel keeps what the first step gives",
            _bptt(d_recurrent="= states[:, t].T @ d_z"),
        ),
        ("d_recurrent_kernel holds the input", _bptt(d_recurrent="+= x[:, t].T @ d_z")),
        ("d_recurrent_kernel is divided by N", _bptt(d_recurrent="+= states[:, t].T @ d_z / n")),
        (
            "d_recurrent_kernel is divided by T",
            _bptt(d_recurrent="+= states[:, t].T @ d_z / steps"),
        ),
        (
            "d_recurrent_kernel begins with the last state",
            _bptt(d_recurrent="+= states[:, -1].T @ d_z"),
        ),
        ("d_kernel is transposed", _bptt(d_kernel="+= d_z.T @ x[:, t]")),
        ("d_kernel comes from the last step alone", _bptt(d_kernel=_at_the_end("x[:, t].T @ d_z"))),
        ("d_kernel keeps what the first step gives", _bptt(d_kernel="= x[:, t].T @ d_z")),
        ("d_kernel holds the states", _bptt(d_kernel="+= states[:, t].T @ d_z")),
        ("d_kernel is divided by N", _bptt(d_kernel="+= x[:, t].T @ d_z / n")),
        ("d_kernel is divided by T", _bptt(d_kernel="+= x[:, t].T @ d_z / steps")),
        ("d_kernel pairs", _bptt(d_kernel="+= x[:, t - 1].T @ d_z")),
        ("In d_x the kernel is not transposed", _bptt(d_x="d_z @ kernel")),
        ("d_x goes through recurrent_kernel", _bptt(d_x="d_z @ recurrent_kernel.T")),
        ("d_x runs backward", _bptt(place="steps - 1 - t")),
        (
            "the gradient of the first step at every step",
            _bptt(place=":", d_x="(d_z @ kernel.T)[:, None]"),
        ),
        ("d_x is divided by N", _bptt(d_x="d_z @ kernel.T / n")),
        ("d_x leaves out the slope", _bptt(d_x="incoming @ kernel.T")),
        ("d_x leaves out the kernel", _bptt(d_x="d_z")),
        ("must return four arrays", _bptt(result="d_kernel, d_recurrent, d_x")),
        ("states was changed in place", _bptt(before="states *= 0.9")),
        (
            "grad was changed in place",
            _bptt(incoming="grad[:, t]", later="0; grad[:, t - 1] += d_z @ recurrent_kernel.T"),
        ),
        (", but it should be", _bptt(d_x="2 * d_z @ kernel.T * (t > 0)")),
    ],
    "q6": [
        ("Padding still wipes the state", _masked_forward("counts * new")),
        ("The mask is not used", _masked_forward("new")),
        ("The mask is turned around", _masked_forward("np.where(counts, old, new)")),
        (
            "the step is taken all the same",
            _masked_forward(
                "new", "np.tanh((counts * x[:, t]) @ kernel + old @ recurrent_kernel + bias)"
            ),
        ),
        ("The old state is added", _masked_forward("counts * new + old")),
        ("Padding still wipes the state", _masked_forward("np.where(counts, new, states[:, 0])")),
        ("goes back one step too far", _masked_forward("np.where(counts, new, states[:, t - 1])")),
        ("stops for all samples", _masked_forward("new if counts.all() else old")),
        ("waits until all samples are padded", _masked_forward("new if counts.any() else old")),
        ("every step keeps the old state", _masked_forward("old")),
        ("the mean of", _masked_forward("np.where(counts, new, (new + old) / 2)")),
        (
            "what masked_forward returns has the shape",
            _masked_forward("np.where(counts, new, old)") + "\n_right = masked_forward\n"
            "masked_forward = lambda x, mask, kernel, recurrent_kernel, bias: "
            "_right(x, mask, kernel, recurrent_kernel, bias)[:, 1:]\n",
        ),
        (", but it should be", _masked_forward("np.where(counts, new, 0.9 * old)")),
        (
            "is lost at a padded step",
            FORWARD_MENDED + _masked_backward("d_z[:, t] @ recurrent_kernel.T"),
        ),
        (
            "counts twice",
            FORWARD_MENDED + _masked_backward("d_z[:, t] @ recurrent_kernel.T + later"),
        ),
        (
            "stops at every step that counts",
            FORWARD_MENDED + _masked_backward("(1 - counts) * later"),
        ),
        (
            "padded steps get a gradient, and it goes further back",
            FORWARD_MENDED + _masked_backward(d_z="later * slope"),
        ),
        (
            "The mask is turned around",
            FORWARD_MENDED + _masked_backward(counts="1 - mask[:, t, None]"),
        ),
        (
            "The mask is not used on the way back",
            FORWARD_MENDED + _masked_backward("d_z[:, t] @ recurrent_kernel.T", "later * slope"),
        ),
        (
            "goes through recurrent_kernel at a padded step",
            FORWARD_MENDED
            + _masked_backward("(d_z[:, t] + (1 - counts) * later) @ recurrent_kernel.T"),
        ),
        (
            "the slope of tanh at a padded step",
            FORWARD_MENDED
            + _masked_backward("d_z[:, t] @ recurrent_kernel.T + (1 - counts) * later * slope"),
        ),
        (
            "grad itself at every padded step",
            FORWARD_MENDED
            + _masked_backward("d_z[:, t] @ recurrent_kernel.T + (1 - counts) * grad"),
        ),
        (
            "grad enters once",
            FORWARD_MENDED
            + _masked_backward("d_z[:, t] @ recurrent_kernel.T + (1 - counts) * later + grad"),
        ),
        (
            "transpose recurrent_kernel",
            FORWARD_MENDED
            + _masked_backward("d_z[:, t] @ recurrent_kernel + (1 - counts) * later"),
        ),
        (
            "is skipped for all samples",
            FORWARD_MENDED + _masked_backward(counts="np.full((len(mask), 1), mask[:, t].all())"),
        ),
        (
            "grad was changed in place",
            FORWARD_MENDED
            + _masked_backward(
                "later; later *= 1 - counts; later += d_z[:, t] @ recurrent_kernel.T"
            ),
        ),
        (
            "what masked_backward returns",
            FORWARD_MENDED
            + _masked_backward("0.9 * d_z[:, t] @ recurrent_kernel.T + (1 - counts) * later"),
        ),
    ],
    "q7": [
        ("lie across the border", _cut_after("n_train")),
        ("test windows reach back", _cut_after("n_train - window")),
        (
            "hold values of the test part",
            _cut_after("n_train - window", "np.random.default_rng().permutation(len(x))"),
        ),
        ("still stands in the window", _split(y="part[i + window - 1]")),
        (
            "one step too late",
            _split(rows="range(len(part) - window - 1)", y="part[i + window + 1]"),
        ),
        ("The last window of each part is missing", _split(rows="range(len(part) - window - 1)")),
        ("The first window of each part is missing", _split(rows="range(1, len(part) - window)")),
        ("should overlap", _split(rows="range(0, len(part) - window, window)")),
        ("x has no axis for the features", _split(x_shape="x")),
        ("y has no axis", _split(y_shape="y")),
        ("the features before the time", _split(x_shape="x[:, None, :]")),
        (
            "in the order x_train, y_train",
            _split(result="(lambda a, b, c, d: (a, c, b, d))(*windows(train), *windows(test))"),
        ),
        ("train and test are swapped", _split(result="(*windows(test), *windows(train))")),
        ("the future trains", _split(train="series[-n_train:]", test="series[:-n_train]")),
        ("one value too few", _split(train="series[: n_train - 1]")),
        ("one value too many", _split(train="series[: n_train + 1]")),
        ("begins one value too late", _split(test="series[n_train + 1 :]")),
        ("begins one value too early", _split(test="series[n_train - 1 :]")),
        ("run backward", _split(x="part[i : i + window][::-1]")),
        ("one value too long", _split(x="part[i : i + window + 1]")),
        (
            "each in an order of its own",
            _split(
                before="mix = np.random.default_rng().permutation",
                result="(mix(windows(train)[0]), windows(train)[1], *windows(test))",
            ),
        ),
        (
            "stay in the order of time",
            _split(
                before="order = np.random.default_rng().permutation",
                rows="order(len(part) - window)",
            ),
        ),
        ("must return four arrays", _split(result="windows(train)")),
        (
            "not a list of them",
            _split(result="tuple(a.tolist() for a in windows(train) + windows(test))"),
        ),
        ("series was changed in place", _split(before="series -= series.mean()")),
        ("counts from the window's start", _naive(forecast="x[:, season]")),
        ("counts from the window's start", _naive(forecast="x[:, season - 1]")),
        ("season + 1 steps before", _naive(forecast="x[:, -season - 1]")),
        ("season - 1 steps before", _naive(forecast="x[:, -season + 1]")),
        ("season is not used", _naive(forecast="x[:, -1]")),
        ("first value of the window", _naive(forecast="x[:, 0]")),
        ("mean of the window", _naive(forecast="x.mean(axis=1)")),
        ("mean of the last season", _naive(forecast="x[:, -season:].mean(axis=1)")),
        ("mean of all targets", _naive(forecast="y.mean()")),
        ("the absolute error", _naive("np.mean(np.abs(y - forecast))")),
        ("The root is too many", _naive("np.sqrt(np.mean((y - forecast) ** 2))")),
        ("a sum: take the mean", _naive("np.sum((y - forecast) ** 2)")),
        ("The square is missing", _naive("np.mean(y - forecast)")),
        ("The median", _naive("np.median((y - forecast) ** 2)")),
        ("There is no half", _naive("np.mean((y - forecast) ** 2) / 2")),
        ("every target with every forecast", _naive(forecast="x[:, -season, 0]")),
        ("divided by the variance", _naive("np.mean((y - forecast) ** 2) / y.var()")),
        ("must be one number", _naive("(y - forecast) ** 2")),
        ("is None", _naive("None")),
        ("times what it should be", _naive(forecast="0.9 * x[:, -season]")),
    ],
    "q8": [
        ("upside down", _factor("np.linalg.norm(grad) / np.linalg.norm(layer.state_gradient)")),
        ("Divide by the norm of grad", _factor("np.linalg.norm(layer.state_gradient)")),
        ("gradient of the input", _factor("np.linalg.norm(d_x) / np.linalg.norm(grad)")),
        (
            "of the input's first step",
            _factor("np.linalg.norm(d_x[:, 0]) / np.linalg.norm(grad)"),
        ),
        (
            "the gradient of recurrent_kernel",
            _factor("np.linalg.norm(layer.grads['recurrent_kernel']) / np.linalg.norm(grad)"),
        ),
        ("the state itself", _factor("np.linalg.norm(layer.state) / np.linalg.norm(grad)")),
        ("squares", _factor("np.sum(layer.state_gradient**2) / np.sum(grad**2)")),
        (
            "the logarithm",
            _factor("np.log10(np.linalg.norm(layer.state_gradient) / np.linalg.norm(grad))"),
        ),
        (
            "sums of absolute values",
            _factor("np.abs(layer.state_gradient).sum() / np.abs(grad).sum()"),
        ),
        (
            "the largest entries",
            _factor("np.abs(layer.state_gradient).max() / np.abs(grad).max()"),
        ),
        (
            "mean of the samples' factors",
            _factor(
                "np.mean(np.linalg.norm(layer.state_gradient[0], axis=1)"
                " / np.linalg.norm(grad, axis=1))"
            ),
        ),
        (
            "grows with the gradient",
            _factor("np.linalg.norm(layer.state_gradient) / grad.size"),
        ),
        ("not an array of ones", _factor(grad="np.ones_like(grad)")),
        ("Let the layer read x", _factor(forward="layer.forward(0 * x)")),
        (
            "must be one number",
            _factor(
                "np.linalg.norm(layer.state_gradient[0], axis=1) / np.linalg.norm(grad, axis=1)"
            ),
        ),
        (
            "per step",
            _factor(
                "(np.linalg.norm(layer.state_gradient) / np.linalg.norm(grad)) ** (1 / x.shape[1])"
            ),
        ),
        (
            "times what it should be",
            _factor("0.9 * np.linalg.norm(layer.state_gradient) / np.linalg.norm(grad)"),
        ),
        ("factors_silent is still blank", "factors_silent = ..."),
        ("factors_driven is still blank", "factors_driven = ..."),
        ("largest_silent is still blank", "largest_silent = ..."),
        ("largest_driven is still blank", "largest_driven = ..."),
        ("of the other input", "factors_silent = factors_driven"),
        ("of the other input", "factors_driven = factors_silent"),
        ("the arithmetic mean", _report("factors_driven", "driven", "found.mean(axis=1)")),
        ("The median", _report("factors_driven", "driven", "np.median(found, axis=1)")),
        ("the seed 0 alone", _report("factors_driven", "driven", seeds="[0]")),
        ("the seeds 1 to 5", _report("factors_driven", "driven", seeds="range(1, 6)")),
        (
            "mean of the logarithms",
            _report("factors_driven", "driven", "np.log(found).mean(axis=1)"),
        ),
        (
            "mean of the logarithms",
            _report("factors_driven", "driven", "np.log10(found).mean(axis=1)"),
        ),
        ("the product of the five", _report("factors_driven", "driven", "found.prod(axis=1)")),
        ("the smallest of the five", _report("factors_driven", "driven", "found.min(axis=1)")),
        ("the largest of the five", _report("factors_driven", "driven", "found.max(axis=1)")),
        (
            "has the shape (11, 5)",
            _report("factors_driven", "driven", "found"),
        ),
        (
            "mean over the radii",
            _report("factors_driven", "driven", "np.exp(np.log(found).mean(axis=0))"),
        ),
        ("from the largest radius", _report("factors_driven", "driven", radii="radii[::-1]")),
        (
            "factors_driven at the radius 1.0 is",
            "factors_driven = np.array(factors_driven); factors_driven[2] *= 1.1",
        ),
        ("the one of the other input", "largest_driven = largest_silent"),
        ("the one of the other input", "largest_silent = largest_driven"),
        (
            "its index",
            "largest_driven = int(np.flatnonzero(np.asarray(factors_driven) <= 10).max())",
        ),
        ("no longer within", "largest_driven = 1.7"),
        ("the factor, not the radius", "largest_driven = factors_driven[8]"),
        ("a larger one", "largest_driven = 1.5"),
        ("the largest of all radii", "largest_driven = radii.max()"),
        ("no longer within", "largest_silent = 1.1"),
        ("smallest of all radii", "largest_silent = radii.min()"),
        ("the rule for a linear cell", "largest_driven = 10 ** (1 / 100)"),
        ("one of the radii", "largest_driven = 1.55"),
    ],
}
