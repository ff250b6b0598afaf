"""Whether a request failed by an outage: a service outside did not answer, and ours may be well.

The result of a failed request says it, for whoever asked; where it says nothing, nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from blocks.errors import OutsideUnavailable

_KEY: Final = "is_outage"


def is_outage(error: BaseException) -> bool:
    """Whether an error is an outage, or was caused by one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OutsideUnavailable):
            return True
        cause = cause.__cause__
    return False


def result_of(*, is_outage: bool) -> dict[str, Any] | None:
    """The result of a request that failed so."""
    return {_KEY: True} if is_outage else None


def is_in(result: Mapping[str, Any] | None) -> bool:
    """Whether the result of a failed request says that it was an outage."""
    return (result or {}).get(_KEY) is True
