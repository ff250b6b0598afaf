"""The plan of a registration, made of what PCS, Rucio and the storage say now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from blocks import xrootd_storage as storage
from blocks.errors import ProdOpsError
from blocks.rucio_catalog import DidMetadata
from flows.provenance.domain.join import Requested
from flows.provenance.evgen.matching import asked_for_files, join_inputs
from flows.provenance.evgen.plan import (
    AtRucio,
    PlannedDataset,
    StoredInput,
    WantedDataset,
    decide,
    is_good_name,
    refused,
    wanted_datasets,
)
from flows.provenance.evgen.storage import InputStorage
from flows.provenance.evgen.update import list_inputs, read_requested
from flows.provenance.ledger import Progress
from flows.provenance.models import Rule
from flows.provenance.workplace import workplace

ACTION: Final = "register_evgen"


class PathNotRequested(ProdOpsError):
    """PCS has no task that asks for a path."""


def make_plan(place: InputStorage, paths: Sequence[str]) -> list[PlannedDataset]:
    """Compare what is requested and not registered with storage and Rucio; nothing is written.

    Args:
        place: The storage.
        paths: Requested paths; none: all that are not registered, and what a lost run left.

    Raises:
        PathNotRequested: One of the paths is not PCS's.
        ProdOpsError: PCS, Rucio or the storage did not answer.
    """
    wanted = wanted_datasets(_chosen(paths))
    names = [each.name for each in wanted]
    catalog, scope = workplace().catalog, workplace().settings.provenance.scope
    known = catalog.metadata(scope, names).found if names else {}
    attached: dict[str, set[str]] = defaultdict(set)
    for file in catalog.files_of(scope, list(known)):
        attached[file.dataset].add(file.name)
    plan: list[PlannedDataset] = []
    progress = Progress(ACTION)
    for each, stored in zip(wanted, _listed(place, wanted), strict=True):
        progress.tell(f"looked at {each.name}", len(plan) + 1, len(wanted))
        if isinstance(stored, str):
            plan.append(refused(each, stored))
            continue
        there = _at_rucio(known.get(each.name), frozenset(attached[each.name]), stored)
        plan.append(decide(each, stored, there, account=_account()))
    return plan


def _chosen(paths: Sequence[str]) -> list[Requested]:
    """The requested paths to look at: those that are named, else those that are not registered."""
    requested = {each.path: each for each in read_requested() if each.suffix}
    if paths:
        asked = dict.fromkeys(each.strip().rstrip("/") for each in paths)
        if unknown := [each for each in asked if each not in requested]:
            raise PathNotRequested(f"no task of PCS asks for {', '.join(unknown[:5])}")
        return [requested[each] for each in asked]
    place = workplace()
    scope = place.settings.provenance.scope
    names = list_inputs()
    files: dict[str, list[str]] = {}
    holders = sorted(asked_for_files(requested.values()) & set(names))
    for file in place.catalog.files_of(scope, holders):
        files.setdefault(file.dataset, []).append(file.name)
    joined = join_inputs(requested.values(), names, files)
    exact = {each.name: each.path for each in joined.matches if each.rule is Rule.EXACT}
    begun = {exact[name] for name in _unfinished(sorted(exact))}
    done = joined.found() - begun
    return [each for path, each in requested.items() if path not in done]


def _unfinished(names: Sequence[str]) -> set[str]:
    """Datasets that we made, and did not come to close."""
    place = workplace()
    found = place.catalog.metadata(place.settings.provenance.scope, names).found if names else {}
    ours = _account()
    return {
        name for name, each in found.items() if each.is_open and each.raw.get("account") == ours
    }


def _listed(
    place: InputStorage, wanted: Sequence[WantedDataset]
) -> Iterator[list[StoredInput] | str]:
    """The files of each dataset's directory, or why it has none."""

    def listed(each: WantedDataset) -> list[StoredInput] | str:
        try:
            return place.files_of(each.name)
        except storage.ReplicaMissing:
            return "the storage has no such directory"
        except storage.ReplicaRefused as error:
            return str(error)

    return place.at_once(listed, wanted)


def _at_rucio(
    dataset: DidMetadata | None, attached: frozenset[str], stored: Sequence[StoredInput]
) -> AtRucio:
    place = workplace()
    names = [each.name for each in stored if is_good_name(each.name)]
    known = place.catalog.metadata(place.settings.provenance.scope, names).found if names else {}
    return AtRucio(
        owner=str(dataset.raw.get("account")) if dataset is not None else None,
        is_open=dataset is None or dataset.is_open is not False,
        attached=attached,
        sizes={name: each.size_bytes for name, each in known.items()},
    )


def _account() -> str:
    return workplace().settings.rucio_produced.account
