"""The tags that imported requests need: found by their parameters, or made as drafts."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain.catalog_rows import RowRefused
from api.pcs.models import PhysicsCategory, Tag, TagKind
from api.pcs.services import tags
from api.pcs.services.access import Actor


class ImportTags:
    """The tags of one import."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._categories = {
            each.name.casefold(): each.digit for each in session.scalars(select(PhysicsCategory))
        }
        # A locked tag is taken before a draft, an older one before a newer.
        ordered = sorted(session.scalars(select(Tag)), key=lambda tag: (tag.status, -tag.id))
        self._known = {(TagKind(tag.kind), _key(tag.parameters)): tag for tag in ordered}

    def get(self, kind: TagKind, parameters: dict[str, Any], *, category: str = "") -> Tag:
        """The tag with these parameters, made where there is none.

        Args:
            kind: What it fixes.
            parameters: Exactly its parameters.
            category: Name of a physics tag's category.

        Raises:
            RowRefused: All nine categories have other names.
        """
        known = self._known.get((kind, _key(parameters)))
        if known is not None:
            return known
        values: dict[str, Any] = {"parameters": parameters, "description": "from an import"}
        if kind is TagKind.PHYSICS:
            values["category"] = self._category(category)
        made = tags.add_tag(self._session, kind, values, self._actor)
        self._known[kind, _key(parameters)] = made
        return made

    def _category(self, name: str) -> int:
        if (digit := self._categories.get(name.casefold())) is not None:
            return digit
        free = sorted(set(range(1, 10)) - set(self._categories.values()))
        if not free:
            raise RowRefused(f"there is no physics category {name!r}, and no digit left for it")
        made = tags.add_category(self._session, {"digit": free[0], "name": name}, self._actor)
        self._categories[name.casefold()] = made.digit
        return made.digit


def _key(parameters: dict[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)
