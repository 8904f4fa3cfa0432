"""Wrong answers to the exercises on autoencoders: question -> [(part of the message, code)]."""


def _surprise(
    *,
    code="(x - mean) @ encoder",
    back="code @ decoder + mean",
    score="((back - x) ** 2).mean(axis=1)",
    result="code, back, score",
    before="pass",
):
    return f"""
def surprise(x, mean, encoder, decoder):
    {before}
    code = {code}
    back = {back}
    score = {score}
    return {result}
"""


def _angle(
    *,
    p="np.linalg.qr(a.T)[0]",
    q="np.linalg.qr(b.T)[0]",
    cosines="np.linalg.svd(p.T @ q, compute_uv=False)",
    cosine="min(cosines)",
    result="np.arccos(min(cosine, 1))",
    before="pass",
):
    return f"""
def largest_angle(a, b):
    {before}
    p, q = {p}, {q}
    cosines = {cosines}
    cosine = {cosine}
    return {result}
"""


def _denoise(
    *,
    before="pass",
    spoiled="np.where(rng.random(x.shape) < share, 0, x)",
    epochs="range(epochs)",
    each="given = spoil()",
    learn="given, x",
    asked="spoil()",
    error="((back - x) ** 2).mean()",
    after="pass",
):
    return f"""
def train_denoiser(net, x, share, epochs, rng):
    {before}
    def spoil():
        return {spoiled}
    given = x
    for epoch in {epochs}:
        {each}
        net.learn({learn})
    asked = {asked}
    back = net.reconstruct(asked)
    {after}
    return {error}
"""


def _draw(
    *,
    std="np.exp(log_var / 2)",
    z="mean + std * noise",
    d_mean="grad",
    d_log_var="grad * std * noise / 2",
    result="z, d_mean, d_log_var",
    before="pass",
):
    return f"""
def draw(mean, log_var, noise, grad):
    {before}
    std = {std}
    z = {z}
    d_mean = {d_mean}
    d_log_var = {d_log_var}
    return {result}
"""


def _price(
    *,
    before="pass",
    variance="np.exp(log_var)",
    each="((mean**2 + variance) / tau**2 - 1 - log_var + 2 * np.log(tau)) / 2",
    price="each.sum(axis=1).mean()",
    d_mean="mean / tau**2 / len(mean)",
    d_log_var="(variance / tau**2 - 1) / 2 / len(mean)",
    result="price, d_mean, d_log_var",
):
    return f"""
def code_price(mean, log_var, tau):
    {before}
    variance = {variance}
    each = {each}
    price = {price}
    d_mean = {d_mean}
    d_log_var = {d_log_var}
    return {result}
"""


def _latent(
    *,
    init="self.noise = None",
    split="h[:, : self.n], h[:, self.n :]",
    drawn="self.noise = self.rng.normal(size=self.mean.shape)",
    idle="self.noise = np.zeros_like(self.mean)",
    z="self.mean + self.std * self.noise",
    price="self.beta * each.sum(axis=1).mean()",
    share="self.beta / len(grad)",
    noise="self.noise",
    to_mean="grad + share * self.mean",
    pull="self.std**2 - 1",
    to_log_var="grad * self.std * noise / 2 + share * pull / 2",
    back="[to_mean, to_log_var]",
    always="not training",
    end="pass",
):
    return f"""
class Latent:
    def __init__(self, n, beta, rng):
        self.n, self.beta, self.rng = n, beta, rng
        {init}

    def forward(self, h, training=False):
        self.mean, self.log_var = {split}
        self.std = np.exp(self.log_var / 2)
        if {always}:
            {idle}
            return self.mean
        {drawn}
        return {z}

    def penalty(self):
        each = (self.mean**2 + self.std**2 - 1 - self.log_var) / 2
        return {price}

    def backward(self, grad):
        share = {share}
        noise = {noise}
        to_mean = {to_mean}
        pull = {pull}
        to_log_var = {to_log_var}
        {end}
        return np.concatenate({back}, axis=1)
"""


FRESH = "self.rng.normal(size=grad.shape)"
SHARED = "self.beta / grad.size"
PLAIN = "self.std - 1"


def _energy(value="-(v @ b) - np.logaddexp(0, v @ w + c).sum(axis=1)", before="pass"):
    return f"""
def free_energy(v, w, b, c):
    {before}
    return {value}
"""


def _divergence(
    *,
    p="sigmoid(v @ w + c)",
    h="chance_h < p",
    v1="chance_v < sigmoid(h @ w.T + b)",
    p1="sigmoid(v1 @ w + c)",
    data="p",
    d_w="(v1.T @ p1 - v.T @ data) / len(v)",
    d_b="(v1 * 1.0 - v).mean(axis=0)",
    d_c="(p1 - data).mean(axis=0)",
    result="d_w, d_b, d_c",
    before="pass",
):
    return f"""
def cd1(v, w, b, c, chance_h, chance_v):
    {before}
    p = {p}
    h = {h}
    v1 = {v1}
    p1 = {p1}
    data = {data}
    d_w = {d_w}
    d_b = {d_b}
    d_c = {d_c}
    return {result}
"""


def _scores(
    *,
    mean="known.mean(axis=0)",
    fitted="known - mean",
    rows="np.linalg.svd(fitted, full_matrices=False)[2][:k]",
    usual="(known - mean) @ rows.T",
    code="(x - mean) @ rows.T",
    back="code @ rows + mean",
    left="((back - x) ** 2).mean(axis=1)",
    odd="(code**2 / usual.var(axis=0)).sum(axis=1)",
    result="left, odd",
    before="pass",
):
    return f"""
def scores(known, k, x):
    {before}
    mean = {mean}
    fitted = {fitted}
    rows = {rows}
    usual, code = {usual}, {code}
    back = {back}
    left = {left}
    odd = {odd}
    return {result}
"""


def _report(
    name,
    *,
    known="x_train",
    usual="x_test",
    strange="faint",
    which=None,
    ks="2, 8, 16, 32",
    value="found",
):
    which = int(name == "area_odd") if which is None else which
    return f"""
found = []
for k in ({ks},):
    normal, strange = (scores({known}, k, x)[{which}] for x in ({usual}, {strange}))
    found.append(area(normal, strange))
found = np.array(found)
{name} = {value}
"""


WRONG = {
    "q1": [
        ("still blank", _surprise(code="...", back="...", score="...")),
        ("must return three things", _surprise(result="score")),
        ("The mean is still in the code", _surprise(code="x @ encoder")),
        ("mean of this batch", _surprise(code="(x - x.mean(axis=0)) @ encoder")),
        ("the wrong way round", _surprise(code="(mean - x) @ encoder")),
        ("decoder, transposed", _surprise(code="(x - mean) @ decoder.T")),
        ("code has the shape", _surprise(result="code.T, back, score")),
        ("The mean is missing in back", _surprise(back="code @ decoder")),
        ("encoder, transposed", _surprise(back="code @ encoder.T + mean")),
        ("Add the mean", _surprise(back="code @ decoder - mean")),
        ("mean of this batch in back", _surprise(back="code @ decoder + x.mean(axis=0)")),
        ("back is x", _surprise(back="x")),
        ("sum over the inputs", _surprise(score="((back - x) ** 2).sum(axis=1)")),
        ("one number an input", _surprise(score="((back - x) ** 2).mean(axis=0)")),
        ("too many axes", _surprise(score="((back - x) ** 2).mean()")),
        ("not squared", _surprise(score="(back - x).mean(axis=1)")),
        ("absolute", _surprise(score="np.abs(back - x).mean(axis=1)")),
        ("root", _surprise(score="np.sqrt(((back - x) ** 2).mean(axis=1))")),
        ("from the mean", _surprise(score="((mean - x) ** 2).mean(axis=1)")),
        ("compare back with x itself", _surprise(score="((back - x + mean) ** 2).mean(axis=1)")),
        ("Square first", _surprise(score="(back - x).mean(axis=1) ** 2")),
        ("changed in place", _surprise(before="x -= 0.1")),
        ("it should be", _surprise(score="((back - x) ** 2).mean(axis=1) + 0.001 * x[:, 0]")),
    ],
    "q2": [
        ("is None", "def largest_angle(a, b):\n    return None"),
        ("the smallest angle", _angle(cosine="max(cosines)")),
        ("the cosine", _angle(result="min(cosine, 1)")),
        ("the sine", _angle(result="np.sqrt(max(1 - cosine**2, 0))")),
        ("in degrees", _angle(result="np.degrees(np.arccos(min(cosine, 1)))")),
        ("arcsin", _angle(result="np.arcsin(min(cosine, 1))")),
        ("all the angles", _angle(cosine="cosines", result="np.arccos(np.minimum(cosine, 1))")),
        (
            "the sum of all angles",
            _angle(cosine="cosines", result="np.arccos(np.minimum(cosine, 1)).sum()"),
        ),
        (
            "the mean of all angles",
            _angle(cosine="cosines", result="np.arccos(np.minimum(cosine, 1)).mean()"),
        ),
        ("product of the cosines", _angle(cosine="np.prod(cosines)")),
        (
            "not orthonormal yet",
            _angle(p="a.T", q="b.T", result="np.arccos(np.clip(cosine, -1, 1))"),
        ),
        (
            "length of 1 is not enough",
            _angle(
                p="(a / np.linalg.norm(a, axis=1, keepdims=True)).T",
                q="(b / np.linalg.norm(b, axis=1, keepdims=True)).T",
            ),
        ),
        ("qr works on the columns", _angle(p="np.linalg.qr(a)[0]", q="np.linalg.qr(b)[0]")),
        (
            "The first rows alone",
            _angle(
                cosines="abs(a[0] @ b[0]) / np.linalg.norm(a[0]) / np.linalg.norm(b[0])",
                cosine="cosines",
            ),
        ),
        (
            "row by row",
            _angle(
                cosines="np.abs((a * b).sum(axis=1))"
                " / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)"
            ),
        ),
        ("the diagonal", _angle(cosines="np.abs(np.diag(p.T @ q))")),
        ("single entries", _angle(cosines="np.abs(p.T @ q).ravel()")),
        ("no arccos", _angle(result="np.arccos(cosine)")),
        (
            "has no sign",
            _angle(
                p="a.T / np.linalg.norm(a) if len(a) == 1 else np.linalg.qr(a.T)[0]",
                q="b.T / np.linalg.norm(b) if len(a) == 1 else np.linalg.qr(b.T)[0]",
                cosines="p.T @ q if len(a) == 1 else np.linalg.svd(p.T @ q, compute_uv=False)",
                cosine="np.min(cosines)",
                result="np.arccos(np.clip(cosine, -1, 1))",
            ),
        ),
        ("changed in place", _angle(before="a *= 2")),
        ("should be", _angle(result="1.01 * np.arccos(min(cosine, 1))")),
    ],
    "q3": [
        ("is None", _denoise(error="None")),
        ("the target is the clean image", _denoise(learn="given, given")),
        ("swapped", _denoise(learn="x, given")),
        ("Nothing is spoiled", _denoise(learn="x, x")),
        ("what was taken away", _denoise(learn="given, x - given")),
        ("x itself was spoiled", _denoise(before="x[rng.random(x.shape) < share] = 0")),
        (
            "x itself was spoiled",
            _denoise(each="given = x; given[rng.random(x.shape) < share] = 0"),
        ),
        ("This is dropout", _denoise(spoiled="x * (rng.random(x.shape) >= share) / (1 - share)")),
        ("share that is spoiled", _denoise(spoiled="x * (rng.random(x.shape) < share)")),
        ("whole images", _denoise(spoiled="x * (rng.random((len(x), 1)) >= share)")),
        ("one pattern for all", _denoise(spoiled="x * (rng.random(x.shape[1]) >= share)")),
        ("are set to 0, the others stay", _denoise(spoiled="x + share * rng.normal(size=x.shape)")),
        ("are set to 0, not to 1", _denoise(spoiled="np.where(rng.random(x.shape) < share, 1, x)")),
        (
            "the same pixels in every epoch",
            _denoise(
                before="first = np.where(rng.random(x.shape) < share, 0, x)", each="given = first"
            ),
        ),
        (
            "on top of",
            _denoise(each="given = np.where(rng.random(x.shape) < share, 0, given)"),
        ),
        (
            "from rng",
            _denoise(spoiled="np.where(np.random.default_rng().random(x.shape) < share, 0, x)"),
        ),
        (
            "from rng",
            _denoise(
                before="own = np.random.default_rng(0)",
                spoiled="np.where(own.random(x.shape) < share, 0, x)",
            ),
        ),
        ("once an epoch", _denoise(epochs="range(epochs - 1)")),
        ("once an epoch", _denoise(epochs="range(1)")),
        ("clean images", _denoise(asked="x")),
        ("already learned from", _denoise(asked="given")),
        ("compared with the spoiled", _denoise(error="((back - asked) ** 2).mean()")),
        ("This is a sum", _denoise(error="((back - x) ** 2).sum()")),
        ("root", _denoise(error="np.sqrt(((back - x) ** 2).mean())")),
        ("must be one number", _denoise(error="((back - x) ** 2).mean(axis=1)")),
    ],
    "q4": [
        ("is None", "def draw(mean, log_var, noise, grad):\n    return None"),
        ("must return three things", _draw(result="z")),
        ("is the variance", _draw(std="np.exp(log_var)")),
        ("log_var is the logarithm", _draw(std="log_var")),
        ("half of the logarithm", _draw(std="log_var / 2")),
        ("wrong sign in the exponent", _draw(std="np.exp(-log_var / 2)")),
        ("Halve log_var before", _draw(std="np.exp(log_var) / 2")),
        ("is an amount added to every", _draw(z="mean + std")),
        ("The mean is missing", _draw(z="std * noise")),
        ("Multiply the noise", _draw(z="mean + std + noise")),
        ("multiplied by mean and noise", _draw(z="mean * std * noise")),
        ("the way back to the noise", _draw(z="(noise - mean) / std")),
        ("subtract", _draw(z="mean - std * noise")),
        ("noise does not touch the mean", _draw(d_mean="grad * noise")),
        ("slope alone", _draw(d_mean="np.ones_like(grad)")),
        ("its own row of d_mean", _draw(d_mean="grad / len(grad)")),
        ("d_mean has the shape", _draw(d_mean="grad.sum(axis=0)")),
        ("the half is missing", _draw(d_log_var="grad * std * noise")),
        ("The noise is missing in d_log_var", _draw(d_log_var="grad * std / 2")),
        ("The std is missing in d_log_var", _draw(d_log_var="grad * noise / 2")),
        ("by the std, not by", _draw(d_log_var="grad * noise")),
        ("exp(log_var) in d_log_var", _draw(d_log_var="grad * np.exp(log_var) * noise / 2")),
        ("z holds the mean", _draw(d_log_var="grad * z / 2")),
        ("chain rule", _draw(d_log_var="std * noise / 2")),
        ("changed in place", _draw(before="mean += 1")),
    ],
    "q5": [
        ("is None", "def code_price(mean, log_var, tau):\n    return None"),
        ("must return three things", _price(result="price")),
        ("negative", _price(price="-each.sum(axis=1).mean()")),
        ("mean over the dimensions", _price(price="each.mean()")),
        ("sum over the batch", _price(price="each.sum()")),
        ("one number a sample", _price(price="each.sum(axis=1)")),
        ("over the batch, but the mean over", _price(price="each.mean(axis=1).sum()")),
        (
            "prior of variance 1",
            _price(each="(mean**2 + variance - 1 - log_var) / 2"),
        ),
        (
            "ln tau is missing",
            _price(each="((mean**2 + variance) / tau**2 - 1 - log_var) / 2"),
        ),
        (
            "ln tau counts once",
            _price(each="((mean**2 + variance) / tau**2 - 1 - log_var + np.log(tau)) / 2"),
        ),
        (
            "tau is a standard deviation",
            _price(each="((mean**2 + variance) / tau - 1 - log_var + np.log(tau)) / 2"),
        ),
        (
            "The mean is not divided",
            _price(each="(mean**2 + variance / tau**2 - 1 - log_var + 2 * np.log(tau)) / 2"),
        ),
        ("exp is missing", _price(variance="log_var")),
        (
            "The half is missing",
            _price(each="(mean**2 + variance) / tau**2 - 1 - log_var + 2 * np.log(tau)"),
        ),
        (
            "The 1 is missing",
            _price(each="((mean**2 + variance) / tau**2 - log_var + 2 * np.log(tau)) / 2"),
        ),
        (
            "log_var has the wrong sign",
            _price(each="((mean**2 + variance) / tau**2 - 1 + log_var + 2 * np.log(tau)) / 2"),
        ),
        (
            "the other way round",
            _price(each="((mean**2 + tau**2) / variance - 1 + log_var - 2 * np.log(tau)) / 2"),
        ),
        ("d_mean is that of a sum", _price(d_mean="mean / tau**2")),
        ("d_mean is that of a prior", _price(d_mean="mean / len(mean)")),
        ("the 2 of the square", _price(d_mean="2 * mean / tau**2 / len(mean)")),
        ("number of entries in d_mean", _price(d_mean="mean / tau**2 / mean.size")),
        ("d_log_var is that of a sum", _price(d_log_var="(variance / tau**2 - 1) / 2")),
        ("pulls every variance to 0", _price(d_log_var="variance / tau**2 / 2 / len(mean)")),
        ("d_log_var is that of a prior", _price(d_log_var="(variance - 1) / 2 / len(mean)")),
        ("half in d_log_var", _price(d_log_var="(variance / tau**2 - 1) / len(mean)")),
    ],
    "q6": [
        ("All three", _latent(noise=FRESH, share=SHARED, pull=PLAIN)),
        ("Two of the three planted bugs are left: the noise", _latent(noise=FRESH, share=SHARED)),
        ("Two of the three planted bugs are left", _latent(noise=FRESH, pull=PLAIN)),
        ("Two of the three planted bugs are left", _latent(share=SHARED, pull=PLAIN)),
        ("other noise than forward", _latent(noise=FRESH)),
        ("divides by all entries", _latent(share=SHARED)),
        ("std where the variance", _latent(pull=PLAIN)),
        ("by the batch, and by nothing", _latent(share="self.beta")),
        ("beta is gone", _latent(share="1 / len(grad)")),
        ("The penalty was right", _latent(price="self.beta * each.mean()", share=SHARED)),
        ("The penalty was right", _latent(price="self.beta * each.sum()", share="self.beta")),
        ("forward was right", _latent(z="self.mean + self.log_var * self.noise")),
        (
            "a fresh draw each time",
            _latent(
                drawn="self.noise = self.rng.normal(size=self.mean.shape)"
                " if self.noise is None else self.noise",
                idle="pass",
            ),
        ),
        ("the noise is gone", _latent(noise="np.zeros_like(grad)")),
        ("the noise is 1", _latent(noise="1")),
        ("KL is gone", _latent(share="0")),
        ("lowers the KL's price", _latent(share="-self.beta / len(grad)")),
        ("halves changed places", _latent(back="[to_log_var, to_mean]")),
        (
            "the half of the KL",
            _latent(to_log_var="grad * self.std * noise / 2 + share * pull"),
        ),
        (
            "the half of the draw",
            _latent(to_log_var="grad * self.std * noise + share * pull / 2"),
        ),
        ("without training", _latent(idle="pass")),
        ("forward was right", _latent(always="False")),
        ("changed in place", _latent(end="grad *= 2")),
        ("should be", _latent(pull="self.std**2 - 1.02")),
    ],
    "q7": [
        ("is None", "def free_energy(v, w, b, c):\n    return None"),
        ("exp(800)", _energy("-(v @ b) - np.log(1 + np.exp(v @ w + c)).sum(axis=1)")),
        (
            "visible biases have the wrong sign",
            _energy("v @ b - np.logaddexp(0, v @ w + c).sum(axis=1)"),
        ),
        ("minus the free energy", _energy("v @ b + np.logaddexp(0, v @ w + c).sum(axis=1)")),
        ("visible biases are missing", _energy("-np.logaddexp(0, v @ w + c).sum(axis=1)")),
        ("hidden biases are missing", _energy("-(v @ b) - np.logaddexp(0, v @ w).sum(axis=1)")),
        (
            "energy at the likely h",
            _energy("-(v @ b) - (sigmoid(v @ w + c) * (v @ w + c)).sum(axis=1)"),
        ),
        ("lowest energy", _energy("-(v @ b) - np.maximum(0, v @ w + c).sum(axis=1)")),
        ("the mean over the hidden", _energy("-(v @ b) - np.logaddexp(0, v @ w + c).mean(axis=1)")),
        ("must return three things", _divergence(result="d_w")),
        ("drawn at the end", _divergence(p1="(chance_h < sigmoid(v1 @ w + c)) * 1.0")),
        ("drawn at the data", _divergence(data="h * 1.0")),
        (
            "drawn in both",
            _divergence(data="h * 1.0", p1="(chance_h < sigmoid(v1 @ w + c)) * 1.0"),
        ),
        ("not drawn: v1", _divergence(v1="sigmoid(h @ w.T + b)")),
        ("h is not drawn", _divergence(h="p")),
        ("below its probability", _divergence(h="chance_h > p")),
        ("below its probability", _divergence(v1="chance_v > sigmoid(h @ w.T + b)")),
        ("thrown by a threshold", _divergence(h="p > 0.5", v1="sigmoid(h @ w.T + b) > 0.5")),
        ("uphill", _divergence(result="-d_w, -d_b, -d_c")),
        ("d_w is a sum", _divergence(d_w="v1.T @ p1 - v.T @ data")),
        ("first half of d_w", _divergence(d_w="v1.T @ p1 / len(v)")),
        ("second half of d_w", _divergence(d_w="v.T @ data / len(v)")),
        ("d_b has the shape", _divergence(d_b="(v1 * 1.0 - v).mean(axis=1)")),
        ("d_c uses the drawn", _divergence(d_c="(p1 - h).mean(axis=0)")),
        ("d_b has the wrong sign", _divergence(d_b="(v - v1 * 1.0).mean(axis=0)")),
    ],
    "q8": [
        ("is None", "def scores(known, k, x):\n    return None"),
        ("left and odd are swapped", _scores(result="odd, left")),
        ("never taken away", _scores(mean="0")),
        ("fitted without", _scores(fitted="known")),
        (
            "mean of x",
            _scores(code="(x - x.mean(axis=0)) @ rows.T", back="code @ rows + x.mean(axis=0)"),
        ),
        ("You learned from x", _scores(mean="x.mean(axis=0)", fitted="x - mean")),
        ("least", _scores(rows="np.linalg.svd(fitted, full_matrices=False)[2][-k:]")),
        (
            "The rows of the third matrix",
            _scores(rows="np.linalg.svd(fitted, full_matrices=False)[2][:, :k].T"),
        ),
        ("mean is missing in the reconstruction", _scores(back="code @ rows")),
        ("a sum over pixels", _scores(left="((back - x) ** 2).sum(axis=1)")),
        ("what the code keeps", _scores(left="((back - mean) ** 2).mean(axis=1)")),
        ("variances are missing", _scores(odd="(code**2).sum(axis=1)")),
        ("standard deviations", _scores(odd="(code**2 / usual.std(axis=0)).sum(axis=1)")),
        ("codes of x", _scores(odd="(code**2 / code.var(axis=0)).sum(axis=1)")),
        ("mean over the k numbers", _scores(odd="(code**2 / usual.var(axis=0)).mean(axis=1)")),
        (
            "singular values squared",
            _scores(odd="(code**2 / (usual**2).sum(axis=0)).sum(axis=1)"),
        ),
        ("still hold the mean", _scores(odd="((x @ rows.T) ** 2 / usual.var(axis=0)).sum(axis=1)")),
        ("belongs to the other score", _report("area_left", which=1)),
        ("belongs to the other score", _report("area_odd", which=0)),
        ("training digits for the normal", _report("area_left", usual="x_train")),
        ("in percent", _report("area_odd", value="100 * found")),
        ("not in the order", _report("area_odd", ks="32, 16, 8, 2")),
        ("normal and strange are swapped", _report("area_left", value="1 - found")),
        ("four areas", _report("area_odd", ks="2, 8, 16")),
        ("area_left at index (2,)", "area_left = [*area_left[:2], 0.9, *area_left[3:]]"),
    ],
}
