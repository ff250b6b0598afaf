"""The garbage collector, told to pass over what a process has for good."""

from __future__ import annotations

import gc
from typing import Any, Final

TIMES: Final = 16
_OLDEST: Final = 2


def pass_over_survivors() -> None:
    """Leave out of later collections what the first full ones find alive, or is there already.

    A full collection goes through every object and holds up all threads: 0.1 s for what a web tier
    has loaded after each page was opened once. Some of it is there only after its first use, hence
    more than once. What is passed over and becomes a cycle that nobody needs stays for good: of
    each time what was under way, therefore only so many times.
    """
    gc.freeze()
    times = 0

    def freeze(phase: str, found: dict[str, Any]) -> None:
        nonlocal times
        if phase == "stop" and found["generation"] == _OLDEST:
            gc.freeze()
            times += 1
            if times == TIMES:
                gc.callbacks.remove(freeze)

    gc.callbacks.append(freeze)
