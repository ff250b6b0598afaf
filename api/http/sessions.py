"""What a route works with: the settings of its app, and a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from fastapi import Request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from blocks.errors import Refused
from flows.common.database import transaction
from flows.common.settings import Settings

T = TypeVar("T")
_TAKEN: Final = "23505"  # PostgreSQL: unique_violation


def settings_of(request: Request) -> Settings:
    """The settings of the app that serves the request."""
    settings: Settings = request.app.state.settings
    return settings


@contextmanager
def session_of(request: Request) -> Iterator[Session]:
    """One transaction of the request.

    Raises:
        Refused: What is written was taken or used by another meanwhile.
    """
    try:
        with transaction(request.app.state.engine) as session:
            yield session
    except IntegrityError as error:
        raise Refused(_reason(error)) from None


async def read(request: Request, work: Callable[[Session], T]) -> T:
    """Do some reading in one transaction, off the event loop."""

    def in_transaction() -> T:
        with transaction(request.app.state.engine) as session:
            return work(session)

    return await run_in_threadpool(in_transaction)


def _reason(error: IntegrityError) -> str:
    detail = getattr(getattr(error.orig, "diag", None), "message_detail", None) or "in the way"
    is_taken = getattr(error.orig, "sqlstate", None) == _TAKEN
    return f"It was taken meanwhile: {detail}" if is_taken else f"It is in use: {detail}"
