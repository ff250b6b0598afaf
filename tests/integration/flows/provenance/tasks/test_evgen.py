"""The registered inputs on a real Rucio: what is matched, what stays, what is told."""

from __future__ import annotations

import itertools
import json
import os

import pytest

from deployments.sandbox.grid.seed import seed
from flows.common.settings import settings
from flows.provenance.models import (
    EVGEN,
    CampaignSweep,
    Finding,
    PathMatch,
    ProducedDataset,
    RequestedPath,
    Rule,
    SweepState,
)
from tests.grid import rucio_away
from tests.input_runs import Runs, rucio, runs
from tests.sweeps import ROOT, asking, listed

pytestmark = pytest.mark.integration
__all__ = ["rucio", "runs"]

UPDATE = "evgen_rucio_update"
_numbers = itertools.count(1)


@pytest.fixture
def top() -> str:
    """A first part of suffixes that no other test uses: all of them share one /EVGEN."""
    return f"U{os.getpid()}n{next(_numbers)}"


def produce(rucio, *suffixes: str, files: int = 2) -> None:
    seed(rucio, [listed(f"/EVGEN/{suffix}", files=files) for suffix in suffixes])


def paths(runs: Runs) -> dict[str, RequestedPath]:
    rows = runs.rows(RequestedPath, campaign=EVGEN)
    return {row.path.removeprefix(f"{ROOT}/"): row for row in rows}


def rules(runs: Runs) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in runs.rows(PathMatch, campaign=EVGEN):
        found.setdefault(row.path.removeprefix(f"{ROOT}/"), set()).add(row.rule)
    return found


def test_requests_are_matched_and_what_is_not_says_why(runs, rucio, top):
    produce(
        rucio,
        f"{top}/NC/10x100/minQ2=1",
        f"{top}/pythia8.316-1.0/5x41",
        f"{top}/CC/gen/18x275/q2_100to1000",
    )
    exact, other, longer, none = (
        f"{top}/NC/10x100/minQ2=1",
        f"{top}/pythia8.306-1.0/5x41",
        f"{top}/CC/18x275/minQ2=100",
        f"{top}/SIDIS/9x9",
    )
    runs.requested = [asking(each, each) for each in (f"{exact}/", other, longer, none)]
    told = runs.run(UPDATE)
    found = paths(runs)
    assert [found[each].finding for each in (exact, other, longer, none)] == [
        Finding.FOUND, Finding.MISSING, Finding.MISSING, Finding.MISSING,
    ]  # fmt: skip
    assert rules(runs) == {exact: {Rule.EXACT}, other: {Rule.VERSION}, longer: {Rule.TOKENS}}
    assert found[other].reason == "only version pythia8.316-1.0 is registered"
    assert "only longer names are registered" in found[longer].reason
    assert found[none].reason == f"nothing is registered under /EVGEN/{top}/SIDIS"
    assert (told["requested"], told["found"], told["complete"]) == (4, 1, 1)


def test_a_file_that_is_asked_for_is_found_in_the_dataset_of_its_directory(runs, rucio, top):
    produce(rucio, f"{top}/UPSILON")
    held = f"/EVGEN/{top}/UPSILON/held.hepmc3.tree.root"
    file = {"scope": "epic", "name": held, "bytes": 3, "adler32": "00000001"}
    with rucio.api() as api:
        api.post("dids", "epic", f"/EVGEN/{top}/OPEN", body={"type": "DATASET"})
        api.post("replicas", body={"rse": "EIC-XRD", "files": [file]})
        body = {"dids": [{"scope": "epic", "name": held}]}
        api.post("dids", "epic", f"/EVGEN/{top}/OPEN", "dids", body=body)
    runs.requested = [
        asking("a", f"{top}/UPSILON/absent.hepmc3.tree.root"),
        asking("b", f"{top}/NOWHERE/x.hepmc3.tree.root"),
        asking("c", f"{top}/OPEN/held.hepmc3.tree.root"),
    ]
    runs.run(UPDATE)
    assert rules(runs) == {f"{top}/OPEN/held.hepmc3.tree.root": {Rule.FILE}}
    reasons = {suffix: row.reason for suffix, row in paths(runs).items()}
    assert "has none of that name" in reasons[f"{top}/UPSILON/absent.hepmc3.tree.root"]
    assert "is not registered" in reasons[f"{top}/NOWHERE/x.hepmc3.tree.root"]


def test_registered_inputs_that_nobody_asks_for_have_no_owner_and_trials_are_left_out(
    runs, rucio, top
):
    produce(rucio, f"{top}/mine", f"{top}/nobodys", f"{top}/trial/test")
    runs.requested = [asking("my-task", f"{top}/mine")]
    runs.run(UPDATE)
    rows = {row.name: row for row in runs.rows(ProducedDataset, campaign=EVGEN)}
    mine = rows[f"/EVGEN/{top}/mine"]
    assert (mine.owner_path, mine.owner_task) == (f"{ROOT}/{top}/mine", None)
    assert rows[f"/EVGEN/{top}/nobodys"].owner_path is None
    assert not [name for name in rows if name.endswith("/test")]
    assert {row.stage for row in rows.values()} == {EVGEN}


def test_the_snapshot_has_the_originals_form_and_everybody_may_read_it(runs, rucio, top):
    produce(rucio, f"{top}/NC", files=3)
    runs.run(UPDATE)
    path = settings().stack.tmp_dir / "rucio-snapshots" / "evgen-rucio.json"
    told = json.loads(path.read_text())
    assert set(told) == {"fetched_at", "scope", "count", "datasets"}
    (entry,) = [each for each in told["datasets"] if each["did"] == f"epic:/EVGEN/{top}/NC"]
    assert (entry["length"], entry["rse_replicas"][0]["rse"]) == (3, "BNL-XRD")
    assert (told["count"], path.stat().st_mode & 0o777) == (len(told["datasets"]), 0o644)


def test_the_end_is_told(runs, rucio, top):
    produce(rucio, f"{top}/NC")
    runs.run(UPDATE)
    (event,) = runs.events("evgen_rucio_ready")
    assert (event["ok"], "error" in event) == (True, False)


def test_an_outage_leaves_everything_as_it_was_and_is_told(runs, rucio, top):
    produce(rucio, f"{top}/NC")
    runs.requested = [asking("a", f"{top}/NC")]
    runs.run(UPDATE)
    before = {row.name for row in runs.rows(ProducedDataset)}
    with rucio_away():
        error = runs.fail(UPDATE)
    (look,) = runs.rows(CampaignSweep, campaign=EVGEN)
    assert (look.state, look.error) == (SweepState.FAILED, error)
    assert look.checked_at < look.attempted_at
    assert {row.name for row in runs.rows(ProducedDataset)} == before
    assert paths(runs)[f"{top}/NC"].finding == Finding.FOUND
    assert runs.events("evgen_rucio_ready")[-1]["ok"] is False


def test_a_first_look_that_fails_leaves_requests_unknown_and_not_missing(runs, rucio, top):
    runs.requested = [asking("a", f"{top}/NC")]
    with rucio_away():
        runs.fail(UPDATE)
    assert paths(runs)[f"{top}/NC"].finding == Finding.UNKNOWN
