"""Wrong answers to the exercises on GANs: question -> [(part of the message, code)]."""


def _best(
    d="share * p / (share * p + (1 - share) * q)",
    value="share * np.sum(p * np.log(d)) + (1 - share) * np.sum(q * np.log(1 - d))",
    result="d, value",
    before="pass",
):
    return f"""
def best_discriminator(p, q, share):
    {before}
    d = {d}
    value = {value}
    return {result}
"""


def _count(
    *,
    distance="np.sqrt((gap**2).sum(axis=2))",
    near="distance <= radius",
    first="np.arange(len(centers)) == distance.argmin(axis=1)[:, None]",
    hits="near & first",
    covered="int((hits.sum(axis=0) >= least * len(samples)).sum())",
    good="hits.any(axis=1).mean()",
    result="covered, good",
    before="pass",
):
    return f"""
def modes(samples, centers, radius, least):
    {before}
    gap = samples[:, None] - centers[None]
    distance = {distance}
    near = {near}
    first = {first}
    hits = {hits}
    covered = {covered}
    good = {good}
    return {result}
"""


def _pays(
    *,
    minimax="-softplus(z)",
    other="softplus(-z)",
    minimax_slope="-sigmoid(z)",
    other_slope="sigmoid(z) - 1",
    when="saturating",
    value="values.mean()",
    slope="slopes / z.size",
    result="value, slope",
    before="pass",
):
    return f"""
def generator_loss(z, saturating):
    {before}
    if {when}:
        values, slopes = {minimax}, {minimax_slope}
    else:
        values, slopes = {other}, {other_slope}
    value, slope = {value}, {slope}
    return {result}
"""


def _judge(
    *,
    real_value="np.mean(softplus(real) - a * real)",
    fake_value="np.mean(softplus(fake) - b * fake)",
    to_real="(sigmoid(real) - a) / len(real)",
    to_fake="(sigmoid(fake) - b) / len(fake)",
    loss="on_real + on_fake",
    result="loss, to_real, to_fake",
    before="pass",
):
    return f"""
def discriminator_loss(real, fake, a, b):
    {before}
    on_real, on_fake = {real_value}, {fake_value}
    loss = {loss}
    to_real = {to_real}
    to_fake = {to_fake}
    return {result}
"""


def _smooth(d="(a * p + b * q) / (p + q)", before="pass"):
    return f"""
def best_smoothed(p, q, a, b):
    {before}
    return {d}
"""


def _move(
    *,
    first="pass",
    fake="generator.forward(noise)",
    both="np.concatenate([real, fake])",
    slopes="np.concatenate([(sigmoid(z[:n]) - 1) / n, sigmoid(z[n:]) / len(fake)])",
    judge="discriminator.backward(slopes)",
    learn="step(discriminator, rate)",
    between="pass",
    other="generator.forward(more_noise)",
    slope="(sigmoid(z) - 1) / len(z)",
    end="step(generator, rate)",
    last="pass",
):
    return f"""
def move(generator, discriminator, real, noise, more_noise, rate):
    n = len(real)
    {first}
    fake = {fake}
    z = discriminator.forward({both})
    slopes = {slopes}
    {judge}
    {learn}
    {between}
    z = discriminator.forward({other})
    slope = {slope}
    generator.backward(discriminator.backward(slope))
    {end}
    {last}
"""


FAKES_ONLY = """discriminator.forward(real); discriminator.backward((sigmoid(z[:n]) - 1) / n)
    discriminator.forward(fake); discriminator.backward(sigmoid(z[n:]) / len(fake))"""
REALS_ONLY = """discriminator.forward(fake); discriminator.backward(sigmoid(z[n:]) / len(fake))
    discriminator.forward(real); discriminator.backward((sigmoid(z[:n]) - 1) / n)"""
STALE = """discriminator.forward(real); discriminator.forward(fake)
    discriminator.backward((sigmoid(z[:n]) - 1) / n)
    kept = {k: g.copy() for k, g in discriminator.grads.items()}
    discriminator.backward(sigmoid(z[n:]) / len(fake))
    for k, g in discriminator.grads.items():
        g += kept[k]"""
TWO_STEPS = """discriminator.forward(real); discriminator.backward((sigmoid(z[:n]) - 1) / n)
    step(discriminator, rate)
    z = discriminator.forward(fake); discriminator.backward(sigmoid(z) / len(fake))"""


PLANTED = """
def move(generator, discriminator, real, noise, more_noise, rate):
    fake = generator.forward(noise)
    z = discriminator.forward(real)
    discriminator.backward((sigmoid(z) - 1) / len(real))
    z = discriminator.forward(fake)
    discriminator.backward(sigmoid(z) / len(fake))
    step(discriminator, rate)
    z = discriminator.forward(generator.forward(more_noise))
    to_fake = discriminator.backward((1 - sigmoid(z)) / len(z))
    generator.backward(to_fake)
    step(discriminator, rate)
    step(generator, rate)
"""


def _distance(
    *,
    cov="np.cov(x, rowvar=False)",
    gap="((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()",
    root="matrix_root(A)",
    inner="root @ B @ root",
    roots="np.sqrt(np.maximum(np.linalg.eigvalsh(inner), 0)).sum()",
    result="gap + np.trace(A) + np.trace(B) - 2 * roots",
    before="pass",
):
    return f"""
def frechet(a, b):
    {before}
    A, B = ({cov} for x in (a, b))
    gap = {gap}
    root = {root}
    inner = {inner}
    roots = {roots}
    return {result}
"""


def _penalty(
    *,
    s="np.where(x @ W + b > 0, 1, alpha)",
    g="(s * v) @ W.T",
    size="np.sqrt((g**2).sum(axis=1, keepdims=True))",
    value="((size - 1) ** 2).mean()",
    pull="2 * (size - 1) * g / size / len(x)",
    d_W="pull.T @ (s * v)",
    d_v="(s * (pull @ W)).sum(axis=0)",
    result="value, d_W, d_v",
    before="pass",
):
    return f"""
def gradient_penalty(x, W, b, v, alpha):
    {before}
    s = {s}
    g = {g}
    size = {size}
    value = {value}
    pull = {pull}
    d_W = {d_W}
    d_v = {d_v}
    return {result}
"""


def _slopes(
    *,
    q="softmax(theta)",
    cost="softplus(-phi)",
    d_theta="q * (cost - q @ cost)",
    d_phi="(p + q) * sigmoid(phi) - p",
    result="d_theta, d_phi",
    before="pass",
):
    return f"""
def slopes(p, theta, phi):
    {before}
    q = {q}
    cost = {cost}
    d_theta = {d_theta}
    d_phi = {d_phi}
    return {result}
"""


def _play(
    *,
    theta="theta - rate * slopes(p, theta, phi)[0]",
    phi="phi - rate * slopes(p, theta, phi)[1]",
    d_steps="d_steps",
    g_steps="g_steps",
    moves="moves",
    kept="softmax(theta)",
    before="pass",
    each="pass",
    result="np.array(history)",
):
    return f"""
def play(p, theta, phi, rate, d_steps, g_steps, moves):
    {before}
    history = []
    for _ in range({moves}):
        {each}
        for _ in range({d_steps}):
            phi = {phi}
        for _ in range({g_steps}):
            theta = {theta}
        history.append({kept})
    return {result}
"""


GENERATOR_FIRST = """
def play(p, theta, phi, rate, d_steps, g_steps, moves):
    history = []
    for _ in range(moves):
        for _ in range(g_steps):
            theta = theta - rate * slopes(p, theta, phi)[0]
        for _ in range(d_steps):
            phi = phi - rate * slopes(p, theta, phi)[1]
        history.append(softmax(theta))
    return np.array(history)
"""


def _report(name, value):
    return f"""
flat = np.zeros(8)
{name} = {value}
"""


def _greedy(d=5, g=100, moves=16, rate=2.0, first="start"):
    return f"play(real, {first}, flat, {rate}, {d}, {g}, {moves})"


WRONG = {
    "q1": [
        ("as if half of the batch were real", _best(d="p / (p + q)")),
        ("share of the fakes", _best(d="(1 - share) * q / (share * p + (1 - share) * q)")),
        ("share is that of the real", _best(d="(1 - share) * p / ((1 - share) * p + share * q)")),
        ("weighs the real samples only", _best(d="share * p / (share * p + q)")),
        ("below the line only", _best(d="p / (share * p + (1 - share) * q)")),
        ("above the line only", _best(d="share * p / (p + q)")),
        ("weighs the fakes only", _best(d="p / (p + (1 - share) * q)")),
        ("the odds", _best(d="share * p / ((1 - share) * q)", value="0.0")),
        ("not p against q", _best(d="p / q", value="0.0")),
        ("the logit", _best(d="np.log(share * p / ((1 - share) * q))", value="0.0")),
        ("takes sides", _best(d="(share * p > (1 - share) * q).astype(float)", value="0.0")),
        ("add up to 1", _best(d="p / (p + q) / (p / (p + q)).sum()")),
        ("without their shares", _best(value="np.sum(p * np.log(d)) + np.sum(q * np.log(1 - d))")),
        (
            "as if half of the batch were real",
            _best(value="(np.sum(p * np.log(d)) + np.sum(q * np.log(1 - d))) / 2"),
        ),
        (
            "shares are swapped",
            _best(value="(1 - share) * np.sum(p * np.log(d)) + share * np.sum(q * np.log(1 - d))"),
        ),
        ("the fakes are missing", _best(value="share * np.sum(p * np.log(d))")),
        ("the real samples are missing", _best(value="(1 - share) * np.sum(q * np.log(1 - d))")),
        (
            "ln(1 - D), not ln D",
            _best(value="share * np.sum(p * np.log(d)) + (1 - share) * np.sum(q * np.log(d))"),
        ),
        (
            "are not weighed by how often",
            _best(value="share * np.log(d).sum() + (1 - share) * np.log(1 - d).sum()"),
        ),
        (
            "loss of D",
            _best(value="-share * np.sum(p * np.log(d)) - (1 - share) * np.sum(q * np.log(1 - d))"),
        ),
        (
            "sum over the outcomes",
            _best(
                value="share * np.mean(p * np.log(d)) + (1 - share) * np.mean(q * np.log(1 - d))"
            ),
        ),
        (
            "sum over the outcomes",
            _best(value="share * p * np.log(d) + (1 - share) * q * np.log(1 - d)"),
        ),
        (
            "natural logarithm",
            _best(
                value="share * np.sum(p * np.log2(d)) + (1 - share) * np.sum(q * np.log2(1 - d))"
            ),
        ),
        ("return two things", _best(result="value")),
        ("changed in place", _best(before="p *= 0.5")),
    ],
    "q2": [
        ("belongs to its nearest center", _count(first="True", hits="near")),
        ("The radius is missing", _count(hits="first")),
        ("The squared distance", _count(distance="(gap**2).sum(axis=2)")),
        ("sum of absolute", _count(distance="np.abs(gap).sum(axis=2)")),
        ("exactly as far", _count(near="distance < radius")),
        ("A single sample", _count(covered="int(hits.any(axis=0).sum())")),
        (
            "of all samples, not of the good",
            _count(covered="int((hits.sum(axis=0) >= least * hits.sum()).sum())"),
        ),
        (
            "exactly the share",
            _count(covered="int((hits.sum(axis=0) > least * len(samples)).sum())"),
        ),
        ("not covered", _count(covered="int((hits.sum(axis=0) < least * len(samples)).sum())")),
        (
            "an even share",
            _count(covered="int((hits.sum(axis=0) >= least * len(samples) / len(centers)).sum())"),
        ),
        ("share of the modes", _count(covered="(hits.sum(axis=0) >= least * len(samples)).mean()")),
        ("for each mode", _count(covered="hits.sum(axis=0) >= least * len(samples)")),
        ("number of good samples", _count(good="int(hits.sum())")),
        ("share of bad", _count(good="1 - hits.any(axis=1).mean()")),
        ("over samples and centers", _count(good="hits.mean()")),
        (
            "covered modes only",
            _count(good="hits[:, hits.sum(axis=0) >= least * len(samples)].any(axis=1).mean()"),
        ),
        (
            "nearest sample of each center",
            _count(first="np.arange(len(samples))[:, None] == distance.argmin(axis=0)"),
        ),
        ("The first two numbers", _count(distance="np.sqrt((gap[..., :2] ** 2).sum(axis=2))")),
        ("beyond the radius", _count(near="distance > radius")),
        ("swapped", _count(result="good, covered")),
        ("return two things", _count(result="covered")),
        ("changed in place", _count(before="samples -= 1")),
        ("covered is 99, but it should be", _count(covered="99")),
    ],
    "q3": [
        ("two losses are swapped", _pays(when="not saturating")),
        ("non-saturating one, whatever", _pays(when="False")),
        ("minimax game, whatever", _pays(when="True")),
        ("wants small", _pays(minimax="softplus(z)")),
        ("wants small", _pays(other="-softplus(-z)")),
        ("D is wrong about", _pays(other="softplus(z)", other_slope="sigmoid(z)")),
        ("ln(1 - D), not ln D", _pays(minimax="-softplus(-z)", minimax_slope="1 - sigmoid(z)")),
        ("logarithm is missing", _pays(minimax="1 - sigmoid(z)")),
        ("logits are no probabilities", _pays(other="np.log(np.abs(z))")),
        ("is a sum", _pays(value="values.sum()")),
        ("is one number", _pays(value="values")),
        ("holds inf", _pays(minimax="np.log(1 - sigmoid(z))")),
        ("holds inf", _pays(other="-np.log(sigmoid(z))")),
        ("holds inf", _pays(other="np.log(1 + np.exp(z)) - z")),
        (
            "is cut off",
            _pays(
                minimax="np.log(np.clip(1 - sigmoid(z), 1e-7, 1))",
                other="-np.log(np.clip(sigmoid(z), 1e-7, 1))",
            ),
        ),
        ("divide the slope by their number", _pays(slope="slopes")),
        ("goes uphill", _pays(other_slope="1 - sigmoid(z)")),
        ("of the other loss", _pays(other_slope="-sigmoid(z)")),
        ("slope of the sigmoid alone", _pays(other_slope="sigmoid(z) * (1 - sigmoid(z))")),
        ("with respect to D", _pays(minimax_slope="-1 / (1 - sigmoid(np.minimum(z, 30)))")),
        ("with respect to D", _pays(other_slope="-1 / sigmoid(np.maximum(z, -30))")),
        ("one slope for each logit", _pays(slope="slopes.mean()")),
        ("return two things", _pays(result="value")),
        ("swapped: the value comes first", _pays(result="slope, value")),
        ("changed in place", _pays(before="z *= 2")),
    ],
    "q4": [
        ("The label a is missing in the loss", _judge(real_value="np.mean(softplus(real) - real)")),
        ("The label b is missing in the loss", _judge(fake_value="np.mean(softplus(fake))")),
        (
            "with 1 - b",
            _judge(fake_value="np.mean(softplus(fake) - (1 - b) * fake)"),
        ),
        (
            "Both halves of the cross-entropy",
            _judge(
                real_value="np.mean(a * softplus(-real))",
                fake_value="np.mean((1 - b) * softplus(fake))",
            ),
        ),
        ("add the two means", _judge(loss="(on_real + on_fake) / 2")),
        ("are sums", _judge(loss="on_real * len(real) + on_fake * len(fake)")),
        ("the fakes are missing", _judge(loss="on_real")),
        ("not smoothed in to_real", _judge(to_real="(sigmoid(real) - 1) / len(real)")),
        ("wrong way around in to_real", _judge(to_real="(a - sigmoid(real)) / len(real)")),
        ("number of real samples", _judge(to_real="sigmoid(real) - a")),
        ("number of real samples", _judge(to_real="(sigmoid(real) - a) / (len(real) + len(fake))")),
        ("not smoothed in to_fake", _judge(to_fake="sigmoid(fake) / len(fake)")),
        ("wrong way around in to_fake", _judge(to_fake="(b - sigmoid(fake)) / len(fake)")),
        (
            "The real samples' label stands in to_fake",
            _judge(to_fake="(sigmoid(fake) - a) / len(fake)"),
        ),
        ("number of fakes", _judge(to_fake="(sigmoid(fake) - b) / len(real)")),
        ("return three things", _judge(result="loss")),
        ("changed in place", _judge(before="real -= 1")),
        ("The labels are missing in best_smoothed", _smooth("p / (p + q)")),
        ("This is one-sided smoothing", _smooth("a * p / (p + q)")),
        ("Divide by p + q", _smooth("a * p + b * q")),
        ("labels are swapped in best_smoothed", _smooth("(b * p + a * q) / (p + q)")),
        ("the fakes' label is b", _smooth("(a * p + (1 - b) * q) / (p + q)")),
        ("the logit", _smooth("np.log((a * p + b * q) / ((1 - a) * p + (1 - b) * q))")),
        ("p was changed in place", _smooth(before="p *= 2")),
    ],
    "q5": [
        ("These are all three planted bugs", PLANTED),
        ("for the fakes alone", _move(judge=FAKES_ONLY)),
        ("for the real samples alone", _move(judge=REALS_ONLY)),
        ("forward pass of the fakes", _move(judge=STALE)),
        ("Two steps", _move(judge=TWO_STEPS)),
        (
            "one mean over the batch",
            _move(slopes="np.concatenate([sigmoid(z[:n]) - 1, sigmoid(z[n:])]) / len(z)"),
        ),
        (
            "divide by the number",
            _move(slopes="np.concatenate([sigmoid(z[:n]) - 1, sigmoid(z[n:])])"),
        ),
        (
            "takes fakes for real",
            _move(slopes="np.concatenate([sigmoid(z[:n]) / n, (sigmoid(z[n:]) - 1) / len(fake)])"),
        ),
        ("D learns the opposite", _move(learn="step(discriminator, -rate)")),
        ("D never moves", _move(learn="pass")),
        ("D moves in the generator's step as well", _move(last="step(discriminator, rate)")),
        (
            "D moves in the generator's step only",
            _move(learn="pass", last="step(discriminator, rate)"),
        ),
        (
            "first noise is for D",
            _move(fake="generator.forward(more_noise)", other="generator.forward(noise)"),
        ),
        ("first noise is for D", _move(fake="generator.forward(more_noise)")),
        ("G learns to be caught", _move(slope="(1 - sigmoid(z)) / len(z)")),
        ("G never moves", _move(end="pass")),
        ("minimax game", _move(slope="-sigmoid(z) / len(z)")),
        ("Divide the slope in the generator's step", _move(slope="sigmoid(z) - 1")),
        ("the second noise", _move(other="generator.forward(noise)")),
        (
            "before D has moved",
            _move(
                learn="pass",
                between="pending = {k: g.copy() for k, g in discriminator.grads.items()}",
                last="[w.__isub__(rate * pending[k]) for k, w in discriminator.params.items()]",
            ),
        ),
        ("G moves twice", _move(last="step(generator, rate)")),
        (
            "G moves in the discriminator's step as well",
            _move(
                judge="""discriminator.backward(slopes)
    z = discriminator.forward(fake)
    generator.backward(discriminator.backward(sigmoid(z) / len(fake)))
    step(generator, rate)
    z = discriminator.forward(np.concatenate([real, fake]))
    discriminator.backward(slopes)"""
            ),
        ),
        ("changed in place", _move(last="real -= 1")),
        (
            "D, all its weights in one row, at index",
            _move(
                last="discriminator.params['0.kernel'][0, 0] += 0.01",
            ),
        ),
    ],
    "q6": [
        (
            "mean of the squared gaps",
            _distance(gap="((a.mean(axis=0) - b.mean(axis=0)) ** 2).mean()"),
        ),
        ("Square the gap", _distance(gap="np.linalg.norm(a.mean(axis=0) - b.mean(axis=0))")),
        ("means are left out", _distance(gap="0.0")),
        ("covariances are left out", _distance(result="gap")),
        ("over all the numbers", _distance(gap="(a.mean() - b.mean()) ** 2")),
        ("Divide the covariances by N - 1", _distance(cov="np.cov(x, rowvar=False, bias=True)")),
        ("correlations", _distance(cov="np.corrcoef(x, rowvar=False)")),
        ("Subtract the mean", _distance(cov="x.T @ x / (len(x) - 1)")),
        ("off the diagonal", _distance(cov="np.diag(x.var(axis=0, ddof=1))")),
        ("The factor 2", _distance(result="gap + np.trace(A) + np.trace(B) - roots")),
        ("minus twice", _distance(result="gap + np.trace(A) + np.trace(B) + 2 * roots")),
        ("no cloud is at distance 0", _distance(result="gap + np.trace(A) + np.trace(B)")),
        ("root of every entry", _distance(root="np.sign(A) * np.sqrt(np.abs(A))")),
        ("The root of the eigenvalues", _distance(roots="np.linalg.eigvalsh(inner).sum()")),
        ("do not commute", _distance(roots="np.trace(matrix_root(A) @ matrix_root(B))")),
        ("is not symmetric", _distance(inner="A @ B")),
        ("Only one root of A", _distance(inner="root @ B")),
        ("A itself stands", _distance(root="A")),
        ("root of their sum", _distance(roots="np.sqrt(np.trace(inner))")),
        (
            "The last root is too much",
            _distance(result="np.sqrt(max(gap + np.trace(A) + np.trace(B) - 2 * roots, 0))"),
        ),
        ("covariances differ entry by entry", _distance(result="gap + ((A - B) ** 2).sum()")),
        ("below 0 by rounding", _distance(roots="np.sqrt(np.linalg.eigvalsh(inner)).sum()")),
        ("changed in place", _distance(before="a -= a.mean(axis=0)")),
        ("of the samples, not of the numbers", _distance(cov="np.cov(x)")),
        ("shape", _distance(result="A + B - 2 * roots")),
    ],
    "q7": [
        ("The target is missing", _penalty(value="(size**2).mean()")),
        ("The root is missing", _penalty(value="((size**2 - 1) ** 2).mean()")),
        ("one length for the whole batch", _penalty(value="(np.linalg.norm(g) - 1) ** 2")),
        ("The mean of the lengths", _penalty(value="(size.mean() - 1) ** 2")),
        ("is a sum", _penalty(value="((size - 1) ** 2).sum()")),
        ("without its bends", _penalty(s="np.ones((len(x), len(b)))")),
        ("That is ReLU", _penalty(s="(x @ W + b > 0).astype(float)")),
        ("The bias is missing", _penalty(s="np.where(x @ W > 0, 1, alpha)")),
        ("v is missing", _penalty(g="s @ W.T")),
        ("every penalty above 0", _penalty(value="(np.maximum(size - 1, 0) ** 2).mean()")),
        ("is the pull on g", _penalty(result="value, pull, d_v")),
        ("the target in d_W", _penalty(d_W="(2 * g / len(x)).T @ (s * v)")),
        ("direction", _penalty(d_W="(2 * (size - 1) * g / len(x)).T @ (s * v)")),
        ("mean over the samples in d_W", _penalty(d_W="pull.T @ (s * v) * len(x)")),
        ("v is missing in d_W", _penalty(d_W="pull.T @ s")),
        (
            "slopes of the bends are missing in d_W",
            _penalty(d_W="pull.T @ np.broadcast_to(v, s.shape)"),
        ),
        ("W transposed", _penalty(d_W="(s * v).T @ pull")),
        ("penalty on D itself", _penalty(d_W="x.T @ (s * v) * pull.mean()", d_v="v")),
        ("slopes of the bends are missing in d_v", _penalty(d_v="(pull @ W).sum(axis=0)")),
        ("divided by N twice", _penalty(d_v="(s * (pull @ W)).mean(axis=0)")),
        ("v stands in d_v", _penalty(d_v="(s * v * (pull @ W)).sum(axis=0)")),
        ("d_v has the wrong sign", _penalty(d_v="-(s * (pull @ W)).sum(axis=0)")),
        ("return three things", _penalty(result="value")),
        ("changed in place", _penalty(before="W *= 0.9")),
        ("d_v has the shape", _penalty(d_v="s * (pull @ W)")),
    ],
    "q8": [
        ("slope of softmax", _slopes(d_theta="cost")),
        ("slope of softmax", _slopes(d_theta="cost - q @ cost")),
        ("mean cost is missing", _slopes(d_theta="q * cost")),
        ("G learns to be caught", _slopes(d_theta="-q * (cost - q @ cost)")),
        ("minimax game", _slopes(cost="-softplus(phi)")),
        ("not weighed by p and q", _slopes(d_phi="2 * sigmoid(phi) - 1")),
        ("D learns the opposite", _slopes(d_phi="p - (p + q) * sigmoid(phi)")),
        ("takes fakes for real", _slopes(d_phi="(p + q) * sigmoid(phi) - q")),
        ("return two things", _slopes(result="d_theta")),
        ("changed in place", _slopes(before="theta -= 1")),
        ("uphill", _play(theta="theta + rate * slopes(p, theta, phi)[0]")),
        ("learning rate", _play(theta="theta - slopes(p, theta, phi)[0]")),
        ("D must move first", GENERATOR_FIRST),
        ("swapped in play", _play(d_steps="g_steps", g_steps="d_steps")),
        ("D never moves", _play(phi="phi")),
        ("starts anew", _play(before="first, second = theta, phi", each="phi = second")),
        ("is still blank", "effective_together = ..."),
        ("of the patient", _report("effective_greedy", f"effective({_greedy(g=1)})")),
        ("of the greedy", _report("effective_patient", f"effective({_greedy()})")),
        ("1 step of D", _report("effective_greedy", f"effective({_greedy(1, 100)})")),
        ("rate of 1", _report("effective_greedy", f"effective({_greedy(rate=1.0)})")),
        ("for each of the 16 moves", _report("effective_greedy", f"effective({_greedy()})[-1]")),
        ("for each of the 16 moves", _report("effective_greedy", f"effective({_greedy(moves=8)})")),
        (
            "first average the distributions",
            _report("effective_together", f"effective({_greedy()}[-8:]).mean()"),
        ),
        ("all 16 moves", _report("effective_together", f"effective({_greedy()}.mean(axis=0))")),
        ("the last move alone", _report("effective_together", f"effective({_greedy()}[-1])")),
    ],
}
