"""What only one process does at a time on a database: whoever holds its lock.

A lock ends with its session, so a dead process holds none.
"""

from __future__ import annotations

import zlib
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.notifications import listen_dsn

_LOCKS: Final = 0x6F6E6C79  # "only": the advisory locks of what there is one of
_TAKE: Final = "SELECT pg_try_advisory_lock(%s, %s)"


class Singletons:
    """The locks of one process, in one session of the database."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._held: set[str] = set()
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over = True
        self.release()

    def holds(self, name: str) -> bool:
        """Whether this process is the one; takes the lock where nobody has it.

        Raises:
            DatabaseUnavailable: Nobody knows; while the database is away, nobody has it.
        """
        try:
            with translated():
                if self._connection is None:
                    self._connection = psycopg.connect(listen_dsn(), autocommit=True)
                if name in self._held:
                    self._connection.execute("SELECT 1")  # the session stands, and the lock with it
                elif self._take(self._connection, name):
                    self._held.add(name)
        except DatabaseUnavailable:
            self.release()
            raise
        finally:
            if self._is_over:  # a thread was still at it
                self.release()
        return name in self._held

    def release(self) -> None:
        """Give all of them up."""
        self._held.clear()
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _take(self, connection: psycopg.Connection[Any], name: str) -> bool:
        row = connection.execute(_TAKE, [_LOCKS, zlib.crc32(name.encode()) & 0x7FFFFFFF]).fetchone()
        return row is not None and bool(row[0])
