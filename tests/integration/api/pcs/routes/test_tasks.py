"""Production tasks of the embedded PCS over REST, as the web role, on a real database."""

from __future__ import annotations

import itertools
from urllib.parse import quote

import pytest

from flows.common.database import transaction
from flows.submission.domain import command
from tests.cases import same
from tests.pcs_client import COMPOSED, CONFIG, DATA, Pcs
from tests.produced import produced

pytestmark = pytest.mark.integration

KEYS = {
    "id", "name", "composed_name", "description", "status", "dataset", "dataset_name",
    "dataset_did", "prod_config", "prod_config_name", "csv_file", "overrides",
    "input_dataset_dids", "output_dataset_dids", "intermediate_dataset_dids", "condor_command",
    "panda_command", "panda_task_id", "panda_tasks", "condor_cluster_id", "created_by",
    "created_at", "updated_at",
}  # fmt: skip
OURS = {"campaign", "readiness", "request", "is_relaxed"}
AWKWARD = ["a/b", "a'b", 'a"b', "a\nb", "--help", "a--b", "x" * 300, "a\0b", "é", "..", "%", " ",
           "a;rm", "x" * 5000, "-1", "²", "9" * 400, "\ud7ff"]  # fmt: skip


@pytest.fixture
def pcs(api) -> Pcs:
    return Pcs(api)


@pytest.fixture
def other(served_api):
    with served_api.client(token=None) as client:
        yield Pcs(client, user="somebody")


def fields_of(answer) -> list[str]:
    assert answer.status_code == 400, answer.text
    return list(answer.json())


# ------------------------------------------------------------------ the whole way


def test_the_way_of_a_task_from_its_tags_to_its_id(pcs):
    task = pcs.make_task("t1", sample="")
    assert (task["status"], task["composed_name"], task["readiness"]) == ("draft", COMPOSED, [])
    assert pcs.good("POST", "prod-tasks/t1/lock/")["status"] == "ready"
    text = pcs.send("GET", "prod-tasks/command/", name="t1", fmt="panda").text
    assert text.startswith("prun \\\n  --exec ./my_script.sh \\\n  --outDS " + COMPOSED)
    submitted = pcs.submit("t1")
    assert submitted["status"] == "ready"
    assert submitted["request"]["state"] == "queued"
    [attempt] = submitted["panda_tasks"]
    recorded = pcs.record("t1", jedi_task_id=4711, panda_tasks_id=attempt["id"]).json()
    assert (recorded["status"], recorded["panda_task_id"]) == ("submitted", 4711)


def test_a_task_is_answered_in_full(pcs):
    task = pcs.make_task()
    assert set(task) >= KEYS | OURS
    assert task["dataset_did"] == f"group.EIC:{task['dataset_name']}.b1"
    assert (task["created_by"], task["is_relaxed"], task["request"]) == ("tester", False, None)


def test_a_task_is_found_by_composed_name_stored_name_and_key_with_and_without_a_slash(pcs):
    task = pcs.make_task()
    for name in (task["composed_name"], task["name"], task["id"]):
        for path in (f"prod-tasks/{name}/", f"prod-tasks/{name}"):
            assert pcs.good("GET", path)["id"] == task["id"]


def test_a_stored_name_with_slashes_is_found_in_the_path_and_in_the_query(pcs):
    task = pcs.make_task("EVGEN/DIS/pythia8.316", sample="x")
    for name in (task["name"], quote(task["name"], safe="")):
        assert pcs.good("GET", f"prod-tasks/{name}/")["id"] == task["id"]
        assert pcs.good("GET", f"prod-tasks/{name}")["id"] == task["id"]
    assert pcs.good("GET", "prod-tasks/", name=task["name"])[0]["id"] == task["id"]
    assert pcs.good("POST", f"prod-tasks/{task['name']}/lock/")["status"] == "ready"


def test_a_composed_name_is_meant_before_a_stored_one(pcs):
    first = pcs.make_task("first", sample="")
    second = pcs.make_task(COMPOSED, sample="other")
    assert pcs.task(COMPOSED)["id"] == first["id"]
    assert pcs.task(second["composed_name"])["id"] == second["id"]


def test_a_name_that_several_tasks_have_is_told_and_none_is_picked(pcs):
    task = pcs.make_task("first")
    body = {"dataset": task["dataset"], "prod_config": task["prod_config"]}
    second = pcs.add("prod-tasks", name="second", **body)
    answer = pcs.send("GET", f"prod-tasks/{task['composed_name']}/")
    assert answer.status_code == 409
    assert [each["name"] for each in answer.json()["candidates"]] == ["first", "second"]
    assert "'second'" in "".join(pcs.task("first")["readiness"])
    assert pcs.send("GET", "prod-tasks/command/", name=task["composed_name"]).status_code == 409
    assert pcs.task(str(second["id"]))["name"] == "second"


# ------------------------------------------------------------------ bad names and bodies


def test_an_awkward_name_means_no_task_and_breaks_nothing(pcs):
    # A client takes two dots for the directory above, which is PCS's root.
    for name in (each for each in AWKWARD if each != ".."):
        path = f"prod-tasks/{quote(name, safe='')}"
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
            for ending in ("/", ""):
                assert pcs.send(method, path + ending, body).status_code == 404, ascii(name)
        for step in ("submit", "lock", "set-status"):
            answer = pcs.send("POST", f"{path}/{step}/", {"status": "ready"})
            assert answer.status_code == 404, ascii(name)
            assert answer.headers["content-type"] == "application/json"


def test_an_awkward_name_in_the_query_means_no_task(pcs):
    for name in AWKWARD:
        answer = pcs.send("GET", "prod-tasks/command/", name=name)
        assert answer.status_code == (400 if "\0" in name else 404), ascii(name)
        assert pcs.record(name, jedi_task_id=1).status_code in {400, 404}


def test_a_task_does_not_get_an_awkward_name(pcs):
    for name in (*AWKWARD[1:], "command", "12", "", None, 5, ["a"], "a//b", "/a", "a/../b"):
        body = {"name": name, "dataset": 1, "prod_config": 1}
        answer = pcs.http.post("/pcs/api/prod-tasks/", json=body)
        assert "name" in fields_of(answer), ascii(name)


def test_an_unknown_task_is_named(pcs):
    answer = pcs.send("GET", "prod-tasks/nope/")
    assert (answer.status_code, answer.json()) == (404, {"detail": "No task 'nope'"})


BAD_FIELDS = [
    ("dataset", 99),
    ("dataset", "nope"),
    ("dataset", [1]),
    ("prod_config", 99),
    ("prod_config", True),
    ("campaign", "nope"),
    ("prod_request", 99),
    ("priority", "high"),
    ("pre_tdr_use", "yes"),
    ("description", 5),
    ("description", "a\0"),
    ("overrides", "x"),
    ("overrides", {"outputs": []}),
    ("overrides", {"panda_sites": "x"}),
    ("overrides", {"panda_site": "a b"}),
    ("overrides", {"data": {"exec_command": "a\nb"}}),
]


def test_a_field_that_cannot_be_taken_is_named(pcs):
    pcs.make_task()
    for field, value in BAD_FIELDS:
        answer = pcs.send("PATCH", "prod-tasks/dis-10x100/", {field: value})
        assert fields_of(answer) == [field], value


BODIES = (b"[1]", b"{", b"null", b'"x"', b"\xff", b"[" * 500)


def test_a_body_that_is_no_object_is_refused_as_json(pcs):
    for body, path in itertools.product(
        BODIES, ("prod-tasks/", "prod-tasks/record-submission/", "datasets/", "prod-configs/")
    ):
        answer = pcs.http.post(
            f"/pcs/api/{path}", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/json"


def test_nobody_may_write_and_anybody_may_read(pcs, served_api):
    pcs.make_task()
    with served_api.client(token=None) as client:
        nobody = Pcs(client)
        assert len(nobody.good("GET", "prod-tasks/")) == 1
        for method, path in (
            ("POST", "prod-tasks/"), ("PATCH", "prod-tasks/dis-10x100/"),
            ("POST", "prod-tasks/dis-10x100/submit/"), ("DELETE", "prod-configs/1/"),
            ("POST", "prod-tasks/record-submission/"), ("POST", "datasets/1/add-block/"),
        ):  # fmt: skip
            answer = nobody.send(method, path)
            assert answer.status_code == 403
            assert answer.json()["detail"] == "Authentication credentials were not provided."


# ------------------------------------------------------------------ gates


def test_no_write_sets_what_pcs_sets_itself(pcs):
    task = pcs.make_task()
    whole = {name: task[name] for name in ("name", "dataset", "prod_config")}
    ways = (("PATCH", "dis-10x100/"), ("PUT", "dis-10x100/"), ("POST", ""))
    values = (("status", None), ("status", "submitted"), ("status", 1), ("panda_task_id", 1))
    for (field, value), (method, path) in itertools.product(values, ways):
        answer = pcs.send(method, f"prod-tasks/{path}", whole | {field: value})
        assert fields_of(answer) == [field]
    assert pcs.task() == task


def test_a_task_that_is_sent_back_as_it_was_read_stays_as_it_is(pcs):
    task = pcs.make_task(description="d")
    for method in ("PUT", "PATCH"):
        again = pcs.good(method, "prod-tasks/dis-10x100/", task | {"created_by": "somebody"})
        assert again | {"updated_at": None} == task | {"updated_at": None}


@pytest.mark.parametrize(
    "status", same("submitted", "completed", "failed", "past_output", "x", 5, None)
)
def test_a_hand_cannot_set_a_status_that_a_draft_does_not_lead_to(pcs, status):
    pcs.make_task()
    answer = pcs.send("POST", "prod-tasks/dis-10x100/set-status/", {"status": status})
    assert answer.status_code == 400
    assert pcs.task()["status"] == "draft"


def test_only_the_owner_writes(pcs, other):
    pcs.make_task()
    for method, path, body in (
        ("PATCH", "", {"priority": 1}), ("DELETE", "", None), ("POST", "lock/", None),
        ("POST", "submit/", None), ("POST", "set-status/", {"status": "ready"}),
        ("POST", "link-input/", {"did": "a:b"}), ("POST", "generate-commands/", None),
        ("POST", "rerun-entire-task/", None), ("POST", "panda-pause/", {}),
    ):  # fmt: skip
        answer = other.send(method, f"prod-tasks/dis-10x100/{path}", body)
        assert answer.status_code == 403, path
    assert other.record("dis-10x100", jedi_task_id=1).status_code == 403


def test_a_locked_task_changes_only_after_it_was_set_back(pcs):
    pcs.make_ready()
    answer = pcs.send("PATCH", "prod-tasks/dis-10x100/", {"priority": 1})
    assert (answer.status_code, "set it back to draft" in answer.text) == (400, True)
    pcs.good("POST", "prod-tasks/dis-10x100/set-status/", {"status": "draft"})
    assert pcs.good("PATCH", "prod-tasks/dis-10x100/", {"priority": 1})["priority"] == 1


def test_a_task_with_draft_tags_cannot_be_locked(pcs):
    task = pcs.make_task(is_locked=False)
    answer = pcs.send("POST", "prod-tasks/dis-10x100/lock/")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Cannot lock — task is not ready: ")
    assert len(task["readiness"]) == 4


def test_the_configuration_of_a_locked_task_cannot_change(pcs):
    task = pcs.make_ready()
    path = f"prod-configs/{task['prod_config']}/"
    assert pcs.send("PATCH", path, {"panda_site": "X"}).status_code == 409
    pcs.good("POST", "prod-tasks/dis-10x100/set-status/", {"status": "draft"})
    assert pcs.good("PATCH", path, {"panda_site": "X"})["panda_site"] == "X"
    assert pcs.send("DELETE", path).status_code == 409


def test_a_draft_is_deleted(pcs):
    pcs.make_task()
    assert pcs.send("DELETE", "prod-tasks/dis-10x100/").status_code == 204
    assert pcs.good("GET", "prod-tasks/") == []


# ------------------------------------------------------------------ content


def test_a_patch_leaves_what_was_not_sent(pcs):
    task = pcs.make_task(description="d", overrides={"panda_site": "A"})
    changed = pcs.good("PATCH", "prod-tasks/dis-10x100/", {"priority": 3})
    assert changed | {"priority": None, "updated_at": None} == task | {"updated_at": None}


def test_inputs_are_linked(pcs):
    pcs.make_task()
    one = pcs.good("POST", "prod-tasks/dis-10x100/link-input/", {"did": "epic:/EVGEN/x"})
    assert one["input_dataset_dids"] == ["epic:/EVGEN/x"]
    two = pcs.good("POST", "prod-tasks/dis-10x100/link-input/", {"dids": ["epic:a", "epic:b"]})
    assert two["input_dataset_dids"] == ["epic:a", "epic:b"]
    for body in ({}, {"did": "x"}, {"did": 5}, {"dids": "x"}, {"did": "a:b c;"}):
        assert pcs.send("POST", "prod-tasks/dis-10x100/link-input/", body).status_code == 400


def test_outputs_are_what_the_last_sweep_found_of_the_task(pcs, database):
    task = pcs.make_task(overrides={"panda_site": "A"})
    pcs.make_task("other")
    name = "/RECO/26.05.0/epic_craterlake/DIS/NC/10x100/minQ2=1"
    with transaction(database.ops_engine) as session:
        session.add(produced(name, files={"BNL-XRD": (5, 9)}, owner_task=task["name"]))
    read = pcs.task()
    [output] = read["overrides"]["outputs"]
    assert (output["did"], output["complete"]) == (f"epic:{name}", False)
    assert output["rses"] == [{"rse": "BNL-XRD", "files": 5, "total": 9, "complete": False}]
    assert (output["stage"], output["version"], output["file_count"]) == ("RECO", "26.05.0", 9)
    assert output["filters"] == {
        "detector": "epic_craterlake", "beam": "10x100", "physics": "NC", "q2": "minQ2=1",
    }  # fmt: skip
    assert read["output_dataset_dids"] == [f"epic:{name}"]
    assert read["overrides"]["panda_site"] == "A"
    assert "outputs" not in (pcs.task("other")["overrides"] or {})


def test_the_commands_are_composed_and_kept(pcs):
    pcs.make_task()
    made = pcs.good("POST", "prod-tasks/dis-10x100/generate-commands/")
    assert made["panda_command"] == pcs.task()["panda_command"]
    assert made["panda_command"].startswith("prun \\\n")


def test_a_list_is_filtered(pcs):
    pcs.add("campaigns", name="26.05.0")
    pcs.make_task("one", campaign="26.05.0", overrides={"public_catalog_issue": 7})
    pcs.make_ready("two")
    pcs.submit("two")
    for query, found in (
        ({}, ["one", "two"]), ({"status": "ready"}, ["two"]), ({"campaign": "26.05.0"}, ["one"]),
        ({"name_contains": "r1.tw"}, ["two"]), ({"name_contains": "%"}, []),
        ({"public_catalog_issue": "7"}, ["one"]), ({"created_by": "tester"}, ["one", "two"]),
        ({"created_by": "x"}, []), ({"has_request": "true"}, ["two"]),
        ({"has_request": "false"}, ["one"]), ({"name": "two"}, ["two"]), ({"name": "x"}, []),
    ):  # fmt: skip
        listed = pcs.good("GET", "prod-tasks/", **query)
        assert [task["name"] for task in listed] == found, query


# ------------------------------------------------------------------ artifacts


def test_the_command_wants_a_name_and_a_known_format(pcs):
    pcs.make_task()
    assert pcs.send("GET", "prod-tasks/command/").json() == {"detail": "Missing ?name="}
    answer = pcs.send("GET", "prod-tasks/command/", name="dis-10x100", fmt="x")
    assert answer.json() == {"detail": "fmt must be one of: condor, panda, jedi, evgen, dump"}
    assert pcs.send("GET", "prod-tasks/command/", name="dis-10x100", fmt="DUMP").json()["task"]
    answer = pcs.send("GET", "prod-tasks/command/", name="dis-10x100", panda_tasks_id=99)
    assert answer.status_code == 404


def test_the_command_of_an_attempt_has_its_name(pcs):
    task = pcs.make_ready()
    [first] = pcs.record(jedi_task_id=1).json()["panda_tasks"]
    second = pcs.good("POST", "prod-tasks/dis-10x100/rerun-entire-task/")["panda_tasks"][1]
    for query, name in (
        ({}, task["composed_name"]),
        ({"panda_tasks_id": first["id"]}, task["composed_name"]),
        ({"panda_tasks_id": second["id"]}, task["composed_name"] + ".try2"),
    ):
        text = pcs.send("GET", "prod-tasks/command/", name="dis-10x100", **query).text
        assert command.parse(text).name == name


def test_a_value_that_got_in_another_way_is_refused_at_the_command_too(pcs, database):
    task = pcs.make_task()
    with transaction(database.ops_engine) as session:
        session.connection().exec_driver_sql("UPDATE pcs_prod_config SET panda_site = 'a; b'")
    answer = pcs.send("GET", "prod-tasks/command/", name=task["name"])
    assert "panda_site" in fields_of(answer)
    assert "panda_site" in pcs.task()["readiness"][0]


def test_jedi_and_dump_are_json(pcs):
    task = pcs.make_task()
    made = pcs.good("GET", "prod-tasks/command/", name="dis-10x100", fmt="jedi")
    assert made["taskName"] == task["composed_name"]
    dump = pcs.good("GET", "prod-tasks/command/", name="dis-10x100", fmt="dump")
    assert set(dump) == {"task", "dataset", "tags", "prod_config", "effective_config"}
    assert dump["effective_config"]["data"] == DATA
    assert dump["effective_config"]["panda_site"] == CONFIG["panda_site"]
    assert dump["tags"]["evgen"]["tag_label"] == "e1"
    assert dump["prod_config"]["name"] == dump["effective_config"]["name"] == "config of dis-10x100"
    assert (dump["task"]["composed_name"], dump["task"]["overrides"]) == (
        task["composed_name"], {}
    )  # fmt: skip


def jobs_environment(pcs: Pcs) -> str:
    made = pcs.good("GET", "prod-tasks/command/", name="dis-10x100", fmt="jedi")
    return str(made["jobParameters"][0]["value"])


def test_jobs_read_the_list_of_the_linked_dataset_else_of_the_task(pcs):
    pcs.make_task()
    assert "CSV_FILE" not in jobs_environment(pcs)
    pcs.good("PATCH", "prod-tasks/dis-10x100/", {"csv_file": "own.csv"})
    assert "CSV_FILE=own.csv" in jobs_environment(pcs)
    source = pcs.send("POST", "datasets/intake/", {"source_location": "EVGEN/x.csv"}).json()
    for did, location in (("epic:unknown", "own.csv"), (source["did"], "EVGEN/x.csv")):
        pcs.good("POST", "prod-tasks/dis-10x100/link-input/", {"did": did})
        assert f"CSV_FILE={location}" in jobs_environment(pcs)


# ------------------------------------------------------------------ intake of catalog rows


def test_a_row_of_the_public_catalog_is_taken_in_once(pcs):
    task = pcs.make_task("t")
    row = {"public_catalog_issue": 123, "public_catalog_repo": "eic/x"}
    body = row | {"name": "n", "dataset": task["dataset"], "prod_config": task["prod_config"]}
    made = pcs.send("POST", "prod-tasks/intake/", body)
    assert (made.status_code, made.json()["overrides"]) == (201, row)
    again = pcs.send("POST", "prod-tasks/intake/", {"public_catalog_issue": "123"})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    more = {"public_catalog_issue": 123, "input_dataset_did": "epic:/EVGEN/x"}
    assert pcs.good("POST", "prod-tasks/intake/", more)["input_dataset_dids"] == ["epic:/EVGEN/x"]


def test_a_row_is_known_by_its_file_and_key_too(pcs):
    task = pcs.make_task("t")
    row = {"public_catalog_csv_path": "a.csv", "public_catalog_row_key": "7"}
    body = row | {"name": "n", "dataset": task["dataset"], "prod_config": task["prod_config"]}
    assert pcs.send("POST", "prod-tasks/intake/", body).status_code == 201
    assert pcs.send("POST", "prod-tasks/intake/", row).status_code == 200
    answer = pcs.send("POST", "prod-tasks/intake/", {"public_catalog_csv_path": "a.csv"})
    assert fields_of(answer) == ["detail"]
