"""An event of prodops as Prefect's event feed has it. Pure."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from flows.common import events, messages
from flows.common.messages import msg_type_of

PREFIX: Final = "prodops"
_NAMESPACE: Final = uuid.UUID("5d0a2b7e-0c52-4d8e-9c0e-0a8f7be0c6a1")
_MOST_BYTES: Final = 16_384  # of a payload; Prefect drops an event of 1.5 MB in silence
_MOST_CHARACTERS: Final = 500  # of a text in a payload that is cut
_KINDS: Final = {
    "task_name": "task",
    "pandaid": "job",
    "campaign": "campaign",
    "did": "did",
    "jedi_task_id": "panda_task",
    "jeditaskid": "panda_task",
}
"""Which keys of an event name a resource, and of what kind; the first is what it is about."""

_ROLE: Final = "prefect.resource.role"

Resource = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class FedEvent:
    """An event that the feed is to get, with what belongs to it.

    Attributes:
        requested_by: Who asked for its request.
        campaign: The campaign of the task that it names, where PCS has it here.
    """

    id: int
    at: datetime
    msg_type: str
    payload: dict[str, Any]
    request_id: int
    flow_run_id: uuid.UUID | None
    requested_by: str
    campaign: str | None

    @property
    def feed_id(self) -> uuid.UUID:
        """Always the same, by which Prefect knows it when it is sent again.

        The time tells it from that of another database, or of one that was restored.
        """
        return uuid.uuid5(_NAMESPACE, f"{self.id} {self.at.isoformat()}")


@cache
def names() -> dict[str, str]:
    """The name in the feed of each type of event that is put there."""
    forms = messages.of_capabilities()
    return {msg_type_of(each): f"{PREFIX}.{each.FEED}" for each in forms if each.FEED}


def as_prefect_has_it(event: FedEvent) -> dict[str, Any]:
    """The event as Prefect's REST takes it."""
    about, *related = _resources(event)
    return {
        "id": str(event.feed_id),
        "occurred": event.at.isoformat(),
        "event": _name(event),
        "resource": {name: each for name, each in about.items() if name != _ROLE},
        "related": related,
        "payload": _payload(event.payload),
    }


def _name(event: FedEvent) -> str:
    name = names()[event.msg_type]
    if "ok" not in event.payload:
        return name
    return f"{name}.{'completed' if event.payload['ok'] else 'failed'}"


def _resources(event: FedEvent) -> Iterator[Resource]:
    """What the event is about, then what else it concerns."""
    named = {**event.payload, "campaign": event.payload.get("campaign") or event.campaign}
    for key, kind in _KINDS.items():
        if named.get(key):
            yield _resource(kind, str(named[key]))
    yield _resource("request", str(event.request_id))
    yield _resource("requester", event.requested_by)
    if event.flow_run_id is not None:
        run = f"prefect.flow-run.{event.flow_run_id}"
        yield {"prefect.resource.id": run, _ROLE: "flow-run"}


def _resource(kind: str, name: str) -> Resource:
    return {
        "prefect.resource.id": f"{PREFIX}.{kind}.{name}",
        "prefect.resource.name": name,
        _ROLE: kind,
    }


def _payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the event says; of one that says very much, the single values alone."""
    said = {name: each for name, each in payload.items() if name not in events.ENRICHED}
    if len(json.dumps(said)) <= _MOST_BYTES:
        return said
    short = {name: each for name, each in said.items() if not isinstance(each, list | dict)}
    return {
        name: each[:_MOST_CHARACTERS] if isinstance(each, str) else each
        for name, each in short.items()
    }
