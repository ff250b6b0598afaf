"""A full disk under the database: 503, and what was answered 201 before is still there."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text

from flows.common.database import transaction
from flows.common.models import Event
from tests.databases import Database, Server
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def small_disk(postgres: Server, database: Database) -> Iterator[None]:
    """The event table on a file system of 2 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        disk = Path(place, "disk")
        disk.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],
            capture_output=True, check=False,
        )  # fmt: skip
        if mounted.returncode:
            pytest.skip("this machine lets nobody mount a file system")
        try:
            owner = pwd.getpwuid(_owner_of(postgres))
            os.chown(disk, owner.pw_uid, owner.pw_gid)
            yield from _on_it(postgres, database, disk)
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)


def _owner_of(postgres: Server) -> int:
    admin = postgres.admin()
    with admin.connect() as connection:
        place = connection.scalar(text("SHOW data_directory"))
    admin.dispose()
    return Path(str(place)).stat().st_uid


def _on_it(postgres: Server, database: Database, disk: Path) -> Iterator[None]:
    admin = postgres.admin()
    name = f"small_{database.name}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE TABLESPACE {name} LOCATION '{disk}'"))
        connection.execute(text(f"GRANT CREATE ON TABLESPACE {name} TO prodops_ops"))
    with transaction(database.ops_engine) as session:
        session.execute(text(f"ALTER TABLE event SET TABLESPACE {name}"))
    yield
    with transaction(database.ops_engine) as session:
        session.execute(text("ALTER TABLE event SET TABLESPACE pg_default"))
    with admin.connect() as connection:
        connection.execute(text(f"DROP TABLESPACE {name}"))
    admin.dispose()


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_told_with_503_and_keeps_what_was_accepted(
    api: httpx.Client, database: Database
) -> None:
    accepted = 0
    for _ in range(300):
        body = {"msg_type": "note", "pad": os.urandom(30_000).hex()}
        answer = api.post("/api/messages/", json=body)
        if answer.status_code != 201:
            break
        accepted += 1
    assert answer.status_code == 503, answer.text
    assert "No space left" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert accepted > 5
    wait_until(lambda: "The database has no room left since" in api.get("/requests/").text, 10)
    with transaction(database.ops_engine) as session:
        assert session.scalar(select(func.count()).select_from(Event)) == accepted
