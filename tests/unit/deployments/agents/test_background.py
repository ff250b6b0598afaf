"""An agent's work beside its receiving: once at a time, and finished before it ends."""

from __future__ import annotations

import threading

import pytest

from deployments.agents.background import Background
from deployments.agents.patience import Stopping
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def background(failures: list[str]):
    made = Background(2, lambda what, error: failures.append(f"{what}: {error}"))
    yield made
    made.drain(PATIENCE)


def test_work_of_the_same_key_is_done_once_at_a_time_and_again_later(background):
    gate, done = threading.Event(), []
    take = lambda: background.run(  # noqa: E731
        "x", lambda: gate.wait(PATIENCE), key="a", done=lambda: done.append(1)
    )
    assert [take(), take()] == [True, False]
    assert background.run("y", lambda: None, key="b", done=lambda: done.append(2))
    gate.set()
    wait_until(lambda: sorted(done) == [1, 2])
    assert take()


def test_a_failure_is_named_and_counts_as_done(background, failures):
    done: list[int] = []

    def fail() -> None:
        raise ValueError("odd")

    background.run("slicing", fail, key=None, done=lambda: done.append(1))
    wait_until(lambda: done)
    assert failures == ["slicing: odd"]


def test_what_is_under_way_is_finished_and_what_waits_is_not_done(failures):
    background = Background(1, lambda *_: None)
    gate, done = threading.Event(), []
    background.run("a", lambda: gate.wait(PATIENCE), key=None, done=lambda: done.append("a"))
    background.run("b", lambda: None, key=None, done=lambda: done.append("b"))
    threading.Timer(0.05, gate.set).start()
    background.drain(PATIENCE)
    wait_until(lambda: done)
    assert (done, background.count) == (["a"], 0)


def test_work_that_is_broken_off_is_not_done():
    background, done = Background(1, lambda *_: None), []

    def stop() -> None:
        raise Stopping("x")

    background.run("a", stop, key=None, done=lambda: done.append("a"))
    background.drain(PATIENCE)
    wait_until(lambda: not background.count)
    assert done == []
