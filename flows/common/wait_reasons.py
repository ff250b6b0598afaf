"""What keeps a worker from working on requests, as it says with its heartbeat.

The web tier asks neither Prefect nor a worker: what only they know comes to it by the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self


class WaitKind(StrEnum):
    """What a request waits for, of what the worker knows."""

    PAUSED = "paused"
    """The pool, a queue or a deployment is paused at Prefect, or has a limit of 0."""
    STOPPING = "stopping"
    """The worker stops: it hands back what it has claimed."""
    SLOTS = "slots"
    """All slots of the worker are in use."""
    KEPT = "kept"
    """The slots that are left are kept for what people wait for: background actions wait."""
    REGISTRATION = "registration"
    """Prefect refuses to register the pool or a deployment."""
    CEILING = "ceiling"
    """Only so many requests, of an action or of all, are worked on at a time."""
    RATE = "rate"
    """Only so many requests of an action are begun in a minute."""


@dataclass(frozen=True, kw_only=True)
class WaitReason:
    """One thing that keeps requests waiting.

    Attributes:
        text: What it is, in words, without its numbers where there is a limit.
        action: The action whose requests wait; None: of all.
        limit: Of a ceiling or a rate: it keeps requests waiting once so many are.
        counted: Of a ceiling that several actions share: all of them.
        since: Since when; None where that depends on the requests.
    """

    kind: WaitKind
    text: str
    action: str | None = None
    limit: int | None = None
    counted: tuple[str, ...] = ()
    since: datetime | None = None

    def row(self, age_seconds: float | None = None) -> dict[str, Any]:
        """As it is written: its age instead of its time, since clocks need not agree."""
        return {
            "kind": self.kind.value,
            "text": self.text,
            "action": self.action,
            "limit": self.limit,
            "counted": list(self.counted),
            "seconds": age_seconds,
        }

    @classmethod
    def of_row(cls, row: dict[str, Any], heard_at: datetime) -> Self:
        """As it was written by a part that was heard then.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        seconds = row["seconds"]
        return cls(
            kind=WaitKind(row["kind"]),
            text=str(row["text"]),
            action=row["action"],
            limit=row["limit"],
            counted=tuple(row.get("counted", ())),
            since=None if seconds is None else heard_at - timedelta(seconds=seconds),
        )
