"""The timeline of an execution, and where its parameters came from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel

_SOURCES: Final = "sources"


class Phase(StrEnum):
    """What a data-taking run does."""

    BEFORE = "before"
    """The execution has begun, and announced no run yet."""
    IMMINENT = "imminent"
    RUN = "run"
    STANDBY = "standby"
    ENDED = "ended"


_PHASES: Final = {
    "run_imminent": Phase.IMMINENT,
    "start_run": Phase.RUN,
    "pause_run": Phase.STANDBY,
    "resume_run": Phase.RUN,
    "end_run": Phase.ENDED,
}
"""The phase that each lifecycle message begins."""


class Span(BaseModel):
    """A phase, and from when to when; one that goes on has no end."""

    phase: Phase
    begin: datetime
    end: datetime | None


class Parameter(BaseModel):
    """A parameter of an execution; `source` is empty where it is not recorded."""

    section: str
    key: str
    value: Any
    source: str


def spans(
    changes: Sequence[tuple[str, datetime]], *, began: datetime, ended: datetime | None
) -> list[Span]:
    """The phases one after the other, by the lifecycle messages in order."""
    begins = [(Phase.BEFORE, began)]
    for msg_type, at in changes:
        phase = _PHASES.get(msg_type)
        if phase is not None and phase is not begins[-1][0]:
            begins.append((phase, max(at, begins[-1][1])))
    ends: list[datetime | None] = [begin for _, begin in begins[1:]]
    last = max(ended, begins[-1][1]) if ended is not None else None
    return [
        Span(phase=phase, begin=begin, end=end)
        for (phase, begin), end in zip(begins, [*ends, last], strict=True)
        if end is None or end > begin
    ]


@dataclass(frozen=True)
class Scale:
    """From when to when a drawing reaches."""

    begin: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long that is; never nothing."""
        return max((self.end - self.begin).total_seconds(), 0.001)

    def percent(self, at: datetime) -> float:
        """Where a time stands in it, in per cent of its width."""
        return round(min(max((at - self.begin).total_seconds() / self.seconds, 0), 1) * 100, 3)


def parameters_of(values: object) -> list[Parameter]:
    """The parameters of an execution's `parameter_values`, each with where it came from.

    What the original's runner has recorded names no sources, and may be of any shape.
    """
    if not isinstance(values, Mapping):
        return []
    sources = values.get(_SOURCES)
    return list(_parameters(values, sources if isinstance(sources, Mapping) else {}))


def _parameters(values: Mapping[str, Any], sources: Mapping[str, Any]) -> Iterator[Parameter]:
    for section, own in values.items():
        if section == _SOURCES and sources:
            continue
        if not isinstance(own, Mapping):
            yield Parameter(section="", key=section, value=own, source="")
            continue
        known = sources.get(section)
        for key, value in own.items():
            source = known.get(key) if isinstance(known, Mapping) else None
            yield Parameter(section=section, key=key, value=value, source=str(source or ""))
