"""The pages of production tasks: what they show, and what the ops side has written meanwhile."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.orm import Session

from api.pcs.models import Attempt
from flows.common import claims, events
from flows.common.database import Base, now, transaction
from flows.common.models import Request, RequestState
from flows.submission import messages
from flows.submission.models import Step, SubmissionAttempt
from tests.pcs_client import COMPOSED


def page_of(reader: httpx.Client, name: str = COMPOSED) -> str:
    return str(reader.get(f"/pcs/tasks/{name}/").text)


def phase_of(page: str) -> str:
    return re.search(r'id="live"[^>]* data-phase="(\w+)"', page)[1]


def names_of(page: str) -> list[str]:
    """The tasks that the list shows."""
    return re.findall(r'<tr data-id="\d+" data-name="([^"]*)"', page)


@dataclass(frozen=True)
class OpsSide:
    """What the ops side writes of the newest request."""

    engine: Engine

    def stand(self, state: RequestState, **values: Any) -> None:
        """Let the request be in that state."""
        changed = {"state": state, **values}
        with transaction(self.engine) as session:
            newest = self._newest(session)
            session.execute(update(Request).where(Request.id == newest.id).values(**changed))

    def begin(self, **values: Any) -> None:
        """Record an attempt at the request."""
        with transaction(self.engine) as session:
            request = self._newest(session)
            row = session.scalar(select(Attempt).order_by(Attempt.id.desc()))
            made = {
                "task_name": request.subject,
                "panda_name": row.task_name,
                "panda_tasks_id": row.id,
                "owner": "tester",
                "request_id": request.id,
                "sends": 1,
                "created_at": now(),
                "updated_at": now(),
                **values,
            }
            session.execute(insert(SubmissionAttempt).values(**made))

    def tell_steps(self, *steps: str) -> None:
        """Announce the steps of the attempt."""
        with transaction(self.engine) as session:
            request = self._newest(session)
            holder = claims.Claim(request.id, 1)
            told = [
                messages.progress(request.subject, Step(name), f"at {name}", holder)
                for name in steps
            ]
            events.commit(session, told)

    def add(self, *rows: Base) -> None:
        """Write the rows."""
        with transaction(self.engine) as session:
            session.add_all(rows)

    def _newest(self, session: Session) -> Request:
        return session.scalars(select(Request).order_by(Request.id.desc())).first()
