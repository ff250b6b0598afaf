"""A look at every rule's alarms: what has begun, what is over, and what is done about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from flows.common.events import NewEvent, announcement
from flows.notifications.alarms import pausing
from flows.notifications.alarms.conditions import Finding, Observed, findings
from flows.notifications.alarms.options import AlarmKind, AlarmOptions
from flows.notifications.domain.happenings import Happening
from flows.notifications.domain.matching import RuleFacts
from flows.notifications.domain.words import Outcome, What
from flows.notifications.messages import Alarm
from flows.notifications.models import AlarmEpisode, Rule
from flows.notifications.repository import alarms


@dataclass(frozen=True)
class Wanted:
    """A rule whose alarms are looked at: whom they concern, and their limits."""

    facts: RuleFacts
    limits: AlarmOptions

    @classmethod
    def of(cls, rule: Rule) -> Wanted:
        """The rule as it stands.

        Raises:
            ValueError: Its options are none of an alarm.
        """
        facts = RuleFacts(
            id=rule.id,
            author=rule.author,
            channel_id=rule.channel_id,
            what=What.ALARM,
            name=rule.name,
            requester=rule.requester,
            owner=rule.owner,
            campaign=rule.campaign,
            subject=rule.subject,
        )
        return cls(facts, AlarmOptions.model_validate(rule.options))

    @property
    def kinds(self) -> list[AlarmKind]:
        """The kinds of alarms that it is about."""
        return [each for each in AlarmKind if self.facts.name in {"", each.value}]

    def concerns(self, kind: AlarmKind, finding: Finding, at: datetime) -> bool:
        """Whether its conditions hold, however the alarm comes out."""
        happening = Happening(
            key="",
            names=((What.ALARM, kind.value),),
            outcome=Outcome.FAILED,
            at=at,
            text="",
            subject=finding.about,
            owner=finding.owner,
            campaign=finding.campaign,
        )
        return replace(self.facts, outcome=None).matches(happening)


def look(
    session: Session, rule: Wanted, seen: Observed, standing: Sequence[AlarmEpisode]
) -> list[NewEvent]:
    """Note what has begun and what is over of a rule's alarms.

    Args:
        session: The database.
        rule: Whose alarms.
        seen: What is known now.
        standing: Its alarms that are not over.

    Returns:
        The events that announce it.
    """
    news: list[NewEvent] = []
    for kind in rule.kinds:
        found = findings(kind, seen, rule.limits)
        if found is None:
            continue
        of_kind = {each.about: each for each in standing if each.kind == kind}
        concerning = [each for each in found if rule.concerns(kind, each, seen.at)]
        for each in concerning:
            if each.begins and each.about not in of_kind:
                news += _begin(session, rule, kind, each, seen.at)
        news += _end(of_kind.values(), concerning, seen.at)
    return news


def _begin(
    session: Session, rule: Wanted, kind: AlarmKind, finding: Finding, at: datetime
) -> Iterator[NewEvent]:
    episode = alarms.begin(
        session,
        rule_id=rule.facts.id,
        kind=kind.value,
        about=finding.about,
        owner=finding.owner,
        campaign=finding.campaign,
        severity=finding.severity,
        text=finding.text,
        began_at=at,
    )
    if episode is None:
        return
    if rule.limits.pause and finding.jedi_task_id is not None:
        taken = pausing.pause(session, finding, author=rule.facts.author)
        episode.action_taken, episode.request_id = taken.text, taken.request_id
    yield _announce(episode, is_over=False)


def _end(
    standing: Iterable[AlarmEpisode], found: Sequence[Finding], at: datetime
) -> Iterator[NewEvent]:
    """End the alarms that are over, and those of what is not there any more."""
    present = {each.about: each for each in found}
    for episode in standing:
        finding = present.get(episode.about)
        if finding is None or finding.is_over:
            episode.ended_at = at
            yield _announce(episode, is_over=True)


def _announce(episode: AlarmEpisode, *, is_over: bool) -> NewEvent:
    about = episode.about or None
    return announcement(
        Alarm,
        None,
        about,
        kind=episode.kind,
        key=episode.key,
        is_over=is_over,
        severity=episode.severity,
        text="" if is_over else episode.text,
        about=about,
        owner=episode.owner or None,
        campaign=episode.campaign or None,
        action_taken="" if is_over else episode.action_taken,
        rule_id=episode.rule_id,
    )
