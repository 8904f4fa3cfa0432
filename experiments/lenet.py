"""Train the LeNet of the demo "What does a trained LeNet see?" on digits as people draw them.

`make experiments SLUG=lenet`, some minutes on one core, writes twice/widgets/lenet.npz (the
weights as float16, and the examples of the demo) and experiments/results/lenet.json. The images:
the training part of scikit-learn's 8 x 8 handwritten digits, enlarged smoothly, and digits from
matplotlib's fonts; bent, thickened or thinned, then prepared as the demo prepares a drawing. The
test part of the handwritten digits is never trained on.
"""

import io
import math
import time

import numpy as np
from scipy import ndimage

from experiments import record
from twice.data import digits, glyphs
from twice.scratch.gradient_descent import SGD
from twice.scratch.lenet import lenet
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.training import Callback
from twice.widgets.drawing import SIDE, prepare
from twice.widgets.lenet import SHAPES, STORED

SEED = 0
REAL, PRINTED = 16_000, 12_000
EPOCHS, BATCH, RATE = 14, 32, 0.08
LAST = 5e-5  # the share of RATE that is left at the end
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


class Slower(Callback):
    """Bring the learning rate down along half a wave of the cosine (Loshchilov, 2017)."""

    def __init__(self, optimizer, steps):
        self.optimizer, self.steps = optimizer, steps

    def on_batch_end(self, model, iteration, logs):
        done = iteration / self.steps
        self.optimizer.learning_rate = RATE * (LAST + (1 + math.cos(math.pi * done)) / 2)


def train(x, y, rng, epochs=EPOCHS):
    """LeNet from scratch, trained."""
    model, optimizer = lenet(rng=rng), SGD(RATE)
    slower = Slower(optimizer, epochs * math.ceil(len(x) / BATCH))
    model.fit(
        x,
        y,
        loss=SparseCategoricalCrossentropy(from_logits=True),
        optimizer=optimizer,
        batch_size=BATCH,
        epochs=epochs,
        rng=rng,
        callbacks=[slower],
    )
    return model


def examples(model):
    """Ten handwritten digits of the test part that are read right, and four printed ones."""
    x, y = held_out()
    read = model.predict(x).argmax(1)
    chosen = []
    for digit in range(10):
        own = x[(y == digit) & (read == digit), ..., 0]
        by_ink = np.argsort(own.sum(axis=(1, 2)))
        chosen.append(own[by_ink[len(own) // 5]])  # with rather thin strokes: clearer
    names = [f"handwritten {digit}" for digit in range(10)]
    clean, labels = glyphs(400, size=LARGE, distortion=0, rng=np.random.default_rng(3))
    for digit in (2, 4, 7, 9):
        glyph = clean[np.flatnonzero(labels == digit)[0], ..., 0]
        chosen.append(prepare(glyph.astype(float)))
        names.append(f"printed {digit}")
    return np.round(15 * np.clip(chosen, 0, 1)).astype(np.uint8), names


def store(weights, pictures, names):
    """Write what the demo shows."""
    file = io.BytesIO()
    arrays = {f"w{i}": w for i, w in enumerate(weights)}
    np.savez(file, **arrays, examples=pictures, names=np.array(names))
    STORED.write_bytes(file.getvalue())


def main():
    started = time.perf_counter()
    rng = np.random.default_rng(SEED)
    parts = [make(REAL, True, rng), make(PRINTED, False, rng)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    model = train(x, y, rng)
    weights = [w.astype(np.float16) for w in model.get_weights()]
    assert tuple(w.shape for w in weights) == SHAPES
    model.set_weights(weights)  # what is measured is what the page gets

    def accuracy(images, labels):
        return float(np.mean(model.predict(images).argmax(1) == labels))

    pictures, names = examples(model)
    found = {
        "training_images": len(x),
        "test_images": len(held_out()[1]),
        "train_accuracy": accuracy(x, y),
        "test_accuracy": accuracy(*held_out()),
        "printed_accuracy": accuracy(*make(2000, False, np.random.default_rng(SEED + 1))),
        "test_accuracy_shifted_right": [accuracy(*held_out(right=k)) for k in range(6)],
        "test_accuracy_turned": {
            a: accuracy(*held_out(angle=a)) for a in (15, 30, 45, 60, 90, 180)
        },
        "test_accuracy_scaled": {z: accuracy(*held_out(zoom=z)) for z in (0.5, 0.75, 1.25, 1.5)},
    }
    store(weights, pictures, names)
    record.save("lenet", found, seeds=[SEED], started=started)
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
