"""uv, which gets packages from the registries."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import uv

_SYSTEM_CERTIFICATES: Final = {"UV_SYSTEM_CERTS": "true"}


def run_uv(
    *arguments: str | Path,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run uv; if it fails, once more with the certificate authorities of the system.

    Where a proxy signs for the registries, its authority is in the system's store only.

    Args:
        arguments: Its command and what belongs to it.
        directory: Where it runs; None: here.
        environment: Its environment; None: this process's.
        seconds: How long each of the two may take.

    Raises:
        subprocess.TimeoutExpired: It took longer.
    """
    given = dict(os.environ if environment is None else environment)
    done = _run(arguments, directory, given, seconds)
    if done.returncode != 0:
        done = _run(arguments, directory, given | _SYSTEM_CERTIFICATES, seconds)
    return done


def _run(
    arguments: tuple[str | Path, ...],
    directory: Path | None,
    environment: dict[str, str],
    seconds: float | None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [uv.find_uv_bin(), *arguments],
        cwd=directory,
        env=environment,
        timeout=seconds,
        capture_output=True,
        text=True,
        check=False,
    )
