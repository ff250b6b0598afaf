"""Runs, STF files and TF files over REST, as the web role, on a real database."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from flows.common import access
from flows.common.callers import Scope
from flows.common.database import transaction
from flows.fastmon.models import FastmonFile, Run, StfFile
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

START = "2026-08-01T12:00:00Z"
ABSENT = uuid.UUID(int=1)
COLLECTIONS = {"runs": "Run", "stf-files": "StfFile", "fastmon-files": "FastMonFile"}


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


def test_a_run_may_have_any_number_that_the_column_holds(add, send):
    for number in (-1, 0, -(2**31), 2**31 - 1):
        assert add("runs", run_number=number, start_time=START)["run_number"] == number
    for number in (-(2**31) - 1, 2**31, True, "x", 1.5, None):
        answer = send("POST", "runs/", {"run_number": number, "start_time": START})
        assert (answer.status_code, list(answer.json())) == (400, ["run_number"])


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
