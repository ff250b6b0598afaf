"""Something that happened, as rules and watches see it and messages tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from flows.common.text import kept
from flows.notifications.domain import safety
from flows.notifications.domain.words import Outcome, Severity, SubjectKind, WatchFor, What

Fact = tuple[SubjectKind, str, WatchFor]
"""What a watch waits for, that has become true."""

_SEVERITIES: Final = {
    Outcome.FAILED: Severity.ERROR,
    Outcome.UNKNOWN: Severity.WARNING,
    Outcome.CANCELLED: Severity.WARNING,
}
_MOST: Final = 2000  # characters of a reason that are kept


@dataclass(frozen=True, kw_only=True)
class Link:
    """A page about it; `path` is below the pages' address."""

    text: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened.

    Attributes:
        key: The same for all that tells of the same thing; a recipient is told of it once.
        names: What it is to rules: the end of an action, an event, an alarm; the first is its own.
        outcome: How it came out.
        at: When.
        text: What happened, as the begin of a sentence about the subject, such as `was submitted`.
        subject: What it is about; empty: nothing in particular.
        requester: Who asked for it; empty: nobody did.
        owner: Whose task it is about; empty: nobody's.
        campaign: Its campaign; empty: none.
        seconds: How long it took.
        step: The step that it failed at.
        reason: Why it failed, or what was found.
        links: Pages about it.
        facts: What has become true by it.
        only_rule: The rule that it is for alone; None: whichever matches.
        also_rules: Rules that it is for whatever their conditions, and then for its owner, too.
    """

    key: str
    names: tuple[tuple[What, str], ...]
    outcome: Outcome
    at: datetime
    text: str
    subject: str = ""
    requester: str = ""
    owner: str = ""
    campaign: str = ""
    seconds: float | None = None
    step: str = ""
    reason: str = ""
    severity: Severity | None = None
    links: tuple[Link, ...] = ()
    facts: frozenset[Fact] = frozenset()
    event_id: int | None = None
    request_id: int | None = None
    only_rule: int | None = None
    also_rules: frozenset[int] = frozenset()

    @property
    def what(self) -> What:
        """What it is itself."""
        return self.names[0][0]

    @property
    def name(self) -> str:
        """Its own name: the action, the type of the event or the kind of the alarm."""
        return self.names[0][1]

    @property
    def title(self) -> str:
        """What happened, in a line."""
        subject = f" {self.subject}" if self.subject else ""
        return f"{self.name}{subject} {self.text}"

    def columns(self) -> dict[str, Any]:
        """What a notification's row says of it."""
        return {
            "event_id": self.event_id,
            "request_id": self.request_id,
            "what": self.what,
            "name": kept(self.name)[:100],
            "outcome": self.outcome,
            "severity": self.severity or _SEVERITIES.get(self.outcome, Severity.INFO),
            "subject": kept(self.subject)[:500],
            "title": kept(self.title)[:_MOST],
            "body": self._body(),
        }

    def _body(self) -> dict[str, Any]:
        said = {
            "at": self.at.isoformat(),
            "text": self.text,
            "requester": self.requester,
            "owner": self.owner,
            "campaign": self.campaign,
            "seconds": self.seconds,
            "step": self.step,
            "reason": self.reason[:_MOST],
            "links": [{"text": each.text, "href": each.path} for each in self.links],
        }
        return {
            name: safety.keepable(value)
            for name, value in said.items()
            if value not in ("", None, [])
        }


def merged(happenings: Iterable[Happening]) -> list[Happening]:
    """The happenings, with those of one key as one: the first, with what the others add."""
    found: dict[str, Happening] = {}
    for each in happenings:
        known = found.get(each.key)
        found[each.key] = each if known is None else _with(known, each)
    return list(found.values())


def _with(first: Happening, other: Happening) -> Happening:
    links = {each.path: each for each in (*first.links, *other.links)}
    return replace(
        first,
        names=tuple(dict.fromkeys((*first.names, *other.names))),
        facts=first.facts | other.facts,
        also_rules=first.also_rules | other.also_rules,
        links=tuple(links.values()),
        owner=first.owner or other.owner,
        campaign=first.campaign or other.campaign,
        requester=first.requester or other.requester,
        reason=first.reason or other.reason,
        step=first.step or other.step,
        event_id=first.event_id or other.event_id,
        seconds=first.seconds if first.seconds is not None else other.seconds,
    )
