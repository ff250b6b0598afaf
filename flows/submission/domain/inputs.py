"""What an attempt's record at PCS says of the inputs that failed for good. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

INPUTS: Final = "inputs"
INPUTS_FAILED: Final = "inputs_failed"
"""Keys in an attempt's metadata: how many inputs PanDA's task has, and how many failed for good."""
IN_PART: Final = "finished"
"""JEDI's word for a task that ended with some of its inputs failed for good."""
_ENDED_SO: Final = frozenset({IN_PART, "failed"})


def lost_in_words(metadata: Mapping[str, Any], status_snapshot: str) -> str:
    """How many inputs failed for good; empty where none did, or it is not known.

    Args:
        metadata: Of the attempt.
        status_snapshot: PanDA's last known status of it: until it has ended, none is lost.
    """
    failed, total = metadata.get(INPUTS_FAILED), metadata.get(INPUTS)
    if not failed or status_snapshot not in _ENDED_SO:
        return ""
    of = f" of {total}" if total else ""
    return f"{failed}{of} {'input' if total == 1 else 'inputs'} failed for good"
