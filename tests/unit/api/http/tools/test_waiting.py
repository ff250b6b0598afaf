"""A tool that waits answers when its request has ended, and holds nothing meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

from api.http.stream import Feed
from api.http.tools.waiting import pending_request, waited
from flows.common.settings import StreamSettings

OPEN = {"state": "running", "subject": "t1"}


def run(states: list[str], *, seconds: float, subject: str | None = "t1") -> tuple[Any, int]:
    """What is answered where the request is in these states, one at each look; and the looks."""
    looks = 0

    async def again(before: dict[str, Any]) -> dict[str, Any]:
        nonlocal looks
        looks += 1
        return before | {"state": states[min(looks, len(states)) - 1]}

    async def wait() -> Any:
        feed = Feed(StreamSettings())
        answer = await waited(
            feed, OPEN | {"subject": subject}, pending_request, again, seconds=seconds
        )
        assert feed.clients == []
        return answer

    return asyncio.run(wait()), looks


def test_what_has_ended_meanwhile_is_seen_at_once():
    answer, looks = run(["completed"], seconds=30)
    assert (answer["state"], looks) == ("completed", 1)


def test_what_stays_open_is_answered_after_the_wait():
    for subject in ("t1", None):
        answer, looks = run(["running"], seconds=0.2, subject=subject)
        assert (answer["state"], looks) == ("running", 1)


def test_an_event_about_the_subject_brings_the_next_look():
    async def wait() -> tuple[dict[str, Any], int]:
        feed, looks = Feed(StreamSettings()), 0

        async def again(before: dict[str, Any]) -> dict[str, Any]:
            nonlocal looks
            looks += 1
            [client] = feed.clients
            asyncio.get_running_loop().call_soon(client.put, b"an event")
            return before | {"state": "completed" if looks > 2 else "unknown"}

        return await waited(feed, OPEN, pending_request, again, seconds=1), looks

    answer, looks = asyncio.run(wait())
    assert (answer["state"], looks) == ("completed", 3)
