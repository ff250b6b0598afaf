"""A new user: a copy of the sources, an empty home, and nothing of this machine's environment."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployments.reference import ROOT

ORDINARY = "nobody"
"""A user who is on every machine and may do nothing; initdb wants one that has a name."""

SET_UP_SECONDS = 900
DEMO_SECONDS = 900
UNIT_SECONDS = 1200
_STOP_SECONDS = 60
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REGISTRIES = ("PIP_", "UV_", "SSL_", "REQUESTS_CA_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_OUTSIDE = dict(os.environ)  # as it is before the tests hide settings from each other
_NOT_SOURCES = (".git", ".venv", ".env", "__pycache__", ".*_cache", ".hypothesis")


@dataclass(frozen=True)
class Newcomer:
    """Runs commands in the copy.

    Attributes:
        home: An empty directory.
        sources: The copy.
        entering: What a command is preceded by: who runs it, and where.
        root: The directory that is the root for the commands.
    """

    home: Path
    sources: Path
    entering: Sequence[str] = ()
    root: Path = Path("/")

    def try_all(self, *variables: str) -> str:
        """Set up, with these variables of make; demonstrate; run the unit tests.

        Returns:
            What the demonstration printed.
        """
        self.run("make", "setup", *variables, seconds=SET_UP_SECONDS)
        demonstrated = self.run("make", "demo", seconds=DEMO_SECONDS)
        assert "all of it in" in demonstrated
        self.run(
            ".venv/bin/python", "-m", "pytest", "tests/unit", "-q", "-p", "no:cacheprovider",
            "--numprocesses=2", seconds=UNIT_SECONDS,
        )  # fmt: skip
        return demonstrated

    def run(self, *command: str, seconds: float) -> str:
        """Run a command that must succeed within so many seconds; give what it printed."""
        directory = f"--chdir={self._seen(self.sources)}"
        environment = [f"{name}={value}" for name, value in self._environment().items()]
        whole = [*self.entering, "env", "-i", directory, *environment, *command]
        with tempfile.TemporaryFile("w+") as printed:
            process = subprocess.Popen(
                whole, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed,
                start_new_session=True,
            )  # fmt: skip
            code = _wait(process, seconds)
            printed.seek(0)
            output = printed.read()
        assert code == 0, f"{' '.join(command)} ended with {code}:\n{output[-8000:]}"
        return output

    def _environment(self) -> Mapping[str, str]:
        home = self._seen(self.home)
        return registries(self.root) | {
            "HOME": home, "PATH": _PATH, "LANG": "C.UTF-8", "UV_CACHE_DIR": f"{home}/.cache/uv",
        }  # fmt: skip

    def _seen(self, path: Path) -> str:
        return f"/{path.relative_to(self.root)}"


def registries(root: Path = Path("/")) -> dict[str, str]:
    """How this machine reaches the package registries, but for files that are not below `root`."""
    named = {
        name: value for name, value in _OUTSIDE.items() if name.upper().startswith(_REGISTRIES)
    }
    return {
        name: value
        for name, value in named.items()
        if not value.startswith("/") or (root / value.lstrip("/")).exists()
    }


@contextmanager
def newcomer(user: str | None = None, *, entering: Sequence[str] = ()) -> Iterator[Newcomer]:
    """A new user in a directory of their own; None is who runs the tests."""
    place = Path(tempfile.mkdtemp(prefix="newcomer-"))
    try:
        made = Newcomer(place / "home", place / "prodops", entering)
        copy_sources(made.sources)
        made.home.mkdir()
        if user is not None:
            give(place, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        yield made
    finally:
        shutil.rmtree(place)


def copy_sources(target: Path) -> None:
    """Copy what the repository holds, and nothing that was made from it."""
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*_NOT_SOURCES))


def give(place: Path, uid: int, gid: int) -> None:
    """Let all below `place` belong to another."""
    for path in (place, *place.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | str:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"nothing after {seconds:g} s"
