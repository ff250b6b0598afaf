"""Directories that others read: put in place at once, and cleaned of what dead runs left."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from flows.common import directories
from flows.common.directories import exchange, private_directory, remove_dead

NAMES = ("a", "b")


def publish(directory: Path, text: str) -> None:
    """Publish a directory of two files with the same text."""
    with private_directory(directory.parent, ".left-9.", parent_mode=0o755) as private:
        for name in NAMES:
            (private / name).write_text(text)
        private.chmod(0o755)
        directories.publish(private, directory)


def names_in(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def read(directory: Path) -> set[str]:
    """The texts of its files, all opened in one directory before the first is read."""
    while True:
        with suppress(FileNotFoundError):
            return read_once(directory)


def read_once(directory: Path) -> set[str]:
    opened = os.open(directory, os.O_RDONLY)
    with ExitStack() as stack:
        stack.callback(os.close, opened)
        files = [
            stack.enter_context(open(name, opener=lambda n, f: os.open(n, f, dir_fd=opened)))
            for name in NAMES
        ]
        return {each.read() for each in files}


def test_a_new_directory_replaces_the_old_one(tmp_path):
    for text in ("old", "new"):
        publish(tmp_path / "4711" / "9", text)
    assert read(tmp_path / "4711" / "9") == {"new"}
    assert names_in(tmp_path / "4711") == ["9"]


def test_a_reader_finds_the_old_or_the_new_directory_whole_while_several_publish(tmp_path):
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


def test_where_two_names_cannot_be_exchanged_the_new_one_comes_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(directories, "exchange", lambda _one, _other: False)
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


def test_a_file_is_replaced_whole_and_readable_by_all(tmp_path):
    directories.write_file(tmp_path / "a", "old")
    before = (tmp_path / "a").open()
    umask = os.umask(0o077)
    try:
        directories.write_file(tmp_path / "a", "new")
    finally:
        os.umask(umask)
    with before:
        assert before.read() == "old"
    assert (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    with pytest.raises(OSError, match="nowhere"):
        directories.write_file(tmp_path / "nowhere" / "a", "new")
    assert names_in(tmp_path) == ["a"]


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
        "from flows.common.directories import private_directory\n"
        "with private_directory(pathlib.Path(sys.argv[1]), 'x.', parent_mode=0o700) as made:\n"
        "    (made / 'part').write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with private_directory(tmp_path, "x.", parent_mode=0o700) as living:
        assert len(names_in(tmp_path)) == 2
        assert remove_dead(tmp_path, "x.") == {}
        assert names_in(tmp_path) == [living.name]
    assert names_in(tmp_path) == []


def test_a_directory_that_is_being_cleaned_is_not_given_out(tmp_path):
    (tmp_path / "x.dead").mkdir()
    held = os.open(tmp_path / "x.dead", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert remove_dead(tmp_path, "x.") == {}
    assert names_in(tmp_path) == ["x.dead"]
    os.close(held)
    assert remove_dead(tmp_path, "x.") == {}
    assert names_in(tmp_path) == []


def test_a_dead_directory_that_stays_keeps_no_other_and_is_given_out_again(tmp_path, monkeypatch):
    for name in ("x.1", "x.2", "x.3"):
        (tmp_path / name).mkdir()
    rmtree = shutil.rmtree

    def failing(path: Path) -> None:
        if path.name == "x.2":
            raise OSError("busy")
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", failing)
    for _ in range(2):  # its lock was let go
        assert [path.name for path in remove_dead(tmp_path, "x.")] == ["x.2"]
    assert names_in(tmp_path) == ["x.2"]
