"""Messages in over REST, events out over the live stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Engine

from api.http.access import NOT_PROVIDED, Sender, gatekeeper
from api.http.background import running
from api.http.errors import Rejection
from api.http.frames import Wanted
from api.http.stream import Feed
from api.http.stream_response import StreamResponse
from api.messages import batch
from api.messages.batch import BatchResult, Intake
from flows.common.callers import Caller
from flows.common.database import now
from flows.fastmon import intake, schemas
from flows.fastmon.intake import Incoming, Taken, Verdict


def _store(engine: Engine, batch: Sequence[Incoming]) -> list[tuple[int, Verdict]]:
    return intake.take_in(engine, batch, source="message")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    most_bytes = app.state.settings.stream.intake_bytes
    app.state.intake = Intake(app.state.reserve, _store, what="messages", most_bytes=most_bytes)
    async with running(app.state.intake.run()):
        yield


router = APIRouter(prefix="/api/messages", tags=["messages"], lifespan=_lifespan)

_SEND_SECONDS: Final = 60.0
_FEED_SECONDS: Final = 10.0
_STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    # A proxy that packs or collects what it passes on would hold events back.
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Access-Control-Allow-Origin": "*",
}


class StoredMessage(BaseModel):
    """A message as it was stored and relayed."""

    message_id: int
    message_type: str
    sender_agent: str | None
    namespace: str | None
    execution_id: str | None
    run_id: str | None
    message_content: dict[str, Any]
    sent_at: datetime
    is_successful: bool
    outcome: Taken
    reason: str | None


_EXAMPLE: Final = {
    "msg_type": "stf_ready",
    "namespace": "testbed",
    "run_id": "100123",
    "filename": "swf.100123.000001.stf",
    "sequence": 1,
    "size_bytes": 2147483648,
    "tf_count": 1000,
}


@router.post(
    "/",
    status_code=201,
    summary="Send a message",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": _EXAMPLE}},
        }
    },
)
async def send_message(request: Request, caller: Sender) -> StoredMessage:
    """Store a bus message, relay it to the stream and, if it announces an STF, queue that.

    Takes any JSON object with a `msg_type`. After 201 the message is stored durably.
    """
    sent = await request.body()
    body = schemas.decode(sent)
    message = schemas.parse(body)
    waiting: Intake = request.app.state.intake
    incoming = Incoming(body, message, caller)
    event_id, verdict = await waiting.take(incoming, size_bytes=len(sent))
    return StoredMessage(
        message_id=event_id,
        message_type=message.msg_type,
        sender_agent=message.sender,
        namespace=message.namespace,
        execution_id=message.execution_id,
        run_id=None if message.run_id is None else str(message.run_id),
        message_content=body,
        sent_at=now(),
        is_successful=True,
        outcome=verdict.taken,
        reason=verdict.reason,
    )


@router.post(
    "/batch/",
    summary="Send many messages",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["messages"],
                        "properties": {
                            "messages": {
                                "type": "array",
                                "items": {"type": "object"},
                                "maxItems": schemas.MOST_OF_A_BATCH,
                            }
                        },
                    },
                    "example": {"messages": [_EXAMPLE]},
                }
            },
        }
    },
)
async def send_messages(request: Request, caller: Sender) -> BatchResult:
    """Store and relay many messages, as if each had been sent by itself.

    One that is refused has its errors in its result, and hinders no other. After 200 all others are
    stored durably. After 503 some of them may be: send all of them again.
    """
    sent = await request.body()
    return BatchResult(results=await batch.take(sent, caller, request.app.state.intake))


class Asked(BaseModel):
    """Which events of the stream are wanted."""

    msg_types: str | None = Field(None, description="Comma list of message types.")
    agents: str | None = Field(None, description="Comma list of `processed_by`.")
    run_ids: str | None = Field(None, description="Comma list of `run_id`.")
    namespaces: str | None = Field(None, description="Comma list of namespaces.")
    subject: str | None = Field(None, description="Comma list of subjects.")
    after: str | None = Field(None, description="Id of the last event received.")


async def _listener(request: Request) -> Caller:
    return await gatekeeper(request).listener(request)


# The original answers any method alike (contract section 3.11).
@router.api_route("/stream/", methods=["POST", "OPTIONS"], include_in_schema=False)
@router.get(
    "/stream/",
    summary="Follow the live stream",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def stream(
    request: Request,
    caller: Annotated[Caller, Depends(_listener)],
    asked: Annotated[Asked, Query()],
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamResponse:
    """Server-sent events: `connected`, then each event with its id, a heartbeat every 30 s.

    With `Last-Event-ID` (or `after`) it begins with the events after that one. Where there is no
    such event, `position_unknown` says so, and what is new follows.
    """
    feed: Feed = request.app.state.feed
    if not await feed.ready(_FEED_SECONDS):
        raise Rejection(503, {"detail": "the event table cannot be read; try again"})
    if len(feed.clients) >= request.app.state.settings.stream.max_clients:
        raise Rejection(503, {"detail": "too many clients follow the stream; try again later"})
    wanted = Wanted.of(asked.model_dump(exclude={"after"}))
    start = await feed.start(last_event_id or asked.after)
    return StreamResponse(
        feed.listen(wanted, start, proof=caller.proof),
        headers={**_STREAM_HEADERS, "X-Last-Event-Id": str(max(feed.last_id, start.after or 0))},
        send_seconds=_SEND_SECONDS,
    )


class StreamStatus(BaseModel):
    """The clients of this API process's stream."""

    connected_clients: int
    client_ids: list[str]
    client_filters: dict[str, dict[str, list[str]]]
    last_event_id: int


@router.get("/stream/status/", summary="Clients of the stream")
async def stream_status(request: Request) -> StreamStatus:
    """The connected clients and their filters. JSON, whatever `Accept` says."""
    caller = await gatekeeper(request).caller(request)
    if not caller.is_known:
        raise Rejection(403, {"detail": NOT_PROVIDED})
    feed: Feed = request.app.state.feed
    clients = feed.clients
    return StreamStatus(
        connected_clients=len(clients),
        client_ids=[client.id for client in clients],
        client_filters={client.id: client.wanted.as_dict() for client in clients},
        last_event_id=feed.last_id,
    )
