"""What is particular to one REST collection, and its failures in the wire's words."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http import fields
from api.http.collections import store
from api.http.collections.store import Collection, Key, Record
from api.http.errors import Rejection
from blocks.errors import Invalid
from flows.common.database import transaction


def _as_sent(_session: Session, values: dict[str, Any]) -> dict[str, Any]:
    return values


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What is particular to one collection."""

    path: str
    name: str
    words: str
    """The name in lower-case words, as texts spell it."""
    collection: Collection
    view: type[BaseModel]
    form: type[BaseModel]
    filters: dict[str, str]
    """What each filter of the collection means."""
    remove: Callable[[Session, Key], None]
    example: dict[str, Any]
    changes_example: dict[str, Any]
    removal: str
    """What else its deletion deletes, and when it may not be."""
    conflict: str
    """Why a row may not be written: the description of 409."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns of the fields that are called otherwise in the table."""
    resolve: Callable[[Session, dict[str, Any]], dict[str, Any]] = _as_sent
    """Puts keys in the place of what a body names otherwise."""

    def key(self, request: Request) -> Key:
        """The key in the request's path.

        Raises:
            Rejection: 404, where it cannot be one.
        """
        text = request.path_params["key"]
        if self.collection.key.type.python_type is uuid.UUID:
            key: Key | None = store.as_uuid(text)
        else:
            small = text.isascii() and text.isdecimal() and len(text) <= len(str(2**31))
            key = int(text) if small and int(text) <= fields.MAX_INTEGER else None
        if key is None:
            raise self.not_found()
        return key

    def not_found(self) -> Rejection:
        """404: there is none of that key."""
        return Rejection(404, {"detail": f"No {self.name} matches the given query."})

    def columns_of(self, session: Session, sent: dict[str, Any]) -> dict[str, Any]:
        """The values that were sent, by column."""
        values = self.resolve(session, sent)
        return {self.columns.get(name, name): value for name, value in values.items()}

    def shown(self, row: Record) -> BaseModel:
        """The row as an answer shows it."""
        return self.view.model_validate(row)

    @contextmanager
    def session(self, request: Request) -> Iterator[Session]:
        """One transaction of the request; what stops it is told in the wire's words."""
        try:
            with transaction(request.app.state.engine) as session:
                yield session
        except store.RecordNotFound:
            raise self.not_found() from None
        except store.AlreadyExists as error:
            text = f"{self.words} with this {error.column.replace('_', ' ')} already exists."
            raise Invalid({error.column: [text]}) from None
        except store.NoSuchParent as error:
            field_of = {column: name for name, column in self.columns.items()}
            text = fields.no_such_key(error.value)
            raise Invalid({field_of[error.column]: [text]}) from None
