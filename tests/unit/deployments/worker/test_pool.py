"""What a worker does once a run has ended is done, through an outage too."""

import asyncio
from collections.abc import Awaitable

from blocks.errors import OutsideUnavailable
from deployments.worker import pool
from deployments.worker.pool import PoolWorker


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
