"""Unpacking payload logs: what is kept, what is refused, and the bounds while reading."""

from __future__ import annotations

import gzip
import os
import random
import tarfile
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.errors import ProdOpsError
from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.archive import Unpacked, unpack
from flows.payload_logs.errors import (
    ArchiveBroken,
    ArchiveTooLarge,
    FetchTimedOut,
    NoKnownMember,
)
from tests.support.payload_logs.archives import STDOUT, archive, bomb, entry, packed, with_tricks

LIMITS = PayloadLogsSettings(
    members=("payload.stdout", "payload.stderr", "pilotlog.txt"),
    max_member_bytes=1_000_000,
    max_total_bytes=10_000_000,
    max_members=50,
)


@pytest.fixture
def unpacked(tmp_path):
    (tmp_path / "out").mkdir()

    def run(content: bytes, tick=lambda: None) -> Unpacked:
        (tmp_path / "log.tgz").write_bytes(content)
        return unpack(tmp_path / "log.tgz", tmp_path / "out", LIMITS, tick=tick)

    run.directory = tmp_path / "out"
    return run


def names(found: Unpacked) -> list[str]:
    return [each.name for each in found.members]


def test_known_members_are_kept_by_base_name_and_readable_by_all(unpacked):
    found = unpacked(
        archive({"job/payload.stdout": STDOUT, "job.json": b"{}", "./pilotlog.txt": b""})
    )
    assert [(e.name, e.path, e.size_bytes) for e in found.members] == [
        ("payload.stdout", "job/payload.stdout", len(STDOUT)), ("pilotlog.txt", "./pilotlog.txt", 0)
    ]  # fmt: skip
    assert sorted(each.name for each in unpacked.directory.iterdir()) == [
        "payload.stdout",
        "pilotlog.txt",
    ]
    assert (unpacked.directory / "payload.stdout").stat().st_mode & 0o777 == 0o644


def test_members_of_one_name_are_all_kept(unpacked):
    content = {"a/payload.stdout": b"1", "b/payload.stdout": b"2", "payload.stdout": b"3"}
    assert names(unpacked(archive(content))) == [
        "payload.stdout", "payload.stdout.2", "payload.stdout.3"
    ]  # fmt: skip
    assert (unpacked.directory / "payload.stdout.2").read_bytes() == b"2"


def test_path_tricks_links_and_devices_are_refused_by_name_and_the_rest_is_kept(unpacked):
    found = unpacked(with_tricks())
    assert [(e.name, e.path) for e in found.members] == [("payload.stdout", "job/payload.stdout")]
    assert (unpacked.directory / "payload.stdout").read_bytes() == STDOUT
    assert len(found.refused) == 8
    assert "../payload.stdout climbs out of the archive" in found.refused
    assert "dev/payload.stdout is no regular file" in found.refused


def test_an_archive_without_known_members_says_what_was_refused(unpacked):
    with pytest.raises(NoKnownMember, match=r"none of the expected log members$"):
        unpacked(archive({"job.json": b"{}"}))
    with pytest.raises(NoKnownMember, match=r"\(refused: /payload\.stdout is an absolute path\)"):
        unpacked(archive({"/payload.stdout": b"x"}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"hello, no archive", "no gzip"),
        (gzip.compress(b"no tar" * 200), "no readable tar"),
        (gzip.compress(b""), "no readable tar"),
        (archive({"payload.stdout": STDOUT})[:-12], "breaks off"),
        (archive({"payload.stdout": os.urandom(5000)})[:2000], "breaks off"),
        (archive({"payload.stdout": STDOUT})[:-6] + b"\0\0\0\0\0\0", "damaged"),
        (packed(entry("payload.stdout", b"x" * 2000)[:1000], is_ended=False), "no readable tar"),
        (packed(entry("payload.stdout", STDOUT), b"\1" * 1024), "no readable tar"),
    ],
)
def test_what_is_no_whole_archive_is_a_failure(unpacked, content, said):
    with pytest.raises(ArchiveBroken, match=said):
        unpacked(content)


@pytest.mark.parametrize("end", [{"is_ended": True}, {"is_ended": False}])
@pytest.mark.parametrize("garbage", [b"", bytes(100), b"x", b"garbage" * 50])
def test_an_archive_may_lack_its_end_mark_and_have_garbage_after_the_gzip(unpacked, end, garbage):
    content = packed(entry("payload.stdout", STDOUT), **end) + garbage
    assert names(unpacked(content)) == ["payload.stdout"]


def test_an_archive_of_several_gzip_parts_is_read_to_its_end(unpacked):
    parts = gzip.compress(entry("payload.stdout", STDOUT)), packed(entry("pilotlog.txt", b"x"))
    assert names(unpacked(b"".join(parts))) == ["payload.stdout", "pilotlog.txt"]


@pytest.mark.parametrize("name", ["payload.stdout", "core.1234"])
def test_a_zip_bomb_ends_within_its_bounds(unpacked, name):
    content = bomb(name, 50_000_000)
    tracemalloc.start()
    with pytest.raises(ArchiveTooLarge):
        unpacked(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
    assert (
        sum(each.stat().st_size for each in unpacked.directory.iterdir()) <= LIMITS.max_total_bytes
    )


def test_a_member_that_is_too_large_and_too_many_entries_are_failures(unpacked):
    with pytest.raises(ArchiveTooLarge, match=r"payload\.stdout has 1000001 bytes"):
        unpacked(archive({"payload.stdout": bytes(1_000_001)}))
    with pytest.raises(ArchiveTooLarge, match="more than 50 entries"):
        unpacked(archive({f"x{number}": b"" for number in range(51)}))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_headers_do_not_fill_the_memory(unpacked, kind):
    content = packed(entry("x", bytes(5_000_000), type=kind), entry("payload.stdout", STDOUT))
    tracemalloc.start()
    with pytest.raises(ArchiveBroken, match="header is too long"):
        unpacked(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_headers_of_headers_end(unpacked):
    nested = entry("x", b"payload.stdout\0", type=tarfile.GNUTYPE_LONGNAME) * 20_000
    with pytest.raises(ArchiveBroken):
        unpacked(packed(nested, entry("payload.stdout", STDOUT)))


def test_a_sparse_member_counts_with_all_its_zeros(unpacked):
    sparse = tarfile.TarInfo("payload.stdout")
    buffer = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    buffer[156:157] = tarfile.GNUTYPE_SPARSE
    buffer[483:495] = b"%011o\0" % 10**9  # its size with the holes
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\0 " % sum(buffer)
    with pytest.raises(ArchiveTooLarge, match=r"payload\.stdout has 1000000000 bytes"):
        unpacked(packed(bytes(buffer)))


def test_a_name_is_kept_as_text_whatever_its_bytes_are(unpacked):
    (member,) = unpacked(archive({"\udcff\n\x1b[31m/payload.stdout": b"x"})).members
    assert member.path == "\\udcff\\n\\x1b[31m/payload.stdout"


def test_the_work_ends_when_its_time_is_over(unpacked):
    def over() -> None:
        raise FetchTimedOut(180)

    with pytest.raises(FetchTimedOut, match="fetch timed out after 180s"):
        unpacked(archive({"payload.stdout": STDOUT}), tick=over)


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_damage_is_a_failure_that_says_so_or_harmless(tmp_path_factory, seed, count):
    chance = random.Random(seed)
    content = bytearray(archive({"payload.stdout": STDOUT, "pilotlog.txt": STDOUT * 9}))
    if seed % 2:
        content = bytearray(gzip.decompress(content))
    for _ in range(count):
        content[chance.randrange(len(content))] = chance.randrange(256)
    root = tmp_path_factory.mktemp("damaged")
    (root / "out").mkdir()
    (root / "log").write_bytes(gzip.compress(content, 1) if seed % 2 else content)
    with suppress(ProdOpsError):
        unpack(root / "log", root / "out", LIMITS, tick=lambda: None)
