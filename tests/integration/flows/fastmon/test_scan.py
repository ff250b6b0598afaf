"""The directory scan: files that stand still are taken once, with what names and bytes say."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DataError

from flows.common.database import transaction
from flows.common.models import Event
from flows.common.settings import FastmonSettings
from flows.fastmon import intake, repository, scan
from flows.fastmon.intake import Incoming
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


def test_a_missing_directory_is_named_and_hinders_no_other(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "good.stf").write_bytes(b"x")
    gone, file = tmp_path / "gone", tmp_path / "good.stf"
    configured = watching(tmp_path, watch_dirs=(str(gone), str(file), str(tmp_path)))
    with pytest.raises(scan.UnreadableDirectory, match=r"gone: No such.*good\.stf: Not a dir"):
        scan.scan(database.ops_engine, configured)
    assert names_in_inbox(database) == ["good.stf"]


def awkward(directory: Path) -> None:
    """Everything that a name of the pattern can stand for and that is no file to take."""
    (directory / os.fsdecode(b"latin-\xff.stf")).write_bytes(b"x")
    (directory / "loop.stf").symlink_to(directory / "loop.stf")
    (directory / "nothing.stf").symlink_to(directory / "away")
    (directory / "directory.stf").mkdir()
    os.mkfifo(directory / "fifo.stf")


def test_what_is_no_file_to_take_is_named_once_and_hinders_nobody(
    database: Database, tmp_path: Path
) -> None:
    awkward(tmp_path)
    (tmp_path / "good.stf").write_bytes(b"x")
    reports = [scan.scan(database.ops_engine, watching(tmp_path)) for _ in range(2)]
    assert [(each.taken, len(each.named)) for each in reports] == [(1, 5), (0, 0)]
    named = dict(each.removeprefix(f"{tmp_path}/").split(": ", 1) for each in reports[0].named)
    assert named == {
        "directory.stf": "is no regular file",
        "fifo.stf": "is no regular file",
        "latin-\\udcff.stf": "has a name that is no UTF-8",
        "loop.stf": "cannot be read: Too many levels of symbolic links",
        "nothing.stf": "is a link to nothing",
    }


def test_a_file_that_cannot_be_read_is_named_and_taken_once_it_can(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read a file of mode 000, so that it cannot be is made here."""
    (tmp_path / "locked.stf").write_bytes(b"x")
    (tmp_path / "good.stf").write_bytes(b"x")
    adler32 = scan.adler32

    def refuse(path: Path) -> str:
        if path.name == "locked.stf":
            raise PermissionError(13, "Permission denied", str(path))
        return adler32(path)

    with monkeypatch.context() as locked:
        locked.setattr(scan, "adler32", refuse)
        reports = [scan.scan(database.ops_engine, watching(tmp_path)) for _ in range(2)]
    assert [(each.taken, len(each.named)) for each in reports] == [(1, 1), (0, 0)]
    assert "locked.stf: cannot be read: Permission denied" in reports[0].named[0]
    assert scan.scan(database.ops_engine, watching(tmp_path)).taken == 1
    assert names_in_inbox(database) == ["good.stf", "locked.stf"]


def test_one_file_that_cannot_be_stored_is_refused_alone(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.stf", "bad.stf", "c.stf"):
        (tmp_path / name).write_bytes(b"x")
    take_in = intake.take_in

    def refuse(engine: Engine, messages: Sequence[Incoming], *, source: str) -> Any:
        if any(each.body["filename"] == "bad.stf" for each in messages):
            raise DataError("INSERT", None, Exception("value out of range"))
        return take_in(engine, messages, source=source)

    monkeypatch.setattr(intake, "take_in", refuse)
    reports = [scan.scan(database.ops_engine, watching(tmp_path)) for _ in range(2)]
    assert [(each.taken, each.refused) for each in reports] == [(2, 1), (0, 0)]
    assert "bad.stf: refused: value out of range" in reports[0].named[0]


def test_a_directory_that_cannot_be_resolved_is_named_and_hinders_no_other(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "good.stf").write_bytes(b"x")
    configured = watching(tmp_path, watch_dirs=("~nobody-of-that-name/data", str(tmp_path)))
    with pytest.raises(scan.UnreadableDirectory, match=r"nobody-of-that-name/data: this user"):
        scan.scan(database.ops_engine, configured)
    assert names_in_inbox(database) == ["good.stf"]


@pytest.mark.parametrize("pattern", [r"^(\w+)\.", r"^\d+|bad"], ids=["no number", "no group"])
def test_a_run_number_that_is_none_keeps_its_own_file_back(
    database: Database, tmp_path: Path, pattern: str
) -> None:
    for name in ("bad.stf", "_.stf" if "|" in pattern else "7.stf"):
        (tmp_path / name).write_bytes(b"x")
    configured = watching(tmp_path, watch_run_pattern=pattern)
    reports = [scan.scan(database.ops_engine, configured) for _ in range(2)]
    assert [(each.taken, len(each.named)) for each in reports] == [(1, 1), (0, 0)]
    assert "bad.stf: cannot be taken: " in reports[0].named[0]
    assert scan.scan(database.ops_engine, watching(tmp_path)).taken == 1


def test_a_path_that_the_database_cannot_note_is_said_and_hinders_nobody(
    database: Database, tmp_path: Path
) -> None:
    deep = tmp_path
    while len(str(deep)) < 3_500:  # an index of PostgreSQL holds up to 2,704 bytes
        deep = deep / os.urandom(120).hex()
    deep.mkdir(parents=True)
    (deep / "bad.stf").write_bytes(b"x")
    (deep / "bad-too.stf").mkdir()
    for number in range(3):
        (tmp_path / f"good{number}.stf").write_bytes(b"x")
    configured = watching(tmp_path, watch_dirs=(str(deep), str(tmp_path)))
    report = scan.scan(database.ops_engine, configured)
    assert (report.taken, report.named) == (3, ())
    assert [each.count("cannot be noted: index row") for each in report.unnoted] == [1, 1]


def test_a_fault_of_every_file_is_raised_instead_of_named_for_each(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2 * scan._MOST_AT_FAULT):
        (tmp_path / f"{number}.stf").touch()

    def fail(*_: object, **__: object) -> None:
        raise LookupError("no such table")

    monkeypatch.setattr(repository, "note_watched", fail)
    with pytest.raises(LookupError, match="no such table"):
        scan.scan(database.ops_engine, watching(tmp_path))


def test_a_directory_that_is_watched_twice_gives_each_file_once(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "good.stf").write_bytes(b"x")
    twice = watching(tmp_path, watch_dirs=(str(tmp_path), f"{tmp_path}/"))
    assert scan.scan(database.ops_engine, twice).taken == 1


@pytest.mark.slow
def test_more_files_than_a_statement_has_room_for_parameters_are_seen(
    database: Database, tmp_path: Path
) -> None:
    for number in range(66_000):
        (tmp_path / f"r1.{number:05d}.stf").touch()
    configured = watching(tmp_path, watch_settle_seconds=3600)
    for _ in range(2):
        assert scan.scan(database.ops_engine, configured).seen == 66_000
    with transaction(database.ops_engine) as session:
        assert session.scalar(select(func.count()).select_from(WatchedFile)) == 66_000


def test_no_statement_of_the_repository_grows_with_its_input(database: Database) -> None:
    names, numbers = [f"n{number}" for number in range(70_000)], list(range(70_000))
    with transaction(database.ops_engine) as session:
        assert repository.watched_files(session, names) == {}
        assert repository.known_names(session, names) == []
        assert repository._stfs(session, names) == {}
        assert repository._runs(session, numbers) == {}
