"""Wrong answers to the exercises on regularization: question -> [(part of the message, code)]."""


def _weight(
    moved="np.sign(a) * np.maximum(c * np.abs(a) - l1 / 2, 0)", w="moved / (c + l2)", change="pass"
):
    return f"""
def best_weight(a, c, l1, l2):
    {change}
    moved = {moved}
    w = {w}
    return w
"""


def _dropout(
    *,
    kept="chance < 1 - rate",
    mask="kept / (1 - rate)",
    z="x * mask",
    d_x="grad * mask",
    idle="x, grad",
    ever="not training",
    result="z, d_x",
    before="pass",
):
    return f"""
def dropout(x, grad, rate, chance, training):
    {before}
    if {ever}:
        return {idle}
    kept = {kept}
    mask = {mask}
    z = {z}
    d_x = {d_x}
    return {result}
"""


def _stopping(
    *,
    better="loss < lowest - min_delta",
    wait="wait + 1",
    after="0",
    enough="wait >= patience",
    lowest="loss",
    found="epoch",
    each="pass",
    result="best, epoch",
    end="best, len(losses) - 1",
    start="np.inf",
):
    return f"""
def early_stopping(losses, patience, min_delta):
    best, lowest, wait = 0, {start}, 0
    for epoch, loss in enumerate(losses):
        if {better}:
            best, lowest, wait = {found}, {lowest}, {after}
        else:
            wait = {wait}
            if {enough}:
                return {result}
        {each}
    return {end}
"""


def _mirror(
    *,
    chosen="(chance < rate) & (partner[y] >= 0)",
    turned="new_x[chosen][:, :, ::-1]",
    labels="partner[y[chosen]]",
    who="chosen",
    copies="x.copy(), y.copy()",
    result="new_x, new_y",
):
    return f"""
def mirror(x, y, partner, chance, rate):
    new_x, new_y = {copies}
    chosen = {chosen}
    new_x[chosen] = {turned}
    new_y[{who}] = {labels}
    return {result}
"""


def _smooth(
    *,
    target="t * (1 - smoothing) + smoothing / t.shape[1]",
    target_back=None,
    data="-(target * log_softmax(z)).sum(axis=1).mean()",
    penalty="l1 * np.abs(w).sum() + l2 * (w**2).sum()",
    d_z="(softmax(z) - target_back) / len(x)",
    d_w="x.T @ d_z + l1 * np.sign(w) + 2 * l2 * w",
    d_b="d_z.sum(axis=0)",
    result="loss, d_w, d_b",
    before="pass",
    z="x @ w + b",
):
    return f"""
def loss_and_gradients(x, t, w, b, l1, l2, smoothing):
    {before}
    z = {z}
    target = {target}
    target_back = {target_back or "target"}
    loss = {data} + {penalty}
    d_z = {d_z}
    d_w = {d_w}
    d_b = {d_b}
    return {result}
"""


def _lasso(
    *,
    pull="w = soft_threshold(w, rate * l1)",
    w="w - rate * 2 * X.T @ error / len(y)",
    b="b - rate * 2 * error.mean()",
    more="pass",
    first="pass",
    end="pass",
    steps="range(steps)",
    result="w, b",
    error="X @ w + b - y",
):
    return f"""
def lasso(X, y, l1, rate, steps):
    w, b = np.zeros(X.shape[1]), 0.0
    for _ in {steps}:
        error = {error}
        {first}
        w = {w}
        b = {b}
        {pull}
        {more}
    {end}
    return {result}
"""


def _bag(
    *,
    mark="seen[model, numbers] = True",
    use="~seen",
    count="use.sum(axis=0)",
    weights="use",
    empty="np.nan",
    result="found",
):
    return f"""
def out_of_bag(predictions, drawn):
    seen = np.zeros(predictions.shape[:2], dtype=bool)
    for model, numbers in enumerate(drawn):
        {mark}
    use = {use}
    count = {count}
    total = (predictions * ({weights})[:, :, None]).sum(axis=0)
    found = np.full(total.shape, {empty})
    some = use.sum(axis=0) > 0
    found[some] = total[some] / np.broadcast_to(count, some.shape)[some][:, None]
    return {result}
"""


def _attack(
    result="np.clip(x + epsilon * np.sign(slope), 0, 1)",
    slope="(p - y)[:, None] * w",
    p="sigmoid(x @ w + b)",
    before="pass",
):
    return f"""
def attack(w, b, x, y, epsilon):
    {before}
    p = {p}
    slope = {slope}
    return {result}
"""


def _train(attacked="attack(w, b, x, y, epsilon)", before="pass", keep="pass"):
    return f"""
def train(x, y, epsilon, steps=300, rate=0.5):
    w, b = np.zeros(x.shape[1]), 0.0
    {before}
    for _ in range(steps):
        attacked = {attacked}
        {keep}
        error = sigmoid(attacked @ w + b) - y
        w = w - rate * attacked.T @ error / len(y)
        b = b - rate * error.mean()
    return w, b
"""


def _report(
    name,
    *,
    epsilon=0.0,
    of="*test",
    epsilons="0, 0.1, 0.2, 0.3",
    on="train(*known, {})",
    attacker=None,
    value="(hits == labels).mean()",
):
    return f"""
w, b = {on.format(epsilon)}
w_attack, b_attack = {attacker or "w, b"}
{name} = []
for epsilon in ({epsilons}):
    images, labels = ({of},)[0:2]
    hits = (attack(w_attack, b_attack, images, labels, epsilon) @ w + b > 0)
    {name}.append({value})
"""


WRONG = {
    "q1": [
        ("half of l1", _weight("np.sign(a) * np.maximum(c * np.abs(a) - l1, 0)")),
        ("half of l1", _weight("np.sign(a) * np.maximum(c * np.abs(a) - 2 * l1, 0)")),
        ("half of l1", _weight("np.sign(a) * np.maximum(c * np.abs(a) - l1 / 4, 0)")),
        (
            "A steep bowl resists",
            _weight("np.sign(a) * np.maximum(np.abs(a) - l1 / 2, 0)", "c * moved / (c + l2)"),
        ),
        (
            "The steepness c is missing in the first line",
            _weight("np.sign(a) * np.maximum(np.abs(a) - l1 / 2, 0)"),
        ),
        ("The steepness c is missing in the second line", _weight(w="moved / (1 + l2)")),
        ("The steepness c is missing in both lines", _weight(w="moved / (1 + l2)", change="c = 1")),
        ("the 2 of both slopes cancels", _weight(w="moved / (c + 2 * l2)")),
        ("half of l2 only", _weight(w="moved / (c + l2 / 2)")),
        ("The second price is missing", _weight(w="moved / c")),
        ("The second line is missing: divide", _weight(w="moved")),
        ("The first price is missing", _weight("c * a")),
        ("goes past 0", _weight("np.sign(a) * (c * np.abs(a) - l1 / 2)")),
        (
            "keep their full size",
            _weight("np.where(c * np.abs(a) > l1 / 2, c * a, 0)"),
        ),
        ("lost its sign", _weight("np.maximum(c * np.abs(a) - l1 / 2, 0)")),
        ("left of 0", _weight("np.maximum(c * a - l1 / 2, 0)")),
        ("away from 0", _weight("np.sign(a) * np.maximum(c * np.abs(a) + l1 / 2, 0)")),
        (
            "Move first, then divide",
            _weight("c * a / (c + l2)", "np.sign(a) * np.maximum(np.abs(moved) - l1 / 2, 0)"),
        ),
        ("multiplied by c + l2", _weight(w="moved * (c + l2)")),
        ("only clipped", _weight("np.clip(c * a, -l1 / 2, l1 / 2)")),
        ("l1 and l2 are swapped", _weight(change="l1, l2 = l2, l1")),
        ("return w, not moved", _weight(w="moved / (c + l2)").replace("return w", "return moved")),
        ("is still blank", _weight(w="...")),
        ("it should be", _weight(w="moved / (c + l2) ** 2")),
        ("must take (a, c", "best_weight = lambda x, k, p, q: x"),
        ("changed in place", _weight(change="a -= 0.1")),
    ],
    "q2": [
        ("survivors of z are not scaled", _dropout(z="x * kept")),
        ("survivors are scaled twice", _dropout(z="x * mask / (1 - rate)")),
        ("You multiplied the survivors by", _dropout(z="x * kept * (1 - rate)")),
        ("not by the rate", _dropout(z="x * kept / rate")),
        ("These are the ones to drop", _dropout(kept="chance >= 1 - rate")),
        ("kept and dropped swapped", _dropout(kept="chance < rate")),
        ("for the share that stays", _dropout(kept="chance < rate", z="x * kept / rate")),
        ("but other entries", _dropout(kept="chance >= rate")),
        ("one mask for all samples", _dropout(kept="(chance < 1 - rate)[:1]")),
        (
            "one mask for all entries of a sample",
            _dropout(kept="(chance < 1 - rate)[..., :1]"),
        ),
        ("the share that happened to survive", _dropout(z="x * kept / kept.mean()")),
        ("You added the mask", _dropout(z="x + mask")),
        ("You returned the mask", _dropout(z="mask")),
        ("does the mask never reach z", _dropout(z="x")),
        ("goes on in use", _dropout(ever="False")),
        ("In use nothing is dropped", _dropout(idle="x * (1 - rate), grad")),
        ("In use the gradient", _dropout(idle="x, grad * (1 - rate)")),
        (
            "In use the gradient is not masked",
            _dropout(idle="x, grad * (chance < 1 - rate) / (1 - rate)"),
        ),
        ("are training and use swapped", _dropout(ever="training")),
        ("passes no gradient to x where", _dropout(d_x="grad * (z != 0) / (1 - rate)")),
        ("d_x is the gradient as it came", _dropout(d_x="grad")),
        ("In d_x the factor", _dropout(d_x="grad * kept")),
        ("must not contain x", _dropout(d_x="grad * mask * x")),
        ("must not contain x", _dropout(d_x="grad * z")),
        ("d_x is the mask alone", _dropout(d_x="mask")),
        ("chain rule divides nowhere", _dropout(d_x="grad * kept * (1 - rate)")),
        ("twice in d_x", _dropout(d_x="grad * mask * mask")),
        ("return two things", _dropout(result="z")),
        ("z and d_x are swapped", _dropout(result="d_x, z")),
        ("changed in place", _dropout(before="x *= 1 + (rate > 0)")),
        ("the dropout of use, dropout(x, grad, rate, chance, False), must", _dropout(idle="None")),
        ("it should be", _dropout(z="x * mask + 0.1")),
    ],
    "q3": [
        (
            "looks into the future",
            _stopping(result="int(np.argmin(losses)), epoch", end="int(np.argmin(losses)), epoch"),
        ),
        ("An equal loss is no improvement", _stopping(better="loss <= lowest - min_delta")),
        ("min_delta is missing", _stopping(better="loss < lowest")),
        ("min_delta has the wrong sign", _stopping(better="loss < lowest + min_delta")),
        ("share of the best loss", _stopping(better="loss < lowest * (1 - min_delta)")),
        ("starts again at 0", _stopping(after="wait")),
        (
            "with the epoch before",
            _stopping(
                better="epoch == 0 or loss < losses[epoch - 1] - min_delta",
            ),
        ),
        ("one epoch too late", _stopping(enough="wait > patience")),
        ("one epoch too early", _stopping(enough="wait + 1 >= patience")),
        ("returned the last epoch twice", _stopping(result="epoch, epoch", end="epoch, epoch")),
        ("are swapped", _stopping(result="epoch, best", end="epoch, best")),
        (
            "Count epochs from 0",
            _stopping(result="best + 1, epoch + 1", end="best + 1, epoch + 1"),
        ),
        ("the training ends with the list", _stopping(end="best, best + patience")),
        ("the number of epochs", _stopping(end="best, len(losses)")),
        ("does not move the mark", _stopping(each="lowest = min(lowest, loss)")),
        (
            "by less than min_delta is no new best",
            _stopping(
                result="int(np.argmin(losses[: epoch + 1])), epoch",
                end="int(np.argmin(losses)), epoch",
            ),
        ),
        ("Never stopping", _stopping(enough="False")),
        ("A smaller loss is better", _stopping(better="loss > lowest + min_delta", start="-9.0")),
        (
            "min_delta is missing",
            "def early_stopping(losses, patience, min_delta):\n"
            "    best = 0\n    for epoch, loss in enumerate(losses):\n"
            "        if loss < losses[best]:\n            best = epoch\n"
            "        elif epoch - best >= patience:\n            break\n    return best, epoch\n",
        ),
        ("first rise", _stopping(enough="True")),
        ("not losses", _stopping(result="lowest, loss", end="lowest, loss")),
        ("must return two", _stopping(result="best", end="best")),
        ("is None", _stopping(end="None", enough="False")),
        ("must be whole", _stopping(result="best + 0.5, epoch", end="best + 0.5, epoch")),
        ("it should be", _stopping(result="0, epoch", end="0, epoch")),
    ],
    "q4": [
        ("upside down", _mirror(turned="new_x[chosen][:, ::-1]")),
        ("by 180 degrees", _mirror(turned="new_x[chosen][:, ::-1, ::-1]")),
        ("The channels are flipped", _mirror(turned="new_x[chosen][..., ::-1]")),
        ("swaps images", _mirror(turned="new_x[chosen][::-1]")),
        ("rows became columns", _mirror(turned="new_x[chosen].transpose(0, 2, 1, 3)")),
        ("The labels are as before", _mirror(labels="y[chosen]")),
        (
            "also where the image stays",
            _mirror(who="partner[y] >= 0", labels="partner[y[partner[y] >= 0]]"),
        ),
        ("Every image is flipped", _mirror(chosen="partner[y] >= 0")),
        ("no class to be in", _mirror(chosen="chance < rate")),
        (
            "no class to be in",
            _mirror(
                chosen="chance < rate", labels="np.where(partner[y] < 0, y, partner[y])[chosen]"
            ),
        ),
        ("flipped where chance is below", _mirror(chosen="(chance >= rate) & (partner[y] >= 0)")),
        (
            "is its own mirror image",
            _mirror(chosen="(chance < rate) & (partner[y] >= 0) & (partner[y] != y)"),
        ),
        ("class 0 is a class", _mirror(chosen="(chance < rate) & (partner[y] > 0)")),
        ("changed in place", _mirror(copies="x, y")),
        ("labels was changed in place", _mirror(copies="x.copy(), y")),
        ("Every image is flipped", _mirror(chosen="(chance[0] < rate) & (partner[y] >= 0)")),
        ("No image is flipped", _mirror(turned="new_x[chosen]")),
        ("fill the first places", _mirror(who="slice(chosen.sum())")),
        ("one new label for all", _mirror(labels="partner[y[chosen]][:1]")),
        (
            "the length must stay",
            _mirror(result="np.concatenate([x, new_x]), np.concatenate([y, new_y])"),
        ),
        ("return two things", _mirror(result="new_x")),
        ("images and labels are swapped", _mirror(result="new_y, new_x")),
        ("labels at index", _mirror(labels="partner[y[chosen]] + 1")),
        ("images at index", _mirror(turned="new_x[chosen][:, :, ::-1] * 2")),
    ],
    "q5": [
        (
            "The penalty is missing in the loss",
            _smooth(penalty="0"),
        ),
        ("l1 is missing in the loss", _smooth(penalty="l2 * (w**2).sum()")),
        ("l2 is missing in the loss", _smooth(penalty="l1 * np.abs(w).sum()")),
        ("no 1/2 before l2", _smooth(penalty="l1 * np.abs(w).sum() + l2 * (w**2).sum() / 2")),
        (
            "without its root",
            _smooth(penalty="l1 * np.abs(w).sum() + l2 * np.linalg.norm(w)"),
        ),
        ("L1 adds absolute values", _smooth(penalty="l1 * w.sum() + l2 * (w**2).sum()")),
        (
            "The bias pays in your loss",
            _smooth(
                penalty="l1 * (np.abs(w).sum() + np.abs(b).sum())"
                " + l2 * ((w**2).sum() + (b**2).sum())"
            ),
        ),
        (
            "The penalty counts once",
            _smooth(penalty="(l1 * np.abs(w).sum() + l2 * (w**2).sum()) / len(x)"),
        ),
        (
            "The penalty counts once",
            _smooth(penalty="(l1 * np.abs(w).sum() + l2 * (w**2).sum()) * len(x)"),
        ),
        ("means of the penalty", _smooth(penalty="l1 * np.abs(w).mean() + l2 * (w**2).mean()")),
        ("l1 and l2 are swapped", _smooth(penalty="l2 * np.abs(w).sum() + l1 * (w**2).sum()")),
        ("the sum over the samples", _smooth(data="-(target * log_softmax(z)).sum()")),
        ("a mean over the classes, too", _smooth(data="-(target * log_softmax(z)).mean()")),
        (
            "labels are not smoothed in the loss",
            _smooth(data="-(t * log_softmax(z)).sum(axis=1).mean()"),
        ),
        (
            "shared among all C classes",
            _smooth(target="t * (1 - smoothing) + (1 - t) * smoothing / (t.shape[1] - 1)"),
        ),
        (
            "The right class gets its share",
            _smooth(target="t * (1 - smoothing) + (1 - t) * smoothing / t.shape[1]"),
        ),
        ("sum to more than 1", _smooth(target="t + smoothing / t.shape[1]")),
        ("divide it by the number of classes", _smooth(target="t * (1 - smoothing) + smoothing")),
        ("sum to less than 1", _smooth(target="t * (1 - smoothing)")),
        (
            "Smooth the labels, not",
            _smooth(
                data="-(t * np.log(softmax(z) * (1 - smoothing)"
                " + smoothing / t.shape[1])).sum(axis=1).mean()"
            ),
        ),
        (
            "The loss has the wrong sign",
            _smooth(data="(target * log_softmax(z)).sum(axis=1).mean()"),
        ),
        ("The logarithm is missing", _smooth(data="-(target * softmax(z)).sum(axis=1).mean()")),
        ("The bias is missing in the scores", _smooth(z="x @ w")),
        ("The penalty is missing in d_w", _smooth(d_w="x.T @ d_z")),
        ("l1 is missing in d_w", _smooth(d_w="x.T @ d_z + 2 * l2 * w")),
        ("l2 is missing in d_w", _smooth(d_w="x.T @ d_z + l1 * np.sign(w)")),
        ("slope of l2", _smooth(d_w="x.T @ d_z + l1 * np.sign(w) + l2 * w")),
        ("slope of l1", _smooth(d_w="x.T @ d_z + l1 * np.abs(w) + 2 * l2 * w")),
        ("slope of l1", _smooth(d_w="x.T @ d_z + l1 * w + 2 * l2 * w")),
        ("slope of l1", _smooth(d_w="x.T @ d_z + l1 + 2 * l2 * w")),
        (
            "divided by N in d_w",
            _smooth(d_w="x.T @ d_z + (l1 * np.sign(w) + 2 * l2 * w) / len(x)"),
        ),
        ("wrong sign in d_w", _smooth(d_w="x.T @ d_z - l1 * np.sign(w) - 2 * l2 * w")),
        ("leaves out the data", _smooth(d_w="l1 * np.sign(w) + 2 * l2 * w")),
        ("Divide the gradient of the data", _smooth(d_z="softmax(z) - target_back")),
        ("number of classes, too", _smooth(d_z="(softmax(z) - target_back) / t.size")),
        ("labels minus probabilities", _smooth(d_z="(target_back - softmax(z)) / len(x)")),
        ("not smoothed in d_w", _smooth(target_back="t")),
        (
            "only where the label is 1",
            _smooth(d_z="t * (softmax(z) - target_back) / len(x)"),
        ),
        ("The shape of d_w is that of w transposed", _smooth(result="loss, d_w.T, d_b")),
        ("The bias is left alone", _smooth(d_b="d_z.sum(axis=0) + l1 * np.sign(b) + 2 * l2 * b")),
        ("d_b is divided by N twice", _smooth(d_b="d_z.mean(axis=0)")),
        ("d_b must be a sum over the samples", _smooth(d_b="(softmax(z) - target).sum(axis=0)")),
        ("d_b has the shape", _smooth(d_b="d_z.sum()")),
        ("d_b has the shape", _smooth(d_b="d_z.sum(axis=1)")),
        ("d_b has the wrong sign", _smooth(d_b="-d_z.sum(axis=0)")),
        ("not smoothed in d_b", _smooth(d_b="(softmax(z) - t).mean(axis=0)")),
        ("return three things", _smooth(result="loss")),
        ("changed in place", _smooth(before="w *= 0.9")),
        ("it should be", _smooth(d_w="x.T @ d_z + l1 * np.sign(w) + 2 * l2 * w + 0.01 * w * w")),
    ],
    "q6": [
        (
            "These are both planted bugs",
            _lasso(pull="w = soft_threshold(w, l1)", more="b = soft_threshold(b, rate * l1)"),
        ),
        ("The bias still pays", _lasso(more="b = soft_threshold(b, rate * l1)")),
        ("has no learning rate in it", _lasso(pull="w = soft_threshold(w, l1)")),
        (
            "Both pulls are too strong",
            _lasso(pull="w = soft_threshold(w, l1)", more="b = soft_threshold(b, l1)"),
        ),
        ("half as strong", _lasso(pull="w = soft_threshold(w, rate * l1 / 2)")),
        ("twice as strong", _lasso(pull="w = soft_threshold(w, 2 * rate * l1)")),
        (
            "The penalty does not count the samples",
            _lasso(pull="w = soft_threshold(w, rate * l1 / len(y))"),
        ),
        ("The penalty is gone", _lasso(pull="pass")),
        (
            "no weight is exactly 0",
            _lasso(pull="pass", w="w - rate * (2 * X.T @ error / len(y) + l1 * np.sign(w))"),
        ),
        ("once, after the last step", _lasso(pull="pass", end="w = soft_threshold(w, rate * l1)")),
        ("once, after the last step", _lasso(pull="pass", end="w = soft_threshold(w, l1)")),
        ("comes before the step", _lasso(pull="pass", first="w = soft_threshold(w, rate * l1)")),
        ("The bias is never learned", _lasso(b="0.0")),
        ("This is L2", _lasso(pull="w = w / (1 + rate * l1)")),
        ("This is L2", _lasso(pull="w = w * (1 - 2 * rate * l1)")),
        ("small weights are set to 0", _lasso(pull="w = np.where(np.abs(w) > rate * l1, w, 0)")),
        ("for as many steps as asked", _lasso(steps="range(steps // 2)")),
        ("The first step", _lasso(more="b = (y - X @ w).mean()")),
        ("The first step", _lasso(first="rate = 1.1 * rate if _ == 0 else rate")),
        ("uphill", _lasso(w="w + rate * 2 * X.T @ error / len(y)", steps="range(min(steps, 60))")),
        ("return two things", _lasso(result="w")),
        ("changed in place", _lasso(end="y -= 1")),
        ("it should be", _lasso(pull="w = soft_threshold(w, 0.7 * rate * l1)")),
    ],
    "q7": [
        ("all models have a say", _bag(use="seen | True")),
        ("have seen the sample", _bag(use="seen")),
        ("This is a sum", _bag(count="1")),
        ("divide by the number of models that count", _bag(count="len(drawn)")),
        ("nan, not 0", _bag(empty="0.0")),
        (
            "The first model that has not seen",
            _bag(weights="use & (use.cumsum(axis=0) == 1)", count="1"),
        ),
        (
            "drawn holds numbers of samples",
            _bag(mark="seen[model] = numbers == np.arange(len(numbers))"),
        ),
        ("drawn holds numbers of samples", _bag(mark="seen[model] = numbers > 0")),
        ("the draws of the first model", _bag(mark="seen[:, drawn[0]] = True")),
        ("one model has drawn was marked for all", _bag(mark="seen[:, numbers] = True")),
        (
            "each draw counts",
            _bag(
                mark="seen[model, numbers] = True",
                weights="1 - np.array([np.bincount(n, minlength=len(n)) for n in drawn])",
            ),
        ),
        (
            "the median",
            """
def out_of_bag(predictions, drawn):
    found = np.full(predictions.shape[1:], np.nan)
    for n in range(len(found)):
        rest = [p[n] for p, numbers in zip(predictions, drawn) if n not in numbers]
        if rest:
            found[n] = np.median(rest, axis=0)
    return found
""",
        ),
        (
            "an average over the classes",
            _bag(result="np.nanmean(np.where(found != found, 0, found), axis=1)"),
        ),
        ("most likely class", _bag(result="np.where(found != found, 0, found).argmax(axis=1)")),
        ("its shape", _bag(result="found.T")),
        ("its shape", _bag(result="found[some]")),
        (
            "only drawn once",
            _bag(mark="seen[model] = np.bincount(numbers, minlength=len(numbers)) == 1"),
        ),
        (
            "more than once",
            _bag(mark="seen[model] = np.bincount(numbers, minlength=len(numbers)) > 1"),
        ),
        ("was changed in place", _bag(mark="seen[model, numbers] = True; drawn[model] = 0")),
        (
            "holds nan where",
            _bag(result="found * np.where(np.arange(len(found)) == 1, np.nan, 1)[:, None]"),
        ),
        ("it should be", _bag(result="found * 1.01 - 0.001")),
    ],
    "q8": [
        ("lowers the loss", _attack("np.clip(x - epsilon * np.sign(slope), 0, 1)")),
        ("The sign is missing", _attack("np.clip(x + epsilon * slope, 0, 1)")),
        (
            "direction of the gradient",
            _attack(
                "np.clip(x + epsilon * slope / np.linalg.norm(slope, axis=1, keepdims=True), 0, 1)"
            ),
        ),
        ("between 0 and 1", _attack("x + epsilon * np.sign(slope)")),
        ("Clip the images, not", _attack("x + np.clip(epsilon * np.sign(slope), 0, 1)")),
        ("between 0 and 1", _attack("np.clip(x, 0, 1) + epsilon * np.sign(slope)")),
        ("does not ask for the label", _attack(slope="np.ones((len(x), 1)) * w")),
        ("does not ask for the label", _attack(slope="p[:, None] * w")),
        ("gradient by the weights", _attack(slope="(p - y)[:, None] * x")),
        ("sign of the weights is missing", _attack(slope="(p - y)[:, None] * np.ones_like(w)")),
        ("sign of the weights is missing", _attack(slope="(p - y)[:, None] * np.abs(w)")),
        ("The epsilon is missing", _attack("np.clip(x + np.sign(slope), 0, 1)")),
        ("what the model says", _attack(slope="(p - (p > 0.5))[:, None] * w")),
        ("the change alone", _attack("epsilon * np.sign(slope)")),
        (
            "the score before the sigmoid",
            _attack(slope="(p - y)[:, None] * w", p="x @ w + b"),
        ),
        ("changed in place", _attack(before="x += 0.1")),
        (
            "attack(w, b, x, y, epsilon) has the shape",
            _attack("np.clip(x[0] + epsilon * np.sign(slope[0]), 0, 1)"),
        ),
        ("trains on the images as they are", _train("x")),
        ("weights of the moment", _train("first", before="first = attack(w, b, x, y, epsilon)")),
        ("Attack the images anew", _train(keep="x = attacked")),
        ("on top of one another", _train("attack(w, b, attack(w, b, x, y, epsilon), y, epsilon)")),
        ("whatever epsilon says", _train("attack(w, b, x, y, 0.2)")),
        ("with random signs", _train("np.clip(x + epsilon * np.sign(np.sin(1e3 * x)), 0, 1)")),
        ("is still blank", "accuracy_plain = ..."),
        ("is still blank", "accuracy_defended = ..."),
        ("of the other model", _report("accuracy_plain", epsilon=0.2)),
        ("of the other model", _report("accuracy_defended", epsilon=0.0)),
        ("on the training images", _report("accuracy_plain", of="*known")),
        ("on the training images", _report("accuracy_defended", of="*known", epsilon=0.2)),
        ("trained with an epsilon of 0.1", _report("accuracy_defended", epsilon=0.1)),
        (
            "weights of its own",
            _report("accuracy_defended", epsilon=0.2, attacker="train(*known, 0.0)"),
        ),
        ("weights of its own", _report("accuracy_plain", attacker="train(*known, 0.2)")),
        ("share of errors", _report("accuracy_plain", value="(hits != labels).mean()")),
        (
            "share of errors",
            _report("accuracy_defended", value="(hits != labels).mean()", epsilon=0.2),
        ),
        ("counts images", _report("accuracy_plain", value="(hits == labels).sum()")),
        ("in percent", _report("accuracy_plain", value="100 * (hits == labels).mean()")),
        ("in the order", _report("accuracy_plain", epsilons="0.3, 0.2, 0.1, 0")),
        ("in the order", _report("accuracy_defended", epsilon=0.2, epsilons="0.3, 0.2, 0.1, 0")),
        ("were not attacked", _report("accuracy_plain", epsilons="0, 0, 0, 0")),
        ("four accuracies", _report("accuracy_plain", epsilons="0.1, 0.2, 0.3")),
        ("four accuracies", "accuracy_defended = 0.9"),
        (
            "accuracy_plain at index (2,)",
            "accuracy_plain = [*accuracy_plain[:2], 0.5, *accuracy_plain[3:]]",
        ),
    ],
}
