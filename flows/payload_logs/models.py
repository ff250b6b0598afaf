"""The table of payload logs: one row for each PanDA job that was asked for. The ops side writes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.column_types import Reason
from flows.common.database import AwareTime, Base, now


class LogState(StrEnum):
    """What is known of a job's log."""

    WANTED = "wanted"
    """A request looks for it, or fetches it, right now."""
    READY = "ready"
    """Its members are in the cache."""
    FAILED = "failed"
    """The last fetch failed; what an earlier one put into the cache is still there."""
    NO_JOB = "no_job"
    """PanDA knows no such job."""
    NO_LOG = "no_log"
    """PanDA knows the job, and no log of it: it may not have ended."""
    PRUNED = "pruned"
    """It was in the cache, and was deleted for its age or for room."""


class Step(StrEnum):
    """The steps of a fetch, in their order."""

    LOOK_UP = "look_up"
    RESOLVE = "resolve"
    COPY = "copy"
    VERIFY = "verify"
    UNPACK = "unpack"
    PUBLISH = "publish"

    @property
    def number(self) -> int:
        """Its position in the order, from 1."""
        return list(Step).index(self) + 1


class LocatedBy(StrEnum):
    """Whose word it is which log the job's is."""

    PANDA = "panda"
    CALLER = "caller"
    """PanDA could not be asked: whoever wanted the log named it."""
    UNKNOWN = ""
    """Nobody's yet, or noted before this was."""


class PayloadLog(Base):
    """The log of one PanDA job."""

    __tablename__ = "payload_log"
    __table_args__ = (
        Index("payload_log_fetched_idx", "fetched_at"),
        Index("payload_log_task_idx", "jeditaskid"),
    )

    pandaid: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    jeditaskid: Mapped[int | None] = mapped_column(BigInteger)
    scope: Mapped[str | None] = mapped_column(String(25))
    lfn: Mapped[str | None] = mapped_column(String(250))
    located_by: Mapped[LocatedBy] = mapped_column(String(10), server_default="")
    # Origin of the PanDA whose word it is: a number alone names no job. None: not noted.
    panda_server: Mapped[str | None] = mapped_column(String(300))
    state: Mapped[LogState] = mapped_column(String(20))
    step: Mapped[str] = mapped_column(String(20), server_default="")
    step_text: Mapped[str] = mapped_column(Text, server_default="")
    request_id: Mapped[int | None] = mapped_column(BigInteger)
    # Fetches that failed since the last that did not.
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None] = mapped_column(Reason)
    rse: Mapped[str | None] = mapped_column(String(100))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    adler32: Mapped[str | None] = mapped_column(String(8))
    # [{"name": file in the cache, "path": in the archive, "size_bytes": n}], in the order shown.
    members: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    # [{"path": in the archive, "size_bytes": n, "reason": of a known name}]: the first of them.
    unshown: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    unshown_count: Mapped[int] = mapped_column(server_default=text("0"))
    looked_up_at: Mapped[datetime | None] = mapped_column(AwareTime)
    fetched_at: Mapped[datetime | None] = mapped_column(AwareTime)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now, onupdate=now)
