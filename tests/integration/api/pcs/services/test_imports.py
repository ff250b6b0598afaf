"""Catalogs of requests imported over REST: each good row once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.pcs_client import CONFIG, Pcs

pytestmark = pytest.mark.integration

HEADER = (
    "DSC or PWG,Priority,Dataset Path,Generator/Dataset Version,Number of Events,Background,"
    "New Request,Pre-TDR Use,Early Science Use,Other Use,Description,Issue\n"
)
TOP = "/volatile/eic/EPIC/"
ROWS = (
    f'inclusive,1,{TOP}EVGEN/DIS/NC/pythia8.316-1.0/10x100/q2_1to10,v1,400k,No,No,Yes,No,,"a\nb",\n'
    f"inclusive,1,{TOP}EVGEN/DIS/NC/pythia8.316-1.0/10x100/q2_10to100,v1,,No,No,Yes,No,,,\n"
    f"tracking,2,{TOP}EVGEN/SINGLE/pi+/10GeV/3to50deg,,,,,,,,,\n"
    f"tracking,2,{TOP}EVGEN/SINGLE/pi-/10GeV/3to50deg,,,,,,,,,\n"
    "edt,3,/eos/elsewhere/EVGEN/DDIS/x/18x275,v2,1M,Yes,Yes,No,Yes,study,,\n"
)
TEXT = HEADER + ROWS


@pytest.fixture
def pcs(api) -> Pcs:
    pcs = Pcs(api)
    pcs.add("campaigns", name="26.05.0")
    pcs.good("POST", "campaigns/26.05.0/set-current/")
    return pcs


def bring_in(pcs: Pcs, text: str = TEXT, **more: object) -> dict:
    return pcs.good("POST", "prod-tasks/catalog-import/", {"csv_text": text} | more)


def counts(done: dict) -> tuple[int, int, int]:
    return done["created"], done["updated"], done["unchanged"]


def test_each_row_is_a_request_a_dataset_and_a_draft_task(pcs):
    done = bring_in(pcs)
    assert (done["status"], counts(done), done["refused"]) == ("done", (5, 0, 0), [])
    tasks = pcs.good("GET", "prod-tasks/")
    assert tasks[0]["name"] == "EVGEN/DIS/NC/pythia8.316-1.0/10x100/q2_1to10"
    assert tasks[4]["name"].startswith("csv_import.")
    assert tasks[0]["dataset_name"].startswith("csv_import.")
    prefix = "group.EIC.26.05.0.epic_craterlake."
    assert tasks[0]["composed_name"] == f"{prefix}p1001.e1.s1.r1.q2_1to10"
    assert tasks[2]["composed_name"] == f"{prefix}p2002.e2.s1.r1.piplus_10GeV_3to50deg"
    assert len({task["composed_name"] for task in tasks}) == 5
    assert tasks[0]["overrides"]["csv_import"]["filters"] == {
        "detector": "epic_craterlake", "beam": "10x100", "physics": "NC", "q2": "q2_1to10"
    }  # fmt: skip
    assert {task["status"] for task in tasks} == {"draft"}
    requests = pcs.good("GET", "prod-requests/")
    assert (requests[0]["nevents"], requests[0]["description"]) == (400_000, "a\nb")


def test_the_same_again_changes_nothing_and_a_change_is_taken_over(pcs):
    bring_in(pcs)
    before = pcs.good("GET", "prod-tasks/")
    assert counts(bring_in(pcs)) == (0, 0, 5)
    assert pcs.good("GET", "prod-tasks/") == before
    assert counts(bring_in(pcs, TEXT.replace("tracking,2", "tracking,1"))) == (0, 2, 3)
    assert [task["priority"] for task in pcs.good("GET", "prod-tasks/")] == [1, 1, 1, 1, 3]


def test_imports_at_once_make_each_row_once(pcs):
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: counts(bring_in(pcs)), range(4)))
    assert sorted(done) == [(0, 0, 5)] * 3 + [(5, 0, 0)]
    assert len(pcs.good("GET", "prod-tasks/")) == 5


def test_bad_rows_are_named_and_the_others_imported(pcs):
    done = bring_in(pcs, HEADER + "a,high,/x,,,,,,,,,\n" + ROWS + "a,b\n")
    assert counts(done) == (5, 0, 0)
    assert [row["line"] for row in done["refused"]] == [2, 9]
    assert done["refused"][0]["reason"] == "Priority: must be a whole number, not 'high'"


def test_the_same_table_for_a_second_campaign_makes_its_own_tasks_of_the_same_requests(pcs):
    bring_in(pcs)
    before = pcs.good("GET", "prod-tasks/")
    pcs.add("campaigns", name="26.06.0")
    assert counts(bring_in(pcs, campaign="26.06.0")) == (5, 0, 0)
    tasks = pcs.good("GET", "prod-tasks/")
    assert tasks[:5] == before
    assert {task["campaign"] for task in tasks[5:]} == {"26.06.0"}
    assert all(task["composed_name"].startswith("group.EIC.26.06.0.") for task in tasks[5:])
    assert len({task["name"] for task in tasks}) == 10
    assert len(pcs.good("GET", "prod-requests/")) == 5
    for campaign in ("26.05.0", "26.06.0"):
        assert counts(bring_in(pcs, campaign=campaign)) == (0, 0, 5)


def test_a_change_of_the_table_is_taken_over_by_the_campaign_it_is_imported_for_only(pcs):
    bring_in(pcs)
    pcs.add("campaigns", name="26.06.0")
    pcs.good("POST", "campaigns/26.06.0/set-current/")
    text = TEXT.replace("tracking,2", "tracking,1")
    assert counts(bring_in(pcs, text)) == (5, 0, 0)
    priorities = [task["priority"] for task in pcs.good("GET", "prod-tasks/")]
    assert priorities == [1, 1, 2, 2, 3, 1, 1, 1, 1, 3]
    assert [each["priority"] for each in pcs.good("GET", "prod-requests/")] == [1, 1, 1, 1, 3]
    assert counts(bring_in(pcs, text, campaign="26.05.0")) == (0, 2, 3)


def test_a_table_for_a_third_campaign_and_one_with_another_generator_find_free_names(pcs):
    bring_in(pcs)
    for campaign in ("26.06.0", "26.07.0"):
        pcs.add("campaigns", name=campaign)
        done = bring_in(pcs, TEXT + ROWS.replace("v1,", "v9,"), campaign=campaign)
        assert (counts(done), len(done["refused"])) == ((7, 0, 0), 3)
    assert len({task["composed_name"] for task in pcs.good("GET", "prod-tasks/")}) == 19


def test_another_generator_of_the_same_path_is_a_task_of_its_own(pcs):
    bring_in(pcs)
    done = bring_in(pcs, HEADER + ROWS.splitlines(keepends=True)[2].replace("v1", "v9"))
    assert counts(done) == (1, 0, 0)
    task = pcs.good("GET", "prod-tasks/")[-1]
    assert task["name"].startswith("csv_import.")


def test_a_task_that_is_no_draft_stays_as_it_is(pcs):
    pcs.add("prod-configs", name="c", **CONFIG)
    bring_in(pcs, prod_config="c")
    for kind in ("physics", "evgen", "simu", "reco"):
        for tag in pcs.good("GET", f"{kind}-tags/"):
            pcs.good("POST", f"{kind}-tags/{tag['tag_number']}/lock/")
    name = pcs.good("GET", "prod-tasks/")[2]["name"]
    pcs.good("POST", f"prod-tasks/{name}/lock/")
    assert counts(bring_in(pcs, TEXT.replace("tracking,2", "tracking,1"))) == (0, 2, 3)
    assert [task["priority"] for task in pcs.good("GET", "prod-tasks/")] == [1, 1, 2, 1, 3]
    assert pcs.good("GET", "prod-requests/")[2]["priority"] == 1


def test_a_task_of_somebody_else_is_not_changed(pcs, served_api):
    bring_in(pcs)
    with served_api.client(token=None) as client:
        other = Pcs(client, user="somebody")
        assert counts(bring_in(other)) == (0, 0, 5)
        done = bring_in(other, TEXT.replace("tracking,2", "tracking,1"))
    assert (counts(done), len(done["refused"])) == ((0, 0, 3), 2)
    assert "tester's" in done["refused"][0]["reason"]
    assert [each["priority"] for each in pcs.good("GET", "prod-requests/")] == [1, 1, 2, 2, 3]


def test_a_text_that_is_no_catalog_is_refused(pcs):
    for body, field in (
        ({}, "source"), ({"csv_text": "a,b\n"}, "csv_text"), ({"csv_text": ""}, "csv_text"),
        ({"csv_text": 5}, "csv_text"), ({"csv_text": "\0"}, "csv_text"),
        ({"source": "../x"}, "source"), ({"source": "nope"}, "source"),
        ({"csv_text": TEXT, "campaign": "nope"}, "campaign"),
        ({"csv_text": TEXT, "prod_config": "nope"}, "prod_config"),
    ):  # fmt: skip
        answer = pcs.send("POST", "prod-tasks/catalog-import/", body)
        assert answer.status_code == 400, body
        assert answer.json()["detail"].startswith(field), body


def test_without_a_current_campaign_one_has_to_be_named(api):
    pcs = Pcs(api)
    answer = pcs.send("POST", "prod-tasks/catalog-import/", {"csv_text": TEXT})
    assert answer.json() == {"detail": "campaign: No campaign is current; name one."}
    pcs.add("campaigns", name="26.06.0")
    assert counts(bring_in(pcs, campaign="26.06.0")) == (5, 0, 0)


@pytest.fixture
def public(tmp_path, monkeypatch):
    """The directory that the web tier reads published files from."""
    monkeypatch.setenv("PRODOPS_TMP_DIR", str(tmp_path))
    (tmp_path / "catalog").mkdir()
    return tmp_path


def test_a_published_source_is_imported_by_its_name(public, request):
    (public / "catalog" / "datasets.csv").write_text(TEXT)
    pcs = request.getfixturevalue("pcs")
    done = pcs.good("POST", "prod-tasks/catalog-import/", {"source": "datasets"})
    assert counts(done) == (5, 0, 0)


FILES = {
    "dos": TEXT.replace("\n", "\r\n").encode(),
    "mark": "\ufeff".encode() + TEXT.encode(),
    "excel": TEXT.replace(",", "\t").encode("utf-16"),
    "semicolons": TEXT.replace(",", ";").encode(),
}


def test_the_same_requests_change_nothing_by_whichever_way_and_in_whichever_form(public, request):
    pcs = request.getfixturevalue("pcs")
    assert counts(bring_in(pcs)) == (5, 0, 0)
    before = pcs.good("GET", "prod-tasks/"), pcs.good("GET", "prod-requests/")
    for name, raw in FILES.items():
        (public / "catalog" / f"{name}.csv").write_bytes(raw)
        done = pcs.good("POST", "prod-tasks/catalog-import/", {"source": name})
        assert (counts(done), done["refused"]) == ((0, 0, 5), []), name
    assert done["separated_by"] == "semicolon"
    assert (pcs.good("GET", "prod-tasks/"), pcs.good("GET", "prod-requests/")) == before


def test_a_published_row_in_another_encoding_is_named_and_the_others_imported(public, request):
    pcs = request.getfixturevalue("pcs")
    row = f"edt,1,{TOP}EVGEN/DIS/CC/10x100,v1,,,,,,,caf\u00e9,\n"
    raw = TEXT.encode() + row.encode("latin-1")
    (public / "catalog" / "latin.csv").write_bytes(raw)
    done = pcs.good("POST", "prod-tasks/catalog-import/", {"source": "latin"})
    assert counts(done) == (5, 0, 0)
    assert done["refused"] == [{"line": 8, "reason": "Description: is not in UTF-8"}]
