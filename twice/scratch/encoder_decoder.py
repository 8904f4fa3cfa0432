"""Encoder and decoder: one recurrent network reads a sequence, another writes a new one.

The only thing that passes between them is the encoder's last state, however long the source.
Sutskever, Vinyals and Le (2014); Cho et al. (2014).
"""

import numpy as np

from twice.scratch.backpropagation import Dense, Model, Sequential
from twice.scratch.gated import LSTM
from twice.scratch.sequences import Embedding, TimeDistributed


def shifted(target, start):
    """What the decoder hears: `start`, then the target without its last number; (N, T)."""
    target = np.asarray(target)
    first = np.full((len(target), 1), start, target.dtype)
    return np.concatenate([first, target[:, :-1]], axis=1)


def teacher_forcing(source, target, start):
    """One array x (N, S + T) for `fit`: the source, then the target shifted by one place.

    While it trains, the decoder hears the right answer so far, whatever it said itself
    (Williams and Zipser, 1989). Raises ValueError for different numbers of rows.
    """
    source, target = np.asarray(source), np.asarray(target)
    if source.ndim != 2 or target.ndim != 2 or len(source) != len(target):
        shapes = f"{source.shape} and {target.shape}"
        raise ValueError(f"expected source (N, S) and target (N, T), got {shapes}")
    return np.concatenate([source, shifted(target, start)], axis=1)


class EncoderDecoder(Model):
    """x (N, S + T) from `teacher_forcing` -> scores (N, T, n_target) of each next number.

    embedding -> LSTM over the source; its last [h, c] is where the second LSTM starts;
    embedding -> LSTM -> Dense over the target. 0 in the source is padding, and skipped.
    source_length: S. On the way back, the decoder's gradient with respect to its first
    state is the gradient of the encoder's last state.
    """

    collect, params, grads = Sequential.collect, Sequential.params, Sequential.grads

    def __init__(self, source_length, n_source, n_target, *, embedding=16, units=64, rng, **dtype):
        self.source_length = source_length
        self.layers = [
            Embedding(n_source, embedding, rng=rng, **dtype),
            LSTM(embedding, units, rng=rng, **dtype),
            Embedding(n_target, embedding, rng=rng, **dtype),
            LSTM(embedding, units, return_sequences=True, rng=rng, **dtype),
            TimeDistributed(Dense(units, n_target, rng=rng, **dtype)),
        ]

    def encode(self, source):
        """What is kept of the source: the last state (2, N, units)."""
        source = np.asarray(source)
        if source.ndim != 2 or source.shape[1] != self.source_length:
            raise ValueError(f"expected source (N, {self.source_length}), got {source.shape}")
        read, encoder = self.layers[:2]
        encoder.forward(read.forward(source), mask=source != 0)
        return encoder.state

    def trace(self, x):
        x = np.asarray(x)
        source, heard = x[:, : self.source_length], x[:, self.source_length :]
        state = self.encode(source)
        yield self.layers[0].forward(source)
        yield state
        embed, decoder, dense = self.layers[2:]
        x = embed.forward(heard)
        yield x
        x = decoder.forward(x, initial_state=state)
        yield x
        yield dense.forward(x)

    def forward(self, x, training=False):
        *_, scores = self.trace(x)
        return scores

    def backward(self, grad, input_gradient=True):
        read, encoder, embed, decoder, dense = self.layers
        embed.backward(decoder.backward(dense.backward(grad)))
        nothing = np.zeros_like(encoder.state[0])  # only the state went on, no output
        read.backward(encoder.backward(nothing, state_gradient=decoder.state_gradient))

    def translate(self, source, length, start):
        """The decoder on its own: each number it writes, (N, length), is the next it hears.

        Greedy: always the number with the highest score.
        """
        state, embed, decoder, dense = self.encode(source), *self.layers[2:]
        heard, written = np.full((len(source), 1), start), []
        for _ in range(length):
            h = decoder.forward(embed.forward(heard), initial_state=state)
            state, heard = decoder.state, dense.forward(h).argmax(axis=2)
            written.append(heard)
        return np.concatenate(written, axis=1)
