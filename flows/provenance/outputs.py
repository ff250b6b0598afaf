"""The outputs of tasks in the form that peers read (ops contract section 3.3), for another's PCS.

The embedded PCS shows the same from the tables, and is not told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from prefect import get_run_logger

from blocks.errors import OutsideUnavailable
from blocks.pcs_service import PcsRefused, RequestedInput
from flows.common.database import transaction
from flows.provenance import repository, schemas
from flows.provenance.models import ProducedDataset
from flows.provenance.workplace import workplace


def tell(campaign: str, tasks: Sequence[RequestedInput]) -> dict[str, int]:
    """Tell another's PCS what its tasks produced, where that changed.

    Returns:
        outputs_told and outputs_refused; nothing of the embedded PCS.
    """
    place = workplace()
    if place.is_pcs_embedded:
        return {}
    with transaction(place.engine) as session:
        owned = repository.outputs_of(session, [task.name for task in tasks])
    outputs = outputs_by_task(owned)
    told = Counter(outputs_told=0, outputs_refused=0)
    for task in tasks:
        if _differ(task.overrides.get("outputs") or [], outputs[task.name]):
            told["outputs_told" if _is_told(task, outputs[task.name]) else "outputs_refused"] += 1
    with transaction(place.engine) as session:
        repository.add_counts(session, campaign, told)
    return dict(told)


def _is_told(task: RequestedInput, outputs: list[dict[str, Any]]) -> bool:
    try:
        workplace().pcs.catalogue.set_outputs(task, outputs)
    except (PcsRefused, OutsideUnavailable) as error:
        get_run_logger().error("PCS does not take the outputs of %s: %s", task.name, error)
        return False
    return True


def outputs_by_task(owned: Iterable[ProducedDataset]) -> dict[str, list[dict[str, Any]]]:
    """The entries of ``overrides.outputs``, by the task that owns them."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in owned:
        found[each.owner_task or ""].append(schemas.output_entry(each))
    return found


def _differ(present: Any, outputs: list[dict[str, Any]]) -> bool:
    """Whether anything but the time of the look changed."""
    return _timeless(present) != _timeless(outputs)


def _timeless(outputs: Any) -> list[Any]:
    entries = outputs if isinstance(outputs, list) else [outputs]
    return [
        {key: value for key, value in each.items() if key != schemas.CHECKED_AT}
        if isinstance(each, dict)
        else each
        for each in entries
    ]
