"""Physics categories and tags: numbered under a lock, changed while drafts, then locked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from api.pcs.domain import tag_rules
from api.pcs.errors import BadTransition, NotCreator
from api.pcs.models import PhysicsCategory, Tag, TagCounter, TagKind, TagStatus
from api.pcs.queries.catalogue import tag
from api.pcs.queries.rows import by_key, require_free
from api.pcs.services import records
from api.pcs.services.access import Actor
from blocks.errors import Invalid
from flows.common.callers import Scope

# ------------------------------------------------------------------ categories


def add_category(session: Session, values: Mapping[str, Any], actor: Actor) -> PhysicsCategory:
    """Make a category.

    Raises:
        Invalid: Its digit or name is taken.
    """
    require_free(session, PhysicsCategory.digit, values["digit"])
    require_free(session, PhysicsCategory.name, values["name"])
    return records.add(session, PhysicsCategory(**values, created_by=actor.name))


def change_category(
    session: Session, digit: int, values: Mapping[str, Any], _actor: Actor
) -> PhysicsCategory:
    """Change a category's name or description.

    Raises:
        NotFound: There is none of that digit.
        Invalid: The digit itself is to change, or the name is taken.
    """
    found = by_key(session, PhysicsCategory, digit)
    if values.get("digit", digit) != digit:
        raise Invalid({"digit": ["A category's digit cannot change."]})
    if "name" in values:
        require_free(session, PhysicsCategory.name, values["name"], of=found)
    return records.change(session, found, values)


# ------------------------------------------------------------------ tags


def add_tag(session: Session, values: Mapping[str, Any], actor: Actor, *, kind: TagKind) -> Tag:
    """Make a draft tag with the next number of its kind.

    Raises:
        Invalid: A required parameter is missing, or there is no such category.
    """
    parameters = dict(values.get("parameters") or {})
    _check_parameters(kind, parameters)
    digit = _category_of(session, values) if kind is TagKind.PHYSICS else None
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
    return records.add(session, added)


def change_tag(
    session: Session, number: int, values: Mapping[str, Any], _actor: Actor, *, kind: TagKind
) -> Tag:
    """Change a draft tag's description or parameters.

    Raises:
        NotFound: There is none of that number.
        BadTransition: It is locked.
        Invalid: A required parameter is missing, or its category is to change.
    """
    found = _draft(session, kind, number, "Tag {} is locked and cannot be modified.")
    if "status" in values:
        raise BadTransition("Use the /lock/ endpoint to change status.")
    columns = dict(values)
    if columns.pop("category", found.category_digit) != found.category_digit:
        raise Invalid({"category": ["A tag's category is in its number, and cannot change."]})
    if "parameters" in columns:
        _check_parameters(kind, columns["parameters"])
    return records.change(session, found, columns)


def lock_tag(session: Session, number: int, *, kind: TagKind) -> Tag:
    """Lock a tag; nothing unlocks it.

    Raises:
        NotFound: There is none of that number.
        BadTransition: It is locked already.
    """
    found = _draft(session, kind, number, "Tag {} is already locked.")
    _check_parameters(kind, found.parameters)
    return records.change(session, found, {"status": TagStatus.LOCKED})


def delete_tag(session: Session, number: int, actor: Actor, *, kind: TagKind) -> Tag:
    """Delete a draft tag that no dataset has.

    Raises:
        NotFound: There is none of that number.
        BadTransition: It is locked.
        NotCreator: Somebody else made it.
        IntegrityError: A dataset has it.
    """
    found = _draft(session, kind, number, "Tag {} is locked and cannot be deleted.")
    if found.created_by != actor.name and not actor.caller.may(Scope.OPERATE):
        raise NotCreator(found.created_by)  # under the relaxed rules too
    records.remove(session, found)
    return found


def _draft(session: Session, kind: TagKind, number: int, text: str) -> Tag:
    found = tag(session, number, kind=kind, is_locked=True)
    if found.status == TagStatus.LOCKED:
        raise BadTransition(text.format(found.tag_label))
    return found


def _check_parameters(kind: TagKind, parameters: dict[str, Any]) -> None:
    if problems := tag_rules.parameter_problems(kind, parameters):
        raise Invalid({"parameters": problems})


def _category_of(session: Session, values: Mapping[str, Any]) -> int:
    digit: int = values["category"]
    if session.get(PhysicsCategory, digit) is None:
        raise Invalid({"category": [f"Category {digit} does not exist."]})
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
    return digit * (tag_rules.MAX_PHYSICS_SUFFIX + 1) + number
