"""Wrong answers to the exercises on practice: question -> [(part of the message, code)]."""


def _ignorance(nothing="np.log(len(counts))", labels="-np.sum(q * np.log(q))", result=None):
    return f"""
def ignorance(counts):
    p = counts / counts.sum()
    q = p[p > 0]
    nothing = {nothing}
    labels = {labels}
    return {result or "nothing, labels"}
"""


def _scores(
    *,
    hits="np.sum((guess == k) & (truth == k))",
    precision="share(hits, said)",
    recall="share(hits, true)",
    f1="share(2 * hits, said + true)",
    iou="share(hits, said + true - hits)",
    share="a / b if b else 0.0",
    result="precision, recall, f1, iou",
    before="pass",
):
    return f"""
def scores(truth, guess, k):
    {before}
    def share(a, b):
        return {share}
    n = len(truth)
    said, true = np.sum(guess == k), np.sum(truth == k)
    hits = {hits}
    precision, recall = {precision}, {recall}
    f1 = {f1}
    iou = {iou}
    return {result}
"""


def _rates(
    sgd="ratio * size / length",
    adam="ratio * size / np.sqrt(m)",
    *,
    size="np.sqrt(np.sum(w**2))",
    length="np.sqrt(np.sum(grad**2))",
    m="np.count_nonzero(grad)",
    result="sgd, adam",
):
    return f"""
def rates_for(w, grad, ratio):
    size, length, m = {size}, {length}, {m}
    sgd = {sgd}
    adam = {adam}
    return {result}
"""


def _halving(
    *,
    cost="len(left) * (budget - before)",
    order="np.argsort(losses[left, budget - 1])",
    keep="len(left) // eta",
    more="budget * eta",
    end="more > losses.shape[1]",
    result="int(left[0]), epochs",
    first="pass",
):
    return f"""
def halving(losses, eta):
    left, before, budget, epochs = np.arange(len(losses)), 0, 1, 0
    {first}
    while True:
        epochs += {cost}
        places = {order}
        left = left[places]
        keep, more = {keep}, {more}
        if keep == 0 or {end}:
            return {result}
        left, before, budget = left[:keep], budget, more
"""


def _dice(
    *,
    p="1 / (1 + np.exp(-z))",
    axes="axis=(1, 2), keepdims=True",
    above="2 * overlap + 1",
    below="total + 1",
    loss="(1 - above / below).mean()",
    d_above="2 * y",
    d_below="1",
    rule="-({} * below - above * {}) / below**2",
    back="d_p * p * (1 - p) / len(z)",
    result="loss, d_z",
    before="pass",
):
    return f"""
def soft_dice(z, y):
    {before}
    p = {p}
    overlap, total = (p * y).sum({axes}), (p + y).sum({axes})
    above, below = {above}, {below}
    loss = {loss}
    d_p = {rule.format(d_above, d_below)}
    d_z = {back}
    return {result}
"""


def _split(
    *,
    x="x[order]",
    y="y[order]",
    mean="train.mean()",
    std="train.std()",
    train="(train - mean) / std",
    held="(held - mean) / std",
    result="train, y[:m], held, y[m:]",
    before="pass",
):
    return f"""
def split(x, y, order, m):
    {before}
    everything, old = x, y
    x, y = {x}, {y}
    train, held = x[:m], x[m:]
    mean, std = {mean}, {std}
    train, held = {train}, {held}
    return {result}
"""


def _step(
    *,
    loss="-log_softmax(z)[np.arange(len(y)), y].mean()",
    d_z="(p - hot) / len(y)",
    w="w - rate * x.T @ d_z",
    b="b - rate * d_z.sum(axis=0)",
    result="loss, w, b",
    p="softmax(z)",
):
    return f"""
def step(x, y, w, b, rate):
    z = x @ w + b
    p, hot = {p}, np.eye(len(b))[y]
    loss = {loss}
    d_z = {d_z}
    w = {w}
    b = {b}
    return {result}
"""


def _save(
    w="run.w.copy()",
    velocity="run.velocity.copy()",
    steps="run.steps",
    rng="run.rng.bit_generator.state",
    *,
    before="pass",
    more="",
    load_w="saved['w'].copy()",
    load_velocity="saved['velocity'].copy()",
    load_steps="saved['steps']",
    load_rng="run.rng.bit_generator.state = saved['rng']",
    first="pass",
):
    return f"""
import copy

def save(run):
    {before}
    return {{"w": {w}, "velocity": {velocity}, "steps": {steps}, "rng": {rng}, {more}}}

def restore(run, saved):
    {first}
    run.w = {load_w}
    run.velocity = {load_velocity}
    run.steps = {load_steps}
    {load_rng}
"""


def _compare(
    *,
    gain="(b - a).mean()",
    paired="(b - a).std(ddof=1) / np.sqrt(n)",
    alone="np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / n)",
    result="gain, paired, alone",
    before="pass",
):
    return f"""
def compare(a, b):
    {before}
    n = len(a)
    gain, paired, alone = {gain}, {paired}, {alone}
    return {result}
"""


def _decide(near="abs(gain) <= 2 * error", far="'better' if gain > 0 else 'worse'"):
    return f"""
def decide(gain, error):
    if {near}:
        return "open"
    return {far}
"""


HALF_NAN = "int(left[np.argmin(losses[left, budget - 1])]), epochs"

WRONG = {
    "q1": [
        ("is a class, too", _ignorance("np.log(np.sum(counts > 0))")),
        ("not that of the samples", _ignorance("np.log(counts.sum())")),
        ("nothing is in bits", _ignorance("np.log2(len(counts))")),
        ("logarithm to base 10", _ignorance("np.log10(len(counts))")),
        ("nothing has the wrong sign", _ignorance("np.log(1 / len(counts))")),
        ("This is the probability 1/K", _ignorance("1 / len(counts)")),
        ("share of errors of a guess", _ignorance("1 - 1 / len(counts)")),
        ("divided by C", _ignorance("np.log(len(counts)) / len(counts)")),
        ("logarithm is missing in nothing", _ignorance("len(counts)")),
        ("are swapped", _ignorance(result="labels, nothing")),
        ("weighs all classes alike", _ignorance(labels="-np.mean(np.log(q))")),
        ("without weighing", _ignorance(labels="-np.sum(np.log(q))")),
        ("mean over the classes", _ignorance(labels="-np.mean(q * np.log(q))")),
        ("mean over the classes", _ignorance(labels="-np.sum(q * np.log(q)) / len(counts)")),
        ("labels has the wrong sign", _ignorance(labels="np.sum(q * np.log(q))")),
        ("labels is in bits", _ignorance(labels="-np.sum(q * np.log2(q))")),
        ("labels is nan", _ignorance(labels="-np.sum(p * np.log(p))")),
        ("most frequent class alone", _ignorance(labels="-np.log(p.max())")),
        ("the total over all", _ignorance(labels="-np.sum(counts[p > 0] * np.log(q))")),
        ("always says the most frequent", _ignorance(labels="1 - p.max()")),
        ("same probability", _ignorance(labels="np.sum(p) * nothing")),
        ("a sum of squares", _ignorance(labels="np.sum(p**2)")),
        ("nothing is still blank", _ignorance("...")),
        ("must return two", _ignorance(result="labels")),
    ],
    "q2": [
        ("precision and recall are swapped", _scores(result="recall, precision, f1, iou")),
        ("not by all samples", _scores(precision="hits / n")),
        ("Recall divides by what truly is k, not by all", _scores(recall="hits / n")),
        ("This is the accuracy", _scores(precision="np.mean(truth == guess)")),
        ("hits count every right", _scores(hits="np.sum(truth == guess)")),
        ("that was wrong", _scores(precision="1 - share(hits, said)")),
        ("divides by the errors", _scores(precision="share(hits, said - hits)")),
        ("it equals your precision", _scores(recall="share(hits, said)")),
        ("the share that was missed", _scores(recall="1 - share(hits, true)")),
        ("harmonic mean of the two, not the plain", _scores(f1="(precision + recall) / 2")),
        ("not the geometric", _scores(f1="np.sqrt(precision * recall)")),
        ("The factor 2 is missing", _scores(f1="share(hits, said + true)")),
        ("not the product", _scores(f1="precision * recall")),
        ("third score is the IoU", _scores(f1="share(hits, said + true - hits)")),
        ("counts the hits twice in the union", _scores(iou="share(hits, said + true)")),
        ("the F1 again", _scores(iou="f1")),
        ("by the errors alone", _scores(iou="share(hits, said + true - 2 * hits)")),
        ("Your IoU divides by all samples", _scores(iou="hits / n")),
        ("what is neither said nor true", _scores(iou="np.mean(truth == guess)")),
        ("You scored class 1", _scores(before="k = 1")),
        ("There is a nan where the class is never said", _scores(share="np.float64(a) / b")),
        ("you return a 1", _scores(share="a / b if b else 1.0")),
        ("divides by 0 where", _scores(share="int(a) / int(b)")),
        (
            "There is a nan where",
            _scores(f1="2 * np.float64(precision) * recall / np.float64(precision + recall)"),
        ),
        ("four numbers", _scores(result="precision, recall, f1")),
    ],
    "q3": [
        ("are swapped: SGD", _rates(result="adam, sgd")),
        ("w and grad are swapped", _rates("ratio * length / size")),
        ("upside down", _rates("length / (size * ratio)")),
        ("These are squares", _rates("ratio * size**2 / length**2")),
        (
            "sums of absolute values",
            _rates(size="np.abs(w).sum()", length="np.abs(grad).sum()"),
        ),
        ("The length of w is missing in SGD", _rates("ratio / length")),
        ("The length of grad is missing", _rates("ratio * size")),
        ("The ratio is missing in SGD", _rates("size / length")),
        ("wrong sign", _rates("-ratio * size / length")),
        ("The largest entries", _rates("ratio * np.abs(w).max() / np.abs(grad).max()")),
        (
            "entry by entry",
            _rates("ratio * np.mean(np.abs(w[grad != 0] / grad[grad != 0]))"),
        ),
        ("leave out the dead", _rates(size="np.linalg.norm(w[grad != 0])")),
        (
            "spectral norm",
            _rates(size="np.linalg.norm(w, 2)", length="np.linalg.norm(grad, 2)"),
        ),
        ("do not move: count the others", _rates(m="grad.size")),
        ("does not depend on the size", _rates(adam="sgd")),
        ("not times m", _rates(adam="ratio * size / m")),
        ("as long as the rate", _rates(adam="ratio * size")),
        ("The length of w is missing in Adam", _rates(adam="ratio / np.sqrt(m)")),
        ("The ratio is missing in Adam", _rates(adam="size / np.sqrt(m)")),
        ("multiplied by the root", _rates(adam="ratio * size * np.sqrt(m)")),
        ("Only positive", _rates(m="np.sum(grad > 0)")),
        ("counts the dead", _rates(m="np.sum(grad == 0)")),
        ("must return two numbers", _rates(result="sgd")),
        ("it should be", _rates(adam="ratio * size / np.sqrt(m) * (1 + 0.01 * w.flat[0])")),
    ],
    "q4": [
        ("trains anew in your count", _halving(cost="len(left) * budget")),
        ("a training that diverged", _halving(result=HALF_NAN)),
        (
            "a training that diverged",
            _halving(order="np.argsort(np.nan_to_num(losses[left, budget - 1]))"),
        ),
        (
            "a training that diverged",
            _halving(
                order="np.array(sorted(range(len(left)), "
                "key=lambda i: (losses[left[i], budget - 1] >= 0, losses[left[i], budget - 1])))"
            ),
        ),
        ("keep the worst", _halving(order="np.argsort(-losses[left, budget - 1])")),
        ("into the future", _halving(order="np.argsort(losses[left, -1])")),
        (
            "the best loss so far",
            _halving(
                order="np.argsort(np.minimum.accumulate(np.where(np.isnan(losses), "
                "np.inf, losses), axis=1)[left, budget - 1])"
            ),
        ),
        (
            "the mean over the epochs",
            _halving(order="np.argsort(losses[left, :budget].mean(axis=1))"),
        ),
        ("one column too far", _halving(order="np.argsort(losses[left, budget])")),
        ("every rung by column 0", _halving(order="np.argsort(losses[left, 0])")),
        ("rounds down", _halving(keep="-(-len(left) // eta)")),
        ("You drop c // eta", _halving(keep="len(left) - len(left) // eta")),
        ("You halve whatever", _halving(keep="len(left) // 2")),
        ("eta is always 2", _halving(first="eta = 2")),
        ("one rung too early", _halving(end="more >= losses.shape[1]")),
        ("grow by adding", _halving(more="budget + eta")),
        ("budgets double", _halving(more="budget * 2")),
        ("by one epoch", _halving(more="budget + 1")),
        ("a place among", _halving(result="int(places[0]), epochs")),
        ("of the winner alone", _halving(result="int(left[0]), budget")),
        ("of full trainings", _halving(result="int(left[0]), losses.size")),
        ("are swapped", _halving(result="epochs, int(left[0])")),
        ("Rows count from 0", _halving(result="int(left[0]) + 1, epochs")),
        ("the epochs are not", _halving(cost="len(left) * (budget - before) + 1")),
        ("must be whole", _halving(result="losses[left[0], 0] + 0.001, epochs")),
    ],
    "q5": [
        ("1 minus that", _dice(loss="(above / below).mean()")),
        ("The two ones are missing in the loss", _dice(above="2 * overlap", below="total")),
        ("The loss is a sum", _dice(loss="(1 - above / below).sum()")),
        ("All images are thrown together", _dice(axes="")),
        ("factor 2 is missing in the numerator", _dice(above="overlap + 1")),
        ("This is the IoU", _dice(above="overlap + 1", below="total - overlap + 1")),
        ("take the sigmoid first", _dice(p="z")),
        ("rounds p", _dice(p="(z > 0).astype(float)")),
        ("A one is missing in the numerator", _dice(above="2 * overlap")),
        ("A one is missing in the denominator", _dice(below="total")),
        ("gradient by p: by z", _dice(back="d_p / len(z)")),
        ("and the division by N are missing", _dice(back="d_p")),
        ("Divide d_z by N", _dice(back="d_p * p * (1 - p)")),
        ("not by that of all pixels", _dice(back="d_p * p * (1 - p) / z.size")),
        ("points down", _dice(rule="({} * below - above * {}) / below**2")),
        ("lacks the denominator", _dice(d_below="0")),
        ("lacks the numerator", _dice(d_above="0")),
        ("is squared", _dice(rule="-({} * below - above * {}) / below")),
        ("not a plus", _dice(rule="-({} * below + above * {}) / below**2")),
        ("the 2 is missing", _dice(d_above="y")),
        ("is 2y, not 2", _dice(d_above="2")),
        ("is 1, not y", _dice(d_below="y")),
        ("is p (1 - p), not p", _dice(back="d_p * p / len(z)")),
        ("gradient of cross-entropy", _dice(back="(p - y) / len(z)")),
        ("must return two", _dice(result="loss")),
    ],
    "q6": [
        ("still know the held-out", _split(mean="x.mean()", std="x.std()")),
        ("before shuffling", _split(mean="everything[:m].mean()", std="everything[:m].std()")),
        ("each pixel by itself", _split(mean="train.mean(axis=0)", std="train.std(axis=0)")),
        ("still that of all images", _split(std="x.std()")),
        ("the mean is still that of all", _split(mean="x.mean()")),
        ("no longer shuffled", _split(x="x", y="y")),
        ("not standardized any more", _split(mean="0", std="1")),
        ("still in the old order", _split(y="y")),
        ("in another order", _split(y="y[np.argsort(order)]")),
        ("by their own mean", _split(held="(held - held.mean()) / held.std()")),
        ("by the numbers of all images", _split(held="(held - x.mean()) / x.std()")),
        ("are those of the training part", _split(result="train, y[:m], held, y[:m]")),
        ("softmax twice", _step(loss="-log_softmax(p)[np.arange(len(y)), y].mean()")),
        ("a sum over the batch", _step(loss="-log_softmax(z)[np.arange(len(y)), y].sum()")),
        ("lost its minus", _step(loss="log_softmax(z)[np.arange(len(y)), y].mean()")),
        ("The step of w still grows", _step(d_z="p - hot")),
        ("number of classes", _step(d_z="(p - hot) / len(b)")),
        ("The step of b still grows", _step(b="b - rate * (p - hot).sum(axis=0)")),
        ("The step of b is divided", _step(b="b - rate * d_z.mean(axis=0)")),
        ("p was right there", _step(d_z="(softmax(p) - hot) / len(y)")),
        (
            "mend the loss instead",
            _step(
                d_z="p * ((softmax(p) - hot) - ((softmax(p) - hot) * p)"
                ".sum(axis=1, keepdims=True)) / len(y)"
            ),
        ),
        ("logits instead", _step(d_z="(z - hot) / len(y)")),
        ("w was changed in place", _step(w="np.subtract(w, rate * x.T @ d_z, out=w)")),
        ("up the slope", _step(w="w + rate * x.T @ d_z")),
        ("must return three", _step(result="loss")),
    ],
    "q7": [
        ("did not bring back the velocity", _save(load_velocity="run.velocity")),
        ("The velocity starts at 0", _save(load_velocity="0 * saved['velocity']")),
        ("did not bring back run.steps", _save(load_steps="run.steps")),
        ("starts at 0 after restore: the rate", _save(load_steps="0")),
        ("shuffles with its own seed", _save(load_rng="pass")),
        ("did not bring back the weights", _save(load_w="run.w")),
        ("wrote into what you saved as the weights", _save(w="run.w")),
        ("wrote into what you saved as the velocity", _save(velocity="run.velocity")),
        ("restore a copy of the weights", _save(load_w="saved['w']")),
        ("restore a copy of the velocity", _save(load_velocity="saved['velocity']")),
        ("has the old one's generator", _save(rng="run.rng", load_rng="run.rng = saved['rng']")),
        (
            "drew from the generator you saved",
            _save(rng="copy.deepcopy(run.rng)", load_rng="run.rng = saved['rng']"),
        ),
        (
            "where the old run began",
            _save(load_rng="run.rng = np.random.default_rng(saved['rng'])").replace(
                "run.rng.bit_generator.state,", "run.rng.bit_generator.seed_seq.entropy,"
            ),
        ),
        ("Saving moved the run's generator", _save(before="run.rng.normal()")),
        ("Saving changed the run", _save(before="run.velocity *= 0")),
        ("left the run as it was", _save(first="run = copy.copy(run)", load_rng="pass")),
        ("run.velocity holds the weights", _save(velocity="run.w.copy()")),
        ("Leave x and y out", _save(more="'x': run.x")),
        (
            "that of the old run now",
            _save(steps="run", load_steps="saved['steps'].steps"),
        ),
        ("run.w after restore", _save(w="run.w.round(3)")),
        ("must return a dict", _save() + "\nsave = lambda run: run.w\n"),
        ("is None", _save() + "\ndef save(run):\n    pass\n"),
        (
            "do not stand where",
            _save(load_rng="run.rng.bit_generator.state = saved['rng']; run.rng.random()"),
        ),
    ],
    "q8": [
        ("The gain has the wrong sign", _compare(gain="(a - b).mean()")),
        ("The gain is a sum", _compare(gain="(b - a).sum()")),
        ("best seeds", _compare(gain="b.max() - a.max()")),
        ("paired error divides by n under", _compare(paired="(b - a).std() / np.sqrt(n)")),
        ("divide by the root of n", _compare(paired="(b - a).std(ddof=1)")),
        ("divide by the root of n", _compare(paired="(b - a).std(ddof=1) / n")),
        ("two errors are swapped", _compare(result="gain, alone, paired")),
        (
            "difference of two standard errors",
            _compare(paired="(b.std(ddof=1) - a.std(ddof=1)) / np.sqrt(n)"),
        ),
        ("You sorted", _compare(paired="(np.sort(b) - np.sort(a)).std(ddof=1) / np.sqrt(n)")),
        ("add their squares", _compare(alone="(a.std(ddof=1) + b.std(ddof=1)) / np.sqrt(n)")),
        ("The error alone lacks its root", _compare(alone="(a.var(ddof=1) + b.var(ddof=1)) / n")),
        (
            "alone subtracts",
            _compare(alone="np.sqrt(abs(b.var(ddof=1) - a.var(ddof=1)) / n)"),
        ),
        ("for one sample", _compare(alone="np.append(a, b).std(ddof=1) / np.sqrt(2 * n)")),
        ("Better and worse are swapped", _decide(far="'worse' if gain > 0 else 'better'")),
        ("asks for 1 standard error", _decide("abs(gain) <= error")),
        ("never says worse", _decide("gain <= 2 * error")),
        ("leaves nothing open", _decide("False")),
        ("with 2, not with", _decide("abs(gain) <= 2")),
        ("other way round", _decide("abs(gain) > 2 * error")),
        ("the other setting", "plain = smooth"),
        ("the seeds 1 to 20", "smooth = np.array([accuracy_of(0.1, s) for s in range(1, 21)])"),
        ("seeds of its own", "smooth = np.array([accuracy_of(0.1, s) for s in range(20, 40)])"),
        ("share of errors", "plain = 1 - plain"),
        ('paired_says is "open"', 'paired_says = "open"'),
        ('alone_says is "better"', "alone_says = paired_says"),
    ],
}
