"""The pages of a DID and of completion reports, and a task's outputs."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from flows.common import requests
from flows.common.database import now, transaction
from flows.common.models import Request
from flows.provenance.models import (
    EVGEN,
    Availability,
    CompletionReport,
    LiveDid,
    ProducedDataset,
)
from tests.cases import same
from tests.pcs_client import Pcs
from tests.produced import (
    CONFIG,
    DATASET,
    NAME,
    ROOT,
    SUFFIX,
    SweptCampaign,
    campaign_of_each_kind,
    produced,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def campaign(database) -> SweptCampaign:
    return campaign_of_each_kind(database.ops_engine)


@pytest.fixture
def reader(served_api):
    """A browser that has not been here before, and keeps no cookie."""
    with served_api.client(token=None) as browser:
        yield browser


def did_page(reader, did: str, more: str = ""):
    return reader.get(f"/pcs/did/?did={did}{more}")


def asked_for(database) -> list[str]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(select(Request.subject).filter_by(action="read_did")))


def looked(database, name: str, **columns: object) -> None:
    row = {
        "scope": "epic",
        "name": name,
        "is_there": False,
        "read_at": now(),
        "attempted_at": now(),
    }
    with transaction(database.ops_engine) as session:
        session.merge(LiveDid(**row | columns))


def test_a_did_shows_files_and_lineage(campaign, reader, api, database):
    pcs = Pcs(api)
    task = pcs.make_task()
    names = campaign.files(DATASET, 150)
    with transaction(database.ops_engine) as session:
        row = session.query(ProducedDataset).filter_by(name=DATASET).one()
        row.owner_task, row.file_count = task["name"], 150
        session.add(evgen_dataset())
    page = html.unescape(did_page(reader, f"epic:{DATASET}").text).replace("<wbr>", "")
    for told in (names[0], "0a1b2c3d", f"{ROOT}/{SUFFIX}", task["name"], f"epic:/EVGEN/{SUFFIX}",
                 "NEW-XRD", "Page 1 of 2"):  # fmt: skip
        assert told in page
    second = did_page(reader, f"epic:{DATASET}", "&files=2").text.replace("<wbr>", "")
    assert names[120] in second
    assert names[0] not in second


def test_a_task_that_only_asked_for_the_path_is_not_the_datasets_task(campaign, reader):
    campaign.path("DDIS/5x41", configs=[CONFIG], tasks=["draft"], campaign_tasks=[])
    page = did_page(reader, f"epic:/RECO/{NAME}/{CONFIG}/DDIS/5x41").text
    assert 'requested by</span> <a href="/pcs/tasks/draft/">draft</a>' in page
    assert '<span class="hint">task</span>' not in page


def evgen_dataset() -> ProducedDataset:
    return ProducedDataset(
        scope="epic", name=f"/EVGEN/{SUFFIX}", campaign=EVGEN, stage=EVGEN, detector_config="",
        suffix=SUFFIX, file_count=7, file_bytes=7, counted_files=7, counted_bytes=7, rses=[],
        availability=Availability.COMPLETE, contradictions=[], checked_at=now(),
    )  # fmt: skip


def test_an_input_shows_what_was_made_of_it(campaign, reader, database):
    with transaction(database.ops_engine) as session:
        session.add(evgen_dataset())
    page = did_page(reader, f"epic:/EVGEN/{SUFFIX}").text
    assert page.count(">gave<") == 2


def test_an_input_is_not_said_to_lack_before_the_inputs_were_swept(campaign, reader, database):
    assert "not known whether it is registered" in did_page(reader, f"epic:{DATASET}").text
    SweptCampaign(database.ops_engine, EVGEN).swept()
    assert "not registered, as of the last sweep" in did_page(reader, f"epic:{DATASET}").text


def test_the_path_form_of_the_address_works_with_one_slash_or_two(campaign, reader):
    for name in (DATASET, f"/{DATASET}", f"{DATASET}/"):  # the last slash is the address's
        answer = reader.get(f"/pcs/did/epic{name}")
        assert (answer.status_code, f"epic:{DATASET}" in html.unescape(answer.text)) == (200, True)
    for name in (f"{DATASET}//", f"//{DATASET}", DATASET.replace("DIS", "/DIS")):
        answer = reader.get(f"/pcs/did/epic{name}")
        assert (answer.status_code, "cannot be asked for" in answer.text) == (400, True)


def test_opening_a_did_asks_rucio_once(campaign, reader, database):
    did = f"epic:{DATASET}"
    assert did_page(reader, did).status_code == 200
    assert asked_for(database) == []  # a visitor's look asks for nothing
    reader.headers["X-Remote-User"] = "anna"
    for _ in range(3):
        assert did_page(reader, did).status_code == 200
    assert asked_for(database) == [did]
    with transaction(database.ops_engine) as session:  # as a look it ends where nobody waits
        assert session.scalars(select(Request.source)).all() == [requests.PAGE]


def test_a_page_that_asks_again_asks_rucio_nothing(campaign, reader, database):
    assert did_page(reader, f"epic:{DATASET}", "&after=1").status_code == 200
    assert asked_for(database) == []


def test_a_did_that_was_read_just_now_is_not_read_again(campaign, reader, database):
    looked(database, DATASET, is_there=True, body={"metadata": {"length": 34}})
    assert did_page(reader, f"epic:{DATASET}").status_code == 200
    assert asked_for(database) == []


def test_a_did_that_nobody_knows_is_202_then_404(reader, database):
    did = "epic:/RECO/nowhere"
    assert did_page(reader, did).status_code == 202
    looked(database, "/RECO/nowhere")
    answer = did_page(reader, did)
    assert (answer.status_code, "There is no such DID" in answer.text) == (404, True)


def test_a_rucio_that_is_down_is_not_taken_for_an_absence(campaign, reader, database):
    looked(database, "/RECO/nowhere", error="Rucio does not answer", read_at=None)
    answer = did_page(reader, "epic:/RECO/nowhere")
    assert (answer.status_code, "Rucio did not answer" in answer.text) == (502, True)
    looked(database, DATASET, error="Rucio does not answer", read_at=None)
    answer = did_page(reader, f"epic:{DATASET}")
    assert (answer.status_code, "Rucio does not answer" in answer.text) == (200, True)
    assert "NEW-XRD" in answer.text


def test_a_dataset_that_left_rucio_is_said_to_be_gone(campaign, reader, database):
    looked(database, DATASET, read_at=now() + timedelta(hours=1))
    answer = did_page(reader, f"epic:{DATASET}")
    assert (answer.status_code, "Rucio has it no more" in answer.text) == (200, True)


def test_a_file_is_shown_with_the_dataset_that_holds_it(campaign, reader):
    name = campaign.files(DATASET, 1)[0]
    answer = did_page(reader, f"epic:{name}")
    assert (answer.status_code, "A file of" in answer.text) == (200, True)


# A + that was not written %2B arrives as a blank.
@pytest.mark.parametrize(
    "did", same("/x/SINGLE/e+", "/x/SINGLE/e%20", "+/x", "/x/e+/1GeV", "/x%09")
)
def test_a_blank_in_a_did_is_refused_with_what_to_write(campaign, reader, api, database, did):
    answer = did_page(reader, f"epic:{did}")
    assert (answer.status_code, "%2B" in answer.text) == (400, True)
    for told in (api.get, api.post):
        answer = told(f"/api/provenance/dids/?did=epic:{did}")
        assert (answer.status_code, "did: name" in answer.json()["detail"]) == (400, True)
    assert asked_for(database) == []


def test_a_plus_is_a_plus(campaign, reader):
    campaign.path("SINGLE/e", configs=[CONFIG])
    campaign.path("SINGLE/e+", configs=[CONFIG], files={"BNL-XRD": (8, 8)})
    page = did_page(reader, f"epic:/RECO/{NAME}/{CONFIG}/SINGLE/e%2B").text
    assert "<dt>Files</dt><dd>8</dd>" in page


@pytest.mark.parametrize(
    "name", same("/RECO/x/", "/RECO//x", "//RECO/x", "/RECO/./x", "/RECO/../x")
)
def test_a_name_that_rucio_cannot_be_asked_for_is_said_to_be_one(reader, api, database, name):
    answer = did_page(reader, f"epic:{name}")
    assert (answer.status_code, "cannot be asked for it" in answer.text) == (400, True)
    for told in (api.get, api.post):
        answer = told(f"/api/provenance/dids/?did=epic:{name}")
        assert (answer.status_code, "cannot be asked" in answer.json()["detail"]) == (400, True)
    assert asked_for(database) == []


def test_a_dataset_with_an_unreachable_name_is_shown_as_swept_and_not_asked_for(
    campaign, reader, api, database
):
    with transaction(database.ops_engine) as session:
        session.add(produced(f"{DATASET}/", files={"BNL-XRD": (8, 8)}, suffix=SUFFIX))
    name = campaign.files(f"{DATASET}/", 1)[0].replace("//", "/")
    page = did_page(reader, f"epic:{DATASET}/").text
    assert "Rucio lists it, and cannot be asked for it" in page
    assert "<dt>Files</dt><dd>8</dd>" in page
    assert "Live from Rucio" not in page
    assert asked_for(database) == []
    with transaction(database.ops_engine) as session:
        session.execute(text("UPDATE provenance_file SET name = :name"), {"name": name})
    assert f"{DATASET}/".replace("=", "%3D") in did_page(reader, f"epic:{name}").text


def test_a_dataset_is_made_from_the_input_of_its_path_by_its_exact_name(campaign, reader, database):
    with transaction(database.ops_engine) as session:
        row = evgen_dataset()
        row.name = f"/EVGEN/{SUFFIX}/"
        session.add(row)
    SweptCampaign(database.ops_engine, EVGEN).swept()
    page = html.unescape(did_page(reader, f"epic:{DATASET}").text).replace("=1", "%3D1")
    assert f'href="/pcs/did/?did=epic:/EVGEN/{SUFFIX}/"'.replace("=1", "%3D1") in page
    assert "not registered" not in page


def test_an_input_that_is_not_registered_has_no_link(campaign, reader, database):
    SweptCampaign(database.ops_engine, EVGEN).swept()
    page = did_page(reader, f"epic:{DATASET}").text
    assert "not registered, as of the last sweep" in page
    assert "did=epic:/EVGEN" not in page


def test_what_contradicts_is_said_of_the_sweep_and_of_the_live_reading(campaign, reader, database):
    words = ["BNL-XRD: its summary counts 30 files, and 34 files are listed",
             "BNL-XRD: its summary has 34 files available, and 33 files are there"]  # fmt: skip
    with transaction(database.ops_engine) as session:
        row = session.query(ProducedDataset).filter_by(name=DATASET).one()
        row.contradictions, row.availability = words[:1], Availability.INCOMPLETE
    body = {"metadata": {"length": 34}, "contradictions": words[1:], "rses": [
        {"rse": "BNL-XRD", "files": 34, "total": 34, "complete": False}]}  # fmt: skip
    looked(database, DATASET, is_there=True, body=body)
    page = did_page(reader, f"epic:{DATASET}").text
    assert all(each in page for each in words)
    assert "not known" in page  # 34 of 34 by that summary, which is not to be believed


BAD = ("", "epic", "epic:", "ep ic:/x", "epic:x", "epic:/a/../b", "epic:/" + "x" * 300, "%00:/x",
       "epic:/%00", f"{'e' * 26}:/x")  # fmt: skip


@pytest.mark.parametrize("did", same(*BAD))
def test_a_bad_did_is_400_and_asks_nobody(reader, database, did):
    answer = did_page(reader, did)
    assert (answer.status_code, "did:" in answer.text) == (400, True)
    assert asked_for(database) == []


# ------------------------------------------------------------------ reports and tasks


def body_of(**more: object) -> dict:
    nothing = {key: [] for key in ("newly_found", "newly_complete", "lost", "no_longer_complete",
                                   "newly_requested", "no_longer_requested", "files")}  # fmt: skip
    counted = ("requested", "found", "complete", "incomplete", "missing", "unknown", "datasets",
               "unmatched", "files", "total_files", "size_bytes")  # fmt: skip
    counts = dict.fromkeys(counted, 3)
    path = {
        "path": f"{ROOT}/{SUFFIX}", "finding": "found", "reason": None, "priority": 1,
        "requestor": "=edt", "tasks": [], "is_complete": False, "detector_configs": [CONFIG],
        "rules": ["exact"], "files": 5, "total_files": 34, "size_bytes": 10**9,
        "dids": [f"epic:{DATASET}"], "suggestions": [],
    }  # fmt: skip
    rse = {"rse": "NEW-XRD", "files": 5, "total": 34, "bytes": 1, "complete": False}
    evidence = {"state": "failed", "checked_at": None, "attempted_at": None, "error": "401",
                "age_hours": None, "is_stale": True, "warning": "Rucio did not answer"}  # fmt: skip
    return {
        "campaign": NAME, "made_at": now().isoformat(), "evidence": evidence, "counts": counts,
        "percent": {"found": 100.0, "complete": None, "files": 14.7},
        "by_detector_config": [{"detector_config": CONFIG, "paths": 1, "datasets": 1, "complete": 0,
                                "incomplete": 1, "files": 34, "size_bytes": 1}],
        "by_rse": [{"rse": "NEW-XRD", "datasets": 1, "complete": 0, "incomplete": 1, "files": 5,
                    "total": 34, "size_bytes": 1},
                   {"rse": "BNL-XRD", "datasets": 1, "complete": 0, "incomplete": 1, "files": 36,
                    "total": 34, "size_bytes": 1}],
        "paths": [path],
        "incomplete": [{"did": f"epic:{DATASET}", "path": path["path"], "detector_config": CONFIG,
                        "is_open": True, "rses": [rse]}],
        "unmatched": [{"did": "epic:/RECO/x", "stage": "RECO", "files": 1, "size_bytes": 1,
                       "is_complete": True, "rses": ["NEW-XRD"]}],
        "changes": {"since_id": 1, "since": now().isoformat(), **nothing, "lost": [path["path"]]},
        "errors": ["one thing went wrong"],
    } | more  # fmt: skip


@pytest.fixture
def report(database) -> int:
    with transaction(database.ops_engine) as session:
        row = CompletionReport(campaign=NAME, body=body_of(), markdown="# Completion\n")
        session.add(row)
        session.flush()
        return row.id


def test_a_report_shows_what_it_says(reader, report):
    page = html.unescape(reader.get(f"/pcs/reports/{report}/").text).replace("<wbr>", "")
    for told in ("Rucio did not answer", "No longer found", "NEW-XRD", SUFFIX, "14.7", CONFIG,
                 "one thing went wrong", "Not mailed", "epic:/RECO/x"):  # fmt: skip
        assert told in page
    assert f"/pcs/reports/{report}/" in reader.get(f"/pcs/reports/?campaign={NAME}").text
    assert "No report yet" in reader.get("/pcs/reports/?campaign=x").text


def test_a_report_shows_no_more_than_all(reader, report):
    page = reader.get(f"/pcs/reports/{report}/").text
    assert "36 of 34: contradictory" in page
    assert "105.8" not in page


def test_a_report_that_is_not_there_is_404(reader):
    for key in ("1", "x", "²", "9" * 40):
        assert reader.get(f"/pcs/reports/{key}/").status_code == 404


def test_a_task_links_its_outputs(campaign, reader, api, database):
    task = Pcs(api).make_task()
    with transaction(database.ops_engine) as session:
        for row in session.scalars(select(ProducedDataset).filter_by(name=DATASET)):
            row.owner_task = task["name"]
    page = html.unescape(reader.get(f"/pcs/tasks/{task['name']}/").text)
    assert f"did=epic:{DATASET.replace('=', '%3D')}" in page
    assert "Reco:" in page
    assert "(5/34)" in page


def test_pages_are_never_redirected(campaign, reader, report):
    for path in (
        "/pcs/catalog",
        f"/pcs/did?did=epic:{DATASET}",
        "/pcs/reports",
        f"/pcs/reports/{report}",
    ):
        assert reader.get(path, follow_redirects=False).status_code == 200
