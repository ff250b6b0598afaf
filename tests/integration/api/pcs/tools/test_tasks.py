"""Production tasks by an assistant: the same gates as REST, in words that it can act on."""

from __future__ import annotations

import json

import httpx
import pytest

from flows.common.callers import Scope
from tests.pcs_client import COMPOSED, CONFIG, DATA, Pcs
from tests.support.mcp import Assistant

pytestmark = pytest.mark.integration


@pytest.fixture
def pcs(api: httpx.Client) -> Pcs:
    return Pcs(api)


@pytest.fixture
def stranger(served_api, database) -> Assistant:
    return Assistant(served_api.url, database.create_token("stranger"))


def test_an_artifact_is_answered_in_each_format_under_its_key(assistant, pcs):
    pcs.make_task("t1", sample="", csv_file="EVGEN/a.csv")
    for fmt, key in (("condor", "value"), ("panda", "value"), ("jedi", "taskParamMap"),
                     ("dump", "dump")):  # fmt: skip
        answer = assistant.ask("pcs_prodtask_artifact", name=COMPOSED, fmt=fmt)
        assert (answer["name"], answer["fmt"]) == ("t1", fmt)
        assert answer[key]
    refusal = assistant.refusal("pcs_prodtask_artifact", name="t1", fmt="evgen")
    assert "data.events_per_job is not set" in refusal


def test_a_large_artifact_is_bounded_and_says_what_is_left_out(assistant, pcs):
    config = CONFIG | {"data": DATA | {"files": [f"f{n:07}.json" for n in range(30_000)]}}
    pcs.make_task("t1", config=config)
    answer = assistant.ask("pcs_prodtask_artifact", name="t1")
    assert len(json.dumps(answer)) < 250_000
    assert "of which at most" in answer["left_out"][0]


def test_what_is_wrong_with_a_call_is_said_with_what_is_accepted(assistant, pcs):
    pcs.make_task("t1")
    assert "No task 'nope'" in assistant.refusal("pcs_prodtask_get", name="nope")
    assert "Did you mean name_contains?" in assistant.refusal("pcs_prodtask_list", name_contain="x")
    assert "'condor', 'panda'" in assistant.refusal("pcs_prodtask_artifact", name="t1", fmt="x")
    both = {"did": "epic:/EVGEN/a", "dids": ["epic:/EVGEN/b"]}
    assert "either did or dids" in assistant.refusal(
        "pcs_prodtask_link_input", task_name="t1", **both
    )
    assert "No tag 'p9'" in assistant.refusal("pcs_get_tag", tag_label="p9")
    assert "Give one of name, did" in assistant.refusal("pcs_dataset_get")


def test_a_task_goes_its_way_until_it_is_ready_and_no_further(assistant, pcs):
    pcs.make_task("t1", sample="")
    linked = assistant.ask("pcs_prodtask_link_input", task_name="t1", did="epic:/EVGEN/a")
    assert linked["task"]["input_dataset_dids"] == ["epic:/EVGEN/a"]
    ready = assistant.ask("pcs_prodtask_set_status", task_name="t1", status="ready")
    assert ready["task"]["status"] == "ready"
    refusal = assistant.refusal("pcs_prodtask_set_status", task_name="t1", status="submitted")
    assert "becomes submitted by a recorded submission only" in refusal


def test_what_another_made_may_be_read_and_not_changed(stranger, pcs):
    pcs.make_ready("t1")
    assert stranger.ask("pcs_prodtask_get", name="t1")["created_by"] == "tester"
    for tool, arguments in (
        ("pcs_prodtask_set_status", {"task_name": "t1", "status": "draft"}),
        ("pcs_prodtask_submit", {"name": "t1"}),
    ):
        assert "It is tester's: that takes the scope operate" in stranger.refusal(tool, **arguments)
    assert pcs.task("t1")["request"] is None


def test_a_token_that_may_only_read_gets_the_words(served_api, database, pcs):
    pcs.make_ready("t1")
    reader = Assistant(served_api.url, database.create_token("reader", Scope.READ))
    refusal = reader.refusal("pcs_prodtask_submit", name="t1")
    assert (
        "pcs_prodtask_submit takes the scope request, which this token of reader has not" in refusal
    )


def test_only_a_named_service_makes_something_for_another(assistant, pcs):
    intake = {"source_location": "EVGEN/a.csv"}
    refusal = assistant.refusal("pcs_dataset_intake", **intake, created_by="boss")
    assert "boss" in refusal
    made = assistant.ask("pcs_dataset_intake", **intake, created_by="tester")
    assert (made["created"], made["dataset"]["created_by"]) == (True, "tester")
    again = assistant.ask("pcs_dataset_intake", **intake)
    assert (again["created"], again["dataset"]["did"]) == (False, made["dataset"]["did"])


def test_lists_are_paged_and_filtered(assistant, pcs):
    for name in ("a", "b", "c"):
        pcs.make_task(name, overrides={"public_catalog_issue": 7} if name == "b" else None)
    first = assistant.ask("pcs_prodtask_list", limit=2)
    assert ([each["name"] for each in first["tasks"]], first["has_more"]) == (["a", "b"], True)
    rest = assistant.ask("pcs_prodtask_list", limit=2, offset=2)
    assert (rest["count"], rest["has_more"], rest["tasks"][0]["name"]) == (3, False, "c")
    found = assistant.ask("pcs_prodtask_list", public_catalog_issue="7")
    assert [each["name"] for each in found["tasks"]] == ["b"]
    assert assistant.ask("pcs_dataset_list", name_contains=".b")["count"] == 1


def test_tags_are_found_by_text_and_category(assistant, pcs):
    pcs.make_tags()
    assert assistant.ask("pcs_search_tags", query="PYTHIA8")["tags"][0]["tag_label"] == "e1"
    assert assistant.ask("pcs_search_tags", query="pythia8", tag_type="s")["count"] == 0
    assert assistant.ask("pcs_list_tags", tag_type="p", category="DIS")["label"] == "Physics"
    assert assistant.ask("pcs_list_tags", tag_type="p", search="pythia")["count"] == 0


def test_tasks_are_listed_by_the_issue_of_their_row_as_a_number_or_a_text(assistant, pcs):
    pcs.make_task("t1", overrides={"public_catalog_issue": 7})
    for issue in (7, "7"):
        found = assistant.ask("pcs_prodtask_list", public_catalog_issue=issue)
        assert [each["name"] for each in found["tasks"]] == ["t1"]
