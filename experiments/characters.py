"""A character model of the book's own prose: bits for a character, against counting.

Plain RNN, LSTM and GRU from `twice.scratch`, by truncated backpropagation through time: every
epoch cuts the training text at other places. Of the training part, the last tenth is kept for
validation: it chose the learning rates, the dropout, the n-grams' strengths and the epoch whose
weights count. The test part chose nothing. All weights are rounded to float16 before anything is
measured with them, and then used in float64. The demos show an LSTM that was trained longer at a
lower rate, from one seed; `stored` says which, and what it costs.

    OPENBLAS_NUM_THREADS=1 python -m experiments.characters        about 20 minutes, resumable

writes experiments/results/characters.json and twice/widgets/characters.npz (the weights that the
demos read). bits: on the test part; a number for each n-gram, a list with one entry a seed for
each network. curve: bits after some epochs, on the validation text and on as long a text from the
end of what was trained on, both without dropout; means over the seeds. samples: what the stored
network writes after `prompt`, by temperature. sizes: parameters. rates: what was tried.
"""

import io
import math
import time
from dataclasses import asdict, dataclass, replace

import numpy as np

from experiments import record
from twice.data import prose
from twice.scratch.adaptive import Adam
from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.clipping import Clipped
from twice.scratch.gated import GRU, LSTM
from twice.scratch.language import NGram, bits_per_character, generate, reset, streams
from twice.scratch.noise import Dropout
from twice.scratch.recurrent import SimpleRNN
from twice.scratch.sequences import Embedding, SequenceCrossentropy, TimeDistributed
from twice.widgets.lenet import STORED as BESIDE

STORED = BESIDE.with_name("characters.npz")
NAMES = ("embedding", "kernel", "recurrent_kernel", "bias", "dense_kernel", "dense_bias")
CELLS = {"lstm": LSTM, "gru": GRU, "rnn": SimpleRNN}
NGRAMS = ("unigram", "bigram", "trigram", "4-gram", "5-gram", "6-gram")
STRENGTHS = (1, 2, 5, 10, 20, 50)
RATES = (0.004, 0.008, 0.016)  # more of them while the best is at an edge
TUNING_SEED, TUNING_EPOCHS = 1000, 15
DEMO_SEED, DEMO_RUN = 0, {"epochs": 70, "rate": 0.008}  # the LSTM that the demos show
PROMPT, LENGTH, WRITING_SEED = "The ", 300, 7
TEMPERATURES = (0.3, 0.7, 1.0, 1.3)


@dataclass(frozen=True)
class Setting:
    """Sizes, and how long a network is trained; the tests run a smaller one."""

    embedding: int = 24
    units: int = 128
    batch_size: int = 16
    steps: int = 64
    epochs: int = 40
    every: int = 2  # epochs from one measurement to the next
    rate: float = 0.004
    last: float = 0.02  # the share of the rate that is left at the end
    clip: float = 1.0
    dropout: float = 0.3  # between the recurrent layer and the scores
    heard: float = 0.0  # of the recurrent layer's input
    recurrent: float = 0.2  # of the state on its way to the next step


def texts():
    """(train, validation, test, vocabulary): the validation text begins with a paragraph."""
    found = prose()
    train = found.vocabulary.decode(found.train)
    cut = train.index("\n", int(0.9 * len(train)) - 1) + 1
    return found.train[:cut], found.train[cut:], found.test, found.vocabulary


def build(cell, n_tokens, setting, rng, dtype=np.float32):
    """Numbers (N, T) -> scores (N, T, n_tokens), with a state that is carried on."""
    recurrent = CELLS[cell](
        setting.embedding,
        setting.units,
        return_sequences=True,
        stateful=True,
        dropout=setting.heard,
        recurrent_dropout=setting.recurrent,
        rng=rng,
        dtype=dtype,
    )
    return Sequential(
        [
            Embedding(n_tokens, setting.embedding, rng=rng, dtype=dtype),
            recurrent,
            Dropout(setting.dropout, rng=rng),
            TimeDistributed(Dense(setting.units, n_tokens, rng=rng, dtype=dtype)),
        ]
    )


def train(cell, seed, setting, train_text, val_text, n_tokens):
    """The weights of the epoch with the lowest validation bits, as float16, and the curve."""
    rng = np.random.default_rng(seed)
    model, adam = build(cell, n_tokens, setting, rng), Adam(setting.rate)
    optimizer = Clipped(adam, global_clipnorm=setting.clip)
    loss = SequenceCrossentropy(from_logits=True)
    heard = train_text[-len(val_text) :]
    curve, best, weights = {"epoch": [], "train": [], "validation": []}, math.inf, None
    for epoch in range(1, setting.epochs + 1):
        wave = (1 + math.cos(math.pi * (epoch - 1) / setting.epochs)) / 2
        adam.learning_rate = setting.rate * (setting.last + (1 - setting.last) * wave)
        reset(model)
        first = rng.integers(setting.steps)
        model.fit(
            *streams(train_text[first:], setting.batch_size, setting.steps),
            loss=loss,
            optimizer=optimizer,
            batch_size=setting.batch_size,
            rng=None,
            verbose=False,
        )
        if epoch % setting.every:
            continue
        curve["epoch"].append(epoch)
        curve["train"].append(bits_per_character(model, heard))
        curve["validation"].append(bits_per_character(model, val_text))
        if curve["validation"][-1] < best:
            best, weights = curve["validation"][-1], model.get_weights()
    return [w.astype(np.float16) for w in weights], {
        "validation": best,
        "curve": curve,
        "epoch": curve["epoch"][int(np.argmin(curve["validation"]))],
        "parameters": sum(w.size for w in weights),
        "clipped": float(np.mean(np.array(optimizer.norms) > setting.clip)),
    }


def restored(cell, weights, n_tokens, setting):
    """The network with those weights, in float64: the same numbers on every machine."""
    model = build(cell, n_tokens, setting, np.random.default_rng(0), np.float64)
    model.set_weights(weights)
    return model


def n_grams(train_text, val_text, test_text, n_tokens):
    """Test bits of every n-gram, and its strength: the best of STRENGTHS on the validation text."""
    bits, strengths = {}, {}
    for n, name in enumerate(NGRAMS, 1):
        model = NGram(n, n_tokens).fit(train_text)
        tried = {}
        for model.strength in STRENGTHS:
            tried[model.strength] = model.bits_per_character(val_text)
        model.strength = strengths[name] = min(tried, key=tried.get)
        bits[name] = model.bits_per_character(test_text)
    return bits, strengths


class NGramWriter:
    """An n-gram as `generate` wants a model: its scores are the logarithms of its probabilities."""

    layers = ()

    def __init__(self, n_gram):
        self.n_gram, self.heard = n_gram, []

    def forward(self, x):
        self.heard += list(x[0])
        return np.log(self.n_gram.probabilities(self.heard))[None, None]


def written(model, vocabulary, temperature, length=LENGTH):
    """What the model writes after the prompt, always from the same seed."""
    rng, prompt = np.random.default_rng(WRITING_SEED), vocabulary.encode(PROMPT)
    numbers = generate(model, prompt, length, temperature=temperature, rng=rng)
    return vocabulary.decode(numbers)


def study(cell, seed, setting, parts, n_tokens):
    """One network and its bits on the test text; kept on disk, so that a run can go on."""
    train_text, val_text, test_text = parts

    def make():
        weights, found = train(cell, seed, setting, train_text, val_text, n_tokens)
        model = restored(cell, weights, n_tokens, setting)
        return found | {"test": bits_per_character(model, test_text)}, weights

    return record.kept("characters", f"{cell}-{seed}-{setting.epochs}-{setting.rate}",
                       [asdict(setting), *map(len, parts)], make)  # fmt: skip


def rounded(value, digits=4):
    """Every float in nested lists and dicts with so many decimals."""
    if isinstance(value, dict):
        return {key: rounded(v, digits) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v, digits) for v in value]
    return round(value, digits) if isinstance(value, float) else value


def tune(cell, setting, parts, n_tokens):
    """{rate: validation bits} of short trainings on the tuning seed, and the seconds they took."""
    tried, seconds, rates = {}, 0, list(RATES)
    while rates:
        rate = rates.pop()
        short = replace(setting, rate=rate, epochs=TUNING_EPOCHS, every=TUNING_EPOCHS)
        found, _ = study(cell, TUNING_SEED, short, parts, n_tokens)
        tried[rate], seconds = found["validation"], seconds + found["seconds"]
        best = min(tried, key=tried.get)
        if not rates and best in (min(tried), max(tried)) and len(tried) < 7:
            rates = [best / 2 if best == min(tried) else 2 * best]
    return tried, seconds


def run(seeds, setting=None, cells=tuple(CELLS)):
    """The result but for `small`; the stored network's weights; and the seconds it all took."""
    setting = setting or Setting()
    *parts, vocabulary = texts()
    n_tokens, seconds = len(vocabulary), 0
    bits, strengths = n_grams(*parts, n_tokens)
    bits = {"uniform": math.log2(n_tokens - 1), **bits}
    rates, curves, sizes, epochs, clipped = {}, {}, {}, {}, {}
    for cell in cells:
        tried, more = tune(cell, setting, parts, n_tokens)
        rate, seconds = min(tried, key=tried.get), seconds + more
        rates[cell] = {"rate": rate, "tried": {f"{r:g}": tried[r] for r in sorted(tried)}}
        runs = []
        for seed in seeds:
            found, _ = study(cell, seed, replace(setting, rate=rate), parts, n_tokens)
            print(cell, seed, found["validation"], found["test"], found["seconds"], flush=True)
            runs.append(found)
            seconds += found["seconds"]
        bits[cell] = [found["test"] for found in runs]
        sizes[cell] = runs[0]["parameters"]
        epochs[cell] = [found["epoch"] for found in runs]
        clipped[cell] = [found["clipped"] for found in runs]
        curves[cell] = {
            name: np.mean([found["curve"][name] for found in runs], axis=0).tolist()
            for name in ("train", "validation")
        } | {"epoch": runs[0]["curve"]["epoch"]}
    shown, weights = study("lstm", DEMO_SEED, replace(setting, **DEMO_RUN), parts, n_tokens)
    model = restored("lstm", weights, n_tokens, setting)
    trigram = NGram(3, n_tokens, strength=strengths["trigram"]).fit(parts[0])
    found = {
        "trained_by": "twice.scratch, float32; measured with the weights in float16",
        "vocabulary_size": n_tokens - 1,
        "characters": dict(zip(("train", "validation", "test"), map(len, parts), strict=True)),
        "bits": bits,
        "strengths": strengths,
        "sizes": sizes,
        "rates": rates,
        "best_epoch": epochs,
        "clipped": clipped,
        "curve": curves,
        "stored": {"cell": "lstm", "seed": DEMO_SEED, **DEMO_RUN,
                   "validation": shown["validation"], "test": shown["test"]},
        "prompt": PROMPT,
        "samples": {str(t): written(model, vocabulary, t) for t in TEMPERATURES},
        "trigram_sample": written(NGramWriter(trigram), vocabulary, 1.0),
        "settings": {**asdict(setting), "rate": {cell: rates[cell]["rate"] for cell in cells},
                     "validation_share": 0.1, "writing_seed": WRITING_SEED,
                     "tuning_seed": TUNING_SEED, "tuning_epochs": TUNING_EPOCHS},
    }  # fmt: skip
    return rounded(found), weights, seconds + shown["seconds"]


SMALL = Setting(units=32, batch_size=8, steps=32, epochs=2, every=1, rate=0.01)


def small():
    """Half a minute's part of it, stored beside the whole: what the tests repeat and compare."""
    train_text, val_text, test_text, vocabulary = texts()
    found = {}
    for cell in CELLS:
        own = train(cell, 0, SMALL, train_text[:20_000], val_text[:2000], len(vocabulary))
        model = restored(cell, own[0], len(vocabulary), SMALL)
        found[cell] = own[1] | {"test": bits_per_character(model, test_text[:2000])}
    return rounded(found)


def store(weights, vocabulary, path=STORED):
    """Write the npz that the demos read."""
    held = io.BytesIO()
    named = dict(zip(NAMES, weights, strict=True))
    np.savez_compressed(held, **named, vocabulary=vocabulary.characters)
    path.write_bytes(held.getvalue())


def main(arguments=None):
    seeds = record.chosen_seeds(arguments, range(5), __doc__.splitlines()[0])
    found, weights, seconds = run(seeds)
    found["small"] = small()
    store(weights, texts()[3])
    record.save("characters", found, seeds=seeds, started=time.perf_counter() - seconds)


if __name__ == "__main__":
    main()
