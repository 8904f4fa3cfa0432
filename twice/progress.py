"""The progress bar of a training: tqdm, shown to a person who waits and to nobody else."""

import os
import sys

from tqdm.auto import tqdm


def wanted(verbose="auto"):
    """Whether to show a bar: True and False decide; "auto" shows it where somebody looks on.

    That is a terminal, or a notebook opened in JupyterLab (its server names the session in
    `JPY_SESSION_NAME`; the tools that run notebooks and store outputs have no session).
    `TWICE_PROGRESS=1` or `0` in the environment decides for "auto". ValueError for another value.
    """
    if verbose != "auto":
        if verbose not in (True, False):
            raise ValueError(f'expected verbose "auto", True or False, got {verbose!r}')
        return bool(verbose)
    said = os.environ.get("TWICE_PROGRESS")
    if said in ("0", "1"):
        return said == "1"
    return sys.stderr.isatty() or "JPY_SESSION_NAME" in os.environ


def progress_bar(total, verbose="auto", **options):
    """A tqdm bar over `total` steps that vanishes when it is done; a silent one if not wanted."""
    return tqdm(total=total, disable=not wanted(verbose), leave=False, **options)
