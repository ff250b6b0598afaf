"""Notifications of PostgreSQL: a wait that one of them ends before its time."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import Any, Self

import psycopg

from flows.common.database import connect_arguments, database_url
from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.settings import settings


def listen_dsn() -> str:
    """The connection string of a bare psycopg connection, as LISTEN needs one."""
    configured = settings().database
    plain = database_url().set(drivername="postgresql").render_as_string(hide_password=False)
    arguments = {key: str(value) for key, value in connect_arguments(configured.passfile).items()}
    return psycopg.conninfo.make_conninfo(plain, **arguments)


class NotificationListener:
    """Waits for notifications on a channel; while the database is away, by the clock alone."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def wait(self, seconds: float) -> None:
        """Return at a notification, or after `seconds`."""
        if self._connection is None or self._connection.closed:
            self._listen()
        if self._connection is None:
            time.sleep(seconds)
            return
        try:
            with translated():
                for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                    return
        except DatabaseUnavailable:
            self._connection.close()

    def _listen(self) -> None:
        self._connection = None
        with suppress(DatabaseUnavailable), translated(), ExitStack() as unused:
            connection = unused.enter_context(psycopg.connect(listen_dsn(), autocommit=True))
            connection.execute(f"LISTEN {self._channel}")
            unused.pop_all()
            self._connection = connection
