"""Which of several bridges on one database works: the one that holds a lock of the database.

The lock ends with its session, so a dead bridge holds none.
"""

from __future__ import annotations

from typing import Any, Final, Self

import psycopg

from blocks.errors import ProdOpsError
from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.notifications import NOTICED_SOON, listen_dsn

_LOCK: Final = 0x62726964  # "brid"
_TAKE: Final = "SELECT pg_try_advisory_lock(%s)"


class AnotherBridgeWorks(ProdOpsError):
    """The lock is another bridge's."""


class SingletonLock:
    """The lock, held as long as its session stands."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def keep(self) -> None:
        """Take the lock, or see that it is still ours, and take it again where the session broke.

        Raises:
            AnotherBridgeWorks: Another bridge has it.
            DatabaseUnavailable: Nobody knows; while the database is away, nobody has it.
        """
        try:
            with translated():
                if self._connection is None:
                    self._take()
                else:
                    self._connection.execute("SELECT 1")
        except DatabaseUnavailable:
            self.release()
            raise

    def release(self) -> None:
        """Give it up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _take(self) -> None:
        connection = psycopg.connect(listen_dsn(), autocommit=True, options=NOTICED_SOON)
        row = connection.execute(_TAKE, [_LOCK]).fetchone()
        if row is None or not row[0]:
            connection.close()
            raise AnotherBridgeWorks("another bridge works on this database; this one stands by")
        self._connection = connection
