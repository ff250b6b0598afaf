"""PostgreSQL's pg_dump and pg_restore: of the server's major version, else the next newer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployments.backup.errors import ProgramsMissing
from deployments.stack.binaries import directories, version_of

_NAMES: Final = ("pg_dump", "pg_restore")


@dataclass(frozen=True)
class Ended:
    """How a program ended; `complaint` is the last line of what it said where that was badly."""

    complaint: str | None


@dataclass(frozen=True)
class Programs:
    """The directory of the programs, and their major version."""

    directory: Path
    major: int

    def run(self, name: str, arguments: Sequence[str], *, environment: Mapping[str, str]) -> Ended:
        """Run one of them to its end; passwords come from the environment's password file."""
        done = subprocess.run(
            [os.fspath(self.directory / name), "--no-password", *arguments],
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == 0:
            return Ended(None)
        said = done.stderr.strip().splitlines()
        errors = [line for line in said if "error:" in line]
        return Ended((errors or said or [f"{name} ended with {done.returncode}"])[0])


def programs_for(major: int, configured: Path | None) -> Programs:
    """The programs for a server of that major version.

    Older ones refuse the server; newer ones may write what an older server does not take, so the
    nearest are used.

    Raises:
        ProgramsMissing: There are none, with the package that has them.
    """
    found = [each for each in _found(configured) if each.major >= major]
    if not found:
        raise ProgramsMissing(
            f"no pg_dump and pg_restore of PostgreSQL {major} or newer found; install the package "
            f"postgresql-client-{major}, or name their directory in PRODOPS_DATABASE_BIN_DIR"
        )
    return min(found, key=lambda each: each.major)  # the first of several


def _found(configured: Path | None) -> Iterator[Programs]:
    for directory in directories(configured):
        versions = [version_of(directory / name) for name in _NAMES]
        if versions[0] is not None and all(versions):
            yield Programs(directory, int(versions[0].partition(".")[0]))
