"""Who asks, and what they may do under the strict or the relaxed rules."""

from __future__ import annotations

from dataclasses import dataclass

from api.pcs.errors import NotOwner
from flows.common.callers import Caller, Scope


@dataclass(frozen=True)
class Actor:
    """Who asks.

    Attributes:
        caller: The caller.
        is_relaxed: Whether anyone who may request may change everything.
        source: By what way it is asked, for the requests that come of it.
    """

    caller: Caller
    is_relaxed: bool = False
    source: str = "rest"

    @property
    def name(self) -> str:
        """The user."""
        return self.caller.name

    def owns(self, created_by: str) -> bool:
        """Whether the actor may change what `created_by` made."""
        return self.is_relaxed or self.name == created_by or self.caller.may(Scope.OPERATE)

    def require_owner(self, created_by: str) -> None:
        """Let pass the owner, whoever may operate, and anyone where the rules are relaxed.

        Raises:
            NotOwner: Somebody else asks.
        """
        if not self.owns(created_by):
            raise NotOwner(self.caller, created_by)

    def require_recorder(self, created_by: str) -> None:
        """Let the owner and our services pass, which record what became of a submission.

        Raises:
            NotOwner: Somebody else asks.
        """
        if not self.caller.service:
            self.require_owner(created_by)
