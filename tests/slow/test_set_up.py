"""The two commands and the unit tests, with each declared Python that is here, for each user."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.reference import ROOT
from tests.slow.newcomer import ORDINARY, Newcomer, newcomer, skip_unless_root

pytestmark = pytest.mark.slow

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


@contextmanager
def this_user(python: Python) -> Iterator[tuple[Newcomer, Path]]:
    """Who runs the tests, and where the Python is."""
    with newcomer() as made:
        yield made, python.program


@contextmanager
def ordinary_user(python: Python) -> Iterator[tuple[Newcomer, Path]]:
    """An ordinary user, and where the Python is for that user.

    What is in a home that is closed to others is mounted where they can see it.
    """
    skip_unless_root()
    become = ["setpriv", f"--reuid={ORDINARY}", "--regid=nogroup", "--clear-groups"]
    is_open = subprocess.run([*become, "test", "-x", python.program], check=False).returncode == 0
    with newcomer(ORDINARY, entering=become) as made:
        if is_open:
            yield made, python.program
            return
        seen = made.home.with_name("python")
        seen.mkdir()
        mount = 'mount --bind "$1" "$2" && exec "${@:3}"'
        enter = ["unshare", "--mount", "bash", "-c", mount, "enter", str(python.prefix), str(seen)]
        if subprocess.run([*enter, "true"], check=False, capture_output=True).returncode != 0:
            pytest.skip(f"{ORDINARY} may not read {python.prefix}, nor may it be mounted elsewhere")
        yield (
            dataclasses.replace(made, entering=[*enter, *become]),
            seen / python.program.relative_to(python.prefix),
        )


@pytest.mark.parametrize("user", ["this-user", "ordinary-user"])
@pytest.mark.parametrize("python", pythons(), ids=str)
def test_set_up_demo_and_unit_tests(python, user):
    if python.prefix is None:
        pytest.skip(f"no python{python.version} on this machine")
    as_user = this_user(python) if user == "this-user" else ordinary_user(python)
    with as_user as (made, program):
        made.try_all(f"PYTHON={program}")
        assert python.version in made.run(".venv/bin/python", "--version", seconds=20)
