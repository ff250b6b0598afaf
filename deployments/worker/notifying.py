"""What a worker says to the service manager: that it is ready, what it does, that it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from deployments.heartbeat import Heartbeat
from deployments.isolation import outlived
from deployments.service_manager.notification import service_manager
from deployments.service_manager.pauses import is_set_within
from deployments.worker import waiting

if TYPE_CHECKING:
    from deployments.worker.pool import PoolWorker

_STATUS_SECONDS: Final = 2.0


async def say_ready(worker: PoolWorker, heartbeat: Heartbeat, listening: asyncio.Event) -> None:
    """Say that the worker is ready once it hears of requests, and from then on what it does."""
    await listening.wait()
    service_manager().ready(_status(worker, heartbeat))
    while True:
        await asyncio.sleep(_STATUS_SECONDS)
        service_manager().status(_status(worker, heartbeat))


def say_draining(worker: PoolWorker, *, has_time: bool) -> None:
    """Say how many runs are waited for; `has_time`: ask for the time that the settings give."""
    text = f"waits for {_requests(worker)} to end"
    (service_manager().waits if has_time else service_manager().status)(text)


async def followed(seconds: float, chore: Callable[[], Awaitable[Any]], name: str) -> None:
    """Repeat a chore whose every round is bounded; while one hangs, the watchdog is not fed."""
    with service_manager().watchdog.following(name) as round_done:
        while True:
            await is_set_within(asyncio.Event(), seconds, round_done)
            with outlived("a chore broke; it is tried again"):
                await chore()
            round_done()


def _status(worker: PoolWorker, heartbeat: Heartbeat) -> str:
    return "; ".join([f"runs {_requests(worker)}", *_hindrances(worker, heartbeat)])


def _requests(worker: PoolWorker) -> str:
    count = len(worker.works)
    return "1 request" if count == 1 else f"{count} requests"


def _hindrances(worker: PoolWorker, heartbeat: Heartbeat) -> Iterator[str]:
    if not heartbeat.prefect_answers:
        yield "waits for Prefect"
    yield from (each.text for each in waiting.held_by_prefect(worker.room.limits))
