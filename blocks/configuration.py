"""What it takes to reach an outside service: the fields of its Prefect block.

Each service declares its own in ``blocks/<service>/configuration.py``. They are plain pydantic
models, so that what reads a block document needs no Prefect.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from blocks.errors import ProdOpsError
from blocks.paths import absolute

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class PathUnusable(ProdOpsError):
    """A path of a configuration is not there, cannot be read, or can be read by others."""


def _http(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be an http:// or https:// URL")
    return value


HttpAddress = Annotated[str, AfterValidator(_http), Field(json_schema_extra={"format": "uri"})]
"""The URL of a server, kept as it was written."""

AbsolutePath = Annotated[Path, AfterValidator(absolute)]
"""A path that holds wherever the process works; ``~`` is the home."""


class Configuration(BaseModel):
    """Addresses, accounts, limits and paths of credential files; never a credential.

    Attributes:
        PRIVATE: The fields that name a file which its owner alone may read.
    """

    model_config = ConfigDict(frozen=True)

    PRIVATE: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: Any) -> Any:
        """Take a field that was emptied in Prefect's UI as one that was never filled in."""
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value != ""}

    def require_paths(self) -> None:
        """Check that every file and directory that is named can be read.

        Raises:
            PathUnusable: One cannot; the message names its field.
        """
        for field, path in self._paths():
            problem = _problem(path, is_private=field in self.PRIVATE)
            if problem is not None:
                raise PathUnusable(f"{field}: {path} {problem}")

    def _paths(self) -> Iterator[tuple[str, Path]]:
        for field in type(self).model_fields:
            value = getattr(self, field)
            if isinstance(value, Path) and field.endswith(("_file", "_dir")):
                yield field, value


def _problem(path: Path, *, is_private: bool) -> str | None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return f"cannot be used: {error.strerror}"
    if not os.access(path, os.R_OK):
        return "cannot be read by this user"
    if is_private and mode & _OTHERS:
        return f"may be read by others (mode {mode:04o}): chmod 600"
    return None
