"""The Rucio server's own Python environment, which uv makes once per user and keeps.

Rucio's server pins libraries that prodops cannot share, so it never runs in prodops' environment.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
from pathlib import Path

from filelock import FileLock

from blocks.errors import OutsideUnavailable
from blocks.paths import absolute
from deployments.sandbox.grid.programs import REQUIREMENTS
from deployments.uv_command import run_uv
from flows.common.settings import BadSetting


class ServerNotInstalled(OutsideUnavailable):
    """The Rucio server could not be installed."""


def server_directory() -> Path:
    """Where the environment is, or shall be: its name tells the requirements and the Python.

    Of the Python, the whole version: some requirements depend on the micro version too.
    """
    try:
        cache = absolute(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache"))
    except ValueError as error:
        raise BadSetting(f"setting XDG_CACHE_HOME: {error}") from None
    python = f"{sys.implementation.name}:{platform.python_version()}:{sys.base_prefix}".encode()
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + python).hexdigest()[:12]
    return cache / "prodops" / f"rucio-server-{digest}"


def is_installed() -> bool:
    """Whether the environment is there."""
    return server_directory().exists()


def server_python() -> Path:
    """The Python of the environment, which is made if it is not there.

    Raises:
        ServerNotInstalled: uv could not make it.
    """
    target = server_directory()
    if not target.exists():
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(
                f"setting XDG_CACHE_HOME: {target.parent} cannot be made: {error.strerror}"
            ) from None
        with FileLock(target.with_suffix(".lock")):
            if not target.exists():
                _make(target)
    return target / "bin" / "python"


def _make(target: Path) -> None:
    """Make the environment beside its place and rename: an interrupted one leaves nothing there."""
    partial = target.with_name(f"{target.name}.new")
    shutil.rmtree(partial, ignore_errors=True)
    _uv("venv", "--quiet", "--relocatable", "--python", sys.executable, os.fspath(partial))
    python = os.fspath(partial / "bin" / "python")
    # Compiled here: else the first start does it, which has to be ready within a time.
    listed = ("--no-deps", "--require-hashes", "--compile-bytecode", "-r", str(REQUIREMENTS))
    _uv("pip", "install", "--quiet", "--python", python, *listed)
    _uv("pip", "check", "--quiet", "--python", python)
    partial.rename(target)


def _uv(*arguments: str) -> None:
    done = run_uv(*arguments)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise ServerNotInstalled(f"uv {' '.join(arguments[:2])} failed: {' '.join(last)}")
