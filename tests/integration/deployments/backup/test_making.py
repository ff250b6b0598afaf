"""A backup is whole and private, or it is not there."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from deployments.backup import making, manifest
from deployments.backup.errors import BackupFailed, BackupUnusable, ProgramsMissing
from deployments.backup.programs import Programs, programs_for
from deployments.schema import newest
from flows.common import events
from flows.common.database import transaction
from tests.integration.deployments.backup.conftest import made

pytestmark = pytest.mark.integration


def test_a_backup_says_of_what_it_is_and_is_its_users_alone(server, database, tmp_path):
    with transaction(database.ops_engine) as session:
        [number] = events.commit(session, [events.message_event({"msg_type": "note"})])
    directory = made(server, tmp_path / "b")
    found = manifest.verify(directory)
    assert (found.revision, found.newest_event_id) == (newest(), number)
    assert 0 <= found.skew_seconds < 5
    modes = {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert (stat.S_IMODE(directory.stat().st_mode), modes) == (0o700, {0o600})


@pytest.mark.slow
def test_no_password_and_no_key_is_in_it(server, database, tmp_path):
    token = database.create_token("anna")
    content = b"".join(path.read_bytes() for path in made(server, tmp_path / "b").iterdir())
    for passfile in server.passfiles.values():
        assert passfile.read_text().rstrip().rpartition(":")[2].encode() not in content
    assert token.encode() not in content


def test_a_directory_that_is_there_is_not_touched(server, tmp_path):
    with pytest.raises(BackupUnusable, match="is there already"):
        made(server, tmp_path)


def test_a_dump_that_fails_leaves_nothing(server, tmp_path, monkeypatch):
    broken = tmp_path / "bin"
    broken.mkdir()
    program = broken / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump: error: the server went away' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(making, "programs_for", lambda *_: Programs(broken, 99))
    with pytest.raises(BackupFailed, match="the server went away"):
        made(server, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_database_that_was_never_migrated_is_said_to_be(server, elsewhere, tmp_path):
    with server.connect(server.admin, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {elsewhere.prodops} OWNER prodops_ops")
    with pytest.raises(BackupUnusable, match="never migrated"):
        made(elsewhere, tmp_path / "b")


def test_programs_older_than_the_server_are_not_used():
    with pytest.raises(ProgramsMissing, match="postgresql-client-99"):
        programs_for(99, None)


@pytest.mark.slow
def test_prefects_state_is_the_older_one(server, tmp_path):
    """A run that only Prefect knew could be taken for another's."""
    both = replace(server, owners={**server.owners, "prefect": "prefect"})
    found = manifest.verify(made(both, tmp_path / "b"))
    assert set(found.databases) == {"prodops", "prefect"}
    assert found.skew_seconds > 0
