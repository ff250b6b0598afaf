"""A campaign with one requested path and its dataset at Rucio, and a job with its log."""

from __future__ import annotations

from typing import Any, Final

import httpx

from deployments.sandbox.grid.grid import Grid
from deployments.sandbox.grid.logs import make_log
from deployments.sandbox.grid.seed import seed
from tests.sweeps import listed

CAMPAIGN: Final = "26.05.0"
PATH: Final = "/volatile/eic/EPIC/EVGEN/DIS/NC/10x100/minQ2=1"
DATASET: Final = f"/RECO/{CAMPAIGN}/epic_craterlake/DIS/NC/10x100/minQ2=1"
LOG: Final[dict[str, Any]] = {
    "pandaid": 7001, "jeditaskid": 4711, "scope": "group.EIC", "lfn": "a.7001.log.tgz",
}  # fmt: skip
"""What a caller knows of the job's log."""
JOB: Final[dict[str, Any]] = {
    "panda_id": LOG["pandaid"],
    "jedi_task_id": LOG["jeditaskid"],
    "log": [LOG["scope"], LOG["lfn"]],
}
"""The job, as the sandbox's PanDA takes it."""
_CATALOG: Final = (
    "DSC or PWG,Priority,Dataset Path,Generator/Dataset Version,Number of Events,Background,"
    "New Request,Pre-TDR Use,Early Science Use,Other Use,Description,Issue\n"
    f"inclusive,1,{PATH},,,,,,,,,\n"
)


def prepare_pcs(client: httpx.Client) -> None:
    """Let PCS have the campaign, as the current one, and the path."""
    for path, body in (
        ("campaigns/", {"name": CAMPAIGN}),
        (f"campaigns/{CAMPAIGN}/set-current/", {}),
        ("prod-tasks/catalog-import/", {"csv_text": _CATALOG}),
    ):
        client.post(f"/pcs/api/{path}", json=body).raise_for_status()


def fill(grid: Grid) -> None:
    """Let Rucio and its doors have the dataset and the log."""
    seed(grid, [listed(DATASET, files=4, BNL_XRD=4)])
    members = {"payload.stdout": b"done"}
    make_log(grid, scope=LOG["scope"], lfn=LOG["lfn"], members=members)
