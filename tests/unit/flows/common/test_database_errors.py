"""What each error of PostgreSQL, the driver and the pool is taken for."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.errors import lookup
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flows.common.database_errors import (
    DatabaseState,
    DatabaseUnavailable,
    StatementTooSlow,
    state_of,
    translated,
)

PASSING = {
    "08000": "away", "08003": "away", "08006": "away", "57P01": "away", "57P02": "away",
    "57P03": "away", "57P05": "away",
    "25006": "read_only",
    "53000": "full", "53100": "full", "58030": "full",
    "53200": "busy", "53300": "busy",
    "40001": "conflict", "40P01": "conflict", "55P03": "conflict",
}  # fmt: skip
OF_THE_STATEMENT = (
    "22003", "22P05", "23505", "25P02", "42501", "42601", "42P01", "54000", "54001", "55000",
    "XX000",
)  # fmt: skip


def of_server(code: str) -> psycopg.Error:
    return lookup(code)("said by the server")


def wrapped(error: Exception, *, is_broken: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, error, connection_invalidated=is_broken)


@pytest.mark.parametrize(("code", "state"), PASSING.items())
def test_a_state_that_passes_is_known_by_its_code_bare_or_wrapped(code: str, state: str):
    assert state_of(of_server(code)) == state
    assert state_of(wrapped(of_server(code))) == state
    with pytest.raises(DatabaseUnavailable, match="said by the server") as caught, translated():
        raise wrapped(of_server(code))
    assert caught.value.state == state
    assert caught.value.details == {"database": state}


@pytest.mark.parametrize("code", OF_THE_STATEMENT)
def test_what_is_the_statements_own_fault_stays_the_error_that_names_it(code: str):
    error = wrapped(of_server(code))
    assert state_of(error) is None
    with pytest.raises(DBAPIError, match="SELECT 1") as caught, translated():
        raise error
    assert caught.value is error


def test_a_statement_that_is_ended_for_its_time_is_no_outage():
    with pytest.raises(StatementTooSlow, match="said by the server"), translated():
        raise wrapped(of_server("57014"))


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("connection refused", DatabaseState.AWAY),
        ("the database system is starting up", DatabaseState.AWAY),
        ("sorry, too many clients already", DatabaseState.BUSY),
        ("remaining connection slots are reserved", DatabaseState.BUSY),
        ("number of parameters must be between 0 and 65535", None),
    ],
)
def test_without_a_code_the_drivers_text_decides(text: str, state: DatabaseState | None):
    assert state_of(psycopg.OperationalError(text)) == state
    assert state_of(DBAPIError(None, None, psycopg.OperationalError(text))) == state


def test_an_error_after_which_the_connection_is_gone_is_an_outage_whatever_its_code():
    assert state_of(wrapped(psycopg.InterfaceError("the connection is closed"))) is None
    for error in (of_server("XX000"), Exception("lost"), psycopg.InterfaceError("closed")):
        assert state_of(wrapped(error, is_broken=True)) is DatabaseState.AWAY


def test_a_pool_without_a_free_connection_is_busy():
    assert state_of(PoolTimeout("QueuePool limit")) is DatabaseState.BUSY


def test_errors_of_others_pass_unchanged():
    for error in (ValueError("no"), TimeoutError("no"), OSError("no")):
        assert state_of(error) is None
        with pytest.raises(type(error)), translated():
            raise error
    with pytest.raises(IntegrityError), translated():
        raise IntegrityError("INSERT", {}, of_server("23505"))
