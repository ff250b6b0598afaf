"""The pilot's zip of oversized logs: shown within the bounds, else kept to be taken away."""

from __future__ import annotations

import zipfile

import pytest

from flows.common.settings.storage import PayloadLogsSettings
from flows.payload_logs.archive import unpack
from flows.payload_logs.errors import NoKnownMember
from tests.support.payload_logs.archives import STDOUT, archive, zipped

LIMITS = PayloadLogsSettings(
    members=("payload.stdout", "pilotlog.txt"),
    max_member_bytes=100_000,
    max_total_bytes=400_000,
    max_members=50,
)
ZIP = "oversized_files.zip"


@pytest.fixture
def texts(tmp_path):
    def run(content: dict[str, bytes]) -> dict[str, bytes]:
        (tmp_path / "out").mkdir()
        (tmp_path / "log.tgz").write_bytes(archive(content))
        run.found = unpack(tmp_path / "log.tgz", tmp_path / "out", LIMITS, tick=lambda: None)
        return {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()}

    return run


def unshown(texts) -> list[str]:
    return [str(each) for each in texts.found.unshown]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("beside", [{}, {"pilotlog.txt": b"pilot\n"}])
def test_a_known_log_in_it_is_shown_with_where_it_was(texts, method, beside):
    content = zipped({"job/payload.stdout": STDOUT}, method=method)
    assert texts(beside | {f"tarball/{ZIP}": content}) == beside | {"payload.stdout": STDOUT}
    assert texts.found.members[0].path == f"tarball/{ZIP}/job/payload.stdout"
    assert unshown(texts) == []


def test_the_tarball_s_own_keeps_the_plain_name(texts):
    found = texts({"payload.stdout": b"short", ZIP: zipped({"payload.stdout": STDOUT})})
    assert found == {"payload.stdout": b"short", "payload.stdout.1": STDOUT}


def test_what_else_is_in_it_is_listed(texts):
    texts({ZIP: zipped({"payload.stdout": STDOUT, "core.1": b"x" * 9})})
    assert [(each.path, each.size_bytes) for each in texts.found.unshown] == [(f"{ZIP}/core.1", 9)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped({"payload.stdout": bytes(100_001)}), "has 100001 bytes, which is more than"),
        (zipped({"payload.stdout": STDOUT}, method=zipfile.ZIP_BZIP2), "is not read here"),
        (zipped({"payload.stdout": STDOUT * 50}, method=zipfile.ZIP_STORED)
         .replace(b"events done", b"events gone", 1), "cannot be read: Bad CRC-32"),
        (b"PK no zip at all", "cannot be read: File is not a zip file"),
        (zipped({"core.1": STDOUT}), ""),
        (b"", "cannot be read"),
    ],
    ids=["too large", "another method", "damaged", "no zip", "nothing known", "empty"],
)  # fmt: skip
def test_one_that_cannot_be_shown_is_kept_and_why_is_said(texts, content, said):
    found = texts({"pilotlog.txt": b"pilot\n", ZIP: content})
    assert found == {"pilotlog.txt": b"pilot\n", ZIP: content}
    assert any(ZIP in line and said in line for line in unshown(texts))


def test_an_encrypted_log_in_it_is_said(texts):
    content = bytearray(zipped({"payload.stdout": STDOUT}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    content[6] |= 1
    assert set(texts({ZIP: bytes(content)})) == {ZIP}
    assert unshown(texts) == [f"{ZIP}/payload.stdout is encrypted"]


def test_many_logs_in_it_end_with_the_bound_of_all(texts):
    content = zipped({f"{number}/payload.stdout": bytes(90_000) for number in range(9)})
    found = texts({ZIP: content})
    assert sum(map(len, found.values())) <= LIMITS.max_total_bytes
    assert set(found) >= {ZIP, "payload.stdout", "payload.stdout.1"}


def test_one_that_is_too_large_is_said_and_the_rest_is_shown(texts):
    assert texts({"pilotlog.txt": b"x", ZIP: bytes(100_001)}) == {"pilotlog.txt": b"x"}
    assert unshown(texts) == [f"{ZIP} is too large to be unpacked"]


def test_one_alone_that_is_too_large_is_named_in_the_failure(texts):
    with pytest.raises(NoKnownMember, match=r"oversized_files\.zip is too large"):
        texts({ZIP: bytes(100_001)})


def test_a_zip_s_directory_does_not_fill_the_memory(texts, monkeypatch):
    monkeypatch.setattr("flows.payload_logs.archive.zips._MOST_AT_ONCE", 4096)
    content = zipped({f"x{number}": b"" for number in range(400)})
    assert set(texts({ZIP: content})) == {ZIP}
    assert unshown(texts) == [f"{ZIP} cannot be read: its directory is too long"]
