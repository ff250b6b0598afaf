"""The whole state of the system, as of one moment."""

from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from api.agents import lines
from api.http.standing import in_words as standing_in_words
from api.requests.views import views
from api.system.domain import (
    Whole,
    credentials_of,
    edits_of,
    in_words,
    is_published,
    part_of,
    view_of,
)
from api.system.queries import canary, events, parts, queues, set_aside
from api.system.queries.set_aside import Wanted
from api.system.views import SystemView
from flows.common import standing, version
from flows.common.database import now
from flows.common.events import freeze
from flows.common.settings import Settings

_AGENTS: Final = 200


def read(session: Session, settings: Settings) -> SystemView:
    """The state of the system, in a fresh session, which is made to see one of the database."""
    last_event_id = freeze(session)
    rows, at = parts.read(session), now()
    waiting = queues.read(session, is_published=is_published(rows))
    agents = lines.newest(session, _AGENTS)
    whole = Whole(
        ops_side=standing_in_words(standing.read(session), at=at),
        credentials=[credential for each in rows for credential in credentials_of(each)],
        conflicts=sum(each.is_on_two_hosts for each in agents),
        set_aside=waiting.set_aside,
    )
    state, text = in_words(whole, at)
    return SystemView(
        state=state,
        text=text,
        at=at,
        version=view_of(version.present()),
        parts=[part_of(each) for each in rows],
        credentials=list(whole.credentials),
        canary=canary.last(session),
        edits=edits_of(rows),
        agents=agents,
        queues=waiting,
        open_requests=views(session, queues.open_requests(session), settings),
        failed_requests=views(session, queues.failed_requests(session), settings),
        set_aside=set_aside.page(session, Wanted(), queues.SHOWN),
        events=events.newest(session),
        last_event_id=last_event_id,
    )
