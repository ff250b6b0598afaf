"""What the PanDA client reads of a job."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from blocks.panda_server import PandaServer
from blocks.panda_server.errors import PandaUnavailable
from blocks.panda_server.jobs import PandaJob, PandaLog

LFN = "group.EIC.26.06.0.task.log.41.000001.log.tgz"


def saying(data: Any, asked: list[httpx.Request] | None = None) -> PandaServer:
    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        return httpx.Response(200, json={"success": True, "message": "", "data": data})

    return PandaServer(
        "https://panda.example:25443", lambda: "token", vo="EIC.production", timeout_seconds=5,
        transport=httpx.MockTransport(answer),
    )  # fmt: skip


def row(**more: Any) -> dict[str, Any]:
    files = [
        {"type": "output", "scope": "group.EIC", "lfn": "out.root"},
        {"type": "log", "scope": "group.EIC", "lfn": LFN},
    ]
    return {
        "PandaID": 1001, "jediTaskID": 41, "jobStatus": "failed", "Files": files, **more,
    }  # fmt: skip


def test_a_job_names_its_task_and_its_log():
    asked: list[httpx.Request] = []
    with saying([row()], asked) as panda:
        assert panda.job(1001) == PandaJob(1001, 41, "failed", PandaLog("group.EIC", LFN))
    assert asked[0].method == "POST"
    assert asked[0].url.path == "/api/v1/job/get_description_incl_archive"
    assert json.loads(asked[0].content) == {"job_ids": [1001]}


@pytest.mark.parametrize("data", [[], [None], [row(PandaID=1002)]])
def test_a_job_that_panda_does_not_know_is_none(data: list[Any]):
    with saying(data) as panda:
        assert panda.job(1001) is None


@pytest.mark.parametrize("files", [None, [], [{"type": "output", "scope": "s", "lfn": "l"}]])
def test_a_job_without_a_log_says_so(files: Any):
    with saying([row(Files=files, jediTaskID=None)]) as panda:
        assert panda.job(1001) == PandaJob(1001, None, "failed", None)


@pytest.mark.parametrize(
    "data", [None, {"PandaID": 1001}, ["1001"], [{"PandaID": 1001}], [row(Files=3)]]
)
def test_what_is_no_description_is_no_answer(data: Any):
    with saying(data) as panda, pytest.raises(PandaUnavailable):
        panda.job(1001)
