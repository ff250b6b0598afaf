"""What the database says of a request, and of the time that it took."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from datetime import datetime

from sqlalchemy import Engine, select

from deployments.bench.common.stack import BenchBroken
from flows.common.database import transaction
from flows.common.models import Request

Mark = tuple[str, datetime | None]
"""Something that a request reaches, in words, and when it did."""


def latest(engine: Engine, action: str, subject: str) -> Request:
    """The newest request of an action on a subject."""
    query = select(Request).where(Request.action == action, Request.subject == subject)
    with transaction(engine) as session:
        return session.scalars(query.order_by(Request.id.desc()).limit(1)).one()


def run_seconds(request: Request, ended: datetime) -> float:
    """Seconds from the start of a request's run to its end.

    Raises:
        BenchBroken: It was not started.
    """
    if request.started_at is None:
        raise BenchBroken(f"request {request.id} has ended, and was not started")
    return (ended - request.started_at).total_seconds()


def pickup(request: Request) -> list[Mark]:
    """How the worker takes a request up."""
    return [
        ("the worker claims it", request.claimed_at),
        ("its process is asked for", request.started_at),
    ]


def note_spans(
    spans: MutableMapping[str, list[float]], begin: datetime, marks: Iterable[Mark]
) -> None:
    """Add to `spans` the seconds up to each mark that was reached, from the one before."""
    for label, at in marks:
        if at is not None:
            spans.setdefault(label, []).append((at - begin).total_seconds())
            begin = at
