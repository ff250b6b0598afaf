"""What PCS says of campaigns and requested inputs, and the outputs of tasks for another's PCS.

The embedded PCS shows the outputs from the tables, and is not sent them. Their form is what peers
read (ops contract section 3.3).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from prefect import get_run_logger

from blocks.errors import NotFound, OutsideUnavailable
from blocks.pcs_service import Campaign, PcsRefused, RequestedInput, Survey
from flows.common import adapters, run
from flows.common.database import transaction
from flows.common.run import Run
from flows.provenance import schemas
from flows.provenance.domain import names
from flows.provenance.domain.join import Requested, TaskOf
from flows.provenance.models import ProducedDataset
from flows.provenance.repository import sweeps
from flows.provenance.tasks import access
from flows.provenance.tasks.common import pcs_task, task

_LONGEST_PATH: Final = 500
_LONGEST_REQUESTOR: Final = 100
_CURRENT: Final = "current"
_PRODUCING: Final = frozenset({"current", "last", "producing"})
_OVER: Final = "past"
_THIS_HOST: Final = ("127.0.0.1", "::1", "localhost")


class NoCurrentCampaign(NotFound):
    """PCS has no campaign to sweep (the words are the original's)."""

    def __init__(self) -> None:
        super().__init__("No current Campaign defined in PCS.")


@pcs_task("ask PCS what is requested")
def ask_pcs() -> Survey:
    """What PCS knows of campaigns and requested inputs; what cannot be read is left out."""
    return _survey()


@pcs_task("read the requested inputs at PCS")
def read_requested() -> list[Requested]:
    """Each requested path once, as PCS has them."""
    return requested_paths(_survey())


def _survey() -> Survey:
    found = access.pcs().catalogue.survey()
    for name, problem in access.pcs().unreadable.items():
        get_run_logger().error("%s is left out: %s", name, problem)
    return found


def requested_paths(survey: Survey) -> list[Requested]:
    """Each requested path once, with all the tasks that ask for it, in order."""
    root = run.current().settings.provenance.evgen_root
    by_path: dict[str, list[RequestedInput]] = defaultdict(list)
    for each in survey.requested:
        if path := names.trimmed(each.path):
            by_path[path[:_LONGEST_PATH]].append(each)
    return [_requested(path, asking, root) for path, asking in sorted(by_path.items())]


def _requested(path: str, inputs: Sequence[RequestedInput], root: str) -> Requested:
    priorities = [each.priority for each in inputs if each.priority is not None]
    requestors = ", ".join(sorted({each.requestor for each in inputs if each.requestor}))
    return Requested(
        path=path,
        suffix=names.suffix_of(path, root) or "",
        tasks=tuple(sorted(TaskOf(each.name, each.campaign) for each in inputs)),
        priority=min(priorities, default=None),
        requestor=requestors[:_LONGEST_REQUESTOR],
    )


def producing_campaigns(survey: Survey) -> list[str]:
    """Campaigns that are current, last or producing, or have tasks at work; the current ones first.

    Raises:
        NoCurrentCampaign: There is none.
    """
    found = [each for each in survey.campaigns if _is_producing(each)]
    if not found:
        raise NoCurrentCampaign
    in_order = sorted(found, key=lambda each: (each.lifecycle != _CURRENT, each.name))
    return [each.name for each in in_order]


def _is_producing(campaign: Campaign) -> bool:
    is_at_work = campaign.is_in_work and campaign.lifecycle != _OVER
    return campaign.lifecycle in _PRODUCING or is_at_work


def current_campaign() -> str:
    """The campaign that PCS calls current.

    Raises:
        NoCurrentCampaign: It calls none so.
    """
    survey = access.pcs().catalogue.survey()
    current = [each.name for each in survey.campaigns if each.lifecycle == _CURRENT]
    if not current:
        raise NoCurrentCampaign
    return max(current)


# ------------------------------------------------------------------ outputs


@task("tell PCS the outputs")
def send_outputs(campaign: str, tasks: Sequence[RequestedInput]) -> None:
    """Send another's PCS what its tasks produced, where that changed, and count what it took."""
    present = run.current()
    if _is_embedded(present):
        return
    owned = present.read(lambda session: sweeps.outputs_of(session, [each.name for each in tasks]))
    outputs = _by_task(owned)
    counts = Counter(outputs_told=0, outputs_refused=0)
    for each in tasks:
        if _timeless(each.overrides.get("outputs") or []) != _timeless(outputs[each.name]):
            is_taken = _is_taken(each, outputs[each.name])
            counts["outputs_told" if is_taken else "outputs_refused"] += 1
    with transaction(present.engine) as session:  # not fenced: the request may have ended
        sweeps.add_counts(session, campaign, counts)


def _by_task(owned: Iterable[ProducedDataset]) -> dict[str, list[dict[str, Any]]]:
    """The entries of ``overrides.outputs``, by the task that owns them."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in owned:
        found[each.owner_task or ""].append(schemas.output_entry(each))
    return found


def _is_embedded(present: Run) -> bool:
    """Whether the PCS is the stack's own, which sees our tables."""
    api, configured = present.settings.api, present.settings.pcs
    if configured.url is None and configured.block is None:
        return True
    address = urlsplit(adapters.pcs(present.sources).url)
    return address.port == api.port and address.hostname in {api.host, *_THIS_HOST}


def _is_taken(asking: RequestedInput, outputs: list[dict[str, Any]]) -> bool:
    try:
        access.pcs().catalogue.set_outputs(asking, outputs)
    except (PcsRefused, OutsideUnavailable) as error:
        get_run_logger().error("PCS does not take the outputs of %s: %s", asking.name, error)
        return False
    return True


def _timeless(outputs: Any) -> list[Any]:
    """The outputs without the time of the sweep, which changes nothing."""
    entries = outputs if isinstance(outputs, list) else [outputs]
    return [
        {key: value for key, value in each.items() if key != schemas.CHECKED_AT}
        if isinstance(each, dict)
        else each
        for each in entries
    ]
