"""The form by which a workflow is started: its fields, out of the action's own form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from flows.workflows import configurations
from flows.workflows.schemas import RunWorkflow

_NUMBERS: Final = (
    "stf_count",
    "physics_period_count",
    "physics_period_duration",
    "stf_interval",
    "duration_seconds",
    "seed",
)
_LABELS: Final = {
    "stf_count": "STFs of a physics period",
    "physics_period_count": "Physics periods",
    "physics_period_duration": "Seconds of a physics period",
    "stf_interval": "Seconds between two STFs",
    "duration_seconds": "Ended after seconds",
    "seed": "Seed",
}


class NumberField(BaseModel):
    """A number that may be given, and how it is entered."""

    name: str
    label: str
    hint: str
    step: str
    least: float
    most: float


class ConfigurationChoice(BaseModel):
    """A configuration that may be chosen."""

    name: str
    description: str


def number_fields() -> list[NumberField]:
    """The numbers of a request; what is left out is the configuration's."""
    return list(_number_fields())


def _number_fields() -> Iterator[NumberField]:
    properties = RunWorkflow.model_json_schema()["properties"]
    for name in _NUMBERS:
        about = properties[name]
        number = _number(about)
        yield NumberField(
            name=name,
            label=_LABELS[name],
            hint=about["description"],
            step="1" if number["type"] == "integer" else "any",
            least=number["minimum"],
            most=number["maximum"],
        )


def _number(about: dict[str, Any]) -> dict[str, Any]:
    """The schema of a number, also of one that may be null."""
    choices = about.get("anyOf", [about])
    return next(each for each in choices if each["type"] in {"integer", "number"})


def choices() -> list[ConfigurationChoice]:
    """The configurations that come with prodops."""
    found = [configurations.load(name) for name in configurations.names()]
    return [ConfigurationChoice(name=each.name, description=each.description) for each in found]
