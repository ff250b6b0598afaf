"""What waits to be stored is bounded in bytes, as a whole and in each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from api.http.group_commit import GroupCommit, Overloaded
from blocks.errors import OutsideUnavailable

MANY = 10_000_000


class Store:
    """Stores nothing, notes how many come at once, and takes no item of `bad`."""

    def __init__(self, bad: str = "", error: type[Exception] = ValueError) -> None:
        self.batches: list[int] = []
        self._bad, self._error = bad, error

    async def run(self, work: Callable[[Any], Any]) -> Any:
        return work(None)

    def __call__(self, _engine: Any, batch: Sequence[str]) -> list[str]:
        self.batches.append(len(batch))
        if self._bad in batch:
            raise self._error(self._bad)
        return [f"stored {each}" for each in batch]


def sent(store: Store, items: dict[str, int], *, most_bytes: int = MANY) -> list[Any]:
    """What each of these items gets, by its size, that are sent before the first is stored."""

    async def work() -> list[Any]:
        taking: GroupCommit[str, str] = GroupCommit(
            store,  # type: ignore[arg-type]
            store,
            what="items",
            most_bytes=most_bytes,
        )
        asked = [taking.take(each, size_bytes=size) for each, size in items.items()]
        waiting = [asyncio.create_task(each) for each in asked]
        await asyncio.sleep(0)
        storing = asyncio.create_task(taking.run())
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        later = await taking.take("later", size_bytes=1)
        storing.cancel()
        assert taking._waiting_bytes == 0
        return [*answers, later]

    return asyncio.run(work())


def sized(number: int, size_bytes: int) -> dict[str, int]:
    return {f"i{each}": size_bytes for each in range(number)}


def test_more_bytes_than_may_wait_are_refused_and_the_next_is_taken():
    answers = sent(Store(), sized(4, 400_000), most_bytes=1_000_000)
    is_refused = [isinstance(each, Overloaded) for each in answers]
    assert is_refused == [False, False, True, True, False]
    assert str(answers[2]) == "too many items wait to be stored; send it again"


def test_one_item_is_taken_whatever_its_size():
    assert sent(Store(), sized(1, 5_000_000), most_bytes=1_000_000)[0] == "stored i0"


def test_a_transaction_is_bounded_in_items_and_in_bytes():
    store = Store()
    sent(store, sized(500, 10))
    assert store.batches == [200, 200, 100, 1]
    store.batches.clear()
    sent(store, sized(5, 1_000_000))
    assert store.batches == [4, 1, 1]


def test_an_item_that_cannot_be_stored_keeps_no_other_from_it():
    store = Store(bad="i1")
    first, bad, third, _later = sent(store, sized(3, 10))
    assert (first, str(bad), third) == ("stored i0", "i1", "stored i2")
    assert store.batches == [3, 1, 1, 1, 1]


def test_what_a_missing_database_does_not_store_is_not_tried_one_by_one():
    store = Store(bad="i1", error=OutsideUnavailable)
    answers = sent(store, sized(3, 10))[:3]
    assert [type(each) for each in answers] == [OutsideUnavailable] * 3
    assert store.batches == [3, 1]
