"""The last canary, as its request's result has it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.system.views import CanaryView, LegView
from flows.canary.actions import RUN_CANARY
from flows.common.models import Request, RequestState

_ENDED = (RequestState.COMPLETED, RequestState.FAILED)


def last(session: Session) -> CanaryView | None:
    """The last one that was to walk every leg; None where none has ended."""
    row = Request
    query = select(row).where(
        row.action == RUN_CANARY.name,
        row.state.in_(_ENDED),
        row.parameters["legs"].astext == "[]",
        row.finished_at.is_not(None),
    )
    found = session.scalars(query.order_by(row.id.desc()).limit(1)).first()
    return None if found is None else _view(found)


def _view(row: Request) -> CanaryView | None:
    result: dict[str, Any] = row.result if isinstance(row.result, dict) else {}
    said = {"state": str(row.state), "error": row.error or "", "legs": [], **result}
    legs = []
    for each in said["legs"]:
        with suppress(ValidationError):  # of another version
            legs.append(LegView.model_validate(each))
    if row.finished_at is None:
        return None
    return CanaryView(
        request_id=row.id, at=row.finished_at, state=said["state"], error=said["error"], legs=legs
    )
