"""No process of ours leaves its memory in a file: it holds passwords, tokens and keys."""

from __future__ import annotations

import resource
from typing import Final

_BYTES: Final = 1
"""Less than any dump, so none is written; and the one size at which the kernel starts no handler.

At 0 it would still hand the memory to a program that `kernel.core_pattern` names, and leave it to
that program to heed the limit.
"""


def forbid() -> None:
    """Let neither this process nor any that it starts dump core."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = _BYTES if hard == resource.RLIM_INFINITY else min(_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
