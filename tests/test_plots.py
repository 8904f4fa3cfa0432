"""The book's figures: one style, colors that a color-blind reader can tell apart."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from twice import plots
from twice.scratch.surfaces import SURFACES


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def luminance(color):
    """Relative luminance of WCAG 2.1."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# How a reader without red or green cones sees linear RGB (Machado, Oliveira, Fernandes, 2009).
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)


@pytest.mark.parametrize("vision", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
def test_class_colors_differ_for_every_reader(vision):
    for a, b in combinations(plots.CLASS_COLORS[:4], 2):
        assert np.linalg.norm(vision @ (np.array(to_rgb(a)) - to_rgb(b))) > 0.15
    assert len(set(plots.CLASS_MARKERS)) == len(plots.CLASS_COLORS)


def test_ink_is_readable_on_the_card():
    card = plots.STYLE["figure.facecolor"]
    assert contrast(plots.INK, card) > 7
    for color in (plots.NUMPY, plots.KERAS, plots.GREY):
        assert contrast(color, card) > 3
    assert min(plots.STYLE["xtick.labelsize"], plots.STYLE["legend.fontsize"]) >= 10


def test_numpy_and_keras_have_their_colors():
    assert (plots.NUMPY, plots.KERAS) == ("#0072B2", "#D55E00")
    assert plots.KERAS not in plots.COLORS + plots.CLASS_COLORS


def test_use_sets_the_style_and_restores_nothing_else():
    with plt.rc_context():
        plots.use()
        assert plt.rcParams["figure.facecolor"] == plots.STYLE["figure.facecolor"]
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"][0] == plots.NUMPY


def test_boundary_lies_where_the_sum_is_zero(ax):
    ax.set(xlim=(-2, 2), ylim=(-3, 3))
    assert plots.boundary(ax, [3.0, 4.0], -5.0, normal=True)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(3 * x + 4 * y - 5, 0, atol=1e-12)
    assert ax.get_xlim() == (-2, 2)
    arrow = ax.texts[0]  # from the line, along the weights
    direction = np.subtract(arrow.xy, arrow.xyann)
    np.testing.assert_allclose(direction / np.linalg.norm(direction), [0.6, 0.8])


def test_boundary_of_zero_weights_draws_nothing(ax):
    assert plots.boundary(ax, [0.0, 0.0], 1.0) is False
    assert not ax.lines


def test_classes_marks_each_label_once(ax):
    x = np.random.default_rng(0).normal(size=(9, 2))
    plots.classes(ax, x, np.arange(9) % 3)
    assert [c.get_label() for c in ax.collections] == ["class 0", "class 1", "class 2"]
    assert sum(len(c.get_offsets()) for c in ax.collections) == 9


def test_contours_lie_on_their_levels(ax):
    ravine = SURFACES["ravine"]
    plots.contours(ax, ravine, [3.0, 1.0, 3.0])
    drawn = ax.collections[0]
    assert drawn.levels.tolist() == [1, 3]
    for level, path in zip(drawn.levels, drawn.get_paths(), strict=True):
        np.testing.assert_allclose(ravine.value(path.vertices), level, rtol=0.01)


def test_spread_shows_median_and_extremes(ax):
    runs = np.array([[1.0, 2.0], [3.0, 2.0], [8.0, 5.0]])
    plots.spread(ax, [0, 1], runs)
    assert ax.lines[0].get_ydata().tolist() == [3, 2]
    low, high = ax.collections[0].get_datalim(ax.transData).intervaly
    assert (low, high) == (1, 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ax: plots.classes(ax, np.zeros((3, 3)), np.zeros(3)), r"\(N, 2\).*\(3, 3\)"),
        (lambda ax: plots.classes(ax, np.zeros((3, 2)), np.zeros(2)), r"\(3, 2\) and \(2,\)"),
        (lambda ax: plots.classes(ax, np.zeros((7, 2)), np.arange(7)), "at most 6 classes"),
        (lambda ax: plots.boundary(ax, [1, 2, 3], 0), "two entries.* 3"),
        (lambda ax: plots.spread(ax, [1, 2], np.zeros((4, 3))), r"\(runs, 2\).*\(4, 3\)"),
    ],
)
def test_bad_input_says_what_came(ax, call, message):
    with pytest.raises(ValueError, match=message):
        call(ax)


def test_a_diagram_has_a_box_for_each_word_and_an_arrow_for_each_pair(ax):
    plots.diagram(ax, [("x", 0, 0), ("3 x 3", 1, 0), ("+", 2, 0)], [(0, 1), (1, 2), (0, 2, -0.5)])
    words = [text.get_text() for text in ax.texts]
    assert words == ["x", "3 x 3", "+", "", "", ""]
    assert all(text.arrow_patch is not None for text in ax.texts[3:])
    assert not ax.axison
    assert ax.get_xlim() == (-0.5, 2.5)
    ax.figure.canvas.draw()
