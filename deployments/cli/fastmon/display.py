"""How the fast-monitoring client shows events and counts them; pure, and robust to odd messages.

Lines and summary follow the original client: fast-monitoring contract §6.3, §6.4.
"""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from blocks.monitor_api import StreamEvent
from deployments.cli.text import clock_time, printable

TF_EVENT = "tf_file_registered"
_COLOURS = {
    "registered": typer.colors.BRIGHT_GREEN,
    "processing": typer.colors.BRIGHT_YELLOW,
    "processed": typer.colors.BRIGHT_BLUE,
    "failed": typer.colors.BRIGHT_RED,
    "done": typer.colors.BRIGHT_MAGENTA,
}
_UNITS = ((1024**4, "TB"), (1024**3, "GB"), (1024**2, "MB"), (1024, "KB"))


def line_of(event: StreamEvent) -> str:
    """Make the line that shows an event; colours are left out where no terminal reads them."""
    data = event.data
    time = _time_of(data)
    if event.event == "connected":
        return f"[{time}] Connected, client {_text(data.get('client_id'))}"
    if event.event != TF_EVENT:
        run = run_of(data)
        where = f" | Run: {run}" if run else ""
        return f"[{time}] Other message: {_text(event.event)}{where}"
    return (
        f"[{time}] TF: {_text(data.get('tf_filename')):<25}"
        f" | Size: {human_size(size_of(data)):>8}"
        f" | STF: {_text(data.get('stf_filename')):<20}"
        f" | Run: {run_of(data) or '-':>4}"
        f" | Status: {_status(data.get('status'))}"
    )


def _time_of(data: dict[str, Any]) -> str:
    """Time of day of a message; now where it has none: other agents may write anything."""
    time = clock_time(str(data.get("timestamp")))
    return time or f"{datetime.now(UTC):%H:%M:%S}"


def human_size(size_bytes: float | None) -> str:
    """Write a size as the original does: ``12.3MB``, ``17B``; ``-`` where there is none."""
    if size_bytes is None:
        return "-"
    for unit_bytes, unit in _UNITS:
        if size_bytes > unit_bytes:
            return f"{size_bytes / unit_bytes:.1f}{unit}"
    return f"{size_bytes:.0f}B"


def size_of(data: dict[str, Any]) -> float | None:
    """Give a message's size in bytes, or None where it is not a number that a file can have."""
    size = data.get("file_size_bytes")
    if isinstance(size, bool) or not isinstance(size, (int, float)):
        return None
    return size if math.isfinite(size) and size >= 0 else None


def run_of(data: dict[str, Any]) -> str | None:
    """Give a message's run as text: some agents send it as a number, some under its other name."""
    run = data.get("run_number")
    run = data.get("run_id") if run is None else run
    return None if run is None else _text(run)


@dataclass
class Tally:
    """What came since the client was started, by run; None: of a message that names none."""

    started: datetime
    tf_files: Counter[str | None] = field(default_factory=Counter)
    size_bytes: dict[str | None, float] = field(default_factory=lambda: defaultdict(float))

    def count(self, event: StreamEvent) -> None:
        """Add an event; only TF files count."""
        if event.event != TF_EVENT:
            return
        run = run_of(event.data)
        self.tf_files[run] += 1
        self.size_bytes[run] += size_of(event.data) or 0.0

    def summary(self, now: datetime) -> Iterator[str]:
        """Give the lines that end a session."""
        runs = sorted((run for run in self.tf_files if run is not None), key=_run_order)
        yield f"Uptime: {timedelta(seconds=round((now - self.started).total_seconds()))}"
        yield f"TF Files Received: {self.tf_files.total()}"
        yield f"Total Data Size: {_megabytes(sum(self.size_bytes.values()))}"
        yield f"Active Runs: {len(runs)}"
        if runs:
            yield "Run Statistics:"
        for run in runs:
            size = _megabytes(self.size_bytes[run])
            yield f"  Run {run}: {self.tf_files[run]} TF files, {size}"


def _run_order(run: str) -> tuple[int, str]:
    # As numbers without parsing them, so that any text has its place.
    return len(run), run


def _megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1024**2:.2f} MB"


def _status(status: Any) -> str:
    text = f"{_text(status):<10}"
    colour = None if "NO_COLOR" in os.environ else _COLOURS.get(str(status))
    return typer.style(text, fg=colour) if colour else text


def _text(value: Any) -> str:
    """Write a value for a terminal: a message must not be able to send it control sequences."""
    return printable("-" if value is None else str(value))
