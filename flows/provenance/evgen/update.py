"""The registered inputs: all of ``/EVGEN`` at Rucio, and which requested paths are there.

Needs Rucio and PCS. What is read is whole or changes nothing (ops contract section 1.10).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from prefect import flow
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common.database import now
from flows.common.requests import ClaimLost
from flows.provenance import ledger, reading, repository, snapshot, staging
from flows.provenance.domain import names
from flows.provenance.domain.figures import Dataset
from flows.provenance.domain.join import Joined, Requested
from flows.provenance.evgen.matching import asked_for_files, join_inputs
from flows.provenance.evgen.names import PREFIX
from flows.provenance.ledger import End, Progress
from flows.provenance.models import EVGEN
from flows.provenance.reading import Deadline, Produced
from flows.provenance.repository import Swept
from flows.provenance.steps import step
from flows.provenance.workplace import opened, workplace

_ACTION: Final = "evgen_rucio_update"
_FILE: Final = "evgen-rucio.json"
_TRIAL: Final = "/test"
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"


class SnapshotNotWritten(ProdOpsError):
    """The snapshot's file could not be written."""


@flow(name="evgen-rucio-update", persist_result=False)
def evgen_rucio_update(created_by: str = "") -> dict[str, Any]:  # noqa: ARG001 - of the form
    """Find which requested inputs are registered, and write the snapshot of ``/EVGEN``.

    Returns:
        Numbers: requested, found, missing, datasets, unmatched, files, size_bytes and others.
    """
    with opened():
        return update_evgen(is_last=True)


def update_evgen(*, is_last: bool = False) -> dict[str, Any]:
    """Read ``/EVGEN`` whole, write it down and announce it, within a run.

    Args:
        is_last: Whether the run's request ends with it.

    Raises:
        ProdOpsError: Rucio, PCS or the database did not answer whole; what stood before stands.
    """
    began_at = now()
    requested: list[Requested] = []
    try:
        requested = read_requested()
        return _update(requested, is_last=is_last)
    except ClaimLost:
        if is_last and ledger.has_ended():  # by a commit whose answer was lost
            return {}
        raise
    except ProdOpsError as error:
        _announce_failure(str(error), began_at, requested, is_last=is_last)
        raise


@step("read the requested inputs at PCS")
def read_requested() -> list[Requested]:
    """Each requested path once, as PCS has them."""
    place = workplace()
    root = place.settings.provenance.evgen_root
    return reading.requested(place.pcs.catalogue.survey().requested, root)


@step("read and write the registered inputs")
def _update(requested: Sequence[Requested], *, is_last: bool) -> dict[str, Any]:
    place = workplace()
    began = time.monotonic()
    patience = place.settings.provenance.timeout_seconds
    with staging.swept(place.engine, EVGEN, patience_seconds=patience) as connection:
        produced = _read(connection, requested)
        swept = _assess(produced, requested)
        _write_snapshot(swept)
        seconds = time.monotonic() - began
        told = {**swept.counts, "seconds": round(seconds, 2)}
        end = End(action=_ACTION, told={"summary": told}, result=told, is_last=is_last)

        def write(session: Session) -> None:
            request_id = place.holder.request_id
            repository.replace(session, swept, request_id=request_id, seconds=seconds)

        ledger.record(end, write, connection=connection)
    return told


def _read(connection: Connection, requested: Sequence[Requested]) -> Produced:
    place = workplace()
    configured = place.settings.provenance
    progress = Progress(_ACTION, EVGEN, campaign=EVGEN)
    began_at = now()
    progress.tell(f"asking Rucio for {PREFIX}*", is_due=True)
    listed = list_inputs()
    return reading.read_datasets(
        connection,
        place.catalog,
        [names.parse(each) for each in listed],
        scope=configured.scope,
        began_at=began_at,
        wanted=asked_for_files(requested) & set(listed),
        deadline=Deadline(configured.timeout_seconds),
        tell=progress.tell,
    )


def list_inputs() -> list[str]:
    """Names of the datasets under ``/EVGEN`` at Rucio, without those that only try something."""
    place = workplace()
    listed = place.catalog.list_datasets(place.settings.provenance.scope, f"{PREFIX}*")
    return sorted(
        {each for each in listed if each.startswith(PREFIX) and not each.endswith(_TRIAL)}
    )


def _assess(produced: Produced, requested: Sequence[Requested]) -> Swept:
    full = [each.name for each in produced.names]
    joined = join_inputs(requested, full, produced.file_names)
    return Swept(
        campaign=EVGEN,
        scope=workplace().settings.provenance.scope,
        checked_at=produced.began_at,
        datasets=produced.datasets,
        requested=requested,
        joined=joined,
        counts=_counts(joined, produced.datasets),
    )


def _counts(joined: Joined, datasets: Sequence[Dataset]) -> dict[str, int]:
    whole = {each.name.name for each in datasets if each.is_complete}
    found = joined.found()
    complete = {each.path for each in joined.matches if each.path in found and each.name in whole}
    return {
        "requested": len(joined.outcomes),
        "found": len(found),
        "complete": len(complete),
        "incomplete": len(found - complete),
        "missing": len(joined.outcomes) - len(found),
        "unknown": 0,
        "datasets": len(datasets),
        "unmatched": len(datasets) - len(joined.owners),
        "files": sum(each.file_count for each in datasets),
        "size_bytes": sum(each.file_bytes for each in datasets),
    }


def _write_snapshot(swept: Swept) -> None:
    """The original's form, but replaced as a whole (ops contract section 1.10)."""
    content = {
        "fetched_at": swept.checked_at.strftime(_TIME),
        "scope": swept.scope,
        "count": len(swept.datasets),
        "datasets": [snapshot.entry(swept.scope, each) for each in swept.datasets],
    }
    try:
        snapshot.write_json(snapshot.snapshot_directory() / _FILE, content)
    except OSError as error:
        raise SnapshotNotWritten(f"{_FILE} could not be written: {error}") from error


@step("announce the failure")
def _announce_failure(
    error: str, began_at: datetime, requested: Sequence[Requested], *, is_last: bool
) -> None:
    def write(session: Session) -> None:
        repository.note_failure(
            session,
            EVGEN,
            error,
            attempted_at=began_at,
            request_id=workplace().holder.request_id,
            requested=requested,
        )

    ledger.record(End(action=_ACTION, told={}, error=error, is_last=is_last), write)
