"""What the groups of settings are made of: names in the environment, lists, and the error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from blocks.errors import ProdOpsError
from blocks.paths import absolute
from flows.common.callers import Scope

PREFIX = "PRODOPS_"
ENV_FILE = ".env"
_BLOCK_NAME: Final = re.compile("[a-z0-9-]+")


class BadSetting(ProdOpsError):
    """A setting has a value that cannot be used; the message names it in one line.

    Attributes:
        exit_code: Status of a process that ends by it: a restart would not help.
    """

    exit_code = 2


def group(name: str) -> SettingsConfigDict:
    """How the settings of a group are read: ``PRODOPS_<name>_...``."""
    return SettingsConfigDict(
        env_prefix=f"{PREFIX}{name}_",
        env_file=ENV_FILE,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
    )


def also(name: str, *originals: str) -> AliasChoices:
    """The names of a setting: ours, then those of the original agents."""
    return AliasChoices(f"{PREFIX}{name}", *originals)


def _parts(value: object, separator: str) -> object:
    """The parts of a list that the environment holds as text."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(separator) if part.strip())
    return value


NameList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(lambda value: _parts(value, ","))]
"""Names; commas between them in the environment."""

DaysList = Annotated[tuple[float, ...], NoDecode, BeforeValidator(lambda value: _parts(value, ","))]
"""Numbers of days; commas between them in the environment."""

PathList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(lambda value: _parts(value, ":"))]
"""Paths; colons between them in the environment."""

ScopeList = Annotated[
    tuple[Scope, ...], NoDecode, BeforeValidator(lambda value: _parts(value, ","))
]
"""What somebody may do; commas between in the environment."""


AbsolutePath = Annotated[Path, AfterValidator(absolute)]
"""A path that holds wherever the process works; ``~`` is the home."""


def _block_name(value: str | None) -> str | None:
    """None of an empty name, by which one says that the settings count."""
    if value and not _BLOCK_NAME.fullmatch(value):
        raise ValueError("may hold lower-case letters, digits and dashes only")
    return value or None


BlockName = Annotated[str | None, AfterValidator(_block_name)]
"""The name of a block in Prefect, without its type's."""

Port = Annotated[int, Field(ge=1, le=65535)]
"""A port that something listens on."""
