"""What the begin and the end of an alarm mean. It is told as the database has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flows.notifications.alarms.options import AlarmKind
from flows.notifications.domain import pages
from flows.notifications.domain.happenings import Happening, Link
from flows.notifications.domain.words import Outcome, Severity, What


@dataclass(frozen=True, kw_only=True)
class AlarmFacts:
    """An alarm, and the event that announces its begin or its end.

    Attributes:
        seconds: How long it lasted; None: it has only begun.
    """

    event_id: int
    at: datetime
    is_over: bool
    key: str
    rule_id: int
    kind: str
    about: str
    owner: str
    campaign: str
    severity: Severity
    text: str
    action_taken: str
    request_id: int | None
    seconds: float | None


def of_alarm(alarm: AlarmFacts) -> Happening:
    """What it means that an alarm has begun, or is over; it is for its own rule alone."""
    outcome = Outcome.COMPLETED if alarm.is_over else Outcome.FAILED
    said = () if alarm.is_over else (alarm.text, alarm.action_taken)
    return Happening(
        key=f"alarm:{alarm.key}:{outcome}",
        names=((What.ALARM, alarm.kind),),
        outcome=outcome,
        at=alarm.at,
        text="is over" if alarm.is_over else "has begun",
        subject=alarm.about,
        owner=alarm.owner,
        campaign=alarm.campaign,
        seconds=alarm.seconds,
        reason=". ".join(filter(None, said)),
        severity=Severity.INFO if alarm.is_over else alarm.severity,
        links=tuple(_links(alarm)),
        event_id=alarm.event_id,
        request_id=alarm.request_id,
        only_rule=alarm.rule_id,
    )


def _links(alarm: AlarmFacts) -> Iterator[Link]:
    if alarm.kind == AlarmKind.FAILURE_RATE:
        yield pages.task(alarm.about)
    elif alarm.kind != AlarmKind.SWEEP_FAILED:
        yield pages.system()
    if alarm.campaign:
        yield pages.campaign(alarm.campaign)
    if alarm.request_id is not None:
        yield pages.request(alarm.request_id)
