"""What a route works with: the settings of its app, and a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from blocks.errors import Refused
from flows.common.database import make_engine, transaction, web_limits
from flows.common.settings import Settings

T = TypeVar("T")
_RESERVED: Final = 4  # twice, with the pool's overflow
_TAKEN: Final = "23505"  # PostgreSQL: unique_violation


def settings_of(request: Request) -> Settings:
    """The settings of the app that serves the request."""
    settings: Settings = request.app.state.settings
    return settings


class Reserve:
    """Connections and threads for what peers send: whoever reads, cannot take them.

    Attributes:
        engine: With a pool of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine = make_engine(pool_size=_RESERVED, limits=web_limits(settings))
        self._threads = CapacityLimiter(2 * _RESERVED)

    async def run(self, work: Callable[[Engine], T]) -> T:
        """Do some work with the engine, in one of the threads."""
        return await to_thread.run_sync(work, self.engine, limiter=self._threads)


@contextmanager
def session_of(request: Request) -> Iterator[Session]:
    """One transaction of the request.

    Raises:
        Refused: What is written was taken or used by another meanwhile.
    """
    with _session(request.app.state.engine) as session:
        yield session


async def take_in(request: Request, work: Callable[[Session], T]) -> T:
    """Do in one transaction what a peer sends, with what is reserved for that.

    Raises:
        Refused: As for :func:`session_of`.
    """

    def in_transaction(engine: Engine) -> T:
        with _session(engine) as session:
            return work(session)

    reserve: Reserve = request.app.state.reserve
    return await reserve.run(in_transaction)


async def read(request: Request, work: Callable[[Session], T]) -> T:
    """Do some reading in one transaction, off the event loop."""

    def in_transaction() -> T:
        with transaction(request.app.state.engine) as session:
            return work(session)

    return await run_in_threadpool(in_transaction)


@contextmanager
def _session(engine: Engine) -> Iterator[Session]:
    try:
        with transaction(engine) as session:
            yield session
    except IntegrityError as error:
        raise Refused(_reason(error)) from None


def _reason(error: IntegrityError) -> str:
    detail = getattr(getattr(error.orig, "diag", None), "message_detail", None) or "in the way"
    is_taken = getattr(error.orig, "sqlstate", None) == _TAKEN
    return f"It was taken meanwhile: {detail}" if is_taken else f"It is in use: {detail}"
