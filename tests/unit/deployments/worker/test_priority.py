"""A process gives way with its whole session, where the kernel groups processes by session."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from deployments.worker import priority

STARTED_WITH = 2


class Group:
    """The session's group: refuses so many times, with a code."""

    def __init__(self, refusals: int, code: int) -> None:
        self.refusals = refusals
        self.code = code
        self.tries = 0
        self.nice: str | None = None

    def write_text(self, nice: str) -> None:
        self.tries += 1
        if self.tries <= self.refusals:
            raise OSError(self.code, os.strerror(self.code))
        self.nice = nice


@pytest.fixture(autouse=True)
def own_nice(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    given: list[int] = []

    def nice(more: int) -> int:
        given.append(more)
        return STARTED_WITH + more

    monkeypatch.setattr(os, "nice", nice)
    return given


@pytest.mark.parametrize("refusals", [0, 2])
def test_the_session_gives_way_too_also_where_the_kernel_asks_to_wait(
    monkeypatch: pytest.MonkeyPatch, own_nice: list[int], refusals: int
):
    group = Group(refusals, errno.EAGAIN)
    monkeypatch.setattr(priority, "_GROUP", group)
    priority.give_way(5)
    assert (own_nice, group.nice, group.tries) == ([5], "7", refusals + 1)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EACCES, errno.EIO])
def test_where_the_session_cannot_the_process_does(
    monkeypatch: pytest.MonkeyPatch, own_nice: list[int], code: int
):
    group = Group(9, code)
    monkeypatch.setattr(priority, "_GROUP", group)
    priority.give_way(5)
    assert (own_nice, group.tries) == ([5], 1)


def test_a_kernel_without_such_groups_is_no_error(
    monkeypatch: pytest.MonkeyPatch, own_nice: list[int], tmp_path: Path
):
    monkeypatch.setattr(priority, "_GROUP", tmp_path / "none" / "autogroup")
    priority.give_way(10)
    assert own_nice == [10]


def test_who_does_not_give_way_touches_nothing(
    monkeypatch: pytest.MonkeyPatch, own_nice: list[int]
):
    group = Group(0, 0)
    monkeypatch.setattr(priority, "_GROUP", group)
    priority.give_way(0)
    assert (own_nice, group.tries) == ([], 0)
