"""A pause of any length is told of while it lasts, and ends with its event."""

from __future__ import annotations

import asyncio
import threading

import pytest

from deployments.service_manager import pauses


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "_SLICE_SECONDS", 0.01)


def test_a_long_pause_is_told_of_and_a_short_one_is_not():
    told: list[str] = []

    async def pause(seconds: float, name: str) -> bool:
        return await pauses.is_set_within(asyncio.Event(), seconds, lambda: told.append(name))

    assert not asyncio.run(pause(0.01, "short"))
    assert not asyncio.run(pause(0.1, "long"))
    assert set(told) == {"long"}
    told.clear()
    thread = threading.Event()
    assert not pauses.is_set_in_thread_within(thread, 0.01, lambda: told.append("short"))
    assert not pauses.is_set_in_thread_within(thread, 0.1, lambda: told.append("long"))
    assert set(told) == {"long"}


def test_a_pause_ends_with_its_event():
    event = threading.Event()
    assert pauses.is_set_in_thread_within(event, 60, event.set)

    async def pause() -> bool:
        event = asyncio.Event()
        return await pauses.is_set_within(event, 60, event.set)

    assert asyncio.run(pause())
