"""Commands to users' testbeds at a monitor of ours: given, taken, answered."""

from __future__ import annotations

from typing import Any, Final

from blocks.monitor_api.actions import ActionApi
from blocks.monitor_api.errors import RequestRefused

_COMMANDS: Final = "/api/testbed/commands/"
_OK: Final = 200


class CommandApi(ActionApi):
    """The commands at the monitor at one address, with one token; it raises as its base."""

    def take(self, user: str, taken_by: str) -> dict[str, Any] | None:
        """Take the next command to the user's testbed; None where none waits."""
        form = {"user": user, "taken_by": taken_by}
        command = self._object("POST", f"{_COMMANDS}take/", json=form).get("command")
        if command is not None and not isinstance(command, dict):
            raise RequestRefused(_OK, "the answer holds no command")
        return command

    def answer(
        self, command_id: int, taken_by: str, *, result: dict[str, Any] | None, error: str | None
    ) -> None:
        """Say what came of a command that was taken."""
        form = {"taken_by": taken_by, "result": result, "error": error}
        self._object("POST", f"{_COMMANDS}{command_id}/answer/", json=form)
