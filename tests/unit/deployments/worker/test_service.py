"""The worker's chores end when they are told to, at whatever moment that is, and by no fault."""

import asyncio
from types import SimpleNamespace

import psycopg
import pytest

from deployments.worker import service
from deployments.worker.identity import WorkerRuns
from deployments.worker.service import _Service


@pytest.mark.parametrize("turns", range(6))
def test_a_chore_that_is_woken_as_it_is_cancelled_ends(turns):
    """As when the guardian dies and a request comes at once: a worker that stays serves nobody."""

    async def serve_once(_worker: object, _round_done: object) -> None:
        pass

    async def cancel_at_once() -> bool:
        worker = SimpleNamespace(
            notified=asyncio.Event(),
            configured=SimpleNamespace(poll_seconds=60.0),
            _serve_once=serve_once,
        )
        chore = asyncio.create_task(_Service._serve(worker, None))
        for _ in range(5):
            await asyncio.sleep(0)
        assert worker.notified._waiters
        worker.notified.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        chore.cancel()
        done, _ = await asyncio.wait([chore], timeout=0.5)
        still = {chore} - done
        chore.cancel()
        await asyncio.wait([chore])
        return not still

    assert asyncio.run(cancel_at_once())


def rounds(monkeypatch, chore, *errors):
    """Let a chore of a worker meet the errors in turn; gives what it ended with."""
    left = list(errors)
    met = []

    async def sleep(_seconds: float) -> None:
        if not left:
            raise Stopped

    def meet(*_args: object, **_more: object) -> None:
        met.append(error := left.pop(0))
        raise error

    monkeypatch.setattr(service.asyncio, "sleep", sleep)
    worker = SimpleNamespace(identity=SimpleNamespace(keep=meet), notified=None)
    monkeypatch.setattr(service, "listen_dsn", lambda: "")
    monkeypatch.setattr(service.psycopg.AsyncConnection, "connect", meet)
    with pytest.raises(Stopped):
        asyncio.run(chore(worker))
    return met


class Stopped(BaseException):
    """The test has seen enough."""


FAULTS = (KeyError("x"), psycopg.errors.InsufficientPrivilege("no"), psycopg.OperationalError())


@pytest.mark.parametrize("chore", [_Service._keep_name, _Service._listen])
def test_no_error_of_any_class_ends_a_chore(monkeypatch, chore):
    assert rounds(monkeypatch, chore, *FAULTS) == list(FAULTS)


def test_a_worker_whose_name_another_has_ends(monkeypatch):
    with pytest.raises(WorkerRuns):
        rounds(monkeypatch, _Service._keep_name, KeyError("x"), WorkerRuns("it runs"), KeyError())
