"""Paths that people write: absolute, with their home, or refused in words."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: Path) -> Path:
    """The path from the root on, with ``~`` for the home.

    Raises:
        ValueError: There is no home, or no working directory, that it could begin at.
    """
    home = os.environ.get("HOME", "/")
    if path.parts[:1] == ("~",) and not home.startswith("/"):
        raise ValueError("HOME is no absolute path: set it, or give one here")
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError("this user has no home: set HOME, or give an absolute path") from None
    except FileNotFoundError:
        raise ValueError("the working directory is gone: give an absolute path") from None
