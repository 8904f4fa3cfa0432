"""Looking inside a trained network: which pixels a score depends on, and what a unit asks for.

A map belongs to one score: number `label` of the model's outputs (N, classes), before any softmax.
`label` is one number, or one for each image.
"""

import numpy as np

from twice.scratch.backpropagation import Dense, Sequential
from twice.scratch.pooling import GlobalAveragePooling2D


def pick(label, outputs):
    """G (N, classes), zero but for a 1 at each sample's label: the way back of one score."""
    label = np.broadcast_to(np.asarray(label), len(outputs))
    if outputs.ndim != 2 or label.dtype.kind not in "iu":
        raise ValueError(f"expected scores (N, classes) and whole labels, got {outputs.shape}")
    if label.min() < 0 or label.max() >= outputs.shape[1]:
        raise ValueError(f"expected labels from 0 to {outputs.shape[1] - 1}, got {label}")
    picked = np.zeros_like(outputs)
    picked[np.arange(len(outputs)), label] = 1
    return picked


def score_gradient(model, x, label):
    """d score[label] / dx for each image: x (N, H, W, C) -> (N, H, W, C)."""
    return model.backward(pick(label, model.forward(np.asarray(x))))


def saliency(model, x, label):
    """How much the score would move with each pixel: (N, H, W).

    S[n, r, c] = the largest |d score[label] / dx[n, r, c, k]| of the channels k.
    Simonyan et al. (2014). The model's `grads` are overwritten.
    """
    return np.abs(score_gradient(model, x, label)).max(axis=-1)


def occlusion(model, image, label, *, size=7, strides=2, value=0.5):
    """How much the score falls where a gray square hides the image (H, W, C): (H, W).

    A square of `size` pixels and the given value stands at every `strides`-th pixel; a
    pixel's number is the mean fall over the squares that hide it. Zeiler and Fergus (2014).
    Raises ValueError for an image of another shape, and squares that leave gaps.
    """
    image = np.asarray(image)
    if image.ndim != 3 or not 1 <= strides <= size <= min(image.shape[:2]):
        wanted = "expected one image (H, W, C) and 1 <= strides <= size <= its sides"
        raise ValueError(f"{wanted}, got {image.shape}, strides {strides}, size {size}")
    tops, lefts = ({*range(0, n - size, strides), n - size} for n in image.shape[:2])
    places = [(slice(r, r + size), slice(c, c + size)) for r in sorted(tops) for c in sorted(lefts)]
    hidden = np.repeat(image[None], len(places), axis=0)
    for copy, place in zip(hidden, places, strict=True):
        copy[place] = value
    score = model.predict(image[None])[0, label]
    falls = score - model.predict(hidden)[:, label]
    total, count = np.zeros((2, *image.shape[:2]))
    for fall, place in zip(falls, places, strict=True):
        total[place] += fall
        count[place] += 1
    return total / count


def class_activation_map(model, x, label):
    """M[n, r, c] = sum over k of A[n, r, c, k] w[k, label]: each place's part in the score.

    For models that end in GlobalAveragePooling2D and Dense, with A (N, h, w, K) the maps
    before and w (K, classes) the kernel. score[label] = mean of M + bias. Returns (N, h, w).
    Raises ValueError for models that end otherwise. Zhou et al. (2016).
    """
    *body, pooling, dense = model.layers
    if not isinstance(pooling, GlobalAveragePooling2D) or not isinstance(dense, Dense):
        raise ValueError(f"expected [..., GlobalAveragePooling2D, Dense], got {model.layers[-2:]}")
    maps = Sequential(body).forward(x)
    pick(label, dense.forward(pooling.forward(maps)))  # a label that there is
    weights = dense.params["kernel"].T[label]
    return (maps * weights[..., None, None, :]).sum(axis=-1)


def grad_cam(model, x, label, layer):
    """M = relu(sum over k of A[..., k] a[k]), a[k] = the mean of d score[label] / dA[..., k].

    A (N, h, w, K): what layer number `layer` of `model.layers` puts out, counted from 0 or,
    if negative, from the end. Returns (N, h, w). Raises ValueError where A is no image, and
    for a layer that there is not. Selvaraju et al. (2017).
    """
    if not -len(model.layers) <= layer < len(model.layers):
        raise ValueError(f"expected one of {len(model.layers)} layers, got layer {layer}")
    after = layer % len(model.layers) + 1
    maps = Sequential(model.layers[:after]).forward(x)
    if maps.ndim != 4:
        raise ValueError(f"layer {layer} puts out {maps.shape}; expected maps (N, h, w, K)")
    gradient = score_gradient(Sequential(model.layers[after:]), maps, label)
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    return np.maximum((maps * weights).sum(axis=-1), 0)


def activation_maximization(model, start, unit, *, steps=100, learning_rate=0.1, penalty=0.0,
                            limits=(0, 1)):  # fmt: skip
    """Climb to an image that excites a unit: from `start` (N, H, W, C), N images at once.

    x <- x + learning_rate (g / rms(g) - penalty (x - start)), cut to `limits`, where g is the
    gradient of output number `unit` of the model: a score, or the mean of a map.
    Returns the images and the outputs on the way (steps + 1, N). Erhan et al. (2009).
    """
    x, values = np.array(start), []
    for step in range(steps + 1):
        z = model.forward(x)
        one = z if z.ndim == 2 else z.mean(axis=(1, 2))
        values.append(one[:, unit])
        if step == steps:
            return x, np.array(values)
        way = pick(unit, one)
        if z.ndim == 4:
            way = np.broadcast_to(way[:, None, None] / (z.shape[1] * z.shape[2]), z.shape)
        g = model.backward(np.ascontiguousarray(way))
        size = np.sqrt((g**2).mean(axis=(1, 2, 3), keepdims=True)) + 1e-12
        x = np.clip(x + learning_rate * (g / size - penalty * (x - start)), *limits)
