"""Table of the commands to users' testbeds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.database import AwareTime, Base, now
from flows.testbed import domain
from flows.testbed.domain import CommandState, Standing


class Command(Base):
    """A command to the testbed of a user; `taken_by` is a controller, as its host and pid."""

    __tablename__ = "testbed_command"
    __table_args__ = (
        Index(
            "testbed_command_open_idx",
            "username",
            postgresql_where=text("state IN ('waiting', 'taken')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    username: Mapped[str] = mapped_column(String(100))
    verb: Mapped[str] = mapped_column(String(20))
    target: Mapped[str | None] = mapped_column(String(100))
    config: Mapped[str | None] = mapped_column(String(100))
    requested_by: Mapped[str] = mapped_column(String(150))
    requested_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    state: Mapped[str] = mapped_column(String(20), default=CommandState.WAITING)
    taken_by: Mapped[str | None] = mapped_column(String(200))
    taken_at: Mapped[datetime | None] = mapped_column(AwareTime)
    ended_at: Mapped[datetime | None] = mapped_column(AwareTime)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[str | None] = mapped_column(Text)

    def standing(self, at: datetime) -> Standing:
        """How it stands at a time."""
        return domain.standing(
            Standing(CommandState(self.state), self.error, self.ended_at),
            user=self.username,
            requested_at=self.requested_at,
            taken_at=self.taken_at,
            taken_by=self.taken_by,
            at=at,
        )
