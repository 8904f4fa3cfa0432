"""Whole networks: their kernels are the originals', and the small ones are Keras's."""

import numpy as np
import pytest
from twins import twin

from twice import parity
from twice.scratch.architectures import ORIGINALS, bottleneck_block, resnet
from twice.scratch.costs import costs
from twice.scratch.gradcheck import gradcheck
from twice.scratch.losses import SparseCategoricalCrossentropy

keras = parity.keras


def kernels(model):
    return sum(p.size for name, p in model.params.items() if name.endswith("kernel"))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("AlexNet", 60_965_224),  # with biases, as published with Caffe
        ("VGG-16", 138_357_544),
        ("GoogLeNet", 6_998_552),
    ],
)
def test_parameters_of_the_originals_without_batch_normalization(name, count):
    model = ORIGINALS[name][2](np.random.default_rng(0))
    assert sum(p.size for p in model.params.values()) == count


@pytest.mark.parametrize(
    ("name", "application"),
    [("ResNet-50", "ResNet50"), ("DenseNet-121", "DenseNet121"), ("MobileNet", "MobileNet")],
)
def test_kernels_of_the_others_are_as_large_as_in_keras_applications(name, application):
    theirs = getattr(keras.applications, application)(weights=None)
    count = sum(
        int(np.prod(v.shape)) for v in theirs.trainable_variables if v.path.endswith("kernel")
    )
    assert kernels(ORIGINALS[name][2](np.random.default_rng(0))) == count


@pytest.mark.slow
def test_operations_of_the_originals():
    """Multiplications and additions in units of 10^9; ResNet papers count the pair as one."""
    found = {}
    for name, (_, side, build) in ORIGINALS.items():
        if name != "VGG-16":
            rows = costs(build(np.random.default_rng(0)), (side, side, 3))
            found[name] = sum(row.flops for row in rows) / 2e9
            assert rows[-1].output_shape == (1000,)
    assert found["ResNet-18"] == pytest.approx(1.8, abs=0.05)
    assert found["ResNet-50"] == pytest.approx(4.1, abs=0.05)
    assert found["DenseNet-121"] == pytest.approx(2.85, abs=0.05)
    assert found["MobileNet"] == pytest.approx(0.57, abs=0.01)
    assert found["GoogLeNet"] == pytest.approx(1.58, abs=0.05)


def small(block, seed=0):
    rng = np.random.default_rng(seed)
    kind = {} if block is None else {"block": block}
    model = resnet(2, 3, (4, 8), (2, 1), rng=rng, **kind)
    parity.cast(model, np.float64)
    for p in model.params.values():
        p += rng.normal(0, 0.1, p.shape)
    return model, rng


@pytest.mark.parametrize("block", [None, bottleneck_block])
def test_a_small_resnet_is_keras_s_and_its_gradients_are_right(block):
    model, rng = small(block)
    x, y = rng.normal(size=(3, 6, 6, 2)), np.array([0, 2, 1])
    loss = SparseCategoricalCrossentropy(from_logits=True)
    report = gradcheck(model, x, loss=loss, y=y, coordinates=8)
    assert report.ok, report
    with parity.float64():
        theirs, layers = twin(model, x.shape[1:])
        table = parity.compare(
            model, theirs, x, y, loss=loss, keras_layers=layers, verbose=False,
            keras_loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )  # fmt: skip
    assert table.largest < 1e-8


def test_stages_halve_the_image_and_depths_may_differ():
    model = resnet(1, 5, (4, 6, 8), (1, 2, 3), rng=np.random.default_rng(0))
    blocks = [layer for layer in model.layers if hasattr(layer, "layers")]
    assert len(blocks) == 6
    assert model.forward(np.ones((2, 9, 8, 1))).shape == (2, 5)
