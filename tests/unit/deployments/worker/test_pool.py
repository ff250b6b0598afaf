"""What a worker does once a run has ended is done, through an outage too."""

import asyncio
from collections.abc import Awaitable

import pytest

from blocks.errors import OutsideUnavailable
from deployments.worker import pool
from deployments.worker.pool import PoolWorker
from deployments.worker.protocol import Ended, EndReason, Intent, Start
from flows.common import actions
from flows.common.claims import Claim, ClaimLost
from flows.common.database_errors import DatabaseState, DatabaseUnavailable
from flows.common.models import RequestState


def test_what_waits_out_an_outage_is_awaited(monkeypatch):
    monkeypatch.setattr(pool, "_ASK_AGAIN_SECONDS", 0)
    answers = [OutsideUnavailable("away"), "done"]

    async def answer() -> str:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def ask() -> Awaitable[str]:  # no coroutine function, as the worker's own calls
        return answer()

    assert asyncio.run(PoolWorker._patiently(None, ask)) == "done"
    assert answers == []


# ------------------------------------------------------------------ a run and its note


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


class Notes:
    """A store that meets these errors, one after the other, when a run is to be noted."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def note(self, _claim: Claim, _state: RequestState) -> None:
        if self.errors:
            raise self.errors.pop(0)


def noted_run(monkeypatch: pytest.MonkeyPatch, notes: Notes, *, ends: bool) -> Guard:
    """Run one that ends by itself once it is noted, or never; what the worker raises is raised."""
    monkeypatch.setattr(pool, "_ASK_AGAIN_SECONDS", 0.01)
    order = Start(
        run="r", flow_run={}, entrypoint="e", request_id=1, attempt=1, timeout_seconds=1,
        grace_seconds=1,
    )  # fmt: skip

    async def work() -> Guard:
        worker = PoolWorker.__new__(PoolWorker)
        worker.store, worker.guard = notes, Guard()  # type: ignore[assignment]
        guards.append(worker.guard)
        if ends:
            end = Ended(run="r", reason=EndReason.EXITED, exit_code=0)
            asyncio.get_running_loop().call_later(0.1, worker.guard.ended.set_result, end)
        ended = await worker._run_noted(pool._Work(Claim(1, 1), ACTION), order)
        assert ended.reason is EndReason.EXITED
        return worker.guard

    guards: list[Guard] = []
    try:
        return asyncio.run(work())
    except Exception:
        assert guards[0].ended.done(), "its process went on unseen"
        raise


ACTION = actions.get("check_pipeline")


@pytest.mark.parametrize("state", list(DatabaseState))
def test_a_note_that_fails_for_a_moment_is_made_again_and_the_run_goes_on(monkeypatch, state):
    notes = Notes(*[DatabaseUnavailable("no", state)] * 3)
    guard = noted_run(monkeypatch, notes, ends=True)
    assert (guard.stops, notes.errors) == ([], [])


@pytest.mark.parametrize("error", [ClaimLost("another has it"), ValueError("what is that?")])
def test_a_run_that_cannot_be_noted_is_stopped_and_waited_for(monkeypatch, error):
    with pytest.raises(type(error)):
        noted_run(monkeypatch, Notes(error), ends=False)


def test_a_run_that_cannot_be_noted_for_long_is_stopped_and_waited_for(monkeypatch):
    monkeypatch.setattr(pool, "_OUTAGE_SECONDS", 0.05)
    with pytest.raises(DatabaseUnavailable):
        noted_run(monkeypatch, Notes(*[DatabaseUnavailable("no")] * 1000), ends=False)
