"""The registered inputs: all of ``/EVGEN`` at Rucio, and which requested paths are there.

What is read is whole or changes nothing (ops contract section 1.10).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from blocks.errors import ProdOpsError
from flows.common import run
from flows.provenance.actions import UPDATE_EVGEN
from flows.provenance.domain import names
from flows.provenance.domain.inputs import PREFIX, asked_for_files, join_inputs
from flows.provenance.domain.join import Requested
from flows.provenance.models import EVGEN
from flows.provenance.repository import staging
from flows.provenance.tasks import access, rucio, snapshot, sweep
from flows.provenance.tasks.common import Progress, announce_failure, task
from flows.provenance.tasks.rucio import Deadline, Produced

_TRIAL: Final = "/test"


@task("read and write the registered inputs")
def update_inputs(requested: Sequence[Requested]) -> dict[str, Any]:
    """Read ``/EVGEN`` whole, write the snapshot, and make the rows what was found.

    Raises:
        ProdOpsError: Rucio, the database or the disk did not do it whole; what stood stands.
    """
    present = run.current()
    patience = present.settings.provenance.timeout_seconds
    began = time.monotonic()
    with staging.sweep_connection(present.engine, EVGEN, patience_seconds=patience) as connection:
        produced = _read(connection, requested)
        found = [each.name for each in produced.names]
        joined = join_inputs(requested, found, produced.file_names)
        swept = sweep.assess(EVGEN, requested, produced, joined, stage=EVGEN)
        snapshot.write_inputs(swept)
        return sweep.write(connection, UPDATE_EVGEN, swept, time.monotonic() - began)


def _read(connection: Connection, requested: Sequence[Requested]) -> Produced:
    progress = Progress(UPDATE_EVGEN, EVGEN, campaign=EVGEN)
    deadline = Deadline()
    progress.announce(f"asking Rucio for {PREFIX}*", is_due=True)
    listed = list_inputs()
    wanted = asked_for_files(requested) & set(listed)
    parsed = [names.parse(each) for each in listed]
    return rucio.read_datasets(connection, parsed, wanted, deadline, progress)


def list_inputs() -> list[str]:
    """Names of the datasets under ``/EVGEN`` at Rucio, without those that only try something."""
    listed = access.catalog().list_datasets(run.current().settings.provenance.scope, f"{PREFIX}*")
    return sorted(
        {each for each in listed if each.startswith(PREFIX) and not each.endswith(_TRIAL)}
    )


def record_failure(
    error: ProdOpsError, attempted_at: datetime, requested: Sequence[Requested]
) -> None:
    """Record and announce that the inputs could not be read; what stood before stands."""
    write = sweep.noting_failure(EVGEN, error, attempted_at, requested)
    announce_failure(UPDATE_EVGEN, error, write=write)
