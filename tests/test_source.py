"""The source model of transfer learning: its images, its stored weights, its stages."""

import numpy as np
import pytest

from twice import data
from twice.data.source import PATH
from twice.scratch.gradcheck import gradcheck
from twice.scratch.losses import SparseCategoricalCrossentropy
from twice.scratch.metrics import accuracy
from twice.scratch.source import source_net, stages


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_stored_source_reads_letters(batch_norm):
    net = source_net(rng(), batch_norm=batch_norm)
    net.set_weights(data.source_weights(batch_norm=batch_norm))
    x, y = data.glyphs(500, characters=data.LETTERS, size=16, rng=rng(3))
    assert accuracy(y, net.predict(x)) > 0.985
    assert all(w.dtype == np.float32 for w in net.get_weights())
    upside_down = accuracy(y, net.predict(x[:, ::-1]))
    assert upside_down < 0.6  # half of the letters are another one, or none


def test_the_stored_source_is_small():
    assert PATH.stat().st_size < 300_000


def test_no_letter_is_a_digit():
    assert len(set(data.LETTERS)) == 24
    assert not set(data.LETTERS) & set("0123456789IO")


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_net_is_as_described(batch_norm):
    net = source_net(rng(), classes=5, batch_norm=batch_norm)
    shapes = [z.shape[1:] for z in net.trace(np.zeros((2, 16, 16, 1), np.float32))]
    wide = [shape[0] for shape in shapes if len(shape) == 3]
    assert sorted(set(wide), reverse=True) == [8, 4, 2]
    assert shapes[-1] == (5,)
    ends = stages(net)
    assert ends == ([3, 6, 9, 12, 15, 16] if batch_norm else [2, 4, 6, 8, 11, 12])
    assert [shapes[n - 1] for n in ends] == [
        (8, 8, 16), (4, 4, 32), (4, 4, 32), (2, 2, 64), (64,), (5,)
    ]  # fmt: skip


def test_its_gradient_is_right():
    net = source_net(rng(), classes=3)
    for p in net.params:
        layer, name = p.split(".")
        layer = net.layers[int(layer)]
        layer.params[name] = layer.params[name].astype(np.float64)
    x = rng(1).uniform(0.1, 1, (3, 16, 16, 1))
    loss = SparseCategoricalCrossentropy(from_logits=True)
    found = gradcheck(net, x, loss=loss, y=np.array([0, 1, 2]), rng=rng(2), coordinates=30)
    assert found.ok, found


@pytest.mark.parametrize("side", [4, 8, 16, 32, 48])
def test_images_of_any_fitting_side_become_16_wide(side):
    x = rng().random((3, side, side, 1)).astype(np.float32)
    z = data.like_source(x)
    assert (z.shape, z.dtype) == ((3, 16, 16, 1), np.float32)
    assert z.min() >= x.min() - 1e-6
    assert z.max() <= x.max() + 1e-6
    np.testing.assert_allclose(data.like_source(np.full_like(x, 0.3)), 0.3, rtol=1e-6)
    down = x.reshape(3, 16, side // 16, 16, side // 16, 1).mean(axis=(2, 4)) if side > 15 else z
    np.testing.assert_allclose(z, down, atol=1e-6)


def test_enlarging_is_linear_between_the_middles_of_pixels():
    ramp = np.broadcast_to(np.arange(8.0)[:, None, None], (1, 8, 8, 1))
    z = data.like_source(ramp)[0, :, 5, 0]
    np.testing.assert_allclose(z[1:-1], np.arange(1, 15) / 2 - 0.25, rtol=1e-6)
    np.testing.assert_allclose(z[[0, -1]], [0, 7])  # beyond the last middles, it stays


def test_ink_of_a_color_is_its_distance_from_gray():
    x = np.zeros((1, 16, 16, 3))
    x[:, :8] = [0.2, 0.9, 0.4]
    x[:, 8:] = 0.6
    z = data.like_source(x)
    np.testing.assert_allclose(z[0, :8], 0.7, rtol=1e-6)
    np.testing.assert_allclose(z[0, 8:], 0, atol=1e-7)


@pytest.mark.parametrize("shape", [(2, 16, 16), (2, 16, 8, 1), (2, 12, 12, 1), (2, 16, 16, 2),
                                   (0, 16, 16, 1), (2, 40, 40, 3)])  # fmt: skip
def test_other_images_are_rejected(shape):
    with pytest.raises(ValueError, match=r"x must be images \(N, S, S, 1 or 3\).*got"):
        data.like_source(np.zeros(shape))
