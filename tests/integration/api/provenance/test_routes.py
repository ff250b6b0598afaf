"""Provenance over REST: what was produced of what was requested, and asking for a new look."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from flows.common.callers import ALL, Scope
from flows.common.database import now, transaction
from flows.common.models import Request
from flows.provenance.models import (
    ArrivalsSweep,
    CompletionReport,
    DetectedRelease,
    LiveDid,
    ProducedDataset,
    Rule,
    SweepState,
)
from tests.integration.api.http.test_openapi import STEPS, operations, seams, some
from tests.integration.api.provenance.pages.test_did import body_of
from tests.pcs_client import Pcs
from tests.produced import ROOT, SweptCampaign

pytestmark = pytest.mark.integration


ANNA = {"X-Remote-User": "anna", "Content-Type": "application/json"}


@pytest.fixture
def token_scopes() -> frozenset[Scope]:
    """An operator's."""
    return ALL


NAME = "26.05.0"
CONFIG = "epic_craterlake"
SUFFIX = "DIS/NC/10x100/minQ2=1"
DATASET = f"/RECO/{NAME}/{CONFIG}/{SUFFIX}"
BASE = "/api/provenance"


@pytest.fixture
def pcs(api) -> Pcs:
    return Pcs(api)


@pytest.fixture
def campaign(database) -> SweptCampaign:
    swept = SweptCampaign(database.ops_engine, NAME)
    swept.swept(seconds=2.5)
    swept.path(SUFFIX, configs=[CONFIG, "other"], files={"BNL-XRD": (34, 34), "NEW-XRD": (5, 34)})
    swept.path("DIS/CC/5x41", reason="nothing is there")
    swept.path("DIS/pythia8.316-1.1/10x100", configs=["old"], rule=Rule.VERSION)
    swept.unmatched("DIS/extra")
    return swept


def asked(database) -> list[tuple[str, dict, str]]:
    with transaction(database.ops_engine) as session:
        rows = session.scalars(select(Request).order_by(Request.id))
        return [(each.action, each.parameters, each.requested_by) for each in rows]


# ------------------------------------------------------------------ campaigns


def test_campaigns_tell_how_their_last_look_ended(campaign, pcs):
    pcs.add("campaigns", name="26.06.0", lifecycle="producing")
    told = pcs.http.get(f"{BASE}/campaigns/").json()
    assert [(each["campaign"], each["state"], each["lifecycle"]) for each in told] == [
        ("26.06.0", "never", "producing"), (NAME, "ok", None),
    ]  # fmt: skip
    assert told[1]["age_seconds"] < 60


def test_a_campaign_is_counted(campaign, api):
    told = api.get(f"{BASE}/campaigns/{NAME}/").json()
    assert told["counts"] == {
        "requested": 3, "found": 1, "missing": 2, "unknown": 0, "complete": 0,
        "replicating": 1, "tape": 0, "incomplete": 0, "datasets": 4, "unmatched": 2,
        "contradictory": 0, "files": 34 * 2 + 3 + 2, "size_bytes": 73 * 10**9,
    }  # fmt: skip
    assert told["rses"] == ["BNL-XRD", "NEW-XRD"]


def test_a_failed_look_leaves_counts_and_says_so(campaign, api):
    before = api.get(f"{BASE}/campaigns/{NAME}/").json()
    campaign.swept(SweepState.FAILED, error="401", attempted_at=now() + timedelta(hours=1))
    told = api.get(f"{BASE}/campaigns/{NAME}/").json()
    assert (told["state"], told["error"], told["counts"]) == ("failed", "401", before["counts"])
    path = api.get(f"{BASE}/campaigns/{NAME}/paths/").json()["results"][0]
    assert path["error"] == "401"


def test_a_path_is_given_once_for_each_detector_configuration(campaign, api):
    told = api.get(f"{BASE}/campaigns/{NAME}/paths/?finding=found").json()
    assert [each["detector_config"] for each in told["results"]] == [CONFIG, "other"]
    first = told["results"][0]
    assert (first["requested_path"], first["suffix"], first["found"]) == (
        f"{ROOT}/{SUFFIX}", SUFFIX, True,
    )  # fmt: skip
    [match] = first["dids"]
    assert (match["did"], match["rule"], match["complete"]) == (f"epic:{DATASET}", "exact", False)
    assert [(rse["rse"], rse["files"], rse["total"], rse["complete"]) for rse in match["rses"]] == [
        ("BNL-XRD", 34, 34, True), ("NEW-XRD", 5, 34, False),
    ]  # fmt: skip


def test_a_suggestion_finds_nothing(campaign, api):
    told = api.get(f"{BASE}/campaigns/{NAME}/paths/?finding=missing").json()
    by_suffix = {each["suffix"]: each for each in told["results"]}
    path = by_suffix["DIS/pythia8.316-1.1/10x100"]
    assert (path["found"], path["dids"], len(path["suggestions"])) == (False, [], 1)
    assert by_suffix["DIS/CC/5x41"]["reason"] == "nothing is there"


def test_what_nobody_requested_is_listed(campaign, api):
    told = api.get(f"{BASE}/campaigns/{NAME}/unmatched/").json()
    assert [each["did"].rsplit("/", 1)[-1] for each in told] == ["extra", "10x100"]


def test_arrivals_are_binned_by_12_hours(campaign, api, database):
    with transaction(database.ops_engine) as session:
        for row in session.scalars(select(ProducedDataset)):
            row.arrived_at = now().replace(hour=13, minute=5)
    [told] = api.get(f"{BASE}/campaigns/{NAME}/arrivals/").json()
    assert (told["at"][11:16], told["datasets"], told["stage"]) == ("12:00", 4, "RECO")


UNKNOWN = ("campaigns/99.9/", "campaigns/99.9", "campaigns/99.9/paths/",
           "campaigns/99.9/unmatched/", "campaigns/99.9/arrivals/")  # fmt: skip


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_campaign_is_404_and_names_the_known_ones(campaign, api, path):
    answer = api.get(f"{BASE}/{path}")
    detail = answer.json()["detail"]
    assert (answer.status_code, "99.9" in detail, NAME in detail) == (404, True, True)


# ------------------------------------------------------------------ asking


def test_a_sweep_is_asked_for_once(campaign, api, database):
    first = api.post(f"{BASE}/campaigns/{NAME}/sweep/")
    again = api.post(f"{BASE}/campaigns/{NAME}/sweep/")
    assert (first.status_code, first.json()["is_new"], again.json()["is_new"]) == (202, True, False)
    wanted = {"campaign": NAME}
    assert asked(database) == [("campaign_provenance_sweep", wanted, "tester")]
    assert api.get(f"{BASE}/campaigns/{NAME}/").json()["request_id"] == first.json()["request_id"]


def test_pcs_doors_answer_as_the_contract_says(pcs, database):
    pcs.add("campaigns", name=NAME, lifecycle="last")
    for path in ("prod-tasks/rucio-snapshot-update/", "prod-tasks/evgen-rucio-update/",
                 f"campaigns/{NAME}/sweep/", f"campaigns/{NAME}/report/",
                 "campaigns/EVGEN/sweep/"):  # fmt: skip
        answer = pcs.send("POST", path)
        assert (answer.status_code, answer.json()) == (202, {"status": "queued"}), path
    assert [action for action, _, _ in asked(database)] == [
        "rucio_snapshot_update", "evgen_rucio_update", "campaign_provenance_sweep",
        "report_completion",
    ]  # fmt: skip


@pytest.mark.parametrize("slash", ["", "/"])
def test_pcs_doors_need_neither_slash_cookie_nor_body(pcs, served_api, slash):
    pcs.add("campaigns", name=NAME)
    with served_api.client(token=None) as proxy:
        for path in ("prod-tasks/evgen-rucio-update", f"campaigns/{NAME}/sweep"):
            answer = proxy.post(f"/pcs/api/{path}{slash}", headers=ANNA)
            assert answer.status_code == 202


def test_the_proxys_user_is_on_record(pcs, served_api, database):
    with served_api.client(token=None) as proxy:
        proxy.post("/pcs/api/prod-tasks/evgen-rucio-update/", headers=ANNA)
    assert [by for _, _, by in asked(database)] == ["anna"]


def test_without_a_producing_campaign_no_snapshot_is_made(pcs, database):
    pcs.add("campaigns", name=NAME)
    answer = pcs.send("POST", "prod-tasks/rucio-snapshot-update/")
    assert (answer.status_code, answer.json()) == (
        400, {"detail": "No current Campaign defined in PCS."},
    )  # fmt: skip
    assert asked(database) == []


def test_a_sweep_of_an_unknown_campaign_is_404(campaign, pcs, database):
    for path in ("/pcs/api/campaigns/99.9/sweep/", f"{BASE}/campaigns/99.9/sweep/"):
        answer = pcs.http.post(path)
        assert (answer.status_code, NAME in answer.json()["detail"]) == (404, True)
    assert pcs.http.post(f"{BASE}/campaigns/a b/sweep/").status_code == 400
    assert asked(database) == []


def test_a_release_that_rucio_has_and_a_family_may_be_swept(database, api):
    with transaction(database.ops_engine) as session:
        session.add(DetectedRelease(version="26.07.1", datasets=3, checked_at=now()))
    for name in ("26.07.1", "26.07"):
        assert api.post(f"{BASE}/campaigns/{name}/sweep/").status_code == 202
    assert api.post(f"{BASE}/campaigns/26.0/sweep/").status_code == 404


def test_who_may_not_write_asks_for_nothing(campaign, served_api, database):
    with served_api.client(token=None) as nobody:
        for path in ("/pcs/api/prod-tasks/evgen-rucio-update/", f"{BASE}/campaigns/{NAME}/sweep/",
                     f"{BASE}/reports/", f"{BASE}/dids/?did=epic:/RECO/x"):  # fmt: skip
            assert nobody.post(path).status_code == 403
    assert asked(database) == []


# ------------------------------------------------------------------ DIDs


def test_a_did_tells_files_and_lineage(campaign, api):
    names = campaign.files(DATASET, 120)
    told = api.get(f"{BASE}/dids/?did=epic:{DATASET}&page=1").json()
    assert [each["name"] for each in told["files"]] == names[:100]
    assert told["requested_paths"] == [
        {"campaign": NAME, "path": f"{ROOT}/{SUFFIX}", "rule": "exact"}
    ]
    assert told["inputs"] == [f"epic:/EVGEN/{SUFFIX}"]


def test_what_rucio_said_of_a_did_is_told(api, database):
    body = {"metadata": {"length": 3}}
    with transaction(database.ops_engine) as session:
        session.add(LiveDid(scope="epic", name="/RECO/x", is_there=True, body=body,
                            read_at=now(), attempted_at=now()))  # fmt: skip
    told = api.get(f"{BASE}/dids/?did=epic:/RECO/x").json()
    assert (told["dataset"], told["live"]["body"]) == (None, body)


def test_a_did_that_nobody_knows_is_404_and_may_be_read(api, database):
    assert api.get(f"{BASE}/dids/?did=epic:/RECO/x").json()["live"] is None
    assert api.post(f"{BASE}/dids/?did=epic:/RECO/x").status_code == 202
    assert asked(database)[0][:2] == (
        "read_did", {"scope": "epic", "name": "/RECO/x"},
    )  # fmt: skip


@pytest.mark.parametrize("did", ["", "x", "a b:/x", "epic:x", "epic:/../x"])
def test_a_bad_did_is_400_and_named(api, did):
    for answer in (api.get(f"{BASE}/dids/?did={did}"), api.post(f"{BASE}/dids/?did={did}")):
        assert (answer.status_code, "did" in str(answer.json())) == (400, True)


# ------------------------------------------------------------------ reports and arrivals


@pytest.fixture
def report(database) -> int:
    with transaction(database.ops_engine) as session:
        row = CompletionReport(campaign=NAME, body=body_of(), markdown="# Completion\n")
        session.add(row)
        session.flush()
        return row.id


def test_a_report_comes_in_three_forms(api, report):
    assert [each["id"] for each in api.get(f"{BASE}/reports/?campaign={NAME}").json()] == [report]
    assert api.get(f"{BASE}/reports/{report}/").json()["body"]["campaign"] == NAME
    assert api.get(f"{BASE}/reports/{report}.md").text == "# Completion\n"
    answer = api.get(f"{BASE}/reports/{report}.csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["path"], row["requestor"]) == (f"{ROOT}/{SUFFIX}", "'=edt")
    for form in ("/", ".md", ".csv"):
        assert api.get(f"{BASE}/reports/{report + 1}{form}").status_code == 404


def test_a_report_is_asked_for(campaign, api, database):
    assert api.post(f"{BASE}/reports/", json={"campaign": NAME, "mail": False}).status_code == 202
    assert asked(database)[0][1] == {"campaign": NAME, "mail": False}
    assert api.post(f"{BASE}/reports/", json={"campaign": "99"}).status_code == 404


def test_the_arrivals_of_the_last_looks_are_told(api, database):
    by_campaign = {"26.09.0": {"files": 3, "datasets": {"/RECO/26.09.0/x/y": 3}, "is_known": False}}
    with transaction(database.ops_engine) as session:
        session.add(
            ArrivalsSweep(window_start=now(), swept_at=now(), files=3, by_campaign=by_campaign)
        )
    [told] = api.get(f"{BASE}/arrivals/").json()
    assert (told["files"], told["by_campaign"]) == (3, by_campaign)


# ------------------------------------------------------------------ PCS's own view


def test_a_campaign_of_pcs_tells_what_provenance_knows(campaign, pcs, database):
    pcs.add("campaigns", name=NAME, data={"note": "mine"})
    arrived = {NAME: {"files": 3, "datasets": {DATASET: 3}, "is_known": True},
               "26.05.01": {"files": 9, "datasets": {}, "is_known": False}}  # fmt: skip
    with transaction(database.ops_engine) as session:
        for version in ("26.9.0", "26.10.0"):
            session.add(DetectedRelease(version=version, datasets=1, checked_at=now()))
        session.add(ArrivalsSweep(window_start=now(), swept_at=now(), files=3, by_campaign=arrived))
    data = pcs.good("GET", f"campaigns/{NAME}/")["data"]
    assert data["note"] == "mine"
    assert [each["version"] for each in data["detected_releases"]] == ["26.10.0", "26.9.0"]
    assert (data["arrivals"]["files"], data["arrivals"]["by_root"]) == (3, {f"/RECO/{NAME}": 3})
    lone = data["rucio_unmatched"][0]
    assert (lone["stage"], lone["rse_names"], lone["incomplete"]) == ("RECO", ["BNL-XRD"], 0)
    assert lone["by_stage"]["RECO"]["rses"] == {"BNL-XRD": {"complete": 1, "incomplete": 0}}


def test_a_campaign_that_was_never_swept_has_only_its_own_data(pcs):
    pcs.add("campaigns", name=NAME, data={"note": "mine"})
    assert pcs.good("GET", f"campaigns/{NAME}/")["data"] == {"note": "mine"}


# ------------------------------------------------------------------ whatever is sent


@pytest.mark.parametrize("step", STEPS)
def test_no_awkward_value_is_a_server_error(campaign, api, report, subtests, step):
    found = operations(api.get("/openapi.json").json())
    ours = [each for each in found if each.path.startswith(BASE)]
    assert len(ours) > 12
    keys = {f"{BASE}/reports/{{report_id}}{form}": str(report) for form in ("/", ".md", ".csv")}
    keys |= {each.path: NAME for each in ours if "{name}" in each.path}
    for number, operation in enumerate(ours):
        with subtests.test(operation.label):
            for request in some(seams(operation, keys), number, step):
                answer = api.request(**request)
                assert answer.status_code < 500, (request, answer.text)
