"""Table of the messages between users and their assistants."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.database import AwareTime, Base, now


class AiMessage(Base):
    """One message of a session, by the user or by the assistant."""

    __tablename__ = "ai_memory"
    __table_args__ = (Index("ai_memory_username_idx", "username", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    username: Mapped[str] = mapped_column(String(150))
    session_id: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text)
    namespace: Mapped[str | None] = mapped_column(String(100))
    project_path: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
