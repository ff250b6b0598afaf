"""A part of the ops side says that it is there: pages show who is away, and since when."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import httpx
from sqlalchemy import Engine

from deployments.isolation import outlived
from deployments.stack.environment import prefect_api_url
from flows.common import standing
from flows.common.database import transaction
from flows.common.models import PartKind
from flows.common.settings import Settings

_PATIENCE_SECONDS = 3.0


@dataclass
class Heartbeat:
    """The heartbeat of one part; `run` it beside the part's work, in the same event loop.

    A part whose loop is stuck is not heard, as it should be.
    """

    settings: Settings
    engine: Engine
    kind: PartKind
    name: str
    _due: float = field(default=0.0, init=False)

    async def run(self) -> None:
        """Say it by the clock, until cancelled."""
        while True:
            await asyncio.to_thread(self.beat)
            await asyncio.sleep(standing.BEAT_SECONDS)

    def waiting(self) -> None:
        """Say it while the part waits for Prefect to answer, as often as is due."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + standing.BEAT_SECONDS
            self.beat()

    def beat(self) -> None:
        """Say it once, with whether Prefect answers; where it cannot be, the part goes on."""
        with outlived("the heartbeat is not written"):
            answers = _answers(f"{prefect_api_url(self.settings)}/health")
            with transaction(self.engine) as session:
                standing.beat(session, self.kind, self.name, prefect_answers=answers)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=_PATIENCE_SECONDS).is_success
    except httpx.HTTPError:
        return False
