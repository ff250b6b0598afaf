"""The deployments: one for each action, of the same name, at Prefect and in `prefect.yaml`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import yaml

from flows.common import actions
from flows.common.action_descriptions import described
from flows.common.actions import Action

if TYPE_CHECKING:
    from prefect import Flow

POOL = "prodops"
_ENTRYPOINTS = "deployments.other_pools.entrypoints"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes a text of several lines as it is read."""


def _written(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _written)


def flow_of(action: str) -> Flow[..., Any]:
    """The flow of the action of that name."""
    return load(actions.entrypoints()[action])


def entrypoint_of(action: str) -> str:
    """What the action's deployment names: the way by which any worker of Prefect's own starts it.

    The warm worker needs no such way: it starts the flow itself, under a claim that it holds.
    """
    return f"{_ENTRYPOINTS}:{action}"


def load(entrypoint: str) -> Flow[..., Any]:
    """The flow at an entrypoint, from its module (a file path would load a second copy of it)."""
    module, _, function = entrypoint.partition(":")
    flow: Flow[..., Any] = getattr(importlib.import_module(module), function)
    return flow


def form_schema(action: Action) -> dict[str, Any]:
    """The JSON schema of the action's form, as the run form of Prefect's UI shows it.

    Source: Prefect 3.8, `prefect/utilities/callables.py: ParameterSchema`: a field is placed by its
    `position`, and a choice or a form in the form is looked for in `definitions` only.
    """
    schema = action.parameters.model_json_schema(ref_template="#/definitions/{model}")
    if definitions := schema.pop("$defs", None):
        schema["definitions"] = definitions
    forms = [schema, *schema.get("definitions", {}).values()]
    for form in forms:
        for position, field in enumerate(form.get("properties", {}).values()):
            field["position"] = position
    return schema


def prefect_yaml() -> str:
    """`prefect.yaml`, for `prefect deploy --all`; the worker registers the same at its start."""
    entries = [_entry(action) for action in actions.all_actions().values()]
    document = {"name": "prodops", "pull": None, "deployments": entries}
    head = "# Made by `python -m deployments.reference` from each capability's actions.py.\n"
    return f"{head}{yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)}"


def _entry(action: Action) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": action.name,
        "description": described(action),
        "entrypoint": entrypoint_of(action.name),
        "work_pool": {"name": POOL},
    }
    if action.runs_at_a_time is not None:
        entry["concurrency_limit"] = action.runs_at_a_time
    if action.schedule is not None:
        entry["schedules"] = [{"cron": action.schedule, "timezone": "UTC"}]
    return entry
