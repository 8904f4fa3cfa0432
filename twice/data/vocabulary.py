"""Characters and their numbers: what an embedding reads, and what a network writes."""

import numpy as np

from . import _checks


class Vocabulary:
    """Number the characters of an alphabet from 1; 0 is padding and stands for no character.

    `len` counts the padding: it is the number of rows an embedding needs and of classes a model of
    the next character has. `characters` is the alphabet, in the order of the numbers.

    Raises ValueError for anything but a string of different characters, at least one.
    """

    def __init__(self, characters: str):
        if not isinstance(characters, str) or not characters:
            raise ValueError(f"characters must be a string, not empty, got {characters!r}.")
        if len(set(characters)) != len(characters):
            twice = next(c for c in characters if characters.count(c) > 1)
            raise ValueError(f"characters must all differ, got {twice!r} more than once.")
        self.characters = characters
        self._numbers = {c: k for k, c in enumerate(characters, 1)}

    @classmethod
    def of(cls, text: str) -> "Vocabulary":
        """Return the vocabulary of the characters in `text`, sorted; ValueError if empty."""
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, got {text!r}.")
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters) + 1

    def __repr__(self) -> str:
        return f"Vocabulary({self.characters!r})"

    def encode(self, text, length=None) -> np.ndarray:
        """Write a text as its numbers, or a list of texts as the rows of one array.

        Returns int64 (length,), or (n, length) for a list of n texts, padded with 0 behind the
        text. Without `length` it is that of the (longest) text. Raises ValueError for what is not a
        text, a character outside the vocabulary, and a text longer than `length`.
        """
        texts = [text] if isinstance(text, str) else text
        if not isinstance(texts, list | tuple) or not all(isinstance(t, str) for t in texts):
            raise ValueError(f"text must be a string or a list of strings, got {text!r}.")
        longest = max(map(len, texts), default=0)
        length = longest if length is None else _checks.count(length, "length", minimum=0)
        if longest > length:
            raise ValueError(f"a text of {longest} characters does not fit the length {length}.")
        numbers = np.zeros((len(texts), length), np.int64)
        for row, one in zip(numbers, texts, strict=True):
            try:
                row[: len(one)] = [self._numbers[c] for c in one]
            except KeyError as error:
                raise ValueError(
                    f"the vocabulary has no character {error.args[0]!r}; it has "
                    f"{self.characters!r}."
                ) from None
        return numbers[0] if isinstance(text, str) else numbers

    def decode(self, numbers):
        """Read numbers as a text, or the rows of an array (n, length) as a list of texts.

        Every 0 is left out. Raises ValueError for numbers that are not whole, not in 0 to len - 1,
        or not in one or two dimensions.
        """
        numbers = np.asarray(numbers)
        if numbers.size == 0:
            numbers = numbers.astype(np.int64)
        if numbers.dtype.kind not in "iu" or numbers.ndim not in (1, 2):
            raise ValueError(
                "numbers must be whole, in one or two dimensions, "
                f"got {numbers.dtype} of shape {numbers.shape}."
            )
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise ValueError(
                f"numbers must be in 0 to {len(self) - 1}, got {numbers.min()} to {numbers.max()}."
            )
        rows = [
            "".join(self.characters[k - 1] for k in row if k > 0) for row in np.atleast_2d(numbers)
        ]
        return rows[0] if numbers.ndim == 1 else rows
