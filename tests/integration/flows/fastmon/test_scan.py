"""The directory scan: files that stand still are taken once, with what names and bytes say."""

from __future__ import annotations

import os
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from flows.common.database import transaction
from flows.common.models import Event
from flows.common.settings import FastmonSettings
from flows.fastmon import scan
from flows.fastmon.models import InboxStf, WatchedFile
from tests.databases import Database

pytestmark = pytest.mark.integration


def watching(directory: Path, **changes: object) -> FastmonSettings:
    base = {"watch_dirs": (str(directory),), "watch_settle_seconds": 0, "watch_namespace": "scan"}
    return FastmonSettings(**{**base, **changes})  # type: ignore[arg-type]


def names_in_inbox(database: Database) -> list[str]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(select(InboxStf.stf_filename).order_by(InboxStf.id)))


def test_a_file_is_taken_once_with_all_that_it_says(database: Database, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    path = tmp_path / "swf.100011.000001.stf"
    path.write_bytes(content)
    (tmp_path / "notes.txt").write_text("not of the pattern")
    (tmp_path / "sub.stf").mkdir()
    reports = [scan.scan(database.ops_engine, watching(tmp_path)) for _ in range(3)]
    assert [(report.seen, report.taken) for report in reports] == [(1, 1), (1, 0), (1, 0)]
    with transaction(database.ops_engine) as session:
        row = session.scalars(select(InboxStf)).one()
        event = session.scalars(select(Event)).one()
    assert (row.namespace, row.run_number, row.state) == ("scan", 100011, "waiting")
    assert event.payload["size_bytes"] == len(content)
    assert event.payload["checksum"] == f"ad:{zlib.adler32(content):08x}"
    assert event.payload["file_url"] == f"file://{path}"


def test_a_growing_file_waits_until_its_size_stands_still(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(scan, "now", lambda: clock)
    configured = watching(tmp_path, watch_settle_seconds=5)
    path = tmp_path / "run_7.stf"
    for second, size, taken in [(0, 10, 0), (4, 20, 0), (8, 20, 0), (9, 20, 1)]:
        clock = datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
        if not path.exists() or path.stat().st_size != size:
            path.write_bytes(b"x" * size)
        assert scan.scan(database.ops_engine, configured).taken == taken, second


def test_what_was_seen_outlives_the_scanner(database: Database, tmp_path: Path) -> None:
    (tmp_path / "r5.stf").write_bytes(b"x")
    scan.scan(database.ops_engine, watching(tmp_path, watch_settle_seconds=3600))
    with transaction(database.ops_engine) as session:
        seen = session.scalars(select(WatchedFile)).one()
    assert (seen.size_bytes, seen.taken_at) == (1, None)
    assert names_in_inbox(database) == []


def test_a_name_that_the_door_refuses_is_remembered_with_the_reason(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "bad\x07.stf").write_bytes(b"x")
    (tmp_path / "good.stf").write_bytes(b"x")
    report = scan.scan(database.ops_engine, watching(tmp_path))
    assert (report.taken, report.refused) == (1, 1)
    with transaction(database.ops_engine) as session:
        outcomes = {row.path[-8:]: row.outcome for row in session.scalars(select(WatchedFile))}
    assert outcomes["good.stf"] == "taken"
    assert "control characters" in str(outcomes["bad\x07.stf"])


@pytest.mark.parametrize(
    ("name", "run"),
    [("swf.100011.000001.stf", 100011), ("run_42.stf", 42), ("Run43_x.stf", 43), ("plain.stf", 9)],
)
def test_the_run_is_in_the_name_or_the_default(name: str, run: int) -> None:
    assert scan.run_number(name, watching(Path(), watch_default_run=9)) == run


@pytest.mark.parametrize(
    ("base", "url"),
    [("file://", "file:///data/x.stf"), ("root://door:1094/", "root://door:1094//data/x.stf")],
)
def test_a_url_keeps_its_slashes(base: str, url: str) -> None:
    assert scan.file_url(Path("/data/x.stf"), base) == url


def test_a_missing_directory_is_named(database: Database, tmp_path: Path) -> None:
    with pytest.raises(scan.UnreadableDirectory, match="gone"):
        scan.scan(database.ops_engine, watching(tmp_path / "gone"))
