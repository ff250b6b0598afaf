"""The canary's log and campaign in the sandbox's Rucio and at its doors: put there at the start."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import Final

from deployments.sandbox.canary import CAMPAIGN, LOG
from deployments.sandbox.grid import catalogue
from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.listing import ListedDataset
from deployments.sandbox.grid.logs import Log, ReplicaState, archive, register
from deployments.sandbox.grid.seed import SCOPE, catalogue_dataset

LOG_RSE: Final = "BNL-XRD"
"""Its door asks for a proxy."""
_DATASET: Final = ListedDataset(
    f"/RECO/{CAMPAIGN}/epic_craterlake/CANARY", {"BNL-XRD": (3, 3), "EIC-XRD": (2, 3)}, 3, 3_000
)
_MOMENT: Final = datetime(2020, 1, 1)  # noqa: DTZ001 - as Rucio keeps it; no arrival of today
_MEMBERS: Final = {
    "job/payload.stdout": b"the canary's job\n",
    "job/payload.stderr": b"",
    "job/pilotlog.txt": b"pilot: job finished\n",
}


def put(grid: Grid) -> None:
    """Put there what is not; Rucio's own database is complete, and it need not serve yet."""
    scope, lfn = LOG
    with grid.connect() as connection:
        catalogue.begin_alone(connection)
        if not catalogue.present(connection, SCOPE, [_DATASET.name]):
            made = catalogue_dataset(_DATASET, catalogue.known_rses(connection))
            catalogue.fill(connection, SCOPE, [made], _MOMENT)
        known = catalogue.present(connection, scope, [lfn])
    if not known or not grid.door_path(LOG_RSE, lfn).exists():
        packed = archive(_MEMBERS)
        grid.put(LOG_RSE, lfn, packed)
        log = Log(scope, lfn, len(packed), f"{zlib.adler32(packed):08x}", packed)
        register(grid, log, {LOG_RSE: ReplicaState.AVAILABLE})
