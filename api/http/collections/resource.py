"""What is particular to one REST collection."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http import fields
from api.http.collections import store
from api.http.collections.store import Collection, Key


def _as_sent(_session: Session, values: dict[str, Any]) -> dict[str, Any]:
    return values


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What is particular to one collection."""

    path: str
    collection: Collection
    view: type[BaseModel]
    form: type[BaseModel]
    remove: Callable[[Session, Key], None]
    example: dict[str, Any]
    changes_example: dict[str, Any]
    removal: str
    """What else its deletion deletes, and when it may not be."""
    conflict: str
    """Why a row may not be written: the description of 409."""
    resolve: Callable[[Session, dict[str, Any]], dict[str, Any]] = _as_sent
    """Puts keys in the place of what a body names otherwise."""

    def key(self, request: Request) -> Key:
        """The key in the request's path.

        Raises:
            NotFound: It cannot be one.
        """
        text = request.path_params["key"]
        if self.collection.key.type.python_type is uuid.UUID:
            key: Key | None = store.as_uuid(text)
        else:
            small = text.isascii() and text.isdecimal() and len(text) <= len(str(2**31))
            key = int(text) if small and int(text) <= fields.MAX_INTEGER else None
        if key is None:
            raise self.collection.not_found()
        return key

    def columns_of(self, session: Session, sent: dict[str, Any]) -> dict[str, Any]:
        """The values that were sent, by column."""
        values = self.resolve(session, sent)
        columns = self.collection.columns
        return {columns.get(name, name): value for name, value in values.items()}
