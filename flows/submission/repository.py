"""The SQL of attempts and of operations. A run fences what it writes; nothing commits here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import column, select, table, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import claims
from flows.common.claims import Claim
from flows.common.database import now
from flows.common.models import Request, RequestState
from flows.submission.models import (
    OPEN_ATTEMPTS,
    AttemptState,
    OperationStatus,
    PandaOperation,
    SubmissionAttempt,
)

_CLAIM_TRIES: Final = 10
_UNSENT: Final[dict[str, Any]] = {
    "state": AttemptState.CLAIMED,
    "step": "claim",
    "sends": 0,
    "checks": 0,
    "first_sent_at": None,
    "sending_until": None,
    "jedi_task_id": None,
    "outcome": None,
    "reason": None,
    "ended_at": None,
}
_ENDED: Final = (AttemptState.RECORDED, AttemptState.FAILED)
# The embedded PCS's; where another is in use they are empty, and no task has a known owner.
_PCS_TASK: Final = table("pcs_prod_task", column("id"), column("name"), column("created_by"))
_PCS_ATTEMPT: Final = table("pcs_panda_tasks", column("prod_task_id"), column("jedi_task_id"))


class AttemptOpen(ProdOpsError):
    """Another request is submitting the same task."""

    def __init__(self, task_name: str, request_id: int) -> None:
        self.request_id = request_id
        super().__init__(f"{task_name} is already being submitted by request {request_id}")


class NameUsed(ProdOpsError):
    """The name at PanDA belongs to an earlier attempt, and is never used again."""


# ------------------------------------------------------------------ owners


def task_owner(session: Session, task_name: str) -> str | None:
    """Who owns the production task of that stored name; None where it is not known here."""
    named = select(_PCS_TASK.c.created_by).where(_PCS_TASK.c.name == task_name)
    return session.scalar(named)


def jedi_task_owner(session: Session, jedi_task_id: int) -> str | None:
    """Who owns the production task that PanDA's task is an attempt of; None: not known here."""
    attempts = select(_PCS_ATTEMPT.c.prod_task_id).where(
        _PCS_ATTEMPT.c.jedi_task_id == jedi_task_id
    )
    return session.scalar(select(_PCS_TASK.c.created_by).where(_PCS_TASK.c.id.in_(attempts)))


# ------------------------------------------------------------------ attempts


def get(session: Session, attempt_id: int) -> SubmissionAttempt:
    """The attempt of that id, which is never deleted."""
    return session.get_one(SubmissionAttempt, attempt_id)


def of_request(session: Session, request_id: int) -> SubmissionAttempt | None:
    """The attempt that the request made."""
    return session.scalar(
        select(SubmissionAttempt)
        .where(SubmissionAttempt.request_id == request_id)
        .order_by(SubmissionAttempt.id.desc())
        .limit(1)
    )


def may_be_sent(session: Session, request_id: int) -> bool:
    """Whether an attempt of the request was, or may have been, sent to PanDA."""
    attempt = of_request(session, request_id)
    return attempt is not None and attempt.sends > 0


def maker_of(session: Session, jedi_task_id: int) -> int | None:
    """The request whose attempt became that task."""
    return session.scalar(
        select(SubmissionAttempt.request_id)
        .where(SubmissionAttempt.jedi_task_id == jedi_task_id)
        .limit(1)
    )


def open_names(session: Session) -> set[str]:
    """The names at PanDA that a submission is still working on."""
    names = select(SubmissionAttempt.panda_name)
    return set(session.scalars(names.where(SubmissionAttempt.state.in_(OPEN_ATTEMPTS))))


def claim(session: Session, claim: Claim, values: dict[str, Any]) -> SubmissionAttempt:
    """Claim the attempt of `values`, as the only open one of its task.

    A name whose attempt ended without a task at PanDA is taken up again where PCS has no other to
    give (the original's); with an attempt row of PCS's own, each submission has a new name.

    Raises:
        AttemptOpen: Another request has an open attempt for the task.
        NameUsed: The name belongs to an earlier attempt.
        ClaimLost: Attempts open and end too fast to claim one.
    """
    of_name = select(SubmissionAttempt).where(SubmissionAttempt.panda_name == values["panda_name"])
    open_of_task = select(SubmissionAttempt).where(
        SubmissionAttempt.task_name == values["task_name"],
        SubmissionAttempt.state.in_(OPEN_ATTEMPTS),
    )
    # A rival may end between the statements: then it is the insert's turn again.
    for _ in range(_CLAIM_TRIES):
        session.execute(
            insert(SubmissionAttempt)
            .values(request_id=claim.request_id, created_at=now(), updated_at=now(), **values)
            .on_conflict_do_nothing()
        )
        if (mine := of_request(session, claim.request_id)) is not None:
            return mine
        if (rival := session.scalar(open_of_task)) is not None:
            raise AttemptOpen(values["task_name"], rival.request_id)
        if (former := session.scalar(of_name.with_for_update())) is not None:
            return _take_up(session, claim, former, values)
    raise claims.ClaimLost(f"{values['task_name']}: attempts open and end too fast to claim one")


def _take_up(
    session: Session, claim: Claim, former: SubmissionAttempt, values: dict[str, Any]
) -> SubmissionAttempt:
    if former.state != AttemptState.FAILED or former.panda_tasks_id is not None:
        raise NameUsed(
            f"the name {former.panda_name} was used by request {former.request_id} "
            f"({former.state}); a name at PanDA is never used for another attempt"
        )
    for name, value in (_UNSENT | values).items():
        setattr(former, name, value)
    former.request_id = claim.request_id
    former.updated_at = now()
    session.flush()
    return former


def write(session: Session, attempt_id: int, values: dict[str, Any]) -> SubmissionAttempt:
    """Write `values` to the attempt.

    Raises:
        NameUsed: The name that is written belongs to an earlier attempt.
    """
    if (name := values.get("panda_name")) is not None:
        named = select(SubmissionAttempt.id).where(SubmissionAttempt.panda_name == name)
        if session.scalar(named.where(SubmissionAttempt.id != attempt_id)) is not None:
            raise NameUsed(
                f"the name {name} was used by an earlier attempt, and is never used again"
            )
    if values.get("state") in _ENDED:
        values = {**values, "ended_at": now()}
    return session.scalars(
        update(SubmissionAttempt)
        .where(SubmissionAttempt.id == attempt_id)
        .values(updated_at=now(), **values)
        .returning(SubmissionAttempt)
        .execution_options(populate_existing=True)
    ).one()


# ------------------------------------------------------------------ operations on live tasks


def begin_operation(session: Session, request_id: int, values: dict[str, Any]) -> PandaOperation:
    """The record of the request's operation: an earlier run's, or a new one of `values`."""
    asked_at = select(Request.created_at).where(Request.id == request_id).scalar_subquery()
    asked_by = select(Request.requested_by).where(Request.id == request_id).scalar_subquery()
    session.execute(
        insert(PandaOperation)
        .values(
            request_id=request_id,
            status=OperationStatus.RUNNING,
            requested_at=asked_at,
            requested_by=asked_by,
            **values,
        )
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(PandaOperation).where(PandaOperation.request_id == request_id)
    ).one()


def write_operation(session: Session, request_id: int, values: dict[str, Any]) -> PandaOperation:
    """Write `values` to the record of the request's operation."""
    return session.scalars(
        update(PandaOperation)
        .where(PandaOperation.request_id == request_id)
        .values(**values)
        .returning(PandaOperation)
        .execution_options(populate_existing=True)
    ).one()


# ------------------------------------------------------------------ syncs


def last_sync(session: Session) -> datetime | None:
    """When the last sync that came through began."""
    return session.scalar(
        select(Request.claimed_at)
        .where(Request.action == "sync_task_states", Request.state == RequestState.COMPLETED)
        .order_by(Request.id.desc())
        .limit(1)
    )
