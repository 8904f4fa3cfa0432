"""Networks that others have trained, and what is done with them, in Keras.

    base = freeze(pretrained("MobileNetV2", top=False, input_shape=(96, 96, 3)))
    model = with_head(base, [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)])
    model.fit(preprocess("MobileNetV2")(images), labels, ...)        after model.compile(...)

With "glyphs" in place of "MobileNetV2" the same lines run on the book's own source model, without a
network. `freeze`, `unfreeze`, `cut` and `with_head` count layers as `twice.scratch.transfer` does.
Importing this module imports Keras.
"""

import re
import socket
import warnings
from pathlib import Path

import numpy as np

from twice import data
from twice.data.downloads import _folder
from twice.parity import keras
from twice.scratch import backpropagation, convolution, noise, normalization, pooling
from twice.scratch.source import source_net
from twice.scratch.transfer import Frozen
from twice.scratch.weights import kept, thawed

MODULES = {"VGG16": "vgg16", "ResNet50": "resnet50", "MobileNetV2": "mobilenet_v2"}
OURS = {"glyphs": False, "glyphs_norm": True}  # whether with batch norm
PATIENCE = 20  # seconds without an answer, then there is no network


def pretrained(name, *, weights="default", input_shape=None, top=True):
    """A Keras model that has been trained: "VGG16", "ResNet50", "MobileNetV2" or "glyphs".

    The three know ImageNet's 1,000 classes (224, 224, 3); "glyphs" is the book's source model, 24
    capital letters (16, 16, 1), and "glyphs_norm" the same with batch norm.
    weights: "default" for these, None for random ones, or the path of a file of weights, as
    `model.save_weights` writes it. top=False leaves the classifier away: all dense layers of the
    three, so that any input_shape from (32, 32, 3) on will do, and the last one of "glyphs".
    The first call downloads (VGG16 without top 59 MB, ResNet50 95 MB, MobileNetV2 9 MB) to the
    folder models in KERAS_HOME, or ~/.keras. Raises RuntimeError where there is neither file nor
    network, with what to put where, and ValueError for what it does not know or what does not fit.
    """
    if name not in MODULES and name not in OURS:
        raise ValueError(f"expected one of {[*MODULES, *OURS]}, got {name!r}")
    file = None if weights in ("default", None) else Path(weights)
    if file is not None and not file.is_file():
        raise ValueError(f'expected weights "default", None or a file, got {str(weights)!r}')
    if name in OURS:
        model = letters(name, input_shape, top, stored=weights == "default")
    elif weights == "default":
        model = imagenet(name, input_shape, top)
    else:
        model = build(name, None, input_shape, top)
    if file is not None:
        try:
            model.load_weights(file)
        except Exception as error:  # h5py, zipfile and Keras each have their own
            wanted = f"{name} with top={top} and input_shape {model.input_shape[1:]}"
            raise ValueError(f"{file} does not hold the weights of {wanted}: {error}") from error
    return model


def build(name, weights, input_shape, top):
    """One of the models of `keras.applications`."""
    with warnings.catch_warnings():  # MobileNetV2: weights of another size than the images
        warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
        make = getattr(keras.applications, name)
        return make(weights=weights, input_shape=input_shape, include_top=top)


def imagenet(name, input_shape, top):
    """`build` with ImageNet's weights; RuntimeError where they cannot be had."""
    folder, before = _folder().parent / "models", socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        return build(name, "imagenet", input_shape, top)
    except Exception as error:
        failed = re.search(r"URL fetch failure on (\S+): ", str(error))  # Keras raises Exception
        if failed is None and not isinstance(error, OSError):
            raise
        url = failed[1] if failed else f"the weights that keras.applications.{name} asks for"
        file = folder / url.rpartition("/")[2] if failed else f"weights of {name} in {folder}"
        raise RuntimeError(
            f"pretrained({name!r}) found no {file} and could not download it ({error}). Fetch "
            f"{url} where there is a network and put it there under that name; the folder above "
            'models is KERAS_HOME, or ~/.keras. pretrained("glyphs") needs no network.'
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def letters(name, input_shape, top, *, stored):
    """The Keras twin of the source model."""
    shape = (16, 16, 1)
    if input_shape is not None and tuple(input_shape) != shape:
        raise ValueError(f"{name} takes input_shape {shape}, got {input_shape}")
    net = source_net(np.random.default_rng(), batch_norm=OURS[name])
    if stored:
        net.set_weights(data.source_weights(batch_norm=OURS[name]))
    model = twin(net, shape)
    return model if top else cut(model, -1)


def preprocess(name):
    """What the inputs of `pretrained(name)` must go through, as its training data did.

    A function of images. For the three: (N, H, W, 3), red, green, blue from 0 to 255. For
    "glyphs": (N, S, S, C), ink 1 on paper 0 (`data.like_source`). Returns float32; what came in
    stays as it is, which Keras's own functions do not promise. ValueError for another name.
    """
    if name in OURS:
        return data.like_source
    if name not in MODULES:
        raise ValueError(f"expected one of {[*MODULES, *OURS]}, got {name!r}")
    module = getattr(keras.applications, MODULES[name])
    return lambda images: module.preprocess_input(np.array(images, np.float32))


# ---- freezing, cutting, heads ------------------------------------------------------------------


def rows(model):
    """The model's layers without its inputs, in order: as many as the scratch twin has."""
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(f"expected a Keras model that is built, got {model!r}")
    return [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]


def place(model, n):
    """How many layers: n, n from the end for n < 0, up to the one named n; or a ValueError."""
    layers = rows(model)
    names = [layer.name for layer in layers]
    if isinstance(n, str) and n in names:
        return names.index(n) + 1
    whole = isinstance(n, (int, np.integer)) and not isinstance(n, bool)
    if not (whole and -len(layers) <= n <= len(layers)):
        wanted = f"0 <= n <= {len(layers)}, n < 0 from the end, or the name of a layer"
        raise ValueError(f"expected {wanted}, got {n!r}")
    return int(n) + len(layers) if n < 0 else int(n)


def freeze(model, n=None):
    """Freeze the first n layers, in place; None: all. Returns the model; compile it anew.

    n may be the name of the last one to freeze. A batch norm that is frozen keeps its statistics
    and uses them, in training too. ValueError for n out of range.
    """
    for layer in rows(model)[: None if n is None else place(model, n)]:
        layer.trainable = False
    return model


def unfreeze(model, n=0):
    """Let the layers from number n on learn again, in place; compile the model anew."""
    for layer in rows(model)[place(model, n) :]:
        layer.trainable = True
    return model


def cut(model, n, *, copies=False):
    """The model up to its layer n, which it shares; copies=True: copies of the layers.

    n counts layers, from the end if below 0, or is the name of the last one that stays. ValueError
    for n out of range, and for 0.
    """
    count = place(model, n)
    if not count:
        raise ValueError("expected to keep at least one layer, got none")
    part = keras.Model(model.inputs[0], rows(model)[count - 1].output)
    if not copies:
        return part
    copied = keras.models.clone_model(part)
    copied.set_weights(part.get_weights())
    return copied


def with_head(base, layers):
    """base, then these layers, as one model whose layers are all its own: no model in a model."""
    rows(base)  # checks
    x = base.outputs[0]
    for layer in layers:
        x = layer(x)
    return keras.Model(base.inputs[0], x)


# ---- the twin of a scratch model ---------------------------------------------------------------


def twin(model, input_shape):
    """A Keras model with the layers, the numbers and the frozen parts of a scratch `Sequential`.

    It has dense and convolutional layers, batch norm, activations, pooling, dropout: TypeError
    for others. The dtype is Keras's `floatx`.
    """
    made = [single(layer) for layer in thawed(model).layers]
    found = keras.Sequential([keras.Input(input_shape), *made])
    for ours, theirs in zip(model.layers, made, strict=True):
        if kept(ours):
            theirs.set_weights(kept(ours))
        theirs.trainable = not isinstance(ours, Frozen)
    return found


def single(layer):
    """Keras's layer for one of ours, without its numbers."""
    L = keras.layers
    if isinstance(layer, backpropagation.Activation):
        return L.Activation(layer.name)
    if isinstance(layer, backpropagation.Dense):
        return L.Dense(layer.params["kernel"].shape[1])
    if isinstance(layer, noise.Dropout) and layer.noise_shape is None:
        return L.Dropout(layer.rate)
    if isinstance(layer, pooling.Flatten):
        return L.Flatten()
    if isinstance(layer, pooling.GlobalAveragePooling2D):
        return L.GlobalAveragePooling2D()
    if isinstance(layer, normalization.BatchNormalization):
        held = {"center": "beta" in layer.params, "scale": "gamma" in layer.params}
        return L.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon, **held)
    if isinstance(layer, pooling.MaxPooling2D):
        return L.MaxPooling2D(layer.kernel_size, layer.strides, layer.padding)
    if type(layer) is convolution.Conv2D:
        settings = {"groups": layer.groups, "use_bias": "bias" in layer.params}
        window = layer.filters, layer.kernel_size, layer.strides, layer.padding
        return L.Conv2D(*window, dilation_rate=layer.dilation_rate, **settings)
    raise TypeError(f"no Keras twin is known for {layer!r}")
