"""`prodops install` as root: lays out, changes nothing the second time, and takes itself away."""

from __future__ import annotations

import json
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.support.installation import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("install")]


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    return {row["step"]: row["state"] for row in json.loads(done.stdout)["steps"]}


def tree(prefix: Path) -> dict[str, tuple[int, int, int, bytes]]:
    return {
        str(path): (
            *(path.lstat()[0:1]),
            *path.lstat()[4:6],
            b"" if path.is_dir() else path.read_bytes(),
        )
        for path in sorted(prefix.rglob("*"))
    }


def test_it_installs_once_changes_nothing_again_and_leaves_nothing(site: Installation):
    planned = states(site.install("--dry-run", "--json"))
    assert set(planned.values()) == {"done", "will make"}
    assert not site.places.prefix.exists()
    made = states(site.install("--json"))
    assert len(made) == len(planned)
    before = tree(site.places.prefix)
    assert set(states(site.run("--json")).values()) == {"done"}
    assert tree(site.places.prefix) == before
    removed = site.run("--remove", "--purge", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not site.places.prefix.exists()
    with pytest.raises(KeyError):
        pwd.getpwnam(site.web_user)
    with site.server.connect() as connection:
        left = connection.execute("SELECT rolname FROM pg_roles WHERE oid > 16384").fetchall()
        left += connection.execute("SELECT datname FROM pg_database WHERE oid > 16384").fetchall()
    assert left == []
