"""Inputs, arrivals, reports and their mail on the command line, through a whole stack."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments.sandbox.grid.seed import seed
from tests.e2e.conftest import Site, site_of
from tests.grid import RunningGrid, require_grid
from tests.mail_relay import Relay, relay
from tests.stacks import running_stack
from tests.sweeps import ROOT, listed
from tests.whole_stack import QUICK

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CAMPAIGN = "26.05.0"
HEADER = (
    "DSC or PWG,Priority,Dataset Path,Generator/Dataset Version,Number of Events,Background,"
    "New Request,Pre-TDR Use,Early Science Use,Other Use,Description,Issue\n"
)
STORED, SEEDED, ABSENT = "DIS/NC/10x100", "DIS/NC/10x275", "SIDIS/10x100"


@dataclass(frozen=True)
class Operator:
    """Somebody at a terminal, a stack with its Rucio, and the relay of the mails."""

    site: Site
    grid: RunningGrid
    taker: Relay

    def cli(self, command: str, *words: str, is_ours: bool = True) -> subprocess.CompletedProcess:
        address = ("--url", self.site.stack.api_url, "--token", self.site.token)
        return self.site.cli("provenance", command, *words, *(address if is_ours else ()))

    def good(self, command: str, *words: str, is_ours: bool = True) -> str:
        ended = self.cli(command, *words, is_ours=is_ours)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def json(self, command: str, *words: str) -> Any:
        return json.loads(self.good(command, *words, "--json"))


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    require_grid()
    with relay() as taker, tempfile.TemporaryDirectory(prefix="prodops-") as place:
        state = Path(place) / "state"
        settings = {
            **QUICK,
            "PRODOPS_STATE_DIR": str(state),
            "PRODOPS_SANDBOX_GRID": "true",
            "PRODOPS_PROVENANCE_MAIL_BLOCK": "completion",
            "PRODOPS_RUCIO_PRODUCED_ACCOUNT": "panda",
            "PRODOPS_RUCIO_PRODUCED_USERNAME": "panda",
            "PRODOPS_RUCIO_PRODUCED_PASSWORD_FILE": str(state / "sandbox/rucio/panda.password"),
        }
        with running_stack(settings) as stack, site_of(stack) as site:
            grid = RunningGrid(stack.settings, stack)
            prepare(site, grid)
            yield Operator(site, grid, taker)


def prepare(site: Site, grid: RunningGrid) -> None:
    asked = (STORED, SEEDED, ABSENT)
    rows = "".join(f"inclusive,1,{ROOT}/{each},,,,,,,,,\n" for each in asked)
    for path, body in (
        ("campaigns/", {"name": CAMPAIGN}),
        (f"campaigns/{CAMPAIGN}/set-current/", {}),
        ("prod-tasks/catalog-import/", {"csv_text": HEADER + rows}),
    ):
        site.api.post(f"/pcs/api/{path}", json=body).raise_for_status()
    reco = f"/RECO/{CAMPAIGN}/epic_craterlake"
    seed(grid, [listed(f"/EVGEN/{SEEDED}"), listed(f"{reco}/{STORED}"), listed(f"{reco}/extra")])
    grid.put("EIC-XRD", f"/EVGEN/{STORED}/a.hepmc3.tree.root", b"events")


def test_inputs_are_listed_registered_and_then_seen(operator: Operator):
    before = {row["path"]: row for row in operator.json("evgen", "--update", "--missing")}
    assert set(before) == {f"{ROOT}/{STORED}", f"{ROOT}/{ABSENT}"}
    assert before[f"{ROOT}/{ABSENT}"]["reason"] == "nothing is registered under /EVGEN/SIDIS"
    planned = operator.json("register")
    assert (planned["to_register"], planned["refused"]) == (1, 1)
    done = operator.json("register", f"{ROOT}/{STORED}", "--apply")
    assert done["registered"] == 1
    assert [row["path"] for row in operator.json("evgen", "--missing")] == [f"{ROOT}/{ABSENT}"]


def test_a_report_is_printed_and_mailed_through_the_block_that_prefect_keeps(operator: Operator):
    address = ("--host", "127.0.0.1", "--port", str(operator.taker.port), "--test")
    people = ("--sender", "prodops@example.org", "--recipient", "team@example.org")
    told = operator.good("mail-relay", "completion", *address, *people, is_ours=False)
    assert "refused: none" in told
    operator.good("sweep", "--campaign", CAMPAIGN)
    rows = list(csv.DictReader(io.StringIO(operator.good("report", "--csv"))))
    assert {row["path"]: row["finding"] for row in rows} == {
        f"{ROOT}/{STORED}": "found",
        f"{ROOT}/{SEEDED}": "missing",
        f"{ROOT}/{ABSENT}": "missing",
    }
    trial, mail = operator.taker.mails
    assert trial["Subject"] == "prodops: a test"
    assert mail["Subject"].startswith(f"Completion of campaign {CAMPAIGN}: 1 of 3 found")


def test_arrivals_are_counted_once(operator: Operator):
    assert operator.json("arrivals")["by_campaign"][CAMPAIGN]["files"] == 6
    assert operator.json("arrivals")["files"] == 0


def test_the_hand_scripts_table_is_made_of_pcss_requests(operator: Operator, tmp_path: Path):
    output = tmp_path / "marked.csv"
    operator.good("check", "--campaign", "26.05", "--output", str(output))
    with output.open(newline="") as file:
        marks = {row["Dataset Path"]: row["In 26.05?"] for row in csv.DictReader(file)}
    assert marks == {
        f"{ROOT}/{STORED}": "X",
        f"{ROOT}/{SEEDED}": "",
        f"{ROOT}/{ABSENT}": "",
    }
