"""The operating system's users: the one that runs this process, and others by their numbers."""

from __future__ import annotations

import os
import pwd


def user_name() -> str:
    """The name of this process's user."""
    return name_of(os.geteuid())


def name_of(uid: int) -> str:
    """A user's name; where the system knows none (as in many containers), ``uid`` and number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid{uid}"
