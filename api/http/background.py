"""Work that goes on beside the answering of requests, for as long as the API lives."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

_log = structlog.get_logger("api")


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do the work until the end of the block, which cancels it."""
    tasks = [asyncio.create_task(each) for each in work]
    for task in tasks:
        task.add_done_callback(_end_with)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end_with(task: asyncio.Task[None]) -> None:
    """End the process when one of its works broke: half an API would look like a whole one."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("the API ends: a part of it broke", exc_info=error)
        signal.raise_signal(signal.SIGTERM)
