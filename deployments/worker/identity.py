"""A worker's identity: a lock in the database, held by a session of the worker's own.

The lock ends with its session, so a dead worker holds no name, and a second one gets none.
"""

from __future__ import annotations

import time
import zlib
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import structlog

from blocks.errors import ProdOpsError
from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.models import HELD
from flows.common.notifications import listen_dsn

_LOCKS: Final = 0x776F726B  # "work": the advisory locks of workers' names
_ENDING_SECONDS: Final = 5.0  # how long a dead worker's session may take to end
# and how long that of a machine that vanished: PostgreSQL finds out by keepalives, after 25 s
_VANISHED_SECONDS: Final = 40.0
_PRECEDENCE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.2
_HOLDER: Final = """
    SELECT pid, query_start FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = %s AND objid = %s
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_MAY_BE_RETAKEN: Final = """
    SELECT pg_postmaster_start_time() > clock_timestamp() - make_interval(secs => %s)
      AND EXISTS (SELECT FROM request WHERE worker = %s AND state = ANY(%s))
"""

_log = structlog.get_logger("worker")


class WorkerRuns(ProdOpsError):
    """A worker of that name runs already."""

    exit_code = 2


class Identity:
    """The name of one worker, which nobody else has on the same database while it is entered."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._key = (_LOCKS, zlib.crc32(name.encode()) & 0x7FFFFFFF)
        self._connection: psycopg.Connection[Any] | None = None
        self._pid = 0  # of the session that holds, or held, the name

    def __enter__(self) -> Self:
        """Take the name.

        Raises:
            WorkerRuns: Another worker has it.
            DatabaseUnavailable: The database does not do it now.
        """
        with translated():
            self._connection = self._connect()
            self._leave_precedence(self._connection)
            self._take(self._connection)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def keep(self) -> None:
        """See that the name is held still, and take it again where the session broke.

        Raises:
            WorkerRuns: Another worker took it meanwhile.
        """
        try:
            with translated():
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                    self._take_again(self._connection)
                self._connection.execute("SELECT 1")
        except DatabaseUnavailable as error:
            _log.warning("the worker's name waits for the database", reason=str(error).strip())
            if self._connection is not None:
                self._connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        label = f"prodops worker {self._name}"[:63]
        return psycopg.connect(listen_dsn(), autocommit=True, application_name=label)

    def _take(self, connection: psycopg.Connection[Any]) -> None:
        """Take the name, once a dead worker's session has ended; a living one asks each second."""
        began, first = time.monotonic(), self._holder(connection)
        while not self._is_taken(connection):
            waited, holder = time.monotonic() - began, self._holder(connection)
            if holder is None:  # its session has ended since
                continue
            is_silent = holder == first
            if waited > (_VANISHED_SECONDS if is_silent else _ENDING_SECONDS):
                connection.close()
                raise self._refusal()
            time.sleep(_LOOK_SECONDS)

    def _holder(self, connection: psycopg.Connection[Any]) -> tuple[int, datetime | None] | None:
        """The session that has the name, and when it last asked something."""
        row = connection.execute(_HOLDER, self._key).fetchone()
        return None if row is None else (row[0], row[1])

    def _is_taken(self, connection: psycopg.Connection[Any]) -> bool:
        row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", self._key).fetchone()
        if row is None or not row[0]:
            return False
        self._pid = connection.info.backend_pid
        return True

    def _take_again(self, connection: psycopg.Connection[Any]) -> None:
        if self._is_taken(connection):
            return
        holder = self._holder(connection)
        connection.close()  # the next look connects, and tries again
        if holder is not None and holder[0] != self._pid:
            raise self._refusal()

    def _leave_precedence(self, connection: psycopg.Connection[Any]) -> None:
        """Where the database has just started, let a worker that lived through that come first."""
        held = [each.value for each in HELD]
        deadline = time.monotonic() + _PRECEDENCE_SECONDS
        while time.monotonic() < deadline:
            wanted = (_PRECEDENCE_SECONDS, self._name, held)
            row = connection.execute(_MAY_BE_RETAKEN, wanted).fetchone()
            if row is None or not row[0]:
                return
            time.sleep(_LOOK_SECONDS)

    def _refusal(self) -> WorkerRuns:
        return WorkerRuns(
            f"a worker named {self._name} runs already on this database; "
            "set PRODOPS_WORKER_NAME to start another"
        )
