"""The events of commands to testbeds: they wake the controller, and tell who waits of the end."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flows.common import events
from flows.common.events import NewEvent
from flows.testbed.models import Command

COMMANDED: Final = "testbed_command"
ENDED: Final = "testbed_command_ended"


def commanded(command: Command) -> NewEvent:
    """A user's testbed has a new command; the user is the event's subject."""
    return _event(COMMANDED, command)


def ended(command: Command, at: datetime) -> NewEvent:
    """A command was answered, or has failed."""
    standing = command.standing(at)
    return _event(ENDED, command, state=standing.state.value, error=standing.error)


def _event(msg_type: str, command: Command, **more: str | None) -> NewEvent:
    return events.announcement(
        msg_type,
        None,
        command.username,
        command_id=command.id,
        username=command.username,
        verb=command.verb,
        target=command.target,
        **more,
    )
