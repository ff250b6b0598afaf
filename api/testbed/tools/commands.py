"""Users' testbeds and their agents started, stopped and killed, for assistants.

Keys: fastmon contract section 7.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from api.http.tools.arguments import LARGEST_ID, User
from api.http.tools.calls import Call
from api.http.tools.declaration import Function, Toolbox
from api.http.tools.waiting import Answer
from api.testbed.outcomes import WAIT_SECONDS, command_of, pending_command, success_of
from api.testbed.views import NAME, CommandView, Target, view
from flows.common.callers import Scope
from flows.common.database import now
from flows.testbed import commands, domain, repository
from flows.testbed.domain import Verb

toolbox = Toolbox(
    advice={
        repository.CommandNotFound: "What a tool commands a testbed has its number in the answer."
    }
)

_NOT_YET: Final = "The controller has not answered yet: get_testbed_command tells when it has."
UserName = Annotated[User, Field(pattern=NAME)]
Program = Annotated[Target, Field(description="Its name in the testbed's configuration.")]
CommandId = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Commanded(BaseModel):
    """A command to a user's testbed, and what came of it within ten seconds."""

    success: bool | None = Field(description="Whether it was done; null: that is not known yet.")
    message: str
    username: str
    control_queue: str
    note: str
    error: str | None
    command: CommandView


class TestbedStarted(Commanded):
    """A testbed whose start was asked for."""

    config: str


@toolbox.tool("get_testbed_command", "swf_get_testbed_command")
def get_testbed_command(call: Call, *, command_id: CommandId) -> CommandView:
    """How a command to a testbed stands, and what came of it.

    Use it for a command that was not answered yet; how the testbed is, get_testbed_status says.
    """
    return view(repository.get(call.session, command_id), now())


def _again(call: Call, answer: Answer) -> Answer:
    """The answer with what has come of its command."""
    return answer | _said(command_of(call, answer))


def _command_tool(
    name: str, *, is_destructive: bool = False, is_idempotent: bool = False
) -> Callable[[Function], Function]:
    """Declare a tool that gives a testbed's controller a command, and waits for its answer."""
    return toolbox.tool(
        name,
        f"swf_{name}",
        scope=Scope.REQUEST,
        reread=_again,
        pending=pending_command,
        wait_seconds=WAIT_SECONDS,
        is_destructive=is_destructive,
        is_idempotent=is_idempotent,
    )


@_command_tool("start_user_testbed", is_idempotent=True)
def start_user_testbed(
    call: Call, *, username: UserName | None = None, config_name: Target | None = None
) -> TestbedStarted:
    """Start all agents of a testbed, yours unless you name another's, by its configuration.

    It takes that the user's controller runs (check_agent_manager). It starts no workflow: for
    that, use start_workflow.
    """
    command = _command(call, username, Verb.START, config=config_name)
    config = config_name or "the controller's own"
    return TestbedStarted(**_shown(command), config=config)


@_command_tool("stop_user_testbed", is_destructive=True, is_idempotent=True)
def stop_user_testbed(call: Call, *, username: UserName | None = None) -> Commanded:
    """Stop all agents of a testbed, yours unless you name another's; its controller stays.

    Use it once nobody works with them any more. For one of them, use stop_supervised_agent; for a
    workflow that runs on them, stop_workflow first.
    """
    return Commanded(**_shown(_command(call, username, Verb.STOP)))


@_command_tool("start_supervised_agent", is_idempotent=True)
def start_supervised_agent(
    call: Call, *, program_name: Program, username: UserName | None = None
) -> Commanded:
    """Start one agent of a testbed, by its name in list_supervised_agents."""
    return Commanded(**_shown(_command(call, username, Verb.START, target=program_name)))


@_command_tool("stop_supervised_agent", is_destructive=True, is_idempotent=True)
def stop_supervised_agent(
    call: Call, *, program_name: Program, username: UserName | None = None
) -> Commanded:
    """Stop one agent of a testbed, by its name in list_supervised_agents."""
    return Commanded(**_shown(_command(call, username, Verb.STOP, target=program_name)))


@_command_tool("restart_supervised_agent", is_destructive=True)
def restart_supervised_agent(
    call: Call, *, program_name: Program, username: UserName | None = None
) -> Commanded:
    """Stop and start one agent of a testbed, by its name in list_supervised_agents."""
    return Commanded(**_shown(_command(call, username, Verb.RESTART, target=program_name)))


def _command(
    call: Call, user: str | None, verb: Verb, *, target: str | None = None,
    config: str | None = None,
) -> CommandView:  # fmt: skip
    whose = user or call.caller.name
    command = commands.accept(
        call.session, call.caller, user=whose, verb=verb, target=target, config=config
    )
    return view(command, now())


def _shown(command: CommandView) -> dict[str, Any]:
    what = "all agents" if command.target is None else command.target
    return {
        "message": f"The controller of {command.user} was asked to {command.verb} {what}.",
        "username": command.user,
        "control_queue": domain.control_queue(command.user),
        **_said(command),
    }


def _said(command: CommandView) -> dict[str, Any]:
    """What is known of the command's outcome."""
    success = success_of(command)
    return {
        "success": success,
        "note": _NOT_YET if success is None else "get_testbed_status tells how the agents are.",
        "error": command.error,
        "command": command,
    }
