"""The PanDA client and the sandbox's PanDA agree about jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from blocks.panda_server import PandaServer, TokenRefused
from blocks.panda_server.jobs import PandaJob, PandaLog
from deployments.sandbox.panda import PandaSandbox
from tests.panda_calls import NEVER_REFINED, ask, submit

pytestmark = pytest.mark.integration

LOG = ("group.EIC", "group.EIC.task.log.7.000001.log.tgz")


@pytest.fixture
def panda(tmp_path: Path) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda", refine_seconds=NEVER_REFINED) as started:
        yield started


def client(panda: PandaSandbox, token: str | None = None) -> PandaServer:
    good = token or panda.token()
    return PandaServer(panda.url, lambda: good, vo="EIC.production", timeout_seconds=10)


def test_a_job_put_by_hand_is_found_with_its_log(panda: PandaSandbox) -> None:
    panda_id = panda.add_job(jedi_task_id=7, status="failed", log=LOG)
    with client(panda) as asked:
        assert asked.job(panda_id) == PandaJob(panda_id, 7, "failed", PandaLog(*LOG))
        assert asked.job(panda_id + 1) is None


def test_a_job_put_over_http_without_a_log_is_one(panda: PandaSandbox) -> None:
    body = {"panda_id": 4711, "jedi_task_id": 7, "status": "running"}
    answer = httpx.post(f"{panda.url}/_sandbox/jobs", json=body)
    assert answer.status_code == 200
    with client(panda) as asked:
        assert asked.job(4711) == PandaJob(4711, 7, "running", None)
    listed = httpx.get(f"{panda.url}/_sandbox/jobs").json()
    assert [job["panda_id"] for job in listed] == [4711]


def test_jobs_survive_a_restart(tmp_path: Path) -> None:
    with PandaSandbox(tmp_path / "panda") as first:
        panda_id = first.add_job(jedi_task_id=7, log=LOG)
    with PandaSandbox(tmp_path / "panda") as second, client(second) as asked:
        assert asked.job(panda_id) is not None
        assert second.add_job() == panda_id + 1


def test_a_refined_task_s_job_has_the_log_that_its_parameters_name(panda: PandaSandbox) -> None:
    log = {
        "dataset": "group.EIC.task.log/", "type": "template", "param_type": "log",
        "value": "group.EIC.task.log.$JEDITASKID.${SN}.log.tgz",
    }  # fmt: skip
    submit(panda, log=log)
    panda.refine()
    (panda_id,) = ask(panda, "task/get_job_ids", task_id=1)["data"]
    with client(panda) as asked:
        job = asked.job(panda_id)
    assert job is not None
    assert job.log == PandaLog("group.EIC", "group.EIC.task.log.1.000001.log.tgz")


def test_an_expired_token_is_refused(panda: PandaSandbox) -> None:
    with client(panda, panda.token(seconds=-60)) as asked, pytest.raises(TokenRefused):
        asked.job(1)
