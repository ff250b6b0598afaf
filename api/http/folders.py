"""The capabilities' folders in `api`, and what the web tier finds there by looking."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import api
from blocks.errors import ProdOpsError


class NameTaken(ProdOpsError):
    """Two folders have a file of the same name, and a browser or a template could mean either."""


def modules(room: str) -> Iterator[ModuleType]:
    """`api.<capability>.<room>` of every capability that has it, each with the modules in it."""
    for folder in _capabilities():
        name = f"{api.__name__}.{folder.name}.{room}"
        if find_spec(name) is None:
            continue
        module = importlib.import_module(name)
        yield module
        for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
            yield importlib.import_module(f"{name}.{found.name}")


def files(room: str) -> dict[str, Path]:
    """The files of `api/<capability>/<room>/` of every capability, by their names.

    Raises:
        NameTaken: Two of them have one name.
    """
    found: dict[str, Path] = {}
    for folder in _capabilities():
        for path in sorted((folder / room).glob("*.*")):
            if path.name in found:
                raise NameTaken(f"{path} has the name of {found[path.name]}; rename one of them")
            found[path.name] = path
    return found


def _capabilities() -> list[Path]:
    packages = (
        Path(root, found.name)
        for root in api.__path__
        for found in pkgutil.iter_modules([root])
        if found.ispkg
    )
    return sorted(packages, key=lambda folder: folder.name)
