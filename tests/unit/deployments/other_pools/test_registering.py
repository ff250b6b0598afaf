"""Deployments of actions that another pool runs: in that pool, with an operator's job variables."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deployments.worker.deployment_parts import Part, in_words
from deployments.worker.registration import Registration
from tests.support.fake_prefect import FakePrefect

ELSEWHERE = {"prune_history": "k8s"}
VARIABLES = {"image": "prodops:2", "env": {"TOKEN": "canary"}}


@pytest.fixture
def prefect() -> FakePrefect:
    return FakePrefect()


def register(prefect: FakePrefect, elsewhere: dict[str, str]) -> Registration:
    """What a worker's start leaves."""
    made = Registration(prefect, "prodops", prefect.memory, elsewhere)
    asyncio.run(made.register())
    return made


def found(registration: Registration) -> dict[str, Any]:
    return asyncio.run(registration.deployments())


def test_they_are_in_their_pool_and_all_others_in_the_workers(prefect):
    made = found(register(prefect, ELSEWHERE))
    assert made["prune_history"]["work_pool_name"] == "k8s"
    assert made["check_pipeline"]["work_pool_name"] == "prodops"


def test_their_job_variables_stay_and_are_shown_to_nobody(prefect):
    register(prefect, ELSEWHERE)
    prefect.deployments["prune_history"]["job_variables"] = dict(VARIABLES)
    again = register(prefect, ELSEWHERE)
    assert found(again)["prune_history"]["job_variables"] == VARIABLES
    assert again.unlocked(found(again)) == again.edits(found(again)) == []
    assert again.missing(found(again)) == []


def test_back_in_the_workers_pool_they_are_taken_away(prefect):
    register(prefect, ELSEWHERE)
    prefect.deployments["prune_history"]["job_variables"] = dict(VARIABLES)
    made = found(register(prefect, {}))["prune_history"]
    assert (made["work_pool_name"], made["job_variables"]) == ("prodops", {})


def test_what_an_environment_holds_is_no_word_of_the_log():
    assert in_words(Part.JOB_VARIABLES, VARIABLES) == "env=…, image=prodops:2"
