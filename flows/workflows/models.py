"""Table of the workflows' runs: how far each has come, and whether it is to stop."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.database import AwareTime, Base, now


class ExecutionStatus(StrEnum):
    """Status of a workflow's execution (contract section 4: `swf_workflow_executions.status`)."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATED = "terminated"


class WorkflowRun(Base):
    """An execution of a workflow by a request, beside its row in `swf_workflow_executions`.

    `messages` of its timeline have been sent: a later attempt goes on after them.
    """

    __tablename__ = "workflow_run"
    __table_args__ = (
        Index("workflow_run_open_idx", "namespace", postgresql_where=text("ended_at IS NULL")),
    )

    request_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    execution_id: Mapped[str] = mapped_column(String(100), unique=True)
    namespace: Mapped[str] = mapped_column(String(100))
    run_number: Mapped[int]
    sender: Mapped[str] = mapped_column(String(100))
    started_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    messages: Mapped[int] = mapped_column(server_default=text("0"))
    stfs: Mapped[int] = mapped_column(server_default=text("0"))
    tick: Mapped[float] = mapped_column(server_default=text("0"))
    is_run_ended: Mapped[bool] = mapped_column(server_default=text("false"))
    stop_requested_by: Mapped[str | None] = mapped_column(String(150))
    ended_at: Mapped[datetime | None] = mapped_column(AwareTime)
