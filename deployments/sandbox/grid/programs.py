"""The grid's programs: where the system has them, their versions, and what installs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from flows.common.settings import Settings

SOURCES = Path(__file__).parent / "rucio-server"
"""What runs in the Rucio server's own environment, and its requirements."""

REQUIREMENTS = SOURCES / "requirements.txt"
DOORS_ARE_FILES = (
    "the doors are plain files, since XRootD's server is not installed: "
    "Debian has it as xrootd-server, which deployments/system-packages.sh installs"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


def xrootd_program() -> str | None:
    """XRootD's server, where it is installed."""
    return _found("xrootd")


def has_doors(settings: Settings) -> bool:
    """Whether the doors are XRootD servers; else they are plain files."""
    return not settings.sandbox.file_doors and xrootd_program() is not None


def nginx_program() -> str | None:
    """nginx, where it is installed; Debian puts it where only root's PATH looks."""
    return _found("nginx")


def version_of(part: str) -> str | None:
    """The version of what a part of the grid runs."""
    if part == "rucio":
        said = next(
            line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("rucio==")
        )
    else:
        program = nginx_program() if part == "gateway" else xrootd_program()
        if program is None:
            return None
        done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
        said = done.stderr + done.stdout
    number = _NUMBER.search(said)
    return number[0] if number else None


def _found(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/bin")
