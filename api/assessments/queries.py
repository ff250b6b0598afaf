"""Which assessments there are, newest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from api.assessments.models import Assessment

_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which assessments a list shows; an absent field filters nothing."""

    subject_type: str | None = None
    subject_key: str | None = None
    username: str | None = None


def page(session: Session, wanted: Filter, limit: int, offset: int) -> tuple[int, list[Assessment]]:
    """How many match, and so many of them from an offset on."""
    values = {name: value for name, value in vars(wanted).items() if value is not None}
    query = select(Assessment).filter_by(**values)
    count = session.scalar(select(func.count()).select_from(query.subquery()))
    newest = query.order_by(Assessment.id.desc()).limit(limit).offset(offset)
    return count or 0, list(session.scalars(newest))


def shown_of(session: Session, subjects: Collection[tuple[str, str]]) -> Sequence[Assessment]:
    """The newest few about any of the subjects, each a type and a key."""
    about = tuple_(Assessment.subject_type, Assessment.subject_key)
    query = select(Assessment).where(about.in_(list(subjects)))
    return session.scalars(query.order_by(Assessment.id.desc()).limit(_SHOWN)).all()
