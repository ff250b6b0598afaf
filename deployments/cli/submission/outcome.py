"""What a submission came to, as its events and PCS tell it, and the exit code of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.monitor_api import StreamEvent, TokenRefused
from blocks.pcs_service import Attempt, NotAllowed, PcsRefused, ProdTask, RouteMissing, TaskUnknown

_ID: Final = re.compile(r"jediTaskID (\d+)")
_FIRST_REFUSAL: Final = 400
_SUBMIT_FAILED: Final = "submit_failed"
_SUPERSEDED: Final = "superseded"


class Event(StrEnum):
    """The events of a submission."""

    PROGRESS = "prodtask_submit_progress"
    SUBMITTED = "prodtask_submitted"
    FAILED = "prodtask_submit_failed"
    UNKNOWN = "prodtask_submit_unknown"
    UNRECORDED = "prodtask_submit_unrecorded"


class Outcome(StrEnum):
    """Where a submission stands, or how it ended."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    """Accepted, and not ended when the wait was over."""
    SUBMITTED = "submitted"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNRECORDED = "unrecorded"
    UNRESOLVED = "unresolved"
    """PanDA has it, and PCS refuses its id: an operator decides."""
    REFUSED = "refused"
    NOT_SUBMITTED = "not_submitted"
    NO_SUCH_TASK = "no_such_task"
    NOT_ALLOWED = "not_allowed"
    UNREACHABLE = "unreachable"


OPEN: Final = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.UNRECORDED})
EXIT_CODES: Final = {
    Outcome.ACCEPTED: 0,
    Outcome.SUBMITTED: 0,
    Outcome.NO_SUCH_TASK: 3,
    Outcome.REFUSED: 4,
    Outcome.NOT_SUBMITTED: 4,
    Outcome.FAILED: 5,
    Outcome.PENDING: 6,
    Outcome.UNKNOWN: 6,
    Outcome.UNRECORDED: 6,
    Outcome.UNRESOLVED: 6,
    Outcome.NOT_ALLOWED: 7,
    Outcome.UNREACHABLE: 7,
}
_WORST_FIRST: Final = (6, 7, 5, 4, 3, 0)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """The exit code of several submissions: that of the one which needs most care."""
    codes = {EXIT_CODES[outcome] for outcome in outcomes}
    return next((code for code in _WORST_FIRST if code in codes), 0)


def outcome_of(error: ProdOpsError) -> Outcome:
    """What an answer of PCS, or of its stream, means for what was asked."""
    if isinstance(error, TaskUnknown):
        return Outcome.NO_SUCH_TASK
    if isinstance(error, NotAllowed | TokenRefused):
        return Outcome.NOT_ALLOWED
    if isinstance(error, OutsideUnavailable | RouteMissing):
        return Outcome.UNREACHABLE
    # Below 400 is a redirect, or what could not even be sent: at that address is no PCS.
    is_answer = isinstance(error, PcsRefused) and error.status >= _FIRST_REFUSAL
    return Outcome.REFUSED if is_answer else Outcome.UNREACHABLE


@dataclass
class Submission:
    """One task that is submitted or watched, and all that is known of it.

    Attributes:
        asked: The name as it was given.
        task_name: Stored name of the task, which events carry; empty until PCS has answered.
        attempt_id: PCS's row of the attempt; None with a PCS that keeps none.
        step_number: The step that it is at, from 1; 0 before the first.
        steps: How many there are; 0 where the event does not say.
        next_check_at: When the truth is looked for again, as the event or PCS says it.
    """

    asked: str
    outcome: Outcome = Outcome.ACCEPTED
    task_name: str = ""
    panda_name: str = ""
    request_id: int | None = None
    attempt_id: int | None = None
    step: str = ""
    step_number: int = 0
    steps: int = 0
    text: str = ""
    jedi_task_id: int | None = None
    reason: str = ""
    next_check_at: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.task_name or self.asked

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return self.outcome in OPEN

    @property
    def standing(self) -> tuple[object, ...]:
        """All that is shown when it changes."""
        return self.outcome, self.step_number, self.text, self.reason, self.next_check_at

    # -------------------------------------------------------------- how it begins

    def begin(self, task: ProdTask) -> None:
        """Take what PCS answered: from here on events and looks count."""
        self.task_name = task.name
        newest = newest_attempt(task)
        if newest is not None:
            self.attempt_id, self.panda_name = newest.id, newest.task_name
        if task.request is not None:
            self.request_id = _integer(task.request.get("id"))
            self._read_request(task.request)

    def refuse(self, error: ProdOpsError) -> None:
        """Take a refusal, or that there was no answer."""
        self.outcome = outcome_of(error)
        self.reason = str(getattr(error, "detail", "") or error)
        if found := _ID.search(self.reason):
            self.jedi_task_id = int(found[1])

    # -------------------------------------------------------------- what comes then

    def take(self, event: StreamEvent) -> None:
        """Take an event, if it is this submission's."""
        if not self.is_open or not self._is_about_this(event.data):
            return
        match event.event:
            case Event.PROGRESS:
                self.step = _text(event.data.get("step"))
                self.step_number = _integer(event.data.get("step_number")) or 0
                self.steps = _integer(event.data.get("steps")) or 0
                self.text = _text(event.data.get("text"))
                self._take_id(_integer(event.data.get("jedi_task_id")))
            case Event.SUBMITTED:
                self._end(Outcome.SUBMITTED, id_=_integer(event.data.get("jedi_task_id")))
            case Event.FAILED:
                self._end(Outcome.FAILED, reason=_text(event.data.get("reason")))
            case Event.UNKNOWN | Event.UNRECORDED:
                self._put_off(event)

    def look(self, task: ProdTask) -> None:
        """Take what PCS shows now, where an event did not come."""
        request = task.request
        if request is not None and self.request_id in {None, _integer(request.get("id"))}:
            self.request_id = _integer(request.get("id"))
            self._read_request(request)
        else:
            self._read_attempt(task)

    def end_wait(self) -> None:
        """Nobody waits any longer."""
        if self.outcome is Outcome.ACCEPTED:
            self.outcome = Outcome.PENDING

    # -------------------------------------------------------------- how it is shown

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "task": self.name,
            "outcome": self.outcome.value,
            "jedi_task_id": self.jedi_task_id,
            "panda_task_name": self.panda_name or None,
            "request_id": self.request_id,
            "reason": self.reason or None,
            "next_check_at": self.next_check_at or None,
            "seconds": round(self.seconds, 3),
        }

    def _is_about_this(self, data: Mapping[str, Any]) -> bool:
        theirs = _integer(data.get("request_id"))
        is_same = theirs is None or self.request_id is None or theirs == self.request_id
        return is_same and data.get("task_name") == self.task_name

    def _end(self, outcome: Outcome, *, id_: int | None = None, reason: str = "") -> None:
        self.outcome, self.jedi_task_id, self.reason = outcome, id_, reason
        self.next_check_at = ""

    def _take_id(self, id_: int | None) -> None:
        """PanDA has named the task: whether it has it is no longer unknown."""
        if id_ is not None and self.outcome is Outcome.UNKNOWN:
            self.outcome, self.jedi_task_id = Outcome.ACCEPTED, id_
            self.reason = self.next_check_at = ""

    def _put_off(self, event: StreamEvent) -> None:
        is_created = event.event == Event.UNRECORDED
        self.outcome = Outcome.UNRECORDED if is_created else Outcome.UNKNOWN
        self.jedi_task_id = _integer(event.data.get("jedi_task_id"))
        self.reason, self.step = _text(event.data.get("reason")), ""
        self.next_check_at = _text(event.data.get("next_check_at"))
        if event.data.get("is_final"):  # PCS refuses the id for good, and the request has ended
            self.outcome = Outcome.UNRESOLVED

    def _read_request(self, request: Mapping[str, Any]) -> None:
        state = _text(request.get("state"))
        if state == "unknown":
            # PCS cannot tell unknown from unrecorded: the event could.
            if self.outcome is not Outcome.UNRECORDED:
                self.outcome = Outcome.UNKNOWN
            self.reason = _text(request.get("error")) or self.reason
            self.next_check_at = _text(request.get("not_before"))
        elif not self.step:
            since = _text(request.get("created_at"))
            waits = f"waits for the ops side since {since}" if since else "waits for the ops side"
            self.text = waits if state == "queued" else f"the request is {state}"

    def _read_attempt(self, task: ProdTask) -> None:
        attempt = next((each for each in task.panda_tasks if each.id == self.attempt_id), None)
        if attempt is not None and attempt.metadata.get(_SUPERSEDED):
            # Another request serves the same wish: what it comes to counts.
            self.request_id, self.attempt_id = None, None
            if task.request is not None:
                self.begin(task)
                return
            attempt = newest_attempt(task)
        id_ = task.panda_task_id if attempt is None else attempt.jedi_task_id
        if id_ is not None:
            self._end(Outcome.SUBMITTED, id_=id_)
        elif attempt is not None and attempt.status_snapshot == _SUBMIT_FAILED:
            self._end(Outcome.FAILED, reason=_text(attempt.metadata.get("submit_failure")))
        elif self.request_id is not None:
            text = f"request {self.request_id} ended without a task at PanDA"
            self._end(Outcome.FAILED, reason=text)


def newest_attempt(task: ProdTask) -> Attempt | None:
    """The task's last intent to be at PanDA."""
    needed = [each for each in task.panda_tasks if not each.metadata.get(_SUPERSEDED)]
    return max(needed, key=lambda each: each.try_number, default=None)


def judge(name: str, task: ProdTask) -> Submission:
    """Where the task's newest submission stands, by what PCS shows."""
    found = Submission(name)
    found.begin(task)
    if task.request is None:
        found.outcome = Outcome.NOT_SUBMITTED
        found.reason = f"nothing of it is being submitted; it is {task.status}"
        found.look(task)
    return found


def _integer(value: Any) -> int | None:
    """An id, which events carry as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if str(value).isascii() and str(value).isdecimal() else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
