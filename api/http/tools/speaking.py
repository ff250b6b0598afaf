"""In whose name a tool writes: the original's tools take a name, and most callers send none."""

from __future__ import annotations

from typing import Final

from flows.common.callers import Caller

UNNAMED: Final = "mcp"
"""The name by default, which stands for the caller (ops contract section 5.2)."""


def speaker(caller: Caller, name: str) -> Caller:
    """The caller, in the name of another where a named service gives one.

    Raises:
        Forbidden: The caller is no service, and names another.
    """
    return caller if name == UNNAMED else caller.speaking_for(name)
