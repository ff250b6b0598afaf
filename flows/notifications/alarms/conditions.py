"""When an alarm begins and when it is over, by what was observed. Pure.

An alarm is over only clearly below the limit that it began at: a value that moves around its limit
is one alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flows.common import expiry
from flows.notifications.alarms.options import AlarmKind, AlarmOptions
from flows.notifications.domain.words import Severity

_MARGIN: Final = 0.8  # of the limit: below it, an alarm is over
_MARGIN_DAYS: Final = 0.5
_MINUTE_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class TaskInputs:
    """A live production task, with how many inputs it has and failed for good.

    Attributes:
        status: Its state at PanDA.
    """

    name: str
    jedi_task_id: int
    status: str
    inputs: int
    failed: int
    owner: str = ""
    campaign: str = ""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The last sweep of a campaign, or the last of a scheduled action, and why it failed."""

    name: str
    error: str | None
    campaign: str = ""


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A credential of the ops side, as a worker said."""

    kind: str
    not_after: datetime | None
    problem: str | None
    is_renewed: bool


@dataclass(frozen=True, kw_only=True)
class PartStart:
    """A part of the ops side, and when it was last started anew, if it was."""

    kind: str
    name: str
    restarted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Canary:
    """The last canary that walked every leg.

    Attributes:
        heard_at: When it came back; where none ever did, since when the parts run.
        error: Which legs did not pass, and why; None: all did, or none came back yet.
        is_of_outside: Whether only services outside did not answer.
        is_expected: Whether one goes by the clock.
    """

    heard_at: datetime
    error: str | None = None
    is_of_outside: bool = False
    is_expected: bool = True


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What is known now.

    Attributes:
        at: When.
        credentials: None: no worker is heard that could say it.
        waiting_seconds: How long the oldest request has waited that could be worked on.
        waiting: How many such requests there are.
        canary: None: there is none, and no part that could send one.
    """

    at: datetime
    tasks: Sequence[TaskInputs] = ()
    sweeps: Sequence[Sweep] = ()
    credentials: Sequence[Credential] | None = ()
    waiting_seconds: float = 0.0
    waiting: int = 0
    parts: Sequence[PartStart] = ()
    canary: Canary | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How one thing stands against a limit.

    Attributes:
        about: What it is; empty: the whole.
        begins: Whether an alarm begins, where none is.
        is_over: Whether one is over, where there is one.
        text: What is wrong, in words.
        jedi_task_id: The task at PanDA that it is about.
    """

    about: str
    begins: bool
    is_over: bool
    text: str
    severity: Severity = Severity.WARNING
    owner: str = ""
    campaign: str = ""
    jedi_task_id: int | None = None


def findings(kind: AlarmKind, seen: Observed, limits: AlarmOptions) -> list[Finding] | None:
    """How everything that an alarm of the kind may be about stands.

    What is not among it any more is no reason for an alarm.

    Returns:
        None: nobody knows just now, so that nothing begins and nothing is over.
    """
    found = _FINDERS[kind](seen, limits)
    return None if found is None else list(found)


def _failure_rates(seen: Observed, limits: AlarmOptions) -> Iterator[Finding]:
    for each in seen.tasks:
        if each.inputs <= 0:
            continue
        percent = 100 * each.failed / each.inputs
        yield Finding(
            about=each.name,
            begins=percent >= limits.limit_percent and each.failed >= limits.least_failed,
            is_over=percent < _MARGIN * limits.limit_percent,
            text=f"{percent:.0f} % of its inputs ({each.failed} of {each.inputs}) have failed for"
            f" good, and the limit is {limits.limit_percent:g} %",
            severity=Severity.ERROR,
            owner=each.owner,
            campaign=each.campaign,
            jedi_task_id=each.jedi_task_id,
        )


def _sweeps(seen: Observed, _limits: AlarmOptions) -> Iterator[Finding]:
    for each in seen.sweeps:
        has_failed = each.error is not None
        yield Finding(
            about=each.name,
            begins=has_failed,
            is_over=not has_failed,
            text=f"its last sweep failed: {each.error}",
            severity=Severity.ERROR,
            campaign=each.campaign,
        )


def _credentials(seen: Observed, limits: AlarmOptions) -> Iterator[Finding] | None:
    if seen.credentials is None:
        return None
    return (_of_credential(each, seen.at, limits.days) for each in seen.credentials)


def _of_credential(credential: Credential, at: datetime, days: float) -> Finding:
    left = None if credential.not_after is None else credential.not_after - at
    expires = expiry.ends(credential.not_after, at, is_renewed=credential.is_renewed)
    is_near = expires and left is not None and left <= timedelta(days=days)
    is_far = not expires or left is None or left > timedelta(days=days + _MARGIN_DAYS)
    text = f"it expires at {credential.not_after:%Y-%m-%d %H:%M} UTC" if left is not None else ""
    if left is not None and left <= timedelta(0):
        text = text.replace("expires", "expired")
    return Finding(
        about=credential.kind,
        begins=credential.problem is not None or is_near,
        is_over=credential.problem is None and is_far,
        text=credential.problem or text,
        severity=Severity.WARNING if credential.problem is None else Severity.ERROR,
    )


def _queue(seen: Observed, limits: AlarmOptions) -> Iterator[Finding]:
    minutes = seen.waiting_seconds / _MINUTE_SECONDS
    yield Finding(
        about="",
        begins=minutes >= limits.minutes,
        is_over=minutes < _MARGIN * limits.minutes,
        text=f"requests wait ({seen.waiting}), the oldest for {minutes:.0f} minutes",
        severity=Severity.ERROR,
    )


def _restarts(seen: Observed, limits: AlarmOptions) -> Iterator[Finding]:
    for each in seen.parts:
        is_fresh = each.restarted_at is not None and (
            seen.at - each.restarted_at < timedelta(minutes=limits.minutes)
        )
        at = "" if each.restarted_at is None else f" at {each.restarted_at:%Y-%m-%d %H:%M:%S} UTC"
        yield Finding(
            about=f"{each.kind} {each.name}",
            begins=is_fresh,
            is_over=not is_fresh,
            text=f"it was started anew{at}",
        )


def _canaries(seen: Observed, limits: AlarmOptions) -> Iterator[Finding]:
    last = seen.canary
    if last is None:
        return
    is_silent = last.is_expected and (
        seen.at - last.heard_at > timedelta(minutes=limits.canary_minutes)
    )
    text = last.error or ""
    if is_silent:
        text = (
            f"no canary has come back since {last.heard_at:%Y-%m-%d %H:%M} UTC: see whether the "
            "worker runs, and whether the schedule of run_canary is paused at Prefect"
        )
    is_wrong = is_silent or last.error is not None
    yield Finding(
        about="",
        begins=is_wrong,
        is_over=not is_wrong,
        text=text,
        severity=Severity.WARNING if last.is_of_outside and not is_silent else Severity.ERROR,
    )


_Finder = Callable[[Observed, AlarmOptions], Iterator[Finding] | None]
_FINDERS: Final[Mapping[AlarmKind, _Finder]] = {
    AlarmKind.FAILURE_RATE: _failure_rates,
    AlarmKind.SWEEP_FAILED: _sweeps,
    AlarmKind.CREDENTIAL_EXPIRES: _credentials,
    AlarmKind.QUEUE_WAITS: _queue,
    AlarmKind.PART_RESTARTED: _restarts,
    AlarmKind.CANARY_FAILED: _canaries,
}
