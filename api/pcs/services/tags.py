"""Physics categories and tags: numbered under a lock, changed while drafts, locked for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session, selectinload

from api.pcs.domain import tag_rules
from api.pcs.models import PhysicsCategory, Tag, TagCounter, TagKind, TagStatus
from api.pcs.services.access import Actor
from api.pcs.services.errors import BadTransition, NotOwner
from blocks.errors import Invalid, NotFound
from flows.common.database import now

_UNIQUE_CATEGORY = "physics category with this {} already exists."

# ------------------------------------------------------------------ categories


def categories(session: Session) -> list[tuple[PhysicsCategory, int]]:
    """Every category with the count of its tags, by digit."""
    counts = select(Tag.category_digit, func.count().label("tags")).group_by(Tag.category_digit)
    counted = counts.subquery()
    rows = session.execute(
        select(PhysicsCategory, func.coalesce(counted.c.tags, 0))
        .outerjoin(counted, counted.c.category_digit == PhysicsCategory.digit)
        .order_by(PhysicsCategory.digit)
    )
    return [(category, count) for category, count in rows]


def category(session: Session, digit: int) -> tuple[PhysicsCategory, int]:
    """A category with the count of its tags.

    Raises:
        NotFound: There is none of that digit.
    """
    for found, count in categories(session):
        if found.digit == digit:
            return found, count
    raise NotFound("No PhysicsCategory matches the given query.")


def add_category(session: Session, values: Mapping[str, Any], actor: Actor) -> PhysicsCategory:
    """Make a category.

    Raises:
        Invalid: Its digit or name is taken.
    """
    _refuse_taken_category(session, values)
    added = PhysicsCategory(**values, created_by=actor.name)
    session.add(added)
    session.flush()
    return added


def change_category(session: Session, digit: int, values: Mapping[str, Any]) -> None:
    """Change a category's name or description.

    Raises:
        NotFound: There is none of that digit.
        Invalid: The digit itself is to change, or the name is taken.
    """
    found, _ = category(session, digit)
    if values.get("digit", digit) != digit:
        raise Invalid({"digit": ["A category's digit cannot change."]})
    if values.get("name", found.name) != found.name:
        _refuse_taken_category(session, {"name": values["name"]})
    for name, value in values.items():
        setattr(found, name, value)
    session.flush()


def _refuse_taken_category(session: Session, values: Mapping[str, Any]) -> None:
    for name in ("digit", "name"):
        column = getattr(PhysicsCategory, name)
        if name in values and session.scalar(
            select(PhysicsCategory.digit).where(column == values[name])
        ):
            raise Invalid({name: [_UNIQUE_CATEGORY.format(name)]})


# ------------------------------------------------------------------ tags


def tags_of(session: Session, kind: TagKind, *, status: str | None = None) -> list[Tag]:
    """Every tag of a kind, by number."""
    query = select(Tag).where(Tag.kind == kind).options(selectinload(Tag.category))
    if status is not None:
        query = query.where(Tag.status == status)
    return list(session.scalars(query.order_by(Tag.tag_number)))


def tag(session: Session, kind: TagKind, number: int, *, is_locked: bool = False) -> Tag:
    """A tag, its row locked where it is to change.

    Raises:
        NotFound: There is none of that number.
    """
    query = select(Tag).where(Tag.kind == kind, Tag.tag_number == number)
    found = session.scalar(query.with_for_update() if is_locked else query)
    if found is None:
        raise NotFound(f"No {kind.name.lower()} tag {number}.")
    return found


def add_tag(session: Session, kind: TagKind, values: Mapping[str, Any], actor: Actor) -> Tag:
    """Make a draft tag with the next number of its kind.

    Raises:
        Invalid: A required parameter is missing, or there is no such category.
    """
    parameters = dict(values.get("parameters") or {})
    _check_parameters(kind, parameters)
    digit = _category_of(session, kind, values)
    number = _next_number(session, kind, digit)
    added = Tag(
        kind=kind,
        tag_number=number,
        tag_label=f"{kind}{number}",
        status=TagStatus.DRAFT,
        category_digit=digit,
        description=values.get("description", ""),
        parameters=parameters,
        created_by=actor.name,
    )
    session.add(added)
    session.flush()
    return added


def change_tag(session: Session, kind: TagKind, number: int, values: Mapping[str, Any]) -> Tag:
    """Change a draft tag's description or parameters.

    Raises:
        NotFound: There is none of that number.
        BadTransition: It is locked.
        Invalid: A required parameter is missing, or its category is to change.
    """
    found = _draft(session, kind, number)
    if values.get("category", found.category_digit) != found.category_digit:
        raise Invalid({"category": ["A tag's category is in its number, and cannot change."]})
    if "parameters" in values:
        _check_parameters(kind, values["parameters"])
        found.parameters = values["parameters"]
    found.description = values.get("description", found.description)
    found.updated_at = now()
    session.flush()
    return found


def lock_tag(session: Session, kind: TagKind, number: int) -> Tag:
    """Lock a tag for good.

    Raises:
        NotFound: There is none of that number.
        BadTransition: It is locked already.
    """
    found = _draft(session, kind, number, "Tag {} is already locked.")
    _check_parameters(kind, found.parameters)
    found.status = TagStatus.LOCKED
    found.updated_at = now()
    session.flush()
    return found


def delete_tag(session: Session, kind: TagKind, number: int, actor: Actor) -> Tag:
    """Delete a draft tag that no dataset bears.

    Raises:
        NotFound: There is none of that number.
        BadTransition: It is locked.
        NotOwner: Somebody else made it.
        IntegrityError: A dataset bears it.
    """
    found = _draft(session, kind, number)
    if found.created_by != actor.name:
        raise NotOwner
    session.delete(found)
    session.flush()
    return found


def _draft(
    session: Session, kind: TagKind, number: int, text: str = "Tag {} is locked; it cannot change."
) -> Tag:
    found = tag(session, kind, number, is_locked=True)
    if found.status == TagStatus.LOCKED:
        raise BadTransition(text.format(found.tag_label))
    return found


def _check_parameters(kind: TagKind, parameters: dict[str, Any]) -> None:
    if problems := tag_rules.parameter_problems(kind, parameters):
        raise Invalid({"parameters": problems})


def _category_of(session: Session, kind: TagKind, values: Mapping[str, Any]) -> int | None:
    if kind is not TagKind.PHYSICS:
        return None
    digit: int | None = values.get("category")
    if digit is None:
        raise Invalid({"category": ["This field is required."]})
    if session.get(PhysicsCategory, digit) is None:
        raise Invalid({"category": [f'Invalid pk "{digit}" - object does not exist.']})
    return digit


def _next_number(session: Session, kind: TagKind, digit: int | None) -> int:
    statement = pg_insert(TagCounter).values(kind=kind, last_number=1)
    number = session.scalars(
        statement.on_conflict_do_update(
            index_elements=[TagCounter.kind], set_={"last_number": TagCounter.last_number + 1}
        ).returning(TagCounter.last_number)
    ).one()
    if digit is None:
        return number
    if number > tag_rules.MAX_PHYSICS_SUFFIX:
        raise BadTransition(f"All {tag_rules.MAX_PHYSICS_SUFFIX} physics numbers are given.")
    return tag_rules.physics_number(digit, number)
