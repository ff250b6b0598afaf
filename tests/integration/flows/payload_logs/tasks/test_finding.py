"""Callers who know only a PanDA id: the log is looked up at a PanDA that speaks as the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.sandbox.panda import PandaSandbox
from flows.payload_logs.tasks import finding
from tests.cases import same
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


def known_to(panda: PandaSandbox, order: dict[str, Any], **more: Any) -> None:
    log = (SCOPE, order["lfn"])
    panda.add_job(panda_id=order["pandaid"], **{"jedi_task_id": TASK, "log": log} | more)


def asked(panda: PandaSandbox) -> int:
    return sum(each["endpoint"].startswith("job/") for each in panda.journal())


def is_silent(panda: PandaSandbox) -> None:
    for path in ("job/get_description_incl_archive", "job/get_description"):
        panda.fault(path, "502", times=10)


def test_force_looks_up_anew_and_a_cached_log_needs_no_look(panda, fetches):
    order = fetches.job()
    known_to(panda, order)
    fetches.run(pandaid=order["pandaid"])
    fetches.run(pandaid=order["pandaid"])
    assert asked(panda) == 1
    other = fetches.job({"payload.stdout": b"of a PanDA that was installed anew\n"})
    known_to(panda, {**order, "lfn": other["lfn"]})
    fetches.run(pandaid=order["pandaid"], force=True)
    assert asked(panda) == 2
    assert fetches.files(order)["payload.stdout"].startswith(b"of a PanDA")
    assert fetches.row(order).lfn == other["lfn"]


def test_a_number_of_another_panda_is_another_job_s(panda, fetches):
    order = fetches.job()
    known_to(panda, order)
    fetches.run(pandaid=order["pandaid"])
    fetches.noted(order, panda_server="https://panda.elsewhere.example")
    other = fetches.job({"payload.stdout": b"of the PanDA that is set\n"})
    known_to(panda, {**order, "lfn": other["lfn"]})
    fetches.run(pandaid=order["pandaid"])
    assert fetches.files(order)["payload.stdout"].startswith(b"of the PanDA that is set")
    assert (fetches.row(order).lfn, fetches.row(order).panda_server) == (other["lfn"], panda.url)


def test_another_panda_s_word_is_not_taken_while_ours_is_silent(panda, fetches):
    order, other = fetches.job(), fetches.job()
    known_to(panda, order)
    fetches.run(pandaid=order["pandaid"])
    fetches.noted(order, panda_server="https://panda.elsewhere.example")
    is_silent(panda)
    assert "502" in fetches.fail(pandaid=order["pandaid"])
    fetches.run(**{**order, "lfn": other["lfn"]})
    row = fetches.row(order)
    assert (row.lfn, row.located_by, row.panda_server) == (other["lfn"], "caller", None)


def test_an_address_that_the_same_panda_had_before_needs_no_look(panda, fetches, monkeypatch):
    order, former = fetches.job(), "https://panda.before.example"
    known_to(panda, order)
    fetches.run(pandaid=order["pandaid"])
    fetches.noted(order, panda_server=former)
    fetches.set(monkeypatch, panda_former_urls=f"{former}/server/panda")
    assert fetches.run(pandaid=order["pandaid"])["source"] == "cache"
    assert asked(panda) == 1


def test_panda_s_word_wins_over_a_caller_s_who_names_another_job_s_log(panda, fetches):
    order, other = fetches.job(), fetches.job({"payload.stdout": b"another's\n"})
    known_to(panda, order)
    fetches.run(**{**order, "lfn": other["lfn"], "jeditaskid": 17})
    assert fetches.files(order)["payload.stdout"] == STDOUT
    row = fetches.row(order)
    assert (row.lfn, row.jeditaskid, row.located_by) == (order["lfn"], TASK, "panda")


@pytest.mark.parametrize("force", same(False, True))
def test_a_caller_s_word_is_marked_and_gives_way_once_panda_can_be_asked(panda, fetches, force):
    order, other = fetches.job(), fetches.job({"payload.stdout": b"another's\n"})
    known_to(panda, order)
    is_silent(panda)
    fetches.run(**{**order, "lfn": other["lfn"]})
    assert (fetches.row(order).lfn, fetches.row(order).located_by) == (other["lfn"], "caller")
    panda.faults.clear()
    fetches.run(pandaid=order["pandaid"], force=force)
    assert fetches.files(order)["payload.stdout"] == STDOUT
    assert (fetches.row(order).lfn, fetches.row(order).located_by) == (order["lfn"], "panda")


def test_a_caller_s_word_that_panda_confirms_costs_no_transfer(panda, fetches):
    order = fetches.job()
    known_to(panda, order)
    is_silent(panda)
    assert fetches.run(**order)["source"] == "BNL-XRD"
    panda.faults.clear()
    assert fetches.run(pandaid=order["pandaid"])["source"] == "cache"
    assert fetches.row(order).located_by == "panda"


def test_what_panda_said_before_holds_while_it_is_silent_whatever_a_caller_says(panda, fetches):
    order, other = fetches.job(), fetches.job()
    known_to(panda, order)
    fetches.run(pandaid=order["pandaid"])
    is_silent(panda)
    fetches.run(**{**order, "lfn": other["lfn"]}, force=True)
    assert (fetches.row(order).lfn, fetches.row(order).located_by) == (order["lfn"], "panda")


@pytest.mark.slow
def test_failures_of_a_log_that_was_named_wrongly_do_not_count_against_the_right_one(
    panda, fetches
):
    order, other = fetches.job(), fetches.job(is_stored=False)
    known_to(panda, order)
    is_silent(panda)
    for _ in range(3):
        fetches.fail(**{**order, "lfn": other["lfn"]})
    assert fetches.row(order).attempts == 3
    panda.faults.clear()
    fetches.run(pandaid=order["pandaid"])
    assert fetches.row(order).attempts == 0


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
    assert (row.state, row.attempts, row.looked_up_at) == ("failed", 0, None)


def test_an_outage_is_said_while_it_is_waited_out_and_in_the_end(panda, fetches, monkeypatch):
    panda.fault("job/get_description_incl_archive", "502", times=10)
    panda.fault("job/get_description", "502", times=10)
    reason = fetches.fail(pandaid=17)
    said = fetches.events("payload_log_progress")[-1]["text"]
    assert said == f"{reason}; it will be asked again"
    monkeypatch.setattr(finding, "_PATIENCE_SECONDS", 0.0)
    assert fetches.fail(pandaid=17) == reason
    assert fetches.events("payload_log_progress")[-1]["text"] == "looking up the job's log"


def test_a_fetch_outlasts_an_outage_of_a_quarter_of_a_minute_and_keeps_nobody_for_longer():
    delays = finding.find_log.retry_delay_seconds
    assert sum(delays[:-1]) < 15 < finding._PATIENCE_SECONDS < sum(delays) < 25


def test_a_panda_that_is_not_set_is_said_by_the_setting_s_name(fetches):
    assert "PANDA_URL_SSL" in fetches.fail(pandaid=17)
    assert fetches.row({"pandaid": 17}).state == "failed"
