"""Links in an archive: those within it stand for a file of it, the others are refused by name."""

from __future__ import annotations

import tarfile

import pytest

from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.archive import Unpacked, unpack
from tests.support.payload_logs.archives import STDOUT, entry, packed

LIMITS = PayloadLogsSettings(
    members=("payload.stdout", "payload.stderr"), max_total_bytes=1_000_000, max_members=50
)
HARD, SYMBOLIC = tarfile.LNKTYPE, tarfile.SYMTYPE


@pytest.fixture
def texts(tmp_path):
    def run(*entries: bytes) -> dict[str, bytes]:
        (tmp_path / "out").mkdir()
        (tmp_path / "log.tgz").write_bytes(packed(*entries))
        run.found = unpack(tmp_path / "log.tgz", tmp_path / "out", LIMITS, tick=lambda: None)
        return {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()}

    return run


def link(name: str, target: str, kind: bytes = SYMBOLIC) -> bytes:
    return entry(name, type=kind, linkname=target)


def reasons(found: Unpacked) -> dict[str, str]:
    return {each.path: each.reason for each in found.unshown}


@pytest.mark.parametrize(
    "entries",
    [
        [entry("log/stdout.txt", STDOUT), link("payload.stdout", "log/stdout.txt", HARD)],
        [entry("./log/x", STDOUT), link("payload.stdout", "log/x", HARD)],
        [entry("job/x", STDOUT), link("job/payload.stdout", "x")],
        [link("job/payload.stdout", "../log/x"), entry("log/x", STDOUT)],
        [entry("x", STDOUT), link("y", "x"), link("payload.stdout", "./a/../y")],
        [entry("x", STDOUT), link("y", "x", HARD), link("payload.stdout", "y", HARD)],
        [entry("/x", STDOUT), link("payload.stdout", "/x", HARD)],
    ],
    ids=["hard", "dotted", "sibling", "forward", "chain", "hard chain", "absolute within"],
)
def test_a_link_within_the_archive_stands_for_the_file_that_it_leads_to(texts, entries):
    assert texts(*entries) == {"payload.stdout": STDOUT}
    assert all(not each.reason for each in texts.found.unshown)
    assert "x" not in reasons(texts.found)


def test_a_link_to_another_known_member_is_a_member_too(texts):
    found = texts(entry("payload.stdout", STDOUT), link("payload.stderr", "payload.stdout", HARD))
    assert found == {"payload.stdout": STDOUT, "payload.stderr": STDOUT}


def test_a_member_and_a_link_to_it_under_the_same_name_are_one(texts):
    found = texts(
        entry("a/payload.stdout", b"1"), entry("b/payload.stdout", b"2"),
        link("payload.stdout", "a/payload.stdout"),
    )  # fmt: skip
    assert found == {"payload.stdout": b"1", "payload.stdout.1": b"2"}


def test_a_hard_link_stands_for_what_had_the_path_before_it(texts):
    found = texts(
        entry("x", b"former"), link("payload.stdout", "x", HARD), link("payload.stderr", "x"),
        entry("x", b"later"),
    )  # fmt: skip
    assert found == {"payload.stdout": b"former", "payload.stderr": b"later"}


def test_a_link_to_its_own_path_is_the_file_that_was_there(texts):
    assert texts(entry("payload.stdout", STDOUT), link("payload.stdout", "payload.stdout", HARD))
    assert texts.found.unshown == ()


@pytest.mark.parametrize(
    ("target", "kind", "reason"),
    [
        ("/etc/passwd", SYMBOLIC, "is a link out of the archive, to /etc/passwd"),
        ("../../etc/passwd", SYMBOLIC, "is a link out of the archive, to ../etc/passwd"),
        ("../x", HARD, "is a link out of the archive, to ../x"),
        ("gone", SYMBOLIC, "is a link to job/gone, which is not in the archive"),
        ("gone", HARD, "is a link to gone, which is not in the archive"),
        ("payload.stdout", SYMBOLIC, "is a link that leads back to itself"),
        ("there", SYMBOLIC, "is a link that leads back to itself"),
        ("../folder", SYMBOLIC, "is a link to folder, which is no regular file"),
        ("../fifo", SYMBOLIC, "is a link to fifo, which is no regular file"),
    ],
)
def test_a_link_that_leads_out_or_nowhere_is_refused_by_name(texts, target, kind, reason):
    found = texts(
        entry("payload.stderr", b"kept"), entry("folder", type=tarfile.DIRTYPE),
        entry("fifo", type=tarfile.FIFOTYPE), link("job/there", "payload.stdout"),
        link("job/payload.stdout", target, kind),
    )  # fmt: skip
    assert found == {"payload.stderr": b"kept"}
    assert reasons(texts.found)["job/payload.stdout"] == reason
    assert texts.found.unshown[0].path == "job/payload.stdout"
