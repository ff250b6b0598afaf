"""The file `.env`, read once for all settings, and why it cannot be."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from flows.common.settings.forms import ENV_FILE, BadSetting

_BARE: Final = re.compile(r"\$\{(\w+)\}")  # with a default, ${NAME:-…}, empty is what was meant


def env_file(directory: Path | None = None) -> dict[str, str]:
    """The values of `.env`, by name; empty where there is none.

    Raises:
        BadSetting: It cannot be read, is no UTF-8, or a value of it expands to nothing.
    """
    path = (directory or Path()) / ENV_FILE
    try:
        # As it is written first: what a variable expanded to cannot be told from what stood there.
        written, found = dotenv_values(path, interpolate=False), dotenv_values(path)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadSetting(f"{path}: line {line} is no UTF-8") from None
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}") from None
    for name, value in written.items():
        _check(path, name, value or "", found)
    return {name: value for name, value in found.items() if value is not None}


def _check(path: Path, name: str, written: str, found: dict[str, str | None]) -> None:
    if "\0" in written:
        raise BadSetting(f"{path}: {name} holds a null character")
    for variable in _BARE.findall(written):
        if not os.environ.get(variable) and not found.get(variable):
            raise BadSetting(
                f"setting {name}={written}: ${{{variable}}} is not set, or not exported, and "
                f"would expand to nothing in {path}"
            )
