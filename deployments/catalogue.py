"""The deployments, as `prefect.yaml` lists them: one for each action, with the action's name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from prefect import Flow

_FILE = Path(__file__).with_name("prefect.yaml")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A deployment of `prefect.yaml`.

    Attributes:
        name: The deployment's name, which is its action's.
        entrypoint: The flow, as ``package.module:function``.
        concurrency_limit: Runs of it at a time, in all workers; None: any number.
        schedules: As `prefect.yaml` has them.
    """

    name: str
    entrypoint: str
    description: str
    concurrency_limit: int | None
    schedules: tuple[dict[str, Any], ...]

    @property
    def module(self) -> str:
        """The module of the flow."""
        return self.entrypoint.partition(":")[0]


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """Every deployment."""
    document = yaml.safe_load(_FILE.read_text())
    return tuple(
        Entry(
            name=each["name"],
            entrypoint=each["entrypoint"],
            description=each.get("description", ""),
            concurrency_limit=each.get("concurrency_limit"),
            schedules=tuple(each.get("schedules") or ()),
        )
        for each in document["deployments"]
    )


def entry(name: str) -> Entry:
    """The deployment of that name."""
    return next(each for each in entries() if each.name == name)


def load(entrypoint: str) -> Flow[..., Any]:
    """The flow at an entrypoint, from its module (a file path would load a second copy of it)."""
    module, _, function = entrypoint.partition(":")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), function)
    return flow
