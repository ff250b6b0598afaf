"""The file with a channel's URL, which holds its secrets: this user's, and closed to others."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from blocks.notification_channel.errors import BadUrlFile

_MOST_BYTES: Final = 4096


def read_url(path: Path) -> str:
    """The URL, which is the file's only line.

    Raises:
        BadUrlFile: It is not there, not a file, another user's, open to others, or no URL.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            _require_private(path, os.fstat(stream.fileno()))
            text = stream.read(_MOST_BYTES + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadUrlFile(f"the file with the channel's URL cannot be read: {reason}") from None
    lines = text.split()
    if len(lines) != 1 or ":" not in lines[0] or len(text) > _MOST_BYTES:
        raise BadUrlFile("the file with the channel's URL must hold one URL, and nothing else")
    return lines[0]


def _require_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise BadUrlFile(f"{path.name}, which should hold the channel's URL, is not a file")
    if found.st_uid not in {os.geteuid(), 0}:
        raise BadUrlFile(f"{path.name}, which holds the channel's URL, is another user's")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise BadUrlFile(
            f"{path.name}, which holds the channel's URL, may be read by others: chmod 600"
        )
