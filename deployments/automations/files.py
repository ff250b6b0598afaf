"""The files: those that come with prodops, and an operator's own. What they say of deployments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from blocks.errors import ProdOpsError

SHIPPED: Final = Path(__file__).parent

Document = dict[str, Any]


class BadAutomation(ProdOpsError):
    """A file describes no automation."""


def shipped() -> list[str]:
    """The names of the files that come with prodops, without their ending."""
    return sorted(each.stem for each in SHIPPED.glob("*.yaml"))


def read(name: str) -> Document:
    """The automation of that file, or of that name where it comes with prodops.

    Raises:
        BadAutomation: There is no such file, or it describes none.
    """
    path = SHIPPED / f"{name}.yaml" if name in shipped() else Path(name)
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        known = ", ".join(shipped())
        raise BadAutomation(f"{name}: {error.strerror}; with prodops come {known}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadAutomation(f"{name} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("actions"), list):
        raise BadAutomation(f"{name} is not of the form of an automation: name, trigger, actions")
    return document


def deployments_of(document: Document) -> set[str]:
    """The deployments that its actions name, each as FLOW/DEPLOYMENT."""
    return {str(each["deployment"]) for each in _naming(document)}


def resolved(document: Document, ids: Mapping[str, str]) -> Document:
    """The automation as Prefect takes it: with the deployments' ids in place of their names."""
    actions = [dict(each) if isinstance(each, dict) else each for each in document["actions"]]
    found = {**document, "actions": actions}
    for each in _naming(found):
        each |= {"source": "selected", "deployment_id": ids[str(each.pop("deployment"))]}
    checked(found)
    return found


def checked(document: Document) -> Any:
    """The automation in Prefect's form.

    Raises:
        BadAutomation: It is not of that form.
    """
    from prefect.events.schemas.automations import AutomationCore  # noqa: PLC0415 - slow to import

    try:
        return AutomationCore.model_validate(document)
    except ValidationError as error:
        name = document.get("name")
        wrong = "; ".join(f"{_place(each['loc'])}: {each['msg']}" for each in error.errors()[:3])
        raise BadAutomation(f"the automation {name!r} is not of Prefect's form: {wrong}") from error


def _naming(document: Document) -> list[dict[str, Any]]:
    return [each for each in document["actions"] if isinstance(each, dict) and "deployment" in each]


def _place(path: Iterable[object]) -> str:
    return ".".join(str(part) for part in path)
