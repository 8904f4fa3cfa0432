"""What the source model of transfer learning knows: its letters, its images, its stored weights.

The network itself is `twice.scratch.source.source_net`; `experiments/transfer_learning.py` trained
it. Its weights are stored as float16 in `source.npz`.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "source.npz"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # without I and O, which are also digits
SIDE = 16


def source_weights(*, batch_norm: bool = False) -> list[np.ndarray]:
    """Return the source model's arrays as float32, in the order of `get_weights`.

    They read the 24 capital letters of `LETTERS` in glyphs of 16 x 16 pixels, ink 1 on paper 0:

        net = source_net(rng)
        net.set_weights(data.source_weights())

    batch_norm: those of `source_net(rng, batch_norm=True)`.
    """
    kind = "norm" if batch_norm else "plain"
    with np.load(PATH) as file:
        count = sum(name.startswith(kind) for name in file.files)
        return [file[f"{kind}{k}"].astype(np.float32) for k in range(count)]


def _resize(size: int) -> np.ndarray:
    """The matrix (16, size) that enlarges a line of pixels linearly, or shrinks it by means."""
    if size >= SIDE:
        return np.kron(np.eye(SIDE), np.full(size // SIDE, SIDE / size))
    at = np.clip((np.arange(SIDE) + 0.5) * size / SIDE - 0.5, 0, size - 1)
    return np.maximum(0, 1 - abs(at[:, None] - np.arange(size)))


def like_source(x) -> np.ndarray:
    """Return images (N, S, S, C) as the source model knows them: ink on paper, (N, 16, 16, 1).

    One channel is ink already, 1 on paper 0. Of three, the ink is how far a color is from gray:
    the largest channel less the smallest. Enlarges linearly, shrinks by means over blocks. What
    is in [0, 1] stays there; float32.

    Raises
    ------
    ValueError
        x of another shape, or a side that neither divides 16 nor is a multiple of it.
    """
    x = np.asarray(x)
    side = x.shape[1] if x.ndim == 4 and 0 not in x.shape else 0
    fits = side and x.shape[2] == side and x.shape[3] in (1, 3)
    if not fits or (side % SIDE and SIDE % side):
        wanted = f"x must be images (N, S, S, 1 or 3), S a divisor or a multiple of {SIDE}"
        raise ValueError(f"{wanted}, got {x.shape}.")
    x = x.astype(np.float64)
    ink = x[..., 0] if x.shape[3] == 1 else x.max(axis=-1) - x.min(axis=-1)
    matrix = _resize(side)
    return (matrix @ ink @ matrix.T)[..., None].astype(np.float32)
