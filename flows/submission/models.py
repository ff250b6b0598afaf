"""Tables of submission: attempts at PanDA, operations on live tasks. The ops side writes them."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, Identity, Index, String, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.column_types import Reason
from flows.common.database import AwareTime, Base, now


class AttemptState(StrEnum):
    """Where an attempt stands."""

    CLAIMED = "claimed"
    """Nothing was sent yet."""
    SENDING = "sending"
    """prun runs, or ran when its run was lost: what it did is not known."""
    UNKNOWN = "unknown"
    """prun ended without saying whether PanDA has the task."""
    CREATED = "created"
    """PanDA has the task; PCS does not know it yet."""
    REFUSED = "refused"
    """PanDA has no task of this name; PCS does not know it yet."""
    UNRESOLVED = "unresolved"
    """PanDA has a task whose id PCS refuses for good: an operator decides."""
    RECORDED = "recorded"
    """PanDA has one task, and PCS its id."""
    FAILED = "failed"
    """PanDA has no task of this name, and PCS knows."""


OPEN_ATTEMPTS: Final = tuple(
    state for state in AttemptState if state not in (AttemptState.RECORDED, AttemptState.FAILED)
)
"""No other attempt of the task begins before; what is unresolved has no request that goes on."""
_OPEN_SQL = "state IN ('claimed', 'sending', 'unknown', 'created', 'refused', 'unresolved')"


class Step(StrEnum):
    """The steps of a submission, in their order."""

    CLAIM = "claim"
    COMMAND = "command"
    TOKEN = "token"  # noqa: S105 - a step, no secret
    SANDBOX = "sandbox"
    SEND = "send"
    CLASSIFY = "classify"
    RECONCILE = "reconcile"
    CONFIRM = "confirm"
    RECORD = "record"
    CLOSE = "close"

    @property
    def number(self) -> int:
        """Its place in the order, from 1."""
        return list(Step).index(self) + 1


class SubmissionAttempt(Base):
    """One intent to have a production task at PanDA. Its name there is never another intent's."""

    __tablename__ = "submission_attempt"
    __table_args__ = (
        Index("submission_attempt_name_key", "panda_name", unique=True),
        Index(
            "submission_attempt_open_key",
            "task_name",
            unique=True,
            postgresql_where=text(_OPEN_SQL),
        ),
        Index("submission_attempt_task_idx", "task_name", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    task_name: Mapped[str] = mapped_column(String(300))
    panda_name: Mapped[str] = mapped_column(String(300))
    panda_tasks_id: Mapped[int | None] = mapped_column(BigInteger)
    owner: Mapped[str] = mapped_column(String(150))
    request_id: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[AttemptState] = mapped_column(String(20), server_default="claimed")
    step: Mapped[str] = mapped_column(String(20), server_default="claim")
    arguments: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    files: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    sends: Mapped[int] = mapped_column(server_default=text("0"))
    checks: Mapped[int] = mapped_column(server_default=text("0"))
    first_sent_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # Until then the server may still work on what was sent; the name is not sent again before.
    sending_until: Mapped[datetime | None] = mapped_column(AwareTime)
    sender_host: Mapped[str | None] = mapped_column(String(200))
    sender_session: Mapped[int | None]
    jedi_task_id: Mapped[int | None] = mapped_column(BigInteger)
    # Whose the task of that number is, and at which PanDA: a number alone names nothing.
    panda_user: Mapped[str | None] = mapped_column(String(200))
    panda_server: Mapped[str | None] = mapped_column(String(300))
    # In what the task differs from what this attempt sent, where it was adopted.
    differs: Mapped[str] = mapped_column(Text, server_default="")
    outcome: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(Reason)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now, onupdate=now)
    ended_at: Mapped[datetime | None] = mapped_column(AwareTime)


class OperationStatus(StrEnum):
    """Where an operation on a live task stands."""

    RUNNING = "running"
    ACCEPTED = "accepted"
    VERIFIED = "verified"
    FAILED = "failed"
    UNVERIFIED = "unverified"


class PandaOperation(Base):
    """An operation on a live task: who, when, why, and what came of it."""

    __tablename__ = "panda_operation"
    __table_args__ = (
        Index("panda_operation_request_key", "request_id", unique=True),
        Index("panda_operation_task_idx", "jedi_task_id", "requested_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    request_id: Mapped[int] = mapped_column(BigInteger)
    jedi_task_id: Mapped[int] = mapped_column(BigInteger)
    task_name: Mapped[str] = mapped_column(String(300))
    operation: Mapped[str] = mapped_column(String(30))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    requested_by: Mapped[str] = mapped_column(String(150))
    reason: Mapped[str] = mapped_column(Reason)
    status: Mapped[OperationStatus] = mapped_column(String(20))
    observed_before: Mapped[str | None] = mapped_column(String(50))
    observed_status: Mapped[str | None] = mapped_column(String(50))
    diagnostic: Mapped[str] = mapped_column(Reason, server_default="")
    requested_at: Mapped[datetime] = mapped_column(AwareTime)
    sent_at: Mapped[datetime | None] = mapped_column(AwareTime)
    completed_at: Mapped[datetime | None] = mapped_column(AwareTime)


class RemarkKind(StrEnum):
    """What an operator must know of a number at PanDA."""

    FOREIGN = "foreign"
    """It is not the task that is recorded: another name, user or server."""
    ABSENT = "absent"
    """PanDA shows no task of it."""
    OTHER_USER = "other_user"
    """Somebody else submitted the task, which is followed all the same."""
    NAMESAKE = "namesake"
    """It is another task of a name that has its number."""
    RUN_AGAIN = "run_again"
    """PanDA runs the ended task again, and we did not ask for it."""
    ASSOCIATED = "associated"
    """A sync found it by its name, and gave it to PCS."""
    UNTOLD = "untold"
    """PanDA refuses to tell what it is, or tells it in no form that is known."""
    SET_ASIDE = "set_aside"
    """What PanDA shows of it could not be recorded at PCS; each sync tries it again."""


class PandaRemark(Base):
    """What PanDA showed of a production task that PCS cannot hold; a sync writes and clears it."""

    __tablename__ = "panda_remark"
    __table_args__ = (
        Index(
            "panda_remark_open_key",
            "task_name",
            "jedi_task_id",
            "kind",
            unique=True,
            postgresql_where=text("cleared_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[RemarkKind] = mapped_column(String(20))
    task_name: Mapped[str] = mapped_column(String(300))
    panda_name: Mapped[str] = mapped_column(String(300))
    jedi_task_id: Mapped[int] = mapped_column(BigInteger)
    text: Mapped[str] = mapped_column(Text)
    noticed_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    # An association is noted before PCS is told, and announced once PCS has it.
    announced_at: Mapped[datetime | None] = mapped_column(AwareTime)
    cleared_at: Mapped[datetime | None] = mapped_column(AwareTime)


class ResolutionOutcome(StrEnum):
    """What an operator decided."""

    ADOPTED = "adopted"
    FAILED = "failed"


class SubmissionResolution(Base):
    """An operator's decision on what nobody else could tell: what, who, when and why."""

    __tablename__ = "submission_resolution"
    __table_args__ = (
        Index("submission_resolution_request_key", "request_id", unique=True),
        Index("submission_resolution_task_idx", "task_name", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger)
    task_name: Mapped[str] = mapped_column(String(300))
    panda_name: Mapped[str] = mapped_column(String(300))
    outcome: Mapped[ResolutionOutcome] = mapped_column(String(20))
    jedi_task_id: Mapped[int | None] = mapped_column(BigInteger)
    # The number that PCS had until then, which gives way.
    former_jedi_task_id: Mapped[int | None] = mapped_column(BigInteger)
    panda_user: Mapped[str | None] = mapped_column(String(200))
    panda_server: Mapped[str | None] = mapped_column(String(300))
    differs: Mapped[str] = mapped_column(Text, server_default="")
    reason: Mapped[str] = mapped_column(Reason)
    resolved_by: Mapped[str] = mapped_column(String(150))
    resolved_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
