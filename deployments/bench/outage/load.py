"""The load under a fault: STFs, submissions and fetches, each asked for until it is accepted."""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

import httpx

from deployments.bench.common.stack import BenchStack

_TIMEOUT_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.5
_AWAY: Final = frozenset({502, 503, 504})
_GOOD: Final = frozenset({200, 201, 202})
_SUBMITTED_BEFORE: Final = re.compile(r"Already submitted as jediTaskID \d+")
_SHOWN: Final = 300


class Sort(StrEnum):
    """What is wished."""

    STF = "STF"
    SUBMISSION = "submission"
    FETCH = "fetch"
    SWEEP = "sweep"
    ACTION = "action"


@dataclass(eq=False, kw_only=True)
class Wish:
    """Something that is asked for until it is accepted.

    Attributes:
        name: Of the STF file or the task, or the job's number.
        send: Sends it by the bus, and gives whether it was accepted; None: REST takes it.
        asked_at, accepted_at: When; the latter None: not yet.
        request_id: The request that was accepted; None for an STF, or where the answer to the
            first try was lost and the work is done by now.
        refusals: The answers that were neither an acceptance nor of an outage.
    """

    sort: Sort
    name: str
    path: str
    body: dict[str, Any]
    send: Callable[[dict[str, Any]], bool] | None = None
    asked_at: float = 0.0
    accepted_at: float | None = None
    request_id: int | None = None
    tries: int = 0
    refusals: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether it is accepted, or refused for good."""
        return self.accepted_at is not None or bool(self.refusals)

    def take(self, answer: httpx.Response) -> None:
        """Take an answer."""
        was_done = bool(_SUBMITTED_BEFORE.search(answer.text))
        if answer.status_code in _GOOD or (self.tries > 1 and was_done):
            self.accepted_at = time.time()
            found = answer.json()
            self.request_id = found.get("request_id") if self.sort is not Sort.STF else None
        elif answer.status_code not in _AWAY:
            self.refusals.append(f"{answer.status_code}: {answer.text[:_SHOWN]}")


def stf(body: dict[str, Any], send: Callable[[dict[str, Any]], bool] | None = None) -> Wish:
    """The wish that an STF is sampled; `send`: by the bus, instead of REST."""
    return Wish(sort=Sort.STF, name=body["filename"], path="/api/messages/", body=body, send=send)


def submission(task: str) -> Wish:
    """The wish that a task is submitted."""
    path = "/api/actions/submit_task/"
    return Wish(sort=Sort.SUBMISSION, name=task, path=path, body={"task_name": task})


def fetch(pandaid: int) -> Wish:
    """The wish that a job's log is fetched."""
    path = "/api/actions/fetch_payload_log/"
    return Wish(sort=Sort.FETCH, name=str(pandaid), path=path, body={"pandaid": pandaid})


def sweep() -> Wish:
    """The wish that the producing campaigns are swept; one that is open is joined."""
    path = "/api/actions/rucio_snapshot_update/"
    return Wish(sort=Sort.SWEEP, name="producing campaigns", path=path, body={})


def action(name: str, /, **parameters: Any) -> Wish:
    """The wish that any action is carried out."""
    path = f"/api/actions/{name}/"
    return Wish(sort=Sort.ACTION, name=name, path=path, body=parameters)


@dataclass(frozen=True)
class Series:
    """Wishes of one sort, one every so many seconds."""

    wishes: Sequence[Wish]
    every_seconds: float


class Load:
    """Asks for the wishes of all series in a thread of its own, until it is ended."""

    def __init__(self, running: BenchStack, series: Sequence[Series]) -> None:
        self._url = running.stack.api_url
        self._headers = {"Authorization": f"Token {running.token}"}
        self._series = series
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._play()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Begin nothing more, and wait until what was begun is accepted, or it takes too long."""
        self._is_ending.set()
        self._thread.join()

    @property
    def asked(self) -> list[Wish]:
        """The wishes that were asked for."""
        return [wish for wish in _wishes(self._series) if wish.asked_at]

    async def _play(self) -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_TIMEOUT_SECONDS, limits=limits
        ) as http:
            await asyncio.gather(*[self._pace(http, series) for series in self._series])

    async def _pace(self, http: httpx.AsyncClient, series: Series) -> None:
        """Begin each wish when it is due, whatever became of those before."""
        began, asking = time.monotonic(), []
        for number, wish in zip(itertools.count(), series.wishes, strict=False):
            early = began + number * series.every_seconds - time.monotonic()
            if await asyncio.to_thread(self._is_ending.wait, max(0.0, early)):
                break
            asking.append(asyncio.create_task(self._ask(http, wish)))
        await asyncio.gather(*asking)

    async def _ask(self, http: httpx.AsyncClient, wish: Wish) -> None:
        """Ask until it is accepted; one that is not accepted for long after the end is given up."""
        wish.asked_at = time.time()
        ended_at: float | None = None
        while not wish.is_over:
            wish.tries += 1
            try:
                if wish.send is None:
                    wish.take(await http.post(wish.path, json=wish.body))
                elif await asyncio.to_thread(wish.send, wish.body):
                    wish.accepted_at = time.time()
            except httpx.TransportError:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            if not wish.is_over:
                await asyncio.sleep(_AGAIN_SECONDS)
            if self._is_ending.is_set():
                ended_at = ended_at or time.monotonic()
                if time.monotonic() - ended_at > _TIMEOUT_SECONDS:
                    return


def _wishes(series: Sequence[Series]) -> Iterator[Wish]:
    return itertools.chain.from_iterable(each.wishes for each in series)
