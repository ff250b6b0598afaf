"""What waits to be stored is bounded in bytes, as a whole and in each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from api.messages import intake
from api.messages.intake import Intake, IntakeOverloaded
from flows.fastmon.intake import Incoming, Taken, Verdict
from flows.fastmon.schemas import parse

BODY = {"msg_type": "note"}
INCOMING = Incoming(BODY, parse(BODY), "me")


class Reserve:
    """Stores nothing, and notes how many come at once."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def run(self, work: Callable[[Any], Any]) -> Any:
        return work(None)


@pytest.fixture
def reserve(monkeypatch: pytest.MonkeyPatch) -> Reserve:
    made = Reserve()

    def store(_engine: Any, batch: list[Incoming], **_: Any) -> list[tuple[int, Verdict]]:
        made.batches.append(len(batch))
        return [(1, Verdict(Taken.RELAYED))] * len(batch)

    monkeypatch.setattr(intake.intake, "take_in", store)
    return made


def sent(reserve: Reserve, sizes: list[int], *, most_bytes: int) -> list[Any]:
    """What each of these messages gets, that are sent before the first is stored."""

    async def work() -> list[Any]:
        taking = Intake(reserve, most_bytes=most_bytes)  # type: ignore[arg-type]
        asked = [taking.take(INCOMING, size_bytes=size) for size in sizes]
        waiting = [asyncio.create_task(each) for each in asked]
        await asyncio.sleep(0)
        storing = asyncio.create_task(taking.run())
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        later = await taking.take(INCOMING, size_bytes=sizes[0])
        storing.cancel()
        assert taking._waiting_bytes == 0
        return [*answers, later]

    return asyncio.run(work())


def test_more_bytes_than_may_wait_are_refused_and_the_next_is_taken(reserve):
    answers = sent(reserve, [400_000] * 4, most_bytes=1_000_000)
    assert [isinstance(each, IntakeOverloaded) for each in answers] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_one_message_is_taken_whatever_its_size(reserve):
    assert not isinstance(sent(reserve, [5_000_000], most_bytes=1_000_000)[0], Exception)


def test_a_transaction_is_bounded_in_messages_and_in_bytes(reserve):
    sent(reserve, [10] * 500, most_bytes=10_000_000)
    assert reserve.batches == [200, 200, 100, 1]
    reserve.batches.clear()
    sent(reserve, [1_000_000] * 5, most_bytes=10_000_000)
    assert reserve.batches == [4, 1, 1]
