"""Commands to users' testbeds: accepted, taken by a controller, answered.

Each function is one transaction of the caller's session, which it commits with its events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from blocks.errors import Refused
from flows.common import events
from flows.common.callers import Caller
from flows.common.database import now
from flows.testbed import domain, messages, repository
from flows.testbed.domain import HEARD, Verb
from flows.testbed.models import Command


class NoController(Refused):
    """No controller of the user is there to take a command."""


class NotTaken(Refused):
    """The controller that answers does not work on the command, or no longer."""


def accept(
    session: Session,
    caller: Caller,
    *,
    user: str,
    verb: Verb,
    target: str | None = None,
    config: str | None = None,
) -> Command:
    """Accept a command to the testbed of a user.

    Raises:
        Forbidden: The caller may not command that user's testbed.
        NoController: Nobody would take it.
    """
    caller.require_own(user, f"Commanding the testbed of {user}")
    _require_controller(session, user)
    asked = {"username": user, "verb": verb.value, "target": target, "config": config}
    command_id = repository.add(session, {**asked, "requested_by": caller.name}, caller.proof)
    command = repository.get(session, command_id)
    events.commit(session, [messages.commanded(command)])
    return command


def take(session: Session, caller: Caller, *, user: str, taken_by: str) -> Command | None:
    """Give a controller the next command to its user's testbed; None where none waits.

    Raises:
        Forbidden: The caller may not take that user's commands.
    """
    caller.require_own(user, f"Taking the commands to the testbed of {user}")
    at = now()
    abandoned = repository.fail_abandoned(session, user, taken_by, at)
    command = repository.take(session, user, taken_by, at)
    events.commit(session, [messages.ended(each, at) for each in abandoned])
    return command


def answer(
    session: Session,
    caller: Caller,
    command_id: int,
    *,
    taken_by: str,
    result: Mapping[str, Any] | None,
    error: str | None,
) -> Command:
    """Record what came of a command that the controller has taken.

    Raises:
        CommandNotFound: There is none with that id.
        Forbidden: The caller may not answer that user's commands.
        NotTaken: The controller does not work on it.
    """
    user = repository.get(session, command_id).username
    caller.require_own(user, f"Answering the commands to the testbed of {user}")
    at = now()
    command = repository.answer(
        session, command_id, taken_by=taken_by, result=result, error=error, at=at
    )
    if command is None:
        raise NotTaken(f"{taken_by} does not work on command {command_id}, or no longer")
    events.commit(session, [messages.ended(command, at)])
    return command


def _require_controller(session: Session, user: str) -> None:
    """See that the user's controller was heard not long ago."""
    found = repository.controller_of(session, user)
    if found is None or found.heard_at is None:
        raise NoController(domain.start_one(user))
    if not found.is_there or found.heard_at < now() - HEARD:
        raise NoController(f"{domain.start_one(user)} (it was heard last at {found.heard_at:%c})")
