"""A part of the ops side says that it is there: pages show who is away, and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from sqlalchemy import Engine

from blocks import outside_calls
from blocks.outside_calls import CallOutcome, System
from deployments import version
from deployments.isolation import isolated, outlived
from deployments.stack.environment import prefect_api_url
from flows.common import part_measures, standing
from flows.common.database import transaction
from flows.common.models import PartKind
from flows.common.settings import Settings
from flows.common.wait_reasons import WaitReason

# One for all beats, since to make one takes longer than to ask; its connections are made anew.
_CLIENT: Final[dict[str, Any]] = {
    "timeout": 3.0,
    "limits": httpx.Limits(max_keepalive_connections=0),
}


@dataclass
class Heartbeat:
    """The heartbeat of one part; `run` it beside the part's work, in the same event loop.

    A part whose loop is stuck is not heard, as it should be.

    Attributes:
        wait_reasons: Gives what keeps the part from working on requests just now.
        details: Gives what else there is to say of a part of its kind.
        runs: Gives how many runs it has in hand; None: it is no worker, or not ready yet.
        slots: How many it may have.
        prefect_answers: Whether Prefect did, when it was last asked.
        prefect_outages: How often it has ceased to.
    """

    settings: Settings
    engine: Engine
    kind: PartKind
    name: str
    wait_reasons: Callable[[], Sequence[WaitReason]] = tuple
    details: Callable[[], Mapping[str, Any]] = dict
    runs: Callable[[], int | None] = lambda: None
    slots: int | None = None
    prefect_answers: bool = field(default=True, init=False)
    prefect_outages: int = field(default=0, init=False)
    _began: dict[tuple[str, str | None, str], float] = field(default_factory=dict, init=False)
    _due: float = field(default=0.0, init=False)
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(**_CLIENT), init=False)

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
            did_answer, self.prefect_answers = self.prefect_answers, self._ask_prefect()
            self.prefect_outages += did_answer and not self.prefect_answers
            measures = part_measures.said(
                runs=self.runs(), slots=self.slots, prefect_outages=self.prefect_outages
            )
            details = {**self._details(), **measures}
            with transaction(self.engine) as session:
                standing.beat(
                    session,
                    self.kind,
                    self.name,
                    prefect_answers=self.prefect_answers,
                    wait_reasons=self._reasons(),
                    details=details,
                )

    def _ask_prefect(self) -> bool:
        try:
            with outside_calls.counted(System.PREFECT) as call:
                answer = self._http.get(f"{prefect_api_url(self.settings)}/health")
                if not answer.is_success:
                    call.outcome = CallOutcome.UNAVAILABLE
        except httpx.HTTPError:
            return False
        return answer.is_success

    def _details(self) -> Mapping[str, Any]:
        own = {version.KEY: version.own().row()}
        with isolated("the details of the part cannot be said"):  # it is there all the same
            return {**own, **self.details()}
        return own

    def _reasons(self) -> list[dict[str, Any]]:
        """What keeps the part from working, each with how long it has been said."""
        moment, before = time.monotonic(), self._began
        said: dict[tuple[str, str | None, str], WaitReason] = {}
        with isolated(
            "what keeps the part from working cannot be said"
        ):  # it is there all the same
            said = {(each.kind, each.action, each.text): each for each in self.wait_reasons()}
        self._began = {key: before.get(key, moment) for key in said}
        return [
            each.row(moment - self._began[key] if each.limit is None else None)
            for key, each in said.items()
        ]
