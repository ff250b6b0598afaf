"""The routes of one kind of record: list, one, make, set, change, delete; those that it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Any, Final

from fastapi import Depends, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http.access import Reader
from api.http.errors import reading, writing
from api.http.forms import Sent, body, partial
from api.http.sessions import session_of, settings_of
from api.pcs.queries.catalogue import NoFilter
from api.pcs.routes.common import PcsRouter, Writer, by_pk
from api.pcs.services.access import Actor
from flows.common.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Records:
    """One kind of record, as REST shows it.

    Attributes:
        prefix: Of the paths of its routes, beside the router's.
        tag: Of its operations; empty: the prefix's word, or what the router has.
        name: In names of operations.
        words: As texts spell it.
        view: What a record is shown as.
        form: What may be sent of one.
        example: A body that makes one.
        changes_example: A body that changes one.
        key: The part of a path that names one.
        read_key: Reads it.
        not_one: Statuses for a key that is not that of one record.
        filters: What a list may be filtered by: a dataclass of the query's words.
        find: The records of a filter.
        get: One by its key.
        add: Makes one of what was sent.
        change: Changes one; None: there is no PATCH.
        delete: Deletes one; None: there is neither DELETE nor PUT.
        show: Views of records; None: the view's fields are the record's attributes.
        texts: Descriptions of operations, where the usual one is too little.
    """

    prefix: str = ""
    tag: str = ""
    name: str
    words: str
    view: Any
    form: type[BaseModel]
    example: dict[str, Any]
    changes_example: dict[str, Any] = field(default_factory=dict)
    key: str = "{pk}"
    read_key: Callable[..., Any] = by_pk
    not_one: Sequence[int] = (404,)
    filters: type = NoFilter
    find: Callable[[Session, Any], Sequence[Any]]
    get: Callable[[Session, Any], Any]
    add: Callable[[Session, dict[str, Any], Actor], Any]
    change: Callable[[Session, Any, dict[str, Any], Actor], Any] | None = None
    delete: Callable[[Session, Any, Actor], None] | None = None
    show: Callable[[Session, Sequence[Any], Settings], Sequence[BaseModel]] | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    def shown(self, request: Request, session: Session, rows: Sequence[Any]) -> Sequence[BaseModel]:
        """The records as an answer shows them."""
        if self.show is None:
            return [self.view.model_validate(row) for row in rows]
        return self.show(session, rows, settings_of(request))


_TEXTS: Final = {
    "list": ("List {plural}", "All as a bare array, oldest first."),
    "get": ("One {words}", "By its key."),
    "add": ("Create {a_words}", ""),
    "replace": (
        "Set the fields of {a_words}",
        "Optional fields that were not sent keep their values.",
    ),
    "change": ("Change {a_words}", "Only fields that were sent change."),
    "delete": ("Delete {a_words}", ""),
}
"""Summary and description of each operation."""


def with_article(words: str) -> str:
    """The words after `a` or `an`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def plural(words: str) -> str:
    """The words in their plural."""
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def add_routes(router: PcsRouter, of: Records) -> None:
    """Add the routes of the records to the router."""
    sent_filter, sent_key = Depends(of.filters), Depends(of.read_key)

    def list_rows(request: Request, _caller: Reader, wanted: Any = sent_filter) -> Any:
        with session_of(request) as session:
            return of.shown(request, session, of.find(session, wanted))

    def get_row(request: Request, _caller: Reader, key: Any = sent_key) -> Any:
        with session_of(request) as session:
            return of.shown(request, session, [of.get(session, key)])[0]

    def add_row(request: Request, actor: Writer, sent: Sent) -> Any:
        values = sent.read(of.form)
        with session_of(request) as session:
            return of.shown(request, session, [of.add(session, values, actor)])[0]

    many, made = GenericAlias(list, (of.view,)), body(of.form, of.example)
    _add(router, of, "list", "GET", list_rows, response_model=many, responses=reading())
    _add(router, of, "get", "GET", get_row, responses=reading(*of.not_one))
    _add(router, of, "add", "POST", add_row, status_code=201, openapi_extra=made)
    if of.change is not None:
        some = partial(of.form)
        changed, changes = _changing(of, of.change, some), body(some, of.changes_example)
        _add(router, of, "change", "PATCH", changed, openapi_extra=changes)
    if of.change is not None and of.delete is not None:
        delete, replacing = of.delete, _changing(of, of.change, of.form)

        def delete_row(request: Request, actor: Writer, key: Any = sent_key) -> None:
            with session_of(request) as session:
                delete(session, key, actor)

        _add(router, of, "replace", "PUT", replacing, openapi_extra=made)
        _add(router, of, "delete", "DELETE", delete_row, status_code=204, response_model=None)


def _changing(of: Records, change: Callable[..., Any], form: type[BaseModel]) -> Callable[..., Any]:
    sent_key = Depends(of.read_key)

    def change_row(request: Request, actor: Writer, sent: Sent, key: Any = sent_key) -> Any:
        values = sent.read(form)
        with session_of(request) as session:
            return of.shown(request, session, [change(session, key, values, actor)])[0]

    return change_row


def _add(
    router: PcsRouter,
    of: Records,
    operation: str,
    method: str,
    endpoint: Callable[..., Any],
    **options: Any,
) -> None:
    is_of_all = operation in {"list", "add"}
    summary, text = _TEXTS[operation]
    router.add_api_route(
        f"{of.prefix}/" if is_of_all else f"{of.prefix}/{of.key}/",
        endpoint,
        methods=[method],
        name=f"{operation}_{plural(of.name) if operation == 'list' else of.name}",
        tags=[of.tag or of.prefix.strip("/")] if of.prefix else None,
        summary=summary.format(
            words=of.words, a_words=with_article(of.words), plural=plural(of.words)
        ),
        description=of.texts.get(operation, text),
        **{"response_model": of.view, "responses": writing()} | options,
    )
