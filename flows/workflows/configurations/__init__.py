"""The configurations that come with prodops: TOML files of this folder, read once."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any, Final

from blocks.errors import NotFound
from flows.workflows.domain import configuration
from flows.workflows.domain.configuration import Configuration

_SUFFIX: Final = ".toml"
_DEFAULT: Final = "_default"


class UnknownConfiguration(NotFound):
    """There is no workflow configuration of that name."""


def names() -> list[str]:
    """The names of all configurations."""
    found = (each.name for each in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


def choices() -> list[str]:
    """The names that :func:`load` takes: those of the files, also without `_default`."""
    known = names()
    return sorted({*known, *(name.removesuffix(_DEFAULT) for name in known)})


@lru_cache(maxsize=64)
def load(name: str) -> Configuration:
    """The configuration `name`: of the file of that name, or of `<name>_default`.

    Raises:
        UnknownConfiguration: There is none; the message names those that there are.
        BadConfiguration: It cannot be used.
    """
    plain = name.removesuffix(_SUFFIX)
    known = names()
    chosen = plain if plain in known else plain + _DEFAULT
    if chosen not in known:
        raise UnknownConfiguration(
            f"there is no workflow configuration {name!r}; there are: {', '.join(known)}"
        )
    document = _document(chosen)
    own = configuration.parse(document, chosen)
    includes = document.get("workflow", {}).get("includes", [])
    return configuration.including(own, [load(each) for each in includes])


def _document(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__name__).joinpath(name + _SUFFIX).read_text())
