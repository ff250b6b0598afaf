"""A task as PanDA's look-up shows it, and what its status says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

WAITING = "waiting"
"""A task that was taken, and that JEDI does not know yet."""

ABORTING = frozenset({"toabort", "aborting", "aborted"})
"""A task that PanDA gave up: by command, or as the duplicate of another (commandStatusMap in
panda-server's JediTaskSpec.py; the duplicate rule as measured on server 1.0.4)."""

ENDED = frozenset({"done", "finished", "failed", "broken", "aborted"})
"""A task that does nothing any more (statusNotToPause in JediTaskSpec.py, without paused).
``exhausted`` is none of them: it waits for an operator, and ends by itself otherwise."""

LIVE = frozenset(
    {
        "waiting", "registered", "defined", "assigning", "ready", "pending", "scouting", "scouted",
        "running", "merging", "prepared", "topreprocess", "preprocessing", "staging", "throttled",
        "paused", "exhausted", "passed", "finishing", "toretry", "toincexec", "rerefine",
        "toreassign", "reassigning", "tobroken",
    }
)  # fmt: skip
"""The other statuses (setOnHold, commandStatusMap and statusToReassign in JediTaskSpec.py)."""

_SURVIVOR = re.compile(r"duplicated task\s*->\s*jediTaskID=([0-9]{1,18})")


@dataclass(frozen=True)
class PandaTask:
    """A task in PanDA's JEDI_TASKS.

    Attributes:
        name: without the slash that prun appends; None once PanDA aborted it as a duplicate.
        user_name: under which PanDA stores it.
        inputs: how many inputs it has; None where PanDA does not say.
        inputs_failed: how many of them failed for good; None where PanDA does not say.
    """

    id: int
    name: str | None
    status: str
    user_name: str | None
    created_at: datetime | None
    modified_at: datetime | None
    error_dialog: str
    inputs: int | None = None
    inputs_failed: int | None = None

    @property
    def is_ended(self) -> bool:
        """Whether it does nothing any more."""
        return self.status in ENDED

    @property
    def is_live(self) -> bool:
        """Whether it works or will: a status that nobody knows counts as such."""
        return self.status not in ENDED and self.status not in ABORTING

    @property
    def survivor_id(self) -> int | None:
        """The task that PanDA kept instead of this one, which it aborted as its duplicate."""
        found = _SURVIVOR.search(self.error_dialog)
        return int(found[1]) if found else None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of ``task/get_tasks_detailed_info_since``.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        known = {name.lower(): value for name, value in row.items()}
        name = known.get("taskname")
        return cls(
            id=int(known["jeditaskid"]),
            name=str(name).removesuffix("/") if name else None,
            status=str(known["status"]),
            user_name=known.get("username"),
            created_at=_time(known.get("creationdate")),
            modified_at=_time(known.get("modificationtime")),
            error_dialog=str(known.get("errordialog") or ""),
            inputs=_count(known.get("nfiles")),
            inputs_failed=_count(known.get("nfilesfailed")),
        )

    @classmethod
    def from_parameters(cls, id_: int, parameters: Mapping[str, Any], *, status: str) -> Self:
        """Read a task of what it was submitted with, where JEDI does not show it."""
        name, user = parameters.get("taskName"), parameters.get("userName")
        return cls(
            id=id_,
            name=str(name).removesuffix("/") if name else None,
            status=status,
            user_name=str(user) if user else None,
            created_at=None,
            modified_at=None,
            error_dialog="",
        )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    """PanDA's times are UTC without saying so, as text or as ``{"__datetime__": text}``."""
    text = value.get("__datetime__") if isinstance(value, dict) else value
    if not isinstance(text, str) or not text:
        return None
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
