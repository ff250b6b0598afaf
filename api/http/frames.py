"""Events as the stream sends them: encoded once, with what a client's filter looks at."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, Field
from sse_starlette.event import ServerSentEvent

from flows.housekeeping.messages import RESTORED

POSITION_UNKNOWN: Final = "position_unknown"
_ID_DIGITS: Final = 18


class Connected(BaseModel):
    """First of all."""

    client_id: str = Field(
        description="Id of the connection (a UUID).",
        examples=["9b2f6a0c-41c7-4e5d-8a1f-0d3c5b7e9f11"],
    )
    status: Literal["connected"]


class Heartbeat(BaseModel):
    """Every `PRODOPS_STREAM_HEARTBEAT_SECONDS` (30, which is the most), also between events."""

    timestamp: float = Field(description="Unix time.", examples=[1790000000.0])


class PositionUnknown(BaseModel):
    """After `connected`, where the last event that the client names is not known.

    At any time, where the event table was set back: what follows is new, or, after a restore, all
    that came since. Where some of the events after the one that the client names were pruned,
    before what is still kept of them.
    """

    reason: str = Field(description="Why, for people.", examples=["event 99 is not known here"])
    last_event_id: int = Field(description="Id of the event that it goes on after.", examples=[42])


@dataclass(frozen=True)
class Wanted:
    """Which events a client wants: every list that is not empty must hold the event's value.

    Source: fastmon contract section 3.11; `namespaces` and `subject` are ours.
    """

    msg_types: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    run_ids: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    subject: frozenset[str] = frozenset()

    @classmethod
    def of(cls, lists: dict[str, str | None]) -> Wanted:
        """The filter of comma lists, blanks stripped."""
        return cls(
            **{
                name: frozenset(part.strip() for part in (text or "").split(",") if part.strip())
                for name, text in lists.items()
            }
        )

    def takes(self, frame: Frame) -> bool:
        """Whether the client gets the event."""
        return (
            (not self.msg_types or frame.msg_type in self.msg_types)
            and (not self.agents or frame.processed_by in self.agents)
            and (not self.run_ids or frame.run_id in self.run_ids)
            and (not self.namespaces or frame.namespace in self.namespaces)
            and (not self.subject or frame.subject in self.subject)
        )

    def as_dict(self) -> dict[str, list[str]]:
        """The filter as the stream's status shows it."""
        return {name: sorted(values) for name, values in vars(self).items() if values}


_EVERYTHING: Final = Wanted()


@dataclass(frozen=True, slots=True)
class Frame:
    """An event, encoded, with what filters look at."""

    id: int
    msg_type: str
    namespace: str | None
    run_id: str | None
    processed_by: str | None
    subject: str | None
    data: bytes
    at: datetime


def encode(event: str, data: str, event_id: int | None = None) -> bytes:
    """A frame as the original sends it (LF, one data line), with an `id:` line where it has one."""
    identifier = None if event_id is None else str(event_id)
    return ServerSentEvent(data, event=event, id=identifier, sep="\n").encode()


def connected(client_id: str) -> bytes:
    """The frame that begins a stream."""
    return _control("connected", Connected(client_id=client_id, status="connected"))


def heartbeat() -> bytes:
    """The frame that shows that the stream lives."""
    return _control("heartbeat", Heartbeat(timestamp=time.time()))


def frame_of(row: Any) -> Frame:
    """The frame of a row of the event table."""
    event_id, msg_type, namespace, run_id, processed_by, subject, payload, at = row
    data = encode(msg_type, payload, event_id)
    return Frame(event_id, msg_type, namespace, run_id, processed_by, subject, data, at)


def join(wanted: Wanted, frames: Iterable[Frame]) -> bytes:
    """What a client gets of some events, in one piece."""
    taken = frames if wanted == _EVERYTHING else filter(wanted.takes, frames)
    return b"".join(frame.data for frame in taken)


def position_unknown(asked: str, newest: int) -> bytes:
    """The frame for who has got to an event that is not known here: what follows it is new.

    It has no id, as no control frame has one (docs/decisions/0009).
    """
    reason = (
        f"event {asked} is not known here, where the newest is {newest}: the database was set "
        "back, or that is no event's id. What follows is new; what was before is in the lists."
    )
    return _control(POSITION_UNKNOWN, PositionUnknown(reason=reason, last_event_id=newest))


def events_pruned(after: int, oldest: int) -> bytes:
    """The frame for who names an event after which some are no longer kept, up to the oldest."""
    reason = (
        f"events {after + 1} to {oldest - 1} are no longer kept: what follows begins with event "
        f"{oldest}; what was before is in the lists, as far as they are kept."
    )
    return _control(POSITION_UNKNOWN, PositionUnknown(reason=reason, last_event_id=oldest - 1))


def lost_in_restore(after: int, following: Frame) -> bytes | None:
    """The frame for who has got to an event that a restore has lost; None for everybody else.

    Args:
        after: The event that the client has got to.
        following: The first one after it.
    """
    if following.msg_type != RESTORED:
        return None
    kept = json.loads(following.data.partition(b"data: ")[2]).get("last_event_id")
    if not isinstance(kept, int) or after <= kept:
        return None
    reason = (
        f"event {after} is not known here: the database was restored to its event {kept}, and what "
        "came between is lost. What came since follows."
    )
    return _control(POSITION_UNKNOWN, PositionUnknown(reason=reason, last_event_id=kept))


def _control(event: str, data: BaseModel) -> bytes:
    return encode(event, json.dumps(data.model_dump()))


def event_id(text: str) -> int | None:
    """The id of an event that a client sent; None where it can be none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS
    return int(text) if is_number else None
