"""The collections of agents and subscribers. An agent's silence is judged as it is read.

Source: fastmon contract sections 3.3 and 3.4.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, bindparam, case, func, not_, select
from sqlalchemy.orm import Session

from api.http.collections.store import Collection, Filter, Record, table_of
from flows.agents import repository
from flows.agents.domain import AgentStatus, OperationalState
from flows.agents.models import Subscriber, SystemAgent
from flows.agents.repository import Heartbeat
from flows.common.database import AwareTime, among, now, transaction
from flows.common.loaders import EARLIEST, LATEST

SILENT: Final = timedelta(minutes=3)
"""An agent that was not heard for so long is shown as exited."""
_STARTED: Final = time.monotonic()

_AGENTS: Final = table_of(SystemAgent)
_SUBSCRIBERS: Final = table_of(Subscriber)


def _is_young() -> bool:
    """Whether this process has not run for that long: nobody could be heard before."""
    return time.monotonic() - _STARTED < SILENT.total_seconds()


def _fresh_since() -> datetime:
    return EARLIEST if _is_young() else now() - SILENT


def _fresh_until() -> datetime:
    """Whoever was heard later than that was heard before the clock jumped back."""
    return LATEST if _is_young() else now() + SILENT


_since = bindparam("heard_since", callable_=_fresh_since, type_=AwareTime)
_until = bindparam("heard_until", callable_=_fresh_until, type_=AwareTime)
_fresh = bindparam("fresh_since", callable_=lambda: now() - SILENT, type_=AwareTime)
_soon = bindparam("fresh_until", callable_=lambda: now() + SILENT, type_=AwareTime)
_heard_at = func.coalesce(_AGENTS.c.last_heartbeat, _AGENTS.c.created_at)
_is_silent = not_(_heard_at.between(_since, _until))
_status = case((_is_silent, AgentStatus.EXITED.value), else_=_AGENTS.c.status)
_state = case((_is_silent, OperationalState.EXITED.value), else_=_AGENTS.c.operational_state)
_conflict = case(
    (
        _AGENTS.c.other_heartbeat.between(_fresh, _soon),
        func.jsonb_build_object(
            "pid", _AGENTS.c.other_pid,
            "hostname", _AGENTS.c.other_hostname,
            "last_heartbeat", _AGENTS.c.other_heartbeat,
        ),
    )
)  # fmt: skip
_SHOWN_AS: Final = {
    "status": _status,
    "operational_state": _state,
    "other_pid": None,
    "other_hostname": None,
    "other_heartbeat": None,
}
_rows: list[Any] = [
    shown.label(column.name) if shown is not None else column
    for column, shown in ((each, _SHOWN_AS.get(each.name)) for each in _AGENTS.c)
    if shown is not None or column.name not in _SHOWN_AS
]

AGENTS: Final = Collection(
    name="SystemAgent",
    words="system agent",
    table=_AGENTS,
    rows=select(*_rows, _conflict.label("conflict")),
    order=(_AGENTS.c.id,),
    filters={
        "instance_name": Filter(_AGENTS.c.instance_name, "The agent's name."),
        "agent_type": Filter(_AGENTS.c.agent_type, "What it does, as it says."),
        "status": Filter(_status, "Its health, as it is shown."),
        "operational_state": Filter(_state, "Its activity, as it is shown."),
        "namespace": Filter(_AGENTS.c.namespace, "Its namespace."),
        "hostname": Filter(_AGENTS.c.hostname, "Its machine."),
    },
)

SUBSCRIBERS: Final = Collection(
    name="Subscriber",
    words="subscriber",
    table=_SUBSCRIBERS,
    rows=select(_SUBSCRIBERS),
    order=(_SUBSCRIBERS.c.subscriber_id,),
    filters={
        "subscriber_name": Filter(_SUBSCRIBERS.c.subscriber_name, "The subscriber's name."),
        "delivery_type": Filter(_SUBSCRIBERS.c.delivery_type, "How it is served."),
        "is_active": Filter(_SUBSCRIBERS.c.is_active, "Whether it is active."),
    },
)


def beat(engine: Engine, heartbeats: Sequence[Heartbeat]) -> list[tuple[Record, bool]]:
    """Note heartbeats in one transaction; gives each agent, and whether it is new.

    Raises:
        DatabaseUnavailable: Nothing was noted.
    """
    with transaction(engine) as session:
        heard = repository.beat(session, heartbeats, now())
        rows = _by_id(session, {each.id for each in heard})
    return [(rows[each.id], each.is_new) for each in heard]


def _by_id(session: Session, ids: set[int]) -> dict[int, Record]:
    found = session.execute(AGENTS.rows.where(among(_AGENTS.c.id, ids))).mappings()
    return {row["id"]: row for row in found}
