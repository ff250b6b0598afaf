"""PostgreSQL in every state that passes: what is said of it, and that connections heal alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psutil
import psycopg
import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError, OperationalError

from deployments.stack.credentials import Credentials
from deployments.stack.postgres import instance_of
from deployments.stack.stack import Stack
from flows.common import database as database_module
from flows.common.database import Limits, among, make_engine, migrate, rows_among, transaction
from flows.common.database_errors import (
    DatabaseState,
    DatabaseUnavailable,
    StatementTooSlow,
    translated,
)
from flows.common.notifications import NotificationListener, listen_dsn
from flows.common.settings import BadSetting
from flows.fastmon.models import FirstStf
from tests.databases import Database, Server
from tests.stacks import running_stack
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

WRITE = text("INSERT INTO fastmon_first_stf VALUES ('ns', 1, 'a.stf')")
LARGEST_PARAMETERS = 65_535
_READ_ONLY = "ALTER DATABASE {} SET default_transaction_read_only {}"


@contextmanager
def read_only(postgres: Server, name: str) -> Iterator[None]:
    """The database takes no writes from connections that are made meanwhile."""
    admin = postgres.admin()
    try:
        with admin.connect() as connection:
            connection.execute(text(_READ_ONLY.format(name, "= on")))
        yield
    finally:
        with admin.connect() as connection:
            connection.execute(text(_READ_ONLY.format(name, "TO DEFAULT")))
        admin.dispose()


def test_a_session_is_of_no_use_after_its_transaction_and_takes_no_connection(database: Database):
    with transaction(database.ops_engine) as session:
        session.execute(WRITE)
    with pytest.raises(InvalidRequestError, match="closed"):
        session.scalar(select(FirstStf.run_number))
    assert database.ops_engine.pool.checkedout() == 0


@pytest.mark.parametrize(("seconds", "connections"), [(database_module.RECYCLE_SECONDS, 1), (0, 2)])
def test_a_connection_older_than_that_is_made_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch, seconds: int, connections: int
):
    monkeypatch.setattr(database_module, "RECYCLE_SECONDS", seconds)
    engine = make_engine(database.ops_engine.url)
    try:
        assert len({backend(engine), backend(engine)}) == connections
    finally:
        engine.dispose()


def backend(engine: Engine) -> int:
    with transaction(engine) as session:
        return int(session.scalar(text("SELECT pg_backend_pid()")) or 0)


def write(engine: Engine) -> None:
    with transaction(engine) as session:
        session.execute(WRITE)
        session.rollback()


def read(engine: Engine) -> int:
    with transaction(engine) as session:
        return int(session.scalar(text("SELECT count(*) FROM fastmon_first_stf")) or 0)


def state_when(engine: Engine, statement: str) -> DatabaseState:
    with pytest.raises(DatabaseUnavailable) as caught, transaction(engine) as session:
        session.execute(text(statement))
    return caught.value.state


@contextmanager
def raising(postgres: Server, name: str, code: str) -> Iterator[None]:
    """Every commit after an insert into `fastmon_first_stf` fails with that code."""
    admin = postgres.admin(name)
    with admin.connect() as connection:
        connection.execute(
            text(f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END $$""")
        )
        connection.execute(
            text("""
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON fastmon_first_stf
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()""")
        )
    try:
        yield
    finally:
        with admin.connect() as connection:
            connection.execute(text("DROP FUNCTION refuse CASCADE"))
        admin.dispose()


def test_a_read_only_database_is_read_refuses_writes_and_heals_without_an_error(
    postgres: Server, database: Database
):
    engine = database.ops_engine
    with read_only(postgres, database.name):
        engine.dispose()
        assert read(engine) == 0
        with pytest.raises(DatabaseUnavailable, match="read-only for now") as caught:
            write(engine)
        assert caught.value.state is DatabaseState.READ_ONLY
        assert read(engine) == 0  # with a new connection, read-only as well
    with engine.connect() as first, engine.connect():
        wait_until(lambda: connection_age(first) > 1.1)
    write(engine)


def connection_age(connection: object) -> float:
    return float(
        connection.scalar(
            text("""
        SELECT extract(epoch FROM clock_timestamp() - backend_start)
        FROM pg_stat_activity WHERE pid = pg_backend_pid()""")
        )
    )  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Standby:
    """A server in recovery, that nobody feeds."""

    server: Server

    @classmethod
    def made_of(cls, stack: Stack) -> Standby:
        """The stack's PostgreSQL, started anew as a standby."""
        standby = cls(server_of(stack))
        standby.do("ALTER SYSTEM SET wal_level = replica")
        standby.start_anew(stack)
        (instance_of(stack.settings).data / "standby.signal").touch()
        standby.start_anew(stack)
        return standby

    def start_anew(self, stack: Stack) -> None:
        """Let supervisord start it again, without completing its databases."""
        before = stack.pid("postgres")
        os.kill(before, signal.SIGINT)
        wait_until(lambda: self.answers() and stack.pid("postgres") != before)

    def answers(self) -> bool:
        try:
            return bool(self.do("SELECT true"))
        except OperationalError:
            return False

    def do(self, statement: str) -> object:
        admin = self.server.admin()
        with admin.connect() as connection:
            result = connection.execute(text(statement))
            value = result.scalar() if result.returns_rows else None
        admin.dispose()
        return value


def server_of(stack: Stack) -> Server:
    return Server(stack.settings.database.port, Credentials(stack.state_dir / "secrets"))


@pytest.mark.slow
def test_a_standby_reads_and_its_connections_write_once_it_is_promoted():
    with running_stack(parts=("postgres",)) as stack:
        standby = Standby.made_of(stack)
        server = standby.server
        engine = make_engine(server.url("prodops_ops", "prodops"), passfile=server.credentials.ops)
        assert read(engine) == 0
        for statement in (WRITE.text, "SELECT nextval('event_id_seq')", "LISTEN something"):
            assert state_when(engine, statement) is DatabaseState.READ_ONLY
        assert standby.do("SELECT pg_promote()")
        write(engine)
        engine.dispose()


@pytest.mark.parametrize(
    ("code", "state"),
    [("53100", "full"), ("25006", "read_only"), ("40001", "conflict"), ("57P01", "away")],
)
def test_what_a_commit_meets_is_told_as_well(
    postgres: Server, database: Database, code: str, state: str
):
    with raising(postgres, database.name, code):
        assert state_when(database.ops_engine, WRITE.text) == state
    write(database.ops_engine)


def test_a_pool_that_is_exhausted_is_busy(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("flows.common.database._POOL_SECONDS", 0.05)
    engine = make_engine(database.ops_url, passfile=database.ops_passfile, pool_size=1)
    with engine.connect(), engine.connect():
        assert state_when(engine, "SELECT 1") is DatabaseState.BUSY
        with pytest.raises(DatabaseUnavailable, match="busy"), translated(), engine.connect():
            pass
    assert read(engine) == 0
    engine.dispose()


def test_a_server_without_a_free_connection_is_busy(postgres: Server, database: Database):
    admin = postgres.admin()
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0"))
    database.ops_engine.dispose()
    assert state_when(database.ops_engine, "SELECT 1") is DatabaseState.BUSY
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1"))
    admin.dispose()
    assert read(database.ops_engine) == 0


def test_two_that_wait_for_each_other_are_a_conflict(database: Database):
    states = []
    both = threading.Barrier(2)

    def lock(first: int, second: int) -> None:
        try:
            with transaction(database.ops_engine) as session:
                session.execute(text(f"SELECT pg_advisory_xact_lock({first})"))
                both.wait()
                session.execute(text(f"SELECT pg_advisory_xact_lock({second})"))
        except DatabaseUnavailable as error:
            states.append(error.state)

    threads = [threading.Thread(target=lock, args=pair) for pair in ((1, 2), (2, 1))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert states == [DatabaseState.CONFLICT]


def test_more_parameters_than_the_protocol_has_are_the_statements_own_fault(database: Database):
    many = tuple(range(LARGEST_PARAMETERS + 1))
    statement = f"SELECT {', '.join(['%s'] * len(many))}"
    with (
        pytest.raises(OperationalError, match="number of parameters"),
        transaction(database.ops_engine) as session,
    ):
        session.connection().exec_driver_sql(statement, many)
    assert read(database.ops_engine) == 0


def test_one_parameter_holds_more_values_than_the_protocol_has_room_for(database: Database):
    many = [f"name {number}" for number in range(LARGEST_PARAMETERS + 1)]
    with transaction(database.ops_engine) as session:
        session.execute(WRITE)
        name = FirstStf.stf_filename
        assert session.scalars(select(name).where(among(name, [*many, "a.stf"]))).all() == ["a.stf"]
        assert session.scalars(select(name).where(~among(name, many))).all() == ["a.stf"]
        assert session.scalars(select(name).where(among(name, []))).all() == []
        session.rollback()


def test_an_array_for_each_column_holds_more_rows_than_the_protocol_has_room_for(
    database: Database,
):
    columns = (FirstStf.run_number, FirstStf.stf_filename)
    there = (1, "a.stf")
    many = [(number, "a.stf") for number in range(2, LARGEST_PARAMETERS)]
    query = select(FirstStf.stf_filename)
    with transaction(database.ops_engine) as session:
        session.execute(WRITE)
        assert session.scalars(query.where(rows_among(columns, [*many, there]))).all() == ["a.stf"]
        assert session.scalars(query.where(~rows_among(columns, many))).all() == ["a.stf"]
        assert session.scalars(query.where(rows_among(columns, [(1, "b.stf")]))).all() == []
        assert session.scalars(query.where(rows_among(columns, []))).all() == []
        session.rollback()


def test_a_row_that_no_index_takes_is_the_statements_own_fault(database: Database):
    with transaction(database.ops_engine) as session:
        session.execute(text("CREATE TABLE wide (a text PRIMARY KEY)"))
    long = text(
        "INSERT INTO wide SELECT string_agg(md5(n::text), '') FROM generate_series(1, 3000) n"
    )
    with pytest.raises(DBAPIError, match="index row"), transaction(database.ops_engine) as session:
        session.execute(long)


def test_a_statement_beyond_its_roles_time_is_ended_and_no_outage(database: Database):
    engine = limited(database, statement_seconds=0.1, idle_seconds=60)
    with pytest.raises(StatementTooSlow), transaction(engine) as session:
        session.execute(text("SELECT pg_sleep(60)"))
    assert read(engine) == 0
    engine.dispose()


def test_a_transaction_that_stands_idle_beyond_its_roles_time_is_given_up(database: Database):
    database.close()  # what other tests have left in the pools
    engine = limited(database, statement_seconds=60, idle_seconds=0.1)
    with ExitStack() as idle:
        session = idle.enter_context(transaction(engine))
        session.execute(text("SELECT 1"))
        wait_until(lambda: not sessions(database, "prodops_web"))
        with pytest.raises(DBAPIError, match=r"terminat|idle"):
            session.execute(text("SELECT 1"))
        session.rollback()
    assert read(engine) == 0
    engine.dispose()


@pytest.mark.parametrize("limits", [None, Limits(lock_seconds=60)])
def test_postgresql_asks_soon_whether_the_machine_of_a_session_is_there(
    database: Database, limits: Limits | None
):
    """Else it keeps the transaction of one that was cut off, and its locks, for two hours."""
    engine = make_engine(limits=limits)
    with transaction(engine) as session:
        found = [
            session.scalar(text("SELECT current_setting(:name)"), {"name": name})
            for name in ("tcp_keepalives_idle", "tcp_keepalives_count", "tcp_user_timeout")
        ]
    engine.dispose()
    with psycopg.connect(listen_dsn()) as bare:
        row = bare.execute("SHOW tcp_keepalives_idle").fetchone()
    assert (found, row) == (["10", "3", "25000"], ("10",))


def test_a_lock_that_another_holds_is_a_state_that_passes(database: Database):
    engine = limited(database, lock_seconds=0.05)
    with transaction(database.ops_engine) as session:
        session.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
        assert state_when(engine, "SELECT count(*) FROM event") is DatabaseState.CONFLICT
    assert read(engine) == 0
    engine.dispose()


def limited(database: Database, **seconds: float) -> Engine:
    limits = Limits(**seconds)
    return make_engine(database.web_url, passfile=database.web_passfile, limits=limits)


def sessions(database: Database, role: str) -> int:
    with transaction(database.ops_engine) as session:
        return int(
            session.scalar(
                text("""SELECT count(*) FROM pg_stat_activity
                        WHERE usename = :role AND datname = :name"""),
                {"role": role, "name": database.name},
            )
            or 0
        )


@pytest.mark.slow
def test_a_server_that_does_not_answer_a_new_connection_is_away():
    with running_stack(parts=("postgres",)) as stack:
        server = server_of(stack)
        engine = make_engine(server.url("prodops_ops", "prodops"), passfile=server.credentials.ops)
        assert read(engine) == 0
        engine.dispose()  # who is connected has a process of its own there
        postmaster = psutil.Process(stack.pid("postgres"))
        postmaster.send_signal(signal.SIGSTOP)
        try:
            assert state_when(engine, "SELECT 1") is DatabaseState.AWAY
        finally:
            postmaster.send_signal(signal.SIGCONT)
        assert read(engine) == 0
        engine.dispose()


def test_a_listener_waits_by_the_clock_while_it_may_not_listen(
    postgres: Server, database: Database
):
    admin = postgres.admin()
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0"))
    with NotificationListener("something") as listener:
        listener.wait(0.01)
        with admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1"))
        listener.wait(0.01)
        with psycopg.connect(listen_dsn(), autocommit=True) as other:
            other.execute("NOTIFY something")
        listener.wait(60)
    admin.dispose()


# ------------------------------------------------------------------ its schema


@pytest.mark.parametrize("revision", ["9999", "abcdef012345"])
def test_a_schema_of_a_newer_version_is_left_alone_and_named_in_a_line(database, revision):
    version = database.ops_engine
    with version.begin() as connection:
        ours = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": revision})
    url = database.ops_url.render_as_string(hide_password=False)
    try:
        with pytest.raises(BadSetting, match=revision) as refused:
            migrate(url, database.ops_passfile)
    finally:
        with version.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": ours})
    assert "\n" not in str(refused.value)
