"""What the scratch code and the book cost: `make bench`, one script a table."""

import os

# `twice` turns oneDNN off, for outputs that agree everywhere; a race is with Keras at its best.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
