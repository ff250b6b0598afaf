"""Steps 7 and 8: reconcile the attempt by querying PanDA, then confirm its one task."""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from typing import Any, Final

from flows.common import run
from flows.common.database import now
from flows.common.flow import task
from flows.common.run import RunPutOff
from flows.common.sessions import members
from flows.submission.domain import adoption, states
from flows.submission.domain.verdict import Verdict
from flows.submission.models import AttemptState, Step, SubmissionAttempt
from flows.submission.tasks import common

_CONFIRM_POLL_SECONDS: Final = 0.25
_CONFIRM_IN_RUN_SECONDS: Final = 5.0


@task("take over a lost sending")
def take_over(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The attempt of a run that was lost while prun ran: unknown, until the server is surely done.

    Where that run's processes are seen to be gone, the server's own limit counts from now.
    """
    until = attempt.sending_until or now()
    is_here, session = attempt.sender_host == socket.gethostname(), attempt.sender_session
    if is_here and session is not None and not members(session):
        limit = run.current().settings.submission.server_limit_seconds
        until = min(until, now() + timedelta(seconds=limit))
    return common.write(
        attempt,
        Step.RECONCILE,
        "an earlier run was lost while prun ran",
        state=AttemptState.UNKNOWN,
        sending_until=until,
        reason="the run was lost while prun ran",
    )


@task("look the task up at PanDA", puts_off=True)
def look_up(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The attempt with the task that PanDA has of its name, where it shows one.

    Raises:
        RunPutOff: It does not yet, and it is too early to send the name again.
    """
    common.write(attempt, Step.RECONCILE, "asking PanDA whether it has the task")
    survivor = states.survivor(common.tasks_named(attempt.panda_name))
    if survivor is not None:
        return common.write(
            attempt,
            Step.RECONCILE,
            f"PanDA has it: {survivor}",
            state=AttemptState.CREATED,
            jedi_task_id=survivor,
            reason=None,
        )
    until = attempt.sending_until or now()
    if (left := (until - now()).total_seconds()) > 0:
        raise RunPutOff(f"{attempt.reason}; PanDA may be working on it for {left:.0f} s more")
    return attempt


@task("settle a refused resending", puts_off=True)
def settle_refused(attempt: SubmissionAttempt, reason: str) -> SubmissionAttempt:
    """The end of an attempt that is not to be sent again, once an earlier sending would show.

    Raises:
        RunPutOff: It is too early to tell.
    """
    # The server was done with every sending by `sending_until`; a task may wait on to be refined.
    lag = timedelta(seconds=run.current().settings.submission.confirm_seconds)
    visible_at = (attempt.sending_until or now()) + lag
    if now() < visible_at:
        raise RunPutOff(
            f"{reason}; whether PanDA took it before is known by {visible_at:%H:%M:%S} UTC"
        )
    text = f"{reason}; PanDA has no such task"
    return common.write(attempt, Step.RECONCILE, text, state=AttemptState.REFUSED, reason=text)


@task("confirm the task at PanDA", puts_off=True)
def confirm(attempt: SubmissionAttempt) -> SubmissionAttempt:
    """The attempt with the one task that lives under its name.

    Raises:
        RunPutOff: PanDA has not settled on one yet.
    """
    attempt = common.write(attempt, Step.CONFIRM, f"PanDA named {attempt.jedi_task_id}")
    give_up = time.monotonic() + _CONFIRM_IN_RUN_SECONDS
    while (settled := _settled(attempt)) is None:
        if time.monotonic() > give_up:
            raise RunPutOff(f"PanDA has not settled on one task named {attempt.panda_name} yet")
        time.sleep(_CONFIRM_POLL_SECONDS)
    values = _identity(attempt, settled)
    text = f"{settled} is the one task of the name"
    if settled != attempt.jedi_task_id:
        text = f"PanDA ended {attempt.jedi_task_id} as a duplicate; {settled} survives"
    if values["differs"]:
        text = f"{text}. It is adopted, and differs: {values['differs']}"
    return common.write(attempt, Step.CONFIRM, text, jedi_task_id=settled, reason=None, **values)


def _identity(attempt: SubmissionAttempt, settled: int) -> dict[str, Any]:
    """Whose the task is, at which PanDA, and what differs where the attempt did not make it."""
    here = common.here()
    values: dict[str, Any] = {"panda_server": here.server, "panda_user": here.user, "differs": ""}
    if attempt.outcome == Verdict.CREATED and settled == attempt.jedi_task_id:
        return values
    task = common.panda().find(settled)
    was_there = attempt.outcome == Verdict.EXISTS and attempt.sends == 1
    found = [
        *adoption.circumstances(task, here.user, attempt.first_sent_at, was_there=was_there),
        *adoption.differences(attempt.arguments, common.panda().parameters(settled)),
    ]
    if task is not None and task.user_name not in {None, here.user}:
        values["panda_user"] = None  # it is followed as somebody else's
    return {**values, "differs": "; ".join(found)}


def _settled(attempt: SubmissionAttempt) -> int | None:
    """The one task of the name; None while PanDA may still end one of several."""
    named = common.tasks_named(attempt.panda_name)
    if named:
        return states.survivor(named)
    return attempt.jedi_task_id if _is_waiting_as(attempt) else None


def _is_waiting_as(attempt: SubmissionAttempt) -> bool:
    """Whether the task waits at PanDA under our name, and may be taken as the only one.

    A name that was sent once by one prun cannot have a second task; one that was sent again is
    believed only when PanDA shows it refined.
    """
    assert attempt.jedi_task_id is not None  # noqa: S101 - the state says so
    parameters = common.panda().parameters(attempt.jedi_task_id)
    if parameters is None or parameters.get("taskName", "").rstrip("/") != attempt.panda_name:
        return False
    lag = timedelta(seconds=run.current().settings.submission.confirm_seconds)
    is_sole = attempt.sends == 1 and attempt.outcome == Verdict.CREATED
    return is_sole or now() > (attempt.first_sent_at or now()) + lag
