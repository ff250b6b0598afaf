"""What Prefect's event feed is to get, and how far it has it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Engine, select, text, update
from sqlalchemy.dialects.postgresql import insert

from deployments.relay.feed_event import FedEvent
from flows.common import events
from flows.common.database import transaction
from flows.common.models import FeedPosition

_NAME: Final = "prefect"
# Only what belongs to a request: a peer may send a message of any type, with any sender.
_EVENTS: Final = text("""
    SELECT event.id, event.at, event.msg_type, event.payload, event.request_id, event.flow_run_id,
           request.requested_by, pcs_campaign.name AS campaign
    FROM event
    JOIN request ON request.id = event.request_id
    LEFT JOIN pcs_prod_task AS task ON task.name = event.payload ->> 'task_name'
    LEFT JOIN pcs_campaign ON pcs_campaign.id = task.campaign_id
    WHERE event.id > :after AND event.id <= :last AND event.msg_type = ANY(:types)
    ORDER BY event.id LIMIT :limit
""")


class Look(NamedTuple):
    """What the feed is to get, in order, and up to which event was looked."""

    events: Sequence[FedEvent]
    last_id: int


@dataclass(frozen=True)
class FeedRepository:
    """Reads the events for the feed, and keeps its position."""

    engine: Engine

    def position(self) -> int:
        """The last event that the feed has; the first time, that is the last that there is."""
        with transaction(self.engine) as session:
            first = {"name": _NAME, "event_id": events.last_id(session)}
            session.execute(insert(FeedPosition).values(first).on_conflict_do_nothing())
            known = select(FeedPosition.event_id).where(FeedPosition.name == _NAME)
            return session.scalars(known).one()

    def look(self, after: int, types: Collection[str], limit: int) -> Look:
        """Look at the events of these types after that one."""
        with transaction(self.engine) as session:
            last = events.last_id(session)
            if last <= after:
                return Look((), after)
            wanted = {"after": after, "last": last, "types": list(types), "limit": limit}
            found = [FedEvent(**row) for row in session.execute(_EVENTS, wanted).mappings()]
        return Look(found, found[-1].id if len(found) == limit else last)

    def advance(self, event_id: int) -> None:
        """Note that the feed has every event up to that one."""
        with transaction(self.engine) as session:
            session.execute(
                update(FeedPosition)
                .where(FeedPosition.name == _NAME, FeedPosition.event_id < event_id)
                .values(event_id=event_id)
            )
