"""Who asks, and what they may do under the strict or the relaxed rules."""

from __future__ import annotations

from dataclasses import dataclass

from api.pcs.errors import NotOwner


@dataclass(frozen=True)
class Actor:
    """Who asks.

    Attributes:
        name: The user.
        is_service: Whether a service of ours asks, for the user or for itself.
        is_relaxed: Whether anyone who may write may change everything.
    """

    name: str
    is_service: bool = False
    is_relaxed: bool = False

    def require_owner(self, created_by: str) -> None:
        """Let nobody but the owner pass, unless the rules are relaxed.

        Raises:
            NotOwner: Somebody else asks.
        """
        if self.name != created_by and not self.is_relaxed:
            raise NotOwner

    def require_recorder(self, created_by: str) -> None:
        """Let the owner and our services pass, which record what became of a submission.

        Raises:
            NotOwner: Somebody else asks.
        """
        if not self.is_service:
            self.require_owner(created_by)
