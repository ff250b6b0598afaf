"""A backup is restored whole, or nothing is changed; ids do not come twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployments.backup import manifest
from deployments.backup.errors import BackupUnusable, RestoreFailed, RestoreRefused
from flows.common import actions, events, requests
from flows.common.actions import Nothing
from flows.common.callers import on_ops_side
from flows.common.database import make_engine, transaction
from flows.common.models import Event, Request
from tests.integration.deployments.backup.conftest import made, restore_of

pytestmark = pytest.mark.integration


def note(database, number=1) -> int:
    with transaction(database.ops_engine) as session:
        return events.commit(session, [events.message_event({"msg_type": "note", "n": number})])[0]


def ask(engine) -> int:
    with transaction(engine) as session:
        action = actions.get("check_pipeline")
        caller = on_ops_side("anna")
        return requests.accept(session, action, Nothing(), caller=caller, source="test").id


@pytest.fixture
def engine_of(server):
    """Connects to a restored database with the ops role's rights."""
    engines = []

    def connect(name):
        passfile = server.passfiles["prodops_ops"]
        engines.append(make_engine(server.url("prodops_ops", name), passfile=passfile))
        return engines[-1]

    yield connect
    for each in engines:
        each.dispose()


def names(server) -> set[str]:
    with server.connect(server.admin, "postgres") as connection:
        like = f"{server.prodops}%"
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [like])
        return {name for [name] in found}


def test_what_was_there_is_there_and_no_id_comes_again(
    server, elsewhere, database, tmp_path, engine_of
):
    last, asked = note(database), ask(database.ops_engine)
    restored = restore_of(elsewhere, made(server, tmp_path / "b")).run(
        is_replacing=False, free_bytes=None
    )
    engine = engine_of(elsewhere.prodops)
    with transaction(engine) as session:
        said = session.get_one(Event, restored.event_id)
        assert session.get_one(Request, asked).requested_by == "anna"
        assert session.get_one(Event, last).payload["n"] == 1
    assert said.payload["last_event_id"] == last
    assert said.id > last + 1_000_000
    assert ask(engine) > asked + 1000
    assert restored.kept == ()


@pytest.mark.slow
def test_the_roles_have_the_rights_that_they_had(server, elsewhere, database, tmp_path):
    rights = "SELECT datname, datacl::text FROM pg_database WHERE datname = %s"
    granted = """
        SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
        WHERE grantee = 'prodops_web' ORDER BY 1, 2, 3
    """
    restore_of(elsewhere, made(server, tmp_path / "b")).run(is_replacing=False, free_bytes=None)
    with server.connect(server.admin, "postgres") as connection:
        [[_, acl]] = connection.execute(rights, [elsewhere.prodops]).fetchall()
        assert "prodops_web=c/prodops_ops" in acl
        assert "{=" not in acl
        assert ",=" not in acl
    found = []
    for name in (server.prodops, elsewhere.prodops):
        with server.connect(server.admin, name) as connection:
            found.append(connection.execute(granted).fetchall())
    assert found[0] == found[1] != []


@pytest.mark.slow
def test_a_database_that_holds_something_is_replaced_only_when_told_to_and_kept(
    server, elsewhere, database, tmp_path, engine_of
):
    directory = made(server, tmp_path / "b")
    restore = restore_of(elsewhere, directory)
    restore.run(is_replacing=False, free_bytes=None)
    engine = engine_of(elsewhere.prodops)
    with transaction(engine) as session:  # after the first restore
        [lost] = events.commit(session, [events.message_event({"msg_type": "note"})])
    asked = ask(engine)
    engine.dispose()
    with pytest.raises(RestoreRefused, match=r"there is something in .*--replace"):
        restore.run(is_replacing=False, free_bytes=None)
    again = restore.run(is_replacing=True, free_bytes=None)
    assert again.event_id > lost
    assert ask(engine) > asked
    engine.dispose()
    [kept] = again.kept
    assert names(elsewhere) == {elsewhere.prodops, kept}
    with transaction(engine_of(kept)) as session:
        assert session.get(Event, lost) is not None


def test_parts_that_are_connected_are_named(server, tmp_path, database):
    directory = made(server, tmp_path / "b")
    database.close()  # what other tests have left in the pools
    said = r"prodops_web from 127\.0\.0\.1 \(1\).*prodops down"
    with database.web_engine.connect(), pytest.raises(RestoreRefused, match=said):
        restore_of(server, directory).run(is_replacing=True, free_bytes=None)


@pytest.mark.parametrize(
    "spoil",
    [
        "truncated",
        pytest.param("altered", marks=pytest.mark.slow),
        pytest.param("missing", marks=pytest.mark.slow),
    ],
)
def test_a_dump_that_is_not_as_it_was_written_is_refused(server, elsewhere, tmp_path, spoil):
    dump = made(server, tmp_path / "b") / "prodops.dump"
    content = dump.read_bytes()
    spoilt = {"truncated": content[:-1], "altered": content[:-1] + bytes([content[-1] ^ 1])}
    dump.write_bytes(spoilt[spoil]) if spoil in spoilt else dump.unlink()
    with pytest.raises(BackupUnusable, match="dump"):
        restore_of(elsewhere, tmp_path / "b").run(is_replacing=True, free_bytes=None)
    assert names(elsewhere) == set()


def rewritten(directory, **values) -> None:
    found = manifest.read(directory).model_copy(update=values)
    (directory / "manifest.json").write_text(found.model_dump_json())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"revision": "9999"}, "is at revision 9999, and this version of prodops is made for"),
        pytest.param(
            {"server_version": "99.1"},
            r"of PostgreSQL 99\.1, and the server is",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_backup_of_something_newer_is_refused(server, elsewhere, tmp_path, values, said):
    directory = made(server, tmp_path / "b")
    rewritten(directory, **values)
    with pytest.raises(BackupUnusable, match=said):
        restore_of(elsewhere, directory).run(is_replacing=False, free_bytes=None)


@pytest.mark.slow
def test_a_disk_too_small_and_a_role_that_is_missing_are_said_before(server, elsewhere, tmp_path):
    restore = restore_of(elsewhere, made(server, tmp_path / "b"))
    with pytest.raises(RestoreRefused, match="the disk is too small: 1 MB are free"):
        restore.run(is_replacing=False, free_bytes=1_000_000)
    nobody = replace(elsewhere, owners={elsewhere.prodops: "nobody"})
    with pytest.raises(RestoreRefused, match="no role nobody"):
        replace(restore, server=nobody).run(is_replacing=False, free_bytes=None)


def test_a_role_that_may_not_make_databases_is_said_not_to(server, elsewhere, tmp_path):
    restore = restore_of(elsewhere, made(server, tmp_path / "b"))
    with pytest.raises(RestoreRefused, match=r"prodops_ops may not make databases.*--admin"):
        replace(restore, server=replace(elsewhere, admin="prodops_ops")).run(
            is_replacing=True, free_bytes=None
        )


@pytest.mark.slow
def test_a_dump_that_cannot_be_restored_leaves_everything_as_it_was(
    server, elsewhere, tmp_path, monkeypatch
):
    directory = made(server, tmp_path / "b")
    (directory / "prodops.dump").write_bytes(b"no dump")
    monkeypatch.setattr(manifest, "verify", manifest.read)
    with pytest.raises(RestoreFailed, match="could not be restored"):
        restore_of(elsewhere, directory).run(is_replacing=False, free_bytes=None)
    assert names(elsewhere) == set()
