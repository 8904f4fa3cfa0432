"""What every demo shares: its JavaScript, its text form, its still picture, and a seeded stream."""

import base64
import io
import math
from pathlib import Path

import anywidget
import numpy as np
import traitlets

HERE = Path(__file__).parent


class Demo(anywidget.AnyWidget):
    """A live demo: Python holds the traits, JavaScript computes and draws, kernel or none.

    A subclass sets `script = "NAME.js"` (a NAME.css beside it is optional), or a tuple of
    files, put together in that order, where demos share one; it gives `goal` a default,
    declares its traits with `.tag(sync=True)`, and defines `summary()` (the text form) and
    `draw(figure)` (the still picture, on an empty matplotlib Figure of `figure_size` inches).
    Where widgets are not shown, as in a repository's preview or a PDF, the picture and the text
    stand in. Set traits from Python and the demo moves; read them to see what the reader did.
    """

    script = None
    figure_size = (6.0, 4.5)
    from_page = False  # True while a change arrives from JavaScript

    goal = traitlets.Unicode(read_only=True, help="What to try, one sentence.").tag(sync=True)
    goal_met = traitlets.Bool(False, help="Whether the goal has been met.").tag(sync=True)

    def __init_subclass__(cls, **kwargs):
        if "script" in cls.__dict__:  # anywidget derives a class per instance: not for those
            cls._esm = source(cls.script)
            cls._css = source(cls.script, ".css")
        super().__init_subclass__(**kwargs)

    def set_state(self, sync_data):
        """Take over what the page sends; `self.from_page` tells observers who spoke."""
        self.from_page = True
        try:
            super().set_state(sync_data)
        finally:
            self.from_page = False

    def summary(self):
        """One line of text that depends on the traits alone."""
        raise NotImplementedError(f"{type(self).__name__} must define summary()")

    def draw(self, figure):
        """Draw the still picture on `figure`, a matplotlib Figure."""
        raise NotImplementedError(f"{type(self).__name__} must define draw(figure)")

    def picture(self):
        """The still picture as the bytes of a PNG file."""
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            figure = Figure(figsize=self.figure_size, dpi=100, layout="constrained")
            FigureCanvasAgg(figure)
            self.draw(figure)
            file = io.BytesIO()
            figure.savefig(file, format="png", facecolor="white", metadata={"Software": None})
        return file.getvalue()

    def __repr__(self):
        return self.summary()

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["text/plain"] = repr(self)
        data["image/png"] = base64.b64encode(self.picture()).decode()
        return data, metadata


def source(script, suffix=".js"):
    """What a demo ships: common.js and its own file, or files, as one module; so with ".css"."""
    names = ("common.js", *([script] if isinstance(script, str) else script))
    files = [(HERE / name).with_suffix(suffix) for name in names]
    return "\n".join(file.read_text("utf-8") for file in files if file.exists())


def finite(demo, proposal):
    """For `traitlets.validate("name", ...)(finite)`: numbers, but neither infinity nor NaN."""
    if not math.isfinite(proposal["value"]):
        name = proposal["trait"].name
        raise traitlets.TraitError(f"{name} must be a finite number, not {proposal['value']}")
    return proposal["value"]


class Seeded:
    """Mulberry32 (Ettinger, 2017): the stream of `seeded(seed)` in common.js, number by number."""

    def __init__(self, seed):
        self.state = seed & 0xFFFFFFFF

    def next(self):
        """A number in [0, 1)."""
        self.state = (self.state + 0x6D2B79F5) & 0xFFFFFFFF
        t = self.state
        t = ((t ^ (t >> 15)) * (t | 1)) & 0xFFFFFFFF
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        return (t ^ (t >> 14)) / 4294967296

    def normal(self):
        """A standard normal number (Box and Muller, 1958)."""
        return math.sqrt(-2 * math.log(1 - self.next())) * math.cos(2 * math.pi * self.next())


class SeededGenerator:
    """What the initializers ask of a NumPy Generator, out of the stream `Seeded(seed)`."""

    def __init__(self, seed):
        self.seed, self.taken = seed, 0

    def random(self, count):
        """The next `count` numbers in [0, 1): Mulberry32, all at once."""
        steps = np.arange(self.taken + 1, self.taken + count + 1, dtype=np.uint64)
        self.taken += count
        t = (self.seed + steps * 0x6D2B79F5).astype(np.uint32)
        t = (t ^ (t >> 15)) * (t | 1)
        t ^= t + (t ^ (t >> 7)) * (t | 61)
        return (t ^ (t >> 14)) / 4294967296

    def normal(self, loc=0.0, scale=1.0, size=()):
        u = self.random(2 * math.prod(size)).reshape(-1, 2)
        z = np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * np.pi * u[:, 1])
        return loc + scale * z.reshape(size)

    def uniform(self, low=0.0, high=1.0, size=()):
        return low + (high - low) * self.random(math.prod(size)).reshape(size)


class Numbers(traitlets.TraitType):
    """A list of numbers (`shape` (None,) or (2,)) or of pairs ((None, 2)); arrays are welcome."""

    def __init__(self, shape, integer=False, **kwargs):
        self.shape, self.kind = shape, int if integer else float
        super().__init__(**kwargs)

    def validate(self, demo, value):
        what = {(None,): "a list of numbers", (2,): "two numbers"}.get(self.shape, "(x1, x2) pairs")
        try:
            array = np.array(value, dtype=float)
        except (TypeError, ValueError):
            array = np.array(math.nan)
        fits = array.ndim == len(self.shape) and all(
            wanted in (None, size) for wanted, size in zip(self.shape, array.shape, strict=True)
        )
        if not fits or not np.isfinite(array).all():
            raise traitlets.TraitError(f"{self.name} must be {what}, all finite, not {value!r}")
        if self.kind is int and (array != np.round(array)).any():
            raise traitlets.TraitError(f"{self.name} must hold whole numbers, not {value!r}")
        return array.astype(self.kind).tolist()
