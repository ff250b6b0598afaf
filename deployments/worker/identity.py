"""A worker's identity: a lock in the database, held by a session of the worker's own.

The lock ends with its session, so a dead worker holds no name, and a second one gets none.
"""

from __future__ import annotations

import time
import zlib
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import structlog

from blocks.errors import ProdOpsError
from flows.common.database_errors import DatabaseUnavailable, translated
from flows.common.models import HELD
from flows.common.notifications import NOTICED_SOON, listen_dsn

_LOCKS: Final = 0x776F726B  # "work": the advisory locks of workers' names
_ENDING_SECONDS: Final = 5.0  # how long a dead worker's session may take to end
_PRECEDENCE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.2
_HOLDER: Final = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
      AND classid = %s AND objid = %s
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
            deadline = time.monotonic() + _ENDING_SECONDS
            while not self._is_taken(self._connection):
                if time.monotonic() > deadline:
                    self._connection.close()
                    raise self._refusal()
                time.sleep(_LOOK_SECONDS)
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
        return psycopg.connect(
            listen_dsn(), autocommit=True, application_name=label, options=NOTICED_SOON
        )

    def _is_taken(self, connection: psycopg.Connection[Any]) -> bool:
        row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", self._key).fetchone()
        if row is None or not row[0]:
            return False
        self._pid = connection.info.backend_pid
        return True

    def _take_again(self, connection: psycopg.Connection[Any]) -> None:
        if self._is_taken(connection):
            return
        holder = connection.execute(_HOLDER, self._key).fetchone()
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
