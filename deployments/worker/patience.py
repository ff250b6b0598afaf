"""Outages of Prefect or the database are waited out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    wait_fixed,
)

from deployments.isolation import is_outage

_ASK_AGAIN_SECONDS: Final = 1.0
_OUTAGE_SECONDS: Final = 300.0

_T = TypeVar("_T")

_log = structlog.get_logger("worker")


async def patiently(work: Callable[[], Awaitable[_T]]) -> _T:
    """Do `work`, again and again while Prefect or the database is away.

    Raises:
        Exception: What is no outage; and an outage that lasts for minutes.
    """
    patient = AsyncRetrying(
        retry=retry_if_exception(is_outage),
        wait=wait_fixed(_ASK_AGAIN_SECONDS),
        stop=stop_after_delay(_OUTAGE_SECONDS),
        before_sleep=_log_outage,
        reraise=True,
    )

    # A coroutine function: tenacity does not await what a plain callable returns.
    async def attempt() -> _T:
        return await work()

    return await patient(attempt)


def _log_outage(retry: RetryCallState) -> None:
    error = retry.outcome.exception() if retry.outcome else None
    _log.warning("an outage is waited out", reason=f"{type(error).__name__}: {error}")
