"""Which code this process runs: the package's version, and the commit that it was made of."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = "epic-prodops"
_ROOT: Final = Path(__file__).resolve().parents[2]
_STAMP: Final = Path(__file__).with_name("commit.txt")
_GIT_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class Version:
    """The code of a part.

    Attributes:
        package: Version of the package.
        commit: The commit, abbreviated; empty where nobody knows it.
        schema: The revision of the database that it is made for; empty where it does not say.
    """

    package: str
    commit: str = ""
    schema: str = ""

    def __str__(self) -> str:
        return self.commit or self.package

    def is_same_code(self, other: Version) -> bool:
        """Whether both are the same code, as far as both say what they are."""
        if self.commit and other.commit:
            return self.commit == other.commit
        return self.package == other.package

    def row(self) -> dict[str, str]:
        """What a part says of it."""
        return {"package": self.package, "commit": self.commit, "schema": self.schema}

    @classmethod
    def of_row(cls, row: Any) -> Version | None:
        """What a part said; None of one that is too old to say it."""
        if not isinstance(row, dict) or not isinstance(row.get("package"), str):
            return None
        return cls(**{name: str(row.get(name) or "") for name in ("package", "commit", "schema")})


@lru_cache(maxsize=1)
def present() -> Version:
    """The code of this process, as it was when this was first asked."""
    return Version(package=_package(), commit=commit_of(_ROOT) or _stamped(_STAMP))


def commit_of(root: Path) -> str:
    """The commit that is checked out there; empty where there is none, or no git."""
    if not (root / ".git").exists():
        return ""
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), "rev-parse", "--short=8"]
    try:
        found = subprocess.run(
            [*command, "HEAD"], capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def _stamped(path: Path) -> str:
    """What an installation has written beside this file; empty where it has not."""
    try:
        return path.read_text(encoding="ascii").strip()[:40]
    except (OSError, UnicodeDecodeError):
        return ""


def _package() -> str:
    try:
        return installed_version(PACKAGE)
    except PackageNotFoundError:  # run from its source
        return "unknown"
