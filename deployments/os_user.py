"""The operating system's user that runs this process."""

from __future__ import annotations

import os
import pwd


def user_name() -> str:
    """The user's name; where the system knows none (as in many containers), ``uid`` and number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid{os.geteuid()}"
