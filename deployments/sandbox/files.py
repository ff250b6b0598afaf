"""Files of the sandbox: written whole or not at all, for their owner only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_UNFINISHED = ".new-"


def write_private(path: Path, content: str | bytes) -> None:
    """Replace a file by one of mode 0600, in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
    with os.fdopen(handle, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    Path(name).replace(path)


def remove_unfinished(directory: Path) -> None:
    """Remove what a killed process had begun to write."""
    for path in directory.glob(f"{_UNFINISHED}*"):
        path.unlink()


def private_text(path: Path, fresh: str) -> str:
    """The text of a file, which is made with `fresh` when it is not there."""
    if not path.exists():
        write_private(path, fresh)
    return path.read_text()
