"""Messages kept and read; of each user only the newest are kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.ai_memory.models import AiMessage

MOST_KEPT: Final = 2000


def keep(session: Session, message: AiMessage) -> None:
    """Keep a message, and forget those of its user that are too many."""
    session.add(message)
    session.flush()
    newest = select(AiMessage.id).where(AiMessage.username == message.username)
    edge = newest.order_by(AiMessage.id.desc()).offset(MOST_KEPT).limit(1).scalar_subquery()
    session.execute(
        delete(AiMessage).where(AiMessage.username == message.username, AiMessage.id <= edge)
    )


def newest(
    session: Session, username: str, *, namespace: str | None, limit: int, offset: int = 0
) -> list[AiMessage]:
    """The newest messages of a user before an offset, perhaps of one namespace; oldest first."""
    wanted = select(AiMessage).where(AiMessage.username == username)
    if namespace is not None:
        wanted = wanted.where(AiMessage.namespace == namespace)
    found = session.scalars(wanted.order_by(AiMessage.id.desc()).limit(limit).offset(offset))
    return list(found)[::-1]
