"""The capabilities: the folders under `flows/`, each with the same file names inside."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import flows


def modules(name: str) -> Iterator[ModuleType]:
    """Each capability's module `name` (``actions``, ``models``, ...), where it has one."""
    folders = sorted(each.name for each in pkgutil.iter_modules(flows.__path__) if each.ispkg)
    for folder in folders:
        path = f"flows.{folder}.{name}"
        if folder != "common" and importlib.util.find_spec(path) is not None:
            yield importlib.import_module(path)


def import_models() -> None:
    """Import every table's model, so that the metadata is whole."""
    for name in ("models", "request_counts"):
        importlib.import_module(f"flows.common.{name}")
    for _ in modules("models"):
        pass
