"""A message sent by an assistant. Keys: fastmon contract section 7.4."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from api.http.tools.answers import MonitorUrl
from api.http.tools.arguments import Name
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from flows.common.callers import Scope
from flows.common.database import now
from flows.common.text import Text
from flows.fastmon import intake, schemas
from flows.fastmon.intake import Incoming
from flows.testbed import repository as testbed

toolbox = Toolbox()

_TEST: Final = "test"
_SOURCE: Final = "mcp"
Words = Annotated[Text, Field(min_length=1, max_length=20_000)]


class Sent(BaseModel):
    """A message that was stored and relayed."""

    success: Literal[True] = True
    message: str
    message_id: int
    sender: str
    message_type: str
    namespace: str | None
    content: str
    sent_at: datetime
    monitor_urls: list[MonitorUrl]


@toolbox.tool("send_message", "swf_send_message", scope=Scope.MESSAGE)
def send_message(
    call: Call,
    *,
    message: Words,
    message_type: Annotated[
        Name, Field(description='A message of type "test" has no namespace.')
    ] = "announcement",
    metadata: dict[str, Any] | None = None,
) -> Sent:
    """Send a message to everybody who follows the stream, in the namespace of your testbed.

    Use it to announce something to colleagues. Do not use it to start or stop anything.
    """
    at = now()
    sender = f"{call.caller.name}-personal-agent"[:100]
    body = {
        "msg_type": message_type,
        "sender": sender,
        "namespace": None if message_type == _TEST else _own_namespace(call),
        "message": message,
        "timestamp": at.isoformat(),
        "source": "mcp_send_message",
        **({"metadata": metadata} if metadata else {}),
    }
    incoming = Incoming(body, schemas.parse(body), call.caller)
    [(event_id, _verdict)] = intake.commit(call.session, [incoming], at=at, source=_SOURCE)
    return Sent(
        message="The message is stored, and relayed to the stream.",
        message_id=event_id,
        sender=sender,
        message_type=message_type,
        namespace=incoming.message.namespace,
        content=message,
        sent_at=at,
        monitor_urls=[
            call.shown_at("Workflows", "/workflows/", namespace=incoming.message.namespace)
        ],
    )


def _own_namespace(call: Call) -> str | None:
    """The namespace of the caller's testbed; None where it has none."""
    return testbed.namespace_of(call.session, call.caller.name)
