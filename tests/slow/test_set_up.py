"""The two commands and the unit tests, with each declared Python that is here, for each user."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.reference import ROOT
from tests.slow.newcomer import ORDINARY, Newcomer, newcomer

pytestmark = pytest.mark.xdist_group("newcomer")  # one at a time: each is a whole stack

# At a directory that others may not enter, one that holds the Python alone: its paths stay.
OPEN_UP = """
bare=$(mktemp -d) && mount --bind "$1" "$bare" && mount -t tmpfs -o mode=755 tmpfs "$2" &&
  mkdir -p "$1" && mount --move "$bare" "$1" && rmdir "$bare" && exec "${@:3}"
"""
_DECLARED = re.compile(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', re.MULTILINE)
_LOOK = "import ensurepip, platform, sys; print(platform.python_version(), sys.base_prefix)"


@dataclass(frozen=True)
class Python:
    """A Python of this machine; one that is declared and not here has no directory."""

    version: str
    prefix: Path | None = None

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def program(self) -> Path:
        assert self.prefix is not None
        return self.prefix / "bin" / f"python{self.minor}"

    def __str__(self) -> str:
        return self.version


def pythons() -> list[Python]:
    """All that are here, Debian's own first, then those that are not."""
    first, end = map(int, _DECLARED.findall((ROOT / "pyproject.toml").read_text())[0])
    minors = [f"3.{minor}" for minor in range(first, end)]
    places = ["/usr/bin", *os.environ["PATH"].split(":")]
    places += map(str, sorted(Path.home().glob(".pyenv/versions/*/bin")))
    found = [look(f"{place}/python{minor}") for place in places for minor in minors]
    here = list(dict.fromkeys(python for python in found if python is not None))
    absent = set(minors) - {python.minor for python in here}
    return here + [Python(minor) for minor in sorted(absent)]


def look(program: str) -> Python | None:
    """What a program is, if it is there, runs, and makes environments."""
    try:
        told = subprocess.check_output(
            [program, "-c", _LOOK], text=True, stderr=subprocess.DEVNULL, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version, prefix = told.split(maxsplit=1)
    return Python(version, Path(prefix.strip()))


def ordinary_user(python: Python) -> AbstractContextManager[Newcomer]:
    """An ordinary user; for that user a home that is closed to others holds the Python alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can run it as somebody else")
    become = ["setpriv", f"--reuid={ORDINARY}", "--regid=nogroup", "--clear-groups"]
    closed = [path for path in reversed(python.program.parents) if not path.stat().st_mode & 0o001]
    if not closed:
        return newcomer(ORDINARY, entering=become)
    open_up = ["unshare", "--mount", "bash", "-c", OPEN_UP, "open-up", python.prefix, closed[0]]
    entering = [*map(str, open_up), *become]
    tried = subprocess.run([*entering, python.program, "-V"], check=False, capture_output=True)
    if tried.returncode != 0:
        pytest.skip(f"{ORDINARY} may not read {python.prefix}, nor may a mount change that")
    return newcomer(ORDINARY, entering=entering)


@pytest.mark.parametrize("user", ["this-user", "ordinary-user"])
@pytest.mark.parametrize("python", pythons(), ids=str)
def test_set_up_demo_and_unit_tests(python, user):
    if python.prefix is None:
        pytest.skip(f"no python{python.version} on this machine")
    with newcomer() if user == "this-user" else ordinary_user(python) as made:
        made.try_all(f"PYTHON={python.program}")
        assert python.version in made.run(".venv/bin/python", "--version", seconds=20)
