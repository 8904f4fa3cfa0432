"""Translate dates: "Friday, March 5, 2021" into "2021-03-05", by an encoder and a decoder.

`EncoderDecoder` of `twice.scratch` on pairs of `twice.data.dates`. Of every ten days one is held
out: such a day is in no training pair, in no format. Validation pairs and test pairs are of other
held-out days. The learning rate is the best of four on a tuning seed, by validation loss, in both
directions; the test pairs chose nothing. Every seed draws its own pairs, weights and batches.

    OPENBLAS_NUM_THREADS=1 python -m experiments.dates        about 10 minutes, resumable

writes experiments/results/dates.json and dates.npz beside it: the weights of seed 0, as float16.
accuracy: the share of test pairs translated without a wrong character, an entry a seed; reversed:
the same when the source is read from its end (Sutskever, Vinyals and Le, 2014). loss and
characters: cross-entropy and accuracy for a character under teacher forcing. by_format, by_length:
[share over all seeds, pairs]. narrow: fewer units. unseen: accuracy on a format left out of
training, and on all others. curve: after each epoch, means over the seeds. examples: errors on the
test pairs, up to 12 a seed, then 12 right answers, as [source, truth, answer]. growing: what the
stored network answered to `shown` after each epoch.
"""

import io
import math
import re
import time
from dataclasses import asdict, dataclass, replace
from datetime import date

import numpy as np

from experiments import record
from twice import data, results
from twice.data.sequences import DAYS, FORMATS, LONGEST, MONTHS
from twice.scratch.adaptive import Adam
from twice.scratch.clipping import Clipped
from twice.scratch.encoder_decoder import EncoderDecoder, teacher_forcing
from twice.scratch.sequences import SequenceCrossentropy

STORED = results.FOLDER / "dates.npz"
START, LENGTH = 0, 10  # the decoder first hears padding; an answer has ten characters
RATES = (0.006, 0.012, 0.024, 0.048)
TUNING_SEED, TUNING_EPOCHS = 1000, 3
UNSEEN = ("{weekday}, {d} {month} {y}", "{d}-{mon}-{yy:02}")  # known parts; a new sign
LENGTHS = ((8, 10), (11, 13), (14, 17), (18, 21), (22, 29))
NARROW = (8, 16)  # units of networks narrower than the usual one
FEWER = 3  # seeds for what is a look aside: formats left out, narrow networks
HELD_OUT = 10  # one day in so many


@dataclass(frozen=True)
class Setting:
    """Sizes, and how long a network is trained; the tests run a smaller one."""

    n_train: int = 20_000
    n_val: int = 1000
    n_test: int = 2000
    embedding: int = 16
    units: int = 64
    batch_size: int = 64
    epochs: int = 6
    every: int = 1  # epochs from one measurement to the next
    rate: float = 0.006
    last: float = 0.02  # the share of the rate that is left at the end
    clip: float = 1.0


def pattern(style):
    """What texts of one of FORMATS look like."""
    parts = {
        "d": r"\d\d?", "m": r"\d\d?", "y": r"\d{4}", "d:02": r"\d\d", "m:02": r"\d\d",
        "yy:02": r"\d\d", "th": "(st|nd|rd|th)", "month": f"({'|'.join(MONTHS)})",
        "mon": f"({'|'.join(m[:3] for m in MONTHS)})", "weekday": f"({'|'.join(DAYS)})",
        "wd": f"({'|'.join(d[:3] for d in DAYS)})",
    }  # fmt: skip
    pieces = re.split(r"\{(.*?)\}", style)
    return re.compile("".join(parts[p] if k % 2 else re.escape(p) for k, p in enumerate(pieces)))


PATTERNS = {style: pattern(style) for style in FORMATS}


def style_of(text):
    """The format of a text; the short name of May is the long one: the first that fits."""
    return next(style for style, p in PATTERNS.items() if p.fullmatch(text))


@dataclass
class Pairs:
    """Dates as texts and as numbers; `styles` says the format of each."""

    x: np.ndarray
    y: np.ndarray
    source: list
    target: list
    styles: np.ndarray

    def only(self, chosen):
        keep = np.flatnonzero(chosen)
        source, target = ([texts[k] for k in keep] for texts in (self.source, self.target))
        return Pairs(self.x[keep], self.y[keep], source, target, self.styles[keep])


def draw(n, part, rng, without=None):
    """n pairs of the days of a part, "train", "val" or "test"; without: a format to leave out."""
    found = data.dates(3 * n if part == "train" else 30 * n, rng=rng)
    source, target = found.source.decode(found.x), found.target.decode(found.y)
    days = np.array([date.fromisoformat(day).toordinal() for day in target])
    kind = np.where(days % HELD_OUT, 0, 1 + days // HELD_OUT % 2)  # train, val, test
    keep = kind == ("train", "val", "test").index(part)
    styles = np.array([style_of(text) for text in source])
    if without is not None:
        keep &= styles != without
    pairs = Pairs(found.x, found.y, source, target, styles)
    return pairs.only(keep & (keep.cumsum() <= n))


def build(setting, rng, dtype=np.float32):
    source, target = (len(v) for v in vocabularies())
    return EncoderDecoder(LONGEST, source, target, embedding=setting.embedding,
                          units=setting.units, rng=rng, dtype=dtype)  # fmt: skip


def vocabularies():
    return data.dates(1, rng=np.random.default_rng(0))[2:]


def ordered(x, reverse):
    """The source as it is read: from its end if reversed. The padding, now first, is skipped."""
    return x[:, ::-1] if reverse else x


def answers(model, x):
    """The decoder's own answers to sources x (N, 29), as texts."""
    parts = [model.translate(x[i : i + 500], LENGTH, START) for i in range(0, len(x), 500)]
    return vocabularies()[1].decode(np.concatenate(parts))


def exact(found, truth):
    return np.array([a == b for a, b in zip(found, truth, strict=True)])


def forced(model, pairs, reverse):
    """Cross-entropy and accuracy for a character, with the right answer heard so far."""
    scores = model.predict(teacher_forcing(ordered(pairs.x, reverse), pairs.y, START))
    loss = SequenceCrossentropy(from_logits=True).forward(pairs.y, scores)
    return float(loss), float(np.mean(scores.argmax(axis=2) == pairs.y))


SHOWN = (
    "Friday, March 5, 2021",
    "3/5/2021",
    "5.3.2021",
    "the 31st of December 1999",
    "7-Nov-65",
)


def train(seed, setting, *, reverse=False, without=None):
    """The weights after the last epoch, as float16; and what was measured on the way and after."""
    rng = np.random.default_rng([seed, 0])
    learned = draw(setting.n_train, "train", rng, without)
    val, test = draw(setting.n_val, "val", rng), draw(setting.n_test, "test", rng)
    rng = np.random.default_rng([seed, 1])
    model, adam = build(setting, rng), Adam(setting.rate)
    x = teacher_forcing(ordered(learned.x, reverse), learned.y, START)
    shown = ordered(vocabularies()[0].encode(list(SHOWN), LONGEST), reverse)
    curve, growing = [], []
    for epoch in range(1, setting.epochs + 1):
        wave = (1 + math.cos(math.pi * (epoch - 1) / setting.epochs)) / 2
        adam.learning_rate = setting.rate * (setting.last + (1 - setting.last) * wave)
        history = model.fit(
            x,
            learned.y,
            loss=SequenceCrossentropy(from_logits=True),
            optimizer=Clipped(adam, global_clipnorm=setting.clip),
            batch_size=setting.batch_size,
            rng=rng,
            verbose=False,
        ).history
        if epoch % setting.every == 0 or epoch == 1:
            right = exact(answers(model, ordered(val.x, reverse)), val.target)
            point = {"epoch": epoch, "loss": history["loss"][0]}
            curve.append(point | {"val_loss": forced(model, val, reverse)[0],
                                  "accuracy": float(right.mean())})  # fmt: skip
            growing.append([epoch, answers(model, shown)])
    weights = [w.astype(np.float16) for w in model.get_weights()]
    return weights, {"curve": curve, "growing": growing} | measured(weights, setting, test, reverse)


def measured(weights, setting, pairs, reverse=False):
    """How well those weights, in float64, translate the pairs."""
    model = build(setting, np.random.default_rng(0), np.float64)
    model.set_weights(weights)
    found = answers(model, ordered(pairs.x, reverse))
    right = exact(found, pairs.target)
    lengths = np.array([len(text) for text in pairs.source])
    loss, characters = forced(model, pairs, reverse)
    told = list(zip(pairs.source, pairs.target, found, strict=True))
    return {
        "accuracy": float(right.mean()),
        "loss": loss,
        "characters": characters,
        "parameters": sum(w.size for w in weights),
        "formats": {s: [int(right[pairs.styles == s].sum()), int((pairs.styles == s).sum())]
                    for s in FORMATS},
        "lengths": {f"{a}-{b}": [int(right[(a <= lengths) & (lengths <= b)].sum()),
                                 int(((a <= lengths) & (lengths <= b)).sum())]
                    for a, b in LENGTHS},
        "errors": [row for row, ok in zip(told, right, strict=True) if not ok][:12],
        "right": [row for row, ok in zip(told, right, strict=True) if ok][:12],
    }  # fmt: skip


def study(seed, setting, **ways):
    """What `train` found, kept on disk, so that a run can go on."""

    def make():
        weights, found = train(seed, setting, **ways)
        return found, weights

    names = (f"{k}={FORMATS.index(v) if k == 'without' else v}" for k, v in ways.items())
    part = "-".join([f"{seed}-{setting.units}-{setting.epochs}-{setting.rate}", *names])
    return record.kept("dates", part, [asdict(setting), ways], make)


def summed(runs, table):
    """{row: [share of right pairs over all runs, pairs]} of one of `measured`'s tables."""
    counts = {row: np.sum([run[table][row] for run in runs], axis=0) for row in runs[0][table]}
    return {row: [float(right / max(n, 1)), int(n)] for row, (right, n) in counts.items()}


def averaged(curves):
    return [
        {name: float(np.mean([point[name] for point in points])) for name in points[0]}
        | {"epoch": points[0]["epoch"]}
        for points in zip(*curves, strict=True)
    ]


def rounded(value, digits=4):
    """Every float in nested lists and dicts with so many decimals."""
    if isinstance(value, dict):
        return {key: rounded(v, digits) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v, digits) for v in value]
    return round(value, digits) if isinstance(value, float) else value


def tune(setting, reverse):
    """{rate: validation loss} of short trainings, and the seconds they took."""
    tried, seconds = {}, 0
    for rate in RATES:
        short = replace(setting, rate=rate, epochs=TUNING_EPOCHS, every=TUNING_EPOCHS)
        found, _ = study(TUNING_SEED, short, reverse=reverse)
        tried[rate], seconds = found["curve"][-1]["val_loss"], seconds + found["seconds"]
    return tried, seconds


def left_out(seeds, setting):
    """For every format of UNSEEN: accuracy on it and on all others, trained without it."""
    table, seconds = {}, 0
    for style in UNSEEN:
        unseen, others, errors = [], [], []
        for seed in seeds:
            found, weights = study(seed, setting, without=style)
            pairs = draw(4 * setting.n_test, "test", np.random.default_rng([seed, 2]))
            new = measured(weights, setting, pairs.only(pairs.styles == style))
            seen = np.sum([n for s, n in found["formats"].items() if s != style], axis=0)
            unseen.append(new["accuracy"])
            others.append(float(seen[0] / seen[1]))
            errors += new["errors"][:3]
            seconds += found["seconds"]
            print(style, seed, unseen[-1], others[-1], flush=True)
        table[style] = {"unseen": unseen, "others": others, "errors": errors}
    return table, seconds


def narrow(seeds, setting):
    """Networks with fewer units: the encoder's last state is all that the decoder gets."""
    table, seconds = {}, 0
    for units in NARROW:
        runs = [study(seed, replace(setting, units=units))[0] for seed in seeds]
        seconds += sum(run["seconds"] for run in runs)
        table[str(units)] = {"accuracy": [run["accuracy"] for run in runs],
                             "by_length": summed(runs, "lengths")}  # fmt: skip
        print(units, table[str(units)], flush=True)
    return table, seconds


def run(seeds, setting=None):
    """The result but for `small`; the stored network's weights; and the seconds it all took."""
    setting = setting or Setting()
    runs, tried, rates, seconds = {False: [], True: []}, {}, {}, 0
    for reverse, kept in runs.items():
        tried[reverse], more = tune(setting, reverse)
        rate = rates[reverse] = min(tried[reverse], key=tried[reverse].get)
        seconds += more
        for seed in seeds:
            found, weights = study(seed, replace(setting, rate=rate), reverse=reverse)
            kept.append(found)
            seconds += found["seconds"]
            print(seed, reverse, found["accuracy"], found["loss"], found["seconds"], flush=True)
            if seed == seeds[0] and not reverse:
                stored, first = weights, found
    setting = replace(setting, rate=rates[False])
    narrower, more = narrow(seeds[:FEWER], setting)
    unseen, still_more = left_out(seeds[:FEWER], setting)
    found = {
        "trained_by": "twice.scratch, float32; measured with the weights in float16",
        "accuracy": [found["accuracy"] for found in runs[False]],
        "reversed": [found["accuracy"] for found in runs[True]],
        "loss": [found["loss"] for found in runs[False]],
        "reversed_loss": [found["loss"] for found in runs[True]],
        "characters": [found["characters"] for found in runs[False]],
        "by_format": summed(runs[False], "formats"),
        "by_length": summed(runs[False], "lengths"),
        "reversed_by_length": summed(runs[True], "lengths"),
        "narrow": narrower,
        "unseen": unseen,
        "curve": averaged([found["curve"] for found in runs[False]]),
        "reversed_curve": averaged([found["curve"] for found in runs[True]]),
        "examples": [row for found in runs[False] for row in found["errors"]] + first["right"],
        "shown": list(SHOWN),
        "growing": first["growing"],
        "parameters": first["parameters"],
        "rates": {name: {f"{rate:g}": lost for rate, lost in tried[reverse].items()}
                  for reverse, name in ((False, "forward"), (True, "reversed"))},
        "settings": {**asdict(setting), "reversed_rate": rates[True], "held_out": HELD_OUT,
                     "tuning_seed": TUNING_SEED, "tuning_epochs": TUNING_EPOCHS},
    }  # fmt: skip
    return rounded(found), stored, seconds + more + still_more


SMALL = Setting(n_train=640, n_val=50, n_test=50, units=16, batch_size=16, epochs=2, every=1)


def small():
    """Some seconds' part of it, stored beside the whole: what the tests repeat and compare."""
    kept = ("curve", "loss", "characters", "parameters")
    ways = {"forward": {}, "reversed": {"reverse": True}, "without": {"without": UNSEEN[0]}}
    found = {name: train(0, SMALL, **way)[1] for name, way in ways.items()}
    return rounded({name: {k: run[k] for k in kept} for name, run in found.items()})


def restored():
    """The stored network, in float64: `answers(restored(), vocabulary.encode([...], LONGEST))`."""
    model = build(Setting(), np.random.default_rng(0), np.float64)
    with np.load(STORED) as file:
        model.set_weights([file[f"w{k}"] for k in range(len(file.files))])
    return model


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, range(5), __doc__.splitlines()[0])
    found, weights, seconds = run(seeds)
    found["small"] = small()
    held = io.BytesIO()
    np.savez_compressed(held, **{f"w{k}": w for k, w in enumerate(weights)})
    STORED.write_bytes(held.getvalue())
    record.save("dates", found, seeds=seeds, started=time.perf_counter() - seconds)


if __name__ == "__main__":
    main()
