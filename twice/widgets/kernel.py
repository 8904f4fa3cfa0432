"""The kernel demo: a small grid of weights slides over an image, and every number can be seen."""

import math

import numpy as np
import traitlets

from twice.scratch.windows import Window, output_size, windows

from .base import Demo, Seeded

SIDE = 24  # of the built-in pictures
SIZES = (4, 32)  # of any picture
ZONES = {"vertical": (0, 0), "horizontal": (0, 12), "rising": (12, 0), "falling": (12, 12)}
# A two of the UCI digits (Alpaydin and Kaynak, 1998), enlarged; in tenths, a = 1.
DIGIT = """
000000000000000000000000
000000000000000000000000
000000002466641000000000
0000000258aaa85100000000
000000369aaaaa8300000000
0000016aaa989aa500000000
0000028aaa6359a610000000
0000028aa620279620000000
000002686300169620000000
000000343000179620000000
00000000000028a720000000
0000000000003aa710000000
0000000000004aa700000000
0000000000016aa600000000
0000000000048a9400000000
000000000037aa7200000000
000000000169a95100000000
00000000269aa85200110000
000000015aaaaa8545652000
000000028aaaaaaaaaa95000
000000027aaaaaaaaaaa5100
000000013666666677752000
000000000000000000000000
000000000000000000000000
"""


def _stripes():
    widths = (2, 2, 3, 2, 2, 3, 2, 2, 3, 2)  # no period: no two places along a stripe look alike
    wave = np.repeat(np.arange(len(widths)) % 2, widths)
    row, column = np.mgrid[:12, :12]
    parts = {"vertical": column, "horizontal": row, "rising": row + column}
    parts["falling"] = 11 - row + column
    pixels = np.zeros((SIDE, SIDE))
    for name, (top, left) in ZONES.items():
        pixels[top : top + 12, left : left + 12] = wave[parts[name]]
    return pixels


def _shapes():
    row, column = np.mgrid[:SIDE, :SIDE]
    pixels = np.zeros((SIDE, SIDE))
    pixels[2:10, 2:10] = 1
    pixels[5, 17] = 1  # one bright pixel: its answer shows the kernel itself
    pixels[(row - 17) ** 2 + (column - 17) ** 2 < 22] = 0.8
    pixels[13:23, 2:10] = np.linspace(0.1, 0.8, 8)
    return pixels


def _house():
    row, column = np.mgrid[:SIDE, :SIDE]
    pixels = 0.5 + 0.02 * row  # the sky
    pixels[(row - 4) ** 2 + (column - 19) ** 2 < 8] = 1
    pixels[row > 19 + np.sin(column / 4)] = 0.3
    pixels[10:20, 4:15] = 0.9
    pixels[(row >= 4) & (row < 10) & (np.abs(column - 9) <= row - 3)] = 0.2
    pixels[14:20, 6:9] = 0.1
    pixels[12:16, 11:14] = 0.3
    pixels[14:21, 19:21] = 0.2
    pixels[(row - 12) ** 2 + (column - 19.5) ** 2 < 9] = 0.1
    return pixels


def _pictures():
    digit = [[int(c, 11) / 10 for c in line] for line in DIGIT.split()]
    pictures = {"digit": digit, "house": _house(), "shapes": _shapes(), "stripes": _stripes()}
    return {name: np.round(pixels, 1) for name, pixels in pictures.items()}


def _written(pixels):
    """Rows of tenths, 0 to a."""
    return ["".join("0123456789a"[v] for v in row) for row in np.rint(10 * pixels).astype(int)]


PICTURES = _pictures()


def _binomial(k):
    return np.array([1, 2, 1] if k == 3 else [1, 4, 6, 4, 1], dtype=float)


def _sobel(k):
    return np.outer(_binomial(k), [-1, 0, 1] if k == 3 else [-1, -2, 0, 2, 1])


def _laplacian(k):
    if k == 3:
        return np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=float)
    rows = [[0, 0, 1, 0, 0], [0, 1, 2, 1, 0], [1, 2, -16, 2, 1]]
    return np.array([*rows, rows[1], rows[0]], dtype=float)


def _one(k, column):
    kernel = np.zeros((k, k))
    kernel[k // 2, column] = 1
    return kernel


PRESETS = {
    "identity": lambda k: _one(k, k // 2),
    "box_blur": lambda k: np.full((k, k), 1 / k**2),
    "gaussian_blur": lambda k: np.outer(_binomial(k), _binomial(k)) / _binomial(k).sum() ** 2,
    "sharpen": lambda k: _one(k, k // 2) - _laplacian(k),
    "sobel_x": _sobel,
    "sobel_y": lambda k: _sobel(k).T,
    "laplacian": _laplacian,
    "emboss": lambda k: _one(k, k // 2) + np.add.outer(np.arange(k), np.arange(k)) - (k - 1),
    "shift": lambda k: _one(k, 0),
}


def random_kernel(k, seed):
    """A (k, k) kernel of standard normal numbers, to one decimal: the demo's "Random"."""
    draw = Seeded(seed)
    rows = [[math.floor(10 * draw.normal() + 0.5) / 10 for _ in range(k)] for _ in range(k)]
    return np.array(rows)


class Square(traitlets.TraitType):
    """Square rows of finite numbers, an array or lists; or one of the `names`."""

    def __init__(self, names, sizes, limits=None, **kwargs):
        self.names, self.sizes, self.limits = names, sizes, limits
        super().__init__(**kwargs)

    def validate(self, demo, value):
        if isinstance(value, str):
            if value not in self.names:
                raise traitlets.TraitError(
                    f"{self.name} must be rows of numbers or one of {list(self.names)}, "
                    f"not {value!r}"
                )
            return self.named(value)
        try:
            array = np.array(value, dtype=float)
        except (TypeError, ValueError):
            raise traitlets.TraitError(
                f"{self.name} must be rows of numbers, all of one length, not {value!r}"
            ) from None
        if array.ndim != 2 or array.shape[0] != array.shape[1] or len(array) not in self.sizes:
            raise traitlets.TraitError(f"{self.name} must be {self.wanted}, not {array.shape}")
        if not np.isfinite(array).all():
            raise traitlets.TraitError(f"{self.name} must hold finite numbers only")
        if self.limits and (array.min() < self.limits[0] or array.max() > self.limits[1]):
            raise traitlets.TraitError(
                f"{self.name} must lie between {self.limits[0]} and {self.limits[1]}, "
                f"not {array.min():.4g} to {array.max():.4g}"
            )
        return array.tolist()


class Picture(Square):
    wanted = f"square, ({SIZES[0]}, {SIZES[0]}) to ({SIZES[1]}, {SIZES[1]})"

    def named(self, name):
        return name


class Weights(Square):
    wanted = "of shape (3, 3) or (5, 5)"

    def named(self, name):
        return PRESETS[name](3).tolist()


class Kernel(Demo):
    """A 3 x 3 or 5 x 5 kernel slides over an image; every product and every sum can be seen.

    `Kernel(kernel=[[1, 0, -1], [2, 0, -2], [1, 0, -1]], stride=2)`, or a preset by its name:
    `Kernel("sobel_y", image="house")`. Every trait can be set and read. Pixels run from 0 (black)
    to 1 (white). `output` is what Keras computes: cross-correlation, unless `flip` is on; with
    "same" padding an odd zero goes to the bottom and to the right.
    """

    script = "kernel.js"
    figure_size = (9.6, 3.6)

    goal = traitlets.Unicode(
        "On the stripes, build a 3 × 3 kernel that sees one slant only: stripes that rise ( / ) "
        "get an answer of 1 or more, stripes that fall ( \\ ) get exactly 0.",
        read_only=True,
    ).tag(sync=True)
    image = Picture(
        PICTURES,
        range(SIZES[0], SIZES[1] + 1),
        (0, 1),
        default_value="digit",
        help='"digit", "house", "shapes", "stripes", or your own square rows of 0 to 1.',
    ).tag(sync=True)
    size = traitlets.Int(
        SIDE,
        min=SIZES[0],
        max=SIZES[1],
        help="The picture is cut or bordered to this.",
    ).tag(sync=True)
    kernel = Weights(
        PRESETS, (3, 5), default_value=_sobel(3).tolist(), help="3 or 5 rows, or a preset's name."
    ).tag(sync=True)
    stride = traitlets.Int(1, min=1, max=4, help="1 to 4.").tag(sync=True)
    dilation = traitlets.Int(1, min=1, max=3, help="1 to 3.").tag(sync=True)
    padding = traitlets.Enum(("valid", "same"), "valid", help='"valid" or "same".').tag(sync=True)
    flip = traitlets.Bool(False, help="Turn the kernel by 180 degrees first: convolution.").tag(
        sync=True
    )
    relu = traitlets.Bool(False, help="Set negative answers to 0.").tag(sync=True)
    row = traitlets.Int(7, min=0, help="Of the output pixel looked at.").tag(sync=True)
    column = traitlets.Int(12, min=0, help="Of the output pixel looked at.").tag(sync=True)
    tool = traitlets.Enum(
        ("look", "brush", "eraser"), "look", help="What the pointer does on the image."
    ).tag(sync=True)
    seed = traitlets.Int(0, min=0, help="Of the next random kernel.").tag(sync=True)
    pictures = traitlets.Dict(read_only=True, help="The pictures, in tenths.").tag(sync=True)

    def __init__(self, kernel="sobel_x", **traits):
        given = traits.pop("size", None)
        super().__init__(kernel=kernel, **traits)
        self._take_its_size()
        if given is not None:
            self.size = given

    @traitlets.default("pictures")
    def _built_in(self):
        return {name: _written(pixels) for name, pixels in PICTURES.items()}

    @traitlets.observe("image")
    def _take_its_size(self, change=None):
        if not self.from_page:
            self.size = SIDE if isinstance(self.image, str) else len(self.image)

    @property
    def pixels(self):
        """The image as it is shown, cut or bordered with zeros; (size, size)."""
        named = isinstance(self.image, str)
        return fit(PICTURES[self.image] if named else np.array(self.image), self.size)

    @property
    def applied(self):
        """The kernel as it is laid on the image: turned by 180 degrees if `flip` is on."""
        kernel = np.array(self.kernel)
        return kernel[::-1, ::-1] if self.flip else kernel

    @property
    def geometry(self):
        """span: pixels the window spans; before, after: zeros on each side; m: output size."""
        k = len(self.kernel)
        try:
            m, *zeros = output_size(self.size, k, self.stride, self.padding, self.dilation)
        except ValueError:  # the window does not fit
            m, *zeros = 0, 0, 0
        span = self.dilation * (k - 1) + 1
        return {"span": span, "before": zeros[0], "after": zeros[1], "m": m}

    @property
    def windows(self):
        """What each output pixel sees; (m, m, k, k)."""
        k = len(self.kernel)
        if not self.geometry["m"]:
            return np.zeros((0, 0, k, k))
        window = Window(k, self.stride, self.padding, self.dilation)
        return windows(window, window.pad(self.pixels[None, ..., None]))[0, ..., 0]

    @property
    def output(self):
        """The feature map, after the ReLU if it is on; (m, m), empty if the window does not fit."""
        output = np.einsum("rcij,ij->rc", self.windows, self.applied)
        return np.maximum(output, 0) if self.relu else output

    @property
    def probe(self):
        """The output pixel looked at, (row, column), or None where there is no output."""
        last = self.geometry["m"] - 1
        return (min(self.row, last), min(self.column, last)) if last >= 0 else None

    @property
    def products(self):
        """Kernel times pixels at the probe; (k, k). Their sum is the output before the ReLU."""
        return self.applied * self.windows[self.probe] if self.probe else np.zeros((0, 0))

    def summary(self):
        g, k = self.geometry, len(self.kernel)
        image = self.image if isinstance(self.image, str) else "own"
        name = next(
            (n for n, make in PRESETS.items() if np.allclose(make(k), self.kernel)), "own kernel"
        )
        how = [f"stride={self.stride}", f"dilation={self.dilation}", f"padding={self.padding!r}"]
        how += ["flip"] * self.flip + ["relu"] * self.relu
        start = (
            f"Kernel({name}, {k} x {k}) on {image!r}, {self.size} x {self.size}, {', '.join(how)}: "
        )
        if not g["m"]:
            return start + f"no output, the window spans {g['span']} pixels"
        output = self.output
        return start + (
            f"output {g['m']} x {g['m']} from {_zero(output.min()):.3g} to "
            f"{_zero(output.max()):.3g}"
        )

    def draw(self, figure):
        from matplotlib.patches import Rectangle

        from twice import plots

        g, k, n = self.geometry, len(self.kernel), self.size
        before = g["before"]
        image, kernel, answer = figure.subplots(1, 3, width_ratios=(1, 0.62, 1.12))
        padded = np.pad(self.pixels, (before, g["after"]))
        extent = (-before - 0.5, n + g["after"] - 0.5, n + g["after"] - 0.5, -before - 0.5)
        image.imshow(padded, cmap="gray", vmin=0, vmax=1, extent=extent)
        image.set(xlabel="column", ylabel="row", title=f"image, {n} × {n}")
        if g["after"]:
            edge = {"fill": False, "linestyle": "--", "edgecolor": plots.GREY}
            image.add_patch(Rectangle((-0.5, -0.5), n, n, **edge))
        size = max(np.abs(self.applied).max(), 1e-9)
        kernel.imshow(self.applied, cmap=plots.DIVERGING, vmin=-size, vmax=size)
        for (i, j), weight in np.ndenumerate(self.applied):
            kernel.text(j, i, f"{weight:.3g}", ha="center", va="center", fontsize=30 / k)
        kernel.set(xticks=[], yticks=[], title="kernel" + ", turned" * self.flip)
        answer.set(xlabel="column", ylabel="row", title=f"output, {g['m']} × {g['m']}")
        if not g["m"]:
            answer.set(xticks=[], yticks=[], title="no output")
            answer.text(0.5, 0.5, "the window does not fit", ha="center", va="center")
            return
        for axes in (image, answer):
            axes.locator_params(integer=True, nbins=6)
        limit = _scale(self.output)
        shown = answer.imshow(self.output, cmap=plots.DIVERGING, vmin=-limit, vmax=limit)
        figure.colorbar(shown, ax=answer, shrink=0.8)
        row, column = self.probe
        mark = {"fill": False, "edgecolor": PROBE, "linewidth": 2}
        answer.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **mark))
        corner = (column * self.stride - before - 0.5, row * self.stride - before - 0.5)
        image.add_patch(Rectangle(corner, g["span"], g["span"], **mark))


PROBE = "#882255"  # the window and its answer, as in the page


def fit(pixels, size):
    """The middle (size, size) of square pixels; a larger size gets a border of zeros."""
    start = (len(pixels) - size) // 2
    result = np.zeros((size, size))
    low, high = max(0, -start), min(size, len(pixels) - start)
    part = slice(low + start, high + start)
    result[low:high, low:high] = pixels[part, part]
    return result


def _scale(output):
    """What the full color stands for: the largest |value|, or 1 where all are zero."""
    largest = np.abs(output).max()
    return largest if largest > 1e-9 else 1.0


def _zero(value):
    return value if abs(value) > 1e-9 else 0.0
