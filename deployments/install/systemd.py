"""The units of an installation, and what of systemd has to be told of them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deployments.install import files
from deployments.install.steps import Finding, Step

_MODE = 0o644
_RUNNING = Path("/run/systemd/system")
_SYSTEM = Path("/etc/systemd/system")


@dataclass(frozen=True)
class Unit(Step):
    """A unit file; it is ours alone: what an operator changes belongs in a drop-in."""

    path: Path
    content: str
    is_data = False

    @property
    def key(self) -> str:
        """Its path."""
        return f"unit {self.path}"

    def look(self, *, is_ours: bool) -> Finding:
        """Compare it with what this version writes."""
        if files.regular(self.path) is None:
            return Finding.MAKE
        is_done = self.path.read_text() == self.content
        return Finding.DONE if is_done else Finding.CHANGE

    def do(self) -> None:
        """Write it."""
        files.write(self.path, self.content, files.current(), _MODE)

    def undo(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


def is_managed(units: Path) -> bool:
    """Whether systemd runs here and reads the units of that directory."""
    return units == _SYSTEM and _RUNNING.is_dir() and os.geteuid() == 0


def reload() -> None:
    """Have systemd read its units again."""
    subprocess.run(["systemctl", "daemon-reload"], check=True)


def active(names: list[str]) -> list[str]:
    """Those of the units that run."""
    asked = ["systemctl", "is-active", *names]
    answers = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return [name for name, answer in zip(names, answers, strict=False) if answer == "active"]


def stop(names: list[str]) -> None:
    """Stop the units, and start them no more at boot."""
    subprocess.run(["systemctl", "disable", "--now", "--quiet", *names], check=True)
