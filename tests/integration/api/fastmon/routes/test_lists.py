"""Lists of runs, STF files and TF files over REST: filters, pages, order."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import text

from flows.common.database import transaction
from tests.cases import same

pytestmark = pytest.mark.integration

START = "2026-08-01T12:00:00Z"
COLLECTIONS = ("runs", "stf-files", "fastmon-files")


@pytest.fixture
def two_runs(add) -> None:
    workflow = str(uuid.UUID(int=7))
    for number in (1, 2):
        run = add("runs", run_number=number, start_time=START)["run_id"]
        add("stf-files", run=run, stf_filename=f"{number}.stf", workflow_id=workflow,
            status="done" if number == 2 else "failed")  # fmt: skip
        add("fastmon-files", stf_file=f"{number}.stf", tf_filename=f"{number}.tf",
            status="done" if number == 2 else "failed")  # fmt: skip


FOUND = [
    ("runs/?run_number=2", 1),
    ("runs/?run_number=3", 0),
    ("stf-files/?stf_filename=2.stf", 1),
    ("stf-files/?run_number=2", 1),
    ("stf-files/?run_number=", 2),
    ("stf-files/?status=done", 1),
    ("stf-files/?status=unheard", 0),
    (f"stf-files/?workflow_id={uuid.UUID(int=7)}", 2),
    (f"stf-files/?workflow_id={uuid.UUID(int=7)}&status=done&run_number=1", 0),
    ("fastmon-files/?tf_filename=2.tf", 1),
    ("fastmon-files/?stf_filename=2.stf", 1),
    ("fastmon-files/?status=done", 1),
    ("fastmon-files/?run_id=2", 1),
    ("fastmon-files/?run_number=2", 1),
    ("fastmon-files/?unknown=2", 2),
]


def test_a_filter_leaves_what_it_names(api, two_runs):
    for query, found in FOUND:
        assert len(api.get(f"/api/{query}").json()) == found, query


def test_tfs_are_found_by_the_run_that_their_stf_is_moved_to(api, send, add, two_runs):
    add("runs", run_number=3, start_time=START)
    stfs = api.get("/api/stf-files/").json()
    runs = {each["run_number"]: each["run_id"] for each in api.get("/api/runs/").json()}
    (key,) = (each["file_id"] for each in stfs if each["stf_filename"] == "1.stf")
    send("PATCH", f"stf-files/{key}/", {"run": runs[3]})
    assert names_of_run(api, 3) == ["1.tf"]
    assert names_of_run(api, 1) == []
    send("PATCH", f"runs/{runs[3]}/", {"run_number": 4})
    assert names_of_run(api, 4) == ["1.tf"]
    assert names_of_run(api, 3) == []


def test_the_tfs_of_a_run_are_listed_as_they_came_among_those_of_others(api, add, two_runs):
    add("fastmon-files", stf_file="2.stf", tf_filename="2b.tf")
    add("fastmon-files", stf_file="1.stf", tf_filename="1b.tf")
    assert names_of_run(api, 1) == ["1.tf", "1b.tf"]
    assert names_of_run(api, 2) == ["2.tf", "2b.tf"]
    page = api.get("/api/fastmon-files/?run_number=2&limit=1").json()
    assert page["count"] == 2
    assert [each["tf_filename"] for each in page["results"]] == ["2.tf"]


def names_of_run(api, number: int) -> list[str]:
    found = api.get(f"/api/fastmon-files/?run_number={number}").json()
    return [each["tf_filename"] for each in found]


UNREADABLE = [
    "runs/?run_number=x",
    "runs/?run_number=99999999999",
    "stf-files/?run_number=-1",
    "stf-files/?run_number=²",
    "stf-files/?workflow_id=x",
    "stf-files/?status=%00",
    "fastmon-files/?run_id=x",
]


def test_a_query_that_cannot_be_read_is_refused_by_its_name(api):
    for query in UNREADABLE:
        answer = api.get(f"/api/{query}")
        name = query.partition("?")[2].partition("=")[0]
        assert (answer.status_code, list(answer.json())) == (400, [name])


@pytest.mark.parametrize("path", COLLECTIONS)
def test_a_list_with_a_limit_comes_in_pages_that_link_to_each_other(api, two_runs, path):
    first = api.get(f"/api/{path}/?limit=1").json()
    second = api.get(first["next"]).json()
    assert (first["count"], first["previous"], second["next"]) == (2, None, None)
    assert first["results"] + second["results"] == api.get(f"/api/{path}/").json()
    assert api.get(second["previous"]).json() == first
    assert "offset" not in second["previous"]


@pytest.mark.parametrize("limit", same("x", "0", "-1", "", "²", "1.5"))
def test_a_limit_that_is_no_number_above_0_asks_for_no_page(api, two_runs, limit):
    for path in COLLECTIONS:
        assert (
            api.get(f"/api/{path}/", params={"limit": limit}).json()
            == api.get(f"/api/{path}/").json()
        )


@pytest.mark.parametrize("offset", same("x", "-1", "0", "", "²"))
def test_an_offset_that_is_no_number_is_0(api, two_runs, offset):
    query = {"limit": "1", "offset": offset}
    found = api.get("/api/runs/", params=query).json()["results"]
    assert found == api.get("/api/runs/?limit=1").json()["results"]


@pytest.mark.parametrize("limit", [10**30, 2**63, 10_001])
def test_a_page_is_never_larger_than_the_largest(api, two_runs, limit):
    query = {"limit": str(limit), "offset": str(10**30)}
    assert api.get("/api/runs/", params=query).json()["results"] == []
    assert len(api.get("/api/runs/", params={"limit": str(limit)}).json()["results"]) == 2


@pytest.mark.parametrize("path", COLLECTIONS)
def test_a_filter_by_namespace_is_not_ignored(api, two_runs, path):
    answer = api.get(f"/api/{path}/?namespace=other")
    assert (answer.status_code, list(answer.json())) == (400, ["namespace"])


@pytest.mark.parametrize("path", COLLECTIONS)
def test_links_between_pages_name_no_host(api, two_runs, path):
    for host in ("localhost:8443", "127.0.0.1", "pandaserver02.sdcc.bnl.gov"):
        first = api.get(f"/api/{path}/?limit=1", headers={"Host": host}).json()
        assert first["next"] == f"/api/{path}/?limit=1&offset=1"


def test_a_page_past_the_end_is_empty(api, two_runs):
    page = api.get("/api/stf-files/?limit=5&offset=100&status=done").json()
    assert (page["count"], page["next"], page["results"]) == (1, None, [])
    assert "status=done" in page["previous"]


@pytest.mark.parametrize("count", [999, 1000, 1001, 2500])
def test_a_long_list_comes_whole_and_in_order_however_it_is_cut(api, database, stf, count):
    with transaction(database.ops_engine) as session:
        session.execute(
            text("""
                INSERT INTO swf_fastmon_files (tf_file_id, stf_file_id, tf_filename, status,
                                               created_at, updated_at)
                SELECT gen_random_uuid(), file_id, 'tf_' || number, 'registered',
                       now() + number / 7 * interval '1 second', now()
                FROM generate_series(1, :count) AS number, swf_stf_files
            """),
            {"count": count},
        )
    answer = api.get("/api/fastmon-files/")
    places = [(row["created_at"], row["tf_file_id"]) for row in answer.json()]
    assert len(set(places)) == count
    assert places == sorted(places)
    assert ("content-length" in answer.headers) is (count <= 1000)
