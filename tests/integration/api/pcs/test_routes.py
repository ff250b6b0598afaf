"""PCS's REST is the original's: each call of its contract, with status, keys and texts.

Ours beside them, and what differs on purpose, is in docs/reference/pcs.md.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest

from deployments.reference import ROOT
from tests.cases import slow
from tests.pcs_client import COMPOSED, CONFIG, TAGS, Pcs

pytestmark = pytest.mark.integration


TAG = {
    "id", "tag_number", "tag_label", "status", "description", "parameters", "created_by",
    "created_at", "updated_at",
}  # fmt: skip
CATEGORY = {"digit", "name", "description", "created_by", "created_at", "tag_count"}
DATASET = {
    "id", "dataset_name", "scope", "detector_version", "detector_config", "physics_tag",
    "evgen_tag", "simu_tag", "reco_tag", "background_tag", "physics_tag_label",
    "evgen_tag_label", "simu_tag_label", "reco_tag_label", "background_tag_label", "block_num",
    "blocks", "did", "file_count", "data_size", "stage", "external", "source_kind",
    "source_location", "validation_status", "description", "metadata", "created_by", "created_at",
}  # fmt: skip
CONFIGURATION = {
    "id", "name", "description", "bg_mixing", "bg_cross_section", "bg_evtgen_file", "copy_reco",
    "copy_full", "copy_log", "use_rucio", "jug_xl_tag", "container_image", "target_hours_per_job",
    "events_per_task", "condor_template", "panda_site", "panda_queue", "panda_working_group",
    "panda_resource_type", "rucio_rse", "rucio_replication_rules", "data", "workflow_mode",
    "created_by", "created_at", "updated_at",
}  # fmt: skip
TASK = {
    "id", "name", "composed_name", "description", "status", "dataset", "dataset_name",
    "dataset_did", "prod_config", "prod_config_name", "csv_file", "overrides",
    "input_dataset_dids", "output_dataset_dids", "intermediate_dataset_dids", "condor_command",
    "panda_command", "panda_task_id", "panda_tasks", "condor_cluster_id", "created_by",
    "created_at", "updated_at",
}  # fmt: skip
ATTEMPT = {
    "id", "try_number", "jedi_task_id", "task_name", "out_ds", "log_ds", "site",
    "status_snapshot", "association_source", "match_reason", "metadata", "current", "created_at",
    "updated_at",
}  # fmt: skip
QUEUED = {"queued", "operation", "jedi_task_id"}
COMMANDS = {"condor_command", "panda_command"}
EVGEN = TAGS["evgen"]["parameters"]
NEW_TASK = {"name": "new", "dataset": 1, "prod_config": 1}
ROW = {"public_catalog_issue": 5}
STATUSES = "completed, draft, failed, ready, submitted"


class Call(NamedTuple):
    """A call in a world of one draft tag of each kind, a locked one, a dataset and four tasks.

    Attributes:
        method: Its method.
        path: Below `/pcs/api/`, with its query.
        body: What is sent.
        status: The answer's.
        expected: Its text, all of its body, or keys of it (of each entry, where it is a list).
    """

    method: str
    path: str
    body: Any
    status: int
    expected: str | dict[str, Any] | set[str]


CALLS = [
    # categories
    Call("GET", "physics-categories/", None, 200, CATEGORY),
    Call("GET", "physics-categories/3/", None, 200, CATEGORY),
    Call("GET", "physics-categories/9/", None, 404, "No PhysicsCategory matches the given query."),
    Call("GET", "physics-categories/0/", None, 404, "No PhysicsCategory matches the given query."),
    Call("GET", "physics-categories/x/", None, 404, "No PhysicsCategory matches the given query."),
    Call("POST", "physics-categories/", {"digit": 4, "name": "SIDIS"}, 201, CATEGORY),
    Call("POST", "physics-categories/", {"digit": 4, "name": "DIS"}, 400,
         {"name": ["physics category with this name already exists."]}),
    Call("POST", "physics-categories/", {}, 400,
         {"digit": ["This field is required."], "name": ["This field is required."]}),
    Call("PATCH", "physics-categories/3/", {"description": "d"}, 200, CATEGORY),
    Call("PUT", "physics-categories/3/", {}, 405, 'Method "PUT" not allowed.'),
    Call("DELETE", "physics-categories/3/", None, 405, 'Method "DELETE" not allowed.'),
    # tags
    Call("GET", "physics-tags/", None, 200, TAG | {"category", "category_name"}),
    Call("GET", "physics-tags/3001/", None, 200, TAG | {"category", "category_name"}),
    Call("GET", "evgen-tags/", None, 200, TAG),
    Call("GET", "simu-tags/1/", None, 200, TAG),
    Call("GET", "reco-tags/1/", None, 200, TAG),
    Call("GET", "background-tags/", None, 200, TAG),
    Call("GET", "evgen-tags/99/", None, 404, "No EvgenTag matches the given query."),
    Call("GET", "evgen-tags/abc/", None, 404, "No EvgenTag matches the given query."),
    Call("GET", "evgen-tags/99999999999999999999/", None, 404,
         "No EvgenTag matches the given query."),
    Call("POST", "evgen-tags/abc/lock/", None, 404, "No EvgenTag matches the given query."),
    Call("GET", "physics-tags/99/", None, 404, "No PhysicsTag matches the given query."),
    Call("POST", "evgen-tags/", {"parameters": EVGEN}, 201, TAG),
    Call("POST", "evgen-tags/", {"parameters": EVGEN, "tag_label": "e99", "status": "locked",
                                 "created_by": "x"}, 201, TAG),
    Call("POST", "evgen-tags/", {"parameters": {}}, 400, {"parameters"}),
    Call("POST", "physics-tags/", {"parameters": TAGS["physics"]["parameters"]}, 400,
         {"category": ["This field is required."]}),
    Call("POST", "physics-tags/", TAGS["physics"] | {"category": 9}, 400,
         {"category": ["Category 9 does not exist."]}),
    Call("PATCH", "evgen-tags/2/", {"description": "d"}, 200, TAG),
    Call("PATCH", "evgen-tags/2/", {"status": "locked"}, 400,
         "Use the /lock/ endpoint to change status."),
    Call("PATCH", "evgen-tags/1/", {"status": "draft"}, 400,
         "Tag e1 is locked and cannot be modified."),
    Call("POST", "evgen-tags/2/lock/", None, 200, TAG),
    Call("POST", "evgen-tags/1/lock/", None, 400, "Tag e1 is already locked."),
    Call("POST", "evgen-tags/2/delete/", None, 200, {"detail": "Tag e2 deleted."}),
    Call("POST", "evgen-tags/1/delete/", None, 400, "Tag e1 is locked and cannot be deleted."),
    Call("POST", "evgen-tags/3/delete/", None, 403,
         "Only the creator (somebody) can delete this tag."),
    Call("DELETE", "evgen-tags/2/", None, 405, 'Method "DELETE" not allowed.'),
    # datasets
    Call("GET", "datasets/", None, 200, DATASET),
    Call("GET", "datasets/?limit=abc", None, 200, DATASET),
    Call("GET", "datasets/1/", None, 200, DATASET),
    Call("GET", "datasets/999/", None, 404, "No Dataset matches the given query."),
    Call("GET", "datasets/abc/", None, 404, "No Dataset matches the given query."),
    Call("GET", "datasets/0/", None, 404, "No Dataset matches the given query."),
    Call("POST", "datasets/-1/add-block/", None, 404, "No Dataset matches the given query."),
    Call("POST", "datasets/1/add-block/", None, 201, DATASET),
    Call("POST", "datasets/intake/", {"source_location": "a"}, 201, DATASET),
    Call("POST", "datasets/intake/", {}, 400, "source_location is required"),
    Call("POST", "datasets/", {"metadata": {"external": True}}, 400, {"metadata"}),
    Call("PATCH", "datasets/1/", {}, 405, 'Method "PATCH" not allowed.'),
    # configurations
    Call("GET", "prod-configs/", None, 200, CONFIGURATION),
    Call("GET", "prod-configs/1/", None, 200, CONFIGURATION),
    Call("POST", "prod-configs/", {"name": "other", "created_by": "x"}, 201, CONFIGURATION),
    Call("POST", "prod-configs/", {}, 400, {"name": ["This field is required."]}),
    Call("PATCH", "prod-configs/5/", {"panda_site": "X"}, 200, CONFIGURATION),
    Call("PATCH", "prod-configs/6/", {"panda_site": "X"}, 403,
         "You do not have permission to perform this action."),
    Call("DELETE", "prod-configs/5/", None, 204, set()),
    Call("GET", "prod-configs/99/", None, 404, "No ProdConfig matches the given query."),
    # tasks
    Call("GET", "prod-tasks/", None, 200, TASK),
    Call("GET", "prod-tasks/draft/", None, 200, TASK),
    Call("GET", "prod-tasks/1/", None, 200, TASK),
    Call("GET", f"prod-tasks/{COMPOSED}.draft/", None, 200, TASK),
    Call("GET", "prod-tasks/x/", None, 404, "No task 'x'"),
    Call("POST", "prod-tasks/", NEW_TASK, 201, TASK),
    Call("POST", "prod-tasks/", {}, 400, {"name", "dataset", "prod_config"}),
    Call("POST", "prod-tasks/", NEW_TASK | {"dataset": 99}, 400,
         {"dataset": ['Invalid pk "99" - object does not exist.']}),
    Call("PATCH", "prod-tasks/draft/", {"description": "d"}, 200, TASK),
    Call("PUT", "prod-tasks/draft/", NEW_TASK, 200, TASK),
    Call("DELETE", "prod-tasks/draft/", None, 204, set()),
    Call("GET", "prod-tasks/command/", None, 400, "Missing ?name="),
    Call("GET", "prod-tasks/command/?name=draft&fmt=x", None, 400, "fmt must be one of:"),
    Call("GET", "prod-tasks/command/?name=x&fmt=panda", None, 404, "No task named 'x'"),
    Call("GET", "prod-tasks/command/?name=x&fmt=jedi", None, 404, "No task named 'x'"),
    Call("GET", "prod-tasks/command/?name=draft&fmt=dump", None, 200,
         {"task", "dataset", "tags", "prod_config", "effective_config"}),
    Call("POST", "prod-tasks/draft/generate-commands/", None, 200, COMMANDS),
    Call("POST", "prod-tasks/draft/set-status/", {"status": "ready"}, 200, TASK),
    Call("POST", "prod-tasks/draft/set-status/", {"status": "x"}, 400,
         f"Invalid status. Choose from: {STATUSES}"),
    Call("POST", "prod-tasks/draft/set-status/", {}, 400,
         f"Invalid status. Choose from: {STATUSES}"),
    Call("POST", "prod-tasks/draft/set-status/", {"status": "failed"}, 400,
         "Cannot transition from 'draft' to 'failed'. Allowed from 'draft': ['ready']"),
    Call("POST", "prod-tasks/x/set-status/", {"status": "ready"}, 404, "No task 'x'"),
    Call("POST", "prod-tasks/draft/lock/", None, 200, TASK),
    Call("POST", "prod-tasks/bare/lock/", None, 400, "Cannot lock — task is not ready: "),
    Call("POST", "prod-tasks/ready/submit/", None, 200, TASK | {"warnings"}),
    Call("POST", "prod-tasks/draft/submit/", None, 400,
         "Only a locked (ready) task can be submitted to PanDA."),
    Call("POST", "prod-tasks/live/submit/", None, 409, "Already submitted as jediTaskID 41."),
    Call("POST", "prod-tasks/live/panda-add-retry/", {"increase": 2}, 202, QUEUED),
    Call("POST", "prod-tasks/live/panda-retry-failures/", {}, 202, QUEUED),
    Call("POST", "prod-tasks/live/panda-add-retry/", {"increase": 0}, 400, "increase: "),
    Call("POST", "prod-tasks/draft/panda-add-retry/", {}, 409, "has no jediTaskID"),
    Call("POST", "prod-tasks/live/rerun-entire-task/", None, 202, TASK),
    Call("POST", "prod-tasks/draft/rerun-entire-task/", None, 409, "No recorded submission"),
    Call("POST", "prod-tasks/draft/link-input/", {"did": "epic:/EVGEN/x"}, 200, TASK),
    Call("POST", "prod-tasks/draft/link-input/", {}, 400, "did or dids is required"),
    Call("POST", "prod-tasks/draft/link-input/", {"did": "a:b", "dids": ["a:c"]}, 400,
         "Provide one of did or dids, not both"),
    Call("POST", "prod-tasks/intake/", NEW_TASK | ROW, 201, TASK),
    Call("POST", "prod-tasks/intake/", ROW, 400,
         "Creating a new task requires: name, dataset, prod_config"),
    Call("POST", "prod-tasks/intake/", NEW_TASK, 400, "Idempotency key required: "),
    Call("POST", "prod-tasks/record-submission/?name=ready", {"jedi_task_id": 42}, 200, TASK),
    Call("POST", "prod-tasks/record-submission/?name=live", {"jedi_task_id": 41}, 200, TASK),
    Call("POST", "prod-tasks/record-submission/", {"name": "live", "jedi_task_id": 41}, 200, TASK),
    Call("POST", "prod-tasks/record-submission/?name=live", {"jedi_task_id": 43}, 409,
         "Task already records panda_task_id=41, cannot overwrite with 43."),
    Call("POST", "prod-tasks/record-submission/?name=ready", {"jedi_task_id": "x"}, 400,
         "jedi_task_id must be an integer"),
    Call("POST", "prod-tasks/record-submission/?name=draft", {"jedi_task_id": 43}, 400,
         "Only a ready task takes a submission"),
    Call("POST", "prod-tasks/record-submission/?name=x", {"jedi_task_id": 1}, 404,
         "No task named 'x'"),
    Call("POST", "prod-tasks/record-submission/", {"jedi_task_id": 1}, 400, "Missing ?name="),
    Call("POST", "prod-tasks/record-submission-failure/?name=x", {"panda_tasks_id": 1}, 404,
         "No task named 'x'"),
    Call("POST", "prod-tasks/record-submission-failure/?name=draft", {"panda_tasks_id": 99}, 404,
         "No PandaTasks row 99"),
    Call("POST", "prod-tasks/rucio-snapshot-update/", None, 400, "No current"),
    Call("POST", "prod-tasks/evgen-rucio-update/", None, 202, {"status": "queued"}),
    Call("POST", "prod-tasks/catalog-import/", {"source": "x"}, 400, "source: "),
]  # fmt: skip


@pytest.fixture
def pcs(api, served_api) -> Pcs:
    """The world that the calls are made in."""
    pcs = Pcs(api)
    for name in ("draft", "ready", "live"):
        pcs.make_task(name)
    for name in ("ready", "live"):
        pcs.good("POST", f"prod-tasks/{name}/lock/")
    assert pcs.record("live", jedi_task_id=41).status_code == 200
    pcs.make_task("bare", config=CONFIG | {"data": {}})
    pcs.add("prod-configs", name="unused")
    pcs.add("evgen-tags", **TAGS["evgen"])
    pcs.add("background-tags", parameters={"background_type": "beam gas"})
    with served_api.client(token=None) as client:
        other = Pcs(client, user="somebody")
        other.add("evgen-tags", **TAGS["evgen"])
        other.add("prod-configs", name="another's")
    return pcs


def check(pcs: Pcs, call: Call) -> None:
    path, _, query = call.path.partition("?")
    answer = pcs.send(call.method, path, call.body, **dict(parse_qsl(query)))
    assert answer.status_code == call.status, answer.text
    body = answer.json() if answer.content else {}
    if isinstance(call.expected, str):
        assert list(body) == ["detail"]
        assert call.expected in body["detail"]
    elif isinstance(call.expected, dict):
        assert body == call.expected
    else:
        for entry in body if isinstance(body, list) else [body]:
            assert set(entry) >= call.expected, set(call.expected) - set(entry)


@pytest.mark.parametrize("half", [0, 1])
def test_a_call_is_answered_as_by_the_original(pcs, half):
    """Each call that changes nothing; those that do have a world each, and stand below."""
    for call in [each for each in CALLS if each.method == "GET" or each.status >= 400][half::2]:
        try:
            check(pcs, call)
        except AssertionError as error:
            raise AssertionError(f"{call.method} {call.path} {json.dumps(call.body)}") from error


CHANGES = [each for each in CALLS if each.method != "GET" and each.status < 400]
OF_EACH_METHOD = {each.method: each for each in reversed(CHANGES)}.values()


@pytest.mark.parametrize(
    "call",
    [*OF_EACH_METHOD, *slow(*(each for each in CHANGES if each not in OF_EACH_METHOD))],
    ids=lambda call: f"{call.method} {call.path}",
)
def test_a_change_is_answered_as_by_the_original(pcs, call):
    check(pcs, call)


def test_the_root_names_every_collection(pcs):
    described = json.loads((ROOT / "docs/reference/openapi.json").read_text())["paths"]
    words = {path.split("/")[3] for path in described if path.startswith("/pcs/api/")} - {""}
    root = pcs.good("GET", "")
    assert set(root) == words
    for name, path in root.items():
        assert isinstance(pcs.http.get(path).json(), list), name
    assert pcs.http.get("/pcs/api").json() == root


def test_an_attempt_says_whether_the_task_points_to_it(pcs):
    pcs.good("POST", "prod-tasks/live/rerun-entire-task/")
    attempts = pcs.task("live")["panda_tasks"]
    assert set(attempts[0]) >= ATTEMPT
    assert [each["current"] for each in attempts] == [True, False]


def test_a_dataset_says_where_it_comes_from(pcs):
    taken = pcs.send("POST", "datasets/intake/", {"source_location": "EVGEN/x.csv"}).json()
    made = pcs.good("GET", "datasets/1/")
    fields = ("stage", "external", "source_kind", "source_location", "validation_status")
    assert [taken[each] for each in fields] == ["evgen", True, "csv_manifest", "EVGEN/x.csv", ""]
    assert [made[each] for each in fields] == ["", False, "", "", ""]
    assert (made["file_count"], made["data_size"]) == (0, 0)
    dataset = pcs.make_dataset(sample_name="v", metadata={"validation": {"status": "good"}})
    assert dataset["validation_status"] == "good"


def test_a_configuration_names_its_workflow(pcs):
    assert pcs.good("GET", "prod-configs/1/")["workflow_mode"] == "external_evgen"
    made = pcs.add("prod-configs", name="w", data={"workflow_mode": "internal_evgen"})
    assert made["workflow_mode"] == "internal_evgen"
