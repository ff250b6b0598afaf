"""What can go wrong with the stack as a whole."""

from __future__ import annotations

from blocks.errors import ProdOpsError
from flows.common.settings import BadSetting


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


class SupervisorLost(ProdOpsError):
    """The process that keeps the parts alive ended, and the parts with it."""


class PostgresUnusable(BadSetting):
    """No PostgreSQL programs, no user to run them, or a directory that may not be used."""
