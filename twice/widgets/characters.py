"""What the demos of the character model share: its weights, and what it computes as it reads."""

import base64
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import traitlets

from twice.scratch.losses import log_softmax

from .base import Demo

STORED = Path(__file__).with_name("characters.npz")
NAMES = ("embedding", "kernel", "recurrent_kernel", "bias", "dense_kernel", "dense_bias")
QUANTITIES = ("input", "forget", "candidate", "cell", "output", "state")


class Reading(NamedTuple):
    """What the model computes at each of T characters: (T, U) each, and the scores (T, V)."""

    input: np.ndarray
    forget: np.ndarray
    candidate: np.ndarray
    cell: np.ndarray
    output: np.ndarray
    state: np.ndarray
    logits: np.ndarray


def shapes_of(sizes):
    """The six arrays' shapes for (V, E, U): characters, embedding and units."""
    v, e, u = sizes
    return ((v, e), (e, 4 * u), (u, 4 * u), (4 * u,), (u, v), (v,))


def sizes_of(arrays, vocabulary):
    """(V, E, U) of the arrays, which must fit each other and the vocabulary."""
    if len(arrays) != len(NAMES):
        raise traitlets.TraitError(
            f"weights must be the {len(NAMES)} arrays {', '.join(NAMES)}, not {len(arrays)} arrays"
        )
    embedding, recurrent = np.shape(arrays[0]), np.shape(arrays[2])
    if len(embedding) != 2 or len(recurrent) != 2:
        raise traitlets.TraitError(
            "embedding and recurrent_kernel must be matrices, "
            f"not of shapes {embedding} and {recurrent}"
        )
    sizes = (*embedding, recurrent[0])
    for name, array, shape in zip(NAMES, arrays, shapes_of(sizes), strict=True):
        if np.shape(array) != shape:
            raise traitlets.TraitError(f"{name} must have the shape {shape}, not {np.shape(array)}")
        if not np.isfinite(array).all():
            raise traitlets.TraitError(f"{name} must hold finite numbers only")
    if len(vocabulary) != sizes[0] - 1 or len(set(vocabulary)) != len(vocabulary):
        raise traitlets.TraitError(
            f"vocabulary must be {sizes[0] - 1} different characters, one for each row of the "
            f"embedding but the first, which is padding; not {vocabulary!r}"
        )
    return sizes


def pack(arrays):
    """Six arrays as base64: matrices in 8 bits, a scale for each column; biases in float32.

    A matrix's column is rounded to multiples of its largest weight / 127. The text holds the four
    matrices' int8, then per array in order its float32: the columns' scales, or the bias.
    """
    whole, parts = [], []
    for array in arrays:
        array = np.asarray(array, dtype=np.float32)
        if array.ndim == 1:
            parts.append(array)
            continue
        scale = (np.abs(array).max(axis=0) / 127).astype(np.float32)
        scale[scale == 0] = 1
        whole.append(np.round(array / scale).astype(np.int8).ravel())
        parts.append(scale)
    data = np.concatenate(whole).tobytes() + np.concatenate(parts).astype("<f4").tobytes()
    return base64.b64encode(data).decode()


def unpack(packed, sizes):
    """The six float32 arrays that the page computes with, out of `pack(arrays)`."""
    shapes = shapes_of(sizes)
    count = sum(int(np.prod(shape)) for shape in shapes if len(shape) == 2)
    data = base64.b64decode(packed)
    rest = sum(shape[-1] for shape in shapes)
    if len(data) != count + 4 * rest:
        raise traitlets.TraitError(
            f"packed must be {count + 4 * rest} bytes in base64, not {len(data)}: set weights"
        )
    whole = np.frombuffer(data[:count], dtype=np.int8).astype(np.float32)
    parts = np.frombuffer(data[count:], dtype="<f4")
    arrays = []
    for shape in shapes:
        part, parts = parts[: shape[-1]], parts[shape[-1] :]
        if len(shape) == 2:
            size = shape[0] * shape[1]
            part, whole = whole[:size].reshape(shape) * part, whole[size:]
        arrays.append(part.astype(np.float32))
    return arrays


@cache
def stored():
    """The trained arrays (`experiments/characters.py`) and their vocabulary."""
    with np.load(STORED) as file:
        return [file[name].astype(np.float32) for name in NAMES], str(file["vocabulary"])


@cache
def _prose():
    """The book's prose as two texts: what the stored model learned from, and what it never saw."""
    from twice.data import prose

    found = prose()
    return found.vocabulary.decode(found.train), found.vocabulary.decode(found.test)


def learned():
    """The text that the stored model was trained on."""
    return _prose()[0]


def unseen(length=1000):
    """The beginning of the text that the stored model was not trained on."""
    text = _prose()[1]
    return text[: text.rindex(" ", 0, length)]


def _sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


def step(arrays, code, h, c, held=None):
    """One character read: (input, forget, candidate, cell, output, state), (U,) each, in float64.

    f, i, o = sigma(z), g = tanh(z); c_t = f c_{t-1} + i g; h_t = o tanh(c_t), with Keras's order
    i, f, g, o in the kernel. `held` keeps a gate at a value: (gate, value, unit), where the unit
    may be None for all of them.
    """
    embedding, kernel, recurrent, bias = arrays[:4]
    z = embedding[code].astype(float) @ kernel + h @ recurrent + bias
    i, f, g, o = np.split(z, 4)
    gates = {"input": _sigmoid(i), "forget": _sigmoid(f), "output": _sigmoid(o)}
    if held is not None:
        gate, value, unit = held
        gates[gate][slice(None) if unit is None else unit] = value
    g = np.tanh(g)
    c = gates["forget"] * c + gates["input"] * g
    return gates["input"], gates["forget"], g, c, gates["output"], gates["output"] * np.tanh(c)


def read(arrays, codes, held=None):
    """Run the LSTM over the characters `codes` (T,) from h = c = 0, in float64: a `Reading`."""
    arrays = [np.asarray(array, dtype=float) for array in arrays]
    h = c = np.zeros(len(arrays[2]))
    columns = np.zeros((6, len(codes), len(h)))
    for t, code in enumerate(codes):
        columns[:, t] = now = step(arrays, code, h, c, held)
        c, h = now[3], now[5]
    return Reading(*columns, columns[5] @ arrays[4] + arrays[5])


class CharacterDemo(Demo):
    """A demo of a character model: Embedding, LSTM, and a Dense layer with one score a character.

    Without `weights` it is the book's own (`experiments/characters.py`). `weights=` takes
    `model.get_weights()` of such a model, scratch or Keras, with the `vocabulary` of its
    characters 1, 2, ... (0 is padding).
    """

    packed = traitlets.Unicode(help="The weights for the page: 8 bits each, base64.").tag(sync=True)
    sizes = traitlets.List(help="[V, E, U]: characters, embedding, units.").tag(sync=True)
    vocabulary = traitlets.Unicode(help="The characters 1, 2, ...; 0 is padding.").tag(sync=True)

    def __init__(self, weights=None, vocabulary=None, **traits):
        if (weights is None) != (vocabulary is None):
            raise traitlets.TraitError("weights and vocabulary must be given together, or neither")
        if weights is None:
            weights, vocabulary = stored()
        sizes = sizes_of(weights, vocabulary)
        state = {"sizes": list(sizes), "vocabulary": vocabulary, "packed": pack(weights)}
        super().__init__(**state, **traits)

    @property
    def weights(self):
        """The six arrays, as `get_weights` orders them, rounded as the page has them."""
        return unpack(self.packed, self.sizes)

    def encode(self, text):
        """The text's characters as numbers, (T,)."""
        return np.array([self.vocabulary.index(c) + 1 for c in text], dtype=np.int64)

    def read(self, text, held=None):
        """What the model computes as it reads the text: a `Reading`."""
        return read(self.weights, self.encode(text), held)

    def _known(self, name, text):
        """Return the text if the model knows all its characters."""
        strange = sorted(set(text) - set(self.vocabulary))
        if strange:
            raise traitlets.TraitError(
                f"{name} must hold characters of the vocabulary, {self.vocabulary!r}; "
                f"{', '.join(map(repr, strange))} is not among them"
            )
        return text


def bits_per_character(logits, codes):
    """The mean of -log2 p(next) over a text's characters 2, 3, ..., each guessed from before."""
    if len(codes) < 2:
        return float("nan")
    log_p = log_softmax(logits[:-1])
    return float(-log_p[np.arange(len(codes) - 1), codes[1:]].mean() / np.log(2))
