"""Ends are written down at Prefect and in the request, through any outage."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.states import Cancelled, Running

from deployments.worker import patience
from deployments.worker.closing import Closing
from deployments.worker.protocol import COMPLETED_EXIT, Ended, EndReason
from deployments.worker.request_store import Ending
from deployments.worker.works import Work
from flows.common import actions
from flows.common.claims import Claim
from flows.common.database_errors import DatabaseUnavailable

ACTION = actions.get("check_pipeline")
EXITED = Ended(run="r", reason=EndReason.EXITED, exit_code=1)


class Fake:
    """A store that is away at first, and a Prefect whose run is in one state."""

    def __init__(self, state: Any) -> None:
        self.written: list[str] = []
        self.away = [DatabaseUnavailable("away")] * 2

        async def read_state(_id: object) -> Any:
            return state

        async def force(_id: object, final: Any) -> None:
            self.written.append(final.name)

        runs = SimpleNamespace(state=read_state, force=force)
        self.closing = Closing(SimpleNamespace(conclude=self.conclude, reject=self.reject), runs)

    def conclude(self, _claim: Claim, ending: Ending) -> None:
        self.reject(_claim, ending.error or "")

    def reject(self, _claim: Claim, reason: str) -> None:
        if self.away:
            raise self.away.pop()
        self.written.append(reason)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_ASK_AGAIN_SECONDS", 0)


def work_of(*, has_run: bool = True, **flags: bool) -> Work:
    run = SimpleNamespace(id="r") if has_run else None
    return Work(Claim(1, 1), ACTION, flow_run=run, **flags)


def test_an_open_run_is_made_final_before_its_request_ends():
    fake = Fake(Running())
    asyncio.run(fake.closing.end_run(work_of(), EXITED))
    assert fake.written == ["Crashed", "the run's process ended (1) in state Running"]


@pytest.mark.parametrize(
    ("state", "has_run", "written"),
    [
        (Running(), True, ["Cancelled", "cancelled"]),
        (Cancelled(), True, ["cancelled"]),
        (None, False, ["cancelled"]),
    ],
)
def test_a_run_that_has_not_begun_is_ended_where_there_is_one(state, has_run, written):
    fake = Fake(state)
    asyncio.run(fake.closing.end_unbegun(work_of(has_run=has_run, is_cancelled=True)))
    assert fake.written == written


def test_a_rejection_waits_out_an_outage():
    fake = Fake(None)
    asyncio.run(fake.closing.reject(work_of(), "of no form"))
    assert (fake.written, fake.away) == (["of no form"], [])


def test_a_run_whose_end_prefect_has_accepted_is_not_asked_for():
    async def asked(_id: object) -> None:
        raise AssertionError("Prefect was asked")

    fake = Fake(None)
    fake.closing.flow_runs.state = asked
    completed = Ended(run="r", reason=EndReason.EXITED, exit_code=COMPLETED_EXIT)
    asyncio.run(fake.closing.end_run(work_of(), completed))
    assert fake.written == [""]


@pytest.mark.parametrize(
    ("reason", "code"),
    [(EndReason.EXITED, 0), (EndReason.STOPPED, COMPLETED_EXIT), (EndReason.LOST, -9)],
)
def test_only_a_run_that_ended_by_itself_and_says_so_is_completed(reason, code):
    assert not Ended(run="r", reason=reason, exit_code=code).is_completed
