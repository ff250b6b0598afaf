"""What `prodops status` shows: a row per part, from supervisord and from the parts' logs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Any

from deployments.sandbox.broker.programs import version_of_broker
from deployments.sandbox.grid.programs import version_of
from deployments.stack import postgres
from deployments.stack.control import Control, PartState
from deployments.stack.errors import PostgresUnusable, StackDown
from deployments.stack.layout import Layout
from deployments.stack.logs import last_error, last_lines, last_words
from deployments.stack.parts import BROKER, GRID, NAMES
from deployments.stack.watch import Kind, parse
from flows.common.settings import Settings

_RECENT_LINES = 400
_TIME = re.compile(r"^(\S+ \S+),\d+ ")


class Health(StrEnum):
    """The stack as a whole."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One part: what it does, and what last went wrong with it."""

    part: str
    state: str
    pid: int | None
    since: datetime | None
    version: str
    last_error: str | None

    def as_json(self) -> dict[str, Any]:
        """The row as JSON holds it; the time in ISO 8601, UTC."""
        return vars(self) | {"since": self.since.isoformat() if self.since else None}


@dataclass(frozen=True)
class Overview:
    """The whole stack."""

    health: Health
    rows: tuple[Row, ...]


def overview(settings: Settings) -> Overview:
    """Look at the stack of these settings; of one that is down there are no rows."""
    layout = Layout(settings.stack.state_dir)
    try:
        states = Control(layout).states()
    except StackDown:
        return Overview(Health.DOWN, ())
    endings = _last_endings(layout)
    in_order = sorted(states, key=lambda state: NAMES.index(state.name))
    rows = tuple(_row(settings, layout, state, endings) for state in in_order)
    is_whole = all(state.is_running for state in states)
    return Overview(Health.UP if is_whole else Health.DEGRADED, rows)


def _row(settings: Settings, layout: Layout, state: PartState, endings: dict[str, str]) -> Row:
    log = layout.log(state.name)
    said = None if state.is_running else last_words(log)
    return Row(
        part=state.name,
        state=state.state.lower(),
        pid=state.pid,
        since=state.since,
        version=_version(state.name, settings),
        # an error that it logged, else what it said before it ended, else how it last ended
        last_error=last_error(log) or said or endings.get(state.name),
    )


def _version(part: str, settings: Settings) -> str:
    if part == "postgres":
        try:
            return postgres.instance_of(settings).binaries.version
        except PostgresUnusable:
            return "?"
    if part in GRID:
        return version_of(part) or "?"
    if part == BROKER:
        return version_of_broker() or "?"
    return version("prefect" if part == "prefect" else "epic-prodops")


def _last_endings(layout: Layout) -> dict[str, str]:
    """How each part's process last ended by itself, with the time, in supervisord's words."""
    endings = {}
    for line in last_lines(layout.supervisor_log, _RECENT_LINES):
        happening = parse(line)
        if happening and happening.kind is Kind.ENDED:
            moment = _TIME.match(line)
            at = f" at {moment[1]}" if moment else ""
            endings[happening.part] = f"ended{at}: {happening.detail}"
    return endings
