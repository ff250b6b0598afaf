"""States of a task, and which of them permit what (PanDA's task state diagram)."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """State of a task; WAITING is the queue before JEDI, where no look-up sees it."""

    WAITING = "waiting"
    REGISTERED = "registered"
    DEFINED = "defined"
    READY = "ready"
    PENDING = "pending"
    SCOUTING = "scouting"
    RUNNING = "running"
    PAUSED = "paused"
    THROTTLED = "throttled"
    FINISHING = "finishing"
    TO_RETRY = "toretry"
    TO_INCEXEC = "toincexec"
    TO_ABORT = "toabort"
    ABORTING = "aborting"
    TO_BROKEN = "tobroken"
    DONE = "done"
    FINISHED = "finished"
    FAILED = "failed"
    ABORTED = "aborted"
    BROKEN = "broken"
    EXHAUSTED = "exhausted"


ENDED = frozenset(
    {Status.DONE, Status.FINISHED, Status.FAILED, Status.ABORTED, Status.BROKEN, Status.EXHAUSTED}
)
REACTIVATED_FROM = ENDED - {Status.BROKEN}
"""A submission of the same name runs the old task of such a state again."""

WITHOUT_JOBS = frozenset(
    {
        Status.WAITING,
        Status.REGISTERED,
        Status.DEFINED,
        Status.TO_ABORT,
        Status.ABORTED,
        Status.TO_BROKEN,
        Status.BROKEN,
    }
)
_ENDING = frozenset({Status.TO_ABORT, Status.ABORTING, Status.TO_BROKEN, Status.FINISHING})
_LIVE = frozenset(Status) - ENDED - _ENDING
PERMITTED_IN = {
    "retry": ENDED - {Status.DONE, Status.BROKEN},
    "incexec": REACTIVATED_FROM,
    "resume": frozenset({Status.PAUSED, Status.THROTTLED}),
    "pause": _LIVE - {Status.PAUSED},
    "kill": _LIVE,
    "finish": _LIVE,
}
"""By command, the states in which it makes sense."""

ATTEMPTS_RAISED_IN = (Status.RUNNING, Status.SCOUTING, Status.READY)

NEXT = {
    Status.REGISTERED: Status.DEFINED,
    Status.DEFINED: Status.READY,
    Status.READY: Status.RUNNING,
    Status.TO_RETRY: Status.RUNNING,
    Status.TO_INCEXEC: Status.REGISTERED,
    Status.TO_ABORT: Status.ABORTED,
    Status.TO_BROKEN: Status.BROKEN,
    Status.FINISHING: Status.FINISHED,
}
"""What follows by itself, a step later."""
