"""Commands to testbeds, as REST takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from flows.common.text import Text, unkeepable
from flows.testbed.domain import CommandState, Verb
from flows.testbed.models import Command

NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.@+\-]*$"

UserName = Annotated[str, Field(max_length=85, pattern=NAME)]
Target = Annotated[str, Field(max_length=100, pattern=NAME)]


class CommandForm(BaseModel):
    """What a user's controller is to do."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb = Field(description="What to do.")
    user: UserName | None = Field(None, description="Whose testbed; null: the caller's.")
    target: Target | None = Field(
        None,
        description="Which agent of the configuration is started, stopped or restarted; null: all "
        "that it enables. For `kill`, the name of an agent's instance.",
    )
    config: Target | None = Field(
        None, description="For `start`: name of another configuration beside the controller's."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.verb is Verb.KILL and self.target is None:
            raise ValueError("kill takes a target: the name of an agent's instance")
        if self.verb is Verb.STATUS and self.target is not None:
            raise ValueError("status takes no target: it is of all agents")
        if self.config is not None and self.verb is not Verb.START:
            raise ValueError("config is for start alone")
        return self


class TakeForm(BaseModel):
    """Which controller takes a command."""

    model_config = ConfigDict(extra="forbid")

    user: UserName = Field(description="Whose controller it is.")
    taken_by: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_.\-]+:[0-9]+$")] = Field(
        description="The controller: its host and pid, as host:pid."
    )


class AnswerForm(BaseModel):
    """What came of a command."""

    model_config = ConfigDict(extra="forbid")

    taken_by: Annotated[str, Field(max_length=200)] = Field(description="As it was taken.")
    result: dict[str, Any] | None = Field(None, description="What it came to.")
    error: Annotated[Text, Field(min_length=1, max_length=5000)] | None = Field(
        None, description="Why it failed; null: it was done."
    )

    @field_validator("result")
    @classmethod
    def _can_be_kept(cls, result: dict[str, Any] | None) -> dict[str, Any] | None:
        for path, why in unkeepable(result):
            raise ValueError(f"{path} {why}")
        return result


class CommandView(BaseModel):
    """A command to a user's testbed, and what came of it.

    One that no controller took within 60 s has failed; so has one that was taken and not answered
    within 180 s.
    """

    id: int
    user: str
    verb: str
    target: str | None
    config: str | None
    requested_by: str
    requested_at: datetime
    state: CommandState
    taken_by: str | None
    ended_at: datetime | None
    result: dict[str, Any] | None
    error: str | None


class TakenView(BaseModel):
    """The command that was taken; null: none waits."""

    command: CommandView | None


def view(command: Command, at: datetime) -> CommandView:
    """A command as it stands at a time."""
    standing = command.standing(at)
    return CommandView(
        id=command.id,
        user=command.username,
        verb=command.verb,
        target=command.target,
        config=command.config,
        requested_by=command.requested_by,
        requested_at=command.requested_at,
        state=standing.state,
        taken_by=command.taken_by,
        ended_at=standing.ended_at,
        result=command.result,
        error=standing.error,
    )
