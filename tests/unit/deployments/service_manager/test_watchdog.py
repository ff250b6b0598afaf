"""The watchdog is fed by rounds of every loop that is followed, and by nothing else."""

from __future__ import annotations

import threading

import pytest

from deployments.service_manager.watchdog import Watchdog
from tests.waiting import wait_until


@pytest.fixture
def feeds() -> list[str]:
    return []


@pytest.fixture
def watchdog(feeds: list[str]) -> Watchdog:
    watchdog = Watchdog(0.04)
    watchdog.feed = lambda: feeds.append("fed")
    return watchdog


def test_it_is_fed_once_each_loop_has_completed_a_round(watchdog: Watchdog, feeds: list[str]):
    with watchdog.following("a") as a_done, watchdog.following("b") as b_done:
        a_done()
        a_done()
        assert feeds == []
        b_done()
        assert feeds == ["fed"]
        b_done()
        assert feeds == ["fed"]
        a_done()
        assert feeds == ["fed", "fed"]


def test_a_loop_that_hangs_keeps_it_from_being_fed_whatever_others_do(
    watchdog: Watchdog, feeds: list[str]
):
    with watchdog.following("hangs"), watchdog.following("goes on") as goes_on:
        for _ in range(100):
            goes_on()
        assert feeds == []


def test_a_loop_that_has_ended_is_not_waited_for(watchdog: Watchdog, feeds: list[str]):
    with watchdog.following("stays") as round_done:
        with watchdog.following("ends"):
            round_done()
            assert feeds == []
        assert feeds == ["fed"]


def test_nothing_is_fed_when_the_last_loop_has_ended(watchdog: Watchdog, feeds: list[str]):
    with watchdog.following("only"):
        pass
    assert feeds == []


def test_a_process_without_a_watchdog_feeds_nothing(feeds: list[str]):
    watchdog = Watchdog(None)
    watchdog.feed = lambda: feeds.append("fed")
    watchdog.excuse(lambda: True)
    with watchdog.following("only") as round_done:
        round_done()
    assert feeds == []


def test_while_the_database_is_away_a_hang_is_excused_and_no_longer(
    watchdog: Watchdog, feeds: list[str]
):
    is_away, asked = threading.Event(), []
    is_away.set()

    def ask() -> bool:
        asked.append(len(feeds))
        return is_away.is_set()

    with watchdog.following("waits for it"):
        watchdog.excuse(ask)
        wait_until(lambda: len(feeds) > 1)
        is_away.clear()
        settled = len(asked) + 1
        wait_until(lambda: len(asked) > settled)
        count = len(feeds)
        wait_until(lambda: len(asked) > settled + 2)
        assert len(feeds) == count


def test_nobody_is_asked_while_the_work_goes_on(watchdog: Watchdog):
    asked = threading.Event()
    watchdog.period_seconds = 0.4
    with watchdog.following("goes on") as goes_on:
        watchdog.excuse(lambda: asked.set() or False)
        for _ in range(60):
            goes_on()
            assert not asked.wait(0.005)
