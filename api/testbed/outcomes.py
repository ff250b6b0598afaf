"""What comes of a command to a testbed."""

from __future__ import annotations

from typing import Final

from api.http.tools.calls import Call
from api.http.tools.waiting import Answer, Pending
from api.testbed.views import CommandView, view
from flows.common.database import now
from flows.testbed import repository
from flows.testbed.domain import CommandState, is_unanswered

WAIT_SECONDS: Final = 10.0
"""How long a command's outcome is waited for: the original's, for its controller's answer."""
_ENDED: Final = frozenset({CommandState.DONE, CommandState.FAILED})


def pending_command(answer: Answer) -> Pending | None:
    """The command that is answered about, until it has ended."""
    command = answer["command"]
    return None if command["state"] in _ENDED else Pending(command["user"])


def command_of(call: Call, answer: Answer) -> CommandView:
    """The command that is answered about, as it stands now."""
    return view(repository.get(call.session, answer["command"]["id"]), now())


def success_of(command: CommandView) -> bool | None:
    """Whether it was done; None where that is not known, or not yet."""
    if command.state is CommandState.DONE:
        return True
    if command.state is not CommandState.FAILED:
        return None
    return None if is_unanswered(command.error, command.taken_by) else False
