"""The messages that prodops publishes: events to the topic and the stream, and the stream's own."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from api.http import frames
from deployments.asyncapi import declared
from deployments.asyncapi.schemas import Schema, example_of, schema_of
from deployments.bridge.publishing import KEPT_BACK
from deployments.bridge.unbuilt import UNBUILT
from flows.common.messages import Enrichment

CONTROL: Final[dict[str, type[BaseModel]]] = {
    "connected": frames.Connected,
    "position_unknown": frames.PositionUnknown,
    "heartbeat": frames.Heartbeat,
}
"""The frames of the stream that are no events, by name."""


class TopicHeaders(BaseModel):
    """The STOMP headers of an event on the topic."""

    persistent: Literal["true"] = Field(description="It outlives a restart of the broker.")
    prodops_instance: str = Field(
        description="Which database it is of; its bridge takes no message that bears it.",
        examples=["5c0c7a52-3f43-4d1e-b1f6-6f3f2d0f8a11"],
    )
    prodops_event: str = Field(
        description="Number of the event, by which a repeated one is known.", examples=["1042"]
    )
    msg_type: str = Field(description="Its type.")
    namespace: str = Field("", description="Its namespace; absent where it has none.")
    run_id: str = Field("", description="The run; absent where it has none.")


def on_topic() -> list[str]:
    """The events that the topic gets."""
    return [name for name in declared.events() if name not in KEPT_BACK]


def schemas() -> dict[str, Schema]:
    """The schema of each event's body, by its `msg_type`."""
    return {name: schema_of(form) for name, form in declared.events().items()}


def example(name: str, schema: Schema) -> dict[str, Any]:
    """An event that was made up; one that answers what is not built has its real reason."""
    made: dict[str, Any] = example_of(schema)
    for answer in UNBUILT.values():
        if answer.event is declared.events()[name] and answer.is_ok is not None:
            made |= {"request_id": None, "ok": answer.is_ok, answer.text_key: answer.reason}
    return made


def enriched(body: dict[str, Any]) -> dict[str, Any]:
    """An example as the stream has it: what it lacks of the enrichment is added."""
    added = example_of(schema_of(Enrichment)) | {"sender_agent": body.get("sender")}
    return body | {name: value for name, value in added.items() if name not in body}
