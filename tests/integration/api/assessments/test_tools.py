"""An assistant registers what it found out."""

from __future__ import annotations

import httpx
import pytest

from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration

TOOL = "epicprod_register_ai_assessment"


def test_an_assessment_is_registered_for_the_caller_and_linked(assistant, api):
    Pcs(api).make_task()
    about = {"subject_type": "prod_task", "subject_key": "dis-10x100"}
    answer = assistant.ask(TOOL, **about, assessment="It is well.", ai="a-model")
    assert (answer["success"], answer["linked"], answer["json_field"]) == (True, True, "")
    assert (answer["subject_type"], answer["username"]) == ("campaign_task", "tester")
    assert answer["subject_url"].startswith("http://")
    assert answer["subject_url"].endswith("/pcs/tasks/dis-10x100/")
    assert api.get("/api/assessments/").json()["results"][0]["id"] == answer["id"]


def test_the_link_of_a_dataset_of_pcs_leads_to_it(assistant, api):
    dataset = Pcs(api).make_dataset()
    about = {"subject_type": "dataset", "subject_key": dataset["did"]}
    url = assistant.ask(TOOL, **about, assessment="It is well.")["subject_url"]
    assert httpx.get(url).json()["did"] == dataset["did"]


def test_a_subject_that_is_not_there_is_no_success(assistant):
    about = {"subject_type": "job", "subject_key": "x"}
    result = assistant.result(TOOL, **about, assessment="It is well.")
    assert result.is_error
    assert result.structured_content["success"] is False
    assert result.structured_content["error"] == (
        "No local subject found for panda_job:x. "
        "pcs_prodtask_list, pcs_dataset_list and campaign_status tell what there is."
    )


def test_what_is_wrong_is_named(assistant):
    about = {"subject_type": "thing", "subject_key": "x"}
    assert "assessment" in assistant.refusal(TOOL, **about)
    assert "assessment" in assistant.refusal(TOOL, **about, assessment="x" * 100_001)
    assert "boss" in assistant.refusal(TOOL, **about, assessment="x", username="boss")
