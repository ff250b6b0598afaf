"""Tables of the bus: messages taken, messages set aside, and the publisher's position."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Identity, Index, LargeBinary, String, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.database import AwareTime, Base, now


class SetAsideState(StrEnum):
    """What became of a message that was set aside."""

    OPEN = "open"
    """Nobody has decided yet."""
    RETRY = "retry"
    """The bridge is to take it again."""
    RETRIED = "retried"
    """It was taken after all."""
    DROPPED = "dropped"
    """Somebody decided that it is of no use."""


class SeenMessage(Base):
    """A message that was taken, by what it is recognised when it is delivered again."""

    __tablename__ = "bus_seen"
    __table_args__ = (Index("bus_seen_at_idx", "at"),)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    at: Mapped[datetime] = mapped_column(AwareTime)


class SetAsideMessage(Base):
    """A message that could not be used, with the reason; kept until somebody decides.

    Of one that is too large the begin is kept; that cannot be retried.
    """

    __tablename__ = "bus_set_aside"
    __table_args__ = (
        Index("bus_set_aside_open_idx", "id", postgresql_where=text("state IN ('open', 'retry')")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    destination: Mapped[str] = mapped_column(String(255))
    message_id: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[SetAsideState] = mapped_column(String(20), default=SetAsideState.OPEN)
    settled_by: Mapped[str | None] = mapped_column(String(150))
    settled_at: Mapped[datetime | None] = mapped_column(AwareTime)

    @property
    def is_whole(self) -> bool:
        """Whether all of its body was kept."""
        return len(self.body) == self.size_bytes


class BusPosition(Base):
    """Up to which event the topic has everything, and who we are there: one row."""

    __tablename__ = "bus_position"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)
    instance: Mapped[uuid.UUID] = mapped_column(Uuid)
