"""Write files in one step: an interrupt or a full disk leaves the old state, never half a file."""

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def _beside(path: Path, data: bytes):
    """Hold all of `data` in a temporary file in the folder of `path`; it is gone afterwards."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        yield temporary
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def replace(path, content: str | bytes) -> None:
    """Write text (as UTF-8) or bytes in one step: there is the old file or the whole new one."""
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    with _beside(path, data) as temporary:
        os.replace(temporary, path)


def create(path, data: bytes) -> None:
    """Write a new file in one step; FileExistsError, and no change, if `path` exists already."""
    path = Path(path)
    with _beside(path, data) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: claim the name, then fill it
            open(path, "xb").close()
            try:
                os.replace(temporary, path)
            except BaseException:
                os.unlink(path)
                raise
