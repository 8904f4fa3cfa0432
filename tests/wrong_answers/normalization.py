"""Wrong answers to the exercises on normalization: question -> [(part of the message, code)]."""


def _norm(
    variance="np.mean((x - mean) ** 2, axis=0)",
    x_hat="(x - mean) / np.sqrt(variance + epsilon)",
    z="gamma * x_hat + beta",
):
    return f"""
def batch_norm(x, gamma, beta, epsilon):
    mean = x.mean(axis=0)
    variance = {variance}
    x_hat = {x_hat}
    z = {z}
    return z
"""


def _group(
    *,
    axes="(1, 2, 4)",
    last="groups, x.shape[3] // groups",
    ddof=0,
    x_hat="(parts - mean) / np.sqrt(variance + epsilon)",
    end=".reshape(x.shape)",
):
    return f"""
def group_norm(x, groups, epsilon):
    parts = x.reshape(*x.shape[:3], {last})
    mean = parts.mean(axis={axes}, keepdims=True)
    variance = parts.var(axis={axes}, keepdims=True, ddof={ddof})
    return ({x_hat}){end}
"""


def _update(
    mean="momentum * moving_mean + (1 - momentum) * x.mean(axis=0)",
    variance="momentum * moving_variance + (1 - momentum) * x.var(axis=0)",
    result="mean, variance",
):
    return f"""
def update(moving_mean, moving_variance, x, momentum):
    mean = {mean}
    variance = {variance}
    return {result}
"""


def _steps(result):
    return f"""
def steps_needed(momentum, share):
    return {result}
"""


WALK = """
def steps_needed(momentum, share):
    steps, running = {start}, 0.0
    while running {until} share:
        running += (1 - momentum) * (1 - running)
        steps += 1
    return steps
"""


def _back(
    d_x="r * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))",
    d_gamma="(grad * x_hat).sum(axis=0)",
    d_beta="grad.sum(axis=0)",
    *,
    g="grad * gamma",
    r="1 / np.sqrt(x.var(axis=0) + epsilon)",
    x_hat="(x - x.mean(axis=0)) * r",
    result="d_x, d_gamma, d_beta",
):
    return f"""
def batch_norm_backward(x, gamma, epsilon, grad):
    r = {r}
    x_hat = {x_hat}
    g = {g}
    d_x = {d_x}
    d_gamma = {d_gamma}
    d_beta = {d_beta}
    return {result}
"""


def _routes(mean="g.mean(axis=0)", variance="x_hat * (g * x_hat).mean(axis=0)", **settings):
    return _back(f"r * (g - {mean} - {variance})", **settings)


def _rms(result="gamma * x / root", root="np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)"):
    return f"""
def rms_norm(x, gamma, epsilon):
    root = {root}
    return {result}
"""


def _rms_back(
    d_x="r * (g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True))",
    d_gamma="(grad * x_hat).sum(axis=(0, 1))",
    *,
    g="grad * gamma",
    r="1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)",
    result="d_x, d_gamma",
):
    return f"""
def rms_norm_backward(x, gamma, epsilon, grad):
    r = {r}
    x_hat, g = x * r, {g}
    d_x = {d_x}
    d_gamma = {d_gamma}
    return {result}
"""


def _ported(
    *,
    mean="a * self.moving_mean + (1 - a) * mean",
    variance="a * self.moving_variance + (1 - a) * variance",
    of_batch="x.var(axis=0)",
    when="training",
    otherwise="not training",
    answer="self.moving_mean, self.moving_variance",
    early="",
    result="(x - mean) / np.sqrt(variance + self.epsilon)",
    begin="np.zeros(n), np.ones(n)",
):
    return f"""
class Ported:
    def __init__(self, n, momentum, epsilon):
        self.momentum, self.epsilon = momentum, epsilon
        self.moving_mean, self.moving_variance = {begin}

    def forward(self, x, training=False):
        mean, variance = x.mean(axis=0), {of_batch}
        a = self.momentum
        {early or "pass"}
        if {when}:
            self.moving_mean, self.moving_variance = {mean}, {variance}
        if {otherwise}:
            mean, variance = {answer}
        return {result}
"""


SWAPPED_MEAN = "(1 - a) * self.moving_mean + a * mean"
SWAPPED_VARIANCE = "(1 - a) * self.moving_variance + a * variance"
BIASED = "a * self.moving_variance + (1 - a) * x.var(axis=0, ddof=1)"


def _fold(
    kernel="s[:, None] * kernel",
    bias="bias + (beta - mean * s) @ kernel",
    *,
    s="gamma / np.sqrt(variance + epsilon)",
    result="new, shift",
):
    return f"""
def fold_forward(gamma, beta, mean, variance, epsilon, kernel, bias):
    s = {s}
    new = {kernel}
    shift = {bias}
    return {result}
"""


def _recalibrate(
    *,
    settled="copy.deepcopy(model)",
    norms="[layer for layer in settled.layers if isinstance(layer, BatchNormalization)]",
    momentum="0",
    send="settled.forward(x, training=True)",
    after="",
    restore="momentum",
    result="settled",
):
    return f"""
def recalibrate(model, x):
    settled = {settled}
    norms = {norms}
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = {momentum}
    {send}
    for layer, momentum in zip(norms, kept):
        layer.momentum = {restore}
    {after or "pass"}
    return {result}
"""


ANEW = (
    "[n.non_trainable.update(moving_mean=np.zeros(n.shape),"
    " moving_variance=np.ones(n.shape)) for n in norms]"
)
BEGUN_ANEW = f"{ANEW}; settled.forward(x, training=True)"
RELEARN = """
def recalibrate(model, x):
    settled = copy.deepcopy(model)
    for layer in settled.layers:
        layer.momentum = 0
    z = settled.forward(x, training=True)
    settled.backward(z)
    for name, p in settled.params.items():
        p -= 0.1 * settled.grads[name]
    return settled
"""


def _mean(name, inside):
    return f"{name} = np.mean([{inside} for net in nets])"


def _apart(k="settled_on(net, mine)", asked="mine", true="k", digits="range(10)", nets="nets"):
    return f"""
def of_digit(net, k, images=faded, settled_on=recalibrate):
    mine = images[y_test == k]
    return accuracy({k}, {asked}, {true})
sorted_apart = np.mean([of_digit(net, k) for net in {nets} for k in {digits}])
"""


WRONG = {
    "q1": [
        ("divided by m - 1", _norm("x.var(axis=0, ddof=1)")),
        ("added, not averaged", _norm("np.sum((x - mean) ** 2, axis=0)")),
        ("The variance is taken of the deviations of all", _norm("np.mean((x - mean) ** 2)")),
        ("one variance for all units", _norm("x.var()")),
        ("squares of the numbers", _norm("np.mean(x**2, axis=0)")),
        ("The deviations sum to zero", _norm("np.mean(x - mean, axis=0)")),
        ("the mean size of the deviations", _norm("np.mean(np.abs(x - mean), axis=0)")),
        ("Two roots were taken", _norm("x.std(axis=0)")),
        ("The variance runs along the rows", _norm("x.var(axis=1)")),
        ("averaged along the rows", _norm("np.mean((x - mean) ** 2, axis=1)")),
        ("under the root, next", _norm(x_hat="(x - mean) / (np.sqrt(variance) + epsilon)")),
        ("Epsilon is missing", _norm(x_hat="(x - mean) / np.sqrt(variance)")),
        ("The root is missing", _norm(x_hat="(x - mean) / (variance + epsilon)")),
        ("You multiply by the root", _norm(x_hat="(x - mean) * np.sqrt(variance + epsilon)")),
        ("The mean is still in there", _norm(x_hat="x / np.sqrt(variance + epsilon)")),
        ("subtracted after the division", _norm(x_hat="x / np.sqrt(variance + epsilon) - mean")),
        ("Gamma and beta are swapped", _norm(z="beta * x_hat + gamma")),
        ("The scale gamma is missing", _norm(z="x_hat + beta")),
        ("The shift beta is missing", _norm(z="gamma * x_hat")),
        ("gamma must not multiply beta", _norm(z="gamma * (x_hat + beta)")),
        ("You subtract beta", _norm(z="gamma * x_hat - beta")),
        ("You divide by gamma", _norm(z="x_hat / gamma + beta")),
        ("both missing", _norm(z="x_hat")),
        ("not divided by anything", _norm(x_hat="x - mean")),
        ("changed in place", _norm(x_hat="x.__isub__(mean) / np.sqrt(variance + epsilon)")),
    ],
    "q2": [
        ("batch_axes names the axes that keep", "batch_axes = (3,)"),
        ("batch_axes gives every pixel", "batch_axes = 0"),
        ("batch_axes is that of instance", "batch_axes = (1, 2)"),
        ("batch_axes is that of layer", "batch_axes = (1, 2, 3)"),
        ("batch_axes mixes the channels", "batch_axes = (0, -1)"),
        ("batch_axes takes one mean over everything", "batch_axes = (0, 1, 2, 3)"),
        ("must be a tuple of axes", "batch_axes = (1, 2, 4)"),
        ("must be a tuple of axes", "batch_axes = 'channels'"),
        ("another kind of normalization", "batch_axes = (0, 1)"),
        ("layer_axes names the axes that keep", "layer_axes = (0,)"),
        ("layer_axes is Keras's way", "layer_axes = -1"),
        ("layer_axes keeps the channels apart", "layer_axes = (1, 2)"),
        ("layer_axes averages over the batch", "layer_axes = (0, 1, 2)"),
        ("position_axes names the axes that keep", "position_axes = (0, 1, 2)"),
        ("position_axes takes one mean for the whole", "position_axes = (1, 2, 3)"),
        ("position_axes averages over the positions", "position_axes = (1, 2)"),
        ("instance_axes names the axes that keep", "instance_axes = (0, 3)"),
        ("instance_axes mixes the channels", "instance_axes = (1, 2, 3)"),
        ("instance_axes averages over the samples", "instance_axes = (0, 1, 2)"),
        ("instance_axes averages over the channels", "instance_axes = (3,)"),
        ("Your groups interleave", _group(last="x.shape[3] // groups, groups", axes="(1, 2, 3)")),
        ("took groups for the size", _group(last="x.shape[3] // groups, groups")),
        ("The samples share a mean", _group(axes="(0, 1, 2, 4)")),
        ("Each position has a mean", _group(axes="4")),
        ("which is instance norm", _group(axes="(1, 2)")),
        ("which is layer norm", _group(axes="(1, 2, 3, 4)")),
        ("averaged over the groups", _group(axes="(1, 2, 3)")),
        ("The rows of an image", _group(axes="(2, 4)")),
        ("The columns of an image", _group(axes="(1, 4)")),
        ("one less than the numbers", _group(ddof=1)),
        ("Epsilon is missing", _group(x_hat="(parts - mean) / np.sqrt(variance)")),
        ("Epsilon belongs", _group(x_hat="(parts - mean) / (np.sqrt(variance) + epsilon)")),
        ("The root is missing", _group(x_hat="(parts - mean) / (variance + epsilon)")),
        ("still in there", _group(x_hat="parts / np.sqrt(variance + epsilon)")),
        ("not divided by anything", _group(x_hat="parts - mean")),
        ("The result's shape has the groups", _group(end="")),
    ],
    "q3": [
        (
            "The momentum of the running mean is the wrong way round",
            _update("(1 - momentum) * moving_mean + momentum * x.mean(axis=0)"),
        ),
        (
            "The momentum of the running variance is the wrong way round",
            _update(variance="(1 - momentum) * moving_variance + momentum * x.var(axis=0)"),
        ),
        ("the batch's mean alone", _update("x.mean(axis=0)")),
        ("the batch's variance alone", _update(variance="x.var(axis=0)")),
        ("The running mean did not move", _update("moving_mean")),
        (
            "The shares do not sum to 1",
            _update("moving_mean + (1 - momentum) * x.mean(axis=0)"),
        ),
        ("weigh it with 1 - momentum", _update("momentum * moving_mean + x.mean(axis=0)")),
        (
            "moves away from the batch's",
            _update("moving_mean - (1 - momentum) * (x.mean(axis=0) - moving_mean)"),
        ),
        (
            "one mean for all units",
            _update("momentum * moving_mean + (1 - momentum) * x.mean()"),
        ),
        (
            "one variance for all units",
            _update(variance="momentum * moving_variance + (1 - momentum) * x.var()"),
        ),
        (
            "Keras divides by m",
            _update(variance="momentum * moving_variance + (1 - momentum) * x.var(axis=0, ddof=1)"),
        ),
        (
            "running standard deviation",
            _update(variance="momentum * moving_variance + (1 - momentum) * x.std(axis=0)"),
        ),
        (
            "those from the running mean",
            _update(
                variance="momentum * moving_variance"
                " + (1 - momentum) * np.mean((x - moving_mean) ** 2, axis=0)"
            ),
        ),
        (
            "those from the new running mean",
            _update(
                variance="momentum * moving_variance"
                " + (1 - momentum) * np.mean((x - mean) ** 2, axis=0)"
            ),
        ),
        (
            "the mean of the squares",
            _update(variance="momentum * moving_variance + (1 - momentum) * np.mean(x**2, axis=0)"),
        ),
        (
            "The mean runs along the rows",
            _update("momentum * moving_mean + (1 - momentum) * x.mean(axis=1)"),
        ),
        (
            "The variance runs along the rows",
            _update(variance="momentum * moving_variance + (1 - momentum) * x.var(axis=1)"),
        ),
        ("the mean comes first", _update(result="variance, mean")),
        ("must return two things", _update(result="mean")),
        (
            "moving_mean was changed in place",
            _update("moving_mean.__iadd__((1 - momentum) * (x.mean(axis=0) - moving_mean))"),
        ),
        ("This is one step short", _steps("int(np.log(1 - share) / np.log(momentum))")),
        ("Rounding to the nearest", _steps("round(np.log(1 - share) / np.log(momentum))")),
        ("no fractions of steps", _steps("np.log(1 - share) / np.log(momentum)")),
        ("a step too many", _steps("np.ceil(np.log(1 - share) / np.log(momentum)) + 1")),
        ("a step too many", WALK.format(start=1, until="<")),
        ("This is one step short", WALK.format(start=-1, until="<")),
        ("until the share itself is left", _steps("np.ceil(np.log(share) / np.log(momentum))")),
        (
            "The momentum is the wrong way round: each",
            _steps("np.ceil(np.log(1 - share) / np.log(1 - momentum))"),
        ),
        ("not of the whole way", _steps("np.ceil(share / (1 - momentum))")),
        ("a time scale", _steps("np.ceil(1 / (1 - momentum))")),
        ("upside down", _steps("np.ceil(np.log(momentum) / np.log(1 - share))")),
    ],
    "q4": [
        ("the direct route alone", _back("r * g")),
        ("lacks the route through the mean", _routes("0")),
        ("lacks the route through the variance", _routes(variance="0")),
        ("take too much", _routes("g.sum(axis=0)", "x_hat * (g * x_hat).sum(axis=0)")),
        ("through the mean has a sum", _routes("g.sum(axis=0)")),
        ("through the variance has a sum", _routes(variance="x_hat * (g * x_hat).sum(axis=0)")),
        ("through the mean has the wrong sign", _routes("-g.mean(axis=0)")),
        (
            "through the variance has the wrong sign",
            _routes(variance="-x_hat * (g * x_hat).mean(axis=0)"),
        ),
        (
            "both detours have the wrong sign",
            _routes("-g.mean(axis=0)", "-x_hat * (g * x_hat).mean(axis=0)"),
        ),
        ("counts twice", _routes(variance="2 * x_hat * (g * x_hat).mean(axis=0)")),
        ("counts half", _routes(variance="x_hat * (g * x_hat).mean(axis=0) / 2")),
        ("d_x lacks gamma", _back(g="grad")),
        (
            "gamma on the direct route alone",
            _routes("grad.mean(axis=0)", "x_hat * (grad * x_hat).mean(axis=0)"),
        ),
        ("d_x has gamma twice", _back(g="grad * gamma**2")),
        ("d_x is divided by gamma", _back(g="grad / gamma")),
        ("d_x lacks the factor r", _back("g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)")),
        (
            "multiplied by the root",
            _back("(g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / r"),
        ),
        (
            "r on the direct route alone",
            _back("r * g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)"),
        ),
        (
            "r squared",
            _back("r**2 * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0))"),
        ),
        ("has x where x_hat belongs", _routes(variance="x * (g * x).mean(axis=0)")),
        ("has x in its mean", _routes(variance="x_hat * (g * x).mean(axis=0)")),
        (
            "the deviations stand where x_hat belongs",
            _routes(variance="(x_hat / r) * (g * x_hat / r).mean(axis=0)"),
        ),
        ("not divided by the root yet", _routes(variance="(x_hat / r) * (g * x_hat).mean(axis=0)")),
        ("not divided by the root yet", _routes(variance="x_hat * (g * x_hat / r).mean(axis=0)")),
        ("lacks the factor x_hat in front", _routes(variance="(g * x_hat).mean(axis=0)")),
        ("lacks x_hat in the mean", _routes(variance="x_hat * g.mean(axis=0)")),
        (
            "the mean of the product",
            _routes(variance="x_hat * g.mean(axis=0) * x_hat.mean(axis=0)"),
        ),
        ("In d_x epsilon is missing", _back(r="1 / x.std(axis=0)")),
        (
            "In d_x the variance is divided by m - 1",
            _back(r="1 / np.sqrt(x.var(axis=0, ddof=1) + epsilon)"),
        ),
        ("taken over everything", _routes("g.mean()", "x_hat * (g * x_hat).mean()")),
        ("run along the rows: a", _routes("g.mean(axis=1)", "x_hat * (g * x_hat).mean(axis=1)")),
        (
            "which is layer norm",
            _routes(
                "g.mean(axis=1, keepdims=True)",
                "x_hat * (g * x_hat).mean(axis=1, keepdims=True)",
            ),
        ),
        (
            "d_x is divided by m",
            _back("r * (g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)) / len(x)"),
        ),
        ("d_gamma is divided by m", _back(d_gamma="(grad * x_hat).mean(axis=0)")),
        ("d_gamma and d_beta are swapped", _back(result="d_x, d_beta, d_gamma")),
        ("d_gamma has x where", _back(d_gamma="(grad * x).sum(axis=0)")),
        ("d_gamma has the deviations", _back(d_gamma="(grad * x_hat / r).sum(axis=0)")),
        ("d_gamma contains gamma", _back(d_gamma="(g * x_hat).sum(axis=0)")),
        (
            "d_gamma leaves epsilon out",
            _back(d_gamma="(grad * (x - x.mean(axis=0)) / x.std(axis=0)).sum(axis=0)"),
        ),
        ("d_gamma is one number", _back(d_gamma="(grad * x_hat).sum()")),
        ("d_gamma still has a row", _back(d_gamma="grad * x_hat")),
        ("without grad", _back(d_gamma="x_hat.sum(axis=0)")),
        ("d_gamma sums along the rows", _back(d_gamma="(grad * x_hat).sum(axis=1)")),
        ("d_beta is divided by m", _back(d_beta="grad.mean(axis=0)")),
        ("d_beta contains gamma", _back(d_beta="g.sum(axis=0)")),
        ("d_beta is one number", _back(d_beta="grad.sum()")),
        ("d_beta still has a row", _back(d_beta="grad")),
        ("d_beta contains x_hat", _back(d_beta="d_gamma")),
        ("d_beta sums along the rows", _back(d_beta="grad.sum(axis=1)")),
        ("must return three things", _back(result="d_x")),
        ("grad was changed in place", _back(g="grad.__imul__(gamma)")),
    ],
    "q5": [
        (
            "This is layer norm",
            _rms(
                "gamma * (x - x.mean(axis=-1, keepdims=True)) / root",
                "np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)",
            ),
        ),
        ("The root holds the variance", _rms(root="np.sqrt(x.var(-1, keepdims=True) + epsilon)")),
        (
            "You subtracted the mean from x",
            _rms("gamma * (x - x.mean(axis=-1, keepdims=True)) / root"),
        ),
        ("the root of a sum", _rms(root="np.sqrt((x * x).sum(axis=-1, keepdims=True) + epsilon)")),
        (
            "Epsilon belongs under the root",
            _rms(root="np.sqrt((x * x).mean(axis=-1, keepdims=True)) + epsilon"),
        ),
        ("Epsilon is missing", _rms(root="np.sqrt((x * x).mean(axis=-1, keepdims=True))")),
        ("The root is missing", _rms(root="(x * x).mean(axis=-1, keepdims=True) + epsilon")),
        ("You multiply by the root", _rms("gamma * x * root")),
        ("The scale gamma is missing", _rms("x / root")),
        (
            "the square of a mean",
            _rms(root="np.sqrt(x.mean(axis=-1, keepdims=True) ** 2 + epsilon)"),
        ),
        ("taken over everything", _rms(root="np.sqrt((x * x).mean() + epsilon)")),
        (
            "The steps of a sequence share",
            _rms(root="np.sqrt((x * x).mean(axis=(1, 2), keepdims=True) + epsilon)"),
        ),
        (
            "is taken over the steps",
            _rms(root="np.sqrt((x * x).mean(axis=1, keepdims=True) + epsilon)"),
        ),
        ("is taken over the samples", _rms(root="np.sqrt((x * x).mean(axis=0) + epsilon)")),
        (
            "is taken over samples and steps",
            _rms(root="np.sqrt((x * x).mean(axis=(0, 1)) + epsilon)"),
        ),
        ("keep theirs with keepdims=True", _rms(root="np.sqrt((x * x).mean(axis=-1) + epsilon)")),
        ("the direct route alone", _rms_back("r * g")),
        (
            "so there is no route through one",
            _rms_back(
                "r * (g - g.mean(-1, keepdims=True) - x_hat * (g * x_hat).mean(-1, keepdims=True))"
            ),
        ),
        ("that does not exist", _rms_back("r * (g - g.mean(axis=-1, keepdims=True))")),
        (
            "has a sum",
            _rms_back("r * (g - x_hat * (g * x_hat).sum(axis=-1, keepdims=True))"),
        ),
        (
            "has the wrong sign",
            _rms_back("r * (g + x_hat * (g * x_hat).mean(axis=-1, keepdims=True))"),
        ),
        (
            "counts twice",
            _rms_back("r * (g - 2 * x_hat * (g * x_hat).mean(axis=-1, keepdims=True))"),
        ),
        (
            "counts half",
            _rms_back("r * (g - 0.5 * x_hat * (g * x_hat).mean(axis=-1, keepdims=True))"),
        ),
        ("d_x lacks gamma", _rms_back(g="grad")),
        (
            "gamma on the direct route alone",
            _rms_back("r * (g - x_hat * (grad * x_hat).mean(axis=-1, keepdims=True))"),
        ),
        ("gamma twice", _rms_back(g="grad * gamma**2")),
        (
            "d_x lacks the factor r",
            _rms_back("g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)"),
        ),
        (
            "multiplied by the root",
            _rms_back("(g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)) / r"),
        ),
        (
            "lacks a factor r",
            _rms_back("r * g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)"),
        ),
        (
            "two factors r are missing",
            _rms_back("r * (g - x * (g * x).mean(axis=-1, keepdims=True))"),
        ),
        (
            "lacks a factor r",
            _rms_back("r * (g - x_hat * (g * x).mean(axis=-1, keepdims=True))"),
        ),
        (
            "lacks a factor r",
            _rms_back("r * (g - x * (g * x_hat).mean(axis=-1, keepdims=True))"),
        ),
        ("lacks x_hat in front", _rms_back("r * (g - (g * x_hat).mean(axis=-1, keepdims=True))")),
        ("lacks x_hat in the mean", _rms_back("r * (g - x_hat * g.mean(axis=-1, keepdims=True))")),
        (
            "In d_x the mean is taken over the steps:",
            _rms_back("r * (g - x_hat * (g * x_hat).mean(axis=1, keepdims=True))"),
        ),
        (
            "In d_x the mean is taken over the samples:",
            _rms_back("r * (g - x_hat * (g * x_hat).mean(axis=0))"),
        ),
        (
            "In d_x the mean is taken over samples and steps",
            _rms_back("r * (g - x_hat * (g * x_hat).mean(axis=(0, 1)))"),
        ),
        (
            "In d_x the mean is taken over steps and channels",
            _rms_back("r * (g - x_hat * (g * x_hat).mean(axis=(1, 2), keepdims=True))"),
        ),
        ("over everything", _rms_back("r * (g - x_hat * (g * x_hat).mean())")),
        (
            "In d_x epsilon is missing",
            _rms_back(r="1 / np.sqrt((x * x).mean(axis=-1, keepdims=True))"),
        ),
        (
            "In d_x the means broadcast",
            _rms_back("r * (g - x_hat * (g * x_hat).mean(axis=-1))"),
        ),
        ("d_gamma has x where", _rms_back(d_gamma="(grad * x).sum(axis=(0, 1))")),
        ("d_gamma contains gamma", _rms_back(d_gamma="(g * x_hat).sum(axis=(0, 1))")),
        ("d_gamma still has a row for each step", _rms_back(d_gamma="(grad * x_hat).sum(axis=0)")),
        (
            "d_gamma still has a row for each sample",
            _rms_back(d_gamma="(grad * x_hat).sum(axis=1)"),
        ),
        ("d_gamma is one number", _rms_back(d_gamma="(grad * x_hat).sum()")),
        ("d_gamma still has the shape of x", _rms_back(d_gamma="grad * x_hat")),
        ("d_gamma is divided by N:", _rms_back(d_gamma="(grad * x_hat).sum(axis=1).mean(axis=0)")),
        ("d_gamma is divided by N times T", _rms_back(d_gamma="(grad * x_hat).mean(axis=(0, 1))")),
        ("d_gamma lacks x_hat", _rms_back(d_gamma="grad.sum(axis=(0, 1))")),
        (
            "d_gamma leaves epsilon out",
            _rms_back(
                d_gamma="(grad * x / np.sqrt((x * x).mean(-1, keepdims=True))).sum(axis=(0, 1))"
            ),
        ),
        ("d_gamma sums over the channels", _rms_back(d_gamma="(grad * x_hat).sum(axis=(0, 2))")),
        (
            "d_gamma sums over steps and channels",
            _rms_back(d_gamma="(grad * x_hat).sum(axis=(1, 2))"),
        ),
        ("must return two things", _rms_back(result="d_x")),
    ],
    "q6": [
        (
            "The momentum of moving_mean",
            _ported(mean=SWAPPED_MEAN, variance=SWAPPED_VARIANCE),
        ),
        ("The momentum of moving_variance", _ported(variance=SWAPPED_VARIANCE)),
        ("moving_variance divides by m - 1", _ported(variance=BIASED)),
        (
            "moving_variance has two mistakes",
            _ported(variance="(1 - a) * self.moving_variance + a * x.var(axis=0, ddof=1)"),
        ),
        ("Asking changed the running statistics", _ported(when="True")),
        ("moving_mean did not move", _ported(when="not training")),
        ("moving_variance did not move", _ported(variance="self.moving_variance")),
        ("moving_mean is that of the last batch", _ported(mean="mean")),
        ("moving_variance is that of the last batch", _ported(variance="variance")),
        ("weigh it with 1 - momentum", _ported(mean="a * self.moving_mean + mean")),
        (
            "variance counts in full",
            _ported(variance="a * self.moving_variance + variance"),
        ),
        (
            "a running standard deviation",
            _ported(variance="a * self.moving_variance + (1 - a) * np.sqrt(variance)"),
        ),
        ("with the running ones", _ported(otherwise="True")),
        (
            "with the running ones from before",
            _ported(early="mean, variance = self.moving_mean, self.moving_variance"),
        ),
        ("that line was right as it was", _ported(of_batch="x.var(axis=0, ddof=1)")),
        ("Epsilon is gone", _ported(result="(x - mean) / np.sqrt(variance)")),
        ("with those of the batch", _ported(otherwise="False")),
        ("the variance is still the batch's", _ported(answer="self.moving_mean, variance")),
        ("the mean is still the batch's", _ported(answer="mean, self.moving_variance")),
        (
            "without its root",
            _ported(
                result="(x - mean) / (np.sqrt(variance + self.epsilon) if training"
                " else variance + self.epsilon)"
            ),
        ),
        (
            "epsilon stands under the root, too",
            _ported(result="(x - mean) / np.sqrt(variance + training * self.epsilon)"),
        ),
        (
            "A new layer begins",
            "_MEAN, _VARIANCE = {}, {}\n"
            + _ported(
                begin="_MEAN.setdefault(n, np.zeros(n)), _VARIANCE.setdefault(n, np.ones(n))",
                when="False",
                early="\n        if training:\n"
                "            self.moving_mean += (1 - a) * (mean - self.moving_mean)\n"
                "            self.moving_variance += (1 - a) * (variance - self.moving_variance)",
            ),
        ),
    ],
    "q7": [
        ("The scale gamma is missing", _fold(s="1 / np.sqrt(variance + epsilon)")),
        ("still the old one: the scale", _fold("kernel")),
        ("The kernel is divided by s", _fold("kernel / s[:, None]")),
        ("The root is missing in s", _fold(s="gamma / (variance + epsilon)")),
        ("Epsilon is missing in s", _fold(s="gamma / np.sqrt(variance)")),
        ("Epsilon belongs", _fold(s="gamma / (np.sqrt(variance) + epsilon)")),
        ("You multiply by the root", _fold(s="gamma * np.sqrt(variance + epsilon)")),
        ("with the shift beta added", _fold("(s + beta)[:, None] * kernel")),
        ("The columns of the kernel", _fold("kernel * s")),
        ("The columns of the kernel", _fold("kernel * s", "(bias - mean) * s + beta")),
        ("The new kernel is transposed", _fold("(s[:, None] * kernel).T")),
        ("The bias is still the old one", _fold(bias="bias")),
        ("The norm's mean is missing", _fold(bias="bias + beta @ kernel")),
        ("The norm's beta is missing", _fold(bias="bias - (mean * s) @ kernel")),
        ("The mean goes through the scale", _fold(bias="bias + (beta - mean) @ kernel")),
        ("The mean has the wrong sign", _fold(bias="bias + (beta + mean * s) @ kernel")),
        ("beta has the wrong sign", _fold(bias="bias - (beta + mean * s) @ kernel")),
        ("s is in it already", _fold(bias="bias + (beta - mean * s) @ new")),
        ("Beta does not go through", _fold(bias="bias + ((beta - mean) * s) @ kernel")),
        ("constant part has the wrong sign", _fold(bias="bias - (beta - mean * s) @ kernel")),
        ("The old bias is missing", _fold(bias="(beta - mean * s) @ kernel")),
        ("Only beta goes through", _fold(bias="bias + beta @ kernel - mean * s")),
        ("the bias for a norm behind", _fold(bias="(bias - mean) * s + beta")),
        ("must go through the kernel", _fold(bias="bias + beta - mean * s")),
        ("The old bias is scaled", _fold(bias="bias * s + (beta - mean * s) @ kernel")),
        ("transposed kernel", _fold(bias="bias + kernel @ (beta - mean * s)")),
        ("must return two things", _fold(result="new")),
    ],
    "q8": [
        ("The model itself was changed", _recalibrate(settled="model")),
        ("The model itself was changed", _recalibrate(settled="Sequential(model.layers)")),
        ("did not move", _recalibrate(send="settled.forward(x)")),
        ("did not move", _recalibrate(momentum="1")),
        ("with the old momentum", _recalibrate(momentum="layer.momentum")),
        ("mean 0 and variance 1 are not yet", _recalibrate(send=ANEW)),
        (
            "the pass began anew",
            _recalibrate(momentum="layer.momentum", send=BEGUN_ANEW),
        ),
        ("put it back after the pass", _recalibrate(restore="0")),
        (
            "In the second norm one pass with the old momentum",
            _recalibrate(momentum="layer.momentum if layer is norms[1] else 0"),
        ),
        ("Weights were changed", RELEARN),
        ("must return a model", _recalibrate(result="settled.forward(x)")),
        ("recalibrate(model, x) is None", _recalibrate(result="None")),
        ("before is still blank", "before = ..."),
        ("before comes from the clear images", _mean("before", "accuracy(net, x_test, y_test)")),
        (
            "before comes from nets that are recalibrated",
            _mean("before", "accuracy(recalibrate(net, faded), faded, y_test)"),
        ),
        ("before comes from the seed 0", "before = accuracy(nets[0], faded, y_test)"),
        ("give a fraction", "before = 100 * before"),
        ("after is still blank", "after = ..."),
        (
            "after comes from nets that were not recalibrated",
            _mean("after", "accuracy(net, faded, y_test)"),
        ),
        (
            "recalibrated on the clear test images",
            _mean("after", "accuracy(recalibrate(net, x_test), faded, y_test)"),
        ),
        (
            "recalibrated on the training images",
            _mean("after", "accuracy(recalibrate(net, x_train), faded, y_test)"),
        ),
        (
            "asks recalibrated nets about the clear images",
            _mean("after", "accuracy(recalibrate(net, faded), x_test, y_test)"),
        ),
        (
            "after comes from the seed 0",
            "after = accuracy(recalibrate(nets[0], faded), faded, y_test)",
        ),
        ("one digit after the other", "after = sorted_apart"),
        ("sorted_apart is still blank", "sorted_apart = ..."),
        ("settled on all of faded", _apart("recalibrate(net, faded)")),
        ("settled on all of faded", "sorted_apart = after"),
        ("sorted_apart comes from nets that were not", _apart("net")),
        ("sorted_apart comes from nets that were not", "sorted_apart = before"),
        ("sorted_apart comes from the digit 0", _apart(digits="[0]")),
        ("leaves out the digit 0", _apart(digits="range(1, 10)")),
        ("asks about all digits", _apart(asked="faded", true="y_test")),
        ("sorted_apart comes from the seed 0", _apart(nets="nets[:1]")),
        ("sorted_apart is", "sorted_apart = sorted_apart + 0.02"),
    ],
}
