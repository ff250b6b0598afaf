"""Tags of several kinds, found by a text or by their label."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.orm import Session, selectinload

from api.pcs.models import PhysicsCategory, Tag, TagKind
from api.pcs.queries.rows import paged
from blocks.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class TagSearch:
    """Which tags are wanted; an absent field filters nothing.

    Attributes:
        category: Name of a physics tag's category, in any case.
        text: What the label or the description holds, in any case.
        has_parameters: Whether the values of the parameters are searched for the text, too.
    """

    category: str | None = None
    status: str | None = None
    creator: str | None = None
    text: str | None = None
    has_parameters: bool = False


def search(
    session: Session, wanted: TagSearch, *, kinds: Collection[TagKind], limit: int, offset: int
) -> tuple[int, list[Tag]]:
    """How many tags of some kinds there are, and so many of them: by kind, newest number first."""
    query = select(Tag).where(Tag.kind.in_(kinds)).options(selectinload(Tag.category))
    if wanted.category is not None:
        is_named = func.lower(PhysicsCategory.name) == wanted.category.lower()
        query = query.where(Tag.category.has(is_named))
    if wanted.status is not None:
        query = query.where(Tag.status == wanted.status)
    if wanted.creator is not None:
        query = query.where(Tag.created_by == wanted.creator)
    if wanted.text is not None:
        places = [Tag.tag_label, Tag.description]
        held = [each.icontains(wanted.text, autoescape=True) for each in places]
        if wanted.has_parameters:
            held.append(cast(Tag.parameters, Text).icontains(wanted.text, autoescape=True))
        query = query.where(or_(*held))
    in_order = query.order_by(Tag.kind, Tag.tag_number.desc())
    return paged(session, in_order, limit=limit, offset=offset)


def labelled(session: Session, label: str) -> Tag:
    """The tag of a label, in any case.

    Raises:
        NotFound: There is none.
    """
    query = select(Tag).where(Tag.tag_label == label.lower()).options(selectinload(Tag.category))
    if (found := session.scalar(query)) is None:
        raise NotFound(f"No tag '{label}'; pcs_search_tags finds one by its text.")
    return found
