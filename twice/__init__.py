"""The library of *Deep Learning Twice*: every idea from scratch in NumPy, and in Keras beside it.

`import twice` is light: it loads no NumPy, no Keras. `twice.scratch` needs NumPy alone;
what needs more (`twice.data`, `twice.plots`, `twice.parity`, `twice.widgets`) is imported by name.
"""

import contextlib
import os
import sys
import tempfile

__version__ = "0.1.0"

# The one place that quietens TensorFlow's Python side: it must be set before Keras is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


@contextlib.contextmanager
def quiet_stderr():
    """Hold back what C++ code writes to stderr inside the block; show it if the block raises.

    TensorFlow 2.21 writes about missing GPU drivers while it is imported, and no setting stops it.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
