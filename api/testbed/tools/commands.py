"""Users' testbeds and their agents started, stopped and killed, for assistants.

Keys: fastmon contract section 7.4.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, Field

from api.http.tools.arguments import LARGEST_ID, User
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.testbed.outcomes import outcome, success_of
from api.testbed.views import NAME, CommandView, Target, view
from flows.common.callers import Caller, Scope
from flows.common.database import now
from flows.testbed import commands, domain, repository
from flows.testbed.domain import Verb

toolbox = Toolbox()

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
    """How a command to a testbed stands, and what came of it."""
    return view(repository.get(call.session, command_id), now())


async def _follow(request: Request, caller: Caller, answer: Any) -> Any:
    """The answer with what came of its command."""
    ended = await outcome(request, caller, answer.command)
    return answer.model_copy(update=_said(ended))


@toolbox.tool(
    "start_user_testbed", "swf_start_user_testbed", scope=Scope.REQUEST, is_idempotent=True,
    follow=_follow,
)  # fmt: skip
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


@toolbox.tool(
    "stop_user_testbed", "swf_stop_user_testbed", scope=Scope.REQUEST, is_destructive=True,
    is_idempotent=True, follow=_follow,
)  # fmt: skip
def stop_user_testbed(call: Call, *, username: UserName | None = None) -> Commanded:
    """Stop all agents of a testbed, yours unless you name another's; its controller stays."""
    return Commanded(**_shown(_command(call, username, Verb.STOP)))


@toolbox.tool(
    "start_supervised_agent", "swf_start_supervised_agent", scope=Scope.REQUEST,
    is_idempotent=True, follow=_follow,
)  # fmt: skip
def start_supervised_agent(
    call: Call, *, program_name: Program, username: UserName | None = None
) -> Commanded:
    """Start one agent of a testbed, by its name in list_supervised_agents."""
    return Commanded(**_shown(_command(call, username, Verb.START, target=program_name)))


@toolbox.tool(
    "stop_supervised_agent", "swf_stop_supervised_agent", scope=Scope.REQUEST, is_destructive=True,
    is_idempotent=True, follow=_follow,
)  # fmt: skip
def stop_supervised_agent(
    call: Call, *, program_name: Program, username: UserName | None = None
) -> Commanded:
    """Stop one agent of a testbed, by its name in list_supervised_agents."""
    return Commanded(**_shown(_command(call, username, Verb.STOP, target=program_name)))


@toolbox.tool(
    "restart_supervised_agent", "swf_restart_supervised_agent", scope=Scope.REQUEST,
    is_destructive=True, follow=_follow,
)  # fmt: skip
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
