"""What a worker and its guardian say to each other: a JSON object a line, over a socket pair."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from blocks.outside_calls import CallRow

COMPLETED_EXIT: Final = 40
"""Exit code of a run that Prefect has accepted as completed: nobody has to ask it.

Not 0, with which a process may also end that a library, or the flow itself, made exit.
"""


class Intent(StrEnum):
    """Why a run is stopped; the words are those of Prefect's engine."""

    CANCEL = "cancel"
    """Somebody cancelled it: the engine may say so."""
    RESCHEDULE = "reschedule"
    """It ran out of time, or its worker drains: the engine says nothing, the worker does."""


class EndReason(StrEnum):
    """Why a run's process ended."""

    EXITED = "exited"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Start:
    """Start a flow run in a fresh warm process.

    `nice`: by how much it leaves the processor to others.
    """

    run: str
    flow_run: dict[str, Any]
    entrypoint: str
    request_id: int
    attempt: int
    timeout_seconds: float
    grace_seconds: float
    nice: int = 0


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Stop a run: its intent, SIGTERM, and SIGKILL to its whole session after the grace."""

    run: str
    intent: Intent
    grace_seconds: float


@dataclass(frozen=True, kw_only=True)
class Started:
    """A run has its process, which leads its own session."""

    run: str
    pid: int


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run's process has ended, and nothing of its session is left.

    `calls`: what it asked of outside services.
    """

    run: str
    reason: EndReason
    exit_code: int
    calls: Sequence[CallRow] = ()

    @property
    def is_completed(self) -> bool:
        """Whether Prefect has accepted the run as completed, for certain."""
        return self.reason is EndReason.EXITED and self.exit_code == COMPLETED_EXIT


@dataclass(frozen=True, kw_only=True)
class Ping:
    """Answer with a `Pong`, in turn with everything else."""


@dataclass(frozen=True, kw_only=True)
class Pong:
    """The guardian does its work."""


_KINDS = {kind.__name__: kind for kind in (Start, Stop, Started, Ended, Ping, Pong)}
Message = Start | Stop | Started | Ended | Ping | Pong


def encode(message: Message) -> bytes:
    """The message as a line."""
    return json.dumps({"kind": type(message).__name__, **asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message in a line."""
    fields = json.loads(line)
    kind = _KINDS[fields.pop("kind")]
    if kind is Stop:
        fields["intent"] = Intent(fields["intent"])
    if kind is Ended:
        fields["reason"] = EndReason(fields["reason"])
        fields["calls"] = tuple(CallRow(*row) for row in fields["calls"])
    return kind(**fields)
