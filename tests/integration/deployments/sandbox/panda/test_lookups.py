"""The PanDA of the sandbox tells of tasks and jobs as the real server does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.sandbox.panda import PandaSandbox
from tests.panda_calls import NAME, NEVER_REFINED, ask, named, send, submit

pytestmark = pytest.mark.integration


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=NEVER_REFINED) as started:
        yield started


def test_a_look_up_without_a_user_is_scoped_to_the_caller(panda: PandaSandbox) -> None:
    submit(panda, userName="epicprod")
    panda.refine()
    assert named(panda) == []
    assert [task["jediTaskID"] for task in named(panda, userName="epicprod")] == [1]


def test_a_look_up_is_exact_and_knows_its_fields(panda: PandaSandbox) -> None:
    submit(panda)
    panda.refine()
    assert named(panda, NAME.rstrip("/")) == []
    for filters in ('{"name": "x"}', '["name"]'):
        answer = ask(panda, "task/get_tasks_detailed_info_since", filters=filters)
        assert answer["success"] is False
    (task,) = named(panda, jediTaskID="1", status="running")
    assert task["modificationTime"]["__datetime__"] >= task["creationDate"]["__datetime__"]
    later = ask(panda, "task/get_tasks_detailed_info_since", since="2999-01-01 00:00:00")
    assert later["data"] == []


def test_tasks_modified_since_are_those_of_a_label(panda: PandaSandbox) -> None:
    submit(panda)
    panda.refine()
    since = "2000-01-01 00:00:00"
    path = "task/get_tasks_modified_since"
    assert ask(panda, path, since=since)["data"] == {}
    found = ask(panda, path, since=since, prod_source_label="test")["data"]
    assert found["1"]["taskName"] == NAME


def test_jobs_have_files_named_as_the_parameters_say(panda: PandaSandbox) -> None:
    log = {
        "dataset": "group.EIC.task.log/", "type": "template", "param_type": "log",
        "value": "group.EIC.task.log.$JEDITASKID.${SN}.log.tgz",
    }  # fmt: skip
    submit(panda, log=log, nEvents=3, nEventsPerJob=1)
    panda.refine()
    panda.set_status(1, "finished", failed_jobs=1)
    ids = ask(panda, "task/get_details", task_id=1)["data"]["PandaID"]
    jobs = send(panda, "job/get_description_incl_archive", {"job_ids": ids})["data"]
    assert [job["jobStatus"] for job in jobs] == ["failed", "finished", "finished"]
    (file,) = jobs[0]["Files"]
    assert (file["type"], file["scope"], file["dataset"], file["lfn"]) == (
        "log", "group.EIC", "group.EIC.task.log/", "group.EIC.task.log.1.000001.log.tgz",
    )  # fmt: skip
    failed = ask(panda, "task/get_job_descriptions", task_id=1, unsuccessful_only="True")["data"]
    assert [job["PandaID"] for job in failed] == ids[:1]
    states = ask(panda, "job/get_status", job_ids=ids)["data"]
    assert [state["status"] for state in states] == ["failed", "finished", "finished"]
