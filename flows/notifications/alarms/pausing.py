"""Pausing the task that an alarm is about, as the author of its rule asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from blocks.errors import Forbidden, Invalid, Refused
from flows.common import access, actions, requests
from flows.common.callers import Caller, Means
from flows.notifications.alarms.conditions import Finding

SOURCE = "alarm"
"""The source of what was asked for because of an alarm."""
_OPERATION = "panda_task_operation"


@dataclass(frozen=True)
class Taken:
    """What was done because of an alarm, in words, and the request that does it."""

    text: str = ""
    request_id: int | None = None


def pause(session: Session, finding: Finding, *, author: str) -> Taken:
    """Ask for the pause of a task, with the scopes that the rule's author has now.

    The action itself looks at who may, and verifies at PanDA that the task is paused.
    """
    caller = Caller(author, Means.TOKEN, access.scopes_of(session, author))
    action = actions.get(_OPERATION)
    wish = {
        "operation": "pause",
        "jedi_task_id": finding.jedi_task_id,
        "task_name": finding.about,
        "reason": f"alarm: {finding.text}"[:1000],
    }
    try:
        accepted = requests.accept(
            session, action, action.parse(wish), caller=caller, source=SOURCE
        )
    except (Forbidden, Refused, Invalid) as error:
        return Taken(f"it is not paused: {error}")
    return Taken(f"its pause was asked for: request {accepted.id}", accepted.id)
