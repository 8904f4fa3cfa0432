"""The library of *Deep Learning Twice*: every idea from scratch in NumPy, and in Keras beside it.

`import twice` is light: it loads no NumPy, no Keras. `twice.scratch` needs NumPy alone;
what needs more (`twice.data`, `twice.plots`, `twice.parity`, `twice.widgets`) is imported by name.
"""

import os

__version__ = "0.1.0"

# The one place that quietens TensorFlow's start-up log: it must be set before Keras is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
