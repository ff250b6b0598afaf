"""An agent's process killed by its user's controller, for assistants.

Keys: fastmon contract section 7.4. The original says that it succeeded whatever happened.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import BaseModel, Field

from api.agents import lines
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.http.tools.waiting import Answer
from api.testbed.outcomes import WAIT_SECONDS, command_of, pending_command, success_of
from api.testbed.views import CommandView, Target, view
from blocks.errors import NotFound
from flows.agents.domain import OperationalState
from flows.common.callers import Scope
from flows.common.database import now
from flows.testbed import commands
from flows.testbed.domain import Verb

toolbox = Toolbox()

_USER: Final = re.compile(r"-agent-(?P<user>.+)-[0-9]+$")  # <kind>-agent-<user>-<number>


class NoSuchAgent(NotFound):
    """There is no agent of that name."""


class Killed(BaseModel):
    """An agent that was to be killed, and whether it was."""

    success: bool | None = Field(description="Whether it was killed; null: not known yet.")
    name: str
    pid: int | None
    hostname: str | None
    killed: bool | None = Field(description="Null: not known yet; see `command`.")
    kill_error: str | None
    old_state: str
    new_state: str
    command: CommandView


def _again(call: Call, answer: Answer) -> Answer:
    """The answer with what has come of its command."""
    return answer | _said(command_of(call, answer), answer["old_state"])


@toolbox.tool(
    "kill_agent",
    "swf_kill_agent",
    scope=Scope.REQUEST,
    is_destructive=True,
    reread=_again,
    pending=pending_command,
    wait_seconds=WAIT_SECONDS,
)
def kill_agent(call: Call, *, name: Target) -> Killed:
    """Kill the process of an agent that hangs, by the name of its instance.

    Its user's controller does it, after it has seen that the process is that agent's; a supervisor
    starts it again. To stop an agent in order, use stop_supervised_agent.
    """
    found = lines.named(call.session, [name])
    if not found:
        raise NoSuchAgent(f"There is no agent {name!r}; list_agents names them.")
    agent, user = found[0], _USER.search(name)
    whose = user["user"] if user else call.caller.name
    command = commands.accept(call.session, call.caller, user=whose, verb=Verb.KILL, target=name)
    return Killed(
        name=name,
        pid=agent.pid,
        hostname=agent.hostname,
        old_state=agent.operational_state,
        **_said(view(command, now()), agent.operational_state),
    )


def _said(command: CommandView, old_state: str) -> dict[str, Any]:
    """What is known of the kill."""
    killed = success_of(command)
    return {
        "success": killed,
        "killed": killed,
        "kill_error": command.error,
        "new_state": OperationalState.EXITED.value if killed else old_state,
        "command": command,
    }
