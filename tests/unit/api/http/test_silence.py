"""A database that answers nothing: whoever waits for a page is told so within seconds."""

from __future__ import annotations

import asyncio
import re
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import Request

from api.http import silence
from api.http.silence import unless_silent
from api.http.stream import Feed
from flows.common.database_errors import DatabaseState, DatabaseUnavailable
from flows.common.settings import StreamSettings

SOON = 0.05


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "SILENT_SECONDS", SOON)
    monkeypatch.setattr("api.http.stream._LATE_SECONDS", 0.01)


def feed_of(*, answered_before: float | None) -> Feed:
    feed = Feed(StreamSettings())
    if answered_before is not None:
        feed._answered_at = time.monotonic() - answered_before
    return feed


def asked(feed: Feed) -> Request:
    app = SimpleNamespace(state=SimpleNamespace(feed=feed))
    return cast("Request", SimpleNamespace(app=app))


async def answer() -> str:
    return "page"


async def never() -> str:
    await asyncio.Event().wait()
    return "late"


async def broken() -> str:
    raise ValueError("its own fault")


def run(feed: Feed, work: Any) -> str:
    return asyncio.run(unless_silent(asked(feed), work))


@pytest.mark.parametrize("answered_before", [None, 0.0])
def test_what_is_answered_is_answered(answered_before: float | None):
    assert run(feed_of(answered_before=answered_before), answer) == "page"


def test_what_waits_for_a_database_that_falls_silent_is_told_so():
    with pytest.raises(DatabaseUnavailable) as told:
        run(feed_of(answered_before=0.0), never)
    assert told.value.state is DatabaseState.AWAY
    assert re.search(r"has not answered since [\d -]+:\d\d:\d\d$", str(told.value))


def test_what_comes_while_it_is_silent_is_told_at_once_and_takes_no_thread():
    begun = []

    async def work() -> str:
        begun.append(1)
        return await answer()

    with pytest.raises(DatabaseUnavailable):
        run(feed_of(answered_before=60), work)
    assert begun == []


def test_an_error_is_handed_on():
    with pytest.raises(ValueError, match="its own fault"):
        run(feed_of(answered_before=0.0), broken)


def test_a_slow_answer_is_waited_for_while_the_database_answers_others():
    feed = feed_of(answered_before=0.0)

    async def slow() -> str:
        for _ in range(10):
            feed._answered_at = time.monotonic()
            await asyncio.sleep(SOON / 2)
        return "page"

    assert run(feed, slow) == "page"


def test_a_feed_that_never_began_says_nothing_of_the_database():
    assert feed_of(answered_before=None).silent_seconds == 0.0
