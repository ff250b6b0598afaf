"""Messages as events carry them: what they have in common, and which ones prodops announces.

Each capability declares the form of its own in ``messages.py``. A reader has to take keys that it
does not know: a later version may add some.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from flows.common import capabilities

_TIME: Final = "2026-06-01T09:00:00+00:00"
Timestamp = Annotated[
    AwareDatetime,
    Field(examples=[_TIME]),
    PlainSerializer(lambda at: at.isoformat(), return_type=str),
]


class EventPart(BaseModel):
    """A part of an event's body. Ours say no more than is declared; later ones may."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"additionalProperties": True}
    )


class EventBody(EventPart):
    """The body of an event. A key with a default is left out where there is nothing to say.

    Attributes:
        SUBJECT: What the stream's `subject` filter is compared with, in words; empty: nothing.
        FEED: Its name in Prefect's event feed, less `prodops.`; `.completed` or `.failed` is added
            where it says whether something is `ok`. Empty: it is not put there.
    """

    SUBJECT: ClassVar[str] = ""
    FEED: ClassVar[str] = ""

    msg_type: str = Field(description="Type of the message.")


class Announcement(EventBody):
    """The body of what prodops itself did."""

    namespace: Literal["prodops"] = Field(description="Namespace of production.")
    sender: Literal["prodops"] = Field(description="Who sends it.")
    processed_by: Literal["prodops"] = Field(
        description="The same, for the stream's `agents` filter."
    )
    request_id: int | None = Field(
        description="The request that it belongs to; null: what was asked for became none.",
        examples=[4711],
    )
    timestamp: Timestamp = Field(description="When, in UTC.")
    trace_id: str = Field(
        "",
        description="The trace that it belongs to; absent where it belongs to none.",
        examples=["4bf92f3577b34da6a3ce929d0e0e4736"],
    )


class Outcome(Announcement):
    """How something ended, well or not."""

    ok: bool = Field(description="Whether it ended well.", examples=[True])
    error: str = Field("", description="Why it did not; absent where it did.")


class Enrichment(BaseModel):
    """What is added to a message when it is stored, unless it says it itself.

    Source: fastmon contract section 1.10.
    """

    model_config = ConfigDict(frozen=True)

    sender_agent: Any = Field(description="Its `sender`, or null.", examples=["prodops"])
    recipient_agent: Any = Field(description="Its `recipient`, or null.", examples=[None])
    namespace: Any = Field(description="Null where it has none.", examples=["prodops"])
    queue_name: Any = Field(description="Always the same.", examples=["epictopic"])
    sent_at: Any = Field(description="When it was stored, in UTC.", examples=[_TIME])


@cache
def msg_type_of(body: type[BaseModel]) -> str:
    """The `msg_type` of a message's form."""
    [name] = get_args(body.model_fields["msg_type"].annotation)
    return str(name)


@cache
def of_capabilities() -> tuple[type[EventBody], ...]:
    """The form of every event that a capability's flows announce."""
    return tuple(each for module in capabilities.modules("messages") for each in module.EVENTS)
