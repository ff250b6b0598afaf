"""What went wrong with an execution, by its messages and by what agents have logged."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.workflows.queries import messages
from api.workflows.views import ExecutionView
from flows.agents.models import LOGGED_EXECUTION, AppLog

_FAILURES: Final = ("run_workflow_failed", "error")
_LOGS: Final = 10


@dataclass(frozen=True)
class Failure:
    """Something that went wrong; `source` is `message` or `log`."""

    time: datetime
    error: str
    source: str


def of(session: Session, execution: ExecutionView) -> list[Failure]:
    """The newest messages that tell of a failure, and the newest errors that were logged."""
    told = [
        Failure(each.at, _reason(each.payload), "message")
        for each in messages.of_types(session, execution, _FAILURES)
    ]
    return sorted([*told, *_logged(session, execution)], key=lambda each: each.time)


def _logged(session: Session, execution: ExecutionView) -> list[Failure]:
    query = select(AppLog.timestamp, AppLog.message).where(
        execution.execution_id == LOGGED_EXECUTION,
        AppLog.level >= logging.ERROR,
        AppLog.timestamp >= execution.began,
    )
    rows = session.execute(query.order_by(AppLog.timestamp.desc()).limit(_LOGS))
    return [Failure(at, message, "log") for at, message in rows]


def _reason(payload: Any) -> str:
    said = payload.get("error") if isinstance(payload, dict) else None
    return said if isinstance(said, str) else json.dumps(payload, ensure_ascii=False)
