"""Whom each thing that happened is told to: its notifications, and the watches that it spends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from deployments.isolation import isolated
from flows.common import access
from flows.common.callers import Scope
from flows.common.database import now
from flows.notifications.domain import held
from flows.notifications.domain.ends import RequestFacts
from flows.notifications.domain.happenings import Happening
from flows.notifications.domain.matching import RuleFacts, Rules
from flows.notifications.domain.task_ends import TaskFacts
from flows.notifications.domain.words import DeliveryState, Outcome, SubjectKind, What
from flows.notifications.models import Channel, Rule
from flows.notifications.repository import channels, feed, outbox, tasks, watching
from flows.notifications.repository.watching import LiveWatch

_NO_ADDRESS: Final = "no address is registered"


@dataclass
class Writer:
    """Writes the notifications of a batch.

    Attributes:
        session: The database; what is written is committed with the position.
    """

    session: Session
    _addresses: dict[str, str] = field(default_factory=dict)
    _operators: dict[str, bool] = field(default_factory=dict)
    _channels: dict[int, Channel] = field(init=False)
    _rules: Rules = field(init=False)

    def __post_init__(self) -> None:
        self._channels = {each.id: each for each in channels.every(self.session)}
        self._rules = Rules([*_readable(outbox.rules_in_force(self.session))])

    def write(self, happenings: Sequence[Happening], turned: Sequence[LiveWatch]) -> None:
        """Write what is told of these happenings, and of the watches that hold now."""
        meant = {fact: each for each in happenings for fact in each.facts}
        told = watching.of_facts(self.session, meant.keys())
        wanted = {each.id: (meant[each.fact], each) for each in told}
        others = [each for each in turned if each.id not in wanted]
        wanted |= {each.id: (is_held, each) for is_held, each in _held(self.session, others)}
        fired = watching.fire(self.session, [each for _, each in wanted.values()])
        matches = [(each, rule) for each in happenings for rule in self._rules.matching(each)]
        people = {each.username for _, each in wanted.values()}
        people |= {name for each in happenings for name in (each.owner, each.requester) if name}
        self._addresses = outbox.addresses(self.session, sorted(people))
        by_watch = [self._by_watch(*wanted[each]) for each in sorted(fired)]
        outbox.insert(self.session, [*by_watch, *self._by_rules(matches)])
        keys = {row["watch_id"]: row["dedup_key"] for row in by_watch}
        watching.note_told(self.session, keys)

    def _by_watch(self, happening: Happening, watch: LiveWatch) -> dict[str, Any]:
        row = self._row(happening, watch.channel_id, watch.username)
        return {**row, "watch_id": watch.id, "username": watch.username}

    def _by_rules(self, matches: Iterable[tuple[Happening, RuleFacts]]) -> Iterator[dict[str, Any]]:
        for happening, rule in matches:
            owner = happening.owner or happening.requester
            for channel_id in _targets(happening, rule):
                if channel_id is None and owner not in self._addresses:
                    continue  # the owner wants no mail
                if channel_id is not None and not self._may_tell(rule, channel_id):
                    continue
                row = self._row(happening, channel_id, owner)
                yield {**row, "rule_id": rule.id, "username": rule.author}

    def _may_tell(self, rule: RuleFacts, channel_id: int) -> bool:
        """Whether a rule may name the channel now, which may have been closed to watchers since."""
        channel = self._channels.get(channel_id)
        if channel is None or channel.is_open_to_watchers or not rule.is_own:
            return channel is not None  # what is not only one's own took the scope operate
        if rule.author not in self._operators:
            scopes = access.scopes_of(self.session, rule.author)
            self._operators[rule.author] = Scope.OPERATE in scopes
        return self._operators[rule.author]

    def _row(self, happening: Happening, channel_id: int | None, username: str) -> dict[str, Any]:
        if channel_id is not None:
            channel = self._channels.get(channel_id)
            to = {"recipient": "" if channel is None else channel.name, "address": None}
            return _new(happening, f"channel:{channel_id}", channel_id, to)
        address = self._addresses.get(username)
        row = _new(happening, f"user:{username}", None, {"recipient": username, "address": address})
        return row if address else {**row, "state": DeliveryState.FAILED, "error": _NO_ADDRESS}


def _targets(happening: Happening, rule: RuleFacts) -> list[int | None]:
    """The channels that a rule tells; None: the owner's address, as also where an alarm asked."""
    if rule.channel_id is None or rule.id not in happening.also_rules:
        return [rule.channel_id]
    return [rule.channel_id, None]


def _new(
    happening: Happening, recipient: str, channel_id: int | None, to: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "at": now(),
        "dedup_key": f"{recipient} {happening.key}",
        "channel_id": channel_id,
        "state": DeliveryState.PENDING,
        "error": None,
        "rule_id": None,
        "watch_id": None,
        **to,
        **happening.columns(),
    }


def _readable(rules: Iterable[Rule]) -> Iterator[RuleFacts]:
    """The rules; one that cannot be read hinders no other."""
    for each in rules:
        with isolated("a rule cannot be read", rule=each.id):
            yield _facts(each)


def _facts(rule: Rule) -> RuleFacts:
    return RuleFacts(
        id=rule.id,
        author=rule.author,
        channel_id=rule.channel_id,
        what=What(rule.what),
        name=rule.name,
        outcome=None if rule.outcome is None else Outcome(rule.outcome),
        requester=rule.requester,
        owner=rule.owner,
        campaign=rule.campaign,
        subject=rule.subject,
    )


# ------------------------------------------------------------------ where no event says so


def _held(session: Session, turned: Sequence[LiveWatch]) -> Iterator[tuple[Happening, LiveWatch]]:
    """What it means that these watches hold; one that cannot be told hinders no other."""
    at = now()
    numbers = {int(each.subject) for each in turned if each.kind is SubjectKind.REQUEST}
    requests = feed.requests(session, numbers) if numbers else {}
    names = {each.subject for each in turned if each.kind is SubjectKind.TASK}
    known = tasks.named(session, names)
    for each in turned:
        with isolated("a watch cannot be told", watch=each.id):
            yield _meant(each, requests, known, at), each


def _meant(
    watch: LiveWatch,
    requests: Mapping[int, RequestFacts],
    known: Mapping[str, TaskFacts],
    at: datetime,
) -> Happening:
    if watch.kind is SubjectKind.REQUEST:
        return held.of_request(requests[int(watch.subject)], at)
    if watch.kind is SubjectKind.TASK:
        return held.of_task(known[watch.subject], watch.watch_for, at)
    return held.of_subject(watch.fact, at)
