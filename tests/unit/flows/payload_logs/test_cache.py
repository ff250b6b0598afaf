"""The cache of payload logs: its marks, its modes, and what is found in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.common.directories import private_directory
from flows.payload_logs import cache
from flows.payload_logs.errors import CacheUnwritable
from flows.payload_logs.models import PayloadLog

NAMES = ("payload.stdout", "payload.stderr")


def publish(directory: Path, text: str) -> None:
    """Publish a log of two members with the same text."""
    with private_directory(directory.parent, ".left-9.", parent_mode=0o755) as private:
        for name in NAMES:
            (private / name).write_text(text)
        cache.publish(private, directory, NAMES, origin_of(text))


def origin_of(text: str) -> dict[str, Any]:
    members = [{"name": name, "path": name, "size_bytes": len(text)} for name in NAMES]
    return {"rse": text, "scope": "s", "lfn": "x.log.tgz", "members": members}


def names_in(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def texts_in(directory: Path) -> set[str]:
    return {(directory / name).read_text() for name in NAMES}


def test_a_published_log_has_the_marks_and_modes_of_the_contract(tmp_path):
    directory = cache.directory_of(tmp_path / "public", 4711, 9)
    assert str(directory) == f"{tmp_path}/public/panda-logs/4711/9"
    publish(directory, "new")
    assert (directory / ".done").read_text() == "payload.stderr,payload.stdout\n"
    assert directory.stat().st_mode & 0o7777 == 0o2775
    assert {each.stat().st_mode & 0o777 for each in directory.glob(".*")} == {0o644}
    parents = [directory.parent, cache.root_of(tmp_path / "public"), tmp_path / "public"]
    assert {each.stat().st_mode & 0o777 for each in parents} == {0o755}
    assert cache.is_whole(directory)
    assert cache.origin_of(directory) == origin_of("new")


def truncate(path: Path) -> None:
    path.write_bytes(b"")


def link_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("payload.stderr")


def make_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", [*NAMES, ".done"])
@pytest.mark.parametrize("lose", [Path.unlink, truncate, link_elsewhere, make_a_directory])
def test_a_log_that_lost_any_single_file_is_not_there(tmp_path, name, lose):
    directory = tmp_path / "4711" / "9"
    publish(directory, "new")
    lose(directory / name)
    assert not cache.is_whole(directory)
    publish(directory, "new")
    assert cache.is_whole(directory)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"members": {"a": 1}}',
        b'{"members": "abc"}',
        b'{"members": [1]}',
        b'{"members": [{}]}',
        b'{"members": [{"name": ["x"], "size_bytes": 1}]}',
        b'{"members": [{"name": "payload.stdout", "size_bytes": "3"}]}',
        b'{"lfn": {"a": []}}',
        b'{"lfn": "\\ud800"}',
        b'{"scope": "\\u0000"}',
        b'{"lfn": ["x"], "members": []}',
    ],
)
def test_a_damaged_origin_says_nothing_and_the_log_is_there(tmp_path, content):
    directory = tmp_path / "4711" / "9"
    publish(directory, "new")
    (directory / ".origin").write_bytes(content)
    assert cache.origin_of(directory) == {}
    assert cache.is_whole(directory, PayloadLog(lfn="x.log.tgz", members=[]))


@pytest.mark.parametrize("lose", [Path.unlink, truncate])
def test_without_its_origin_a_log_is_compared_with_what_its_row_noted(tmp_path, lose):
    directory = tmp_path / "4711" / "9"
    publish(directory, "new")
    lose(directory / ".origin")
    row = PayloadLog(pandaid=9, lfn="x.log.tgz", members=origin_of("new")["members"])
    assert cache.is_whole(directory, row)
    truncate(directory / "payload.stdout")
    assert not cache.is_whole(directory, row)
    assert cache.is_whole(directory, PayloadLog(pandaid=9, members=[]))  # as the original left it


def test_a_log_of_another_name_than_the_row_s_is_not_the_job_s(tmp_path):
    directory = tmp_path / "4711" / "9"
    publish(directory, "new")
    assert cache.is_whole(directory, PayloadLog(pandaid=9, lfn="x.log.tgz", members=[]))
    assert not cache.is_whole(directory, PayloadLog(pandaid=9, lfn="right.log.tgz", members=[]))


def test_a_new_log_replaces_the_old_one_and_its_marks(tmp_path):
    directory = tmp_path / "4711" / "9"
    publish(directory, "old")
    cache.note_failure(directory, 2, "the door is closed")
    publish(directory, "new")
    assert texts_in(directory) == {"new"}
    assert not (directory / cache.ERROR).exists()
    assert names_in(directory.parent) == ["9"]


def test_a_failure_is_marked_beside_what_is_there(tmp_path):
    directory = tmp_path / "public" / "4711" / "9"
    cache.note_failure(directory, 1, "closed")
    assert not cache.is_whole(directory)
    publish(directory, "good")
    cache.note_failure(directory, 2, "still closed")
    mark = json.loads((directory / ".error").read_text())
    assert (mark["attempts"], mark["last_error"], "ts" in mark) == (2, "still closed", True)
    assert texts_in(directory) == {"good"}
    assert names_in(directory) == [".done", ".error", ".origin", *sorted(NAMES)]


def test_what_cannot_be_written_is_said_with_its_place(tmp_path):
    (tmp_path / "4711").write_text("in the way")
    with pytest.raises(CacheUnwritable, match=r"cannot write .*/4711/9: "):
        cache.note_failure(tmp_path / "4711" / "9", 1, "x")


def test_members_are_found_without_the_marks_in_the_order_they_are_shown(tmp_path):
    names = ("z.txt", "payload.stdout.2", "payload.stdout.10", "payload.stderr", "payload.stdout")
    for name in (*names, "stray", ".origin"):
        (tmp_path / name).write_text(name)
    (tmp_path / ".done").write_text(",".join(names) + "\n")
    found = [
        each["name"] for each in cache.members_in(tmp_path, ("payload.stdout", "payload.stderr"))
    ]
    assert found == [
        "payload.stdout", "payload.stdout.2", "payload.stdout.10", "payload.stderr", "z.txt"
    ]  # fmt: skip


def test_only_numbered_directories_are_logs(tmp_path):
    root = cache.root_of(tmp_path)
    for name in ("4711/9", "4711/.left-9.x", "other/9", "4711/notes"):
        (root / name).mkdir(parents=True)
    (root / "4712").symlink_to(root / "4711")
    assert cache.numbered(root) == [root / "4711"]
    assert cache.numbered(root / "4711") == [root / "4711" / "9"]


def test_a_log_that_is_taken_away_leaves_no_empty_task(tmp_path):
    directory = tmp_path / "4711" / "9"
    publish(directory, "old")
    cache.take_away(directory)
    cache.take_away(directory)
    assert names_in(tmp_path) == []
