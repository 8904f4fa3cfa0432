"""The famous data sets without a network: what is there is loaded, what is not is explained."""

import gzip
import urllib.request

import numpy as np
import pytest

from twice import data
from twice.data import downloads

SETS = {"mnist": data.mnist, "fashion_mnist": data.fashion_mnist, "cifar10": data.cifar10}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty Keras folder, and a network where every connection is refused."""
    from keras.src.backend import config

    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path))
    monkeypatch.setattr(urllib.request, "_opener", None)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def labels(counts):
    return np.repeat(np.arange(10, dtype=np.uint8), counts)


def write_fashion(folder):
    """Files as those of Fashion-MNIST, every image one shade."""
    (folder / "fashion-mnist").mkdir()
    for part, n in (("train", 60_000), ("t10k", 10_000)):
        y = labels(n // 10)
        for kind, head, body in (("labels-idx1", 8, y), ("images-idx3", 16, y.repeat(784) * 25)):
            path = folder / "fashion-mnist" / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(bytes(head) + body.tobytes(), 1))


def test_fashion_mnist_is_read_from_the_folder(folder):
    write_fashion(folder)
    (x_train, y_train), (x_test, y_test) = data.fashion_mnist()
    assert (x_train.shape, x_test.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    assert (x_train.dtype, y_train.dtype, y_test.dtype) == (np.float32, np.int64, np.int64)
    assert x_test.max() == np.float32(225 / 255)
    np.testing.assert_array_equal(x_test[:, 0, 0, 0], (y_test * 25 / 255).astype(np.float32))
    np.testing.assert_array_equal(np.bincount(y_train), 10 * [6000])


def test_mnist_is_read_from_the_folder(folder, monkeypatch):
    from keras.src.utils import file_utils

    monkeypatch.setattr(file_utils, "validate_file", lambda *_, **__: True)
    parts = {}
    for part, counts in (("train", downloads.MNIST_TRAIN), ("test", downloads.MNIST_TEST)):
        parts[f"y_{part}"] = labels(counts)
        parts[f"x_{part}"] = np.full((sum(counts), 28, 28), 51, np.uint8)
    np.savez(folder / "mnist.npz", **parts)
    (x_train, _), (x_test, y_test) = data.mnist()
    assert (x_train.shape, x_test.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    assert np.unique(x_train) == np.float32(0.2)
    np.testing.assert_array_equal(np.bincount(y_test), downloads.MNIST_TEST)
    np.savez(folder / "mnist.npz", **{**parts, "y_test": parts["y_test"] // 2})
    with pytest.raises(ValueError, match=r"mnist\.npz holds another data set.*980.*got uint8"):
        data.mnist()


def test_cifar10_has_flat_labels_and_rows_in_order(folder, monkeypatch):
    import keras

    def part(n):
        y = labels(10 * [n // 10])[:, None]
        x = np.zeros((n, 3, 32, 32), np.uint8)
        x[:, 2] = y[:, :, None] * 20
        return x.transpose(0, 2, 3, 1), y

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: (part(50_000), part(10_000)))
    (x_train, y_train), (x_test, y_test) = data.cifar10()
    assert (x_train.shape, y_train.shape) == ((50_000, 32, 32, 3), (50_000,))
    assert x_train.flags.c_contiguous
    np.testing.assert_array_equal(x_test[:, 3, 5, 2], (y_test * 20 / 255).astype(np.float32))
    assert x_test[..., :2].max() == 0


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "mnist.npz"),
        ("fashion_mnist", "fashion-mnist/train-labels-idx1-ubyte.gz"),
        ("cifar10", "cifar-10-batches-py-target_archive"),
    ],
)
def test_without_a_network_one_error_says_what_to_put_where(folder, name, file):
    with pytest.raises(FileNotFoundError) as caught:
        SETS[name]()
    text = str(caught.value)
    assert text.startswith(f"data.{name}() found no {folder / file} and could not download it")
    assert "refused" in text
    assert "Fetch https://" in text
    assert "KERAS_HOME" in text


def test_one_missing_file_of_four_is_the_one_named(folder):
    write_fashion(folder)
    (folder / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"found no .*t10k-images-idx3-ubyte\.gz and"):
        data.fashion_mnist()


@pytest.mark.parametrize("name", ["mnist.npz", "cifar-10-batches-py-target_archive"])
def test_a_half_downloaded_file_is_named(folder, name):
    (folder / name).write_bytes(b"PK\x03\x04 half of it")
    with pytest.raises(ValueError, match=f"{name} is broken or only half of it was downloaded"):
        SETS["mnist" if name == "mnist.npz" else "cifar10"]()


@pytest.mark.parametrize("fault", ["truncated", "not gzip", "too short"])
def test_a_broken_file_of_four_is_the_one_named(folder, fault):
    write_fashion(folder)
    path = folder / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    short = gzip.compress(bytes(16 + 784))
    path.write_bytes({"truncated": whole[:5000], "not gzip": b"<html>no</html>",
                      "too short": short}[fault])  # fmt: skip
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is broken.*Delete it and"):
        data.fashion_mnist()


def test_a_folder_that_cannot_be_written_is_replaced_as_keras_does(folder, monkeypatch):
    monkeypatch.setattr(downloads.os, "access", lambda *_: False)
    assert downloads._folder().parts[-2:] == (".keras", "datasets")
    assert folder.parent not in downloads._folder().parents


@pytest.mark.parametrize(("scale", "full"), [(None, False), ("small", False), ("full", True)])
def test_the_scale_comes_from_the_environment(monkeypatch, scale, full):
    monkeypatch.delenv("TWICE_SCALE", raising=False)
    if scale:
        monkeypatch.setenv("TWICE_SCALE", scale)
    assert data.full_scale() is full


@pytest.mark.parametrize("scale", ["", "Full", "1", "large"])
def test_another_scale_is_refused(monkeypatch, scale):
    monkeypatch.setenv("TWICE_SCALE", scale)
    with pytest.raises(ValueError, match=f'TWICE_SCALE must be "small" or "full", got {scale!r}'):
        data.full_scale()
