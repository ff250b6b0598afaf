"""An earlier version of prodops: its code out of git's history, in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from filelock import FileLock

from deployments.bench.common.stack import BenchBroken, say
from deployments.uv_command import run_uv

_SOURCE: Final = Path(__file__).parents[3]
_READY: Final = ".ready"
_SYNC: Final = ("sync", "--frozen", "--no-dev", "--quiet", "--compile-bytecode")


class VersionUnavailable(BenchBroken):
    """The code of that commit is not in the history here."""


def python_of(commit: str) -> Path:
    """The Python of a commit's environment, which is made once per user and kept.

    Raises:
        VersionUnavailable: The history is shallow, or there is none.
        BenchBroken: uv could not make the environment.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    target = cache / "prodops" / "versions" / commit
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{commit}.lock")):
        if not (target / _READY).exists():
            _make(commit, target)
    return target / ".venv" / "bin" / "python"


def _make(commit: str, target: Path) -> None:
    """Unpack the code and make its environment; what an interrupted one left is removed."""
    say(f"making the environment of {commit}, once for this user")
    shutil.rmtree(target, ignore_errors=True)
    _unpack(commit, target)
    environment = _without_ours(os.environ)
    wanted = (*_SYNC, "--python", sys.executable)
    done = run_uv(*wanted, directory=target, environment=environment)
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        raise BenchBroken(f"uv cannot make the environment of {commit}: {last}")
    (target / _READY).touch()


def _unpack(commit: str, target: Path) -> None:
    with subprocess.Popen(
        ["git", "-C", os.fspath(_SOURCE), "archive", "--format=tar", commit],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                archive.extractall(target, filter="data")
        except tarfile.ReadError:
            shutil.rmtree(target, ignore_errors=True)
            raise VersionUnavailable(f"commit {commit} is not in the history here") from None


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what names the environment of this process."""
    ours = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH")
    return {name: value for name, value in environment.items() if name not in ours}
