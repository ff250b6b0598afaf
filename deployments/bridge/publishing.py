"""Events out to the topic: at least once, in order; how far is kept in the database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine

from blocks import tracing
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.frames import Outgoing
from deployments.bridge.taking import INSTANCE_HEADER
from flows.common import events
from flows.common.database import transaction
from flows.messages import repository
from flows.messages.repository import Unpublished

KEPT_BACK: Final = repository.KEPT_BACK
_BATCH: Final = 500


@dataclass
class Publisher:
    """Publishes what the event table holds; one at a time on one database.

    Attributes:
        engine: The database.
        topic: Where to.
        instance: Who we are on the bus.
        position: The last event that the topic has, or is not to get.
    """

    engine: Engine
    topic: str
    instance: str
    position: int

    def publish(self, connection: BrokerConnection) -> bool:
        """Publish the next batch; gives whether there was one.

        Raises:
            BrokerUnavailable: The connection broke; what was not confirmed is sent again.
            DatabaseUnavailable: Likewise.
        """
        with transaction(self.engine) as session:
            seen = repository.look(session, self.position, kept_back=KEPT_BACK, limit=_BATCH)
        if seen.last_id == self.position:
            return False
        connection.send_all([self._outgoing(each) for each in seen.events])
        if seen.events:
            with transaction(self.engine) as session:
                repository.advance(session, seen.last_id)
        self.position = seen.last_id
        return True

    def _outgoing(self, event: Unpublished) -> Outgoing:
        body = wire_body(event.payload)
        headers = {
            "persistent": "true",  # for durable subscribers, through a restart of the broker
            INSTANCE_HEADER: self.instance,
            "prodops_event": str(event.id),
            "msg_type": str(body.get("msg_type", "")),
        }
        for name in ("namespace", "run_id"):
            if body.get(name) is not None:
                headers[name] = str(body[name])
        with tracing.producing(f"send {self.topic}", body.get("trace_id")) as traced:
            headers |= traced
        return Outgoing(destination=self.topic, body=json.dumps(body), headers=headers)


def wire_body(payload: dict[str, Any]) -> dict[str, Any]:
    """An event as peers get it: without what only the stored message has.

    Never `agent_name` together with `status`: the original monitor takes that for a heartbeat
    (fastmon contract section 1.7).
    """
    body = {name: value for name, value in payload.items() if name not in events.ENRICHED}
    if body.get("namespace", "") is None:
        del body["namespace"]
    if "status" in body:
        body.pop("agent_name", None)
    return body
