"""A settings file: written once, then the operator's, as Debian's configuration files are.

What has not been edited is brought up to date; beside what has been, a newer proposal is laid.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from deployments.install import files
from deployments.install.owners import Owner
from deployments.install.steps import Finding, Step

PROPOSED = ".new"


@dataclass(frozen=True)
class SettingsFile(Step):
    """A file of settings for the processes of one user.

    Attributes:
        path: The file.
        content: What would be written now.
        owner: Who may read and edit it.
        offered: Digest of each file's content as last written, by its path; shared with the record.
    """

    path: Path
    content: str
    owner: Owner
    offered: dict[str, str]

    @property
    def key(self) -> str:
        """Its path."""
        return f"settings {self.path}"

    def describe(self) -> str:
        """Its path, owner and mode, and whether an edited one is left as it is."""
        edited = f"; edited, proposal in {self.path.name}{PROPOSED}" if self._is_proposed() else ""
        return f"{self.key} ({self.owner}, {files.PRIVATE_FILE:04o}{edited})"

    def look(self) -> Finding:
        """Compare it with what would be written now, and with what was written then."""
        standing = files.Secret(self.path, self.owner, str).look()
        if standing is not Finding.DONE:
            return standing
        return Finding.CHANGE if self._is_outdated() else Finding.DONE

    def objection(self) -> str:
        """Another's file stays as it is; where only its form is old, a proposal is laid beside."""
        secret = files.Secret(self.path, self.owner, str)
        return secret.objection() if secret.look() is not Finding.DONE else ""

    def do(self) -> None:
        """Write it, or lay the new proposal beside what the operator has edited."""
        if files.regular(self.path) is not None and self._is_edited():
            if self._is_outdated():
                self._write(self.path.with_name(self.path.name + PROPOSED))
            files.Secret(self.path, self.owner, str).do()
        else:
            self._write(self.path)
        self.offered[str(self.path)] = _digest(self.content.encode())

    def undo(self) -> None:
        """Remove it and a proposal."""
        for path in (self.path, self.path.with_name(self.path.name + PROPOSED)):
            path.unlink(missing_ok=True)

    def _write(self, path: Path) -> None:
        files.regular(path)
        files.write(path, self.content, self.owner, files.PRIVATE_FILE)

    def _is_outdated(self) -> bool:
        """Whether what would be written now is neither there nor was offered before."""
        content = self.content.encode()
        is_offered = _digest(content) == self.offered.get(str(self.path))
        return not is_offered and self.path.read_bytes() != content

    def _is_edited(self) -> bool:
        return _digest(self.path.read_bytes()) != self.offered.get(str(self.path))

    def _is_proposed(self) -> bool:
        return files.regular(self.path) is not None and self._is_edited() and self._is_outdated()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
