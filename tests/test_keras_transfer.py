"""Pretrained networks without a network: files read, twins compared, errors that help."""

import socket
import urllib.request

import numpy as np
import pytest

from twice import data, keras_transfer, parity
from twice.keras_transfer import (
    cut,
    freeze,
    preprocess,
    pretrained,
    rows,
    twin,
    unfreeze,
    with_head,
)
from twice.parity import keras
from twice.scratch import transfer
from twice.scratch.backpropagation import Activation, Dense, Sequential
from twice.scratch.conv_layers import UpSampling2D
from twice.scratch.convolution import Conv2D
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.noise import Dropout
from twice.scratch.normalization import BatchNormalization
from twice.scratch.optimizers import SGD
from twice.scratch.pooling import Flatten, GlobalAveragePooling2D, MaxPooling2D
from twice.scratch.source import source_net
from twice.scratch.weights import kept

SMALL = (32, 32, 3)
FAMOUS = {"VGG16": (1, 1, 512), "ResNet50": (1, 1, 2048), "MobileNetV2": (1, 1, 1280)}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty Keras folder, and a network where every connection is refused."""
    from keras.src.backend import config

    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path))
    monkeypatch.setattr(urllib.request, "_opener", None)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "models").mkdir()
    return tmp_path


def weights(model):
    return [keras.ops.convert_to_numpy(w) for w in model.weights]


def assert_identical(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def scratch(name):
    net = source_net(np.random.default_rng(0), batch_norm=name == "glyphs_norm")
    net.set_weights(data.source_weights(batch_norm=name == "glyphs_norm"))
    return net


# ---- the three ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMOUS)
def test_weights_from_a_file_of_the_right_shape(name, tmp_path):
    """Built without weights, saved, and read again: another start, the same numbers."""
    x = np.random.default_rng(0).uniform(0, 255, (2, *SMALL))
    settings = {"input_shape": SMALL, "top": False}
    first = pretrained(name, weights=None, **settings)
    assert first.output_shape[1:] == FAMOUS[name]
    path = tmp_path / "some.weights.h5"
    first.save_weights(path)
    again = pretrained(name, weights=str(path), **settings)
    path.unlink()
    assert_identical(weights(again), weights(first))
    ready = preprocess(name)(x)
    np.testing.assert_array_equal(outputs(again, ready), outputs(first, ready))


def test_default_weights_are_read_from_keras_folder(home, monkeypatch):
    """The file that Keras would download, in the format that it has there."""
    from keras.src.utils import file_utils

    monkeypatch.setattr(file_utils, "validate_file", lambda *_, **__: True)
    model = pretrained("MobileNetV2", weights=None, input_shape=SMALL, top=False)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    legacy(model, home / "models" / name)
    found = pretrained("MobileNetV2", input_shape=SMALL, top=False)
    assert_identical(weights(found), weights(model))


def legacy(model, path):
    """Save weights as the files of keras.applications hold them."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


@pytest.mark.parametrize(
    ("name", "top", "file"),
    [
        ("VGG16", False, "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("ResNet50", False, "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("MobileNetV2", True, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"),
    ],
)
def test_without_a_network_one_error_says_what_to_put_where(home, name, top, file):
    with pytest.raises(RuntimeError) as caught:
        pretrained(name, input_shape=None if top else SMALL, top=top)
    text = str(caught.value)
    assert text.startswith(f"pretrained({name!r}) found no {home / 'models' / file} and could not")
    assert "refused" in text
    assert f"/{file} where there is a network and put it there under that name" in text
    assert "Fetch https://storage.googleapis.com/" in text
    assert "KERAS_HOME" in text
    assert socket.getdefaulttimeout() is None


def test_a_network_that_falls_silent_is_no_network(home, monkeypatch):
    def silent(*_):
        assert socket.getdefaulttimeout() == 20
        raise TimeoutError("timed out")

    monkeypatch.setattr(keras_transfer, "build", silent)
    said = r"found no weights of VGG16 in .*models and could not download it \(timed out\)"
    with pytest.raises(RuntimeError, match=said):
        pretrained("VGG16")
    assert socket.getdefaulttimeout() is None


def test_a_shape_that_does_not_fit_is_no_matter_of_the_network(home):
    with pytest.raises(ValueError, match="Input size must be at least 32x32"):
        pretrained("MobileNetV2", input_shape=(16, 16, 3), top=False)


def test_files_that_are_none_or_another_models(tmp_path):
    with pytest.raises(ValueError, match=r"\"default\", None or a file, got 'imagenet'"):
        pretrained("VGG16", weights="imagenet")
    with pytest.raises(ValueError, match=r"\"default\", None or a file, got '.*'"):
        pretrained("glyphs", weights=tmp_path)
    path = tmp_path / "some.weights.h5"
    pretrained("glyphs", weights=None).save_weights(path)
    said = r"some\.weights\.h5 does not hold the weights of glyphs_norm with top=True and input_sh"
    with pytest.raises(ValueError, match=said):
        pretrained("glyphs_norm", weights=path)
    path.write_bytes(b"half of it")
    with pytest.raises(ValueError, match="does not hold the weights of glyphs with top=True"):
        pretrained("glyphs", weights=path)


def test_names_that_are_none():
    for call in (pretrained, preprocess):
        with pytest.raises(ValueError, match=r"expected one of \['VGG16', .*'glyphs', .*got 'VGG'"):
            call("VGG")


def test_preprocessing_is_kerass_and_changes_no_image():
    x = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    before = x.copy()
    found = {name: preprocess(name)(x) for name in FAMOUS}
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(found["MobileNetV2"], x / 127.5 - 1, atol=1e-6)
    blue_first = x[..., ::-1] - [103.939, 116.779, 123.68]
    for name in ("VGG16", "ResNet50"):
        np.testing.assert_allclose(found[name], blue_first, atol=1e-4)
    whole = preprocess("VGG16")(before.astype(np.uint8))
    assert whole.dtype == np.float32
    assert preprocess("glyphs") is data.like_source


# ---- our own -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["glyphs", "glyphs_norm"])
def test_our_own_model_is_the_same_in_keras(name):
    x = np.random.default_rng(0).uniform(size=(6, 16, 16, 1))
    net, y = scratch(name), np.arange(6)
    model = pretrained(name)
    np.testing.assert_allclose(outputs(model, x.astype(np.float32)), net.predict(x), atol=1e-4)
    assert_identical(weights(model)[-2:], kept(net)[len(net.params) - 2 : len(net.params)])
    with parity.float64():
        table = parity.compare(
            net, pretrained(name), x, y, loss=SparseCategoricalCrossentropy(True),
            keras_loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            training=True, verbose=False,
        )  # fmt: skip
    assert table.largest < 1e-8


def test_without_the_top_it_gives_features():
    x = np.random.default_rng(0).uniform(size=(3, 16, 16, 1)).astype(np.float32)
    model = pretrained("glyphs", top=False)
    assert model.output_shape == (None, 64)
    wanted = transfer.cut(scratch("glyphs"), -1).predict(x)
    np.testing.assert_allclose(outputs(model, x), wanted, atol=1e-4)


def test_our_own_weights_from_a_file(tmp_path):
    path = tmp_path / "own.weights.h5"
    first = pretrained("glyphs", weights=None)
    first.save_weights(path)
    again = pretrained("glyphs", weights=path, input_shape=(16, 16, 1))
    assert_identical(weights(again), weights(first))
    assert not np.array_equal(weights(first)[0], data.source_weights()[0])
    with pytest.raises(ValueError, match=r"takes input_shape \(16, 16, 1\), got \(32, 32, 3\)"):
        pretrained("glyphs", input_shape=SMALL)


def test_a_new_head_learns_and_the_frozen_base_does_not():
    """The whole recipe, in Keras and from scratch: equal losses, step by step."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(24, 16, 16, 1)), np.arange(24) % 5
    head = Dense(64, 5, rng=rng, dtype=np.float64)
    net = transfer.cut(scratch("glyphs_norm"), -1)
    parity.cast(net, np.float64)
    ours = transfer.with_head(transfer.freeze(net), [head])
    with parity.float64():
        base = freeze(cut(pretrained("glyphs_norm"), -1))
        theirs = with_head(base, [keras.layers.Dense(5)])
        theirs.layers[-1].set_weights(list(head.params.values()))
        before = weights(base)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        theirs.compile(keras.optimizers.SGD(0.002), loss)
        found = theirs.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        assert_identical(weights(base), before)
    history = ours.fit(x, y, loss=SparseCategoricalCrossentropy(True), optimizer=SGD(0.002),
                       batch_size=8, epochs=3)  # fmt: skip
    np.testing.assert_allclose(found.history["loss"], history.history["loss"], rtol=1e-8)
    assert history.history["loss"][-1] < history.history["loss"][0]


# ---- freezing, cutting, heads ------------------------------------------------------------------


def glyphs():
    return pretrained("glyphs_norm", weights=None)


@pytest.mark.parametrize("n", [0, 1, 5, 16, -1, -16, None])
def test_layers_count_as_in_the_scratch_model(n):
    model, net = freeze(glyphs(), n), transfer.freeze(source_net(np.random.default_rng(0),
                                                                 batch_norm=True), n)  # fmt: skip
    assert len(rows(model)) == len(net.layers) == 16
    for layer, ours in zip(rows(model), net.layers, strict=True):
        assert bool(layer.trainable_weights) == bool(ours.params)
    if n not in (0, -16, None):
        assert cut(model, n).trainable_weights == []
    unfreeze(model, 4), transfer.unfreeze(net, 4)
    assert len(model.trainable_weights) == len(net.params)
    assert all(layer.trainable for layer in rows(unfreeze(model)))


def test_a_name_counts_up_to_that_layer():
    model = pretrained("MobileNetV2", weights=None, input_shape=SMALL, top=False)
    freeze(model, "block_3_expand_relu")
    frozen = [layer.name for layer in rows(model) if not layer.trainable]
    assert frozen[-1] == "block_3_expand_relu"
    part = cut(model, "block_3_expand_relu")
    assert part.layers[-1].name == "block_3_expand_relu"
    assert not part.trainable_weights
    unfreeze(model, "block_2_add")
    assert [layer.name for layer in rows(model) if not layer.trainable][-1] == "block_2_add"
    x = np.random.default_rng(0).normal(size=(1, *SMALL)).astype(np.float32)
    assert outputs(part, x).shape == (1, 8, 8, 144)


@pytest.mark.parametrize("copies", [False, True])
def test_a_cut_model_shares_its_layers_unless_it_copies_them(copies):
    model = freeze(glyphs(), 3)
    part = cut(model, 6, copies=copies)
    assert_identical(weights(part), weights(model)[: len(part.weights)])
    assert [layer.trainable for layer in rows(part)] == 3 * [False] + 3 * [True]
    part.weights[0].assign(np.zeros(part.weights[0].shape))
    assert bool(np.any(weights(model)[0])) is copies


def test_a_head_makes_one_flat_model():
    base = cut(glyphs(), -1)
    model = with_head(base, [keras.layers.Dropout(0.1), keras.layers.Dense(3)])
    assert len(rows(model)) == 17
    assert rows(model)[0] is rows(base)[0]
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize("n", [17, -17, 1.0, True, "no such layer"])
def test_numbers_of_layers_that_are_none(n):
    for call in (freeze, unfreeze, cut):
        with pytest.raises(ValueError, match=r"0 <= n <= 16, n < 0 from the end, or the name of"):
            call(glyphs(), n)


def test_what_cannot_be_cut():
    with pytest.raises(ValueError, match="keep at least one layer, got none"):
        cut(glyphs(), 0)
    unbuilt = keras.Sequential([keras.layers.Dense(2)])
    said = r"expected a Keras model that is built, got <?Seq"
    for what in (source_net(np.random.default_rng(0)), unbuilt):
        for call in (freeze, unfreeze, lambda m: cut(m, 1), lambda m: with_head(m, [])):
            with pytest.raises(ValueError, match=said):
                call(what)


# ---- twins -------------------------------------------------------------------------------------


def test_the_twin_of_every_layer_it_knows():
    rng = np.random.default_rng(0)
    net = Sequential([
        Conv2D(2, 4, 3, groups=2, dilation_rate=2, rng=rng), BatchNormalization(4, center=False),
        Activation("tanh"), MaxPooling2D(3, 2, "same"),
        Conv2D(4, 4, 3, strides=2, padding="same", use_bias=False, rng=rng),
        BatchNormalization(4, scale=False, momentum=0.7, epsilon=1e-2), Dropout(0.5, rng=rng),
        GlobalAveragePooling2D(), Dense(4, 3, rng=rng),
    ])  # fmt: skip
    for a in kept(net):
        a[...] = rng.uniform(0.5, 1, a.shape)
    x = rng.normal(size=(4, 9, 9, 2))
    transfer.freeze(net, 2)
    with parity.float64():
        model = twin(net, (9, 9, 2))
        assert [layer.trainable for layer in model.layers[:4]] == [False, False, True, True]
        rows(model)[6].rate = 0.0
        net.layers[6].rate = 0.0
        parity.compare(net, model, x, rng.normal(size=(4, 3)), loss=parity_loss(),
                       keras_loss="mse", training=True, verbose=False)  # fmt: skip


def parity_loss():
    from twice.scratch.perceptron import MeanSquaredError

    return MeanSquaredError()


def test_a_twin_has_the_numbers_without_being_told():
    net = scratch("glyphs_norm")
    model = twin(net, (16, 16, 1))
    assert sum(w.size for w in weights(model)) == sum(a.size for a in kept(net))
    np.testing.assert_array_equal(weights(model)[3], net.layers[1].non_trainable["moving_mean"])


def test_layers_without_a_twin():
    rng = np.random.default_rng(0)
    for layer in (UpSampling2D(2), Dropout(0.5, rng=rng, noise_shape=(None, 1, 1, None))):
        with pytest.raises(TypeError, match="no Keras twin is known for"):
            twin(Sequential([layer, Flatten()]), (4, 4, 1))
