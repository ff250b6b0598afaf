"""What can go wrong with the stack as a whole."""

from __future__ import annotations

from blocks.errors import ProdOpsError
from flows.common.settings import BadSetting


class StateUnusable(BadSetting):
    """The state directory cannot be read or written."""


class PortInUse(BadSetting):
    """A port that a part is to listen on belongs to another process."""

    def __init__(self, *, port: int, setting: str, owner: str) -> None:
        super().__init__(f"port {port} is in use by {owner}; set {setting} to another port")


class AlreadyUp(ProdOpsError):
    """A stack with this state directory is running."""


class StackDown(ProdOpsError):
    """No stack with this state directory is running."""


class PartFailed(ProdOpsError):
    """A part of the stack did not come up."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part} did not start: {reason}")


class PartMisconfigured(PartFailed, BadSetting):
    """A part did not come up because of a setting, or of what is around it: exit 2."""


def failed_to_start(part: str, status: int, said: str) -> PartFailed:
    """The error of a part whose preparation ended with `status` and these words."""
    kind = PartMisconfigured if status == BadSetting.exit_code else PartFailed
    return kind(part, said.strip().rpartition("\n")[2])


class ShutDownByBus(ProdOpsError):
    """A message of the bus asked for the end of the stack: what starts it leaves it alone.

    Source: ops contract section 6.1.
    """

    exit_code = 100


class SupervisorLost(ProdOpsError):
    """The process that keeps the parts alive ended, and the parts with it."""


class PostgresUnusable(BadSetting):
    """No PostgreSQL programs, no user to run them, or a directory that may not be used."""
