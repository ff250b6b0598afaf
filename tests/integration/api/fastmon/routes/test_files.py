"""Runs, STF files and TF files over REST, as the web role, on a real database."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from flows.common import access
from flows.common.callers import Scope
from flows.common.database import transaction
from flows.fastmon.models import FastmonFile, Run, StfFile
from tests.cases import same
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

START = "2026-08-01T12:00:00Z"
ABSENT = uuid.UUID(int=1)
COLLECTIONS = {"runs": "Run", "stf-files": "StfFile", "fastmon-files": "FastMonFile"}


@pytest.fixture
def send(api) -> Callable[..., httpx.Response]:
    """Send a request with a token, and a body where there is one."""

    def sender(method: str, path: str, body: object = None) -> httpx.Response:
        json = {} if body is None else {"json": body}
        return api.request(method, f"/api/{path}", **json)

    return sender


@pytest.fixture
def anybody(served_api) -> Iterator[httpx.Client]:
    with served_api.client(token=None) as client:
        yield client


@pytest.fixture
def add(send) -> Callable[..., dict]:
    def adder(path: str, **body: object) -> dict:
        answer = send("POST", f"{path}/", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return adder


@pytest.fixture
def run(add) -> dict:
    return add("runs", run_number=100123, start_time=START)


@pytest.fixture
def stf(add, run) -> dict:
    return add("stf-files", run=run["run_id"], stf_filename="a.stf", metadata={"sequence": 1})


@pytest.fixture
def tf(add, stf) -> dict:
    return add("fastmon-files", stf_file="a.stf", tf_filename="a_tf_001.tf")


@pytest.fixture
def sampled(database, stf) -> str:
    """Id of a TF file that the sampler made."""
    row = {"stf_file_id": uuid.UUID(stf["file_id"]), "tf_filename": "a_tf_002.tf", "sampled_by": 1}
    with transaction(database.ops_engine) as session:
        return str(
            session.scalar(insert(FastmonFile).values(row).returning(FastmonFile.tf_file_id))
        )


def rows_of(database, model) -> int:
    with transaction(database.ops_engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


# ------------------------------------------------------------------ forms of the answers


def test_a_run_is_answered_in_full(add):
    assert add("runs", run_number="100123", start_time="2026-08-01T14:00:00+02:00") == {
        "run_id": 1,
        "run_number": 100123,
        "start_time": START,
        "end_time": None,
        "run_conditions": None,
    }


def test_an_stf_file_is_answered_in_full_with_its_defaults(stf, run):
    assert uuid.UUID(stf.pop("file_id"))
    assert datetime.fromisoformat(stf.pop("created_at")).utcoffset() == UTC.utcoffset(None)
    nothing = ("file_size_bytes", "checksum", "workflow_id", "daq_state", "daq_substate",
               "workflow_status", "tf_count")  # fmt: skip
    assert stf == dict.fromkeys(nothing) | {
        "machine_state": "physics",
        "stf_filename": "a.stf",
        "status": "registered",
        "metadata": {"sequence": 1},
        "run": run["run_id"],
    }


def test_a_tf_file_is_answered_in_full_with_its_parents_name(tf):
    assert list(tf) == [
        "tf_file_id", "stf_file", "tf_filename", "file_size_bytes", "checksum", "status",
        "metadata", "created_at", "updated_at", "tf_count", "tf_first", "tf_last",
    ]  # fmt: skip
    assert (tf["stf_file"], tf["status"]) == ("a.stf", "registered")


def test_a_tf_files_parent_may_be_named_by_its_id(add, stf):
    by_id = add("fastmon-files", stf_file=stf["file_id"], tf_filename="b_tf_001.tf")
    assert by_id["stf_file"] == "a.stf"


def test_a_detail_is_what_the_post_answered(api, run, stf, tf):
    keys = {"runs": run["run_id"], "stf-files": stf["file_id"], "fastmon-files": tf["tf_file_id"]}
    for (path, key), posted in zip(keys.items(), (run, stf, tf), strict=True):
        assert api.get(f"/api/{path}/{key}/").json() == posted
        assert api.get(f"/api/{path}/{key}").json() == posted


@pytest.mark.parametrize("path", COLLECTIONS)
def test_what_is_not_there_is_404_and_says_what(send, path):
    text = f"No {COLLECTIONS[path]} matches the given query."
    for key in (2**31, ABSENT, "x", "1.5", "-1", "²"):
        for method, body in (("GET", None), ("PUT", {}), ("PATCH", {}), ("DELETE", None)):
            answer = send(method, f"{path}/{key}/", body)
            assert (answer.status_code, answer.json()) == (404, {"detail": text})


@pytest.mark.parametrize("path", COLLECTIONS)
def test_a_wrong_method_is_405(send, path):
    assert send("PATCH", f"{path}/", {}).status_code == 405
    assert send("POST", f"{path}/1/", {}).status_code == 405


# ------------------------------------------------------------------ who may


@pytest.mark.parametrize("path", COLLECTIONS)
def test_anybody_may_read_and_nobody_without_a_token_may_write(anybody, path):
    assert anybody.get(f"/api/{path}/").json() == []
    for method, where in (("POST", ""), ("PUT", "1/"), ("PATCH", "1/"), ("DELETE", "1/")):
        answer = anybody.request(method, f"/api/{path}/{where}")
        assert answer.status_code == 403
        assert answer.json() == {"detail": "Authentication credentials were not provided."}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_is_not_good_may_not_even_read(api, method):
    answer = api.request(method, "/api/runs/", headers={"Authorization": "Token bad"})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Invalid token."})


def test_a_user_that_a_trusted_proxy_names_may_write_with_the_scope(forgetful, anybody, database):
    body = {"run_number": 1, "start_time": START}
    named = {"X-Remote-User": "shifter"}
    refused = anybody.post("/api/runs/", json=body, headers=named)
    assert (refused.status_code, refused.json()["missing_scope"]) == (403, "message")
    with transaction(database.ops_engine) as session:
        access.policy(session).proxied_ceiling = ["read", "message"]
        access.set_user(session, "shifter", [Scope.MESSAGE], None)
    wait_until(lambda: anybody.post("/api/runs/", json=body, headers=named).status_code == 201)


# ------------------------------------------------------------------ what is refused


def test_a_name_that_is_taken_is_refused_in_the_words_of_the_original(send, run, stf, tf):
    for path, body, field, words in (
        ("runs", {"run_number": 100123, "start_time": START}, "run_number", "run"),
        ("stf-files", {"run": run["run_id"], "stf_filename": "a.stf"}, "stf_filename", "stf file"),
        ("fastmon-files", {"stf_file": "a.stf", "tf_filename": "a_tf_001.tf"}, "tf_filename",
         "fast mon file"),
    ):  # fmt: skip
        answer = send("POST", f"{path}/", body)
        text = f"{words} with this {field.replace('_', ' ')} already exists."
        assert (answer.status_code, answer.json()) == (400, {field: [text]})


def test_a_change_to_a_name_that_is_taken_is_refused(add, send, run):
    other = add("runs", run_number=7, start_time=START)
    answer = send("PATCH", f"runs/{other['run_id']}/", {"run_number": run["run_number"]})
    assert answer.json() == {"run_number": ["run with this run number already exists."]}


def test_a_number_that_many_ask_for_at_once_is_given_to_one(send, database):
    body = {"run_number": 5, "start_time": START}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send("POST", "runs/", body), range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 15
    assert rows_of(database, Run) == 1


@pytest.mark.parametrize("parent", ["nope.stf", str(ABSENT), "{0}", "../a"])
def test_a_tf_file_of_an_unknown_stf_file_is_refused_by_its_name(send, database, stf, parent):
    answer = send("POST", "fastmon-files/", {"stf_file": parent, "tf_filename": "x.tf"})
    text = f"Object with stf_filename={parent} does not exist."
    assert (answer.status_code, answer.json()) == (400, {"stf_file": [text]})
    assert rows_of(database, FastmonFile) == 0


@pytest.mark.parametrize("key", [999999, 0, -5, 2**40])
def test_an_stf_file_of_an_unknown_run_is_refused_by_its_key(send, database, key):
    answer = send("POST", "stf-files/", {"run": key, "stf_filename": "x.stf"})
    text = f'Invalid pk "{key}" - object does not exist.'
    assert (answer.status_code, answer.json()) == (400, {"run": [text]})
    assert rows_of(database, StfFile) == 0


def test_the_largest_values_are_kept(add, run):
    most = {"file_size_bytes": 2**63 - 1, "tf_count": 2**31 - 1, "metadata": {"x": 10**400}}
    stf = add("stf-files", run=run["run_id"], stf_filename="s" * 255, **most)
    assert {name: stf[name] for name in most} == most


def test_a_lost_database_is_503_and_a_found_one_serves_again(send, run, postgres, database):
    admin = postgres.admin()
    with admin.connect() as connection:
        allow = f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS"
        connection.execute(text(f"{allow} false"))
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                f"WHERE datname = '{database.name}'"))  # fmt: skip
        body = {"run_number": 2, "start_time": START}
        lost = [send("GET", "runs/"), send("POST", "runs/", body), send("DELETE", "runs/1/")]
        connection.execute(text(f"{allow} true"))
    admin.dispose()
    assert [answer.status_code for answer in lost] == [503] * 3
    assert all("database is unavailable" in answer.json()["detail"] for answer in lost)
    assert send("GET", "runs/").json() == [run]


# ------------------------------------------------------------------ changes


def test_a_patch_merges_metadata_and_leaves_the_rest(send, stf):
    answer = send("PATCH", f"stf-files/{stf['file_id']}/", {"status": "done", "metadata": {"b": 2}})
    assert answer.json() == stf | {"status": "done", "metadata": {"sequence": 1, "b": 2}}


def test_a_patch_of_metadata_with_null_clears_it_and_the_next_fills_it(send, stf):
    path = f"stf-files/{stf['file_id']}/"
    assert send("PATCH", path, {"metadata": None}).json()["metadata"] is None
    assert send("PATCH", path, {"metadata": {"b": 2}}).json()["metadata"] == {"b": 2}


def test_patches_of_metadata_at_once_lose_nothing(send, stf):
    path = f"stf-files/{stf['file_id']}/"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: send("PATCH", path, {"metadata": {f"k{n}": n}}), range(16)))
    assert len(send("GET", path).json()["metadata"]) == 17


def test_a_put_replaces_metadata(send, stf):
    body = {"run": stf["run"], "stf_filename": "b.stf", "metadata": {"b": 2}}
    answer = send("PUT", f"stf-files/{stf['file_id']}/", body)
    assert answer.json() == stf | {"stf_filename": "b.stf", "metadata": {"b": 2}}


def test_a_put_wants_every_required_field(send, stf):
    answer = send("PUT", f"stf-files/{stf['file_id']}/", {"metadata": {}})
    text = ["This field is required."]
    assert answer.json() == {"run": text, "stf_filename": text}


def test_a_changed_tf_file_says_when(send, tf):
    answer = send("PATCH", f"fastmon-files/{tf['tf_file_id']}/", {"status": "processed"}).json()
    assert answer["status"] == "processed"
    assert answer["created_at"] == tf["created_at"]
    assert answer["updated_at"] > tf["updated_at"]


def test_a_deleted_run_takes_its_files_with_it(send, database, run, tf):
    assert tf["stf_file"] == "a.stf"
    answer = send("DELETE", f"runs/{run['run_id']}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [rows_of(database, model) for model in (Run, StfFile, FastmonFile)] == [0, 0, 0]


def test_a_deleted_tf_file_leaves_the_others(send, database, add, tf):
    add("fastmon-files", stf_file="a.stf", tf_filename="b.tf")
    assert send("DELETE", f"fastmon-files/{tf['tf_file_id']}/").status_code == 204
    assert rows_of(database, FastmonFile) == 1


# ------------------------------------------------------------------ the sampler's files


def test_the_samplers_tf_file_is_read_but_not_written(send, database, sampled):
    path = f"fastmon-files/{sampled}/"
    before = send("GET", path).json()
    whole = {"stf_file": "a.stf", "tf_filename": "c.tf"}
    for method, body in (("PATCH", {"status": "done"}), ("PUT", whole), ("DELETE", None)):
        answer = send(method, path, body)
        assert answer.status_code == 409
        assert "made by the sampler" in answer.json()["detail"]
    assert send("GET", path).json() == before


def test_parents_of_the_samplers_tf_file_stay_with_all_their_files(send, database, tf, sampled):
    (stf,) = send("GET", "stf-files/").json()
    for path in (f"runs/{stf['run']}/", f"stf-files/{stf['file_id']}/"):
        answer = send("DELETE", path)
        assert answer.status_code == 409
        assert answer.json()["detail"].startswith("1 TF file was made by the sampler")
    assert [rows_of(database, model) for model in (Run, StfFile, FastmonFile)] == [1, 1, 2]


def test_a_delete_waits_for_the_sampler_and_then_finds_its_file(send, database, stf):
    row = {"stf_file_id": uuid.UUID(stf["file_id"]), "tf_filename": "a.tf", "sampled_by": 1}
    with ThreadPoolExecutor(1) as pool:
        with transaction(database.ops_engine) as session:
            session.scalars(select(StfFile).with_for_update()).all()
            delete_run = pool.submit(send, "DELETE", f"runs/{stf['run']}/")
            assert not wait([delete_run], timeout=0.5).done
            session.execute(insert(FastmonFile).values(row))
        assert delete_run.result().status_code == 409
    assert rows_of(database, FastmonFile) == 1


def test_an_stf_file_that_was_sampled_may_still_be_changed(send, stf, sampled):
    answer = send("PATCH", f"stf-files/{stf['file_id']}/", {"status": "done"})
    assert answer.json()["status"] == "done"


def test_the_web_role_itself_cannot_touch_the_samplers_file(database, sampled):
    with transaction(database.web_engine) as session:
        assert session.execute(delete(FastmonFile)).rowcount == 0
    refused = pytest.raises(DBAPIError, match="permission denied")
    with refused, transaction(database.web_engine) as session:
        session.execute(update(FastmonFile).values(sampled_by=None))


def test_the_web_role_itself_cannot_pass_a_file_off_as_the_samplers(database, stf):
    row = {"stf_file_id": uuid.UUID(stf["file_id"]), "tf_filename": "z.tf", "sampled_by": 9}
    refused = pytest.raises(DBAPIError, match="permission denied")
    with refused, transaction(database.web_engine) as session:
        session.execute(insert(FastmonFile).values(row))


# ------------------------------------------------------------------ lists


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


def test_a_run_may_have_any_number_that_the_column_holds(add, send):
    for number in (-1, 0, -(2**31), 2**31 - 1):
        assert add("runs", run_number=number, start_time=START)["run_number"] == number
    for number in (-(2**31) - 1, 2**31, True, "x", 1.5, None):
        answer = send("POST", "runs/", {"run_number": number, "start_time": START})
        assert (answer.status_code, list(answer.json())) == (400, ["run_number"])


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


# ------------------------------------------------------------------ who reads


ONES = ("runs/{run}/", "stf-files/{stf}/", "fastmon-files/{tf}/")


@pytest.fixture
def paths(request) -> list[str]:
    """Every list, and one of each."""
    made = {"run": "run_id", "stf": "file_id", "tf": "tf_file_id"}
    keys = {name: request.getfixturevalue(name)[key] for name, key in made.items()}
    return [f"/api/{each}/" for each in COLLECTIONS] + [
        f"/api/{each.format(**keys)}" for each in ONES
    ]


def test_where_reads_are_open_anybody_reads_the_agents_records(anybody, paths):
    assert {path: anybody.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


@pytest.fixture
def closed(monkeypatch) -> None:
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")


def test_where_reads_are_closed_only_who_may_read_does(closed, anybody, api, database, paths):
    with transaction(database.ops_engine) as session:
        access.set_user(session, "anna", [Scope.READ], None)
        access.set_user(session, "nemo", [], None)
    readers = {"anna": 200, "nemo": 403}
    for path in paths:
        assert anybody.get(path).status_code == 403, path
        assert anybody.head(path).status_code == 403, path
        assert api.get(path).status_code == 200, path
        for name, status in readers.items():
            answer = anybody.get(path, headers={"X-Remote-User": name})
            assert answer.status_code == status, (path, name)
