"""What can go wrong with a testbed."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import ProdOpsError
from flows.common.settings import BadSetting


class BadTestbed(BadSetting):
    """A configuration of a testbed that cannot be used: exit 2. It names the file and the key."""


class TestbedBusy(ProdOpsError):
    """Another command works on the same testbed."""


class SupervisorFailed(ProdOpsError):
    """The agents' supervisor did not start, or an answer of it was a failure."""


class AgentsNotReady(ProdOpsError):
    """Agents did not become ready in time.

    Attributes:
        reasons: Of each agent that is missing, why, in lines.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("not all agents are ready:\n" + "\n".join(reasons))
