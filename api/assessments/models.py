"""Table of the assessments: rows are added, and never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.database import AwareTime, Base, now
from flows.common.loaders import JsonObject


class Assessment(Base):
    """A text about something, by an AI that somebody asked.

    Attributes:
        username: Who registered it.
        ai: The model that wrote it, as it was said.
        is_linked: Whether the subject was found here.
    """

    __tablename__ = "ai_assessment"
    __table_args__ = (Index("ai_assessment_subject_idx", "subject_type", "subject_key", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    subject_type: Mapped[str] = mapped_column(String(50))
    subject_key: Mapped[str] = mapped_column(String(500))
    subject_label: Mapped[str] = mapped_column(String(500))
    subject_url: Mapped[str] = mapped_column(String(1000))
    username: Mapped[str] = mapped_column(String(150))
    ai: Mapped[str] = mapped_column(String(200))
    assessment: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JsonObject, server_default=text("'{}'::jsonb"))
    is_linked: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
