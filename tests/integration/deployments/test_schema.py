"""A part starts on the schema of its own version only, else it says in one line what to do."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from deployments import access, cli, schema
from deployments.migrations import compatibility
from deployments.stack import provision
from deployments.stack.errors import failed_to_start
from flows.common.database_errors import DatabaseUnavailable
from flows.common.settings import BadSetting, settings
from tests.cases import same
from tests.databases import Database
from tests.sampled_run import messages_of, sample, take_in

pytestmark = pytest.mark.integration

PARTS = ["api", "worker", "relay", "notifier", "scanner"]
MIGRATE = "run `prodops migrate`"


@pytest.fixture(autouse=True)
def surroundings(database: Database, monkeypatch, tmp_path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRODOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PRODOPS_PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("PRODOPS_FASTMON_WATCH_DIRS", str(tmp_path))
    monkeypatch.setattr("deployments.logs.configure_logging", lambda *_: None)  # it is for good
    monkeypatch.setenv("PGTZ", "UTC")
    be(database, monkeypatch, "ops")
    yield
    if access.ops_engine.cache_info().currsize:  # `migrate` keeps it as long as its process
        access.ops_engine().dispose()
        access.ops_engine.cache_clear()


def be(database: Database, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    """Connect as that role."""
    url, passfile = getattr(database, f"{role}_url"), getattr(database, f"{role}_passfile")
    monkeypatch.setenv("PRODOPS_DATABASE_URL", str(url))
    monkeypatch.setenv("PRODOPS_DATABASE_PASSFILE", str(passfile))
    settings.cache_clear()


@pytest.fixture
def refused(monkeypatch, capsys) -> Callable[..., str]:
    """Starts a command that must not start; gives its one line."""

    def start(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["prodops", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr().err
        assert (ended.value.code, said.count("\n")) == (2, 1), said
        return said

    return start


def put_at(database: Database, revision: str, oldest: str | None = None) -> None:
    values = {"revision": revision, "oldest": oldest or revision}
    with database.ops_engine.begin() as connection:
        connection.execute(
            text("UPDATE alembic_version SET version_num = :revision, oldest_code = :oldest"),
            values,
        )


@pytest.mark.parametrize("part", same(*PARTS))
@pytest.mark.parametrize(
    ("revision", "advice"),
    [("0001", MIGRATE), ("9999", "run the version that migrated it")],
    ids=["older", "newer"],
)
def test_a_part_refuses_a_schema_of_another_version(
    refused, database, monkeypatch, *, part, revision, advice
):
    put_at(database, revision)
    be(database, monkeypatch, "web" if part == "api" else "ops")
    said = refused(part)
    assert f"at revision {revision}, " in said
    assert said.endswith(f"is made for {schema.newest()}: {advice}\n")


def test_a_newer_schema_is_not_migrated_whoever_asks(refused, database, monkeypatch, capsys):
    """By hand, and by the preparation that `prodops up` ends with the words and the code of."""
    put_at(database, "9999")
    assert "cannot be migrated by this version" in refused("migrate")
    monkeypatch.setattr(sys, "argv", ["provision", "--migrate"])
    assert provision.main() == BadSetting.exit_code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    failed = failed_to_start("postgres", BadSetting.exit_code, said)
    assert (failed.exit_code, "9999" in str(failed)) == (2, True)


def test_a_newer_schema_that_works_with_this_code_is_taken_and_not_migrated(
    database, monkeypatch, capsys
):
    """A part of this version beside those of the next one, and back to this one after it."""
    put_at(database, "9999", schema.newest())
    for role in ("web", "ops"):
        be(database, monkeypatch, role)
        schema.await_schema()
    monkeypatch.setattr(sys, "argv", ["prodops", "migrate"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "of a newer version, on which this one works" in capsys.readouterr().out
    with database.ops_engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


_STRUCTURE = text("""
    SELECT table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes
    WHERE schemaname = 'public'
    UNION ALL SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', '' FROM pg_trigger
    WHERE NOT tgisinternal
    UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
""")


def prodops(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["prodops", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_way_back_and_forth_again_keeps_what_was_there(database, monkeypatch, capsys):
    """Each migration since then adds, and undoes what it added."""
    with database.ops_engine.begin() as connection:
        oldest = connection.scalar(text("SELECT oldest_code FROM alembic_version"))
        before = connection.execute(_STRUCTURE).all()
    take_in(database.ops_engine, messages_of(101, 3))
    sample(database.ops_engine)
    assert prodops(monkeypatch, "migrate", "--back-to", oldest) == 0
    assert f"the schema is that of revision {oldest} again" in capsys.readouterr().out
    with database.ops_engine.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == oldest
    assert prodops(monkeypatch, "migrate") == 0
    with database.ops_engine.begin() as connection:
        assert connection.execute(_STRUCTURE).all() == before
        counted = "SELECT number FROM fastmon_tally WHERE kind = 'tfs' AND at = '-infinity'"
        assert connection.scalar(text(counted)) == 21


@pytest.mark.parametrize("revision", ["0005", "0026"])
def test_there_is_no_way_back_to_before_something_was_taken_away(refused, database, revision):
    said = refused("migrate", "--back-to", revision)
    assert f"migrations since {revision} took something away" in said
    assert "`prodops restore`" in said
    with database.ops_engine.begin() as connection:
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
    assert at == schema.newest()


@pytest.mark.parametrize("revision", ["base", "head", "0030-9", "-1", "28", "9999", ""])
def test_a_word_that_is_no_revision_undoes_nothing(refused, database, revision):
    """Alembic would take `base` for the empty database, and `0030-9` for one that is long gone."""
    assert f"there is no revision {revision!r}" in refused("migrate", f"--back-to={revision}")
    with database.ops_engine.begin() as connection:
        at = connection.scalar(text("SELECT version_num FROM alembic_version"))
    assert at == schema.newest()


def test_only_the_version_that_made_the_schema_undoes_it(refused, database):
    put_at(database, "9999", "0027")
    assert f"undoes migrations from {schema.newest()} only" in refused(
        "migrate", "--back-to", "0027"
    )


@pytest.fixture
def migrated_by_an_older_version(database: Database) -> Iterator[None]:
    """Its schema says nothing of code."""
    with database.ops_engine.begin() as connection:
        connection.execute(text("ALTER TABLE alembic_version DROP COLUMN oldest_code"))
    yield
    with database.ops_engine.begin() as connection:
        again = text("ALTER TABLE alembic_version ADD COLUMN oldest_code varchar(32)")
        connection.execute(again)


@pytest.mark.usefixtures("migrated_by_an_older_version")
def test_a_schema_need_not_say_with_what_code_it_works(database, refused):
    schema.await_schema()
    with database.ops_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "run the version that migrated it" in refused("relay")


def test_migrating_writes_the_oldest_code_that_works_on_the_schema(database):
    config = Config()
    config.set_main_option("script_location", "deployments:migrations")
    oldest = compatibility.oldest_code(ScriptDirectory.from_config(config))
    with database.ops_engine.begin() as connection:
        written = connection.scalar(text("SELECT oldest_code FROM alembic_version"))
    assert written == oldest <= schema.newest()


def test_a_database_that_was_never_migrated_is_said_to_be(refused, database):
    with database.ops_engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    said = refused("scanner")
    assert "at revision none, " in said
    assert MIGRATE in said


def test_the_schema_of_this_version_is_taken_by_both_roles(database, monkeypatch):
    for role in ("web", "ops"):
        be(database, monkeypatch, role)
        schema.await_schema()


def test_a_database_that_does_not_answer_is_waited_for_as_long_as_is_said(monkeypatch):
    monkeypatch.setenv("PRODOPS_DATABASE_URL", "postgresql://prodops_ops@127.0.0.1:1/prodops")
    settings.cache_clear()
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        schema.await_schema(seconds=0.6)
    assert time.monotonic() - began > 0.6


def test_the_newest_revision_is_the_one_that_migrating_leads_to():
    config = Config()
    config.set_main_option("script_location", "deployments:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.newest()
