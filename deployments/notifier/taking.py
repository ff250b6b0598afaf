"""What happened becomes notifications: a batch at a time, in the transaction that moves on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from deployments.isolation import is_outage, isolated
from flows.common.database import now, transaction
from flows.notifications.domain import announced, ends, pages
from flows.notifications.domain.happenings import Happening, merged
from flows.notifications.domain.matching import RuleFacts, Rules
from flows.notifications.domain.words import DeliveryState, Outcome, SubjectKind, WatchFor, What
from flows.notifications.repository import feed, outbox, watching
from flows.notifications.repository.feed import Ended, Seen
from flows.notifications.repository.watching import LiveWatch

_EVENTS: Final = 2000
_ENDS: Final = 500
_NEW_WATCHES: Final = 1000
_TASKS_CHANGED: Final = "prodtask_changed"
_SWEPT: Final = ("campaign_provenance_ready", "evgen_rucio_ready")
_WANTED: Final = announced.TYPES | {_TASKS_CHANGED}
_NO_ADDRESS: Final = "no address is registered"


@dataclass
class Taker:
    """Turns what happened into notifications; one at a time on one database.

    Attributes:
        engine: The database.
    """

    engine: Engine

    def take(self) -> bool:
        """Take the next batch; gives whether there may be more.

        Raises:
            DatabaseUnavailable: Nothing of it was written, and it is taken again.
        """
        try:
            return self._take(_EVENTS, _ENDS)
        except Exception as error:
            if is_outage(error):
                raise
            return self._take_apart()

    def _take_apart(self) -> bool:
        """Take the next alone: whatever is wrong is of one, which is logged and told to nobody."""
        for is_told in (True, False):
            with isolated("what happened cannot be told"):
                return self._take(1, 1, is_told=is_told)
        return False

    def _take(self, most_events: int, most_ends: int, *, is_told: bool = True) -> bool:
        with transaction(self.engine) as session:
            after = feed.position(session)
            ended = feed.ends(session, most_ends)
            seen = feed.look(session, after, wanted=_WANTED, limit=most_events)
            if is_told:
                _tell(session, ended, seen)
            feed.forget_ends(session, ended)
            if seen:
                feed.advance(session, seen[-1].id)
        return len(seen) == most_events or len(ended) == most_ends


def _tell(session: Session, ended: Sequence[Ended], seen: Sequence[Seen]) -> None:
    already = watching.holding_already(session, _NEW_WATCHES)
    happenings = _happenings(session, ended, seen)
    turned = [*already, *_touched(session, seen)]
    if happenings or turned:
        outbox.insert(session, _Writer(session).rows(happenings, turned))


def _happenings(session: Session, ended: Sequence[Ended], seen: Sequence[Seen]) -> list[Happening]:
    """What the ends and events mean; one that cannot be read hinders no other."""
    wanted = [each for each in seen if each.payload is not None]
    ids = {each.request_id for each in ended}
    ids |= {each.request_id for each in wanted if each.request_id is not None}
    requests = feed.requests(session, ids) if ids else {}
    found: list[Happening] = []
    for end in ended:
        with isolated("the end of a request cannot be told", request=end.request_id):
            if (facts := requests.get(end.request_id)) is not None:
                found.append(ends.of_request(facts, end.state, end.at))
    for event in feed.facts_of(session, wanted, requests):
        with isolated("an event cannot be told", event_id=event.id):
            if (meant := announced.of_event(event)) is not None:
                found.append(meant)
    return merged(found)


def _touched(session: Session, seen: Sequence[Seen]) -> Iterator[LiveWatch]:
    """The watches that hold now, of the kinds whose subjects these events may have changed."""
    changed = [each.payload or {} for each in seen if each.msg_type == _TASKS_CHANGED]
    if changed:
        names = {str(each["task_name"]) for each in changed if each.get("task_name")}
        are_named = all(each.get("task_name") for each in changed)
        yield from watching.holding(session, SubjectKind.TASK, names if are_named else None)
    if any(each.msg_type in _SWEPT for each in seen):
        for kind in (SubjectKind.DATASET, SubjectKind.PATH, SubjectKind.CAMPAIGN):
            yield from watching.holding(session, kind, None)


@dataclass
class _Writer:
    """Makes the rows of a batch: whom each happening is told to."""

    session: Session
    _addresses: dict[str, str] = field(default_factory=dict)
    _channels: dict[int, str] = field(init=False)
    _rules: Rules = field(init=False)

    def __post_init__(self) -> None:
        self._channels = outbox.channel_names(self.session)
        self._rules = Rules([_facts(each) for each in outbox.rules_in_force(self.session)])

    def rows(
        self, happenings: Sequence[Happening], turned: Sequence[LiveWatch]
    ) -> list[dict[str, Any]]:
        """The notifications of these happenings, and of watches that hold now."""
        facts = {fact: each for each in happenings for fact in each.facts}
        told = watching.of_facts(self.session, facts.keys())
        fired = watching.fire(self.session, [*told, *turned])
        at = now()
        wishes = [(facts.get(each.fact) or _held(each, at), each) for each in (*told, *turned)]
        matches = [(each, rule) for each in happenings for rule in self._rules.matching(each)]
        people = [each.username for each in told] + [each.username for each in turned]
        people += [name for each in happenings for name in (each.owner, each.requester) if name]
        self._addresses = outbox.addresses(self.session, sorted(set(people)))
        rows = [self._by_watch(meant, each) for meant, each in wishes if each.id in fired]
        return [*rows, *self._by_rules(matches)]

    def _by_watch(self, happening: Happening, watch: LiveWatch) -> dict[str, Any]:
        row = self._row(happening, watch.channel_id, watch.username)
        return {**row, "watch_id": watch.id, "username": watch.username}

    def _by_rules(self, matches: Iterable[tuple[Happening, RuleFacts]]) -> Iterator[dict[str, Any]]:
        for happening, rule in matches:
            owner = happening.owner or happening.requester
            if rule.channel_id is None and owner not in self._addresses:
                continue  # the owner wants no mail
            row = self._row(happening, rule.channel_id, owner)
            yield {**row, "rule_id": rule.id, "username": rule.author}

    def _row(self, happening: Happening, channel_id: int | None, username: str) -> dict[str, Any]:
        if channel_id is not None:
            to = {"recipient": self._channels.get(channel_id, ""), "address": None}
            return _new(happening, f"channel:{channel_id}", channel_id, to)
        address = self._addresses.get(username)
        row = _new(happening, f"user:{username}", None, {"recipient": username, "address": address})
        return row if address else {**row, "state": DeliveryState.FAILED, "error": _NO_ADDRESS}


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


def _facts(rule: Any) -> RuleFacts:
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


def _held(watch: LiveWatch, at: datetime) -> Happening:
    """What it means that a watch holds, where no event says so."""
    failed = watch.watch_for is WatchFor.FAILED
    page = {
        SubjectKind.TASK: pages.task,
        SubjectKind.DATASET: pages.did,
        SubjectKind.CAMPAIGN: pages.campaign,
    }.get(watch.kind)
    links = [] if page is None else [page(watch.subject)]
    if watch.kind is SubjectKind.REQUEST:
        links = [pages.request(int(watch.subject))]
    return Happening(
        key=f"{watch.kind}:{watch.subject}:{watch.watch_for}:{at.timestamp()}",
        names=((What.EVENT, watch.kind),),
        outcome=Outcome.FAILED if failed else Outcome.COMPLETED,
        at=at,
        text=_TEXTS[watch.watch_for],
        subject=watch.subject,
        links=tuple(links),
    )


_TEXTS: Final = {
    WatchFor.SUBMITTED: "is submitted",
    WatchFor.COMPLETE: "is complete",
    WatchFor.FAILED: "has failed",
    WatchFor.ARRIVED: "has arrived",
    WatchFor.ENDED: "has ended",
}
