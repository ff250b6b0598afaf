"""What a part of the ops side measures of itself: written with its heartbeat, read for `/metrics`.

It counts from the start of its process. A part of another version may say something else: what is
not understood is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from blocks import outside_calls
from blocks.outside_calls import CallRow

KEY: Final = "measures"
"""Under which it stands in the details of a part's row."""
_NONE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True)
class PartMeasures:
    """What a part measured.

    Attributes:
        calls: Its calls to outside services, by system and outcome.
        messages: How many messages of the bus it received and sent, by direction.
        runs: How many runs it has in hand; None: it is no worker.
        slots: How many it may have.
        prefect_outages: How often Prefect has ceased to answer it; None: it does not ask.
    """

    calls: list[CallRow] = field(default_factory=list)
    messages: Mapping[str, int] = field(default_factory=dict)
    runs: int | None = None
    slots: int | None = None
    prefect_outages: int | None = None


def said(
    *, runs: int | None = None, slots: int | None = None, prefect_outages: int | None = None
) -> dict[str, Any]:
    """What this process has measured, for its row's details."""
    found: dict[str, Any] = {
        "calls": [list(row) for row in outside_calls.calls.rows()],
        "messages": outside_calls.messages(),
    }
    if runs is not None:
        found |= {"runs": runs, "slots": slots}
    if prefect_outages is not None:
        found["prefect_outages"] = prefect_outages
    return {KEY: found}


def read(details: Mapping[str, Any]) -> PartMeasures:
    """What a part has said in its row's details."""
    written = details.get(KEY)
    written = written if isinstance(written, dict) else _NONE
    return PartMeasures(
        calls=list(_calls(written.get("calls"))),
        messages=dict(_messages(written.get("messages"))),
        runs=_number(written.get("runs")),
        slots=_number(written.get("slots")),
        prefect_outages=_number(written.get("prefect_outages")),
    )


def _calls(written: object) -> Iterator[CallRow]:
    for row in written if isinstance(written, list) else ():
        with suppress(TypeError, ValueError):
            if (known := CallRow.read(row)) is not None:
                yield known


def _messages(written: object) -> Iterator[tuple[str, int]]:
    found = written if isinstance(written, dict) else _NONE
    for direction in outside_calls.DIRECTIONS:
        if (number := _number(found.get(direction))) is not None:
            yield direction, number


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
