"""The events of commands to testbeds: they wake the controller, and tell who waits of the end."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from flows.common import events
from flows.common.events import NewEvent
from flows.common.messages import Announcement, msg_type_of
from flows.testbed.domain import CommandState, Verb
from flows.testbed.models import Command


class CommandMessage(Announcement):
    """What every message about a command to a testbed says."""

    SUBJECT: ClassVar = "`username`"

    command_id: int = Field(description="The command.", examples=[12])
    username: str = Field(description="Whose testbed it is for.", examples=["anna"])
    verb: Verb = Field(description="What is to be done.")
    target: str | None = Field(
        description="With which agent; null: with all that are enabled.", examples=["data"]
    )


class Commanded(CommandMessage):
    """A user's testbed has a new command, which wakes the user's controller."""

    msg_type: Literal["testbed_command"]


class CommandEnded(CommandMessage):
    """A controller has answered a command, or is gone."""

    msg_type: Literal["testbed_command_ended"]
    state: CommandState = Field(description="`done` or `failed`.")
    error: str | None = Field(description="Why it failed; null: it was done.", examples=[None])


EVENTS = (Commanded, CommandEnded)

COMMANDED: Final = msg_type_of(Commanded)
ENDED: Final = msg_type_of(CommandEnded)


def commanded(command: Command) -> NewEvent:
    """A user's testbed has a new command; the user is the event's subject."""
    return _event(Commanded, command)


def ended(command: Command, at: datetime) -> NewEvent:
    """A command was answered, or has failed."""
    standing = command.standing(at)
    return _event(CommandEnded, command, state=standing.state, error=standing.error)


def _event(form: type[CommandMessage], command: Command, **more: Any) -> NewEvent:
    return events.announcement(
        form,
        None,
        command.username,
        command_id=command.id,
        username=command.username,
        verb=command.verb,
        target=command.target,
        **more,
    )
