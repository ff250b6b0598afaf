"""Bad archives at a real door, and a full disk: a failure that says so, and nothing left."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.payload_logs.archive import Unshown
from tests.cases import same
from tests.support.payload_logs import fetches as payload_log_fetches
from tests.support.payload_logs.archives import STDOUT, archive, bomb, packed, with_tricks
from tests.support.payload_logs.fetches import Fetches

pytestmark = pytest.mark.integration

fetches = payload_log_fetches.fetches


@pytest.mark.parametrize(
    ("content", "said"),
    same(
        (b"<html>not found</html>", "the archive is no gzip"),
        (gzip.compress(b"no tar at all" * 100), "the archive is no readable tar"),
        (archive({"payload.stdout": os.urandom(4000)})[:3000], "the archive breaks off"),
        (archive({"job.json": b"{}"}), "tarball contained none of the expected log members"),
        (packed(), "tarball contained none of the expected log members"),
    ),
)
def test_what_is_no_log_is_a_failure_that_says_so(fetches: Fetches, content: bytes, said: str):
    order = fetches.job(content=content)
    assert said in fetches.fail(**order)
    assert sorted(each.name for each in fetches.directory(order).iterdir()) == [".error"]


def test_a_zip_bomb_ends_within_its_bounds(fetches: Fetches, monkeypatch):
    fetches.set(monkeypatch, payload_logs_max_total_bytes=20_000_000)
    order = fetches.job(content=bomb("core.1", 60_000_000))
    assert fetches.fail(**order) == "the archive unpacks to more than 20000000 bytes"
    fetches.set(monkeypatch, payload_logs_max_member_bytes=10_000_000)
    order = fetches.job(content=bomb("payload.stdout", 15_000_000))
    assert "the member payload.stdout has 15000000 bytes" in fetches.fail(**order)


def test_links_out_of_the_archive_and_devices_are_refused_and_named(fetches: Fetches):
    order = fetches.job(content=with_tricks())
    result = fetches.run(**order)
    assert fetches.files(order) == {"payload.stdout": STDOUT}
    assert len(result["refused"]) == fetches.row(order).unshown_count == 5
    assert "payload.stdout is a link out of the archive, to /etc/passwd" in result["refused"]
    assert [str(Unshown(**each)) for each in fetches.row(order).unshown] == result["refused"]
    outside = [fetches.tmp_dir, fetches.tmp_dir / "panda-logs", fetches.directory(order).parent]
    names = [each.name for directory in outside for each in directory.iterdir()]
    assert names == ["panda-logs", "4711", str(order["pandaid"])]


def test_members_of_one_name_are_both_kept_and_told_apart(fetches: Fetches):
    order = fetches.job({"a/payload.stdout": b"1", "pilotlog.txt": b"3", "b/payload.stdout": b"2"})
    fetches.run(**order)
    assert fetches.files(order) == {
        "payload.stdout": b"2", "payload.stdout.1": b"1", "pilotlog.txt": b"3"
    }  # fmt: skip
    assert [(each["name"], each["path"]) for each in fetches.row(order).members] == [
        ("payload.stdout", "b/payload.stdout"), ("payload.stdout.1", "a/payload.stdout"),
        ("pilotlog.txt", "pilotlog.txt"),
    ]  # fmt: skip


# ------------------------------------------------------------------ a full disk


@contextmanager
def small_disk(mount: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.mark.parametrize("where", ["public", pytest.param("state", marks=pytest.mark.slow)])
def test_a_full_disk_is_said_and_nothing_half_is_left(fetches: Fetches, where: str):
    order = fetches.job({"payload.stdout": os.urandom(3_000_000)})
    with small_disk(fetches.root / where):
        assert "No space left on device" in fetches.fail(**order)
        assert not (fetches.directory(order) / ".done").exists()
    fetches.run(**order)
    assert fetches.row(order).state == "ready"


def test_a_full_disk_leaves_the_log_that_was_there(fetches: Fetches):
    with small_disk(fetches.tmp_dir):
        order = fetches.job()
        fetches.run(**order)
        content = archive({"payload.stdout": os.urandom(3_000_000)})
        more = fetches.job(content=content)
        assert "No space left on device" in fetches.fail(
            **{**order, "lfn": more["lfn"]}, force=True
        )
        assert fetches.files(order)["payload.stdout"] == STDOUT
