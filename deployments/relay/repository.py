"""What the relay writes: each Prefect state once, as an event, with the request it belongs to."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from deployments.relay.messages import Belonging, RunState, flow_run_state
from flows.common import events
from flows.common.database import among, now, transaction
from flows.common.models import HELD, RelayedState, Request


@dataclass(frozen=True)
class StateRepository:
    """Writes states to the event table, each once."""

    engine: Engine

    def belongings(self, runs: Mapping[uuid.UUID, int | None]) -> dict[uuid.UUID, Belonging]:
        """The requests of flow runs, as far as their rows tell.

        Args:
            runs: The flow runs, each with the request that its tags name. A tag can be copied to
                another run: it is believed of a request that is held, and has no run noted yet.
        """
        by_tag = {request: run for run, request in runs.items() if request is not None}
        is_tagged = and_(
            among(Request.id, by_tag),
            Request.flow_run_id.is_(None),
            Request.state.in_(HELD),
        )
        columns = (Request.id, Request.action, Request.subject, Request.flow_run_id)
        with transaction(self.engine) as session:
            found = session.execute(
                select(*columns).where(or_(among(Request.flow_run_id, runs), is_tagged))
            ).all()
        return {
            row.flow_run_id or by_tag[row.id]: Belonging(row.id, row.action, row.subject)
            for row in found
        }

    def belonging(self, request_id: int) -> Belonging | None:
        """The request of that id, as the one that a run works on."""
        with transaction(self.engine) as session:
            found = session.execute(
                select(Request.id, Request.action, Request.subject).where(Request.id == request_id)
            ).first()
        return Belonging(found.id, found.action, found.subject) if found else None

    def unknown(self, state_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """The states among these that are not relayed yet."""
        with transaction(self.engine) as session:
            relayed = session.scalars(
                select(RelayedState.state_id).where(among(RelayedState.state_id, state_ids))
            )
            return set(state_ids) - set(relayed)

    def relayed_until(self) -> datetime | None:
        """When a state was relayed last; None where none ever was."""
        with transaction(self.engine) as session:
            return session.scalar(select(func.max(RelayedState.at)))

    def relay(self, states: Sequence[tuple[RunState, Belonging | None]]) -> int:
        """Write the states that are not relayed yet as events, oldest first; gives their number."""
        ordered = sorted(states, key=lambda pair: pair[0].timestamp)
        rows = [
            {"state_id": state.state_id, "flow_run_id": state.flow_run_id, "at": now()}
            for state, _ in sorted(states, key=lambda pair: pair[0].state_id)
        ]
        written = insert(RelayedState).on_conflict_do_nothing()
        with transaction(self.engine) as session:
            new = set(session.scalars(written.returning(RelayedState.state_id), rows))
            fresh = [
                flow_run_state(state, owner) for state, owner in ordered if state.state_id in new
            ]
            events.commit(session, fresh)
        return len(fresh)
