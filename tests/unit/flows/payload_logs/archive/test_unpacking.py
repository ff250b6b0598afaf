"""Unpacking payload logs: what is kept, what is refused, and the bounds while reading."""

from __future__ import annotations

import gzip
import os
import random
import shutil
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
from tests.support.payload_logs.archives import (
    STDOUT,
    archive,
    bomb,
    entry,
    gnu_sparse,
    packed,
    pax_sparse,
    with_tricks,
)

LIMITS = PayloadLogsSettings(
    members=("payload.stdout", "payload.stderr", "pilotlog.txt"),
    max_member_bytes=1_000_000,
    max_total_bytes=10_000_000,
    max_members=50,
)


@pytest.fixture
def unpacked(tmp_path):
    out = tmp_path / "out"

    def run(content: bytes, tick=lambda: None, limits=LIMITS) -> Unpacked:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        (tmp_path / "log.tgz").write_bytes(content)
        run.found = unpack(tmp_path / "log.tgz", out, limits, tick=tick)
        return run.found

    run.directory = out
    return run


def names(found: Unpacked) -> list[str]:
    return [each.name for each in found.members]


def texts(unpacked, content: bytes) -> dict[str, bytes]:
    """Every file that is in the directory afterwards."""
    unpacked(content)
    return {each.name: each.read_bytes() for each in unpacked.directory.iterdir()}


def reasons(found: Unpacked) -> dict[str, str]:
    return {each.path: each.reason for each in found.unshown}


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


def test_of_members_of_one_name_the_last_has_it_and_the_earlier_ones_are_kept_apart(unpacked):
    content = {"a/payload.stdout": b"1", "b/payload.stdout": b"2", "payload.stdout": b"3"}
    assert texts(unpacked, archive(content)) == {
        "payload.stdout": b"3", "payload.stdout.1": b"1", "payload.stdout.2": b"2"
    }  # fmt: skip
    assert names(unpacked.found) == ["payload.stdout", "payload.stdout.1", "payload.stdout.2"]


@pytest.mark.parametrize(
    "path",
    ["/etc/payload.stdout", "../payload.stdout", "a/../../payload.stdout", "//payload.stdout"],
)
def test_a_name_that_is_absolute_or_climbs_is_taken_by_its_base_name(unpacked, path):
    assert texts(unpacked, archive({path: STDOUT})) == {"payload.stdout": STDOUT}
    (member,) = unpacked.found.members
    assert member.path == path
    assert [each.name for each in unpacked.directory.parent.iterdir()] == ["out", "log.tgz"]


def test_devices_directories_and_links_out_of_the_archive_are_refused_by_name(unpacked):
    found = unpacked(with_tricks())
    assert reasons(found) == {
        "payload.stdout": "is a link out of the archive, to /etc/passwd",
        "x/payload.stdout": "is a link to nothing, which is not in the archive",
        "dev/payload.stdout": "is no regular file",
        "fifo/pilotlog.txt": "is no regular file",
        "dir/pilotlog.txt": "is no regular file",
    }
    assert (unpacked.directory / "payload.stdout").read_bytes() == STDOUT


def test_an_archive_without_known_members_says_what_it_holds(unpacked):
    with pytest.raises(NoKnownMember, match=r"expected log members; it holds job\.json$"):
        unpacked(archive({"job.json": b"{}"}))
    with pytest.raises(NoKnownMember, match=r"expected log members$"):
        unpacked(packed())
    dangling = entry("payload.stdout", type=tarfile.SYMTYPE, linkname="gone")
    with pytest.raises(NoKnownMember, match=r"payload\.stdout is a link to gone, which is not in"):
        unpacked(packed(entry("job.json"), dangling))


def test_what_is_not_shown_is_listed_and_of_much_its_number(unpacked):
    found = unpacked(archive({"payload.stdout": b"", "job.json": b"{}", "core.1": b"x" * 9}))
    assert [(each.path, each.size_bytes) for each in found.unshown] == [
        ("job.json", 2), ("core.1", 9)
    ]  # fmt: skip
    limits = LIMITS.model_copy(update={"max_members": 1000})
    many = {"payload.stdout": b""} | {f"x{number}": b"" for number in range(300)}
    found = unpacked(archive(many), limits=limits)
    assert (len(found.unshown), found.unshown_count) == (100, 300)


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


def test_many_long_names_do_not_fill_the_memory(unpacked):
    name = entry("x", b"y" * 100_000, type=tarfile.GNUTYPE_LONGNAME)
    content = packed(*([name + entry("x")] * 200), entry("payload.stdout", STDOUT))
    limits = LIMITS.model_copy(update={"max_members": 1000, "max_total_bytes": 30_000_000})
    tracemalloc.start()
    found = unpacked(content, limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (names(found), found.unshown_count) == (["payload.stdout"], 200)
    assert peak < 6_000_000


def test_headers_of_headers_end(unpacked):
    nested = entry("x", b"payload.stdout\0", type=tarfile.GNUTYPE_LONGNAME) * 20_000
    with pytest.raises(ArchiveBroken):
        unpacked(packed(nested, entry("payload.stdout", STDOUT)))


# ------------------------------------------------------------------ what is written counts


def test_a_sparse_member_counts_with_all_its_zeros(unpacked):
    with pytest.raises(ArchiveTooLarge, match=r"payload\.stdout has 1000000000 bytes"):
        unpacked(packed(gnu_sparse("payload.stdout", 10**9)))


@pytest.mark.parametrize("make", [gnu_sparse, pax_sparse])
def test_holes_count_as_the_bytes_that_are_written(unpacked, make):
    content = packed(*(make(f"{number}/payload.stdout", 1_000_000) for number in range(15)))
    with pytest.raises(ArchiveTooLarge, match="unpacks to more than 10000000 bytes"):
        unpacked(content)
    written = sum(each.stat().st_size for each in unpacked.directory.iterdir())
    assert written <= LIMITS.max_total_bytes
    assert texts(unpacked, packed(make("payload.stdout", 1000))) == {"payload.stdout": bytes(1000)}


@pytest.mark.parametrize("make", [gnu_sparse, pax_sparse])
def test_the_time_is_looked_at_while_holes_are_written(unpacked, make):
    ticks = iter(range(25))

    def over() -> None:
        if next(ticks, None) is None:
            raise FetchTimedOut(180)

    with pytest.raises(FetchTimedOut):
        unpacked(packed(*(make(f"{n}/payload.stdout", 1_000_000) for n in range(9))), tick=over)


def test_a_file_that_several_names_stand_for_counts_for_each(unpacked):
    link = {"type": tarfile.LNKTYPE, "linkname": "payload.stdout"}
    content = packed(
        entry("payload.stdout", bytes(5000)), entry("payload.stderr", **link),
        entry("pilotlog.txt", **link),
    )  # fmt: skip
    with pytest.raises(ArchiveTooLarge):
        unpacked(content, limits=LIMITS.model_copy(update={"max_total_bytes": 14_999}))
    found = unpacked(content, limits=LIMITS.model_copy(update={"max_total_bytes": 15_000}))
    assert [each.size_bytes for each in found.members] == [5000, 5000, 5000]


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
