"""Snapshots, the night's round, one DID, and the outputs that another's PCS is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from blocks.errors import ProdOpsError
from blocks.rucio_catalog.errors import RucioUnavailable
from flows.common.models import RequestState
from flows.common.settings import settings
from flows.provenance import flow
from flows.provenance.models import DetectedRelease, LiveDid, SweepState
from flows.provenance.tasks import rucio
from tests.cases import same
from tests.fake_pcs import fake_pcs
from tests.grid import rucio_away
from tests.support.small_disk import small_disk
from tests.sweeps import Sweeps, asking, known, listed, sweeps

pytestmark = pytest.mark.integration
__all__ = ["sweeps"]


def name_of(campaign: str, rest: str, stage: str = "RECO") -> str:
    return f"/{stage}/{campaign}/epic_craterlake/{rest}"


def file_of(sweeps: Sweeps, name: str) -> dict[str, Any]:
    text = (sweeps.place / "public" / "rucio-snapshots" / name).read_text()
    return dict(json.loads(text))


def failing(monkeypatch: pytest.MonkeyPatch, campaign: str) -> None:
    """Let Rucio not answer for one campaign."""
    original = rucio.list_names

    def list_names(catalog: Any, scope: str, wanted: str, stages: Any) -> Any:
        if wanted == campaign:
            raise RucioUnavailable("no answer")
        return original(catalog, scope, wanted, stages)

    monkeypatch.setattr(rucio, "list_names", list_names)


# ------------------------------------------------------------------ snapshots


def test_a_snapshot_sweeps_what_is_current_last_or_produced(sweeps: Sweeps, campaign: str):
    names = {f"{campaign}{n}": state for n, state in enumerate(("current", "last", "producing"))}
    idle = [known(f"{campaign}8", "past"), known(f"{campaign}9", "future")]
    sweeps.campaigns = [*(known(name, state) for name, state in names.items()), *idle]
    ended = sweeps.run("rucio_snapshot_update")
    assert ended.state == RequestState.COMPLETED, ended.error
    assert set(ended.result["campaigns"]) == set(names)
    assert len(sweeps.events("campaign_provenance_ready")) == 3
    (event,) = sweeps.events("rucio_snapshot_ready")
    assert event["ok"] is True


def test_the_snapshot_s_files_have_the_original_s_form(sweeps: Sweeps, campaign: str):
    name = name_of(campaign, "DIS/NC")
    sweeps.produce(listed(name, files=3), listed(name_of(campaign, "DIS/NC", "FULL"), files=2))
    sweeps.campaigns = [known(campaign)]
    sweeps.run("rucio_snapshot_update")
    current = file_of(sweeps, f"current-{campaign}.json")
    assert (current["scope"], current["campaign_name"]) == ("epic", campaign)
    reco = current["campaigns"][f"/RECO/{campaign}"]
    assert (reco["count"], current["campaigns"][f"/FULL/{campaign}"]["count"]) == (1, 1)
    (dataset,) = reco["datasets"]
    assert (dataset["did"], dataset["length"], dataset["bytes"]) == (f"epic:{name}", 3, 3000)
    (record,) = dataset["rse_replicas"]
    assert (record["rse"], record["available_length"], record["length"]) == ("BNL-XRD", 3, 3)
    told = file_of(sweeps, f"timeline-{campaign}.json")
    assert (told["bin_hours"], told["campaign_name"]) == (12, campaign)
    assert told["reco"]["cum_files"][-1] == 3
    assert told["simu"]["cum_datasets"][-1] == 1
    assert told["snapshot_fetched_at"] == current["fetched_at"]


def test_the_snapshot_s_files_are_for_everybody_and_leave_no_parts(sweeps: Sweeps, campaign: str):
    sweeps.campaigns = [known(campaign)]
    sweeps.run("rucio_snapshot_update")
    directory = sweeps.place / "public" / "rucio-snapshots"
    found = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert found == {f"current-{campaign}.json": 0o644, f"timeline-{campaign}.json": 0o644}
    assert directory.stat().st_mode & 0o777 == 0o755


def test_releases_are_detected_known_or_not(sweeps: Sweeps, campaign: str):
    sweeps.produce(listed(name_of(f"{campaign}.unknown", "x")))
    sweeps.campaigns = [known(campaign)]
    ended = sweeps.run("rucio_snapshot_update")
    (row,) = sweeps.rows(DetectedRelease, version=f"{campaign}.unknown")
    assert row.datasets == 1
    assert ended.result["releases"][f"{campaign}.unknown"] == 1


def test_one_campaign_that_fails_is_named_and_stops_no_other(
    sweeps: Sweeps, campaign: str, monkeypatch: pytest.MonkeyPatch
):
    bad, good = f"{campaign}0", f"{campaign}1"
    sweeps.campaigns = [known(bad), known(good, "last")]
    failing(monkeypatch, bad)
    ended = sweeps.run("rucio_snapshot_update")
    assert ended.state == RequestState.FAILED
    assert f"{bad}: no answer" in (ended.error or "")
    assert sweeps.campaign(good).state == SweepState.OK
    assert sweeps.campaign(bad).state == SweepState.FAILED
    (event,) = sweeps.events("rucio_snapshot_ready")
    assert (event["ok"], event["error"]) == (False, ended.error)
    assert not (sweeps.place / "public" / "rucio-snapshots" / f"current-{bad}.json").exists()


def test_without_a_current_campaign_there_is_nothing_to_look_at(sweeps: Sweeps):
    sweeps.campaigns = [known("26.01.0", "past")]
    ended = sweeps.run("rucio_snapshot_update")
    assert (ended.state, ended.error) == ("failed", "No current Campaign defined in PCS.")
    assert sweeps.events("rucio_snapshot_ready")[0]["ok"] is False


def test_files_that_cannot_be_written_are_told(
    sweeps: Sweeps, campaign: str, monkeypatch: pytest.MonkeyPatch
):
    (sweeps.place / "file").write_text("")
    monkeypatch.setenv("SWF_TMP_DIR", str(sweeps.place / "file"))
    settings.cache_clear()
    sweeps.campaigns = [known(campaign)]
    ended = sweeps.run("rucio_snapshot_update")
    assert (ended.state, "the snapshot's file" in (ended.error or "")) == ("failed", True)
    assert sweeps.campaign(campaign).state == SweepState.OK


# ------------------------------------------------------------------ the night's round


def test_a_step_that_fails_stops_no_other_and_the_end_names_it(
    sweeps: Sweeps, campaign: str, monkeypatch: pytest.MonkeyPatch
):
    done = []

    def broken() -> dict[str, Any]:
        raise ProdOpsError("no inputs")

    monkeypatch.setattr(flow, "_update_evgen", broken)
    monkeypatch.setattr(flow, "_sweep_arrivals", lambda: done.append("arrivals") or {"files": 0})
    sweeps.campaigns = [known(campaign)]
    ended = sweeps.run("sweep_producing_campaigns")
    assert (ended.state, ended.error) == ("failed", "evgen_rucio_update: no inputs")
    assert done == ["arrivals"]
    assert sweeps.events("rucio_snapshot_ready")[0]["ok"] is True
    assert sweeps.campaign(campaign).state == SweepState.OK


# ------------------------------------------------------------------ one DID


def test_a_dataset_is_read_with_its_files_and_their_places(sweeps: Sweeps, campaign: str):
    name = name_of(campaign, "DIS/NC")
    sweeps.produce(listed(name, files=3, BNL_XRD=2, EIC_XRD=3))
    ended = sweeps.run("read_did", scope="epic", name=name)
    assert ended.state == RequestState.COMPLETED, ended.error
    (row,) = sweeps.rows(LiveDid)
    assert (row.is_there, row.error, row.body["file_count"]) == (True, None, 3)
    assert row.body["metadata"]["length"] == 3
    assert [(rse["rse"], rse["files"]) for rse in row.body["rses"]] == [
        ("BNL-XRD", 2),
        ("EIC-XRD", 3),
    ]
    states = {
        (replica["rse"], replica["state"])
        for file in row.body["files"]
        for replica in file["replicas"]
    }
    assert ("EIC-XRD", "AVAILABLE") in states
    (event,) = sweeps.events("rucio_did_ready")
    assert (event["ok"], event["name"], event["is_there"]) == (True, name, True)


def test_a_file_is_read_with_its_places(sweeps: Sweeps, campaign: str):
    name = name_of(campaign, "DIS/NC")
    sweeps.produce(listed(name, files=1))
    with sweeps.grid.api() as api:
        (file,) = api.get("dids", "epic", name, "files")
    sweeps.run("read_did", scope="epic", name=file["name"])
    (row,) = sweeps.rows(LiveDid)
    (shown,) = row.body["files"]
    assert (shown["bytes"], shown["adler32"]) == (file["bytes"], file["adler32"])
    assert shown["replicas"][0]["rse"] == "BNL-XRD"


def test_a_summary_that_the_replicas_contradict_is_said_of_a_live_reading(
    sweeps: Sweeps, campaign: str
):
    name = name_of(campaign, "DIS/NC")
    sweeps.produce(listed(name, files=3, BNL_XRD=3, EIC_XRD=3))
    with sweeps.grid.connect() as connection:
        connection.execute(
            "UPDATE replicas SET state = 'U' WHERE name = %s AND rse_id = "
            "(SELECT id FROM rses WHERE rse = 'EIC-XRD')",
            (f"{name}/NC.0001.eicrecon.edm4eic.root",),
        )
        connection.execute("UPDATE dids SET length = 4 WHERE name = %s AND did_type = 'D'", (name,))
    sweeps.run("read_did", scope="epic", name=name)
    (row,) = sweeps.rows(LiveDid, name=name)
    assert row.body["availability"] == "incomplete"
    assert row.body["contradictions"] == [
        "the dataset's length is 4, and 3 files are listed",
        "EIC-XRD: its summary has 3 files available, and 2 files are there",
    ]


def test_a_did_that_is_not_there_is_told_as_that(sweeps: Sweeps, campaign: str):
    ended = sweeps.run("read_did", scope="epic", name=name_of(campaign, "none"))
    assert ended.state == RequestState.COMPLETED
    (row,) = sweeps.rows(LiveDid)
    assert (row.is_there, row.body, row.read_at is not None) == (False, {}, True)


def test_what_was_read_stays_while_rucio_is_away(sweeps: Sweeps, campaign: str):
    name = name_of(campaign, "DIS/NC")
    sweeps.produce(listed(name))
    sweeps.run("read_did", scope="epic", name=name)
    with rucio_away():
        ended = sweeps.run("read_did", scope="epic", name=name)
    assert ended.state == RequestState.FAILED
    (row,) = sweeps.rows(LiveDid)
    assert (row.is_there, row.body["file_count"]) == (True, 3)
    assert row.error == ended.error
    assert row.attempted_at > row.read_at
    assert sweeps.events("rucio_did_ready")[-1]["ok"] is False


# ------------------------------------------------------------------ another's PCS


def test_the_embedded_pcs_is_not_told(sweeps: Sweeps, campaign: str):
    sweeps.campaigns = [known(campaign)]
    sweeps.sweep(campaign)
    assert "outputs_told" not in sweeps.campaign(campaign).counts


def test_another_s_pcs_is_told_what_changed_and_nothing_else_of_it_is_touched(
    sweeps: Sweeps, campaign: str, monkeypatch: pytest.MonkeyPatch
):
    sweeps.produce(listed(name_of(campaign, "DIS/NC/10x100"), files=3))
    sweeps.campaigns = [known(campaign)]
    with fake_pcs() as pcs:
        pcs.add("one", dataset=1, overrides={"n_jobs": 4})
        pcs.add("two", dataset=1, overrides=None)
        monkeypatch.setenv("PRODOPS_PCS_URL", pcs.url)
        settings.cache_clear()
        sweeps.requested = [
            asking("one", "DIS/NC/10x100", campaign, key=1, overrides={"n_jobs": 4}),
            asking("two", "DIS/CC", campaign, key=2),
        ]
        sweeps.sweep(campaign)
        told = pcs.tasks["one"]["overrides"]
    assert told["n_jobs"] == 4
    (output,) = told["outputs"]
    assert output.pop("checked_at")
    assert output == {
        "did": f"epic:{name_of(campaign, 'DIS/NC/10x100')}", "stage": "RECO", "version": campaign,
        "filters": {"detector": "epic_craterlake", "beam": "10x100", "physics": "NC"},
        "rses": [{"rse": "BNL-XRD", "files": 3, "total": 3, "complete": True}],
        "file_count": 3, "bytes": 3000, "complete": True,
    }  # fmt: skip
    counts = sweeps.campaign(campaign).counts
    assert (counts["outputs_told"], counts["outputs_refused"]) == (1, 0)
    assert ("two", "PATCH") not in pcs.asked


def test_a_pcs_that_refuses_the_outputs_fails_nothing(
    sweeps: Sweeps, campaign: str, monkeypatch: pytest.MonkeyPatch, free_port: int
):
    sweeps.produce(listed(name_of(campaign, "DIS/NC")))
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [asking("one", "DIS/NC", campaign)]
    monkeypatch.setenv("PRODOPS_PCS_URL", f"http://127.0.0.1:{free_port}")
    settings.cache_clear()
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    assert sweeps.campaign(campaign).counts["outputs_refused"] == 1


@pytest.mark.parametrize("how", same("full", "read-only"))
def test_a_snapshot_on_a_disk_that_takes_nothing_keeps_the_old_files_and_heals(
    sweeps: Sweeps, campaign: str, how: str
):
    first, second = f"{campaign}0", f"{campaign}1"
    sweeps.campaigns = [known(first), known(second, "last")]
    with small_disk(sweeps.place / "public", mebibytes=1) as disk:
        assert sweeps.run("rucio_snapshot_update").state == RequestState.COMPLETED
        before = file_of(sweeps, f"current-{first}.json")
        reason = disk.spoil(how)
        ended = sweeps.run("rucio_snapshot_update")
        assert (ended.state, (ended.error or "").count(reason)) == ("failed", 2)
        assert file_of(sweeps, f"current-{first}.json") == before
        assert {sweeps.campaign(name).state for name in (first, second)} == {SweepState.OK}
        disk.heal()
        ended = sweeps.run("rucio_snapshot_update")
        assert ended.state == RequestState.COMPLETED, ended.error
        assert file_of(sweeps, f"current-{first}.json")["fetched_at"] >= before["fetched_at"]
        left = {each.name for each in (disk.path / "rucio-snapshots").glob("*.json.*")}
        assert left == set()
