"""Automations at Prefect: made, or brought to what their file says, by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect.exceptions import ObjectNotFound

from deployments.automations import files
from deployments.automations.files import BadAutomation, Document

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient


@dataclass(frozen=True)
class Applied:
    """An automation that is at Prefect now."""

    name: str
    id: str
    is_new: bool


async def resolve(client: PrefectClient, document: Document) -> Document:
    """The automation with the ids of the deployments that it names.

    Raises:
        BadAutomation: Prefect has no such deployment, or it is not of Prefect's form.
    """
    ids = {}
    for name in sorted(files.deployments_of(document)):
        try:
            ids[name] = str((await client.read_deployment_by_name(name)).id)
        except (ObjectNotFound, ValueError) as error:
            raise BadAutomation(f"Prefect has no deployment {name!r} (FLOW/DEPLOYMENT)") from error
    return files.resolved(document, ids)


async def apply(client: PrefectClient, document: Document) -> Applied:
    """Make the automation, or bring the one of its name to it; one that is switched off stays so.

    Raises:
        BadAutomation: It is of no form, or Prefect has several of its name.
    """
    wanted = files.checked(await resolve(client, document))
    found = await client.read_automations_by_name(wanted.name)
    if len(found) > 1:
        raise BadAutomation(
            f"Prefect has {len(found)} automations named {wanted.name!r}: delete all but one"
        )
    if not found:
        made = await client.create_automation(wanted)
        return Applied(wanted.name, str(made), is_new=True)
    if "enabled" not in document:
        wanted.enabled = found[0].enabled
    await client.update_automation(found[0].id, wanted)
    return Applied(wanted.name, str(found[0].id), is_new=False)
