"""Tokens of the API that end soon, and which ends were announced. Nothing here commits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from flows.common.models import ApiToken
from flows.notifications.domain.expiring import Ending, Notice
from flows.notifications.models import ExpiryNotice

_JUST: Final = timedelta(days=1)  # what expired before is no news
_FORGOTTEN: Final = timedelta(days=400)


def tokens(session: Session, at: datetime, *, within_days: float) -> list[Ending]:
    """The tokens of the API that end within so many days, or have just ended."""
    row = ApiToken
    soon, just = at + timedelta(days=within_days), at - _JUST
    ending = select(row.id, row.owner, row.expires_at).where(
        row.revoked_at.is_(None), row.expires_at.between(just, soon)
    )
    return [
        Ending(credential=f"API token {each.id}", not_after=each.expires_at, owner=each.owner)
        for each in session.execute(ending)
    ]


def note(session: Session, notices: Iterable[Notice], at: datetime) -> list[Notice]:
    """Note what is announced; gives what was not announced before."""
    return [each for each in notices if _is_new(session, each, at)]


def _is_new(session: Session, notice: Notice, at: datetime) -> bool:
    new = pg_insert(ExpiryNotice).values(
        credential=notice.ending.credential,
        not_after=notice.ending.not_after,
        threshold_days=notice.threshold_days,
        at=at,
    )
    made = new.on_conflict_do_nothing().returning(ExpiryNotice.at)
    return session.scalar(made) is not None


def forget(session: Session, at: datetime) -> None:
    """Forget the notices of what expired long ago."""
    session.execute(delete(ExpiryNotice).where(ExpiryNotice.not_after < at - _FORGOTTEN))
