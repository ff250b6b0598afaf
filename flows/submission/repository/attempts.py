"""Attempts at PanDA, and who the tasks are that they became."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from blocks.errors import Refused
from flows.common import claims
from flows.common.claims import Claim
from flows.common.database import now
from flows.submission.models import (
    OPEN_ATTEMPTS,
    AttemptState,
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
    "panda_user": None,
    "panda_server": None,
    "differs": "",
    "outcome": None,
    "reason": None,
    "ended_at": None,
}
_ENDED: Final = (AttemptState.RECORDED, AttemptState.FAILED)


class AttemptOpen(Refused):
    """Another request is submitting the same task."""

    def __init__(self, task_name: str, request_id: int) -> None:
        self.request_id = request_id
        super().__init__(f"{task_name} is already being submitted by request {request_id}")


class Unresolved(Refused):
    """An earlier attempt of the task waits for an operator's word."""

    def __init__(self, attempt: SubmissionAttempt) -> None:
        super().__init__(
            f"The submission of {attempt.panda_name} is unresolved ({attempt.reason}); an operator "
            f"settles it: prodops task resolve {attempt.task_name}"
        )


class NameUsed(Refused):
    """The name at PanDA belongs to an earlier attempt, and is never used again."""


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
    """The request whose attempt became that task; the newest, where a number came twice."""
    return session.scalar(
        select(SubmissionAttempt.request_id)
        .where(SubmissionAttempt.jedi_task_id == jedi_task_id)
        .order_by(SubmissionAttempt.id.desc())
        .limit(1)
    )


def open_names(session: Session) -> set[str]:
    """The names at PanDA that a submission is still working on."""
    names = select(SubmissionAttempt.panda_name)
    return set(session.scalars(names.where(SubmissionAttempt.state.in_(OPEN_ATTEMPTS))))


def open_of(session: Session, task_name: str) -> SubmissionAttempt | None:
    """The open attempt of a task, of which there is at most one."""
    return session.scalar(
        select(SubmissionAttempt).where(
            SubmissionAttempt.task_name == task_name,
            SubmissionAttempt.state.in_(OPEN_ATTEMPTS),
        )
    )


def named(session: Session, panda_name: str) -> SubmissionAttempt | None:
    """The attempt of that name at PanDA."""
    of_name = select(SubmissionAttempt).where(SubmissionAttempt.panda_name == panda_name)
    return session.scalar(of_name)


def take_over(
    session: Session, request_id: int, panda_name: str, values: dict[str, Any]
) -> SubmissionAttempt:
    """The attempt of that name as the request's, with `values`; made where there was none."""
    of_name = select(SubmissionAttempt).where(SubmissionAttempt.panda_name == panda_name)
    attempt = session.scalar(of_name.with_for_update())
    if attempt is None:
        attempt = SubmissionAttempt(panda_name=panda_name)
        session.add(attempt)
    for name, value in {**values, "request_id": request_id, "ended_at": None}.items():
        setattr(attempt, name, value)
    session.flush()
    return attempt


def claim(session: Session, claim: Claim, values: dict[str, Any]) -> SubmissionAttempt:
    """Claim the attempt of `values`, as the only open one of its task.

    A name whose attempt ended without a task at PanDA is taken up again where PCS has no other to
    give (the original's); with an attempt row of PCS's own, each submission has a new name.

    Raises:
        AttemptOpen: Another request has an open attempt for the task.
        Unresolved: An earlier one waits for an operator's word.
        NameUsed: The name belongs to an earlier attempt.
        ClaimLost: Attempts open and end too fast to claim one.
    """
    of_name = select(SubmissionAttempt).where(SubmissionAttempt.panda_name == values["panda_name"])
    # A rival may end between the statements: then it is the insert's turn again.
    for _ in range(_CLAIM_TRIES):
        session.execute(
            insert(SubmissionAttempt)
            .values(request_id=claim.request_id, created_at=now(), updated_at=now(), **values)
            .on_conflict_do_nothing()
        )
        if (mine := of_request(session, claim.request_id)) is not None:
            return mine
        if (rival := open_of(session, values["task_name"])) is not None:
            if rival.state == AttemptState.UNRESOLVED:
                raise Unresolved(rival)
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
