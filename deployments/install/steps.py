"""A step of an installation: one thing that is there or is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from flows.common.settings import BadSetting


class InTheWay(BadSetting):
    """Something that was there before is not what the installation needs, and is not changed."""


class Finding(StrEnum):
    """What a look at the machine says of a step."""

    DONE = "done"
    MAKE = "will make"
    CHANGE = "will change"
    REMOVE = "will remove"


class Step(ABC):
    """One thing of an installation.

    Attributes:
        takes_root: Whether only root may do it.
        is_data: Whether only `--purge` removes it.
    """

    takes_root: bool = False
    is_data: bool = True

    @property
    @abstractmethod
    def key(self) -> str:
        """What it is, in a few words; the manifest records it by them."""

    def describe(self) -> str:
        """The row of the plan."""
        return self.key

    @abstractmethod
    def look(self) -> Finding:
        """Look whether it is done; nothing is changed.

        Raises:
            InTheWay: What is there can never do.
        """

    def objection(self) -> str:
        """Why what differs is not changed if it was there before; empty: it may be."""
        return ""

    @abstractmethod
    def do(self) -> None:
        """Make it; an interrupted one can be done again."""

    def undo(self) -> None:
        """Remove it; nothing where it is gone."""
        return
