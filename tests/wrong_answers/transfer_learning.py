"""Wrong answers to the exercises on transfer: question -> [(part of the message, code)]."""


def _bill(
    *,
    counts="(n + 1) * m",
    learns="not frozen[k]",
    kernel="not frozen[k]",
    passes="not all(frozen[:k])",
    more="0",
    result="learn, back",
    before="pass",
):
    return f"""
def bill(sizes, frozen):
    {before}
    layers = list(zip(sizes[:-1], sizes[1:]))
    learn = sum({counts} for k, (n, m) in enumerate(layers) if {learns})
    back = sum(n * m * (({kernel}) + ({passes})) for k, (n, m) in enumerate(layers))
    back += sum({more} for k, (n, m) in enumerate(layers))
    return {result}
"""


ENDS_EARLY = """
def bill(sizes, frozen):
    layers = list(zip(sizes[:-1], sizes[1:]))
    learn = sum((n + 1) * m for (n, m), rests in zip(layers, frozen) if not rests)
    back = 0
    for k in reversed(range(len(layers))):
        if frozen[k]:
            break
        back += 2 * layers[k][0] * layers[k][1]
    return learn, back
"""


def _prepare(
    *,
    ink="1 - x / 255",
    blocks="ink.reshape(len(x), 16, b, 16, b).mean(axis=(2, 4))",
    end="blocks",
    result="blocks[..., None].astype(np.float32)",
    before="pass",
):
    return f"""
def prepare(x):
    {before}
    b = x.shape[1] // 16
    ink = {ink}
    blocks = {blocks}
    blocks = {end}
    return {result}
"""


def _rates(
    *,
    number="int(name.split('.')[0])",
    numbers="sorted(set(layer.values()), reverse=True)",
    depth="numbers.index(k)",
    falls="rate / factor**depth",
    learns="k >= frozen",
    result="rates",
    before="pass",
):
    return f"""
def falling_rates(names, rate, factor, frozen):
    {before}
    layer = {{name: {number} for name in names}}
    numbers = {numbers}
    rates = {{}}
    for name, k in layer.items():
        depth = {depth}
        rates[name] = {falls} if {learns} else 0.0
    return {result}
"""


def _even(
    *,
    s="H.std(axis=0)",
    dead="np.where(raw > 0, s, 1)",
    W="W / s",
    b="b / s",
    V="V * s[:, None]",
    result="new_W, new_b, new_V",
    before="pass",
):
    return f"""
def evened(X, W, b, V):
    {before}
    z = X @ W + b
    H = np.maximum(z, 0)
    raw = H.std(axis=0)
    s = {s}
    s = {dead}
    new_W = {W}
    new_b = {b}
    new_V = {V}
    return {result}
"""


def _block(
    *,
    mean="block['mean']",
    root="np.sqrt(block['variance'] + epsilon)",
    u="block['gamma'] * (z - mean) / root + block['beta']",
    a="np.maximum(u, 0)",
    relu="grad * (u > 0)",
    d_z="d_u * block['gamma'] / root",
    d_x="d_z @ W.T",
    result="a, d_x",
    before="pass",
):
    return f"""
def frozen_block(x, grad, block, epsilon):
    {before}
    W = block['W']
    z = x @ W
    mean = {mean}
    root = {root}
    u = {u}
    a = {a}
    d_u = {relu}
    d_z = {d_z}
    d_x = {d_x}
    return {result}
"""


IN_TRAINING = """
def frozen_block(x, grad, block, epsilon):
    z = x @ block["W"]
    mean, variance = z.mean(axis=0), z.var(axis=0)
    block["mean"] += 0.1 * (mean - block["mean"])
    block["variance"] += 0.1 * (variance - block["variance"])
    u = block["gamma"] * (z - mean) / np.sqrt(variance + epsilon) + block["beta"]
    return np.maximum(u, 0), (grad * (u > 0) * block["gamma"]) @ block["W"].T
"""


def _pairs(
    *,
    distance="np.sqrt((apart**2).sum(axis=2))",
    short="np.maximum(0, margin - distance)",
    like="distance**2",
    unlike="short**2",
    loss="np.where(alike, on_like, on_unlike).sum() / 4 / pairs",
    pull="1.0",
    push="-short / np.where(distance > 0, distance, 1)",
    force="np.where(alike, pull, push)",
    d_z="(force[:, :, None] * apart).sum(axis=1) / pairs",
    result="loss, d_z",
    before="pass",
):
    return f"""
def all_pairs(z, y, margin):
    {before}
    apart = z[:, None] - z
    distance = {distance}
    alike = y[:, None] == y
    short = {short}
    pairs = len(z) * (len(z) - 1) / 2
    on_like, on_unlike = {like}, {unlike}
    loss = {loss}
    pull, push = {pull}, {push}
    force = {force}
    d_z = {d_z}
    return {result}
"""


def _hardest(
    *,
    p="np.where(same, far, 0).argmax(axis=1)",
    n="np.where(same, np.inf, far).argmin(axis=1)",
    over="far[i, p] - far[i, n] + margin",
    share="2 / len(z) * (over > 0)[:, None]",
    anchors="share * (z[n] - z[p])",
    positives="np.add.at(d_z, p, share * (z[p] - z))",
    negatives="np.add.at(d_z, n, share * (z - z[n]))",
    loss="np.maximum(over, 0).mean()",
    result="loss, d_z",
    before="pass",
):
    return f"""
def hardest(z, y, margin):
    {before}
    far = ((z[:, None] - z) ** 2).sum(axis=2)
    same = y[:, None] == y
    i = np.arange(len(z))
    p = {p}
    n = {n}
    over = {over}
    share = {share}
    d_z = {anchors}
    {positives}
    {negatives}
    loss = {loss}
    return {result}
"""


ZEROS_WIN = "np.where(same, 0, far).argmin(axis=1)"
IDLE = "2 / len(z)"
LOST_P = "d_z[p] += share * (z[p] - z)"
LOST_N = "d_z[n] += share * (z - z[n])"


def _nearest(
    *,
    labels="np.unique(y)",
    mean="z[y == label].mean(axis=0)",
    gaps="((queries[:, None] - means) ** 2).sum(axis=2)",
    which="labels[gaps.argmin(axis=1)]",
    before="pass",
):
    return f"""
def nearest(z, y, queries):
    {before}
    labels = {labels}
    means = np.stack([{mean} for label in labels])
    gaps = {gaps}
    return {which}
"""


def _keep(
    *,
    k="int(np.argmax([right(z, val) for z in features]))",
    accuracy="right(features[k], test)",
    result="k, accuracy",
    before="pass",
):
    return f"""
def keep(features, y, train, val, test):
    {before}
    def right(z, part):
        return np.mean(nearest(z[train], y[train], z[part]) == y[part])

    k = {k}
    accuracy = {accuracy}
    return {result}
"""


def _shares(target, name, value):
    seed = {"letters": 89, "digits": 98}[target]
    return f"""
features, y, train, val, test = task("{target}", {seed})
on_train, on_val, on_test = (
    np.array([np.mean(nearest(z[train], y[train], z[part]) == y[part]) for z in features])
    for part in (train, val, test)
)
{name} = {value}
"""


WRONG = {
    "q1": [
        ("numbers that are frozen", _bill(learns="frozen[k]")),
        ("All numbers of the network", _bill(learns="True")),
        ("biases are missing", _bill(counts="n * m")),
        ("not for each input", _bill(counts="n * (m + 1)")),
        ("One bias for each layer", _bill(counts="n * m + 1")),
        ("for its outputs only", _bill(counts="(n + 1) * (m + 1)")),
        ("number of layers", _bill(counts="1")),
        ("above the last frozen layer", _bill(learns="not any(frozen[k:])")),
        ("gradients of the kernels only", _bill(passes="0")),
        ("gradients of the inputs only", _bill(kernel="0")),
        ("no wall", _bill(passes="not frozen[k] and not all(frozen[:k])")),
        ("first frozen layer it meets", ENDS_EARLY),
        ("needed by nobody", _bill(kernel="not all(frozen[: k + 1])")),
        ("nobody needs the gradient of its input", _bill(passes="not all(frozen[: k + 1])")),
        ("goes on to the bottom", _bill(passes="k > 0")),
        ("down to the network's own input", _bill(passes="1")),
        ("as if nothing were frozen", _bill(kernel="1", passes="1")),
        ("every layer that learns", _bill(passes="not frozen[k]")),
        ("counts the forward pass", _bill(kernel="1", passes="0")),
        ("kernels that are frozen", _bill(kernel="frozen[k]")),
        ("only the next one counts", _bill(passes="k > 0 and not frozen[k - 1]")),
        ("leave them out", _bill(more="m * (not frozen[k])")),
        ("return two things", _bill(result="learn")),
        ("learn is still blank", _bill(result="..., back")),
        ("back is still blank", _bill(result="learn, ...")),
    ],
    "q2": [
        ("The paper comes out as 1", _prepare(ink="x / 255")),
        ("divide by 255", _prepare(ink="255.0 - x")),
        ("not by 256", _prepare(ink="1 - x / 256")),
        ("begin again at 255", _prepare(ink="(1 - x) / 255")),
        ("one pixel of each block", _prepare(blocks="ink[:, ::b, ::b]")),
        ("cut a corner", _prepare(blocks="ink[:, :16, :16]")),
        ("cut the middle", _prepare(blocks="ink[:, 8 * b - 8 : 8 * b + 8, 8 * b - 8 : 8 * b + 8]")),
        (
            "the wrong pixels",
            _prepare(blocks="ink.reshape(len(x), b, 16, b, 16).mean(axis=(1, 3))"),
        ),
        ("added up each block", _prepare(end="blocks * b * b")),
        ("darkest pixel", _prepare(blocks="ink.reshape(len(x), 16, b, 16, b).max(axis=(2, 4))")),
        ("lightest pixel", _prepare(blocks="ink.reshape(len(x), 16, b, 16, b).min(axis=(2, 4))")),
        ("it black or white", _prepare(end="(blocks > 0.5).astype(float)")),
        ("each pixel black or white", _prepare(ink="1.0 - x // 255")),
        ("leave out the rounding", _prepare(ink="np.round(1 - x / 255)")),
        ("From -1 to 1", _prepare(end="2 * blocks - 1")),
        ("mean 0 and variance 1", _prepare(end="(blocks - blocks.mean()) / blocks.std()")),
        (
            "stretched each scan",
            _prepare(
                before="""def low(a): return a.min(axis=(1, 2), keepdims=True)
    def high(a): return a.max(axis=(1, 2), keepdims=True)""",
                end="(blocks - low(blocks)) / (high(blocks) - low(blocks))",
            ),
        ),
        ("darkest pixel of the batch", _prepare(end="blocks / blocks.max()")),
        ("Rows and columns are swapped", _prepare(end="blocks.transpose(0, 2, 1)")),
        ("channel's axis is missing", _prepare(result="blocks.astype(np.float32)")),
        ("channel comes last", _prepare(result="blocks[:, None].astype(np.float32)")),
        ("as large as before", _prepare(blocks="ink")),
        ("float64 instead of float32", _prepare(result="blocks[..., None]")),
        ("changed in place", _prepare(before="x //= 2")),
        ("must be a NumPy array", _prepare(result="blocks[..., None].tolist()")),
    ],
    "q3": [
        ("The wrong end has the full rate", _rates(numbers="sorted(set(layer.values()))")),
        ("activations count as steps", _rates(depth="numbers[0] - k")),
        (
            "sorted as text",
            _rates(
                number="name.split('.')[0]",
                learns="int(k) >= frozen",
            ),
        ),
        ("only the first digit", _rates(number="int(name[0])")),
        (
            "count layers, not arrays",
            _rates(
                numbers="sorted(names, key=lambda name: (layer[name], name), reverse=True)",
                depth="numbers.index(name)",
            ),
        ),
        ("grow toward the bottom", _rates(falls="rate * factor**depth")),
        ("on a straight line", _rates(falls="rate / (1 + factor * depth)")),
        ("the same rate: divide", _rates(falls="rate / factor if depth else rate")),
        ("factor times the steps", _rates(falls="rate / (factor * depth) if depth else rate")),
        ("one layer too early", _rates(falls="rate / factor ** (depth + 1)")),
        ("first two layers share", _rates(falls="rate / factor ** max(depth - 1, 0)")),
        ("Frozen layers have a rate above 0", _rates(learns="True")),
        ("from frozen on rest", _rates(learns="k < frozen")),
        ("The layer with the number frozen", _rates(learns="k > frozen")),
        (
            "counts the layers that have arrays",
            _rates(learns="len(numbers) - 1 - depth >= frozen"),
        ),
        ("All rates are the same", _rates(falls="rate")),
        ("without the rate", _rates(falls="1 / factor**depth")),
        ("freezing begins at the bottom", _rates(learns="max(numbers) - k >= frozen")),
        (
            "Frozen layers belong into the result",
            _rates(result="{name: v for name, v in rates.items() if v}"),
        ),
        ("must be a dict", _rates(result="list(rates.values())")),
        ("The keys of the result", _rates(result="{layer[name]: v for name, v in rates.items()}")),
        ("changed in place", _rates(before="names.sort()", result="rates")),
        ("is still blank", _rates(falls="...")),
    ],
    "q4": [
        ("before the ReLU", _even(s="z.std(axis=0)")),
        ("One number for all features", _even(s="np.full(W.shape[1], H.std())", dead="s")),
        ("by the variance", _even(s="H.var(axis=0)")),
        ("not N - 1", _even(s="H.std(axis=0, ddof=1)")),
        ("the mean is subtracted first", _even(s="np.sqrt((H**2).mean(axis=0))")),
        ("largest value", _even(s="H.max(axis=0)")),
        ("by the mean of each feature", _even(s="H.mean(axis=0)")),
        ("of the weights", _even(s="W.std(axis=0)", dead="s")),
        ("of each image's features", _even(s="H.std(axis=1)", dead="s")),
        ("You multiplied W", _even(W="W * s")),
        ("W is as it was", _even(W="W")),
        ("rows of W", _even(W="W / s[:, None]")),
        ("you divided by it", _even(dead="s")),
        ("dead feature has changed", _even(W="W / s * (raw > 0)")),
        ("The bias is as it was", _even(b="b")),
        ("subtracted the mean of each feature", _even(b="(b - H.mean(axis=0)) / s")),
        ("The bias is multiplied", _even(b="b * s")),
        ("The bias is gone", _even(b="0 * b")),
        ("The head is as it was", _even(V="V")),
        ("The head is divided as well", _even(V="V / s[:, None]")),
        ("another image may wake it", _even(V="V * raw[:, None]")),
        ("multiplied by one number", _even(V="V * s.mean()")),
        ("the columns of V, which", _even(V="V * s")),
        ("return three things", _even(result="new_W, new_b")),
        ("changed in place", _even(before="W /= 2")),
    ],
    "q5": [
        (
            "These are the statistics of the batch",
            _block(mean="z.mean(axis=0)", root="np.sqrt(z.var(axis=0) + epsilon)"),
        ),
        ("The mean is that of the batch", _block(mean="z.mean(axis=0)")),
        ("The variance is that of the batch", _block(root="np.sqrt(z.var(axis=0) + epsilon)")),
        ("running statistics included", IN_TRAINING),
        ("epsilon is missing", _block(root="np.sqrt(block['variance'])")),
        ("behind the root", _block(root="np.sqrt(block['variance']) + epsilon")),
        ("gamma is missing", _block(u="(z - mean) / root + block['beta']")),
        ("beta is missing", _block(u="block['gamma'] * (z - mean) / root")),
        (
            "gamma and beta are swapped",
            _block(u="block['beta'] * (z - mean) / root + block['gamma']"),
        ),
        ("The ReLU is missing", _block(a="u")),
        (
            "The ReLU comes last",
            _block(u="block['gamma'] * (np.maximum(z, 0) - mean) / root + block['beta']", a="u"),
        ),
        ("W is transposed", _block(before="block = {**block, 'W': block['W'].T}")),
        ("d_x is None: a frozen layer", _block(d_x="None")),
        ("d_x is 0", _block(d_x="0 * x")),
        (
            "through the batch's mean and variance",
            _block(
                before="""root = np.sqrt(block['variance'] + epsilon)
    z_hat = (x @ block['W'] - block['mean']) / root
    def whole(g): return g - g.mean(axis=0) - z_hat * (g * z_hat).mean(axis=0)""",
                d_x="whole(d_z) @ W.T",
            ),
        ),
        ("through a mean over the batch", _block(d_x="(d_z - d_z.mean(axis=0)) @ W.T")),
        ("slope of the ReLU is missing", _block(relu="grad")),
        ("is taken at Z", _block(relu="grad * (z > 0)")),
        ("slope of the batch norm is missing", _block(d_z="d_u")),
        ("gamma is missing in d_x", _block(d_z="d_u / root")),
        ("standard deviation is missing", _block(d_z="d_u * block['gamma']")),
        ("not by the variance", _block(d_z="d_u * block['gamma'] / root**2")),
        ("W must be transposed", _block(d_x="d_z @ W")),
        ("the gradient of W", _block(d_x="x.T @ d_z")),
        ("return two things", _block(result="a")),
    ],
    "q6": [
        (
            "Like and unlike are swapped",
            _pairs(
                loss="np.where(alike, on_unlike, on_like).sum() / 4 / pairs",
                unlike="short**2 * (distance > 0)",
            ),
        ),
        ("on the wrong side", _pairs(short="np.maximum(0, distance - margin)")),
        ("max(0, ...) is missing", _pairs(short="margin - distance")),
        ("The square of max", _pairs(unlike="short")),
        ("compared with the squared distance", _pairs(short="np.maximum(0, margin - distance**2)")),
        ("you subtracted the squares", _pairs(unlike="np.maximum(0, margin**2 - distance**2)")),
        ("yours cost D", _pairs(like="distance")),
        (
            "each pair is counted twice",
            _pairs(loss="np.where(alike, on_like, on_unlike).sum() / 2 / pairs"),
        ),
        ("missing for like pairs", _pairs(like="2 * distance**2")),
        ("The loss is a sum", _pairs(loss="np.where(alike, on_like, on_unlike).sum() / 4")),
        ("no pair with itself", _pairs(loss="np.where(alike, on_like, on_unlike).mean() / 2")),
        ("The unlike pairs are missing", _pairs(unlike="0")),
        ("sum of absolute values", _pairs(distance="np.abs(apart).sum(axis=2)")),
        ("The margin is 1", _pairs(before="margin = 1.0")),
        ("goes downhill", _pairs(d_z="(force[:, :, None] * apart).sum(axis=0) / pairs")),
        ("are pulled together", _pairs(push="short / np.where(distance > 0, distance, 1)")),
        ("the division by D is missing", _pairs(push="-short")),
        ("divided by D twice", _pairs(push="-short / np.where(distance > 0, distance, 1) ** 2")),
        (
            "push beyond the margin",
            _pairs(push="-(margin - distance) / np.where(distance > 0, distance, 1)"),
        ),
        ("d_z is halved", _pairs(d_z="(force[:, :, None] * apart).sum(axis=1) / pairs / 2")),
        ("d_z is a sum", _pairs(d_z="(force[:, :, None] * apart).sum(axis=1)")),
        ("only the first one is moved", _pairs(force="np.triu(np.where(alike, pull, push))")),
        ("give nan", _pairs(push="-short / distance")),
        ("return two things", _pairs(result="loss")),
        ("changed in place", _pairs(before="z -= z.mean(axis=0)")),
    ],
    "q7": [
        ("The mask wins", _hardest(n=ZEROS_WIN, share=IDLE, positives=LOST_P, negatives=LOST_N)),
        ("The mask wins", _hardest(n=ZEROS_WIN)),
        ("the anchor itself, at distance 0", _hardest(n="far.argmin(axis=1)")),
        (
            "may be one of the own",
            _hardest(n="(far + np.diag(np.full(len(z), np.inf))).argmin(axis=1)"),
        ),
        ("the easiest one: take the nearest", _hardest(n="np.where(same, 0, far).argmax(axis=1)")),
        (
            "the easiest one: take the farthest",
            _hardest(p="np.where(same & (far > 0), far, np.inf).argmin(axis=1)"),
        ),
        (
            "The positive is the anchor itself",
            _hardest(p="np.where(same, far, np.inf).argmin(axis=1)"),
        ),
        ("it has to be of the same class", _hardest(p="far.argmax(axis=1)")),
        ("Positive and negative are swapped", _hardest(over="far[i, n] - far[i, p] + margin")),
        ("The margin is subtracted", _hardest(over="far[i, p] - far[i, n] - margin")),
        ("The margin is missing", _hardest(over="far[i, p] - far[i, n]")),
        ("a triplet in order costs nothing", _hardest(loss="over.mean()")),
        ("you took roots", _hardest(over="np.sqrt(far[i, p]) - np.sqrt(far[i, n]) + margin")),
        ("The loss is a sum", _hardest(loss="np.maximum(over, 0).sum()")),
        ("those in order as well", _hardest(loss="over[over > 0].mean()")),
        ("Two bugs are left", _hardest(share=IDLE, positives=LOST_P, negatives=LOST_N)),
        ("One bug is left: with `+=`", _hardest(positives=LOST_P, negatives=LOST_N)),
        ("One bug is left for n", _hardest(negatives=LOST_N)),
        ("One bug is left for p", _hardest(positives=LOST_P)),
        ("One bug is left: an anchor", _hardest(share=IDLE)),
        ("also if some are in order", _hardest(share="2 / (over > 0).sum() * (over > 0)[:, None]")),
        ("not only the anchors", _hardest(positives="pass", negatives="pass")),
        ("turn their sign around", _hardest(negatives="np.add.at(d_z, n, share * (z[n] - z))")),
        ("changed in place", _hardest(before="z -= 1")),
        ("return two things", _hardest(result="loss")),
    ],
    "q8": [
        (
            "nearest single embedding",
            _nearest(labels="y", mean="z[0]", gaps="((queries[:, None] - z) ** 2).sum(axis=2)"),
        ),
        ("places in the list of prototypes", _nearest(which="gaps.argmin(axis=1)")),
        ("farthest prototype", _nearest(which="labels[gaps.argmax(axis=1)]")),
        ("the largest product", _nearest(gaps="-(queries @ means.T)")),
        ("a mean, not a sum", _nearest(mean="z[y == label].sum(axis=0)")),
        ("absolute differences", _nearest(gaps="np.abs(queries[:, None] - means).sum(axis=2)")),
        ("The first embedding of a class", _nearest(mean="z[y == label][0]")),
        ("The test images", _keep(k="int(np.argmax([right(z, test) for z in features]))")),
        (
            "chosen by the training images",
            _keep(k="int(np.argmax([right(z, train) for z in features]))"),
        ),
        (
            "the worst on the validation",
            _keep(k="int(np.argmin([right(z, val) for z in features]))"),
        ),
        (
            "take the smallest k",
            _keep(k="max(range(len(features)), key=lambda k: (right(features[k], val), k))"),
        ),
        ("its place in the list", _keep(k="max(right(z, val) for z in features)", accuracy="0.5")),
        ("counts from 0", _keep(result="k + 1, accuracy")),
        ("which have chosen k", _keep(accuracy="right(features[k], val)")),
        ("a k of their own", _keep(accuracy="max(right(z, test) for z in features)")),
        (
            "from training and validation images",
            _keep(
                accuracy="""0
    train = np.concatenate([train, val])
    accuracy = right(features[k], test)"""
            ),
        ),
        ("of the last place", _keep(accuracy="right(features[-1], test)")),
        ("return two things", _keep(result="accuracy")),
        (
            "kept_letters is chosen by the test",
            _shares("letters", "kept_letters", "int(on_test.argmax())"),
        ),
        (
            "kept_digits is chosen by the training",
            _shares("digits", "kept_digits", "int(on_train.argmax())"),
        ),
        ("kept_digits is the number of a layer", "kept_digits = 4"),
        ("test_letters is the validation", _shares("letters", "test_letters", "on_val.max()")),
        ("test_digits is the best on the test", _shares("digits", "test_digits", "on_test.max()")),
        ("test_digits is a percentage", "test_digits = 100 * test_digits"),
        ("is still blank", "test_digits = ..."),
    ],
}
