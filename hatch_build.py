"""Hatchling's hook: a wheel holds the commit that it was made of, for `flows/common/version.py`."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACE = "flows/common/commit.txt"


class CommitHook(BuildHookInterface):
    """Writes the commit into the wheel; an editable installation has its checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, where the source is a checkout."""
        if version == "editable" or not (Path(self.root) / ".git").exists():
            return
        command = ["git", "-C", self.root, "rev-parse", "--short=8", "HEAD"]
        try:
            commit = subprocess.check_output(command, text=True, timeout=10).strip()
        except (OSError, subprocess.SubprocessError):
            return
        stamp = Path(tempfile.mkdtemp()) / "commit.txt"
        stamp.write_text(f"{commit}\n")
        build_data["force_include"][str(stamp)] = _PLACE
