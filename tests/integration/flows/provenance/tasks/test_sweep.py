"""The sweep of a campaign on a real Rucio: what is found, what stands, what is told."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from deployments.sandbox.grid import catalogue
from flows.common.database import transaction
from flows.common.models import RequestState
from flows.provenance.models import (
    Finding,
    PathMatch,
    ProducedFile,
    RequestedPath,
    Rule,
    SweepState,
)
from tests.sweeps import ROOT, Sweeps, asking, known, listed, sweeps

pytestmark = pytest.mark.integration
__all__ = ["sweeps"]


def at(campaign: str, rest: str, stage: str = "RECO", detector: str = "epic_craterlake") -> str:
    return f"/{stage}/{campaign}/{detector}/{rest}"


def test_a_sweep_counts_what_was_seeded(sweeps: Sweeps, campaign: str):
    sweeps.produce(
        listed(at(campaign, "DIS/NC"), files=4, BNL_XRD=4, JLAB_TAPE_SE=4),
        listed(at(campaign, "DIS/CC"), files=9, BNL_XRD=5, NEW_XRD=9),
        listed(at(campaign, "nobody/asked"), files=2),
    )
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [
        asking("one", "DIS/NC/", campaign), asking("two", "DIS/CC", campaign),
        asking("three", "SIDIS"),
    ]  # fmt: skip
    ended = sweeps.sweep(campaign)
    assert ended.state == RequestState.COMPLETED, ended.error
    counts = sweeps.campaign(campaign).counts
    assert counts == {
        "requested": 3, "found": 2, "complete": 1, "replicating": 1, "tape": 0, "incomplete": 0,
        "missing": 1, "unknown": 0, "datasets": 3, "unmatched": 1, "contradictory": 0, "files": 15,
        "size_bytes": 15_000,
    }  # fmt: skip
    partly = sweeps.datasets(campaign)[at(campaign, "DIS/CC")]
    assert [(e["rse"], e["files"], e["total"], e["complete"]) for e in partly.rses] == [
        ("BNL-XRD", 5, 9, False),
        ("NEW-XRD", 9, 9, True),
    ]
    assert (partly.length, partly.size_bytes, partly.file_count) == (9, 9000, 9)
    assert (partly.availability, partly.owner_task, partly.is_open) == ("replicating", "two", False)
    types = {
        each["rse"]: each["type"] for row in sweeps.datasets(campaign).values() for each in row.rses
    }
    assert types == {"BNL-XRD": "DISK", "JLAB-TAPE-SE": "TAPE", "NEW-XRD": "DISK"}
    assert partly.arrived_at is not None


def test_a_summary_that_contradicts_the_list_of_files_is_never_complete(
    sweeps: Sweeps, campaign: str
):
    less, more, none = (at(campaign, f"DIS/{each}") for each in ("less", "more", "none"))
    sweeps.produce(*(listed(name, files=34, BNL_XRD=34) for name in (less, more, none)))
    with sweeps.grid.connect() as connection:
        for name, available, length in ((less, 30, 30), (more, 36, 34), (none, 0, 0)):
            connection.execute(
                "UPDATE collection_replicas SET available_replicas_cnt = %s, length = %s "
                "WHERE name = %s",
                (available, length, name),
            )
    sweeps.campaigns = [known(campaign)]
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    rows = sweeps.datasets(campaign)
    assert {row.availability for row in rows.values()} == {"incomplete"}
    assert {name: row.contradictions for name, row in rows.items()} == {
        less: ["BNL-XRD: its summary counts 30 files, and 34 files are listed"],
        more: ["BNL-XRD: its summary has 36 of 34 files available"],
        none: ["BNL-XRD: its summary counts 0 files, and 34 files are listed"],
    }
    assert sweeps.campaign(campaign).counts["contradictory"] == 3


def test_twins_are_swept_by_their_exact_names_and_their_files_count_once(
    sweeps: Sweeps, campaign: str
):
    name = at(campaign, "SINGLE/e-/1GeV")
    twins = [f"{name}/", name.replace("/SINGLE", "//SINGLE")]
    sweeps.produce(listed(name, files=3), listed(at(campaign, "SINGLE/e+/1GeV"), files=2))
    with sweeps.grid.api() as api:
        files = [
            {"scope": "epic", "name": row["name"]} for row in api.get("dids", "epic", name, "files")
        ]
        dids = [{"scope": "epic", "name": twin, "type": "DATASET"} for twin in twins]
        api.post("dids", body=dids)
        held = [
            {"scope": "epic", "name": twin, "dids": files[: number + 1]}
            for number, twin in enumerate(twins)
        ]
        api.post("dids", "attachments", body={"attachments": held, "ignore_duplicate": False})
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [asking("one", "SINGLE/e-/1GeV", campaign)]
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    rows = sweeps.datasets(campaign)
    assert [rows[each].file_count for each in (name, *twins)] == [3, 1, 2]
    assert {rows[each].suffix for each in (name, *twins)} == {"SINGLE/e-/1GeV"}
    assert [rows[each].counted_files for each in (name, *twins)] == [3, 0, 0]
    counts = sweeps.campaign(campaign).counts
    assert (counts["datasets"], counts["files"], counts["size_bytes"]) == (4, 5, 5000)
    assert sweeps.paths(campaign)["SINGLE/e-/1GeV"].finding == Finding.FOUND


def test_a_task_of_another_campaign_owns_nothing_here(sweeps: Sweeps, campaign: str):
    sweeps.produce(listed(at(campaign, "DIS/NC")), listed(at(campaign, "DIS/CC")))
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [
        asking("draft", "DIS/NC", "26.04.0"), asking("a-draft", "DIS/CC", "26.04.0"),
        asking("own", "DIS/CC", campaign),
    ]  # fmt: skip
    sweeps.sweep(campaign)
    rows = {row.suffix: row.owner_task for row in sweeps.datasets(campaign).values()}
    assert rows == {"DIS/NC": None, "DIS/CC": "own"}
    path = sweeps.paths(campaign)["DIS/NC"]
    assert (path.finding, path.campaign_tasks, path.other_tasks) == (Finding.FOUND, [], ["draft"])


def test_the_end_is_told_with_its_summary(sweeps: Sweeps, campaign: str):
    sweeps.produce(listed(at(campaign, "DIS/NC")))
    sweeps.campaigns = [known(campaign)]
    ended = sweeps.sweep(campaign)
    (event,) = sweeps.events("campaign_provenance_ready")
    assert (event["campaign"], event["ok"], event["request_id"]) == (campaign, True, ended.id)
    assert event["summary"]["datasets"] == 1
    assert ended.result == {"campaign": campaign, **event["summary"]}
    assert sweeps.events("provenance_progress")[0]["action"] == "campaign_provenance_sweep"


def test_files_have_the_size_and_checksum_that_rucio_says(sweeps: Sweeps, campaign: str):
    name = at(campaign, "DIS/NC")
    sweeps.produce(listed(name, files=3))
    sweeps.campaigns = [known(campaign)]
    sweeps.sweep(campaign)
    files = sweeps.rows(ProducedFile, dataset_id=sweeps.datasets(campaign)[name].id)
    with sweeps.grid.api() as api:
        told = {row["name"]: row for row in api.get("dids", "epic", name, "files")}
    assert {f.name: (f.size_bytes, f.adler32) for f in files} == {
        name: (row["bytes"], row["adler32"]) for name, row in told.items()
    }
    assert len(files) == 3


def test_a_file_is_found_in_the_dataset_of_its_directory(sweeps: Sweeps, campaign: str):
    # Seeded files begin with the last part of their dataset's name.
    sweeps.produce(listed(at(campaign, "EXCLUSIVE/UPSILON_ABCONV"), files=2))
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [
        asking("one", "EXCLUSIVE/UPSILON_ABCONV/UPSILON_ABCONV.hepmc3.tree.root"),
        asking("two", "EXCLUSIVE/UPSILON_ABCONV/other.hepmc3.tree.root"),
    ]
    sweeps.sweep(campaign)
    (match,) = sweeps.rows(PathMatch, campaign=campaign)
    assert (match.rule, match.file_count) == (Rule.FILE, 2)
    assert (
        sweeps.paths(campaign)["EXCLUSIVE/UPSILON_ABCONV/other.hepmc3.tree.root"].reason
        == "no file that was made of it"
    )


def test_a_family_takes_all_of_its_editions(sweeps: Sweeps, campaign: str):
    family = campaign.rsplit(".", 1)[0]
    sweeps.produce(listed(at(campaign, "DIS/NC")), listed(at(f"{campaign}1", "DIS/CC")))
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [asking("one", "DIS/NC", campaign), asking("two", "DIS/CC")]
    ended = sweeps.sweep(family)
    assert ended.state == RequestState.COMPLETED, ended.error
    paths = sweeps.paths(family)
    assert paths["DIS/NC"].finding == paths["DIS/CC"].finding == Finding.FOUND
    assert (paths["DIS/NC"].campaign_tasks, paths["DIS/CC"].campaign_tasks) == (["one"], [])
    assert list(sweeps.datasets(campaign)) == [at(campaign, "DIS/NC")]


def test_an_unknown_campaign_is_refused_and_leaves_nothing(sweeps: Sweeps):
    sweeps.campaigns = [known("26.05.0"), known("26.06.0", "past")]
    ended = sweeps.sweep("nope")
    assert ended.state == RequestState.FAILED
    assert "no campaign 'nope'" in (ended.error or "")
    assert "26.05.0, 26.06.0" in (ended.error or "")
    (event,) = sweeps.events("campaign_provenance_ready")
    assert (event["ok"], event["campaign"]) == (False, "nope")
    assert sweeps.rows(RequestedPath) == []


def test_a_campaign_that_has_nothing_yet_is_missing_not_unknown(sweeps: Sweeps, campaign: str):
    sweeps.campaigns = [known(campaign, "future")]
    sweeps.requested = [asking("one", "DIS/NC", campaign)]
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    assert sweeps.paths(campaign)["DIS/NC"].finding == Finding.MISSING
    assert sweeps.campaign(campaign).state == SweepState.OK


def test_an_open_dataset_and_one_without_replicas_are_incomplete(sweeps: Sweeps, campaign: str):
    still_open, nowhere = at(campaign, "open"), at(campaign, "nowhere")
    with sweeps.grid.api() as api:
        for name in (still_open, nowhere):
            api.post("dids", "epic", name, body={"type": "DATASET"})
        api.put("dids", "epic", nowhere, "status", body={"open": False})
    sweeps.campaigns = [known(campaign)]
    ended = sweeps.sweep(campaign)
    assert ended.state == RequestState.COMPLETED, ended.error
    assert sweeps.datasets(campaign)[nowhere].is_open is False
    row = sweeps.datasets(campaign)[still_open]
    assert (row.length, row.size_bytes, row.is_open) == (None, None, True)
    assert (row.rses, row.availability, row.file_count) == ([], "incomplete", 0)
    assert row.arrived_at is None


def test_what_went_from_rucio_goes_with_its_matches(sweeps: Sweeps, campaign: str):
    gone, kept = at(campaign, "DIS/NC"), at(campaign, "DIS/CC")
    sweeps.produce(listed(gone), listed(kept))
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [asking("one", "DIS/NC"), asking("two", "DIS/CC")]
    sweeps.sweep(campaign)
    with sweeps.grid.connect() as connection:
        catalogue.remove(connection, "epic", [gone])
    assert sweeps.sweep(campaign).state == RequestState.COMPLETED
    assert list(sweeps.datasets(campaign)) == [kept]
    assert [row.path for row in sweeps.rows(PathMatch)] == [f"{ROOT}/DIS/CC"]
    assert len(sweeps.rows(ProducedFile)) == 3


def test_files_that_are_as_they_were_are_not_written_again(sweeps: Sweeps, campaign: str):
    sweeps.produce(listed(at(campaign, "DIS/NC")))
    sweeps.campaigns = [known(campaign)]
    written = text("SELECT array_agg(xmin::text || ctid::text ORDER BY name) FROM provenance_file")
    versions = []
    for _ in range(2):
        sweeps.sweep(campaign)
        with transaction(sweeps.database.ops_engine) as session:
            versions.append(session.scalar(written))
    assert versions[0] == versions[1]


def test_a_path_that_nobody_asks_for_any_more_goes(sweeps: Sweeps, campaign: str):
    sweeps.campaigns = [known(campaign)]
    sweeps.requested = [asking("one", "DIS/NC"), asking("two", "DIS/CC")]
    sweeps.sweep(campaign)
    sweeps.requested = [asking("two", "DIS/CC", priority=2, requestor="excl")]
    sweeps.sweep(campaign)
    ((suffix, row),) = sweeps.paths(campaign).items()
    assert (suffix, row.priority, row.requestor, row.tasks) == ("DIS/CC", 2, "excl", ["two"])
