"""Train the LeNet of the demo "What a trained LeNet sees" on digits as people draw them.

Run `python -m experiments.lenet`: some minutes on one core. It writes twice/widgets/lenet.npz
(the weights as float16, and the examples of the demo) and experiments/results/lenet.json.
The images: the training part of scikit-learn's 8 x 8 handwritten digits, enlarged smoothly, and
digits from matplotlib's fonts; bent, thickened or thinned, then prepared as the demo prepares a
drawing. The test part of the handwritten digits is never trained on.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from twice import parity  # noqa: F401 (imports Keras quietly)
from twice.data import digits, glyphs
from twice.widgets.lenet import SHAPES, SIDE, STORED, prepare

SEED = 0
REAL, DRAWN = 16_000, 12_000
EPOCHS, BATCH, RATE = 14, 64, 1e-3
LARGE = 56  # images are bent at this resolution
SHIFT = 1.5  # pixels, at most, off the center


def enlarge(image):
    """An 8 x 8 digit, smooth, in the middle of (56, 56)."""
    smooth = ndimage.zoom(
        np.pad(image, 2), LARGE / 12, order=3, mode="grid-constant", grid_mode=True
    )
    return np.clip(smooth, 0, 1)


def sharpen(image, level=0.42, gain=5.0):
    """Blurred ink with a clear edge where it was `level`: a lower level makes thicker strokes."""
    return np.clip((image - level) * gain + 0.5, 0, 1)


def bend(image, rng):
    """Turn, slant and stretch at random, and wave a little, as hands do."""
    angle = np.deg2rad(rng.uniform(-14, 14))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, 0], [rng.uniform(-0.25, 0.25), 1]])
    matrix = matrix @ np.diag(np.exp(rng.uniform(-0.25, 0.25, 2)))
    side = len(image)
    grid = np.mgrid[:side, :side].reshape(2, -1) - (side - 1) / 2
    wave = rng.normal(size=(2, 5, 5)) * 1.6
    wave = [ndimage.zoom(w, side / 5, order=3, mode="nearest").ravel() for w in wave]
    places = matrix @ grid + np.stack(wave) + (side - 1) / 2
    return ndimage.map_coordinates(image, places, order=1).reshape(side, side)


def make(n, real, rng):
    """n training images (n, 28, 28, 1) and their labels: handwritten digits, or printed ones."""
    if real:
        x, y = digits()[0]
        picked = rng.integers(len(x), size=n)
        sources, y = (enlarge(image) for image in x[picked, ..., 0]), y[picked]
    else:
        x, y = glyphs(n, size=LARGE, distortion=0.5, rng=rng)
        sources = np.where(x[..., 0] > 0.25, x[..., 0], 0)
    images = np.empty((n, SIDE, SIDE, 1), np.float32)
    for i, source in enumerate(sources):
        paper = bend(source, rng)
        if real:
            paper = sharpen(paper, rng.uniform(0.4, 0.6), rng.uniform(1.5, 6))
        else:  # the fonts are heavy: thin some of them
            if rng.random() < 0.3:
                paper = ndimage.grey_erosion(paper, size=2)
            paper = ndimage.gaussian_filter(paper, rng.uniform(0, 1.2))
        top = paper.max()
        if top > 0.3:
            paper = np.where(paper < 0.08, 0, paper / top)
        right, down = rng.uniform(-SHIFT, SHIFT, 2)
        zoom = np.exp(rng.uniform(-0.12, 0.12))
        images[i, ..., 0] = prepare(paper, right=right, down=down, zoom=zoom)
        if rng.random() < 0.3:
            images[i] *= rng.uniform(0.6, 1)
    return images, y


def held_out(**change):
    """The test part of the handwritten digits, prepared; `change` as in `prepare`."""
    _, (x, y) = digits()
    images = [prepare(sharpen(enlarge(image)), **change) for image in x[..., 0]]
    return np.array(images, np.float32)[..., None], y


def train(x, y, rng):
    """A trained LeNet with the layers of Keras."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(SEED)
    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10),
        ]
    )
    steps = EPOCHS * -(-len(x) // BATCH)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    return model


def main():
    start = time.perf_counter()
    rng = np.random.default_rng(SEED)
    parts = [make(REAL, True, rng), make(DRAWN, False, rng)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    print(f"{len(x)} images in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    model = train(x, y, rng)
    weights = [w.astype(np.float16) for w in model.get_weights()]
    assert tuple(w.shape for w in weights) == SHAPES
    model.set_weights([w.astype(np.float32) for w in weights])

    def accuracy(images, labels):
        return float(np.mean(model.predict(images, verbose=0).argmax(1) == labels))

    results = {
        "train_accuracy": accuracy(x, y),
        "test_accuracy": accuracy(*held_out()),
        "printed_accuracy": accuracy(*make(2000, False, np.random.default_rng(SEED + 1))),
        "test_accuracy_shifted_right": [accuracy(*held_out(right=k)) for k in range(6)],
        "seconds": round(time.perf_counter() - start),
    }
    x_test, y_test = held_out()
    z = model.predict(x_test, verbose=0)
    chosen = []
    for label in range(10):
        right = np.flatnonzero((y_test == label) & (z.argmax(1) == label))
        chosen.append(x_test[right[0], ..., 0])
    printed, names = [], "0123456789"
    clean, labels = glyphs(400, size=LARGE, distortion=0, rng=np.random.default_rng(3))
    for digit in (2, 4, 7, 9):
        printed.append(prepare(clean[np.flatnonzero(labels == digit)[0], ..., 0].astype(float)))
    examples = np.round(15 * np.clip(np.array(chosen + printed), 0, 1)).astype(np.uint8)
    names = [f"handwritten {d}" for d in range(10)] + [f"printed {d}" for d in (2, 4, 7, 9)]
    arrays = {f"w{i}": w for i, w in enumerate(weights)}
    np.savez(STORED, **arrays, examples=examples, names=np.array(names))
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "lenet.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results, indent=1), file=sys.stderr)


if __name__ == "__main__":
    main()
