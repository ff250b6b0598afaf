"""A run and its note: what cannot be noted does not go on unseen."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from deployments.worker import execution, patience
from deployments.worker.execution import Execution
from deployments.worker.protocol import Ended, EndReason, Intent, Start
from deployments.worker.works import Work, Works
from flows.common import actions
from flows.common.claims import Claim, ClaimLost
from flows.common.database_errors import DatabaseState, DatabaseUnavailable
from flows.common.models import RequestState


class Guard:
    """A guardian with one run, that ends when it is stopped, at the second asking."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.stops: list[Intent] = []

    async def run(self, order: Start) -> Ended:
        return await self.ended

    def stop(self, run: str, intent: Intent, grace_seconds: float) -> None:
        self.stops.append(intent)
        if len(self.stops) > 1:
            self.ended.set_result(Ended(run=run, reason=EndReason.EXITED, exit_code=0))


class Run:
    """A flow run, as Prefect's client gives it."""

    id = "r"

    def model_dump(self, *, mode: str) -> dict[str, str]:
        return {"mode": mode}


class Notes:
    """A store that meets these errors, one after the other, when a run is to be noted."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def note(self, _claim: Claim, _state: RequestState) -> None:
        if self.errors:
            raise self.errors.pop(0)


ACTION = actions.get("check_pipeline")


def run_of(monkeypatch: pytest.MonkeyPatch, notes: Notes, *, ends: bool) -> Guard:
    """Execute one that ends by itself once it is noted, or never; what is raised is raised."""
    monkeypatch.setattr(patience, "_ASK_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(execution, "_STOP_AGAIN_SECONDS", 0.01)
    guards: list[Guard] = []

    async def work() -> Guard:
        guard = Guard()
        guards.append(guard)
        if ends:
            end = Ended(run="r", reason=EndReason.EXITED, exit_code=0)
            asyncio.get_running_loop().call_later(0.1, guard.ended.set_result, end)
        ended: list[EndReason] = []
        left: list[int] = []

        async def end_run(_work: Work, how: Ended) -> None:
            ended.append(how.reason)

        await Execution(
            works=Works(),
            store=notes,
            guard=guard,
            closing=SimpleNamespace(end_run=end_run),
            grace_seconds=1,
            watching=nullcontext,
            ended=lambda work: left.append(work.claim.request_id),
        ).execute(Work(Claim(1, 1), ACTION, flow_run=Run()))
        assert (ended, left) == ([EndReason.EXITED], [1])
        return guard

    try:
        return asyncio.run(work())
    except Exception:
        assert guards[0].ended.done(), "its process went on unseen"
        raise


@pytest.mark.parametrize("state", list(DatabaseState))
def test_a_note_that_fails_for_a_moment_is_made_again_and_the_run_goes_on(monkeypatch, state):
    notes = Notes(*[DatabaseUnavailable("no", state)] * 3)
    guard = run_of(monkeypatch, notes, ends=True)
    assert (guard.stops, notes.errors) == ([], [])


@pytest.mark.parametrize("error", [ClaimLost("another has it"), ValueError("what is that?")])
def test_a_run_that_cannot_be_noted_is_stopped_and_waited_for(monkeypatch, error):
    with pytest.raises(type(error)):
        run_of(monkeypatch, Notes(error), ends=False)


def test_a_run_that_cannot_be_noted_for_long_is_stopped_and_waited_for(monkeypatch):
    monkeypatch.setattr(patience, "_OUTAGE_SECONDS", 0.05)
    with pytest.raises(DatabaseUnavailable):
        run_of(monkeypatch, Notes(*[DatabaseUnavailable("no")] * 1000), ends=False)


@pytest.mark.parametrize("why", ["cancelled", "draining"])
def test_a_run_that_is_not_to_begin_any_more_is_ended_unbegun(why):
    ended: list[int] = []

    async def end_unbegun(work: Work) -> None:
        ended.append(work.claim.request_id)

    works = Works()
    works.is_draining = why == "draining"
    executing = Execution(
        works=works,
        store=None,
        guard=None,
        closing=SimpleNamespace(end_unbegun=end_unbegun),
        grace_seconds=1,
        watching=nullcontext,
        ended=lambda _: None,
    )
    work = Work(Claim(1, 1), ACTION, flow_run=Run(), is_cancelled=why == "cancelled")
    asyncio.run(executing.execute(work))
    assert ended == [1]
