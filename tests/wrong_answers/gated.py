"""Wrong answers to the exercises on gates: question -> [(part of the message, code)]."""


def _update(c_new="f * c + i * candidate", h="o * np.tanh(c_new)", result="c_new, h"):
    return f"""
def cell_update(c, i, f, candidate, o):
    c_new = {c_new}
    h = {h}
    return {result}
"""


def _latch(i="0, 20, 0, -10", f="0, -20, 0, 10", c="1, 0, 0, 0", o="0, 0, 20, -10", order="ifco"):
    """Value, write, read and bias of each block."""
    return f"""
_blocks = dict(i=[{i}], f=[{f}], c=[{c}], o=[{o}])
_all = np.array([_blocks[name] for name in "{order}"], dtype=float).T
latch_kernel, latch_bias = _all[:3], _all[3]
"""


def _count(
    lstm="4",
    gru="3",
    rnn="1",
    biases="1",
    gru_biases="2 if reset_after else 1",
    count="blocks * units * (n_in + units + biases)",
):
    return f"""
def n_parameters(cell, n_in, units, reset_after=True):
    blocks = {{"SimpleRNN": {rnn}, "LSTM": {lstm}, "GRU": {gru}}}[cell]
    biases = ({gru_biases}) if cell == "GRU" else {biases}
    return {count}
"""


def _most(body):
    return f"""
def most_units(cell, n_in, budget):
    {body}
"""


def _gru(
    *,
    order="update, reset, last",
    second="bias[1]",
    update="sigmoid(x_u + h_u)",
    reset="sigmoid(x_r + h_r)",
    after="np.tanh(x_c + r * h_c)",
    before="np.tanh(x_c + (r * h) @ recurrent_kernel[:, last])",
    mix="z * h + (1 - z) * candidate",
    choose="reset_after",
):
    return f"""
def gru_step(x, h, kernel, recurrent_kernel, bias, reset_after):
    units = h.shape[1]
    parts = slice(units), slice(units, 2 * units), slice(2 * units, 3 * units)
    first, second = bias, 0 * bias
    if reset_after:
        first, second = bias[0], {second}
    from_x, from_h = x @ kernel + first, h @ recurrent_kernel + second
    {order} = parts
    x_u, x_r, x_c = from_x[:, update], from_x[:, reset], from_x[:, last]
    h_u, h_r, h_c = from_h[:, update], from_h[:, reset], from_h[:, last]
    z = {update}
    r = {reset}
    if {choose}:
        candidate = {after}
    else:
        candidate = {before}
    return {mix}
"""


def _back(
    *,
    total="dc + dh * o * (1 - tanh_c**2)",
    d_i="total * candidate * i * (1 - i)",
    d_f="total * c * f * (1 - f)",
    d_candidate="total * i * (1 - candidate**2)",
    d_o="dh * tanh_c * o * (1 - o)",
    order="d_i, d_f, d_candidate, d_o",
    d_h="d_z @ recurrent_kernel.T",
    d_c="total * f",
    result="d_z, d_h, d_c",
    inside="c_new",
    before="pass",
):
    return f"""
def step_back(dh, dc, gates, c, c_new, recurrent_kernel):
    {before}
    i, f, candidate, o = np.split(gates, 4, axis=1)
    tanh_c = np.tanh({inside})
    total = {total}
    d_i = {d_i}
    d_f = {d_f}
    d_candidate = {d_candidate}
    d_o = {d_o}
    d_z = np.concatenate([{order}], axis=1)
    d_h = {d_h}
    d_c = {d_c}
    return {result}
"""


def _layer(
    *,
    split="i, f, candidate, o",
    d_order="d_i, d_f, d_candidate, d_o",
    cell="f * c[t] + i * candidate",
    shown="o * np.tanh(c[t + 1])",
    through="dc + dh * o * (1 - np.tanh(c[t + 1]) ** 2)",
    d_i="dc * candidate * i * (1 - i)",
    d_f="dc * c[t] * f * (1 - f)",
    d_candidate="dc * i * (1 - candidate**2)",
    d_o="dh * np.tanh(c[t + 1]) * o * (1 - o)",
    heard="h[t]",
    add="+=",
    d_bias="d_z.sum(axis=0)",
    dh="d_z @ recurrent_kernel.T",
    dc="dc * f",
    last="h[-1]",
    result="d_kernel, d_recurrent, d_bias",
    steps="reversed(range(steps))",
):
    return f"""
def lstm_gradients(x, kernel, recurrent_kernel, bias, grad):
    n, steps, units = *x.shape[:2], len(recurrent_kernel)
    h, c, gates = [np.zeros((n, units))], [np.zeros((n, units))], []
    for t in range(steps):
        z = x[:, t] @ kernel + h[t] @ recurrent_kernel + bias
        {split} = np.split(z, 4, axis=1)
        i, f, candidate, o = sigmoid(i), sigmoid(f), np.tanh(candidate), sigmoid(o)
        gates.append((i, f, candidate, o))
        c.append({cell})
        h.append({shown})
    d_kernel, d_recurrent, d_bias = 0 * kernel, 0 * recurrent_kernel, 0 * bias
    dh, dc = grad, np.zeros((n, units))
    for t in {steps}:
        i, f, candidate, o = gates[t]
        dc = {through}
        d_i = {d_i}
        d_f = {d_f}
        d_candidate = {d_candidate}
        d_o = {d_o}
        d_z = np.concatenate([{d_order}], axis=1)
        d_kernel {add} x[:, t].T @ d_z
        d_recurrent {add} {heard}.T @ d_z
        d_bias {add} {d_bias}
        dh, dc = {dh}, {dc}
    return {last}, {result}
"""


OLD_ORDER = "i, f, o, candidate"
OLD_D_ORDER = "d_i, d_f, d_o, d_candidate"
OLD_F = "dc * c[t + 1] * f * (1 - f)"
OLD_THROUGH = "dc + dh * o"


def _write(
    *,
    row="logits[now]",
    scaled="row / temperature",
    p="np.exp(scaled - scaled.max())",
    drawn="int(np.searchsorted(p.cumsum() / p.sum(), rng.random(), side='right'))",
    greedy="if temperature == 0:\n            drawn = int(row.argmax())",
    feed="drawn",
    result="text",
    start="[]",
    count="length",
    before="pass",
):
    return f"""
def write(logits, first, length, temperature, rng):
    {before}
    text, now = {start}, first
    for _ in range({count}):
        row = {row}
        {greedy}
        else:
            scaled = {scaled}
            p = {p}
            drawn = {drawn}
        text.append(drawn)
        now = {feed}
    return {result}
"""


def _survival(
    *,
    send="np.zeros_like(h), state_gradient=np.stack([0 * h, np.ones_like(h)])",
    back="layer.state_gradient[1]",
    whole="np.linalg.norm(back) / np.sqrt(h.size)",
    path="forget_gates(layer, x).prod(axis=0)",
    alone="np.linalg.norm(path) / np.sqrt(h.size)",
    result="whole, alone",
):
    return f"""
def survival(layer, x):
    h = layer.forward(x)
    layer.backward({send})
    back = {back}
    whole = {whole}
    path = {path}
    alone = {alone}
    return {result}
"""


def _exponents(
    number="np.log10(survival(build(bias, seed), sequences))",
    biases="0, 1, 3",
    seeds="range(5)",
    mean="np.mean(values, axis=1)",
):
    return f"""
values = [[{number} for seed in {seeds}] for bias in ({biases})]
exponents = {mean}
"""


def _bias(value):
    return f"""
def bias_for(share, steps):
    return {value}
"""


WRONG = {
    "q1": [
        ("The two gates are swapped", _update("i * c + f * candidate")),
        ("The input gate is missing", _update("f * c + candidate")),
        ("The forget gate is missing", _update("c + i * candidate")),
        ("decides about the old cell alone", _update("f * (c + i * candidate)")),
        ("1 keeps and 0 forgets", _update("(1 - f) * c + i * candidate")),
        ("This couples the two gates", _update("f * c + (1 - f) * candidate")),
        ("This couples the two gates", _update("(1 - i) * c + i * candidate")),
        ("You multiplied old and new", _update("f * c * i * candidate")),
        ("You took the mean of old and new", _update("(f * c + i * candidate) / 2")),
        ("No tanh belongs around the new cell", _update("np.tanh(f * c + i * candidate)")),
        ("The candidate has been through its tanh", _update("f * c + i * np.tanh(candidate)")),
        (
            "The gates have been through their sigmoid",
            _update("c / (1 + np.exp(-f)) + candidate / (1 + np.exp(-i))"),
        ),
        ("you subtracted", _update("f * c - i * candidate")),
        ("The output gate decides what h shows", _update("o * (f * c + i * candidate)")),
        ("The old cell is missing", _update("i * candidate")),
        ("The candidate is missing", _update("f * c")),
        ("Only what is new passes the tanh", _update("f * c + np.tanh(i * candidate)")),
        ("You returned h first", _update(result="h, c_new")),
        ("The tanh is missing", _update(h="o * c_new")),
        ("The output gate comes after the tanh", _update(h="np.tanh(o * c_new)")),
        ("The output gate is missing", _update(h="np.tanh(c_new)")),
        ("h shows the old cell", _update(h="o * np.tanh(c)")),
        ("through a tanh, not a sigmoid", _update(h="o / (1 + np.exp(-c_new))")),
        ("h shows the candidate alone", _update(h="o * np.tanh(candidate)")),
        ("h shows the candidate alone", _update(h="o * candidate")),
        ("you added them", _update(h="o + np.tanh(c_new)")),
        ("This is the input gate in h", _update(h="i * np.tanh(c_new)")),
        ("This is the forget gate in h", _update(h="f * np.tanh(c_new)")),
        ("An output gate of 1 shows", _update(h="(1 - o) * np.tanh(c_new)")),
        ("The output gate has been through", _update(h="np.tanh(c_new) / (1 + np.exp(-o))")),
        ("c_new is still blank", _update("...", h="...")),
        ("h is still blank", _update(h="...")),
        ("must return two arrays", _update(result="c_new")),
        ("c_new has the shape", _update("(f * c + i * candidate).sum(axis=1)", h="o")),
    ],
    "q2": [
        ("Your input gate works the wrong way round", _latch(i="0, -20, 0, 10")),
        ("Your input gate is not closed", _latch(i="0, 20, 0, 0")),
        ("Your input gate is not closed", _latch(i="0, 0, 0, 10")),
        ("Your input gate does not open", _latch(i="0, 10, 0, -10")),
        ("Your input gate does not open", _latch(i="0, 0, 0, -10")),
        ("Your input gate must not hear the value", _latch(i="8, 20, 0, -10")),
        ("Your input gate must not hear the value", _latch(i="20, 20, 0, -10")),
        ("Your input gate must not hear read", _latch(i="0, 20, 20, -10")),
        ("Your input gate hears read instead", _latch(i="0, 0, 20, -10")),
        ("Your forget gate works the wrong way round", _latch(f="0, 20, 0, -10")),
        ("Your forget gate does not keep", _latch(f="0, -20, 0, 0")),
        ("Your forget gate does not keep", _latch(f="0, 0, 0, 0")),
        ("Your forget gate does not keep", _latch(f="0, 0, 0, 1")),
        ("the old number stays and the new one is added", _latch(f="0, 0, 0, 10")),
        ("the old number stays and the new one is added", _latch(f="0, -10, 0, 10")),
        ("Your forget gate must not hear read", _latch(f="0, -20, -20, 10")),
        ("Your forget gate hears read instead", _latch(f="0, 0, -20, 10")),
        ("must be tanh(value) where something is written", _latch(c="0, 0, 0, 0")),
        ("Your candidate is saturated", _latch(c="10, 0, 0, 0")),
        ("Your candidate has the wrong sign", _latch(c="-1, 0, 0, 0")),
        ("Your candidate hears write", _latch(c="1, 1, 0, 0")),
        ("Your candidate hears write instead", _latch(c="0, 1, 0, 0")),
        ("Your candidate hears read", _latch(c="1, 0, 1, 0")),
        ("Your candidate has a bias", _latch(c="1, 0, 0, 1")),
        ("must be tanh(value) where something is written", _latch(c="2, 0, 0, 0")),
        ("Your output gate works the wrong way round", _latch(o="0, 0, -20, 10")),
        ("Your output gate hears write instead", _latch(o="0, 20, 0, -10")),
        ("Your output gate is not closed", _latch(o="0, 0, 20, 0")),
        ("Your output gate is not closed", _latch(o="0, 0, 0, 10")),
        ("Your output gate does not open", _latch(o="0, 0, 10, -10")),
        ("Your output gate must not hear write", _latch(o="0, -20, 20, -10")),
        ("Your output gate must not hear the value", _latch(o="9, 0, 20, -10")),
        ("in the order i, f, o, c", _latch(order="ifoc")),
        ("in the order i, c, f, o", _latch(order="icfo")),
        ("in the order f, i, c, o", _latch(order="fico")),
        ("in the order i, o, f, c", _latch(order="iofc")),
        ("leak", _latch(i="0, 10, 0, -5", f="0, -10, 0, 5", o="0, 0, 10, -5")),
        ("leak", _latch(f="0, -14, 0, 7")),
        ("leak", _latch(i="0, 14, 0, -7")),
        ("latch_kernel is still blank", "latch_kernel = ..."),
        ("latch_bias is still blank", "latch_bias = ..."),
        ("it is transposed", _latch() + "latch_kernel = latch_kernel.T"),
        ("latch_bias has the shape", _latch() + "latch_bias = latch_bias[None]"),
    ],
    "q3": [
        ("The LSTM has three gates, and a candidate", _count(lstm="3")),
        ("The GRU has two gates, and a candidate", _count(gru="2")),
        ("The GRU merges", _count(gru="4")),
        ("The plain cell has one block", _count(rnn="2")),
        ("the biases are missing", _count(count="blocks * units * (n_in + units)")),
        (
            "a bias for every column",
            _count(count="blocks * (units * (n_in + units) + biases)"),
        ),
        (
            "each block has biases of its own",
            _count(count="blocks * units * (n_in + units) + biases * units"),
        ),
        ("the recurrent kernel is missing", _count(count="blocks * units * (n_in + biases)")),
        ("the kernel of the input is missing", _count(count="blocks * units * (units + biases)")),
        (
            "the recurrent kernel has as many rows as units",
            _count(count="blocks * units * (2 * n_in + biases)"),
        ),
        (
            "each unit hears all units",
            _count(count="blocks * (units * n_in + units + biases * units)"),
        ),
        (
            "you multiplied n_in and units in the recurrent kernel",
            _count(count="blocks * units * (n_in * units + biases)"),
        ),
        ("the blocks are missing", _count(count="units * (n_in + units + biases)")),
        ("with reset_after the GRU has two rows of biases", _count(gru_biases="1")),
        ("without reset_after the GRU has one row of biases", _count(gru_biases="2")),
        ("which of the two has two rows of biases", _count(gru_biases="1 if reset_after else 2")),
        ("has one row of biases in Keras", _count(biases="2")),
        ("n_parameters is still blank", "n_parameters = ..."),
        ("is None", _count().replace("return", "pass #")),
        (
            "one unit more than the budget allows",
            _most(
                "units = 1\n    while n_parameters(cell, n_in, units) <= budget:\n"
                "        units += 1\n    return units"
            ),
        ),
        (
            "may be used up to the last one",
            _most(
                "units = 1\n    while n_parameters(cell, n_in, units + 1) < budget:\n"
                "        units += 1\n    return units"
            ),
        ),
        (
            "one unit less than",
            _most(
                "units = 1\n    while n_parameters(cell, n_in, units + 1) <= budget:\n"
                "        units += 1\n    return units - 1"
            ),
        ),
        ("does not grow in proportion", _most("return budget // n_parameters(cell, n_in, 1)")),
        (
            "most_units returned the number of parameters",
            _most(
                "units = 1\n    while n_parameters(cell, n_in, units + 1) <= budget:\n"
                "        units += 1\n    return n_parameters(cell, n_in, units)"
            ),
        ),
        (
            "most_units uses the cell",
            _most(
                "units = 1\n    while n_parameters('LSTM', n_in, units + 1) <= budget:\n"
                "        units += 1\n    return units"
            ),
        ),
        (
            "most_units forgets the input",
            _most(
                "units = 1\n    while n_parameters(cell, 0, units + 1) <= budget:\n"
                "        units += 1\n    return units"
            ),
        ),
        ("most_units('", _most("return 7")),
        ("most_units is still blank", "most_units = ..."),
    ],
    "q4": [
        ("z and 1 - z are swapped", _gru(mix="(1 - z) * h + z * candidate")),
        ("the update gate is missing from the old state", _gru(mix="h + (1 - z) * candidate")),
        ("must be dimmed by 1 - z", _gru(mix="z * h + candidate")),
        ("must be dimmed by 1 - z", _gru(mix="z * h + z * candidate")),
        ("You mixed with the reset gate", _gru(mix="r * h + (1 - r) * candidate")),
        ("This is the candidate", _gru(mix="candidate")),
        ("the old state passes the reset gate, too", _gru(mix="z * r * h + (1 - z) * candidate")),
        ("in the order r, z, candidate", _gru(order="reset, update, last")),
        ("in the order candidate, r, z", _gru(order="last, reset, update")),
        ("in the order z, candidate, r", _gru(order="update, last, reset")),
        (
            "the candidate passes a tanh, not a sigmoid",
            _gru(
                after="sigmoid(x_c + r * h_c)",
                before="sigmoid(x_c + (r * h) @ recurrent_kernel[:, last])",
            ),
        ),
        (
            "the candidate's tanh is missing",
            _gru(after="x_c + r * h_c", before="x_c + (r * h) @ recurrent_kernel[:, last]"),
        ),
        (
            "the gates pass a sigmoid, not a tanh",
            _gru(update="np.tanh(x_u + h_u)", reset="np.tanh(x_r + h_r)"),
        ),
        ("the gates do not hear the old state", _gru(update="sigmoid(x_u)", reset="sigmoid(x_r)")),
        (
            "The reset gate is missing",
            _gru(after="np.tanh(x_c + h_c)", before="np.tanh(x_c + h_c)"),
        ),
        (
            "reset gate of 1 lets the old state pass",
            _gru(
                after="np.tanh(x_c + (1 - r) * h_c)",
                before="np.tanh(x_c + ((1 - r) * h) @ recurrent_kernel[:, last])",
            ),
        ),
        (
            "dims the input, too",
            _gru(
                after="np.tanh(r * (x_c + h_c))",
                before="np.tanh(r * x_c + (r * h) @ recurrent_kernel[:, last])",
            ),
        ),
        (
            "the update gate in place of the reset gate",
            _gru(
                after="np.tanh(x_c + z * h_c)",
                before="np.tanh(x_c + (z * h) @ recurrent_kernel[:, last])",
            ),
        ),
        (
            "the candidate does not hear the old state",
            _gru(after="np.tanh(x_c)", before="np.tanh(x_c)"),
        ),
        ("Without reset_after, the reset gate dims h before the product", _gru(choose="True")),
        ("With reset_after, the reset gate dims the product", _gru(choose="False")),
        (
            "The two cases of reset_after are swapped",
            _gru(
                before="np.tanh(x_c + r * h_c)",
                after="np.tanh(x_c + (r * h) @ recurrent_kernel[:, last] + second[last])",
            ),
        ),
        ("the second row of biases is missing", _gru(second="0 * bias[1]")),
        ("the first row twice", _gru(second="bias[0]")),
        (
            "belongs inside the product with r",
            _gru(after="np.tanh(x_c + second[last] + r * (h_c - second[last]))"),
        ),
        (
            "The two rows of biases are swapped",
            _gru(second="bias[0]").replace("first, second = bias[0]", "first, second = bias[1]"),
        ),
        (
            "h was changed in place",
            _gru().replace("units = h.shape[1]", "units = h.shape[1]; h *= 2"),
        ),
        ("is still blank", "gru_step = ..."),
        ("is None", _gru().replace("return", "pass #")),
    ],
    "q5": [
        ("the way through h is missing in it", _back(total="dc")),
        ("what comes from later cells is missing in it", _back(total="dh * o * (1 - tanh_c**2)")),
        ("the slope of the tanh that h reads is missing", _back(total="dc + dh * o")),
        (
            "the output gate is missing on the way through h",
            _back(total="dc + dh * (1 - tanh_c**2)"),
        ),
        ("is 1 - tanh(c_new)^2, not 1 - c_new^2", _back(total="dc + dh * o * (1 - c_new**2)")),
        (
            "tanh(c_new) itself is no slope",
            _back(total="dc + dh * o * tanh_c"),
        ),
        (
            "is that of the new cell, c_new",
            _back(total="dc + dh * o * (1 - np.tanh(c)**2)"),
        ),
        ("what comes from later cells is dimmed", _back(total="(dc + dh) * o * (1 - tanh_c**2)")),
        ("the new cell, but it multiplied the old one", _back(d_f="total * c_new * f * (1 - f)")),
        ("d_z for the forget gate", _back(d_f="total * f * (1 - f)")),
        ("its factor in the cell was the candidate", _back(d_i="total * c * i * (1 - i)")),
        ("its factor in the cell was the candidate", _back(d_i="total * i * (1 - i)")),
        (
            "its factor in the cell was the input gate",
            _back(d_candidate="total * (1-candidate**2)"),
        ),
        ("the candidate passed a tanh", _back(d_candidate="total * i * candidate * (1-candidate)")),
        ("the slope of the candidate's tanh is missing", _back(d_candidate="total * i")),
        (
            "the slopes of the sigmoids are missing",
            _back(d_i="total * candidate", d_f="total * c", d_o="dh * tanh_c"),
        ),
        (
            "passed a sigmoid, whose slope is",
            _back(
                d_i="total * candidate * (1 - i**2)",
                d_f="total * c * (1 - f**2)",
                d_o="dh * tanh_c * (1 - o**2)",
            ),
        ),
        (
            "gates hold the values behind the sigmoid",
            _back(
                d_i="total * candidate / (1 + np.exp(-i)) / (1 + np.exp(i))",
                d_f="total * c / (1 + np.exp(-f)) / (1 + np.exp(f))",
                d_candidate="total * i * (1 - np.tanh(candidate)**2)",
                d_o="dh * tanh_c / (1 + np.exp(-o)) / (1 + np.exp(o))",
            ),
        ),
        ("d_z for the output gate: it acts on h alone", _back(d_o="total * tanh_c * o * (1 - o)")),
        ("its factor in h was tanh(c_new)", _back(d_o="dh * c_new * o * (1 - o)")),
        ("its factor in h was tanh(c_new)", _back(d_o="dh * o * (1 - o)")),
        ("in the order i, f, o, candidate", _back(order="d_i, d_f, d_o, d_candidate")),
        ("in the order f, i, candidate, o", _back(order="d_f, d_i, d_candidate, d_o")),
        (
            "the order of the gates, from the last to the first",
            _back(order="d_o, d_candidate, d_f, d_i"),
        ),
        ("d_h must not skip the kernel", _back(d_h="dh")),
        ("only d_z leads back to the old h", _back(d_h="d_z @ recurrent_kernel.T + dh")),
        ("is a sum over the samples", _back(d_h="(d_z @ recurrent_kernel.T).sum(axis=0)")),
        ("d_c: the forget gate is missing", _back(d_c="total")),
        ("d_c: only what comes from later cells", _back(d_c="dc * f")),
        ("d_c: only what comes through h", _back(d_c="(total - dc) * f")),
        ("d_c: the old cell is multiplied by f", _back(d_c="total * i")),
        ("d_c: the old cell is multiplied by f", _back(d_c="total * (1 - f)")),
        ("d_c: the old cell is multiplied by f", _back(d_c="total * f * (1 - f)")),
        ("divided by N", _back(d_c="total * f / len(c)")),
        (
            "dc was changed in place",
            _back(
                before="o = gates[:, -c.shape[1]:]; dc += dh * o * (1 - np.tanh(c_new)**2)",
                total="dc",
            ),
        ),
        ("must return three arrays", _back(result="d_z")),
        ("d_z is still blank", _back(result="..., ..., ...")),
    ],
    "q6": [
        (
            "These are the planted bugs",
            _layer(split=OLD_ORDER, d_order=OLD_D_ORDER, d_f=OLD_F, through=OLD_THROUGH),
        ),
        ("This is a sound layer, but not Keras's", _layer(split=OLD_ORDER, d_order=OLD_D_ORDER)),
        ("h: the gates come in the order", _layer(split="i, candidate, f, o")),
        ("h: the gates come in the order", _layer(split="f, i, candidate, o")),
        ("h: the gates come in the order", _layer(split=OLD_ORDER)),
        ("d_f and the tanh are mended, but on the way back", _layer(d_order=OLD_D_ORDER)),
        (
            "the order is still the old one on the way back, and",
            _layer(d_order=OLD_D_ORDER, d_f=OLD_F, through=OLD_THROUGH),
        ),
        (
            "the order is still the old one on the way back, and",
            _layer(d_order=OLD_D_ORDER, d_f=OLD_F),
        ),
        (
            "the order is still the old one on the way back, and",
            _layer(d_order=OLD_D_ORDER, through=OLD_THROUGH),
        ),
        ("Two bugs are mended, but d_f", _layer(d_f=OLD_F)),
        ("Two bugs are mended, but from h to c", _layer(through=OLD_THROUGH)),
        ("The order is mended, the way back", _layer(d_f=OLD_F, through=OLD_THROUGH)),
        ("is 1 - tanh(c)^2, not 1 - c^2", _layer(through="dc + dh * o * (1 - c[t + 1] ** 2)")),
        ("reads the new cell, c[t + 1]", _layer(through="dc + dh * o * (1 - np.tanh(c[t]) ** 2)")),
        ("dc no longer collects", _layer(through="dh * o * (1 - np.tanh(c[t + 1]) ** 2)")),
        (
            "dims what comes from later steps",
            _layer(through="(dc + dh) * o * (1 - np.tanh(c[t + 1]) ** 2)"),
        ),
        ("dc must pass the forget gate", _layer(dc="dc")),
        ("dc no longer collects", _layer(dc="0 * dc")),
        ("The state that step t heard is h[t]", _layer(heard="h[t + 1]")),
        ("so their gradients add", _layer(add="=")),
        ("of d_f went missing", _layer(d_f="dc * f * (1 - f)")),
        (
            "h: the forget gate must multiply the old cell",
            _layer(cell="f * c[t] + (1 - f) * candidate"),
        ),
        ("h: the tanh around the cell is gone", _layer(shown="o * c[t + 1]")),
        ("d_bias", _layer(d_bias="d_z.mean(axis=0)")),
        ("must return four arrays", _layer().replace("return h[-1], ", "return ")),
        ("h has the shape", _layer(last="h")),
    ],
    "q7": [
        ("divide by the temperature, you multiplied", _write(scaled="row * temperature")),
        ("the temperature is missing", _write(scaled="row")),
        (
            "divide the logits by it, not the probabilities",
            _write(scaled="row", p="np.exp(row - row.max()) / temperature"),
        ),
        ("you multiplied", _write(scaled="row", p="np.exp(row - row.max()) ** temperature")),
        (
            "The same random number decides",
            _write(
                drawn=(
                    "int(np.searchsorted(p.cumsum() / p.sum(), np.random.default_rng(0).random()))"
                )
            ),
        ),
        ("the sign of the logits is turned", _write(scaled="-row / temperature")),
        ("every character was equally likely", _write(drawn="int(rng.integers(len(row)))")),
        ("always the likeliest", _write(drawn="int(row.argmax())")),
        ("is row k: you read a column", _write(row="logits[:, now]")),
        (
            "follows the one before it: you always asked what follows the first",
            _write(feed="first"),
        ),
        ("e to the logits", _write(p="np.maximum(scaled - scaled.min(), 0)")),
        ("2 to the logits", _write(p="2.0 ** (scaled - scaled.max())")),
        ("large logits", _write(p="np.exp(scaled)")),
        (
            "one place too far",
            _write(drawn=("int(np.searchsorted(p.cumsum() / p.sum(), rng.random()) + 1) % len(p)")),
        ),
        (
            "one place too low",
            _write(
                drawn=("int(np.searchsorted(p.cumsum() / p.sum(), rng.random(), side='right')) - 1")
            ),
        ),
        (
            "Temperature 0 takes the largest logit, you took the smallest",
            _write(greedy="if temperature == 0:\n            drawn = int(row.argmin())"),
        ),
        (
            "At temperature 0 you drew",
            _write(greedy="if False:\n            pass", scaled="row / max(temperature, 1)"),
        ),
        ("temperature 0", _write(greedy="if False:\n            pass")),
        ("the first one does not belong to it", _write(start="[first]", count="length - 1")),
        ("the first one does not belong to it", _write(start="[first]")),
        ("must write length characters", _write(count="length + 1")),
        ("must write length characters", _write(count="length - 1")),
        ("a new generator", _write(before="rng = np.random.default_rng(0)")),
        ("not from rng", _write(before="rng = np.random.default_rng()")),
        ("logits was changed in place", _write(before="logits -= 1")),
        ("write's result is None", _write(result="None")),
        ("write must be a function", "write = 'a text'"),
        ("write is still blank", "write = ..."),
        ("whole numbers", _write(result="np.array(text) + 0.5")),
    ],
    "q8": [
        ("divide by the norm of the ones", _survival(whole="np.linalg.norm(back)")),
        ("These are squares", _survival(whole="(back**2).sum() / h.size")),
        ("the first number is a plain mean", _survival(whole="back.mean()")),
        ("by the old h, the other state", _survival(back="layer.state_gradient[0]")),
        ("by both states", _survival(back="layer.state_gradient")),
        ("to h in place of c", _survival(send="np.ones_like(h)")),
        (
            "to h in place of c",
            _survival(send="0 * h, state_gradient=np.stack([np.ones_like(h), 0 * h])"),
        ),
        (
            "to h and to c",
            _survival(send="0 * h, state_gradient=np.stack([np.ones_like(h), np.ones_like(h)])"),
        ),
        ("This is the state", _survival(back="layer.state[1]")),
        (
            "divide by the number of entries under the root",
            _survival(whole="np.linalg.norm(back) / h.size"),
        ),
        ("the number of samples", _survival(whole="np.linalg.norm(back) / len(h)")),
        (
            "the second number: multiply the gates over time",
            _survival(path="forget_gates(layer, x).mean(axis=0)"),
        ),
        (
            "the second number: multiply the gates over time",
            _survival(path="forget_gates(layer, x).sum(axis=0)"),
        ),
        (
            "the second number is the gate of the last step",
            _survival(path="forget_gates(layer, x)[-1]"),
        ),
        (
            "the second number is the gate of the first step",
            _survival(path="forget_gates(layer, x)[0]"),
        ),
        (
            "the wrong axis",
            _survival(
                path="forget_gates(layer, x).prod(axis=1)",
                alone="np.linalg.norm(path) / np.sqrt(path.size)",
            ),
        ),
        (
            "the wrong axis",
            _survival(
                path="forget_gates(layer, x).prod(axis=2)",
                alone="np.linalg.norm(path) / np.sqrt(path.size)",
            ),
        ),
        ("the second number: divide", _survival(alone="np.linalg.norm(path)")),
        ("the second number is a plain mean", _survival(alone="path.mean()")),
        ("The two numbers are swapped", _survival(result="alone, whole")),
        ("must return two numbers", _survival(result="whole")),
        ("the gate of a single step", _bias("share ** (1 / steps)")),
        ("share ** (1 / steps)", _bias("np.log(share / steps / (1 - share / steps))")),
        ("bias_for forgets the steps", _bias("np.log(share / (1 - share))")),
        (
            "the sign of bias_for is turned",
            _bias("-np.log(share ** (1 / steps) / (1 - share ** (1 / steps)))"),
        ),
        (
            "the share that each step keeps is smaller",
            _bias("np.log(share ** steps / (1 - share ** steps))"),
        ),
        ("base 10", _bias("np.log10(share ** (1 / steps) / (1 - share ** (1 / steps)))")),
        ("bias_for: the 1 - f is missing", _bias("np.log(share ** (1 / steps))")),
        ("bias_for(", _bias("np.log(steps - 1)")),
        ("bias_for's result", _bias("...")),
        ("exponents is still blank", "exponents = ..."),
        ("from the seed 0 alone", _exponents(seeds="[0]")),
        ("exponents holds natural logarithms", "exponents = np.log(10) * np.array(exponents)"),
        (
            "The logarithm comes before the mean",
            _exponents(
                "survival(build(bias, seed), sequences)", mean="np.log10(np.mean(values, axis=1))"
            ),
        ),
        (
            "exponents holds the numbers themselves",
            _exponents("survival(build(bias, seed), sequences)"),
        ),
        ("in the order 3, 1, 0", "exponents = exponents[::-1]"),
        ("The columns of exponents", "exponents = np.array(exponents)[:, ::-1]"),
        ("exponents holds sums", "exponents = 5 * np.array(exponents)"),
        ("take the mean over the five layers", _exponents(mean="values")),
        ("exponents has the shape", "exponents = np.array(exponents).T"),
        ("exponents holds medians", _exponents(mean="np.median(values, axis=1)")),
        ("exponents at index", "exponents = np.array(exponents) + [[0, 0], [0, 0], [0, 0.5]]"),
    ],
}
