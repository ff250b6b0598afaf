"""The capabilities: the folders under `flows/`, each with the same file names inside."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import flows


def capability_names() -> list[str]:
    """Names of the capability folders, sorted."""
    found = pkgutil.iter_modules(flows.__path__)
    return sorted(module.name for module in found if module.ispkg and module.name != "common")


def modules(name: str) -> Iterator[ModuleType]:
    """Each capability's module `name` (``actions``, ``models``, ...), where it has one."""
    for capability in capability_names():
        path = f"flows.{capability}.{name}"
        if importlib.util.find_spec(path) is not None:
            yield importlib.import_module(path)


def import_models() -> None:
    """Import every table's model, so that the metadata is whole."""
    importlib.import_module("flows.common.models")
    for _ in modules("models"):
        pass
