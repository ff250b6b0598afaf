"""Outages of Prefect or the database are waited out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from blocks.errors import OutsideUnavailable
from deployments.worker import patience


def test_what_waits_out_an_outage_is_awaited(monkeypatch):
    monkeypatch.setattr(patience, "_ASK_AGAIN_SECONDS", 0)
    answers = [OutsideUnavailable("away"), "done"]

    async def answer() -> str:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def ask() -> Awaitable[str]:  # no coroutine function, as the worker's own calls
        return answer()

    assert asyncio.run(patience.patiently(ask)) == "done"
    assert answers == []
