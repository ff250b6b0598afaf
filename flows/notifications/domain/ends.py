"""What the end of a request means. Whatever ended it, there is one of each outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flows.common.models import RequestState
from flows.notifications.domain import pages
from flows.notifications.domain.happenings import Fact, Happening, Link
from flows.notifications.domain.words import Outcome, SubjectKind, WatchFor, What

_TEXTS: Final = {
    Outcome.COMPLETED: "was completed",
    Outcome.FAILED: "failed",
    Outcome.CANCELLED: "was cancelled",
    Outcome.UNKNOWN: "has an unknown outcome: it is being found out",
}


@dataclass(frozen=True, kw_only=True)
class RequestFacts:
    """What the row of a request says, and the last step that its events told of.

    Attributes:
        state: As it is now.
        alarm_rules: The rules of the alarms because of which it was asked for.
    """

    id: int
    action: str
    subject: str
    requested_by: str
    parameters: Mapping[str, Any]
    state: RequestState
    error: str
    created_at: datetime
    finished_at: datetime | None
    step: str = ""
    owner: str = ""
    campaign: str = ""
    alarm_rules: frozenset[int] = frozenset()


def end_key(request_id: int, outcome: Outcome) -> str:
    """By what the end of a request is known, whatever tells of it."""
    return f"request:{request_id}:{outcome}"


def of_request(facts: RequestFacts, state: RequestState, at: datetime) -> Happening:
    """What it means that a request came to that state.

    Args:
        facts: The request.
        state: `completed`, `failed`, `cancelled` or `unknown`.
        at: When.
    """
    outcome = Outcome(state.value)
    failed = outcome is not Outcome.COMPLETED
    return Happening(
        key=end_key(facts.id, outcome),
        names=((What.ACTION, facts.action),),
        outcome=outcome,
        at=at,
        text=_TEXTS[outcome],
        subject=facts.subject,
        requester=facts.requested_by,
        owner=facts.owner,
        campaign=facts.campaign,
        seconds=((facts.finished_at or at) - facts.created_at).total_seconds(),
        step=facts.step if failed else "",
        reason=facts.error if failed else "",
        links=_links(facts),
        facts=_facts(facts.id, outcome),
        request_id=facts.id,
        also_rules=facts.alarm_rules,
    )


def _links(facts: RequestFacts) -> tuple[Link, ...]:
    found = [pages.request(facts.id)]
    if isinstance(name := facts.parameters.get("task_name"), str) and name:
        found.append(pages.task(name))
    if facts.parameters.get("pandaid"):
        found.append(pages.job_log(str(facts.parameters["pandaid"])))
    if facts.campaign:
        found.append(pages.campaign(facts.campaign))
    return tuple(found)


def _facts(request_id: int, outcome: Outcome) -> frozenset[Fact]:
    """What has become true; of an unknown request nothing has, as it has not ended."""
    told = {
        Outcome.COMPLETED: (WatchFor.COMPLETE, WatchFor.ENDED),
        Outcome.FAILED: (WatchFor.FAILED, WatchFor.ENDED),
        Outcome.CANCELLED: (WatchFor.ENDED,),
    }.get(outcome, ())
    return frozenset((SubjectKind.REQUEST, str(request_id), each) for each in told)
