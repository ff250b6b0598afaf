"""Where the ops side's credentials are: what no record says that the web tier may read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flows.common.settings import Settings

PLACEHOLDER: Final = "(path of a credential)"
_OPEN: Final = frozenset({"ca_file"})
_ALSO: Final = frozenset({"passfile", "config_root"})


def paths_of_credentials(settings: Settings) -> tuple[str, ...]:
    """The paths that the settings have, longest first, so that none is replaced in part."""
    found = {
        str(value)
        for group in dict(settings).values()
        for name, value in dict(group).items()
        if isinstance(value, Path) and _is_of_a_credential(name)
    }
    return tuple(sorted(found, key=len, reverse=True))


def without(paths: tuple[str, ...], text: str) -> str:
    """The text without these paths."""
    for path in paths:
        text = text.replace(path, PLACEHOLDER)
    return text


def _is_of_a_credential(name: str) -> bool:
    return name in _ALSO or (name.endswith("_file") and name not in _OPEN)
