"""Callers who know only a PanDA id: the log is looked up at a PanDA that speaks as the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.sandbox.panda import PandaSandbox
from tests.support.payload_logs import fetches as payload_log_fetches
from tests.support.payload_logs.fetches import SCOPE, STDOUT, TASK, Fetches

pytestmark = pytest.mark.integration

fetches = payload_log_fetches.fetches
NO_LOG = "no Rucio log dataset registered (job may not be complete yet)"


@pytest.fixture
def panda(tmp_path: Path, monkeypatch, fetches: Fetches) -> Iterator[PandaSandbox]:
    with PandaSandbox(tmp_path / "panda") as started:
        fetches.set(
            monkeypatch, panda_url_ssl=started.url, panda_config_root=started.config_root,
            panda_timeout_seconds=2,
        )  # fmt: skip
        yield started


def test_a_log_is_found_by_the_panda_id_alone(panda, fetches):
    order = fetches.job()
    log = (SCOPE, order["lfn"])
    panda.add_job(panda_id=order["pandaid"], jedi_task_id=TASK, log=log)
    fetches.run(pandaid=order["pandaid"])
    assert fetches.files(order)["payload.stdout"] == STDOUT
    row = fetches.row(order)
    assert (row.jeditaskid, row.scope, row.lfn) == (TASK, *log)
    assert row.looked_up_at is not None


def test_what_was_looked_up_is_not_asked_again(panda, fetches):
    order = fetches.job()
    panda.add_job(panda_id=order["pandaid"], jedi_task_id=TASK, log=(SCOPE, order["lfn"]))
    for _ in range(2):
        fetches.run(pandaid=order["pandaid"], force=True)
    asked = [each["endpoint"] for each in panda.journal() if each["endpoint"].startswith("job/")]
    assert len(asked) == 1


def test_a_job_that_panda_does_not_know_is_no_failed_fetch(panda, fetches):
    order = {"pandaid": 17}
    assert fetches.fail(**order) == "job 17: PanDA knows no such job"
    row = fetches.row(order)
    assert (row.state, row.attempts, row.last_error) == (
        "no_job", 0, "job 17: PanDA knows no such job"
    )  # fmt: skip
    assert row.looked_up_at is not None
    assert not fetches.tmp_dir.exists()


def test_a_job_without_a_log_is_looked_up_again_the_next_time(panda, fetches):
    order = fetches.job()
    job = {"panda_id": order["pandaid"], "jedi_task_id": TASK}
    panda.add_job(**job, status="running")
    assert fetches.fail(pandaid=order["pandaid"]) == NO_LOG
    assert (fetches.row(order).state, fetches.row(order).jeditaskid) == ("no_log", TASK)
    assert not (fetches.directory(order) / ".error").exists()
    panda.add_job(**job, log=(SCOPE, order["lfn"]))
    fetches.run(pandaid=order["pandaid"])
    assert fetches.row(order).state == "ready"


def test_a_panda_that_is_down_is_a_failure_and_no_verdict_on_the_job(panda, fetches):
    panda.fault("job/get_description_incl_archive", "502", times=10)
    panda.fault("job/get_description", "502", times=10)
    assert "PanDA" in fetches.fail(pandaid=17)
    row = fetches.row({"pandaid": 17})
    assert (row.state, row.attempts, row.looked_up_at) == ("failed", 1, None)


def test_a_panda_that_is_not_set_is_said_by_the_setting_s_name(fetches):
    assert "PANDA_URL_SSL" in fetches.fail(pandaid=17)
    assert fetches.row({"pandaid": 17}).state == "failed"
