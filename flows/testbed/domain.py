"""The words of commands to a testbed, and how one stands at a time. Pure.

Nobody has to write down that a command was not taken or not answered in time: its times say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

TAKE: Final = timedelta(seconds=60)
"""How long a command waits for a controller."""
ANSWER: Final = timedelta(seconds=180)
"""How long a controller may work on one."""
HEARD: Final = timedelta(seconds=100)
"""A controller says every 30 s that it is there; one that was not heard for so long is not."""


class Verb(StrEnum):
    """What a controller may be asked to do with agents."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    STATUS = "status"
    KILL = "kill"


class CommandState(StrEnum):
    """How a command stands."""

    WAITING = "waiting"
    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """How a command stands: its state, and where it has ended, why and when."""

    state: CommandState
    error: str | None = None
    ended_at: datetime | None = None


def controller_name(user: str) -> str:
    """The agent that is a user's controller (contract section 7.3)."""
    return f"agent-manager-{user}"


def control_queue(user: str) -> str:
    """The queue of a user's commands on the bus (contract section 7.3)."""
    return f"/queue/agent_control.{user}"


def start_one(user: str) -> str:
    """What to do where no controller runs."""
    return f"no controller of {user} runs: start one by `testbed controller`"


def standing(
    recorded: Standing,
    *,
    user: str,
    requested_at: datetime,
    taken_at: datetime | None,
    taken_by: str | None,
    at: datetime,
) -> Standing:
    """How a command stands at a time, by what is recorded of it."""
    if recorded.state is CommandState.WAITING and at >= requested_at + TAKE:
        return Standing(CommandState.FAILED, start_one(user), requested_at + TAKE)
    if recorded.state is CommandState.TAKEN and taken_at is not None and at >= taken_at + ANSWER:
        return Standing(CommandState.FAILED, unanswered(taken_by), taken_at + ANSWER)
    return recorded


def is_unanswered(error: str | None, taken_by: str | None) -> bool:
    """Whether that is why a command failed: it may have been done all the same."""
    host = (taken_by or "").partition(":")[0]
    return error in {unanswered(taken_by), unanswered(host)}


def unanswered(taken_by: str | None) -> str:
    """Why a command that a controller took has failed, where nothing was heard of it any more."""
    return f"the controller ({taken_by}) did not answer; it may have been done: ask for the status"
