"""The worker's chores end when they are told to, at whatever moment that is."""

import asyncio
from types import SimpleNamespace

import pytest

from deployments.worker.service import _Service


@pytest.mark.parametrize("turns", range(6))
def test_a_chore_that_is_woken_as_it_is_cancelled_ends(turns):
    """As when the guardian dies and a request comes at once: a worker that stays serves nobody."""

    async def serve_once(_worker: object) -> None:
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
