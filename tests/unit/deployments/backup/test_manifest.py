"""A backup that is not as it was written is told from one that is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deployments.backup import manifest
from deployments.backup.errors import BackupUnusable
from deployments.backup.manifest import Dump, Manifest
from flows.common.database import now


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    dump = tmp_path / "prodops.dump"
    dump.write_bytes(b"content")
    held = Dump(
        file=dump.name, sha256=manifest.digest(dump), size_bytes=7, database_bytes=1_000_000
    )
    manifest.write(
        tmp_path,
        Manifest(
            version="1",
            revision="0027",
            server_version="15.3",
            at=now(),
            skew_seconds=0.1,
            newest_event_id=7,
            databases={"prodops": held},
        ),
    )
    return tmp_path


def test_what_is_written_is_read_and_its_users_alone(backup):
    found = manifest.verify(backup)
    assert (found.server_major, found.database_bytes, found.newest_event_id) == (15, 1_000_000, 7)
    assert stat.S_IMODE((backup / "manifest.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"conten", "has 6 bytes, and was written with 7"),
        (b"Content", "was altered"),
        (None, "No such file"),
    ],
)
def test_a_dump_that_changed_is_said_to_have(backup, content, said):
    dump = backup / "prodops.dump"
    dump.unlink() if content is None else dump.write_bytes(content)
    with pytest.raises(BackupUnusable, match=said):
        manifest.verify(backup)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "revision|version"),
        ("no JSON", "Invalid JSON"),
        ('{"format": 2}', "format"),
        ('{"databases": {"prodops": {"file": "../../etc/passwd"}}}', "pattern|file|version"),
    ],
)
def test_a_manifest_that_is_none_is_refused_in_a_line(backup, text, said):
    (backup / "manifest.json").write_text(text)
    with pytest.raises(BackupUnusable, match=said) as refused:
        manifest.read(backup)
    assert "\n" not in str(refused.value)


def test_a_directory_without_a_manifest_is_no_backup(tmp_path):
    with pytest.raises(BackupUnusable, match="is no backup"):
        manifest.verify(tmp_path)
