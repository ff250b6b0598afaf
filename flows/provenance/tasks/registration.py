"""Registers requested inputs at Rucio from what the storage holds.

Needs PCS, Rucio with an identity that may write, and a door of the storage. It may be done again
at any time: what is there is left, and what a lost run left undone is done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from blocks.errors import NotFound
from blocks.rucio_catalog import DidMetadata
from blocks.xrootd_storage import ReplicaMissing, StorageError
from flows.common import adapters, run
from flows.provenance import messages
from flows.provenance.actions import REGISTER_EVGEN
from flows.provenance.domain.inputs import asked_for_files, join_inputs
from flows.provenance.domain.join import Requested
from flows.provenance.domain.registration import (
    AtRucio,
    PlannedDataset,
    StoredInput,
    Verdict,
    decide,
    is_good_name,
    wanted_datasets,
)
from flows.provenance.models import Rule
from flows.provenance.tasks import access
from flows.provenance.tasks.common import Progress, task
from flows.provenance.tasks.evgen import list_inputs
from flows.provenance.tasks.pcs import read_requested
from flows.provenance.tasks.storage import InputStorage


class PathNotRequested(NotFound):
    """PCS has no task that asks for a path."""


# ------------------------------------------------------------------ the plan


@task("plan the registration")
def make_plan(storage: InputStorage, paths: Sequence[str]) -> list[PlannedDataset]:
    """Compare what is requested and not registered with storage and Rucio; nothing is written.

    Args:
        storage: That of the inputs.
        paths: Requested paths; none: all that are not registered, and what a lost run left.

    Raises:
        PathNotRequested: One of the paths is not PCS's.
        ProdOpsError: PCS, Rucio or the storage did not answer.
    """
    wanted = wanted_datasets(_chosen(paths))
    known = _metadata([each.name for each in wanted])
    attached = _files_of(list(known))
    plan: list[PlannedDataset] = []
    progress = Progress(REGISTER_EVGEN)
    for each, stored in zip(wanted, storage.files_of([each.name for each in wanted]), strict=True):
        progress.announce(f"looked at {each.name}", len(plan) + 1, len(wanted))
        if isinstance(stored, StorageError):
            plan.append(PlannedDataset(each, Verdict.REFUSE, _refusal(stored)))
            continue
        at_rucio = _at_rucio(known.get(each.name), attached[each.name], stored)
        plan.append(decide(each, stored, at_rucio, account=_account()))
    return plan


def _chosen(paths: Sequence[str]) -> list[Requested]:
    """The requested paths to plan for: those that are named, else those that are not registered."""
    requested = {each.path: each for each in read_requested() if each.suffix}
    if paths:
        asked = dict.fromkeys(each.rstrip("/") for each in paths)
        if unknown := [repr(each) for each in asked if each not in requested]:
            raise PathNotRequested(f"no task of PCS asks for {', '.join(unknown[:5])}")
        return [requested[each] for each in asked]
    names = list_inputs()
    holders = sorted(asked_for_files(requested.values()) & set(names))
    joined = join_inputs(requested.values(), names, _files_of(holders))
    exact = {each.name: each.path for each in joined.matches if each.rule is Rule.EXACT}
    begun = {exact[name] for name in _unfinished(sorted(exact))}
    done = joined.found() - begun
    return [each for path, each in requested.items() if path not in done]


def _unfinished(names: Sequence[str]) -> set[str]:
    """Datasets that we made, and did not come to close."""
    found, ours = _metadata(names), _account()
    return {
        name for name, each in found.items() if each.is_open and each.raw.get("account") == ours
    }


def _refusal(error: StorageError) -> str:
    is_missing = isinstance(error, ReplicaMissing)
    return "the storage has no such directory" if is_missing else str(error)


def _at_rucio(
    dataset: DidMetadata | None, attached: Collection[str], stored: Sequence[StoredInput]
) -> AtRucio:
    known = _metadata([each.name for each in stored if is_good_name(each.name)])
    return AtRucio(
        owner=str(dataset.raw.get("account")) if dataset is not None else None,
        is_open=dataset is None or dataset.is_open is not False,
        attached=frozenset(attached),
        sizes={name: each.size_bytes for name, each in known.items()},
    )


def _metadata(names: Sequence[str]) -> dict[str, DidMetadata]:
    """What Rucio says of those names that it knows."""
    return dict(access.catalog().metadata(_scope(), names).found) if names else {}


def _files_of(datasets: Sequence[str]) -> defaultdict[str, list[str]]:
    """Names of the files of each dataset."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for file in access.catalog().files_of(_scope(), datasets):
        files[file.dataset].append(file.name)
    return files


# ------------------------------------------------------------------ the registration


@task("register a dataset")
def register_dataset(storage: InputStorage, planned: PlannedDataset) -> None:
    """Declare files, dataset, and what is in it; each is left where it is there already."""
    scope, name = _scope(), planned.wanted.name
    progress = Progress(REGISTER_EVGEN, f"{scope}:{name}")
    files = []
    for file in storage.with_checksums(planned.new):
        files.append(file)
        progress.announce(f"summed the files of {name}", len(files), len(planned.new))
    rucio = access.registration()
    rucio.add_replicas(storage.rse, scope, files)
    rucio.ensure_dataset(scope, name)
    rucio.attach_files(scope, name, [each.name for each in files])
    if planned.is_whole:
        rucio.close_dataset(scope, name)


@task("announce a dataset")
def announce_dataset(planned: PlannedDataset, error: str | None = None) -> None:
    """Announce that a dataset was registered, or why it could not be."""
    present = run.current()
    did = f"{_scope()}:{planned.wanted.name}"
    fields: dict[str, Any] = {
        "dataset": planned.wanted.name,
        "did": did,
        "files": len(planned.files),
        "paths": list(planned.wanted.paths),
        "ok": error is None,
    }
    if error is not None:
        fields["error"] = error
    event = messages.ended(REGISTER_EVGEN.name, present.claim, did, **fields)
    present.write(lambda _, announce: announce(event))


def _scope() -> str:
    return run.current().settings.provenance.scope


def _account() -> str:
    return adapters.rucio_produced(run.current().sources).account
