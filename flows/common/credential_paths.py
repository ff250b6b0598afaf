"""Where this process's credentials are: what nothing says that the web tier may read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import BaseModel

PLACEHOLDER: Final = "(path of a credential)"
_OPEN: Final = frozenset({"ca_file"})
_ALSO: Final = frozenset({"passfile", "config_root"})


class CredentialPaths:
    """The paths that this process knows: of its settings, and of each block that it reads."""

    def __init__(self) -> None:
        self._longest_first: tuple[str, ...] = ()

    def add(self, paths: Iterable[Path]) -> None:
        """Leave these out of what is said from now on."""
        # A root or "." names no file, and would be found in every text.
        known = {*self._longest_first, *(str(path) for path in paths if path.name)}
        # The longest first, so that none is replaced in part.
        self._longest_first = tuple(sorted(known, key=len, reverse=True))

    def without(self, text: str) -> str:
        """The text with a placeholder for each of the paths."""
        for path in self._longest_first:
            text = text.replace(path, PLACEHOLDER)
        return text


credential_paths: Final = CredentialPaths()
"""Those of this process."""


def paths_of(form: BaseModel) -> list[Path]:
    """The paths of credentials in a group of settings, or in a block."""
    return [
        value
        for name, value in form
        if isinstance(value, Path) and (name in _ALSO or name.endswith("_file"))
        if name not in _OPEN
    ]
