"""A former version of prodops: out of history, in an environment of its own, as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.uv_command import run_uv

ROOT = Path(__file__).parents[4]
HERE = Path(__file__).parent
_KEPT = ("PATH", "HOME", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "UV_CACHE_DIR", "UV_INDEX_URL")


@dataclass(frozen=True)
class Version:
    """One that is upgraded from."""

    name: str
    commit: str
    revision: str
    has_workflows: bool

    @property
    def dump(self) -> Path:
        """What it left, for where its commit is not in the history that is there."""
        return HERE / f"{self.name}.sql.gz"

    @property
    def is_in_history(self) -> bool:
        found = subprocess.run(
            ["git", "cat-file", "-e", f"{self.commit}^{{commit}}"],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        return found.returncode == 0


def versions() -> dict[str, Version]:
    known = tomllib.loads((HERE / "versions.toml").read_text())
    return {each["name"]: Version(**each) for each in known["version"]}


@dataclass
class Former:
    """The running stack of a former version; its commands may be used when it is down, too."""

    version: Version
    python: Path
    process: subprocess.Popen[str]
    info: dict[str, Any]

    def do(self, *words: str) -> None:
        """Have the driver do something to the stack."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        self._answer()

    def prodops(self, *words: str, zone: str = "ops", **more: str) -> subprocess.Popen[str]:
        """A command of that version, in one of its zones."""
        return subprocess.Popen(
            [self.python, "-m", "deployments.cli", *words],
            env={**self.info[zone], **more},
            cwd=self.info["ops"]["PRODOPS_STATE_DIR"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def prodops_of_now(self, *words: str, zone: str, **more: str) -> subprocess.Popen[str]:
        """A command of this version, with what the former one's zone is given."""
        return subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", *words],
            env={**self.info[zone], **more},
            cwd=self.info["ops"]["PRODOPS_STATE_DIR"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def migrate(self, *words: str, **more: str) -> str:
        """`prodops migrate` of this version; gives what it says where it refuses."""
        running = self.prodops_of_now("migrate", *words, zone="ops", **more)
        complaint = running.communicate(timeout=240)[1]
        return complaint if running.returncode else ""

    def says(self, *words: str) -> str:
        """What such a command prints."""
        said, complaint = (running := self.prodops(*words)).communicate(timeout=120)
        assert running.returncode == 0, complaint
        return said

    def run(self, action: str, **parameters: str) -> int:
        """Request an action; gives the request's id."""
        given = [word for each in parameters.items() for word in ("-p", "=".join(each))]
        return int(json.loads(self.says("run", action, *given, "--json"))["request_id"])

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the former version's stack ended"
        return dict(json.loads(line))


@contextmanager
def running(version: Version, directory: Path, given: Mapping[str, str]) -> Iterator[Former]:
    """The stack of that version; whatever happens, nothing of it is left running."""
    python = _environment(version, directory)
    process = subprocess.Popen(
        [python, HERE / "former_stack.py", json.dumps(dict(given))],
        env=_surroundings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    former = Former(version, python, process, {})
    try:
        former.info = former._answer()
        yield former
    finally:
        if process.poll() is None:
            former.do("kill")
        process.wait(60)
        process.stdin.close()  # type: ignore[union-attr]
        process.stdout.close()  # type: ignore[union-attr]


def _environment(version: Version, directory: Path) -> Path:
    """Its source and an environment from its own lock; gives the environment's Python."""
    source = directory / version.name
    source.mkdir()
    archive = subprocess.run(
        ["git", "archive", version.commit], cwd=ROOT, capture_output=True, check=True
    )
    subprocess.run(["tar", "x", "-C", source], input=archive.stdout, check=True)
    wanted = ("sync", "--frozen", "--no-dev", "--quiet", "--python", sys.executable)
    done = run_uv(*wanted, directory=source, environment=_surroundings())
    assert done.returncode == 0, done.stderr
    return source / ".venv" / "bin" / "python"


def _surroundings() -> dict[str, str]:
    """No settings and no packages of ours."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
