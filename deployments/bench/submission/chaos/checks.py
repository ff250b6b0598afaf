"""What must hold when an intent is over; each breach in words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from deployments.bench.submission.chaos.evidence import Answer, Evidence, PandaTask
from deployments.bench.submission.chaos.follower import Announcement
from deployments.bench.submission.chaos.schedule import Door
from flows.submission import messages

_ENDS: Final = {"completed": messages.SUBMITTED, "failed": messages.FAILED}
_HAS_ID: Final = re.compile(r"Already submitted as jediTaskID (\d+)\.")
_OK: Final = {Door.BUTTON: 200, Door.ACTION: 202, Door.ALIAS: 202}
_CONFLICT: Final = 409


def breaches(evidence: Evidence) -> list[str]:
    """Every breach of what must hold; empty where all does."""
    return [text for check in _CHECKS for text in check(evidence)]


def _all_is_over(found: Evidence) -> Iterator[str]:
    if not found.is_settled:
        yield "it was not over in time"
    for request in found.requests:
        if request.state not in _ENDS:
            yield f"request {request.id} is {request.state}: {request.error}"
    for attempt in found.attempts:
        if not attempt.is_ended:
            yield f"attempt {attempt.id} ({attempt.panda_name}) is left {attempt.state}"
    if found.most_open > 1:
        yield f"{found.most_open} attempts of the task were open at a time"


def _the_task_is_submitted(found: Evidence) -> Iterator[str]:
    if found.status != "submitted" or found.panda_task_id is None:
        yield f"the production task is {found.status} with the id {found.panda_task_id}"
    live = [each for each in found.panda if each.is_live]
    if len(live) != 1:
        yield f"PanDA has {len(live)} live tasks for the intent: {_listed(live)}"
    elif live[0].id != found.panda_task_id:
        yield f"PanDA has the task {live[0].id}, PCS says {found.panda_task_id}"


def _what_was_announced_is_so(found: Evidence) -> Iterator[str]:
    for event in found.events:
        if event.msg_type == messages.SUBMITTED:
            yield from _submitted(found, event)
        elif event.msg_type == messages.FAILED:
            yield from _failed(found, event)


def _submitted(found: Evidence, event: Announcement) -> Iterator[str]:
    said = f"request {event.request_id} announced {event.jedi_task_id}"
    attempt = found.attempt_of(event.request_id)
    if attempt is None:
        yield f"{said} without an attempt"
        return
    live = found.live(attempt.panda_name)
    if [each.id for each in live] != [event.jedi_task_id]:
        yield f"{said}; PanDA has of {attempt.panda_name}: {_listed(live) or 'none'}"
    recorded = [row.jedi_task_id for row in found.rows if row.task_name == attempt.panda_name]
    if recorded != [event.jedi_task_id]:
        yield f"{said}; PCS has for {attempt.panda_name}: {recorded}"
    if attempt.jedi_task_id != event.jedi_task_id:
        yield f"{said}; the attempt has {attempt.jedi_task_id}"
    if event.was_recorded is False:
        yield f"{said} before PCS had it"


def _failed(found: Evidence, event: Announcement) -> Iterator[str]:
    attempt = found.attempt_of(event.request_id)
    if attempt is None:
        return  # refused at the gate: it made none
    if live := found.live(attempt.panda_name):
        said = f"request {event.request_id} announced a failure ({event.payload['reason']})"
        yield f"{said}; PanDA has of {attempt.panda_name}: {_listed(live)}"


def _one_final_event_for_each_request(found: Evidence) -> Iterator[str]:
    for request in found.requests:
        events = [each for each in found.events if each.request_id == request.id]
        finals = [each for each in events if each.is_final]
        if len(finals) != (0 if request.joined is not None else 1):
            joined = f", joined to {request.joined}" if request.joined is not None else ""
            yield f"request {request.id} ({request.state}{joined}) has {len(finals)} final events"
        elif finals and finals[0].msg_type != _ENDS.get(request.state):
            yield f"request {request.id} is {request.state} and announced {finals[0].msg_type}"
        if finals and events[-1].id != finals[-1].id:
            yield f"request {request.id} went on after its end: {events[-1].msg_type}"
    known = {request.id for request in found.requests}
    for stray in {each.request_id for each in found.events} - known:
        yield f"events name request {stray}, which is not of the task"


def _every_answer_is_right(found: Evidence) -> Iterator[str]:
    for answer in found.answers:
        if answer.status != _OK[Door(answer.door)] and not _is_conflict(found, answer):
            yield f"the {answer.door} was answered {answer.status}: {answer.text}"


def _is_conflict(found: Evidence, answer: Answer) -> bool:
    named = _HAS_ID.search(answer.text)
    is_named = named is not None and int(named[1]) == found.panda_task_id
    return answer.door == Door.BUTTON and answer.status == _CONFLICT and is_named


def _listed(tasks: Sequence[PandaTask]) -> str:
    return ", ".join(f"{each.id} {each.name} ({each.status})" for each in tasks)


_CHECKS: Final[tuple[Callable[[Evidence], Iterator[str]], ...]] = (
    _all_is_over,
    _the_task_is_submitted,
    _what_was_announced_is_so,
    _one_final_event_for_each_request,
    _every_answer_is_right,
)
