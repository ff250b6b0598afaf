"""The sandbox of prun on a disk that takes nothing: refused in a line, nothing left, healed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.submission.tasks import sandbox
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_sandbox_that_the_disk_refuses_is_said_to_be_and_the_next_is_made(
    monkeypatch, tmp_path: Path, how: str
):
    files = tmp_path / "files"
    files.mkdir()
    (files / "run.sh").write_bytes(bytes(200_000))
    with small_disk(tmp_path / "state", mebibytes=1) as disk:
        configured = SimpleNamespace(
            stack=SimpleNamespace(state_dir=disk.path),
            submission=SimpleNamespace(files_dir=files),
        )
        current = SimpleNamespace(settings=configured)
        monkeypatch.setattr(sandbox.run, "current", lambda: current)
        reason = disk.spoil(how)
        refused = pytest.raises(sandbox.SandboxRefused, match=f"cannot be made: .*{reason}")
        with refused as said, sandbox.made(1, ["run.sh"]):
            pytest.fail("it was made")
        assert "\n" not in str(said.value)
        disk.heal()
        with sandbox.made(1, ["run.sh"]) as directory:
            assert (directory / "work" / "run.sh").stat().st_size == 200_000
        assert list((disk.path / "submissions").iterdir()) == []
