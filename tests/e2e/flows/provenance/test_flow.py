"""Provenance end to end: PCS, worker and Rucio as processes; sweeps asked for, killed, followed."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from deployments.sandbox.grid.seed import seed
from flows.common.database import transaction
from flows.common.models import RequestState
from flows.provenance.models import CampaignSweep, ProducedDataset, RequestedPath, SweepState
from tests.e2e.conftest import Site
from tests.grid import RunningGrid, require_grid
from tests.sweeps import ROOT, listed
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

CAMPAIGN = "26.05.0"
RECO = f"/RECO/{CAMPAIGN}/epic_craterlake"
HEADER = (
    "DSC or PWG,Priority,Dataset Path,Generator/Dataset Version,Number of Events,Background,"
    "New Request,Pre-TDR Use,Early Science Use,Other Use,Description,Issue\n"
)
ASKED = ("DIS/NC/10x100/minQ2=1", "DIS/NC/10x275/minQ2=1", "SIDIS/10x100")
ACTION = "campaign_provenance_sweep"


@dataclass(frozen=True)
class Provenance:
    """A stack with its Rucio; what PCS asks for, and what was found."""

    site: Site
    grid: RunningGrid

    def sweep(self, campaign: str = CAMPAIGN) -> int:
        return self.site.trigger(ACTION, campaign=campaign)

    def cli(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`prodops provenance COMMAND`, against the stack."""
        address = ("--url", self.site.stack.api_url, "--token", self.site.token)
        return self.site.cli("provenance", command, *words, *address)

    def one(self, model: Any, **values: Any) -> Any:
        with transaction(self.site.engine) as session:
            return session.scalar(select(model).filter_by(**values))

    def told(self, request_id: int, msg_type: str) -> list[dict[str, Any]]:
        return [e.payload for e in self.site.events(request_id=request_id, msg_type=msg_type)]


@pytest.fixture(scope="module")
def whole(shared_site: Site) -> Provenance:
    require_grid()
    grid = RunningGrid(shared_site.stack.settings, shared_site.stack)
    rows = "".join(f"inclusive,1,{ROOT}/{each},,,,,,,,,\n" for each in ASKED)
    for path, body in (
        ("campaigns/", {"name": CAMPAIGN}),
        (f"campaigns/{CAMPAIGN}/set-current/", {}),
        ("prod-tasks/catalog-import/", {"csv_text": HEADER + rows}),
    ):
        shared_site.api.post(f"/pcs/api/{path}", json=body).raise_for_status()
    complete = listed(f"{RECO}/{ASKED[0]}", files=4, BNL_XRD=4, JLAB_TAPE_SE=4)
    partly = listed(f"{RECO}/Bkg_1S/GoldCt/10um/{ASKED[1]}", files=9, BNL_XRD=5)
    seed(grid, [complete, partly])
    return Provenance(shared_site, grid)


@pytest.fixture
def provenance(whole: Provenance) -> Iterator[Provenance]:
    """The module's stack, left quiet by each test for the next."""
    yield whole
    wait_until(whole.site.is_quiet)


def test_a_sweep_finds_what_pcs_asks_for(provenance: Provenance):
    ended = provenance.site.ended(provenance.sweep())
    assert ended.state == RequestState.COMPLETED, ended.error
    assert (ended.result["requested"], ended.result["found"], ended.result["complete"]) == (3, 2, 1)
    (event,) = provenance.told(ended.id, "campaign_provenance_ready")
    assert (event["ok"], event["summary"]["missing"]) == (True, 1)
    path = provenance.one(RequestedPath, path=f"{ROOT}/{ASKED[0]}")
    assert (path.requestor, path.priority) == ("inclusive", 1)
    owned = provenance.one(ProducedDataset, name=f"{RECO}/{ASKED[0]}")
    assert owned.owner_task == f"EVGEN/{ASKED[0]}" == path.campaign_tasks[0]


def test_a_sweep_leaves_its_numbers_as_a_table_in_prefect(provenance: Provenance):
    site = provenance.site
    ended = site.ended(provenance.sweep())
    run = site.flow_run(ended.flow_run_id)
    assert (run["name"], f"campaign:{CAMPAIGN}" in run["tags"]) == (
        f"sweep {CAMPAIGN} #{ended.id}",
        True,
    )
    wanted = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "type": {"any_": ["table"]}}}
    [table] = wait_until(lambda: site.ask("POST", "/artifacts/filter", **wanted))
    rows = {row["what"]: row["number"] for row in json.loads(table["data"])}
    assert (rows["requested"], rows["found"], rows["missing"]) == (3, 2, 1)


@pytest.mark.slow
def test_a_run_that_is_killed_while_rucio_is_silent_is_made_up_for(provenance: Provenance):
    site = provenance.site
    with provenance.grid.stalled("rucio"):
        request_id = provenance.sweep()
        wait_until(lambda: provenance.told(request_id, "provenance_progress"))
        for run in wait_until(site.runs):  # a scheduled one may be among them
            run.kill()
    ended = site.ended(request_id)
    assert (ended.state, ended.attempts) == (RequestState.COMPLETED, 2)
    assert [e["ok"] for e in provenance.told(request_id, "campaign_provenance_ready")] == [True]


@pytest.mark.slow
def test_an_outage_is_told_and_the_command_ends_with_one(provenance: Provenance):
    site = provenance.site
    site.ended(provenance.sweep())
    before = provenance.one(CampaignSweep, campaign=CAMPAIGN)
    with provenance.grid.closed("rucio"):
        ran = provenance.cli("sweep", "--campaign", CAMPAIGN)
    assert ran.returncode == 1, ran.stderr
    assert "failed" in ran.stderr
    after = provenance.one(CampaignSweep, campaign=CAMPAIGN)
    assert (after.state, after.counts) == (SweepState.FAILED, before.counts)
    assert after.checked_at == before.checked_at


@pytest.mark.slow
def test_the_commands_sweep_and_show(provenance: Provenance):
    ran = provenance.cli("sweep", "--campaign", CAMPAIGN)
    assert ran.returncode == 0, ran.stderr
    assert f"{CAMPAIGN}: requested 3, found 2, complete 1" in ran.stdout
    shown = provenance.cli("show", "--campaign", CAMPAIGN, "--json")
    assert json.loads(shown.stdout)["counts"]["found"] == 2
    table = provenance.cli("show", "--campaign", CAMPAIGN, "--csv")
    rows = {row["requested_path"]: row for row in csv.DictReader(io.StringIO(table.stdout))}
    partly = rows[f"{ROOT}/{ASKED[1]}"]
    assert (partly["rses"], partly["rules"], partly["total"]) == ("BNL-XRD 5/9", "background", "9")
    unknown = provenance.cli("show", "--campaign", "99.99.9")
    assert (unknown.returncode, "99.99.9" in unknown.stderr) == (1, True)


@pytest.mark.slow
def test_the_snapshot_writes_its_files_for_everybody(provenance: Provenance):
    site = provenance.site
    ran = provenance.cli("snapshot")
    assert ran.returncode == 0, ran.stderr
    directory = site.stack.settings.stack.tmp_dir / "rucio-snapshots"
    current = json.loads((directory / f"current-{CAMPAIGN}.json").read_text())
    assert current["campaigns"][f"/RECO/{CAMPAIGN}"]["count"] == 2


def test_the_night_s_round_does_every_step(provenance: Provenance):
    request_id = provenance.site.trigger("sweep_producing_campaigns")
    ended = provenance.site.ended(request_id, 90)
    assert ended.state == RequestState.COMPLETED, ended.error
    assert set(ended.result) == {"rucio_snapshot_update", "evgen_rucio_update", "sweep_arrivals"}


def test_a_did_is_read_live(provenance: Provenance):
    request_id = provenance.site.trigger("read_did", scope="epic", name=f"{RECO}/{ASKED[0]}")
    assert provenance.site.ended(request_id).state == RequestState.COMPLETED
    (event,) = provenance.told(request_id, "rucio_did_ready")
    assert (event["ok"], event["is_there"]) == (True, True)
