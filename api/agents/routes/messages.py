"""Messages: those that are only stored, in one list with those of the bus.

Source: fastmon contract section 3.9.
"""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import BaseModel, Field

from api.agents.queries import messages
from api.http.collections.routes import Resource, make_router
from api.http.fields import (
    JsonValue,
    Paragraph,
    ParentUuid,
    RunId,
    Text20,
    Text100,
    Time,
    UtcTime,
    WholeNumber,
    Word50,
)


class MessageForm(BaseModel):
    """The fields of a message that is only stored."""

    message_type: Word50 = Field(description="Its type.")
    request_id: WholeNumber | None = Field(None, description="The sender's number of it.")
    sender_agent: Text100 | None = Field(None, description="Who sent it.")
    sender_type: Text20 | None = Field(None, description="What the sender does.")
    recipient_agent: Text100 | None = Field(None, description="Whom it is for.")
    recipient_type: Text20 | None = Field(None, description="What the recipient does.")
    namespace: Text100 | None = Field(None, description="Its namespace.")
    execution_id: Text100 | None = Field(None, description="The execution that it is of.")
    run_id: RunId | None = Field(None, description="Number of the run.")
    message_content: JsonValue = Field(description="What it says.")
    message_metadata: JsonValue | None = Field(None, description="Other information.")
    delivered_at: Time | None = Field(None, description="When it arrived.")
    acknowledged_at: Time | None = Field(None, description="When it was acknowledged.")
    is_successful: bool | None = Field(None, description="Whether all went well with it.")
    error_message: Paragraph | None = Field(None, description="What did not.")
    queue_name: Text100 | None = Field(None, description="Where it was sent.")
    correlation_id: Text100 | None = Field(None, description="The message that it answers.")
    workflow: ParentUuid | None = Field(None, description="The STF's workflow that it is of.")
    stage: ParentUuid | None = Field(None, description="The stage that it is of.")


class MessageView(BaseModel):
    """A message."""

    message_id: uuid.UUID
    message_type: str
    request_id: int | None
    sender_agent: str | None
    sender_type: str | None
    recipient_agent: str | None
    recipient_type: str | None
    namespace: str | None
    execution_id: str | None
    run_id: str | None
    message_content: Any
    message_metadata: Any
    sent_at: UtcTime
    delivered_at: UtcTime | None
    acknowledged_at: UtcTime | None
    is_successful: bool | None
    error_message: str | None
    queue_name: str | None
    correlation_id: str | None
    workflow: uuid.UUID | None
    stage: uuid.UUID | None


router = make_router(
    Resource(
        path="workflow-messages",
        collection=messages.MESSAGES,
        view=MessageView,
        form=MessageForm,
        remove=messages.remove,
        example={
            "message_type": "stf_gen",
            "sender_agent": "daq-agent-1",
            "namespace": "testbed",
            "run_id": "100123",
            "message_content": {"msg_type": "stf_gen", "filename": "swf.100123.000001.stf"},
        },
        changes_example={"is_successful": True},
    ),
    conflict="It is kept as an event, which nobody changes or deletes.",
)
