"""What a route works with: the settings of its app, and a transaction of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import Request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from blocks.errors import Refused
from flows.common.database import transaction
from flows.common.settings import Settings

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


def _reason(error: IntegrityError) -> str:
    detail = getattr(getattr(error.orig, "diag", None), "message_detail", None) or "in the way"
    is_taken = getattr(error.orig, "sqlstate", None) == _TAKEN
    return f"It was taken meanwhile: {detail}" if is_taken else f"It is in use: {detail}"
