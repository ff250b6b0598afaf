"""The deployments: one for each action, of the same name, at Prefect and in `prefect.yaml`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import yaml

from flows.common import actions
from flows.common.actions import Action

if TYPE_CHECKING:
    from prefect import Flow

POOL = "prodops"


def flow_of(action: str) -> Flow[..., Any]:
    """The flow of the action of that name."""
    return load(actions.entrypoints()[action])


def load(entrypoint: str) -> Flow[..., Any]:
    """The flow at an entrypoint, from its module (a file path would load a second copy of it)."""
    module, _, function = entrypoint.partition(":")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), function)
    return flow


def prefect_yaml() -> str:
    """`prefect.yaml`, for `prefect deploy --all`; the worker registers the same at its start."""
    described = [_described(action) for action in actions.all_actions().values()]
    document = {"name": "prodops", "pull": None, "deployments": described}
    head = "# Made by `python -m deployments.reference` from each capability's actions.py.\n"
    return f"{head}{yaml.safe_dump(document, sort_keys=False, width=1000)}"


def _described(action: Action) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": action.name,
        "description": action.summary,
        "entrypoint": actions.entrypoints()[action.name],
        "work_pool": {"name": POOL},
    }
    if action.runs_at_a_time is not None:
        described["concurrency_limit"] = action.runs_at_a_time
    if action.schedule is not None:
        described["schedules"] = [{"cron": action.schedule, "timezone": "UTC"}]
    return described
