"""What happened becomes notifications: a batch at a time, in the transaction that moves on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from deployments.isolation import is_outage, isolated
from deployments.notifier.writing import Writer
from flows.common.database import transaction
from flows.notifications.domain import alarmed, announced, ends, task_ends
from flows.notifications.domain.happenings import Happening, merged
from flows.notifications.domain.words import SubjectKind
from flows.notifications.messages import ALARM
from flows.notifications.repository import feed, tasks, watching
from flows.notifications.repository.feed import Ended, Seen
from flows.notifications.repository.watching import LiveWatch

_EVENTS: Final = 2000
_ENDS: Final = 500
_NEW_WATCHES: Final = 1000
_SWEPT: Final = ("campaign_provenance_ready", "evgen_rucio_ready")
_WANTED: Final = announced.TYPES | {ALARM, task_ends.EVENT}
# PCS notes by its own clock when it saw a task's state, and the database when that was committed.
_CLOCKS_APART: Final = timedelta(minutes=1)


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
            # In a backlog, an event and the end that it tells of may be far apart.
            ended += feed.ends_of(session, _requests_of(seen), ended)
            if is_told:
                _tell(session, ended, seen)
            feed.forget_ends(session, ended)
            if seen:
                feed.advance(session, seen[-1].id)
        return len(seen) == most_events or len(ended) >= most_ends


def _tell(session: Session, ended: Sequence[Ended], seen: Sequence[Seen]) -> None:
    already = watching.holding_already(session, _NEW_WATCHES)
    happenings = _happenings(session, ended, seen)
    turned = [*already, *_touched(session, seen)]
    if happenings or turned:
        Writer(session).write(happenings, turned)


def _happenings(session: Session, ended: Sequence[Ended], seen: Sequence[Seen]) -> list[Happening]:
    """What the ends and events mean; one that cannot be read hinders no other."""
    ids = {each.request_id for each in ended} | _requests_of(seen)
    requests = feed.requests(session, ids) if ids else {}
    found: list[Happening] = []
    for end in ended:
        with isolated("the end of a request cannot be told", request=end.request_id):
            if (facts := requests.get(end.request_id)) is not None:
                found.append(ends.of_request(facts, end.state, end.at))
    for event in feed.facts_of(session, seen, requests):
        with isolated("an event cannot be told", event_id=event.id):
            if (meant := announced.of_event(event)) is not None:
                found.append(meant)
    found += [alarmed.of_alarm(each) for each in feed.alarms_of(session, seen)]
    found += _task_ends(session, seen)
    return merged(found)


def _requests_of(seen: Sequence[Seen]) -> set[int]:
    """The requests that the events which are wanted belong to."""
    wanted = (each.request_id for each in seen if each.payload is not None)
    return {each for each in wanted if each is not None}


def _task_ends(session: Session, seen: Sequence[Seen]) -> Iterator[Happening]:
    """The ends of tasks at PanDA, of those that these events say were changed."""
    changed = [each for each in seen if each.msg_type == task_ends.EVENT]
    if changed:
        since = min(each.at for each in changed) - _CLOCKS_APART
        for each in tasks.ended(session, _changed_tasks(changed), since):
            yield task_ends.of_task_end(each)


def _changed_tasks(changed: Iterable[Seen]) -> set[str] | None:
    """The tasks that these events name; None where one names none, as it is about several."""
    names = [(each.payload or {}).get("task_name") for each in changed]
    return {str(each) for each in names} if all(names) else None


def _touched(session: Session, seen: Sequence[Seen]) -> Iterator[LiveWatch]:
    """The watches that hold now, of the kinds whose subjects these events may have changed."""
    changed = [each for each in seen if each.msg_type == task_ends.EVENT]
    if changed:
        yield from watching.holding(session, SubjectKind.TASK, _changed_tasks(changed))
    if any(each.msg_type in _SWEPT for each in seen):
        for kind in (SubjectKind.DATASET, SubjectKind.PATH, SubjectKind.CAMPAIGN):
            yield from watching.holding(session, kind, None)
