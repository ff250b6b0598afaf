"""Artifacts of ended runs: written behind everything else, and missed by nobody."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from deployments.worker import artifacts
from deployments.worker.artifacts import RunArtifacts
from deployments.worker.works import Work
from flows.common import actions
from flows.common.claims import Claim
from flows.common.database import now
from flows.common.models import Request, RequestState
from tests.support.fake_prefect import answer


def request_of(request_id: int) -> Request:
    return Request(
        id=request_id, action="check_pipeline", parameters={}, requested_by="me", source="api",
        state=RequestState.COMPLETED, attempts=1, created_at=now(),
    )  # fmt: skip


def requests_of(ids: Sequence[int]) -> dict[int, Request]:
    return {each: request_of(each) for each in ids}


def written(*answers: Exception | None) -> list[str]:
    """The runs whose artifact was sent, of one for each answer."""
    sent: list[str] = []
    left = list(answers)

    async def request(_method: str, _path: str, *, json: dict[str, Any]) -> None:
        sent.append(json["flow_run_id"])
        if (error := left.pop(0)) is not None:
            raise error

    async def work() -> None:
        client = SimpleNamespace(request=request)
        noted = RunArtifacts(client, SimpleNamespace(requests=requests_of), "http://monitor")
        for number in range(len(answers)):
            claim = Claim(number, 1, uuid.UUID(int=number))
            noted.note(Work(claim, actions.get("check_pipeline")))
        writing = asyncio.create_task(noted.run())
        await noted.drain(5)
        writing.cancel()

    asyncio.run(work())
    return sent


def test_each_ended_run_gets_its_own():
    assert written(None, None) == [str(uuid.UUID(int=each)) for each in range(2)]


@pytest.mark.parametrize("error", [httpx.ConnectError("away"), answer(422), ValueError("a fault")])
def test_one_that_prefect_does_not_take_keeps_no_other(error):
    assert len(written(error, None)) == 2


def test_those_that_are_too_many_are_left_out(monkeypatch):
    monkeypatch.setattr(artifacts, "_MOST_WAITING", 2)
    assert len(written(None, None, None)) == 2


def test_those_of_a_burst_are_read_together_and_a_reading_that_fails_keeps_no_later_one():
    read: list[list[int]] = []
    sent: list[str] = []

    def requests(ids: Sequence[int]) -> dict[int, Request]:
        read.append(list(ids))
        if len(read) == 1:
            raise ValueError("a fault")
        return requests_of(ids)

    async def request(_method: str, _path: str, *, json: dict[str, Any]) -> None:
        sent.append(json["flow_run_id"])

    async def work() -> None:
        client = SimpleNamespace(request=request)
        noted = RunArtifacts(client, SimpleNamespace(requests=requests), "http://monitor")
        writing = asyncio.create_task(noted.run())
        for burst in ((1, 2, 3), (4, 5)):
            for number in burst:
                claim = Claim(number, 1, uuid.UUID(int=number))
                noted.note(Work(claim, actions.get("check_pipeline")))
            await noted.drain(5)
        writing.cancel()

    asyncio.run(work())
    assert read == [[1, 2, 3], [4, 5]]
    assert sent == [str(uuid.UUID(int=each)) for each in (4, 5)]


def test_a_worker_that_ends_waits_no_longer_than_it_may():
    async def work() -> None:
        noted = RunArtifacts(SimpleNamespace(), SimpleNamespace(), "http://monitor")
        noted.note(Work(Claim(1, 1), actions.get("check_pipeline")))
        await noted.drain(0.01)

    asyncio.run(work())
