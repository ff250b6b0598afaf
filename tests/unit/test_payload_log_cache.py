"""The cache of payload logs: published whole, exchanged at once, cleaned of what dead runs left."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from flows.payload_logs import cache
from flows.payload_logs.errors import CacheUnwritable
from flows.payload_logs.exchange import exchange
from flows.payload_logs.private_directory import private_directory, remove_dead

NAMES = ("payload.stdout", "payload.stderr")


def publish(directory: Path, text: str) -> None:
    """Publish a log of two members with the same text."""
    with private_directory(directory.parent, ".left-9.", parent_mode=0o755) as private:
        for name in NAMES:
            (private / name).write_text(text)
        cache.complete(private, NAMES, {"rse": text})
        cache.publish(private, directory)


def names_in(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def read(directory: Path) -> set[str]:
    """The texts of a log, all of its files opened, in one directory, before the first is read."""
    while True:
        with suppress(FileNotFoundError):
            return read_once(directory)


def read_once(directory: Path) -> set[str]:
    opened = os.open(directory, os.O_RDONLY)
    with ExitStack() as stack:
        stack.callback(os.close, opened)
        files = [
            stack.enter_context(open(name, opener=lambda n, f: os.open(n, f, dir_fd=opened)))
            for name in (*NAMES, cache.DONE)
        ]
        texts = [each.read() for each in files]
    assert texts.pop() == "payload.stderr,payload.stdout\n"
    return set(texts)


def test_a_published_log_has_the_marks_and_modes_of_the_contract(tmp_path):
    directory = cache.directory_of(tmp_path / "public", 4711, 9)
    assert str(directory) == f"{tmp_path}/public/panda-logs/4711/9"
    publish(directory, "new")
    assert (directory / ".done").read_text() == "payload.stderr,payload.stdout\n"
    assert directory.stat().st_mode & 0o7777 == 0o2775
    assert {each.stat().st_mode & 0o777 for each in directory.glob(".*")} == {0o644}
    parents = [directory.parent, cache.root_of(tmp_path / "public"), tmp_path / "public"]
    assert {each.stat().st_mode & 0o777 for each in parents} == {0o755}
    assert cache.is_done(directory)
    assert cache.origin_of(directory) == {"rse": "new"}


def test_a_new_log_replaces_the_old_one_and_its_marks(tmp_path):
    directory = tmp_path / "4711" / "9"
    publish(directory, "old")
    cache.note_failure(directory, 2, "the door is closed")
    publish(directory, "new")
    assert read(directory) == {"new"}
    assert not (directory / cache.ERROR).exists()
    assert names_in(directory.parent) == ["9"]


def test_a_reader_finds_the_old_or_the_new_log_whole_while_several_publish(tmp_path):
    directory = tmp_path / "4711" / "9"
    publish(directory, "0.0")
    ended = threading.Event()

    def look() -> int:
        looks = 0
        while not ended.is_set() or not looks:
            assert len(read(directory)) == 1
            looks += 1
        return looks

    with ThreadPoolExecutor(4) as pool:
        reader = pool.submit(look)
        writers = [
            pool.submit(lambda mine=mine: [publish(directory, f"{mine}.{n}") for n in range(40)])
            for mine in range(3)
        ]
        for each in writers:
            each.result()
        ended.set()
        assert reader.result() > 10
    assert names_in(directory.parent) == ["9"]


def test_where_two_names_cannot_be_exchanged_the_new_log_comes_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "exchange", lambda _one, _other: False)
    directory = tmp_path / "4711" / "9"
    publish(directory, "old")
    publish(directory, "new")
    assert read(directory) == {"new"}
    assert names_in(directory.parent) == ["9"]


def test_exchange_changes_two_directories_at_once(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange names")
    assert (tmp_path / "a" / "who").read_text() == "b"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "nowhere")


def test_a_failure_is_marked_beside_what_is_there(tmp_path):
    directory = tmp_path / "public" / "4711" / "9"
    cache.note_failure(directory, 1, "closed")
    assert not cache.is_done(directory)
    publish(directory, "good")
    cache.note_failure(directory, 2, "still closed")
    told = json.loads((directory / ".error").read_text())
    assert (told["attempts"], told["last_error"], "ts" in told) == (2, "still closed", True)
    assert read(directory) == {"good"}
    assert names_in(directory) == [".done", ".error", ".origin", *sorted(NAMES)]


def test_what_cannot_be_written_is_said_with_its_place(tmp_path):
    (tmp_path / "4711").write_text("in the way")
    with pytest.raises(CacheUnwritable, match=r"cannot write .*/4711/9: "):
        cache.note_failure(tmp_path / "4711" / "9", 1, "x")


def test_members_are_found_without_the_marks_in_the_order_they_are_shown(tmp_path):
    for name in ("z.txt", "payload.stdout.2", "payload.stderr", "payload.stdout", ".done"):
        (tmp_path / name).write_text(name)
    found = [
        each["name"] for each in cache.members_in(tmp_path, ("payload.stdout", "payload.stderr"))
    ]
    assert found == ["payload.stdout", "payload.stdout.2", "payload.stderr", "z.txt"]


def test_only_numbered_directories_are_logs(tmp_path):
    root = cache.root_of(tmp_path)
    for name in ("4711/9", "4711/.left-9.x", "other/9", "4711/notes"):
        (root / name).mkdir(parents=True)
    (root / "4712").symlink_to(root / "4711")
    assert list(cache.job_directories(tmp_path)) == [(4711, 9, root / "4711" / "9")]


def test_a_log_that_is_taken_away_leaves_no_empty_task(tmp_path):
    directory = tmp_path / "4711" / "9"
    publish(directory, "old")
    cache.take_away(directory)
    cache.take_away(directory)
    assert names_in(tmp_path) == []


# ------------------------------------------------------------------ private directories


def interrupt_in_private(parent: Path) -> None:
    with private_directory(parent, "x.", parent_mode=0o700) as made:
        assert made.stat().st_mode & 0o777 == 0o700
        (made / "deep").mkdir()
        raise KeyboardInterrupt


def test_a_private_directory_is_private_and_goes_whatever_happens(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupt_in_private(tmp_path / "a" / "b")
    assert names_in(tmp_path / "a" / "b") == []


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_has_is_not(tmp_path):
    code = (
        "import os, pathlib, sys\n"
        "from flows.payload_logs.private_directory import private_directory\n"
        "with private_directory(pathlib.Path(sys.argv[1]), 'x.', parent_mode=0o700) as made:\n"
        "    (made / 'part').write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with private_directory(tmp_path, "x.", parent_mode=0o700) as living:
        assert len(names_in(tmp_path)) == 2
        assert remove_dead(tmp_path, "x.") == 1
        assert names_in(tmp_path) == [living.name]
    assert names_in(tmp_path) == []


def test_a_directory_that_is_being_cleaned_is_not_given_out(tmp_path):
    (tmp_path / "x.dead").mkdir()
    held = os.open(tmp_path / "x.dead", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert remove_dead(tmp_path, "x.") == 0
    os.close(held)
    assert remove_dead(tmp_path, "x.") == 1
