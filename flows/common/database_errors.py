"""What an error of PostgreSQL means: the one classification that every part goes by.

A state of the database passes: whoever meets one waits, or is told to come again. Everything else
is the fault of the statement, and stays the driver's error, which names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import psycopg
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from blocks.errors import OutsideUnavailable, ProdOpsError


class DatabaseState(StrEnum):
    """Why the database does not do now what it will do later."""

    AWAY = "away"
    """It does not answer, is starting or stopping, or broke the connection."""
    READ_ONLY = "read_only"
    """It is a standby, or its transactions are read-only: a failover is under way."""
    FULL = "full"
    """It has no room left."""
    BUSY = "busy"
    """All its connections, or all of this process, are in use."""
    CONFLICT = "conflict"
    """Another transaction was in the way: the same again succeeds."""


_TEXTS: Final[Mapping[DatabaseState, str]] = {
    DatabaseState.AWAY: "the database is unavailable",
    DatabaseState.READ_ONLY: "the database is read-only for now",
    DatabaseState.FULL: "the database has no room left",
    DatabaseState.BUSY: "the database is busy",
    DatabaseState.CONFLICT: "another transaction was in the way",
}
_OF_CODE: Final[Mapping[str, DatabaseState]] = {
    "25006": DatabaseState.READ_ONLY,  # read_only_sql_transaction, also said by a standby
    "40001": DatabaseState.CONFLICT,  # serialization_failure
    "40P01": DatabaseState.CONFLICT,  # deadlock_detected
    "53200": DatabaseState.BUSY,  # out_of_memory
    "53300": DatabaseState.BUSY,  # too_many_connections
    "55P03": DatabaseState.CONFLICT,  # lock_not_available
    "57P01": DatabaseState.AWAY,  # admin_shutdown
    "57P02": DatabaseState.AWAY,  # crash_shutdown
    "57P03": DatabaseState.AWAY,  # cannot_connect_now
    "57P04": DatabaseState.AWAY,  # database_dropped
    "57P05": DatabaseState.AWAY,  # idle_session_timeout
    "58030": DatabaseState.FULL,  # io_error
}
_OF_CLASS: Final[Mapping[str, DatabaseState]] = {
    "08": DatabaseState.AWAY,  # connection exception
    "53": DatabaseState.FULL,  # insufficient resources
}
_OF_VALUES: Final = ("22", "54")  # data exception, program limit exceeded
_TOO_SLOW: Final = "57014"  # query_canceled
_TOO_SLOW_TEXT: Final = "it would have taken the database too long"
# libpq hands on no SQLSTATE of a connection that was refused.
_NO_CONNECTION_LEFT: Final = ("too many clients", "connection slots", "too many connections")
_BEYOND_PROTOCOL: Final = "number of parameters"  # libpq's own refusal, of class OperationalError


class DatabaseUnavailable(OutsideUnavailable):
    """PostgreSQL does not do it now; nothing was written, and what was accepted before is kept.

    Attributes:
        state: Why.
    """

    def __init__(self, reason: str, state: DatabaseState = DatabaseState.AWAY) -> None:
        self.state = state
        self.details = {"database": state.value}
        super().__init__(reason)


class StatementTooSlow(ProdOpsError):
    """A statement took longer than its role may use; it is not repeated by itself."""


@contextmanager
def translated() -> Iterator[None]:
    """Make what SQLAlchemy or the driver raises inside, on connecting and committing too, ours.

    Raises:
        DatabaseUnavailable: The database is in a state that passes.
        StatementTooSlow: PostgreSQL ended a statement for the time that it took.
    """
    try:
        yield
    except (DBAPIError, PoolTimeout, psycopg.Error) as error:
        if (state := state_of(error)) is not None:
            raise DatabaseUnavailable(f"{_TEXTS[state]}: {_first_line(error)}", state) from error
        if _code_of(error) == _TOO_SLOW:
            raise StatementTooSlow(
                f"it took the database too long: {_first_line(error)}"
            ) from error
        raise


def state_of(error: BaseException) -> DatabaseState | None:
    """The state of the database that the error shows; None where the statement is at fault."""
    if isinstance(error, PoolTimeout):
        return DatabaseState.BUSY
    if not isinstance(error, DBAPIError):
        return _state_of_driver(error)
    if error.connection_invalidated:
        return _state_of_driver(error.orig) or DatabaseState.AWAY
    if error.statement is not None and _code_of(error) is None:
        return None  # its connection lives, and the server said nothing: the driver refused it
    return _state_of_driver(error.orig)


def is_of_value(error: DBAPIError) -> bool:
    """Whether a value is at fault, that a column or an index cannot hold."""
    code = _code_of(error)
    return isinstance(error, DataError) or (code is not None and code[:2] in _OF_VALUES)


def _state_of_driver(error: BaseException | None) -> DatabaseState | None:
    if code := _code_of(error):
        return _OF_CODE.get(code) or _OF_CLASS.get(code[:2])
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    text = str(error)
    if _BEYOND_PROTOCOL in text:
        return None
    is_full = any(words in text for words in _NO_CONNECTION_LEFT)
    return DatabaseState.BUSY if is_full else DatabaseState.AWAY


def _code_of(error: BaseException | None) -> str | None:
    """The SQLSTATE that the server gave."""
    driver = error.orig if isinstance(error, DBAPIError) else error
    return driver.sqlstate if isinstance(driver, psycopg.Error) else None


def _first_line(error: BaseException) -> str:
    said = error.orig if isinstance(error, DBAPIError) else error
    return str(said).strip().split("\n", maxsplit=1)[0]
