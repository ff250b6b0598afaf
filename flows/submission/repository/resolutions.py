"""Operators' decisions, and where the numbers came from that attempts and decisions recorded."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ARRAY, BigInteger, any_, cast, select
from sqlalchemy.orm import Session

from flows.submission.domain.identity import Origin
from flows.submission.models import SubmissionAttempt, SubmissionResolution


def origins(session: Session, numbers: Collection[int]) -> dict[tuple[str, int], Origin]:
    """Where the numbers came from, by name at PanDA and number: an operator's word counts last."""
    wanted = cast(list(numbers), ARRAY(BigInteger))
    found: dict[tuple[str, int], Origin] = {}
    for table in (SubmissionAttempt, SubmissionResolution):
        rows = session.execute(
            select(table.panda_name, table.jedi_task_id, table.panda_user, table.panda_server)
            .where(table.jedi_task_id == any_(wanted))
            .order_by(table.id)
        )
        found |= {(name, int(id_)): Origin(user, server) for name, id_, user, server in rows}
    return found


def of_request(session: Session, request_id: int) -> SubmissionResolution | None:
    """The decision that a request carries out."""
    of_it = select(SubmissionResolution).where(SubmissionResolution.request_id == request_id)
    return session.scalar(of_it)
