"""Copies, listings and checksums from real doors, and what doors do on their bad days."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from blocks.x509_proxy import ProxyExpired
from blocks.xrootd_storage import (
    AuthenticationFailed,
    ChecksumMismatch,
    DestinationFailed,
    DoorClosed,
    DoorStalled,
    ReplicaMissing,
    ReplicaRefused,
    SizeMismatch,
    StorageError,
    StoredFile,
    TransferBroken,
    UnknownHost,
    XrootdAccess,
    XrootdLimits,
    checksums,
    copy,
    list_directories,
)
from tests.cases import same
from tests.grid import RunningGrid
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

CONTENT = os.urandom(5 << 20)
ADLER32 = f"{zlib.adler32(CONTENT):08x}"
GSI, OPEN = "BNL-XRD", "EIC-XRD"
LIMITS = XrootdLimits(
    connection_window_seconds=2, request_timeout_seconds=2, stream_timeout_seconds=2,
    stall_seconds=4, wall_seconds=30,
)  # fmt: skip
SPARSE_BYTES = 2 << 30
"""Takes the copier longer than it takes to tell of progress."""


@pytest.fixture
def access(grid: RunningGrid) -> XrootdAccess:
    return XrootdAccess(proxy_file=grid.proxy, ca_dir=grid.ca_dir)


@pytest.fixture
def lfn(campaign: str) -> str:
    return f"/LOG/{campaign}/a.log.tgz"


@pytest.fixture
def destination(tmp_path: Path) -> Iterator[Path]:
    """Where the copy goes; after the test no child of it is left."""
    path = tmp_path / "copy"
    yield path
    path.unlink(missing_ok=True)
    assert not [
        each for each in psutil.process_iter(["ppid", "cmdline"])
        if each.info["ppid"] == os.getpid() and "copier.py" in " ".join(each.info["cmdline"] or [])
    ]  # fmt: skip


@pytest.fixture
def sparse(grid: RunningGrid, lfn: str) -> Iterator[str]:
    """The PFN of a file that takes a while."""
    grid.put(OPEN, lfn, b"")
    path = grid.door_path(OPEN, lfn)
    os.truncate(path, SPARSE_BYTES)
    yield grid.pfn(OPEN, lfn)
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("rse", [GSI, OPEN])
def test_a_copy_is_whole_private_and_checked(grid, access, lfn, destination, rse):
    grid.put(rse, lfn, CONTENT)
    copied = copy(
        grid.pfn(rse, lfn), destination, access=access, limits=LIMITS,
        expected_size=len(CONTENT), expected_adler32=ADLER32,
    )  # fmt: skip
    assert (copied.size_bytes, copied.adler32) == (len(CONTENT), ADLER32)
    assert destination.read_bytes() == CONTENT
    assert destination.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [0, *same((2 << 20) + 1, 1, (2 << 20) - 1, 2 << 20)])
def test_any_size_is_copied(grid, access, lfn, destination, size):
    grid.put(OPEN, lfn, CONTENT[:size])
    copied = copy(grid.pfn(OPEN, lfn), destination, access=access, limits=LIMITS)
    assert copied.size_bytes == size
    assert destination.read_bytes() == CONTENT[:size]


def test_a_plain_file_is_copied_where_that_is_wished(grid, lfn, destination, tmp_path):
    plain = tmp_path / "a log.tgz"
    plain.write_bytes(CONTENT)
    access = XrootdAccess(schemes=("root", "file"))
    copied = copy(plain.as_uri(), destination, access=access, limits=LIMITS)
    assert copied.adler32 == ADLER32
    with pytest.raises(ReplicaMissing):
        copy(f"{plain.as_uri()}.none", tmp_path / "other", access=access, limits=LIMITS)


def failure(pfn: str, destination: Path, access: XrootdAccess, **more: object) -> StorageError:
    with pytest.raises(StorageError) as raised:
        copy(pfn, destination, access=access, limits=LIMITS, **more)  # type: ignore[arg-type]
    assert not destination.exists()
    assert raised.value.pfn == pfn
    return raised.value


def test_a_wrong_size_or_checksum_leaves_nothing(grid, access, lfn, destination):
    grid.put(OPEN, lfn, CONTENT)
    pfn = grid.pfn(OPEN, lfn)
    short = failure(pfn, destination, access, expected_size=len(CONTENT) + 1)
    assert isinstance(short, SizeMismatch)
    wrong = failure(pfn, destination, access, expected_adler32="00000001")
    assert isinstance(wrong, ChecksumMismatch)


def test_a_missing_file_a_directory_and_a_refused_one_are_told_apart(
    grid, access, lfn, destination
):
    grid.put(GSI, lfn, CONTENT)
    pfn = grid.pfn(GSI, lfn)
    stranger = XrootdAccess(proxy_file=grid.strangers_proxy, ca_dir=grid.ca_dir)
    assert isinstance(failure(pfn + ".none", destination, access), ReplicaMissing)
    assert isinstance(failure(pfn.rpartition("/")[0], destination, access), ReplicaMissing)
    assert isinstance(failure(pfn, destination, stranger), ReplicaRefused)


def test_without_a_proxy_or_trust_there_is_no_agreement_and_an_expired_proxy_is_named(
    grid, lfn, destination, tmp_path
):
    pfn = grid.pfn(GSI, lfn)
    nobody = XrootdAccess(ca_dir=grid.ca_dir)
    distrustful = XrootdAccess(proxy_file=grid.proxy, ca_dir=tmp_path)
    expired = XrootdAccess(proxy_file=grid.expired_proxy, ca_dir=grid.ca_dir)
    assert isinstance(failure(pfn, destination, nobody), AuthenticationFailed)
    assert isinstance(failure(pfn, destination, distrustful), AuthenticationFailed)
    with pytest.raises(ProxyExpired):
        copy(pfn, destination, access=expired, limits=LIMITS)


def test_a_closed_door_and_an_unknown_host_are_told_at_once(grid, access, lfn, destination):
    begun = time.monotonic()
    with grid.closed("door-open"):
        closed = failure(grid.pfn(OPEN, lfn), destination, access)
    unknown = failure("root://no-such-host.invalid:1094//a", destination, access)
    assert (type(closed), type(unknown)) == (DoorClosed, UnknownHost)
    assert time.monotonic() - begun < 30


@pytest.mark.slow
def test_a_door_that_stalls_before_the_copy_is_told_within_the_limit(
    grid, access, lfn, destination
):
    grid.put(OPEN, lfn, CONTENT)
    begun = time.monotonic()
    with grid.stalled("door-open"):
        stalled = failure(grid.pfn(OPEN, lfn), destination, access)
    assert isinstance(stalled, DoorStalled)
    assert time.monotonic() - begun < 30


def in_the_middle(act: Callable[[], object]) -> Callable[[int], None]:
    """What does something once, when the first bytes have come."""
    done: list[int] = []

    def on_progress(size_bytes: int) -> None:
        if not done:
            done.append(size_bytes)
            act()

    return on_progress


def test_a_door_that_stalls_in_the_middle_is_told_and_leaves_nothing(
    grid, access, sparse, destination
):
    with ExitStack() as stack:
        stall = in_the_middle(lambda: stack.enter_context(grid.stalled("door-open")))
        assert isinstance(failure(sparse, destination, access, on_progress=stall), DoorStalled)


def test_a_door_that_dies_in_the_middle_breaks_the_copy_and_leaves_nothing(
    grid, access, sparse, destination
):
    with ExitStack() as stack:
        die = in_the_middle(lambda: stack.enter_context(grid.closed("door-open")))
        error = failure(sparse, destination, access, on_progress=die)
    assert isinstance(error, TransferBroken)


def test_a_file_cut_during_the_copy_is_broken(grid, access, sparse, lfn, destination):
    path = grid.door_path(OPEN, lfn)
    cut = in_the_middle(lambda: os.truncate(path, 1 << 20))
    assert isinstance(failure(sparse, destination, access, on_progress=cut), TransferBroken)


def test_a_copy_that_takes_too_long_is_ended(grid, access, sparse, destination):
    brief = XrootdLimits(wall_seconds=0.3)
    with pytest.raises(DoorStalled, match=r"not done after 0\.3 s"):
        copy(sparse, destination, access=access, limits=brief)
    assert not destination.exists()


def test_a_caller_that_gives_up_leaves_nothing(grid, access, sparse, destination):
    def give_up(_size_bytes: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(sparse, destination, access=access, limits=LIMITS, on_progress=give_up)
    assert not destination.exists()


def test_a_process_that_is_killed_leaves_neither_its_copier_nor_a_copy(sparse, destination):
    program = """
import os, signal, sys
from pathlib import Path
from blocks.xrootd_storage import XrootdAccess, XrootdLimits, copy
copy(sys.argv[1], Path(sys.argv[2]), access=XrootdAccess(), limits=XrootdLimits(),
     on_progress=lambda size: os.kill(os.getpid(), signal.SIGKILL))
"""
    arguments = [sys.executable, "-c", program, sparse, str(destination)]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    wait_until(lambda: not _copiers_of(destination) and not destination.exists())


def _copiers_of(destination: Path) -> list[psutil.Process]:
    return [
        each for each in psutil.process_iter(["cmdline"])
        if str(destination) in (each.info["cmdline"] or [])
    ]  # fmt: skip


def test_what_is_there_already_is_not_overwritten(grid, access, lfn, destination):
    destination.write_text("mine")
    with pytest.raises(DestinationFailed, match="exists"):
        copy(grid.pfn(OPEN, lfn), destination, access=access, limits=LIMITS)
    assert destination.read_text() == "mine"


@pytest.mark.parametrize("rse", [GSI, OPEN])
def test_files_below_directories_are_listed_with_sizes_and_absent_ones_are_told(
    grid, access, campaign, rse
):
    top = f"/EVGEN/{campaign}"
    for name, size in (("one/a.root", 3), ("one/deep/er/b.root", 5), ("two/c.root", 1)):
        grid.put(rse, f"{top}/{name}", CONTENT[:size])
    urls = [grid.pfn(rse, f"{top}/{name}") for name in ("one", "none", "two")]
    one, none, two = list_directories(urls, access=access, limits=LIMITS)
    assert one == [
        StoredFile(f"/eic{top}/one/a.root", 3), StoredFile(f"/eic{top}/one/deep/er/b.root", 5),
    ]  # fmt: skip
    assert isinstance(none, ReplicaMissing)
    assert none.pfn == urls[1]
    assert two == [StoredFile(f"/eic{top}/two/c.root", 1)]


def test_a_door_that_does_not_answer_ends_a_listing(access, grid, campaign):
    urls = [grid.pfn(OPEN, f"/EVGEN/{campaign}"), "root://no-such-host.invalid:1094//a"]
    answers = list_directories(urls, access=access, limits=LIMITS)
    assert isinstance(next(answers), ReplicaMissing)
    with pytest.raises(UnknownHost) as failure:
        next(answers)
    assert failure.value.pfn == urls[1]


def test_a_checksum_is_the_server_s_or_made_from_a_plain_file(grid, access, lfn):
    grid.put(GSI, lfn, CONTENT)
    assert list(checksums([grid.pfn(GSI, lfn)], access=access, limits=LIMITS)) == [ADLER32]
    with pytest.raises(ReplicaMissing):
        list(checksums([grid.pfn(GSI, lfn + ".none")], access=access, limits=LIMITS))
    plain, path = XrootdAccess(schemes=("file",)), grid.door_path(GSI, lfn).as_uri()
    assert list(checksums([path], access=plain, limits=LIMITS)) == [ADLER32]


def test_many_checksums_take_one_child_and_the_one_that_fails_is_named(grid, access, lfn):
    for number in range(3):
        grid.put(GSI, f"{lfn}.{number}", b"x" * number)
    pfns = [grid.pfn(GSI, f"{lfn}.{number}") for number in range(3)]
    sums = list(checksums(pfns, access=access, limits=LIMITS))
    assert sums == [f"{zlib.adler32(b'x' * number):08x}" for number in range(3)]
    absent = grid.pfn(GSI, f"{lfn}.none")
    with pytest.raises(ReplicaMissing) as failure:
        list(checksums([pfns[0], absent, pfns[1]], access=access, limits=LIMITS))
    assert failure.value.pfn == absent
