"""Writing and scoring text character by character: temperature, sampling, counts, bits.

A text is a row of whole numbers from 0 to V - 1; a model says how probable each number comes next.
"""

import numpy as np

from twice.scratch.losses import log_softmax, softmax


def sample(logits, *, temperature=1.0, rng):
    """One number drawn from softmax(logits / temperature); logits (V,).

    The first k whose cumulative probability passes a uniform number (the inverse
    transform). Temperature 0 takes the largest. Raises ValueError for logits of
    another shape, or a temperature below 0.
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 1 or not temperature >= 0:
        came = f"{logits.shape} and {temperature}"
        raise ValueError(f"expected logits (V,), temperature >= 0, got {came}")
    if temperature == 0:
        return int(logits.argmax())
    cumulative = softmax(logits, temperature).cumsum()
    drawn = rng.random() * cumulative[-1]
    return int(np.searchsorted(cumulative, drawn, side="right"))


def reset(model):
    """Let every recurrent layer of a model begin from zeros."""
    for layer in model.layers:
        if hasattr(layer, "reset_state"):
            layer.reset_state()


def generate(model, prompt, length, *, temperature=1.0, rng):
    """Continue the numbers `prompt` by `length` more, each fed back as the next input.

    model: stateful layers, (1, T) -> logits (1, T, V). Its state begins at zero. Returns the
    new numbers (length,). Raises ValueError for an empty prompt.
    """
    if len(prompt) == 0:
        raise ValueError("expected a prompt of at least one number, got none")
    reset(model)
    heard, written = np.asarray(prompt)[None], []
    for _ in range(length):
        logits = model.forward(heard)[0, -1]
        written.append(sample(logits, temperature=temperature, rng=rng))
        heard = np.array([[written[-1]]])
    reset(model)
    return np.array(written, dtype=np.int64)


def streams(text, batch_size, steps):
    """Cut one long text into batches for truncated backpropagation through time.

    text (M,): cut into batch_size equal streams; row b of every batch continues row b of the
    batch before, so a stateful layer carries its state on. Returns x and y (batches * batch_size,
    steps), y one place later, for `fit(batch_size=batch_size, rng=None)`. What does not fill a
    batch is left out. Raises ValueError if not even one batch is filled.
    """
    text = np.asarray(text)
    batches = (len(text) - 1) // (batch_size * steps) if batch_size > 0 < steps else 0
    if text.ndim != 1 or batches < 1:
        raise ValueError(
            f"expected a text longer than batch_size * steps = {batch_size} * {steps}, "
            f"got {text.shape}"
        )
    used = batch_size * batches * steps

    def cut(part):
        part = part.reshape(batch_size, batches, steps)
        return part.transpose(1, 0, 2).reshape(-1, steps)

    return cut(text[:used]), cut(text[1 : used + 1])


def bits_per_character(model, text, *, steps=256):
    """The mean of -log2 p(next character), of all but the first character of `text` (M,).

    model: stateful layers, (1, T) -> logits (1, T, V); read in pieces of `steps`, state carried.
    A text of V equally likely characters costs log2 V bits each. Shannon (1951).
    """
    text, total = np.asarray(text), 0.0
    if text.ndim != 1 or len(text) < 2:
        raise ValueError(f"expected a text (M,) of two or more, got {text.shape}")
    reset(model)
    for k in range(0, len(text) - 1, steps):
        after = text[k + 1 : k + steps + 1]
        log_p = log_softmax(model.forward(text[None, k : k + len(after)])[0].astype(np.float64))
        total -= log_p[np.arange(len(after)), after].sum()
    reset(model)
    return float(total / (len(text) - 1) / np.log(2))


class NGram:
    """p(next | the last n - 1): counts, mixed with those of shorter contexts.

    p_k(c | context) = (count(context, c) + s p_{k-1}(c | shorter)) / (count(context) + s),
    down to p_0 = 1 / V: rare contexts lean on shorter ones (Jelinek and Mercer, 1980, with a
    Dirichlet prior of `strength` s: MacKay and Peto, 1995). n = 2: bigram, n = 3: trigram.
    """

    def __init__(self, n, n_tokens, *, strength=5.0):
        if n < 1 or n_tokens < 1 or not strength > 0:
            raise ValueError(
                f"expected n, n_tokens >= 1, strength > 0, got {n}, {n_tokens}, {strength}"
            )
        self.n, self.n_tokens, self.strength = n, n_tokens, strength
        self.counts = [{} for _ in range(n)]

    def fit(self, text):
        """Count every context of 0 to n - 1 characters and what followed it."""
        text = [int(c) for c in text]
        for order, table in enumerate(self.counts):
            for k in range(order, len(text)):
                context = tuple(text[k - order : k])
                row = table.setdefault(context, np.zeros(self.n_tokens))
                row[text[k]] += 1
        return self

    def probabilities(self, context):
        """p(next | context) (V,); of a long context the last n - 1 count."""
        p = np.full(self.n_tokens, 1 / self.n_tokens)
        context = tuple(int(c) for c in context)
        for order, table in enumerate(self.counts[: len(context) + 1]):
            row = table.get(context[len(context) - order :])
            if row is not None:
                p = (row + self.strength * p) / (row.sum() + self.strength)
        return p

    def bits_per_character(self, text):
        """As the function of that name, for this model."""
        bits = [
            -np.log2(self.probabilities(text[max(0, k - self.n + 1) : k])[text[k]])
            for k in range(1, len(text))
        ]
        return float(np.mean(bits))
